/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GATEWAY_SLOT_PAIR_H
#define GATEWAY_SLOT_PAIR_H

/* Two ports back to back: what one clocked channel pushes, the other pulls. Each channel has its
 * own clock and maybe its own worker, so an octet ring lies between, both ways; it gets deeper, up
 * to 200 ms, when a line was held up for longer than it is deep. When the clocks drift apart a
 * stretch is dropped or silence is put in, and counted as a slip. Equal laws pass bit-exact.
 *
 * Thread: made and destroyed on the signalling thread; each port is used by the worker of its
 * channel. */

#include "base/counter.h"
#include "transcoding/port.h"

struct slot_pair;

/* codecs: what each end's channel speaks; depth_ms: 1…200, at least two of the lines' blocks. 0 or
 * -ENOMEM. */
int slot_pair_create(struct slot_pair **out, enum port_codec a, enum port_codec b,
		     unsigned depth_ms);
/* Neither port may be joined. Sets NULL, takes NULL. */
void slot_pair_destroy(struct slot_pair **pair);
/* end: 0 or 1. */
struct port *slot_pair_port(struct slot_pair *pair, unsigned end);
/* Slips of what this end's port is pulled, so far. Any thread. */
uint64_t slot_pair_slips(const struct slot_pair *pair, unsigned end);

#endif
