/* SPDX-License-Identifier: GPL-2.0-only */
/* Two catalogs compared. What they share is the same pointer, so that a catalog and its successor
 * by one change are compared at the speed of reading two arrays. */
#include "dialplan/catalog_private.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>

/* ---- Two lists ---- */

static size_t count_of(const struct catalog_list *list)
{
	return list ? list->count : 0;
}

static bool same_name(const struct catalog_item *a, const struct catalog_item *b)
{
	return a == b || a->value == b->value || strcmp(a->object.name, b->object.name) == 0;
}

const struct catalog_item *catalog_pair_before(const struct catalog_pairing *p, size_t index)
{
	if (index < p->head)
		return p->from->at[index];
	if (index >= p->to->count - p->tail)
		return p->from->at[p->from->count - (p->to->count - index)];
	return catalog_list_find(p->from, p->to->at[index]->object.name);
}

bool catalog_pair_moved(const struct catalog_pairing *p, size_t index)
{
	return p->moved && index >= p->head && index < p->to->count - p->tail &&
	       p->moved[index - p->head];
}

/* The longest rising sequence of ranks stays where it is; the others have moved, which are the
 * fewest that can have. Patience sorting: ends[n] is the place with the least rank that ends a
 * sequence of n + 1. */
static void mark_moved(bool *moved, const size_t *ranks, size_t *ends, size_t *before, size_t count)
{
	size_t longest = 0, at;

	for (size_t i = 0; i < count; i++) {
		size_t low = 0, high = longest;

		moved[i] = ranks[i] != SIZE_MAX;
		if (!moved[i])
			continue;
		while (low < high) {
			size_t middle = low + (high - low) / 2;

			if (ranks[ends[middle]] < ranks[i])
				low = middle + 1;
			else
				high = middle;
		}
		before[i] = low ? ends[low - 1] : SIZE_MAX;
		ends[low] = i;
		longest += low == longest;
	}
	for (at = longest ? ends[longest - 1] : SIZE_MAX; at != SIZE_MAX; at = before[at])
		moved[at] = false;
}

/* Items between the ends that are alike. */
static int pair_middle(struct catalog_pairing *p)
{
	size_t count = p->to->count - p->head - p->tail;
	size_t *ranks = mem_calloc(count * 3, sizeof(*ranks));

	p->moved = mem_calloc(count, sizeof(*p->moved));
	if (!ranks || !p->moved) {
		mem_free(ranks);
		return -ENOMEM;
	}
	for (size_t i = 0; i < count; i++) {
		const struct catalog_item *before = catalog_pair_before(p, p->head + i);

		ranks[i] = before ? catalog_list_index(p->from, before) : SIZE_MAX;
	}
	mark_moved(p->moved, ranks, ranks + count, ranks + 2 * count, count);
	mem_free(ranks);
	return 0;
}

int catalog_pair(struct catalog_pairing *p, const struct catalog_list *from,
		 const struct catalog_list *to)
{
	size_t least = count_of(from) < count_of(to) ? count_of(from) : count_of(to);

	*p = (struct catalog_pairing){ .from = from, .to = to };
	while (p->head < least && same_name(from->at[p->head], to->at[p->head]))
		p->head++;
	while (p->tail < least - p->head &&
	       same_name(from->at[from->count - 1 - p->tail], to->at[to->count - 1 - p->tail]))
		p->tail++;
	if (p->head + p->tail == count_of(to) || p->head + p->tail == count_of(from))
		return 0; /* nothing but additions or deletions between */
	return pair_middle(p);
}

void catalog_pair_free(struct catalog_pairing *p)
{
	mem_free(p->moved);
	p->moved = NULL;
}

/* ---- Lists of a kind ---- */

static int each_list(struct catalog_walk *walk, enum catalog_kind kind,
		     const struct catalog_item *parent, const struct catalog_list *from,
		     const struct catalog_list *to)
{
	if (from == to || count_of(from) + count_of(to) == 0)
		return 0;
	return walk->list(walk, kind, parent, from, to);
}

static int each_child(struct catalog_walk *walk, enum catalog_kind kind,
		      const struct catalog_list *from, const struct catalog_list *to)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < count_of(from); i++)
		if (!catalog_list_find(to, from->at[i]->object.name))
			rc = each_list(walk, kind, from->at[i], from->at[i]->rules, NULL);
	for (size_t i = 0; rc == 0 && i < count_of(to); i++) {
		const struct catalog_item *before = catalog_list_find(from, to->at[i]->object.name);

		rc = each_list(walk, kind, to->at[i], before ? before->rules : NULL,
			       to->at[i]->rules);
	}
	return rc;
}

int catalog_walk_lists(struct catalog_walk *walk, const struct catalog *from,
		       const struct catalog *to)
{
	int rc = 0;

	for (int kind = 0; rc == 0 && kind < CATALOG_KIND_COUNT; kind++) {
		int over = catalog_kinds[kind].parent;

		if (over < 0)
			rc = each_list(walk, (enum catalog_kind)kind, NULL, from->lists[kind],
				       to->lists[kind]);
		else if (from->lists[over] != to->lists[over])
			rc = each_child(walk, (enum catalog_kind)kind, from->lists[over],
					to->lists[over]);
	}
	return rc;
}

/* ---- Differences, told one by one ---- */

struct telling {
	struct catalog_walk walk;
	void (*each)(void *arg, const struct catalog_difference *difference);
	void *arg;
	size_t count;
};

static void tell(struct telling *t, const struct catalog_item *before,
		 const struct catalog_item *after, bool moved)
{
	t->count++;
	if (t->each)
		t->each(t->arg,
			&(struct catalog_difference){ .before = before ? &before->object : NULL,
						      .after = after ? &after->object : NULL,
						      .moved = moved });
}

bool catalog_same_body(const struct catalog_item *a, const struct catalog_item *b)
{
	return a == b || a->value == b->value || strcmp(a->value->body, b->value->body) == 0;
}

static int tell_list(struct catalog_walk *walk, enum catalog_kind kind,
		     const struct catalog_item *parent, const struct catalog_list *from,
		     const struct catalog_list *to)
{
	struct telling *t = (struct telling *)walk;
	struct catalog_pairing pairing;

	(void)kind;
	(void)parent;
	/* Without memory to compare orders what may have moved is not told: bodies still are. */
	(void)catalog_pair(&pairing, from, to);
	for (size_t i = pairing.head; from && i < from->count - pairing.tail; i++)
		if (!catalog_list_find(to, from->at[i]->object.name))
			tell(t, from->at[i], NULL, false);
	for (size_t i = 0; i < count_of(to); i++) {
		const struct catalog_item *before = from ? catalog_pair_before(&pairing, i) : NULL;
		bool moved = catalog_pair_moved(&pairing, i);

		if (!before || moved || !catalog_same_body(before, to->at[i]))
			tell(t, before, to->at[i], moved);
	}
	catalog_pair_free(&pairing);
	return 0;
}

size_t catalog_diff(const struct catalog *from, const struct catalog *to,
		    void (*each)(void *arg, const struct catalog_difference *difference), void *arg)
{
	struct telling t = { .walk = { tell_list }, .each = each, .arg = arg };

	catalog_walk_lists(&t.walk, from, to);
	return t.count;
}
