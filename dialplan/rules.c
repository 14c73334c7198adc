/* SPDX-License-Identifier: GPL-2.0-only */
/* Normalization and translation: named lists of rules, the first that matches makes the number. */
#include "dialplan/plan_private.h"

#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Compiling ---- */

static int build_rule(struct plan_builder *b, const char *kind, const struct dp_ruleset *set,
		      const struct dp_rule *from, struct plan_rule *to)
{
	char why[PATTERN_WHY];
	int rc;

	to->type = from->type;
	to->plan = from->plan;
	to->match_type = from->match_type;
	to->name = mem_strdup(from->name);
	if (!to->name)
		return -ENOMEM;
	rc = pattern_compile(&to->pattern, b->plan->engine, from->pattern, why);
	if (rc == -EINVAL) {
		plan_fault(b, from->place, "%s %s, rule %s: pattern '%s': %s", kind, set->name,
			   from->name, from->pattern, why);
		return 0;
	}
	if (rc)
		return rc;
	rc = replacement_compile(&to->translation, from->translation, to->pattern, why);
	if (rc == -EINVAL) {
		plan_fault(b, from->place, "%s %s, rule %s: translation '%s': %s", kind, set->name,
			   from->name, from->translation, why);
		return 0;
	}
	return rc;
}

static int check_rule_names(struct plan_builder *b, const char *kind, const struct dp_ruleset *set)
{
	struct plan_name *names = mem_calloc(set->rule_count, sizeof(*names));
	char what[160];

	if (!names)
		return -ENOMEM;
	for (size_t i = 0; i < set->rule_count; i++)
		names[i] = (struct plan_name){ set->rules[i].name, set->rules[i].place };
	snprintf(what, sizeof(what), "rules of %s %s", kind, set->name);
	plan_check_names(b, names, set->rule_count, what);
	mem_free(names);
	return 0;
}

static int build_ruleset(struct plan_builder *b, const char *kind, const struct dp_ruleset *from,
			 struct plan_rules *to)
{
	int rc;

	to->name = mem_strdup(from->name);
	to->rules = mem_calloc(from->rule_count, sizeof(*to->rules));
	if (!to->name || !to->rules)
		return -ENOMEM;
	to->count = from->rule_count;
	rc = prefix_index_create(&to->index);
	for (size_t i = 0; rc == 0 && i < to->count; i++) {
		rc = build_rule(b, kind, from, &from->rules[i], &to->rules[i]);
		if (rc == 0 && to->rules[i].pattern)
			rc = prefix_index_add(to->index, from->rules[i].pattern, (uint32_t)i);
	}
	return rc ? rc : check_rule_names(b, kind, from);
}

static int compare_rulesets(const void *a, const void *b)
{
	return strcmp(((const struct plan_rules *)a)->name, ((const struct plan_rules *)b)->name);
}

static int check_ruleset_names(struct plan_builder *b, const char *kind,
			       const struct dp_ruleset *sets, size_t count)
{
	struct plan_name *names = mem_calloc(count, sizeof(*names));
	char what[32];

	if (!names)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		names[i] = (struct plan_name){ sets[i].name, sets[i].place };
	snprintf(what, sizeof(what), "%ss", kind);
	plan_check_names(b, names, count, what);
	mem_free(names);
	return 0;
}

static int build_rulesets(struct plan_builder *b, const char *kind, const struct dp_ruleset *from,
			  size_t count, struct plan_rules **out, size_t *out_count)
{
	int rc = check_ruleset_names(b, kind, from, count);

	if (rc)
		return rc;
	*out = mem_calloc(count, sizeof(**out));
	if (!*out)
		return -ENOMEM;
	for (size_t i = 0; rc == 0 && i < count; i++) {
		(*out_count)++;
		rc = build_ruleset(b, kind, &from[i], &(*out)[i]);
	}
	if (rc == 0)
		qsort(*out, count, sizeof(**out), compare_rulesets);
	return rc;
}

int plan_build_rules(struct plan_builder *b)
{
	const struct dialplan_tables *tables = b->tables;
	struct dialplan *plan = b->plan;
	int rc = build_rulesets(b, "dial plan", tables->dial_plans, tables->dial_plan_count,
				&plan->dial_plans, &plan->dial_plan_count);

	if (rc)
		return rc;
	return build_rulesets(b, "translation", tables->translations, tables->translation_count,
			      &plan->translations, &plan->translation_count);
}

static void free_rulesets(struct plan_rules *sets, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < sets[i].count; k++) {
			pattern_destroy(&sets[i].rules[k].pattern);
			replacement_destroy(&sets[i].rules[k].translation);
			mem_free(sets[i].rules[k].name);
		}
		prefix_index_destroy(&sets[i].index);
		mem_free(sets[i].rules);
		mem_free(sets[i].name);
	}
	mem_free(sets);
}

void plan_free_rules(struct dialplan *plan)
{
	free_rulesets(plan->dial_plans, plan->dial_plan_count);
	free_rulesets(plan->translations, plan->translation_count);
}

/* ---- Applying ---- */

struct application {
	const struct dialplan *plan;
	const struct plan_rules *set;
	struct party_number in; /* a copy: in and out may be one */
	struct party_number *out;
	struct matcher *matcher;
	const struct dp_explain *explain;
	enum dp_step step;
	bool gave_up; /* a rule hit the match limit */
};

static int compare_to_name(const void *name, const void *set)
{
	return strcmp(name, ((const struct plan_rules *)set)->name);
}

static const struct plan_rules *find_ruleset(const struct plan_rules *sets, size_t count,
					     const char *name)
{
	return name && count ? bsearch(name, sets, count, sizeof(*sets), compare_to_name) : NULL;
}

bool dialplan_has_dial_plan(const struct dialplan *plan, const char *name)
{
	return find_ruleset(plan->dial_plans, plan->dial_plan_count, name) != NULL;
}

bool dialplan_has_translation(const struct dialplan *plan, const char *name)
{
	return find_ruleset(plan->translations, plan->translation_count, name) != NULL;
}

static void tell(const struct application *a, const struct plan_rule *rule, bool matched,
		 const char *after, const char *why)
{
	plan_explain(a->explain, &(struct dp_explanation){ .step = a->step,
							   .matched = matched,
							   .table = a->set->name,
							   .object = rule->name,
							   .before = a->in.digits,
							   .after = after,
							   .why = why });
}

static uint8_t type_of_result(const struct plan_rule *rule, const char *digits)
{
	if (rule->type >= 0)
		return (uint8_t)rule->type;
	return digits[0] == '+' ? NUMBER_INTERNATIONAL : NUMBER_UNKNOWN;
}

/* 1, 0 or an error. A rule that gave up is passed over. */
static int apply_rule(struct application *a, const struct plan_rule *rule)
{
	struct party_number result = a->in;
	char why[PATTERN_LENGTH_MAX + 64];
	int rc;

	if (rule->match_type >= 0 && rule->match_type != a->in.type) {
		tell(a, rule, false, NULL, "the rule is for another type of number");
		return 0;
	}
	rc = plan_match(a->plan, rule->pattern, a->matcher, a->in.digits);
	if (rc == -ELOOP) {
		a->gave_up = true;
		tell(a, rule, false, NULL, "the pattern was given up at the match limit");
		return 0;
	}
	if (rc == 0 && plan_explains_all(a->explain)) {
		snprintf(why, sizeof(why), "does not match %s", pattern_text(rule->pattern));
		tell(a, rule, false, NULL, why);
	}
	if (rc <= 0)
		return rc;
	rc = replacement_expand(rule->translation, a->matcher, a->in.digits, strlen(a->in.digits),
				result.digits, sizeof(result.digits));
	if (rc < 0) {
		tell(a, rule, false, NULL,
		     "matches, but its result is longer than a number can be");
		return rc;
	}
	result.type = type_of_result(rule, result.digits);
	result.plan = (uint8_t)(rule->plan >= 0 ? rule->plan : PLAN_ISDN);
	result.present |= result.digits[0] != '\0';
	tell(a, rule, true, result.digits, NULL);
	*a->out = result;
	return 1;
}

static int apply_indexed(struct application *a)
{
	struct prefix_cursor cursor;
	uint32_t item;
	int rc = 0;

	prefix_index_find(a->set->index, a->in.digits, &cursor);
	while (rc == 0 && prefix_cursor_next(&cursor, &item))
		rc = apply_rule(a, &a->set->rules[item]);
	return rc;
}

/* The same, one by one, so that each rule has its say. */
static int apply_explained(struct application *a)
{
	int rc = 0;

	for (size_t i = 0; i < a->set->count; i++) {
		if (rc == 0)
			rc = apply_rule(a, &a->set->rules[i]);
		else
			tell(a, &a->set->rules[i], false, NULL,
			     "not tried: the first rule that matches is taken");
	}
	return rc;
}

static int apply(struct application *a)
{
	int rc = matcher_create(&a->matcher, a->plan->engine);

	*a->out = a->in;
	if (rc)
		return rc;
	rc = plan_explains_all(a->explain) ? apply_explained(a) : apply_indexed(a);
	matcher_destroy(&a->matcher);
	return rc == 0 && a->gave_up ? -ELOOP : rc;
}

static int apply_named(struct application *a, const char *name, const char *what)
{
	char why[160];

	if (a->set)
		return apply(a);
	if (name)
		snprintf(why, sizeof(why), "there is no %s of this name: the number stays as it is",
			 what);
	else
		snprintf(why, sizeof(why), "no %s is set: the number stays as it is", what);
	plan_explain(a->explain, &(struct dp_explanation){ .step = a->step,
							   .table = name,
							   .before = a->in.digits,
							   .after = a->in.digits,
							   .why = why });
	*a->out = a->in;
	return 0;
}

int dialplan_normalize(const struct dialplan *plan, const char *dial_plan,
		       const struct party_number *in, struct party_number *out,
		       const struct dp_explain *explain)
{
	struct application a = {
		.plan = plan,
		.in = *in,
		.out = out,
		.explain = explain,
		.step = DP_STEP_NORMALIZE,
		.set = find_ruleset(plan->dial_plans, plan->dial_plan_count, dial_plan),
	};

	return apply_named(&a, dial_plan, "dial plan");
}

int dialplan_translate(const struct dialplan *plan, const char *translation,
		       const struct party_number *in, struct party_number *out,
		       const struct dp_explain *explain)
{
	struct application a = {
		.plan = plan,
		.in = *in,
		.out = out,
		.explain = explain,
		.step = DP_STEP_TRANSLATE,
		.set = find_ruleset(plan->translations, plan->translation_count, translation),
	};

	return apply_named(&a, translation, "translation");
}
