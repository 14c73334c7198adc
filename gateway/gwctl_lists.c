/* SPDX-License-Identifier: GPL-2.0-only */
/* trunk list|show, span list, and the switch of both. */
#include "gateway/gwctl_private.h"

#include <string.h>

enum tint gwctl_state_tint(const char *state)
{
	return strcmp(state, "up") == 0 ? TINT_GOOD : TINT_BAD;
}

/* "enabled", "draining", "disabled": what somebody wants, beside what is. */
enum tint gwctl_admin_tint(const json_t *object)
{
	const char *admin = gwctl_text(object, "admin");

	return strcmp(admin, "draining") == 0   ? TINT_WARN
	       : strcmp(admin, "disabled") == 0 ? TINT_BAD
						: TINT_DIM;
}

static void add_admin(struct table *table, const json_t *object)
{
	table_add(table, gwctl_admin_tint(object), "%s", gwctl_text(object, "admin"));
}

void gwctl_print_trunks(struct gwctl *g, const json_t *trunks)
{
	struct table table;
	const json_t *trunk;
	size_t i;

	table_begin(&table, "TRUNK STATE ADMIN PEER TRANSPORT INTERFACE >CALLS >MOST POLICY");
	json_array_foreach(trunks, i, trunk) {
		bool up = json_is_true(json_object_get(trunk, "up"));
		long long most = gwctl_integer(trunk, "max_calls");

		table_add(&table, TINT_BOLD, "%s", gwctl_text(trunk, "name"));
		table_add(&table, up ? TINT_GOOD : TINT_BAD, "%s", up ? "up" : "down");
		add_admin(&table, trunk);
		table_add(&table, TINT_NONE, "%s", gwctl_text(trunk, "peer"));
		table_add(&table, TINT_NONE, "%s", gwctl_text(trunk, "transport"));
		table_add(&table, TINT_NONE, "%s", gwctl_text(trunk, "interface"));
		table_add(&table, TINT_NONE, "%lld", gwctl_integer(trunk, "calls"));
		if (most)
			table_add(&table, TINT_NONE, "%lld", most);
		else
			table_add(&table, TINT_DIM, "any");
		table_add(&table, TINT_NONE, "%s", gwctl_text(trunk, "policy"));
	}
	table_end(&table, g, "No trunks are configured.");
}

int gwctl_trunk_list(struct gwctl *g)
{
	json_t *json = NULL;
	int rc = gwctl_ask(g, "GET", &json, "trunks");

	if (rc == GWCTL_DONE)
		rc = gwctl_need(g, json, "trunks");
	if (rc == GWCTL_DONE && !gwctl_printed_json(g, json))
		gwctl_print_trunks(g, json_object_get(json, "trunks"));
	json_decref(json);
	return rc;
}

void gwctl_print_spans(struct gwctl *g, const json_t *spans)
{
	struct table table;
	const json_t *span;
	size_t i;

	table_begin(&table, "SPAN STATE ADMIN ALARMS LINE ROLE GROUP >CALLS >IDLE");
	json_array_foreach(spans, i, span) {
		const char *state = gwctl_text(span, "state");

		table_add(&table, TINT_BOLD, "%s", gwctl_text(span, "name"));
		table_add(&table, gwctl_state_tint(state), "%s", state);
		add_admin(&table, span);
		table_add(&table,
			  json_is_null(json_object_get(span, "alarms")) ? TINT_DIM : TINT_BAD, "%s",
			  gwctl_text(span, "alarms"));
		table_add(&table, TINT_NONE, "%s", gwctl_text(span, "line"));
		table_add(&table, TINT_NONE, "%s", gwctl_text(span, "role"));
		table_add(&table, TINT_NONE, "%s", gwctl_text(span, "group"));
		table_add(&table, TINT_NONE, "%lld", gwctl_integer(span, "calls"));
		table_add(&table, TINT_NONE, "%lld", gwctl_integer(span, "idle"));
	}
	table_end(&table, g, "No spans are configured.");
}

int gwctl_span_list(struct gwctl *g)
{
	json_t *json = NULL;
	int rc = gwctl_ask(g, "GET", &json, "spans");

	if (rc == GWCTL_DONE)
		rc = gwctl_need(g, json, "spans");
	if (rc == GWCTL_DONE && !gwctl_printed_json(g, json))
		gwctl_print_spans(g, json_object_get(json, "spans"));
	json_decref(json);
	return rc;
}

/* ---- One trunk ---- */

static void print_trunk(struct gwctl *g, const json_t *trunk)
{
	static const char *const rows[][2] = {
		{ "name", "name" },
		{ "admin", "admin" },
		{ "peer", "peer" },
		{ "transport", "transport" },
		{ "interface", "interface" },
		{ "calls", "calls" },
		{ "of them coming in", "calls_in" },
		{ "of them going out", "calls_out" },
		{ "policy", "policy" },
		{ "dial plan", "dial_plan" },
		{ "calling dial plan", "calling_dial_plan" },
		{ "called translation", "called_translation" },
		{ "calling translation", "calling_translation" },
	};
	long long most = gwctl_integer(trunk, "max_calls");
	struct table table;

	table_begin(&table, "TRUNK VALUE");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		table_fact(&table, rows[i][0], gwctl_plain(json_object_get(trunk, rows[i][1])));
	table_add(&table, TINT_DIM, "most calls");
	table_add(&table, TINT_NONE, "%s",
		  most ? gwctl_plain(json_object_get(trunk, "max_calls")) : "any");
	table_add(&table, TINT_DIM, "state");
	table_add(&table, json_is_true(json_object_get(trunk, "up")) ? TINT_GOOD : TINT_BAD, "%s",
		  json_is_true(json_object_get(trunk, "up")) ? "up" : "down");
	table_end(&table, g, "");
}

int gwctl_trunk_show(struct gwctl *g)
{
	char name[GWCTL_NAME];
	json_t *json = NULL;
	int rc = gwctl_ask(g, "GET", &json, "trunks/%s",
			   gwctl_escape(g->arguments[0], name, sizeof(name)));

	if (rc == GWCTL_DONE)
		rc = gwctl_need(g, json, "name");
	if (rc == GWCTL_DONE && !gwctl_printed_json(g, json))
		print_trunk(g, json);
	json_decref(json);
	return rc;
}

/* ---- The switch ---- */

static void print_switched(struct gwctl *g, const json_t *json)
{
	const char *kind = gwctl_text(json, "kind"), *name = gwctl_text(json, "name");
	const char *admin = gwctl_text(json, "admin");
	long long calls = gwctl_integer(json, "calls");

	if (strcmp(admin, "enabled") == 0)
		fprintf(g->out, "The %s %s takes new calls.\n", kind, name);
	else if (calls)
		fprintf(g->out, "The %s %s takes no new calls; %s %s still on it.\n", kind, name,
			gwctl_count((size_t)calls, "call"), calls == 1 ? "is" : "are");
	else
		fprintf(g->out, "The %s %s takes no new calls, and there are none on it.\n", kind,
			name);
}

/* trunk enable, trunk disable, span enable, span disable, span drain. */
int gwctl_switch(struct gwctl *g)
{
	const char *verb = strchr(g->command->words, ' ') + 1;
	char name[GWCTL_NAME], path[GWCTL_NAME + 40];
	json_t *json = NULL;
	int rc;

	snprintf(path, sizeof(path), "%.*ss/%s/%s", (int)(verb - g->command->words) - 1,
		 g->command->words, gwctl_escape(g->arguments[0], name, sizeof(name)), verb);
	rc = gwctl_ask_for(
		g,
		&(struct gwctl_asking){ .method = "POST",
					.path = path,
					.more = gwctl_flag(g, "--now") ? "now=true" : NULL },
		&json);
	if (rc == GWCTL_DONE)
		rc = gwctl_need(g, json, "admin");
	if (rc == GWCTL_DONE && !gwctl_printed_json(g, json))
		print_switched(g, json);
	json_decref(json);
	return rc;
}
