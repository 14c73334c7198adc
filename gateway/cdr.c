/* SPDX-License-Identifier: GPL-2.0-only */
/* From a call to its record. This runs on the signalling thread at every milestone of a call, so it
 * copies and counts and does nothing else. */
#include "gateway/cdr.h"

#include "gateway/call.h"
#include "gateway/gateway.h"
#include "trunk/rtp.h"

#include <string.h>

_Static_assert(CDR_FORMAT == 1 && offsetof(struct cdr, attempts) == 1472 &&
		       sizeof(struct cdr_attempt) == 440,
	       "spools have records of this shape: another one needs another CDR_FORMAT");

#define FIRST_ATTEMPTS (CDR_ATTEMPTS / 2) /* kept of many; the rest are the last ones */

const char *const cdr_releaser_names[] = { "nobody", "caller", "called", "gateway", "crash" };
const char *const cdr_media_names[] = { "none", "relay", "tdm-packets", "tdm" };

/* `out` is zeroed. */
static void copy_text(char *out, size_t room, const char *text)
{
	size_t n = text ? strnlen(text, room - 1) : 0;

	if (n)
		memcpy(out, text, n);
}

#define COPY_TEXT(field, text) copy_text(field, sizeof(field), text)

static int64_t wall_of(const struct call *call, uint64_t monotonic_us)
{
	const struct call_times *t = &call->times;

	return monotonic_us ? t->setup_wall_us + (int64_t)(monotonic_us - t->setup_us) : 0;
}

static void copy_number(struct cdr_number *out, const struct party_number *in)
{
	COPY_TEXT(out->digits, in->digits);
	out->type = in->type;
	out->plan = in->plan;
	out->presentation = in->presentation;
	out->screening = in->screening;
	out->present = in->present || in->digits[0];
}

/* ---- Attempts ---- */

static void fill_attempt(struct cdr_attempt *out, const struct call *call,
			 const struct call_attempt *in)
{
	memset(out, 0, sizeof(*out));
	COPY_TEXT(out->route, in->route);
	COPY_TEXT(out->usage, in->usage);
	COPY_TEXT(out->gateway, in->gateway);
	COPY_TEXT(out->key, in->leg_key);
	copy_number(&out->called_sent, &in->called_sent);
	copy_number(&out->calling_sent, &in->calling_sent);
	out->start_us = wall_of(call, in->started_us);
	out->end_us = wall_of(call, in->ended_us);
	out->cause = in->cause.value;
	out->location = in->cause.location;
	out->status = (uint16_t)(in->status & ~LEG_STATUS_RULED);
}

/* Of more than are kept the ones in the middle are left out. */
static void fill_attempts(struct cdr *out, const struct call *call)
{
	const struct call_attempt *attempt;
	uint32_t i = 0;

	list_for_each(attempt, &call->attempts, struct call_attempt, node) out->attempts_made++;
	list_for_each(attempt, &call->attempts, struct call_attempt, node)
	{
		if (i < FIRST_ATTEMPTS || out->attempts_made - i <= CDR_ATTEMPTS - FIRST_ATTEMPTS)
			fill_attempt(&out->attempts[out->attempt_count++], call, attempt);
		i++;
	}
}

static const struct call_attempt *last_attempt(const struct call *call)
{
	if (list_empty(&call->attempts))
		return NULL;
	return list_entry(call->attempts.prev, struct call_attempt, node);
}

/* ---- Legs ---- */

static void fill_rtp(struct cdr_leg *out, const struct rtp_endpoint *rtp)
{
	const struct rtp_counters *c = rtp_counters(rtp);
	struct netaddr local = rtp_local(rtp);
	struct rtp_quality quality;
	char text[NETADDR_TEXT];

	rtp_quality(rtp, &quality);
	COPY_TEXT(out->local, netaddr_text(&local, text));
	if (netaddr_is_set(&quality.remote))
		COPY_TEXT(out->remote, netaddr_text(&quality.remote, text));
	out->rx_packets = counter_get(&c->rx_packets);
	out->tx_packets = counter_get(&c->tx_packets);
	out->rx_lost = counter_get(&c->rx_lost);
	out->rx_late = counter_get(&c->rx_late);
	out->slips = counter_get(&c->slips_repeat) + counter_get(&c->slips_drop);
	out->jitter_ms = (float)quality.jitter_ms;
	out->remote_jitter_ms = (float)quality.remote_jitter_ms;
	out->remote_loss = (float)quality.remote_loss_fraction;
	out->round_trip_ms = (float)quality.round_trip_ms;
}

static void fill_channel(struct cdr_leg *out, const struct call *call, const struct leg *leg)
{
	struct leg_channel channel = { 0 };

	if (!leg->ops->channel)
		return;
	leg->ops->channel(leg, &channel);
	out->timeslot = (uint8_t)channel.timeslot;
	out->slips = channel.slips - call->slips_before[leg->seat];
	if (call->audible)
		COPY_TEXT(out->codec, channel.law == CONF_ULAW ? "PCMU" : "PCMA");
}

static void fill_media(struct cdr_leg *out, const struct call *call, const struct leg *leg)
{
	bool real = call->bridge && call->gateway->media == &bridge_media;
	const struct rtp_endpoint *rtp = real ? bridge_rtp(call->bridge, leg->seat) : NULL;

	if (leg->ops->media_kind == LEG_MEDIA_TDM)
		fill_channel(out, call, leg);
	else if (real)
		COPY_TEXT(out->codec, bridge_codec(call->bridge, leg->seat));
	if (rtp)
		fill_rtp(out, rtp);
}

static void fill_leg(struct cdr_leg *out, const struct call *call, unsigned seat)
{
	const struct leg *leg = call->seats[seat];

	if (!leg)
		return;
	COPY_TEXT(out->endpoint, leg->endpoint->name);
	COPY_TEXT(out->kind, leg->ops->kind);
	COPY_TEXT(out->key, leg->ops->key(leg));
	fill_media(out, call, leg);
}

/* Nobody sits there: who was asked last is known by name. */
static void fill_callee(struct cdr *out, const struct call *call)
{
	const struct call_attempt *attempt = last_attempt(call);

	if (call->seats[LEG_CALLED]) {
		fill_leg(&out->callee, call, LEG_CALLED);
	} else if (attempt) {
		COPY_TEXT(out->callee.endpoint, attempt->gateway);
		COPY_TEXT(out->callee.key, attempt->leg_key);
	}
}

static uint8_t media_of(const struct cdr *cdr, const struct call *call)
{
	const struct leg *a = call->seats[LEG_CALLER], *b = call->seats[LEG_CALLED];
	bool channel_a, channel_b;

	if (!a || !b || !call->audible)
		return CDR_MEDIA_NONE;
	channel_a = a->ops->media_kind == LEG_MEDIA_TDM;
	channel_b = b->ops->media_kind == LEG_MEDIA_TDM;
	if (channel_a && channel_b)
		return CDR_MEDIA_TDM;
	if ((!channel_a && !cdr->caller.codec[0]) || (!channel_b && !cdr->callee.codec[0]))
		return CDR_MEDIA_NONE;
	return channel_a || channel_b ? CDR_MEDIA_TDM_PACKETS : CDR_MEDIA_RELAY;
}

/* ---- The whole ---- */

static void fill_numbers(struct cdr *out, const struct call *call)
{
	const struct call_attempt *attempt = last_attempt(call);

	copy_number(&out->called, &call->info.called.number);
	copy_number(&out->called_normalized, &call->called_normalized);
	copy_number(&out->calling, &call->info.calling.number);
	copy_number(&out->calling_normalized, &call->calling_normalized);
	copy_number(&out->redirecting, &call->info.redirecting.number);
	copy_number(&out->connected, &call->info.connected.number);
	if (attempt) {
		copy_number(&out->called_sent, &attempt->called_sent);
		copy_number(&out->calling_sent, &attempt->calling_sent);
	}
	out->presentation_restricted =
		call->info.calling.number.presentation == PRESENTATION_RESTRICTED ||
		call->info.calling.name_restricted;
}

static void fill_times(struct cdr *out, const struct call *call)
{
	const struct call_times *t = &call->times;

	out->setup_us = t->setup_wall_us;
	out->routed_us = wall_of(call, t->routed_us);
	out->ringing_us = wall_of(call, t->ringing_us);
	out->answer_us = wall_of(call, t->answer_us);
	out->end_us = wall_of(call, t->end_us);
	out->updated_us = wall_of(call, clock_now_us(loop_clock(call->gateway->loop)));
}

void cdr_fill(struct cdr *out, const struct call *call)
{
	static const uint8_t releasers[] = {
		[CALL_RELEASED_BY_NOBODY] = CDR_NOBODY,
		[CALL_RELEASED_BY_CALLER] = CDR_CALLER,
		[CALL_RELEASED_BY_CALLED] = CDR_CALLED,
		[CALL_RELEASED_BY_US] = CDR_GATEWAY,
	};

	memset(out, 0, offsetof(struct cdr, attempts));
	COPY_TEXT(out->id, call->id);
	fill_times(out, call);
	out->cause = call->cause.value;
	out->location = call->cause.location;
	out->releaser = releasers[call->releaser];
	out->status = (uint16_t)(call->status & ~LEG_STATUS_RULED);
	if (!out->status)
		out->status = (uint16_t)call->refusal;
	out->emergency = call->emergency;
	fill_numbers(out, call);
	fill_leg(&out->caller, call, LEG_CALLER);
	fill_callee(out, call);
	out->media = media_of(out, call);
	fill_attempts(out, call);
}

size_t cdr_size(const struct cdr *cdr)
{
	return offsetof(struct cdr, attempts) + cdr->attempt_count * sizeof(cdr->attempts[0]);
}

/* ---- Back from the spool ---- */

static void terminate_leg(struct cdr_leg *leg)
{
	leg->endpoint[CDR_NAME - 1] = leg->kind[sizeof(leg->kind) - 1] = 0;
	leg->key[CDR_KEY - 1] = leg->codec[sizeof(leg->codec) - 1] = 0;
	leg->local[sizeof(leg->local) - 1] = leg->remote[sizeof(leg->remote) - 1] = 0;
}

static void terminate_attempt(struct cdr_attempt *attempt)
{
	attempt->route[CDR_NAME - 1] = attempt->usage[CDR_NAME - 1] = 0;
	attempt->gateway[CDR_NAME - 1] = attempt->key[CDR_KEY - 1] = 0;
	attempt->called_sent.digits[NUMBER_DIGITS - 1] = 0;
	attempt->calling_sent.digits[NUMBER_DIGITS - 1] = 0;
}

static void terminate(struct cdr *cdr)
{
	struct cdr_number *numbers[] = { &cdr->called,		   &cdr->called_normalized,
					 &cdr->called_sent,	   &cdr->calling,
					 &cdr->calling_normalized, &cdr->calling_sent,
					 &cdr->redirecting,	   &cdr->connected };

	cdr->id[CALL_ID_TEXT - 1] = cdr->host[sizeof(cdr->host) - 1] = 0;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		numbers[i]->digits[NUMBER_DIGITS - 1] = 0;
	terminate_leg(&cdr->caller);
	terminate_leg(&cdr->callee);
	for (uint32_t i = 0; i < cdr->attempt_count; i++)
		terminate_attempt(&cdr->attempts[i]);
}

bool cdr_read(struct cdr *out, const void *octets, size_t length)
{
	if (length < offsetof(struct cdr, attempts) || length > sizeof(*out))
		return false;
	memset(out, 0, sizeof(*out));
	memcpy(out, octets, length);
	if (out->attempt_count > CDR_ATTEMPTS || cdr_size(out) != length || !out->id[0] ||
	    out->releaser > CDR_CRASH || out->media > CDR_MEDIA_TDM)
		return false;
	terminate(out);
	return true;
}
