/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef DIALPLAN_PLAN_PRIVATE_H
#define DIALPLAN_PLAN_PRIVATE_H

/* What a snapshot is made of, for the files that compile it and the files that read it. */

#include "base/counter.h"
#include "dialplan/dialplan.h"
#include "dialplan/pattern.h"
#include "dialplan/prefix.h"
#include "dialplan/replacement.h"

struct plan_rule {
	char *name;
	struct pattern *pattern;
	struct replacement *translation;
	int type, plan, match_type;
};

struct plan_rules {
	char *name;
	struct plan_rule *rules;
	size_t count;
	struct prefix_index *index;
};

struct plan_usage {
	char *name;
	struct prefix_index *index;    /* of the routes that have it, by rank */
	size_t routes;
};

struct plan_policy {
	char *name;
	unsigned *usages;
	size_t count;
};

#define ROUTE_GATEWAYS_MAX 256 /* groups written out */

struct plan_gateway {
	const char *name;   /* as the route lists it: a trunk, span, group or alias; one of plan->names */
	const char *member; /* the trunk or span; one of plan->names, so that equal ones are one pointer */
	unsigned index, weight;
};

struct plan_route {
	char *name;
	struct pattern *pattern;
	unsigned *usages;
	size_t usage_count;
	struct plan_gateway *gateways; /* groups written out */
	size_t gateway_count;
	unsigned total_weight;
	enum dp_selection selection;
	bool emergency, suppress_caller_id;
	char *alternate_caller_id;
	_Atomic unsigned turn;         /* calls that came by: round robin and weights */
};

struct dialplan {
	_Atomic unsigned references;
	struct pattern_engine *engine;
	struct plan_rules *dial_plans, *translations; /* each sorted by name */
	size_t dial_plan_count, translation_count;
	struct plan_usage *usages;
	size_t usage_count;
	struct plan_policy *policies;
	size_t policy_count;
	struct plan_route *routes;     /* by priority, then position: an item of an index is a place here, its rank */
	size_t route_count;
	struct prefix_index *emergency;
	char **names;                  /* of gateways and members, sorted, each once */
	size_t name_count, name_room;
	_Atomic uint64_t limit_hits;
};

/* Compiling, with every fault told. */
struct plan_builder {
	struct dialplan *plan;
	const struct dialplan_tables *tables;
	const struct dp_gateway_name *gateways;
	size_t gateway_count;
	dialplan_fault_fn fault;
	void *arg;
	unsigned faults;
	struct plan_target *targets;   /* gateways.c: names and what they stand for, sorted */
	size_t target_count, target_room;
};

/* Tells a fault and counts it. */
void plan_fault(struct plan_builder *b, struct conf_place place, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* A fault for each name that is there twice; sorts `names`. `what`: "routes", "rules of dial plan
 * x". */
struct plan_name {
	const char *name;
	struct conf_place place;
};
void plan_check_names(struct plan_builder *b, struct plan_name *names, size_t count, const char *what);
/* Each 0 or -ENOMEM; faults are counted in the builder. */
int plan_build_gateways(struct plan_builder *b);
int plan_build_rules(struct plan_builder *b);
int plan_build_routes(struct plan_builder *b);
/* One entry of a route's gateways: a trunk or span, or all members of a group or alias. */
int plan_add_gateway(struct plan_builder *b, const char *route_name, const struct dp_gateway_ref *ref,
		     struct plan_route *route);
void plan_free_targets(struct plan_builder *b);
void plan_free_names(struct dialplan *plan);
void plan_free_rules(struct dialplan *plan);
void plan_free_routes(struct dialplan *plan);

/* Match and count what hits the limit. As pattern_match(). */
int plan_match(const struct dialplan *plan, const struct pattern *pattern, struct matcher *matcher,
	       const char *number);

/* Tells a step when somebody listens; what did not match only to those who want it. */
static inline bool plan_explains_all(const struct dp_explain *explain)
{
	return explain && explain->step && !explain->matches_only;
}
void plan_explain(const struct dp_explain *explain, const struct dp_explanation *step);

#endif
