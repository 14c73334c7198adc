/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TRUNK_SIP_IDENTITY_H
#define TRUNK_SIP_IDENTITY_H

/* Numbers and names between SIP headers and struct party: Request-URI, From, P-Asserted-Identity
 * (RFC 3325), Privacy (RFC 3323), Diversion (RFC 5806), History-Info (RFC 7044), tel: URIs (RFC
 * 3966). Thread: any. */

#include "base/party.h"
#include "conf/machine.h"
#include "trunk/sip.h"

#include <sofia-sip/sip.h>

#define SIP_IDENTITY_MAX 512 /* a header's value */

/* Values of headers, "" : header absent. */
struct sip_identity {
	char request_uri[SIP_IDENTITY_MAX];
	char to[SIP_IDENTITY_MAX];
	char from[SIP_IDENTITY_MAX]; /* without tag */
	char asserted[SIP_IDENTITY_MAX];
	char privacy[32];
	char diversion[SIP_IDENTITY_MAX];
	char history[SIP_IDENTITY_MAX * 2];
};

/* Digits of a telephone number as a user part or tel: URI writes it: parameters dropped, visual
 * separators stripped, %XX decoded, "+" kept in front. Returns their count; 0 and "" when it is no
 * number or too long. */
unsigned sip_number(const char *user, char digits[NUMBER_DIGITS]);

/* urn:service:sos, urn:service:sos.fire … */
bool sip_is_emergency_urn(const url_t *url);

/* A number as a user part has it; "" when it is none. */
void sip_identity_set_number(struct party_number *out, const char *user);
/* The Request-URI's. */
void sip_identity_read_called(const sip_t *sip, struct party *out);
/* What a request says of its parties. called, calling, redirecting, emergency, max_forwards are
 * set. */
void sip_identity_read(const sip_t *sip, bool trusted, struct sip_info *out);
/* The identity in a response or mid-dialog request, if it asserts any; else false. */
bool sip_identity_read_connected(const sip_t *sip, bool trusted, struct party *out);

/* Headers of an INVITE. `peer` is the host:port of the Request-URI, `domain` that of our numbers. 0
 * or -EINVAL (no called number, or too long). Restricted digits go into nothing but
 * P-Asserted-Identity, and that only to a trusted peer. */
int sip_identity_write(struct sip_identity *out, const struct sip_info *info,
		       const struct conf_trunk *trunk, const char *peer, const char *domain);
/* P-Asserted-Identity and Privacy of whom we connect; both "" when nothing may be said. */
void sip_identity_write_connected(struct sip_identity *out, const struct party *connected,
				  const struct conf_trunk *trunk, const char *domain);

#endif
