/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TRUNK_SIP_FILTER_H
#define TRUNK_SIP_FILTER_H

/* Strangers are kept out by the kernel: a classic BPF program on each listening socket passes
 * packets whose source address is in a list of prefixes and drops the rest, before Sofia parses
 * (and answers) them. Thread: any; sip_filter_open() signalling. */

#include "base/netaddr.h"

#include <linux/filter.h>

#define SIP_FILTER_MAX 4096 /* instructions, the kernel's limit (BPF_MAXINSNS) */

/* Writes the program for IPv4 and IPv6 sources (also IPv4 on an IPv6 socket). Its length, or
 * -E2BIG. No prefix: all are dropped. `datagram`: for UDP; then packets that begin like STUN (RFC
 * 8489 5: below 4) are dropped too, as Sofia loses memory for each. */
int sip_filter_build(struct sock_filter *out, size_t room, const struct netprefix *sources,
		     size_t count, bool datagram);
/* Is this descriptor a datagram socket (UDP)? */
bool sip_filter_is_datagram(int fd);

/* Descriptors of this process that are bound to `address` and listen on it (TCP) or are datagram
 * sockets (UDP): Sofia does not tell. Returns how many of at most `room`. */
size_t sip_filter_sockets(const struct netaddr *address, int *fds, size_t room);
/* Attach to a socket, in place of the one before. 0 or -errno. */
int sip_filter_attach(int fd, const struct sock_filter *program, size_t length);
/* Packets that this socket has dropped since it was opened (its receive queue's overflow counts
 * too). */
uint64_t sip_filter_drops(int fd);
/* About how many messages wait in its receive buffer, four times that when it is more than half full
 * and will lose some soon; 0 when the kernel doesn't say. */
unsigned sip_filter_backlog(int fd);

#endif
