/* SPDX-License-Identifier: GPL-2.0-only */
/* RTP endpoints: what is received and sent, whom they hear, RTCP, and their life. */
#include "tests/unit/rtp_fixture.h"

#include <netinet/ip.h>

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
	assert_int_equal(count(&f->a->counters.slips_drop) + count(&f->a->counters.slips_repeat),
			 0);
}

static void test_latching_locks_on_the_first_source(void **state)
{
	struct fixture *f = *state;
	uint8_t in[8], out[8] = { 0 };
	struct rtp_quality q;
	netaddr_set(&f->media.remote, "127.0.0.1",
		    9); /* what signalling said: a private address behind a NAT, say */
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
	assert_int_equal(count(&f->a->counters.rx_foreign),
			 1); /* the first one wasn't believed yet */
	/* A single stray of another source changes nothing. */
	struct far stray = f->far_a;
	stray.ssrc = 99;
	far_audio(&stray, f->a, PCMA, 160);
	advance(f, 0);
	assert_int_equal(f->a->rx.ssrc, 0x12345678);
	assert_int_equal(count(&f->a->counters.rx_foreign), 2);
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
	answer.block = (struct rtcp_block){ .ssrc = f->a->tx.ssrc,
					    .fraction_lost = 64,
					    .jitter = 80,
					    .last_sr = rtcp_ntp_middle(m.ntp),
					    .since_sr = 65536 / 10 };
	advance(f, 150 * MS); /* of which the far side held it 100 */
	int length = rtcp_build(&answer, octets, sizeof(octets));
	assert_int_equal(
		sendto(f->far_a.rtcp, octets, (size_t)length, 0, &to.u.sa, netaddr_len(&to)),
		length);
	assert_int_equal(sendto(f->far_a.rtcp, "junk", 4, 0, &to.u.sa, netaddr_len(&to)), 4);
	advance(f, 0);
	rtp_quality(f->a, &q);
	assert_true(fabs(q.round_trip_ms - 50) < 2);
	assert_true(fabs(q.remote_loss_fraction - 0.25) < 1e-9);
	assert_true(fabs(q.remote_jitter_ms - 10) < 1e-9);
	assert_int_equal(count(&f->a->counters.rx_rtcp), 1);
	assert_int_equal(count(&f->a->counters.rx_bad_rtcp), 1);
}

/* Behind an address translator RTCP comes from a port of its own: reports go back there. */
static void test_reports_go_where_rtcp_comes_from_when_latched(void **state)
{
	struct fixture *f = *state;
	uint8_t octets[RTCP_PACKET_MAX], in[8], out[8] = { 0 };
	struct rtcp_message m = { .ssrc = f->far_a.ssrc, .cname = "far" };
	struct netaddr to = rtp_local(f->a);
	netaddr_set_port(&to, (uint16_t)(netaddr_port(&to) + 1));
	far_audio(&f->far_a, f->a, PCMA, 160);
	advance(f, 0);
	int n = rtcp_build(&m, octets, sizeof(octets));
	assert_int_equal(sendto(f->far_b.rtcp, octets, (size_t)n, 0, &to.u.sa, netaddr_len(&to)),
			 n);
	for (unsigned ms = 0; ms < 15000; ms++)
		line_ms(f, out, in);
	assert_true(recv(f->far_b.rtcp, octets, sizeof(octets), 0) > 0);
	assert_true(recv(f->far_a.rtcp, octets, sizeof(octets), 0) < 0);
}

/* ---- Life ---- */

/* Nobody reads the socket until a worker has it: what waits there is old. */
static void test_packets_from_before_the_worker_are_dropped(void **state)
{
	struct fixture *f = *state;
	f->b = endpoint(f, PORT_PCMA);
	rtp_configure(f->b, &f->media);
	for (unsigned i = 0; i < 100; i++)
		far_audio(&f->far_a, f->b, PCMA, 160);
	rtp_place(f->b, f->worker);
	settle(f);
	advance(f, 20 * MS);
	assert_int_equal(count(&f->b->counters.rx_packets), 0);
	far_audio(&f->far_a, f->b, PCMA, 160);
	advance(f, 0);
	assert_int_equal(count(&f->b->counters.rx_packets), 1);
}

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

static int fake_protect(struct rtp_crypto *crypto, bool rtcp, uint8_t *octets, size_t *n,
			size_t room)
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

static const struct rtp_crypto_ops fake_ops = { .protect = fake_protect,
						.unprotect = fake_unprotect };

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
			far_send_raw(&f->far_a, f->a, r.octets,
				     (size_t)r.n); /* an echo with our own SSRC, as some do */
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

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_receive_is_bit_exact),
		CASE(test_send_cuts_packets_of_ptime),
		CASE(test_ptime_of_the_far_side_is_free),
		CASE(test_law_is_converted_when_packets_differ_from_the_line),
		CASE(test_stream_that_ends_becomes_silence),
		CASE(test_loss_disorder_and_duplicates_are_counted),
		CASE(test_latching_locks_on_the_first_source),
		CASE(test_without_latching_only_the_remote_host_is_heard),
		CASE(test_hold_sends_nothing_and_time_goes_on),
		CASE(test_old_hold_by_address_zero_sends_nothing),
		CASE(test_change_of_source_is_followed),
		CASE(test_reports_go_out_on_hold_too),
		CASE(test_report_received_tells_round_trip_and_loss),
		CASE(test_packets_from_before_the_worker_are_dropped),
		CASE(test_moves_between_workers),
		CASE(test_join_waits_for_both),
		CASE(test_ports_are_taken_and_given_back),
		CASE(test_both_families_and_dscp),
		CASE(test_crypto_slot_sees_every_packet),
		CASE(test_levels_are_those_of_the_last_second),
		CASE(test_create_survives_want_of_memory),
		CASE(test_reports_go_where_rtcp_comes_from_when_latched),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
