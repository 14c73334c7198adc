/* SPDX-License-Identifier: GPL-2.0-only */
/* What happened to calls, told to their users at the end of the loop's turn and in order: so a user
 * may call any verb from its callback, and no verb calls back. A RELEASE COMPLETE that was written
 * meanwhile goes out when the user of its call has been told. */
#include "tdm/span_private.h"

#include "base/mem.h"

void call_hold(struct isdn_call *call)
{
	call->holds++;
}

void call_drop(struct isdn_call *call)
{
	struct isdn_span *span = call->span;

	if (--call->holds)
		return;
	loop_timer_stop(span->loop, &call->enquiry);
	fsm_close(&call->fsm);
	loop_free_later(span->loop, call);
	span->call_count--;
	span_check_finished(span);
}

static void serve_incoming(struct isdn_call *call, const struct call_report *report)
{
	struct isdn_span *span = call->span;

	if (span->ops->incoming)
		span->ops->incoming(span, call, &report->info, span->arg);
	if (call->user && !call->ops) { /* nobody took it */
		isdn_call_release(call, q850(Q850_NO_USER_RESPONDING, Q850_LOC_PRIVATE_LOCAL));
		isdn_call_done(call);
	}
}

static void serve(struct call_report *report)
{
	struct isdn_call *call = report->call;

	if (!call->user)
		return;
	if (report->incoming)
		serve_incoming(call, report);
	else if (call->ops && call->ops->event)
		call->ops->event(call, report->event, &report->info, call->arg);
}

static void deliver(void *arg)
{
	struct isdn_span *span = arg;
	struct list now;
	struct call_report *report;
	unsigned last_words = span->writer.held_count;

	/* What is queued meanwhile waits for the next turn. */
	list_init(&now);
	if (!list_empty(&span->reports)) {
		now = span->reports;
		now.next->prev = now.prev->next = &now;
		list_init(&span->reports);
	}
	while ((report = list_first(&now, struct call_report, node))) {
		struct isdn_call *call = report->call;

		list_remove(&report->node);
		serve(report);
		if (!report->kept)
			mem_free(report);
		call_drop(call);
	}
	writer_let_go(&span->writer, last_words);
}

void span_tell_soon(struct isdn_span *span)
{
	loop_defer(span->loop, &span->deliver, deliver, span);
}

static void queue(struct isdn_call *call, struct call_report *report)
{
	struct isdn_span *span = call->span;

	report->call = call;
	call_hold(call);
	list_append(&span->reports, &report->node);
	span_tell_soon(span);
}

void call_tell(struct isdn_call *call, enum isdn_event event, const struct isdn_info *info)
{
	struct call_report *report;

	if (call->told || !call->user)
		return;
	report = mem_zalloc(sizeof(*report));
	if (!report) { /* a call whose user has missed something is of no use */
		clog(call, LOG_LEVEL_ERROR, "no memory to report an event: the call is cleared");
		isdn_call_release(call, q850(Q850_RESOURCE_UNAVAILABLE, Q850_LOC_PRIVATE_LOCAL));
		return;
	}
	report->event = event;
	report->info = *info;
	queue(call, report);
}

void call_tell_incoming(struct isdn_call *call, const struct isdn_info *info)
{
	call->first.kept = true;
	call->first.incoming = true;
	call->first.info = *info;
	queue(call, &call->first);
}

void call_tell_released(struct isdn_call *call, const struct isdn_info *info)
{
	if (call->told || !call->user)
		return;
	call->told = true;
	call->last.kept = true;
	call->last.event = ISDN_RELEASED;
	if (info)
		call->last.info = *info;
	call->last.info.cause = call->cause;
	call->last.info.cause_diagnostics = call->heard;
	queue(call, &call->last);
}

void span_reports_init(struct isdn_span *span)
{
	list_init(&span->reports);
}
