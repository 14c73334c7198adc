/* SPDX-License-Identifier: GPL-2.0-only */
/* What one value can't tell alone: two users of one thing, and defaults that follow from other
 * values. Runs also after other faults, so any string may be NULL and any reference may lead
 * nowhere. */
#include "conf/schema.h"

#include <string.h>

#define PLACE_TEXT 40

/* ---- Sockets: everything that binds an address and port ---- */

enum socket_use { USE_UDP = 1, USE_TCP = 2 };

struct bound {
	const char *what, *name;
	const struct netaddr *address;
	unsigned uses;
	struct conf_place place;
};

static bool is_any_host(const struct netaddr *a)
{
	static const struct in6_addr any6 = IN6ADDR_ANY_INIT;

	if (netaddr_family(a) == AF_INET)
		return a->u.in.sin_addr.s_addr == htonl(INADDR_ANY);
	return memcmp(&a->u.in6.sin6_addr, &any6, sizeof(any6)) == 0;
}

/* Would two sockets on these hosts meet? One bound to all addresses meets every other of its
 * family. */
static bool hosts_meet(const struct netaddr *a, const struct netaddr *b)
{
	if (netaddr_family(a) != netaddr_family(b) || !netaddr_is_set(a))
		return false;
	return netaddr_same_host(a, b) || is_any_host(a) || is_any_host(b);
}

/* The i-th socket of the configuration, interfaces first; false at the end. */
static bool bound_at(const struct conf_document *d, const struct machine_conf *m, size_t i,
		     struct bound *out)
{
	if (i < m->interface_count) {
		const struct conf_sip_interface *f = &m->interfaces[i];

		*out = (struct bound){ .what = "SIP interface",
				       .name = f->name,
				       .address = &f->address,
				       .uses = (f->udp ? USE_UDP : 0u) | (f->tcp ? USE_TCP : 0u),
				       .place = conf_place_or(d, &f->address, f->place) };
		return true;
	}
	i -= m->interface_count;
	if (i < m->line_count) {
		const struct conf_line *l = &m->lines[i];

		*out = (struct bound){ .what = "line",
				       .name = l->name,
				       .address = &l->local,
				       .uses = l->kind == CONF_LINE_CESOPSN ? USE_UDP : 0u,
				       .place = conf_place_or(d, &l->local, l->place) };
		return true;
	}
	return false;
}

static void check_pair(struct conf_document *d, const struct bound *a, const struct bound *b)
{
	char text[NETADDR_TEXT];

	if (!(a->uses & b->uses) || !hosts_meet(a->address, b->address) ||
	    netaddr_port(a->address) != netaddr_port(b->address))
		return;
	conf_fault(
		d, b->place,
		"%s %s: %s is bound by %s %s already (line %u); accepted: another address or port",
		b->what, b->name, netaddr_text(b->address, text), a->what, a->name, a->place.line);
}

/* RTP is bound on the media address, and on each interface's own: where it is not told, all are
 * taken to meet. */
static bool media_meets(const struct machine_conf *m, const struct netaddr *a)
{
	if (netaddr_is_set(&m->media.address) && hosts_meet(&m->media.address, a))
		return true;
	for (size_t i = 0; i < m->interface_count; i++)
		if (hosts_meet(&m->interfaces[i].address, a))
			return true;
	return false;
}

static void check_media_range(struct conf_document *d, const struct machine_conf *m,
			      const struct bound *b)
{
	struct conf_place ports = conf_place_of(d, &m->media.port_first);
	uint16_t port = netaddr_port(b->address);
	char text[NETADDR_TEXT], where[PLACE_TEXT] = "the default";

	if (conf_is_faulty(d, &m->media.port_first))
		return;
	if (!(b->uses & USE_UDP) || port < m->media.port_first || port > m->media.port_last ||
	    !media_meets(m, b->address))
		return;
	if (ports.line)
		snprintf(where, sizeof(where), "line %u", ports.line);
	conf_fault(d, b->place,
		   "%s %s: %s lies within the RTP ports %u-%u (%s); accepted: a port outside, or "
		   "other media ports",
		   b->what, b->name, netaddr_text(b->address, text), m->media.port_first,
		   m->media.port_last, where);
}

static void check_sockets(struct conf_document *d, const struct machine_conf *m)
{
	struct bound a, b;

	for (size_t i = 0; bound_at(d, m, i, &b); i++) {
		check_media_range(d, m, &b);
		for (size_t j = 0; j < i && bound_at(d, m, j, &a); j++)
			check_pair(d, &a, &b);
	}
}

static void check_media(struct conf_document *d, const struct conf_media *media)
{
	unsigned first_even = (media->port_first + 1u) & ~1u;

	if (first_even + 1 > media->port_last)
		conf_fault(d, conf_place_of(d, &media->port_first),
			   "ports: %u-%u holds no even port and the odd one above; accepted: at "
			   "least such a pair",
			   media->port_first, media->port_last);
}

/* ---- Lines ---- */

static void check_cesopsn(struct conf_document *d, const struct conf_line *l)
{
	if (netaddr_is_set(&l->local) && netaddr_is_set(&l->remote) &&
	    netaddr_family(&l->local) != netaddr_family(&l->remote))
		conf_fault(d, conf_place_of(d, &l->remote),
			   "remote: not of the same family as local (line %u); accepted: both IPv4 "
			   "or both IPv6",
			   conf_place_of(d, &l->local).line);
	if (l->jitter_ms * 1000 < l->packet_us)
		conf_fault(d, conf_place_or(d, &l->jitter_ms, l->place),
			   "jitter: %ums is less than one packet of %ums; accepted: the packet "
			   "time or more",
			   l->jitter_ms, l->packet_us / 1000);
}

/* Two lines on one card must not share channels: each takes 31 from its first. */
static void check_dahdi_pair(struct conf_document *d, const struct conf_line *a,
			     const struct conf_line *b)
{
	unsigned low = a->dahdi_first_channel, high = b->dahdi_first_channel;

	if (a->kind != CONF_LINE_DAHDI || b->kind != CONF_LINE_DAHDI || !low || !high)
		return;
	if ((high > low ? high - low : low - high) < 31)
		conf_fault(d, conf_place_or(d, &b->dahdi_first_channel, b->place),
			   "first-channel: %u is within the channels of line %s (line %u); "
			   "accepted: 31 channels apart",
			   high, a->name, conf_place_or(d, &a->dahdi_first_channel, a->place).line);
	else if (a->dahdi_span == b->dahdi_span && a->dahdi_span)
		conf_fault(d, conf_place_or(d, &b->dahdi_span, b->place),
			   "span: %u is that of line %s already (line %u); accepted: another span",
			   b->dahdi_span, a->name, conf_place_or(d, &a->dahdi_span, a->place).line);
}

static void check_lines(struct conf_document *d, const struct machine_conf *m)
{
	for (size_t i = 0; i < m->line_count; i++) {
		const struct conf_line *l = &m->lines[i];

		if (l->kind == CONF_LINE_CESOPSN)
			check_cesopsn(d, l);
		for (size_t j = 0; j < i; j++)
			check_dahdi_pair(d, &m->lines[j], l);
	}
}

/* ---- Spans ---- */

static const struct conf_line *line_of(const struct machine_conf *m, const struct conf_span *s)
{
	for (size_t i = 0; i < m->line_count; i++)
		if (s->line && m->lines[i].name && strcmp(m->lines[i].name, s->line) == 0)
			return &m->lines[i];
	return NULL;
}

static timeslot_set bit(unsigned timeslot)
{
	return (timeslot_set)1 << timeslot;
}

static unsigned first_of(timeslot_set set)
{
	return (unsigned)__builtin_ctz(set);
}

/* What the schema can't: defaults that follow from the line and the role. */
static void complete_span(struct conf_document *d, const struct conf_line *line,
			  struct conf_span *s)
{
	if (!conf_place_of(d, &s->hunt).line)
		s->hunt = s->role == CONF_ROLE_NT ? CONF_HUNT_ASCENDING : CONF_HUNT_DESCENDING;
	if (!s->b_channels && line && !conf_is_faulty(d, &s->b_channels))
		s->b_channels = line->timeslots & ~bit(s->d_channel);
}

/* The D-channel, as a set; empty when its value was faulty. */
static timeslot_set d_bit(const struct conf_document *d, const struct conf_span *s)
{
	return conf_is_faulty(d, &s->d_channel) ? 0 : bit(s->d_channel);
}

/* What the span uses must be carried by its line. */
static void check_carried(struct conf_document *d, const struct conf_line *line,
			  const struct conf_span *s)
{
	struct conf_place carried = conf_place_or(d, &line->timeslots, line->place);

	if (d_bit(d, s) & ~line->timeslots)
		conf_fault(d, conf_place_or(d, &s->d_channel, s->place),
			   "d-channel: timeslot %u is not carried by line %s (line %u); accepted: "
			   "one of its timeslots",
			   s->d_channel, line->name, carried.line);
	if (s->b_channels & ~line->timeslots)
		conf_fault(d, conf_place_or(d, &s->b_channels, s->place),
			   "b-channels: timeslot %u is not carried by line %s (line %u); accepted: "
			   "its timeslots",
			   first_of(s->b_channels & ~line->timeslots), line->name, carried.line);
	if (!s->b_channels && !conf_is_faulty(d, &s->b_channels))
		conf_fault(d, s->place,
			   "span %s: no timeslot is left for calls; accepted: a line with more "
			   "than the D-channel",
			   s->name);
}

static void check_span(struct conf_document *d, const struct conf_line *line,
		       const struct conf_span *s)
{
	if (s->b_channels & d_bit(d, s))
		conf_fault(d, conf_place_or(d, &s->b_channels, s->place),
			   "b-channels: timeslot %u is the D-channel (line %u); accepted: one use "
			   "of each",
			   s->d_channel, conf_place_or(d, &s->d_channel, s->place).line);
	if (line && !conf_is_faulty(d, &line->timeslots))
		check_carried(d, line, s);
}

/* The place of the value that makes a span use this timeslot. */
static struct conf_place use_place(struct conf_document *d, const struct conf_span *s,
				   unsigned timeslot)
{
	if (timeslot == s->d_channel)
		return conf_place_or(d, &s->d_channel, s->place);
	return conf_place_or(d, &s->b_channels, conf_place_or(d, &s->line, s->place));
}

static void check_span_pair(struct conf_document *d, const struct conf_span *a,
			    const struct conf_span *b)
{
	timeslot_set common = (a->b_channels | d_bit(d, a)) & (b->b_channels | d_bit(d, b));
	unsigned timeslot;

	if (!a->line || !b->line || strcmp(a->line, b->line) != 0 || !common)
		return;
	timeslot = first_of(common);
	conf_fault(d, use_place(d, b, timeslot),
		   "span %s: timeslot %u of line %s is used by span %s already (line %u); "
		   "accepted: timeslots of its own",
		   b->name, timeslot, b->line, a->name, use_place(d, a, timeslot).line);
}

static void check_spans(struct conf_document *d, struct machine_conf *m)
{
	for (size_t i = 0; i < m->span_count; i++) {
		complete_span(d, line_of(m, &m->spans[i]), &m->spans[i]);
		check_span(d, line_of(m, &m->spans[i]), &m->spans[i]);
		for (size_t j = 0; j < i; j++)
			check_span_pair(d, &m->spans[j], &m->spans[i]);
	}
}

/* ---- Names that routes use: trunks, spans and groups are one space ---- */

static void check_gateway_name(struct conf_document *d, const struct machine_conf *m,
			       const char *what, const char *name, struct conf_place place)
{
	for (size_t i = 0; name && i < m->trunk_count; i++)
		if (m->trunks[i].name && strcmp(m->trunks[i].name, name) == 0)
			conf_fault(d, place,
				   "%s %s: a trunk has that name (line %u), and routes could mean "
				   "either; accepted: another name",
				   what, name, m->trunks[i].place.line);
}

static void check_group_name(struct conf_document *d, const struct machine_conf *m,
			     const struct conf_span *s)
{
	for (size_t i = 0; s->group && i < m->span_count; i++) {
		const struct conf_span *other = &m->spans[i];

		if (other->name && strcmp(other->name, s->group) == 0)
			conf_fault(d, conf_place_or(d, &s->group, s->place),
				   "group %s: a span has that name (line %u), and routes could "
				   "mean either; accepted: another name",
				   s->group, other->place.line);
	}
}

static void check_names(struct conf_document *d, const struct machine_conf *m)
{
	for (size_t i = 0; i < m->span_count; i++) {
		const struct conf_span *s = &m->spans[i];

		check_gateway_name(d, m, "span", s->name, s->place);
		check_gateway_name(d, m, "group", s->group, conf_place_or(d, &s->group, s->place));
		check_group_name(d, m, s);
	}
}

/* ---- Trunks ---- */

static const struct conf_sip_interface *interface_of(const struct machine_conf *m,
						     const struct conf_trunk *t)
{
	for (size_t i = 0; i < m->interface_count; i++)
		if (t->interface && m->interfaces[i].name &&
		    strcmp(m->interfaces[i].name, t->interface) == 0)
			return &m->interfaces[i];
	return NULL;
}

static void check_trunk(struct conf_document *d, const struct machine_conf *m,
			const struct conf_trunk *t)
{
	const struct conf_sip_interface *f = interface_of(m, t);

	if (!f || !(f->udp || f->tcp))
		return;
	if (t->transport == CONF_UDP ? !f->udp : !f->tcp)
		conf_fault(
			d, conf_place_or(d, &t->transport, t->place),
			"transport: %s is not spoken by SIP interface %s (line %u); accepted: %s",
			t->transport == CONF_UDP ? "udp" : "tcp", f->name, f->place.line,
			f->udp ? "udp" : "tcp");
}

/* ---- The API ---- */

static bool is_loopback(const struct netaddr *a)
{
	if (netaddr_family(a) == AF_INET)
		return ntohl(a->u.in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return IN6_IS_ADDR_LOOPBACK(&a->u.in6.sin6_addr);
}

static void check_access(struct conf_document *d, const struct conf_access *access)
{
	const char *token = access->token_sha256;
	struct conf_place place = conf_place_or(d, &access->token_sha256, access->place);

	if (conf_is_faulty(d, &access->group) || conf_is_faulty(d, &access->token_sha256))
		return;
	if (!access->group == !token)
		conf_fault(d, access->place,
			   "access: %s; accepted: group, or token-sha256 with name, in one entry",
			   token ? "both group and token-sha256 are given"
				 : "neither group nor token-sha256 is given");
	if (token && (strlen(token) != 64 || strspn(token, "0123456789abcdefABCDEF") != 64))
		conf_fault(d, place,
			   "token-sha256: that is no SHA-256; accepted: 64 hexadecimal digits, as "
			   "`gwctl token` prints them");
	if (token && !access->name && !conf_is_faulty(d, &access->name))
		conf_fault(d, access->place,
			   "access: a token needs a name; accepted: name: what the history of "
			   "changes calls its bearer");
}

static void check_api(struct conf_document *d, const struct conf_api *api)
{
	struct conf_place place = conf_place_of(d, &api->listen);
	char text[NETADDR_TEXT];
	bool tokens = false;

	for (size_t i = 0; i < api->access_count; i++) {
		check_access(d, &api->access[i]);
		tokens = tokens || api->access[i].token_sha256;
	}
	if (!netaddr_is_set(&api->listen))
		return;
	if (!is_loopback(&api->listen))
		conf_fault(d, place,
			   "listen: %s is no loopback address, and what is said there is not "
			   "encrypted; accepted: 127.0.0.1:PORT or \"[::1]:PORT\", with a proxy "
			   "that speaks TLS before it",
			   netaddr_text(&api->listen, text));
	if (!tokens)
		conf_fault(d, place,
			   "listen: nobody could use it without a token; accepted: an entry with "
			   "token-sha256 in access");
}

void machine_check(struct conf_document *d, void *into)
{
	struct machine_conf *m = into;

	check_sockets(d, m);
	check_media(d, &m->media);
	check_lines(d, m);
	check_spans(d, m);
	check_names(d, m);
	for (size_t i = 0; i < m->trunk_count; i++)
		check_trunk(d, m, &m->trunks[i]);
	check_api(d, &m->api);
}
