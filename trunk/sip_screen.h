/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TRUNK_SIP_SCREEN_H
#define TRUNK_SIP_SCREEN_H

/* What a refusal needs of an INVITE, found in the datagram without parsing all of it: for a gateway
 * that is offered many times what it can carry, reading a message and building a response with
 * Sofia would cost more than its calls. Whatever is out of the ordinary is left to Sofia. Thread:
 * any. */

#include <stdbool.h>
#include <stddef.h>

struct sip_text {
	const char *at; /* not ended by NUL */
	size_t length;
};

struct sip_glance {
	bool ack;                /* of an INVITE; else it is the INVITE */
	struct sip_text user;    /* of the Request-URI; empty: it has none */
	struct sip_text vias;    /* values' lines, the first one without its end */
	struct sip_text via;     /* the first value */
	struct sip_text sent_by, branch; /* of the first */
	bool rport;              /* RFC 3581: it has the parameter, without a value */
	struct sip_text from, from_tag, to, to_tag, call_id, cseq; /* cseq: the whole value */
	unsigned number;         /* of CSeq */
};

/* True: a whole INVITE or ACK that is in order. Texts point into `data`. */
bool sip_glance(struct sip_glance *g, const char *data, size_t length);

#endif
