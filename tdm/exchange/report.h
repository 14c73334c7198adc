/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TDM_EXCHANGE_REPORT_H
#define TDM_EXCHANGE_REPORT_H

/* What came of many calls: counts, causes, times, media; as a table and as JSON. Thread:
 * signalling. */

#include "tdm/exchange/caller.h"

#include <stdio.h>

struct ex_report {
	unsigned attempted, answered, failed, ended, as_expected, unexpected;
	unsigned connected;                 /* answered, ended or not */
	unsigned now, most;                 /* at once */
	unsigned causes[128];               /* of those not answered */
	unsigned answered_causes[128];      /* of those answered */
	double *setup_ms;                   /* of those that heard ringing or an answer */
	size_t setup_count, setup_room;
	uint64_t compared, mismatches, slips, lost;
	unsigned intact,
		measured; /* calls whose sequence was whole, of those answered that sent one */
	double least_dbm0, most_dbm0;       /* loudest level per call */
	int least_delay, most_delay;        /* samples; -1: none */
	unsigned waited_for_channel;        /* times that no span had an idle channel */
	json_t *calls;                      /* every call; NULL: not kept */
};

struct ex_times {
	double least_ms, median_ms, p99_ms, most_ms;
};

void ex_report_init(struct ex_report *report, bool keep_calls);
void ex_report_free(struct ex_report *report);
void ex_report_started(struct ex_report *report);
/* Without memory the time of this call is missing in the statistics, nothing else. */
void ex_report_add(struct ex_report *report, const struct ex_outcome *outcome);
/* Sorts the times. All zero when there are none. */
struct ex_times ex_report_times(struct ex_report *report);
void ex_report_line(const struct ex_report *report, double seconds, FILE *to);
void ex_report_table(struct ex_report *report, double seconds, FILE *to);
/* NULL without memory. */
json_t *ex_report_json(struct ex_report *report, double seconds);

#endif
