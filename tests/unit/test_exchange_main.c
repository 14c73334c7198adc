/* SPDX-License-Identifier: GPL-2.0-only */
/* The program's own part: what the command line says instead of the file, and want of memory while
 * it starts. `check` reads all of it and starts nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

int e1exchange_main(int argc, char **argv);
#define main e1exchange_main
#include "tdm/exchange/e1exchange_main.c"
#undef main

static const char config[] =
	"control: /tmp/of-the-file\n"
	"lines:\n"
	"  l0: { kind: cesopsn, local: \"127.0.0.1:30001\", remote: \"127.0.0.1:30002\" }\n"
	"spans:\n"
	"  nt: { line: l0 }\n"
	"numbers:\n"
	"  - { called: \"1\", steps: [ connect, echo ] }\n";

struct fixture {
	char path[64], plan[256];
};

static int set_up(void **state)
{
	static struct fixture f;
	FILE *file;

	snprintf(f.path, sizeof(f.path), "/tmp/test_exchange_main-%d.yaml", getpid());
	snprintf(f.plan, sizeof(f.plan), "%s/tdm/exchange/plans/answer.yaml", TEST_SOURCE_DIR);
	file = fopen(f.path, "w");
	*state = &f;
	return file && fputs(config, file) >= 0 && fclose(file) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	return unlink(((struct fixture *)*state)->path);
}

static void the_command_line_wins(void **state)
{
	struct fixture *f = *state;
	struct program program = { .options = { .path = f->path } };
	struct ex_own_settings *own = &program.settings.own;
	long before = mem_live_blocks();

	assert_int_equal(load_settings(&program), 0);
	assert_string_equal(own->control, "/tmp/of-the-file");
	assert_null(own->log_json);
	ex_settings_free(&program.settings);
	program.options.control = "/tmp/given";
	program.options.log_json = "/dev/null";
	assert_int_equal(load_settings(&program), 0);
	assert_string_equal(own->control, "/tmp/given");
	assert_string_equal(own->log_json, "/dev/null");
	ex_settings_free(&program.settings);
	assert_int_equal(mem_live_blocks(), before);
}

static void want_of_memory_ends_it(void **state)
{
	struct fixture *f = *state;
	char *argv[] = { "e1exchange", "check",	     f->path,	   "--plan",	f->plan,
			 "--control",  "/tmp/given", "--log-json", "/dev/null", NULL };
	long before = mem_live_blocks(), n = 0;
	struct program program;

	do {
		char why[320];
		int status;

		program = (struct program){ 0 };
		assert_int_equal(ex_options_parse(&program.options, 9, argv, why), 0);
		mem_fail_after(n++);
		status = run(&program);
		assert_int_equal(status, mem_failed() ? STATUS_USAGE : 0);
		assert_int_equal(mem_live_blocks(), before);
	} while (mem_failed());
	mem_fail_after(-1);
	assert_true(n > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_command_line_wins, set_up, tear_down),
		cmocka_unit_test_setup_teardown(want_of_memory_ends_it, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
