/* SPDX-License-Identifier: GPL-2.0-only */
/* sip_storm: calls at an even rate, from one end and to another, both of them here.
 *
 * What does it do? Sends INVITEs to a gateway at a rate that does not give way, answers those that
 * come out of the gateway again, holds each call, ends it, and tells what became of every one: the
 * time from INVITE to 200, refusals by status, what was never answered, what was left open. Repeats
 * requests and 200s as RFC 3261 17 and 13.3.1.4 have it, so that no loss by the gateway is laid
 * to the network.
 *
 * How is it used? sip_storm --target 127.0.0.1:5060 --caller 127.0.0.2:6000 --callee 127.0.0.2:6001
 * --to +4420… --rate 500 --seconds 10 --hold 100. --emergency NUMBER: each hundredth call goes
 * there. --limit N: at most so many at a time; others are held back, and counted. Nothing of the
 * gateway's own SIP is used: what both got wrong would not show. Processor time: about 60 µs a
 * call. */
#include "tests/e2e/sip_storm.h"

#include "base/loop.h"
#include "base/mem.h"
#include "base/netaddr.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define T1_US 500000 /* RFC 3261 17.1.1.1 */
#define T2_US 4000000
#define PATIENCE_US 32000000 /* 64 × T1 */
#define TICK_US 1000
#define TARGET_MAX 160
#define TAG_MAX 80
#define LEGS 16384 /* of the answering end, by hash of Call-ID */
#define EMERGENCY_EVERY 100

enum stage { UNUSED, INVITING, TALKING, LEAVING };

/* A call at the calling end. */
struct call {
	struct storm *storm;
	enum stage stage;
	bool emergency, heard; /* heard: a provisional response */
	uint32_t number; /* of the call, in its Call-ID: responses to earlier ones are let go */
	uint64_t begun_us, sent_us, interval_us;
	struct loop_timer timer;
	struct call *next; /* unused ones */
	char to_tag[TAG_MAX], target[TARGET_MAX];
};

/* A call at the answering end: its 200 until the ACK. */
struct leg {
	struct storm *storm;
	struct leg *next;
	uint64_t interval_us;
	struct loop_timer timer;
	char *answer; /* NULL: acknowledged */
	size_t answer_length;
	char call_id[];
};

struct storm {
	struct loop *loop;
	struct netaddr target, caller, callee;
	const char *to, *emergency;
	double rate, seconds;
	unsigned hold_ms, limit;
	struct loop_watch caller_watch, callee_watch;
	struct loop_timer tick, end;
	int media; /* takes what is sent to the ports in our SDP, and is never read */
	uint64_t began_us;
	uint64_t due; /* calls sent or held back so far */
	bool sending;
	unsigned open, size;
	struct call *calls, *unused;
	struct leg *legs[LEGS];
	struct figures figures;
	char target_text[NETADDR_TEXT], caller_text[NETADDR_TEXT], callee_text[NETADDR_TEXT];
	char caller_sdp[256], callee_sdp[256];
};

static uint64_t now_us(void)
{
	return clock_now_us(&clock_system);
}

__attribute__((format(printf, 3, 4))) static void say(struct storm *s, int fd, const char *format,
						      ...)
{
	char text[MESSAGE_MAX];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	sendto(fd, text, (size_t)n, 0, &s->target.u.sa, netaddr_len(&s->target));
}

/* ---- The calling end ---- */

#define REQUEST                                                                                    \
	"%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s%" PRIx32 ";rport\r\n"               \
	"Max-Forwards: 70\r\nFrom: <sip:+442079461111@%s>;tag=s%" PRIx32 "\r\nTo: <%s>%s%s\r\n"    \
	"Call-ID: storm-%zx-%" PRIx32 "\r\nCSeq: %u %s\r\n"

static void send_request(struct call *call, const char *method, const char *branch, unsigned cseq)
{
	struct storm *s = call->storm;
	bool invite = strcmp(method, "INVITE") == 0;
	const char *body = invite ? s->caller_sdp : "";
	char uri[TARGET_MAX];

	snprintf(uri, sizeof(uri), "sip:%s@%s", call->emergency ? s->emergency : s->to,
		 s->target_text);
	say(s, s->caller_watch.fd,
	    REQUEST "Contact: <sip:storm@%s>\r\n%sContent-Length: %zu\r\n\r\n%s", method,
	    call->target[0] ? call->target : uri, s->caller_text, branch, call->number,
	    s->caller_text, call->number, uri, call->to_tag[0] ? ";tag=" : "", call->to_tag,
	    (size_t)(call - s->calls), call->number, cseq, method, s->caller_text,
	    invite ? "Content-Type: application/sdp\r\n" : "", strlen(body), body);
}

static void free_call(struct call *call)
{
	struct storm *s = call->storm;

	loop_timer_stop(s->loop, &call->timer);
	call->stage = UNUSED;
	call->next = s->unused;
	s->unused = call;
	s->open--;
}

static void lose(struct call *call)
{
	fprintf(stderr, "storm-%zx-%" PRIx32 " was lost %s\n", (size_t)(call - call->storm->calls),
		call->number, call->stage == INVITING ? "in setup" : "in clearing");
	call->storm->figures.lost++;
	free_call(call);
}

static void repeat(struct loop_timer *timer, void *arg);

static void wait_for_answer(struct call *call, uint64_t limit_us)
{
	call->interval_us = call->interval_us * 2 < limit_us ? call->interval_us * 2 : limit_us;
	loop_timer_start(call->storm->loop, &call->timer, call->interval_us, repeat, call);
}

static void repeat(struct loop_timer *timer, void *arg)
{
	struct call *call = arg;

	(void)timer;
	if (now_us() - call->sent_us > PATIENCE_US) {
		lose(call);
		return;
	}
	if (!call->heard) {
		call->storm->figures.repeated++;
		if (call->stage == INVITING)
			send_request(call, "INVITE", "i", 1);
		else
			send_request(call, "BYE", "b", 2);
	}
	wait_for_answer(call, call->stage == INVITING ? PATIENCE_US : T2_US);
}

static void begin(struct call *call, enum stage stage)
{
	call->stage = stage;
	call->heard = false;
	call->sent_us = now_us();
	call->interval_us = T1_US;
	loop_timer_start(call->storm->loop, &call->timer, T1_US, repeat, call);
}

static void leave(struct loop_timer *timer, void *arg)
{
	struct call *call = arg;

	(void)timer;
	begin(call, LEAVING);
	send_request(call, "BYE", "b", 2);
}

static void copy(char *out, size_t room, struct text in)
{
	snprintf(out, room, "%.*s", in.length, in.at);
}

static void answered(struct call *call, const struct message *m)
{
	struct storm *s = call->storm;

	if (call->stage == INVITING) {
		uint64_t now = now_us();

		copy(call->to_tag, sizeof(call->to_tag), m->to_tag);
		copy(call->target, sizeof(call->target), m->contact);
		figures_setup(&s->figures, now - call->begun_us);
		s->figures.answered++;
		s->figures.emergencies_answered += call->emergency;
		call->stage = TALKING;
		loop_timer_start(s->loop, &call->timer, (uint64_t)s->hold_ms * 1000, leave, call);
	}
	send_request(call, "ACK", "a", 1);
}

static void refused(struct call *call, const struct message *m)
{
	struct storm *s = call->storm;

	copy(call->to_tag, sizeof(call->to_tag), m->to_tag);
	send_request(call, "ACK", "i", 1);
	if (call->stage != INVITING)
		return;
	s->figures.status[m->status]++;
	s->figures.refused_bare += m->status == 503 && !m->retry_after;
	figures_refusal(&s->figures, now_us() - call->begun_us);
	free_call(call);
}

static void response(struct storm *s, const struct message *m)
{
	size_t index;
	uint32_t number;
	struct call *call;

	if (sscanf(m->call_id.at, "storm-%zx-%" SCNx32, &index, &number) != 2 || index >= s->size)
		return;
	call = &s->calls[index];
	if (call->number != number || call->stage == UNUSED)
		return;
	if (m->status < 200)
		call->heard |= text_is(m->method, "INVITE") && call->stage == INVITING;
	else if (text_is(m->method, "INVITE") && m->status < 300)
		answered(call, m);
	else if (text_is(m->method, "INVITE"))
		refused(call, m);
	else if (text_is(m->method, "BYE") && call->stage == LEAVING) {
		s->figures.ended++;
		free_call(call);
	}
}

static void new_call(struct storm *s)
{
	struct call *call = s->unused;

	s->due++;
	if (!call) {
		s->figures.held_back++;
		return;
	}
	s->unused = call->next;
	s->open++;
	call->number++;
	call->to_tag[0] = call->target[0] = '\0';
	call->emergency =
		s->emergency && s->figures.offered % EMERGENCY_EVERY == EMERGENCY_EVERY - 1;
	s->figures.offered++;
	s->figures.emergencies += call->emergency;
	begin(call, INVITING);
	call->begun_us = call->sent_us;
	send_request(call, "INVITE", "i", 1);
}

/* ---- The answering end ---- */

static struct leg **find_leg(struct storm *s, struct text call_id)
{
	uint32_t hash = 2166136261U;
	struct leg **at;

	for (int i = 0; i < call_id.length; i++)
		hash = (hash ^ (uint8_t)call_id.at[i]) * 16777619U;
	for (at = &s->legs[hash % LEGS]; *at; at = &(*at)->next)
		if (text_is(call_id, (*at)->call_id))
			break;
	return at;
}

static void respond(struct storm *s, const struct message *m, const char *status, const char *more)
{
	say(s, s->callee_watch.fd,
	    "SIP/2.0 %s\r\n%.*sFrom: %.*s\r\nTo: %.*s%s\r\nCall-ID: %.*s\r\nCSeq: %.*s\r\n%s",
	    status, m->vias.length, m->vias.at, m->from.length, m->from.at, m->to.length, m->to.at,
	    m->to_tag.length ? "" : ";tag=storm", m->call_id.length, m->call_id.at, m->cseq.length,
	    m->cseq.at, more);
}

static void send_answer(struct leg *leg)
{
	struct storm *s = leg->storm;

	sendto(s->callee_watch.fd, leg->answer, leg->answer_length, 0, &s->target.u.sa,
	       netaddr_len(&s->target));
}

static void repeat_answer(struct loop_timer *timer, void *arg)
{
	struct leg *leg = arg;

	leg->storm->figures.repeated++;
	send_answer(leg);
	leg->interval_us = leg->interval_us * 2 < T2_US ? leg->interval_us * 2 : T2_US;
	loop_timer_start(leg->storm->loop, timer, leg->interval_us, repeat_answer, leg);
}

static void acknowledged(struct leg *leg)
{
	loop_timer_stop(leg->storm->loop, &leg->timer);
	mem_free(leg->answer);
	leg->answer = NULL;
}

static void invited(struct storm *s, const struct message *m, struct leg **at)
{
	struct leg *leg = *at;

	if (leg) {
		if (leg->answer)
			send_answer(leg);
		return;
	}
	leg = mem_zalloc(sizeof(*leg) + (size_t)m->call_id.length + 1);
	if (!leg)
		abort();
	memcpy(leg->call_id, m->call_id.at, (size_t)m->call_id.length);
	leg->storm = s;
	leg->answer =
		mem_printf("SIP/2.0 200 OK\r\n%.*sFrom: %.*s\r\nTo: %.*s;tag=storm\r\n"
			   "Call-ID: %.*s\r\nCSeq: %.*s\r\nContact: <sip:storm@%s>\r\n"
			   "Content-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n%s",
			   m->vias.length, m->vias.at, m->from.length, m->from.at, m->to.length,
			   m->to.at, m->call_id.length, m->call_id.at, m->cseq.length, m->cseq.at,
			   s->callee_text, strlen(s->callee_sdp), s->callee_sdp);
	if (!leg->answer)
		abort();
	leg->answer_length = strlen(leg->answer);
	leg->interval_us = T1_US;
	*at = leg;
	s->figures.called++;
	s->figures.called_open++;
	respond(s, m, "180 Ringing", "Content-Length: 0\r\n\r\n");
	send_answer(leg);
	loop_timer_start(s->loop, &leg->timer, T1_US, repeat_answer, leg);
}

static void free_leg(struct storm *s, struct leg **at)
{
	struct leg *leg = *at;

	*at = leg->next;
	acknowledged(leg);
	s->figures.called_open--;
	mem_free(leg);
}

static void request(struct storm *s, const struct message *m)
{
	struct leg **at = find_leg(s, m->call_id);

	if (text_is(m->method, "INVITE")) {
		invited(s, m, at);
	} else if (text_is(m->method, "ACK")) {
		if (*at)
			acknowledged(*at);
	} else {
		respond(s, m, "200 OK", "Content-Length: 0\r\n\r\n");
		if (*at && (text_is(m->method, "BYE") || text_is(m->method, "CANCEL")))
			free_leg(s, at);
	}
}

/* ---- Sockets and time ---- */

static void readable(struct loop_watch *watch, uint32_t events, void *arg)
{
	struct storm *s = arg;
	char data[MESSAGE_MAX];
	struct message m;
	ssize_t n;

	(void)events;
	while ((n = recv(watch->fd, data, sizeof(data) - 1, MSG_DONTWAIT)) > 0) {
		data[n] = '\0';
		if (!message_read(&m, data))
			continue;
		if (m.status)
			response(s, &m);
		else
			request(s, &m);
	}
}

static void ticked(struct loop_timer *timer, void *arg)
{
	struct storm *s = arg;
	double elapsed = (double)(now_us() - s->began_us) / 1e6;

	while (elapsed < s->seconds && (double)s->due < elapsed * s->rate)
		new_call(s);
	s->sending = elapsed < s->seconds;
	if (s->sending)
		s->figures.seconds = elapsed;
	if (!s->sending && !s->open && !s->figures.called_open)
		loop_stop(s->loop, 0);
	else
		loop_timer_start(s->loop, timer, TICK_US, ticked, s);
}

/* The other end of a call that was lost may stay open for good. */
static void too_long(struct loop_timer *timer, void *arg)
{
	struct storm *s = arg;

	(void)timer;
	for (unsigned i = 0; i < s->size; i++)
		if (s->calls[i].stage != UNUSED)
			lose(&s->calls[i]);
	loop_stop(s->loop, 0);
}

static int bound(const struct netaddr *a, int buffer)
{
	int fd = socket(netaddr_family(a), SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, &a->u.sa, netaddr_len(a)) < 0) {
		perror("sip_storm: bind");
		exit(2);
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	return fd;
}

static void describe(char *sdp, size_t room, const struct netaddr *a, unsigned port)
{
	char host[NETADDR_TEXT];

	netaddr_host_text(a, host);
	snprintf(sdp, room,
		 "v=0\r\no=storm 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio %u "
		 "RTP/AVP 8\r\n",
		 host, host, port);
}

static void open_media(struct storm *s)
{
	struct netaddr a = s->caller;
	socklen_t length = sizeof(a);

	netaddr_set_port(&a, 0);
	s->media = bound(&a, 4096);
	getsockname(s->media, &a.u.sa, &length);
	describe(s->caller_sdp, sizeof(s->caller_sdp), &s->caller, netaddr_port(&a));
	describe(s->callee_sdp, sizeof(s->callee_sdp), &s->callee, netaddr_port(&a));
}

static void open_end(struct storm *s, struct loop_watch *watch, const struct netaddr *a, char *text)
{
	int fd = bound(a, 4 << 20);

	netaddr_text(a, text);
	if (loop_watch_add(s->loop, watch, fd, EPOLLIN, readable, s) < 0)
		abort();
}

static void start(struct storm *s)
{
	if (loop_create(&s->loop, &clock_system) < 0)
		abort();
	s->size = s->limit;
	s->calls = mem_calloc(s->size, sizeof(*s->calls));
	s->figures.room = (size_t)(s->rate * s->seconds) + 100;
	s->figures.setup_us = mem_calloc(s->figures.room, sizeof(uint32_t));
	s->figures.refusal_us = mem_calloc(s->figures.room, sizeof(uint32_t));
	if (!s->calls || !s->figures.setup_us || !s->figures.refusal_us)
		abort();
	for (unsigned i = s->size; i-- > 0;) {
		s->calls[i].storm = s;
		s->calls[i].next = s->unused;
		s->calls[i].number = (uint32_t)getpid() << 12;
		s->unused = &s->calls[i];
	}
	open_media(s);
	netaddr_text(&s->target, s->target_text);
	open_end(s, &s->caller_watch, &s->caller, s->caller_text);
	s->callee_watch.fd = -1;
	if (netaddr_is_set(&s->callee))
		open_end(s, &s->callee_watch, &s->callee, s->callee_text);
	s->began_us = now_us();
	s->sending = true;
	loop_timer_start(s->loop, &s->tick, TICK_US, ticked, s);
	loop_timer_start(s->loop, &s->end,
			 (uint64_t)(s->seconds * 1e6) + PATIENCE_US + (uint64_t)s->hold_ms * 1000 +
				 3000000,
			 too_long, s);
}

static void stop(struct storm *s)
{
	loop_watch_remove(&s->caller_watch);
	loop_watch_remove(&s->callee_watch);
	for (unsigned i = 0; i < LEGS; i++)
		while (s->legs[i])
			free_leg(s, &s->legs[i]);
	loop_destroy(&s->loop);
	mem_free(s->calls);
	mem_free(s->figures.setup_us);
	mem_free(s->figures.refusal_us);
}

/* ---- Options ---- */

static const struct option options[] = {
	{ "target", required_argument, NULL, 't' },    { "caller", required_argument, NULL, 'c' },
	{ "callee", required_argument, NULL, 'a' },    { "to", required_argument, NULL, 'n' },
	{ "emergency", required_argument, NULL, 'e' }, { "rate", required_argument, NULL, 'r' },
	{ "seconds", required_argument, NULL, 's' },   { "hold", required_argument, NULL, 'h' },
	{ "limit", required_argument, NULL, 'l' },     { NULL, 0, NULL, 0 },
};

static int address(struct netaddr *a)
{
	return netaddr_parse(a, optarg, 5060);
}

static int take_option(struct storm *s, int option)
{
	switch (option) {
	case 't':
		return address(&s->target);
	case 'c':
		return address(&s->caller);
	case 'a':
		return address(&s->callee);
	case 'n':
		s->to = optarg;
		return 0;
	case 'e':
		s->emergency = optarg;
		return 0;
	case 'r':
		s->rate = atof(optarg);
		return 0;
	case 's':
		s->seconds = atof(optarg);
		return 0;
	case 'h':
		s->hold_ms = (unsigned)atoi(optarg);
		return 0;
	case 'l':
		s->limit = (unsigned)atoi(optarg);
		return 0;
	default:
		return -EINVAL;
	}
}

int main(int argc, char **argv)
{
	static struct storm s = {
		.to = "+442079460100", .rate = 10, .seconds = 10, .hold_ms = 100, .limit = 65536
	};
	int option, rc = 0;

	while (rc == 0 && (option = getopt_long(argc, argv, "", options, NULL)) != -1)
		rc = take_option(&s, option);
	if (rc < 0 || !netaddr_is_set(&s.target) || !netaddr_is_set(&s.caller)) {
		fprintf(stderr,
			"sip_storm --target IP:PORT --caller IP:PORT [--callee IP:PORT] [--to N] "
			"[--emergency N] [--rate N] [--seconds N] [--hold MS] [--limit N]\n");
		return 2;
	}
	start(&s);
	loop_run(s.loop);
	figures_print(&s.figures);
	fflush(stdout);
	stop(&s);
	return 0;
}
