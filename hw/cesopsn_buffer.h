/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HW_CESOPSN_BUFFER_H
#define HW_CESOPSN_BUFFER_H

/* The receive buffer of a pseudowire: packets in by sequence number, one block out per tick.
 *
 * How does it work? A ring indexed by sequence number. What is played next is a position in the
 * sequence, which moves by one each tick whether its packet came or not: loss and lateness cost
 * a block of fill, never the alignment. Only drift between two clocks, or a lasting change of
 * delay, moves it otherwise: that is a slip, and counted.
 *
 * Level: the packets from the position to the newest, and the ticks still to be waited. When the
 * far end is locked to our packets the level never drifts. When it is not, windows of ticks are
 * watched: drift is told from stalls by the *highest* level of a window (a stall lowers the level
 * for a while, drift lowers all of it), and on the other side by the *lowest* (a burst raises it
 * for a while).
 *
 * Besides, there is a reader that has no clock (D-channels): it gets each packet's block as soon as
 * it is known that nothing comes before it. It reads the ring in place: what waits behind a gap is
 * read, at the latest, when the position passes the gap, so the playout frees no slot unread. It
 * never hears of slips, and of lateness only when a packet was overtaken by a later one.
 *
 * Thread: the owner's. Allocates at create only. */

#include "hw/e1.h"

struct cesopsn_buffer;

/* A block in sequence, each once; NULL: the data of one or more packets is lost or invalid, and
 * what follows does not continue what was before. Called within put, take and watch. */
typedef void cesopsn_reader(void *arg, const uint8_t *payload);

enum cesopsn_put {
	CESOPSN_TAKEN,
	CESOPSN_REORDERED, /* taken, but a later one was here before */
	CESOPSN_LATE,      /* its time has passed, or it is here already: dropped */
	CESOPSN_STRAY,     /* far from the others: dropped, unless its successor follows */
};

/* `depth`: packets held back before the first is played. `locked`: its owner takes a block when
 * packets have come, and holds them back itself; no drift to watch. Counts into `counters`
 * (borrowed). 0, -EINVAL (depth) or -ENOMEM. */
int cesopsn_buffer_create(struct cesopsn_buffer **out, size_t payload, unsigned packet_us,
			  unsigned depth, bool locked, struct e1_counters *counters);
/* Sets NULL, takes NULL. */
void cesopsn_buffer_destroy(struct cesopsn_buffer **buffer);
/* Before the first put. `arg` is borrowed. */
void cesopsn_buffer_set_reader(struct cesopsn_buffer *buffer, cesopsn_reader *reader, void *arg);
/* Forget all: the next packet starts anew. (The reader goes on without a gap if that packet is the
 * next in its sequence.) */
void cesopsn_buffer_reset(struct cesopsn_buffer *buffer);

/* `payload` NULL: a packet that says its data is invalid (L=1). Copied. */
enum cesopsn_put cesopsn_buffer_put(struct cesopsn_buffer *buffer, uint16_t sequence,
				    const uint8_t *payload);
/* The block of this tick: `payload` octets, or NULL for fill. */
const uint8_t *cesopsn_buffer_take(struct cesopsn_buffer *buffer);
/* Free-running ends only, before the take of each tick but those that make up a stall: watches
 * for drift. `debt`: ticks that are due and not yet made. */
void cesopsn_buffer_watch(struct cesopsn_buffer *buffer, unsigned debt);

/* It has a position in the sequence: packets have come and are played in time. */
bool cesopsn_buffer_synced(const struct cesopsn_buffer *buffer);
/* Negative: the position is ahead of the newest packet. 0 when not synced. */
int cesopsn_buffer_level(const struct cesopsn_buffer *buffer);
/* The level that it aims at, in packets. */
unsigned cesopsn_buffer_depth(const struct cesopsn_buffer *buffer);

#endif
