/* SPDX-License-Identifier: GPL-2.0-only */
/* Indices count for ever and are masked on use, so that full and empty differ. Each side keeps its
 * own index and a stale copy of the other's on a cache line of its own, and looks at the other's
 * line only when the copy says that there is nothing to do. */
#include "base/ring.h"
#include "base/mem.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#define CACHE_LINE 64

/* Shared by both kinds; counted in their units. */
struct indices {
	_Atomic size_t written; /* by the producer */
	size_t seen_read;       /* the producer's copy of `read` */
	char apart[CACHE_LINE];
	_Atomic size_t read; /* by the consumer */
	size_t seen_written; /* the consumer's copy of `written` */
};

struct ring {
	size_t mask, record_size;
	uint8_t *records;
	char apart[CACHE_LINE];
	struct indices at;
};

struct octet_ring {
	size_t mask;
	uint8_t *octets;
	char apart[CACHE_LINE];
	struct indices at;
};

static size_t round_up(size_t n)
{
	size_t power = 1;

	while (power < n)
		power <<= 1;
	return power;
}

/* Producer: units that may be written, looked up afresh only when fewer than `wanted` are known. */
static size_t room(struct indices *at, size_t capacity, size_t wanted)
{
	size_t written = atomic_load_explicit(&at->written, memory_order_relaxed);

	if (capacity - (written - at->seen_read) < wanted)
		at->seen_read = atomic_load_explicit(&at->read, memory_order_acquire);
	return capacity - (written - at->seen_read);
}

/* Consumer: units that may be read, likewise. */
static size_t filled(struct indices *at, size_t wanted)
{
	size_t read = atomic_load_explicit(&at->read, memory_order_relaxed);

	if (at->seen_written - read < wanted)
		at->seen_written = atomic_load_explicit(&at->written, memory_order_acquire);
	return at->seen_written - read;
}

/* Any thread. The reader's index is loaded first: the writer's can only be ahead of it. */
static size_t used(const struct indices *at)
{
	size_t read = atomic_load_explicit(&at->read, memory_order_acquire);

	return atomic_load_explicit(&at->written, memory_order_acquire) - read;
}

int ring_create(struct ring **out, size_t records, size_t record_size)
{
	struct ring *r;

	if (records == 0 || record_size == 0 || records > SIZE_MAX / 4)
		return -EINVAL;
	r = mem_zalloc(sizeof(*r));
	if (!r)
		return -ENOMEM;
	records = round_up(records);
	r->mask = records - 1;
	r->record_size = record_size;
	r->records = mem_calloc(records, record_size);
	if (!r->records) {
		mem_free(r);
		return -ENOMEM;
	}
	*out = r;
	return 0;
}

void ring_destroy(struct ring **ring)
{
	if (!ring || !*ring)
		return;
	mem_free((*ring)->records);
	mem_free(*ring);
	*ring = NULL;
}

bool ring_push(struct ring *ring, const void *record)
{
	size_t written = atomic_load_explicit(&ring->at.written, memory_order_relaxed);

	if (room(&ring->at, ring->mask + 1, 1) == 0)
		return false;
	memcpy(ring->records + (written & ring->mask) * ring->record_size, record,
	       ring->record_size);
	atomic_store_explicit(&ring->at.written, written + 1, memory_order_release);
	return true;
}

bool ring_pop(struct ring *ring, void *record)
{
	size_t read = atomic_load_explicit(&ring->at.read, memory_order_relaxed);

	if (filled(&ring->at, 1) == 0)
		return false;
	memcpy(record, ring->records + (read & ring->mask) * ring->record_size, ring->record_size);
	atomic_store_explicit(&ring->at.read, read + 1, memory_order_release);
	return true;
}

size_t ring_used(const struct ring *ring)
{
	return used(&ring->at);
}

int octet_ring_create(struct octet_ring **out, size_t octets)
{
	struct octet_ring *r;

	if (octets == 0 || octets > SIZE_MAX / 4)
		return -EINVAL;
	r = mem_zalloc(sizeof(*r));
	if (!r)
		return -ENOMEM;
	octets = round_up(octets);
	r->mask = octets - 1;
	r->octets = mem_zalloc(octets);
	if (!r->octets) {
		mem_free(r);
		return -ENOMEM;
	}
	*out = r;
	return 0;
}

void octet_ring_destroy(struct octet_ring **ring)
{
	if (!ring || !*ring)
		return;
	mem_free((*ring)->octets);
	mem_free(*ring);
	*ring = NULL;
}

/* Copies to and from where an index points, around the end of the ring. */
static void copy_in(struct octet_ring *r, size_t index, const uint8_t *octets, size_t n)
{
	size_t start = index & r->mask, first = r->mask + 1 - start;

	if (first > n)
		first = n;
	if (n == 0)
		return;
	memcpy(r->octets + start, octets, first);
	memcpy(r->octets, octets + first, n - first);
}

static void copy_out(const struct octet_ring *r, size_t index, uint8_t *octets, size_t n)
{
	size_t start = index & r->mask, first = r->mask + 1 - start;

	if (first > n)
		first = n;
	if (n == 0)
		return;
	memcpy(octets, r->octets + start, first);
	memcpy(octets + first, r->octets, n - first);
}

size_t octet_ring_write(struct octet_ring *ring, const uint8_t *octets, size_t n)
{
	size_t written = atomic_load_explicit(&ring->at.written, memory_order_relaxed);
	size_t free_octets = room(&ring->at, ring->mask + 1, n);

	if (n > free_octets)
		n = free_octets;
	copy_in(ring, written, octets, n);
	atomic_store_explicit(&ring->at.written, written + n, memory_order_release);
	return n;
}

size_t octet_ring_read(struct octet_ring *ring, uint8_t *octets, size_t n)
{
	size_t read = atomic_load_explicit(&ring->at.read, memory_order_relaxed);
	size_t there = filled(&ring->at, n);

	if (n > there)
		n = there;
	copy_out(ring, read, octets, n);
	atomic_store_explicit(&ring->at.read, read + n, memory_order_release);
	return n;
}

size_t octet_ring_used(const struct octet_ring *ring)
{
	return used(&ring->at);
}

bool octet_ring_put(struct octet_ring *ring, const uint8_t *message, size_t n)
{
	size_t written = atomic_load_explicit(&ring->at.written, memory_order_relaxed);
	uint8_t length[2] = { (uint8_t)(n >> 8), (uint8_t)n };

	if (n == 0 || n > UINT16_MAX || room(&ring->at, ring->mask + 1, n + 2) < n + 2)
		return false;
	copy_in(ring, written, length, 2);
	copy_in(ring, written + 2, message, n);
	atomic_store_explicit(&ring->at.written, written + 2 + n, memory_order_release);
	return true;
}

int octet_ring_get(struct octet_ring *ring, uint8_t *message, size_t room_octets)
{
	size_t read = atomic_load_explicit(&ring->at.read, memory_order_relaxed);
	uint8_t length[2];
	size_t n;
	int rc;

	/* Length and message were published together: where there is one there is the other. */
	if (filled(&ring->at, 2) < 2)
		return 0;
	copy_out(ring, read, length, 2);
	n = (size_t)(length[0] << 8 | length[1]);
	rc = n > room_octets ? -EMSGSIZE : (int)n;
	if (rc > 0)
		copy_out(ring, read + 2, message, n);
	atomic_store_explicit(&ring->at.read, read + 2 + n, memory_order_release);
	return rc;
}
