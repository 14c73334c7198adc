/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BASE_TIMER_HEAP_H
#define BASE_TIMER_HEAP_H

/* Pairing heap of loop_timers, threaded through the timers themselves: insert and removal allocate
 * nothing. Ordered by due time, then by order of arming. Private to loop.c and its test.
 * Thread: the loop's. */

#include "base/loop.h"

/* The root is the earliest one; NULL when empty. All return the new root. */
struct loop_timer *timer_heap_insert(struct loop_timer *root, struct loop_timer *timer);
struct loop_timer *timer_heap_remove(struct loop_timer *root, struct loop_timer *timer);

#endif
