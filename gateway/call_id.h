/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GATEWAY_CALL_ID_H
#define GATEWAY_CALL_ID_H

/* Call ids: 48 bits of wall time in ms, then 80 random bits, as 26 digits of Crockford's base 32
 * (the form called ULID): unique among all gateways without asking anyone, and sorted as text they
 * are sorted by time. Two ids of one source in one millisecond differ by one in the random part, so
 * their order holds as well. Thread: the owner's. */

#include <stdint.h>

#define CALL_ID_TEXT 40

struct call_id_source {
	uint64_t last_ms;
	uint8_t random[10];
};

/* Zeroed source at first. `wall_us`: now. Time that steps back does not: ids keep rising. */
void call_id_make(struct call_id_source *source, int64_t wall_us, char id[CALL_ID_TEXT]);

#endif
