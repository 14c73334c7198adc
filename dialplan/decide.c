/* SPDX-License-Identifier: GPL-2.0-only */
/* Which gateways a call tries: emergency routes, then the usages of the policy in order, in each
 * the routes by rank. */
#include "dialplan/plan_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHY 320

struct decision {
	const struct dialplan *plan;
	const struct dp_request *request;
	const struct plan_policy *policy;
	struct dp_decision *out;
	const struct dp_explain *explain;
	struct matcher *matcher;
};

static void tell(const struct decision *d, enum dp_step step, bool matched, const char *table,
		 const char *object, const char *why)
{
	plan_explain(d->explain, &(struct dp_explanation){ .step = step,
							   .matched = matched,
							   .table = table,
							   .object = object,
							   .before = d->request->called,
							   .why = why });
}

/* ---- A route's gateways ---- */

/* A stride through 0…total-1 that meets each once and jumps far, so that 3:1 becomes a a b a and
 * not a a a b. */
static unsigned spread(unsigned turn, unsigned total)
{
	unsigned stride = (unsigned)((uint64_t)total * 618 / 1000), a, b;

	for (stride += !stride;; stride++) {
		for (a = total, b = stride; b;) {
			unsigned rest = a % b;

			a = b;
			b = rest;
		}
		if (a == 1)
			return (unsigned)((uint64_t)(turn % total) * stride % total);
	}
}

static const struct dp_candidate *earlier_candidate(const struct dp_decision *decision,
						    const char *member)
{
	for (size_t i = 0; i < decision->count; i++)
		if (decision->candidates[i].member == member)
			return &decision->candidates[i];
	return NULL;
}

static void add_candidate(struct decision *d, const struct plan_route *route, const char *usage,
			  const struct plan_gateway *gateway)
{
	const struct dp_candidate *earlier = earlier_candidate(d->out, gateway->member);
	char why[WHY];

	if (earlier) {
		snprintf(why, sizeof(why), "is tried already for route %s", earlier->route);
		tell(d, DP_STEP_GATEWAY, false, route->name, gateway->member, why);
		return;
	}
	if (d->out->count == DP_CANDIDATES_MAX) {
		snprintf(why, sizeof(why), "a call tries at most %d gateways", DP_CANDIDATES_MAX);
		tell(d, DP_STEP_GATEWAY, false, route->name, gateway->member, why);
		return;
	}
	d->out->candidates[d->out->count++] = (struct dp_candidate){
		.route = route->name,
		.usage = usage,
		.gateway = gateway->index,
		.member = gateway->member,
		.suppress_caller_id = route->suppress_caller_id,
		.alternate_caller_id = route->alternate_caller_id,
	};
	if (gateway->name == gateway->member) {
		tell(d, DP_STEP_GATEWAY, true, route->name, gateway->member, NULL);
	} else if (d->explain && d->explain->step) {
		snprintf(why, sizeof(why), "as a member of %s", gateway->name);
		tell(d, DP_STEP_GATEWAY, true, route->name, gateway->member, why);
	}
}

/* By lot, with exact shares: the first falls into the interval of its weight, the others by the
 * same lot among those that are left. */
static void add_weighted(struct decision *d, const struct plan_route *route, const char *usage,
			 unsigned turn)
{
	unsigned left = route->total_weight, lot = spread(turn, left);
	uint64_t taken[ROUTE_GATEWAYS_MAX / 64] = { 0 };

	for (size_t n = 0; n < route->gateway_count; n++) {
		unsigned at = lot % left;
		size_t i;

		for (i = 0; i < route->gateway_count; i++) {
			if (taken[i / 64] >> (i % 64) & 1)
				continue;
			if (at < route->gateways[i].weight)
				break;
			at -= route->gateways[i].weight;
		}
		taken[i / 64] |= UINT64_C(1) << (i % 64);
		left -= route->gateways[i].weight;
		add_candidate(d, route, usage, &route->gateways[i]);
	}
}

static void add_gateways(struct decision *d, const struct plan_route *route, const char *usage)
{
	size_t first = 0;
	unsigned turn = 0;

	/* Turns are the routes' only state; the snapshot stays const for everybody else. */
	if (route->selection != DP_ORDERED)
		turn = atomic_fetch_add_explicit((_Atomic unsigned *)&route->turn, 1,
						 memory_order_relaxed);
	if (route->selection == DP_WEIGHTED) {
		add_weighted(d, route, usage, turn);
		return;
	}
	if (route->selection == DP_ROUND_ROBIN)
		first = turn % route->gateway_count;
	for (size_t i = 0; i < route->gateway_count; i++)
		add_candidate(d, route, usage,
			      &route->gateways[(first + i) % route->gateway_count]);
}

/* ---- Walking routes ---- */

/* 1: it matched and its gateways are candidates, 0, -ENOMEM. */
static int try_route(struct decision *d, const struct plan_route *route, const char *usage)
{
	char why[PATTERN_LENGTH_MAX + 64];
	int rc = plan_match(d->plan, route->pattern, d->matcher, d->request->called);

	if (rc == -ELOOP) {
		tell(d, DP_STEP_ROUTE, false, usage, route->name,
		     "the pattern was given up at the match limit");
		return 0;
	}
	if (rc < 0)
		return rc;
	if (rc > 0) {
		tell(d, DP_STEP_ROUTE, true, usage, route->name, NULL);
		add_gateways(d, route, usage);
	} else if (plan_explains_all(d->explain)) {
		snprintf(why, sizeof(why), "does not match %s", pattern_text(route->pattern));
		tell(d, DP_STEP_ROUTE, false, usage, route->name, why);
	}
	return rc;
}

static int walk_indexed(struct decision *d, const struct prefix_index *index, const char *usage)
{
	struct prefix_cursor cursor;
	uint32_t rank;
	int matched = 0;

	prefix_index_find(index, d->request->called, &cursor);
	while (prefix_cursor_next(&cursor, &rank)) {
		int rc = try_route(d, &d->plan->routes[rank], usage);

		if (rc < 0)
			return rc;
		matched += rc;
	}
	return matched;
}

static bool has_usage(const struct plan_route *route, unsigned usage)
{
	for (size_t i = 0; i < route->usage_count; i++)
		if (route->usages[i] == usage)
			return true;
	return false;
}

/* The same without the index, so that each route has its say. `usage` NULL: the emergency routes.
 */
static int walk_explained(struct decision *d, const unsigned *usage)
{
	int matched = 0;

	for (size_t i = 0; i < d->plan->route_count; i++) {
		const struct plan_route *route = &d->plan->routes[i];
		int rc;

		if (usage ? route->emergency || !has_usage(route, *usage) : !route->emergency)
			continue;
		rc = try_route(d, route, usage ? d->plan->usages[*usage].name : NULL);
		if (rc < 0)
			return rc;
		matched += rc;
	}
	return matched;
}

static int walk_emergency(struct decision *d)
{
	int matched = plan_explains_all(d->explain) ? walk_explained(d, NULL)
						    : walk_indexed(d, d->plan->emergency, NULL);

	d->out->emergency = matched > 0;
	return matched < 0 ? matched : 0;
}

static int walk_usage(struct decision *d, unsigned number)
{
	const struct plan_usage *usage = &d->plan->usages[number];
	int rc;

	tell(d, DP_STEP_USAGE, usage->routes > 0, d->policy->name, usage->name,
	     usage->routes ? NULL : "no route has this usage");
	rc = plan_explains_all(d->explain) ? walk_explained(d, &number)
					   : walk_indexed(d, usage->index, usage->name);
	return rc < 0 ? rc : 0;
}

/* ---- Policies ---- */

static int compare_to_name(const void *name, const void *policy)
{
	return strcmp(name, ((const struct plan_policy *)policy)->name);
}

static const struct plan_policy *find_policy(const struct dialplan *plan, const char *name)
{
	if (!name || plan->policy_count == 0)
		return NULL;
	return bsearch(name, plan->policies, plan->policy_count, sizeof(*plan->policies),
		       compare_to_name);
}

bool dialplan_has_policy(const struct dialplan *plan, const char *name)
{
	return find_policy(plan, name) != NULL;
}

static bool is_reached(const struct decision *d, const struct plan_route *route)
{
	if (route->emergency)
		return true;
	for (size_t i = 0; d->policy && i < d->policy->count; i++)
		if (has_usage(route, d->policy->usages[i]))
			return true;
	return false;
}

/* Routes that no usage of the policy led to. */
static void tell_unreached(struct decision *d)
{
	char why[WHY];

	if (!plan_explains_all(d->explain))
		return;
	if (d->policy)
		snprintf(why, sizeof(why), "none of its usages is in policy %s", d->policy->name);
	else
		snprintf(why, sizeof(why), "without a policy only emergency routes are open");
	for (size_t i = 0; i < d->plan->route_count; i++)
		if (!is_reached(d, &d->plan->routes[i]))
			tell(d, DP_STEP_ROUTE, false, NULL, d->plan->routes[i].name, why);
}

static void tell_policy(struct decision *d)
{
	const char *name = d->request->policy;

	if (d->policy)
		tell(d, DP_STEP_POLICY, true, name, NULL, NULL);
	else
		tell(d, DP_STEP_POLICY, false, name, NULL,
		     name ? "there is no policy of this name"
			  : "where the call comes from has no policy");
}

static int walk(struct decision *d)
{
	int rc = walk_emergency(d);

	tell_policy(d);
	for (size_t i = 0; rc == 0 && d->policy && i < d->policy->count; i++)
		rc = walk_usage(d, d->policy->usages[i]);
	if (rc)
		return rc;
	tell_unreached(d);
	return d->out->count ? 0 : -ENOENT;
}

int dialplan_route(const struct dialplan *plan, const struct dp_request *request,
		   struct dp_decision *out, const struct dp_explain *explain)
{
	struct decision d = {
		.plan = plan,
		.request = request,
		.out = out,
		.explain = explain,
		.policy = find_policy(plan, request->policy),
	};
	int rc = matcher_create(&d.matcher, plan->engine);

	*out = (struct dp_decision){ .count = 0 };
	if (rc)
		return rc;
	rc = walk(&d);
	matcher_destroy(&d.matcher);
	return rc;
}

int dialplan_is_emergency(const struct dialplan *plan, const char *called)
{
	struct prefix_cursor cursor;
	struct matcher *matcher;
	uint32_t rank;
	int rc;

	prefix_index_find(plan->emergency, called, &cursor);
	if (!prefix_cursor_next(&cursor, &rank))
		return 0;
	rc = matcher_create(&matcher, plan->engine);
	if (rc < 0)
		return rc;
	do {
		rc = plan_match(plan, plan->routes[rank].pattern, matcher, called);
	} while (rc != 1 && rc != -ENOMEM && prefix_cursor_next(&cursor, &rank));
	matcher_destroy(&matcher);
	return rc == -ELOOP ? 0 : rc;
}
