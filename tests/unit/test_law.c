/* SPDX-License-Identifier: GPL-2.0-only */
/* G.711 against its own definition: the decoders are written here once more from tables 1a and 2a.
 */
#include "transcoding/law.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* G.711 table 1: even bits inverted; 13-bit value, here times 8. */
static int a_by_definition(unsigned octet)
{
	unsigned x = octet ^ 0x55, segment = (x >> 4) & 7, step = x & 15;
	int value = segment ? (int)((step * 2 + 33) << (segment - 1)) : (int)(step * 2 + 1);
	return (x & 0x80 ? value : -value) * 8;
}

/* G.711 table 2: all bits inverted; 14-bit value, here times 4. */
static int u_by_definition(unsigned octet)
{
	unsigned x = ~octet & 0xff, segment = (x >> 4) & 7, step = x & 15;
	int value = (int)(((step * 2 + 33) << segment) - 33);
	return (x & 0x80 ? -value : value) * 4;
}

static void test_decoding_is_g711s(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 256; i++) {
		assert_int_equal(law_decode(PORT_PCMA, (uint8_t)i), a_by_definition(i));
		assert_int_equal(law_decode(PORT_PCMU, (uint8_t)i), u_by_definition(i));
	}
}

static void test_every_octet_comes_back_from_linear(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 256; i++) {
		assert_int_equal(law_encode(PORT_PCMA, law_decode(PORT_PCMA, (uint8_t)i)), i);
		/* µ-law has two zeros; the negative one comes back as the positive. */
		assert_int_equal(law_encode(PORT_PCMU, law_decode(PORT_PCMU, (uint8_t)i)),
				 i == 0x7f ? 0xff : i);
	}
}

static void test_encoding_is_nearest_and_monotonic(void **state)
{
	static const enum port_codec laws[] = { PORT_PCMA, PORT_PCMU };
	(void)state;
	for (unsigned l = 0; l < 2; l++) {
		int before = -40000;
		for (int value = -32768; value <= 32767; value++) {
			int decoded = law_decode(laws[l], law_encode(laws[l], value));
			int step = abs(value) / 16 < 16 ? 16 : abs(value) / 16;
			assert_true(decoded >= before);
			assert_true(abs(decoded - value) <= step || abs(value) > 32000);
			before = decoded;
		}
		assert_int_equal(law_encode(laws[l], 1000000), law_encode(laws[l], 32767));
		assert_int_equal(law_encode(laws[l], -1000000), law_encode(laws[l], -32768));
	}
}

static void test_direct_conversion_stays_within_a_step(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 256; i++) {
		int a = law_decode(PORT_PCMA, (uint8_t)i),
		    a_as_u = law_decode(PORT_PCMU, law_a_to_u((uint8_t)i));
		int u = law_decode(PORT_PCMU, (uint8_t)i),
		    u_as_a = law_decode(PORT_PCMA, law_u_to_a((uint8_t)i));
		assert_true(abs(a - a_as_u) <= abs(a) / 24 + 8);
		assert_true(abs(u - u_as_a) <= abs(u) / 24 + 16);
		assert_true((a > 0) == ((law_a_to_u((uint8_t)i) & 0x80) != 0));
		assert_true((i & 0x80) == (law_u_to_a((uint8_t)i) & 0x80));
	}
}

/* A second pass changes nothing more: what crossed once is stable (the reason for tables 3 and 4).
 */
static void test_conversion_settles(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 256; i++) {
		uint8_t once = law_u_to_a(law_a_to_u((uint8_t)i));
		assert_int_equal(law_u_to_a(law_a_to_u(once)), once);
	}
}

static void test_buffers(void **state)
{
	uint8_t all[256], converted[256];
	(void)state;
	for (unsigned i = 0; i < 256; i++)
		all[i] = (uint8_t)i;
	law_convert(converted, PORT_PCMU, all, PORT_PCMA, 256);
	for (unsigned i = 0; i < 256; i++)
		assert_int_equal(converted[i], law_a_to_u((uint8_t)i));
	law_convert(converted, PORT_PCMA, all, PORT_PCMA, 256);
	assert_memory_equal(converted, all, 256);
	law_convert(all, PORT_PCMA, all, PORT_PCMU, 256);
	assert_int_equal(all[3], law_u_to_a(3));
	assert_int_equal(law_decode(PORT_PCMA, law_silence(PORT_PCMA)), 8);
	assert_int_equal(law_decode(PORT_PCMU, law_silence(PORT_PCMU)), 0);
}

/* G.711 tables 5 and 6: these eight octets are 1 kHz at 0 dBm0, the reference of all levels. */
static void test_digital_milliwatt_is_0_dbm0(void **state)
{
	static const uint8_t a[8] = { 0x34, 0x21, 0x21, 0x34, 0xb4, 0xa1, 0xa1, 0xb4 };
	static const uint8_t u[8] = { 0x1e, 0x0b, 0x0b, 0x1e, 0x9e, 0x8b, 0x8b, 0x9e };
	(void)state;
	assert_true(fabs(law_dbm0(PORT_PCMA, law_energy(PORT_PCMA, a, 8) / 8)) < 0.01);
	assert_true(fabs(law_dbm0(PORT_PCMU, law_energy(PORT_PCMU, u, 8) / 8)) < 0.01);
	assert_true(law_dbm0(PORT_PCMA, 0) < -98);
	double peak = law_amplitude(PORT_PCMA, 3.14);
	assert_true(fabs(peak - 32768) < 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decoding_is_g711s),
		cmocka_unit_test(test_every_octet_comes_back_from_linear),
		cmocka_unit_test(test_encoding_is_nearest_and_monotonic),
		cmocka_unit_test(test_direct_conversion_stays_within_a_step),
		cmocka_unit_test(test_conversion_settles),
		cmocka_unit_test(test_buffers),
		cmocka_unit_test(test_digital_milliwatt_is_0_dbm0),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
