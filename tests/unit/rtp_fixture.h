/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TESTS_UNIT_RTP_FIXTURE_H
#define TESTS_UNIT_RTP_FIXTURE_H

/* For test_rtp*.c: an RTP endpoint on an inline worker in virtual time, and far ends that are bare
 * loopback sockets with octets written by hand. */

#include "base/mem.h"
#include "transcoding/law.h"
#include "transcoding/meter.h"
#include "trunk/rtp_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MS 1000ULL
#define PCMA 8
#define PCMU 0
#define EVENT 101

struct far {
	int rtp, rtcp;
	struct netaddr address;
	uint16_t sequence;
	uint32_t timestamp, ssrc;
};

struct fixture {
	struct clock_virtual clock;
	struct loop *loop;
	struct worker *worker, *other;
	struct rtp_ports *ports;
	struct rtp_endpoint *a, *b;
	struct far far_a, far_b;
	struct rtp_media media;
	unsigned started, closed, left;
};

/* ---- The far end ---- */

static inline int bound(struct netaddr *address, uint16_t port)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	socklen_t n = sizeof(*address);
	struct netaddr a;
	assert_int_equal(netaddr_set(&a, "127.0.0.1", port), 0);
	if (bind(fd, &a.u.sa, netaddr_len(&a)) < 0) {
		close(fd);
		return -1;
	}
	assert_int_equal(getsockname(fd, &address->u.sa, &n), 0);
	return fd;
}

/* A free pair of ports, the second right above the first. */
static inline void far_open(struct far *far, uint32_t ssrc)
{
	struct netaddr rtcp;
	*far = (struct far){
		.rtp = -1, .rtcp = -1, .ssrc = ssrc, .sequence = 65530, .timestamp = 0xfffff000
	};
	for (unsigned tries = 0; tries < 100 && far->rtcp < 0; tries++) {
		if (far->rtp >= 0)
			close(far->rtp);
		far->rtp = bound(&far->address, 0);
		assert_true(far->rtp >= 0);
		far->rtcp = bound(&rtcp, (uint16_t)(netaddr_port(&far->address) + 1));
	}
	assert_true(far->rtcp >= 0);
}

static inline void far_close(struct far *far)
{
	close(far->rtp);
	close(far->rtcp);
}

static inline void far_send_raw(const struct far *far, const struct rtp_endpoint *to,
				const void *octets, size_t n)
{
	struct netaddr a = rtp_local(to);
	assert_int_equal(sendto(far->rtp, octets, n, 0, &a.u.sa, netaddr_len(&a)), (ssize_t)n);
}

static inline void far_send(const struct far *far, const struct rtp_endpoint *to, uint8_t pt,
			    bool marker, const uint8_t *payload, size_t n)
{
	uint8_t octets[RTP_PACKET_MAX] = { 0x80, (uint8_t)(pt | (marker ? 0x80 : 0)) };
	uint32_t ssrc = htonl(far->ssrc), timestamp = htonl(far->timestamp);
	uint16_t sequence = htons(far->sequence);
	memcpy(octets + 2, &sequence, 2);
	memcpy(octets + 4, &timestamp, 4);
	memcpy(octets + 8, &ssrc, 4);
	memcpy(octets + 12, payload, n);
	far_send_raw(far, to, octets, 12 + n);
}

/* The next n octets of a sequence that doesn't repeat soon. */
static inline uint8_t pattern(uint32_t i)
{
	return (uint8_t)((i * 2654435761U) >> 24);
}

static inline void far_audio(struct far *far, const struct rtp_endpoint *to, uint8_t pt, size_t n)
{
	uint8_t payload[RTP_AUDIO_MAX];
	for (size_t i = 0; i < n; i++)
		payload[i] = pattern(far->timestamp + (uint32_t)i);
	far_send(far, to, pt, false, payload, n);
	far->sequence++;
	far->timestamp += (uint32_t)n;
}

static inline void far_event(struct far *far, const struct rtp_endpoint *to, uint32_t timestamp,
			     uint8_t event, unsigned duration, bool end)
{
	uint8_t payload[4] = { event, (uint8_t)((end ? 0x80 : 0) | 10), (uint8_t)(duration >> 8),
			       (uint8_t)duration };
	struct far at = *far;
	at.timestamp = timestamp;
	far_send(&at, to, EVENT, duration <= 160, payload, 4);
	far->sequence++;
}

struct received {
	uint8_t octets[RTP_PACKET_MAX];
	struct rtp_packet p;
	struct netaddr from;
	int n;
};

static inline bool far_receive(const struct far *far, struct received *r)
{
	socklen_t length = sizeof(r->from);
	ssize_t n = recvfrom(far->rtp, r->octets, sizeof(r->octets), 0, &r->from.u.sa, &length);
	if (n < 0)
		return false;
	r->n = (int)n;
	assert_int_equal(rtp_packet_parse(&r->p, r->octets, (size_t)n), 0);
	return true;
}

static inline unsigned far_drain(const struct far *far)
{
	struct received r;
	unsigned n = 0;
	while (far_receive(far, &r))
		n++;
	return n;
}

/* ---- Fixture ---- */

static inline void on_started(struct rtp_endpoint *rtp, void *arg)
{
	(void)rtp;
	((struct fixture *)arg)->started++;
}

static const struct rtp_ops fixture_ops = { .started = on_started };

static inline void on_closed(void *arg)
{
	((struct fixture *)arg)->closed++;
}

static inline void on_left(void *arg)
{
	((struct fixture *)arg)->left++;
}

static inline void advance(struct fixture *f, uint64_t us)
{
	loop_advance(f->loop, &f->clock, us);
}

static inline void settle(struct fixture *f)
{
	for (unsigned i = 0; i < 4; i++)
		loop_turn(f->loop, 0);
}

static inline struct rtp_endpoint *endpoint(struct fixture *f, enum port_codec line)
{
	struct rtp_cfg cfg = {
		.dscp = 46, .jitter_ms = 40, .line_codec = line, .cname = "probe@test"
	};
	struct rtp_endpoint *rtp = NULL;
	netaddr_set(&cfg.address, "127.0.0.1", 0);
	assert_int_equal(rtp_create(&rtp, f->ports, &cfg, &fixture_ops, f), 0);
	return rtp;
}

static inline int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct worker_cfg cfg = {
		.name = "w1", .cpu = -1, .clock = &f->clock.clock, .inline_thread = true
	};
	clock_virtual_init(&f->clock);
	assert_int_equal(loop_create(&f->loop, &f->clock.clock), 0);
	assert_int_equal(worker_create(&f->worker, &cfg, f->loop), 0);
	assert_int_equal(worker_create(&f->other, &cfg, f->loop), 0);
	assert_int_equal(rtp_ports_create(&f->ports, 31000, 31399), 0);
	far_open(&f->far_a, 0xaaaa0001);
	far_open(&f->far_b, 0xbbbb0002);
	f->a = endpoint(f, PORT_PCMA);
	f->media = (struct rtp_media){ .remote = f->far_a.address,
				       .codec = PORT_PCMA,
				       .payload_type = PCMA,
				       .payload_type_rx = PCMA,
				       .event_pt = EVENT,
				       .event_pt_rx = EVENT,
				       .ptime_ms = 20,
				       .direction = RTP_SENDRECV,
				       .latching = true };
	rtp_configure(f->a, &f->media);
	rtp_place(f->a, f->worker);
	settle(f);
	*state = f;
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;
	rtp_close(&f->a, on_closed, f);
	rtp_close(&f->b, on_closed, f);
	settle(f);
	assert_int_equal(rtp_ports_used(f->ports), 0);
	worker_destroy(&f->worker);
	worker_destroy(&f->other);
	rtp_ports_destroy(&f->ports);
	loop_destroy(&f->loop);
	far_close(&f->far_a);
	far_close(&f->far_b);
	free(f);
	assert_int_equal(mem_live_blocks(), 0);
	return 0;
}

/* The line: push and pull 8 octets each millisecond. */
static inline size_t line_ms(struct fixture *f, const uint8_t *out, uint8_t *in)
{
	struct frame frame = { .octets = out, .length = 8, .kind = FRAME_AUDIO };
	size_t real = port_pull(rtp_port(f->a), in, 8);
	port_push(rtp_port(f->a), &frame);
	advance(f, MS);
	return real;
}

static inline uint64_t count(const counter_t *c)
{
	return counter_get(c);
}

/* A second endpoint, joined to the first. */
static inline void join(struct fixture *f, uint8_t ptime_b, enum port_codec codec_b,
			uint8_t event_b)
{
	f->b = endpoint(f, PORT_PCMA);
	struct rtp_media b = f->media;
	b.remote = f->far_b.address;
	b.codec = codec_b;
	b.payload_type = b.payload_type_rx = codec_b == PORT_PCMU ? PCMU : PCMA;
	b.event_pt = b.event_pt_rx = event_b;
	b.ptime_ms = ptime_b;
	rtp_configure(f->b, &b);
	rtp_place(f->b, f->worker);
	rtp_join(f->a, f->b);
	settle(f);
}

static inline void part(struct fixture *f)
{
	rtp_leave(f->a, on_left, f);
	settle(f);
	assert_int_equal(f->left, 1);
	assert_null(f->a->peer);
	assert_null(f->b->peer);
}

#endif
