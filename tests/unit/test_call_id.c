/* SPDX-License-Identifier: GPL-2.0-only */
#include "gateway/call_id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_ids(void **state)
{
	struct call_id_source source = { 0 }, elsewhere = { 0 };
	char last[CALL_ID_TEXT] = "", id[CALL_ID_TEXT];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		call_id_make(&source, 1767225600000000 + i * 100 - (i % 7 == 0) * 5000, id);
		assert_int_equal(strlen(id), 26);
		assert_true(strcmp(id, last) > 0);
		memcpy(last, id, sizeof(last));
	}
	call_id_make(&elsewhere, 1767225600000000, last);
	assert_memory_equal(last, "01KDVDNA00", 10); /* 2026-01-01 00:00:00 UTC */
	call_id_make(&source, 1767225600000000, id);
	assert_string_not_equal(last, id);
}

int main(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(test_ids) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
