/* SPDX-License-Identifier: GPL-2.0-only */
#include "hw/cesopsn_wire.h"

#include "base/wire.h"

#include <errno.h>

#define RTP_VERSION 2
#define LEN_LIMIT 64 /* LEN is 0 from this packet length on (RFC 5086 4.3) */

/* RFC 3550 5.1; padding, extension and contributing sources have no use here. The sequence
 * number repeats the control word's (RFC 5086 4.3). */
static uint16_t read_rtp(struct wire *w, const struct cesopsn_format *format, uint32_t *timestamp)
{
	uint8_t first = wire_u8(w), type = wire_u8(w) & 0x7F;
	uint16_t sequence = wire_u16(w);

	*timestamp = wire_u32(w);
	wire_skip(w, 4);
	if (first != RTP_VERSION << 6 || type != format->payload_type)
		wire_fail(w);
	return sequence;
}

/* LEN counts all headers that follow UDP's, RTP's too. Where it is set, what exceeds it is
 * padding. */
static size_t payload_length(struct wire *w, uint16_t word, size_t header, size_t n)
{
	size_t len = word & 0x3F;

	if (len && (len < header || len > n))
		wire_fail(w);
	return wire_ok(w) ? (len ? len : n) - header : 0;
}

int cesopsn_read(struct cesopsn_packet *out, const struct cesopsn_format *format,
		 const uint8_t *octets, size_t n)
{
	struct wire w = wire_of(octets, n);
	struct cesopsn_packet p = { 0 };
	uint16_t word, rtp_sequence = 0;
	size_t length;

	if (format->rtp)
		rtp_sequence = read_rtp(&w, format, &p.timestamp);
	word = wire_u16(&w);
	p.sequence = wire_u16(&w);
	length = payload_length(&w, word, cesopsn_header_length(format), n);
	if (!wire_ok(&w) || word >> 12 || (word >> 6 & 3))
		return -EBADMSG;
	if (format->rtp && rtp_sequence != p.sequence)
		return -EBADMSG;
	p.l = word >> 11 & 1;
	p.r = word >> 10 & 1;
	p.m = (uint8_t)(word >> 8 & 3);
	if (!p.l && p.m == CESOPSN_M_SIGNALLING)
		return -EOPNOTSUPP;
	if (length != format->payload && !(p.l && length == 0))
		return -EBADMSG;
	p.payload = length ? wire_bytes(&w, length) : NULL;
	*out = p;
	return 0;
}

size_t cesopsn_write(uint8_t out[CESOPSN_HEADER_MAX], const struct cesopsn_format *format,
		     const struct cesopsn_packet *packet)
{
	struct wire_out w = wire_out_of(out, CESOPSN_HEADER_MAX);
	size_t length = cesopsn_header_length(format) + format->payload;
	unsigned word =
		(packet->l ? 1u << 11 : 0) | (packet->r ? 1u << 10 : 0) | (packet->m & 3u) << 8;

	if (format->rtp) {
		wire_put_u8(&w, RTP_VERSION << 6);
		wire_put_u8(&w, format->payload_type & 0x7F);
		wire_put_u16(&w, packet->sequence);
		wire_put_u32(&w, packet->timestamp);
		wire_put_u32(&w, format->ssrc);
	}
	if (length < LEN_LIMIT)
		word |= (unsigned)length;
	wire_put_u16(&w, (uint16_t)word);
	wire_put_u16(&w, packet->sequence);
	return wire_out_length(&w);
}
