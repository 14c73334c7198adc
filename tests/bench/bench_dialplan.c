/* SPDX-License-Identifier: GPL-2.0-only */
/* Decisions per second with 10, 1,000 and 10,000 routes: the cost must not follow the size of the table.
 * Prints one line per size: routes, seconds to compile, decisions/s, normalizations/s. */
#include "dialplan/dialplan.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DECISIONS 100000

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void told(void *arg, struct conf_place place, const char *what)
{
	(void)arg;
	(void)place;
	fprintf(stderr, "%s\n", what);
}

struct table {
	struct dialplan_tables tables;
	struct dp_route *routes;
	struct dp_rule *rules;
	struct dp_ruleset set;
	struct dp_policy policy;
	char *usages[1];
	struct dp_gateway_ref gateways[2];
};

/* Routes to exchanges of six digits, all different, and as many rules. */
static void fill(struct table *t, size_t count)
{
	static char usage[] = "All", policy[] = "p", set[] = "d", a[] = "a", b[] = "b";

	t->usages[0] = usage;
	t->gateways[0] = (struct dp_gateway_ref){ .name = a, .weight = 1 };
	t->gateways[1] = (struct dp_gateway_ref){ .name = b, .weight = 1 };
	t->routes = mem_calloc(count, sizeof(*t->routes));
	t->rules = mem_calloc(count, sizeof(*t->rules));
	for (size_t i = 0; i < count; i++) {
		t->routes[i] = (struct dp_route){
			.name = mem_printf("r%zu", i), .pattern = mem_printf("^\\+44%06zu\\d{4}$", i * 97),
			.usages = t->usages, .usage_count = 1, .gateways = t->gateways, .gateway_count = 2 };
		t->rules[i] = (struct dp_rule){
			.name = t->routes[i].name, .pattern = mem_printf("^0(%06zu\\d{4})$", i * 97),
			.translation = mem_strdup("+44$1"), .type = -1, .plan = -1, .match_type = -1 };
	}
	t->policy = (struct dp_policy){ .name = policy, .usages = t->usages, .usage_count = 1 };
	t->set = (struct dp_ruleset){ .name = set, .rules = t->rules, .rule_count = count };
	t->tables = (struct dialplan_tables){
		.dial_plans = &t->set, .dial_plan_count = 1, .usages = t->usages, .usage_count = 1,
		.policies = &t->policy, .policy_count = 1, .routes = t->routes, .route_count = count };
}

static void empty(struct table *t, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		mem_free(t->routes[i].name);
		mem_free(t->routes[i].pattern);
		mem_free(t->rules[i].pattern);
		mem_free(t->rules[i].translation);
	}
	mem_free(t->routes);
	mem_free(t->rules);
}

static double decide(struct dialplan *plan, size_t count)
{
	struct dp_decision decision;
	double start = now_s();
	char number[32];

	for (size_t i = 0; i < DECISIONS; i++) {
		struct dp_request request = { .policy = "p", .called = number };

		snprintf(number, sizeof(number), "+44%06zu1234", i * 7919 % count * 97);
		if (dialplan_route(plan, &request, &decision, NULL) || decision.count != 2)
			abort();
	}
	return DECISIONS / (now_s() - start);
}

static double normalize(struct dialplan *plan, size_t count)
{
	double start = now_s();

	for (size_t i = 0; i < DECISIONS; i++) {
		struct party_number number = { .present = true };

		snprintf(number.digits, sizeof(number.digits), "0%06zu1234", i * 7919 % count * 97);
		if (dialplan_normalize(plan, "d", &number, &number, NULL) != 1)
			abort();
	}
	return DECISIONS / (now_s() - start);
}

int main(void)
{
	static const size_t sizes[] = { 10, 1000, 10000 };
	static const struct dp_gateway_name gateways[] = { { "a", 0, NULL }, { "b", 1, NULL } };

	printf("%8s %10s %14s %18s\n", "routes", "compile s", "decisions/s", "normalizations/s");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct dialplan *plan = NULL;
		struct table t = { 0 };
		double start;

		fill(&t, sizes[i]);
		start = now_s();
		if (dialplan_compile(&plan, &t.tables, gateways, 2, told, NULL))
			return 1;
		printf("%8zu %10.3f", sizes[i], now_s() - start);
		printf(" %14.0f", decide(plan, sizes[i]));
		printf(" %18.0f\n", normalize(plan, sizes[i]));
		dialplan_unref(&plan);
		empty(&t, sizes[i]);
	}
	return 0;
}
