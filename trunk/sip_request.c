/* SPDX-License-Identifier: GPL-2.0-only */
/* Requests that belong to no dialog: OPTIONS, new INVITEs and their checks (RFC 3261 8.2), strays.
 */
#include "trunk/sip_identity.h"
#include "trunk/sip_call_private.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define STR_IF(text, tag) TAG_IF((text)[0], tag(text))

/* ---- What every request with a body or demands must be ---- */

static bool is_known_body(const sip_t *sip)
{
	const sip_content_type_t *type = sip->sip_content_type;

	if (!sip->sip_payload || !sip->sip_payload->pl_len)
		return true;
	if (!type || !type->c_type)
		return false;
	return strcasecmp(type->c_type, "application/sdp") == 0 ||
	       strncasecmp(type->c_type, "multipart/", 10) == 0;
}

static bool is_plain_coding(const sip_t *sip)
{
	const sip_content_encoding_t *e = sip->sip_content_encoding;

	for (const msg_param_t *item = e ? e->k_items : NULL; item && *item; item++)
		if (strcasecmp(*item, "identity") != 0)
			return false;
	return true;
}

static bool we_have(const struct sip_trunk *trunk, const char *option)
{
	return strcasecmp(option, "timer") == 0 ||
	       (strcasecmp(option, "100rel") == 0 && trunk->conf->prack);
}

void sip_missing_options(const struct sip_trunk *trunk, const sip_t *sip,
			 char text[SIP_HEADER_MAX])
{
	size_t n = 0;

	text[0] = '\0';
	for (const sip_require_t *r = sip->sip_require; r; r = (const sip_require_t *)r->k_next)
		for (const msg_param_t *item = r->k_items; item && *item; item++) {
			size_t length = strlen(*item);

			if (we_have(trunk, *item) || n + length + 3 > SIP_HEADER_MAX)
				continue;
			n += (size_t)snprintf(text + n, SIP_HEADER_MAX - n, "%s%s", n ? ", " : "",
					      *item);
		}
}

unsigned sip_request_check(const struct sip_trunk *trunk, const sip_t *sip, const char **why)
{
	char missing[SIP_HEADER_MAX];

	if (sip->sip_contact && sip->sip_contact->m_url->url_type == url_any) {
		*why = "Contact is *"; /* RFC 3261 20.10: of REGISTER only */
		return 400;
	}
	sip_missing_options(trunk, sip, missing);
	if (missing[0]) {
		*why = "required extension not supported";
		return 420;
	}
	if (!is_plain_coding(sip) || !is_known_body(sip)) {
		*why = "body is no application/sdp";
		return 415;
	}
	return 0;
}

/* ---- INVITE ---- */

static bool is_callable(const url_t *url)
{
	return url->url_type == url_sip || url->url_type == url_sips || url->url_type == url_tel ||
	       sip_is_emergency_urn(url);
}

static void refuse(struct sip_trunk *trunk, nta_incoming_t *irq, const sip_t *sip, unsigned status,
		   const char *why)
{
	char warning[SIP_HEADER_MAX] = "", missing[SIP_HEADER_MAX] = "";

	if (status == 420)
		sip_missing_options(trunk, sip, missing);
	if (why[0])
		sip_warning_text(trunk, why, warning);
	sip_reply(irq, status, SIPTAG_SERVER_STR(trunk->stack->user_agent),
		  STR_IF(warning, SIPTAG_WARNING_STR), STR_IF(missing, SIPTAG_UNSUPPORTED_STR),
		  TAG_IF(status == 422, SIPTAG_MIN_SE_STR(SIP_MIN_SE)),
		  TAG_IF(status == 415, SIPTAG_ACCEPT_STR("application/sdp")),
		  TAG_IF(status == 415, SIPTAG_ACCEPT_ENCODING_STR("identity")), TAG_END());
}

static void refuse_cause(struct sip_trunk *trunk, nta_incoming_t *irq, struct q850_cause cause)
{
	char reason[SIP_HEADER_MAX];

	counter_inc(&trunk->stack->counters.refused_overload);
	sip_reply(irq, sip_status_of(trunk, cause), SIPTAG_SERVER_STR(trunk->stack->user_agent),
		  SIPTAG_REASON_STR(sip_reason_text(cause, reason)), TAG_END());
}

static unsigned check_invite(const struct sip_trunk *trunk, const sip_t *sip, const char **why)
{
	struct sip_dialog probe = { 0 };
	unsigned status;

	if (sip->sip_max_forwards && sip->sip_max_forwards->mf_count == 0)
		return 483;
	if (!is_callable(sip->sip_request->rq_url))
		return 416;
	if (!sip->sip_contact) {
		*why = "no Contact";
		return 400;
	}
	if (!sip->sip_from->a_tag || strlen(sip->sip_from->a_tag) >= sizeof(probe.tag)) {
		*why = "no usable From tag";
		return 400;
	}
	if (strlen(sip->sip_call_id->i_id) >= sizeof(((struct sip_call *)0)->key)) {
		*why = "Call-ID too long";
		return 400;
	}
	status = sip_request_check(trunk, sip, why);
	if (status)
		return status;
	status = sip_oa_check(sip, why);
	if (status)
		counter_inc(&trunk->stack->counters.bad_sdp);
	return status ? status : sip_timer_request(&probe, sip);
}

static bool is_emergency(struct sip_trunk *trunk, const sip_t *sip)
{
	const struct sip_stack *stack = trunk->stack;
	struct party called = { 0 };

	if (sip_is_emergency(sip) || !stack->ops->emergency)
		return sip_is_emergency(sip);
	sip_identity_read_called(sip, &called);
	return stack->ops->emergency(trunk, &called, stack->arg);
}

static bool is_full(struct sip_trunk *trunk, const sip_t *sip)
{
	return trunk->conf->max_calls && trunk->calls >= trunk->conf->max_calls &&
	       !is_emergency(trunk, sip);
}

static void invite_in(struct sip_trunk *trunk, nta_incoming_t *irq, const sip_t *sip)
{
	const char *why = "";
	unsigned status = check_invite(trunk, sip, &why);

	if (status)
		refuse(trunk, irq, sip, status, why);
	else if (is_full(trunk, sip))
		refuse_cause(trunk, irq, q850(Q850_CONGESTION, Q850_LOC_PRIVATE_LOCAL));
	else
		sip_uas_invite(trunk, irq, sip);
}

/* ---- All ---- */

static void options_in(struct sip_trunk *trunk, nta_incoming_t *irq)
{
	char contact[SIP_HEADER_MAX], retry[16];
	bool takes_calls = !trunk->stack->refuse.value && !trunk->refuse.value && !trunk->retired;

	sip_retry_text(trunk->stack, takes_calls ? 200 : 503, retry);
	sip_reply(irq, takes_calls ? 200 : 503, SIPTAG_ALLOW_STR(SIP_ALLOW),
		  TAG_IF(retry[0], SIPTAG_RETRY_AFTER_STR(retry)),
		  SIPTAG_SERVER_STR(trunk->stack->user_agent), SIPTAG_ACCEPT_STR("application/sdp"),
		  SIPTAG_ACCEPT_ENCODING_STR("identity"), SIPTAG_SUPPORTED_STR(SIP_SUPPORTED),
		  SIPTAG_CONTACT_STR(sip_own_contact(trunk, contact)), TAG_END());
}

static unsigned stray_status(const sip_t *sip)
{
	switch ((int)sip->sip_request->rq_method) {
	case sip_method_invite: /* with a To tag of no dialog of ours */
	case sip_method_bye:
	case sip_method_cancel:
	case sip_method_prack:
	case sip_method_update:
	case sip_method_info:
	case sip_method_options: /* with a To tag, too */
		return 481;
	case sip_method_unknown:
		return 501;
	default:
		return 405;
	}
}

void sip_request_in(struct sip_trunk *trunk, nta_incoming_t *irq, const sip_t *sip)
{
	if (sip->sip_request->rq_method == sip_method_options && !sip->sip_to->a_tag)
		options_in(trunk, irq);
	else if (sip->sip_request->rq_method == sip_method_invite && !sip->sip_to->a_tag)
		invite_in(trunk, irq, sip);
	else
		sip_reply(irq, stray_status(sip), SIPTAG_ALLOW_STR(SIP_ALLOW),
			  SIPTAG_SERVER_STR(trunk->stack->user_agent), TAG_END());
}
