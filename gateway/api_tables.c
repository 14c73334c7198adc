/* SPDX-License-Identifier: GPL-2.0-only */
/* The tables: objects one by one, and the whole. On the control thread. */
#include "gateway/api_private.h"

#include "base/mem.h"
#include "conf/suggest.h"
#include "gateway/admin_private.h"
#include "gateway/inspect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OK = 200, CREATED = 201, BAD_REQUEST = 400, NOT_FOUND = 404, CONFLICT = 409, REFUSED = 422 };
enum { FAILED = 500, AWAY = 503 };

/* ---- Objects as JSON ---- */

json_t *api_body_of(const char *body)
{
	return body ? json_loads(body, 0, NULL) : json_null();
}

json_t *api_difference(const struct catalog_difference *d)
{
	const struct catalog_object *object = d->after ? d->after : d->before;

	return json_pack("{s:s, s:s, s:s, s:o, s:o, s:b}", "kind", catalog_kind_name(object->kind),
			 "parent", object->parent ? object->parent : "", "name", object->name,
			 "before", api_body_of(d->before ? d->before->body : NULL), "after",
			 api_body_of(d->after ? d->after->body : NULL), "moved", d->moved);
}

static void add_difference(void *arg, const struct catalog_difference *difference)
{
	json_array_append_new(arg, api_difference(difference));
}

json_t *api_diff(const struct catalog *from, const struct catalog *to)
{
	json_t *list = json_array();

	if (list && from && to)
		catalog_diff(from, to, add_difference, list);
	return list;
}

bool api_has_admin(struct api_task *task)
{
	if (task->admin)
		return true;
	api_refuse(&task->reply, AWAY, "no-tables", "this gateway has no tables to change");
	api_done(task);
	return false;
}

/* ---- What became of a change ---- */

struct verdict {
	int rc;
	unsigned status;
	const char *code;
};

static struct verdict verdict_of(int rc)
{
	static const struct verdict verdicts[] = {
		{ -EINVAL, REFUSED, "refused" },
		{ -EEXIST, CONFLICT, "exists" },
		{ -ENOENT, NOT_FOUND, "no-such-object" },
		{ -EBUSY, CONFLICT, "in-use" },
		{ -ESTALE, CONFLICT, "stale" },
		{ -EIO, AWAY, "store-away" },
		{ -EAGAIN, AWAY, "busy" },
		{ -ECANCELED, AWAY, "ending" },
		{ -ENOMEM, FAILED, "no-memory" },
	};

	for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++)
		if (verdicts[i].rc == rc)
			return verdicts[i];
	return (struct verdict){ rc, FAILED, "failed" };
}

/* One fault is the message; of several the message says how many. */
void api_refuse_change(struct api_reply *reply, int rc, const char *faults)
{
	struct verdict verdict = verdict_of(rc);
	size_t length = strcspn(faults, "\n");
	unsigned count = 0;
	char message[600];

	for (const char *line = faults; *line; line++)
		count += *line == '\n';
	if (count > 1)
		snprintf(message, sizeof(message), "%u faults; nothing was changed", count);
	else
		snprintf(message, sizeof(message), "%.*s", (int)length, faults);
	api_refuse_faults(reply, verdict.status, verdict.code, message, faults);
}

/* What only a look at all tables together has found: where does it stand in the body? */
static void refuse_applied(struct api_task *task, const char *faults)
{
	struct admin_faults placed = { 0 };

	admin_locate(task->admin, task->query.body, task->query.length, &placed);
	api_refuse_change(&task->reply, -EINVAL, placed.text ? placed.text : faults);
	admin_faults_free(&placed);
}

static void changed(void *arg, int rc, int64_t revision, const char *faults)
{
	struct api_task *task = arg;
	const struct catalog *before = NULL, *after = NULL;

	if (rc == -EINVAL && task->query.endpoint->serve == api_tables_apply) {
		refuse_applied(task, faults);
		api_done(task);
		return;
	}
	if (rc < 0) {
		api_refuse_change(&task->reply, rc, faults);
		api_done(task);
		return;
	}
	admin_outcome(task->admin, &before, &after);
	api_answer(&task->reply, json_pack("{s:I, s:b, s:o}", "revision", (json_int_t)revision,
					   "changed", rc, "diff", api_diff(before, after)));
	if (rc && task->query.endpoint->serve == api_tables_add &&
	    !api_flag(&task->query, "dry-run") && task->reply.status == OK)
		task->reply.status = CREATED;
	api_done(task);
}

/* Who asks for it, and on what condition. */
static bool make_request(struct api_task *task, struct admin_request *out)
{
	const struct api_query *query = &task->query;
	int64_t revision = 0;

	if (!api_number(query, "if-revision", (int64_t[]){ 1, INT64_MAX }, &revision, &task->reply))
		return false;
	*out = (struct admin_request){
		.author = { .who = query->person.who,
			    .origin = query->person.origin,
			    .what = query->what },
		.if_revision = revision,
		.dry_run = api_flag(query, "dry-run"),
	};
	return true;
}

/* ---- Which object ---- */

struct which {
	enum catalog_kind kind;
	char parent[API_NAME], name[API_NAME];
};

static const char *kind_at(const void *list, size_t i)
{
	static const char *const kinds[] = {
		"dial-plans", "rules",    "translations", "translation-rules",
		"usages",     "policies", "routes",       "gateways",
		NULL
	};

	(void)list;
	return i < CATALOG_KIND_COUNT ? kinds[i] : NULL;
}

static bool find_kind(struct api_task *task, struct which *which)
{
	const char *text = task->query.names[0], *nearest;
	int kind = catalog_kind_by_name(text);
	char list[200];

	if (kind >= 0) {
		which->kind = (enum catalog_kind)kind;
		return true;
	}
	nearest = suggest_nearest(text, kind_at, NULL);
	api_refuse(&task->reply, NOT_FOUND, "no-such-kind",
		   nearest ? "there is no table %s; did you mean %s?"
			   : "there is no table %s; there are: %s",
		   text, nearest ? nearest : suggest_list(list, sizeof(list), kind_at, NULL));
	return false;
}

static bool has_parent(enum catalog_kind kind)
{
	return kind == CATALOG_RULE || kind == CATALOG_TRANSLATION_RULE;
}

static enum catalog_kind kind_of_parent(enum catalog_kind kind)
{
	return kind == CATALOG_RULE ? CATALOG_DIAL_PLAN : CATALOG_TRANSLATION;
}

/* PARENT/RULE; either may hold a slash: the first split whose parent exists is meant. */
static bool split_name(struct api_task *task, const struct catalog *catalog, struct which *which)
{
	const char *whole = task->query.names[1], *slash = strchr(whole, '/'), *chosen = slash;

	if (!slash) {
		api_refuse(&task->reply, BAD_REQUEST, "no-parent",
			   "a rule is named PARENT/RULE (the slash written %%2F): the dial plan or "
			   "translation, and the rule");
		return false;
	}
	for (; slash; slash = strchr(slash + 1, '/')) {
		char parent[API_NAME];

		snprintf(parent, sizeof(parent), "%.*s", (int)(slash - whole), whole);
		if (!catalog_find(catalog, kind_of_parent(which->kind), NULL, parent))
			continue;
		chosen = slash;
		break;
	}
	snprintf(which->parent, sizeof(which->parent), "%.*s", (int)(chosen - whole), whole);
	snprintf(which->name, sizeof(which->name), "%s", chosen + 1);
	return true;
}

/* Of tables/KIND/NAME. */
static bool find_which(struct api_task *task, struct which *which)
{
	struct catalog *catalog;
	bool found = true;

	*which = (struct which){ 0 };
	if (!find_kind(task, which))
		return false;
	catalog = admin_catalog(task->admin, NULL);
	if (has_parent(which->kind))
		found = split_name(task, catalog, which);
	else
		snprintf(which->name, sizeof(which->name), "%s", task->query.names[1]);
	catalog_unref(&catalog);
	return found;
}

struct siblings {
	const struct catalog *catalog;
	enum catalog_kind kind;
	const char *parent;
};

static const char *sibling_at(const void *list, size_t i)
{
	const struct siblings *of = list;
	const struct catalog_object *object = catalog_at(of->catalog, of->kind, of->parent, i);

	return object ? object->name : NULL;
}

static void refuse_missing(struct api_reply *reply, const struct catalog *catalog,
			   enum catalog_kind kind, const char *parent, const char *name)
{
	struct siblings siblings = { catalog, kind, parent };
	const char *nearest = suggest_nearest(name, sibling_at, &siblings);
	char list[256];

	if (nearest)
		api_refuse(reply, NOT_FOUND, "no-such-object",
			   "there is no %s %s; did you mean %s?", catalog_kind_name(kind), name,
			   nearest);
	else if (catalog_count(catalog, kind, parent) == 0)
		api_refuse(reply, NOT_FOUND, "no-such-object", "there is no %s %s, nor any other",
			   catalog_kind_name(kind), name);
	else
		api_refuse(reply, NOT_FOUND, "no-such-object", "there is no %s %s; there are: %s",
			   catalog_kind_name(kind), name,
			   suggest_list(list, sizeof(list), sibling_at, &siblings));
}

/* ---- Reading ---- */

static json_t *row_of(const struct catalog_object *object)
{
	json_t *row =
		json_pack("{s:s, s:o}", "name", object->name, "body", api_body_of(object->body));

	if (has_parent(object->kind))
		json_object_set_new(row, "parent", json_string(object->parent));
	return row;
}

static void list_objects(struct api_task *task, const struct catalog *catalog, int64_t revision,
			 const struct which *which)
{
	const char *parent = which->parent[0] ? which->parent : NULL;
	const struct catalog_object *object;
	json_t *rows = json_array();

	for (size_t i = 0; (object = catalog_at(catalog, which->kind, parent, i)); i++)
		json_array_append_new(rows, row_of(object));
	api_answer(&task->reply,
		   json_pack("{s:o, s:I}", "objects", rows, "revision", (json_int_t)revision));
}

void api_tables_list(struct api_task *task)
{
	struct which which = { 0 };
	struct catalog *catalog;
	int64_t revision;

	if (!api_has_admin(task))
		return;
	catalog = admin_catalog(task->admin, &revision);
	snprintf(which.parent, sizeof(which.parent), "%s", api_argument(&task->query, "parent"));
	if (find_kind(task, &which)) {
		if (!which.parent[0])
			list_objects(task, catalog, revision, &which);
		else if (!has_parent(which.kind))
			api_refuse(&task->reply, BAD_REQUEST, "bad-argument",
				   "parent: only rules have one");
		else if (!catalog_find(catalog, kind_of_parent(which.kind), NULL, which.parent))
			refuse_missing(&task->reply, catalog, kind_of_parent(which.kind), NULL,
				       which.parent);
		else
			list_objects(task, catalog, revision, &which);
	}
	catalog_unref(&catalog);
	api_done(task);
}

void api_tables_show(struct api_task *task)
{
	const struct catalog_object *object;
	struct catalog *catalog;
	struct which which;
	int64_t revision;

	if (!api_has_admin(task))
		return;
	catalog = admin_catalog(task->admin, &revision);
	if (find_which(task, &which)) {
		const char *parent = has_parent(which.kind) ? which.parent : NULL;

		object = catalog_find(catalog, which.kind, parent, which.name);
		if (object)
			api_answer(&task->reply,
				   json_pack("{s:s, s:s, s:s, s:o, s:I}", "kind",
					     catalog_kind_name(object->kind), "parent",
					     which.parent, "name", object->name, "body",
					     api_body_of(object->body), "revision",
					     (json_int_t)revision));
		else
			refuse_missing(&task->reply, catalog, which.kind, parent, which.name);
	}
	catalog_unref(&catalog);
	api_done(task);
}

/* ---- Changing one ---- */

/* Hands the change over, or ends the task with what is in its reply already. */
static void change(struct api_task *task, const struct which *which, struct catalog_change *what)
{
	struct admin_request request;

	if (!make_request(task, &request)) {
		api_done(task);
		return;
	}
	what->kind = which->kind;
	what->parent = has_parent(which->kind) ? which->parent : NULL;
	what->name = which->name;
	admin_change(task->admin, &request, what, 1, changed, task);
}

/* The object must be there: else the nearest name is told. */
static bool find_there(struct api_task *task, struct which *which)
{
	struct catalog *catalog;
	const char *parent;
	bool found;

	if (!find_which(task, which))
		return false;
	parent = has_parent(which->kind) ? which->parent : NULL;
	catalog = admin_catalog(task->admin, NULL);
	found = catalog_find(catalog, which->kind, parent, which->name) != NULL;
	if (!found)
		refuse_missing(&task->reply, catalog, which->kind, parent, which->name);
	catalog_unref(&catalog);
	return found;
}

static bool known_keys(const json_t *object, const char *const *keys, struct api_reply *reply)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)object, key, value) {
		size_t i = 0;

		while (keys[i] && strcmp(keys[i], key) != 0)
			i++;
		if (!keys[i]) {
			api_refuse(reply, BAD_REQUEST, "bad-body",
				   "\"%s\" has no meaning in this body", key);
			return false;
		}
	}
	return true;
}

/* before, after, first, last: one of them at most. */
static bool read_place(const json_t *object, struct catalog_change *change, bool *given,
		       struct api_reply *reply)
{
	bool last = json_is_true(json_object_get(object, "last"));

	if (!api_member(object, "before", &change->before, reply) ||
	    !api_member(object, "after", &change->after, reply))
		return false;
	change->first = json_is_true(json_object_get(object, "first"));
	*given = change->before || change->after || change->first || last;
	if (!!change->before + !!change->after + change->first + last <= 1)
		return true;
	api_refuse(reply, BAD_REQUEST, "bad-body",
		   "one of before, after, first and last is accepted, not several");
	return false;
}

static bool read_addition(struct api_task *task, const json_t *object, struct which *which,
			  struct catalog_change *change)
{
	static const char *const keys[] = { "name",  "parent", "body", "before",
					    "after", "first",  "last", NULL };
	const char *name, *parent;
	bool given;

	if (!known_keys(object, keys, &task->reply) ||
	    !api_member(object, "name", &name, &task->reply) ||
	    !api_member(object, "parent", &parent, &task->reply) ||
	    !read_place(object, change, &given, &task->reply))
		return false;
	if (!name || !*name)
		api_refuse(&task->reply, BAD_REQUEST, "no-name", "which name? Give it as \"name\"");
	else if (has_parent(which->kind) && !parent)
		api_refuse(&task->reply, BAD_REQUEST, "no-parent",
			   "of which %s? Give it as \"parent\"",
			   catalog_kind_name(kind_of_parent(which->kind)));
	else if (strlen(name) >= API_NAME || (parent && strlen(parent) >= API_NAME))
		api_refuse(&task->reply, BAD_REQUEST, "long-name", "the name is too long");
	else if (json_object_get(object, "body") &&
		 !json_is_object(json_object_get(object, "body")))
		api_refuse(&task->reply, BAD_REQUEST, "bad-body", "\"body\" is no object");
	else
		return snprintf(which->name, sizeof(which->name), "%s", name) > 0 &&
		       snprintf(which->parent, sizeof(which->parent), "%s", parent ? parent : "") >=
			       0;
	return false;
}

void api_tables_add(struct api_task *task)
{
	struct catalog_change what = { .verb = CATALOG_ADD };
	struct which which = { 0 };
	json_t *object;
	char *body = NULL;

	if (!api_has_admin(task))
		return;
	object = find_kind(task, &which) ? api_object(&task->query, &task->reply) : NULL;
	if (object && read_addition(task, object, &which, &what)) {
		body = json_dumps(json_object_get(object, "body"), 0);
		what.body = body ? body : "{}";
		change(task, &which, &what);
	} else {
		api_done(task);
	}
	free(body);
	json_decref(object);
}

static void change_body(struct api_task *task, enum catalog_verb verb, bool must_be_there)
{
	struct catalog_change what = { .verb = verb };
	struct which which;
	json_t *object = NULL;
	char *body = NULL;

	if (!api_has_admin(task))
		return;
	if (must_be_there ? find_there(task, &which) : find_which(task, &which))
		object = api_object(&task->query, &task->reply);
	what.body = body = object ? json_dumps(object, 0) : NULL;
	if (body)
		change(task, &which, &what);
	else
		api_done(task);
	free(body);
	json_decref(object);
}

void api_tables_set(struct api_task *task)
{
	change_body(task, CATALOG_SET, true);
}

void api_tables_put(struct api_task *task)
{
	change_body(task, CATALOG_PUT, false);
}

void api_tables_delete(struct api_task *task)
{
	struct catalog_change what = { .verb = CATALOG_DELETE };
	struct which which;

	if (!api_has_admin(task))
		return;
	if (find_there(task, &which))
		change(task, &which, &what);
	else
		api_done(task);
}

void api_tables_move(struct api_task *task)
{
	static const char *const keys[] = { "before", "after", "first", "last", NULL };
	struct catalog_change what = { .verb = CATALOG_MOVE };
	struct which which;
	json_t *object = NULL;
	bool given = false;

	if (!api_has_admin(task))
		return;
	if (find_there(task, &which))
		object = api_object(&task->query, &task->reply);
	if (object && known_keys(object, keys, &task->reply) &&
	    read_place(object, &what, &given, &task->reply) && given) {
		change(task, &which, &what);
	} else {
		if (object && !task->reply.status)
			api_refuse(&task->reply, BAD_REQUEST, "bad-body",
				   "where to? before, after, first or last is needed");
		api_done(task);
	}
	json_decref(object);
}

void api_tables_rename(struct api_task *task)
{
	static const char *const keys[] = { "to", NULL };
	struct catalog_change what = { .verb = CATALOG_RENAME };
	struct which which;
	json_t *object = NULL;

	if (!api_has_admin(task))
		return;
	if (find_there(task, &which))
		object = api_object(&task->query, &task->reply);
	if (object && known_keys(object, keys, &task->reply) &&
	    api_member(object, "to", &what.body, &task->reply) && what.body && *what.body) {
		change(task, &which, &what);
	} else {
		if (object && !task->reply.status)
			api_refuse(&task->reply, BAD_REQUEST, "bad-body",
				   "the new name is needed: \"to\"");
		api_done(task);
	}
	json_decref(object);
}

/* ---- The whole ---- */

void api_tables_export(struct api_task *task)
{
	struct catalog *catalog;

	if (!api_has_admin(task))
		return;
	catalog = admin_catalog(task->admin, NULL);
	task->reply.text = catalog_yaml(catalog);
	task->reply.type = "application/yaml";
	task->reply.status = task->reply.text ? OK : FAILED;
	catalog_unref(&catalog);
	api_done(task);
}

void api_tables_apply(struct api_task *task)
{
	struct admin_faults faults = { 0 };
	struct admin_request request;
	struct catalog *to = NULL;
	int rc;

	if (!api_has_admin(task))
		return;
	if (!make_request(task, &request)) {
		api_done(task);
		return;
	}
	if (!task->query.length) {
		api_refuse(&task->reply, BAD_REQUEST, "no-body",
			   "apply needs a body: tables as YAML, as GET export gives them");
		api_done(task);
		return;
	}
	rc = catalog_from_yaml(&to, "tables", task->query.body, task->query.length, admin_fault,
			       &faults);
	if (rc == 0) {
		admin_apply(task->admin, &request, to, changed, task);
	} else {
		api_refuse_change(&task->reply, rc, faults.text ? faults.text : strerror(-rc));
		api_done(task);
	}
	catalog_unref(&to);
	admin_faults_free(&faults);
}

void api_history_rollback(struct api_task *task)
{
	struct admin_request request;
	char *end;
	long long revision = strtoll(task->query.names[0], &end, 10);

	if (!api_has_admin(task))
		return;
	if (*end || revision < 1)
		api_refuse(&task->reply, BAD_REQUEST, "bad-revision",
			   "%s is no revision; `gwctl history` shows which there are",
			   task->query.names[0]);
	else if (make_request(task, &request)) {
		admin_rollback(task->admin, &request, revision, changed, task);
		return;
	}
	api_done(task);
}
