/* SPDX-License-Identifier: GPL-2.0-only */
/* A D-channel with HDLC in software: an occupant of its timeslot. The worker frames and de-frames; whole frames cross in
 * two rings. The pipe outlives its struct e1_dchan until the worker has left it. */
#include "hw/e1_work.h"
#include "hw/hdlc.h"

#include "base/mem.h"
#include "base/ring.h"

#include <errno.h>

/* 64 kbit/s is 8 octets a millisecond: a second of it towards home (a busy signalling thread), half a second of
 * it towards the line (LAPD's window of 7 is far less). */
#define RX_RING_OCTETS 8192
#define TX_RING_OCTETS 4096

struct e1_pipe {
	struct e1_occupant occupant;
	struct e1_work *work;
	struct e1_dchan *dchan;            /* home; NULL once closed */
	struct octet_ring *rx, *tx;
	struct hdlc_rx hdlc_rx;            /* worker */
	struct hdlc_tx hdlc_tx;
	uint8_t frame[E1_FRAME_MAX];       /* home: the one being delivered */
};

/* Two threads count overruns: the only counter with two writers. */
static void count_overrun(struct e1_line *line)
{
	atomic_fetch_add_explicit(&line->counters.hdlc_overrun, 1, memory_order_relaxed);
}

static void frame_in(void *arg, const uint8_t *octets, size_t n)
{
	struct e1_pipe *pipe = arg;
	struct e1_line *line = pipe->work->line;

	if (!octet_ring_put(pipe->rx, octets, n)) {
		count_overrun(line);
		return;
	}
	counter_inc(&line->counters.hdlc_rx_frames);
	e1_work_frames(pipe->work);
}

static void frame_error(void *arg, enum hdlc_error error)
{
	struct e1_pipe *pipe = arg;
	struct e1_counters *counters = &pipe->work->line->counters;
	counter_t *const by_error[] = {
		[HDLC_CRC] = &counters->hdlc_crc,
		[HDLC_ABORT] = &counters->hdlc_abort,
		[HDLC_SHORT] = &counters->hdlc_short,
		[HDLC_LONG] = &counters->hdlc_long,
	};

	counter_inc(by_error[error]);
}

static const struct hdlc_rx_ops rx_ops = { .frame = frame_in, .error = frame_error };

static size_t next_frame(void *arg, uint8_t *frame, size_t room)
{
	struct e1_pipe *pipe = arg;
	int n = octet_ring_get(pipe->tx, frame, room);

	if (n <= 0)
		return 0;
	counter_inc(&pipe->work->line->counters.hdlc_tx_frames);
	return (size_t)n;
}

static void slot_rx(void *user, const uint8_t *octets, size_t n)
{
	struct e1_pipe *pipe = user;

	hdlc_rx_octets(&pipe->hdlc_rx, octets, n);
}

static void slot_tx(void *user, uint8_t *octets, size_t n)
{
	struct e1_pipe *pipe = user;

	hdlc_tx_octets(&pipe->hdlc_tx, octets, n);
}

static const struct e1_slot_ops slot_ops = { .rx = slot_rx, .tx = slot_tx };

static void free_pipe(void *arg)
{
	struct e1_pipe *pipe = arg;

	octet_ring_destroy(&pipe->rx);
	octet_ring_destroy(&pipe->tx);
	mem_free(pipe);
}

int e1_pipe_open(struct e1_dchan *dchan)
{
	struct e1_work *work = dchan->line->private;
	struct e1_pipe *pipe = mem_zalloc(sizeof(*pipe));
	int rc;

	if (!pipe)
		return -ENOMEM;
	pipe->work = work;
	pipe->dchan = dchan;
	pipe->occupant = (struct e1_occupant){
		.ops = &slot_ops, .user = pipe, .timeslot = dchan->timeslot, .abort_fill = true,
		.left = free_pipe, .left_arg = pipe,
	};
	rc = octet_ring_create(&pipe->rx, RX_RING_OCTETS);
	if (rc < 0)
		goto fail;
	rc = octet_ring_create(&pipe->tx, TX_RING_OCTETS);
	if (rc < 0)
		goto fail;
	hdlc_rx_init(&pipe->hdlc_rx, &rx_ops, pipe);
	hdlc_tx_init(&pipe->hdlc_tx, next_frame, pipe);
	dchan->private = pipe;
	work->pipes[dchan->timeslot] = pipe;
	e1_work_join(work, &pipe->occupant);
	return 0;
fail:
	free_pipe(pipe);
	return rc;
}

void e1_pipe_close(struct e1_dchan *dchan)
{
	struct e1_pipe *pipe = dchan->private;

	pipe->dchan = NULL;
	pipe->work->pipes[dchan->timeslot] = NULL;
	e1_work_leave(pipe->work, &pipe->occupant);
}

int e1_pipe_send(struct e1_dchan *dchan, const uint8_t *octets, size_t n)
{
	struct e1_pipe *pipe = dchan->private;

	if (octet_ring_put(pipe->tx, octets, n))
		return 0;
	count_overrun(dchan->line);
	return -ENOBUFS;
}

/* The user may close this D-channel, and even open another there, from within its callback. */
void e1_pipe_deliver(struct e1_work *work, unsigned timeslot)
{
	struct e1_pipe *pipe = work->pipes[timeslot];

	while (pipe && work->pipes[timeslot] == pipe) {
		int n = octet_ring_get(pipe->rx, pipe->frame, sizeof(pipe->frame));

		if (n <= 0)
			return;
		pipe->dchan->ops->frame(pipe->dchan, pipe->frame, (size_t)n, pipe->dchan->arg);
	}
}
