/* SPDX-License-Identifier: GPL-2.0-only */
/* route test: each step of the decision, and for what did not match why not. */
#include "gateway/gwctl_private.h"

#include <string.h>

/* What stands before a step: a heading when the walk turns to something new. */
static void print_heading(const struct gwctl *g, const json_t *step, const json_t *before)
{
	const char *kind = gwctl_text(step, "step"), *of = gwctl_text(step, "of"), *table = gwctl_text(step, "table");

	if (before && strcmp(kind, gwctl_text(before, "step")) == 0 && strcmp(of, gwctl_text(before, "of")) == 0 &&
	    strcmp(table, gwctl_text(before, "table")) == 0)
		return;
	if (strcmp(kind, "normalize") == 0)
		fprintf(g->out, "%snormalize the %s number%s (dial plan %s)\n", tint_on(g, TINT_BOLD), of,
			tint_off(g, TINT_BOLD), table);
	else if (strcmp(kind, "translate") == 0)
		fprintf(g->out, "%stranslate for %s%s (translation %s)\n", tint_on(g, TINT_BOLD), of,
			tint_off(g, TINT_BOLD), table);
	else if (!before || strcmp(gwctl_text(before, "step"), "normalize") == 0)
		fprintf(g->out, "%sroute%s\n", tint_on(g, TINT_BOLD), tint_off(g, TINT_BOLD));
}

/* "rule national", "policy staff"; nothing when there is no such thing. */
static void print_object(const struct gwctl *g, const json_t *step, const char *kind)
{
	const char *key = strcmp(kind, "policy") == 0 ? "table" : "object";
	bool is_rule = strcmp(kind, "normalize") == 0 || strcmp(kind, "translate") == 0;

	if (json_is_string(json_object_get(step, key)))
		fprintf(g->out, "%s %s", is_rule ? "rule" : kind, gwctl_text(step, key));
	else
		fprintf(g->out, "%s", is_rule ? "no rules" : kind);
}

static void print_step(const struct gwctl *g, const json_t *step)
{
	const char *kind = gwctl_text(step, "step");
	bool matched = json_is_true(json_object_get(step, "matched"));
	enum tint tint = matched ? TINT_GOOD : TINT_DIM;
	int indent = strcmp(kind, "gateway") == 0 ? 6 : strcmp(kind, "route") == 0 ? 4 : 2;

	fprintf(g->out, "%s%*s%s ", tint_on(g, tint), indent, "", matched ? "+" : "-");
	print_object(g, step, kind);
	if (matched && json_is_string(json_object_get(step, "after")))
		fprintf(g->out, ": %s becomes %s", gwctl_text(step, "before"), gwctl_text(step, "after"));
	if (json_is_string(json_object_get(step, "why")))
		fprintf(g->out, ": %s", gwctl_text(step, "why"));
	fprintf(g->out, "%s\n", tint_off(g, tint));
}

static void print_steps(const struct gwctl *g, const json_t *test)
{
	const json_t *steps = json_object_get(test, "steps"), *step, *before = NULL;
	size_t i;

	json_array_foreach(steps, i, step) {
		print_heading(g, step, before);
		print_step(g, step);
		before = step;
	}
	if (gwctl_integer(test, "steps_left_out"))
		fprintf(g->out, "  … and %lld more that did not match\n", gwctl_integer(test, "steps_left_out"));
}

static void print_candidates(const struct gwctl *g, const json_t *candidates)
{
	const json_t *candidate;
	struct table table;
	size_t i;

	table_begin(&table, "># GATEWAY KIND ROUTE CALLED_AS CALLING_AS NOW");
	json_array_foreach(candidates, i, candidate) {
		bool available = json_is_true(json_object_get(candidate, "available"));

		table_add(&table, TINT_NONE, "%zu", i + 1);
		table_add(&table, TINT_BOLD, "%s", gwctl_text(candidate, "gateway"));
		table_add(&table, TINT_NONE, "%s", gwctl_text(candidate, "kind"));
		table_add(&table, TINT_NONE, "%s", gwctl_text(candidate, "route"));
		table_add(&table, TINT_NONE, "%s", gwctl_number(candidate, "called_sent"));
		table_add(&table, TINT_NONE, "%s", gwctl_number(candidate, "calling_sent"));
		table_add(&table, available ? TINT_GOOD : TINT_BAD, "%s",
			  available ? "free" : gwctl_text(json_object_get(candidate, "unavailable_cause"), "text"));
	}
	table_end(&table, g, "");
}

static void print_test(const struct gwctl *g, const json_t *test)
{
	const json_t *candidates = json_object_get(test, "candidates");

	print_steps(g, test);
	fputc('\n', g->out);
	if (json_array_size(candidates) == 0) {
		fprintf(g->out, "%sNo route leads to %s from %s.%s\n", tint_on(g, TINT_BAD),
			gwctl_number(test, "called_normalized"), gwctl_text(test, "from"), tint_off(g, TINT_BAD));
		return;
	}
	fprintf(g->out, "%s from %s would be tried at%s:\n", gwctl_number(test, "called_normalized"),
		gwctl_text(test, "from"),
		json_is_true(json_object_get(test, "emergency")) ? ", as an emergency call" : "");
	print_candidates(g, candidates);
}

int gwctl_route_test(struct gwctl *g)
{
	char number[300], from[300], calling[300];
	json_t *json = NULL;
	int rc;

	if (!g->from)
		return gwctl_complain(g, GWCTL_USAGE, "usage", "where would the call come from? Add --from and the name "
				      "of a trunk or span (`gwctl trunk list`, `gwctl span list`)");
	rc = gwctl_ask(g, "GET", &json, "route-test?number=%s&from=%s&calling=%s",
		       gwctl_escape(g->arguments[0], number, sizeof(number)), gwctl_escape(g->from, from, sizeof(from)),
		       gwctl_escape(g->calling ? g->calling : "", calling, sizeof(calling)));
	if (rc)
		return rc;
	if (json_array_size(json_object_get(json, "candidates")) == 0)
		rc = GWCTL_NOT_FOUND;
	if (!gwctl_printed_json(g, json))
		print_test(g, json);
	json_decref(json);
	return rc;
}
