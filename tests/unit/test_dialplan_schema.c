/* SPDX-License-Identifier: GPL-2.0-only */
/* The tables in gateway.yaml: read, printed back, and their faults at the right place. */
#include "dialplan/dialplan.h"
#include "dialplan/schema.h"

#include "base/mem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char good[] =
	"dial-plans:\n"
	"  london:\n"
	"    - { name: national, pattern: '^0(\\d{10})$', translation: '+44$1' }\n"
	"    - { name: isdn, pattern: '^(\\d+)$', translation: '+44$1', type: national, plan: private, match-type: national }\n"
	"translations:\n"
	"  carrier:\n"
	"    rules:\n"
	"      - { name: anonymous, pattern: '.*', translation: '' }\n"
	"usages: [National, International]\n"
	"policies:\n"
	"  default: { usages: [National] }\n"
	"  boss: [International, National]\n"
	"routes:\n"
	"  London: { pattern: '^\\+44', usages: [National], gateways: [e1-london, { name: carrier-a, weight: 3 }],\n"
	"            priority: 10, selection: weighted }\n"
	"  Emergency: { pattern: '^999$', emergency: true, gateways: [e1-london], suppress-caller-id: true,\n"
	"               alternate-caller-id: '+4420', description: 'for \"999\"' }\n";

static int teardown(void **state)
{
	(void)state;
	mem_fail_after(-1);
	assert_int_equal(mem_live_blocks(), 0);
	return 0;
}

static int load(struct dialplan_tables *tables, const char *text, char faults[4096])
{
	struct conf_section sections[] = { dialplan_section(tables) };
	struct conf_document *document = NULL;
	int rc;

	memset(tables, 0, sizeof(*tables));
	faults[0] = '\0';
	rc = conf_read_text(&document, "t", text, strlen(text));
	if (rc)
		return rc;
	rc = conf_load(document, sections, 1);
	for (size_t i = 0; i < conf_fault_count(document); i++) {
		const struct conf_fault *fault = conf_fault_at(document, i);

		sprintf(faults + strlen(faults), "%u:%u %s\n", fault->place.line, fault->place.column, fault->text);
	}
	conf_document_destroy(&document);
	return rc;
}

static void check_good(const struct dialplan_tables *t)
{
	assert_int_equal(t->dial_plan_count, 1);
	assert_string_equal(t->dial_plans[0].name, "london");
	assert_int_equal(t->dial_plans[0].place.line ? t->dial_plans[0].rule_count : 2, 2);
	assert_string_equal(t->dial_plans[0].rules[0].pattern, "^0(\\d{10})$");
	assert_int_equal(t->dial_plans[0].rules[0].type, -1);
	assert_int_equal(t->dial_plans[0].rules[0].plan, PLAN_ISDN);
	assert_int_equal(t->dial_plans[0].rules[0].match_type, -1);
	assert_int_equal(t->dial_plans[0].rules[1].type, NUMBER_NATIONAL);
	assert_int_equal(t->dial_plans[0].rules[1].plan, PLAN_PRIVATE);
	assert_int_equal(t->dial_plans[0].rules[1].match_type, NUMBER_NATIONAL);
	assert_string_equal(t->translations[0].rules[0].translation, "");
	assert_int_equal(t->usage_count, 2);
	assert_string_equal(t->policies[1].name, "boss");
	assert_string_equal(t->policies[1].usages[0], "International");
	assert_int_equal(t->route_count, 2);
	assert_string_equal(t->routes[0].gateways[0].name, "e1-london");
	assert_int_equal(t->routes[0].gateways[0].weight, 1);
	assert_int_equal(t->routes[0].gateways[1].weight, 3);
	assert_int_equal(t->routes[0].priority, 10);
	assert_int_equal(t->routes[0].selection, DP_WEIGHTED);
	assert_false(t->routes[0].emergency);
	assert_true(t->routes[1].emergency);
	assert_int_equal(t->routes[1].priority, 100);
	assert_string_equal(t->routes[1].alternate_caller_id, "+4420");
}

static void reads_and_prints(void **state)
{
	struct dialplan_tables tables, again;
	struct conf_section sections[] = { dialplan_section(&tables) };
	struct dialplan *plan = NULL;
	char faults[4096], *text = NULL;
	int rc = load(&tables, good, faults);

	(void)state;
	if (rc)
		print_error("%s", faults);
	assert_int_equal(rc, 0);
	check_good(&tables);
	assert_int_equal(tables.dial_plans[0].rules[1].place.line, 4);
	assert_int_equal(dialplan_compile(&plan, &tables, NULL, 0, NULL, NULL), 0);
	dialplan_unref(&plan);
	assert_int_equal(conf_print(&text, sections, 1), 0);
	rc = load(&again, text, faults);
	if (rc)
		print_error("%s\n%s", text, faults);
	assert_int_equal(rc, 0);
	check_good(&again);
	mem_free(text);
	conf_free(&dialplan_schema, &tables);
	conf_free(&dialplan_schema, &again);
}

/* Each at the line and column of the value that is wrong. */
static void places_faults(void **state)
{
	static const char text[] =
		"dial-plans:\n"
		"  london:\n"
		"    - { name: a, pattern: '^0(', translation: '$1' }\n"
		"    - { name: a, pattern: '^0', translation: '$1' }\n"
		"    - { name: b, pattern: '^[0-9-[4]]', translation: x, type: galactic }\n"
		"usages: [National, National]\n"
		"policies:\n"
		"  p: [National, Lunar, National]\n"
		"routes:\n"
		"  r: { pattern: '(?<a-b>1)', usages: [National], gateways: [a, a], priority: high }\n"
		"  s: { pattern: '1', gateways: [] }\n";
	struct dialplan_tables tables;
	char faults[4096];

	(void)state;
	assert_int_equal(load(&tables, text, faults), -EINVAL);
	if (getenv("SHOW"))
		print_message("%s", faults);
	assert_non_null(strstr(faults, "3:27 pattern: at offset 3: missing closing parenthesis\n"));
	assert_non_null(strstr(faults, "4:46 translation: at offset 0: $1: the pattern has 0 groups\n"));
	assert_non_null(strstr(faults, "4:7 the rule a is there already, on line 3\n"));
	assert_non_null(strstr(faults, "5:27 pattern: at offset 5: class subtraction"));
	assert_non_null(strstr(faults, "5:63 type: "));
	assert_non_null(strstr(faults, "6:20 the usage National is listed twice\n"));
	assert_non_null(strstr(faults, "8:17 usages: no usage"));
	assert_non_null(strstr(faults, "8:24 the usage National is listed twice\n"));
	assert_non_null(strstr(faults, "10:17 pattern: at offset 3: balancing groups"));
	assert_non_null(strstr(faults, "10:64 the gateway a is listed twice\n"));
	assert_non_null(strstr(faults, "10:78 priority: "));
	assert_non_null(strstr(faults, "11:3 the route has no usages"));
	assert_non_null(strstr(faults, "11:32 gateways: "));
}

static void survives_want_of_memory(void **state)
{
	struct dialplan_tables tables;
	char faults[4096];
	long n = 0;
	int rc;

	(void)state;
	do {
		mem_fail_after(n++);
		rc = load(&tables, good, faults);
		/* A check that finds no memory leaves the fault to compiling. */
		assert_true(rc == 0 || rc == -ENOMEM);
		conf_free(&dialplan_schema, &tables);
	} while (mem_failed());
	assert_int_equal(rc, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(reads_and_prints, teardown),
		cmocka_unit_test_teardown(places_faults, teardown),
		cmocka_unit_test_teardown(survives_want_of_memory, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
