/* SPDX-License-Identifier: GPL-2.0-only */
#include "trunk/sip_filter.h"

#include <dirent.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <stdlib.h>
#include <string.h>

/* Loads relative to the network header, wherever the socket's own data begins. */
#define NET(offset) ((uint32_t)SKF_NET_OFF + (offset))
#define IPV4_SOURCE 12 /* RFC 791 3.1 */
#define IPV6_SOURCE 8  /* RFC 8200 3 */
#define UDP_HEADER 8   /* octets, RFC 768 */
#define PASS UINT32_MAX
#define MESSAGE_MEMORY                                                                             \
	1536 /* that the kernel counts for a SIP message: 1280 below 700 octets, else 2304 */

struct program {
	struct sock_filter *out;
	size_t room, length;
};

static void add(struct program *p, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
	if (p->length < p->room)
		p->out[p->length] =
			(struct sock_filter){ .code = code, .jt = jt, .jf = jf, .k = k };
	p->length++;
}

static uint32_t mask_of(unsigned bits)
{
	return bits >= 32 ? UINT32_MAX : bits ? ~(UINT32_MAX >> bits) : 0;
}

static uint32_t word(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* The source's first `bits` bits equal these: pass. Each word that differs jumps behind the rule.
 */
static void add_rule(struct program *p, uint32_t offset, const uint8_t *network, unsigned bits)
{
	unsigned words = (bits + 31) / 32;

	for (unsigned i = 0; i < words; i++) {
		unsigned left = bits - i * 32;
		uint32_t mask = mask_of(left);
		uint8_t behind = (uint8_t)(3 * (words - i - 1) + 1);

		add(p, BPF_LD | BPF_W | BPF_ABS, NET(offset + 4 * i), 0, 0);
		add(p, BPF_ALU | BPF_AND | BPF_K, mask, 0, 0);
		add(p, BPF_JMP | BPF_JEQ | BPF_K, word(network + (size_t)4 * i) & mask, 0, behind);
	}
	add(p, BPF_RET | BPF_K, PASS, 0, 0);
}

static void add_family(struct program *p, int family, const struct netprefix *sources, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct netaddr *a = &sources[i].network;

		if (netaddr_family(a) != family)
			continue;
		if (family == AF_INET6)
			add_rule(p, IPV6_SOURCE, a->u.in6.sin6_addr.s6_addr, sources[i].bits);
		else
			add_rule(p, IPV4_SOURCE, (const uint8_t *)&a->u.in.sin_addr,
				 sources[i].bits);
	}
	add(p, BPF_RET | BPF_K, 0, 0, 0);
}

int sip_filter_build(struct sock_filter *out, size_t room, const struct netprefix *sources,
		     size_t count, bool datagram)
{
	struct program p = { .out = out, .room = room < SIP_FILTER_MAX ? room : SIP_FILTER_MAX };
	size_t jump;

	if (datagram) { /* a UDP socket's data begin with the UDP header */
		add(&p, BPF_LD | BPF_B | BPF_ABS, UDP_HEADER, 0, 0);
		add(&p, BPF_JMP | BPF_JGE | BPF_K, 4, 1, 0);
		add(&p, BPF_RET | BPF_K, 0, 0, 0);
	}
	/* The version is in the packet: an IPv6 socket may get IPv4 too. */
	add(&p, BPF_LD | BPF_B | BPF_ABS, NET(0), 0, 0);
	add(&p, BPF_ALU | BPF_AND | BPF_K, 0xf0, 0, 0);
	add(&p, BPF_JMP | BPF_JEQ | BPF_K, 0x40, 1, 0);
	jump = p.length;
	add(&p, BPF_JMP | BPF_JA, 0, 0, 0);
	add_family(&p, AF_INET, sources, count);
	if (jump < p.room)
		out[jump].k = (uint32_t)(p.length - jump - 1);
	add_family(&p, AF_INET6, sources, count);
	return p.length > p.room ? -E2BIG : (int)p.length;
}

bool sip_filter_is_datagram(int fd)
{
	int type = 0;
	socklen_t length = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_DGRAM;
}

static bool is_listening(int fd)
{
	int accepting = 0;
	socklen_t length = sizeof(accepting);

	if (sip_filter_is_datagram(fd))
		return true;
	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepting, &length) == 0 && accepting;
}

static bool is_bound_to(int fd, const struct netaddr *address)
{
	struct netaddr own = { 0 };
	socklen_t length = sizeof(own);

	return getsockname(fd, &own.u.sa, &length) == 0 && netaddr_is_set(&own) &&
	       netaddr_equal(&own, address);
}

size_t sip_filter_sockets(const struct netaddr *address, int *fds, size_t room)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	size_t n = 0;

	while (dir && n < room && (entry = readdir(dir))) {
		int fd = atoi(entry->d_name);

		if (entry->d_name[0] != '.' && is_bound_to(fd, address) && is_listening(fd))
			fds[n++] = fd;
	}
	if (dir)
		closedir(dir);
	return n;
}

int sip_filter_attach(int fd, const struct sock_filter *program, size_t length)
{
	struct sock_fprog prog = { .len = (unsigned short)length,
				   .filter = (struct sock_filter *)(uintptr_t)program };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) < 0 ? -errno : 0;
}

static bool memory_of(int fd, uint32_t info[SK_MEMINFO_VARS])
{
	socklen_t length = SK_MEMINFO_VARS * sizeof(info[0]);

	return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &length) == 0 &&
	       length >= SK_MEMINFO_VARS * sizeof(info[0]);
}

uint64_t sip_filter_drops(int fd)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };

	return memory_of(fd, info) ? info[SK_MEMINFO_DROPS] : 0;
}

unsigned sip_filter_backlog(int fd)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	unsigned messages;

	if (!memory_of(fd, info))
		return 0;
	messages = info[SK_MEMINFO_RMEM_ALLOC] / MESSAGE_MEMORY;
	return info[SK_MEMINFO_RMEM_ALLOC] > info[SK_MEMINFO_RCVBUF] / 2 ? 4 * messages : messages;
}
