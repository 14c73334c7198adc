/* SPDX-License-Identifier: GPL-2.0-only */
#include "gateway/overload.h"

#include "base/mem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

struct fixture {
	struct clock_virtual clock;
	struct loop *loop;
	struct conf_overload conf;
	struct overload *overload;
	long blocks;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->blocks = mem_live_blocks();
	clock_virtual_init(&f->clock);
	assert_int_equal(loop_create(&f->loop, &f->clock.clock), 0);
	f->conf = (struct conf_overload){ .lag_ms = 100, .retry_after_s = 10 };
	assert_int_equal(overload_create(&f->overload, f->loop, &f->conf), 0);
	/* Until the loop turns for the first time nothing is a lag: the start of a program is slow.
	 */
	f->clock.now_us += 5000000;
	loop_turn(f->loop, 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	overload_destroy(&f->overload);
	loop_destroy(&f->loop);
	assert_int_equal(mem_live_blocks(), f->blocks);
	free(f);
	return 0;
}

/* The loop was busy elsewhere for so long: its timers fire late. */
static void stall(struct fixture *f, uint64_t us)
{
	f->clock.now_us += us;
	loop_turn(f->loop, 0);
}

static unsigned admitted_of(struct fixture *f, unsigned asked)
{
	unsigned n = 0;

	for (unsigned i = 0; i < asked; i++)
		n += overload_admits(f->overload, 0);
	return n;
}

static void an_idle_gateway_admits_all(void **state)
{
	struct fixture *f = *state;
	struct overload_state now;

	loop_advance(f->loop, &f->clock, 5000000);
	assert_int_equal(admitted_of(f, 1000), 1000);
	overload_state(f->overload, &now);
	assert_int_equal(now.share_permille, 1000);
	assert_int_equal(now.lag_ms, 0);
	assert_int_equal(now.refused_lag + now.refused_calls + now.refused_rate, 0);
}

static void a_lag_within_the_limit_is_borne(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 50; i++)
		stall(f, 90000);
	assert_int_equal(admitted_of(f, 1000), 1000);
}

/* Somebody else had the processor for a while, or a callback was long: the calls that waited are
 * carried. */
static void a_stall_is_no_overload(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 10; i++) {
		stall(f, 500000);
		stall(f, 500000);
		assert_int_equal(admitted_of(f, 1000), 1000);
		loop_advance(f->loop, &f->clock, 200000);
	}
}

static void lag_takes_a_growing_share_away(void **state)
{
	struct fixture *f = *state;
	unsigned before = 1001;
	struct overload_state now;

	stall(f, 200000);
	stall(f, 200000);
	for (unsigned i = 0; i < 10; i++) {
		unsigned n;

		stall(f, 200000);
		n = admitted_of(f, 1000);
		assert_true(n < before);
		before = n;
	}
	assert_in_range(before, 40, 70); /* 0.75 ^ 10 = 0.056 */
	overload_state(f->overload, &now);
	assert_true(now.refused_lag > 0);
	assert_in_range(now.lag_ms, 180, 200);
}

static void something_comes_in_even_then(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 100; i++)
		stall(f, 1000000);
	assert_int_equal(admitted_of(f, 1000), 5);
}

static void the_share_comes_back(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 100; i++)
		stall(f, 1000000);
	loop_advance(f->loop, &f->clock, 2000000);
	assert_in_range(admitted_of(f, 1000), 50, 999);
	loop_advance(f->loop, &f->clock, 8000000);
	assert_int_equal(admitted_of(f, 1000), 1000);
}

static void without_a_limit_lag_is_not_watched(void **state)
{
	struct fixture *f = *state;

	f->conf.lag_ms = 0;
	overload_set(f->overload, &f->conf);
	for (unsigned i = 0; i < 20; i++)
		stall(f, 1000000);
	assert_int_equal(admitted_of(f, 1000), 1000);
}

static void calls_are_counted_against_their_limit(void **state)
{
	struct fixture *f = *state;
	struct conf_overload limited = { .max_calls = 3, .retry_after_s = 1 };
	struct overload_state now;

	overload_set(f->overload, &limited);
	assert_true(overload_admits(f->overload, 2));
	assert_false(overload_admits(f->overload, 3));
	assert_false(overload_admits(f->overload, 4));
	overload_state(f->overload, &now);
	assert_int_equal(now.refused_calls, 2);
}

static void the_rate_is_kept(void **state)
{
	struct fixture *f = *state;
	struct overload_state now;
	unsigned n;

	f->conf.max_rate = 10;
	overload_set(f->overload, &f->conf);
	loop_advance(f->loop, &f->clock, 3000000);
	assert_int_equal(admitted_of(f, 100), 10); /* one second's worth may come at once */
	n = 0;
	for (unsigned i = 0; i < 100; i++) {
		loop_advance(f->loop, &f->clock, 50000);
		n += overload_admits(f->overload, 0);
	}
	assert_int_equal(n, 50); /* 5 s of 10 a second */
	overload_state(f->overload, &now);
	assert_int_equal(now.refused_rate, 90 + 50);
	assert_int_equal(now.rate, 20); /* asked in the last second */
}

static unsigned long_queue(void *arg)
{
	++*(unsigned *)arg;
	return 301;
}

static void what_waits_in_the_sockets_counts(void **state)
{
	struct fixture *f = *state;
	unsigned asked = 0;

	overload_watch_backlog(f->overload, long_queue, &asked);
	loop_advance(f->loop, &f->clock, 1000000);
	assert_int_equal(admitted_of(f, 1000), 0);
	assert_int_equal(asked,
			 1000); /* on a virtual clock the thread is idle: its share is whole */
	f->conf.lag_ms = 0;
	overload_set(f->overload, &f->conf);
	assert_int_equal(admitted_of(f, 1000), 1000);
}

static void emergencies_are_not_refused_ones(void **state)
{
	struct fixture *f = *state;
	struct overload_state now;

	f->conf.max_calls = 1;
	overload_set(f->overload, &f->conf);
	assert_false(overload_admits(f->overload, 1));
	assert_false(overload_admits(f->overload, 1));
	overload_emergency(f->overload);
	overload_state(f->overload, &now);
	assert_int_equal(now.refused_calls, 1);
	assert_int_equal(now.emergencies, 1);
}

static void without_memory_there_is_none(void **state)
{
	struct fixture *f = *state;
	struct overload *another = NULL;

	mem_fail_after(0);
	assert_int_equal(overload_create(&another, f->loop, &f->conf), -ENOMEM);
	mem_fail_after(-1);
	assert_null(another);
	overload_destroy(&another);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_idle_gateway_admits_all, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_lag_within_the_limit_is_borne, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_stall_is_no_overload, set_up, tear_down),
		cmocka_unit_test_setup_teardown(lag_takes_a_growing_share_away, set_up, tear_down),
		cmocka_unit_test_setup_teardown(something_comes_in_even_then, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_share_comes_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_a_limit_lag_is_not_watched, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(calls_are_counted_against_their_limit, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(the_rate_is_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_waits_in_the_sockets_counts, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(emergencies_are_not_refused_ones, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(without_memory_there_is_none, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
