/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GATEWAY_RECORDS_PRIVATE_H
#define GATEWAY_RECORDS_PRIVATE_H

/* What records*.c share. */

#include "base/loop.h"
#include "gateway/records.h"

#include <stdatomic.h>

/* ---- records_schema.c: columns of table cdr and members of struct cdr ---- */

enum cdr_type {
	CDR_TEXT,
	CDR_I64,
	CDR_U64,
	CDR_U32,
	CDR_U16,
	CDR_U8,
	CDR_FLOAT,
};

struct cdr_column {
	const char *name;
	enum cdr_type type;
	uint16_t offset, size;
};
extern const struct cdr_column cdr_columns[];
extern const size_t cdr_column_count;
#define CDR_COLUMNS_MAX 128

/* INSERT … ON CONFLICT DO NOTHING of all columns and, last, `attempts`. */
#define CDR_SQL_MAX 4096
void cdr_insert_sql(char sql[CDR_SQL_MAX]);
/* "id, host, …, attempts". */
extern const char cdr_column_list[];

/* The value of a column; a text is borrowed from `cdr`, or from `room` when it isn't UTF-8. */
struct store_value cdr_value(const struct cdr *cdr, const struct cdr_column *column,
			     char room[CDR_KEY]);
/* A row of cdr_column_list. 0; -EPROTO: not its columns. `attempts`: the text. */
int cdr_from_row(struct cdr *out, const struct store_value *values, size_t count,
		 const char **attempts);

/* What a number is found by: its digits as characters that sort alike everywhere; "+" left out. */
void cdr_search_key(const char *digits, char key[NUMBER_DIGITS]);
#define CDR_NUMBERS 6
/* The differing keys of both parties' numbers. Returns how many. */
size_t cdr_search_keys(const struct cdr *cdr, char keys[CDR_NUMBERS][NUMBER_DIGITS]);
/* Ids sort by time: the first 10 characters of one made at this time. */
void cdr_id_at(int64_t wall_us, char prefix[11]);

/* ---- records.c ---- */

#define DRAIN_DELAY_US 50000 /* records that end close together share a transaction */
#define DRAIN_PAUSE_MIN_US 100000
#define DRAIN_PAUSE_MAX_US 5000000
#define SYNC_US 1000000        /* a power failure costs no more of what waits */
#define RETAIN_US 60000000     /* between looks for what is too old or too many */
#define RETAIN_AGAIN_US 100000 /* while there is more of it */
#define RETAIN_BATCH 500
#define COMMON_NUMBERS 5000 /* records by whose numbers it is quicker not to search */

struct records {
	struct spool *spool;
	struct store *store, *reader;
	struct loop *control;
	char host[64];
	char *url;
	unsigned batch;
	uint64_t keep_us, keep_calls;
	uint64_t crashed;
	char insert_sql[CDR_SQL_MAX];
	int64_t common;

	/* Signalling thread */
	struct cdr scratch;
	_Atomic bool losing;

	/* Control thread: records_drain.c */
	struct loop_watch queued;
	struct loop_timer drain_timer, sync_timer, retain_timer;
	bool draining, rung, closing, failing;
	uint64_t pause_us;
	char error[256];
	uint64_t stored, removed, unreadable, synced;
	bool retaining;
	char cutoff[CALL_ID_TEXT]; /* ids below it go; "": none */
	/* while `draining`: the store's thread */
	struct spool_record *peeked;
	size_t peeked_count, peeked_bad;
	struct cdr drained;
	uint64_t now_us;
	/* while `retaining`: the reader's, then the store's thread */
	char found[CALL_ID_TEXT];
};

/* Control thread: the store that reads is there. 0 or -errno. */
int records_reader(struct records *records);

/* ---- records_drain.c ---- */

int records_drain_start(struct records *records);
/* No job of its is on its way any more when the stores are closed. */
void records_drain_stop(struct records *records);
/* Nothing waits and nothing is being stored. */
bool records_drained(const struct records *records);

#endif
