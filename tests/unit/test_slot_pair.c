/* SPDX-License-Identifier: GPL-2.0-only */
/* Two channels back to back: bit-exact while the clocks agree, slips counted when they do not, laws
 * converted. */
#include "gateway/slot_pair.h"

#include "base/mem.h"
#include "transcoding/law.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static uint8_t next_sent, next_expected;
static size_t mismatches, received;

static void push(struct slot_pair *pair, unsigned end, size_t n)
{
	uint8_t octets[64];
	struct frame frame = { .octets = octets, .length = n, .kind = FRAME_AUDIO };

	for (size_t i = 0; i < n; i++)
		octets[i] = next_sent++;
	port_push(slot_pair_port(pair, end), &frame);
}

static void pull(struct slot_pair *pair, unsigned end, size_t n)
{
	uint8_t octets[64];
	size_t got = port_pull(slot_pair_port(pair, end), octets, n);

	for (size_t i = 0; i < got; i++) {
		if (received++ > 0 && octets[i] != next_expected)
			mismatches++;
		next_expected = (uint8_t)(octets[i] + 1);
	}
	for (size_t i = got; i < n; i++)
		assert_int_equal(octets[i], law_silence(slot_pair_port(pair, end)->format.codec));
}

static int setup(void **state)
{
	(void)state;
	next_sent = next_expected = 0;
	mismatches = received = 0;
	return 0;
}

static void test_bit_exact(void **state)
{
	struct slot_pair *pair = NULL;

	(void)state;
	assert_int_equal(slot_pair_create(&pair, PORT_PCMA, PORT_PCMA, 10), 0);
	for (int ms = 0; ms < 5000; ms++) { /* blocks of 8 one way in, of 40 the other way out */
		push(pair, 0, 8);
		if (ms % 5 == 4)
			pull(pair, 1, 40);
	}
	assert_int_equal(mismatches, 0);
	assert_in_range(received, 5000 * 8 - 160, 5000 * 8);
	assert_int_equal(slot_pair_slips(pair, 1), 0);
	slot_pair_destroy(&pair);
	assert_int_equal(mem_live_blocks(), 0);
}

static void test_fast_and_slow_clocks(void **state)
{
	struct slot_pair *pair = NULL;
	uint64_t fast;

	(void)state;
	assert_int_equal(slot_pair_create(&pair, PORT_PCMA, PORT_PCMA, 10), 0);
	for (int ms = 0; ms < 10000;
	     ms++) { /* the sender is 1 % fast: 800 octets too many, dropped by and by */
		push(pair, 0, ms % 100 == 0 ? 16 : 8);
		pull(pair, 1, 8);
	}
	fast = slot_pair_slips(pair, 1);
	assert_in_range(fast, 2, 10);
	assert_int_equal(mismatches, fast);
	mismatches = 0;
	for (int ms = 0; ms < 10000;
	     ms++) { /* then slow: it runs dry, and begins again deeper each time */
		if (ms % 100 != 0)
			push(pair, 0, 8);
		pull(pair, 1, 8);
	}
	assert_in_range(slot_pair_slips(pair, 1) - fast, 2, 6);
	slot_pair_destroy(&pair);
}

/* A worker that was held up catches up: many blocks of one line, then as many of the other. No
 * octet may be lost. */
static void test_lines_that_were_held_up(void **state)
{
	struct slot_pair *pair = NULL;

	(void)state;
	assert_int_equal(slot_pair_create(&pair, PORT_PCMA, PORT_PCMA, 10), 0);
	for (int ms = 0; ms < 10000; ms++) {
		int blocks = ms % 500 == 499 ? 60 : 1;

		for (int i = 0; i < blocks; i++)
			push(pair, 0, 8);
		for (int i = 0; i < blocks; i++)
			pull(pair, 1, 8);
	}
	assert_int_equal(mismatches, 0);
	assert_int_equal(slot_pair_slips(pair, 1), 0);
	for (int turn = 0; turn < 20;
	     turn++) { /* the other way round it runs dry, until it is deep enough */
		for (int i = 0; i < 40; i++)
			pull(pair, 1, 8);
		for (int i = 0; i < 40; i++)
			push(pair, 0, 8);
		for (int i = 0; i < 200; i++) {
			push(pair, 0, 8);
			pull(pair, 1, 8);
		}
	}
	assert_in_range(slot_pair_slips(pair, 1), 1, 6);
	slot_pair_destroy(&pair);
}

static void test_laws_are_converted(void **state)
{
	struct slot_pair *pair = NULL;
	uint8_t in[160], out[8];
	struct frame frame = { .octets = in, .length = sizeof(in), .kind = FRAME_AUDIO };

	(void)state;
	memset(in, 0x2a, sizeof(in));
	assert_int_equal(slot_pair_create(&pair, PORT_PCMA, PORT_PCMU, 10), 0);
	port_push(slot_pair_port(pair, 0), &frame);
	assert_int_equal(port_pull(slot_pair_port(pair, 1), out, 8), 8);
	assert_int_equal(out[0], law_a_to_u(0x2a));
	port_push(slot_pair_port(pair, 1), &frame);
	assert_int_equal(port_pull(slot_pair_port(pair, 0), out, 8), 8);
	assert_int_equal(out[0], law_u_to_a(0x2a));
	slot_pair_destroy(&pair);
}

static void test_only_audio_passes(void **state)
{
	struct slot_pair *pair = NULL;
	uint8_t octets[200] = { 0 };
	struct frame frame = { .octets = octets, .length = sizeof(octets), .kind = FRAME_NOISE };

	(void)state;
	assert_int_equal(slot_pair_create(&pair, PORT_PCMA, PORT_PCMA, 10), 0);
	port_push(slot_pair_port(pair, 0), &frame);
	assert_int_equal(port_pull(slot_pair_port(pair, 1), octets, 8), 0);
	slot_pair_destroy(&pair);
	slot_pair_destroy(&pair);
}

static void test_memory_refused(void **state)
{
	struct slot_pair *pair = NULL;
	long n = 0;

	(void)state;
	for (;; n++) {
		mem_fail_after(n);
		if (slot_pair_create(&pair, PORT_PCMA, PORT_PCMA, 10) == 0)
			break;
		assert_null(pair);
		assert_int_equal(mem_live_blocks(), 0);
	}
	mem_fail_after(-1);
	assert_in_range(n, 3, 10);
	slot_pair_destroy(&pair);
	assert_int_equal(mem_live_blocks(), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_bit_exact, setup),
		cmocka_unit_test_setup(test_fast_and_slow_clocks, setup),
		cmocka_unit_test_setup(test_lines_that_were_held_up, setup),
		cmocka_unit_test_setup(test_laws_are_converted, setup),
		cmocka_unit_test_setup(test_only_audio_passes, setup),
		cmocka_unit_test_setup(test_memory_refused, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
