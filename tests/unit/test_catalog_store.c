/* SPDX-License-Identifier: GPL-2.0-only */
/* Catalogs in a store, in SQLite and in PostgreSQL: saved as differences, loaded the same, and as
 * they were after every revision. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "dialplan/catalog_store.h"

#include "postgres_fixture.h"

static const char site[] =
	"dial-plans:\n"
	"  uk:\n"
	"    - { name: national, pattern: '^0(\\d{10})$', translation: '+44$1' }\n"
	"    - { name: international, pattern: '^00(\\d+)$', translation: '+$1' }\n"
	"    - { name: last, pattern: '^9', translation: '' }\n"
	"  empty: []\n"
	"translations:\n"
	"  plain: [{ name: as-it-is, pattern: '.*', translation: '$0' }]\n"
	"usages: [National, International, \"it's a \\\"name\\\"\"]\n"
	"policies: { staff: [National, International], lobby: [National] }\n"
	"routes:\n"
	"  London: { pattern: '^\\+4420', usages: [National], gateways: [e1, carrier], priority: "
	"10 }\n"
	"  UK: { pattern: '^\\+44', usages: [National], gateways: [carrier], description: "
	"\"\xc3\xbc \\\\ ' %s $1\" }\n"
	"  World: { pattern: '^\\+', usages: [International], gateways: [carrier] }\n"
	"gateways: { e1: [telco-1] }\n";

static struct {
	struct loop *loop;
	struct store *store;
	char folder[64], url[256], error[512], faults[4096];
	long blocks;
	struct catalog *catalog; /* the newest, as the administrator's thread holds it */
	int64_t revision;
	bool told;
	int rc;
	unsigned notified;
	char payload[64];
} fx;
static struct postgres server;
static bool on_postgresql;
static unsigned databases;

static void note(void *arg, struct conf_place place, const char *what)
{
	size_t n = strlen(fx.faults);

	(void)arg;
	(void)place;
	snprintf(fx.faults + n, sizeof(fx.faults) - n, "%s\n", what);
}

static struct catalog *of_yaml(const char *text)
{
	struct catalog *catalog = NULL;

	fx.faults[0] = '\0';
	if (catalog_from_yaml(&catalog, "t", text, strlen(text), note, NULL))
		fail_msg("%s", fx.faults);
	return catalog;
}

/* ---- The store ---- */

static void notified(void *arg, const char *payload)
{
	(void)arg;
	fx.notified++;
	snprintf(fx.payload, sizeof(fx.payload), "%s", payload);
}

static struct store *open_store(void)
{
	const struct store_cfg cfg = { .url = fx.url,
				       .namespace_name = "tables",
				       .schemas = &catalog_store_schema,
				       .schema_count = 1,
				       .home = fx.loop,
				       .thread_name = "tables",
				       .channel = CATALOG_CHANNEL,
				       .notified = notified };
	struct store *store = NULL;

	assert_int_equal(store_open(&store, &cfg, fx.error, sizeof(fx.error)), 0);
	if (store_wait(store, 20000, fx.error, sizeof(fx.error)))
		fail_msg("%s", fx.error);
	return store;
}

static int setup(void **state)
{
	char sql[64];

	(void)state;
	memset(&fx, 0, sizeof(fx));
	fx.blocks = mem_live_blocks();
	snprintf(fx.folder, sizeof(fx.folder), "/tmp/cw-catalog-XXXXXX");
	assert_non_null(mkdtemp(fx.folder));
	assert_int_equal(loop_create(&fx.loop, &clock_system), 0);
	snprintf(fx.url, sizeof(fx.url), "sqlite:%s/tables.db", fx.folder);
	if (on_postgresql) {
		snprintf(sql, sizeof(sql), "CREATE DATABASE case%u", ++databases);
		postgres_do(&server, sql);
		snprintf(fx.url, sizeof(fx.url), "postgresql://causeway@/case%u?host=%s", databases,
			 server.folder);
	}
	fx.store = open_store();
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	store_close(&fx.store);
	loop_destroy(&fx.loop);
	catalog_unref(&fx.catalog);
	snprintf(command, sizeof(command), "rm -rf '%s'", fx.folder);
	assert_int_equal(system(command), 0);
	assert_int_equal(mem_live_blocks(), fx.blocks);
	return 0;
}

static void done(void *arg, int rc, const char *error)
{
	(void)arg;
	fx.told = true;
	fx.rc = rc;
	snprintf(fx.error, sizeof(fx.error), "%s", error);
}

static int run_on(struct store *store, enum store_access access, store_job_fn job, void *arg)
{
	fx.told = false;
	assert_int_equal(store_run(store, access, 0, job, done, arg), 0);
	while (!fx.told)
		loop_turn(fx.loop, 20000);
	return fx.rc;
}

static int run(enum store_access access, store_job_fn job, void *arg)
{
	return run_on(fx.store, access, job, arg);
}

/* ---- Jobs ---- */

struct work {
	const struct catalog *from, *to;
	int64_t base, revision;
	struct catalog *out;
	char text[8192];
	long fail_after; /* -1: no allocation fails */
	bool failed;
};

static int load_job(struct store_db *db, void *arg)
{
	struct work *w = arg;
	int rc;

	catalog_unref(&w->out); /* of an earlier run */
	mem_fail_after(w->fail_after);
	rc = catalog_load(db, &w->out, &w->revision, note, NULL);
	w->failed = mem_failed();
	mem_fail_after(-1);
	return rc;
}

static int save_job(struct store_db *db, void *arg)
{
	static const struct catalog_author author = { "ann", "gwctl (socket)", "route add London" };
	struct work *w = arg;
	int rc;

	mem_fail_after(w->fail_after);
	rc = catalog_save(db, w->from, w->base, w->to, &author, 1000000 + w->base, &w->revision);
	w->failed = mem_failed();
	mem_fail_after(-1);
	return rc;
}

static int past_job(struct store_db *db, void *arg)
{
	struct work *w = arg;
	int rc;

	catalog_unref(&w->out);
	mem_fail_after(w->fail_after);
	rc = catalog_at_revision(db, w->from, w->base, w->revision, &w->out, note, NULL);
	w->failed = mem_failed();
	mem_fail_after(-1);
	return rc;
}

/* By somebody's hand. */
static int spoil_job(struct store_db *db, void *arg)
{
	return store_exec(db, arg, NULL, 0);
}

static struct catalog *load(int64_t *revision)
{
	struct work w = { .fail_after = -1 };

	fx.faults[0] = '\0';
	if (run(STORE_READ, load_job, &w))
		fail_msg("%d %s %s", fx.rc, fx.error, fx.faults);
	*revision = w.revision;
	return w.out;
}

static void same(const struct catalog *a, const struct catalog *b)
{
	char *x = catalog_yaml(a), *y = catalog_yaml(b);

	assert_string_equal(x, y);
	assert_int_equal(catalog_diff(a, b, NULL, NULL), 0);
	mem_free(x);
	mem_free(y);
}

/* From what is held to `to`, which is held from then on; and what is stored is the same. */
static void save(struct catalog *to)
{
	struct work w = { .from = fx.catalog, .to = to, .base = fx.revision, .fail_after = -1 };
	struct catalog *stored;
	int64_t revision;

	if (run(STORE_WRITE, save_job, &w) != 1)
		fail_msg("%d %s", fx.rc, fx.error);
	assert_int_equal(w.revision, fx.revision + 1);
	catalog_unref(&fx.catalog);
	fx.catalog = to;
	fx.revision = w.revision;
	stored = load(&revision);
	assert_int_equal(revision, fx.revision);
	same(stored, fx.catalog);
	catalog_unref(&stored);
}

static void seed(void)
{
	fx.catalog = load(&fx.revision);
	assert_int_equal(fx.revision, 0);
	assert_int_equal(catalog_count(fx.catalog, CATALOG_USAGE, NULL), 0);
	save(of_yaml(site));
}

static void change(const struct catalog_change *changes, size_t count)
{
	struct catalog *next = NULL;

	fx.faults[0] = '\0';
	if (catalog_change(&next, fx.catalog, changes, count, note, NULL))
		fail_msg("%s", fx.faults);
	save(next);
}

/* ---- History ---- */

static void tell_entry(void *arg, const struct catalog_entry *e)
{
	struct work *w = arg;

	sprintf(w->text + strlen(w->text), "%d at %d by %s from %s: %s (%u)\n", (int)e->revision,
		(int)e->wall_us, e->who, e->origin, e->what, e->objects);
}

static void tell_difference(void *arg, const struct catalog_difference *d)
{
	const struct catalog_object *one = d->after ? d->after : d->before;
	struct work *w = arg;

	sprintf(w->text + strlen(w->text), "%s%s%s%s%s%s%s%s\n", catalog_kind_name(one->kind), " ",
		one->parent, one->parent[0] ? "/" : "", one->name, d->moved ? " moved" : "",
		d->before ? " -" : "", d->after ? " +" : "");
}

static int history_job(struct store_db *db, void *arg)
{
	struct work *w = arg;

	w->text[0] = '\0';
	return catalog_history(db, w->base, (unsigned)w->revision, tell_entry, w);
}

static int show_job(struct store_db *db, void *arg)
{
	struct work *w = arg;

	w->text[0] = '\0';
	return catalog_history_show(db, w->revision, tell_entry, tell_difference, w);
}

static const char *show(struct work *w, int64_t revision)
{
	*w = (struct work){ .revision = revision };
	assert_int_equal(run(STORE_READ, show_job, w), 0);
	return w->text;
}

/* ---- Cases ---- */

static void seeds_and_loads(void **state)
{
	struct catalog *again;
	struct work w = { .fail_after = -1 };

	(void)state;
	seed();
	assert_int_equal(fx.revision, 1);
	/* The same tables from a file: in no way another. */
	again = of_yaml(site);
	w.from = fx.catalog;
	w.to = again;
	w.base = 1;
	assert_int_equal(run(STORE_WRITE, save_job, &w), 0);
	catalog_unref(&again);
	again = load(&w.revision);
	assert_int_equal(w.revision, 1);
	catalog_unref(&again);
}

static void keeps_a_history(void **state)
{
	struct work w;

	(void)state;
	seed();
	change((struct catalog_change[]){ { CATALOG_ADD, CATALOG_USAGE, .name = "Local",
					    .first = true } },
	       1);
	change(
		(struct catalog_change[]){
			{ CATALOG_SET, CATALOG_ROUTE, .name = "UK", .body = "{\"priority\":20}" },
			{ CATALOG_MOVE, CATALOG_ROUTE, .name = "World", .first = true },
			{ CATALOG_DELETE, CATALOG_RULE, .parent = "uk", .name = "last" },
			{ CATALOG_RENAME, CATALOG_DIAL_PLAN, .name = "empty", .body = "full" },
			{ CATALOG_ADD, CATALOG_RULE, .parent = "full", .name = "x",
			  .body = "{\"pattern\":\"1\",\"translation\":\"2\"}" } },
		5);
	assert_string_equal(
		show(&w, 2),
		"2 at 1000001 by ann from gwctl (socket): route add London (1)\nusage Local +\n");
	assert_string_equal(show(&w, 3),
			    "3 at 1000002 by ann from gwctl (socket): route add London (6)\n"
			    "dial-plan empty -\ndial-plan full +\nrule uk/last -\nrule full/x +\n"
			    "route World moved - +\nroute UK - +\n");
	w = (struct work){ .revision = 4 };
	assert_int_equal(run(STORE_READ, show_job, &w), -ENOENT);
	w = (struct work){ .base = 0, .revision = 2 };
	assert_int_equal(run(STORE_READ, history_job, &w), 2);
	assert_string_equal(w.text,
			    "3 at 1000002 by ann from gwctl (socket): route add London (6)\n"
			    "2 at 1000001 by ann from gwctl (socket): route add London (1)\n");
	w = (struct work){ .base = 2, .revision = 10 };
	assert_int_equal(run(STORE_READ, history_job, &w), 1);
	assert_non_null(strstr(w.text, "1 at 1000000 "));
}

/* Somebody else was faster. */
static void refuses_what_is_stale(void **state)
{
	const struct catalog_change one = { CATALOG_ADD, CATALOG_USAGE, .name = "x" };
	struct catalog *old, *next = NULL;
	struct work w = { .fail_after = -1 };

	(void)state;
	seed();
	old = catalog_ref(fx.catalog);
	change(&one, 1);
	assert_int_equal(catalog_change(&next, old, &one, 1, note, NULL), 0);
	w.from = old;
	w.to = next;
	w.base = 1;
	assert_int_equal(run(STORE_WRITE, save_job, &w), -ESTALE);
	catalog_unref(&next);
	assert_int_equal(
		catalog_change(&next, fx.catalog,
			       &(struct catalog_change){ CATALOG_ADD, CATALOG_USAGE, .name = "y" },
			       1, note, NULL),
		0);
	w.from = fx.catalog;
	w.to = next;
	w.base = 7; /* there is no such revision yet */
	assert_int_equal(run(STORE_WRITE, save_job, &w), -ESTALE);
	catalog_unref(&next);
	next = load(&w.revision);
	assert_int_equal(w.revision, 2);
	same(next, fx.catalog);
	catalog_unref(&next);
	catalog_unref(&old);
}

/* The store and what is held have different positions for the same order, after an apply. */
static void applies_whole_tables(void **state)
{
	static const char text[] = "usages: [c, a, b, d]\n"
				   "routes:\n"
				   "  z: { pattern: '1', usages: [a], gateways: [x] }\n"
				   "  UK: { pattern: '^\\+44', usages: [a], gateways: [x] }\n"
				   "  y: { pattern: '1', usages: [a], gateways: [x] }\n"
				   "  London: { pattern: '^\\+4420', usages: [b], gateways: [x] }\n"
				   "  x: { pattern: '1', usages: [a], gateways: [x] }\n";

	(void)state;
	seed();
	save(of_yaml(text));
	change((struct catalog_change[]){ { CATALOG_MOVE, CATALOG_ROUTE, .name = "x",
					    .before = "UK" },
					  { CATALOG_MOVE, CATALOG_USAGE, .name = "a" } },
	       2);
	save(of_yaml(site));
	save(of_yaml(text));
}

/* A hundred and more between two neighbours, one change each: those around are moved apart, and
 * nobody sees it. */
static void makes_room(void **state)
{
	char name[16], before[16] = "International";
	struct work w;

	(void)state;
	seed();
	for (unsigned i = 0; i < 130; i++) {
		sprintf(name, "u%u", i);
		change(&(struct catalog_change){ CATALOG_ADD, CATALOG_USAGE, .name = name,
						 .before = before },
		       1);
		if (i % 3)
			strcpy(before, name);
		show(&w, fx.revision);
		assert_non_null(strstr(w.text, "(1)\n"));
	}
	w = (struct work){
		.from = fx.catalog, .base = fx.revision, .revision = 1, .fail_after = -1
	};
	assert_int_equal(run(STORE_READ, past_job, &w), 0);
	assert_int_equal(catalog_count(w.out, CATALOG_USAGE, NULL), 3);
	catalog_unref(&w.out);
}

/* Between each two of many that stand close together, all at once. */
static void makes_room_everywhere(void **state)
{
	struct catalog_change changes[90];
	char names[60][8], between[60][8], more[60][8];
	size_t count = 0;

	(void)state;
	seed();
	assert_int_equal(run(STORE_WRITE, spoil_job,
			     (void *)(uintptr_t) "DELETE FROM object WHERE kind = 'usage'"),
			 3);
	for (unsigned i = 0; i < 60; i++) {
		char sql[160];

		sprintf(names[i], "c%u", i);
		sprintf(between[i], "d%u", i);
		sprintf(more[i], "e%u", i);
		snprintf(sql, sizeof(sql),
			 "INSERT INTO object (kind, parent, name, position, body) VALUES "
			 "('usage', '', '%s', %u, '{}')",
			 names[i], 1000 + i);
		assert_int_equal(run(STORE_WRITE, spoil_job, sql), 1);
	}
	catalog_unref(&fx.catalog);
	fx.catalog = load(&fx.revision);
	for (unsigned i = 0; i < 59; i++) { /* none after the last */
		changes[count++] = (struct catalog_change){ CATALOG_ADD, CATALOG_USAGE,
							    .name = between[i], .after = names[i] };
		if (i % 3 == 2)
			changes[count++] =
				(struct catalog_change){ CATALOG_ADD, CATALOG_USAGE,
							 .name = more[i], .after = between[i] };
	}
	change(changes, count);
	assert_string_equal(catalog_at(fx.catalog, CATALOG_USAGE, NULL, 0)->name, "c0");
	assert_string_equal(catalog_at(fx.catalog, CATALOG_USAGE, NULL, 60 + count - 1)->name,
			    "c59");
	/* Far from the ends, too, and without a gap at either side. */
	change(
		(struct catalog_change[]){
			{ CATALOG_MOVE, CATALOG_USAGE, .name = "c0", .before = "c30" },
			{ CATALOG_MOVE, CATALOG_USAGE, .name = "c59", .before = "c30" } },
		2);
}

/* ---- Random changes: every revision can be had again ---- */

static uint32_t dice_seed;

static unsigned dice(unsigned sides)
{
	dice_seed = dice_seed * 1664525u + 1013904223u;
	return (dice_seed >> 10) % sides;
}

/* A valid change of the catalog, or one that is refused. */
static struct catalog_change random_change(const struct catalog *catalog, char texts[4][24])
{
	static const enum catalog_kind kinds[] = {
		CATALOG_DIAL_PLAN, CATALOG_RULE,  CATALOG_USAGE,
		CATALOG_POLICY,    CATALOG_ROUTE, CATALOG_GATEWAY
	};
	struct catalog_change c = { .verb = (enum catalog_verb)dice(6),
				    .kind = kinds[dice(6)],
				    .first = dice(2) };
	size_t count = catalog_count(catalog, c.kind, NULL);
	const struct catalog_object *object =
		count ? catalog_at(catalog, c.kind, NULL, dice((unsigned)count)) : NULL;

	sprintf(texts[0], "n%u", dice(30));
	sprintf(texts[1], "m%u", dice(30));
	c.name = object && c.verb != CATALOG_ADD ? object->name : texts[0];
	if (c.kind == CATALOG_RULE)
		c.parent = object && dice(4) ? object->parent : "uk";
	if (c.verb == CATALOG_RENAME)
		c.body = texts[1];
	else if (c.kind == CATALOG_ROUTE)
		c.body = dice(2) ? "{\"pattern\":\"1\",\"usages\":[\"National\"],\"gateways\":["
				   "\"a\"],\"priority\":7}"
				 : "{\"pattern\":\"12\",\"usages\":[\"National\"],\"gateways\":["
				   "\"b\"]}";
	else if (c.kind == CATALOG_RULE)
		c.body = dice(2) ? "{\"pattern\":\"1\",\"translation\":\"2\"}"
				 : "{\"pattern\":\"3\",\"translation\":\"4\"}";
	else if (c.kind == CATALOG_GATEWAY)
		c.body = dice(2) ? "{\"members\":[\"a\"]}" : "{\"members\":[\"b\",\"c\"]}";
	else if (c.kind == CATALOG_POLICY)
		c.body = dice(2) ? "{\"usages\":[\"National\"]}" : "{}";
	if (c.verb == CATALOG_MOVE && count && dice(2))
		c.before = catalog_at(catalog, c.kind, NULL, dice((unsigned)count))->name;
	return c;
}

#define REVISIONS 60

static void goes_back_in_time(void **state)
{
	struct catalog *past[REVISIONS + 1] = { NULL };
	struct work w;

	(void)state;
	dice_seed = 20261120;
	seed();
	past[1] = catalog_ref(fx.catalog);
	while (fx.revision < REVISIONS) {
		char texts[8][4][24];
		struct catalog *next = NULL, *draft = catalog_ref(fx.catalog);

		for (unsigned i = 0, n = 1 + dice(8); i < n; i++) {
			struct catalog_change one = random_change(draft, texts[i]);

			if (catalog_change(&next, draft, &one, 1, note, NULL) == 0) {
				catalog_unref(&draft);
				draft = next;
			}
			fx.faults[0] = '\0';
		}
		if (catalog_diff(fx.catalog, draft, NULL, NULL) == 0) {
			catalog_unref(&draft);
			continue;
		}
		save(draft);
		past[fx.revision] = catalog_ref(fx.catalog);
	}
	for (int64_t i = 1; i <= REVISIONS; i++) {
		w = (struct work){
			.from = fx.catalog, .base = fx.revision, .revision = i, .fail_after = -1
		};
		if (run(STORE_READ, past_job, &w))
			fail_msg("%d %s %s", fx.rc, fx.error, fx.faults);
		same(w.out, past[i]);
		if (i % 7 == 3) {
			save(w.out); /* back to it: a change like any other */
			w.out = NULL;
		}
		catalog_unref(&w.out);
		catalog_unref(&past[i]);
	}
	w = (struct work){
		.from = fx.catalog, .base = fx.revision, .revision = 0, .fail_after = -1
	};
	assert_int_equal(run(STORE_READ, past_job, &w), -ENOENT);
	w.revision = fx.revision + 1;
	assert_int_equal(run(STORE_READ, past_job, &w), -ENOENT);
	w.revision = 1;
	w.base = fx.revision - 1;
	assert_int_equal(run(STORE_READ, past_job, &w), -ESTALE);
}

/* ---- What is not ours ---- */

static void tells_what_does_not_fit(void **state)
{
	static const struct {
		const char *sql, *faults;
	} rows[] = {
		{ "UPDATE object SET body = '{\"pattern\":\"1\",\"color\":\"blue\"}' WHERE name = "
		  "'UK'",
		  "route UK: \"gateways\" is missing (trunks, spans, groups or names of gateways, "
		  "tried one after the other); "
		  "accepted: a list, such as [a, b]\n"
		  "route UK: unknown key \"color\"; accepted: pattern, usages, gateways, priority, "
		  "selection, emergency, "
		  "suppress-caller-id, alternate-caller-id, description\n" },
		{ "INSERT INTO object (kind, parent, name, position, body) VALUES ('rule', 'gone', "
		  "'x', 1, '{}')",
		  NULL },
	};
	struct work w = { .fail_after = -1 };

	(void)state;
	seed();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(run(STORE_WRITE, spoil_job, (void *)(uintptr_t)rows[i].sql), 1);
		fx.faults[0] = '\0';
		assert_int_equal(run(STORE_READ, load_job, &w), -EBADMSG);
		assert_null(w.out);
		if (rows[i].faults)
			assert_string_equal(fx.faults, rows[i].faults);
	}
	assert_non_null(strstr(fx.faults, "rule gone/x: there is no dial plan gone\n"));
}

/* Two objects at one place, by somebody's hand: loaded in a stable order, and saved again. */
static void bears_equal_positions(void **state)
{
	struct catalog *loaded;
	int64_t revision;

	(void)state;
	seed();
	assert_int_equal(
		run(STORE_WRITE, spoil_job,
		    (void *)(uintptr_t) "UPDATE object SET position = 5 WHERE kind = 'usage'"),
		3);
	loaded = load(&revision);
	assert_int_equal(catalog_count(loaded, CATALOG_USAGE, NULL), 3);
	catalog_unref(&fx.catalog);
	fx.catalog = loaded;
	change(
		(struct catalog_change[]){
			{ CATALOG_ADD, CATALOG_USAGE, .name = "x",
			  .after = catalog_at(loaded, CATALOG_USAGE, NULL, 0)->name } },
		1);
	assert_string_equal(catalog_at(fx.catalog, CATALOG_USAGE, NULL, 1)->name, "x");
}

static void survives_want_of_memory(void **state)
{
	struct catalog *to;
	struct work w = { .fail_after = -1 };
	long n = 0;
	int rc;

	(void)state;
	seed();
	do {
		w = (struct work){ .fail_after = n++ };
		rc = run(STORE_READ, load_job, &w);
		assert_true(rc == 0 || rc == -ENOMEM);
		catalog_unref(&w.out);
	} while (w.failed);
	assert_true(n > 100);
	to = of_yaml("usages: [International, x, National]\n");
	n = 0;
	do {
		w = (struct work){ .from = fx.catalog, .to = to, .base = 1, .fail_after = n++ };
		rc = run(STORE_WRITE, save_job, &w);
		assert_true(rc == 1 || rc == -ENOMEM);
	} while (rc == -ENOMEM);
	assert_int_equal(w.revision, 2);
	catalog_unref(&fx.catalog);
	fx.catalog = to;
	n = 0;
	do {
		w = (struct work){
			.from = fx.catalog, .base = 2, .revision = 1, .fail_after = n++
		};
		rc = run(STORE_READ, past_job, &w);
		assert_true(rc == 0 || rc == -ENOMEM);
		catalog_unref(&w.out);
	} while (w.failed);
}

/* ---- Several gateways on one database ---- */

static void announces_changes(void **state)
{
	struct store *other;

	(void)state;
	other = open_store();
	seed();
	while (on_postgresql && fx.notified == 0)
		loop_turn(fx.loop, 20000);
	if (on_postgresql)
		assert_string_equal(fx.payload, "1");
	store_close(&other);
}

/* Two that began at the same revision: one of them must load again. */
struct race {
	struct work work;
	struct store *store;
	bool told;
	int rc;
};

static void race_done(void *arg, int rc, const char *error)
{
	struct race *race = arg;

	(void)error;
	race->told = true;
	race->rc = rc;
}

static void one_of_two_wins(void **state)
{
	struct race races[2] = { { .rc = 0 }, { .rc = 0 } };

	(void)state;
	seed();
	races[0].store = fx.store;
	races[1].store = open_store();
	for (int round = 0; round < 5; round++) {
		struct catalog *loaded;
		char name[8];

		for (unsigned i = 0; i < 2; i++) {
			struct catalog *to = NULL;

			sprintf(name, "r%d", round * 2 + (int)i);
			assert_int_equal(
				catalog_change(&to, fx.catalog,
					       &(struct catalog_change){ CATALOG_ADD, CATALOG_USAGE,
									 .name = name },
					       1, note, NULL),
				0);
			races[i].work = (struct work){ .from = fx.catalog,
						       .to = to,
						       .out = to,
						       .base = fx.revision,
						       .fail_after = -1 };
			races[i].told = false;
		}
		for (unsigned i = 0; i < 2; i++)
			assert_int_equal(store_run(races[i].store, STORE_WRITE, 0, save_job,
						   race_done, &races[i]),
					 0);
		while (!races[0].told || !races[1].told)
			loop_turn(fx.loop, 20000);
		assert_int_equal(races[0].rc + races[1].rc, 1 - ESTALE);
		catalog_unref(&fx.catalog);
		fx.catalog = load(&fx.revision);
		loaded = races[races[0].rc == 1 ? 0 : 1].work.out;
		same(fx.catalog, loaded);
		catalog_unref(&races[0].work.out);
		catalog_unref(&races[1].work.out);
	}
	store_close(&races[1].store);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static int start_server(void **state)
{
	(void)state;
	on_postgresql = true;
	return postgres_create(&server) ? 0 : -1;
}

static int stop_server(void **state)
{
	(void)state;
	postgres_destroy(&server);
	return 0;
}

static void ignore_log(enum log_level level, const char *line, void *arg)
{
	(void)level;
	(void)line;
	(void)arg;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(seeds_and_loads),
		CASE(keeps_a_history),
		CASE(refuses_what_is_stale),
		CASE(applies_whole_tables),
		CASE(makes_room),
		CASE(makes_room_everywhere),
		CASE(goes_back_in_time),
		CASE(tells_what_does_not_fit),
		CASE(bears_equal_positions),
		CASE(survives_want_of_memory),
		CASE(announces_changes),
		CASE(one_of_two_wins),
	};
	int failed;

	log_set_sink(ignore_log, NULL); /* want of memory is told of many times */
	failed = cmocka_run_group_tests_name("SQLite", tests, NULL, NULL);

	if (postgres_find(&server))
		failed +=
			cmocka_run_group_tests_name("PostgreSQL", tests, start_server, stop_server);
	else
		printf("PostgreSQL: skipped, there is no server (package postgresql)\n");
	return failed;
}
