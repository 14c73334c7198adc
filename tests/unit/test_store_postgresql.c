/* SPDX-License-Identifier: GPL-2.0-only */
#include "store_fixture.h"

#include "postgres_fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

static struct postgres server;
static unsigned databases;

/* A database of its own for each case, in one cluster. */
static int setup(void **state)
{
	char sql[64];

	(void)state;
	if (server.pid <= 0 && !postgres_start(&server)) /* a case has failed while it was down */
		return -1;
	begin();
	snprintf(sql, sizeof(sql), "CREATE DATABASE case%u", ++databases);
	postgres_do(&server, sql);
	snprintf(fx.url, sizeof(fx.url), "postgresql://causeway@/case%u?host=%s", databases,
		 server.folder);
	fx.namespace_name = "Cause way";
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	end();
	return 0;
}

static void test_state(void **state)
{
	struct store_state s;

	(void)state;
	open_fx();
	store_state(fx.store, &s);
	assert_true(s.up);
	assert_string_equal(s.kind, "postgresql");
	assert_non_null(strstr(s.where, server.folder));
}

/* ---- The server goes away ---- */

static unsigned runs;

/* The first time the server dies behind its back. */
static int insert_across_crash(struct store_db *db, void *arg)
{
	int rc = insert(db, "London", 1);

	(void)arg;
	if (runs++ == 0) {
		sem_post(&fx.entered);
		sem_wait(&fx.gate);
	}
	return rc < 0 ? rc : insert(db, "Paris", 2);
}

static void test_lost_in_mid_job(void **state)
{
	struct store_state s;

	(void)state;
	open_fx();
	runs = 0;
	fx.told = false;
	store_run(fx.store, STORE_WRITE, 0, insert_across_crash, done, &fx);
	sem_wait(&fx.entered);
	postgres_crash(&server);
	sem_post(&fx.gate);
	do {
		loop_turn(fx.loop, 50);
		store_state(fx.store, &s);
	} while (s.up || s.waiting != 1);
	assert_true(s.error[0] != 0);
	assert_true(postgres_start(&server));
	assert_int_equal(finish(), 1);
	assert_true(runs >= 2);
	assert_int_equal(routes(), 2);
	store_state(fx.store, &s);
	assert_true(s.up && s.reconnects >= 1 && s.retried >= 1);
}

/* It is noticed without a job, and told. */
static void test_lost_between_jobs(void **state)
{
	struct store_state s;

	(void)state;
	open_fx();
	assert_int_equal(write_job(insert_one), 1);
	postgres_crash(&server);
	do {
		loop_turn(fx.loop, 50);
		store_state(fx.store, &s);
	} while (s.up);
	fx.told = false;
	store_run(fx.store, STORE_WRITE, 100, insert_one, done, &fx);
	assert_int_equal(finish(), -ETIMEDOUT);
	assert_true(fx.error[0] != 0);
	assert_true(postgres_start(&server));
	assert_int_equal(routes(), 1);
}

/* Opened while there is no server: it comes up with it. */
static void test_server_comes_later(void **state)
{
	const struct store_cfg cfg = cfg_of(&version2);

	(void)state;
	postgres_crash(&server);
	fx.store = open_store(&cfg);
	assert_int_equal(store_wait(fx.store, 200, fx.error, sizeof(fx.error)), -ETIMEDOUT);
	assert_true(fx.error[0] != 0);
	assert_true(postgres_start(&server));
	assert_int_equal(await(fx.store), 0);
	assert_int_equal(write_job(insert_one), 1);
}

/* ---- The server hangs ---- */

static int backend_pid(struct store_db *db, void *arg)
{
	(void)arg;
	return store_query(db, "SELECT pg_backend_pid()", NULL, 0, keep_cells, &fx);
}

static void test_hung_server(void **state)
{
	pid_t backend;

	(void)state;
	open_fx();
	assert_int_equal(read_job(backend_pid), 1);
	backend = (pid_t)fx.cells[0].integer;
	kill(backend, SIGSTOP);
	kill(server.pid, SIGSTOP);
	fx.told = false;
	store_run(fx.store, STORE_WRITE, 100, insert_one, done, &fx);
	assert_int_equal(finish(), -ETIMEDOUT);
	/* Now a new connection is tried, which hangs too. */
	fx.told = false;
	store_run(fx.store, STORE_WRITE, 100, insert_one, done, &fx);
	assert_int_equal(finish(), -ETIMEDOUT);
	fx.told = false;
	store_run(fx.store, STORE_WRITE, 0, insert_one, done, &fx);
	store_close(&fx.store); /* comes back */
	assert_int_equal(fx.rc, -ECANCELED);
	kill(server.pid, SIGCONT);
	kill(backend, SIGCONT);
	open_fx();
	assert_int_equal(write_job(insert_one), 1);
}

/* Closing while a statement hangs. */
static void test_close_on_hung_server(void **state)
{
	pid_t backend;

	(void)state;
	open_fx();
	assert_int_equal(read_job(backend_pid), 1);
	backend = (pid_t)fx.cells[0].integer;
	kill(backend, SIGSTOP);
	fx.told = false;
	store_run(fx.store, STORE_WRITE, 0, insert_one, done, &fx);
	loop_turn(fx.loop, 50);
	store_close(&fx.store);
	assert_int_equal(fx.rc, -ECANCELED);
	kill(backend, SIGCONT);
}

static int sleep_long(struct store_db *db, void *arg)
{
	(void)arg;
	return store_query(db, "SELECT pg_sleep(600)", NULL, 0, NULL, NULL);
}

static void test_patience_of_a_statement(void **state)
{
	(void)state;
	open_fx();
	fx.told = false;
	store_run(fx.store, STORE_READ, 50, sleep_long, done, &fx);
	assert_int_equal(finish(), -ETIMEDOUT);
	assert_int_equal(write_job(insert_one), 1);
}

/* ---- Sessions that are ended, tables that change ---- */

static void end_sessions(void)
{
	char sql[160];

	snprintf(sql, sizeof(sql),
		 "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'case%u'",
		 databases);
	postgres_do(&server, sql);
}

static void test_session_ended(void **state)
{
	struct store_state s;

	(void)state;
	open_fx();
	assert_int_equal(write_job(insert_one), 1);
	end_sessions();
	assert_int_equal(routes(), 1);
	store_state(fx.store, &s);
	assert_int_equal(s.reconnects, 1);
}

static int read_star(struct store_db *db, void *arg)
{
	(void)arg;
	return store_query(db, "SELECT * FROM route", NULL, 0, keep_cells, &fx);
}

/* A prepared statement whose table another has changed. */
static void test_table_changed(void **state)
{
	(void)state;
	open_fx();
	assert_int_equal(read_job(read_star), 1);
	assert_int_equal(fx.columns, 5);
	postgres_do_at(fx.url, "ALTER TABLE \"Cause way\".route ADD COLUMN added TEXT");
	assert_int_equal(read_job(read_star), 1);
	assert_int_equal(fx.columns, 6);
}

/* ---- Notifications ---- */

static int tell_others(struct store_db *db, void *arg)
{
	int rc = insert(db, "London", 1);

	(void)arg;
	return rc < 0 ? rc : store_notify(db, "causeway_tables", "17");
}

static int only_tell(struct store_db *db, void *arg)
{
	(void)arg;
	return store_notify(db, "causeway_tables", "18");
}

static int tell_last(struct store_db *db, void *arg)
{
	(void)arg;
	return store_notify(db, "causeway_tables", "last");
}

static int tell_others_and_fail(struct store_db *db, void *arg)
{
	int rc = store_notify(db, "causeway_tables", "never");

	(void)arg;
	return rc < 0 ? rc : -EXDEV;
}

static void test_notifications(void **state)
{
	struct store_cfg cfg = cfg_of(&version2);
	struct store *listener;

	(void)state;
	cfg.channel = "causeway_tables";
	listener = open_store(&cfg);
	assert_int_equal(await(listener), 0);
	open_fx();
	assert_int_equal(write_job(tell_others_and_fail), -EXDEV);
	assert_int_equal(write_job(tell_others), 0);
	while (!fx.notified)
		loop_turn(fx.loop, 1000);
	assert_string_equal(fx.payload, "17");
	assert_int_equal(fx.notified, 1);
	/* What it says itself it does not hear. */
	assert_int_equal(run_on(listener, STORE_WRITE, only_tell), 0);
	assert_int_equal(run_on(fx.store, STORE_WRITE, tell_last), 0);
	while (strcmp(fx.payload, "last") != 0)
		loop_turn(fx.loop, 1000);
	assert_int_equal(fx.notified, 2);
	store_close(&listener);
}

/* While it was away something may have been said: it is told to look. */
static void test_notified_after_reconnection(void **state)
{
	struct store_cfg cfg = cfg_of(&version2);

	(void)state;
	cfg.channel = "causeway_tables";
	fx.store = open_store(&cfg);
	assert_int_equal(await(fx.store), 0);
	loop_turn(fx.loop, 0);
	assert_int_equal(fx.notified, 0);
	snprintf(fx.payload, sizeof(fx.payload), "none");
	end_sessions();
	while (!fx.notified)
		loop_turn(fx.loop, 1000);
	assert_string_equal(fx.payload, "");
}

/* ---- What only this kind has ---- */

static int insert_octets(struct store_db *db, void *arg)
{
	static const char *const names[] = { "a\xff\xfe z",      "\xc3",
					     "\xe2\x82",         "\xed\xa0\x80",
					     "\xf0\x9f\x98\x80", "x\xc0\xaf" };
	int rc = 0;

	(void)arg;
	for (size_t i = 0; rc >= 0 && i < sizeof(names) / sizeof(*names); i++)
		rc = insert(db, names[i], (int64_t)i);
	return rc;
}

static int read_octets(struct store_db *db, void *arg)
{
	(void)arg;
	fx.rows = 0;
	return store_query(db,
			   "SELECT string_agg(name, '|' ORDER BY priority) FROM route "
			   "WHERE name <> 'seed'",
			   NULL, 0, keep_cells, &fx);
}

/* What is no UTF-8 would be refused for ever: its octets become question marks. */
static void test_octets_that_are_no_text(void **state)
{
	(void)state;
	open_fx();
	assert_int_equal(write_job(insert_octets), 1);
	assert_int_equal(read_job(read_octets), 1);
	assert_string_equal(fx.cells[0].text, "a?? z|?|??|???|\xf0\x9f\x98\x80|x??");
}

/* A backup of the one kind restores into the other. */
static void test_from_kind_to_kind(void **state)
{
	char url[sizeof(fx.url)];

	(void)state;
	open_fx();
	assert_true(write_job(fill) >= 0);
	assert_int_equal(back_up("from-postgresql"), 0);
	store_close(&fx.store);
	memcpy(url, fx.url, sizeof(url));
	snprintf(fx.url, sizeof(fx.url), "sqlite:%s/db", fx.folder);
	open_fx();
	assert_int_equal(restore("from-postgresql"), 0);
	expect_full();
	assert_int_equal(write_job(insert_one), 1);
	assert_int_equal(back_up("from-sqlite"), 0);
	store_close(&fx.store);
	memcpy(fx.url, url, sizeof(url));
	open_fx();
	assert_int_equal(restore("from-sqlite"), 0);
	assert_int_equal(routes(), 1501);
}

/* Why it doesn't come up. */
static const char *first_error(void)
{
	static struct store_state s;

	do {
		loop_turn(fx.loop, 50);
		store_state(fx.store, &s);
	} while (!s.error[0]);
	assert_false(s.up);
	return s.error;
}

static void test_database_missing(void **state)
{
	const struct store_cfg cfg = cfg_of(&version2);

	(void)state;
	snprintf(fx.url, sizeof(fx.url), "postgresql://causeway:geheim@/nowhere?host=%s",
		 server.folder);
	fx.store = open_store(&cfg);
	first_error();
	assert_int_equal(store_wait(fx.store, 1, fx.error, sizeof(fx.error)), -ETIMEDOUT);
	assert_non_null(strstr(fx.error, "nowhere"));
	assert_null(strstr(fx.error, "geheim"));
}

/* ---- Losses without end ---- */

#define KEYED 400
static unsigned keyed_told;

static int insert_keyed(struct store_db *db, void *arg)
{
	char name[16];
	struct store_value values[] = { { .type = STORE_NULL }, store_integer((intptr_t)arg) };

	snprintf(name, sizeof(name), "k%d", (int)(intptr_t)arg);
	values[0] = store_text(name);
	return store_exec(db,
			  "INSERT INTO route (name, priority) VALUES ($1, $2) "
			  "ON CONFLICT DO NOTHING",
			  values, 2);
}

static void told_keyed(void *arg, int rc, const char *error)
{
	(void)arg;
	if (rc < 0)
		print_error("%d %s\n", rc, error);
	assert_true(rc == 0 || rc == 1);
	keyed_told++;
}

static int sum_keyed(struct store_db *db, void *arg)
{
	(void)arg;
	return store_query(db, "SELECT count(*), sum(priority) FROM route WHERE name <> 'seed'",
			   NULL, 0, keep_cells, &fx);
}

/* Sessions are cut again and again, wherever they are: each row is there once, each job is told. */
static void test_cut_again_and_again(void **state)
{
	struct store_state s;
	unsigned cut_at = 20;

	(void)state;
	open_fx();
	keyed_told = 0;
	for (intptr_t i = 0; i < KEYED; i++)
		assert_int_equal(
			store_run(fx.store, STORE_WRITE, 0, insert_keyed, told_keyed, (void *)i),
			0);
	while (keyed_told < KEYED) {
		loop_turn(fx.loop, 1000);
		if (keyed_told < cut_at)
			continue;
		cut_at = keyed_told + 20;
		end_sessions();
	}
	assert_int_equal(read_job(sum_keyed), 1);
	assert_int_equal(fx.cells[0].integer, KEYED);
	assert_int_equal(fx.cells[1].integer, KEYED * (KEYED - 1) / 2);
	store_state(fx.store, &s);
	assert_true(s.reconnects >= 1);
}

/* Every allocation fails once, also of those that make the connection. */
static bool once_with_failures(long n)
{
	const struct store_cfg cfg = cfg_of(&version2);
	bool failed;

	fx.rc = -ENOMEM;
	mem_fail_after(n);
	if (store_open(&fx.store, &cfg, fx.error, sizeof(fx.error)) == 0 && await(fx.store) == 0) {
		fx.told = false;
		if (store_run(fx.store, STORE_WRITE, 0, insert_or_not, done, &fx) == 0)
			finish();
		fx.told = false;
		if (store_backup(fx.store, in_folder("sweep"), done, &fx) == 0)
			finish();
	}
	failed = mem_failed();
	mem_fail_after(-1);
	unlink(in_folder("sweep"));
	store_close(&fx.store);
	return failed;
}

static void test_allocation_failures(void **state)
{
	long n = 0;

	(void)state;
	open_fx(); /* the tables are there: the sweep is of the daily way */
	store_close(&fx.store);
	while (once_with_failures(n))
		n++;
	assert_true(n > 20);
	assert_int_equal(fx.rc, 0);
}

/* ---- Several hosts ---- */

/* A socket where connections are taken and never answered. */
static int silent_host(const char *folder)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(mkdir(folder, 0755), 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/.s.PGSQL.5432", folder);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 5), 0);
	return fd;
}

static void test_silent_host_is_passed_by(void **state)
{
	struct store_state s;
	int silent;

	(void)state;
	silent = silent_host(in_folder("silent"));
	snprintf(fx.url, sizeof(fx.url),
		 "postgresql://causeway@/case%u?host=%s,%s&connect_timeout=1", databases,
		 in_folder("silent"), server.folder);
	open_fx();
	assert_int_equal(write_job(insert_one), 1);
	store_state(fx.store, &s);
	assert_string_equal(s.error, "");
	close(silent);
}

/* ---- Two jobs at once that exclude each other ---- */

static int read_and_insert(struct store_db *db, void *arg)
{
	struct fixture own = { .rows = 0 };
	int rc = store_query(db, "SELECT count(*) FROM route", NULL, 0, keep_cells, &own);

	(void)arg;
	if (runs++ == 0) {
		sem_post(&fx.entered);
		sem_wait(&fx.gate);
	}
	return rc < 0 ? rc : insert(db, "counted", own.cells[0].integer);
}

static int read_counted(struct store_db *db, void *arg)
{
	(void)arg;
	return store_query(db, "SELECT priority FROM route WHERE name = 'counted'", NULL, 0,
			   keep_cells, &fx);
}

static int count_and_insert(struct store_db *db, void *arg)
{
	struct fixture own = { .rows = 0 };
	int rc = store_query(db, "SELECT count(*) FROM route", NULL, 0, keep_cells, &own);

	(void)arg;
	return rc < 0 ? rc : insert(db, "other", own.cells[0].integer);
}

/* What was read does not hold any more when it commits: it is run again. */
static void test_serialization_failure(void **state)
{
	struct store *other;
	struct store_state s;

	(void)state;
	open_fx();
	other = open_version(&version2);
	runs = 0;
	fx.told = false;
	store_run(fx.store, STORE_WRITE, 0, read_and_insert, done, &fx);
	sem_wait(&fx.entered);
	assert_int_equal(run_on(other, STORE_WRITE, count_and_insert), 1);
	fx.told = false;
	sem_post(&fx.gate);
	assert_int_equal(finish(), 1);
	assert_true(runs >= 2);
	store_state(fx.store, &s);
	assert_int_equal(s.retried, runs - 1);
	assert_int_equal(read_job(read_counted), 1);
	assert_int_equal(fx.cells[0].integer, 2); /* the seed and the other's */
	store_close(&other);
}

/* ---- TLS ---- */

/* Self-signed, for "localhost", owned by the server's user. */
static bool make_certificate(void)
{
	char command[512];

	snprintf(
		command, sizeof(command),
		"cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 "
		"-nodes "
		"-subj /CN=localhost -addext subjectAltName=DNS:localhost -days 2 -keyout key "
		"-out cert 2>/dev/null && chmod 600 key && chown %u:%u key cert && cp cert '%s/ca'",
		server.folder, server.uid, server.gid, fx.folder);
	return system(command) == 0;
}

static unsigned free_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	close(fd);
	return ntohs(address.sin_port);
}

static int is_encrypted(struct store_db *db, void *arg)
{
	(void)arg;
	return store_query(db, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", NULL, 0,
			   keep_cells, &fx);
}

static void use_tls(const char *options)
{
	snprintf(fx.url, sizeof(fx.url), "postgresql://causeway@localhost:%u/case%u?%s",
		 server.tls_port, databases, options);
}

/* libpq's options of the URL are all that is needed; a certificate that is not trusted is refused.
 */
static void test_tls(void **state)
{
	char options[200];
	struct store_cfg cfg;

	(void)state;
	if (system("command -v openssl >/dev/null") != 0 || !make_certificate()) {
		print_message("skipped: openssl makes no certificate here\n");
		skip();
	}
	postgres_crash(&server);
	server.tls_port = free_port();
	assert_true(postgres_start(&server));
	snprintf(options, sizeof(options), "sslmode=verify-full&sslrootcert=%s", in_folder("ca"));
	use_tls(options);
	open_fx();
	assert_int_equal(read_job(is_encrypted), 1);
	assert_int_equal(fx.cells[0].integer, 1);
	store_close(&fx.store);
	use_tls("sslmode=verify-full&sslrootcert=/etc/ssl/certs/ca-certificates.crt");
	cfg = cfg_of(&version2);
	fx.store = open_store(&cfg);
	assert_non_null(strstr(first_error(), "certificate"));
}

static int end_tls(void **state)
{
	postgres_crash(&server);
	server.tls_port = 0;
	return teardown(state) || !postgres_start(&server);
}

static int start_server(void **state)
{
	(void)state;
	return postgres_create(&server) ? 0 : -1;
}

static int stop_server(void **state)
{
	(void)state;
	postgres_destroy(&server);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_SUITE,
		STORE_TEST(test_state),
		STORE_TEST(test_lost_in_mid_job),
		STORE_TEST(test_lost_between_jobs),
		STORE_TEST(test_server_comes_later),
		STORE_TEST(test_hung_server),
		STORE_TEST(test_close_on_hung_server),
		STORE_TEST(test_patience_of_a_statement),
		STORE_TEST(test_session_ended),
		STORE_TEST(test_table_changed),
		STORE_TEST(test_notifications),
		STORE_TEST(test_notified_after_reconnection),
		STORE_TEST(test_octets_that_are_no_text),
		STORE_TEST(test_from_kind_to_kind),
		STORE_TEST(test_database_missing),
		STORE_TEST(test_cut_again_and_again),
		STORE_TEST(test_allocation_failures),
		cmocka_unit_test_setup_teardown(test_tls, setup, end_tls),
		STORE_TEST(test_silent_host_is_passed_by),
		STORE_TEST(test_serialization_failure),
	};

	if (!postgres_find(&server)) {
		printf("skipped: no PostgreSQL server (package postgresql)\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, start_server, stop_server);
}
