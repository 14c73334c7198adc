/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CONF_STORE_SPOOL_H
#define CONF_STORE_SPOOL_H

/* A memory-mapped spool: what must not be lost when the process is killed, on its way to a
 * database.
 *
 * What does it do? The file has two parts, both preallocated. Slots hold what is in progress: one
 * owner each, written over as it changes. The queue is a ring of finished records in order, taken
 * out by the drain once the database has them. A record is there as soon as the call returns: pages
 * of a shared mapping outlive the process (kill -9), and spool_sync() brings them to the disk
 * against a power failure.
 *
 * How does it work? Every record has its length, sequence number and CRC-32C; a slot has two halves
 * that are written in turn, so that one is whole at every moment. The positions of the ring are
 * written after the record. When the file is opened, the ring is walked from its tail. When a
 * record isn't whole, what is whole behind it is searched for; what is missing is counted in
 * `damaged`, the file is kept aside as FILE.damaged (or FILE.damaged.2 … .9) and a new one made of
 * what was found. When the positions are lost too, records that were taken out long ago may come
 * again: keys of the user's make one of them. Slots that are taken are what was in progress when
 * the process died: spool_orphans() hands them over.
 *
 * Threads: one writer (slots and append), one reader (peek and consume); they may be two threads.
 * Writing takes no lock, allocates nothing and makes no system call but the ring of a bell when the
 * queue was empty; the kernel may make it wait at the first touch of a page after spool_sync(). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spool;

struct spool_cfg {
	const char *path;    /* on a local disk; its folder must be there */
	uint64_t queue_size; /* octets for the ring, at least 64 KiB */
	unsigned slots;      /* at once */
	unsigned slot_size;  /* most octets of a record, in a slot and in the queue */
	uint32_t format; /* of the records, the user's: a file of another format is kept aside as
			  * FILE.format-N when it has records, and a new one made */
};

/* Opens or makes the file; its lock keeps a second process out. 0; -EAGAIN: another process has it;
 * -ENOSPC: can't be preallocated; -EROFS, -EACCES…; `error` gets a sentence with what to do. A file
 * of other sizes keeps its records: it is rebuilt. */
int spool_open(struct spool **out, const struct spool_cfg *cfg, char *error, size_t error_room);
/* Sets NULL, takes NULL. Slots and records stay in the file. */
void spool_close(struct spool **spool);

/* What was in a slot when the last process died, oldest first; each is then free. Before anything
 * is held. */
void spool_orphans(struct spool *spool, void (*each)(void *arg, const void *record, size_t length),
		   void *arg);

/* ---- Writer ---- */

#define SPOOL_NO_SLOT (-1)

/* Takes a slot and writes the record. SPOOL_NO_SLOT: all are taken (counted). */
int spool_hold(struct spool *spool, const void *record, size_t length);
/* Writes it over. Takes SPOOL_NO_SLOT (does nothing). */
void spool_update(struct spool *spool, int slot, const void *record, size_t length);
/* The record of a slot is finished: into the queue, and the slot is free. With SPOOL_NO_SLOT: into
 * the queue. False: the queue is full; the record is lost and counted. A kill between both leaves
 * it in the queue and in the slot: keys of the user's make one of it. */
bool spool_finish(struct spool *spool, int slot, const void *record, size_t length);
/* Forget it. */
void spool_release(struct spool *spool, int slot);
/* Descriptor (eventfd) that becomes readable when something was queued while the reader slept: the
 * reader reads it. The one system call of spool_finish(), made only when the ring was empty. */
int spool_event(const struct spool *spool);

/* ---- Reader ---- */

/* Up to `room` records from the tail, without taking them out. Returns how many; pointers are valid
 * until spool_consume(). */
struct spool_record {
	const void *octets;
	size_t length;
	uint64_t sequence;
};
size_t spool_peek(struct spool *spool, struct spool_record *out, size_t room);
/* Takes out the first `count` of them. */
void spool_consume(struct spool *spool, size_t count);
/* msync() of what was written since. Any thread but the writer's. 0 or -errno. */
int spool_sync(struct spool *spool);

/* ---- State: any thread ---- */

struct spool_state {
	uint64_t queued, queued_octets, queue_size; /* records that wait */
	unsigned held, slots;
	uint64_t finished, lost, no_slot, damaged; /* since it was opened */
	int64_t oldest_sequence;
};
void spool_state(const struct spool *spool, struct spool_state *out);

#endif
