/* SPDX-License-Identifier: GPL-2.0-only */
#include "trunk/rtcp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int parse(struct rtcp_message *m, const uint8_t *octets, size_t n, uint32_t ssrc)
{
	uint8_t *exact = malloc(n ? n : 1);
	memcpy(exact, octets, n);
	int rc = rtcp_parse(m, exact, n, ssrc);
	free(exact);
	return rc;
}

static const struct rtcp_message full = {
	.ssrc = 0x11223344,
	.sender = true,
	.ntp = 0x83aa7e8080000000ULL,
	.timestamp = 1234567,
	.packets = 500,
	.octets = 80000,
	.has_block = true,
	.cname = "gw@192.0.2.1",
	.bye = true,
	.block = { .ssrc = 0x55667788,
		   .fraction_lost = 12,
		   .lost = -3,
		   .highest_seq = 70000,
		   .jitter = 33,
		   .last_sr = 0xabcdef01,
		   .since_sr = 65536 },
};

static void test_compound_as_on_the_wire(void **state)
{
	uint8_t octets[RTCP_PACKET_MAX];
	(void)state;
	int n = rtcp_build(&full, octets, sizeof(octets));
	assert_int_equal(n, 52 + 24 + 8);
	static const uint8_t sr[] = { 0x81, 200,  0,    12,   0x11, 0x22, 0x33, 0x44,
				      0x83, 0xaa, 0x7e, 0x80, 0x80, 0,    0,    0 };
	static const uint8_t lost[] = { 12, 0xff, 0xff, 0xfd };
	static const uint8_t sdes[] = { 0x81, 202, 0,   5,   0x11, 0x22, 0x33, 0x44,
					1,    12,  'g', 'w', '@',  '1',  '9',  '2',
					'.',  '0', '.', '2', '.',  '1',  0,    0 };
	static const uint8_t bye[] = { 0x81, 203, 0, 1, 0x11, 0x22, 0x33, 0x44 };
	assert_memory_equal(octets, sr, sizeof(sr));
	assert_memory_equal(octets + 32, lost, sizeof(lost));
	assert_memory_equal(octets + 52, sdes, sizeof(sdes));
	assert_memory_equal(octets + 76, bye, sizeof(bye));
	for (size_t room = 0; room < (size_t)n; room++)
		assert_int_equal(rtcp_build(&full, octets, room), -EMSGSIZE);
}

/* Whatever the length of the name, the chunk ends on a word with at least one null (6.5). */
static void test_every_length_of_name(void **state)
{
	char name[300];
	uint8_t octets[RTCP_PACKET_MAX];
	struct rtcp_message m = { .ssrc = 1, .cname = name }, back;
	(void)state;
	for (size_t n = 0; n < sizeof(name); n++) {
		memset(name, 'x', n);
		name[n < sizeof(name) - 1 ? n : sizeof(name) - 1] = 0;
		int length = rtcp_build(&m, octets, sizeof(octets));
		assert_true(length > 0 && length % 4 == 0);
		assert_int_equal(octets[length - 1], 0);
		assert_int_equal(parse(&back, octets, (size_t)length, 0), 0);
	}
}

static void test_back_again(void **state)
{
	uint8_t octets[RTCP_PACKET_MAX];
	struct rtcp_message m;
	(void)state;
	int n = rtcp_build(&full, octets, sizeof(octets));
	assert_int_equal(parse(&m, octets, (size_t)n, full.block.ssrc), 0);
	assert_int_equal(m.ssrc, full.ssrc);
	assert_true(m.sender && m.has_block && m.bye);
	assert_true(m.ntp == full.ntp && m.timestamp == full.timestamp);
	assert_int_equal(m.block.ssrc, full.block.ssrc);
	assert_int_equal(m.block.fraction_lost, full.block.fraction_lost);
	assert_int_equal(m.block.lost, full.block.lost);
	assert_int_equal(m.block.highest_seq, full.block.highest_seq);
	assert_int_equal(m.block.jitter, full.block.jitter);
	assert_int_equal(m.block.last_sr, full.block.last_sr);
	assert_int_equal(m.block.since_sr, full.block.since_sr);
	assert_int_equal(parse(&m, octets, (size_t)n, 99), 0);
	assert_false(m.has_block); /* it isn't about us */
}

/* RFC 3550 A.2 */
static void test_invalid_compounds_are_refused(void **state)
{
	uint8_t octets[RTCP_PACKET_MAX];
	struct rtcp_message m;
	int n = rtcp_build(&full, octets, sizeof(octets));
	(void)state;
	for (size_t k = 0; k < (size_t)n; k++)
		if (k != 52 && k != 76) /* where a packet of the compound ends */
			assert_int_equal(parse(&m, octets, k, 0), -EBADMSG);
	uint8_t sound = octets[0];
	octets[0] = 0x41; /* version */
	assert_int_equal(parse(&m, octets, (size_t)n, 0), -EBADMSG);
	octets[0] = 0xa1; /* padding in the first */
	assert_int_equal(parse(&m, octets, (size_t)n, 0), -EBADMSG);
	octets[0] = 0x82; /* more blocks than there is room for */
	assert_int_equal(parse(&m, octets, (size_t)n, 0), -EBADMSG);
	octets[0] = sound;
	octets[1] = 202; /* does not begin with a report */
	assert_int_equal(parse(&m, octets, (size_t)n, 0), -EBADMSG);
	octets[1] = 200;
	octets[53] = 207; /* an unknown type within is skipped */
	assert_int_equal(parse(&m, octets, (size_t)n, 0), 0);
}

/* 6.3.1: 5 s × 0.5…1.5 / 1.21828, half of it at first; more when the bandwidth is small. */
static void test_interval(void **state)
{
	struct rtcp_pace pace = {
		.members = 2, .senders = 2, .bandwidth = 500, .average_size = 128
	};
	(void)state;
	assert_in_range(rtcp_interval_us(&pace, 0), 2052000, 2053000);
	assert_in_range(rtcp_interval_us(&pace, 1), 6156000, 6157000);
	pace.initial = true;
	assert_in_range(rtcp_interval_us(&pace, 0.5), 2052000, 2053000);
	pace.initial = false;
	pace.bandwidth = 10;
	assert_in_range(rtcp_interval_us(&pace, 0.5), 21012000, 21014000);
	/* One sender among many: he shares a quarter, the others three. */
	struct rtcp_pace many = {
		.members = 100, .senders = 1, .bandwidth = 100, .average_size = 100
	};
	assert_in_range(rtcp_interval_us(&many, 0.5), 108349000, 108350000);
	many.we_sent = true;
	assert_in_range(rtcp_interval_us(&many, 0.5), 4104000, 4105000);
}

static void test_ntp(void **state)
{
	(void)state;
	assert_true(rtcp_ntp(0) == 2208988800ULL << 32);
	assert_true((uint32_t)rtcp_ntp(500000) == 0x80000000U);
	assert_int_equal(rtcp_ntp_middle(0x1122334455667788ULL), 0x33445566);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compound_as_on_the_wire),
		cmocka_unit_test(test_every_length_of_name),
		cmocka_unit_test(test_back_again),
		cmocka_unit_test(test_invalid_compounds_are_refused),
		cmocka_unit_test(test_interval),
		cmocka_unit_test(test_ntp),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
