/* SPDX-License-Identifier: GPL-2.0-only */
/* The calling side of a call: INVITE, its early dialogs, their PRACKs, ACK, CANCEL. Sofia's
 * transaction keeps the branches of a forked INVITE apart: each To tag gets a tagged transaction
 * and a dialog of its own. */
#include "trunk/sip_identity.h"
#include "trunk/sip_call_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int invite_response(void *magic, nta_outgoing_t *orq, const sip_t *sip);
static int fork_response(void *magic, nta_outgoing_t *orq, const sip_t *sip);

/* ---- INVITE ---- */

struct invite_text {
	struct sip_identity id;
	char request[SIP_IDENTITY_MAX + 32], from[SIP_IDENTITY_MAX + 32], contact[SIP_HEADER_MAX];
	char cseq[32], forwards[16], expires[64], least[16], route[SIP_HEADER_MAX],
		sdp[SDP_TEXT_MAX];
};

static int compose(struct invite_text *t, struct sip_call *call)
{
	const struct sip_trunk *trunk = call->trunk;
	char peer[SIP_HOST_MAX], domain[SIP_HOST_MAX];
	unsigned forwards = call->info.max_forwards;

	sip_trunk_peer(trunk, peer);
	if (sip_identity_write(&t->id, &call->info, trunk->conf, peer,
			       sip_trunk_domain(trunk, domain)) < 0)
		return -EINVAL;
	if (!call->cseq) {
		call->cseq = (uint32_t)(sip_random() & 0xffff);
		snprintf(call->from_tag, sizeof(call->from_tag), "%016llx",
			 (unsigned long long)sip_random());
	}
	call->cseq++; /* one that goes anew has the next: RFC 3261 8.1.3.5 */
	snprintf(t->request, sizeof(t->request), "INVITE %s SIP/2.0", t->id.request_uri);
	snprintf(t->from, sizeof(t->from), "%s;tag=%s", t->id.from, call->from_tag);
	snprintf(t->cseq, sizeof(t->cseq), "%u INVITE", call->cseq);
	/* The hop that we are has been taken off by who calls us; a full count anew would let a
	 * loop live for ever (RFC 3261 16.6 step 3, 16.3 step 3). */
	snprintf(t->forwards, sizeof(t->forwards), "%u", forwards ? forwards : 70);
	sip_timer_ask(call, t->expires);
	sip_timer_least(call->least_s, t->least);
	sip_trunk_route(trunk, t->route);
	sip_own_contact(trunk, t->contact);
	if (call->has_offer &&
	    sdp_write(&call->session, NULL, &call->offer, t->sdp, sizeof(t->sdp)) < 0)
		return -EINVAL;
	return 0;
}

#define STR_IF(text, tag) TAG_IF((text)[0], tag(text))

static msg_t *make_invite(const struct sip_call *call, const struct invite_text *t)
{
	msg_t *msg = nta_msg_create(call->trunk->interface->agent, 0);
	bool prack = call->trunk->conf->prack;
	int rc = -1;

	if (msg)
		rc = sip_add_tl(
			msg, sip_object(msg), SIPTAG_REQUEST_STR(t->request),
			SIPTAG_FROM_STR(t->from), SIPTAG_TO_STR(t->id.to),
			SIPTAG_CALL_ID_STR(call->key), SIPTAG_CSEQ_STR(t->cseq),
			SIPTAG_MAX_FORWARDS_STR(t->forwards), SIPTAG_CONTACT_STR(t->contact),
			SIPTAG_USER_AGENT_STR(call->stack->user_agent), SIPTAG_ALLOW_STR(SIP_ALLOW),
			SIPTAG_SUPPORTED_STR(prack ? "100rel, timer" : "timer"),
			STR_IF(t->expires, SIPTAG_SESSION_EXPIRES_STR),
			STR_IF(t->least, SIPTAG_MIN_SE_STR),
			STR_IF(t->id.privacy, SIPTAG_PRIVACY_STR),
			STR_IF(t->sdp, SIPTAG_PAYLOAD_STR),
			TAG_IF(call->info.emergency, SIPTAG_PRIORITY_STR("emergency")),
			TAG_IF(t->sdp[0], SIPTAG_CONTENT_TYPE_STR("application/sdp")),
			TAG_IF(!t->sdp[0], SIPTAG_ACCEPT_STR("application/sdp")), TAG_END());
	if (rc >= 0 && t->id.asserted[0])
		rc = sip_add_header(msg, "P-Asserted-Identity", t->id.asserted);
	if (rc >= 0 && t->id.diversion[0])
		rc = sip_add_header(msg, "Diversion", t->id.diversion);
	if (rc >= 0 && t->id.history[0])
		rc = sip_add_header(msg, "History-Info", t->id.history);
	if (rc >= 0)
		return msg;
	if (msg)
		msg_destroy(msg);
	return NULL;
}

static int send_invite(struct sip_call *call)
{
	struct invite_text *text = mem_zalloc(sizeof(*text));
	msg_t *msg = NULL;
	int rc = -ENOMEM;

	if (!text)
		return rc;
	rc = compose(text, call);
	if (rc < 0)
		goto out;
	rc = -ENOMEM;
	msg = make_invite(call, text);
	if (!msg)
		goto out;
	call->invite = nta_outgoing_mcreate(call->trunk->interface->agent, invite_response, call,
					    (const url_string_t *)text->route, msg, TAG_END());
	if (!call->invite)
		goto out;
	msg = NULL;
	rc = 0;
	sip_trunk_sent(call->trunk, call->invite);
out:
	if (msg)
		msg_destroy(msg);
	mem_free(text);
	return rc;
}

int sip_call_create(struct sip_call **out, struct sip_trunk *trunk, const struct sip_info *info,
		    const struct media_desc *offer, const struct sip_call_ops *ops, void *arg)
{
	struct sip_call *call;
	char key[64];
	int rc;

	if (!sip_trunk_is_up(trunk))
		return -ENETDOWN;
	if (trunk->conf->max_calls && trunk->calls >= trunk->conf->max_calls && !info->emergency)
		return -EBUSY;
	snprintf(key, sizeof(key), "%016llx%016llx", (unsigned long long)sip_random(),
		 (unsigned long long)sip_random());
	rc = sip_call_new(&call, trunk, false, key);
	if (rc < 0)
		return rc;
	sip_call_accept(call, ops, arg);
	call->info = *info;
	call->has_offer = offer != NULL;
	if (offer)
		call->offer = *offer;
	rc = send_invite(call);
	if (rc < 0)
		goto fail;
	counter_inc(&trunk->stack->counters.calls_out);
	fsm_go(&call->fsm, CALL_CALLING);
	*out = call;
	return 0;
fail:
	sip_call_free(call);
	return rc;
}

/* ---- Dialogs of the responses ---- */

static struct sip_dialog *find_dialog(struct sip_call *call, const char *tag)
{
	struct sip_dialog *d;

	list_for_each(d, &call->dialogs, struct sip_dialog, node)
		if (strcasecmp(d->tag, tag) == 0)
			return d;
	return NULL;
}

static int open_dialog(struct sip_dialog *d, const sip_t *sip)
{
	struct sip_call *call = d->call;

	d->leg = nta_leg_tcreate(call->trunk->interface->agent, sip_dialog_request, d,
				 SIPTAG_CALL_ID(sip->sip_call_id), SIPTAG_FROM(sip->sip_from),
				 SIPTAG_TO(sip->sip_to), SIPTAG_CSEQ(sip->sip_cseq), TAG_END());
	if (!d->leg)
		return -ENOMEM;
	d->invite_cseq = call->cseq;
	nta_leg_client_route(d->leg, sip->sip_record_route, sip->sip_contact);
	if (sip->sip_status->st_status >= 200)
		return 0;
	d->fork = nta_outgoing_tagged(call->invite, fork_response, d, d->tag, sip->sip_rseq);
	return d->fork ? 0 : -ENOMEM;
}

static struct sip_dialog *dialog_of(struct sip_call *call, const sip_t *sip)
{
	const char *tag = sip->sip_to ? sip->sip_to->a_tag : NULL;
	struct sip_dialog *d = tag ? find_dialog(call, tag) : NULL;

	if (d || !tag || strlen(tag) >= sizeof(d->tag))
		return d;
	if (sip->sip_status->st_status < 200 && call->dialog_count >= SIP_DIALOGS_MAX)
		return NULL; /* one branch more than anybody needs is not followed until it answers
			      */
	d = sip_dialog_new(call, tag);
	if (!d)
		return NULL;
	if (open_dialog(d, sip) < 0) {
		sip_dialog_free(d);
		return NULL;
	}
	if (call->has_offer) {
		d->local = call->offer;
		fsm_event(&d->oa, OA_LOCAL_OFFER, NULL);
		fsm_event(&d->oa, OA_SENT, NULL);
	}
	if (!call->dialog)
		call->dialog = d;
	return d;
}

/* Once more from the beginning: a longer session was asked for (RFC 4028 7.3), or the connection
 * was dead and nobody has heard of it. */
static bool is_worth_another(struct sip_call *call, const struct call_response *r)
{
	if (call->fsm.state != CALL_CALLING && call->fsm.state != CALL_PROCEEDING)
		return false;
	if (call->again >= SIP_INVITES_AGAIN)
		return false;
	if (r->status == 422)
		return sip_timer_raise(call, r->sip);
	if (call->fsm.state == CALL_PROCEEDING || call->broken ||
	    !sip_is_broken_connection(call->trunk, r->sip, r->status))
		return false;
	call->broken = true;
	return true;
}

static bool send_again(struct sip_call *call)
{
	nta_outgoing_t *before = call->invite;
	struct sip_dialog *d;

	call->again++;
	if (send_invite(call) < 0)
		return false;
	list_for_each(d, &call->dialogs, struct sip_dialog, node)
		sip_dialog_free(d);
	call->dialog = NULL;
	nta_outgoing_destroy(before);
	return true;
}

static void handle_response(struct sip_call *call, struct call_response r)
{
	if (is_worth_another(call, &r) && send_again(call))
		return;
	if (r.status < 200) {
		r.dialog = dialog_of(call, r.sip);
		fsm_event(&call->fsm, CE_PROVISIONAL, &r);
		return;
	}
	if (r.status >= 300) {
		fsm_event(&call->fsm, CE_FAILURE, &r);
		return;
	}
	r.dialog = dialog_of(call, r.sip);
	if (r.dialog)
		fsm_event(&call->fsm, CE_SUCCESS, &r);
	else
		sip_call_starve(
			call); /* Sofia shows a 2xx once: the callee gives up for want of ACK */
}

static int invite_response(void *magic, nta_outgoing_t *orq, const sip_t *sip)
{
	struct sip_call *call = magic;
	struct call_response r = { .sip = sip, .status = (unsigned)nta_outgoing_status(orq) };

	if (!sip) /* our own verdict, out of memory for its message */
		r.status = r.status >= 300 ? r.status : 503;
	sip_count_failure(call->stack, sip, r.status);
	handle_response(call, r);
	return 0;
}

static int fork_response(void *magic, nta_outgoing_t *orq, const sip_t *sip)
{
	struct sip_dialog *d = magic;
	unsigned status = (unsigned)nta_outgoing_status(orq);

	/* A branch that says no more until its INVITE is long over: nobody waits for it. */
	if (!sip_is_our_verdict(sip))
		handle_response(d->call, (struct call_response){ .sip = sip, .status = status });
	return 0;
}

/* ---- What responses do ---- */

void sip_uac_prack(struct sip_dialog *d)
{
	char rack[64], text[SDP_TEXT_MAX];
	nta_outgoing_t *orq;

	if (!d->rseq)
		return;
	snprintf(rack, sizeof(rack), "%u %u INVITE", d->rseq, d->invite_cseq);
	sip_oa_out(d, text);
	orq = nta_outgoing_tcreate(
		d->leg, NULL, NULL, sip_dialog_hop(d), SIP_METHOD_PRACK, NULL,
		SIPTAG_RACK_STR(rack), SIPTAG_USER_AGENT_STR(d->call->stack->user_agent),
		STR_IF(text, SIPTAG_PAYLOAD_STR),
		TAG_IF(text[0], SIPTAG_CONTENT_TYPE_STR("application/sdp")), TAG_END());
	nta_outgoing_destroy(orq);
	d->rseq = 0;
	if (text[0])
		fsm_event(&d->oa, OA_SENT, NULL);
}

static bool is_reliable(const sip_t *sip)
{
	return sip->sip_rseq && sip->sip_require && sip_has_feature(sip->sip_require, "100rel");
}

/* RFC 3262 4: in order and once; Sofia drops what it has seen as soon as it knows the number. */
static void take_reliable(struct sip_dialog *d, const sip_t *sip)
{
	const char *why;
	unsigned status;

	d->rseq = (uint32_t)sip->sip_rseq->rs_response;
	if (d->fork)
		nta_outgoing_setrseq(d->fork, d->rseq);
	if (d->oa.state == OA_NONE)
		sip_oa_offer_in(d, sip, OA_BY_18X, &status, &why);
	else
		sip_oa_answer_in(d, sip, true, &why);
	if (d->oa.state != OA_THEIRS)
		sip_uac_prack(d);
}

static void tell_progress(struct sip_call *call, unsigned status, bool inband)
{
	struct sip_event_data data = { .inband = inband, .status = status };
	enum sip_event event = SIP_PROCEEDING;

	if (status == 180)
		event = SIP_ALERTING;
	else if (status == 183 && inband)
		event = SIP_PROGRESS;
	sip_up_event(call, event, &data);
}

void sip_uac_provisional(struct sip_call *call, const struct call_response *r)
{
	struct sip_dialog *d = r->dialog;
	const char *why;

	if (r->status <= 100)
		return;
	if (d) {
		sip_dialog_peer(d, r->sip);
		if (is_reliable(r->sip))
			take_reliable(d, r->sip);
		else if (call->has_offer)
			sip_oa_answer_in(d, r->sip, false, &why);
	}
	tell_progress(call, r->status, d && (d->answer_shown || d->oa.state == OA_THEIRS));
}

void sip_uac_ack(struct sip_dialog *d)
{
	char cseq[32], text[SDP_TEXT_MAX];
	nta_outgoing_t *orq;

	snprintf(cseq, sizeof(cseq), "%u ACK", d->invite_cseq);
	sip_oa_out(d, text);
	orq = nta_outgoing_tcreate(d->leg, NULL, NULL, sip_dialog_hop(d), SIP_METHOD_ACK, NULL,
				   SIPTAG_CSEQ_STR(cseq), STR_IF(text, SIPTAG_PAYLOAD_STR),
				   TAG_IF(text[0], SIPTAG_CONTENT_TYPE_STR("application/sdp")),
				   TAG_END());
	nta_outgoing_destroy(orq); /* stays with Sofia, to answer 2xx retransmissions */
	d->acked = true;
	if (text[0])
		fsm_event(&d->oa, OA_SENT, NULL);
}

/* The 2xx settles the media, or cannot: then 111 or 88. */
static uint8_t settle_media(struct sip_dialog *d, const sip_t *sip)
{
	const char *why = "";
	unsigned status;
	enum oa_result result;

	if (d->oa.state == OA_NONE)
		result = sip_oa_offer_in(d, sip, OA_BY_2XX, &status, &why);
	else
		result = sip_oa_answer_in(d, sip, true, &why);
	if (result == OA_BAD)
		return Q850_INCOMPATIBLE_DESTINATION;
	/* An answer in an unreliable 18x counts when the 2xx repeats none: RFC 3261 13.2.1 asks for
	 * it, some forget. */
	if (d->oa.state == OA_OURS_SENT && d->answer_shown)
		fsm_event(&d->oa, OA_REMOTE_ANSWER, NULL);
	return d->oa.state == OA_NONE || d->oa.state == OA_OURS_SENT ? Q850_PROTOCOL_ERROR : 0;
}

void sip_uac_success(struct sip_call *call, const struct call_response *r)
{
	struct sip_dialog *d = r->dialog;
	struct sip_event_data data = { .status = r->status };
	uint8_t wrong;

	call->dialog = d;
	d->confirmed = true;
	sip_dialog_peer(d, r->sip);
	nta_leg_client_reroute(d->leg, r->sip->sip_record_route, r->sip->sip_contact, 1);
	sip_timer_accepted(d, r->sip);
	wrong = settle_media(d, r->sip);
	if (wrong) {
		struct q850_cause cause = q850(wrong, Q850_LOC_PRIVATE_LOCAL);

		sip_uac_ack(d);
		sip_dialog_bye(d, cause);
		sip_call_end(call, cause, r->status, false);
		return;
	}
	if (sip_identity_read_connected(r->sip, call->trunk->conf->trusted, &call->info.connected))
		data.info = &call->info;
	sip_up_event(call, SIP_CONNECT, &data);
	if (d->oa.state == OA_THEIRS) {
		fsm_go(&call->fsm, CALL_ACKING);
		return;
	}
	sip_uac_ack(d);
	fsm_go(&call->fsm, CALL_CONFIRMED);
}

void sip_uac_unwanted(struct sip_call *call, const struct call_response *r, struct q850_cause cause)
{
	struct sip_dialog *d = r->dialog;

	if (d->acked || (d == call->dialog && d->confirmed))
		return;
	nta_leg_client_reroute(d->leg, r->sip->sip_record_route, r->sip->sip_contact, 1);
	sip_uac_ack(d);
	sip_dialog_bye(d, cause);
}

void sip_uac_cancel(struct sip_call *call, struct q850_cause cause)
{
	char reason[SIP_HEADER_MAX];
	nta_outgoing_t *cancel;

	/* Sofia keeps the CANCEL back until a provisional response is there (RFC 3261 9.1). */
	cancel = nta_outgoing_tcancel(call->invite, NULL, NULL,
				      SIPTAG_REASON_STR(sip_reason_text(cause, reason)), TAG_END());
	nta_outgoing_destroy(cancel);
}
