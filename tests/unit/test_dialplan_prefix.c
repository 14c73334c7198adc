/* SPDX-License-Identifier: GPL-2.0-only */
/* The index finds what trying every pattern would find: by examples, and for random tables. */
#include "dialplan/dialplan.h"
#include "dialplan/prefix.h"

#include "base/mem.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int no_leaks(void **state)
{
	(void)state;
	mem_fail_after(-1);
	assert_int_equal(mem_live_blocks(), 0);
	return 0;
}

/* "a b c", in order of the set. */
static const char *prefixes(const char *pattern, char text[1024])
{
	struct prefix_set set;

	prefix_of_pattern(pattern, &set);
	text[0] = '\0';
	for (unsigned i = 0; i < set.count; i++)
		sprintf(text + strlen(text), "%s%.*s", i ? " " : "", set.at[i].length, set.at[i].text);
	return text;
}

static void reads_prefixes(void **state)
{
	static const struct {
		const char *pattern, *prefixes;
	} rows[] = {
		{ "^\\+44(\\d+)$", "+44" },
		{ "\\+44(\\d+)$", "" },
		{ "^44|33", "" },
		{ "^44|^33", "44 33" },
		{ "^(44|33)5", "445 335" },
		{ "^\\+(1|44)(?:20|161)\\d", "+120 +1161 +4420 +44161" },
		{ "^(?<cc>44|33)5", "445 335" },
		{ "^(?'cc'44)5", "445" },
		{ "^445?", "44" },
		{ "^445*6", "44" },
		{ "^445+6", "445" },
		{ "^4{3}5", "4445" },
		{ "^4{3,}5", "444" },
		{ "^4{0}5", "5" },
		{ "^4{x", "4{x" },
		{ "^0[1-3]5", "015 025 035" },
		{ "^0[^1]5", "0" },
		{ "^0[0-9*#]5", "0" },
		{ "^0[^^^]5", "0" },
		{ "^0\\d5", "0" },
		{ "^0.5", "0" },
		{ "^(?!00)0\\d", "0" },
		{ "^0(?=1)1", "01" },
		{ "^(?<=9)0", "0" },
		{ "^(0)\\1", "0" },
		{ "^?44", "" },
		{ "(?i)^ab", "" },
		{ "^a(?#x)*b", "" },
		{ "\\A44", "44" },
		{ "^(4|44)$", "4" },
		{ "^(1|1)2", "12" },
		{ "^[]4]5", "45 ]5" }, /* in the order of the characters */
		{ "^[+\\-]5", "+5 -5" },
		{ "^12345678901234567890$", "1234567890123456" },
		{ "^((((((((((1))))))))))", "" },
		{ "^$", "" },
		{ "", "" },
	};
	char text[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(prefixes(rows[i].pattern, text), rows[i].prefixes) != 0)
			fail_msg("%s: read \"%s\", expected \"%s\"", rows[i].pattern, text, rows[i].prefixes);
}

static void merges_in_order(void **state)
{
	static const char *const patterns[] = { "^\\+44", "^\\+", "20", "^\\+4420", "^\\+33", "^\\+4[0-4]2", "^$" };
	struct prefix_index *index = NULL;
	struct prefix_cursor cursor;
	char got[64] = "";
	uint32_t item;

	(void)state;
	assert_int_equal(prefix_index_create(&index), 0);
	for (uint32_t i = 0; i < 7; i++)
		assert_int_equal(prefix_index_add(index, patterns[i], i), 0);
	prefix_index_find(index, "+44207", &cursor);
	while (prefix_cursor_next(&cursor, &item))
		sprintf(got + strlen(got), "%u", item);
	assert_string_equal(got, "012356");
	prefix_index_destroy(&index);
}

/* ---- Random tables against trying every pattern in turn, by PCRE2 directly ---- */

#define ROUTES 60
#define USAGES 4

static uint32_t seed;

static unsigned dice(unsigned sides)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 10) % sides;
}

static void random_piece(char *out, unsigned depth);

static void random_sequence(char *out, unsigned depth)
{
	for (unsigned n = dice(4); n-- > 0;)
		random_piece(out, depth);
}

static void random_piece(char *out, unsigned depth)
{
	static const char *const atoms[] = { "0", "1", "2", "12", "\\+", "\\d", "[01]", "[^2]", ".", "[1-2]", "(?=1)",
					     "(?!2)", "\\b", "$", "(?<=1)", "0", "1", "2" };
	static const char *const quantifiers[] = { "?", "*", "+", "{2}", "{1,2}", "{0,1}", "*?", "{0}" };

	if (depth && dice(4) == 0) {
		static const char *const opens[] = { "(", "(?:", "(?<n>", "(?>" };
		unsigned open = dice(strstr(out, "(?<n>") ? 2 : 4);

		strcat(out, opens[open]);
		random_sequence(out, depth - 1);
		while (dice(2)) {
			strcat(out, "|");
			random_sequence(out, depth - 1);
		}
		strcat(out, ")");
	} else {
		strcat(out, atoms[dice(sizeof(atoms) / sizeof(atoms[0]))]);
	}
	if (dice(4) == 0 && out[strlen(out) - 1] != '$' && out[strlen(out) - 1] != 'b')
		strcat(out, quantifiers[dice(8)]);
}

static void random_pattern(char *out)
{
	out[0] = '\0';
	do {
		if (dice(8))
			strcat(out, dice(6) ? "^" : "\\A");
		random_sequence(out, 2);
	} while (dice(6) == 0 && strcat(out, "|"));
}

static void random_number(char *out)
{
	unsigned n = dice(7);

	*out = '\0';
	if (dice(4) == 0)
		strcat(out, "+");
	while (n--)
		strncat(out, &"0012"[dice(4)], 1);
}

struct table {
	struct dialplan_tables tables;
	struct dp_route routes[ROUTES];
	struct dp_rule rules[ROUTES];
	struct dp_ruleset set;
	char patterns[ROUTES][512], names[ROUTES][8];
	struct dp_gateway_ref gateways[ROUTES];
	struct dp_gateway_name known[ROUTES];
	char *usages[USAGES], *route_usages[ROUTES][2];
	struct dp_policy policy;
	pcre2_code *codes[ROUTES];
};

static bool oracle(struct table *t, unsigned route, const char *number)
{
	pcre2_match_data *data = pcre2_match_data_create(1, NULL);
	int rc = pcre2_match(t->codes[route], (PCRE2_SPTR)number, strlen(number), 0, 0, data, NULL);

	pcre2_match_data_free(data);
	return rc >= 0;
}

static void random_route(struct table *t, unsigned i)
{
	static char ordinary[] = "$0";
	struct dp_route *route = &t->routes[i];
	PCRE2_SIZE offset;
	int error;

	do {
		random_pattern(t->patterns[i]);
		t->codes[i] = pcre2_compile((PCRE2_SPTR)t->patterns[i], PCRE2_ZERO_TERMINATED, 0, &error, &offset,
					    NULL);
	} while (!t->codes[i]);
	sprintf(t->names[i], "r%u", i);
	t->known[i] = (struct dp_gateway_name){ t->names[i], i, NULL };
	t->gateways[i] = (struct dp_gateway_ref){ .name = t->names[i], .weight = 1 };
	*route = (struct dp_route){ .name = t->names[i], .pattern = t->patterns[i], .priority = (int)dice(3),
				    .gateways = &t->gateways[i], .gateway_count = 1, .emergency = dice(10) == 0,
				    .usages = t->route_usages[i], .usage_count = 1 + dice(2) };
	t->route_usages[i][0] = t->usages[dice(2)];
	t->route_usages[i][1] = t->usages[2 + dice(2)];
	t->rules[i] = (struct dp_rule){ .name = t->names[i], .pattern = t->patterns[i], .translation = ordinary,
					.type = (int)i % 3, .plan = -1, .match_type = -1 };
}

static void told_fault(void *arg, struct conf_place place, const char *what)
{
	(void)arg;
	(void)place;
	print_error("%s\n", what);
}

/* What design says, without any index: emergency, then usage by usage, priority by priority, in order. */
static size_t naive(struct table *t, const char *number, unsigned out[ROUTES])
{
	size_t n = 0;
	bool taken[ROUTES] = { false };

	for (int usage = -1; usage < (int)t->policy.usage_count; usage++)
		for (int priority = 0; priority < 3; priority++)
			for (unsigned i = 0; i < ROUTES; i++) {
				struct dp_route *r = &t->routes[i];
				bool in = usage < 0 && r->emergency;

				for (size_t k = 0; usage >= 0 && !r->emergency && k < r->usage_count; k++)
					in |= r->usages[k] == t->policy.usages[usage];
				if (!in || taken[i] || r->priority != priority || !oracle(t, i, number))
					continue;
				taken[i] = true;
				out[n++] = i;
			}
	return n;
}

static void ignore_step(void *arg, const struct dp_explanation *step)
{
	(*(unsigned *)arg)++;
	assert_true(step->matched || step->why);
}

static void same_decision(struct table *t, struct dialplan *plan, const char *number)
{
	static char policy[] = "p";
	struct dp_request request = { .policy = policy, .called = number };
	unsigned expected[ROUTES], steps = 0;
	struct dp_explain explain = { ignore_step, &steps, false };
	size_t n = naive(t, number, expected);
	struct dp_decision decision, explained;

	assert_int_equal(dialplan_route(plan, &request, &decision, NULL), n ? 0 : -ENOENT);
	assert_int_equal(dialplan_route(plan, &request, &explained, &explain), n ? 0 : -ENOENT);
	assert_int_equal(decision.count, n);
	assert_int_equal(explained.count, n);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(decision.candidates[i].gateway, expected[i]);
		assert_int_equal(explained.candidates[i].gateway, expected[i]);
	}
	assert_true(steps >= ROUTES); /* each route has its say */
}

static void same_normalization(struct table *t, struct dialplan *plan, const char *number)
{
	struct party_number in = { .present = true }, out;
	unsigned first = 0;
	int rc;

	strcpy(in.digits, number);
	while (first < ROUTES && !oracle(t, first, number))
		first++;
	rc = dialplan_normalize(plan, "d", &in, &out, NULL);
	assert_int_equal(rc, first < ROUTES);
	if (rc)
		assert_int_equal(out.type, t->rules[first].type);
}

static void random_table(struct table *t)
{
	static char names[USAGES][4] = { "u0", "u1", "u2", "u3" }, policy[] = "p", set[] = "d";
	struct dialplan *plan = NULL;
	char number[16];

	memset(t, 0, sizeof(*t));
	for (unsigned i = 0; i < USAGES; i++)
		t->usages[i] = names[i];
	for (unsigned i = 0; i < ROUTES; i++)
		random_route(t, i);
	t->policy = (struct dp_policy){ .name = policy, .usages = t->usages + 1, .usage_count = 3 };
	t->set = (struct dp_ruleset){ .name = set, .rules = t->rules, .rule_count = ROUTES };
	t->tables = (struct dialplan_tables){
		.dial_plans = &t->set, .dial_plan_count = 1, .usages = t->usages, .usage_count = USAGES,
		.policies = &t->policy, .policy_count = 1, .routes = t->routes, .route_count = ROUTES };
	assert_int_equal(dialplan_compile(&plan, &t->tables, t->known, ROUTES, told_fault, NULL), 0);
	for (unsigned i = 0; i < 60; i++) {
		random_number(number);
		same_decision(t, plan, number);
		same_normalization(t, plan, number);
	}
	dialplan_unref(&plan);
	for (unsigned i = 0; i < ROUTES; i++)
		pcre2_code_free(t->codes[i]);
}

static void decides_as_without_index(void **state)
{
	struct table *table = malloc(sizeof(*table));

	(void)state;
	assert_non_null(table);
	for (unsigned round = 1; round <= 100; round++) {
		seed = round * 2654435761u;
		random_table(table);
	}
	free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(reads_prefixes, no_leaks),
		cmocka_unit_test_teardown(merges_in_order, no_leaks),
		cmocka_unit_test_teardown(decides_as_without_index, no_leaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
