/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TRUNK_RTP_PACKET_H
#define TRUNK_RTP_PACKET_H

/* One RTP packet (RFC 3550 5.1) and one telephone-event (RFC 4733 2.3) as values: read with bounds,
 * written into a buffer. Pure; any thread. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RTP_VERSION 2
#define RTP_HEADER 12
#define RTP_PACKET_MAX 1500
#define RTP_EVENT_LENGTH 4
#define RTP_PT_CN 13 /* RFC 3389 4, static */

struct rtp_packet {
	bool marker;
	uint8_t payload_type;
	uint16_t sequence;
	uint32_t timestamp, ssrc;
	const uint8_t *payload; /* borrowed from what was parsed */
	size_t length;
};

/* 0; -EBADMSG: not RTP version 2, or header, CSRC list, extension or padding run past the end.
 * CSRCs and the extension are skipped. */
int rtp_packet_parse(struct rtp_packet *p, const uint8_t *octets, size_t n);
/* Writes header and payload. Returns the length, or -EMSGSIZE. */
int rtp_packet_build(const struct rtp_packet *p, uint8_t *octets, size_t room);

struct rtp_event {
	uint8_t event;
	bool end;
	uint8_t volume;    /* dBm0 with its sign dropped, 0…63 */
	uint16_t duration; /* timestamp units */
};

/* 0 or -EBADMSG. Of several events in one payload (RFC 4733 2.5.1.3, not for DTMF) the first is
 * read. */
int rtp_event_parse(struct rtp_event *e, const uint8_t *octets, size_t n);
/* Writes the four octets of RFC 4733 2.3. */
void rtp_event_build(const struct rtp_event *e, uint8_t octets[RTP_EVENT_LENGTH]);

#endif
