/* SPDX-License-Identifier: GPL-2.0-only */
/* store status|backup|restore|migrate, config diff|reload: the gateway's own files. */
#include "gateway/gwctl_private.h"

#include "base/mem.h"

#include <string.h>
#include <unistd.h>

/* ---- Stores ---- */

static void print_store(struct gwctl *g, const json_t *store)
{
	static const char *const rows[][2] = {
		{ "kind", "kind" },
		{ "where", "where" },
		{ "error", "error" },
		{ "reconnects", "reconnects" },
	};
	bool up = json_is_true(json_object_get(store, "up"));
	struct table table;

	table_begin(&table, "STORE VALUE");
	table_add(&table, TINT_DIM, "state");
	table_add(&table, up ? TINT_GOOD : TINT_BAD, "%s", up ? "up" : "away");
	table_fact(&table, "since (UTC)", gwctl_time(store, "since"));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		table_fact(&table, rows[i][0], gwctl_plain(json_object_get(store, rows[i][1])));
	table_end(&table, g, "");
}

static void print_spool(struct gwctl *g, const json_t *spool)
{
	static const char *const rows[][2] = {
		{ "records waiting", "queued" }, { "their octets", "queued_octets" },
		{ "room, octets", "size" },      { "calls in progress", "held" },
		{ "room for calls", "slots" },   { "lost", "lost" },
		{ "damaged", "damaged" },
	};
	struct table table;

	table_begin(&table, "SPOOL VALUE");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		table_fact(&table, rows[i][0], gwctl_plain(json_object_get(spool, rows[i][1])));
	table_end(&table, g, "");
}

int gwctl_store_status(struct gwctl *g)
{
	json_t *json = NULL;
	int rc = gwctl_ask(g, "GET", &json, "store");

	if (rc == GWCTL_DONE)
		rc = gwctl_need(g, json, "tables");
	if (rc == GWCTL_DONE && !gwctl_printed_json(g, json)) {
		const json_t *tables = json_object_get(json, "tables"),
			     *records = json_object_get(json, "records");

		gwctl_print_tables(g, tables);
		print_store(g, json_object_get(tables, "store"));
		fputc('\n', g->out);
		gwctl_print_records(g, records);
		if (json_is_object(records)) {
			print_store(g, json_object_get(records, "store"));
			fputc('\n', g->out);
			print_spool(g, json_object_get(records, "spool"));
		}
	}
	json_decref(json);
	return rc;
}

/* The gateway has another working directory: from / on. NULL after a complaint. */
static char *whole_path(struct gwctl *g, const char *path)
{
	char here[4096], *whole = NULL;

	if (path[0] == '/')
		whole = mem_strdup(path);
	else if (getcwd(here, sizeof(here)))
		whole = mem_printf("%s/%s", here, path);
	if (!whole)
		gwctl_out_of_memory(g);
	return whole;
}

static int run_errand(struct gwctl *g, const char *api_path, json_t **out)
{
	const char *what = gwctl_flag(g, "--records") ? "records" : "tables";
	char *path = whole_path(g, g->arguments[0]);
	json_t *body = path ? json_pack("{s:s, s:s}", "path", path, "what", what) : NULL;
	int rc = GWCTL_FAILED;

	if (body)
		rc = gwctl_ask_for(
			g,
			&(struct gwctl_asking){ .method = "POST", .path = api_path, .json = body },
			out);
	else if (path)
		rc = gwctl_complain(g, GWCTL_USAGE, "usage", "the path is no UTF-8");
	json_decref(body);
	mem_free(path);
	return rc;
}

int gwctl_store_backup(struct gwctl *g)
{
	json_t *json = NULL;
	int rc = run_errand(g, "store/backup", &json);

	if (rc == GWCTL_DONE && !gwctl_printed_json(g, json))
		fprintf(g->out, "A copy of the %s is in %s.\n", gwctl_text(json, "what"),
			gwctl_text(json, "path"));
	json_decref(json);
	return rc;
}

int gwctl_store_restore(struct gwctl *g)
{
	char question[300];
	json_t *json = NULL;
	int rc;

	snprintf(question, sizeof(question), "Replace the %s by those of %.200s?",
		 gwctl_flag(g, "--records") ? "records of calls" : "tables", g->arguments[0]);
	rc = gwctl_confirm(g, question);
	if (rc == GWCTL_DONE)
		rc = run_errand(g, "store/restore", &json);
	if (rc == GWCTL_DONE && !gwctl_printed_json(g, json)) {
		fprintf(g->out, "The %s are those of %s", gwctl_text(json, "what"),
			gwctl_text(json, "path"));
		if (json_object_get(json, "revision"))
			fprintf(g->out, ": revision %lld", gwctl_integer(json, "revision"));
		fputs(".\n", g->out);
		gwctl_print_diff(g, json_object_get(json, "diff"));
	}
	json_decref(json);
	return rc;
}

int gwctl_store_migrate(struct gwctl *g)
{
	json_t *json = NULL;
	int rc = gwctl_ask_for(
		g, &(struct gwctl_asking){ .method = "POST", .path = "store/migrate" }, &json);

	if (rc == GWCTL_DONE && !gwctl_printed_json(g, json)) {
		fprintf(g->out, "Schema of the tables: version %s",
			gwctl_plain(json_object_get(json, "tables")));
		if (json_is_integer(json_object_get(json, "records")))
			fprintf(g->out, "; of the records: version %s",
				gwctl_plain(json_object_get(json, "records")));
		fputs(".\n", g->out);
	}
	json_decref(json);
	return rc;
}

/* ---- The machine's configuration ---- */

/* Of "effect" in the API. */
static const char *effect_text(const char *effect, enum tint *tint)
{
	static const struct {
		const char *effect, *text;
		enum tint tint;
	} rows[] = {
		{ "at-once", "at once", TINT_GOOD },
		{ "drains", "calls on it end first", TINT_WARN },
		{ "restart", "only by a restart", TINT_BAD },
	};

	*tint = TINT_NONE;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].effect, effect) == 0) {
			*tint = rows[i].tint;
			return rows[i].text;
		}
	return effect;
}

static void print_differences(struct gwctl *g, const json_t *differences, const char *nothing)
{
	const json_t *one;
	struct table table;
	enum tint tint;
	size_t i;

	table_begin(&table, "OBJECT NAME CHANGE EFFECT KEYS");
	json_array_foreach(differences, i, one) {
		const char *effect = effect_text(gwctl_text(one, "effect"), &tint);

		table_add(&table, TINT_NONE, "%s", gwctl_text(one, "object"));
		table_add(&table, TINT_BOLD, "%s", gwctl_text(one, "name"));
		table_add(&table, TINT_NONE, "%s", gwctl_text(one, "verb"));
		table_add(&table, tint, "%s", effect);
		table_add(&table, TINT_NONE, "%s", gwctl_text(one, "keys"));
	}
	table_end(&table, g, nothing);
}

int gwctl_config_diff(struct gwctl *g)
{
	json_t *json = NULL;
	int rc = gwctl_ask(g, "GET", &json, "config/diff");

	if (rc == GWCTL_DONE)
		rc = gwctl_need(g, json, "differences");
	if (rc == GWCTL_DONE && !gwctl_printed_json(g, json))
		print_differences(g, json_object_get(json, "differences"),
				  "A reload would change nothing.");
	json_decref(json);
	return rc;
}

int gwctl_config_reload(struct gwctl *g)
{
	json_t *json = NULL;
	int rc = gwctl_ask_for(
		g,
		&(struct gwctl_asking){ .method = "POST",
					.path = "config/reload",
					.more = gwctl_flag(g, "--now") ? "now=true" : NULL },
		&json);

	if (rc == GWCTL_DONE)
		rc = gwctl_need(g, json, "changed");
	if (rc == GWCTL_DONE && !gwctl_printed_json(g, json)) {
		if (json_is_true(json_object_get(json, "changed")))
			fputs("Reloaded. What changed:\n", g->out);
		print_differences(g, json_object_get(json, "differences"), "Nothing has changed.");
	}
	json_decref(json);
	return rc;
}
