/* SPDX-License-Identifier: GPL-2.0-only */
/* status, span list|show, trunk list. */
#include "gateway/gwctl_private.h"

#include <string.h>

/* ---- Trunks and spans ---- */

static void print_trunks(struct gwctl *g, const json_t *trunks)
{
	struct table table;
	const json_t *trunk;
	size_t i;

	table_begin(&table, "TRUNK STATE PEER TRANSPORT INTERFACE >CALLS >MOST POLICY");
	json_array_foreach(trunks, i, trunk) {
		bool up = json_is_true(json_object_get(trunk, "up"));
		long long most = gwctl_integer(trunk, "max_calls");

		table_add(&table, TINT_BOLD, "%s", gwctl_text(trunk, "name"));
		table_add(&table, up ? TINT_GOOD : TINT_BAD, "%s", up ? "up" : "down");
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

	if (rc == GWCTL_DONE && !gwctl_printed_json(g, json))
		print_trunks(g, json_object_get(json, "trunks"));
	json_decref(json);
	return rc;
}

static enum tint state_tint(const char *state)
{
	return strcmp(state, "up") == 0 ? TINT_GOOD : TINT_BAD;
}

static void print_spans(struct gwctl *g, const json_t *spans)
{
	struct table table;
	const json_t *span;
	size_t i;

	table_begin(&table, "SPAN STATE ALARMS LINE ROLE GROUP >CALLS >IDLE");
	json_array_foreach(spans, i, span) {
		const char *state = gwctl_text(span, "state");

		table_add(&table, TINT_BOLD, "%s", gwctl_text(span, "name"));
		table_add(&table, state_tint(state), "%s", state);
		table_add(&table, json_is_null(json_object_get(span, "alarms")) ? TINT_DIM : TINT_BAD, "%s",
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

	if (rc == GWCTL_DONE && !gwctl_printed_json(g, json))
		print_spans(g, json_object_get(json, "spans"));
	json_decref(json);
	return rc;
}

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

			fprintf(g->out, "  %s%s%s", tint_on(g, sign->tint), sign->sign, tint_off(g, sign->tint));
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

static void add_counters(struct table *table, const json_t *groups, const char *group, enum tint tint)
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

static void print_counters(struct gwctl *g, const char *heading, const json_t *groups)
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

	fprintf(g->out, "%s%s%s  %s%s%s", tint_on(g, TINT_BOLD), gwctl_text(span, "name"), tint_off(g, TINT_BOLD),
		tint_on(g, state_tint(state)), state, tint_off(g, state_tint(state)));
	if (json_is_string(json_object_get(span, "alarms")))
		fprintf(g->out, "  %s%s%s", tint_on(g, TINT_BAD), gwctl_text(span, "alarms"), tint_off(g, TINT_BAD));
	fprintf(g->out, "  line %s, %s, %lld %s, %lld channels idle\n\n", gwctl_text(span, "line"),
		gwctl_text(span, "role"), gwctl_integer(span, "calls"),
		gwctl_integer(span, "calls") == 1 ? "call" : "calls", gwctl_integer(span, "idle"));
	print_map(g, slots);
	fputc('\n', g->out);
	print_busy_slots(g, slots);
	fputc('\n', g->out);
	print_counters(g, "ISDN_COUNTER >VALUE", json_object_get(span, "counters"));
	fputc('\n', g->out);
	print_counters(g, "LINE_COUNTER >VALUE", json_object_get(span, "line_counters"));
}

int gwctl_span_show(struct gwctl *g)
{
	char name[300];
	json_t *json = NULL;
	int rc = gwctl_ask(g, "GET", &json, "spans/%s", gwctl_escape(g->arguments[0], name, sizeof(name)));

	if (rc == GWCTL_DONE && !gwctl_printed_json(g, json))
		print_span(g, json);
	json_decref(json);
	return rc;
}

/* ---- The whole ---- */

static void print_summary(struct gwctl *g, const json_t *status)
{
	const json_t *calls = json_object_get(status, "calls"), *dialplan = json_object_get(status, "dialplan");
	const json_t *ports = json_object_get(status, "rtp_ports");
	long long up = gwctl_integer(status, "uptime_s");

	fprintf(g->out, "gatewayd %s, up %lld d %02lld:%02lld:%02lld since %s UTC\n", gwctl_text(status, "version"),
		up / 86400, up / 3600 % 24, up / 60 % 60, up % 60, gwctl_time(status, "started"));
	fprintf(g->out, "calls: %s%lld now%s, %lld in all, %lld answered, %lld failed; %lld failovers, %lld without a route\n",
		tint_on(g, TINT_BOLD), gwctl_integer(calls, "now"), tint_off(g, TINT_BOLD),
		gwctl_integer(calls, "total"), gwctl_integer(calls, "answered"), gwctl_integer(calls, "failed"),
		gwctl_integer(calls, "failovers"), gwctl_integer(calls, "no_route"));
	fprintf(g->out, "dial plan: %lld routes", gwctl_integer(dialplan, "routes"));
	if (gwctl_integer(dialplan, "limit_hits"))
		fprintf(g->out, ", %s%lld matches given up%s", tint_on(g, TINT_BAD),
			gwctl_integer(dialplan, "limit_hits"), tint_off(g, TINT_BAD));
	if (ports)
		fprintf(g->out, "; RTP ports: %lld of %lld used", gwctl_integer(ports, "used"),
			gwctl_integer(ports, "total"));
	fputc('\n', g->out);
}

static void print_workers(struct gwctl *g, const json_t *workers)
{
	struct table table;
	const json_t *worker;
	size_t i;

	table_begin(&table, "WORKER >LOAD");
	json_array_foreach(workers, i, worker) {
		long long load = gwctl_integer(worker, "load_permille");

		table_add(&table, TINT_NONE, "%s", gwctl_text(worker, "name"));
		table_add(&table, load > 700 ? TINT_BAD : TINT_NONE, "%lld.%lld %%", load / 10, load % 10);
	}
	table_end(&table, g, "No media workers.");
}

static void print_status(struct gwctl *g, const json_t *status)
{
	print_summary(g, status);
	fputc('\n', g->out);
	print_trunks(g, json_object_get(status, "trunks"));
	fputc('\n', g->out);
	print_spans(g, json_object_get(status, "spans"));
	fputc('\n', g->out);
	print_workers(g, json_object_get(status, "workers"));
	if (json_object_get(status, "sip")) {
		fputc('\n', g->out);
		print_counters(g, "SIP_COUNTER >VALUE", json_object_get(status, "sip"));
	}
}

int gwctl_status(struct gwctl *g)
{
	json_t *json = NULL;
	int rc = gwctl_ask(g, "GET", &json, "status");

	if (rc == GWCTL_DONE && !gwctl_printed_json(g, json))
		print_status(g, json);
	json_decref(json);
	return rc;
}
