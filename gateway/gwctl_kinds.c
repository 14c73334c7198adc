/* SPDX-License-Identifier: GPL-2.0-only */
/* What the tables hold, as the command line sees it: which option is which key. */
#include "gateway/gwctl_private.h"

static const struct gwctl_key no_keys[] = { { 0 } };
static const struct gwctl_key route_keys[] = {
	{ "--pattern", "pattern", GWCTL_TEXT },
	{ "--usage", "usages", GWCTL_LIST },
	{ "--gateway", "gateways", GWCTL_GATEWAYS },
	{ "--priority", "priority", GWCTL_INTEGER },
	{ "--selection", "selection", GWCTL_TEXT },
	{ "--emergency", "emergency", GWCTL_SWITCH },
	{ "--suppress-caller-id", "suppress-caller-id", GWCTL_SWITCH },
	{ "--alternate-caller-id", "alternate-caller-id", GWCTL_TEXT },
	{ "--description", "description", GWCTL_TEXT },
	{ 0 },
};
static const struct gwctl_key policy_keys[] = { { "--usage", "usages", GWCTL_LIST }, { 0 } };
static const struct gwctl_key gateway_keys[] = {
	{ "--member", "members", GWCTL_LIST },
	{ "--description", "description", GWCTL_TEXT },
	{ 0 },
};
static const struct gwctl_key rule_keys[] = {
	{ "--pattern", "pattern", GWCTL_TEXT },
	{ "--becomes", "translation", GWCTL_RESULT },
	{ "--type", "type", GWCTL_TEXT },
	{ "--plan", "plan", GWCTL_TEXT },
	{ "--match-type", "match-type", GWCTL_TEXT },
	{ "--description", "description", GWCTL_TEXT },
	{ 0 },
};

const struct gwctl_kind gwctl_routes = {
	.table = "routes",
	.what = "route",
	.keys = route_keys,
	.headings = "ROUTE PATTERN USAGES GATEWAYS >PRIORITY SELECTION EMERGENCY DESCRIPTION",
	.columns = "pattern usages gateways priority selection emergency description",
};
const struct gwctl_kind gwctl_usages = {
	.table = "usages",
	.what = "usage",
	.keys = no_keys,
	.headings = "USAGE",
	.columns = "",
};
const struct gwctl_kind gwctl_policies = {
	.table = "policies",
	.what = "policy",
	.keys = policy_keys,
	.headings = "POLICY USAGES",
	.columns = "usages",
};
const struct gwctl_kind gwctl_gateways = {
	.table = "gateways",
	.what = "gateway",
	.keys = gateway_keys,
	.headings = "GATEWAY MEMBERS DESCRIPTION",
	.columns = "members description",
};
const struct gwctl_kind gwctl_rules = {
	.table = "rules",
	.what = "rule",
	.keys = rule_keys,
	.has_parent = true,
	.headings = "RULE PATTERN BECOMES TYPE MATCH_TYPE DESCRIPTION",
	.columns = "pattern translation type match-type description",
};
const struct gwctl_kind gwctl_translation_rules = {
	.table = "translation-rules",
	.what = "rule",
	.keys = rule_keys,
	.has_parent = true,
	.headings = "RULE PATTERN BECOMES TYPE MATCH_TYPE DESCRIPTION",
	.columns = "pattern translation type match-type description",
};
const struct gwctl_kind gwctl_dial_plans = {
	.table = "dial-plans",
	.what = "dial plan",
	.keys = no_keys,
	.rules = &gwctl_rules,
	.headings = "DIAL_PLAN >RULES",
	.columns = "",
};
const struct gwctl_kind gwctl_translations = {
	.table = "translations",
	.what = "translation",
	.keys = no_keys,
	.rules = &gwctl_translation_rules,
	.headings = "TRANSLATION >RULES",
	.columns = "",
};
