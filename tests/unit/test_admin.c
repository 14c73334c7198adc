/* SPDX-License-Identifier: GPL-2.0-only */
/* Changes of the tables as they pass from the catalog through the store to the signalling thread;
 * both threads are this one, the store has its own. */
#include "gateway/admin_private.h"

#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_TURNS 4000
#define TURN_MS 5

static const char machine[] =
	"sip-interfaces: { lan: { address: \"127.0.0.1:5060\" } }\n"
	"trunks:\n"
	"  core: { interface: lan, peer: 192.0.2.1, dial-plan: uk, policy: all }\n"
	"%s";
static const char seed[] =
	"dial-plans: { uk: [ { name: e164, pattern: '^\\+', translation: '$&' } ] }\n"
	"usages: [out]\n"
	"policies: { all: [out] }\n"
	"routes: { all: { pattern: '^', usages: [out], gateways: [core%s] } }\n";

static struct fixture {
	char folder[64], kept[96], database[96];
	struct gateway gateway;
	struct site *site;
	struct worker *control;
	struct admin_start start;
	struct admin *admin;
	char *faults;
	/* of the last change that was told */
	unsigned told;
	int rc;
	int64_t revision;
	char text[4096];
	size_t differences;
} fx;

/* ---- Fixture ---- */

static void drop_line(enum log_level level, const char *line, void *arg)
{
	(void)level;
	(void)line;
	(void)arg;
}

static void read_site(const char *trunks, const char *gateways)
{
	char text[4096], *faults = NULL;

	snprintf(text, sizeof(text), machine, trunks);
	snprintf(text + strlen(text), sizeof(text) - strlen(text), seed, gateways);
	snprintf(text + strlen(text), sizeof(text) - strlen(text), "store: %s\n", fx.folder);
	site_unref(&fx.site);
	if (site_read_text(&fx.site, "gateway.yaml", text, &faults) < 0)
		fail_msg("%s", faults);
}

static int load(void)
{
	mem_free(fx.faults);
	fx.faults = NULL;
	return admin_load(&fx.start, fx.site, &fx.faults);
}

static void open_admin(void)
{
	struct worker_cfg control = {
		.name = "control", .cpu = -1, .clock = &clock_system, .inline_thread = true
	};
	struct admin_cfg cfg = { .gateway = &fx.gateway, .site = fx.site, .start = &fx.start };
	char error[512];

	assert_int_equal(loop_create(&fx.gateway.loop, &clock_system), 0);
	assert_int_equal(worker_create(&fx.control, &control, fx.gateway.loop), 0);
	cfg.control = fx.control;
	fx.gateway.plan = dialplan_ref(fx.start.plan);
	assert_int_equal(admin_create(&fx.admin, &cfg, error, sizeof(error)), 0);
	assert_null(fx.start.plan);
}

static void close_admin(void)
{
	admin_destroy(&fx.admin);
	worker_destroy(&fx.control);
	dialplan_unref(&fx.gateway.plan);
	loop_destroy(&fx.gateway.loop);
}

static int setup_files(void **state)
{
	(void)state;
	memset(&fx, 0, sizeof(fx));
	gateway_init_lists(&fx.gateway);
	log_set_sink(drop_line, NULL);
	snprintf(fx.folder, sizeof(fx.folder), "/tmp/test_admin-XXXXXX");
	assert_non_null(mkdtemp(fx.folder));
	snprintf(fx.kept, sizeof(fx.kept), "%s/tables.yaml", fx.folder);
	snprintf(fx.database, sizeof(fx.database), "%s/tables.db", fx.folder);
	read_site("", "");
	return 0;
}

static int setup(void **state)
{
	setup_files(state);
	assert_int_equal(load(), 0);
	open_admin();
	return 0;
}

static int remove_one(const char *path, const struct stat *info, int flag, struct FTW *at)
{
	(void)info;
	(void)flag;
	(void)at;
	return remove(path);
}

static int teardown(void **state)
{
	(void)state;
	close_admin();
	admin_start_free(&fx.start);
	site_unref(&fx.site);
	mem_free(fx.faults);
	nftw(fx.folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	log_set_sink(NULL, NULL);
	assert_int_equal(mem_live_blocks(), 0);
	return 0;
}

/* ---- Asking ---- */

static const struct admin_request anybody = {
	.author = { .who = "tester", .origin = "here", .what = "a test" },
};

static void count(void *arg, const struct catalog_difference *difference)
{
	(void)difference;
	(*(size_t *)arg)++;
}

static void done(void *arg, int rc, int64_t revision, const char *faults)
{
	const struct catalog *before = NULL, *after = NULL;

	(void)arg;
	fx.told++;
	fx.rc = rc;
	fx.revision = revision;
	fx.differences = 0;
	snprintf(fx.text, sizeof(fx.text), "%s", faults ? faults : "");
	assert_int_equal(rc < 0, faults != NULL);
	if (rc > 0)
		admin_outcome(fx.admin, &before, &after);
	if (before && after)
		catalog_diff(before, after, count, &fx.differences);
}

static void await(unsigned told)
{
	for (int turn = 0; turn < WAIT_TURNS && fx.told < told; turn++)
		loop_turn(fx.gateway.loop, TURN_MS);
	assert_int_equal(fx.told, told);
}

static int change_with(const struct admin_request *request, const struct catalog_change *change)
{
	fx.told = 0;
	admin_change(fx.admin, request, change, 1, done, NULL);
	await(1);
	return fx.rc;
}

static int change(enum catalog_verb verb, enum catalog_kind kind, const char *name,
		  const char *body)
{
	return change_with(
		&anybody,
		&(struct catalog_change){ .verb = verb, .kind = kind, .name = name, .body = body });
}

static int add_usage(const char *name)
{
	return change(CATALOG_ADD, CATALOG_USAGE, name, "{}");
}

static bool has_usage(const char *name)
{
	struct catalog *catalog = admin_catalog(fx.admin, NULL);
	bool found = catalog_find(catalog, CATALOG_USAGE, NULL, name) != NULL;

	catalog_unref(&catalog);
	return found;
}

static void turn_until(bool (*condition)(void))
{
	for (int turn = 0; turn < WAIT_TURNS && !condition(); turn++)
		loop_turn(fx.gateway.loop, TURN_MS);
	assert_true(condition());
}

#define ROUTE "{ \"pattern\": \"^1\", \"usages\": [\"out\"], \"gateways\": [\"%s\"] }"

static int add_route(const char *name, const char *gateway)
{
	char body[200];

	snprintf(body, sizeof(body), ROUTE, gateway);
	return change(CATALOG_ADD, CATALOG_ROUTE, name, body);
}

/* ---- The start ---- */

static void seeds_a_new_store(void **state)
{
	struct stat info;

	(void)state;
	assert_int_equal(load(), 0);
	assert_int_equal(fx.start.revision, 1);
	assert_false(fx.start.from_file);
	assert_int_equal(dialplan_route_count(fx.start.plan), 1);
	assert_int_equal(stat(fx.database, &info), 0);
	open_admin();
	assert_int_equal(add_usage("kept"), 1);
	close_admin();
	/* The store counts now: what the file says is not read any more. */
	assert_int_equal(load(), 0);
	assert_int_equal(fx.start.revision, 2);
	assert_non_null(catalog_find(fx.start.catalog, CATALOG_USAGE, NULL, "kept"));
	open_admin();
}

static void refuses_a_bad_seed(void **state)
{
	(void)state;
	read_site("", ", nowhere");
	assert_int_equal(load(), -EINVAL);
	assert_non_null(strstr(fx.faults, "gateway.yaml:"));
	assert_non_null(strstr(fx.faults, "nowhere"));
	read_site("", "");
	assert_int_equal(load(), 0);
	assert_int_equal(fx.start.revision, 1); /* the bad one was not stored */
	open_admin();
}

static void refuses_a_machine_without_its_tables(void **state)
{
	(void)state;
	assert_int_equal(load(), 0);
	open_admin();
	assert_int_equal(change(CATALOG_ADD, CATALOG_POLICY, "other", "{\"usages\": [\"out\"]}"),
			 1);
	close_admin();
	/* The new trunk names what was in no store; the other what is in it alone. */
	read_site("  b: { interface: lan, peer: 192.0.2.2, policy: other }\n", "");
	assert_int_equal(load(), 0);
	admin_start_free(&fx.start);
	read_site("  b: { interface: lan, peer: 192.0.2.2, policy: nobody }\n", "");
	assert_int_equal(load(), -EINVAL);
	assert_non_null(strstr(fx.faults, "nobody"));
	read_site("", "");
	assert_int_equal(load(), 0);
	open_admin();
}

/* A trunk that went while the program did not run: its routes are passed over, and everything else
 * can be changed; what is named anew must be there. */
static void bears_what_was_unknown_before(void **state)
{
	(void)state;
	read_site("  b: { interface: lan, peer: 192.0.2.2 }\n", "");
	assert_int_equal(load(), 0);
	open_admin();
	assert_int_equal(add_route("to-b", "b"), 1);
	close_admin();
	read_site("", "");
	assert_int_equal(load(), 0);
	open_admin();
	assert_int_equal(add_usage("more"), 1);
	assert_int_equal(add_route("again", "b"), 1);
	assert_int_equal(add_route("new", "c"), -EINVAL);
	if (!strstr(fx.text, "gateway c"))
		fail_msg("%s", fx.text);
	assert_int_equal(change(CATALOG_DELETE, CATALOG_ROUTE, "to-b", NULL), 1);
	assert_int_equal(change(CATALOG_DELETE, CATALOG_ROUTE, "again", NULL), 1);
	assert_int_equal(add_route("again", "b"), -EINVAL);
}

/* ---- Changes ---- */

static void changes_and_takes_effect(void **state)
{
	const struct dialplan *before = fx.gateway.plan;

	(void)state;
	assert_int_equal(add_route("one", "core"), 1);
	assert_int_equal(fx.revision, 2);
	assert_int_equal(fx.differences, 1);
	assert_ptr_not_equal(fx.gateway.plan, before);
	assert_int_equal(dialplan_route_count(fx.gateway.plan), 2);
	assert_int_equal(add_route("one", "core"), -EEXIST);
	assert_int_equal(change(CATALOG_SET, CATALOG_ROUTE, "one", "{\"pattern\": \"^1\"}"), 0);
	assert_int_equal(fx.revision, 2);
	assert_int_equal(change(CATALOG_SET, CATALOG_ROUTE, "two", "{\"priority\": 1}"), -ENOENT);
	assert_int_equal(change(CATALOG_DELETE, CATALOG_USAGE, "out", NULL), -EBUSY);
	assert_int_equal(change(CATALOG_PUT, CATALOG_ROUTE, "one", "{\"pattern\": \"(\"}"),
			 -EINVAL);
	assert_int_equal(change(CATALOG_DELETE, CATALOG_POLICY, "all", NULL), -EINVAL);
	assert_non_null(strstr(fx.text, "all")); /* the trunk names it */
	assert_int_equal(dialplan_route_count(fx.gateway.plan), 2);
	assert_int_equal(fx.revision, 2);
}

static int save_twice(struct store_db *db, void *arg)
{
	int rc = admin_save_job(db, arg);

	return rc > 0 ? admin_save_job(db, arg) : rc;
}

static void saved(void *arg, int rc, const char *error)
{
	(void)arg;
	(void)error;
	fx.rc = rc;
	fx.told++;
}

/* Run again because nobody knows whether it was committed, it finds what it has done itself. */
static void knows_its_own_change(void **state)
{
	static const struct catalog_change more = { .verb = CATALOG_ADD,
						    .kind = CATALOG_USAGE,
						    .name = "more",
						    .body = "{}" };
	struct admin_save_job job = { .base = 1, .author = anybody.author, .wall_us = 77 };
	struct store *store = admin_store(fx.admin);
	struct catalog *from = admin_catalog(fx.admin, NULL), *to = NULL;

	(void)state;
	assert_int_equal(catalog_change(&to, from, &more, 1, NULL, NULL), 0);
	job.from = from;
	job.to = to;
	fx.told = 0;
	assert_int_equal(store_run(store, STORE_WRITE, 0, save_twice, saved, &job), 0);
	await(1);
	assert_int_equal(fx.rc, 1);
	assert_int_equal(job.revision, 2);
	job.author.who = "somebody else";
	assert_int_equal(store_run(store, STORE_WRITE, 0, save_twice, saved, &job), 0);
	await(2);
	assert_int_equal(fx.rc, -ESTALE);
	catalog_unref(&to);
	catalog_unref(&from);
}

static void looks_before_it_leaps(void **state)
{
	struct admin_request dry = anybody, late = anybody;
	const struct catalog_change add = {
		.verb = CATALOG_ADD, .kind = CATALOG_USAGE, .name = "dry", .body = "{}"
	};
	const struct dialplan *before = fx.gateway.plan;

	(void)state;
	dry.dry_run = true;
	assert_int_equal(change_with(&dry, &add), 1);
	assert_int_equal(fx.differences, 1);
	assert_int_equal(fx.revision, 1);
	assert_ptr_equal(fx.gateway.plan, before);
	assert_false(has_usage("dry"));
	late.if_revision = 7;
	assert_int_equal(change_with(&late, &add), -ESTALE);
	assert_non_null(strstr(fx.text, "revision 1 by now, not 7"));
	late.if_revision = 1;
	assert_int_equal(change_with(&late, &add), 1);
	assert_int_equal(fx.revision, 2);
	assert_int_equal(change_with(&late, &add), -ESTALE);
}

static void applies_and_rolls_back(void **state)
{
	struct catalog *first = admin_catalog(fx.admin, NULL), *other = NULL;

	(void)state;
	assert_int_equal(add_usage("a"), 1);
	assert_int_equal(add_usage("b"), 1);
	fx.told = 0;
	admin_apply(fx.admin, &anybody, first, done, NULL);
	await(1);
	assert_int_equal(fx.rc, 1);
	assert_int_equal(fx.revision, 4);
	assert_false(has_usage("a"));
	admin_rollback(fx.admin, &anybody, 2, done, NULL);
	await(2);
	assert_int_equal(fx.rc, 1);
	assert_true(has_usage("a"));
	assert_false(has_usage("b"));
	admin_rollback(fx.admin, &anybody, 2, done, NULL);
	await(3);
	assert_int_equal(fx.rc, 0);
	admin_rollback(fx.admin, &anybody, 99, done, NULL);
	await(4);
	assert_int_equal(fx.rc, -ENOENT);
	assert_non_null(strstr(fx.text, "no revision 99"));
	assert_int_equal(catalog_create(&other),
			 0); /* nothing at all: the trunk misses its tables */
	admin_apply(fx.admin, &anybody, other, done, NULL);
	await(5);
	assert_int_equal(fx.rc, -EINVAL);
	assert_non_null(strstr(fx.text, "uk"));
	assert_non_null(strstr(fx.text, "all"));
	catalog_unref(&other);
	catalog_unref(&first);
}

static void keeps_the_order(void **state)
{
	static const char *const names[] = { "a", "b", "c", "d" };
	struct catalog *catalog;

	(void)state;
	fx.told = 0;
	for (size_t i = 0; i < 4; i++)
		admin_change(fx.admin, &anybody,
			     &(struct catalog_change){ .verb = CATALOG_ADD,
						       .kind = CATALOG_USAGE,
						       .name = names[i],
						       .body = "{}" },
			     1, done, NULL);
	await(4);
	assert_int_equal(fx.revision, 5);
	catalog = admin_catalog(fx.admin, NULL);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(catalog_at(catalog, CATALOG_USAGE, NULL, i + 1)->name,
				    names[i]);
	catalog_unref(&catalog);
}

static void takes_no_endless_queue(void **state)
{
	unsigned refused = 0;

	(void)state;
	fx.told = 0;
	for (int i = 0; i < 120; i++) {
		char name[16];

		snprintf(name, sizeof(name), "u%d", i);
		admin_change(fx.admin, &anybody,
			     &(struct catalog_change){ .verb = CATALOG_ADD,
						       .kind = CATALOG_USAGE,
						       .name = name,
						       .body = "{}" },
			     1, done, NULL);
		refused += fx.told == refused + 1 && fx.rc == -EAGAIN;
	}
	assert_in_range(refused, 15, 25);
	/* The end comes upon those that wait: each is told. */
	admin_destroy(&fx.admin);
	assert_int_equal(fx.told, 120);
	assert_int_equal(fx.rc, -ECANCELED);
}

/* ---- Others who change the same store ---- */

struct stranger {
	struct store *store;
	const struct catalog_change *change;
	bool told;
	int rc;
};

static int stranger_job(struct store_db *db, void *arg)
{
	struct stranger *s = arg;
	struct catalog_author author = { "stranger", "elsewhere", "usage add" };
	struct catalog *newest = NULL, *to = NULL;
	int64_t revision, next;
	int rc = catalog_load(db, &newest, &revision, NULL, NULL);

	if (rc >= 0)
		rc = catalog_change(&to, newest, s->change, 1, NULL, NULL);
	if (rc >= 0)
		rc = catalog_save(db, newest, revision, to, &author, 1, &next);
	catalog_unref(&to);
	catalog_unref(&newest);
	return rc;
}

static void stranger_done(void *arg, int rc, const char *error)
{
	struct stranger *s = arg;

	(void)error;
	s->told = true;
	s->rc = rc;
}

/* As another gateway of a shared store would, but without a word to us. */
static void stranger_changes(const struct catalog_change *change)
{
	char url[128], error[200];
	struct stranger s = { .change = change };
	struct loop *loop = NULL;
	struct store_cfg cfg = { .url = url, .schemas = &catalog_store_schema, .schema_count = 1 };

	snprintf(url, sizeof(url), "sqlite:%s", fx.database);
	assert_int_equal(loop_create(&loop, &clock_system), 0);
	cfg.home = loop;
	assert_int_equal(store_open(&s.store, &cfg, error, sizeof(error)), 0);
	assert_int_equal(store_run(s.store, STORE_WRITE, 0, stranger_job, stranger_done, &s), 0);
	while (!s.told)
		loop_turn(loop, TURN_MS);
	assert_int_equal(s.rc, 1);
	store_close(&s.store);
	loop_destroy(&loop);
}

static void stranger_adds(const char *usage)
{
	stranger_changes(&(struct catalog_change){
		.verb = CATALOG_ADD, .kind = CATALOG_USAGE, .name = usage, .body = "{}" });
}

static void builds_on_what_others_did(void **state)
{
	(void)state;
	stranger_adds("theirs");
	assert_false(has_usage("theirs"));
	assert_int_equal(add_usage("ours"), 1);
	assert_int_equal(fx.revision, 3);
	assert_int_equal(fx.differences, 1);
	assert_true(has_usage("theirs"));
	stranger_adds("more");
	assert_int_equal(add_usage("more"), -EEXIST); /* seen only after another look */
	assert_true(has_usage("more"));
	stranger_adds("last");
	fx.told = 0;
	admin_rollback(fx.admin, &anybody, 1, done, NULL);
	await(1);
	assert_int_equal(fx.rc, 1);
	assert_false(has_usage("last"));
	assert_false(has_usage("ours"));
}

static bool has_theirs(void)
{
	return has_usage("theirs");
}

static void takes_up_news(void **state)
{
	const struct dialplan *before = fx.gateway.plan;

	(void)state;
	stranger_adds("theirs");
	admin_refresh(fx.admin, false);
	admin_refresh(fx.admin, false);
	turn_until(has_theirs);
	assert_ptr_not_equal(fx.gateway.plan, before);
}

static bool in_trouble(void)
{
	struct admin_state now;

	admin_state(fx.admin, &now);
	return now.trouble[0] != '\0';
}

/* Another gateway deletes what our machine names: our calls go on by what there was. */
static void keeps_what_fits(void **state)
{
	const struct dialplan *before = fx.gateway.plan;
	struct admin_state now;

	(void)state;
	stranger_changes(&(struct catalog_change){
		.verb = CATALOG_DELETE, .kind = CATALOG_DIAL_PLAN, .name = "uk" });
	admin_refresh(fx.admin, false);
	turn_until(in_trouble);
	assert_ptr_equal(fx.gateway.plan, before);
	admin_state(fx.admin, &now);
	assert_int_equal(now.revision, 1);
	assert_non_null(strstr(now.trouble, "revision 2"));
	assert_non_null(strstr(now.trouble, "uk"));
	assert_int_equal(add_usage("ours"), -EINVAL);
	assert_non_null(strstr(fx.text, "uk"));
	stranger_changes(&(struct catalog_change){
		.verb = CATALOG_ADD, .kind = CATALOG_DIAL_PLAN, .name = "uk", .body = "{}" });
	assert_int_equal(add_usage("ours"), 1);
	assert_false(in_trouble());
	assert_int_equal(fx.revision, 4);
}

/* ---- Old snapshots ---- */

static unsigned retired(void)
{
	struct admin_state now;

	admin_state(fx.admin, &now);
	return now.retired;
}

static bool one_is_left(void)
{
	return retired() == 1;
}

static bool none_is_left(void)
{
	return retired() == 0;
}

static void gives_old_snapshots_back(void **state)
{
	struct dialplan *of_a_call = dialplan_ref(fx.gateway.plan);

	(void)state;
	for (int i = 0; i < 5; i++) {
		char name[8];

		snprintf(name, sizeof(name), "u%d", i);
		assert_int_equal(add_usage(name), 1);
	}
	assert_int_equal(retired(), 5);
	turn_until(one_is_left); /* that which the call reads */
	assert_int_equal(dialplan_refs(of_a_call), 2);
	dialplan_unref(&of_a_call);
	turn_until(none_is_left);
}

/* ---- Without the store ---- */

static void spoil(const char *path)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs("this is no database, however long one looks at it, and none comes of it\n", file);
	fclose(file);
}

static void serves_by_tables_kept_aside(void **state)
{
	char aside[128];

	(void)state;
	assert_int_equal(load(), 0);
	open_admin();
	assert_int_equal(add_usage("kept"), 1);
	close_admin(); /* written at the latest now */
	snprintf(aside, sizeof(aside), "%s.good", fx.database);
	assert_int_equal(rename(fx.database, aside), 0);
	spoil(fx.database);
	assert_int_equal(load(), 0);
	assert_true(fx.start.from_file);
	assert_int_equal(fx.start.revision, 2);
	assert_non_null(catalog_find(fx.start.catalog, CATALOG_USAGE, NULL, "kept"));
	open_admin();
	assert_int_equal(add_usage("refused"), -EIO);
	assert_non_null(strstr(fx.text, "store"));
	assert_non_null(strstr(fx.text, "tables.db"));
	assert_int_equal(fx.revision, 2);
	close_admin();
	/* Neither store nor file: what the configuration has. */
	assert_int_equal(unlink(fx.kept), 0);
	assert_int_equal(load(), 0);
	assert_true(fx.start.from_file);
	assert_int_equal(fx.start.revision, 0);
	admin_start_free(&fx.start);
	assert_int_equal(rename(aside, fx.database), 0);
	assert_int_equal(load(), 0);
	assert_false(fx.start.from_file);
	open_admin();
}

static void refuses_a_spoilt_file(void **state)
{
	(void)state;
	assert_int_equal(load(), 0);
	admin_start_free(&fx.start);
	spoil(fx.database);
	spoil(fx.kept);
	assert_int_equal(load(), -EINVAL);
	assert_non_null(strstr(fx.faults, "tables.yaml"));
	unlink(fx.kept);
	assert_int_equal(load(), 0);
	open_admin();
}

static bool is_seeded(void)
{
	struct admin_state now;

	admin_state(fx.admin, &now);
	return !now.from_file && now.revision == 1;
}

/* The store comes for the first time while we serve by the configuration's tables. */
static void seeds_a_store_that_comes_late(void **state)
{
	(void)state;
	spoil(fx.database);
	assert_int_equal(load(), 0);
	assert_true(fx.start.from_file);
	unlink(fx.database);
	open_admin();
	turn_until(is_seeded);
	assert_int_equal(add_usage("more"), 1);
	assert_int_equal(fx.revision, 2);
}

/* ---- The configuration ---- */

static void tells_what_a_file_lacks(void **state)
{
	char path[96], *faults = NULL;
	FILE *file;
	struct site *site;

	(void)state;
	close_admin();
	site_unref(&fx.site);
	snprintf(path, sizeof(path), "%s/gateway.yaml", fx.folder);
	file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file, machine, "");
	fprintf(file, seed, "");
	fprintf(file, "store: %s\n", fx.folder);
	fclose(file);
	assert_int_equal(site_read(&fx.site, path, &faults), 0);
	assert_int_equal(load(), 0);
	open_admin();
	site = admin_read_site(fx.admin, &faults);
	assert_non_null(site);
	site_unref(&site);
	fx.told = 0;
	admin_reload(fx.admin, false, done, NULL);
	await(1);
	assert_int_equal(fx.rc, 0); /* nothing differs */
	file = fopen(path, "w");
	fprintf(file, machine, "  b: { interface: lan, peer: 192.0.2.2, policy: nobody }\n");
	fprintf(file, "store: %s\n", fx.folder);
	fclose(file);
	assert_null(admin_read_site(fx.admin, &faults));
	assert_non_null(strstr(faults, "nobody"));
	mem_free(faults);
	admin_reload(fx.admin, false, done, NULL);
	await(2);
	assert_int_equal(fx.rc, -EINVAL);
	assert_non_null(strstr(fx.text, "nobody"));
	unlink(path);
	admin_reload(fx.admin, false, done, NULL);
	await(3);
	assert_int_equal(fx.rc, -EINVAL);
	assert_non_null(strstr(fx.text, "gateway.yaml"));
}

/* ---- Want of memory ---- */

/* A change is done or not, is told once either way, and the next one finds everything in order. */
static void survives_want_of_memory(void **state)
{
	int64_t revision = 1;
	bool failed = true;
	long n;

	(void)state;
	for (n = 0; failed; n++) {
		mem_fail_after(n);
		add_usage("new");
		failed = mem_failed();
		mem_fail_after(-1);
		assert_true(fx.rc == 1 || fx.rc == -ENOMEM || fx.rc == -EIO || fx.rc == -EINVAL);
		if (fx.rc < 0) { /* stored perhaps: another look shows it */
			int rc = add_usage("new");

			assert_true(rc == 1 || rc == -EEXIST);
		}
		assert_true(has_usage("new"));
		assert_true(fx.revision > revision);
		assert_int_equal(change(CATALOG_DELETE, CATALOG_USAGE, "new", NULL), 1);
		revision = fx.revision;
	}
	assert_in_range(n, 20, 2000);
}

static void starts_with_want_of_memory(void **state)
{
	bool failed = true;
	int rc = -1;

	(void)state;
	for (long n = 0; failed; n++) {
		mem_fail_after(n);
		rc = load();
		failed = mem_failed();
		mem_fail_after(-1);
		/* Served by the file, or not at all; never by half of the tables. */
		assert_int_equal(rc == 0, fx.start.plan != NULL);
		if (rc == 0)
			assert_int_equal(dialplan_route_count(fx.start.plan), 1);
		if (failed)
			admin_start_free(&fx.start);
	}
	assert_int_equal(rc, 0);
	open_admin();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(seeds_a_new_store, setup_files, teardown),
		cmocka_unit_test_setup_teardown(refuses_a_bad_seed, setup_files, teardown),
		cmocka_unit_test_setup_teardown(refuses_a_machine_without_its_tables, setup_files,
						teardown),
		cmocka_unit_test_setup_teardown(bears_what_was_unknown_before, setup_files,
						teardown),
		cmocka_unit_test_setup_teardown(changes_and_takes_effect, setup, teardown),
		cmocka_unit_test_setup_teardown(knows_its_own_change, setup, teardown),
		cmocka_unit_test_setup_teardown(looks_before_it_leaps, setup, teardown),
		cmocka_unit_test_setup_teardown(applies_and_rolls_back, setup, teardown),
		cmocka_unit_test_setup_teardown(keeps_the_order, setup, teardown),
		cmocka_unit_test_setup_teardown(takes_no_endless_queue, setup, teardown),
		cmocka_unit_test_setup_teardown(builds_on_what_others_did, setup, teardown),
		cmocka_unit_test_setup_teardown(takes_up_news, setup, teardown),
		cmocka_unit_test_setup_teardown(keeps_what_fits, setup, teardown),
		cmocka_unit_test_setup_teardown(gives_old_snapshots_back, setup, teardown),
		cmocka_unit_test_setup_teardown(serves_by_tables_kept_aside, setup_files, teardown),
		cmocka_unit_test_setup_teardown(refuses_a_spoilt_file, setup_files, teardown),
		cmocka_unit_test_setup_teardown(seeds_a_store_that_comes_late, setup_files,
						teardown),
		cmocka_unit_test_setup_teardown(tells_what_a_file_lacks, setup, teardown),
		cmocka_unit_test_setup_teardown(survives_want_of_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(starts_with_want_of_memory, setup_files, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
