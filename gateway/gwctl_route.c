/* SPDX-License-Identifier: GPL-2.0-only */
/* route test: each step of the decision, and for what did not match why not. */
#include "gateway/gwctl_private.h"

#include <string.h>

static bool is_rule(const char *kind)
{
	return strcmp(kind, "normalize") == 0 || strcmp(kind, "translate") == 0;
}

static bool same(const json_t *a, const json_t *b, const char *key)
{
	return strcmp(gwctl_text(a, key), gwctl_text(b, key)) == 0;
}

/* A heading where the walk turns to something new: another list of rules, another number, or from
 * rules to routes. */
static void print_heading(struct gwctl *g, const json_t *step, const json_t *before)
{
	const char *kind = gwctl_text(step, "step"), *table = gwctl_text(step, "table");
	bool rules = is_rule(kind), translates = strcmp(kind, "translate") == 0;

	if (before && is_rule(gwctl_text(before, "step")) == rules &&
	    (!rules ||
	     (same(step, before, "step") && same(step, before, "of") && same(step, before, "for"))))
		return;
	fprintf(g->out, "%s", tint_on(g, TINT_BOLD));
	if (!rules)
		fprintf(g->out, "route");
	else
		fprintf(g->out, "%s the %s number", kind, gwctl_text(step, "of"));
	if (translates)
		fprintf(g->out, " for %s", gwctl_text(step, "for"));
	fprintf(g->out, "%s", tint_off(g, TINT_BOLD));
	if (rules && json_is_string(json_object_get(step, "table")))
		fprintf(g->out, " (%s %s)", translates ? "translation" : "dial plan", table);
	fputc('\n', g->out);
}

/* "rule national: ", "policy staff: "; nothing when there is no such thing. */
static void print_object(struct gwctl *g, const json_t *step, const char *kind)
{
	const char *key = strcmp(kind, "policy") == 0 ? "table" : "object";

	if (json_is_string(json_object_get(step, key)))
		fprintf(g->out, "%s %s", is_rule(kind) ? "rule" : kind, gwctl_text(step, key));
	else if (!is_rule(kind))
		fprintf(g->out, "%s", kind);
}

static void print_step(struct gwctl *g, const json_t *step)
{
	const char *kind = gwctl_text(step, "step"), *comma = ": ";
	bool matched = json_is_true(json_object_get(step, "matched"));
	enum tint tint = matched ? TINT_GOOD : TINT_DIM;
	int indent = strcmp(kind, "gateway") == 0 ? 6 : strcmp(kind, "route") == 0 ? 4 : 2;

	fprintf(g->out, "%s%*s%s ", tint_on(g, tint), indent, "", matched ? "+" : "-");
	print_object(g, step, kind);
	if (is_rule(kind) && !json_is_string(json_object_get(step, "object")))
		comma = "";
	if (matched && json_is_string(json_object_get(step, "after")))
		fprintf(g->out, ": %s becomes %s", gwctl_text(step, "before"),
			gwctl_text(step, "after"));
	if (json_is_string(json_object_get(step, "why")))
		fprintf(g->out, "%s%s", comma, gwctl_text(step, "why"));
	fprintf(g->out, "%s\n", tint_off(g, tint));
}

static void print_steps(struct gwctl *g, const json_t *test)
{
	const json_t *steps = json_object_get(test, "steps"), *step, *before = NULL;
	size_t i;

	json_array_foreach(steps, i, step) {
		print_heading(g, step, before);
		print_step(g, step);
		before = step;
	}
	if (gwctl_integer(test, "steps_left_out"))
		fprintf(g->out, "  … and %lld more that did not match\n",
			gwctl_integer(test, "steps_left_out"));
}

static void print_candidates(struct gwctl *g, const json_t *candidates)
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
			  available ? "free"
				    : gwctl_text(json_object_get(candidate, "unavailable_cause"),
						 "text"));
	}
	table_end(&table, g, "");
}

static void print_test(struct gwctl *g, const json_t *test)
{
	const json_t *candidates = json_object_get(test, "candidates");

	print_steps(g, test);
	fputc('\n', g->out);
	if (json_array_size(candidates) == 0) {
		fprintf(g->out, "%sNo route leads to %s from %s.%s\n", tint_on(g, TINT_BAD),
			gwctl_number(test, "called_normalized"), gwctl_text(test, "from"),
			tint_off(g, TINT_BAD));
		return;
	}
	fprintf(g->out, "%s from %s would be tried at%s:\n",
		gwctl_number(test, "called_normalized"), gwctl_text(test, "from"),
		json_is_true(json_object_get(test, "emergency")) ? ", as an emergency call" : "");
	print_candidates(g, candidates);
}

int gwctl_route_test(struct gwctl *g)
{
	const char *given_from = gwctl_value(g, "--from"),
		   *given_calling = gwctl_value(g, "--calling");
	const char *given_type = gwctl_value(g, "--type");
	char number[GWCTL_NAME], from[GWCTL_NAME], calling[GWCTL_NAME], type[120];
	json_t *json = NULL;
	int rc;

	if (!given_from)
		return gwctl_complain(
			g, GWCTL_USAGE, "usage",
			"where would the call come from? Add --from "
			"and the name of a trunk or span (`gwctl trunk list`, `gwctl span "
			"list`)");
	if (strlen(g->arguments[0]) > 255)
		return gwctl_complain(g, GWCTL_USAGE, "long-number",
				      "a number has at most 63 digits");
	rc = gwctl_ask(g, "GET", &json, "route-test?number=%s&from=%s&calling=%s&type=%s",
		       gwctl_escape(g->arguments[0], number, sizeof(number)),
		       gwctl_escape(given_from, from, sizeof(from)),
		       gwctl_escape(given_calling ? given_calling : "", calling, sizeof(calling)),
		       gwctl_escape(given_type ? given_type : "", type, sizeof(type)));
	if (rc == GWCTL_DONE)
		rc = gwctl_need(g, json, "candidates");
	if (rc == GWCTL_DONE && !gwctl_printed_json(g, json))
		print_test(g, json);
	if (rc == GWCTL_DONE && json_array_size(json_object_get(json, "candidates")) == 0)
		rc = GWCTL_NOT_FOUND;
	json_decref(json);
	return rc;
}
