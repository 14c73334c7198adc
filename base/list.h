/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BASE_LIST_H
#define BASE_LIST_H

/* Intrusive doubly linked list. A node that is in no list points to itself. Thread: the owner's. */

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next, *prev;
};

/* Makes an empty list, or a node that is in none. */
static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

/* Of a head: it has no nodes; of a node: it is in no list. */
static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

/* Puts a node that is in no list before another, or at a list's end. */
static inline void list_insert_before(struct list *position, struct list *node)
{
	node->next = position;
	node->prev = position->prev;
	position->prev->next = node;
	position->prev = node;
}

/* The same at the end, and at the beginning. */
static inline void list_append(struct list *head, struct list *node)
{
	list_insert_before(head, node);
}

static inline void list_prepend(struct list *head, struct list *node)
{
	list_insert_before(head->next, node);
}

/* Takes one that is in no list. */
static inline void list_remove(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

#define list_entry(node, type, member) \
	((type *)(void *)((char *)(node) - offsetof(type, member)))
#define list_first(head, type, member) \
	(list_empty(head) ? NULL : list_entry((head)->next, type, member))
/* The current entry may be removed or freed inside the body. */
#define list_for_each(var, head, type, member)                                              \
	for (struct list *var##_node = (head)->next, *var##_next = var##_node->next;        \
	     var##_node != (head) && ((var) = list_entry(var##_node, type, member), 1);     \
	     var##_node = var##_next, var##_next = var##_node->next)

#endif
