/* SPDX-License-Identifier: GPL-2.0-only */
/* An ISDN leg. Progress indicators travel as they are between ISDN legs; towards others only «there
 * is audio» matters. */
#include "gateway/leg_isdn.h"

#include "base/log.h"
#include "base/mem.h"
#include "gateway/admission.h"
#include "gateway/call.h"
#include "trunk/cause_map.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct isdn_leg {
	struct leg leg;
	struct loop *loop;
	struct isdn_span *span;
	struct isdn_call *call; /* NULL until SETUP was sent */
};

static struct isdn_leg *of(struct leg *leg)
{
	return (struct isdn_leg *)leg;
}

static const struct isdn_leg *of_const(const struct leg *leg)
{
	return (const struct isdn_leg *)leg;
}

/* ---- Words ---- */

static void octets_up(struct leg_octets *out, const struct isdn_raw *in)
{
	memcpy(out->octets, in->octets, in->length);
	out->length = in->length;
}

/* Longer than the floor below can carry: left out. */
static void octets_down(struct isdn_raw *out, const struct leg_octets *in)
{
	if (in->length > sizeof(out->octets))
		return;
	memcpy(out->octets, in->octets, in->length);
	out->length = (uint8_t)in->length;
}

void leg_isdn_info_up(struct leg_info *out, const struct isdn_info *in)
{
	*out = (struct leg_info){
		.called = in->called,
		.calling = in->calling,
		.connected = in->connected,
		.redirecting = in->redirecting,
		.redirecting_reason = in->redirecting_reason,
		.bearer = { .capability = in->capability },
		.sending_complete = in->sending_complete,
		.progress_count = in->progress_count,
	};
	octets_up(&out->bearer.raw, &in->bearer);
	octets_up(&out->bearer.hlc, &in->hlc);
	octets_up(&out->bearer.llc, &in->llc);
	octets_up(&out->user_user, &in->user_user);
	for (unsigned i = 0; i < in->progress_count; i++)
		out->progress[i] = (struct leg_progress){ in->progress[i].description,
							  in->progress[i].location };
	memcpy(out->display, in->display, sizeof(in->display));
}

static void diagnostics_down(struct isdn_raw *out, const struct leg_message *m)
{
	static_assert(LEG_DIAGNOSTICS_MAX == ISDN_RAW_MAX, "diagnostics cross whole");
	if (!m->diagnostics)
		return;
	memcpy(out->octets, m->diagnostics->octets, m->diagnostics->length);
	out->length = m->diagnostics->length;
}

/* Q.931 knows no "+": the type of number says it (table 4-9). */
static void take_plus(struct party *party)
{
	struct party_number *number = &party->number;

	if (number->digits[0] != '+')
		return;
	memmove(number->digits, number->digits + 1, strlen(number->digits));
	number->type = NUMBER_INTERNATIONAL;
	number->plan = PLAN_ISDN;
}

static void add_progress(struct isdn_info *info, uint8_t description, uint8_t location)
{
	for (unsigned i = 0; i < info->progress_count; i++)
		if (info->progress[i].description == description)
			return;
	if (info->progress_count < ISDN_PROGRESS_MAX)
		info->progress[info->progress_count++] =
			(struct isdn_progress){ description, location };
}

static void progress_down(struct isdn_info *out, const struct leg_message *m)
{
	for (unsigned i = 0; m->info && i < m->info->progress_count; i++)
		add_progress(out, m->info->progress[i].description, m->info->progress[i].location);
	if (m->inband)
		add_progress(out, PROGRESS_INBAND, Q850_LOC_PRIVATE_LOCAL);
}

static void parties_down(struct isdn_info *out, const struct leg_info *in)
{
	out->called = in->called;
	out->calling = in->calling;
	out->connected = in->connected;
	out->redirecting = in->redirecting;
	out->redirecting_reason = in->redirecting_reason;
	take_plus(&out->called);
	take_plus(&out->calling);
	take_plus(&out->connected);
	take_plus(&out->redirecting);
}

/* Display goes from the network to the user only (Q.931 table 3-15 note). */
static void display_down(struct isdn_info *out, const struct leg_info *in,
			 const struct conf_span *span)
{
	const char *text = in->display[0] ? in->display : in->calling.name;

	if (span->role == CONF_ROLE_NT && !in->calling.name_restricted)
		snprintf(out->display, sizeof(out->display), "%.*s", (int)sizeof(out->display) - 1,
			 text);
}

void leg_isdn_info_down(struct isdn_info *out, const struct leg_message *m,
			const struct conf_span *span)
{
	*out = (struct isdn_info){ .cause = m->cause, .law = span->law };
	diagnostics_down(&out->cause_diagnostics, m);
	progress_down(out, m);
	if (!m->info)
		return;
	out->capability = m->info->bearer.capability;
	out->sending_complete = m->info->sending_complete;
	octets_down(&out->bearer, &m->info->bearer.raw);
	octets_down(&out->hlc, &m->info->bearer.hlc);
	octets_down(&out->llc, &m->info->bearer.llc);
	octets_down(&out->user_user, &m->info->user_user);
	parties_down(out, m->info);
	display_down(out, m->info, span);
}

/* Is audio to be heard before the answer? 8 says so; 1, interworking in the network, says that it
 * may be, and what is not listened to is lost (Q.931 4.5.23, RFC 3398 7.2.5 and 7.2.6). */
static bool brings_audio(const struct isdn_info *info)
{
	for (unsigned i = 0; i < info->progress_count; i++)
		if (info->progress[i].description == PROGRESS_INBAND ||
		    info->progress[i].description == PROGRESS_NOT_END_TO_END_ISDN)
			return true;
	return false;
}

/* ---- Up ---- */

static const struct {
	bool told;
	enum leg_message_type type;
} words[] = {
	[ISDN_SETUP_ACK] = { true, LEG_SETUP_ACK }, [ISDN_PROCEEDING] = { true, LEG_PROCEEDING },
	[ISDN_ALERTING] = { true, LEG_ALERTING },   [ISDN_PROGRESS] = { true, LEG_PROGRESS },
	[ISDN_CONNECT] = { true, LEG_CONNECT },     [ISDN_INFORMATION] = { true, LEG_MORE_DIGITS },
	[ISDN_NOTIFY] = { true, LEG_NOTIFY },       [ISDN_DISCONNECT] = { true, LEG_DISCONNECT },
	[ISDN_RELEASED] = { true, LEG_RELEASE },
};

/* The span's own row for the cause, before the trunk's table. 0: none. */
static unsigned ruled_status(const struct conf_span *span, uint8_t cause)
{
	for (size_t i = 0; i < span->cause_map_count; i++)
		if (span->cause_map[i].cause == cause)
			return LEG_STATUS_RULED | span->cause_map[i].sip;
	return 0;
}

static void on_event(struct isdn_call *call, enum isdn_event event,
		     const struct isdn_info *elements, void *arg)
{
	struct isdn_leg *leg = arg;
	const struct isdn_raw *raw = &elements->cause_diagnostics;
	struct leg_diagnostics diagnostics = { .length = raw->length };
	struct leg_info info;
	struct leg_message message = { .type = words[event].type,
				       .info = &info,
				       .cause = elements->cause,
				       .diagnostics = raw->length ? &diagnostics : NULL };

	(void)call;
	memcpy(diagnostics.octets, raw->octets, raw->length);
	if (elements->cause.value == Q850_NUMBER_CHANGED)
		isdn_moved_to(raw, &diagnostics.moved_to);
	leg_isdn_info_up(&info, elements);
	if (event == ISDN_DISCONNECT || event == ISDN_RELEASED)
		leg->leg.status = ruled_status(isdn_span_conf(leg->span), elements->cause.value);
	if (event == ISDN_DISCONNECT)
		message.inband = isdn_info_inband(elements);
	else if (event == ISDN_ALERTING || event == ISDN_PROGRESS)
		message.inband = brings_audio(elements);
	else if (event == ISDN_PROCEEDING && isdn_info_inband(elements)) {
		/* Q.931 5.1.3: CALL PROCEEDING may bring what PROGRESS does. */
		message.type = LEG_PROGRESS;
		message.inband = true;
	}
	leg_tell(&leg->leg, &message);
}

static const struct isdn_call_ops call_ops = { .event = on_event };

/* ---- Down ---- */

/* The span's own row for the status behind the cause; a cause that came in a Reason stays. */
static struct q850_cause ruled_cause(const struct conf_span *span, const struct leg_message *m)
{
	struct q850_cause cause = m->cause;

	for (size_t i = 0; i < span->sip_map_count; i++)
		if (m->status && span->sip_map[i].sip == m->status &&
		    sip_to_cause(m->status, NULL, 0).value == m->cause.value) {
			cause.value = span->sip_map[i].cause;
			break;
		}
	return cause;
}

static int isdn_send(struct leg *base, const struct leg_message *m)
{
	struct isdn_leg *leg = of(base);
	const struct conf_span *span = isdn_span_conf(leg->span);
	struct isdn_info info;

	leg_isdn_info_down(&info, m, span);
	switch (m->type) {
	case LEG_SETUP:
		assert(!leg->call);
		return isdn_call_setup(&leg->call, leg->span, &info, &call_ops, leg);
	case LEG_PROCEEDING:
		return isdn_call_proceeding(leg->call, &info);
	case LEG_ALERTING:
		return isdn_call_alerting(leg->call, &info);
	case LEG_PROGRESS: /* its progress indicator is mandatory, Q.931 3.1.10 */
		return info.progress_count ? isdn_call_progress(leg->call, &info) : 0;
	case LEG_CONNECT:
		return isdn_call_connect(leg->call, &info);
	case LEG_DISCONNECT:
		return isdn_call_disconnect(leg->call, &info);
	case LEG_RELEASE:
		isdn_call_release_diagnosed(leg->call, ruled_cause(span, m),
					    &info.cause_diagnostics);
		return 0;
	case LEG_SETUP_ACK:
	case LEG_MORE_DIGITS:
	case LEG_OFFER: /* a channel has nothing to negotiate */
	case LEG_ANSWER:
	case LEG_REFUSE:
	case LEG_HOLD:
	case LEG_RESUME:
	case LEG_PARTY_UPDATE:
	case LEG_NOTIFY:
	case LEG_TRANSFER:
	case LEG_DTMF:
	case LEG_UUI:
	case LEG_CHARGE:
	case LEG_FACILITY:
	case LEG_MESSAGE_COUNT:
		return 0;
	}
	return 0;
}

static int isdn_join(struct leg *base, struct port *port)
{
	return isdn_call_join(of(base)->call, port);
}

static void isdn_leave(struct leg *base, void (*left)(void *arg), void *arg)
{
	isdn_call_leave(of(base)->call, left, arg);
}

static struct worker *isdn_worker(const struct leg *base)
{
	return e1_line_worker(isdn_span_line(of_const(base)->span));
}

static enum conf_law isdn_law(const struct leg *base)
{
	return isdn_span_conf(of_const(base)->span)->law;
}

static void isdn_channel(const struct leg *base, struct leg_channel *out)
{
	const struct e1_counters *c = e1_line_counters(isdn_span_line(of_const(base)->span));

	*out = (struct leg_channel){ .timeslot = leg_isdn_timeslot(base),
				     .law = isdn_law(base),
				     .slips = counter_get(&c->slips_repeat) +
					      counter_get(&c->slips_drop) };
}

static const char *isdn_key(const struct leg *base)
{
	return of_const(base)->call ? isdn_call_key(of_const(base)->call) : NULL;
}

static const char *isdn_state(const struct leg *base)
{
	return of_const(base)->call ? isdn_call_state_name(of_const(base)->call) : "idle";
}

static void isdn_destroy(struct leg *base)
{
	struct isdn_leg *leg = of(base);

	if (leg->call)
		isdn_call_done(leg->call);
	leg->call = NULL;
	loop_free_later(leg->loop, leg);
}

static const struct leg_ops isdn_ops = {
	.kind = "isdn",
	.media_kind = LEG_MEDIA_TDM,
	.send = isdn_send,
	.join = isdn_join,
	.leave = isdn_leave,
	.worker = isdn_worker,
	.law = isdn_law,
	.channel = isdn_channel,
	.destroy = isdn_destroy,
	.key = isdn_key,
	.state = isdn_state,
};

unsigned leg_isdn_timeslot(const struct leg *base)
{
	return of_const(base)->call ? isdn_call_timeslot(of_const(base)->call) : 0;
}

/* ---- Making ---- */

static struct isdn_leg *make(struct endpoint *endpoint)
{
	struct isdn_leg *leg = mem_zalloc(sizeof(*leg));

	if (!leg)
		return NULL;
	leg_init(&leg->leg, &isdn_ops, endpoint);
	leg->loop = endpoint->gateway->loop;
	leg->span = endpoint->target;
	return leg;
}

int leg_isdn_make(struct endpoint *endpoint, struct leg **out)
{
	struct isdn_leg *leg = make(endpoint);

	if (!leg)
		return -ENOMEM;
	*out = &leg->leg;
	return 0;
}

int leg_isdn_available(const struct endpoint *endpoint)
{
	const struct isdn_span *span = endpoint->target;
	int rc = endpoint_is_open(endpoint);

	if (rc < 0)
		return rc;
	if (!span || isdn_span_state(span) != SPAN_UP)
		return -ENETDOWN;
	return isdn_span_idle_channels(span) ? 0 : -EBUSY;
}

void leg_isdn_incoming(struct isdn_span *span, struct isdn_call *call,
		       const struct isdn_info *elements, void *arg)
{
	struct gateway *gateway = arg;
	struct endpoint *endpoint = gateway_endpoint_of(gateway, span);
	bool taken = endpoint && endpoint_is_open(endpoint) == 0 &&
		     admission_of(endpoint, &elements->called.number);
	struct isdn_leg *leg = taken ? make(endpoint) : NULL;
	struct leg_info info;

	if (!leg) {
		isdn_call_release(call, leg_cause_of(taken ? -ENOMEM : -ESHUTDOWN));
		isdn_call_done(call);
		return;
	}
	leg->call = call;
	isdn_call_accept(call, &call_ops, leg);
	leg_isdn_info_up(&info, elements);
	call_incoming(gateway, &leg->leg,
		      &(struct leg_message){ .type = LEG_SETUP, .info = &info });
}
