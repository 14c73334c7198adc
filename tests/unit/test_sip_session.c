/* SPDX-License-Identifier: GPL-2.0-only */
/* Session timers that we ask for (RFC 4028), in both roles, and their refreshes; those that only the
 * peer asks for stand in test_sip_calls.c. */
#include "sip_house.h"

static void value_is(const struct fixture *f, const char *name, const char *expected)
{
	char value[512];

	if (!expected) {
		assert_null(header(f, name, value));
		return;
	}
	assert_non_null(header(f, name, value));
	assert_string_equal(value, expected);
}

static unsigned cseq_of(const struct fixture *f)
{
	char value[512];

	return (unsigned)strtoul(header(f, "CSeq", value), NULL, 10);
}

static void origin_of(const struct fixture *f, char text[128])
{
	const char *at = strstr(f->got, "\r\no=");

	assert_non_null(at);
	snprintf(text, 128, "%.*s", (int)strcspn(at + 2, "\r"), at + 2);
}

static void drain(struct fixture *f)
{
	settle(f);
	while (receive(f, ""))
		;
}

/* A call to the mute peer that is up, with these headers in its 200. */
static void call_up(struct fixture *f, const char *headers)
{
	call_on(f, "mute", &f->out[0], true);
	settle(f);
	assert_true(receive(f, "INVITE"));
	respond(f, "200 OK", headers, sdp);
	settle(f);
	assert_true(f->out[0].connected);
	assert_true(receive(f, "ACK"));
}

static void asked_for(void **state)
{
	struct fixture *f = *state;

	f->trunks[2].session_expires_s = 1800;
	call_on(f, "mute", &f->out[0], true);
	settle(f);
	assert_true(receive(f, "INVITE"));
	value_is(f, "Session-Expires", "1800");
	value_is(f, "Min-SE", NULL);
	assert_non_null(strstr(f->got, "timer"));
	respond(f, "200 OK", "", sdp); /* it can't: no session timer */
	pass(f, 4000 * SECOND);
	assert_int_equal(f->out[0].released, 0);
	assert_false(receive(f, "UPDATE"));
	sip_call_release(f->out[0].call, normal());
	drain(f);

	f->trunks[2].session_expires_s = 0;
	call_on(f, "mute", &f->out[0], true);
	settle(f);
	assert_true(receive(f, "INVITE"));
	value_is(f, "Session-Expires", NULL);
}

/* RFC 4028 7.3: the same Call-ID, From and To, the next CSeq, the least that the 422 tells. */
static void too_small_for_the_callee(void **state)
{
	struct fixture *f = *state;
	char call_id[512], from[512], origin[128], again[128];
	unsigned cseq;

	f->trunks[2].session_expires_s = 600;
	call_on(f, "mute", &f->out[0], true);
	settle(f);
	for (unsigned early = 0; early < 2; early++) {
		assert_true(receive(f, "INVITE"));
		header(f, "Call-ID", call_id);
		header(f, "From", from);
		origin_of(f, origin);
		cseq = cseq_of(f);
		if (early) {
			respond(f, "180 Ringing", "", "");
			settle(f);
		}
		respond(f, "422 Session Interval Too Small",
			early ? "Min-SE: 1800\r\n" : "Min-SE: 900\r\n", "");
		settle(f);
		assert_true(receive(f, "ACK"));
		assert_int_equal(cseq_of(f), cseq);
	}
	assert_true(receive(f, "INVITE"));
	value_is(f, "Call-ID", call_id);
	value_is(f, "From", from);
	assert_int_equal(cseq_of(f), cseq + 1);
	value_is(f, "Session-Expires", "1800");
	value_is(f, "Min-SE", "1800");
	origin_of(f, again);
	assert_string_equal(origin, again);
	assert_int_equal(f->out[0].released, 0);
	respond(f, "200 OK", "Allow: UPDATE\r\nSession-Expires: 1800;refresher=uac\r\n", sdp);
	settle(f);
	assert_true(f->out[0].connected);
	assert_true(receive(f, "ACK"));
	pass(f, 899 * SECOND);
	assert_false(receive(f, "UPDATE"));
	pass(f, 2 * SECOND);
	assert_true(receive(f, "UPDATE"));
	value_is(f, "Session-Expires", "1800;refresher=uac");
	value_is(f, "Min-SE", "1800");
	respond(f, "200 OK", "Session-Expires: 1800;refresher=uac\r\n", "");
	settle(f);
	sip_call_release(f->out[0].call, normal());
	nothing_left(f);
}

static void a_422_that_helps_nobody(void **state)
{
	static const char *const headers[] = { "", "Min-SE: 600\r\n", "Min-SE: 90000\r\n" };
	struct fixture *f = *state;

	f->trunks[2].session_expires_s = 600;
	for (unsigned i = 0; i < 3; i++) {
		call_on(f, "mute", &f->out[0], true);
		settle(f);
		assert_true(receive(f, "INVITE"));
		respond(f, "422 No", headers[i], "");
		settle(f);
		assert_int_equal(f->out[0].released, 1);
		assert_int_equal(f->out[0].status, 422);
	}
	call_on(f, "mute", &f->out[0], true); /* one that never has enough */
	for (unsigned i = 0; i < SIP_INVITES_AGAIN + 1; i++) {
		char more[64];

		settle(f);
		assert_int_equal(f->out[0].released, 0);
		assert_true(receive(f, "INVITE"));
		snprintf(more, sizeof(more), "Min-SE: %u\r\n", 700 + 100 * i);
		respond(f, "422 No", more, "");
	}
	settle(f);
	assert_int_equal(f->out[0].released, 1);
	nothing_left(f);
}

/* Released between the INVITE and its 422: none goes anew. */
static void cancelled_before_the_422(void **state)
{
	struct fixture *f = *state;

	f->trunks[2].session_expires_s = 600;
	call_on(f, "mute", &f->out[0], true);
	settle(f);
	assert_true(receive(f, "INVITE"));
	sip_call_release(f->out[0].call, normal());
	respond(f, "422 No", "Min-SE: 900\r\n", "");
	settle(f);
	assert_true(receive(f, "ACK"));
	assert_false(receive(f, "INVITE"));
	assert_int_equal(f->out[0].released, 1);
	nothing_left(f);
}

static void the_callee_refreshes(void **state)
{
	struct fixture *f = *state;

	f->trunks[2].session_expires_s = 180;
	call_up(f, "Require: timer\r\nSession-Expires: 180;refresher=uas\r\n");
	pass(f, 146 * SECOND);
	assert_int_equal(f->out[0].released, 0);
	assert_false(receive(f, "UPDATE"));
	pass(f, 4 * SECOND); /* RFC 4028 10: 32 s before the end */
	assert_int_equal(f->out[0].released, 1);
	assert_int_equal(f->out[0].cause.value, Q850_TIMER_EXPIRY);
	assert_true(receive(f, "BYE"));
	nothing_left(f);
}

/* Whose dialogue knows no UPDATE is asked by re-INVITE, with the description said before. */
static void refreshed_by_invite(void **state)
{
	struct fixture *f = *state;
	char before[128], now[128];

	f->trunks[2].session_expires_s = 180;
	call_on(f, "mute", &f->out[0], true);
	settle(f);
	assert_true(receive(f, "INVITE"));
	origin_of(f, before);
	respond(f, "200 OK", "Allow: INVITE, ACK, BYE\r\nSession-Expires: 180;refresher=uac\r\n",
		sdp);
	settle(f);
	for (unsigned i = 0; i < 2; i++) {
		pass(f, 91 * SECOND);
		assert_true(receive(f, "INVITE"));
		origin_of(f, now);
		assert_string_equal(before, now);
		respond(f, "200 OK", "Session-Expires: 180;refresher=uac\r\n", sdp);
		drain(f);
	}
	assert_int_equal(f->out[0].released, 0);
	assert_int_equal(f->out[0].answers, 1);
}

/* RFC 4028 10: 408 (here: silence) and 481 end the dialog, with BYE; other failures leave it to its
 * end. */
static void refreshes_that_fail(void **state)
{
	struct fixture *f = *state;
	static const char *const headers =
		"Allow: UPDATE\r\nSession-Expires: 600;refresher=uac\r\n";

	f->trunks[2].session_expires_s = 600;
	call_up(f, headers);
	pass(f, 301 * SECOND);
	assert_true(receive(f, "UPDATE"));
	pass(f, 30 * SECOND);
	assert_int_equal(f->out[0].released, 0);
	pass(f, 3 * SECOND);
	assert_int_equal(f->out[0].released, 1);
	assert_int_equal(f->out[0].cause.value, Q850_TIMER_EXPIRY);
	assert_true(receive(f, "BYE"));
	drain(f);

	call_up(f, headers);
	pass(f, 301 * SECOND);
	assert_true(receive(f, "UPDATE"));
	respond(f, "481 Gone", "", "");
	settle(f);
	assert_int_equal(f->out[0].released, 1);
	assert_true(receive(f, "BYE"));
	drain(f);

	call_up(f, headers);
	pass(f, 301 * SECOND);
	assert_true(receive(f, "UPDATE"));
	respond(f, "500 Not now", "", "");
	pass(f, 265 * SECOND);
	assert_int_equal(f->out[0].released, 0);
	pass(f, 5 * SECOND);
	assert_int_equal(f->out[0].released, 1);
	assert_int_equal(f->out[0].cause.value, Q850_TIMER_EXPIRY);
	assert_true(receive(f, "BYE"));
	nothing_left(f);
}

/* What the 200 of a call that comes in says, for what its INVITE said. */
static void as_callee(void **state)
{
	static const struct row {
		const char *said, *answered;
		bool required;
	} rows[] = {
		{ "", NULL, false },
		{ "Supported: timer\r\n", "1800;refresher=uac", true },
		{ "Supported: timer\r\nMin-SE: 2000\r\n", "2000;refresher=uac", true },
		{ "Supported: timer\r\nSession-Expires: 3600\r\n", "1800;refresher=uac", true },
		{ "Supported: timer\r\nSession-Expires: 3600;refresher=uas\r\nMin-SE: 2400\r\n",
		  "2400;refresher=uas", false },
		{ "Supported: timer\r\nSession-Expires: 120;refresher=uac\r\n",
		  "120;refresher=uac", true },
		{ "Session-Expires: 3600\r\n", "1800;refresher=uas", false },
	};
	struct fixture *f = *state;

	f->trunks[2].session_expires_s = 1800;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char tag[64];

		request(f, "INVITE", 1 + 2 * i, "", rows[i].said, sdp);
		settle(f);
		assert_true(receive(f, "SIP/2.0 200"));
		value_is(f, "Session-Expires", rows[i].answered);
		value_is(f, "Require", rows[i].required ? "timer" : NULL);
		tag_of(f, tag);
		request(f, "ACK", 1 + 2 * i, tag, "", "");
		request(f, "BYE", 2 + 2 * i, tag, "", "");
		drain(f);
	}
	nothing_left(f);
}

/* A re-INVITE that forgets the header doesn't end the session that was asked for. */
static void forgotten_by_the_caller(void **state)
{
	struct fixture *f = *state;
	char tag[64];

	f->trunks[2].session_expires_s = 180;
	take_session(f, "Supported: timer\r\n", tag);
	pass(f, 100 * SECOND);
	request(f, "INVITE", 2, tag, "Supported: timer\r\n", sdp);
	settle(f);
	assert_true(receive(f, "SIP/2.0 200"));
	value_is(f, "Session-Expires", "180;refresher=uac");
	request(f, "ACK", 2, tag, "", "");
	pass(f, 147 * SECOND);
	assert_int_equal(f->in[0].released, 0);
	pass(f, 3 * SECOND);
	assert_int_equal(f->in[0].released, 1);
	drain(f);

	/* Nor does it change who refreshes, and how often. */
	f->in_count = 0;
	request(f, "INVITE", 11, "",
		"Supported: timer\r\nAllow: UPDATE\r\nSession-Expires: 120;refresher=uas\r\n", sdp);
	settle(f);
	assert_true(receive(f, "SIP/2.0 200"));
	tag_of(f, tag);
	request(f, "ACK", 11, tag, "", "");
	request(f, "UPDATE", 12, tag, "Supported: timer\r\n", "");
	settle(f);
	assert_true(receive(f, "SIP/2.0 200"));
	value_is(f, "Session-Expires", "120;refresher=uas");
	pass(f, 61 * SECOND);
	assert_true(receive(f, "UPDATE"));
}

/* A peer whose Contact can't be reached: nothing can be sent in its dialog, and no offer stays open
 * for that. */
static void nothing_can_be_sent(void **state)
{
	struct fixture *f = *state;
	struct media_desc desc;

	call_on(f, "mute", &f->out[0], true);
	settle(f);
	assert_true(receive(f, "INVITE"));
	f->contact = "<http://nobody.invalid/>";
	respond(f, "200 OK", "", sdp);
	f->contact = NULL;
	settle(f);
	assert_true(f->out[0].connected);
	media(&desc);
	desc.direction = RTP_SENDONLY;
	for (unsigned i = 0; i < 2; i++) {
		f->in_verb = true;
		assert_true(sip_call_offer(f->out[0].call, &desc) < 0);
		f->in_verb = false;
		assert_int_equal(f->out[0].call->dialog->oa.state, OA_STABLE);
	}
	assert_true(sip_dialog_modify(f->out[0].call->dialog, true) < 0);
	assert_int_equal(f->out[0].call->dialog->oa.state, OA_STABLE);
}

/* ---- Want of memory ---- */

/* A call that is asked for a longer session, refreshed once, put on hold, and ended. */
static void a_call_with_everything(struct fixture *f)
{
	struct sip_info info = { .called = { .number = { .digits = "+44" } } };
	struct media_desc desc;

	media(&desc);
	f->out[0] = (struct side){ 0 };
	if (sip_call_create(&f->out[0].call, sip_stack_trunk(f->stack, "mute"), &info, &desc,
			    &call_ops, &f->out[0]) < 0)
		return;
	settle(f);
	if (receive(f, "INVITE"))
		respond(f, "422 No", "Min-SE: 900\r\n", "");
	settle(f);
	if (receive(f, "INVITE"))
		respond(f, "200 OK", "Session-Expires: 900;refresher=uac\r\n", sdp);
	settle(f);
	pass(f, 451 * SECOND);
	if (receive(f, "INVITE"))
		respond(f, "200 OK", "Session-Expires: 900;refresher=uac\r\n", sdp);
	drain(f); /* repetitions, too */
	desc.direction = RTP_SENDONLY;
	if (f->out[0].call && sip_call_offer(f->out[0].call, &desc) == 0) {
		settle(f);
		if (receive(f, "INVITE"))
			respond(f, "200 OK", "", sdp);
		settle(f);
	}
	if (f->out[0].call)
		sip_call_release(f->out[0].call, normal());
	settle(f);
	assert_int_equal(f->out[0].released, 1);
	if (receive(f, "BYE"))
		respond(f, "200 OK", "", "");
	drain(f);
}

static void every_allocation_fails_once(void **state)
{
	struct fixture *f = *state;
	long n = 0;
	bool failed;

	f->trunks[2].session_expires_s = 600;
	do {
		mem_fail_after(n++);
		a_call_with_everything(f);
		failed = mem_failed();
		mem_fail_after(-1);
		nothing_left(f);
		drain(f);
	} while (failed);
	assert_true(f->out[0].connected); /* the last one went all the way */
	assert_int_equal(f->out[0].answers, 2);
	assert_in_range(n, 8, 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(asked_for),
		CASE(too_small_for_the_callee),
		CASE(a_422_that_helps_nobody),
		CASE(cancelled_before_the_422),
		CASE(the_callee_refreshes),
		CASE(refreshed_by_invite),
		CASE(refreshes_that_fail),
		CASE(as_callee),
		CASE(forgotten_by_the_caller),
		CASE(nothing_can_be_sent),
		CASE(every_allocation_fails_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
