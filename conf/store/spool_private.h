/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CONF_STORE_SPOOL_PRIVATE_H
#define CONF_STORE_SPOOL_PRIVATE_H

/* The file of a spool, between spool.c (at work) and spool_file.c (opening, repair).
 *
 * Pages of 4,096 octets: geometry | positions | slots | ring | copy of the geometry. Numbers are
 * the machine's own; the file stays on it. Everything is aligned to 8 octets. */

#include "conf/store/spool.h"

#include <stdatomic.h>

#define SPOOL_PAGE 4096
#define SPOOL_MAGIC "CWSPOOL" /* with its NUL: 8 octets */
#define SPOOL_VERSION 1
#define SPOOL_RECORD 0x44524f43u /* begins a record */
#define SPOOL_WRAP 0x50415257u   /* nothing more before the end of the ring */
#define SPOOL_MOST_SLOTS (1u << 20)
#define SPOOL_MOST_OCTETS (1u << 24) /* of a record */
#define SPOOL_MOST_QUEUE (UINT64_C(1) << 40)

struct spool_geometry {
	char magic[8];
	uint32_t version, format;
	uint32_t slots, slot_size;
	uint64_t queue_size;
	uint32_t crc; /* of what precedes */
	uint32_t zero;
};

/* Octets ever put in and taken out: the place in the ring is their remainder, and a position never
 * comes twice, so that what is left of an earlier lap is never taken for a record. */
struct spool_positions {
	_Atomic uint64_t head; /* writer's */
	uint8_t pad[56];
	_Atomic uint64_t tail; /* reader's */
	uint8_t pad2[56];
	_Atomic uint64_t sequence; /* of the next record; written behind head */
};

/* Before each record of the ring; the record follows, padded to 8 octets. */
struct spool_header {
	uint32_t magic, length;
	uint64_t position, sequence;
	uint32_t crc; /* of what precedes and the record */
	uint32_t zero;
};

/* One half of a slot; the record follows. */
struct spool_half {
	uint64_t stamp; /* the slot's state when it counts */
	uint64_t held;  /* order in which slots were taken */
	uint32_t length;
	uint32_t crc; /* of what precedes and the record */
};

/* The slot: 0: free, else a stamp that no slot had before, × 2 + the half that counts. Written in
 * one piece after the half. */
struct spool_slot {
	_Atomic uint64_t state;
};

/* These are the file. */
_Static_assert(sizeof(struct spool_geometry) == 40 && sizeof(struct spool_header) == 32 &&
		       sizeof(struct spool_half) == 24 && sizeof(struct spool_slot) == 8 &&
		       offsetof(struct spool_positions, tail) == 64 &&
		       offsetof(struct spool_positions, sequence) == 128,
	       "the layout of a spool must not move");
/* A store that is torn by a kill would tell a position that never was. */
_Static_assert(ATOMIC_LONG_LOCK_FREE == 2 && sizeof(long) == 8, "64-bit stores must be whole");

struct spool_layout {
	size_t half, slot; /* strides */
	size_t slots_at, ring_at, copy_at, total;
};

struct spool {
	int fd, event;
	uint8_t *map;
	struct spool_geometry geometry;
	struct spool_layout layout;
	struct spool_positions *positions;
	/* writer */
	int *free_slots; /* a stack */
	unsigned free_count;
	uint64_t stamp, held_order;
	/* any */
	_Atomic uint64_t appended, consumed, finished, lost, no_slot, damaged;
	_Atomic unsigned held;
};

static inline size_t spool_padded(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

/* False: no geometry of ours. */
bool spool_lay_out(const struct spool_geometry *geometry, struct spool_layout *out);
uint32_t spool_geometry_crc(const struct spool_geometry *geometry);
uint32_t spool_header_crc(const struct spool_header *header, const void *record);
uint32_t spool_half_crc(const struct spool_half *half, const void *record);

/* The parts of a mapped spool. */
struct spool_slot *spool_slot_at(const struct spool *spool, unsigned slot);
struct spool_half *spool_half_at(const struct spool *spool, unsigned slot, unsigned half);

/* spool_file.c: fills in fd, map, geometry, layout, positions, appended and damaged. */
int spool_attach(struct spool *spool, const struct spool_cfg *cfg, char *error, size_t error_room);
/* spool.c: puts a record at the head. False: full. */
bool spool_put(struct spool *spool, const void *record, size_t length);
/* spool.c: writes the other half of the slot and makes it the one that counts. */
void spool_write_slot(struct spool *spool, unsigned slot, uint64_t held, const void *record,
		      size_t length);

#endif
