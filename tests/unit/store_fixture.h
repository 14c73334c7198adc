/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TESTS_STORE_FIXTURE_H
#define TESTS_STORE_FIXTURE_H

/* What a store does, whichever database stands behind it: the same cases for SQLite and PostgreSQL.
 * The program sets `fx.url` and `fx.namespace_name` in its setup, for a database that is new. */

#pragma GCC diagnostic ignored "-Wunused-function" /* not every test needs all of it */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "conf/store/store.h"

#include <errno.h>
#include <float.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct store_migration steps[] = {
	{ 1, "CREATE TABLE route (name TEXT PRIMARY KEY, priority BIGINT NOT NULL,"
	     " weight DOUBLE PRECISION, note TEXT);"
	     "CREATE TABLE member (route TEXT NOT NULL REFERENCES route (name), gateway TEXT NOT "
	     "NULL, PRIMARY KEY (route, gateway));"
	     "INSERT INTO route (name, priority) VALUES ('seed', 0)" },
	{ 2, "ALTER TABLE route ADD COLUMN colour TEXT DEFAULT 'blue';"
	     "CREATE INDEX route_priority ON route (priority)" },
	{ 3, "CREATE TABLE broken (id BIGINT PRIMARY KEY); INSERT INTO nowhere VALUES (1)" },
};
static const struct store_schema version1 = { "tables", steps, 1 };
static const struct store_schema version2 = { "tables", steps, 2 };
static const struct store_schema version3 = { "tables", steps, 3 };

static struct fixture {
	struct loop *loop;
	struct store *store;
	char folder[64], url[256], error[512];
	const char *namespace_name;
	long blocks;
	/* of the last job */
	bool told;
	int rc;
	/* of what a query told */
	struct store_value cells[16];
	char texts[16][128];
	size_t rows, columns;
	sem_t gate, entered;
	int order[64], ordered;
	unsigned changes, notified;
	char payload[64];
} fx;

/* ---- Helpers ---- */

static void changed(void *arg)
{
	(void)arg;
	fx.changes++;
}

static void notified(void *arg, const char *payload)
{
	(void)arg;
	fx.notified++;
	snprintf(fx.payload, sizeof(fx.payload), "%s", payload);
}

static struct store_cfg cfg_of(const struct store_schema *schema)
{
	return (struct store_cfg){ .url = fx.url,
				   .namespace_name = fx.namespace_name,
				   .schemas = schema,
				   .schema_count = 1,
				   .home = fx.loop,
				   .thread_name = "store",
				   .changed = changed,
				   .notified = notified };
}

static struct store *open_store(const struct store_cfg *cfg)
{
	struct store *store = NULL;

	assert_int_equal(store_open(&store, cfg, fx.error, sizeof(fx.error)), 0);
	return store;
}

static int await(struct store *store)
{
	fx.error[0] = 0;
	return store_wait(store, 20000, fx.error, sizeof(fx.error));
}

static struct store *open_version(const struct store_schema *schema)
{
	const struct store_cfg cfg = cfg_of(schema);
	struct store *store = open_store(&cfg);
	int rc = await(store);

	if (rc)
		print_error("%s\n", fx.error);
	assert_int_equal(rc, 0);
	return store;
}

static void open_fx(void)
{
	fx.store = open_version(&version2);
}

static void done(void *arg, int rc, const char *error)
{
	struct fixture *f = arg;

	f->told = true;
	f->rc = rc;
	snprintf(f->error, sizeof(f->error), "%s", error);
}

static int finish(void)
{
	while (!fx.told)
		loop_turn(fx.loop, 20000);
	return fx.rc;
}

static int run_on(struct store *store, enum store_access access, store_job_fn job)
{
	fx.told = false;
	assert_int_equal(store_run(store, access, 0, job, done, &fx), 0);
	return finish();
}

static int write_job(store_job_fn job)
{
	return run_on(fx.store, STORE_WRITE, job);
}

static int read_job(store_job_fn job)
{
	return run_on(fx.store, STORE_READ, job);
}

static int keep_cells(void *arg, const struct store_value *columns, size_t n)
{
	struct fixture *f = arg;

	f->rows++;
	f->columns = n;
	for (size_t i = 0; i < n && i < 16; i++) {
		f->cells[i] = columns[i];
		if (columns[i].type != STORE_TEXT)
			continue;
		assert_int_equal(strlen(columns[i].text), columns[i].length);
		snprintf(f->texts[i], sizeof(f->texts[i]), "%s", columns[i].text);
		f->cells[i].text = f->texts[i];
	}
	return 0;
}

static int insert(struct store_db *db, const char *name, int64_t priority)
{
	const struct store_value values[] = { store_text(name), store_integer(priority) };

	return store_exec(db, "INSERT INTO route (name, priority) VALUES ($1, $2)", values, 2);
}

static int count_routes(struct store_db *db, void *arg)
{
	(void)arg;
	fx.rows = 0;
	return store_query(db, "SELECT count(*) FROM route WHERE name <> 'seed'", NULL, 0,
			   keep_cells, &fx);
}

static int64_t routes(void)
{
	assert_int_equal(read_job(count_routes), 1);
	assert_int_equal(fx.cells[0].type, STORE_INTEGER);
	return fx.cells[0].integer;
}

static int insert_one(struct store_db *db, void *arg)
{
	(void)arg;
	return insert(db, "London", 10);
}

/* ---- Values ---- */

static const char umlauts[] = "Z\xc3\xbcrich \xe2\x82\xac '\"\\$1;";

static int write_values(struct store_db *db, void *arg)
{
	const struct store_value all[] = { store_integer(INT64_MIN),
					   store_text(umlauts),
					   store_real(0.1),
					   { .type = STORE_NULL } };
	const struct store_value some[] = { store_text("b"), store_integer(INT64_MAX),
					    store_real(DBL_MAX), store_text("") };
	int rc = store_exec(db,
			    "INSERT INTO route (name, priority, weight, note) "
			    "VALUES ($2, $1, $3, $4)",
			    all, 4);

	(void)arg;
	if (rc == 1)
		rc = store_exec(db,
				"INSERT INTO route (name, priority, weight, note) "
				"VALUES ($1, $2, $3, $4)",
				some, 4);
	return rc;
}

static int read_values(struct store_db *db, void *arg)
{
	const struct store_value name = store_text(arg);

	fx.rows = 0;
	return store_query(db,
			   "SELECT name, priority, weight, note, $1 = name FROM route "
			   "WHERE name = $1 OR note = $1",
			   &name, 1, keep_cells, &fx);
}

static int read_umlauts(struct store_db *db, void *arg)
{
	(void)arg;
	return read_values(db, (void *)umlauts);
}

static int read_b(struct store_db *db, void *arg)
{
	(void)arg;
	return read_values(db, "b");
}

static void test_values(void **state)
{
	(void)state;
	open_fx();
	assert_int_equal(write_job(write_values), 1);
	assert_int_equal(read_job(read_umlauts), 1);
	assert_int_equal(fx.columns, 5);
	assert_string_equal(fx.cells[0].text, umlauts);
	assert_true(fx.cells[1].type == STORE_INTEGER && fx.cells[1].integer == INT64_MIN);
	assert_true(fx.cells[2].type == STORE_REAL && fx.cells[2].real == 0.1);
	assert_int_equal(fx.cells[3].type, STORE_NULL);
	assert_true(fx.cells[4].type == STORE_INTEGER && fx.cells[4].integer == 1);
	assert_int_equal(read_job(read_b), 1);
	assert_true(fx.cells[1].integer == INT64_MAX);
	assert_true(fx.cells[2].type == STORE_REAL && fx.cells[2].real == DBL_MAX);
	assert_true(fx.cells[3].type == STORE_TEXT && fx.cells[3].length == 0);
}

/* A parameter that is compared with a small number may still be large. */
static int large_parameter(struct store_db *db, void *arg)
{
	const struct store_value values[] = { store_integer(INT64_C(1) << 50),
					      { .type = STORE_NULL } };

	(void)arg;
	fx.rows = 0;
	return store_query(db,
			   "SELECT sum(priority), count(*) FROM route WHERE ($1 = 0 OR "
			   "priority < $1) AND (CAST($2 AS TEXT) IS NULL OR name = $2)",
			   values, 2, keep_cells, &fx);
}

static void test_large_parameter(void **state)
{
	(void)state;
	open_fx();
	assert_int_equal(write_job(insert_one), 1);
	assert_int_equal(read_job(large_parameter), 1);
	assert_true(fx.cells[0].type == STORE_INTEGER && fx.cells[0].integer == 10);
	assert_int_equal(fx.cells[1].integer, 2);
}

/* More statements than are kept, each of them twice. */
static int many_statements(struct store_db *db, void *arg)
{
	char sql[64];
	int rc = 0;

	(void)arg;
	for (int i = 0; rc >= 0 && i < 600; i++) {
		snprintf(sql, sizeof(sql), "SELECT %d + $1", i % 300);
		fx.rows = 0;
		rc = store_query(db, sql, &(struct store_value){ STORE_INTEGER, .integer = 1000 },
				 1, keep_cells, &fx);
		if (rc >= 0 && (rc != 1 || fx.cells[0].integer != 1000 + i % 300))
			return -EBADMSG;
	}
	return rc;
}

static void test_many_statements(void **state)
{
	(void)state;
	open_fx();
	assert_int_equal(read_job(many_statements), 1);
}

static int nested_row(void *arg, const struct store_value *columns, size_t n)
{
	struct store_db *db = arg;
	int64_t depth = columns[0].integer;

	(void)n;
	if (depth >= 3)
		return 0;
	return store_query(db, "SELECT $1 + 1 FROM route", &columns[0], 1, nested_row, db);
}

static int nested(struct store_db *db, void *arg)
{
	(void)arg;
	return store_query(db, "SELECT $1 + 1 FROM route",
			   &(struct store_value){ STORE_INTEGER, .integer = 0 }, 1, nested_row, db);
}

/* The same query within itself. */
static void test_nested(void **state)
{
	(void)state;
	open_fx();
	assert_int_equal(read_job(nested), 1);
}

static int stop_row(void *arg, const struct store_value *columns, size_t n)
{
	(void)arg;
	(void)columns;
	(void)n;
	return -ENOENT;
}

static int stopped_query(struct store_db *db, void *arg)
{
	int rc = store_query(db, "SELECT name FROM route", NULL, 0, stop_row, NULL);

	(void)arg;
	/* The row's own error is none of the database. */
	return rc == -ENOENT ? insert(db, "London", 1) : -EBADMSG;
}

static void test_row_ends_query(void **state)
{
	(void)state;
	open_fx();
	assert_int_equal(write_job(stopped_query), 1);
	assert_int_equal(routes(), 1);
}

/* ---- Transactions ---- */

static int insert_and_fail(struct store_db *db, void *arg)
{
	int rc = insert(db, "London", 1);

	(void)arg;
	return rc < 0 ? rc : -EXDEV;
}

static void test_error_rolls_back(void **state)
{
	(void)state;
	open_fx();
	assert_int_equal(write_job(insert_and_fail), -EXDEV);
	assert_int_equal(routes(), 0);
	assert_int_equal(write_job(insert_one), 1);
	assert_int_equal(routes(), 1);
}

static int insert_twice(struct store_db *db, void *arg)
{
	int rc = insert(db, "Paris", 1);

	(void)arg;
	return rc < 0 ? rc : insert(db, "London", 1);
}

static void test_key_is_there(void **state)
{
	(void)state;
	open_fx();
	assert_int_equal(write_job(insert_one), 1);
	assert_int_equal(write_job(insert_twice), -EEXIST);
	assert_true(fx.error[0] != 0);
	assert_int_equal(routes(), 1);
}

static int ignore_error(struct store_db *db, void *arg)
{
	(void)arg;
	insert(db, "Paris", 1);
	insert(db, "Paris", 1);
	insert(db, "Rome", 1);
	return 7;
}

static void test_ignored_error_rolls_back(void **state)
{
	(void)state;
	open_fx();
	assert_int_equal(write_job(ignore_error), -EEXIST);
	assert_int_equal(routes(), 0);
}

static int insert_or_not(struct store_db *db, void *arg)
{
	const struct store_value values[] = { store_text("London"), store_integer(5) };

	(void)arg;
	return store_exec(db,
			  "INSERT INTO route (name, priority) VALUES ($1, $2) "
			  "ON CONFLICT DO NOTHING",
			  values, 2);
}

static void test_on_conflict(void **state)
{
	(void)state;
	open_fx();
	assert_int_equal(write_job(insert_or_not), 1);
	assert_int_equal(write_job(insert_or_not), 0);
	assert_int_equal(routes(), 1);
}

static void test_reader_may_not_write(void **state)
{
	(void)state;
	open_fx();
	assert_int_equal(read_job(insert_one), -EROFS);
	assert_int_equal(write_job(insert_one), 1);
}

static int bad_sql(struct store_db *db, void *arg)
{
	(void)arg;
	return store_exec(db, "INSERT INTO nowhere VALUES (1)", NULL, 0);
}

static int bad_count(struct store_db *db, void *arg)
{
	const struct store_value one = store_integer(1);

	(void)arg;
	return store_query(db, "SELECT name FROM route WHERE priority = $1 OR name = $2", &one, 1,
			   keep_cells, &fx);
}

static int bad_reference(struct store_db *db, void *arg)
{
	(void)arg;
	return store_exec(db, "INSERT INTO member (route, gateway) VALUES ('Atlantis', 'g')", NULL,
			  0);
}

static int bad_null(struct store_db *db, void *arg)
{
	(void)arg;
	return store_exec(db, "INSERT INTO route (name, priority) VALUES ('x', NULL)", NULL, 0);
}

static void test_bad_statements(void **state)
{
	(void)state;
	open_fx();
	assert_int_equal(write_job(bad_sql), -EINVAL);
	assert_non_null(strstr(fx.error, "nowhere"));
	assert_int_equal(read_job(bad_count), -EINVAL);
	assert_int_equal(write_job(bad_reference), -ENOENT);
	assert_int_equal(write_job(bad_null), -EINVAL);
	assert_int_equal(write_job(insert_one), 1);
}

/* Two stores add to one number, each by reading it first: nothing is lost. */
static unsigned adds_done;

static int add_one(struct store_db *db, void *arg)
{
	struct fixture own = { .rows = 0 };
	int rc;

	(void)arg;
	rc = store_query(db, "SELECT priority FROM route WHERE name = 'London'", NULL, 0,
			 keep_cells, &own);
	if (rc < 0)
		return rc;
	usleep(500);
	return store_exec(
		db, "UPDATE route SET priority = $1 WHERE name = 'London'",
		&(struct store_value){ STORE_INTEGER, .integer = own.cells[0].integer + 1 }, 1);
}

static void add_done(void *arg, int rc, const char *error)
{
	(void)arg;
	if (rc != 1)
		print_error("%d %s\n", rc, error);
	assert_int_equal(rc, 1);
	adds_done++;
}

static int read_priority(struct store_db *db, void *arg)
{
	(void)arg;
	return store_query(db, "SELECT priority FROM route WHERE name = 'London'", NULL, 0,
			   keep_cells, &fx);
}

static void test_two_writers(void **state)
{
	struct store *other;

	(void)state;
	open_fx();
	assert_int_equal(write_job(insert_one), 1);
	other = open_version(&version2);
	adds_done = 0;
	for (int i = 0; i < 40; i++) {
		assert_int_equal(store_run(fx.store, STORE_WRITE, 0, add_one, add_done, NULL), 0);
		assert_int_equal(store_run(other, STORE_WRITE, 0, add_one, add_done, NULL), 0);
	}
	while (adds_done < 80)
		loop_turn(fx.loop, 1000);
	assert_int_equal(read_job(read_priority), 1);
	assert_int_equal(fx.cells[0].integer, 90);
	store_close(&other);
}

/* ---- Schemas ---- */

static int read_colour(struct store_db *db, void *arg)
{
	(void)arg;
	fx.rows = 0;
	return store_query(db, "SELECT colour FROM route WHERE name = 'London'", NULL, 0,
			   keep_cells, &fx);
}

static void test_migration(void **state)
{
	struct store_state s;

	(void)state;
	fx.store = open_version(&version1);
	assert_int_equal(write_job(insert_one), 1);
	store_state(fx.store, &s);
	assert_int_equal(s.version[0], 1);
	store_close(&fx.store);
	open_fx();
	store_state(fx.store, &s);
	assert_int_equal(s.version[0], 2);
	assert_int_equal(read_job(read_colour), 1);
	assert_string_equal(fx.cells[0].text, "blue");
	store_close(&fx.store);
	open_fx();
	assert_int_equal(routes(), 1);
}

static void test_newer_version(void **state)
{
	const struct store_cfg cfg = cfg_of(&version1);

	(void)state;
	open_fx();
	store_close(&fx.store);
	fx.store = open_store(&cfg);
	assert_int_equal(await(fx.store), -ENOTSUP);
	assert_non_null(strstr(fx.error, "version 2 of \"tables\", this program knows 1"));
	store_close(&fx.store);
	open_fx();
	assert_int_equal(write_job(insert_one), 1);
}

/* A step that fails leaves nothing of any step. */
static void test_failed_migration(void **state)
{
	const struct store_cfg cfg = cfg_of(&version3);
	struct store_state s;

	(void)state;
	fx.store = open_version(&version1);
	store_close(&fx.store);
	fx.store = open_store(&cfg);
	assert_int_equal(await(fx.store), -EINVAL);
	assert_non_null(strstr(fx.error, "nowhere"));
	store_close(&fx.store);
	fx.store = open_version(&version1);
	store_state(fx.store, &s);
	assert_int_equal(s.version[0], 1);
	assert_int_equal(write_job(insert_one), 1);
}

static void test_two_migrate_at_once(void **state)
{
	const struct store_cfg cfg = cfg_of(&version2);
	struct store *all[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		all[i] = open_store(&cfg);
	for (int i = 0; i < 4; i++) {
		int rc = await(all[i]);

		if (rc)
			print_error("%s\n", fx.error);
		assert_int_equal(rc, 0);
	}
	for (int i = 0; i < 4; i++)
		store_close(&all[i]);
	open_fx();
	assert_int_equal(routes(), 0);
}

/* A reader that comes first waits for the tables. */
static void test_reader_waits_for_tables(void **state)
{
	struct store_cfg cfg = cfg_of(&version2);
	struct store *reader;

	(void)state;
	cfg.read_only = true;
	reader = open_store(&cfg);
	fx.error[0] = 0;
	assert_int_equal(store_wait(reader, 300, fx.error, sizeof(fx.error)), -ETIMEDOUT);
	open_fx();
	assert_int_equal(await(reader), 0);
	assert_int_equal(run_on(reader, STORE_WRITE, insert_one), -EROFS);
	assert_int_equal(run_on(reader, STORE_READ, count_routes), 1);
	store_close(&reader);
}

/* ---- Queue ---- */

static int note_order(struct store_db *db, void *arg)
{
	(void)db;
	fx.order[fx.ordered++] = (int)(intptr_t)arg;
	return 0;
}

static unsigned told_count;
static int told_rc[64];

static void note_told(void *arg, int rc, const char *error)
{
	(void)error;
	told_rc[(intptr_t)arg] = rc;
	told_count++;
}

static void test_order(void **state)
{
	(void)state;
	open_fx();
	told_count = 0;
	for (intptr_t i = 0; i < 32; i++)
		store_run(fx.store, STORE_WRITE, 0, note_order, note_told, (void *)i);
	while (told_count < 32)
		loop_turn(fx.loop, 1000);
	for (int i = 0; i < 32; i++)
		assert_int_equal(fx.order[i], i);
}

static int block(struct store_db *db, void *arg)
{
	(void)db;
	(void)arg;
	sem_post(&fx.entered);
	sem_wait(&fx.gate);
	return 3;
}

static void test_patience(void **state)
{
	struct store_state s;

	(void)state;
	open_fx();
	told_count = 0;
	store_run(fx.store, STORE_WRITE, 0, block, note_told, (void *)0);
	sem_wait(&fx.entered);
	store_run(fx.store, STORE_WRITE, 20, insert_one, note_told, (void *)1);
	store_run(fx.store, STORE_READ, 0, count_routes, note_told, (void *)2);
	while (told_count < 1)
		loop_turn(fx.loop, 1000);
	assert_int_equal(told_rc[1], -ETIMEDOUT);
	store_state(fx.store, &s);
	assert_int_equal(s.waiting, 1);
	assert_int_equal(s.failed, 1);
	sem_post(&fx.gate);
	while (told_count < 3)
		loop_turn(fx.loop, 1000);
	assert_int_equal(told_rc[0], 3);
	assert_int_equal(told_rc[2], 1);
	assert_int_equal(fx.cells[0].integer, 0); /* it was not run */
}

/* Many short statements, until it is stopped. */
static int endless_job(struct store_db *db, void *arg)
{
	int rc = insert(db, "London", 1);

	(void)arg;
	sem_post(&fx.entered);
	while (rc >= 0)
		rc = store_query(db, "SELECT 1", NULL, 0, NULL, NULL);
	return rc;
}

static void test_close_with_jobs(void **state)
{
	(void)state;
	open_fx();
	told_count = 0;
	store_run(fx.store, STORE_WRITE, 0, endless_job, note_told, (void *)0);
	for (intptr_t i = 1; i < 10; i++)
		store_run(fx.store, STORE_WRITE, i % 2 ? 60000 : 0, insert_one, note_told,
			  (void *)i);
	sem_wait(&fx.entered);
	store_close(&fx.store);
	assert_int_equal(told_count, 10);
	for (int i = 0; i < 10; i++)
		assert_int_equal(told_rc[i], -ECANCELED);
	open_fx();
	assert_int_equal(routes(), 0);
}

static void close_in_done(void *arg, int rc, const char *error)
{
	(void)arg;
	(void)rc;
	(void)error;
	told_count++;
	store_close(&fx.store);
}

static void test_close_when_told(void **state)
{
	(void)state;
	open_fx();
	told_count = 0;
	store_run(fx.store, STORE_WRITE, 0, insert_one, close_in_done, NULL);
	store_run(fx.store, STORE_WRITE, 0, insert_one, close_in_done, NULL);
	while (told_count < 2)
		loop_turn(fx.loop, 1000);
	loop_turn(fx.loop, 0);
}

/* ---- Whole databases ---- */

static int fill(struct store_db *db, void *arg)
{
	char name[32];
	int rc = 0;

	(void)arg;
	for (int i = 0; rc >= 0 && i < 1500; i++) {
		snprintf(name, sizeof(name), "r%04d", i);
		rc = insert(db, name, i);
	}
	if (rc >= 0)
		rc = store_exec(db, "INSERT INTO member (route, gateway) VALUES ('r0007', 'g')",
				NULL, 0);
	return rc;
}

static int empty(struct store_db *db, void *arg)
{
	int rc = store_exec(db, "DELETE FROM member", NULL, 0);

	(void)arg;
	if (rc >= 0)
		rc = store_exec(db, "DELETE FROM route", NULL, 0);
	return rc < 0 ? rc : insert(db, "left", 1);
}

static int sums(struct store_db *db, void *arg)
{
	(void)arg;
	return store_query(db,
			   "SELECT count(*), sum(priority), (SELECT count(*) FROM member), "
			   "min(colour) FROM route",
			   NULL, 0, keep_cells, &fx);
}

static void expect_full(void)
{
	assert_int_equal(read_job(sums), 1);
	assert_int_equal(fx.cells[0].integer, 1501);
	assert_int_equal(fx.cells[1].integer, 1500 * 1499 / 2);
	assert_int_equal(fx.cells[2].integer, 1);
	assert_string_equal(fx.cells[3].text, "blue");
}

static char *in_folder(const char *name)
{
	static char path[4][128];
	static int turn;

	turn = (turn + 1) % 4;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", fx.folder, name);
	return path[turn];
}

static int back_up(const char *name)
{
	fx.told = false;
	assert_int_equal(store_backup(fx.store, in_folder(name), done, &fx), 0);
	return finish();
}

static int restore(const char *name)
{
	fx.told = false;
	assert_int_equal(store_restore(fx.store, in_folder(name), done, &fx), 0);
	return finish();
}

static void test_backup_and_restore(void **state)
{
	(void)state;
	open_fx();
	assert_true(write_job(fill) >= 0);
	assert_int_equal(back_up("backup"), 0);
	assert_int_equal(back_up("backup"), -EEXIST);
	assert_non_null(strstr(fx.error, "replaces nothing"));
	assert_int_equal(write_job(empty), 1);
	assert_int_equal(restore("backup"), 0);
	expect_full();
	assert_int_not_equal(access(in_folder("backup.part"), F_OK), 0);
	assert_int_not_equal(access(in_folder("backup-wal"), F_OK), 0);
}

/* A backup of an older version is brought up to ours in a copy: the file stays as it is. */
static void test_restore_older(void **state)
{
	(void)state;
	fx.store = open_version(&version1);
	assert_true(write_job(fill) >= 0);
	assert_int_equal(back_up("old"), 0);
	store_close(&fx.store);
	open_fx();
	assert_int_equal(write_job(empty), 1);
	assert_int_equal(restore("old"), 0);
	expect_full();
	assert_int_equal(restore("old"), 0);
}

static void spoil(const char *path, long at)
{
	FILE *file = fopen(path, "r+");
	static const char rubbish[2048] = { 0x55 };

	assert_non_null(file);
	assert_int_equal(fseek(file, at, SEEK_SET), 0);
	assert_int_equal(fwrite(rubbish, sizeof(rubbish), 1, file), 1);
	fclose(file);
}

static void test_restore_refuses(void **state)
{
	FILE *file;

	(void)state;
	open_fx();
	assert_true(write_job(fill) >= 0);
	assert_int_equal(back_up("good"), 0);
	assert_int_equal(restore("missing"), -ENOENT);
	file = fopen(in_folder("text"), "w");
	fputs("no database at all, but some text that is long enough to look at", file);
	fclose(file);
	assert_int_equal(restore("text"), -EBADMSG);
	assert_int_equal(back_up("spoilt"), 0);
	spoil(in_folder("spoilt"), 3 * 4096);
	assert_int_equal(restore("spoilt"), -EBADMSG);
	assert_non_null(strstr(fx.error, "spoilt"));
	file = fopen(in_folder("empty"), "w");
	fclose(file);
	assert_int_equal(restore("empty"), -EINVAL);
	assert_non_null(strstr(fx.error, "no backup of this"));
	expect_full();
	store_close(&fx.store);
}

/* ---- Frame ---- */

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define STORE_SUITE                                                                                \
	STORE_TEST(test_values), STORE_TEST(test_large_parameter),                                 \
		STORE_TEST(test_many_statements), STORE_TEST(test_nested),                         \
		STORE_TEST(test_row_ends_query), STORE_TEST(test_error_rolls_back),                \
		STORE_TEST(test_key_is_there), STORE_TEST(test_ignored_error_rolls_back),          \
		STORE_TEST(test_on_conflict), STORE_TEST(test_reader_may_not_write),               \
		STORE_TEST(test_bad_statements), STORE_TEST(test_two_writers),                     \
		STORE_TEST(test_migration), STORE_TEST(test_newer_version),                        \
		STORE_TEST(test_failed_migration), STORE_TEST(test_two_migrate_at_once),           \
		STORE_TEST(test_reader_waits_for_tables), STORE_TEST(test_order),                  \
		STORE_TEST(test_patience), STORE_TEST(test_close_with_jobs),                       \
		STORE_TEST(test_close_when_told), STORE_TEST(test_backup_and_restore),             \
		STORE_TEST(test_restore_older), STORE_TEST(test_restore_refuses)

static void ignore_log(enum log_level level, const char *line, void *arg)
{
	(void)level;
	(void)line;
	(void)arg;
}

static void begin(void)
{
	memset(&fx, 0, sizeof(fx));
	fx.blocks = mem_live_blocks();
	if (!getenv("CAUSEWAY_LOG"))
		log_set_sink(ignore_log, NULL);
	snprintf(fx.folder, sizeof(fx.folder), "/tmp/cw-store-XXXXXX");
	assert_non_null(mkdtemp(fx.folder));
	sem_init(&fx.gate, 0, 0);
	sem_init(&fx.entered, 0, 0);
	assert_int_equal(loop_create(&fx.loop, &clock_system), 0);
}

static void end(void)
{
	char command[128];

	store_close(&fx.store);
	loop_destroy(&fx.loop);
	log_set_sink(NULL, NULL);
	snprintf(command, sizeof(command), "rm -rf '%s'", fx.folder);
	assert_int_equal(system(command), 0);
	assert_int_equal(mem_live_blocks(), fx.blocks);
}

#endif
