/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GATEWAY_BRIDGE_H
#define GATEWAY_BRIDGE_H

/* The media between the two seats of a call.
 *
 * What does it do? For a leg of packets it opens an RTP endpoint, answers the leg's offers and
 * makes ours; a leg of a clocked channel is joined to a port. Packets ↔ channel: the endpoint's
 * port. Packets ↔ packets: two endpoints in relay. Channel ↔ channel: a pair of ports over octet
 * rings.
 *
 * How is it used? By the core only, through this table, so that the call machine is tested without
 * sockets. Thread: signalling. The legs are those in the call's seats, borrowed: a leg must not be
 * destroyed before drop() or `closed`. */

#include "gateway/leg.h"

struct bridge;
struct call;

struct bridge_ops {
	/* 0 or -ENOMEM. */
	int (*create)(struct bridge **out, struct call *call);
	/* The caller's SETUP brought this offer; it is answered by open(). -ENOTSUP: nothing in it
	 * that its trunk allows. */
	int (*offered)(struct bridge *bridge, struct leg *caller, const struct media_desc *offer,
		       unsigned id);
	/* A SETUP is about to be sent to this leg: `*offer` (NULL: none) goes along, valid until
	 * the next call here. 0; -ENOMEM; -EADDRINUSE: no port is free. */
	int (*prepare)(struct bridge *bridge, struct leg *called, const struct media_desc **offer);
	/* Audio shall flow both ways: answer what was offered, offer to whom has not, join what is
	 * known on both sides, the rest as soon as it is. As often as liked. -errno: one side
	 * cannot have audio. */
	int (*open)(struct bridge *bridge);
	/* OFFER, ANSWER or REFUSE told by a leg. -errno: the media of the call failed (it was
	 * answered with REFUSE if it was an offer within a call that has media already: then 0). */
	int (*message)(struct bridge *bridge, struct leg *from, const struct leg_message *message);
	/* Play a digit to this leg in its media. -ENOTSUP: it can't. */
	int (*dtmf)(struct bridge *bridge, struct leg *to, unsigned event, unsigned duration_ms);
	/* The called leg lost its seat before audio flowed. */
	void (*drop)(struct bridge *bridge, struct leg *called);
	/* Everything is left and closed; `closed` runs later, from the loop. Sets NULL. */
	void (*close)(struct bridge **bridge, void (*closed)(void *arg), void *arg);
};

/* The real one. */
extern const struct bridge_ops bridge_media;

struct rtp_endpoint;
/* For listings: what faces the leg in this seat (NULL: a channel, or nothing yet). Only of
 * bridge_media's. */
struct rtp_endpoint *bridge_rtp(const struct bridge *bridge, unsigned seat);
/* "PCMA", or NULL while nothing is agreed or the seat has no packets. */
const char *bridge_codec(const struct bridge *bridge, unsigned seat);

#endif
