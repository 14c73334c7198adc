/* SPDX-License-Identifier: GPL-2.0-only */
/* RTCP (RFC 3550 6) and the reading of quality. Reports go out in every direction of media, on hold
 * too: a peer that watches us by them must not think us gone. Worker thread. */
#include "trunk/rtp_private.h"

#include <string.h>
#include <sys/socket.h>

#define SECOND_US 1000000
#define MEMBERS 2
/* 5 % of 64 kbit/s with headers at 20 ms: (160 + 40) × 50 octets (6.2) */
#define RTCP_BANDWIDTH (0.05 * 200 * 50)
#define UDP_IP_HEADERS 28
#define FIRST_AVERAGE 128.0
#define RTCP_BATCH 4

/* xorshift64: where it only has to differ from endpoint to endpoint. */
double rtp_random(struct rtp_endpoint *rtp)
{
	uint64_t x = rtp->random;
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	rtp->random = x;
	return (double)(x >> 11) / (double)(1ULL << 53);
}

/* Wall time that doesn't step: what the wall showed when we began, and the monotonic clock since.
 */
static uint64_t ntp_now(const struct rtp_endpoint *rtp)
{
	return rtcp_ntp(rtp->wall_base_us + (int64_t)clock_now_us(loop_clock(rtp->loop)));
}

/* ---- Sending ---- */

static struct rtcp_block block_now(struct rtp_endpoint *rtp)
{
	struct rtcp_block b = {
		.ssrc = rtp->rx.ssrc,
		.fraction_lost = rtp_source_fraction(&rtp->rx),
		.lost = rtp_source_cumulative_lost(&rtp->rx),
		.highest_seq = rtp_source_extended(&rtp->rx),
		.jitter = (uint32_t)rtp->rx.jitter,
		.last_sr = rtp->sr_middle,
	};
	if (rtp->sr_us)
		b.since_sr = (uint32_t)((loop_now_us(rtp->loop) - rtp->sr_us) * 65536 / 1000000);
	return b;
}

/* RFC 3550 6.4: a sender is who has sent since the report before the last one. */
static bool is_sender(const struct rtp_endpoint *rtp)
{
	return rtp->tx.packets != rtp->rtcp_packets_told[1];
}

static struct rtcp_message report_now(struct rtp_endpoint *rtp)
{
	struct rtp_tx *tx = &rtp->tx;
	uint64_t since_us = loop_now_us(rtp->loop) - tx->sent_us;
	struct rtcp_message m = {
		.ssrc = tx->ssrc,
		.sender = is_sender(rtp),
		.ntp = ntp_now(rtp),
		.timestamp = tx->sent_timestamp + (uint32_t)(since_us * RTP_RATE_HZ / 1000000),
		.packets = tx->packets,
		.octets = tx->octets,
		.has_block = rtp->rx.active,
		.cname = rtp->cname,
	};
	if (m.has_block)
		m.block = block_now(rtp);
	return m;
}

static void send_report(struct rtp_endpoint *rtp, bool bye)
{
	uint8_t octets[RTCP_PACKET_MAX];
	if (!rtp_tx_sendable(&rtp->remote_rtcp))
		return;
	struct rtcp_message m = report_now(rtp);
	m.bye = bye;
	int n = rtcp_build(&m, octets, sizeof(octets));
	size_t length = n < 0 ? 0 : (size_t)n;
	if (n < 0 ||
	    (rtp->crypto &&
	     rtp->crypto->ops->protect(rtp->crypto, true, octets, &length, sizeof(octets)) < 0) ||
	    sendto(rtp->rtcp_fd, octets, length, MSG_DONTWAIT | MSG_NOSIGNAL,
		   &rtp->remote_rtcp.u.sa, netaddr_len(&rtp->remote_rtcp)) < 0) {
		counter_inc(&rtp->counters.tx_errors);
		return;
	}
	counter_inc(&rtp->counters.tx_rtcp);
	rtp->rtcp_average += ((double)length + UDP_IP_HEADERS - rtp->rtcp_average) / 16;
	rtp->rtcp_packets_told[1] = rtp->rtcp_packets_told[0];
	rtp->rtcp_packets_told[0] = rtp->tx.packets;
}

void rtp_report_bye(struct rtp_endpoint *rtp)
{
	/* RFC 3550 6.3.7: who has sent neither RTP nor RTCP must not send BYE. */
	if (rtp->tx.packets || counter_get(&rtp->counters.tx_rtcp))
		send_report(rtp, true);
}

static void report_due(struct loop_timer *timer, void *arg);

static void arm_report(struct rtp_endpoint *rtp)
{
	struct rtcp_pace pace = {
		.members = MEMBERS,
		.senders = is_sender(rtp) + rtp->rx.active,
		.bandwidth = RTCP_BANDWIDTH,
		.average_size = rtp->rtcp_average,
		.we_sent = is_sender(rtp),
		.initial = rtp->rtcp_initial,
	};
	loop_timer_start(rtp->loop, &rtp->rtcp_timer, rtcp_interval_us(&pace, rtp_random(rtp)),
			 report_due, rtp);
}

static void report_due(struct loop_timer *timer, void *arg)
{
	struct rtp_endpoint *rtp = arg;
	(void)timer;
	send_report(rtp, false);
	rtp->rtcp_initial = false;
	arm_report(rtp);
}

/* ---- Receiving ---- */

/* RFC 3550 6.4.1: now - LSR - DLSR. A clock that differs or a nonsense report must not make a
 * negative time. */
static void take_round_trip(struct rtp_endpoint *rtp, const struct rtcp_block *b)
{
	uint32_t now = rtcp_ntp_middle(ntp_now(rtp));
	int32_t trip = (int32_t)(now - b->last_sr - b->since_sr);
	if (b->last_sr && trip >= 0)
		rtp->quality.round_trip_ms = trip * 1000.0 / 65536;
}

static bool rtcp_welcome(const struct rtp_endpoint *rtp, const struct netaddr *from)
{
	return rtp->configured && (netaddr_same_host(from, &rtp->remote) ||
				   netaddr_same_host(from, &rtp->remote_rtcp));
}

void rtp_report_receive(struct rtp_endpoint *rtp, uint8_t *octets, size_t n,
			const struct netaddr *from)
{
	struct rtcp_message m;
	if (!rtcp_welcome(rtp, from)) {
		counter_inc(&rtp->counters.rx_foreign);
		return;
	}
	if ((rtp->crypto && rtp->crypto->ops->unprotect(rtp->crypto, true, octets, &n) < 0) ||
	    rtcp_parse(&m, octets, n, rtp->tx.ssrc) < 0) {
		counter_inc(&rtp->counters.rx_bad_rtcp);
		return;
	}
	counter_inc(&rtp->counters.rx_rtcp);
	if (rtp->media.latching && rtp->locked)
		rtp->remote_rtcp = *from;
	if (m.sender) {
		rtp->sr_middle = rtcp_ntp_middle(m.ntp);
		rtp->sr_us = loop_now_us(rtp->loop);
	}
	if (!m.has_block)
		return;
	rtp->quality.remote_loss_fraction = m.block.fraction_lost / 256.0;
	rtp->quality.remote_jitter_ms = m.block.jitter * 1000.0 / RTP_RATE_HZ;
	take_round_trip(rtp, &m.block);
	rtp_report_publish(rtp);
}

void rtp_report_rtcp_ready(struct loop_watch *watch, uint32_t events, void *arg)
{
	struct rtp_endpoint *rtp = arg;
	uint8_t octets[RTP_PACKET_MAX];
	struct netaddr from;
	(void)events;
	for (unsigned i = 0; i < RTCP_BATCH; i++) {
		socklen_t length = sizeof(from);
		ssize_t n = recvfrom(watch->fd, octets, sizeof(octets), MSG_DONTWAIT, &from.u.sa,
				     &length);
		if (n < 0)
			return;
		rtp_report_receive(rtp, octets, (size_t)n, &from);
	}
}

/* ---- Quality ---- */

void rtp_report_publish(struct rtp_endpoint *rtp)
{
	rtp->quality.jitter_ms = rtp->rx.jitter * 1000.0 / RTP_RATE_HZ;
	rtp->quality.remote = rtp->remote;
	rtp_seqlock_write(&rtp->quality_lock, rtp->quality_words, &rtp->quality,
			  sizeof(rtp->quality));
}

static void second_passed(struct loop_timer *timer, void *arg)
{
	struct rtp_endpoint *rtp = arg;
	rtp_rx_sync_counters(rtp);
	rtp->quality.level_rx_dbm0 = meter_take_dbm0(&rtp->meter_rx);
	rtp->quality.level_tx_dbm0 = meter_take_dbm0(&rtp->meter_tx);
	rtp_report_publish(rtp);
	loop_timer_start(rtp->loop, timer, SECOND_US, second_passed, rtp);
}

void rtp_report_start(struct rtp_endpoint *rtp)
{
	arm_report(rtp);
	loop_timer_start(rtp->loop, &rtp->second_timer, SECOND_US, second_passed, rtp);
}

void rtp_report_stop(struct rtp_endpoint *rtp)
{
	loop_timer_stop(rtp->loop, &rtp->rtcp_timer);
	loop_timer_stop(rtp->loop, &rtp->second_timer);
}
