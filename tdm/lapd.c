/* SPDX-License-Identifier: GPL-2.0-only */
#include "tdm/lapd.h"

#define POLL_FINAL 0x10 /* of U frames, Q.921 table 4 */
#define COMMAND_BIT 0x02
#define TEI_ALL 127  /* Q.921 3.3.4.1 */
#define FRMR_FIELD 5 /* octets of its information field, Q.921 3.6.11 */

enum { COMMAND = 1, RESPONSE = 2 };

/* Q.921 table 5, but for XID, which nobody here speaks. The mask leaves out P/F. Lengths are those
 * of the whole frame without FCS. */
static const struct kind {
	uint8_t control, mask, as;
	uint16_t least, most;
} kinds[] = {
	{ 0x00, 0x01, COMMAND, 4, 4 + LAPD_N201 },                /* I */
	{ 0x01, 0xff, COMMAND | RESPONSE, 4, 4 },                 /* RR */
	{ 0x05, 0xff, COMMAND | RESPONSE, 4, 4 },                 /* RNR */
	{ 0x09, 0xff, COMMAND | RESPONSE, 4, 4 },                 /* REJ */
	{ 0x6f, 0xef, COMMAND, 3, 3 },                            /* SABME */
	{ 0x43, 0xef, COMMAND, 3, 3 },                            /* DISC */
	{ 0x03, 0xef, COMMAND, 3, 3 + LAPD_N201 },                /* UI */
	{ 0x0f, 0xef, RESPONSE, 3, 3 },                           /* DM */
	{ 0x63, 0xef, RESPONSE, 3, 3 },                           /* UA */
	{ 0x87, 0xef, RESPONSE, 3 + FRMR_FIELD, 3 + FRMR_FIELD }, /* FRMR */
};

static const struct kind *kind_of(uint8_t control)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if ((control & kinds[i].mask) == kinds[i].control)
			return &kinds[i];
	return NULL;
}

static bool is_ui(const uint8_t *frame)
{
	return (frame[2] & ~POLL_FINAL) == 0x03;
}

/* SAPI 0 in a first octet with EA 0; TEI 0 in a second with EA 1 (Q.921 3.2, 3.3). */
static bool is_ours(const uint8_t *frame)
{
	uint8_t tei = frame[1] >> 1;

	return !(frame[0] & ~COMMAND_BIT) && (frame[1] & 1) &&
	       (tei == 0 || (tei == TEI_ALL && is_ui(frame)));
}

enum lapd_verdict lapd_judge(const uint8_t *frame, size_t n, bool from_network)
{
	const struct kind *kind;
	bool command;

	if (n < 3 || !is_ours(frame))
		return LAPD_INVALID;
	kind = kind_of(frame[2]);
	if (!kind || n < kind->least || n > kind->most)
		return LAPD_INVALID;
	command = ((frame[0] & COMMAND_BIT) != 0) == from_network;
	if (kind->as & (command ? COMMAND : RESPONSE))
		return LAPD_VALID;
	return lapd_is_sabme(frame, n) ? LAPD_SAME_SIDE : LAPD_INVALID;
}

size_t lapd_payload(const uint8_t *frame, size_t n)
{
	if (lapd_is_i(frame, n))
		return 4;
	return n >= 3 && is_ui(frame) ? 3 : 0;
}

bool lapd_is_i(const uint8_t *frame, size_t n)
{
	return n >= 4 && !(frame[2] & 0x01);
}

bool lapd_is_sabme(const uint8_t *frame, size_t n)
{
	return n >= 3 && (frame[2] & ~POLL_FINAL) == 0x6f;
}

bool lapd_is_ua(const uint8_t *frame, size_t n)
{
	return n >= 3 && (frame[2] & ~POLL_FINAL) == 0x63;
}

bool lapd_has_nr(const uint8_t *frame, size_t n)
{
	return n >= 4 && (frame[2] & 0x03) != 0x03;
}

uint8_t lapd_ns(const uint8_t *frame)
{
	return frame[2] >> 1;
}

uint8_t lapd_nr(const uint8_t *frame)
{
	return frame[3] >> 1;
}
