/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TRUNK_RTP_SOURCE_H
#define TRUNK_RTP_SOURCE_H

/* What we know of the stream we receive: its SSRC, extended sequence number, loss, and interarrival
 * jitter (RFC 3550 6.4.1, A.1, A.3, A.8). Pure; thread: the owner's. */

#include <stdbool.h>
#include <stdint.h>

#define RTP_SOURCE_WINDOW                                                                          \
	32 /* packets: one that is still missing when so many newer ones came is lost */

struct rtp_source {
	bool active;
	uint32_t ssrc;
	uint16_t max_seq;
	uint32_t cycles; /* shifted count of sequence number cycles, A.1 */
	uint32_t base_seq, bad_seq;
	uint32_t seen;       /* bit n: max_seq - n has come */
	unsigned since_base; /* packets of the window that could have come */
	uint64_t received, expected_prior, received_prior;
	double jitter; /* in timestamp units, A.8 */
	uint32_t transit;
	bool transit_known;
	/* A second SSRC that may take over. */
	bool candidate_seen;
	uint32_t candidate_ssrc;
	uint16_t candidate_seq;
	uint64_t last_us;
};

enum rtp_arrival {
	RTP_ARRIVED, /* next in order, or a step ahead */
	RTP_ARRIVED_REORDERED,
	RTP_ARRIVED_DUPLICATE,
	RTP_ARRIVED_RESTART, /* the same SSRC goes on with another sequence: begin anew */
	RTP_ARRIVED_NEW,     /* first packet of a source, or of one that takes over */
	RTP_REJECTED, /* stray: another SSRC, or a sequence number far off, not yet believed */
};

/* Account a packet that came at now_us. *lost: how many earlier ones are given up by it. */
enum rtp_arrival rtp_source_packet(struct rtp_source *s, uint32_t ssrc, uint16_t sequence,
				   bool marker, uint64_t now_us, unsigned *lost);
/* Feed the jitter estimate with an accepted audio packet. */
void rtp_source_transit(struct rtp_source *s, uint32_t timestamp, uint64_t now_us,
			uint32_t rate_hz);
/* Packets still missing in the window: they are lost when the source ends. */
unsigned rtp_source_missing(const struct rtp_source *s);

/* For report blocks. A.3: fraction since the last call of rtp_source_fraction(), in 1/256. */
uint8_t rtp_source_fraction(struct rtp_source *s);
/* Highest sequence number received, with its cycles above (A.3). */
uint32_t rtp_source_extended(const struct rtp_source *s);
/* Signed 24-bit number of packets lost since the beginning. */
int32_t rtp_source_cumulative_lost(const struct rtp_source *s);

#endif
