/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HW_HDLC_H
#define HW_HDLC_H

/* HDLC in a 64 kbit/s timeslot (ISO/IEC 13239, Q.921 2): flags, zero bit insertion, FCS-16.
 *
 * What does it do? The receiver takes the timeslot's octets as they come (not aligned to HDLC's
 * octets) and hands out whole frames without FCS; the transmitter asks for frames and writes the
 * timeslot's octets, with continuous flags between frames.
 * How does it work? Line octets carry the first bit in their most significant bit, HDLC octets
 * are sent least significant bit first. Tables move a line octet at a time; only octets in which
 * a flag or an abort ends are looked at bit by bit, and a repeated idle octet costs one
 * comparison.
 * Thread: the owner's. Nothing here allocates. */

#include "hw/e1.h"

#define HDLC_FCS_INIT 0xFFFF
#define HDLC_FCS_GOOD 0xF0B8 /* over a frame with its FCS (RFC 1662 appendix C.2) */

/* Running FCS-16 (x^16 + x^12 + x^5 + 1, bits reversed). The FCS sent is the complement, low
 * octet first. */
uint16_t hdlc_fcs16(uint16_t fcs, const uint8_t *octets, size_t n);

enum hdlc_error {
	HDLC_CRC,   /* FCS wrong, or not whole octets */
	HDLC_ABORT, /* seven or more ones within a frame */
	HDLC_SHORT, /* fewer than 32 bits between flags (ISO/IEC 13239 4.2.4) */
	HDLC_LONG,
};

struct hdlc_rx_ops {
	void (*frame)(void *arg, const uint8_t *octets,
		      size_t n); /* without FCS; valid during the call */
	void (*error)(void *arg, enum hdlc_error error);
};

struct hdlc_rx {
	const struct hdlc_rx_ops *ops; /* borrowed */
	void *arg;
	uint32_t shift; /* bits of the octet being gathered, first bit lowest */
	uint8_t bits;   /* how many, 0…7 */
	uint8_t ones;   /* run of ones up to here; stays at 7 */
	bool hunting;   /* no flag since start, abort or overlong frame */
	uint16_t fcs;
	uint16_t length;
	int idle; /* octet that changes nothing in the present state, or -1 */
	uint8_t frame[E1_FRAME_MAX + 2];
};

/* Begins hunting for a flag. `ops` and `arg` are borrowed for the receiver's life. */
void hdlc_rx_init(struct hdlc_rx *rx, const struct hdlc_rx_ops *ops, void *arg);
/* n octets of the timeslot; frames and errors are told from inside. */
void hdlc_rx_octets(struct hdlc_rx *rx, const uint8_t *octets, size_t n);

struct hdlc_tx {
	/* Writes the next frame without FCS into `frame` and returns its length, or 0 when there
	 * is none. */
	size_t (*next)(void *arg, uint8_t *frame, size_t room);
	void *arg;
	uint32_t line; /* bits ready for the line, the last one lowest */
	uint8_t bits;
	uint8_t ones;        /* run of ones within the frame */
	uint16_t length, at; /* of the frame with FCS; at == length: between frames */
	uint8_t frame[E1_FRAME_MAX + 2];
};

/* Begins with flags. `next` is asked whenever a frame has ended. */
void hdlc_tx_init(struct hdlc_tx *tx, size_t (*next)(void *, uint8_t *, size_t), void *arg);
/* Writes n octets for the timeslot: what is left of a frame, the next ones, flags. */
void hdlc_tx_octets(struct hdlc_tx *tx, uint8_t *octets, size_t n);

#endif
