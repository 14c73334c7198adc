/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef DIALPLAN_DIALPLAN_H
#define DIALPLAN_DIALPLAN_H

/* The compiled dial plan: an immutable snapshot that calls read without a lock. Pure decisions: no
 * sockets, no clocks, no calls. design: normalize → usages of the policy, in order → routes by
 * priority whose pattern matches → gateways.
 *
 * Threads: compile on any; a snapshot may be read by many threads at once; round robin counters are
 * atomics. Snapshots are reference counted. */

#include "base/party.h"
#include "dialplan/tables.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dialplan;

/* Told of every fault; `place` in the tables' file. */
typedef void (*dialplan_fault_fn)(void *arg, struct conf_place place, const char *what);

/* Names of the machine that routes, and aliases of the tables (gateways:), may use for gateways. A
 * group is several members under one name; a trunk or span is its own member. Both come back in
 * decisions. Copied. */
struct dp_gateway_name {
	const char *name;
	unsigned index;
	const char *member; /* name of the trunk or span; NULL: `name` */
};

/* Compile. Every fault is reported, not only the first: bad pattern (with offset), undefined usage,
 * ruleset or gateway, a name twice. 0 and *out (one reference), -EINVAL after faults, -ENOMEM. The
 * tables may be freed afterwards. `gateways` NULL: names of gateways are not checked, stand for
 * themselves and get the index 0 (for a check of the tables alone). */
int dialplan_compile(struct dialplan **out, const struct dialplan_tables *tables,
		     const struct dp_gateway_name *gateways, size_t gateway_count,
		     dialplan_fault_fn fault, void *arg);
struct dialplan *dialplan_ref(struct dialplan *plan);
void dialplan_unref(struct dialplan **plan); /* sets NULL, takes NULL */
/* How many references there are: the owner of retired snapshots frees those that only he holds, so
 * that no call has to free a large one. */
unsigned dialplan_refs(const struct dialplan *plan);

/* ---- Explanation ---- */

enum dp_step { DP_STEP_NORMALIZE, DP_STEP_POLICY, DP_STEP_USAGE, DP_STEP_ROUTE, DP_STEP_GATEWAY, DP_STEP_TRANSLATE };

/* One step of a decision; pointers valid during the call. `matched` false: tried, and `why` says
 * why not. */
struct dp_explanation {
	enum dp_step step;
	bool matched;
	const char *table;   /* the dial plan, policy, usage or translation */
	const char *object;  /* the rule, route or gateway (the trunk or span) */
	const char *before, *after; /* number before and after; may be NULL */
	const char *why; /* of a gateway that was taken: the group or alias it is a member of; else NULL */
};
struct dp_explain {
	void (*step)(void *arg, const struct dp_explanation *explanation);
	void *arg;
	bool matches_only; /* tell what matched and nothing else: as fast as without. Else every rule and route is gone through */
};

/* ---- Decisions ---- */

/* Apply a dial plan (by name; NULL or unknown: number stays as it is) to a number. Returns 1: a
 * rule matched, 0: none did (out = in), -E2BIG: the result is too long, -ELOOP: the match limit was
 * hit (treated as no match, counted), -ENOMEM. After an error out = in. `out` may be `in`. */
int dialplan_normalize(const struct dialplan *plan, const char *dial_plan, const struct party_number *in,
		       struct party_number *out, const struct dp_explain *explain);
/* The same with a translation set, for a number that leaves. */
int dialplan_translate(const struct dialplan *plan, const char *translation, const struct party_number *in,
		       struct party_number *out, const struct dp_explain *explain);

#define DP_CANDIDATES_MAX 64

struct dp_candidate {
	const char *route;   /* lives as long as the snapshot */
	const char *usage;   /* NULL on emergency routes */
	unsigned gateway;    /* the index given at compile */
	const char *member;  /* the trunk or span; lives as long as the snapshot */
	bool suppress_caller_id;
	const char *alternate_caller_id; /* NULL: none */
};

struct dp_decision {
	struct dp_candidate candidates[DP_CANDIDATES_MAX]; /* in the order to try, no gateway twice */
	size_t count;
	bool emergency;
};

struct dp_request {
	const char *policy;           /* of the ingress; NULL: none (only emergency routes match) */
	const char *called;           /* normalized */
	const char *calling;
};

/* Which gateways to try, in order: those of emergency routes, then by usage, priority and position.
 * A route's gateways come as listed, or turned by one with each call (round robin), or by lot with
 * exact shares (weighted); a group stands for its members, each with the group's weight. 0;
 * -ENOENT: no route (cause 1 or 3 by what was missing; see `why` in explain); -ENOMEM. */
int dialplan_route(const struct dialplan *plan, const struct dp_request *request, struct dp_decision *out,
		   const struct dp_explain *explain);

/* Would an emergency route take this normalized number? 1, 0, -ENOMEM. Asks no other route and turns
 * no round robin. */
int dialplan_is_emergency(const struct dialplan *plan, const char *called);

/* For listings: names of routes, count. */
size_t dialplan_route_count(const struct dialplan *plan);
/* In the order of matching (priority, then position); NULL past the end. Lives as long as the
 * snapshot. */
const char *dialplan_route_name(const struct dialplan *plan, size_t index);
/* Is there one of this name? */
bool dialplan_has_policy(const struct dialplan *plan, const char *name);
bool dialplan_has_dial_plan(const struct dialplan *plan, const char *name);
bool dialplan_has_translation(const struct dialplan *plan, const char *name);
/* Matches given up at the limit since the snapshot was made. Any thread. */
uint64_t dialplan_limit_hits(const struct dialplan *plan);

#endif
