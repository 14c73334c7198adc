/* SPDX-License-Identifier: GPL-2.0-only */
/* Any packets into header reader and receive buffer, in any order with the ticks, up to the
 * D-channel's HDLC, which is fed by the buffer's reader and may get no packet twice. The input is a
 * series of records: one octet of command, two of sequence number or length, then a packet. */
#include "hw/cesopsn_buffer.h"
#include "hw/cesopsn_wire.h"
#include "hw/hdlc.h"

#include <stdlib.h>
#include <string.h>

#define FRAMES 8
#define WIDTH 2

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
	struct cesopsn_buffer *buffer;
	struct cesopsn_format format;
	struct hdlc_rx hdlc;
	struct e1_counters counters;
	bool locked;
	unsigned given, read; /* packets with data */
};

static void frame_in(void *arg, const uint8_t *octets, size_t n)
{
	(void)arg;
	if (!octets || n > E1_FRAME_MAX)
		abort();
}

static void error_in(void *arg, enum hdlc_error error)
{
	(void)arg;
	(void)error;
}

static const struct hdlc_rx_ops hdlc_ops = { frame_in, error_in };

static void read_block(void *arg, const uint8_t *payload)
{
	struct run *r = arg;
	uint8_t block[FRAMES];

	r->read += payload != NULL;
	if (r->read > r->given)
		abort(); /* one of them was read twice */
	memset(block, 0xFF, sizeof(block));
	for (size_t f = 0; payload && f < FRAMES; f++)
		block[f] = payload[f * WIDTH + 1];
	hdlc_rx_octets(&r->hdlc, block, sizeof(block));
}

static void tick(struct run *r)
{
	const uint8_t *payload;
	volatile uint8_t octet;

	if (!r->locked)
		cesopsn_buffer_watch(r->buffer, 0);
	payload = cesopsn_buffer_take(r->buffer);
	for (size_t i = 0; payload && i < r->format.payload; i++)
		octet = payload[i];
	(void)octet;
}

static void packet(struct run *r, const uint8_t *octets, size_t n)
{
	struct cesopsn_packet p;

	if (cesopsn_read(&p, &r->format, octets, n) < 0)
		return;
	r->given += !p.l;
	cesopsn_buffer_put(r->buffer, p.sequence, p.l ? NULL : p.payload);
	for (unsigned i = 0; r->locked && cesopsn_buffer_level(r->buffer) > 2; i++) {
		if (i > 65536)
			abort(); /* a locked end must come to rest */
		tick(r);
	}
}

/* A good packet whose sequence number and payload the input chooses: reaches the buffer more
 * often than chance. */
static void made_packet(struct run *r, uint16_t sequence, uint8_t octet)
{
	struct cesopsn_packet p = { .sequence = sequence, .l = octet == 0xEE };
	uint8_t out[CESOPSN_HEADER_MAX + FRAMES * WIDTH];
	size_t n = cesopsn_write(out, &r->format, &p);

	memset(out + n, octet, r->format.payload);
	packet(r, out, n + r->format.payload);
}

static size_t record(struct run *r, const uint8_t *data, size_t size)
{
	uint16_t number = (uint16_t)(data[1] << 8 | data[2]);
	size_t n = data[2] < size - 3 ? data[2] : size - 3;

	switch (data[0] % 4) {
	case 0:
		packet(r, data + 3, n);
		return 3 + n;
	case 1:
		made_packet(r, number, data[0]);
		break;
	case 2:
		for (unsigned i = 0; i < data[2]; i++) {
			made_packet(r, (uint16_t)(data[1] * 257 + i), (uint8_t)i);
			tick(r);
		}
		break;
	default:
		for (unsigned i = 0; i < data[2] * 4u; i++)
			tick(r);
		break;
	}
	return 3;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run r = { .format = { .payload = FRAMES * WIDTH, .payload_type = 96 } };

	if (size < 1)
		return 0;
	r.locked = data[0] & 1;
	r.format.rtp = data[0] & 2;
	if (cesopsn_buffer_create(&r.buffer, r.format.payload, 1000, 1 + data[0] / 4, r.locked,
				  &r.counters) < 0)
		abort();
	hdlc_rx_init(&r.hdlc, &hdlc_ops, &r);
	cesopsn_buffer_set_reader(r.buffer, read_block, &r);
	for (size_t at = 1; at + 3 < size;)
		at += record(&r, data + at, size - at);
	cesopsn_buffer_destroy(&r.buffer);
	return 0;
}
