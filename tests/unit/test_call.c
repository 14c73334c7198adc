/* SPDX-License-Identifier: GPL-2.0-only */
/* The call machine: golden traces, announcements, crossing, every event in every state, memory
 * refused at each step. */
#include "call_house.h"

/* ---- The plain way ---- */

static void test_plain_call(void **state)
{
	(void)state;
	trace_on();
	incoming(number);
	took_note("gw1<SETUP; in<PROCEEDING; [new A:SETUP trying] ");
	assert_string_equal(fx.leg[GW1]->setup.called.number.digits, "2079460000");
	assert_int_equal(fx.leg[GW1]->setup.called.number.type, NUMBER_NATIONAL);
	assert_string_equal(fx.leg[GW1]->setup.calling.number.digits, "2079460018");
	assert_int_equal(fx.leg[GW1]->setup.hops_left, 69);
	tell(GW1, LEG_PROCEEDING);
	advance_ms(1000);
	tell(GW1, LEG_ALERTING);
	took_note("[trying B:PROCEEDING proceeding] in<ALERTING; [proceeding B:ALERTING ringing] ");
	advance_ms(2000);
	tell(GW1, LEG_CONNECT);
	took_note("media; in<CONNECT; [ringing B:CONNECT answered] ");
	assert_true(the_call()->answered);
	assert_int_equal(the_call()->times.answer_us - the_call()->times.setup_us, 3000000);
	assert_int_equal(the_call()->times.ringing_us - the_call()->times.setup_us, 1000000);
	assert_int_equal(fx.endpoints[GW1].calls_now, 1);
	tell_cause(IN, LEG_RELEASE, Q850_NORMAL_CLEARING);
	took_note("gw1<RELEASE 16; [answered A:RELEASE clearing] ");
	assert_int_equal(the_call()->releaser, CALL_RELEASED_BY_CALLER);
	settle();
	took_note("[clearing B:RELEASE] [clearing cleared gone] ");
	assert_int_equal(fx.gateway.counters.calls_answered, 1);
	assert_int_equal(fx.gateway.counters.calls_failed, 0);
}

static void test_release_by_called(void **state)
{
	(void)state;
	incoming(number);
	tell(GW1, LEG_CONNECT);
	fx.log[0] = 0;
	tell_cause(GW1, LEG_DISCONNECT, Q850_NORMAL_CLEARING);
	took_note("in<RELEASE 16; gw1<RELEASE 16; ");
	assert_int_equal(the_call()->releaser, CALL_RELEASED_BY_CALLED);
}

static void test_early_media(void **state)
{
	(void)state;
	incoming(number);
	fx.log[0] = 0;
	trace_on();
	tell_inband(GW1, LEG_PROGRESS, 0);
	tell(GW1, LEG_ALERTING);
	tell_inband(GW1, LEG_PROGRESS, 0);
	tell(GW1, LEG_CONNECT);
	took_note("media; in<PROGRESS inband; [trying B:PROGRESS early] in<ALERTING inband; [early "
		  "B:ALERTING ringing] "
		  "media; in<PROGRESS inband; [ringing B:PROGRESS] media; in<CONNECT; [ringing "
		  "B:CONNECT answered] ");
	call_hangup(the_call(), q850(Q850_TEMPORARY_FAILURE, Q850_LOC_PRIVATE_LOCAL));
	took_note("in<RELEASE 41; gw1<RELEASE 41; [answered hangup clearing] ");
}

/* 180, then 180 with audio: the second is progress for the caller; a third says nothing new. */
static void test_audio_after_ringing(void **state)
{
	(void)state;
	incoming(number);
	tell(GW1, LEG_ALERTING);
	fx.log[0] = 0;
	tell_inband(GW1, LEG_ALERTING, 0);
	tell_inband(GW1, LEG_ALERTING, 0);
	tell(GW1, LEG_ALERTING);
	took_note("media; in<PROGRESS inband; ");
	tell_cause(IN, LEG_RELEASE, Q850_NORMAL_CLEARING);
}

static void test_progress_without_audio_does_not_commit(void **state)
{
	(void)state;
	incoming(number);
	fx.log[0] = 0;
	tell(GW1, LEG_PROGRESS);
	assert_string_equal(call_state_name(the_call()), "proceeding");
	tell(GW1, LEG_PROGRESS);
	tell_cause(GW1, LEG_RELEASE, Q850_NO_CIRCUIT);
	took_note("in<PROGRESS; in<PROGRESS; gw2<SETUP; ");
	tell_cause(IN, LEG_RELEASE, Q850_NORMAL_CLEARING);
}

/* ---- Announcements ---- */

static void test_announcement_before_answer(void **state)
{
	(void)state;
	trace_on();
	incoming(number);
	fx.log[0] = 0;
	tell_inband(GW1, LEG_DISCONNECT, Q850_UNALLOCATED);
	took_note("media; in<DISCONNECT 1 inband; [trying B:DISCONNECT announcing] ");
	advance_ms(29999);
	took_note("");
	tell_inband(GW1, LEG_DISCONNECT, Q850_UNALLOCATED);
	advance_ms(1);
	took_note(
		"[announcing B:DISCONNECT] in<RELEASE 1; gw1<RELEASE 1; [announcing T306 clearing] "
		"[clearing A:RELEASE] [clearing B:RELEASE] [clearing cleared gone] ");
}

static void test_announcement_ends_itself(void **state)
{
	(void)state;
	incoming(number);
	tell_inband(GW1, LEG_DISCONNECT, Q850_UNALLOCATED);
	fx.log[0] = 0;
	tell_cause(GW1, LEG_RELEASE, Q850_NORMAL_CLEARING);
	took_note("in<RELEASE 1; ");
	assert_int_equal(the_call()->releaser, CALL_RELEASED_BY_CALLED);
}

static void test_announcement_only_when_nobody_else_can_be_tried(void **state)
{
	(void)state;
	incoming(number);
	fx.log[0] = 0;
	tell_inband(GW1, LEG_DISCONNECT, Q850_NO_CIRCUIT);
	took_note("gw1<RELEASE 34; gw2<SETUP; ");
	fx.unavailable[GW3] = -EBUSY;
	tell_inband(GW2, LEG_DISCONNECT, Q850_NO_CIRCUIT);
	took_note("media; in<DISCONNECT 34 inband; ");
	tell_cause(IN, LEG_RELEASE, Q850_NORMAL_CLEARING);
	took_note("gw2<RELEASE 34; ");
}

static void test_announcement_after_answer(void **state)
{
	(void)state;
	incoming(number);
	tell(GW1, LEG_CONNECT);
	fx.log[0] = 0;
	tell_inband(IN, LEG_DISCONNECT, Q850_NORMAL_CLEARING);
	took_note("media; gw1<DISCONNECT 16 inband; ");
	tell_cause(GW1, LEG_DISCONNECT, Q850_NORMAL_CLEARING);
	took_note("in<RELEASE 16; gw1<RELEASE 16; ");
	assert_int_equal(the_call()->releaser, CALL_RELEASED_BY_CALLER);
}

static void test_announcement_that_cannot_be_heard(void **state)
{
	(void)state;
	incoming(number);
	fx.send_fails[IN] = -ENOTSUP;
	fx.log[0] = 0;
	tell_inband(GW1, LEG_DISCONNECT, Q850_UNALLOCATED);
	took_note("media; in<DISCONNECT 1 inband; in<RELEASE 1; gw1<RELEASE 1; ");
}

/* ---- Crossing and failing ---- */

static void test_both_clear_at_once(void **state)
{
	(void)state;
	fx.slow_release = true;
	incoming(number);
	tell(GW1, LEG_CONNECT);
	tell_cause(IN, LEG_DISCONNECT, Q850_NORMAL_CLEARING);
	fx.log[0] = 0;
	tell_cause(GW1, LEG_DISCONNECT, Q850_NORMAL_CLEARING);
	took_note("gw1<RELEASE 16; ");
	tell_cause(GW1, LEG_RELEASE, Q850_NORMAL_CLEARING);
	settle();
	assert_int_equal(fx.gateway.call_count, 1);
	tell_cause(IN, LEG_RELEASE, Q850_NORMAL_CLEARING);
}

static void test_answer_crosses_the_callers_release(void **state)
{
	(void)state;
	fx.slow_release = true;
	incoming(number);
	tell(GW1, LEG_ALERTING);
	tell_cause(IN, LEG_RELEASE, Q850_NORMAL_CLEARING);
	fx.log[0] = 0;
	tell(GW1, LEG_CONNECT);
	took_note("");
	assert_false(the_call()->answered);
	tell_cause(GW1, LEG_RELEASE, Q850_NORMAL_CLEARING);
}

static void test_media_that_fails(void **state)
{
	(void)state;
	fx.open_fails = -EADDRINUSE;
	incoming(number);
	fx.log[0] = 0;
	tell(GW1, LEG_CONNECT);
	took_note("media; in<RELEASE 47; gw1<RELEASE 47; ");
	settle();
	fx.open_fails = 0;
	fx.message_fails = -ENOTSUP;
	incoming(number);
	fx.log[0] = 0;
	tell(GW1, LEG_ANSWER);
	took_note("media ANSWER from gw1; in<RELEASE 65; gw1<RELEASE 65; ");
	settle();
	fx.prepare_fails = -EADDRINUSE;
	incoming(number);
	took_note("in<RELEASE 47; ");
}

static void test_digits(void **state)
{
	(void)state;
	incoming(number);
	tell(GW1, LEG_CONNECT);
	fx.log[0] = 0;
	tell_message(fx.leg[IN],
		     &(struct leg_message){ .type = LEG_DTMF, .number = 5, .duration_ms = 160 });
	fx.dtmf_in_media = true;
	tell_message(fx.leg[IN],
		     &(struct leg_message){ .type = LEG_DTMF, .number = 5, .duration_ms = 160 });
	took_note("gw1<DTMF; tone 5 160 to gw1; ");
	tell_cause(IN, LEG_RELEASE, Q850_NORMAL_CLEARING);
}

static void test_ladder_and_attempts(void **state)
{
	const char *ids[4];

	(void)state;
	incoming(number);
	assert_int_equal(ladder_list(fx.gateway.ladders, ids, 4), 1);
	assert_string_equal(ids[0], the_call()->id);
	tell_cause(IN, LEG_RELEASE, Q850_NORMAL_CLEARING);
	settle();
	assert_int_equal(ladder_list(fx.gateway.ladders, ids, 4), 1);
}

/* ---- Every state, every event ---- */

static void to_state(unsigned state)
{
	static const struct leg_info none;

	fx.slow_release = true;
	incoming(number);
	switch (state) {
	case CALL_PROCEEDING:
		tell(GW1, LEG_PROCEEDING);
		break;
	case CALL_EARLY:
		tell_inband(GW1, LEG_PROGRESS, 0);
		break;
	case CALL_RINGING:
		tell(GW1, LEG_ALERTING);
		break;
	case CALL_ANSWERED:
		tell_message(fx.leg[GW1],
			     &(struct leg_message){ .type = LEG_CONNECT, .info = &none });
		break;
	case CALL_ANNOUNCING:
		tell_inband(GW1, LEG_DISCONNECT, Q850_UNALLOCATED);
		break;
	case CALL_CLEARING:
		call_hangup(the_call(), q850(Q850_TEMPORARY_FAILURE, Q850_LOC_PRIVATE_LOCAL));
		break;
	default:
		break;
	}
	assert_int_equal(the_call()->fsm.state, state);
}

static void release_whoever_is_left(void)
{
	fx.slow_release = false;
	for (unsigned i = 0; i < ENDPOINTS; i++)
		if (fx.leg[i] && !fx.leg[i]->leg.released)
			tell_cause(i, LEG_RELEASE, Q850_NORMAL_CLEARING);
	settle();
	for (unsigned i = 0; i < ENDPOINTS; i++)
		if (fx.leg[i] && !fx.leg[i]->leg.released)
			tell_cause(i, LEG_RELEASE, Q850_NORMAL_CLEARING);
	settle();
}

static void event_in_state(unsigned state, unsigned event, bool inband)
{
	static const struct leg_info info;
	const struct fsm_state *s = &gateway_call_machine.states[state];
	struct leg_message message = { .inband = inband,
				       .info = &info,
				       .cause = q850(34, Q850_LOC_PUBLIC_LOCAL) };
	unsigned refused;

	start_house();
	fx.quiet = true;
	to_state(state);
	refused = the_call()->fsm.refused;
	if (event == CALL_HANGUP) {
		call_hangup(the_call(), message.cause);
	} else if (event == CALL_CLEARED) {
		if (s->events & FSM_BIT(event)) /* only ever ours: not before everything is gone */
			goto end;
		assert_false(fsm_event(&the_call()->fsm, event, NULL));
	} else {
		message.type = event % LEG_MESSAGE_COUNT;
		tell_message(fx.leg[event < LEG_MESSAGE_COUNT ? IN : GW1], &message);
	}
	assert_int_equal(the_call()->fsm.refused - refused, s->events & FSM_BIT(event) ? 0 : 1);
end:
	release_whoever_is_left();
	end_house();
}

static void test_every_event_in_every_state(void **state)
{
	(void)state;
	end_house();
	for (unsigned s = CALL_TRYING; s <= CALL_CLEARING; s++)
		for (unsigned e = 0; e < CALL_EVENT_COUNT; e++)
			for (int inband = 0; inband < 2; inband++)
				event_in_state(s, e, inband);
	start_house();
}

static void test_tables_agree(void **state)
{
	(void)state;
	for (unsigned s = 0; s < CALL_STATE_COUNT; s++)
		for (unsigned e = 0; e < CALL_EVENT_COUNT; e++)
			assert_int_equal(call_action_of(s, e) != NULL,
					 (gateway_call_machine.states[s].events & FSM_BIT(e)) != 0);
	for (unsigned e = 0; e < CALL_EVENT_COUNT; e++)
		assert_non_null(gateway_call_machine.event_names[e]);
}

/* ---- Memory refused at each step ---- */

static void whole_call(void)
{
	incoming(number);
	if (fx.leg[GW1])
		tell(GW1, LEG_ALERTING);
	if (fx.leg[GW1])
		tell(GW1, LEG_CONNECT);
	settle();
	if (fx.leg[IN])
		tell_cause(IN, LEG_RELEASE, Q850_NORMAL_CLEARING);
	settle();
}

static void test_memory_refused(void **state)
{
	bool failed = true;
	long n;

	(void)state;
	end_house();
	for (n = 0; failed && n < 1000; n++) {
		start_house();
		fx.quiet = true;
		mem_fail_after(n);
		whole_call();
		failed = mem_failed();
		mem_fail_after(-1);
		release_whoever_is_left();
		end_house();
	}
	assert_in_range(n, 5, 999);
	start_house();
}

static void test_cause_of_errors(void **state)
{
	(void)state;
	assert_int_equal(leg_cause_of(-EBUSY).value, 34);
	assert_int_equal(leg_cause_of(-ENETDOWN).value, 27);
	assert_int_equal(leg_cause_of(-EINVAL).value, 28);
	assert_int_equal(leg_cause_of(-ENOTSUP).value, 65);
	assert_int_equal(leg_cause_of(-EPROTO).value, 41);
	assert_string_equal(leg_message_name(LEG_CONNECT), "CONNECT");
}

static struct party_number moved_told;

static int note_moved(struct leg *leg, const struct leg_message *m)
{
	if (m->diagnostics)
		moved_told = m->diagnostics->moved_to;
	return fake_send(leg, m);
}

/* The new number of a party that has moved crosses as every number does. */
static void test_moved_to_crosses(void **state)
{
	const struct leg_diagnostics moved = { .length = 1, .moved_to = { .digits = "02079463333" } };
	struct leg_ops noting = fake_ops;

	(void)state;
	noting.send = note_moved;
	incoming(number);
	tell(GW1, LEG_CONNECT);
	fx.leg[IN]->leg.ops = &noting;
	tell_message(fx.leg[GW1],
		     &(struct leg_message){ .type = LEG_DISCONNECT,
					    .cause = q850(Q850_NUMBER_CHANGED, Q850_LOC_TRANSIT),
					    .diagnostics = &moved });
	assert_string_equal(moved_told.digits, "2079463333");
	assert_int_equal(moved_told.type, NUMBER_NATIONAL);
	fx.leg[IN]->leg.ops = &fake_ops;
}

/* What explains a cause goes with it, to the side that doesn't know it, and with no other cause. */
static void test_diagnostics_cross(void **state)
{
	static const struct leg_diagnostics why = { .octets = { 0xAB }, .length = 1 };
	struct leg_message released = { .type = LEG_DISCONNECT,
					.cause = q850(Q850_NUMBER_CHANGED, Q850_LOC_TRANSIT),
					.diagnostics = &why };

	(void)state;
	incoming(number);
	tell(GW1, LEG_CONNECT);
	fx.log[0] = 0;
	tell_message(fx.leg[GW1], &released);
	took_note("in<RELEASE 22 diagnosed ab/1; gw1<RELEASE 22; ");
	released.type = LEG_RELEASE;
	released.cause = q850(Q850_NO_CIRCUIT, Q850_LOC_TRANSIT);
	for (unsigned i = 0; i < 2; i++) {
		settle();
		incoming(number);
		tell_message(fx.leg[GW1], &released);
		fx.log[0] = 0;
		call_hangup(the_call(), i ? q850(Q850_NO_CIRCUIT, Q850_LOC_PRIVATE_LOCAL)
					  : q850(Q850_TEMPORARY_FAILURE, Q850_LOC_TRANSIT));
		took_note(i ? "in<RELEASE 34; gw2<RELEASE 34; " : "in<RELEASE 41; gw2<RELEASE 41; ");
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(test_plain_call),
		CASE(test_release_by_called),
		CASE(test_early_media),
		CASE(test_audio_after_ringing),
		CASE(test_progress_without_audio_does_not_commit),
		CASE(test_announcement_before_answer),
		CASE(test_announcement_ends_itself),
		CASE(test_announcement_only_when_nobody_else_can_be_tried),
		CASE(test_announcement_after_answer),
		CASE(test_announcement_that_cannot_be_heard),
		CASE(test_both_clear_at_once),
		CASE(test_answer_crosses_the_callers_release),
		CASE(test_media_that_fails),
		CASE(test_digits),
		CASE(test_ladder_and_attempts),
		CASE(test_every_event_in_every_state),
		CASE(test_tables_agree),
		CASE(test_memory_refused),
		CASE(test_cause_of_errors),
		CASE(test_diagnostics_cross),
		CASE(test_moved_to_crosses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
