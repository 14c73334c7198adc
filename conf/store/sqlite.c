/* SPDX-License-Identifier: GPL-2.0-only */
/* SQLite in WAL mode: one writer and any number of readers, also of other processes.
 *
 * synchronous=FULL: a commit is on the disk when it has been told. The tables need it (an accepted
 * change survives a power failure), and so do the records: their drain takes them out of the spool
 * after the commit. One fsync per batch is what it costs.
 *
 * Codes: sqlite3_extended_errcode() becomes -errno here and nowhere else. */
#include "conf/store/statements.h"
#include "conf/store/store_private.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "sqlite:"
/* A lock is waited for so long before the transaction is begun anew. */
#define BUSY_WAIT_MS 250
#define BUSY_NAP_MS 5
/* Steps of the virtual machine between two looks at store_stop. */
#define STOP_STEPS 4000
#define PARAMETERS_MAX 4096
#define COLUMNS_MAX 256
/* Pages per step of a backup: about 1 MiB. */
#define BACKUP_PAGES 256

struct sqlite_db {
	struct store_db db;
	sqlite3 *handle;
	struct statements statements;
	struct stat opened; /* the file: another of its name is not it */
	bool read_only;     /* PRAGMA query_only */
};

static struct sqlite_db *sqlite_of(struct store_db *db)
{
	return (struct sqlite_db *)(void *)db;
}

static const char *path_of(const char *url)
{
	return url + strlen(PREFIX);
}

static bool sqlite_accepts(const char *url)
{
	return strncmp(url, PREFIX, strlen(PREFIX)) == 0;
}

static int sqlite_describe(const char *url, char *where, size_t room, char *error,
			   size_t error_room)
{
	if (!path_of(url)[0]) {
		snprintf(error, error_room, "sqlite: needs the path of a file behind it");
		return -EINVAL;
	}
	snprintf(where, room, "%s", path_of(url));
	return 0;
}

/* ---- Errors ---- */

struct meaning {
	int code; /* primary or extended */
	enum store_trouble trouble;
	int rc;
	const char *advice;
};

/* Extended codes first: the first match counts. */
static const struct meaning meanings[] = {
	{ SQLITE_CONSTRAINT_UNIQUE, STORE_FAILED, -EEXIST, "" },
	{ SQLITE_CONSTRAINT_PRIMARYKEY, STORE_FAILED, -EEXIST, "" },
	{ SQLITE_CONSTRAINT_ROWID, STORE_FAILED, -EEXIST, "" },
	{ SQLITE_CONSTRAINT_FOREIGNKEY, STORE_FAILED, -ENOENT, "" },
	{ SQLITE_CONSTRAINT, STORE_FAILED, -EINVAL, "" },
	{ SQLITE_READONLY_DBMOVED, STORE_LOST, -ENOTCONN, "" },
	{ SQLITE_READONLY, STORE_FAILED, -EROFS,
	  ": make the file and its folder writable for this user" },
	{ SQLITE_BUSY, STORE_AGAIN, -EAGAIN, "" },
	{ SQLITE_LOCKED, STORE_AGAIN, -EAGAIN, "" },
	{ SQLITE_SCHEMA, STORE_AGAIN, -EAGAIN, "" },
	{ SQLITE_FULL, STORE_FAILED, -ENOSPC, ": make room on its disk" },
	{ SQLITE_NOTADB, STORE_FAILED, -EBADMSG, ": move the file away and restore a backup" },
	{ SQLITE_CORRUPT, STORE_FAILED, -EBADMSG, ": move the file away and restore a backup" },
	{ SQLITE_NOMEM, STORE_FAILED, -ENOMEM, "" },
	{ SQLITE_PERM, STORE_FAILED, -EACCES, ": check its owner and mode" },
	{ SQLITE_AUTH, STORE_FAILED, -EACCES, "" },
	{ SQLITE_TOOBIG, STORE_FAILED, -EFBIG, "" },
	{ SQLITE_MISMATCH, STORE_FAILED, -EINVAL, "" },
	{ SQLITE_RANGE, STORE_FAILED, -EINVAL, "" },
	{ SQLITE_ERROR, STORE_FAILED, -EINVAL, "" },
	{ SQLITE_CANTOPEN, STORE_FAILED, -EACCES, ": check that its folder is there and writable" },
	{ SQLITE_IOERR, STORE_FAILED, -EIO, ": check the disk and the system's log" },
};

static const struct meaning *meaning_of(int code)
{
	static const struct meaning other = { 0, STORE_FAILED, -EIO, "" };

	for (size_t i = 0; i < sizeof(meanings) / sizeof(*meanings); i++) {
		if (meanings[i].code == code || meanings[i].code == (code & 0xff))
			return &meanings[i];
	}
	return &other;
}

/* What the system said below an I/O error says more. */
static int system_errno(const struct sqlite_db *s, int code)
{
	int primary = code & 0xff, system;

	if (primary != SQLITE_IOERR && primary != SQLITE_CANTOPEN)
		return 0;
	system = sqlite3_system_errno(s->handle);
	switch (system) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return ENOSPC;
	case EROFS:
	case EACCES:
	case ENOENT:
	case ENOTDIR:
	case EISDIR:
	case EMFILE:
		return system;
	default:
		return 0;
	}
}

static int failed(struct sqlite_db *s)
{
	int code = sqlite3_extended_errcode(s->handle);
	int system = system_errno(s, code);
	const struct meaning *m = meaning_of(system == ENOSPC ? SQLITE_FULL : code);

	if ((code & 0xff) == SQLITE_INTERRUPT && store_stopped(&s->db))
		return s->db.rc;
	if (m->rc == -EROFS && s->read_only)
		return store_fail(&s->db, STORE_FAILED, -EROFS, "this may only read");
	return store_fail(&s->db, m->trouble, system ? -system : m->rc, "%s: %s%s%s%s%s",
			  s->db.target->url, sqlite3_errmsg(s->handle), system ? " (" : "",
			  system ? strerror(system) : "", system ? ")" : "", m->advice);
}

/* ---- Statements ---- */

struct prepared {
	sqlite3_stmt *stmt;
	size_t parameters, values;
	uint16_t *value_of; /* parameter i takes values[value_of[i]] */
};

static void free_prepared(struct prepared *p)
{
	if (!p)
		return;
	sqlite3_finalize(p->stmt);
	mem_free(p->value_of);
	mem_free(p);
}

static void discard(void *arg, struct statement *statement)
{
	(void)arg;
	free_prepared(statement->handle);
	statement->handle = NULL;
}

/* SQLite takes $1 for a name, numbered by its first appearance: its digits tell which value. */
static int map_parameters(struct prepared *p)
{
	p->parameters = (size_t)sqlite3_bind_parameter_count(p->stmt);
	if (p->parameters > PARAMETERS_MAX)
		return -EINVAL;
	p->value_of = mem_calloc(p->parameters + 1, sizeof(*p->value_of));
	if (!p->value_of)
		return -ENOMEM;
	for (size_t i = 0; i < p->parameters; i++) {
		const char *name = sqlite3_bind_parameter_name(p->stmt, (int)i + 1);
		unsigned long n = name && name[0] == '$' ? strtoul(name + 1, NULL, 10) : 0;

		if (n < 1 || n > PARAMETERS_MAX)
			return -EINVAL;
		p->value_of[i] = (uint16_t)(n - 1);
		if (n > p->values)
			p->values = n;
	}
	return 0;
}

static int prepare(struct sqlite_db *s, struct prepared **out, const char *sql)
{
	struct prepared *p = mem_zalloc(sizeof(*p));
	int rc;

	if (!p)
		return store_fail(&s->db, STORE_FAILED, -ENOMEM, "no memory for a statement");
	if (sqlite3_prepare_v3(s->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &p->stmt, NULL) !=
	    SQLITE_OK) {
		rc = failed(s);
		goto fail;
	}
	rc = p->stmt ? map_parameters(p) : -EINVAL;
	if (rc == -ENOMEM) {
		store_fail(&s->db, STORE_FAILED, rc, "no memory for a statement");
		goto fail;
	}
	if (rc < 0) {
		rc = store_fail(&s->db, STORE_FAILED, rc, "parameters must be $1 to $%d: %s",
				PARAMETERS_MAX, sql);
		goto fail;
	}
	*out = p;
	return 0;
fail:
	free_prepared(p);
	return rc;
}

/* The kept one, or one of its own when that is being read (a query within a query). */
static int find_prepared(struct sqlite_db *s, const char *sql, struct prepared **out,
			 struct statement **kept)
{
	struct statement *known = statements_find(&s->statements, sql);
	int rc;

	*kept = NULL;
	if (known && !known->busy) {
		*kept = known;
		*out = known->handle;
		return 0;
	}
	rc = prepare(s, out, sql);
	if (rc < 0 || known)
		return rc;
	*kept = statements_add(&s->statements, sql);
	if (*kept)
		(*kept)->handle = *out;
	return 0;
}

static int bind_one(sqlite3_stmt *stmt, int at, const struct store_value *v)
{
	switch (v->type) {
	case STORE_INTEGER:
		return sqlite3_bind_int64(stmt, at, v->integer);
	case STORE_REAL:
		return sqlite3_bind_double(stmt, at, v->real);
	case STORE_TEXT:
		return sqlite3_bind_text(stmt, at, v->text, (int)v->length, SQLITE_STATIC);
	case STORE_NULL:
		break;
	}
	return sqlite3_bind_null(stmt, at);
}

static int bind(struct sqlite_db *s, struct prepared *p, const struct store_value *values,
		size_t count)
{
	if (p->values != count)
		return store_fail(&s->db, STORE_FAILED, -EINVAL,
				  "%zu values for %zu parameters: %s", count, p->values,
				  sqlite3_sql(p->stmt));
	for (size_t i = 0; i < p->parameters; i++) {
		if (bind_one(p->stmt, (int)i + 1, &values[p->value_of[i]]) != SQLITE_OK)
			return failed(s);
	}
	return 0;
}

static struct store_value column(sqlite3_stmt *stmt, int at)
{
	struct store_value v = { .type = STORE_NULL };

	switch (sqlite3_column_type(stmt, at)) {
	case SQLITE_NULL:
		break;
	case SQLITE_INTEGER:
		return store_integer(sqlite3_column_int64(stmt, at));
	case SQLITE_FLOAT:
		return store_real(sqlite3_column_double(stmt, at));
	default:
		v.text = (const char *)sqlite3_column_text(stmt, at);
		v.length = (size_t)sqlite3_column_bytes(stmt, at);
		v.type = v.text ? STORE_TEXT : STORE_NULL;
		break;
	}
	return v;
}

static int tell_row(sqlite3_stmt *stmt, store_row_fn row, void *arg)
{
	struct store_value columns[COLUMNS_MAX];
	int n = sqlite3_column_count(stmt);

	if (n > COLUMNS_MAX)
		return -E2BIG;
	for (int i = 0; i < n; i++)
		columns[i] = column(stmt, i);
	return row(arg, columns, (size_t)n);
}

/* Steps through the rows; how many there were. */
static int step_through(struct sqlite_db *s, sqlite3_stmt *stmt, store_row_fn row, void *arg)
{
	int rows = 0, rc;

	for (;;) {
		int code = sqlite3_step(stmt);

		if (code == SQLITE_DONE)
			return rows;
		if (code != SQLITE_ROW)
			return failed(s);
		rc = row ? tell_row(stmt, row, arg) : 0;
		if (rc < 0)
			return rc;
		rows++;
	}
}

static int run(struct sqlite_db *s, const char *sql, const struct store_value *values, size_t count,
	       store_row_fn row, void *arg)
{
	struct statement *kept;
	struct prepared *p = NULL;
	int rc = find_prepared(s, sql, &p, &kept);

	if (rc < 0)
		return rc;
	if (kept)
		kept->busy = true;
	rc = bind(s, p, values, count);
	if (rc >= 0)
		rc = step_through(s, p->stmt, row, arg);
	sqlite3_reset(p->stmt);
	sqlite3_clear_bindings(p->stmt);
	if (kept)
		kept->busy = false;
	else
		free_prepared(p);
	return rc;
}

static int sqlite_query(struct store_db *db, const char *sql, const struct store_value *values,
			size_t count, store_row_fn row, void *arg)
{
	return run(sqlite_of(db), sql, values, count, row, arg);
}

static int sqlite_scan(struct store_db *db, const char *sql, store_row_fn row, void *arg)
{
	return run(sqlite_of(db), sql, NULL, 0, row, arg);
}

static int sqlite_exec(struct store_db *db, const char *sql, const struct store_value *values,
		       size_t count)
{
	struct sqlite_db *s = sqlite_of(db);
	int rc = run(s, sql, values, count, NULL, NULL);

	return rc < 0 ? rc : sqlite3_changes(s->handle);
}

static int sqlite_script(struct store_db *db, const char *sql)
{
	struct sqlite_db *s = sqlite_of(db);

	return sqlite3_exec(s->handle, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : failed(s);
}

/* ---- Transactions ---- */

static int set_read_only(struct sqlite_db *s, bool read_only)
{
	int rc;

	if (s->read_only == read_only)
		return 0;
	rc = run(s, read_only ? "PRAGMA query_only=1" : "PRAGMA query_only=0", NULL, 0, NULL, NULL);
	if (rc >= 0)
		s->read_only = read_only;
	return rc;
}

static int sqlite_begin(struct store_db *db, enum store_access access)
{
	struct sqlite_db *s = sqlite_of(db);
	int rc = set_read_only(s, access == STORE_READ || db->target->read_only);

	if (rc < 0)
		return rc;
	rc = run(s, s->read_only ? "BEGIN" : "BEGIN IMMEDIATE", NULL, 0, NULL, NULL);
	return rc < 0 ? rc : 0;
}

static int sqlite_begin_schema(struct store_db *db)
{
	return sqlite_begin(db, STORE_WRITE);
}

static int sqlite_commit(struct store_db *db)
{
	int rc = run(sqlite_of(db), "COMMIT", NULL, 0, NULL, NULL);

	return rc < 0 ? rc : 0;
}

static void sqlite_rollback(struct store_db *db)
{
	struct sqlite_db *s = sqlite_of(db);

	/* An error of disk or memory may have rolled back by itself. */
	if (!sqlite3_get_autocommit(s->handle))
		sqlite3_exec(s->handle, "ROLLBACK", NULL, NULL, NULL);
}

/* ---- Connections ---- */

static int stop_asked(void *arg)
{
	struct sqlite_db *s = arg;

	return s->db.target->stop && atomic_load(&s->db.target->stop->why) != 0;
}

static int wait_for_lock(void *arg, int tries)
{
	if (tries * BUSY_NAP_MS >= BUSY_WAIT_MS || stop_asked(arg))
		return 0;
	usleep(BUSY_NAP_MS * 1000);
	return 1;
}

static bool sqlite_alive(struct store_db *db)
{
	struct sqlite_db *s = sqlite_of(db);
	struct stat now;

	if (!s->opened.st_ino)
		return true;
	return stat(path_of(db->target->url), &now) == 0 && now.st_ino == s->opened.st_ino &&
	       now.st_dev == s->opened.st_dev;
}

static void sqlite_disconnect(struct store_db *db)
{
	struct sqlite_db *s = sqlite_of(db);

	statements_clear(&s->statements);
	sqlite3_close(s->handle);
	mem_free(s);
}

/* Made by us first, for its mode: who calls whom is not for everybody. */
static void make_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);

	if (fd >= 0)
		close(fd);
}

static int set_up(struct sqlite_db *s)
{
	static const char pragmas[] =
		"PRAGMA foreign_keys=1; PRAGMA synchronous=FULL;"
		"PRAGMA journal_size_limit=16777216; PRAGMA temp_store=MEMORY";
	int rc;

	sqlite3_extended_result_codes(s->handle, 1);
	sqlite3_busy_handler(s->handle, wait_for_lock, s);
	sqlite3_progress_handler(s->handle, STOP_STEPS, stop_asked, s);
	rc = sqlite_script(&s->db, pragmas);
	/* Reads the file: the first word of one that is no database, or can't be had. */
	if (rc >= 0)
		rc = run(s, "SELECT count(*) FROM sqlite_master", NULL, 0, NULL, NULL);
	return rc < 0 ? rc : 0;
}

static struct sqlite_db *new_db(const struct store_target *target)
{
	struct sqlite_db *s = mem_zalloc(sizeof(*s));

	if (!s)
		return NULL;
	s->db.backend = &store_sqlite;
	s->db.target = target;
	s->statements.discard = discard;
	s->statements.arg = s;
	return s;
}

static int open_file(struct sqlite_db *s, const char *path, int flags)
{
	if (sqlite3_open_v2(path, &s->handle, flags | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK)
		return set_up(s);
	return s->handle ? failed(s) : -ENOMEM;
}

static int sqlite_connect(struct store_db **out, const struct store_target *target, char *error,
			  size_t room)
{
	const char *path = path_of(target->url);
	struct sqlite_db *s = new_db(target);
	int rc;

	if (!s) {
		snprintf(error, room, "no memory for a connection");
		return -ENOMEM;
	}
	if (!target->read_only)
		make_file(path);
	rc = open_file(s, path,
		       SQLITE_OPEN_READWRITE | (target->read_only ? 0 : SQLITE_OPEN_CREATE));
	if (rc >= 0 && !target->read_only && sqlite3_db_readonly(s->handle, "main") == 0)
		rc = run(s, "PRAGMA journal_mode=WAL", NULL, 0, NULL, NULL);
	if (rc < 0)
		goto fail;
	if (stat(path, &s->opened) < 0)
		memset(&s->opened, 0, sizeof(s->opened));
	*out = &s->db;
	return 0;
fail:
	snprintf(error, room, "%s", s->db.error);
	/* Its writer may be about to make it; a lock goes. */
	if ((rc == -ENOENT && target->read_only) || s->db.trouble == STORE_AGAIN)
		rc = -EAGAIN;
	sqlite_disconnect(&s->db);
	return rc;
}

int store_sqlite_open(struct store_db **out, const char *path, struct store_stop *stop, char *error,
		      size_t room)
{
	struct beside {
		struct sqlite_db s;
		struct store_target target;
	} *b = mem_zalloc(sizeof(*b));
	int rc;

	if (!b) {
		snprintf(error, room, "no memory for a database");
		return -ENOMEM;
	}
	b->target = (struct store_target){ .url = path, .stop = stop };
	b->s.db.backend = &store_sqlite;
	b->s.db.target = &b->target;
	b->s.statements.discard = discard;
	rc = open_file(&b->s, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
	if (rc < 0)
		goto fail;
	*out = &b->s.db;
	return 0;
fail:
	snprintf(error, room, "%s", b->s.db.error);
	sqlite_disconnect(&b->s.db);
	return rc;
}

/* ---- Copies ---- */

/* Page by page, from the one to the other; `s` tells the trouble. */
static int copy_pages(struct sqlite_db *s, sqlite3 *to, sqlite3 *from)
{
	sqlite3_backup *copy = sqlite3_backup_init(to, "main", from, "main");
	int code = SQLITE_OK, rc = 0;

	while (copy && rc == 0 && code == SQLITE_OK) {
		code = sqlite3_backup_step(copy, BACKUP_PAGES);
		rc = store_stopped(&s->db);
	}
	if (copy)
		code = sqlite3_backup_finish(copy);
	else
		code = sqlite3_errcode(to);
	if (rc == 0 && code != SQLITE_OK) {
		const struct meaning *m = meaning_of(code);

		rc = store_fail(&s->db, m->trouble, m->rc, "copy: %s%s", sqlite3_errmsg(to),
				m->advice);
	}
	return rc;
}

static int sqlite_copy_to_file(struct store_db *db, const char *path)
{
	struct sqlite_db *s = sqlite_of(db);
	struct store_db *to;
	char error[STORE_ERROR_ROOM];
	int rc = store_sqlite_open(&to, path, db->target->stop, error, sizeof(error));

	if (rc < 0)
		return store_fail(db, STORE_FAILED, rc, "%s", error);
	rc = copy_pages(s, sqlite_of(to)->handle, s->handle);
	/* One file that needs no other beside it. */
	if (rc == 0 && sqlite_script(to, "PRAGMA journal_mode=DELETE") < 0)
		rc = store_fail(db, STORE_FAILED, to->rc, "%s", to->error);
	sqlite_disconnect(to);
	return rc;
}

int store_sqlite_load(struct store_db *db, const char *path)
{
	struct sqlite_db *s = sqlite_of(db);
	sqlite3 *from = NULL;
	int rc = 0;

	if (sqlite3_open_v2(path, &from, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) !=
	    SQLITE_OK)
		rc = store_fail(db, STORE_FAILED, access(path, R_OK) < 0 ? -errno : -EIO, "%s: %s",
				path, from ? sqlite3_errmsg(from) : "no memory");
	else
		rc = copy_pages(s, s->handle, from);
	sqlite3_close(from);
	return rc;
}

const struct store_backend store_sqlite = {
	.kind = "sqlite",
	.accepts = sqlite_accepts,
	.describe = sqlite_describe,
	.connect = sqlite_connect,
	.disconnect = sqlite_disconnect,
	.alive = sqlite_alive,
	.begin = sqlite_begin,
	.begin_schema = sqlite_begin_schema,
	.commit = sqlite_commit,
	.rollback = sqlite_rollback,
	.exec = sqlite_exec,
	.query = sqlite_query,
	.scan = sqlite_scan,
	.script = sqlite_script,
	.has_versions_sql =
		"SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'",
	.copy_to_file = sqlite_copy_to_file,
};
