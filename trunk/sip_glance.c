/* SPDX-License-Identifier: GPL-2.0-only */
#include "trunk/sip_screen.h"

#include <string.h>
#include <strings.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct sip_text trimmed(struct sip_text t)
{
	while (t.length && is_blank(t.at[0])) {
		t.at++;
		t.length--;
	}
	while (t.length && is_blank(t.at[t.length - 1]))
		t.length--;
	return t;
}

static bool begins(struct sip_text t, const char *word)
{
	size_t n = strlen(word);

	return t.length >= n && strncasecmp(t.at, word, n) == 0;
}

static bool is_word(struct sip_text t, const char *word)
{
	return t.length == strlen(word) && strncasecmp(t.at, word, t.length) == 0;
}

/* Up to the first of these characters; `rest`, when asked for, begins behind it. */
static struct sip_text up_to(struct sip_text t, const char *ends, struct sip_text *rest)
{
	struct sip_text head = { t.at, 0 };

	while (head.length < t.length && !strchr(ends, t.at[head.length]))
		head.length++;
	if (rest) {
		size_t used = head.length < t.length ? head.length + 1 : head.length;

		*rest = (struct sip_text){ t.at + used, t.length - used };
	}
	return head;
}

/* The value of a parameter, of ";a=b;c". False: there is none of this name. */
static bool parameter(struct sip_text parameters, const char *name, struct sip_text *value)
{
	struct sip_text rest = parameters;

	while (rest.length) {
		struct sip_text one = up_to(rest, ";", &rest), after;
		struct sip_text key = trimmed(up_to(one, "=", &after));

		if (!is_word(key, name))
			continue;
		*value = trimmed(after);
		return true;
	}
	return false;
}

/* The tag of From or To: a parameter of the header, not of the URI, if that is in brackets. Commas
 * and quotes may hide brackets: left to Sofia. */
static bool read_tag(struct sip_text value, struct sip_text *tag)
{
	struct sip_text rest = value;

	*tag = (struct sip_text){ value.at, 0 };
	if (memchr(value.at, '"', value.length))
		return false;
	if (memchr(value.at, '<', value.length))
		up_to(value, ">", &rest);
	parameter(rest, "tag", tag);
	return true;
}

/* The port is put behind it, so it must stand there without blanks. */
static bool has_plain_rport(struct sip_text via)
{
	for (size_t i = 0; i + 6 <= via.length; i++)
		if (strncasecmp(via.at + i, ";rport", 6) == 0)
			return i + 6 == via.length || strchr("; \t", via.at[i + 6]);
	return false;
}

static bool read_via(struct sip_glance *g)
{
	struct sip_text rest, value;

	if (memchr(g->via.at, ',', g->via.length) || memchr(g->via.at, '"', g->via.length) ||
	    !begins(g->via, "SIP/2.0/UDP "))
		return false;
	rest = (struct sip_text){ g->via.at + 12, g->via.length - 12 };
	g->sent_by = trimmed(up_to(rest, ";", &rest));
	if (!parameter(rest, "branch", &g->branch) || !g->branch.length ||
	    parameter(rest, "received", &value) || parameter(rest, "maddr", &value))
		return false;
	g->rport = parameter(rest, "rport", &value);
	return !g->rport || (value.length == 0 && has_plain_rport(g->via));
}

static bool read_cseq(struct sip_glance *g)
{
	struct sip_text method, digits = up_to(g->cseq, " \t", &method);

	if (!digits.length || digits.length > 9)
		return false;
	for (size_t i = 0; i < digits.length; i++) {
		if (digits.at[i] < '0' || digits.at[i] > '9')
			return false;
		g->number = g->number * 10 + (unsigned)(digits.at[i] - '0');
	}
	method = trimmed(method);
	return method.length == (g->ack ? 3 : 6) &&
	       memcmp(method.at, g->ack ? "ACK" : "INVITE", method.length) == 0;
}

static bool read_request_line(struct sip_glance *g, struct sip_text line)
{
	struct sip_text rest, uri, method = up_to(line, " ", &rest);

	g->ack = method.length == 3;
	uri = up_to(rest, " ", &rest);
	if (!(g->ack ? memcmp(method.at, "ACK", 3) == 0 :
		       method.length == 6 && memcmp(method.at, "INVITE", 6) == 0) ||
	    rest.length != 7 || memcmp(rest.at, "SIP/2.0", 7) != 0 || !begins(uri, "sip:"))
		return false;
	if (memchr(uri.at, '@', uri.length))
		g->user = up_to((struct sip_text){ uri.at + 4, uri.length - 4 }, "@", NULL);
	return true;
}

/* Once each; a second one is out of order. */
static bool keep(struct sip_text *out, struct sip_text value)
{
	if (out->length || !value.length)
		return false;
	*out = value;
	return true;
}

static bool take_via(struct sip_glance *g, struct sip_text line, struct sip_text value)
{
	if (!g->via.length) {
		g->via = value;
		g->vias = (struct sip_text){ line.at, 0 };
	} else if (g->vias.at + g->vias.length + 2 != line.at) {
		return false; /* other lines between them */
	}
	g->vias.length = (size_t)(line.at + line.length - g->vias.at);
	return g->via.length > 0;
}

/* False: leave the message to Sofia. Emergency calls are, and what needs it. */
static bool take_header(struct sip_glance *g, struct sip_text line)
{
	struct sip_text value, name = trimmed(up_to(line, ":", &value));

	value = trimmed(value);
	if (!name.length || is_blank(line.at[0]))
		return false;
	if (is_word(name, "Via") || is_word(name, "v"))
		return take_via(g, line, value);
	if (is_word(name, "From") || is_word(name, "f"))
		return keep(&g->from, value);
	if (is_word(name, "To") || is_word(name, "t"))
		return keep(&g->to, value);
	if (is_word(name, "Call-ID") || is_word(name, "i"))
		return keep(&g->call_id, value);
	if (is_word(name, "CSeq"))
		return keep(&g->cseq, value);
	return !is_word(name, "Priority") && !is_word(name, "Resource-Priority");
}

/* The next line without its CRLF. False: there is none that is whole. */
static bool next_line(struct sip_text *rest, struct sip_text *line)
{
	const char *end = memmem(rest->at, rest->length, "\r\n", 2);

	if (!end)
		return false;
	*line = (struct sip_text){ rest->at, (size_t)(end - rest->at) };
	rest->length -= line->length + 2;
	rest->at = end + 2;
	return true;
}

bool sip_glance(struct sip_glance *g, const char *data, size_t length)
{
	struct sip_text rest = { data, length }, line;

	*g = (struct sip_glance){ .number = 0 };
	if (memchr(data, '\0', length) || !next_line(&rest, &line) || !read_request_line(g, line))
		return false;
	for (;;) {
		if (!next_line(&rest, &line))
			return false;
		if (!line.length)
			break;
		if (!take_header(g, line))
			return false;
	}
	return g->via.length && g->from.length && g->to.length && g->call_id.length &&
	       g->cseq.length && read_via(g) && read_cseq(g) && read_tag(g->from, &g->from_tag) &&
	       read_tag(g->to, &g->to_tag) && g->from_tag.length;
}
