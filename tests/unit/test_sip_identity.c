/* SPDX-License-Identifier: GPL-2.0-only */
#include "trunk/sip_identity.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <sofia-sip/msg.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_parser.h>

static void numbers(void **state)
{
	static const struct {
		const char *user, *digits;
	} rows[] = {
		{ "+442079460000", "+442079460000" },
		{ "+44-20-7946-0000", "+442079460000" },
		{ "(020) 7946.0000", "02079460000" },
		{ "020;phone-context=+44", "020" },
		{ "%2b44%2020", "+4420" },
		{ "*21*44%23", "*21*44#" },
		{ "12ab", "12AB" },
		{ "", "" },
		{ "+", "" },
		{ "44+20", "" },
		{ "alice", "" },
		{ "anonymous", "" },
		{ "12e4", "" },
		{ "%00", "" },
		{ "12%", "" },
		{ "1%2", "" },
		{ ";x", "" },
		{ "1234567890123456789012345678901234567890123456789012345678901234",
		  "" }, /* 64: too long */
		{ "123456789012345678901234567890123456789012345678901234567890123",
		  "123456789012345678901234567890123456789012345678901234567890123" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char digits[NUMBER_DIGITS];

		assert_int_equal(sip_number(rows[i].user, digits), strlen(rows[i].digits));
		assert_string_equal(digits, rows[i].digits);
	}
	assert_int_equal(sip_number(NULL, (char[NUMBER_DIGITS]){ 0 }), 0);
}

#define BASE                                                                                       \
	"Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\nTo: <sip:9@x>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n"

static struct sip_info read(const char *uri, const char *headers, bool trusted)
{
	struct sip_info info = { 0 };
	char text[4096];
	msg_t *msg;

	snprintf(text, sizeof(text), "INVITE %s SIP/2.0\r\n" BASE "%s\r\n", uri, headers);
	msg = msg_make(sip_default_mclass(), 0, text, (ssize_t)strlen(text));
	assert_non_null(msg);
	assert_non_null(sip_object(msg));
	sip_identity_read(sip_object(msg), trusted, &info);
	msg_destroy(msg);
	return info;
}

static void called(void **state)
{
	struct sip_info i = read("sip:+4420@h;user=phone",
				 "From: <sip:1@x>;tag=a\r\nMax-Forwards: 17\r\n", true);

	(void)state;
	assert_string_equal(i.called.number.digits, "+4420");
	assert_int_equal(i.called.number.type, NUMBER_INTERNATIONAL);
	assert_int_equal(i.called.number.plan, PLAN_ISDN);
	assert_string_equal(i.called.uri_host, "h");
	assert_int_equal(i.max_forwards, 17);
	assert_false(i.emergency);
	i = read("tel:7042;phone-context=example.com", "From: <sip:1@x>;tag=a\r\n", true);
	assert_string_equal(i.called.number.digits, "7042");
	assert_int_equal(i.called.number.type, NUMBER_UNKNOWN);
	assert_string_equal(i.called.uri_host, "example.com");
	assert_int_equal(i.max_forwards, 70);
	i = read("urn:service:sos", "From: <sip:1@x>;tag=a\r\n", true);
	assert_true(i.emergency);
	assert_string_equal(i.called.number.digits, "9"); /* the one in To */
	assert_true(read("sip:112@h", "From: <sip:1@x>;tag=a\r\nPriority: Emergency\r\n", true)
			    .emergency);
}

static void calling(void **state)
{
	static const struct {
		const char *headers;
		bool trusted;
		const char *digits, *name;
		uint8_t presentation, screening;
		bool name_restricted;
	} rows[] = {
		{ "From: \"Al\" <sip:+441@x>;tag=a\r\n", true, "+441", "Al", 0, 0, false },
		{ "From: Al Bert <tel:+44-1>;tag=a\r\n", true, "+441", "Al Bert", 0, 0, false },
		{ "From: \"Al\" <sip:alice@x>;tag=a\r\n", true, "", "Al", 2, 0, false },
		{ "From: <sip:anonymous@anonymous.invalid>;tag=a\r\n", true, "", "", 1, 0, true },
		{ "From: <sip:x@Anonymous.Invalid>;tag=a\r\n", true, "", "", 1, 0, true },
		{ "From: <sip:unavailable@unknown.invalid>;tag=a\r\n", true, "", "", 2, 0, false },
		{ "From: \"Al\" <sip:+441@x>;tag=a\r\nPrivacy: id\r\n", true, "+441", "Al", 1, 0,
		  true },
		{ "From: \"Al\" <sip:+441@x>;tag=a\r\nPrivacy: header;user\r\n", true, "+441", "Al",
		  1, 0, true },
		{ "From: \"Al\" <sip:+441@x>;tag=a\r\nPrivacy: none\r\n", true, "+441", "Al", 0, 0,
		  false },
		{ "From: \"Al\" <sip:1@x>;tag=a\r\nP-Asserted-Identity: <sip:+442@x>\r\n", true,
		  "+442", "Al", 0, 3, false },
		{ "From: \"Al\" <sip:1@x>;tag=a\r\nP-Asserted-Identity: <sip:+442@x>\r\n", false,
		  "1", "Al", 0, 0, false },
		{ "From: <sip:1@x>;tag=a\r\nP-Asserted-Identity: \"B, <C>\" <sip:bob@x>, "
		  "<tel:+443>\r\n",
		  true, "+443", "B, <C>", 0, 3, false },
		{ "From: <sip:anonymous@anonymous.invalid>;tag=a\r\nP-Asserted-Identity: "
		  "<tel:+443>\r\nPrivacy: id\r\n",
		  true, "+443", "", 1, 3, true },
		{ "From: <sip:1@x>;tag=a\r\nP-Asserted-Identity: <<<\r\n", true, "1", "", 0, 0,
		  false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sip_info info = read("sip:9@h", rows[i].headers, rows[i].trusted);

		assert_string_equal(info.calling.number.digits, rows[i].digits);
		assert_string_equal(info.calling.name, rows[i].name);
		assert_int_equal(info.calling.number.presentation, rows[i].presentation);
		assert_int_equal(info.calling.number.screening, rows[i].screening);
		assert_int_equal(info.calling.name_restricted, rows[i].name_restricted);
		assert_true(info.calling.number.present);
	}
}

static void redirecting(void **state)
{
	static const struct {
		const char *headers, *digits;
		uint8_t reason, presentation;
	} rows[] = {
		{ "", "", 0, 0 },
		{ "Diversion: <sip:+447@x>;reason=unconditional\r\n", "+447", 15, 0 },
		{ "Diversion: <sip:+447@x>;reason=user-busy;privacy=full\r\n", "+447", 1, 1 },
		{ "Diversion: \"X\" <tel:+447>;reason=\"no-answer\", <sip:+448@x>\r\n", "+447", 2,
		  0 },
		{ "Diversion: <sip:+447@x>;reason=whatever\r\n", "+447", 0, 0 },
		{ "History-Info: <sip:+446@x>;index=1\r\n", "", 0, 0 },
		{ "History-Info: <sip:+446@x>;index=1,<sip:+445@x;cause=486>;index=1.1\r\n", "+446",
		  1, 0 },
		{ "History-Info: "
		  "<sip:+446@x?Privacy=history>;index=1,<sip:+445@x;cause=408>;index=1.1\r\n",
		  "+446", 2, 1 },
		{ "Diversion: <sip:+447@x>\r\nHistory-Info: "
		  "<sip:+446@x>;index=1,<sip:+445@x>;index=2\r\n",
		  "+447", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char headers[512];
		struct sip_info info;

		snprintf(headers, sizeof(headers), "From: <sip:1@x>;tag=a\r\n%s", rows[i].headers);
		info = read("sip:9@h", headers, true);
		assert_string_equal(info.redirecting.number.digits, rows[i].digits);
		assert_int_equal(info.redirecting_reason, rows[i].reason);
		assert_int_equal(info.redirecting.number.presentation, rows[i].presentation);
	}
}

static struct sip_info outgoing(void)
{
	struct sip_info i = { .called = { .number = { .digits = "+4420" } },
			      .calling = { .number = { .digits = "+44177",
						       .screening = SCREENING_NETWORK },
					   .name = "Bob \"B\" \\ S\r\nX: y" },
			      .redirecting = { .number = { .digits = "+44299" } },
			      .redirecting_reason = 2 };

	return i;
}

static void written(void **state)
{
	const struct conf_trunk trunk = { .trusted = true, .user_phone = true };
	struct sip_info i = outgoing();
	struct sip_identity id;

	(void)state;
	assert_int_equal(sip_identity_write(&id, &i, &trunk, "192.0.2.9:5060", "gw.example"), 0);
	assert_string_equal(id.request_uri, "sip:+4420@192.0.2.9:5060;user=phone");
	assert_string_equal(id.to, "<sip:+4420@192.0.2.9:5060;user=phone>");
	assert_string_equal(id.from,
			    "\"Bob \\\"B\\\" \\\\ SX: y\" <sip:+44177@gw.example;user=phone>");
	assert_string_equal(id.asserted, id.from);
	assert_string_equal(id.privacy, "");
	assert_string_equal(id.diversion,
			    "<sip:+44299@gw.example;user=phone>;reason=no-answer;privacy=off");
	assert_string_equal(id.history, "<sip:+44299@gw.example;user=phone>;index=1,<sip:+4420@gw."
					"example;user=phone;cause=408>;index=1.1");
	i.called.number.digits[0] = '\0';
	assert_int_equal(sip_identity_write(&id, &i, &trunk, "p", "d"), -EINVAL);
	strcpy(i.called.number.digits, "*21#");
	assert_int_equal(sip_identity_write(&id, &i, &trunk, "p", "d"), 0);
	assert_string_equal(id.request_uri, "sip:*21%23@p;user=phone");
	/* A number that nobody has is not one that is withheld (3GPP TS 29.163). */
	i.calling = (struct party){ .number = { .presentation = PRESENTATION_UNAVAILABLE } };
	assert_int_equal(sip_identity_write(&id, &i, &trunk, "p", "d"), 0);
	assert_string_equal(id.from, "\"Unavailable\" <sip:unavailable@unknown.invalid>");
	assert_string_equal(id.asserted, "");
	assert_string_equal(id.privacy, "");
}

/* RFC 3325 and pain number one of carriers: a number that is restricted stands where it may and
 * nowhere else. */
static void nothing_leaks(void **state)
{
	(void)state;
	for (unsigned bits = 0; bits < 8; bits++) {
		const struct conf_trunk trunk = { .trusted = bits & 1, .user_phone = bits & 2 };
		struct sip_info i = outgoing();
		struct sip_identity id;

		i.calling.number.presentation = PRESENTATION_RESTRICTED;
		i.calling.name_restricted = bits & 4;
		i.redirecting.number.presentation = PRESENTATION_RESTRICTED;
		assert_int_equal(sip_identity_write(&id, &i, &trunk, "p", "d"), 0);
		assert_string_equal(id.from, "\"Anonymous\" <sip:anonymous@anonymous.invalid>");
		assert_null(strstr(id.to, "177"));
		assert_null(strstr(id.request_uri, "177"));
		assert_null(strstr(id.diversion, "177"));
		assert_null(strstr(id.history, "177"));
		if (trunk.trusted) {
			assert_non_null(strstr(id.asserted, "+44177"));
			assert_string_equal(id.privacy, "id");
			assert_non_null(strstr(id.diversion, "privacy=full"));
			assert_non_null(strstr(id.history, "?Privacy=history"));
		} else {
			assert_string_equal(id.asserted, "");
			assert_string_equal(id.diversion, "");
			assert_string_equal(id.history, "");
		}
	}
}

/* Of a 200: who answered, and whether he may be shown. Only a trusted peer is believed. */
static void connected_read(void **state)
{
	static const struct {
		const char *headers;
		bool trusted, found;
		uint8_t presentation;
	} rows[] = {
		{ "P-Asserted-Identity: <sip:+4420@h>\r\n", true, true, PRESENTATION_ALLOWED },
		{ "P-Asserted-Identity: <sip:+4420@h>\r\nPrivacy: id\r\n", true, true,
		  PRESENTATION_RESTRICTED },
		{ "P-Asserted-Identity: <sip:+4420@h>\r\n", false, false, 0 },
		{ "", true, false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct party got = { 0 };
		char text[1024];
		msg_t *msg;

		snprintf(text, sizeof(text), "SIP/2.0 200 OK\r\nFrom: <sip:1@x>;tag=a\r\n" BASE "%s\r\n",
			 rows[i].headers);
		msg = msg_make(sip_default_mclass(), 0, text, (ssize_t)strlen(text));
		assert_non_null(msg);
		assert_int_equal(
			sip_identity_read_connected(sip_object(msg), rows[i].trusted, &got),
			rows[i].found);
		msg_destroy(msg);
		if (!rows[i].found)
			continue;
		assert_string_equal(got.number.digits, "+4420");
		assert_int_equal(got.number.screening, SCREENING_NETWORK);
		assert_int_equal(got.number.presentation, rows[i].presentation);
		assert_int_equal(got.name_restricted,
				 rows[i].presentation == PRESENTATION_RESTRICTED);
	}
}

static void connected(void **state)
{
	const struct conf_trunk trunk = { .trusted = true, .user_phone = true },
				untrusted = { .user_phone = true };
	struct party p = { .number = { .digits = "+4420", .screening = SCREENING_USER_PASSED } };
	struct sip_identity id;

	(void)state;
	sip_identity_write_connected(&id, &p, &trunk, "d");
	assert_string_equal(id.asserted, "<sip:+4420@d;user=phone>");
	assert_string_equal(id.privacy, "");
	p.number.presentation = PRESENTATION_RESTRICTED;
	sip_identity_write_connected(&id, &p, &trunk, "d");
	assert_string_equal(id.privacy, "id");
	p.number.screening = SCREENING_USER_NOT_SCREENED; /* nobody vouches for it */
	sip_identity_write_connected(&id, &p, &trunk, "d");
	assert_string_equal(id.asserted, "");
	p.number.screening = SCREENING_NETWORK;
	sip_identity_write_connected(&id, &p, &untrusted, "d");
	assert_string_equal(id.asserted, "");
}

static void too_long(void **state)
{
	const struct conf_trunk trunk = { .trusted = true };
	struct sip_info i = outgoing();
	struct sip_identity id;
	char domain[600];

	(void)state;
	memset(domain, 'd', sizeof(domain) - 1);
	domain[sizeof(domain) - 1] = '\0';
	assert_int_equal(sip_identity_write(&id, &i, &trunk, "p", domain), -EINVAL);
	assert_int_equal(sip_identity_write(&id, &i, &trunk, domain, "d"), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),   cmocka_unit_test(called),
		cmocka_unit_test(calling),   cmocka_unit_test(redirecting),
		cmocka_unit_test(written),   cmocka_unit_test(nothing_leaks),
		cmocka_unit_test(connected_read), cmocka_unit_test(connected), cmocka_unit_test(too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
