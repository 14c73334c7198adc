/* SPDX-License-Identifier: GPL-2.0-only */
/* A D-channel with HDLC in software: an occupant of its timeslot that frames and de-frames on
 * the worker. */
#include "hw/e1_pipe.h"
#include "hw/hdlc.h"

#include "base/mem.h"

#include <errno.h>

struct hdlc_pipe {
	struct e1_pipe pipe; /* first: see e1_pipe.h */
	struct hdlc_rx rx;   /* worker */
	struct hdlc_tx tx;
};

static void frame_in(void *arg, const uint8_t *octets, size_t n)
{
	e1_pipe_received(arg, octets, n);
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
	return e1_pipe_next(arg, frame, room);
}

static void slot_rx(void *user, const uint8_t *octets, size_t n)
{
	struct hdlc_pipe *h = user;

	hdlc_rx_octets(&h->rx, octets, n);
}

static void slot_tx(void *user, uint8_t *octets, size_t n)
{
	struct hdlc_pipe *h = user;

	hdlc_tx_octets(&h->tx, octets, n);
}

static const struct e1_slot_ops slot_ops = { .rx = slot_rx, .tx = slot_tx };

static void destroy(struct e1_pipe *pipe)
{
	e1_pipe_fini(pipe);
	mem_free(pipe);
}

int e1_hdlc_pipe_open(struct e1_dchan *dchan)
{
	struct hdlc_pipe *h = mem_zalloc(sizeof(*h));
	int rc;

	if (!h)
		return -ENOMEM;
	rc = e1_pipe_init(&h->pipe, dchan, &slot_ops, h, destroy);
	if (rc < 0)
		goto fail;
	hdlc_rx_init(&h->rx, &rx_ops, &h->pipe);
	hdlc_tx_init(&h->tx, next_frame, &h->pipe);
	e1_pipe_start(&h->pipe);
	return 0;
fail:
	mem_free(h);
	return rc;
}
