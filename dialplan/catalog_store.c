/* SPDX-License-Identifier: GPL-2.0-only */
/* Catalogs in the store: what is read from it, and its history. Writing: catalog_save.c. */
#include "dialplan/catalog_store.h"
#include "dialplan/catalog_private.h"

#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Positions rise within a kind and parent. A change keeps the objects as they were before and after
 * it; NULL: it was not there. moved -1: only its position was renewed, which nobody sees, but who
 * goes back in time must know. */
static const struct store_migration migrations[] = {
	{ 1, "CREATE TABLE object (kind TEXT NOT NULL, parent TEXT NOT NULL, name TEXT NOT NULL, "
	     "position BIGINT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, parent, name));"
	     "CREATE TABLE change (revision BIGINT PRIMARY KEY, at BIGINT NOT NULL, who TEXT NOT "
	     "NULL, "
	     "origin TEXT NOT NULL, what TEXT NOT NULL);"
	     "CREATE TABLE change_object (revision BIGINT NOT NULL, ordinal BIGINT NOT NULL, kind "
	     "TEXT NOT NULL, "
	     "parent TEXT NOT NULL, name TEXT NOT NULL, body_before TEXT, position_before BIGINT, "
	     "body_after TEXT, "
	     "position_after BIGINT, moved BIGINT NOT NULL, PRIMARY KEY (revision, ordinal))" },
};
const struct store_schema catalog_store_schema = {
	.name = "tables",
	.migrations = migrations,
	.migration_count = sizeof(migrations) / sizeof(migrations[0]),
};

/* ---- Building a catalog of rows in order ---- */

struct loader {
	struct catalog *catalog;
	const struct catalog *reuse; /* whose values are taken where they are the same; NULL */
	struct catalog_teller *teller;
	enum catalog_kind kind;      /* of the rows that come now */
	struct catalog_item *parent; /* whose rules they are */
};

static struct catalog_list **list_of_row(struct loader *l, const char *parent, const char *name)
{
	int over = catalog_kinds[l->kind].parent;
	char label[CATALOG_LABEL];

	if (over < 0)
		return &l->catalog->lists[l->kind];
	if (!l->parent || strcmp(l->parent->object.name, parent) != 0)
		l->parent = catalog_list_find(l->catalog->lists[over], parent);
	if (l->parent)
		return &l->parent->rules;
	catalog_tell(l->teller, (struct conf_place){ 0, 0 }, "%s: there is no %s %.80s",
		     catalog_label(label, l->kind, parent, name), catalog_kinds[over].words,
		     parent);
	return NULL;
}

static int value_of_row(struct loader *l, const char *parent, const char *name, const char *body,
			struct catalog_value **out)
{
	const struct catalog_list *list =
		l->reuse ? catalog_list_of(l->reuse, l->kind, parent) : NULL;
	const struct catalog_item *same = catalog_list_find(list, name);
	const struct catalog_making making = {
		.kind = l->kind, .parent = parent, .name = name, .body = body
	};

	if (same && strcmp(same->object.body, body) == 0) {
		*out = catalog_value_ref(same->value);
		return 0;
	}
	return catalog_value_make(out, &making, l->teller);
}

/* At the end of its list. Positions rise, whatever somebody wrote into the database by hand. */
static int append_value(struct catalog_list *list, struct catalog_value *value,
			struct catalog_value *parent, int64_t position)
{
	struct catalog_item *item = NULL;
	int rc;

	if (list->count > 0 && position <= list->at[list->count - 1]->object.position)
		position = list->at[list->count - 1]->object.position + 1;
	rc = catalog_item_make(&item, value, parent, position);
	if (rc == 0)
		rc = catalog_list_append(list, item);
	if (rc)
		catalog_item_unref(&item);
	return rc;
}

static int load_row(struct loader *l, const char *parent, const char *name, int64_t position,
		    const char *body)
{
	struct catalog_list **list = list_of_row(l, parent, name);
	struct catalog_value *value = NULL;
	int rc = 0;

	if (!list)
		return 0; /* told */
	if (!*list)
		rc = catalog_list_create(list, 0);
	if (rc == 0)
		rc = value_of_row(l, parent, name, body, &value);
	if (rc == -EINVAL)
		return 0; /* told */
	if (rc == 0)
		rc = append_value(*list, value,
				  catalog_kinds[l->kind].parent < 0 ? NULL : l->parent->value,
				  position);
	catalog_value_unref(&value);
	return rc;
}

/* The next kind: what came of the last one can be found by its names from now on. */
static void begin_kind(struct loader *l, enum catalog_kind kind)
{
	l->kind = kind;
	l->parent = NULL;
}

/* Names are a key of the table: none is there twice. */
static void end_kind(struct loader *l)
{
	int over = catalog_kinds[l->kind].parent;
	struct catalog_list *list = l->catalog->lists[over < 0 ? (int)l->kind : over];
	const char *twice;

	if (over < 0 && list)
		catalog_list_sort(list, &twice);
	for (size_t i = 0; over >= 0 && list && i < list->count; i++)
		if (list->at[i]->rules)
			catalog_list_sort(list->at[i]->rules, &twice);
}

/* ---- The newest ---- */

static int take_integer(void *arg, const struct store_value *columns, size_t n)
{
	(void)n;
	*(int64_t *)arg = columns[0].integer;
	return 0;
}

int catalog_store_revision(struct store_db *db, int64_t *revision)
{
	int rc = store_query(db, "SELECT coalesce(max(revision), 0) FROM change", NULL, 0,
			     take_integer, revision);

	return rc < 0 ? rc : 0;
}

static int load_object(void *arg, const struct store_value *columns, size_t n)
{
	(void)n;
	return load_row(arg, columns[0].text, columns[1].text, columns[2].integer, columns[3].text);
}

static const char select_objects[] = "SELECT parent, name, position, body FROM object "
				     "WHERE kind = $1 ORDER BY parent, position, name";

static int load_kinds(struct store_db *db, struct loader *l)
{
	int rc = 0;

	for (int kind = 0; rc >= 0 && kind < CATALOG_KIND_COUNT; kind++) {
		struct store_value of = store_text(catalog_kinds[kind].name);

		begin_kind(l, (enum catalog_kind)kind);
		rc = store_query(db, select_objects, &of, 1, load_object, l);
		end_kind(l);
	}
	return rc < 0 ? rc : 0;
}

/* Publishes what was built, or throws it away. */
static int finish(struct loader *l, int rc, struct catalog **out)
{
	if (rc == 0 && l->teller->count)
		rc = -EBADMSG;
	if (rc)
		catalog_unref(&l->catalog);
	else
		*out = l->catalog;
	return rc;
}

int catalog_load(struct store_db *db, struct catalog **out, int64_t *revision,
		 catalog_fault_fn fault, void *arg)
{
	struct catalog_teller teller = { fault, arg, 0 };
	struct loader l = { .teller = &teller };
	int64_t newest = 0;
	int rc = catalog_create(&l.catalog);

	if (rc)
		return rc;
	rc = catalog_store_revision(db, &newest);
	if (rc == 0)
		rc = load_kinds(db, &l);
	rc = finish(&l, rc, out);
	if (rc == 0)
		*revision = newest;
	return rc;
}

/* ---- History ---- */

struct history {
	void (*entry)(void *arg, const struct catalog_entry *entry);
	void (*each)(void *arg, const struct catalog_difference *difference);
	void *arg;
};

static const char *text_of(const struct store_value *column)
{
	return column->text ? column->text : "";
}

static int tell_entry(void *arg, const struct store_value *columns, size_t n)
{
	const struct history *h = arg;

	(void)n;
	if (h->entry)
		h->entry(h->arg,
			 &(struct catalog_entry){ .revision = columns[0].integer,
						  .wall_us = columns[1].integer,
						  .who = text_of(&columns[2]),
						  .origin = text_of(&columns[3]),
						  .what = text_of(&columns[4]),
						  .objects = (unsigned)columns[5].integer });
	return 0;
}

#define ENTRY                                                                                      \
	"SELECT c.revision, c.at, c.who, c.origin, c.what, (SELECT count(*) FROM change_object o " \
	"WHERE o.revision = c.revision AND o.moved >= 0) FROM change c "

int catalog_history(struct store_db *db, int64_t before, unsigned limit,
		    void (*each)(void *arg, const struct catalog_entry *entry), void *arg)
{
	const struct store_value values[] = { store_integer(before > 0 ? before : INT64_MAX),
					      store_integer(limit) };
	struct history h = { .entry = each, .arg = arg };

	return store_query(db, ENTRY "WHERE c.revision < $1 ORDER BY c.revision DESC LIMIT $2",
			   values, 2, tell_entry, &h);
}

static int tell_change(void *arg, const struct store_value *columns, size_t n)
{
	const struct history *h = arg;
	int kind = catalog_kind_by_name(text_of(&columns[0]));
	struct catalog_object before, after;

	(void)n;
	if (kind < 0)
		return -EBADMSG;
	before = (struct catalog_object){ .kind = (enum catalog_kind)kind,
					  .parent = text_of(&columns[1]),
					  .name = text_of(&columns[2]),
					  .body = columns[3].text,
					  .position = columns[4].integer };
	after = before;
	after.body = columns[5].text;
	after.position = columns[6].integer;
	if (h->each)
		h->each(h->arg,
			&(struct catalog_difference){ .before = before.body ? &before : NULL,
						      .after = after.body ? &after : NULL,
						      .moved = columns[7].integer > 0 });
	return 0;
}

static const char select_change[] =
	"SELECT kind, parent, name, body_before, position_before, body_after, position_after, "
	"moved "
	"FROM change_object WHERE revision = $1 AND moved >= 0 ORDER BY ordinal";

int catalog_history_show(struct store_db *db, int64_t revision,
			 void (*entry)(void *arg, const struct catalog_entry *entry),
			 void (*each)(void *arg, const struct catalog_difference *difference),
			 void *arg)
{
	const struct store_value value = store_integer(revision);
	struct history h = { entry, each, arg };
	int rc = store_query(db, ENTRY "WHERE c.revision = $1", &value, 1, tell_entry, &h);

	if (rc == 0)
		return -ENOENT;
	if (rc > 0)
		rc = store_query(db, select_change, &value, 1, tell_change, &h);
	return rc < 0 ? rc : 0;
}

/* ---- As it was ---- */

/* An object as it was at some time: of the objects of today, or before the first change after that
 * time. */
struct relic {
	enum catalog_kind kind;
	char *parent, *name, *body; /* body NULL: it was not there */
	int64_t position;
	size_t ordinal; /* the lowest is the earliest */
	bool stale;
};
struct relics {
	struct relic *at;
	size_t count, room;
};

static void free_relics(struct relics *r)
{
	for (size_t i = 0; i < r->count; i++) {
		mem_free(r->at[i].parent);
		mem_free(r->at[i].name);
		mem_free(r->at[i].body);
	}
	mem_free(r->at);
}

/* Columns: kind, parent, name, body, position. */
static int collect(void *arg, const struct store_value *columns, size_t n)
{
	int kind = catalog_kind_by_name(text_of(&columns[0]));
	struct relics *r = arg;
	struct relic *relic;

	(void)n;
	if (kind < 0)
		return -EBADMSG;
	if (r->count == r->room) {
		struct relic *more = mem_realloc(r->at, (r->room * 2 + 64) * sizeof(*more));

		if (!more)
			return -ENOMEM;
		r->at = more;
		r->room = r->room * 2 + 64;
	}
	relic = &r->at[r->count];
	*relic = (struct relic){ .kind = (enum catalog_kind)kind,
				 .parent = mem_strdup(text_of(&columns[1])),
				 .name = mem_strdup(text_of(&columns[2])),
				 .body = mem_strdup(columns[3].text),
				 .position = columns[4].integer,
				 .ordinal = r->count };
	r->count++;
	return relic->parent && relic->name && (relic->body || !columns[3].text) ? 0 : -ENOMEM;
}

static int compare_keys(const struct relic *x, const struct relic *y)
{
	int order =
		x->kind != y->kind ? (x->kind < y->kind ? -1 : 1) : strcmp(x->parent, y->parent);

	return order ? order : strcmp(x->name, y->name);
}

static int compare_ages(const void *a, const void *b)
{
	const struct relic *x = a, *y = b;
	int order = compare_keys(x, y);

	return order ? order : (x->ordinal > y->ordinal) - (x->ordinal < y->ordinal);
}

static int compare_places(const void *a, const void *b)
{
	const struct relic *x = a, *y = b;
	int order =
		x->kind != y->kind ? (x->kind < y->kind ? -1 : 1) : strcmp(x->parent, y->parent);

	if (order)
		return order;
	if (x->position != y->position)
		return x->position < y->position ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* Of each object the earliest relic counts. */
static void mark_stale(struct relics *r)
{
	if (r->count == 0)
		return;
	qsort(r->at, r->count, sizeof(*r->at), compare_ages);
	for (size_t i = 1; i < r->count; i++)
		r->at[i].stale = compare_keys(&r->at[i - 1], &r->at[i]) == 0;
	qsort(r->at, r->count, sizeof(*r->at), compare_places);
}

static int build_relics(struct loader *l, const struct relics *r)
{
	size_t i = 0;
	int rc = 0;

	for (int kind = 0; rc == 0 && kind < CATALOG_KIND_COUNT; kind++) {
		begin_kind(l, (enum catalog_kind)kind);
		for (; rc == 0 && i < r->count && (int)r->at[i].kind == kind; i++)
			if (r->at[i].body && !r->at[i].stale)
				rc = load_row(l, r->at[i].parent, r->at[i].name, r->at[i].position,
					      r->at[i].body);
		end_kind(l);
	}
	return rc;
}

static const char select_past[] =
	"SELECT kind, parent, name, body_before, position_before FROM change_object "
	"WHERE revision > $1 ORDER BY revision, ordinal";
static const char select_present[] = "SELECT kind, parent, name, body, position FROM object";

static int collect_all(struct store_db *db, struct relics *r, int64_t revision)
{
	const struct store_value after = store_integer(revision);
	int rc = store_query(db, select_past, &after, 1, collect, r);

	if (rc >= 0)
		rc = store_query(db, select_present, NULL, 0, collect, r);
	return rc < 0 ? rc : 0;
}

static int check_revision(struct store_db *db, int64_t newest, int64_t revision)
{
	const struct store_value value = store_integer(revision);
	int64_t now, there;
	int rc = catalog_store_revision(db, &now);

	if (rc == 0 && now != newest)
		rc = -ESTALE;
	if (rc == 0) {
		rc = store_query(db, "SELECT revision FROM change WHERE revision = $1", &value, 1,
				 take_integer, &there);
		rc = rc == 0 ? -ENOENT : rc < 0 ? rc : 0;
	}
	return rc;
}

int catalog_at_revision(struct store_db *db, const struct catalog *now, int64_t newest,
			int64_t revision, struct catalog **out, catalog_fault_fn fault, void *arg)
{
	struct catalog_teller teller = { fault, arg, 0 };
	struct loader l = { .teller = &teller, .reuse = now };
	struct relics relics = { 0 };
	int rc = check_revision(db, newest, revision);

	if (rc == 0)
		rc = catalog_create(&l.catalog);
	if (rc)
		return rc;
	rc = collect_all(db, &relics, revision);
	if (rc == 0) {
		mark_stale(&relics);
		rc = build_relics(&l, &relics);
	}
	free_relics(&relics);
	return finish(&l, rc, out);
}
