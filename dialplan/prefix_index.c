/* SPDX-License-Identifier: GPL-2.0-only */
/* The trie: nodes in one growing array, children as a list of siblings (a digit has a dozen at
 * most). */
#include "dialplan/prefix.h"

#include "base/mem.h"

#include <errno.h>

struct node {
	uint32_t child, sibling; /* index; 0: none (the root is nobody's child) */
	char c;
	uint32_t *items;
	uint32_t count, room;
};

struct prefix_index {
	struct node *nodes;
	uint32_t count, room;
};

static int new_node(struct prefix_index *index, char c, uint32_t *out)
{
	if (index->count == index->room) {
		uint32_t room = index->room ? 2 * index->room : 16;
		struct node *nodes = mem_realloc(index->nodes, room * sizeof(*nodes));

		if (!nodes)
			return -ENOMEM;
		index->nodes = nodes;
		index->room = room;
	}
	index->nodes[index->count] = (struct node){ .c = c };
	*out = index->count++;
	return 0;
}

int prefix_index_create(struct prefix_index **out)
{
	struct prefix_index *index = mem_zalloc(sizeof(*index));
	uint32_t root;

	if (!index)
		return -ENOMEM;
	if (new_node(index, 0, &root)) {
		mem_free(index);
		return -ENOMEM;
	}
	*out = index;
	return 0;
}

void prefix_index_destroy(struct prefix_index **index)
{
	if (!*index)
		return;
	for (uint32_t i = 0; i < (*index)->count; i++)
		mem_free((*index)->nodes[i].items);
	mem_free((*index)->nodes);
	mem_free(*index);
	*index = NULL;
}

static uint32_t child_of(const struct prefix_index *index, uint32_t node, char c)
{
	uint32_t child = index->nodes[node].child;

	while (child && index->nodes[child].c != c)
		child = index->nodes[child].sibling;
	return child;
}

static int child_for(struct prefix_index *index, uint32_t *node, char c)
{
	uint32_t child = child_of(index, *node, c);

	if (!child) {
		int rc = new_node(index, c, &child);

		if (rc)
			return rc;
		index->nodes[child].sibling = index->nodes[*node].child;
		index->nodes[*node].child = child;
	}
	*node = child;
	return 0;
}

static int append_item(struct node *node, uint32_t item)
{
	if (node->count == node->room) {
		uint32_t room = node->room ? 2 * node->room : 4;
		uint32_t *items = mem_realloc(node->items, room * sizeof(*items));

		if (!items)
			return -ENOMEM;
		node->items = items;
		node->room = room;
	}
	node->items[node->count++] = item;
	return 0;
}

int prefix_index_add(struct prefix_index *index, const char *pattern, uint32_t item)
{
	struct prefix_set set;

	prefix_of_pattern(pattern, &set);
	for (unsigned i = 0; i < set.count; i++) {
		uint32_t node = 0;
		int rc = 0;

		for (unsigned k = 0; rc == 0 && k < set.at[i].length; k++)
			rc = child_for(index, &node, set.at[i].text[k]);
		if (rc == 0)
			rc = append_item(&index->nodes[node], item);
		if (rc)
			return rc;
	}
	return 0;
}

void prefix_index_find(const struct prefix_index *index, const char *number,
		       struct prefix_cursor *cursor)
{
	uint32_t at = 0;

	cursor->lists = 0;
	do {
		const struct node *node = &index->nodes[at];

		if (node->count) {
			cursor->at[cursor->lists] = node->items;
			cursor->end[cursor->lists++] = node->items + node->count;
		}
		at = *number ? child_of(index, at, *number++) : 0;
	} while (at);
}

bool prefix_cursor_next(struct prefix_cursor *cursor, uint32_t *item)
{
	unsigned least = cursor->lists;

	for (unsigned i = 0; i < cursor->lists; i++)
		if (cursor->at[i] < cursor->end[i] &&
		    (least == cursor->lists || *cursor->at[i] < *cursor->at[least]))
			least = i;
	if (least == cursor->lists)
		return false;
	*item = *cursor->at[least]++;
	return true;
}
