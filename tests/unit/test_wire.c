/* SPDX-License-Identifier: GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/wire.h"

#include <string.h>

static const uint8_t octets[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };

static void reads_are_big_endian(void **state)
{
	struct wire w = wire_of(octets, sizeof(octets));

	(void)state;
	assert_int_equal(wire_u8(&w), 1);
	assert_int_equal(wire_peek_u8(&w), 2);
	assert_int_equal(wire_u16(&w), 0x0203);
	assert_int_equal(wire_u32(&w), 0x04050607);
	assert_int_equal(wire_left(&w), 2);
	assert_ptr_equal(wire_bytes(&w, 2), octets + 7);
	assert_int_equal(wire_peek_u8(&w), 0);
	assert_true(wire_ok(&w));
}

static void an_error_sticks(void **state)
{
	struct wire w = wire_of(octets, 3);

	(void)state;
	assert_int_equal(wire_u32(&w), 0);
	assert_false(wire_ok(&w));
	assert_int_equal(wire_left(&w), 0);
	assert_int_equal(wire_u8(&w), 0);
	assert_int_equal(wire_peek_u8(&w), 0);
	assert_null(wire_bytes(&w, 0));
	w = wire_of(octets, 3);
	wire_skip(&w, 3);
	assert_true(wire_ok(&w));
	wire_skip(&w, 1);
	assert_false(wire_ok(&w));
	w = wire_of(octets, 3);
	wire_fail(&w);
	assert_int_equal(wire_u16(&w), 0);
	assert_false(wire_ok(&w));
}

static void every_length_of_every_read(void **state)
{
	(void)state;
	for (size_t n = 0; n <= sizeof(octets); n++) {
		struct wire a = wire_of(octets, n), b = a, c = a, d = a;

		wire_u8(&a);
		wire_u16(&b);
		wire_u32(&c);
		wire_bytes(&d, 7);
		assert_int_equal(wire_ok(&a), n >= 1);
		assert_int_equal(wire_ok(&b), n >= 2);
		assert_int_equal(wire_ok(&c), n >= 4);
		assert_int_equal(wire_ok(&d), n >= 7);
	}
}

static void a_part_is_bounded(void **state)
{
	struct wire w = wire_of(octets, sizeof(octets)), sub;

	(void)state;
	sub = wire_sub(&w, 2);
	assert_int_equal(wire_left(&w), 7);
	assert_int_equal(wire_u16(&sub), 0x0102);
	assert_int_equal(wire_u8(&sub), 0);
	assert_false(wire_ok(&sub));
	assert_true(wire_ok(&w));
	sub = wire_sub(&w, 8);
	assert_false(wire_ok(&sub));
	assert_false(wire_ok(&w));
	assert_int_equal(wire_left(&sub), 0);
	w = wire_of(NULL, 0);
	assert_int_equal(wire_left(&w), 0);
	sub = wire_sub(&w, SIZE_MAX);
	assert_false(wire_ok(&sub));
}

static void writes_fit_or_fail_whole(void **state)
{
	uint8_t out[9];
	struct wire_out w = wire_out_of(out, sizeof(out));

	(void)state;
	memset(out, 0xff, sizeof(out));
	wire_put_u8(&w, 1);
	wire_put_u16(&w, 0x0203);
	wire_put_u32(&w, 0x04050607);
	assert_int_equal(wire_out_length(&w), 7);
	wire_put_u32(&w, 0);
	assert_true(w.error);
	/* What comes after the error is dropped even if it would fit. */
	wire_put_u8(&w, 8);
	assert_int_equal(wire_out_length(&w), 7);
	assert_memory_equal(out, "\1\2\3\4\5\6\7\xff\xff", 9);
	w = wire_out_of(out, 2);
	wire_put_bytes(&w, octets, 2);
	wire_put_bytes(&w, NULL, 0);
	assert_false(w.error);
	wire_put_bytes(&w, octets, 1);
	assert_true(w.error);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_are_big_endian),       cmocka_unit_test(an_error_sticks),
		cmocka_unit_test(every_length_of_every_read), cmocka_unit_test(a_part_is_bounded),
		cmocka_unit_test(writes_fit_or_fail_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
