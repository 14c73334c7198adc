/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BASE_WORKER_H
#define BASE_WORKER_H

/* A media worker: a thread with a loop of its own, joined to its home loop (the signalling thread)
 * by two single-producer rings with an eventfd each.
 *
 * Commands run on the worker in the order they were posted; events run on the home thread in the
 * order they were raised. Neither side ever waits for the other. Objects that live on a worker are
 * made and freed on the home thread: post "leave", and free in the event that answers it. */

#include "base/loop.h"

struct worker;

struct worker_cfg {
	const char *name;   /* thread name, at most 15 characters; copied */
	int cpu;            /* pin to this processor; -1: any */
	int realtime;       /* SCHED_FIFO priority 1…99 where allowed, 0: none; refusal is logged once */
	int nice;           /* 1…19: it, and threads that it starts, give way to others (nice(2)); 0: no */
	const struct clock *clock; /* borrowed; a virtual one needs inline_thread */
	bool inline_thread; /* tests: no thread; the worker shares the home loop and commands run deferred */
};

/* A function with what it works on. `object` is whatever lives on the other side. */
typedef void (*worker_fn)(void *object, void *arg);

/* Starts the thread. `home` is borrowed. 0 or -errno (-EINVAL: a thread on a virtual clock). Home
 * thread. */
int worker_create(struct worker **out, const struct worker_cfg *cfg, struct loop *home);
/* Stops and joins the thread after it has run what was posted; runs the events left over. Takes
 * NULL. Home thread. */
void worker_destroy(struct worker **worker);

/* The loop of the worker's thread: for code that runs there. */
struct loop *worker_loop(struct worker *worker);
/* The home thread's loop; both are borrowed. Any thread. */
struct loop *worker_home(struct worker *worker);
/* As configured; lives as long as the worker. Any thread. */
const char *worker_name(const struct worker *worker);
/* Does the caller run on the worker's thread? Always with inline_thread. For assertions. */
bool worker_is_current(const struct worker *worker);

/* Home → worker. Never fails and never waits: when the ring is full the command is kept in a list
 * of the home side (allocated there) and follows in order. Home thread. (Only when memory for that
 * list is refused does it wait for the worker: a lost command would cost more.) */
void worker_post(struct worker *worker, worker_fn fn, void *object, void *arg);
/* Worker → home. Returns false when the ring (4,096) is full: the caller keeps its state and raises
 * it again at its next tick. Worker thread. Allocates nothing. */
bool worker_raise(struct worker *worker, worker_fn fn, void *object, void *arg);

/* Share of the last second that the worker's thread was running, in parts per thousand. Any thread.
 */
unsigned worker_load_permille(const struct worker *worker);

#endif
