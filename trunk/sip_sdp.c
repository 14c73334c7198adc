/* SPDX-License-Identifier: GPL-2.0-only */
#include "trunk/sip_sdp.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <sofia-sip/sdp.h>
#include <sofia-sip/su_alloc.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- Reading ---- */

static const char *const understood[] = {
	"rtpmap",   "fmtp",     "ptime",    "maxptime", "rtcp",
	"rtcp-mux", "sendrecv", "sendonly", "recvonly", "inactive"
};

static bool is_understood(const char *name)
{
	for (size_t i = 0; i < COUNT(understood); i++)
		if (strcasecmp(name, understood[i]) == 0)
			return true;
	return false;
}

static uint8_t read_ms(const sdp_attribute_t *attributes, const char *name)
{
	const sdp_attribute_t *a = sdp_attribute_find(attributes, name);
	unsigned long ms = a && a->a_value ? strtoul(a->a_value, NULL, 10) : 0;

	return ms <= 200 ? (uint8_t)ms : 0;
}

/* RFC 3605 2.1: "port [IN IP4 address]". */
static void read_rtcp(const sdp_attribute_t *attributes, const struct netaddr *rtp,
		      struct netaddr *out)
{
	const sdp_attribute_t *a = sdp_attribute_find(attributes, "rtcp");
	char host[NETADDR_TEXT] = "";
	unsigned port = 0;
	struct netaddr read = *rtp;

	if (!a || !a->a_value)
		return;
	if (sscanf(a->a_value, "%5u IN IP%*1[46] %55s", &port, host) < 1 || port == 0 ||
	    port > UINT16_MAX)
		return;
	if (host[0] && netaddr_set(&read, host, 0) < 0)
		return;
	netaddr_set_port(&read, (uint16_t)port);
	*out = read;
}

static void read_codecs(const sdp_media_t *m, struct media_desc *out)
{
	for (const sdp_rtpmap_t *r = m->m_rtpmaps; r && out->codec_count < MEDIA_CODECS_MAX;
	     r = r->rm_next) {
		struct media_codec *c = &out->codecs[out->codec_count];

		if (!r->rm_encoding || !r->rm_encoding[0] ||
		    strlen(r->rm_encoding) >= sizeof(c->name) || r->rm_rate == 0 ||
		    r->rm_rate > 192000)
			continue;
		*c = (struct media_codec){
			.rate_hz = (uint32_t)r->rm_rate,
			.payload_type = (uint8_t)r->rm_pt,
			.channels = (uint8_t)(r->rm_params ? strtoul(r->rm_params, NULL, 10) : 1)
		};
		memcpy(c->name, r->rm_encoding, strlen(r->rm_encoding));
		if (r->rm_fmtp && strlen(r->rm_fmtp) < sizeof(c->fmtp))
			memcpy(c->fmtp, r->rm_fmtp, strlen(r->rm_fmtp));
		out->codec_count++;
	}
}

static void read_opaque(const sdp_attribute_t *a, struct media_desc *out)
{
	size_t used = 0;

	for (; a; a = a->a_next) {
		size_t left = sizeof(out->opaque) - used;
		int n;

		if (is_understood(a->a_name))
			continue;
		n = snprintf(out->opaque + used, left, "a=%s%s%s\r\n", a->a_name,
			     a->a_value ? ":" : "", a->a_value ? a->a_value : "");
		if (n < 0 || (size_t)n >= left) {
			out->opaque[used] = '\0';
			return;
		}
		used += (size_t)n;
	}
}

static bool is_any(const struct netaddr *a)
{
	if (netaddr_family(a) == AF_INET6)
		return IN6_IS_ADDR_UNSPECIFIED(&a->u.in6.sin6_addr);
	return a->u.in.sin_addr.s_addr == htonl(INADDR_ANY);
}

static int read_address(const sdp_media_t *m, struct netaddr *out, const char **why)
{
	const sdp_connection_t *c = sdp_media_connections(m);

	if (m->m_port == 0) {
		*out = (struct netaddr){ 0 };
		return 0;
	}
	if (!c || !c->c_address || c->c_nettype != sdp_net_in ||
	    netaddr_set(out, c->c_address, 0) < 0) {
		*why = "connection address is not an IP address";
		return -EINVAL;
	}
	if (c->c_mcast) {
		*why = "multicast is not supported";
		return -ENOTSUP;
	}
	if (m->m_port > UINT16_MAX) {
		*why = "port out of range";
		return -EINVAL;
	}
	netaddr_set_port(out, (uint16_t)m->m_port);
	return 0;
}

static enum rtp_direction direction_of(unsigned mode)
{
	return (mode & sdp_sendonly ? RTP_SENDONLY : RTP_INACTIVE) |
	       (mode & sdp_recvonly ? RTP_RECVONLY : RTP_INACTIVE);
}

static int read_audio(const sdp_media_t *m, struct media_desc *out, const char **why)
{
	struct media_desc d = { .direction = direction_of(m->m_mode) };
	int rc = read_address(m, &d.rtp, why);

	if (rc < 0)
		return rc;
	/* The old way to hold: RFC 3264 8.4. */
	if (netaddr_is_set(&d.rtp) && is_any(&d.rtp))
		d.direction = RTP_INACTIVE;
	read_codecs(m, &d);
	d.ptime_ms = read_ms(m->m_attributes, "ptime");
	d.maxptime_ms = read_ms(m->m_attributes, "maxptime");
	if (netaddr_port(&d.rtp))
		read_rtcp(m->m_attributes, &d.rtp, &d.rtcp);
	d.rtcp_mux = sdp_attribute_find(m->m_attributes, "rtcp-mux") != NULL;
	read_opaque(m->m_attributes, &d);
	*out = d;
	return 0;
}

static bool is_our_kind(const sdp_media_t *m)
{
	return m->m_type == sdp_media_audio && m->m_proto == sdp_proto_rtp;
}

static const sdp_media_t *find_audio(const sdp_session_t *sdp)
{
	const sdp_media_t *refused = NULL;

	for (const sdp_media_t *m = sdp->sdp_media; m; m = m->m_next) {
		if (!is_our_kind(m))
			continue;
		if (m->m_port)
			return m;
		if (!refused)
			refused = m;
	}
	return refused;
}

/* The line that refuses a stream names its media and protocol whole: RFC 3264 6. */
static bool is_short(const char *text, size_t most)
{
	return !text || strlen(text) <= most;
}

static void refuse_line(const sdp_media_t *m, char line[SDP_LINE_MAX])
{
	char format[16] = "0";

	if (m->m_rtpmaps)
		snprintf(format, sizeof(format), "%u", m->m_rtpmaps->rm_pt);
	else if (m->m_format && m->m_format->l_text)
		snprintf(format, sizeof(format), "%.15s", m->m_format->l_text);
	snprintf(line, SDP_LINE_MAX, "m=%.20s 0 %.32s %s",
		 m->m_type_name ? m->m_type_name : "application",
		 m->m_proto_name ? m->m_proto_name : "RTP/AVP", format);
}

static int read_shape(const sdp_session_t *sdp, const sdp_media_t *audio, struct sdp_shape *shape,
		      const char **why)
{
	struct sdp_shape s = { 0 };

	for (const sdp_media_t *m = sdp->sdp_media; m; m = m->m_next) {
		if (s.count >= SDP_LINES_MAX || !is_short(m->m_type_name, 20) ||
		    !is_short(m->m_proto_name, 32)) {
			*why = "too many or too long media lines";
			return -E2BIG;
		}
		if (m == audio)
			s.audio = s.count;
		else
			refuse_line(m, s.refused[s.count]);
		s.count++;
	}
	if (shape)
		*shape = s;
	return 0;
}

static int read_parsed(const sdp_session_t *sdp, struct media_desc *out, struct sdp_shape *shape,
		       const char **why)
{
	const sdp_media_t *audio = find_audio(sdp);
	int rc;

	if (!audio) {
		*why = "no audio stream over RTP/AVP";
		return -ENOTSUP;
	}
	rc = read_shape(sdp, audio, shape, why);
	return rc < 0 ? rc : read_audio(audio, out, why);
}

/* Sofia's parser runs in circles on a format that is no token, and reads lines of no use to us with
 * less care. So it gets only what we need: v= o= s= c= t= a= m=, and m= lines only when they keep
 * to the grammar. */

/* RFC 4566 9: token-char. */
static bool is_token_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c && strchr("-!#$%&'*+.^_`{|}~", c));
}

static bool is_digit_char(char c)
{
	return c >= '0' && c <= '9';
}

/* Past one or more characters of a kind; NULL when there is none. */
static const char *skip_kind(const char *at, const char *end, bool (*kind)(char))
{
	const char *start = at;

	while (at && at < end && kind(*at))
		at++;
	return at == start ? NULL : at;
}

/* Past one or more pieces with '/' between them. */
static const char *skip_slashed(const char *at, const char *end, bool (*kind)(char))
{
	at = skip_kind(at, end, kind);
	while (at && at < end && *at == '/')
		at = skip_kind(at + 1, end, kind);
	return at;
}

static const char *skip_blanks(const char *at, const char *end)
{
	const char *start = at;

	while (at && at < end && *at == ' ')
		at++;
	return at == start ? NULL : at;
}

/* <media> <port>["/" <count>] <proto> 1*(<fmt>) */
static bool is_media_line(const char *at, const char *end)
{
	at = skip_blanks(skip_kind(at, end, is_token_char), end);
	at = skip_kind(at, end, is_digit_char);
	if (at && at < end && *at == '/')
		at = skip_kind(at + 1, end, is_digit_char);
	at = skip_blanks(at, end);
	at = skip_blanks(skip_slashed(at, end, is_token_char), end);
	if (!at || at == end)
		return false;
	while (at && at < end) {
		at = skip_kind(at, end, is_token_char);
		if (at && at < end)
			at = skip_blanks(at, end);
	}
	return at != NULL;
}

/* Copies the lines that matter; -EINVAL when an m= line is wrong. Lines end at any CR or LF, blanks
 * before them go. */
static int sift(const char *octets, size_t n, char *out, size_t *length)
{
	const char *at = octets, *end = octets + n;
	size_t used = 0;

	while (at < end) {
		const char *line_end;

		while (at < end && strchr("\r\n \t", *at))
			at++;
		for (line_end = at; line_end < end && *line_end != '\r' && *line_end != '\n';)
			line_end++;
		if (line_end - at >= 2 && at[1] == '=' && strchr("vosctam", at[0])) {
			if (at[0] == 'm' && !is_media_line(at + 2, line_end))
				return -EINVAL;
			memcpy(out + used, at, (size_t)(line_end - at));
			used += (size_t)(line_end - at);
			out[used++] = '\n';
		}
		at = line_end;
	}
	*length = used;
	return used ? 0 : -EINVAL;
}

static int parse(su_home_t *home, const char *octets, size_t n, struct media_desc *out,
		 struct sdp_shape *shape, const char **why)
{
	char *sifted = su_alloc(home, (isize_t)n + 2);
	const sdp_session_t *sdp;
	sdp_parser_t *parser;
	size_t length;
	int rc;

	*why = "session description cannot be read";
	if (!sifted)
		return -ENOMEM;
	rc = sift(octets, n, sifted, &length);
	if (rc < 0)
		return rc;
	parser = sdp_parse(home, sifted, (issize_t)length, 0);
	sdp = sdp_session(parser);
	rc = sdp ? read_parsed(sdp, out, shape, why) : -EINVAL;
	sdp_parser_free(parser);
	return rc;
}

int sdp_read(const char *octets, size_t n, struct media_desc *out, struct sdp_shape *shape,
	     const char **why)
{
	su_home_t *home;
	int rc;

	if (n > SDP_RECEIVED_MAX) {
		*why = "session description too large";
		return -E2BIG;
	}
	if (!octets || n == 0 || memchr(octets, '\0', n)) {
		*why = "no session description";
		return -EINVAL;
	}
	home = su_home_new(sizeof(*home));
	if (!home) {
		*why = "out of memory";
		return -ENOMEM;
	}
	rc = parse(home, octets, n, out, shape, why);
	su_home_unref(home);
	return rc;
}

/* ---- Writing ---- */

struct text {
	char *out;
	size_t room, length;
	bool full;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(t->out + t->length, t->room - t->length, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= t->room - t->length)
		t->full = true;
	else
		t->length += (size_t)n;
}

static const char *family(const struct netaddr *a)
{
	return netaddr_family(a) == AF_INET6 ? "IP6" : "IP4";
}

static const char *direction_name(enum rtp_direction d)
{
	switch (d) {
	case RTP_INACTIVE:
		return "inactive";
	case RTP_RECVONLY:
		return "recvonly";
	case RTP_SENDONLY:
		return "sendonly";
	case RTP_SENDRECV:
		break;
	}
	return "sendrecv";
}

static void add_codec(struct text *t, const struct media_codec *c)
{
	add(t, "a=rtpmap:%u %s/%u", c->payload_type, c->name, c->rate_hz);
	if (c->channels > 1)
		add(t, "/%u", c->channels);
	add(t, "\r\n");
	if (c->fmtp[0])
		add(t, "a=fmtp:%u %s\r\n", c->payload_type, c->fmtp);
}

static void add_rtcp(struct text *t, const struct media_desc *desc)
{
	char host[NETADDR_TEXT];

	if (!netaddr_is_set(&desc->rtcp))
		return;
	add(t, "a=rtcp:%u IN %s %s\r\n", netaddr_port(&desc->rtcp), family(&desc->rtcp),
	    netaddr_host_text(&desc->rtcp, host));
}

static void add_audio(struct text *t, const struct media_desc *desc)
{
	add(t, "m=audio %u RTP/AVP", netaddr_port(&desc->rtp));
	for (unsigned i = 0; i < desc->codec_count; i++)
		add(t, " %u", desc->codecs[i].payload_type);
	if (!desc->codec_count) /* a refused stream still names a format: RFC 3264 6 */
		add(t, " 0");
	add(t, "\r\n");
	if (!netaddr_port(&desc->rtp))
		return;
	for (unsigned i = 0; i < desc->codec_count; i++)
		add_codec(t, &desc->codecs[i]);
	if (desc->ptime_ms)
		add(t, "a=ptime:%u\r\n", desc->ptime_ms);
	if (desc->maxptime_ms)
		add(t, "a=maxptime:%u\r\n", desc->maxptime_ms);
	add_rtcp(t, desc);
	if (desc->rtcp_mux)
		add(t, "a=rtcp-mux\r\n");
	add(t, "%s", desc->opaque);
	add(t, "a=%s\r\n", direction_name(desc->direction));
}

static void add_body(struct text *t, const struct sdp_shape *shape, const struct media_desc *desc,
		     const char *host)
{
	unsigned count = shape && shape->count ? shape->count : 1;

	add(t, "s=-\r\nc=IN %s %s\r\nt=0 0\r\n", family(&desc->rtp), host);
	for (unsigned i = 0; i < count; i++) {
		if (count == 1 || i == shape->audio)
			add_audio(t, desc);
		else
			add(t, "%s\r\n", shape->refused[i]);
	}
}

/* FNV-1a. */
static uint64_t hash(const char *text)
{
	uint64_t h = 0xcbf29ce484222325ULL;

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 0x100000001b3ULL;
	return h;
}

int sdp_write(struct sdp_session *session, const struct sdp_shape *shape,
	      const struct media_desc *desc, char *text, size_t room)
{
	char body[SDP_TEXT_MAX], address[NETADDR_TEXT];
	const char *host =
		netaddr_is_set(&desc->rtp) ? netaddr_host_text(&desc->rtp, address) : "0.0.0.0";
	struct text b = { .out = body, .room = sizeof(body) }, t = { .out = text, .room = room };

	uint64_t said;

	add_body(&b, shape, desc, host);
	if (b.full)
		return -ENOSPC;
	said = hash(body);
	add(&t, "v=0\r\no=- %llu %llu IN %s %s\r\n%s", (unsigned long long)session->id,
	    (unsigned long long)session->version + (said != session->said), family(&desc->rtp),
	    host, body);
	if (t.full)
		return -ENOSPC;
	session->version += said != session->said;
	session->said = said;
	return (int)t.length;
}
