/* SPDX-License-Identifier: GPL-2.0-only */
/* A span's settings change, and it takes no new calls, while calls are carried. */
#include "isdn_fixture.h"

#include <errno.h>

static struct fixture fx;

static int setup(void **state)
{
	(void)state;
	fixture_open(&fx);
	fixture_start(&fx);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_close(&fx);
	return 0;
}

static void ends(struct user *caller, struct user *callee)
{
	isdn_call_release(caller->call, q850(Q850_NORMAL_CLEARING, Q850_LOC_USER));
	advance(&fx, 200 * MS);
	if (callee->call)
		isdn_call_release(callee->call, q850(Q850_NORMAL_CLEARING, Q850_LOC_USER));
	advance(&fx, 200 * MS);
	assert_true(caller->released && callee->released);
}

/* The far end's calls get RELEASE COMPLETE with the cause, ours don't leave; those in progress go
 * on. */
static void test_refuses(void **state)
{
	struct isdn_info info = plain_info("1");
	struct user talking, caller;
	struct user *callee = establish(&fx, &fx.nt, &talking);
	unsigned incoming = fx.te.incoming;

	(void)state;
	isdn_span_refuse(fx.te.span, q850(Q850_CONGESTION, Q850_LOC_PRIVATE_LOCAL));
	fx.te.ladder[0] = '\0';
	assert_int_equal(place(&fx, &fx.nt, &caller, &info), 0);
	advance(&fx, 100 * MS);
	assert_true(caller.released);
	assert_int_equal(caller.last.cause.value, Q850_CONGESTION);
	assert_non_null(strstr(fx.te.ladder, "> RELEASE COMPLETE"));
	assert_int_equal(fx.te.incoming, incoming);
	assert_int_equal(counter_get(&isdn_span_counters(fx.te.span)->refused), 1);
	assert_int_equal(place(&fx, &fx.te, &caller, &info), -EBUSY);
	assert_int_equal(isdn_span_idle_channels(fx.te.span), 29);
	assert_int_equal(talking.call->fsm.state, CALL_ACTIVE);
	ends(&talking, callee);
	isdn_span_refuse(fx.te.span, q850(0, 0));
	callee = establish(&fx, &fx.nt, &caller);
	ends(&caller, callee);
	assert_idle(&fx.te);
	assert_idle(&fx.nt);
}

/* What can't change in place changes nothing. */
static void test_other_ground(void **state)
{
	struct conf_span other = fx.te.conf;
	char line[] = "elsewhere";

	(void)state;
	other.d_channel = 17;
	assert_int_equal(isdn_span_set_conf(fx.te.span, &other), -EINVAL);
	other = fx.te.conf;
	other.line = line;
	assert_int_equal(isdn_span_set_conf(fx.te.span, &other), -EINVAL);
	other = fx.te.conf;
	other.role = CONF_ROLE_NT;
	assert_int_equal(isdn_span_set_conf(fx.te.span, &other), -EINVAL);
	other = fx.te.conf;
	other.law = CONF_ULAW;
	assert_int_equal(isdn_span_set_conf(fx.te.span, &other), -EINVAL);
	other = fx.te.conf;
	other.timers.t200++;
	assert_int_equal(isdn_span_set_conf(fx.te.span, &other), -EINVAL);
	other = fx.te.conf;
	other.timers.n200++;
	assert_int_equal(isdn_span_set_conf(fx.te.span, &other), -EINVAL);
	assert_ptr_equal(isdn_span_conf(fx.te.span), &fx.te.conf);
}

/* Hunting, channels and timers of calls; the call in progress hears nothing of it. The earlier
 * settings are not read any more: they are overwritten. */
static void test_in_place(void **state)
{
	struct conf_span other = fx.te.conf;
	struct isdn_info info = plain_info("1");
	struct user talking, caller;
	struct user *callee = establish(&fx, &fx.te, &talking), *second;
	char name[] = "renamed";

	(void)state;
	assert_int_equal(isdn_call_timeslot(talking.call), 31);
	other.name = name;
	other.hunt = CONF_HUNT_ASCENDING;
	other.b_channels = 0x7e; /* 1-6: without the one that is talked on */
	other.timers.t303 = 500;
	assert_int_equal(isdn_span_set_conf(fx.te.span, &other), 0);
	memset(&fx.te.conf, 0xa5, sizeof(fx.te.conf));
	assert_int_equal(isdn_span_idle_channels(fx.te.span), 6);
	assert_string_equal(isdn_span_name(fx.te.span), "renamed");
	second = establish(&fx, &fx.te, &caller);
	assert_int_equal(isdn_call_timeslot(caller.call), 1);
	advance(&fx, 60 * SECOND);
	assert_int_equal(talking.call->fsm.state, CALL_ACTIVE);
	ends(&talking, callee);
	ends(&caller, second);
	assert_int_equal(isdn_span_idle_channels(fx.te.span), 6);
	assert_int_equal(isdn_span_slot(fx.te.span, 31, NULL), SLOT_ABSENT);
	fx.nt.ignore =
		true; /* T303 is the new one: SETUP twice within a second, and then no more */
	fx.te.ladder[0] = '\0';
	isdn_span_close(&fx.nt.span, NULL, NULL);
	assert_int_equal(isdn_call_setup(&caller.call, fx.te.span, &info, &user_ops, &caller), 0);
	caller.released = false;
	advance(&fx, 1100 * MS);
	assert_true(caller.released);
}

/* Channels that are added get the RESTART of a start. */
static void test_added_channels_are_restarted(void **state)
{
	struct conf_span fewer = fx.te.conf, more = fx.te.conf;

	(void)state;
	fewer.b_channels = 0x0e;
	assert_int_equal(isdn_span_set_conf(fx.te.span, &fewer), 0);
	assert_int_equal(isdn_span_idle_channels(fx.te.span), 3);
	fx.te.ladder[0] = '\0';
	more.b_channels = 0x1e;
	more.restart_on_start = true;
	assert_int_equal(isdn_span_set_conf(fx.te.span, &more), 0);
	advance(&fx, SECOND);
	assert_string_equal(fx.te.ladder, "> RESTART\n< RESTART ACKNOWLEDGE\n");
	assert_int_equal(isdn_span_idle_channels(fx.te.span), 4);
	assert_int_equal(isdn_span_set_conf(fx.te.span, &fx.te.conf), 0);
	assert_int_equal(isdn_span_idle_channels(fx.te.span), 30);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(test_refuses),
		CASE(test_other_ground),
		CASE(test_in_place),
		CASE(test_added_channels_are_restarted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
