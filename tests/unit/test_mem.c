/* SPDX-License-Identifier: GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/mem_private.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void blocks_are_zeroed_and_counted(void **state)
{
	long before = mem_live_blocks();
	unsigned char *a = mem_zalloc(100), *b = mem_calloc(10, 7);

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_int_equal(a[i], 0);
	for (int i = 0; i < 70; i++)
		assert_int_equal(b[i], 0);
	assert_int_equal(mem_live_blocks(), before + 2);
	assert_int_equal((uintptr_t)a % _Alignof(max_align_t), 0);
	mem_free(a);
	mem_free(b);
	mem_free(NULL);
	assert_int_equal(mem_live_blocks(), before);
}

static void realloc_keeps_contents(void **state)
{
	long before = mem_live_blocks();
	char *text = mem_strdup("causeway"), *more = mem_realloc(text, 1000);

	(void)state;
	assert_non_null(more);
	assert_string_equal(more, "causeway");
	assert_int_equal(mem_live_blocks(), before + 1);
	mem_free(more);
	more = mem_realloc(NULL, 4);
	assert_memory_equal(more, "\0\0\0\0", 4);
	mem_free(more);
	assert_int_equal(mem_live_blocks(), before);
}

static void overflow_is_refused(void **state)
{
	/* Volatile, or the compiler warns of sizes that it sees. */
	volatile size_t huge = SIZE_MAX;

	(void)state;
	assert_null(mem_calloc(huge / 2, 3));
	assert_null(mem_zalloc(huge));
	assert_null(mem_realloc(NULL, huge - 3));
}

static void strings_are_copied(void **state)
{
	char *a = mem_strndup("abcdef", 3), *b = mem_strndup("ab", 10),
	     *c = mem_printf("%s-%d", "x", 12);

	(void)state;
	assert_string_equal(a, "abc");
	assert_string_equal(b, "ab");
	assert_string_equal(c, "x-12");
	assert_null(mem_strdup(NULL));
	mem_free(a);
	mem_free(b);
	mem_free(c);
}

static void the_planned_allocation_fails_once(void **state)
{
	void *blocks[4];
	char *old = mem_strdup("kept");

	(void)state;
	mem_fail_after(2);
	assert_false(mem_failed());
	blocks[0] = mem_zalloc(1);
	blocks[1] = mem_strdup("x");
	assert_false(mem_failed());
	assert_null(mem_realloc(old, 100));
	assert_true(mem_failed());
	assert_string_equal(old, "kept");
	blocks[2] = mem_printf("y");
	blocks[3] = mem_calloc(1, 1);
	for (int i = 0; i < 4; i++) {
		assert_non_null(blocks[i]);
		mem_free(blocks[i]);
	}
	mem_fail_after(-1);
	assert_false(mem_failed());
	mem_free(old);
}

static void links_do_not_touch_contents(void **state)
{
	char *a = mem_strdup("contents");

	(void)state;
	*mem_link(a) = a;
	assert_string_equal(a, "contents");
	assert_ptr_equal(*mem_link(a), a);
	mem_free(a);
}

static void a_foreign_block_is_told(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	if (child == 0) {
		static uint64_t foreign[8];

		close(2);
		signal(SIGABRT, SIG_DFL);
		mem_free(foreign + 4);
		_exit(0);
	}
	waitpid(child, &status, 0);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_are_zeroed_and_counted),
		cmocka_unit_test(realloc_keeps_contents),
		cmocka_unit_test(overflow_is_refused),
		cmocka_unit_test(strings_are_copied),
		cmocka_unit_test(the_planned_allocation_fails_once),
		cmocka_unit_test(links_do_not_touch_contents),
		cmocka_unit_test(a_foreign_block_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
