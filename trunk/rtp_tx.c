/* SPDX-License-Identifier: GPL-2.0-only */
/* Sending: audio of the line's clock is cut into packets of ptime; packets of a relay go on with
 * our numbers, cut anew where the two sides' ptime differ. The RTP timestamp is the line's clock
 * (or the other side's), whether we may send or not, so that after a hold the listener finds the
 * stream where time has brought it. Worker thread. */
#include "transcoding/law.h"
#include "trunk/rtp_private.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* A clocked peer that was quiet so long was gone; shorter, the line makes up for it. */
#define IDLE_US 1000000
#define SEQUENCE_STEP_MAX 100

/* An address that one can send to. RFC 3264 8.4: an older way to hold is the address 0.0.0.0. */
bool rtp_tx_sendable(const struct netaddr *a)
{
	static const struct in6_addr any6 = IN6ADDR_ANY_INIT;
	if (netaddr_port(a) == 0)
		return false;
	if (netaddr_family(a) == AF_INET6)
		return memcmp(&a->u.in6.sin6_addr, &any6, sizeof(any6)) != 0;
	return netaddr_family(a) == AF_INET && a->u.in.sin_addr.s_addr != INADDR_ANY;
}

bool rtp_tx_allowed(const struct rtp_endpoint *rtp)
{
	return rtp->configured && (rtp->media.direction & RTP_SENDONLY) &&
	       rtp_tx_sendable(&rtp->remote);
}

unsigned rtp_tx_frame_samples(const struct rtp_endpoint *rtp)
{
	unsigned ms = rtp->media.ptime_ms;
	if (ms == 0)
		ms = 20;
	return (ms > RTP_PTIME_MAX_MS ? RTP_PTIME_MAX_MS : ms) * RTP_SAMPLES_PER_MS;
}

/* ---- Out of the socket ---- */

static bool transmit(struct rtp_endpoint *rtp, uint8_t *octets, size_t n, size_t room)
{
	if (rtp->crypto && rtp->crypto->ops->protect(rtp->crypto, false, octets, &n, room) < 0)
		return false;
	return sendto(rtp->rtp_fd, octets, n, MSG_DONTWAIT | MSG_NOSIGNAL, &rtp->remote.u.sa,
		      netaddr_len(&rtp->remote)) == (ssize_t)n;
}

void rtp_tx_send(struct rtp_endpoint *rtp, const struct rtp_packet *packet)
{
	uint8_t octets[RTP_PACKET_MAX];
	struct rtp_tx *tx = &rtp->tx;
	int n = rtp_packet_build(packet, octets, sizeof(octets));
	if (n < 0 || !transmit(rtp, octets, (size_t)n, sizeof(octets))) {
		counter_inc(&rtp->counters.tx_errors);
		return;
	}
	tx->packets++;
	tx->octets += (uint32_t)packet->length;
	tx->sent_timestamp = packet->timestamp;
	tx->sent_us = loop_now_us(rtp->loop);
	counter_inc(&rtp->counters.tx_packets);
	counter_add(&rtp->counters.tx_octets, packet->length);
}

static void send_audio(struct rtp_endpoint *rtp, const uint8_t *octets, size_t n,
		       uint32_t timestamp, uint16_t sequence)
{
	struct rtp_tx *tx = &rtp->tx;
	struct rtp_packet packet = {
		.marker = tx->marker,
		.payload_type = rtp->media.payload_type,
		.sequence = sequence,
		.timestamp = timestamp,
		.ssrc = tx->ssrc,
		.payload = octets,
		.length = n,
	};
	if (!rtp_tx_allowed(rtp) || rtp->event_tx.mutes) {
		tx->marker = true;
		return;
	}
	meter_add(&rtp->meter_tx, octets, n);
	rtp_tx_send(rtp, &packet);
	tx->marker = false;
}

/* The first n pending octets. A packet that may not be sent takes no sequence number: it isn't
 * lost. */
static void send_pending(struct rtp_endpoint *rtp, size_t n)
{
	struct rtp_tx *tx = &rtp->tx;
	if (rtp_tx_allowed(rtp) && !rtp->event_tx.mutes)
		tx->sequence++;
	send_audio(rtp, tx->pending, n, tx->timestamp, tx->sequence);
	tx->used -= n;
	memmove(tx->pending, tx->pending + n, tx->used);
	tx->timestamp += (uint32_t)n;
}

/* Take octets in the packets' codec; send what is whole. */
static void append(struct rtp_endpoint *rtp, const uint8_t *octets, size_t n, enum port_codec codec)
{
	struct rtp_tx *tx = &rtp->tx;
	size_t whole = rtp_tx_frame_samples(rtp);
	while (n > 0) {
		while (tx->used >= whole)
			send_pending(rtp, whole);
		size_t part = whole - tx->used < n ? whole - tx->used : n;
		law_convert(tx->pending + tx->used, rtp->media.codec, octets, codec, part);
		tx->used += part;
		octets += part;
		n -= part;
	}
	while (tx->used >= whole)
		send_pending(rtp, whole);
	tx->moved_us = loop_now_us(rtp->loop);
}

/* ---- The line's clock ---- */

/* Time that nobody clocked passes in the timestamps too. */
static void catch_up(struct rtp_endpoint *rtp, uint64_t now_us)
{
	struct rtp_tx *tx = &rtp->tx;
	if (tx->moved_us)
		tx->timestamp += (uint32_t)((now_us - tx->moved_us) / 1000 * RTP_SAMPLES_PER_MS);
	tx->moved_us = now_us;
	tx->marker = true;
}

void rtp_tx_clocked(struct rtp_endpoint *rtp, const uint8_t *octets, size_t n,
		    enum port_codec codec)
{
	struct rtp_tx *tx = &rtp->tx;
	uint64_t now_us = loop_now_us(rtp->loop);
	if (now_us - tx->moved_us > IDLE_US) {
		tx->used = 0;
		catch_up(rtp, now_us);
	}
	append(rtp, octets, n, codec);
}

uint32_t rtp_tx_flush(struct rtp_endpoint *rtp)
{
	struct rtp_tx *tx = &rtp->tx;
	uint64_t now_us = loop_now_us(rtp->loop);
	if (tx->used)
		send_pending(rtp, tx->used);
	/* A clocked peer has brought the timestamp here within its block; only real idleness is
	 * made up for. */
	if (now_us - tx->moved_us > RTP_PTIME_MAX_MS * 1000ULL)
		catch_up(rtp, now_us);
	return tx->timestamp;
}

/* ---- Relay ---- */

void rtp_tx_relay_restart(struct rtp_endpoint *rtp)
{
	rtp->tx.relaying = rtp->tx.relay_seq_known = false;
}

static void begin_relay(struct rtp_endpoint *rtp, uint32_t timestamp)
{
	struct rtp_tx *tx = &rtp->tx;
	if (tx->used)
		send_pending(rtp, tx->used);
	catch_up(rtp, loop_now_us(rtp->loop));
	tx->relay_offset = tx->timestamp - timestamp;
	tx->relaying = true;
}

/* Our number for the other side's packet: gaps and disorder of his go on, so that the far end knows
 * of the loss. A late packet takes its own place and doesn't move ours. */
static uint16_t relay_sequence(struct rtp_endpoint *rtp, const uint16_t *theirs)
{
	struct rtp_tx *tx = &rtp->tx;
	int step = 1;
	if (theirs && tx->relay_seq_known) {
		int delta = (int16_t)(*theirs - tx->relay_sequence);
		if (delta < 0 && delta > -SEQUENCE_STEP_MAX)
			return (uint16_t)(tx->sequence + delta);
		if (delta > 0 && delta < SEQUENCE_STEP_MAX)
			step = delta;
	}
	if (theirs) {
		tx->relay_sequence = *theirs;
		tx->relay_seq_known = true;
	}
	return tx->sequence = (uint16_t)(tx->sequence + step);
}

static void moved_to(struct rtp_endpoint *rtp, uint32_t timestamp)
{
	if ((int32_t)(timestamp - rtp->tx.timestamp) > 0)
		rtp->tx.timestamp = timestamp;
	rtp->tx.moved_us = loop_now_us(rtp->loop);
}

static void relay_as_is(struct rtp_endpoint *rtp, const struct frame *frame, enum port_codec codec,
			uint32_t timestamp, const uint16_t *sequence)
{
	uint8_t octets[RTP_AUDIO_MAX];
	law_convert(octets, rtp->media.codec, frame->octets, codec, frame->length);
	if (rtp_tx_allowed(rtp) && !rtp->event_tx.mutes)
		send_audio(rtp, octets, frame->length, timestamp, relay_sequence(rtp, sequence));
	else
		rtp->tx.marker = true;
	moved_to(rtp, timestamp + (uint32_t)frame->length);
}

/* Packets of another length than ours are gathered; what comes out of order then has no place any
 * more. */
static void relay_cut_anew(struct rtp_endpoint *rtp, const struct frame *frame,
			   enum port_codec codec, uint32_t timestamp, const uint16_t *sequence)
{
	struct rtp_tx *tx = &rtp->tx;
	int32_t ahead = (int32_t)(timestamp - (tx->timestamp + (uint32_t)tx->used));
	if (ahead < 0) {
		counter_inc(&rtp->peer->counters.rx_late);
		return;
	}
	if (ahead > 0) {
		if (tx->used)
			send_pending(rtp, tx->used);
		tx->timestamp = timestamp;
	}
	if (sequence) {
		tx->relay_sequence = *sequence;
		tx->relay_seq_known = true;
	}
	append(rtp, frame->octets, frame->length, codec);
}

/* Telephone-events (RFC 4733) and comfort noise (RFC 3389) keep their payload. */
static void relay_other(struct rtp_endpoint *rtp, const struct frame *frame, uint32_t timestamp,
			const uint16_t *sequence)
{
	struct rtp_tx *tx = &rtp->tx;
	bool event = frame->kind == FRAME_EVENT;
	if (tx->used)
		send_pending(rtp, tx->used);
	if (!rtp_tx_allowed(rtp) || rtp->event_tx.mutes)
		return;
	struct rtp_packet packet = {
		.marker = frame->marker,
		.payload_type = event ? rtp->media.event_pt : RTP_PT_CN,
		.sequence = relay_sequence(rtp, sequence),
		.timestamp = timestamp,
		.ssrc = tx->ssrc,
		.payload = frame->octets,
		.length = frame->length,
	};
	rtp_tx_send(rtp, &packet);
	if (event && !(tx->event_known && tx->event_timestamp == timestamp))
		counter_inc(&rtp->counters.tx_events);
	tx->event_known |= event;
	if (event)
		tx->event_timestamp = timestamp;
	moved_to(rtp, timestamp);
}

void rtp_tx_relay(struct rtp_endpoint *rtp, const struct frame *frame, enum port_codec codec,
		  const uint16_t *sequence)
{
	struct rtp_tx *tx = &rtp->tx;
	if (!tx->relaying)
		begin_relay(rtp, frame->timestamp);
	uint32_t timestamp = frame->timestamp + tx->relay_offset;
	if (frame->kind != FRAME_AUDIO)
		relay_other(rtp, frame, timestamp, sequence);
	else if (tx->used == 0 && frame->length == rtp_tx_frame_samples(rtp))
		relay_as_is(rtp, frame, codec, timestamp, sequence);
	else
		relay_cut_anew(rtp, frame, codec, timestamp, sequence);
}
