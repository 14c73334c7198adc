/* SPDX-License-Identifier: GPL-2.0-only */
/* The endpoint's life: made and told what to do on the signalling thread, living on a worker. What
 * the worker must do is posted in order; what it answers is "owed" until the ring to the signalling
 * thread has taken it. */
#include "base/mem.h"
#include "transcoding/law.h"
#include "trunk/rtp_private.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

#define OWED_AGAIN_US 1000
#define EVENT_MS_MAX 8000 /* fits the 16 bits of RFC 4733's duration */

#define COUNTER(field, group, help)                                                                \
	{                                                                                          \
#field, group, help, offsetof(struct rtp_counters, field)                          \
	}
const struct counter_info rtp_counter_info[] = {
	COUNTER(rx_packets, COUNTER_NORMAL, "RTP packets received and believed"),
	COUNTER(rx_octets, COUNTER_NORMAL, "octets of their payload"),
	COUNTER(tx_packets, COUNTER_NORMAL, "RTP packets sent"),
	COUNTER(tx_octets, COUNTER_NORMAL, "octets of their payload"),
	COUNTER(rx_events, COUNTER_NORMAL, "telephone-events received and played as tones"),
	COUNTER(tx_events, COUNTER_NORMAL, "telephone-events begun, or packets of them relayed"),
	COUNTER(rx_rtcp, COUNTER_NORMAL, "RTCP packets received"),
	COUNTER(tx_rtcp, COUNTER_NORMAL, "RTCP packets sent"),
	COUNTER(rx_lost, COUNTER_UNDESIRABLE, "packets that never came"),
	COUNTER(rx_late, COUNTER_UNDESIRABLE, "packets that came after their time"),
	COUNTER(rx_reordered, COUNTER_UNDESIRABLE, "packets that came out of order"),
	COUNTER(rx_duplicate, COUNTER_UNDESIRABLE, "packets that came twice"),
	COUNTER(rx_foreign, COUNTER_UNDESIRABLE, "packets from an address or source not agreed on"),
	COUNTER(concealed_samples, COUNTER_UNDESIRABLE, "samples made up for missing ones"),
	COUNTER(slips_repeat, COUNTER_UNDESIRABLE,
		"stretches repeated: the sender is slower than the line"),
	COUNTER(slips_drop, COUNTER_UNDESIRABLE,
		"stretches dropped: the sender is faster than the line"),
	COUNTER(rx_malformed, COUNTER_ERROR, "packets that are no RTP"),
	COUNTER(rx_unknown_pt, COUNTER_ERROR, "packets of a payload type not agreed on"),
	COUNTER(rx_bad_rtcp, COUNTER_ERROR, "RTCP packets that are none"),
	COUNTER(tx_errors, COUNTER_ERROR, "packets that the socket refused"),
};
const size_t rtp_counter_count = sizeof(rtp_counter_info) / sizeof(rtp_counter_info[0]);

/* ---- The port ---- */

/* While an endpoint moves, a line may already call it on the new worker: it isn't there yet. */
static bool lives_here(const struct rtp_endpoint *rtp)
{
	struct worker *owner = atomic_load_explicit(&rtp->owner, memory_order_acquire);
	return owner && worker_is_current(owner);
}

static void endpoint_push(struct port *port, const struct frame *frame)
{
	struct rtp_endpoint *rtp = (struct rtp_endpoint *)(void *)port;
	if (!lives_here(rtp) || rtp->peer || frame->kind != FRAME_AUDIO)
		return;
	rtp_tx_clocked(rtp, frame->octets, frame->length, port->format.codec);
}

static size_t endpoint_pull(struct port *port, uint8_t *octets, size_t n)
{
	struct rtp_endpoint *rtp = (struct rtp_endpoint *)(void *)port;
	if (lives_here(rtp) && !rtp->peer) {
		size_t real = jitter_get(rtp->jitter, octets, n),
		       played = rtp_play_pull(rtp, octets, n);
		return real > played ? real : played;
	}
	memset(octets, law_silence(port->format.codec), n);
	return 0;
}

static const struct port_ops endpoint_ops = { .name = "rtp",
					      .push = endpoint_push,
					      .pull = endpoint_pull };

struct port *rtp_port(struct rtp_endpoint *rtp)
{
	return &rtp->port;
}

/* ---- Create ---- */

static void free_endpoint(struct rtp_endpoint *rtp)
{
	if (rtp->rtp_fd >= 0) {
		close(rtp->rtp_fd);
		close(rtp->rtcp_fd);
		rtp_ports_release(rtp->ports, rtp->port_number);
	}
	jitter_destroy(&rtp->jitter);
	ring_destroy(&rtp->event_requests);
	ring_destroy(&rtp->digits);
	mem_free(rtp);
}

static void random_beginnings(struct rtp_endpoint *rtp)
{
	struct {
		uint64_t random;
		uint32_t ssrc, timestamp;
		uint16_t sequence;
	} r = { 0 };
	/* Never short for so few octets once the kernel is up; RFC 3550 5.1 wants them
	 * unpredictable. */
	while (getrandom(&r, sizeof(r), 0) != sizeof(r))
		;
	rtp->random = r.random | 1;
	rtp->tx.ssrc = r.ssrc;
	rtp->tx.timestamp = r.timestamp;
	rtp->tx.sequence = r.sequence;
}

static int open_parts(struct rtp_endpoint *rtp, const struct rtp_cfg *cfg)
{
	struct jitter_cfg jitter = {
		.codec = cfg->line_codec,
		.rate_hz = RTP_RATE_HZ,
		.depth_samples = cfg->jitter_ms * RTP_SAMPLES_PER_MS,
	};
	int fds[2];
	int rc = jitter_fixed_create(&rtp->jitter, &jitter);
	if (rc < 0)
		return rc;
	rc = ring_create(&rtp->event_requests, RTP_EVENT_QUEUE, sizeof(struct rtp_event_request));
	if (rc < 0)
		return rc;
	rc = ring_create(&rtp->digits, RTP_EVENT_QUEUE, sizeof(struct rtp_event_request));
	if (rc < 0)
		return rc;
	rc = rtp_ports_open(rtp->ports, &cfg->address, cfg->dscp, fds, &rtp->port_number);
	if (rc < 0)
		return rc;
	rtp->rtp_fd = fds[0];
	rtp->rtcp_fd = fds[1];
	return 0;
}

int rtp_create(struct rtp_endpoint **out, struct rtp_ports *ports, const struct rtp_cfg *cfg,
	       const struct rtp_ops *ops, void *arg)
{
	if (!netaddr_is_set(&cfg->address) || cfg->line_codec == PORT_L16)
		return -EINVAL;
	struct rtp_endpoint *rtp = mem_zalloc(sizeof(*rtp));
	if (!rtp)
		return -ENOMEM;
	rtp->port = (struct port){ &endpoint_ops, { cfg->line_codec, RTP_RATE_HZ, 1 } };
	rtp->ports = ports;
	rtp->ops = ops;
	rtp->arg = arg;
	rtp->rtp_fd = rtp->rtcp_fd = rtp->rtp_watch.fd = rtp->rtcp_watch.fd = -1;
	rtp->tx.marker = true;
	rtp->rtcp_initial = true;
	rtp->rtcp_average = 128;
	rtp->quality.level_rx_dbm0 = rtp->quality.level_tx_dbm0 = -99;
	rtp->media_home.event_pt = rtp->media.event_pt = rtp->media.event_pt_rx = RTP_NO_PT;
	snprintf(rtp->cname, sizeof(rtp->cname), "%s", cfg->cname ? cfg->cname : "");
	random_beginnings(rtp);
	meter_init(&rtp->meter_rx, cfg->line_codec);
	meter_init(&rtp->meter_tx, cfg->line_codec);
	int rc = open_parts(rtp, cfg);
	if (rc < 0)
		goto fail;
	rtp->local = cfg->address;
	netaddr_set_port(&rtp->local, rtp->port_number);
	rtp_seqlock_write(&rtp->quality_lock, rtp->quality_words, &rtp->quality,
			  sizeof(rtp->quality));
	*out = rtp;
	return 0;
fail:
	free_endpoint(rtp);
	return rc;
}

struct netaddr rtp_local(const struct rtp_endpoint *rtp)
{
	return rtp->local;
}

/* ---- What the worker answers ---- */

static void home_started(void *object, void *arg)
{
	struct rtp_endpoint *rtp = object;
	(void)arg;
	if (!rtp->closing && rtp->ops && rtp->ops->started)
		rtp->ops->started(rtp, rtp->arg);
}

static void home_left(void *object, void *arg)
{
	struct rtp_endpoint *rtp = object;
	void (*left)(void *) = rtp->left;
	(void)arg;
	rtp->left = NULL;
	if (left)
		left(rtp->left_arg);
}

static void home_closed(void *object, void *arg)
{
	struct rtp_endpoint *rtp = object;
	void (*closed)(void *) = rtp->closed;
	void *closed_arg = rtp->closed_arg;
	(void)arg;
	free_endpoint(rtp);
	if (closed)
		closed(closed_arg);
}

static void home_detached(void *object, void *arg);

static const struct {
	unsigned bit;
	worker_fn fn;
} answers[] = {
	{ RTP_OWED_STARTED, home_started },
	{ RTP_OWED_LEFT, home_left },
	{ RTP_OWED_DETACHED, home_detached },
	{ RTP_OWED_CLOSED, home_closed },
};

static void pay_owed(struct loop_timer *timer, void *arg)
{
	struct rtp_endpoint *rtp = arg;
	struct worker *worker = rtp->worker;
	struct loop *loop = rtp->loop;
	(void)timer;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		unsigned bit = answers[i].bit;
		if (!(rtp->owed & bit))
			continue;
		rtp->owed &= ~bit;
		/* Once these are raised the endpoint is the signalling thread's: nothing may be
		 * touched after. */
		bool last = bit == RTP_OWED_DETACHED || bit == RTP_OWED_CLOSED;
		if (worker_raise(worker, answers[i].fn, rtp, NULL)) {
			if (last)
				return;
			continue;
		}
		rtp->owed |= bit;
		loop_timer_start(loop, &rtp->owed_timer, OWED_AGAIN_US, pay_owed, rtp);
		return;
	}
}

void rtp_owe(struct rtp_endpoint *rtp, unsigned what)
{
	rtp->owed |= what;
	if (!loop_timer_armed(&rtp->owed_timer))
		pay_owed(NULL, rtp);
}

/* ---- Placing ---- */

static void worker_attach(void *object, void *arg)
{
	struct rtp_endpoint *rtp = object;
	const struct clock *clock;
	rtp->worker = arg;
	rtp->loop = worker_loop(rtp->worker);
	clock = loop_clock(rtp->loop);
	if (!rtp->wall_base_us) { /* its first worker */
		rtp->wall_base_us = clock_wall_us(clock) - (int64_t)clock_now_us(clock);
		rtp_rx_drain(rtp);
	}
	/* Fails only for want of kernel memory; the endpoint is then deaf, which its counters show.
	 */
	if (loop_watch_add(rtp->loop, &rtp->rtp_watch, rtp->rtp_fd, EPOLLIN, rtp_rx_ready, rtp) <
		    0 ||
	    loop_watch_add(rtp->loop, &rtp->rtcp_watch, rtp->rtcp_fd, EPOLLIN,
			   rtp_report_rtcp_ready, rtp) < 0)
		counter_inc(&rtp->counters.tx_errors);
	rtp_report_start(rtp);
	rtp_report_publish(rtp);
	atomic_store_explicit(&rtp->owner, rtp->worker, memory_order_release);
	rtp_event_kick(rtp, NULL);
}

static void detach(struct rtp_endpoint *rtp)
{
	assert(!rtp->peer);
	atomic_store_explicit(&rtp->owner, NULL, memory_order_release);
	rtp_rx_sync_counters(rtp);
	rtp_report_stop(rtp);
	rtp_event_stop(rtp);
	loop_watch_remove(&rtp->rtp_watch);
	loop_watch_remove(&rtp->rtcp_watch);
}

static void worker_detach(void *object, void *arg)
{
	struct rtp_endpoint *rtp = object;
	(void)arg;
	detach(rtp);
	rtp_owe(rtp, RTP_OWED_DETACHED);
}

static void worker_close(void *object, void *arg)
{
	struct rtp_endpoint *rtp = object;
	(void)arg;
	detach(rtp);
	rtp_report_bye(rtp);
	rtp_owe(rtp, RTP_OWED_CLOSED);
}

static void worker_configure(void *object, void *arg);
static void post_join(struct rtp_endpoint *a);

static void home_detached(void *object, void *arg)
{
	struct rtp_endpoint *rtp = object;
	(void)arg;
	rtp->placed = rtp->target;
	rtp->moving = false;
	if (rtp->closing) {
		home_closed(rtp, NULL);
		return;
	}
	worker_post(rtp->placed, worker_attach, rtp, rtp->placed);
	if (rtp->terms_changed)
		worker_post(rtp->placed, worker_configure, rtp, NULL);
	rtp->terms_changed = false;
	if (rtp->joined)
		post_join(rtp);
}

void rtp_place(struct rtp_endpoint *rtp, struct worker *worker)
{
	assert(!rtp->joined);
	if (rtp->target == worker)
		return;
	rtp->target = worker;
	if (rtp->moving)
		return;
	if (!rtp->placed) {
		rtp->placed = worker;
		worker_post(worker, worker_attach, rtp, worker);
		return;
	}
	rtp->moving = true;
	worker_post(rtp->placed, worker_detach, rtp, NULL);
}

void rtp_close(struct rtp_endpoint **out, void (*closed)(void *arg), void *arg)
{
	struct rtp_endpoint *rtp = *out;
	if (!rtp)
		return;
	*out = NULL;
	assert(!rtp->joined);
	rtp->closing = true;
	rtp->closed = closed;
	rtp->closed_arg = arg;
	if (!rtp->placed)
		home_closed(rtp, NULL);
	else if (!rtp->moving)
		worker_post(rtp->placed, worker_close, rtp, NULL);
}

/* ---- Terms ---- */

static void apply_remote(struct rtp_endpoint *rtp, const struct rtp_media *old)
{
	const struct rtp_media *m = &rtp->media;
	bool both = netaddr_is_set(&old->remote) && netaddr_is_set(&m->remote);
	bool same = rtp->configured &&
		    (both ? netaddr_equal(&old->remote, &m->remote)
			  : netaddr_is_set(&old->remote) == netaddr_is_set(&m->remote));
	if (same && rtp->locked && m->latching && old->latching)
		return;
	if (!same)
		rtp->locked = rtp->rx.active = false;
	rtp->remote = m->remote;
	rtp->remote_rtcp = m->remote_rtcp;
	if (netaddr_is_set(&m->remote) && !netaddr_is_set(&m->remote_rtcp)) {
		rtp->remote_rtcp = m->remote;
		netaddr_set_port(&rtp->remote_rtcp, (uint16_t)(netaddr_port(&m->remote) + 1));
	}
}

static void worker_configure(void *object, void *arg)
{
	struct rtp_endpoint *rtp = object;
	struct rtp_media old = rtp->media;
	(void)arg;
	rtp_seqlock_read(&rtp->media_lock, rtp->media_words, &rtp->media, sizeof(rtp->media));
	apply_remote(rtp, &old);
	rtp->configured = true;
	if (old.codec != rtp->media.codec) {
		law_convert(rtp->tx.pending, rtp->media.codec, rtp->tx.pending, old.codec,
			    rtp->tx.used);
		meter_init(&rtp->meter_rx, rtp->media.codec);
		meter_init(&rtp->meter_tx, rtp->media.codec);
	}
	if (!(rtp->media.direction & RTP_RECVONLY))
		jitter_reset(rtp->jitter);
	if (rtp->worker)
		rtp_report_publish(rtp);
}

/* While it moves, the terms wait for its arrival. */
void rtp_configure(struct rtp_endpoint *rtp, const struct rtp_media *media)
{
	rtp->media_home = *media;
	rtp_seqlock_write(&rtp->media_lock, rtp->media_words, media, sizeof(*media));
	if (!rtp->placed)
		worker_configure(rtp, NULL);
	else if (rtp->moving)
		rtp->terms_changed = true;
	else
		worker_post(rtp->placed, worker_configure, rtp, NULL);
}

int rtp_send_event(struct rtp_endpoint *rtp, unsigned event, unsigned duration_ms)
{
	struct rtp_event_request request = { (uint8_t)event, duration_ms * RTP_SAMPLES_PER_MS };
	if (event > 255 || duration_ms == 0 || duration_ms > EVENT_MS_MAX)
		return -EINVAL;
	if (rtp->media_home.event_pt == RTP_NO_PT)
		return -ENOTSUP;
	if (!ring_push(rtp->event_requests, &request))
		return -ENOBUFS;
	if (rtp->placed && !rtp->moving)
		worker_post(rtp->placed, rtp_event_kick, rtp, NULL);
	return 0;
}

/* ---- Relay ---- */

static void worker_join(void *object, void *arg)
{
	struct rtp_endpoint *a = object, *b = arg;
	assert(a->worker == b->worker && !a->peer && !b->peer);
	a->peer = b;
	b->peer = a;
	rtp_tx_relay_restart(a);
	rtp_tx_relay_restart(b);
	jitter_reset(a->jitter);
	jitter_reset(b->jitter);
}

static void worker_leave(void *object, void *arg)
{
	struct rtp_endpoint *a = object;
	(void)arg;
	if (a->peer)
		a->peer->peer = NULL;
	a->peer = NULL;
	rtp_owe(a, RTP_OWED_LEFT);
}

/* As soon as both have arrived. */
static void post_join(struct rtp_endpoint *a)
{
	struct rtp_endpoint *b = a->joined;
	if (a->moving || b->moving || a->join_posted)
		return;
	a->join_posted = b->join_posted = true;
	worker_post(a->placed, worker_join, a, b);
}

void rtp_join(struct rtp_endpoint *a, struct rtp_endpoint *b)
{
	assert(a != b && !a->joined && !b->joined && a->target && a->target == b->target);
	a->joined = b;
	b->joined = a;
	post_join(a);
}

void rtp_leave(struct rtp_endpoint *a, void (*left)(void *arg), void *arg)
{
	struct rtp_endpoint *b = a->joined;
	bool posted = a->join_posted;
	assert(!a->left);
	a->joined = NULL;
	a->join_posted = false;
	if (b) {
		b->joined = NULL;
		b->join_posted = false;
	}
	a->left = left;
	a->left_arg = arg;
	if (a->placed && (posted || !a->moving))
		worker_post(a->placed, worker_leave, a, NULL);
	else
		home_left(a, NULL);
}

/* ---- Queries ---- */

const struct rtp_counters *rtp_counters(const struct rtp_endpoint *rtp)
{
	return &rtp->counters;
}

void rtp_quality(const struct rtp_endpoint *rtp, struct rtp_quality *out)
{
	rtp_seqlock_read(&rtp->quality_lock, rtp->quality_words, out, sizeof(*out));
}
