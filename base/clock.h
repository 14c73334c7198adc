/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

/* Injected time. Everything that waits or stamps takes a clock; tests hand in a virtual one and
 * turn it by hand. Times are microseconds. Thread: the system clock any, a virtual one its owner's.
 */

#include <stdint.h>

struct clock {
	/* Monotonic, never set back, not counting anything but itself. */
	uint64_t (*monotonic_us)(const struct clock *clock);
	/* Wall time since 1970-01-01 UTC; may step. Only for what people read. */
	int64_t (*wall_us)(const struct clock *clock);
	/* Nonzero when a test turns it: loops then never sleep and arm no kernel timer. */
	int is_virtual;
};

/* CLOCK_MONOTONIC and CLOCK_REALTIME. */
extern const struct clock clock_system;

struct clock_virtual {
	struct clock clock; /* hand &v.clock to whoever wants a clock */
	uint64_t now_us;
	int64_t wall_offset_us;
};

/* Starts at one second past zero; the wall shows 2026-01-01 00:00:00 UTC then. */
void clock_virtual_init(struct clock_virtual *v);
/* See loop_advance() in loop.h, which turns the clock and fires what falls due in order. */

/* The two readings above, by a clock of either kind. */
static inline uint64_t clock_now_us(const struct clock *c)
{
	return c->monotonic_us(c);
}

static inline int64_t clock_wall_us(const struct clock *c)
{
	return c->wall_us(c);
}

#endif
