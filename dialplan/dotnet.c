/* SPDX-License-Identifier: GPL-2.0-only */
/* One pass over the pattern, no tree: enough to find groups, classes and escapes, and to refuse
 * what .NET and PCRE2 read differently. What both refuse (a missing parenthesis) is left to PCRE2's
 * compiler. */
#include "dialplan/dotnet.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define NAME_MAX_LENGTH 32 /* PCRE2's limit */

enum quantified { NOT_QUANTIFIED, QUANTIFIED, QUANTIFIED_LAZY };

struct scan {
	const char *pattern, *at;
	struct dotnet_groups *groups;
	const char *numbered_reference; /* the first one, NULL: none */
	enum quantified quantified;     /* what was read last */
	char *why;
};

__attribute__((format(printf, 3, 4))) static int refuse(struct scan *s, const char *where,
							const char *format, ...)
{
	va_list args;
	int n = snprintf(s->why, PATTERN_WHY, "at offset %zu: ", (size_t)(where - s->pattern));

	va_start(args, format);
	vsnprintf(s->why + n, PATTERN_WHY - (size_t)n, format, args);
	va_end(args);
	return -EINVAL;
}

/* ---- Escapes ---- */

static int scan_reference_by_name(struct scan *s)
{
	char close = s->at[2] == '<' ? '>' : '\'';
	const char *end;

	if (s->at[2] != '<' && s->at[2] != '\'')
		return refuse(s, s->at, "a back reference is written \\k<name>");
	end = strchr(s->at + 3, close);
	if (!end)
		return refuse(s, s->at, "the name of the back reference has no end");
	s->at = end + 1;
	return 0;
}

static int scan_number_escape(struct scan *s)
{
	if (s->at[1] != '0' && !s->numbered_reference)
		s->numbered_reference = s->at;
	s->at++;
	while (isdigit((unsigned char)*s->at))
		s->at++;
	return 0;
}

static int scan_letter_escape(struct scan *s)
{
	char letter = s->at[1];

	if (letter == 'k')
		return scan_reference_by_name(s);
	if (letter == 'x') {
		if (!isxdigit((unsigned char)s->at[2]) || !isxdigit((unsigned char)s->at[3]))
			return refuse(s, s->at, "\\x takes exactly two hexadecimal digits");
		s->at += 4;
		return 0;
	}
	if (letter == 'p' || letter == 'P')
		return refuse(s, s->at,
			      "\\%c (Unicode categories and blocks) has no use here: numbers are "
			      "ASCII; list "
			      "the characters as in [0-9*#]",
			      letter);
	if (letter == 'u')
		return refuse(s, s->at,
			      "\\u is not accepted: numbers are ASCII; write the character");
	if (letter == 'v')
		return refuse(s, s->at,
			      "\\v means one character in .NET and several here; write \\x0b");
	if (!strchr("dDwWsSbBAZzGtrnfea", letter))
		return refuse(
			s, s->at,
			"\\%c is not known to .NET; accepted: \\d \\D \\w \\W \\s \\S \\b \\B "
			"\\A \\z \\Z and escaped punctuation",
			letter);
	s->at += 2;
	return 0;
}

/* At a backslash, in a class or outside. */
static int scan_escape(struct scan *s)
{
	unsigned char next = (unsigned char)s->at[1];

	if (next == '\0')
		return refuse(s, s->at, "a backslash ends the pattern");
	if (isdigit(next))
		return scan_number_escape(s);
	if (isalpha(next))
		return scan_letter_escape(s);
	s->at += 2;
	return 0;
}

/* ---- Classes ---- */

static int scan_class(struct scan *s)
{
	const char *start = s->at++, *first;
	int rc;

	if (*s->at == '^')
		s->at++;
	first = s->at;
	if (*s->at == ']')
		s->at++;
	while (*s->at != ']') {
		if (*s->at == '\0')
			return refuse(s, start, "the class has no closing ]");
		if (*s->at == '[' && strchr(":.=", s->at[1]) && s->at[1])
			return refuse(s, s->at,
				      "[%c…%c] is not known to .NET; write \\d or the characters",
				      s->at[1], s->at[1]);
		if (s->at[0] == '-' && s->at[1] == '[' && s->at != first)
			return refuse(s, s->at,
				      "class subtraction as in [0-9-[4]] is not supported; write "
				      "(?!4)[0-9]");
		if (*s->at != '\\') {
			s->at++;
			continue;
		}
		rc = scan_escape(s);
		if (rc)
			return rc;
	}
	s->at++;
	return 0;
}

/* ---- Groups ---- */

static int check_name(struct scan *s, const char *name, size_t length)
{
	if (memchr(name, '-', length))
		return refuse(s, name, "balancing groups are not supported");
	if (length == 0 || length > NAME_MAX_LENGTH)
		return refuse(s, name, "a group's name has 1 to %d characters", NAME_MAX_LENGTH);
	if (isdigit((unsigned char)*name))
		return refuse(s, name,
			      "a group's name can't begin with a digit here; give it a word");
	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)name[i]) && name[i] != '_')
			return refuse(s, name + i,
				      "a group's name is made of letters, digits and _");
	if (dotnet_group_by_name(s->groups, s->pattern, name, length) > 0)
		return refuse(s, name, "two groups have the name %.*s", (int)length, name);
	return 0;
}

static int add_group(struct scan *s, const char *name, size_t length)
{
	struct dotnet_groups *groups = s->groups;

	if (groups->count == PATTERN_GROUPS_MAX)
		return refuse(s, s->at,
			      "more than %d groups; write (?:…) where nothing is captured",
			      PATTERN_GROUPS_MAX);
	groups->count++;
	groups->named += length > 0;
	groups->at[groups->count].name = (uint16_t)(length ? name - s->pattern : 0);
	groups->at[groups->count].length = (uint16_t)length;
	return 0;
}

/* At (?<name> or (?'name'. */
static int scan_named_group(struct scan *s)
{
	const char *name = s->at + 3, *end = strchr(name, s->at[2] == '<' ? '>' : '\'');
	int rc;

	if (!end)
		return refuse(s, s->at, "the group's name has no end");
	rc = check_name(s, name, (size_t)(end - name));
	if (rc == 0)
		rc = add_group(s, name, (size_t)(end - name));
	s->at = end + 1;
	return rc;
}

/* At (?i) or (?i:. */
static int scan_options(struct scan *s)
{
	const char *at = s->at + 2;

	for (; *at != ':' && *at != ')'; at++)
		if (*at == '\0' || !strchr("ims-", *at))
			return refuse(s, s->at,
				      "(?%.1s is not accepted; accepted: (?:…) (?=…) (?!…) (?<=…) "
				      "(?<!…) (?>…) (?<name>…) and the options i, m, s",
				      at);
	s->at = at + (*at == ':');
	if (*at == ')')
		s->at++;
	return 0;
}

static int scan_question_group(struct scan *s)
{
	const char *end;

	switch (s->at[2]) {
	case ':':
	case '=':
	case '!':
	case '>':
		s->at += 3;
		return 0;
	case '#':
		end = strchr(s->at, ')');
		s->at = end ? end + 1 : s->at + strlen(s->at);
		return 0;
	case '<':
		if (s->at[3] != '=' && s->at[3] != '!')
			return scan_named_group(s);
		s->at += 4;
		return 0;
	case '\'':
		return scan_named_group(s);
	case '(':
		return refuse(s, s->at, "conditional groups (?(…)…|…) are not supported");
	case 'P':
		return refuse(s, s->at, "(?P is not .NET's; a named group is written (?<name>…)");
	default:
		return scan_options(s);
	}
}

static int scan_group(struct scan *s)
{
	int rc;

	if (s->at[1] == '?')
		return scan_question_group(s);
	if (s->at[1] == '*')
		return refuse(s, s->at, "(*…) is not known to .NET");
	rc = add_group(s, NULL, 0);
	s->at++;
	return rc;
}

/* ---- Quantifiers ---- */

/* Length of {n}, {n,} or {n,m}; 0: the brace stands for itself. */
static size_t braces_length(const char *at)
{
	const char *p = at + 1;

	if (!isdigit((unsigned char)*p))
		return 0;
	while (isdigit((unsigned char)*p))
		p++;
	if (*p == ',')
		p++;
	while (isdigit((unsigned char)*p))
		p++;
	return *p == '}' ? (size_t)(p + 1 - at) : 0;
}

static int scan_quantifier(struct scan *s, size_t length)
{
	if (s->quantified == QUANTIFIED && *s->at == '?') {
		s->quantified = QUANTIFIED_LAZY;
	} else if (s->quantified != NOT_QUANTIFIED) {
		return refuse(s, s->at,
			      "a quantifier follows a quantifier; .NET has no possessive ones: "
			      "write (?>…)");
	} else {
		s->quantified = QUANTIFIED;
	}
	s->at += length;
	return 0;
}

static int scan_atom(struct scan *s)
{
	s->quantified = NOT_QUANTIFIED;
	if (*s->at == '\\')
		return scan_escape(s);
	if (*s->at == '[')
		return scan_class(s);
	if (*s->at == '(')
		return scan_group(s);
	s->at++;
	return 0;
}

static int scan_piece(struct scan *s)
{
	size_t braces;

	if (strchr("*+?", *s->at))
		return scan_quantifier(s, 1);
	braces = *s->at == '{' ? braces_length(s->at) : 0;
	return braces ? scan_quantifier(s, braces) : scan_atom(s);
}

static int check_characters(struct scan *s)
{
	const char *at = s->pattern;

	while (*at >= ' ' && *at <= '~')
		at++;
	if (*at)
		return refuse(s, at, "only printable ASCII: numbers have nothing else");
	if (at - s->pattern > PATTERN_LENGTH_MAX)
		return refuse(s, s->pattern + PATTERN_LENGTH_MAX, "longer than %d characters",
			      PATTERN_LENGTH_MAX);
	return 0;
}

int dotnet_scan(const char *pattern, struct dotnet_groups *groups, char why[PATTERN_WHY])
{
	struct scan s = { .pattern = pattern, .at = pattern, .groups = groups, .why = why };
	int rc;

	memset(groups, 0, sizeof(*groups));
	rc = check_characters(&s);
	while (rc == 0 && *s.at)
		rc = scan_piece(&s);
	if (rc)
		return rc;
	/* Unnamed groups come first in .NET: \2 would be another group there than here. */
	if (s.numbered_reference && groups->named && groups->named < groups->count)
		return refuse(&s, s.numbered_reference,
			      "a numbered back reference beside named and unnamed groups; "
			      "name the group and write \\k<name>");
	return 0;
}

/* ---- Numbers of groups ---- */

int dotnet_group_by_number(const struct dotnet_groups *groups, unsigned number)
{
	unsigned unnamed = groups->count - groups->named;
	bool wanted_named = number > unnamed;
	unsigned left = wanted_named ? number - unnamed : number;

	if (number == 0)
		return 0;
	for (unsigned i = 1; i <= groups->count; i++)
		if ((groups->at[i].length > 0) == wanted_named && --left == 0)
			return (int)i;
	return -1;
}

int dotnet_group_by_name(const struct dotnet_groups *groups, const char *pattern, const char *name,
			 size_t length)
{
	for (unsigned i = 1; i <= groups->count; i++)
		if (groups->at[i].length == length && length &&
		    memcmp(pattern + groups->at[i].name, name, length) == 0)
			return (int)i;
	return -1;
}
