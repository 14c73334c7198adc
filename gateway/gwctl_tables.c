/* SPDX-License-Identifier: GPL-2.0-only */
/* list and show of what the tables hold. */
#include "gateway/gwctl_kinds.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* ---- Lists ---- */

/* The value of the next key of "pattern usages"; false: no more. */
static bool next_key(const char **keys, char *out, size_t room)
{
	size_t n = strcspn(*keys, " ");

	if (!n)
		return false;
	snprintf(out, room, "%.*s", (int)n, *keys);
	*keys += n + ((*keys)[n] == ' ');
	return true;
}

/* What is not set is shown as what it is then, dimmed. */
static void add_value(struct table *table, struct gwctl *g, const json_t *value,
		      const char *otherwise)
{
	char *text = value ? gwctl_plain_whole(value) : NULL;

	if (value && !text)
		g->no_memory = true;
	table_add(table, value ? TINT_NONE : TINT_DIM, "%s",
		  text        ? text
		  : otherwise ? otherwise
			      : "-");
	mem_free(text);
}

static long long count_of(const json_t *rules, const char *parent)
{
	const json_t *rule;
	long long count = 0;
	size_t i;

	json_array_foreach(rules, i, rule) {
		const char *of = json_string_value(json_object_get(rule, "parent"));

		count += of && parent && strcmp(of, parent) == 0;
	}
	return count;
}

/* Names of objects whose body has this name in the list `key`. The caller's. */
static json_t *users_of(const json_t *objects, const char *key, const char *name)
{
	const json_t *object, *item;
	json_t *users = json_array();
	size_t i, k;

	json_array_foreach(objects, i, object) {
		json_array_foreach(json_object_get(json_object_get(object, "body"), key), k, item) {
			const char *text =
				json_is_object(item)
					? json_string_value(json_object_get(item, "name"))
					: json_string_value(item);

			if (text && name && strcmp(text, name) == 0)
				json_array_append(users, json_object_get(object, "name"));
		}
	}
	return users;
}

/* What else is shown of some kinds: how many rules a dial plan has, who names a usage. */
struct context {
	json_t *rules, *policies, *routes;
};

static void add_users_of(struct table *table, struct gwctl *g, const json_t *objects,
			 const json_t *usage)
{
	const char *name = json_string_value(json_object_get(usage, "name"));
	json_t *users = users_of(json_object_get(objects, "objects"), "usages", name);

	add_value(table, g, json_array_size(users) ? users : NULL, NULL);
	json_decref(users);
}

static void add_row(struct table *table, struct gwctl *g, const struct gwctl_kind *kind,
		    const json_t *object, const struct context *context)
{
	const json_t *body = json_object_get(object, "body");
	const char *keys = kind->columns;
	char key[40];

	table_add(table, TINT_BOLD, "%s", gwctl_text(object, "name"));
	while (next_key(&keys, key, sizeof(key)))
		add_value(table, g, json_object_get(body, key), gwctl_default_of(kind, key));
	if (kind->rules)
		table_add(table, TINT_NONE, "%lld",
			  count_of(json_object_get(context->rules, "objects"),
				   json_string_value(json_object_get(object, "name"))));
	if (kind == &gwctl_usages) {
		add_users_of(table, g, context->policies, object);
		add_users_of(table, g, context->routes, object);
	}
}

/* Rules of one parent, or with `parents` of all. */
static void print_objects(struct gwctl *g, const struct gwctl_kind *kind, const json_t *objects,
			  const struct context *context, bool parents)
{
	char headings[160], nothing[60], plural[40];
	const json_t *object;
	struct table table;
	size_t i;

	snprintf(headings, sizeof(headings), "%s%s",
		 !parents               ? ""
		 : kind == &gwctl_rules ? "DIAL_PLAN "
					: "TRANSLATION ",
		 kind->headings);
	table_begin(&table, headings);
	json_array_foreach(objects, i, object) {
		if (parents)
			table_add(&table, TINT_NONE, "%s", gwctl_text(object, "parent"));
		add_row(&table, g, kind, object, context);
	}
	snprintf(plural, sizeof(plural), "%ss", kind->what);
	snprintf(nothing, sizeof(nothing), "There are no %s yet.",
		 kind == &gwctl_policies ? "policies" : plural);
	table_end(&table, g, nothing);
}

/* Routes as they are tried: emergency routes, then by priority, then as they stand. */
static long long rank_of(const json_t *route)
{
	const json_t *body = json_object_get(route, "body"),
		     *priority = json_object_get(body, "priority");
	long long rank = priority ? (long long)json_integer_value(priority)
				  : strtoll(gwctl_default_of(&gwctl_routes, "priority"), NULL, 10);

	return json_is_true(json_object_get(body, "emergency")) ? rank - 10000000 : rank;
}

struct ranked {
	json_t *route;
	long long rank;
	size_t place;
};

static int compare_ranked(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return x->place < y->place ? -1 : 1;
}

/* NULL: without memory. */
static json_t *in_order(struct gwctl *g, const json_t *routes)
{
	size_t count = json_array_size(routes);
	struct ranked *ranked = mem_calloc(count + 1, sizeof(*ranked));
	json_t *sorted = ranked ? json_array() : NULL;

	g->no_memory = g->no_memory || !sorted;
	for (size_t i = 0; sorted && i < count; i++) {
		json_t *route = json_array_get(routes, i);

		ranked[i] = (struct ranked){ route, rank_of(route), i };
	}
	if (sorted)
		qsort(ranked, count, sizeof(*ranked), compare_ranked);
	for (size_t i = 0; sorted && i < count; i++)
		json_array_append(sorted, ranked[i].route);
	mem_free(ranked);
	return sorted;
}

static int ask_list(struct gwctl *g, const struct gwctl_kind *kind, const char *parent,
		    json_t **out)
{
	char escaped[GWCTL_NAME];
	int rc;

	if (parent)
		rc = gwctl_ask(g, "GET", out, "tables/%s?parent=%s", kind->table,
			       gwctl_escape(parent, escaped, sizeof(escaped)));
	else
		rc = gwctl_ask(g, "GET", out, "tables/%s", kind->table);
	return rc ? rc : gwctl_need(g, *out, "objects");
}

static const struct gwctl_kind *kind_of(const struct gwctl *g)
{
	return gwctl_flag(g, "--translation") ? &gwctl_translation_rules : g->command->kind;
}

static const char *parent_of(const struct gwctl *g)
{
	const char *plan = gwctl_value(g, "--dialplan");

	return plan ? plan : gwctl_value(g, "--translation");
}

/* A rule belongs to one list. */
static int check_parents(struct gwctl *g)
{
	if (!gwctl_flag(g, "--dialplan") || !gwctl_flag(g, "--translation"))
		return GWCTL_DONE;
	return gwctl_complain(g, GWCTL_USAGE, "usage",
			      "--dialplan or --translation, not both: a rule belongs "
			      "to one of them");
}

static int ask_context(struct gwctl *g, const struct gwctl_kind *kind, struct context *out)
{
	int rc = GWCTL_DONE;

	if (kind->rules)
		rc = ask_list(g, kind->rules, NULL, &out->rules);
	if (rc == GWCTL_DONE && kind == &gwctl_usages)
		rc = ask_list(g, &gwctl_policies, NULL, &out->policies);
	if (rc == GWCTL_DONE && kind == &gwctl_usages)
		rc = ask_list(g, &gwctl_routes, NULL, &out->routes);
	return rc;
}

static void print_list(struct gwctl *g, const struct gwctl_kind *kind, const json_t *json,
		       const struct context *context)
{
	const json_t *objects = json_object_get(json, "objects");
	json_t *sorted = kind == &gwctl_routes ? in_order(g, objects) : NULL;

	print_objects(g, kind, sorted ? sorted : objects, context,
		      kind->has_parent && !parent_of(g));
	json_decref(sorted);
}

int gwctl_table_list(struct gwctl *g)
{
	const struct gwctl_kind *kind = kind_of(g);
	struct context context = { 0 };
	json_t *json = NULL;
	int rc = check_parents(g);

	if (rc == GWCTL_DONE)
		rc = ask_list(g, kind, kind->has_parent ? parent_of(g) : NULL, &json);
	if (rc == GWCTL_DONE && !g->json)
		rc = ask_context(g, kind, &context);
	if (rc == GWCTL_DONE && !gwctl_printed_json(g, json))
		print_list(g, kind, json, &context);
	json_decref(json);
	json_decref(context.rules);
	json_decref(context.policies);
	json_decref(context.routes);
	return rc;
}

/* ---- One ---- */

static void add_whole(struct table *table, struct gwctl *g, const char *what, const json_t *value,
		      const char *otherwise)
{
	table_add(table, TINT_DIM, "%s", what);
	add_value(table, g, value, otherwise);
}

static void print_keys(struct gwctl *g, const struct gwctl_kind *kind, const json_t *object)
{
	const json_t *body = json_object_get(object, "body");
	char heading[60];
	struct table table;

	snprintf(heading, sizeof(heading), "%s VALUE", kind->what);
	for (char *c = heading; *c && strncmp(c, " VALUE", 6) != 0; c++)
		*c = *c == ' ' ? '_' : (char)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
	table_begin(&table, heading);
	add_whole(&table, g, "name", json_object_get(object, "name"), NULL);
	if (kind->has_parent)
		add_whole(&table, g, kind == &gwctl_rules ? "dial plan" : "translation",
			  json_object_get(object, "parent"), NULL);
	for (const struct gwctl_key *key = kind->keys; key->option; key++)
		add_whole(&table, g, key->option + 2, json_object_get(body, key->key),
			  gwctl_default_of(kind, key->key));
	table_end(&table, g, "");
}

static void add_users(struct table *table, struct gwctl *g, const char *what, const json_t *objects,
		      const char *key, const char *name)
{
	json_t *users = users_of(objects, key, name);

	add_whole(table, g, what, json_array_size(users) ? users : NULL, NULL);
	json_decref(users);
}

/* Who names a usage or a gateway: it can't be deleted before them. */
static int print_users(struct gwctl *g, const struct gwctl_kind *kind)
{
	json_t *policies = NULL, *routes = NULL;
	struct table table;
	int rc = ask_list(g, &gwctl_routes, NULL, &routes);

	if (rc == GWCTL_DONE && kind == &gwctl_usages)
		rc = ask_list(g, &gwctl_policies, NULL, &policies);
	if (rc == GWCTL_DONE) {
		table_begin(&table, "NAMED_BY WHICH");
		if (policies)
			add_users(&table, g, "policies", json_object_get(policies, "objects"),
				  "usages", g->arguments[0]);
		add_users(&table, g, "routes", json_object_get(routes, "objects"),
			  kind == &gwctl_usages ? "usages" : "gateways", g->arguments[0]);
		fputc('\n', g->out);
		table_end(&table, g, "");
	}
	json_decref(policies);
	json_decref(routes);
	return rc;
}

static int print_rules(struct gwctl *g, const struct gwctl_kind *kind)
{
	json_t *rules = NULL;
	int rc = ask_list(g, kind->rules, g->arguments[0], &rules);

	if (rc == GWCTL_DONE) {
		fputc('\n', g->out);
		print_objects(g, kind->rules, json_object_get(rules, "objects"),
			      &(struct context){ 0 }, false);
	}
	json_decref(rules);
	return rc;
}

static int show(struct gwctl *g, const struct gwctl_kind *kind, const char *parent)
{
	char name[GWCTL_NAME], escaped[GWCTL_NAME] = "";
	json_t *json = NULL;
	int rc;

	if (parent)
		gwctl_escape(parent, escaped, sizeof(escaped));
	rc = gwctl_ask(g, "GET", &json, "tables/%s/%s%s%s", kind->table, escaped,
		       parent ? "%2F" : "", gwctl_escape(g->arguments[0], name, sizeof(name)));
	if (rc == GWCTL_DONE)
		rc = gwctl_need(g, json, "body");
	if (rc == GWCTL_DONE && !gwctl_printed_json(g, json)) {
		print_keys(g, kind, json);
		if (kind->rules)
			rc = print_rules(g, kind);
		else if (kind == &gwctl_usages || kind == &gwctl_gateways)
			rc = print_users(g, kind);
	}
	json_decref(json);
	return rc;
}

int gwctl_table_show(struct gwctl *g)
{
	const struct gwctl_kind *kind = kind_of(g);
	const char *parent = kind->has_parent ? parent_of(g) : NULL;

	if (kind->has_parent && !parent)
		return gwctl_complain(
			g, GWCTL_USAGE, "usage",
			"a rule of what? Add --dialplan NAME (`gwctl "
			"dialplan list`) or --translation NAME (`gwctl translation list`)");
	return check_parents(g) ? GWCTL_USAGE : show(g, kind, parent);
}
