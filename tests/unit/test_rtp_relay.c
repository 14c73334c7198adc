/* SPDX-License-Identifier: GPL-2.0-only */
/* RTP endpoints joined to each other. */
#include "tests/unit/rtp_fixture.h"

static void test_relay_renumbers_and_keeps_timing(void **state)
{
	struct fixture *f = *state;
	struct received r;
	uint32_t offset = 0, got = 0;
	uint16_t sequence = 0;
	join(f, 20, PORT_PCMU, 96);
	for (unsigned k = 0; k < 50; k++) {
		if (k == 20) { /* a lost one */
			f->far_a.sequence++;
			f->far_a.timestamp += 160;
		}
		uint32_t timestamp = f->far_a.timestamp;
		far_audio(&f->far_a, f->a, PCMA, 160);
		advance(f, 20 * MS);
		assert_true(far_receive(&f->far_b, &r));
		if (k == 0) {
			offset = r.p.timestamp - timestamp;
			assert_true(r.p.marker);
		} else {
			assert_int_equal((uint16_t)(r.p.sequence - sequence), k == 20 ? 2 : 1);
		}
		sequence = r.p.sequence;
		assert_int_equal(r.p.payload_type, PCMU);
		assert_int_equal(r.p.ssrc, f->b->tx.ssrc);
		assert_int_equal(r.p.timestamp - timestamp, offset);
		for (unsigned i = 0; i < 160; i++, got++)
			assert_int_equal(r.p.payload[i], law_a_to_u(pattern(timestamp + i)));
	}
	/* Another source on one side: the other side's timestamps go on as time does. */
	f->far_a.ssrc++;
	f->far_a.sequence = 999;
	f->far_a.timestamp = 77;
	advance(f, 200 * MS);
	far_audio(&f->far_a, f->a, PCMA, 160);
	advance(f, 0);
	uint32_t before = r.p.timestamp;
	assert_true(far_receive(&f->far_b, &r));
	assert_in_range(r.p.timestamp - before, 200 * 8, 240 * 8);
	assert_int_equal(r.p.sequence, (uint16_t)(sequence + 1));
	assert_true(r.p.marker);
	part(f);
}

static void test_relay_swaps_back_disordered_packets_numbers(void **state)
{
	struct fixture *f = *state;
	struct received r;
	uint16_t first;
	join(f, 20, PORT_PCMA, EVENT);
	far_audio(&f->far_a, f->a, PCMA, 160);
	advance(f, 0);
	assert_true(far_receive(&f->far_b, &r));
	first = r.p.sequence;
	struct far late = f->far_a;
	f->far_a.sequence++;
	f->far_a.timestamp += 160;
	far_audio(&f->far_a, f->a, PCMA, 160);
	far_audio(&late, f->a, PCMA, 160);
	far_audio(&f->far_a, f->a, PCMA, 160);
	advance(f, 0);
	static const int expected[] = { 2, 1, 3 };
	for (unsigned i = 0; i < 3; i++) {
		assert_true(far_receive(&f->far_b, &r));
		assert_int_equal((uint16_t)(r.p.sequence - first), expected[i]);
	}
	part(f);
}

static void test_relay_cuts_to_each_sides_ptime(void **state)
{
	struct fixture *f = *state;
	static const struct {
		unsigned in_ms;
		uint8_t out_ms;
	} rows[] = {
		{ 10, 20 }, { 20, 30 }, { 30, 20 }, { 60, 10 }, { 20, 60 }, { 40, 30 },
	};
	struct received r;
	join(f, 20, PORT_PCMA, EVENT);
	for (unsigned k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
		struct rtp_media b = f->b->media_home;
		b.ptime_ms = rows[k].out_ms;
		rtp_configure(f->b, &b);
		settle(f);
		far_drain(&f->far_b);
		uint32_t got = f->far_a.timestamp, timestamp = 0;
		bool first = true;
		for (unsigned ms = 0; ms < 360; ms += rows[k].in_ms) {
			far_audio(&f->far_a, f->a, PCMA, rows[k].in_ms * 8);
			advance(f, rows[k].in_ms * MS);
			while (far_receive(&f->far_b, &r)) {
				assert_int_equal(r.p.length, rows[k].out_ms * 8);
				assert_true(first || r.p.timestamp == timestamp);
				timestamp = r.p.timestamp + (uint32_t)r.p.length;
				first = false;
				for (size_t i = 0; i < r.p.length; i++)
					assert_int_equal(r.p.payload[i], pattern(got++));
			}
		}
		assert_in_range(f->far_a.timestamp - got, 0, rows[k].out_ms * 8);
	}
	part(f);
}

static void test_relay_passes_events_and_noise(void **state)
{
	struct fixture *f = *state;
	struct received r;
	uint32_t offset;
	static const uint8_t noise[] = { 60 };
	join(f, 20, PORT_PCMA, 96);
	far_audio(&f->far_a, f->a, PCMA, 160);
	advance(f, 20 * MS);
	assert_true(far_receive(&f->far_b, &r));
	offset = r.p.timestamp + 160 - f->far_a.timestamp;
	for (unsigned d = 160; d <= 480; d += 160) {
		far_event(&f->far_a, f->a, f->far_a.timestamp, 5, d, d == 480);
		advance(f, 20 * MS);
		assert_true(far_receive(&f->far_b, &r));
		assert_int_equal(r.p.payload_type, 96);
		assert_int_equal(r.p.timestamp, f->far_a.timestamp + offset);
		assert_int_equal(r.p.payload[0], 5);
		assert_int_equal(r.p.payload[2] << 8 | r.p.payload[3], d);
		assert_int_equal(r.p.marker, d == 160);
	}
	assert_int_equal(count(&f->a->counters.rx_events), 1);
	assert_int_equal(count(&f->b->counters.tx_events), 1);
	far_send(&f->far_a, f->a, RTP_PT_CN, false, noise, 1);
	advance(f, 0);
	assert_true(far_receive(&f->far_b, &r));
	assert_int_equal(r.p.payload_type, RTP_PT_CN);
	assert_int_equal(r.p.payload[0], 60);
	part(f);
}

static void test_relay_to_a_side_without_events_makes_tones(void **state)
{
	struct fixture *f = *state;
	struct received r;
	uint8_t heard[8000];
	size_t n = 0;
	join(f, 20, PORT_PCMA, RTP_NO_PT);
	uint32_t timestamp = f->far_a.timestamp;
	for (unsigned d = 160; d <= 1600; d += 160) {
		far_event(&f->far_a, f->a, timestamp, 1, d, d == 1600);
		advance(f, 20 * MS);
		while (far_receive(&f->far_b, &r) && n + r.p.length <= sizeof(heard)) {
			memcpy(heard + n, r.p.payload, r.p.length);
			n += r.p.length;
		}
	}
	assert_int_equal(n, 1600);
	struct recording rec = { PORT_PCMA, 8000, heard, n };
	assert_true(fabs(recording_tone_dbm0(&rec, 697) + 14.1) < 0.5);
	assert_true(fabs(recording_tone_dbm0(&rec, 1209) + 12.1) < 0.5);
	part(f);
}

/* Some senders go on with audio beside the event: it must not come in between the tone's octets. */
static void test_relay_plays_the_tone_in_place_of_the_audio(void **state)
{
	struct fixture *f = *state;
	struct received r;
	uint8_t heard[8000];
	size_t n = 0;
	join(f, 20, PORT_PCMA, RTP_NO_PT);
	uint32_t timestamp = f->far_a.timestamp;
	for (unsigned d = 160; d <= 1600; d += 160) {
		far_event(&f->far_a, f->a, timestamp, 1, d, d == 1600);
		far_audio(&f->far_a, f->a, PCMA, 160);
		advance(f, 20 * MS);
		while (far_receive(&f->far_b, &r) && n + r.p.length <= sizeof(heard)) {
			memcpy(heard + n, r.p.payload, r.p.length);
			n += r.p.length;
		}
	}
	assert_int_equal(n, 1600);
	struct recording rec = { PORT_PCMA, 8000, heard, n };
	assert_true(fabs(recording_dbm0(&rec) + 10) < 0.3); /* the tone's; the audio would be -4 */
	part(f);
}

static void test_relay_that_cuts_anew_drops_what_lost_its_place(void **state)
{
	struct fixture *f = *state;
	struct received r;
	join(f, 60, PORT_PCMA, EVENT);
	uint32_t first = f->far_a.timestamp;
	far_audio(&f->far_a, f->a, PCMA, 160);
	far_audio(&f->far_a, f->a, PCMA, 160);
	struct far late = f->far_a;
	late.sequence--;
	late.timestamp -= 320; /* a packet whose time is over, though its number isn't known */
	late.sequence--;
	late.sequence--;
	far_audio(&late, f->a, PCMA, 160);
	far_audio(&f->far_a, f->a, PCMA, 160);
	advance(f, 0);
	assert_true(far_receive(&f->far_b, &r));
	assert_int_equal(r.p.length, 480);
	for (unsigned i = 0; i < 480; i++)
		assert_int_equal(r.p.payload[i], pattern(first + i));
	assert_int_equal(count(&f->a->counters.rx_late), 1);
	part(f);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_relay_renumbers_and_keeps_timing),
		CASE(test_relay_swaps_back_disordered_packets_numbers),
		CASE(test_relay_cuts_to_each_sides_ptime),
		CASE(test_relay_passes_events_and_noise),
		CASE(test_relay_to_a_side_without_events_makes_tones),
		CASE(test_relay_plays_the_tone_in_place_of_the_audio),
		CASE(test_relay_that_cuts_anew_drops_what_lost_its_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
