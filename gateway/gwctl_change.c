/* SPDX-License-Identifier: GPL-2.0-only */
/* add, set, del, move, rename of what the tables hold. */
#include "gateway/gwctl_kinds.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- Which object ---- */

/* Rules belong to a dial plan or to a translation. */
struct target {
	const struct gwctl_kind *kind;
	const char *parent; /* NULL: none */
};

static int find_target(struct gwctl *g, struct target *out)
{
	const char *plan = gwctl_value(g, "--dialplan"),
		   *translation = gwctl_value(g, "--translation");

	*out = (struct target){ g->command->kind, plan ? plan : translation };
	if (!out->kind->has_parent)
		return GWCTL_DONE;
	if (plan && translation)
		return gwctl_complain(g, GWCTL_USAGE, "usage",
				      "--dialplan or --translation, not both: a "
				      "rule belongs to one of them");
	if (!out->parent)
		return gwctl_complain(
			g, GWCTL_USAGE, "usage",
			"a rule of what? Add --dialplan NAME "
			"(`gwctl dialplan list`) or --translation NAME (`gwctl translation "
			"list`)");
	if (translation)
		out->kind = &gwctl_translation_rules;
	return GWCTL_DONE;
}

/* "tables/routes/London", "tables/rules/uk%2Fnational". */
static void path_of(const struct target *target, const char *name, const char *verb, char *out,
		    size_t room)
{
	char parent[GWCTL_NAME] = "", escaped[GWCTL_NAME];

	if (target->parent)
		gwctl_escape(target->parent, parent, sizeof(parent));
	snprintf(out, room, "tables/%s/%s%s%s%s", target->kind->table, parent,
		 target->parent ? "%2F" : "", gwctl_escape(name, escaped, sizeof(escaped)), verb);
}

/* ---- Bodies ---- */

static int bad_value(struct gwctl *g, const struct gwctl_key *key, const char *value,
		     const char *accepted)
{
	return gwctl_complain(g, GWCTL_USAGE, "usage", "%s %s: %s is accepted", key->option, value,
			      accepted);
}

static json_t *integer_of(struct gwctl *g, const struct gwctl_key *key, const char *value)
{
	long long n;
	char *end;

	errno = 0;
	n = strtoll(value, &end, 10);
	if (errno == 0 && end != value && !*end)
		return json_integer(n);
	bad_value(g, key, value, "a whole number");
	return NULL;
}

static json_t *switch_of(struct gwctl *g, const struct gwctl_key *key, const char *value)
{
	if (!*value || strcmp(value, "yes") == 0 || strcmp(value, "true") == 0)
		return json_true();
	if (strcmp(value, "no") == 0 || strcmp(value, "false") == 0)
		return json_false();
	bad_value(g, key, value, "yes or no");
	return NULL;
}

static json_t *list_of(struct gwctl *g, const struct gwctl_key *key)
{
	json_t *list = json_array();
	const char *value;

	for (size_t i = 0; (value = gwctl_value_at(g, key->option, i)); i++)
		json_array_append_new(list, json_string(value));
	return list;
}

/* NAME or NAME:WEIGHT. */
json_t *gwctl_weighted(const char *value)
{
	const char *colon = strrchr(value, ':');

	if (!colon || colon == value || !colon[1] || strlen(colon) > 7 ||
	    colon[1 + strspn(colon + 1, "0123456789")])
		return json_string(value);
	return json_pack("{s:s#, s:i}", "name", value, (int)(colon - value), "weight",
			 atoi(colon + 1));
}

static json_t *gateways_of(struct gwctl *g, const struct gwctl_key *key)
{
	json_t *list = json_array();
	const char *value;

	for (size_t i = 0; (value = gwctl_value_at(g, key->option, i)); i++)
		json_array_append_new(list, gwctl_weighted(value));
	return list;
}

/* NULL: a complaint was made. */
static json_t *key_value(struct gwctl *g, const struct gwctl_key *key, const char *value,
			 bool setting)
{
	switch (key->form) {
	case GWCTL_LIST:
		return list_of(g, key);
	case GWCTL_GATEWAYS:
		return gateways_of(g, key);
	case GWCTL_SWITCH:
		return switch_of(g, key, value);
	case GWCTL_TEXT:
	case GWCTL_INTEGER:
		if (!*value && setting)
			return json_null();
		break;
	case GWCTL_RESULT:
		break;
	}
	if (key->form == GWCTL_INTEGER)
		return integer_of(g, key, value);
	return json_string(value);
}

static json_t *body_of(struct gwctl *g, const struct gwctl_kind *kind, bool setting)
{
	json_t *body = json_object();

	for (const struct gwctl_key *key = kind->keys; body && key->option; key++) {
		const char *value = gwctl_value(g, key->option);

		if (value &&
		    json_object_set_new(body, key->key, key_value(g, key, value, setting))) {
			json_decref(body);
			body = NULL;
		}
	}
	return body;
}

/* JSON is UTF-8: a value in another coding can't be sent. */
static int check_texts(struct gwctl *g)
{
	for (unsigned i = 0; i < g->given_count; i++) {
		json_t *text = json_string(g->given[i].value ? g->given[i].value : "");

		if (!text)
			return gwctl_complain(g, GWCTL_USAGE, "usage", "%s: its value is no UTF-8",
					      g->given[i].option->name);
		json_decref(text);
	}
	return GWCTL_DONE;
}

static int add_place(struct gwctl *g, json_t *body, bool needed)
{
	static const char *const places[] = { "--before", "--after", "--first", "--last" };
	unsigned given = 0;

	for (size_t i = 0; i < 4; i++) {
		const char *value = gwctl_value(g, places[i]);

		if (!value)
			continue;
		given++;
		json_object_set_new(body, places[i] + 2, i < 2 ? json_string(value) : json_true());
	}
	if (given > 1 || (needed && !given))
		return gwctl_complain(g, GWCTL_USAGE, "usage",
				      "where to? One of --before NAME, --after "
				      "NAME, --first, --last");
	return GWCTL_DONE;
}

/* ---- What became of it ---- */

struct deed {
	const char *done;    /* "added" */
	const char *nothing; /* when nothing changed */
	bool shows;          /* the keys that changed */
};

static void print_deed(struct gwctl *g, const struct target *target, const struct deed *deed,
		       const json_t *answer)
{
	long long revision = gwctl_integer(answer, "revision");
	const char *what = target->kind->what;
	bool changed = json_is_true(json_object_get(answer, "changed"));

	if (!changed)
		fprintf(g->out, "%c%s %s%s%s %s; revision is still %lld.\n", what[0] - 'a' + 'A',
			what + 1, target->parent ? target->parent : "", target->parent ? "/" : "",
			g->arguments[0], deed->nothing, revision);
	else if (gwctl_flag(g, "--dry-run"))
		fprintf(g->out, "Dry run: %s %s%s%s would be %s; nothing was changed.\n", what,
			target->parent ? target->parent : "", target->parent ? "/" : "",
			g->arguments[0], deed->done);
	else
		fprintf(g->out, "%c%s %s%s%s is %s: revision %lld.\n", what[0] - 'a' + 'A',
			what + 1, target->parent ? target->parent : "", target->parent ? "/" : "",
			g->arguments[0], deed->done, revision);
	if (changed && (deed->shows || gwctl_flag(g, "--dry-run")))
		gwctl_print_diff(g, json_object_get(answer, "diff"));
}

static int change(struct gwctl *g, const struct target *target, const struct gwctl_asking *asking,
		  const struct deed *deed)
{
	json_t *answer = NULL;
	int rc = gwctl_ask_for(g, asking, &answer);

	if (rc == GWCTL_DONE)
		rc = gwctl_need(g, answer, "changed");
	if (rc == GWCTL_DONE && !gwctl_printed_json(g, answer))
		print_deed(g, target, deed, answer);
	json_decref(answer);
	return rc;
}

/* ---- Commands ---- */

static int add(struct gwctl *g, const struct target *target)
{
	static const struct deed deed = { "added", "is there already, just so", false };
	char path[60];
	json_t *body = body_of(g, target->kind, false);
	json_t *json = body ? json_pack("{s:s, s:o}", "name", g->arguments[0], "body", body) : NULL;
	int rc;

	if (!body)
		return GWCTL_USAGE;
	if (!json)
		return gwctl_complain(g, GWCTL_USAGE, "usage", "the name is no UTF-8");
	rc = add_place(g, json, false);
	if (target->parent)
		json_object_set_new(json, "parent", json_string(target->parent));
	snprintf(path, sizeof(path), "tables/%s", target->kind->table);
	if (rc == GWCTL_DONE)
		rc = change(g, target,
			    &(struct gwctl_asking){ .method = "POST", .path = path, .json = json },
			    &deed);
	json_decref(json);
	return rc;
}

int gwctl_table_add(struct gwctl *g)
{
	struct target target;
	int rc = find_target(g, &target);

	if (rc == GWCTL_DONE)
		rc = check_texts(g);
	return rc ? rc : add(g, &target);
}

static int set(struct gwctl *g, const struct target *target)
{
	static const struct deed deed = { "changed", "is like that already", true };
	char path[3 * GWCTL_NAME];
	struct gwctl_asking asking = { .method = "PATCH", .path = path };
	json_t *body = body_of(g, target->kind, true);
	int rc;

	if (!body)
		return GWCTL_USAGE;
	path_of(target, g->arguments[0], "", path, sizeof(path));
	rc = gwctl_edit_lists(g, target->kind, path, body, &asking.if_revision);
	asking.json = body;
	if (rc == GWCTL_DONE && !json_object_size(body))
		rc = gwctl_complain(
			g, GWCTL_USAGE, "usage",
			"nothing is given to be set; `gwctl %s --help` shows what can be",
			g->command->words);
	else if (rc == GWCTL_DONE)
		rc = change(g, target, &asking, &deed);
	json_decref(body);
	return rc;
}

int gwctl_table_set(struct gwctl *g)
{
	struct target target;
	int rc = find_target(g, &target);

	if (rc == GWCTL_DONE)
		rc = check_texts(g);
	return rc ? rc : set(g, &target);
}

int gwctl_table_del(struct gwctl *g)
{
	static const struct deed deed = { "deleted", "is not there", false };
	char path[3 * GWCTL_NAME];
	struct target target;
	int rc = find_target(g, &target);

	if (rc)
		return rc;
	path_of(&target, g->arguments[0], "", path, sizeof(path));
	return change(g, &target, &(struct gwctl_asking){ .method = "DELETE", .path = path },
		      &deed);
}

int gwctl_table_move(struct gwctl *g)
{
	static const struct deed deed = { "moved", "stands there already", false };
	char path[3 * GWCTL_NAME];
	struct target target;
	json_t *body = json_object();
	int rc = find_target(g, &target);

	if (rc == GWCTL_DONE)
		rc = add_place(g, body, true);
	if (rc == GWCTL_DONE) {
		path_of(&target, g->arguments[0], "/move", path, sizeof(path));
		rc = change(g, &target,
			    &(struct gwctl_asking){ .method = "POST", .path = path, .json = body },
			    &deed);
	}
	json_decref(body);
	return rc;
}

int gwctl_table_rename(struct gwctl *g)
{
	char path[3 * GWCTL_NAME], done[300];
	struct deed deed = { done, "has that name already", false };
	struct target target;
	json_t *body = json_pack("{s:s}", "to", g->arguments[1]);
	int rc = find_target(g, &target);

	if (rc == GWCTL_DONE && !body)
		rc = gwctl_complain(g, GWCTL_USAGE, "usage", "the name is no UTF-8");
	if (rc == GWCTL_DONE) {
		snprintf(done, sizeof(done), "renamed to %.250s", g->arguments[1]);
		path_of(&target, g->arguments[0], "/rename", path, sizeof(path));
		rc = change(g, &target,
			    &(struct gwctl_asking){ .method = "POST", .path = path, .json = body },
			    &deed);
	}
	json_decref(body);
	return rc;
}
