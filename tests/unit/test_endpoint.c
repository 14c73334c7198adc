/* SPDX-License-Identifier: GPL-2.0-only */
#include "gateway/endpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static bool fails_over(const struct endpoint *endpoint, unsigned cause)
{
	return endpoint_fails_over(endpoint, q850((uint8_t)cause, Q850_LOC_PUBLIC_LOCAL));
}

static void test_default_causes(void **state)
{
	static const uint8_t on[] = { 3, 27, 34, 38, 41, 42, 44, 47, 102 };
	struct endpoint endpoint = { 0 };

	(void)state;
	for (unsigned cause = 0; cause < 128; cause++)
		assert_int_equal(fails_over(&endpoint, cause),
				 memchr(on, (int)cause, sizeof(on)) != NULL);
}

static void test_own_causes(void **state)
{
	static const uint8_t own[] = { 17, 0 };
	struct endpoint endpoint = { .failover_causes = own, .failover_cause_count = 2 };

	(void)state;
	for (unsigned cause = 0; cause < 128; cause++)
		assert_int_equal(fails_over(&endpoint, cause), cause == 17);
}

static void test_from_configuration(void **state)
{
	static uint8_t causes[] = { 34 };
	static char name[] = "a", plan[] = "b", calling[] = "c", policy[] = "d", out[] = "e",
		    out_calling[] = "f";
	struct conf_trunk trunk = { .name = name,
				    .dial_plan = plan,
				    .calling_dial_plan = calling,
				    .policy = policy,
				    .called_translation = out,
				    .calling_translation = out_calling,
				    .setup_timeout_ms = 4000,
				    .ring_timeout_s = 180,
				    .failover_causes = causes,
				    .failover_cause_count = 1 };
	struct conf_span span = { .name = name,
				  .dial_plan = plan,
				  .calling_dial_plan = calling,
				  .policy = policy,
				  .called_translation = out,
				  .calling_translation = out_calling,
				  .setup_timeout_ms = 4000,
				  .ring_timeout_s = 180,
				  .failover_causes = causes,
				  .failover_cause_count = 1 };
	struct endpoint a = { .calls_now = 3, .off = true }, b = a;

	(void)state;
	endpoint_from_trunk(&a, &trunk);
	endpoint_from_span(&b, &span);
	assert_string_equal(a.kind, "trunk");
	assert_string_equal(b.kind, "span");
	assert_true(endpoint_is_trunk(&a) && !endpoint_is_trunk(&b));
	assert_ptr_equal(a.trunk, &trunk);
	assert_ptr_equal(b.span, &span);
	b.kind = a.kind;
	a.trunk = NULL;
	b.span = NULL;
	assert_memory_equal(&a, &b, sizeof(a));
	assert_ptr_equal(a.policy, policy);
	assert_true(a.off && a.calls_now == 3); /* what runs goes on */
	assert_true(fails_over(&a, 34) && !fails_over(&a, 41));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_default_causes),
		cmocka_unit_test(test_own_causes),
		cmocka_unit_test(test_from_configuration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
