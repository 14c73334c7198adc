/* SPDX-License-Identifier: GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tdm/exchange/command.h"
#include "tdm/exchange/names.h"
#include "tdm/exchange/options.h"

#include <errno.h>
#include <string.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof(*(array))))

static struct ex_options options;
static char why[320];

static int parse(const char *const *words, int count)
{
	static char *argv[32];

	for (int i = 0; i < count; i++)
		argv[i] = (char *)(uintptr_t)words[i];
	why[0] = '\0';
	return ex_options_parse(&options, count, argv, why);
}

#define PARSE(...) parse((const char *[]){ "e1exchange", __VA_ARGS__ }, \
			 COUNT(((const char *[]){ "e1exchange", __VA_ARGS__ })))

static void refused(int rc, const char *expected)
{
	assert_int_equal(rc, -EINVAL);
	if (!strstr(why, expected))
		fail_msg("'%s' is not in '%s'", expected, why);
}

static void test_verbs(void **state)
{
	(void)state;
	assert_int_equal(PARSE("run", "a.yaml", "--control", "/tmp/s", "--log-json=/tmp/j",
			       "--fault", "stop-after=10s"),
			 0);
	assert_int_equal(options.verb, EX_VERB_RUN);
	assert_string_equal(options.path, "a.yaml");
	assert_string_equal(options.control, "/tmp/s");
	assert_string_equal(options.log_json, "/tmp/j");
	assert_int_equal(options.fault_count, 1);
	assert_true(options.faults[0].stop && options.faults[0].set.stop);
	assert_int_equal(options.faults[0].after_ms, 10000);
	assert_int_equal(PARSE("ctl", "/tmp/s", "call", "to=1", "--help"), 0);
	assert_int_equal(options.word_count, 3);
	assert_string_equal(options.words[2], "--help"); /* the command's affair */
	assert_int_equal(PARSE("call", "--help"), 0);
	assert_int_equal(options.verb, EX_VERB_HELP);
	assert_string_equal(options.help_about, "call");
	assert_int_equal(PARSE("--version"), 0);
	assert_int_equal(options.verb, EX_VERB_VERSION);
}

static void test_call_options(void **state)
{
	struct ex_call_spec *s = &options.spec;

	(void)state;
	assert_int_equal(PARSE("call", "a.yaml", "--to", "442071234", "--from=2079461111",
			       "--presentation", "restricted", "--screening", "network", "--rate",
			       "12.5/s", "--calls", "100", "--limit", "25", "--hold", "1500ms",
			       "--media", "tone:800:-10", "--json", "--hlc", "9181"),
			 0);
	assert_int_equal(options.verb, EX_VERB_CALL);
	assert_string_equal(s->info.called.number.digits, "442071234");
	assert_int_equal(s->info.calling.number.presentation, PRESENTATION_RESTRICTED);
	assert_int_equal(s->info.calling.number.screening, SCREENING_NETWORK);
	assert_int_equal(s->info.calling.number.plan, PLAN_ISDN);
	assert_true(s->rate > 12.4 && s->rate < 12.6);
	assert_int_equal(s->calls, 100);
	assert_int_equal(s->limit, 25);
	assert_int_equal(s->hold_ms, 1500);
	assert_int_equal(s->media, EX_SOURCE_TONE);
	assert_int_equal(s->hz, 800);
	assert_int_equal(s->level_dbm0, -10);
	assert_int_equal(s->info.hlc.length, 2);
	assert_true(options.json && !options.json_path);
	assert_false(s->detail); /* of a hundred calls */
	assert_int_equal(PARSE("call", "a.yaml", "--to", "1", "--expect-cause", "17",
			       "--expect-location", "user", "--abandon-at", "alerting",
			       "--progress", "1,3", "--json=/tmp/r"),
			 0);
	assert_int_equal(s->expect_cause, 17);
	assert_int_equal(s->expect_location, Q850_LOC_USER);
	assert_int_equal(s->abandon, EX_ABANDON_EVENT);
	assert_int_equal(s->abandon_at, ISDN_ALERTING);
	assert_int_equal(s->info.progress_count, 2);
	assert_int_equal(s->info.progress[1].description, 3);
	assert_string_equal(options.json_path, "/tmp/r");
	assert_true(s->detail);
}

static void test_refusals(void **state)
{
	(void)state;
	refused(PARSE("rum", "a.yaml"), "the nearest is 'run'");
	refused(PARSE("run"), "configuration file is missing");
	refused(PARSE("run", "a.yaml", "b.yaml"), "one argument too many");
	refused(PARSE("run", "a.yaml", "--cotnrol", "x"), "the nearest is '--control'");
	refused(PARSE("run", "a.yaml", "--to", "1"), "only for 'e1exchange call'");
	refused(PARSE("run", "a.yaml", "--control"), "value is missing");
	refused(PARSE("run", "a.yaml", "--fault", "dorp=1"), "the nearest is 'drop'");
	refused(PARSE("run", "a.yaml", "--fault", "drop=1001"), "drop=0…1000");
	refused(PARSE("run", "a.yaml", "--log-level", "loud"), "notice");
	refused(PARSE("call", "a.yaml"), "'to' is needed");
	refused(PARSE("call", "a.yaml", "--to", "12x"), "to: '12x'");
	refused(PARSE("call", "a.yaml", "--to", "1", "--hodl", "5s"), "the nearest is '--hold'");
	refused(PARSE("call", "a.yaml", "--to", "1", "--hold", "5"), "hold: '5'");
	refused(PARSE("call", "a.yaml", "--to", "1", "--media", "tone:1:2:3"), "media");
	refused(PARSE("call", "a.yaml", "--to", "1", "--media", "echo:1"), "media");
	refused(PARSE("call", "a.yaml", "--to", "1", "--presentation", "hidden"),
		"allowed, restricted, unavailable");
	refused(PARSE("call", "a.yaml", "--to", "1", "--rate", "0"), "rate");
	refused(PARSE("call", "a.yaml", "--to", "1", "--calls", "1.5"), "calls");
	refused(PARSE("call", "a.yaml", "--to", "1", "--hlc", "918"), "hlc");
	refused(PARSE("call", "a.yaml", "--to", "1", "--expect-cause", "128"), "expect-cause");
	refused(PARSE("call", "a.yaml", "--to", "1", "--progress", "1,,2"), "progress");
	refused(PARSE("ctl", "/tmp/s"), "command is missing");
}

/* Every option has its help, is not there twice, and takes no nonsense. */
static void test_the_table(void **state)
{
	struct ex_call_spec spec;
	char reason[256];

	(void)state;
	for (size_t i = 0; i < ex_call_option_count; i++) {
		const struct ex_call_option *option = &ex_call_options[i];

		assert_true(option->help[0] && option->argument[0] && option->set);
		for (size_t j = i + 1; j < ex_call_option_count; j++)
			assert_string_not_equal(option->name, ex_call_options[j].name);
		ex_call_spec_init(&spec);
		if (strcmp(option->argument, "TEXT") && strcmp(option->name, "span") &&
		    strcmp(option->name, "keypad"))
			assert_int_equal(ex_call_spec_set(&spec, option->name, "?", reason),
					 -EINVAL);
	}
}

static void test_durations(void **state)
{
	static const struct { const char *text; unsigned ms;
	} good[] = {
		{ "0s", 0 },      { "5s", 5000 },     { "200ms", 200 },
		{ "1.5s", 1500 }, { "2min", 120000 }, { "24h", 86400000 },
	};
	static const char *const bad[] = { "",    "s",   "5",   "-1s",   "5 s",
					   "25h", "nan", "inf", "1e99s", "5sec" };
	unsigned ms;

	(void)state;
	for (int i = 0; i < COUNT(good); i++) {
		assert_int_equal(ex_parse_duration(good[i].text, &ms), 0);
		assert_int_equal(ms, good[i].ms);
	}
	for (int i = 0; i < COUNT(bad); i++)
		assert_int_equal(ex_parse_duration(bad[i], &ms), -EINVAL);
}

static void test_faults(void **state)
{
	struct e1_faults faults = { .l_bit = true, .drop_permille = 7 };
	struct ex_fault fault = { 0 };

	(void)state;
	assert_true(ex_fault_is_empty(&fault));
	assert_int_equal(
		ex_fault_parse(&fault, "drop=10,stop=on ppm=-80  seed=3,for=5s,line=telco", why),
		0);
	assert_int_equal(fault.for_ms, 5000);
	assert_string_equal(fault.line, "telco");
	ex_fault_apply(&fault, &faults);
	assert_int_equal(faults.drop_permille, 10);
	assert_true(faults.stop && faults.l_bit); /* what is not named stays */
	assert_int_equal(faults.clock_ppm, -80);
	assert_int_equal(faults.seed, 3);
	fault = (struct ex_fault){ 0 };
	assert_int_equal(ex_fault_parse(&fault, "clear rdi=on", why), 0);
	ex_fault_apply(&fault, &faults);
	assert_true(faults.rdi && !faults.stop && !faults.l_bit && !faults.drop_permille);
	fault = (struct ex_fault){ 0 };
	assert_int_equal(ex_fault_parse(&fault, "l=maybe", why), -EINVAL);
	assert_int_equal(ex_fault_parse(&fault, "after=5", why), -EINVAL);
}

static void test_words(void **state)
{
	char line[] = "  call to=100 \"display=A B\" name=\"C D\"x \"\"\r\n",
	     open_quote[] = "a \"b c";
	char many[2 * EX_WORDS_MAX + 4], *words[EX_WORDS_MAX];

	(void)state;
	assert_int_equal(ex_command_words(line, words), 5);
	assert_string_equal(words[0], "call");
	assert_string_equal(words[1], "to=100");
	assert_string_equal(words[2], "display=A B");
	assert_string_equal(words[3], "name=C Dx");
	assert_string_equal(words[4], "");
	assert_int_equal(ex_command_words(open_quote, words), -EINVAL);
	memset(many, 0, sizeof(many));
	for (int i = 0; i <= EX_WORDS_MAX; i++)
		memcpy(many + 2 * i, "a ", 2);
	assert_int_equal(ex_command_words(many, words), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verbs),     cmocka_unit_test(test_call_options),
		cmocka_unit_test(test_refusals),  cmocka_unit_test(test_the_table),
		cmocka_unit_test(test_durations), cmocka_unit_test(test_faults),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
