/* SPDX-License-Identifier: GPL-2.0-only */
/* The receive buffer tick by tick: each block carries its number. */
#include "hw/cesopsn_buffer.h"

#include "base/mem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define PAYLOAD 4
#define FILL (-1)

struct fixture {
	struct cesopsn_buffer *b;
	struct e1_counters counters;
};

static struct fixture fx;

static void make(unsigned depth, bool locked)
{
	memset(&fx.counters, 0, sizeof(fx.counters));
	assert_int_equal(cesopsn_buffer_create(&fx.b, PAYLOAD, 1000, depth, locked, &fx.counters),
			 0);
}

static int teardown(void **state)
{
	(void)state;
	cesopsn_buffer_destroy(&fx.b);
	assert_null(fx.b);
	assert_int_equal(mem_live_blocks(), 0);
	return 0;
}

static enum cesopsn_put put(unsigned sequence)
{
	uint8_t payload[PAYLOAD] = { (uint8_t)sequence, (uint8_t)(sequence >> 8), 0xAA, 0x55 };

	return cesopsn_buffer_put(fx.b, (uint16_t)sequence, payload);
}

static int take(void)
{
	const uint8_t *payload = cesopsn_buffer_take(fx.b);

	return payload ? payload[0] | payload[1] << 8 : FILL;
}

static int watched_take(void)
{
	cesopsn_buffer_watch(fx.b, 0);
	return take();
}

static long count(const counter_t *c)
{
	return (long)counter_get(c);
}

static void assert_counts(long lost, long repeat, long drop)
{
	assert_int_equal(count(&fx.counters.lost), lost);
	assert_int_equal(count(&fx.counters.slips_repeat), repeat);
	assert_int_equal(count(&fx.counters.slips_drop), drop);
}

/* `ticks` of a far end in our step, after its number `from`. Returns the number after the last. */
static unsigned run_in_step(unsigned from, unsigned ticks)
{
	for (unsigned i = 0; i < ticks; i++, from++) {
		put(from);
		watched_take();
	}
	return from;
}

static void the_first_packet_is_held_back(void **state)
{
	(void)state;
	make(3, false);
	assert_int_equal(take(), FILL);
	assert_false(cesopsn_buffer_synced(fx.b));
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(put(0xFFD0 + i), CESOPSN_TAKEN);
		assert_int_equal(cesopsn_buffer_level(fx.b), 4);
		assert_int_equal(take(), i < 3 ? FILL : (int)((0xFFD0 + i - 3) & 0xFFFF));
	}
	assert_counts(0, 0, 0);
}

static void every_order_within_the_depth_is_put_right(void **state)
{
	static const unsigned order[] = { 0, 3, 2, 1, 4, 6, 5, 9, 8, 7 };

	(void)state;
	make(3, false);
	for (unsigned i = 0; i < 10; i++) {
		enum cesopsn_put rc = put(65530 + order[i]);

		assert_int_equal(rc, order[i] == 2 || order[i] == 1 || order[i] == 5 ||
						     order[i] == 8 || order[i] == 7
					     ? CESOPSN_REORDERED
					     : CESOPSN_TAKEN);
		assert_int_equal(take(), i < 3 ? FILL : (int)((65530 + i - 3) & 0xFFFF));
	}
	assert_counts(0, 0, 0);
}

static void lost_late_and_twice(void **state)
{
	(void)state;
	make(1, false);
	put(10);
	assert_int_equal(take(), FILL); /* held */
	put(12);
	assert_int_equal(put(12), CESOPSN_LATE);
	assert_int_equal(put(10), CESOPSN_LATE);
	assert_int_equal(take(), 10);
	assert_int_equal(take(), FILL);
	assert_counts(1, 0, 0);
	assert_int_equal(put(11), CESOPSN_LATE);
	assert_int_equal(take(), 12);
	assert_int_equal(take(), FILL); /* empty: lost as well, for now */
	assert_int_equal(cesopsn_buffer_level(fx.b), -1);
	assert_int_equal(put(13), CESOPSN_LATE);
	assert_int_equal(put(14), CESOPSN_TAKEN);
	assert_int_equal(take(), 14);
	assert_counts(2, 0, 0);
}

static void invalid_data_is_fill_and_no_loss(void **state)
{
	(void)state;
	make(1, true);
	put(1);
	assert_int_equal(cesopsn_buffer_put(fx.b, 2, NULL), CESOPSN_TAKEN);
	assert_int_equal(take(), 1);
	assert_int_equal(take(), FILL);
	assert_counts(0, 0, 0);
}

static void a_jump_needs_a_witness(void **state)
{
	(void)state;
	make(1, true);
	put(1);
	assert_int_equal(take(), 1);
	assert_int_equal(put(30000), CESOPSN_STRAY);
	assert_int_equal(put(2), CESOPSN_TAKEN);
	assert_int_equal(put(30001), CESOPSN_STRAY); /* its witness was forgotten meanwhile */
	assert_int_equal(put(40000), CESOPSN_STRAY);
	assert_int_equal(put(40001), CESOPSN_TAKEN);
	assert_int_equal(take(), 40001);
}

static void nobody_takes_and_the_oldest_go(void **state)
{
	(void)state;
	make(1, true);
	for (unsigned i = 0; i < 512; i++)
		assert_int_equal(put(i), CESOPSN_TAKEN);
	assert_counts(0, 0, 0);
	for (unsigned i = 512; i < 600; i++)
		assert_int_equal(put(i), CESOPSN_TAKEN);
	assert_counts(0, 0, 88);
	for (int i = 88; i < 600; i++)
		assert_int_equal(take(), i);
}

/* The first packet was late by 20: once settled the buffer stands at its depth, uncounted. */
static void a_bad_start_is_settled(void **state)
{
	unsigned next = 21;

	(void)state;
	make(10, false);
	for (unsigned i = 0; i <= 20; i++)
		put(i);
	assert_int_equal(cesopsn_buffer_level(fx.b), 31);
	for (unsigned i = 0; i < 256; i++) {
		watched_take();
		put(next++);
	}
	assert_int_equal(cesopsn_buffer_level(fx.b), 11); /* before a take */
	run_in_step(next, 2000);
	assert_counts(0, 0, 0);
}

/* A stall of the far end, then all at once, again and again: no slip, the octets of the stall
 * are lost. */
static void stalls_are_no_drift(void **state)
{
	unsigned next;

	(void)state;
	make(10, false);
	next = run_in_step(0, 600);
	for (unsigned round = 0; round < 10; round++) {
		for (unsigned i = 0; i < 100; i++)
			watched_take();
		for (unsigned i = 0; i < 100; i++)
			put(next++);
		next = run_in_step(next, 20 + 50 * round);
		assert_int_equal(cesopsn_buffer_level(fx.b), 10);
	}
	assert_counts(900, 0, 0);
}

static void a_slower_far_end_makes_repeats(void **state)
{
	unsigned next;

	(void)state;
	make(10, false);
	next = run_in_step(0, 600);
	for (unsigned i = 0; i < 30000; i++) { /* one less in a thousand */
		if (i % 1000)
			put(next++);
		watched_take();
	}
	assert_in_range(count(&fx.counters.slips_repeat), 20, 35);
	assert_counts(0, count(&fx.counters.slips_repeat), 0);
}

static void a_faster_far_end_makes_drops(void **state)
{
	unsigned next;

	(void)state;
	make(10, false);
	next = run_in_step(0, 600);
	for (unsigned i = 0; i < 30000; i++) {
		put(next++);
		if (i % 1000 == 0)
			put(next++);
		watched_take();
	}
	assert_in_range(count(&fx.counters.slips_drop), 10, 35);
	assert_counts(0, 0, count(&fx.counters.slips_drop));
}

/* Debt: ticks that we ourselves have not made. A burst that waits for us is no drift. */
static void our_own_debt_is_no_drift(void **state)
{
	unsigned next, debt = 0;

	(void)state;
	make(10, false);
	next = run_in_step(0, 600);
	for (unsigned i = 0; i < 100; i++, debt++)
		put(next++);
	for (unsigned i = 0; i < 700; i++) {
		cesopsn_buffer_watch(fx.b, debt);
		take();
		put(next++);
	}
	assert_counts(0, 0, 0);
}

/* The path has become longer by more than the buffer holds. */
static void nothing_but_late_packets_starts_anew(void **state)
{
	unsigned next, fills = 0;

	(void)state;
	make(4, false);
	next = run_in_step(0, 600);
	next -= 50;
	for (unsigned i = 0; i < 100; i++, next++) {
		put(next);
		fills += watched_take() == FILL;
	}
	assert_in_range(fills, 60, 75);
	assert_int_equal(count(&fx.counters.slips_repeat), 5);
	assert_int_equal(cesopsn_buffer_level(fx.b), 4);
}

/* A locked end takes when packets come; what the far end sends twice or behind does not move it,
 * but lasting does. */
static void a_locked_end_follows_a_far_end_that_stepped_back(void **state)
{
	unsigned taken = 0;

	(void)state;
	make(1, true);
	for (unsigned i = 1000; i < 1100; i++)
		put(i);
	while (cesopsn_buffer_level(fx.b) > 0)
		take();
	for (unsigned i = 990; i < 1080; i++) {
		put(i);
		while (cesopsn_buffer_level(fx.b) > 0) {
			take();
			taken++;
		}
	}
	assert_int_equal(taken, 90 - 64);
}

static void limits_and_allocations(void **state)
{
	struct cesopsn_buffer *b = NULL;

	(void)state;
	assert_int_equal(cesopsn_buffer_create(&b, PAYLOAD, 1000, 5000, false, &fx.counters),
			 -EINVAL);
	for (long n = 0; n < 3; n++) {
		mem_fail_after(n);
		assert_int_equal(cesopsn_buffer_create(&b, PAYLOAD, 1000, 4, false, &fx.counters),
				 -ENOMEM);
		assert_null(b);
		mem_fail_after(-1);
		assert_int_equal(mem_live_blocks(), 0);
	}
	cesopsn_buffer_destroy(&b);
	make(4096, false);
}

#define CASE(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_first_packet_is_held_back),
		CASE(every_order_within_the_depth_is_put_right),
		CASE(lost_late_and_twice),
		CASE(invalid_data_is_fill_and_no_loss),
		CASE(a_jump_needs_a_witness),
		CASE(nobody_takes_and_the_oldest_go),
		CASE(a_bad_start_is_settled),
		CASE(stalls_are_no_drift),
		CASE(a_slower_far_end_makes_repeats),
		CASE(a_faster_far_end_makes_drops),
		CASE(our_own_debt_is_no_drift),
		CASE(nothing_but_late_packets_starts_anew),
		CASE(a_locked_end_follows_a_far_end_that_stepped_back),
		CASE(limits_and_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
