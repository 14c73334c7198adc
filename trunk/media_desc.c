/* SPDX-License-Identifier: GPL-2.0-only */
#include "trunk/media_desc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* RFC 3551 table 4. */
#define PT_PCMU 0
#define PT_PCMA 8
#define PT_EVENT 101 /* what everybody uses; any dynamic one is allowed (RFC 3551 3) */

static const struct {
	const char *name;
	uint8_t payload_type;
	enum port_codec codec;
} codecs[] = {
	[CONF_PCMA] = { "PCMA", PT_PCMA, PORT_PCMA },
	[CONF_PCMU] = { "PCMU", PT_PCMU, PORT_PCMU },
};

static const char event_name[] = "telephone-event";
static const char event_digits[] = "0-16"; /* RFC 4733 3.2: DTMF and hook flash */

static const struct media_codec *codec_named(const struct media_desc *desc, const char *name)
{
	int i = media_desc_find(desc, name);

	return i < 0 ? NULL : &desc->codecs[i];
}

int media_desc_find(const struct media_desc *desc, const char *name)
{
	for (unsigned i = 0; i < desc->codec_count && i < MEDIA_CODECS_MAX; i++)
		if (strcasecmp(desc->codecs[i].name, name) == 0 && desc->codecs[i].rate_hz == 8000)
			return (int)i;
	return -1;
}

static void add_codec(struct media_desc *desc, const char *name, uint8_t payload_type,
		      const char *fmtp)
{
	struct media_codec *c = &desc->codecs[desc->codec_count];

	if (desc->codec_count >= MEDIA_CODECS_MAX)
		return;
	*c = (struct media_codec){ .rate_hz = 8000, .channels = 1, .payload_type = payload_type };
	snprintf(c->name, sizeof(c->name), "%s", name);
	snprintf(c->fmtp, sizeof(c->fmtp), "%s", fmtp);
	desc->codec_count++;
}

void media_desc_offer(struct media_desc *out, const struct conf_trunk *trunk,
		      const struct netaddr *local)
{
	*out = (struct media_desc){ .rtp = *local,
				    .direction = RTP_SENDRECV,
				    .ptime_ms = trunk->ptime_ms };
	for (size_t i = 0; i < trunk->codec_count; i++)
		add_codec(out, codecs[trunk->codecs[i]].name, codecs[trunk->codecs[i]].payload_type,
			  "");
	if (trunk->telephone_event)
		add_codec(out, event_name, PT_EVENT, event_digits);
}

static bool trunk_allows(const struct conf_trunk *trunk, const struct media_codec *c)
{
	for (size_t i = 0; i < trunk->codec_count; i++)
		if (strcasecmp(codecs[trunk->codecs[i]].name, c->name) == 0)
			return c->rate_hz == 8000 && c->channels <= 1;
	return false;
}

static const struct media_codec *first_allowed(const struct media_desc *offer,
					       const struct conf_trunk *trunk)
{
	for (unsigned i = 0; i < offer->codec_count && i < MEDIA_CODECS_MAX; i++)
		if (trunk_allows(trunk, &offer->codecs[i]))
			return &offer->codecs[i];
	return NULL;
}

enum rtp_direction media_desc_mirror(enum rtp_direction d)
{
	switch (d) {
	case RTP_SENDONLY:
		return RTP_RECVONLY;
	case RTP_RECVONLY:
		return RTP_SENDONLY;
	case RTP_INACTIVE:
	case RTP_SENDRECV:
		break;
	}
	return d;
}

int media_desc_answer(struct media_desc *out, const struct media_desc *offer,
		      const struct conf_trunk *trunk, const struct netaddr *local,
		      enum rtp_direction direction)
{
	const struct media_codec *audio = first_allowed(offer, trunk),
				 *event = codec_named(offer, event_name);

	if (!audio || !netaddr_port(&offer->rtp))
		return -ENOTSUP;
	*out = (struct media_desc){ .rtp = *local,
				    .direction = media_desc_mirror(offer->direction) & direction,
				    .ptime_ms = trunk->ptime_ms,
				    .rtcp_mux = false };
	/* RFC 3264 6.1: the answer uses the offer's payload type numbers. */
	add_codec(out, audio->name, audio->payload_type, "");
	if (event && trunk->telephone_event)
		add_codec(out, event->name, event->payload_type, event_digits);
	return 0;
}

static int agree_audio(struct rtp_media *out, const struct media_desc *ours,
		       const struct media_desc *theirs)
{
	for (unsigned i = 0; i < theirs->codec_count; i++) {
		const struct media_codec *t = &theirs->codecs[i], *o = codec_named(ours, t->name);

		for (size_t k = 0; o && k < COUNT(codecs); k++) {
			if (strcasecmp(codecs[k].name, t->name) != 0 || t->rate_hz != 8000)
				continue;
			out->codec = codecs[k].codec;
			out->payload_type = t->payload_type;
			out->payload_type_rx = o->payload_type;
			return 0;
		}
	}
	return -ENOTSUP;
}

static uint8_t sending_ptime(const struct media_desc *theirs, const struct conf_trunk *trunk)
{
	unsigned ms = theirs->ptime_ms ? theirs->ptime_ms : trunk->ptime_ms;

	if (theirs->maxptime_ms && ms > theirs->maxptime_ms)
		ms = theirs->maxptime_ms;
	if (ms > 60)
		ms = 60;
	ms -= ms % 10;
	return (uint8_t)(ms < 10 ? 10 : ms);
}

/* c=0.0.0.0: nowhere to send to. */
static bool is_somewhere(const struct netaddr *a)
{
	if (!netaddr_port(a))
		return false;
	if (netaddr_family(a) == AF_INET6)
		return !IN6_IS_ADDR_UNSPECIFIED(&a->u.in6.sin6_addr);
	return a->u.in.sin_addr.s_addr != htonl(INADDR_ANY);
}

int media_desc_agree(struct rtp_media *out, const struct media_desc *ours,
		     const struct media_desc *theirs, const struct conf_trunk *trunk)
{
	const struct media_codec *o = codec_named(ours, event_name),
				 *t = codec_named(theirs, event_name);
	struct rtp_media m = { .event_pt = RTP_NO_PT,
			       .event_pt_rx = RTP_NO_PT,
			       .latching = trunk->latching };
	int rc = agree_audio(&m, ours, theirs);

	if (rc < 0)
		return rc;
	if (o && t) {
		m.event_pt = t->payload_type;
		m.event_pt_rx = o->payload_type;
	}
	m.ptime_ms = sending_ptime(theirs, trunk);
	m.direction = ours->direction & media_desc_mirror(theirs->direction);
	if (is_somewhere(&theirs->rtp))
		m.remote = theirs->rtp;
	m.remote_rtcp = theirs->rtcp;
	*out = m;
	return 0;
}
