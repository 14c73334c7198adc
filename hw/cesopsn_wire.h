/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HW_CESOPSN_WIRE_H
#define HW_CESOPSN_WIRE_H

/* The packet of a structure-aware pseudowire (RFC 5086) over UDP: [RTP header] control word,
 * payload.
 *
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  |0 0 0 0|L|R| M |FRG|   LEN     |       sequence number         |
 *
 * Payload: whole E1 frames in order, of each the chosen timeslots in ascending order.
 * Thread: any. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CESOPSN_WORD 4
#define CESOPSN_RTP 12
#define CESOPSN_HEADER_MAX (CESOPSN_WORD + CESOPSN_RTP)
#define CESOPSN_PAYLOAD_MAX (31 * 8 * 5) /* all timeslots, 5 ms */

enum cesopsn_modifier { /* M (RFC 5086 4.3); with L=1 only 00 is defined */
	CESOPSN_M_NORMAL = 0,
	CESOPSN_M_RESERVED = 1,
	CESOPSN_M_RDI = 2,
	CESOPSN_M_SIGNALLING = 3,
};

/* What both ends agreed on. */
struct cesopsn_format {
	size_t payload;      /* octets */
	bool rtp;
	uint32_t ssrc;
	uint8_t payload_type;
};

struct cesopsn_packet {
	bool l, r;
	uint8_t m;
	uint16_t sequence;
	uint32_t timestamp;     /* of the RTP header, 8 kHz; 0 without */
	const uint8_t *payload; /* borrowed from the packet; NULL when omitted (L=1 only) */
};

/* 0; -EBADMSG: wrong header or length; -EOPNOTSUPP: a signalling packet (L=0, M=11), to be
 * ignored. */
int cesopsn_read(struct cesopsn_packet *packet, const struct cesopsn_format *format,
		 const uint8_t *octets, size_t n);
/* Writes the header in front of a payload of format->payload octets; returns its length
 * (packet->payload is not read). */
size_t cesopsn_write(uint8_t out[CESOPSN_HEADER_MAX], const struct cesopsn_format *format,
		     const struct cesopsn_packet *packet);
/* Octets before the payload: control word, and RTP header where one was agreed on. */
static inline size_t cesopsn_header_length(const struct cesopsn_format *format)
{
	return CESOPSN_WORD + (format->rtp ? CESOPSN_RTP : 0);
}

#endif
