/* SPDX-License-Identifier: GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/q850.h"

#include <string.h>

/* Q.850 (10/2018) table 1, by value. */
static const uint8_t defined[] = {
	1,  2,  3,  4,  5,  6,  7,  8,  9,  14, 16,  17,  18,  19,  20,  21,  22,  23,
	24, 25, 26, 27, 28, 29, 30, 31, 34, 38, 39,  40,  41,  42,  43,  44,  46,  47,
	49, 50, 53, 55, 57, 58, 62, 63, 65, 66, 69,  70,  79,  81,  82,  83,  84,  85,
	86, 87, 88, 90, 91, 95, 96, 97, 98, 99, 100, 101, 102, 103, 110, 111, 127,
};

static void exactly_the_defined_causes_have_names(void **state)
{
	size_t next = 0;

	(void)state;
	for (unsigned value = 0; value < 300; value++) {
		bool is = next < sizeof(defined) && defined[next] == value;

		assert_int_equal(q850_is_defined(value), is);
		if (is)
			next++;
		assert_int_equal(strcmp(q850_cause_name(value), "Unknown cause") != 0, is);
	}
	assert_string_equal(q850_cause_name(Q850_USER_BUSY), "User busy");
	assert_string_equal(q850_cause_name(Q850_NO_CIRCUIT), "No circuit/channel available");
	assert_string_equal(q850_cause_name(Q850_INTERWORKING), "Interworking, unspecified");
}

static void locations(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		assert_non_null(q850_location_code(i));
		assert_int_equal(q850_location_by_code(q850_location_code(i)), i);
		assert_string_not_equal(q850_location_name(i), "unknown location");
	}
	assert_string_equal(q850_location_code(Q850_LOC_USER), "U");
	assert_string_equal(q850_location_code(Q850_LOC_INTERNATIONAL), "INTL");
	assert_string_equal(q850_location_code(Q850_LOC_BEYOND_INTERWORKING), "BI");
	assert_string_equal(q850_location_code(Q850_LOC_PUBLIC_REMOTE), "RLN");
	assert_null(q850_location_code(16));
	assert_string_equal(q850_location_name(16), "unknown location");
	assert_int_equal(q850_location_by_code("rpn"), Q850_LOC_PRIVATE_REMOTE);
	assert_int_equal(q850_location_by_code("LOC-16"), -1);
	assert_int_equal(q850_location_by_code(""), -1);
	assert_int_equal(q850_location_by_code(NULL), -1);
	assert_int_equal(q850(17, Q850_LOC_TRANSIT).value, 17);
	assert_int_equal(q850(17, Q850_LOC_TRANSIT).location, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exactly_the_defined_causes_have_names),
		cmocka_unit_test(locations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
