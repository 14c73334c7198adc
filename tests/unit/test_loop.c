/* SPDX-License-Identifier: GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/loop.h"
#include "base/mem.h"
#include "base/timer_heap.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct fixture {
	struct clock_virtual clock;
	struct loop *loop;
	long blocks;
	char log[512]; /* what ran, in order */
	int pair[2][2];
	struct loop_watch watch[2];
	struct loop_timer timer[4];
	struct loop_deferred deferred[3];
	char *block;
	struct loop *loop_of_again;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->blocks = mem_live_blocks();
	clock_virtual_init(&f->clock);
	assert_int_equal(loop_create(&f->loop, &f->clock.clock), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, f->pair[i]),
				 0);
	f->loop_of_again = f->loop;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	loop_destroy(&f->loop);
	for (int i = 0; i < 4; i++)
		close(f->pair[i / 2][i % 2]);
	assert_int_equal(mem_live_blocks(), f->blocks);
	free(f);
	return 0;
}

static struct fixture *noted; /* the fixture of callbacks whose arg is a name */

static void note(const char *what)
{
	if (noted->log[0])
		strcat(noted->log, " ");
	strcat(noted->log, what);
}

static void fired(struct loop_timer *timer, void *arg)
{
	char text[40];

	(void)timer;
	snprintf(text, sizeof(text), "%s@%lu", (const char *)arg,
		 (unsigned long)(loop_now_us(noted->loop) - 1000000));
	note(text);
}

static void deferred(void *arg)
{
	note(arg);
}

static void readable(struct loop_watch *watch, uint32_t events, void *arg)
{
	char octet;

	assert_true(events & EPOLLIN);
	assert_int_equal(read(watch->fd, &octet, 1), 1);
	note(arg);
}

static void timers_fire_in_order_at_their_times(void **state)
{
	struct fixture *f = noted = *state;

	loop_timer_start(f->loop, &f->timer[0], 300, fired, "c");
	loop_timer_start(f->loop, &f->timer[1], 100, fired, "a");
	loop_timer_start(f->loop, &f->timer[2], 200, fired, "b");
	loop_timer_start(f->loop, &f->timer[3], 200, fired, "b2");
	assert_true(loop_timer_armed(&f->timer[0]));
	loop_advance(f->loop, &f->clock, 250);
	assert_string_equal(f->log, "a@100 b@200 b2@200");
	assert_int_equal(f->clock.now_us, 1000250);
	loop_advance(f->loop, &f->clock, 50);
	assert_string_equal(f->log, "a@100 b@200 b2@200 c@300");
	assert_false(loop_timer_armed(&f->timer[0]));
}

static void stopped_and_rearmed_timers(void **state)
{
	struct fixture *f = noted = *state;

	loop_timer_stop(f->loop, &f->timer[0]);
	loop_timer_start(f->loop, &f->timer[0], 100, fired, "a");
	loop_timer_start(f->loop, &f->timer[1], 100, fired, "b");
	loop_timer_start(f->loop, &f->timer[0], 500, fired, "late");
	loop_timer_stop(f->loop, &f->timer[1]);
	loop_advance(f->loop, &f->clock, 400);
	assert_string_equal(f->log, "");
	loop_advance(f->loop, &f->clock, 100);
	assert_string_equal(f->log, "late@500");
}

static void stop_others(struct loop_timer *timer, void *arg)
{
	struct fixture *f = arg;

	(void)timer;
	note("stopper");
	loop_timer_stop(f->loop, &f->timer[1]);
	loop_watch_remove(&f->watch[0]);
	loop_watch_remove(&f->watch[1]);
	loop_defer_cancel(f->loop, &f->deferred[0]);
	loop_defer_cancel(f->loop, &f->deferred[2]);
	loop_defer(f->loop, &f->deferred[0], deferred, "anew");
}

static void a_timer_stops_one_due_in_the_same_turn(void **state)
{
	struct fixture *f = noted = *state;

	loop_timer_start(f->loop, &f->timer[0], 100, stop_others, f);
	loop_timer_start(f->loop, &f->timer[1], 100, fired, "stopped");
	loop_timer_start(f->loop, &f->timer[2], 100, fired, "kept");
	f->clock.now_us += 100;
	loop_defer(f->loop, &f->deferred[0], deferred, "cancelled");
	loop_defer(f->loop, &f->deferred[1], deferred, "d");
	loop_defer(f->loop, &f->deferred[2], deferred, "cancelled");
	loop_turn(f->loop, 0);
	/* The list's tail survived the cancelling of its last. */
	assert_string_equal(f->log, "stopper kept@100 d anew");
}

static void rearm(struct loop_timer *timer, void *arg)
{
	fired(timer, "p");
	loop_timer_start_at(noted->loop, timer, loop_now_us(noted->loop) + *(uint64_t *)arg, rearm,
			    arg);
}

static void periodic_timers_do_not_drift(void **state)
{
	struct fixture *f = noted = *state;
	uint64_t period = 20;

	loop_timer_start(f->loop, &f->timer[0], 20, rearm, &period);
	loop_advance(f->loop, &f->clock, 65);
	assert_string_equal(f->log, "p@20 p@40 p@60");
}

static void a_timer_armed_for_now_waits_for_the_next_turn(void **state)
{
	struct fixture *f = noted = *state;
	uint64_t period = 0;

	loop_timer_start(f->loop, &f->timer[0], 0, rearm, &period);
	assert_int_equal(loop_turn(f->loop, -1), 1);
	assert_int_equal(loop_turn(f->loop, -1), 1);
	assert_string_equal(f->log, "p@0 p@0");
	loop_timer_stop(f->loop, &f->timer[0]);
}

static void descriptors_are_served(void **state)
{
	struct fixture *f = noted = *state;

	assert_int_equal(
		loop_watch_add(f->loop, &f->watch[0], f->pair[0][0], EPOLLIN, readable, "r"), 0);
	assert_int_equal(
		loop_watch_add(f->loop, &f->watch[1], f->pair[0][0], EPOLLIN, readable, "r"),
		-EEXIST);
	assert_int_equal(loop_turn(f->loop, -1), 0);
	assert_int_equal(write(f->pair[0][1], "xy", 2), 2);
	assert_int_equal(loop_turn(f->loop, -1), 1);
	loop_advance(f->loop, &f->clock, 0);
	assert_string_equal(f->log, "r r");
	assert_int_equal(write(f->pair[0][1], "x", 1), 1);
	assert_int_equal(loop_watch_change(&f->watch[0], 0), 0);
	assert_int_equal(loop_turn(f->loop, 0), 0);
	assert_int_equal(loop_watch_change(&f->watch[0], EPOLLIN), 0);
	assert_int_equal(loop_turn(f->loop, 0), 1);
	loop_watch_remove(&f->watch[0]);
	assert_int_equal(f->watch[0].fd, -1);
	loop_watch_remove(&f->watch[0]);
}

/* Whichever comes first takes the other away, and puts a new watch of a quiet descriptor into its
 * place. */
static void replace_other(struct loop_watch *watch, uint32_t events, void *arg)
{
	struct fixture *f = arg;
	struct loop_watch *other = watch == &f->watch[0] ? &f->watch[1] : &f->watch[0];

	(void)events;
	note("first");
	loop_watch_remove(watch);
	loop_watch_remove(other);
	assert_int_equal(loop_watch_add(f->loop, other, f->pair[0][1], EPOLLIN, replace_other, f),
			 0);
}

static void stale_events_of_a_turn_are_dropped(void **state)
{
	struct fixture *f = noted = *state;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(loop_watch_add(f->loop, &f->watch[i], f->pair[i][0], EPOLLIN,
						replace_other, f),
				 0);
		assert_int_equal(write(f->pair[i][1], "x", 1), 1);
	}
	loop_turn(f->loop, 0);
	loop_turn(f->loop, 0);
	assert_string_equal(f->log, "first");
	loop_watch_remove(&f->watch[0]);
	loop_watch_remove(&f->watch[1]);
}

static void narrow_other(struct loop_watch *watch, uint32_t events, void *arg)
{
	struct fixture *f = arg;

	(void)events;
	note("narrow");
	assert_int_equal(loop_watch_change(watch == &f->watch[0] ? &f->watch[1] : &f->watch[0], 0),
			 0);
	loop_watch_change(watch, 0);
}

static void events_no_longer_asked_for_are_dropped(void **state)
{
	struct fixture *f = noted = *state;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(loop_watch_add(f->loop, &f->watch[i], f->pair[i][0], EPOLLIN,
						narrow_other, f),
				 0);
		assert_int_equal(write(f->pair[i][1], "x", 1), 1);
	}
	loop_turn(f->loop, 0);
	assert_string_equal(f->log, "narrow");
}

static void free_later(struct loop_watch *watch, uint32_t events, void *arg)
{
	struct fixture *f = arg;

	(void)events;
	loop_watch_remove(watch);
	loop_free_later(f->loop, f->block);
	loop_free_later(f->loop, NULL);
	/* Still readable: it goes at the end of the turn. */
	note(f->block);
}

static void blocks_die_at_the_end_of_the_turn(void **state)
{
	struct fixture *f = noted = *state;
	long before = mem_live_blocks();

	f->block = mem_strdup("alive");
	assert_int_equal(
		loop_watch_add(f->loop, &f->watch[0], f->pair[0][0], EPOLLIN, free_later, f), 0);
	assert_int_equal(write(f->pair[0][1], "x", 1), 1);
	loop_turn(f->loop, 0);
	assert_string_equal(f->log, "alive");
	assert_int_equal(mem_live_blocks(), before);
}

static void defer_again(void *arg)
{
	struct fixture *f = arg;

	note("again");
	if (strlen(f->log) < 10)
		loop_defer(f->loop_of_again, &f->deferred[0], defer_again, f);
}

static void deferrals_run_once_and_may_defer_again(void **state)
{
	struct fixture *f = noted = *state;

	loop_defer(f->loop, &f->deferred[0], defer_again, f);
	loop_defer(f->loop, &f->deferred[0], defer_again, f);
	assert_int_equal(loop_turn(f->loop, -1), 1);
	assert_string_equal(f->log, "again");
	loop_turn(f->loop, -1);
	assert_int_equal(loop_turn(f->loop, -1), 0);
	assert_string_equal(f->log, "again again");
}

static void destroy_runs_deferrals(void **state)
{
	struct fixture *f = noted = *state;

	loop_defer(f->loop, &f->deferred[0], defer_again, f);
	loop_free_later(f->loop, mem_zalloc(1));
	loop_destroy(&f->loop);
	assert_null(f->loop);
	assert_string_equal(f->log, "again again");
	loop_destroy(&f->loop);
}

static bool is_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

/* Real time: the descriptor tells of timers, deferrals and wake-ups, as one wait object of another
 * loop. */
static void the_descriptor_tells_of_work(void **state)
{
	struct fixture *f = noted = *state;
	struct loop *real;
	struct pollfd p;

	assert_int_equal(loop_create(&real, &clock_system), 0);
	assert_false(is_readable(loop_fd(real)));
	loop_wake(real);
	assert_true(is_readable(loop_fd(real)));
	loop_turn(real, -1);
	assert_false(is_readable(loop_fd(real)));

	loop_defer(real, &f->deferred[0], deferred, "d");
	assert_true(is_readable(loop_fd(real)));
	loop_turn(real, 0);
	assert_false(is_readable(loop_fd(real)));

	/* One that is deferred by a deferral waits for the next turn. */
	f->loop_of_again = real;
	loop_defer(real, &f->deferred[0], defer_again, f);
	loop_turn(real, 0);
	assert_true(is_readable(loop_fd(real)));
	loop_turn(real, 0);
	assert_false(is_readable(loop_fd(real)));

	loop_timer_start(real, &f->timer[0], UINT64_C(3600000000), fired, "never");
	loop_timer_start(real, &f->timer[1], 1000, fired, "t");
	p = (struct pollfd){ .fd = loop_fd(real), .events = POLLIN };
	assert_int_equal(poll(&p, 1, 10000), 1);
	assert_int_equal(loop_turn(real, 0), 1);
	assert_false(is_readable(loop_fd(real)));
	loop_timer_stop(real, &f->timer[0]);
	loop_destroy(&real);
}

static void stop_real(struct loop_timer *timer, void *arg)
{
	(void)timer;
	loop_stop(arg, 7);
}

static void run_ends_with_the_status_of_stop(void **state)
{
	struct fixture *f = *state;
	struct loop *real;

	assert_int_equal(loop_create(&real, &clock_system), 0);
	loop_timer_start(real, &f->timer[0], 2000, stop_real, real);
	assert_int_equal(loop_run(real), 7);
	loop_timer_start(real, &f->timer[0], 0, stop_real, real);
	assert_int_equal(loop_run(real), 7);
	loop_destroy(&real);
}

static void *wake(void *arg)
{
	loop_wake(arg);
	return NULL;
}

static void another_thread_wakes(void **state)
{
	struct fixture *f = *state;
	struct loop *real;
	pthread_t thread;

	(void)f;
	assert_int_equal(loop_create(&real, &clock_system), 0);
	assert_int_equal(pthread_create(&thread, NULL, wake, real), 0);
	loop_turn(real, -1);
	pthread_join(thread, NULL);
	loop_destroy(&real);
}

static void *turn_foreign(void *arg)
{
	loop_turn(arg, 0);
	return NULL;
}

static void a_foreign_thread_is_caught(void **state)
{
	struct fixture *f = *state;
	pthread_t thread;
	pid_t child;
	int status;

	loop_turn(f->loop, 0);
	child = fork();
	if (child == 0) {
		close(2);
		signal(SIGABRT, SIG_DFL);
		pthread_create(&thread, NULL, turn_foreign, f->loop);
		pthread_join(thread, NULL);
		_exit(0);
	}
	waitpid(child, &status, 0);
	assert_true(WIFSIGNALED(status));
}

/* Against a plain array: random arming and stopping, 2,000 timers. */
static void the_heap_sorts(void **state)
{
	enum { N = 2000 };
	struct loop_timer *timers = calloc(N, sizeof(*timers)), *root = NULL;
	uint64_t last = 0, last_order = 0;
	uint32_t seed = 1;
	int left = 0;

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		seed = seed * 1664525 + 1013904223;
		timers[i].due_us = 1 + (seed >> 16) % 500;
		timers[i].order = i + 1;
		root = timer_heap_insert(root, &timers[i]);
		if (i % 3 == 2) {
			struct loop_timer *victim = &timers[(seed >> 8) % (i + 1)];

			if (victim->due_us) {
				root = timer_heap_remove(root, victim);
				victim->due_us = 0;
			}
		}
	}
	for (unsigned i = 0; i < N; i++)
		left += timers[i].due_us != 0;
	for (; root; left--) {
		struct loop_timer *first = root;

		assert_true(first->due_us > last ||
			    (first->due_us == last && first->order > last_order));
		last = first->due_us;
		last_order = first->order;
		root = timer_heap_remove(root, first);
	}
	assert_int_equal(left, 0);
	free(timers);
}

static void creation_survives_want_of_memory(void **state)
{
	struct fixture *f = *state;
	struct loop *loop = NULL;

	mem_fail_after(0);
	assert_int_equal(loop_create(&loop, &f->clock.clock), -ENOMEM);
	assert_null(loop);
	mem_fail_after(-1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(timers_fire_in_order_at_their_times),
		CASE(stopped_and_rearmed_timers),
		CASE(a_timer_stops_one_due_in_the_same_turn),
		CASE(periodic_timers_do_not_drift),
		CASE(a_timer_armed_for_now_waits_for_the_next_turn),
		CASE(descriptors_are_served),
		CASE(stale_events_of_a_turn_are_dropped),
		CASE(events_no_longer_asked_for_are_dropped),
		CASE(blocks_die_at_the_end_of_the_turn),
		CASE(deferrals_run_once_and_may_defer_again),
		CASE(destroy_runs_deferrals),
		CASE(the_descriptor_tells_of_work),
		CASE(run_ends_with_the_status_of_stop),
		CASE(another_thread_wakes),
		CASE(a_foreign_thread_is_caught),
		CASE(the_heap_sorts),
		CASE(creation_survives_want_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
