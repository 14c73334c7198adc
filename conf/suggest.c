/* SPDX-License-Identifier: GPL-2.0-only */
#include "conf/suggest.h"

#include <string.h>

#define WORD_MAX 48 /* longer words get no suggestion */

static unsigned least(unsigned a, unsigned b, unsigned c)
{
	unsigned ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Edits between two words: insert, drop, replace, and swap of neighbours (optimal string
 * alignment). */
static unsigned distance(const char *a, size_t n, const char *b, size_t m)
{
	unsigned rows[3][WORD_MAX + 1];
	unsigned *before = rows[0], *last = rows[1], *now = rows[2];

	for (unsigned j = 0; j <= m; j++)
		last[j] = j;
	for (unsigned i = 1; i <= n; i++) {
		unsigned *oldest = before;

		now[0] = i;
		for (unsigned j = 1; j <= m; j++) {
			unsigned change = a[i - 1] != b[j - 1];

			now[j] = least(last[j] + 1, now[j - 1] + 1, last[j - 1] + change);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < now[j])
				now[j] = before[j - 2] + 1;
		}
		before = last;
		last = now;
		now = oldest;
	}
	return last[m];
}

const char *suggest_nearest(const char *word, const char *(*at)(const void *list, size_t i),
			    const void *list)
{
	size_t n = strlen(word);
	/* Of a short word something must remain. */
	unsigned best = n < 3 ? (unsigned)n : (unsigned)n / 3 + 2;
	const char *nearest = NULL, *candidate;

	if (n > WORD_MAX)
		return NULL;
	for (size_t i = 0; (candidate = at(list, i)); i++) {
		size_t m = strlen(candidate);
		unsigned d;

		if (m > WORD_MAX || m >= n + best || n >= m + best)
			continue;
		d = distance(word, n, candidate, m);
		if (d < best) {
			best = d;
			nearest = candidate;
		}
	}
	return nearest;
}

const char *suggest_list(char *text, size_t room, const char *(*at)(const void *list, size_t i),
			 const void *list)
{
	static const char more[] = ", ...";
	const char *candidate;
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; (candidate = at(list, i)); i++) {
		size_t n = strlen(candidate), comma = i > 0 ? 2 : 0;

		if (used + comma + n + sizeof(more) > room) {
			if (used > 0)
				memcpy(text + used, more, sizeof(more));
			break;
		}
		if (comma)
			memcpy(text + used, ", ", 2);
		memcpy(text + used + comma, candidate, n + 1);
		used += comma + n;
	}
	return text;
}
