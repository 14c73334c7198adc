/* SPDX-License-Identifier: GPL-2.0-only */
#include "gateway/silence.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define SECOND UINT64_C(1000000)

static struct fixture {
	struct clock_virtual clock;
	struct loop *loop;
	struct silence silence;
	uint64_t heard;
	bool held;
	unsigned told;
} fx;

static bool count(void *arg, uint64_t *heard)
{
	(void)arg;
	*heard = fx.heard;
	return !fx.held;
}

static void silent(void *arg)
{
	assert_ptr_equal(arg, &fx);
	fx.told++;
}

static int set_up(void **state)
{
	(void)state;
	fx = (struct fixture){ 0 };
	clock_virtual_init(&fx.clock);
	return loop_create(&fx.loop, &fx.clock.clock);
}

static int tear_down(void **state)
{
	(void)state;
	silence_stop(&fx.silence);
	loop_destroy(&fx.loop);
	return 0;
}

static void watch(uint64_t timeout_us)
{
	silence_watch(&fx.silence, fx.loop, timeout_us, count, silent, &fx);
}

static void advance(uint64_t us)
{
	loop_advance(fx.loop, &fx.clock, us);
}

static void it_is_told_once(void **state)
{
	(void)state;
	watch(8 * SECOND);
	advance(8 * SECOND - 1);
	assert_int_equal(fx.told, 0);
	advance(SECOND + 1);
	assert_int_equal(fx.told, 1);
	advance(100 * SECOND);
	assert_int_equal(fx.told, 1);
}

static void whoever_speaks_is_not_silent(void **state)
{
	(void)state;
	watch(8 * SECOND);
	for (unsigned i = 0; i < 20; i++) {
		advance(6 * SECOND);
		fx.heard++;
	}
	assert_int_equal(fx.told, 0);
	advance(10 * SECOND);
	assert_int_equal(fx.told, 1);
}

static void on_hold_time_does_not_run(void **state)
{
	(void)state;
	watch(8 * SECOND);
	advance(5 * SECOND);
	fx.held = true;
	advance(1000 * SECOND);
	assert_int_equal(fx.told, 0);
	fx.held = false;
	advance(7 * SECOND);
	assert_int_equal(fx.told, 0);
	advance(2 * SECOND);
	assert_int_equal(fx.told, 1);
}

static void asked_again_it_goes_on(void **state)
{
	(void)state;
	watch(8 * SECOND);
	advance(5 * SECOND);
	watch(8 * SECOND);
	advance(4 * SECOND);
	assert_int_equal(fx.told, 1);
}

static void without_a_timeout_nothing_is_watched(void **state)
{
	(void)state;
	watch(0);
	advance(1000 * SECOND);
	assert_int_equal(fx.told, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_is_told_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(whoever_speaks_is_not_silent, set_up, tear_down),
		cmocka_unit_test_setup_teardown(on_hold_time_does_not_run, set_up, tear_down),
		cmocka_unit_test_setup_teardown(asked_again_it_goes_on, set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_a_timeout_nothing_is_watched, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
