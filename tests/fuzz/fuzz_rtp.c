/* SPDX-License-Identifier: GPL-2.0-only */
/* What strangers and broken peers may send to an RTP endpoint: RTP, telephone-events, RTCP, in any
 * order, into an endpoint that a line pulls from and into one that relays.
 *
 * The input is a list of records: one octet what, one octet length, so many octets of packet. */
#include "base/loop.h"
#include "trunk/rtp_private.h"

#include <string.h>

struct bench {
	struct clock_virtual clock;
	struct loop *loop;
	struct worker *worker;
	struct rtp_ports *ports;
	struct rtp_endpoint *a, *b;
	struct netaddr far;
};

static struct rtp_endpoint *make(struct bench *w)
{
	struct rtp_cfg cfg = { .jitter_ms = 20, .line_codec = PORT_PCMA, .cname = "fuzz" };
	struct rtp_media media = { .codec = PORT_PCMU,
				   .payload_type = 0,
				   .payload_type_rx = 0,
				   .event_pt = RTP_NO_PT,
				   .event_pt_rx = 101,
				   .ptime_ms = 20,
				   .direction = RTP_RECVONLY,
				   .latching = true };
	struct rtp_endpoint *rtp = NULL;
	netaddr_set(&cfg.address, "127.0.0.1", 0);
	if (rtp_create(&rtp, w->ports, &cfg, NULL, NULL) < 0)
		__builtin_trap();
	rtp_configure(rtp, &media);
	rtp_place(rtp, w->worker);
	return rtp;
}

static void open_bench(struct bench *w)
{
	struct worker_cfg cfg = {
		.name = "fuzz", .cpu = -1, .clock = &w->clock.clock, .inline_thread = true
	};
	clock_virtual_init(&w->clock);
	if (loop_create(&w->loop, &w->clock.clock) < 0 ||
	    worker_create(&w->worker, &cfg, w->loop) < 0 ||
	    rtp_ports_create(&w->ports, 33000, 38999) < 0)
		__builtin_trap();
	netaddr_set(&w->far, "127.0.0.1", 9);
}

/* Each input meets endpoints that know nothing of the one before. */
static void fresh_endpoints(struct bench *w)
{
	w->a = make(w);
	w->b = make(w);
	loop_turn(w->loop, 0);
	loop_turn(w->loop, 0);
}

static void close_endpoints(struct bench *w)
{
	rtp_leave(w->a, NULL, NULL);
	rtp_close(&w->a, NULL, NULL);
	rtp_close(&w->b, NULL, NULL);
	for (unsigned i = 0; i < 4; i++)
		loop_turn(w->loop, 0);
	if (rtp_ports_used(w->ports))
		__builtin_trap();
}

/* Random headers seldom meet version, type and source together: half of the packets get sound ones.
 */
static void mend(uint8_t *octets, size_t n, unsigned what, uint32_t ssrc)
{
	if (n < 12 || !(what & 0x80))
		return;
	octets[0] = (uint8_t)(0x80 | (octets[0] & 0x30));
	octets[1] = (uint8_t)((octets[1] & 0x80) | (what & 0x40 ? 101 : 0));
	memcpy(octets + 8, &ssrc, 4);
	octets[2] = 0;
	octets[4] = octets[5] = 0;
}

static void play_record(struct bench *w, unsigned what, const uint8_t *packet, size_t n)
{
	uint8_t octets[RTP_PACKET_MAX], line[160];
	memcpy(octets, packet, n);
	switch (what & 7) {
	case 0:
		rtp_report_receive(w->a, octets, n, &w->far);
		break;
	case 1: {
		size_t length = 1 + n % 160;
		if (port_pull(rtp_port(w->a), line, length) > length)
			__builtin_trap();
		break;
	}
	case 2:
		loop_advance(w->loop, &w->clock, 1000 * (n + 1));
		break;
	case 3:
		if (!w->a->joined)
			rtp_join(w->a, w->b);
		else
			rtp_leave(w->a, NULL, NULL);
		loop_turn(w->loop, 0);
		break;
	default:
		mend(octets, n, what, 0x1234);
		rtp_rx_packet(w->a, octets, n, &w->far);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct bench world;
	if (!world.loop)
		open_bench(&world);
	fresh_endpoints(&world);
	while (size >= 2) {
		unsigned what = data[0];
		size_t n = data[1];
		data += 2;
		size -= 2;
		if (n > size)
			n = size;
		play_record(&world, what, data, n);
		data += n;
		size -= n;
	}
	close_endpoints(&world);
	return 0;
}
