/* SPDX-License-Identifier: GPL-2.0-only */
#include "gateway/slot_pair.h"

#include "base/mem.h"
#include "base/ring.h"
#include "transcoding/law.h"

#include <errno.h>
#include <string.h>

#define OCTETS_PER_MS 8
#define DEEPER_OCTETS 80 /* 10 ms more whenever it ran dry */
#define DEPTH_MOST_OCTETS 1600
#define SPARE_OCTETS 160 /* more than the depth and this, for a whole second: the clocks differ */
#define WINDOW_OCTETS 8000
#define RING_OCTETS 8192
#define CHUNK_OCTETS 256

struct end {
	struct port port;
	struct octet_ring *ring; /* what this end pulls; the other one pushes into it */
	struct end *other;
	counter_t slips;
	bool flowing;
	size_t depth;
	size_t least, pulled; /* fill of this window, and how long it has lasted */
};

struct slot_pair {
	struct end ends[2];
};

static void push(struct port *port, const struct frame *frame)
{
	struct end *end = (struct end *)(void *)port;
	uint8_t chunk[CHUNK_OCTETS];

	if (frame->kind != FRAME_AUDIO)
		return;
	for (size_t at = 0; at < frame->length;) {
		size_t n = frame->length - at < CHUNK_OCTETS ? frame->length - at : CHUNK_OCTETS;

		law_convert(chunk, end->other->port.format.codec, frame->octets + at,
			    port->format.codec, n);
		octet_ring_write(end->other->ring, chunk, n);
		at += n;
	}
}

static void discard(struct octet_ring *ring, size_t n)
{
	uint8_t chunk[CHUNK_OCTETS];

	while (n > 0)
		n -= octet_ring_read(ring, chunk, n < CHUNK_OCTETS ? n : CHUNK_OCTETS);
}

static size_t silence(struct end *end, uint8_t *octets, size_t n)
{
	memset(octets, law_silence(end->port.format.codec), n);
	return 0;
}

static void begin_window(struct end *end)
{
	end->least = RING_OCTETS;
	end->pulled = 0;
}

static size_t run_dry(struct end *end, uint8_t *octets, size_t n)
{
	end->flowing = false;
	if (end->depth < DEPTH_MOST_OCTETS)
		end->depth += DEEPER_OCTETS;
	counter_inc(&end->slips);
	return silence(end, octets, n);
}

/* A line that was held up moves many blocks at once, so a high fill means nothing; a fill that
 * never came down for a second means that the other clock is faster. */
static void watch_fill(struct end *end, size_t left, size_t n)
{
	if (left < end->least)
		end->least = left;
	end->pulled += n;
	if (end->pulled < WINDOW_OCTETS)
		return;
	if (end->least > end->depth + SPARE_OCTETS) {
		discard(end->ring, end->least - end->depth);
		counter_inc(&end->slips);
	}
	begin_window(end);
}

static size_t pull(struct port *port, uint8_t *octets, size_t n)
{
	struct end *end = (struct end *)(void *)port;
	size_t used = octet_ring_used(end->ring);

	if (!end->flowing && used < end->depth + n)
		return silence(end, octets, n);
	if (used < n)
		return run_dry(end, octets, n);
	if (!end->flowing)
		begin_window(end);
	end->flowing = true;
	watch_fill(end, used - n, n);
	return octet_ring_read(end->ring, octets, n);
}

static const struct port_ops end_ops = { .name = "slot-pair", .push = push, .pull = pull };

int slot_pair_create(struct slot_pair **out, enum port_codec a, enum port_codec b,
		     unsigned depth_ms)
{
	struct slot_pair *pair = mem_zalloc(sizeof(*pair));
	enum port_codec codecs[2] = { a, b };

	if (!pair)
		return -ENOMEM;
	for (unsigned i = 0; i < 2; i++) {
		struct end *end = &pair->ends[i];

		end->port = (struct port){ &end_ops, { codecs[i], 8000, 1 } };
		end->other = &pair->ends[!i];
		end->depth = (size_t)depth_ms * OCTETS_PER_MS;
		if (octet_ring_create(&end->ring, RING_OCTETS) < 0)
			goto fail;
	}
	*out = pair;
	return 0;
fail:
	slot_pair_destroy(&pair);
	return -ENOMEM;
}

void slot_pair_destroy(struct slot_pair **out)
{
	struct slot_pair *pair = *out;

	if (!pair)
		return;
	*out = NULL;
	octet_ring_destroy(&pair->ends[0].ring);
	octet_ring_destroy(&pair->ends[1].ring);
	mem_free(pair);
}

struct port *slot_pair_port(struct slot_pair *pair, unsigned end)
{
	return &pair->ends[end].port;
}

uint64_t slot_pair_slips(const struct slot_pair *pair, unsigned end)
{
	return counter_get(&pair->ends[end].slips);
}
