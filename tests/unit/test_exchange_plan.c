/* SPDX-License-Identifier: GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "tdm/exchange/callee.h"
#include "tdm/exchange/plan.h"
#include "tdm/exchange/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int load(struct ex_plan *plan, const char *text, struct conf_document **document)
{
	struct conf_section section = { &ex_plan_schema, plan, ex_plan_check };
	int rc;

	memset(plan, 0, sizeof(*plan));
	rc = conf_read_text(document, "plan.yaml", text, strlen(text));
	return rc < 0 ? rc : conf_load(*document, &section, 1);
}

static void good(struct ex_plan *plan, const char *text)
{
	struct conf_document *document = NULL;
	int rc = load(plan, text, &document);

	if (rc < 0)
		conf_fault_print(document, stderr);
	assert_int_equal(rc, 0);
	conf_document_destroy(&document);
}

/* The only fault, with its position. */
static void faulty(const char *text, const char *expected)
{
	struct conf_document *document = NULL;
	struct ex_plan plan;
	char *told;

	assert_int_equal(load(&plan, text, &document), -EINVAL);
	if (conf_fault_count(document) != 1)
		conf_fault_print(document, stderr);
	assert_int_equal(conf_fault_count(document), 1);
	told = conf_fault_text(document, 0);
	if (!strstr(told, expected))
		fail_msg("'%s' is not in '%s'", expected, told);
	mem_free(told);
	conf_document_destroy(&document);
}

static const char whole[] =
	"scenarios:\n"
	"  long:\n"
	"    steps:\n"
	"      - proceeding\n"
	"      - alerting: { inband: true }\n"
	"      - wait: 2s\n"
	"      - play: { tone: 425, level: -10 }\n"
	"      - connect: { connected: \"4711\", connected-type: national }\n"
	"      - echo\n"
	"      - prbs\n"
	"      - silence\n"
	"      - expect: { calling: \"^47\", presentation: allowed }\n"
	"      - progress: { description: 2, progress-location: user }\n"
	"      - disconnect: { cause: 17, location: user, inband: true, diagnostics: 8a01 }\n"
	"      - release: 31\n"
	"  short: [ release ]\n"
	"numbers:\n"
	"  - { called: \"100\", scenario: long }\n"
	"  - { called: \"20X\", span: e1-2, scenario: short }\n"
	"  - { called: \"2*\", steps: [ play, ignore ] }\n"
	"  - { called: \"*\", scenario: short }\n";

static void test_every_step(void **state)
{
	static const enum ex_step_kind kinds[] = {
		EX_STEP_PROCEEDING, EX_STEP_ALERTING, EX_STEP_WAIT,       EX_STEP_PLAY,
		EX_STEP_CONNECT,    EX_STEP_ECHO,     EX_STEP_PRBS,       EX_STEP_SILENCE,
		EX_STEP_EXPECT,     EX_STEP_PROGRESS, EX_STEP_DISCONNECT, EX_STEP_RELEASE,
	};
	struct ex_plan plan;
	const struct ex_step *steps;
	struct isdn_info info;

	(void)state;
	good(&plan, whole);
	assert_int_equal(plan.scenario_count, 2);
	steps = plan.scenarios[0].steps;
	assert_int_equal(plan.scenarios[0].step_count, 12);
	for (size_t i = 0; i < 12; i++)
		assert_int_equal(steps[i].kind, kinds[i]);
	assert_null(ex_step_message(&steps[2]));
	assert_int_equal(steps[2].wait_ms, 2000);
	assert_int_equal(steps[3].play.hz, 425);
	assert_int_equal(steps[3].play.level_dbm0, -10);
	assert_string_equal(steps[8].expect.calling, "^47");
	assert_int_equal(steps[8].expect.presentation, PRESENTATION_ALLOWED);
	assert_int_equal(steps[8].expect.screening, EX_ANY);
	assert_int_equal(steps[8].expect.cause, 21);

	ex_callee_info(ex_step_message(&steps[1]), &info);
	assert_int_equal(info.progress_count, 1);
	assert_int_equal(info.progress[0].description, PROGRESS_INBAND);
	assert_int_equal(info.progress[0].location, Q850_LOC_PUBLIC_LOCAL);
	assert_int_equal(info.cause.value, 0);
	ex_callee_info(ex_step_message(&steps[4]), &info);
	assert_string_equal(info.connected.number.digits, "4711");
	assert_int_equal(info.connected.number.type, NUMBER_NATIONAL);
	assert_int_equal(info.connected.number.screening, SCREENING_NETWORK);
	ex_callee_info(ex_step_message(&steps[9]), &info);
	assert_int_equal(info.progress[0].description, 2);
	assert_int_equal(info.progress[0].location, Q850_LOC_USER);
	ex_callee_info(ex_step_message(&steps[10]), &info);
	assert_int_equal(info.cause.value, 17);
	assert_int_equal(info.cause.location, Q850_LOC_USER);
	assert_true(isdn_info_inband(&info));
	assert_int_equal(info.cause_diagnostics.length, 2);
	assert_int_equal(info.cause_diagnostics.octets[0], 0x8a);
	ex_callee_info(ex_step_message(&steps[11]), &info);
	assert_int_equal(info.cause.value, 31); /* a number alone is the cause */
	/* and a word alone has the usual one */
	ex_callee_info(ex_step_message(&plan.scenarios[1].steps[0]), &info);
	assert_int_equal(info.cause.value, 16);
	assert_int_equal(plan.numbers[2].steps[0].play.hz, 1004);
	assert_int_equal(plan.numbers[2].steps[0].play.level_dbm0, -16);
	ex_plan_free(&plan);
}

static void test_first_that_fits(void **state)
{
	struct ex_steps found;
	struct ex_plan plan;

	(void)state;
	good(&plan, whole);
	assert_true(ex_plan_find(&plan, "e1-1", "100", &found));
	assert_string_equal(found.scenario, "long");
	assert_int_equal(found.count, 12);
	assert_true(ex_plan_find(&plan, "e1-2", "205", &found));
	assert_string_equal(found.scenario, "short");
	assert_true(ex_plan_find(&plan, "e1-1", "205", &found)); /* another span */
	assert_string_equal(found.scenario, "2*");
	assert_true(ex_plan_find(&plan, "e1-2", "2051", &found));
	assert_string_equal(found.scenario, "2*");
	assert_true(ex_plan_find(&plan, "e1-2", "", &found));
	assert_string_equal(found.scenario, "short");
	ex_plan_free(&plan);
	good(&plan, "numbers: [ { called: \"5\", steps: [ connect ] } ]");
	assert_false(ex_plan_find(&plan, "e1-1", "50", &found));
	assert_false(ex_plan_find(&plan, "e1-1", "", &found));
	ex_plan_free(&plan);
	good(&plan, "scenarios: { a: [ connect ] }");
	assert_false(ex_plan_find(&plan, "e1-1", "1", &found));
	ex_plan_free(&plan);
}

static void test_patterns(void **state)
{
	(void)state;
	assert_true(ex_pattern_fits("*", ""));
	assert_true(ex_pattern_fits("12*", "12"));
	assert_true(ex_pattern_fits("1X3", "123"));
	assert_true(ex_pattern_fits("1x3*", "12345"));
	assert_true(ex_pattern_fits("+44*", "+4420"));
	assert_false(ex_pattern_fits("1X3", "1*3"));
	assert_false(ex_pattern_fits("12*", "1"));
	assert_false(ex_pattern_fits("12", "123"));
	assert_false(ex_pattern_fits("123", "12"));
}

static void test_faults_with_positions(void **state)
{
	(void)state;
	faulty("scenarios:\n  a:\n    - alert\n", "plan.yaml:3:7:");
	faulty("scenarios:\n  a:\n    - { alerting: {}, wait: 2s }\n",
	       "plan.yaml:3:7: several steps in one");
	faulty("scenarios:\n  a:\n    - connect\n    - {}\n", "plan.yaml:4:7: no step");
	faulty("scenarios:\n  a: [ wait ]\n", "plan.yaml:2:8:");
	faulty("scenarios:\n  a:\n    - release: { cuase: 17 }\n", "cause");
	faulty("scenarios:\n  a:\n    - release: { cause: 128 }\n", "plan.yaml:3:25:");
	faulty("scenarios:\n  a:\n    - release: { cause: 17, location: moon }\n",
	       "plan.yaml:3:39:");
	faulty("scenarios:\n  a:\n    - play: { tone: 5000 }\n", "plan.yaml:3:21:");
	faulty("scenarios:\n  a:\n    - wait: 2\n", "plan.yaml:3:13:");
	faulty("scenarios:\n  a:\n    - expect: { calling: \"(12\" }\n", "plan.yaml:3:26:");
	faulty("scenarios:\n  a:\n    - connect: { user-user: 4x }\n", "plan.yaml:3:29:");
	faulty("scenarios:\n  a:\n    - release\n    - connect\n", "plan.yaml:4:7: never reached");
	faulty("numbers:\n  - { called: \"1\", scenario: nowhere }\n", "nowhere");
	faulty("numbers:\n  - { called: \"1\" }\n", "plan.yaml:2:5: no behaviour");
	faulty("scenarios: { a: [ connect ] }\nnumbers:\n  - { called: \"1\", scenario: a, steps: "
	       "[ connect ] }\n",
	       "plan.yaml:3:5: a scenario and steps");
	faulty("numbers:\n  - { called: \"1*2\", steps: [ connect ] }\n", "plan.yaml:2:15: '1*2'");
	faulty("numbers:\n  - { called: \"1*\", steps: [ connect ] }\n  - { called: \"12\", steps: "
	       "[ echo ] }\n",
	       "plan.yaml:3:5: '12' is never reached: '1*' on line 2");
	faulty("numbers:\n  - { called: \"1X\", steps: [ connect ] }\n  - { called: \"12\", steps: "
	       "[ echo ] }\n",
	       "plan.yaml:3:5: '12' is never reached");
}

static void test_shipped_plans(void **state)
{
	static const char *const names[] = { "standard", "answer" };
	struct ex_plan plan = { 0 };
	struct ex_steps found;
	char path[512];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "%s/tdm/exchange/plans/%s.yaml", TEST_SOURCE_DIR,
			 names[i]);
		assert_int_equal(ex_plan_load(&plan, path), 0);
		assert_true(ex_plan_find(&plan, "any", "100", &found));
		ex_plan_free(&plan);
	}
	assert_int_equal(ex_plan_load(&plan, "/nonexistent"), -ENOENT);
}

/* ---- The whole configuration ---- */

static const char lines[] =
	"lines:\n"
	"  l1: { kind: cesopsn, local: \"127.0.0.1:30001\", remote: \"127.0.0.1:30002\" }\n"
	"  l2: { kind: cesopsn, local: \"127.0.0.1:30003\", remote: \"127.0.0.1:30004\" }\n"
	"spans:\n"
	"  s1: { line: l1 }\n"
	"  s2: { line: l2, role: te }\n";

static int load_settings(struct ex_settings *settings, const char *text)
{
	char path[] = "/tmp/test_exchange_planXXXXXX";
	int fd = mkstemp(path), rc;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(write(fd, lines, strlen(lines)), (ssize_t)strlen(lines));
	close(fd);
	rc = ex_settings_load(settings, path);
	unlink(path);
	return rc;
}

static void test_settings(void **state)
{
	struct ex_settings settings = { 0 };
	struct ex_steps found;
	char text[600];

	(void)state;
	snprintf(text, sizeof(text),
		 "plan: %s/tdm/exchange/plans/answer.yaml\ncontrol: /tmp/x.sock\n"
		 "numbers: [ { called: \"1\", span: s2, steps: [ release ] } ]\n",
		 TEST_SOURCE_DIR);
	assert_int_equal(load_settings(&settings, text), 0);
	assert_int_equal(settings.machine.span_count, 2);
	/* network side unless told otherwise, and the hunting order that goes with it */
	assert_int_equal(settings.machine.spans[0].role, CONF_ROLE_NT);
	assert_int_equal(settings.machine.spans[0].hunt, CONF_HUNT_ASCENDING);
	assert_int_equal(settings.machine.spans[1].role, CONF_ROLE_TE);
	assert_int_equal(settings.machine.spans[1].hunt, CONF_HUNT_DESCENDING);
	assert_true(ex_plan_find(&settings.plan, "s2", "1", &found));
	assert_true(ex_plan_find(&settings.further, "s2", "1", &found));
	assert_string_equal(settings.own.control, "/tmp/x.sock");
	ex_settings_free(&settings);
	assert_int_equal(
		load_settings(&settings,
			      "numbers: [ { called: \"1\", span: s3, steps: [ release ] } ]\n"),
		-EINVAL);
	assert_int_equal(load_settings(&settings, "plan: missing.yaml\n"), -ENOENT);
	assert_int_equal(load_settings(&settings, "contrl: /tmp/x\n"), -EINVAL);
}

static void test_allocation_failures(void **state)
{
	long before = mem_live_blocks();
	int rc = -ENOMEM;

	(void)state;
	for (long n = 0; rc < 0; n++) {
		struct conf_document *document = NULL;
		struct ex_plan plan;

		mem_fail_after(n);
		rc = load(&plan, whole, &document);
		mem_fail_after(-1);
		assert_true(rc == 0 || rc == -ENOMEM);
		conf_document_destroy(&document);
		ex_plan_free(&plan);
		assert_int_equal(mem_live_blocks(), before);
	}
}

/* The same of the whole configuration, its further plan given by a path of its own or one beside
 * the file. */
static void test_allocation_failures_of_settings(void **state)
{
	static const char relative[] = "test_exchange_plan.further";
	const char *const texts[] = {
		"plan: " TEST_SOURCE_DIR "/tdm/exchange/plans/answer.yaml\n",
		"plan: test_exchange_plan.further\n",
	};
	static const char further[] = "numbers: [ { called: \"2\", steps: [ release ] } ]\n";
	char path[64];
	FILE *beside;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/%s", relative);
	beside = fopen(path, "w");
	assert_non_null(beside);
	assert_true(fputs(further, beside) >= 0 && fclose(beside) == 0);
	for (size_t i = 0; i < 2; i++) {
		long before = mem_live_blocks(), n = 0;
		int rc = -ENOMEM;

		for (; rc < 0; n++) {
			struct ex_settings settings = { 0 };

			mem_fail_after(n);
			rc = load_settings(&settings, texts[i]);
			mem_fail_after(-1);
			assert_true(rc == 0 || rc == -ENOMEM);
			assert_true(rc == 0 || !settings.machine.span_count);
			ex_settings_free(&settings);
			assert_int_equal(mem_live_blocks(), before);
		}
		assert_true(n > 100);
	}
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_step),
		cmocka_unit_test(test_first_that_fits),
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_faults_with_positions),
		cmocka_unit_test(test_shipped_plans),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_allocation_failures),
		cmocka_unit_test(test_allocation_failures_of_settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
