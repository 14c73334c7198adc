/* SPDX-License-Identifier: GPL-2.0-only */
#include "store_fixture.h"

#include "conf/store/statements.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>

static int setup(void **state)
{
	(void)state;
	begin();
	snprintf(fx.url, sizeof(fx.url), "sqlite:%s/db", fx.folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	end();
	return 0;
}

static const char *db_file(void)
{
	return fx.url + strlen("sqlite:");
}

static void expect_refusal(int rc, const char *words)
{
	const struct store_cfg cfg = cfg_of(&version2);

	fx.store = open_store(&cfg);
	assert_int_equal(await(fx.store), rc);
	if (!strstr(fx.error, words))
		print_error("%s\n", fx.error);
	assert_non_null(strstr(fx.error, words));
}

static void test_urls(void **state)
{
	static const char *const bad[] = { "mysql:x", "sqlite:", "", "/var/lib/x",
					   "postgresql://h:secret@:x%zz/" };
	struct store *store = NULL;

	(void)state;
	for (size_t i = 0; i <= sizeof(bad) / sizeof(*bad); i++) {
		struct store_cfg cfg = cfg_of(&version1);

		if (i < sizeof(bad) / sizeof(*bad))
			cfg.url = bad[i];
		else
			cfg.schema_count = 9;
		fx.error[0] = 0;
		assert_int_equal(store_open(&store, &cfg, fx.error, sizeof(fx.error)), -EINVAL);
		assert_null(store);
		assert_true(fx.error[0] != 0);
		assert_null(strstr(fx.error, "secret"));
	}
}

static void test_state(void **state)
{
	struct store_state s;
	struct stat st;

	(void)state;
	open_fx();
	while (!fx.changes)
		loop_turn(fx.loop, 1000);
	assert_int_equal(write_job(insert_one), 1);
	assert_int_equal(write_job(insert_one), -EEXIST);
	store_state(fx.store, &s);
	assert_true(s.up && s.done == 1 && s.failed == 1 && s.waiting == 0);
	assert_string_equal(s.kind, "sqlite");
	assert_string_equal(s.where, db_file());
	assert_string_equal(s.error, "");
	assert_true(s.since_wall_us > 0);
	assert_int_equal(stat(db_file(), &st), 0);
	assert_int_equal(st.st_mode & 0777 & 07, 0); /* not everybody's */
}

static int insert_first(struct store_db *db, void *arg)
{
	(void)arg;
	fx.order[fx.ordered++] = 100;
	return insert(db, "London", 1);
}

/* Another program holds the write lock: the job waits and is run again. */
static void test_busy(void **state)
{
	struct store_state s;
	sqlite3 *other;

	(void)state;
	open_fx();
	told_count = 0;
	assert_int_equal(sqlite3_open(db_file(), &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	fx.told = false;
	store_run(fx.store, STORE_WRITE, 0, insert_first, done, &fx);
	for (intptr_t i = 0; i < 8; i++) /* they stay behind it */
		store_run(fx.store, STORE_WRITE, 0, note_order, note_told, (void *)i);
	do {
		loop_turn(fx.loop, 10);
		store_state(fx.store, &s);
	} while (s.retried < 2);
	assert_false(fx.told);
	assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(finish(), 1);
	while (told_count < 8)
		loop_turn(fx.loop, 1000);
	assert_int_equal(fx.order[0], 100);
	assert_int_equal(fx.order[8], 7);
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
	assert_int_equal(routes(), 1);
}

static void test_busy_too_long(void **state)
{
	sqlite3 *other;

	(void)state;
	open_fx();
	assert_int_equal(sqlite3_open(db_file(), &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	fx.told = false;
	store_run(fx.store, STORE_WRITE, 50, insert_one, done, &fx);
	assert_int_equal(finish(), -ETIMEDOUT);
	/* Who only reads is not kept waiting. */
	assert_int_equal(routes(), 0);
	fx.told = false;
	store_run(fx.store, STORE_WRITE, 0, insert_one, done, &fx);
	store_close(&fx.store);
	assert_int_equal(fx.rc, -ECANCELED);
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
}

static int endless(struct store_db *db, void *arg)
{
	(void)arg;
	return store_query(db,
			   "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
			   "SELECT max(i) FROM n",
			   NULL, 0, keep_cells, &fx);
}

static void test_endless_query(void **state)
{
	(void)state;
	open_fx();
	fx.told = false;
	store_run(fx.store, STORE_READ, 50, endless, done, &fx);
	assert_int_equal(finish(), -ETIMEDOUT);
	assert_int_equal(routes(), 0);
	fx.told = false;
	store_run(fx.store, STORE_READ, 0, endless, done, &fx);
	store_close(&fx.store); /* after its grace */
	assert_int_equal(fx.rc, -ECANCELED);
}

/* Patience is of the home loop's clock, also when a test turns it. */
static void test_patience_in_virtual_time(void **state)
{
	struct clock_virtual clock;

	(void)state;
	loop_destroy(&fx.loop);
	clock_virtual_init(&clock);
	assert_int_equal(loop_create(&fx.loop, &clock.clock), 0);
	open_fx();
	told_count = 0;
	store_run(fx.store, STORE_WRITE, 0, block, note_told, (void *)0);
	sem_wait(&fx.entered);
	store_run(fx.store, STORE_WRITE, 3600000, insert_one, note_told, (void *)1);
	store_run(fx.store, STORE_WRITE, 60000, insert_one, note_told, (void *)2);
	loop_advance(fx.loop, &clock, 59999000);
	assert_int_equal(told_count, 0);
	loop_advance(fx.loop, &clock, 1000);
	assert_int_equal(told_count, 1);
	assert_int_equal(told_rc[2], -ETIMEDOUT);
	sem_post(&fx.gate);
	while (told_count < 3)
		loop_turn(fx.loop, 0);
	assert_int_equal(told_rc[1], 1);
	store_close(&fx.store);
	loop_destroy(&fx.loop);
}

static void test_no_folder(void **state)
{
	(void)state;
	snprintf(fx.url, sizeof(fx.url), "sqlite:%s/missing/db", fx.folder);
	expect_refusal(-ENOENT, "folder");
}

static void test_no_database(void **state)
{
	FILE *file = fopen(db_file(), "w");

	(void)state;
	fputs("this is no database but some text that is long enough to be looked at by SQLite, "
	      "which wants a hundred octets at least",
	      file);
	fclose(file);
	expect_refusal(-EBADMSG, "restore a backup");
}

static void test_corrupt_page(void **state)
{
	(void)state;
	open_fx();
	assert_true(write_job(fill) >= 0);
	store_close(&fx.store);
	for (long page = 2; page < 8; page++)
		spoil(db_file(), page * 4096);
	open_fx();
	assert_int_equal(read_job(sums), -EBADMSG);
	assert_non_null(strstr(fx.error, "restore a backup"));
}

/* Root may write anything: this is as far as the mode of a file goes. */
static void test_read_only(void **state)
{
	struct store_cfg cfg = cfg_of(&version2);

	(void)state;
	open_fx();
	assert_int_equal(write_job(insert_one), 1);
	store_close(&fx.store);
	cfg.read_only = true;
	fx.store = open_store(&cfg);
	assert_int_equal(await(fx.store), 0);
	assert_int_equal(routes(), 1);
	assert_int_equal(write_job(insert_one), -EROFS);
	store_close(&fx.store);
	if (geteuid() == 0)
		return;
	assert_int_equal(chmod(db_file(), 0400), 0);
	open_fx();
	assert_int_equal(write_job(insert_one), -EROFS);
	assert_non_null(strstr(fx.error, "writable"));
}

/* The file is moved away under us: a new one is made, nothing goes into the old one. */
static void test_moved_away(void **state)
{
	struct store_state s;

	(void)state;
	open_fx();
	assert_int_equal(write_job(insert_one), 1);
	assert_int_equal(rename(db_file(), in_folder("away")), 0);
	assert_int_equal(rename(in_folder("db-wal"), in_folder("away-wal")), 0);
	assert_int_equal(rename(in_folder("db-shm"), in_folder("away-shm")), 0);
	close(open(db_file(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)); /* another of its name */
	assert_int_equal(write_job(insert_one), 1);
	store_state(fx.store, &s);
	assert_int_equal(s.reconnects, 1);
	assert_int_equal(routes(), 1);
}

static int fill_much(struct store_db *db, void *arg)
{
	static char note[60000];
	int rc = 0;

	(void)arg;
	memset(note, 'x', sizeof(note) - 1);
	for (int i = 0; rc >= 0 && i < 200; i++) {
		char name[16];
		struct store_value values[2] = { { .type = STORE_NULL }, store_text(note) };

		snprintf(name, sizeof(name), "n%d", i);
		values[0] = store_text(name);
		rc = store_exec(db, "INSERT INTO route (name, priority, note) VALUES ($1, 1, $2)",
				values, 2);
	}
	return rc;
}

/* The disk is full as far as this process may write. */
static void test_disk_full(void **state)
{
	struct rlimit before, small = { .rlim_cur = 2000000 };
	struct store_state s;

	(void)state;
	open_fx();
	assert_int_equal(write_job(insert_one), 1);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	small.rlim_max = before.rlim_max;
	setrlimit(RLIMIT_FSIZE, &small);
	fx.rc = write_job(fill_much);
	setrlimit(RLIMIT_FSIZE, &before);
	signal(SIGXFSZ, SIG_DFL);
	assert_int_equal(fx.rc, -ENOSPC);
	assert_non_null(strstr(fx.error, "make room"));
	store_state(fx.store, &s);
	assert_true(s.up);
	assert_string_equal(s.error, fx.error); /* shown until something has been written */
	assert_int_equal(routes(), 1);
	assert_int_equal(write_job(fill_much), 1);
	assert_int_equal(routes(), 201);
	store_state(fx.store, &s);
	assert_string_equal(s.error, "");
}

static unsigned discarded;

static void count_discarded(void *arg, struct statement *statement)
{
	(void)arg;
	(void)statement;
	discarded++;
}

/* The one that was not used for longest goes; none that is being read does. */
static void test_statements_kept(void **state)
{
	static struct statements s;
	char key[16];

	(void)state;
	s = (struct statements){ .discard = count_discarded };
	discarded = 0;
	for (int i = 0; i < STATEMENTS_MAX; i++) {
		snprintf(key, sizeof(key), "%d", i);
		assert_non_null(statements_add(&s, key));
	}
	assert_non_null(statements_find(&s, "0"));
	statements_find(&s, "1")->busy = true;
	for (int i = 0; i < STATEMENTS_MAX - 2; i++) {
		snprintf(key, sizeof(key), "new %d", i);
		assert_non_null(statements_add(&s, key));
	}
	assert_int_equal(discarded, STATEMENTS_MAX - 2);
	assert_non_null(statements_find(&s, "0"));
	assert_non_null(statements_find(&s, "1"));
	assert_null(statements_find(&s, "2"));
	assert_null(statements_find(&s, "127"));
	for (int i = 0; i < STATEMENTS_MAX; i++)
		s.all[i].busy = true;
	assert_null(statements_add(&s, "no place"));
	statements_clear(&s);
	assert_int_equal(discarded, 2 * STATEMENTS_MAX - 2);
}

/* Every allocation fails once: what can't be done is told, nothing leaks or hangs, and what was
 * told as done is there. */
static bool once_with_failures(long n)
{
	const struct store_cfg cfg = cfg_of(&version2);
	bool failed;

	snprintf(fx.url, sizeof(fx.url), "sqlite:%s/sweep%ld", fx.folder, n);
	fx.rc = -ENOMEM;
	mem_fail_after(n);
	if (store_open(&fx.store, &cfg, fx.error, sizeof(fx.error)) == 0 && await(fx.store) == 0) {
		fx.told = false;
		if (store_run(fx.store, STORE_WRITE, 0, insert_one, done, &fx) == 0)
			finish();
		fx.told = false;
		if (store_backup(fx.store, in_folder("sweep-backup"), done, &fx) == 0 &&
		    finish() == 0) {
			fx.told = false;
			if (store_restore(fx.store, in_folder("sweep-backup"), done, &fx) == 0)
				finish();
		}
	}
	failed = mem_failed();
	mem_fail_after(-1);
	unlink(in_folder("sweep-backup"));
	store_close(&fx.store);
	return failed;
}

static void test_allocation_failures(void **state)
{
	long n = 0;

	(void)state;
	while (once_with_failures(n))
		n++;
	assert_true(n > 20);
	assert_int_equal(fx.rc, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_SUITE,
		STORE_TEST(test_urls),
		STORE_TEST(test_state),
		STORE_TEST(test_busy),
		STORE_TEST(test_busy_too_long),
		STORE_TEST(test_endless_query),
		STORE_TEST(test_patience_in_virtual_time),
		STORE_TEST(test_no_folder),
		STORE_TEST(test_no_database),
		STORE_TEST(test_corrupt_page),
		STORE_TEST(test_read_only),
		STORE_TEST(test_moved_away),
		STORE_TEST(test_disk_full),
		STORE_TEST(test_statements_kept),
		STORE_TEST(test_allocation_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
