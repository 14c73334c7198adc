/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GATEWAY_RECORDS_H
#define GATEWAY_RECORDS_H

/* Records of calls: from the signalling thread through the spool into the store, and out again.
 *
 * Two stores serve: one whose thread drains the spool (insert a batch, commit, sync, consume;
 * ON CONFLICT DO NOTHING by the call's id, so nothing comes twice) and removes what is too old or
 * too many, and one that only reads, so that a long query never delays the drain. Both are opened
 * on the control thread's loop.
 *
 * When the database is away the spool fills; the drain tries again for ever. When the spool is full
 * a record is lost, counted, logged and shown as an alarm in `gwctl status`. */

#include "conf/store/spool.h"
#include "conf/store/store.h"
#include "gateway/cdr.h"

#include <jansson.h>
#include <stdio.h>

struct records;

struct records_cfg {
	const char *url;           /* of the store (conf/store/store.h) */
	const char *spool;         /* file */
	uint64_t spool_size;       /* octets */
	unsigned calls;            /* slots: at once */
	uint64_t keep_us;          /* age; 0: for ever */
	uint64_t keep_calls;       /* 0: any number */
	unsigned batch;            /* 0: RECORDS_BATCH */
};
#define RECORDS_BATCH 500
#define RECORDS_CALLS 2048 /* slots when nothing says how many calls there may be */
#define RECORDS_NAMESPACE "causeway_records" /* in PostgreSQL */

extern const struct store_schema records_schema;

/* Opens the spool at once (its orphans become records released by CDR_CRASH) and starts the drain.
 * `control`: the loop that queries are asked and answered on; call it on that thread. The stores
 * may be unreachable. 0; -errno, `error` gets a sentence: the spool can't be used. */
int records_open(struct records **out, const struct records_cfg *cfg, struct loop *control,
		 char *error, size_t error_room);
/* Drains for at most `wait_ms` (turning the loop: 0 from inside of its turn), then closes; what is
 * left stays in the spool. Sets NULL, takes NULL. Control thread. */
void records_close(struct records **records, unsigned wait_ms);

/* ---- Signalling thread: never waits ---- */

struct call;
/* A call began; remembers the slot in it (call->record_slot). `records` NULL: nothing is kept. */
void records_begin(struct records *records, struct call *call);
/* A milestone. */
void records_update(struct records *records, struct call *call);
/* It has ended; before anybody is told, and before its media is closed. Once per call. */
void records_end(struct records *records, struct call *call);

/* ---- Control thread ---- */

#define RECORDS_PAGE 10000

/* Texts are copied. */
struct records_query {
	int64_t since_us, until_us; /* of setup, until excluded; 0: open */
	const char *number; /* prefix of a party's, received, normalized or sent; NULL */
	const char *endpoint; /* either leg or an attempt; NULL */
	int cause;            /* -1: any */
	int answered;         /* -1: any, 0, 1 */
	const char *before;   /* id: the page after the one that ended with it; NULL */
	unsigned limit;       /* 1…RECORDS_PAGE */
};
/* Newest first: {"cdrs": [...], "next": id or null}; the caller's reference. rc < 0: `body` NULL
 * and a sentence in `error`: -EINVAL, -EIO, -ETIMEDOUT (the store is away), -ENOMEM. */
typedef void (*records_done_fn)(void *arg, int rc, json_t *body, const char *error);
/* 0: `done` is told, later. -EINVAL: the limit; -ENOMEM. */
int records_list(struct records *records, const struct records_query *query, records_done_fn done,
		 void *arg);
/* -ENOENT when there is none. */
int records_show(struct records *records, const char *id, records_done_fn done, void *arg);

struct records_state {
	struct spool_state spool;
	struct store_state store;
	uint64_t stored, removed; /* since it was opened; stored: or found to be there */
	uint64_t crashed;         /* calls that an earlier process left behind as it died */
	uint64_t unreadable;      /* out of the spool: of no format that we know */
	bool losing;              /* the spool is full: calls that end now leave no record */
	char error[256];          /* why the drain waits; "": it doesn't */
};
void records_state(const struct records *records, struct records_state *out);
/* The store that drains, for backup and restore. */
struct store *records_store(struct records *records);
/* The state as the API has it: {"state": "ok" | "waiting" | "losing", "spool": {…}, …}; null when
 * none are kept. */
json_t *inspect_records(const struct records *records);

/* ---- One record; any thread ---- */

/* As the API has it. */
json_t *cdr_json(const struct cdr *cdr);
/* The attempts alone. */
json_t *cdr_attempts_json(const struct cdr *cdr);
/* CSV (RFC 4180) of objects as made by cdr_json(): columns stay in this order for ever, new ones
 * come behind. */
void cdr_csv_header(FILE *out);
void cdr_csv_row(FILE *out, const json_t *cdr);

#endif
