/* SPDX-License-Identifier: GPL-2.0-only */
/* An E1 card, or a span that DAHDI makes itself, by the driver's user API. Each occupied
 * timeslot is a descriptor of its own; the driver's buffers clock it: one block written for each
 * block read, so that what is queued towards the line stays constant. The driver does the
 * D-channel's HDLC.
 *
 * Blocks of 64 octets (8 ms): the driver wakes us per full block, so shorter blocks cost system
 * calls (30 channels × 125 a second now), longer ones delay; it stands above the 4 ms bursts of
 * DAHDI's own timer. Two blocks are queued towards the line at the start, which outlasts 8 to 16
 * ms of a late worker; eight buffers keep what comes in for 56 ms.
 *
 * Channels stay in clear mode (AUDIOMODE 0): no gain, no echo canceller, no tone detector, every
 * octet as it is. */
#include "hw/e1_pipe.h"

#include "base/mem.h"

#include <dahdi/user.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BLOCK_OCTETS 64
#define BLOCK_BUFFERS 8
#define BLOCKS_QUEUED 2 /* towards the line */
#define D_BUFFERS 32
#define D_BUFFER_OCTETS 1024
#define D_FCS_OCTETS 2 /* the driver's frames carry two octets for the FCS both ways */
#define CHANNEL_WATCH (EPOLLIN | EPOLLPRI)
#define SPAN_POLL_US 100000 /* alarms: the driver has events only for open channels */
#define ERRNO_EVENT 500     /* ELAST: an event waits (dahdi/user.h) */
#define EVENTS_AT_ONCE 8    /* fetched before giving a write up */
#define CONTROL "/dev/dahdi/ctl"
#define CHANNEL "/dev/dahdi/channel"

struct dahdi_line;

/* A B-channel in use. */
struct b_channel {
	struct dahdi_line *d;
	unsigned timeslot;
	int fd;                  /* home opens and closes, the worker reads and writes between */
	struct loop_watch watch; /* worker */
	bool underrun; /* the queue towards the line ran empty: it must find its length again */
	void (*left)(void *arg); /* home */
	void *left_arg;
};

struct d_channel {
	struct e1_pipe pipe; /* first: see e1_pipe.h */
	struct dahdi_line *d;
	int fd;
	struct loop_watch watch;
	uint8_t frame[E1_FRAME_MAX + D_FCS_OCTETS]; /* the one being sent; worker */
	size_t length;
};

struct dahdi_line {
	struct e1_work work; /* first: see e1_work.h */
	struct e1_line *line;
	struct e1_counters *counters;
	int control;
	struct loop_timer poll;
	struct b_channel b[E1_TIMESLOTS];
};

static struct loop *loop_of(const struct dahdi_line *d)
{
	return worker_loop(d->line->worker);
}

/* ---- Alarms ---- */

static unsigned alarms_of(int dahdi)
{
	unsigned alarms = 0;

	if (dahdi & (DAHDI_ALARM_LOS | DAHDI_ALARM_NOTOPEN | DAHDI_ALARM_RECOVER))
		alarms |= E1_ALARM_LOS;
	if (dahdi & (DAHDI_ALARM_LFA | DAHDI_ALARM_LMFA))
		alarms |= E1_ALARM_LOF;
	if ((dahdi & DAHDI_ALARM_RED) && !alarms)
		alarms |= E1_ALARM_LOS; /* red alarm of a driver that doesn't say why */
	if (dahdi & DAHDI_ALARM_BLUE)
		alarms |= E1_ALARM_AIS;
	if (dahdi & DAHDI_ALARM_YELLOW)
		alarms |= E1_ALARM_RAI;
	return alarms;
}

static void read_alarms(struct dahdi_line *d)
{
	struct dahdi_spaninfo info = { .spanno = (int)d->line->conf->dahdi_span };

	if (ioctl(d->control, DAHDI_SPANSTAT, &info) < 0)
		e1_work_set_alarms(&d->work, E1_ALARM_LOS | E1_ALARM_DEVICE);
	else
		e1_work_set_alarms(&d->work, alarms_of(info.alarms));
}

static void poll_span(struct loop_timer *timer, void *arg)
{
	struct dahdi_line *d = arg;

	read_alarms(d);
	loop_timer_start(loop_of(d), timer, SPAN_POLL_US, poll_span, d);
}

/* ---- Events of a channel ---- */

static void count_event(struct dahdi_line *d, int event)
{
	struct e1_counters *c = d->counters;

	switch (event) {
	case DAHDI_EVENT_ALARM:
	case DAHDI_EVENT_NOALARM:
	case DAHDI_EVENT_REMOVED:
		read_alarms(d);
		break;
	case DAHDI_EVENT_ABORT:
		counter_inc(&c->hdlc_abort);
		break;
	case DAHDI_EVENT_BADFCS:
		counter_inc(&c->hdlc_crc);
		break;
	case DAHDI_EVENT_OVERRUN:
		e1_pipe_count_overrun(d->line);
		break;
	case DAHDI_EVENT_READ_OVERRUN:
		counter_inc(&c->slips_drop);
		break;
	case DAHDI_EVENT_WRITE_UNDERRUN:
		counter_inc(&c->slips_repeat);
		counter_add(&c->filled_octets, BLOCK_OCTETS);
		break;
	default: /* tones and hook states: not on a clear channel */
		break;
	}
}

/* The last event, 0 when there is none. A waiting event makes read and write fail until it is
 * fetched. */
static int fetch_event(struct dahdi_line *d, int fd)
{
	int event = DAHDI_EVENT_NONE;

	if (ioctl(fd, DAHDI_GETEVENT, &event) < 0)
		return DAHDI_EVENT_NONE;
	count_event(d, event);
	return event;
}

/* A channel that hangs up (its card was taken out) would wake us for ever. */
static void drop_dead(struct dahdi_line *d, struct loop_watch *watch, uint32_t events)
{
	if (!(events & (EPOLLERR | EPOLLHUP)))
		return;
	loop_watch_remove(watch);
	read_alarms(d);
}

/* ---- B-channels ---- */

/* After an underrun as many blocks come in as were late, and writing one for each would lengthen
 * the queue for good. */
static bool queue_is_long(struct b_channel *b)
{
	struct dahdi_bufferinfo info;

	if (!b->underrun || ioctl(b->fd, DAHDI_GET_BUFINFO, &info) < 0)
		return false;
	if (info.writebufs >= BLOCKS_QUEUED + 1)
		return true;
	if (info.writebufs == BLOCKS_QUEUED)
		b->underrun = false;
	return false;
}

static void b_event(struct b_channel *b)
{
	if (fetch_event(b->d, b->fd) == DAHDI_EVENT_WRITE_UNDERRUN)
		b->underrun = true;
}

static void send_block(struct b_channel *b, size_t n)
{
	uint8_t octets[E1_BLOCK_MAX];

	e1_work_tx(&b->d->work, b->timeslot, octets, n);
	if (!queue_is_long(b)) {
		if (write(b->fd, octets, n) >= 0)
			return;
		if (errno == ERRNO_EVENT) {
			b_event(b);
			if (write(b->fd, octets, n) >= 0)
				return;
		}
	}
	counter_inc(&b->d->counters->slips_drop);
}

static void b_ready(struct loop_watch *watch, uint32_t events, void *arg)
{
	struct b_channel *b = arg;
	uint8_t octets[BLOCK_OCTETS];
	ssize_t n;

	if (events & EPOLLPRI)
		b_event(b);
	if (!(events & EPOLLIN)) {
		drop_dead(b->d, watch, events);
		return;
	}
	n = read(b->fd, octets, sizeof(octets));
	if (n < 0 && errno == ERRNO_EVENT)
		b_event(b);
	if (n <= 0)
		return;
	e1_work_rx(&b->d->work, b->timeslot, octets, (size_t)n);
	send_block(b, (size_t)n);
}

static void b_start(void *object, void *arg)
{
	struct b_channel *b = object;
	uint8_t idle[BLOCK_OCTETS];

	(void)arg;
	memset(idle, atomic_load_explicit(&b->d->line->idle, memory_order_relaxed), sizeof(idle));
	for (int i = 0; i < BLOCKS_QUEUED; i++)
		if (write(b->fd, idle, sizeof(idle)) < 0)
			b->underrun = true;
	if (loop_watch_add(loop_of(b->d), &b->watch, b->fd, CHANNEL_WATCH, b_ready, b) < 0)
		e1_work_set_alarms(&b->d->work, E1_ALARM_LOS | E1_ALARM_DEVICE);
}

static void b_stop(void *object, void *arg)
{
	struct b_channel *b = object;

	(void)arg;
	loop_watch_remove(&b->watch);
}

/* SPECIFY comes first: before it the driver knows no channel. */
static int open_channel(struct dahdi_line *d, unsigned timeslot, struct dahdi_bufferinfo *buffers)
{
	int channel = (int)(d->line->conf->dahdi_first_channel + timeslot - 1);
	int fd = open(CHANNEL, O_RDWR | O_NONBLOCK | O_CLOEXEC), rc;

	if (fd < 0)
		return -errno;
	if (ioctl(fd, DAHDI_SPECIFY, &channel) < 0 || ioctl(fd, DAHDI_SET_BUFINFO, buffers) < 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

static int open_b(struct dahdi_line *d, unsigned timeslot)
{
	struct dahdi_bufferinfo buffers = {
		.txbufpolicy = DAHDI_POLICY_IMMEDIATE,
		.rxbufpolicy = DAHDI_POLICY_IMMEDIATE,
		.numbufs = BLOCK_BUFFERS,
		.bufsize = BLOCK_OCTETS,
	};
	int clear = 0, events = 1, rc, fd = open_channel(d, timeslot, &buffers);

	if (fd < 0)
		return fd;
	if (ioctl(fd, DAHDI_AUDIOMODE, &clear) < 0 || ioctl(fd, DAHDI_BUFFER_EVENTS, &events) < 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

static int slot_join(struct e1_line *line, unsigned timeslot, const struct e1_slot_ops *ops,
		     void *user)
{
	struct dahdi_line *d = line->private;
	struct b_channel *b = &d->b[timeslot];
	int fd = open_b(d, timeslot);

	if (fd < 0)
		return fd;
	*b = (struct b_channel){ .d = d, .timeslot = timeslot, .fd = fd, .watch.fd = -1 };
	e1_work_slot_join(line, timeslot, ops, user);
	worker_post(line->worker, b_start, b, NULL);
	return 0;
}

static void b_left(void *arg)
{
	struct b_channel *b = arg;

	if (b->fd >= 0)
		close(b->fd);
	b->fd = -1;
	b->left(b->left_arg);
}

static void slot_leave(struct e1_line *line, unsigned timeslot, void (*left)(void *), void *arg)
{
	struct dahdi_line *d = line->private;
	struct b_channel *b = &d->b[timeslot];

	b->left = left;
	b->left_arg = arg;
	worker_post(line->worker, b_stop, b, NULL);
	e1_work_slot_leave(line, timeslot, b_left, b);
}

/* ---- D-channels ---- */

static void d_receive(struct d_channel *c)
{
	uint8_t octets[D_BUFFER_OCTETS];
	ssize_t n = read(c->fd, octets, sizeof(octets));

	if (n < 0 && errno == ERRNO_EVENT)
		fetch_event(c->d, c->fd);
	if (n <= D_FCS_OCTETS)
		return;
	n -= D_FCS_OCTETS;
	if (n > E1_FRAME_MAX)
		counter_inc(&c->d->counters->hdlc_long);
	else
		e1_pipe_received(&c->pipe, octets, (size_t)n);
}

/* 0: the driver took the frame, or refused it for good (counted); -EAGAIN: it has no room now. */
static int write_frame(struct d_channel *c)
{
	for (int events = 0; events < EVENTS_AT_ONCE; events++) {
		if (write(c->fd, c->frame, c->length) >= 0)
			return 0;
		if (errno == EAGAIN)
			return -EAGAIN;
		if (errno != ERRNO_EVENT) {
			e1_pipe_count_overrun(c->d->line);
			return 0;
		}
		fetch_event(c->d, c->fd);
	}
	return -EAGAIN;
}

/* The frame that finds no room stays in c->frame until there is. */
static void d_transmit(struct d_channel *c)
{
	for (;;) {
		if (!c->length) {
			size_t n = e1_pipe_next(&c->pipe, c->frame, E1_FRAME_MAX);

			if (!n)
				break;
			c->length = n + D_FCS_OCTETS; /* the driver puts the FCS there */
		}
		if (write_frame(c) < 0)
			break;
		c->length = 0;
	}
	if (c->watch.loop)
		loop_watch_change(&c->watch, CHANNEL_WATCH | (c->length ? (uint32_t)EPOLLOUT : 0));
}

static void d_ready(struct loop_watch *watch, uint32_t events, void *arg)
{
	struct d_channel *c = arg;

	if (events & EPOLLPRI)
		fetch_event(c->d, c->fd);
	if (events & EPOLLIN)
		d_receive(c);
	else
		drop_dead(c->d, watch, events);
	if (events & EPOLLOUT)
		d_transmit(c);
}

static void d_start(void *object, void *arg)
{
	struct d_channel *c = object;

	(void)arg;
	if (loop_watch_add(loop_of(c->d), &c->watch, c->fd, CHANNEL_WATCH, d_ready, c) < 0)
		e1_work_set_alarms(&c->d->work, E1_ALARM_LOS | E1_ALARM_DEVICE);
}

static void d_stop(void *object, void *arg)
{
	struct d_channel *c = object;

	(void)arg;
	loop_watch_remove(&c->watch);
}

static void d_kick(void *object, void *arg)
{
	(void)arg;
	d_transmit(object);
}

static void d_destroy(struct e1_pipe *pipe)
{
	struct d_channel *c = (struct d_channel *)pipe;

	if (c->fd >= 0)
		close(c->fd);
	e1_pipe_fini(pipe);
	mem_free(c);
}

/* -ENODEV when /etc/dahdi/system.conf doesn't make it a channel with HDLC and FCS ("dchan="). */
static int open_d(struct dahdi_line *d, unsigned timeslot)
{
	struct dahdi_bufferinfo buffers = {
		.txbufpolicy = DAHDI_POLICY_IMMEDIATE,
		.rxbufpolicy = DAHDI_POLICY_IMMEDIATE,
		.numbufs = D_BUFFERS,
		.bufsize = D_BUFFER_OCTETS,
	};
	struct dahdi_params params = { 0 };
	int rc, fd = open_channel(d, timeslot, &buffers);

	if (fd < 0)
		return fd;
	rc = ioctl(fd, DAHDI_GET_PARAMS, &params) < 0 ? -errno : 0;
	if (rc == 0 && params.sigtype != DAHDI_SIG_HDLCFCS)
		rc = -ENODEV;
	if (rc < 0)
		close(fd);
	return rc < 0 ? rc : fd;
}

static int dchan_open(struct e1_dchan *dchan)
{
	struct dahdi_line *d = dchan->line->private;
	struct d_channel *c = mem_zalloc(sizeof(*c));
	int rc;

	if (!c)
		return -ENOMEM;
	c->d = d;
	c->watch.fd = -1;
	c->fd = open_d(d, dchan->timeslot);
	if (c->fd < 0) {
		rc = c->fd;
		goto fail;
	}
	rc = e1_pipe_init(&c->pipe, dchan, NULL, NULL, d_destroy);
	if (rc < 0)
		goto fail;
	worker_post(dchan->line->worker, d_start, c, NULL);
	e1_pipe_start(&c->pipe);
	return 0;
fail:
	if (c->fd >= 0)
		close(c->fd);
	mem_free(c);
	return rc;
}

static void dchan_close(struct e1_dchan *dchan)
{
	worker_post(dchan->line->worker, d_stop, dchan->private, NULL);
	e1_pipe_close(dchan);
}

static int dchan_send(struct e1_dchan *dchan, const uint8_t *octets, size_t n)
{
	int rc = e1_pipe_send(dchan, octets, n);

	if (rc == 0)
		worker_post(dchan->line->worker, d_kick, dchan->private, NULL);
	return rc;
}

/* ---- The line ---- */

static void start(void *object, void *arg)
{
	struct dahdi_line *d = object;

	(void)arg;
	poll_span(&d->poll, d);
}

static void stop(struct e1_line *line)
{
	struct dahdi_line *d = line->private;

	loop_timer_stop(loop_of(d), &d->poll);
}

static void destroy(struct e1_line *line)
{
	struct dahdi_line *d = line->private;

	if (d->control >= 0)
		close(d->control);
	mem_free(d);
	line->private = NULL;
}

static int dahdi_open(struct e1_line *line)
{
	struct dahdi_spaninfo info = { .spanno = (int)line->conf->dahdi_span };
	struct dahdi_line *d;
	int rc;

	if (!line->conf->dahdi_span || !line->conf->dahdi_first_channel)
		return -EINVAL;
	d = mem_zalloc(sizeof(*d));
	if (!d)
		return -ENOMEM;
	line->private = d;
	d->line = line;
	d->counters = &line->counters;
	for (unsigned ts = 0; ts < E1_TIMESLOTS; ts++)
		d->b[ts] = (struct b_channel){ .d = d, .timeslot = ts, .fd = -1, .watch.fd = -1 };
	e1_work_init(&d->work, line, stop, destroy);
	d->control = open(CONTROL, O_RDWR | O_CLOEXEC);
	if (d->control < 0 || ioctl(d->control, DAHDI_SPANSTAT, &info) < 0) {
		rc = -errno;
		goto fail;
	}
	worker_post(line->worker, start, d, NULL);
	return 0;
fail:
	destroy(line);
	return rc;
}

static void dahdi_close(struct e1_line *line, void (*closed)(void *), void *arg)
{
	e1_work_close(line->private, closed, arg);
}

const struct e1_backend e1_dahdi_backend = {
	.name = "dahdi",
	.open = dahdi_open,
	.close = dahdi_close,
	.slot_join = slot_join,
	.slot_leave = slot_leave,
	.dchan_open = dchan_open,
	.dchan_close = dchan_close,
	.dchan_send = dchan_send,
};
