/* SPDX-License-Identifier: GPL-2.0-only */
/* Calls fall due at the rate from the first on. What could not start for the limit's sake starts as
 * soon as a call ends; the schedule then goes on from there: a load never catches up by a burst. */
#include "tdm/exchange/load.h"

#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <string.h>

#define SPANS_MAX 64
#define READY_POLL_US 50000
#define SECOND_US 1000000

struct ex_load {
	struct ex_exchange *exchange; /* not touched once stopped: it may be closing */
	struct loop *loop;
	struct ex_call_spec spec;
	const struct ex_load_ops *ops;
	void *arg;
	struct isdn_span *spans[SPANS_MAX];
	unsigned span_count, next_span;
	struct ex_report report;
	uint64_t wait_until_us, began_us, ended_us, due_us, second_us;
	bool stopped, finished;
	struct loop_timer timer, second;
	struct loop_deferred finish;
};

static struct loop *loop_of(const struct ex_load *load)
{
	return load->loop;
}

static uint64_t now_us(const struct ex_load *load)
{
	return clock_now_us(loop_clock(loop_of(load)));
}

static bool all_begun(const struct ex_load *load)
{
	return load->stopped || load->report.attempted == load->spec.calls;
}

static bool limit_reached(const struct ex_load *load)
{
	return load->spec.limit && load->report.now >= load->spec.limit;
}

/* ---- The end ---- */

static void finish(void *arg)
{
	struct ex_load *load = arg;

	loop_timer_stop(loop_of(load), &load->timer);
	loop_timer_stop(loop_of(load), &load->second);
	load->finished = true;
	load->ended_us = now_us(load);
	load->ops->done(load, load->arg);
}

static void finish_if_over(struct ex_load *load)
{
	if (all_begun(load) && !load->report.now && !load->finished)
		loop_defer(loop_of(load), &load->finish, finish, load);
}

/* ---- Calls ---- */

static void begin_due_calls(struct ex_load *load);

static void call_done(const struct ex_outcome *outcome, void *arg)
{
	struct ex_load *load = arg;

	ex_report_add(&load->report, outcome);
	finish_if_over(load);
	begin_due_calls(load);
}

static void call_answered(void *arg)
{
	struct ex_load *load = arg;

	load->report.connected++;
}

static const struct ex_caller_ops caller_ops = { .done = call_done, .answered = call_answered };

/* The next span in turn that has a channel; when none has, the next in turn. */
static struct isdn_span *pick_span(struct ex_load *load)
{
	struct isdn_span *next = load->spans[load->next_span];

	for (unsigned i = 0; i < load->span_count; i++) {
		unsigned at = (load->next_span + i) % load->span_count;

		if (!isdn_span_idle_channels(load->spans[at]))
			continue;
		load->next_span = (at + 1) % load->span_count;
		return load->spans[at];
	}
	load->report.waited_for_channel++;
	load->next_span = (load->next_span + 1) % load->span_count;
	return next;
}

static void begin_call(struct ex_load *load)
{
	struct ex_caller *caller;

	ex_report_started(&load->report);
	if (ex_caller_start(&caller, load->exchange, pick_span(load), &load->spec, &caller_ops,
			    load) == 0)
		return;
	/* No memory for it: an attempt that ended at once. */
	struct ex_record record = { .cause = q850(Q850_RESOURCE_UNAVAILABLE, Q850_LOC_USER) };
	struct ex_outcome outcome = { .record = &record, .why = "no memory" };

	ex_report_add(&load->report, &outcome);
	finish_if_over(load);
}

static void call_is_due(struct loop_timer *timer, void *arg)
{
	(void)timer;
	begin_due_calls(arg);
}

static void begin_due_calls(struct ex_load *load)
{
	uint64_t interval_us = (uint64_t)(1e6 / load->spec.rate), now = now_us(load);

	while (!all_begun(load) && !limit_reached(load) && load->due_us <= now) {
		bool late = now - load->due_us > 100000;

		load->due_us = (late ? now : load->due_us) + interval_us;
		begin_call(load);
	}
	if (!all_begun(load) && !limit_reached(load))
		loop_timer_start_at(loop_of(load), &load->timer, load->due_us, call_is_due, load);
}

/* ---- The beginning ---- */

static void a_second(struct loop_timer *timer, void *arg)
{
	struct ex_load *load = arg;

	load->second_us += SECOND_US;
	loop_timer_start_at(loop_of(load), timer, load->second_us, a_second, load);
	if (load->ops->second)
		load->ops->second(load, load->arg);
}

static bool all_ready(const struct ex_load *load)
{
	for (unsigned i = 0; i < load->span_count; i++)
		if (!ex_exchange_span_ready(load->spans[i]))
			return false;
	return true;
}

static void wait_until_ready(struct loop_timer *timer, void *arg)
{
	struct ex_load *load = arg;
	uint64_t now = now_us(load);

	if (load->stopped) {
		finish_if_over(load);
		return;
	}
	if (!all_ready(load) && now < load->wait_until_us) {
		loop_timer_start(loop_of(load), timer, READY_POLL_US, wait_until_ready, load);
		return;
	}
	if (!all_ready(load))
		log_write(LOG_LEVEL_WARNING, "load", NULL,
			  "not all spans are up with all their channels; calling all the same");
	load->began_us = load->due_us = now;
	load->second_us = now + SECOND_US;
	loop_timer_start_at(loop_of(load), &load->second, load->second_us, a_second, load);
	begin_due_calls(load);
}

static int add_span(struct ex_load *load, struct isdn_span *span)
{
	if (!span || load->span_count == SPANS_MAX)
		return -ENOENT;
	load->spans[load->span_count++] = span;
	return 0;
}

static int find_spans(struct ex_load *load)
{
	char names[sizeof(load->spec.spans)], *rest = names, *name;
	int rc = 0;

	memcpy(names, load->spec.spans, sizeof(names));
	if (!names[0])
		for (size_t i = 0; i < ex_exchange_span_count(load->exchange) && i < SPANS_MAX; i++)
			add_span(load, ex_exchange_span(load->exchange, i));
	while (rc == 0 && rest && *rest) {
		name = strsep(&rest, ",");
		rc = add_span(load, ex_exchange_span_by_name(load->exchange, name));
	}
	return rc < 0 || !load->span_count ? -ENOENT : 0;
}

int ex_load_start(struct ex_load **out, struct ex_exchange *exchange,
		  const struct ex_call_spec *spec, unsigned wait_ms, const struct ex_load_ops *ops,
		  void *arg)
{
	struct ex_load *load = mem_zalloc(sizeof(*load));
	int rc;

	if (!load)
		return -ENOMEM;
	load->exchange = exchange;
	load->loop = ex_exchange_loop(exchange);
	load->spec = *spec;
	load->ops = ops;
	load->arg = arg;
	rc = find_spans(load);
	if (rc < 0)
		goto fail;
	ex_report_init(&load->report, spec->detail);
	load->wait_until_us = now_us(load) + (uint64_t)wait_ms * 1000;
	loop_timer_start(loop_of(load), &load->timer, 0, wait_until_ready, load);
	*out = load;
	return 0;
fail:
	mem_free(load);
	return rc;
}

void ex_load_stop(struct ex_load *load)
{
	load->stopped = true;
	finish_if_over(load);
}

void ex_load_destroy(struct ex_load **out)
{
	struct ex_load *load = *out;

	if (!load)
		return;
	loop_timer_stop(loop_of(load), &load->timer);
	loop_timer_stop(loop_of(load), &load->second);
	loop_defer_cancel(loop_of(load), &load->finish);
	ex_report_free(&load->report);
	loop_free_later(loop_of(load), load);
	*out = NULL;
}

struct ex_report *ex_load_report(struct ex_load *load)
{
	return &load->report;
}

double ex_load_seconds(const struct ex_load *load)
{
	uint64_t end = load->ended_us ? load->ended_us : now_us(load);

	return load->began_us ? (double)(end - load->began_us) / 1e6 : 0;
}
