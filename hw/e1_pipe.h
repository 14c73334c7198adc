/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HW_E1_PIPE_H
#define HW_E1_PIPE_H

/* A D-channel as message pipe between worker and signalling thread: two rings of whole frames
 * without FCS. What stands on the worker's side (HDLC in software, or a driver's descriptor)
 * embeds this first in its own struct. The pipe outlives its struct e1_dchan until the worker
 * has left it. */

#include "hw/e1_work.h"

#include "base/ring.h"

struct e1_pipe {
	struct e1_occupant occupant;
	struct e1_work *work;
	struct e1_dchan *dchan; /* home; NULL once closed */
	struct octet_ring *rx, *tx;
	void (*destroy)(struct e1_pipe *); /* home: free the embedding struct */
	uint8_t frame[E1_FRAME_MAX];       /* home: the one being delivered */
};

/* Home. `ops` and `user` are the occupant's; NULL where the backend does not move timeslots by
 * e1_work_rx(). */
int e1_pipe_init(struct e1_pipe *pipe, struct e1_dchan *dchan, const struct e1_slot_ops *ops,
		 void *user, void (*destroy)(struct e1_pipe *));
/* Home: frees the rings, not the embedding struct. */
void e1_pipe_fini(struct e1_pipe *pipe);
/* Home: makes it dchan->private, and posts the join. */
void e1_pipe_start(struct e1_pipe *pipe);

/* Worker: a good frame came in. A frame that finds its ring full is counted and dropped. */
void e1_pipe_received(struct e1_pipe *pipe, const uint8_t *octets, size_t n);
/* Worker: the next frame to send, or 0. Counted as sent. */
size_t e1_pipe_next(struct e1_pipe *pipe, uint8_t *frame, size_t room);
/* Either thread: the only counter with two writers. */
void e1_pipe_count_overrun(struct e1_line *line);

/* For backends' tables. */
void e1_pipe_close(struct e1_dchan *dchan);
/* Home: 0; -ENOBUFS: the ring is full (counted). */
int e1_pipe_send(struct e1_dchan *dchan, const uint8_t *octets, size_t n);

#endif
