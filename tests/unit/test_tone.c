/* SPDX-License-Identifier: GPL-2.0-only */
#include "base/mem.h"
#include "transcoding/law.h"
#include "transcoding/meter.h"
#include "transcoding/tone.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct port_format alaw = { PORT_PCMA, 8000, 1 };
static uint8_t buffer[8000 * 12];

static struct recording record(const struct tone_spec *spec, const struct port_format *format,
			       size_t n)
{
	struct tone t;
	tone_init(&t, spec, format);
	for (size_t at = 0; at < n; at += 53) /* blocks that fit nothing */
		tone_read(&t, buffer + at, n - at < 53 ? n - at : 53);
	return (struct recording){ format->codec, format->rate_hz, buffer, n };
}

static void test_test_tone_is_exact(void **state)
{
	static const enum port_codec laws[] = { PORT_PCMA, PORT_PCMU };
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct port_format format = { laws[i], 8000, 1 };
		struct recording r = record(&tone_test, &format, 16000);
		assert_true(fabs(recording_dbm0(&r) + 16) < 0.05);
		assert_true(fabs(recording_tone_dbm0(&r, 1004) + 16) < 0.05);
		assert_true(fabs(recording_frequency(&r) - 1004) < 0.02);
		assert_int_equal(recording_clicks(&r, 1004), 0);
	}
}

static void test_levels_and_frequencies(void **state)
{
	(void)state;
	for (double hz = 200; hz < 3900; hz += 237) {
		for (double level = -40; level <= 3; level += 8.6) {
			struct tone_spec spec = tone_sine(hz, level);
			struct recording r = record(&spec, &alaw, 8000);
			assert_true(fabs(recording_dbm0(&r) - level) < 0.2);
		}
	}
}

/* After hours the phasor has neither grown nor faded nor drifted. */
static void test_does_not_wander(void **state)
{
	struct tone t;
	(void)state;
	tone_init(&t, &tone_test, &alaw);
	for (unsigned s = 0; s < 600; s++)
		tone_read(&t, buffer, 8000);
	struct recording r = { PORT_PCMA, 8000, buffer, 8000 };
	assert_true(fabs(recording_tone_dbm0(&r, 1004) + 16) < 0.05);
	/* 1004 Hz repeats every 2,000 samples: the 600th second must be the first, but for rounding
	 * at decision values. */
	uint8_t first[8000];
	unsigned differ = 0;
	tone_init(&t, &tone_test, &alaw);
	tone_read(&t, first, 8000);
	for (unsigned i = 0; i < 8000; i++)
		differ += first[i] != buffer[i];
	assert_true(differ < 80);
}

static double level_at(double second)
{
	struct recording r = { PORT_PCMA, 8000, buffer + (size_t)(second * 8000), 400 };
	return recording_dbm0(&r);
}

static void test_cadences(void **state)
{
	(void)state;
	record(&tone_ringback, &alaw, 8000 * 11);
	assert_true(fabs(level_at(0.5) + 10) < 0.2);
	assert_true(level_at(1.5) < -90 && level_at(4.5) < -90);
	assert_true(fabs(level_at(5.5) + 10) < 0.2);
	assert_true(level_at(6.5) < -90);
	record(&tone_busy, &alaw, 8000 * 3);
	assert_true(level_at(0.2) > -11 && level_at(0.7) < -90 && level_at(1.2) > -11 &&
		    level_at(2.7) < -90);
	record(&tone_congestion, &alaw, 8000);
	assert_true(level_at(0.1) > -11 && level_at(0.3) < -90 && level_at(0.6) > -11);
	record(&tone_special_information, &alaw, 8000 * 4);
	for (unsigned i = 0; i < 3; i++) {
		static const double hz[] = { 950, 1400, 1800 };
		struct recording r = { PORT_PCMA, 8000, buffer + i * 2640 + 400, 1600 };
		assert_true(fabs(recording_frequency(&r) - hz[i]) < 0.5);
	}
	assert_true(level_at(1.5) < -90 && level_at(2.1) > -11);
}

/* Q.23: each key two frequencies, 2 dB apart, together the level asked for. */
static void test_dtmf(void **state)
{
	static const char keys[] = "123A456B789C*0#D", events[] = "0123456789*#ABCD";
	static const double low[] = { 697, 770, 852, 941 }, high[] = { 1209, 1336, 1477, 1633 };
	struct tone_spec spec;
	(void)state;
	for (unsigned event = 0; event < 16; event++) {
		unsigned key = (unsigned)(strchr(keys, events[event]) - keys);
		assert_true(tone_dtmf(&spec, event, -9, 0));
		struct recording r = record(&spec, &alaw, 8000);
		assert_true(fabs(recording_dbm0(&r) + 9) < 0.1);
		assert_true(fabs(recording_tone_dbm0(&r, low[key / 4]) + 13.12) < 0.1);
		assert_true(fabs(recording_tone_dbm0(&r, high[key % 4]) + 11.12) < 0.1);
	}
	assert_false(tone_dtmf(&spec, 16, -9, 0));
}

static void test_ends(void **state)
{
	struct tone_spec spec;
	struct tone t;
	uint8_t octets[1000];
	(void)state;
	tone_dtmf(&spec, 5, -10, 100);
	tone_init(&t, &spec, &alaw);
	assert_int_equal(tone_read(&t, octets, 1000), 800);
	assert_true(tone_ended(&t));
	for (unsigned i = 800; i < 1000; i++)
		assert_int_equal(octets[i], LAW_SILENCE_A);
	struct tone_spec nothing = { .name = "nothing" };
	tone_init(&t, &nothing, &alaw);
	assert_int_equal(tone_read(&t, octets, 10), 0);
}

static void test_as_a_port_and_linear(void **state)
{
	struct port_format wide = { PORT_L16, 16000, 1 };
	struct tone *t = NULL;
	int16_t samples[1600];
	double sum = 0;
	(void)state;
	assert_int_equal(tone_create(&t, &tone_dial, &wide), 0);
	port_push(&t->port, &(struct frame){ .octets = NULL });
	assert_int_equal(port_pull(&t->port, (uint8_t *)samples, sizeof(samples)), sizeof(samples));
	for (unsigned i = 0; i < 1600; i++)
		sum += (double)samples[i] * samples[i];
	assert_true(fabs(law_dbm0(PORT_PCMA, sum / 1600) + 10) < 0.1);
	tone_destroy(&t);
	mem_fail_after(0);
	assert_int_equal(tone_create(&t, &tone_dial, &wide), -ENOMEM);
	mem_fail_after(-1);
	assert_null(t);
	assert_int_equal(mem_live_blocks(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_test_tone_is_exact),
		cmocka_unit_test(test_levels_and_frequencies),
		cmocka_unit_test(test_does_not_wander),
		cmocka_unit_test(test_cadences),
		cmocka_unit_test(test_dtmf),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_as_a_port_and_linear),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
