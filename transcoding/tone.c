/* SPDX-License-Identifier: GPL-2.0-only */
#include "transcoding/tone.h"
#include "base/mem.h"
#include "transcoding/law.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define EUROPE                                                                                     \
	{                                                                                          \
		{ 425, 0 }, { -10, 0 }, 0                                                          \
	}
#define EUROPE_MS(ms)                                                                              \
	{                                                                                          \
		{ 425, 0 }, { -10, 0 }, ms                                                         \
	}
#define PAUSE_MS(ms)                                                                               \
	{                                                                                          \
		{ 0, 0 }, { 0, 0 }, ms                                                             \
	}
#define SIT_MS(hz, ms)                                                                             \
	{                                                                                          \
		{ hz, 0 }, { -10, 0 }, ms                                                          \
	}

const struct tone_spec tone_dial = { "dial", { EUROPE }, false };
const struct tone_spec tone_ringback = { "ringback", { EUROPE_MS(1000), PAUSE_MS(4000) }, true };
const struct tone_spec tone_busy = { "busy", { EUROPE_MS(500), PAUSE_MS(500) }, true };
const struct tone_spec tone_congestion = { "congestion", { EUROPE_MS(250), PAUSE_MS(250) }, true };
const struct tone_spec tone_special_information = {
	"special-information",
	{ SIT_MS(950, 330), SIT_MS(1400, 330), SIT_MS(1800, 330), PAUSE_MS(1000) },
	true,
};
const struct tone_spec tone_test = { "test", { { { 1004, 0 }, { -16, 0 }, 0 } }, false };

struct tone_spec tone_sine(double hz, double dbm0)
{
	struct tone_spec spec = { .name = "sine" };
	spec.segments[0].hz[0] = hz;
	spec.segments[0].dbm0[0] = dbm0;
	return spec;
}

bool tone_dtmf(struct tone_spec *out, unsigned event, double level_dbm0, unsigned ms)
{
	static const double low[4] = { 697, 770, 852, 941 }, high[4] = { 1209, 1336, 1477, 1633 };
	static const uint8_t keys[16] = {
		/* row × 4 + column of the keypad, Q.23 figure 1 */
		13, 0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 14, 3, 7, 11, 15,
	};
	if (event > 15)
		return false;
	/* Two sines 2 dB apart: the louder one is 2.124 dB below their sum. */
	*out = (struct tone_spec){ .name = "dtmf" };
	out->segments[0] = (struct tone_segment){
		.hz = { low[keys[event] / 4], high[keys[event] % 4] },
		.dbm0 = { level_dbm0 - 4.124, level_dbm0 - 2.124 },
		.ms = ms,
	};
	return true;
}

static void start_segment(struct tone *t)
{
	const struct tone_segment *s = &t->spec.segments[t->segment];
	enum port_codec law = t->port.format.codec == PORT_PCMU ? PORT_PCMU : PORT_PCMA;
	t->left = s->ms ? (uint64_t)s->ms * t->port.format.rate_hz / 1000 : UINT64_MAX;
	for (unsigned i = 0; i < 2; i++) {
		double turn = 2 * M_PI * s->hz[i] / t->port.format.rate_hz;
		t->osc[i].sine = 0;
		t->osc[i].cosine = 1;
		t->osc[i].turn_sine = sin(turn);
		t->osc[i].turn_cosine = cos(turn);
		t->osc[i].amplitude = s->hz[i] > 0 ? law_amplitude(law, s->dbm0[i]) : 0;
	}
}

static bool segment_exists(const struct tone *t, unsigned segment)
{
	return segment < TONE_SEGMENTS &&
	       (t->spec.segments[segment].ms || t->spec.segments[segment].hz[0] > 0);
}

static void next_segment(struct tone *t)
{
	t->segment++;
	if (!segment_exists(t, t->segment)) {
		t->segment = 0;
		t->ended = !t->spec.repeat || !segment_exists(t, 0);
	}
	if (!t->ended)
		start_segment(t);
}

/* A phasor turned by a constant angle. Rounding changes its length by some 1e-16 a step: in a year
 * of 8 kHz not by 0.001 dB. */
static double step(struct tone *t)
{
	double sum = 0;
	for (unsigned i = 0; i < 2; i++) {
		double sine = t->osc[i].sine, cosine = t->osc[i].cosine;
		sum += t->osc[i].amplitude * sine;
		t->osc[i].sine = sine * t->osc[i].turn_cosine + cosine * t->osc[i].turn_sine;
		t->osc[i].cosine = cosine * t->osc[i].turn_cosine - sine * t->osc[i].turn_sine;
	}
	return sum;
}

static void write_samples(struct tone *t, uint8_t *octets, size_t samples)
{
	enum port_codec codec = t->port.format.codec;
	for (size_t i = 0; i < samples; i++) {
		int value = t->ended ? 0 : (int)lrint(step(t));
		if (codec == PORT_L16) {
			int16_t sample = (int16_t)(value > 32767    ? 32767
						   : value < -32768 ? -32768
								    : value);
			memcpy(octets + 2 * i, &sample, 2);
		} else {
			octets[i] = law_encode(codec, value);
		}
	}
}

size_t tone_read(struct tone *t, uint8_t *octets, size_t n)
{
	size_t width = t->port.format.codec == PORT_L16 ? 2 : 1;
	size_t samples = n / width, done = 0;
	while (done < samples && !t->ended) {
		size_t part = samples - done < t->left ? samples - done : (size_t)t->left;
		write_samples(t, octets + done * width, part);
		done += part;
		if (t->left != UINT64_MAX && (t->left -= part) == 0)
			next_segment(t);
	}
	write_samples(t, octets + done * width, samples - done);
	return done * width;
}

bool tone_ended(const struct tone *t)
{
	return t->ended;
}

static void tone_push(struct port *port, const struct frame *frame)
{
	(void)port;
	(void)frame;
}

static size_t tone_pull(struct port *port, uint8_t *octets, size_t n)
{
	return tone_read((struct tone *)(void *)port, octets, n);
}

static const struct port_ops tone_ops = { .name = "tone", .push = tone_push, .pull = tone_pull };

void tone_init(struct tone *t, const struct tone_spec *spec, const struct port_format *format)
{
	*t = (struct tone){ .port = { &tone_ops, *format }, .spec = *spec };
	t->ended = !segment_exists(t, 0);
	if (!t->ended)
		start_segment(t);
}

int tone_create(struct tone **out, const struct tone_spec *spec, const struct port_format *format)
{
	struct tone *t = mem_zalloc(sizeof(*t));
	if (!t)
		return -ENOMEM;
	tone_init(t, spec, format);
	*out = t;
	return 0;
}

void tone_destroy(struct tone **t)
{
	mem_free(*t);
	*t = NULL;
}
