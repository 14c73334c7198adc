/* SPDX-License-Identifier: GPL-2.0-only */
/* Closing is a chain: calls released → spans closed → lines closed → worker joined → freed; each
 * waits for all of the last. */
#include "tdm/exchange/exchange.h"

#include "base/log.h"
#include "base/mem.h"
#include "tdm/exchange/callee.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CLOSE_WAIT_US 5000000 /* for the far ends to confirm: a T308 and a little */
#define DRAIN_US 250000

struct ex_line {
	struct ex_exchange *exchange;
	struct e1_line *line;
	struct e1_faults faults;
};

/* A fault that waits for its time, or for its end. */
struct ex_pending_fault {
	struct list node;
	struct loop_timer timer;
	struct ex_exchange *exchange;
	struct ex_fault fault;
	bool applied;
};

struct ex_exchange {
	const struct ex_settings *settings;
	struct loop *loop;
	struct worker *worker;
	bool own_worker;
	int (*open_line)(struct e1_line **out, const struct conf_line *conf, struct worker *worker,
			 const struct e1_line_ops *ops, void *arg);
	struct ex_journal *journal;
	struct ex_line *lines;
	size_t line_count, lines_open;
	struct isdn_span **spans;
	size_t span_count, spans_open;
	struct list records;         /* of live calls, each in its seat */
	struct list faults;          /* pending */
	struct trace_sink trace;
	json_t *early_wire;          /* the last message whose call is not known yet */
	char early_key[64];
	unsigned next_id;
	bool closing, calls_gone;
	struct loop_timer close_timer;
	struct loop_deferred end;
	void (*closed)(void *arg);
	void *closed_arg;
};

/* ---- What the spans tell ---- */

static struct ex_record *record_of(const struct ex_exchange *x, const char *key)
{
	struct ex_record *record;

	list_for_each(record, &x->records, struct ex_record, node)
		if (!strcmp(record->key, key))
			return record;
	return NULL;
}

static void keep_early(struct ex_exchange *x, const struct trace_record *trace)
{
	json_decref(x->early_wire);
	x->early_wire = ex_wire_json(trace);
	json_object_set_new(x->early_wire, "t_ms", json_real(0));
	snprintf(x->early_key, sizeof(x->early_key), "%s", trace->call_key);
}

static void trace_emitted(void *arg, const struct trace_record *trace)
{
	struct ex_exchange *x = arg;
	struct ex_record *record;

	if (trace->protocol != TRACE_Q931)
		return;
	if (ex_journal_wanted(x->journal))
		ex_journal_write(x->journal, ex_wire_json(trace));
	record = trace->call_key ? record_of(x, trace->call_key) : NULL;
	if (record)
		ex_record_wire(record, trace);
	else if (trace->call_key)
		keep_early(x, trace);
}

void ex_exchange_seated(struct ex_exchange *x, struct ex_seat *seat)
{
	ex_record_identify(&seat->record, seat->call);
	if (seat->record.wire && x->early_wire && !strcmp(x->early_key, seat->record.key))
		json_array_append(seat->record.wire, x->early_wire);
}

static void span_incoming(struct isdn_span *span, struct isdn_call *call,
			  const struct isdn_info *info, void *arg)
{
	struct ex_exchange *x = arg;
	const char *called =
		info->called.number.digits[0] ? info->called.number.digits : info->keypad;
	struct ex_steps steps;

	if (!x->closing &&
	    (ex_plan_find(&x->settings->plan, isdn_span_name(span), called, &steps) ||
	     ex_plan_find(&x->settings->further, isdn_span_name(span), called, &steps))) {
		ex_callee_start(x, call, info, &steps);
		return;
	}
	log_write(LOG_LEVEL_NOTICE, "span", isdn_span_name(span), "call to '%s': %s", called,
		  x->closing ? "refused, ending" : "not in the plan");
	isdn_call_release(call, q850(x->closing ? Q850_TEMPORARY_FAILURE : Q850_UNALLOCATED,
				     Q850_LOC_PUBLIC_LOCAL));
	isdn_call_done(call);
}

static void span_state(struct isdn_span *span, enum isdn_span_state state, unsigned alarms,
		       void *arg)
{
	struct ex_exchange *x = arg;
	char text[64];
	json_t *object;

	if (!ex_journal_wanted(x->journal))
		return;
	e1_alarm_text(alarms, text);
	object = json_object();
	json_object_set_new(object, "event", json_string("span"));
	json_object_set_new(object, "span", json_string(isdn_span_name(span)));
	json_object_set_new(object, "state", json_string(isdn_span_state_name(state)));
	json_object_set_new(object, "alarms", json_string(text));
	ex_journal_write(x->journal, object);
}

static const struct isdn_span_ops span_ops = { .incoming = span_incoming, .state = span_state };
static const struct e1_line_ops line_ops = { 0 };

/* ---- Create ---- */

static struct e1_line *line_by_name(const struct ex_exchange *x, const char *name)
{
	for (size_t i = 0; i < x->line_count; i++)
		if (x->lines[i].line && !strcmp(e1_line_name(x->lines[i].line), name))
			return x->lines[i].line;
	return NULL;
}

static int open_line(struct ex_exchange *x, size_t index)
{
	const struct conf_line *conf = &x->settings->machine.lines[index];
	char local[NETADDR_TEXT];
	int rc;

	x->lines[index].exchange = x;
	rc = x->open_line(&x->lines[index].line, conf, x->worker, &line_ops, &x->lines[index]);
	if (rc < 0) {
		log_write(LOG_LEVEL_ERROR, "line", conf->name, "cannot be opened (%s): %s",
			  conf->kind == CONF_LINE_CESOPSN ? netaddr_text(&conf->local, local)
							  : "dahdi",
			  strerror(-rc));
		return rc;
	}
	x->lines_open++;
	return 0;
}

static int open_span(struct ex_exchange *x, size_t index)
{
	const struct conf_span *conf = &x->settings->machine.spans[index];
	struct isdn_span_cfg cfg = {
		.conf = conf,
		.line = line_by_name(x, conf->line),
		.loop = x->loop,
		.trace = &x->trace,
	};
	int rc = isdn_span_create(&x->spans[index], &cfg, &span_ops, x);

	if (rc < 0) {
		log_write(LOG_LEVEL_ERROR, "span", conf->name, "cannot be opened: %s",
			  strerror(-rc));
		return rc;
	}
	x->spans_open++;
	return 0;
}

static int open_all(struct ex_exchange *x)
{
	struct worker_cfg worker = { .name = "lines", .cpu = -1, .clock = loop_clock(x->loop) };
	int rc = ex_journal_open(&x->journal, x->settings->own.log_json, loop_clock(x->loop));

	if (rc < 0) {
		log_write(LOG_LEVEL_ERROR, "journal", x->settings->own.log_json, "%s",
			  strerror(-rc));
		return rc;
	}
	x->own_worker = !x->worker;
	if (x->own_worker)
		rc = worker_create(&x->worker, &worker, x->loop);
	x->lines = mem_calloc(x->line_count + 1, sizeof(*x->lines));
	x->spans = mem_calloc(x->span_count + 1, sizeof(struct isdn_span *));
	if (rc == 0 && (!x->lines || !x->spans))
		rc = -ENOMEM;
	for (size_t i = 0; rc == 0 && i < x->line_count; i++)
		rc = open_line(x, i);
	for (size_t i = 0; rc == 0 && i < x->span_count; i++)
		rc = open_span(x, i);
	return rc;
}

static void note_gone(void *arg)
{
	*(bool *)arg = true;
}

int ex_exchange_create(struct ex_exchange **out, const struct ex_exchange_cfg *cfg)
{
	struct ex_exchange *x = mem_zalloc(sizeof(*x));
	bool gone = false;
	int rc;

	if (!x)
		return -ENOMEM;
	x->settings = cfg->settings;
	x->loop = cfg->loop;
	x->worker = cfg->worker;
	x->open_line = cfg->open_line ? cfg->open_line : e1_line_open;
	x->line_count = cfg->settings->machine.line_count;
	x->span_count = cfg->settings->machine.span_count;
	x->trace = (struct trace_sink){ trace_emitted, x };
	list_init(&x->records);
	list_init(&x->faults);
	rc = open_all(x);
	if (rc < 0) {
		ex_exchange_close(&x, note_gone, &gone);
		while (!gone)
			loop_turn(cfg->loop, 100);
		return rc;
	}
	*out = x;
	return 0;
}

/* ---- Close ---- */

static void end(void *arg)
{
	struct ex_exchange *x = arg;
	void (*closed)(void *) = x->closed;
	void *closed_arg = x->closed_arg;

	if (x->own_worker)
		worker_destroy(&x->worker);
	ex_journal_close(&x->journal);
	json_decref(x->early_wire);
	mem_free(x->lines);
	mem_free(x->spans);
	mem_free(x);
	closed(closed_arg);
}

static void line_closed(void *arg)
{
	struct ex_exchange *x = arg;

	/* The worker is joined outside of what it has raised. */
	if (--x->lines_open == 0)
		loop_defer(x->loop, &x->end, end, x);
}

static void close_lines(struct ex_exchange *x)
{
	if (!x->lines_open) {
		loop_defer(x->loop, &x->end, end, x);
		return;
	}
	for (size_t i = 0; i < x->line_count; i++)
		if (x->lines[i].line)
			e1_line_close(&x->lines[i].line, line_closed, x);
}

static void span_closed(void *arg)
{
	struct ex_exchange *x = arg;

	if (--x->spans_open == 0)
		close_lines(x);
}

static void close_spans(struct ex_exchange *x)
{
	if (!x->spans_open) {
		close_lines(x);
		return;
	}
	for (size_t i = 0; i < x->span_count; i++)
		if (x->spans[i])
			isdn_span_close(&x->spans[i], span_closed, x);
}

static void drained(struct loop_timer *timer, void *arg)
{
	(void)timer;
	close_spans(arg);
}

/* The last RELEASE COMPLETE may still be on its way through the D-channel: it goes out before the
 * line does. */
static void calls_gone(struct ex_exchange *x)
{
	if (x->calls_gone)
		return;
	x->calls_gone = true;
	loop_timer_start(x->loop, &x->close_timer, x->next_id ? DRAIN_US : 0, drained, x);
}

static void waited_enough(struct loop_timer *timer, void *arg)
{
	(void)timer;
	calls_gone(arg);
}

static void drop_pending(struct ex_pending_fault *pending)
{
	loop_timer_stop(pending->exchange->loop, &pending->timer);
	list_remove(&pending->node);
	mem_free(pending);
}

void ex_exchange_close(struct ex_exchange **out, void (*closed)(void *arg), void *arg)
{
	struct ex_exchange *x = *out;
	struct ex_pending_fault *pending;

	*out = NULL;
	x->closing = true;
	x->closed = closed;
	x->closed_arg = arg;
	list_for_each(pending, &x->faults, struct ex_pending_fault, node)
		drop_pending(pending);
	ex_exchange_hangup(x, 0, q850(Q850_NORMAL_CLEARING, Q850_LOC_PUBLIC_LOCAL));
	if (list_empty(&x->records))
		calls_gone(x);
	else
		loop_timer_start(x->loop, &x->close_timer, CLOSE_WAIT_US, waited_enough, x);
}

/* ---- Seats ---- */

struct ex_seat_cfg ex_exchange_seat(struct ex_exchange *x, const struct isdn_span *span,
				    bool outgoing, bool keep)
{
	unsigned id = ++x->next_id;

	return (struct ex_seat_cfg){
		.journal = x->journal,
		.clock = loop_clock(x->loop),
		.records = &x->records,
		.id = id,
		.seed = id,
		.law = isdn_span_conf(span)->law,
		.outgoing = outgoing,
		.keep = keep,
	};
}

void ex_exchange_unseat(struct ex_exchange *x, struct ex_seat *seat)
{
	ex_seat_close(seat);
	if (x->closing && list_empty(&x->records))
		calls_gone(x);
}

/* ---- Orders ---- */

static int set_faults(struct ex_exchange *x, const struct ex_fault *fault)
{
	bool found = false;
	int rc = 0;

	for (size_t i = 0; i < x->line_count; i++) {
		struct ex_line *line = &x->lines[i];

		if (fault->line[0] && strcmp(fault->line, e1_line_name(line->line)))
			continue;
		found = true;
		ex_fault_apply(fault, &line->faults);
		rc = rc < 0 ? rc : e1_line_set_faults(line->line, &line->faults);
	}
	return found ? rc : -ENOENT;
}

/* What takes back all that the fault has set. */
static struct ex_fault undo(const struct ex_fault *fault)
{
	struct ex_fault back = *fault;

	back.set = (struct e1_faults){ .seed = fault->set.seed };
	back.clear = false;
	return back;
}

static void fault_due(struct loop_timer *timer, void *arg)
{
	struct ex_pending_fault *pending = arg;
	struct ex_fault back = undo(&pending->fault);
	int rc = set_faults(pending->exchange, pending->applied ? &back : &pending->fault);

	if (rc < 0)
		log_write(LOG_LEVEL_WARNING, "fault", pending->fault.line, "%s", strerror(-rc));
	if (pending->applied || !pending->fault.for_ms) {
		drop_pending(pending);
		return;
	}
	pending->applied = true;
	loop_timer_start(pending->exchange->loop, timer, (uint64_t)pending->fault.for_ms * 1000,
			 fault_due, pending);
}

int ex_exchange_fault(struct ex_exchange *x, const struct ex_fault *fault)
{
	struct ex_pending_fault *pending;
	int rc = fault->after_ms ? 0 : set_faults(x, fault);

	if (rc < 0 || (!fault->after_ms && !fault->for_ms))
		return rc;
	if (fault->line[0] && !line_by_name(x, fault->line))
		return -ENOENT;
	pending = mem_zalloc(sizeof(*pending));
	if (!pending)
		return -ENOMEM;
	pending->exchange = x;
	pending->fault = *fault;
	pending->applied = !fault->after_ms;
	list_append(&x->faults, &pending->node);
	loop_timer_start(x->loop, &pending->timer,
			 (uint64_t)(pending->applied ? fault->for_ms : fault->after_ms) * 1000,
			 fault_due, pending);
	return 0;
}

int ex_exchange_restart(struct ex_exchange *x, const char *span, unsigned timeslot)
{
	int rc = -ENOENT;

	for (size_t i = 0; i < x->span_count; i++) {
		if (span && strcmp(span, isdn_span_name(x->spans[i])))
			continue;
		rc = isdn_span_restart(x->spans[i], timeslot);
		if (rc < 0)
			return rc;
	}
	return rc;
}

unsigned ex_exchange_hangup(struct ex_exchange *x, unsigned id, struct q850_cause cause)
{
	struct ex_record *record;
	unsigned count = 0;

	list_for_each(record, &x->records, struct ex_record, node) {
		if (id && record->id != id)
			continue;
		ex_seat_release(list_entry(record, struct ex_seat, record), cause);
		count++;
	}
	return count;
}

/* ---- Queries ---- */

struct loop *ex_exchange_loop(const struct ex_exchange *x)
{
	return x->loop;
}

struct ex_journal *ex_exchange_journal(const struct ex_exchange *x)
{
	return x->journal;
}

bool ex_exchange_closing(const struct ex_exchange *x)
{
	return x->closing;
}

size_t ex_exchange_span_count(const struct ex_exchange *x)
{
	return x->span_count;
}

struct isdn_span *ex_exchange_span(const struct ex_exchange *x, size_t index)
{
	return index < x->span_count ? x->spans[index] : NULL;
}

struct isdn_span *ex_exchange_span_by_name(const struct ex_exchange *x, const char *name)
{
	for (size_t i = 0; i < x->span_count; i++)
		if (!strcmp(isdn_span_name(x->spans[i]), name))
			return x->spans[i];
	return NULL;
}

void ex_exchange_span_names(const struct ex_exchange *x, char *text, size_t room)
{
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < x->span_count && used < room; i++)
		used += (size_t)snprintf(text + used, room - used, "%s%s", used ? ", " : "",
					 isdn_span_name(x->spans[i]));
}

bool ex_exchange_span_ready(const struct isdn_span *span)
{
	if (isdn_span_state(span) != SPAN_UP)
		return false;
	for (unsigned timeslot = 1; timeslot < E1_TIMESLOTS; timeslot++)
		if (isdn_span_slot(span, timeslot, NULL) == SLOT_RESTARTING)
			return false;
	return true;
}

void ex_exchange_each_call(const struct ex_exchange *x,
			   void (*call)(const struct ex_seat *seat, void *arg), void *arg)
{
	struct ex_record *record;

	list_for_each(record, &x->records, struct ex_record, node)
		call(list_entry(record, struct ex_seat, record), arg);
}

size_t ex_exchange_line_count(const struct ex_exchange *x)
{
	return x->line_count;
}

struct e1_line *ex_exchange_line(const struct ex_exchange *x, size_t index)
{
	return index < x->line_count ? x->lines[index].line : NULL;
}
