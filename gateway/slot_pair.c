/* SPDX-License-Identifier: GPL-2.0-only */
#include "gateway/slot_pair.h"

#include "base/mem.h"
#include "base/ring.h"
#include "transcoding/law.h"

#include <errno.h>
#include <string.h>

#define DEPTH_OCTETS 80  /* 10 ms: two of the longest blocks that a line moves */
#define HIGH_OCTETS 240  /* beyond it a stretch is dropped */
#define RING_OCTETS 4096
#define CHUNK_OCTETS 256

struct end {
	struct port port;
	struct octet_ring *ring; /* what this end pulls; the other one pushes into it */
	struct end *other;
	counter_t slips;
	bool flowing;
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

		law_convert(chunk, end->other->port.format.codec, frame->octets + at, port->format.codec, n);
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

static size_t pull(struct port *port, uint8_t *octets, size_t n)
{
	struct end *end = (struct end *)(void *)port;
	size_t used = octet_ring_used(end->ring);

	if (!end->flowing && used < DEPTH_OCTETS + n)
		return silence(end, octets, n);
	if (used < n) {
		end->flowing = false;
		counter_inc(&end->slips);
		return silence(end, octets, n);
	}
	if (used > HIGH_OCTETS + n) {
		if (end->flowing)
			counter_inc(&end->slips);
		discard(end->ring, used - DEPTH_OCTETS - n);
	}
	end->flowing = true;
	return octet_ring_read(end->ring, octets, n);
}

static const struct port_ops end_ops = { .name = "slot-pair", .push = push, .pull = pull };

int slot_pair_create(struct slot_pair **out, enum port_codec a, enum port_codec b)
{
	struct slot_pair *pair = mem_zalloc(sizeof(*pair));
	enum port_codec codecs[2] = { a, b };

	if (!pair)
		return -ENOMEM;
	for (unsigned i = 0; i < 2; i++) {
		struct end *end = &pair->ends[i];

		end->port = (struct port){ &end_ops, { codecs[i], 8000, 1 } };
		end->other = &pair->ends[!i];
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
