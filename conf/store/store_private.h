/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CONF_STORE_STORE_PRIVATE_H
#define CONF_STORE_STORE_PRIVATE_H

/* Between store.c (thread and queue), its backends (sqlite.c, postgresql.c), migrate.c and copy.c.
 * Thread: the store's, unless said otherwise. */

#include "conf/store/store.h"

#include <stdarg.h>
#include <stdatomic.h>

/* How the home thread asks what runs on the store's thread to give up. Backends look at `why` while
 * they wait, and wait for `fd` too. */
struct store_stop {
	_Atomic int why; /* 0; ETIMEDOUT: the job's patience is over; ECANCELED: closing */
	int fd;          /* eventfd, rung when `why` was set or a job has come */
};

/* What to connect to. Texts are borrowed from the store. */
struct store_target {
	const char *url;
	const char *namespace_name; /* NULL: the server's default */
	const char *channel;        /* NULL: none */
	bool read_only;
	unsigned attempt; /* counts on: of several hosts each has its turn */
	struct store_stop *stop;
};

/* What became of the running transaction. */
enum store_trouble {
	STORE_FINE,
	STORE_FAILED, /* tell it */
	STORE_AGAIN,  /* busy: roll back, run it again */
	STORE_LOST,   /* connect anew, run it again */
};

#define STORE_ERROR_ROOM 512
#define STORE_ANSWER_MS 30000
/* While all rows are replaced: one statement may have work for minutes. */
#define STORE_LONG_ANSWER_MS 900000

/* A connection; the backend's own begins with it. */
struct store_db {
	const struct store_backend *backend;
	const struct store_target *target;
	enum store_trouble trouble; /* the first since begin */
	int rc;                     /* its -errno */
	unsigned answer_ms;         /* a server that is silent for so long is lost */
	char error[STORE_ERROR_ROOM];
};

typedef int (*store_row_fn)(void *arg, const struct store_value *columns, size_t n);

struct store_backend {
	const char *kind;
	bool (*accepts)(const char *url);
	/* File, or host and database. 0, -EINVAL with a sentence. Any thread. */
	int (*describe)(const char *url, char *where, size_t room, char *error, size_t error_room);
	/* 0; -EAGAIN: away, worth trying again; another -errno: someone must do something first. */
	int (*connect)(struct store_db **out, const struct store_target *target, char *error,
		       size_t room);
	void (*disconnect)(struct store_db *db);
	/* Is the connection still to what it was made to? */
	bool (*alive)(struct store_db *db);

	/* Transactions: 0 or -errno with db->trouble set, also by all that follow. */
	int (*begin)(struct store_db *db, enum store_access access);
	/* Begins one that no other process makes at the same time, in a namespace that exists. */
	int (*begin_schema)(struct store_db *db);
	int (*commit)(struct store_db *db);
	void (*rollback)(struct store_db *db);
	int (*exec)(struct store_db *db, const char *sql, const struct store_value *values,
		    size_t count);
	int (*query)(struct store_db *db, const char *sql, const struct store_value *values,
		     size_t count, store_row_fn row, void *arg);
	/* A query of any number of rows, without holding them all. */
	int (*scan)(struct store_db *db, const char *sql, store_row_fn row, void *arg);
	/* Several statements without parameters. */
	int (*script)(struct store_db *db, const char *sql);
	const char *has_versions_sql; /* a row when the table schema_version is there */

	int (*notify)(struct store_db *db, const char *channel, const char *payload);
	/* Descriptor to wait for between jobs, -1: none. */
	int (*idle_fd)(struct store_db *db);
	/* Takes what has come on it. 0 or -errno: lost. */
	int (*heed)(struct store_db *db, void (*notified)(void *arg, const char *payload),
		    void *arg);
	/* Copies the whole database into a file that isn't there; NULL: table by table. */
	int (*copy_to_file)(struct store_db *db, const char *path);
};

extern const struct store_backend store_sqlite, store_postgresql;

/* Notes the trouble (the first of a transaction stays) and its sentence. Returns rc. */
int store_fail(struct store_db *db, enum store_trouble trouble, int rc, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* Why the work must stop: 0, or -ETIMEDOUT or -ECANCELED, noted as trouble. */
int store_stopped(struct store_db *db);
/* Forgets the trouble: before a transaction. */
void store_settle(struct store_db *db);

int store_script(struct store_db *db, const char *sql);
int store_scan(struct store_db *db, const char *sql, store_row_fn row, void *arg);

/* migrate.c: brings the schemas to their newest version. -ENOTSUP: the database is newer; -EAGAIN:
 * we only read and the writer has not made it yet. Outside a transaction; versions[schema_count].
 */
int store_migrate(struct store_db *db, const struct store_schema *schemas, size_t schema_count,
		  unsigned *versions);

/* store.c: what copy.c works on. */
const struct store_schema *store_schemas(const struct store *store, size_t *count);

/* sqlite.c: a database of our own beside that of the store: a file, "" a temporary one.
 * SQLite only. 0 or -errno with a sentence. */
int store_sqlite_open(struct store_db **out, const char *path, struct store_stop *stop, char *error,
		      size_t room);
/* Copies the database in the file `path` over that of `db`. */
int store_sqlite_load(struct store_db *db, const char *path);

#endif
