/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GATEWAY_GWCTL_KINDS_H
#define GATEWAY_GWCTL_KINDS_H

/* The kinds of tables as rows, of which gwctl's table commands are made (gwctl_kinds.c). */

#include "gateway/gwctl_private.h"

enum gwctl_form {
	GWCTL_TEXT,
	GWCTL_RESULT, /* a text that may be empty */
	GWCTL_INTEGER,
	GWCTL_SWITCH, /* yes or no */
	GWCTL_LIST,
	GWCTL_GATEWAYS, /* NAME or NAME:WEIGHT */
};
struct gwctl_key {
	const char *option, *key;
	enum gwctl_form form;
};
struct gwctl_kind {
	const char *table;                /* of the API: "dial-plans" */
	const char *what;                 /* in sentences: "dial plan" */
	const struct gwctl_key *keys;     /* ends with a NULL option */
	const struct gwctl_kind *rules;   /* of its own; NULL: it has none */
	const struct dialplan_body *body; /* the schema of its keys, for their defaults */
	bool has_parent;
	const char *headings;
	const char *columns; /* keys of the body, behind the name, in the headings' order */
};
/* "NAME" or "NAME:WEIGHT" as the API has it. */
json_t *gwctl_weighted(const char *value);
/* Puts the lists into `body` that --add-… and --remove-… change, as the object at `path` has them;
 * *revision: as of when. GWCTL_DONE also when there is nothing of the kind. */
int gwctl_edit_lists(struct gwctl *g, const struct gwctl_kind *kind, const char *path, json_t *body,
		     json_int_t *revision);
/* What a key is when it is not set, as it would be written; NULL: nothing. */
const char *gwctl_default_of(const struct gwctl_kind *kind, const char *key);
extern const struct gwctl_kind gwctl_routes, gwctl_usages, gwctl_policies, gwctl_gateways,
	gwctl_dial_plans, gwctl_translations, gwctl_rules, gwctl_translation_rules;

#endif
