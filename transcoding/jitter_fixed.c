/* SPDX-License-Identifier: GPL-2.0-only */
#include "transcoding/jitter.h"
#include "base/mem.h"
#include "transcoding/law.h"
#include "transcoding/plc.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* In milliseconds of the puller's clock. */
#define WINDOW_MS 1000    /* drift is judged over this long */
#define WINDOW_PACKETS 10 /* … and at least so many packets */
#define LATE_RUN_MS 200   /* nothing but late packets for so long: the sender's time has moved */
#define LATE_RUN_PACKETS 3
#define BACKWARDS_MS 2000 /* timestamps further back than this are a jump, not lateness */
#define HIGH_SLACK_MS 20
/* In samples. */
#define PACKET_MAX 1280
#define SLIP_MIN 40   /* 5 ms at 8 kHz … */
#define SLIP_MAX 120  /* … 15 ms: every pitch from 67 Hz up has a period in there */
#define SLIP_MATCH 80 /* over which two stretches are compared */
#define SLIP_FADE 32

enum phase {
	PHASE_EMPTY,   /* no packet yet: silence */
	PHASE_WAITING, /* packets came, nobody has pulled since */
	PHASE_PLAYING,
};

enum presence { MISSING = 0, THERE, FILLED /* for want of a better one */ };

struct jitter_fixed {
	struct jitter jitter;
	struct jitter_cfg cfg;
	enum phase phase;
	uint32_t mask;          /* ring size - 1 */
	uint8_t *octets, *have; /* the ring, and enum presence of each of its octets */
	uint32_t play;          /* timestamp of the next sample out */
	uint32_t newest;        /* timestamp after the last sample that came */
	uint32_t played; /* samples before the play position that were played, up to CONCEAL_HISTORY
			  */
	int margin;      /* of the last packet */

	int window_low, window_high; /* extremes of the margin in this window */
	unsigned window_packets, window_pulled;

	unsigned late_packets,
		late_pulled; /* run of late packets, and what was pulled since it began */
	bool jump_seen;
	uint32_t jump_next; /* where the stream would go on if that wild timestamp was meant */

	bool in_gap;
	struct conceal conceal;
};

static struct jitter_fixed *fixed_of(struct jitter *j)
{
	return (struct jitter_fixed *)(void *)j;
}

static unsigned samples_of_ms(const struct jitter_fixed *f, unsigned ms)
{
	return f->cfg.rate_hz / 1000 * ms;
}

static unsigned ring_size(const struct jitter_fixed *f)
{
	return f->mask + 1;
}

/* ---- Start and restart ---- */

static void window_restart(struct jitter_fixed *f)
{
	f->window_low = INT_MAX;
	f->window_high = INT_MIN;
	f->window_packets = f->window_pulled = 0;
}

static void fixed_reset(struct jitter *j)
{
	struct jitter_fixed *f = fixed_of(j);
	f->phase = PHASE_EMPTY;
	f->played = 0;
	f->margin = 0;
	f->late_packets = f->late_pulled = 0;
	f->jump_seen = f->in_gap = false;
	memset(f->have, 0, ring_size(f));
	window_restart(f);
}

/* This packet's first sample shall be played when the depth has passed from now. */
static void anchor(struct jitter_fixed *f, uint32_t timestamp)
{
	fixed_reset(&f->jitter);
	f->phase = PHASE_WAITING;
	f->play = timestamp - f->cfg.depth_samples;
	f->newest = timestamp;
}

static void fixed_destroy(struct jitter *j)
{
	struct jitter_fixed *f = fixed_of(j);
	mem_free(f->octets);
	mem_free(f->have);
	mem_free(f);
}

/* ---- Copying into and out of the ring ---- */

static void ring_write(struct jitter_fixed *f, uint32_t timestamp, const uint8_t *octets, size_t n,
		       enum presence presence)
{
	size_t at = timestamp & f->mask, first = ring_size(f) - at;
	if (first > n)
		first = n;
	memcpy(f->octets + at, octets, first);
	memset(f->have + at, presence, first);
	memcpy(f->octets, octets + first, n - first);
	memset(f->have, presence, n - first);
}

static void ring_read(const struct jitter_fixed *f, uint32_t timestamp, uint8_t *octets, size_t n)
{
	for (size_t i = 0; i < n; i++)
		octets[i] = f->octets[(timestamp + i) & f->mask];
}

static bool ring_has(const struct jitter_fixed *f, uint32_t timestamp, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (f->have[(timestamp + i) & f->mask] != THERE)
			return false;
	return true;
}

static size_t to_ring_end(const struct jitter_fixed *f, uint32_t timestamp, size_t n)
{
	size_t room = ring_size(f) - (timestamp & f->mask);
	return n < room ? n : room;
}

/* How many of the next n octets are there without a gap, counted to the ring's end at most. */
static size_t ring_run(const struct jitter_fixed *f, uint32_t timestamp, size_t n)
{
	const uint8_t *have = f->have + (timestamp & f->mask);
	n = to_ring_end(f, timestamp, n);
	const uint8_t *end = memchr(have, MISSING, n);
	return end ? (size_t)(end - have) : n;
}

static size_t ring_hole(const struct jitter_fixed *f, uint32_t timestamp, size_t n)
{
	const uint8_t *have = f->have + (timestamp & f->mask);
	size_t i = 0;
	n = to_ring_end(f, timestamp, n);
	while (i < n && have[i] == MISSING)
		i++;
	return i;
}

/* ---- Packets ---- */

/* Is this timestamp of another time altogether? Two packets that agree with each other convince us;
 * one alone may be a stray. A marker (start of a talkspurt, RFC 3551 4.1) convinces at once. */
static bool is_jump(const struct jitter_fixed *f, int margin, size_t n)
{
	return margin < -(int)samples_of_ms(f, BACKWARDS_MS) ||
	       margin + (int)n > (int)ring_size(f) - CONCEAL_HISTORY;
}

static void jumped(struct jitter_fixed *f, uint32_t timestamp, size_t n, bool marker, bool *anew)
{
	int32_t off = (int32_t)(timestamp - f->jump_next);
	*anew = marker || (f->jump_seen && abs(off) < (int)samples_of_ms(f, LATE_RUN_MS));
	f->jump_seen = !*anew;
	f->jump_next = timestamp + (uint32_t)n;
}

/* Late altogether: count, and find out whether everything is. */
static bool late_starts_anew(struct jitter_fixed *f, bool marker)
{
	counter_inc(&f->jitter.counters.late);
	if (f->late_packets++ == 0)
		f->late_pulled = 0;
	return marker || (f->late_packets >= LATE_RUN_PACKETS &&
			  f->late_pulled >= samples_of_ms(f, LATE_RUN_MS));
}

static void window_packet(struct jitter_fixed *f, int margin)
{
	f->margin = margin;
	f->window_packets++;
	if (margin < f->window_low)
		f->window_low = margin;
	if (margin > f->window_high)
		f->window_high = margin;
}

/* Returns false when the packet is of no use where the play position is. */
static bool place(struct jitter_fixed *f, size_t n, uint32_t timestamp, bool marker)
{
	int margin = (int)(int32_t)(timestamp - f->play);
	bool anew = false;
	if (f->phase != PHASE_PLAYING) {
		anchor(f, timestamp);
		return true;
	}
	if (is_jump(f, margin, n)) {
		jumped(f, timestamp, n, marker, &anew);
	} else {
		f->jump_seen = false;
		window_packet(f, margin);
		if (margin + (int)n > 0) {
			f->late_packets = 0;
			return true;
		}
		anew = late_starts_anew(f, marker);
	}
	if (anew) {
		counter_inc(&f->jitter.counters.restarts);
		anchor(f, timestamp);
	}
	return anew;
}

static void fixed_put(struct jitter *j, const uint8_t *octets, size_t n, uint32_t timestamp,
		      bool marker)
{
	struct jitter_fixed *f = fixed_of(j);
	if (n == 0 || n > PACKET_MAX || !place(f, n, timestamp, marker))
		return;
	int margin = (int)(int32_t)(timestamp - f->play);
	if (margin < 0) { /* its beginning is late, the rest is not */
		counter_inc(&j->counters.late);
		octets -= margin;
		n -= (size_t)-margin;
		timestamp = f->play;
	}
	if (ring_has(f, timestamp, n)) {
		counter_inc(&j->counters.duplicate);
		return;
	}
	ring_write(f, timestamp, octets, n, THERE);
	uint32_t end = timestamp + (uint32_t)n;
	if ((int32_t)(end - f->newest) > 0)
		f->newest = end;
	else
		counter_inc(&j->counters.reordered);
}

/* What lies ahead of the play position: false when nothing does, or when it is of another time. */
static bool ahead(struct jitter_fixed *f, const uint8_t **octets, size_t *n, uint32_t *timestamp)
{
	int margin = (int)(int32_t)(*timestamp - f->play);
	if (margin + (int)*n <= 0 || is_jump(f, margin, *n))
		return false;
	if (margin < 0) {
		*octets -= margin;
		*n -= (size_t)-margin;
		*timestamp = f->play;
	}
	return true;
}

static void fixed_replace(struct jitter *j, const uint8_t *octets, size_t n, uint32_t timestamp)
{
	struct jitter_fixed *f = fixed_of(j);
	if (f->phase == PHASE_EMPTY)
		anchor(f, timestamp);
	if (!ahead(f, &octets, &n, &timestamp))
		return;
	ring_write(f, timestamp, octets, n, THERE);
	uint32_t end = timestamp + (uint32_t)n;
	if ((int32_t)(end - f->newest) > 0)
		f->newest = end;
}

static void fixed_fill(struct jitter *j, const uint8_t *octets, size_t n, uint32_t timestamp)
{
	struct jitter_fixed *f = fixed_of(j);
	if (f->phase == PHASE_EMPTY || !ahead(f, &octets, &n, &timestamp))
		return;
	for (size_t i = 0; i < n; i++) {
		uint32_t at = (timestamp + (uint32_t)i) & f->mask;
		if (f->have[at] == THERE)
			continue;
		f->octets[at] = octets[i];
		f->have[at] = FILLED;
	}
}

/* ---- Slips ---- */

/* Shift at which the signal around `at` resembles itself most: mean magnitude difference over
 * SLIP_MATCH samples. */
static unsigned best_shift(const struct jitter_fixed *f, uint32_t at, int direction)
{
	long best = LONG_MAX;
	unsigned shift = SLIP_MIN;
	int16_t here[SLIP_MATCH];
	for (unsigned i = 0; i < SLIP_MATCH; i++)
		here[i] = law_decode(f->cfg.codec, f->octets[(at + i) & f->mask]);
	for (unsigned s = SLIP_MIN; s <= SLIP_MAX; s++) {
		uint32_t there = direction > 0 ? at + s : at - s;
		long sum = 0;
		for (unsigned i = 0; i < SLIP_MATCH; i++)
			sum += labs((long)here[i] -
				    law_decode(f->cfg.codec, f->octets[(there + i) & f->mask]));
		if (sum < best) {
			best = sum;
			shift = s;
		}
	}
	return shift;
}

/* Go over from the samples at `from` to those at `to` within SLIP_FADE samples, written at `to`. */
static void cross_fade(struct jitter_fixed *f, uint32_t from, uint32_t to)
{
	for (int i = 0; i < SLIP_FADE; i++) {
		uint8_t *at = &f->octets[(to + (uint32_t)i) & f->mask];
		int a = law_decode(f->cfg.codec, f->octets[(from + (uint32_t)i) & f->mask]);
		int b = law_decode(f->cfg.codec, *at);
		*at = law_encode(f->cfg.codec, (a * (SLIP_FADE - i) + b * i) / SLIP_FADE);
	}
}

/* We are faster than the sender: play a stretch again. */
static void slip_repeat(struct jitter_fixed *f)
{
	unsigned shift = (SLIP_MIN + SLIP_MAX) / 2;
	counter_inc(&f->jitter.counters.slips_repeat);
	if (f->played >= SLIP_MAX && !f->in_gap && ring_has(f, f->play, SLIP_MATCH)) {
		shift = best_shift(f, f->play, -1);
		cross_fade(f, f->play, f->play - shift);
		for (uint32_t i = 0; i < shift; i++)
			f->have[(f->play - shift + i) & f->mask] = THERE;
	}
	f->play -= shift;
	f->played -= f->played < shift ? f->played : shift;
}

/* The sender is faster than we: leave a stretch out. */
static void slip_drop(struct jitter_fixed *f)
{
	unsigned shift = (SLIP_MIN + SLIP_MAX) / 2;
	counter_inc(&f->jitter.counters.slips_drop);
	if (!f->in_gap && ring_has(f, f->play, SLIP_MAX + SLIP_MATCH)) {
		shift = best_shift(f, f->play, 1);
		cross_fade(f, f->play, f->play + shift);
	}
	for (uint32_t i = 0; i < shift; i++)
		f->have[(f->play + i) & f->mask] = MISSING;
	f->play += shift;
	f->played = 0; /* what stands before the play position now was never played */
}

static void window_pulled(struct jitter_fixed *f, size_t n)
{
	f->window_pulled += (unsigned)n;
	if (f->late_packets)
		f->late_pulled += (unsigned)n;
	if (f->window_pulled < samples_of_ms(f, WINDOW_MS) || f->window_packets < WINDOW_PACKETS)
		return;
	int depth = (int)f->cfg.depth_samples, slack = (int)samples_of_ms(f, HIGH_SLACK_MS);
	if (f->window_high < depth - depth / 2)
		slip_repeat(f);
	else if (f->window_low > depth + (depth > slack ? depth : slack))
		slip_drop(f);
	window_restart(f);
}

/* ---- Pulling ---- */

/* n doesn't cross the ring's end: it comes from ring_run(). */
static void advance(struct jitter_fixed *f, size_t n)
{
	memset(f->have + (f->play & f->mask), MISSING, n);
	f->play += (uint32_t)n;
}

static void remember(struct jitter_fixed *f, size_t n)
{
	f->played += (uint32_t)n;
	if (f->played > CONCEAL_HISTORY)
		f->played = CONCEAL_HISTORY;
}

static void gap_ends(struct jitter_fixed *f)
{
	uint8_t next[CONCEAL_BLEND];
	size_t n = ring_run(f, f->play, CONCEAL_BLEND);
	f->in_gap = false;
	if (!f->conceal.missing)
		return;
	ring_read(f, f->play, next, n);
	conceal_blend(&f->conceal, next, n);
	ring_write(f, f->play, next, n, THERE);
}

static void gap_begins(struct jitter_fixed *f)
{
	uint8_t history[CONCEAL_HISTORY];
	f->in_gap = true;
	ring_read(f, f->play - f->played, history, f->played);
	conceal_start(&f->conceal, f->cfg.codec, history, f->played);
}

/* Nothing there for n samples. What is played instead goes into the ring, as history. */
static void play_hole(struct jitter_fixed *f, uint8_t *octets, size_t n)
{
	if (!f->in_gap && f->played)
		gap_begins(f);
	if (!f->in_gap) { /* the stream hasn't begun */
		memset(octets, law_silence(f->cfg.codec), n);
		return;
	}
	counter_add(&f->jitter.counters.concealed_samples, conceal_fill(&f->conceal, octets, n));
	ring_write(f, f->play, octets, n, THERE);
	remember(f, n);
}

static void play_run(struct jitter_fixed *f, uint8_t *octets, size_t n)
{
	if (f->in_gap)
		gap_ends(f);
	memcpy(octets, f->octets + (f->play & f->mask), n);
	remember(f, n);
}

static size_t fixed_get(struct jitter *j, uint8_t *octets, size_t n)
{
	struct jitter_fixed *f = fixed_of(j);
	size_t real = 0;
	if (f->phase == PHASE_EMPTY) {
		memset(octets, law_silence(f->cfg.codec), n);
		return 0;
	}
	f->phase = PHASE_PLAYING;
	for (size_t done = 0; done < n;) {
		size_t part = ring_run(f, f->play, n - done);
		if (part) {
			play_run(f, octets + done, part);
			real += part;
		} else {
			part = ring_hole(f, f->play, n - done);
			play_hole(f, octets + done, part);
		}
		advance(f, part);
		done += part;
	}
	counter_add(&j->counters.played, real);
	window_pulled(f, n);
	return real;
}

static bool fixed_position(const struct jitter *j, uint32_t *timestamp)
{
	const struct jitter_fixed *f = (const struct jitter_fixed *)(const void *)j;
	*timestamp = f->play;
	return f->phase != PHASE_EMPTY;
}

static unsigned fixed_delay(const struct jitter *j)
{
	const struct jitter_fixed *f = (const struct jitter_fixed *)(const void *)j;
	return f->margin > 0 ? (unsigned)f->margin : 0;
}

static const struct jitter_ops fixed_ops = {
	.name = "fixed",
	.put = fixed_put,
	.replace = fixed_replace,
	.fill = fixed_fill,
	.get = fixed_get,
	.reset = fixed_reset,
	.position = fixed_position,
	.delay_samples = fixed_delay,
	.destroy = fixed_destroy,
};

int jitter_fixed_create(struct jitter **out, const struct jitter_cfg *cfg)
{
	if (cfg->codec == PORT_L16 || cfg->rate_hz < 1000 || cfg->depth_samples < 1 ||
	    cfg->depth_samples > 8000)
		return -EINVAL;
	struct jitter_fixed *f = mem_zalloc(sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->jitter.ops = &fixed_ops;
	f->cfg = *cfg;
	/* Room for the band of margins, a packet, and what concealment and slips look back on. */
	unsigned room = 3 * cfg->depth_samples + samples_of_ms(f, 100) + PACKET_MAX +
			CONCEAL_HISTORY,
		 size = 1;
	while (size < room)
		size *= 2;
	f->mask = size - 1;
	f->octets = mem_zalloc(size);
	f->have = mem_zalloc(size);
	if (!f->octets || !f->have)
		goto fail;
	fixed_reset(&f->jitter);
	*out = &f->jitter;
	return 0;
fail:
	fixed_destroy(&f->jitter);
	return -ENOMEM;
}

void jitter_destroy(struct jitter **j)
{
	if (*j)
		(*j)->ops->destroy(*j);
	*j = NULL;
}
