/* SPDX-License-Identifier: GPL-2.0-only */
/* Patterns and translations from anybody: pattern, translation and number, a line each. What compiles must match within
 * the limit and expand within its room; what a pattern's prefixes say must hold for every number that it matches. */
#include "dialplan/prefix.h"
#include "dialplan/replacement.h"

#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_ROOM 64

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

static char *line_of(const char **at, const char *end)
{
	size_t n = 0;
	char *line;

	while (*at + n < end && (*at)[n] != '\n')
		n++;
	line = mem_strndup(*at, n);
	*at += n + (*at + n < end);
	return line;
}

static bool has_prefix(const char *pattern, const char *number)
{
	struct prefix_set set;

	prefix_of_pattern(pattern, &set);
	for (unsigned i = 0; i < set.count; i++)
		if (strncmp(number, set.at[i].text, set.at[i].length) == 0)
			return true;
	return false;
}

static void match_and_expand(struct pattern_engine *engine, const struct pattern *pattern,
			     const struct replacement *replacement, const char *number)
{
	struct matcher *matcher = NULL;
	char out[NUMBER_ROOM];
	int n;

	if (matcher_create(&matcher, engine))
		return;
	if (pattern_match(pattern, matcher, number, strlen(number)) == 1) {
		if (!has_prefix(pattern_text(pattern), number))
			abort();
		n = replacement ? replacement_expand(replacement, matcher, number, strlen(number), out, sizeof(out)) : 0;
		if (n > 0 && strlen(out) != (size_t)n)
			abort();
	}
	matcher_destroy(&matcher);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	const char *at = (const char *)octets, *end = at + size;
	char *text = line_of(&at, end), *translation = line_of(&at, end), *number = line_of(&at, end);
	struct pattern_engine *engine = NULL;
	struct pattern *pattern = NULL;
	struct replacement *replacement = NULL;
	char why[PATTERN_WHY];

	if (strlen(number) >= NUMBER_ROOM)
		number[NUMBER_ROOM - 1] = '\0';
	if (pattern_engine_create(&engine) == 0 && pattern_compile(&pattern, engine, text, why) == 0) {
		replacement_compile(&replacement, translation, pattern, why);
		match_and_expand(engine, pattern, replacement, number);
	}
	replacement_destroy(&replacement);
	pattern_destroy(&pattern);
	pattern_engine_destroy(&engine);
	mem_free(number);
	mem_free(translation);
	mem_free(text);
	return 0;
}
