/* SPDX-License-Identifier: GPL-2.0-only */
/* Receiving: from the socket through the checks to the jitter buffer or the relay. Worker thread.
 */
#include "transcoding/law.h"
#include "trunk/rtp_private.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define BATCH 16
#define BATCHES_PER_TURN                                                                           \
	4 /* a flood must not keep the worker from its lines: the rest comes next turn */

#define DRAIN_BATCHES 64 /* more than a socket buffer holds */

/* One set of buffers per worker thread; what it holds lives no longer than a batch. */
struct batch {
	struct mmsghdr headers[BATCH];
	struct iovec vectors[BATCH];
	struct netaddr from[BATCH];
	uint8_t octets[BATCH][RTP_PACKET_MAX];
};
static _Thread_local struct batch batch;

static int receive_batch(int fd)
{
	for (unsigned i = 0; i < BATCH; i++) {
		batch.vectors[i] = (struct iovec){ batch.octets[i], RTP_PACKET_MAX };
		batch.headers[i].msg_hdr = (struct msghdr){
			.msg_name = &batch.from[i],
			.msg_namelen = sizeof(batch.from[i]),
			.msg_iov = &batch.vectors[i],
			.msg_iovlen = 1,
		};
	}
	return recvmmsg(fd, batch.headers, BATCH, MSG_DONTWAIT, NULL);
}

void rtp_rx_ready(struct loop_watch *watch, uint32_t events, void *arg)
{
	struct rtp_endpoint *rtp = arg;
	(void)events;
	for (unsigned turn = 0; turn < BATCHES_PER_TURN; turn++) {
		int n = receive_batch(watch->fd);
		for (int i = 0; i < n; i++) {
			if (batch.headers[i].msg_hdr.msg_flags & MSG_TRUNC)
				counter_inc(&rtp->counters.rx_malformed);
			else
				rtp_rx_packet(rtp, batch.octets[i], batch.headers[i].msg_len,
					      &batch.from[i]);
		}
		if (n < BATCH)
			break;
	}
	rtp_rx_sync_counters(rtp);
}

/* What came before the endpoint had a worker is old: in a relay it would go on as a burst. */
void rtp_rx_drain(struct rtp_endpoint *rtp)
{
	for (unsigned turn = 0; turn < DRAIN_BATCHES && receive_batch(rtp->rtp_fd) == BATCH; turn++)
		;
}

/* ---- Whom we listen to ---- */

static void lock_to(struct rtp_endpoint *rtp, const struct netaddr *from)
{
	rtp->locked = true;
	rtp->source = *from;
	if (rtp->media.latching && !netaddr_equal(&rtp->remote, from)) {
		rtp->remote = *from;
		/* Behind an address translator the RTCP port is a guess, corrected when RTCP comes
		 * from there. */
		rtp->remote_rtcp = *from;
		netaddr_set_port(&rtp->remote_rtcp, (uint16_t)(netaddr_port(from) + 1));
		rtp_report_publish(rtp);
	}
	rtp_owe(rtp, RTP_OWED_STARTED);
}

/* RFC 3550 demands no symmetric ports: without latching, any port of the host that signalling named
 * may send. */
static bool may_lock(const struct rtp_endpoint *rtp, const struct netaddr *from)
{
	return rtp->media.latching || netaddr_same_host(from, &rtp->media.remote);
}

static bool source_welcome(struct rtp_endpoint *rtp, const struct netaddr *from)
{
	if (rtp->locked)
		return netaddr_equal(from, &rtp->source);
	return may_lock(rtp, from);
}

/* ---- What is in it ---- */

static bool expected_type(const struct rtp_endpoint *rtp, uint8_t pt, enum frame_kind *kind)
{
	if (pt == rtp->media.payload_type_rx)
		*kind = FRAME_AUDIO;
	else if (rtp->media.event_pt_rx != RTP_NO_PT && pt == rtp->media.event_pt_rx)
		*kind = FRAME_EVENT;
	else if (pt == RTP_PT_CN)
		*kind = FRAME_NOISE;
	else
		return false;
	return true;
}

/* The stream begins, or begins anew: nothing of the old one may be heard in the new. */
void rtp_rx_forget(struct rtp_endpoint *rtp)
{
	jitter_reset(rtp->jitter);
	rtp->event_rx.active = false;
	if (rtp->peer)
		rtp_tx_relay_restart(rtp->peer);
}

static void deliver_audio(struct rtp_endpoint *rtp, const struct rtp_packet *p)
{
	size_t covered = rtp_event_covers(rtp, p->timestamp, p->length);
	const uint8_t *octets = p->payload + covered;
	size_t n = p->length - covered;
	uint32_t timestamp = p->timestamp + (uint32_t)covered;
	if (n == 0)
		return;
	if (rtp->peer) {
		struct frame frame = { octets, n, FRAME_AUDIO, timestamp, true, p->marker };
		rtp_tx_relay(rtp->peer, &frame, rtp->media.codec, &p->sequence);
	} else {
		uint8_t line[RTP_AUDIO_MAX];
		law_convert(line, rtp->port.format.codec, octets, rtp->media.codec, n);
		jitter_put(rtp->jitter, line, n, timestamp, p->marker);
	}
}

static void deliver(struct rtp_endpoint *rtp, const struct rtp_packet *p, enum frame_kind kind)
{
	struct frame frame = { p->payload, p->length, kind, p->timestamp, true, p->marker };
	bool passes = rtp->peer && (kind == FRAME_NOISE || rtp->peer->media.event_pt != RTP_NO_PT);
	if (kind == FRAME_AUDIO)
		deliver_audio(rtp, p);
	else if (passes)
		rtp_tx_relay(rtp->peer, &frame, rtp->media.codec, &p->sequence);
	if (kind == FRAME_EVENT && passes)
		rtp_event_note(rtp, p->timestamp);
	else if (kind == FRAME_EVENT)
		rtp_event_receive(rtp, p);
}

static void account(struct rtp_endpoint *rtp, const struct rtp_packet *p, enum frame_kind kind,
		    uint64_t now_us)
{
	counter_inc(&rtp->counters.rx_packets);
	counter_add(&rtp->counters.rx_octets, p->length);
	rtp->quality.last_rx_us = now_us;
	if (kind != FRAME_AUDIO)
		return;
	rtp_source_transit(&rtp->rx, p->timestamp, now_us, RTP_RATE_HZ);
	meter_add(&rtp->meter_rx, p->payload, p->length);
}

/* Returns false when the packet goes no further. */
static bool believe(struct rtp_endpoint *rtp, const struct rtp_packet *p,
		    const struct netaddr *from, uint64_t now_us)
{
	unsigned lost;
	enum rtp_arrival arrival =
		rtp_source_packet(&rtp->rx, p->ssrc, p->sequence, p->marker, now_us, &lost);
	counter_add(&rtp->counters.rx_lost, lost);
	if (arrival == RTP_REJECTED) {
		counter_inc(&rtp->counters.rx_foreign);
		return false;
	}
	if (!rtp->locked)
		lock_to(rtp, from);
	if (arrival == RTP_ARRIVED_NEW || arrival == RTP_ARRIVED_RESTART)
		rtp_rx_forget(rtp);
	if (arrival == RTP_ARRIVED_REORDERED)
		counter_inc(&rtp->counters.rx_reordered);
	if (arrival == RTP_ARRIVED_DUPLICATE)
		counter_inc(&rtp->counters.rx_duplicate);
	return arrival != RTP_ARRIVED_DUPLICATE;
}

void rtp_rx_packet(struct rtp_endpoint *rtp, uint8_t *octets, size_t n, const struct netaddr *from)
{
	struct rtp_packet p;
	enum frame_kind kind;
	uint64_t now_us = loop_now_us(rtp->loop);
	if ((rtp->crypto && rtp->crypto->ops->unprotect(rtp->crypto, false, octets, &n) < 0) ||
	    rtp_packet_parse(&p, octets, n) < 0 || p.length > RTP_AUDIO_MAX) {
		counter_inc(&rtp->counters.rx_malformed);
		return;
	}
	if (!rtp->configured || !source_welcome(rtp, from)) {
		counter_inc(&rtp->counters.rx_foreign);
		return;
	}
	if (!expected_type(rtp, p.payload_type, &kind)) {
		counter_inc(&rtp->counters.rx_unknown_pt);
		return;
	}
	if (!believe(rtp, &p, from, now_us))
		return;
	account(rtp, &p, kind, now_us);
	if (p.length && (rtp->media.direction & RTP_RECVONLY))
		deliver(rtp, &p, kind);
}

static void sync_one(uint64_t *seen, const counter_t *from, counter_t *to)
{
	uint64_t now = counter_get(from);
	if (now != *seen)
		counter_add(to, now - *seen);
	*seen = now;
}

/* What the jitter buffer counted since we last looked. */
void rtp_rx_sync_counters(struct rtp_endpoint *rtp)
{
	struct jitter_counters *j = &rtp->jitter->counters;
	sync_one(&rtp->jitter_seen[0], &j->late, &rtp->counters.rx_late);
	sync_one(&rtp->jitter_seen[1], &j->concealed_samples, &rtp->counters.concealed_samples);
	sync_one(&rtp->jitter_seen[2], &j->slips_repeat, &rtp->counters.slips_repeat);
	sync_one(&rtp->jitter_seen[3], &j->slips_drop, &rtp->counters.slips_drop);
}
