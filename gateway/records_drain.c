/* SPDX-License-Identifier: GPL-2.0-only */
/* Out of the spool, into the store: a batch is inserted and committed, then taken out of the spool.
 * A kill between both brings it again, and its ids keep it out. What can't be stored now stays at
 * the head and is tried again for ever.
 *
 * Retention runs on the same connection in bounded batches, and only while nothing waits. */
#include "gateway/records_private.h"

#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define rlog(level, ...) log_write(level, "records", NULL, __VA_ARGS__)

/* ---- The store's thread ---- */

/* One statement for all numbers of a call: each one is a round trip to a server. */
static int insert_numbers(struct store_db *db, const struct cdr *cdr)
{
	static const char rows[CDR_NUMBERS][12] = { "($1, $2)", "($3, $4)",  "($5, $6)",
						    "($7, $8)", "($9, $10)", "($11, $12)" };
	char keys[CDR_NUMBERS][NUMBER_DIGITS], sql[256];
	struct store_value values[2 * CDR_NUMBERS];
	size_t count = cdr_search_keys(cdr, keys), n;

	if (count == 0)
		return 0;
	n = (size_t)snprintf(sql, sizeof(sql), "INSERT INTO cdr_number (number, id) VALUES ");
	for (size_t i = 0; i < count; i++) {
		values[2 * i] = store_text(keys[i]);
		values[2 * i + 1] = store_text(cdr->id);
		n += (size_t)snprintf(sql + n, sizeof(sql) - n, "%s%s", i ? ", " : "", rows[i]);
	}
	snprintf(sql + n, sizeof(sql) - n, " ON CONFLICT DO NOTHING");
	return store_exec(db, sql, values, 2 * count);
}

static char *attempts_text(const struct cdr *cdr)
{
	json_t *attempts = cdr_attempts_json(cdr);
	char *text = attempts ? json_dumps(attempts, JSON_COMPACT) : NULL;

	json_decref(attempts);
	return text;
}

/* One that is there already is counted as stored: it is. */
static int insert(struct records *r, struct store_db *db, const struct cdr *cdr)
{
	struct store_value values[CDR_COLUMNS_MAX];
	char rooms[CDR_COLUMNS_MAX][CDR_KEY];
	char *attempts = attempts_text(cdr);
	int rc;

	if (!attempts)
		return -ENOMEM;
	for (size_t i = 0; i < cdr_column_count; i++)
		values[i] = cdr_value(cdr, &cdr_columns[i], rooms[i]);
	values[cdr_column_count] = store_text(attempts);
	rc = store_exec(db, r->insert_sql, values, cdr_column_count + 1);
	free(attempts);
	return rc > 0 ? insert_numbers(db, cdr) : rc;
}

/* Power failures: what was spooled is on the disk within about SYNC_US. */
static void sync_spool(struct records *r, uint64_t now_us)
{
	if (now_us < r->synced + SYNC_US)
		return;
	r->synced = now_us;
	spool_sync(r->spool);
}

static int drain_job(struct store_db *db, void *arg)
{
	struct records *r = arg;
	int rc = 0;

	sync_spool(r, r->now_us);
	r->peeked_bad = 0;
	r->peeked_count = spool_peek(r->spool, r->peeked, r->batch);
	for (size_t i = 0; i < r->peeked_count && rc >= 0; i++) {
		if (cdr_read(&r->drained, r->peeked[i].octets, r->peeked[i].length))
			rc = insert(r, db, &r->drained);
		else
			r->peeked_bad++;
	}
	return rc < 0 ? rc : 0;
}

/* ---- The control thread ---- */

static void drain(struct records *r);

static void drain_due(struct loop_timer *timer, void *arg)
{
	(void)timer;
	drain(arg);
}

static void drain_after(struct records *r, uint64_t us)
{
	if (!r->closing)
		loop_timer_start(r->control, &r->drain_timer, us, drain_due, r);
}

static void drain_failed(struct records *r, int rc, const char *error)
{
	snprintf(r->error, sizeof(r->error), "%s", error && *error ? error : strerror(-rc));
	if (!r->failing)
		rlog(LOG_LEVEL_WARNING, "records wait in the spool: %s", r->error);
	r->failing = true;
	r->pause_us = r->pause_us ? 2 * r->pause_us : DRAIN_PAUSE_MIN_US;
	if (r->pause_us > DRAIN_PAUSE_MAX_US)
		r->pause_us = DRAIN_PAUSE_MAX_US;
	drain_after(r, r->pause_us);
}

static void drain_succeeded(struct records *r)
{
	size_t count = r->peeked_count;

	if (r->peeked_bad)
		rlog(LOG_LEVEL_ERROR, "%zu records of the spool can't be read", r->peeked_bad);
	if (r->failing)
		rlog(LOG_LEVEL_NOTICE, "records are stored again");
	spool_consume(r->spool, count);
	r->stored += count - r->peeked_bad;
	r->unreadable += r->peeked_bad;
	r->failing = false;
	r->error[0] = 0;
	r->pause_us = 0;
	if (count || r->rung)
		drain(r);
}

static void drained(void *arg, int rc, const char *error)
{
	struct records *r = arg;

	r->draining = false;
	if (rc < 0 && r->closing)
		return;
	if (rc < 0)
		drain_failed(r, rc, error);
	else
		drain_succeeded(r);
}

static void drain(struct records *r)
{
	if (r->draining || r->closing)
		return;
	loop_timer_stop(r->control, &r->drain_timer);
	r->rung = false;
	r->now_us = clock_now_us(loop_clock(r->control));
	r->draining = store_run(r->store, STORE_WRITE, 0, drain_job, drained, r) == 0;
	if (!r->draining)
		drain_after(r, DRAIN_PAUSE_MIN_US);
}

static void was_queued(struct loop_watch *watch, uint32_t events, void *arg)
{
	struct records *r = arg;
	uint64_t rings;

	(void)events;
	if (read(watch->fd, &rings, sizeof(rings)) < 0)
		return;
	r->rung = r->draining; /* the job may have looked already */
	if (!r->draining && !loop_timer_armed(&r->drain_timer))
		drain_after(r, DRAIN_DELAY_US);
}

/* The store's thread syncs as it drains. While the store is away it doesn't get to it. */
static void sync_due(struct loop_timer *timer, void *arg)
{
	struct records *r = arg;
	struct store_state state;

	store_state(r->store, &state);
	if (!state.up)
		spool_sync(r->spool);
	loop_timer_start(r->control, timer, SYNC_US, sync_due, r);
}

/* ---- Retention ---- */

static void retain_due(struct loop_timer *timer, void *arg);

static void retain_after(struct records *r, uint64_t us)
{
	r->retaining = false;
	if (!r->closing)
		loop_timer_start(r->control, &r->retain_timer, us, retain_due, r);
}

static int take_id(void *arg, const struct store_value *columns, size_t n)
{
	(void)n;
	snprintf(arg, CALL_ID_TEXT, "%s", columns[0].text ? columns[0].text : "");
	return 0;
}

/* Reader's thread: the oldest that stays. */
static int find_job(struct store_db *db, void *arg)
{
	struct records *r = arg;
	struct store_value values[] = { store_integer((int64_t)r->keep_calls - 1) };

	r->found[0] = 0;
	return store_query(db, "SELECT id FROM cdr ORDER BY id DESC LIMIT 1 OFFSET $1", values, 1,
			   take_id, r->found);
}

/* Store's thread. Numbers first: they are found by the records. */
static int remove_job(struct store_db *db, void *arg)
{
	struct records *r = arg;
	struct store_value values[] = { store_text(r->cutoff), store_integer(RETAIN_BATCH) };
	int rc = store_exec(db,
			    "DELETE FROM cdr_number WHERE id IN "
			    "(SELECT id FROM cdr WHERE id < $1 ORDER BY id LIMIT $2)",
			    values, 2);

	return rc < 0 ? rc
		      : store_exec(db,
				   "DELETE FROM cdr WHERE id IN "
				   "(SELECT id FROM cdr WHERE id < $1 ORDER BY id LIMIT $2)",
				   values, 2);
}

static void removed(void *arg, int rc, const char *error)
{
	struct records *r = arg;

	if (rc < 0 && !r->closing)
		rlog(LOG_LEVEL_WARNING, "old records are not removed: %s",
		     error && *error ? error : strerror(-rc));
	if (rc > 0)
		r->removed += (uint64_t)rc;
	retain_after(r, rc == RETAIN_BATCH ? RETAIN_AGAIN_US : RETAIN_US);
}

static void remove_old(struct records *r)
{
	if (!r->cutoff[0] ||
	    store_run(r->store, STORE_WRITE, 10000, remove_job, removed, r) < 0)
		retain_after(r, RETAIN_US);
}

static void found(void *arg, int rc, const char *error)
{
	struct records *r = arg;

	(void)error;
	if (rc >= 0 && r->found[0] && strcmp(r->found, r->cutoff) > 0)
		memcpy(r->cutoff, r->found, sizeof(r->cutoff));
	if (r->closing)
		r->retaining = false;
	else
		remove_old(r);
}

static void retain_due(struct loop_timer *timer, void *arg)
{
	struct records *r = arg;
	struct spool_state spool;
	int64_t now_us = clock_wall_us(loop_clock(r->control));

	spool_state(r->spool, &spool);
	if (spool.queued) { /* records that wait come first */
		loop_timer_start(r->control, timer, RETAIN_AGAIN_US, retain_due, r);
		return;
	}
	r->retaining = true;
	r->cutoff[0] = 0;
	if (r->keep_us)
		cdr_id_at(now_us - (int64_t)r->keep_us, r->cutoff);
	if (!r->keep_calls)
		remove_old(r);
	else if (records_reader(r) < 0 ||
		 store_run(r->reader, STORE_READ, 10000, find_job, found, r) < 0)
		retain_after(r, RETAIN_US);
}

/* ---- Life ---- */

int records_drain_start(struct records *r)
{
	int rc = loop_watch_add(r->control, &r->queued, spool_event(r->spool), EPOLLIN, was_queued,
				r);

	if (rc < 0)
		return rc;
	loop_timer_start(r->control, &r->sync_timer, SYNC_US, sync_due, r);
	if (r->keep_us || r->keep_calls)
		loop_timer_start(r->control, &r->retain_timer, RETAIN_AGAIN_US, retain_due, r);
	drain(r); /* what an earlier process left */
	return 0;
}

void records_drain_stop(struct records *r)
{
	r->closing = true;
	loop_watch_remove(&r->queued);
	loop_timer_stop(r->control, &r->drain_timer);
	loop_timer_stop(r->control, &r->sync_timer);
	loop_timer_stop(r->control, &r->retain_timer);
}

bool records_drained(const struct records *r)
{
	struct spool_state state;

	spool_state(r->spool, &state);
	return !r->draining && !state.queued;
}
