/* SPDX-License-Identifier: GPL-2.0-only */
/* Two spans, user and network side, back to back. */
#include "isdn_fixture.h"

static int setup(void **state)
{
	static struct fixture f;

	fixture_open(&f);
	fixture_start(&f);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	fixture_close(*state);
	return 0;
}

/*	caller                 callee
 *	  |------ SETUP -------->|
 *	  |<-- CALL PROCEEDING --|
 *	  |<----- ALERTING ------|
 *	  |<----- CONNECT -------|
 *	  |-- CONNECT ACK ------>|
 *	  |------ DISCONNECT --->|
 *	  |<----- RELEASE -------|
 *	  |-- RELEASE COMPLETE ->|
 */
static void one_call(struct fixture *f, struct side *from)
{
	struct user caller, *callee = establish(f, from, &caller);

	assert_int_equal(caller.heard_count, 3);
	assert_int_equal(caller.heard[0], ISDN_PROCEEDING);
	assert_int_equal(caller.heard[1], ISDN_ALERTING);
	assert_int_equal(caller.heard[2], ISDN_CONNECT);
	assert_string_equal(callee->setup.called.number.digits, "12345");
	assert_true(callee->setup.sending_complete);
	assert_int_equal(isdn_call_timeslot(caller.call), isdn_call_timeslot(callee->call));
	isdn_call_release(caller.call, q850(Q850_NORMAL_CLEARING, Q850_LOC_USER));
	advance(f, 20 * MS);
	assert_int_equal(callee->heard[0], ISDN_DISCONNECT);
	isdn_call_release(callee->call, q850(Q850_NORMAL_CLEARING, Q850_LOC_USER));
	advance(f, 20 * MS);
	assert_true(caller.released && callee->released);
	assert_int_equal(callee->last.cause.value, 16);
	assert_idle(&f->te);
	assert_idle(&f->nt);
}

static void test_call_from_user(void **state)
{
	struct fixture *f = *state;

	one_call(f, &f->te);
	assert_string_equal(f->te.ladder,
			    "> SETUP\n< CALL PROCEEDING\n< ALERTING\n< CONNECT\n"
			    "> CONNECT ACKNOWLEDGE\n> DISCONNECT (16)\n< RELEASE (16)\n"
			    "> RELEASE COMPLETE (16)\n");
}

static void test_call_from_network(void **state)
{
	struct fixture *f = *state;

	one_call(f, &f->nt);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_call_from_user, setup, teardown),
		cmocka_unit_test_setup_teardown(test_call_from_network, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
