/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef DIALPLAN_SCHEMA_H
#define DIALPLAN_SCHEMA_H

/* The tables of tables.h as sections of gateway.yaml: dial-plans, translations, usages, policies,
 * routes, gateways. Thread: any. */

#include "conf/schema.h"
#include "dialplan/tables.h"

/* conf_free(&dialplan_schema, &tables) releases what was loaded. */
extern const struct schema dialplan_schema;
/* Patterns, translations and names that are there twice, each at its place in the file. */
void dialplan_check(struct conf_document *document, void *into);

/* One object by itself, as stores keep it: its keys without its name, and for dial plans and
 * translations without their rules. For conf_load_body(). */
struct dialplan_body {
	const struct schema *schema;
	void (*check)(struct conf_document *document, void *into); /* patterns and the like; or NULL */
};
struct dp_usage {
	char *name;
};
extern const struct dialplan_body dialplan_dial_plan_body;        /* struct dp_ruleset */
extern const struct dialplan_body dialplan_rule_body;             /* struct dp_rule */
extern const struct dialplan_body dialplan_translation_body;      /* struct dp_ruleset */
extern const struct dialplan_body dialplan_translation_rule_body; /* struct dp_rule */
extern const struct dialplan_body dialplan_usage_body;            /* struct dp_usage */
extern const struct dialplan_body dialplan_policy_body;           /* struct dp_policy */
extern const struct dialplan_body dialplan_route_body;            /* struct dp_route */
extern const struct dialplan_body dialplan_gateway_body;          /* struct dp_gateway */

/* To be loaded together with the machine's section: routes refer to its trunks, spans and groups.
 */
static inline struct conf_section dialplan_section(struct dialplan_tables *into)
{
	return (struct conf_section){ &dialplan_schema, into, dialplan_check };
}

#endif
