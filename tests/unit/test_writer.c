/* SPDX-License-Identifier: GPL-2.0-only */
#include "base/mem.h"
#include "tdm/writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct out {
	uint8_t frame[LAPD_N201 + 4];
	size_t length;
	unsigned frames, told;
};

static int take(void *arg, const uint8_t *frame, size_t n)
{
	struct out *out = arg;

	memcpy(out->frame, frame, n);
	out->length = n;
	out->frames++;
	return 0;
}

static void told(void *arg, const uint8_t *frame, size_t n)
{
	struct out *out = arg;

	(void)frame;
	(void)n;
	out->told++;
}

static const struct writer_ops ops = { .send = take, .sent = told };

/* DISCONNECT for reference 5 (ours), cause 16 at the user, as libpri writes it. */
static size_t disconnect(uint8_t *frame, uint8_t ns, uint8_t nr)
{
	const uint8_t octets[] = { 0,
				   1,
				   (uint8_t)(ns << 1),
				   (uint8_t)(nr << 1),
				   8,
				   2,
				   0,
				   5,
				   Q931_DISCONNECT,
				   8,
				   2,
				   0x81,
				   0x90 };

	memcpy(frame, octets, sizeof(octets));
	return sizeof(octets);
}

static void write_it(struct writer *w, uint8_t ns, uint8_t nr)
{
	uint8_t frame[16];
	size_t n = disconnect(frame, ns, nr);

	assert_int_equal(writer_write(w, frame, n), 0);
}

static struct call_notes *notes_with_cause(struct writer *w, uint8_t cause)
{
	struct call_notes *notes = writer_notes(w, 5, true);

	assert_non_null(notes);
	q931_patch_cause(&notes->patches[NOTE_DISCONNECT], q850(cause, Q850_LOC_TRANSIT));
	return notes;
}

/* ---- Last words ---- */

static unsigned waits;

static void waiting(void *arg)
{
	(void)arg;
	waits++;
}

static const struct writer_ops patient = { .send = take, .sent = told, .waiting = waiting };

static void write_typed(struct writer *w, uint8_t ns, uint8_t type)
{
	uint8_t frame[16];
	size_t n = disconnect(frame, ns, 0);

	frame[8] = type;
	assert_int_equal(writer_write(w, frame, n), 0);
}

static void test_last_word_waits(void **state)
{
	const uint8_t rr[] = { 0, 1, 1, 4 };
	struct out out = { .frames = 0 };
	struct writer w;

	(void)state;
	waits = 0;
	writer_init(&w, &patient, &out);
	write_typed(&w, 0, Q931_RELEASE);
	assert_int_equal(out.frames, 1);
	write_typed(&w, 1, Q931_RELEASE_COMPLETE);
	assert_int_equal(waits, 1);
	assert_int_equal(writer_write(&w, rr, sizeof(rr)), 0); /* nothing overtakes it */
	write_typed(&w, 2, Q931_DISCONNECT);
	assert_int_equal(out.frames, 1);
	assert_int_equal(out.told, 1);
	assert_int_equal(w.held_count, 3);
	write_typed(&w, 3, Q931_RELEASE_COMPLETE); /* of a later turn */
	write_typed(&w, 4, Q931_DISCONNECT);
	assert_int_equal(waits, 2);
	writer_let_go(&w, 1);
	assert_int_equal(out.frames, 4);
	assert_int_equal(out.told, 3);
	assert_int_equal(out.frame[2], 2 << 1); /* the last one out */
	assert_int_equal(w.held_count, 2);
	writer_let_go(&w, 2);
	assert_int_equal(out.frames, 6);
	assert_int_equal(out.frame[2], 4 << 1);
	write_typed(&w, 3, Q931_RELEASE_COMPLETE); /* repeated by Q.921: said already */
	assert_int_equal(out.frames, 7);
	assert_int_equal(waits, 2);
	write_typed(&w, 5, Q931_RELEASE_COMPLETE);
	writer_close(&w);
	assert_int_equal(mem_live_blocks(), 0);
}

/* Then the order counts more than the wait. */
static void test_last_word_without_memory(void **state)
{
	struct out out = { .frames = 0 };
	struct writer w;

	(void)state;
	writer_init(&w, &patient, &out);
	write_typed(&w, 0, Q931_RELEASE_COMPLETE);
	assert_int_equal(out.frames, 0);
	mem_fail_after(0);
	write_typed(&w, 1, Q931_DISCONNECT);
	mem_fail_after(-1);
	assert_int_equal(out.frames, 2);
	assert_int_equal(out.frame[2], 1 << 1);
	assert_int_equal(w.held_count, 0);
	writer_close(&w);
	assert_int_equal(mem_live_blocks(), 0);
}

static void test_patch_and_repeat(void **state)
{
	struct out out = { .frames = 0 };
	struct writer w;
	struct call_notes *notes;

	(void)state;
	writer_init(&w, &ops, &out);
	write_it(&w, 0, 0); /* nobody has noted anything */
	assert_int_equal(out.frame[12], 0x90);
	notes = notes_with_cause(&w, 17);
	write_it(&w, 1, 0);
	assert_int_equal(out.frame[11], 0x83);
	assert_int_equal(out.frame[12], 0x91);
	q931_patch_cause(&notes->patches[NOTE_DISCONNECT], q850(41, Q850_LOC_USER));
	write_it(&w, 1, 9); /* repeated: as at first, but for N(R) */
	assert_int_equal(out.frame[12], 0x91);
	assert_int_equal(out.frame[3], 9 << 1);
	assert_int_equal(out.told, 2);
	write_it(&w, 2, 9);
	assert_int_equal(out.frame[12], 0x80 | 41);
	writer_close(&w);
	assert_int_equal(mem_live_blocks(), 0);
}

/* Notes serve a message that goes out after its call, and go when everything is acknowledged. */
static void test_retire(void **state)
{
	struct out out = { .frames = 0 };
	struct writer w;
	struct call_notes *notes;

	(void)state;
	writer_init(&w, &ops, &out);
	notes = notes_with_cause(&w, 17);
	writer_retire(&w, &notes);
	assert_null(notes);
	writer_retire(&w, &notes);
	writer_acknowledged(&w, 0); /* nothing was sent yet: says nothing */
	write_it(&w, 0, 0);
	assert_int_equal(out.frame[12], 0x91);
	writer_acknowledged(&w, 0);
	write_it(&w, 1, 0);
	assert_int_equal(out.frame[12], 0x91);
	writer_acknowledged(&w, 2);
	assert_int_equal(mem_live_blocks(), 0);
	write_it(&w, 2, 0);
	assert_int_equal(out.frame[12], 0x90);
	writer_close(&w);
}

static void test_retired_are_bounded(void **state)
{
	struct out out = { .frames = 0 };
	struct writer w;

	(void)state;
	writer_init(&w, &ops, &out);
	for (unsigned i = 0; i < 3 * WRITER_RETIRED_MAX; i++) {
		struct call_notes *notes = writer_notes(&w, (uint16_t)i, false);

		writer_retire(&w, &notes);
	}
	assert_int_equal(mem_live_blocks(), WRITER_RETIRED_MAX);
	writer_close(&w);
	assert_int_equal(mem_live_blocks(), 0);
}

/* After SABME numbers start anew: the same octets under the same number are another message. */
static void test_reset(void **state)
{
	static const uint8_t sabme[] = { 0, 1, 0x7f };
	struct out out = { .frames = 0 };
	struct writer w;

	(void)state;
	writer_init(&w, &ops, &out);
	write_it(&w, 0, 0);
	assert_int_equal(writer_write(&w, sabme, sizeof(sabme)), 0);
	write_it(&w, 0, 0);
	assert_int_equal(out.told, 2);
	assert_int_equal(out.frames, 3);
	writer_close(&w);
}

static void test_no_memory(void **state)
{
	struct writer w;

	(void)state;
	writer_init(&w, &ops, NULL);
	mem_fail_after(0);
	assert_null(writer_notes(&w, 1, true));
	mem_fail_after(-1);
	writer_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_patch_and_repeat),    cmocka_unit_test(test_retire),
		cmocka_unit_test(test_retired_are_bounded), cmocka_unit_test(test_reset),
		cmocka_unit_test(test_no_memory),	    cmocka_unit_test(test_last_word_waits),
		cmocka_unit_test(test_last_word_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
