/* SPDX-License-Identifier: GPL-2.0-only */
#include <sofia-sip/sip.h>

#include "trunk/sip_mend.h"

#include <setjmp.h>
#include <sofia-sip/msg.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_protos.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define REST                                                                                       \
	"Via: SIP/2.0/TCP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\n"         \
	"Call-ID: c\r\nCSeq: 7 OPTIONS\r\nContent-Length: 0\r\n\r\n"

/* Copies are what the log of messages makes Sofia keep. */
static msg_t *read_text(msg_mclass_t *messages, int flags, const char *text)
{
	msg_t *msg = msg_make(messages, flags, text, (ssize_t)strlen(text));

	assert_non_null(msg);
	return msg;
}

static void check_lines(const char *blank, const char *line, bool is_request)
{
	msg_mclass_t *messages = sip_mend_create();
	char text[1024];

	assert_non_null(messages);
	snprintf(text, sizeof(text), "%s%s\r\n" REST, blank, line);
	for (unsigned copy = 0; copy < 2; copy++) {
		msg_t *msg = read_text(messages, copy ? MSG_DO_EXTRACT_COPY : 0, text);
		sip_t *sip = sip_object(msg);

		assert_int_equal(msg_has_error(msg), 0);
		assert_int_equal(sip->sip_request != NULL, is_request);
		assert_int_equal(sip->sip_status != NULL, !is_request);
		assert_int_equal(sip->sip_cseq->cs_seq, 7);
		if (is_request)
			assert_string_equal(sip->sip_request->rq_url->url_host, "host.example");
		else
			assert_string_equal(sip->sip_status->st_phrase, "All is well");
		if (copy) /* what the log shows begins with the line */
			assert_memory_equal(msg_chain_head(msg)[0]->sh_data, line, strlen(line));
		msg_destroy(msg);
	}
	sip_mend_destroy(&messages);
	assert_null(messages);
}

static void blank_lines(void **state)
{
	static const char *const blanks[] = {
		"", "\r\n", "\r\n\r\n", "\n", " \t\r\n",
		"\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(blanks) / sizeof(blanks[0]); i++) {
		check_lines(blanks[i], "OPTIONS sip:host.example SIP/2.0", true);
		check_lines(blanks[i], "SIP/2.0 200 All is well", false);
	}
}

static uint32_t rack_of(msg_mclass_t *messages, const char *value)
{
	char text[1024];
	msg_t *msg;
	uint32_t response;

	snprintf(text, sizeof(text), "OPTIONS sip:h SIP/2.0\r\nRAck: %s\r\n" REST, value);
	msg = read_text(messages, 0, text);
	assert_non_null(sip_object(msg)->sip_rack);
	response = (uint32_t)sip_object(msg)->sip_rack->ra_response;
	msg_destroy(msg);
	return response;
}

static void rack_of_another_method(void **state)
{
	msg_mclass_t *messages = sip_mend_create();

	(void)state;
	assert_int_equal(rack_of(messages, "17 1 INVITE"), 17);
	assert_int_equal(rack_of(messages, "2147483647 1 INVITE"), 2147483647);
	assert_int_equal(rack_of(messages, "17 1 BYE"), 0x80000000u);
	assert_int_equal(rack_of(messages, "17 1 INVITED"), 0x80000000u);
	assert_int_equal(rack_of(messages, "0 1 INVITE"), 0x80000000u);
	sip_mend_destroy(&messages);
}

/* Sofia's own class of RAck, as tags use it, still has its place in a message. */
static void rack_written(void **state)
{
	msg_mclass_t *messages = sip_mend_create();
	msg_t *msg = msg_create(messages, 0);

	(void)state;
	assert_int_equal(msg_header_add_make(msg, (msg_pub_t *)sip_object(msg), sip_rack_class,
					     "5 6 INVITE"),
			 0);
	assert_non_null(sip_object(msg)->sip_rack);
	assert_int_equal(sip_object(msg)->sip_rack->ra_response, 5);
	msg_destroy(msg);
	sip_mend_destroy(&messages);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blank_lines),
		cmocka_unit_test(rack_of_another_method),
		cmocka_unit_test(rack_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
