/* SPDX-License-Identifier: GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/ring.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

static void records_come_out_in_order(void **state)
{
	struct ring *ring;
	int value, next = 0, expected = 0;

	(void)state;
	assert_int_equal(ring_create(&ring, 5, sizeof(int)), 0);
	assert_false(ring_pop(ring, &value));
	/* Many times around: eight places. */
	for (int round = 0; round < 100; round++) {
		while (ring_push(ring, &next))
			next++;
		assert_int_equal(ring_used(ring), 8);
		for (int i = 0; i < 3 + round % 6; i++) {
			if (!ring_pop(ring, &value))
				break;
			assert_int_equal(value, expected++);
		}
	}
	while (ring_pop(ring, &value))
		assert_int_equal(value, expected++);
	assert_int_equal(expected, next);
	ring_destroy(&ring);
	assert_null(ring);
	ring_destroy(&ring);
}

static void octets_wrap(void **state)
{
	struct octet_ring *ring;
	uint8_t out[40], in[40];
	uint8_t next = 0, expected = 0;

	(void)state;
	assert_int_equal(octet_ring_create(&ring, 32), 0);
	for (size_t round = 0; round < 200; round++) {
		size_t n = 1 + round % 40, written, got;

		for (size_t i = 0; i < n; i++)
			in[i] = (uint8_t)(next + i);
		written = octet_ring_write(ring, in, n);
		next = (uint8_t)(next + written);
		assert_true(written <= n);
		got = octet_ring_read(ring, out, 1 + round % 17);
		for (size_t i = 0; i < got; i++)
			assert_int_equal(out[i], expected++);
		assert_true(octet_ring_used(ring) <= 32);
	}
	assert_int_equal((uint8_t)(expected + octet_ring_used(ring)), next);
	assert_int_equal(octet_ring_write(ring, in, 0), 0);
	octet_ring_destroy(&ring);
}

static void messages_keep_their_bounds(void **state)
{
	struct octet_ring *ring;
	uint8_t message[300], out[300];

	(void)state;
	assert_int_equal(octet_ring_create(&ring, 64), 0);
	assert_int_equal(octet_ring_get(ring, out, sizeof(out)), 0);
	assert_false(octet_ring_put(ring, message, 0));
	for (size_t round = 1; round < 100; round++) {
		size_t n = 1 + round % 29;

		memset(message, (int)round, n);
		assert_true(octet_ring_put(ring, message, n));
		message[0] = 0xee;
		assert_true(octet_ring_put(ring, message, 2));
		assert_int_equal(octet_ring_get(ring, out, sizeof(out)), n);
		assert_int_equal(out[0], round);
		assert_int_equal(out[n - 1], round);
		assert_int_equal(octet_ring_get(ring, out, sizeof(out)), 2);
		assert_int_equal(out[0], 0xee);
	}
	/* 64 octets hold 62 with their length, and not one more. */
	assert_false(octet_ring_put(ring, message, 63));
	assert_true(octet_ring_put(ring, message, 62));
	assert_false(octet_ring_put(ring, message, 1));
	assert_int_equal(octet_ring_get(ring, out, 61), -EMSGSIZE);
	assert_int_equal(octet_ring_get(ring, out, 61), 0);
	octet_ring_destroy(&ring);
}

static void creation(void **state)
{
	struct ring *ring = NULL;
	struct octet_ring *octets = NULL;
	long before = mem_live_blocks();

	(void)state;
	assert_int_equal(ring_create(&ring, 0, 4), -EINVAL);
	assert_int_equal(ring_create(&ring, 4, 0), -EINVAL);
	assert_int_equal(ring_create(&ring, SIZE_MAX / 2, 4), -EINVAL);
	assert_int_equal(octet_ring_create(&octets, 0), -EINVAL);
	for (int n = 0; n < 2; n++) {
		mem_fail_after(n);
		assert_int_equal(ring_create(&ring, 4, 4), -ENOMEM);
		mem_fail_after(n);
		assert_int_equal(octet_ring_create(&octets, 4), -ENOMEM);
	}
	mem_fail_after(-1);
	assert_null(ring);
	assert_null(octets);
	assert_int_equal(mem_live_blocks(), before);
}

/* Two threads: the order and the contents hold (and ThreadSanitizer agrees). */
enum { COUNT = 20000 };

static void *produce(void *arg)
{
	void **rings = arg;

	for (uint32_t i = 0; i < COUNT; i++) {
		uint8_t message[7];
		size_t n = 1 + i % 7;

		memset(message, (int)(i & 0xff), n);
		while (!ring_push(rings[0], &i))
			sched_yield();
		while (!octet_ring_put(rings[1], message, n))
			sched_yield();
	}
	return NULL;
}

static void two_threads(void **state)
{
	struct ring *ring;
	struct octet_ring *octets;
	void *rings[2];
	pthread_t thread;
	uint32_t value;
	uint8_t message[16];

	(void)state;
	assert_int_equal(ring_create(&ring, 64, sizeof(uint32_t)), 0);
	assert_int_equal(octet_ring_create(&octets, 256), 0);
	rings[0] = ring;
	rings[1] = octets;
	assert_int_equal(pthread_create(&thread, NULL, produce, rings), 0);
	for (uint32_t i = 0; i < COUNT; i++) {
		int n;

		while (!ring_pop(ring, &value))
			sched_yield();
		assert_int_equal(value, i);
		while ((n = octet_ring_get(octets, message, sizeof(message))) == 0)
			sched_yield();
		assert_int_equal(n, 1 + i % 7);
		assert_int_equal(message[n - 1], i & 0xff);
	}
	pthread_join(thread, NULL);
	ring_destroy(&ring);
	octet_ring_destroy(&octets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_come_out_in_order),
		cmocka_unit_test(octets_wrap),
		cmocka_unit_test(messages_keep_their_bounds),
		cmocka_unit_test(creation),
		cmocka_unit_test(two_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
