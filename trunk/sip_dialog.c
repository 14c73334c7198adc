/* SPDX-License-Identifier: GPL-2.0-only */
/* Requests inside a dialog, both ways: BYE, re-INVITE, UPDATE, INFO, and what of a message changes
 * the dialog itself. */
#include "trunk/sip_identity.h"
#include "trunk/sip_call_private.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define STR_IF(text, tag) TAG_IF((text)[0], tag(text))

void sip_dialog_peer(struct sip_dialog *d, const sip_t *sip)
{
	if (sip->sip_allow)
		d->peer_allows_update = sip_is_allowed(sip->sip_allow, SIP_METHOD_UPDATE);
}

const url_string_t *sip_leg_hop(nta_leg_t *leg)
{
	const sip_route_t *route = NULL;
	const sip_contact_t *target;

	if (nta_leg_get_route(leg, &route, &target) < 0 || !route ||
	    url_has_param(route->r_url, "lr"))
		return NULL;
	return (const url_string_t *)route->r_url;
}

const url_string_t *sip_dialog_hop(const struct sip_dialog *d)
{
	return sip_leg_hop(d->leg);
}

static struct sip_call *call_of(const struct sip_dialog *d)
{
	return d->call;
}

static void lose(struct sip_dialog *d, struct q850_cause cause)
{
	fsm_event(&call_of(d)->fsm, CE_LOST, &cause);
}

nta_outgoing_t *sip_leg_bye(nta_leg_t *leg, const struct sip_trunk *trunk, struct q850_cause cause,
			    nta_response_f *answered, void *magic)
{
	char reason[SIP_HEADER_MAX];

	return nta_outgoing_tcreate(leg, answered, magic, sip_leg_hop(leg), SIP_METHOD_BYE, NULL,
				    SIPTAG_REASON_STR(sip_reason_text(cause, reason)),
				    SIPTAG_USER_AGENT_STR(trunk->stack->user_agent), TAG_END());
}

nta_outgoing_t *sip_leg_byed(nta_leg_t *leg, const struct sip_trunk *trunk,
			     const struct sip_bye *bye, const sip_t *sip, nta_response_f *answered,
			     void *magic)
{
	unsigned status = (unsigned)nta_outgoing_status(bye->orq);

	sip_count_failure(trunk->stack, sip, status);
	nta_outgoing_destroy(bye->orq);
	if (bye->again || !leg || !sip_is_broken_connection(trunk, sip, status))
		return NULL;
	return sip_leg_bye(leg, trunk, bye->cause, answered, magic);
}

static int byed(void *magic, nta_outgoing_t *orq, const sip_t *sip)
{
	struct sip_dialog *d = magic;

	if (nta_outgoing_status(orq) < 200)
		return 0;
	d->bye.orq = sip_leg_byed(d->leg, d->call->trunk, &d->bye, sip, byed, d);
	d->bye.again = true;
	return 0;
}

/* Sofia repeats it until it is answered; nobody waits for that. */
void sip_dialog_bye(struct sip_dialog *d, struct q850_cause cause)
{
	if (!d || !d->leg)
		return;
	d->bye_out = true;
	nta_outgoing_destroy(d->bye.orq);
	d->bye.cause = cause;
	d->bye.orq = sip_leg_bye(d->leg, d->call->trunk, cause, byed, d);
}

/* ---- Answers to the peer's re-INVITE, UPDATE and PRACK ---- */

static int modify_acked(struct sip_dialog *d, nta_incoming_t *irq, const sip_t *sip)
{
	const char *why;

	if (d->modify_in == irq)
		d->modify_in = NULL;
	if (sip && sip->sip_request->rq_method == sip_method_cancel) {
		fsm_event(&d->oa, OA_LOCAL_REFUSE, NULL);
		sip_reply(irq, 487, SIPTAG_SERVER_STR(d->call->stack->user_agent), TAG_END());
		return 0;
	}
	nta_incoming_destroy(irq);
	if (!sip) { /* RFC 3261 14.2: no ACK, the dialog is to be ended */
		lose(d, q850(Q850_TIMER_EXPIRY, Q850_LOC_BEYOND_INTERWORKING));
		return 0;
	}
	if (d->oa.state == OA_OURS_SENT && sip_oa_answer_in(d, sip, true, &why) != OA_TAKEN)
		lose(d, q850(Q850_PROTOCOL_ERROR, Q850_LOC_PRIVATE_LOCAL));
	return 0;
}

static void accept_modify(struct sip_dialog *d, nta_incoming_t *irq)
{
	char contact[SIP_HEADER_MAX], text[SDP_TEXT_MAX], expires[64];
	bool is_invite = nta_incoming_method(irq) == sip_method_invite;
	/* An UPDATE without an offer leaves what waits to the message that owes it. */
	bool may_carry = nta_incoming_method(irq) != sip_method_update || d->modify_in == irq;

	text[0] = '\0';
	if (may_carry)
		sip_oa_out(d, text);
	sip_timer_response(d, expires);
	nta_incoming_treply(irq, SIP_200_OK,
			    SIPTAG_CONTACT_STR(sip_own_contact(d->call->trunk, contact)),
			    SIPTAG_ALLOW_STR(SIP_ALLOW), SIPTAG_SUPPORTED_STR(SIP_SUPPORTED),
			    SIPTAG_SERVER_STR(d->call->stack->user_agent),
			    STR_IF(expires, SIPTAG_SESSION_EXPIRES_STR),
			    TAG_IF(expires[0] && !d->we_refresh, SIPTAG_REQUIRE_STR("timer")),
			    STR_IF(text, SIPTAG_PAYLOAD_STR),
			    TAG_IF(text[0], SIPTAG_CONTENT_TYPE_STR("application/sdp")), TAG_END());
	if (text[0])
		fsm_event(&d->oa, OA_SENT, NULL);
	sip_timer_start(d);
	if (is_invite)
		return; /* until its ACK */
	if (d->modify_in == irq)
		d->modify_in = NULL;
	nta_incoming_destroy(irq);
}

/* A sentence for people: RFC 3261 20.43. */
static void refuse_modify(struct sip_dialog *d, nta_incoming_t *irq, unsigned status,
			  const char *why)
{
	char warning[SIP_HEADER_MAX] = "", retry[16] = "";

	if (d->modify_in == irq)
		d->modify_in = NULL;
	if (status == 491)
		counter_inc(&d->call->stack->counters.glare);
	if (status == 500) /* RFC 3261 14.2 */
		snprintf(retry, sizeof(retry), "%u", (unsigned)(sip_random() % 11));
	else if (why && why[0])
		sip_warning_text(d->call->trunk, why, warning);
	sip_reply(irq, status, SIPTAG_SERVER_STR(d->call->stack->user_agent),
		  STR_IF(retry, SIPTAG_RETRY_AFTER_STR), STR_IF(warning, SIPTAG_WARNING_STR),
		  TAG_END());
}

void sip_dialog_answer_modify(struct sip_dialog *d, unsigned status)
{
	nta_incoming_t *irq = d->carrier == OA_BY_PRACK ? d->prack_in : d->modify_in;

	if (!irq)
		return;
	if (d->carrier == OA_BY_PRACK)
		d->prack_in = NULL;
	if (status < 300)
		accept_modify(d, irq);
	else
		refuse_modify(d, irq, status, NULL);
}

/* ---- Requests from the peer ---- */

static int refuse_in(struct sip_dialog *d, nta_incoming_t *irq, unsigned status)
{
	sip_reply(irq, status, SIPTAG_ALLOW_STR(SIP_ALLOW),
		  SIPTAG_SERVER_STR(d->call->stack->user_agent), TAG_END());
	return (int)status;
}

static int bye_in(struct sip_dialog *d, nta_incoming_t *irq, const sip_t *sip)
{
	struct call_bye bye = { .irq = irq, .sip = sip };

	/* RFC 3261 15.1.2. One that crosses ours is answered as if it had come first. */
	if (d->bye_in || (d->call->fsm.state == CALL_ENDED && !d->bye_out))
		return refuse_in(d, irq, 481);
	d->bye_in = true;
	d->bye_waits = irq;
	if (d == d->call->dialog || !d->call->dialog)
		fsm_event(&d->call->fsm, CE_BYE, &bye);
	sip_call_last_words(d->call); /* unless its user has to hear of it first */
	return 0;
}

static void party_in(struct sip_dialog *d, const sip_t *sip)
{
	struct sip_call *call = d->call;
	struct sip_event_data data = { .info = &call->info };
	struct party party;

	if (!sip_identity_read_connected(sip, call->trunk->conf->trusted, &party))
		return;
	if (strcmp(party.number.digits, call->info.connected.number.digits) == 0 &&
	    strcmp(party.name, call->info.connected.name) == 0)
		return;
	call->info.connected = party;
	sip_up_event(call, SIP_PARTY_UPDATE, &data);
}

/* Our own description goes into the 200 of a request that asks for an offer. */
static void offer_ours(struct sip_dialog *d)
{
	if (!fsm_event(&d->oa, OA_LOCAL_OFFER, NULL))
		return;
	d->local = d->agreed;
	d->local.direction =
		RTP_SENDRECV; /* as in a new call (RFC 3261 14.2): a hold of the peer's ends */
}

/* Another branch of a forked INVITE was answered: its media is the call's (RFC 3261 13.2.2.4). */
static bool is_other_branch(const struct sip_dialog *d)
{
	const struct sip_dialog *chosen = d->call->dialog;

	return chosen && chosen != d && chosen->confirmed;
}

static unsigned may_modify(const struct sip_dialog *d, bool is_invite, bool has_sdp)
{
	unsigned state = d->call->fsm.state;

	if (state == CALL_ENDED || state == CALL_CANCELLING || state == CALL_CLOSING)
		return 481;
	if (is_other_branch(d))
		return 481;
	if (is_invite &&
	    state != CALL_CONFIRMED) /* RFC 3261 14.2, and our own 200 that waits for its ACK */
		return d->call->incoming && state != CALL_ANSWERING ? 500 : 491;
	if (!is_invite && !has_sdp)
		return 0;
	if (d->modify_out ||
	    (!is_invite && (d->oa.state == OA_OURS_SENT || d->oa.state == OA_OURS_READY)))
		return 491; /* RFC 3311 5.2 */
	return d->modify_in || d->prack_in ? 500 : 0;
}

/* RFC 3261 8.2.2.3 */
static void refuse_options(struct sip_dialog *d, nta_incoming_t *irq, const sip_t *sip)
{
	char missing[SIP_HEADER_MAX];

	sip_missing_options(d->call->trunk, sip, missing);
	sip_reply(irq, 420, SIPTAG_SERVER_STR(d->call->stack->user_agent),
		  SIPTAG_UNSUPPORTED_STR(missing), TAG_END());
}

static int modify_in(struct sip_dialog *d, nta_incoming_t *irq, const sip_t *sip)
{
	bool is_invite = nta_incoming_method(irq) == sip_method_invite;
	const char *why = "";
	unsigned status = may_modify(d, is_invite, sip_has_sdp(sip));

	if (!status)
		status = sip_request_check(d->call->trunk, sip, &why);
	if (!status)
		status = sip_timer_request(d, sip);
	if (status) {
		if (status == 422)
			sip_reply(irq, 422, SIPTAG_MIN_SE_STR(SIP_MIN_SE), TAG_END());
		else if (status == 420)
			refuse_options(d, irq, sip);
		else
			refuse_modify(d, irq, status, why);
		return (int)status;
	}
	sip_dialog_peer(d, sip);
	switch (sip_oa_offer_in(d, sip, is_invite ? OA_BY_REINVITE : OA_BY_UPDATE, &status, &why)) {
	case OA_BAD:
		refuse_modify(d, irq, status, why);
		return (int)status;
	case OA_NOTHING:
		if (is_invite)
			offer_ours(d);
		break;
	case OA_TAKEN:
		break;
	}
	if (sip->sip_contact)
		nta_leg_server_route(d->leg, NULL,
				     sip->sip_contact); /* RFC 3261 12.2: the target is refreshed */
	party_in(d, sip);
	if (is_invite)
		nta_incoming_bind(irq, modify_acked, d);
	if (is_invite || d->oa.state == OA_THEIRS)
		d->modify_in = irq;
	if (d->oa.state != OA_THEIRS || (!is_invite && d->modify_in != irq))
		accept_modify(d, irq);
	return 0;
}

static bool read_field(const char *body, size_t n, const char *name, char *out, size_t room)
{
	size_t length = strlen(name), used = 0;
	const char *end = body + n;

	for (const char *at = body; at < end; at = memchr(at, '\n', (size_t)(end - at))) {
		while (at < end && (*at == '\n' || *at == '\r' || *at == ' '))
			at++;
		if ((size_t)(end - at) <= length || strncasecmp(at, name, length) != 0)
			goto next;
		for (at += length; at < end && (*at == ' ' || *at == '='); at++)
			;
		for (; at < end && (unsigned char)*at > ' ' && used + 1 < room; at++)
			out[used++] = *at;
		out[used] = '\0';
		return used > 0;
	next:
		if (at >= end || !memchr(at, '\n', (size_t)(end - at)))
			return false;
	}
	return false;
}

static void dtmf_in(struct sip_dialog *d, const sip_t *sip)
{
	static const char signals[] = "0123456789*#ABCD";
	const sip_payload_t *body = sip->sip_payload;
	struct sip_event_data data = { .dtmf_ms = 160 };
	char signal[8] = "", duration[8] = "";
	const char *at;

	if (!body ||
	    !read_field(body->pl_data, (size_t)body->pl_len, "Signal", signal, sizeof(signal)))
		return;
	at = strchr(signals, toupper((unsigned char)signal[0]));
	if (!at || !signal[0] || signal[1])
		return;
	if (read_field(body->pl_data, (size_t)body->pl_len, "Duration", duration, sizeof(duration)))
		data.dtmf_ms = (unsigned)strtoul(duration, NULL, 10);
	data.dtmf_event = (unsigned)(at - signals);
	sip_up_event(d->call, SIP_DTMF, &data);
}

static int info_in(struct sip_dialog *d, nta_incoming_t *irq, const sip_t *sip)
{
	const sip_content_type_t *type = sip->sip_content_type;

	if (d->call->fsm.state == CALL_ENDED)
		return refuse_in(d, irq, 481);
	if (type && type->c_type && strcasecmp(type->c_type, "application/dtmf-relay") == 0)
		dtmf_in(d, sip);
	else if (sip->sip_payload)
		return refuse_in(d, irq, 415);
	return refuse_in(d, irq, 200);
}

int sip_dialog_request(void *dialog, nta_leg_t *leg, nta_incoming_t *irq, const sip_t *sip)
{
	struct sip_dialog *d = dialog;

	(void)leg;
	switch ((int)sip->sip_request->rq_method) {
	case sip_method_ack:
		return 200; /* not answered; of a transaction that is over */
	case sip_method_bye:
		return bye_in(d, irq, sip);
	case sip_method_invite:
	case sip_method_update:
		return modify_in(d, irq, sip);
	case sip_method_info:
		return info_in(d, irq, sip);
	case sip_method_options:
		return refuse_in(d, irq, 200);
	case sip_method_cancel:
	case sip_method_prack:
		return refuse_in(d, irq, 481);
	default:
		return refuse_in(d, irq,
				 sip->sip_request->rq_method == sip_method_unknown ? 501 : 405);
	}
}

/* ---- Our re-INVITE and UPDATE ---- */

static int modified(void *magic, nta_outgoing_t *orq, const sip_t *sip);

/* Opens an offer of what both agreed on, for a refresh by re-INVITE. */
static int offer_same(struct sip_dialog *d)
{
	if (!fsm_event(&d->oa, OA_LOCAL_OFFER, NULL))
		return -EPROTO;
	d->local = d->agreed;
	return 0;
}

int sip_dialog_modify(struct sip_dialog *d, bool refresh)
{
	bool update = !d->confirmed || (refresh && d->peer_allows_update);
	char contact[SIP_HEADER_MAX], text[SDP_TEXT_MAX], expires[64], least[16];

	if (d->modify_out || d->modify_in)
		return -EPROTO;
	if (refresh && !update && offer_same(d) < 0)
		return -EPROTO;
	sip_oa_out(d, text);
	sip_timer_offer(d, expires);
	sip_timer_least(expires[0] ? d->least_s : 0, least);
	d->modify_out = nta_outgoing_tcreate(
		d->leg, modified, d, sip_dialog_hop(d),
		update ? sip_method_update : sip_method_invite, update ? "UPDATE" : "INVITE", NULL,
		SIPTAG_CONTACT_STR(sip_own_contact(d->call->trunk, contact)),
		SIPTAG_ALLOW_STR(SIP_ALLOW), SIPTAG_SUPPORTED_STR(SIP_SUPPORTED),
		SIPTAG_USER_AGENT_STR(d->call->stack->user_agent),
		STR_IF(expires, SIPTAG_SESSION_EXPIRES_STR), STR_IF(least, SIPTAG_MIN_SE_STR),
		STR_IF(text, SIPTAG_PAYLOAD_STR),
		TAG_IF(text[0], SIPTAG_CONTENT_TYPE_STR("application/sdp")), TAG_END());
	if (!d->modify_out) {
		if (refresh && !update) /* what was opened here */
			fsm_event(&d->oa, OA_REMOTE_REFUSE, NULL);
		return -ENOMEM;
	}
	d->modify_is_update = update;
	d->modify_is_refresh = refresh;
	if (!update)
		d->invite_cseq = nta_outgoing_cseq(d->modify_out);
	if (text[0])
		fsm_event(&d->oa, OA_SENT, NULL);
	return 0;
}

static void refused(struct sip_dialog *d, struct q850_cause cause)
{
	fsm_event(&d->oa, OA_REMOTE_REFUSE, NULL);
	d->local = d->agreed;
	d->glare_tries = 0;
	if (!d->modify_is_refresh)
		sip_up_refuse(d->call, cause);
}

static void glare_over(struct loop_timer *timer, void *arg)
{
	struct sip_dialog *d = arg;

	(void)timer;
	if (d->call->fsm.state == CALL_ENDED)
		return;
	if (d->modify_in || d->modify_out || !fsm_event(&d->oa, OA_LOCAL_OFFER, NULL)) {
		loop_timer_start(d->call->stack->cfg.loop, &d->glare, 500000, glare_over, d);
		return;
	}
	d->local = d->wanted;
	if (sip_dialog_modify(d, false) < 0)
		refused(d, q850(Q850_TEMPORARY_FAILURE, Q850_LOC_PRIVATE_LOCAL));
}

/* RFC 3261 14.1: the owner of the Call-ID waits 2.1 to 4 s, the other 0 to 2 s, in steps of 10 ms.
 */
static uint64_t glare_wait_us(const struct sip_dialog *d)
{
	uint64_t steps = d->call->incoming ? sip_random() % 201 : 210 + sip_random() % 191;

	return steps * 10000;
}

static void crossed(struct sip_dialog *d)
{
	counter_inc(&d->call->stack->counters.glare);
	if (d->modify_is_refresh || ++d->glare_tries > SIP_GLARE_TRIES) {
		refused(d, q850(Q850_TEMPORARY_FAILURE, Q850_LOC_BEYOND_INTERWORKING));
		sip_timer_start(d);
		return;
	}
	d->wanted = d->local;
	fsm_event(&d->oa, OA_REMOTE_REFUSE, NULL);
	loop_timer_start(d->call->stack->cfg.loop, &d->glare, glare_wait_us(d), glare_over, d);
}

static void accepted(struct sip_dialog *d, const sip_t *sip)
{
	enum oa_result result = OA_NOTHING;
	const char *why;

	d->glare_tries = 0;
	nta_leg_client_reroute(d->leg, sip->sip_record_route, sip->sip_contact, 0);
	sip_dialog_peer(d, sip);
	sip_timer_accepted(d, sip);
	party_in(d, sip);
	if (d->oa.state == OA_OURS_SENT)
		result = sip_oa_answer_in(d, sip, true, &why);
	if (!d->modify_is_update)
		sip_uac_ack(d);
	if (result == OA_BAD)
		lose(d, q850(Q850_INCOMPATIBLE_DESTINATION, Q850_LOC_PRIVATE_LOCAL));
	else if (d->oa.state == OA_OURS_SENT) /* a 2xx that owes its answer */
		refused(d, q850(Q850_PROTOCOL_ERROR, Q850_LOC_BEYOND_INTERWORKING));
}

/* Its connection was dead: once more on another, with the same offer. */
static bool goes_again(struct sip_dialog *d, const sip_t *sip, unsigned status)
{
	struct media_desc offer = d->local;
	bool offered = d->oa.state == OA_OURS_SENT;

	if (d->modify_again || !sip_is_broken_connection(d->call->trunk, sip, status))
		return false;
	d->modify_again = true;
	if (offered)
		fsm_event(&d->oa, OA_REMOTE_REFUSE, NULL);
	if (offered && !d->modify_is_refresh) {
		fsm_event(&d->oa, OA_LOCAL_OFFER, NULL);
		d->local = offer;
	}
	return sip_dialog_modify(d, d->modify_is_refresh) >= 0;
}

static int modified(void *magic, nta_outgoing_t *orq, const sip_t *sip)
{
	struct sip_dialog *d = magic;
	unsigned status = (unsigned)nta_outgoing_status(orq);
	struct q850_cause none = q850(Q850_INTERWORKING, Q850_LOC_BEYOND_INTERWORKING);

	if (status < 200)
		return 0;
	d->modify_out = NULL;
	sip_count_failure(d->call->stack, sip, status);
	if (goes_again(d, sip, status))
		goto out;
	d->modify_again = false;
	if (status < 300 && sip)
		accepted(d, sip);
	else if (status == 491)
		crossed(d);
	else if (status == 422 && sip && sip->sip_min_se && d->modify_is_refresh) {
		refused(d, none);
		sip_timer_too_small(d, (unsigned)sip->sip_min_se->min_delta);
	} else if (status == 408 || status == 481 ||
		   !sip) /* RFC 3261 12.2.1.2: the dialog is gone */
		lose(d, sip_cause_of(d->call->trunk, sip, status, none));
	else
		refused(d, sip_cause_of(d->call->trunk, sip, status, none));
out:
	nta_outgoing_destroy(orq); /* after the ACK, which looks for it */
	return 0;
}

int sip_call_info_dtmf(struct sip_call *call, unsigned event, unsigned duration_ms)
{
	static const char signals[] = "0123456789*#ABCD";
	struct sip_dialog *d = call->dialog;
	char body[64];
	nta_outgoing_t *orq;

	if (!d || call->fsm.state != CALL_CONFIRMED || event >= sizeof(signals) - 1)
		return -EPROTO;
	snprintf(body, sizeof(body), "Signal=%c\r\nDuration=%u\r\n", signals[event], duration_ms);
	orq = nta_outgoing_tcreate(d->leg, NULL, NULL, sip_dialog_hop(d), SIP_METHOD_INFO, NULL,
				   SIPTAG_CONTENT_TYPE_STR("application/dtmf-relay"),
				   SIPTAG_PAYLOAD_STR(body),
				   SIPTAG_USER_AGENT_STR(call->stack->user_agent), TAG_END());
	nta_outgoing_destroy(orq);
	return orq ? 0 : -ENOMEM;
}
