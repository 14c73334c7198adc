/* SPDX-License-Identifier: GPL-2.0-only */
/* Every cause and every status against tables written down independently of the code: RFC
 * 3398 7.2.4.1 and 8.2.6.1, and for the rows that are empty there what stands in the gateways'
 * manuals. */
#include "trunk/cause_map.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* "cause:status" in order; what is absent is 500. */
static const char causes[] = "1:404 2:404 3:404 4:400 5:400 6:406 7:500 8:480 9:488 14:500 16:480 "
			     "17:486 18:408 19:480 20:480 21:403 22:410 "
			     "23:410 24:433 25:483 26:404 27:502 28:484 29:501 30:500 31:480 "
			     "34:503 38:503 39:503 40:503 41:503 42:503 43:503 "
			     "44:503 46:503 47:503 49:503 50:403 53:403 55:403 57:403 58:503 "
			     "62:403 63:503 65:488 66:503 69:501 70:488 79:501 "
			     "81:500 82:500 83:500 84:503 85:503 86:408 87:403 88:503 90:503 "
			     "91:502 95:503 96:409 97:480 98:409 99:480 100:501 "
			     "101:503 102:504 103:400 110:500 111:500 127:500 ";

/* "status:cause", u behind those that come from the user; what is absent is as its class's x00. */
static const char statuses[] = "300:23 301:22 302:23 305:23 380:23 400:41 401:21 402:21 403:21 "
			       "404:1 405:63 406:79 407:21 408:102 409:41 410:22 "
			       "411:127 412:127 413:127 414:127 415:79 416:127 417:31 420:127 "
			       "421:127 422:127 423:127 424:127 428:21 429:127 "
			       "430:127 433:24u 436:21 437:21 438:21 439:127 440:127 469:127 "
			       "470:127 480:18 481:41 482:25 483:25 484:28 485:1 "
			       "486:17u 487:31 488:88u 489:127 491:31 493:127 494:127 500:41 "
			       "501:79 502:38 503:41 504:102 505:127 513:127 555:127 "
			       "580:47 600:17u 603:21u 604:1u 606:88u 607:21u 608:21u ";

/* The number behind "key:" in a table; 0 when absent. */
static unsigned look_up(const char *table, unsigned key, bool *user)
{
	char pattern[16];
	const char *at = table;
	unsigned value = 0;
	char mark = ' ';

	snprintf(pattern, sizeof(pattern), "%u:", key);
	while ((at = strstr(at, pattern)) && at != table && at[-1] != ' ')
		at++;
	if (at)
		sscanf(at + strlen(pattern), "%u%c", &value, &mark);
	*user = mark == 'u';
	return value;
}

static void every_cause(void **state)
{
	unsigned defined = 0;

	(void)state;
	for (unsigned cause = 0; cause < 256; cause++) {
		bool user;
		unsigned want = look_up(causes, cause, &user);

		assert_int_equal(cause < 128 && q850_is_defined(cause), want != 0);
		defined += want != 0;
		for (unsigned location = 0; location < 16; location++) {
			unsigned status = cause_to_sip(q850((uint8_t)cause, location), NULL, 0);

			if (cause == 21 && location == Q850_LOC_USER)
				assert_int_equal(status, 603);
			else
				assert_int_equal(status, want ? want : 500);
			assert_in_range(status, 400, 606);
			if (cause != 21)
				assert_true(status < 600);
		}
	}
	assert_int_equal(defined, 71);
}

static void every_status(void **state)
{
	(void)state;
	for (unsigned status = 300; status < 700; status++) {
		bool user;
		unsigned want = look_up(statuses, status, &user);
		struct q850_cause got = sip_to_cause(status, NULL, 0);

		if (!want)
			want = look_up(statuses, status / 100 * 100, &user);
		assert_int_equal(got.value, want);
		assert_int_equal(got.location, user || status >= 600
						       ? Q850_LOC_USER
						       : Q850_LOC_BEYOND_INTERWORKING);
		assert_true(q850_is_defined(got.value));
		assert_true(sip_phrase(status)[0] != '\0');
	}
	assert_int_equal(sip_to_cause(0, NULL, 0).value, Q850_INTERWORKING);
	assert_int_equal(sip_to_cause(99999, NULL, 0).value, Q850_INTERWORKING);
}

static void overrides(void **state)
{
	static const struct conf_cause_row rows[] = {
		{ 480, 21 }, { 480, 18 }, { 404, 127 }, { 200, 41 }
	};

	(void)state;
	assert_int_equal(cause_to_sip(q850(21, Q850_LOC_USER), rows, 4), 480);
	assert_int_equal(cause_to_sip(q850(127, Q850_LOC_USER), rows, 4), 404);
	assert_int_equal(cause_to_sip(q850(41, Q850_LOC_USER), rows, 4),
			 503); /* 200 is no failure */
	assert_int_equal(cause_to_sip(q850(17, Q850_LOC_USER), rows, 4), 486);
	assert_int_equal(sip_to_cause(480, rows, 4).value, 21);
	assert_int_equal(sip_to_cause(404, rows, 4).value, 127);
	assert_int_equal(sip_to_cause(486, rows, 4).value, 17);
}

static void by_warning(void **state)
{
	static const struct {
		unsigned status, warning, cause;
	} rows[] = {
		{ 488, 0, 88 },	  { 488, 300, 65 }, { 488, 304, 65 }, { 488, 305, 65 }, { 488, 329, 65 }, { 488, 330, 63 },
		{ 488, 331, 63 }, { 488, 340, 88 }, { 488, 370, 49 }, { 488, 379, 49 }, { 488, 380, 88 }, { 488, 399, 88 },
		{ 606, 305, 65 }, { 606, 370, 49 }, { 606, 399, 88 }, { 606, 0, 88 },	{ 486, 305, 17 }, { 503, 370, 41 },
	};
	static const struct conf_cause_row own = { .sip = 488, .cause = 79 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(sip_warned_to_cause(rows[i].status, rows[i].warning, NULL, 0).value, rows[i].cause);
	assert_int_equal(sip_warned_to_cause(488, 305, &own, 1).value, 79);
	assert_int_equal(sip_warned_to_cause(606, 305, &own, 1).value, 65);
}

static void phrases(void **state)
{
	(void)state;
	assert_string_equal(sip_phrase(180), "Ringing");
	assert_string_equal(sip_phrase(486), "Busy Here");
	assert_string_equal(sip_phrase(603), "Decline");
	assert_string_equal(sip_phrase(799), "Unknown");
}

static void reason_written(void **state)
{
	char text[128];

	(void)state;
	cause_to_reason(q850(17, Q850_LOC_USER), text, sizeof(text));
	assert_string_equal(text, "Q.850;cause=17;text=\"User busy\";location=U");
	cause_to_reason(q850(34, Q850_LOC_PRIVATE_LOCAL), text, sizeof(text));
	assert_string_equal(text,
			    "Q.850;cause=34;text=\"No circuit/channel available\";location=LPN");
}

static void reason_round_trip(void **state)
{
	(void)state;
	for (unsigned value = 1; value < 128; value++)
		for (unsigned location = 0; location < 16; location++) {
			struct q850_cause got = { 0 };
			char text[256];
			int rc;

			cause_to_reason(q850((uint8_t)value, location), text, sizeof(text));
			rc = reason_to_cause(text, &got);
			assert_int_equal(rc, q850_is_defined(value) ? 0 : -EINVAL);
			if (rc < 0)
				continue;
			assert_int_equal(got.value, value);
			assert_int_equal(got.location, location);
		}
}

static void reason_read(void **state)
{
	static const struct {
		const char *text;
		int rc;
		uint8_t value, location;
	} rows[] = {
		{ "Q.850;cause=16", 0, 16, 10 },
		{ "q.850 ; CAUSE = 16 ; Text = \"a;cause=17\" ; location = rln", 0, 16, 4 },
		{ " Q.850;text=\"quoted \\\" ; here\";cause=102;location=NOWHERE", 0, 102, 10 },
		{ "Q.850;cause=3;flag", 0, 3, 10 },
		{ "Q.850;cause=3;pause=9;causes=8;caus=7;position=U", 0, 3, 10 },
		{ "SIP;cause=200;text=\"Call completed elsewhere\"", -ENOENT, 0, 0 },
		{ "Q.8500;cause=1", -ENOENT, 0, 0 },
		{ "Q.850", -EINVAL, 0, 0 },
		{ "Q.850;cause=", -EINVAL, 0, 0 },
		{ "Q.850;cause=0", -EINVAL, 0, 0 },
		{ "Q.850;cause=128", -EINVAL, 0, 0 },
		{ "Q.850;cause=1000", -EINVAL, 0, 0 },
		{ "Q.850;cause=-1", -EINVAL, 0, 0 },
		{ "Q.850;cause=1x", -EINVAL, 0, 0 },
		{ "Q.850;cause=16;text=\"open", -EINVAL, 0, 0 },
		{ "Q.850;cause=16;;", -EINVAL, 0, 0 },
		{ "Q.850 cause=16", -EINVAL, 0, 0 },
		{ "", -EINVAL, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct q850_cause got = { 0, 0 };

		assert_int_equal(reason_to_cause(rows[i].text, &got), rows[i].rc);
		assert_int_equal(got.value, rows[i].value);
		assert_int_equal(got.location, rows[i].location);
	}
	assert_int_equal(reason_to_cause(NULL, &(struct q850_cause){ 0 }), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cause),    cmocka_unit_test(every_status),
		cmocka_unit_test(overrides),
		cmocka_unit_test(by_warning),      cmocka_unit_test(phrases),
		cmocka_unit_test(reason_written), cmocka_unit_test(reason_round_trip),
		cmocka_unit_test(reason_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
