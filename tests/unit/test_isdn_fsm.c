/* SPDX-License-Identifier: GPL-2.0-only */
/* Every event in every state of the call machine: accepted exactly where the table says so, and
 * nothing worse. */
#include "raw_peer.h"

static struct fixture f;
static struct raw_peer raw;

static int setup(void **state)
{
	(void)state;
	fixture_open(&f);
	raw_start(&raw, &f);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	raw_stop(&raw);
	fixture_close(&f);
	return 0;
}

static void say(const struct isdn_call *call, uint8_t type)
{
	const uint8_t channel[] = { 0x18, 3, 0xa9, 0x83, (uint8_t)(0x80 | call->timeslot) };
	static const uint8_t cause[] = { 0x08, 2, 0x82, 0x90 };
	bool clearing = type == Q931_DISCONNECT;

	raw_message(&raw, call->crv, call->ours, type, clearing ? cause : channel,
		    clearing ? 4 : 5);
	advance(&f, 20 * MS);
}

static struct isdn_call *outgoing(struct user *user)
{
	struct isdn_info info = plain_info("1");

	assert_int_equal(isdn_call_setup(&user->call, f.te.span, &info, &user_ops, user), 0);
	advance(&f, 20 * MS);
	return user->call;
}

/* With a number, or without: then it is gathered digit by digit. */
static struct isdn_call *incoming(uint16_t crv, bool overlap)
{
	static const uint8_t elements[] = { 0x04, 3,    0x80, 0x90, 0xa3, 0x18, 3,
					    0xa9, 0x83, 0x81, 0x70, 2,    0x81, '1' };

	raw_message(&raw, crv, false, Q931_SETUP, elements, sizeof(elements) - (overlap ? 4 : 0));
	advance(&f, 20 * MS);
	return span_find_reference(f.te.span, crv, false);
}

static void complete(const struct isdn_call *call)
{
	static const uint8_t elements[] = { 0xa1, 0x70, 2, 0x81, '1' };

	raw_message(&raw, call->crv, false, Q931_INFORMATION, elements, sizeof(elements));
	advance(&f, 20 * MS);
}

/* A call that has come to `state` the ordinary way. */
static struct isdn_call *call_in(enum call_state state, struct user *user, uint16_t crv)
{
	bool overlap = state == CALL_IN_OVERLAP || state == CALL_IN_COLLECTED;
	struct isdn_call *call = state >= CALL_IN_PRESENT && state <= CALL_IN_CONNECTING
					 ? incoming(crv, overlap)
					 : outgoing(user);

	if (state == CALL_OUT_OVERLAP)
		say(call, Q931_SETUP_ACKNOWLEDGE);
	if (state == CALL_OUT_PROCEEDING)
		say(call, Q931_CALL_PROCEEDING);
	if (state == CALL_OUT_ALERTING)
		say(call, Q931_ALERTING);
	if (state == CALL_IN_COLLECTED)
		complete(call);
	if (state == CALL_IN_PROCEEDING)
		isdn_call_proceeding(call, NULL);
	if (state == CALL_IN_ALERTING)
		isdn_call_alerting(call, NULL);
	if (state == CALL_IN_CONNECTING)
		isdn_call_connect(call, NULL);
	if (state >= CALL_ACTIVE)
		say(call, Q931_CONNECT);
	if (state == CALL_DISCONNECT_SENT || state == CALL_RELEASING)
		isdn_call_release(call, q850(16, Q850_LOC_USER));
	if (state == CALL_DISCONNECT_RECEIVED || state == CALL_RELEASING)
		say(call, Q931_DISCONNECT);
	advance(&f, 20 * MS);
	return call;
}

static const void *data_of(unsigned event)
{
	static const struct q850_cause cause = { 16, Q850_LOC_USER };
	static const struct isdn_info info = { .cause = { 16, Q850_LOC_USER } };

	return event == CALL_FORGET || event == CALL_DO_RELEASE ? (const void *)&cause : &info;
}

static void try_event(enum call_state state, unsigned event, uint16_t crv)
{
	const struct fsm_state *row = &call_machine.states[state];
	struct user user = { 0 };
	struct isdn_call *call = call_in(state, &user, crv);
	bool accepted = row->events & FSM_BIT(event);
	unsigned refused = call->fsm.refused;

	assert_int_equal(call->fsm.state, state);
	if (accepted && (event == CALL_MSG_RELEASED ||
			 event == CALL_MSG_SILENT_CLEAR)) { /* libpri has freed it then */
		pri_call_free(f.te.span->link, call->q931);
		call->q931 = NULL;
	}
	call_hold(call);
	assert_int_equal(fsm_event(&call->fsm, event, data_of(event)), accepted);
	assert_int_equal(call->fsm.refused, refused + !accepted);
	if (call->fsm.state != state)
		assert_true(accepted);
	else if (!accepted)
		assert_int_equal(call->fsm.state, state);
	call_forget(call, q850(Q850_NORMAL_UNSPECIFIED, Q850_LOC_USER));
	assert_int_equal(call->fsm.state, CALL_GONE);
	advance(&f, 20 * MS);
	call_drop(call);
	advance(&f, 400 * MS);
	assert_true(!user.call || user.released);
	assert_int_equal(isdn_span_calls(f.te.span), 0);
}

static void test_every_event(void **state)
{
	uint16_t crv = 1;

	(void)state;
	for (unsigned s = CALL_OUT_SETUP; s < CALL_GONE; s++)
		for (unsigned e = 0; e < CALL_EVENTS; e++)
			if (e != CALL_DO_SETUP && e != CALL_DO_OFFER)
				try_event(s, e, crv++);
			else
				assert_false(call_machine.states[s].events & FSM_BIT(e));
}

/* The table is whole: each state named, with its clause; no way out of the last, and a way there
 * from everywhere. */
static void test_table(void **state)
{
	(void)state;
	for (unsigned s = 0; s < CALL_STATES; s++) {
		const struct fsm_state *row = &call_machine.states[s];

		assert_non_null(row->name);
		assert_non_null(row->clause);
		if (s != CALL_NULL && s != CALL_GONE) {
			assert_true(row->next & FSM_BIT(CALL_GONE));
			assert_true(row->events & FSM_BIT(CALL_FORGET));
			assert_true(row->events & FSM_BIT(CALL_MSG_RELEASE));
			assert_true(row->events & FSM_BIT(CALL_DO_RELEASE));
		}
		assert_int_equal(row->expired != NULL, row->timer_name != NULL);
	}
	assert_int_equal(call_machine.states[CALL_GONE].next, 0);
	for (unsigned e = 0; e < CALL_EVENTS; e++)
		assert_non_null(call_machine.event_names[e]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test_setup_teardown(test_every_event, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
