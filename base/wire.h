/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BASE_WIRE_H
#define BASE_WIRE_H

/* Bounded cursor over octets with a sticky error. What comes from the wire is read only through
 * this: a read past the end yields zero, sets the error, and every later read yields zero too;
 * check once at the end. Numbers are big endian. Thread: the owner's. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wire {
	const uint8_t *start, *at, *end;
	bool error;
};

struct wire_out {
	uint8_t *start, *at, *end;
	bool error; /* did not fit */
};

/* A cursor at the first of n octets, which are borrowed for as long as it is used. */
struct wire wire_of(const uint8_t *octets, size_t n);
/* Octets not yet read; 0 after an error. */
size_t wire_left(const struct wire *w);
/* No read has gone past the end, and wire_fail() was not called. */
bool wire_ok(const struct wire *w);
/* Sets the error: for contents that are wrong though they are all there. */
void wire_fail(struct wire *w);
/* The next octet. */
uint8_t wire_u8(struct wire *w);
uint8_t wire_peek_u8(const struct wire *w); /* 0 at the end, no error */
/* The next 2 or 4 octets. */
uint16_t wire_u16(struct wire *w);
uint32_t wire_u32(struct wire *w);
/* Borrowed pointer to the next n octets and past them; NULL and error when fewer are left. */
const uint8_t *wire_bytes(struct wire *w, size_t n);
/* Moves past n octets; error when fewer are left. */
void wire_skip(struct wire *w, size_t n);
/* A cursor over the next n octets; this one moves past them. Empty and failed when fewer are left.
 */
struct wire wire_sub(struct wire *w, size_t n);

/* A cursor that writes into `room` octets, borrowed. Its error is sticky too: what doesn't fit is
 * not written, nor anything after it. */
struct wire_out wire_out_of(uint8_t *octets, size_t room);
/* Octets written so far; all that were asked for only without error. */
size_t wire_out_length(const struct wire_out *w);
/* One number of 1, 2 or 4 octets, network order. */
void wire_put_u8(struct wire_out *w, uint8_t value);
void wire_put_u16(struct wire_out *w, uint16_t value);
void wire_put_u32(struct wire_out *w, uint32_t value);
/* Copies n octets. */
void wire_put_bytes(struct wire_out *w, const uint8_t *octets, size_t n);

#endif
