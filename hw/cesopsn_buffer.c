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
	cesopsn_reader *reader;
	void *reader_arg;
	/* Next to be read. Between two calls either all that came has been read (read >= end, and
	 * then `play` may have run ahead), or it waits at a gap not yet played. */
	uint32_t read;
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

static void read_nothing(void *arg, const uint8_t *payload)
{
	(void)arg;
	(void)payload;
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
	b->reader = read_nothing;
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

void cesopsn_buffer_set_reader(struct cesopsn_buffer *b, cesopsn_reader *reader, void *arg)
{
	b->reader = reader;
	b->reader_arg = arg;
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

static bool before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

/* The reader goes to `at`; what it leaves out is lost, however much it is. */
static void read_from(struct cesopsn_buffer *b, uint32_t at)
{
	if (b->read != at)
		b->reader(b->reader_arg, NULL);
	b->read = at;
}

/* Reads what is here, up to a gap that may still be closed: its time has not come. */
static void read_on(struct cesopsn_buffer *b)
{
	while (before(b->read, b->end)) {
		uint32_t index = b->read & (b->slots - 1);
		enum slot slot = b->state[index];

		if (before(b->read, b->play)) {
			read_from(b, b->play);
			continue;
		}
		if (slot == SLOT_EMPTY)
			return;
		b->reader(b->reader_arg, slot == SLOT_DATA ? b->octets + index * b->payload : NULL);
		b->read++;
	}
}

/* Too late to be played, but nothing later has been read: for the reader it comes in order. */
static void read_late(struct cesopsn_buffer *b, uint32_t at, const uint8_t *payload)
{
	if (before(at, b->read))
		return;
	read_from(b, at);
	b->reader(b->reader_arg, payload);
	b->read++;
}

static void start_at(struct cesopsn_buffer *b, uint16_t sequence)
{
	cesopsn_buffer_reset(b);
	b->synced = true;
	b->play = b->end = UINT32_C(0x10000) + sequence;
	if ((uint16_t)b->read == sequence)
		b->read = b->play;
	read_from(b, b->play);
	b->hold = b->locked ? 0 : b->depth;
	b->late_seen = b->good_seen = false;
	restart_window(b);
}

/* The position moves on. When it passes the gap at which the reader waits, the reader does too. */
static void pass(struct cesopsn_buffer *b)
{
	b->state[b->play++ & (b->slots - 1)] = SLOT_EMPTY;
	read_on(b);
}

/* Leaves out what stands at the position. */
static void skip(struct cesopsn_buffer *b, uint32_t count)
{
	for (; count; count--)
		pass(b);
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
	if (before(at, b->play)) {
		read_late(b, at, payload);
		return drop_late(b);
	}
	make_room(b, at);
	newer = !before(at, b->end);
	if (!newer && b->state[at & (b->slots - 1)] != SLOT_EMPTY)
		return drop_late(b);
	store(b, at, payload);
	if (newer)
		b->end = at + 1;
	read_on(b);
	return newer ? CESOPSN_TAKEN : CESOPSN_REORDERED;
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
	pass(b);
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
