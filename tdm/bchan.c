/* SPDX-License-Identifier: GPL-2.0-only */
#include "tdm/bchan.h"

#include <errno.h>

static void rx(void *user, const uint8_t *octets, size_t n)
{
	struct bchan *bchan = user;
	struct frame frame = { .octets = octets, .length = n, .kind = FRAME_AUDIO };

	port_push(bchan->port, &frame);
}

static void tx(void *user, uint8_t *octets, size_t n)
{
	struct bchan *bchan = user;

	port_pull(bchan->port, octets, n);
}

static const struct e1_slot_ops slot_ops = { .rx = rx, .tx = tx };

int bchan_join(struct bchan *bchan, struct port *port)
{
	int rc;

	if (bchan->state != BCHAN_FREE)
		return -EBUSY;
	bchan->port = port;
	rc = e1_slot_join(bchan->line, bchan->timeslot, &slot_ops, bchan);
	if (rc == 0)
		bchan->state = BCHAN_JOINED;
	return rc;
}

static void slot_left(void *arg)
{
	struct bchan *bchan = arg;
	void (*left)(void *) = bchan->left;
	void *left_arg = bchan->arg;

	bchan->state = BCHAN_FREE;
	bchan->port = NULL;
	bchan->left = NULL;
	if (left)
		left(left_arg);
	if (bchan->free)
		bchan->free(bchan, bchan->owner);
}

int bchan_leave(struct bchan *bchan, void (*left)(void *arg), void *arg)
{
	if (bchan->state != BCHAN_JOINED)
		return -EALREADY;
	bchan->state = BCHAN_LEAVING;
	bchan->left = left;
	bchan->arg = arg;
	e1_slot_leave(bchan->line, bchan->timeslot, slot_left, bchan);
	return 0;
}
