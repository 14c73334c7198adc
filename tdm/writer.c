/* SPDX-License-Identifier: GPL-2.0-only */
#include "tdm/writer.h"

#include "base/mem.h"

#include <string.h>

#define HEADER 4 /* of a LAPD I frame */

/* On its way out, but for a last word that waits. */
struct held_frame {
	struct list node;
	bool last_word;
	bool fresh; /* a message that goes out for the first time */
	size_t length;
	uint8_t octets[];
};

void writer_init(struct writer *writer, const struct writer_ops *ops, void *arg)
{
	*writer = (struct writer){ .ops = ops, .arg = arg };
	list_init(&writer->live);
	list_init(&writer->retired);
	list_init(&writer->held);
}

static void free_all(struct list *head)
{
	struct call_notes *notes;

	list_for_each(notes, head, struct call_notes, node)
	{
		list_remove(&notes->node);
		mem_free(notes);
	}
}

static void free_held(struct writer *writer, struct held_frame *frame)
{
	list_remove(&frame->node);
	writer->held_count--;
	mem_free(frame);
}

void writer_close(struct writer *writer)
{
	struct held_frame *frame;

	list_for_each(frame, &writer->held, struct held_frame, node) free_held(writer, frame);
	free_all(&writer->live);
	free_all(&writer->retired);
}

struct call_notes *writer_notes(struct writer *writer, uint16_t crv, bool ours)
{
	struct call_notes *notes = mem_zalloc(sizeof(*notes));

	if (!notes)
		return NULL;
	notes->crv = crv;
	notes->ours = ours;
	list_prepend(&writer->live, &notes->node);
	return notes;
}

void writer_retire(struct writer *writer, struct call_notes **out)
{
	struct call_notes *notes = *out, *oldest;

	if (!notes)
		return;
	*out = NULL;
	list_remove(&notes->node);
	list_append(&writer->retired, &notes->node);
	if (++writer->retired_count <= WRITER_RETIRED_MAX)
		return;
	oldest = list_first(&writer->retired, struct call_notes, node);
	list_remove(&oldest->node);
	mem_free(oldest);
	writer->retired_count--;
}

enum note note_of(uint8_t type)
{
	switch (type) {
	case Q931_SETUP: return NOTE_SETUP;
	case Q931_CALL_PROCEEDING: return NOTE_PROCEEDING;
	case Q931_ALERTING: return NOTE_ALERTING;
	case Q931_PROGRESS: return NOTE_PROGRESS;
	case Q931_CONNECT: return NOTE_CONNECT;
	case Q931_DISCONNECT: return NOTE_DISCONNECT;
	case Q931_RELEASE: return NOTE_RELEASE;
	case Q931_RELEASE_COMPLETE: return NOTE_RELEASE_COMPLETE;
	case Q931_NOTIFY: return NOTE_NOTIFY;
	default: return NOTES;
	}
}

static const struct q931_patch *find_in(const struct list *head, uint16_t crv, bool ours,
					enum note note)
{
	const struct call_notes *notes;

	list_for_each(notes, head, struct call_notes,
		      node) if (notes->crv == crv && notes->ours == ours) return notes
			->patches[note]
			.used
		? &notes->patches[note]
		: NULL;
	return NULL;
}

/* The patch for a message that libpri wrote: always with a call reference of two octets. */
static const struct q931_patch *patch_of(const struct writer *writer, const uint8_t *frame,
					 size_t n)
{
	const struct q931_patch *patch;
	enum note note;
	uint16_t crv;

	if (n < HEADER + 5 || frame[HEADER + 1] != 2)
		return NULL;
	crv = (uint16_t)(frame[HEADER + 2] << 8 | frame[HEADER + 3]);
	note = note_of(frame[HEADER + 4]);
	if (note == NOTES)
		return NULL;
	patch = find_in(&writer->live, crv & 0x7fff, !(crv & 0x8000), note);
	return patch ? patch : find_in(&writer->retired, crv & 0x7fff, !(crv & 0x8000), note);
}

/* ---- Last words ---- */

static int send_now(struct writer *writer, const uint8_t *frame, size_t n, bool fresh)
{
	int rc = writer->ops->send(writer->arg, frame, n);

	if (fresh)
		writer->ops->sent(writer->arg, frame, n);
	return rc;
}

void writer_let_go(struct writer *writer, unsigned count)
{
	struct held_frame *frame;

	while ((frame = list_first(&writer->held, struct held_frame, node))) {
		if (count == 0 && frame->last_word)
			return;
		send_now(writer, frame->octets, frame->length, frame->fresh);
		free_held(writer, frame);
		count -= count > 0;
	}
}

static bool is_last_word(const struct writer *writer, const uint8_t *frame, size_t n)
{
	return writer->ops->waiting && n >= HEADER + 5 && frame[HEADER + 1] == 2 &&
	       frame[HEADER + 4] == Q931_RELEASE_COMPLETE;
}

/* Out, or behind what waits: frames keep their order, or their numbers would be wrong (Q.921
 * 5.8.2). Without memory the order is kept, and nothing waits. */
static int pass(struct writer *writer, const uint8_t *frame, size_t n, bool fresh)
{
	bool last_word = fresh && is_last_word(writer, frame, n);
	struct held_frame *held;

	if (!last_word && list_empty(&writer->held))
		return send_now(writer, frame, n, fresh);
	held = mem_zalloc(sizeof(*held) + n);
	if (!held) {
		writer_let_go(writer, writer->held_count);
		return send_now(writer, frame, n, fresh);
	}
	held->last_word = last_word;
	held->fresh = fresh;
	held->length = n;
	memcpy(held->octets, frame, n);
	list_append(&writer->held, &held->node);
	writer->held_count++;
	if (last_word)
		writer->ops->waiting(writer->arg);
	return 0;
}

/* ---- Frames of libpri ---- */

static int resend(struct writer *writer, struct writer_slot *slot, const uint8_t *frame)
{
	memcpy(slot->octets, frame, HEADER); /* N(R) has moved on */
	return pass(writer, slot->octets, slot->length, false);
}

static void store(struct writer *writer, struct writer_slot *slot, const uint8_t *frame, size_t n)
{
	const struct q931_patch *patch = patch_of(writer, frame, n);
	int length =
		patch ? q931_patch_apply(patch, frame, n, slot->octets, sizeof(slot->octets)) : 0;

	if (length < 0)
		writer->oversize++;
	if (length <= 0) {
		memcpy(slot->octets, frame, n);
		length = (int)n;
	}
	memcpy(slot->raw, frame, n);
	slot->used = true;
	slot->ns = lapd_ns(frame);
	slot->raw_length = (uint16_t)n;
	slot->length = (uint16_t)length;
}

static int write_i(struct writer *writer, const uint8_t *frame, size_t n)
{
	struct writer_slot *slot = &writer->slots[lapd_ns(frame) % WRITER_SLOTS];

	if (n > sizeof(slot->raw)) {
		writer->oversize++;
		return pass(writer, frame, n, false);
	}
	if (slot->used && slot->ns == lapd_ns(frame) && slot->raw_length == n &&
	    memcmp(slot->raw + HEADER, frame + HEADER, n - HEADER) == 0)
		return resend(writer, slot, frame);
	store(writer, slot, frame, n);
	writer->next_ns = (slot->ns + 1) & 0x7f;
	writer->next_known = true;
	return pass(writer, slot->octets, slot->length, true);
}

int writer_write(struct writer *writer, const uint8_t *frame, size_t n)
{
	if (lapd_is_i(frame, n))
		return write_i(writer, frame, n);
	if (lapd_is_sabme(frame, n) ||
	    lapd_is_ua(frame, n)) { /* numbers start anew (Q.921 5.5.1) */
		for (size_t i = 0; i < WRITER_SLOTS; i++)
			writer->slots[i].used = false;
		writer->next_known = false;
	}
	return pass(writer, frame, n, false);
}

void writer_acknowledged(struct writer *writer, uint8_t nr)
{
	if (!writer->next_known || nr != writer->next_ns)
		return;
	free_all(&writer->retired);
	writer->retired_count = 0;
}
