/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TDM_LAPD_H
#define TDM_LAPD_H

/* The frames of Q.921 on a point-to-point link, as they pass between line and libpri: which of
 * them are any, and what stands in their headers. Pure; any thread. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LAPD_N201 260 /* Q.921 5.9.3: most octets of an information field */

enum lapd_verdict {
	LAPD_VALID,
	/* Not to be acted upon: too short, no address of two octets (2.9), another link's (SAPI 0,
	 * TEI 0 is ours; UI frames may go to all, TEI 127), a control field that says nothing
	 * (table 5), a command sent as a response or the other way round (3.3.2), an information
	 * field where there is none or longer than N201, no number N(R). */
	LAPD_INVALID,
	/* A SABME, but for its C/R bit: the far end is the same side as we are. */
	LAPD_SAME_SIDE,
};

/* Of a frame received, without FCS. `from_network`: the far end is the network side; commands of
 * the network have C/R = 1, its responses 0, the user's are the reverse (3.3.2). libpri looks at
 * the address alone, and reads an N(R) that isn't there. */
enum lapd_verdict lapd_judge(const uint8_t *frame, size_t n, bool from_network);

/* Where the Q.931 message begins in a LAPD frame: 0 when the frame is no I or UI frame. */
size_t lapd_payload(const uint8_t *frame, size_t n);
/* U frames that (re)establish the link, Q.921 3.6.2 and 3.6.5. */
bool lapd_is_sabme(const uint8_t *frame, size_t n);
bool lapd_is_ua(const uint8_t *frame, size_t n);
/* Numbered information, Q.921 3.4.1. */
bool lapd_is_i(const uint8_t *frame, size_t n);
/* Sequence numbers, 0…127 (Q.921 3.5.2): both of I frames, N(R) of S frames too. */
uint8_t lapd_ns(const uint8_t *frame);
uint8_t lapd_nr(const uint8_t *frame);
/* Is it such a frame, long enough to have one? */
bool lapd_has_nr(const uint8_t *frame, size_t n);

#endif
