/* SPDX-License-Identifier: GPL-2.0-only */
/* What the tables hold, as the command line sees it: which option is which key. */
#include "gateway/gwctl_kinds.h"

#include "conf/schema.h"
#include "dialplan/schema.h"

#include <string.h>

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

const char *gwctl_default_of(const struct gwctl_kind *kind, const char *key)
{
	for (const struct schema_field *field = kind->body->schema->fields; field->key; field++)
		if (strcmp(field->key, key) == 0)
			return field->type == SCHEMA_BOOL && field->initial ? "no" : field->initial;
	return NULL;
}

const struct gwctl_kind gwctl_routes = {
	.table = "routes",
	.what = "route",
	.keys = route_keys,
	.body = &dialplan_route_body,
	.headings = "ROUTE PATTERN USAGES GATEWAYS >PRIORITY SELECTION EMERGENCY DESCRIPTION",
	.columns = "pattern usages gateways priority selection emergency description",
};
const struct gwctl_kind gwctl_usages = {
	.table = "usages",
	.what = "usage",
	.keys = no_keys,
	.body = &dialplan_usage_body,
	.headings = "USAGE POLICIES ROUTES",
	.columns = "",
};
const struct gwctl_kind gwctl_policies = {
	.table = "policies",
	.what = "policy",
	.keys = policy_keys,
	.body = &dialplan_policy_body,
	.headings = "POLICY USAGES",
	.columns = "usages",
};
const struct gwctl_kind gwctl_gateways = {
	.table = "gateways",
	.what = "gateway",
	.keys = gateway_keys,
	.body = &dialplan_gateway_body,
	.headings = "GATEWAY MEMBERS DESCRIPTION",
	.columns = "members description",
};
const struct gwctl_kind gwctl_rules = {
	.table = "rules",
	.what = "rule",
	.keys = rule_keys,
	.has_parent = true,
	.body = &dialplan_rule_body,
	.headings = "RULE PATTERN BECOMES TYPE MATCH_TYPE DESCRIPTION",
	.columns = "pattern translation type match-type description",
};
const struct gwctl_kind gwctl_translation_rules = {
	.table = "translation-rules",
	.what = "rule",
	.keys = rule_keys,
	.has_parent = true,
	.body = &dialplan_translation_rule_body,
	.headings = "RULE PATTERN BECOMES TYPE MATCH_TYPE DESCRIPTION",
	.columns = "pattern translation type match-type description",
};
const struct gwctl_kind gwctl_dial_plans = {
	.table = "dial-plans",
	.what = "dial plan",
	.keys = no_keys,
	.rules = &gwctl_rules,
	.body = &dialplan_dial_plan_body,
	.headings = "DIAL_PLAN >RULES",
	.columns = "",
};
const struct gwctl_kind gwctl_translations = {
	.table = "translations",
	.what = "translation",
	.keys = no_keys,
	.rules = &gwctl_translation_rules,
	.body = &dialplan_translation_body,
	.headings = "TRANSLATION >RULES",
	.columns = "",
};
