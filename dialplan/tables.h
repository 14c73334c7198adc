/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef DIALPLAN_TABLES_H
#define DIALPLAN_TABLES_H

/* The dial plan as administrators write it: what YAML (and later the store) holds, before it is
 * compiled. The words and their meaning are Lync's / Skype for Business's, so that tables migrate
 * one to one. Everything is owned by struct dialplan_tables.
 *
 * Thread: filled by the loading one; not changed after that, so that any may read it. */

#include "base/party.h"
#include "conf/machine.h"

#include <stdbool.h>
#include <stddef.h>

/* One normalization or translation rule: .NET-style regular expression and replacement; first match
 * wins. */
struct dp_rule {
	char *name;
	struct conf_place place;
	char *pattern;
	char *translation;      /* $1 ${1} ${name} $$ $0 $& */
	int type;               /* enum number_type that the result gets, -1: by its form ("+": international) */
	int plan;               /* enum number_plan, -1: ISDN */
	int match_type;         /* only numbers that came with this type of number; -1: any */
	char *description;
};

/* dial-plans: (normalization) and translations: are both named lists of rules. */
struct dp_ruleset {
	char *name;
	struct conf_place place;
	struct dp_rule *rules;
	size_t rule_count;
};

/* policies: voice policies, an ordered list of PSTN usages. */
struct dp_policy {
	char *name;
	struct conf_place place;
	char **usages;
	size_t usage_count;
};

enum dp_selection { DP_ORDERED, DP_ROUND_ROBIN, DP_WEIGHTED };

struct dp_gateway_ref {
	char *name;             /* a trunk, a span, or a span's group */
	unsigned weight;        /* default 1 */
	struct conf_place place;
};

struct dp_route {
	char *name;
	struct conf_place place;
	char *pattern;
	char **usages;
	size_t usage_count;
	struct dp_gateway_ref *gateways;
	size_t gateway_count;
	int priority;           /* lowest first */
	enum dp_selection selection;
	bool emergency;         /* needs no policy, comes before everything */
	bool suppress_caller_id;
	char *alternate_caller_id;
	char *description;
};

/* gateways: names of the administrator's for trunks, spans and groups of gateway.yaml, so that routes
 * stay as they are when a line moves. */
struct dp_gateway {
	char *name;
	struct conf_place place;
	char **members;
	size_t member_count;
	char *description;
};

struct dialplan_tables {
	struct dp_ruleset *dial_plans;
	size_t dial_plan_count;
	struct dp_ruleset *translations;
	size_t translation_count;
	char **usages;          /* ordered, all that exist */
	size_t usage_count;
	struct dp_policy *policies;
	size_t policy_count;
	struct dp_route *routes;
	size_t route_count;
	struct dp_gateway *gateways;
	size_t gateway_count;
};

#endif
