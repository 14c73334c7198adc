/* SPDX-License-Identifier: GPL-2.0-only */
/* From a call to its record: every member against what the test did; what comes out of a spool and
 * is none; JSON and CSV. */
#include "call_house.h"

#include "gateway/cdr.h"
#include "gateway/records.h"


#define WALL_US INT64_C(1767225600000000) /* where the virtual clock begins: 2026-01-01 */

static struct cdr cdr;

static void fill(void)
{
	memset(&cdr, 0xa5, sizeof(cdr)); /* what is not reached must be cleared */
	cdr_fill(&cdr, the_call());
}

static void number_is(const struct cdr_number *n, const char *digits, uint8_t type)
{
	assert_string_equal(n->digits, digits);
	assert_int_equal(n->type, type);
	assert_true(n->present);
}

static struct leg_info full_info(void)
{
	struct leg_info info = info_to(number);

	info.called.number.type = NUMBER_NATIONAL;
	info.called.number.plan = PLAN_ISDN;
	info.calling.number.presentation = PRESENTATION_RESTRICTED;
	info.calling.number.screening = SCREENING_NETWORK;
	snprintf(info.redirecting.number.digits, NUMBER_DIGITS, "+442079460099");
	return info;
}

static void test_answered_call(void **state)
{
	struct leg_info info = full_info(), answer = { .hops_left = 0 };

	(void)state;
	incoming_info(&info);
	fill();
	assert_int_equal(strlen(cdr.id), 26);
	assert_string_equal(cdr.id, the_call()->id);
	assert_int_equal(cdr.end_us, 0);
	assert_int_equal(cdr.releaser, CDR_NOBODY);
	advance_ms(1000);
	tell(GW1, LEG_ALERTING);
	advance_ms(2000);
	snprintf(answer.connected.number.digits, NUMBER_DIGITS, "2079460001");
	tell_message(fx.leg[GW1], &(struct leg_message){ .type = LEG_CONNECT, .info = &answer });
	advance_ms(5000);
	fill();
	assert_int_equal(cdr.answer_us - cdr.setup_us, 3000000);
	assert_int_equal(cdr.updated_us - cdr.setup_us, 8000000);
	fx.slow_release = true;
	tell_cause(GW1, LEG_DISCONNECT, Q850_NORMAL_CLEARING);
	fill();

	assert_int_equal(cdr.setup_us, WALL_US);
	assert_int_equal(cdr.routed_us, WALL_US);
	assert_int_equal(cdr.ringing_us, WALL_US + 1000000);
	assert_int_equal(cdr.end_us, WALL_US + 8000000);
	assert_int_equal(cdr.cause, Q850_NORMAL_CLEARING);
	assert_int_equal(cdr.location, Q850_LOC_PUBLIC_LOCAL);
	assert_int_equal(cdr.releaser, CDR_CALLED);
	assert_true(cdr.presentation_restricted);
	assert_false(cdr.emergency);
	number_is(&cdr.called, number, NUMBER_NATIONAL);
	assert_int_equal(cdr.called.plan, PLAN_ISDN);
	number_is(&cdr.called_normalized, "+442079460000", NUMBER_INTERNATIONAL);
	number_is(&cdr.called_sent, "2079460000", NUMBER_NATIONAL);
	number_is(&cdr.calling, "02079460018", NUMBER_UNKNOWN);
	assert_int_equal(cdr.calling.presentation, PRESENTATION_RESTRICTED);
	assert_int_equal(cdr.calling.screening, SCREENING_NETWORK);
	number_is(&cdr.calling_normalized, "+442079460018", NUMBER_INTERNATIONAL);
	number_is(&cdr.calling_sent, "2079460018", NUMBER_NATIONAL);
	number_is(&cdr.redirecting, "+442079460099", NUMBER_UNKNOWN);
	number_is(&cdr.connected, "2079460001", NUMBER_UNKNOWN);
	assert_string_equal(cdr.caller.endpoint, "in");
	assert_string_equal(cdr.caller.kind, "fake");
	assert_string_equal(cdr.caller.key, "in/key");
	assert_string_equal(cdr.callee.endpoint, "gw1");
	assert_string_equal(cdr.callee.key, "gw1/key");
	assert_int_equal(cdr.attempts_made, 1);
	assert_int_equal(cdr.attempt_count, 1);
	assert_string_equal(cdr.attempts[0].route, "uk");
	assert_string_equal(cdr.attempts[0].usage, "pstn");
	assert_string_equal(cdr.attempts[0].gateway, "gw1");
	assert_string_equal(cdr.attempts[0].key, "gw1/key");
	number_is(&cdr.attempts[0].called_sent, "2079460000", NUMBER_NATIONAL);
	assert_int_equal(cdr.attempts[0].cause, 0);
	fx.slow_release = false;
	tell(IN, LEG_RELEASE);
	tell(GW1, LEG_RELEASE);
}

/* Each attempt with its own end; who is left out could not even be asked. */
static void test_failover(void **state)
{
	(void)state;
	fx.unavailable[GW2] = -EBUSY;
	incoming(number);
	advance_ms(10);
	fx.leg[GW1]->leg.status = 503 | LEG_STATUS_RULED;
	tell_cause(GW1, LEG_RELEASE, Q850_CONGESTION);
	advance_ms(20);
	fx.leg[GW3]->leg.status = 486;
	fx.slow_release = true;
	tell_cause(GW3, LEG_RELEASE, Q850_USER_BUSY);
	fill();
	assert_int_equal(cdr.attempt_count, 3);
	assert_string_equal(cdr.attempts[0].gateway, "gw1");
	assert_int_equal(cdr.attempts[0].cause, Q850_CONGESTION);
	assert_int_equal(cdr.attempts[0].location, Q850_LOC_PUBLIC_LOCAL);
	assert_int_equal(cdr.attempts[0].status, 503);
	assert_int_equal(cdr.attempts[0].end_us - cdr.attempts[0].start_us, 10000);
	assert_string_equal(cdr.attempts[1].gateway, "gw2");
	assert_string_equal(cdr.attempts[1].key, "");
	assert_int_equal(cdr.attempts[1].cause, Q850_NO_CIRCUIT);
	assert_string_equal(cdr.attempts[2].gateway, "gw3");
	assert_int_equal(cdr.attempts[2].cause, Q850_USER_BUSY);
	assert_int_equal(cdr.attempts[2].status, 486);
	assert_int_equal(cdr.cause, Q850_USER_BUSY);
	assert_int_equal(cdr.status, 486);
	assert_int_equal(cdr.answer_us, 0);
	assert_int_equal(cdr.media, CDR_MEDIA_NONE);
	assert_string_equal(cdr.callee.endpoint, "gw3");
	fx.slow_release = false;
	tell(IN, LEG_RELEASE);
}

static void test_emergency(void **state)
{
	(void)state;
	incoming("112");
	fill();
	assert_true(cdr.emergency);
	assert_string_equal(cdr.attempts[0].route, "emergency");
	tell_cause(IN, LEG_RELEASE, Q850_NORMAL_CLEARING);
}

static void test_no_route(void **state)
{
	(void)state;
	fx.slow_release = true;
	incoming("999999");
	fill();
	assert_int_equal(cdr.attempts_made, 0);
	assert_int_equal(cdr.cause, Q850_UNALLOCATED);
	assert_int_equal(cdr.releaser, CDR_GATEWAY);
	assert_string_equal(cdr.callee.endpoint, "");
	assert_string_equal(cdr.called_sent.digits, "");
	fx.slow_release = false;
	tell(IN, LEG_RELEASE);
}

/* More attempts than are kept: the first and the last ones stay. */
static void test_many_attempts(void **state)
{
	struct call *call;

	(void)state;
	incoming(number);
	call = the_call();
	for (unsigned i = 1; i < CDR_ATTEMPTS + 4; i++) {
		struct call_attempt *attempt = mem_zalloc(sizeof(*attempt));

		snprintf(attempt->gateway, sizeof(attempt->gateway), "extra%u", i);
		list_append(&call->attempts, &attempt->node);
	}
	fill();
	assert_int_equal(cdr.attempts_made, CDR_ATTEMPTS + 4);
	assert_int_equal(cdr.attempt_count, CDR_ATTEMPTS);
	assert_string_equal(cdr.attempts[0].gateway, "gw1");
	assert_string_equal(cdr.attempts[7].gateway, "extra7");
	assert_string_equal(cdr.attempts[8].gateway, "extra12");
	assert_string_equal(cdr.attempts[15].gateway, "extra19");
	tell_cause(IN, LEG_RELEASE, Q850_NORMAL_CLEARING);
}

/* ---- A channel ---- */

static uint64_t line_slips;

static void channel_of(const struct leg *leg, struct leg_channel *out)
{
	(void)leg;
	*out = (struct leg_channel){ .timeslot = 17, .law = CONF_ULAW, .slips = line_slips };
}

static struct leg_ops isdn_like;

static int make_isdn(struct endpoint *endpoint, struct leg **out)
{
	int rc = fake_make(endpoint, out);

	isdn_like = fake_ops;
	isdn_like.kind = "isdn";
	isdn_like.media_kind = LEG_MEDIA_TDM;
	isdn_like.channel = channel_of;
	if (rc == 0)
		(*out)->ops = &isdn_like;
	return rc;
}

/* The line's slips before the call are not the call's. */
static void test_channel(void **state)
{
	(void)state;
	line_slips = 1000;
	fx.endpoints[GW1].make_leg = make_isdn;
	incoming(number);
	line_slips = 1003;
	fill();
	assert_int_equal(cdr.media, CDR_MEDIA_NONE);
	assert_string_equal(cdr.callee.codec, "");
	tell(GW1, LEG_CONNECT);
	fill();
	assert_string_equal(cdr.callee.kind, "isdn");
	assert_int_equal(cdr.callee.timeslot, 17);
	assert_int_equal(cdr.callee.slips, 3);
	assert_string_equal(cdr.callee.codec, "PCMU");
	/* The caller's packets have no codec in this house: no media is known of. */
	assert_int_equal(cdr.media, CDR_MEDIA_NONE);
	tell_cause(IN, LEG_RELEASE, Q850_NORMAL_CLEARING);
}

static void test_channels(void **state)
{
	struct leg *caller = NULL;
	struct leg_info info = info_to(number);

	(void)state;
	fx.endpoints[IN].make_leg = fx.endpoints[GW1].make_leg = make_isdn;
	assert_int_equal(make_isdn(&fx.endpoints[IN], &caller), 0);
	call_incoming(&fx.gateway, caller,
		      &(struct leg_message){ .type = LEG_SETUP, .info = &info });
	tell_inband(GW1, LEG_PROGRESS, 0);
	fill();
	assert_int_equal(cdr.media, CDR_MEDIA_TDM);
	tell_cause(IN, LEG_RELEASE, Q850_NORMAL_CLEARING);
}

/* ---- Out of a spool ---- */

static void test_what_is_no_record(void **state)
{
	static struct cdr in, out;
	size_t size;

	(void)state;
	memset(&in, 0, sizeof(in));
	snprintf(in.id, sizeof(in.id), "01ABC");
	in.attempt_count = in.attempts_made = 2;
	memset(in.attempts[1].gateway, 'x', sizeof(in.attempts[1].gateway));
	memset(in.called.digits, '1', sizeof(in.called.digits));
	size = cdr_size(&in);
	assert_true(cdr_read(&out, &in, size));
	assert_int_equal(strlen(out.attempts[1].gateway), CDR_NAME - 1);
	assert_int_equal(strlen(out.called.digits), NUMBER_DIGITS - 1);
	assert_false(cdr_read(&out, &in, size - 1));
	assert_false(cdr_read(&out, &in, size + 1));
	assert_false(cdr_read(&out, &in, 10));
	assert_false(cdr_read(&out, &in, sizeof(in) + 1));
	in.attempt_count = CDR_ATTEMPTS + 1;
	assert_false(cdr_read(&out, &in, sizeof(in)));
	in.attempt_count = 2;
	in.releaser = CDR_CRASH + 1;
	assert_false(cdr_read(&out, &in, size));
	in.releaser = CDR_CRASH;
	in.media = CDR_MEDIA_TDM + 1;
	assert_false(cdr_read(&out, &in, size));
	in.media = 0;
	in.id[0] = 0;
	assert_false(cdr_read(&out, &in, size));
}

/* ---- As others see it ---- */

static const json_t *at(const json_t *object, const char *a, const char *b, const char *c)
{
	object = json_object_get(object, a);
	if (b)
		object = json_object_get(object, b);
	return c ? json_object_get(object, c) : object;
}

static void text_is(const json_t *value, const char *expected)
{
	if (expected)
		assert_string_equal(json_string_value(value), expected);
	else
		assert_true(json_is_null(value));
}

static struct cdr sample(void)
{
	struct cdr c = { .id = "01KDTQAA0000000000000000AA",
			 .host = "gw, \"one\"",
			 .setup_us = WALL_US + 1234567,
			 .answer_us = WALL_US + 2000000,
			 .end_us = WALL_US + 62500000,
			 .cause = Q850_USER_BUSY,
			 .location = Q850_LOC_USER,
			 .releaser = CDR_CALLER,
			 .media = CDR_MEDIA_TDM_PACKETS,
			 .status = 486,
			 .emergency = 1,
			 .called = { .digits = "+4420", .type = 1, .plan = 1, .present = 1 },
			 .calling = { .presentation = PRESENTATION_RESTRICTED, .present = 1 },
			 .caller = { .endpoint = "core",
				     .kind = "sip",
				     .key = "call\xff",
				     .codec = "PCMA",
				     .rx_packets = 3000,
				     .jitter_ms = 1.25f,
				     .remote_loss = 0.1f },
			 .callee = { .endpoint = "e1", .kind = "isdn", .timeslot = 3 },
			 .attempts_made = 2,
			 .attempt_count = 2,
			 .attempts = { { .gateway = "a", .cause = 34, .location = 2 },
				       { .gateway = "b" } } };

	return c;
}

static void test_json(void **state)
{
	struct cdr c = sample();
	json_t *json = cdr_json(&c);

	(void)state;
	assert_non_null(json);
	text_is(at(json, "id", NULL, NULL), c.id);
	text_is(at(json, "setup", NULL, NULL), "2026-01-01T00:00:01.234Z");
	text_is(at(json, "ringing", NULL, NULL), NULL);
	text_is(at(json, "ended", NULL, NULL), "2026-01-01T00:01:02.500Z");
	assert_int_equal(json_integer_value(at(json, "talk_ms", NULL, NULL)), 60500);
	assert_int_equal(json_integer_value(at(json, "cause", "value", NULL)), 17);
	text_is(at(json, "cause", "location", NULL), "user");
	assert_int_equal(json_integer_value(at(json, "status", NULL, NULL)), 486);
	text_is(at(json, "released_by", NULL, NULL), "caller");
	text_is(at(json, "media", NULL, NULL), "tdm-packets");
	assert_true(json_is_true(at(json, "emergency", NULL, NULL)));
	text_is(at(json, "called", "received", "digits"), "+4420");
	text_is(at(json, "called", "received", "type"), "international");
	text_is(at(json, "called", "sent", NULL), NULL);
	text_is(at(json, "calling", "received", "presentation"), "restricted");
	text_is(at(json, "caller", "key", NULL), "call?");
	assert_int_equal(json_integer_value(at(json, "caller", "rx_packets", NULL)), 3000);
	assert_true(json_real_value(at(json, "caller", "jitter_ms", NULL)) == 1.25);
	assert_true(json_real_value(at(json, "caller", "remote_loss", NULL)) == 0.1);
	text_is(at(json, "caller", "remote", NULL), NULL);
	assert_int_equal(json_integer_value(at(json, "callee", "timeslot", NULL)), 3);
	assert_int_equal(json_array_size(at(json, "attempts", NULL, NULL)), 2);
	json_decref(json);
}

/* The order of the columns is a promise. */
static void test_csv(void **state)
{
	static const char expected[] =
		"id,host,setup,routed,ringing,answered,ended,talk_ms,cause_value,cause_text,"
		"cause_location,status,released_by,media,emergency,restricted,"
		"called_received_digits,called_received_type,called_normalized_digits,"
		"called_sent_digits,called_sent_type,calling_received_digits,"
		"calling_received_type,calling_received_presentation,calling_received_screening,"
		"calling_normalized_digits,calling_sent_digits,calling_sent_type,"
		"calling_sent_presentation,redirecting_digits,connected_digits,"
		"caller_endpoint,caller_kind,caller_key,caller_timeslot,caller_codec,caller_local,"
		"caller_remote,caller_rx_packets,caller_tx_packets,caller_rx_lost,caller_rx_late,"
		"caller_slips,caller_jitter_ms,caller_remote_jitter_ms,caller_remote_loss,"
		"caller_round_trip_ms,callee_endpoint,callee_kind,callee_key,callee_timeslot,"
		"callee_codec,callee_local,callee_remote,callee_rx_packets,callee_tx_packets,"
		"callee_rx_lost,callee_rx_late,callee_slips,callee_jitter_ms,"
		"callee_remote_jitter_ms,callee_remote_loss,callee_round_trip_ms,attempts_made,"
		"attempts\r\n"
		"01KDTQAA0000000000000000AA,\"gw, \"\"one\"\"\",2026-01-01T00:00:01.234Z,,,"
		"2026-01-01T00:00:02.000Z,2026-01-01T00:01:02.500Z,60500,17,User busy,user,486,"
		"caller,tdm-packets,true,false,+4420,international,,,,,unknown,restricted,0,,,,,,,"
		"core,sip,call?,,PCMA,,,3000,0,0,0,0,1.250,0.000,0.100,0.000,"
		"e1,isdn,,3,,,,0,0,0,0,0,0.000,0.000,0.000,0.000,2,a:34 b\r\n";
	struct cdr c = sample();
	json_t *json = cdr_json(&c);
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	(void)state;
	cdr_csv_header(out);
	cdr_csv_row(out, json);
	fclose(out);
	assert_string_equal(text, expected);
	free(text);
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_answered_call),
		CASE(test_failover),
		CASE(test_emergency),
		CASE(test_no_route),
		CASE(test_many_attempts),
		CASE(test_channel),
		CASE(test_channels),
		cmocka_unit_test(test_what_is_no_record),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_csv),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
