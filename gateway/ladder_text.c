/* SPDX-License-Identifier: GPL-2.0-only */
/* Columns are found in the entries: the first that speaks is the caller's and stands left of the
 * gateway, all others stand right of it in order of appearance. An arrow joins the gateway and one
 * column, passing over those between. */

#include "gateway/ladder_text.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define COLUMNS_MAX 6
#define LANE 30u /* characters between two columns */
#define TIME 9u  /* characters before the first */

struct text {
	char *start;
	size_t length, room;
	bool failed;
};

static void text_add(struct text *text, const char *piece)
{
	size_t n = strlen(piece);

	if (text->failed)
		return;
	if (text->length + n + 1 > text->room) {
		size_t room = (text->room + n + 1) * 2;
		char *bigger = mem_realloc(text->start, room);

		if (!bigger) {
			text->failed = true;
			return;
		}
		text->start = bigger;
		text->room = room;
	}
	memcpy(text->start + text->length, piece, n + 1);
	text->length += n;
}

static void text_repeat(struct text *text, const char *piece, size_t times)
{
	while (times--)
		text_add(text, piece);
}

struct columns {
	const char
		*names[COLUMNS_MAX]; /* [0] the caller's; the gateway stands between [0] and [1] */
	unsigned count;
};

static unsigned column_of(struct columns *columns, const char *name)
{
	for (unsigned i = 0; i < columns->count; i++)
		if (strcmp(columns->names[i], name) == 0)
			return i;
	if (columns->count == COLUMNS_MAX)
		return COLUMNS_MAX - 1;
	columns->names[columns->count] = name;
	return columns->count++;
}

/* Lanes are numbered from the left: column 0, the gateway, column 1 … */
static unsigned lane_of(unsigned column)
{
	return column == 0 ? 0 : column + 1;
}

static void add_heading(struct text *text, const struct columns *columns)
{
	char piece[128];

	snprintf(piece, sizeof(piece), "%*s", (int)TIME, "ms  ");
	text_add(text, piece);
	for (unsigned lane = 0; lane <= columns->count; lane++) {
		const char *name = lane == 1 ? "gateway" : columns->names[lane ? lane - 1 : 0];

		snprintf(piece, sizeof(piece), "%-*.*s", lane < columns->count ? (int)LANE + 1 : 0,
			 (int)LANE, name);
		text_add(text, piece);
	}
	text_add(text, "\n");
}

/* Characters (not octets) of UTF-8. */
static size_t width_of(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

/* «│ INVITE ─────▶│» between two lanes. */
static void add_arrow(struct text *text, const char *summary, unsigned lanes, bool rightwards)
{
	size_t room = lanes * (LANE + 1) - 1, width = width_of(summary);
	char label[LANE * 2];

	if (width > room - 4) { /* cut, keeping whole characters out of the way of the arrow */
		snprintf(label, sizeof(label), "%.*s", (int)(room - 5), summary);
		width = width_of(label);
	} else {
		snprintf(label, sizeof(label), "%s", summary);
	}
	text_add(text, rightwards ? " " : "◀");
	if (!rightwards) {
		text_repeat(text, "─", room - width - 3);
		text_add(text, " ");
		text_add(text, label);
		text_add(text, " ");
		return;
	}
	text_add(text, label);
	text_add(text, " ");
	text_repeat(text, "─", room - width - 3);
	text_add(text, "▶");
}

static void add_message(struct text *text, const struct columns *columns, unsigned column,
			const struct ladder_entry *entry, bool colour)
{
	unsigned lane = lane_of(column), first = lane < 1 ? lane : 1, last = lane < 1 ? 1 : lane;
	bool rightwards = (entry->direction == TRACE_IN) == (lane == 0);

	for (unsigned i = 0; i <= columns->count; i++) {
		text_add(text, "│");
		if (i == first) {
			if (colour)
				text_add(text,
					 entry->protocol == TRACE_SIP ? "\033[36m" : "\033[33m");
			add_arrow(text, entry->summary, last - first, rightwards);
			if (colour)
				text_add(text, "\033[0m");
			i = last - 1;
		} else if (i < columns->count) {
			text_repeat(text, " ", LANE);
		}
	}
	text_add(text, "\n");
}

static void add_note(struct text *text, const char *note, bool colour)
{
	text_add(text, "│");
	text_repeat(text, " ", LANE);
	text_add(text, colour ? "│ \033[2m• " : "│ • ");
	text_add(text, note);
	text_add(text, colour ? "\033[0m\n" : "\n");
}

char *ladder_text(const struct ladder_entry *entries, size_t count, bool colour)
{
	struct text text = { 0 };
	struct columns columns = { 0 };
	char time[32];

	for (size_t i = 0; i < count; i++)
		if (entries[i].protocol != TRACE_NOTE)
			column_of(&columns, entries[i].column);
	if (columns.count == 0)
		columns.names[columns.count++] = "";
	add_heading(&text, &columns);
	for (size_t i = 0; i < count; i++) {
		double ms = (double)(entries[i].monotonic_us - entries[0].monotonic_us) / 1000.0;

		snprintf(time, sizeof(time), "%*.1f  ", (int)TIME - 2, ms);
		text_add(&text, time);
		if (entries[i].protocol == TRACE_NOTE)
			add_note(&text, entries[i].summary, colour);
		else
			add_message(&text, &columns, column_of(&columns, entries[i].column),
				    &entries[i], colour);
	}
	if (text.failed) {
		mem_free(text.start);
		return NULL;
	}
	return text.start;
}

struct collection {
	struct ladder_entry *entries;
	size_t count, room;
};

static void count_one(void *arg, const struct ladder_entry *entry)
{
	(void)entry;
	((struct collection *)arg)->room++;
}

static void collect_one(void *arg, const struct ladder_entry *entry)
{
	struct collection *all = arg;

	if (all->count < all->room)
		all->entries[all->count++] = *entry;
}

char *ladder_text_of(struct ladder_book *book, const char *call_id, bool colour)
{
	struct collection all = { 0 };
	char *text;

	if (ladder_each(book, call_id, count_one, &all) < 0)
		return NULL;
	all.entries = mem_calloc(all.room + 1, sizeof(*all.entries));
	if (!all.entries)
		return NULL;
	ladder_each(book, call_id, collect_one, &all);
	text = ladder_text(all.entries, all.count, colour);
	mem_free(all.entries);
	return text;
}
