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

/* To be loaded together with the machine's section: routes refer to its trunks, spans and groups.
 */
static inline struct conf_section dialplan_section(struct dialplan_tables *into)
{
	return (struct conf_section){ &dialplan_schema, into, dialplan_check };
}

#endif
