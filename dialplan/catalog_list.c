/* SPDX-License-Identifier: GPL-2.0-only */
/* Ordered lists of objects, shared between catalogs: two arrays of pointers, by position and by
 * name. */
#include "dialplan/catalog_private.h"

#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- Items ---- */

int catalog_item_make(struct catalog_item **out, struct catalog_value *value,
		      struct catalog_value *parent, int64_t position)
{
	struct catalog_item *item = mem_zalloc(sizeof(*item));

	if (!item)
		return -ENOMEM;
	atomic_init(&item->references, 1);
	item->value = catalog_value_ref(value);
	item->parent = parent ? catalog_value_ref(parent) : NULL;
	item->object = (struct catalog_object){
		.kind = value->kind,
		.parent = parent ? parent->name : "",
		.name = value->name,
		.body = value->body,
		.position = position,
	};
	*out = item;
	return 0;
}

struct catalog_item *catalog_item_ref(struct catalog_item *item)
{
	atomic_fetch_add_explicit(&item->references, 1, memory_order_relaxed);
	return item;
}

void catalog_item_unref(struct catalog_item **item)
{
	struct catalog_item *i = *item;

	*item = NULL;
	if (!i || atomic_fetch_sub_explicit(&i->references, 1, memory_order_acq_rel) != 1)
		return;
	catalog_list_unref(&i->rules);
	catalog_value_unref(&i->parent);
	catalog_value_unref(&i->value);
	mem_free(i);
}

/* ---- Life ---- */

int catalog_list_create(struct catalog_list **out, size_t room)
{
	struct catalog_list *list = mem_zalloc(sizeof(*list));

	if (!list)
		return -ENOMEM;
	atomic_init(&list->references, 1);
	list->room = room ? room : 1;
	list->at = mem_calloc(list->room, sizeof(struct catalog_item *));
	list->by_name = mem_calloc(list->room, sizeof(struct catalog_item *));
	if (!list->at || !list->by_name) {
		catalog_list_unref(&list);
		return -ENOMEM;
	}
	*out = list;
	return 0;
}

struct catalog_list *catalog_list_ref(struct catalog_list *list)
{
	atomic_fetch_add_explicit(&list->references, 1, memory_order_relaxed);
	return list;
}

void catalog_list_unref(struct catalog_list **list)
{
	struct catalog_list *l = *list;

	*list = NULL;
	if (!l || atomic_fetch_sub_explicit(&l->references, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < l->count; i++)
		catalog_item_unref(&l->at[i]);
	mem_free(l->at);
	mem_free(l->by_name);
	mem_free(l);
}

int catalog_list_own(struct catalog_list **list)
{
	struct catalog_list *from = *list, *copy = NULL;

	if (from && atomic_load_explicit(&from->references, memory_order_acquire) == 1)
		return 0;
	if (catalog_list_create(&copy, from ? from->count + 1 : 0))
		return -ENOMEM;
	if (from) {
		for (size_t i = 0; i < from->count; i++)
			copy->at[i] = catalog_item_ref(from->at[i]);
		memcpy(copy->by_name, from->by_name, from->count * sizeof(struct catalog_item *));
		copy->count = from->count;
	}
	catalog_list_unref(list);
	*list = copy;
	return 0;
}

/* ---- Finding ---- */

/* Where the name stands among the names, or would. */
static size_t name_place(const struct catalog_list *list, const char *name, bool *found)
{
	size_t low = 0, high = list->count;

	*found = false;
	while (low < high && !*found) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(name, list->by_name[middle]->object.name);

		*found = order == 0;
		if (order <= 0)
			high = middle;
		else
			low = middle + 1;
	}
	return high;
}

struct catalog_item *catalog_list_find(const struct catalog_list *list, const char *name)
{
	bool found = false;
	size_t at = list ? name_place(list, name, &found) : 0;

	return found ? list->by_name[at] : NULL;
}

size_t catalog_list_index(const struct catalog_list *list, const struct catalog_item *item)
{
	size_t low = 0, high = list->count;

	while (low + 1 < high) {
		size_t middle = low + (high - low) / 2;

		if (list->at[middle]->object.position <= item->object.position)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* ---- Changing an owned list ---- */

static int grow(struct catalog_list *list)
{
	size_t room = list->room * 2;
	struct catalog_item **more;

	if (list->count < list->room)
		return 0;
	more = mem_realloc(list->at, room * sizeof(*more));
	if (!more)
		return -ENOMEM;
	list->at = more;
	more = mem_realloc(list->by_name, room * sizeof(*more));
	if (!more)
		return -ENOMEM;
	list->by_name = more;
	list->room = room;
	return 0;
}

static void put_at(struct catalog_item **array, size_t count, size_t index,
		   struct catalog_item *item)
{
	memmove(array + index + 1, array + index, (count - index) * sizeof(*array));
	array[index] = item;
}

static void take_at(struct catalog_item **array, size_t count, size_t index)
{
	memmove(array + index, array + index + 1, (count - index - 1) * sizeof(*array));
}

int catalog_list_insert(struct catalog_list *list, size_t index, struct catalog_item *item)
{
	bool found;
	size_t place = name_place(list, item->object.name, &found);

	if (found)
		return -EEXIST;
	if (grow(list))
		return -ENOMEM;
	put_at(list->at, list->count, index, item);
	put_at(list->by_name, list->count, place, item);
	list->count++;
	return 0;
}

int catalog_list_append(struct catalog_list *list, struct catalog_item *item)
{
	if (grow(list))
		return -ENOMEM;
	list->at[list->count] = item;
	list->by_name[list->count++] = item;
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	const struct catalog_item *x = *(struct catalog_item *const *)a,
				  *y = *(struct catalog_item *const *)b;

	return strcmp(x->object.name, y->object.name);
}

int catalog_list_sort(struct catalog_list *list, const char **twice)
{
	qsort(list->by_name, list->count, sizeof(struct catalog_item *), compare_names);
	for (size_t i = 1; i < list->count; i++)
		if (compare_names(&list->by_name[i - 1], &list->by_name[i]) == 0) {
			*twice = list->by_name[i]->object.name;
			return -EEXIST;
		}
	return 0;
}

void catalog_list_remove(struct catalog_list *list, size_t index)
{
	struct catalog_item *item = list->at[index];
	bool found;

	take_at(list->by_name, list->count, name_place(list, item->object.name, &found));
	take_at(list->at, list->count, index);
	list->count--;
	catalog_item_unref(&item);
}

void catalog_list_replace(struct catalog_list *list, size_t index, struct catalog_item *item)
{
	bool found;

	list->by_name[name_place(list, item->object.name, &found)] = item;
	catalog_item_unref(&list->at[index]);
	list->at[index] = item;
}

static int number_one(struct catalog_list *list, size_t index, int64_t position)
{
	struct catalog_item *old = list->at[index], *made = NULL;
	int rc = catalog_item_make(&made, old->value, old->parent, position);

	if (rc)
		return rc;
	made->rules = old->rules ? catalog_list_ref(old->rules) : NULL;
	catalog_list_replace(list, index, made);
	return 0;
}

int catalog_list_number(struct catalog_list *list)
{
	struct catalog_list *fresh = NULL;
	int rc = catalog_list_create(&fresh, list->count);

	for (size_t i = 0; rc == 0 && i < list->count; i++)
		rc = catalog_list_append(fresh, catalog_item_ref(list->at[i]));
	if (rc == 0)
		memcpy(fresh->by_name, list->by_name, list->count * sizeof(struct catalog_item *));
	for (size_t i = 0; rc == 0 && i < list->count; i++)
		rc = number_one(fresh, i, ((int64_t)i + 1) * CATALOG_GAP);
	if (rc == 0) {
		struct catalog_list old = *list;

		list->at = fresh->at;
		list->by_name = fresh->by_name;
		list->room = fresh->room;
		fresh->at = old.at;
		fresh->by_name = old.by_name;
		fresh->room = old.room;
	}
	catalog_list_unref(&fresh);
	return rc;
}
