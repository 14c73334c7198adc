/* SPDX-License-Identifier: GPL-2.0-only */
#include "tdm/channels.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define BITS(a, b, c, d)                                                                           \
	(UINT32_C(1) << (a) | UINT32_C(1) << (b) | UINT32_C(1) << (c) | UINT32_C(1) << (d))

static struct isdn_call *const nobody = (struct isdn_call *)&(int){ 0 };

/* Takes by hunting, `n` times; a channel that is in `free_at` is given back after that many. */
static void expect(enum conf_hunt hunt, const uint8_t *order, unsigned n, unsigned free_after)
{
	struct channels ch;

	channels_init(&ch, BITS(2, 5, 9, 31), hunt);
	for (unsigned i = 0; i < n; i++) {
		uint8_t ts = channels_hunt(&ch);

		assert_int_equal(ts, order[i]);
		if (ts)
			assert_int_equal(channels_take(&ch, ts, nobody), 0);
		if (i + 1 == free_after)
			channels_free(&ch, order[0]);
	}
}

static void test_hunting(void **state)
{
	(void)state;
	expect(CONF_HUNT_ASCENDING, (uint8_t[]){ 2, 5, 2, 9, 31, 0 }, 6, 2);
	expect(CONF_HUNT_DESCENDING, (uint8_t[]){ 31, 9, 31, 5, 2, 0 }, 6, 2);
	expect(CONF_HUNT_CYCLIC_ASCENDING, (uint8_t[]){ 2, 5, 9, 31, 2, 0 }, 6, 2);
	expect(CONF_HUNT_CYCLIC_DESCENDING, (uint8_t[]){ 31, 9, 5, 2, 31, 0 }, 6, 2);
}

static void test_take(void **state)
{
	struct channels ch;

	(void)state;
	channels_init(&ch, BITS(2, 5, 9, 31) | 1, CONF_HUNT_ASCENDING);
	assert_int_equal(channels_idle(&ch), 4);
	assert_int_equal(channels_take(&ch, 0, nobody), -EINVAL);
	assert_int_equal(channels_take(&ch, 3, nobody), -EINVAL);
	assert_int_equal(channels_take(&ch, 32, nobody), -EINVAL);
	assert_int_equal(channels_take(&ch, 5, nobody), 0);
	assert_int_equal(channels_take(&ch, 5, nobody), -EBUSY);
	assert_ptr_equal(channels_call(&ch, 5), nobody);
	assert_null(channels_call(&ch, 2));
	assert_null(channels_call(&ch, 40));
	assert_int_equal(channels_idle(&ch), 3);
	channels_free(&ch, 5);
	assert_null(channels_call(&ch, 5));
}

/* Whatever isn't idle is not hunted and not taken. */
static void test_states(void **state)
{
	static const enum channel_state busy[] = { CHANNEL_LEAVING, CHANNEL_RESTARTING,
						   CHANNEL_BLOCKED };
	struct channels ch;

	(void)state;
	channels_init(&ch, BITS(2, 5, 9, 31), CONF_HUNT_ASCENDING);
	for (size_t i = 0; i < sizeof(busy) / sizeof(busy[0]); i++) {
		channels_set(&ch, 2, busy[i]);
		assert_int_equal(channels_state(&ch, 2), busy[i]);
		assert_int_equal(channels_hunt(&ch), 5);
		assert_int_equal(channels_take(&ch, 2, nobody), -EBUSY);
	}
	channels_set(&ch, 3, CHANNEL_IDLE); /* what is absent stays so */
	assert_int_equal(channels_state(&ch, 3), CHANNEL_ABSENT);
	assert_int_equal(channels_state(&ch, 99), CHANNEL_ABSENT);
}

/* Another set while calls are carried: held ones leave the set when they are freed. */
static void test_change(void **state)
{
	struct channels ch;

	(void)state;
	channels_init(&ch, BITS(2, 5, 9, 31), CONF_HUNT_ASCENDING);
	assert_int_equal(channels_take(&ch, 2, nobody), 0);
	assert_int_equal(channels_take(&ch, 5, nobody), 0);
	channels_set(&ch, 31, CHANNEL_BLOCKED);
	channels_change(&ch, BITS(5, 9, 10, 11), CONF_HUNT_DESCENDING);
	assert_int_equal(channels_state(&ch, 2), CHANNEL_TAKEN);
	assert_int_equal(channels_state(&ch, 31), CHANNEL_ABSENT);
	assert_int_equal(channels_idle(&ch), 3);
	assert_int_equal(channels_hunt(&ch), 11);
	channels_set(&ch, 2, CHANNEL_LEAVING);
	assert_int_equal(channels_state(&ch, 2), CHANNEL_LEAVING);
	channels_free(&ch, 2);
	channels_free(&ch, 5);
	assert_int_equal(channels_state(&ch, 2), CHANNEL_ABSENT);
	assert_int_equal(channels_state(&ch, 5), CHANNEL_IDLE);
	channels_change(&ch, BITS(2, 3, 4, 5), CONF_HUNT_ASCENDING);
	assert_int_equal(channels_hunt(&ch), 2);
	assert_int_equal(channels_idle(&ch), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hunting),
		cmocka_unit_test(test_take),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
