/* SPDX-License-Identifier: GPL-2.0-only */
/* Changing a catalog: a draft shares all lists with the catalog it comes from; what a change
 * touches is copied first. */
#include "dialplan/catalog_private.h"

#include "base/mem.h"
#include "conf/suggest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct draft {
	struct catalog *catalog;
	struct catalog_teller *teller;
	const struct catalog_change *change;
};

#define TELL(d, ...) catalog_tell((d)->teller, (struct conf_place){ 0, 0 }, __VA_ARGS__)

/* ---- Finding, with a word to those who mistyped ---- */

static const char *name_at(const void *list, size_t i)
{
	const struct catalog_list *l = list;

	return l && i < l->count ? l->at[i]->object.name : NULL;
}

static int tell_missing(struct draft *d, const struct catalog_list *list, enum catalog_kind kind,
			const char *parent, const char *name)
{
	const char *nearest = suggest_nearest(name, name_at, list);
	char label[CATALOG_LABEL];

	TELL(d, "there is no %s%s%.80s%s", catalog_label(label, kind, parent, name),
	     nearest ? ", did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
	return -ENOENT;
}

/* The item of an owned list, such that nobody else holds it. */
static int own_item(struct catalog_list *list, struct catalog_item **item)
{
	struct catalog_item *old = *item, *copy = NULL;
	int rc;

	if (atomic_load_explicit(&old->references, memory_order_acquire) == 1)
		return 0;
	rc = catalog_item_make(&copy, old->value, old->parent, old->object.position);
	if (rc)
		return rc;
	copy->rules = old->rules ? catalog_list_ref(old->rules) : NULL;
	catalog_list_replace(list, catalog_list_index(list, old), copy);
	*item = copy;
	return 0;
}

/* The list that the change is about, owned, and the item whose rules it is (NULL: none's). */
static int own_list(struct draft *d, struct catalog_list ***out, struct catalog_item **parent)
{
	int over = catalog_kinds[d->change->kind].parent;
	struct catalog_list **list = &d->catalog->lists[over < 0 ? (int)d->change->kind : over];
	int rc;

	*parent = NULL;
	*out = list;
	if (over < 0)
		return catalog_list_own(list);
	if (!d->change->parent || !d->change->parent[0]) {
		TELL(d, "%s %.80s: it needs the %s that it belongs to",
		     catalog_kinds[d->change->kind].words, d->change->name,
		     catalog_kinds[over].words);
		return -EINVAL;
	}
	*parent = catalog_list_find(*list, d->change->parent);
	if (!*parent)
		return tell_missing(d, *list, (enum catalog_kind)over, NULL, d->change->parent);
	rc = catalog_list_own(list);
	if (rc == 0)
		rc = own_item(*list, parent);
	if (rc)
		return rc;
	*out = &(*parent)->rules;
	return catalog_list_own(*out);
}

/* ---- Places in a list ---- */

/* An anchor's index, or -ENOENT. */
static int find_anchor(struct draft *d, const struct catalog_list *list, const char *name,
		       size_t *index)
{
	const struct catalog_item *anchor = catalog_list_find(list, name);

	if (!anchor)
		return tell_missing(d, list, d->change->kind, d->change->parent, name);
	*index = catalog_list_index(list, anchor);
	return 0;
}

/* Where the change wants the object, in a list without it. */
static int wanted_index(struct draft *d, const struct catalog_list *list, size_t *index)
{
	const struct catalog_change *change = d->change;
	int rc = 0;

	*index = change->first ? 0 : list->count;
	if (change->before)
		return find_anchor(d, list, change->before, index);
	if (change->after) {
		rc = find_anchor(d, list, change->after, index);
		*index += rc == 0;
	}
	return rc;
}

/* A position between the neighbours of an index; false: there is none. */
static bool free_position(const struct catalog_list *list, size_t index, int64_t *position)
{
	int64_t before = index > 0 ? list->at[index - 1]->object.position : 0;
	int64_t after = index < list->count ? list->at[index]->object.position : 0;

	if (list->count == 0) {
		*position = CATALOG_GAP;
		return true;
	}
	if (index == list->count)
		return !__builtin_add_overflow(before, CATALOG_GAP, position);
	if (index == 0)
		return !__builtin_sub_overflow(after, CATALOG_GAP, position);
	*position = before + (int64_t)(((uint64_t)after - (uint64_t)before) / 2);
	return *position != before;
}

/* A new item of the value at an index. `rules` is borrowed. */
static int insert_value(struct catalog_list *list, size_t index, struct catalog_value *value,
			struct catalog_value *parent, struct catalog_list *rules)
{
	struct catalog_item *item = NULL;
	int64_t position;
	int rc = 0;

	if (!free_position(list, index, &position)) {
		rc = catalog_list_number(list);
		if (rc || !free_position(list, index, &position))
			return rc ? rc : -EOVERFLOW;
	}
	rc = catalog_item_make(&item, value, parent, position);
	if (rc)
		return rc;
	item->rules = rules ? catalog_list_ref(rules) : NULL;
	rc = catalog_list_insert(list, index, item);
	if (rc)
		catalog_item_unref(&item);
	return rc;
}

/* ---- Add, set, put ---- */

static int make_value(struct draft *d, struct catalog_value **out, const char *body,
		      const char *over)
{
	const struct catalog_change *change = d->change;
	const struct catalog_making making = {
		.kind = change->kind,
		.parent = change->parent,
		.name = change->name,
		.body = body ? body : "{}",
		.over = over,
		.check = true,
	};

	return catalog_value_make(out, &making, d->teller);
}

static int add(struct draft *d, struct catalog_list *list, struct catalog_item *parent)
{
	const struct catalog_change *change = d->change;
	struct catalog_value *value = NULL;
	char label[CATALOG_LABEL];
	size_t index;
	int rc;

	if (!catalog_check_name(d->teller, (struct conf_place){ 0, 0 }, change->kind,
				change->parent, change->name))
		return -EINVAL;
	if (catalog_list_find(list, change->name)) {
		TELL(d, "%s is there already",
		     catalog_label(label, change->kind, change->parent, change->name));
		return -EEXIST;
	}
	rc = wanted_index(d, list, &index);
	if (rc == 0)
		rc = make_value(d, &value, "{}", change->body ? change->body : "{}");
	if (rc == 0)
		rc = insert_value(list, index, value, parent ? parent->value : NULL, NULL);
	catalog_value_unref(&value);
	return rc;
}

/* Another value of the same name in an item's place. */
static int replace_value(struct catalog_list *list, struct catalog_item *old,
			 struct catalog_value *value)
{
	struct catalog_item *item = NULL;
	int rc;

	if (strcmp(old->value->body, value->body) == 0)
		return 0;
	rc = catalog_item_make(&item, value, old->parent, old->object.position);
	if (rc)
		return rc;
	item->rules = old->rules ? catalog_list_ref(old->rules) : NULL;
	catalog_list_replace(list, catalog_list_index(list, old), item);
	return 0;
}

static int set(struct draft *d, struct catalog_list *list, struct catalog_item *old,
	       const char *base)
{
	struct catalog_value *value = NULL;
	int rc = make_value(d, &value, base, d->change->body ? d->change->body : "{}");

	if (rc == 0)
		rc = replace_value(list, old, value);
	catalog_value_unref(&value);
	return rc;
}

/* ---- Who refers to whom ---- */

static bool list_has(char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

/* Does an object refer to this usage or gateway? */
static bool refers(const struct catalog_value *from, enum catalog_kind kind, const char *name)
{
	if (from->kind == CATALOG_POLICY)
		return kind == CATALOG_USAGE &&
		       list_has(from->policy.usages, from->policy.usage_count, name);
	if (from->kind != CATALOG_ROUTE)
		return false;
	if (kind == CATALOG_USAGE)
		return list_has(from->route.usages, from->route.usage_count, name);
	for (size_t i = 0; kind == CATALOG_GATEWAY && i < from->route.gateway_count; i++)
		if (strcmp(from->route.gateways[i].name, name) == 0)
			return true;
	return false;
}

#define USERS_SHOWN 5

/* "policies default, boss", "route London": who of a kind refers to the object; how many. */
static size_t list_users(const struct draft *d, enum catalog_kind of, char *text, size_t room)
{
	const struct catalog_list *list = d->catalog->lists[of];
	size_t users = 0, n = 0, shown = 0;

	text[0] = '\0';
	for (size_t i = 0; list && i < list->count; i++)
		users += refers(list->at[i]->value, d->change->kind, d->change->name);
	if (users == 0)
		return 0;
	n += (size_t)snprintf(text, room, "%s",
			      users > 1 ? catalog_kinds[of].plural : catalog_kinds[of].words);
	for (size_t i = 0; shown < USERS_SHOWN && i < list->count; i++)
		if (refers(list->at[i]->value, d->change->kind, d->change->name))
			n += (size_t)snprintf(text + n, room - n, "%s %s", shown++ ? "," : "",
					      list->at[i]->object.name);
	if (users > shown)
		snprintf(text + n, room - n, " and %zu more", users - shown);
	return users;
}

static int check_unused(struct draft *d)
{
	char policies[(CATALOG_NAME_MAX + 2) * (USERS_SHOWN + 1)], routes[sizeof(policies)],
		label[CATALOG_LABEL];
	size_t users = list_users(d, CATALOG_POLICY, policies, sizeof(policies));

	users += list_users(d, CATALOG_ROUTE, routes, sizeof(routes));
	if (users == 0)
		return 0;
	TELL(d, "%s is in use by %s%s%s; take it out of %s first",
	     catalog_label(label, d->change->kind, NULL, d->change->name), policies,
	     policies[0] && routes[0] ? " and " : "", routes, users > 1 ? "them" : "it");
	return -EBUSY;
}

/* ---- Delete, move ---- */

static int delete (struct draft *d, struct catalog_list *list, struct catalog_item *item)
{
	int rc = check_unused(d);

	if (rc == 0)
		catalog_list_remove(list, catalog_list_index(list, item));
	return rc;
}

static int move(struct draft *d, struct catalog_list *list, struct catalog_item *item)
{
	const struct catalog_change *change = d->change;
	size_t from = catalog_list_index(list, item), to;
	const char *anchor = change->before ? change->before : change->after;
	struct catalog_item *kept;
	char label[CATALOG_LABEL];
	int rc;

	if (anchor && strcmp(anchor, change->name) == 0) {
		TELL(d, "%s can't be moved before or after itself",
		     catalog_label(label, change->kind, change->parent, change->name));
		return -EINVAL;
	}
	kept = catalog_item_ref(item);
	catalog_list_remove(list, from);
	rc = wanted_index(d, list, &to);
	if (rc == 0 && to == from)
		rc = catalog_list_insert(list, to, catalog_item_ref(kept));
	else if (rc == 0)
		rc = insert_value(list, to, kept->value, kept->parent, kept->rules);
	catalog_item_unref(&kept);
	return rc;
}

/* ---- Rename ---- */

/* The texts of a list with one name in place of another; the array is fresh, the texts are not. */
static char **renamed_list(char *const *names, size_t count, const char *from, const char *to)
{
	char **list = mem_calloc(count ? count : 1, sizeof(*list));

	for (size_t i = 0; list && i < count; i++)
		list[i] = strcmp(names[i], from) == 0 ? (char *)(uintptr_t)to : names[i];
	return list;
}

static int rename_in_policy(struct draft *d, struct catalog_value **out,
			    const struct catalog_value *value)
{
	struct dp_policy policy = value->policy;
	int rc = -ENOMEM;

	policy.usages =
		renamed_list(policy.usages, policy.usage_count, d->change->name, d->change->body);
	if (policy.usages)
		rc = catalog_value_copy(out, CATALOG_POLICY, NULL, value->name, &policy, d->teller);
	mem_free(policy.usages);
	return rc;
}

static int rename_in_route(struct draft *d, struct catalog_value **out,
			   const struct catalog_value *value)
{
	struct dp_route route = value->route;
	bool usages = d->change->kind == CATALOG_USAGE;
	int rc = -ENOMEM;

	route.usages = renamed_list(route.usages, route.usage_count, usages ? d->change->name : "",
				    d->change->body);
	route.gateways = mem_calloc(route.gateway_count + 1, sizeof(*route.gateways));
	for (size_t i = 0; route.gateways && i < route.gateway_count; i++) {
		route.gateways[i] = value->route.gateways[i];
		if (!usages && strcmp(route.gateways[i].name, d->change->name) == 0)
			route.gateways[i].name = (char *)(uintptr_t)d->change->body;
	}
	if (route.usages && route.gateways)
		rc = catalog_value_copy(out, CATALOG_ROUTE, NULL, value->name, &route, d->teller);
	mem_free(route.usages);
	mem_free(route.gateways);
	return rc;
}

static int rename_in_list(struct draft *d, enum catalog_kind of,
			  int (*make)(struct draft *d, struct catalog_value **out,
				      const struct catalog_value *value))
{
	struct catalog_list **list = &d->catalog->lists[of];
	int rc = 0;

	for (size_t i = 0; rc == 0 && *list && i < (*list)->count; i++) {
		struct catalog_value *value = NULL;

		if (!refers((*list)->at[i]->value, d->change->kind, d->change->name))
			continue;
		rc = catalog_list_own(list);
		if (rc == 0)
			rc = make(d, &value, (*list)->at[i]->value);
		if (rc == 0)
			rc = replace_value(*list, (*list)->at[i], value);
		catalog_value_unref(&value);
	}
	return rc;
}

static int rename_references(struct draft *d)
{
	int rc = 0;

	if (d->change->kind == CATALOG_USAGE)
		rc = rename_in_list(d, CATALOG_POLICY, rename_in_policy);
	if (rc == 0 && (d->change->kind == CATALOG_USAGE || d->change->kind == CATALOG_GATEWAY))
		rc = rename_in_list(d, CATALOG_ROUTE, rename_in_route);
	return rc;
}

/* The same rules below another parent. */
static int adopt_rules(struct catalog_list **out, const struct catalog_list *from,
		       struct catalog_value *parent)
{
	const char *twice;
	int rc = catalog_list_create(out, from->count);

	for (size_t i = 0; rc == 0 && i < from->count; i++) {
		struct catalog_item *item = NULL;

		rc = catalog_item_make(&item, from->at[i]->value, parent,
				       from->at[i]->object.position);
		if (rc == 0)
			rc = catalog_list_append(*out, item);
		if (rc)
			catalog_item_unref(&item);
	}
	return rc ? rc : catalog_list_sort(*out, &twice);
}

static int rename_item(struct draft *d, struct catalog_list *list, struct catalog_item *old)
{
	const struct catalog_making making = {
		.kind = d->change->kind,
		.parent = d->change->parent,
		.name = d->change->body,
		.body = old->value->body,
	};
	size_t index = catalog_list_index(list, old);
	struct catalog_value *value = NULL;
	struct catalog_item *item = NULL;
	int rc = catalog_value_make(&value, &making, d->teller);

	if (rc == 0)
		rc = catalog_item_make(&item, value, old->parent, old->object.position);
	if (rc == 0 && old->rules)
		rc = adopt_rules(&item->rules, old->rules, value);
	if (rc == 0) {
		catalog_list_remove(list, index);
		rc = catalog_list_insert(list, index, item);
	}
	if (rc)
		catalog_item_unref(&item);
	catalog_value_unref(&value);
	return rc;
}

static int rename_object(struct draft *d, struct catalog_list *list, struct catalog_item *item)
{
	const struct catalog_change *change = d->change;
	const char *to = change->body ? change->body : "";
	char label[CATALOG_LABEL];
	int rc;

	if (strcmp(change->name, to) == 0)
		return 0;
	if (!catalog_check_name(d->teller, (struct conf_place){ 0, 0 }, change->kind,
				change->parent, to))
		return -EINVAL;
	if (catalog_list_find(list, to)) {
		TELL(d, "%s is there already",
		     catalog_label(label, change->kind, change->parent, to));
		return -EEXIST;
	}
	rc = rename_item(d, list, item);
	return rc ? rc : rename_references(d);
}

/* ---- All of it ---- */

static int change_one(struct draft *d)
{
	const struct catalog_change *change = d->change;
	struct catalog_item *parent, *item;
	struct catalog_list **list;
	int rc = own_list(d, &list, &parent);

	if (rc)
		return rc;
	item = catalog_list_find(*list, change->name);
	if (change->verb == CATALOG_ADD || (change->verb == CATALOG_PUT && !item))
		return add(d, *list, parent);
	if (!item)
		return tell_missing(d, *list, change->kind, change->parent, change->name);
	switch (change->verb) {
	case CATALOG_SET:
		return set(d, *list, item, item->value->body);
	case CATALOG_PUT:
		return set(d, *list, item, "{}");
	case CATALOG_DELETE:
		return delete (d, *list, item);
	case CATALOG_MOVE:
		return move(d, *list, item);
	case CATALOG_RENAME:
		return rename_object(d, *list, item);
	case CATALOG_ADD:
		break;
	}
	return -EINVAL;
}

int catalog_change(struct catalog **out, const struct catalog *from,
		   const struct catalog_change *changes, size_t count, catalog_fault_fn fault,
		   void *arg)
{
	struct catalog_teller teller = { fault, arg, 0 };
	struct draft d = { .teller = &teller };
	int rc = catalog_copy(&d.catalog, from);

	for (size_t i = 0; rc == 0 && i < count; i++) {
		d.change = &changes[i];
		rc = change_one(&d);
	}
	if (rc) {
		catalog_unref(&d.catalog);
		return rc;
	}
	*out = d.catalog;
	return 0;
}
