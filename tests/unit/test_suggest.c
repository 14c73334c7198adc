/* SPDX-License-Identifier: GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "conf/suggest.h"

#include <string.h>

static const char *word_at(const void *list, size_t i)
{
	return ((const char *const *)list)[i];
}

static const char *nearest(const char *word)
{
	static const char *const words[] = { "transport", "trusted", "codecs", "t301",
					     "t303",      "peer",    "ok",     NULL };

	return suggest_nearest(word, word_at, words);
}

static void the_nearest_word(void **state)
{
	static const struct {
		const char *word, *nearest;
	} cases[] = {
		{ "transport", "transport" },
		{ "trasnport", "transport" },
		{ "transports", "transport" },
		{ "codec", "codecs" },
		{ "codces", "codecs" },
		{ "T303", "t303" },
		{ "perr", "peer" },
		{ "ko", "ok" },
	};
	static const char *const far[] = { "", "x", "interface", "zzzz", "tttttttttttttttttttt" };
	char longest[200];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(nearest(cases[i].word), cases[i].nearest);
	for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++)
		assert_null(nearest(far[i]));
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_null(nearest(longest));
}

static void lists_are_cut(void **state)
{
	static const char *const words[] = { "alpha", "beta", "gamma", NULL }, *const none[] = {
		NULL
	};
	char text[40];

	(void)state;
	assert_string_equal(suggest_list(text, sizeof(text), word_at, words), "alpha, beta, gamma");
	assert_string_equal(suggest_list(text, 18, word_at, words), "alpha, beta, ...");
	assert_string_equal(suggest_list(text, 17, word_at, words), "alpha, beta, ...");
	assert_string_equal(suggest_list(text, 16, word_at, words), "alpha, ...");
	assert_string_equal(suggest_list(text, 8, word_at, words), "");
	assert_string_equal(suggest_list(text, sizeof(text), word_at, none), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_nearest_word),
		cmocka_unit_test(lists_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
