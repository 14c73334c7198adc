/* SPDX-License-Identifier: GPL-2.0-only */
/* Any octets on a timeslot: no frame beyond its bounds, the result doesn't depend on how the
 * octets are cut into blocks, and whatever is sent comes back whole. */
#include "hw/hdlc.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct result {
	uint32_t frames, errors;
	uint16_t sum;
};

static void frame_in(void *arg, const uint8_t *octets, size_t n)
{
	struct result *r = arg;

	if (n < 2 || n > E1_FRAME_MAX)
		abort();
	r->frames++;
	r->sum = hdlc_fcs16(r->sum, octets, n);
}

static void error_in(void *arg, enum hdlc_error error)
{
	struct result *r = arg;

	r->errors += 1 + (uint32_t)error;
}

static const struct hdlc_rx_ops ops = { frame_in, error_in };

struct source {
	const uint8_t *octets;
	size_t n;
};

static size_t next_frame(void *arg, uint8_t *frame, size_t room)
{
	struct source *s = arg;
	size_t n = s->n < room ? s->n : room;

	if (n < 2)
		return 0;
	memcpy(frame, s->octets, n);
	s->n = 0;
	return n;
}

static void echo_in(void *arg, const uint8_t *octets, size_t n)
{
	struct source *s = arg;

	if (n != s->n || memcmp(octets, s->octets, n))
		abort();
	s->n = 0;
}

static void no_error(void *arg, enum hdlc_error error)
{
	(void)arg;
	(void)error;
	abort();
}

static void there_and_back(const uint8_t *data, size_t size)
{
	static const struct hdlc_rx_ops echo_ops = { echo_in, no_error };
	struct source out = { data, size < E1_FRAME_MAX ? size : E1_FRAME_MAX }, back = out;
	struct hdlc_tx tx;
	struct hdlc_rx rx;
	uint8_t line[E1_FRAME_MAX * 2];

	hdlc_tx_init(&tx, next_frame, &out);
	hdlc_rx_init(&rx, &echo_ops, &back);
	hdlc_tx_octets(&tx, line, sizeof(line));
	hdlc_rx_octets(&rx, line, sizeof(line));
	if (size >= 2 && back.n)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct result whole = { 0 }, single = { 0 };
	struct hdlc_rx rx;

	hdlc_rx_init(&rx, &ops, &whole);
	hdlc_rx_octets(&rx, data, size);
	hdlc_rx_init(&rx, &ops, &single);
	for (size_t i = 0; i < size; i++)
		hdlc_rx_octets(&rx, data + i, 1);
	if (memcmp(&whole, &single, sizeof(whole)))
		abort();
	there_and_back(data, size);
	return 0;
}
