/* SPDX-License-Identifier: GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/netaddr.h"

#include <errno.h>
#include <string.h>

static void texts_round_trip(void **state)
{
	static const struct {
		const char *text, *host, *whole;
		int family;
		uint16_t port;
	} cases[] = {
		{ "192.0.2.1", "192.0.2.1", "192.0.2.1:5060", AF_INET, 5060 },
		{ "192.0.2.1:7", "192.0.2.1", "192.0.2.1:7", AF_INET, 7 },
		{ "192.0.2.1:65535", "192.0.2.1", "192.0.2.1:65535", AF_INET, 65535 },
		{ "2001:db8::1", "2001:db8::1", "[2001:db8::1]:5060", AF_INET6, 5060 },
		{ "[2001:db8::1]", "2001:db8::1", "[2001:db8::1]:5060", AF_INET6, 5060 },
		{ "[2001:db8::1]:0", "2001:db8::1", "[2001:db8::1]:0", AF_INET6, 0 },
		{ "::", "::", "[::]:5060", AF_INET6, 5060 },
		{ "[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:65535",
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535", AF_INET6, 65535 },
	};
	char text[NETADDR_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct netaddr a, again;

		assert_int_equal(netaddr_parse(&a, cases[i].text, 5060), 0);
		assert_string_equal(netaddr_host_text(&a, text), cases[i].host);
		assert_string_equal(netaddr_text(&a, text), cases[i].whole);
		assert_int_equal(netaddr_family(&a), cases[i].family);
		assert_int_equal(netaddr_port(&a), cases[i].port);
		assert_int_equal(netaddr_parse(&again, text, 0), 0);
		assert_true(netaddr_equal(&a, &again));
	}
}

static void wrong_texts_are_refused(void **state)
{
	static const char *const wrong[] = {
		"",
		":",
		":5060",
		"192.0.2",
		"192.0.2.256",
		"192.0.2.1:",
		"192.0.2.1:65536",
		"192.0.2.1:-1",
		"192.0.2.1:+5",
		"192.0.2.1: 5",
		"192.0.2.1:5x",
		"[192.0.2.1]",
		"[192.0.2.1]:5",
		"[2001:db8::1",
		"[2001:db8::1]5",
		"2001:db8::1]:5",
		"[]",
		"[]:5",
		"host.example",
		"[::1]:",
		"[::1]:5:6",
		"[::1]]",
		"1.2.3.4:99999999999999999999",
		"[1111111111111111111111111111111111111111111111111111111111111111111]:1",
	};
	struct netaddr a, before;

	(void)state;
	memset(&a, 0x55, sizeof(a));
	before = a;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (netaddr_parse(&a, wrong[i], 1) != -EINVAL)
			fail_msg("accepted: %s", wrong[i]);
	assert_memory_equal(&a, &before, sizeof(a));
}

static void comparisons(void **state)
{
	struct netaddr a = { 0 }, b = { 0 }, c = { 0 }, six = { 0 };
	char text[NETADDR_TEXT];

	(void)state;
	assert_false(netaddr_is_set(&a));
	assert_int_equal(netaddr_len(&a), 0);
	assert_int_equal(netaddr_port(&a), 0);
	assert_string_equal(netaddr_text(&a, text), "");
	assert_string_equal(netaddr_host_text(&a, text), "");
	assert_int_equal(netaddr_set(&a, "192.0.2.1", 5), 0);
	assert_false(netaddr_same_host(&a, &b));
	assert_int_equal(netaddr_set(&b, "192.0.2.1", 6), 0);
	assert_int_equal(netaddr_set(&c, "192.0.2.2", 5), 0);
	assert_int_equal(netaddr_set(&six, "::ffff:192.0.2.1", 5), 0);
	assert_true(netaddr_same_host(&a, &b));
	assert_false(netaddr_equal(&a, &b));
	assert_false(netaddr_same_host(&a, &c));
	assert_false(netaddr_same_host(&a, &six));
	netaddr_set_port(&b, 5);
	assert_true(netaddr_equal(&a, &b));
	assert_int_equal(netaddr_len(&a), sizeof(struct sockaddr_in));
	assert_int_equal(netaddr_len(&six), sizeof(struct sockaddr_in6));
}

static void prefixes(void **state)
{
	static const struct {
		const char *prefix, *host;
		bool inside;
	} cases[] = {
		{ "192.0.2.0/24", "192.0.2.255", true },
		{ "192.0.2.0/24", "192.0.3.0", false },
		{ "192.0.2.9/24", "192.0.2.1", true },
		{ "192.0.2.1", "192.0.2.1", true },
		{ "192.0.2.1", "192.0.2.2", false },
		{ "0.0.0.0/0", "203.0.113.9", true },
		{ "0.0.0.0/0", "::1", false },
		{ "10.0.0.0/9", "10.127.255.255", true },
		{ "10.0.0.0/9", "10.128.0.0", false },
		{ "192.0.2.128/25", "192.0.2.127", false },
		{ "2001:db8::/32", "2001:db8:ffff::", true },
		{ "2001:db8::/32", "2001:db9::", false },
		{ "2001:db8::/33", "2001:db8:8000::", false },
		{ "::1", "::1", true },
		{ "::1/128", "::2", false },
		{ "::/0", "192.0.2.1", false },
	};
	static const char *const wrong[] = {
		"",       "/",           "/8",          "192.0.2.0/33",
		"::/129", "192.0.2.0/",  "192.0.2.0/x", "192.0.2.0/24/",
		"a/8",    "192.0.2.0/-1"
	};
	struct netprefix p;
	struct netaddr a;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(netprefix_parse(&p, cases[i].prefix), 0);
		assert_int_equal(netaddr_set(&a, cases[i].host, 1), 0);
		if (netprefix_contains(&p, &a) != cases[i].inside)
			fail_msg("%s in %s", cases[i].host, cases[i].prefix);
	}
	memset(&a, 0, sizeof(a));
	assert_false(netprefix_contains(&p, &a));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (netprefix_parse(&p, wrong[i]) != -EINVAL)
			fail_msg("accepted: %s", wrong[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_round_trip),
		cmocka_unit_test(wrong_texts_are_refused),
		cmocka_unit_test(comparisons),
		cmocka_unit_test(prefixes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
