/* SPDX-License-Identifier: GPL-2.0-only */
/* What the media path costs, and what delay it adds.
 *
 *   packets   one endpoint sends 20 ms to another on one thread, against the bare system calls for
 * the same packet (epoll_wait, sendto, recvfrom, memcpy) channels  30 and 120 timeslots of E1 lines
 * joined to as many RTP endpoints on one worker, each with a far end that reflects its packets;
 * against a thread that moves the same packets with bare system calls
 *
 * All figures are processor time of the thread that does the work, and its ratio to the reference
 * of the same run: absolute values are this machine's. Delay: from an octet that enters the line
 * until it leaves it again. */
#include "base/loop.h"
#include "base/mem.h"
#include "hw/e1.h"
#include "trunk/rtp_private.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define PACKETS 20000
#define PACKET 160
#define WIRE (RTP_HEADER + PACKET)
#define CHANNELS_MAX 120
#define PER_LINE 30
#define LINES (CHANNELS_MAX / PER_LINE)
#define SETTLE_MS 1000
#define RUN_MS 5000
#define JITTER_MS 40
#define TAPE 80000

static double cpu_s(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double thread_cpu(void)
{
	return cpu_s(CLOCK_THREAD_CPUTIME_ID);
}

static void check(int rc, const char *what)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "bench_media: %s: %s\n", what, strerror(-rc));
	exit(1);
}

static int bound_socket(struct netaddr *address)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	socklen_t n = sizeof(*address);
	netaddr_set(address, "127.0.0.1", 0);
	if (fd < 0 || bind(fd, &address->u.sa, netaddr_len(address)) < 0 ||
	    getsockname(fd, &address->u.sa, &n) < 0)
		check(-errno, "socket");
	return fd;
}

/* ---- Packets ---- */

static double bare_packets(void)
{
	uint8_t out[WIRE] = { 0x80 }, in[2048], kept[PACKET];
	struct netaddr a, b, from;
	struct epoll_event event = { .events = EPOLLIN };
	int from_fd = bound_socket(&a), to_fd = bound_socket(&b),
	    epoll = epoll_create1(EPOLL_CLOEXEC);
	epoll_ctl(epoll, EPOLL_CTL_ADD, to_fd, &event);
	double begun = thread_cpu();
	for (unsigned i = 0; i < PACKETS; i++) {
		socklen_t n = sizeof(from);
		memcpy(out + RTP_HEADER, kept, PACKET);
		if (sendto(from_fd, out, WIRE, 0, &b.u.sa, netaddr_len(&b)) != WIRE ||
		    epoll_wait(epoll, &event, 1, -1) != 1 ||
		    recvfrom(to_fd, in, sizeof(in), 0, &from.u.sa, &n) != WIRE)
			check(-EIO, "bare packets");
		memcpy(kept, in + RTP_HEADER, PACKET);
	}
	double spent = thread_cpu() - begun;
	close(epoll);
	close(from_fd);
	close(to_fd);
	return spent / PACKETS * 1e9;
}

struct two {
	struct clock_virtual clock;
	struct loop *loop;
	struct worker *worker;
	struct rtp_ports *ports;
	struct rtp_endpoint *end[2];
};

static struct rtp_endpoint *make_endpoint(struct rtp_ports *ports, struct worker *worker,
					  const struct netaddr *remote)
{
	struct rtp_cfg cfg = { .jitter_ms = JITTER_MS, .line_codec = PORT_PCMA, .cname = "bench" };
	struct rtp_media media = { .codec = PORT_PCMA,
				   .payload_type = 8,
				   .payload_type_rx = 8,
				   .event_pt = RTP_NO_PT,
				   .event_pt_rx = RTP_NO_PT,
				   .ptime_ms = 20,
				   .direction = RTP_SENDRECV };
	struct rtp_endpoint *rtp = NULL;
	netaddr_set(&cfg.address, "127.0.0.1", 0);
	check(rtp_create(&rtp, ports, &cfg, NULL, NULL), "endpoint");
	media.remote = remote ? *remote : cfg.address;
	rtp_configure(rtp, &media);
	rtp_place(rtp, worker);
	return rtp;
}

static void open_two(struct two *t)
{
	struct worker_cfg cfg = {
		.name = "bench", .cpu = -1, .clock = &t->clock.clock, .inline_thread = true
	};
	clock_virtual_init(&t->clock);
	check(loop_create(&t->loop, &t->clock.clock), "loop");
	check(worker_create(&t->worker, &cfg, t->loop), "worker");
	check(rtp_ports_create(&t->ports, 39000, 39399), "ports");
	t->end[1] = make_endpoint(t->ports, t->worker, NULL);
	struct netaddr remote = rtp_local(t->end[1]);
	t->end[0] = make_endpoint(t->ports, t->worker, &remote);
	for (unsigned i = 0; i < 4; i++)
		loop_turn(t->loop, 0);
}

static void close_two(struct two *t)
{
	for (unsigned i = 0; i < 2; i++)
		rtp_close(&t->end[i], NULL, NULL);
	for (unsigned i = 0; i < 4; i++)
		loop_turn(t->loop, 0);
	worker_destroy(&t->worker);
	rtp_ports_destroy(&t->ports);
	loop_destroy(&t->loop);
}

/* As a line does: 20 blocks of 8 octets each way per packet. */
static double endpoint_packets(void)
{
	struct two t = { 0 };
	uint8_t octets[8] = { 0 };
	struct frame frame = { .octets = octets, .length = 8, .kind = FRAME_AUDIO };
	open_two(&t);
	double begun = thread_cpu();
	for (unsigned i = 0; i < PACKETS; i++) {
		for (unsigned ms = 0; ms < 20; ms++)
			port_push(rtp_port(t.end[0]), &frame);
		t.clock.now_us += 20000;
		loop_turn(t.loop, 0);
		for (unsigned ms = 0; ms < 20; ms++)
			port_pull(rtp_port(t.end[1]), octets, 8);
	}
	double spent = thread_cpu() - begun;
	if (counter_get(&rtp_counters(t.end[1])->rx_packets) != PACKETS)
		check(-EIO, "endpoint packets");
	close_two(&t);
	return spent / PACKETS * 1e9;
}

/* Without any system call: what is ours of it. */
static double endpoint_packets_without_sockets(void)
{
	struct two t = { 0 };
	uint8_t octets[8], packet[WIRE] = { 0x80, 8 };
	struct netaddr from;
	open_two(&t);
	netaddr_set(&from, "127.0.0.1", 5004);
	double begun = thread_cpu();
	for (unsigned i = 0; i < PACKETS; i++) {
		uint32_t timestamp = i * PACKET;
		packet[2] = (uint8_t)(i >> 8);
		packet[3] = (uint8_t)i;
		for (unsigned k = 0; k < 4; k++)
			packet[4 + k] = (uint8_t)(timestamp >> (24 - 8 * k));
		rtp_rx_packet(t.end[1], packet, sizeof(packet), &from);
		for (unsigned ms = 0; ms < 20; ms++)
			port_pull(rtp_port(t.end[1]), octets, 8);
	}
	double spent = thread_cpu() - begun;
	if (counter_get(&rtp_counters(t.end[1])->rx_packets) != PACKETS)
		check(-EIO, "packets without sockets");
	close_two(&t);
	return spent / PACKETS * 1e9;
}

static void bench_packets(void)
{
	double bare = bare_packets(), ours = endpoint_packets(),
	       inner = endpoint_packets_without_sockets();
	printf("packets   bare system calls %.0f ns, endpoint to endpoint %.0f ns, ratio %.2f; "
	       "receive and play without sockets %.0f ns\n",
	       bare, ours, ours / bare, inner);
}

/* ---- Far ends that reflect ---- */

struct reflector {
	pthread_t thread;
	int epoll, fds[CHANNELS_MAX];
	struct netaddr address[CHANNELS_MAX];
	unsigned count;
	atomic_bool stop;
};

static void *reflect(void *arg)
{
	struct reflector *r = arg;
	struct epoll_event events[32];
	uint8_t octets[2048];
	while (!atomic_load(&r->stop)) {
		int n = epoll_wait(r->epoll, events, 32, 100);
		for (int i = 0; i < n; i++) {
			struct netaddr from;
			socklen_t length = sizeof(from);
			ssize_t got = recvfrom(events[i].data.fd, octets, sizeof(octets), 0,
					       &from.u.sa, &length);
			if (got > 0)
				sendto(events[i].data.fd, octets, (size_t)got, 0, &from.u.sa,
				       length);
		}
	}
	return NULL;
}

static void start_reflector(struct reflector *r, unsigned count)
{
	*r = (struct reflector){ .epoll = epoll_create1(EPOLL_CLOEXEC), .count = count };
	for (unsigned i = 0; i < count; i++) {
		r->fds[i] = bound_socket(&r->address[i]);
		struct epoll_event event = { .events = EPOLLIN, .data.fd = r->fds[i] };
		epoll_ctl(r->epoll, EPOLL_CTL_ADD, r->fds[i], &event);
	}
	check(-pthread_create(&r->thread, NULL, reflect, r), "thread");
}

static void stop_reflector(struct reflector *r)
{
	atomic_store(&r->stop, true);
	pthread_join(r->thread, NULL);
	for (unsigned i = 0; i < r->count; i++)
		close(r->fds[i]);
	close(r->epoll);
}

/* ---- Reference: the same packets moved with bare system calls ---- */

static double bare_channels(unsigned count)
{
	struct reflector far;
	int fds[CHANNELS_MAX];
	uint8_t octets[2048] = { 0x80 }, kept[PACKET] = { 0 };
	struct netaddr own, from;
	start_reflector(&far, count);
	for (unsigned i = 0; i < count; i++)
		fds[i] = bound_socket(&own);
	struct timespec due;
	clock_gettime(CLOCK_MONOTONIC, &due);
	double begun = thread_cpu();
	for (unsigned ms = 0; ms < RUN_MS; ms += 20) {
		for (unsigned i = 0; i < count; i++) {
			socklen_t n = sizeof(from);
			if (recvfrom(fds[i], octets, sizeof(octets), 0, &from.u.sa, &n) > 0)
				memcpy(kept, octets + RTP_HEADER, PACKET);
			memcpy(octets + RTP_HEADER, kept, PACKET);
			sendto(fds[i], octets, WIRE, 0, &far.address[i].u.sa,
			       netaddr_len(&far.address[i]));
		}
		due.tv_nsec += 20000000;
		due.tv_sec += due.tv_nsec / 1000000000;
		due.tv_nsec %= 1000000000;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
	}
	double spent = thread_cpu() - begun;
	for (unsigned i = 0; i < count; i++)
		close(fds[i]);
	stop_reflector(&far);
	return spent / count / (RUN_MS / 1000.0) * 1e6;
}

/* ---- Channels ---- */

/* What the far end of the line hears of itself. */
struct tape {
	uint32_t sent, heard;
	uint8_t octets[TAPE];
};

static uint8_t pattern(uint32_t i)
{
	return (uint8_t)((i * 2654435761U) >> 24);
}

static void tape_rx(void *user, const uint8_t *octets, size_t n)
{
	struct tape *t = user;
	for (size_t i = 0; i < n && t->heard < TAPE; i++)
		t->octets[t->heard++] = octets[i];
}

static void tape_tx(void *user, uint8_t *octets, size_t n)
{
	struct tape *t = user;
	for (size_t i = 0; i < n; i++)
		octets[i] = pattern(t->sent++);
}

static const struct e1_slot_ops tape_ops = { .rx = tape_rx, .tx = tape_tx };

static void channel_rx(void *user, const uint8_t *octets, size_t n)
{
	struct frame frame = { .octets = octets, .length = n, .kind = FRAME_AUDIO };
	port_push(user, &frame);
}

static void channel_tx(void *user, uint8_t *octets, size_t n)
{
	port_pull(user, octets, n);
}

static const struct e1_slot_ops channel_ops = { .rx = channel_rx, .tx = channel_tx };

struct system {
	struct loop *home;
	struct worker *worker;
	struct rtp_ports *ports;
	struct e1_pair *pair[LINES];
	struct e1_line *line[LINES][2];
	struct conf_line conf[LINES][2];
	struct rtp_endpoint *rtp[CHANNELS_MAX];
	struct reflector far;
	struct tape tape;
	unsigned count, lines, pending;
	_Atomic double cpu;
};

static void take_cpu(void *object, void *arg)
{
	(void)arg;
	atomic_store(&((struct system *)object)->cpu, thread_cpu());
}

static void turn_for(struct system *s, unsigned ms)
{
	uint64_t until = clock_now_us(&clock_system) + ms * 1000ULL;
	while (clock_now_us(&clock_system) < until)
		loop_turn(s->home, 10);
}

static double worker_cpu(struct system *s)
{
	atomic_store(&s->cpu, -1);
	worker_post(s->worker, take_cpu, s, NULL);
	while (atomic_load(&s->cpu) < 0)
		loop_turn(s->home, 1);
	return atomic_load(&s->cpu);
}

static void done(void *arg)
{
	((struct system *)arg)->pending--;
}

static void open_lines(struct system *s)
{
	static char name[] = "bench";
	for (unsigned l = 0; l < s->lines; l++) {
		check(e1_pair_create(&s->pair[l], s->worker), "pair");
		for (int end = 0; end < 2; end++) {
			s->conf[l][end] =
				(struct conf_line){ .name = name, .timeslots = 0xfffffffeU };
			check(e1_pair_open(s->pair[l], end, &s->line[l][end], &s->conf[l][end],
					   NULL, NULL),
			      "line");
		}
	}
}

/* Timeslots 1 to 30 of each line; those of the far side are idle but for the first. */
static void open_system(struct system *s, unsigned count, bool with_rtp)
{
	struct worker_cfg cfg = { .name = "media", .cpu = -1, .clock = &clock_system };
	s->count = count;
	s->lines = (count + PER_LINE - 1) / PER_LINE;
	check(loop_create(&s->home, &clock_system), "loop");
	check(worker_create(&s->worker, &cfg, s->home), "worker");
	check(rtp_ports_create(&s->ports, 39000, 39999), "ports");
	start_reflector(&s->far, count);
	open_lines(s);
	for (unsigned i = 0; with_rtp && i < count; i++) {
		s->rtp[i] = make_endpoint(s->ports, s->worker, &s->far.address[i]);
		check(e1_slot_join(s->line[i / PER_LINE][0], 1 + i % PER_LINE, &channel_ops,
				   rtp_port(s->rtp[i])),
		      "slot");
	}
	check(e1_slot_join(s->line[0][1], 1, &tape_ops, &s->tape), "tape");
}

static void close_system(struct system *s)
{
	for (unsigned l = 0; l < s->lines; l++)
		for (unsigned ts = 1; ts <= PER_LINE; ts++)
			for (unsigned end = 0; end < 2; end++, s->pending++)
				e1_slot_leave(s->line[l][end], ts, done, s);
	while (s->pending)
		loop_turn(s->home, 10);
	for (unsigned i = 0; i < s->count; i++)
		if (s->rtp[i]) {
			s->pending++;
			rtp_close(&s->rtp[i], done, s);
		}
	for (unsigned l = 0; l < s->lines; l++)
		for (unsigned end = 0; end < 2; end++, s->pending++)
			e1_line_close(&s->line[l][end], done, s);
	while (s->pending)
		loop_turn(s->home, 10);
	for (unsigned l = 0; l < s->lines; l++)
		e1_pair_destroy(&s->pair[l]);
	worker_destroy(&s->worker);
	rtp_ports_destroy(&s->ports);
	stop_reflector(&s->far);
	loop_destroy(&s->home);
}

/* Where what was heard stands in what was sent, in samples; -1: nowhere. Judged near the tape's
 * end. */
static long delay_samples(const struct tape *t)
{
	uint32_t at = t->heard - 400;
	for (uint32_t d = 0; d < at; d++) {
		uint32_t i = 0;
		while (i < 200 && t->octets[at + i] == pattern(at + i - d))
			i++;
		if (i == 200)
			return (long)d;
	}
	return -1;
}

static double run_channels(unsigned count, bool with_rtp, long *delay, uint64_t *bad)
{
	struct system *s = mem_zalloc(sizeof(*s));
	if (!s)
		check(-ENOMEM, "system");
	open_system(s, count, with_rtp);
	turn_for(s, SETTLE_MS);
	double begun = worker_cpu(s);
	turn_for(s, RUN_MS);
	double spent = worker_cpu(s) - begun;
	for (unsigned i = 0; with_rtp && i < count; i++) {
		const struct rtp_counters *c = rtp_counters(s->rtp[i]);
		*bad += counter_get(&c->rx_lost) + counter_get(&c->rx_late) +
			counter_get(&c->slips_drop) + counter_get(&c->slips_repeat);
	}
	close_system(s);
	*delay = delay_samples(&s->tape);
	mem_free(s);
	return spent / count / (RUN_MS / 1000.0) * 1e6;
}

static void bench_channels(unsigned count)
{
	uint64_t bad = 0, none = 0;
	long delay, nothing;
	double bare = bare_channels(count);
	double lines = run_channels(count, false, &nothing, &none);
	double all = run_channels(count, true, &delay, &bad);
	printf("channels  %3u TDM-RTP: %.0f µs of processor per channel and second (%.3f %% of a "
	       "core each), of which lines "
	       "%.0f µs; bare system calls %.0f µs, ratio %.2f\n",
	       count, all, all / 1e4, lines, bare, all / bare);
	printf("          line to line through RTP and back: %.1f ms, of which packet 20 ms and "
	       "jitter buffer %d ms; "
	       "lost, late or slipped: %llu\n",
	       (double)delay / 8, JITTER_MS, (unsigned long long)bad);
}

int main(void)
{
	bench_packets();
	bench_channels(30);
	bench_channels(120);
	return 0;
}
