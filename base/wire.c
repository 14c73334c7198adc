/* SPDX-License-Identifier: GPL-2.0-only */
#include "base/wire.h"

#include <string.h>

struct wire wire_of(const uint8_t *octets, size_t n)
{
	return (struct wire){ .start = octets, .at = octets, .end = octets ? octets + n : octets };
}

size_t wire_left(const struct wire *w)
{
	return (size_t)(w->end - w->at);
}

bool wire_ok(const struct wire *w)
{
	return !w->error;
}

/* Nothing is left after an error, so that loops over wire_left() end. */
void wire_fail(struct wire *w)
{
	w->error = true;
	w->at = w->end;
}

const uint8_t *wire_bytes(struct wire *w, size_t n)
{
	const uint8_t *bytes = w->at;

	if (w->error || n > wire_left(w)) {
		wire_fail(w);
		return NULL;
	}
	if (n > 0)
		w->at += n;
	return bytes;
}

uint8_t wire_u8(struct wire *w)
{
	const uint8_t *b = wire_bytes(w, 1);

	return b ? b[0] : 0;
}

uint8_t wire_peek_u8(const struct wire *w)
{
	return wire_left(w) > 0 ? w->at[0] : 0;
}

uint16_t wire_u16(struct wire *w)
{
	const uint8_t *b = wire_bytes(w, 2);

	return (uint16_t)(b ? b[0] << 8 | b[1] : 0);
}

uint32_t wire_u32(struct wire *w)
{
	const uint8_t *b = wire_bytes(w, 4);

	return b ? (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3] : 0;
}

void wire_skip(struct wire *w, size_t n)
{
	wire_bytes(w, n);
}

struct wire wire_sub(struct wire *w, size_t n)
{
	const uint8_t *bytes = wire_bytes(w, n);
	struct wire sub;

	if (w->error) {
		sub = wire_of(w->end, 0);
		sub.error = true;
		return sub;
	}
	sub = wire_of(bytes, n);
	return sub;
}

struct wire_out wire_out_of(uint8_t *octets, size_t room)
{
	return (struct wire_out){ .start = octets,
				  .at = octets,
				  .end = octets ? octets + room : octets };
}

size_t wire_out_length(const struct wire_out *w)
{
	return (size_t)(w->at - w->start);
}

/* Room for n octets, all or none: what does not fit stays unwritten and nothing follows it. */
static uint8_t *claim(struct wire_out *w, size_t n)
{
	uint8_t *room = w->at;

	if (w->error || n > (size_t)(w->end - w->at)) {
		w->error = true;
		return NULL;
	}
	if (n > 0)
		w->at += n;
	return room;
}

void wire_put_u8(struct wire_out *w, uint8_t value)
{
	uint8_t *b = claim(w, 1);

	if (b)
		b[0] = value;
}

void wire_put_u16(struct wire_out *w, uint16_t value)
{
	uint8_t *b = claim(w, 2);

	if (!b)
		return;
	b[0] = (uint8_t)(value >> 8);
	b[1] = (uint8_t)value;
}

void wire_put_u32(struct wire_out *w, uint32_t value)
{
	uint8_t *b = claim(w, 4);

	if (!b)
		return;
	b[0] = (uint8_t)(value >> 24);
	b[1] = (uint8_t)(value >> 16);
	b[2] = (uint8_t)(value >> 8);
	b[3] = (uint8_t)value;
}

void wire_put_bytes(struct wire_out *w, const uint8_t *octets, size_t n)
{
	uint8_t *b = claim(w, n);

	if (b && n > 0)
		memcpy(b, octets, n);
}
