/* SPDX-License-Identifier: GPL-2.0-only */
/* One epoll descriptor carries the watches, an eventfd (wake-ups, and deferrals asked for outside
 * of a turn) and a timerfd for the earliest timer. A watch that goes away is struck from the events
 * of the running turn: nothing that epoll reported before can reach it, or another that took its
 * place. */
#include "base/loop.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/mem_private.h"
#include "base/timer_heap.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define EVENTS_PER_TURN 64
#define TURNS_PER_STEP 10000 /* of virtual time: more is a livelock of the tested code */

/* The address of a variable of each thread's own is that thread's identity. */
static _Thread_local char thread_self;

struct loop {
	const struct clock *clock;
	const char *owner; /* thread_self of its thread; NULL until first turned */
	int epoll_fd, wake_fd, timer_fd;
	struct loop_timer *timers; /* heap */
	uint64_t timer_order;
	uint64_t armed_us;                               /* what timer_fd is set to; 0: nothing */
	struct loop_deferred *deferred, **deferred_tail; /* asked for */
	struct loop_deferred *running;                   /* of this turn, not yet run */
	void *doomed; /* blocks for the end of the turn, by mem_link() */
	uint64_t now_us;
	bool in_turn, stopping;
	int status;
	struct epoll_event ready[EVENTS_PER_TURN];
	int ready_count; /* while dispatching */
};

static void die(const char *what)
{
	log_write(LOG_LEVEL_ERROR, "loop", NULL, "%s", what);
	abort();
}

static void check_thread(const struct loop *loop)
{
	if (loop->owner && loop->owner != &thread_self)
		die("called from a thread that is not the loop's");
}

static int add_internal(struct loop *loop, int *fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = fd };

	return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, *fd, &event) < 0 ? -errno : 0;
}

static void close_all(struct loop *loop)
{
	if (loop->timer_fd >= 0)
		close(loop->timer_fd);
	if (loop->wake_fd >= 0)
		close(loop->wake_fd);
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
}

static int open_all(struct loop *loop)
{
	int rc;

	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0)
		return -errno;
	loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (loop->wake_fd < 0)
		return -errno;
	rc = add_internal(loop, &loop->wake_fd);
	if (rc < 0 || loop->clock->is_virtual)
		return rc;
	loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (loop->timer_fd < 0)
		return -errno;
	return add_internal(loop, &loop->timer_fd);
}

int loop_create(struct loop **out, const struct clock *clock)
{
	struct loop *loop = mem_zalloc(sizeof(*loop));
	int rc;

	if (!loop)
		return -ENOMEM;
	loop->clock = clock;
	loop->epoll_fd = loop->wake_fd = loop->timer_fd = -1;
	loop->deferred_tail = &loop->deferred;
	rc = open_all(loop);
	if (rc < 0)
		goto fail;
	*out = loop;
	return 0;
fail:
	close_all(loop);
	mem_free(loop);
	return rc;
}

static void drain(int fd)
{
	uint64_t count;

	while (read(fd, &count, sizeof(count)) < 0 && errno == EINTR)
		;
}

void loop_wake(struct loop *loop)
{
	static const uint64_t one = 1;
	int saved = errno;

	/* Fails only when the count is full: then the loop is awake anyway. */
	while (write(loop->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	errno = saved;
}

static struct loop_deferred *pop_running(struct loop *loop)
{
	struct loop_deferred *d = loop->running;

	loop->running = d->next;
	d->next = NULL;
	d->queued = false;
	return d;
}

static int run_deferred(struct loop *loop)
{
	int count = 0;

	loop->running = loop->deferred;
	loop->deferred = NULL;
	loop->deferred_tail = &loop->deferred;
	while (loop->running) {
		struct loop_deferred *d = pop_running(loop);

		d->run(d->arg);
		count++;
	}
	return count;
}

static void free_doomed(struct loop *loop)
{
	while (loop->doomed) {
		void *block = loop->doomed;

		loop->doomed = *mem_link(block);
		mem_free(block);
	}
}

void loop_destroy(struct loop **out)
{
	struct loop *loop = out ? *out : NULL;

	if (!loop)
		return;
	check_thread(loop);
	if (loop->in_turn)
		die("destroyed inside its own turn");
	loop->in_turn = true;
	loop->now_us = clock_now_us(loop->clock);
	while (loop->deferred)
		run_deferred(loop);
	free_doomed(loop);
	close_all(loop);
	mem_free(loop);
	*out = NULL;
}

void loop_adopt(struct loop *loop)
{
	loop->owner = &thread_self;
}

int loop_fd(const struct loop *loop)
{
	return loop->epoll_fd;
}

const struct clock *loop_clock(const struct loop *loop)
{
	return loop->clock;
}

uint64_t loop_now_us(const struct loop *loop)
{
	check_thread(loop);
	return loop->in_turn ? loop->now_us : clock_now_us(loop->clock);
}

/* Sets the kernel timer to the earliest of ours, if it is not. */
static void arm_kernel_timer(struct loop *loop)
{
	uint64_t due_us = loop->timers ? loop->timers->due_us : 0;
	struct itimerspec at = { 0 };

	if (loop->timer_fd < 0 || due_us == loop->armed_us)
		return;
	at.it_value.tv_sec = (time_t)(due_us / 1000000);
	at.it_value.tv_nsec = (long)(due_us % 1000000) * 1000;
	if (timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &at, NULL) < 0)
		die("timerfd_settime refused a time");
	loop->armed_us = due_us;
}

static int dispatch(struct loop *loop)
{
	int count = 0;

	for (int i = 0; i < loop->ready_count; i++) {
		void *what = loop->ready[i].data.ptr;
		struct loop_watch *watch = what;
		uint32_t events;

		if (!what)
			continue;
		if (what == &loop->wake_fd || what == &loop->timer_fd) {
			drain(*(int *)what);
			if (what == &loop->timer_fd)
				loop->armed_us = 0;
			continue;
		}
		/* Another callback of this turn may have asked for less since. */
		events = loop->ready[i].events & (watch->events | EPOLLERR | EPOLLHUP);
		if (!events)
			continue;
		watch->ready(watch, events, watch->arg);
		count++;
	}
	loop->ready_count = 0;
	return count;
}

static int fire_timers(struct loop *loop)
{
	uint64_t newest = loop->timer_order;
	int count = 0;

	while (loop->timers && loop->timers->due_us <= loop->now_us &&
	       loop->timers->order <= newest) {
		struct loop_timer *timer = loop->timers;

		loop->timers = timer_heap_remove(loop->timers, timer);
		timer->due_us = 0;
		timer->fired(timer, timer->arg);
		count++;
	}
	return count;
}

static int wait_for_events(struct loop *loop, int timeout_ms)
{
	int n;

	if (loop->clock->is_virtual || loop->deferred || loop->doomed)
		timeout_ms = 0;
	n = epoll_wait(loop->epoll_fd, loop->ready, EVENTS_PER_TURN, timeout_ms);
	return n < 0 ? 0 : n;
}

int loop_turn(struct loop *loop, int timeout_ms)
{
	int count;

	if (!loop->owner)
		loop_adopt(loop);
	check_thread(loop);
	if (loop->in_turn)
		die("turned inside its own turn");
	loop->ready_count = wait_for_events(loop, timeout_ms);
	loop->in_turn = true;
	loop->now_us = clock_now_us(loop->clock);
	count = dispatch(loop);
	count += fire_timers(loop);
	count += run_deferred(loop);
	free_doomed(loop);
	loop->in_turn = false;
	arm_kernel_timer(loop);
	if (loop->deferred)
		loop_wake(loop);
	return count;
}

int loop_run(struct loop *loop)
{
	while (!loop->stopping)
		loop_turn(loop, -1);
	loop->stopping = false;
	return loop->status;
}

void loop_stop(struct loop *loop, int status)
{
	check_thread(loop);
	loop->stopping = true;
	loop->status = status;
	if (!loop->in_turn)
		loop_wake(loop);
}

static void settle(struct loop *loop)
{
	for (int turns = 0; loop_turn(loop, 0) > 0; turns++)
		if (turns > TURNS_PER_STEP)
			die("virtual time stands still: callbacks without end");
}

void loop_advance(struct loop *loop, struct clock_virtual *clock, uint64_t us)
{
	uint64_t target = clock->now_us + us;

	if (loop->clock != &clock->clock)
		die("advanced with a clock that is not the loop's");
	settle(loop);
	while (loop->timers && loop->timers->due_us <= target) {
		if (loop->timers->due_us > clock->now_us)
			clock->now_us = loop->timers->due_us;
		settle(loop);
	}
	if (target > clock->now_us)
		clock->now_us = target;
	settle(loop);
}

int loop_watch_add(struct loop *loop, struct loop_watch *watch, int fd, uint32_t events,
		   void (*ready)(struct loop_watch *, uint32_t, void *), void *arg)
{
	struct epoll_event event = { .events = events, .data.ptr = watch };

	check_thread(loop);
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		return -errno;
	*watch = (struct loop_watch){
		.fd = fd, .events = events, .ready = ready, .arg = arg, .loop = loop
	};
	return 0;
}

int loop_watch_change(struct loop_watch *watch, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = watch };

	check_thread(watch->loop);
	if (epoll_ctl(watch->loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event) < 0)
		return -errno;
	watch->events = events;
	return 0;
}

void loop_watch_remove(struct loop_watch *watch)
{
	struct loop *loop = watch->loop;

	if (!loop)
		return;
	check_thread(loop);
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
	for (int i = 0; i < loop->ready_count; i++)
		if (loop->ready[i].data.ptr == watch)
			loop->ready[i].data.ptr = NULL;
	watch->loop = NULL;
	watch->fd = -1;
}

void loop_timer_start_at(struct loop *loop, struct loop_timer *timer, uint64_t due_us,
			 void (*fired)(struct loop_timer *, void *), void *arg)
{
	loop_timer_stop(loop, timer);
	timer->due_us = due_us ? due_us : 1;
	timer->order = ++loop->timer_order;
	timer->fired = fired;
	timer->arg = arg;
	loop->timers = timer_heap_insert(loop->timers, timer);
	/* Inside a turn its end does it, once. */
	if (!loop->in_turn)
		arm_kernel_timer(loop);
}

void loop_timer_start(struct loop *loop, struct loop_timer *timer, uint64_t after_us,
		      void (*fired)(struct loop_timer *, void *), void *arg)
{
	loop_timer_start_at(loop, timer, clock_now_us(loop->clock) + after_us, fired, arg);
}

void loop_timer_stop(struct loop *loop, struct loop_timer *timer)
{
	check_thread(loop);
	if (!loop_timer_armed(timer))
		return;
	loop->timers = timer_heap_remove(loop->timers, timer);
	timer->due_us = 0;
}

void loop_defer(struct loop *loop, struct loop_deferred *deferred, void (*run)(void *), void *arg)
{
	check_thread(loop);
	if (deferred->queued)
		return;
	*deferred = (struct loop_deferred){ .run = run, .arg = arg, .queued = true };
	/* Who carries this loop by its descriptor must learn of it; inside a turn the turn's end
	 * tells. */
	if (!loop->in_turn && !loop->deferred)
		loop_wake(loop);
	*loop->deferred_tail = deferred;
	loop->deferred_tail = &deferred->next;
}

/* Takes it out of the list; false when it is not there. */
static bool unlink_deferred(struct loop_deferred **list, const struct loop_deferred *deferred)
{
	for (; *list; list = &(*list)->next)
		if (*list == deferred) {
			*list = deferred->next;
			return true;
		}
	return false;
}

void loop_defer_cancel(struct loop *loop, struct loop_deferred *deferred)
{
	check_thread(loop);
	if (!deferred->queued)
		return;
	if (!unlink_deferred(&loop->running, deferred)) {
		unlink_deferred(&loop->deferred, deferred);
		loop->deferred_tail = &loop->deferred;
		while (*loop->deferred_tail)
			loop->deferred_tail = &(*loop->deferred_tail)->next;
	}
	deferred->next = NULL;
	deferred->queued = false;
}

void loop_free_later(struct loop *loop, void *block)
{
	check_thread(loop);
	if (!block)
		return;
	if (!loop->in_turn && !loop->doomed)
		loop_wake(loop);
	*mem_link(block) = loop->doomed;
	loop->doomed = block;
}
