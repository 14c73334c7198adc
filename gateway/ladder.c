/* SPDX-License-Identifier: GPL-2.0-only */
/* Ladders are bounded three ways: entries of a call, octets of a call, finished calls. What does
 * not fit is counted in a note at the end, so that a long call shows its beginning whole. A key is
 * bound to the newest call that claimed it: ISDN call references come round again. */

#include "gateway/ladder.h"

#include "base/list.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ENTRIES_MAX 600         /* of one call */
#define NOTES_MORE 20           /* room that notes still find in a full ladder */
#define OCTETS_MAX (256u << 10) /* of one call's messages */
#define WAITING_MAX 512         /* records without a call yet */
#define BUCKETS 1024
#define TEXT_MAX 400 /* of a summary or note */

struct entry {
	struct list node;
	struct ladder_entry shown;
	char *key;   /* of a waiting record, NULL in a ladder */
	char text[]; /* summary, then column, then octets */
};

struct binding {
	struct list in_bucket, in_ladder;
	struct ladder *ladder;
	char column[64];
	char key[];
};

struct ladder {
	struct list node; /* newest first */
	struct list entries, bindings;
	unsigned entry_count, left_out;
	size_t octets;
	bool closed;
	char id[64];
};

struct ladder_book {
	struct list ladders, waiting;
	unsigned waiting_count, finished, finished_max;
	const struct clock *clock;
	struct list buckets[BUCKETS];
};

static struct list *bucket_of(struct ladder_book *book, const char *key)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (; *key; key++)
		hash = (hash ^ (uint8_t)*key) * 16777619u;
	return &book->buckets[hash % BUCKETS];
}

static struct binding *binding_of(struct ladder_book *book, const char *key)
{
	struct list *bucket = bucket_of(book, key);
	struct binding *binding;

	list_for_each(binding, bucket, struct binding, in_bucket)
		if (strcmp(binding->key, key) == 0)
			return binding;
	return NULL;
}

static struct ladder *ladder_by_id(struct ladder_book *book, const char *id)
{
	struct ladder *ladder;

	list_for_each(ladder, &book->ladders, struct ladder, node)
		if (strcmp(ladder->id, id) == 0)
			return ladder;
	return NULL;
}

int ladder_book_create(struct ladder_book **out, unsigned finished, const struct clock *clock)
{
	struct ladder_book *book = mem_zalloc(sizeof(*book));

	if (!book)
		return -ENOMEM;
	list_init(&book->ladders);
	list_init(&book->waiting);
	for (unsigned i = 0; i < BUCKETS; i++)
		list_init(&book->buckets[i]);
	book->finished_max = finished;
	book->clock = clock;
	*out = book;
	return 0;
}

static void entry_free(struct entry *entry)
{
	list_remove(&entry->node);
	mem_free(entry->key);
	mem_free(entry);
}

static void binding_free(struct binding *binding)
{
	list_remove(&binding->in_bucket);
	list_remove(&binding->in_ladder);
	mem_free(binding);
}

static void ladder_free(struct ladder *ladder)
{
	struct entry *entry;
	struct binding *binding;

	list_for_each(entry, &ladder->entries, struct entry, node)
		entry_free(entry);
	list_for_each(binding, &ladder->bindings, struct binding, in_ladder)
		binding_free(binding);
	list_remove(&ladder->node);
	mem_free(ladder);
}

void ladder_book_destroy(struct ladder_book **book)
{
	struct ladder *ladder;
	struct entry *entry;

	if (!*book)
		return;
	list_for_each(ladder, &(*book)->ladders, struct ladder, node)
		ladder_free(ladder);
	list_for_each(entry, &(*book)->waiting, struct entry, node)
		entry_free(entry);
	mem_free(*book);
	*book = NULL;
}

/* One block holds the entry and copies of all that the record only lends. NULL without memory: a
 * ladder is a help, not a duty, so the call goes on without the line. */
static struct entry *entry_of(const struct trace_record *record, const char *column)
{
	const char *summary = record->summary ? record->summary : "";
	size_t text = strnlen(summary, TEXT_MAX), name = strnlen(column, 63);
	size_t octets = record->octets ? record->length : 0;
	struct entry *entry = mem_zalloc(sizeof(*entry) + text + 1 + name + 1 + octets);

	if (!entry)
		return NULL;
	list_init(&entry->node);
	memcpy(entry->text, summary, text);
	memcpy(entry->text + text + 1, column, name);
	entry->shown = (struct ladder_entry){
		.wall_us = record->wall_us,
		.monotonic_us = record->monotonic_us,
		.protocol = record->protocol,
		.direction = record->direction,
		.summary = entry->text,
		.column = entry->text + text + 1,
		.length = octets,
	};
	if (octets) {
		uint8_t *at = (uint8_t *)entry->text + text + 1 + name + 1;

		memcpy(at, record->octets, octets);
		entry->shown.octets = at;
	}
	return entry;
}

/* Takes the entry: into the ladder in order of time, or nowhere when the ladder is full. */
static void ladder_take(struct ladder *ladder, struct entry *entry)
{
	struct list *after = ladder->entries.prev;
	unsigned room = ENTRIES_MAX + (entry->shown.protocol == TRACE_NOTE ? NOTES_MORE : 0);

	if (ladder->entry_count >= room || ladder->octets + entry->shown.length > OCTETS_MAX) {
		ladder->left_out++;
		entry_free(entry);
		return;
	}
	while (after != &ladder->entries &&
	       list_entry(after, struct entry, node)->shown.monotonic_us >
		       entry->shown.monotonic_us)
		after = after->prev;
	list_insert_before(after->next, &entry->node);
	ladder->entry_count++;
	ladder->octets += entry->shown.length;
}

/* A SETUP or INVITE under a key whose call is over begins another call. */
static bool opens_a_call(const struct trace_record *record)
{
	return record->summary && (strncmp(record->summary, "SETUP", 6) == 0 ||
				   strncmp(record->summary, "INVITE", 6) == 0);
}

static void keep_waiting(struct ladder_book *book, const struct trace_record *record)
{
	struct entry *entry = entry_of(record, record->object ? record->object : "");

	if (!entry)
		return;
	entry->key = mem_strdup(record->call_key);
	if (!entry->key) {
		entry_free(entry);
		return;
	}
	list_append(&book->waiting, &entry->node);
	if (++book->waiting_count > WAITING_MAX) {
		entry_free(list_first(&book->waiting, struct entry, node));
		book->waiting_count--;
	}
}

static void book_emit(void *arg, const struct trace_record *record)
{
	struct ladder_book *book = arg;
	struct trace_record stamped = *record;
	uint64_t now_us = clock_now_us(book->clock);
	struct binding *binding;
	struct entry *entry;

	if (!record->call_key)
		return;
	/* Some stamp the time of the loop's turn, which notes of the same turn would precede. What
	 * is told here happened just now. */
	if (now_us > stamped.monotonic_us)
		stamped.monotonic_us = now_us;
	binding = binding_of(book, record->call_key);
	if (!binding || (binding->ladder->closed && opens_a_call(record))) {
		keep_waiting(book, &stamped);
		return;
	}
	entry = entry_of(&stamped, binding->column);
	if (entry)
		ladder_take(binding->ladder, entry);
}

struct trace_sink ladder_book_sink(struct ladder_book *book)
{
	return (struct trace_sink){ .emit = book_emit, .arg = book };
}

int ladder_open(struct ladder_book *book, const char *call_id)
{
	struct ladder *ladder = mem_zalloc(sizeof(*ladder));

	if (!ladder)
		return -ENOMEM;
	list_init(&ladder->entries);
	list_init(&ladder->bindings);
	snprintf(ladder->id, sizeof(ladder->id), "%s", call_id);
	list_prepend(&book->ladders, &ladder->node);
	return 0;
}

static void collect_waiting(struct ladder_book *book, struct binding *binding)
{
	struct entry *entry;

	list_for_each(entry, &book->waiting, struct entry, node) {
		if (strcmp(entry->key, binding->key) != 0)
			continue;
		list_remove(&entry->node);
		book->waiting_count--;
		mem_free(entry->key);
		entry->key = NULL;
		entry->shown.column = binding->column;
		ladder_take(binding->ladder, entry);
	}
}

void ladder_bind(struct ladder_book *book, const char *call_id, const char *call_key,
		 const char *column)
{
	struct ladder *ladder = ladder_by_id(book, call_id);
	struct binding *old = binding_of(book, call_key);
	struct binding *binding;
	size_t length = strlen(call_key);

	if (!ladder || (old && old->ladder == ladder))
		return;
	binding = mem_zalloc(sizeof(*binding) + length + 1);
	if (!binding)
		return;
	if (old) { /* the old call keeps its entries; only their key is another's now */
		list_remove(&old->in_bucket);
		old->key[0] = '\0';
	}
	memcpy(binding->key, call_key, length);
	snprintf(binding->column, sizeof(binding->column), "%s", column);
	binding->ladder = ladder;
	list_append(bucket_of(book, call_key), &binding->in_bucket);
	list_append(&ladder->bindings, &binding->in_ladder);
	collect_waiting(book, binding);
}

void ladder_note(struct ladder_book *book, const char *call_id, const char *format, ...)
{
	struct ladder *ladder = ladder_by_id(book, call_id);
	char text[TEXT_MAX];
	struct trace_record record = { .protocol = TRACE_NOTE, .summary = text };
	struct entry *entry;
	va_list args;

	if (!ladder)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	record.wall_us = clock_wall_us(book->clock);
	record.monotonic_us = clock_now_us(book->clock);
	entry = entry_of(&record, "");
	if (entry)
		ladder_take(ladder, entry);
}

static void forget_oldest_finished(struct ladder_book *book)
{
	for (struct list *node = book->ladders.prev; node != &book->ladders; node = node->prev) {
		struct ladder *ladder = list_entry(node, struct ladder, node);

		if (ladder->closed) {
			ladder_free(ladder);
			book->finished--;
			return;
		}
	}
}

void ladder_close(struct ladder_book *book, const char *call_id)
{
	struct ladder *ladder = ladder_by_id(book, call_id);

	if (!ladder || ladder->closed)
		return;
	if (ladder->left_out)
		ladder_note(book, call_id, "%u later messages are left out", ladder->left_out);
	ladder->closed = true;
	if (++book->finished > book->finished_max)
		forget_oldest_finished(book);
}

void ladder_book_keep(struct ladder_book *book, unsigned finished)
{
	book->finished_max = finished;
	while (book->finished > book->finished_max)
		forget_oldest_finished(book);
}

int ladder_each(struct ladder_book *book, const char *call_id,
		void (*each)(void *arg, const struct ladder_entry *entry), void *arg)
{
	struct ladder *ladder = ladder_by_id(book, call_id);
	struct entry *entry;
	int count = 0;

	if (!ladder)
		return -ENOENT;
	list_for_each(entry, &ladder->entries, struct entry, node) {
		each(arg, &entry->shown);
		count++;
	}
	return count;
}

size_t ladder_list(struct ladder_book *book, const char **ids, size_t room)
{
	struct ladder *ladder;
	size_t count = 0;

	list_for_each(ladder, &book->ladders, struct ladder, node)
		if (count < room)
			ids[count++] = ladder->id;
	return count;
}
