/* SPDX-License-Identifier: GPL-2.0-only */
/* HDLC of a timeslot. Published values: CRC-16/X-25 of "123456789" is 0x906E (catalogue of
 * parametrised CRC algorithms); the residue 0xF0B8 (RFC 1662 C.2). The line's bits are also made
 * here by a second, bit-by-bit writer that shares nothing with hdlc.c. */
#include "hw/hdlc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LINE_ROOM 65536

struct fixture {
	struct hdlc_rx rx;
	uint8_t frames[64][E1_FRAME_MAX];
	size_t lengths[64];
	size_t count;
	unsigned errors[4];
	/* The second writer. */
	uint8_t line[LINE_ROOM];
	size_t bits;
	/* What the transmitter is to send. */
	const uint8_t *queue[64];
	size_t queue_lengths[64], queued, fetched;
};

static void frame_in(void *arg, const uint8_t *octets, size_t n)
{
	struct fixture *f = arg;

	assert_true(f->count < 64);
	memcpy(f->frames[f->count], octets, n);
	f->lengths[f->count++] = n;
}

static void error_in(void *arg, enum hdlc_error error)
{
	struct fixture *f = arg;

	f->errors[error]++;
}

static const struct hdlc_rx_ops rx_ops = { frame_in, error_in };

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	hdlc_rx_init(&f->rx, &rx_ops, f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static void put_bit(struct fixture *f, unsigned bit)
{
	assert_true(f->bits < (size_t)LINE_ROOM * 8);
	if (bit)
		f->line[f->bits / 8] = (uint8_t)(f->line[f->bits / 8] | 0x80 >> f->bits % 8);
	f->bits++;
}

static void put_bits(struct fixture *f, const char *text)
{
	for (; *text; text++)
		if (*text != ' ')
			put_bit(f, *text == '1');
}

static void put_stuffed(struct fixture *f, const uint8_t *octets, size_t n)
{
	unsigned ones = 0;

	for (size_t i = 0; i < n * 8; i++) {
		unsigned bit = octets[i / 8] >> i % 8 & 1;

		put_bit(f, bit);
		ones = bit ? ones + 1 : 0;
		if (ones == 5) {
			put_bit(f, 0);
			ones = 0;
		}
	}
}

/* Division of the polynomial, a bit at a time. */
static uint16_t slow_fcs(const uint8_t *octets, size_t n)
{
	unsigned fcs = 0xFFFF;

	for (size_t i = 0; i < n * 8; i++) {
		unsigned bit = (octets[i / 8] >> i % 8 & 1) ^ (fcs & 1);

		fcs = fcs >> 1 ^ (bit ? 0x8408u : 0);
	}
	return (uint16_t)(fcs ^ 0xFFFF);
}

static void put_frame(struct fixture *f, const uint8_t *octets, size_t n)
{
	uint8_t whole[E1_FRAME_MAX + 64];
	uint16_t fcs = slow_fcs(octets, n);

	memcpy(whole, octets, n);
	whole[n] = (uint8_t)fcs;
	whole[n + 1] = (uint8_t)(fcs >> 8);
	put_stuffed(f, whole, n + 2);
	put_bits(f, "01111110");
}

/* Ends on a whole octet of the line by idle ones, then feeds all. */
static void feed(struct fixture *f)
{
	while (f->bits % 8)
		put_bit(f, 1);
	hdlc_rx_octets(&f->rx, f->line, f->bits / 8);
	memset(f->line, 0, f->bits / 8 + 1);
	f->bits = 0;
}

static void assert_frame(struct fixture *f, size_t i, const void *octets, size_t n)
{
	assert_true(i < f->count);
	assert_int_equal(f->lengths[i], n);
	assert_memory_equal(f->frames[i], octets, n);
}

static void assert_errors(struct fixture *f, unsigned crc, unsigned aborted, unsigned too_short,
			  unsigned too_long)
{
	assert_int_equal(f->errors[HDLC_CRC], crc);
	assert_int_equal(f->errors[HDLC_ABORT], aborted);
	assert_int_equal(f->errors[HDLC_SHORT], too_short);
	assert_int_equal(f->errors[HDLC_LONG], too_long);
}

static void fcs_vectors(void **state)
{
	static const struct {
		const char *octets;
		size_t n;
		uint16_t fcs;
	} rows[] = {
		{ "123456789", 9, 0x906E },
		{ "", 0, 0x0000 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint16_t fcs =
			hdlc_fcs16(HDLC_FCS_INIT, (const uint8_t *)rows[i].octets, rows[i].n);

		assert_int_equal((uint16_t)~fcs, rows[i].fcs);
	}
}

static void fcs_residue_and_slow_writer_agree(void **state)
{
	uint8_t octets[300];

	(void)state;
	srand(1);
	for (size_t n = 0; n < 298; n++) {
		uint16_t fcs;

		for (size_t i = 0; i < n; i++)
			octets[i] = (uint8_t)rand();
		fcs = (uint16_t)~hdlc_fcs16(HDLC_FCS_INIT, octets, n);
		assert_int_equal(fcs, slow_fcs(octets, n));
		octets[n] = (uint8_t)fcs;
		octets[n + 1] = (uint8_t)(fcs >> 8);
		assert_int_equal(hdlc_fcs16(HDLC_FCS_INIT, octets, n + 2), HDLC_FCS_GOOD);
	}
}

/* All by hand: 0x7E data octet becomes 0 11111 0 1 0; bits of octets low first. */
static void stuffing_by_hand(void **state)
{
	struct fixture *f = *state;
	static const uint8_t data[] = { 0xFF, 0x7E, 0x1F, 0xF8 };
	uint16_t fcs = slow_fcs(data, sizeof(data));

	put_bits(f, "01111110");
	put_bits(f, "11111 0 111"); /* FF */
	put_bits(f, "01111110"); /* not data: an octet 7E would be 0 11111 0 10; this flag cuts the
				    frame short */
	feed(f);
	assert_int_equal(f->count, 0);
	assert_errors(f, 0, 0, 1, 0);

	put_bits(f, "01111110");
	put_bits(f, "11111 0 111");  /* FF: five ones, zero, three ones */
	put_bits(f, "0 11111 0 10"); /* 7E */
	put_bits(f, "11111 0 000");  /* 1F */
	put_bits(f, "000 11111 0");  /* F8 */
	put_stuffed(f, (const uint8_t[]){ (uint8_t)fcs, (uint8_t)(fcs >> 8) }, 2);
	put_bits(f, "01111110");
	feed(f);
	assert_int_equal(f->count, 1);
	assert_frame(f, 0, data, sizeof(data));
}

/* Every alignment of the frame to the line's octets, with flags of their own or shared, or with
 * a shared zero. */
static void every_alignment_and_flag_sharing(void **state)
{
	struct fixture *f = *state;
	static const uint8_t sabme[] = { 0x00, 0x01, 0x7F }, ua[] = { 0x00, 0x01, 0x73 };
	static const char *const between[] = { "", "01111110", "1111110", "1111110 1111110",
					       "01111110 01111110 1111110" };

	for (size_t shift = 0; shift < 8; shift++) {
		for (size_t b = 0; b < sizeof(between) / sizeof(between[0]); b++) {
			f->count = 0;
			for (size_t i = 0; i < shift; i++)
				put_bit(f, 1);
			put_bits(f, "01111110");
			put_frame(f, sabme, sizeof(sabme));
			put_bits(f, between[b]);
			put_frame(f, ua, sizeof(ua));
			feed(f);
			assert_int_equal(f->count, 2);
			assert_frame(f, 0, sabme, sizeof(sabme));
			assert_frame(f, 1, ua, sizeof(ua));
		}
	}
	assert_errors(f, 0, 0, 0, 0);
}

static void abort_within_a_frame(void **state)
{
	struct fixture *f = *state;
	static const uint8_t data[] = {
		2, 2, 3, 4, 5, 6
	}; /* begins with a zero: seven ones, no more */

	put_bits(f, "01111110");
	put_stuffed(f, data, sizeof(data));
	put_bits(f, "1111111");
	put_stuffed(f, data, sizeof(data)); /* after an abort: nothing until a flag */
	put_bits(f, "01111110");
	put_frame(f, data, sizeof(data));
	feed(f);
	assert_int_equal(f->count, 1);
	assert_errors(f, 0, 1, 0, 0);
}

static void idle_ones_and_flags_are_no_errors(void **state)
{
	struct fixture *f = *state;
	static const uint8_t data[] = { 1, 2, 3, 4 };

	memset(f->line, 0xFF, 100);
	f->bits = 800;
	feed(f);
	for (size_t i = 0; i < 100; i++)
		put_bits(f, "01111110");
	put_bit(f, 0); /* a stray bit among flags: no octet, no frame */
	for (size_t i = 0; i < 100; i++)
		put_bits(f, "01111110");
	put_frame(f, data, sizeof(data));
	memset(f->line + f->bits / 8 + 1, 0, 16);
	feed(f);
	assert_int_equal(f->count, 1);
	assert_errors(f, 0, 0, 0, 0);
}

static void wrong_fcs_and_broken_octets(void **state)
{
	struct fixture *f = *state;
	static const uint8_t data[] = { 0x02, 0x01, 0x01, 0x0A, 0x55, 0xAA };
	uint8_t whole[sizeof(data) + 2];
	uint16_t fcs = slow_fcs(data, sizeof(data));
	size_t bad = 0;

	memcpy(whole, data, sizeof(data));
	whole[sizeof(data)] = (uint8_t)fcs;
	whole[sizeof(data) + 1] = (uint8_t)(fcs >> 8);
	for (size_t bit = 0; bit < sizeof(whole) * 8; bit++, bad++) {
		whole[bit / 8] = (uint8_t)(whole[bit / 8] ^ 1 << bit % 8);
		put_bits(f, "01111110");
		put_stuffed(f, whole, sizeof(whole));
		put_bits(f, "01111110");
		whole[bit / 8] = (uint8_t)(whole[bit / 8] ^ 1 << bit % 8);
	}
	feed(f);
	assert_int_equal(f->count, 0);
	assert_errors(f, (unsigned)bad, 0, 0, 0);
	for (unsigned extra = 1; extra < 8; extra++) {
		put_bits(f, "01111110");
		put_stuffed(f, whole, sizeof(whole));
		for (unsigned i = 0; i < extra; i++)
			put_bit(f, 0);
		put_bits(f, "01111110");
	}
	feed(f);
	assert_int_equal(f->count, 0);
	assert_errors(f, (unsigned)bad + 7, 0, 0, 0);
}

/* One bit more than whole octets, and the flag's first seven complete an octet that makes the FCS
 * come out right. */
static void an_fcs_completed_by_the_flag(void **state)
{
	struct fixture *f = *state;
	uint8_t data[] = { 0x02, 0x01, 0x01, 0x00, 0x00 };
	uint16_t fcs = slow_fcs(data, 4);

	while (fcs >> 8 != 0xFC) /* 0, then the 0111111 of the flag; first bit lowest */
		data[3]++, fcs = slow_fcs(data, 4);
	data[4] = (uint8_t)fcs;
	put_bits(f, "01111110");
	put_stuffed(f, data, 5);
	put_bits(f, "0 01111110");
	feed(f);
	assert_int_equal(f->count, 0);
	assert_errors(f, 1, 0, 0, 0);
}

static void short_and_long_frames(void **state)
{
	struct fixture *f = *state;
	uint8_t data[E1_FRAME_MAX + 1];

	memset(data, 0xFF, sizeof(data)); /* the worst for stuffing */
	put_bits(f, "01111110");
	put_stuffed(f, data, 1);
	put_bits(f, "01111110");
	put_stuffed(f, (const uint8_t[]){ 1, 2, 3 }, 3);
	put_bits(f, "01111110");
	feed(f);
	assert_errors(f, 0, 0, 2, 0);
	put_bits(f, "01111110");
	put_frame(f, data, E1_FRAME_MAX);
	feed(f);
	assert_int_equal(f->count, 1);
	assert_frame(f, 0, data, E1_FRAME_MAX);
	put_bits(f, "01111110");
	put_frame(f, data, E1_FRAME_MAX + 1);
	put_frame(f, data, 10);
	feed(f);
	assert_int_equal(f->count, 2);
	assert_frame(f, 1, data, 10);
	assert_errors(f, 0, 0, 2, 1);
}

static size_t next_frame(void *arg, uint8_t *frame, size_t room)
{
	struct fixture *f = arg;
	size_t n;

	if (f->fetched == f->queued)
		return 0;
	n = f->queue_lengths[f->fetched];
	assert_true(n <= room);
	memcpy(frame, f->queue[f->fetched++], n);
	return n;
}

static void transmitter_matches_the_slow_writer(void **state)
{
	struct fixture *f = *state;
	struct hdlc_tx tx;
	uint8_t line[64];
	static const uint8_t data[] = { 0xFF, 0xFF, 0x7E, 0x00, 0xF8, 0x1F };

	f->queue[0] = data;
	f->queue_lengths[0] = sizeof(data);
	f->queued = 1;
	put_bits(f, "01111110");
	put_frame(f, data, sizeof(data));
	for (int i = 0; i < 20; i++)
		put_bits(f, "01111110");
	hdlc_tx_init(&tx, next_frame, f);
	hdlc_tx_octets(&tx, line, 20);
	assert_memory_equal(line, f->line, 20);
}

static void idle_is_continuous_flags(void **state)
{
	struct fixture *f = *state;
	struct hdlc_tx tx;
	uint8_t line[32];

	hdlc_tx_init(&tx, next_frame, f);
	hdlc_tx_octets(&tx, line, sizeof(line));
	for (size_t i = 0; i < sizeof(line); i++)
		assert_int_equal(line[i], 0x7E);
}

/* Random frames through both, moved in blocks of any size: everything arrives, in order, once. */
static void both_ways_in_any_block_size(void **state)
{
	struct fixture *f = *state;
	static uint8_t data[64][E1_FRAME_MAX];
	struct hdlc_tx tx;

	srand(7);
	for (size_t i = 0; i < 64; i++) {
		f->queue_lengths[i] = 2 + (size_t)rand() % (E1_FRAME_MAX - 1);
		f->queue[i] = data[i];
		for (size_t k = 0; k < f->queue_lengths[i]; k++)
			data[i][k] = (uint8_t)(rand() % 3 ? rand() : 0xFF);
	}
	hdlc_tx_init(&tx, next_frame, f);
	for (size_t moved = 0; moved < 40000;) {
		uint8_t block[64];
		size_t n = 1 + (size_t)rand() % sizeof(block);

		if (rand() % 4 == 0 && f->queued < 64)
			f->queued++;
		hdlc_tx_octets(&tx, block, n);
		hdlc_rx_octets(&f->rx, block, n);
		moved += n;
	}
	assert_int_equal(f->count, 64);
	for (size_t i = 0; i < 64; i++)
		assert_frame(f, i, data[i], f->queue_lengths[i]);
	assert_errors(f, 0, 0, 0, 0);
}

/* A lost packet is played as ones: the frame it hit is aborted, and never replaced by another. */
static void a_gap_of_ones_kills_the_frame(void **state)
{
	struct fixture *f = *state;
	uint8_t data[100];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 37);
	for (size_t gap = 3; gap < 90; gap++) {
		put_bits(f, "01111110");
		put_frame(f, data, sizeof(data));
		memset(f->line + gap, 0xFF, 8);
		feed(f);
	}
	assert_int_equal(f->count, 0);
	put_bits(f, "01111110");
	put_frame(f, data, sizeof(data));
	feed(f);
	assert_int_equal(f->count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fcs_vectors),
		cmocka_unit_test(fcs_residue_and_slow_writer_agree),
		cmocka_unit_test_setup_teardown(stuffing_by_hand, setup, teardown),
		cmocka_unit_test_setup_teardown(every_alignment_and_flag_sharing, setup, teardown),
		cmocka_unit_test_setup_teardown(abort_within_a_frame, setup, teardown),
		cmocka_unit_test_setup_teardown(idle_ones_and_flags_are_no_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(wrong_fcs_and_broken_octets, setup, teardown),
		cmocka_unit_test_setup_teardown(an_fcs_completed_by_the_flag, setup, teardown),
		cmocka_unit_test_setup_teardown(short_and_long_frames, setup, teardown),
		cmocka_unit_test_setup_teardown(transmitter_matches_the_slow_writer, setup,
						teardown),
		cmocka_unit_test_setup_teardown(idle_is_continuous_flags, setup, teardown),
		cmocka_unit_test_setup_teardown(both_ways_in_any_block_size, setup, teardown),
		cmocka_unit_test_setup_teardown(a_gap_of_ones_kills_the_frame, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
