/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

/* The event loop: watch a descriptor, arm a timer, defer to the end of the turn.
 *
 * What does it do? One loop belongs to one thread (the one that first turns it, or loop_adopt()).
 * Watches, timers and deferrals are embedded in their owner's structs: arming one allocates nothing
 * and cannot fail for want of memory. Every call but loop_wake() asserts its thread.
 *
 * How does it work? epoll; a timerfd is armed for the earliest timer, so that the epoll descriptor
 * itself (loop_fd()) becomes readable when a timer falls due: another loop can carry this one as a
 * single wait object and call loop_turn(loop, 0). A callback may stop or free any other watch or
 * timer: the loop survives it within the same turn. Timers due at the same time fire in the order
 * in which they were armed. A timer that is armed for now, and a deferral that is asked for, while
 * timers fire or deferrals run waits for the next turn, which comes at once. */

#include "base/clock.h"

#include <stdbool.h>
#include <stdint.h>

struct loop;

struct loop_watch {
	int fd;           /* -1 when not watched */
	uint32_t events;  /* EPOLLIN | EPOLLOUT | EPOLLPRI … */
	void (*ready)(struct loop_watch *watch, uint32_t events, void *arg);
	void *arg;
	struct loop *loop; /* private */
};

struct loop_timer {
	void (*fired)(struct loop_timer *timer, void *arg);
	void *arg;
	uint64_t due_us;    /* private from here; 0 when not armed */
	uint64_t order;     /* of arming: timers due at one time fire in it */
	struct loop_timer *child, *next, *prev;
};

struct loop_deferred {
	void (*run)(void *arg);
	void *arg;
	struct loop_deferred *next; /* private from here */
	bool queued;
};

/* `clock` is borrowed and must outlive the loop. Returns 0 or -errno. */
int loop_create(struct loop **out, const struct clock *clock);
/* Runs what is still deferred, then frees. Armed watches and timers of others are forgotten. Takes
 * NULL. */
void loop_destroy(struct loop **loop);
/* Binds the loop to the calling thread (a loop made by one thread and run by another). */
void loop_adopt(struct loop *loop);

/* Descriptor that is readable while the loop has something to do. Owned by the loop. */
int loop_fd(const struct loop *loop);
/* Wait at most timeout_ms (-1: without bound, 0: not at all), serve what is ready, fire due timers,
 * run deferrals, free what was handed to loop_free_later(). Returns the number of callbacks run. */
int loop_turn(struct loop *loop, int timeout_ms);
/* Turns until loop_stop(). Returns what was given to it. */
int loop_run(struct loop *loop);
/* Ends loop_run() after this turn; `status` is what it returns. */
void loop_stop(struct loop *loop, int status);
/* Make a waiting loop_turn() return. The only call other threads may make; async-signal-safe. */
void loop_wake(struct loop *loop);

/* The clock that the loop was made with; borrowed. */
const struct clock *loop_clock(const struct loop *loop);
/* Time at the start of this turn (cheap), outside of a turn that of the clock; fresh time:
 * clock_now_us(loop_clock(loop)). */
uint64_t loop_now_us(const struct loop *loop);

/* Virtual time only: turn the clock by `us`, firing timers in order at their own times, and serving
 * descriptors that are ready without waiting. At each time turns are made until one has nothing to
 * do. */
void loop_advance(struct loop *loop, struct clock_virtual *clock, uint64_t us);

/* 0 or -errno (what epoll_ctl says). `fd` stays the caller's; unwatch before closing it. */
int loop_watch_add(struct loop *loop, struct loop_watch *watch, int fd, uint32_t events,
		   void (*ready)(struct loop_watch *, uint32_t, void *), void *arg);
/* Other events from now on. 0 or -errno (what epoll_ctl says). */
int loop_watch_change(struct loop_watch *watch, uint32_t events);
/* Takes one that is not watched. */
void loop_watch_remove(struct loop_watch *watch);

/* (Re)arm to fire once, `after_us` from now. The struct must be zeroed before its first use. */
void loop_timer_start(struct loop *loop, struct loop_timer *timer, uint64_t after_us,
		      void (*fired)(struct loop_timer *, void *), void *arg);
/* Fire at an absolute monotonic time: periodic work uses this and does not drift. */
void loop_timer_start_at(struct loop *loop, struct loop_timer *timer, uint64_t due_us,
			 void (*fired)(struct loop_timer *, void *), void *arg);
/* Takes one that is not armed. */
void loop_timer_stop(struct loop *loop, struct loop_timer *timer);
/* Armed, and not fired since. */
static inline bool loop_timer_armed(const struct loop_timer *timer)
{
	return timer->due_us != 0;
}

/* Run at the end of this turn, once, however often it is asked for before. */
void loop_defer(struct loop *loop, struct loop_deferred *deferred, void (*run)(void *), void *arg);
/* Not at the end of this turn after all. Takes one that was not asked for. */
void loop_defer_cancel(struct loop *loop, struct loop_deferred *deferred);
/* mem_free() this block (of mem.h) at the end of the turn: nothing dies inside its own callback.
 * Allocates nothing. */
void loop_free_later(struct loop *loop, void *block);

#endif
