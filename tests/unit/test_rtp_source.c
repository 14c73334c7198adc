/* SPDX-License-Identifier: GPL-2.0-only */
#include "trunk/rtp_source.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS 1000ULL

static struct rtp_source s;
static uint64_t now;
static unsigned total_lost;

static enum rtp_arrival packet(uint32_t ssrc, uint16_t sequence, bool marker)
{
	unsigned lost;
	now += 20 * MS;
	enum rtp_arrival a = rtp_source_packet(&s, ssrc, sequence, marker, now, &lost);
	total_lost += lost;
	return a;
}

static int setup(void **state)
{
	(void)state;
	memset(&s, 0, sizeof(s));
	now = 1000000;
	total_lost = 0;
	return 0;
}

static void test_in_order_across_the_wrap(void **state)
{
	(void)state;
	assert_int_equal(packet(1, 65500, false), RTP_ARRIVED_NEW);
	for (unsigned i = 1; i < 100000; i++)
		assert_int_equal(packet(1, (uint16_t)(65500 + i), false), RTP_ARRIVED);
	assert_int_equal(rtp_source_extended(&s), 65500 + 99999);
	assert_int_equal(rtp_source_cumulative_lost(&s), 0);
	assert_int_equal(rtp_source_fraction(&s), 0);
	assert_int_equal(total_lost, 0);
	assert_int_equal(rtp_source_missing(&s), 0);
}

static void test_loss_is_settled_when_the_window_has_passed(void **state)
{
	(void)state;
	packet(1, 10, false);
	packet(1, 12, false);
	assert_int_equal(rtp_source_missing(&s), 1);
	assert_int_equal(rtp_source_cumulative_lost(&s), 1);
	for (uint16_t q = 13; q < 43; q++)
		packet(1, q, false);
	assert_int_equal(total_lost, 0); /* it might still come */
	packet(1, 43, false);
	assert_int_equal(total_lost, 1);
	assert_int_equal(rtp_source_missing(&s), 0);
}

static void test_late_and_duplicate(void **state)
{
	(void)state;
	packet(1, 10, false);
	packet(1, 13, false);
	assert_int_equal(packet(1, 11, false), RTP_ARRIVED_REORDERED);
	assert_int_equal(packet(1, 11, false), RTP_ARRIVED_DUPLICATE);
	assert_int_equal(packet(1, 13, false), RTP_ARRIVED_DUPLICATE);
	for (uint16_t q = 14; q < 60; q++)
		packet(1, q, false);
	assert_int_equal(total_lost, 1);
	assert_int_equal(packet(1, 12, false), RTP_ARRIVED_REORDERED);
}

static void test_report_fraction(void **state)
{
	(void)state;
	for (uint16_t q = 0; q < 100; q++)
		if (q % 4 != 1)
			packet(1, q, false);
	uint8_t f = rtp_source_fraction(&s);
	assert_in_range(f, 60, 66); /* a quarter of 256 */
	assert_int_equal(rtp_source_cumulative_lost(&s), 25);
	for (uint16_t q = 100; q < 200; q++)
		packet(1, q, false);
	assert_int_equal(rtp_source_fraction(&s), 0);
	for (unsigned i = 0; i < 50; i++) /* duplicates make it negative: reported as none, A.3 */
		packet(1, 199, false);
	assert_int_equal(rtp_source_fraction(&s), 0);
	assert_int_equal(rtp_source_cumulative_lost(&s), -25);
}

static void test_restart_needs_two(void **state)
{
	(void)state;
	packet(1, 100, false);
	assert_int_equal(packet(1, 30000, false), RTP_REJECTED);
	assert_int_equal(packet(1, 101, false), RTP_ARRIVED);
	assert_int_equal(packet(1, 40000, false), RTP_REJECTED);
	assert_int_equal(packet(1, 40001, false), RTP_ARRIVED_RESTART);
	assert_int_equal(packet(1, 40002, false), RTP_ARRIVED);
	assert_int_equal(rtp_source_extended(&s), 40002);
}

static void test_another_source(void **state)
{
	(void)state;
	packet(1, 100, false);
	assert_int_equal(packet(0, 0, false), RTP_REJECTED);
	assert_int_equal(packet(2, 7, false), RTP_REJECTED);
	assert_int_equal(packet(3, 8, false), RTP_REJECTED); /* not the one that knocked */
	assert_int_equal(packet(2, 8, false), RTP_REJECTED);
	assert_int_equal(packet(1, 101, false), RTP_ARRIVED);
	assert_int_equal(packet(2, 9, false), RTP_ARRIVED_NEW);
	assert_int_equal(packet(4, 1, true), RTP_ARRIVED_NEW); /* begins a talkspurt */
	now += 200 * MS;
	assert_int_equal(packet(5, 1, false), RTP_ARRIVED_NEW); /* the old one has gone quiet */
}

/* RFC 3550 A.8: constant delay is no jitter; ±4 ms in turn tends to the mean difference of 8 ms =
 * 64 units. */
static void test_jitter(void **state)
{
	uint32_t timestamp = 0xfffffff0;
	uint64_t t = 1000000;
	(void)state;
	for (unsigned i = 0; i < 1000; i++, t += 20 * MS, timestamp += 160)
		rtp_source_transit(&s, timestamp, t, 8000);
	assert_true(s.jitter < 0.01);
	for (unsigned i = 0; i < 1000; i++, t += 20 * MS, timestamp += 160)
		rtp_source_transit(&s, timestamp, t + (i & 1 ? 8 * MS : 0), 8000);
	assert_true(fabs(s.jitter - 64) < 1);
}

/* Half the circle of timestamps away: a difference that has no positive counterpart. */
static void test_jitter_of_a_leap(void **state)
{
	(void)state;
	rtp_source_transit(&s, 0, 1000000, 8000);
	rtp_source_transit(&s, 0x80000000, 1000000, 8000);
	assert_true(s.jitter > 0);
}

#define CASE(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_in_order_across_the_wrap),
		CASE(test_loss_is_settled_when_the_window_has_passed),
		CASE(test_late_and_duplicate),
		CASE(test_report_fraction),
		CASE(test_restart_needs_two),
		CASE(test_another_source),
		CASE(test_jitter),
		CASE(test_jitter_of_a_leap),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
