/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BASE_RING_H
#define BASE_RING_H

/* Single-producer single-consumer rings, lock-free: one of fixed-size records, one of octets.
 * Thread: exactly one producer and one consumer, which may be two threads. Nothing allocates after
 * create. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring;

/* `records` is rounded up to a power of two. 0 or -ENOMEM/-EINVAL. */
int ring_create(struct ring **out, size_t records, size_t record_size);
/* When both sides have let go. Sets NULL, takes NULL. */
void ring_destroy(struct ring **ring);
/* Producer: copy one record in; false when full. */
bool ring_push(struct ring *ring, const void *record);
/* Consumer: copy one record out; false when empty. */
bool ring_pop(struct ring *ring, void *record);
size_t ring_used(const struct ring *ring); /* a snapshot */

struct octet_ring;
/* The same of octets; `octets` is rounded up to a power of two. 0 or -ENOMEM/-EINVAL. */
int octet_ring_create(struct octet_ring **out, size_t octets);
/* When both sides have let go. Sets NULL, takes NULL. */
void octet_ring_destroy(struct octet_ring **ring);
/* Producer: as many as fit; returns how many. */
size_t octet_ring_write(struct octet_ring *ring, const uint8_t *octets, size_t n);
/* Consumer: as many as there are, at most n. */
size_t octet_ring_read(struct octet_ring *ring, uint8_t *octets, size_t n);
/* A snapshot. */
size_t octet_ring_used(const struct octet_ring *ring);

/* Messages of differing length (frames) in one octet ring: 2 octets length, then the message. */
bool octet_ring_put(struct octet_ring *ring, const uint8_t *message, size_t n);
/* Returns the length, 0 when empty. A message longer than `room` is dropped and -EMSGSIZE comes
 * back. */
int octet_ring_get(struct octet_ring *ring, uint8_t *message, size_t room);

#endif
