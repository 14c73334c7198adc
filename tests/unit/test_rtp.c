/* SPDX-License-Identifier: GPL-2.0-only */
/* RTP endpoints on loopback sockets in virtual time: the far end is a bare socket and octets written by hand. */
#include "base/mem.h"
#include "transcoding/law.h"
#include "transcoding/meter.h"
#include "trunk/rtp_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/ip.h>
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

static int bound(struct netaddr *address, uint16_t port)
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
static void far_open(struct far *far, uint32_t ssrc)
{
	struct netaddr rtcp;
	*far = (struct far){ .rtp = -1, .rtcp = -1, .ssrc = ssrc, .sequence = 65530, .timestamp = 0xfffff000 };
	for (unsigned tries = 0; tries < 100 && far->rtcp < 0; tries++) {
		if (far->rtp >= 0)
			close(far->rtp);
		far->rtp = bound(&far->address, 0);
		assert_true(far->rtp >= 0);
		far->rtcp = bound(&rtcp, (uint16_t)(netaddr_port(&far->address) + 1));
	}
	assert_true(far->rtcp >= 0);
}

static void far_close(struct far *far)
{
	close(far->rtp);
	close(far->rtcp);
}

static void far_send_raw(const struct far *far, const struct rtp_endpoint *to, const void *octets, size_t n)
{
	struct netaddr a = rtp_local(to);
	assert_int_equal(sendto(far->rtp, octets, n, 0, &a.u.sa, netaddr_len(&a)), (ssize_t)n);
}

static void far_send(const struct far *far, const struct rtp_endpoint *to, uint8_t pt, bool marker,
		     const uint8_t *payload, size_t n)
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
static uint8_t pattern(uint32_t i)
{
	return (uint8_t)((i * 2654435761U) >> 24);
}

static void far_audio(struct far *far, const struct rtp_endpoint *to, uint8_t pt, size_t n)
{
	uint8_t payload[RTP_AUDIO_MAX];
	for (size_t i = 0; i < n; i++)
		payload[i] = pattern(far->timestamp + (uint32_t)i);
	far_send(far, to, pt, false, payload, n);
	far->sequence++;
	far->timestamp += (uint32_t)n;
}

static void far_event(struct far *far, const struct rtp_endpoint *to, uint32_t timestamp, uint8_t event, unsigned duration,
		      bool end)
{
	uint8_t payload[4] = { event, (uint8_t)((end ? 0x80 : 0) | 10), (uint8_t)(duration >> 8), (uint8_t)duration };
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

static bool far_receive(const struct far *far, struct received *r)
{
	socklen_t length = sizeof(r->from);
	ssize_t n = recvfrom(far->rtp, r->octets, sizeof(r->octets), 0, &r->from.u.sa, &length);
	if (n < 0)
		return false;
	r->n = (int)n;
	assert_int_equal(rtp_packet_parse(&r->p, r->octets, (size_t)n), 0);
	return true;
}

static unsigned far_drain(const struct far *far)
{
	struct received r;
	unsigned n = 0;
	while (far_receive(far, &r))
		n++;
	return n;
}

/* ---- Fixture ---- */

static void on_started(struct rtp_endpoint *rtp, void *arg)
{
	(void)rtp;
	((struct fixture *)arg)->started++;
}

static const struct rtp_ops ops = { .started = on_started };

static void on_closed(void *arg)
{
	((struct fixture *)arg)->closed++;
}

static void on_left(void *arg)
{
	((struct fixture *)arg)->left++;
}

static void advance(struct fixture *f, uint64_t us)
{
	loop_advance(f->loop, &f->clock, us);
}

static void settle(struct fixture *f)
{
	for (unsigned i = 0; i < 4; i++)
		loop_turn(f->loop, 0);
}

static struct rtp_endpoint *endpoint(struct fixture *f, enum port_codec line)
{
	struct rtp_cfg cfg = { .dscp = 46, .jitter_ms = 40, .line_codec = line, .cname = "probe@test" };
	struct rtp_endpoint *rtp = NULL;
	netaddr_set(&cfg.address, "127.0.0.1", 0);
	assert_int_equal(rtp_create(&rtp, f->ports, &cfg, &ops, f), 0);
	return rtp;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct worker_cfg cfg = { .name = "w1", .cpu = -1, .clock = &f->clock.clock, .inline_thread = true };
	clock_virtual_init(&f->clock);
	assert_int_equal(loop_create(&f->loop, &f->clock.clock), 0);
	assert_int_equal(worker_create(&f->worker, &cfg, f->loop), 0);
	assert_int_equal(worker_create(&f->other, &cfg, f->loop), 0);
	assert_int_equal(rtp_ports_create(&f->ports, 31000, 31399), 0);
	far_open(&f->far_a, 0xaaaa0001);
	far_open(&f->far_b, 0xbbbb0002);
	f->a = endpoint(f, PORT_PCMA);
	f->media = (struct rtp_media){ .remote = f->far_a.address, .codec = PORT_PCMA, .payload_type = PCMA,
				       .payload_type_rx = PCMA, .event_pt = EVENT, .event_pt_rx = EVENT,
				       .ptime_ms = 20, .direction = RTP_SENDRECV, .latching = true };
	rtp_configure(f->a, &f->media);
	rtp_place(f->a, f->worker);
	settle(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
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
static size_t line_ms(struct fixture *f, const uint8_t *out, uint8_t *in)
{
	struct frame frame = { .octets = out, .length = 8, .kind = FRAME_AUDIO };
	size_t real = port_pull(rtp_port(f->a), in, 8);
	port_push(rtp_port(f->a), &frame);
	advance(f, MS);
	return real;
}

static uint64_t count(const counter_t *c)
{
	return counter_get(c);
}

/* ---- Cases ---- */

/*  far ──RTP 20 ms──▶ endpoint ──8 octets/ms──▶ line: every octet, once, in one alignment */
static void test_receive_is_bit_exact(void **state)
{
	struct fixture *f = *state;
	uint8_t in[8], out[8] = { 0 };
	uint32_t first = f->far_a.timestamp, next = 0;
	bool begun = false;
	for (unsigned ms = 0; ms < 2000; ms++) {
		if (ms % 20 == 0)
			far_audio(&f->far_a, f->a, PCMA, 160);
		advance(f, 0);
		size_t real = line_ms(f, out, in);
		if (!begun && real) {
			begun = true;
			next = first;
			assert_in_range(ms, 39, 42); /* the depth */
		}
		for (unsigned i = 0; begun && i < 8; i++)
			assert_int_equal(in[i], pattern(next++));
	}
	assert_int_equal(count(&f->a->counters.rx_packets), 100);
	assert_int_equal(count(&f->a->counters.rx_lost), 0);
	assert_int_equal(count(&f->a->counters.concealed_samples), 0);
	assert_int_equal(f->started, 1);
}

/*  line ──8 octets/ms──▶ endpoint ──RTP of ptime──▶ far */
static void test_send_cuts_packets_of_ptime(void **state)
{
	struct fixture *f = *state;
	static const uint8_t ptimes[] = { 10, 20, 30, 40, 60 };
	uint8_t in[8], out[8];
	uint32_t sent = 0, got = 0, timestamp = 0;
	uint16_t sequence = 0;
	bool first = true;
	struct received r;
	for (unsigned k = 0; k < sizeof(ptimes); k++) {
		f->media.ptime_ms = ptimes[k];
		rtp_configure(f->a, &f->media);
		settle(f);
		for (unsigned ms = 0; ms < 240; ms++) {
			for (unsigned i = 0; i < 8; i++)
				out[i] = pattern(sent++);
			line_ms(f, out, in);
			if (!far_receive(&f->far_a, &r))
				continue;
			assert_int_equal(r.p.length, ptimes[k] * 8);
			assert_int_equal(r.p.payload_type, PCMA);
			assert_int_equal(r.p.marker, first);
			assert_true(first || r.p.timestamp == timestamp);
			assert_true(first || r.p.sequence == sequence);
			first = false;
			timestamp = r.p.timestamp + (uint32_t)r.p.length;
			sequence = (uint16_t)(r.p.sequence + 1);
			for (size_t i = 0; i < r.p.length; i++)
				assert_int_equal(r.p.payload[i], pattern(got++));
		}
	}
	assert_int_equal(got, sent);
}

static void test_ptime_of_the_far_side_is_free(void **state)
{
	struct fixture *f = *state;
	static const unsigned sizes[] = { 480, 80, 160, 240, 320 };
	uint8_t in[8], out[8] = { 0 };
	uint32_t next = f->far_a.timestamp;
	unsigned due = 0, k = 0;
	bool begun = false;
	for (unsigned ms = 0; ms < 1500; ms++) {
		if (ms == due) {
			/* A packet of n ms is sent at its end. */
			far_audio(&f->far_a, f->a, PCMA, sizes[k % 5]);
			due += sizes[++k % 5] / 8;
		}
		advance(f, 0);
		size_t real = line_ms(f, out, in);
		begun |= real > 0;
		for (unsigned i = 0; begun && i < 8; i++)
			assert_int_equal(in[i], pattern(next++));
	}
	assert_int_equal(count(&f->a->counters.concealed_samples), 0);
}

static void test_law_is_converted_when_packets_differ_from_the_line(void **state)
{
	struct fixture *f = *state;
	uint8_t in[8], out[8], ulaw[160];
	struct received r;
	f->media.codec = PORT_PCMU;
	f->media.payload_type = f->media.payload_type_rx = PCMU;
	rtp_configure(f->a, &f->media);
	settle(f);
	memset(out, 0x34, sizeof(out));
	memset(ulaw, 0x1e, sizeof(ulaw));
	for (unsigned ms = 0; ms < 60; ms++) {
		if (ms % 20 == 0) {
			far_send(&f->far_a, f->a, PCMU, false, ulaw, 160);
			f->far_a.sequence++;
			f->far_a.timestamp += 160;
		}
		advance(f, 0);
		line_ms(f, out, in);
	}
	assert_int_equal(in[0], law_u_to_a(0x1e));
	assert_true(far_receive(&f->far_a, &r));
	assert_int_equal(r.p.payload_type, PCMU);
	assert_int_equal(r.p.payload[5], law_a_to_u(0x34));
}

static void test_stream_that_ends_becomes_silence(void **state)
{
	struct fixture *f = *state;
	uint8_t in[8], out[8] = { 0 };
	for (unsigned ms = 0; ms < 1000; ms++) {
		if (ms < 200 && ms % 20 == 0)
			far_audio(&f->far_a, f->a, PCMA, 160);
		advance(f, 0);
		size_t real = line_ms(f, out, in);
		if (ms < 400)
			continue;
		assert_int_equal(real, 0);
		for (unsigned i = 0; i < 8; i++)
			assert_int_equal(in[i], LAW_SILENCE_A);
	}
	assert_true(count(&f->a->counters.concealed_samples) <= 480);
}

static void test_loss_disorder_and_duplicates_are_counted(void **state)
{
	struct fixture *f = *state;
	uint8_t in[8], out[8] = { 0 };
	for (unsigned k = 0; k < 60; k++) {
		if (k == 10) { /* lost */
			f->far_a.sequence++;
			f->far_a.timestamp += 160;
		} else if (k == 15) { /* 16 before 15 */
			struct far late = f->far_a;
			f->far_a.sequence++;
			f->far_a.timestamp += 160;
			far_audio(&f->far_a, f->a, PCMA, 160);
			far_audio(&late, f->a, PCMA, 160);
			k++;
			for (unsigned ms = 0; ms < 20; ms++)
				line_ms(f, out, in);
		} else if (k == 20) { /* twice */
			struct far twice = f->far_a;
			far_audio(&f->far_a, f->a, PCMA, 160);
			far_audio(&twice, f->a, PCMA, 160);
		} else {
			far_audio(&f->far_a, f->a, PCMA, 160);
		}
		advance(f, 0);
		for (unsigned ms = 0; ms < 20; ms++)
			line_ms(f, out, in);
	}
	assert_int_equal(count(&f->a->counters.rx_lost), 1);
	assert_int_equal(count(&f->a->counters.rx_reordered), 1);
	assert_int_equal(count(&f->a->counters.rx_duplicate), 1);
	assert_int_equal(count(&f->a->counters.concealed_samples), 160);
	assert_int_equal(count(&f->a->counters.slips_drop) + count(&f->a->counters.slips_repeat), 0);
}

static void test_latching_locks_on_the_first_source(void **state)
{
	struct fixture *f = *state;
	uint8_t in[8], out[8] = { 0 };
	struct rtp_quality q;
	netaddr_set(&f->media.remote, "127.0.0.1", 9); /* what signalling said: a private address behind a NAT, say */
	rtp_configure(f->a, &f->media);
	settle(f);
	far_send_raw(&f->far_a, f->a, "no RTP", 6);
	f->far_a.sequence = 1;
	far_audio(&f->far_a, f->a, 77, 160); /* no payload type that was agreed: doesn't latch */
	advance(f, 0);
	assert_int_equal(f->started, 0);
	far_audio(&f->far_b, f->a, PCMA, 160);
	advance(f, 0);
	settle(f);
	assert_int_equal(f->started, 1);
	rtp_quality(f->a, &q);
	assert_true(netaddr_equal(&q.remote, &f->far_b.address));
	for (unsigned i = 0; i < 5; i++)
		far_audio(&f->far_a, f->a, PCMA, 160);
	for (unsigned ms = 0; ms < 60; ms++)
		line_ms(f, out, in);
	assert_int_equal(count(&f->a->counters.rx_foreign), 5);
	assert_int_equal(count(&f->a->counters.rx_packets), 1);
	assert_int_equal(count(&f->a->counters.rx_malformed), 1);
	assert_int_equal(count(&f->a->counters.rx_unknown_pt), 1);
	assert_int_equal(far_drain(&f->far_a), 0);
	assert_int_equal(far_drain(&f->far_b), 3);
	/* The same terms again keep the lock, a new remote opens it. */
	rtp_configure(f->a, &f->media);
	settle(f);
	far_audio(&f->far_a, f->a, PCMA, 160);
	advance(f, 0);
	assert_int_equal(count(&f->a->counters.rx_foreign), 6);
	f->media.remote = f->far_a.address;
	rtp_configure(f->a, &f->media);
	settle(f);
	far_audio(&f->far_a, f->a, PCMA, 160);
	advance(f, 0);
	settle(f);
	assert_int_equal(f->started, 2);
	assert_int_equal(count(&f->a->counters.rx_packets), 2);
}

static void test_without_latching_only_the_remote_host_is_heard(void **state)
{
	struct fixture *f = *state;
	struct rtp_quality q;
	f->media.latching = false;
	netaddr_set(&f->media.remote, "127.0.0.9", 4000);
	rtp_configure(f->a, &f->media);
	settle(f);
	far_audio(&f->far_a, f->a, PCMA, 160);
	advance(f, 0);
	assert_int_equal(count(&f->a->counters.rx_foreign), 1);
	netaddr_set(&f->media.remote, "127.0.0.1", 4000);
	rtp_configure(f->a, &f->media);
	settle(f);
	far_audio(&f->far_a, f->a, PCMA, 160); /* another port than the one we send to: allowed */
	far_audio(&f->far_b, f->a, PCMA, 160); /* but only one */
	advance(f, 0);
	assert_int_equal(count(&f->a->counters.rx_packets), 1);
	assert_int_equal(count(&f->a->counters.rx_foreign), 2);
	rtp_quality(f->a, &q);
	assert_true(netaddr_equal(&q.remote, &f->media.remote));
}

static void test_hold_sends_nothing_and_time_goes_on(void **state)
{
	struct fixture *f = *state;
	uint8_t in[8], out[8] = { 0 };
	struct received r;
	uint32_t before = 0;
	uint16_t sequence = 0;
	for (unsigned ms = 0; ms < 100; ms++)
		line_ms(f, out, in);
	while (far_receive(&f->far_a, &r)) {
		before = r.p.timestamp;
		sequence = r.p.sequence;
	}
	f->media.direction = RTP_INACTIVE;
	rtp_configure(f->a, &f->media);
	settle(f);
	for (unsigned ms = 0; ms < 1000; ms++) {
		if (ms % 20 == 0)
			far_audio(&f->far_a, f->a, PCMA, 160);
		assert_int_equal(line_ms(f, out, in), 0);
	}
	assert_int_equal(far_drain(&f->far_a), 0);
	f->media.direction = RTP_SENDRECV;
	rtp_configure(f->a, &f->media);
	settle(f);
	for (unsigned ms = 0; ms < 20; ms++)
		line_ms(f, out, in);
	assert_true(far_receive(&f->far_a, &r));
	assert_true(r.p.marker);
	assert_int_equal(r.p.sequence, (uint16_t)(sequence + 1));
	assert_int_equal(r.p.timestamp - before, 8 * 1020);
}

/* RFC 3264 8.4 */
static void test_old_hold_by_address_zero_sends_nothing(void **state)
{
	struct fixture *f = *state;
	uint8_t in[8], out[8] = { 0 };
	netaddr_set(&f->media.remote, "0.0.0.0", netaddr_port(&f->far_a.address));
	f->media.latching = false;
	rtp_configure(f->a, &f->media);
	settle(f);
	for (unsigned ms = 0; ms < 10000; ms++)
		line_ms(f, out, in);
	assert_int_equal(far_drain(&f->far_a), 0);
	assert_int_equal(count(&f->a->counters.tx_packets) + count(&f->a->counters.tx_rtcp), 0);
	assert_int_equal(count(&f->a->counters.tx_errors), 0);
}

static void test_change_of_source_is_followed(void **state)
{
	struct fixture *f = *state;
	uint8_t in[8], out[8] = { 0 };
	for (unsigned ms = 0; ms < 400; ms++) {
		if (ms == 200) { /* the far side transfers: all its numbers are new */
			f->far_a.ssrc = 0x12345678;
			f->far_a.sequence = 7;
			f->far_a.timestamp = 1000000;
		}
		if (ms % 20 == 0)
			far_audio(&f->far_a, f->a, PCMA, 160);
		advance(f, 0);
		size_t real = line_ms(f, out, in);
		if (ms > 300)
			assert_int_equal(real, 8);
	}
	assert_int_equal(count(&f->a->counters.rx_foreign), 1); /* the first one wasn't believed yet */
	/* A single stray of another source changes nothing. */
	struct far stray = f->far_a;
	stray.ssrc = 99;
	far_audio(&stray, f->a, PCMA, 160);
	advance(f, 0);
	assert_int_equal(f->a->rx.ssrc, 0x12345678);
	assert_int_equal(count(&f->a->counters.rx_foreign), 2);
}

/* ---- Relay ---- */

static void join(struct fixture *f, uint8_t ptime_b, enum port_codec codec_b, uint8_t event_b)
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

static void part(struct fixture *f)
{
	rtp_leave(f->a, on_left, f);
	settle(f);
	assert_int_equal(f->left, 1);
	assert_null(f->a->peer);
	assert_null(f->b->peer);
}

static void test_relay_renumbers_and_keeps_timing(void **state)
{
	struct fixture *f = *state;
	struct received r;
	uint32_t offset = 0, got = 0;
	uint16_t sequence = 0;
	join(f, 20, PORT_PCMU, 96);
	for (unsigned k = 0; k < 50; k++) {
		if (k == 20) { /* a lost one */
			f->far_a.sequence++;
			f->far_a.timestamp += 160;
		}
		uint32_t timestamp = f->far_a.timestamp;
		far_audio(&f->far_a, f->a, PCMA, 160);
		advance(f, 20 * MS);
		assert_true(far_receive(&f->far_b, &r));
		if (k == 0) {
			offset = r.p.timestamp - timestamp;
			assert_true(r.p.marker);
		} else {
			assert_int_equal((uint16_t)(r.p.sequence - sequence), k == 20 ? 2 : 1);
		}
		sequence = r.p.sequence;
		assert_int_equal(r.p.payload_type, PCMU);
		assert_int_equal(r.p.ssrc, f->b->tx.ssrc);
		assert_int_equal(r.p.timestamp - timestamp, offset);
		for (unsigned i = 0; i < 160; i++, got++)
			assert_int_equal(r.p.payload[i], law_a_to_u(pattern(timestamp + i)));
	}
	/* Another source on one side: the other side's timestamps go on as time does. */
	f->far_a.ssrc++;
	f->far_a.sequence = 999;
	f->far_a.timestamp = 77;
	advance(f, 200 * MS);
	far_audio(&f->far_a, f->a, PCMA, 160);
	advance(f, 0);
	uint32_t before = r.p.timestamp;
	assert_true(far_receive(&f->far_b, &r));
	assert_in_range(r.p.timestamp - before, 200 * 8, 240 * 8);
	assert_int_equal(r.p.sequence, (uint16_t)(sequence + 1));
	assert_true(r.p.marker);
	part(f);
}

static void test_relay_swaps_back_disordered_packets_numbers(void **state)
{
	struct fixture *f = *state;
	struct received r;
	uint16_t first;
	join(f, 20, PORT_PCMA, EVENT);
	far_audio(&f->far_a, f->a, PCMA, 160);
	advance(f, 0);
	assert_true(far_receive(&f->far_b, &r));
	first = r.p.sequence;
	struct far late = f->far_a;
	f->far_a.sequence++;
	f->far_a.timestamp += 160;
	far_audio(&f->far_a, f->a, PCMA, 160);
	far_audio(&late, f->a, PCMA, 160);
	far_audio(&f->far_a, f->a, PCMA, 160);
	advance(f, 0);
	static const int expected[] = { 2, 1, 3 };
	for (unsigned i = 0; i < 3; i++) {
		assert_true(far_receive(&f->far_b, &r));
		assert_int_equal((uint16_t)(r.p.sequence - first), expected[i]);
	}
	part(f);
}

static void test_relay_cuts_to_each_sides_ptime(void **state)
{
	struct fixture *f = *state;
	static const struct { unsigned in_ms; uint8_t out_ms; } rows[] = {
		{ 10, 20 }, { 20, 30 }, { 30, 20 }, { 60, 10 }, { 20, 60 }, { 40, 30 },
	};
	struct received r;
	join(f, 20, PORT_PCMA, EVENT);
	for (unsigned k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
		struct rtp_media b = f->b->media_home;
		b.ptime_ms = rows[k].out_ms;
		rtp_configure(f->b, &b);
		settle(f);
		far_drain(&f->far_b);
		uint32_t got = f->far_a.timestamp, timestamp = 0;
		bool first = true;
		for (unsigned ms = 0; ms < 360; ms += rows[k].in_ms) {
			far_audio(&f->far_a, f->a, PCMA, rows[k].in_ms * 8);
			advance(f, rows[k].in_ms * MS);
			while (far_receive(&f->far_b, &r)) {
				assert_int_equal(r.p.length, rows[k].out_ms * 8);
				assert_true(first || r.p.timestamp == timestamp);
				timestamp = r.p.timestamp + (uint32_t)r.p.length;
				first = false;
				for (size_t i = 0; i < r.p.length; i++)
					assert_int_equal(r.p.payload[i], pattern(got++));
			}
		}
		assert_in_range(f->far_a.timestamp - got, 0, rows[k].out_ms * 8);
	}
	part(f);
}

static void test_relay_passes_events_and_noise(void **state)
{
	struct fixture *f = *state;
	struct received r;
	uint32_t offset;
	static const uint8_t noise[] = { 60 };
	join(f, 20, PORT_PCMA, 96);
	far_audio(&f->far_a, f->a, PCMA, 160);
	advance(f, 20 * MS);
	assert_true(far_receive(&f->far_b, &r));
	offset = r.p.timestamp + 160 - f->far_a.timestamp;
	for (unsigned d = 160; d <= 480; d += 160) {
		far_event(&f->far_a, f->a, f->far_a.timestamp, 5, d, d == 480);
		advance(f, 20 * MS);
		assert_true(far_receive(&f->far_b, &r));
		assert_int_equal(r.p.payload_type, 96);
		assert_int_equal(r.p.timestamp, f->far_a.timestamp + offset);
		assert_int_equal(r.p.payload[0], 5);
		assert_int_equal(r.p.payload[2] << 8 | r.p.payload[3], d);
		assert_int_equal(r.p.marker, d == 160);
	}
	assert_int_equal(count(&f->a->counters.rx_events), 1);
	assert_int_equal(count(&f->b->counters.tx_events), 1);
	far_send(&f->far_a, f->a, RTP_PT_CN, false, noise, 1);
	advance(f, 0);
	assert_true(far_receive(&f->far_b, &r));
	assert_int_equal(r.p.payload_type, RTP_PT_CN);
	assert_int_equal(r.p.payload[0], 60);
	part(f);
}

static void test_relay_to_a_side_without_events_makes_tones(void **state)
{
	struct fixture *f = *state;
	struct received r;
	uint8_t heard[8000];
	size_t n = 0;
	join(f, 20, PORT_PCMA, RTP_NO_PT);
	uint32_t timestamp = f->far_a.timestamp;
	for (unsigned d = 160; d <= 1600; d += 160) {
		far_event(&f->far_a, f->a, timestamp, 1, d, d == 1600);
		advance(f, 20 * MS);
		while (far_receive(&f->far_b, &r) && n + r.p.length <= sizeof(heard)) {
			memcpy(heard + n, r.p.payload, r.p.length);
			n += r.p.length;
		}
	}
	assert_int_equal(n, 1600);
	struct recording rec = { PORT_PCMA, 8000, heard, n };
	assert_true(fabs(recording_tone_dbm0(&rec, 697) + 14.1) < 0.5);
	assert_true(fabs(recording_tone_dbm0(&rec, 1209) + 12.1) < 0.5);
	part(f);
}

/* ---- Events and the line ---- */

/* Plays a digit to a clocked line: `heard` for 600 ms, with the packets of the mask lost. */
static void play_digit(struct fixture *f, uint8_t event, unsigned lost_mask, uint8_t heard[4800])
{
	uint8_t out[8] = { 0 };
	uint32_t timestamp = 0;
	for (unsigned ms = 0; ms < 600; ms++) {
		unsigned k = ms / 20;
		if (ms % 20 == 0 && (k < 5 || k > 12)) {
			uint8_t silence[160];
			memset(silence, LAW_SILENCE_A, sizeof(silence));
			far_send(&f->far_a, f->a, PCMA, false, silence, 160);
			f->far_a.sequence++;
			f->far_a.timestamp += 160;
			timestamp = f->far_a.timestamp;
		} else if (ms % 20 == 0) {
			unsigned i = k - 5; /* 0…4 growing, 5…7 the end, three times */
			f->far_a.timestamp += 160;
			if (lost_mask & (1U << i))
				f->far_a.sequence++;
			else
				far_event(&f->far_a, f->a, timestamp, event, i < 5 ? 160 * (i + 1) : 800, i >= 5);
		}
		advance(f, 0);
		line_ms(f, out, heard + 8 * ms);
	}
}

static unsigned tone_ms(const uint8_t heard[4800])
{
	unsigned ms = 0;
	for (unsigned i = 0; i + 40 <= 4800; i += 40) { /* 5 ms */
		struct recording r = { PORT_PCMA, 8000, heard + i, 40 };
		ms += recording_dbm0(&r) > -25 ? 5 : 0;
	}
	return ms;
}

static unsigned tone_count(const uint8_t heard[4800])
{
	unsigned n = 0;
	bool on = false;
	for (unsigned i = 0; i + 80 <= 4800; i += 80) {
		struct recording r = { PORT_PCMA, 8000, heard + i, 80 };
		bool now = recording_dbm0(&r) > -25;
		n += now && !on;
		on = now;
	}
	return n;
}

static void test_event_is_heard_on_the_line_once(void **state)
{
	struct fixture *f = *state;
	/* nothing lost; the first; the second; all ends; all but the first; all but the last end */
	static const unsigned lost[] = { 0, 0x01, 0x02, 0xe0, 0xfe, 0x7f };
	static const unsigned low[] = { 95, 95, 95, 95, 45, 80 }, high[] = { 110, 110, 110, 125, 125, 110 };
	static uint8_t heard[4800];
	for (unsigned i = 0; i < sizeof(lost) / sizeof(lost[0]); i++) {
		play_digit(f, 1, lost[i], heard);
		assert_int_equal(tone_count(heard), 1);
		assert_in_range(tone_ms(heard), low[i], high[i]);
		assert_int_equal(count(&f->a->counters.rx_events), i + 1);
		struct recording r = { PORT_PCMA, 8000, heard, 4800 };
		assert_true(recording_tone_dbm0(&r, 697) > -40 && recording_tone_dbm0(&r, 1209) > -40);
		assert_true(recording_tone_dbm0(&r, 941) < -45);
	}
	play_digit(f, 16, 0, heard); /* flash: no tone */
	assert_int_equal(tone_count(heard), 0);
}

static void test_event_is_sent_with_growing_duration_and_three_ends(void **state)
{
	struct fixture *f = *state;
	uint8_t in[8], out[8] = { 0 };
	struct received r;
	unsigned events = 0, ends = 0, last = 0;
	uint32_t timestamp = 0;
	for (unsigned ms = 0; ms < 100; ms++)
		line_ms(f, out, in);
	far_drain(&f->far_a);
	assert_int_equal(rtp_send_event(f->a, 300, 100), -EINVAL);
	assert_int_equal(rtp_send_event(f->a, 9, 0), -EINVAL);
	assert_int_equal(rtp_send_event(f->a, 9, 100), 0);
	for (unsigned ms = 0; ms < 400; ms++) {
		line_ms(f, out, in);
		while (far_receive(&f->far_a, &r)) {
			if (r.p.payload_type != EVENT) {
				assert_true(events == 0 || ends > 0); /* no audio beside it */
				continue;
			}
			unsigned duration = r.p.payload[2] * 256U + r.p.payload[3];
			assert_int_equal(r.p.payload[0], 9);
			assert_int_equal(r.p.marker, events == 0);
			assert_true(events == 0 || r.p.timestamp == timestamp);
			assert_true(duration >= last && duration <= 800);
			timestamp = r.p.timestamp;
			last = duration;
			events++;
			ends += r.p.payload[1] >> 7;
		}
	}
	assert_int_equal(last, 800);
	assert_int_equal(events, 7);
	assert_int_equal(ends, 3);
	f->media.event_pt = RTP_NO_PT;
	rtp_configure(f->a, &f->media);
	assert_int_equal(rtp_send_event(f->a, 9, 100), -ENOTSUP);
}

static void test_events_without_a_clock_queue_up(void **state)
{
	struct fixture *f = *state;
	struct received r;
	char digits[8] = "";
	unsigned n = 0;
	for (unsigned e = 1; e <= 3; e++)
		assert_int_equal(rtp_send_event(f->a, e, 60), 0);
	for (unsigned ms = 0; ms < 1000; ms += 5) {
		advance(f, 5 * MS);
		while (far_receive(&f->far_a, &r))
			if (r.p.marker && n < 7)
				digits[n++] = (char)('0' + r.p.payload[0]);
	}
	assert_string_equal(digits, "123");
}

/* ---- RTCP ---- */

static void test_reports_go_out_on_hold_too(void **state)
{
	struct fixture *f = *state;
	uint8_t octets[RTCP_PACKET_MAX], in[8], out[8] = { 0 };
	struct rtcp_message m = { 0 };
	unsigned reports = 0, senders = 0;
	for (unsigned ms = 0; ms < 60000; ms++) {
		if (ms == 30000) {
			f->media.direction = RTP_INACTIVE;
			rtp_configure(f->a, &f->media);
		}
		line_ms(f, out, in);
		if (ms % 20 == 0)
			far_drain(&f->far_a);
		ssize_t n = recv(f->far_a.rtcp, octets, sizeof(octets), 0);
		if (n < 0)
			continue;
		assert_int_equal(rtcp_parse(&m, octets, (size_t)n, 0), 0);
		assert_int_equal(m.ssrc, f->a->tx.ssrc);
		reports++;
		senders += m.sender;
	}
	assert_in_range(reports, 7, 30); /* 5 s × 0.5…1.5 / 1.218 */
	assert_true(senders > 0 && senders < reports);
	rtp_close(&f->a, on_closed, f);
	settle(f);
	ssize_t n = recv(f->far_a.rtcp, octets, sizeof(octets), 0);
	assert_true(n > 0 && rtcp_parse(&m, octets, (size_t)n, 0) == 0);
	assert_true(m.bye);
}

static void test_report_received_tells_round_trip_and_loss(void **state)
{
	struct fixture *f = *state;
	uint8_t octets[RTCP_PACKET_MAX], in[8], out[8] = { 0 };
	struct rtcp_message m;
	struct rtp_quality q;
	struct netaddr to = rtp_local(f->a);
	netaddr_set_port(&to, (uint16_t)(netaddr_port(&to) + 1));
	ssize_t n = -1;
	for (unsigned ms = 0; ms < 20000 && n < 0; ms++) {
		line_ms(f, out, in);
		n = recv(f->far_a.rtcp, octets, sizeof(octets), 0);
	}
	assert_int_equal(rtcp_parse(&m, octets, (size_t)n, 0), 0);
	assert_true(m.sender);
	struct rtcp_message answer = { .ssrc = 0xaaaa0001, .has_block = true, .cname = "far" };
	answer.block = (struct rtcp_block){ .ssrc = f->a->tx.ssrc, .fraction_lost = 64, .jitter = 80,
					    .last_sr = rtcp_ntp_middle(m.ntp), .since_sr = 65536 / 10 };
	advance(f, 150 * MS); /* of which the far side held it 100 */
	int length = rtcp_build(&answer, octets, sizeof(octets));
	assert_int_equal(sendto(f->far_a.rtcp, octets, (size_t)length, 0, &to.u.sa, netaddr_len(&to)), length);
	assert_int_equal(sendto(f->far_a.rtcp, "junk", 4, 0, &to.u.sa, netaddr_len(&to)), 4);
	advance(f, 0);
	rtp_quality(f->a, &q);
	assert_true(fabs(q.round_trip_ms - 50) < 2);
	assert_true(fabs(q.remote_loss_fraction - 0.25) < 1e-9);
	assert_true(fabs(q.remote_jitter_ms - 10) < 1e-9);
	assert_int_equal(count(&f->a->counters.rx_rtcp), 1);
	assert_int_equal(count(&f->a->counters.rx_bad_rtcp), 1);
}

/* ---- Life ---- */

static void test_moves_between_workers(void **state)
{
	struct fixture *f = *state;
	uint8_t in[8], out[8] = { 0 };
	rtp_place(f->a, f->other);
	f->media.ptime_ms = 40;
	rtp_configure(f->a, &f->media); /* while under way */
	assert_int_equal(port_pull(rtp_port(f->a), in, 8), 0);
	loop_turn(f->loop, 0); /* it has left the one and not come to the other */
	struct frame frame = { .octets = out, .length = 8 };
	port_push(rtp_port(f->a), &frame);
	assert_int_equal(f->a->tx.used, 0);
	settle(f);
	assert_ptr_equal(f->a->worker, f->other);
	for (unsigned ms = 0; ms < 80; ms++)
		line_ms(f, out, in);
	struct received r;
	assert_true(far_receive(&f->far_a, &r));
	assert_int_equal(r.p.length, 320);
	far_audio(&f->far_a, f->a, PCMA, 160);
	advance(f, 0);
	assert_int_equal(count(&f->a->counters.rx_packets), 1);
	/* There and back before it has arrived, and closed under way. */
	rtp_place(f->a, f->worker);
	rtp_place(f->a, f->other);
	rtp_close(&f->a, on_closed, f);
	settle(f);
	assert_int_equal(f->closed, 1);
}

static void test_join_waits_for_both(void **state)
{
	struct fixture *f = *state;
	struct received r;
	join(f, 20, PORT_PCMA, EVENT);
	part(f);
	rtp_place(f->a, f->other);
	rtp_place(f->b, f->other);
	rtp_join(f->a, f->b);
	settle(f);
	assert_ptr_equal(f->a->peer, f->b);
	far_audio(&f->far_a, f->a, PCMA, 160);
	advance(f, 0);
	assert_true(far_receive(&f->far_b, &r));
	rtp_leave(f->b, on_left, f);
	settle(f);
	assert_int_equal(f->left, 2);
	/* Taken back before it was done. */
	rtp_place(f->a, f->worker);
	rtp_place(f->b, f->worker);
	rtp_join(f->a, f->b);
	rtp_leave(f->a, on_left, f);
	settle(f);
	assert_int_equal(f->left, 3);
	assert_null(f->a->peer);
}

static void test_ports_are_taken_and_given_back(void **state)
{
	struct fixture *f = *state;
	struct rtp_ports *ports = NULL;
	struct rtp_cfg cfg = { .jitter_ms = 40, .line_codec = PORT_PCMA };
	struct rtp_endpoint *e[3] = { 0 };
	assert_int_equal(rtp_ports_create(&ports, 0, 10), -EINVAL);
	assert_int_equal(rtp_ports_create(&ports, 31999, 32000), -EINVAL);
	assert_int_equal(rtp_ports_create(&ports, 32001, 32005), 0);
	assert_int_equal(rtp_ports_total(ports), 2);
	assert_int_equal(rtp_create(&e[0], ports, &cfg, NULL, NULL), -EINVAL);
	netaddr_set(&cfg.address, "127.0.0.1", 0);
	assert_int_equal(rtp_create(&e[0], ports, &cfg, NULL, NULL), 0);
	assert_int_equal(rtp_create(&e[1], ports, &cfg, NULL, NULL), 0);
	assert_int_equal(rtp_create(&e[2], ports, &cfg, NULL, NULL), -EADDRINUSE);
	assert_null(e[2]);
	assert_int_equal(rtp_ports_used(ports), 2);
	struct netaddr local = rtp_local(e[0]);
	assert_int_equal(netaddr_port(&local) & 1, 0);
	rtp_close(&e[0], on_closed, f);
	assert_int_equal(f->closed, 1);
	assert_int_equal(rtp_create(&e[2], ports, &cfg, NULL, NULL), 0);
	rtp_close(&e[1], NULL, NULL);
	rtp_close(&e[2], NULL, NULL);
	assert_int_equal(rtp_ports_used(ports), 0);
	rtp_ports_destroy(&ports);
}

static int dscp_of(int fd, int level, int name)
{
	int value = 0;
	socklen_t n = sizeof(value);
	assert_int_equal(getsockopt(fd, level, name, &value, &n), 0);
	return value >> 2;
}

static void test_both_families_and_dscp(void **state)
{
	struct fixture *f = *state;
	struct rtp_cfg cfg = { .dscp = 46, .jitter_ms = 40, .line_codec = PORT_PCMA };
	assert_int_equal(dscp_of(f->a->rtp_fd, IPPROTO_IP, IP_TOS), 46);
	assert_int_equal(dscp_of(f->a->rtcp_fd, IPPROTO_IP, IP_TOS), 46);
	netaddr_set(&cfg.address, "::1", 0);
	int rc = rtp_create(&f->b, f->ports, &cfg, NULL, NULL);
	if (rc == -EAFNOSUPPORT || rc == -EADDRNOTAVAIL)
		skip();
	assert_int_equal(rc, 0);
	assert_int_equal(dscp_of(f->b->rtp_fd, IPPROTO_IPV6, IPV6_TCLASS), 46);
	/* It talks to itself: sends to its own port, latches nothing, hears its octets. */
	struct rtp_media m = f->media;
	m.remote = rtp_local(f->b);
	rtp_configure(f->b, &m);
	rtp_place(f->b, f->worker);
	settle(f);
	uint8_t out[160];
	memset(out, 0x11, sizeof(out));
	struct frame frame = { .octets = out, .length = 160 };
	port_push(rtp_port(f->b), &frame);
	advance(f, 0);
	assert_int_equal(count(&f->b->counters.rx_packets), 1);
}

/* What SRTP will do: change octets and length in place. */
struct fake_crypto {
	struct rtp_crypto crypto;
	unsigned protected_rtcp;
};

static int fake_protect(struct rtp_crypto *crypto, bool rtcp, uint8_t *octets, size_t *n, size_t room)
{
	((struct fake_crypto *)(void *)crypto)->protected_rtcp += rtcp;
	assert_true(*n + 1 <= room);
	for (size_t i = rtcp ? 8 : 12; i < *n; i++)
		octets[i] ^= 0x5a;
	octets[(*n)++] = 0xc5;
	return 0;
}

static int fake_unprotect(struct rtp_crypto *crypto, bool rtcp, uint8_t *octets, size_t *n)
{
	(void)crypto;
	if (*n < 13 || octets[*n - 1] != 0xc5)
		return -EBADMSG;
	(*n)--;
	for (size_t i = rtcp ? 8 : 12; i < *n; i++)
		octets[i] ^= 0x5a;
	return 0;
}

static const struct rtp_crypto_ops fake_ops = { .protect = fake_protect, .unprotect = fake_unprotect };

static void test_crypto_slot_sees_every_packet(void **state)
{
	struct fixture *f = *state;
	struct fake_crypto c = { .crypto = { &fake_ops } };
	uint8_t in[8], out[8] = { 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33 };
	struct received r;
	f->a->crypto = &c.crypto;
	far_audio(&f->far_a, f->a, PCMA, 160);
	for (unsigned ms = 0; ms < 20; ms++)
		line_ms(f, out, in);
	assert_int_equal(count(&f->a->counters.rx_malformed), 1);
	assert_true(far_receive(&f->far_a, &r));
	assert_int_equal(r.n, 173);
	assert_int_equal(r.octets[12], 0x33 ^ 0x5a);
	far_send_raw(&f->far_a, f->a, r.octets, (size_t)r.n);
	for (unsigned ms = 0; ms < 15000; ms++)
		line_ms(f, out, in);
	assert_int_equal(count(&f->a->counters.rx_packets), 1);
	assert_true(c.protected_rtcp > 0);
	f->a->crypto = NULL;
}

static void test_levels_are_those_of_the_last_second(void **state)
{
	struct fixture *f = *state;
	struct tone tone;
	struct rtp_quality q;
	uint8_t in[8], out[8];
	tone_init(&tone, &tone_test, &rtp_port(f->a)->format);
	rtp_quality(f->a, &q);
	assert_true(q.level_tx_dbm0 < -98);
	for (unsigned ms = 0; ms < 2500; ms++) {
		tone_read(&tone, out, 8);
		line_ms(f, out, in);
		struct received r;
		if (far_receive(&f->far_a, &r))
			far_send_raw(&f->far_a, f->a, r.octets, (size_t)r.n); /* an echo with our own SSRC, as some do */
	}
	rtp_quality(f->a, &q);
	assert_true(fabs(q.level_tx_dbm0 + 16) < 0.1);
	assert_true(fabs(q.level_rx_dbm0 + 16) < 0.1);
	assert_true(q.last_rx_us > 0);
}

static void test_create_survives_want_of_memory(void **state)
{
	struct fixture *f = *state;
	struct rtp_cfg cfg = { .jitter_ms = 40, .line_codec = PORT_PCMA };
	long before = mem_live_blocks();
	int rc;
	netaddr_set(&cfg.address, "127.0.0.1", 0);
	for (long n = 0;; n++) {
		struct rtp_endpoint *e = NULL;
		mem_fail_after(n);
		rc = rtp_create(&e, f->ports, &cfg, NULL, NULL);
		mem_fail_after(-1);
		rtp_close(&e, NULL, NULL);
		assert_int_equal(mem_live_blocks(), before);
		assert_int_equal(rtp_ports_used(f->ports), 1);
		if (rc == 0)
			break;
		assert_int_equal(rc, -ENOMEM);
	}
	struct rtp_ports *ports = NULL;
	mem_fail_after(0);
	assert_int_equal(rtp_ports_create(&ports, 20000, 20100), -ENOMEM);
	mem_fail_after(-1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_receive_is_bit_exact, setup, teardown),
		cmocka_unit_test_setup_teardown(test_send_cuts_packets_of_ptime, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ptime_of_the_far_side_is_free, setup, teardown),
		cmocka_unit_test_setup_teardown(test_law_is_converted_when_packets_differ_from_the_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stream_that_ends_becomes_silence, setup, teardown),
		cmocka_unit_test_setup_teardown(test_loss_disorder_and_duplicates_are_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_latching_locks_on_the_first_source, setup, teardown),
		cmocka_unit_test_setup_teardown(test_without_latching_only_the_remote_host_is_heard, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hold_sends_nothing_and_time_goes_on, setup, teardown),
		cmocka_unit_test_setup_teardown(test_old_hold_by_address_zero_sends_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_change_of_source_is_followed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_relay_renumbers_and_keeps_timing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_relay_swaps_back_disordered_packets_numbers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_relay_cuts_to_each_sides_ptime, setup, teardown),
		cmocka_unit_test_setup_teardown(test_relay_passes_events_and_noise, setup, teardown),
		cmocka_unit_test_setup_teardown(test_relay_to_a_side_without_events_makes_tones, setup, teardown),
		cmocka_unit_test_setup_teardown(test_event_is_heard_on_the_line_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_event_is_sent_with_growing_duration_and_three_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(test_events_without_a_clock_queue_up, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reports_go_out_on_hold_too, setup, teardown),
		cmocka_unit_test_setup_teardown(test_report_received_tells_round_trip_and_loss, setup, teardown),
		cmocka_unit_test_setup_teardown(test_moves_between_workers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_join_waits_for_both, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ports_are_taken_and_given_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_both_families_and_dscp, setup, teardown),
		cmocka_unit_test_setup_teardown(test_crypto_slot_sees_every_packet, setup, teardown),
		cmocka_unit_test_setup_teardown(test_levels_are_those_of_the_last_second, setup, teardown),
		cmocka_unit_test_setup_teardown(test_create_survives_want_of_memory, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
