/* SPDX-License-Identifier: GPL-2.0-only */
#include "trunk/sip_body.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define BOUNDARY_MAX 70 /* RFC 2046 5.1.1 */
#define PARTS_MAX 32

/* "type/subtype" up to parameters, case and blanks around it ignored. */
static bool type_is(const char *type, size_t n, const char *wanted, bool prefix)
{
	size_t length = strlen(wanted);

	while (n && (*type == ' ' || *type == '\t')) {
		type++;
		n--;
	}
	if (n < length || strncasecmp(type, wanted, length) != 0)
		return false;
	return prefix || n == length || strchr(" \t;\r\n", type[length]) != NULL;
}

/* The boundary parameter with "--" before it; false when there is none that may be. */
static bool find_boundary(const char *type, char out[BOUNDARY_MAX + 3])
{
	const char *at = strcasestr(type, "boundary");
	size_t n;

	if (!at)
		return false;
	at += strlen("boundary");
	at += strspn(at, " \t");
	if (*at != '=')
		return false;
	at += 1 + strspn(at + 1, " \t");
	if (*at == '"')
		n = strcspn(++at, "\"");
	else
		n = strcspn(at, " \t;,\r\n");
	if (n < 1 || n > BOUNDARY_MAX)
		return false;
	snprintf(out, BOUNDARY_MAX + 3, "--%.*s", (int)n, at);
	return true;
}

/* The next place where a line begins with the delimiter. */
static const char *find_delimiter(const char *at, const char *start, const char *end,
				  const char *delimiter)
{
	size_t n = strlen(delimiter);

	while ((at = memmem(at, (size_t)(end - at), delimiter, n))) {
		if (at == start || at[-1] == '\n')
			return at;
		at += n;
	}
	return NULL;
}

static const char *after_line(const char *at, const char *end)
{
	const char *newline = memchr(at, '\n', (size_t)(end - at));

	return newline ? newline + 1 : end;
}

/* Reads a part's headers. Where its content begins, and whether it says that it is SDP. */
static const char *skip_headers(const char *at, const char *end, bool *is_sdp)
{
	static const char name[] = "Content-Type:";

	*is_sdp = false;
	while (at < end && *at != '\r' && *at != '\n') {
		const char *next = after_line(at, end);
		size_t n = (size_t)(next - at);

		if (n > sizeof(name) && strncasecmp(at, name, sizeof(name) - 1) == 0)
			*is_sdp = type_is(at + sizeof(name) - 1, n - (sizeof(name) - 1),
					  "application/sdp", false);
		at = next;
	}
	return at < end ? after_line(at, end) : end;
}

static const char *find_part(const char *body, size_t n, const char *delimiter, size_t *length)
{
	const char *end = body + n, *at = find_delimiter(body, body, end, delimiter);

	for (unsigned i = 0; at && i < PARTS_MAX; i++) {
		const char *content, *next;
		bool is_sdp;

		content = skip_headers(after_line(at, end), end, &is_sdp);
		next = find_delimiter(content, body, end, delimiter);
		if (is_sdp && content < end) {
			*length = (size_t)((next ? next : end) - content);
			return content;
		}
		at = next;
	}
	return NULL;
}

const char *sip_body_sdp(const char *type, const char *body, size_t n, size_t *length)
{
	char delimiter[BOUNDARY_MAX + 3];

	if (!type || !body || n == 0)
		return NULL;
	if (type_is(type, strlen(type), "application/sdp", false)) {
		*length = n;
		return body;
	}
	if (!type_is(type, strlen(type), "multipart/", true) || !find_boundary(type, delimiter))
		return NULL;
	return find_part(body, n, delimiter, length);
}
