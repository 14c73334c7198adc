/* SPDX-License-Identifier: GPL-2.0-only */
#include "trunk/rtp_packet.h"
#include "base/wire.h"

#include <errno.h>

/* RFC 3550 5.1: the last octet counts the padding, itself included. */
static void take_padding(struct wire *w, size_t *left)
{
	size_t padding = *left ? w->at[*left - 1] : 0;
	if (padding == 0 || padding > *left)
		wire_fail(w);
	else
		*left -= padding;
}

int rtp_packet_parse(struct rtp_packet *p, const uint8_t *octets, size_t n)
{
	struct wire w = wire_of(octets, n);
	struct rtp_packet parsed = { 0 };
	uint8_t first = wire_u8(&w), second = wire_u8(&w);
	parsed.marker = second & 0x80;
	parsed.payload_type = second & 0x7f;
	parsed.sequence = wire_u16(&w);
	parsed.timestamp = wire_u32(&w);
	parsed.ssrc = wire_u32(&w);
	wire_skip(&w, (size_t)4 * (first & 0x0f));
	if (first & 0x10) {
		wire_skip(&w, 2);
		wire_skip(&w, (size_t)4 * wire_u16(&w));
	}
	parsed.length = wire_left(&w);
	if (wire_ok(&w) && (first & 0x20))
		take_padding(&w, &parsed.length);
	parsed.payload = wire_bytes(&w, parsed.length);
	if (!wire_ok(&w) || first >> 6 != RTP_VERSION)
		return -EBADMSG;
	*p = parsed;
	return 0;
}

int rtp_packet_build(const struct rtp_packet *p, uint8_t *octets, size_t room)
{
	struct wire_out w = wire_out_of(octets, room);
	wire_put_u8(&w, RTP_VERSION << 6);
	wire_put_u8(&w, (uint8_t)((p->marker ? 0x80 : 0) | (p->payload_type & 0x7f)));
	wire_put_u16(&w, p->sequence);
	wire_put_u32(&w, p->timestamp);
	wire_put_u32(&w, p->ssrc);
	wire_put_bytes(&w, p->payload, p->length);
	return w.error ? -EMSGSIZE : (int)wire_out_length(&w);
}

int rtp_event_parse(struct rtp_event *e, const uint8_t *octets, size_t n)
{
	struct wire w = wire_of(octets, n);
	uint8_t event = wire_u8(&w), flags = wire_u8(&w);
	uint16_t duration = wire_u16(&w);
	if (!wire_ok(&w))
		return -EBADMSG;
	*e = (struct rtp_event){ event, flags & 0x80, flags & 0x3f, duration };
	return 0;
}

void rtp_event_build(const struct rtp_event *e, uint8_t octets[RTP_EVENT_LENGTH])
{
	struct wire_out w = wire_out_of(octets, RTP_EVENT_LENGTH);
	wire_put_u8(&w, e->event);
	wire_put_u8(&w, (uint8_t)((e->end ? 0x80 : 0) | (e->volume & 0x3f)));
	wire_put_u16(&w, e->duration);
}
