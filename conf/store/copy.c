/* SPDX-License-Identifier: GPL-2.0-only */
/* Whole databases: into a file and out of one. The file is SQLite's, with the tables of our
 * schemas, whichever kind the store is, so that a backup of the one kind restores into the other.
 *
 * Which tables are ours, and their columns, is read from a model: an empty database in memory that
 * was made by our own migrations. Rows go in the order in which the tables were made, so that what
 * others refer to is there first. */
#include "conf/store/store_private.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMES_MAX 256
#define SQL_ROOM 65536
/* Values of one INSERT: several rows go at once, for the sake of the round trip. */
#define VALUES_MOST 1024

struct copy {
	const struct store_schema *schemas;
	size_t schema_count;
	store_done_fn done;
	void *arg;
	char path[PATH_MAX];
};

struct names {
	char *all[NAMES_MAX];
	size_t count;
};

/* The rows of one table on their way. */
struct batch {
	struct store_db *to;
	const char *table;
	const struct names *columns;
	struct store_value values[VALUES_MOST];
	char *texts[VALUES_MOST]; /* what values point to */
	size_t rows, rows_most;
	char sql[SQL_ROOM];
};

/* ---- The model ---- */

static int add_name(void *arg, const struct store_value *columns, size_t n)
{
	struct names *names = arg;

	if (n != 1 || columns[0].type != STORE_TEXT || names->count == NAMES_MAX)
		return -E2BIG;
	names->all[names->count] = mem_strdup(columns[0].text);
	if (!names->all[names->count])
		return -ENOMEM;
	names->count++;
	return 0;
}

static void free_names(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		mem_free(names->all[i]);
	names->count = 0;
}

static int list_tables(struct store_db *model, struct names *tables)
{
	return store_query(model,
			   "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE "
			   "'sqlite\\_%' ESCAPE '\\' AND name <> 'schema_version' ORDER BY rowid",
			   NULL, 0, add_name, tables);
}

static int list_columns(struct store_db *model, const char *table, struct names *columns)
{
	const struct store_value name = store_text(table);

	return store_query(model, "SELECT name FROM pragma_table_info($1) ORDER BY cid", &name, 1,
			   add_name, columns);
}

/* Trouble of another database than the job's becomes the job's. */
static int adopt_trouble(struct store_db *db, const struct store_db *other, int rc)
{
	if (rc < 0)
		store_fail(db, STORE_FAILED, rc, "%s",
			   other->error[0] ? other->error : strerror(-rc));
	return rc;
}

static int open_model(struct store_db *db, const struct copy *c, struct store_db **model)
{
	unsigned versions[8];
	char error[STORE_ERROR_ROOM];
	int rc = store_sqlite_open(model, ":memory:", NULL, error, sizeof(error));

	if (rc < 0)
		return store_fail(db, STORE_FAILED, rc, "%s", error);
	rc = store_migrate(*model, c->schemas, c->schema_count, versions);
	if (rc < 0) {
		adopt_trouble(db, *model, rc);
		(*model)->backend->disconnect(*model);
	}
	return rc;
}

/* ---- Rows ---- */

static void append(char *sql, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void append(char *sql, const char *format, ...)
{
	size_t used = strlen(sql);
	va_list args;

	va_start(args, format);
	vsnprintf(sql + used, SQL_ROOM - used, format, args);
	va_end(args);
}

static void append_columns(char *sql, const struct names *columns)
{
	for (size_t i = 0; i < columns->count; i++)
		append(sql, "%s\"%s\"", i ? ", " : "", columns->all[i]);
}

static void insert_sql(struct batch *b)
{
	size_t n = 0;

	b->sql[0] = 0;
	append(b->sql, "INSERT INTO \"%s\" (", b->table);
	append_columns(b->sql, b->columns);
	append(b->sql, ") VALUES ");
	for (size_t row = 0; row < b->rows; row++) {
		append(b->sql, row ? ", (" : "(");
		for (size_t i = 0; i < b->columns->count; i++)
			append(b->sql, "%s$%zu", i ? ", " : "", ++n);
		append(b->sql, ")");
	}
}

static void drop_rows(struct batch *b)
{
	for (size_t i = 0; i < b->rows * b->columns->count; i++) {
		mem_free(b->texts[i]);
		b->texts[i] = NULL;
	}
	b->rows = 0;
}

static int flush_rows(struct batch *b)
{
	int rc = 0;

	if (b->rows) {
		insert_sql(b);
		rc = store_exec(b->to, b->sql, b->values, b->rows * b->columns->count);
	}
	drop_rows(b);
	return rc < 0 ? rc : 0;
}

/* Into the next row of the batch, with copies of the texts. */
static int keep_row(struct batch *b, const struct store_value *columns, size_t n)
{
	size_t at = b->rows++ * n;

	for (size_t i = 0; i < n; i++) {
		b->values[at + i] = columns[i];
		if (columns[i].type != STORE_TEXT)
			continue;
		b->texts[at + i] = mem_strndup(columns[i].text, columns[i].length);
		if (!b->texts[at + i])
			return -ENOMEM;
		b->values[at + i].text = b->texts[at + i];
		b->values[at + i].length = strlen(b->texts[at + i]);
	}
	return 0;
}

static int take_row(void *arg, const struct store_value *columns, size_t n)
{
	struct batch *b = arg;
	int rc;

	if (n != b->columns->count)
		return -EBADMSG;
	rc = keep_row(b, columns, n);
	if (rc == 0 && b->rows == b->rows_most)
		rc = flush_rows(b);
	return rc;
}

static int copy_rows(struct store_db *from, struct store_db *to, const char *table,
		     const struct names *columns)
{
	struct batch *b = mem_zalloc(sizeof(*b));
	char *sql = mem_zalloc(SQL_ROOM);
	int rc = -ENOMEM;

	if (!b || !sql || !columns->count)
		goto out;
	b->to = to;
	b->table = table;
	b->columns = columns;
	b->rows_most = VALUES_MOST / columns->count;
	append(sql, "SELECT ");
	append_columns(sql, columns);
	append(sql, " FROM \"%s\"", table);
	rc = store_scan(from, sql, take_row, b);
	if (rc >= 0)
		rc = flush_rows(b);
	drop_rows(b);
out:
	mem_free(sql);
	mem_free(b);
	return rc;
}

static int empty_table(struct store_db *to, const char *table)
{
	char sql[256];

	snprintf(sql, sizeof(sql), "DELETE FROM \"%s\"", table);
	return store_exec(to, sql, NULL, 0);
}

/* All rows of our tables in `to` are replaced by those of `from`. Within transactions of both. */
static int copy_tables(struct store_db *model, struct store_db *from, struct store_db *to)
{
	struct names tables = { .count = 0 };
	int rc = list_tables(model, &tables);

	for (size_t i = tables.count; rc >= 0 && i-- > 0;)
		rc = empty_table(to, tables.all[i]);
	for (size_t i = 0; rc >= 0 && i < tables.count; i++) {
		struct names columns = { .count = 0 };

		rc = list_columns(model, tables.all[i], &columns);
		if (rc >= 0)
			rc = copy_rows(from, to, tables.all[i], &columns);
		free_names(&columns);
	}
	free_names(&tables);
	return rc < 0 ? rc : 0;
}

/* ---- Backup ---- */

/* Table by table into a new file. */
static int fill_file(struct store_db *db, const struct copy *c, struct store_db *model,
		     struct store_db *file)
{
	unsigned versions[8];
	int rc = store_migrate(file, c->schemas, c->schema_count, versions);

	if (rc >= 0) {
		store_settle(file);
		rc = file->backend->begin(file, STORE_WRITE);
	}
	if (rc >= 0)
		rc = copy_tables(model, db, file);
	if (rc >= 0)
		rc = file->backend->commit(file);
	return rc < 0 && db->trouble == STORE_FINE ? adopt_trouble(db, file, rc) : rc;
}

static int copy_by_table(struct store_db *db, const struct copy *c, const char *path)
{
	struct store_db *model, *file;
	char error[STORE_ERROR_ROOM];
	int rc = open_model(db, c, &model);

	if (rc < 0)
		return rc;
	rc = store_sqlite_open(&file, path, db->target->stop, error, sizeof(error));
	if (rc < 0) {
		store_fail(db, STORE_FAILED, rc, "%s", error);
	} else {
		rc = fill_file(db, c, model, file);
		file->backend->disconnect(file);
	}
	model->backend->disconnect(model);
	return rc;
}

/* It gets its name when it is whole and on the disk. */
static int publish(struct store_db *db, const char *part, const char *path)
{
	int fd = open(part, O_RDWR | O_CLOEXEC), rc = 0;

	if (fd < 0 || fsync(fd) < 0 || link(part, path) < 0)
		rc = store_fail(db, STORE_FAILED, -errno, "%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return rc;
}

static int make_part(struct store_db *db, const char *part)
{
	int fd;

	unlink(part); /* of one that was killed */
	fd = open(part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (fd < 0)
		return store_fail(db, STORE_FAILED, -errno, "%s: %s", part, strerror(errno));
	close(fd);
	return 0;
}

static int backup_job(struct store_db *db, void *arg)
{
	const struct copy *c = arg;
	char part[PATH_MAX + 8];
	int rc;

	if (access(c->path, F_OK) == 0)
		return store_fail(db, STORE_FAILED, -EEXIST,
				  "%s is there already: a backup replaces nothing", c->path);
	snprintf(part, sizeof(part), "%s.part", c->path);
	rc = make_part(db, part);
	if (rc >= 0)
		rc = db->backend->copy_to_file ? db->backend->copy_to_file(db, part)
					       : copy_by_table(db, c, part);
	if (rc >= 0)
		rc = publish(db, part, c->path);
	unlink(part);
	return rc;
}

/* ---- Restore ---- */

static int is_ok(void *arg, const struct store_value *columns, size_t n)
{
	bool *ok = arg;

	*ok = n == 1 && columns[0].type == STORE_TEXT && strcmp(columns[0].text, "ok") == 0;
	return 0;
}

static int check_schemas(struct store_db *db, const struct copy *c, struct store_db *file)
{
	for (size_t i = 0; i < c->schema_count; i++) {
		const struct store_value name = store_text(c->schemas[i].name);
		int rc = store_query(file, file->backend->has_versions_sql, NULL, 0, NULL, NULL);

		if (rc > 0)
			rc = store_query(file, "SELECT 1 FROM schema_version WHERE name = $1",
					 &name, 1, NULL, NULL);
		if (rc < 0)
			return adopt_trouble(db, file, rc);
		if (rc == 0)
			return store_fail(db, STORE_FAILED, -EINVAL,
					  "%s is no backup of this: it has no \"%s\"", c->path,
					  c->schemas[i].name);
	}
	return 0;
}

/* The copy of the file: sound, ours, and of our version. */
static int check_file(struct store_db *db, const struct copy *c, struct store_db *file)
{
	unsigned versions[8];
	bool ok = false;
	int rc = store_query(file, "PRAGMA integrity_check(1)", NULL, 0, is_ok, &ok);

	if (rc < 0 || !ok)
		return store_fail(db, STORE_FAILED, -EBADMSG, "%s is damaged: use another backup",
				  c->path);
	rc = check_schemas(db, c, file);
	if (rc < 0)
		return rc;
	rc = store_migrate(file, c->schemas, c->schema_count, versions);
	return adopt_trouble(db, file, rc);
}

static int replace_rows(struct store_db *db, const struct copy *c, struct store_db *file)
{
	struct store_db *model;
	int rc = open_model(db, c, &model);

	if (rc < 0)
		return rc;
	store_settle(file);
	rc = copy_tables(model, file, db);
	if (rc < 0 && db->trouble == STORE_FINE)
		adopt_trouble(db, file, rc);
	model->backend->disconnect(model);
	return rc;
}

static int restore_job(struct store_db *db, void *arg)
{
	const struct copy *c = arg;
	struct store_db *file;
	char error[STORE_ERROR_ROOM];
	int rc = store_sqlite_open(&file, "", db->target->stop, error, sizeof(error));

	if (rc < 0)
		return store_fail(db, STORE_FAILED, rc, "%s", error);
	db->answer_ms = STORE_LONG_ANSWER_MS;
	rc = adopt_trouble(db, file, store_sqlite_load(file, c->path));
	if (rc >= 0)
		rc = check_file(db, c, file);
	if (rc >= 0)
		rc = replace_rows(db, c, file);
	file->backend->disconnect(file);
	return rc;
}

/* ---- Home ---- */

static void copied(void *arg, int rc, const char *error)
{
	struct copy *c = arg;

	c->done(c->arg, rc, error);
	mem_free(c);
}

static int run_copy(struct store *store, enum store_access access, store_job_fn job,
		    const struct copy *what, const char *path)
{
	struct copy *c = mem_zalloc(sizeof(*c));
	int rc = -ENOMEM;

	if (!c)
		return rc;
	*c = *what;
	c->schemas = store_schemas(store, &c->schema_count);
	rc = -ENAMETOOLONG;
	if (snprintf(c->path, sizeof(c->path), "%s", path) < (int)sizeof(c->path))
		rc = store_run(store, access, 0, job, copied, c);
	if (rc < 0)
		mem_free(c);
	return rc;
}

int store_backup(struct store *store, const char *path, store_done_fn done, void *arg)
{
	return run_copy(store, STORE_READ, backup_job, &(struct copy){ .done = done, .arg = arg },
			path);
}

int store_restore(struct store *store, const char *path, store_done_fn done, void *arg)
{
	return run_copy(store, STORE_WRITE, restore_job, &(struct copy){ .done = done, .arg = arg },
			path);
}
