/* SPDX-License-Identifier: GPL-2.0-only */
/* New calls that are refused before anything is made of them. The refusal keeps no state, as RFC
 * 3261 8.2.7 allows: the tag is made from the request, ACKs are let go, and a repetition is
 * answered in the same way. That costs a parse and a sendto(), and a flood holds no memory. Which
 * INVITEs were refused is remembered in a table of fixed size: what was refused once is not taken
 * when it is repeated, as its sender may have heard the refusal by then. */
#include "trunk/sip_identity.h"
#include "trunk/sip_private.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SCREENS_US 1000000 /* after the last refusal */

/* ---- Emergency calls ---- */

/* RFC 4412 12.6 (ets, wps), RFC 7135 (esnet): namespaces of emergency services. */
static bool is_of_emergency(const char *value)
{
	static const char *const namespaces[] = { "esnet.", "ets.", "wps." };

	for (const char *at = value; at && *at; at = strchr(at, ',')) {
		at += strspn(at, ", \t");
		for (size_t i = 0; i < sizeof(namespaces) / sizeof(namespaces[0]); i++)
			if (strncasecmp(at, namespaces[i], strlen(namespaces[i])) == 0)
				return true;
	}
	return false;
}

static bool has_resource_priority(const sip_t *sip)
{
	for (const sip_unknown_t *u = sip->sip_unknown; u; u = u->un_next)
		if (strcasecmp(u->un_name, "Resource-Priority") == 0 &&
		    is_of_emergency(u->un_value))
			return true;
	return false;
}

bool sip_is_emergency(const sip_t *sip)
{
	if (sip_is_emergency_urn(sip->sip_request->rq_url))
		return true;
	if (sip->sip_priority && sip->sip_priority->g_string &&
	    strcasecmp(sip->sip_priority->g_string, "emergency") == 0)
		return true;
	return has_resource_priority(sip);
}

/* ---- What was refused ---- */

/* FNV-1a: whoever could make two collide may as well send one INVITE twice. */
static uint64_t mix(uint64_t hash, struct sip_text text)
{
	for (size_t i = 0; i < text.length; i++)
		hash = (hash ^ (uint8_t)text.at[i]) * 0x100000001b3u;
	return (hash ^ 0xff) * 0x100000001b3u;
}

uint64_t sip_refusal_hash(const struct sip_stack *stack, const struct sip_refusal_key *key)
{
	uint64_t hash = mix(0xcbf29ce484222325u ^ stack->secret, key->call_id);

	hash = mix(hash, key->from_tag);
	hash = mix(hash, key->branch);
	return (hash ^ key->cseq) * 0x100000001b3u;
}

static struct sip_text text_of(const char *text)
{
	return (struct sip_text){ text ? text : "", text ? strlen(text) : 0 };
}

static uint64_t hash_of(const struct sip_stack *stack, const sip_t *sip)
{
	return sip_refusal_hash(
		stack, &(struct sip_refusal_key){
			       .call_id = text_of(sip->sip_call_id->i_id),
			       .from_tag = text_of(sip->sip_from->a_tag),
			       .branch = text_of(sip->sip_via ? sip->sip_via->v_branch : NULL),
			       .cseq = sip->sip_cseq->cs_seq });
}

static struct q850_cause refused_before(const struct sip_stack *stack, uint64_t hash)
{
	const struct sip_refusal *r = &stack->refusals[hash % SIP_REFUSALS];

	if (r->invite == hash && r->until_us > loop_now_us(stack->cfg.loop))
		return r->cause;
	return q850(0, 0);
}

static void remember(struct sip_stack *stack, uint64_t hash, struct q850_cause cause)
{
	stack->screens_until_us = loop_now_us(stack->cfg.loop) + SCREENS_US;
	stack->refusals[hash % SIP_REFUSALS] =
		(struct sip_refusal){ .invite = hash,
				      .until_us = loop_now_us(stack->cfg.loop) + SIP_T1X64_US,
				      .cause = cause };
}

/* The places where an INVITE with this hash may be found. */
static struct sip_admission *ways_of(struct sip_stack *stack, uint64_t hash)
{
	return &stack->admissions[hash % (SIP_ADMISSIONS / SIP_ADMISSION_WAYS) *
				  SIP_ADMISSION_WAYS];
}

/* It is of the call that it began: a 503 would end that for its caller, and not here. */
static bool admitted_before(struct sip_stack *stack, uint64_t hash)
{
	const struct sip_admission *ways = ways_of(stack, hash);

	for (unsigned i = 0; i < SIP_ADMISSION_WAYS; i++)
		if (ways[i].invite == hash && ways[i].until_us > loop_now_us(stack->cfg.loop))
			return true;
	return false;
}

static void remember_admission(struct sip_stack *stack, uint64_t hash)
{
	struct sip_admission *ways = ways_of(stack, hash), *oldest = ways;

	for (unsigned i = 1; i < SIP_ADMISSION_WAYS; i++)
		if (ways[i].until_us < oldest->until_us)
			oldest = &ways[i];
	*oldest = (struct sip_admission){ .invite = hash,
					  .until_us = loop_now_us(stack->cfg.loop) + SIP_T1X64_US };
}

/* ---- The decision ---- */

static struct q850_cause why_refused(struct sip_trunk *trunk, bool emergency,
				     const struct party *called)
{
	struct sip_stack *stack = trunk->stack;
	struct q850_cause congested = q850(Q850_CONGESTION, Q850_LOC_PRIVATE_LOCAL);

	if (stack->refuse.value)
		return stack->refuse;
	if (trunk->refuse.value)
		return trunk->refuse;
	if (trunk->retired)
		return congested;
	if (!stack->ops->admit || emergency || stack->ops->admit(trunk, called, stack->arg))
		return q850(0, 0);
	return congested;
}

struct q850_cause sip_refusal(struct sip_trunk *trunk, uint64_t hash, bool emergency,
			      const struct party *called)
{
	struct sip_stack *stack = trunk->stack;
	struct q850_cause cause = refused_before(stack, hash);

	if (cause.value || admitted_before(stack, hash))
		return cause;
	cause = why_refused(trunk, emergency, called);
	if (!cause.value) {
		remember_admission(stack, hash);
		return cause;
	}
	counter_inc(&stack->counters.refused_overload);
	remember(stack, hash, cause);
	return cause;
}

const char *sip_retry_text(const struct sip_stack *stack, unsigned status, char text[16])
{
	text[0] = '\0';
	if (status == 503 && stack->retry_after_s)
		snprintf(text, 16, "%u", stack->retry_after_s);
	return text;
}

static void answer(struct sip_trunk *trunk, msg_t *msg, const sip_t *sip, uint64_t hash,
		   struct q850_cause cause)
{
	struct sip_stack *stack = trunk->stack;
	unsigned status = sip_status_of(trunk, cause);
	char reason[SIP_HEADER_MAX], retry[16], tag[24];
	sip_to_t *to = sip_to_dup(msg_home(msg), sip->sip_to);

	snprintf(tag, sizeof(tag), "%016llx", (unsigned long long)hash);
	if (!to || sip_to_tag(msg_home(msg), to, tag) < 0) {
		nta_msg_discard(trunk->interface->agent, msg);
		return;
	}
	sip_retry_text(stack, status, retry);
	nta_msg_treply(trunk->interface->agent, msg, (int)status, sip_phrase(status), SIPTAG_TO(to),
		       SIPTAG_SERVER_STR(stack->user_agent),
		       SIPTAG_REASON_STR(sip_reason_text(cause, reason)),
		       TAG_IF(retry[0], SIPTAG_RETRY_AFTER_STR(retry)), TAG_END());
}

bool sip_refuse_early(struct sip_trunk *trunk, msg_t *msg, const sip_t *sip)
{
	struct sip_stack *stack = trunk->stack;
	struct party called = { 0 };
	struct q850_cause cause;
	uint64_t hash;

	if (sip->sip_request->rq_method != sip_method_invite || sip->sip_to->a_tag)
		return false;
	sip_identity_read_called(sip, &called);
	hash = hash_of(stack, sip);
	cause = sip_refusal(trunk, hash, sip_is_emergency(sip), &called);
	if (!cause.value)
		return false;
	answer(trunk, msg, sip, hash, cause);
	return true;
}
