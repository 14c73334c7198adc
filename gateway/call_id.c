/* SPDX-License-Identifier: GPL-2.0-only */
#include "gateway/call_id.h"

#include <stdlib.h>
#include <sys/random.h>

#define ID_DIGITS 26

static void fresh_random(struct call_id_source *source)
{
	/* Up to 256 octets never come short once the kernel's pool is ready, and block until then
	 * (getrandom(2)). */
	if (getrandom(source->random, sizeof(source->random), 0) != sizeof(source->random))
		abort();
	source->random[0] &= 0x7f; /* room to count within one millisecond */
}

static void count_up(struct call_id_source *source)
{
	for (int i = (int)sizeof(source->random) - 1; i >= 0; i--)
		if (++source->random[i])
			return;
}

void call_id_make(struct call_id_source *source, int64_t wall_us, char id[CALL_ID_TEXT])
{
	static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	uint64_t ms = wall_us > 0 ? (uint64_t)wall_us / 1000 : 0;
	uint8_t octets[16];

	if (ms > source->last_ms) {
		source->last_ms = ms;
		fresh_random(source);
	} else {
		count_up(source);
	}
	for (int i = 0; i < 6; i++)
		octets[i] = (uint8_t)(source->last_ms >> (8 * (5 - i)));
	for (int i = 0; i < 10; i++)
		octets[6 + i] = source->random[i];
	/* 130 bits of 26 digits: two zero bits lead. */
	for (int d = 0; d < ID_DIGITS; d++) {
		unsigned value = 0;

		for (int b = 0; b < 5; b++) {
			int bit = d * 5 + b - 2;

			value = value << 1 |
				(bit < 0 ? 0u : (unsigned)octets[bit / 8] >> (7 - bit % 8) & 1u);
		}
		id[d] = digits[value];
	}
	id[ID_DIGITS] = 0;
}
