/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TRANSCODING_TONE_H
#define TRANSCODING_TONE_H

/* A tone generator as a media port: it is pulled from, and takes no notice of what is pushed.
 *
 * A tone is a list of segments, each of one or two sines or of silence, played in turn and, if it
 * repeats, again. Levels are dBm0 per sine, referred to the digital milliwatt (G.711); frequencies
 * are exact and do not wander. Thread: the owner's. tone_init() and tone_read() allocate nothing.
 */

#include "transcoding/port.h"

#define TONE_SEGMENTS 4

struct tone_segment {
	double hz[2]; /* 0: none */
	double dbm0[2];
	unsigned ms; /* 0: without end */
};

struct tone_spec {
	const char *name;
	struct tone_segment segments[TONE_SEGMENTS]; /* ends at the first with ms 0, which is played
							when it has a sine */
	bool repeat;
};

/* ITU-T E.180 and its Supplement 2: the 425 Hz of most European networks, -10 dBm0. */
extern const struct tone_spec tone_dial, tone_ringback, tone_busy, tone_congestion;
/* E.180 7: special information tone, 950, 1400 and 1800 Hz. */
extern const struct tone_spec tone_special_information;
/* O.133's reference signal as used on trunks: 1004 Hz at -16 dBm0, continuous. */
extern const struct tone_spec tone_test;

struct tone {
	struct port port;
	struct tone_spec spec;
	unsigned segment;
	uint64_t left; /* samples of this segment; UINT64_MAX: without end */
	bool ended;
	struct {
		double sine, cosine, turn_sine, turn_cosine, amplitude;
	} osc[2];
};

/* One sine without end. */
struct tone_spec tone_sine(double hz, double dbm0);
/* DTMF, ITU-T Q.23, for event 0…15 (RFC 4733 3.2: digits, * = 10, # = 11, A…D = 12…15):
 * `level_dbm0` is the digit's whole power; the high group is 2 dB above the low one (Q.24 annex A).
 * False: no such digit. */
bool tone_dtmf(struct tone_spec *out, unsigned event, double level_dbm0, unsigned ms);

/* Start at the beginning. `spec` is copied. Only PORT_PCMA, PORT_PCMU and PORT_L16 (host order) at
 * any rate, one channel. */
void tone_init(struct tone *t, const struct tone_spec *spec, const struct port_format *format);
/* The same on fresh memory: 0 or -ENOMEM. */
int tone_create(struct tone **out, const struct tone_spec *spec, const struct port_format *format);
/* Of one from tone_create(). Sets NULL, takes NULL. */
void tone_destroy(struct tone **t);
/* The next n octets; silence after the end. Returns how many belong to the tone and its pauses. */
size_t tone_read(struct tone *t, uint8_t *octets, size_t n);
/* All segments have been played; never when it repeats or one is without end. */
bool tone_ended(const struct tone *t);

#endif
