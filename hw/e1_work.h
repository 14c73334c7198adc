/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HW_E1_WORK_H
#define HW_E1_WORK_H

/* What the lines have in common that move all timeslots in one tick on a worker: who occupies
 * which timeslot, D-channels with HDLC in software, and the post between the two threads.
 *
 * How does it work? Home posts "join" and "leave" commands; the worker keeps the table of
 * occupants. Towards home there is one letter per line, raised at most once until it is opened:
 * alarms, frames waiting, occupants that have left, the worker has let go. So a line can't fill
 * the worker's ring, and if others have, the letter is raised again by a timer.
 *
 * A backend puts struct e1_work first in its private struct, and the functions at the end into
 * its table. */

#include "hw/e1_private.h"

#include <stdatomic.h>

struct e1_pipe;

/* Somebody in a timeslot. Home's until the join is posted, then the worker's, until it comes
 * back as "left". */
struct e1_occupant {
	const struct e1_slot_ops *ops;
	void *user;
	unsigned timeslot;
	/* HDLC: missing octets are all ones, which abort a frame; else idle. Its octets need no
	 * clock: a line that has them earlier than their time may hand them over at once, and rx
	 * and tx are no pairs. */
	bool dchan;
	void (*left)(void *arg); /* home */
	void *left_arg;
	struct e1_occupant *next; /* in the letter */
};

struct e1_work {
	struct e1_line *line;
	/* Signalling thread. */
	struct e1_occupant seats[E1_TIMESLOTS];
	struct e1_pipe *pipes[E1_TIMESLOTS];
	void (*destroy)(struct e1_line *); /* backend's: free line->private */
	void (*closed)(void *arg);
	void *closed_arg;
	/* Worker. */
	struct e1_occupant *occupants[E1_TIMESLOTS];
	void (*stop)(struct e1_line *line); /* backend's: let go of timers, watches and the pair */
	struct loop_timer raise_again;
	/* Both. */
	_Atomic unsigned letter; /* what is in it: enum in e1_work.c */
	_Atomic bool on_its_way;
	_Atomic unsigned alarms;
	_Atomic(struct e1_occupant *) gone;
};

/* Home: before the backend posts anything. Cannot fail. */
void e1_work_init(struct e1_work *work, struct e1_line *line, void (*stop)(struct e1_line *),
		  void (*destroy)(struct e1_line *));
/* Posts the end: the worker runs work->stop(), then home runs work->destroy() and closed(). */
void e1_work_close(struct e1_work *work, void (*closed)(void *), void *arg);

/* Worker: octets of a timeslot, of nobody too. */
void e1_work_rx(struct e1_work *work, unsigned timeslot, const uint8_t *octets, size_t n);
void e1_work_tx(struct e1_work *work, unsigned timeslot, uint8_t *octets, size_t n);
/* Worker: n octets did not come; counts nothing. */
void e1_work_rx_fill(struct e1_work *work, unsigned timeslot, size_t n);
/* Worker: has the timeslot a user, and is it a D-channel? */
static inline bool e1_work_occupied(const struct e1_work *work, unsigned timeslot)
{
	return work->occupants[timeslot] != NULL;
}
static inline bool e1_work_is_dchan(const struct e1_work *work, unsigned timeslot)
{
	return work->occupants[timeslot] && work->occupants[timeslot]->dchan;
}
/* Worker: the set of alarms is now this. */
void e1_work_set_alarms(struct e1_work *work, unsigned alarms);
/* Worker: a D-channel has frames for home. */
void e1_work_frames(struct e1_work *work);

/* Home. */
void e1_work_join(struct e1_work *work, struct e1_occupant *occupant);
void e1_work_leave(struct e1_work *work, struct e1_occupant *occupant);

/* For the backend's table; line->private points to struct e1_work. */
int e1_work_slot_join(struct e1_line *line, unsigned timeslot, const struct e1_slot_ops *ops,
		      void *user);
void e1_work_slot_leave(struct e1_line *line, unsigned timeslot, void (*left)(void *), void *arg);
/* A D-channel with HDLC in software (hdlc_pipe.c); closed and sent to by the functions of
 * e1_pipe.h. */
int e1_hdlc_pipe_open(struct e1_dchan *dchan);
/* Hands the waiting frames of one D-channel to its user (e1_pipe.c). Home. */
void e1_pipe_deliver(struct e1_work *work, unsigned timeslot);

#endif
