/* SPDX-License-Identifier: GPL-2.0-only */
/* Schemas and their versions. A first look costs one transaction that only reads; what is missing
 * is made in one transaction that no other process makes at the same time, after a second look. */
#include "conf/store/store_private.h"

#include <errno.h>
#include <string.h>

struct versions {
	const struct store_schema *schemas;
	size_t count;
	unsigned *found;
};

static unsigned newest(const struct store_schema *schema)
{
	return schema->migration_count ? schema->migrations[schema->migration_count - 1].version
				       : 0;
}

static int note_version(void *arg, const struct store_value *columns, size_t n)
{
	struct versions *v = arg;

	if (n != 2 || columns[0].type != STORE_TEXT)
		return -EBADMSG;
	for (size_t i = 0; i < v->count; i++) {
		if (strcmp(v->schemas[i].name, columns[0].text) == 0)
			v->found[i] = (unsigned)columns[1].integer;
	}
	return 0;
}

/* A database without the table has version 0 of everything. */
static int read_versions(struct store_db *db, struct versions *v)
{
	int rc = store_query(db, db->backend->has_versions_sql, NULL, 0, NULL, NULL);

	memset(v->found, 0, v->count * sizeof(*v->found));
	if (rc <= 0)
		return rc;
	rc = store_query(db, "SELECT name, version FROM schema_version", NULL, 0, note_version, v);
	return rc < 0 ? rc : 0;
}

/* 1: something is missing. */
static int compare(struct store_db *db, const struct versions *v)
{
	int missing = 0;

	for (size_t i = 0; i < v->count; i++) {
		unsigned want = newest(&v->schemas[i]);

		if (v->found[i] > want)
			return store_fail(db, STORE_FAILED, -ENOTSUP,
					  "the database has version %u of \"%s\", this program "
					  "knows %u: install the newer program, or restore a "
					  "backup that is older",
					  v->found[i], v->schemas[i].name, want);
		missing |= v->found[i] < want;
	}
	return missing;
}

static int set_version(struct store_db *db, const char *name, unsigned version)
{
	const struct store_value values[] = { store_text(name), store_integer(version) };

	return store_exec(db,
			  "INSERT INTO schema_version (name, version) VALUES ($1, $2) "
			  "ON CONFLICT (name) DO UPDATE SET version = excluded.version",
			  values, 2);
}

static int migrate_one(struct store_db *db, const struct store_schema *schema, unsigned *version)
{
	int rc = 0;

	for (size_t i = 0; rc >= 0 && i < schema->migration_count; i++) {
		const struct store_migration *m = &schema->migrations[i];

		if (m->version <= *version)
			continue;
		rc = store_script(db, m->sql);
		if (rc >= 0)
			*version = m->version;
	}
	return rc < 0 ? rc : set_version(db, schema->name, *version);
}

static int make_missing(struct store_db *db, struct versions *v)
{
	int rc = store_script(db, "CREATE TABLE IF NOT EXISTS schema_version ("
				  "name TEXT PRIMARY KEY, version BIGINT NOT NULL)");

	if (rc >= 0)
		rc = read_versions(db, v);
	if (rc >= 0)
		rc = compare(db, v);
	for (size_t i = 0; rc >= 0 && i < v->count; i++)
		rc = migrate_one(db, &v->schemas[i], &v->found[i]);
	return rc < 0 ? rc : 0;
}

static int look(struct store_db *db, struct versions *v)
{
	int rc = db->backend->begin(db, STORE_READ);

	if (rc >= 0)
		rc = read_versions(db, v);
	if (rc >= 0)
		rc = compare(db, v);
	db->backend->rollback(db);
	return rc;
}

int store_migrate(struct store_db *db, const struct store_schema *schemas, size_t schema_count,
		  unsigned *versions)
{
	struct versions v = { schemas, schema_count, versions };
	int rc;

	store_settle(db);
	rc = look(db, &v);
	if (rc <= 0)
		return rc;
	if (db->target->read_only)
		return store_fail(db, STORE_LOST, -EAGAIN, "its tables have not been made yet");
	rc = db->backend->begin_schema(db);
	if (rc >= 0)
		rc = make_missing(db, &v);
	if (rc >= 0)
		rc = db->backend->commit(db);
	if (rc < 0)
		db->backend->rollback(db);
	return rc;
}
