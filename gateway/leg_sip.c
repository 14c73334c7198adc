/* SPDX-License-Identifier: GPL-2.0-only */
/* A SIP leg. An INVITE's offer follows its identities in an event of its own, so a SETUP is told
 * when both are here. */
#include "gateway/leg_sip.h"

#include "base/log.h"
#include "base/mem.h"
#include "gateway/call.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct sip_leg {
	struct leg leg;
	struct loop *loop;
	struct sip_trunk *trunk;
	struct sip_call *call;   /* NULL until SETUP was sent */
	struct gateway *gateway; /* incoming: until SETUP is told */
	struct leg_info info;    /* of the INVITE */
	bool incoming, answered, proceeding;
	unsigned offers; /* told so far: their ids */
};

static struct sip_leg *of(struct leg *leg)
{
	return (struct sip_leg *)leg;
}

/* ---- Words ---- */

static void add_progress(struct leg_info *info, uint8_t description)
{
	if (info->progress_count < sizeof(info->progress) / sizeof(info->progress[0]))
		info->progress[info->progress_count++] =
			(struct leg_progress){ description, Q850_LOC_PRIVATE_LOCAL };
}

void leg_sip_info_up(struct leg_info *out, const struct sip_info *in)
{
	*out = (struct leg_info){
		.called = in->called,
		.calling = in->calling,
		.connected = in->connected,
		.redirecting = in->redirecting,
		.redirecting_reason = in->redirecting_reason,
		.bearer = { .capability = LEG_SPEECH },
		.sending_complete = true,
		.emergency = in->emergency,
		.hops_left = in->max_forwards,
	};
}

/* A number that says it is international begins with "+" in a URI (RFC 3966 5.1.4). */
static void mark_international(struct party_number *number)
{
	char digits[NUMBER_DIGITS];

	if (number->type != NUMBER_INTERNATIONAL || !number->digits[0] ||
	    number->digits[0] == '+' || strlen(number->digits) + 2 > NUMBER_DIGITS)
		return;
	memcpy(digits, number->digits, sizeof(digits));
	number->digits[0] = '+';
	memcpy(number->digits + 1, digits, sizeof(digits) - 1);
}

void leg_sip_info_down(struct sip_info *out, const struct leg_info *in)
{
	*out = (struct sip_info){
		.called = in->called,
		.calling = in->calling,
		.connected = in->connected,
		.redirecting = in->redirecting,
		.redirecting_reason = in->redirecting_reason,
		.emergency = in->emergency,
		.max_forwards = in->hops_left,
	};
	mark_international(&out->called.number);
	mark_international(&out->calling.number);
	mark_international(&out->connected.number);
	mark_international(&out->redirecting.number);
	if (!out->calling.name[0])
		memcpy(out->calling.name, in->display, sizeof(out->calling.name));
	if (in->calling.number.presentation == PRESENTATION_RESTRICTED)
		out->calling.name_restricted = true;
}

/* Only what a telephone can hear crosses into SIP: data calls have no media type here (Q.850 cause
 * 65). */
static bool is_audio(const struct leg_info *info)
{
	return info->bearer.capability == LEG_SPEECH || info->bearer.capability == LEG_AUDIO_3K1;
}

/* ---- Up ---- */

static void tell_setup(struct sip_leg *leg, const struct media_desc *offer)
{
	struct gateway *gateway = leg->gateway;
	struct leg_message setup = { .type = LEG_SETUP, .info = &leg->info, .media = offer };

	leg->gateway = NULL;
	if (gateway->refusing) { /* its INVITE came before, and would outlive the end */
		leg_release(&leg->leg, leg_cause_of(-ESHUTDOWN));
		return;
	}
	if (offer)
		setup.id = ++leg->offers;
	/* The call has not come over an ISDN: Q.931 4.5.23, progress description 3, as its Annex G
	 * has it for an interworking point that serves the calling user. */
	add_progress(&leg->info, LEG_ORIGIN_NOT_ISDN);
	call_incoming(gateway, &leg->leg, &setup);
}

static void tell_connect(struct sip_leg *leg, struct leg_info *info)
{
	add_progress(info, LEG_DESTINATION_NOT_ISDN);
	leg->answered = true;
	leg_tell(&leg->leg, &(struct leg_message){ .type = LEG_CONNECT, .info = info });
}

static void tell_proceeding(struct sip_leg *leg)
{
	if (!leg->proceeding)
		leg_tell(&leg->leg, &(struct leg_message){ .type = LEG_PROCEEDING });
	leg->proceeding = true;
}

static void tell_released(struct sip_leg *leg, const struct sip_event_data *data)
{
	leg->leg.status = data->status;
	leg_tell(&leg->leg, &(struct leg_message){ .type = LEG_RELEASE, .cause = data->cause });
}

static void on_event(struct sip_call *call, enum sip_event event, const struct sip_event_data *data,
		     void *arg)
{
	struct sip_leg *leg = arg;
	struct leg_info info = { 0 };
	struct leg_message message = { .info = &info, .inband = data->inband };

	(void)call;
	if (data->info)
		leg_sip_info_up(&info, data->info);
	switch (event) {
	case SIP_PROCEEDING:
		tell_proceeding(leg);
		return;
	case SIP_ALERTING:
		message.type = LEG_ALERTING;
		break;
	case SIP_PROGRESS:
		message.type = LEG_PROGRESS;
		break;
	case SIP_CONNECT:
		tell_connect(leg, &info);
		return;
	case SIP_CONNECTED:
		return;
	case SIP_PARTY_UPDATE:
		message.type = LEG_PARTY_UPDATE;
		break;
	case SIP_DTMF:
		message.type = LEG_DTMF;
		message.number = data->dtmf_event;
		message.duration_ms = data->dtmf_ms;
		break;
	case SIP_RELEASED:
		tell_released(leg, data);
		return;
	}
	leg_tell(&leg->leg, &message);
}

static void on_offer(struct sip_call *call, const struct media_desc *desc, void *arg)
{
	struct sip_leg *leg = arg;

	(void)call;
	if (leg->gateway)
		tell_setup(leg, desc);
	else
		leg_tell(&leg->leg, &(struct leg_message){ .type = LEG_OFFER,
							   .media = desc,
							   .id = ++leg->offers });
}

static void on_answer(struct sip_call *call, const struct media_desc *desc, void *arg)
{
	struct sip_leg *leg = arg;

	(void)call;
	leg_tell(&leg->leg, &(struct leg_message){ .type = LEG_ANSWER, .media = desc });
}

static void on_refuse(struct sip_call *call, struct q850_cause cause, void *arg)
{
	struct sip_leg *leg = arg;

	(void)call;
	leg_tell(&leg->leg, &(struct leg_message){ .type = LEG_REFUSE, .cause = cause });
}

static const struct sip_call_ops call_ops = {
	.event = on_event,
	.offer = on_offer,
	.answer = on_answer,
	.refuse = on_refuse,
};

/* ---- Down ---- */

static int send_setup(struct sip_leg *leg, const struct leg_message *setup)
{
	struct sip_info info;

	assert(!leg->call);
	if (!is_audio(setup->info))
		return -ENOTSUP;
	leg_sip_info_down(&info, setup->info);
	return sip_call_create(&leg->call, leg->trunk, &info, setup->media, &call_ops, leg);
}

static bool early_media(const struct sip_leg *leg)
{
	return sip_trunk_conf(leg->trunk)->early_media;
}

static int send_connect(struct sip_leg *leg, const struct leg_message *connect)
{
	static const struct leg_info none;
	struct sip_info info;
	int rc;

	leg_sip_info_down(&info, connect->info ? connect->info : &none);
	rc = sip_call_connect(leg->call, &info);
	leg->answered = rc == 0;
	return rc;
}

/* SIP has no clearing that can be listened to: before the answer an announcement is early media of
 * a call that will be refused (RFC 3398 7.2.6), after it the call just goes on until the
 * announcement ends. */
static int send_disconnect(struct sip_leg *leg, const struct leg_message *disconnect)
{
	if (!disconnect->inband) {
		sip_call_release(leg->call, disconnect->cause);
		return 0;
	}
	if (leg->answered)
		return 0;
	return leg->incoming && early_media(leg) ? sip_call_progress(leg->call, true) : -ENOTSUP;
}

/* What explains the cause, and may change what an INVITE is refused with. */
static void explain(struct sip_leg *leg, const struct leg_message *release)
{
	if (release->status & LEG_STATUS_RULED)
		sip_call_rule_status(leg->call, release->status & ~LEG_STATUS_RULED);
	else
		sip_call_heard_status(leg->call, release->status);
	if (release->diagnostics)
		sip_call_moved(leg->call, release->diagnostics->moved_to.digits);
}

static unsigned sip_refusal(struct leg *base, const struct leg_message *release)
{
	struct sip_leg *leg = of(base);

	if (!leg->call || !leg->incoming || leg->answered)
		return 0;
	if (base->released)
		return 487; /* by CANCEL or BYE: RFC 3261 9.2, 15.1.2 */
	explain(leg, release);
	return sip_call_refusal(leg->call, release->cause);
}

static int sip_send(struct leg *base, const struct leg_message *m)
{
	struct sip_leg *leg = of(base);

	switch (m->type) {
	case LEG_SETUP:
		return send_setup(leg, m);
	case LEG_ALERTING:
		return sip_call_alerting(leg->call, m->inband && early_media(leg));
	case LEG_PROGRESS:
		return sip_call_progress(leg->call, m->inband && early_media(leg));
	case LEG_CONNECT:
		return send_connect(leg, m);
	case LEG_DISCONNECT:
		return send_disconnect(leg, m);
	case LEG_RELEASE:
		explain(leg, m);
		sip_call_release(leg->call, m->cause);
		return 0;
	case LEG_OFFER:
		return sip_call_offer(leg->call, m->media);
	case LEG_ANSWER:
		return sip_call_answer(leg->call, m->media);
	case LEG_REFUSE:
		return sip_call_refuse(leg->call, m->cause);
	case LEG_DTMF:
		return sip_call_info_dtmf(leg->call, m->number, m->duration_ms);
	case LEG_SETUP_ACK:
	case LEG_MORE_DIGITS:
	case LEG_PROCEEDING: /* 100 went out already */
	case LEG_HOLD:       /* told by the direction of the media */
	case LEG_RESUME:
	case LEG_PARTY_UPDATE:
	case LEG_NOTIFY:
	case LEG_TRANSFER:
	case LEG_UUI:
	case LEG_CHARGE:
	case LEG_FACILITY:
	case LEG_MESSAGE_COUNT:
		return 0;
	}
	return 0;
}

static void sip_packets(const struct leg *base, struct leg_packets *out)
{
	const struct sip_leg *leg = (const struct sip_leg *)base;

	*out = (struct leg_packets){
		.trunk = sip_trunk_conf(leg->trunk),
		.bind = sip_trunk_bind_address(leg->trunk),
		.advertised = sip_trunk_media_address(leg->trunk),
	};
}

static const char *sip_key(const struct leg *base)
{
	const struct sip_leg *leg = (const struct sip_leg *)base;

	return leg->call ? sip_call_key(leg->call) : NULL;
}

static const char *sip_state(const struct leg *base)
{
	const struct sip_leg *leg = (const struct sip_leg *)base;

	return leg->call ? sip_call_state_name(leg->call) : "idle";
}

static void sip_destroy(struct leg *base)
{
	struct sip_leg *leg = of(base);

	if (leg->call)
		sip_call_done(leg->call);
	leg->call = NULL;
	loop_free_later(leg->loop, leg);
}

static const struct leg_ops sip_ops = {
	.kind = "sip",
	.media_kind = LEG_MEDIA_PACKETS,
	.send = sip_send,
	.packets = sip_packets,
	.refusal = sip_refusal,
	.destroy = sip_destroy,
	.key = sip_key,
	.state = sip_state,
};

/* ---- Making ---- */

static struct sip_leg *make(struct endpoint *endpoint)
{
	struct sip_leg *leg = mem_zalloc(sizeof(*leg));

	if (!leg)
		return NULL;
	leg_init(&leg->leg, &sip_ops, endpoint);
	leg->loop = endpoint->gateway->loop;
	leg->trunk = endpoint->target;
	return leg;
}

int leg_sip_make(struct endpoint *endpoint, struct leg **out)
{
	struct sip_leg *leg = make(endpoint);

	if (!leg)
		return -ENOMEM;
	*out = &leg->leg;
	return 0;
}

int leg_sip_available(const struct endpoint *endpoint)
{
	const struct sip_trunk *trunk = endpoint->target;
	unsigned max = trunk ? sip_trunk_conf(trunk)->max_calls : 0;
	int rc = endpoint_is_open(endpoint);

	if (rc < 0)
		return rc;
	if (!trunk || !sip_trunk_is_up(trunk))
		return -ENETDOWN;
	return max && sip_trunk_calls(trunk) >= max ? -EBUSY : 0;
}

void leg_sip_incoming(struct sip_trunk *trunk, struct sip_call *call, const struct sip_info *info,
		      void *arg)
{
	struct gateway *gateway = arg;
	struct endpoint *endpoint = gateway_endpoint_of(gateway, trunk);
	struct sip_leg *leg = endpoint ? make(endpoint) : NULL;

	if (!leg) {
		sip_call_release(call, q850(Q850_RESOURCE_UNAVAILABLE, Q850_LOC_PRIVATE_LOCAL));
		sip_call_done(call);
		return;
	}
	leg->incoming = true;
	leg->call = call;
	leg->gateway = gateway;
	leg_sip_info_up(&leg->info, info);
	sip_call_accept(call, &call_ops, leg);
	if (!info->has_offer)
		tell_setup(leg, NULL);
}
