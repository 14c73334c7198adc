/* SPDX-License-Identifier: GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "conf/document_private.h"

#include <errno.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char why[WHY_TEXT];

static int read_text(const struct schema_field *field, const char *text, void *at)
{
	const struct node node = { .plain = true, .text = (char *)(uintptr_t)text };

	why[0] = '\0';
	return value_read(field, &node, at, why);
}

/* All of these are refused, say why, and leave the member alone. */
static void check_refused(const struct schema_field *field, const char *const *bad, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint8_t member[64] = { 0 }, zero[64] = { 0 };

		if (read_text(field, bad[i], member) != -EINVAL || !why[0])
			fail_msg("accepted: \"%s\"", bad[i]);
		assert_memory_equal(member, zero, sizeof(zero));
	}
}

/* The text that is printed of a member, which must read back to the same octets. */
static void check_printed(const struct schema_field *field, const void *at, const char *expected)
{
	char *text = NULL, *bare;
	uint8_t again[64] = { 0 };

	assert_int_equal(value_print(field, at, &text), 1);
	assert_string_equal(text, expected);
	bare = text;
	if (*bare == '"') {
		bare++;
		bare[strlen(bare) - 1] = '\0';
	}
	assert_int_equal(read_text(field, bare, again), 0);
	assert_memory_equal(again, at, field->size);
	mem_free(text);
}

static void timeslots(void **state)
{
	static const struct schema_field field = { .type = SCHEMA_TIMESLOTS, .size = 4 };
	static const struct {
		const char *text;
		timeslot_set set;
		const char *printed;
	} good[] = {
		{ "1", 0x2, "1" },
		{ "31", 0x80000000, "31" },
		{ "1-31", 0xfffffffe, "1-31" },
		{ "1-15,17-31", 0xfffefffe, "1-15,17-31" },
		{ "1, 3 , 5-6", 0x6a, "1,3,5-6" },
		{ "5,1", 0x22, "1,5" },
		{ "1,2,3", 0xe, "1-3" },
	};
	static const char *const bad[] = { "0",   "32",    "1-32",  "3-1",
					   "1-",  "-1",    "1,,2",  "1,",
					   ",1",  "a",     "1-2-3", "1;2",
					   "1,1", "1-5,3", "",      "99999999999999999999" };

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		timeslot_set set = 0;

		assert_int_equal(read_text(&field, good[i].text, &set), 0);
		assert_int_equal(set, good[i].set);
		check_printed(&field, &set, good[i].printed);
	}
	check_refused(&field, bad, COUNT(bad));
}

static void durations(void **state)
{
	static const struct schema_field field = { .type = SCHEMA_DURATION,
						   .size = 4,
						   .unit = SCHEMA_US };
	static const struct {
		const char *text;
		unsigned us;
		const char *printed;
	} good[] = {
		{ "0", 0, "0s" },
		{ "0s", 0, "0s" },
		{ "125us", 125, "125us" },
		{ "200ms", 200000, "200ms" },
		{ "4s", 4000000, "4s" },
		{ "120s", 120000000, "2min" },
		{ "1h", 3600000000u, "1h" },
		{ "60min", 3600000000u, "1h" },
		{ "1001ms", 1001000, "1001ms" },
	};
	static const char *const bad[] = { "1",
					   "s",
					   "-1s",
					   "1.5s",
					   "1 s",
					   "1S",
					   "1m",
					   "2h",
					   "",
					   "1sec",
					   "99999999999999999h",
					   "9999999999999999999s",
					   "~",
					   "s1",
					   "1s1" };

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		unsigned us = 1;

		assert_int_equal(read_text(&field, good[i].text, &us), 0);
		assert_int_equal(us, good[i].us);
		check_printed(&field, &us, good[i].printed);
	}
	check_refused(&field, bad, COUNT(bad));
}

static void integers_fit_their_members(void **state)
{
	static const struct {
		size_t size;
		int64_t min, max;
		const char *least, *most, *below, *above;
	} cases[] = {
		{ 1, 0, 0, "0", "255", "-1", "256" },
		{ 2, 0, 0, "0", "65535", "-1", "65536" },
		{ 4, 0, 0, "0", "4294967295", "-1", "4294967296" },
		{ 8, 0, 0, "0", "999999999999999999", "-1", "1000000000000000000" },
		{ 1, -128, 127, "-128", "127", "-129", "128" },
		{ 2, -34, 300, "-34", "300", "-35", "301" },
		{ 4, 5, 7, "5", "7", "4", "8" },
		{ 8, -5, 7, "-5", "7", "-6", "8" },
	};
	static const char *const bad[] = { "506x", "0x10", "1e3", "1.0", "+1",  " 1",
					   "1 ",   "",     "-",   "--1", "1_0", "true" };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct schema_field field = { .type = SCHEMA_INTEGER,
						    .size = cases[i].size,
						    .min = cases[i].min,
						    .max = cases[i].max };
		const char *const outside[] = { cases[i].below, cases[i].above };
		uint8_t member[9] = { 0 };

		assert_int_equal(read_text(&field, cases[i].least, member), 0);
		check_printed(&field, member, cases[i].least);
		assert_int_equal(read_text(&field, cases[i].most, member), 0);
		check_printed(&field, member, cases[i].most);
		/* No octet beyond the member was touched. */
		assert_int_equal(member[cases[i].size], 0);
		check_refused(&field, outside, 2);
		check_refused(&field, bad, COUNT(bad));
	}
}

static void quotes_make_no_numbers(void **state)
{
	static const struct schema_field number = { .type = SCHEMA_INTEGER, .size = 4 };
	static const struct schema_field truth = { .type = SCHEMA_BOOL, .size = 1 };
	static const struct node five = { .text = (char *)(uintptr_t) "5" };
	static const struct node yes = { .text = (char *)(uintptr_t) "yes" };
	uint8_t member[4];

	(void)state;
	assert_int_equal(value_read(&number, &five, member, why), -EINVAL);
	assert_int_equal(value_read(&truth, &yes, member, why), -EINVAL);
}

static void truths(void **state)
{
	static const struct schema_field field = { .type = SCHEMA_BOOL, .size = 1 };
	static const char *const words[] = { "true", "yes", "on", "false", "no", "off" };
	static const char *const bad[] = { "True", "1", "0", "y", "", "maybe" };

	(void)state;
	for (size_t i = 0; i < COUNT(words); i++) {
		bool value = i >= 3;

		assert_int_equal(read_text(&field, words[i], &value), 0);
		assert_int_equal(value, i < 3);
		check_printed(&field, &value, i < 3 ? "true" : "false");
	}
	check_refused(&field, bad, COUNT(bad));
}

static void addresses(void **state)
{
	static const struct schema_field with = { .type = SCHEMA_ADDRESS,
						  .size = sizeof(struct netaddr) };
	static const struct schema_field without = { .type = SCHEMA_ADDRESS,
						     .size = sizeof(struct netaddr),
						     .port = SCHEMA_PORT_NONE };
	static const char *const bad[] = { "192.0.2.1", "192.0.2.1:0", "2001:db8::1", "host:5",
					   "" };
	static const char *const bad_host[] = { "192.0.2.1:5", "[::1]:5", "x", "" };
	struct netaddr a;

	(void)state;
	memset(&a, 0, sizeof(a));
	assert_int_equal(read_text(&with, "[2001:db8::1]:9", &a), 0);
	check_printed(&with, &a, "\"[2001:db8::1]:9\"");
	check_refused(&with, bad, COUNT(bad));
	memset(&a, 0, sizeof(a));
	assert_int_equal(read_text(&without, "2001:db8::1", &a), 0);
	check_printed(&without, &a, "\"2001:db8::1\"");
	check_refused(&without, bad_host, COUNT(bad_host));
}

static void strings_are_quoted_when_they_must(void **state)
{
	static const struct schema_field field = { .type = SCHEMA_STRING, .size = sizeof(char *) };
	static const struct {
		const char *text, *printed;
	} cases[] = {
		{ "word", "word" },
		{ "a/b_c-d.e", "a/b_c-d.e" },
		{ "no", "\"no\"" },
		{ "Null", "\"Null\"" },
		{ "12", "\"12\"" },
		{ "-x", "\"-x\"" },
		{ "a b", "\"a b\"" },
		{ "a: b", "\"a: b\"" },
		{ "#x", "\"#x\"" },
		{ "\"\\", "\"\\\"\\\\\"" },
		{ "\xc3\xa9", "\"\xc3\xa9\"" },
		{ "*", "\"*\"" },
		{ "", "\"\"" },
	};
	char *none = NULL, *text;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(value_print(&field, &cases[i].text, &text), 1);
		assert_string_equal(text, cases[i].printed);
		mem_free(text);
	}
	assert_int_equal(value_print(&field, &none, &text), 0);
}

static void want_of_memory(void **state)
{
	static const struct schema_field field = { .type = SCHEMA_STRING, .size = sizeof(char *) };
	const char *word = "word";
	char *text = NULL;

	(void)state;
	mem_fail_after(0);
	assert_int_equal(read_text(&field, word, &text), -ENOMEM);
	mem_fail_after(0);
	assert_int_equal(value_print(&field, &word, &text), -ENOMEM);
	mem_fail_after(-1);
	assert_null(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timeslots),
		cmocka_unit_test(durations),
		cmocka_unit_test(integers_fit_their_members),
		cmocka_unit_test(quotes_make_no_numbers),
		cmocka_unit_test(truths),
		cmocka_unit_test(addresses),
		cmocka_unit_test(strings_are_quoted_when_they_must),
		cmocka_unit_test(want_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
