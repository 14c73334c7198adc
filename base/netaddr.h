/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BASE_NETADDR_H
#define BASE_NETADDR_H

/* IPv4 and IPv6 socket addresses as values. Thread: any. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct netaddr {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} u;
};

#define NETADDR_TEXT 56 /* "[v6]:port" with its NUL */

/* Numeric host ("192.0.2.1", "2001:db8::1", "[2001:db8::1]"), no DNS. 0 or -EINVAL. */
int netaddr_set(struct netaddr *a, const char *host, uint16_t port);
/* "192.0.2.1:5060", "[2001:db8::1]:5060"; without a port `default_port` is taken. 0 or -EINVAL. */
int netaddr_parse(struct netaddr *a, const char *text, uint16_t default_port);
/* False for one that is all zero. */
bool netaddr_is_set(const struct netaddr *a);
bool netaddr_equal(const struct netaddr *a, const struct netaddr *b);      /* host and port */
bool netaddr_same_host(const struct netaddr *a, const struct netaddr *b);
/* In host order; 0 when unset. */
uint16_t netaddr_port(const struct netaddr *a);
void netaddr_set_port(struct netaddr *a, uint16_t port);
/* Octets of the sockaddr, as bind() and sendto() want it. */
socklen_t netaddr_len(const struct netaddr *a);
int netaddr_family(const struct netaddr *a); /* AF_UNSPEC when unset */
/* Host without brackets / host and port with. Return `text`. */
const char *netaddr_host_text(const struct netaddr *a, char text[NETADDR_TEXT]);
const char *netaddr_text(const struct netaddr *a, char text[NETADDR_TEXT]);

/* "192.0.2.0/24", "2001:db8::/32", or a single host. */
struct netprefix {
	struct netaddr network;
	unsigned bits;
};
/* 0; -EINVAL: no address, or more bits than it has. */
int netprefix_parse(struct netprefix *p, const char *text);
/* False also for another address family. */
bool netprefix_contains(const struct netprefix *p, const struct netaddr *a);

#endif
