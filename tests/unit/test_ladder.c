/* SPDX-License-Identifier: GPL-2.0-only */
#include "base/mem.h"
#include "gateway/ladder.h"
#include "gateway/ladder_text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static struct clock_virtual now;
static struct ladder_book *book;
static long blocks;

static int setup(void **state)
{
	(void)state;
	clock_virtual_init(&now);
	blocks = mem_live_blocks();
	return ladder_book_create(&book, 2, &now.clock);
}

static int teardown(void **state)
{
	(void)state;
	ladder_book_destroy(&book);
	assert_int_equal(mem_live_blocks(), blocks);
	return 0;
}

static void say(const char *key, const char *object, const char *summary, enum trace_direction direction,
		enum trace_protocol protocol)
{
	struct trace_sink sink = ladder_book_sink(book);
	struct trace_record record = { .wall_us = 1, .monotonic_us = now.now_us, .protocol = protocol,
		.direction = direction, .object = object, .call_key = key, .summary = summary,
		.octets = (const uint8_t *)summary, .length = strlen(summary) };

	trace_emit(&sink, &record);
	now.now_us += 1000;
}

static void append(void *arg, const struct ladder_entry *entry)
{
	strcat(arg, entry->summary);
	strcat(arg, entry->protocol == TRACE_NOTE ? "!" : entry->column);
	strcat(arg, " ");
}

static const char *all(const char *id)
{
	static char text[4000];

	text[0] = '\0';
	return ladder_each(book, id, append, text) < 0 ? "(none)" : text;
}

static void records_before_the_binding_join(void **state)
{
	(void)state;
	say("call-1", "core", "INVITE", TRACE_IN, TRACE_SIP);
	say("other", "core", "OPTIONS", TRACE_IN, TRACE_SIP);
	assert_int_equal(ladder_open(book, "A"), 0);
	ladder_bind(book, "A", "call-1", "core");
	ladder_note(book, "A", "route %s", "x");
	now.now_us++;
	ladder_bind(book, "A", "e1/5", "e1");
	say("e1/5", "e1", "SETUP", TRACE_OUT, TRACE_Q931);
	say("call-1", "core", "100 Trying", TRACE_OUT, TRACE_SIP);
	assert_string_equal(all("A"), "INVITEcore route x! SETUPe1 100 Tryingcore ");
	assert_string_equal(all("B"), "(none)");
}

/* A record stamped with the time of the loop's turn, told after a note of the same turn. */
static void what_is_told_later_stands_later(void **state)
{
	struct trace_sink sink = ladder_book_sink(book);
	struct trace_record record = { .protocol = TRACE_Q931, .call_key = "e1/5", .summary = "SETUP" };

	(void)state;
	record.monotonic_us = now.now_us;
	now.now_us += 70;
	assert_int_equal(ladder_open(book, "A"), 0);
	ladder_note(book, "A", "route %s", "x");
	now.now_us += 5;
	trace_emit(&sink, &record);
	ladder_bind(book, "A", "e1/5", "e1");
	ladder_note(book, "A", "to e1");
	record.summary = "CONNECT";
	trace_emit(&sink, &record);
	assert_string_equal(all("A"), "route x! SETUPe1 to e1! CONNECTe1 ");
}

static void a_key_that_comes_round_is_the_new_calls(void **state)
{
	(void)state;
	ladder_open(book, "A");
	ladder_bind(book, "A", "e1/5", "e1");
	say("e1/5", "e1", "SETUP", TRACE_IN, TRACE_Q931);
	ladder_close(book, "A");
	say("e1/5", "e1", "RELEASE COMPLETE", TRACE_IN, TRACE_Q931); /* late, still A's */
	say("e1/5", "e1", "SETUP", TRACE_IN, TRACE_Q931);
	ladder_open(book, "B");
	ladder_bind(book, "B", "e1/5", "e1");
	say("e1/5", "e1", "CONNECT", TRACE_IN, TRACE_Q931);
	assert_string_equal(all("A"), "SETUPe1 RELEASE COMPLETEe1 ");
	assert_string_equal(all("B"), "SETUPe1 CONNECTe1 ");
}

static void finished_ladders_are_bounded(void **state)
{
	char id[8];
	const char *ids[8];

	(void)state;
	for (int i = 0; i < 5; i++) {
		snprintf(id, sizeof(id), "c%d", i);
		ladder_open(book, id);
		if (i != 1)
			ladder_close(book, id);
	}
	assert_int_equal(ladder_list(book, ids, 8), 3);
	assert_string_equal(ids[0], "c4");
	assert_string_equal(ids[1], "c3");
	assert_string_equal(ids[2], "c1"); /* still open: never forgotten */
}

static void one_call_is_bounded(void **state)
{
	char summary[32];

	(void)state;
	ladder_open(book, "A");
	ladder_bind(book, "A", "k", "core");
	for (int i = 0; i < 700; i++) {
		snprintf(summary, sizeof(summary), "m%d", i);
		say("k", "core", summary, TRACE_IN, TRACE_SIP);
	}
	ladder_close(book, "A");
	char *text = ladder_text_of(book, "A", false);
	assert_non_null(text);
	assert_non_null(strstr(text, "m599"));
	assert_null(strstr(text, "m600"));
	assert_non_null(strstr(text, "100 later messages are left out"));
	mem_free(text);
}

static void text_shows_arrows_both_ways(void **state)
{
	char *text;

	(void)state;
	ladder_open(book, "A");
	ladder_bind(book, "A", "k", "core");
	ladder_bind(book, "A", "e1/1", "e1-london");
	say("k", "core", "INVITE", TRACE_IN, TRACE_SIP);
	say("e1/1", "e1-london", "SETUP", TRACE_OUT, TRACE_Q931);
	say("e1/1", "e1-london", "CONNECT", TRACE_IN, TRACE_Q931);
	say("k", "core", "200 OK", TRACE_OUT, TRACE_SIP);
	text = ladder_text_of(book, "A", false);
	assert_non_null(strstr(text, "0.0  │ INVITE ─────────────────────▶│"));
	assert_non_null(strstr(text, "1.0  │                              │ SETUP ──────────────────────▶│"));
	assert_non_null(strstr(text, "2.0  │                              │◀──────────────────── CONNECT │"));
	assert_non_null(strstr(text, "3.0  │◀───────────────────── 200 OK │"));
	mem_free(text);
}

static void every_allocation_may_fail(void **state)
{
	(void)state;
	for (long n = 0; n < 200; n++) {
		struct ladder_book *other = NULL, *mine = book;
		int rc;

		mem_fail_after(n);
		rc = ladder_book_create(&other, 2, &now.clock);
		if (rc == 0) {
			book = other;
			say("k", "core", "INVITE", TRACE_IN, TRACE_SIP);
			ladder_open(book, "A");
			ladder_bind(book, "A", "k", "core");
			ladder_note(book, "A", "note");
			mem_free(ladder_text_of(book, "A", true));
			ladder_book_destroy(&book);
			book = mine;
		}
		if (!mem_failed()) {
			mem_fail_after(-1);
			assert_true(n > 5);
			return;
		}
		mem_fail_after(-1);
	}
	fail_msg("allocations do not end");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(records_before_the_binding_join, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_told_later_stands_later, setup, teardown),
		cmocka_unit_test_setup_teardown(a_key_that_comes_round_is_the_new_calls, setup, teardown),
		cmocka_unit_test_setup_teardown(finished_ladders_are_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(one_call_is_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(text_shows_arrows_both_ways, setup, teardown),
		cmocka_unit_test_setup_teardown(every_allocation_may_fail, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
