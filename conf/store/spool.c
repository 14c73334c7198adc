/* SPDX-License-Identifier: GPL-2.0-only */
/* A spool at work. The writer publishes a record by the store of `head` behind it, the reader gives
 * room back by the store of `tail`; both live in the mapping, so that they outlive the process
 * together with what they tell of. */
#include "conf/store/crc32c.h"
#include "conf/store/spool_private.h"

#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- Places ---- */

struct spool_slot *spool_slot_at(const struct spool *s, unsigned slot)
{
	return (struct spool_slot *)(void *)(s->map + s->layout.slots_at + slot * s->layout.slot);
}

struct spool_half *spool_half_at(const struct spool *s, unsigned slot, unsigned half)
{
	return (struct spool_half *)(void *)((uint8_t *)spool_slot_at(s, slot) +
					     sizeof(struct spool_slot) + half * s->layout.half);
}

static uint8_t *ring_at(const struct spool *s, uint64_t position)
{
	return s->map + s->layout.ring_at + position % s->geometry.queue_size;
}

static uint64_t left_in_lap(const struct spool *s, uint64_t position)
{
	return s->geometry.queue_size - position % s->geometry.queue_size;
}

uint32_t spool_header_crc(const struct spool_header *h, const void *record)
{
	return crc32c(crc32c(0, h, offsetof(struct spool_header, crc)), record, h->length);
}

uint32_t spool_half_crc(const struct spool_half *h, const void *record)
{
	return crc32c(crc32c(0, h, offsetof(struct spool_half, crc)), record, h->length);
}

/* ---- Open and close ---- */

static void ring_event(struct spool *s)
{
	static const uint64_t one = 1;

	while (write(s->event, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static bool is_whole(const struct spool *s, const struct spool_half *h)
{
	return h->length <= s->geometry.slot_size && h->crc == spool_half_crc(h, h + 1);
}

/* No stamp comes twice in the life of a file, so that what an earlier use of a slot has left is
 * never taken for what its state speaks of. */
static void learn_stamps(struct spool *s, unsigned slot)
{
	for (unsigned i = 0; i < 2; i++) {
		const struct spool_half *h = spool_half_at(s, slot, i);

		if (h->stamp / 2 > s->stamp && is_whole(s, h))
			s->stamp = h->stamp / 2;
	}
}

/* Slots that are free; those taken wait for spool_orphans(). */
static int list_slots(struct spool *s)
{
	s->free_slots = mem_calloc(s->geometry.slots ? s->geometry.slots : 1, sizeof(int));
	if (!s->free_slots)
		return -ENOMEM;
	for (unsigned i = s->geometry.slots; i-- > 0;) {
		if (!atomic_load(&spool_slot_at(s, i)->state))
			s->free_slots[s->free_count++] = (int)i;
		learn_stamps(s, i);
	}
	return 0;
}

int spool_open(struct spool **out, const struct spool_cfg *cfg, char *error, size_t error_room)
{
	struct spool *s = mem_zalloc(sizeof(*s));
	int rc = -ENOMEM;

	if (!s) {
		snprintf(error, error_room, "no memory for a spool");
		return rc;
	}
	s->fd = s->event = -1;
	rc = spool_attach(s, cfg, error, error_room);
	if (rc < 0)
		goto fail;
	rc = list_slots(s);
	if (rc < 0) {
		snprintf(error, error_room, "no memory for a spool");
		goto fail;
	}
	s->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (s->event < 0) {
		rc = -errno;
		snprintf(error, error_room, "eventfd: %s", strerror(errno));
		goto fail;
	}
	if (atomic_load(&s->appended))
		ring_event(s);
	*out = s;
	return 0;
fail:
	spool_close(&s);
	return rc;
}

void spool_close(struct spool **spool)
{
	struct spool *s = spool ? *spool : NULL;

	if (!s)
		return;
	*spool = NULL;
	if (s->map)
		munmap(s->map, s->layout.total);
	if (s->fd >= 0)
		close(s->fd);
	if (s->event >= 0)
		close(s->event);
	mem_free(s->free_slots);
	mem_free(s);
}

/* ---- Slots ---- */

/* The half that the state speaks of; when a power failure has kept the state and lost that half,
 * the newest that is whole. NULL: none. */
static struct spool_half *whole_half(const struct spool *s, unsigned slot)
{
	uint64_t state = atomic_load(&spool_slot_at(s, slot)->state);
	struct spool_half *best = NULL;

	for (unsigned i = 0; i < 2; i++) {
		struct spool_half *h = spool_half_at(s, slot, i);

		if (!is_whole(s, h))
			continue;
		if (h->stamp == state)
			return h;
		if (!best || h->stamp > best->stamp)
			best = h;
	}
	return best;
}

static void free_slot(struct spool *s, unsigned slot)
{
	atomic_store_explicit(&spool_slot_at(s, slot)->state, 0, memory_order_release);
	s->free_slots[s->free_count++] = (int)slot;
}

/* The taken one that was taken first. -1: none. */
static int oldest_slot(const struct spool *s)
{
	uint64_t oldest = UINT64_MAX;
	int found = -1;

	for (unsigned i = 0; i < s->geometry.slots; i++) {
		struct spool_half *h;

		if (!atomic_load(&spool_slot_at(s, i)->state))
			continue;
		h = whole_half(s, i);
		if (found >= 0 && (!h || h->held >= oldest))
			continue;
		found = (int)i;
		oldest = h ? h->held : UINT64_MAX;
	}
	return found;
}

void spool_orphans(struct spool *s, void (*each)(void *arg, const void *record, size_t length),
		   void *arg)
{
	int slot;

	while ((slot = oldest_slot(s)) >= 0) {
		struct spool_half *h = whole_half(s, (unsigned)slot);

		if (h)
			each(arg, h + 1, h->length);
		free_slot(s, (unsigned)slot);
	}
}

void spool_write_slot(struct spool *s, unsigned slot, uint64_t held, const void *record,
		      size_t length)
{
	struct spool_slot *place = spool_slot_at(s, slot);
	uint64_t old = atomic_load_explicit(&place->state, memory_order_relaxed);
	unsigned half = old ? !(old & 1) : 0;
	struct spool_half *h = spool_half_at(s, slot, half);

	h->stamp = ++s->stamp * 2 + half;
	h->held = held;
	h->length = (uint32_t)length;
	memcpy(h + 1, record, length);
	h->crc = spool_half_crc(h, h + 1);
	atomic_store_explicit(&place->state, h->stamp, memory_order_release);
}

int spool_hold(struct spool *s, const void *record, size_t length)
{
	int slot;

	if (!s->free_count || length > s->geometry.slot_size) {
		atomic_fetch_add_explicit(&s->no_slot, 1, memory_order_relaxed);
		return SPOOL_NO_SLOT;
	}
	slot = s->free_slots[--s->free_count];
	spool_write_slot(s, (unsigned)slot, ++s->held_order, record, length);
	atomic_fetch_add_explicit(&s->held, 1, memory_order_relaxed);
	return slot;
}

void spool_update(struct spool *s, int slot, const void *record, size_t length)
{
	uint64_t state;

	if (slot == SPOOL_NO_SLOT || length > s->geometry.slot_size)
		return;
	state = atomic_load_explicit(&spool_slot_at(s, (unsigned)slot)->state,
				     memory_order_relaxed);
	spool_write_slot(s, (unsigned)slot, spool_half_at(s, (unsigned)slot, state & 1)->held,
			 record, length);
}

void spool_release(struct spool *s, int slot)
{
	if (slot == SPOOL_NO_SLOT)
		return;
	free_slot(s, (unsigned)slot);
	atomic_fetch_sub_explicit(&s->held, 1, memory_order_relaxed);
}

/* ---- Ring: writer ---- */

/* Octets up to the next lap when `need` do not fit before its end. */
static uint64_t skip_before(const struct spool *s, uint64_t position, uint64_t need)
{
	uint64_t left = left_in_lap(s, position);

	return left < need ? left : 0;
}

static void mark_wrap(struct spool *s, uint64_t position, uint64_t skip)
{
	struct spool_header h = { .magic = SPOOL_WRAP, .position = position };

	if (skip < sizeof(h))
		return;
	h.crc = spool_header_crc(&h, NULL);
	memcpy(ring_at(s, position), &h, sizeof(h));
}

bool spool_put(struct spool *s, const void *record, size_t length)
{
	struct spool_positions *p = s->positions;
	uint64_t head = atomic_load_explicit(&p->head, memory_order_relaxed);
	uint64_t tail = atomic_load_explicit(&p->tail, memory_order_acquire);
	uint64_t need = sizeof(struct spool_header) + spool_padded(length);
	uint64_t skip = skip_before(s, head, need);
	struct spool_header *h;

	if (head - tail + skip + need > s->geometry.queue_size)
		return false;
	if (skip)
		mark_wrap(s, head, skip);
	head += skip;
	h = (struct spool_header *)(void *)ring_at(s, head);
	*h = (struct spool_header){ .magic = SPOOL_RECORD,
				    .length = (uint32_t)length,
				    .position = head,
				    .sequence = atomic_load_explicit(&p->sequence,
								     memory_order_relaxed) };
	memcpy(h + 1, record, length);
	h->crc = spool_header_crc(h, h + 1);
	atomic_store_explicit(&p->head, head + need, memory_order_release);
	atomic_store_explicit(&p->sequence, h->sequence + 1, memory_order_release);
	atomic_fetch_add_explicit(&s->appended, 1, memory_order_relaxed);
	return true;
}

bool spool_finish(struct spool *s, int slot, const void *record, size_t length)
{
	uint64_t before = atomic_load_explicit(&s->positions->head, memory_order_relaxed);
	bool put = length <= s->geometry.slot_size && spool_put(s, record, length);

	spool_release(s, slot);
	atomic_fetch_add_explicit(put ? &s->finished : &s->lost, 1, memory_order_relaxed);
	if (!put)
		return false;
	/* Either we see here that the reader had taken all, or it sees our record before it sleeps
	 * (the other fence is in spool_consume()). */
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&s->positions->tail, memory_order_relaxed) == before)
		ring_event(s);
	return true;
}

int spool_event(const struct spool *s)
{
	return s->event;
}

/* ---- Ring: reader ---- */

/* The record at *position, stepping over the end of a lap. NULL: there is none, or what is there is
 * no record of ours. */
static const struct spool_header *record_at(const struct spool *s, uint64_t *position,
					    uint64_t head)
{
	while (*position < head) {
		const struct spool_header *h = (const void *)ring_at(s, *position);
		uint64_t left = left_in_lap(s, *position);

		if (left < sizeof(*h) || (h->magic == SPOOL_WRAP && h->position == *position)) {
			*position += left;
			continue;
		}
		if (h->magic != SPOOL_RECORD || h->position != *position ||
		    h->length > s->geometry.slot_size ||
		    sizeof(*h) + spool_padded(h->length) > left)
			return NULL;
		return h;
	}
	return NULL;
}

static uint64_t behind(const struct spool_header *h)
{
	return h->position + sizeof(*h) + spool_padded(h->length);
}

size_t spool_peek(struct spool *s, struct spool_record *out, size_t room)
{
	uint64_t head = atomic_load_explicit(&s->positions->head, memory_order_acquire);
	uint64_t position = atomic_load_explicit(&s->positions->tail, memory_order_relaxed);
	const struct spool_header *h;
	size_t n = 0;

	while (n < room && (h = record_at(s, &position, head))) {
		out[n++] = (struct spool_record){ .octets = h + 1,
						  .length = h->length,
						  .sequence = h->sequence };
		position = behind(h);
	}
	return n;
}

void spool_consume(struct spool *s, size_t count)
{
	uint64_t head = atomic_load_explicit(&s->positions->head, memory_order_acquire);
	uint64_t position = atomic_load_explicit(&s->positions->tail, memory_order_relaxed);
	const struct spool_header *h;
	size_t n = 0;

	while (n < count && (h = record_at(s, &position, head))) {
		position = behind(h);
		n++;
	}
	atomic_store_explicit(&s->positions->tail, position, memory_order_release);
	atomic_fetch_add_explicit(&s->consumed, n, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
}

int spool_sync(struct spool *s)
{
	return msync(s->map, s->layout.total, MS_SYNC) < 0 ? -errno : 0;
}

/* ---- State ---- */

void spool_state(const struct spool *s, struct spool_state *out)
{
	uint64_t consumed = atomic_load(&s->consumed), tail = atomic_load(&s->positions->tail);

	/* What is taken out first is read first: the differences never are negative. */
	*out = (struct spool_state){ .queued = atomic_load(&s->appended) - consumed,
				     .queued_octets = atomic_load(&s->positions->head) - tail,
				     .queue_size = s->geometry.queue_size,
				     .held = atomic_load(&s->held),
				     .slots = s->geometry.slots,
				     .finished = atomic_load(&s->finished),
				     .lost = atomic_load(&s->lost),
				     .no_slot = atomic_load(&s->no_slot),
				     .damaged = atomic_load(&s->damaged),
				     .oldest_sequence = -1 };
	if (out->queued)
		out->oldest_sequence =
			(int64_t)(atomic_load(&s->positions->sequence) - out->queued);
}
