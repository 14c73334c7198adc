/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GATEWAY_CALL_FSM_H
#define GATEWAY_CALL_FSM_H

/* States and events of the call machine. Each message of the half-call protocol is one event when
 * the caller's leg tells it (A) and another when the called one does (B); data: const struct
 * leg_message *, borrowed for the event. Thread: signalling. */

#include "gateway/leg.h"

enum call_state {
	CALL_NEW, /* nothing decided yet */
	/* SETUP went to a gateway; it is silent. Timer: setup_timeout_ms of the gateway */
	CALL_TRYING,
	/* it works on the call; another may still be tried. Timer of this and the next two: what is
	 * left of ring_timeout_s */
	CALL_PROCEEDING,
	CALL_EARLY,   /* audio before answer has begun: committed */
	CALL_RINGING, /* the called party is alerted: committed */
	CALL_ANSWERED,
	CALL_ANNOUNCING, /* one side clears and plays an announcement to the other. Timer: T306 */
	/* both legs were told to go; their RELEASE and the media's end are awaited */
	CALL_CLEARING,
	CALL_GONE,
	CALL_STATE_COUNT
};

#define CALL_A(message) (message)
#define CALL_B(message) (LEG_MESSAGE_COUNT + (message))
enum {
	CALL_HANGUP = 2 * LEG_MESSAGE_COUNT, /* const struct q850_cause *: from the outside */
	CALL_CLEARED,                        /* no leg and no media are left */
	CALL_EVENT_COUNT
};

/* Q.931 table 9-1: T306, 30 s, DISCONNECT with progress indicator 8 (in-band announcement) was
 * sent. */
#define CALL_T306_US 30000000

struct call;
/* What an event does in a state; NULL: not accepted. For tests: equals the machine's masks. */
typedef void (*call_action)(struct call *call, unsigned seat, const struct leg_message *message);
call_action call_action_of(unsigned state, unsigned event);

#endif
