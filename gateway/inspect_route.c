/* SPDX-License-Identifier: GPL-2.0-only */
/* A number's way through the tables without a call: the same decisions in the same order as
 * call_walk.c takes them. */
#include "gateway/inspect.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct walk {
	const struct gateway *gateway;
	json_t *steps;
	const char *of;           /* what the steps to come are about: "called", "calling" */
	const char *gateway_name; /* that is translated for; NULL: none yet */
	unsigned left_out;
	struct party_number called, calling;
};

static const char *const step_names[] = {
	[DP_STEP_NORMALIZE] = "normalize", [DP_STEP_POLICY] = "policy",
	[DP_STEP_USAGE] = "usage",         [DP_STEP_ROUTE] = "route",
	[DP_STEP_GATEWAY] = "gateway",     [DP_STEP_TRANSLATE] = "translate",
};

static void add_step(void *arg, const struct dp_explanation *e)
{
	struct walk *walk = arg;

	if (json_array_size(walk->steps) >= INSPECT_STEPS_MAX && !e->matched) {
		walk->left_out++;
		return;
	}
	json_array_append_new(walk->steps,
			      json_pack("{s:s, s:s, s:o, s:b, s:o, s:o, s:o, s:o, s:o}", "step",
					step_names[e->step], "of", walk->of, "for",
					inspect_text(walk->gateway_name), "matched", e->matched,
					"table", inspect_text(e->table), "object",
					inspect_text(e->object), "before", inspect_text(e->before),
					"after", inspect_text(e->after), "why",
					inspect_text(e->why)));
}

/* A local number in SIP has no numbering plan; an exchange's has. */
static void set_number(struct party_number *number, const char *digits, int type, bool from_trunk)
{
	*number = (struct party_number){ .present = digits[0] != '\0',
					 .type = (uint8_t)type,
					 .plan = from_trunk && type == NUMBER_UNKNOWN ? PLAN_UNKNOWN
										      : PLAN_ISDN };
	snprintf(number->digits, sizeof(number->digits), "%s", digits);
}

static void normalize(struct walk *walk, const char *of, const char *dial_plan,
		      struct party_number *number)
{
	struct dp_explain explain = { .step = add_step, .arg = walk };

	walk->of = of;
	dialplan_normalize(walk->gateway->plan, dial_plan, number, number, &explain);
}

/* What the caller's number is on this way: Lync's SuppressCallerId and alternate caller id. */
static struct party_number shown_caller(const struct walk *walk,
					const struct dp_candidate *candidate)
{
	struct party_number number = walk->calling;

	if (candidate->suppress_caller_id && candidate->alternate_caller_id)
		set_number(&number, candidate->alternate_caller_id, NUMBER_INTERNATIONAL, false);
	else if (candidate->suppress_caller_id)
		number.presentation = PRESENTATION_RESTRICTED;
	return number;
}

/* The tables name what this machine hasn't got; another of the cluster may. */
static json_t *unknown_object(const struct dp_candidate *candidate)
{
	return json_pack("{s:o, s:o, s:s, s:s, s:b, s:o, s:n, s:n}", "route",
			 inspect_text(candidate->route), "usage", inspect_text(candidate->usage),
			 "gateway", candidate->member, "kind", "unknown", "available", false,
			 "unavailable_cause", inspect_cause(leg_cause_of(-ENXIO)), "called_sent",
			 "calling_sent");
}

static json_t *candidate_object(struct walk *walk, const struct dp_candidate *candidate)
{
	const struct endpoint *egress = gateway_endpoint(walk->gateway, candidate->member);
	struct dp_explain explain = { .step = add_step, .arg = walk };
	struct party_number called = walk->called, calling = shown_caller(walk, candidate);
	int available;

	if (!egress)
		return unknown_object(candidate);
	available = egress->available ? egress->available(egress) : 0;
	walk->gateway_name = egress->name;
	walk->of = "called";
	dialplan_translate(walk->gateway->plan, egress->called_translation, &called, &called,
			   &explain);
	walk->of = "calling";
	if (calling.digits[0])
		dialplan_translate(walk->gateway->plan, egress->calling_translation, &calling,
				   &calling, &explain);
	return json_pack(
		"{s:o, s:o, s:s, s:s, s:b, s:o, s:o, s:o}", "route", inspect_text(candidate->route),
		"usage", inspect_text(candidate->usage), "gateway", egress->name, "kind",
		egress->kind, "available", available == 0, "unavailable_cause",
		available ? inspect_cause(leg_cause_of(available)) : json_null(), "called_sent",
		inspect_number(&called), "calling_sent", inspect_number(&calling));
}

json_t *inspect_route(struct gateway *gateway, const struct endpoint *ingress, const char *called,
		      int type, const char *calling)
{
	struct walk walk = { .gateway = gateway, .steps = json_array() };
	struct dp_explain explain = { .step = add_step, .arg = &walk };
	struct dp_request request = { .policy = ingress->policy };
	json_t *candidates = json_array();
	struct dp_decision decision = { .count = 0 };
	bool from_trunk = strcmp(ingress->kind, "trunk") == 0;

	set_number(&walk.called, called, type, from_trunk);
	set_number(&walk.calling, calling, inspect_number_type("", calling), from_trunk);
	normalize(&walk, "called", ingress->dial_plan, &walk.called);
	if (walk.calling.digits[0])
		normalize(&walk, "calling", ingress->calling_dial_plan, &walk.calling);
	request.called = walk.called.digits;
	request.calling = walk.calling.digits;
	walk.of = "called";
	dialplan_route(gateway->plan, &request, &decision, &explain);
	for (size_t i = 0; i < decision.count; i++)
		json_array_append_new(candidates, candidate_object(&walk, &decision.candidates[i]));
	return json_pack("{s:o, s:o, s:s, s:o, s:o, s:b, s:o, s:I, s:o}", "called",
			 inspect_text(called), "calling", inspect_text(calling), "from",
			 ingress->name, "called_normalized", inspect_number(&walk.called),
			 "calling_normalized", inspect_number(&walk.calling), "emergency",
			 decision.emergency, "steps", walk.steps, "steps_left_out",
			 (json_int_t)walk.left_out, "candidates", candidates);
}
