/* SPDX-License-Identifier: GPL-2.0-only */
/* The pool of port pairs: taken in turn, so that a port just given back rests before it is used
 * again and late packets of an ended call meet nobody. */
#include "base/mem.h"
#include "trunk/rtp_private.h"

#include <assert.h>
#include <errno.h>
#include <netinet/ip.h>
#include <unistd.h>

struct rtp_ports {
	uint16_t first;
	unsigned total, used, next;
	bool taken[];
};

int rtp_ports_create(struct rtp_ports **out, uint16_t first, uint16_t last)
{
	unsigned even = (first + 1U) & ~1U;
	if (first == 0 || last < even + 1)
		return -EINVAL;
	unsigned total = (last - even + 1) / 2;
	struct rtp_ports *p = mem_zalloc(sizeof(*p) + total * sizeof(p->taken[0]));
	if (!p)
		return -ENOMEM;
	p->first = (uint16_t)even;
	p->total = total;
	*out = p;
	return 0;
}

void rtp_ports_destroy(struct rtp_ports **ports)
{
	if (!*ports)
		return;
	assert((*ports)->used == 0);
	mem_free(*ports);
	*ports = NULL;
}

unsigned rtp_ports_used(const struct rtp_ports *ports)
{
	return ports->used;
}

unsigned rtp_ports_total(const struct rtp_ports *ports)
{
	return ports->total;
}

/* DSCP is the upper six bits of IPv4's TOS and of IPv6's traffic class (RFC 2474 3). A refusal is
 * no reason not to talk. */
static void set_dscp(int fd, int family, uint8_t dscp)
{
	int octet = dscp << 2;
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &octet, sizeof(octet));
	else
		setsockopt(fd, IPPROTO_IP, IP_TOS, &octet, sizeof(octet));
}

static int open_bound(const struct netaddr *address, uint16_t port, uint8_t dscp)
{
	struct netaddr a = *address;
	int family = netaddr_family(address), on = 1, rc = 0;
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	netaddr_set_port(&a, port);
	if (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)
		rc = -errno;
	if (rc == 0 && bind(fd, &a.u.sa, netaddr_len(&a)) < 0)
		rc = -errno;
	if (rc < 0) {
		close(fd);
		return rc;
	}
	set_dscp(fd, family, dscp);
	return fd;
}

static int open_pair(const struct netaddr *address, uint16_t port, uint8_t dscp, int fds[2])
{
	int rtp = open_bound(address, port, dscp);
	if (rtp < 0)
		return rtp;
	int rtcp = open_bound(address, (uint16_t)(port + 1), dscp);
	if (rtcp < 0) {
		close(rtp);
		return rtcp;
	}
	fds[0] = rtp;
	fds[1] = rtcp;
	return 0;
}

int rtp_ports_open(struct rtp_ports *p, const struct netaddr *address, uint8_t dscp, int fds[2],
		   uint16_t *port)
{
	for (unsigned tries = 0; tries < p->total; tries++) {
		unsigned i = p->next;
		p->next = (i + 1) % p->total;
		if (p->taken[i])
			continue;
		int rc = open_pair(address, (uint16_t)(p->first + 2 * i), dscp, fds);
		if (rc == -EADDRINUSE)
			continue; /* some other program has it */
		if (rc < 0)
			return rc;
		p->taken[i] = true;
		p->used++;
		*port = (uint16_t)(p->first + 2 * i);
		return 0;
	}
	return -EADDRINUSE;
}

void rtp_ports_release(struct rtp_ports *p, uint16_t port)
{
	unsigned i = (port - p->first) / 2U;
	assert(i < p->total && p->taken[i]);
	p->taken[i] = false;
	p->used--;
}
