/* SPDX-License-Identifier: GPL-2.0-only */
/* Normalization, the route walk, translation, faults of tables, and explanations. */
#include "dialplan/dialplan.h"

#include "base/mem.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define RULE(n, p, t) { .name = n, .pattern = p, .translation = t, .type = -1, .plan = -1, .match_type = -1 }

/* ---- A site: two exchanges and a carrier ---- */

static struct dp_rule london_rules[] = {
	RULE("emergency", "^(999|112)$", "$1"),
	RULE("national", "^0([1-9]\\d{8,9})$", "+44$1"),
	RULE("international", "^00(\\d+)$", "+$1"),
	RULE("local", "^([2-9]\\d{7})$", "+4420$1"),
	{ .name = "from-isdn", .pattern = "^(\\d+)$", .translation = "+44$1", .type = NUMBER_NATIONAL, .plan = PLAN_NATIONAL,
	  .match_type = NUMBER_NATIONAL },
	RULE("endless", "^8(1+)+$", "$1"),
	RULE("long", "^7$", "1234567890123456789012345678901234567890123456789012345678901234"),
};
static struct dp_ruleset dial_plans[] = {
	{ .name = "london", .rules = london_rules, .rule_count = COUNT(london_rules) },
	{ .name = "empty" },
};
static struct dp_rule carrier_rules[] = {
	{ .name = "national", .pattern = "^\\+44(\\d+)$", .translation = "$1", .type = NUMBER_NATIONAL, .plan = -1,
	  .match_type = -1 },
};
static struct dp_ruleset translations[] = {
	{ .name = "carrier", .rules = carrier_rules, .rule_count = COUNT(carrier_rules) },
};
static char *usages[] = { "Internal", "National", "International" };
static char *internal[] = { "Internal" }, *national[] = { "National" },
	    *international[] = { "International" };
static char *ordered_usages[] = { "National", "Internal" };
static struct dp_policy policies[] = {
	{ .name = "staff", .usages = ordered_usages, .usage_count = 2 },
	{ .name = "lobby", .usages = internal, .usage_count = 1 },
};
static struct dp_gateway_ref to_e1[] = { { .name = "e1-a", .weight = 1 }, { .name = "carrier", .weight = 1 } };
static struct dp_gateway_ref to_carrier[] = { { .name = "carrier", .weight = 1 }, { .name = "e1-b", .weight = 1 } };
static struct dp_gateway_ref to_group[] = { { .name = "both", .weight = 1 } };
static struct dp_gateway_ref shared[] = { { .name = "e1-a", .weight = 3 }, { .name = "carrier", .weight = 1 } };
static char withheld[] = "+442070000000";
static struct dp_route routes[] = {
	{ .name = "uk", .pattern = "^\\+44", .usages = national, .usage_count = 1, .gateways = to_carrier,
	  .gateway_count = 2, .priority = 20 },
	{ .name = "london", .pattern = "^\\+4420", .usages = national, .usage_count = 1, .gateways = to_e1,
	  .gateway_count = 2, .priority = 10, .suppress_caller_id = true, .alternate_caller_id = withheld },
	{ .name = "999", .pattern = "^(999|112)$", .gateways = to_group, .gateway_count = 1, .emergency = true,
	  .priority = 500 },
	{ .name = "inside", .pattern = "^\\+44207946", .usages = internal, .usage_count = 1, .gateways = to_group,
	  .gateway_count = 1, .selection = DP_ROUND_ROBIN },
	{ .name = "world", .pattern = "^\\+", .usages = international, .usage_count = 1, .gateways = shared,
	  .gateway_count = 2, .selection = DP_WEIGHTED },
};
static const struct dialplan_tables site = {
	.dial_plans = dial_plans, .dial_plan_count = COUNT(dial_plans), .translations = translations,
	.translation_count = COUNT(translations), .usages = usages, .usage_count = COUNT(usages),
	.policies = policies, .policy_count = COUNT(policies), .routes = routes, .route_count = COUNT(routes),
};
enum { CARRIER, E1_A, E1_B };
static const struct dp_gateway_name gateways[] = {
	{ "carrier", CARRIER, NULL }, { "e1-a", E1_A, NULL }, { "e1-b", E1_B, NULL }, { "both", E1_A, "e1-a" }, { "both", E1_B, "e1-b" },
};

struct faults {
	unsigned count;
	char texts[8192];
};

static void note_fault(void *arg, struct conf_place place, const char *what)
{
	struct faults *faults = arg;

	faults->count++;
	sprintf(faults->texts + strlen(faults->texts), "%u:%u %s\n", place.line, place.column, what);
}

static int setup(void **state)
{
	struct faults faults = { 0 };
	int rc = dialplan_compile((struct dialplan **)state, &site, gateways, COUNT(gateways), note_fault, &faults);

	if (rc)
		print_error("%s", faults.texts);
	return rc;
}

static int teardown(void **state)
{
	mem_fail_after(-1);
	dialplan_unref((struct dialplan **)state);
	assert_int_equal(mem_live_blocks(), 0);
	return 0;
}

static struct party_number number(const char *digits, int type)
{
	struct party_number n = { .type = (uint8_t)type, .plan = PLAN_ISDN, .present = true,
				  .presentation = PRESENTATION_RESTRICTED, .screening = SCREENING_NETWORK };

	strcpy(n.digits, digits);
	return n;
}

/* ---- Numbers ---- */

static void normalizes(void **state)
{
	static const struct {
		const char *digits, *result;
		int type, result_type, rc;
	} rows[] = {
		{ "02079460000", "+442079460000", NUMBER_UNKNOWN, NUMBER_INTERNATIONAL, 1 },
		{ "0033123", "+33123", NUMBER_UNKNOWN, NUMBER_INTERNATIONAL, 1 },
		{ "79460000", "+442079460000", NUMBER_UNKNOWN, NUMBER_INTERNATIONAL, 1 },
		{ "999", "999", NUMBER_UNKNOWN, NUMBER_UNKNOWN, 1 },
		{ "1619460000", "+441619460000", NUMBER_NATIONAL, NUMBER_NATIONAL, 1 },
		{ "1619460000", "1619460000", NUMBER_UNKNOWN, NUMBER_UNKNOWN, 0 },
		{ "+33123", "+33123", NUMBER_INTERNATIONAL, NUMBER_INTERNATIONAL, 0 },
		{ "", "", NUMBER_UNKNOWN, NUMBER_UNKNOWN, 0 },
		{ "7", "7", NUMBER_UNKNOWN, NUMBER_UNKNOWN, -E2BIG },
		{ "8111111111111111111111111111111111111111111111111111111*",
		  "8111111111111111111111111111111111111111111111111111111*", NUMBER_UNKNOWN, NUMBER_UNKNOWN, -ELOOP },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct party_number in = number(rows[i].digits, rows[i].type), out;

		assert_int_equal(dialplan_normalize(*state, "london", &in, &out, NULL), rows[i].rc);
		assert_string_equal(out.digits, rows[i].result);
		assert_int_equal(out.type, rows[i].result_type);
		assert_int_equal(out.presentation, PRESENTATION_RESTRICTED);
		assert_int_equal(out.screening, SCREENING_NETWORK);
		/* In place. */
		assert_int_equal(dialplan_normalize(*state, "london", &in, &in, NULL), rows[i].rc);
		assert_string_equal(in.digits, rows[i].result);
	}
	assert_int_equal(dialplan_limit_hits(*state), 2);
}

static void leaves_numbers_without_a_plan(void **state)
{
	struct party_number in = number("02079460000", NUMBER_UNKNOWN), out;

	assert_int_equal(dialplan_normalize(*state, NULL, &in, &out, NULL), 0);
	assert_memory_equal(&in, &out, sizeof(in));
	assert_int_equal(dialplan_normalize(*state, "nowhere", &in, &out, NULL), 0);
	assert_memory_equal(&in, &out, sizeof(in));
	assert_int_equal(dialplan_normalize(*state, "empty", &in, &out, NULL), 0);
	assert_memory_equal(&in, &out, sizeof(in));
}

static void translates(void **state)
{
	struct party_number in = number("+442079460000", NUMBER_INTERNATIONAL), out;

	assert_int_equal(dialplan_translate(*state, "carrier", &in, &out, NULL), 1);
	assert_string_equal(out.digits, "2079460000");
	assert_int_equal(out.type, NUMBER_NATIONAL);
	assert_int_equal(out.plan, PLAN_ISDN);
	/* A dial plan's name is none of a translation's. */
	assert_int_equal(dialplan_translate(*state, "london", &in, &out, NULL), 0);
}

/* ---- Routes ---- */

/* "route/gateway route/gateway", and what comes back. */
static const char *decide(struct dialplan *plan, const char *policy, const char *called, char text[512])
{
	struct dp_request request = { .policy = policy, .called = called };
	struct dp_decision decision;
	int rc = dialplan_route(plan, &request, &decision, NULL);

	text[0] = '\0';
	assert_int_equal(rc, decision.count ? 0 : -ENOENT);
	for (size_t i = 0; i < decision.count; i++)
		sprintf(text + strlen(text), "%s%s/%u", i ? " " : "", decision.candidates[i].route,
			decision.candidates[i].gateway);
	return text;
}

static void walks_usages_then_priorities(void **state)
{
	char text[512];

	/* National first: london (10) before uk (20), the carrier once only; then Internal. */
	assert_string_equal(decide(*state, "staff", "+442071230000", text), "london/1 london/0 uk/2");
	assert_string_equal(decide(*state, "staff", "+441611230000", text), "uk/0 uk/2");
	assert_string_equal(decide(*state, "lobby", "+442071230000", text), "");
	assert_string_equal(decide(*state, "staff", "+3312345678", text), "");
	assert_string_equal(decide(*state, NULL, "+442071230000", text), "");
	assert_string_equal(decide(*state, "nobody", "+442071230000", text), "");
}

static void describes_candidates(void **state)
{
	struct dp_request request = { .policy = "staff", .called = "+442071230000" };
	struct dp_decision decision;

	assert_int_equal(dialplan_route(*state, &request, &decision, NULL), 0);
	assert_string_equal(decision.candidates[0].usage, "National");
	assert_true(decision.candidates[0].suppress_caller_id);
	assert_string_equal(decision.candidates[0].alternate_caller_id, "+442070000000");
	assert_false(decision.candidates[2].suppress_caller_id);
	assert_null(decision.candidates[2].alternate_caller_id);
	assert_false(decision.emergency);
}

static void knows_emergency_numbers(void **state)
{
	assert_int_equal(dialplan_is_emergency(*state, "112"), 1);
	assert_int_equal(dialplan_is_emergency(*state, "999"), 1);
	assert_int_equal(dialplan_is_emergency(*state, "9999"), 0); /* found in the index, no match */
	assert_int_equal(dialplan_is_emergency(*state, "+442079460000"), 0);
	assert_int_equal(dialplan_is_emergency(*state, ""), 0);
}

static void puts_emergency_first(void **state)
{
	struct dp_request request = { .policy = NULL, .called = "112" };
	struct dp_decision decision;

	assert_int_equal(dialplan_route(*state, &request, &decision, NULL), 0);
	assert_true(decision.emergency);
	assert_int_equal(decision.count, 2);
	assert_null(decision.candidates[0].usage);
	assert_string_equal(decision.candidates[0].route, "999");
	assert_int_equal(decision.candidates[0].gateway, E1_A);
	assert_int_equal(decision.candidates[1].gateway, E1_B);
	assert_string_equal(decision.candidates[0].member, "e1-a");
	assert_string_equal(decision.candidates[1].member, "e1-b");
}

static void turns_round_robin(void **state)
{
	char text[512];

	for (int i = 0; i < 3; i++) {
		assert_string_equal(decide(*state, "lobby", "+442079460000", text), "inside/1 inside/2");
		assert_string_equal(decide(*state, "lobby", "+442079460000", text), "inside/2 inside/1");
	}
}

static void shares_by_weight(void **state)
{
	struct dp_policy world[] = { { .name = "world", .usages = international, .usage_count = 1 } };
	struct dialplan_tables tables = site;
	struct dialplan *plan = NULL;
	unsigned first[3] = { 0 };
	char text[512];

	(void)state;
	tables.policies = world;
	tables.policy_count = 1;
	assert_int_equal(dialplan_compile(&plan, &tables, gateways, COUNT(gateways), NULL, NULL), 0);
	for (int i = 0; i < 40; i++) {
		decide(plan, "world", "+33", text);
		first[text[6] - '0']++;
		assert_int_equal(strlen(text), strlen("world/0 world/1")); /* the other follows */
	}
	assert_int_equal(first[E1_A], 30);
	assert_int_equal(first[CARRIER], 10);
	dialplan_unref(&plan);
}

/* ---- Explanations ---- */

struct told {
	char text[8192];
};

static void tell(void *arg, const struct dp_explanation *e)
{
	static const char *const names[] = { "normalize", "policy", "usage", "route", "gateway", "translate" };
	struct told *told = arg;

	sprintf(told->text + strlen(told->text), "%s %s %s/%s %s %s: %s\n", names[e->step], e->matched ? "yes" : "no",
		e->table ? e->table : "-", e->object ? e->object : "-", e->before ? e->before : "-",
		e->after ? e->after : "-", e->why ? e->why : "");
}

static void explains_rules(void **state)
{
	struct party_number in = number("02079460000", NUMBER_UNKNOWN), out;
	struct told told = { "" };
	struct dp_explain explain = { tell, &told, false };

	assert_int_equal(dialplan_normalize(*state, "london", &in, &out, &explain), 1);
	assert_string_equal(told.text,
		"normalize no london/emergency 02079460000 -: does not match ^(999|112)$\n"
		"normalize yes london/national 02079460000 +442079460000: \n"
		"normalize no london/international 02079460000 -: not tried: the first rule that matches is taken\n"
		"normalize no london/local 02079460000 -: not tried: the first rule that matches is taken\n"
		"normalize no london/from-isdn 02079460000 -: not tried: the first rule that matches is taken\n"
		"normalize no london/endless 02079460000 -: not tried: the first rule that matches is taken\n"
		"normalize no london/long 02079460000 -: not tried: the first rule that matches is taken\n");
	told.text[0] = '\0';
	explain.matches_only = true;
	assert_int_equal(dialplan_normalize(*state, "london", &in, &out, &explain), 1);
	assert_string_equal(told.text, "normalize yes london/national 02079460000 +442079460000: \n");
}

static void explains_every_route(void **state)
{
	struct dp_request request = { .policy = "staff", .called = "+442071230000" };
	struct told told = { "" };
	struct dp_explain explain = { tell, &told, false };
	struct dp_decision decision;

	assert_int_equal(dialplan_route(*state, &request, &decision, &explain), 0);
	assert_string_equal(told.text,
		"route no -/999 +442071230000 -: does not match ^(999|112)$\n"
		"policy yes staff/- +442071230000 -: \n"
		"usage yes staff/National +442071230000 -: \n"
		"route yes National/london +442071230000 -: \n"
		"gateway yes london/e1-a +442071230000 -: \n"
		"gateway yes london/carrier +442071230000 -: \n"
		"route yes National/uk +442071230000 -: \n"
		"gateway no uk/carrier +442071230000 -: is tried already for route london\n"
		"gateway yes uk/e1-b +442071230000 -: \n"
		"usage yes staff/Internal +442071230000 -: \n"
		"route no Internal/inside +442071230000 -: does not match ^\\+44207946\n"
		"route no -/world +442071230000 -: none of its usages is in policy staff\n");
}

/* ---- Names of gateways ---- */

static char *of_london[] = { "e1-b", "e1-a" }, *of_world[] = { "both", "carrier" }, *of_moon[] = { "moon", "moon" },
	    *of_alias[] = { "london" };

/* The site, with London's route to `to`. */
static struct dialplan_tables with_names(struct dp_gateway *names, size_t count, struct dp_route route[1],
					 struct dp_gateway_ref *to, size_t refs)
{
	struct dialplan_tables tables = site;

	*route = routes[1];
	route->gateways = to;
	route->gateway_count = refs;
	tables.routes = route;
	tables.route_count = 1;
	tables.gateways = names;
	tables.gateway_count = count;
	return tables;
}

static void resolves_names_of_gateways(void **state)
{
	static struct dp_gateway names[] = {
		{ .name = "world", .members = of_world, .member_count = 2 },
		{ .name = "london", .members = of_london, .member_count = 2 },
	};
	static struct dp_gateway_ref to[] = { { .name = "london", .weight = 1 }, { .name = "world", .weight = 1 } };
	struct dp_request request = { .policy = "staff", .called = "+442071230000" };
	struct dp_route route[1];
	struct dialplan_tables tables = with_names(names, 2, route, to, 2);
	struct told told = { "" };
	struct dp_explain explain = { tell, &told, true };
	struct dp_decision decision;
	struct dialplan *plan = NULL;

	(void)state;
	assert_int_equal(dialplan_compile(&plan, &tables, gateways, COUNT(gateways), NULL, NULL), 0);
	assert_int_equal(dialplan_route(plan, &request, &decision, &explain), 0);
	assert_int_equal(decision.count, 3);
	assert_string_equal(decision.candidates[0].member, "e1-b");
	assert_int_equal(decision.candidates[0].gateway, E1_B);
	assert_string_equal(decision.candidates[1].member, "e1-a");
	assert_string_equal(decision.candidates[2].member, "carrier");
	assert_non_null(strstr(told.text, "gateway yes london/e1-b +442071230000 -: as a member of london\n"));
	assert_non_null(strstr(told.text, "gateway yes london/carrier +442071230000 -: as a member of world\n"));
	dialplan_unref(&plan);
	/* The machine unknown: members are taken as they are. */
	assert_int_equal(dialplan_compile(&plan, &tables, NULL, 0, NULL, NULL), 0);
	assert_int_equal(dialplan_route(plan, &request, &decision, NULL), 0);
	assert_int_equal(decision.count, 4);
	assert_string_equal(decision.candidates[2].member, "both");
	dialplan_unref(&plan);
}

static void finds_faults_of_names(void **state)
{
	static struct dp_gateway names[] = {
		{ .name = "london", .members = of_moon, .member_count = 2 },
		{ .name = "world", .members = of_alias, .member_count = 1, .place = { 2, 1 } },
		{ .name = "carrier", .members = of_london, .member_count = 2 },
		{ .name = "nothing" },
		{ .name = "nothing" },
	};
	static struct dp_gateway_ref to[] = { { .name = "lodnon", .weight = 1 } };
	struct dp_route route[1];
	struct dialplan_tables tables = with_names(names, 5, route, to, 1);
	struct dialplan *plan = NULL;
	struct faults faults = { 0 };

	(void)state;
	assert_int_equal(dialplan_compile(&plan, &tables, gateways, COUNT(gateways), note_fault, &faults), -EINVAL);
	assert_string_equal(faults.texts,
		"0:0 gateway carrier: a trunk, span or group of this machine has that name already; give it another\n"
		"0:0 two gateways have the name nothing\n"
		"0:0 gateway london: there is no trunk, span or group moon\n"
		"0:0 gateway london: the member moon is listed twice\n"
		"2:1 gateway world: its member london is a gateway of the tables as well; members are trunks, spans "
		"and groups\n"
		"0:0 gateway nothing: it has no members\n"
		"0:0 gateway nothing: it has no members\n"
		"0:0 route london: there is no trunk, span, group or gateway lodnon, did you mean london?\n");
}

/* ---- Faults ---- */

static void finds_every_fault(void **state)
{
	static struct dp_rule rules[] = {
		{ .name = "a", .pattern = "^0(", .translation = "$1", .place = { 3, 5 } },
		{ .name = "a", .pattern = "^0", .translation = "$1", .place = { 4, 5 } },
	};
	static struct dp_ruleset sets[] = { { .name = "x", .rules = rules, .rule_count = 2, .place = { 2, 3 } },
					    { .name = "x", .place = { 5, 3 } } };
	static char *twice[] = { "U", "U" }, *unknown[] = { "U", "V" };
	static struct dp_policy two[] = { { .name = "p", .usages = unknown, .usage_count = 2, .place = { 7, 3 } },
					  { .name = "p", .usages = twice, .usage_count = 2, .place = { 8, 3 } } };
	static struct dp_gateway_ref refs[] = { { .name = "carrier", .weight = 1, .place = { 10, 9 } },
						{ .name = "carrier", .weight = 0, .place = { 11, 9 } },
						{ .name = "moon", .weight = 1, .place = { 12, 9 } } };
	static struct dp_route faulty[] = {
		{ .name = "r", .pattern = "^[0-9-[4]]", .usages = unknown, .usage_count = 2, .gateways = refs,
		  .gateway_count = 3, .place = { 9, 3 } },
		{ .name = "r", .pattern = "1", .place = { 14, 3 } },
	};
	struct dialplan_tables tables = { .dial_plans = sets, .dial_plan_count = 2, .usages = twice, .usage_count = 2,
					  .policies = two, .policy_count = 2, .routes = faulty, .route_count = 2 };
	struct dialplan *plan = NULL;
	struct faults faults = { 0 };

	(void)state;
	assert_int_equal(dialplan_compile(&plan, &tables, gateways, COUNT(gateways), note_fault, &faults), -EINVAL);
	assert_null(plan);
	assert_string_equal(faults.texts,
		"5:3 two dial plans have the name x; the first stands on line 2\n"
		"3:5 dial plan x, rule a: pattern '^0(': at offset 3: missing closing parenthesis\n"
		"4:5 dial plan x, rule a: translation '$1': at offset 0: $1: the pattern has 0 groups\n"
		"4:5 two rules of dial plan x have the name a; the first stands on line 3\n"
		"0:0 two usages have the name U\n"
		"7:3 policy p: there is no usage V; add it first, or list another\n"
		"8:3 policy p: the usage U is listed twice\n"
		"8:3 two policies have the name p; the first stands on line 7\n"
		"14:3 two routes have the name r; the first stands on line 9\n"
		"9:3 route r: pattern '^[0-9-[4]]': at offset 5: class subtraction as in [0-9-[4]] is not supported; "
		"write (?!4)[0-9]\n"
		"9:3 route r: there is no usage V; add it first, or list another\n"
		"11:9 route r: the weight of carrier must be 1 to 1000\n"
		"11:9 route r: the gateway carrier is listed twice\n"
		"12:9 route r: there is no trunk, span, group or gateway moon\n"
		"14:3 route r: it has no usages, so no policy leads to it\n"
		"14:3 route r: it has no gateways\n");
	assert_int_equal(faults.count, 16);
}

static void checks_tables_without_gateways(void **state)
{
	struct dialplan *plan = NULL;

	(void)state;
	assert_int_equal(dialplan_compile(&plan, &site, NULL, 0, NULL, NULL), 0);
	assert_int_equal(dialplan_route_count(plan), COUNT(routes));
	assert_string_equal(dialplan_route_name(plan, 0), "inside");
	assert_string_equal(dialplan_route_name(plan, 4), "999");
	assert_null(dialplan_route_name(plan, 5));
	assert_true(dialplan_has_policy(plan, "lobby"));
	assert_false(dialplan_has_policy(plan, "nobody"));
	assert_true(dialplan_has_dial_plan(plan, "london"));
	assert_false(dialplan_has_dial_plan(plan, "carrier"));
	assert_true(dialplan_has_translation(plan, "carrier"));
	assert_false(dialplan_has_translation(plan, "london"));
	assert_false(dialplan_has_translation(plan, NULL));
	dialplan_unref(&plan);
}

static void is_shared(void **state)
{
	struct dialplan *other = dialplan_ref(*state);
	char text[512];

	assert_int_equal(dialplan_refs(*state), 2);
	dialplan_unref(&other);
	assert_int_equal(dialplan_refs(*state), 1);
	assert_null(other);
	dialplan_unref(&other);
	assert_string_equal(decide(*state, "staff", "+441611230000", text), "uk/0 uk/2");
}

/* Many threads read one snapshot; round robin stays exact among them. */
struct reader {
	pthread_t thread;
	struct dialplan *plan;
	unsigned first[3];
};

#define READERS 4
#define DECISIONS 500

static void *read_plan(void *arg)
{
	struct reader *reader = arg;
	struct dp_request request = { .policy = "lobby", .called = "+442079460000" };
	struct dp_decision decision;

	for (int i = 0; i < DECISIONS; i++) {
		struct party_number in = number("02079460000", NUMBER_UNKNOWN);

		if (dialplan_route(reader->plan, &request, &decision, NULL) == 0)
			reader->first[decision.candidates[0].gateway]++;
		dialplan_normalize(reader->plan, "london", &in, &in, NULL);
	}
	dialplan_unref(&reader->plan);
	return NULL;
}

static void serves_many_threads(void **state)
{
	struct reader readers[READERS] = { 0 };
	unsigned a = 0, b = 0;

	for (int i = 0; i < READERS; i++) {
		readers[i].plan = dialplan_ref(*state);
		assert_int_equal(pthread_create(&readers[i].thread, NULL, read_plan, &readers[i]), 0);
	}
	for (int i = 0; i < READERS; i++) {
		pthread_join(readers[i].thread, NULL);
		a += readers[i].first[E1_A];
		b += readers[i].first[E1_B];
	}
	assert_int_equal(a, READERS * DECISIONS / 2);
	assert_int_equal(b, READERS * DECISIONS / 2);
}

static void keeps_to_64_candidates(void **state)
{
	static char *all[] = { "U" };
	static struct dp_policy policy[] = { { .name = "p", .usages = all, .usage_count = 1 } };
	static struct dp_gateway_ref group[] = { { .name = "g", .weight = 1 } };
	struct dp_route route[] = { { .name = "r", .pattern = "", .usages = all, .usage_count = 1, .gateways = group,
				      .gateway_count = 1, .selection = DP_WEIGHTED } };
	struct dialplan_tables tables = { .usages = all, .usage_count = 1, .policies = policy, .policy_count = 1,
					  .routes = route, .route_count = 1 };
	struct dp_gateway_name names[300];
	static char members[300][8];
	struct dp_request request = { .policy = "p", .called = "1" };
	struct dp_decision decision;
	struct dialplan *plan = NULL;
	struct faults faults = { 0 };

	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		sprintf(members[i], "m%u", i);
		names[i] = (struct dp_gateway_name){ "g", i, members[i] };
	}
	assert_int_equal(dialplan_compile(&plan, &tables, names, 256, NULL, NULL), 0);
	assert_int_equal(dialplan_route(plan, &request, &decision, NULL), 0);
	assert_int_equal(decision.count, DP_CANDIDATES_MAX);
	dialplan_unref(&plan);
	assert_int_equal(dialplan_compile(&plan, &tables, names, 300, note_fault, &faults), -EINVAL);
	assert_string_equal(faults.texts, "0:0 route r: more than 256 gateways, members of groups counted\n");
}

static void survives_want_of_memory(void **state)
{
	struct dp_request request = { .policy = "staff", .called = "+442071230000" };
	struct party_number in = number("02079460000", NUMBER_UNKNOWN), out;
	struct dialplan *plan = NULL;
	struct dp_decision decision;
	long n = 0;
	int rc;

	do {
		mem_fail_after(n++);
		rc = dialplan_compile(&plan, &site, gateways, COUNT(gateways), NULL, NULL);
		assert_true(rc == 0 || rc == -ENOMEM);
		assert_int_equal(rc != 0, plan == NULL);
		dialplan_unref(&plan);
	} while (mem_failed());
	assert_true(n > 50);
	mem_fail_after(0);
	assert_int_equal(dialplan_route(*state, &request, &decision, NULL), -ENOMEM);
	mem_fail_after(0);
	assert_int_equal(dialplan_normalize(*state, "london", &in, &out, NULL), -ENOMEM);
	assert_string_equal(out.digits, in.digits);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(normalizes, setup, teardown),
		cmocka_unit_test_setup_teardown(leaves_numbers_without_a_plan, setup, teardown),
		cmocka_unit_test_setup_teardown(translates, setup, teardown),
		cmocka_unit_test_setup_teardown(walks_usages_then_priorities, setup, teardown),
		cmocka_unit_test_setup_teardown(describes_candidates, setup, teardown),
		cmocka_unit_test_setup_teardown(knows_emergency_numbers, setup, teardown),
		cmocka_unit_test_setup_teardown(puts_emergency_first, setup, teardown),
		cmocka_unit_test_setup_teardown(turns_round_robin, setup, teardown),
		cmocka_unit_test_setup_teardown(shares_by_weight, setup, teardown),
		cmocka_unit_test_setup_teardown(explains_rules, setup, teardown),
		cmocka_unit_test_setup_teardown(explains_every_route, setup, teardown),
		cmocka_unit_test_setup_teardown(resolves_names_of_gateways, setup, teardown),
		cmocka_unit_test_setup_teardown(finds_faults_of_names, setup, teardown),
		cmocka_unit_test_setup_teardown(finds_every_fault, setup, teardown),
		cmocka_unit_test_setup_teardown(checks_tables_without_gateways, setup, teardown),
		cmocka_unit_test_setup_teardown(is_shared, setup, teardown),
		cmocka_unit_test_setup_teardown(serves_many_threads, setup, teardown),
		cmocka_unit_test_setup_teardown(keeps_to_64_candidates, setup, teardown),
		cmocka_unit_test_setup_teardown(survives_want_of_memory, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
