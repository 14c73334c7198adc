/* SPDX-License-Identifier: GPL-2.0-only */
/* A sequence lock over words that are atomic each, so that a reader who meets the writer reads
 * stale words but no torn ones, and then reads again. Release and acquire on every word stand in
 * for fences, which ThreadSanitizer can't see. */
#include "trunk/rtp_private.h"

#include <string.h>

void rtp_seqlock_write(struct rtp_seqlock *lock, _Atomic uint64_t *words, const void *value,
		       size_t size)
{
	unsigned turn = atomic_load_explicit(&lock->turn, memory_order_relaxed);
	atomic_store_explicit(&lock->turn, turn + 1, memory_order_relaxed);
	for (size_t i = 0; i * 8 < size; i++) {
		uint64_t word = 0;
		memcpy(&word, (const uint8_t *)value + 8 * i, size - 8 * i < 8 ? size - 8 * i : 8);
		atomic_store_explicit(&words[i], word, memory_order_release);
	}
	atomic_store_explicit(&lock->turn, turn + 2, memory_order_release);
}

void rtp_seqlock_read(const struct rtp_seqlock *lock, const _Atomic uint64_t *words, void *value,
		      size_t size)
{
	unsigned before, after;
	do {
		before = atomic_load_explicit(&lock->turn, memory_order_acquire);
		for (size_t i = 0; i * 8 < size; i++) {
			uint64_t word = atomic_load_explicit(&words[i], memory_order_acquire);
			memcpy((uint8_t *)value + 8 * i, &word,
			       size - 8 * i < 8 ? size - 8 * i : 8);
		}
		after = atomic_load_explicit(&lock->turn, memory_order_relaxed);
	} while (before != after || (before & 1));
}
