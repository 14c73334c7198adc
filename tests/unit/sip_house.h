/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TESTS_SIP_HOUSE_H
#define TESTS_SIP_HOUSE_H

/* The stack in virtual time, calling itself over loopback (trunk "a" on one interface and trunk "b"
 * on the other are each other's peers) and a mute peer (trunk "mute") whose socket the test reads
 * and writes by hand. One translation unit each includes this: everything is static. */

#pragma GCC diagnostic ignored "-Wunused-function" /* not every test needs all of it */

#include "trunk/sip_call_private.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define SECOND 1000000ULL
#define PARALLEL 25

struct side {
	struct sip_call *call;
	unsigned events, offers, answers, refuses, released;
	bool connected;
	struct q850_cause cause;
	unsigned status;
	bool by_peer;
	struct sip_event_data last;
};

struct fixture {
	struct clock_virtual clock;
	struct loop *loop;
	struct sip_stack *stack;
	struct conf_sip_interface interfaces[2];
	struct conf_trunk trunks[3];
	enum conf_codec codecs[1];
	char names[3][8], peers[3][32];
	int mute; /* socket */
	struct netaddr mute_address;
	struct side in[200], out[PARALLEL + 1];
	unsigned in_count;
	bool in_verb, auto_connect, take;
	bool admits;
	bool emergencies; /* what .emergency says */
	const struct sip_trunk *in_trunk; /* of the call that came in last */
	unsigned asked; /* how often admission was asked for */
	int down; /* trunk_state calls that said down, up */
	int up;
	char got[16384];
	size_t got_length;
	struct netaddr from;
	bool mute_user;      /* offers are not answered */
	const char *contact; /* in the mute peer's responses; NULL: its own */
};

static struct fixture *fx; /* for callbacks' checks */

/* ---- Callbacks ---- */

static void on_event(struct sip_call *call, enum sip_event event, const struct sip_event_data *data,
		     void *arg)
{
	struct side *s = arg;

	assert_false(fx->in_verb);
	assert_int_equal(s->released, 0); /* nothing comes after RELEASED */
	s->events |= 1u << event;
	s->last = *data;
	if (event == SIP_CONNECT || event == SIP_CONNECTED)
		s->connected = true;
	if (event != SIP_RELEASED)
		return;
	s->released++;
	s->cause = data->cause;
	s->status = data->status;
	s->by_peer = data->by_peer;
	s->call = NULL;
	sip_call_done(call);
}

static void media(struct media_desc *d)
{
	struct netaddr local;

	netaddr_parse(&local, "127.0.0.1:40000", 0);
	media_desc_offer(d, &fx->trunks[0], &local);
}

static void on_offer(struct sip_call *call, const struct media_desc *desc, void *arg)
{
	struct side *s = arg;
	struct media_desc answer;
	struct netaddr local;

	assert_false(fx->in_verb);
	s->offers++;
	if (fx->mute_user)
		return;
	netaddr_parse(&local, "127.0.0.1:40002", 0);
	assert_int_equal(media_desc_answer(&answer, desc, &fx->trunks[0], &local, RTP_SENDRECV), 0);
	fx->in_verb = true;
	sip_call_answer(call, &answer);
	if (fx->auto_connect && !s->connected && call->incoming)
		sip_call_connect(call, NULL);
	fx->in_verb = false;
}

static void on_answer(struct sip_call *call, const struct media_desc *desc, void *arg)
{
	(void)call;
	(void)desc;
	assert_false(fx->in_verb);
	((struct side *)arg)->answers++;
}

static void on_refuse(struct sip_call *call, struct q850_cause cause, void *arg)
{
	(void)call;
	(void)cause;
	((struct side *)arg)->refuses++;
}

static const struct sip_call_ops call_ops = {
	.event = on_event, .offer = on_offer, .answer = on_answer, .refuse = on_refuse
};

static void on_incoming(struct sip_trunk *trunk, struct sip_call *call, const struct sip_info *info,
			void *arg)
{
	struct fixture *f = arg;

	(void)info;
	f->in_trunk = trunk;
	assert_false(f->in_verb);
	if (!f->take)
		return; /* not taken: the stack refuses it */
	assert_in_range(f->in_count, 0, 199);
	f->in[f->in_count] = (struct side){ .call = call };
	sip_call_accept(call, &call_ops, &f->in[f->in_count++]);
}

static void on_state(struct sip_trunk *trunk, bool up, void *arg)
{
	struct fixture *f = arg;

	(void)trunk;
	if (up)
		f->up++;
	else
		f->down++;
}

static bool on_admit(struct sip_trunk *trunk, const struct party *called, void *arg)
{
	struct fixture *f = arg;

	(void)trunk;
	assert_int_not_equal(called->number.digits[0], 0);
	f->asked++;
	return f->admits;
}

static bool on_emergency(struct sip_trunk *trunk, const struct party *called, void *arg)
{
	struct fixture *f = arg;

	(void)trunk;
	assert_int_not_equal(called->number.digits[0], 0);
	return f->emergencies;
}

static const struct sip_stack_ops stack_ops = { .incoming = on_incoming,
						.admit = on_admit,
						.emergency = on_emergency,
						.trunk_state = on_state };

/* ---- Fixture ---- */

/* Its own address, so that its requests are of its own trunk. */
#define MUTE_IP "127.0.0.2"

static uint16_t free_port(int *keep)
{
	struct netaddr a;
	socklen_t length = sizeof(a);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	netaddr_set(&a, keep ? MUTE_IP : "127.0.0.1", 0);
	assert_int_equal(bind(fd, &a.u.sa, netaddr_len(&a)), 0);
	assert_int_equal(getsockname(fd, &a.u.sa, &length), 0);
	if (keep)
		*keep = fd;
	else
		close(fd);
	return netaddr_port(&a);
}

static void configure(struct fixture *f)
{
	static const char *const names[] = { "a", "b", "mute" };
	uint16_t ports[3] = { free_port(NULL), free_port(NULL), free_port(&f->mute) };
	const uint16_t peers[3] = { ports[1], ports[0], ports[2] };

	netaddr_set(&f->mute_address, MUTE_IP, ports[2]);
	f->codecs[0] = CONF_PCMA;
	for (unsigned i = 0; i < 2; i++) {
		f->interfaces[i] =
			(struct conf_sip_interface){ .name = i ? "second" : "first", .udp = true };
		netaddr_set(&f->interfaces[i].address, "127.0.0.1", ports[i]);
	}
	for (unsigned i = 0; i < 3; i++) {
		snprintf(f->names[i], sizeof(f->names[i]), "%s", names[i]);
		snprintf(f->peers[i], sizeof(f->peers[i]), "%s:%u", i == 2 ? MUTE_IP : "127.0.0.1",
			 peers[i]);
		f->trunks[i] = (struct conf_trunk){ .name = f->names[i],
						    .interface = f->interfaces[i == 1].name,
						    .peer = f->peers[i],
						    .codecs = f->codecs,
						    .codec_count = 1,
						    .telephone_event = true,
						    .ptime_ms = 20,
						    .trusted = true,
						    .prack = true,
						    .early_media = true,
						    .user_phone = true };
	}
}

static int open_stack(struct fixture *f)
{
	struct sip_stack_cfg cfg = { .interfaces = f->interfaces,
				     .interface_count = 2,
				     .trunks = f->trunks,
				     .trunk_count = 3,
				     .loop = f->loop };
	char error[200];

	return sip_stack_create(&f->stack, &cfg, &stack_ops, f, error, sizeof(error));
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	fx = f;
	clock_virtual_init(&f->clock);
	configure(f);
	assert_int_equal(loop_create(&f->loop, &f->clock.clock), 0);
	assert_int_equal(open_stack(f), 0);
	f->take = f->auto_connect = f->admits = true;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	sip_stack_destroy(&f->stack);
	loop_destroy(&f->loop);
	close(f->mute);
	free(f);
	return mem_live_blocks() ? -1 : 0;
}

/* Until nothing more is on the way. */
static void settle(struct fixture *f)
{
	for (int i = 0; i < 30; i++)
		sip_stack_step(f->stack, 0);
}

static void pass(struct fixture *f, uint64_t us)
{
	for (uint64_t step; us; us -= step) {
		step = us < 250000 ? us : 250000;
		loop_advance(f->loop, &f->clock, step);
		for (int i = 0; i < 6; i++)
			sip_stack_step(f->stack, 0);
	}
}

static void call_on(struct fixture *f, const char *trunk, struct side *side, bool offered)
{
	struct sip_info info = { .called = { .number = { .digits = "+442079460000",
							 .present = true } } };
	struct media_desc offer;

	media(&offer);
	*side = (struct side){ 0 };
	f->in_verb = true;
	assert_int_equal(sip_call_create(&side->call, sip_stack_trunk(f->stack, trunk), &info,
					 offered ? &offer : NULL, &call_ops, side),
			 0);
	f->in_verb = false;
}

static struct q850_cause normal(void)
{
	return q850(Q850_NORMAL_CLEARING, Q850_LOC_USER);
}

static void nothing_left(struct fixture *f)
{
	struct sip_interface *interface;

	pass(f, 70 * SECOND);
	list_for_each(interface, &f->stack->interfaces, struct sip_interface, node)
	{
		usize_t incoming = 1, outgoing = 1, legs = 1;

		nta_agent_get_stats(interface->agent,
				    NTATAG_S_IRQ_HASH_USED_REF(incoming),
				    NTATAG_S_ORQ_HASH_USED_REF(outgoing),
				    NTATAG_S_LEG_HASH_USED_REF(legs), TAG_END());
		assert_int_equal(incoming, 0);
		assert_int_equal(outgoing, 0);
		assert_int_equal(legs, 0);
	}
	assert_true(list_empty(&f->stack->calls));
	assert_true(list_empty(&f->stack->late));
	assert_true(list_empty(&f->stack->up));
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(sip_trunk_calls(sip_stack_trunk_at(f->stack, i)), 0);
}

/* ---- The mute peer's hand ---- */

static bool receive(struct fixture *f, const char *begin)
{
	socklen_t length = sizeof(f->from);
	ssize_t n;

	while ((n = recvfrom(f->mute, f->got, sizeof(f->got) - 1, 0, &f->from.u.sa, &length)) >=
	       0) {
		f->got[n] = '\0';
		f->got_length = (size_t)n;
		if (strncmp(f->got, begin, strlen(begin)) == 0)
			return true;
	}
	return false;
}

/* The value of a header of the message received last. */
static const char *header(const struct fixture *f, const char *name, char value[512])
{
	char pattern[64];
	const char *at;

	snprintf(pattern, sizeof(pattern), "\r\n%s: ", name);
	at = strstr(f->got, pattern);
	if (!at)
		return NULL;
	at += strlen(pattern);
	snprintf(value, 512, "%.*s", (int)strcspn(at, "\r"), at);
	return value;
}

static const char sdp[] = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 "
			  "0\r\nm=audio 50000 RTP/AVP 8\r\n";

static void send_mute(struct fixture *f, const char *text, const struct netaddr *to)
{
	assert_true(sendto(f->mute, text, strlen(text), 0, &to->u.sa, netaddr_len(to)) > 0);
}

static void respond(struct fixture *f, const char *status, const char *extra, const char *body)
{
	char text[4096], via[512], from[512], to[512], call_id[512], cseq[512], contact[64];
	bool tagged = strstr(header(f, "To", to), "tag=") != NULL;

	snprintf(contact, sizeof(contact), "<sip:mute@" MUTE_IP ":%u>",
		 netaddr_port(&f->mute_address));
	snprintf(text, sizeof(text),
		 "SIP/2.0 %s\r\nVia: %s\r\nFrom: %s\r\nTo: %s%s\r\nCall-ID: %s\r\nCSeq: "
		 "%s\r\nContact: %s\r\n%s"
		 "%sContent-Length: %zu\r\n\r\n%s",
		 status, header(f, "Via", via), header(f, "From", from), to,
		 tagged ? "" : ";tag=mute", header(f, "Call-ID", call_id), header(f, "CSeq", cseq),
		 f->contact ? f->contact : contact, extra,
		 body[0] ? "Content-Type: application/sdp\r\n" : "", strlen(body), body);
	send_mute(f, text, &f->from);
}

static void request(struct fixture *f, const char *method, unsigned cseq, const char *to_tag,
		    const char *extra, const char *body)
{
	const struct netaddr *to = &f->interfaces[0].address;
	char text[4096];

	snprintf(text, sizeof(text),
		 "%s sip:123@127.0.0.1:%u SIP/2.0\r\nVia: SIP/2.0/UDP "
		 MUTE_IP ":%u;branch=z9hG4bK%s%u\r\nFrom: <sip:m@x>;tag=mm\r\n"
		 "To: <sip:123@x>%s%s\r\nCall-ID: by-hand\r\nCSeq: %u %s\r\nContact: "
		 "<sip:mute@" MUTE_IP ":%u>\r\nMax-Forwards: 70\r\n"
		 "%s%sContent-Length: %zu\r\n\r\n%s",
		 method, netaddr_port(to), netaddr_port(&f->mute_address), method, cseq,
		 to_tag[0] ? ";tag=" : "", to_tag, cseq, method, netaddr_port(&f->mute_address),
		 extra, body[0] ? "Content-Type: application/sdp\r\n" : "", strlen(body), body);
	send_mute(f, text, to);
}

/* CANCEL goes in the INVITE's transaction: RFC 3261 9.1. */
static void cancel(struct fixture *f, unsigned cseq)
{
	const struct netaddr *to = &f->interfaces[0].address;
	char text[1024];

	snprintf(text, sizeof(text),
		 "CANCEL sip:123@127.0.0.1:%u SIP/2.0\r\nVia: SIP/2.0/UDP "
		 MUTE_IP ":%u;branch=z9hG4bKINVITE%u\r\n"
		 "From: <sip:m@x>;tag=mm\r\nTo: <sip:123@x>\r\nCall-ID: by-hand\r\nCSeq: %u "
		 "CANCEL\r\nMax-Forwards: 70\r\n"
		 "Content-Length: 0\r\n\r\n",
		 netaddr_port(to), netaddr_port(&f->mute_address), cseq, cseq);
	send_mute(f, text, to);
}

static void tag_of(const struct fixture *f, char tag[64])
{
	char to[512];
	const char *at = strstr(header(f, "To", to), "tag=");

	assert_non_null(at);
	snprintf(tag, 64, "%.*s", (int)strcspn(at + 4, ";"), at + 4);
}

/* A call of the mute peer that is up; `headers` go into its INVITE. */
static void take_session(struct fixture *f, const char *expires, char tag[64])
{
	request(f, "INVITE", 1, "", expires, sdp);
	settle(f);
	assert_true(receive(f, "SIP/2.0 200"));
	tag_of(f, tag);
	request(f, "ACK", 1, tag, "", "");
	settle(f);
	assert_true(f->in[0].connected);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
