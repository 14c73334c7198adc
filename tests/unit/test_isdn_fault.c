/* SPDX-License-Identifier: GPL-2.0-only */
/* Layers 1 and 2 go and come back: T309, STATUS, RESTART, glare. Two spans back to back. */
#include "isdn_fixture.h"

#include <errno.h>

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
	struct fixture *f = *state;

	fixture_close(f);
	return 0;
}

static void clear(struct fixture *f, struct user *caller, struct user *callee)
{
	isdn_call_release(caller->call, q850(Q850_NORMAL_CLEARING, Q850_LOC_USER));
	advance(f, 20 * MS);
	isdn_call_release(callee->call, q850(Q850_NORMAL_CLEARING, Q850_LOC_USER));
	advance(f, 20 * MS);
	assert_true(caller->released && callee->released);
	assert_idle(&f->te);
	assert_idle(&f->nt);
}

/* The cable is out for T309 − 1 s: calls are kept, and each side has asked for them. */
static void test_t309_kept(void **state)
{
	struct fixture *f = *state;
	struct user caller, *callee = establish(f, &f->te, &caller);

	e1_pair_cut(f->pair, true);
	advance(f, 5 * SECOND);
	assert_int_equal(isdn_span_state(f->te.span), SPAN_DOWN);
	e1_pair_cut(f->pair, false);
	advance(f, 5 * SECOND);
	assert_int_equal(isdn_span_state(f->te.span), SPAN_UP);
	assert_false(caller.released || callee->released);
	assert_non_null(strstr(f->te.ladder, "> STATUS ENQUIRY"));
	assert_non_null(strstr(f->te.ladder, "< STATUS (30) state 10"));
	assert_int_equal(caller.heard_count, 3);
	clear(f, &caller, callee);
}

static void test_t309_expires(void **state)
{
	struct fixture *f = *state;
	struct user caller, *callee = establish(f, &f->te, &caller);

	e1_pair_cut(f->pair, true);
	advance(f, 5 * SECOND);
	assert_false(caller.released || callee->released);
	advance(f, 2 * SECOND);
	assert_true(caller.released && callee->released);
	assert_int_equal(caller.last.cause.value, Q850_DESTINATION_OUT_OF_ORDER);
	assert_int_equal(callee->last.cause.value, Q850_DESTINATION_OUT_OF_ORDER);
	assert_int_equal(counter_get(&isdn_span_counters(f->te.span)->t309_clears), 1);
	e1_pair_cut(f->pair, false);
	advance(f, 10 * SECOND);
	assert_int_equal(isdn_span_state(f->te.span), SPAN_UP);
	assert_idle(&f->te);
	assert_idle(&f->nt);
	assert_null(strstr(f->te.ladder, "RESTART"));
	callee = establish(f, &f->nt, &caller);
	clear(f, &caller, callee);
}

/* Long enough for layer 2 to be lost too, with frames under way; still within a long T309. */
static void test_layer2_lost_and_kept(void **state)
{
	struct fixture *f = *state;
	struct user caller, *callee;

	f->te.conf.timers.t309 = f->nt.conf.timers.t309 = 60000;
	callee = establish(f, &f->nt, &caller);
	e1_pair_cut(f->pair, true);
	advance(f, 30 * SECOND);
	assert_true(counter_get(&isdn_span_counters(f->te.span)->layer2_losses) > 0);
	e1_pair_cut(f->pair, false);
	advance(f, 10 * SECOND);
	assert_int_equal(isdn_span_state(f->te.span), SPAN_UP);
	assert_int_equal(isdn_span_state(f->nt.span), SPAN_UP);
	assert_false(caller.released || callee->released);
	assert_non_null(strstr(f->te.ladder, "> STATUS ENQUIRY"));
	clear(f, &caller, callee);
}

/* Calls in set-up end when the data link is lost (5.8.9 a), all of them, told or not. */
static void test_layer2_lost_in_setup(void **state)
{
	struct fixture *f = *state;
	struct isdn_info info = plain_info("1");
	struct user present, proceeding, alerting;

	f->te.conf.timers.t309 = f->nt.conf.timers.t309 = 60000;
	f->te.conf.timers.t303 = 60000;
	assert_int_equal(place(f, &f->te, &present, &info), 0);
	assert_int_equal(place(f, &f->te, &proceeding, &info), 0);
	isdn_call_proceeding(f->nt.users[1].call, NULL);
	assert_int_equal(place(f, &f->te, &alerting, &info), 0);
	isdn_call_alerting(f->nt.users[2].call, NULL);
	advance(f, 20 * MS);
	e1_pair_cut(f->pair, true);
	advance(f, 30 * SECOND);
	assert_true(present.released && proceeding.released && alerting.released);
	assert_true(f->nt.users[0].released && f->nt.users[1].released && f->nt.users[2].released);
	assert_int_equal(alerting.last.cause.value, Q850_DESTINATION_OUT_OF_ORDER);
	assert_int_equal(place(f, &f->te, &alerting, &info), -ENETDOWN);
	e1_pair_cut(f->pair, false);
	advance(f, 10 * SECOND);
	assert_idle(&f->te);
	assert_idle(&f->nt);
}

/* The far end is killed and comes back at once with no memory of the calls: cleared within 3 s. */
static void test_far_end_restarted(void **state)
{
	struct fixture *f = *state;
	struct user caller, *callee = establish(f, &f->te, &caller);

	side_close_span(&f->nt);
	assert_true(callee->released);
	assert_int_equal(side_open_span(&f->nt), 0);
	advance(f, 3 * SECOND);
	assert_true(caller.released);
	advance(f, 3 * SECOND);
	assert_idle(&f->te);
	assert_int_equal(isdn_span_state(f->te.span), SPAN_UP);
	callee = establish(f, &f->te, &caller);
	clear(f, &caller, callee);
}

/* The same, and the far end begins with RESTART. */
static void test_far_end_restarts_channels(void **state)
{
	struct fixture *f = *state;
	struct user caller;

	establish(f, &f->te, &caller);
	side_close_span(&f->nt);
	f->nt.conf.restart_on_start = true;
	assert_int_equal(side_open_span(&f->nt), 0);
	advance(f, 3 * SECOND);
	assert_true(caller.released);
	assert_idle(&f->te);
	assert_idle(&f->nt);
	assert_int_equal(counter_get(&isdn_span_counters(f->nt.span)->restarts_tx), 30);
	assert_int_equal(counter_get(&isdn_span_counters(f->te.span)->restarts_rx), 30);
}

static void test_restart_clears(void **state)
{
	struct fixture *f = *state;
	struct user caller, *callee = establish(f, &f->te, &caller), second, *second_callee;
	unsigned ts = isdn_call_timeslot(caller.call);

	second_callee = establish(f, &f->te, &second);
	assert_int_equal(isdn_span_restart(f->nt.span, ts), 0);
	advance(f, 50 * MS);
	assert_true(caller.released && callee->released);
	assert_int_equal(caller.last.cause.value, Q850_TEMPORARY_FAILURE);
	assert_false(second.released);
	assert_int_equal(isdn_span_slot(f->nt.span, ts, NULL), SLOT_IDLE);
	assert_int_equal(isdn_span_slot(f->te.span, ts, NULL), SLOT_IDLE);
	clear(f, &second, second_callee);
}

static void test_restart_all(void **state)
{
	struct fixture *f = *state;
	struct user caller, *callee = establish(f, &f->te, &caller);

	assert_int_equal(isdn_span_restart(f->nt.span, 0), 0);
	advance(f, SECOND);
	assert_true(caller.released && callee->released);
	assert_idle(&f->te);
	assert_idle(&f->nt);
	e1_pair_cut(f->pair, true);
	advance(f, SECOND);
	assert_int_equal(isdn_span_restart(f->nt.span, 0), -ENOTCONN);
}

/* A call that its user gives up while the link is away: gone at once here; over there the channel
 * is put right by RESTART as soon as the link is back. */
static void test_released_while_away(void **state)
{
	struct fixture *f = *state;
	struct user caller, *callee;

	f->te.conf.timers.t309 = f->nt.conf.timers.t309 = 60000;
	callee = establish(f, &f->te, &caller);
	e1_pair_cut(f->pair, true);
	advance(f, 30 * SECOND);
	isdn_call_release(caller.call, q850(Q850_NORMAL_CLEARING, Q850_LOC_USER));
	advance(f, 10 * MS);
	assert_true(caller.released);
	assert_int_equal(caller.last.cause.value, 16);
	assert_false(callee->released);
	e1_pair_cut(f->pair, false);
	advance(f, 10 * SECOND);
	assert_true(callee->released);
	assert_idle(&f->te);
	assert_idle(&f->nt);
}

/* Both sides take the same channel at the same time. The network's call has it; the user's gets
 * another. */
static void glare(struct fixture *f)
{
	struct isdn_info info = plain_info("1");
	struct user user = { 0 }, net = { 0 };

	assert_int_equal(isdn_call_setup(&user.call, f->te.span, &info, &user_ops, &user), 0);
	assert_int_equal(isdn_call_setup(&net.call, f->nt.span, &info, &user_ops, &net), 0);
	assert_int_equal(isdn_call_timeslot(user.call), isdn_call_timeslot(net.call));
	advance(f, 50 * MS);
	assert_int_equal(counter_get(&isdn_span_counters(f->te.span)->glare), 1);
	assert_int_equal(counter_get(&isdn_span_counters(f->nt.span)->glare), 1);
	isdn_call_connect(f->te.users[0].call, NULL);
	isdn_call_connect(f->nt.users[0].call, NULL);
	advance(f, 50 * MS);
	assert_int_equal(isdn_call_timeslot(net.call), 1);
	assert_int_equal(isdn_call_timeslot(f->te.users[0].call), 1);
	assert_int_equal(isdn_call_timeslot(user.call), isdn_call_timeslot(f->nt.users[0].call));
	assert_int_not_equal(isdn_call_timeslot(user.call), 1);
	assert_int_equal(isdn_span_idle_channels(f->te.span), 28);
	assert_int_equal(isdn_span_idle_channels(f->nt.span), 28);
	isdn_call_release(user.call, q850(16, Q850_LOC_USER));
	isdn_call_release(net.call, q850(16, Q850_LOC_USER));
	advance(f, 50 * MS);
	isdn_call_release(f->nt.users[0].call, q850(16, Q850_LOC_USER));
	isdn_call_release(f->te.users[0].call, q850(16, Q850_LOC_USER));
	advance(f, 50 * MS);
	assert_idle(&f->te);
	assert_idle(&f->nt);
}

static int setup_glare(void **state)
{
	static struct fixture f;

	fixture_open(&f);
	f.te.conf.hunt = f.nt.conf.hunt = CONF_HUNT_ASCENDING;
	fixture_start(&f);
	*state = &f;
	return 0;
}

static void test_glare(void **state)
{
	glare(*state);
}

/* With exclusive channels the network can only refuse: the call is offered again, and keeps its
 * key. */
static void test_glare_exclusive(void **state)
{
	struct fixture *f = *state;

	f->te.conf.exclusive = f->nt.conf.exclusive = true;
	glare(f);
	assert_int_equal(f->nt.incoming, 1);
	assert_non_null(strstr(f->te.ladder, "< RELEASE COMPLETE (44)\n> SETUP\n"));
}

/* Ten from each side, which hunt the same way: all twenty stand. */
static void test_glare_ten(void **state)
{
	struct fixture *f = *state;
	struct isdn_info info = plain_info("1");
	struct user from_te[10] = { 0 }, from_nt[10] = { 0 };

	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(isdn_call_setup(&from_te[i].call, f->te.span, &info, &user_ops,
						 &from_te[i]),
				 0);
		assert_int_equal(isdn_call_setup(&from_nt[i].call, f->nt.span, &info, &user_ops,
						 &from_nt[i]),
				 0);
	}
	advance(f, SECOND);
	assert_int_equal(f->te.incoming, 10);
	assert_int_equal(f->nt.incoming, 10);
	for (unsigned i = 0; i < 10; i++) {
		isdn_call_connect(f->te.users[i].call, NULL);
		isdn_call_connect(f->nt.users[i].call, NULL);
	}
	advance(f, SECOND);
	assert_int_equal(isdn_span_idle_channels(f->te.span), 10);
	assert_int_equal(isdn_span_idle_channels(f->nt.span), 10);
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(from_te[i].call->fsm.state, CALL_ACTIVE);
		assert_int_equal(from_nt[i].call->fsm.state, CALL_ACTIVE);
		assert_int_equal(isdn_call_timeslot(from_te[i].call),
				 isdn_call_timeslot(f->nt.users[i].call));
		assert_int_equal(isdn_call_timeslot(from_nt[i].call),
				 isdn_call_timeslot(f->te.users[i].call));
	}
	side_close_span(&f->te);
	side_close_span(&f->nt);
}

/* Thirty from each side at once: every call either stands on a channel that both sides agree on, or
 * is refused. */
static void test_glare_everywhere(void **state)
{
	struct fixture *f = *state;
	struct isdn_info info = plain_info("1");
	struct user from_te[30] = { 0 }, from_nt[30] = { 0 };

	for (unsigned i = 0; i < 30; i++) {
		assert_int_equal(isdn_call_setup(&from_te[i].call, f->te.span, &info, &user_ops,
						 &from_te[i]),
				 0);
		assert_int_equal(isdn_call_setup(&from_nt[i].call, f->nt.span, &info, &user_ops,
						 &from_nt[i]),
				 0);
	}
	advance(f, 2 * SECOND);
	for (unsigned i = 0; i < f->te.incoming; i++)
		if (f->te.users[i].call)
			isdn_call_connect(f->te.users[i].call, NULL);
	for (unsigned i = 0; i < f->nt.incoming; i++)
		if (f->nt.users[i].call)
			isdn_call_connect(f->nt.users[i].call, NULL);
	advance(f, 2 * SECOND);
	for (unsigned ts = 1; ts < 32; ts++) {
		struct isdn_call *a, *b;

		if (ts == 16)
			continue;
		isdn_span_slot(f->te.span, ts, &a);
		isdn_span_slot(f->nt.span, ts, &b);
		assert_int_equal(a == NULL, b == NULL);
		if (a)
			assert_int_equal(a->crv, b->crv);
	}
	side_close_span(&f->te);
	side_close_span(&f->nt);
	for (unsigned i = 0; i < 30; i++)
		assert_true(from_te[i].released && from_nt[i].released);
}

static void test_close_with_calls(void **state)
{
	struct fixture *f = *state;
	struct user caller, *callee = establish(f, &f->te, &caller);

	side_close_span(&f->te);
	assert_true(caller.released);
	assert_int_equal(caller.last.cause.value, Q850_DESTINATION_OUT_OF_ORDER);
	assert_false(callee->released);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_t309_kept),
		T(test_t309_expires),
		T(test_layer2_lost_and_kept),
		T(test_layer2_lost_in_setup),
		T(test_far_end_restarted),
		T(test_far_end_restarts_channels),
		T(test_restart_clears),
		T(test_restart_all),
		T(test_released_while_away),
		T(test_close_with_calls),
		cmocka_unit_test_setup_teardown(test_glare, setup_glare, teardown),
		cmocka_unit_test_setup_teardown(test_glare_exclusive, setup_glare, teardown),
		cmocka_unit_test_setup_teardown(test_glare_ten, setup_glare, teardown),
		cmocka_unit_test_setup_teardown(test_glare_everywhere, setup_glare, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
