/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef DIALPLAN_CATALOG_H
#define DIALPLAN_CATALOG_H

/* The administrator's tables as a set of named objects: what the store keeps, `gwctl` changes one
 * by one and `gwctl apply` as a whole.
 *
 * What does it do? A catalog is immutable and reference counted; a change makes a new one that
 * shares what has not changed. Every object is checked by its schema as it comes in; a catalog as a
 * whole by dialplan_compile() of catalog_tables(). Two catalogs are compared object by object.
 *
 * An object has a kind, a name and (rules) a parent: the dial plan or translation whose rule it is.
 * Objects of one kind and parent are ordered. Its body is a JSON mapping (also read as YAML) of the
 * keys that gateway.yaml's sections have for it (dialplan/schema.h), without the name, and for dial
 * plans and translations without their rules.
 *
 * Threads: any; a catalog may be read by several at once. */

#include "dialplan/dialplan.h"
#include "dialplan/tables.h"

#include <stdbool.h>
#include <stddef.h>

enum catalog_kind {
	CATALOG_DIAL_PLAN,
	CATALOG_RULE, /* parent: dial plan */
	CATALOG_TRANSLATION,
	CATALOG_TRANSLATION_RULE, /* parent: translation */
	CATALOG_USAGE,
	CATALOG_POLICY,
	CATALOG_ROUTE,
	CATALOG_GATEWAY, /* a name of ours for trunks, spans and groups of this machine */
	CATALOG_KIND_COUNT
};
/* "dial-plan", "rule", "translation", "translation-rule", "usage", "policy", "route", "gateway". */
const char *catalog_kind_name(enum catalog_kind kind);
/* -1: no such kind. Takes the plural of the API's paths too ("dial-plans", "routes"…). */
int catalog_kind_by_name(const char *name);

struct catalog;

/* Told of every fault, as a sentence that names the object and what is accepted. `place`: in the
 * text it was read from; 0: none. */
typedef void (*catalog_fault_fn)(void *arg, struct conf_place place, const char *what);

/* Empty. 0 or -ENOMEM. */
int catalog_create(struct catalog **out);
struct catalog *catalog_ref(struct catalog *catalog);
void catalog_unref(struct catalog **catalog); /* sets NULL, takes NULL */

/* From tables as a file has them. 0, -EINVAL after faults, -ENOMEM. */
int catalog_from_tables(struct catalog **out, const struct dialplan_tables *tables,
			catalog_fault_fn fault, void *arg);
/* From the text of such a file (`gwctl apply`), `name` for messages. */
int catalog_from_yaml(struct catalog **out, const char *name, const char *text, size_t length,
		      catalog_fault_fn fault, void *arg);

/* ---- Reading ---- */

struct catalog_object {
	enum catalog_kind kind;
	const char *parent; /* "" when its kind has none */
	const char *name;
	const char *body; /* JSON, keys in the schema's order, defaults left out: equal objects have
			     equal bodies */
	int64_t position; /* among its kind and parent: ascending; gaps are left for moves */
};
/* Of a kind (and parent; NULL: all) in order; NULL: no more. Valid while the catalog is. */
size_t catalog_count(const struct catalog *catalog, enum catalog_kind kind, const char *parent);
const struct catalog_object *catalog_at(const struct catalog *catalog, enum catalog_kind kind,
					const char *parent, size_t index);
const struct catalog_object *catalog_find(const struct catalog *catalog, enum catalog_kind kind,
					  const char *parent, const char *name);
/* What dialplan_compile() takes. Owned by the catalog. NULL: without memory. */
const struct dialplan_tables *catalog_tables(const struct catalog *catalog);
/* YAML of the whole in a stable order, fit for git; catalog_from_yaml() of it makes an equal
 * catalog. NULL: without memory. mem_free(). */
char *catalog_yaml(const struct catalog *catalog);

/* ---- Changing ---- */

enum catalog_verb {
	CATALOG_ADD,    /* -EEXIST */
	CATALOG_SET,    /* keys in `body` replace those there, null takes a key away; -ENOENT */
	CATALOG_PUT,    /* the whole body; added when missing */
	CATALOG_DELETE, /* with what it is parent of; -ENOENT; -EBUSY: others refer to it, the fault
			   names them */
	CATALOG_MOVE,   /* -ENOENT */
	CATALOG_RENAME, /* references follow; to `body` (a name); -EEXIST */
};
struct catalog_change {
	enum catalog_verb verb;
	enum catalog_kind kind;
	const char *parent, *name;
	const char *body;
	/* ADD, MOVE: where: before or after this one, or (both NULL) `first` or last. */
	const char *before, *after;
	bool first;
};
/* All of them or none, in order. 0 and *out; -errno as above after telling the fault; -EINVAL: the
 * body; -ENOMEM. */
int catalog_change(struct catalog **out, const struct catalog *from,
		   const struct catalog_change *changes, size_t count, catalog_fault_fn fault,
		   void *arg);

/* ---- Comparing ---- */

/* An object that differs. `before` NULL: added; `after` NULL: deleted; both: changed, or only moved
 * (equal bodies). */
struct catalog_difference {
	const struct catalog_object *before, *after;
	bool moved;
};
/* In the order of kinds, then of `to`. Returns how many; positions alone count only when the order
 * differs. */
size_t catalog_diff(const struct catalog *from, const struct catalog *to,
		    void (*each)(void *arg, const struct catalog_difference *difference),
		    void *arg);

#endif
