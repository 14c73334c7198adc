/* SPDX-License-Identifier: GPL-2.0-only */
/* The bridge with real RTP endpoints on loopback and legs that only take notes. The channel's clock
 * is turned by hand, the worker shares the loop, time is virtual. */
#include "gateway/bridge.h"
#include "gateway/call.h"
#include "gateway/gateway.h"
#include "trunk/rtp.h"

#include "base/mem.h"
#include "transcoding/law.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define PORT_FIRST 34200
#define PORT_LAST 34207 /* four endpoints */

struct fake_leg {
	struct leg leg;
	struct endpoint endpoint;
	struct conf_trunk trunk;
	enum conf_codec codecs[2];
	enum conf_law law;
	struct port *port; /* joined */
	int join_fails;
	void (*left)(void *arg); /* a leave that has not been answered */
	void *left_arg;
	enum leg_message_type last; /* sent to it */
	struct media_desc media;
	unsigned id, sent;
	int send_fails;
};

struct fixture {
	struct clock_virtual clock;
	struct loop *loop;
	struct worker *worker;
	struct machine_conf conf;
	struct gateway gateway;
	struct call call;
	struct fake_leg a, b;
	struct bridge *bridge;
	int peer[2]; /* sockets of SIP peers */
	struct netaddr peer_address[2];
	uint16_t sequence;
	uint32_t timestamp;
	bool closed;
};

static struct fixture fx;

static int fake_send(struct leg *leg, const struct leg_message *message)
{
	struct fake_leg *fake = (struct fake_leg *)leg;

	if (fake->send_fails)
		return fake->send_fails;
	fake->last = message->type;
	fake->id = message->id;
	fake->sent++;
	if (message->media)
		fake->media = *message->media;
	return 0;
}

static int fake_join(struct leg *leg, struct port *port)
{
	struct fake_leg *fake = (struct fake_leg *)leg;

	if (fake->join_fails)
		return fake->join_fails;
	assert_null(fake->port);
	fake->port = port;
	return 0;
}

static void fake_leave(struct leg *leg, void (*left)(void *arg), void *arg)
{
	struct fake_leg *fake = (struct fake_leg *)leg;

	assert_non_null(fake->port);
	fake->left = left;
	fake->left_arg = arg;
}

static struct worker *fake_worker(const struct leg *leg)
{
	(void)leg;
	return fx.worker;
}

static enum conf_law fake_law(const struct leg *leg)
{
	return ((const struct fake_leg *)leg)->law;
}

static void fake_packets(const struct leg *leg, struct leg_packets *out)
{
	*out = (struct leg_packets){ .trunk = &((const struct fake_leg *)leg)->trunk };
	netaddr_set(&out->bind, "127.0.0.1", 0);
	netaddr_set(&out->advertised, "127.0.0.1", 0);
}

static const struct leg_ops packet_ops = { .media_kind = LEG_MEDIA_PACKETS,
					   .send = fake_send,
					   .packets = fake_packets };
static const struct leg_ops channel_ops = { .media_kind = LEG_MEDIA_TDM,
					    .send = fake_send,
					    .join = fake_join,
					    .leave = fake_leave,
					    .worker = fake_worker,
					    .law = fake_law };

static void make_leg(struct fake_leg *fake, const char *name, bool packets)
{
	*fake = (struct fake_leg){ .endpoint = { .name = name },
				   .codecs = { CONF_PCMA, CONF_PCMU } };
	fake->trunk = (struct conf_trunk){ .codecs = fake->codecs,
					   .codec_count = 2,
					   .ptime_ms = 20,
					   .latching = true,
					   .telephone_event = true };
	leg_init(&fake->leg, packets ? &packet_ops : &channel_ops, &fake->endpoint);
}

static void open_peer(unsigned i)
{
	socklen_t length = sizeof(struct netaddr);

	assert_int_equal(netaddr_set(&fx.peer_address[i], "127.0.0.1", 0), 0);
	fx.peer[i] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(
		bind(fx.peer[i], &fx.peer_address[i].u.sa, netaddr_len(&fx.peer_address[i])), 0);
	assert_int_equal(getsockname(fx.peer[i], &fx.peer_address[i].u.sa, &length), 0);
}

static void begin(bool a_packets, bool b_packets)
{
	struct worker_cfg worker = { .name = "media",
				     .inline_thread = true,
				     .clock = &fx.clock.clock };

	memset(&fx, 0, sizeof(fx));
	clock_virtual_init(&fx.clock);
	assert_int_equal(loop_create(&fx.loop, &fx.clock.clock), 0);
	assert_int_equal(worker_create(&fx.worker, &worker, fx.loop), 0);
	fx.conf.media.jitter_ms = 20;
	fx.gateway.loop = fx.loop;
	fx.gateway.conf = &fx.conf;
	fx.gateway.workers = &fx.worker;
	fx.gateway.worker_count = 1;
	assert_int_equal(rtp_ports_create(&fx.gateway.rtp_ports, PORT_FIRST, PORT_LAST), 0);
	open_peer(0);
	open_peer(1);
	make_leg(&fx.a, "a", a_packets);
	make_leg(&fx.b, "b", b_packets);
	fx.call.gateway = &fx.gateway;
	fx.call.seats[LEG_CALLER] = &fx.a.leg;
	snprintf(fx.call.id, sizeof(fx.call.id), "01TEST");
	assert_int_equal(bridge_media.create(&fx.bridge, &fx.call), 0);
}

static void turn_ms(unsigned ms)
{
	loop_advance(fx.loop, &fx.clock, (uint64_t)ms * 1000);
}

static void closed(void *arg)
{
	(void)arg;
	assert_int_equal(rtp_ports_used(fx.gateway.rtp_ports), 0);
	fx.closed = true;
}

static void let_go(struct fake_leg *fake)
{
	void (*left)(void *) = fake->left;

	fake->left = NULL;
	fake->port = NULL;
	if (left)
		left(fake->left_arg);
}

/* Nothing closes before the channels have let go of the ports. */
static void end(void)
{
	if (fx.bridge)
		bridge_media.close(&fx.bridge, closed, NULL);
	turn_ms(1);
	if (fx.a.port || fx.b.port)
		assert_false(fx.closed);
	let_go(&fx.a);
	let_go(&fx.b);
	turn_ms(10);
	assert_true(fx.closed);
	rtp_ports_destroy(&fx.gateway.rtp_ports);
	worker_destroy(&fx.worker);
	loop_destroy(&fx.loop);
	close(fx.peer[0]);
	close(fx.peer[1]);
	assert_int_equal(mem_live_blocks(), 0);
}

/* ---- Peers and channels ---- */

static struct media_desc desc_of(unsigned peer, const char *first, uint8_t first_pt,
				 const char *second, uint8_t second_pt)
{
	struct media_desc desc = { .rtp = fx.peer_address[peer],
				   .direction = RTP_SENDRECV,
				   .ptime_ms = 20 };

	desc.codecs[0] =
		(struct media_codec){ .rate_hz = 8000, .channels = 1, .payload_type = first_pt };
	snprintf(desc.codecs[0].name, sizeof(desc.codecs[0].name), "%s", first);
	desc.codec_count = 1;
	if (second) {
		desc.codecs[1] = (struct media_codec){ .rate_hz = 8000,
						       .channels = 1,
						       .payload_type = second_pt };
		snprintf(desc.codecs[1].name, sizeof(desc.codecs[1].name), "%s", second);
		desc.codec_count = 2;
	}
	return desc;
}

static void peer_sends(unsigned peer, const struct netaddr *to, uint8_t pt, uint8_t octet)
{
	uint8_t packet[172] = { 0x80,
				pt,
				(uint8_t)(fx.sequence >> 8),
				(uint8_t)fx.sequence,
				(uint8_t)(fx.timestamp >> 24),
				(uint8_t)(fx.timestamp >> 16),
				(uint8_t)(fx.timestamp >> 8),
				(uint8_t)fx.timestamp,
				1,
				2,
				3,
				(uint8_t)peer };

	memset(packet + 12, octet, 160);
	fx.sequence++;
	fx.timestamp += 160;
	assert_int_equal(
		sendto(fx.peer[peer], packet, sizeof(packet), 0, &to->u.sa, netaddr_len(to)),
		sizeof(packet));
}

/* The newest packet's payload; length 0: none came. */
static size_t peer_hears(unsigned peer, uint8_t *pt, uint8_t payload[160])
{
	uint8_t packet[500];
	size_t length = 0;
	ssize_t n;

	while ((n = recv(fx.peer[peer], packet, sizeof(packet), 0)) > 12) {
		length = (size_t)n - 12;
		*pt = packet[1] & 0x7f;
		memcpy(payload, packet + 12, length < 160 ? length : 160);
	}
	return length;
}

/* 20 ms of the channel's clock: pushes this octet, says the last one pulled. */
static uint8_t channel_turns(struct fake_leg *channel, uint8_t octet)
{
	uint8_t out[8], in[8];
	struct frame frame = { .octets = out, .length = 8, .kind = FRAME_AUDIO };

	memset(out, octet, sizeof(out));
	for (int ms = 0; ms < 20; ms++) {
		port_push(channel->port, &frame);
		port_pull(channel->port, in, 8);
		turn_ms(1);
	}
	return in[7];
}

static int offered(const struct media_desc *offer)
{
	return bridge_media.offered(fx.bridge, &fx.a.leg, offer, 7);
}

static int prepare(const struct media_desc **offer)
{
	int rc = bridge_media.prepare(fx.bridge, &fx.b.leg, offer);

	if (rc == 0)
		fx.call.seats[LEG_CALLED] = &fx.b.leg;
	return rc;
}

static int told(struct fake_leg *from, enum leg_message_type type, const struct media_desc *desc)
{
	return bridge_media.message(fx.bridge, &from->leg,
				    &(struct leg_message){ .type = type, .media = desc, .id = 9 });
}

/* ---- Packets to a channel ---- */

static void check_audio(unsigned peer, struct fake_leg *packets, struct fake_leg *channel,
			uint8_t pt)
{
	uint8_t payload[160], heard = 0, got_pt = 0;

	turn_ms(1);
	for (int i = 0; i < 10; i++) {
		peer_sends(peer, &packets->media.rtp, pt, 0x3c);
		heard = channel_turns(channel, 0x5a);
	}
	assert_int_equal(heard, 0x3c);
	assert_int_equal(peer_hears(peer, &got_pt, payload), 160);
	assert_int_equal(got_pt, pt);
	assert_int_equal(payload[159], 0x5a);
}

static void test_packets_to_channel(void **state)
{
	struct media_desc offer;
	const struct media_desc *ours;

	(void)state;
	begin(true, false);
	offer = desc_of(0, "PCMU", 0, "PCMA", 8);
	assert_int_equal(offered(&offer), 0);
	assert_int_equal(prepare(&ours), 0);
	assert_null(ours);
	assert_int_equal(fx.a.sent, 0); /* no answer before it is needed */
	assert_int_equal(bridge_media.open(fx.bridge), 0);
	assert_int_equal(fx.a.last, LEG_ANSWER);
	assert_int_equal(fx.a.id, 7);
	assert_string_equal(fx.a.media.codecs[0].name,
			    "PCMA"); /* the channel's law, though it came second */
	assert_string_equal(bridge_codec(fx.bridge, LEG_CALLER), "PCMA");
	assert_null(bridge_codec(fx.bridge, LEG_CALLED));
	assert_non_null(bridge_rtp(fx.bridge, LEG_CALLER));
	check_audio(0, &fx.a, &fx.b, 8);
	assert_int_equal(bridge_media.open(fx.bridge), 0);
	assert_int_equal(fx.a.sent, 1);
	end();
}

static void test_channel_to_packets(void **state)
{
	struct media_desc answer;
	const struct media_desc *ours;

	(void)state;
	begin(false, true);
	fx.a.law = CONF_ULAW;
	assert_int_equal(prepare(&ours), 0);
	assert_string_equal(ours->codecs[0].name, "PCMU"); /* µ-law channel: first */
	assert_string_equal(ours->codecs[1].name, "PCMA");
	fx.b.media = *ours;
	assert_int_equal(bridge_media.open(fx.bridge),
			 0); /* 183 says audio before its answer was heard */
	assert_null(fx.a.port);
	answer = desc_of(1, "PCMU", 0, NULL, 0);
	assert_int_equal(told(&fx.b, LEG_ANSWER, &answer), 0);
	assert_non_null(fx.a.port);
	assert_int_equal(fx.a.port->format.codec, PORT_PCMU);
	check_audio(1, &fx.b, &fx.a, 0);
	answer =
		desc_of(0, "PCMU", 0, NULL, 0); /* another early dialog answers: audio goes there */
	assert_int_equal(told(&fx.b, LEG_ANSWER, &answer), 0);
	check_audio(0, &fx.b, &fx.a, 0);
	end();
}

static void test_delayed_offer(void **state)
{
	struct media_desc answer;
	const struct media_desc *ours;

	(void)state;
	begin(true, false);
	assert_int_equal(prepare(&ours), 0);
	assert_int_equal(bridge_media.open(fx.bridge), 0);
	assert_int_equal(fx.a.last, LEG_OFFER);
	assert_null(fx.b.port);
	answer = desc_of(0, "PCMA", 8, NULL, 0);
	assert_int_equal(told(&fx.a, LEG_ANSWER, &answer), 0);
	check_audio(0, &fx.a, &fx.b, 8);
	end();
}

static void test_channel_not_yet_agreed(void **state)
{
	struct media_desc offer;
	const struct media_desc *ours;

	(void)state;
	begin(true, false);
	offer = desc_of(0, "PCMA", 8, NULL, 0);
	fx.b.join_fails = -ENOTCONN;
	assert_int_equal(offered(&offer), 0);
	assert_int_equal(prepare(&ours), 0);
	assert_int_equal(bridge_media.open(fx.bridge), 0);
	assert_null(fx.b.port);
	fx.b.join_fails = 0;
	assert_int_equal(bridge_media.open(fx.bridge), 0);
	assert_non_null(fx.b.port);
	end();
}

static void test_join_that_fails(void **state)
{
	struct media_desc offer;
	const struct media_desc *ours;

	(void)state;
	begin(true, false);
	offer = desc_of(0, "PCMA", 8, NULL, 0);
	fx.b.join_fails = -EBUSY;
	assert_int_equal(offered(&offer), 0);
	assert_int_equal(prepare(&ours), 0);
	assert_int_equal(bridge_media.open(fx.bridge), -EBUSY);
	end();
}

/* ---- Renegotiation ---- */

static void test_hold_and_resume(void **state)
{
	struct media_desc offer;
	const struct media_desc *ours;
	uint8_t payload[160], pt;

	(void)state;
	begin(true, false);
	offer = desc_of(0, "PCMA", 8, NULL, 0);
	assert_int_equal(offered(&offer), 0);
	assert_int_equal(prepare(&ours), 0);
	assert_int_equal(bridge_media.open(fx.bridge), 0);
	check_audio(0, &fx.a, &fx.b, 8);
	offer.direction = RTP_INACTIVE;
	assert_int_equal(told(&fx.a, LEG_OFFER, &offer), 0);
	assert_int_equal(fx.a.last, LEG_ANSWER);
	assert_int_equal(fx.a.media.direction, RTP_INACTIVE);
	turn_ms(1);
	peer_hears(0, &pt, payload);
	for (int i = 0; i < 5; i++)
		channel_turns(&fx.b, 0x5a);
	assert_int_equal(peer_hears(0, &pt, payload), 0);
	offer.direction = RTP_SENDRECV;
	assert_int_equal(told(&fx.a, LEG_OFFER, &offer), 0);
	check_audio(0, &fx.a, &fx.b, 8);
	end();
}

/* Held by an offer, resumed by the answer to one that the leg made by itself, for a re-INVITE
 * without a description. */
static void test_resumed_by_an_answer(void **state)
{
	struct media_desc offer;
	const struct media_desc *ours;

	(void)state;
	begin(true, false);
	offer = desc_of(0, "PCMA", 8, NULL, 0);
	assert_int_equal(offered(&offer), 0);
	assert_int_equal(prepare(&ours), 0);
	assert_int_equal(bridge_media.open(fx.bridge), 0);
	offer.direction = RTP_SENDONLY;
	assert_int_equal(told(&fx.a, LEG_OFFER, &offer), 0);
	assert_int_equal(fx.a.media.direction, RTP_RECVONLY);
	offer.direction = RTP_SENDRECV;
	assert_int_equal(told(&fx.a, LEG_ANSWER, &offer), 0);
	check_audio(0, &fx.a, &fx.b, 8);
	end();
}

static void test_offer_that_cannot_be_answered(void **state)
{
	struct media_desc offer, other;
	const struct media_desc *ours;

	(void)state;
	begin(true, false);
	other = desc_of(0, "G729", 18, NULL, 0);
	assert_int_equal(offered(&other), -ENOTSUP);
	offer = desc_of(0, "PCMA", 8, NULL, 0);
	assert_int_equal(offered(&offer), 0);
	assert_int_equal(prepare(&ours), 0);
	assert_int_equal(bridge_media.open(fx.bridge), 0);
	assert_int_equal(told(&fx.a, LEG_OFFER, &other),
			 0); /* within the call: refused, and the old terms stay */
	assert_int_equal(fx.a.last, LEG_REFUSE);
	fx.a.media.rtp = rtp_local(bridge_rtp(fx.bridge, LEG_CALLER));
	check_audio(0, &fx.a, &fx.b, 8);
	assert_int_equal(told(&fx.a, LEG_REFUSE, NULL), 0);
	end();
}

static void test_refused_stream(void **state)
{
	struct media_desc answer;
	const struct media_desc *ours;

	(void)state;
	begin(false, true);
	assert_int_equal(prepare(&ours), 0);
	answer = desc_of(1, "PCMA", 8, NULL, 0);
	netaddr_set_port(&answer.rtp, 0);
	assert_int_equal(told(&fx.b, LEG_ANSWER, &answer), -ENOTSUP);
	answer = desc_of(1, "G729", 18, NULL, 0);
	assert_int_equal(told(&fx.b, LEG_ANSWER, &answer), -ENOTSUP);
	end();
}

static void test_digits(void **state)
{
	struct media_desc offer;
	const struct media_desc *ours;

	(void)state;
	begin(true, false);
	offer = desc_of(0, "PCMA", 8, "telephone-event", 96);
	assert_int_equal(offered(&offer), 0);
	assert_int_equal(bridge_media.dtmf(fx.bridge, &fx.a.leg, 5, 100), -ENOTSUP);
	assert_int_equal(bridge_media.dtmf(fx.bridge, &fx.b.leg, 5, 100), -ENOTSUP);
	assert_int_equal(prepare(&ours), 0);
	assert_int_equal(bridge_media.open(fx.bridge), 0);
	assert_int_equal(bridge_media.dtmf(fx.bridge, &fx.a.leg, 5, 100), 0);
	turn_ms(1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(channel_turns(&fx.b, 0x5a), LAW_SILENCE_A);
	assert_int_equal(bridge_media.dtmf(fx.bridge, &fx.b.leg, 5, 100), 0); /* a tone */
	assert_int_not_equal(channel_turns(&fx.b, 0x5a), LAW_SILENCE_A);
	assert_int_equal(bridge_media.dtmf(fx.bridge, &fx.b.leg, 16, 100), -EINVAL);
	end();
}

/* ---- Packets to packets ---- */

static void relay(const char *a_codec, uint8_t a_pt, const char *b_codec, uint8_t b_pt,
		  uint8_t at_b)
{
	struct media_desc offer, answer;
	const struct media_desc *ours;
	uint8_t payload[160], pt = 0;

	begin(true, true);
	offer = desc_of(0, a_codec, a_pt, NULL, 0);
	assert_int_equal(offered(&offer), 0);
	assert_int_equal(prepare(&ours), 0);
	assert_string_equal(ours->codecs[0].name, a_codec);
	answer = desc_of(1, b_codec, b_pt, NULL, 0);
	assert_int_equal(told(&fx.b, LEG_ANSWER, &answer), 0);
	fx.b.media.rtp = rtp_local(bridge_rtp(fx.bridge, LEG_CALLED));
	assert_int_equal(bridge_media.open(fx.bridge), 0);
	turn_ms(1);
	for (int i = 0; i < 5; i++) {
		peer_sends(0, &fx.a.media.rtp, a_pt, 0x3c);
		turn_ms(20);
	}
	assert_int_equal(peer_hears(1, &pt, payload), 160);
	assert_int_equal(pt, b_pt);
	assert_int_equal(payload[159], at_b);
	end();
}

static void test_relay(void **state)
{
	(void)state;
	relay("PCMU", 0, "PCMU", 0, 0x3c);
	relay("PCMA", 8, "PCMU", 0, law_a_to_u(0x3c));
	relay("PCMU", 0, "PCMA", 8, law_u_to_a(0x3c));
}

/* ---- Hold between packets ---- */

static struct media_desc hold_a, hold_b;

/* A answered call; hold_a and hold_b are what the two peers say of themselves. */
static void hold_begin(void)
{
	const struct media_desc *ours;

	begin(true, true);
	hold_a = desc_of(0, "PCMA", 8, NULL, 0);
	hold_b = desc_of(1, "PCMA", 8, NULL, 0);
	assert_int_equal(offered(&hold_a), 0);
	assert_int_equal(prepare(&ours), 0);
	assert_int_equal(told(&fx.b, LEG_ANSWER, &hold_b), 0);
	assert_int_equal(bridge_media.open(fx.bridge), 0);
	fx.b.media.rtp = rtp_local(bridge_rtp(fx.bridge, LEG_CALLED));
	fx.call.answered = true;
	turn_ms(1);
}

static void offers(struct fake_leg *leg, struct media_desc *desc, enum rtp_direction direction,
		   enum rtp_direction answered)
{
	desc->direction = direction;
	assert_int_equal(told(leg, LEG_OFFER, desc), 0);
	assert_int_equal(leg->last, LEG_ANSWER);
	assert_int_equal(leg->media.direction, answered);
}

static void is_offered(struct fake_leg *leg, unsigned sent, enum rtp_direction direction)
{
	assert_int_equal(leg->sent, sent);
	assert_int_equal(leg->last, LEG_OFFER);
	assert_int_equal(leg->media.direction, direction);
}

static void answers(struct fake_leg *leg, struct media_desc *desc, enum rtp_direction direction)
{
	desc->direction = direction;
	assert_int_equal(told(leg, LEG_ANSWER, desc), 0);
}

/* Does a packet of this peer reach the other one? */
static bool passes(unsigned from)
{
	struct fake_leg *leg = from ? &fx.b : &fx.a;
	uint8_t payload[160], pt;

	turn_ms(1);
	peer_hears(!from, &pt, payload);
	for (int i = 0; i < 3; i++) {
		peer_sends(from, &leg->media.rtp, 8, 0x3c);
		turn_ms(20);
	}
	return peer_hears(!from, &pt, payload) > 0;
}

static void test_hold_is_told(void **state)
{
	static const struct {
		enum rtp_direction says, hears;
	} rows[] = { { RTP_SENDONLY, RTP_RECVONLY },
		     { RTP_RECVONLY, RTP_SENDONLY },
		     { RTP_INACTIVE, RTP_INACTIVE } };

	(void)state;
	for (unsigned caller = 0; caller < 2; caller++)
		for (size_t i = 0; i < 3; i++) {
			hold_begin();
			struct fake_leg *one = caller ? &fx.a : &fx.b, *two = caller ? &fx.b : &fx.a;
			struct media_desc *desc_one = caller ? &hold_a : &hold_b,
					  *desc_two = caller ? &hold_b : &hold_a;
			unsigned sent = two->sent, from = caller ? 0 : 1;

			offers(one, desc_one, rows[i].says, rows[i].hears);
			is_offered(two, sent + 1, rows[i].says);
			assert_int_equal(one->sent, caller ? 2 : 1);
			answers(two, desc_two, rows[i].hears);
			assert_int_equal(one->sent, caller ? 2 : 1); /* nobody is asked back */
			assert_int_equal(passes(from), rows[i].says == RTP_SENDONLY);
			assert_int_equal(passes(!from), rows[i].says == RTP_RECVONLY);
			offers(one, desc_one, rows[i].says, rows[i].hears);
			assert_int_equal(two->sent, sent + 1); /* no news */
			offers(one, desc_one, RTP_SENDRECV, RTP_SENDRECV);
			is_offered(two, sent + 2, RTP_SENDRECV);
			answers(two, desc_two, RTP_SENDRECV);
			assert_true(passes(0));
			assert_true(passes(1));
			end();
		}
}

/* Each holds, in turn; each hears of the other's end only. */
static void test_both_hold(void **state)
{
	(void)state;
	hold_begin();
	offers(&fx.a, &hold_a, RTP_SENDONLY, RTP_RECVONLY);
	answers(&fx.b, &hold_b, RTP_RECVONLY);
	/* What was given, repeated: no hold of its own. */
	offers(&fx.b, &hold_b, RTP_RECVONLY, RTP_SENDONLY);
	assert_int_equal(fx.a.sent, 2);
	offers(&fx.b, &hold_b, RTP_SENDONLY, RTP_INACTIVE);
	is_offered(&fx.a, 3, RTP_SENDONLY);
	answers(&fx.a, &hold_a, RTP_INACTIVE);
	assert_false(passes(0));
	assert_false(passes(1));
	offers(&fx.a, &hold_a, RTP_SENDRECV, RTP_SENDONLY); /* still held by the other */
	is_offered(&fx.b, 4, RTP_SENDRECV);
	answers(&fx.b, &hold_b, RTP_SENDONLY);
	assert_true(passes(1));
	assert_false(passes(0));
	offers(&fx.b, &hold_b, RTP_SENDRECV, RTP_SENDRECV);
	is_offered(&fx.a, 5, RTP_SENDRECV);
	answers(&fx.a, &hold_a, RTP_SENDRECV);
	assert_true(passes(0));
	end();
}

static void test_hold_overtaken(void **state)
{
	(void)state;
	hold_begin();
	offers(&fx.a, &hold_a, RTP_INACTIVE, RTP_INACTIVE);
	is_offered(&fx.b, 1, RTP_INACTIVE);
	offers(&fx.a, &hold_a, RTP_SENDRECV, RTP_SENDRECV);
	assert_int_equal(fx.b.sent, 1); /* one offer at a time */
	answers(&fx.b, &hold_b, RTP_INACTIVE);
	is_offered(&fx.b, 2, RTP_SENDRECV);
	answers(&fx.b, &hold_b, RTP_SENDRECV);
	assert_true(passes(0));
	assert_int_equal(fx.b.sent, 2);
	end();
}

static void test_hold_refused(void **state)
{
	(void)state;
	hold_begin();
	offers(&fx.a, &hold_a, RTP_INACTIVE, RTP_INACTIVE);
	is_offered(&fx.b, 1, RTP_INACTIVE);
	assert_int_equal(told(&fx.b, LEG_REFUSE, NULL), 0);
	offers(&fx.a, &hold_a, RTP_INACTIVE, RTP_INACTIVE);
	offers(&fx.a, &hold_a, RTP_SENDRECV, RTP_SENDRECV);
	assert_int_equal(fx.b.sent, 1); /* it never heard of a hold */
	assert_true(passes(0));
	assert_true(passes(1));
	offers(&fx.a, &hold_a, RTP_SENDONLY, RTP_RECVONLY);
	is_offered(&fx.b, 2, RTP_SENDONLY);
	netaddr_set_port(&hold_b.rtp, 0); /* the stream refused: the call lives on */
	answers(&fx.b, &hold_b, RTP_INACTIVE);
	assert_true(passes(0));
	end();
}

/* The leg is busy with an offer of its peer's: tried again, and not for ever. */
static void test_hold_later(void **state)
{
	(void)state;
	hold_begin();
	fx.b.send_fails = -EPROTO;
	offers(&fx.a, &hold_a, RTP_SENDONLY, RTP_RECVONLY);
	turn_ms(1200);
	fx.b.send_fails = 0;
	turn_ms(500);
	is_offered(&fx.b, 1, RTP_SENDONLY);
	answers(&fx.b, &hold_b, RTP_RECVONLY);
	fx.b.send_fails = -EPROTO;
	offers(&fx.a, &hold_a, RTP_SENDRECV, RTP_SENDRECV);
	turn_ms(10000);
	fx.b.send_fails = 0;
	turn_ms(10000);
	assert_int_equal(fx.b.sent, 1);
	fx.b.send_fails = -EPROTO;
	offers(&fx.a, &hold_a, RTP_INACTIVE, RTP_INACTIVE);
	end(); /* with the timer armed */
}

static void test_hold_before_the_answer(void **state)
{
	(void)state;
	hold_begin();
	fx.call.answered = false;
	offers(&fx.a, &hold_a, RTP_INACTIVE, RTP_INACTIVE);
	assert_int_equal(fx.b.sent, 0);
	end();
}

/* The answer to an offer that the leg made by itself ends a hold, and the other side hears of it. */
static void test_hold_ended_by_an_answer(void **state)
{
	(void)state;
	hold_begin();
	offers(&fx.a, &hold_a, RTP_SENDONLY, RTP_RECVONLY);
	answers(&fx.b, &hold_b, RTP_RECVONLY);
	answers(&fx.a, &hold_a, RTP_SENDRECV);
	is_offered(&fx.b, 2, RTP_SENDRECV);
	answers(&fx.b, &hold_b, RTP_SENDRECV);
	assert_int_equal(fx.a.sent, 2);
	assert_true(passes(0));
	assert_true(passes(1));
	end();
}

/* ---- Channel to channel ---- */

static void test_channels(void **state)
{
	const struct media_desc *ours;
	uint8_t heard = 0;

	(void)state;
	begin(false, false);
	assert_int_equal(prepare(&ours), 0);
	assert_null(ours);
	assert_int_equal(bridge_media.open(fx.bridge), 0);
	assert_int_equal(rtp_ports_used(fx.gateway.rtp_ports), 0);
	for (int i = 0; i < 5; i++) {
		channel_turns(&fx.a, 0x11);
		heard = channel_turns(&fx.b, 0x22);
	}
	assert_int_equal(heard, 0x11);
	assert_int_equal(channel_turns(&fx.a, 0x11), 0x22);
	end();
}

/* ---- Failover, ports, memory ---- */

static void test_drop_and_another_gateway(void **state)
{
	struct media_desc offer;
	const struct media_desc *ours;

	(void)state;
	begin(true, true);
	offer = desc_of(0, "PCMA", 8, NULL, 0);
	assert_int_equal(offered(&offer), 0);
	assert_int_equal(prepare(&ours), 0);
	assert_int_equal(rtp_ports_used(fx.gateway.rtp_ports), 2);
	bridge_media.drop(fx.bridge, &fx.b.leg);
	turn_ms(1);
	assert_int_equal(rtp_ports_used(fx.gateway.rtp_ports), 0);
	make_leg(&fx.b, "b2", false); /* the next gateway is a channel */
	assert_int_equal(prepare(&ours), 0);
	assert_int_equal(bridge_media.open(fx.bridge), 0);
	check_audio(0, &fx.a, &fx.b, 8);
	end();
}

static void test_no_port_is_free(void **state)
{
	struct media_desc offer;
	const struct media_desc *ours;
	struct rtp_endpoint *taken[4] = { 0 };
	struct rtp_cfg cfg = { .jitter_ms = 20, .line_codec = PORT_PCMA };

	(void)state;
	begin(true, true);
	netaddr_set(&cfg.address, "127.0.0.1", 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(rtp_create(&taken[i], fx.gateway.rtp_ports, &cfg, NULL, NULL), 0);
	offer = desc_of(0, "PCMA", 8, NULL, 0);
	assert_int_equal(offered(&offer), 0);
	assert_int_equal(prepare(&ours), -EADDRINUSE);
	bridge_media.drop(fx.bridge, &fx.b.leg);
	for (int i = 0; i < 3; i++)
		rtp_close(&taken[i], NULL, NULL);
	end();
}

static void test_closed_unused(void **state)
{
	(void)state;
	begin(true, true);
	end();
}

static bool whole(bool a_packets, bool b_packets, long failing)
{
	struct media_desc offer;
	const struct media_desc *ours;
	bool failed;
	int rc;

	begin(a_packets, b_packets);
	mem_fail_after(failing);
	offer = desc_of(0, "PCMA", 8, NULL, 0);
	rc = a_packets ? offered(&offer) : 0;
	if (rc == 0)
		rc = prepare(&ours);
	if (rc == 0)
		rc = bridge_media.open(fx.bridge);
	failed = mem_failed();
	mem_fail_after(-1);
	assert_int_equal(rc, failed ? -ENOMEM : 0);
	end();
	return failed;
}

static void test_memory_refused(void **state)
{
	static const bool kinds[][2] = { { true, false }, { true, true }, { false, false } };
	struct bridge *none = NULL;

	(void)state;
	begin(true, true);
	mem_fail_after(0);
	assert_int_equal(bridge_media.create(&none, &fx.call), -ENOMEM);
	assert_true(mem_failed());
	mem_fail_after(-1);
	assert_null(none);
	end();
	for (size_t k = 0; k < 3; k++) {
		long n = 0;

		while (whole(kinds[k][0], kinds[k][1], n))
			n++;
		assert_in_range(n, 1, 100);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packets_to_channel),
		cmocka_unit_test(test_channel_to_packets),
		cmocka_unit_test(test_delayed_offer),
		cmocka_unit_test(test_channel_not_yet_agreed),
		cmocka_unit_test(test_join_that_fails),
		cmocka_unit_test(test_hold_and_resume),
		cmocka_unit_test(test_resumed_by_an_answer),
		cmocka_unit_test(test_offer_that_cannot_be_answered),
		cmocka_unit_test(test_refused_stream),
		cmocka_unit_test(test_digits),
		cmocka_unit_test(test_relay),
		cmocka_unit_test(test_hold_is_told),
		cmocka_unit_test(test_both_hold),
		cmocka_unit_test(test_hold_overtaken),
		cmocka_unit_test(test_hold_refused),
		cmocka_unit_test(test_hold_later),
		cmocka_unit_test(test_hold_before_the_answer),
		cmocka_unit_test(test_hold_ended_by_an_answer),
		cmocka_unit_test(test_channels),
		cmocka_unit_test(test_drop_and_another_gateway),
		cmocka_unit_test(test_no_port_is_free),
		cmocka_unit_test(test_closed_unused),
		cmocka_unit_test(test_memory_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
