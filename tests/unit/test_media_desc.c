/* SPDX-License-Identifier: GPL-2.0-only */
#include "trunk/media_desc.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static enum conf_codec both[] = { CONF_PCMA, CONF_PCMU };
static enum conf_codec ulaw_only[] = { CONF_PCMU };
static const struct conf_trunk trunk = {
	.codecs = both, .codec_count = 2, .telephone_event = true, .ptime_ms = 20, .latching = true
};

static struct netaddr address(const char *text)
{
	struct netaddr a;

	assert_int_equal(netaddr_parse(&a, text, 0), 0);
	return a;
}

static void codec(struct media_desc *d, const char *name, uint8_t pt)
{
	struct media_codec *c = &d->codecs[d->codec_count++];

	*c = (struct media_codec){ .rate_hz = 8000, .channels = 1, .payload_type = pt };
	snprintf(c->name, sizeof(c->name), "%s", name);
}

static struct media_desc theirs(void)
{
	struct media_desc d = { .rtp = address("192.0.2.9:4000"),
				.direction = RTP_SENDRECV,
				.ptime_ms = 30 };

	codec(&d, "G729", 18);
	codec(&d, "pcmu", 0);
	codec(&d, "PCMA", 8);
	codec(&d, "telephone-event", 96);
	return d;
}

static void offer(void **state)
{
	struct netaddr local = address("192.0.2.1:20000");
	struct media_desc d;

	(void)state;
	media_desc_offer(&d, &trunk, &local);
	assert_int_equal(d.codec_count, 3);
	assert_string_equal(d.codecs[0].name, "PCMA");
	assert_int_equal(d.codecs[0].payload_type, 8);
	assert_int_equal(d.codecs[1].payload_type, 0);
	assert_string_equal(d.codecs[2].name, "telephone-event");
	assert_string_equal(d.codecs[2].fmtp, "0-16");
	assert_int_equal(d.ptime_ms, 20);
	assert_true(netaddr_equal(&d.rtp, &local));
}

static void answer_takes_the_offers_order_and_numbers(void **state)
{
	struct netaddr local = address("192.0.2.1:20000");
	struct media_desc o = theirs(), a;

	(void)state;
	assert_int_equal(media_desc_answer(&a, &o, &trunk, &local, RTP_SENDRECV), 0);
	assert_int_equal(a.codec_count, 2);
	assert_string_equal(a.codecs[0].name, "pcmu");
	assert_int_equal(a.codecs[1].payload_type, 96);
}

static void answer_without_common_codec(void **state)
{
	struct netaddr local = address("192.0.2.1:20000");
	struct media_desc o = theirs(), a;
	struct conf_trunk none = trunk;

	(void)state;
	none.codec_count = 0;
	assert_int_equal(media_desc_answer(&a, &o, &none, &local, RTP_SENDRECV), -ENOTSUP);
	netaddr_set_port(&o.rtp, 0);
	assert_int_equal(media_desc_answer(&a, &o, &trunk, &local, RTP_SENDRECV), -ENOTSUP);
	o = theirs();
	o.codecs[1].rate_hz = 16000;
	o.codecs[2].channels = 2;
	assert_int_equal(media_desc_answer(&a, &o, &trunk, &local, RTP_SENDRECV), -ENOTSUP);
}

/* RFC 3264 6.1: what may be answered to what is offered, against our own wish. */
static void directions(void **state)
{
	static const enum rtp_direction want[4][4] = {
		/* wish:                 inactive      recvonly      sendonly      sendrecv */
		[RTP_INACTIVE] = { RTP_INACTIVE, RTP_INACTIVE, RTP_INACTIVE, RTP_INACTIVE },
		[RTP_RECVONLY] = { RTP_INACTIVE, RTP_INACTIVE, RTP_SENDONLY, RTP_SENDONLY },
		[RTP_SENDONLY] = { RTP_INACTIVE, RTP_RECVONLY, RTP_INACTIVE, RTP_RECVONLY },
		[RTP_SENDRECV] = { RTP_INACTIVE, RTP_RECVONLY, RTP_SENDONLY, RTP_SENDRECV },
	};
	struct netaddr local = address("192.0.2.1:20000");

	(void)state;
	for (unsigned offered = 0; offered < 4; offered++)
		for (unsigned wish = 0; wish < 4; wish++) {
			struct media_desc o = theirs(), a;
			struct rtp_media m;

			o.direction = (enum rtp_direction)offered;
			assert_int_equal(
				media_desc_answer(&a, &o, &trunk, &local, (enum rtp_direction)wish),
				0);
			assert_int_equal(a.direction, want[offered][wish]);
			assert_int_equal(media_desc_agree(&m, &a, &o, &trunk), 0);
			assert_int_equal(m.direction, a.direction);
		}
}

static void agreed_terms(void **state)
{
	struct netaddr local = address("192.0.2.1:20000");
	struct media_desc ours, answer = { .rtp = address("192.0.2.9:4000"),
					   .direction = RTP_SENDRECV,
					   .maxptime_ms = 10 };
	struct rtp_media m;

	(void)state;
	media_desc_offer(&ours, &trunk, &local);
	codec(&answer, "PCMU", 100);
	codec(&answer, "telephone-event", 97);
	answer.rtcp = address("192.0.2.9:4444");
	assert_int_equal(media_desc_agree(&m, &ours, &answer, &trunk), 0);
	assert_int_equal(m.codec, PORT_PCMU);
	assert_int_equal(m.payload_type, 100);
	assert_int_equal(m.payload_type_rx, 0);
	assert_int_equal(m.event_pt, 97);
	assert_int_equal(m.event_pt_rx, 101);
	assert_int_equal(m.ptime_ms, 10);
	assert_true(m.latching);
	assert_true(netaddr_equal(&m.remote, &answer.rtp));
	assert_true(netaddr_equal(&m.remote_rtcp, &answer.rtcp));
	answer.codec_count = 1;
	assert_int_equal(media_desc_agree(&m, &ours, &answer, &trunk), 0);
	assert_int_equal(m.event_pt, RTP_NO_PT);
	ours.codec_count = 1;
	assert_int_equal(media_desc_agree(&m, &ours, &answer, &trunk), -ENOTSUP);
}

static void sending_time(void **state)
{
	static const struct {
		uint8_t ptime, max, want;
	} rows[] = { { 0, 0, 20 },  { 30, 0, 30 },  { 200, 0, 60 }, { 5, 0, 10 },
		     { 35, 0, 30 }, { 40, 20, 20 }, { 0, 15, 10 } };
	struct netaddr local = address("192.0.2.1:20000");

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct media_desc ours, t = theirs();
		struct rtp_media m;

		t.ptime_ms = rows[i].ptime;
		t.maxptime_ms = rows[i].max;
		media_desc_offer(&ours, &trunk, &local);
		assert_int_equal(media_desc_agree(&m, &ours, &t, &trunk), 0);
		assert_int_equal(m.ptime_ms, rows[i].want);
	}
}

static void held_or_refused_has_no_remote(void **state)
{
	struct netaddr local = address("192.0.2.1:20000");
	struct media_desc ours, t = theirs();
	struct rtp_media m;

	(void)state;
	media_desc_offer(&ours, &trunk, &local);
	t.rtp = address("0.0.0.0:4000");
	assert_int_equal(media_desc_agree(&m, &ours, &t, &trunk), 0);
	assert_false(netaddr_is_set(&m.remote));
	t.rtp = address("[::]:4000");
	assert_int_equal(media_desc_agree(&m, &ours, &t, &trunk), 0);
	assert_false(netaddr_is_set(&m.remote));
}

static void one_codec_trunk(void **state)
{
	struct netaddr local = address("192.0.2.1:20000");
	struct conf_trunk t = trunk;
	struct media_desc o = theirs(), a;

	(void)state;
	t.codecs = ulaw_only;
	t.codec_count = 1;
	t.telephone_event = false;
	assert_int_equal(media_desc_answer(&a, &o, &t, &local, RTP_SENDRECV), 0);
	assert_int_equal(a.codec_count, 1);
	assert_int_equal(media_desc_find(&a, "PCMU"), 0);
	assert_int_equal(media_desc_find(&a, "PCMA"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offer),
		cmocka_unit_test(answer_takes_the_offers_order_and_numbers),
		cmocka_unit_test(answer_without_common_codec),
		cmocka_unit_test(directions),
		cmocka_unit_test(agreed_terms),
		cmocka_unit_test(sending_time),
		cmocka_unit_test(held_or_refused_has_no_remote),
		cmocka_unit_test(one_codec_trunk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
