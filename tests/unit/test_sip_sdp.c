/* SPDX-License-Identifier: GPL-2.0-only */
#include "trunk/sip_sdp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEAD "v=0\r\no=- 7 9 IN IP4 192.0.2.5\r\ns=-\r\n"
#define C4 "c=IN IP4 192.0.2.5\r\n"
#define T "t=0 0\r\n"
#define AUDIO                                                                                      \
	"m=audio 4000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"

static struct media_desc read_good(const char *text, struct sdp_shape *shape)
{
	struct media_desc d = { 0 };
	const char *why = "";
	int rc = sdp_read(text, strlen(text), &d, shape, &why);

	if (rc < 0)
		print_error("%s\n", why);
	assert_int_equal(rc, 0);
	return d;
}

static int read_bad(const char *text, size_t n)
{
	struct media_desc d;
	const char *why = NULL;
	int rc = sdp_read(text, n, &d, NULL, &why);

	assert_true(rc < 0);
	assert_non_null(why);
	assert_true(strlen(why) > 10);
	return rc;
}

static void plain(void **state)
{
	struct media_desc d = read_good(
		HEAD C4 T AUDIO
		"a=ptime:30\r\na=maxptime:60\r\na=rtcp:4444\r\na=rtcp-mux\r\na=ssrc:1 x\r\n",
		NULL);
	char text[NETADDR_TEXT];

	(void)state;
	assert_string_equal(netaddr_text(&d.rtp, text), "192.0.2.5:4000");
	assert_string_equal(netaddr_text(&d.rtcp, text), "192.0.2.5:4444");
	assert_int_equal(d.codec_count, 3);
	assert_string_equal(d.codecs[0].name, "PCMA");
	assert_int_equal(d.codecs[0].rate_hz, 8000);
	assert_string_equal(d.codecs[2].fmtp, "0-15");
	assert_int_equal(d.ptime_ms, 30);
	assert_int_equal(d.maxptime_ms, 60);
	assert_int_equal(d.direction, RTP_SENDRECV);
	assert_true(d.rtcp_mux);
	assert_string_equal(d.opaque, "a=ssrc:1 x\r\n");
}

static void addresses(void **state)
{
	char text[NETADDR_TEXT];
	struct media_desc d = read_good(
		"v=0\r\no=- 1 1 IN IP6 2001:db8::5\r\ns=-\r\nc=IN IP6 2001:db8::5\r\n" T AUDIO
		"a=rtcp:5000 IN IP6 2001:db8::6\r\n",
		NULL);

	(void)state;
	assert_string_equal(netaddr_text(&d.rtp, text), "[2001:db8::5]:4000");
	assert_string_equal(netaddr_text(&d.rtcp, text), "[2001:db8::6]:5000");
	d = read_good(HEAD C4 T AUDIO "c=IN IP4 192.0.2.77\r\n", NULL);
	assert_string_equal(netaddr_text(&d.rtp, text), "192.0.2.77:4000");
	d = read_good(HEAD "c=IN IP4 0.0.0.0\r\n" T AUDIO, NULL);
	assert_int_equal(d.direction, RTP_INACTIVE);
	d = read_good(HEAD C4 T "m=audio 0 RTP/AVP 8\r\n", NULL);
	assert_int_equal(netaddr_port(&d.rtp), 0);
	assert_false(netaddr_is_set(&d.rtp));
}

static void directions(void **state)
{
	static const struct {
		const char *line;
		enum rtp_direction want;
	} rows[] = { { "", RTP_SENDRECV },
		     { "a=sendrecv\r\n", RTP_SENDRECV },
		     { "a=sendonly\r\n", RTP_SENDONLY },
		     { "a=recvonly\r\n", RTP_RECVONLY },
		     { "a=inactive\r\n", RTP_INACTIVE } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[512];

		snprintf(text, sizeof(text), "%s%s", HEAD C4 T AUDIO,
			 rows[i].line); /* of the stream */
		assert_int_equal(read_good(text, NULL).direction, rows[i].want);
		snprintf(text, sizeof(text), "%s%s%s", HEAD C4 T, rows[i].line,
			 AUDIO); /* of the session */
		assert_int_equal(read_good(text, NULL).direction, rows[i].want);
	}
}

static void bad_ones(void **state)
{
	static const struct {
		const char *text;
		int rc;
	} rows[] = {
		{ "", -EINVAL },
		{ "hello", -EINVAL },
		{ "v=0\r\n", -EINVAL },
		{ "v=1\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\n" C4 T AUDIO, -EINVAL },
		{ HEAD T AUDIO, -EINVAL },
		{ HEAD "c=IN IP4 media.example.com\r\n" T AUDIO, -EINVAL },
		{ HEAD "c=IN IP4 300.1.1.1\r\n" T AUDIO, -EINVAL },
		{ HEAD "c=IN IP4 224.2.1.1/127\r\n" T AUDIO, -ENOTSUP },
		{ HEAD C4 T "m=audio 70000 RTP/AVP 8\r\n", -EINVAL },
		{ HEAD C4 T "m=audio 4000 RTP/SAVP 8\r\n", -ENOTSUP },
		{ HEAD C4 T "m=video 4000 RTP/AVP 31\r\n", -ENOTSUP },
		{ HEAD C4 T, -ENOTSUP },
		/* On these Sofia's own parser never ends. */
		{ HEAD C4 T AUDIO "m=image 6000 udptl /t38\r\n", -EINVAL },
		{ HEAD C4 T AUDIO "m=video 5TR00 /AVP 96\r\n", -EINVAL },
		{ HEAD C4 T AUDIO "m=video 5000 udptl\tx\r\n", -EINVAL },
		{ HEAD C4 T AUDIO "m=video 5000 udptl \xa9\r\n", -EINVAL },
		{ HEAD C4 T "m=audio 1/2/3 RTP/AVP 8\r\n", -EINVAL },
		{ HEAD C4 T "m=audio 4000 RTP/AVP\r\n", -EINVAL },
		{ HEAD C4 T AUDIO "m=video 1 RTP/AVPFWithANameThatIsLongerThanAllowed 8\r\n",
		  -E2BIG },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int rc = read_bad(rows[i].text, strlen(rows[i].text));

		if (rc != rows[i].rc)
			print_error("row %zu: %d\n", i, rc);
		assert_int_equal(rc, rows[i].rc);
	}
	assert_int_equal(read_bad("v=0\0\n", 5), -EINVAL);
}

static void bounds(void **state)
{
	char *text = calloc(1, 60000);
	struct media_desc d;
	const char *why;

	(void)state;
	strcpy(text, HEAD C4 T AUDIO);
	for (int i = 0; i < 400; i++)
		strcat(text, "a=x:yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n");
	d = read_good(text, NULL);
	assert_true(strlen(d.opaque) < sizeof(d.opaque));
	assert_true(strlen(d.opaque) > 900);
	assert_string_equal(d.opaque + strlen(d.opaque) - 2, "\r\n"); /* whole lines */
	memset(text + strlen(text), 'a', 20000);
	assert_int_equal(sdp_read(text, strlen(text), &d, NULL, &why), -E2BIG);
	strcpy(text, HEAD C4 T AUDIO);
	for (int i = 0; i < SDP_LINES_MAX; i++)
		strcat(text, "m=video 5000 RTP/AVP 31\r\n");
	assert_int_equal(sdp_read(text, strlen(text), &d, &(struct sdp_shape){ 0 }, &why), -E2BIG);
	strcpy(text, HEAD C4 T "m=audio 4000 RTP/AVP");
	for (int i = 0; i < 128; i++)
		sprintf(text + strlen(text), " %d", i);
	strcat(text, "\r\n");
	for (int i = 96; i < 128; i++)
		sprintf(text + strlen(text), "a=rtpmap:%d codec%d/8000\r\n", i, i);
	assert_in_range(read_good(text, NULL).codec_count, 1, MEDIA_CODECS_MAX);
	free(text);
}

static void odd_codecs_are_skipped(void **state)
{
	struct media_desc d =
		read_good(HEAD C4 T "m=audio 4000 RTP/AVP 96 97 98 8\r\n"
				    "a=rtpmap:96 aNameThatIsLongerThanAnyCodecHas/8000\r\n"
				    "a=rtpmap:97 huge/4000000000\r\na=rtpmap:98 opus/48000/2\r\n",
			  NULL);

	(void)state;
	assert_int_equal(d.codec_count, 2);
	assert_string_equal(d.codecs[0].name, "opus");
	assert_int_equal(d.codecs[0].channels, 2);
	assert_string_equal(d.codecs[1].name, "PCMA");
}

static struct media_desc ours(void)
{
	struct media_desc d = { .direction = RTP_SENDRECV, .ptime_ms = 20, .codec_count = 2 };

	netaddr_parse(&d.rtp, "192.0.2.1:20000", 0);
	d.codecs[0] = (struct media_codec){
		.name = "PCMA", .rate_hz = 8000, .channels = 1, .payload_type = 8
	};
	d.codecs[1] = (struct media_codec){ .name = "telephone-event",
					    .rate_hz = 8000,
					    .channels = 1,
					    .payload_type = 101,
					    .fmtp = "0-16" };
	return d;
}

static void written_reads_back(void **state)
{
	struct sdp_session session = { .id = 77, .version = 5 };
	struct media_desc d = ours(), back;
	char text[SDP_TEXT_MAX];

	(void)state;
	strcpy(d.opaque, "a=x-bypassid:1\r\n");
	netaddr_parse(&d.rtcp, "192.0.2.1:20001", 0);
	d.rtcp_mux = true;
	for (unsigned direction = 0; direction < 4; direction++) {
		d.direction = (enum rtp_direction)direction;
		assert_true(sdp_write(&session, NULL, &d, text, sizeof(text)) > 0);
		back = read_good(text, NULL);
		assert_int_equal(back.direction, direction);
		assert_true(netaddr_equal(&back.rtp, &d.rtp));
		assert_true(netaddr_equal(&back.rtcp, &d.rtcp));
		assert_int_equal(back.codec_count, 2);
		assert_string_equal(back.codecs[1].fmtp, "0-16");
		assert_string_equal(back.opaque, d.opaque);
		assert_true(back.rtcp_mux);
	}
	netaddr_parse(&d.rtp, "[2001:db8::1]:20000", 0);
	sdp_write(&session, NULL, &d, text, sizeof(text));
	assert_non_null(strstr(text, "c=IN IP6 2001:db8::1\r\n"));
}

static void version_goes_up_on_change_only(void **state)
{
	struct sdp_session session = { .id = 77, .version = 5 };
	struct media_desc d = ours();
	char text[SDP_TEXT_MAX];

	(void)state;
	sdp_write(&session, NULL, &d, text, sizeof(text));
	assert_non_null(strstr(text, "o=- 77 6 IN IP4 192.0.2.1\r\n"));
	sdp_write(&session, NULL, &d, text, sizeof(text));
	assert_non_null(strstr(text, "o=- 77 6 "));
	d.direction = RTP_INACTIVE;
	sdp_write(&session, NULL, &d, text, sizeof(text));
	assert_non_null(strstr(text, "o=- 77 7 "));
}

static void lines_keep_their_place(void **state)
{
	struct sdp_session session = { .id = 1 };
	struct media_desc d = ours();
	struct sdp_shape shape;
	char text[SDP_TEXT_MAX];
	const char *video, *audio, *image;

	(void)state;
	read_good(HEAD C4 T "m=video 5000 RTP/AVP 31 34\r\n" AUDIO
			    "m=image 6000 udptl t38\r\nm=audio 7000 RTP/AVP 0\r\n",
		  &shape);
	assert_int_equal(shape.count, 4);
	assert_int_equal(shape.audio, 1);
	sdp_write(&session, &shape, &d, text, sizeof(text));
	video = strstr(text, "m=video 0 RTP/AVP 31\r\n");
	audio = strstr(text, "m=audio 20000 ");
	image = strstr(text, "m=image 0 udptl t38\r\n");
	assert_true(video && audio && image && video < audio && audio < image);
	assert_non_null(strstr(image, "m=audio 0 RTP/AVP 0\r\n"));
}

static void a_used_stream_goes_before_a_refused_one(void **state)
{
	struct sdp_shape shape;
	struct media_desc d = read_good(HEAD C4 T "m=audio 0 RTP/AVP 8\r\n" AUDIO, &shape);

	(void)state;
	assert_int_equal(netaddr_port(&d.rtp), 4000);
	assert_int_equal(shape.audio, 1);
}

static void no_room(void **state)
{
	struct sdp_session session = { .id = 1, .version = 3 };
	struct media_desc d = ours();
	char text[SDP_TEXT_MAX];

	(void)state;
	for (size_t room = 1; room <= 150; room++)
		assert_int_equal(sdp_write(&session, NULL, &d, text, room), -ENOSPC);
	assert_int_equal(session.version, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain),
		cmocka_unit_test(addresses),
		cmocka_unit_test(directions),
		cmocka_unit_test(bad_ones),
		cmocka_unit_test(bounds),
		cmocka_unit_test(odd_codecs_are_skipped),
		cmocka_unit_test(written_reads_back),
		cmocka_unit_test(version_goes_up_on_change_only),
		cmocka_unit_test(lines_keep_their_place),
		cmocka_unit_test(a_used_stream_goes_before_a_refused_one),
		cmocka_unit_test(no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
