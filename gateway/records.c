/* SPDX-License-Identifier: GPL-2.0-only */
/* The writer's side of the spool: what calls leave behind as they go on and as they end. Everything
 * here that the signalling thread does is a copy into mapped memory. */
#include "gateway/records_private.h"

#include "base/log.h"
#include "base/mem.h"
#include "gateway/call.h"
#include "gateway/gateway.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define KEEP_US 60000000 /* a call in progress is written anew: its record ends at most so early */

#define rlog(level, ...) log_write(level, "records", NULL, __VA_ARGS__)

/* ---- Opening and closing ---- */

static void now_crashed(struct cdr *cdr)
{
	cdr->releaser = CDR_CRASH;
	cdr->end_us = cdr->updated_us;
	if (!cdr->cause) {
		cdr->cause = Q850_TEMPORARY_FAILURE;
		cdr->location = Q850_LOC_PRIVATE_LOCAL;
	}
}

/* What was in progress when the last process died. One that was finished as well stands in the
 * queue before this, or is stored already: its id keeps this one out. */
static void take_orphan(void *arg, const void *octets, size_t length)
{
	struct records *r = arg;

	if (!cdr_read(&r->scratch, octets, length)) {
		r->unreadable++;
		return;
	}
	now_crashed(&r->scratch);
	r->crashed++;
	if (!spool_finish(r->spool, SPOOL_NO_SLOT, &r->scratch, cdr_size(&r->scratch)))
		atomic_store(&r->losing, true);
}

static int open_spool(struct records *r, const struct records_cfg *cfg, char *error, size_t room)
{
	struct spool_cfg spool = { .path = cfg->spool,
				   .queue_size = cfg->spool_size,
				   .slots = cfg->calls ? cfg->calls : RECORDS_CALLS,
				   .slot_size = CDR_SIZE_MAX,
				   .format = CDR_FORMAT };
	int rc = spool_open(&r->spool, &spool, error, room);

	if (rc < 0)
		return rc;
	spool_orphans(r->spool, take_orphan, r);
	if (r->crashed)
		rlog(LOG_LEVEL_NOTICE, "%llu calls were in progress when gatewayd died",
		     (unsigned long long)r->crashed);
	return 0;
}

static struct store_cfg store_cfg(struct records *r, const char *thread)
{
	return (struct store_cfg){ .url = r->url,
				   .namespace_name = RECORDS_NAMESPACE,
				   .schemas = &records_schema,
				   .schema_count = 1,
				   .home = r->control,
				   .thread_name = thread };
}

/* The one that reads has nothing to read before the other has made it. */
int records_reader(struct records *r)
{
	struct store_cfg cfg = store_cfg(r, "records-read");
	char error[256];
	int rc;

	if (r->reader)
		return 0;
	cfg.read_only = true;
	rc = store_open(&r->reader, &cfg, error, sizeof(error));
	if (rc < 0)
		rlog(LOG_LEVEL_WARNING, "nobody can read records: %s", error);
	return rc;
}

static void store_changed(void *arg)
{
	struct records *r = arg;
	struct store_state state;

	if (r->closing)
		return;
	store_state(r->store, &state);
	if (state.up)
		records_reader(r);
}

static int open_store(struct records *r, const struct records_cfg *cfg, char *error, size_t room)
{
	struct store_cfg store;

	r->url = mem_strdup(cfg->url);
	if (!r->url)
		return -ENOMEM;
	store = store_cfg(r, "records");
	store.changed = store_changed;
	store.arg = r;
	return store_open(&r->store, &store, error, room);
}

int records_open(struct records **out, const struct records_cfg *cfg, struct loop *control,
		 char *error, size_t error_room)
{
	struct records *r = mem_zalloc(sizeof(*r));
	int rc = -ENOMEM;

	snprintf(error, error_room, "out of memory");
	if (!r)
		return rc;
	r->control = control;
	r->queued.fd = -1;
	r->batch = cfg->batch ? cfg->batch : RECORDS_BATCH;
	r->keep_us = cfg->keep_us;
	r->keep_calls = cfg->keep_calls;
	r->common = COMMON_NUMBERS;
	if (gethostname(r->host, sizeof(r->host) - 1) < 0)
		r->host[0] = 0;
	cdr_insert_sql(r->insert_sql);
	r->peeked = mem_calloc(r->batch, sizeof(*r->peeked));
	if (r->peeked)
		rc = open_spool(r, cfg, error, error_room);
	if (rc == 0)
		rc = open_store(r, cfg, error, error_room);
	if (rc == 0)
		rc = records_drain_start(r);
	if (rc < 0)
		goto fail;
	*out = r;
	return 0;
fail:
	records_close(&r, 0);
	return rc;
}

/* The loop turns meanwhile: the drain's jobs are answered on it. */
static void let_drain(struct records *r, unsigned wait_ms)
{
	const struct clock *clock = loop_clock(r->control);
	uint64_t end_us = clock_now_us(clock) + (uint64_t)wait_ms * 1000;

	while (!records_drained(r) && clock_now_us(clock) < end_us)
		loop_turn(r->control, 10);
}

void records_close(struct records **out, unsigned wait_ms)
{
	struct records *r = *out;

	if (!r)
		return;
	*out = NULL;
	if (r->store && wait_ms)
		let_drain(r, wait_ms);
	records_drain_stop(r);
	store_close(&r->reader);
	store_close(&r->store);
	spool_close(&r->spool);
	mem_free(r->peeked);
	mem_free(r->url);
	mem_free(r);
}

/* ---- Signalling thread ---- */

static void write_anew(struct loop_timer *timer, void *arg)
{
	struct call *call = arg;

	(void)timer;
	records_update(call->gateway->records, call);
}

static void fill(struct records *r, struct call *call)
{
	cdr_fill(&r->scratch, call);
	memcpy(r->scratch.host, r->host, sizeof(r->scratch.host));
}

static void keep(struct call *call)
{
	loop_timer_start(call->gateway->loop, &call->record_timer, KEEP_US, write_anew, call);
}

void records_begin(struct records *r, struct call *call)
{
	if (!r)
		return;
	fill(r, call);
	call->record_slot = spool_hold(r->spool, &r->scratch, cdr_size(&r->scratch));
	keep(call);
}

void records_update(struct records *r, struct call *call)
{
	if (!r || call->recorded)
		return;
	fill(r, call);
	spool_update(r->spool, call->record_slot, &r->scratch, cdr_size(&r->scratch));
	keep(call);
}

/* Told once when it begins, not for each call. */
static void note_losing(struct records *r, const struct call *call, bool losing)
{
	if (atomic_exchange_explicit(&r->losing, losing, memory_order_relaxed) == losing)
		return;
	if (losing)
		rlog(LOG_LEVEL_ERROR,
		     "the spool is full and the store takes nothing: calls leave no record, the "
		     "first of them %s",
		     call->id);
	else
		rlog(LOG_LEVEL_NOTICE, "the spool has room again: records are kept");
}

void records_end(struct records *r, struct call *call)
{
	if (!r || call->recorded)
		return;
	call->recorded = true;
	loop_timer_stop(call->gateway->loop, &call->record_timer);
	fill(r, call);
	note_losing(r, call,
		    !spool_finish(r->spool, call->record_slot, &r->scratch, cdr_size(&r->scratch)));
	call->record_slot = SPOOL_NO_SLOT;
}

/* ---- State ---- */

void records_state(const struct records *r, struct records_state *out)
{
	*out = (struct records_state){
		.stored = r->stored,
		.removed = r->removed,
		.crashed = r->crashed,
		.unreadable = r->unreadable,
		.losing = atomic_load_explicit(&r->losing, memory_order_relaxed),
	};
	memcpy(out->error, r->error, sizeof(out->error));
	spool_state(r->spool, &out->spool);
	store_state(r->store, &out->store);
}

struct store *records_store(struct records *r)
{
	return r->store;
}
