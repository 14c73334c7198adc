/* SPDX-License-Identifier: GPL-2.0-only */
/* Each node has its first child, its next sibling, and `prev`: the sibling before it, or its parent
 * when it is the first child, so that any node can be cut out without a search. */
#include "base/timer_heap.h"

#include <stddef.h>

static bool earlier(const struct loop_timer *a, const struct loop_timer *b)
{
	return a->due_us < b->due_us || (a->due_us == b->due_us && a->order < b->order);
}

/* Joins two roots without siblings; the later becomes the first child of the earlier. */
static struct loop_timer *meld(struct loop_timer *a, struct loop_timer *b)
{
	struct loop_timer *child;

	if (!a || !b)
		return a ? a : b;
	if (earlier(b, a)) {
		child = a;
		a = b;
	} else {
		child = b;
	}
	child->prev = a;
	child->next = a->child;
	if (a->child)
		a->child->prev = child;
	a->child = child;
	return a;
}

/* One heap of a row of siblings: in pairs from the left, then all pairs from the right (the pairs
 * wait on a stack linked through `next`). */
static struct loop_timer *merge_pairs(struct loop_timer *first)
{
	struct loop_timer *stack = NULL, *root = NULL;

	while (first) {
		struct loop_timer *a = first, *b = first->next, *pair;

		first = b ? b->next : NULL;
		a->next = a->prev = NULL;
		if (b)
			b->next = b->prev = NULL;
		pair = meld(a, b);
		pair->next = stack;
		stack = pair;
	}
	while (stack) {
		struct loop_timer *pair = stack;

		stack = pair->next;
		pair->next = NULL;
		root = meld(root, pair);
	}
	return root;
}

struct loop_timer *timer_heap_insert(struct loop_timer *root, struct loop_timer *timer)
{
	timer->child = timer->next = timer->prev = NULL;
	return meld(root, timer);
}

struct loop_timer *timer_heap_remove(struct loop_timer *root, struct loop_timer *timer)
{
	struct loop_timer *below = merge_pairs(timer->child);

	if (timer == root) {
		root = below;
	} else {
		if (timer->prev->child == timer)
			timer->prev->child = timer->next;
		else
			timer->prev->next = timer->next;
		if (timer->next)
			timer->next->prev = timer->prev;
		root = meld(root, below);
	}
	timer->child = timer->next = timer->prev = NULL;
	return root;
}
