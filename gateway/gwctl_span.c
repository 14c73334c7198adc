/* SPDX-License-Identifier: GPL-2.0-only */
/* span show: a map of its timeslots, the calls on it, counters. */
#include "gateway/gwctl_private.h"

#include <string.h>

/* ---- A span's timeslots ---- */

static const struct sign {
	const char *state, *sign;
	enum tint tint;
	const char *meaning;
} signs[] = {
	{ "idle", ".", TINT_DIM, "idle" },
	{ "incoming", "<", TINT_WARN, "call coming in" },
	{ "outgoing", ">", TINT_WARN, "call going out" },
	{ "connected", "#", TINT_GOOD, "talking" },
	{ "releasing", "~", TINT_WARN, "clearing" },
	{ "restarting", "R", TINT_WARN, "restarting" },
	{ "blocked", "x", TINT_BAD, "blocked" },
	{ "d-channel", "D", TINT_BOLD, "D-channel" },
	{ "framing", "F", TINT_DIM, "framing" },
	{ "absent", "-", TINT_DIM, "not there" },
};
#define SIGNS (sizeof(signs) / sizeof(signs[0]))

static const struct sign *sign_of(const json_t *slot)
{
	static const struct sign unknown = { "", "?", TINT_BAD, "unknown" };
	const char *state = gwctl_text(slot, "state");

	for (size_t i = 0; i < SIGNS; i++)
		if (strcmp(signs[i].state, state) == 0)
			return &signs[i];
	return &unknown;
}

static void print_map(struct gwctl *g, const json_t *slots)
{
	bool used[SIGNS + 1] = { false };
	size_t count = json_array_size(slots);

	for (size_t row = 0; row < count; row += 16) {
		fprintf(g->out, "%s  ", tint_on(g, TINT_DIM));
		for (size_t i = row; i < row + 16 && i < count; i++)
			fprintf(g->out, " %2zu", i);
		fprintf(g->out, "%s\n  ", tint_off(g, TINT_DIM));
		for (size_t i = row; i < row + 16 && i < count; i++) {
			const struct sign *sign = sign_of(json_array_get(slots, i));

			fprintf(g->out, "  %s%s%s", tint_on(g, sign->tint), sign->sign,
				tint_off(g, sign->tint));
			if (sign >= signs && sign < signs + SIGNS)
				used[sign - signs] = true;
		}
		fputc('\n', g->out);
	}
	fprintf(g->out, "  %s", tint_on(g, TINT_DIM));
	for (size_t i = 0; i < SIGNS; i++)
		if (used[i])
			fprintf(g->out, " %s %s ", signs[i].sign, signs[i].meaning);
	fprintf(g->out, "%s\n", tint_off(g, TINT_DIM));
}

static void print_busy_slots(struct gwctl *g, const json_t *slots)
{
	struct table table;
	const json_t *slot;
	size_t i;

	table_begin(&table, ">TIMESLOT STATE CALL KEY Q.931");
	json_array_foreach(slots, i, slot) {
		if (!json_is_string(json_object_get(slot, "key")))
			continue;
		table_add(&table, TINT_NONE, "%lld", gwctl_integer(slot, "timeslot"));
		table_add(&table, sign_of(slot)->tint, "%s", gwctl_text(slot, "state"));
		table_add(&table, TINT_BOLD, "%s", gwctl_text(slot, "call"));
		table_add(&table, TINT_NONE, "%s", gwctl_text(slot, "key"));
		table_add(&table, TINT_NONE, "%s", gwctl_text(slot, "q931_state"));
	}
	table_end(&table, g, "No calls.");
}

/* ---- Counters: all that count something; what should not happen in colour ---- */

static void add_counters(struct table *table, const json_t *groups, const char *group,
			 enum tint tint)
{
	json_t *counters = json_object_get(groups, group), *value;
	const char *name;

	json_object_foreach(counters, name, value) {
		if (json_integer_value(value) == 0)
			continue;
		table_add(table, tint, "%s", name);
		table_add(table, tint, "%lld", (long long)json_integer_value(value));
	}
}

void gwctl_print_counters(struct gwctl *g, const char *heading, const json_t *groups)
{
	struct table table;

	table_begin(&table, heading);
	add_counters(&table, groups, "error", TINT_BAD);
	add_counters(&table, groups, "undesirable", TINT_WARN);
	add_counters(&table, groups, "normal", TINT_NONE);
	table_end(&table, g, "No counter has moved.");
}

static void print_span(struct gwctl *g, const json_t *span)
{
	const char *state = gwctl_text(span, "state");
	const json_t *slots = json_object_get(span, "timeslots");

	fprintf(g->out, "%s%s%s  %s%s%s", tint_on(g, TINT_BOLD), gwctl_text(span, "name"),
		tint_off(g, TINT_BOLD), tint_on(g, gwctl_state_tint(state)), state,
		tint_off(g, gwctl_state_tint(state)));
	if (json_is_string(json_object_get(span, "alarms")))
		fprintf(g->out, "  %s%s%s", tint_on(g, TINT_BAD), gwctl_text(span, "alarms"),
			tint_off(g, TINT_BAD));
	if (strcmp(gwctl_text(span, "admin"), "enabled") != 0 && json_object_get(span, "admin"))
		fprintf(g->out, "  %s%s%s", tint_on(g, gwctl_admin_tint(span)),
			gwctl_text(span, "admin"), tint_off(g, gwctl_admin_tint(span)));
	fprintf(g->out, "  line %s, %s, %lld %s, %lld channels idle\n\n", gwctl_text(span, "line"),
		gwctl_text(span, "role"), gwctl_integer(span, "calls"),
		gwctl_integer(span, "calls") == 1 ? "call" : "calls", gwctl_integer(span, "idle"));
	if (!json_is_array(slots)) {
		fputs("Its line can't be opened; the log says why.\n", g->out);
		return;
	}
	print_map(g, slots);
	fputc('\n', g->out);
	print_busy_slots(g, slots);
	fputc('\n', g->out);
	gwctl_print_counters(g, "ISDN_COUNTER >VALUE", json_object_get(span, "counters"));
	fputc('\n', g->out);
	gwctl_print_counters(g, "LINE_COUNTER >VALUE", json_object_get(span, "line_counters"));
}

int gwctl_span_show(struct gwctl *g)
{
	char name[GWCTL_NAME];
	json_t *json = NULL;
	int rc = gwctl_ask(g, "GET", &json, "spans/%s",
			   gwctl_escape(g->arguments[0], name, sizeof(name)));

	if (rc == GWCTL_DONE)
		rc = gwctl_need(g, json, "timeslots");
	if (rc == GWCTL_DONE && !gwctl_printed_json(g, json))
		print_span(g, json);
	json_decref(json);
	return rc;
}
