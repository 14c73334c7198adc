/* SPDX-License-Identifier: GPL-2.0-only */
/* The tables as a whole: apply, export, history, rollback. What changes all of them is shown first,
 * asked for, and then made only if nobody has changed them meanwhile. */
#include "gateway/gwctl_private.h"

#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TABLES_MAX (16u << 20) /* the API takes no more */

/* ---- Show, ask, change ---- */

static int dry_run(struct gwctl *g, const struct gwctl_asking *asking, json_t **out)
{
	struct gwctl_asking dry = *asking;
	int rc;

	dry.dry_run = !gwctl_flag(g, "--dry-run"); /* which is added anyway */
	rc = gwctl_ask_for(g, &dry, out);
	return rc ? rc : gwctl_need(g, *out, "changed");
}

static int make(struct gwctl *g, const struct gwctl_asking *asking, json_int_t revision)
{
	struct gwctl_asking guarded = *asking;
	json_t *answer = NULL;
	int rc;

	guarded.if_revision = revision;
	rc = gwctl_ask_for(g, &guarded, &answer);
	if (rc == GWCTL_CONFLICT && !g->json)
		fputs("gwctl: somebody changed the tables meanwhile; look at the differences "
		      "again\n",
		      g->io->err);
	if (rc == GWCTL_DONE && !gwctl_printed_json(g, answer))
		fprintf(g->out, "%sDone: revision %lld.%s `gwctl rollback %lld` takes it back.\n",
			tint_on(g, TINT_GOOD), gwctl_integer(answer, "revision"),
			tint_off(g, TINT_GOOD), (long long)revision);
	json_decref(answer);
	return rc;
}

static int confirm(struct gwctl *g, size_t count)
{
	char question[80];

	snprintf(question, sizeof(question), "Make %s?",
		 count == 1 ? "this change" : "these changes");
	return gwctl_confirm(g, question);
}

static int carefully(struct gwctl *g, const struct gwctl_asking *asking)
{
	json_t *answer = NULL;
	int rc = dry_run(g, asking, &answer);
	const json_t *diff = json_object_get(answer, "diff");
	bool changed = json_is_true(json_object_get(answer, "changed"));

	if (rc == GWCTL_DONE && g->json && (!changed || gwctl_flag(g, "--dry-run"))) {
		gwctl_printed_json(g, answer);
	} else if (rc == GWCTL_DONE && !changed) {
		fprintf(g->out, "Nothing to change: the tables (revision %lld) are like that.\n",
			gwctl_integer(answer, "revision"));
	} else if (rc == GWCTL_DONE) {
		if (!g->json) {
			gwctl_print_diff(g, diff);
			fprintf(g->out, "%s.\n", gwctl_count(json_array_size(diff), "change"));
		}
		if (!gwctl_flag(g, "--dry-run"))
			rc = confirm(g, json_array_size(diff));
		if (rc == GWCTL_DONE && !gwctl_flag(g, "--dry-run"))
			rc = make(g, asking,
				  json_integer_value(json_object_get(answer, "revision")));
	}
	json_decref(answer);
	return rc;
}

/* ---- apply ---- */

/* The whole file, mem_free(). NULL after a complaint. */
static char *read_all(struct gwctl *g, FILE *file, const char *name, size_t *length)
{
	size_t room = 0;
	char *text = NULL;

	for (*length = 0;;) {
		if (*length + 1 >= room) {
			char *more = mem_realloc(text, room = room ? 2 * room : 65536);

			if (!more) {
				gwctl_out_of_memory(g);
				break;
			}
			text = more;
		}
		*length += fread(text + *length, 1, room - *length - 1, file);
		if (ferror(file) || *length > TABLES_MAX) {
			gwctl_complain(g, GWCTL_USAGE, "unreadable", "%s: %s", name,
				       ferror(file) ? strerror(errno) : "more than 16 MiB");
			break;
		}
		if (feof(file))
			return text;
	}
	mem_free(text);
	return NULL;
}

static char *read_file(struct gwctl *g, const char *path, size_t *length)
{
	bool standard = strcmp(path, "-") == 0;
	FILE *file = standard ? g->io->in : fopen(path, "re");
	char *text;

	if (!file) {
		gwctl_complain(g, GWCTL_USAGE, "unreadable", "%s: %s", path, strerror(errno));
		return NULL;
	}
	text = read_all(g, file, standard ? "standard input" : path, length);
	if (!standard)
		fclose(file);
	return text;
}

int gwctl_apply(struct gwctl *g)
{
	struct gwctl_asking asking = { .method = "POST",
				       .path = "apply",
				       .type = "application/yaml" };
	char *text;
	int rc;

	if (strcmp(g->arguments[0], "-") == 0 && !gwctl_flag(g, "--yes") &&
	    !gwctl_flag(g, "--dry-run"))
		return gwctl_complain(g, GWCTL_USAGE, "not-confirmed",
				      "the tables come from standard input, "
				      "where nobody can be asked: add --yes, or --dry-run");
	text = read_file(g, g->arguments[0], &asking.length);
	if (!text)
		return GWCTL_USAGE;
	asking.text = text;
	g->file = strcmp(g->arguments[0], "-") ? g->arguments[0] : "standard input";
	rc = carefully(g, &asking);
	mem_free(text);
	return rc;
}

/* ---- export ---- */

static int write_file(struct gwctl *g, const char *path, const char *text, size_t length)
{
	char *beside = mem_printf("%s.%d", path, getpid());
	FILE *file = beside ? fopen(beside, "wx") : NULL;
	bool good = file && fwrite(text, 1, length, file) == length;

	if (file)
		good = fclose(file) == 0 && good;
	good = good && rename(beside, path) == 0;
	if (!good) {
		gwctl_complain(g, GWCTL_FAILED, "not-written", "%s: %s", path, strerror(errno));
		if (file)
			unlink(beside);
	}
	mem_free(beside);
	return good ? GWCTL_DONE : GWCTL_FAILED;
}

int gwctl_export(struct gwctl *g)
{
	char *text = NULL;
	size_t length = 0;
	int rc = gwctl_ask_text(g, "export", &text, &length);

	if (rc == GWCTL_DONE && g->argument_count && strcmp(g->arguments[0], "-") != 0) {
		rc = write_file(g, g->arguments[0], text ? text : "", length);
	} else if (rc == GWCTL_DONE && g->json) {
		json_t *json = json_pack("{s:s#}", "yaml", text ? text : "", (int)length);

		gwctl_printed_json(g, json);
		json_decref(json);
	} else if (rc == GWCTL_DONE && length) {
		fwrite(text, 1, length, g->out);
	}
	mem_free(text);
	return rc;
}

/* ---- history ---- */

static void print_history(struct gwctl *g, const json_t *history)
{
	const json_t *entry;
	struct table table;
	size_t i;

	table_begin(&table, ">REVISION TIME_(UTC) WHO FROM >OBJECTS WHAT");
	json_array_foreach(history, i, entry) {
		table_add(&table, TINT_BOLD, "%lld", gwctl_integer(entry, "revision"));
		table_add(&table, TINT_NONE, "%s", gwctl_time(entry, "time"));
		table_add(&table, TINT_NONE, "%s", gwctl_text(entry, "who"));
		table_add(&table, TINT_DIM, "%s", gwctl_text(entry, "origin"));
		table_add(&table, TINT_NONE, "%lld", gwctl_integer(entry, "objects"));
		table_add(&table, TINT_NONE, "%s", gwctl_text(entry, "what"));
	}
	table_end(&table, g, "Nothing was changed yet.");
}

static int list_history(struct gwctl *g)
{
	long long limit = 20;
	json_t *json = NULL;
	int rc = gwctl_number_of(g, "--limit", 1, 1000, &limit);

	if (rc == GWCTL_DONE)
		rc = gwctl_ask(g, "GET", &json, "history?limit=%lld", limit);
	if (rc == GWCTL_DONE)
		rc = gwctl_need(g, json, "history");
	if (rc == GWCTL_DONE && !gwctl_printed_json(g, json)) {
		print_history(g, json_object_get(json, "history"));
		if (json_is_integer(json_object_get(json, "next")))
			fputs("… and older ones; --limit N shows more\n", g->out);
	}
	json_decref(json);
	return rc;
}

static bool is_revision(const char *text)
{
	return text[0] && strlen(text) < 19 && strspn(text, "0123456789") == strlen(text);
}

static int bad_revision(struct gwctl *g)
{
	return gwctl_complain(g, GWCTL_USAGE, "usage",
			      "%s is no revision: `gwctl history` shows which there "
			      "are",
			      g->arguments[0]);
}

int gwctl_history(struct gwctl *g)
{
	json_t *json = NULL;
	int rc;

	if (!g->argument_count)
		return list_history(g);
	if (!is_revision(g->arguments[0]))
		return bad_revision(g);
	rc = gwctl_ask(g, "GET", &json, "history/%s", g->arguments[0]);
	if (rc == GWCTL_DONE)
		rc = gwctl_need(g, json, "diff");
	if (rc == GWCTL_DONE && !gwctl_printed_json(g, json)) {
		fprintf(g->out, "revision %lld, %s UTC, by %s (%s): %s\n",
			gwctl_integer(json, "revision"), gwctl_time(json, "time"),
			gwctl_text(json, "who"), gwctl_text(json, "origin"),
			gwctl_text(json, "what"));
		gwctl_print_diff(g, json_object_get(json, "diff"));
	}
	json_decref(json);
	return rc;
}

int gwctl_rollback(struct gwctl *g)
{
	char path[60];

	if (!is_revision(g->arguments[0]))
		return bad_revision(g);
	snprintf(path, sizeof(path), "rollback/%s", g->arguments[0]);
	return carefully(g, &(struct gwctl_asking){ .method = "POST", .path = path });
}
