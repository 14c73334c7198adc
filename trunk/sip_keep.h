/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TRUNK_SIP_KEEP_H
#define TRUNK_SIP_KEEP_H

/* TCP connections whose far end has gone without a word are found by the kernel: it probes idle
 * ones, and gives up on what is sent and not acknowledged for 10 s (instead of 15 minutes). What
 * waits on a connection that is given up fails at once and goes out again on a new one.
 * Sofia keeps its descriptors to itself: those that listen hand their settings to what they accept,
 * those that it opened are looked for among the descriptors of this process. Thread: signalling. */

#include "base/netaddr.h"

#define SIP_KEEP_IDLE_S 30
#define SIP_KEEP_INTERVAL_S 5
#define SIP_KEEP_COUNT 3
#define SIP_KEEP_UNACKNOWLEDGED_MS 10000

/* 0, or -errno of the first setting that was not taken. */
int sip_keep_socket(int fd);
/* All TCP connections from this host to this peer, also those that are just being opened (their
 * peer can't be told from others'). Returns how many. */
unsigned sip_keep_connections(const struct netaddr *local, const struct netaddr *peer);

#endif
