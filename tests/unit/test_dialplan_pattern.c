/* SPDX-License-Identifier: GPL-2.0-only */
/* What .NET and PCRE2 read differently is refused, with the place; the rest matches what .NET matches. */
#include "dialplan/pattern.h"

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

static int match(struct pattern_engine *engine, const char *text, const char *subject)
{
	struct pattern *pattern = NULL;
	struct matcher *matcher = NULL;
	char why[PATTERN_WHY] = "";
	int rc = pattern_compile(&pattern, engine, text, why);

	if (rc)
		print_error("%s: %s\n", text, why);
	assert_int_equal(rc, 0);
	assert_int_equal(matcher_create(&matcher, engine), 0);
	rc = pattern_match(pattern, matcher, subject, strlen(subject));
	matcher_destroy(&matcher);
	pattern_destroy(&pattern);
	return rc;
}

static void refused(struct pattern_engine *engine, const char *text, const char *expected)
{
	struct pattern *pattern = NULL;
	char why[PATTERN_WHY] = "";

	assert_int_equal(pattern_compile(&pattern, engine, text, why), -EINVAL);
	assert_null(pattern);
	if (!strstr(why, expected))
		fail_msg("%s: said \"%s\", expected \"%s\"", text, why, expected);
}

static void matches_as_dotnet_does(void **state)
{
	static const struct {
		const char *pattern, *subject;
		int matches;
	} rows[] = {
		{ "^0(\\d{10})$", "02079460000", 1 },
		{ "^0(\\d{10})$", "0207946000", 0 },
		{ "4420", "+442079460000", 1 },       /* not anchored unless it says so */
		{ "^4420", "+442079460000", 0 },
		{ "^(?!4)[0-9]$", "5", 1 },
		{ "^(?!4)[0-9]$", "4", 0 },
		{ "^\\+(?<cc>44|33)\\d+$", "+331", 1 },
		{ "^(?'cc'44)\\k<cc>$", "4444", 1 },
		{ "^(\\d)\\1$", "77", 1 },
		{ "^(\\d)\\1$", "78", 0 },
		{ "^(?<=^)1$", "1", 1 },
		{ "^[^0]\\d$", "10", 1 },
		{ "^[]x]$", "]", 1 },
		{ "^[*#0-9-]+$", "*21#-", 1 },
		{ "^a{,2}$", "a{,2}", 1 },             /* no quantifier in .NET */
		{ "^(?i)a$", "A", 1 },
		{ "^(?i:a)b$", "AB", 0 },
		{ "^1(?#comment)2$", "12", 1 },
		{ "^\\x2b44$", "+44", 1 },
		{ "^\\d$", "\xd9\xa3", 0 },           /* ASCII digits only */
		{ "^1+?$", "111", 1 },
		{ "^(?>1*)2$", "112", 1 },
		{ "^\\[x\\]$", "[x]", 1 },
		{ "", "1", 1 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (match(*state, rows[i].pattern, rows[i].subject) != rows[i].matches)
			fail_msg("%s on %s", rows[i].pattern, rows[i].subject);
}

static void refuses_what_differs(void **state)
{
	static const struct {
		const char *pattern, *why;
	} rows[] = {
		{ "^[0-9-[4]]$", "at offset 5: class subtraction" },
		{ "^[\\d-[4]]$", "class subtraction" },
		{ "(?<a-b>x)", "at offset 3: balancing groups" },
		{ "(?<-b>x)", "balancing groups" },
		{ "(?<=a+)b", "lookbehind of variable length" },
		{ "(a)(?<n>b)\\1", "at offset 10: a numbered back reference" },
		{ "(?<1>a)", "can't begin with a digit" },
		{ "(?<n>a)(?<n>b)", "two groups have the name n" },
		{ "(?<n n>a)", "made of letters" },
		{ "(?<>a)", "1 to 32 characters" },
		{ "(?<n", "has no end" },
		{ "(?P<n>a)", "written (?<name>" },
		{ "(?(1)a|b)", "conditional" },
		{ "(?n)(a)", "options i, m, s" },
		{ "(?x) a", "options i, m, s" },
		{ "(?R)", "is not accepted" },
		{ "(?|a|b)", "is not accepted" },
		{ "(*UTF)a", "not known to .NET" },
		{ "a++", "at offset 2: a quantifier follows" },
		{ "a{2}+", "a quantifier follows" },
		{ "a??+", "a quantifier follows" },
		{ "[[:digit:]]", "at offset 1: [:" },
		{ "\\p{Lu}", "ASCII" },
		{ "\\p{IsGreek}", "ASCII" },
		{ "\\u0031", "write the character" },
		{ "\\v", "several here" },
		{ "\\h", "not known to .NET" },
		{ "a\\Kb", "not known to .NET" },
		{ "\\Qa\\E", "not known to .NET" },
		{ "\\x4", "two hexadecimal digits" },
		{ "\\x{41}", "two hexadecimal digits" },
		{ "\\k{n}", "\\k<name>" },
		{ "\\", "a backslash ends" },
		{ "[0-9", "no closing ]" },
		{ "(a", "at offset 2" },
		{ "a)", "at offset 1" },
		{ "*a", "at offset 0" },
		{ "(a)\\2", "at offset" },
		{ "\xc3\xa9", "printable ASCII" },
		{ "^[0-\xff]$", "at offset 4: only printable ASCII" },
		{ "[b-a]", "at offset 3" },
	};
	char text[PATTERN_LENGTH_MAX + 2];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		refused(*state, rows[i].pattern, rows[i].why);
	memset(text, '1', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	refused(*state, text, "longer than 1024");
	text[0] = '\0';
	for (int i = 0; i < PATTERN_GROUPS_MAX + 1; i++)
		strcat(text, "(a)");
	refused(*state, text, "more than 99 groups");
}

static void numbers_groups_as_dotnet(void **state)
{
	struct dotnet_groups groups;
	char why[PATTERN_WHY];
	const char *text = "(?<x>a)(b)(?:c)(?<y>d)(e)";

	(void)state;
	assert_int_equal(dotnet_scan(text, &groups, why), 0);
	assert_int_equal(groups.count, 4);
	assert_int_equal(dotnet_group_by_number(&groups, 0), 0);
	assert_int_equal(dotnet_group_by_number(&groups, 1), 2);
	assert_int_equal(dotnet_group_by_number(&groups, 2), 4);
	assert_int_equal(dotnet_group_by_number(&groups, 3), 1);
	assert_int_equal(dotnet_group_by_number(&groups, 4), 3);
	assert_int_equal(dotnet_group_by_number(&groups, 5), -1);
	assert_int_equal(dotnet_group_by_name(&groups, text, "y", 1), 3);
	assert_int_equal(dotnet_group_by_name(&groups, text, "z", 1), -1);
}

/* 2^n steps are given up at the limit, and quickly. */
static void gives_up_at_the_limit(void **state)
{
	char digits[64];

	memset(digits, '1', 62);
	digits[62] = '*';
	digits[63] = '\0';
	assert_int_equal(match(*state, "^(1+)+$", digits), -ELOOP);
	assert_int_equal(match(*state, "^(1|11|1)+$", digits), -ELOOP);
}

static void survives_want_of_memory(void **state)
{
	long n = 0;
	int rc;

	do {
		struct pattern *pattern = NULL;
		char why[PATTERN_WHY];

		mem_fail_after(n++);
		rc = pattern_compile(&pattern, *state, "^\\+(?<cc>44)(\\d{4,10})$", why);
		assert_true(rc == 0 || rc == -ENOMEM);
		assert_int_equal(rc != 0, pattern == NULL);
		pattern_destroy(&pattern);
	} while (mem_failed());
	mem_fail_after(-1);
	assert_true(n > 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(matches_as_dotnet_does, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses_what_differs, setup, teardown),
		cmocka_unit_test_setup_teardown(numbers_groups_as_dotnet, setup, teardown),
		cmocka_unit_test_setup_teardown(gives_up_at_the_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(survives_want_of_memory, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
