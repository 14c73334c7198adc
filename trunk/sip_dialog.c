/* SPDX-License-Identifier: GPL-2.0-only */
/* Requests inside a dialog, both ways: BYE, re-INVITE, UPDATE, INFO, and what of a message changes the dialog itself. */
#include "trunk/sip_identity.h"
#include "trunk/sip_private.h"

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

void sip_dialog_bye(struct sip_dialog *d, struct q850_cause cause)
{
	char reason[SIP_HEADER_MAX];
	nta_outgoing_t *orq;

	if (!d || !d->leg)
		return;
	orq = nta_outgoing_tcreate(d->leg, NULL, NULL, NULL, SIP_METHOD_BYE, NULL,
				   SIPTAG_REASON_STR(sip_reason_text(cause, reason)),
				   SIPTAG_USER_AGENT_STR(d->call->stack->user_agent), TAG_END());
	nta_outgoing_destroy(orq); /* Sofia repeats it until it is answered */
}

/* ---- Requests from the peer ---- */

static int bye_in(struct sip_dialog *d, nta_incoming_t *irq, const sip_t *sip)
{
	struct call_bye bye = { .irq = irq, .sip = sip };

	sip_reply(irq, 200, SIPTAG_SERVER_STR(d->call->stack->user_agent), TAG_END());
	fsm_event(&d->call->fsm, CE_BYE, &bye);
	return 200;
}

static int refuse_in(struct sip_dialog *d, nta_incoming_t *irq, unsigned status)
{
	sip_reply(irq, status, SIPTAG_ALLOW_STR(SIP_ALLOW), SIPTAG_SERVER_STR(d->call->stack->user_agent), TAG_END());
	return (int)status;
}

int sip_dialog_request(struct sip_dialog *d, nta_leg_t *leg, nta_incoming_t *irq, const sip_t *sip)
{
	(void)leg;
	switch ((int)sip->sip_request->rq_method) {
	case sip_method_ack:
		return 200; /* not answered; of a transaction that is over */
	case sip_method_bye:
		return bye_in(d, irq, sip);
	default:
		return refuse_in(d, irq, 501);
	}
}

int sip_dialog_modify(struct sip_dialog *d, bool refresh)
{
	(void)d;
	(void)refresh;
	return -EPROTO;
}

void sip_dialog_answer_modify(struct sip_dialog *d, unsigned status)
{
	(void)d;
	(void)status;
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
	orq = nta_outgoing_tcreate(d->leg, NULL, NULL, NULL, SIP_METHOD_INFO, NULL,
				   SIPTAG_CONTENT_TYPE_STR("application/dtmf-relay"), SIPTAG_PAYLOAD_STR(body),
				   SIPTAG_USER_AGENT_STR(call->stack->user_agent), TAG_END());
	nta_outgoing_destroy(orq);
	return orq ? 0 : -ENOMEM;
}
