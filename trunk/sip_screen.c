/* SPDX-License-Identifier: GPL-2.0-only */
/* Refusing at the socket, while the gateway is refusing at all: datagrams are looked at before
 * Sofia reads them. INVITEs that are refused are answered from here, ACKs of refusals dropped; the
 * first that is neither is left where it is. A refusal costs a tenth of what it does by way of
 * Sofia, so the rest of the time is left for calls that are carried. */
#include "trunk/sip_screen.h"

#include "trunk/sip_identity.h"
#include "trunk/sip_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATAGRAM_MAX 4096 /* a longer INVITE is Sofia's */
#define AT_ONCE 32        /* then others have their turn */

struct datagram {
	struct sip_interface *interface;
	struct netaddr source;
	size_t length;
	char data[DATAGRAM_MAX];
};

static bool peek(struct datagram *d)
{
	socklen_t length = sizeof(d->source);
	ssize_t n = recvfrom(d->interface->udp, d->data, sizeof(d->data), MSG_PEEK | MSG_DONTWAIT,
			     &d->source.u.sa, &length);

	d->length = n > 0 ? (size_t)n : 0;
	return n > 0 && d->length < sizeof(d->data);
}

static void take(const struct datagram *d)
{
	recv(d->interface->udp, NULL, 0, MSG_DONTWAIT | MSG_TRUNC);
	d->interface->stack->past.requests_rx++;
}

static uint64_t hash_of(const struct sip_stack *stack, const struct sip_glance *g)
{
	return sip_refusal_hash(stack, &(struct sip_refusal_key){ .call_id = g->call_id,
								  .from_tag = g->from_tag,
								  .branch = g->branch,
								  .cseq = g->number });
}

/* To an ACK of a refusal of ours nothing is said: its tag is the hash (sip_refuse.c). */
static bool is_ours(const struct sip_text *tag, uint64_t hash)
{
	char text[24];

	snprintf(text, sizeof(text), "%016llx", (unsigned long long)hash);
	return tag->length == 16 && memcmp(tag->at, text, 16) == 0;
}

/* RFC 3261 18.2.2, RFC 3581 4: only where the response goes back to where the request came from. */
static bool comes_from_its_via(const struct datagram *d, const struct sip_glance *g)
{
	char source[NETADDR_TEXT];

	if (g->rport)
		return true;
	netaddr_text(&d->source, source);
	return g->sent_by.length == strlen(source) &&
	       memcmp(g->sent_by.at, source, g->sent_by.length) == 0;
}

#define TEXT(t) (int)(t).length, (t).at

/* The first Via with what RFC 3581 4 adds: the port where it is asked for, the address always. */
static size_t write_via(const struct datagram *d, const struct sip_glance *g, char *out,
			size_t room)
{
	const char *rport = NULL;
	char host[NETADDR_TEXT];
	size_t head;

	if (!g->rport)
		return (size_t)snprintf(out, room, "Via: %.*s", TEXT(g->via));
	for (size_t i = 0; i + 6 <= g->via.length && !rport; i++)
		if (g->via.at[i] == ';' && strncasecmp(g->via.at + i, ";rport", 6) == 0)
			rport = g->via.at + i + 6;
	head = rport ? (size_t)(rport - g->via.at) : g->via.length;
	return (size_t)snprintf(out, room, "Via: %.*s=%u%.*s;received=%s", (int)head, g->via.at,
				netaddr_port(&d->source), (int)(g->via.length - head),
				g->via.at + head, netaddr_host_text(&d->source, host));
}

static void refuse(struct datagram *d, const struct sip_glance *g, uint64_t hash,
		   struct sip_trunk *trunk, struct q850_cause cause)
{
	struct sip_stack *stack = trunk->stack;
	unsigned status = sip_status_of(trunk, cause);
	char text[DATAGRAM_MAX + 2048], via[DATAGRAM_MAX + 128], reason[SIP_HEADER_MAX], retry[16];
	const char *others = g->via.at + g->via.length; /* CRLF and the other Vias */
	int n;

	write_via(d, g, via, sizeof(via));
	sip_retry_text(stack, status, retry);
	n = snprintf(text, sizeof(text),
		     "SIP/2.0 %u %s\r\n%s%.*s\r\nFrom: %.*s\r\nTo: %.*s;tag=%016llx\r\n"
		     "Call-ID: %.*s\r\nCSeq: %.*s\r\n%s%s%sServer: %s\r\nReason: %s\r\n"
		     "Content-Length: 0\r\n\r\n",
		     status, sip_phrase(status), via, (int)(g->vias.at + g->vias.length - others),
		     others, TEXT(g->from), TEXT(g->to), (unsigned long long)hash, TEXT(g->call_id),
		     TEXT(g->cseq), retry[0] ? "Retry-After: " : "", retry, retry[0] ? "\r\n" : "",
		     stack->user_agent, sip_reason_text(cause, reason));
	if (n > 0 && (size_t)n < sizeof(text) &&
	    sendto(d->interface->udp, text, (size_t)n, MSG_DONTWAIT, &d->source.u.sa,
		   netaddr_len(&d->source)) > 0)
		stack->past.responses_tx++;
}

/* False: the INVITE is left to Sofia. */
static bool screen_invite(struct datagram *d, const struct sip_glance *g)
{
	struct sip_trunk *trunk = sip_trunk_by_source(d->interface, &d->source);
	uint64_t hash = hash_of(d->interface->stack, g);
	struct party called = { 0 };
	struct q850_cause cause;
	char user[128];

	if (!trunk || g->to_tag.length || g->user.length >= sizeof(user) ||
	    !comes_from_its_via(d, g))
		return false;
	snprintf(user, sizeof(user), "%.*s", TEXT(g->user));
	sip_identity_set_number(&called.number, user);
	cause = sip_refusal(trunk, hash, false, &called);
	if (!cause.value)
		return false;
	take(d);
	refuse(d, g, hash, trunk, cause);
	return true;
}

static bool screen_one(struct datagram *d)
{
	struct sip_glance g;

	if (!peek(d) || !sip_glance(&g, d->data, d->length))
		return false;
	if (!g.ack)
		return screen_invite(d, &g);
	if (!is_ours(&g.to_tag, hash_of(d->interface->stack, &g)))
		return false;
	take(d);
	return true;
}

void sip_screen(struct sip_stack *stack)
{
	struct sip_interface *interface;

	if (stack->screens_until_us < loop_now_us(stack->cfg.loop))
		return;
	list_for_each(interface, &stack->interfaces, struct sip_interface, node) {
		struct datagram d = { .interface = interface };
		unsigned n = 0;

		while (interface->udp >= 0 && n < AT_ONCE && screen_one(&d))
			n++;
	}
}
