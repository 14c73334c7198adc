/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TRUNK_SIP_BODY_H
#define TRUNK_SIP_BODY_H

/* The SDP in a message's body: the body itself, or the first such part of a multipart one (RFC
 * 2046 5.1, RFC 5621 3). Our own reader: Sofia's asserts on multipart bodies that are wrong.
 * Nothing is copied. Thread: any. */

#include <stddef.h>

/* `type` is the value of Content-Type. Returns where the SDP begins in `body` and sets *length;
 * NULL: there is none. */
const char *sip_body_sdp(const char *type, const char *body, size_t n, size_t *length);

#endif
