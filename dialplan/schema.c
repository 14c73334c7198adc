/* SPDX-License-Identifier: GPL-2.0-only */
#include "dialplan/schema.h"

#include "base/mem.h"
#include "dialplan/pattern.h"
#include "dialplan/replacement.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- Rules ---- */

static const struct schema_choice type_choices[] = {
	{ "by-form", -1 },
	{ "unknown", NUMBER_UNKNOWN },
	{ "international", NUMBER_INTERNATIONAL },
	{ "national", NUMBER_NATIONAL },
	{ "network-specific", NUMBER_NETWORK_SPECIFIC },
	{ "subscriber", NUMBER_SUBSCRIBER },
	{ "abbreviated", NUMBER_ABBREVIATED },
	{ 0 },
};
static const struct schema_choice match_type_choices[] = {
	{ "any", -1 },
	{ "unknown", NUMBER_UNKNOWN },
	{ "international", NUMBER_INTERNATIONAL },
	{ "national", NUMBER_NATIONAL },
	{ "network-specific", NUMBER_NETWORK_SPECIFIC },
	{ "subscriber", NUMBER_SUBSCRIBER },
	{ "abbreviated", NUMBER_ABBREVIATED },
	{ 0 },
};
static const struct schema_choice plan_choices[] = {
	{ "isdn", PLAN_ISDN },
	{ "unknown", PLAN_UNKNOWN },
	{ "data", PLAN_DATA },
	{ "telex", PLAN_TELEX },
	{ "national", PLAN_NATIONAL },
	{ "private", PLAN_PRIVATE },
	{ 0 },
};

static const struct schema_field rule_fields[] = {
	{ .key = "name",
	  .type = SCHEMA_STRING,
	  SCHEMA_AT(struct dp_rule, name),
	  .required = true,
	  .max = 64,
	  .help = "of the rule, as gwctl route test shows it" },
	{ .key = "pattern",
	  .type = SCHEMA_STRING,
	  SCHEMA_AT(struct dp_rule, pattern),
	  .required = true,
	  .help = "regular expression as in .NET; anchored only where ^ and $ say so" },
	{ .key = "translation",
	  .type = SCHEMA_STRING,
	  SCHEMA_AT(struct dp_rule, translation),
	  .required = true,
	  .may_be_empty = true,
	  .help = "the whole result, with $1 ${1}0 ${name} $& for what was matched" },
	{ .key = "type",
	  .type = SCHEMA_ENUM,
	  SCHEMA_AT(struct dp_rule, type),
	  .choices = type_choices,
	  .initial = "by-form",
	  .help = "type of number of the result; by-form: international when it begins with +" },
	{ .key = "plan",
	  .type = SCHEMA_ENUM,
	  SCHEMA_AT(struct dp_rule, plan),
	  .choices = plan_choices,
	  .initial = "isdn",
	  .help = "numbering plan of the result" },
	{ .key = "match-type",
	  .type = SCHEMA_ENUM,
	  SCHEMA_AT(struct dp_rule, match_type),
	  .choices = match_type_choices,
	  .initial = "any",
	  .help = "only for numbers that came with this type of number" },
	{ .key = "description",
	  .type = SCHEMA_STRING,
	  SCHEMA_AT(struct dp_rule, description),
	  .help = "for people" },
	{ 0 },
};
static const struct schema rule_schema = {
	.what = "rule",
	.size = sizeof(struct dp_rule),
	.place_offset = offsetof(struct dp_rule, place),
	.name_offset = SCHEMA_NONE,
	.fields = rule_fields,
};
static const struct schema_field rule_element = {
	.type = SCHEMA_STRUCT,
	.size = sizeof(struct dp_rule),
	.schema = &rule_schema,
};

static const struct schema_field ruleset_fields[] = {
	{ .key = "rules",
	  .type = SCHEMA_LIST,
	  SCHEMA_LIST_AT(struct dp_ruleset, rules, rule_count),
	  .element = &rule_element,
	  .help = "in order; the first that matches is taken" },
	{ 0 },
};
static const struct schema dial_plan_schema = {
	.what = "dial plan",
	.kind = "dial-plan",
	.bare = "rules",
	.size = sizeof(struct dp_ruleset),
	.name_offset = offsetof(struct dp_ruleset, name),
	.place_offset = offsetof(struct dp_ruleset, place),
	.fields = ruleset_fields,
};
static const struct schema translation_schema = {
	.what = "translation",
	.kind = "translation",
	.bare = "rules",
	.size = sizeof(struct dp_ruleset),
	.name_offset = offsetof(struct dp_ruleset, name),
	.place_offset = offsetof(struct dp_ruleset, place),
	.fields = ruleset_fields,
};

/* ---- Policies and routes ---- */

static const struct schema_field usage_name = {
	.type = SCHEMA_STRING,
	.size = sizeof(char *),
	.defines = "usage",
	.max = 64,
};
static const struct schema_field usage_reference = {
	.type = SCHEMA_REFERENCE,
	.size = sizeof(char *),
	.refers = "usage",
};

static const struct schema_field policy_fields[] = {
	{ .key = "usages",
	  .type = SCHEMA_LIST,
	  SCHEMA_LIST_AT(struct dp_policy, usages, usage_count),
	  .element = &usage_reference,
	  .help = "what calls may use, tried in this order" },
	{ 0 },
};
static const struct schema policy_schema = {
	.what = "policy",
	.kind = "policy",
	.bare = "usages",
	.size = sizeof(struct dp_policy),
	.name_offset = offsetof(struct dp_policy, name),
	.place_offset = offsetof(struct dp_policy, place),
	.fields = policy_fields,
};

static const struct schema_choice selection_choices[] = {
	{ "ordered", DP_ORDERED },
	{ "round-robin", DP_ROUND_ROBIN },
	{ "weighted", DP_WEIGHTED },
	{ 0 },
};
static const struct schema_field gateway_ref_fields[] = {
	{ .key = "name",
	  .type = SCHEMA_REFERENCE,
	  SCHEMA_AT(struct dp_gateway_ref, name),
	  .required = true,
	  .refers = "trunk span group gateway",
	  .help = "a trunk, a span, a group of spans, or one of gateways" },
	{ .key = "weight",
	  .type = SCHEMA_INTEGER,
	  SCHEMA_AT(struct dp_gateway_ref, weight),
	  .initial = "1",
	  .min = 1,
	  .max = 1000,
	  .help = "share of the calls when the selection is weighted" },
	{ 0 },
};
static const struct schema gateway_ref_schema = {
	.what = "gateway",
	.bare = "name",
	.size = sizeof(struct dp_gateway_ref),
	.fields = gateway_ref_fields,
	.name_offset = SCHEMA_NONE,
	.place_offset = offsetof(struct dp_gateway_ref, place),
};
static const struct schema_field gateway_element = {
	.type = SCHEMA_STRUCT,
	.size = sizeof(struct dp_gateway_ref),
	.schema = &gateway_ref_schema,
};

static const struct schema_field member_reference = {
	.type = SCHEMA_REFERENCE,
	.size = sizeof(char *),
	.refers = "trunk span group",
};
static const struct schema_field gateway_fields[] = {
	{ .key = "members",
	  .type = SCHEMA_LIST,
	  SCHEMA_LIST_AT(struct dp_gateway, members, member_count),
	  .element = &member_reference,
	  .required = true,
	  .min = 1,
	  .max = 64,
	  .help = "trunks, spans or groups that it stands for, in this order" },
	{ .key = "description",
	  .type = SCHEMA_STRING,
	  SCHEMA_AT(struct dp_gateway, description),
	  .help = "for people" },
	{ 0 },
};
static const struct schema gateway_schema = {
	.what = "gateway",
	.kind = "gateway",
	.bare = "members",
	.size = sizeof(struct dp_gateway),
	.name_offset = offsetof(struct dp_gateway, name),
	.place_offset = offsetof(struct dp_gateway, place),
	.fields = gateway_fields,
};

static const struct schema_field route_fields[] = {
	{ .key = "pattern",
	  .type = SCHEMA_STRING,
	  SCHEMA_AT(struct dp_route, pattern),
	  .required = true,
	  .help = "regular expression on the normalized called number" },
	{ .key = "usages",
	  .type = SCHEMA_LIST,
	  SCHEMA_LIST_AT(struct dp_route, usages, usage_count),
	  .element = &usage_reference,
	  .help = "the usages that lead here; emergency routes need none" },
	{ .key = "gateways",
	  .type = SCHEMA_LIST,
	  SCHEMA_LIST_AT(struct dp_route, gateways, gateway_count),
	  .element = &gateway_element,
	  .required = true,
	  .min = 1,
	  .max = 64,
	  .help = "trunks, spans, groups or names of gateways, tried one after the other" },
	{ .key = "priority",
	  .type = SCHEMA_INTEGER,
	  SCHEMA_AT(struct dp_route, priority),
	  .initial = "100",
	  .min = -1000000,
	  .max = 1000000,
	  .help = "the lowest is tried first, then by position in the file" },
	{ .key = "selection",
	  .type = SCHEMA_ENUM,
	  SCHEMA_AT(struct dp_route, selection),
	  .choices = selection_choices,
	  .initial = "ordered",
	  .help = "which gateway comes first" },
	{ .key = "emergency",
	  .type = SCHEMA_BOOL,
	  SCHEMA_AT(struct dp_route, emergency),
	  .initial = "false",
	  .help = "comes before everything and needs no policy" },
	{ .key = "suppress-caller-id",
	  .type = SCHEMA_BOOL,
	  SCHEMA_AT(struct dp_route, suppress_caller_id),
	  .initial = "false",
	  .help = "the caller's number is not shown" },
	{ .key = "alternate-caller-id",
	  .type = SCHEMA_STRING,
	  SCHEMA_AT(struct dp_route, alternate_caller_id),
	  .max = NUMBER_DIGITS - 1,
	  .help = "shown instead of a suppressed number" },
	{ .key = "description",
	  .type = SCHEMA_STRING,
	  SCHEMA_AT(struct dp_route, description),
	  .help = "for people" },
	{ 0 },
};
static const struct schema route_schema = {
	.what = "route",
	.kind = "route",
	.size = sizeof(struct dp_route),
	.name_offset = offsetof(struct dp_route, name),
	.place_offset = offsetof(struct dp_route, place),
	.fields = route_fields,
};

static const struct schema_field tables_fields[] = {
	{ .key = "dial-plans",
	  .type = SCHEMA_MAP,
	  .schema = &dial_plan_schema,
	  SCHEMA_LIST_AT(struct dialplan_tables, dial_plans, dial_plan_count),
	  .help = "rules that make numbers E.164 as they come in" },
	{ .key = "translations",
	  .type = SCHEMA_MAP,
	  .schema = &translation_schema,
	  SCHEMA_LIST_AT(struct dialplan_tables, translations, translation_count),
	  .help = "rules that make of E.164 what a carrier or exchange wants" },
	{ .key = "usages",
	  .type = SCHEMA_LIST,
	  .element = &usage_name,
	  SCHEMA_LIST_AT(struct dialplan_tables, usages, usage_count),
	  .help = "all PSTN usages that there are" },
	{ .key = "policies",
	  .type = SCHEMA_MAP,
	  .schema = &policy_schema,
	  SCHEMA_LIST_AT(struct dialplan_tables, policies, policy_count),
	  .help = "voice policies: which usages calls may use" },
	{ .key = "routes",
	  .type = SCHEMA_MAP,
	  .schema = &route_schema,
	  SCHEMA_LIST_AT(struct dialplan_tables, routes, route_count),
	  .help = "where numbers go" },
	{ .key = "gateways",
	  .type = SCHEMA_MAP,
	  .schema = &gateway_schema,
	  SCHEMA_LIST_AT(struct dialplan_tables, gateways, gateway_count),
	  .help = "names of your own for trunks, spans and groups" },
	{ 0 },
};
const struct schema dialplan_schema = {
	.what = "dial plan tables",
	.size = sizeof(struct dialplan_tables),
	.fields = tables_fields,
	.name_offset = SCHEMA_NONE,
	.place_offset = SCHEMA_NONE,
};

/* ---- Cross checks: what compiling would find, but each at the place of the very value ---- */

struct check {
	struct conf_document *document;
	struct pattern_engine *engine;
};

static void check_rule(const struct check *c, const struct dp_rule *rule)
{
	struct pattern *pattern = NULL;
	struct replacement *replacement = NULL;
	char why[PATTERN_WHY];

	if (!rule->pattern || !rule->translation)
		return; /* told already */
	switch (pattern_compile(&pattern, c->engine, rule->pattern, why)) {
	case 0:
		if (replacement_compile(&replacement, rule->translation, pattern, why) == -EINVAL)
			conf_fault(c->document, conf_place_of(c->document, &rule->translation),
				   "translation: %s", why);
		break;
	case -EINVAL:
		conf_fault(c->document, conf_place_of(c->document, &rule->pattern), "pattern: %s",
			   why);
		break;
	default:
		break; /* no memory: compiling will say so */
	}
	replacement_destroy(&replacement);
	pattern_destroy(&pattern);
}

/* Names in sequences are not keys, so the reader lets two of them pass. */
struct placed_name {
	const char *name;
	struct conf_place place;
};

static int compare_placed(const void *a, const void *b)
{
	const struct placed_name *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	if (order)
		return order;
	if (x->place.line != y->place.line)
		return x->place.line < y->place.line ? -1 : 1;
	return (x->place.column > y->place.column) - (x->place.column < y->place.column);
}

static void tell_second(const struct check *c, const struct placed_name *name,
			const struct placed_name *first, const char *what)
{
	if (name->place.line == first->place.line)
		conf_fault(c->document, name->place, "the %s %s is listed twice", what, name->name);
	else
		conf_fault(c->document, name->place, "the %s %s is there already, on line %u", what,
			   name->name, first->place.line);
}

static void check_unique(const struct check *c, struct placed_name *names, size_t count,
			 const char *what)
{
	qsort(names, count, sizeof(*names), compare_placed);
	for (size_t i = 1; i < count; i++)
		if (strcmp(names[i].name, names[i - 1].name) == 0)
			tell_second(c, &names[i], &names[i - 1], what);
}

static void check_texts(const struct check *c, char *const *texts, size_t count, const char *what)
{
	struct placed_name *names = mem_calloc(count, sizeof(*names));
	size_t n = 0;

	for (size_t i = 0; names && i < count; i++)
		if (texts[i])
			names[n++] = (struct placed_name){ texts[i],
							   conf_place_of(c->document, &texts[i]) };
	if (names)
		check_unique(c, names, n, what);
	mem_free(names);
}

static void check_ruleset(const struct check *c, const struct dp_ruleset *set)
{
	struct placed_name *names = mem_calloc(set->rule_count, sizeof(*names));
	size_t n = 0;

	for (size_t i = 0; i < set->rule_count; i++) {
		check_rule(c, &set->rules[i]);
		if (names && set->rules[i].name)
			names[n++] =
				(struct placed_name){ set->rules[i].name, set->rules[i].place };
	}
	if (names)
		check_unique(c, names, n, "rule");
	mem_free(names);
}

static void check_route(const struct check *c, const struct dp_route *route)
{
	struct pattern *pattern = NULL;
	char why[PATTERN_WHY];

	if (route->pattern && pattern_compile(&pattern, c->engine, route->pattern, why) == -EINVAL)
		conf_fault(c->document, conf_place_of(c->document, &route->pattern), "pattern: %s",
			   why);
	pattern_destroy(&pattern);
	check_texts(c, route->usages, route->usage_count, "usage");
	if (route->usage_count == 0 && !route->emergency)
		conf_fault(c->document, route->place,
			   "the route has no usages, so no policy leads to it; "
			   "give it `usages: [ … ]` or `emergency: true`");
	for (size_t i = 1; i < route->gateway_count; i++)
		for (size_t k = 0; k < i; k++)
			if (route->gateways[i].name && route->gateways[k].name &&
			    strcmp(route->gateways[i].name, route->gateways[k].name) == 0)
				conf_fault(c->document, route->gateways[i].place,
					   "the gateway %s is listed twice",
					   route->gateways[i].name);
}

void dialplan_check(struct conf_document *document, void *into)
{
	const struct dialplan_tables *tables = into;
	struct check c = { .document = document };

	if (pattern_engine_create(&c.engine))
		return;
	for (size_t i = 0; i < tables->dial_plan_count; i++)
		check_ruleset(&c, &tables->dial_plans[i]);
	for (size_t i = 0; i < tables->translation_count; i++)
		check_ruleset(&c, &tables->translations[i]);
	check_texts(&c, tables->usages, tables->usage_count, "usage");
	for (size_t i = 0; i < tables->policy_count; i++)
		check_texts(&c, tables->policies[i].usages, tables->policies[i].usage_count,
			    "usage");
	for (size_t i = 0; i < tables->route_count; i++)
		check_route(&c, &tables->routes[i]);
	for (size_t i = 0; i < tables->gateway_count; i++)
		check_texts(&c, tables->gateways[i].members, tables->gateways[i].member_count,
			    "member");
	pattern_engine_destroy(&c.engine);
}

/* ---- One object by itself ---- */

static const struct schema_field no_fields[] = { { 0 } };

#define BODY_RULESET(words)                                                                        \
	&(const struct schema)                                                                     \
	{                                                                                          \
		.what = words, .size = sizeof(struct dp_ruleset), .fields = no_fields,             \
		.name_offset = offsetof(struct dp_ruleset, name), .place_offset = SCHEMA_NONE      \
	}
/* The fields of a rule without the first, its name. */
#define BODY_RULE(words)                                                                           \
	&(const struct schema)                                                                     \
	{                                                                                          \
		.what = words, .size = sizeof(struct dp_rule), .fields = rule_fields + 1,          \
		.name_offset = offsetof(struct dp_rule, name), .place_offset = SCHEMA_NONE         \
	}

static void check_rule_body(struct conf_document *document, void *into)
{
	struct check c = { .document = document };

	if (pattern_engine_create(&c.engine) == 0)
		check_rule(&c, into);
	pattern_engine_destroy(&c.engine);
}

static void check_route_body(struct conf_document *document, void *into)
{
	struct check c = { .document = document };

	if (pattern_engine_create(&c.engine) == 0)
		check_route(&c, into);
	pattern_engine_destroy(&c.engine);
}

static void check_policy_body(struct conf_document *document, void *into)
{
	const struct dp_policy *policy = into;

	check_texts(&(struct check){ .document = document }, policy->usages, policy->usage_count,
		    "usage");
}

static void check_gateway_body(struct conf_document *document, void *into)
{
	const struct dp_gateway *gateway = into;

	check_texts(&(struct check){ .document = document }, gateway->members,
		    gateway->member_count, "member");
}

const struct dialplan_body dialplan_dial_plan_body = { BODY_RULESET("dial plan"), NULL };
const struct dialplan_body dialplan_rule_body = { BODY_RULE("rule"), check_rule_body };
const struct dialplan_body dialplan_translation_body = { BODY_RULESET("translation"), NULL };
const struct dialplan_body dialplan_translation_rule_body = { BODY_RULE("translation rule"),
							      check_rule_body };
const struct dialplan_body dialplan_usage_body = {
	&(const struct schema){ .what = "usage",
				.size = sizeof(struct dp_usage),
				.fields = no_fields,
				.name_offset = offsetof(struct dp_usage, name),
				.place_offset = SCHEMA_NONE },
	NULL
};
const struct dialplan_body dialplan_policy_body = { &policy_schema, check_policy_body };
const struct dialplan_body dialplan_route_body = { &route_schema, check_route_body };
const struct dialplan_body dialplan_gateway_body = { &gateway_schema, check_gateway_body };
