/* SPDX-License-Identifier: GPL-2.0-only */
#include "tdm/ie.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define READ(m, ...)                                                                               \
	do {                                                                                       \
		static const uint8_t octets_[] = { __VA_ARGS__ };                                  \
		read_exact(m, octets_, sizeof(octets_));                                           \
	} while (0)
#define HEADER(type) 0x08, 0x02, 0x81, 0x23, type

/* From a block of exactly that size, so that AddressSanitizer sees any step past it. */
static int read_copy(struct q931_message *m, const uint8_t *octets, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);
	int rc;

	assert_non_null(copy);
	memcpy(copy, octets, n);
	rc = q931_read(m, copy, n);
	free(copy);
	return rc;
}

static void read_exact(struct q931_message *m, const uint8_t *octets, size_t n)
{
	assert_int_equal(read_copy(m, octets, n), 0);
	/* Every prefix is read without leaving it, and nothing is invented. */
	for (size_t cut = 0; cut < n; cut++) {
		struct q931_message part;
		int rc = read_copy(&part, octets, cut);

		assert_true(rc == 0 || rc == -EBADMSG);
		if (cut < 5)
			assert_int_equal(rc, -EBADMSG);
	}
}

static void test_header(void **state)
{
	struct q931_message m;

	(void)state;
	READ(&m, HEADER(Q931_SETUP));
	assert_int_equal(m.type, Q931_SETUP);
	assert_int_equal(m.crv, 0x123);
	assert_true(m.flag);
	assert_int_equal(m.call_state, -1);
	assert_int_equal(m.restart_class, -1);
	assert_int_equal(m.notification, -1);
}

static void test_bad_headers(void **state)
{
	static const uint8_t bad[][6] = {
		{ 0x09, 2, 0, 1, 5 }, { 0x08, 3, 0, 1, 5 }, { 0x08, 0, 5 }, { 0x43, 2, 0, 1, 5 }
	};
	struct q931_message m;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(q931_read(&m, bad[i], sizeof(bad[i])), -EBADMSG);
}

static void test_cause(void **state)
{
	struct q931_message m;

	(void)state;
	READ(&m, HEADER(Q931_DISCONNECT), 0x08, 0x02, 0x8a, 0x91);
	assert_int_equal(m.info.cause.value, 17);
	assert_int_equal(m.info.cause.location, Q850_LOC_BEYOND_INTERWORKING);
	assert_int_equal(m.info.cause_diagnostics.length, 0);
	READ(&m, HEADER(Q931_RELEASE), 0x08, 0x05, 0x02, 0x80, 0x96, 0xa1,
	     0xa2); /* with octet 3a and diagnostics */
	assert_int_equal(m.info.cause.value, 22);
	assert_int_equal(m.info.cause.location, 2);
	assert_int_equal(m.info.cause_diagnostics.length, 2);
	assert_int_equal(m.info.cause_diagnostics.octets[1], 0xa2);
	READ(&m, HEADER(Q931_DISCONNECT), 0x08, 0x01, 0x80);
	assert_int_equal(m.info.cause.value, 0);
	assert_int_equal(m.malformed, 1);
}

static void test_numbers(void **state)
{
	struct q931_message m;

	(void)state;
	READ(&m, HEADER(Q931_SETUP), 0x6c, 5, 0x21, 0xa3, '1', '2', '3', 0x6c, 4, 0x11, 0x83, '9',
	     '9', 0x70, 3, 0xc1, '5', '6', 0x74, 5, 0x21, 0x01, 0x8f, '7', '8', 0x4c, 3, 0x00, 0xa3,
	     '4');
	assert_string_equal(m.info.calling.number.digits, "123");
	assert_int_equal(m.info.calling.number.type, NUMBER_NATIONAL);
	assert_int_equal(m.info.calling.number.plan, PLAN_ISDN);
	assert_int_equal(m.info.calling.number.presentation, PRESENTATION_RESTRICTED);
	assert_int_equal(m.info.calling.number.screening, SCREENING_NETWORK);
	assert_string_equal(m.info.calling.second.digits, "99");
	assert_int_equal(m.info.calling.second.type, NUMBER_INTERNATIONAL);
	assert_string_equal(m.info.called.number.digits, "56");
	assert_int_equal(m.info.called.number.type, NUMBER_SUBSCRIBER);
	assert_string_equal(m.info.redirecting.number.digits, "78");
	assert_int_equal(m.info.redirecting_reason, 15);
	assert_string_equal(m.info.connected.number.digits, "4");
}

/* Octet 3a says restricted and no digits follow: the element was there (Q.951.3). */
static void test_number_without_digits(void **state)
{
	struct q931_message m;

	(void)state;
	READ(&m, HEADER(Q931_SETUP), 0x6c, 2, 0x00, 0xa3);
	assert_true(m.info.calling.number.present);
	assert_string_equal(m.info.calling.number.digits, "");
	assert_int_equal(m.info.calling.number.presentation, PRESENTATION_RESTRICTED);
	assert_false(m.info.calling.second.present);
}

/* Digits beyond what the struct holds are cut; characters that no number has are left out. */
static void test_number_too_long(void **state)
{
	uint8_t octets[5 + 3 + 100] = { HEADER(Q931_SETUP), 0x70, 101, 0x80 };
	struct q931_message m;

	(void)state;
	memset(octets + 8, '7', 100);
	octets[8] = '\n';
	read_exact(&m, octets, sizeof(octets));
	assert_int_equal(strlen(m.info.called.number.digits), NUMBER_DIGITS - 1);
	assert_int_equal(m.info.called.number.digits[0], '7');
}

static void test_progress(void **state)
{
	struct q931_message m;

	(void)state;
	READ(&m, HEADER(Q931_DISCONNECT), 0x1e, 2, 0x82, 0x88, 0x1e, 2, 0x81, 0x81, 0x1e, 2, 0x80,
	     0x82, 0x1e, 2, 0x83, 0x83, 0x1e, 2, 0x84, 0x84);
	assert_int_equal(m.info.progress_count, ISDN_PROGRESS_MAX); /* the fifth has no place */
	assert_int_equal(m.info.progress[0].description, PROGRESS_INBAND);
	assert_int_equal(m.info.progress[0].location, 2);
	assert_true(isdn_info_inband(&m.info));
	assert_int_equal(m.info.progress[3].location, 3);
}

static void test_channel(void **state)
{
	struct q931_message m;

	(void)state;
	READ(&m, HEADER(Q931_SETUP), 0x18, 3, 0xa9, 0x83, 0x92);
	assert_true(m.channel.present && m.channel.exclusive && !m.channel.any);
	assert_int_equal(m.channel.timeslot, 18);
	READ(&m, HEADER(Q931_SETUP), 0x18, 3, 0xa1, 0x83, 0x1f);
	assert_false(m.channel.exclusive);
	assert_int_equal(m.channel.timeslot, 31);
	READ(&m, HEADER(Q931_SETUP), 0x18, 1, 0xa3);
	assert_true(m.channel.any);
	assert_int_equal(m.channel.timeslot, 0);
	READ(&m, HEADER(Q931_RESTART), 0x18, 1, 0xa1, 0x79, 1, 0x87);
	assert_true(m.channel.whole);
	assert_int_equal(m.restart_class, 7);
	READ(&m, HEADER(Q931_RESTART), 0x18, 5, 0xa9, 0x83, 0x01, 0x02, 0x83); /* a list */
	assert_int_equal(m.channel.map, 0x0e);
	READ(&m, HEADER(Q931_RESTART), 0x18, 6, 0xa9, 0x93, 0x80, 0x00, 0x00, 0x02); /* a map */
	assert_int_equal(m.channel.map, UINT32_C(1) << 31 | UINT32_C(1) << 1);
	assert_int_equal(m.channel.timeslot, 1);
	READ(&m, HEADER(Q931_SETUP), 0x18, 4, 0xe9, 0x81, 0x83,
	     0x85); /* with an interface identifier */
	assert_int_equal(m.channel.timeslot, 5);
	READ(&m, HEADER(Q931_SETUP), 0x18, 3, 0xa9, 0x83, 0xff); /* no such timeslot */
	assert_int_equal(m.channel.timeslot, 0);
}

static void test_bearer(void **state)
{
	struct q931_message m;

	(void)state;
	READ(&m, HEADER(Q931_SETUP), 0x04, 3, 0x90, 0x90, 0xa2);
	assert_int_equal(m.info.capability, ISDN_AUDIO_3K1);
	assert_int_equal(m.info.law, CONF_ULAW);
	assert_int_equal(m.info.bearer.length, 3);
	READ(&m, HEADER(Q931_SETUP), 0x04, 2, 0x88, 0x90);
	assert_int_equal(m.info.capability, ISDN_UNRESTRICTED);
	assert_int_equal(m.info.law, CONF_ALAW);
}

/* More digits than there is room for are said to be missing, in the numbers that are dialled. */
static void test_digits_cut(void **state)
{
	uint8_t octets[7 + 1 + NUMBER_DIGITS] = { HEADER(Q931_INFORMATION), IE_CALLED_NUMBER,
						  1 + NUMBER_DIGITS, 0x81 };
	struct q931_message m;

	(void)state;
	memset(octets + 8, '5', NUMBER_DIGITS);
	assert_int_equal(q931_read(&m, octets, sizeof(octets)), 0);
	assert_true(m.digits_cut);
	assert_int_equal(strlen(m.info.called.number.digits), NUMBER_DIGITS - 1);
	octets[6]--;
	assert_int_equal(q931_read(&m, octets, sizeof(octets) - 1), 0);
	assert_false(m.digits_cut);
	octets[8] = ' '; /* no digit takes no room */
	octets[6]++;
	assert_int_equal(q931_read(&m, octets, sizeof(octets)), 0);
	assert_false(m.digits_cut);
	octets[5] = IE_CALLING_NUMBER;
	octets[8] = '5';
	assert_int_equal(q931_read(&m, octets, sizeof(octets)), 0);
	assert_false(m.digits_cut);
}

static void test_rest(void **state)
{
	struct q931_message m;

	(void)state;
	READ(&m, HEADER(Q931_STATUS), 0x08, 2, 0x82, 0x9e, 0x14, 1, 0x0a, 0xa1, 0x27, 1, 0xf1, 0x28,
	     4, 0xb1, 'A', 0x01, 'b', 0x2c, 2, '1', '#', 0x7c, 2, 0x88, 0x90, 0x7d, 2, 0x91, 0x81,
	     0x7e, 2, 0x04, 'x', 0x6d, 3, 0xa0, 'a', 'b');
	assert_int_equal(m.call_state, 10);
	assert_true(m.info.sending_complete);
	assert_int_equal(m.notification, 0x71);
	assert_string_equal(m.info.display, "Ab");
	assert_string_equal(m.info.keypad, "1#");
	assert_int_equal(m.info.llc.octets[0], 0x88);
	assert_int_equal(m.info.hlc.octets[1], 0x81);
	assert_int_equal(m.info.user_user.length, 2);
	assert_string_equal(m.info.calling.subaddress, "ab");
	assert_int_equal(m.malformed, 0);
}

/* Elements of other codesets look like ours and are not (Q.931 4.5.3, 4.5.4). */
static void test_codesets(void **state)
{
	struct q931_message m;

	(void)state;
	READ(&m, HEADER(Q931_DISCONNECT), 0x9e, 0x08, 2, 0x82, 0x91, 0x08, 2, 0x82,
	     0x90); /* non-locking, one element */
	assert_int_equal(m.info.cause.value, 16);
	READ(&m, HEADER(Q931_DISCONNECT), 0x96, 0x08, 2, 0x82, 0x91, 0x70, 2, 0x81,
	     '1'); /* locking */
	assert_int_equal(m.info.cause.value, 0);
	assert_false(m.info.called.number.present);
}

/* ---- Cleaning ---- */

static size_t clean(uint8_t *frame, size_t n, unsigned dropped, bool message)
{
	unsigned got;
	bool got_message;
	size_t length = q931_clean(frame, n, &got, &got_message);

	assert_int_equal(got, dropped);
	assert_int_equal(got_message, message);
	return length;
}

static void test_clean(void **state)
{
	uint8_t good[16] = { 2, 1, 0, 0, HEADER(Q931_DISCONNECT), 0x08, 2, 0x82, 0x91 };
	uint8_t cut[20] = {
		2, 1, 0, 0, HEADER(Q931_DISCONNECT), 0x08, 2, 0x82, 0x91, 0x1e, 9, 0x82
	};
	uint8_t brief[20] = { 2,    1, 0,    0,  HEADER(Q931_SETUP), 0x04, 1, 0x80, 0x18, 0,
			      0x70, 2, 0x81, '1' };
	uint8_t facility[20] = { 2, 1, 0, 0, HEADER(Q931_CONNECT), 0x1c, 3, 1, 2, 3, 0x28, 1, 'x' };

	(void)state;
	assert_int_equal(clean(good, 13, 0, false), 13);
	assert_int_equal(clean(cut, 16, 1, false), 13);
	assert_int_equal(clean(brief, 18, 2, false), 13);
	assert_int_equal(brief[9], 0x70);
	assert_int_equal(clean(facility, 17, 0, false), 12);
	assert_int_equal(facility[9], 0x28);
}

/* The frame stays in its place in the sequence; the message becomes one to be ignored. */
static void test_neutralize(void **state)
{
	uint8_t empty[8] = { 2, 1, 4, 0 }, foreign[12] = { 2, 1, 4, 0, 0x43, 2, 0, 1, 0x0f };
	uint8_t facility[12] = { 2, 1, 4, 0, HEADER(Q931_FACILITY) }, s_frame[4] = { 2, 1, 1, 8 };

	(void)state;
	assert_int_equal(clean(empty, 4, 0, true), 7);
	assert_int_equal(empty[2], 4);
	assert_int_equal(empty[4], 0);
	assert_int_equal(clean(foreign, 9, 0, true), 7);
	assert_int_equal(clean(facility, 9, 0, false), 7);
	assert_int_equal(clean(s_frame, 4, 0, false), 4);
}

/* ---- Patching ---- */

static void expect_patched(const struct q931_patch *patch, const uint8_t *in, size_t n,
			   const uint8_t *out, size_t m)
{
	uint8_t got[LAPD_N201 + 4];

	assert_int_equal(q931_patch_apply(patch, in, n, got, sizeof(got)), m);
	assert_memory_equal(got, out, m);
}

static void test_patch_order(void **state)
{
	static const uint8_t in[] = { 2,    1, 6, 8,  HEADER(Q931_DISCONNECT), 0x08, 2, 0x81, 0x90,
				      0x7e, 2, 4, 'a' };
	static const uint8_t out[] = { 2,    1,    6,    8,    HEADER(Q931_DISCONNECT),
				       0x08, 2,    0x82, 0x91, 0x1e,
				       2,    0x82, 0x88, 0x7e, 2,
				       4,    'a' };
	struct isdn_info info = { .cause = { 17, 2 },
				  .progress_count = 1,
				  .progress = { { 8, 2 } } };
	struct q931_patch patch;

	(void)state;
	assert_int_equal(q931_patch_make(&patch, Q931_DISCONNECT, &info, false), 0);
	expect_patched(&patch, in, sizeof(in), out, sizeof(out));
	assert_int_equal(q931_patch_apply(&patch, in, sizeof(in), (uint8_t[8]){ 0 }, 8), -EMSGSIZE);
}

static void test_patch_type(void **state)
{
	static const uint8_t in[] = { 2, 1, 6, 8, HEADER(Q931_NOTIFY), 0x27, 1, 0x81 };
	static const uint8_t out[] = { 2, 1, 6, 8, HEADER(Q931_STATUS_ENQUIRY) };
	struct q931_patch patch = { .used = true, .bare = true, .type = Q931_STATUS_ENQUIRY };

	(void)state;
	expect_patched(&patch, in, sizeof(in), out, sizeof(out));
}

/* What libpri puts behind a codeset shift stays behind it. */
static void test_patch_shift(void **state)
{
	static const uint8_t in[] = { 2,    1,    6, 8, HEADER(Q931_CONNECT), 0x18, 1, 0xa3,
				      0x96, 0x01, 1, 7 };
	static const uint8_t out[] = {
		2, 1, 6, 8, HEADER(Q931_CONNECT), 0x18, 1, 0xa3, 0x7e, 2, 4, 'a', 0x96, 0x01, 1, 7
	};
	struct isdn_info info = { .user_user = { { 4, 'a' }, 2 } };
	struct q931_patch patch;

	(void)state;
	assert_int_equal(q931_patch_make(&patch, Q931_CONNECT, &info, false), 0);
	expect_patched(&patch, in, sizeof(in), out, sizeof(out));
}

/* Elements go only where they are allowed. */
static void test_patch_places(void **state)
{
	struct isdn_info info = { .cause = { 17, 2 },
				  .progress_count = 1,
				  .progress = { { 8, 2 } },
				  .user_user = { { 4, 'a' }, 2 },
				  .display = "hi" };
	struct q931_patch patch;

	(void)state;
	assert_int_equal(q931_patch_make(&patch, Q931_CALL_PROCEEDING, &info, false), 0);
	assert_int_equal(patch.length, 4); /* progress */
	assert_int_equal(q931_patch_make(&patch, Q931_RELEASE, &info, false), 0);
	assert_int_equal(patch.length, 8); /* cause, user-user */
	assert_int_equal(q931_patch_make(&patch, Q931_RELEASE, &info, true), 0);
	assert_int_equal(patch.length, 12); /* and display */
}

static void test_patch_too_long(void **state)
{
	static const struct isdn_raw full = { { 0x80 }, ISDN_RAW_MAX };
	struct isdn_info info = { .hlc = full, .llc = full, .user_user = full, .bearer = full };
	struct q931_patch patch;

	(void)state;
	memset(info.called.number.digits, '1', NUMBER_DIGITS - 1);
	memset(info.display, 'x', sizeof(info.display) - 1);
	assert_int_equal(q931_patch_make(&patch, Q931_SETUP, &info, true),
			 0); /* display is left out */
	info.calling.number = info.called.number;
	assert_int_equal(q931_patch_make(&patch, Q931_SETUP, &info, true), -EMSGSIZE);
	snprintf(info.called.number.digits, NUMBER_DIGITS, "12 34");
	info.calling.number = (struct party_number){ 0 };
	assert_int_equal(q931_patch_make(&patch, Q931_SETUP, &info, true), -EINVAL);
}

/* Display is IA5: one question mark for each character beyond it. A restricted name isn't sent. */
static void test_patch_name(void **state)
{
	struct isdn_info info = { .called.number.digits = "1", .calling.name = "Zo\xc3\xab" };
	struct q931_patch patch;

	(void)state;
	assert_int_equal(q931_patch_make(&patch, Q931_SETUP, &info, true), 0);
	assert_memory_equal(patch.octets + patch.length - 5, "\x28\x03Zo?", 5);
	info.calling.name_restricted = true;
	assert_int_equal(q931_patch_make(&patch, Q931_SETUP, &info, true), 0);
	assert_null(memchr(patch.octets, 0x28, patch.length));
}

static void test_summary(void **state)
{
	struct q931_message m;
	char text[48];

	(void)state;
	READ(&m, HEADER(Q931_DISCONNECT), 0x08, 2, 0x82, 0x91);
	assert_string_equal(q931_summary(&m, text), "DISCONNECT (17)");
	READ(&m, HEADER(Q931_STATUS), 0x08, 2, 0x82, 0x9e, 0x14, 1, 0x0a);
	assert_string_equal(q931_summary(&m, text), "STATUS (30) state 10");
	assert_string_equal(q931_type_name(0x33), "unknown message");
}

/* Q.850 table 1: the diagnostic of cause 22 is a whole called party number element. */
static void test_moved_to(void **state)
{
	static const struct isdn_raw good = { .octets = { 0x70, 4, 0xa1, '1', '2', '3' }, .length = 6 };
	static const struct isdn_raw bad[] = {
		{ .length = 0 },
		{ .octets = { 0x70 }, .length = 1 },
		{ .octets = { 0x70, 0 }, .length = 2 },
		{ .octets = { 0x70, 1, 0xa1 }, .length = 3 },
		{ .octets = { 0x70, 5, 0xa1, '1', '2', '3' }, .length = 6 },
		{ .octets = { 0x6c, 4, 0xa1, '1', '2', '3' }, .length = 6 },
	};
	struct party_number number = { .digits = "kept" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(isdn_moved_to(&bad[i], &number));
	assert_string_equal(number.digits, "kept");
	assert_true(isdn_moved_to(&good, &number));
	assert_string_equal(number.digits, "123");
	assert_int_equal(number.type, NUMBER_NATIONAL);
	assert_int_equal(number.plan, PLAN_ISDN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_bad_headers),
		cmocka_unit_test(test_cause),
		cmocka_unit_test(test_moved_to),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_number_without_digits),
		cmocka_unit_test(test_number_too_long),
		cmocka_unit_test(test_progress),
		cmocka_unit_test(test_channel),
		cmocka_unit_test(test_bearer),
		cmocka_unit_test(test_digits_cut),
		cmocka_unit_test(test_rest),
		cmocka_unit_test(test_codesets),
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_neutralize),
		cmocka_unit_test(test_patch_order),
		cmocka_unit_test(test_patch_type),
		cmocka_unit_test(test_patch_shift),
		cmocka_unit_test(test_patch_places),
		cmocka_unit_test(test_patch_too_long),
		cmocka_unit_test(test_patch_name),
		cmocka_unit_test(test_summary),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
