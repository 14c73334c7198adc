/* SPDX-License-Identifier: GPL-2.0-only */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/mem.h"
#include "tdm/exchange/info_json.h"
#include "tdm/exchange/report.h"

#include <string.h>

static struct ex_record ended(bool answered, uint8_t cause, unsigned setup_ms)
{
	return (struct ex_record){ .began_us = 1000000,
				   .alerted_us = setup_ms ? 1000000 + 1000ull * setup_ms : 0,
				   .connected_us = answered ? 2000000 : 0,
				   .far_cleared = true,
				   .cause = { cause, Q850_LOC_USER } };
}

static void add(struct ex_report *report, const struct ex_record *record,
		const struct ex_media_result *media)
{
	struct ex_outcome outcome = { .record = record, .as_expected = record->connected_us != 0 };

	if (media)
		outcome.media = *media;
	ex_report_started(report);
	ex_report_add(report, &outcome);
}

static void test_counts_and_times(void **state)
{
	struct ex_media_result media = { .source = EX_SOURCE_PRBS,
					 .compared = 800,
					 .delay_samples = 96 };
	struct ex_report report;
	struct ex_times times;
	json_t *object;

	(void)state;
	ex_report_init(&report, true);
	ex_report_started(&report); /* one that goes on */
	for (unsigned i = 100; i >= 1; i--) {
		struct ex_record record = ended(true, 16, i);

		add(&report, &record, &media);
	}
	for (unsigned i = 0; i < 3; i++) {
		struct ex_record record = ended(false, i ? 17 : 1, 0);

		add(&report, &record, NULL);
	}
	times = ex_report_times(&report);
	assert_true(fabs(times.least_ms - 1) < 1e-9);
	assert_true(fabs(times.median_ms - 50) < 1e-9);
	assert_true(fabs(times.p99_ms - 99) < 1e-9);
	assert_true(fabs(times.most_ms - 100) < 1e-9);
	object = ex_report_json(&report, 2.5);
	assert_int_equal(json_integer_value(json_object_get(object, "attempted")), 104);
	assert_int_equal(json_integer_value(json_object_get(object, "answered")), 100);
	assert_int_equal(json_integer_value(json_object_get(object, "failed")), 3);
	assert_int_equal(json_integer_value(json_object_get(object, "most_at_once")), 2);
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(object, "failed_causes"), "17")),
		2);
	assert_int_equal(json_integer_value(
				 json_object_get(json_object_get(object, "answered_causes"), "16")),
			 100);
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(object, "prbs"), "compared")),
		80000);
	assert_int_equal(json_array_size(json_object_get(object, "calls")), 103);
	assert_true(json_is_false(json_object_get(object, "ok")));
	json_decref(object);
	ex_report_free(&report);
}

static void test_p99_of_few(void **state)
{
	struct ex_report report;
	struct ex_record record = ended(true, 16, 7);

	(void)state;
	ex_report_init(&report, false);
	assert_true(ex_report_times(&report).p99_ms < 1e-9);
	add(&report, &record, NULL);
	assert_true(fabs(ex_report_times(&report).p99_ms - 7) < 1e-9);
	ex_report_free(&report);
}

static const char *judge(const struct ex_call_spec *spec, bool answered, uint8_t cause, bool far,
			 const struct ex_media_result *media)
{
	struct ex_record record = ended(answered, cause, 5);

	record.far_cleared = far;
	return ex_caller_judge(spec, &record, media);
}

static void test_judgement(void **state)
{
	struct ex_media_result none = { 0 }, whole = { .compared = 8000 },
			       slipped = { .compared = 8000, .slips = 1 };
	struct ex_media_result tone = { .heard = { { .level_dbm0 = EX_LEVEL_NONE },
						   { .level_dbm0 = -16.2 },
						   { .level_dbm0 = EX_LEVEL_NONE } } };
	struct ex_call_spec spec;

	(void)state;
	ex_call_spec_init(&spec);
	assert_null(judge(&spec, true, 16, false, &none));
	assert_null(judge(&spec, true, 16, true, &none));
	assert_string_equal(judge(&spec, false, 16, true, &none), "not answered");
	assert_string_equal(judge(&spec, true, 41, true, &none),
			    "cleared with a cause that is not normal");
	spec.hangup.value = 41;
	assert_null(judge(&spec, true, 41, false, &none)); /* it was ours */
	spec.hangup.value = 16;
	spec.abandon = EX_ABANDON_TIME;
	assert_null(judge(&spec, false, 16, false, &none));
	spec.abandon = EX_ABANDON_NEVER;
	spec.expect_cause = 17;
	assert_null(judge(&spec, false, 17, true, &none));
	assert_string_equal(judge(&spec, true, 16, true, &none), "cause");
	spec.expect_location = Q850_LOC_TRANSIT;
	assert_string_equal(judge(&spec, false, 17, true, &none), "location");
	ex_call_spec_init(&spec);
	spec.media = EX_SOURCE_PRBS;
	assert_string_equal(judge(&spec, true, 16, false, &none), "sequence did not come back");
	assert_string_equal(judge(&spec, true, 16, false, &slipped),
			    "sequence came back with faults");
	assert_null(judge(&spec, true, 16, false, &whole));
	spec.least_octets = 8001;
	assert_string_equal(judge(&spec, true, 16, false, &whole), "sequence did not come back");
	ex_call_spec_init(&spec);
	spec.expects_level = true;
	spec.expect_level_dbm0 = -16;
	assert_null(judge(&spec, true, 16, false, &tone));
	spec.expect_level_dbm0 = -18;
	assert_string_equal(judge(&spec, true, 16, false, &tone), "level");
}

static void test_elements_as_json(void **state)
{
	struct isdn_info info = {
		.capability = ISDN_AUDIO_3K1,
		.calling.number = { .digits = "123",
				    .type = NUMBER_NATIONAL,
				    .plan = PLAN_ISDN,
				    .presentation = 1,
				    .screening = 3 },
		.calling.second.digits = "456",
		.called.number.digits = "789",
		.redirecting.number = { .present = true, .type = 5 },
		.redirecting_reason = 15,
		.progress = { { 8, Q850_LOC_TRANSIT } },
		.progress_count = 1,
		.cause = { 17, Q850_LOC_USER },
		.hlc = { { 0x91, 0x81 }, 2 },
		.display = "Gr\xfc\xdf",
	};
	json_t *object = json_object(), *calling, *redirecting;

	(void)state;
	ex_info_json(object, &info, true);
	assert_string_equal(json_string_value(json_object_get(object, "capability")), "audio");
	assert_string_equal(json_string_value(json_object_get(object, "hlc")), "9181");
	assert_string_equal(json_string_value(json_object_get(object, "display")),
			    "Gr\xc3\xbc\xc3\x9f");
	assert_int_equal(json_integer_value(json_object_get(object, "cause")), 17);
	assert_string_equal(json_string_value(json_object_get(object, "location")), "user");
	assert_true(json_is_true(json_object_get(object, "inband")));
	calling = json_object_get(object, "calling");
	assert_string_equal(json_string_value(json_object_get(calling, "type")), "national");
	assert_string_equal(json_string_value(json_object_get(calling, "presentation")),
			    "restricted");
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(calling, "second"), "digits")),
		"456");
	redirecting = json_object_get(
		object, "redirecting"); /* there without digits, and of a type without a word */
	assert_int_equal(json_integer_value(json_object_get(redirecting, "type")), 5);
	assert_null(json_object_get(object, "connected"));
	assert_null(json_object_get(object, "llc"));
	json_decref(object);
}

/* Each allocation fails in turn: what can't be kept is missing, nothing breaks, nothing leaks. */
static void test_allocation_failures(void **state)
{
	struct ex_media_result media = { .source = EX_SOURCE_PRBS, .compared = 800 };
	struct ex_record record = ended(true, 16, 5);
	long before = mem_live_blocks();
	int failed = 1;

	(void)state;
	for (long n = 0; failed; n++) {
		struct ex_report report;

		mem_fail_after(n);
		ex_report_init(&report, true);
		add(&report, &record, &media);
		json_decref(ex_report_json(&report, 1));
		failed = mem_failed();
		mem_fail_after(-1);
		assert_int_equal(report.answered, 1);
		ex_report_free(&report);
		assert_int_equal(mem_live_blocks(), before);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts_and_times),    cmocka_unit_test(test_p99_of_few),
		cmocka_unit_test(test_judgement),           cmocka_unit_test(test_elements_as_json),
		cmocka_unit_test(test_allocation_failures),
	};

	ex_json_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
