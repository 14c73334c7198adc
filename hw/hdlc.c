/* SPDX-License-Identifier: GPL-2.0-only */
/* Both directions work on tables made once: what a line octet yields after a run of n ones
 * (receiver), and what an HDLC octet becomes with zeros inserted after a run of n ones
 * (transmitter). */
#include "hw/hdlc.h"

#include <pthread.h>
#include <string.h>

#define FLAG 0x7E     /* 01111110, the same from both ends */
#define STUFF_AFTER 5 /* ones, then a zero is inserted (ISO/IEC 13239 4.3.1) */
#define ABORT_ONES 7
#define SHORTEST 4 /* octets with FCS: 32 bits */

/* What one line octet does to the receiver when neither a flag nor an abort ends in it. */
struct rx_step {
	uint8_t data; /* bits without the stuffed zeros, first bit lowest */
	uint8_t count;
	uint8_t ones; /* the run it ends with */
	bool special; /* look at it bit by bit */
};

struct tx_step {
	uint16_t line; /* first bit highest */
	uint8_t count;
	uint8_t ones;
};

static struct rx_step rx_steps[ABORT_ONES + 1][256];
static struct tx_step tx_steps[STUFF_AFTER][256];
static uint16_t fcs_steps[256];

static struct rx_step make_rx_step(unsigned ones, unsigned octet)
{
	struct rx_step s = { 0 };

	for (int i = 7; i >= 0; i--) {
		unsigned bit = octet >> i & 1;

		if (ones > STUFF_AFTER || (ones == STUFF_AFTER && bit))
			s.special = true; /* a flag or an abort is ending */
		if (!bit && ones == STUFF_AFTER) {
			ones = 0;
			continue;
		}
		s.data = (uint8_t)(s.data | bit << s.count);
		s.count++;
		ones = bit ? ones + 1 : 0;
	}
	s.ones = (uint8_t)(s.special ? 0 : ones);
	return s;
}

static struct tx_step make_tx_step(unsigned ones, unsigned octet)
{
	struct tx_step s = { 0 };

	for (int i = 0; i < 8; i++) {
		unsigned bit = octet >> i & 1;

		s.line = (uint16_t)((unsigned)s.line << 1 | bit);
		s.count++;
		ones = bit ? ones + 1 : 0;
		if (ones == STUFF_AFTER) {
			s.line = (uint16_t)(s.line << 1);
			s.count++;
			ones = 0;
		}
	}
	s.ones = (uint8_t)ones;
	return s;
}

static uint16_t make_fcs_step(unsigned octet)
{
	unsigned v = octet;

	for (int i = 0; i < 8; i++)
		v = v & 1 ? v >> 1 ^ 0x8408 : v >> 1; /* CRC-CCITT, bits reversed */
	return (uint16_t)v;
}

static void make_tables(void)
{
	for (unsigned octet = 0; octet < 256; octet++) {
		for (unsigned ones = 0; ones <= ABORT_ONES; ones++)
			rx_steps[ones][octet] = make_rx_step(ones, octet);
		for (unsigned ones = 0; ones < STUFF_AFTER; ones++)
			tx_steps[ones][octet] = make_tx_step(ones, octet);
		fcs_steps[octet] = make_fcs_step(octet);
	}
}

static void need_tables(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_tables);
}

static uint16_t fcs_add(uint16_t fcs, uint8_t octet)
{
	return (uint16_t)(fcs >> 8 ^ fcs_steps[(fcs ^ octet) & 0xFF]);
}

uint16_t hdlc_fcs16(uint16_t fcs, const uint8_t *octets, size_t n)
{
	need_tables();
	for (size_t i = 0; i < n; i++)
		fcs = fcs_add(fcs, octets[i]);
	return fcs;
}

void hdlc_rx_init(struct hdlc_rx *rx, const struct hdlc_rx_ops *ops, void *arg)
{
	need_tables();
	*rx = (struct hdlc_rx){
		.ops = ops, .arg = arg, .hunting = true, .fcs = HDLC_FCS_INIT, .idle = -1
	};
}

static void rx_start_frame(struct hdlc_rx *rx)
{
	rx->shift = 0;
	rx->bits = 0;
	rx->length = 0;
	rx->fcs = HDLC_FCS_INIT;
	rx->hunting = false;
}

/* A frame ended with an error: wait for the next flag. */
static void rx_hunt(struct hdlc_rx *rx, enum hdlc_error error)
{
	rx_start_frame(rx);
	rx->hunting = true;
	rx->ops->error(rx->arg, error);
}

static void rx_put_octet(struct hdlc_rx *rx, uint8_t octet)
{
	if (rx->length == sizeof(rx->frame)) {
		rx_hunt(rx, HDLC_LONG);
		return;
	}
	rx->frame[rx->length++] = octet;
	rx->fcs = fcs_add(rx->fcs, octet);
}

static void rx_put_bits(struct hdlc_rx *rx, unsigned data, unsigned count)
{
	if (rx->hunting)
		return;
	rx->shift |= data << rx->bits;
	rx->bits = (uint8_t)(rx->bits + count);
	if (rx->bits < 8)
		return;
	rx->bits = (uint8_t)(rx->bits - 8);
	rx_put_octet(rx, (uint8_t)rx->shift);
	rx->shift = rx->hunting ? 0 : rx->shift >> 8;
}

/* Was there at least one octet before the `tail` bits that belong to a flag or an abort? Else
 * nothing was cut: idle flags (which may share a zero), idle ones, or a bit or two of noise
 * between them. */
static bool rx_in_frame(const struct hdlc_rx *rx, unsigned tail)
{
	return !rx->hunting && rx->length * 8u + rx->bits >= 8 + tail;
}

/* The flag's first zero and its six ones have been taken for data: of a frame of whole octets,
 * seven bits are left over. */
static void rx_flag(struct hdlc_rx *rx)
{
	bool whole = rx->bits == 7, good = rx->fcs == HDLC_FCS_GOOD, was_frame = rx_in_frame(rx, 7);
	size_t length = rx->length;

	rx_start_frame(rx);
	if (!was_frame)
		return;
	if (!whole)
		rx->ops->error(rx->arg, HDLC_CRC);
	else if (length < SHORTEST)
		rx->ops->error(rx->arg, HDLC_SHORT);
	else if (!good)
		rx->ops->error(rx->arg, HDLC_CRC);
	else
		rx->ops->frame(rx->arg, rx->frame, length - 2);
}

static void rx_one(struct hdlc_rx *rx)
{
	if (rx->ones < ABORT_ONES)
		rx->ones++;
	if (rx->ones < ABORT_ONES) {
		rx_put_bits(rx, 1, 1);
		return;
	}
	if (rx->hunting)
		return;
	if (rx_in_frame(rx, ABORT_ONES - 1)) {
		rx_hunt(rx, HDLC_ABORT);
	} else {
		rx_start_frame(rx);
		rx->hunting = true;
	}
}

static void rx_zero(struct hdlc_rx *rx)
{
	unsigned ones = rx->ones;

	rx->ones = 0;
	if (ones < STUFF_AFTER)
		rx_put_bits(rx, 0, 1);
	else if (ones == STUFF_AFTER + 1)
		rx_flag(rx);
}

static void rx_by_bits(struct hdlc_rx *rx, uint8_t octet)
{
	for (int i = 7; i >= 0; i--) {
		if (octet >> i & 1)
			rx_one(rx);
		else
			rx_zero(rx);
	}
}

/* An octet that holds a flag or part of an abort. When it leaves the state as it was, its
 * repetition will too. */
static void rx_special(struct hdlc_rx *rx, uint8_t octet)
{
	uint32_t shift = rx->shift;
	uint8_t bits = rx->bits, ones = rx->ones;
	bool hunting = rx->hunting, empty = rx->length == 0;

	rx_by_bits(rx, octet);
	if (empty && rx->length == 0 && shift == rx->shift && bits == rx->bits &&
	    ones == rx->ones && hunting == rx->hunting)
		rx->idle = octet;
}

void hdlc_rx_octets(struct hdlc_rx *rx, const uint8_t *octets, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct rx_step *step;

		if (octets[i] == rx->idle)
			continue;
		rx->idle = -1;
		step = &rx_steps[rx->ones][octets[i]];
		if (step->special) {
			rx_special(rx, octets[i]);
			continue;
		}
		rx->ones = step->ones;
		rx_put_bits(rx, step->data, step->count);
	}
}

void hdlc_tx_init(struct hdlc_tx *tx, size_t (*next)(void *, uint8_t *, size_t), void *arg)
{
	need_tables();
	*tx = (struct hdlc_tx){ .next = next, .arg = arg };
}

static bool tx_next_frame(struct hdlc_tx *tx)
{
	size_t n = tx->next(tx->arg, tx->frame, E1_FRAME_MAX);
	uint16_t fcs;

	if (!n)
		return false;
	fcs = (uint16_t)~hdlc_fcs16(HDLC_FCS_INIT, tx->frame, n);
	tx->frame[n] = (uint8_t)fcs;
	tx->frame[n + 1] = (uint8_t)(fcs >> 8);
	tx->length = (uint16_t)(n + 2);
	tx->at = 0;
	return true;
}

static void tx_put_flag(struct hdlc_tx *tx)
{
	tx->line = tx->line << 8 | FLAG;
	tx->bits = (uint8_t)(tx->bits + 8);
	tx->ones = 0;
}

static void tx_put_octet(struct hdlc_tx *tx, uint8_t octet)
{
	const struct tx_step *step = &tx_steps[tx->ones][octet];

	tx->line = tx->line << step->count | step->line;
	tx->bits = (uint8_t)(tx->bits + step->count);
	tx->ones = step->ones;
}

/* One flag both closes a frame and opens the next: a frame is fetched only after a flag. */
static void tx_put_more(struct hdlc_tx *tx)
{
	if (tx->at < tx->length) {
		tx_put_octet(tx, tx->frame[tx->at++]);
		return;
	}
	tx_put_flag(tx);
	if (!tx_next_frame(tx))
		tx->length = tx->at = 0;
}

void hdlc_tx_octets(struct hdlc_tx *tx, uint8_t *octets, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		while (tx->bits < 8)
			tx_put_more(tx);
		tx->bits = (uint8_t)(tx->bits - 8);
		octets[i] = (uint8_t)(tx->line >> tx->bits);
	}
}
