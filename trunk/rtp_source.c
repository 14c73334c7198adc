/* SPDX-License-Identifier: GPL-2.0-only */
#include "trunk/rtp_source.h"

#include <math.h>

/* RFC 3550 A.1 */
#define MAX_DROPOUT 3000
#define MAX_MISORDER 100
#define SEQ_MOD (1U << 16)
/* A source that was silent so long is believed to have ended: another SSRC takes over with its
 * first packet. */
#define SILENT_US 100000

static void begin(struct rtp_source *s, uint32_t ssrc, uint16_t sequence)
{
	*s = (struct rtp_source){ .active = true, .ssrc = ssrc };
	s->max_seq = sequence;
	s->base_seq = sequence;
	s->bad_seq = SEQ_MOD + 1; /* equals no sequence number */
	s->seen = 1;
	s->since_base = 1;
	s->received = 1;
}

/* Two packets in sequence, a marker, or the silence of the present one: else it is a stray (RFC
 * 3550 8.2). */
static bool takes_over(struct rtp_source *s, uint32_t ssrc, uint16_t sequence, bool marker,
		       uint64_t now_us)
{
	bool in_sequence =
		s->candidate_seen && s->candidate_ssrc == ssrc && s->candidate_seq == sequence;
	if (marker || in_sequence || now_us - s->last_us >= SILENT_US)
		return true;
	s->candidate_seen = true;
	s->candidate_ssrc = ssrc;
	s->candidate_seq = (uint16_t)(sequence + 1);
	return false;
}

/* The window moves on by `step`: what falls out of it unseen is lost. */
static unsigned advance(struct rtp_source *s, uint16_t sequence, unsigned step)
{
	unsigned lost = 0;
	if (sequence < s->max_seq)
		s->cycles += SEQ_MOD;
	for (unsigned i = 0; i < step; i++) {
		if (s->since_base >= RTP_SOURCE_WINDOW)
			lost += !(s->seen >> (RTP_SOURCE_WINDOW - 1));
		else
			s->since_base++;
		s->seen <<= 1;
	}
	s->seen |= 1;
	s->max_seq = sequence;
	return lost;
}

static enum rtp_arrival behind(struct rtp_source *s, unsigned back)
{
	if (back >= RTP_SOURCE_WINDOW || back >= s->since_base)
		return RTP_ARRIVED_REORDERED;
	if (s->seen & (1U << back))
		return RTP_ARRIVED_DUPLICATE;
	s->seen |= 1U << back;
	return RTP_ARRIVED_REORDERED;
}

static enum rtp_arrival same_source(struct rtp_source *s, uint16_t sequence, unsigned *lost)
{
	uint16_t delta = (uint16_t)(sequence - s->max_seq);
	enum rtp_arrival arrival = RTP_ARRIVED;
	if (delta == 0 || delta > SEQ_MOD - MAX_MISORDER) {
		arrival = behind(s, (uint16_t)-delta);
	} else if (delta < MAX_DROPOUT) {
		*lost = advance(s, sequence, delta);
	} else if (sequence == s->bad_seq) {
		/* Two in sequence far off: the sender restarted without telling (A.1). */
		begin(s, s->ssrc, sequence);
		return RTP_ARRIVED_RESTART;
	} else {
		s->bad_seq = (sequence + 1U) & (SEQ_MOD - 1);
		return RTP_REJECTED;
	}
	s->received++;
	return arrival;
}

enum rtp_arrival rtp_source_packet(struct rtp_source *s, uint32_t ssrc, uint16_t sequence,
				   bool marker, uint64_t now_us, unsigned *lost)
{
	enum rtp_arrival arrival = RTP_ARRIVED_NEW;
	*lost = 0;
	if (s->active && s->ssrc == ssrc) {
		arrival = same_source(s, sequence, lost);
	} else if (!s->active || takes_over(s, ssrc, sequence, marker, now_us)) {
		*lost = rtp_source_missing(s);
		begin(s, ssrc, sequence);
	} else {
		return RTP_REJECTED;
	}
	s->last_us = now_us;
	return arrival;
}

void rtp_source_transit(struct rtp_source *s, uint32_t timestamp, uint64_t now_us, uint32_t rate_hz)
{
	uint32_t transit = (uint32_t)(now_us * rate_hz / 1000000) - timestamp;
	int32_t d = (int32_t)(transit - s->transit);
	if (s->transit_known)
		s->jitter += (fabs((double)d) - s->jitter) / 16;
	s->transit = transit;
	s->transit_known = true;
}

unsigned rtp_source_missing(const struct rtp_source *s)
{
	unsigned missing = 0;
	for (unsigned i = 0; i < s->since_base; i++)
		missing += !(s->seen & (1U << i));
	return missing;
}

uint32_t rtp_source_extended(const struct rtp_source *s)
{
	return s->cycles + s->max_seq;
}

static uint64_t expected(const struct rtp_source *s)
{
	return (uint64_t)rtp_source_extended(s) - s->base_seq + 1;
}

int32_t rtp_source_cumulative_lost(const struct rtp_source *s)
{
	int64_t lost = (int64_t)expected(s) - (int64_t)s->received;
	if (lost > 0x7fffff)
		return 0x7fffff;
	return lost < -0x800000 ? -0x800000 : (int32_t)lost;
}

uint8_t rtp_source_fraction(struct rtp_source *s)
{
	uint64_t now = expected(s);
	int64_t span = (int64_t)(now - s->expected_prior);
	int64_t lost = span - (int64_t)(s->received - s->received_prior);
	s->expected_prior = now;
	s->received_prior = s->received;
	if (span <= 0 || lost <= 0)
		return 0;
	return (uint8_t)(lost * 256 / span > 255 ? 255 : lost * 256 / span);
}
