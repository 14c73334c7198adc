/* SPDX-License-Identifier: GPL-2.0-only */
/* call list|show|trace|hangup. */
#include "gateway/gwctl_private.h"

#include "base/mem.h"
#include "gateway/ladder_text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static void print_left_out(struct gwctl *g, const json_t *json)
{
	if (gwctl_integer(json, "left_out"))
		fprintf(g->out, "… and %lld more\n", gwctl_integer(json, "left_out"));
}

static void print_calls(struct gwctl *g, const json_t *calls)
{
	struct table table;
	const json_t *call;
	size_t i;

	table_begin(&table, "CALL STATE FROM TO CALLING CALLED STARTED_(UTC) >TALKING");
	json_array_foreach(calls, i, call) {
		bool answered = json_is_true(json_object_get(call, "answered"));

		table_add(&table, TINT_BOLD, "%s", gwctl_text(call, "id"));
		table_add(&table, answered ? TINT_GOOD : TINT_WARN, "%s",
			  gwctl_text(call, "state"));
		table_add(&table, TINT_NONE, "%s", gwctl_text(call, "from"));
		table_add(&table, TINT_NONE, "%s", gwctl_text(call, "to"));
		table_add(&table, TINT_NONE, "%s", gwctl_text(call, "calling"));
		table_add(&table,
			  json_is_true(json_object_get(call, "emergency")) ? TINT_BAD : TINT_NONE,
			  "%s", gwctl_text(call, "called"));
		table_add(&table, TINT_NONE, "%s", gwctl_time(call, "started"));
		table_add(&table, TINT_NONE, "%s", gwctl_duration(call, "talking_ms"));
	}
	table_end(&table, g, "No calls.");
}

static void print_finished(struct gwctl *g, const json_t *calls)
{
	struct table table;
	const json_t *call;
	size_t i;

	table_begin(&table, "CALL STARTED_(UTC) FROM TO >TOOK >MESSAGES LAST_NOTE");
	json_array_foreach(calls, i, call) {
		table_add(&table, TINT_BOLD, "%s", gwctl_text(call, "id"));
		table_add(&table, TINT_NONE, "%s", gwctl_time(call, "started"));
		table_add(&table, TINT_NONE, "%s", gwctl_text(call, "from"));
		table_add(&table, TINT_NONE, "%s", gwctl_text(call, "to"));
		table_add(&table, TINT_NONE, "%s", gwctl_duration(call, "took_ms"));
		table_add(&table, TINT_NONE, "%lld", gwctl_integer(call, "messages"));
		table_add(&table, TINT_DIM, "%s", gwctl_text(call, "last_note"));
	}
	table_end(&table, g, "No call has ended yet.");
}

int gwctl_call_list(struct gwctl *g)
{
	bool finished = gwctl_flag(g, "--finished");
	json_t *json = NULL;
	int rc = gwctl_ask(g, "GET", &json, finished ? "calls?finished=true" : "calls");

	if (rc == GWCTL_DONE)
		rc = gwctl_need(g, json, "calls");
	if (rc == GWCTL_DONE && !gwctl_printed_json(g, json)) {
		if (finished)
			print_finished(g, json_object_get(json, "calls"));
		else
			print_calls(g, json_object_get(json, "calls"));
		print_left_out(g, json);
	}
	json_decref(json);
	return rc;
}

/* ---- One call ---- */

static void add_numbers(struct table *table, const json_t *call, const char *stage)
{
	const json_t *numbers = json_object_get(call, stage);
	char what[64];

	snprintf(what, sizeof(what), "called, %s", stage);
	table_fact(table, what, gwctl_number(numbers, "called"));
	snprintf(what, sizeof(what), "calling, %s", stage);
	table_fact(table, what, gwctl_number(numbers, "calling"));
}

static void print_facts(struct gwctl *g, const json_t *call)
{
	const json_t *times = json_object_get(call, "times");
	struct table table;

	table_begin(&table, "CALL VALUE");
	table_fact(&table, "id", gwctl_text(call, "id"));
	table_fact(&table, "state", gwctl_text(call, "state"));
	table_fact(&table, "from", gwctl_text(call, "from"));
	table_fact(&table, "to", gwctl_text(call, "to"));
	add_numbers(&table, call, "received");
	add_numbers(&table, call, "normalized");
	table_fact(&table, "started (UTC)", gwctl_time(call, "started"));
	table_fact(&table, "routed after", gwctl_duration(times, "routed_ms"));
	table_fact(&table, "ringing after", gwctl_duration(times, "ringing_ms"));
	table_fact(&table, "answered after", gwctl_duration(times, "answered_ms"));
	table_fact(&table, "talking for", gwctl_duration(call, "talking_ms"));
	table_fact(&table, "emergency",
		   json_is_true(json_object_get(call, "emergency")) ? "yes" : "no");
	table_end(&table, g, "");
}

static void print_legs(struct gwctl *g, const json_t *legs)
{
	static const char *const sides[] = { "caller", "called" };
	struct table table;
	const json_t *leg;
	size_t i;

	table_begin(&table, "LEG KIND AT STATE KEY");
	json_array_foreach(legs, i, leg) {
		if (!json_is_object(leg))
			continue;
		table_add(&table, TINT_NONE, "%s", sides[i % 2]);
		table_add(&table, TINT_NONE, "%s", gwctl_text(leg, "kind"));
		table_add(&table, TINT_BOLD, "%s", gwctl_text(leg, "endpoint"));
		table_add(&table, TINT_NONE, "%s", gwctl_text(leg, "state"));
		table_add(&table, TINT_NONE, "%s", gwctl_text(leg, "key"));
	}
	table_end(&table, g, "No legs.");
}

static long long media_counter(const json_t *media, const char *group, const char *name)
{
	const json_t *counters = json_object_get(json_object_get(media, "counters"), group);

	return json_integer_value(json_object_get(counters, name));
}

/* Only of legs of packets: a channel's octets are its line's. */
static void print_media(struct gwctl *g, const json_t *legs)
{
	struct table table;
	const json_t *leg;
	bool any = false;
	size_t i;

	table_begin(&table, "RTP_OF CODEC REMOTE >RECEIVED >SENT >LOST >FOREIGN >MALFORMED");
	json_array_foreach(legs, i, leg) {
		const json_t *media = json_object_get(leg, "media");

		if (!json_is_object(media))
			continue;
		any = true;
		table_add(&table, TINT_BOLD, "%s", gwctl_text(leg, "endpoint"));
		table_add(&table, TINT_NONE, "%s", gwctl_text(media, "codec"));
		table_add(&table, TINT_NONE, "%s", gwctl_text(media, "remote"));
		table_add(&table, TINT_NONE, "%lld", media_counter(media, "normal", "rx_packets"));
		table_add(&table, TINT_NONE, "%lld", media_counter(media, "normal", "tx_packets"));
		table_add(&table, TINT_NONE, "%lld",
			  media_counter(media, "undesirable", "rx_lost"));
		table_add(&table, TINT_NONE, "%lld",
			  media_counter(media, "undesirable", "rx_foreign"));
		table_add(&table, TINT_NONE, "%lld", media_counter(media, "error", "rx_malformed"));
	}
	if (!any)
		return;
	fputc('\n', g->out);
	table_end(&table, g, "");
}

static const char *cause_text(const json_t *cause)
{
	static char text[160];

	if (!json_is_object(cause))
		return "-";
	snprintf(text, sizeof(text), "%lld %.100s", gwctl_integer(cause, "value"),
		 gwctl_text(cause, "text"));
	return text;
}

static void print_attempts(struct gwctl *g, const json_t *attempts)
{
	struct table table;
	const json_t *attempt;
	size_t i;

	table_begin(&table, "GATEWAY ROUTE USAGE CALLED_AS CALLING_AS FAILED_WITH");
	json_array_foreach(attempts, i, attempt) {
		const json_t *cause = json_object_get(attempt, "cause");

		table_add(&table, TINT_BOLD, "%s", gwctl_text(attempt, "gateway"));
		table_add(&table, TINT_NONE, "%s", gwctl_text(attempt, "route"));
		table_add(&table, TINT_NONE, "%s", gwctl_text(attempt, "usage"));
		table_add(&table, TINT_NONE, "%s", gwctl_number(attempt, "called_sent"));
		table_add(&table, TINT_NONE, "%s", gwctl_number(attempt, "calling_sent"));
		table_add(&table, json_is_object(cause) ? TINT_BAD : TINT_DIM, "%s",
			  cause_text(cause));
	}
	table_end(&table, g, "No gateway has been tried.");
}

int gwctl_call_show(struct gwctl *g)
{
	char id[GWCTL_NAME];
	json_t *json = NULL;
	int rc = gwctl_ask(g, "GET", &json, "calls/%s",
			   gwctl_escape(g->arguments[0], id, sizeof(id)));

	if (rc == GWCTL_DONE && !gwctl_printed_json(g, json)) {
		print_facts(g, json);
		fputc('\n', g->out);
		print_legs(g, json_object_get(json, "legs"));
		print_media(g, json_object_get(json, "legs"));
		fputc('\n', g->out);
		print_attempts(g, json_object_get(json, "attempts"));
	}
	json_decref(json);
	return rc;
}

int gwctl_call_hangup(struct gwctl *g)
{
	char id[GWCTL_NAME];
	json_t *json = NULL;
	int rc = gwctl_ask(g, "DELETE", &json, "calls/%s",
			   gwctl_escape(g->arguments[0], id, sizeof(id)));

	if (rc == GWCTL_DONE && !gwctl_printed_json(g, json))
		fprintf(g->out, "Call %s is being cleared.\n", gwctl_text(json, "id"));
	json_decref(json);
	return rc;
}

/* ---- Ladders ---- */

/* Strings of the JSON value are borrowed, but for those that a peer has a hand in. */
static bool entry_of(const json_t *json, struct ladder_entry *entry)
{
	const char *protocol = gwctl_text(json, "protocol");

	*entry = (struct ladder_entry){
		.monotonic_us = (uint64_t)gwctl_integer(json, "monotonic_us"),
		.direction =
			strcmp(gwctl_text(json, "direction"), "in") == 0 ? TRACE_IN : TRACE_OUT,
		.protocol = strcmp(protocol, "sip") == 0    ? TRACE_SIP
			    : strcmp(protocol, "q931") == 0 ? TRACE_Q931
			    : strcmp(protocol, "q921") == 0 ? TRACE_Q921
							    : TRACE_NOTE,
		.column = mem_strdup(gwctl_text(json, "column")),
		.summary = mem_strdup(gwctl_text(json, "summary")),
	};
	return entry->column && entry->summary;
}

static void free_entries(struct ladder_entry *entries, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		mem_free((char *)entries[i].column);
		mem_free((char *)entries[i].summary);
	}
	mem_free(entries);
}

static int print_ladder(struct gwctl *g, const json_t *array)
{
	size_t count = json_array_size(array), i = 0;
	struct ladder_entry *entries = mem_calloc(count + 1, sizeof(*entries));
	char *text = NULL;
	bool whole = entries != NULL;

	for (; whole && i < count; i++)
		whole = entry_of(json_array_get(array, i), &entries[i]);
	if (whole)
		text = ladder_text(entries, count, g->colour);
	if (entries)
		free_entries(entries, i);
	if (!text)
		return gwctl_complain(g, GWCTL_FAILED, "no-memory", "out of memory");
	fputs(text, g->out);
	mem_free(text);
	return GWCTL_DONE;
}

int gwctl_call_trace(struct gwctl *g)
{
	char id[GWCTL_NAME];
	json_t *json = NULL;
	int rc = gwctl_ask(g, "GET", &json, "calls/%s/trace",
			   gwctl_escape(g->arguments[0], id, sizeof(id)));

	if (rc == GWCTL_DONE && !gwctl_printed_json(g, json)) {
		fprintf(g->out, "call %s\n", gwctl_text(json, "id"));
		rc = print_ladder(g, json_object_get(json, "entries"));
	}
	json_decref(json);
	return rc;
}
