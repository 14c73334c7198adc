/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CONF_DOCUMENT_PRIVATE_H
#define CONF_DOCUMENT_PRIVATE_H

/* What the files of the engine share: a document's faults, places, names and references. */

#include "conf/node.h"
#include "conf/schema.h"
#include "conf/suggest.h"

#define WHY_TEXT 400

/* ---- document.c ---- */

struct conf_document {
	char *file;
	struct node *root;
	bool no_memory; /* sticky: some record was lost for want of memory */
	const char *open_kinds; /* of names that may stand somewhere else; NULL: none */
	struct conf_fault *faults;
	size_t fault_count, faults_more;
	struct {
		const void *member;
		struct conf_place place;
	} * places;
	size_t place_count, place_room; /* hash table, a power of two */
	struct name *names;
	size_t name_count, name_room;
	struct reference *references;
	size_t reference_count, reference_room;
};

/* A name and what kind of thing it names. All borrowed from the structs that were filled. */
struct name {
	const char *kind, *name;
	struct conf_place place;
	bool unique;
};
struct reference {
	const char *kinds, *key, *name;
	struct conf_place place;
};

/* As many faults as are kept: true, and one more is counted. For callers that would take pains over
 * the text. */
bool document_is_full(struct conf_document *d);
/* All of these set no_memory instead of failing. */
void document_add_place(struct conf_document *d, const void *member, struct conf_place place);
void document_add_faulty(struct conf_document *d, const void *member);
void document_add_name(struct conf_document *d, const struct name *name);
void document_add_reference(struct conf_document *d, const struct reference *reference);
/* Tells of names that are not unique and of references that name nothing. */
void document_resolve(struct conf_document *d, const struct conf_section *sections, size_t count);
/* The same of references that were left open, where the document names others of their kinds. */
void document_resolve_open(struct conf_document *d);

/* ---- value.c ---- */

/* A scalar into the member at `at` (in a zeroed struct). 0; -EINVAL: `why` says what is wrong;
 * -ENOMEM. */
int value_read(const struct schema_field *field, const struct node *scalar, void *at,
	       char why[WHY_TEXT]);
/* What the field takes, in words. */
const char *value_accepted(const struct schema_field *field, char text[WHY_TEXT]);
/* The member as it would be written: 1 and fresh memory (mem_free()); 0: absent, nothing to write;
 * -ENOMEM. */
int value_print(const struct schema_field *field, const void *at, char **out);
/* A text in double quotes, escaped for YAML and JSON alike. NULL without memory. */
char *value_quoted(const char *text);
/* The choice of an enum that has this value, NULL when none has. */
const char *value_choice_name(const struct schema_field *field, int64_t value);
/* Does the condition of a field (`when`) hold in the struct `in`? */
bool value_applies(const struct schema *schema, const struct schema_field *field, const void *in);
const struct schema_field *schema_find(const struct schema *schema, const char *key);
int64_t value_get_integer(const struct schema_field *field, const void *at);
/* A timeslot set from "1-15,17-31". 0 or -EINVAL with `why`. */
int value_read_timeslots(const char *text, timeslot_set *set, char why[WHY_TEXT]);

#endif
