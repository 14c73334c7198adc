/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GATEWAY_CALL_H
#define GATEWAY_CALL_H

/* A call: two seats, a table-driven state machine over the half-call protocol, the walk through the
 * route's gateways, and the media bridge between the seats. Thread: signalling.
 *
 * Ownership: the gateway owns calls; a call owns its legs, its bridge and its list of attempts. */

#include "base/fsm.h"
#include "base/list.h"
#include "dialplan/dialplan.h"
#include "gateway/bridge.h"
#include "gateway/call_id.h"
#include "gateway/endpoint.h"
#include "gateway/leg.h"

/* Why and how each gateway was tried. */
struct call_attempt {
	struct list node;
	char route[64], usage[64], gateway[64];
	char leg_key[160];
	struct party_number called_sent, calling_sent;
	uint64_t started_us, ended_us; /* monotonic; 0: not */
	struct q850_cause cause;       /* of its failure; 0: it carried the call */
	unsigned status;
};

struct call_times {
	int64_t setup_wall_us;
	uint64_t setup_us, routed_us, ringing_us, answer_us, end_us; /* monotonic; 0: not reached */
};

enum call_releaser {
	CALL_RELEASED_BY_NOBODY,
	CALL_RELEASED_BY_CALLER,
	CALL_RELEASED_BY_CALLED,
	CALL_RELEASED_BY_US
};

struct call {
	struct list node;      /* in the gateway's list */
	char id[CALL_ID_TEXT]; /* globally unique, sortable by time */
	struct gateway *gateway;
	struct fsm fsm;
	/* LEG_CALLER; LEG_CALLED: the one being tried or talked to, or NULL */
	struct leg *seats[2];
	struct list leaving; /* legs of earlier attempts whose RELEASE is awaited */
	struct endpoint *ingress;
	struct dialplan *plan; /* the snapshot that this call was routed with */
	struct dp_decision decision;
	size_t next_candidate;
	struct leg_info info; /* as received */
	struct party_number called_normalized, calling_normalized;
	struct list attempts;         /* struct call_attempt, in order */
	struct call_attempt *attempt; /* the one under way or that carries the call; or NULL */
	/* of the attempts so far: a gateway's own word before a skipped one's */
	struct q850_cause last_cause;
	struct bridge *bridge;
	uint64_t answer_due_us; /* when the ring timeout of this attempt falls due */
	unsigned announcer;     /* the seat that plays, in CALL_ANNOUNCING */
	struct call_times times;
	struct q850_cause cause; /* why it ended */
	unsigned status;         /* SIP status behind it, 0: none */
	unsigned refusal;        /* what the caller is refused with, 0: none */
	struct leg_diagnostics diagnostics; /* of the cause heard last, which is: */
	struct q850_cause diagnosed;
	enum call_releaser releaser;
	bool emergency, answered, alerted, inband;
	bool attempted; /* a gateway was sent SETUP */
	bool media_closing;
	bool audible;    /* media was opened */
	/* records.h: where its record is held, whether it is finished, when it is written anew */
	int record_slot;
	bool recorded;
	struct loop_timer record_timer;
	uint64_t slips_before[2]; /* of each seat's line when the leg came */
	struct loop_deferred cleared; /* private */
};

/* States and events of the machine, for tests and diagrams: see call_fsm.h. */
extern const struct fsm_machine gateway_call_machine;

/* A leg brings a call (LEG_SETUP told by a fresh leg). Takes ownership of the leg. */
void call_incoming(struct gateway *gateway, struct leg *leg, const struct leg_message *setup);
/* Handed by leg_tell(). */
void call_receive(struct call *call, struct leg *leg, const struct leg_message *message);
/* Of its state now, for listings; never NULL. */
const char *call_state_name(const struct call *call);
/* End it from the outside (gwctl call hangup, shutdown). */
void call_hangup(struct call *call, struct q850_cause cause);

#endif
