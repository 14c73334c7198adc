/* SPDX-License-Identifier: GPL-2.0-only */
/* cdr list|show|export: records of calls. */
#include "gateway/gwctl_private.h"

#include "base/mem.h"
#include "gateway/records.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LIST_ROWS 100
#define PAGE_ROWS 1000 /* some 1.5 MB */
#define PATH_ROOM 4000

/* ---- Filters ---- */

static int add_time(struct gwctl *g, const char *option, const char *key, char *path)
{
	const char *text = gwctl_value(g, option);
	char stamp[40];
	struct tm tm;
	int64_t when;
	time_t seconds;

	if (!text)
		return GWCTL_DONE;
	if (!gwctl_read_time(text, gwctl_now(g), &when))
		return gwctl_complain(g, GWCTL_USAGE, "usage",
				      "%s %s: accepted are 2h, 30min, 7d (ago), now, "
				      "today, yesterday, 2026-01-31, \"2026-01-31 12:00\" (UTC)",
				      option, text);
	seconds = (time_t)when;
	gmtime_r(&seconds, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ", &tm);
	snprintf(path + strlen(path), PATH_ROOM - strlen(path), "&%s=%s", key, stamp);
	return GWCTL_DONE;
}

static void add_text(struct gwctl *g, const char *option, const char *key, char *path)
{
	const char *text = gwctl_value(g, option);
	char escaped[GWCTL_NAME];

	if (text)
		snprintf(path + strlen(path), PATH_ROOM - strlen(path), "&%s=%s", key,
			 gwctl_escape(text, escaped, sizeof(escaped)));
}

static int add_answered(struct gwctl *g, char *path)
{
	const char *text = gwctl_value(g, "--answered");

	if (!text)
		return GWCTL_DONE;
	if (*text && strcmp(text, "yes") != 0 && strcmp(text, "no") != 0)
		return gwctl_complain(g, GWCTL_USAGE, "usage",
				      "--answered=%s: yes or no is accepted", text);
	snprintf(path + strlen(path), PATH_ROOM - strlen(path), "&answered=%s",
		 strcmp(text, "no") ? "true" : "false");
	return GWCTL_DONE;
}

/* "&since=…&number=…" into `path`. */
static int read_filter(struct gwctl *g, char *path)
{
	long long cause = -1;
	int rc = add_time(g, "--since", "since", path);

	if (rc == GWCTL_DONE)
		rc = add_time(g, "--until", "until", path);
	if (rc == GWCTL_DONE)
		rc = gwctl_number_of(g, "--cause", 0, 127, &cause);
	if (rc == GWCTL_DONE)
		rc = add_answered(g, path);
	add_text(g, "--number", "number", path);
	add_text(g, "--endpoint", "endpoint", path);
	if (cause >= 0)
		snprintf(path + strlen(path), PATH_ROOM - strlen(path), "&cause=%lld", cause);
	return rc;
}

/* ---- Pages ---- */

/* Told of each page, which is borrowed. GWCTL_DONE: go on. */
typedef int page_fn(struct gwctl *g, const json_t *cdrs, void *arg);

static int one_page(struct gwctl *g, const char *filter, const char *before, long long limit,
		    json_t **out)
{
	char escaped[GWCTL_NAME];
	int rc = gwctl_ask(g, "GET", out, "cdrs?limit=%lld%s%s%s", limit, filter,
			   before[0] ? "&before=" : "",
			   gwctl_escape(before, escaped, sizeof(escaped)));

	return rc ? rc : gwctl_need(g, *out, "cdrs");
}

/* Page by page, at most `most` records. *more: there are others. */
static int each_page(struct gwctl *g, const char *filter, long long most, page_fn *each, void *arg,
		     bool *more)
{
	char before[80] = "";
	int rc = GWCTL_DONE;

	for (*more = true; rc == GWCTL_DONE && *more && most > 0;) {
		json_t *page = NULL;
		const char *next;

		rc = one_page(g, filter, before, most < PAGE_ROWS ? most : PAGE_ROWS, &page);
		if (rc == GWCTL_DONE)
			rc = each(g, json_object_get(page, "cdrs"), arg);
		most -= (long long)json_array_size(json_object_get(page, "cdrs"));
		next = json_string_value(json_object_get(page, "next"));
		*more = next != NULL;
		snprintf(before, sizeof(before), "%s", next ? next : "");
		json_decref(page);
	}
	return rc;
}

/* ---- list ---- */

static const json_t *within(const json_t *object, const char *key, const char *inner)
{
	return json_object_get(json_object_get(object, key), inner);
}

static const char *digits_of(const json_t *party, const char *stage)
{
	const json_t *number = json_object_get(party, stage);

	return json_is_object(number) ? gwctl_text(number, "digits") : NULL;
}

static const char *number_of(const json_t *cdr, const char *key)
{
	const json_t *party = json_object_get(cdr, key);
	const char *normalized = digits_of(party, "normalized");

	if (!normalized)
		normalized = digits_of(party, "received");
	return normalized ? normalized : "-";
}

static int add_rows(struct gwctl *g, const json_t *cdrs, void *arg)
{
	struct table *table = arg;
	const json_t *cdr;
	size_t i;

	(void)g;
	json_array_foreach(cdrs, i, cdr) {
		bool answered = json_is_string(json_object_get(cdr, "answered"));
		long long cause = json_integer_value(within(cdr, "cause", "value"));

		table_add(table, TINT_BOLD, "%s", gwctl_text(cdr, "id"));
		table_add(table, TINT_NONE, "%s", gwctl_time(cdr, "setup"));
		table_add(table, TINT_NONE, "%s",
			  gwctl_text(json_object_get(cdr, "caller"), "endpoint"));
		table_add(table, TINT_NONE, "%s",
			  gwctl_text(json_object_get(cdr, "callee"), "endpoint"));
		table_add(table, TINT_NONE, "%s", number_of(cdr, "calling"));
		table_add(table, TINT_NONE, "%s", number_of(cdr, "called"));
		table_add(table, TINT_NONE, "%s", answered ? gwctl_duration(cdr, "talk_ms") : "-");
		table_add(table, answered ? TINT_GOOD : TINT_WARN, "%lld", cause);
		table_add(table, answered ? TINT_NONE : TINT_WARN, "%s",
			  gwctl_text(json_object_get(cdr, "cause"), "text"));
		table_add(table, TINT_NONE, "%s", gwctl_text(cdr, "released_by"));
	}
	return GWCTL_DONE;
}

static int add_to_array(struct gwctl *g, const json_t *cdrs, void *arg)
{
	(void)g;
	return json_array_extend(arg, (json_t *)cdrs) ? gwctl_out_of_memory(g) : GWCTL_DONE;
}

static int list_json(struct gwctl *g, const char *filter, long long limit)
{
	json_t *all = json_array();
	bool more;
	int rc = each_page(g, filter, limit, add_to_array, all, &more);

	if (rc == GWCTL_DONE) {
		json_t *json = json_pack("{s:O, s:b}", "cdrs", all, "more", more);

		gwctl_printed_json(g, json);
		json_decref(json);
	}
	json_decref(all);
	return rc;
}

int gwctl_cdr_list(struct gwctl *g)
{
	char filter[PATH_ROOM] = "";
	long long limit = LIST_ROWS;
	struct table table;
	bool more = false;
	int rc = read_filter(g, filter);

	if (rc == GWCTL_DONE)
		rc = gwctl_number_of(g, "--limit", 1, 1000000, &limit);
	if (rc)
		return rc;
	if (g->json)
		return list_json(g, filter, limit);
	table_begin(&table,
		    "CALL SETUP_(UTC) FROM TO CALLING CALLED >TALKED >CAUSE MEANING RELEASED_BY");
	rc = each_page(g, filter, limit, add_rows, &table, &more);
	if (rc) {
		table_free(&table);
		return rc;
	}
	table_end(&table, g, "No records.");
	if (more)
		fprintf(g->out, "… and older ones; --limit N shows more, `gwctl cdr export` all\n");
	return rc;
}

/* ---- show ---- */

static void add_party(struct table *table, const json_t *cdr, const char *who)
{
	static const char *const stages[] = { "received", "normalized", "sent" };
	const json_t *party = json_object_get(cdr, who);
	char what[60];

	for (size_t i = 0; i < 3; i++) {
		snprintf(what, sizeof(what), "%s, %s", who, stages[i]);
		table_fact(table, what, gwctl_number(party, stages[i]));
	}
}

static const char *cause_of(const json_t *object, char *out, size_t room)
{
	const json_t *cause = json_object_get(object, "cause");

	if (!json_is_object(cause))
		snprintf(out, room, "-");
	else
		snprintf(out, room, "%lld %s (%s)", gwctl_integer(cause, "value"),
			 gwctl_text(cause, "text"), gwctl_text(cause, "location"));
	return out;
}

static void print_facts(struct gwctl *g, const json_t *cdr)
{
	char cause[300];
	struct table table;

	table_begin(&table, "RECORD VALUE");
	table_fact(&table, "id", gwctl_text(cdr, "id"));
	table_fact(&table, "gateway's host", gwctl_text(cdr, "host"));
	add_party(&table, cdr, "called");
	add_party(&table, cdr, "calling");
	table_fact(&table, "redirecting", gwctl_number(cdr, "redirecting"));
	table_fact(&table, "connected", gwctl_number(cdr, "connected"));
	table_fact(&table, "setup (UTC)", gwctl_time(cdr, "setup"));
	table_fact(&table, "routed (UTC)", gwctl_time(cdr, "routed"));
	table_fact(&table, "ringing (UTC)", gwctl_time(cdr, "ringing"));
	table_fact(&table, "answered (UTC)", gwctl_time(cdr, "answered"));
	table_fact(&table, "ended (UTC)", gwctl_time(cdr, "ended"));
	table_fact(&table, "talked", gwctl_duration(cdr, "talk_ms"));
	table_fact(&table, "cause", cause_of(cdr, cause, sizeof(cause)));
	table_fact(&table, "SIP status", gwctl_plain(json_object_get(cdr, "status")));
	table_fact(&table, "released by", gwctl_text(cdr, "released_by"));
	table_fact(&table, "media", gwctl_text(cdr, "media"));
	table_fact(&table, "emergency",
		   json_is_true(json_object_get(cdr, "emergency")) ? "yes" : "no");
	table_end(&table, g, "");
}

static void print_sides(struct gwctl *g, const json_t *cdr)
{
	static const char *const sides[] = { "caller", "callee" };
	struct table table;

	table_begin(&table,
		    "SIDE AT KIND CODEC >TIMESLOT >RECEIVED >SENT >LOST >LATE >SLIPS >JITTER KEY");
	for (size_t i = 0; i < 2; i++) {
		const json_t *leg = json_object_get(cdr, sides[i]);

		table_add(&table, TINT_NONE, "%s", sides[i]);
		table_add(&table, TINT_BOLD, "%s", gwctl_text(leg, "endpoint"));
		table_add(&table, TINT_NONE, "%s", gwctl_text(leg, "kind"));
		table_add(&table, TINT_NONE, "%s", gwctl_text(leg, "codec"));
		table_add(&table, TINT_NONE, "%s", gwctl_plain(json_object_get(leg, "timeslot")));
		table_add(&table, TINT_NONE, "%lld", gwctl_integer(leg, "rx_packets"));
		table_add(&table, TINT_NONE, "%lld", gwctl_integer(leg, "tx_packets"));
		table_add(&table, TINT_NONE, "%lld", gwctl_integer(leg, "rx_lost"));
		table_add(&table, TINT_NONE, "%lld", gwctl_integer(leg, "rx_late"));
		table_add(&table, TINT_NONE, "%lld", gwctl_integer(leg, "slips"));
		table_add(&table, TINT_NONE, "%.1f ms",
			  json_number_value(json_object_get(leg, "jitter_ms")));
		table_add(&table, TINT_DIM, "%s", gwctl_text(leg, "key"));
	}
	table_end(&table, g, "");
}

static void print_attempts(struct gwctl *g, const json_t *cdr)
{
	const json_t *attempt;
	struct table table;
	char cause[300];
	size_t i;

	table_begin(&table, "GATEWAY ROUTE USAGE CALLED_AS CALLING_AS RESULT");
	json_array_foreach(json_object_get(cdr, "attempts"), i, attempt) {
		bool failed = json_is_object(json_object_get(attempt, "cause"));

		table_add(&table, TINT_BOLD, "%s", gwctl_text(attempt, "gateway"));
		table_add(&table, TINT_NONE, "%s", gwctl_text(attempt, "route"));
		table_add(&table, TINT_NONE, "%s", gwctl_text(attempt, "usage"));
		table_add(&table, TINT_NONE, "%s", gwctl_number(attempt, "called_sent"));
		table_add(&table, TINT_NONE, "%s", gwctl_number(attempt, "calling_sent"));
		table_add(&table, failed ? TINT_BAD : TINT_GOOD, "%s",
			  failed ? cause_of(attempt, cause, sizeof(cause)) : "carried the call");
	}
	table_end(&table, g, "No gateway was tried.");
}

int gwctl_cdr_show(struct gwctl *g)
{
	char id[GWCTL_NAME];
	json_t *json = NULL;
	int rc = gwctl_ask(g, "GET", &json, "cdrs/%s",
			   gwctl_escape(g->arguments[0], id, sizeof(id)));

	if (rc == GWCTL_DONE)
		rc = gwctl_need(g, json, "released_by");
	if (rc == GWCTL_DONE && !gwctl_printed_json(g, json)) {
		print_facts(g, json);
		fputc('\n', g->out);
		print_sides(g, json);
		fputc('\n', g->out);
		print_attempts(g, json);
	}
	json_decref(json);
	return rc;
}

/* ---- export ---- */

struct export
{
	FILE *out;
	bool csv;
	size_t count;
};

static int write_rows(struct gwctl *g, const json_t *cdrs, void *arg)
{
	struct export *export = arg;
	const json_t *cdr;
	size_t i;

	json_array_foreach(cdrs, i, cdr) {
		if (export->csv) {
			cdr_csv_row(export->out, cdr);
		} else {
			fputs(export->count ? ",\n" : "\n", export->out);
			json_dumpf(cdr, export->out, JSON_COMPACT | JSON_REAL_PRECISION(12));
		}
		export->count++;
	}
	if (!ferror(export->out))
		return GWCTL_DONE;
	return gwctl_complain(g, GWCTL_FAILED, "not-written", "the records can't be written: %s",
			      strerror(errno));
}

static int write_all(struct gwctl *g, struct export *export, const char *filter, long long limit)
{
	bool more;
	int rc;

	if (export->csv)
		cdr_csv_header(export->out);
	else
		fputc('[', export->out);
	rc = each_page(g, filter, limit, write_rows, export, &more);
	if (!export->csv && rc == GWCTL_DONE) /* else nobody shall take it for whole */
		fputs(export->count ? "\n]\n" : "]\n", export->out);
	return rc;
}

/* Into a file beside it that takes its name when it is whole. */
static int write_file(struct gwctl *g, struct export *export, const char *path, const char *filter,
		      long long limit)
{
	char *beside = mem_printf("%s.%d", path, getpid());
	int rc;

	if (!beside)
		return gwctl_out_of_memory(g);
	export->out = fopen(beside, "wx");
	if (!export->out) {
		rc = gwctl_complain(g, GWCTL_FAILED, "not-written", "%s: %s", beside,
				    strerror(errno));
		mem_free(beside);
		return rc;
	}
	rc = write_all(g, export, filter, limit);
	if (fclose(export->out) && rc == GWCTL_DONE)
		rc = gwctl_complain(g, GWCTL_FAILED, "not-written", "%s: %s", path,
				    strerror(errno));
	if (rc == GWCTL_DONE && rename(beside, path))
		rc = gwctl_complain(g, GWCTL_FAILED, "not-written", "%s: %s", path,
				    strerror(errno));
	if (rc)
		unlink(beside);
	mem_free(beside);
	return rc;
}

static int read_format(struct gwctl *g, bool *csv)
{
	const char *format = gwctl_value(g, "--format");

	*csv = format ? strcmp(format, "csv") == 0 : !g->json;
	if (!format || *csv || strcmp(format, "json") == 0)
		return GWCTL_DONE;
	return gwctl_complain(g, GWCTL_USAGE, "usage", "--format %s: csv or json is accepted",
			      format);
}

int gwctl_cdr_export(struct gwctl *g)
{
	const char *path = gwctl_value(g, "--output");
	struct export export = { .out = g->out };
	char filter[PATH_ROOM] = "";
	long long limit = INT64_MAX;
	int rc = read_filter(g, filter);

	if (rc == GWCTL_DONE)
		rc = gwctl_number_of(g, "--limit", 1, INT64_MAX, &limit);
	if (rc == GWCTL_DONE)
		rc = read_format(g, &export.csv);
	if (rc)
		return rc;
	if (!path || strcmp(path, "-") == 0)
		return write_all(g, &export, filter, limit);
	rc = write_file(g, &export, path, filter, limit);
	if (rc == GWCTL_DONE && !g->json)
		fprintf(g->io->err, "%s into %s\n", gwctl_count(export.count, "record"), path);
	return rc;
}
