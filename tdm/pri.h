/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TDM_PRI_H
#define TDM_PRI_H

/* libpri behind our own words: Q.921's link and Q.931's messages of one D-channel. pri.c is the
 * only file that knows <libpri.h>.
 *
 * How does it work? Frames go in and out through the owner (pri_link_receive(), ops->write), each
 * whole and without FCS, so that every one passes the owner's reader and patcher. libpri's timers
 * run on the owner's loop: its gettimeofday() is ours (linked with --wrap). Events are copied out
 * of libpri's single static struct before libpri is called again, and handed over one at a time
 * from pri_link_receive() or from the loop's timer, never from inside a verb.
 *
 * Limits: libpri takes time from one clock for the whole process (the one of the link made last),
 * and can't free what it made: a closed link's state is parked and used again by the next link of
 * the same role.
 *
 * Thread: signalling. */

#include "base/q850.h"
#include "conf/machine.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct pri_link;
struct q931_call; /* libpri's */

enum pri_link_event_kind {
	PRI_LINK_UP, /* multiframe established */
	PRI_LINK_DOWN,
	PRI_LINK_SETUP, /* a new call */
	PRI_LINK_SETUP_ACK,
	PRI_LINK_PROCEEDING,
	PRI_LINK_ALERTING,
	PRI_LINK_PROGRESS,
	PRI_LINK_CONNECT, /* acknowledged by libpri */
	PRI_LINK_INFORMATION,
	PRI_LINK_NOTIFY,
	PRI_LINK_DISCONNECT, /* libpri waits for pri_call_hangup(): RELEASE */
	PRI_LINK_RELEASE,    /* RELEASE, RELEASE COMPLETE, or a timer: pri_call_hangup() answers and
				frees */
	PRI_LINK_RELEASED,   /* `call` is freed already */
	PRI_LINK_RESTART,    /* acknowledged by libpri */
	PRI_LINK_RESTART_ACK,
};

struct pri_link_event {
	enum pri_link_event_kind kind;
	struct q931_call *call;
	uint8_t timeslot; /* 0: none; RESTART: 0 means all */
	uint8_t cause;
};

struct pri_link_ops {
	/* libpri sends a frame. Returns 0; what is refused is lost, Q.921 repeats it. May be called
	 * from inside any verb. */
	int (*write)(void *arg, const uint8_t *frame, size_t n);
	void (*event)(void *arg, const struct pri_link_event *event);
};

struct pri_link_cfg {
	const char *name; /* for log lines; borrowed */
	enum conf_role role;
	const struct conf_isdn_timers *timers; /* borrowed during create */
	struct loop *loop;
};

/* Most I frames without acknowledgement that a link sends (Q.921 5.9.5). */
#define PRI_LINK_WINDOW 7

/* Starts to establish layer 2 at once. 0, -ENOMEM. */
int pri_link_create(struct pri_link **out, const struct pri_link_cfg *cfg,
		    const struct pri_link_ops *ops, void *arg);
/* Another name for messages (borrowed), and other timers for what starts next. */
void pri_link_set(struct pri_link *link, const char *name, const struct conf_isdn_timers *timers);
/* Sends nothing. Calls must have been freed. Sets NULL, takes NULL. */
void pri_link_close(struct pri_link **link);
/* One frame from the line, without FCS. -EMSGSIZE above what libpri's buffer takes. */
int pri_link_receive(struct pri_link *link, const uint8_t *frame, size_t n);

/* What a SETUP of ours says before the patch completes it. */
struct pri_setup {
	uint8_t timeslot;
	bool exclusive;
	uint8_t capability; /* enum isdn_capability */
	enum conf_law law;
};

/* A call of ours: a fresh call reference, without a message yet. NULL: no memory. */
struct q931_call *pri_call_new(struct pri_link *link);
/* Its reference value (15 bits, without flag). */
uint16_t pri_call_crv(struct pri_link *link, struct q931_call *call);
/* The rest return 0 or -EPROTO (libpri refuses). `timeslot` goes into Channel identification where
 * the message has one. */
int pri_call_setup(struct pri_link *link, struct q931_call *call, const struct pri_setup *setup);
/* SETUP ACKNOWLEDGE, without a dial tone. */
int pri_call_setup_ack(struct pri_link *link, struct q931_call *call, uint8_t timeslot);
int pri_call_proceeding(struct pri_link *link, struct q931_call *call, uint8_t timeslot);
int pri_call_alerting(struct pri_link *link, struct q931_call *call, uint8_t timeslot);
int pri_call_progress(struct pri_link *link, struct q931_call *call, uint8_t timeslot);
int pri_call_connect(struct pri_link *link, struct q931_call *call, uint8_t timeslot);
/* NOTIFY, which changes no state: the vehicle for what libpri can't send itself. */
int pri_call_notify(struct pri_link *link, struct q931_call *call);
/* The next step of clearing by libpri's state: DISCONNECT, RELEASE or RELEASE COMPLETE; frees after
 * the last. */
int pri_call_hangup(struct pri_link *link, struct q931_call *call, uint8_t cause);
/* RELEASE COMPLETE to a SETUP that had no other answer (Q.931 5.3.2 c), or after a SETUP that got
 * none; frees. */
int pri_call_refuse(struct pri_link *link, struct q931_call *call);
/* Forget without a message. */
void pri_call_free(struct pri_link *link, struct q931_call *call);

/* RESTART of one timeslot (Q.931 5.5.1). T316 is the caller's. */
int pri_link_restart(struct pri_link *link, uint8_t timeslot);

#endif
