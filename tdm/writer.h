/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TDM_WRITER_H
#define TDM_WRITER_H

/* The way out: every frame that libpri writes passes here, gets the elements that libpri can't
 * write, and is kept until it cannot be repeated any more.
 *
 * How does it work? A call's notes hold one patch per message type. libpri may write a message long
 * after it was asked for (Q.921's window, or the link being set up), even after the call is gone:
 * so notes outlive their call until layer 2 has nothing left to send. Q.921 repeats a frame under
 * its old N(S): the repetition is known by number and contents, and the frame first sent is sent
 * again with the new header, so that it stays the same to the last bit (Q.921 5.6.3).
 *
 * RELEASE COMPLETE is the last word on a call: libpri writes it as soon as RELEASE comes in, before
 * the call's user has heard of it. So it waits here, and in order behind it what is written
 * meanwhile, until the users have been told (the end of the loop's turn).
 *
 * Thread: signalling. */

#include "base/list.h"
#include "tdm/ie.h"
#include "tdm/pri.h"

/* Messages that may carry a patch. */
enum note {
	NOTE_SETUP,
	NOTE_PROCEEDING,
	NOTE_ALERTING,
	NOTE_PROGRESS,
	NOTE_CONNECT,
	NOTE_DISCONNECT,
	NOTE_RELEASE,
	NOTE_RELEASE_COMPLETE,
	NOTE_NOTIFY, /* the vehicle of STATUS ENQUIRY and of a RELEASE after DISCONNECT */
	NOTES
};

/* What a call's messages shall say. */
struct call_notes {
	struct list node;
	uint16_t crv;
	bool ours; /* the reference is of our making: messages go out with flag 0 */
	struct q931_patch patches[NOTES];
};

struct writer_ops {
	int (*send)(void *arg, const uint8_t *frame, size_t n);
	/* A Q.931 message goes out for the first time: as sent, with LAPD header. */
	void (*sent)(void *arg, const uint8_t *frame, size_t n);
	/* A last word waits from now on: writer_let_go() must follow. NULL: none ever waits. */
	void (*waiting)(void *arg);
};

#define WRITER_SLOTS 8 /* more than PRI_LINK_WINDOW, a divisor of 128 */
#define WRITER_RETIRED_MAX 128

struct writer {
	const struct writer_ops *ops;
	void *arg;
	struct list live, retired; /* of struct call_notes */
	unsigned retired_count;
	struct writer_slot {
		bool used;
		uint8_t ns;
		uint16_t raw_length, length;
		uint8_t raw[LAPD_N201 + 4], octets[LAPD_N201 + 4];
	} slots[WRITER_SLOTS];
	uint8_t next_ns; /* follows the frame sent last */
	bool next_known;
	uint64_t oversize; /* messages that no patch fitted into */
	struct list held;  /* frames in order, the first one a last word */
	unsigned held_count;
};

void writer_init(struct writer *writer, const struct writer_ops *ops, void *arg);
/* Frees all notes. */
void writer_close(struct writer *writer);
/* Notes for a call; NULL: no memory. The writer owns them. */
struct call_notes *writer_notes(struct writer *writer, uint16_t crv, bool ours);
/* The call is gone; its notes stay until nothing can need them. Sets NULL, takes NULL. */
void writer_retire(struct writer *writer, struct call_notes **notes);
enum note note_of(uint8_t type);
/* From libpri. What ops->send says; 0 when it waits. */
int writer_write(struct writer *writer, const uint8_t *frame, size_t n);
/* Sends the first `count` of the frames that wait, and what follows up to the next last word. */
void writer_let_go(struct writer *writer, unsigned count);
/* The far end acknowledged up to N(R): when that is all and libpri has had its turn, retired notes
 * go. */
void writer_acknowledged(struct writer *writer, uint8_t nr);

#endif
