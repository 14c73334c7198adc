/* SPDX-License-Identifier: GPL-2.0-only */
/* The walk through the gateways: normalization, routes, failover by cause and by silence, what the
 * caller is told. */
#include "call_house.h"

/* ---- The walk ---- */

static void test_failover(void **state)
{
	(void)state;
	incoming(number);
	tell(GW1, LEG_PROCEEDING);
	tell_cause(GW1, LEG_RELEASE, Q850_NO_CIRCUIT);
	tell_cause(GW2, LEG_DISCONNECT, Q850_CONGESTION);
	took_note("gw1<SETUP; in<PROCEEDING; gw2<SETUP; gw2<RELEASE 42; gw3<SETUP; ");
	settle();
	assert_null(fx.leg[GW2]);
	tell(GW3, LEG_CONNECT);
	assert_int_equal(fx.gateway.counters.failovers, 2);
	assert_int_equal(fx.gateway.counters.attempts, 3);
	assert_int_equal(attempt_at(0)->cause.value, Q850_NO_CIRCUIT);
	assert_int_equal(attempt_at(1)->cause.value, Q850_CONGESTION);
	assert_int_equal(attempt_at(2)->cause.value, 0);
	assert_string_equal(attempt_at(2)->gateway, "gw3");
	assert_string_equal(attempt_at(2)->route, "uk");
	assert_string_equal(attempt_at(2)->usage, "pstn");
	assert_string_equal(attempt_at(2)->leg_key, "gw3/key");
	assert_string_equal(attempt_at(2)->called_sent.digits, "2079460000");
	tell_cause(GW3, LEG_RELEASE, Q850_NORMAL_CLEARING);
}

static void test_causes_that_end_the_walk(void **state)
{
	static const uint8_t causes[] = { Q850_UNALLOCATED,     Q850_USER_BUSY,
					  Q850_CALL_REJECTED,   Q850_NO_ANSWER,
					  Q850_NORMAL_CLEARING, Q850_INVALID_NUMBER };

	(void)state;
	for (size_t i = 0; i < sizeof(causes); i++) {
		incoming(number);
		fx.log[0] = 0;
		tell_cause(GW1, LEG_RELEASE, causes[i]);
		assert_int_equal(the_call()->cause.value, causes[i]);
		assert_int_equal(the_call()->cause.location, Q850_LOC_PUBLIC_LOCAL);
		assert_null(strstr(fx.log, "SETUP"));
		settle();
	}
	assert_int_equal(fx.gateway.counters.calls_failed, sizeof(causes));
}

static void test_silence_goes_on(void **state)
{
	(void)state;
	fx.slow_release = true;
	incoming(number);
	advance_ms(3999);
	took_note("gw1<SETUP; in<PROCEEDING; ");
	advance_ms(1);
	took_note("gw1<RELEASE 102; gw2<SETUP; ");
	tell(GW2, LEG_PROCEEDING);
	advance_ms(10000);
	/* The silent one answers after all: its leg has no seat any more, nobody hears it. */
	tell(GW1, LEG_CONNECT);
	took_note("");
	tell_cause(GW1, LEG_DISCONNECT, Q850_NORMAL_CLEARING);
	tell_cause(GW1, LEG_RELEASE, Q850_NORMAL_CLEARING);
	assert_null(fx.leg[GW1]);
	tell(GW2, LEG_CONNECT);
	tell_cause(IN, LEG_RELEASE, Q850_NORMAL_CLEARING);
	tell_cause(GW2, LEG_RELEASE, Q850_NORMAL_CLEARING);
}

static void test_call_waits_for_leaving_legs(void **state)
{
	(void)state;
	fx.slow_release = true;
	incoming(number);
	advance_ms(4000);
	tell_cause(IN, LEG_RELEASE, Q850_NORMAL_CLEARING);
	tell_cause(GW2, LEG_RELEASE, Q850_NORMAL_CLEARING);
	settle();
	assert_int_equal(fx.gateway.call_count, 1);
	tell_cause(GW1, LEG_RELEASE, Q850_NORMAL_CLEARING);
	settle();
	assert_int_equal(fx.gateway.call_count, 0);
}

static void test_all_fail(void **state)
{
	(void)state;
	incoming(number);
	tell_cause(GW1, LEG_RELEASE, Q850_NO_CIRCUIT);
	tell_cause(GW2, LEG_RELEASE, Q850_TEMPORARY_FAILURE);
	advance_ms(4000);
	took_note("gw1<SETUP; in<PROCEEDING; gw2<SETUP; gw3<SETUP; in<RELEASE 102; gw3<RELEASE "
		  "102; ");
}

/* What a gateway said counts more than that the next one could not even be asked. */
static void test_skipped_gateways(void **state)
{
	(void)state;
	fx.unavailable[GW1] = -EBUSY;
	fx.unavailable[GW3] = -ENETDOWN;
	incoming(number);
	assert_int_equal(attempt_at(0)->cause.value, Q850_NO_CIRCUIT);
	tell_cause(GW2, LEG_RELEASE, Q850_TEMPORARY_FAILURE);
	took_note("gw2<SETUP; in<PROCEEDING; in<RELEASE 41; ");
	assert_int_equal(attempt_at(2)->cause.value, Q850_DESTINATION_OUT_OF_ORDER);
}

static void test_none_available(void **state)
{
	(void)state;
	fx.unavailable[GW1] = fx.unavailable[GW2] = fx.unavailable[GW3] = -EBUSY;
	incoming(number);
	took_note("in<RELEASE 34; ");
}

static void test_setup_that_cannot_be_sent(void **state)
{
	(void)state;
	fx.send_fails[GW1] = -ENOTSUP;
	fx.send_fails[GW2] = -EINVAL;
	incoming(number);
	took_note("gw1<SETUP; gw2<SETUP; gw3<SETUP; in<PROCEEDING; ");
	assert_int_equal(attempt_at(0)->cause.value, Q850_BEARER_NOT_IMPLEMENTED);
	assert_int_equal(attempt_at(1)->cause.value, Q850_INVALID_NUMBER);
	assert_int_equal(fx.legs_live, 2);
	tell_cause(IN, LEG_RELEASE, Q850_NORMAL_CLEARING);
}

static void test_committed_does_not_fail_over(void **state)
{
	(void)state;
	incoming(number);
	tell(GW1, LEG_ALERTING);
	fx.log[0] = 0;
	tell_cause(GW1, LEG_RELEASE, Q850_NO_CIRCUIT);
	took_note("in<RELEASE 34; ");
	settle();
	incoming(number);
	tell_inband(GW1, LEG_PROGRESS, 0);
	fx.log[0] = 0;
	tell_cause(GW1, LEG_DISCONNECT, Q850_CONGESTION);
	took_note("in<RELEASE 42; gw1<RELEASE 42; ");
}

static void test_own_failover_causes(void **state)
{
	static const uint8_t own[] = { Q850_USER_BUSY };

	(void)state;
	fx.endpoints[GW1].failover_causes = own;
	fx.endpoints[GW1].failover_cause_count = 1;
	incoming(number);
	tell_cause(GW1, LEG_RELEASE, Q850_USER_BUSY);
	assert_non_null(fx.leg[GW2]);
	tell_cause(GW2, LEG_RELEASE, Q850_USER_BUSY);
	settle();
	incoming(number);
	tell_cause(GW1, LEG_RELEASE, Q850_NO_CIRCUIT);
	assert_int_equal(the_call()->cause.value, Q850_NO_CIRCUIT);
}

static void test_ring_timeouts(void **state)
{
	(void)state;
	incoming(number);
	tell(GW1, LEG_PROCEEDING);
	advance_ms(60000);
	tell(GW1, LEG_ALERTING);
	advance_ms(119999);
	fx.log[0] = 0;
	advance_ms(1);
	took_note("in<RELEASE 19; gw1<RELEASE 19; ");
	incoming(number);
	tell(GW1, LEG_PROCEEDING);
	fx.log[0] = 0;
	advance_ms(180000);
	took_note("in<RELEASE 18; gw1<RELEASE 18; ");
}

/* ---- Where it may not go ---- */

static void expect_refusal(const char *called, uint8_t cause)
{
	char expected[40];

	fx.log[0] = 0;
	incoming(called);
	snprintf(expected, sizeof(expected), "in<RELEASE %u; ", cause);
	took_note(expected);
	settle();
}

static struct q850_cause admit_nobody(const struct call *call)
{
	(void)call;
	return q850(Q850_CONGESTION, Q850_LOC_PRIVATE_LOCAL);
}

static void test_refusals(void **state)
{
	struct leg_info info = info_to(number);

	(void)state;
	expect_refusal("", Q850_INVALID_NUMBER);
	expect_refusal("+1425", Q850_UNALLOCATED);
	fx.endpoints[IN].policy = "none";
	expect_refusal(number, Q850_UNALLOCATED);
	fx.endpoints[IN].policy = NULL;
	expect_refusal(number, Q850_NO_ROUTE);
	assert_int_equal(fx.gateway.counters.no_route, 3);
	fx.endpoints[IN].policy = "all";
	info.hops_left = 1;
	fx.log[0] = 0;
	incoming_info(&info);
	took_note("in<RELEASE 25; ");
	settle();
	fx.gateway.admit = admit_nobody;
	expect_refusal(number, Q850_CONGESTION);
}

static void test_emergency_passes_admission(void **state)
{
	(void)state;
	fx.gateway.admit = admit_nobody;
	fx.endpoints[IN].policy = NULL;
	incoming("999");
	assert_non_null(fx.leg[GW1]);
	assert_true(the_call()->emergency);
	assert_true(fx.leg[GW1]->setup.emergency);
	tell_cause(IN, LEG_RELEASE, Q850_NORMAL_CLEARING);
}

/* Lync's SuppressCallerId: nothing of the caller goes along, also not a second number or a name. */
static void test_caller_id_rules(void **state)
{
	struct leg_info info = info_to("+33140000000");
	const struct leg_info *sent;

	(void)state;
	info.calling.second = (struct party_number){ .digits = "2079460019", .present = true };
	incoming_info(&info);
	sent = &fx.leg[GW1]->setup;
	assert_int_equal(sent->calling.number.presentation, PRESENTATION_RESTRICTED);
	assert_string_equal(sent->calling.number.digits, "2079460018");
	assert_string_equal(sent->calling.second.digits, "");
	assert_false(sent->calling.second.present);
	assert_string_equal(sent->calling.name, "");
	assert_true(sent->calling.name_restricted);
	tell_cause(IN, LEG_RELEASE, Q850_NORMAL_CLEARING);
	settle();
	incoming("+4930000000");
	assert_string_equal(fx.leg[GW1]->setup.calling.number.digits, "+14255550199");
	assert_int_equal(fx.leg[GW1]->setup.calling.number.presentation, PRESENTATION_ALLOWED);
	tell_cause(IN, LEG_RELEASE, Q850_NORMAL_CLEARING);
}

static struct party_number connected_told;

static int note_connected(struct leg *leg, const struct leg_message *m)
{
	if (m->type == LEG_CONNECT && m->info)
		connected_told = m->info->connected.number;
	return fake_send(leg, m);
}

/* Each further number crosses as the caller's does: into E.164 by the side that it comes from, out
 * of it by the one that it goes to. */
static void test_other_numbers_cross(void **state)
{
	struct leg_info info = info_to(number), answer = { 0 };
	struct leg_ops noting = fake_ops;

	(void)state;
	noting.send = note_connected;
	snprintf(info.redirecting.number.digits, NUMBER_DIGITS, "02079461111");
	incoming_info(&info);
	assert_string_equal(fx.leg[GW1]->setup.redirecting.number.digits, "2079461111");
	assert_int_equal(fx.leg[GW1]->setup.redirecting.number.type, NUMBER_NATIONAL);
	assert_int_equal(fx.leg[GW1]->setup.hops_left, 69);
	fx.leg[IN]->leg.ops = &noting;
	snprintf(answer.connected.number.digits, NUMBER_DIGITS, "02079462222");
	tell_message(fx.leg[GW1],
		     &(struct leg_message){ .type = LEG_CONNECT, .info = &answer });
	assert_string_equal(connected_told.digits, "2079462222");
	assert_int_equal(connected_told.type, NUMBER_NATIONAL);
	fx.leg[IN]->leg.ops = &fake_ops;
	tell_cause(IN, LEG_RELEASE, Q850_NORMAL_CLEARING);
}

static void test_no_common_codec(void **state)
{
	struct media_desc offer = { 0 };
	struct leg_info info = info_to(number);
	struct leg *leg = NULL;

	(void)state;
	fx.offered_fails = -ENOTSUP;
	assert_int_equal(fake_make(&fx.endpoints[IN], &leg), 0);
	call_incoming(&fx.gateway, leg,
		      &(struct leg_message){ .type = LEG_SETUP, .info = &info, .media = &offer });
	took_note("offered; in<RELEASE 65; ");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(test_failover),
		CASE(test_causes_that_end_the_walk),
		CASE(test_silence_goes_on),
		CASE(test_call_waits_for_leaving_legs),
		CASE(test_all_fail),
		CASE(test_skipped_gateways),
		CASE(test_none_available),
		CASE(test_setup_that_cannot_be_sent),
		CASE(test_committed_does_not_fail_over),
		CASE(test_own_failover_causes),
		CASE(test_ring_timeouts),
		CASE(test_refusals),
		CASE(test_emergency_passes_admission),
		CASE(test_caller_id_rules),
		CASE(test_other_numbers_cross),
		CASE(test_no_common_codec),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
