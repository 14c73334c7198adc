/* SPDX-License-Identifier: GPL-2.0-only */
#include "transcoding/meter.h"
#include "transcoding/law.h"

#include <math.h>

#define FREQUENCY_SAMPLES 8000
#define GRID_BINS 0.5 /* distance of the points looked at */
#define CLICK_APART_MS 5

void meter_init(struct meter *m, enum port_codec codec)
{
	*m = (struct meter){ .codec = codec };
}

void meter_add(struct meter *m, const uint8_t *octets, size_t n)
{
	m->energy += law_energy(m->codec, octets, n);
	m->samples += n;
}

double meter_take_dbm0(struct meter *m)
{
	double level = law_dbm0(m->codec, m->samples ? m->energy / (double)m->samples : 0);
	meter_init(m, m->codec);
	return level;
}

double recording_dbm0(const struct recording *r)
{
	return law_dbm0(r->codec, r->n ? law_energy(r->codec, r->octets, r->n) / (double)r->n : 0);
}

/* Mean square of the sine at this frequency. */
static double goertzel(const struct recording *r, size_t n, double hz)
{
	double turn = 2 * M_PI * hz / r->rate_hz, twice = 2 * cos(turn), s1 = 0, s2 = 0;
	for (size_t i = 0; i < n; i++) {
		double window = 0.5 - 0.5 * cos(2 * M_PI * (double)i / (double)n);
		double s0 = window * law_decode(r->codec, r->octets[i]) + twice * s1 - s2;
		s2 = s1;
		s1 = s0;
	}
	double power = s1 * s1 + s2 * s2 - twice * s1 * s2;
	/* A sine of amplitude a gives (a n / 4)² behind a Hann window; its mean square is a² / 2.
	 */
	return 8 * power / ((double)n * (double)n);
}

double recording_tone_dbm0(const struct recording *r, double hz)
{
	return law_dbm0(r->codec, r->n ? goertzel(r, r->n, hz) : 0);
}

/* The peak between two frequencies, by thirds. */
static double peak_between(const struct recording *r, size_t n, double low, double high)
{
	for (unsigned i = 0; i < 40; i++) {
		double a = low + (high - low) / 3, b = high - (high - low) / 3;
		if (goertzel(r, n, a) < goertzel(r, n, b))
			low = a;
		else
			high = b;
	}
	return (low + high) / 2;
}

double recording_frequency(const struct recording *r)
{
	size_t n = r->n < FREQUENCY_SAMPLES ? r->n : FREQUENCY_SAMPLES,
	       coarse_n = n < 800 ? n : 800;
	if (n < 16 || recording_dbm0(r) < -90)
		return 0;
	double best = 0, at = 0, bin = (double)r->rate_hz / (double)coarse_n;
	unsigned points = (unsigned)(r->rate_hz / 2.0 / (bin * GRID_BINS));
	for (unsigned i = 2; i < points; i++) {
		double hz = i * bin * GRID_BINS, power = goertzel(r, coarse_n, hz);
		if (power > best) {
			best = power;
			at = hz;
		}
	}
	at = peak_between(r, coarse_n, at - bin, at + bin);
	bin = (double)r->rate_hz / (double)n;
	return peak_between(r, n, at - bin, at + bin);
}

/* A-law and µ-law quantize in steps of at most 1/16 of the value, and never finer than a step of
 * the lowest segment. */
static double step_at(double value)
{
	double step = fabs(value) / 16;
	return step > 16 ? step : 16;
}

unsigned recording_clicks(const struct recording *r, double hz)
{
	double twice = 2 * cos(2 * M_PI * hz / r->rate_hz);
	size_t apart = (size_t)r->rate_hz / 1000 * CLICK_APART_MS, last = 0;
	unsigned clicks = 0;
	for (size_t i = 2; i < r->n; i++) {
		double a = law_decode(r->codec, r->octets[i - 2]),
		       b = law_decode(r->codec, r->octets[i - 1]);
		double c = law_decode(r->codec, r->octets[i]);
		/* Each of the three is off by half a step at most. */
		double allowed = 0.5 * (step_at(a) + fabs(twice) * step_at(b) + step_at(c)) + 16;
		if (fabs(c - (twice * b - a)) <= allowed)
			continue;
		if (!clicks || i - last > apart)
			clicks++;
		last = i;
	}
	return clicks;
}

size_t recording_longest_still(const struct recording *r)
{
	size_t longest = 0, run = 0;
	for (size_t i = 0; i < r->n; i++) {
		run = i && r->octets[i] == r->octets[i - 1] ? run + 1 : 1;
		if (run > longest)
			longest = run;
	}
	return longest;
}
