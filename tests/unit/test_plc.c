/* SPDX-License-Identifier: GPL-2.0-only */
#include "transcoding/law.h"
#include "transcoding/meter.h"
#include "transcoding/plc.h"
#include "transcoding/tone.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void voice(uint8_t *octets, size_t n, enum port_codec law)
{
	struct tone_spec spec = tone_sine(150, -15); /* a pitch that speech has */
	struct port_format format = { law, 8000, 1 };
	struct tone t;
	tone_init(&t, &spec, &format);
	tone_read(&t, octets, n);
}

static double level(enum port_codec law, const uint8_t *octets, size_t n)
{
	struct recording r = { law, 8000, octets, n };
	return recording_dbm0(&r);
}

static void test_fades_within_60_ms(void **state)
{
	static const enum port_codec laws[] = { PORT_PCMA, PORT_PCMU };
	uint8_t history[CONCEAL_HISTORY], gap[1600];
	(void)state;
	for (unsigned l = 0; l < 2; l++) {
		struct conceal c;
		size_t made = 0;
		voice(history, sizeof(history), laws[l]);
		conceal_start(&c, laws[l], history, sizeof(history));
		for (size_t at = 0; at < sizeof(gap); at += 8)
			made += conceal_fill(&c, gap + at, 8);
		assert_int_equal(made, CONCEAL_MAX_SAMPLES);
		assert_true(level(laws[l], gap, 80) > -20);
		assert_true(level(laws[l], gap + 240, 80) < level(laws[l], gap, 80) - 3);
		for (size_t at = 480; at < sizeof(gap); at++)
			assert_int_equal(gap[at], law_silence(laws[l]));
	}
}

/* Whatever the blocks in which it is asked for, the same comes out. */
static void test_block_size_does_not_matter(void **state)
{
	uint8_t history[CONCEAL_HISTORY], one[400], many[400];
	struct conceal c;
	(void)state;
	voice(history, sizeof(history), PORT_PCMA);
	conceal_start(&c, PORT_PCMA, history, sizeof(history));
	conceal_fill(&c, one, sizeof(one));
	conceal_start(&c, PORT_PCMA, history, sizeof(history));
	for (size_t at = 0; at < sizeof(many); at += 5)
		conceal_fill(&c, many + at, 5);
	assert_memory_equal(one, many, sizeof(one));
}

/* The lost 10 ms of a steady voice: made up nearly as they were, and no click where the voice goes
 * on. */
static void test_steady_voice_goes_on(void **state)
{
	uint8_t heard[800];
	struct conceal c;
	(void)state;
	voice(heard, sizeof(heard), PORT_PCMA);
	conceal_start(&c, PORT_PCMA, heard + 400 - CONCEAL_HISTORY, CONCEAL_HISTORY);
	conceal_fill(&c, heard + 400, 80);
	conceal_blend(&c, heard + 480, CONCEAL_BLEND);
	assert_true(fabs(level(PORT_PCMA, heard + 400, 80) + 15) < 3);
	int worst = 0;
	for (unsigned i = 390; i < 520; i++) {
		int step =
			abs(law_decode(PORT_PCMA, heard[i]) - law_decode(PORT_PCMA, heard[i - 1]));
		worst = step > worst ? step : worst;
	}
	assert_true(worst < 3000); /* peak of the voice: 4,060; its own steepest step: 480 */
}

static void test_blend_changes_only_the_beginning(void **state)
{
	uint8_t history[CONCEAL_HISTORY], gap[160], next[CONCEAL_BLEND], before[CONCEAL_BLEND];
	struct conceal c;
	(void)state;
	voice(history, sizeof(history), PORT_PCMA);
	memset(next, LAW_SILENCE_A, sizeof(next));
	memcpy(before, next, sizeof(next));
	conceal_start(&c, PORT_PCMA, history, sizeof(history));
	conceal_fill(&c, gap, sizeof(gap));
	conceal_blend(&c, next, sizeof(next));
	assert_memory_not_equal(next, before, sizeof(next));
	assert_true(abs(law_decode(PORT_PCMA, next[CONCEAL_BLEND - 1])) < 2000);
}

static void test_without_history_it_is_quiet(void **state)
{
	uint8_t gap[160];
	struct conceal c;
	(void)state;
	conceal_start(&c, PORT_PCMA, NULL, 0);
	conceal_fill(&c, gap, sizeof(gap));
	assert_true(level(PORT_PCMA, gap, sizeof(gap)) < -60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fades_within_60_ms),
		cmocka_unit_test(test_block_size_does_not_matter),
		cmocka_unit_test(test_steady_voice_goes_on),
		cmocka_unit_test(test_blend_changes_only_the_beginning),
		cmocka_unit_test(test_without_history_it_is_quiet),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
