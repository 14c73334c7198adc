/* SPDX-License-Identifier: GPL-2.0-only */
/* --add-usage, --remove-gateway and the like: the list as it is now, with or without these. It is
 * sent with the revision it was read at, so that nobody's change in between is lost. */
#include "gateway/gwctl_kinds.h"

#include "conf/suggest.h"

#include <string.h>

static const char *name_of(const json_t *item)
{
	return json_string_value(json_is_object(item) ? json_object_get(item, "name") : item);
}

static const char *name_at(const void *list, size_t i)
{
	return i < json_array_size(list) ? name_of(json_array_get(list, i)) : NULL;
}

/* SIZE_MAX: it isn't in it. */
static size_t place_of(const json_t *list, const char *name)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (name_at(list, i) && strcmp(name_at(list, i), name) == 0)
			return i;
	return SIZE_MAX;
}

/* "--add-" and "usage" of "--usage". */
static const char *option_of(const char *verb, const struct gwctl_key *key, char out[40])
{
	snprintf(out, 40, "%s%s", verb, key->option + 2);
	return out;
}

static int remove_all(struct gwctl *g, const struct gwctl_key *key, json_t *list)
{
	char option[40], known[300];
	const char *name;

	option_of("--remove-", key, option);
	for (size_t i = 0; (name = gwctl_value_at(g, option, i)); i++) {
		size_t place = place_of(list, name);

		if (place == SIZE_MAX)
			return gwctl_complain(g, GWCTL_NOT_FOUND, "no-such-item",
					      "%s %s: it is not in the list; there are: %s", option,
					      name,
					      suggest_list(known, sizeof(known), name_at, list));
		json_array_remove(list, place);
	}
	return GWCTL_DONE;
}

/* One that is there already takes its new weight. */
static void add_all(struct gwctl *g, const struct gwctl_key *key, json_t *list)
{
	const char *value;
	char option[40];

	option_of("--add-", key, option);
	for (size_t i = 0; (value = gwctl_value_at(g, option, i)); i++) {
		json_t *item =
			key->form == GWCTL_GATEWAYS ? gwctl_weighted(value) : json_string(value);
		size_t place = name_of(item) ? place_of(list, name_of(item)) : SIZE_MAX;

		if (place == SIZE_MAX)
			json_array_append_new(list, item);
		else
			json_array_set_new(list, place, item);
	}
}

static bool edits(const struct gwctl *g, const struct gwctl_key *key)
{
	char option[40];

	return gwctl_flag(g, option_of("--add-", key, option)) ||
	       gwctl_flag(g, option_of("--remove-", key, option));
}

static int edit(struct gwctl *g, const struct gwctl_key *key, const json_t *now, json_t *body)
{
	json_t *list = json_is_array(now) ? json_copy((json_t *)now) : json_array();
	int rc;

	if (gwctl_flag(g, key->option))
		rc = gwctl_complain(g, GWCTL_USAGE, "usage",
				    "%s gives the list whole: it does not go "
				    "with --add-%s and --remove-%s",
				    key->option, key->option + 2, key->option + 2);
	else
		rc = remove_all(g, key, list);
	if (rc == GWCTL_DONE) {
		add_all(g, key, list);
		json_object_set(body, key->key, list);
	}
	json_decref(list);
	return rc;
}

int gwctl_edit_lists(struct gwctl *g, const struct gwctl_kind *kind, const char *path, json_t *body,
		     json_int_t *revision)
{
	json_t *answer = NULL;
	int rc = GWCTL_DONE;

	for (const struct gwctl_key *key = kind->keys; rc == GWCTL_DONE && key->option; key++) {
		if ((key->form != GWCTL_LIST && key->form != GWCTL_GATEWAYS) || !edits(g, key))
			continue;
		if (!answer)
			rc = gwctl_ask(g, "GET", &answer, "%s", path);
		if (rc == GWCTL_DONE)
			rc = gwctl_need(g, answer, "body");
		if (rc == GWCTL_DONE)
			rc = edit(g, key,
				  json_object_get(json_object_get(answer, "body"), key->key), body);
	}
	if (answer && !gwctl_flag(g, "--if-revision"))
		*revision = json_integer_value(json_object_get(answer, "revision"));
	json_decref(answer);
	return rc;
}
