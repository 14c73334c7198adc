/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TRANSCODING_METER_H
#define TRANSCODING_METER_H

/* Measuring G.711 audio: level in dBm0, frequency, one tone's share, and clicks.
 *
 * struct meter adds up a stream's level cheaply (a table look-up and an addition per octet) and may
 * run on the tick. The functions on a whole recording are for tests, the probe and diagnosis. Pure;
 * any thread. */

#include "transcoding/port.h"

struct meter {
	enum port_codec codec;
	double energy;
	uint64_t samples;
};

/* The struct is the caller's; nothing is allocated. */
void meter_init(struct meter *m, enum port_codec codec);
/* n octets of the meter's codec. */
void meter_add(struct meter *m, const uint8_t *octets, size_t n);
/* RMS level since the last call, in dBm0; -99 when silent or nothing came. Begins anew. */
double meter_take_dbm0(struct meter *m);

/* A recording: n octets at rate_hz. */
struct recording {
	enum port_codec codec;
	uint32_t rate_hz;
	const uint8_t *octets;
	size_t n;
};

/* RMS level of the whole, in dBm0; -99 when silent. */
double recording_dbm0(const struct recording *r);
/* Level of what is at this frequency (Goertzel with a Hann window; bandwidth about 2 × rate / n).
 * -99: none. */
double recording_tone_dbm0(const struct recording *r, double hz);
/* Strongest frequency, to within a hundredth of rate / n for a clean tone; 0 when silent. Looks at
 * no more than the first 8,000 samples. */
double recording_frequency(const struct recording *r);
/* Places where a sine of this frequency breaks: a sample that its two predecessors don't predict,
 * by more than G.711's quantizing can explain. Places nearer than 5 ms to each other are one click.
 */
unsigned recording_clicks(const struct recording *r, double hz);
/* Longest run of equal octets, in samples: a muted or stuck stretch. */
size_t recording_longest_still(const struct recording *r);

#endif
