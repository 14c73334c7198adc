/* SPDX-License-Identifier: GPL-2.0-only */
/* A call's B-channel, from its choice to the user's farewell; and the offering of calls, which
 * begins with it. */
#include "tdm/span_private.h"

#include <errno.h>

/* ---- Outgoing ---- */

static int send_setup(struct isdn_call *call, const struct isdn_info *info)
{
	struct isdn_span *span = call->span;
	struct pri_setup setup = { .timeslot = call->timeslot,
				   .exclusive = span->conf->exclusive,
				   .capability = info->capability,
				   .law = info->law };
	int rc = q931_patch_make(&call->notes->patches[NOTE_SETUP], Q931_SETUP, info,
				 span->conf->role == CONF_ROLE_NT);

	if (rc == 0)
		rc = pri_call_setup(span->link, call->q931, &setup);
	return rc;
}

/* Undoes what isdn_call_setup() has made so far: nobody has heard of the call yet. */
static void abandon(struct isdn_call *call)
{
	struct isdn_span *span = call->span;

	channels_free(&span->channels, call->timeslot);
	pri_call_free(span->link, call->q931);
	call->q931 = NULL;
	list_remove(&call->node);
	writer_retire(&span->writer, &call->notes);
	call->user = false;
	call_drop(call);
	call_drop(call);
}

int isdn_call_setup(struct isdn_call **out, struct isdn_span *span, const struct isdn_info *info,
		    const struct isdn_call_ops *ops, void *arg)
{
	uint8_t timeslot = channels_hunt(&span->channels);
	struct isdn_call *call = NULL;
	struct q931_call *q931;
	int rc;

	if (span->state != SPAN_UP || span->closing)
		return -ENETDOWN;
	if (span->refuse.value)
		return -EBUSY;
	if (!timeslot) {
		counter_inc(&span->counters.no_channel);
		return -EBUSY;
	}
	q931 = pri_call_new(span->link);
	if (!q931)
		return -ENOMEM;
	rc = call_create(&call, span, q931, pri_call_crv(span->link, q931), true);
	if (rc < 0)
		goto fail;
	isdn_call_accept(call, ops, arg);
	call->timeslot = timeslot;
	channels_take(&span->channels, timeslot, call);
	rc = send_setup(call, info);
	if (rc < 0)
		goto fail;
	fsm_event(&call->fsm, CALL_DO_SETUP, info);
	counter_inc(&span->counters.calls_out);
	*out = call;
	return 0;
fail:
	if (call)
		abandon(call);
	else
		pri_call_free(span->link, q931);
	return rc;
}

bool call_offer_again(struct isdn_call *call, uint8_t cause)
{
	struct isdn_span *span = call->span;
	struct pri_setup setup = { .timeslot = channels_hunt(&span->channels),
				   .exclusive = span->conf->exclusive };
	struct q931_call *q931;

	if (!call->yielded || call->fsm.state != CALL_OUT_SETUP || !setup.timeslot ||
	    span->state != SPAN_UP ||
	    (cause != Q850_CHANNEL_UNAVAILABLE && cause != Q850_NO_CIRCUIT))
		return false;
	q931 = pri_call_new(span->link);
	if (!q931)
		return false;
	pri_call_hangup(span->link, call->q931, Q850_NORMAL_CLEARING);
	call->q931 = q931;
	call->crv = call->notes->crv = pri_call_crv(span->link, q931);
	call->yielded = false;
	call->timeslot = setup.timeslot;
	channels_take(&span->channels, call->timeslot, call);
	clog(call, LOG_LEVEL_INFO, "glare: offered again with reference %u", call->crv);
	return pri_call_setup(span->link, q931, &setup) == 0;
}

/* ---- Agreement ---- */

static void move_to(struct isdn_call *call, uint8_t timeslot)
{
	struct channels *channels = &call->span->channels;

	if (call->timeslot && channels_call(channels, call->timeslot) == call)
		channels_free(channels, call->timeslot);
	call->timeslot = timeslot;
}

/* The far end names a channel that isn't free: Q.931 5.1.2, 5.2.3.1: the call is cleared, cause 6.
 */
static void unacceptable(struct isdn_call *call)
{
	counter_inc(&call->span->counters.no_channel);
	clog(call, LOG_LEVEL_NOTICE, "the far end names a B-channel that is not free");
	move_to(call, 0);
	isdn_call_release(call, q850(Q850_CHANNEL_UNACCEPTABLE, Q850_LOC_USER));
}

bool call_is_tentative(const struct isdn_call *call)
{
	return call && call->ours && call->fsm.state == CALL_OUT_SETUP && !call->agreed;
}

void call_yield(struct isdn_call *call)
{
	move_to(call, 0);
	call->yielded = true;
}

/* Takes the channel for the call, also from one of ours that has not been answered yet. */
static int take(struct isdn_call *call, uint8_t timeslot)
{
	struct channels *channels = &call->span->channels;

	if (call_is_tentative(channels_call(channels, timeslot)))
		call_yield(channels_call(channels, timeslot));
	return channels_take(channels, timeslot, call);
}

void call_agree(struct isdn_call *call, const struct q931_channel *channel)
{
	uint8_t timeslot = channel->timeslot;

	if (call->agreed || !call->ours)
		return;
	if (!channel->present || !timeslot)
		timeslot = call->timeslot; /* silence is consent to what SETUP named */
	if (timeslot != call->timeslot) {
		move_to(call, 0);
		if (take(call, timeslot) == 0)
			call->timeslot = timeslot;
	}
	if (call->timeslot)
		call->agreed = true;
	else
		unacceptable(call);
}

/* ---- The port ---- */

static enum port_codec codec_of(enum conf_law law)
{
	return law == CONF_ULAW ? PORT_PCMU : PORT_PCMA;
}

int isdn_call_join(struct isdn_call *call, struct port *port)
{
	int rc;

	/* The channel of an incoming call is ours to say */
	if (!call->timeslot || (call->ours && !call->agreed) || call->fsm.state == CALL_GONE)
		return -ENOTCONN;
	if (port->format.codec != codec_of(call->span->conf->law))
		return -EINVAL;
	rc = bchan_join(&call->span->bchans[call->timeslot], port);
	call->joined |= rc == 0;
	return rc;
}

static void left_now(void *arg)
{
	struct isdn_call *call = arg;
	void (*left)(void *) = call->left;

	call->left = NULL;
	if (left)
		left(call->left_arg);
	call_drop(call);
}

void isdn_call_leave(struct isdn_call *call, void (*left)(void *arg), void *arg)
{
	struct isdn_span *span = call->span;

	call->left = left;
	call->left_arg = arg;
	call_hold(call);
	if (!call->joined) /* the channel may be another call's by now */
		loop_defer(span->loop, &call->left_later, left_now, call);
	else
		bchan_leave(&span->bchans[call->timeslot], left_now, call);
	call->joined = false;
}

void isdn_call_done(struct isdn_call *call)
{
	if (!call->user)
		return;
	if (call->joined)
		isdn_call_leave(call, NULL, NULL);
	if (call->fsm.state != CALL_GONE) /* nobody would end it */
		isdn_call_release(call, call_own_cause(call, Q850_NORMAL_CLEARING));
	call->user = false;
	call->ops = NULL;
	call_drop(call);
}
