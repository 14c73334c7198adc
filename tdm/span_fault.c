/* SPDX-License-Identifier: GPL-2.0-only */
/* Faults of layers 1 and 2, and RESTART.
 *
 * T309 (Q.931 5.8.9, ETS 300 102-1 5.8.9): it runs while layer 1 or layer 2 is down. Calls in the
 * active state are kept and cleared with cause 27 when it expires. Calls in any other state are
 * cleared as soon as the data link is lost (5.8.9 a), not at an alarm of layer 1 alone: until Q.921
 * gives up its messages are merely late. libpri's own T309 knows layer 2 only, so it is set long
 * and ours decides.
 *
 * Back in time, each kept call is asked for (5.8.10). A far end that has forgotten the calls
 * answers that, or sends RESTART. */
#include "tdm/span_private.h"

#include <errno.h>

#define POLL_US 100000 /* alarms take longer than that to be declared (G.775) */
#define N316 2         /* Q.931 5.5.1: times that RESTART is sent */

static bool usable(const struct isdn_span *span)
{
	return !(span->alarms & E1_ALARMS_DOWN) && span->layer2;
}

static void restart_later(void *arg);
static void t316_expired(struct loop_timer *timer, void *arg);

/* ---- T309 ---- */

static void t309_expired(struct loop_timer *timer, void *arg)
{
	struct isdn_span *span = arg;
	struct isdn_call *call;

	(void)timer;
	slog(span, LOG_LEVEL_WARNING, "T309: %u calls cleared", isdn_span_calls(span));
	list_for_each(call, &span->calls, struct isdn_call, node)
	{
		counter_inc(&span->counters.t309_clears);
		call_forget(call, q850(Q850_DESTINATION_OUT_OF_ORDER, Q850_LOC_PRIVATE_LOCAL));
	}
}

static void enquire_all(struct isdn_span *span)
{
	struct isdn_call *call;

	list_for_each(call, &span->calls, struct isdn_call, node) call_enquire(call);
}

static void clear_unanswered_calls(struct isdn_span *span)
{
	struct isdn_call *call;

	list_for_each(call, &span->calls, struct isdn_call,
		      node) if (call->fsm.state != CALL_ACTIVE)
		call_forget(call, q850(Q850_DESTINATION_OUT_OF_ORDER, Q850_LOC_PRIVATE_LOCAL));
}

static enum isdn_span_state state_of(const struct isdn_span *span)
{
	if (span->alarms & E1_ALARMS_DOWN)
		return SPAN_DOWN;
	return span->layer2 ? SPAN_UP : SPAN_NO_LAYER2;
}

static void t316_expired(struct loop_timer *timer, void *arg);

/* A RESTART on its way went with the old link: it is repeated as soon as libpri has taken the new
 * one. */
static void repeat_restart(struct isdn_span *span)
{
	if (!span->restarting)
		return;
	span->restart_tries = 0;
	loop_timer_start(span->loop, &span->t316, 0, t316_expired, span);
}

static timeslot_set blocked(const struct isdn_span *span)
{
	timeslot_set set = 0;

	for (unsigned ts = 1; ts < E1_TIMESLOTS; ts++)
		if (channels_state(&span->channels, ts) == CHANNEL_BLOCKED)
			set |= UINT32_C(1) << ts;
	return set;
}

static void came_up(struct isdn_span *span)
{
	loop_timer_stop(span->loop, &span->t309);
	enquire_all(span);
	repeat_restart(span);
	if (!span->came_up && span->conf->restart_on_start)
		span_restart_want(span, span->channels.usable, true);
	else
		span_restart_want(span, blocked(span), false); /* another try */
	span->came_up = true;
}

/* After any change of alarms or layer 2. */
static void changed(struct isdn_span *span)
{
	enum isdn_span_state before = span->state;
	char text[64];

	span->state = state_of(span);
	if (!usable(span) && !loop_timer_armed(&span->t309) && !list_empty(&span->calls))
		loop_timer_start(span->loop, &span->t309, UINT64_C(1000) * span->conf->timers.t309,
				 t309_expired, span);
	if (span->state == SPAN_UP && before != SPAN_UP)
		came_up(span);
	slog(span, LOG_LEVEL_NOTICE, "%s, alarms %s", isdn_span_state_name(span->state),
	     e1_alarm_text(span->alarms, text));
	if (span->ops->state && !span->closing)
		span->ops->state(span, span->state, span->alarms, span->arg);
}

/* The line reports alarms to its owner; the span looks for itself. */
static void poll_alarms(struct loop_timer *timer, void *arg)
{
	struct isdn_span *span = arg;
	unsigned alarms = e1_line_alarms(span->line);
	unsigned gone = span->alarms & ~alarms;

	loop_timer_start(span->loop, timer, POLL_US, poll_alarms, span);
	if (alarms == span->alarms)
		return;
	span->alarms = alarms;
	changed(span);
	/* RAI: the far end did not hear us, and may have cleared what we still hold (its T309 runs
	 * then, ours doesn't). It is asked about every call (Q.931 5.8.10). */
	if ((gone & E1_ALARM_RAI) && usable(span))
		enquire_all(span);
}

void span_fault_init(struct isdn_span *span)
{
	span->alarms = e1_line_alarms(span->line);
	span->state = state_of(span);
	loop_timer_start(span->loop, &span->poll, POLL_US, poll_alarms, span);
}

void span_fault_close(struct isdn_span *span)
{
	loop_timer_stop(span->loop, &span->poll);
	loop_timer_stop(span->loop, &span->t309);
	loop_timer_stop(span->loop, &span->t316);
	loop_defer_cancel(span->loop, &span->restart_later);
}

void span_layer2(struct isdn_span *span, bool up)
{
	if (up)
		counter_inc(&span->counters.layer2_ups);
	else if (span->layer2)
		counter_inc(&span->counters.layer2_losses);
	if (!up)
		clear_unanswered_calls(span);
	if (up == span->layer2)
		return;
	span->layer2 = up;
	changed(span);
}

/* SABME while the link stands: the far end has begun anew (Q.921 5.7), and libpri doesn't say so
 * when nothing was under way. */
void span_peer_reset(struct isdn_span *span)
{
	if (!span->layer2 || span->state != SPAN_UP)
		return;
	enquire_all(span);
	repeat_restart(span);
}

/* ---- RESTART ---- */

static void send_restart(struct isdn_span *span)
{
	counter_inc(&span->counters.restarts_tx);
	span->restart_tries++;
	pri_link_restart(span->link, span->restarting);
	loop_timer_start(span->loop, &span->t316, UINT64_C(1000) * span->conf->timers.t316,
			 t316_expired, span);
}

/* A channel that a call has is in order. One whose port is still on its way out is not: its call
 * has ended here, and the far end may know nothing of it. */
static bool may_restart(enum channel_state state)
{
	return state == CHANNEL_IDLE || state == CHANNEL_BLOCKED || state == CHANNEL_LEAVING;
}

static void next_restart(struct isdn_span *span)
{
	while (span->restart_wanted && !span->restarting && usable(span) && !span->closing) {
		uint8_t ts = (uint8_t)__builtin_ctz(span->restart_wanted);

		span->restart_wanted &= ~(UINT32_C(1) << ts);
		if (!may_restart(channels_state(&span->channels, ts)))
			continue;
		channels_set(&span->channels, ts, CHANNEL_RESTARTING);
		span->restarting = ts;
		span->restart_tries = 0;
		send_restart(span);
	}
}

static void restart_over(struct isdn_span *span, enum channel_state state)
{
	loop_timer_stop(span->loop, &span->t316);
	if (state == CHANNEL_IDLE && span->bchans[span->restarting].state != BCHAN_FREE)
		state = CHANNEL_LEAVING;
	channels_set(&span->channels, span->restarting, state);
	span->restarting = 0;
}

/* Q.931 5.5.1: after N316 the channel is out of service. At the start nothing is known against it,
 * and a far end that doesn't know RESTART must not cost the span: then all of them stay in service.
 */
static void t316_expired(struct loop_timer *timer, void *arg)
{
	struct isdn_span *span = arg;
	bool precaution;

	(void)timer;
	if (span->restart_tries < N316 && usable(span)) {
		send_restart(span);
		return;
	}
	slog(span, LOG_LEVEL_WARNING, "RESTART of timeslot %u was not acknowledged",
	     span->restarting);
	precaution = span->restart_precaution & (UINT32_C(1) << span->restarting);
	if (precaution)
		span->restart_wanted &= ~span->restart_precaution;
	restart_over(span, precaution ? CHANNEL_IDLE : CHANNEL_BLOCKED);
	next_restart(span);
}

static void restart_later(void *arg)
{
	next_restart(arg);
}

/* Deferred, so that the call that wants it has given its channel back. */
void span_restart_want(struct isdn_span *span, timeslot_set timeslots, bool at_start)
{
	span->restart_wanted |= timeslots & span->channels.usable;
	span->restart_precaution &= ~timeslots;
	span->restart_precaution |= at_start ? timeslots : 0;
	loop_defer(span->loop, &span->restart_later, restart_later, span);
}

void span_restart_acknowledged(struct isdn_span *span, uint8_t timeslot)
{
	if (!span->restarting || timeslot != span->restarting)
		return;
	restart_over(span, CHANNEL_IDLE);
	next_restart(span);
}

/* Calls on these channels end without a message (Q.931 5.5.2); `timeslot` 0: on all. */
static void clear_channel_calls(struct isdn_span *span, uint8_t timeslot)
{
	struct isdn_call *call;

	list_for_each(call, &span->calls, struct isdn_call,
		      node) if (!timeslot || call->timeslot == timeslot)
		call_forget(call, q850(Q850_TEMPORARY_FAILURE, Q850_LOC_PUBLIC_LOCAL));
}

void span_restart_received(struct isdn_span *span, uint8_t timeslot)
{
	counter_inc(&span->counters.restarts_rx);
	clear_channel_calls(span, timeslot);
	for (uint8_t ts = 1; ts < E1_TIMESLOTS; ts++)
		if ((!timeslot || ts == timeslot) &&
		    channels_state(&span->channels, ts) == CHANNEL_BLOCKED)
			channels_free(&span->channels, ts);
}

int isdn_span_restart(struct isdn_span *span, unsigned timeslot)
{
	if (span->state != SPAN_UP)
		return -ENOTCONN;
	if (timeslot && channels_state(&span->channels, timeslot) == CHANNEL_ABSENT)
		return -EINVAL;
	clear_channel_calls(span, (uint8_t)timeslot);
	span_restart_want(span, timeslot ? UINT32_C(1) << timeslot : span->channels.usable, false);
	return 0;
}
