/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TDM_EXCHANGE_SCENARIO_H
#define TDM_EXCHANGE_SCENARIO_H

/* Runs the steps of one incoming call. It knows no ISDN: what a step does is done by the call that
 * owns it, or by a fake. Thread: signalling. Embedded in its owner; allocates nothing. */

#include "base/loop.h"
#include "tdm/exchange/plan.h"

struct ex_scenario_run;

struct ex_scenario_ops {
	/* Send the message of this step (kind < EX_MESSAGES). Negative: it was refused; the run
	 * goes on. */
	int (*message)(enum ex_step_kind kind, const struct ex_message *message, void *arg);
	/* From now on this is sent: EX_STEP_PLAY (with `play`), ECHO, PRBS or SILENCE. */
	void (*media)(enum ex_step_kind kind, const struct ex_play *play, void *arg);
	/* Is the SETUP as expected? False: the run releases the call with the expectation's cause
	 * and ends. */
	bool (*expect)(const struct ex_expect *expect, void *arg);
	/* A step was refused (`rc`); for the log. */
	void (*refused)(const struct ex_step *step, int rc, void *arg);
};

struct ex_scenario_run {
	struct ex_steps steps; /* borrowed */
	size_t at;             /* the next step */
	bool running;
	struct loop *loop;
	struct loop_timer timer;
	const struct ex_scenario_ops *ops;
	void *arg;
};

/* Runs the steps up to the first wait at once. The struct must be zeroed before its first use. An
 * op may call ex_scenario_stop(). */
void ex_scenario_start(struct ex_scenario_run *run, struct loop *loop, const struct ex_steps *steps,
		       const struct ex_scenario_ops *ops, void *arg);
/* No step comes after this. Takes one that never ran. */
void ex_scenario_stop(struct ex_scenario_run *run);

#endif
