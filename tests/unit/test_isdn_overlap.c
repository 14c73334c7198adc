/* SPDX-License-Identifier: GPL-2.0-only */
/* Overlap receiving (Q.931 5.1.3, 5.2.4) and T302, as user and as network: a SETUP without a number
 * is told to nobody before its digits are gathered. The far end speaks octets by hand. Also T304 of
 * our own SETUPs that are answered with SETUP ACKNOWLEDGE. */
#include "raw_peer.h"

#define CRV 5

static struct fixture f;
static struct raw_peer raw;
static struct side *here; /* the one that is tested */

static int setup_side(struct side *side, struct side *far)
{
	fixture_open(&f);
	here = side;
	raw_start_at(&raw, far, side);
	return 0;
}

static int setup_te(void **state)
{
	(void)state;
	return setup_side(&f.te, &f.nt);
}

static int setup_nt(void **state)
{
	(void)state;
	return setup_side(&f.nt, &f.te);
}

static int teardown(void **state)
{
	(void)state;
	raw_stop(&raw);
	fixture_close(&f);
	return 0;
}

/* ---- What the far end says ---- */

#define SEND(crv, flag, type, ...)                                                                 \
	do {                                                                                       \
		const uint8_t elements_[] = { __VA_ARGS__ };                                       \
		raw_message(&raw, crv, flag, type, elements_, sizeof(elements_));                  \
		advance(&f, 20 * MS);                                                              \
	} while (0)
#define BEARER 0x04, 3, 0x80, 0x90, 0xa3
#define CHANNEL(ts) 0x18, 3, 0xa9, 0x83, (uint8_t)(0x80 | (ts))
#define CAUSE(value) 0x08, 2, 0x82, 0x80 | (value)

/* A SETUP without called number on channel 5. */
static void offer(uint16_t crv)
{
	SEND(crv, false, Q931_SETUP, BEARER, CHANNEL(5), 0x6c, 4, 0x21, 0x83, '4', '4');
}

/* INFORMATION with digits under `id`, and Sending complete when asked for. */
static void say_digits_as(uint8_t id, uint16_t crv, const char *digits, bool complete)
{
	uint8_t elements[256];
	size_t n = 0, length = strlen(digits), lead = id == IE_CALLED_NUMBER;

	if (complete)
		elements[n++] = IE_SENDING_COMPLETE;
	elements[n++] = id;
	elements[n++] = (uint8_t)(lead + length);
	if (lead)
		elements[n++] = 0xa1; /* national, E.164 */
	memcpy(elements + n, digits, length);
	raw_message(&raw, crv, false, Q931_INFORMATION, elements, n + length);
	advance(&f, 20 * MS);
}

static void say_digits(const char *digits)
{
	say_digits_as(IE_CALLED_NUMBER, CRV, digits, false);
}

/* ---- What we have said ---- */

/* The last message: of a call reference of the far end's, so with the flag set. */
static void assert_last(const uint8_t *octets, size_t n)
{
	assert_int_equal(raw.last_length, 4 + n);
	assert_memory_equal(raw.last + 4, octets, n);
}

static uint8_t own_location(void)
{
	return here == &f.nt ? Q850_LOC_PUBLIC_LOCAL : Q850_LOC_USER;
}

static void assert_last_cause(uint8_t type, uint8_t location, uint8_t cause)
{
	assert_last((uint8_t[]){ 0x08, 2, 0x80, CRV, type, 0x08, 2, (uint8_t)(0x80 | location),
				 (uint8_t)(0x80 | cause) },
		    9);
}

static struct user *heard_of(void)
{
	assert_int_equal(here->incoming, 1);
	return &here->users[0];
}

static void assert_called(const char *digits, bool complete)
{
	const struct isdn_info *info = &heard_of()->setup;

	assert_string_equal(info->called.number.digits, digits);
	assert_int_equal(info->sending_complete, complete);
	assert_true(info->called.number.present);
	assert_string_equal(info->calling.number.digits, "44");
	assert_int_equal(info->capability, ISDN_SPEECH);
	assert_int_equal(info->bearer.length, 3);
}

static void assert_collecting(void)
{
	const struct isdn_call *call = span_find_reference(here->span, CRV, false);

	assert_non_null(call);
	assert_int_equal(call->fsm.state, CALL_IN_OVERLAP);
	assert_int_equal(here->incoming, 0);
}

/* Gone on both sides, and its user has never heard of it. */
static void assert_unheard(void)
{
	assert_int_equal(here->incoming, 0);
	assert_idle(here);
}

/* We clear the call with 28: DISCONNECT, answered by RELEASE. */
static void assert_invalid_number(void)
{
	assert_last_cause(Q931_DISCONNECT, own_location(), Q850_INVALID_NUMBER);
	SEND(CRV, false, Q931_RELEASE, CAUSE(28));
	assert_int_equal(raw.last[8], Q931_RELEASE_COMPLETE);
	assert_unheard();
}

/* The user gives up what it has heard of; the far end agrees. */
static void clear(void)
{
	struct user *user = &here->users[0];

	isdn_call_release(user->call, q850(Q850_USER_BUSY, Q850_LOC_PRIVATE_LOCAL));
	advance(&f, 20 * MS);
	assert_last_cause(Q931_DISCONNECT, Q850_LOC_PRIVATE_LOCAL, Q850_USER_BUSY);
	SEND(CRV, false, Q931_RELEASE, CAUSE(17));
	assert_true(user->released);
	assert_int_equal(user->last.cause.value, Q850_USER_BUSY);
	assert_idle(here);
}

/* ---- Digits ---- */

/* SETUP ACKNOWLEDGE names the B-channel, and says nothing else. */
static void test_setup_acknowledge(void **state)
{
	static const uint8_t expected[] = { 0x08, 2, 0x80, CRV,  Q931_SETUP_ACKNOWLEDGE,
					    0x18, 3, 0xa9, 0x83, 0x85 };
	struct isdn_call *call;

	(void)state;
	offer(CRV);
	assert_int_equal(raw.count, 1);
	assert_last(expected, sizeof(expected));
	assert_collecting();
	call = span_find_reference(here->span, CRV, false);
	assert_string_equal(isdn_call_state_name(call),
			    here == &f.te ? "U25 overlap receiving" : "N2 overlap sending");
	assert_int_equal(isdn_span_slot(here->span, 5, NULL), SLOT_INCOMING);
	say_digits_as(IE_CALLED_NUMBER, CRV, "1", true);
	assert_string_equal(isdn_call_state_name(call),
			    here == &f.te ? "U25 overlap receiving" : "N2 overlap sending");
	clear();
}

/* T302 begins anew with every INFORMATION, also with one that brings no digits; then the number is
 * whole. */
static void test_digits_then_t302(void **state)
{
	static const char *const digits[] = { "2", "0", "79", "" };
	const struct isdn_info *info;

	(void)state;
	offer(CRV);
	for (size_t i = 0; i < 4; i++) {
		advance(&f, 14 * SECOND);
		assert_collecting();
		say_digits(digits[i]);
	}
	advance(&f, 14 * SECOND + 900 * MS);
	assert_collecting();
	advance(&f, 100 * MS);
	assert_called("2079", false);
	info = &heard_of()->setup;
	assert_int_equal(info->called.number.type, NUMBER_NATIONAL);
	assert_int_equal(info->called.number.plan, PLAN_ISDN);
	assert_int_equal(raw.count, 1);
	advance(&f, 60 * SECOND); /* T302 has stopped */
	assert_int_equal(raw.count, 1);
	clear();
}

static void test_t302_configured(void **state)
{
	(void)state;
	here->conf.timers.t302 = 2000;
	offer(CRV);
	say_digits("1");
	advance(&f, 1900 * MS);
	assert_collecting();
	advance(&f, 100 * MS);
	assert_called("1", false);
	clear();
}

/* With the last digits, or alone. */
static void test_sending_complete(void **state)
{
	(void)state;
	offer(CRV);
	say_digits("12");
	say_digits_as(IE_CALLED_NUMBER, CRV, "34", true);
	assert_called("1234", true);
	clear();
	here->incoming = 0;
	offer(CRV);
	say_digits("1234");
	SEND(CRV, false, Q931_INFORMATION, 0xa1);
	assert_called("1234", true);
	clear();
}

/* The terminator is no digit, and nothing counts after it. */
static void test_terminator(void **state)
{
	(void)state;
	offer(CRV);
	say_digits("*12");
	say_digits("3#45");
	assert_called("*123", true);
	clear();
}

static void test_keypad(void **state)
{
	(void)state;
	offer(CRV);
	say_digits_as(IE_KEYPAD, CRV, "12", false);
	say_digits_as(IE_KEYPAD, CRV, "3#", false);
	assert_called("123", true);
	assert_int_equal(heard_of()->setup.called.number.type, NUMBER_UNKNOWN);
	clear();
}

/* Type and plan of an empty number in SETUP stand. */
static void test_empty_number_in_setup(void **state)
{
	(void)state;
	SEND(CRV, false, Q931_SETUP, BEARER, CHANNEL(5), 0x6c, 4, 0x21, 0x83, '4', '4', 0x70, 1,
	     0xc9);
	assert_collecting();
	say_digits_as(IE_CALLED_NUMBER, CRV, "12", true);
	assert_called("12", true);
	assert_int_equal(heard_of()->setup.called.number.type, NUMBER_SUBSCRIBER);
	assert_int_equal(heard_of()->setup.called.number.plan, PLAN_PRIVATE);
	clear();
}

/* Two at once: each has its own digits. */
static void test_two_at_once(void **state)
{
	(void)state;
	offer(CRV);
	SEND(CRV + 1, false, Q931_SETUP, BEARER, CHANNEL(6), 0x6c, 4, 0x21, 0x83, '4', '4');
	say_digits("1");
	say_digits_as(IE_CALLED_NUMBER, CRV + 1, "9", false);
	say_digits("2");
	say_digits_as(IE_CALLED_NUMBER, CRV + 1, "8", true);
	assert_called("98", true);
	assert_string_equal(isdn_call_key(here->users[0].call), here == &f.te ? "te/6i" : "nt/6i");
	say_digits_as(IE_CALLED_NUMBER, CRV, "3", true);
	assert_int_equal(here->incoming, 2);
	assert_string_equal(here->users[1].setup.called.number.digits, "123");
	for (uint16_t i = 0; i < 2; i++)
		SEND(CRV + i, false, Q931_RELEASE, CAUSE(16));
	assert_true(here->users[0].released && here->users[1].released);
	assert_idle(here);
}

/* ---- No number ---- */

static void test_nothing_comes(void **state)
{
	(void)state;
	offer(CRV);
	advance(&f, 14 * SECOND + 900 * MS);
	assert_collecting();
	advance(&f, 100 * MS);
	assert_invalid_number();
}

static void test_complete_without_digits(void **state)
{
	(void)state;
	offer(CRV);
	SEND(CRV, false, Q931_INFORMATION, 0xa1);
	assert_invalid_number();
	offer(CRV);
	say_digits("#");
	assert_invalid_number();
}

static void test_too_many_digits(void **state)
{
	(void)state;
	offer(CRV);
	for (unsigned i = 0; i < 6; i++)
		say_digits("0123456789");
	say_digits("012");
	assert_collecting();
	say_digits("3");
	assert_invalid_number();
}

static void test_most_digits(void **state)
{
	static const char digits[] =
		"012345678901234567890123456789012345678901234567890123456789012";

	(void)state;
	assert_int_equal(strlen(digits), NUMBER_DIGITS - 1);
	offer(CRV);
	say_digits_as(IE_CALLED_NUMBER, CRV, digits, true);
	assert_called(digits, true);
	clear();
}

/* In one element, which the reader would cut. */
static void test_too_many_at_once(void **state)
{
	char digits[NUMBER_DIGITS + 1];

	(void)state;
	memset(digits, '7', NUMBER_DIGITS);
	digits[NUMBER_DIGITS] = '\0';
	offer(CRV);
	say_digits(digits);
	assert_invalid_number();
}

static void test_too_many_by_keypad(void **state)
{
	(void)state;
	offer(CRV);
	say_digits_as(IE_KEYPAD, CRV, "012345678901234567890123456789012", true);
	assert_invalid_number();
}

/* ---- Its end while digits are gathered: unheard ---- */

static void test_caller_releases(void **state)
{
	(void)state;
	offer(CRV);
	say_digits("1");
	SEND(CRV, false, Q931_RELEASE, CAUSE(16));
	assert_int_equal(raw.last[8], Q931_RELEASE_COMPLETE);
	assert_unheard();
	offer(CRV);
	say_digits("1");
	SEND(CRV, false, Q931_RELEASE_COMPLETE, CAUSE(16));
	assert_unheard();
	offer(CRV);
	SEND(CRV, false, Q931_STATUS, CAUSE(101), 0x14, 1, 0x00);
	assert_unheard();
	advance(&f, 60 * SECOND);
	assert_unheard();
}

/* DISCONNECT is answered with RELEASE at once, as there is no user to do it. */
static void test_caller_disconnects(void **state)
{
	(void)state;
	offer(CRV);
	say_digits("1");
	SEND(CRV, false, Q931_DISCONNECT, CAUSE(16));
	assert_last_cause(Q931_RELEASE, own_location(), Q850_NORMAL_CLEARING);
	SEND(CRV, false, Q931_RELEASE_COMPLETE, CAUSE(16));
	assert_unheard();
	advance(&f, 60 * SECOND);
	assert_unheard();
}

/* Digits of a call that is being cleared are nobody's. */
static void test_digits_too_late(void **state)
{
	(void)state;
	offer(CRV);
	say_digits("#");
	say_digits("1");
	advance(&f, 20 * SECOND);
	assert_invalid_number();
}

/* Nobody answers our DISCONNECT: T305, T308 twice, then the channel is restarted. */
static void test_clearing_unanswered(void **state)
{
	(void)state;
	offer(CRV);
	advance(&f, 15 * SECOND + 40 * SECOND);
	assert_true(raw_heard(&raw, Q931_RELEASE));
	assert_true(raw_heard(&raw, Q931_RESTART));
	assert_int_equal(isdn_span_calls(here->span), 0);
	assert_int_equal(here->incoming, 0);
}

static void lose_line(uint32_t t309_ms, uint64_t away_us)
{
	here->conf.timers.t302 = 600000;
	here->conf.timers.t309 = t309_ms;
	offer(CRV);
	say_digits("1");
	e1_pair_cut(f.pair, true);
	advance(&f, away_us);
	assert_int_equal(isdn_span_calls(here->span), 0);
	e1_pair_cut(f.pair, false);
	advance(&f, 700 * SECOND);
	assert_int_equal(isdn_span_state(here->span), SPAN_UP);
	assert_int_equal(here->incoming, 0);
}

static void test_layer2_lost(void **state)
{
	(void)state;
	lose_line(60000, 30 * SECOND);
	assert_unheard();
}

static void test_t309(void **state)
{
	(void)state;
	lose_line(3000, 4 * SECOND);
}

static void test_restarted(void **state)
{
	(void)state;
	offer(CRV);
	say_digits("1");
	raw_q931(&raw,
		 (uint8_t[]){ 8, 2, 0, 0, Q931_RESTART, 0x18, 3, 0xa9, 0x83, 0x85, 0x79, 1, 0x80 },
		 13);
	advance(&f, 20 * MS);
	assert_true(raw_heard(&raw, Q931_RESTART_ACKNOWLEDGE));
	assert_unheard();
	advance(&f, 60 * SECOND);
	assert_unheard();
}

static void test_span_closes(void **state)
{
	(void)state;
	offer(CRV);
	say_digits("1");
	side_close_span(here);
	assert_int_equal(here->incoming, 0);
	advance(&f, 60 * SECOND);
	assert_int_equal(here->incoming, 0);
}

/* Closed in the very turn in which the number became whole. */
static void test_span_closes_when_whole(void **state)
{
	static const uint8_t complete[] = { 0xa1, 0x70, 2, 0x81, '1' };

	(void)state;
	offer(CRV);
	raw_message(&raw, CRV, false, Q931_INFORMATION, complete, sizeof(complete));
	advance(&f, 3 * MS);
	side_close_span(here);
	assert_true(!here->incoming || here->users[0].released);
}

/* ---- Afterwards it is a call like any other ---- */

static void test_answered(void **state)
{
	struct user *user;

	(void)state;
	offer(CRV);
	say_digits_as(IE_CALLED_NUMBER, CRV, "12", true);
	user = heard_of();
	assert_int_equal(isdn_call_alerting(user->call, NULL), 0);
	advance(&f, 20 * MS);
	assert_int_equal(raw.count, 3);
	assert_int_equal(raw.types[1], Q931_CALL_PROCEEDING);
	assert_int_equal(raw.types[2], Q931_ALERTING);
	assert_int_equal(isdn_call_connect(user->call, NULL), 0);
	advance(&f, 20 * MS);
	assert_int_equal(raw.last[8], Q931_CONNECT);
	SEND(CRV, false, Q931_CONNECT_ACKNOWLEDGE, 0x28, 1, 'x');
	assert_int_equal(user->call->fsm.state, CALL_ACTIVE);
	clear();
}

static void test_answered_at_once(void **state)
{
	(void)state;
	offer(CRV);
	say_digits_as(IE_CALLED_NUMBER, CRV, "12", true);
	assert_int_equal(isdn_call_connect(heard_of()->call, NULL), 0);
	advance(&f, 20 * MS);
	assert_int_equal(raw.last[8], Q931_CONNECT);
	SEND(CRV, false, Q931_CONNECT_ACKNOWLEDGE, 0x28, 1, 'x');
	assert_int_equal(heard_of()->call->fsm.state, CALL_ACTIVE);
	clear();
}

static void test_proceeding(void **state)
{
	struct user *user;

	(void)state;
	offer(CRV);
	say_digits_as(IE_CALLED_NUMBER, CRV, "12", true);
	user = heard_of();
	assert_int_equal(isdn_call_proceeding(user->call, NULL), 0);
	assert_int_equal(isdn_call_proceeding(user->call, NULL), 0);
	advance(&f, 20 * MS);
	assert_int_equal(raw.count, 2);
	assert_int_equal(raw.last[8], Q931_CALL_PROCEEDING);
	assert_int_equal(user->call->fsm.state, CALL_IN_PROCEEDING);
	say_digits("3");
	assert_int_equal(user->heard[0], ISDN_INFORMATION);
	assert_string_equal(user->last.called.number.digits, "3");
	clear();
}

/* SETUP has had its answer: DISCONNECT, not RELEASE COMPLETE (5.3.2 c); and needs no CALL
 * PROCEEDING. */
static void test_refused(void **state)
{
	(void)state;
	here->refuse = true;
	offer(CRV);
	say_digits_as(IE_CALLED_NUMBER, CRV, "12", true);
	assert_last_cause(Q931_DISCONNECT, Q850_LOC_PRIVATE_REMOTE, Q850_CALL_REJECTED);
	assert_int_equal(raw.count, 2);
	SEND(CRV, false, Q931_RELEASE, CAUSE(21));
	assert_idle(here);
	here->ignore = true;
	offer(CRV);
	say_digits_as(IE_CALLED_NUMBER, CRV, "12", true);
	assert_last_cause(Q931_DISCONNECT, Q850_LOC_PRIVATE_LOCAL, Q850_NO_USER_RESPONDING);
	SEND(CRV, false, Q931_RELEASE, CAUSE(18));
	assert_idle(here);
}

static void test_announcement(void **state)
{
	struct isdn_info info = { .cause = q850(Q850_UNALLOCATED, Q850_LOC_PRIVATE_LOCAL) };

	(void)state;
	info.progress[info.progress_count++] =
		(struct isdn_progress){ PROGRESS_INBAND, Q850_LOC_PRIVATE_LOCAL };
	offer(CRV);
	say_digits_as(IE_CALLED_NUMBER, CRV, "12", true);
	assert_int_equal(isdn_call_disconnect(heard_of()->call, &info), 0);
	advance(&f, 20 * MS);
	assert_int_equal(raw.count, 2);
	assert_last((uint8_t[]){ 0x08, 2, 0x80, CRV, Q931_DISCONNECT, 0x08, 2, 0x81, 0x81, 0x1e, 2,
				 0x81, 0x88 },
		    13);
	SEND(CRV, false, Q931_RELEASE, CAUSE(1));
	assert_true(heard_of()->released);
	assert_idle(here);
}

static void test_caller_disconnects_when_whole(void **state)
{
	(void)state;
	offer(CRV);
	say_digits_as(IE_CALLED_NUMBER, CRV, "12", true);
	SEND(CRV, false, Q931_DISCONNECT, CAUSE(16));
	assert_int_equal(heard_of()->heard[0], ISDN_DISCONNECT);
	isdn_call_release(heard_of()->call, q850(Q850_NORMAL_CLEARING, Q850_LOC_USER));
	SEND(CRV, false, Q931_RELEASE_COMPLETE, CAUSE(16));
	assert_true(heard_of()->released);
	assert_idle(here);
}

/* ---- En bloc, as ever ---- */

static void assert_en_bloc(void)
{
	assert_int_equal(raw.count, 0);
	assert_int_equal(heard_of()->call->fsm.state, CALL_IN_PRESENT);
	isdn_call_release(heard_of()->call, q850(Q850_USER_BUSY, Q850_LOC_USER));
	advance(&f, 20 * MS);
	assert_last_cause(Q931_RELEASE_COMPLETE, Q850_LOC_USER, Q850_USER_BUSY);
	assert_idle(here);
	raw.count = here->incoming = 0;
}

static void test_en_bloc(void **state)
{
	(void)state;
	SEND(CRV, false, Q931_SETUP, BEARER, CHANNEL(5), 0x70, 2, 0x81, '1');
	assert_en_bloc();
	SEND(CRV, false, Q931_SETUP, 0xa1, BEARER, CHANNEL(5));
	assert_en_bloc();
	SEND(CRV, false, Q931_SETUP, BEARER, CHANNEL(5), 0x2c, 4, '*', '2', '1', '#');
	assert_string_equal(heard_of()->setup.keypad, "*21#");
	assert_en_bloc();
}

/* SETUP only prefers a channel that is taken: SETUP ACKNOWLEDGE names the one that it gets. */
static void test_another_channel(void **state)
{
	unsigned timeslot;

	(void)state;
	offer(CRV + 1);
	SEND(CRV, false, Q931_SETUP, BEARER, 0x18, 3, 0xa1, 0x83, 0x85);
	timeslot = isdn_call_timeslot(span_find_reference(here->span, CRV, false));
	assert_int_not_equal(timeslot, 5);
	assert_last((uint8_t[]){ 0x08, 2, 0x80, CRV, Q931_SETUP_ACKNOWLEDGE, 0x18, 3, 0xa9, 0x83,
				 (uint8_t)(0x80 | timeslot) },
		    10);
	SEND(CRV, false, Q931_RELEASE, CAUSE(16));
	SEND(CRV + 1, false, Q931_RELEASE, CAUSE(16));
	assert_unheard();
}

/* No channel, no collecting: RELEASE COMPLETE as for any other call. */
static void test_no_channel(void **state)
{
	(void)state;
	here->refuse = true;
	offer(CRV);
	SEND(CRV + 1, false, Q931_SETUP, BEARER, CHANNEL(5));
	assert_int_equal(raw.last[7], CRV + 1);
	assert_int_equal(raw.last[8], Q931_RELEASE_COMPLETE);
	assert_int_equal(raw.last[raw.last_length - 1], 0x80 | Q850_CHANNEL_UNAVAILABLE);
	SEND(CRV, false, Q931_RELEASE, CAUSE(16));
	assert_unheard();
}

/* The far end's T303 repeats SETUP, though we have answered it: ignored (5.8.3.2 e). */
static void test_setup_repeated(void **state)
{
	(void)state;
	offer(CRV);
	say_digits("1");
	offer(CRV);
	assert_int_equal(raw.count, 1);
	assert_collecting();
	say_digits_as(IE_CALLED_NUMBER, CRV, "2", true);
	assert_called("12", true);
	clear();
}

/* ---- T304 (Q.931 5.1.3, 5.2.4): SETUP ACKNOWLEDGE to our SETUP, nothing after it ---- */

static void test_t304(void **state)
{
	struct isdn_info info = plain_info("12");
	struct user user = { 0 };
	uint16_t crv;

	(void)state;
	assert_int_equal(isdn_call_setup(&user.call, here->span, &info, &user_ops, &user), 0);
	advance(&f, 20 * MS);
	crv = user.call->crv;
	SEND(crv, true, Q931_SETUP_ACKNOWLEDGE, CHANNEL(isdn_call_timeslot(user.call)));
	assert_int_equal(user.heard_count, 1);
	assert_int_equal(user.heard[0], ISDN_SETUP_ACK);
	assert_string_equal(isdn_call_state_name(user.call),
			    here == &f.te ? "U2 overlap sending" : "N25 overlap receiving");
	advance(&f, 19 * SECOND + 900 * MS);
	assert_int_equal(raw.count, 1);
	advance(&f, 100 * MS);
	assert_last((uint8_t[]){ 0x08, 2, (uint8_t)(crv >> 8), (uint8_t)crv, Q931_DISCONNECT, 0x08,
				 2, (uint8_t)(0x80 | own_location()), 0x80 | Q850_TIMER_EXPIRY },
		    9);
	SEND(crv, true, Q931_RELEASE, CAUSE(102));
	assert_true(user.released);
	assert_int_equal(user.last.cause.value, Q850_INVALID_NUMBER);
	assert_idle(here);
}

/* ---- Allocation failures ---- */

static bool attempt(uint16_t crv, long successes)
{
	bool failed;

	here->incoming = 0;
	f.te.hurried = f.nt.hurried = true;
	mem_fail_after(successes);
	offer(crv);
	say_digits_as(IE_CALLED_NUMBER, crv, "1", false);
	say_digits_as(IE_CALLED_NUMBER, crv, "2", true);
	if (here->incoming) {
		assert_string_equal(here->users[0].setup.called.number.digits, "12");
		isdn_call_alerting(here->users[0].call, NULL);
		advance(&f, 20 * MS);
		SEND(crv, false, Q931_RELEASE, CAUSE(16));
		assert_true(here->users[0].released);
	} else {
		SEND(crv, false, Q931_RELEASE_COMPLETE, CAUSE(16));
	}
	advance(&f, SECOND);
	failed = mem_failed();
	mem_fail_after(-1);
	assert_idle(here);
	return failed;
}

static void test_allocation_failures(void **state)
{
	uint16_t crv = 1;
	long n = 0;

	(void)state;
	while (attempt(crv++, n))
		assert_true(++n < 100);
	assert_true(n >= 2);
	assert_int_equal(here->incoming, 1);
}

int main(void)
{
#define T(name)                                                                                    \
	{ #name " as user", name, setup_te, teardown, NULL },                                      \
	{                                                                                          \
#name " as network", name, setup_nt, teardown, NULL                                \
	}
	const struct CMUnitTest tests[] = {
		T(test_setup_acknowledge),
		T(test_digits_then_t302),
		T(test_t302_configured),
		T(test_sending_complete),
		T(test_terminator),
		T(test_keypad),
		T(test_empty_number_in_setup),
		T(test_two_at_once),
		T(test_nothing_comes),
		T(test_complete_without_digits),
		T(test_too_many_digits),
		T(test_most_digits),
		T(test_too_many_at_once),
		T(test_too_many_by_keypad),
		T(test_caller_releases),
		T(test_caller_disconnects),
		T(test_digits_too_late),
		T(test_clearing_unanswered),
		T(test_layer2_lost),
		T(test_t309),
		T(test_restarted),
		T(test_span_closes),
		T(test_span_closes_when_whole),
		T(test_answered),
		T(test_answered_at_once),
		T(test_proceeding),
		T(test_refused),
		T(test_announcement),
		T(test_caller_disconnects_when_whole),
		T(test_en_bloc),
		T(test_another_channel),
		T(test_no_channel),
		T(test_setup_repeated),
		T(test_t304),
		T(test_allocation_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
