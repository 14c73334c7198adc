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
	int read[40000]; /* what the reader got since it was last asked */
	unsigned reads;
};

static struct fixture fx;

static int number(const uint8_t *payload)
{
	return payload ? payload[0] | payload[1] << 8 : FILL;
}

static void reader(void *arg, const uint8_t *payload)
{
	struct fixture *f = arg;

	assert_true(f->reads < 40000);
	f->read[f->reads++] = number(payload);
}

static void make(unsigned depth, bool locked)
{
	memset(&fx, 0, sizeof(fx));
	assert_int_equal(cesopsn_buffer_create(&fx.b, PAYLOAD, 1000, depth, locked, &fx.counters),
			 0);
	cesopsn_buffer_set_reader(fx.b, reader, &fx);
}

/* The reader got these and nothing else. */
#define ASSERT_READ(...)                                                                      \
	do {                                                                                  \
		static const int expected[] = { __VA_ARGS__ };                                \
		assert_int_equal(fx.reads, sizeof(expected) / sizeof(expected[0]));           \
		assert_memory_equal(fx.read, expected, sizeof(expected));                     \
		fx.reads = 0;                                                                 \
	} while (0)

static void assert_read_nothing(void)
{
	assert_int_equal(fx.reads, 0);
}

/* The reader got `count` in sequence from `from`, without any fill between. */
static void assert_read_whole(unsigned from, unsigned count)
{
	assert_int_equal(fx.reads, count);
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(fx.read[i], (from + i) & 0xFFFF);
	fx.reads = 0;
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
	return number(cesopsn_buffer_take(fx.b));
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
	fx.reads = 0;
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

/* ---- The reader ---- */

static void the_reader_does_not_wait_for_the_playout(void **state)
{
	static const unsigned depths[] = { 1, 10, 60, 4096 };

	(void)state;
	for (unsigned d = 0; d < 8; d++) {
		make(depths[d / 2], d % 2);
		for (unsigned i = 0; i < 100; i++) { /* wraps on the way */
			put(0xFFD0 + i);
			if (i == 0)
				ASSERT_READ(FILL, 0xFFD0); /* nothing is known of before */
			else
				assert_read_whole(0xFFD0 + i, 1);
			take();
			assert_read_nothing();
		}
		cesopsn_buffer_destroy(&fx.b);
	}
}

static void the_reader_waits_for_a_packet_overtaken(void **state)
{
	(void)state;
	make(5, false);
	put(1);
	put(2);
	ASSERT_READ(FILL, 1, 2);
	put(4);
	put(6);
	take();
	assert_read_nothing();
	put(3);
	ASSERT_READ(3, 4);
	put(5);
	ASSERT_READ(5, 6);
}

static void the_reader_gives_up_when_the_playout_does(void **state)
{
	(void)state;
	make(1, false);
	put(10);
	put(13);
	put(14);
	put(16);
	ASSERT_READ(FILL, 10);
	assert_int_equal(take(), FILL); /* held */
	assert_int_equal(take(), 10);
	assert_read_nothing();
	assert_int_equal(take(), FILL); /* 11 */
	ASSERT_READ(FILL);
	assert_int_equal(take(), FILL);
	ASSERT_READ(FILL, 13, 14);
	put(12); /* too late for it as well: a later one has been read */
	put(11);
	assert_int_equal(take(), 13);
	assert_int_equal(take(), 14);
	assert_read_nothing();
	assert_int_equal(take(), FILL);
	ASSERT_READ(FILL, 16);
}

static void nothing_is_read_twice(void **state)
{
	(void)state;
	make(3, false);
	for (unsigned i = 1; i < 6; i++) {
		put(i);
		put(i);
		put(1);
	}
	ASSERT_READ(FILL, 1, 2, 3, 4, 5);
	put(7);
	put(7); /* waits */
	put(6);
	put(7);
	put(6);
	ASSERT_READ(6, 7);
	for (unsigned i = 0; i < 8; i++)
		take();
	for (unsigned i = 1; i < 8; i++)
		assert_int_equal(put(i), CESOPSN_LATE);
	assert_read_nothing();
}

/* The far end stalled for longer than the buffer holds: the blocks are lost for the playout, but
 * nothing is missing in the sequence. */
static void late_in_sequence_is_early_enough_for_the_reader(void **state)
{
	unsigned next;

	(void)state;
	make(4, false);
	next = run_in_step(0xFFF0, 40);
	for (unsigned i = 0; i < 20; i++)
		take();
	assert_read_nothing();
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(put(next + i), CESOPSN_LATE);
	assert_read_whole(next, 10);
	put(next + 3); /* twice */
	assert_read_nothing();
	put(next + 12); /* late, and overtook */
	put(next + 10);
	ASSERT_READ(FILL, (0xFFF0 + 40 + 12) & 0xFFFF);
	for (unsigned i = 13; i < 40; i++)
		put(next + i);
	assert_read_whole(next + 13, 27);
	put(next + 40);
	assert_read_whole(next + 40, 1);
}

/* The playout has run ahead of a gap when the next packet comes in time again. */
static void a_gap_in_the_silence_is_one_gap(void **state)
{
	(void)state;
	make(2, false);
	put(5);
	for (unsigned i = 0; i < 9; i++)
		take();
	ASSERT_READ(FILL, 5);
	put(30);
	ASSERT_READ(FILL);
	while (take() != 30)
		;
	assert_int_equal(fx.read[fx.reads - 1], 30);
	for (unsigned i = 0; i + 1 < fx.reads; i++)
		assert_int_equal(fx.read[i], FILL);
}

static void invalid_data_is_a_gap_to_the_reader(void **state)
{
	(void)state;
	make(3, false);
	put(1);
	cesopsn_buffer_put(fx.b, 2, NULL);
	put(3);
	ASSERT_READ(FILL, 1, FILL, 3);
	for (unsigned i = 0; i < 12; i++)
		take();
	cesopsn_buffer_put(fx.b, 4, NULL);
	put(5);
	ASSERT_READ(FILL, 5);
}

static void the_reader_follows_a_restart(void **state)
{
	(void)state;
	make(3, false);
	put(1);
	put(30000);
	put(2);
	ASSERT_READ(FILL, 1, 2);
	put(40000); /* dropped: no witness yet */
	put(40001);
	put(40002);
	ASSERT_READ(FILL, 40001, 40002);
	cesopsn_buffer_reset(fx.b); /* silence, and nothing lost in it */
	take();
	put(40003);
	ASSERT_READ(40003);
	put(40005); /* waits at a gap when all is forgotten */
	cesopsn_buffer_reset(fx.b);
	put(40006);
	put(40007);
	ASSERT_READ(FILL, 40006, 40007);
	cesopsn_buffer_reset(fx.b);
	put(7); /* another far end */
	ASSERT_READ(FILL, 7);
}

/* What waits behind a gap is read before the ring gives its room away. */
static void nobody_takes_and_the_reader_loses_nothing_else(void **state)
{
	(void)state;
	make(1, true);
	put(0);
	ASSERT_READ(0);
	for (unsigned i = 2; i <= 512; i++)
		put(i);
	assert_read_nothing();
	put(513); /* 1 goes */
	assert_int_equal(fx.read[0], FILL);
	fx.reads--;
	memmove(fx.read, fx.read + 1, fx.reads * sizeof(fx.read[0]));
	assert_read_whole(2, 512);
	put(700); /* many go at once; those that nobody can have any more are one gap each */
	for (unsigned i = 0; i < fx.reads; i++)
		assert_int_equal(fx.read[i], FILL);
}

/* Slips both ways, and the centring after the start: the playout repeats and drops, the reader
 * doesn't hear of it. */
static void slips_do_not_reach_the_reader(void **state)
{
	(void)state;
	for (unsigned fast = 0; fast < 2; fast++) {
		unsigned next = 0, read = 0;

		make(10, false);
		for (unsigned i = 0; i <= 20; i++) /* a bad start */
			put(next++);
		assert_int_equal(fx.read[0], 0);
		for (unsigned i = 0; i < 30000; i++) {
			if (i % 300 || fast)
				put(next++);
			if (i % 300 == 0 && fast)
				put(next++);
			watched_take();
			assert_read_whole(read, next - read);
			read = next;
		}
		assert_true(count(fast ? &fx.counters.slips_drop : &fx.counters.slips_repeat) > 50);
		cesopsn_buffer_destroy(&fx.b);
	}
}

/* Slips that skip what the reader waits behind. */
static void a_slip_across_a_gap_leaves_nothing_unread(void **state)
{
	unsigned next, gaps = 0;

	(void)state;
	make(10, false);
	next = run_in_step(0, 600);
	for (unsigned i = 0; i < 40; i++) /* a burst: the level is too high from now on */
		put(next++);
	for (unsigned i = 0; i < 600; i++, next++) { /* every seventh is lost: there is always a gap */
		if (i % 7)
			put(next);
		watched_take();
	}
	assert_true(count(&fx.counters.slips_drop) > 20);
	for (unsigned i = 0; i < fx.reads; i++) {
		gaps += fx.read[i] == FILL;
		if (i && fx.read[i] != FILL && fx.read[i - 1] != FILL)
			assert_int_equal(fx.read[i], fx.read[i - 1] + 1);
		else if (i > 1 && fx.read[i] != FILL)
			assert_int_equal(fx.read[i], fx.read[i - 2] + 2); /* one lost, no more */
	}
	assert_true(gaps > 5);
}

static uint32_t next_random(uint32_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 17;
	*x ^= *x << 5;
	return *x;
}

/* A path that loses, doubles and reorders (by at most 6, the buffer holds 10), with stalls: all
 * that arrived is read, once, in order, and fill stands exactly where something is missing. */
static void any_path_is_read_in_order(void **state)
{
	enum { PACKETS = 20000, ROOM = 16 };
	uint32_t x = 2463534242;
	static bool arrived[PACKETS];
	int last = -1;

	(void)state;
	memset(arrived, 0, sizeof(arrived));
	make(10, false);
	for (unsigned i = 0; i < PACKETS / 4 * 4; i += 4) {
		unsigned order[4] = { i, i + 1, i + 2, i + 3 };

		for (unsigned k = 3; k > 0 && i >= 4; k--) {
			unsigned with = next_random(&x) % (k + 1), swap = order[k];

			order[k] = order[with];
			order[with] = swap;
		}
		for (unsigned k = 0; k < 4; k++) {
			if (i >= 4 && next_random(&x) % 20 == 0)
				continue;
			arrived[order[k]] = true;
			put(order[k]);
			if (next_random(&x) % 10 == 0)
				put(order[k]);
		}
		for (unsigned k = 0; k < 4; k++)
			take();
		for (unsigned k = 0; k < fx.reads; k++) {
			if (fx.read[k] == FILL)
				continue;
			for (int gap = last + 1; gap < fx.read[k]; gap++)
				assert_false(arrived[gap]);
			assert_true(fx.read[k] > last);
			if (fx.read[k] != last + 1)
				assert_true(k > 0 ? fx.read[k - 1] == FILL : last >= 0);
			last = fx.read[k];
		}
		fx.reads = 0;
	}
	assert_true(last > PACKETS - ROOM);
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
		CASE(the_reader_does_not_wait_for_the_playout),
		CASE(the_reader_waits_for_a_packet_overtaken),
		CASE(the_reader_gives_up_when_the_playout_does),
		CASE(nothing_is_read_twice),
		CASE(late_in_sequence_is_early_enough_for_the_reader),
		CASE(a_gap_in_the_silence_is_one_gap),
		CASE(invalid_data_is_a_gap_to_the_reader),
		CASE(the_reader_follows_a_restart),
		CASE(nobody_takes_and_the_reader_loses_nothing_else),
		CASE(slips_do_not_reach_the_reader),
		CASE(a_slip_across_a_gap_leaves_nothing_unread),
		CASE(any_path_is_read_in_order),
		CASE(limits_and_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
