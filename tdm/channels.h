/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TDM_CHANNELS_H
#define TDM_CHANNELS_H

/* Which B-channel a call gets, and who has which (Q.931 5.1.2, 5.2.3; hunting is a local matter).
 * Pure bookkeeping: sends nothing. Thread: signalling. */

#include "conf/machine.h"
#include "hw/e1.h"

struct isdn_call;

enum channel_state {
	CHANNEL_ABSENT, /* not among the span's B-channels */
	CHANNEL_IDLE,
	CHANNEL_TAKEN,      /* by a call */
	CHANNEL_LEAVING,    /* the call is gone, its port still joined */
	CHANNEL_RESTARTING, /* RESTART sent, T316 */
	CHANNEL_BLOCKED,    /* out of service: RESTART was not acknowledged (Q.931 5.5.1) */
};

struct channel {
	enum channel_state state;
	struct isdn_call *call; /* when taken */
};

struct channels {
	timeslot_set usable;
	enum conf_hunt hunt;
	uint8_t last; /* taken last by hunting; cyclic hunting goes on behind it */
	struct channel at[E1_TIMESLOTS];
};

/* All of `usable` idle, the others absent. */
void channels_init(struct channels *channels, timeslot_set usable, enum conf_hunt hunt);
/* Another set and order from now on: what is added is idle; what is taken away goes at once, or as
 * soon as its call and port have left. */
void channels_change(struct channels *channels, timeslot_set usable, enum conf_hunt hunt);
/* The channel that the next call shall have by the hunting order; 0: none idle. Takes nothing. */
uint8_t channels_hunt(const struct channels *channels);
/* 0; -EINVAL: not a B-channel; -EBUSY: not idle. */
int channels_take(struct channels *channels, uint8_t timeslot, struct isdn_call *call);
/* From any state back to idle. */
void channels_free(struct channels *channels, uint8_t timeslot);
/* This state, without a call. An absent timeslot stays absent; one that was taken away becomes so
 * instead of idle. */
void channels_set(struct channels *channels, uint8_t timeslot, enum channel_state state);
/* CHANNEL_ABSENT also of what is no timeslot. */
enum channel_state channels_state(const struct channels *channels, unsigned timeslot);
/* Borrowed; NULL: no call has it. */
struct isdn_call *channels_call(const struct channels *channels, unsigned timeslot);
/* How many are idle. */
unsigned channels_idle(const struct channels *channels);

#endif
