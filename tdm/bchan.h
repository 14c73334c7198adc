/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TDM_BCHAN_H
#define TDM_BCHAN_H

/* A B-channel as the clock of a media port: each block of the line is pushed into the port, and as
 * much pulled out of it, octet by octet as they stand (a copy: no decoding, so the channel is
 * transparent).
 *
 * Thread: signalling; the octets move on the line's worker, where the port is touched from the
 * block after the join until `left` has been called. */

#include "hw/e1.h"
#include "transcoding/port.h"

enum bchan_state { BCHAN_FREE, BCHAN_JOINED, BCHAN_LEAVING };

/* One per timeslot, embedded in its span; must outlive the join. Zeroed before its first use. */
struct bchan {
	struct e1_line *line;
	unsigned timeslot;
	enum bchan_state state;
	struct port *port; /* set before the join, then only read by the worker */
	void (*left)(void *arg);
	void *arg;
	void (*free)(struct bchan *bchan,
		     void *owner); /* the channel has no port any more; set by the owner */
	void *owner;
};

/* 0; -EBUSY while joined or leaving; what e1_slot_join() says. */
int bchan_join(struct bchan *bchan, struct port *port);
/* The line sends idle from the next block on. `left` (may be NULL) runs on this thread when the
 * port is touched no more. -EALREADY: not joined; then `left` is not kept. */
int bchan_leave(struct bchan *bchan, void (*left)(void *arg), void *arg);

#endif
