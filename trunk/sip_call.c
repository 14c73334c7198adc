/* SPDX-License-Identifier: GPL-2.0-only */
/* The call: its life as a state machine, and the verbs of sip.h. What each state does on the wire
 * stands in sip_uac.c, sip_uas.c and sip_dialog.c. */
#include "trunk/sip_call_private.h"

#include "base/log.h"

#include <errno.h>
#include <string.h>

/* ---- Create, destroy ---- */

struct sip_dialog *sip_dialog_new(struct sip_call *call, const char *tag)
{
	struct sip_dialog *d = mem_zalloc(sizeof(*d));

	if (!d)
		return NULL;
	list_init(&d->node);
	d->call = call;
	snprintf(d->tag, sizeof(d->tag), "%s", tag ? tag : "");
	d->session = call->session;
	d->least_s = call->least_s;
	fsm_init(&d->oa, &sip_oa_machine, OA_NONE, call->stack->cfg.loop, d);
	list_append(&call->dialogs, &d->node);
	call->dialog_count++;
	return d;
}

void sip_dialog_free(struct sip_dialog *d)
{
	struct loop *loop = d->call->stack->cfg.loop;

	list_remove(&d->node);
	d->call->dialog_count--;
	fsm_close(&d->oa);
	loop_timer_stop(loop, &d->glare);
	loop_timer_stop(loop, &d->session_timer);
	nta_incoming_destroy(d->modify_in);
	nta_incoming_destroy(d->prack_in);
	nta_incoming_destroy(d->bye_waits);
	nta_outgoing_destroy(d->modify_out);
	nta_outgoing_destroy(d->bye.orq);
	nta_outgoing_destroy(d->fork);
	nta_leg_destroy(d->leg);
	mem_free(d);
}

int sip_call_new(struct sip_call **out, struct sip_trunk *trunk, bool incoming, const char *key)
{
	struct sip_call *call = mem_zalloc(sizeof(*call));

	if (!call)
		return -ENOMEM;
	list_init(&call->node);
	list_init(&call->dialogs);
	list_init(&call->released_up.node);
	call->stack = trunk->stack;
	call->trunk = trunk;
	call->incoming = incoming;
	call->session.id = sip_random() >> 1;
	call->session.version = call->session.id >> 8;
	snprintf(call->key, sizeof(call->key), "%s", key);
	fsm_init(&call->fsm, &sip_call_machine, CALL_IDLE, trunk->stack->cfg.loop, call);
	list_append(&trunk->stack->calls, &call->node);
	trunk->calls++;
	trunk->kept++;
	call->counted = true;
	*out = call;
	return 0;
}

static void leave_trunk(struct sip_call *call)
{
	if (call->counted)
		call->trunk->calls--;
	call->counted = false;
}

void sip_call_free(struct sip_call *call)
{
	struct sip_dialog *d;

	leave_trunk(call);
	list_remove(&call->node);
	fsm_close(&call->fsm);
	loop_defer_cancel(call->stack->cfg.loop, &call->reap);
	list_for_each(d, &call->dialogs, struct sip_dialog, node) sip_dialog_free(d);
	nta_incoming_destroy(call->invite_in);
	nta_outgoing_destroy(call->invite);
	call->trunk->kept--;
	sip_trunk_left(call->trunk);
	mem_free(call);
}

/* Nothing of Sofia's calls back into it but what sip_late.c takes over. */
static bool is_over(const struct sip_call *call)
{
	if (call->fsm.state == CALL_CANCELLING) /* 64·T1 are shorter than what is left lasts */
		return true;
	return call->fsm.state == CALL_ENDED && !call->unpracked;
}

void sip_call_maybe_free(struct sip_call *call)
{
	if (!call->done || call->queued)
		return;
	if (call->lingered || (is_over(call) && sip_late_take(call) == 0))
		sip_call_free(call);
}

void sip_call_last_words(struct sip_call *call)
{
	struct sip_dialog *d;

	if (call->released && !call->released_told)
		return;
	if (call->last_status)
		sip_uas_final(call, call->last_status, call->last_cause);
	call->last_status = 0;
	list_for_each(d, &call->dialogs, struct sip_dialog, node)
	{
		nta_incoming_t *bye = d->bye_waits;

		d->bye_waits = NULL;
		if (bye)
			sip_reply(bye, 200, SIPTAG_SERVER_STR(call->stack->user_agent), TAG_END());
	}
}

/* To be said as a last word. */
static void refuse_later(struct sip_call *call, unsigned status, struct q850_cause cause)
{
	call->last_status = status;
	call->last_cause = cause;
}

void sip_call_end(struct sip_call *call, struct q850_cause cause, unsigned status, bool by_peer)
{
	struct sip_dialog *d;

	sip_up_released(call, cause, status, by_peer);
	list_for_each(d, &call->dialogs, struct sip_dialog, node)
	{
		loop_timer_stop(call->stack->cfg.loop, &d->glare);
		loop_timer_stop(call->stack->cfg.loop, &d->session_timer);
	}
	fsm_go(&call->fsm, CALL_ENDED);
	sip_call_last_words(call); /* when there is nobody left to tell */
}

/* ---- The machine ---- */

static struct sip_call *call_of(const struct fsm *fsm)
{
	return fsm->owner;
}

static void fail_call(struct sip_call *call, const struct call_response *r)
{
	struct q850_cause none = q850(Q850_INTERWORKING, Q850_LOC_BEYOND_INTERWORKING);

	sip_call_end(call, sip_cause_of(call->trunk, r->sip, r->status, none), r->status, true);
}

static void answer_bye(struct sip_call *call, const struct call_bye *bye)
{
	struct q850_cause normal = q850(Q850_NORMAL_CLEARING, Q850_LOC_BEYOND_INTERWORKING);

	sip_call_end(call, sip_cause_of(call->trunk, bye->sip, 0, normal), 0, true);
}

static void calling(struct fsm *fsm, unsigned event, const void *data)
{
	struct sip_call *call = call_of(fsm);

	switch (event) {
	case CE_PROVISIONAL:
		if (fsm->state == CALL_CALLING)
			fsm_go(fsm, CALL_PROCEEDING);
		sip_uac_provisional(call, data);
		break;
	case CE_SUCCESS:
		sip_uac_success(call, data);
		break;
	case CE_FAILURE:
		fail_call(call, data);
		break;
	case CE_LOST:
	case CE_RELEASE:
		sip_uac_cancel(call, *(const struct q850_cause *)data);
		sip_up_released(call, *(const struct q850_cause *)data, 0, false);
		if (fsm->state == CALL_CALLING) /* the peer may not even be there */
			leave_trunk(call);
		fsm_go(fsm, CALL_CANCELLING);
		break;
	default:
		break;
	}
}

/* RFC 3261 9.1: after CANCEL, 64·T1 without a final response ends it. */
static void cancelling(struct fsm *fsm, unsigned event, const void *data)
{
	if (event == CE_SUCCESS)
		sip_uac_unwanted(call_of(fsm), data,
				 q850(Q850_NORMAL_CLEARING, Q850_LOC_PRIVATE_LOCAL));
	if (event != CE_PROVISIONAL)
		fsm_go(fsm, CALL_ENDED);
}

static void cancelling_expired(struct fsm *fsm)
{
	fsm_go(fsm, CALL_ENDED);
}

static void late_success(struct sip_call *call, const struct call_response *r)
{
	counter_inc(&call->stack->counters.late_forks);
	sip_uac_unwanted(call, r, q850(Q850_NORMAL_CLEARING, Q850_LOC_PRIVATE_LOCAL));
}

static void end_by_us(struct sip_call *call, const struct q850_cause *cause)
{
	sip_dialog_bye(call->dialog, *cause);
	sip_call_end(call, *cause, 0, false);
}

static void acking(struct fsm *fsm, unsigned event, const void *data)
{
	struct sip_call *call = call_of(fsm);

	switch (event) {
	case CE_SUCCESS:
		late_success(call, data);
		break;
	case CE_ANSWERED:
		sip_uac_ack(call->dialog);
		fsm_go(fsm, CALL_CONFIRMED);
		break;
	case CE_BYE:
		sip_uac_ack(call->dialog);
		answer_bye(call, data);
		break;
	case CE_LOST:
	case CE_RELEASE:
		sip_uac_ack(call->dialog);
		end_by_us(call, data);
		break;
	default:
		break;
	}
}

static void lost_prack(struct sip_call *call)
{
	struct q850_cause cause = q850(Q850_TIMER_EXPIRY, Q850_LOC_BEYOND_INTERWORKING);

	/* RFC 3262 3: without PRACK for 64·T1 the request is refused with a 5xx. */
	sip_uas_final(call, 504, cause); /* at once: else Sofia answers by itself */
	sip_call_end(call, cause, 504, false);
}

/* A trunk's own row for the cause is the administrator's word. Statuses that speak of the next hop,
 * not of the called party, are never repeated. */
static unsigned final_status(const struct sip_call *call, struct q850_cause cause)
{
	static const unsigned of_called[] = {
		404, 410, 480, 484, 485, 486, 488, 600, 603, 604, 606
	};
	const struct conf_trunk *conf = call->trunk->conf;

	for (size_t i = 0; i < conf->cause_map_count; i++)
		if (conf->cause_map[i].cause == cause.value)
			return sip_status_of(call->trunk, cause);
	if (call->moved_to[0] && cause.value == Q850_NUMBER_CHANGED)
		return 301;
	if (call->ruled_status >= 400 && call->ruled_status <= 606)
		return call->ruled_status;
	for (size_t i = 0; i < sizeof(of_called) / sizeof(of_called[0]); i++)
		if (of_called[i] == call->heard_status &&
		    sip_to_cause(call->heard_status, NULL, 0).value == cause.value)
			return call->heard_status;
	return sip_status_of(call->trunk, cause);
}

static void incoming(struct fsm *fsm, unsigned event, const void *data)
{
	struct sip_call *call = call_of(fsm);
	const struct q850_cause *cause = data;

	switch (event) {
	case CE_ALERT:
		if (sip_uas_progress(call, data) == 0 && fsm->state == CALL_INCOMING)
			fsm_go(fsm, CALL_RINGING);
		break;
	case CE_CONNECT:
		if (sip_uas_connect(call, data) == 0)
			fsm_go(fsm, CALL_ANSWERING);
		break;
	case CE_CANCELLED:
		refuse_later(call, 487, *cause);
		sip_call_end(call, *cause, 0, true);
		break;
	case CE_BYE:
		refuse_later(call, 487, q850(Q850_NORMAL_CLEARING, Q850_LOC_BEYOND_INTERWORKING));
		answer_bye(call, data);
		break;
	case CE_NO_PRACK:
		lost_prack(call);
		break;
	case CE_LOST:
		refuse_later(call, final_status(call, *cause), *cause);
		sip_call_end(call, *cause, 0, false);
		break;
	case CE_RELEASE:
		sip_uas_final(call, final_status(call, *cause), *cause);
		sip_call_end(call, *cause, 0, false);
		break;
	default:
		break;
	}
}

static void connected(struct sip_call *call)
{
	struct sip_event_data none = { 0 };

	call->dialog->confirmed = true;
	sip_up_event(call, SIP_CONNECTED, &none);
}

static void answering(struct fsm *fsm, unsigned event, const void *data)
{
	struct sip_call *call = call_of(fsm);
	struct q850_cause lost = q850(Q850_TIMER_EXPIRY, Q850_LOC_BEYOND_INTERWORKING);

	switch (event) {
	case CE_ACK:
		fsm_go(fsm, CALL_CONFIRMED);
		connected(call);
		break;
	case CE_NO_ACK: /* RFC 3261 13.3.1.4: confirmed, but the session shall be ended */
		end_by_us(call, &lost);
		break;
	/* The 200 waits for PRACK of an answer that went before it: until then the INVITE can still
	 * be cancelled. */
	case CE_CANCELLED:
		refuse_later(call, 487, *(const struct q850_cause *)data);
		sip_call_end(call, *(const struct q850_cause *)data, 0, true);
		break;
	case CE_NO_PRACK:
		lost_prack(call);
		break;
	case CE_BYE:
		answer_bye(call, data);
		break;
	case CE_LOST:
	case CE_RELEASE:
		call->closing = *(const struct q850_cause *)data;
		sip_up_released(call, call->closing, 0, false);
		fsm_go(fsm, CALL_CLOSING);
		break;
	default:
		break;
	}
}

static void closing(struct fsm *fsm, unsigned event, const void *data)
{
	struct sip_call *call = call_of(fsm);

	(void)data;
	if (event == CE_ACK || event == CE_NO_ACK)
		sip_dialog_bye(call->dialog, call->closing);
	if (event == CE_NO_PRACK)
		sip_uas_final(call, 504, call->closing);
	if (event == CE_CANCELLED)
		refuse_later(call, 487, call->closing);
	fsm_go(fsm, CALL_ENDED);
	sip_call_last_words(call);
}

static void confirmed(struct fsm *fsm, unsigned event, const void *data)
{
	struct sip_call *call = call_of(fsm);

	switch (event) {
	case CE_SUCCESS:
		late_success(call, data);
		break;
	case CE_BYE:
		answer_bye(call, data);
		break;
	case CE_LOST:
	case CE_RELEASE:
		end_by_us(call, data);
		break;
	default:
		break;
	}
}

static void ended_enter(struct fsm *fsm, unsigned from)
{
	struct sip_call *call = call_of(fsm);

	(void)from;
	leave_trunk(call);
	if (call->done)
		loop_defer(call->stack->cfg.loop, &call->reap, sip_call_reap, call);
}

static void ended(struct fsm *fsm, unsigned event, const void *data)
{
	if (event == CE_SUCCESS)
		late_success(call_of(fsm), data);
}

static void ended_expired(struct fsm *fsm)
{
	struct sip_call *call = call_of(fsm);

	call->lingered = true;
	loop_defer(call->stack->cfg.loop, &call->reap, sip_call_reap, call);
}

#define E(name) FSM_BIT(CE_##name)
#define S(name) FSM_BIT(CALL_##name)
#define USER_ENDS (E(RELEASE) | E(LOST))

static const struct fsm_state call_states[CALL_STATES] = {
	[CALL_IDLE] = { .name = "idle", .next = S(CALLING) | S(INCOMING) | S(ENDED) },
	[CALL_CALLING] = { .name = "calling",
			   .clause = "RFC 3261 17.1.1",
			   .events = E(PROVISIONAL) | E(SUCCESS) | E(FAILURE) | USER_ENDS,
			   .next = S(PROCEEDING) | S(ACKING) | S(CONFIRMED) | S(CANCELLING) |
				   S(ENDED),
			   .handle = calling },
	[CALL_PROCEEDING] = { .name = "proceeding",
			      .clause = "RFC 3261 13.2.2.1",
			      .events = E(PROVISIONAL) | E(SUCCESS) | E(FAILURE) | USER_ENDS,
			      .next = S(ACKING) | S(CONFIRMED) | S(CANCELLING) | S(ENDED),
			      .handle = calling },
	[CALL_CANCELLING] = { .name = "cancelling",
			      .clause = "RFC 3261 9.1",
			      .events = E(PROVISIONAL) | E(SUCCESS) | E(FAILURE),
			      .next = S(ENDED),
			      .timer_us = SIP_T1X64_US,
			      .timer_name = "64*T1",
			      .handle = cancelling,
			      .expired = cancelling_expired },
	[CALL_ACKING] = { .name = "acking",
			  .clause = "RFC 3261 13.2.2.4",
			  .events = E(SUCCESS) | E(ANSWERED) | E(BYE) | USER_ENDS,
			  .next = S(CONFIRMED) | S(ENDED),
			  .handle = acking },
	[CALL_INCOMING] = { .name = "incoming",
			    .clause = "RFC 3261 13.3.1",
			    .events = E(ALERT) | E(CONNECT) | E(CANCELLED) | E(BYE) | USER_ENDS,
			    .next = S(RINGING) | S(ANSWERING) | S(ENDED),
			    .handle = incoming },
	[CALL_RINGING] = { .name = "ringing",
			   .clause = "RFC 3261 13.3.1.1, RFC 3262 3",
			   .events = E(ALERT) | E(CONNECT) | E(CANCELLED) | E(NO_PRACK) | E(BYE) |
				     USER_ENDS,
			   .next = S(ANSWERING) | S(ENDED),
			   .handle = incoming },
	[CALL_ANSWERING] = { .name = "answering",
			     .clause = "RFC 3261 13.3.1.4",
			     .events = E(ACK) | E(NO_ACK) | E(CANCELLED) | E(NO_PRACK) | E(BYE) |
				       USER_ENDS,
			     .next = S(CONFIRMED) | S(CLOSING) | S(ENDED),
			     .handle = answering },
	[CALL_CLOSING] = { .name = "closing",
			   .clause = "RFC 3261 15",
			   .events = E(ACK) | E(NO_ACK) | E(CANCELLED) | E(NO_PRACK) | E(BYE),
			   .next = S(ENDED),
			   .handle = closing },
	[CALL_CONFIRMED] = { .name = "confirmed",
			     .clause = "RFC 3261 12",
			     .events = E(SUCCESS) | E(BYE) | USER_ENDS,
			     .next = S(ENDED),
			     .handle = confirmed },
	[CALL_ENDED] = { .name = "ended",
			 .clause = "RFC 3261 13.2.2.4",
			 .events = E(SUCCESS),
			 .timer_us = SIP_LINGER_US,
			 .timer_name = "linger",
			 .enter = ended_enter,
			 .handle = ended,
			 .expired = ended_expired },
};

static const char *const call_event_names[CALL_EVENTS] = {
	[CE_PROVISIONAL] = "1xx",   [CE_SUCCESS] = "2xx",     [CE_FAILURE] = "failure",
	[CE_CANCELLED] = "CANCEL",  [CE_ACK] = "ACK",         [CE_NO_ACK] = "no ACK",
	[CE_NO_PRACK] = "no PRACK", [CE_BYE] = "BYE",         [CE_LOST] = "lost",
	[CE_ALERT] = "alert",       [CE_CONNECT] = "connect", [CE_ANSWERED] = "answered",
	[CE_RELEASE] = "release",
};

const struct fsm_machine sip_call_machine = { .name = "sip-call",
					      .states = call_states,
					      .state_count = CALL_STATES,
					      .event_names = call_event_names,
					      .event_count = CALL_EVENTS };

void sip_call_reap(void *arg)
{
	struct sip_call *call = arg;

	if (call->starved && !call->released)
		sip_call_release(call, q850(Q850_RESOURCE_UNAVAILABLE, Q850_LOC_PRIVATE_LOCAL));
	if (call->starved && !call->taken)
		sip_call_done(call); /* its user has never heard of it */
	call->starved = false;
	sip_call_maybe_free(call);
}

void sip_call_starve(struct sip_call *call)
{
	call->starved = true;
	loop_defer(call->stack->cfg.loop, &call->reap, sip_call_reap, call);
}

/* ---- Verbs ---- */

void sip_call_accept(struct sip_call *call, const struct sip_call_ops *ops, void *arg)
{
	call->ops = ops;
	call->arg = arg;
	call->taken = true;
}

static int progress(struct sip_call *call, struct call_progress p)
{
	if (!call->incoming || !fsm_event(&call->fsm, CE_ALERT, &p))
		return -EPROTO;
	return 0;
}

int sip_call_alerting(struct sip_call *call, bool inband)
{
	return progress(call, (struct call_progress){ .alerting = true, .inband = inband });
}

int sip_call_progress(struct sip_call *call, bool inband)
{
	return progress(call, (struct call_progress){ .alerting = false, .inband = inband });
}

int sip_call_connect(struct sip_call *call, const struct sip_info *info)
{
	if (!call->incoming || !sip_oa_ready(call->dialog))
		return -EPROTO;
	return fsm_event(&call->fsm, CE_CONNECT, info) && call->fsm.state == CALL_ANSWERING
		       ? 0
		       : -EPROTO;
}

void sip_call_release(struct sip_call *call, struct q850_cause cause)
{
	if (!cause.value)
		cause = q850(Q850_NORMAL_UNSPECIFIED, Q850_LOC_PRIVATE_LOCAL);
	fsm_event(&call->fsm, CE_RELEASE, &cause);
}

unsigned sip_call_refusal(const struct sip_call *call, struct q850_cause cause)
{
	return final_status(call, cause);
}

void sip_call_rule_status(struct sip_call *call, unsigned status)
{
	call->ruled_status = status;
}

void sip_call_moved(struct sip_call *call, const char *digits)
{
	const char *rest = digits + (digits[0] == '+');

	if (rest[0] && strspn(rest, "0123456789") == strlen(rest))
		snprintf(call->moved_to, sizeof(call->moved_to), "%s", digits);
}

void sip_call_heard_status(struct sip_call *call, unsigned status)
{
	call->heard_status = status;
}

void sip_call_done(struct sip_call *call)
{
	call->done = true;
	call->ops = NULL;
	if (!call->released)
		sip_call_release(call, q850(Q850_NORMAL_CLEARING, Q850_LOC_PRIVATE_LOCAL));
	if (is_over(call))
		loop_defer(call->stack->cfg.loop, &call->reap, sip_call_reap, call);
}

/* ---- Queries ---- */

struct sip_trunk *sip_call_trunk(const struct sip_call *call)
{
	return call->trunk;
}

const char *sip_call_key(const struct sip_call *call)
{
	return call->key;
}

const char *sip_call_state_name(const struct sip_call *call)
{
	return fsm_state_name(&call->fsm);
}
