/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TRANSCODING_PLC_H
#define TRANSCODING_PLC_H

/* Concealment of lost G.711: the last pitch period is repeated and faded to silence within 50 ms,
 * and blended with the speech that comes next (in the manner of G.711 Appendix I; spandsp's).
 *
 * How is it used? Nothing is called and nothing is computed while no octet is missing. When the
 * first one is missing, conceal_start() is given what was played last; then conceal_fill() as long
 * as octets are missing, and conceal_blend() once on those that come next. A gap longer than
 * CONCEAL_MAX_SAMPLES is silence.
 *
 * Thread: the owner's. Allocates nothing. */

#include "transcoding/port.h"

#define CONCEAL_HISTORY                                                                            \
	280 /* samples that conceal_start() can use: 15 ms of pitch and 20 ms to find it in */
#define CONCEAL_MAX_SAMPLES 480 /* 60 ms; the fade has ended by then */
#define CONCEAL_BLEND 32        /* samples that conceal_blend() changes at most */

#define CONCEAL_CHUNK 80 /* samples made at once, whatever is asked for */

struct conceal {
	enum port_codec codec;
	unsigned missing; /* samples of this gap so far */
	int16_t made[CONCEAL_CHUNK];
	unsigned unused;                        /* of made, at its end */
	_Alignas(16) unsigned char state[1200]; /* spandsp's plc_state_t, which keeps <spandsp.h>
						   out of here */
};

/* `played`: the last n octets played, oldest first; n ≤ CONCEAL_HISTORY (fewer: quieter start). */
void conceal_start(struct conceal *c, enum port_codec codec, const uint8_t *played, size_t n);
/* Fill n octets. Returns how many of them are synthesised speech; the rest is silence. */
size_t conceal_fill(struct conceal *c, uint8_t *octets, size_t n);
/* The gap is over: smooth the first n ≤ CONCEAL_BLEND octets of what follows, in place. */
void conceal_blend(struct conceal *c, uint8_t *octets, size_t n);

#endif
