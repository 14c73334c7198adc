/* SPDX-License-Identifier: GPL-2.0-only */
#include "base/netaddr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

int netaddr_set(struct netaddr *a, const char *host, uint16_t port)
{
	struct netaddr made = { 0 };
	char bare[INET6_ADDRSTRLEN];
	size_t n = strlen(host);

	if (n >= 2 && host[0] == '[' && host[n - 1] == ']') {
		host++;
		n -= 2;
		if (!memchr(host, ':', n))
			return -EINVAL;
	}
	if (n == 0 || n >= sizeof(bare))
		return -EINVAL;
	memcpy(bare, host, n);
	bare[n] = '\0';
	if (inet_pton(AF_INET, bare, &made.u.in.sin_addr) == 1)
		made.u.sa.sa_family = AF_INET;
	else if (inet_pton(AF_INET6, bare, &made.u.in6.sin6_addr) == 1)
		made.u.sa.sa_family = AF_INET6;
	else
		return -EINVAL;
	netaddr_set_port(&made, port);
	*a = made;
	return 0;
}

/* Digits only, 0…65535; -EINVAL otherwise. */
static int parse_port(const char *text)
{
	int value = 0;

	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		value = value * 10 + (*text - '0');
		if (value > UINT16_MAX)
			return -EINVAL;
	}
	return value;
}

int netaddr_parse(struct netaddr *a, const char *text, uint16_t default_port)
{
	char host[NETADDR_TEXT];
	const char *bracket = strrchr(text, ']'), *colon = strchr(bracket ? bracket : text, ':');
	size_t n;
	int port;

	/* Several colons and no bracket: an IPv6 host without a port. */
	if (!colon || (!bracket && strchr(colon + 1, ':')))
		return netaddr_set(a, text, default_port);
	port = parse_port(colon + 1);
	n = (size_t)(colon - text);
	if (port < 0 || n >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, n);
	host[n] = '\0';
	return netaddr_set(a, host, (uint16_t)port);
}

int netaddr_family(const struct netaddr *a)
{
	return a->u.sa.sa_family;
}

bool netaddr_is_set(const struct netaddr *a)
{
	return netaddr_family(a) != AF_UNSPEC;
}

bool netaddr_same_host(const struct netaddr *a, const struct netaddr *b)
{
	if (netaddr_family(a) != netaddr_family(b))
		return false;
	if (netaddr_family(a) == AF_INET)
		return a->u.in.sin_addr.s_addr == b->u.in.sin_addr.s_addr;
	if (netaddr_family(a) == AF_INET6)
		return memcmp(&a->u.in6.sin6_addr, &b->u.in6.sin6_addr, sizeof(struct in6_addr)) ==
		       0;
	return true;
}

bool netaddr_equal(const struct netaddr *a, const struct netaddr *b)
{
	return netaddr_same_host(a, b) && netaddr_port(a) == netaddr_port(b);
}

uint16_t netaddr_port(const struct netaddr *a)
{
	if (netaddr_family(a) == AF_INET)
		return ntohs(a->u.in.sin_port);
	if (netaddr_family(a) == AF_INET6)
		return ntohs(a->u.in6.sin6_port);
	return 0;
}

void netaddr_set_port(struct netaddr *a, uint16_t port)
{
	if (netaddr_family(a) == AF_INET)
		a->u.in.sin_port = htons(port);
	else if (netaddr_family(a) == AF_INET6)
		a->u.in6.sin6_port = htons(port);
}

socklen_t netaddr_len(const struct netaddr *a)
{
	if (netaddr_family(a) == AF_INET)
		return sizeof(struct sockaddr_in);
	if (netaddr_family(a) == AF_INET6)
		return sizeof(struct sockaddr_in6);
	return 0;
}

const char *netaddr_host_text(const struct netaddr *a, char text[NETADDR_TEXT])
{
	const void *host = netaddr_family(a) == AF_INET ? (const void *)&a->u.in.sin_addr
							: (const void *)&a->u.in6.sin6_addr;

	text[0] = '\0';
	if (netaddr_is_set(a))
		inet_ntop(netaddr_family(a), host, text, NETADDR_TEXT);
	return text;
}

const char *netaddr_text(const struct netaddr *a, char text[NETADDR_TEXT])
{
	char host[NETADDR_TEXT];

	netaddr_host_text(a, host);
	text[0] = '\0';
	if (netaddr_family(a) == AF_INET6)
		snprintf(text, NETADDR_TEXT, "[%.45s]:%u", host, netaddr_port(a));
	else if (netaddr_family(a) == AF_INET)
		snprintf(text, NETADDR_TEXT, "%.45s:%u", host, netaddr_port(a));
	return text;
}

static const uint8_t *octets_of(const struct netaddr *a)
{
	return netaddr_family(a) == AF_INET ? (const uint8_t *)&a->u.in.sin_addr
					    : a->u.in6.sin6_addr.s6_addr;
}

int netprefix_parse(struct netprefix *p, const char *text)
{
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	struct netprefix made = { 0 };
	char host[NETADDR_TEXT];
	unsigned most;
	int bits;

	if (n >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, n);
	host[n] = '\0';
	if (netaddr_set(&made.network, host, 0) < 0)
		return -EINVAL;
	most = netaddr_family(&made.network) == AF_INET ? 32 : 128;
	bits = slash ? parse_port(slash + 1) : (int)most;
	if (bits < 0 || (unsigned)bits > most)
		return -EINVAL;
	made.bits = (unsigned)bits;
	*p = made;
	return 0;
}

bool netprefix_contains(const struct netprefix *p, const struct netaddr *a)
{
	const uint8_t *net = octets_of(&p->network), *host = octets_of(a);
	unsigned whole = p->bits / 8, rest = p->bits % 8;
	uint8_t mask = (uint8_t)(0xff00 >> rest);

	if (!netaddr_is_set(a) || netaddr_family(a) != netaddr_family(&p->network))
		return false;
	if (memcmp(net, host, whole) != 0)
		return false;
	return rest == 0 || ((net[whole] ^ host[whole]) & mask) == 0;
}
