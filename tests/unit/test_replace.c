/* SPDX-License-Identifier: GPL-2.0-only */
/* The replacement language. */
#include "dialplan/replacement.h"

#include "base/mem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state)
{
	return pattern_engine_create((struct pattern_engine **)state);
}

static int teardown(void **state)
{
	pattern_engine_destroy((struct pattern_engine **)state);
	assert_int_equal(mem_live_blocks(), 0);
	return 0;
}

/* Length of the result, or what went wrong. */
static int expand(struct pattern_engine *engine, const char *text, const char *translation, const char *subject,
		  char *out, size_t room, char why[PATTERN_WHY])
{
	struct pattern *pattern = NULL;
	struct replacement *replacement = NULL;
	struct matcher *matcher = NULL;
	int rc = pattern_compile(&pattern, engine, text, why);

	if (rc == 0)
		rc = replacement_compile(&replacement, translation, pattern, why);
	if (rc == 0)
		rc = matcher_create(&matcher, engine);
	if (rc == 0) {
		assert_int_equal(pattern_match(pattern, matcher, subject, strlen(subject)), 1);
		rc = replacement_expand(replacement, matcher, subject, strlen(subject), out, room);
	}
	matcher_destroy(&matcher);
	replacement_destroy(&replacement);
	pattern_destroy(&pattern);
	return rc;
}

static void expands(void **state)
{
	static const struct {
		const char *pattern, *translation, *subject, *result;
	} rows[] = {
		{ "^0(\\d{10})$", "+44$1", "02079460000", "+442079460000" },
		{ "^(\\d)(\\d)$", "$2$1", "12", "21" },
		{ "^(\\d)$", "${1}0", "5", "50" },
		{ "^(\\d)\\d*$", "$0", "567", "567" },
		{ "^(\\d)\\d*$", "$&", "567", "567" },
		{ "^(\\d)\\d*$", "${0}1", "567", "5671" },
		{ "6", "$0", "567", "6" },                        /* the whole result, not put into the number */
		{ "6", "$`-$'", "567", "5-7" },
		{ "6", "$_", "567", "567" },
		{ "^(?<cc>44)(\\d+)$", "+${cc}$1", "44207", "+44207" },
		{ "^(?<cc>44)(\\d+)$", "$1.$2", "44207", "207.44" }, /* unnamed groups come first */
		{ "^(?<cc>44)(\\d+)$", "$+", "44207", "44" },        /* the last one is the named one */
		{ "^(\\d)(\\d)$", "$+", "12", "2" },
		{ "^12$", "$+", "12", "12" },
		{ "^(1)?(2)$", "x$1y$2", "2", "xy2" },            /* one that took no part is empty */
		{ "^1(2)?", "$1", "13", "" },
		{ "^1$", "$$1", "1", "$1" },
		{ "^1$", "", "1", "" },
		{ "^(1)(1)(1)(1)(1)(1)(1)(1)(1)(2)$", "$10", "1111111112", "2" },
		{ "^(1)(1)(1)(1)(1)(1)(1)(1)(1)(2)$", "${1}0", "1111111112", "10" },
		{ "^1$", "*21*$0#", "1", "*21*1#" },
	};
	char out[64], why[PATTERN_WHY];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int rc = expand(*state, rows[i].pattern, rows[i].translation, rows[i].subject, out, sizeof(out), why);

		if (rc < 0 || strcmp(out, rows[i].result) != 0)
			fail_msg("%s -> %s on %s: %d %s", rows[i].pattern, rows[i].translation, rows[i].subject,
				 rc, rc < 0 ? why : out);
		assert_int_equal(rc, strlen(rows[i].result));
	}
}

static void refuses(void **state)
{
	static const struct {
		const char *pattern, *translation, *why;
	} rows[] = {
		{ "^(1)$", "+4$2", "at offset 2: $2: the pattern has 1 group" },
		{ "^(1)$", "$10", "written as in ${1}0" },
		{ "^(1)$", "${2}", "the pattern has 1 group" },
		{ "^(1)$", "${1", "no closing brace" },
		{ "^(1)$", "${cc", "no closing brace" },
		{ "^(1)$", "${cc}", "no group of that name" },
		{ "^(1)$", "${}", "no group of that name" },
		{ "^(1)$", "$", "must be followed" },
		{ "^(1)$", "$x", "must be followed" },
		{ "^(1)$", "+44 $1", "at offset 3: only printable ASCII" },
		{ "^(1)$", "$99999999999999999999", "the pattern has 1 group" },
		{ "^(1)$", "\xc2\xa3", "only printable ASCII" },
	};
	char out[64], why[PATTERN_WHY];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(expand(*state, rows[i].pattern, rows[i].translation, "1", out, sizeof(out), why),
				 -EINVAL);
		if (!strstr(why, rows[i].why))
			fail_msg("%s: said \"%s\", expected \"%s\"", rows[i].translation, why, rows[i].why);
	}
}

static void refuses_long_ones(void **state)
{
	char text[1026], out[8], why[PATTERN_WHY];

	memset(text, '1', 1025);
	text[1025] = '\0';
	assert_int_equal(expand(*state, "^1$", text, "1", out, sizeof(out), why), -EINVAL);
	assert_int_equal(expand(*state, "^(1)$", "123456$1", "1", out, sizeof(out), why), 7);
	assert_string_equal(out, "1234561");
	assert_int_equal(expand(*state, "^(1)$", "1234567$1", "1", out, sizeof(out), why), -E2BIG);
	assert_string_equal(out, "");
}

static void survives_want_of_memory(void **state)
{
	char out[64], why[PATTERN_WHY];
	long n = 0;
	int rc;

	do {
		mem_fail_after(n++);
		rc = expand(*state, "^0(?<rest>\\d+)$", "+44${rest}$0", "01", out, sizeof(out), why);
		assert_true(rc == 6 || rc == -ENOMEM);
	} while (mem_failed());
	mem_fail_after(-1);
	assert_int_equal(rc, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(expands, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses_long_ones, setup, teardown),
		cmocka_unit_test_setup_teardown(survives_want_of_memory, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
