/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BASE_FSM_H
#define BASE_FSM_H

/* State-machine engine. A machine is a const table: per state its name, the events it accepts, the
 * states it may go to, its timer, and the clause it comes from. The handlers are ordinary functions
 * of the owner:
 *
 *   static void span_up_event(struct fsm *fsm, unsigned event, const void *data);
 *
 * An event that the state does not accept comes from a peer: it is refused (false), counted and
 * traced, never asserted. A transition that the table does not allow is ours: it asserts. Thread:
 * the owner's. */

#include "base/loop.h"

#include <stdbool.h>
#include <stdint.h>

#define FSM_BIT(n) (UINT64_C(1) << (n))

struct fsm;

struct fsm_state {
	const char *name;
	const char *clause;      /* e.g. "Q.931 5.1.1"; may be NULL */
	uint64_t events;         /* FSM_BIT(event) of those accepted here */
	uint64_t next;           /* FSM_BIT(state) of those that may follow */
	uint64_t timer_us;       /* armed on entry when nonzero; fsm_timer_us() can override per instance */
	const char *timer_name;  /* "T303" */
	void (*enter)(struct fsm *fsm, unsigned from);
	void (*leave)(struct fsm *fsm, unsigned to);
	void (*handle)(struct fsm *fsm, unsigned event, const void *data);
	void (*expired)(struct fsm *fsm);
};

struct fsm_machine {
	const char *name;
	const struct fsm_state *states;
	unsigned state_count;
	const char *const *event_names;
	unsigned event_count;    /* at most 64, like the states */
	/* Duration of the state's timer for this instance; NULL: the table's. */
	uint64_t (*timer_us)(const struct fsm *fsm, unsigned state);
};

struct fsm {
	const struct fsm_machine *machine;
	struct loop *loop;
	void *owner;
	unsigned state;
	unsigned refused;        /* events refused so far */
	struct loop_timer timer;
	unsigned moves;          /* private: how often a state was entered */
};

/* What happened, for golden traces: event, or timer expiry, or a refused event, and the states
 * before and after. */
struct fsm_trace {
	void (*event)(const struct fsm *fsm, const char *what, unsigned from, bool refused, void *arg);
	void *arg;
};
/* Per thread; NULL: off. */
void fsm_set_trace(const struct fsm_trace *trace);

/* Enters `initial` (its enter hook runs and its timer is armed). */
void fsm_init(struct fsm *fsm, const struct fsm_machine *machine, unsigned initial, struct loop *loop, void *owner);
/* Stops the timer. Takes a zeroed one. */
void fsm_close(struct fsm *fsm);
/* Hand an event with its typed data (the machine's header names the type per event). False:
 * refused. */
bool fsm_event(struct fsm *fsm, unsigned event, const void *data);
/* Go to another state: leave, timer stopped, enter, timer armed. Going to the same state re-enters
 * it. */
void fsm_go(struct fsm *fsm, unsigned state);
/* Of the state it is in. */
const char *fsm_state_name(const struct fsm *fsm);
/* Graphviz text of a machine into `out` (for docs); returns what snprintf would. */
int fsm_dot(const struct fsm_machine *machine, char *out, unsigned long room);

#endif
