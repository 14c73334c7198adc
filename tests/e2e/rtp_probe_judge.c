/* SPDX-License-Identifier: GPL-2.0-only */
/* The judge: is the recording what was expected? */
#include "tests/e2e/rtp_probe.h"

#include "base/mem.h"
#include "transcoding/law.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW 8      /* octets that identify a place in what was sent */
#define LOST_AFTER 24 /* of the last 32 octets that differ: the alignment is lost */
#define HOLD 400      /* octets that an alignment must hold for: 50 ms */
#define HELD_UP_US 30000
#define BLOCK 800 /* 100 ms, the grain of level judgements */

/* What comes back of it when a line of another law is in between. */
static uint8_t expected_at(const struct options *o, uint32_t index)
{
	uint8_t octet = probe_sent_at(o, index);
	law_convert(&octet, o->via, &octet, o->codec, 1);
	law_convert(&octet, o->codec, &octet, o->via, 1);
	return octet;
}

/* ---- Judging: echo ---- */

struct place {
	uint64_t key;
	uint32_t index;
};

static int by_key(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

/* Where in what was sent does this window stand? Of several places the latest that isn't in the
 * future. */
static bool find(const struct place *places, uint32_t count, uint64_t key, uint32_t *index)
{
	uint32_t low = 0, high = count;
	while (low < high) {
		uint32_t middle = (low + high) / 2;
		if (places[middle].key < key)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == count || places[low].key != key)
		return false;
	*index = places[low].index;
	return true;
}

static bool window_at(const struct probe *p, uint32_t at, uint64_t *key)
{
	*key = 0;
	for (unsigned i = 0; i < WINDOW; i++) {
		if (at + i >= p->end || !p->present[at + i])
			return false;
		*key = *key << 8 | p->heard[at + i];
	}
	return true;
}

static struct place *index_sent(const struct probe *p)
{
	struct place *places = mem_calloc(p->sent_samples + 1, sizeof(*places));
	uint64_t key = 0;
	if (!places)
		return NULL;
	for (uint32_t i = 0; i < p->sent_samples; i++) {
		key = key << 8 | expected_at(&p->o, i);
		places[i] = (struct place){ i + 1 < WINDOW ? 0 : key, i + 1 - WINDOW };
	}
	qsort(places, p->sent_samples, sizeof(*places), by_key);
	return places;
}

/* Does the recording follow what was sent with this delay, for a while? Concealment repeats a few
 * milliseconds of the past, which are no other alignment. */
static bool holds(const struct probe *p, uint32_t at, int64_t lag)
{
	uint32_t n = p->end - at < HOLD ? p->end - at : HOLD, same = 0;
	for (uint32_t i = 0; i < n; i++) {
		int64_t index = (int64_t)at + i - lag;
		same += index >= 0 && index < p->sent_samples && p->present[at + i] &&
			p->heard[at + i] == expected_at(&p->o, (uint32_t)index);
	}
	return same > n - n / 8;
}

/* The delay from here on: the one we had, if it holds again, or another one that does. */
static bool find_lag(const struct probe *p, const struct place *places, uint32_t at,
		     const struct verdict *v, int64_t *lag)
{
	uint32_t index;
	uint64_t key;
	if (v->aligned && holds(p, at, *lag))
		return true;
	if (!window_at(p, at, &key) || !find(places, p->sent_samples, key, &index) ||
	    !holds(p, at, (int64_t)at - index))
		return false;
	*lag = (int64_t)at - index;
	return true;
}

/* Walks through the recording. Unaligned: look for the delay. Aligned: compare octet by octet until
 * most of 32 differ. What comes before the first alignment isn't compared. */
static void judge_alignment(const struct probe *p, const struct place *places, struct verdict *v)
{
	uint32_t history = 0;
	bool aligned = false;
	int64_t lag = 0;
	for (uint32_t at = 0; at < p->end; at++) {
		int64_t before = lag;
		bool here = p->present[at], same = false;
		if (!aligned && find_lag(p, places, at, v, &lag)) {
			v->slips += v->aligned && lag != before;
			if (!v->aligned)
				v->alignment = lag;
			aligned = v->aligned = true;
			history = 0;
		}
		if (!v->aligned) {
			v->before++;
			continue;
		}
		if (at - lag >= p->sent_samples)
			break;
		if (aligned)
			same = here && p->heard[at] == expected_at(&p->o, (uint32_t)(at - lag));
		v->compared += here;
		v->missing += !here;
		v->mismatches += here && !same;
		history = history << 1 | !same;
		if (__builtin_popcount(history) >= LOST_AFTER)
			aligned = false;
	}
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

/* Median over the packets: from when a sample's packet left until the packet that brought it back
 * came, halved. */
static double judge_delay(const struct probe *p, int64_t lag)
{
	double *trips = mem_calloc(p->arrival_count + 1, sizeof(*trips)), median = 0;
	uint32_t n = 0, step = p->o.ptime_ms * RATE / 1000;
	for (unsigned i = 0; trips && i < p->arrival_count; i++) {
		int64_t index = (int64_t)p->arrivals[i].at - lag;
		if (index < 0 || index >= p->sent_samples)
			continue;
		double sent =
			(double)p->send_start_us + (double)(index - index % step) * 1e6 / RATE;
		trips[n++] = ((double)p->arrivals[i].us - sent) / 1000;
	}
	if (n) {
		qsort(trips, n, sizeof(*trips), by_value);
		median = trips[n / 2] / 2;
	}
	mem_free(trips);
	return median;
}

static void fail_with(struct verdict *v, const char *reason)
{
	if (v->pass)
		snprintf(v->reason, sizeof(v->reason), "%s", reason);
	v->pass = false;
}

/* Late octets of ours can't be told from lost ones of theirs: who reads the verdict should know. */
static void name_own_fault(const struct probe *p, struct verdict *v)
{
	size_t n = strlen(v->reason);
	if (!v->pass && p->held_up_us > HELD_UP_US)
		snprintf(v->reason + n, sizeof(v->reason) - n,
			 " (the probe itself was held up %.0f ms)", (double)p->held_up_us / 1000);
}

static void judge_echo(const struct probe *p, struct verdict *v)
{
	struct place *places = index_sent(p);
	if (!places) {
		fail_with(v, "no memory");
		return;
	}
	judge_alignment(p, places, v);
	mem_free(places);
	if (!v->aligned) {
		fail_with(v, "nothing of what was sent came back");
		return;
	}
	v->delay_ms = judge_delay(p, v->alignment);
	if (v->compared < (uint64_t)p->o.duration_ms * RATE / 1000 / 2)
		fail_with(v, "less than half of the time came back");
	if (v->slips)
		fail_with(v, "the alignment changed");
	if (v->mismatches)
		fail_with(v, "octets differ");
	if (v->missing)
		fail_with(v, "octets are missing");
	name_own_fault(p, v);
}

/* ---- Judging: tones and audio ---- */

static struct recording part_of(const struct probe *p, uint32_t from, uint32_t n)
{
	return (struct recording){ p->o.codec, RATE, p->heard + from, n };
}

/* The longest stretch of blocks in which the tone stands at about its level. */
static struct recording tone_stretch(const struct probe *p)
{
	uint32_t best = 0, best_from = 0, run = 0;
	for (uint32_t at = 0; at + BLOCK <= p->end; at += BLOCK) {
		struct recording block = part_of(p, at, BLOCK);
		double off = recording_tone_dbm0(&block, p->o.expect_hz) - p->o.expect_dbm0;
		run = fabs(off) < 3 ? run + 1 : 0;
		if (run > best) {
			best = run;
			best_from = at + BLOCK - run * BLOCK;
		}
	}
	/* Its first and last block may hold an edge. */
	return best > 2 ? part_of(p, best_from + BLOCK, (best - 2) * BLOCK) : part_of(p, 0, 0);
}

static void judge_tone(const struct probe *p, struct verdict *v)
{
	struct recording r = tone_stretch(p);
	v->compared = r.n;
	/* A second of it tells level and frequency well enough; in a run shorter than two, half of
	 * the run must do. */
	uint32_t least = p->o.duration_ms < 2000 ? p->o.duration_ms * RATE / 2000 : RATE;
	if (r.n < least) {
		fail_with(v, "too little of the tone was heard");
		return;
	}
	v->level_dbm0 = recording_dbm0(&r);
	v->frequency_hz = recording_frequency(&r);
	v->clicks = recording_clicks(&r, p->o.expect_hz);
	if (fabs(v->level_dbm0 - p->o.expect_dbm0) > 0.5)
		fail_with(v, "the level is off by more than 0.5 dB");
	if (fabs(v->frequency_hz - p->o.expect_hz) > 1)
		fail_with(v, "the frequency is off by more than 1 Hz");
	if (v->clicks)
		fail_with(v, "the tone breaks");
}

static void judge_audio(const struct probe *p, struct verdict *v)
{
	uint32_t loud = 0;
	for (uint32_t at = 0; at + BLOCK <= p->end; at += BLOCK) {
		struct recording block = part_of(p, at, BLOCK);
		loud += recording_dbm0(&block) > -50;
	}
	v->compared = p->end;
	if (loud < 5)
		fail_with(v, "less than half a second of audio was heard");
}

struct verdict probe_judge(const struct probe *p)
{
	struct verdict v = { .pass = true, .reason = "as expected" };
	struct recording all = part_of(p, 0, p->end);
	v.level_dbm0 = recording_dbm0(&all);
	if (!p->started && p->o.expect != EXPECT_NOTHING)
		fail_with(&v, "no packet came");
	else if (p->o.expect == EXPECT_ECHO)
		judge_echo(p, &v);
	else if (p->o.expect == EXPECT_TONE)
		judge_tone(p, &v);
	else if (p->o.expect == EXPECT_AUDIO)
		judge_audio(p, &v);
	return v;
}
