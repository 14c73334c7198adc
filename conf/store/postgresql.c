/* SPDX-License-Identifier: GPL-2.0-only */
/* PostgreSQL by libpq, never waiting inside it: every answer is waited for together with struct
 * store_stop and for at most so long, so that a server that hangs holds up nobody who closes.
 *
 * Isolation: SERIALIZABLE for jobs that write (what a job has read is still so when it commits:
 * several gateways share the tables), REPEATABLE READ for those that read (one moment's view), READ
 * COMMITTED for migrations (what was made while the lock was waited for must be seen).
 *
 * Codes: SQLSTATE (PostgreSQL 15 documentation, appendix A) becomes -errno here and nowhere else.
 */
#include "conf/store/postgresql_values.h"
#include "conf/store/statements.h"
#include "conf/store/store_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONNECT_MS 5000
#define COLUMNS_MAX 256
#define SCAN_SQL "FETCH 500 FROM store_scan"
/* First key of the advisory lock of migrations: "CWSM". */
#define SCHEMA_LOCK 0x4357534d

struct pg_db {
	struct store_db db;
	PGconn *conn;
	struct statements statements;
	bool broken;  /* an answer was given up: nothing further can be read */
	bool writing; /* the running transaction */
};

static struct pg_db *pg_of(struct store_db *db)
{
	return (struct pg_db *)(void *)db;
}

static bool pg_accepts(const char *url)
{
	return strncmp(url, "postgresql://", 13) == 0 || strncmp(url, "postgres://", 11) == 0;
}

static const char *option(const PQconninfoOption *options, const char *keyword)
{
	for (; options && options->keyword; options++) {
		if (strcmp(options->keyword, keyword) == 0)
			return options->val;
	}
	return NULL;
}

/* Says nothing of the URL itself: it may hold a password. */
static int pg_describe(const char *url, char *where, size_t room, char *error, size_t error_room)
{
	PQconninfoOption *options = PQconninfoParse(url, NULL);
	const char *host = option(options, "host"), *port = option(options, "port");
	const char *dbname = option(options, "dbname");

	if (!options) {
		snprintf(error, error_room,
			 "the store's URL is not understood: postgresql://USER@HOST:PORT/DATABASE"
			 "?OPTION=VALUE, with other signs than letters and digits as %%XX");
		return -EINVAL;
	}
	snprintf(where, room, "%s%s%s/%s", host ? host : "local", port ? ":" : "", port ? port : "",
		 dbname ? dbname : "");
	PQconninfoFree(options);
	return 0;
}

/* ---- Errors ---- */

struct meaning {
	const char *sqlstate; /* or how it begins */
	enum store_trouble trouble;
	int rc;
	const char *advice;
};

/* The first match counts. */
static const struct meaning meanings[] = {
	{ "23505", STORE_FAILED, -EEXIST, "" }, /* unique_violation */
	{ "23503", STORE_FAILED, -ENOENT, "" }, /* foreign_key_violation */
	{ "23", STORE_FAILED, -EINVAL, "" },    /* integrity constraint */
	{ "40001", STORE_AGAIN, -EAGAIN, "" },  /* serialization_failure */
	{ "40P01", STORE_AGAIN, -EAGAIN, "" },  /* deadlock_detected */
	{ "55P03", STORE_AGAIN, -EAGAIN, "" },  /* lock_not_available */
	{ "53100", STORE_FAILED, -ENOSPC, ": make room on the server's disk" }, /* disk_full */
	{ "53200", STORE_FAILED, -ENOMEM, "" },                                 /* out_of_memory */
	{ "25006", STORE_FAILED, -EROFS, "" }, /* read_only_sql_transaction */
	{ "42501", STORE_FAILED, -EACCES,
	  ": grant the user the right to it" }, /* insufficient_privilege */
	{ "57P0", STORE_LOST, -ENOTCONN, "" },  /* shutdown, crash, starting up */
	{ "25P03", STORE_LOST, -ENOTCONN, "" }, /* idle_in_transaction_session_timeout */
	{ "26000", STORE_LOST, -ENOTCONN, "" }, /* a pooler has changed the session */
	{ "08P01", STORE_FAILED, -EINVAL, "" }, /* protocol_violation: number of values */
	{ "08", STORE_LOST, -ENOTCONN, "" },    /* connection exception */
	{ "XX00", STORE_FAILED, -EBADMSG,
	  ": the database is damaged, restore a backup" }, /* data_corrupted … */
	{ "22", STORE_FAILED, -EINVAL, "" },               /* data exception */
	{ "42", STORE_FAILED, -EINVAL, "" },               /* syntax, names */
};

static const struct meaning *meaning_of(const char *sqlstate)
{
	static const struct meaning other = { "", STORE_FAILED, -EIO, "" };

	for (size_t i = 0; i < sizeof(meanings) / sizeof(*meanings); i++) {
		if (strncmp(meanings[i].sqlstate, sqlstate, strlen(meanings[i].sqlstate)) == 0)
			return &meanings[i];
	}
	return &other;
}

/* libpq's messages end with a newline and may have several. */
static void one_line(char *text)
{
	size_t n = strlen(text);

	while (n && text[n - 1] == '\n')
		text[--n] = 0;
	for (; *text; text++) {
		if (*text == '\n' || *text == '\t')
			*text = ' ';
	}
}

static int lost(struct pg_db *p)
{
	int rc = store_fail(&p->db, STORE_LOST, -ENOTCONN, "%s", PQerrorMessage(p->conn));

	one_line(p->db.error);
	p->broken = true;
	return rc;
}

static int failed(struct pg_db *p, const PGresult *result)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *words = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
	const char *function = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);
	struct meaning m = *meaning_of(sqlstate ? sqlstate : "08");

	/* A server that has become a standby: its primary must be found. And statements whose
	 * tables a migration has changed: they are prepared anew. */
	if ((m.rc == -EROFS && p->writing) ||
	    (function && strcmp(function, "RevalidateCachedQuery") == 0))
		m = (struct meaning){ "", STORE_LOST, -ENOTCONN, "" };
	if (!words)
		return lost(p);
	store_fail(&p->db, m.trouble, m.rc, "PostgreSQL: %s%s%s%s", words, detail ? ": " : "",
		   detail ? detail : "", m.advice);
	one_line(p->db.error);
	return p->db.rc;
}

/* ---- Waiting ---- */

static void hush(int fd)
{
	uint64_t count;

	while (read(fd, &count, sizeof(count)) < 0 && errno == EINTR)
		;
}

/* Until the socket is ready for one of `events`, at most until then; heeds the wish to stop. */
static int await(struct pg_db *p, short events, uint64_t until_us)
{
	for (;;) {
		struct pollfd fds[] = { { .fd = PQsocket(p->conn), .events = events },
					{ .fd = p->db.target->stop->fd, .events = POLLIN } };
		uint64_t now_us = clock_now_us(&clock_system);
		int n;

		if (store_stopped(&p->db)) {
			p->broken = true;
			return p->db.rc;
		}
		if (now_us >= until_us) {
			p->broken = true;
			return store_fail(&p->db, STORE_LOST, -ENOTCONN,
					  "PostgreSQL does not answer: is the server hung or out "
					  "of reach?");
		}
		n = poll(fds, 2, (int)((until_us - now_us) / 1000 + 1));
		if (n > 0 && fds[1].revents)
			hush(fds[1].fd);
		if (n > 0 && fds[0].revents)
			return 0;
	}
}

static uint64_t until(const struct pg_db *p)
{
	return clock_now_us(&clock_system) + (uint64_t)p->db.answer_ms * 1000;
}

/* What was asked is on its way; what comes meanwhile is taken. */
static int flush(struct pg_db *p)
{
	int left, rc;

	while ((left = PQflush(p->conn)) > 0) {
		rc = await(p, POLLIN | POLLOUT, until(p));
		if (rc < 0)
			return rc;
		if (!PQconsumeInput(p->conn))
			return lost(p);
	}
	return left < 0 ? lost(p) : 0;
}

/* The next result, NULL behind the last. */
static int next_result(struct pg_db *p, PGresult **out)
{
	int rc;

	while (PQisBusy(p->conn)) {
		rc = await(p, POLLIN, until(p));
		if (rc < 0)
			return rc;
		if (!PQconsumeInput(p->conn))
			return lost(p);
	}
	*out = PQgetResult(p->conn);
	return 0;
}

static bool is_success(const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ||
	       status == PGRES_EMPTY_QUERY;
}

/* All results of what was sent (`sent`: libpq took it); the last good one is the caller's. */
static int gather(struct pg_db *p, int sent, PGresult **out)
{
	PGresult *result = NULL, *last = NULL;
	int rc = sent ? flush(p) : lost(p);

	while (rc == 0 && (rc = next_result(p, &result)) == 0 && result) {
		PQclear(last);
		last = result;
		if (!is_success(result))
			failed(p, result);
	}
	if (rc == 0 && p->db.trouble != STORE_FINE)
		rc = p->db.rc;
	if (rc == 0 && PQstatus(p->conn) != CONNECTION_OK)
		rc = lost(p);
	if (rc < 0) {
		PQclear(last);
		return rc;
	}
	*out = last;
	return 0;
}

static int pg_script(struct store_db *db, const char *sql)
{
	struct pg_db *p = pg_of(db);
	PGresult *result;
	int rc = gather(p, PQsendQuery(p->conn, sql), &result);

	if (rc == 0)
		PQclear(result);
	return rc;
}

/* ---- Statements ---- */

static void statement_name(const struct statement *s, char name[24])
{
	snprintf(name, 24, "s%" PRIu64, s->number);
}

/* Nothing can be told here: a server that can't forget one has lost the connection. */
static void discard(void *arg, struct statement *statement)
{
	struct pg_db *p = arg;
	char sql[48], name[24];
	PGresult *result;

	if (p->broken || PQstatus(p->conn) != CONNECTION_OK || p->db.trouble != STORE_FINE)
		return;
	statement_name(statement, name);
	snprintf(sql, sizeof(sql), "DEALLOCATE %s", name);
	if (gather(p, PQsendQuery(p->conn, sql), &result) == 0)
		PQclear(result);
}

static int prepare(struct pg_db *p, const char *sql, const struct pg_parameters *a,
		   struct statement **out)
{
	struct statement *s = statements_find(&p->statements, a->key);
	PGresult *result;
	char name[24];
	int rc;

	*out = s;
	if (s)
		return 0;
	s = statements_add(&p->statements, a->key);
	if (!s)
		return -ENOMEM;
	if (p->db.trouble != STORE_FINE) { /* another had to go, and could not */
		rc = p->db.rc;
		goto fail;
	}
	statement_name(s, name);
	rc = gather(p, PQsendPrepare(p->conn, name, sql, (int)a->count, a->types), &result);
	if (rc < 0)
		goto fail;
	PQclear(result);
	*out = s;
	return 0;
fail:
	statements_remove(&p->statements, s);
	return rc;
}

static int run(struct pg_db *p, const char *sql, const struct store_value *values, size_t count,
	       PGresult **out)
{
	struct pg_parameters a = { .count = 0 };
	struct statement *s;
	char name[24];
	int rc = pg_set_parameters(&a, sql, values, count);

	if (rc == 0)
		rc = prepare(p, sql, &a, &s);
	if (rc == 0) {
		statement_name(s, name);
		rc = gather(p,
			    PQsendQueryPrepared(p->conn, name, (int)count, a.values, NULL, NULL, 0),
			    out);
	}
	if (rc == -ENOMEM)
		store_fail(&p->db, STORE_FAILED, rc, "no memory for a statement");
	pg_free_parameters(&a);
	return rc;
}

static int pg_exec(struct store_db *db, const char *sql, const struct store_value *values,
		   size_t count)
{
	PGresult *result;
	int rc = run(pg_of(db), sql, values, count, &result);

	if (rc < 0)
		return rc;
	rc = atoi(PQcmdTuples(result));
	PQclear(result);
	return rc;
}

static int tell_rows(const PGresult *result, store_row_fn row, void *arg)
{
	struct store_value columns[COLUMNS_MAX];
	int rows = PQntuples(result), n = PQnfields(result);

	if (n > COLUMNS_MAX)
		return -E2BIG;
	for (int i = 0; row && i < rows; i++) {
		int rc;

		for (int k = 0; k < n; k++)
			columns[k] = pg_cell(result, i, k);
		rc = row(arg, columns, (size_t)n);
		if (rc < 0)
			return rc;
	}
	return rows;
}

static int pg_query(struct store_db *db, const char *sql, const struct store_value *values,
		    size_t count, store_row_fn row, void *arg)
{
	PGresult *result;
	int rc = run(pg_of(db), sql, values, count, &result);

	if (rc < 0)
		return rc;
	rc = tell_rows(result, row, arg);
	PQclear(result);
	return rc;
}

/* By a cursor, so many rows at a time. */
static int pg_scan(struct store_db *db, const char *sql, store_row_fn row, void *arg)
{
	char *declare = mem_printf("DECLARE store_scan NO SCROLL CURSOR FOR %s", sql);
	int rows = 0, rc;

	if (!declare)
		return store_fail(db, STORE_FAILED, -ENOMEM, "no memory for a query");
	rc = pg_script(db, declare);
	mem_free(declare);
	while (rc >= 0 && (rc = pg_query(db, SCAN_SQL, NULL, 0, row, arg)) > 0)
		rows += rc;
	if (rc >= 0)
		rc = pg_script(db, "CLOSE store_scan");
	return rc < 0 ? rc : rows;
}

/* ---- Transactions ---- */

static int pg_begin(struct store_db *db, enum store_access access)
{
	pg_of(db)->writing = access == STORE_WRITE && !db->target->read_only;
	return pg_script(db, pg_of(db)->writing
				     ? "BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE"
				     : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
}

static int make_namespace(struct store_db *db, const char *name)
{
	struct pg_db *p = pg_of(db);
	const struct store_value value = store_text(name);
	int rc = pg_query(db, "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1", &value, 1,
			  NULL, NULL);
	char *quoted, sql[256];

	if (rc != 0)
		return rc;
	quoted = PQescapeIdentifier(p->conn, name, strlen(name));
	if (!quoted)
		return store_fail(db, STORE_FAILED, -EINVAL, "%s: no name for a schema", name);
	snprintf(sql, sizeof(sql), "CREATE SCHEMA %s", quoted);
	PQfreemem(quoted);
	return pg_script(db, sql);
}

static int pg_begin_schema(struct store_db *db)
{
	const char *name = db->target->namespace_name;
	const struct store_value keys[] = { store_integer(SCHEMA_LOCK),
					    store_text(name ? name : "") };
	int rc;

	pg_of(db)->writing = true;
	rc = pg_script(db, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE");
	if (rc >= 0)
		rc = pg_query(db, "SELECT pg_advisory_xact_lock(CAST($1 AS INTEGER), hashtext($2))",
			      keys, 2, NULL, NULL);
	if (rc >= 0 && name)
		rc = make_namespace(db, name);
	return rc < 0 ? rc : 0;
}

static int pg_commit(struct store_db *db)
{
	struct pg_db *p = pg_of(db);
	PGresult *result;
	int rc = gather(p, PQsendQuery(p->conn, "COMMIT"), &result);

	if (rc < 0)
		return rc;
	/* A transaction that had failed before is answered "ROLLBACK". */
	if (strcmp(PQcmdStatus(result), "COMMIT") != 0)
		rc = store_fail(db, STORE_FAILED, -EIO, "PostgreSQL has not committed: %s",
				PQcmdStatus(result));
	PQclear(result);
	return rc;
}

/* Keeps the trouble that it follows; trouble of its own makes the connection unusable. */
static void pg_rollback(struct store_db *db)
{
	struct pg_db *p = pg_of(db);
	struct store_db before = *db;

	if (p->broken || PQstatus(p->conn) != CONNECTION_OK ||
	    PQtransactionStatus(p->conn) == PQTRANS_IDLE)
		return;
	store_settle(db);
	db->answer_ms = before.answer_ms;
	if (pg_script(db, "ROLLBACK") < 0)
		p->broken = true;
	*db = before;
}

/* ---- Notifications ---- */

static int pg_notify(struct store_db *db, const char *channel, const char *payload)
{
	const struct store_value values[] = { store_text(channel),
					      store_text(payload ? payload : "") };
	int rc = pg_query(db, "SELECT pg_notify($1, $2)", values, 2, NULL, NULL);

	return rc < 0 ? rc : 0;
}

static int pg_idle_fd(struct store_db *db)
{
	return PQsocket(pg_of(db)->conn);
}

static int pg_heed(struct store_db *db, void (*notified)(void *arg, const char *payload), void *arg)
{
	struct pg_db *p = pg_of(db);
	PGnotify *n;

	if (!PQconsumeInput(p->conn))
		return lost(p);
	while ((n = PQnotifies(p->conn))) {
		if (n->be_pid != PQbackendPID(p->conn))
			notified(arg, n->extra);
		PQfreemem(n);
	}
	return 0;
}

/* ---- Connections ---- */

static bool pg_alive(struct store_db *db)
{
	struct pg_db *p = pg_of(db);

	return !p->broken && PQstatus(p->conn) == CONNECTION_OK;
}

static void pg_disconnect(struct store_db *db)
{
	struct pg_db *p = pg_of(db);

	p->broken = true; /* statements go with the session */
	statements_clear(&p->statements);
	PQfinish(p->conn);
	mem_free(p);
}

/* What we read of the URL ourselves. */
struct hosts {
	unsigned count, timeout_ms;
	char host[256], hostaddr[64], port[16]; /* of the one whose turn it is; "": not given */
};

static unsigned list_length(const char *list)
{
	unsigned n = 1;

	for (; list && *list; list++)
		n += *list == ',';
	return n;
}

/* The n-th of a list with commas; a list of one serves all. */
static void pick(char *out, size_t room, const char *list, unsigned n)
{
	if (!list)
		list = "";
	if (strchr(list, ',')) {
		for (; n > 0 && *list; list++)
			n -= *list == ',';
	}
	snprintf(out, room, "%.*s", (int)strcspn(list, ","), list);
}

/* libpq goes on to the next of several hosts when one refuses, but not when it is silent, unless it
 * waits by itself: so each attempt is made to one of them. The same holds for connect_timeout. */
static struct hosts read_hosts(const char *url, unsigned attempt)
{
	PQconninfoOption *options = PQconninfoParse(url, NULL);
	const char *host = option(options, "host"), *hostaddr = option(options, "hostaddr");
	const char *timeout = option(options, "connect_timeout");
	int s = timeout ? atoi(timeout) : 0;
	struct hosts h = { .count = list_length(hostaddr && *hostaddr ? hostaddr : host),
			   .timeout_ms = s > 0 && s < 600 ? (unsigned)s * 1000 : CONNECT_MS };

	pick(h.host, sizeof(h.host), host, attempt % h.count);
	pick(h.hostaddr, sizeof(h.hostaddr), hostaddr, attempt % h.count);
	pick(h.port, sizeof(h.port), option(options, "port"), attempt % h.count);
	PQconninfoFree(options);
	return h;
}

/* Defaults first: what the URL says comes after them and counts; then the host. A dead host is
 * noticed by the kernel's probes; GSS would wait for servers of its own. */
static PGconn *start_connection(const char *url, const struct hosts *h)
{
	const bool several = h->count > 1; /* else the list ends before the host */
	const char *const keys[] = { "fallback_application_name",
				     "keepalives_idle",
				     "keepalives_interval",
				     "keepalives_count",
				     "tcp_user_timeout",
				     "gssencmode",
				     "client_encoding",
				     "dbname",
				     several ? "host" : NULL,
				     "hostaddr",
				     "port",
				     NULL };
	const char *const values[] = { "causeway", "10", "5",     "3",         "20000", "disable",
				       "UTF8",     url,  h->host, h->hostaddr, h->port, NULL };

	return PQconnectStartParams(keys, values, 1);
}

/* libpq would write them to stderr. */
static void note_notice(void *arg, const char *message)
{
	char line[STORE_ERROR_ROOM];

	(void)arg;
	snprintf(line, sizeof(line), "%s", message);
	one_line(line);
	log_write(LOG_LEVEL_DEBUG, "store", "postgresql", "%s", line);
}

static int make_connection(struct pg_db *p)
{
	const struct store_target *t = p->db.target;
	const struct hosts hosts = read_hosts(t->url, t->attempt);
	uint64_t until_us = clock_now_us(&clock_system) + (uint64_t)hosts.timeout_ms * 1000;
	PostgresPollingStatusType state = PGRES_POLLING_WRITING;
	int rc = 0;

	p->conn = start_connection(t->url, &hosts);
	if (!p->conn)
		return store_fail(&p->db, STORE_FAILED, -ENOMEM, "no memory for a connection");
	PQsetNoticeProcessor(p->conn, note_notice, NULL);
	if (PQstatus(p->conn) == CONNECTION_BAD)
		return lost(p);
	while (rc == 0 && state != PGRES_POLLING_OK) {
		rc = await(p, state == PGRES_POLLING_READING ? POLLIN : POLLOUT, until_us);
		if (rc == 0)
			state = PQconnectPoll(p->conn);
		if (rc == 0 && state == PGRES_POLLING_FAILED)
			rc = lost(p);
	}
	if (rc == 0 && PQsetnonblocking(p->conn, 1) != 0)
		rc = lost(p);
	return rc;
}

/* Locks are not waited for without end, a session of ours that is stopped lets go of its own, and
 * one whose client has gone ends its query (a setting that servers before 14 do not have). */
static int set_up_session(struct pg_db *p)
{
	static const char settings[] =
		"SELECT pg_catalog.set_config(s.name, v.value, false) FROM pg_catalog.pg_settings "
		"s "
		"JOIN (VALUES ('lock_timeout', '5s'), "
		"('idle_in_transaction_session_timeout', '60s'), "
		"('client_connection_check_interval', '5s')) AS v (name, value) "
		"ON s.name = v.name";
	const struct store_target *t = p->db.target;
	const struct store_value name = store_text(t->namespace_name);
	char *quoted, sql[256];
	int rc = pg_script(&p->db, settings);

	if (rc >= 0 && t->namespace_name)
		rc = pg_query(&p->db, "SELECT set_config('search_path', quote_ident($1), false)",
			      &name, 1, NULL, NULL);
	if (rc < 0 || !t->channel)
		return rc < 0 ? rc : 0;
	quoted = PQescapeIdentifier(p->conn, t->channel, strlen(t->channel));
	if (!quoted)
		return store_fail(&p->db, STORE_FAILED, -EINVAL, "%s: no channel", t->channel);
	snprintf(sql, sizeof(sql), "LISTEN %s", quoted);
	PQfreemem(quoted);
	return pg_script(&p->db, sql);
}

static int pg_connect(struct store_db **out, const struct store_target *target, char *error,
		      size_t room)
{
	struct pg_db *p = mem_zalloc(sizeof(*p));
	int rc;

	if (!p) {
		snprintf(error, room, "no memory for a connection");
		return -ENOMEM;
	}
	p->db.backend = &store_postgresql;
	p->db.target = target;
	p->statements.discard = discard;
	p->statements.arg = p;
	store_settle(&p->db);
	rc = make_connection(p);
	if (rc == 0)
		rc = set_up_session(p);
	if (rc < 0)
		goto fail;
	*out = &p->db;
	return 0;
fail:
	snprintf(error, room, "%s", p->db.error);
	if (p->conn && PQconnectionNeedsPassword(p->conn))
		rc = -EACCES;
	else if (p->db.trouble != STORE_FAILED)
		rc = -EAGAIN;
	pg_disconnect(&p->db);
	return rc;
}

const struct store_backend store_postgresql = {
	.kind = "postgresql",
	.accepts = pg_accepts,
	.describe = pg_describe,
	.connect = pg_connect,
	.disconnect = pg_disconnect,
	.alive = pg_alive,
	.begin = pg_begin,
	.begin_schema = pg_begin_schema,
	.commit = pg_commit,
	.rollback = pg_rollback,
	.exec = pg_exec,
	.query = pg_query,
	.scan = pg_scan,
	.script = pg_script,
	.has_versions_sql = "SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = "
			    "current_schema() AND tablename = 'schema_version'",
	.notify = pg_notify,
	.idle_fd = pg_idle_fd,
	.heed = pg_heed,
};
