/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GATEWAY_LADDER_TEXT_H
#define GATEWAY_LADDER_TEXT_H

/* A ladder as text for a terminal: who called on the left, the gateway next, whoever was called to
 * its right, one line a message, milliseconds since the first one on the left edge, notes under the
 * gateway. UTF-8. Pure; any thread. */

#include "gateway/ladder.h"

#include <stdbool.h>
#include <stddef.h>

/* Fresh text (mem_free()), or NULL without memory. `entries` in order of time. */
char *ladder_text(const struct ladder_entry *entries, size_t count, bool colour);
/* The same from a book; NULL also when the call has no ladder. Thread: the book's. */
char *ladder_text_of(struct ladder_book *book, const char *call_id, bool colour);

#endif
