/* SPDX-License-Identifier: GPL-2.0-only */
/* Frames whose header has gone wrong though their FCS is right: every single bit of every kind of
 * frame, and every length. What Q.921 calls invalid is dropped and counted and changes nothing;
 * what it can't tell from a good frame makes it recover. The call that is up hears of neither. */
#include "raw_peer.h"

#include "tdm/lapd.h"

static struct fixture f;
static struct raw_peer raw;
static struct user user;
static unsigned error_lines; /* in the log */
static struct side *side;    /* the span's; the raw peer is at the other end */

/* The frames, as the raw peer (the network) would send them now. N(R) and N(S) are filled in. */
static const struct sample {
	const char *name;
	uint8_t octets[16];
	size_t n;
	bool ns, nr;
} kinds[] = {
	{ "I",
	  { 0x02, 0x01, 0x00, 0x00, 0x08, 0x02, 0x7f, 0x7f, 0x5a, 0x08, 2, 0x82, 0x90 },
	  13,
	  true,
	  true },
	{ "I, P=1",
	  { 0x02, 0x01, 0x00, 0x01, 0x08, 0x02, 0x7f, 0x7f, 0x5a, 0x08, 2, 0x82, 0x90 },
	  13,
	  true,
	  true },
	{ "RR command", { 0x02, 0x01, 0x01, 0x01 }, 4, false, true },
	{ "RR response", { 0x00, 0x01, 0x01, 0x00 }, 4, false, true },
	{ "RNR", { 0x00, 0x01, 0x05, 0x00 }, 4, false, true },
	{ "REJ", { 0x00, 0x01, 0x09, 0x00 }, 4, false, true },
	{ "SABME", { 0x02, 0x01, 0x7f }, 3, false, false },
	{ "DISC", { 0x02, 0x01, 0x53 }, 3, false, false },
	{ "UI",
	  { 0x02, 0x01, 0x03, 0x08, 0x02, 0x7f, 0x7f, 0x5a, 0x08, 2, 0x82, 0x90 },
	  12,
	  false,
	  false },
	{ "DM", { 0x00, 0x01, 0x0f }, 3, false, false },
	{ "UA", { 0x00, 0x01, 0x73 }, 3, false, false },
	{ "FRMR", { 0x00, 0x01, 0x87, 0x01, 0x00, 0x00, 0x00, 0x01 }, 8, false, false },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static uint64_t invalid(void)
{
	return counter_get(&isdn_span_counters(side->span)->invalid_frames);
}

static void connect_a_call(void)
{
	struct isdn_info info = plain_info("5551234");
	uint8_t channel[] = { 0x18, 3, 0xa9, 0x83, 0 };

	user = (struct user){ 0 };
	assert_int_equal(isdn_call_setup(&user.call, side->span, &info, &user_ops, &user), 0);
	advance(&f, 20 * MS);
	channel[4] = (uint8_t)(0x80 | isdn_call_timeslot(user.call));
	raw_message(&raw, user.call->crv, true, Q931_CONNECT, channel, sizeof(channel));
	advance(&f, 20 * MS);
	assert_int_equal(user.call->fsm.state, CALL_ACTIVE);
}

static void clear_the_call(void)
{
	static const uint8_t cause[] = { 0x08, 2, 0x82, 0x90 };

	raw_message(&raw, user.call->crv, true, Q931_RELEASE, cause, sizeof(cause));
	advance(&f, 50 * MS);
	assert_true(user.released);
	assert_idle(side);
}

static void count_line(enum log_level level, const char *line, void *arg)
{
	(void)line;
	(void)arg;
	error_lines += level == LOG_LEVEL_ERROR;
}

static int start(struct side *span_side, struct side *raw_side)
{
	fixture_open(&f);
	f.te.conf.timers.t309 = f.nt.conf.timers.t309 = 60000;
	side = span_side;
	error_lines = 0;
	log_set_sink(count_line, NULL);
	raw_start_at(&raw, raw_side, span_side);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	return start(&f.te, &f.nt);
}

/* The same with sides changed: C/R means the reverse. */
static int setup_network(void **state)
{
	(void)state;
	return start(&f.nt, &f.te);
}

static int teardown(void **state)
{
	(void)state;
	log_set_sink(NULL, NULL);
	raw_stop(&raw);
	fixture_close(&f);
	return 0;
}

static size_t make(uint8_t *frame, const struct sample *kind)
{
	memcpy(frame, kind->octets, kind->n);
	if (raw.user)
		frame[0] ^= 0x02;
	if (kind->ns)
		frame[2] = (uint8_t)(raw.ns << 1);
	if (kind->nr)
		frame[3] = (uint8_t)(raw.nr << 1 | (frame[3] & 1));
	return kind->n;
}

/* What Q.921 says of a frame of the network's (`from_user`: of the user's), written down once more
 * and independently. */
static bool is_valid(const uint8_t *frame, size_t n, bool from_user)
{
	bool command = frame[0] == (from_user ? 0x00 : 0x02);
	bool response = frame[0] == (from_user ? 0x02 : 0x00);
	uint8_t u;

	if (n < 3 || !(command || response) || (frame[1] != 0x01 && frame[1] != 0xff))
		return false;
	u = frame[2] & 0xef;
	if (frame[1] == 0xff)
		return command && u == 0x03;
	if (!(frame[2] & 1))
		return command && n >= 4;
	if ((frame[2] & 3) == 1)
		return n == 4 && (frame[2] == 0x01 || frame[2] == 0x05 || frame[2] == 0x09);
	if (u == 0x6f || u == 0x43)
		return command && n == 3;
	if (u == 0x0f || u == 0x63)
		return response && n == 3;
	return (u == 0x03 && command) || (u == 0x87 && response && n == 8);
}

/* The far end answers for its call, as the user side asks for it after each new beginning. */
static void answer_enquiries(void)
{
	static const uint8_t active[] = { 0x08, 2, 0x82, 0x9e, 0x14, 1, 0x0a };

	raw_message(&raw, user.call->crv, true, Q931_STATUS, active, sizeof(active));
	advance(&f, 20 * MS);
}

/* After a frame that the far end didn't mean to send, the two may differ about numbers: time for
 * the user side to make its own of it, then the far end begins anew and all is well. */
static void settle(void)
{
	const uint8_t sabme[] = { raw_command(&raw), 0x01, 0x7f };

	advance(&f, 3 * SECOND);
	raw.ns = raw.nr = 0;
	raw_send(&raw, sabme, sizeof(sabme));
	advance(&f, 100 * MS);
	answer_enquiries();
}

static void assert_untouched(const char *what)
{
	if (user.released || user.call->fsm.state != CALL_ACTIVE)
		fail_msg("%s: the call was touched", what);
	if (isdn_span_state(side->span) != SPAN_UP)
		fail_msg("%s: the span is %s", what,
			 isdn_span_state_name(isdn_span_state(side->span)));
}

/* An invalid frame: counted, and nothing is sent in answer. */
static void assert_dropped(const uint8_t *frame, size_t n, const char *what)
{
	const struct isdn_span_counters *counters = isdn_span_counters(side->span);
	uint64_t before = invalid(), sent = counter_get(&counters->frames_tx),
		 ups = counter_get(&counters->layer2_ups);

	raw_send(&raw, frame, n);
	advance(&f, 20 * MS);
	if (invalid() != before + 1)
		fail_msg("%s: not counted as invalid", what);
	if (counter_get(&counters->frames_tx) != sent)
		fail_msg("%s: answered", what);
	assert_int_equal(counter_get(&counters->layer2_ups), ups);
	assert_untouched(what);
}

/* A valid one, though nobody meant it: it isn't counted as invalid, and whatever it did to layer 2
 * is over soon; the call stands. */
static void assert_recovered(const uint8_t *frame, size_t n, const char *what)
{
	uint64_t before = invalid();

	raw_send(&raw, frame, n);
	advance(&f, 20 * MS);
	settle();
	if (invalid() != before)
		fail_msg("%s: counted as invalid", what);
	assert_untouched(what);
}

static void send_and_judge(const uint8_t *frame, size_t n, const char *what)
{
	if (is_valid(frame, n, raw.user))
		assert_recovered(frame, n, what);
	else
		assert_dropped(frame, n, what);
}

/* Address, control and N(R) of every kind of frame, each bit in turn. */
static void test_every_header_bit(void **state)
{
	unsigned dropped = 0, taken = 0;

	(void)state;
	connect_a_call();
	for (size_t k = 0; k < KINDS; k++) {
		size_t header = kinds[k].nr ? 4 : 3;

		for (size_t bit = 0; bit < header * 8; bit++) {
			uint8_t frame[16];
			size_t n = make(frame, &kinds[k]);
			char what[64];

			frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
			snprintf(what, sizeof(what), "%s, octet %zu bit %zu", kinds[k].name,
				 bit / 8 + 2, bit % 8 + 1);
			*(is_valid(frame, n, raw.user) ? &taken : &dropped) += 1;
			send_and_judge(frame, n, what);
		}
	}
	assert_true(dropped > 200 && taken > 40);
	assert_int_equal(error_lines, 0);
	clear_the_call();
}

/* Every kind of frame at every length, and with octets to spare. */
static void test_every_length(void **state)
{
	(void)state;
	connect_a_call();
	for (size_t k = 0; k < KINDS; k++)
		for (size_t n = 2; n <= kinds[k].n + 3; n++) {
			uint8_t frame[20] = { 0 };
			char what[64];

			make(frame, &kinds[k]);
			snprintf(what, sizeof(what), "%s of %zu octets", kinds[k].name, n);
			send_and_judge(frame, n, what);
		}
	clear_the_call();
}

/* An N(R) that was never due: the link is established anew (Q.921 5.8.5), by us, and at once. */
static void test_wrong_nr(void **state)
{
	static const uint8_t controls[] = { 0x01, 0x05, 0x09 };

	(void)state;
	connect_a_call();
	for (size_t i = 0; i < sizeof(controls); i++) {
		const uint8_t frame[] = { 0x00, 0x01, controls[i], (uint8_t)((raw.nr + 64) << 1) };
		unsigned before = raw.sabmes;

		raw_send(&raw, frame, sizeof(frame));
		advance(&f, 50 * MS);
		assert_int_equal(raw.sabmes, before + 1);
		answer_enquiries();
		assert_untouched("wrong N(R)");
	}
	clear_the_call();
}

/* DISC and DM: the link goes down in good order, is built up again, and the call that outlives it
 * (T309) is asked for. */
static void test_link_released(void **state)
{
	static const uint8_t frames[][3] = { { 0x02, 0x01, 0x53 }, { 0x00, 0x01, 0x0f } };

	(void)state;
	connect_a_call();
	for (size_t i = 0; i < 2; i++) {
		uint64_t losses = counter_get(&isdn_span_counters(side->span)->layer2_losses);
		unsigned before = raw.sabmes;

		raw.count = 0;
		raw_send(&raw, frames[i], 3);
		advance(&f, 5 * SECOND);
		assert_int_equal(counter_get(&isdn_span_counters(side->span)->layer2_losses),
				 losses + 1);
		assert_true(raw.sabmes > before);
		assert_true(raw_heard(&raw, Q931_STATUS_ENQUIRY));
		answer_enquiries();
		assert_untouched("link released");
	}
	clear_the_call();
}

/* Messages that would end the call, in frames that aren't for us, aren't commands, or aren't the
 * next: none of them is heard. STATUS is one that libpri keeps to itself. */
static void test_message_in_bad_frame(void **state)
{
	static const struct {
		uint8_t octets[2];
		int ns; /* to be added to the right one */
	} bad[] = {
		{ { 0x06, 0x01 }, 0 },  { { 0xfe, 0x01 }, 0 }, { { 0x02, 0x03 }, 0 },
		{ { 0x02, 0xff }, 0 },  { { 0x00, 0x01 }, 0 }, { { 0x03, 0x01 }, 0 },
		{ { 0x02, 0x00 }, 0 },  { { 0x02, 0x01 }, 1 }, { { 0x02, 0x01 }, -1 },
		{ { 0x02, 0x01 }, 64 },
	};
	static const uint8_t messages[][8] = {
		{ Q931_STATUS, 0x08, 2, 0x82, 0x9e, 0x14, 1, 0x03 },
		{ Q931_STATUS, 0x08, 2, 0x82, 0x9e, 0x14, 1, 0x00 },
		{ Q931_RELEASE, 0x08, 2, 0x82, 0x90 },
		{ Q931_DISCONNECT, 0x08, 2, 0x82, 0x90 },
		{ Q931_RELEASE_COMPLETE, 0x08, 2, 0x82, 0x90 },
	};

	(void)state;
	connect_a_call();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		for (size_t m = 0; m < sizeof(messages) / sizeof(messages[0]); m++) {
			uint16_t crv = user.call->crv;
			uint8_t frame[16] = { bad[i].octets[0],
					      bad[i].octets[1],
					      (uint8_t)((raw.ns + bad[i].ns) << 1 & 0xfe),
					      (uint8_t)(raw.nr << 1),
					      0x08,
					      2,
					      (uint8_t)(0x80 | crv >> 8),
					      (uint8_t)crv };

			memcpy(frame + 8, messages[m], 8);
			side->ladder[0] = '\0';
			raw_send(&raw, frame, messages[m][0] == Q931_STATUS ? 16 : 13);
			advance(&f, 20 * MS);
			assert_untouched("message in a bad frame");
			assert_string_equal(side->ladder, "");
		}
	assert_int_equal(counter_get(&isdn_span_counters(side->span)->status_clears), 0);
	assert_int_equal(invalid(), 7 * sizeof(messages) / sizeof(messages[0]));
	clear_the_call();
}

/* Both ends are the user's: the log says so, once, and counts; layer 2 doesn't come up. */
static void test_same_side(void **state)
{
	static const uint8_t sabme[] = { 0x00, 0x01, 0x7f };

	(void)state;
	side_close_span(side);
	raw.user = true;
	raw.deaf = true;
	assert_int_equal(side_open_span(side), 0);
	for (unsigned i = 0; i < 3; i++) {
		raw_send(&raw, sabme, sizeof(sabme));
		advance(&f, SECOND);
	}
	assert_int_equal(isdn_span_state(side->span), SPAN_NO_LAYER2);
	assert_int_equal(error_lines, 1);
	assert_int_equal(invalid(), 3);
}

/* Every pair of control octet and C/R, from either side: the verdict is the one of Q.921 table 5.
 */
static void test_verdicts(void **state)
{
	(void)state;
	for (unsigned cr = 0; cr < 2; cr++)
		for (unsigned control = 0; control < 256; control++)
			for (size_t n = 0; n <= 12; n++) {
				uint8_t frame[12] = { (uint8_t)(cr << 1), 0x01, (uint8_t)control };
				bool good = n > 2 && is_valid(frame, n, false);
				bool clash = n == 3 && !cr && (control & 0xef) == 0x6f;
				enum lapd_verdict expected = good    ? LAPD_VALID
							     : clash ? LAPD_SAME_SIDE
								     : LAPD_INVALID;

				assert_int_equal(lapd_judge(frame, n, true), expected);
				frame[0] ^= 0x02;
				assert_int_equal(lapd_judge(frame, n, false), expected);
			}
}

static void test_longest(void **state)
{
	uint8_t frame[4 + LAPD_N201 + 1] = { 0x02, 0x01 };

	(void)state;
	assert_int_equal(lapd_judge(frame, 4 + LAPD_N201, true), LAPD_VALID);
	assert_int_equal(lapd_judge(frame, 4 + LAPD_N201 + 1, true), LAPD_INVALID);
	frame[2] = 0x03;
	assert_int_equal(lapd_judge(frame, 3 + LAPD_N201, true), LAPD_VALID);
	assert_int_equal(lapd_judge(frame, 3 + LAPD_N201 + 1, true), LAPD_INVALID);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define N(name) cmocka_unit_test_setup_teardown(name, setup_network, teardown)
	const struct CMUnitTest tests[] = {
		T(test_every_header_bit),
		T(test_every_length),
		N(test_every_header_bit),
		N(test_every_length),
		T(test_wrong_nr),
		T(test_link_released),
		T(test_message_in_bad_frame),
		T(test_same_side),
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_longest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
