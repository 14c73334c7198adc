/* SPDX-License-Identifier: GPL-2.0-only */
/* Telephone-events between RTP and a line. */
#include "tests/unit/rtp_fixture.h"

/* Plays a digit to a clocked line: `heard` for 600 ms, with the packets of the mask lost. */
static void play_digit(struct fixture *f, uint8_t event, unsigned lost_mask, uint8_t heard[4800])
{
	uint8_t out[8] = { 0 };
	uint32_t timestamp = 0;
	for (unsigned ms = 0; ms < 600; ms++) {
		unsigned k = ms / 20;
		if (ms % 20 == 0 && (k < 5 || k > 12)) {
			uint8_t silence[160];
			memset(silence, LAW_SILENCE_A, sizeof(silence));
			far_send(&f->far_a, f->a, PCMA, false, silence, 160);
			f->far_a.sequence++;
			f->far_a.timestamp += 160;
			timestamp = f->far_a.timestamp;
		} else if (ms % 20 == 0) {
			unsigned i = k - 5; /* 0…4 growing, 5…7 the end, three times */
			f->far_a.timestamp += 160;
			if (lost_mask & (1U << i))
				f->far_a.sequence++;
			else
				far_event(&f->far_a, f->a, timestamp, event,
					  i < 5 ? 160 * (i + 1) : 800, i >= 5);
		}
		advance(f, 0);
		line_ms(f, out, heard + 8 * ms);
	}
}

static unsigned tone_ms(const uint8_t heard[4800])
{
	unsigned ms = 0;
	for (unsigned i = 0; i + 40 <= 4800; i += 40) { /* 5 ms */
		struct recording r = { PORT_PCMA, 8000, heard + i, 40 };
		ms += recording_dbm0(&r) > -25 ? 5 : 0;
	}
	return ms;
}

static unsigned tone_count(const uint8_t heard[4800])
{
	unsigned n = 0;
	bool on = false;
	for (unsigned i = 0; i + 80 <= 4800; i += 80) {
		struct recording r = { PORT_PCMA, 8000, heard + i, 80 };
		bool now = recording_dbm0(&r) > -25;
		n += now && !on;
		on = now;
	}
	return n;
}

static void test_event_is_heard_on_the_line_once(void **state)
{
	struct fixture *f = *state;
	/* nothing lost; the first; the second; all ends; all but the first; all but the last end */
	static const unsigned lost[] = { 0, 0x01, 0x02, 0xe0, 0xfe, 0x7f };
	static const unsigned low[] = { 95, 95, 95, 95, 45, 80 },
			      high[] = { 110, 110, 110, 125, 125, 110 };
	static uint8_t heard[4800];
	for (unsigned i = 0; i < sizeof(lost) / sizeof(lost[0]); i++) {
		play_digit(f, 1, lost[i], heard);
		assert_int_equal(tone_count(heard), 1);
		assert_in_range(tone_ms(heard), low[i], high[i]);
		assert_int_equal(count(&f->a->counters.rx_events), i + 1);
		struct recording r = { PORT_PCMA, 8000, heard, 4800 };
		assert_true(recording_tone_dbm0(&r, 697) > -40 &&
			    recording_tone_dbm0(&r, 1209) > -40);
		assert_true(recording_tone_dbm0(&r, 941) < -45);
	}
	play_digit(f, 16, 0, heard); /* flash: no tone */
	assert_int_equal(tone_count(heard), 0);
}

static void test_event_is_sent_with_growing_duration_and_three_ends(void **state)
{
	struct fixture *f = *state;
	uint8_t in[8], out[8] = { 0 };
	struct received r;
	unsigned events = 0, ends = 0, last = 0;
	uint32_t timestamp = 0;
	for (unsigned ms = 0; ms < 100; ms++)
		line_ms(f, out, in);
	far_drain(&f->far_a);
	assert_int_equal(rtp_send_event(f->a, 300, 100), -EINVAL);
	assert_int_equal(rtp_send_event(f->a, 9, 0), -EINVAL);
	assert_int_equal(rtp_send_event(f->a, 9, 100), 0);
	for (unsigned ms = 0; ms < 400; ms++) {
		line_ms(f, out, in);
		while (far_receive(&f->far_a, &r)) {
			if (r.p.payload_type != EVENT) {
				assert_true(events == 0 || ends > 0); /* no audio beside it */
				continue;
			}
			unsigned duration = r.p.payload[2] * 256U + r.p.payload[3];
			assert_int_equal(r.p.payload[0], 9);
			assert_int_equal(r.p.marker, events == 0);
			assert_true(events == 0 || r.p.timestamp == timestamp);
			assert_true(duration >= last && duration <= 800);
			timestamp = r.p.timestamp;
			last = duration;
			events++;
			ends += r.p.payload[1] >> 7;
		}
	}
	assert_int_equal(last, 800);
	assert_int_equal(events, 7);
	assert_int_equal(ends, 3);
	f->media.event_pt = RTP_NO_PT;
	rtp_configure(f->a, &f->media);
	assert_int_equal(rtp_send_event(f->a, 9, 100), -ENOTSUP);
}

static void test_events_without_a_clock_queue_up(void **state)
{
	struct fixture *f = *state;
	struct received r;
	char digits[8] = "";
	unsigned n = 0;
	for (unsigned e = 1; e <= 3; e++)
		assert_int_equal(rtp_send_event(f->a, e, 60), 0);
	for (unsigned ms = 0; ms < 1000; ms += 5) {
		advance(f, 5 * MS);
		while (far_receive(&f->far_a, &r))
			if (r.p.marker && n < 7)
				digits[n++] = (char)('0' + r.p.payload[0]);
	}
	assert_string_equal(digits, "123");
}

/* RFC 4733 2.5.1.3: a digit too long for one event goes on in a second one, and is heard as one. */
static void test_long_event_in_two_segments_is_one_tone(void **state)
{
	struct fixture *f = *state;
	uint8_t out[8] = { 0 }, heard[4800];
	uint32_t timestamp = f->far_a.timestamp;
	for (unsigned ms = 0; ms < 600; ms++) {
		unsigned k = ms / 20;
		if (ms % 20 == 0 && k < 20) {
			bool second = k >= 10;
			unsigned d = 160 * (k % 10 + 1);
			uint8_t payload[4] = { 7, (uint8_t)(10 | (k == 19 ? 0x80 : 0)),
					       (uint8_t)(d >> 8), (uint8_t)d };
			f->far_a.timestamp = timestamp + (second ? 1600 : 0);
			far_send(&f->far_a, f->a, EVENT, k == 0, payload, 4);
			f->far_a.sequence++;
		}
		advance(f, 0);
		line_ms(f, out, heard + 8 * ms);
	}
	assert_int_equal(tone_count(heard), 1);
	assert_in_range(tone_ms(heard), 395, 410);
	assert_int_equal(count(&f->a->counters.rx_events), 1);
}

/* Digits of signalling: heard one after the other, over the audio, and the audio goes on after. */
static void test_digits_are_played_to_the_line(void **state)
{
	struct fixture *f = *state;
	static const double hz[2][2] = { { 770, 1336 }, { 941, 1209 } };
	uint8_t out[8] = { 0 }, heard[4800];
	assert_int_equal(rtp_play_digit(f->a, 16, 100), -EINVAL);
	assert_int_equal(rtp_play_digit(f->a, 5, 100), 0);
	assert_int_equal(rtp_play_digit(f->a, 10, 0), 0);
	for (unsigned ms = 0; ms < 600; ms++) {
		if (ms % 20 == 0)
			far_audio(&f->far_a, f->a, PCMA, 160);
		advance(f, 0);
		size_t real = line_ms(f, out, heard + 8 * ms);
		if (ms < 250)
			assert_int_equal(real, 8);
	}
	for (unsigned i = 0; i < 2; i++) {
		struct recording r = { PORT_PCMA, 8000, heard + (i ? 1200 : 0), i ? 400 : 800 };
		assert_in_range(-recording_tone_dbm0(&r, hz[i][0]), 10, 18);
		assert_in_range(-recording_tone_dbm0(&r, hz[i][1]), 10, 18);
	}
	for (unsigned i = 800; i < 2000; i++)
		if (i < 1200 || i >= 1600)
			assert_int_equal(heard[i], LAW_SILENCE_A);
	for (unsigned i = 2001; i < 4800; i++) /* nothing was lost or held up */
		assert_int_equal(heard[i], pattern(f->far_a.timestamp - 4800 - 320 + i));
	assert_int_equal(count(&f->a->counters.slips_drop), 0);
	for (unsigned i = 0; i < RTP_EVENT_QUEUE; i++)
		assert_int_equal(rtp_play_digit(f->a, 5, 100), 0);
	assert_int_equal(rtp_play_digit(f->a, 5, 100), -ENOBUFS);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_event_is_heard_on_the_line_once),
		CASE(test_event_is_sent_with_growing_duration_and_three_ends),
		CASE(test_events_without_a_clock_queue_up),
		CASE(test_long_event_in_two_segments_is_one_tone),
		CASE(test_digits_are_played_to_the_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
