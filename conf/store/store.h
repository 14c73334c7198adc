/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CONF_STORE_STORE_H
#define CONF_STORE_STORE_H

/* One asynchronous door to a database: SQLite (embedded, WAL) or PostgreSQL.
 *
 * What does it do? Runs jobs, one after the other, on a thread of its own that holds one
 * connection. A job is a function that speaks SQL through the calls below, whole within one
 * transaction: when it returns < 0, or the commit fails, nothing of it stays. Whoever asked is told
 * on his own loop. Schemas are brought by the floors as numbered migrations and carried out when
 * the connection is made.
 *
 * When the database is busy or away: a job waits. SQLITE_BUSY and serialization failures run the
 * job again (it must be repeatable); a lost connection is made anew with growing pauses
 * (100 ms … 5 s), and jobs that have not been committed run again on it. A job whose `patience_ms`
 * passes, while it waits or while it runs, is told -ETIMEDOUT and is not run any more. One whose
 * COMMIT was sent and never confirmed runs again, or has been done though it is told -ETIMEDOUT:
 * give rows keys of your own, so that a second time does nothing.
 *
 * Jobs that read see one moment of the database and may not write. Jobs that write are serializable
 * against those of all other processes.
 *
 * SQL: what both understand. Parameters are $1, $2 …; INTEGER of SQLite is BIGINT in PostgreSQL:
 * write BIGINT, TEXT, DOUBLE PRECISION; INSERT … ON CONFLICT DO NOTHING works in both. As many
 * values as parameters, at most 4,096. Where nothing tells the type of a parameter that may be
 * NULL, write CAST($1 AS TEXT). Octets that are no UTF-8 become "?" in PostgreSQL.
 *
 * Thread: home (the one that opened it) for everything but the calls on a struct store_db, which
 * are for jobs on the store's thread only. */

#include "base/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;
struct store_db;

/* One step from version - 1 to `version` (from 1 on, without gaps): statements separated by ;. */
struct store_migration {
	unsigned version;
	const char *sql;
};

/* The tables of one floor; several may live in one database. Its version is kept in the table
 * schema_version (name, version). */
struct store_schema {
	const char *name; /* "tables" */
	const struct store_migration *migrations;
	size_t migration_count;
};

struct store_cfg {
	/* "sqlite:FILE", or "postgresql://…" (libpq's form). */
	const char *url;
	/* PostgreSQL: the schema (namespace) to live in, made when missing; ignored by SQLite,
	 * where each database has a file of its own. */
	const char *namespace_name;
	const struct store_schema *schemas; /* borrowed for good */
	size_t schema_count;                /* at most 8 */
	struct loop *home;
	const char *thread_name; /* at most 15 characters */
	bool read_only;          /* jobs that write fail; no migration is made: it is up when the
				  * writer has made the tables */
	/* PostgreSQL: told when another connection does NOTIFY on `channel`; with "" when the
	 * connection was made anew and something may have been missed. May be NULL. */
	const char *channel;
	void (*notified)(void *arg, const char *payload);
	/* The state below has changed. May be NULL. */
	void (*changed)(void *arg);
	void *arg;
};

/* Starts the thread and returns; the connection is made there. 0, -ENOMEM, -EINVAL: a url that is
 * neither. `error` gets a sentence. */
int store_open(struct store **out, const struct store_cfg *cfg, char *error, size_t error_room);
/* Waits at most `wait_ms` until the connection stands and the schema is current: for the start of a
 * program, before its loop turns. 0; -ETIMEDOUT; -ENOTSUP: the database is of a newer version than
 * we know; -EROFS, -EACCES, -EIO…: it can't be used; `error` gets a sentence that says what to do.
 */
int store_wait(struct store *store, unsigned wait_ms, char *error, size_t error_room);
/* Jobs that have not begun are told -ECANCELED, before it returns. Waits for the one that runs;
 * after 2 s it is stopped at its statement and told the same. May be called by a job's `done`. Sets
 * NULL, takes NULL. */
void store_close(struct store **store);

/* ---- Jobs ---- */

/* Store's thread. ≥ 0: commit; -errno: roll back (and tell it). */
typedef int (*store_job_fn)(struct store_db *db, void *arg);
/* Home. `rc`: what the job returned, -ETIMEDOUT, -ECANCELED, or -EIO with the database's words in
 * `error` (valid during the call; "" when there is none). Always told, once. */
typedef void (*store_done_fn)(void *arg, int rc, const char *error);

enum store_access { STORE_READ, STORE_WRITE };

/* 0; -ENOMEM: then `done` is not told. patience_ms 0: for ever. `arg` must stay until `done`. */
int store_run(struct store *store, enum store_access access, unsigned patience_ms, store_job_fn job,
	      store_done_fn done, void *arg);

enum store_type { STORE_NULL, STORE_INTEGER, STORE_REAL, STORE_TEXT };
struct store_value {
	enum store_type type;
	int64_t integer;
	double real;
	const char *text; /* NUL behind it; NULL is STORE_NULL. In rows valid during the callback */
	size_t length;
};
static inline struct store_value store_integer(int64_t n)
{
	return (struct store_value){ .type = STORE_INTEGER, .integer = n };
}
static inline struct store_value store_real(double n)
{
	return (struct store_value){ .type = STORE_REAL, .real = n };
}
/* Borrowed. */
struct store_value store_text(const char *text);

/* Rows changed (≥ 0), or -errno: -EEXIST a key that is there already, -ENOENT a reference to what
 * is not there, -EINVAL a statement or value that is wrong, -ENOSPC, -EROFS, -EBADMSG: the file is
 * damaged, -EIO …; store_db_error() has the database's words. After an error the job must return
 * it: further statements are refused with it, and nothing is committed. Statements are prepared
 * once per connection and kept (128). Several rows in one INSERT are three times as fast in
 * PostgreSQL. */
int store_exec(struct store_db *db, const char *sql, const struct store_value *values,
	       size_t count);
/* `row` per row: ≥ 0 go on, -errno ends the query with it. Returns the number of rows or -errno. */
int store_query(struct store_db *db, const char *sql, const struct store_value *values,
		size_t count, int (*row)(void *arg, const struct store_value *columns, size_t n),
		void *arg);
const char *store_db_error(const struct store_db *db);
bool store_db_is_postgresql(const struct store_db *db);
/* PostgreSQL: NOTIFY on commit; SQLite: nothing. */
int store_notify(struct store_db *db, const char *channel, const char *payload);

/* ---- State ---- */

struct store_state {
	bool up;         /* connected, schema current */
	char kind[16];   /* "sqlite", "postgresql" */
	char where[256]; /* file, or host and database: never a password */
	char error[256]; /* why it isn't up; up: what is wrong with the database (full, damaged,
			  * read-only), until something has been written; "" */
	int64_t since_wall_us;
	unsigned waiting; /* jobs */
	uint64_t done, failed, retried, reconnects;
	unsigned version[8]; /* of each schema in order */
};
void store_state(const struct store *store, struct store_state *out);

/* ---- Whole databases ---- */

/* Copies the database into a file while it is used: an SQLite file with the same tables whichever
 * kind the database is. Replaces nothing: -EEXIST. */
int store_backup(struct store *store, const char *path, store_done_fn done, void *arg);
/* Replaces the rows of every table of our schemas by those of such a file, in one transaction,
 * after checking the file (integrity, schema versions; older ones are migrated in a copy). */
int store_restore(struct store *store, const char *path, store_done_fn done, void *arg);

#endif
