/* SPDX-License-Identifier: GPL-2.0-only */
#include "hw/e1_pipe.h"

#include <errno.h>

/* 64 kbit/s is 8 octets a millisecond: a second of it towards home (a busy signalling thread),
 * half a second of it towards the line (LAPD's window of 7 is far less). */
#define RX_RING_OCTETS 8192
#define TX_RING_OCTETS 4096

static void pipe_left(void *arg)
{
	struct e1_pipe *pipe = arg;

	pipe->destroy(pipe);
}

int e1_pipe_init(struct e1_pipe *pipe, struct e1_dchan *dchan, const struct e1_slot_ops *ops,
		 void *user, void (*destroy)(struct e1_pipe *))
{
	int rc;

	pipe->work = dchan->line->private;
	pipe->dchan = dchan;
	pipe->destroy = destroy;
	pipe->occupant = (struct e1_occupant){
		.ops = ops,
		.user = user,
		.timeslot = dchan->timeslot,
		.dchan = true,
		.left = pipe_left,
		.left_arg = pipe,
	};
	rc = octet_ring_create(&pipe->rx, RX_RING_OCTETS);
	if (rc < 0)
		return rc;
	rc = octet_ring_create(&pipe->tx, TX_RING_OCTETS);
	if (rc < 0)
		goto fail;
	return 0;
fail:
	octet_ring_destroy(&pipe->rx);
	return rc;
}

void e1_pipe_fini(struct e1_pipe *pipe)
{
	octet_ring_destroy(&pipe->rx);
	octet_ring_destroy(&pipe->tx);
}

void e1_pipe_start(struct e1_pipe *pipe)
{
	pipe->dchan->private = pipe;
	pipe->work->pipes[pipe->dchan->timeslot] = pipe;
	e1_work_join(pipe->work, &pipe->occupant);
}

void e1_pipe_close(struct e1_dchan *dchan)
{
	struct e1_pipe *pipe = dchan->private;

	pipe->dchan = NULL;
	pipe->work->pipes[dchan->timeslot] = NULL;
	e1_work_leave(pipe->work, &pipe->occupant);
}

void e1_pipe_count_overrun(struct e1_line *line)
{
	atomic_fetch_add_explicit(&line->counters.hdlc_overrun, 1, memory_order_relaxed);
}

void e1_pipe_received(struct e1_pipe *pipe, const uint8_t *octets, size_t n)
{
	struct e1_line *line = pipe->work->line;

	if (!octet_ring_put(pipe->rx, octets, n)) {
		e1_pipe_count_overrun(line);
		return;
	}
	counter_inc(&line->counters.hdlc_rx_frames);
	e1_work_frames(pipe->work);
}

size_t e1_pipe_next(struct e1_pipe *pipe, uint8_t *frame, size_t room)
{
	int n = octet_ring_get(pipe->tx, frame, room);

	if (n <= 0)
		return 0;
	counter_inc(&pipe->work->line->counters.hdlc_tx_frames);
	return (size_t)n;
}

int e1_pipe_send(struct e1_dchan *dchan, const uint8_t *octets, size_t n)
{
	struct e1_pipe *pipe = dchan->private;

	if (octet_ring_put(pipe->tx, octets, n))
		return 0;
	e1_pipe_count_overrun(dchan->line);
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
