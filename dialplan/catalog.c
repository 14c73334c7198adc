/* SPDX-License-Identifier: GPL-2.0-only */
/* A catalog: made, shared, read, and made from tables and YAML. Changing: catalog_change.c. */
#include "dialplan/catalog_private.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>

/* ---- Life ---- */

int catalog_create(struct catalog **out)
{
	return catalog_copy(out, NULL);
}

int catalog_copy(struct catalog **out, const struct catalog *from)
{
	struct catalog *catalog = mem_zalloc(sizeof(*catalog));

	if (!catalog)
		return -ENOMEM;
	atomic_init(&catalog->references, 1);
	atomic_init(&catalog->tables, NULL);
	for (int kind = 0; from && kind < CATALOG_KIND_COUNT; kind++)
		if (from->lists[kind])
			catalog->lists[kind] = catalog_list_ref(from->lists[kind]);
	*out = catalog;
	return 0;
}

struct catalog *catalog_ref(struct catalog *catalog)
{
	atomic_fetch_add_explicit(&catalog->references, 1, memory_order_relaxed);
	return catalog;
}

void catalog_unref(struct catalog **catalog)
{
	struct catalog *c = *catalog;

	*catalog = NULL;
	if (!c || atomic_fetch_sub_explicit(&c->references, 1, memory_order_acq_rel) != 1)
		return;
	catalog_tables_free(atomic_load_explicit(&c->tables, memory_order_acquire));
	for (int kind = 0; kind < CATALOG_KIND_COUNT; kind++)
		catalog_list_unref(&c->lists[kind]);
	mem_free(c);
}

/* ---- Reading ---- */

struct catalog_list *catalog_list_of(const struct catalog *catalog, enum catalog_kind kind,
				     const char *parent)
{
	int over = catalog_kinds[kind].parent;
	struct catalog_item *item;

	if (over < 0)
		return catalog->lists[kind];
	item = parent ? catalog_list_find(catalog->lists[over], parent) : NULL;
	return item ? item->rules : NULL;
}

static size_t count_of(const struct catalog_list *list)
{
	return list ? list->count : 0;
}

size_t catalog_count(const struct catalog *catalog, enum catalog_kind kind, const char *parent)
{
	int over = catalog_kinds[kind].parent;
	size_t count = 0;

	if (over < 0 || parent)
		return count_of(catalog_list_of(catalog, kind, parent));
	for (size_t i = 0; i < count_of(catalog->lists[over]); i++)
		count += count_of(catalog->lists[over]->at[i]->rules);
	return count;
}

static const struct catalog_object *object_at(const struct catalog_list *list, size_t index)
{
	return index < count_of(list) ? &list->at[index]->object : NULL;
}

const struct catalog_object *catalog_at(const struct catalog *catalog, enum catalog_kind kind,
					const char *parent, size_t index)
{
	int over = catalog_kinds[kind].parent;

	if (over < 0 || parent)
		return object_at(catalog_list_of(catalog, kind, parent), index);
	for (size_t i = 0; i < count_of(catalog->lists[over]); i++) {
		const struct catalog_list *rules = catalog->lists[over]->at[i]->rules;

		if (index < count_of(rules))
			return object_at(rules, index);
		index -= count_of(rules);
	}
	return NULL;
}

const struct catalog_object *catalog_find(const struct catalog *catalog, enum catalog_kind kind,
					  const char *parent, const char *name)
{
	const struct catalog_item *item =
		catalog_list_find(catalog_list_of(catalog, kind, parent), name);

	return item ? &item->object : NULL;
}
