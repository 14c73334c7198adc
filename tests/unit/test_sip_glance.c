/* SPDX-License-Identifier: GPL-2.0-only */
/* What is read of an INVITE before Sofia, and what is left to Sofia. */
#include "trunk/sip_screen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define REQUEST "INVITE sip:+4420@192.0.2.1:5060;user=phone SIP/2.0\r\n"
#define VIA "Via: SIP/2.0/UDP 192.0.2.9:5080;branch=z9hG4bKa1;rport\r\n"
#define FROM "From: \tm <sip:m;tag=no@x>;tag=mm ;x=1\r\n"
#define TO "To: <sip:+4420@x>\r\n"
#define ID "Call-ID: by-hand@x\r\n"
#define CSEQ "CSeq: 17  INVITE \r\n"
#define REST "Content-Length: 0\r\n\r\n"

/* In a block of just its length, so that AddressSanitizer sees a read beyond it. */
static bool glance(struct sip_glance *g, const char *text, size_t length, char **block)
{
	*block = malloc(length ? length : 1);
	memcpy(*block, text, length);
	return sip_glance(g, *block, length);
}

static bool takes(const char *text)
{
	struct sip_glance g;
	char *block;
	bool taken = glance(&g, text, strlen(text), &block);

	free(block);
	return taken;
}

static void assert_text(struct sip_text t, const char *expected)
{
	assert_int_equal(t.length, strlen(expected));
	assert_memory_equal(t.at, expected, t.length);
}

static void an_ordinary_invite(void **state)
{
	static const char text[] = REQUEST VIA "v: SIP/2.0/TCP p;branch=z2\r\n" FROM TO ID CSEQ
		"Supported: timer\r\n" REST "body\r\n\r\n";
	struct sip_glance g;
	char *block;

	(void)state;
	assert_true(glance(&g, text, sizeof(text) - 1, &block));
	assert_false(g.ack);
	assert_text(g.user, "+4420");
	assert_text(g.via, "SIP/2.0/UDP 192.0.2.9:5080;branch=z9hG4bKa1;rport");
	assert_text(g.vias, VIA "v: SIP/2.0/TCP p;branch=z2");
	assert_text(g.sent_by, "192.0.2.9:5080");
	assert_text(g.branch, "z9hG4bKa1");
	assert_true(g.rport);
	assert_text(g.from, "m <sip:m;tag=no@x>;tag=mm ;x=1");
	assert_text(g.from_tag, "mm");
	assert_text(g.to_tag, "");
	assert_text(g.call_id, "by-hand@x");
	assert_text(g.cseq, "17  INVITE");
	assert_int_equal(g.number, 17);
	free(block);
}

static void an_ack(void **state)
{
	static const char text[] = "ACK sip:x SIP/2.0\r\n" VIA FROM
		"t: <sip:+4420@x>;tag=0123\r\ni: a\r\nCSeq: 1 ACK\r\n" REST;
	struct sip_glance g;
	char *block;

	(void)state;
	assert_true(glance(&g, text, sizeof(text) - 1, &block));
	assert_true(g.ack);
	assert_text(g.user, "");
	assert_text(g.to_tag, "0123");
	free(block);
}

static void what_is_left_to_sofia(void **state)
{
	static const char *const texts[] = {
		"BYE sip:a@b SIP/2.0\r\n" VIA FROM TO ID "CSeq: 1 BYE\r\n" REST,
		"INVITE tel:+4420 SIP/2.0\r\n" VIA FROM TO ID CSEQ REST,
		"INVITE urn:service:sos SIP/2.0\r\n" VIA FROM TO ID CSEQ REST,
		"INVITE sip:a@b SIP/3.0\r\n" VIA FROM TO ID CSEQ REST,
		"SIP/2.0 200 OK\r\n" VIA FROM TO ID CSEQ REST,
		REQUEST FROM TO ID CSEQ REST,
		REQUEST VIA TO ID CSEQ REST,
		REQUEST VIA FROM ID CSEQ REST,
		REQUEST VIA FROM TO CSEQ REST,
		REQUEST VIA FROM TO ID REST,
		REQUEST VIA FROM FROM TO ID CSEQ REST,
		REQUEST VIA FROM VIA TO ID CSEQ REST,
		REQUEST VIA FROM TO ID "CSeq: 1 ACK\r\n" REST,
		REQUEST VIA FROM TO ID "CSeq: x INVITE\r\n" REST,
		REQUEST VIA FROM TO ID "CSeq: 1234567890 INVITE\r\n" REST,
		REQUEST "Via: SIP/2.0/TCP a;branch=b\r\n" FROM TO ID CSEQ REST,
		REQUEST "Via: SIP/2.0/UDP a;branch=b, SIP/2.0/UDP c;branch=d\r\n" FROM TO ID CSEQ REST,
		REQUEST "Via: SIP/2.0/UDP a;rport\r\n" FROM TO ID CSEQ REST,
		REQUEST "Via: SIP/2.0/UDP a;branch=b;rport=5\r\n" FROM TO ID CSEQ REST,
		REQUEST "Via: SIP/2.0/UDP a; rport;branch=b\r\n" FROM TO ID CSEQ REST,
		REQUEST "Via: SIP/2.0/UDP a;branch=b;rport=\r\n" FROM TO ID CSEQ REST,
		REQUEST "Via: SIP/2.0/UDP a;rports=1; rport;branch=b\r\n" FROM TO ID CSEQ REST,
		REQUEST "Via: SIP/2.0/UDP a;branch=b;maddr=192.0.2.3\r\n" FROM TO ID CSEQ REST,
		REQUEST VIA "From: \"<a\" <sip:a@b>;tag=1\r\n" TO ID CSEQ REST,
		REQUEST VIA "From: <sip:a@b>\r\n" TO ID CSEQ REST,
		REQUEST VIA FROM TO ID CSEQ "Subject: a\r\n b\r\n" REST,
		REQUEST VIA FROM TO ID CSEQ "Priority: emergency\r\n" REST,
		REQUEST VIA FROM TO ID CSEQ "resource-priority : esnet.0\r\n" REST,
	};

	(void)state;
	assert_true(takes(REQUEST VIA FROM TO ID CSEQ REST));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (takes(texts[i]))
			fail_msg("taken: %s", texts[i]);
}

static void nothing_that_is_cut(void **state)
{
	static const char text[] = REQUEST VIA FROM TO ID CSEQ REST;
	struct sip_glance g;
	char *block;

	(void)state;
	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		assert_false(glance(&g, text, n, &block));
		free(block);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_ordinary_invite),
		cmocka_unit_test(an_ack),
		cmocka_unit_test(what_is_left_to_sofia),
		cmocka_unit_test(nothing_that_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
