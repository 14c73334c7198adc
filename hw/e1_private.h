/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HW_E1_PRIVATE_H
#define HW_E1_PRIVATE_H

/* What a line and a D-channel are made of: for backends (and tests that bring one) only. */

#include "hw/e1.h"

enum e1_seat_state { E1_SEAT_FREE, E1_SEAT_TAKEN, E1_SEAT_LEAVING, E1_SEAT_DCHAN };

/* The front's view of a timeslot. Signalling thread. */
struct e1_seat {
	struct e1_line *line;
	enum e1_seat_state state;
	void (*left)(void *arg);
	void *left_arg;
};

struct e1_line {
	const struct conf_line *conf; /* borrowed */
	struct worker *worker;        /* borrowed */
	const struct e1_backend *backend;
	void *backend_arg;             /* what e1_line_open_backend() was given */
	void *private;                 /* the backend's; lives from open to `closed` */
	const struct e1_line_ops *ops; /* NULL while closing */
	void *arg;
	unsigned alarms;      /* signalling thread's copy */
	_Atomic uint8_t idle; /* octet of an idle slot; the worker reads it */
	struct e1_seat seats[E1_TIMESLOTS];
	void (*closed)(void *arg);
	void *closed_arg;
	struct e1_counters counters;
};

struct e1_dchan {
	struct e1_line *line;
	unsigned timeslot;
	const struct e1_dchan_ops *ops;
	void *arg;
	void *private; /* the backend's */
};

extern const struct e1_backend e1_cesopsn_backend, e1_dahdi_backend, e1_pair_backend;

/* Backend → front, signalling thread: the set of alarms is now this; the user hears of it if it
 * changed. */
void e1_line_report_alarms(struct e1_line *line, unsigned alarms);

#endif
