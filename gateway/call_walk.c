/* SPDX-License-Identifier: GPL-2.0-only */
/* Where a call goes: numbers into E.164 by the ingress' dial plans, candidates from the routes, and
 * the walk through them. */
#include "gateway/call_private.h"

#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define Q850_EXCHANGE_ROUTING_ERROR 25 /* what 483 Too Many Hops is, RFC 3398 8.2.6.1 */

static struct q850_cause own(uint8_t value)
{
	return q850(value, Q850_LOC_PRIVATE_LOCAL);
}

/* ---- Routing ---- */

struct finding {
	struct call *call;
	bool policy, route;
};

/* What the dial plan says as it decides: the steps that led on become notes of the ladder. */
static void explained(void *arg, const struct dp_explanation *e)
{
	struct finding *finding = arg;

	if (!e->matched)
		return;
	if (e->step == DP_STEP_POLICY)
		finding->policy = true;
	if (e->step == DP_STEP_ROUTE) {
		finding->route = true;
		call_note(finding->call, "route %s", e->object ? e->object : "?");
	}
}

static void note_number(struct call *call, const char *whose, const struct party_number *from,
			const struct party_number *to, const char *by)
{
	if (strcmp(from->digits, to->digits) != 0)
		call_note(call, "%s %s becomes %s (%s)", whose, from->digits, to->digits, by);
	else if (from->digits[0])
		call_note(call, "%s %s", whose, from->digits);
}

static void normalize(struct call *call, const char *whose, const char *dial_plan,
		      const struct party_number *in, struct party_number *out)
{
	*out = *in;
	if (call->plan && dialplan_normalize(call->plan, dial_plan, in, out, NULL) < 0)
		*out = *in;
	note_number(call, whose, in, out, dial_plan ? dial_plan : "no dial plan");
}

struct q850_cause call_route(struct call *call)
{
	const struct endpoint *ingress = call->ingress;
	struct finding finding = { .call = call };
	struct dp_explain explain = { .step = explained, .arg = &finding, .matches_only = true };
	struct dp_request request = { .policy = ingress->policy };

	normalize(call, "called", ingress->dial_plan, &call->info.called.number,
		  &call->called_normalized);
	normalize(call, "calling", ingress->calling_dial_plan, &call->info.calling.number,
		  &call->calling_normalized);
	if (!call->called_normalized.digits[0])
		return own(Q850_INVALID_NUMBER);
	if (call->info.hops_left == 1) /* the next hop would have to refuse it (RFC 3261 16.3) */
		return own(Q850_EXCHANGE_ROUTING_ERROR);
	request.called = call->called_normalized.digits;
	request.calling = call->calling_normalized.digits;
	if (!call->plan || dialplan_route(call->plan, &request, &call->decision, &explain) < 0 ||
	    call->decision.count == 0) {
		call->gateway->counters.no_route++;
		call_note(call, "no route for %s", request.called);
		/* The number leads nowhere, or (no policy, no gateway) we have no way to it:
		 * Q.850 2.2.7.1.1, 2.2.7.1.3. */
		return own(finding.policy && !finding.route ? Q850_UNALLOCATED : Q850_NO_ROUTE);
	}
	call->emergency = call->info.emergency || call->decision.emergency;
	call->times.routed_us = call_now_us(call);
	return own(0);
}

/* ---- Numbers for an egress ---- */

static void translate(struct call *call, const char *translation, struct party_number *number)
{
	struct party_number in = *number;

	if (!call->plan || dialplan_translate(call->plan, translation, &in, number, NULL) < 0)
		*number = in;
}

void call_cross_number(struct call *call, const struct endpoint *from, const struct endpoint *to,
		       struct party_number *number)
{
	struct party_number in = *number;

	if (!number->digits[0] || !call->plan)
		return;
	if (dialplan_normalize(call->plan, from->calling_dial_plan, &in, number, NULL) < 0)
		*number = in;
	translate(call, to->calling_translation, number);
}

/* Lync's SuppressCallerId: the caller's number is withheld, or another one stands for it. */
static void suppress_caller(struct leg_info *info, const char *alternate)
{
	info->calling.second = (struct party_number){ 0 };
	info->calling.name[0] = 0;
	if (alternate) {
		info->calling.number = (struct party_number){ .type = NUMBER_INTERNATIONAL,
							      .plan = PLAN_ISDN,
							      .present = true };
		snprintf(info->calling.number.digits, NUMBER_DIGITS, "%s", alternate);
		return;
	}
	info->calling.number.presentation = PRESENTATION_RESTRICTED;
	info->calling.name_restricted = true;
}

static void info_for(struct call *call, const struct dp_candidate *candidate,
		     const struct endpoint *egress, struct leg_info *info)
{
	*info = call->info;
	info->called.number = call->called_normalized;
	translate(call, egress->called_translation, &info->called.number);
	info->calling.number = call->calling_normalized;
	if (candidate->suppress_caller_id)
		suppress_caller(info, candidate->alternate_caller_id);
	if (info->calling.number.digits[0])
		translate(call, egress->calling_translation, &info->calling.number);
	call_cross_number(call, call->ingress, egress, &info->redirecting.number);
	info->emergency = call->emergency;
	if (info->hops_left)
		info->hops_left--;
}

/* ---- The walk ---- */

/* NULL: the tables name what this machine hasn't got; another of the cluster may. */
static struct endpoint *endpoint_of(const struct call *call, const struct dp_candidate *candidate)
{
	return gateway_endpoint(call->gateway, candidate->member);
}

static struct call_attempt *new_attempt(struct call *call, const struct dp_candidate *candidate)
{
	struct call_attempt *attempt = mem_zalloc(sizeof(*attempt));

	if (!attempt)
		return NULL;
	list_append(&call->attempts, &attempt->node);
	snprintf(attempt->route, sizeof(attempt->route), "%s",
		 candidate->route ? candidate->route : "");
	snprintf(attempt->usage, sizeof(attempt->usage), "%s",
		 candidate->usage ? candidate->usage : "");
	snprintf(attempt->gateway, sizeof(attempt->gateway), "%s", candidate->member);
	attempt->started_us = call_now_us(call);
	call->gateway->counters.attempts++;
	return attempt;
}

static void end_attempt(struct call *call, struct call_attempt *attempt, struct q850_cause cause,
			unsigned status)
{
	attempt->ended_us = call_now_us(call);
	attempt->cause = cause;
	attempt->status = status;
	call_note(call, "%s: %s (%u)", attempt->gateway, q850_cause_name(cause.value), cause.value);
}

void call_attempt_failed(struct call *call, struct q850_cause cause, unsigned status)
{
	call->last_cause = cause;
	call->status = status;
	if (!call->attempt)
		return;
	end_attempt(call, call->attempt, cause, status);
	call->attempt = NULL;
}

static int send_setup(struct call *call, struct leg *leg, const struct leg_info *info)
{
	struct leg_message setup = { .type = LEG_SETUP, .info = info };
	int rc = call->gateway->media->prepare(call->bridge, leg, &setup.media);

	return rc < 0 ? rc : leg_send(leg, &setup);
}

static int start_attempt(struct call *call, const struct dp_candidate *candidate,
			 struct endpoint *egress, struct call_attempt *attempt)
{
	struct leg_info info;
	struct leg *leg = NULL;
	const char *key;
	int rc = egress ? egress->available(egress) : -ENXIO;

	if (rc == 0)
		rc = egress->make_leg(egress, &leg);
	if (rc < 0)
		return rc;
	info_for(call, candidate, egress, &info);
	attempt->called_sent = info.called.number;
	attempt->calling_sent = info.calling.number;
	call_note(call, "to %s as %s", egress->name, attempt->called_sent.digits);
	rc = send_setup(call, leg, &info);
	if (rc < 0)
		goto fail;
	call_seat(call, leg, LEG_CALLED);
	egress->calls_out++;
	key = leg->ops->key(leg);
	snprintf(attempt->leg_key, sizeof(attempt->leg_key), "%s", key ? key : "");
	return 0;
fail:
	call->gateway->media->drop(call->bridge, leg);
	leg_destroy(&leg);
	return rc;
}

/* One candidate. A gateway that could not even be asked is recorded with the reason why. */
static bool try_candidate(struct call *call, const struct dp_candidate *candidate)
{
	struct endpoint *egress = endpoint_of(call, candidate);
	struct call_attempt *attempt = new_attempt(call, candidate);
	int rc = attempt ? start_attempt(call, candidate, egress, attempt) : -ENOMEM;

	if (rc < 0) {
		if (attempt)
			end_attempt(call, attempt, leg_cause_of(rc), 0);
		if (!call->attempted)
			call->last_cause = leg_cause_of(rc);
		return false;
	}
	call->attempt = attempt;
	call->attempted = true;
	call->answer_due_us = attempt->started_us + (uint64_t)egress->ring_timeout_s * 1000000;
	return true;
}

bool call_try_next(struct call *call)
{
	while (call->next_candidate < call->decision.count)
		if (try_candidate(call, &call->decision.candidates[call->next_candidate++]))
			return true;
	return false;
}

bool call_has_next(const struct call *call)
{
	for (size_t i = call->next_candidate; i < call->decision.count; i++) {
		const struct endpoint *egress = endpoint_of(call, &call->decision.candidates[i]);

		if (egress && egress->available(egress) == 0)
			return true;
	}
	return false;
}

void call_drop_called(struct call *call)
{
	struct leg *leg = call->seats[LEG_CALLED];

	call->gateway->media->drop(call->bridge, leg);
	if (leg->released) {
		call_leg_free(call, &leg);
		return;
	}
	call->seats[LEG_CALLED] = NULL;
	leg->seat = LEG_LEAVING;
	list_append(&call->leaving, &leg->node);
}
