/* SPDX-License-Identifier: GPL-2.0-only */
#include "conf/store/crc32c.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#define POLYNOMIAL 0x82f63b78u /* of RFC 3720 §12.1, its bits mirrored */

static uint32_t tables[8][256];
static atomic_int tables_state; /* 0: none, 1: being made, 2: made */

static uint32_t shifted(uint32_t value)
{
	for (int bit = 0; bit < 8; bit++)
		value = (value >> 1) ^ (value & 1 ? POLYNOMIAL : 0);
	return value;
}

/* tables[k][b]: what octet b contributes k octets later. */
static void make_tables(void)
{
	int none = 0;

	if (!atomic_compare_exchange_strong(&tables_state, &none, 1)) {
		while (atomic_load(&tables_state) != 2)
			;
		return;
	}
	for (uint32_t b = 0; b < 256; b++)
		tables[0][b] = shifted(b);
	for (size_t k = 1; k < 8; k++) {
		for (size_t b = 0; b < 256; b++)
			tables[k][b] = (tables[k - 1][b] >> 8) ^ tables[0][tables[k - 1][b] & 0xff];
	}
	atomic_store(&tables_state, 2);
}

uint32_t crc32c_tables(uint32_t crc, const void *octets, size_t n)
{
	const uint8_t *p = octets;

	if (atomic_load_explicit(&tables_state, memory_order_acquire) != 2)
		make_tables();
	crc = ~crc;
	for (; n >= 8; n -= 8, p += 8) {
		uint64_t word = 0;
		uint32_t next = 0;

		for (size_t i = 0; i < 8; i++)
			word |= (uint64_t)p[i] << (8 * i);
		word ^= crc;
		for (size_t i = 0; i < 8; i++)
			next ^= tables[7 - i][(word >> (8 * i)) & 0xff];
		crc = next;
	}
	for (; n > 0; n--, p++)
		crc = (crc >> 8) ^ tables[0][(crc ^ *p) & 0xff];
	return ~crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc32c_hardware(uint32_t crc, const uint8_t *p,
								  size_t n)
{
	uint64_t wide = ~crc;

	for (; n >= 8; n -= 8, p += 8) {
		uint64_t word;

		memcpy(&word, p, sizeof(word));
		wide = __builtin_ia32_crc32di(wide, word);
	}
	crc = (uint32_t)wide;
	for (; n > 0; n--, p++)
		crc = __builtin_ia32_crc32qi(crc, *p);
	return ~crc;
}

static bool has_hardware(void)
{
	return __builtin_cpu_supports("sse4.2");
}
#else
static uint32_t crc32c_hardware(uint32_t crc, const uint8_t *p, size_t n)
{
	return crc32c_tables(crc, p, n);
}

static bool has_hardware(void)
{
	return false;
}
#endif

uint32_t crc32c(uint32_t crc, const void *octets, size_t n)
{
	return has_hardware() ? crc32c_hardware(crc, octets, n) : crc32c_tables(crc, octets, n);
}
