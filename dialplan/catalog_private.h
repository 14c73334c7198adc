/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef DIALPLAN_CATALOG_PRIVATE_H
#define DIALPLAN_CATALOG_PRIVATE_H

/* What a catalog is made of: a tree of lists whose leaves are shared between catalogs.
 *
 *   catalog ── list per kind ── item (where an object stands) ── value (what it is)
 *                                 └── list of the rules it is parent of
 *
 * Values are immutable; items and lists are, once their catalog is published. All three are
 * counted, so a change copies the one list it is in (an array of pointers), a new item and a new
 * value, and takes a reference to everything else. */

#include "dialplan/catalog.h"
#include "dialplan/schema.h"

#include <stdatomic.h>
#include <stdint.h>

/* Positions of neighbours when there is room; 40 halvings till a list must be numbered anew. */
#define CATALOG_GAP (INT64_C(1) << 40)
#define CATALOG_NAME_MAX 64

/* A name and a body, and what the body says. */
struct catalog_value {
	_Atomic unsigned references;
	enum catalog_kind kind;
	char *body;
	union {
		char *name;                /* stands first in all of these */
		struct dp_ruleset ruleset; /* without rules */
		struct dp_rule rule;
		struct dp_usage usage;
		struct dp_policy policy;
		struct dp_route route;
		struct dp_gateway gateway;
	};
};

struct catalog_list {
	_Atomic unsigned references;
	size_t count, room;
	struct catalog_item **at; /* by position */
	struct catalog_item **by_name;
};

struct catalog_item {
	_Atomic unsigned references;
	struct catalog_object object; /* its texts are those of the values */
	struct catalog_value *value;
	struct catalog_value *parent; /* whose name the object's parent is; NULL */
	struct catalog_list *rules;   /* dial plans and translations; NULL: none */
};

struct catalog_tables; /* catalog_tables.c */
void catalog_tables_free(struct catalog_tables *tables);

struct catalog {
	_Atomic unsigned references;
	struct catalog_list
		*lists[CATALOG_KIND_COUNT];    /* NULL: rules, which hang on their parents */
	struct catalog_tables *_Atomic tables; /* made when first asked for */
};

/* The struct of its kind within a value. */
static inline void *catalog_value_struct(const struct catalog_value *value)
{
	return (char *)(uintptr_t)value + offsetof(struct catalog_value, name);
}

/* ---- Kinds ---- */

struct catalog_kind_info {
	const char *name, *plural;
	const char *words; /* "dial plan" */
	int parent;        /* kind of what it is part of, -1 */
	int child;         /* of what it is parent of, -1 */
	const struct dialplan_body *body;
};
extern const struct catalog_kind_info catalog_kinds[CATALOG_KIND_COUNT];

/* ---- Faults ---- */

struct catalog_teller {
	catalog_fault_fn fault;
	void *arg;
	unsigned count;
};
void catalog_tell(struct catalog_teller *teller, struct conf_place place, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
#define CATALOG_LABEL 200
/* "route London", "rule uk/national". */
const char *catalog_label(char text[CATALOG_LABEL], enum catalog_kind kind, const char *parent,
			  const char *name);

/* ---- Values (catalog_value.c) ---- */

/* May an object have this name? Tells why not. */
bool catalog_check_name(struct catalog_teller *teller, struct conf_place place,
			enum catalog_kind kind, const char *parent, const char *name);
/* From a body of JSON or YAML. `over` (or NULL): laid over the body first. `check`: its patterns
 * too, else what its schema says only. 0, -EINVAL after faults, -ENOMEM. */
struct catalog_making {
	enum catalog_kind kind;
	const char *parent, *name; /* parent: for messages */
	const char *body, *over;
	bool check;
	struct conf_place place; /* for its faults */
};
int catalog_value_make(struct catalog_value **out, const struct catalog_making *making,
		       struct catalog_teller *teller);
/* From a struct of its kind, filled by whoever; `name` as the struct has it. */
int catalog_value_copy(struct catalog_value **out, enum catalog_kind kind, const char *parent,
		       const char *name, const void *from, struct catalog_teller *teller);
struct catalog_value *catalog_value_ref(struct catalog_value *value);
void catalog_value_unref(struct catalog_value **value);

/* ---- Items and lists (catalog.c) ---- */

int catalog_item_make(struct catalog_item **out, struct catalog_value *value,
		      struct catalog_value *parent, int64_t position);
struct catalog_item *catalog_item_ref(struct catalog_item *item);
void catalog_item_unref(struct catalog_item **entry);
int catalog_list_create(struct catalog_list **out, size_t room);
struct catalog_list *catalog_list_ref(struct catalog_list *list);
void catalog_list_unref(struct catalog_list **list);
/* A list that nobody else holds, in place of this one. 0 or -ENOMEM. */
int catalog_list_own(struct catalog_list **list);
/* `list` NULL: an empty one. NULL: no such name. */
struct catalog_item *catalog_list_find(const struct catalog_list *list, const char *name);
size_t catalog_list_index(const struct catalog_list *list, const struct catalog_item *item);
/* Into an owned list, at this index; takes over the reference. -EEXIST: the name is there. -ENOMEM.
 * After an error the reference is still the caller's. */
int catalog_list_insert(struct catalog_list *list, size_t index, struct catalog_item *item);
/* Without the order by name; catalog_list_sort() follows. -EEXIST from there: `*twice` is a name.
 */
int catalog_list_append(struct catalog_list *list, struct catalog_item *item);
int catalog_list_sort(struct catalog_list *list, const char **twice);
void catalog_list_remove(struct catalog_list *list, size_t index);
/* The item at `index` by another of the same name; takes over the reference. */
void catalog_list_replace(struct catalog_list *list, size_t index, struct catalog_item *item);
/* Fresh positions for all. 0 or -ENOMEM: then some have them and the list is in order still. */
int catalog_list_number(struct catalog_list *list);

/* The list of a kind and parent; NULL: none, or empty. */
struct catalog_list *catalog_list_of(const struct catalog *catalog, enum catalog_kind kind,
				     const char *parent);

/* ---- Comparing (catalog_diff.c) ---- */

/* Items of two lists by their names. Both NULL is allowed. */
struct catalog_pairing {
	const struct catalog_list *from, *to;
	size_t head, tail; /* so many at the beginning and the end have the same names in the same
			      order */
	bool *moved;       /* of those between, as they stand in `to`; NULL: none */
};
/* 0; -ENOMEM: usable, but knows of none that has moved. catalog_pair_free() in either case. */
int catalog_pair(struct catalog_pairing *pairing, const struct catalog_list *from,
		 const struct catalog_list *to);
void catalog_pair_free(struct catalog_pairing *pairing);
/* Of the item at this index of `to` (`from` is not NULL): what it was; NULL: it is new. */
const struct catalog_item *catalog_pair_before(const struct catalog_pairing *pairing, size_t index);
bool catalog_pair_moved(const struct catalog_pairing *pairing, size_t index);
bool catalog_same_body(const struct catalog_item *a, const struct catalog_item *b);

/* Calls `list` for each pair of lists that are not one, in the order of kinds; NULL: empty. The
 * walk ends with its first result that isn't 0. */
struct catalog_walk {
	int (*list)(struct catalog_walk *walk, enum catalog_kind kind,
		    const struct catalog_item *parent, const struct catalog_list *from,
		    const struct catalog_list *to);
};
int catalog_walk_lists(struct catalog_walk *walk, const struct catalog *from,
		       const struct catalog *to);

/* ---- The store (catalog_store.c) ---- */

struct store_db;
/* The newest; 0: none. 0 or -errno. */
int catalog_store_revision(struct store_db *db, int64_t *revision);

/* A catalog that shares everything with `from` (NULL: empty) and is nobody else's yet. */
int catalog_copy(struct catalog **out, const struct catalog *from);

#endif
