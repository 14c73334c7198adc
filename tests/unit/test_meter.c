/* SPDX-License-Identifier: GPL-2.0-only */
#include "transcoding/law.h"
#include "transcoding/meter.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint8_t buffer[8000];

/* Made here with sin(), not with the tone generator: the two must not agree in the same mistake. */
static struct recording sine(enum port_codec law, double hz, double dbm0, size_t n)
{
	double overload =
		law == PORT_PCMU ? 32636 * pow(10, -3.17 / 20) : 32768 * pow(10, -3.14 / 20);
	for (size_t i = 0; i < n; i++)
		buffer[i] = law_encode(law, (int)lrint(overload * pow(10, dbm0 / 20) *
						       sin(2 * M_PI * hz * (double)i / 8000)));
	return (struct recording){ law, 8000, buffer, n };
}

static void test_level_of_sines(void **state)
{
	(void)state;
	for (double dbm0 = -50; dbm0 <= 3; dbm0 += 4.3) {
		struct recording a = sine(PORT_PCMA, 1004, dbm0, 8000);
		assert_true(fabs(recording_dbm0(&a) - dbm0) < 0.3);
		struct recording u = sine(PORT_PCMU, 1004, dbm0, 8000);
		assert_true(fabs(recording_dbm0(&u) - dbm0) < 0.3);
		assert_true(fabs(recording_tone_dbm0(&u, 1004) - dbm0) < 0.3);
		assert_true(recording_tone_dbm0(&u, 1500) < dbm0 - 20);
	}
}

static void test_frequency(void **state)
{
	(void)state;
	for (double hz = 100; hz < 3950; hz += 91.7) {
		struct recording r = sine(PORT_PCMA, hz, -16, 4000);
		assert_true(fabs(recording_frequency(&r) - hz) < 0.1);
	}
	memset(buffer, LAW_SILENCE_A, sizeof(buffer));
	struct recording silent = { PORT_PCMA, 8000, buffer, 8000 },
			 nothing = { PORT_PCMA, 8000, buffer, 0 };
	assert_true(recording_frequency(&silent) < 1e-9);
	assert_true(recording_dbm0(&silent) < -98);
	assert_true(recording_dbm0(&nothing) < -98 && recording_frequency(&nothing) < 1e-9);
}

static void test_meter_takes_and_begins_anew(void **state)
{
	struct meter m;
	struct recording r = sine(PORT_PCMA, 811, -20, 8000);
	(void)state;
	meter_init(&m, PORT_PCMA);
	for (unsigned i = 0; i < 1000; i++)
		meter_add(&m, r.octets + 8 * i, 8);
	assert_true(fabs(meter_take_dbm0(&m) + 20) < 0.1);
	assert_true(meter_take_dbm0(&m) < -98);
}

static void test_clicks_are_found_where_they_are(void **state)
{
	(void)state;
	for (double dbm0 = -30; dbm0 <= 0; dbm0 += 10) {
		struct recording r = sine(PORT_PCMA, 1004, dbm0, 8000);
		assert_int_equal(recording_clicks(&r, 1004), 0);
		memmove(buffer + 3000, buffer + 3003, 4997); /* three samples left out */
		r.n = 7900;
		assert_int_equal(recording_clicks(&r, 1004), 1);
		buffer[6000] ^= 0x80;
		assert_int_equal(recording_clicks(&r, 1004), 2);
		memset(buffer + 1000, LAW_SILENCE_A,
		       160); /* a packet lost: broken at both of its ends */
		assert_int_equal(recording_clicks(&r, 1004), 4);
	}
}

static void test_still(void **state)
{
	struct recording r = sine(PORT_PCMA, 1004, -10, 8000);
	(void)state;
	assert_true(recording_longest_still(&r) < 4);
	memset(buffer + 100, LAW_SILENCE_A, 321);
	assert_in_range(recording_longest_still(&r), 321, 323);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_level_of_sines),
		cmocka_unit_test(test_frequency),
		cmocka_unit_test(test_meter_takes_and_begins_anew),
		cmocka_unit_test(test_clicks_are_found_where_they_are),
		cmocka_unit_test(test_still),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
