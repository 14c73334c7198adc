/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TESTS_E2E_SIP_STORM_H
#define TESTS_E2E_SIP_STORM_H

/* A SIP message as sip_storm reads it: only what its two ends need, found by scanning lines. Texts
 * point into the datagram. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MESSAGE_MAX 8192

struct text {
	const char *at;
	int length;
};

struct message {
	unsigned status;                                      /* 0: a request */
	struct text method;                                   /* of CSeq */
	struct text vias;                                     /* every Via line, whole */
	struct text from, to, to_tag, call_id, cseq, contact; /* values; contact: the URI */
	bool retry_after;
	bool described; /* there is a body */
};

/* False: no SIP message of ours. `data` ends with NUL. */
bool message_read(struct message *m, const char *data);
bool text_is(struct text t, const char *word);

/* ---- Figures ---- */

#define STATUS_MAX 700

struct figures {
	uint64_t offered, answered, ended, lost, held_back, emergencies, emergencies_answered;
	uint64_t status[STATUS_MAX]; /* final responses other than 2xx */
	uint64_t refused_bare;       /* 503 without Retry-After */
	uint64_t repeated;           /* requests sent again */
	uint64_t called,
		called_open; /* calls that came to the answering end; not ended at the end */
	uint32_t *setup_us, *refusal_us; /* per call, INVITE to the final response */
	size_t setups, refusals, room;
	double seconds; /* in which new calls were sent */
};

/* What one call took. */
void figures_setup(struct figures *f, uint64_t us);
void figures_refusal(struct figures *f, uint64_t us);
/* One JSON object on stdout. */
void figures_print(struct figures *f);

#endif
