/* SPDX-License-Identifier: GPL-2.0-only */
/* Telephone-events, RFC 4733.
 *
 * Received, for a side that knows no events: the digit's tone is written over the audio of its
 * time, as far as the packets tell its duration. Every packet carries the whole event so far, so a
 * lost one costs nothing, and repeated ones add nothing: an event is known by its timestamp. Sent:
 * one packet each ptime with growing duration, the last one three times (2.5.1.4). Worker thread.
 */
#include "transcoding/law.h"
#include "trunk/rtp_private.h"

#include <string.h>

#define DTMF_EVENTS 16
/* Q.24: a digit must last 40 ms to be heard; the first packet is worth this much, so that the
 * second may be lost. */
#define TONE_MIN_MS 50
/* Most that one packet may add: bounds the work of a tick. */
#define TONE_STEP_MAX_MS 400
#define LEVEL_MAX_DBM0                                                                             \
	6 /* "volume" is a level with its sign dropped: louder than -6 dBm0 overloads */
#define LEVEL_MIN_DBM0 30
#define SEND_VOLUME 10 /* -10 dBm0 */
#define END_PACKETS 3
#define QUIET_MS 60 /* what follows a tone is silence, not its concealment */
#define PAUSE_MS 50 /* between two digits that we send */

/* ---- Received ---- */

static void play(struct rtp_endpoint *rtp, const uint8_t *octets, size_t n, uint32_t timestamp)
{
	if (rtp->peer) {
		struct frame frame = { octets, n, FRAME_AUDIO, timestamp, true, false };
		rtp_tx_relay(rtp->peer, &frame, rtp->port.format.codec, NULL);
	} else {
		jitter_replace(rtp->jitter, octets, n, timestamp);
	}
}

static void make_tone(struct rtp_endpoint *rtp, unsigned until)
{
	struct rtp_event_rx *e = &rtp->event_rx;
	uint8_t octets[160];
	while (e->made < until) {
		size_t n = until - e->made < sizeof(octets) ? until - e->made : sizeof(octets);
		tone_read(&e->tone, octets, n);
		play(rtp, octets, n, e->start + e->made);
		e->made += (unsigned)n;
	}
}

static void quiet_after(struct rtp_endpoint *rtp)
{
	uint8_t octets[QUIET_MS * RTP_SAMPLES_PER_MS];
	if (rtp->peer)
		return;
	memset(octets, law_silence(rtp->port.format.codec), sizeof(octets));
	jitter_fill(rtp->jitter, octets, sizeof(octets), rtp->event_rx.start + rtp->event_rx.made);
}

/* The tone begins where the event says, or now when that has passed already (its first packets were
 * lost), or when its timestamp has nothing to do with the audio's. */
static uint32_t tone_start(const struct rtp_endpoint *rtp, uint32_t timestamp)
{
	uint32_t position;
	if (rtp->peer || !jitter_position(rtp->jitter, &position))
		return timestamp;
	int32_t ahead = (int32_t)(timestamp - position);
	return ahead < 0 || ahead > RTP_RATE_HZ ? position : timestamp;
}

static void begin_event(struct rtp_endpoint *rtp, const struct rtp_event *event, uint32_t timestamp)
{
	struct rtp_event_rx *e = &rtp->event_rx;
	struct tone_spec spec;
	int level = event->volume < LEVEL_MAX_DBM0 ? LEVEL_MAX_DBM0 : event->volume;
	if (level > LEVEL_MIN_DBM0)
		level = LEVEL_MIN_DBM0;
	counter_inc(&rtp->counters.rx_events);
	e->active = true;
	e->ended = false;
	e->timestamp = timestamp;
	e->event = event->event;
	e->made = 0;
	e->duration = 0;
	e->rendered = tone_dtmf(&spec, event->event, -level, 0);
	if (!e->rendered)
		return;
	e->start = tone_start(rtp, timestamp);
	tone_init(&e->tone, &spec, &rtp->port.format);
}

/* RFC 4733 2.5.1.3: an event too long for the duration field goes on in another segment, which
 * begins where the last ended. */
static bool is_next_segment(const struct rtp_event_rx *e, const struct rtp_event *event,
			    const struct rtp_packet *p)
{
	return e->active && !e->ended && !p->marker && e->event == event->event &&
	       p->timestamp == e->timestamp + e->duration;
}

/* Which event does this packet tell of? False: of one that has passed. */
static bool find_event(struct rtp_endpoint *rtp, const struct rtp_event *event,
		       const struct rtp_packet *p)
{
	struct rtp_event_rx *e = &rtp->event_rx;
	if (e->active && p->timestamp == e->timestamp)
		return true;
	if (e->active && (int32_t)(p->timestamp - e->timestamp) < 0)
		return false;
	if (is_next_segment(e, event, p)) {
		e->timestamp = p->timestamp;
		e->start += e->duration;
		e->made -= e->made < e->duration ? e->made : e->duration;
		e->duration = 0;
	} else {
		begin_event(rtp, event, p->timestamp);
	}
	return true;
}

void rtp_event_receive(struct rtp_endpoint *rtp, const struct rtp_packet *packet)
{
	struct rtp_event_rx *e = &rtp->event_rx;
	struct rtp_event event;
	unsigned until = TONE_MIN_MS * RTP_SAMPLES_PER_MS;
	if (rtp_event_parse(&event, packet->payload, packet->length) < 0) {
		counter_inc(&rtp->counters.rx_malformed);
		return;
	}
	if (!find_event(rtp, &event, packet))
		return;
	if (event.duration > e->duration)
		e->duration = event.duration;
	e->ended |= event.end;
	if (until < e->duration)
		until = e->duration;
	if (until > e->made + TONE_STEP_MAX_MS * RTP_SAMPLES_PER_MS)
		until = e->made + TONE_STEP_MAX_MS * RTP_SAMPLES_PER_MS;
	if (!e->rendered)
		return;
	make_tone(rtp, until);
	quiet_after(rtp);
}

void rtp_event_note(struct rtp_endpoint *rtp, uint32_t timestamp)
{
	struct rtp_event_rx *e = &rtp->event_rx;
	if (e->active && (int32_t)(timestamp - e->timestamp) <= 0)
		return;
	*e = (struct rtp_event_rx){ .active = true, .timestamp = timestamp };
	counter_inc(&rtp->counters.rx_events);
}

size_t rtp_event_covers(const struct rtp_endpoint *rtp, uint32_t timestamp, size_t n)
{
	const struct rtp_event_rx *e = &rtp->event_rx;
	if (!e->active || !e->rendered)
		return 0;
	int32_t begun = (int32_t)(timestamp - e->start),
		left = (int32_t)(e->start + e->made - timestamp);
	if (begun < -(int32_t)n || left <= 0)
		return 0;
	return (size_t)left < n ? (size_t)left : n;
}

/* ---- Sent ---- */

static void send_event(struct rtp_endpoint *rtp, bool first, bool end)
{
	struct rtp_event_tx *e = &rtp->event_tx;
	struct rtp_event event = { e->now.event, end, SEND_VOLUME, (uint16_t)e->duration };
	uint8_t payload[RTP_EVENT_LENGTH];
	if (!rtp_tx_allowed(rtp) || rtp->media.event_pt == RTP_NO_PT)
		return;
	rtp_event_build(&event, payload);
	struct rtp_packet packet = {
		.marker = first,
		.payload_type = rtp->media.event_pt,
		.sequence = ++rtp->tx.sequence,
		.timestamp = e->timestamp,
		.ssrc = rtp->tx.ssrc,
		.payload = payload,
		.length = sizeof(payload),
	};
	rtp_tx_send(rtp, &packet);
	if (first)
		counter_inc(&rtp->counters.tx_events);
}

static void event_due(struct loop_timer *timer, void *arg);

static void arm(struct rtp_endpoint *rtp, uint64_t after_us)
{
	struct rtp_event_tx *e = &rtp->event_tx;
	e->due_us += after_us;
	loop_timer_start_at(rtp->loop, &e->timer, e->due_us, event_due, rtp);
}

static void next_request(struct rtp_endpoint *rtp)
{
	struct rtp_event_tx *e = &rtp->event_tx;
	e->active = ring_pop(rtp->event_requests, &e->now);
	if (!e->active)
		return;
	e->timestamp = rtp_tx_flush(rtp);
	e->duration = e->ends = 0;
	e->mutes = true;
	e->due_us = loop_now_us(rtp->loop);
	arm(rtp, rtp_tx_frame_samples(rtp) / RTP_SAMPLES_PER_MS * 1000ULL);
}

static void event_due(struct loop_timer *timer, void *arg)
{
	struct rtp_endpoint *rtp = arg;
	struct rtp_event_tx *e = &rtp->event_tx;
	unsigned step = rtp_tx_frame_samples(rtp);
	bool first = e->duration == 0;
	(void)timer;
	if (e->ends == END_PACKETS) {
		next_request(rtp);
		return;
	}
	e->duration = e->duration + step < e->now.duration ? e->duration + step : e->now.duration;
	bool end = e->duration == e->now.duration;
	send_event(rtp, first, end);
	e->ends += end;
	if (end)
		e->mutes = false;
	arm(rtp, e->ends == END_PACKETS ? PAUSE_MS * 1000ULL : step / RTP_SAMPLES_PER_MS * 1000ULL);
}

/* A request was queued. */
void rtp_event_kick(void *object, void *arg)
{
	struct rtp_endpoint *rtp = object;
	(void)arg;
	if (rtp->worker && !rtp->event_tx.active)
		next_request(rtp);
}

void rtp_event_stop(struct rtp_endpoint *rtp)
{
	loop_timer_stop(rtp->loop, &rtp->event_tx.timer);
	rtp->event_tx.active = rtp->event_tx.mutes = false;
}
