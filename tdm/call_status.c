/* SPDX-License-Identifier: GPL-2.0-only */
/* Do both sides believe the same of a call? After layer 2 has been away each kept call is asked for
 * by STATUS ENQUIRY (Q.931 5.8.10), and a STATUS that disagrees ends it (5.8.11). libpri can't send
 * STATUS ENQUIRY: a NOTIFY of its, which changes no state, becomes one on its way out. */
#include "tdm/span_private.h"

#define T322_MS 4000 /* Q.931 table 9-1 */
#define ENQUIRIES_MAX 3

static void unanswered(struct loop_timer *timer, void *arg);

static void send_enquiry(struct isdn_call *call)
{
	struct isdn_span *span = call->span;

	call->notes->patches[NOTE_NOTIFY] =
		(struct q931_patch){ .used = true, .type = Q931_STATUS_ENQUIRY, .bare = true };
	pri_call_notify(span->link, call->q931);
	call->enquiries++;
	loop_timer_start(span->loop, &call->enquiry, UINT64_C(1000) * T322_MS, unanswered, call);
}

/* Q.931 5.8.10: repeated, then cleared with cause 41. */
static void unanswered(struct loop_timer *timer, void *arg)
{
	struct isdn_call *call = arg;

	(void)timer;
	if (call->fsm.state != CALL_ACTIVE || !call->span->layer2)
		return;
	if (call->enquiries < ENQUIRIES_MAX) {
		send_enquiry(call);
		return;
	}
	counter_inc(&call->span->counters.status_clears);
	isdn_call_release(call, q850(Q850_TEMPORARY_FAILURE, Q850_LOC_USER));
}

void call_enquire(struct isdn_call *call)
{
	if (call->fsm.state != CALL_ACTIVE)
		return;
	call->enquiries = 0;
	send_enquiry(call);
}

/* Peer states (Q.931 4.5.7) that fit our active state: active, or connect request. A STATUS about
 * some message of ours (not in answer to an enquiry) may have crossed our CONNECT: then its call is
 * still in set-up. */
static bool compatible(const struct isdn_call *call, const struct q931_message *status)
{
	bool answer = status->info.cause.value == Q850_RESPONSE_TO_STATUS_ENQUIRY;

	if (status->call_state == 10 || status->call_state == 8)
		return true;
	return !answer && !call->ours && status->call_state <= 4;
}

/* The user is told at once; the far end is cleared by the book meanwhile. State 0 is libpri's: it
 * clears by itself. */
void call_status(struct isdn_call *call, const struct q931_message *status)
{
	loop_timer_stop(call->span->loop, &call->enquiry);
	if (call->fsm.state != CALL_ACTIVE || status->call_state <= 0 || compatible(call, status))
		return;
	counter_inc(&call->span->counters.status_clears);
	clog(call, LOG_LEVEL_NOTICE, "the far end's call is in state %d: cleared",
	     status->call_state);
	call->cause = q850(Q850_WRONG_CALL_STATE, Q850_LOC_USER);
	isdn_call_release(call, call->cause);
	call_tell_released(call, NULL);
}
