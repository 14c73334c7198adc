/* SPDX-License-Identifier: GPL-2.0-only */
/* An E1 as pseudowire (RFC 5086 over UDP). One tick plays one received packet and sends one; the
 * two ends differ only in what makes them tick:
 *
 * source: a timer at absolute times. After a stall the ticks due are made up, but only as fast as
 * the far end answers: it is locked to us, so what we have not sent it cannot have returned.
 *
 * line: the packets received. As many ticks as sequence numbers have passed, so that both
 * directions stay in one alignment for ever; a timer takes over while no packets come.
 *
 * D-channels have no part in that: their octets are read in sequence as packets arrive.
 *
 * Threads: all of it runs on the worker but open, destroy and set_faults. */
#include "hw/cesopsn_buffer.h"
#include "hw/cesopsn_wire.h"
#include "hw/e1_pipe.h"

#include "base/mem.h"
#include "base/ring.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define FRAME_US 125
#define TIMESLOT_BLOCK_MAX 40 /* octets of a timeslot in 5 ms */
/* LOS: RFC 5086 leaves the time to us. 100 ms outlasts what a busy host stalls, and is short
 * against every timer of layer 2 and 3; it ends after as long without a gap, so that a flapping
 * path doesn't flap the span. */
#define LOS_US 100000
#define LOS_GAP_US 25000
/* A locked end waits this long before its own timer takes over: longer than a stall of the
 * source's host, shorter than LOS, so that a cut in one direction alone is no LOS in the other. */
#define FREE_RUN_US 75000
#define WATCH_US 5000
/* What one wake-up may count as silence: our own stall is not the far end's. */
#define AWAKE_US 10000
/* Packets in a row before L, R or RDI is believed, or believed gone: one bit is no alarm (as G.775
 * asks of RDI). */
#define PERSISTENT 3
/* A source that stood still this long (suspended) starts afresh. */
#define FORGIVE_NS UINT64_C(1000000000)
#define RX_BATCH 32
#define RX_ROUNDS 16
#define TX_BATCH 64
#define REORDER_MAX 8 /* packets that a locked end holds back, at most */
#define RX_ROOM 2048
#define TX_ROOM (CESOPSN_HEADER_MAX + CESOPSN_PAYLOAD_MAX)
#define FAULT_RECORDS 16
#define RTP_TYPE 96 /* first dynamic payload type (RFC 3551) */

struct persistence {
	bool state;
	unsigned differing;
};

struct cesopsn {
	struct e1_work work; /* first: see e1_work.h */
	struct e1_line *line;
	const struct conf_line *conf;
	struct e1_counters *counters;
	struct loop *loop;
	int fd;
	struct loop_watch watch;
	struct loop_timer timer;
	struct cesopsn_format format;
	struct cesopsn_buffer *buffer;
	uint8_t carried[E1_TIMESLOTS]; /* timeslots of the payload, ascending */
	unsigned width;                /* how many */
	unsigned frames;               /* E1 frames per packet */
	unsigned lag;                  /* packets that a locked end holds back against reordering */
	/* The clock. */
	uint64_t due_ns; /* next tick of our own clock */
	unsigned debt;   /* ticks due and not made */
	bool free_running;
	/* Receiving. */
	uint64_t silent_us, woken_us, packet_us, good_since_us;
	bool los;
	struct persistence l, r, rdi;
	/* Sending. */
	uint16_t sequence;
	uint32_t timestamp;
	unsigned staged;
	struct e1_faults faults;
	struct ring *fault_ring; /* home → worker */
	uint32_t random;
	struct mmsghdr tx_messages[TX_BATCH], rx_messages[RX_BATCH];
	struct iovec tx_vectors[TX_BATCH], rx_vectors[RX_BATCH];
	struct netaddr rx_from[RX_BATCH];
	uint8_t tx_octets[TX_BATCH][TX_ROOM];
	uint8_t rx_octets[RX_BATCH][RX_ROOM];
};

/* ---- Alarms ---- */

static void persist(struct persistence *p, bool now)
{
	p->differing = now == p->state ? 0 : p->differing + 1;
	if (p->differing >= PERSISTENT)
		*p = (struct persistence){ .state = now };
}

/* While nothing comes, what the far end last said is no longer known. */
static void publish_alarms(struct cesopsn *c)
{
	unsigned alarms = E1_ALARM_LOS;

	if (!c->los)
		alarms = (c->l.state ? E1_ALARM_AIS : 0u) | (c->r.state ? E1_ALARM_PEER_LOSS : 0u) |
			 (c->rdi.state ? E1_ALARM_RAI : 0u);
	e1_work_set_alarms(&c->work, alarms);
}

static void lose_signal(struct cesopsn *c)
{
	c->los = true;
	c->l = c->r = c->rdi = (struct persistence){ 0 };
	cesopsn_buffer_reset(c->buffer);
	publish_alarms(c);
}

static void note_packet(struct cesopsn *c, const struct cesopsn_packet *packet, uint64_t now_us)
{
	if (now_us - c->packet_us > LOS_GAP_US)
		c->good_since_us = now_us;
	c->packet_us = now_us;
	c->silent_us = 0;
	c->free_running = false;
	if (c->los && now_us - c->good_since_us >= LOS_US)
		c->los = false;
	persist(&c->l, packet->l);
	persist(&c->r, packet->r);
	persist(&c->rdi, !packet->l && packet->m == CESOPSN_M_RDI);
	publish_alarms(c);
}

static void note_silence(struct cesopsn *c, uint64_t now_us)
{
	uint64_t passed = now_us - c->woken_us;

	c->woken_us = now_us;
	c->silent_us += passed < AWAKE_US ? passed : AWAKE_US;
	if (c->silent_us >= LOS_US && !c->los)
		lose_signal(c);
	else if (c->silent_us >= LOS_US && cesopsn_buffer_synced(c->buffer))
		cesopsn_buffer_reset(c->buffer);
}

/* ---- Sending ---- */

static uint32_t next_random(struct cesopsn *c)
{
	c->random ^= c->random << 13; /* xorshift32, Marsaglia 2003 */
	c->random ^= c->random >> 17;
	c->random ^= c->random << 5;
	return c->random;
}

static void flush(struct cesopsn *c)
{
	for (unsigned sent = 0; sent < c->staged;) {
		int n = sendmmsg(c->fd, c->tx_messages + sent, c->staged - sent, MSG_DONTWAIT);

		if (n > 0)
			counter_add(&c->counters->tx_packets, (uint64_t)n);
		/* What the kernel refuses (no route, no room) is lost as on any path: the far
		 * end counts it. */
		sent += n > 0 ? (unsigned)n : 1;
	}
	c->staged = 0;
}

static void write_payload(struct cesopsn *c, uint8_t *payload)
{
	uint8_t block[TIMESLOT_BLOCK_MAX];

	if (c->faults.l_bit) {
		memset(payload, 0xFF, c->format.payload); /* AIS */
		return;
	}
	memset(payload, atomic_load_explicit(&c->line->idle, memory_order_relaxed),
	       c->format.payload);
	for (unsigned i = 0; i < c->width; i++) {
		if (!e1_work_occupied(&c->work, c->carried[i]))
			continue;
		e1_work_tx(&c->work, c->carried[i], block, c->frames);
		for (unsigned f = 0; f < c->frames; f++)
			payload[f * c->width + i] = block[f];
	}
}

static void send_block(struct cesopsn *c)
{
	unsigned alarms = atomic_load_explicit(&c->work.alarms, memory_order_relaxed);
	bool rdi = c->faults.rdi || (alarms & (E1_ALARM_LOS | E1_ALARM_AIS));
	struct cesopsn_packet packet = {
		.l = c->faults.l_bit,
		.r = c->faults.r_bit || (alarms & E1_ALARM_LOS),
		.m = rdi && !c->faults.l_bit ? CESOPSN_M_RDI : CESOPSN_M_NORMAL,
		.sequence = c->sequence++,
		.timestamp = c->timestamp,
	};
	uint8_t *out = c->tx_octets[c->staged];

	c->timestamp += c->frames;
	/* The users are clocked, whether it is sent or not. */
	write_payload(c, out + cesopsn_header_length(&c->format));
	if (c->faults.stop ||
	    (c->faults.drop_permille && next_random(c) % 1000 < c->faults.drop_permille))
		return;
	cesopsn_write(out, &c->format, &packet);
	if (++c->staged == TX_BATCH)
		flush(c);
}

/* ---- Receiving ---- */

/* Hands over the octets of one kind of timeslots. `payload` NULL: fill. */
static void hand_over(struct cesopsn *c, const uint8_t *payload, bool dchans)
{
	uint8_t block[TIMESLOT_BLOCK_MAX];

	for (unsigned i = 0; i < c->width; i++) {
		unsigned ts = c->carried[i];

		if (!e1_work_occupied(&c->work, ts) || e1_work_is_dchan(&c->work, ts) != dchans)
			continue;
		if (!payload) {
			e1_work_rx_fill(&c->work, ts, c->frames);
			continue;
		}
		for (unsigned f = 0; f < c->frames; f++)
			block[f] = payload[f * c->width + i];
		e1_work_rx(&c->work, ts, block, c->frames);
	}
}

static void play_block(struct cesopsn *c)
{
	const uint8_t *payload = cesopsn_buffer_take(c->buffer);

	if (!payload)
		counter_add(&c->counters->filled_octets, c->frames);
	hand_over(c, payload, false);
}

/* The reader of the buffer: ahead of the playout. */
static void read_block(void *arg, const uint8_t *payload)
{
	hand_over(arg, payload, true);
}

static void count_packet(struct cesopsn *c, const struct cesopsn_packet *packet)
{
	counter_inc(&c->counters->rx_packets);
	if (packet->l)
		counter_inc(&c->counters->rx_l_bit);
	if (packet->r)
		counter_inc(&c->counters->rx_r_bit);
	if (!packet->l && packet->m == CESOPSN_M_RDI)
		counter_inc(&c->counters->rx_rdi);
}

static void packet_in(struct cesopsn *c, const struct netaddr *from, const uint8_t *octets,
		      size_t n)
{
	struct cesopsn_packet packet;
	int rc;

	if (!netaddr_equal(from, &c->conf->remote)) {
		counter_inc(&c->counters->foreign);
		return;
	}
	rc = cesopsn_read(&packet, &c->format, octets, n);
	if (rc < 0) {
		counter_inc(rc == -EOPNOTSUPP ? &c->counters->signalling
					      : &c->counters->malformed);
		return;
	}
	count_packet(c, &packet);
	note_packet(c, &packet, loop_now_us(c->loop));
	switch (cesopsn_buffer_put(c->buffer, packet.sequence, packet.l ? NULL : packet.payload)) {
	case CESOPSN_TAKEN:
		break;
	case CESOPSN_REORDERED:
		counter_inc(&c->counters->reordered);
		break;
	case CESOPSN_LATE:
	case CESOPSN_STRAY:
		counter_inc(&c->counters->late);
		break;
	}
}

static int receive_batch(struct cesopsn *c)
{
	for (unsigned i = 0; i < RX_BATCH; i++)
		c->rx_messages[i].msg_hdr.msg_namelen = sizeof(c->rx_from[i]);
	return recvmmsg(c->fd, c->rx_messages, RX_BATCH, MSG_DONTWAIT, NULL);
}

static bool receive_some(struct cesopsn *c)
{
	int n = receive_batch(c);

	for (int i = 0; i < n; i++) {
		bool whole = !(c->rx_messages[i].msg_hdr.msg_flags & MSG_TRUNC);

		packet_in(c, &c->rx_from[i], c->rx_octets[i],
			  whole ? c->rx_messages[i].msg_len : 0);
	}
	return n == RX_BATCH;
}

/* ---- The clock ---- */

static void tick(struct cesopsn *c)
{
	play_block(c);
	send_block(c);
}

static uint64_t interval_ns(const struct cesopsn *c)
{
	int64_t offset = (int64_t)c->conf->packet_us * c->faults.clock_ppm / 1000;

	return (uint64_t)((int64_t)c->conf->packet_us * 1000 - offset);
}

static unsigned ticks_due(struct cesopsn *c)
{
	uint64_t now_ns = clock_now_us(loop_clock(c->loop)) * 1000;
	unsigned due = 0;

	if (now_ns > c->due_ns + FORGIVE_NS) {
		c->due_ns = now_ns;
		c->debt = 0;
	}
	for (; c->due_ns <= now_ns; c->due_ns += interval_ns(c))
		due++;
	return due;
}

static bool has_reserve(const struct cesopsn *c)
{
	return !cesopsn_buffer_synced(c->buffer) ||
	       cesopsn_buffer_level(c->buffer) > (int)cesopsn_buffer_depth(c->buffer) / 2;
}

/* Of the ticks that fell due since last time one is made in any case: time goes on. The others
 * are made up while there is something to play in reserve; a far end that is locked to us
 * refills it as we send. */
static void run_source(struct cesopsn *c)
{
	unsigned due = ticks_due(c);

	c->debt += due;
	if (due) {
		c->debt--;
		cesopsn_buffer_watch(c->buffer, c->debt);
		tick(c);
	}
	while (c->debt && has_reserve(c)) {
		c->debt--;
		tick(c);
	}
}

static void run_locked(struct cesopsn *c)
{
	while (cesopsn_buffer_synced(c->buffer) && cesopsn_buffer_level(c->buffer) > (int)c->lag)
		tick(c);
	if (c->silent_us < FREE_RUN_US)
		return;
	/* The ticks missed since are made up: the far end's position has gone on. */
	if (!c->free_running)
		c->due_ns = (clock_now_us(loop_clock(c->loop)) - c->silent_us) * 1000;
	c->free_running = true;
	for (unsigned due = ticks_due(c); due; due--)
		tick(c);
}

static void clock_fired(struct loop_timer *timer, void *arg);

static void run(struct cesopsn *c)
{
	bool source = c->conf->clock == CONF_CLOCK_SOURCE;
	uint64_t due_us;

	if (source)
		run_source(c);
	else
		run_locked(c);
	flush(c);
	due_us = source || c->free_running ? (c->due_ns + 999) / 1000 : c->woken_us + WATCH_US;
	loop_timer_start_at(c->loop, &c->timer, due_us, clock_fired, c);
}

/* Reads before it judges or plays: after a stall, what has come meanwhile waits in the socket. */
static void clock_fired(struct loop_timer *timer, void *arg)
{
	struct cesopsn *c = arg;
	unsigned rounds = RX_ROUNDS;

	(void)timer;
	while (rounds-- && receive_some(c))
		;
	note_silence(c, loop_now_us(c->loop));
	run(c);
}

static void packets_ready(struct loop_watch *watch, uint32_t events, void *arg)
{
	struct cesopsn *c = arg;
	unsigned rounds = RX_ROUNDS;

	(void)watch;
	(void)events;
	while (rounds-- && receive_some(c))
		;
	run(c);
}

/* ---- Start and stop ---- */

static void start(void *object, void *arg)
{
	struct cesopsn *c = object;
	uint64_t now_us;

	(void)arg;
	c->loop = worker_loop(c->line->worker);
	now_us = loop_now_us(c->loop);
	for (unsigned rounds = RX_ROUNDS; rounds && receive_batch(c) == RX_BATCH; rounds--)
		; /* what came before there was a line is stale */
	c->woken_us = c->packet_us = now_us;
	c->silent_us = LOS_US;
	c->due_ns = now_us * 1000;
	c->free_running = true;
	if (loop_watch_add(c->loop, &c->watch, c->fd, EPOLLIN, packets_ready, c) < 0)
		e1_work_set_alarms(&c->work, E1_ALARM_LOS | E1_ALARM_DEVICE);
	else
		run(c);
}

static void stop(struct e1_line *line)
{
	struct cesopsn *c = line->private;

	loop_watch_remove(&c->watch);
	loop_timer_stop(c->loop, &c->timer);
}

static void destroy(struct e1_line *line)
{
	struct cesopsn *c = line->private;

	if (c->fd >= 0)
		close(c->fd);
	ring_destroy(&c->fault_ring);
	cesopsn_buffer_destroy(&c->buffer);
	mem_free(c);
	line->private = NULL;
}

static int open_socket(struct cesopsn *c)
{
	const struct netaddr *local = &c->conf->local;
	bool v6 = netaddr_family(local) == AF_INET6;
	int tos = c->conf->dscp << 2, room = 1 << 20;

	if (!netaddr_is_set(local) || !netaddr_is_set(&c->conf->remote) ||
	    netaddr_family(local) != netaddr_family(&c->conf->remote))
		return -EINVAL;
	c->fd = socket(netaddr_family(local), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0)
		return -errno;
	/* Best effort, all of them: a stall's worth of packets in the socket, and RFC 2474
	 * marking. */
	setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	setsockopt(c->fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_TCLASS : IP_TOS, &tos,
		   sizeof(tos));
	if (bind(c->fd, &local->u.sa, netaddr_len(local)) < 0)
		return -errno;
	return 0;
}

static void prepare_messages(struct cesopsn *c)
{
	size_t length = cesopsn_header_length(&c->format) + c->format.payload;

	for (unsigned i = 0; i < TX_BATCH; i++) {
		c->tx_vectors[i] = (struct iovec){ c->tx_octets[i], length };
		c->tx_messages[i].msg_hdr = (struct msghdr){
			.msg_name = (void *)(uintptr_t)&c->conf->remote.u.sa,
			.msg_namelen = netaddr_len(&c->conf->remote),
			.msg_iov = &c->tx_vectors[i],
			.msg_iovlen = 1,
		};
	}
	for (unsigned i = 0; i < RX_BATCH; i++) {
		c->rx_vectors[i] = (struct iovec){ c->rx_octets[i], RX_ROOM };
		c->rx_messages[i].msg_hdr = (struct msghdr){
			.msg_name = &c->rx_from[i].u.sa,
			.msg_namelen = sizeof(c->rx_from[i]),
			.msg_iov = &c->rx_vectors[i],
			.msg_iovlen = 1,
		};
	}
}

static int prepare_format(struct cesopsn *c)
{
	timeslot_set set = e1_line_timeslots(c->line);

	if (c->conf->packet_us < 1000 || c->conf->packet_us > 5000 || c->conf->packet_us % 1000)
		return -EINVAL;
	for (uint8_t ts = 1; ts < E1_TIMESLOTS; ts++)
		if (set & UINT32_C(1) << ts)
			c->carried[c->width++] = ts;
	c->frames = c->conf->packet_us / FRAME_US;
	c->format.payload = (size_t)c->width * c->frames;
	c->format.rtp = c->conf->rtp_header;
	c->format.payload_type = RTP_TYPE;
	c->format.ssrc =
		(uint32_t)netaddr_port(&c->conf->local) << 16 | netaddr_port(&c->conf->remote);
	return 0;
}

/* A locked end is paced by arrivals: a deeper buffer would smooth nothing, only put reordered
 * packets right. */
static int prepare_buffer(struct cesopsn *c)
{
	unsigned depth = c->conf->jitter_ms * 1000 / c->conf->packet_us;
	bool locked = c->conf->clock == CONF_CLOCK_LINE;
	int rc;

	if (depth < 1)
		depth = 1;
	c->lag = depth / 4 < REORDER_MAX ? depth / 4 : REORDER_MAX;
	rc = cesopsn_buffer_create(&c->buffer, c->format.payload, c->conf->packet_us, depth, locked,
				   c->counters);
	if (rc < 0)
		return rc;
	cesopsn_buffer_set_reader(c->buffer, read_block, c);
	return 0;
}

static int cesopsn_open(struct e1_line *line)
{
	struct cesopsn *c = mem_zalloc(sizeof(*c));
	int rc;

	if (!c)
		return -ENOMEM;
	line->private = c;
	c->line = line;
	c->conf = line->conf;
	c->counters = &line->counters;
	c->fd = -1;
	c->los = true;
	e1_work_init(&c->work, line, stop, destroy);
	rc = prepare_format(c);
	if (rc < 0)
		goto fail;
	rc = prepare_buffer(c);
	if (rc < 0)
		goto fail;
	rc = ring_create(&c->fault_ring, FAULT_RECORDS, sizeof(struct e1_faults));
	if (rc < 0)
		goto fail;
	rc = open_socket(c);
	if (rc < 0)
		goto fail;
	prepare_messages(c);
	worker_post(line->worker, start, c, NULL);
	return 0;
fail:
	destroy(line);
	return rc;
}

static void cesopsn_close(struct e1_line *line, void (*closed)(void *), void *arg)
{
	e1_work_close(line->private, closed, arg);
}

static void take_faults(void *object, void *arg)
{
	struct cesopsn *c = object;

	(void)arg;
	if (ring_pop(c->fault_ring, &c->faults))
		c->random = c->faults.seed ? c->faults.seed : 1;
}

static int set_faults(struct e1_line *line, const struct e1_faults *faults)
{
	struct cesopsn *c = line->private;

	if (faults->clock_ppm < -500000 || faults->clock_ppm > 500000)
		return -EINVAL;
	if (!ring_push(c->fault_ring, faults))
		return -EAGAIN;
	worker_post(line->worker, take_faults, c, NULL);
	return 0;
}

const struct e1_backend e1_cesopsn_backend = {
	.name = "cesopsn",
	.open = cesopsn_open,
	.close = cesopsn_close,
	.slot_join = e1_work_slot_join,
	.slot_leave = e1_work_slot_leave,
	.dchan_open = e1_hdlc_pipe_open,
	.dchan_close = e1_pipe_close,
	.dchan_send = e1_pipe_send,
	.set_faults = set_faults,
};
