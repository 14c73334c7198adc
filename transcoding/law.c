/* SPDX-License-Identifier: GPL-2.0-only */
#include "transcoding/law.h"

#include <math.h>
#include <string.h>

/* spandsp's inline G.711 mixes int and uint8_t freely. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#include <spandsp.h>
#pragma GCC diagnostic pop

/* Overload points (G.711 table 1: 4,096 of 13 bits; table 2: 8,159 of 14 bits) on our 16-bit scale,
 * and the level of a sine that reaches them. */
#define A_OVERLOAD 32768.0
#define A_OVERLOAD_DBM0 3.14
#define U_OVERLOAD 32636.0
#define U_OVERLOAD_DBM0 3.17
#define SILENT_DBM0 (-99.0)

static struct law_tables {
	int16_t linear[2][256]; /* index: 0 A-law, 1 µ-law */
	float square[2][256];
	uint8_t other[2][256]; /* A → µ, µ → A */
} tables;

__attribute__((constructor)) static void fill_tables(void)
{
	for (unsigned i = 0; i < 256; i++) {
		tables.linear[0][i] = alaw_to_linear((uint8_t)i);
		tables.linear[1][i] = ulaw_to_linear((uint8_t)i);
		tables.other[0][i] = alaw_to_ulaw((uint8_t)i);
		tables.other[1][i] = ulaw_to_alaw((uint8_t)i);
		for (unsigned law = 0; law < 2; law++)
			tables.square[law][i] =
				(float)tables.linear[law][i] * (float)tables.linear[law][i];
	}
}

static inline unsigned law_index(enum port_codec codec)
{
	return codec == PORT_PCMU;
}

uint8_t law_encode(enum port_codec codec, int linear)
{
	if (linear > INT16_MAX)
		linear = INT16_MAX;
	if (linear < INT16_MIN)
		linear = INT16_MIN;
	return codec == PORT_PCMU ? linear_to_ulaw(linear) : linear_to_alaw(linear);
}

int16_t law_decode(enum port_codec codec, uint8_t octet)
{
	return tables.linear[law_index(codec)][octet];
}

uint8_t law_silence(enum port_codec codec)
{
	return codec == PORT_PCMU ? LAW_SILENCE_U : LAW_SILENCE_A;
}

uint8_t law_a_to_u(uint8_t octet)
{
	return tables.other[0][octet];
}

uint8_t law_u_to_a(uint8_t octet)
{
	return tables.other[1][octet];
}

void law_convert(uint8_t *to, enum port_codec to_codec, const uint8_t *from,
		 enum port_codec from_codec, size_t n)
{
	if (to_codec == from_codec) {
		memmove(to, from, n);
		return;
	}
	const uint8_t *table = tables.other[law_index(from_codec)];
	for (size_t i = 0; i < n; i++)
		to[i] = table[from[i]];
}

double law_energy(enum port_codec codec, const uint8_t *octets, size_t n)
{
	const float *square = tables.square[law_index(codec)];
	double sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += (double)square[octets[i]];
	return sum;
}

double law_amplitude(enum port_codec codec, double dbm0)
{
	if (codec == PORT_PCMU)
		return U_OVERLOAD * pow(10, (dbm0 - U_OVERLOAD_DBM0) / 20);
	return A_OVERLOAD * pow(10, (dbm0 - A_OVERLOAD_DBM0) / 20);
}

double law_dbm0(enum port_codec codec, double mean_square)
{
	/* The quietest A-law octets (±8) are silence, not a signal of -69 dBm0. */
	if (mean_square <= 64.5)
		return SILENT_DBM0;
	return 20 * log10(sqrt(2 * mean_square) / law_amplitude(codec, 0));
}
