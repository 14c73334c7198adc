/* SPDX-License-Identifier: GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tdm/exchange/scenario.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A call that only writes down what the steps ask of it. */
struct fixture {
	struct clock_virtual clock;
	struct loop *loop;
	struct ex_scenario_run run;
	char told[256];
	bool as_expected, stop_at_connect;
	int refuse; /* what a message returns */
};

static void tell(struct fixture *f, const char *word, unsigned value)
{
	size_t used = strlen(f->told);

	snprintf(f->told + used, sizeof(f->told) - used, "%s%s:%u", used ? " " : "", word, value);
}

static int fake_message(enum ex_step_kind kind, const struct ex_message *message, void *arg)
{
	struct fixture *f = arg;

	tell(f, ex_step_name(kind), message->cause);
	if (f->stop_at_connect && kind == EX_STEP_CONNECT)
		ex_scenario_stop(&f->run);
	return f->refuse;
}

static void fake_media(enum ex_step_kind kind, const struct ex_play *play, void *arg)
{
	tell(arg, ex_step_name(kind), play->hz);
}

static bool fake_expect(const struct ex_expect *expect, void *arg)
{
	struct fixture *f = arg;

	tell(f, "expect", expect->cause);
	return f->as_expected;
}

static void fake_refused(const struct ex_step *step, int rc, void *arg)
{
	tell(arg, "refused", (unsigned)-rc * 100 + step->kind);
}

static const struct ex_scenario_ops ops = {
	.message = fake_message,
	.media = fake_media,
	.expect = fake_expect,
	.refused = fake_refused,
};

static int set_up(void **state)
{
	static struct fixture f;

	memset(&f, 0, sizeof(f));
	clock_virtual_init(&f.clock);
	f.as_expected = true;
	*state = &f;
	return loop_create(&f.loop, &f.clock.clock);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	ex_scenario_stop(&f->run);
	loop_destroy(&f->loop);
	return 0;
}

static void start(struct fixture *f, const struct ex_step *steps, size_t count)
{
	struct ex_steps list = { steps, count, "test" };

	ex_scenario_start(&f->run, f->loop, &list, &ops, f);
}

#define MESSAGE(step_kind, with) { .kind = (step_kind), .messages[step_kind] = { .cause = (with) } }
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static void test_steps_and_waits(void **state)
{
	static const struct ex_step steps[] = {
		{ .kind = EX_STEP_PROCEEDING },
		{ .kind = EX_STEP_PLAY, .play = { .hz = 425 } },
		{ .kind = EX_STEP_WAIT, .wait_ms = 2000 },
		{ .kind = EX_STEP_CONNECT }, { .kind = EX_STEP_ECHO },
		{ .kind = EX_STEP_WAIT, .wait_ms = 500 }, { .kind = EX_STEP_WAIT, .wait_ms = 500 },
		MESSAGE(EX_STEP_DISCONNECT, 17),
	};
	struct fixture *f = *state;

	start(f, steps, COUNT(steps));
	assert_string_equal(f->told, "proceeding:0 play:425");
	loop_advance(f->loop, &f->clock, 1999999);
	assert_string_equal(f->told, "proceeding:0 play:425");
	loop_advance(f->loop, &f->clock, 1);
	assert_string_equal(f->told, "proceeding:0 play:425 connect:0 echo:0");
	loop_advance(f->loop, &f->clock, 999999);
	assert_null(strstr(f->told, "disconnect"));
	loop_advance(f->loop, &f->clock, 1);
	assert_string_equal(f->told, "proceeding:0 play:425 connect:0 echo:0 disconnect:17");
	loop_advance(f->loop, &f->clock, 60000000);
	assert_string_equal(f->told, "proceeding:0 play:425 connect:0 echo:0 disconnect:17");
}

static void test_stopped_while_waiting(void **state)
{
	static const struct ex_step steps[] = {
		{ .kind = EX_STEP_ALERTING },
		{ .kind = EX_STEP_WAIT, .wait_ms = 100 },
		{ .kind = EX_STEP_CONNECT },
	};
	struct fixture *f = *state;

	start(f, steps, COUNT(steps));
	ex_scenario_stop(&f->run);
	loop_advance(f->loop, &f->clock, 1000000);
	assert_string_equal(f->told, "alerting:0");
}

static void test_stopped_by_its_own_step(void **state)
{
	static const struct ex_step steps[] = { { .kind = EX_STEP_CONNECT },
						{ .kind = EX_STEP_ECHO } };
	struct fixture *f = *state;

	f->stop_at_connect = true;
	start(f, steps, COUNT(steps));
	assert_string_equal(f->told, "connect:0");
}

static void test_expectation(void **state)
{
	static const struct ex_step steps[] = {
		{ .kind = EX_STEP_EXPECT, .expect = { .cause = 28 } }, { .kind = EX_STEP_CONNECT },
	};
	struct fixture *f = *state;

	start(f, steps, COUNT(steps));
	assert_string_equal(f->told, "expect:28 connect:0");
	f->told[0] = '\0';
	f->as_expected = false;
	start(f, steps, COUNT(steps));
	assert_string_equal(f->told, "expect:28 release:28");
}

static void test_refused_step_does_not_end_it(void **state)
{
	static const struct ex_step steps[] = { { .kind = EX_STEP_ALERTING },
						{ .kind = EX_STEP_SILENCE } };
	struct fixture *f = *state;
	char expected[64];

	f->refuse = -EPROTO;
	start(f, steps, COUNT(steps));
	snprintf(expected, sizeof(expected), "alerting:0 refused:%u silence:0",
		 EPROTO * 100 + EX_STEP_ALERTING);
	assert_string_equal(f->told, expected);
}

static void test_ignore_and_nothing(void **state)
{
	static const struct ex_step ignore[] = { { .kind = EX_STEP_IGNORE } };
	struct fixture *f = *state;

	start(f, ignore, 1);
	assert_false(f->run.running);
	start(f, NULL, 0);
	assert_string_equal(f->told, "");
	ex_scenario_stop(&(struct ex_scenario_run){ 0 });
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(test_steps_and_waits),
		CASE(test_stopped_while_waiting),
		CASE(test_stopped_by_its_own_step),
		CASE(test_expectation),
		CASE(test_refused_step_does_not_end_it),
		CASE(test_ignore_and_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
