/* SPDX-License-Identifier: GPL-2.0-only */
/* Usages, policies and routes compiled. Deciding: decide.c. */
#include "dialplan/plan_private.h"

#include "base/mem.h"
#include "conf/suggest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A route while it is compiled: where it stood, for a stable order by priority. */
struct ranked {
	const struct dp_route *route;
	size_t position;
};

static int find_usage(const struct dialplan *plan, const char *name, unsigned *out)
{
	for (unsigned i = 0; i < plan->usage_count; i++)
		if (strcmp(plan->usages[i].name, name) == 0) {
			*out = i;
			return 0;
		}
	return -ENOENT;
}

static const char *usage_at(const void *list, size_t i)
{
	const struct dialplan *plan = list;

	return i < plan->usage_count ? plan->usages[i].name : NULL;
}

static void tell_no_usage(struct plan_builder *b, const struct plan_name *of, const char *name)
{
	const char *nearest = suggest_nearest(name, usage_at, b->plan);

	plan_fault(b, of->place, "%s: there is no usage %s%s%s%s", of->name, name,
		   nearest ? ", did you mean " : "",
		   nearest ? nearest : "; add it first, or list another", nearest ? "?" : "");
}

/* The usages that `of` (a policy or route) names. */
static int build_usage_list(struct plan_builder *b, char *const *names, size_t count,
			    unsigned **out, size_t *out_count, const struct plan_name *of)
{
	unsigned *list = mem_calloc(count, sizeof(*list));

	*out = list;
	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		unsigned usage, seen = 0;

		if (find_usage(b->plan, names[i], &usage)) {
			tell_no_usage(b, of, names[i]);
			continue;
		}
		while (seen < *out_count && list[seen] != usage)
			seen++;
		if (seen < *out_count)
			plan_fault(b, of->place, "%s: the usage %s is listed twice", of->name,
				   names[i]);
		else
			list[(*out_count)++] = usage;
	}
	return 0;
}

static int build_usages(struct plan_builder *b)
{
	const struct dialplan_tables *tables = b->tables;
	struct dialplan *plan = b->plan;

	plan->usages = mem_calloc(tables->usage_count, sizeof(*plan->usages));
	if (!plan->usages)
		return -ENOMEM;
	for (size_t i = 0; i < tables->usage_count; i++) {
		struct plan_usage *usage = &plan->usages[plan->usage_count];
		unsigned other;
		int rc;

		if (find_usage(plan, tables->usages[i], &other) == 0) {
			plan_fault(b, (struct conf_place){ 0 }, "two usages have the name %s",
				   tables->usages[i]);
			continue;
		}
		plan->usage_count++;
		usage->name = mem_strdup(tables->usages[i]);
		rc = usage->name ? prefix_index_create(&usage->index) : -ENOMEM;
		if (rc)
			return rc;
	}
	return 0;
}

static int build_policy(struct plan_builder *b, const struct dp_policy *from,
			struct plan_policy *to)
{
	char *label = mem_printf("policy %s", from->name);
	int rc = -ENOMEM;

	to->name = mem_strdup(from->name);
	if (label && to->name)
		rc = build_usage_list(b, from->usages, from->usage_count, &to->usages, &to->count,
				      &(struct plan_name){ label, from->place });
	mem_free(label);
	return rc;
}

static int compare_policies(const void *a, const void *b)
{
	return strcmp(((const struct plan_policy *)a)->name, ((const struct plan_policy *)b)->name);
}

static int build_policies(struct plan_builder *b)
{
	const struct dialplan_tables *tables = b->tables;
	struct plan_name *names = mem_calloc(tables->policy_count, sizeof(*names));
	struct dialplan *plan = b->plan;
	int rc = 0;

	plan->policies = mem_calloc(tables->policy_count, sizeof(*plan->policies));
	if (!names || !plan->policies) {
		mem_free(names);
		return -ENOMEM;
	}
	for (size_t i = 0; rc == 0 && i < tables->policy_count; i++) {
		names[i] =
			(struct plan_name){ tables->policies[i].name, tables->policies[i].place };
		rc = build_policy(b, &tables->policies[i], &plan->policies[plan->policy_count++]);
	}
	if (rc == 0) {
		plan_check_names(b, names, tables->policy_count, "policies");
		qsort(plan->policies, plan->policy_count, sizeof(*plan->policies),
		      compare_policies);
	}
	mem_free(names);
	return rc;
}

/* ---- Routes ---- */

static int build_gateway(struct plan_builder *b, const char *route_name,
			 const struct dp_gateway_ref *ref, struct plan_route *route)
{
	if (ref->weight >= 1 && ref->weight <= 1000)
		return plan_add_gateway(b, route_name, ref, route);
	plan_fault(b, ref->place, "route %s: the weight of %s must be 1 to 1000", route_name,
		   ref->name);
	return 0;
}

static int build_gateways(struct plan_builder *b, const struct dp_route *from,
			  struct plan_route *to)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < from->gateway_count; i++) {
		rc = build_gateway(b, from->name, &from->gateways[i], to);
		for (size_t k = 0; k < i; k++)
			if (strcmp(from->gateways[i].name, from->gateways[k].name) == 0)
				plan_fault(b, from->gateways[i].place,
					   "route %s: the gateway %s is listed twice", from->name,
					   from->gateways[i].name);
	}
	if (from->gateway_count == 0)
		plan_fault(b, from->place, "route %s: it has no gateways", from->name);
	if (to->gateway_count > ROUTE_GATEWAYS_MAX)
		plan_fault(b, from->place,
			   "route %s: more than %d gateways, members of groups counted", from->name,
			   ROUTE_GATEWAYS_MAX);
	return rc;
}

static int build_route_usages(struct plan_builder *b, const struct dp_route *from,
			      struct plan_route *to)
{
	char *label = mem_printf("route %s", from->name);
	int rc;

	if (!label)
		return -ENOMEM;
	rc = build_usage_list(b, from->usages, from->usage_count, &to->usages, &to->usage_count,
			      &(struct plan_name){ label, from->place });
	if (rc == 0 && from->usage_count == 0 && !from->emergency)
		plan_fault(b, from->place, "route %s: it has no usages, so no policy leads to it",
			   from->name);
	mem_free(label);
	return rc;
}

static int build_route(struct plan_builder *b, const struct dp_route *from, struct plan_route *to)
{
	char why[PATTERN_WHY];
	int rc;

	to->selection = from->selection;
	to->emergency = from->emergency;
	to->suppress_caller_id = from->suppress_caller_id;
	to->alternate_caller_id = mem_strdup(from->alternate_caller_id);
	to->name = mem_strdup(from->name);
	if (!to->name || (from->alternate_caller_id && !to->alternate_caller_id))
		return -ENOMEM;
	rc = pattern_compile(&to->pattern, b->plan->engine, from->pattern, why);
	if (rc == -EINVAL) {
		plan_fault(b, from->place, "route %s: pattern '%s': %s", from->name, from->pattern,
			   why);
		rc = 0;
	}
	if (rc == 0)
		rc = build_route_usages(b, from, to);
	return rc ? rc : build_gateways(b, from, to);
}

/* Emergency routes come by their own index alone: a usage that leads there again would add nothing.
 */
static int index_route(struct dialplan *plan, const char *pattern, uint32_t rank)
{
	const struct plan_route *route = &plan->routes[rank];
	int rc = 0;

	if (!route->pattern)
		return 0; /* faulty, told already */
	if (route->emergency)
		return prefix_index_add(plan->emergency, pattern, rank);
	for (size_t i = 0; rc == 0 && i < route->usage_count; i++) {
		plan->usages[route->usages[i]].routes++;
		rc = prefix_index_add(plan->usages[route->usages[i]].index, pattern, rank);
	}
	return rc;
}

static int compare_ranks(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->route->priority != y->route->priority)
		return x->route->priority < y->route->priority ? -1 : 1;
	return (x->position > y->position) - (x->position < y->position);
}

static int build_ranked_routes(struct plan_builder *b, struct ranked *ranks,
			       struct plan_name *names)
{
	struct dialplan *plan = b->plan;
	size_t count = b->tables->route_count;
	int rc = 0;

	for (size_t i = 0; i < count; i++) {
		names[i] =
			(struct plan_name){ b->tables->routes[i].name, b->tables->routes[i].place };
		ranks[i] = (struct ranked){ &b->tables->routes[i], i };
	}
	plan_check_names(b, names, count, "routes");
	qsort(ranks, count, sizeof(*ranks), compare_ranks);
	for (size_t i = 0; rc == 0 && i < count; i++) {
		plan->route_count++;
		rc = build_route(b, ranks[i].route, &plan->routes[i]);
		if (rc == 0)
			rc = index_route(plan, ranks[i].route->pattern, (uint32_t)i);
	}
	return rc;
}

int plan_build_routes(struct plan_builder *b)
{
	size_t count = b->tables->route_count;
	struct plan_name *names = mem_calloc(count, sizeof(*names));
	struct ranked *ranks = mem_calloc(count, sizeof(*ranks));
	int rc = -ENOMEM;

	b->plan->routes = mem_calloc(count, sizeof(*b->plan->routes));
	if (names && ranks && b->plan->routes)
		rc = prefix_index_create(&b->plan->emergency);
	if (rc == 0)
		rc = build_usages(b);
	if (rc == 0)
		rc = build_policies(b);
	if (rc == 0)
		rc = build_ranked_routes(b, ranks, names);
	mem_free(ranks);
	mem_free(names);
	return rc;
}

static void free_route(struct plan_route *route)
{
	mem_free(route->gateways);
	mem_free(route->usages);
	pattern_destroy(&route->pattern);
	mem_free(route->alternate_caller_id);
	mem_free(route->name);
}

void plan_free_routes(struct dialplan *plan)
{
	for (size_t i = 0; i < plan->route_count; i++)
		free_route(&plan->routes[i]);
	for (size_t i = 0; i < plan->policy_count; i++) {
		mem_free(plan->policies[i].usages);
		mem_free(plan->policies[i].name);
	}
	for (size_t i = 0; i < plan->usage_count; i++) {
		prefix_index_destroy(&plan->usages[i].index);
		mem_free(plan->usages[i].name);
	}
	prefix_index_destroy(&plan->emergency);
	mem_free(plan->routes);
	mem_free(plan->policies);
	mem_free(plan->usages);
}
