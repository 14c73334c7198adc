/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TDM_EXCHANGE_FAULT_H
#define TDM_EXCHANGE_FAULT_H

/* Misbehaviour on command: what of a line's faults shall change, when, and for how long.
 * "drop=10" "stop=on after=10s for=5s" "stop-after=10s" "ppm=-80" "l=on r=off rdi=on" "seed=7"
 * "line=telco" "clear". Plain values; any thread. */

#include "hw/e1.h"

struct ex_fault {
	char line[64];             /* "": every line */
	struct e1_faults set;      /* new values of those that follow */
	bool drop, stop, l_bit, r_bit, rdi, clock, seed;
	bool clear;                /* everything off first */
	unsigned after_ms, for_ms; /* 0: at once; until told otherwise */
};

/* Adds one word. 0 or -EINVAL and `why` (256 octets). The struct is zeroed before the first. */
int ex_fault_word(struct ex_fault *fault, const char *word, char *why);
/* Words separated by commas or blanks. */
int ex_fault_parse(struct ex_fault *fault, const char *text, char *why);
void ex_fault_apply(const struct ex_fault *fault, struct e1_faults *faults);
/* Does it say anything at all? */
bool ex_fault_is_empty(const struct ex_fault *fault);

#endif
