/* SPDX-License-Identifier: GPL-2.0-only */
/* A header of one alignment unit precedes each block: the link of mem_private.h, and a mark that
 * tells blocks of ours from a library's, which must not be freed here. */
#include "base/mem.h"
#include "base/mem_private.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARK_HELD UINT64_C(0x6361757365776179)
#define MARK_FREED UINT64_C(0x646561642d2d2d2d)

struct header {
	_Alignas(max_align_t) void *link;
	uint64_t mark;
};

static atomic_long live_blocks;
static atomic_long countdown = -1;
static atomic_int delivered;

static struct header *header_of(void *block)
{
	struct header *h = (struct header *)block - 1;

	if (h->mark != MARK_HELD) {
		fprintf(stderr, "mem: %p is no block of ours, or was freed before\n", block);
		abort();
	}
	return h;
}

/* The planned failure: one, then never again until asked. */
static int must_fail(void)
{
	long left = atomic_load_explicit(&countdown, memory_order_relaxed);

	if (left < 0)
		return 0;
	atomic_store_explicit(&countdown, left - 1, memory_order_relaxed);
	if (left > 0)
		return 0;
	atomic_store_explicit(&delivered, 1, memory_order_relaxed);
	return 1;
}

void *mem_zalloc(size_t size)
{
	struct header *h;

	if (must_fail() || size > SIZE_MAX - sizeof(*h))
		return NULL;
	h = calloc(1, sizeof(*h) + size);
	if (!h)
		return NULL;
	h->mark = MARK_HELD;
	atomic_fetch_add_explicit(&live_blocks, 1, memory_order_relaxed);
	return h + 1;
}

void *mem_calloc(size_t count, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(count, size, &total))
		return NULL;
	return mem_zalloc(total);
}

void *mem_realloc(void *old, size_t size)
{
	struct header *h;

	if (!old)
		return mem_zalloc(size);
	h = header_of(old);
	if (must_fail() || size > SIZE_MAX - sizeof(*h))
		return NULL;
	h = realloc(h, sizeof(*h) + size);
	return h ? h + 1 : NULL;
}

static char *copy_of(const char *text, size_t n)
{
	char *copy = mem_zalloc(n + 1);

	if (copy)
		memcpy(copy, text, n);
	return copy;
}

char *mem_strndup(const char *text, size_t max)
{
	return text ? copy_of(text, strnlen(text, max)) : NULL;
}

char *mem_strdup(const char *text)
{
	return text ? copy_of(text, strlen(text)) : NULL;
}

char *mem_printf(const char *format, ...)
{
	va_list args;
	char *text;
	int n;

	va_start(args, format);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (n < 0)
		return NULL;
	text = mem_zalloc((size_t)n + 1);
	if (!text)
		return NULL;
	va_start(args, format);
	vsnprintf(text, (size_t)n + 1, format, args);
	va_end(args);
	return text;
}

void mem_free(void *block)
{
	struct header *h;

	if (!block)
		return;
	h = header_of(block);
	h->mark = MARK_FREED;
	atomic_fetch_sub_explicit(&live_blocks, 1, memory_order_relaxed);
	free(h);
}

void **mem_link(void *block)
{
	return &header_of(block)->link;
}

void mem_fail_after(long successes)
{
	atomic_store_explicit(&delivered, 0, memory_order_relaxed);
	atomic_store_explicit(&countdown, successes, memory_order_relaxed);
}

int mem_failed(void)
{
	return atomic_load_explicit(&delivered, memory_order_relaxed);
}

long mem_live_blocks(void)
{
	return atomic_load_explicit(&live_blocks, memory_order_relaxed);
}
