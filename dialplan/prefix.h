/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef DIALPLAN_PREFIX_H
#define DIALPLAN_PREFIX_H

/* Finding the patterns that can match a number without trying them all.
 *
 * prefix_of_pattern() reads from a pattern the set of texts with one of which every number that it
 * matches begins: ^\+44(20|161) gives +4420 and +44161; a pattern that is not anchored gives the
 * empty text. The index is a trie of these: walking a number through it meets the lists of all
 * patterns in question, and of few others. Each list is in the order of the table, so merging them
 * keeps first-match-wins. Thread: any once built. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PREFIX_OCTETS 16
#define PREFIX_SET 32

struct prefix {
	char text[PREFIX_OCTETS];
	uint8_t length;
	bool open; /* private: more may be appended */
};

struct prefix_set {
	struct prefix at[PREFIX_SET];
	unsigned count;
};

/* Of a pattern that pattern_compile() has accepted. Sound, not complete: shorter ones than possible
 * may come. */
void prefix_of_pattern(const char *pattern, struct prefix_set *out);

struct prefix_index;

/* An empty index. 0 or -ENOMEM. */
int prefix_index_create(struct prefix_index **out);
/* Sets NULL, takes NULL. */
void prefix_index_destroy(struct prefix_index **index);
/* Items must be added in rising order. 0 or -ENOMEM. */
int prefix_index_add(struct prefix_index *index, const char *pattern, uint32_t item);

/* The items in question for a number, in rising order. */
struct prefix_cursor {
	const uint32_t *at[PREFIX_OCTETS + 1], *end[PREFIX_OCTETS + 1];
	unsigned lists;
};
/* Starts a walk; the index must not change during it. Allocates nothing. */
void prefix_index_find(const struct prefix_index *index, const char *number, struct prefix_cursor *cursor);
/* The next item, each once. False: no more. */
bool prefix_cursor_next(struct prefix_cursor *cursor, uint32_t *item);

#endif
