/* SPDX-License-Identifier: GPL-2.0-only */
/* top: the gateway live. Rates are the differences of two answers. */
#include "gateway/gwctl_private.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EVERY_MS 1000
#define BAR 20

struct sample {
	json_t *status;
	double at_s; /* monotonic */
};

static double monotonic_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int take_sample(struct gwctl *g, struct sample *sample)
{
	int rc = gwctl_ask(g, "GET", &sample->status, "status");

	sample->at_s = monotonic_s();
	return rc ? rc : gwctl_need(g, sample->status, "calls");
}

/* Of a counter of `object`, per second; 0 when there was no answer before, or the daemon is
 * another. */
static double rate_of(const struct sample *before, const struct sample *now, const char *object,
		      const char *key)
{
	long long was = gwctl_integer(json_object_get(before->status, object), key);
	long long is = gwctl_integer(json_object_get(now->status, object), key);

	if (!before->status || is < was || now->at_s <= before->at_s)
		return 0;
	return (double)(is - was) / (now->at_s - before->at_s);
}

/* ---- The head ---- */

static void print_head(struct gwctl *g, const struct sample *before, const struct sample *now)
{
	const json_t *calls = json_object_get(now->status, "calls");
	long long up = gwctl_integer(now->status, "uptime_s");
	double per_s = rate_of(before, now, "calls", "total");
	double failed = rate_of(before, now, "calls", "failed");

	fprintf(g->out, "%sgatewayd %s%s  up %lld d %02lld:%02lld:%02lld\n", tint_on(g, TINT_BOLD),
		gwctl_text(now->status, "version"), tint_off(g, TINT_BOLD), up / 86400,
		up / 3600 % 24, up / 60 % 60, up % 60);
	fprintf(g->out,
		"calls %s%lld%s now  %.1f/s new  %.1f/s answered  %s%.1f/s failed%s  %.1f/s "
		"failovers  "
		"%.1f/s without a route\n",
		tint_on(g, TINT_BOLD), gwctl_integer(calls, "now"), tint_off(g, TINT_BOLD), per_s,
		rate_of(before, now, "calls", "answered"),
		tint_on(g, failed > 0 ? TINT_WARN : TINT_NONE), failed,
		tint_off(g, failed > 0 ? TINT_WARN : TINT_NONE),
		rate_of(before, now, "calls", "failovers"),
		rate_of(before, now, "calls", "no_route"));
}

/* Load in thousandths as a bar. */
static void print_load(struct gwctl *g, const char *name, long long permille)
{
	enum tint tint = permille > 900 ? TINT_BAD : permille > 700 ? TINT_WARN : TINT_GOOD;
	int filled = (int)(permille * BAR / 1000);
	char bar[BAR + 1];

	filled = filled < 0 ? 0 : filled > BAR ? BAR : filled;
	memset(bar, '#', (size_t)filled);
	bar[filled] = '\0';
	fprintf(g->out, "  %-12s [%s%s%s%*s] %3lld.%lld %%\n", name, tint_on(g, tint), bar,
		tint_off(g, tint), BAR - filled, "", permille / 10, permille % 10);
}

/* The signalling thread and the media workers, each of one core. */
static void print_processors(struct gwctl *g, const struct sample *now)
{
	const json_t *overload = json_object_get(now->status, "overload"), *worker;
	size_t i;

	if (json_is_object(overload))
		print_load(g, "signalling", gwctl_integer(overload, "busy_permille"));
	json_array_foreach(json_object_get(now->status, "workers"), i, worker)
		print_load(g, gwctl_text(worker, "name"), gwctl_integer(worker, "load_permille"));
	gwctl_print_overload(g, overload);
}

/* ---- Alarms ---- */

static unsigned print_alarm(struct gwctl *g, const char *what, const char *name, const char *why)
{
	fprintf(g->out, "  %s%s %s: %s%s\n", tint_on(g, TINT_BAD), what, name, why,
		tint_off(g, TINT_BAD));
	return 1;
}

static unsigned print_line_alarms(struct gwctl *g, const json_t *status)
{
	const json_t *one;
	unsigned count = 0;
	size_t i;

	json_array_foreach(json_object_get(status, "trunks"), i, one)
		if (!json_is_true(json_object_get(one, "up")))
			count += print_alarm(g, "trunk", gwctl_text(one, "name"), "down");
	json_array_foreach(json_object_get(status, "spans"), i, one)
		if (strcmp(gwctl_text(one, "state"), "up") != 0)
			count += print_alarm(g, "span", gwctl_text(one, "name"),
					     json_is_string(json_object_get(one, "alarms"))
						     ? gwctl_text(one, "alarms")
						     : gwctl_text(one, "state"));
	return count;
}

static void print_alarms(struct gwctl *g, const json_t *status)
{
	const json_t *tables = json_object_get(status, "tables"),
		     *records = json_object_get(status, "records");
	const json_t *store = json_object_get(tables, "store");
	unsigned count;

	fprintf(g->out, "%salarms%s\n", tint_on(g, TINT_BOLD), tint_off(g, TINT_BOLD));
	count = print_line_alarms(g, status);
	if (store && !json_is_true(json_object_get(store, "up")))
		count += print_alarm(g, "store", gwctl_text(store, "where"),
				     "away: nothing can be changed");
	if (json_is_string(json_object_get(tables, "trouble")))
		count += print_alarm(g, "tables", "of the store", gwctl_text(tables, "trouble"));
	if (json_is_object(records) && strcmp(gwctl_text(records, "state"), "ok") != 0)
		count += print_alarm(g, "records", gwctl_text(records, "state"),
				     gwctl_text(records, "error"));
	if (json_is_true(json_object_get(status, "ending")))
		count += print_alarm(g, "gatewayd", "is ending", "it takes no new calls");
	if (!count)
		fprintf(g->out, "  %snone%s\n", tint_on(g, TINT_GOOD), tint_off(g, TINT_GOOD));
}

/* ---- Trunks and spans ---- */

static void add_row(struct table *table, const json_t *one, const char *kind, bool up,
		    const char *state, long long most)
{
	long long calls = gwctl_integer(one, "calls"), filled = most > 0 ? calls * BAR / most : 0;
	char bar[BAR + 1];

	filled = filled > BAR ? BAR : filled < 0 ? 0 : filled;
	memset(bar, '#', (size_t)filled);
	bar[filled] = '\0';
	table_add(table, TINT_BOLD, "%s", gwctl_text(one, "name"));
	table_add(table, TINT_NONE, "%s", kind);
	table_add(table, up ? TINT_GOOD : TINT_BAD, "%s", state);
	table_add(table, gwctl_admin_tint(one), "%s", gwctl_text(one, "admin"));
	table_add(table, TINT_NONE, "%lld", calls);
	if (most > 0)
		table_add(table, TINT_NONE, "%lld", most);
	else
		table_add(table, TINT_DIM, "any");
	table_add(table, filled * 10 >= BAR * 9 ? TINT_BAD : TINT_GOOD, "%s", bar);
}

static void print_load_of_lines(struct gwctl *g, const json_t *status)
{
	struct table table;
	const json_t *one;
	size_t i;

	table_begin(&table, "NAME KIND STATE ADMIN >CALLS >MOST LOAD");
	json_array_foreach(json_object_get(status, "trunks"), i, one) {
		bool up = json_is_true(json_object_get(one, "up"));

		add_row(&table, one, "trunk", up, up ? "up" : "down",
			gwctl_integer(one, "max_calls"));
	}
	json_array_foreach(json_object_get(status, "spans"), i, one)
		add_row(&table, one, "span", strcmp(gwctl_text(one, "state"), "up") == 0,
			gwctl_text(one, "state"),
			gwctl_integer(one, "calls") + gwctl_integer(one, "idle"));
	table_end(&table, g, "No trunks and no spans.");
}

static void print_top(struct gwctl *g, const struct sample *before, const struct sample *now)
{
	print_head(g, before, now);
	print_processors(g, now);
	fputc('\n', g->out);
	print_load_of_lines(g, now->status);
	fputc('\n', g->out);
	print_alarms(g, now->status);
}

/* ---- Rounds ---- */

/* A picture of this moment, or the sentence why there is none. */
static int draw(struct gwctl *g, struct sample *before)
{
	struct gwctl_io io = *g->io;
	const struct gwctl_io *outer = g->io;
	struct sample now = { 0 };
	char *text = NULL;
	unsigned lines;
	size_t size;
	int rc;

	g->out = io.err = open_memstream(&text, &size);
	if (!g->out) {
		g->out = outer->out;
		return gwctl_out_of_memory(g);
	}
	if (io.size)
		io.size(io.arg, &g->columns, &lines);
	g->io = &io;
	rc = take_sample(g, &now);
	if (rc == GWCTL_DONE)
		print_top(g, before, &now);
	fclose(g->out);
	g->io = outer;
	g->out = outer->out;
	if (text)
		gwctl_redraw(g, text);
	free(text);
	json_decref(before->status);
	*before = now;
	return rc;
}

static int top_on_terminal(struct gwctl *g)
{
	struct sample before = { 0 };
	int rc;

	g->io->screen(g->io->arg, true);
	do
		rc = draw(g, &before);
	while (!ferror(g->out) && g->io->wait && g->io->wait(g->io->arg, EVERY_MS));
	g->io->screen(g->io->arg, false);
	json_decref(before.status);
	return rc;
}

/* In a pipe: one picture, of the second that has just passed. */
static int top_once(struct gwctl *g)
{
	struct sample before = { 0 }, now = { 0 };
	int rc = take_sample(g, &before);

	if (rc == GWCTL_DONE && g->io->wait && !g->io->wait(g->io->arg, EVERY_MS))
		rc = GWCTL_FAILED;
	if (rc == GWCTL_DONE)
		rc = take_sample(g, &now);
	if (rc == GWCTL_DONE && !gwctl_printed_json(g, now.status))
		print_top(g, &before, &now);
	json_decref(before.status);
	json_decref(now.status);
	return rc;
}

int gwctl_top(struct gwctl *g)
{
	if (g->io->terminal && g->io->screen && !g->json)
		return top_on_terminal(g);
	return top_once(g);
}
