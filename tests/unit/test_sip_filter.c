/* SPDX-License-Identifier: GPL-2.0-only */
/* The filter's program run by a small interpreter of our own over packets of both versions, then by
 * the kernel. */
#include "trunk/sip_filter.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct sock_filter program[SIP_FILTER_MAX];

/* A load: from the network header, or from the payload (the UDP header here). -1 past the end. */
static int64_t load(const uint8_t *net, size_t n, uint32_t k, unsigned size)
{
	const uint8_t udp[9] = { [8] = 'I' };
	const uint8_t *at = udp;
	size_t length = sizeof(udp), offset = k;
	uint32_t value = 0;

	if (k >= (uint32_t)SKF_NET_OFF) {
		at = net;
		length = n;
		offset = k - (uint32_t)SKF_NET_OFF;
	}
	if (offset + size > length)
		return -1;
	for (unsigned i = 0; i < size; i++)
		value = value << 8 | at[offset + i];
	return value;
}

static bool passes(int length, const uint8_t *net, size_t n)
{
	uint32_t a = 0;

	for (int pc = 0; pc < length; pc++) {
		const struct sock_filter *f = &program[pc];
		int64_t value;
		bool yes;

		switch (f->code) {
		case BPF_LD | BPF_W | BPF_ABS:
		case BPF_LD | BPF_B | BPF_ABS:
			value = load(net, n, f->k, BPF_SIZE(f->code) == BPF_B ? 1 : 4);
			if (value < 0)
				return false;
			a = (uint32_t)value;
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= f->k;
			break;
		case BPF_JMP | BPF_JA:
			pc += (int)f->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
		case BPF_JMP | BPF_JGE | BPF_K:
			yes = BPF_OP(f->code) == BPF_JEQ ? a == f->k : a >= f->k;
			pc += yes ? f->jt : f->jf;
			break;
		case BPF_RET | BPF_K:
			return f->k != 0;
		default:
			fail_msg("code %x", f->code);
		}
	}
	fail_msg("ran past the end");
	return false;
}

static bool from(int length, const char *source)
{
	uint8_t net[40] = { 0 };
	struct netaddr a;

	assert_int_equal(netaddr_set(&a, source, 0), 0);
	if (netaddr_family(&a) == AF_INET6) {
		net[0] = 0x60;
		memcpy(net + 8, &a.u.in6.sin6_addr, 16);
		return passes(length, net, 40);
	}
	net[0] = 0x45;
	memcpy(net + 12, &a.u.in.sin_addr, 4);
	return passes(length, net, 20);
}

static int build(const char *const *texts, bool datagram)
{
	struct netprefix sources[8];
	size_t n = 0;

	for (; *texts; texts++)
		assert_int_equal(netprefix_parse(&sources[n++], *texts), 0);
	return sip_filter_build(program, SIP_FILTER_MAX, sources, n, datagram);
}

static void prefixes(void **state)
{
	static const char *const texts[] = { "192.0.2.0/24",   "198.51.100.7",
					     "203.0.113.4/31", "10.0.0.0/9",
					     "2001:db8::/32",  "2001:db8:1::5",
					     "fe80::/10",      NULL };
	(void)state;
	for (int datagram = 0; datagram < 2; datagram++) {
		int n = build(texts, datagram != 0);

		assert_true(n > 0);
		assert_true(from(n, "192.0.2.0") && from(n, "192.0.2.255") &&
			    !from(n, "192.0.3.0") && !from(n, "192.0.1.255"));
		assert_true(from(n, "198.51.100.7") && !from(n, "198.51.100.6") &&
			    !from(n, "198.51.100.8"));
		assert_true(from(n, "203.0.113.4") && from(n, "203.0.113.5") &&
			    !from(n, "203.0.113.6") && !from(n, "203.0.113.3"));
		assert_true(from(n, "10.0.0.1") && from(n, "10.127.255.255") &&
			    !from(n, "10.128.0.0"));
		assert_true(from(n, "2001:db8:ffff::1") && !from(n, "2001:db9::1") &&
			    !from(n, "2001:db7:ffff::"));
		assert_true(from(n, "fe80::1") && from(n, "febf::1") && !from(n, "fec0::1"));
	}
}

static void everybody_and_nobody(void **state)
{
	static const char *const all[] = { "0.0.0.0/0", NULL }, *const none[] = { NULL };
	int n = build(all, false);

	(void)state;
	assert_true(from(n, "1.2.3.4") && !from(n, "::1"));
	n = build(none, false);
	assert_true(!from(n, "1.2.3.4") && !from(n, "::1"));
}

static void host_of_128_bits(void **state)
{
	static const char *const one[] = { "2001:db8::1", NULL };
	int n = build(one, false);

	(void)state;
	assert_true(from(n, "2001:db8::1"));
	for (unsigned bit = 0; bit < 128; bit++) {
		uint8_t net[40] = { 0x60 };
		struct netaddr a;

		netaddr_set(&a, "2001:db8::1", 0);
		memcpy(net + 8, &a.u.in6.sin6_addr, 16);
		net[8 + bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
		assert_false(passes(n, net, 40));
	}
}

static void too_many(void **state)
{
	struct netprefix *sources = calloc(2000, sizeof(*sources));
	int n;

	(void)state;
	for (unsigned i = 0; i < 2000; i++)
		netprefix_parse(&sources[i], "2001:db8::1");
	assert_int_equal(sip_filter_build(program, SIP_FILTER_MAX, sources, 2000, true), -E2BIG);
	/* So many that the way to the second family is longer than a conditional jump. */
	for (unsigned i = 0; i < 200; i++)
		netprefix_parse(&sources[i], "192.0.2.1");
	netprefix_parse(&sources[200], "2001:db8::7");
	n = sip_filter_build(program, SIP_FILTER_MAX, sources, 201, true);
	assert_true(n > 800);
	assert_true(from(n, "192.0.2.1") && from(n, "2001:db8::7") && !from(n, "2001:db8::1"));
	free(sources);
}

static void the_kernel_agrees(void **state)
{
	static const char *const texts[] = { "127.0.0.2", NULL };
	struct netaddr to, source;
	socklen_t length = sizeof(to);
	int fds[4], server = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	char octets[8];
	int n = build(texts, true);

	(void)state;
	netaddr_set(&to, "127.0.0.1", 0);
	assert_int_equal(bind(server, &to.u.sa, netaddr_len(&to)), 0);
	assert_int_equal(getsockname(server, &to.u.sa, &length), 0);
	assert_int_equal(sip_filter_sockets(&to, fds, 4), 1);
	assert_int_equal(fds[0], server);
	assert_int_equal(sip_filter_attach(server, program, (size_t)n), 0);
	for (int host = 2; host <= 3; host++)
		for (int stun = 0; stun < 2; stun++) {
			int client = socket(AF_INET, SOCK_DGRAM, 0);

			netaddr_set(&source, host == 2 ? "127.0.0.2" : "127.0.0.3", 0);
			assert_int_equal(bind(client, &source.u.sa, netaddr_len(&source)), 0);
			assert_int_equal(sendto(client, stun ? "\0\1" : "IN", 2, 0, &to.u.sa,
						netaddr_len(&to)),
					 2);
			assert_int_equal(recv(server, octets, sizeof(octets), 0),
					 host == 2 && !stun ? 2 : -1);
			close(client);
		}
	assert_int_equal(sip_filter_drops(server), 3);
	close(server);
}

/* Messages of 800 octets, as INVITEs are, into a buffer that holds about 90. */
static void what_waits_is_counted(void **state)
{
	int server = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), room = 106496;
	int client = socket(AF_INET, SOCK_DGRAM, 0);
	char octets[800] = { 'I' };
	struct netaddr to;
	socklen_t length = sizeof(to);

	(void)state;
	netaddr_set(&to, "127.0.0.1", 0);
	assert_int_equal(setsockopt(server, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)), 0);
	assert_int_equal(bind(server, &to.u.sa, netaddr_len(&to)), 0);
	assert_int_equal(getsockname(server, &to.u.sa, &length), 0);
	assert_int_equal(sip_filter_backlog(server), 0);
	for (int i = 0; i < 20; i++)
		assert_int_equal(sendto(client, octets, sizeof(octets), 0, &to.u.sa, length), 800);
	assert_in_range(sip_filter_backlog(server), 10, 40);
	for (int i = 0; i < 40; i++)
		assert_int_equal(sendto(client, octets, sizeof(octets), 0, &to.u.sa, length), 800);
	assert_in_range(sip_filter_backlog(server), 150, 400); /* more than half full */
	while (recv(server, octets, sizeof(octets), 0) > 0)
		;
	assert_int_equal(sip_filter_backlog(server), 0);
	assert_int_equal(sip_filter_backlog(-1), 0);
	close(client);
	close(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prefixes),          cmocka_unit_test(everybody_and_nobody),
		cmocka_unit_test(host_of_128_bits),  cmocka_unit_test(too_many),
		cmocka_unit_test(what_waits_is_counted),
		cmocka_unit_test(the_kernel_agrees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
