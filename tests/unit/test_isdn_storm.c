/* SPDX-License-Identifier: GPL-2.0-only */
/* A far end gone mad: seeded messages of every type in every state, right, wrong and cut, with
 * calls, link faults and long silences between. Whatever comes, no call stays behind and no channel
 * is lost for good. */
#include "raw_peer.h"

#define MESSAGES 2000
#define OWN_CALLS 3

static struct fixture f;
static struct raw_peer raw;
static uint32_t random_state;

static uint32_t random_below(uint32_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state % n;
}

static bool one_in(uint32_t n)
{
	return random_below(n) == 0;
}

/* An element of any kind with any contents, now and then far too long. */
static size_t any_element(uint8_t *to)
{
	static const uint8_t ids[] = { 0x04, 0x08, 0x10, 0x14, 0x18, 0x1c, 0x1e, 0x20, 0x24, 0x27,
				       0x28, 0x29, 0x2c, 0x32, 0x34, 0x37, 0x40, 0x4a, 0x4c, 0x4d,
				       0x6c, 0x6d, 0x70, 0x71, 0x74, 0x76, 0x78, 0x79, 0x7b, 0x7c,
				       0x7d, 0x7e, 0x01, 0x96, 0x9d, 0x9e, 0xa1, 0xd0, 0x91 };
	size_t n = one_in(20) ? random_below(60) : random_below(8);

	to[0] = ids[random_below(sizeof(ids))];
	if (to[0] & 0x80)
		return 1;
	to[1] = (uint8_t)n;
	for (size_t i = 0; i < n; i++)
		to[2 + i] = (uint8_t)(random_below(256) | (one_in(3) ? 0 : 0x80));
	return n + 2;
}

static size_t good_setup(uint8_t *to)
{
	const uint8_t elements[] = { 0x04, 3, 0x80, 0x90, 0xa3,
				     0x18, 3, 0xa9, 0x83, (uint8_t)(0x80 | random_below(32)),
				     0x70, 2, 0x81, '1' };

	memcpy(to, elements, sizeof(elements));
	return sizeof(elements);
}

/* Of one of our calls, of a call of theirs, or of none. */
static void any_reference(uint8_t *to, const struct user *own)
{
	uint16_t crv = (uint16_t)(one_in(4) ? random_below(0x8000) : random_below(6));
	bool flag = one_in(2);

	if (own->call && one_in(2)) {
		crv = own->call->crv;
		flag = true;
	}
	to[0] = (uint8_t)((flag ? 0x80 : 0) | crv >> 8);
	to[1] = (uint8_t)crv;
}

static size_t any_message(uint8_t *octets, const struct user *own)
{
	static const uint8_t types[] = { 0x01, 0x02, 0x03, 0x05, 0x07, 0x0d, 0x0f, 0x45, 0x46, 0x4d,
					 0x4e, 0x5a, 0x62, 0x6e, 0x75, 0x7b, 0x7d, 0x20, 0x24, 0x28,
					 0x30, 0x31, 0x33, 0x37, 0x64, 0x60, 0x79, 0x00 };
	size_t n = 5;

	octets[0] = one_in(50) ? (uint8_t)random_below(256) : 0x08;
	octets[1] = one_in(50) ? (uint8_t)random_below(4) : 2;
	any_reference(octets + 2, own);
	octets[4] = types[random_below(sizeof(types))];
	if (octets[4] == Q931_SETUP && !one_in(4))
		n += good_setup(octets + n);
	for (uint32_t i = random_below(7); i && n < 190; i--)
		n += any_element(octets + n);
	return one_in(10) ? 1 + random_below((uint32_t)n) : n;
}

static void answer_somehow(struct user *user)
{
	if (!user->call)
		return;
	switch (random_below(5)) {
	case 0: isdn_call_alerting(user->call, NULL); break;
	case 1: isdn_call_connect(user->call, NULL); break;
	case 2: isdn_call_release(user->call, q850(Q850_USER_BUSY, Q850_LOC_USER)); break;
	case 3: isdn_call_disconnect(user->call, NULL); break;
	default: break;
	}
}

static void end(struct user *user)
{
	if (user->call)
		isdn_call_release(user->call, q850(Q850_NORMAL_CLEARING, Q850_LOC_USER));
}

static void own_calls(struct side *side, struct user *own)
{
	struct isdn_info info = plain_info("55");

	for (unsigned i = 0; i < OWN_CALLS; i++) {
		if (own[i].call && one_in(300))
			end(&own[i]);
		if (own[i].call || isdn_span_state(side->span) != SPAN_UP || !one_in(10))
			continue;
		own[i] = (struct user){ 0 };
		isdn_call_setup(&own[i].call, side->span, &info, &user_ops, &own[i]);
	}
}

static void faults(void)
{
	if (one_in(2000)) {
		e1_pair_cut(f.pair, true);
		advance(&f, random_below(9) * SECOND);
		e1_pair_cut(f.pair, false);
		advance(&f, 8 * SECOND);
	}
	if (one_in(3000))
		advance(&f, 300 * SECOND);
}

/* A channel may wait for the RESTART ACKNOWLEDGE that never comes; no other is away. */
static void assert_calm(struct side *side)
{
	assert_int_equal(isdn_span_calls(side->span), 0);
	for (unsigned ts = 1; ts < E1_TIMESLOTS; ts++) {
		enum isdn_slot_state state = isdn_span_slot(side->span, ts, NULL);

		assert_true(state == SLOT_IDLE || state == SLOT_DCHANNEL ||
			    state == SLOT_RESTARTING || state == SLOT_BLOCKED);
	}
}

static void storm(struct side *here, struct side *side, uint32_t seed)
{
	static struct user own[OWN_CALLS];
	unsigned answered = 0;

	random_state = seed;
	memset(own, 0, sizeof(own));
	side->hurried = true;
	raw_start_at(&raw, here, side);
	for (unsigned i = 0; i < MESSAGES; i++) {
		uint8_t octets[300];
		size_t n;

		own_calls(side, own);
		n = any_message(octets, &own[random_below(OWN_CALLS)]);
		raw_q931(&raw, octets, n);
		advance(&f, (n / 8 + 3) * MS);
		while (answered < side->incoming)
			answer_somehow(&side->users[answered++ % 64]);
		faults();
	}
	for (unsigned i = 0; i < 64; i++)
		end(&side->users[i]);
	for (unsigned i = 0; i < OWN_CALLS; i++)
		end(&own[i]);
	advance(&f, 120 * SECOND);
	assert_calm(side);
	for (unsigned i = 0; i < OWN_CALLS; i++)
		assert_true(!own[i].call && (own[i].released || !own[i].heard_count));
	assert_true(counter_get(&isdn_span_counters(side->span)->malformed_elements) > 100);
	assert_true(counter_get(&isdn_span_counters(side->span)->calls_in) > 10);
	raw_stop(&raw);
}

static int setup(void **state)
{
	(void)state;
	fixture_open(&f);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_close(&f);
	return 0;
}

static void test_user_side(void **state)
{
	(void)state;
	storm(&f.nt, &f.te, 1);
}

static void test_network_side(void **state)
{
	(void)state;
	storm(&f.te, &f.nt, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_user_side, setup, teardown),
		cmocka_unit_test_setup_teardown(test_network_side, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
