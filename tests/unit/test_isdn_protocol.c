/* SPDX-License-Identifier: GPL-2.0-only */
/* The user side against a far end of our own making: octets on the line, repetition, silence,
 * nonsense. */
#include "raw_peer.h"

#include <errno.h>

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

#define SEND(crv, flag, type, ...)                                                                 \
	do {                                                                                       \
		static const uint8_t elements_[] = { __VA_ARGS__ };                                \
		raw_message(&raw, crv, flag, type, elements_, sizeof(elements_));                  \
		advance(&f, 20 * MS);                                                              \
	} while (0)
#define SEND_EMPTY(crv, flag, type)                                                                \
	do {                                                                                       \
		raw_message(&raw, crv, flag, type, "", 0);                                         \
		advance(&f, 20 * MS);                                                              \
	} while (0)

static uint16_t crv_of(const struct user *user)
{
	return user->call->crv;
}

static void offer(struct user *user)
{
	struct isdn_info info = plain_info("5551234");

	*user = (struct user){ 0 };
	assert_int_equal(isdn_call_setup(&user->call, f.te.span, &info, &user_ops, user), 0);
	advance(&f, 20 * MS);
}

static void offer_and_connect(struct user *user)
{
	offer(user);
	SEND(crv_of(user), true, Q931_CONNECT, 0x18, 3, 0xa9, 0x83, 0x9f);
	assert_int_equal(user->call->fsm.state, CALL_ACTIVE);
}

/* SETUP to the last bit (Q.931 3.1.14, 4.5.1: ascending order). */
static void test_setup_octets(void **state)
{
	static const uint8_t expected[] = {
		0x08, 0x02, 0x00, 0x00, 0x05,                  /* call reference below */
		0xa1,                                          /* sending complete */
		0x04, 0x03, 0x80, 0x90, 0xa3,                  /* speech, 64 kbit/s, A-law */
		0x18, 0x03, 0xa1, 0x83, 0x9f,                  /* channel 31, preferred */
		0x1e, 0x02, 0x81, 0x83,                        /* origination is non-ISDN */
		0x6c, 0x06, 0x21, 0xa1, '2',  '0',  '7',  '9', /* restricted, passed */
		0x6c, 0x05, 0x11, 0x83, '4',  '4',  '1',       /* the network's */
		0x70, 0x04, 0x81, '1',  '2',  '3',  0x74, 0x05,
		0x41, 0x03, 0x82, '7',  '8', /* redirected on no reply */
		0x7c, 0x02, 0x88, 0x90, 0x7d, 0x02, 0x91, 0x81,
		0x7e, 0x03, 0x04, 'h',  'i',
	};
	struct isdn_info info = plain_info("123");
	struct user user = { 0 };

	(void)state;
	info.capability = ISDN_SPEECH;
	info.progress[info.progress_count++] =
		(struct isdn_progress){ PROGRESS_ORIGIN_NOT_ISDN, Q850_LOC_PRIVATE_LOCAL };
	info.calling.number = (struct party_number){
		"2079", NUMBER_NATIONAL, PLAN_ISDN, PRESENTATION_RESTRICTED, SCREENING_USER_PASSED,
		true
	};
	info.calling.second = (struct party_number){ "441", NUMBER_INTERNATIONAL, PLAN_ISDN,
						     0,     SCREENING_NETWORK,    true };
	info.redirecting.number = (struct party_number){ "78", NUMBER_SUBSCRIBER, PLAN_ISDN,
							 0,    SCREENING_NETWORK, true };
	info.redirecting_reason = 2;
	info.llc = (struct isdn_raw){ { 0x88, 0x90 }, 2 };
	info.hlc = (struct isdn_raw){ { 0x91, 0x81 }, 2 };
	info.user_user = (struct isdn_raw){ { 0x04, 'h', 'i' }, 3 };
	snprintf(info.display, sizeof(info.display), "not from a user");
	assert_int_equal(isdn_call_setup(&user.call, f.te.span, &info, &user_ops, &user), 0);
	advance(&f, 20 * MS);
	assert_int_equal(raw.last_length, 4 + sizeof(expected));
	assert_int_equal(raw.last[6] << 8 | raw.last[7], crv_of(&user));
	raw.last[6] = raw.last[7] = 0;
	assert_memory_equal(raw.last + 4, expected, sizeof(expected));
	SEND(crv_of(&user), true, Q931_RELEASE_COMPLETE, 0x08, 2, 0x82, 0x91);
	assert_true(user.released);
	assert_int_equal(user.last.cause.value, 17);
	assert_int_equal(user.last.cause.location, 2);
}

/* Q.921 repeats what was not acknowledged: the same octets, though libpri repeats it unpatched. */
static void test_repetition(void **state)
{
	static const uint8_t rej[] = { 0x02, 0x01, 0x09, 0x00 }; /* REJ, command */
	uint8_t first[E1_FRAME_MAX];
	size_t first_length;
	struct user user;
	uint8_t nr;

	(void)state;
	raw.no_ack = true;
	offer(&user);
	first_length = raw.last_length;
	memcpy(first, raw.last, first_length);
	assert_memory_equal(first + first_length - 7, "5551234", 7);
	raw.last_length = 0;
	nr = first[2] >> 1;
	raw_send(&raw, (uint8_t[]){ rej[0], rej[1], rej[2], (uint8_t)(nr << 1) }, sizeof(rej));
	advance(&f, 20 * MS);
	assert_int_equal(raw.last_length, first_length);
	assert_memory_equal(raw.last, first, first_length);
	assert_string_equal(f.te.ladder, "> SETUP\n"); /* told once */
	raw.no_ack = false;
	raw.last_length = 0;
	raw_send(&raw, (uint8_t[]){ rej[0], rej[1], rej[2], (uint8_t)(nr << 1) }, sizeof(rej));
	advance(&f, 20 * MS);
	SEND(crv_of(&user), true, Q931_RELEASE_COMPLETE, 0x08, 2, 0x82, 0x91);
	assert_true(user.released);
}

/* T303 repeats SETUP at layer 3: whole again. */
static void test_t303_repeats_patched(void **state)
{
	struct user user;

	(void)state;
	offer(&user);
	raw.last_length = 0;
	advance(&f, 4100 * MS);
	assert_int_equal(raw.last[8], Q931_SETUP);
	assert_memory_equal(raw.last + raw.last_length - 7, "5551234", 7);
	advance(&f, 4100 * MS);
	assert_true(user.released);
	assert_int_equal(user.last.cause.value, Q850_NO_USER_RESPONDING);
	assert_int_equal(raw.last[8], Q931_RELEASE_COMPLETE);
	assert_int_equal(raw.last[raw.last_length - 1], 0x80 | Q850_TIMER_EXPIRY);
}

static void test_t304(void **state)
{
	struct user user;

	(void)state;
	offer(&user);
	SEND(crv_of(&user), true, Q931_SETUP_ACKNOWLEDGE, 0x18, 3, 0xa9, 0x83, 0x9f);
	assert_int_equal(user.heard[0], ISDN_SETUP_ACK);
	advance(&f, 19 * SECOND);
	assert_false(raw_heard(&raw, Q931_DISCONNECT));
	advance(&f, 2 * SECOND);
	assert_true(raw_heard(&raw, Q931_DISCONNECT));
	SEND(crv_of(&user), true, Q931_RELEASE, 0x08, 2, 0x82, 0xe6);
	assert_true(user.released);
	assert_int_equal(user.last.cause.value, Q850_INVALID_NUMBER);
}

/* An answer in time stops it. */
static void test_t304_stopped(void **state)
{
	struct user user;

	(void)state;
	offer(&user);
	SEND(crv_of(&user), true, Q931_SETUP_ACKNOWLEDGE, 0x18, 3, 0xa9, 0x83, 0x9f);
	advance(&f, 19 * SECOND);
	SEND_EMPTY(crv_of(&user), true, Q931_ALERTING);
	advance(&f, 60 * SECOND);
	assert_int_equal(user.heard[1], ISDN_ALERTING);
	assert_int_equal(raw.count, 1);
	SEND(crv_of(&user), true, Q931_RELEASE, 0x08, 2, 0x82, 0x90);
	assert_true(user.released);
}

/* Nobody answers DISCONNECT, then RELEASE: T305, T308 twice, and RESTART for the channel. */
static void test_t305_t308(void **state)
{
	struct user user;

	(void)state;
	offer_and_connect(&user);
	isdn_call_release(user.call, q850(Q850_CALL_REJECTED, Q850_LOC_TRANSIT));
	advance(&f, 29 * SECOND);
	assert_false(raw_heard(&raw, Q931_RELEASE));
	advance(&f, 2 * SECOND);
	assert_true(raw_heard(&raw, Q931_RELEASE));
	assert_int_equal(raw.last[11], 0x80 | Q850_LOC_TRANSIT); /* as at first, 5.3.3 */
	assert_int_equal(raw.last[12], 0x80 | Q850_CALL_REJECTED);
	assert_false(user.released);
	advance(&f, 4 * SECOND);
	assert_false(user.released);
	advance(&f, 4 * SECOND);
	assert_true(user.released);
	assert_int_equal(user.last.cause.value, Q850_CALL_REJECTED);
	assert_true(raw_heard(&raw, Q931_RESTART));
	assert_int_equal(isdn_span_slot(f.te.span, 31, NULL), SLOT_RESTARTING);
	raw_q931(&raw,
		 (uint8_t[]){ 8, 2, 0x80, 0, Q931_RESTART_ACKNOWLEDGE, 0x18, 3, 0xa9, 0x83, 0x9f,
			      0x79, 1, 0x80 },
		 13);
	advance(&f, 20 * MS);
	assert_idle(&f.te);
}

/* CONNECT ACKNOWLEDGE after DISCONNECT stops libpri's T305: the call ends all the same. */
static void test_stray_connect_ack(void **state)
{
	struct user user;

	(void)state;
	offer_and_connect(&user);
	isdn_call_release(user.call, q850(Q850_NORMAL_CLEARING, Q850_LOC_PRIVATE_LOCAL));
	advance(&f, 20 * MS);
	SEND_EMPTY(crv_of(&user), true, Q931_CONNECT_ACKNOWLEDGE);
	advance(&f, 38 * SECOND);
	assert_false(user.released);
	advance(&f, 2 * SECOND);
	assert_true(user.released);
	assert_true(raw_heard(&raw, Q931_RESTART));
}

/* ... and when RESTART has no answer either, the channel is out of service until the far end
 * restarts it. */
static void test_restart_unanswered(void **state)
{
	(void)state;
	assert_int_equal(isdn_span_restart(f.te.span, 5), 0);
	assert_int_equal(isdn_span_restart(f.te.span, 6), 0); /* after 5, and twice as well */
	advance(&f, 241 * SECOND);
	assert_int_equal(isdn_span_slot(f.te.span, 6, NULL), SLOT_RESTARTING);
	assert_int_equal(isdn_span_slot(f.te.span, 5, NULL), SLOT_BLOCKED);
	assert_int_equal(counter_get(&isdn_span_counters(f.te.span)->restarts_tx), 3);
	advance(&f, 240 * SECOND);
	assert_int_equal(isdn_span_slot(f.te.span, 6, NULL), SLOT_BLOCKED);
	assert_int_equal(counter_get(&isdn_span_counters(f.te.span)->restarts_tx), 4);
	assert_int_equal(isdn_span_idle_channels(f.te.span), 28);
	for (uint8_t ts = 5; ts <= 6; ts++) {
		raw_q931(&raw,
			 (uint8_t[]){ 8, 2, 0, 0, Q931_RESTART, 0x18, 3, 0xa9, 0x83,
				      (uint8_t)(0x80 | ts), 0x79, 1, 0x80 },
			 13);
		advance(&f, 20 * MS);
	}
	assert_true(raw_heard(&raw, Q931_RESTART_ACKNOWLEDGE));
	assert_idle(&f.te);
}

/* At the start a far end that doesn't know RESTART costs one channel for a while, not the span. */
static void test_restart_at_start_unanswered(void **state)
{
	struct user user;

	(void)state;
	side_close_span(&f.te);
	f.te.conf.restart_on_start = true;
	assert_int_equal(side_open_span(&f.te), 0);
	advance(&f, 3 * SECOND);
	assert_int_equal(isdn_span_idle_channels(f.te.span), 29);
	offer_and_connect(&user);
	advance(&f, 241 * SECOND);
	assert_int_equal(isdn_span_idle_channels(f.te.span), 29);
	assert_int_equal(isdn_span_slot(f.te.span, 1, NULL), SLOT_IDLE);
	assert_int_equal(counter_get(&isdn_span_counters(f.te.span)->restarts_tx), 2);
	SEND(crv_of(&user), true, Q931_RELEASE, 0x08, 2, 0x82, 0x90);
	assert_true(user.released);
}

/* Layer 2 fails and comes back while the precaution of the start is still unanswered: no channel is
 * lost by it. */
static void test_restart_at_start_and_flap(void **state)
{
	(void)state;
	side_close_span(&f.te);
	f.te.conf.restart_on_start = true;
	assert_int_equal(side_open_span(&f.te), 0);
	advance(&f, 3 * SECOND);
	e1_pair_cut(f.pair, true);
	advance(&f, 60 * SECOND);
	e1_pair_cut(f.pair, false);
	advance(&f, 600 * SECOND);
	assert_int_equal(isdn_span_state(f.te.span), SPAN_UP);
	assert_idle(&f.te);
}

/* A RESTART that was under way when layer 2 was lost is sent again when it is back, not after T316.
 */
static void test_restart_repeated(void **state)
{
	(void)state;
	e1_pair_cut(f.pair, true); /* not noticed before the next look at the alarms */
	assert_int_equal(isdn_span_restart(f.te.span, 5), 0);
	advance(&f, 30 * SECOND);
	assert_false(raw_heard(&raw, Q931_RESTART));
	e1_pair_cut(f.pair, false);
	advance(&f, 8 * SECOND);
	assert_true(raw_heard(&raw, Q931_RESTART));
}

/* A user that lets go of a living call: it is cleared. */
static void test_done_clears(void **state)
{
	struct user user;
	uint16_t crv;

	(void)state;
	offer_and_connect(&user);
	crv = crv_of(&user);
	isdn_call_done(user.call);
	advance(&f, 20 * MS);
	assert_true(raw_heard(&raw, Q931_DISCONNECT));
	SEND(crv, true, Q931_RELEASE, 0x08, 2, 0x82, 0x90);
	assert_idle(&f.te);
}

/* Digits by keypad facility only: no called number. */
static void test_keypad_only(void **state)
{
	struct isdn_info info = plain_info("");
	struct user user = { 0 };

	(void)state;
	snprintf(info.keypad, sizeof(info.keypad), "*21#");
	assert_int_equal(isdn_call_setup(&user.call, f.te.span, &info, &user_ops, &user), 0);
	advance(&f, 20 * MS);
	assert_null(memchr(raw.last + 9, 0x70, raw.last_length - 9));
	assert_memory_equal(raw.last + raw.last_length - 6, "\x2c\x04*21#", 6);
	SEND(crv_of(&user), true, Q931_RELEASE_COMPLETE, 0x08, 2, 0x82, 0x90);
}

/* A STATUS about ALERTING that crosses our CONNECT is no disagreement; as an answer to an enquiry
 * it would be. */
static void test_status_crosses_connect(void **state)
{
	static const uint8_t elements[] = { 0x04, 3,    0x80, 0x90, 0xa3, 0x18, 3,
					    0xa9, 0x83, 0x81, 0x70, 2,    0x81, '1' };
	struct user *user = &f.te.users[0];

	(void)state;
	raw_message(&raw, 9, false, Q931_SETUP, elements, sizeof(elements));
	advance(&f, 20 * MS);
	isdn_call_connect(user->call, NULL);
	SEND_EMPTY(9, false, Q931_CONNECT_ACKNOWLEDGE);
	SEND(9, false, Q931_STATUS, 0x08, 2, 0x82, 0xe4, 0x14, 1, 0x04);
	assert_false(user->released);
	SEND(9, false, Q931_STATUS, 0x08, 2, 0x82, 0x9e, 0x14, 1, 0x04);
	assert_true(user->released);
	SEND(9, false, Q931_RELEASE, 0x08, 2, 0x82, 0x90);
}

static void incoming(uint16_t crv)
{
	SEND(crv, false, Q931_SETUP, 0x04, 3, 0x80, 0x90, 0xa3, 0x18, 3, 0xa9, 0x83, 0x81, 0x70, 4,
	     0x81, '1', '2', '3');
}

static void test_t313(void **state)
{
	struct user *user = &f.te.users[0];

	(void)state;
	incoming(77);
	assert_int_equal(f.te.incoming, 1);
	assert_int_equal(isdn_call_connect(user->call, NULL), 0);
	advance(&f, 3900 * MS);
	assert_false(raw_heard(&raw, Q931_DISCONNECT));
	advance(&f, 200 * MS);
	assert_true(raw_heard(&raw, Q931_DISCONNECT));
	assert_int_equal(raw.last[raw.last_length - 1], 0x80 | Q850_TIMER_EXPIRY);
	SEND(77, false, Q931_RELEASE, 0x08, 2, 0x82, 0xe6);
	assert_true(user->released);
}

static void test_t313_acknowledged(void **state)
{
	struct user *user = &f.te.users[0];

	(void)state;
	incoming(78);
	isdn_call_connect(user->call, NULL);
	advance(&f, 20 * MS);
	assert_string_equal(isdn_call_state_name(user->call), "U8 connect request");
	assert_string_equal(isdn_call_key(user->call), "te/78i");
	SEND_EMPTY(78, false, Q931_CONNECT_ACKNOWLEDGE);
	assert_string_equal(isdn_call_state_name(user->call), "U10 active");
	advance(&f, 60 * SECOND);
	assert_false(raw_heard(&raw, Q931_DISCONNECT));
	SEND(78, false, Q931_RELEASE, 0x08, 2, 0x82, 0x90);
	assert_true(user->released);
}

/* A caller that gives up before we have said anything, in each way; libpri frees its call without
 * telling. */
static void test_early_ends(void **state)
{
	(void)state;
	incoming(1);
	SEND(1, false, Q931_RELEASE_COMPLETE, 0x08, 2, 0x82, 0x90);
	assert_true(f.te.users[0].released);
	assert_int_equal(f.te.users[0].last.cause.value, 16);
	incoming(2);
	SEND(2, false, Q931_STATUS, 0x08, 2, 0x82, 0xe5, 0x14, 1, 0x00);
	assert_true(f.te.users[1].released);
	incoming(3);
	SEND(3, false, Q931_DISCONNECT, 0x08, 2, 0x82, 0x90);
	assert_true(f.te.users[2].released);
	incoming(4);
	SEND(4, false, Q931_RELEASE, 0x08, 2, 0x82, 0x90);
	assert_true(f.te.users[3].released);
	assert_idle(&f.te);
	advance(&f, 60 * SECOND);
}

/* SETUP on a reference that is in use (Q.931 5.8.3.2 f: it shall be ignored). */
static void test_setup_twice(void **state)
{
	struct user *user = &f.te.users[0];

	(void)state;
	incoming(1);
	SEND(1, false, Q931_SETUP, 0x04, 3, 0x80, 0x90, 0xa3, 0x18, 3, 0xa9, 0x83, 0x82, 0x70, 2, 0x81, '1');
	assert_int_equal(f.te.incoming, 1);
	isdn_call_proceeding(user->call, NULL);
	advance(&f, 20 * MS);
	SEND(1, false, Q931_SETUP, 0x04, 3, 0x80, 0x90, 0xa3, 0x18, 3, 0xa9, 0x83, 0x83, 0x70, 2, 0x81, '1');
	assert_int_equal(f.te.incoming, 1);
	isdn_call_connect(user->call, NULL);
	advance(&f, 20 * MS);
	SEND_EMPTY(1, false, Q931_CONNECT_ACKNOWLEDGE);
	SEND(1, false, Q931_SETUP, 0x04, 3, 0x80, 0x90, 0xa3, 0x18, 3, 0xa9, 0x83, 0x84, 0x70, 2, 0x81, '1');
	assert_int_equal(f.te.incoming, 1);
	assert_false(user->released);
	assert_int_equal(isdn_span_calls(f.te.span), 1);
	SEND(1, false, Q931_RELEASE, 0x08, 2, 0x82, 0x90);
	assert_true(user->released);
	assert_idle(&f.te);
}

/* ---- STATUS (Q.931 5.8.10, 5.8.11) ---- */

static void test_status_disagrees(void **state)
{
	struct user user;
	uint16_t crv;

	(void)state;
	offer_and_connect(&user);
	crv = crv_of(&user);
	SEND(crv_of(&user), true, Q931_STATUS, 0x08, 2, 0x82, 0x9e, 0x14, 1, 0x03);
	assert_true(user.released);
	assert_int_equal(user.last.cause.value, Q850_WRONG_CALL_STATE);
	assert_true(raw_heard(&raw, Q931_DISCONNECT));
	assert_int_equal(counter_get(&isdn_span_counters(f.te.span)->status_clears), 1);
	assert_int_equal(isdn_span_calls(f.te.span),
			 1); /* still being cleared; nobody is told twice */
	SEND(crv, true, Q931_RELEASE, 0x08, 2, 0x82, 0x90);
	assert_idle(&f.te);
}

static void test_status_null(void **state)
{
	struct user user;

	(void)state;
	offer_and_connect(&user);
	SEND(crv_of(&user), true, Q931_STATUS, 0x08, 2, 0x82, 0x9f, 0x14, 1, 0x00);
	assert_true(user.released);
	assert_idle(&f.te);
}

static void test_status_agrees(void **state)
{
	struct user user;

	(void)state;
	offer_and_connect(&user);
	SEND(crv_of(&user), true, Q931_STATUS, 0x08, 2, 0x82, 0x9e, 0x14, 1, 0x0a);
	assert_false(user.released);
	SEND_EMPTY(crv_of(&user), true, Q931_STATUS_ENQUIRY);
	assert_int_equal(raw.last[8], Q931_STATUS);
	assert_int_equal(raw.last[raw.last_length - 1], 10);
	SEND(crv_of(&user), true, Q931_RELEASE, 0x08, 2, 0x82, 0x90);
}

/* The far end begins layer 2 anew, while nothing was under way: each call is asked for. */
static void reset_link(void)
{
	static const uint8_t sabme[] = { 0x02, 0x01, 0x7f };

	raw.ns = raw.nr = 0;
	raw_send(&raw, sabme, sizeof(sabme));
	advance(&f, 50 * MS);
}

static void test_enquiry_after_reset(void **state)
{
	struct user user;

	(void)state;
	offer_and_connect(&user);
	reset_link();
	assert_int_equal(raw.last[8], Q931_STATUS_ENQUIRY);
	assert_int_equal(raw.last_length, 9);
	SEND(crv_of(&user), true, Q931_RELEASE_COMPLETE, 0x08, 2, 0x82,
	     0x80 | Q850_INVALID_CALL_REFERENCE);
	assert_true(user.released);
	assert_int_equal(user.last.cause.value, Q850_INVALID_CALL_REFERENCE);
	assert_idle(&f.te);
}

/* T322: asked three times, then given up. */
static void test_enquiry_unanswered(void **state)
{
	struct user user;

	(void)state;
	offer_and_connect(&user);
	raw.count = 0;
	reset_link();
	advance(&f, 11 * SECOND);
	assert_int_equal(raw.count, 3);
	assert_false(user.released);
	advance(&f, 2 * SECOND);
	assert_int_equal(raw.last[8], Q931_DISCONNECT);
	assert_int_equal(raw.last[raw.last_length - 1], 0x80 | Q850_TEMPORARY_FAILURE);
	SEND(crv_of(&user), true, Q931_RELEASE, 0x08, 2, 0x82, 0x90);
	assert_true(user.released);
}

/* ---- Nonsense ---- */

static void test_nonsense(void **state)
{
	static const struct {
		const char *octets;
		size_t n;
	} messages[] = {
		{ "", 0 },
		{ "\x08", 1 },
		{ "\x08\x02", 2 },
		{ "\x08\x02\x00", 3 },
		{ "\x08\x02\x00\x01", 4 },
		{ "\x08\x0f\x00\x01\x05", 5 },
		{ "\x08\x00\x05", 3 },
		{ "\x08\xff", 2 },
		{ "\x07\x02\x00\x01\x05", 5 },
		{ "\x00\x00\x00", 3 },
		{ "\x43\x02\x00\x01\x0f", 5 },
		{ "\x08\x02\x00\x01\x05\x04", 6 },
		{ "\x08\x02\x00\x01\x05\x04\x03\x80", 8 },
		{ "\x08\x02\x00\x02\x05\x04\x00\x18\x00\x70\x00", 11 },
		{ "\x08\x02\x00\x03\x05\x04\x03\x80\x90\xa3\x18\x01\xa9\x70\xff\x81", 16 },
		{ "\x08\x02\x00\x04\x62\x1c\x03\x91\xa1\x7f", 10 },
		{ "\x08\x02\x00\x05\x00\x01", 6 },
		{ "\x08\x02\x00\x06\xff", 5 },
		{ "\x08\x02\x00\x07\x46\x18\x00", 7 },
		{ "\x08\x02\x00\x00\x46\x18\x01\xa9\x79\x00", 10 },
		{ "\x08\x02\x00\x08\x7d\x08\x01\x80\x14\x00", 10 },
		{ "\x08\x02\x00\x09\x05\x96\x01\x05\x9e\x1c\x01\x01", 12 },
		{ "\x08\x01\x05\x05", 4 },
	};
	struct user user;

	(void)state;
	offer_and_connect(&user);
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		raw_q931(&raw, messages[i].octets, messages[i].n);
		advance(&f, 50 * MS);
	}
	assert_false(user.released);
	assert_int_equal(user.call->fsm.state, CALL_ACTIVE);
	assert_true(counter_get(&isdn_span_counters(f.te.span)->malformed_frames) > 5);
	assert_true(counter_get(&isdn_span_counters(f.te.span)->malformed_elements) > 5);
	assert_int_equal(isdn_span_state(f.te.span), SPAN_UP);
	assert_int_equal(raw.sabmes, 1); /* the sequence never broke */
	SEND(crv_of(&user), true, Q931_RELEASE, 0x08, 2, 0x82, 0x90);
	assert_true(user.released);
}

/* A seeded storm of cut and flipped messages; a call in progress survives what isn't said to it. */
static void test_storm(void **state)
{
	static const uint8_t seed[] = { 0x08, 0x02, 0x10, 0x01, 0x05, 0x04, 3,    0x80, 0x90,
					0xa3, 0x18, 3,    0xa9, 0x83, 0x82, 0x1e, 2,    0x81,
					0x83, 0x28, 3,    'A',  'd',  'a',  0x6c, 4,    0x21,
					0x83, '1',  '2',  0x70, 3,    0x81, '3',  '4',  0x7d,
					2,    0x91, 0x81, 0x7e, 3,    4,    'x',  'y' };
	uint32_t random = 1;
	struct user user;

	(void)state;
	offer_and_connect(&user);
	f.te.refuse = true;
	for (unsigned i = 0; i < 3000; i++) {
		uint8_t octets[sizeof(seed)];
		size_t n;

		memcpy(octets, seed, sizeof(seed));
		octets[3] = (uint8_t)i;
		for (unsigned flips = 0; flips < 4; flips++) {
			random = random * 1664525 + 1013904223;
			octets[4 + (random >> 16) % (sizeof(seed) - 4)] ^=
				(uint8_t)(1u << (random >> 8) % 8);
		}
		random = random * 1664525 + 1013904223;
		n = sizeof(seed) - (random >> 16) % 24;
		raw_q931(&raw, octets, n);
		advance(&f, 20 * MS);
	}
	assert_false(user.released);
	assert_int_equal(isdn_span_state(f.te.span), SPAN_UP);
	SEND(crv_of(&user), true, Q931_RELEASE, 0x08, 2, 0x82, 0x90);
	assert_true(user.released);
	side_close_span(&f.te);
}

/* Frames that are no I frames, too short, too long, or not for us. */
static void test_frames(void **state)
{
	static const uint8_t junk[][4] = { { 0 },
					   { 0x02, 0x01 },
					   { 0xff, 0xff, 0xff, 0xff },
					   { 0x02, 0x01, 0x05, 0x00 },
					   { 0x02, 0x01, 0x0d, 0x00 },
					   { 0xfe, 0xff, 0x03, 0x0f },
					   { 0x02, 0x01, 0xaf, 0 } };
	uint8_t big[E1_FRAME_MAX] = { 0x02, 0x01, 0x03 };
	struct user user;

	(void)state;
	offer_and_connect(&user);
	for (size_t i = 0; i < sizeof(junk) / sizeof(junk[0]); i++)
		for (size_t n = 2; n <= 4; n++) {
			e1_dchan_send(raw.dchan, junk[i], n);
			advance(&f, 20 * MS);
		}
	e1_dchan_send(raw.dchan, big, sizeof(big));
	advance(&f, 500 * MS);
	assert_false(user.released);
	SEND(crv_of(&user), true, Q931_RELEASE, 0x08, 2, 0x82, 0x90);
	assert_true(user.released);
}

/* The network's answer names another channel than SETUP did; or one that is in use. */
static void test_channel_named(void **state)
{
	struct user first, second;

	(void)state;
	offer(&first);
	assert_int_equal(isdn_call_timeslot(first.call), 31);
	SEND(crv_of(&first), true, Q931_CALL_PROCEEDING, 0x18, 3, 0xa9, 0x83, 0x84);
	assert_int_equal(isdn_call_timeslot(first.call), 4);
	assert_int_equal(isdn_span_slot(f.te.span, 31, NULL), SLOT_IDLE);
	offer(&second);
	SEND(crv_of(&second), true, Q931_CALL_PROCEEDING, 0x18, 3, 0xa9, 0x83, 0x84);
	assert_int_equal(raw.last[8], Q931_DISCONNECT);
	assert_int_equal(raw.last[raw.last_length - 1], 0x80 | Q850_CHANNEL_UNACCEPTABLE);
	SEND(crv_of(&second), true, Q931_RELEASE, 0x08, 2, 0x82, 0x90);
	assert_true(second.released);
	SEND(crv_of(&first), true, Q931_RELEASE, 0x08, 2, 0x82, 0x90);
	assert_true(first.released);
	assert_idle(&f.te);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_setup_octets),
		T(test_repetition),
		T(test_t303_repeats_patched),
		T(test_t304),
		T(test_t304_stopped),
		T(test_t305_t308),
		T(test_stray_connect_ack),
		T(test_restart_unanswered),
		T(test_restart_at_start_unanswered),
		T(test_t313),
		T(test_restart_at_start_and_flap),
		T(test_done_clears),
		T(test_restart_repeated),
		T(test_keypad_only),
		T(test_status_crosses_connect),
		T(test_t313_acknowledged),
		T(test_setup_twice),
		T(test_early_ends),
		T(test_status_disagrees),
		T(test_status_null),
		T(test_status_agrees),
		T(test_enquiry_after_reset),
		T(test_enquiry_unanswered),
		T(test_nonsense),
		T(test_storm),
		T(test_frames),
		T(test_channel_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
