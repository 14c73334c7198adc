/* SPDX-License-Identifier: GPL-2.0-only */
/* JSON (RFC 8259) into the nodes that YAML makes. For bodies of stored objects, of which there may
 * be a million: many times as fast as a YAML parser for each. Strict and small; what it does not
 * take is left to the YAML reader, which tells why. */
#include "conf/node.h"
#include "conf/schema.h"
#include "base/mem.h"
#include "base/utf8.h"

#include <errno.h>
#include <string.h>

#define JSON_NODES_MAX 4096 /* a body has a few dozen */

struct reader {
	const char *at, *end, *line;
	unsigned lines, depth;
	size_t nodes;
};

static int read_value(struct reader *r, struct node **out);

static void skip_blanks(struct reader *r)
{
	for (; r->at < r->end && strchr(" \t\r\n", *r->at) && *r->at; r->at++)
		if (*r->at == '\n') {
			r->lines++;
			r->line = r->at + 1;
		}
}

static bool take(struct reader *r, char c)
{
	skip_blanks(r);
	if (r->at == r->end || *r->at != c)
		return false;
	r->at++;
	return true;
}

static int new_node(struct reader *r, enum node_kind kind, struct node **out)
{
	struct node *n;

	if (++r->nodes > JSON_NODES_MAX)
		return -EINVAL;
	n = mem_zalloc(sizeof(*n));
	if (!n)
		return -ENOMEM;
	n->kind = kind;
	n->place = (struct conf_place){ r->lines, (unsigned)(r->at - r->line) + 1 };
	*out = n;
	return 0;
}

/* ---- Texts ---- */

static int hex4(const char *at)
{
	int value = 0;

	for (int i = 0; i < 4; i++) {
		const char *digits = "0123456789abcdef", lower = (char)(at[i] | 0x20);
		const char *found = at[i] ? strchr(digits, at[i] >= 'A' ? lower : at[i]) : NULL;

		if (!found)
			return -1;
		value = value * 16 + (int)(found - digits);
	}
	return value;
}

static char *put_utf8(char *to, unsigned c)
{
	if (c < 0x80) {
		*to++ = (char)c;
		return to;
	}
	if (c < 0x800) {
		*to++ = (char)(0xc0 | c >> 6);
	} else {
		if (c < 0x10000) {
			*to++ = (char)(0xe0 | c >> 12);
		} else {
			*to++ = (char)(0xf0 | c >> 18);
			*to++ = (char)(0x80 | (c >> 12 & 0x3f));
		}
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
	}
	*to++ = (char)(0x80 | (c & 0x3f));
	return to;
}

/* \uXXXX, or two of them for a character beyond the first plane (clause 7). *at is behind the u. */
static char *read_unicode(const char **at, const char *end, char *to)
{
	int c = end - *at >= 4 ? hex4(*at) : -1, low = -1;

	*at += 4;
	if (c >= 0xd800 && c < 0xdc00) {
		if (end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u')
			low = hex4(*at + 2);
		*at += 6;
		if (low < 0xdc00 || low > 0xdfff)
			return NULL;
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	} else if (c <= 0 || (c >= 0xdc00 && c < 0xe000)) {
		return NULL; /* no hexadecimal, NUL, half a pair */
	}
	return put_utf8(to, (unsigned)c);
}

static char *read_escape(const char **at, const char *end, char *to)
{
	static const char letters[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	const char *found = *at < end && **at ? strchr(letters, **at) : NULL;

	if (found) {
		*to = values[found - letters];
		++*at;
		return to + 1;
	}
	if (*at >= end || **at != 'u')
		return NULL;
	++*at;
	return read_unicode(at, end, to);
}

/* From behind the opening quote to behind the closing one, into `to`; NULL: no text of JSON. */
static char *read_characters(struct reader *r, char *to)
{
	while (r->at < r->end && *r->at != '"') {
		size_t n = utf8_length(r->at, (size_t)(r->end - r->at));

		if (*r->at == '\\') {
			r->at++;
			to = read_escape(&r->at, r->end, to);
			if (!to)
				return NULL;
			continue;
		}
		if (n == 0 || (unsigned char)*r->at < 0x20)
			return NULL;
		memcpy(to, r->at, n);
		to += n;
		r->at += n;
	}
	if (r->at >= r->end)
		return NULL;
	r->at++;
	return to;
}

static const char *closing_quote(const struct reader *r)
{
	const char *at = r->at;

	while (at < r->end && *at != '"')
		at += *at == '\\' ? 2 : 1;
	return at < r->end ? at : NULL;
}

static int read_text(struct reader *r, struct node **out)
{
	const char *close;
	int rc = new_node(r, NODE_SCALAR, out);
	char *end;

	if (rc)
		return rc;
	r->at++;
	close = closing_quote(r);
	if (!close)
		return -EINVAL;
	/* An escape is never shorter than what it stands for. */
	(*out)->text = mem_zalloc((size_t)(close - r->at) + 1);
	if (!(*out)->text)
		return -ENOMEM;
	end = read_characters(r, (*out)->text);
	if (!end)
		return -EINVAL;
	*end = '\0';
	return 0;
}

/* ---- Numbers and words ---- */

static size_t digits_at(const char *at, const char *end)
{
	const char *from = at;

	while (at < end && *at >= '0' && *at <= '9')
		at++;
	return (size_t)(at - from);
}

/* Clause 6; 0: none. */
static size_t number_length(const char *at, const char *end)
{
	const char *from = at;
	size_t n;

	at += at < end && *at == '-';
	n = digits_at(at, end);
	if (n == 0 || (n > 1 && *at == '0'))
		return 0;
	at += n;
	if (at < end && *at == '.') {
		n = digits_at(at + 1, end);
		if (n == 0)
			return 0;
		at += n + 1;
	}
	if (at < end && (*at | 0x20) == 'e') {
		at++;
		at += at < end && (*at == '+' || *at == '-');
		n = digits_at(at, end);
		if (n == 0)
			return 0;
		at += n;
	}
	return (size_t)(at - from);
}

static int read_word(struct reader *r, struct node **out)
{
	static const char *const words[] = { "true", "false", "null" };
	size_t length = number_length(r->at, r->end);
	int rc;

	for (size_t i = 0; length == 0 && i < sizeof(words) / sizeof(words[0]); i++)
		if ((size_t)(r->end - r->at) >= strlen(words[i]) &&
		    memcmp(r->at, words[i], strlen(words[i])) == 0)
			length = strlen(words[i]);
	if (length == 0)
		return -EINVAL;
	rc = new_node(r, NODE_SCALAR, out);
	if (rc)
		return rc;
	(*out)->plain = true;
	(*out)->text = mem_strndup(r->at, length);
	r->at += length;
	return (*out)->text ? 0 : -ENOMEM;
}

/* ---- Arrays and objects ---- */

static int read_array(struct reader *r, struct node **out)
{
	int rc = new_node(r, NODE_SEQUENCE, out);
	struct node **tail = rc ? NULL : &(*out)->first;

	r->at++;
	if (rc || take(r, ']'))
		return rc;
	do {
		rc = read_value(r, tail);
		if (rc)
			return rc;
		tail = &(*tail)->next;
		(*out)->count++;
	} while (take(r, ','));
	return take(r, ']') ? 0 : -EINVAL;
}

static bool has_key(const struct node *object, const struct node *key)
{
	for (const struct node *k = object->first; k && k != key; k = k->next)
		if (strcmp(k->text, key->text) == 0)
			return true;
	return false;
}

static int read_member(struct reader *r, const struct node *object, struct node **out)
{
	int rc;

	skip_blanks(r);
	if (r->at == r->end || *r->at != '"')
		return -EINVAL;
	rc = read_text(r, out);
	if (rc)
		return rc;
	if (has_key(object, *out) || !take(r, ':'))
		return -EINVAL;
	return read_value(r, &(*out)->value);
}

static int read_object(struct reader *r, struct node **out)
{
	int rc = new_node(r, NODE_MAPPING, out);
	struct node **tail = rc ? NULL : &(*out)->first;

	r->at++;
	if (rc || take(r, '}'))
		return rc;
	do {
		rc = read_member(r, *out, tail);
		if (rc)
			return rc;
		tail = &(*tail)->next;
		(*out)->count++;
	} while (take(r, ','));
	return take(r, '}') ? 0 : -EINVAL;
}

static int read_value(struct reader *r, struct node **out)
{
	int rc;

	skip_blanks(r);
	if (r->at == r->end || r->depth >= CONF_DEPTH_MAX)
		return -EINVAL;
	r->depth++;
	if (*r->at == '{')
		rc = read_object(r, out);
	else if (*r->at == '[')
		rc = read_array(r, out);
	else if (*r->at == '"')
		rc = read_text(r, out);
	else
		rc = read_word(r, out);
	r->depth--;
	return rc;
}

int node_read_json(struct node **out, const char *text, size_t length)
{
	struct reader r = { .at = text, .end = text + length, .line = text, .lines = 1 };
	struct node *tree = NULL;
	int rc = read_value(&r, &tree);

	skip_blanks(&r);
	if (rc == 0 && r.at != r.end)
		rc = -EINVAL;
	if (rc) {
		node_free(&tree);
		return rc;
	}
	*out = tree;
	return 0;
}
