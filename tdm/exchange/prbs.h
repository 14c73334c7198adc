/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TDM_EXCHANGE_PRBS_H
#define TDM_EXCHANGE_PRBS_H

/* A pseudo-random sequence of octets that is sent, and found again in what comes back.
 *
 * How does it work? What was sent last (about a second) is kept. 16 octets that come back are
 * looked up in it, which no chance and no other call's sequence can match; from there on octet is
 * compared with octet. When too many of the last 32 differ the alignment is lost and looked up
 * again: found elsewhere, it is a slip. Thread: the worker for send and check; the results any.
 * Allocates nothing. */

#include "base/counter.h"

#include <stdbool.h>

#define PRBS_HISTORY 8192 /* octets, 1.02 s: the longest delay that is found */
#define PRBS_NEEDLE 16

struct ex_prbs {
	uint64_t state;                     /* of the generator */
	uint64_t sent, received;            /* octets */
	uint8_t history[2 *
			PRBS_HISTORY]; /* written twice, so that any stretch lies in one piece */
	uint8_t recent[PRBS_NEEDLE];        /* received last */
	bool aligned, was_aligned;
	uint64_t expected;                  /* index in what was sent of the next octet */
	int64_t alignment;                  /* expected − received when last aligned */
	uint32_t errors;                    /* of the last 32, a bit each */
	uint64_t since;                     /* compared since aligned */
	uint64_t pending;                   /* came since the alignment was lost */
	/* Results */
	counter_t compared, mismatches, slips;
	counter_t lost;                     /* octets that came between two alignments */
	counter_t tail;                     /* octets that came after the last one */
	_Atomic int
		delay; /* samples between sending and receiving, when last aligned; -1: never was */
};

void ex_prbs_init(struct ex_prbs *p, uint64_t seed);
void ex_prbs_send(struct ex_prbs *p, uint8_t *octets, size_t n);
void ex_prbs_check(struct ex_prbs *p, const uint8_t *octets, size_t n);

#endif
