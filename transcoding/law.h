/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TRANSCODING_LAW_H
#define TRANSCODING_LAW_H

/* G.711 A-law and µ-law: to and from 16-bit linear, and directly into each other.
 *
 * Linear values are scaled to 16 bits (G.711's 13 or 14 bits moved to the top). The direct
 * conversions are those of G.711 tables 3 and 4, so that an octet that passes A → µ → A on two
 * gateways comes back as on any other equipment. Tables are filled before main(); everything here
 * is pure and for any thread. `codec` is PORT_PCMA or PORT_PCMU. */

#include "transcoding/port.h"

#define LAW_SILENCE_A 0xd5 /* the smallest positive value: what an idle E1 timeslot carries */
#define LAW_SILENCE_U 0xff

/* One sample; linear values beyond 16 bits are clipped. */
uint8_t law_encode(enum port_codec codec, int linear);
int16_t law_decode(enum port_codec codec, uint8_t octet);
/* The octet of zero level: LAW_SILENCE_A or LAW_SILENCE_U. */
uint8_t law_silence(enum port_codec codec);

/* G.711 tables 4 and 3. */
uint8_t law_a_to_u(uint8_t octet);
uint8_t law_u_to_a(uint8_t octet);

/* `to` and `from` may be the same memory. Equal codecs: a plain copy. */
void law_convert(uint8_t *to, enum port_codec to_codec, const uint8_t *from,
		 enum port_codec from_codec, size_t n);

/* Sum of the squares of n octets' linear values: what a level meter adds up. */
double law_energy(enum port_codec codec, const uint8_t *octets, size_t n);
/* Level of a signal whose mean square is this, in dBm0. G.711 table 5/6: the digital milliwatt is 0
 * dBm0, so a sine that just reaches the overload point is +3.14 dBm0 (A-law) or +3.17 dBm0 (µ-law).
 * -99 when there is none. */
double law_dbm0(enum port_codec codec, double mean_square);
/* Peak linear amplitude of a sine of this level. */
double law_amplitude(enum port_codec codec, double dbm0);

#endif
