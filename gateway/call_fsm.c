/* SPDX-License-Identifier: GPL-2.0-only */
/* What a call does: state × message → action. There is no SIP and no ISDN in here: legs
 * translate. */
#include "gateway/call_private.h"
#include "gateway/records.h"

static struct q850_cause own(uint8_t value)
{
	return q850(value, Q850_LOC_PRIVATE_LOCAL);
}

static struct leg *other(const struct call *call, unsigned seat)
{
	return call->seats[!seat];
}

static enum call_releaser releaser_of(unsigned seat)
{
	return seat == LEG_CALLER ? CALL_RELEASED_BY_CALLER : CALL_RELEASED_BY_CALLED;
}

/* The end begins: both legs are told why. */
static void clear(struct call *call, struct q850_cause cause, enum call_releaser releaser)
{
	call->cause = cause.value ? cause : own(Q850_NORMAL_CLEARING);
	call->releaser = releaser;
	fsm_go(&call->fsm, CALL_CLEARING);
}

static void cleared_by(struct call *call, unsigned seat, struct q850_cause cause)
{
	call->status = call->seats[seat]->status;
	clear(call, cause, releaser_of(seat));
}

static void milestone(struct call *call)
{
	records_update(call->gateway->records, call);
}

/* Audio both ways. A side that cannot have any ends the call. */
static bool open_media(struct call *call)
{
	int rc = call->gateway->media->open(call->bridge);

	if (rc < 0)
		clear(call, leg_cause_of(rc), CALL_RELEASED_BY_US);
	else
		call->audible = true;
	return rc == 0;
}

/* Hand a message on, with the numbers in it as the other side knows them. */
static int pass(struct call *call, unsigned seat, const struct leg_message *message)
{
	struct leg *to = other(call, seat);
	struct leg_message copy = *message;
	struct leg_info info;

	if (!to)
		return 0;
	if (message->info) {
		info = *message->info;
		call_cross_number(call, call->seats[seat]->endpoint, to->endpoint,
				  &info.connected.number);
		copy.info = &info;
	}
	return leg_send(to, &copy);
}

static void pass_on(struct call *call, unsigned seat, const struct leg_message *message)
{
	pass(call, seat, message);
}

static void pass_digit(struct call *call, unsigned seat, const struct leg_message *message)
{
	struct leg *to = other(call, seat);

	if (call->gateway->media->dtmf(call->bridge, to, message->number, message->duration_ms) < 0)
		pass(call, seat, message);
}

static void media(struct call *call, unsigned seat, const struct leg_message *message)
{
	int rc = call->gateway->media->message(call->bridge, call->seats[seat], message);

	if (rc < 0)
		clear(call, leg_cause_of(rc), CALL_RELEASED_BY_US);
}

/* ---- Setting up ---- */

static struct q850_cause admission(struct call *call, const struct leg_message *setup)
{
	struct leg *caller = call->seats[LEG_CALLER];
	struct q850_cause why = call_route(call);

	if (!why.value && !call->emergency && call->gateway->admit)
		why = call->gateway->admit(call);
	if (!why.value && setup->media) {
		int rc = call->gateway->media->offered(call->bridge, caller, setup->media,
						       setup->id);

		if (rc < 0)
			why = leg_cause_of(rc);
	}
	return why;
}

static void start(struct call *call, unsigned seat, const struct leg_message *setup)
{
	struct q850_cause why = admission(call, setup);

	(void)seat;
	if (why.value) {
		clear(call, why, CALL_RELEASED_BY_US);
	} else if (!call_try_next(call)) {
		clear(call, call->last_cause, CALL_RELEASED_BY_US);
	} else {
		leg_send(call->seats[LEG_CALLER], &(struct leg_message){ .type = LEG_PROCEEDING });
		fsm_go(&call->fsm, CALL_TRYING);
		milestone(call);
	}
}

/* The gateway tried will not carry the call: on to the next one, or the caller learns why. */
static void fail_attempt(struct call *call, struct q850_cause cause, enum call_releaser releaser)
{
	struct leg *called = call->seats[LEG_CALLED];
	bool on = endpoint_fails_over(called->endpoint, cause);

	call_attempt_failed(call, cause, called->status);
	if (on && call->next_candidate < call->decision.count) {
		leg_release(called, cause);
		call_drop_called(call);
		if (call_try_next(call)) {
			call->gateway->counters.failovers++;
			fsm_go(&call->fsm, CALL_TRYING);
			milestone(call);
			return;
		}
	}
	clear(call, call->last_cause, releaser);
}

static void called_lives(struct call *call, unsigned seat, const struct leg_message *message)
{
	(void)seat;
	(void)message;
	fsm_go(&call->fsm, CALL_PROCEEDING);
}

static void called_alerts(struct call *call, unsigned seat, const struct leg_message *message)
{
	struct leg_message alerting = *message;

	if (message->inband && !open_media(call))
		return;
	call->inband |= message->inband;
	alerting.inband = call->inband;
	if (!call->alerted)
		call->times.ringing_us = call_now_us(call);
	call->alerted = true;
	pass(call, seat, &alerting);
	fsm_go(&call->fsm, CALL_RINGING);
	milestone(call);
}

/* Already ringing: only audio that begins now is news. */
static void called_alerts_again(struct call *call, unsigned seat, const struct leg_message *message)
{
	if (!message->inband || call->inband)
		return;
	if (!open_media(call))
		return;
	call->inband = true;
	pass(call, seat,
	     &(struct leg_message){ .type = LEG_PROGRESS, .inband = true, .info = message->info });
}

/* Progress commits only when it brings audio: what is heard can't be taken back. */
static void called_progresses(struct call *call, unsigned seat, const struct leg_message *message)
{
	unsigned state = call->fsm.state;

	if (message->inband && !open_media(call))
		return;
	call->inband |= message->inband;
	pass(call, seat, message);
	if (message->inband && (state == CALL_TRYING || state == CALL_PROCEEDING))
		fsm_go(&call->fsm, CALL_EARLY);
	else if (state == CALL_TRYING)
		fsm_go(&call->fsm, CALL_PROCEEDING);
}

static void called_answers(struct call *call, unsigned seat, const struct leg_message *message)
{
	int rc;

	if (!open_media(call))
		return;
	rc = pass(call, seat, message);
	if (rc < 0) {
		clear(call, leg_cause_of(rc), CALL_RELEASED_BY_US);
		return;
	}
	call->answered = true;
	call->times.answer_us = call_now_us(call);
	if (message->info)
		call->info.connected = message->info->connected;
	call->gateway->counters.calls_answered++;
	fsm_go(&call->fsm, CALL_ANSWERED);
	milestone(call);
}

/* ---- Not answered ---- */

static void called_refuses(struct call *call, unsigned seat, const struct leg_message *message)
{
	(void)seat;
	fail_attempt(call, message->cause, CALL_RELEASED_BY_CALLED);
}

static void announce(struct call *call, unsigned seat, const struct leg_message *message)
{
	call->announcer = seat;
	call->cause = message->cause;
	if (!open_media(call))
		return;
	if (pass(call, seat, message) < 0)
		cleared_by(call, seat, message->cause);
	else
		fsm_go(&call->fsm, CALL_ANNOUNCING);
}

/* The called side clears. Another gateway is better than an announcement, an announcement better
 * than a tone. */
static void called_disconnects(struct call *call, unsigned seat, const struct leg_message *message)
{
	struct leg *called = call->seats[seat];

	if (!message->inband ||
	    (endpoint_fails_over(called->endpoint, message->cause) && call_has_next(call))) {
		fail_attempt(call, message->cause, CALL_RELEASED_BY_CALLED);
		return;
	}
	call_attempt_failed(call, message->cause, called->status);
	announce(call, seat, message);
}

/* The same once the caller has heard of it: there is no other gateway any more. */
static void committed_fails(struct call *call, unsigned seat, const struct leg_message *message)
{
	call_attempt_failed(call, message->cause, call->seats[seat]->status);
	if (message->type == LEG_DISCONNECT && message->inband)
		announce(call, seat, message);
	else
		cleared_by(call, seat, message->cause);
}

/* The caller gives up; also when both clear at once. */
static void caller_leaves(struct call *call, unsigned seat, const struct leg_message *message)
{
	cleared_by(call, seat, message->cause);
}

static void gateway_silent(struct fsm *fsm)
{
	fail_attempt(fsm->owner, own(Q850_TIMER_EXPIRY), CALL_RELEASED_BY_US);
}

static void nobody_alerted(struct fsm *fsm)
{
	fail_attempt(fsm->owner, own(Q850_NO_USER_RESPONDING), CALL_RELEASED_BY_US);
}

static void nobody_answered(struct fsm *fsm)
{
	struct call *call = fsm->owner;

	call_attempt_failed(call, own(Q850_NO_ANSWER), 0);
	clear(call, call->last_cause, CALL_RELEASED_BY_US);
}

/* ---- Answered, and the end ---- */

static void party_leaves(struct call *call, unsigned seat, const struct leg_message *message)
{
	if (message->type == LEG_DISCONNECT && message->inband)
		announce(call, seat, message);
	else
		cleared_by(call, seat, message->cause);
}

/* The announcement has ended, or its listener has had enough: what counts is why it was played. */
static void announcement_over(struct call *call, unsigned seat, const struct leg_message *message)
{
	if (seat == call->announcer && message->type == LEG_DISCONNECT && message->inband)
		return;
	clear(call, call->cause, releaser_of(call->announcer));
}

static void announced_long_enough(struct fsm *fsm)
{
	struct call *call = fsm->owner;

	clear(call, call->cause, releaser_of(call->announcer));
}

static void hang_up(struct call *call, unsigned seat, const struct leg_message *message)
{
	(void)seat;
	clear(call, message->cause, CALL_RELEASED_BY_US);
}

/* Its DISCONNECT crossed our RELEASE (Q.931 5.3.5). */
static void clear_again(struct call *call, unsigned seat, const struct leg_message *message)
{
	leg_release(call->seats[seat], message->cause);
}

static void one_gone(struct call *call, unsigned seat, const struct leg_message *message)
{
	(void)seat;
	(void)message;
	call_poke(call);
}

static void all_gone(struct call *call, unsigned seat, const struct leg_message *message)
{
	(void)seat;
	(void)message;
	fsm_go(&call->fsm, CALL_GONE);
}

/* What explains the call's cause, for the side that doesn't know; the number in it as that side
 * knows numbers. */
static const struct leg_diagnostics *diagnostics_for(struct call *call, unsigned seat,
						     struct leg_diagnostics *out)
{
	const struct leg *from = other(call, seat), *to = call->seats[seat];

	if (call->diagnosed.value != call->cause.value ||
	    call->diagnosed.location != call->cause.location || !call->diagnostics.length ||
	    call->releaser == releaser_of(seat))
		return NULL;
	*out = call->diagnostics;
	if (from)
		call_cross_number(call, from->endpoint, to->endpoint, &out->moved_to);
	return out;
}

static struct leg_message release_for(struct call *call, unsigned seat,
				      struct leg_diagnostics *diagnostics)
{
	return (struct leg_message){ .type = LEG_RELEASE,
				     .cause = call->cause,
				     .status = call->status,
				     .diagnostics = diagnostics_for(call, seat, diagnostics) };
}

/* What an unanswered caller is refused with, for the record. */
static void note_refusal(struct call *call)
{
	struct leg *caller = call->seats[LEG_CALLER];
	struct leg_diagnostics diagnostics;
	struct leg_message release;

	if (!call->gateway->records || call->answered || !caller || !caller->ops->refusal)
		return;
	release = release_for(call, LEG_CALLER, &diagnostics);
	call->refusal = caller->ops->refusal(caller, &release);
}

static void enter_clearing(struct fsm *fsm, unsigned from)
{
	struct call *call = fsm->owner;
	struct leg_diagnostics diagnostics;

	(void)from;
	call->times.end_us = call_now_us(call);
	if (!call->answered && call->releaser != CALL_RELEASED_BY_CALLER)
		call->gateway->counters.calls_failed++;
	if (call->attempt && !call->answered)
		call_attempt_failed(call, call->cause, call->status);
	call_note(call, "released: %s (%u)", q850_cause_name(call->cause.value), call->cause.value);
	note_refusal(call);
	records_end(call->gateway->records, call); /* before anybody is told, media still open */
	for (unsigned seat = 0; seat < 2; seat++)
		if (call->seats[seat] && !call->seats[seat]->releasing) {
			struct leg_message release = release_for(call, seat, &diagnostics);

			leg_send(call->seats[seat], &release);
		}
	call_close_media(call);
	call_poke(call);
}

static void enter_gone(struct fsm *fsm, unsigned from)
{
	(void)from;
	call_free(fsm->owner);
}

/* ---- The tables ---- */

#define BOTH_BIT(message) (FSM_BIT(CALL_A(message)) | FSM_BIT(CALL_B(message)))
#define BOTH(message, action) [CALL_A(message)] = action, [CALL_B(message)] = action

/* Media and supplementary services cross in every state between SETUP and release. */
#define CROSSING_BITS                                                                              \
	(BOTH_BIT(LEG_OFFER) | BOTH_BIT(LEG_ANSWER) | BOTH_BIT(LEG_REFUSE) | BOTH_BIT(LEG_HOLD) |  \
	 BOTH_BIT(LEG_RESUME) | BOTH_BIT(LEG_PARTY_UPDATE) | BOTH_BIT(LEG_NOTIFY) |                \
	 BOTH_BIT(LEG_DTMF) | BOTH_BIT(LEG_UUI) | BOTH_BIT(LEG_CHARGE) | BOTH_BIT(LEG_FACILITY))
#define CROSSING                                                                                   \
	BOTH(LEG_OFFER, media), BOTH(LEG_ANSWER, media), BOTH(LEG_REFUSE, media),                  \
		BOTH(LEG_HOLD, pass_on), BOTH(LEG_RESUME, pass_on),                                \
		BOTH(LEG_PARTY_UPDATE, pass_on), BOTH(LEG_NOTIFY, pass_on),                        \
		BOTH(LEG_DTMF, pass_digit), BOTH(LEG_UUI, pass_on), BOTH(LEG_CHARGE, pass_on),     \
		BOTH(LEG_FACILITY, pass_on)
#define ENDING_BITS (BOTH_BIT(LEG_DISCONNECT) | BOTH_BIT(LEG_RELEASE) | FSM_BIT(CALL_HANGUP))
#define CALLER_LEAVES                                                                              \
	[CALL_A(LEG_DISCONNECT)] = caller_leaves,                                                  \
	[CALL_A(LEG_RELEASE)] = caller_leaves, [CALL_HANGUP] = hang_up
#define SETUP_BITS                                                                                 \
	(CROSSING_BITS | ENDING_BITS | FSM_BIT(CALL_A(LEG_MORE_DIGITS)) |                          \
	 FSM_BIT(CALL_B(LEG_ALERTING)) | FSM_BIT(CALL_B(LEG_PROGRESS)) |                           \
	 FSM_BIT(CALL_B(LEG_CONNECT)))

static const call_action actions[CALL_STATE_COUNT][CALL_EVENT_COUNT] = {
	[CALL_NEW] = { [CALL_A(LEG_SETUP)] = start },
	[CALL_TRYING] = {
		CROSSING, CALLER_LEAVES,
		[CALL_A(LEG_MORE_DIGITS)] = pass_on,
		[CALL_B(LEG_SETUP_ACK)] = called_lives,
		[CALL_B(LEG_PROCEEDING)] = called_lives,
		[CALL_B(LEG_ALERTING)] = called_alerts,
		[CALL_B(LEG_PROGRESS)] = called_progresses,
		[CALL_B(LEG_CONNECT)] = called_answers,
		[CALL_B(LEG_DISCONNECT)] = called_disconnects,
		[CALL_B(LEG_RELEASE)] = called_refuses,
	},
	[CALL_PROCEEDING] = {
		CROSSING, CALLER_LEAVES,
		[CALL_A(LEG_MORE_DIGITS)] = pass_on,
		[CALL_B(LEG_ALERTING)] = called_alerts,
		[CALL_B(LEG_PROGRESS)] = called_progresses,
		[CALL_B(LEG_CONNECT)] = called_answers,
		[CALL_B(LEG_DISCONNECT)] = called_disconnects,
		[CALL_B(LEG_RELEASE)] = called_refuses,
	},
	[CALL_EARLY] = {
		CROSSING, CALLER_LEAVES,
		[CALL_A(LEG_MORE_DIGITS)] = pass_on,
		[CALL_B(LEG_ALERTING)] = called_alerts,
		[CALL_B(LEG_PROGRESS)] = called_progresses,
		[CALL_B(LEG_CONNECT)] = called_answers,
		[CALL_B(LEG_DISCONNECT)] = committed_fails,
		[CALL_B(LEG_RELEASE)] = committed_fails,
	},
	[CALL_RINGING] = {
		CROSSING, CALLER_LEAVES,
		[CALL_A(LEG_MORE_DIGITS)] = pass_on,
		[CALL_B(LEG_ALERTING)] = called_alerts_again,
		[CALL_B(LEG_PROGRESS)] = called_progresses,
		[CALL_B(LEG_CONNECT)] = called_answers,
		[CALL_B(LEG_DISCONNECT)] = committed_fails,
		[CALL_B(LEG_RELEASE)] = committed_fails,
	},
	[CALL_ANSWERED] = {
		CROSSING,
		BOTH(LEG_DISCONNECT, party_leaves), BOTH(LEG_RELEASE, party_leaves),
		[CALL_HANGUP] = hang_up,
	},
	[CALL_ANNOUNCING] = {
		CROSSING,
		BOTH(LEG_DISCONNECT, announcement_over), BOTH(LEG_RELEASE, announcement_over),
		[CALL_HANGUP] = hang_up,
	},
	[CALL_CLEARING] = {
		BOTH(LEG_DISCONNECT, clear_again), BOTH(LEG_RELEASE, one_gone),
		[CALL_CLEARED] = all_gone,
	},
};

call_action call_action_of(unsigned state, unsigned event)
{
	return actions[state][event];
}

static void handle(struct fsm *fsm, unsigned event, const void *data)
{
	actions[fsm->state][event](fsm->owner, event >= LEG_MESSAGE_COUNT ? LEG_CALLED : LEG_CALLER,
				   data);
}

static uint64_t timer_us(const struct fsm *fsm, unsigned state)
{
	const struct call *call = fsm->owner;
	uint64_t now_us = call_now_us(call);

	switch (state) {
	case CALL_TRYING:
		return (uint64_t)call->seats[LEG_CALLED]->endpoint->setup_timeout_ms * 1000;
	case CALL_PROCEEDING:
	case CALL_EARLY:
	case CALL_RINGING:
		return call->answer_due_us > now_us ? call->answer_due_us - now_us : 1;
	default:
		return fsm->machine->states[state].timer_us;
	}
}

#define TO(state) FSM_BIT(CALL_##state)
#define TO_ANY_END (TO(ANNOUNCING) | TO(CLEARING))

static const struct fsm_state states[CALL_STATE_COUNT] = {
	[CALL_NEW] = { .name = "new",
		       .events = FSM_BIT(CALL_A(LEG_SETUP)),
		       .next = TO(TRYING) | TO(CLEARING),
		       .handle = handle },
	[CALL_TRYING] = { .name = "trying",
			  .timer_name = "setup-timeout",
			  .expired = gateway_silent,
			  .events = SETUP_BITS | FSM_BIT(CALL_B(LEG_SETUP_ACK)) |
				    FSM_BIT(CALL_B(LEG_PROCEEDING)),
			  .next = TO(TRYING) | TO(PROCEEDING) | TO(EARLY) | TO(RINGING) |
				  TO(ANSWERED) | TO_ANY_END,
			  .handle = handle },
	[CALL_PROCEEDING] = { .name = "proceeding",
			      .timer_name = "ring-timeout",
			      .expired = nobody_alerted,
			      .events = SETUP_BITS,
			      .next = TO(TRYING) | TO(EARLY) | TO(RINGING) | TO(ANSWERED) |
				      TO_ANY_END,
			      .handle = handle },
	[CALL_EARLY] = { .name = "early",
			 .timer_name = "ring-timeout",
			 .expired = nobody_answered,
			 .events = SETUP_BITS,
			 .next = TO(RINGING) | TO(ANSWERED) | TO_ANY_END,
			 .handle = handle },
	[CALL_RINGING] = { .name = "ringing",
			   .timer_name = "ring-timeout",
			   .expired = nobody_answered,
			   .events = SETUP_BITS,
			   .next = TO(ANSWERED) | TO_ANY_END,
			   .handle = handle },
	[CALL_ANSWERED] = { .name = "answered",
			    .events = CROSSING_BITS | ENDING_BITS,
			    .next = TO_ANY_END,
			    .handle = handle },
	[CALL_ANNOUNCING] = { .name = "announcing",
			      .clause = "Q.931 5.3.4.1",
			      .timer_name = "T306",
			      .timer_us = CALL_T306_US,
			      .expired = announced_long_enough,
			      .events = CROSSING_BITS | ENDING_BITS,
			      .next = TO(CLEARING),
			      .handle = handle },
	[CALL_CLEARING] = { .name = "clearing",
			    .enter = enter_clearing,
			    .events = BOTH_BIT(LEG_DISCONNECT) | BOTH_BIT(LEG_RELEASE) |
				      FSM_BIT(CALL_CLEARED),
			    .next = TO(GONE),
			    .handle = handle },
	[CALL_GONE] = { .name = "gone", .enter = enter_gone },
};

#define NAMES(message)                                                                             \
	[CALL_A(LEG_##message)] = "A:" #message, [CALL_B(LEG_##message)] = "B:" #message

static const char *const event_names[CALL_EVENT_COUNT] = {
	NAMES(SETUP),
	NAMES(SETUP_ACK),
	NAMES(MORE_DIGITS),
	NAMES(PROCEEDING),
	NAMES(ALERTING),
	NAMES(PROGRESS),
	NAMES(CONNECT),
	NAMES(DISCONNECT),
	NAMES(RELEASE),
	NAMES(OFFER),
	NAMES(ANSWER),
	NAMES(REFUSE),
	NAMES(HOLD),
	NAMES(RESUME),
	NAMES(PARTY_UPDATE),
	NAMES(NOTIFY),
	NAMES(TRANSFER),
	NAMES(DTMF),
	NAMES(UUI),
	NAMES(CHARGE),
	NAMES(FACILITY),
	[CALL_HANGUP] = "hangup",
	[CALL_CLEARED] = "cleared",
};

const struct fsm_machine gateway_call_machine = {
	.name = "call",
	.states = states,
	.state_count = CALL_STATE_COUNT,
	.event_names = event_names,
	.event_count = CALL_EVENT_COUNT,
	.timer_us = timer_us,
};
