/* SPDX-License-Identifier: GPL-2.0-only */
/* Offer and answer (RFC 3264) over SIP's messages (RFC 3261 13.2.1, RFC 3262 5, RFC 3311 5): which
 * message may carry what is one machine per dialog; the verbs of sip.h only say what the user
 * wants. */
#include "trunk/sip_body.h"
#include "trunk/sip_call_private.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/* ---- The machine ---- */

static unsigned before_offer(const struct sip_dialog *d)
{
	return d->has_agreed ? OA_STABLE : OA_NONE;
}

static void oa_handle(struct fsm *fsm, unsigned event, const void *data)
{
	struct sip_dialog *d = fsm->owner;

	(void)data;
	switch ((enum oa_event)event) {
	case OA_LOCAL_OFFER:
		fsm_go(fsm, OA_OURS_READY);
		break;
	case OA_LOCAL_ANSWER:
		fsm_go(fsm, OA_THEIRS_READY);
		break;
	case OA_REMOTE_OFFER:
		fsm_go(fsm, OA_THEIRS);
		break;
	case OA_LOCAL_REFUSE:
	case OA_REMOTE_REFUSE:
		fsm_go(fsm, before_offer(d));
		break;
	case OA_REMOTE_ANSWER:
		d->agreed = d->local;
		d->has_agreed = true;
		fsm_go(fsm, OA_STABLE);
		break;
	case OA_SENT:
		if (fsm->state == OA_OURS_READY) {
			fsm_go(fsm, OA_OURS_SENT);
			break;
		}
		d->agreed = d->local;
		d->has_agreed = true;
		fsm_go(fsm, OA_STABLE);
		break;
	case OA_EVENTS:
		break;
	}
}

#define E(name) FSM_BIT(OA_##name)

static const struct fsm_state oa_states[OA_STATES] = {
	[OA_NONE] = { .name = "none",
		      .clause = "RFC 3264 4",
		      .events = E(LOCAL_OFFER) | E(REMOTE_OFFER),
		      .next = E(OURS_READY) | E(THEIRS),
		      .handle = oa_handle },
	[OA_OURS_READY] = { .name = "ours-ready",
			    .clause = "RFC 3264 5",
			    .events = E(LOCAL_OFFER) | E(SENT) | E(REMOTE_REFUSE),
			    .next = E(OURS_READY) | E(OURS_SENT) | E(STABLE) | E(NONE),
			    .handle = oa_handle },
	[OA_OURS_SENT] = { .name = "ours-sent",
			   .clause = "RFC 3264 5",
			   .events = E(REMOTE_ANSWER) | E(REMOTE_REFUSE),
			   .next = E(STABLE) | E(NONE),
			   .handle = oa_handle },
	[OA_THEIRS] = { .name = "theirs",
			.clause = "RFC 3264 6",
			.events = E(LOCAL_ANSWER) | E(LOCAL_REFUSE),
			.next = E(THEIRS_READY) | E(STABLE) | E(NONE),
			.handle = oa_handle },
	[OA_THEIRS_READY] = { .name = "theirs-ready",
			      .clause = "RFC 3264 6",
			      .events = E(LOCAL_ANSWER) | E(LOCAL_REFUSE) | E(SENT),
			      .next = E(THEIRS_READY) | E(STABLE) | E(NONE),
			      .handle = oa_handle },
	[OA_STABLE] = { .name = "stable",
			.clause = "RFC 3264 8",
			.events = E(LOCAL_OFFER) | E(REMOTE_OFFER),
			.next = E(OURS_READY) | E(THEIRS),
			.handle = oa_handle },
};

static const char *const oa_event_names[OA_EVENTS] = {
	[OA_LOCAL_OFFER] = "local offer",     [OA_LOCAL_ANSWER] = "local answer",
	[OA_LOCAL_REFUSE] = "local refuse",   [OA_SENT] = "sent",
	[OA_REMOTE_OFFER] = "remote offer",   [OA_REMOTE_ANSWER] = "remote answer",
	[OA_REMOTE_REFUSE] = "remote refuse",
};

const struct fsm_machine sip_oa_machine = { .name = "sip-offer-answer",
					    .states = oa_states,
					    .state_count = OA_STATES,
					    .event_names = oa_event_names,
					    .event_count = OA_EVENTS };

/* ---- SDP in messages ---- */

static const char *find_sdp(const sip_t *sip, size_t *length)
{
	char type[SIP_HEADER_MAX];

	if (!sip->sip_payload || !sip->sip_content_type ||
	    sip_header_field_e(type, sizeof(type) - 1, (const sip_header_t *)sip->sip_content_type,
			       0) < 0)
		return NULL;
	type[sizeof(type) - 1] = '\0';
	return sip_body_sdp(type, sip->sip_payload->pl_data, (size_t)sip->sip_payload->pl_len,
			    length);
}

bool sip_has_sdp(const sip_t *sip)
{
	size_t length;

	return find_sdp(sip, &length) != NULL;
}

/* 1 read, 0 there is none, -errno of sdp_read(). */
static int read_sdp(const sip_t *sip, struct media_desc *out, struct sdp_shape *shape,
		    const char **why)
{
	size_t length;
	const char *sdp = find_sdp(sip, &length);
	int rc;

	if (!sdp)
		return 0;
	rc = sdp_read(sdp, length, out, shape, why);
	return rc < 0 ? rc : 1;
}

static unsigned status_of(int rc)
{
	return rc == -EINVAL ? 400 : rc == -ENOMEM ? 500 : 488;
}

unsigned sip_oa_check(const sip_t *sip, const char **why)
{
	struct media_desc desc;
	int rc = read_sdp(sip, &desc, NULL, why);

	return rc < 0 ? status_of(rc) : 0;
}

enum oa_result sip_oa_offer_in(struct sip_dialog *d, const sip_t *sip, enum oa_carrier carrier,
			       unsigned *status, const char **why)
{
	struct media_desc desc;
	struct sdp_shape shape;
	int rc = read_sdp(sip, &desc, &shape, why);

	if (rc == 0)
		return OA_NOTHING;
	if (rc < 0) {
		counter_inc(&d->call->stack->counters.bad_sdp);
		*status = status_of(rc);
		return OA_BAD;
	}
	if (!fsm_event(&d->oa, OA_REMOTE_OFFER, NULL)) {
		*status = d->oa.state == OA_OURS_SENT || d->oa.state == OA_OURS_READY ? 491 : 500;
		*why = "another offer is open";
		return OA_BAD;
	}
	d->carrier = carrier;
	d->remote = desc;
	d->has_remote = true;
	d->shape = shape;
	d->call->dialog = d;
	sip_up_desc(d->call, UP_OFFER, &d->remote);
	return OA_TAKEN;
}

static bool same_address(const struct netaddr *a, const struct netaddr *b)
{
	return netaddr_is_set(a) ? netaddr_is_set(b) && netaddr_equal(a, b) : !netaddr_is_set(b);
}

static bool same_codec(const struct media_codec *a, const struct media_codec *b)
{
	return strcasecmp(a->name, b->name) == 0 && a->rate_hz == b->rate_hz &&
	       a->channels == b->channels && a->payload_type == b->payload_type &&
	       strcmp(a->fmtp, b->fmtp) == 0;
}

static bool same_desc(const struct media_desc *a, const struct media_desc *b)
{
	if (!same_address(&a->rtp, &b->rtp) || !same_address(&a->rtcp, &b->rtcp) ||
	    a->codec_count != b->codec_count)
		return false;
	for (unsigned i = 0; i < a->codec_count; i++)
		if (!same_codec(&a->codecs[i], &b->codecs[i]))
			return false;
	return a->direction == b->direction && a->ptime_ms == b->ptime_ms &&
	       a->maxptime_ms == b->maxptime_ms && a->rtcp_mux == b->rtcp_mux &&
	       strcmp(a->opaque, b->opaque) == 0;
}

enum oa_result sip_oa_answer_in(struct sip_dialog *d, const sip_t *sip, bool formal,
				const char **why)
{
	struct media_desc desc;
	int rc = read_sdp(sip, &desc, NULL, why);
	bool news;

	if (rc == 0)
		return OA_NOTHING;
	if (rc < 0) {
		counter_inc(&d->call->stack->counters.bad_sdp);
		return OA_BAD;
	}
	news = d->answer_owed || !d->has_remote || !same_desc(&desc, &d->remote);
	d->remote = desc;
	d->has_remote = true;
	d->answer_shown = true;
	d->answer_owed = false;
	if (formal)
		fsm_event(&d->oa, OA_REMOTE_ANSWER, NULL);
	if (news || d->call->dialog != d) {
		d->call->dialog = d;
		sip_up_desc(d->call, UP_ANSWER, &d->remote);
	}
	return OA_TAKEN;
}

const char *sip_oa_out(struct sip_dialog *d, char text[SDP_TEXT_MAX])
{
	text[0] = '\0';
	if (d->oa.state != OA_OURS_READY && d->oa.state != OA_THEIRS_READY)
		return text;
	if (sdp_write(&d->session, &d->shape, &d->local, text, SDP_TEXT_MAX) < 0)
		text[0] = '\0';
	return text;
}

bool sip_oa_ready(const struct sip_dialog *d)
{
	return d->oa.state != OA_NONE && d->oa.state != OA_THEIRS;
}

/* ---- Verbs ---- */

static int offer_again(struct sip_dialog *d, const struct media_desc *desc)
{
	struct media_desc before = d->local;
	int rc;

	if (d->modify_out || d->modify_in || loop_timer_armed(&d->glare) ||
	    (!d->confirmed && !d->peer_allows_update))
		return -EPROTO;
	if (!fsm_event(&d->oa, OA_LOCAL_OFFER, NULL))
		return -EPROTO;
	d->local = *desc;
	d->answer_owed = true;
	rc = sip_dialog_modify(d, false);
	if (rc < 0) {
		d->local = before;
		fsm_event(&d->oa, OA_REMOTE_REFUSE, NULL);
	}
	return rc;
}

int sip_call_offer(struct sip_call *call, const struct media_desc *desc)
{
	struct sip_dialog *d = call->dialog;

	if (!d || call->released)
		return -EPROTO;
	if (d->oa.state == OA_STABLE)
		return offer_again(d, desc);
	/* The INVITE brought no offer: ours goes out in a reliable 18x or the 200. */
	if (!call->incoming || d->confirmed || !fsm_event(&d->oa, OA_LOCAL_OFFER, NULL))
		return -EPROTO;
	d->local = *desc;
	d->answer_owed = true;
	return 0;
}

static void send_answer(struct sip_dialog *d)
{
	switch (d->carrier) {
	case OA_BY_INVITE:
		break;
	case OA_BY_REINVITE:
	case OA_BY_UPDATE:
	case OA_BY_PRACK:
		sip_dialog_answer_modify(d, 200);
		break;
	case OA_BY_18X:
		sip_uac_prack(d);
		break;
	case OA_BY_2XX:
		fsm_event(&d->call->fsm, CE_ANSWERED, NULL);
		break;
	}
}

int sip_call_answer(struct sip_call *call, const struct media_desc *desc)
{
	struct sip_dialog *d = call->dialog;

	if (!d || call->released || !fsm_event(&d->oa, OA_LOCAL_ANSWER, NULL))
		return -EPROTO;
	d->local = *desc;
	send_answer(d);
	return 0;
}

int sip_call_refuse(struct sip_call *call, struct q850_cause cause)
{
	struct sip_dialog *d = call->dialog;

	if (!d || call->released || !fsm_event(&d->oa, OA_LOCAL_REFUSE, NULL))
		return -EPROTO;
	switch (d->carrier) {
	case OA_BY_INVITE:
		sip_uas_final(call, 488, cause);
		sip_call_end(call, cause, 488, false);
		break;
	case OA_BY_REINVITE:
	case OA_BY_UPDATE:
	case OA_BY_PRACK:
		sip_dialog_answer_modify(d, 488);
		break;
	case OA_BY_18X: /* RFC 3264 and RFC 3262 know no refusal here: the call ends */
	case OA_BY_2XX:
		sip_call_release(call, cause);
		break;
	}
	return 0;
}
