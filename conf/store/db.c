/* SPDX-License-Identifier: GPL-2.0-only */
/* What jobs call: the same for every backend. After the first error of a transaction every further
 * statement is refused with it, whatever the database would do: PostgreSQL's rule, for both. */
#include "conf/store/store_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct store_value store_text(const char *text)
{
	if (!text)
		return (struct store_value){ .type = STORE_NULL };
	return (struct store_value){ .type = STORE_TEXT, .text = text, .length = strlen(text) };
}

int store_fail(struct store_db *db, enum store_trouble trouble, int rc, const char *format, ...)
{
	va_list args;

	if (db->trouble != STORE_FINE)
		return db->rc;
	db->trouble = trouble;
	db->rc = rc;
	va_start(args, format);
	vsnprintf(db->error, sizeof(db->error), format, args);
	va_end(args);
	return rc;
}

int store_stopped(struct store_db *db)
{
	int why = db->target->stop ? atomic_load(&db->target->stop->why) : 0;

	if (!why)
		return 0;
	return store_fail(db, STORE_FAILED, -why,
			  why == ETIMEDOUT ? "the database did not answer in time"
					   : "the store is being closed");
}

void store_settle(struct store_db *db)
{
	db->trouble = STORE_FINE;
	db->rc = 0;
	db->answer_ms = STORE_ANSWER_MS;
	db->error[0] = 0;
}

/* Also between statements: a job may make any number of short ones. */
static bool may_go_on(struct store_db *db)
{
	return db->trouble == STORE_FINE && store_stopped(db) == 0;
}

int store_exec(struct store_db *db, const char *sql, const struct store_value *values, size_t count)
{
	if (!may_go_on(db))
		return db->rc;
	return db->backend->exec(db, sql, values, count);
}

int store_query(struct store_db *db, const char *sql, const struct store_value *values,
		size_t count, store_row_fn row, void *arg)
{
	if (!may_go_on(db))
		return db->rc;
	return db->backend->query(db, sql, values, count, row, arg);
}

int store_scan(struct store_db *db, const char *sql, store_row_fn row, void *arg)
{
	if (!may_go_on(db))
		return db->rc;
	return db->backend->scan(db, sql, row, arg);
}

int store_script(struct store_db *db, const char *sql)
{
	if (!may_go_on(db))
		return db->rc;
	return db->backend->script(db, sql);
}

int store_notify(struct store_db *db, const char *channel, const char *payload)
{
	if (!may_go_on(db))
		return db->rc;
	return db->backend->notify ? db->backend->notify(db, channel, payload) : 0;
}

const char *store_db_error(const struct store_db *db)
{
	return db->error;
}

bool store_db_is_postgresql(const struct store_db *db)
{
	return db->backend == &store_postgresql;
}
