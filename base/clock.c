/* SPDX-License-Identifier: GPL-2.0-only */
#include "base/clock.h"

#include <time.h>

#define VIRTUAL_START_US UINT64_C(1000000)
#define WALL_2026_US INT64_C(1767225600000000) /* 2026-01-01T00:00:00Z */

static int64_t read_us(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static uint64_t system_monotonic_us(const struct clock *clock)
{
	(void)clock;
	return (uint64_t)read_us(CLOCK_MONOTONIC);
}

static int64_t system_wall_us(const struct clock *clock)
{
	(void)clock;
	return read_us(CLOCK_REALTIME);
}

const struct clock clock_system = {
	.monotonic_us = system_monotonic_us,
	.wall_us = system_wall_us,
};

static uint64_t virtual_monotonic_us(const struct clock *clock)
{
	return ((const struct clock_virtual *)(const void *)clock)->now_us;
}

static int64_t virtual_wall_us(const struct clock *clock)
{
	const struct clock_virtual *v = (const struct clock_virtual *)(const void *)clock;

	return (int64_t)v->now_us + v->wall_offset_us;
}

void clock_virtual_init(struct clock_virtual *v)
{
	*v = (struct clock_virtual){
		.clock = {
			.monotonic_us = virtual_monotonic_us,
			.wall_us = virtual_wall_us,
			.is_virtual = 1,
		},
		.now_us = VIRTUAL_START_US,
		.wall_offset_us = WALL_2026_US - (int64_t)VIRTUAL_START_US,
	};
}
