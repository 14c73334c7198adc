/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TRUNK_SIP_SDP_H
#define TRUNK_SIP_SDP_H

/* SDP (RFC 4566) to and from struct media_desc, as offer and answer need it (RFC 3264). Thread:
 * any.
 *
 * The audio stream is the first m=audio over RTP/AVP; all other m= lines are refused with port 0 in
 * their place, and keep it in everything that either side says later (RFC 3264 6, 8). */

#include "trunk/media_desc.h"

#define SDP_TEXT_MAX 6144      /* what we write, with NUL */
#define SDP_RECEIVED_MAX 32768 /* larger ones are refused unread */
#define SDP_LINES_MAX 12       /* m= lines */
#define SDP_LINE_MAX 96

/* The m= lines of a session: ours at `audio`, the others as they are refused. */
struct sdp_shape {
	unsigned count; /* 0: nothing said yet, one audio line */
	unsigned audio;
	char refused[SDP_LINES_MAX][SDP_LINE_MAX]; /* "m=video 0 RTP/AVP 96" */
};

/* Our side of a session: its o= line and what we said last. Zeroed: new. */
struct sdp_session {
	uint64_t id, version;
	uint64_t said; /* hash of all but the o= line */
};

/* 0; -EINVAL: no SDP (SIP 400); -ENOTSUP: nothing we can talk (488); -E2BIG. On failure *why tells,
 * for a Warning header. `shape` may be NULL. */
int sdp_read(const char *octets, size_t n, struct media_desc *out, struct sdp_shape *shape,
	     const char **why);

/* Writes a description; the version goes up only when it says something else than the one before
 * (RFC 3264 8). Returns its length or -ENOSPC. */
int sdp_write(struct sdp_session *session, const struct sdp_shape *shape,
	      const struct media_desc *desc, char *text, size_t room);

#endif
