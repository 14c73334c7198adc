/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GATEWAY_LADDER_H
#define GATEWAY_LADDER_H

/* Call ladders: every SIP message and Q.931 frame of a call on one time axis, with the notes of
 * routing and media between. Kept for the calls in progress and the last N finished. Bounded
 * memory. Thread: signalling. */

#include "base/clock.h"
#include "base/trace.h"

#include <stddef.h>
#include <stdint.h>

struct ladder_book;
struct ladder;

/* `clock` (borrowed) stamps the notes. Keeps `finished` ended calls; records that belong to no call
 * yet wait in a small ring until their key is bound. */
int ladder_book_create(struct ladder_book **out, unsigned finished, const struct clock *clock);
/* Keeps so many ended calls from now on. */
void ladder_book_keep(struct ladder_book *book, unsigned finished);
/* With all ladders. Sets NULL, takes NULL. */
void ladder_book_destroy(struct ladder_book **book);
/* To be handed to trunk/ and tdm/. */
struct trace_sink ladder_book_sink(struct ladder_book *book);

/* A call begins; records whose call_key is bound to it are kept under its id. */
int ladder_open(struct ladder_book *book, const char *call_id);
/* Records of this key, also those that waited, join the ladder; they stand in `column` (trunk or
 * span, copied). Without memory or such a ladder nothing is bound. */
void ladder_bind(struct ladder_book *book, const char *call_id, const char *call_key, const char *column);
/* A sentence on the time axis: what routing or media did. */
void ladder_note(struct ladder_book *book, const char *call_id, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The call is over; it becomes one of the finished ones (late records still join). */
void ladder_close(struct ladder_book *book, const char *call_id);

struct ladder_entry {
	int64_t wall_us;
	uint64_t monotonic_us;
	enum trace_protocol protocol;
	enum trace_direction direction;
	const char *column;   /* trunk or span */
	const char *summary;
	const uint8_t *octets; /* the message; NULL for notes or when cut */
	size_t length;
};
/* Entries in order of time; returns how many, or -ENOENT. Callback order is the ladder's. */
int ladder_each(struct ladder_book *book, const char *call_id,
		void (*each)(void *arg, const struct ladder_entry *entry), void *arg);
/* Ids of calls that have a ladder, newest first. */
size_t ladder_list(struct ladder_book *book, const char **ids, size_t room);

#endif
