/* SPDX-License-Identifier: GPL-2.0-only */
/* The snapshot: made, shared, let go. What it consists of: rules.c and routes.c. */
#include "dialplan/plan_private.h"

#include "base/mem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void plan_fault(struct plan_builder *b, struct conf_place place, const char *format, ...)
{
	char text[512];
	va_list args;

	b->faults++;
	if (!b->fault)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	b->fault(b->arg, place, text);
}

static int compare_names(const void *a, const void *b)
{
	const struct plan_name *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order : (x->place.line > y->place.line) - (x->place.line < y->place.line);
}

/* Only tables from a file have lines. */
static void tell_same_name(struct plan_builder *b, const struct plan_name *name,
			   const struct plan_name *first, const char *what)
{
	if (first->place.line)
		plan_fault(b, name->place, "two %s have the name %s; the first stands on line %u",
			   what, name->name, first->place.line);
	else
		plan_fault(b, name->place, "two %s have the name %s", what, name->name);
}

void plan_check_names(struct plan_builder *b, struct plan_name *names, size_t count,
		      const char *what)
{
	qsort(names, count, sizeof(*names), compare_names);
	for (size_t i = 1; i < count; i++)
		if (strcmp(names[i].name, names[i - 1].name) == 0)
			tell_same_name(b, &names[i], &names[i - 1], what);
}

static void destroy(struct dialplan *plan)
{
	plan_free_rules(plan);
	plan_free_routes(plan);
	plan_free_names(plan);
	pattern_engine_destroy(&plan->engine);
	mem_free(plan);
}

int dialplan_compile(struct dialplan **out, const struct dialplan_tables *tables,
		     const struct dp_gateway_name *gateways, size_t gateway_count,
		     dialplan_fault_fn fault, void *arg)
{
	struct dialplan *plan = mem_zalloc(sizeof(*plan));
	struct plan_builder b = {
		.plan = plan,
		.tables = tables,
		.gateways = gateways,
		.gateway_count = gateway_count,
		.fault = fault,
		.arg = arg,
	};
	int rc;

	if (!plan)
		return -ENOMEM;
	atomic_init(&plan->references, 1);
	rc = pattern_engine_create(&plan->engine);
	if (rc == 0)
		rc = plan_build_rules(&b);
	if (rc == 0)
		rc = plan_build_gateways(&b);
	if (rc == 0)
		rc = plan_build_routes(&b);
	plan_free_targets(&b);
	if (rc == 0 && b.faults)
		rc = -EINVAL;
	if (rc)
		goto fail;
	*out = plan;
	return 0;
fail:
	destroy(plan);
	return rc;
}

struct dialplan *dialplan_ref(struct dialplan *plan)
{
	atomic_fetch_add_explicit(&plan->references, 1, memory_order_relaxed);
	return plan;
}

unsigned dialplan_refs(const struct dialplan *plan)
{
	return atomic_load_explicit(&plan->references, memory_order_acquire);
}

void dialplan_unref(struct dialplan **plan)
{
	struct dialplan *p = *plan;

	*plan = NULL;
	if (p && atomic_fetch_sub_explicit(&p->references, 1, memory_order_acq_rel) == 1)
		destroy(p);
}

int plan_match(const struct dialplan *plan, const struct pattern *pattern, struct matcher *matcher,
	       const char *number)
{
	int rc = pattern_match(pattern, matcher, number, strlen(number));

	/* The one thing of a snapshot that its readers change, besides the turns of its routes. */
	if (rc == -ELOOP)
		atomic_fetch_add_explicit((_Atomic uint64_t *)&plan->limit_hits, 1,
					  memory_order_relaxed);
	return rc;
}

void plan_explain(const struct dp_explain *explain, const struct dp_explanation *step)
{
	if (explain && explain->step && (step->matched || !explain->matches_only))
		explain->step(explain->arg, step);
}

size_t dialplan_route_count(const struct dialplan *plan)
{
	return plan->route_count;
}

const char *dialplan_route_name(const struct dialplan *plan, size_t index)
{
	return index < plan->route_count ? plan->routes[index].name : NULL;
}

uint64_t dialplan_limit_hits(const struct dialplan *plan)
{
	return atomic_load_explicit(&plan->limit_hits, memory_order_relaxed);
}
