/* SPDX-License-Identifier: GPL-2.0-only */
/* SDP read, answered, agreed on, written and read again: what we write must always be readable, and
 * say the same. */
#include "trunk/sip_sdp.h"

#include <stdlib.h>
#include <string.h>

static enum conf_codec codecs[] = { CONF_PCMA, CONF_PCMU };
static const struct conf_trunk trunk = {
	.codecs = codecs, .codec_count = 2, .telephone_event = true, .ptime_ms = 20
};

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void write_and_read(const struct media_desc *desc, const struct sdp_shape *shape)
{
	struct sdp_session session = { .id = 1, .version = 1 };
	char text[SDP_TEXT_MAX];
	struct media_desc back;
	struct sdp_shape again;
	const char *why;
	int n = sdp_write(&session, shape, desc, text, sizeof(text));

	if (n < 0)
		return;
	check((size_t)n == strlen(text));
	check(sdp_read(text, (size_t)n, &back, &again, &why) == 0);
	check(netaddr_port(&back.rtp) == netaddr_port(&desc->rtp));
	check(again.count == shape->count && again.audio == shape->audio);
	check(!netaddr_port(&desc->rtp) || back.direction == desc->direction);
}

static void answer_it(const struct media_desc *offer, const struct sdp_shape *shape)
{
	struct netaddr local;
	struct media_desc answer;
	struct rtp_media media;

	netaddr_parse(&local, "192.0.2.1:20000", 0);
	if (media_desc_answer(&answer, offer, &trunk, &local, RTP_SENDRECV) < 0)
		return;
	check(answer.codec_count >= 1 && answer.codec_count <= 2);
	check(media_desc_agree(&media, &answer, offer, &trunk) == 0);
	check(media.ptime_ms >= 10 && media.ptime_ms <= 60 && media.ptime_ms % 10 == 0);
	write_and_read(&answer, shape);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n)
{
	struct media_desc desc;
	struct sdp_shape shape;
	const char *why = NULL;

	if (sdp_read((const char *)octets, n, &desc, &shape, &why) < 0) {
		check(why && why[0]);
		return 0;
	}
	check(desc.codec_count <= MEDIA_CODECS_MAX && shape.count >= 1 &&
	      shape.count <= SDP_LINES_MAX);
	check(shape.audio < shape.count && memchr(desc.opaque, '\0', sizeof(desc.opaque)) != NULL);
	answer_it(&desc, &shape);
	return 0;
}
