/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TDM_EXCHANGE_RECORD_H
#define TDM_EXCHANGE_RECORD_H

/* The memory of one call: every message with all its elements and its time, kept for the result and
 * written to the journal. Thread: signalling. */

#include "base/list.h"
#include "tdm/exchange/journal.h"
#include "tdm/exchange/media.h"
#include "tdm/span.h"

struct ex_record {
	struct list node;             /* in the exchange's list of live calls */
	struct ex_journal *journal;   /* borrowed */
	const struct clock *clock;
	unsigned id;                  /* serial number in this exchange */
	bool outgoing;
	char key[64];                 /* "SPAN/CRV" */
	char span[64];
	unsigned timeslot;
	uint64_t began_us, alerted_us, connected_us, clearing_us, ended_us; /* 0: never */
	/* How it was cleared */
	bool far_cleared;             /* the far end began */
	bool clearing;
	struct q850_cause cause;      /* as first heard or said */
	bool keep;                    /* keep the messages for ex_record_json() */
	json_t *messages, *wire;
};

/* `record` is zeroed before. */
void ex_record_open(struct ex_record *record, struct ex_journal *journal, const struct clock *clock,
		    bool keep);
void ex_record_close(struct ex_record *record);
/* Who it is, as soon as that is known; the timeslot may come later. */
void ex_record_identify(struct ex_record *record, const struct isdn_call *call);
/* `info` may be NULL. */
void ex_record_message(struct ex_record *record, bool received, const char *message,
		       const struct isdn_info *info);
/* The same for an event of the span, with its meaning for the times and the cause. */
void ex_record_event(struct ex_record *record, enum isdn_event event, const struct isdn_info *info);
/* We begin to clear. */
void ex_record_cleared_by_us(struct ex_record *record, struct q850_cause cause);
/* A Q.931 message as it was on the wire. */
void ex_record_wire(struct ex_record *record, const struct trace_record *trace);
/* "end" line for the journal. */
void ex_record_end(struct ex_record *record, const struct ex_media_result *media);
/* Identity, times, cause, media and messages; NULL without memory. */
json_t *ex_record_json(const struct ex_record *record, const struct ex_media_result *media);
json_t *ex_media_json(const struct ex_media_result *media);
json_t *ex_wire_json(const struct trace_record *trace);

#endif
