/* SPDX-License-Identifier: GPL-2.0-only */
/* status: the whole at a glance. */
#include "gateway/gwctl_private.h"

#include <string.h>

static void print_summary(struct gwctl *g, const json_t *status)
{
	const json_t *calls = json_object_get(status, "calls"),
		     *dialplan = json_object_get(status, "dialplan");
	const json_t *ports = json_object_get(status, "rtp_ports");
	long long up = gwctl_integer(status, "uptime_s");

	fprintf(g->out, "gatewayd %s, up %lld d %02lld:%02lld:%02lld since %s UTC\n",
		gwctl_text(status, "version"), up / 86400, up / 3600 % 24, up / 60 % 60, up % 60,
		gwctl_time(status, "started"));
	fprintf(g->out,
		"calls: %s%lld now%s, %lld in all, %lld answered, %lld failed; %lld failovers, "
		"%lld without a route\n",
		tint_on(g, TINT_BOLD), gwctl_integer(calls, "now"), tint_off(g, TINT_BOLD),
		gwctl_integer(calls, "total"), gwctl_integer(calls, "answered"),
		gwctl_integer(calls, "failed"), gwctl_integer(calls, "failovers"),
		gwctl_integer(calls, "no_route"));
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
		table_add(&table, load > 700 ? TINT_BAD : TINT_NONE, "%lld.%lld %%", load / 10,
			  load % 10);
	}
	table_end(&table, g, "No media workers.");
}

/* What is switched off and still carries calls; that the gateway is about to end. */
static void print_draining(struct gwctl *g, const json_t *status)
{
	const json_t *one;
	size_t i;

	if (json_is_true(json_object_get(status, "ending")))
		fprintf(g->out, "%sgatewayd is ending: it takes no new calls%s\n",
			tint_on(g, TINT_BAD), tint_off(g, TINT_BAD));
	json_array_foreach(json_object_get(status, "draining"), i, one) {
		fprintf(g->out, "%sdraining: %s %s, %s left%s\n", tint_on(g, TINT_WARN),
			gwctl_text(one, "kind"), gwctl_text(one, "name"),
			gwctl_count((size_t)gwctl_integer(one, "calls"), "call"),
			tint_off(g, TINT_WARN));
	}
}

void gwctl_print_tables(struct gwctl *g, const json_t *tables)
{
	const json_t *store = json_object_get(tables, "store");
	bool up = json_is_true(json_object_get(store, "up"));

	if (!json_is_object(tables))
		return;
	fprintf(g->out, "tables: revision %lld, %s %s %s%s%s", gwctl_integer(tables, "revision"),
		gwctl_text(store, "kind"), gwctl_text(store, "where"),
		tint_on(g, up ? TINT_GOOD : TINT_BAD), up ? "up" : "away",
		tint_off(g, up ? TINT_GOOD : TINT_BAD));
	if (!up && json_is_string(json_object_get(store, "error")))
		fprintf(g->out, " (%s)", gwctl_text(store, "error"));
	if (json_is_true(json_object_get(tables, "from_file")))
		fprintf(g->out,
			"%s; calls go by the tables kept aside, and nothing can be changed%s",
			tint_on(g, TINT_WARN), tint_off(g, TINT_WARN));
	if (json_is_string(json_object_get(tables, "trouble")))
		fprintf(g->out, "%s; the newest tables can't be used: %s%s", tint_on(g, TINT_BAD),
			gwctl_text(tables, "trouble"), tint_off(g, TINT_BAD));
	fputc('\n', g->out);
}

void gwctl_print_records(struct gwctl *g, const json_t *records)
{
	const json_t *spool = json_object_get(records, "spool");
	const char *state = gwctl_text(records, "state");
	enum tint tint = strcmp(state, "ok") == 0        ? TINT_GOOD
			 : strcmp(state, "waiting") == 0 ? TINT_WARN
							 : TINT_BAD;

	if (!json_is_object(records)) {
		fputs("records: none are kept (records: enabled is false)\n", g->out);
		return;
	}
	fprintf(g->out, "records: %s%s%s, %lld stored since the start, %lld waiting in the spool",
		tint_on(g, tint), state, tint_off(g, tint), gwctl_integer(records, "stored"),
		gwctl_integer(spool, "queued"));
	if (gwctl_integer(spool, "lost"))
		fprintf(g->out, ", %s%lld LOST%s", tint_on(g, TINT_BAD),
			gwctl_integer(spool, "lost"), tint_off(g, TINT_BAD));
	if (json_is_string(json_object_get(records, "error")))
		fprintf(g->out, " (%s)", gwctl_text(records, "error"));
	fputc('\n', g->out);
}

/* How far signalling lags behind, and what is refused because of it or of a limit. */
void gwctl_print_overload(struct gwctl *g, const json_t *overload)
{
	long long admitted = gwctl_integer(overload, "admitted_permille"),
		  lag = gwctl_integer(overload, "lag_ms");
	const json_t *refused = json_object_get(overload, "refused"), *count;
	const char *why, *comma = "; refused so far: ";

	if (!json_is_object(overload))
		return;
	fprintf(g->out, "signalling: lag %lld ms, busy %lld.%lld %%, %lld new calls/s", lag,
		gwctl_integer(overload, "busy_permille") / 10,
		gwctl_integer(overload, "busy_permille") % 10,
		gwctl_integer(overload, "new_calls_per_s"));
	if (admitted < 1000)
		fprintf(g->out, ", %sadmits %lld.%lld %% of new calls%s", tint_on(g, TINT_BAD),
			admitted / 10, admitted % 10, tint_off(g, TINT_BAD));
	json_object_foreach((json_t *)refused, why, count) {
		if (json_integer_value(count) == 0)
			continue;
		fprintf(g->out, "%s%lld (%s)", comma, (long long)json_integer_value(count), why);
		comma = ", ";
	}
	fputc('\n', g->out);
}

static void print_status(struct gwctl *g, const json_t *status)
{
	print_summary(g, status);
	gwctl_print_overload(g, json_object_get(status, "overload"));
	gwctl_print_tables(g, json_object_get(status, "tables"));
	if (json_object_get(status, "records"))
		gwctl_print_records(g, json_object_get(status, "records"));
	print_draining(g, status);
	fputc('\n', g->out);
	gwctl_print_trunks(g, json_object_get(status, "trunks"));
	fputc('\n', g->out);
	gwctl_print_spans(g, json_object_get(status, "spans"));
	fputc('\n', g->out);
	print_workers(g, json_object_get(status, "workers"));
	if (json_object_get(status, "sip")) {
		fputc('\n', g->out);
		gwctl_print_counters(g, "SIP_COUNTER >VALUE", json_object_get(status, "sip"));
	}
}

int gwctl_status(struct gwctl *g)
{
	json_t *json = NULL;
	int rc = gwctl_ask(g, "GET", &json, "status");

	if (rc == GWCTL_DONE)
		rc = gwctl_need(g, json, "calls");
	if (rc == GWCTL_DONE && !gwctl_printed_json(g, json))
		print_status(g, json);
	json_decref(json);
	return rc;
}
