/* SPDX-License-Identifier: GPL-2.0-only */
/* The jitter buffer in virtual time: a sender with a clock, a network with delays, a line that
 * pulls. */
#include "base/mem.h"
#include "transcoding/jitter.h"
#include "transcoding/law.h"
#include "transcoding/meter.h"
#include "transcoding/tone.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DEPTH 320 /* 40 ms */

struct fixture {
	struct jitter *j;
	uint32_t timestamp; /* of the next packet */
	uint32_t next;      /* timestamp that the next real octet out should have */
};

static uint8_t pattern(uint32_t i)
{
	return (uint8_t)((i * 2654435761U) >> 24);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct jitter_cfg cfg = { PORT_PCMA, 8000, DEPTH };
	assert_int_equal(jitter_fixed_create(&f->j, &cfg), 0);
	f->timestamp = 0xffffe000; /* wraps in the first second */
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	jitter_destroy(&f->j);
	jitter_destroy(&f->j);
	free(f);
	assert_int_equal(mem_live_blocks(), 0);
	return 0;
}

static void put_at(struct fixture *f, uint32_t timestamp, size_t n)
{
	uint8_t octets[1280];
	for (size_t i = 0; i < n; i++)
		octets[i] = pattern(timestamp + (uint32_t)i);
	jitter_put(f->j, octets, n, timestamp, false);
}

static void put(struct fixture *f, size_t n)
{
	put_at(f, f->timestamp, n);
	f->timestamp += (uint32_t)n;
}

static size_t pull(struct fixture *f, size_t n, uint8_t *octets)
{
	return jitter_get(f->j, octets, n);
}

/* Pull n octets in blocks and demand that all are the pattern's, from `from` on. */
static void expect(struct fixture *f, uint32_t from, size_t n, size_t block)
{
	uint8_t octets[160];
	for (size_t done = 0; done < n; done += block) {
		size_t part = n - done < block ? n - done : block;
		assert_int_equal(pull(f, part, octets), part);
		for (size_t i = 0; i < part; i++)
			assert_int_equal(octets[i], pattern(from + (uint32_t)(done + i)));
	}
}

static void silence(struct fixture *f, size_t n)
{
	uint8_t octets[160];
	for (size_t done = 0; done < n; done += 80) {
		size_t part = n - done < 80 ? n - done : 80;
		assert_int_equal(pull(f, part, octets), 0);
		for (size_t i = 0; i < part; i++)
			assert_int_equal(octets[i], LAW_SILENCE_A);
	}
}

static uint64_t slips(const struct fixture *f)
{
	return counter_get(&f->j->counters.slips_repeat) + counter_get(&f->j->counters.slips_drop);
}

static uint64_t count(const counter_t *c)
{
	return counter_get(c);
}

/* A stream that runs: packets of 160, each of which waits for the depth. Next out is what was put
 * in DEPTH ago. */
static void begin(struct fixture *f, unsigned packets)
{
	uint8_t octets[160];
	for (unsigned k = 0; k < packets; k++) {
		put(f, 160);
		pull(f, 160, octets);
	}
}

/* ---- Without drift ---- */

static void test_bit_exact_for_an_hour_in_any_blocks(void **state)
{
	struct fixture *f = *state;
	static const unsigned blocks[] = { 1, 7, 8, 40, 53, 160 },
			      sizes[] = { 80, 160, 240, 320, 480 };
	for (unsigned s = 0; s < 5; s++) {
		jitter_reset(f->j);
		uint32_t from = f->timestamp;
		for (unsigned now = 0; now < 8000 * 60 * 12; now += sizes[s]) {
			put(f, sizes[s]);
			unsigned quiet = now >= DEPTH             ? 0
					 : DEPTH - now < sizes[s] ? DEPTH - now
								  : sizes[s];
			silence(f, quiet);
			expect(f, from + now + quiet - DEPTH, sizes[s] - quiet,
			       now < 100000 ? blocks[now % 6] : 160);
		}
	}
	assert_int_equal(slips(f), 0);
	assert_int_equal(count(&f->j->counters.concealed_samples), 0);
	assert_int_equal(count(&f->j->counters.late), 0);
	assert_int_equal(count(&f->j->counters.restarts), 0);
}

static void test_jitter_up_to_the_depth_is_not_heard(void **state)
{
	struct fixture *f = *state;
	uint32_t first = f->timestamp, out = 0, in = 0;
	uint32_t due[600];
	srand(7);
	/* Packet k is made at 160 k and comes at a time up to the depth later, in order or not. The
	 * first is the fastest. */
	for (unsigned k = 0; k < 600; k++)
		due[k] = k * 160 + (k ? (uint32_t)(rand() % (DEPTH - 8)) : 0);
	uint8_t octets[8];
	for (uint32_t now = 0; now < 590 * 160; now += 8) {
		for (unsigned k = in > 5 ? in - 5 : 0; k < 600 && k * 160 <= now; k++)
			if (due[k] >= now && due[k] < now + 8) {
				put_at(f, first + k * 160, 160);
				in = k;
			}
		size_t real = pull(f, 8, octets);
		assert_int_equal(real, now < DEPTH ? 0 : 8);
		for (unsigned i = 0; i < real; i++)
			assert_int_equal(octets[i], pattern(first + out++));
	}
	assert_int_equal(slips(f), 0);
	assert_true(count(&f->j->counters.reordered) > 0);
}

static void test_stalls_up_to_the_depth_do_not_slip(void **state)
{
	struct fixture *f = *state;
	begin(f, 10);
	uint32_t next = f->timestamp - DEPTH;
	for (unsigned k = 0; k < 1000; k++) {
		bool stall = k % 50 ==
			     25; /* once a second the line pulls 40 ms before packets are read */
		for (unsigned i = 0; !stall && i < 2; i++)
			put(f, 160);
		expect(f, next, 320, 8);
		for (unsigned i = 0; stall && i < 2; i++)
			put(f, 160);
		next += 320;
	}
	for (unsigned k = 0; k < 100; k++) { /* and the line itself stalls while packets come */
		put(f, 160);
		put(f, 160);
		expect(f, next, 320, 160);
		next += 320;
	}
	assert_int_equal(slips(f), 0);
	assert_int_equal(count(&f->j->counters.restarts), 0);
}

static void test_silence_before_anything_comes(void **state)
{
	struct fixture *f = *state;
	uint32_t position;
	silence(f, 800);
	assert_false(jitter_position(f->j, &position));
	put(f, 160);
	assert_true(jitter_position(f->j, &position));
	assert_int_equal(position, f->timestamp - 160 - DEPTH);
}

static void test_what_came_before_anybody_listened_makes_no_delay(void **state)
{
	struct fixture *f = *state;
	for (unsigned k = 0; k < 500; k++)
		put(f, 160);
	silence(f, DEPTH);
	expect(f, f->timestamp - 160, 160, 8);
	assert_int_equal(slips(f), 0);
}

/* ---- Disorder, loss ---- */

static void test_reordered_and_duplicate(void **state)
{
	struct fixture *f = *state;
	uint32_t t = f->timestamp;
	put_at(f, t, 160);
	silence(f, 80);
	put_at(f, t + 320, 160);
	put_at(f, t + 160, 160);
	put_at(f, t + 160, 160);
	put_at(f, t + 480, 160);
	silence(f, DEPTH - 80);
	expect(f, t, 640, 8);
	assert_int_equal(count(&f->j->counters.reordered), 1);
	assert_int_equal(count(&f->j->counters.duplicate), 1);
}

static void test_loss_keeps_the_alignment(void **state)
{
	struct fixture *f = *state;
	uint8_t octets[160];
	uint32_t t;
	begin(f, 20);
	t = f->timestamp - 160;
	f->timestamp += 160; /* lost */
	for (unsigned k = 0; k < 3; k++)
		put(f, 160);
	expect(f, t - 160, 320, 8);
	assert_int_equal(pull(f, 160, octets), 0);
	/* The first samples after the gap are blended (plc.h), all others exact. */
	assert_int_equal(pull(f, 160, octets), 160);
	for (unsigned i = 32; i < 160; i++)
		assert_int_equal(octets[i], pattern(t + 320 + i));
	expect(f, t + 480, 160, 8);
	assert_int_equal(count(&f->j->counters.concealed_samples), 160);
	assert_int_equal(slips(f), 0);
}

static void test_late_packets_are_dropped_and_half_late_ones_used(void **state)
{
	struct fixture *f = *state;
	uint8_t octets[160];
	begin(f, 10);
	uint32_t t = f->timestamp - 160;
	pull(f, 160, octets);
	pull(f, 160, octets);
	put_at(f, t + 320,
	       160); /* what is between is late: the line is at t + 160 + 80 when it comes */
	pull(f, 80, octets);
	put_at(f, t + 160, 160);
	assert_int_equal(pull(f, 80, octets), 80);
	for (unsigned i = 32; i < 80; i++)
		assert_int_equal(octets[i], pattern(t + 240 + i));
	put_at(f, t, 160);
	assert_int_equal(count(&f->j->counters.late), 2);
	expect(f, t + 320, 160, 8);
}

static void test_a_stream_that_ends_is_silence(void **state)
{
	struct fixture *f = *state;
	uint8_t octets[160];
	begin(f, 50);
	for (unsigned k = 0; k < 5; k++)
		pull(f, 160, octets);
	silence(f, 80000);
	assert_true(count(&f->j->counters.concealed_samples) <= 480);
	/* The next gap of the same stream is a gap of its own. */
	assert_int_equal(slips(f), 0);
}

/* ---- Time moves ---- */

static void test_pause_of_the_sender_keeps_the_place(void **state)
{
	struct fixture *f = *state;
	uint8_t octets[160];
	begin(f, 10);
	uint32_t resumes = f->timestamp + 160 * 500;
	for (unsigned k = 0; k < 500; k++)
		pull(f, 160, octets);
	f->timestamp = resumes;
	begin(f, 5);
	expect(f, f->timestamp - DEPTH, 320, 8);
	assert_int_equal(slips(f), 0);
	assert_int_equal(count(&f->j->counters.restarts), 0);
}

static void test_jump_needs_two_packets_or_a_marker(void **state)
{
	struct fixture *f = *state;
	for (unsigned way = 0; way < 4; way++) {
		begin(f, 10);
		uint32_t jump = way & 1 ? 3000000000U : 1000000U, good = f->timestamp;
		put_at(f, good + jump, 160); /* a stray */
		put(f, 160);
		put_at(f, good + jump + 160,
		       160); /* goes on where the stray was, but a good one came between */
		expect(f, good - DEPTH, DEPTH + 160, 8);
		f->timestamp = good + jump + 12345;
		if (way & 2) {
			uint8_t one[160];
			memset(one, 0x11, sizeof(one));
			jitter_put(f->j, one, 160, f->timestamp, true);
		} else {
			put(f, 160);
			put(f, 160);
		}
		uint32_t position;
		assert_true(jitter_position(f->j, &position));
		assert_int_equal(position, f->timestamp - (way & 2 ? 0 : 160) - DEPTH);
		assert_int_equal(count(&f->j->counters.restarts), way + 1);
		jitter_reset(f->j);
	}
}

static void test_sender_whose_clock_stood_still_is_found_again(void **state)
{
	struct fixture *f = *state;
	uint8_t octets[160];
	unsigned packets = 0;
	begin(f, 10);
	for (unsigned k = 0; k < 50; k++)
		pull(f, 160, octets); /* a second without packets; then its timestamps go on as if
					 none had passed */
	while (count(&f->j->counters.restarts) == 0 && packets < 100) {
		put(f, 160);
		pull(f, 160, octets);
		packets++;
	}
	assert_in_range(packets, 10, 12); /* 200 ms */
	begin(f, 5);
	expect(f, f->timestamp - DEPTH, 160, 8);
}

static void test_burst_after_an_outage_is_no_restart(void **state)
{
	struct fixture *f = *state;
	uint8_t octets[160];
	begin(f, 10);
	for (unsigned k = 0; k < 25; k++)
		pull(f, 160, octets);
	for (unsigned k = 0; k < 25; k++)
		put(f, 160);
	begin(f, 1);
	expect(f, f->timestamp - DEPTH, 160, 8);
	assert_int_equal(count(&f->j->counters.restarts), 0);
	assert_int_equal(slips(f), 0);
}

static void test_overflow_starts_anew(void **state)
{
	struct fixture *f = *state;
	uint32_t position;
	begin(f, 10);
	for (unsigned k = 0; k < 100; k++)
		put(f, 160);
	assert_true(count(&f->j->counters.restarts) > 0);
	assert_true(jitter_position(f->j, &position));
	assert_in_range((int32_t)(f->timestamp - position), DEPTH, 8192);
}

/* ---- Drift ---- */

/* A sine from a sender that is `ppm` faster than the line, for `seconds`; what the line heard from
 * the first second on. */
static struct recording drift(struct fixture *f, const struct tone_spec *spec, double ppm,
			      unsigned seconds, double *low_ms, double *high_ms)
{
	static uint8_t heard[8000 * 70];
	struct port_format format = { PORT_PCMA, 8000, 1 };
	struct tone tone;
	size_t n = 0;
	double sent = 0;
	uint8_t packet[160], octets[8];
	tone_init(&tone, spec, &format);
	*low_ms = 1e9;
	*high_ms = 0;
	for (unsigned now = 0; now < seconds * 8000; now += 8) {
		for (; sent <= now * (1 + ppm / 1e6); sent += 160) {
			tone_read(&tone, packet, 160);
			jitter_put(f->j, packet, 160, f->timestamp, false);
			f->timestamp += 160;
			double delay = jitter_delay_samples(f->j) / 8.0;
			if (now > 8000) {
				*low_ms = delay < *low_ms ? delay : *low_ms;
				*high_ms = delay > *high_ms ? delay : *high_ms;
			}
		}
		jitter_get(f->j, octets, 8);
		if (now >= 8000 && n + 8 <= sizeof(heard)) {
			memcpy(heard + n, octets, 8);
			n += 8;
		}
	}
	return (struct recording){ PORT_PCMA, 8000, heard, n };
}

static void test_drift_slips_one_at_a_time_and_bounds_the_delay(void **state)
{
	struct fixture *f = *state;
	static const double ppm[] = { 1000, -1000, 100, -100 };
	double low, high;
	for (unsigned i = 0; i < 4; i++) {
		jitter_reset(f->j);
		uint64_t repeats = count(&f->j->counters.slips_repeat),
			 drops = count(&f->j->counters.slips_drop);
		unsigned seconds = fabs(ppm[i]) > 500 ? 65 : 900;
		drift(f, &tone_dial, ppm[i], seconds, &low, &high);
		repeats = count(&f->j->counters.slips_repeat) - repeats;
		drops = count(&f->j->counters.slips_drop) - drops;
		assert_int_equal(ppm[i] > 0 ? repeats : drops, 0);
		uint64_t made = ppm[i] > 0 ? drops : repeats;
		/* What has drifted, less what the band takes in, in slips of 5 to 15 ms. */
		double moved_ms = fabs(ppm[i]) / 1000 * seconds;
		assert_in_range(made,
				(moved_ms - 45) / 15 > 1 ? (uint64_t)((moved_ms - 45) / 15) : 1,
				(uint64_t)(moved_ms / 5));
		assert_true(low >= 5 && high <= 2 * 40 + 20 + 1);
	}
	assert_int_equal(count(&f->j->counters.late), 0);
	assert_int_equal(count(&f->j->counters.concealed_samples), 0);
}

/* A slip is cut at a period of the tone: nobody hears it. */
static void test_slips_of_a_tone_do_not_click(void **state)
{
	struct fixture *f = *state;
	double low, high;
	for (int ppm = -1000; ppm <= 1000; ppm += 2000) {
		jitter_reset(f->j);
		struct recording r = drift(f, &tone_dial, ppm, 65, &low, &high);
		assert_true(slips(f) >= 1);
		assert_int_equal(recording_clicks(&r, 425), 0);
	}
	assert_true(count(&f->j->counters.slips_drop) && count(&f->j->counters.slips_repeat));
}

/* Where there is no period to cut at (30 Hz: longer than any slip), the cross-fade leaves no step.
 */
static void test_slips_are_faded(void **state)
{
	struct fixture *f = *state;
	struct tone_spec slow = tone_sine(30, -10);
	double low, high;
	for (int ppm = -1000; ppm <= 1000; ppm += 2000) {
		jitter_reset(f->j);
		uint64_t before = slips(f);
		struct recording r = drift(f, &slow, ppm, 65, &low, &high);
		assert_true(slips(f) >= before + 2);
		for (size_t i = 1; i < r.n;
		     i++) /* peak 7,200; steepest of its own: 170; coarsest quantum: 256 */
			assert_in_range(abs(law_decode(PORT_PCMA, r.octets[i]) -
					    law_decode(PORT_PCMA, r.octets[i - 1])),
					0, 800);
	}
}

/* ---- Replacing and filling ---- */

static void test_replace_and_fill(void **state)
{
	struct fixture *f = *state;
	uint8_t one[160], two[160], octets[160];
	memset(one, 0x11, sizeof(one));
	memset(two, 0x22, sizeof(two));
	begin(f, 10);
	uint32_t t = f->timestamp - 160;
	expect(f, t - 160, 160, 8);
	put(f, 160);
	jitter_replace(f->j, one, 160, t + 80);
	jitter_fill(f->j, two, 160, t + 160); /* covers what is there and what isn't */
	jitter_fill(f->j, two, 160, t + 320);
	put(f, 80); /* t + 320 …: takes the place of the filling */
	expect(f, t, 80, 8);
	assert_int_equal(pull(f, 160, octets), 160);
	assert_memory_equal(octets, one, 160);
	expect(f, t + 240, 80, 8);
	expect(f, t + 320, 80, 8);
	assert_int_equal(pull(f, 80, octets), 80);
	assert_memory_equal(octets, two, 80);
	assert_int_equal(count(&f->j->counters.duplicate), 0);
	assert_int_equal(count(&f->j->counters.concealed_samples), 0);
	/* Into an empty one: it begins there. */
	jitter_reset(f->j);
	jitter_fill(f->j, two, 160, 5000);
	jitter_replace(f->j, one, 160, 5000);
	silence(f, DEPTH);
	assert_int_equal(pull(f, 160, octets), 160);
	assert_memory_equal(octets, one, 160);
}

static void test_create_refuses_and_survives_want_of_memory(void **state)
{
	struct jitter *j = NULL;
	struct jitter_cfg bad[] = { { PORT_L16, 8000, 160 },
				    { PORT_PCMA, 8000, 0 },
				    { PORT_PCMA, 8000, 8001 },
				    { PORT_PCMA, 0, 160 } };
	struct jitter_cfg good = { PORT_PCMU, 8000, 160 };
	long before = mem_live_blocks();
	int rc = -1;
	(void)state;
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(jitter_fixed_create(&j, &bad[i]), -EINVAL);
	for (long n = 0; rc != 0; n++) {
		mem_fail_after(n);
		rc = jitter_fixed_create(&j, &good);
		mem_fail_after(-1);
		assert_true(rc == 0 || (rc == -ENOMEM && !j));
	}
	jitter_destroy(&j);
	assert_int_equal(mem_live_blocks(), before);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_bit_exact_for_an_hour_in_any_blocks),
		CASE(test_jitter_up_to_the_depth_is_not_heard),
		CASE(test_stalls_up_to_the_depth_do_not_slip),
		CASE(test_silence_before_anything_comes),
		CASE(test_what_came_before_anybody_listened_makes_no_delay),
		CASE(test_reordered_and_duplicate),
		CASE(test_loss_keeps_the_alignment),
		CASE(test_late_packets_are_dropped_and_half_late_ones_used),
		CASE(test_a_stream_that_ends_is_silence),
		CASE(test_pause_of_the_sender_keeps_the_place),
		CASE(test_jump_needs_two_packets_or_a_marker),
		CASE(test_sender_whose_clock_stood_still_is_found_again),
		CASE(test_burst_after_an_outage_is_no_restart),
		CASE(test_overflow_starts_anew),
		CASE(test_drift_slips_one_at_a_time_and_bounds_the_delay),
		CASE(test_slips_of_a_tone_do_not_click),
		CASE(test_slips_are_faded),
		CASE(test_replace_and_fill),
		CASE(test_create_refuses_and_survives_want_of_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
