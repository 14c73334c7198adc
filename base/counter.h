/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BASE_COUNTER_H
#define BASE_COUNTER_H

/* Described counters: an object embeds a struct of counter fields and a const table that names them
 * in three groups. One writer thread each, any reader. */

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

typedef _Atomic uint64_t counter_t;

enum counter_group { COUNTER_NORMAL, COUNTER_UNDESIRABLE, COUNTER_ERROR };

struct counter_info {
	const char *name; /* "rx_packets" */
	enum counter_group group;
	const char *help;
	size_t offset;    /* of the counter_t in its struct */
};

/* One writer: a relaxed load and store, no locked instruction. */
static inline void counter_add(counter_t *c, uint64_t n)
{
	atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed);
}

/* counter_add() of one. */
static inline void counter_inc(counter_t *c)
{
	counter_add(c, 1);
}

/* Any thread: a value that the counter had a moment ago. */
static inline uint64_t counter_get(const counter_t *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

/* The counter that `info` describes, in the struct that it belongs to. Any thread. */
static inline uint64_t counter_of(const void *counters, const struct counter_info *info)
{
	return counter_get((const counter_t *)(const void *)((const char *)counters + info->offset));
}

#endif
