/* SPDX-License-Identifier: GPL-2.0-only */
/* The control word of RFC 5086 4.3, each bit from octets written by hand, and every truncation
 * and bit flip. */
#include "hw/cesopsn_wire.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct cesopsn_format plain = { .payload = 248 }, small = { .payload = 24 };
static const struct cesopsn_format rtp = {
	.payload = 248, .rtp = true, .ssrc = 0x11223344, .payload_type = 96
};
static const struct cesopsn_format small_rtp = {
	.payload = 48, .rtp = true, .ssrc = 1, .payload_type = 96
};

static int read_word(struct cesopsn_packet *p, const struct cesopsn_format *format, uint32_t word,
		     size_t payload)
{
	uint8_t octets[512] = { (uint8_t)(word >> 24), (uint8_t)(word >> 16), (uint8_t)(word >> 8),
				(uint8_t)word };

	return cesopsn_read(p, format, octets, 4 + payload);
}

/* L, R, M and what they make of the packet. */
static void every_flag_combination(void **state)
{
	(void)state;
	for (unsigned flags = 0; flags < 16; flags++) {
		struct cesopsn_packet p;
		bool l = flags & 8, r = flags & 4;
		unsigned m = flags & 3;
		int rc = read_word(&p, &plain, flags << 24 | 0xABCD, 248);

		if (!l && m == 3) {
			assert_int_equal(rc, -EOPNOTSUPP);
			continue;
		}
		assert_int_equal(rc, 0);
		assert_int_equal(p.l, l);
		assert_int_equal(p.r, r);
		assert_int_equal(p.m, m);
		assert_int_equal(p.sequence, 0xABCD);
		assert_non_null(p.payload);
	}
}

static void first_nibble_and_fragments_are_refused(void **state)
{
	struct cesopsn_packet p;

	(void)state;
	for (unsigned nibble = 1; nibble < 16; nibble++)
		assert_int_equal(read_word(&p, &plain, nibble << 28, 248), -EBADMSG);
	for (unsigned frg = 1; frg < 4; frg++)
		assert_int_equal(read_word(&p, &plain, frg << 22, 248), -EBADMSG);
}

static void length_must_fit(void **state)
{
	struct cesopsn_packet p;

	(void)state;
	for (size_t n = 0; n < 400; n++)
		assert_int_equal(read_word(&p, &plain, 0, n), n == 248 ? 0 : -EBADMSG);
	for (unsigned len = 0; len < 64; len++) {
		/* LEN may be left out; else it says 4 + 24, and the rest is padding. */
		assert_int_equal(read_word(&p, &small, len << 16, 24),
				 len == 0 || len == 28 ? 0 : -EBADMSG);
		assert_int_equal(read_word(&p, &small, len << 16, 40), len == 28 ? 0 : -EBADMSG);
		assert_int_equal(read_word(&p, &plain, len << 16, 248), len == 0 ? 0 : -EBADMSG);
		/* LEN promises what the packet hasn't got. */
		assert_int_equal(read_word(&p, &small, len << 16, 20), -EBADMSG);
	}
}

/* RFC 5086 4.3: with L=1 the payload may be omitted, and LEN is then 4. */
static void omitted_payload(void **state)
{
	struct cesopsn_packet p;

	(void)state;
	assert_int_equal(read_word(&p, &plain, 0x08040007, 0), 0);
	assert_true(p.l);
	assert_null(p.payload);
	assert_int_equal(read_word(&p, &plain, 0x08000007, 0), 0);
	assert_int_equal(read_word(&p, &plain, 0x08040007, 42), 0); /* padded to Ethernet's least */
	assert_int_equal(read_word(&p, &plain, 0x00040007, 0), -EBADMSG);
	assert_int_equal(read_word(&p, &plain, 0x08000007, 247), -EBADMSG);
}

static void written_octets(void **state)
{
	struct cesopsn_packet p = {
		.l = true, .r = true, .m = CESOPSN_M_NORMAL, .sequence = 0x1234
	};
	uint8_t out[CESOPSN_HEADER_MAX];

	(void)state;
	assert_int_equal(cesopsn_write(out, &plain, &p), 4);
	assert_memory_equal(out, "\x0C\x00\x12\x34", 4);
	p = (struct cesopsn_packet){ .m = CESOPSN_M_RDI, .sequence = 0xFFFF };
	assert_int_equal(cesopsn_write(out, &small, &p), 4);
	assert_memory_equal(out, "\x02\x1C\xFF\xFF", 4); /* LEN 28 */
	p = (struct cesopsn_packet){ .sequence = 2, .timestamp = 0x01020304 };
	assert_int_equal(cesopsn_write(out, &rtp, &p), 16);
	assert_memory_equal(out, "\x80\x60\x00\x02\x01\x02\x03\x04\x11\x22\x33\x44\x00\x00\x00\x02",
			    16);
	assert_int_equal(cesopsn_write(out, &small_rtp, &p),
			 16); /* 64 octets with RTP's header: LEN is 0 */
	assert_int_equal(out[13], 0);
}

static void rtp_header_is_checked(void **state)
{
	struct cesopsn_packet p = { .sequence = 77, .timestamp = 800 }, q;
	uint8_t octets[16 + 248];

	(void)state;
	memset(octets, 0x55, sizeof(octets));
	cesopsn_write(octets, &rtp, &p);
	assert_int_equal(cesopsn_read(&q, &rtp, octets, sizeof(octets)), 0);
	assert_int_equal(q.sequence, 77);
	assert_int_equal(q.timestamp, 800);
	assert_ptr_equal(q.payload, octets + 16);
	octets[3] ^= 1; /* sequence numbers differ */
	assert_int_equal(cesopsn_read(&q, &rtp, octets, sizeof(octets)), -EBADMSG);
	octets[3] ^= 1;
	for (unsigned bit = 0; bit < 8; bit++) { /* version, padding, extension, CSRC count */
		octets[0] ^= (uint8_t)(1 << bit);
		assert_int_equal(cesopsn_read(&q, &rtp, octets, sizeof(octets)), -EBADMSG);
		octets[0] ^= (uint8_t)(1 << bit);
	}
	octets[1] |= 0x80; /* marker: no meaning here */
	assert_int_equal(cesopsn_read(&q, &rtp, octets, sizeof(octets)), 0);
	octets[1] = 97;
	assert_int_equal(cesopsn_read(&q, &rtp, octets, sizeof(octets)), -EBADMSG);
}

/* Exact blocks on the heap, so that AddressSanitizer sees any step beyond. */
static void truncated_everywhere(void **state)
{
	struct cesopsn_packet p = { .sequence = 1 };
	uint8_t whole[16 + 248] = { 0 };
	const struct cesopsn_format *formats[] = { &plain, &rtp };

	(void)state;
	for (size_t f = 0; f < 2; f++) {
		size_t header = cesopsn_write(whole, formats[f], &p), length = header + 248;

		for (size_t n = 0; n < length; n++) {
			uint8_t *cut = malloc(n ? n : 1);

			memcpy(cut, whole, n);
			assert_int_equal(cesopsn_read(&p, formats[f], cut, n), -EBADMSG);
			free(cut);
		}
	}
}

static void read_back_what_was_written(void **state)
{
	uint8_t octets[16 + 248] = { 0 };

	(void)state;
	for (unsigned i = 0; i < 0x20000; i += 31) {
		struct cesopsn_packet p = { .l = i >> 3 & 1, .r = i & 1, .sequence = (uint16_t)i },
				      q;

		p.m = p.l ? 0 : (uint8_t)(i % 3);
		cesopsn_write(octets, &plain, &p);
		assert_int_equal(cesopsn_read(&q, &plain, octets, 252), 0);
		assert_true(q.l == p.l && q.r == p.r && q.m == p.m && q.sequence == p.sequence);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_flag_combination),
		cmocka_unit_test(first_nibble_and_fragments_are_refused),
		cmocka_unit_test(length_must_fit),
		cmocka_unit_test(omitted_payload),
		cmocka_unit_test(written_octets),
		cmocka_unit_test(rtp_header_is_checked),
		cmocka_unit_test(truncated_everywhere),
		cmocka_unit_test(read_back_what_was_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
