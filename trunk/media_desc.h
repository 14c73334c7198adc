/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TRUNK_MEDIA_DESC_H
#define TRUNK_MEDIA_DESC_H

/* Media as offered or answered, without SDP's words (RFC 4566, RFC 3264): what the core and the
 * bridge decide on. One audio stream; further m= lines of a peer are refused (port 0) by trunk/
 * itself and keep their place. Plain values. Thread: any. */

#include "base/netaddr.h"
#include "conf/machine.h"
#include "trunk/rtp.h"

#define MEDIA_CODECS_MAX 16
#define MEDIA_BLOB_MAX 1024

struct media_codec {
	char name[24];        /* "PCMA", "telephone-event", as in rtpmap (case kept, compared without) */
	uint32_t rate_hz;
	uint8_t channels;
	uint8_t payload_type; /* of the side that made the description */
	char fmtp[96];        /* "" : none */
};

struct media_desc {
	struct netaddr rtp;              /* unset with port 0: stream refused; host may be unset in c=0.0.0.0 */
	struct netaddr rtcp;             /* a=rtcp (RFC 3605); unset: port + 1 */
	struct media_codec codecs[MEDIA_CODECS_MAX]; /* in order of preference, telephone-event and CN among them */
	unsigned codec_count;
	enum rtp_direction direction;    /* as the maker of the description says it (c=0.0.0.0 reads as INACTIVE) */
	uint8_t ptime_ms, maxptime_ms;   /* 0: not said */
	bool rtcp_mux;                   /* RFC 5761 */
	/* Attributes that only a SIP leg on the other side can use (bypass, T.38 …): whole lines
	 * "a=…\r\n". */
	char opaque[MEDIA_BLOB_MAX];
};

/* Index of a codec by name, or -1. */
int media_desc_find(const struct media_desc *desc, const char *name);

/* What the other side does, seen from here: SENDONLY ↔ RECVONLY. */
enum rtp_direction media_desc_mirror(enum rtp_direction d);

/* An offer of ours: `local` and the trunk's codecs (static payload types 8, 0; telephone-event
 * 101). */
void media_desc_offer(struct media_desc *out, const struct conf_trunk *trunk, const struct netaddr *local);
/* Our answer to `offer`: the first of the offer's codecs that the trunk allows (RFC 3264 6.1),
 * telephone-event when both have it, direction mirrored with `direction` as our own wish. 0;
 * -ENOTSUP: no common codec (cause 88, SIP 488). */
int media_desc_answer(struct media_desc *out, const struct media_desc *offer, const struct conf_trunk *trunk,
		      const struct netaddr *local, enum rtp_direction direction);
/* The terms that an offer/answer pair agreed, for rtp_configure(). `ours` and `theirs` whichever
 * way round it went. 0; -ENOTSUP: no codec that both name. */
int media_desc_agree(struct rtp_media *out, const struct media_desc *ours, const struct media_desc *theirs,
		     const struct conf_trunk *trunk);

#endif
