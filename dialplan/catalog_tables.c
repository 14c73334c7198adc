/* SPDX-License-Identifier: GPL-2.0-only */
/* Catalogs as tables and as YAML, both ways. Tables borrow every text from the catalog's values:
 * only arrays are made. */
#include "dialplan/catalog_private.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>

/* ---- To tables ---- */

struct catalog_tables {
	struct dialplan_tables tables;
	struct dp_rule *rules; /* of all dial plans and translations */
};

void catalog_tables_free(struct catalog_tables *t)
{
	if (!t)
		return;
	mem_free(t->rules);
	mem_free(t->tables.dial_plans);
	mem_free(t->tables.translations);
	mem_free(t->tables.usages);
	mem_free(t->tables.policies);
	mem_free(t->tables.routes);
	mem_free(t->tables.gateways);
	mem_free(t);
}

/* An array of the structs of a kind. NULL: none, or no memory. */
static void *array_of(const struct catalog *catalog, enum catalog_kind kind, size_t *count,
		      bool *no_memory)
{
	const struct catalog_list *list = catalog->lists[kind];
	size_t size = catalog_kinds[kind].body->schema->size;
	char *array, *at;

	if (!list || list->count == 0)
		return NULL;
	array = at = mem_calloc(list->count, size);
	if (!array) {
		*no_memory = true;
		return NULL;
	}
	for (size_t i = 0; i < list->count; i++, at += size)
		memcpy(at, catalog_value_struct(list->at[i]->value), size);
	*count = list->count;
	return array;
}

/* Rules into the sets they belong to, which came without. */
static struct dp_rule *put_rules(const struct catalog_list *list, struct dp_ruleset *sets,
				 struct dp_rule *to)
{
	for (size_t i = 0; list && i < list->count; i++) {
		const struct catalog_list *rules = list->at[i]->rules;

		sets[i].rules = to;
		sets[i].rule_count = rules ? rules->count : 0;
		for (size_t k = 0; k < sets[i].rule_count; k++)
			*to++ = rules->at[k]->value->rule;
	}
	return to;
}

static int fill_rules(const struct catalog *catalog, struct catalog_tables *t)
{
	size_t count = catalog_count(catalog, CATALOG_RULE, NULL) +
		       catalog_count(catalog, CATALOG_TRANSLATION_RULE, NULL);
	struct dp_rule *to;

	if (count == 0)
		return 0;
	t->rules = to = mem_calloc(count, sizeof(*t->rules));
	if (!to)
		return -ENOMEM;
	to = put_rules(catalog->lists[CATALOG_DIAL_PLAN], t->tables.dial_plans, to);
	put_rules(catalog->lists[CATALOG_TRANSLATION], t->tables.translations, to);
	return 0;
}

static struct catalog_tables *make_tables(const struct catalog *catalog)
{
	struct catalog_tables *t = mem_zalloc(sizeof(*t));
	bool no_memory = false;

	if (!t)
		return NULL;
	t->tables.dial_plans =
		array_of(catalog, CATALOG_DIAL_PLAN, &t->tables.dial_plan_count, &no_memory);
	t->tables.translations =
		array_of(catalog, CATALOG_TRANSLATION, &t->tables.translation_count, &no_memory);
	t->tables.usages = array_of(catalog, CATALOG_USAGE, &t->tables.usage_count, &no_memory);
	t->tables.policies = array_of(catalog, CATALOG_POLICY, &t->tables.policy_count, &no_memory);
	t->tables.routes = array_of(catalog, CATALOG_ROUTE, &t->tables.route_count, &no_memory);
	t->tables.gateways =
		array_of(catalog, CATALOG_GATEWAY, &t->tables.gateway_count, &no_memory);
	if (no_memory || fill_rules(catalog, t)) {
		catalog_tables_free(t);
		return NULL;
	}
	return t;
}

/* Several threads may ask at once: the first that is done is taken, the others throw theirs away.
 */
const struct dialplan_tables *catalog_tables(const struct catalog *catalog)
{
	struct catalog_tables *_Atomic *place =
		(struct catalog_tables * _Atomic *)(uintptr_t)&catalog->tables;
	struct catalog_tables *made, *there = atomic_load_explicit(place, memory_order_acquire);

	if (there)
		return &there->tables;
	made = make_tables(catalog);
	if (!made)
		return NULL;
	if (atomic_compare_exchange_strong(place, &there, made))
		return &made->tables;
	catalog_tables_free(made);
	return &there->tables;
}

char *catalog_yaml(const struct catalog *catalog)
{
	const struct dialplan_tables *tables = catalog_tables(catalog);
	struct conf_section section = { &dialplan_schema, (void *)(uintptr_t)tables, NULL };
	char *text = NULL;

	if (!tables || conf_print_brief(&text, &section, 1))
		return NULL;
	return text;
}

/* ---- From tables ---- */

struct taking {
	struct catalog *catalog;
	struct catalog_teller *teller;
};

static struct conf_place place_of(enum catalog_kind kind, const void *from)
{
	switch (kind) {
	case CATALOG_DIAL_PLAN:
	case CATALOG_TRANSLATION:
		return ((const struct dp_ruleset *)from)->place;
	case CATALOG_RULE:
	case CATALOG_TRANSLATION_RULE:
		return ((const struct dp_rule *)from)->place;
	case CATALOG_POLICY:
		return ((const struct dp_policy *)from)->place;
	case CATALOG_ROUTE:
		return ((const struct dp_route *)from)->place;
	case CATALOG_GATEWAY:
		return ((const struct dp_gateway *)from)->place;
	case CATALOG_USAGE:
	case CATALOG_KIND_COUNT:
		break;
	}
	return (struct conf_place){ 0, 0 };
}

/* One struct of a table becomes an object at the end of a list. */
static int take_one(struct taking *t, struct catalog_list *list, enum catalog_kind kind,
		    struct catalog_value *parent, const void *from)
{
	const char *name = *(char *const *)from; /* stands first in all of them */
	struct catalog_value *value = NULL;
	struct catalog_item *item = NULL;
	int rc;

	if (!catalog_check_name(t->teller, place_of(kind, from), kind, parent ? parent->name : NULL,
				name))
		return 0;
	rc = catalog_value_copy(&value, kind, parent ? parent->name : NULL, name, from, t->teller);
	if (rc == -EINVAL)
		return 0; /* told */
	if (rc == 0)
		rc = catalog_item_make(&item, value, parent,
				       ((int64_t)list->count + 1) * CATALOG_GAP);
	if (rc == 0)
		rc = catalog_list_append(list, item);
	if (rc)
		catalog_item_unref(&item);
	catalog_value_unref(&value);
	return rc;
}

static int take_list(struct taking *t, struct catalog_list **out, enum catalog_kind kind,
		     struct catalog_value *parent, const void *from, size_t count)
{
	size_t size = catalog_kinds[kind].body->schema->size;
	const char *twice = NULL, *at = from;
	char label[CATALOG_LABEL];
	int rc;

	if (count == 0)
		return 0;
	rc = catalog_list_create(out, count);
	for (size_t i = 0; rc == 0 && i < count; i++, at += size)
		rc = take_one(t, *out, kind, parent, at);
	if (rc == 0 && catalog_list_sort(*out, &twice))
		catalog_tell(t->teller, (struct conf_place){ 0, 0 },
			     "%s: there are two of this name",
			     catalog_label(label, kind, parent ? parent->name : NULL, twice));
	return rc;
}

/* Sets that were refused have left no item: the others are found by name. */
static int take_rulesets(struct taking *t, enum catalog_kind kind, const struct dp_ruleset *sets,
			 size_t count)
{
	int rc = take_list(t, &t->catalog->lists[kind], kind, NULL, sets, count);

	if (rc || t->teller->count)
		return rc;
	for (size_t i = 0; rc == 0 && i < count; i++) {
		struct catalog_item *item = t->catalog->lists[kind]->at[i];

		rc = take_list(t, &item->rules, (enum catalog_kind)catalog_kinds[kind].child,
			       item->value, sets[i].rules, sets[i].rule_count);
	}
	return rc;
}

static int take_tables(struct taking *t, const struct dialplan_tables *tables)
{
	struct catalog_list **lists = t->catalog->lists;
	int rc = take_rulesets(t, CATALOG_DIAL_PLAN, tables->dial_plans, tables->dial_plan_count);

	if (rc == 0)
		rc = take_rulesets(t, CATALOG_TRANSLATION, tables->translations,
				   tables->translation_count);
	if (rc == 0)
		rc = take_list(t, &lists[CATALOG_USAGE], CATALOG_USAGE, NULL, tables->usages,
			       tables->usage_count);
	if (rc == 0)
		rc = take_list(t, &lists[CATALOG_POLICY], CATALOG_POLICY, NULL, tables->policies,
			       tables->policy_count);
	if (rc == 0)
		rc = take_list(t, &lists[CATALOG_ROUTE], CATALOG_ROUTE, NULL, tables->routes,
			       tables->route_count);
	if (rc == 0)
		rc = take_list(t, &lists[CATALOG_GATEWAY], CATALOG_GATEWAY, NULL, tables->gateways,
			       tables->gateway_count);
	return rc;
}

int catalog_from_tables(struct catalog **out, const struct dialplan_tables *tables,
			catalog_fault_fn fault, void *arg)
{
	struct catalog_teller teller = { fault, arg, 0 };
	struct taking t = { .teller = &teller };
	int rc = catalog_create(&t.catalog);

	if (rc == 0)
		rc = take_tables(&t, tables);
	if (rc == 0 && teller.count)
		rc = -EINVAL;
	if (rc) {
		catalog_unref(&t.catalog);
		return rc;
	}
	*out = t.catalog;
	return 0;
}

int catalog_from_yaml(struct catalog **out, const char *name, const char *text, size_t length,
		      catalog_fault_fn fault, void *arg)
{
	struct dialplan_tables tables = { 0 };
	struct conf_section section = dialplan_section(&tables);
	struct conf_document *document = NULL;
	int rc = conf_read_tables(&document, name, text, length);

	if (rc == -EFBIG) {
		fault(arg, (struct conf_place){ 0, 0 }, "the text is larger than tables may be");
		return -EINVAL;
	}
	if (rc)
		return rc;
	rc = conf_load(document, &section, 1);
	for (size_t i = 0; rc == -EINVAL && fault && i < conf_fault_count(document); i++)
		fault(arg, conf_fault_at(document, i)->place, conf_fault_at(document, i)->text);
	conf_document_destroy(&document);
	if (rc == 0)
		rc = catalog_from_tables(out, &tables, fault, arg);
	conf_free(&dialplan_schema, &tables);
	return rc;
}
