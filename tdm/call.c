/* SPDX-License-Identifier: GPL-2.0-only */
/* A Q.931 call as a state machine (Q.931 5, ETS 300 102-1 5). libpri codes the messages and keeps
 * T303's first expiry, T305 and T308; everything else is decided here: T303's second expiry, T301,
 * T304, T306, T310, T313, causes and locations, B-channels. */
#include "tdm/span_private.h"

#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CLEARING_MARGIN_MS 1000 /* ours stays behind libpri's T305 and T308 */
#define T306_MS                                                                                    \
	30000 /* Q.931 table 9-1: how long an announcement may last before the call is released */

static struct isdn_call *call_of(struct fsm *fsm)
{
	return fsm->owner;
}

/* ---- Causes and patches ---- */

static bool network(const struct isdn_call *call)
{
	return call->span->conf->role == CONF_ROLE_NT;
}

struct q850_cause call_own_cause(const struct isdn_call *call, uint8_t value)
{
	return q850(value, network(call) ? Q850_LOC_PUBLIC_LOCAL : Q850_LOC_USER);
}

static void note_cause(struct isdn_call *call, enum note note, struct q850_cause cause)
{
	q931_patch_diagnosed(&call->notes->patches[note], cause, &call->diagnostics);
}

/* What the message shall carry; nothing when `info` is NULL. */
static int note_info(struct isdn_call *call, uint8_t type, const struct isdn_info *info)
{
	struct q931_patch patch = { 0 };
	int rc = 0;

	if (info)
		rc = q931_patch_make(&patch, type, info, network(call));
	if (rc == 0)
		call->notes->patches[note_of(type)] = patch;
	return rc;
}

/* ---- Ends ---- */

static void free_q931(struct isdn_call *call)
{
	if (call->q931)
		pri_call_free(call->span->link, call->q931);
	call->q931 = NULL;
}

/* The channel goes back, at once or when its port has left. */
static void give_channel(struct isdn_call *call)
{
	struct isdn_span *span = call->span;

	if (!call->timeslot)
		return;
	if (span->bchans[call->timeslot].state != BCHAN_FREE)
		channels_set(&span->channels, call->timeslot, CHANNEL_LEAVING);
	else
		channels_free(&span->channels, call->timeslot);
}

/* The call reference is gone on both sides, or given up by this one. */
static void gone(struct isdn_call *call, const struct isdn_info *info)
{
	call_hold(call); /* its user may have let go before */
	call->q931 = NULL;
	fsm_go(&call->fsm, CALL_GONE);
	call_tell_released(call, info);
	call_drop(call);
}

static void enter_gone(struct fsm *fsm, unsigned from)
{
	struct isdn_call *call = call_of(fsm);

	(void)from;
	loop_timer_stop(call->span->loop, &call->enquiry);
	give_channel(call);
	list_remove(&call->node);
	writer_retire(&call->span->writer, &call->notes);
	call_drop(call);
}

/* ---- Clearing (Q.931 5.3) ---- */

static void keep_cause(struct isdn_call *call, struct q850_cause cause)
{
	if (!call->cause.value && cause.value)
		call->cause = cause;
}

/* The cause of a message, with its diagnostics. */
static void keep_heard(struct isdn_call *call, const struct isdn_info *info)
{
	if (!call->cause.value && info->cause.value)
		call->heard = info->cause_diagnostics;
	keep_cause(call, info->cause);
}

/* DISCONNECT, with what `info` says; libpri starts T305 and repeats the cause in RELEASE when that
 * expires (5.3.3). */
static void disconnect(struct isdn_call *call, const struct isdn_info *info)
{
	struct isdn_info with = info ? *info : (struct isdn_info){ 0 };

	if (!with.cause.value)
		with.cause = call_own_cause(call, Q850_NORMAL_CLEARING);
	call->rc = note_info(call, Q931_DISCONNECT, &with);
	if (call->rc < 0)
		return;
	note_cause(call, NOTE_RELEASE, with.cause);
	keep_cause(call, with.cause);
	call->announcing = isdn_info_inband(&with);
	call->rc = pri_call_hangup(call->span->link, call->q931, Q850_NORMAL_CLEARING);
	fsm_go(&call->fsm, CALL_DISCONNECT_SENT);
}

static void disconnect_cause(struct isdn_call *call, struct q850_cause cause)
{
	struct isdn_info info = { .cause = cause, .cause_diagnostics = call->diagnostics };

	disconnect(call, &info);
}

/* RELEASE in answer to DISCONNECT (5.3.3, 5.3.4). */
static void release(struct isdn_call *call, struct q850_cause cause)
{
	note_cause(call, NOTE_RELEASE, cause);
	keep_cause(call, cause);
	call->rc = pri_call_hangup(call->span->link, call->q931, Q850_NORMAL_CLEARING);
	fsm_go(&call->fsm, CALL_RELEASING);
}

/* RELEASE COMPLETE to a SETUP that had no answer yet (5.3.2 c), or after a SETUP that got none
 * (T303). */
static void refuse(struct isdn_call *call, struct q850_cause cause)
{
	note_cause(call, NOTE_RELEASE_COMPLETE, cause);
	call->rc = pri_call_refuse(call->span->link, call->q931);
	gone(call, NULL);
}

/* A timer of ours: `line` goes to the far end, `user` up (Q.931 5.2.4, 5.2.5.3). */
static void time_out(struct isdn_call *call, uint8_t user, uint8_t line)
{
	clog(call, LOG_LEVEL_INFO, "timer of state %s expired", fsm_state_name(&call->fsm));
	keep_cause(call, call_own_cause(call, user));
	disconnect_cause(call, call_own_cause(call, line));
}

static void t303_expired(struct fsm *fsm)
{
	struct isdn_call *call = call_of(fsm);

	call->cause = call_own_cause(call, Q850_NO_USER_RESPONDING);
	refuse(call, call_own_cause(call, Q850_TIMER_EXPIRY));
}

static void t304_expired(struct fsm *fsm)
{
	time_out(call_of(fsm), Q850_INVALID_NUMBER, Q850_TIMER_EXPIRY);
}

static void t310_expired(struct fsm *fsm)
{
	time_out(call_of(fsm), Q850_NO_USER_RESPONDING, Q850_TIMER_EXPIRY);
}

static void t301_expired(struct fsm *fsm)
{
	time_out(call_of(fsm), Q850_NO_ANSWER, Q850_TIMER_EXPIRY);
}

static void t313_expired(struct fsm *fsm)
{
	time_out(call_of(fsm), Q850_TIMER_EXPIRY, Q850_TIMER_EXPIRY);
}

/* The user has not answered the far end's DISCONNECT: the announcement has been long enough. */
static void t306_expired(struct fsm *fsm)
{
	struct isdn_call *call = call_of(fsm);

	release(call, call_own_cause(call, Q850_NORMAL_CLEARING));
}

/* ---- What every state does alike ---- */

static void received_disconnect(struct isdn_call *call, const struct isdn_info *info)
{
	keep_heard(call, info);
	fsm_go(&call->fsm, CALL_DISCONNECT_RECEIVED);
	call_tell(call, ISDN_DISCONNECT, info);
}

/* RELEASE or RELEASE COMPLETE, or libpri's timer; the answer frees libpri's call. */
static void received_release(struct isdn_call *call, const struct isdn_info *info)
{
	if (call_offer_again(call, info->cause.value)) {
		fsm_go(&call->fsm, CALL_OUT_SETUP);
		return;
	}
	keep_heard(call, info);
	note_cause(call, NOTE_RELEASE_COMPLETE, call->cause);
	pri_call_hangup(call->span->link, call->q931, Q850_NORMAL_CLEARING);
	gone(call, info);
}

/* Nothing is known of the channel any more: RESTART puts it right (5.3.3, 5.5). */
static void distrust_channel(struct isdn_call *call)
{
	if (call->timeslot)
		span_restart_want(call->span, UINT32_C(1) << call->timeslot, false);
}

/* RELEASE COMPLETE after our RELEASE; without a message it was T308, twice. */
static void released(struct isdn_call *call, const struct isdn_info *info)
{
	if (!call->span->rx_valid)
		distrust_channel(call);
	keep_heard(call, info);
	gone(call, info);
}

/* libpri forgets T305 and T308 when a stray CONNECT ACKNOWLEDGE comes in: clearing ends
 * nevertheless. */
static void clearing_expired(struct fsm *fsm)
{
	struct isdn_call *call = call_of(fsm);

	distrust_channel(call);
	free_q931(call);
	gone(call, NULL);
}

/* Without a data link there is nobody to say it to; the channel is put right by RESTART when there
 * is (Q.931 5.5). */
static bool cut_off(struct isdn_call *call, struct q850_cause cause)
{
	if (call->span->layer2)
		return false;
	distrust_channel(call);
	keep_cause(call, cause);
	free_q931(call);
	gone(call, NULL);
	return true;
}

static void do_disconnect(struct isdn_call *call, const struct isdn_info *info)
{
	struct q850_cause cause = info ? info->cause : call_own_cause(call, Q850_NORMAL_CLEARING);

	if (!cut_off(call, cause))
		disconnect(call, info);
}

static void do_release(struct isdn_call *call, struct q850_cause cause)
{
	if (!cut_off(call, cause))
		disconnect_cause(call, cause);
}

static void common(struct fsm *fsm, unsigned event, const void *data)
{
	struct isdn_call *call = call_of(fsm);

	if (event == CALL_MSG_INFORMATION)
		call_tell(call, ISDN_INFORMATION, data);
	else if (event == CALL_MSG_NOTIFY)
		call_tell(call, ISDN_NOTIFY, data);
	else if (event == CALL_MSG_DISCONNECT)
		received_disconnect(call, data);
	else if (event == CALL_MSG_RELEASE)
		received_release(call, data);
	else if (event == CALL_MSG_RELEASED)
		released(call, data);
	else if (event == CALL_DO_DISCONNECT)
		do_disconnect(call, data);
	else if (event == CALL_DO_RELEASE)
		do_release(call, *(const struct q850_cause *)data);
	else if (event == CALL_FORGET) {
		keep_cause(call, *(const struct q850_cause *)data);
		free_q931(call);
		gone(call, NULL);
	}
}

/* ---- Outgoing (Q.931 5.1 as user, 5.2 as network) ---- */

static void null_handle(struct fsm *fsm, unsigned event, const void *data)
{
	(void)data;
	fsm_go(fsm, event == CALL_DO_SETUP ? CALL_OUT_SETUP : CALL_IN_PRESENT);
}

/* Progress information says that interworking or an announcement keeps the answer away: T310 no
 * longer applies (Q.931 5.1.6, 5.2.6; table 9-1 note). */
static bool interworking(const struct isdn_info *info)
{
	for (unsigned i = 0; i < info->progress_count; i++)
		if (info->progress[i].description == PROGRESS_NOT_END_TO_END_ISDN ||
		    info->progress[i].description == PROGRESS_DESTINATION_NOT_ISDN ||
		    info->progress[i].description == PROGRESS_INBAND)
			return true;
	return false;
}

static void proceed(struct isdn_call *call, const struct isdn_info *info, enum isdn_event event)
{
	fsm_go(&call->fsm, CALL_OUT_PROCEEDING);
	if (interworking(info))
		loop_timer_stop(call->span->loop, &call->fsm.timer);
	call_tell(call, event, info);
}

static void outgoing_handle(struct fsm *fsm, unsigned event, const void *data)
{
	struct isdn_call *call = call_of(fsm);

	if (event == CALL_MSG_SETUP_ACK) {
		fsm_go(fsm, CALL_OUT_OVERLAP);
		call_tell(call, ISDN_SETUP_ACK, data);
	} else if (event == CALL_MSG_PROCEEDING) {
		proceed(call, data, ISDN_PROCEEDING);
	} else if (event == CALL_MSG_PROGRESS && fsm->state == CALL_OUT_ALERTING) {
		call_tell(call, ISDN_PROGRESS, data);
	} else if (event == CALL_MSG_PROGRESS) {
		proceed(call, data, ISDN_PROGRESS);
	} else if (event == CALL_MSG_ALERTING) {
		fsm_go(fsm, CALL_OUT_ALERTING);
		call_tell(call, ISDN_ALERTING, data);
	} else if (event == CALL_MSG_CONNECT) {
		counter_inc(&call->span->counters.connects);
		fsm_go(fsm, CALL_ACTIVE);
		call_tell(call, ISDN_CONNECT, data);
	} else {
		common(fsm, event, data);
	}
}

/* ---- Incoming (Q.931 5.2 as user, 5.1 as network) ---- */

/* Nothing has been said of the call's progress yet. */
static bool untouched(const struct isdn_call *call)
{
	return call->fsm.state == CALL_IN_PRESENT || call->fsm.state == CALL_IN_COLLECTED;
}

/* CALL PROCEEDING comes first: it names the B-channel (5.1.2, 5.2.3), and before it no DISCONNECT
 * may be sent. */
static void ensure_proceeding(struct isdn_call *call)
{
	if (!untouched(call))
		return;
	call->rc = pri_call_proceeding(call->span->link, call->q931, call->timeslot);
	call->agreed = true;
	fsm_go(&call->fsm, CALL_IN_PROCEEDING);
}

static void do_proceeding(struct isdn_call *call, const struct isdn_info *info)
{
	call->rc = note_info(call, Q931_CALL_PROCEEDING, info);
	if (call->rc == 0)
		ensure_proceeding(call);
}

static void do_alerting(struct isdn_call *call, const struct isdn_info *info)
{
	call->rc = note_info(call, Q931_ALERTING, info);
	if (call->rc < 0)
		return;
	ensure_proceeding(call);
	call->rc = pri_call_alerting(call->span->link, call->q931, call->timeslot);
	fsm_go(&call->fsm, CALL_IN_ALERTING);
}

static void do_progress(struct isdn_call *call, const struct isdn_info *info)
{
	call->rc = note_info(call, Q931_PROGRESS, info);
	if (call->rc < 0)
		return;
	ensure_proceeding(call);
	call->rc = pri_call_progress(call->span->link, call->q931, call->timeslot);
}

/* The network is connected by sending CONNECT, the user by its acknowledgement (5.1.8, 5.2.8). */
static void do_connect(struct isdn_call *call, const struct isdn_info *info)
{
	call->rc = note_info(call, Q931_CONNECT, info);
	if (call->rc < 0)
		return;
	call->rc = pri_call_connect(call->span->link, call->q931, call->timeslot);
	call->agreed = true;
	counter_inc(&call->span->counters.connects);
	fsm_go(&call->fsm, network(call) ? CALL_ACTIVE : CALL_IN_CONNECTING);
}

/* An in-band announcement needs a call that is under way; anything else is refused. */
static void present_disconnect(struct isdn_call *call, const struct isdn_info *info)
{
	if (call->fsm.state == CALL_IN_PRESENT)
		ensure_proceeding(call);
	do_disconnect(call, info);
}

/* SETUP ACKNOWLEDGE is the first answer, so it names the B-channel (5.1.2, 5.2.3). */
static void do_collect(struct isdn_call *call, const struct isdn_info *info)
{
	call->rc = pri_call_setup_ack(call->span->link, call->q931, call->timeslot);
	call->agreed = true;
	call_collect_begin(call, info);
	fsm_go(&call->fsm, CALL_IN_OVERLAP);
}

static void incoming_handle(struct fsm *fsm, unsigned event, const void *data)
{
	struct isdn_call *call = call_of(fsm);

	if (event == CALL_DO_PROCEEDING) {
		if (untouched(call))
			do_proceeding(call, data);
	} else if (event == CALL_DO_COLLECT) {
		do_collect(call, data);
	} else if (event == CALL_DO_ALERTING) {
		if (fsm->state != CALL_IN_ALERTING)
			do_alerting(call, data);
	} else if (event == CALL_DO_PROGRESS) {
		do_progress(call, data);
	} else if (event == CALL_DO_CONNECT) {
		do_connect(call, data);
	} else if (event == CALL_DO_RELEASE && fsm->state == CALL_IN_PRESENT) {
		keep_cause(call, *(const struct q850_cause *)data);
		refuse(call, *(const struct q850_cause *)data);
	} else if (event == CALL_DO_DISCONNECT) {
		present_disconnect(call, data);
	} else if (event == CALL_MSG_SILENT_CLEAR) {
		keep_heard(call, data);
		gone(call, data);
	} else if (event == CALL_MSG_DISCONNECT && fsm->state == CALL_IN_PRESENT) {
		/* libpri has answered with RELEASE COMPLETE, as nothing was sent before, and waits
		 * for no more */
		keep_heard(call, data);
		free_q931(call);
		gone(call, data);
	} else {
		common(fsm, event, data);
	}
}

/* ---- Overlap receiving (Q.931 5.1.3, 5.2.4) ---- */

/* What is definitely incomplete or can be no number ends with cause 28: by T302 in 5.1.5.2 and
 * 5.2.4, otherwise by 5.1.4. */
static void collected(struct isdn_call *call, enum collected what)
{
	if (what == COLLECTED_INVALID) {
		clog(call, LOG_LEVEL_INFO, "no number came, or too long a one");
		do_release(call, call_own_cause(call, Q850_INVALID_NUMBER));
	} else if (what == COLLECTED_MORE) {
		fsm_go(&call->fsm, CALL_IN_OVERLAP); /* T302 begins anew */
	} else {
		fsm_go(&call->fsm, CALL_IN_COLLECTED);
		call_collect_tell(call);
	}
}

static void t302_expired(struct fsm *fsm)
{
	struct isdn_call *call = call_of(fsm);

	collected(call, call_collected(call));
}

static void overlap_handle(struct fsm *fsm, unsigned event, const void *data)
{
	struct isdn_call *call = call_of(fsm);

	if (event == CALL_MSG_INFORMATION) {
		collected(call, call_collect(call, data));
	} else if (event == CALL_MSG_DISCONNECT) { /* nobody else would answer it */
		keep_heard(call, data);
		release(call, call_own_cause(call, Q850_NORMAL_CLEARING));
	} else {
		common(fsm, event, data);
	}
}

static void connecting_handle(struct fsm *fsm, unsigned event, const void *data)
{
	if (event == CALL_MSG_CONNECT_ACK)
		fsm_go(fsm, CALL_ACTIVE);
	else if (event != CALL_DO_CONNECT)
		common(fsm, event, data);
}

static void active_handle(struct fsm *fsm, unsigned event, const void *data)
{
	if (event != CALL_DO_CONNECT && event != CALL_MSG_CONNECT_ACK)
		common(fsm, event, data);
}

/* ---- Clearing states ---- */

/* An announcement of ours is cut short by RELEASE (T306's end, 5.3.4.1). libpri sends none in this
 * state: a NOTIFY of its becomes one, and RELEASE COMPLETE is taken in any state. Its T305 repeats
 * it. */
static void end_announcement(struct isdn_call *call, struct q850_cause cause)
{
	struct q931_patch *patch = &call->notes->patches[NOTE_NOTIFY];

	if (!call->announcing || cut_off(call, cause))
		return;
	call->announcing = false;
	q931_patch_cause(patch, cause);
	patch->bare = true;
	patch->type = Q931_RELEASE;
	call->rc = pri_call_notify(call->span->link, call->q931);
}

static void disconnect_sent_handle(struct fsm *fsm, unsigned event, const void *data)
{
	struct isdn_call *call = call_of(fsm);

	if (event == CALL_DO_RELEASE)
		end_announcement(call, *(const struct q850_cause *)data);
	else if (event ==
		 CALL_MSG_DISCONNECT) /* collision: libpri has answered with RELEASE (5.3.5) */
		fsm_go(fsm, CALL_RELEASING);
	else if (event == CALL_MSG_RELEASE || event == CALL_MSG_RELEASED || event == CALL_FORGET)
		common(fsm, event, data);
}

static void disconnect_received_handle(struct fsm *fsm, unsigned event, const void *data)
{
	struct isdn_call *call = call_of(fsm);
	const struct isdn_info *info = data;
	struct q850_cause cause = call_own_cause(call, Q850_NORMAL_CLEARING);

	if (event == CALL_DO_DISCONNECT && info && info->cause.value)
		cause = info->cause;
	else if (event == CALL_DO_RELEASE)
		cause = *(const struct q850_cause *)data;
	if (event == CALL_DO_DISCONNECT || event == CALL_DO_RELEASE) {
		if (!cut_off(call, cause))
			release(call, cause);
	} else if (event == CALL_MSG_RELEASE || event == CALL_MSG_RELEASED ||
		   event == CALL_FORGET) {
		common(fsm, event, data);
	}
}

static void releasing_handle(struct fsm *fsm, unsigned event, const void *data)
{
	if (event == CALL_MSG_RELEASE || event == CALL_MSG_RELEASED || event == CALL_FORGET)
		common(fsm, event, data);
}

/* ---- The table ---- */

#define E(x) FSM_BIT(CALL_##x)
#define ENDS (E(MSG_RELEASE) | E(MSG_RELEASED) | E(FORGET))
#define ANYTIME                                                                                    \
	(ENDS | E(MSG_INFORMATION) | E(MSG_NOTIFY) | E(MSG_DISCONNECT) | E(DO_DISCONNECT) |        \
	 E(DO_RELEASE))
#define ANSWERS (E(MSG_PROGRESS) | E(MSG_ALERTING) | E(MSG_CONNECT))
#define CLEARED (E(DISCONNECT_SENT) | E(DISCONNECT_RECEIVED) | E(RELEASING) | E(GONE))

static const struct fsm_state states[CALL_STATES] = {
	[CALL_NULL] = { .name = "null",
			.clause = "Q.931 2.1.1.1",
			.events = E(DO_SETUP) | E(DO_OFFER),
			.next = E(OUT_SETUP) | E(IN_PRESENT),
			.handle = null_handle },
	[CALL_OUT_SETUP] = { .name = "call initiated",
			     .clause = "Q.931 5.1.1, 5.2.1",
			     .events = ANYTIME | ANSWERS | E(MSG_SETUP_ACK) | E(MSG_PROCEEDING),
			     .next = E(OUT_SETUP) | E(OUT_OVERLAP) | E(OUT_PROCEEDING) |
				     E(OUT_ALERTING) | E(ACTIVE) | CLEARED,
			     .timer_name = "T303",
			     .handle = outgoing_handle,
			     .expired = t303_expired },
	[CALL_OUT_OVERLAP] = { .name = "overlap sending",
			       .clause = "Q.931 5.1.3, 5.2.4",
			       .events = ANYTIME | ANSWERS | E(MSG_PROCEEDING),
			       .next = E(OUT_PROCEEDING) | E(OUT_ALERTING) | E(ACTIVE) | CLEARED,
			       .timer_name = "T304",
			       .handle = outgoing_handle,
			       .expired = t304_expired },
	[CALL_OUT_PROCEEDING] = { .name = "outgoing call proceeding",
				  .clause = "Q.931 5.1.5, 5.2.5.2",
				  .events = ANYTIME | ANSWERS | E(MSG_PROCEEDING),
				  .next = E(OUT_PROCEEDING) | E(OUT_ALERTING) | E(ACTIVE) | CLEARED,
				  .timer_name = "T310",
				  .handle = outgoing_handle,
				  .expired = t310_expired },
	[CALL_OUT_ALERTING] = { .name = "call delivered",
				.clause = "Q.931 5.1.7, 5.2.5.2",
				.events = ANYTIME | E(MSG_PROGRESS) | E(MSG_CONNECT),
				.next = E(ACTIVE) | CLEARED,
				.timer_name = "T301",
				.handle = outgoing_handle,
				.expired = t301_expired },
	[CALL_IN_PRESENT] = { .name = "call present",
			      .clause = "Q.931 5.2.1, 5.1.1",
			      .events = ANYTIME | E(MSG_SILENT_CLEAR) | E(DO_PROCEEDING) |
					E(DO_ALERTING) | E(DO_PROGRESS) | E(DO_CONNECT) |
					E(DO_COLLECT),
			      .next = E(IN_OVERLAP) | E(IN_PROCEEDING) | E(IN_ALERTING) |
				      E(IN_CONNECTING) | E(ACTIVE) | CLEARED,
			      .handle = incoming_handle },
	[CALL_IN_OVERLAP] = { .name = "overlap receiving",
			      .clause = "Q.931 5.2.4, 5.1.3",
			      .events = ANYTIME,
			      .next = E(IN_OVERLAP) | E(IN_COLLECTED) | CLEARED,
			      .timer_name = "T302",
			      .handle = overlap_handle,
			      .expired = t302_expired },
	[CALL_IN_COLLECTED] = { .name = "overlap receiving, number whole",
				.clause = "Q.931 5.2.5.1, 5.1.5.2",
				.events = ANYTIME | E(DO_PROCEEDING) | E(DO_ALERTING) |
					  E(DO_PROGRESS) | E(DO_CONNECT),
				.next = E(IN_PROCEEDING) | E(IN_ALERTING) | E(IN_CONNECTING) |
					E(ACTIVE) | CLEARED,
				.handle = incoming_handle },
	[CALL_IN_PROCEEDING] = { .name = "incoming call proceeding",
				 .clause = "Q.931 5.2.5.1, 5.1.5",
				 .events = ANYTIME | E(DO_PROCEEDING) | E(DO_ALERTING) |
					   E(DO_PROGRESS) | E(DO_CONNECT),
				 .next = E(IN_ALERTING) | E(IN_CONNECTING) | E(ACTIVE) | CLEARED,
				 .handle = incoming_handle },
	[CALL_IN_ALERTING] = { .name = "call received",
			       .clause = "Q.931 5.2.5.1, 5.1.7",
			       .events = ANYTIME | E(DO_PROCEEDING) | E(DO_ALERTING) |
					 E(DO_PROGRESS) | E(DO_CONNECT),
			       .next = E(IN_CONNECTING) | E(ACTIVE) | CLEARED,
			       .handle = incoming_handle },
	[CALL_IN_CONNECTING] = { .name = "connect request",
				 .clause = "Q.931 5.2.7",
				 .events = ANYTIME | E(MSG_CONNECT_ACK) | E(DO_CONNECT),
				 .next = E(ACTIVE) | CLEARED,
				 .timer_name = "T313",
				 .handle = connecting_handle,
				 .expired = t313_expired },
	[CALL_ACTIVE] = { .name = "active",
			  .clause = "Q.931 5.1.8, 5.2.8",
			  .events = ANYTIME | E(MSG_CONNECT_ACK) | E(DO_CONNECT),
			  .next = CLEARED,
			  .handle = active_handle },
	[CALL_DISCONNECT_SENT] = { .name = "disconnect sent",
				   .clause = "Q.931 5.3.3, 5.3.4",
				   .events = ENDS | E(MSG_INFORMATION) | E(MSG_NOTIFY) |
					     E(MSG_DISCONNECT) | E(DO_DISCONNECT) | E(DO_RELEASE),
				   .next = E(RELEASING) | E(GONE),
				   .timer_name = "T305, T308",
				   .handle = disconnect_sent_handle,
				   .expired = clearing_expired },
	[CALL_DISCONNECT_RECEIVED] = { .name = "disconnect received",
				       .clause = "Q.931 5.3.3, 5.3.4.1",
				       .events = ENDS | E(MSG_INFORMATION) | E(MSG_NOTIFY) |
						 E(DO_DISCONNECT) | E(DO_RELEASE),
				       .next = E(RELEASING) | E(GONE),
				       .timer_name = "T306",
				       .handle = disconnect_received_handle,
				       .expired = t306_expired },
	[CALL_RELEASING] = { .name = "release request",
			     .clause = "Q.931 5.3.3",
			     .events = ENDS | E(MSG_DISCONNECT) | E(DO_DISCONNECT) | E(DO_RELEASE),
			     .next = E(GONE),
			     .timer_name = "T308",
			     .handle = releasing_handle,
			     .expired = clearing_expired },
	[CALL_GONE] = { .name = "gone",
			.clause = "Q.931 2.1.1.1",
			.events = E(DO_DISCONNECT) | E(DO_RELEASE),
			.enter = enter_gone },
};

static const char *const event_names[CALL_EVENTS] = {
	[CALL_MSG_SETUP_ACK] = "SETUP ACKNOWLEDGE",
	[CALL_MSG_PROCEEDING] = "CALL PROCEEDING",
	[CALL_MSG_ALERTING] = "ALERTING",
	[CALL_MSG_PROGRESS] = "PROGRESS",
	[CALL_MSG_CONNECT] = "CONNECT",
	[CALL_MSG_CONNECT_ACK] = "CONNECT ACKNOWLEDGE",
	[CALL_MSG_INFORMATION] = "INFORMATION",
	[CALL_MSG_NOTIFY] = "NOTIFY",
	[CALL_MSG_DISCONNECT] = "DISCONNECT",
	[CALL_MSG_RELEASE] = "RELEASE",
	[CALL_MSG_RELEASED] = "released",
	[CALL_MSG_SILENT_CLEAR] = "early RELEASE COMPLETE",
	[CALL_DO_SETUP] = "do SETUP",
	[CALL_DO_OFFER] = "SETUP",
	[CALL_DO_COLLECT] = "SETUP without a number",
	[CALL_DO_PROCEEDING] = "do PROCEEDING",
	[CALL_DO_ALERTING] = "do ALERTING",
	[CALL_DO_PROGRESS] = "do PROGRESS",
	[CALL_DO_CONNECT] = "do CONNECT",
	[CALL_DO_DISCONNECT] = "do DISCONNECT",
	[CALL_DO_RELEASE] = "do release",
	[CALL_FORGET] = "forget",
};

static uint64_t timer_us(const struct fsm *fsm, unsigned state)
{
	const struct isdn_call *call = fsm->owner;
	const struct conf_isdn_timers *t = &call->span->conf->timers;

	switch (state) {
	case CALL_OUT_SETUP:
		return UINT64_C(2000) * t->t303; /* libpri repeats SETUP at half of it */
	case CALL_OUT_OVERLAP:
		return UINT64_C(1000) * t->t304;
	case CALL_OUT_PROCEEDING:
		return UINT64_C(1000) * t->t310;
	case CALL_OUT_ALERTING:
		return UINT64_C(1000) * t->t301;
	case CALL_IN_OVERLAP:
		return UINT64_C(1000) * t->t302;
	case CALL_IN_CONNECTING:
		return UINT64_C(1000) * t->t313;
	case CALL_DISCONNECT_RECEIVED:
		return UINT64_C(1000) * T306_MS;
	case CALL_DISCONNECT_SENT:
		return UINT64_C(1000) * (t->t305 + 2 * t->t308 + CLEARING_MARGIN_MS);
	case CALL_RELEASING:
		return UINT64_C(1000) * (2 * t->t308 + CLEARING_MARGIN_MS);
	default:
		return 0;
	}
}

const struct fsm_machine call_machine = {
	.name = "isdn call",
	.states = states,
	.state_count = CALL_STATES,
	.event_names = event_names,
	.event_count = CALL_EVENTS,
	.timer_us = timer_us,
};

/* ---- Making ---- */

int call_create(struct isdn_call **out, struct isdn_span *span, struct q931_call *q931,
		uint16_t crv, bool ours)
{
	struct isdn_call *call = mem_zalloc(sizeof(*call));

	if (!call)
		return -ENOMEM;
	call->notes = writer_notes(&span->writer, crv, ours);
	if (!call->notes)
		goto fail;
	call->span = span;
	call->q931 = q931;
	call->crv = crv;
	call->ours = ours;
	call->user = true;
	call->holds = 2; /* signalling, user */
	list_init(&call->first.node);
	list_init(&call->last.node);
	span_call_key(span, crv, ours, call->key);
	list_append(&span->calls, &call->node);
	span->call_count++;
	fsm_init(&call->fsm, &call_machine, CALL_NULL, span->loop, call);
	*out = call;
	return 0;
fail:
	mem_free(call);
	return -ENOMEM;
}

void call_message(struct isdn_call *call, enum call_event event, const struct isdn_info *info)
{
	unsigned state = call->fsm.state;

	if (fsm_event(&call->fsm, event, info))
		return;
	counter_inc(&call->span->counters.unexpected_messages);
	clog(call, LOG_LEVEL_INFO, "%s is unexpected in state %s", event_names[event],
	     states[state].name);
}

void call_forget(struct isdn_call *call, struct q850_cause cause)
{
	fsm_event(&call->fsm, CALL_FORGET, &cause);
}
