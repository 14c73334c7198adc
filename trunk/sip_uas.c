/* SPDX-License-Identifier: GPL-2.0-only */
/* The called side of a call: the INVITE's checks, 18x with and without PRACK, 200 and its ACK,
 * CANCEL. Sofia retransmits reliable 18x until PRACK and the 200 until ACK. */
#include "trunk/sip_identity.h"
#include "trunk/sip_call_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define STR_IF(text, tag) TAG_IF((text)[0], tag(text))

/* ---- INVITE ---- */

static int ack_or_cancel(struct sip_dialog *d, nta_incoming_t *irq, const sip_t *sip)
{
	struct sip_call *call = d->call;
	struct q850_cause normal = q850(Q850_NORMAL_CLEARING, Q850_LOC_BEYOND_INTERWORKING), cause;
	const char *why;

	if (!sip) {
		fsm_event(&call->fsm, nta_incoming_status(irq) < 200 ? CE_NO_PRACK : CE_NO_ACK,
			  NULL);
		return 0;
	}
	if (sip->sip_request->rq_method == sip_method_cancel) {
		cause = sip_cause_of(call->trunk, sip, 0, normal);
		fsm_event(&call->fsm, CE_CANCELLED, &cause);
		return 0;
	}
	nta_incoming_destroy(call->invite_in);
	call->invite_in = NULL;
	if (d->oa.state == OA_OURS_SENT && sip_oa_answer_in(d, sip, true, &why) != OA_TAKEN) {
		cause = q850(Q850_PROTOCOL_ERROR,
			     Q850_LOC_PRIVATE_LOCAL); /* ACK without the answer it owes */
		fsm_event(&call->fsm, CE_ACK, NULL);
		fsm_event(&call->fsm, CE_LOST, &cause);
		return 0;
	}
	fsm_event(&call->fsm, CE_ACK, NULL);
	return 0;
}

static int open_dialog(struct sip_dialog *d, nta_incoming_t *irq, const sip_t *sip)
{
	nta_agent_t *agent = d->call->trunk->interface->agent;
	su_home_t *home = su_home_new(sizeof(*home));
	sip_to_t *local = home ? sip_to_dup(home, sip->sip_to) : NULL;
	const char *tag = home ? nta_agent_newtag(home, "%s", agent) : NULL;

	if (local && tag && sip_to_tag(home, local, tag) == 0 && nta_incoming_tag(irq, tag))
		d->leg = nta_leg_tcreate(
			agent, sip_dialog_request, d, SIPTAG_CALL_ID(sip->sip_call_id),
			SIPTAG_FROM((sip_from_t *)local), SIPTAG_TO((sip_to_t *)sip->sip_from),
			NTATAG_REMOTE_CSEQ(sip->sip_cseq->cs_seq), TAG_END());
	if (home)
		su_home_unref(home);
	if (!d->leg)
		return -ENOMEM;
	nta_leg_server_route(d->leg, sip->sip_record_route, sip->sip_contact);
	nta_incoming_bind(irq, ack_or_cancel, d);
	return 0;
}

static int take(struct sip_call *call, nta_incoming_t *irq, const sip_t *sip)
{
	struct sip_dialog *d = sip_dialog_new(call, sip->sip_from->a_tag);

	if (!d || open_dialog(d, irq, sip) < 0)
		return -ENOMEM;
	d->early = true;
	d->invite_cseq = sip->sip_cseq->cs_seq;
	call->dialog = d;
	call->invite_in = irq;
	call->must_100rel = sip->sip_require && sip_has_feature(sip->sip_require, "100rel");
	call->peer_100rel = call->must_100rel ||
			    (sip->sip_supported && sip_has_feature(sip->sip_supported, "100rel"));
	sip_dialog_peer(d, sip);
	sip_timer_request(d, sip);
	sip_identity_read(sip, call->trunk->conf->trusted, &call->info);
	snprintf(call->info.call_id, sizeof(call->info.call_id), "%s", call->key);
	call->info.has_offer = sip_has_sdp(sip);
	return 0;
}

void sip_uas_invite(struct sip_trunk *trunk, nta_incoming_t *irq, const sip_t *sip)
{
	struct sip_call *call;
	const char *why = "";
	unsigned status = 0;
	struct q850_cause starved = q850(Q850_RESOURCE_UNAVAILABLE, Q850_LOC_PRIVATE_LOCAL);

	nta_incoming_treply(irq, SIP_100_TRYING, TAG_END());
	if (sip_call_new(&call, trunk, true, sip->sip_call_id->i_id) < 0) {
		sip_reply(irq, 500, TAG_END());
		return;
	}
	if (take(call, irq, sip) < 0) {
		call->invite_in = NULL;
		sip_reply(irq, 500, TAG_END());
		sip_call_free(call);
		return;
	}
	counter_inc(&trunk->stack->counters.calls_in);
	fsm_go(&call->fsm, CALL_INCOMING);
	sip_up_incoming(call);
	if (sip_oa_offer_in(call->dialog, sip, OA_BY_INVITE, &status, &why) == OA_BAD)
		fsm_event(&call->fsm, CE_LOST, &starved);
}

/* ---- 18x ---- */

/* Sofia finds the response by its numbers and compares a tag only when the INVITE had one. */
static bool is_for_us(const struct sip_dialog *d, const sip_t *sip)
{
	const char *tag = nta_leg_get_tag(d->leg);

	return tag && sip->sip_to->a_tag && strcasecmp(sip->sip_to->a_tag, tag) == 0;
}

static int prack_in(struct sip_dialog *d, nta_reliable_t *rel, nta_incoming_t *irq,
		    const sip_t *sip)
{
	struct sip_call *call = d->call;
	unsigned status = 200;
	const char *why = "";

	if (irq && !is_for_us(d, sip)) {
		sip_reply(irq, 481, SIPTAG_SERVER_STR(call->stack->user_agent), TAG_END());
		return 481; /* the response still waits for its PRACK */
	}
	nta_reliable_destroy(rel);
	call->unpracked--;
	if (!irq) /* given up, or a final response went out: the transaction's own callback tells */
		return 200;
	if (d->oa.state == OA_OURS_SENT)
		sip_oa_answer_in(d, sip, true, &why);
	else if (sip_oa_offer_in(d, sip, OA_BY_PRACK, &status, &why) == OA_TAKEN) {
		d->prack_in = irq;
		return 0;
	}
	nta_incoming_treply(irq, (int)status, sip_phrase(status), TAG_END());
	nta_incoming_destroy(irq);
	return (int)status;
}

/* SDP for this 18x, "" none: an answer may go early in any, an offer in a reliable one only (RFC
 * 3262 5). */
static const char *early_sdp(struct sip_call *call, bool inband, char text[SDP_TEXT_MAX])
{
	bool may_offer = call->peer_100rel && call->trunk->conf->prack;

	text[0] = '\0';
	if (!inband || !call->trunk->conf->early_media)
		return text;
	if (call->dialog->oa.state == OA_OURS_READY && !may_offer)
		return text;
	return sip_oa_out(call->dialog, text);
}

int sip_uas_progress(struct sip_call *call, const struct call_progress *p)
{
	char contact[SIP_HEADER_MAX], text[SDP_TEXT_MAX];
	int status = p->alerting && !p->inband ? 180 : 183;
	bool reliable;

	early_sdp(call, p->inband, text);
	if (p->alerting && !text[0] && call->dialog->oa.state != OA_STABLE)
		status = 180;
	sip_own_contact(call->trunk, contact);
	reliable = call->must_100rel || (call->peer_100rel && call->trunk->conf->prack && text[0]);
#define HEADERS                                                                                    \
	SIPTAG_CONTACT_STR(contact), SIPTAG_ALLOW_STR(SIP_ALLOW),                                  \
		SIPTAG_SERVER_STR(call->stack->user_agent), STR_IF(text, SIPTAG_PAYLOAD_STR),      \
		TAG_IF(text[0], SIPTAG_CONTENT_TYPE_STR("application/sdp")), TAG_END()
	if (!reliable)
		return nta_incoming_treply(call->invite_in, status, sip_phrase((unsigned)status),
					   HEADERS) < 0
			       ? -EIO
			       : 0;
	if (!nta_reliable_treply(call->invite_in, prack_in, call->dialog, status,
				 sip_phrase((unsigned)status), HEADERS))
		return -EIO;
#undef HEADERS
	call->unpracked++;
	if (text[0])
		fsm_event(&call->dialog->oa, OA_SENT, NULL);
	return 0;
}

/* ---- Final responses ---- */

int sip_uas_connect(struct sip_call *call, const struct sip_info *info)
{
	struct sip_dialog *d = call->dialog;
	char contact[SIP_HEADER_MAX], domain[SIP_HOST_MAX], text[SDP_TEXT_MAX],
		asserted[SIP_HEADER_MAX + 32] = "", expires[64];
	struct sip_identity id = { 0 };

	if (info)
		sip_identity_write_connected(&id, &info->connected, call->trunk->conf,
					     sip_trunk_domain(call->trunk, domain));
	if (id.asserted[0])
		snprintf(asserted, sizeof(asserted), "P-Asserted-Identity: %s", id.asserted);
	sip_oa_out(d, text);
	sip_timer_response(d, expires);
	if (nta_incoming_treply(
		    call->invite_in, SIP_200_OK,
		    SIPTAG_CONTACT_STR(sip_own_contact(call->trunk, contact)),
		    SIPTAG_ALLOW_STR(SIP_ALLOW), SIPTAG_SUPPORTED_STR(SIP_SUPPORTED),
		    STR_IF(expires, SIPTAG_SESSION_EXPIRES_STR),
		    TAG_IF(expires[0] && !d->we_refresh, SIPTAG_REQUIRE_STR("timer")),
		    SIPTAG_SERVER_STR(call->stack->user_agent), STR_IF(asserted, SIPTAG_HEADER_STR),
		    STR_IF(id.privacy, SIPTAG_PRIVACY_STR), STR_IF(text, SIPTAG_PAYLOAD_STR),
		    TAG_IF(text[0], SIPTAG_CONTENT_TYPE_STR("application/sdp")), TAG_END()) < 0)
		return -EIO;
	d->early = false;
	sip_timer_start(d);
	if (text[0])
		fsm_event(&d->oa, OA_SENT, NULL);
	return 0;
}

void sip_uas_final(struct sip_call *call, unsigned status, struct q850_cause cause)
{
	char reason[SIP_HEADER_MAX], own[SIP_HEADER_MAX], contact[SIP_HEADER_MAX + NUMBER_DIGITS];
	nta_incoming_t *irq = call->invite_in;

	call->invite_in = NULL;
	if (!irq)
		return;
	/* The number, at our own address: <sip:host:port> has its user put in. */
	snprintf(contact, sizeof(contact), "<sip:%s@%s", call->moved_to,
		 sip_own_contact(call->trunk, own) + strlen("<sip:"));
	sip_reply(irq, status, SIPTAG_REASON_STR(sip_reason_text(cause, reason)),
		  TAG_IF(status == 301, SIPTAG_CONTACT_STR(contact)),
		  SIPTAG_SERVER_STR(call->stack->user_agent), TAG_END());
}
