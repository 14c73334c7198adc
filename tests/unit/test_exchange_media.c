/* SPDX-License-Identifier: GPL-2.0-only */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/mem.h"
#include "tdm/exchange/media.h"

#include <errno.h>
#include <string.h>

#define BLOCK 8

/* A line that brings back after `delay` octets what was sent, and can be disturbed on the way. */
struct line {
	uint8_t way[8192];
	size_t in, out;
};

static void line_init(struct line *line, size_t delay)
{
	memset(line->way, 0xd5, sizeof(line->way));
	line->out = 0;
	line->in = delay;
}

static void line_put(struct line *line, const uint8_t *octets, size_t n)
{
	for (size_t i = 0; i < n; i++)
		line->way[line->in++ % sizeof(line->way)] = octets[i];
}

static void line_get(struct line *line, uint8_t *octets, size_t n)
{
	for (size_t i = 0; i < n; i++)
		octets[i] = line->way[line->out++ % sizeof(line->way)];
}

static void run_prbs(struct ex_prbs *p, struct line *line, unsigned blocks)
{
	uint8_t octets[BLOCK];

	for (unsigned i = 0; i < blocks; i++) {
		line_get(line, octets, BLOCK);
		ex_prbs_check(p, octets, BLOCK);
		ex_prbs_send(p, octets, BLOCK);
		line_put(line, octets, BLOCK);
	}
}

static struct ex_prbs prbs;
static struct line line;

static void test_sequence_whole(void **state)
{
	(void)state;
	for (size_t delay = BLOCK; delay < 8000; delay += 777) {
		line_init(&line, delay);
		ex_prbs_init(&prbs, delay);
		run_prbs(&prbs, &line, 3000);
		assert_int_equal(prbs.mismatches, 0);
		assert_int_equal(prbs.slips, 0);
		assert_int_equal(prbs.lost, 0);
		assert_int_equal(prbs.tail, 0);
		/* all but what was on its way and the look-up's 64 + 16 */
		assert_true(prbs.compared + delay + 96 >= 24000 && prbs.compared + delay <= 24000);
		assert_int_equal(prbs.delay, delay);
	}
}

static void test_single_errors_are_counted(void **state)
{
	(void)state;
	line_init(&line, 100);
	ex_prbs_init(&prbs, 1);
	run_prbs(&prbs, &line, 100);
	for (unsigned i = 0; i < 5; i++) {
		line.way[line.out % sizeof(line.way)] ^= 0x10;
		run_prbs(&prbs, &line, 20);
	}
	assert_int_equal(prbs.mismatches, 5);
	assert_int_equal(prbs.slips, 0);
	assert_int_equal(prbs.lost, 0);
}

static void test_slips(void **state)
{
	(void)state;
	line_init(&line, 100);
	ex_prbs_init(&prbs, 1);
	run_prbs(&prbs, &line, 200);
	line.out += 8; /* a block is dropped */
	run_prbs(&prbs, &line, 200);
	assert_int_equal(prbs.slips, 1);
	assert_int_equal(prbs.mismatches, 0);
	assert_in_range(prbs.lost, 12, 150);
	assert_int_equal(prbs.delay, 92);
	line.out -= 8; /* one is repeated */
	run_prbs(&prbs, &line, 200);
	assert_int_equal(prbs.slips, 2);
	assert_int_equal(prbs.mismatches, 0);
}

static void test_burst_and_tail(void **state)
{
	(void)state;
	line_init(&line, 100);
	ex_prbs_init(&prbs, 1);
	run_prbs(&prbs, &line, 200);
	for (unsigned i = 0; i < 60; i++)
		line.way[(line.out + i) % sizeof(line.way)] = 0xd5;
	run_prbs(&prbs, &line, 200);
	assert_int_equal(prbs.slips, 0); /* found again where it was */
	assert_true(prbs.lost >= 60);
	assert_int_equal(prbs.tail, 0);
	line_init(&line, 0);
	for (unsigned i = 0; i < 10; i++) {
		uint8_t idle[BLOCK];

		memset(idle, 0xd5, sizeof(idle));
		ex_prbs_check(&prbs, idle, BLOCK);
	}
	assert_in_range(prbs.tail, 80, 112); /* the far end has stopped: no fault of the way */
	assert_int_equal(prbs.mismatches, 0);
}

static void test_not_what_was_sent(void **state)
{
	static struct ex_prbs other;
	uint8_t octets[BLOCK];

	(void)state;
	ex_prbs_init(&prbs, 1);
	ex_prbs_init(&other, 2);
	for (unsigned i = 0; i < 1000; i++) {
		ex_prbs_send(&other, octets, BLOCK);
		ex_prbs_check(&prbs, octets, BLOCK);
		ex_prbs_send(&prbs, octets, BLOCK);
	}
	assert_int_equal(prbs.compared, 0);
	assert_int_equal(prbs.delay, -1);
}

/* ---- The port ---- */

static uint8_t to_a[BLOCK], to_b[BLOCK];

struct ends {
	struct ex_media *a, *b;
};

static int set_up(void **state)
{
	static struct ends ends;

	memset(to_a, 0xd5, BLOCK);
	memset(to_b, 0xd5, BLOCK);
	*state = &ends;
	return ex_media_create(&ends.a, PORT_PCMA, 7) || ex_media_create(&ends.b, PORT_PCMA, 8);
}

static int tear_down(void **state)
{
	struct ends *ends = *state;

	ex_media_destroy(&ends->a);
	ex_media_destroy(&ends->b);
	return mem_live_blocks() ? -1 : 0;
}

/* A line between the two, a block each way in turn. */
static void run(struct ends *ends, unsigned ms)
{
	for (unsigned i = 0; i < ms; i++) {
		port_push(ex_media_port(ends->a),
			  &(struct frame){ .octets = to_a, .length = BLOCK });
		port_push(ex_media_port(ends->b),
			  &(struct frame){ .octets = to_b, .length = BLOCK });
		port_pull(ex_media_port(ends->a), to_b, BLOCK);
		port_pull(ex_media_port(ends->b), to_a, BLOCK);
	}
}

static struct ex_media_result result_of(const struct ex_media *media)
{
	struct ex_media_result result;

	ex_media_result(media, &result);
	return result;
}

static void test_echo_brings_the_sequence_back(void **state)
{
	struct ends *ends = *state;
	struct ex_media_result a;

	ex_media_send(ends->b, EX_SOURCE_ECHO, 0, 0);
	run(ends, 50);
	ex_media_send(ends->a, EX_SOURCE_PRBS, 0, 0);
	run(ends, 2000);
	a = result_of(ends->a);
	assert_true(ex_media_intact(&a));
	assert_in_range(a.compared, 15800, 16000);
	assert_int_equal(a.sent, 2050 * BLOCK);
	assert_int_equal(result_of(ends->b).echo_underruns, 0);
	/* after the check has ended silence is no fault */
	ex_media_end_check(ends->a);
	ex_media_send(ends->b, EX_SOURCE_SILENCE, 0, 0);
	run(ends, 500);
	a = result_of(ends->a);
	assert_true(ex_media_intact(&a));
	assert_int_equal(a.tail, 0);
}

static void test_no_echo_is_no_success(void **state)
{
	struct ends *ends = *state;
	struct ex_media_result a;

	ex_media_send(ends->a, EX_SOURCE_PRBS, 0, 0);
	run(ends, 500);
	a = result_of(ends->a);
	assert_false(ex_media_intact(&a));
}

static void near(double value, double expected, double by)
{
	if (fabs(value - expected) > by)
		fail_msg("%f is not near %f", value, expected);
}

static void test_levels_of_each_phase(void **state)
{
	struct ends *ends = *state;
	struct ex_media_result b;

	run(ends, 200);
	near(result_of(ends->b).heard[EX_PHASE_EARLY].level_dbm0, EX_LEVEL_NONE,
	     40); /* A-law's zero is not quite */
	assert_int_equal(result_of(ends->b).heard[EX_PHASE_EARLY].loud_ms, 0);
	ex_media_send(ends->a, EX_SOURCE_TONE, 425, -10);
	run(ends, 1000);
	ex_media_phase(ends->b, EX_PHASE_ANSWERED);
	ex_media_send(ends->a, EX_SOURCE_TONE, 1004, -16);
	run(ends, 2000);
	ex_media_send(ends->a, EX_SOURCE_SILENCE, 0, 0);
	run(ends, 300);
	ex_media_phase(ends->b, EX_PHASE_CLEARING);
	run(ends, 300);
	b = result_of(ends->b);
	near(b.heard[EX_PHASE_EARLY].level_dbm0, -10, 0.1);
	near(b.heard[EX_PHASE_EARLY].hz, 425, 2);
	near(b.heard[EX_PHASE_ANSWERED].level_dbm0, -16,
	     0.3); /* a block of the louder tone before it counts too */
	near(b.heard[EX_PHASE_ANSWERED].hz, 1004, 2);
	assert_in_range(b.heard[EX_PHASE_ANSWERED].loud_ms, 1900, 2100);
	assert_true(b.heard[EX_PHASE_ANSWERED].last_dbm0 < -60);
	assert_int_equal(b.heard[EX_PHASE_CLEARING].loud_ms, 0);
}

static void test_allocation_failure(void **state)
{
	struct ex_media *media = NULL;

	(void)state;
	mem_fail_after(0);
	assert_int_equal(ex_media_create(&media, PORT_PCMU, 1), -ENOMEM);
	mem_fail_after(-1);
	assert_null(media);
}

static void test_names(void **state)
{
	(void)state;
	for (int i = EX_SOURCE_SILENCE; i <= EX_SOURCE_PRBS; i++)
		assert_int_equal(ex_source_by_name(ex_source_name((enum ex_source)i)), i);
	assert_int_equal(ex_source_by_name("music"), -1);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sequence_whole),
		cmocka_unit_test(test_single_errors_are_counted),
		cmocka_unit_test(test_slips),
		cmocka_unit_test(test_burst_and_tail),
		cmocka_unit_test(test_not_what_was_sent),
		CASE(test_echo_brings_the_sequence_back),
		CASE(test_no_echo_is_no_success),
		CASE(test_levels_of_each_phase),
		cmocka_unit_test(test_allocation_failure),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
