/* SPDX-License-Identifier: GPL-2.0-only */
#include "trunk/rtp_packet.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Parses from a block of exactly n octets, so that AddressSanitizer sees each step too far. */
static int parse(struct rtp_packet *p, const uint8_t *octets, size_t n)
{
	uint8_t *exact = malloc(n ? n : 1);
	memcpy(exact, octets, n);
	int rc = rtp_packet_parse(p, exact, n);
	if (rc == 0 && p->length)
		assert_true(p->payload >= exact && p->payload + p->length <= exact + n);
	free(exact);
	return rc;
}

static void test_build_and_parse(void **state)
{
	static const uint8_t payload[] = { 1, 2, 3 };
	struct rtp_packet out = { true, 101, 0xfffe, 0xdeadbeef, 0x01020304, payload, 3 }, in;
	uint8_t octets[64];
	(void)state;
	int n = rtp_packet_build(&out, octets, sizeof(octets));
	static const uint8_t expected[] = { 0x80, 0x80 | 101, 0xff, 0xfe, 0xde, 0xad, 0xbe, 0xef,
					    1,    2,          3,    4,    1,    2,    3 };
	assert_int_equal(n, sizeof(expected));
	assert_memory_equal(octets, expected, sizeof(expected));
	assert_int_equal(rtp_packet_parse(&in, octets, (size_t)n), 0);
	assert_true(in.marker && in.payload_type == 101 && in.sequence == 0xfffe);
	assert_int_equal(in.timestamp, 0xdeadbeef);
	assert_int_equal(in.ssrc, 0x01020304);
	assert_int_equal(in.length, 3);
	assert_memory_equal(in.payload, payload, 3);
	assert_int_equal(rtp_packet_build(&out, octets, 14), -EMSGSIZE);
}

static void test_csrc_extension_and_padding_are_skipped(void **state)
{
	uint8_t octets[] = {
		0x80 | 0x20 | 0x10 | 2,
		8,
		0,
		1,
		0,
		0,
		0,
		2,
		0,
		0,
		0,
		3, /* padding, extension, 2 CSRCs */
		9,
		9,
		9,
		9,
		9,
		9,
		9,
		9, /* CSRCs */
		0xbe,
		0xde,
		0,
		1,
		7,
		7,
		7,
		7, /* extension of one word */
		0x55,
		0xd5,
		0,
		0,
		3, /* payload, padding of 3 */
	};
	struct rtp_packet p;
	(void)state;
	assert_int_equal(parse(&p, octets, sizeof(octets)), 0);
	assert_int_equal(p.length, 2);
	/* Each truncation, each padding too long, and none at all. */
	for (size_t n = 0; n < 28; n++)
		assert_int_equal(parse(&p, octets, n), -EBADMSG);
	octets[sizeof(octets) - 1] = 6;
	assert_int_equal(parse(&p, octets, sizeof(octets)), -EBADMSG);
	octets[sizeof(octets) - 1] = 0;
	assert_int_equal(parse(&p, octets, sizeof(octets)), -EBADMSG);
	octets[sizeof(octets) - 1] = 5;
	assert_int_equal(parse(&p, octets, sizeof(octets)), 0);
	assert_int_equal(p.length, 0);
	octets[23] = 0xff; /* the extension claims more than there is */
	assert_int_equal(parse(&p, octets, sizeof(octets)), -EBADMSG);
}

static void test_other_versions_are_refused(void **state)
{
	uint8_t octets[12] = { 0 };
	struct rtp_packet p;
	(void)state;
	for (unsigned version = 0; version < 4; version++) {
		octets[0] = (uint8_t)(version << 6);
		assert_int_equal(parse(&p, octets, 12), version == 2 ? 0 : -EBADMSG);
	}
}

/* RFC 4733 2.3 */
static void test_events(void **state)
{
	static const uint8_t wire[4] = { 11, 0x8a, 0x03, 0x20 };
	struct rtp_event e = { 11, true, 10, 800 }, parsed;
	uint8_t octets[4];
	(void)state;
	rtp_event_build(&e, octets);
	assert_memory_equal(octets, wire, 4);
	assert_int_equal(rtp_event_parse(&parsed, wire, 4), 0);
	assert_true(parsed.event == 11 && parsed.end && parsed.volume == 10 &&
		    parsed.duration == 800);
	for (size_t n = 0; n < 4; n++)
		assert_int_equal(rtp_event_parse(&parsed, wire, n), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_build_and_parse),
		cmocka_unit_test(test_csrc_extension_and_padding_are_skipped),
		cmocka_unit_test(test_other_versions_are_refused),
		cmocka_unit_test(test_events),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
