/* SPDX-License-Identifier: GPL-2.0-only */
#include "hw/cesopsn_buffer.h"

#include "base/mem.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/* Least that the ring holds: what a host may stall without loss of position. */
#define SPAN_MS 512
#define DEPTH_MAX 4096 /* an eighth of the sequence numbers' half */
#define WINDOW_TICKS 256
/* Ticks after the start that say nothing yet: the far end may be locking to us. */
#define SETTLE_IGNORED 128
/* Ticks (or, for a locked end, packets) with nothing but late packets: the delay has changed for
 * good. */
#define LATE_RESYNC 64

enum slot { SLOT_EMPTY, SLOT_DATA, SLOT_INVALID };

struct cesopsn_buffer {
	size_t payload;
	uint32_t slots; /* power of two */
	unsigned depth;
	bool locked;
	struct e1_counters *counters;
	uint8_t *octets;
	uint8_t *state; /* enum slot */
	bool synced, settled;
	uint32_t play, end; /* extended sequence numbers: next to be played; newest + 1 */
	unsigned hold;      /* ticks to wait at `play` */
	bool stray;         /* stray_next is set */
	uint16_t stray_next;
	unsigned late_run; /* late packets since the last good one */
	unsigned late_ticks;
	bool late_seen, good_seen; /* since the last watch */
	unsigned window;           /* ticks of it done */
	int highest, lowest;
};

static uint32_t ring_size(unsigned packet_us, unsigned depth)
{
	uint32_t least = SPAN_MS * 1000 / packet_us, size = 64;

	if (least < 4 * depth)
		least = 4 * depth;
	while (size < least)
		size *= 2;
	return size;
}

int cesopsn_buffer_create(struct cesopsn_buffer **out, size_t payload, unsigned packet_us,
			  unsigned depth, bool locked, struct e1_counters *counters)
{
	struct cesopsn_buffer *b;

	if (depth > DEPTH_MAX)
		return -EINVAL;
	b = mem_zalloc(sizeof(*b));
	if (!b)
		return -ENOMEM;
	b->payload = payload;
	b->depth = depth;
	b->locked = locked;
	b->slots = ring_size(packet_us, depth);
	b->counters = counters;
	b->octets = mem_calloc(b->slots, payload);
	b->state = mem_zalloc(b->slots);
	if (!b->octets || !b->state)
		goto fail;
	*out = b;
	return 0;
fail:
	cesopsn_buffer_destroy(&b);
	return -ENOMEM;
}

void cesopsn_buffer_destroy(struct cesopsn_buffer **out)
{
	struct cesopsn_buffer *b = out ? *out : NULL;

	if (!b)
		return;
	mem_free(b->octets);
	mem_free(b->state);
	mem_free(b);
	*out = NULL;
}

void cesopsn_buffer_reset(struct cesopsn_buffer *b)
{
	memset(b->state, SLOT_EMPTY, b->slots);
	b->synced = b->settled = b->stray = false;
	b->late_run = b->late_ticks = b->hold = b->window = 0;
}

static void restart_window(struct cesopsn_buffer *b)
{
	b->window = 0;
	b->highest = INT_MIN;
	b->lowest = INT_MAX;
}

static void start_at(struct cesopsn_buffer *b, uint16_t sequence)
{
	cesopsn_buffer_reset(b);
	b->synced = true;
	b->play = b->end = UINT32_C(0x10000) + sequence;
	b->hold = b->locked ? 0 : b->depth;
	b->late_seen = b->good_seen = false;
	restart_window(b);
}

/* Leaves out what stands at the position. */
static void skip(struct cesopsn_buffer *b, uint32_t count)
{
	for (; count; count--)
		b->state[b->play++ & (b->slots - 1)] = SLOT_EMPTY;
}

/* Far from what we know: a restarted far end is believed at its second packet in a row. */
static bool is_stray(struct cesopsn_buffer *b, uint16_t sequence, int32_t distance)
{
	if (distance < (int32_t)b->slots / 2 && -distance < (int32_t)b->slots / 2)
		return false;
	if (b->stray && b->stray_next == sequence) {
		start_at(b, sequence);
		return false;
	}
	b->stray = true;
	b->stray_next = (uint16_t)(sequence + 1);
	return true;
}

static enum cesopsn_put drop_late(struct cesopsn_buffer *b)
{
	b->late_seen = true;
	b->late_run++;
	return CESOPSN_LATE;
}

static void store(struct cesopsn_buffer *b, uint32_t at, const uint8_t *payload)
{
	uint32_t index = at & (b->slots - 1);

	if (payload)
		memcpy(b->octets + index * b->payload, payload, b->payload);
	b->state[index] = payload ? SLOT_DATA : SLOT_INVALID;
	b->good_seen = true;
	b->late_run = 0;
}

/* No room between position and newest (nobody takes, or the position is far behind): the oldest
 * go. */
static void make_room(struct cesopsn_buffer *b, uint32_t at)
{
	uint32_t span = at + 1 - b->play;

	if ((int32_t)span <= (int32_t)b->slots)
		return;
	counter_add(&b->counters->slips_drop, span - b->slots);
	skip(b, span - b->slots);
}

enum cesopsn_put cesopsn_buffer_put(struct cesopsn_buffer *b, uint16_t sequence,
				    const uint8_t *payload)
{
	int32_t distance;
	uint32_t at;
	bool newer;

	if (!b->synced || (b->locked && b->late_run >= LATE_RESYNC))
		start_at(b, sequence);
	distance = (int16_t)(sequence - (uint16_t)b->end);
	if (is_stray(b, sequence, distance))
		return CESOPSN_STRAY;
	b->stray = false;
	distance = (int16_t)(sequence - (uint16_t)b->end); /* it may have started anew */
	at = b->end + (uint32_t)distance;
	if ((int32_t)(at - b->play) < 0)
		return drop_late(b);
	make_room(b, at);
	newer = (int32_t)(at - b->end) >= 0;
	if (!newer && b->state[at & (b->slots - 1)] != SLOT_EMPTY)
		return drop_late(b);
	store(b, at, payload);
	if (!newer)
		return CESOPSN_REORDERED;
	b->end = at + 1;
	return CESOPSN_TAKEN;
}

const uint8_t *cesopsn_buffer_take(struct cesopsn_buffer *b)
{
	uint32_t index = b->play & (b->slots - 1);
	enum slot slot = b->state[index];

	if (!b->synced)
		return NULL;
	if (b->hold) {
		b->hold--;
		return NULL;
	}
	b->state[index] = SLOT_EMPTY;
	b->play++;
	if (slot == SLOT_EMPTY)
		counter_inc(&b->counters->lost);
	return slot == SLOT_DATA ? b->octets + index * b->payload : NULL;
}

/* Level that the buffer is centred on: `depth` held back, and the one that has just come. */
static int centre(const struct cesopsn_buffer *b)
{
	return (int)b->depth + 1;
}

static void move_to_centre(struct cesopsn_buffer *b, int level)
{
	if (level < centre(b))
		b->hold += (unsigned)(centre(b) - level);
	else
		skip(b, (uint32_t)(level - centre(b)));
}

/* Once after the start, uncounted: the first packet may have come early or late, only now the
 * usual level is known. */
static void settle(struct cesopsn_buffer *b)
{
	move_to_centre(b, b->highest);
	b->settled = true;
}

static void slip(struct cesopsn_buffer *b)
{
	int low = centre(b) / 4 > 1 ? centre(b) / 4 : 1;

	if (b->highest <= low) {
		counter_add(&b->counters->slips_repeat, (uint64_t)(centre(b) - b->highest));
		move_to_centre(b, b->highest);
	} else if (b->lowest > 2 * centre(b)) {
		counter_add(&b->counters->slips_drop, (uint64_t)(b->lowest - centre(b)));
		move_to_centre(b, b->lowest);
	}
}

/* The delay has grown for good: nothing but late packets. */
static bool all_late(struct cesopsn_buffer *b)
{
	if (b->good_seen)
		b->late_ticks = 0;
	else if (b->late_seen)
		b->late_ticks++;
	b->good_seen = b->late_seen = false;
	return b->late_ticks >= LATE_RESYNC;
}

void cesopsn_buffer_watch(struct cesopsn_buffer *b, unsigned debt)
{
	int level = cesopsn_buffer_level(b) - (int)debt;

	if (!b->synced)
		return;
	if (all_late(b)) {
		counter_add(&b->counters->slips_repeat, b->depth + 1);
		cesopsn_buffer_reset(b);
		return;
	}
	b->window++;
	if (!b->settled && b->window <= SETTLE_IGNORED)
		return;
	if (level > b->highest)
		b->highest = level;
	if (level < b->lowest)
		b->lowest = level;
	if (b->window < WINDOW_TICKS)
		return;
	if (b->settled)
		slip(b);
	else
		settle(b);
	restart_window(b);
}

bool cesopsn_buffer_synced(const struct cesopsn_buffer *b)
{
	return b->synced;
}

int cesopsn_buffer_level(const struct cesopsn_buffer *b)
{
	return b->synced ? (int32_t)(b->end - b->play) + (int)b->hold : 0;
}

unsigned cesopsn_buffer_depth(const struct cesopsn_buffer *b)
{
	return b->depth;
}
