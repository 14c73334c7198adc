/* SPDX-License-Identifier: GPL-2.0-only */
#include "dialplan/replacement.h"

#include "base/mem.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TRANSLATION_LENGTH_MAX 1024

enum part_kind { PART_TEXT, PART_GROUP, PART_BEFORE, PART_AFTER, PART_SUBJECT };

struct part {
	enum part_kind kind;
	unsigned group;        /* PCRE2's number */
	unsigned from, length; /* PART_TEXT: in the text */
};

struct replacement {
	char *text;
	struct part *parts;
	size_t count;
};

struct parse {
	const char *text, *at;
	const struct pattern *pattern;
	struct replacement *into;
	char *why;
};

__attribute__((format(printf, 2, 3))) static int refuse(struct parse *p, const char *format, ...)
{
	va_list args;
	int n = snprintf(p->why, PATTERN_WHY, "at offset %zu: ", (size_t)(p->at - p->text));

	va_start(args, format);
	vsnprintf(p->why + n, PATTERN_WHY - (size_t)n, format, args);
	va_end(args);
	return -EINVAL;
}

static void add(struct parse *p, struct part part)
{
	p->into->parts[p->into->count++] = part;
}

static void add_group(struct parse *p, int group)
{
	add(p, (struct part){ .kind = PART_GROUP, .group = (unsigned)group });
}

/* $10 is group 10 in .NET, never group 1 and a 0, and literal text when there is no group 10:
 * refused, for nobody wants a dollar sign in a number. */
static int parse_number(struct parse *p, const char *digits, bool braced)
{
	const struct dotnet_groups *groups = pattern_groups(p->pattern);
	const char *end = digits;
	unsigned number = 0;
	int group;

	for (; isdigit((unsigned char)*end); end++)
		number =
			number > PATTERN_GROUPS_MAX ? number : number * 10 + (unsigned)(*end - '0');
	if (braced && *end != '}')
		return refuse(p, "${ has no closing brace after the number");
	group = dotnet_group_by_number(groups, number);
	if (group < 0)
		return refuse(p, "$%.*s: the pattern has %u group%s%s", (int)(end - digits), digits,
			      groups->count, groups->count == 1 ? "" : "s",
			      braced || end - digits < 2
				      ? ""
				      : "; a digit after a group is written as in ${1}0");
	add_group(p, group);
	p->at = end + braced;
	return 0;
}

static int parse_name(struct parse *p)
{
	const char *name = p->at + 2, *end = strchr(name, '}');
	int group;

	if (!end)
		return refuse(p, "${ has no closing brace");
	group = dotnet_group_by_name(pattern_groups(p->pattern), pattern_text(p->pattern), name,
				     (size_t)(end - name));
	if (group < 0)
		return refuse(p, "${%.*s}: the pattern has no group of that name",
			      (int)(end - name), name);
	add_group(p, group);
	p->at = end + 1;
	return 0;
}

/* The one-character forms. */
static int parse_sign(struct parse *p)
{
	/* .NET's "last" group is the one with the highest number there: the last named, else the
	 * last unnamed one. */
	const struct dotnet_groups *groups = pattern_groups(p->pattern);

	switch (p->at[1]) {
	case '$':
		add(p, (struct part){ .kind = PART_TEXT,
				      .from = (unsigned)(p->at - p->text),
				      .length = 1 });
		break;
	case '&':
		add_group(p, 0);
		break;
	case '+':
		add_group(p, dotnet_group_by_number(groups, groups->count));
		break;
	case '`':
		add(p, (struct part){ .kind = PART_BEFORE });
		break;
	case '\'':
		add(p, (struct part){ .kind = PART_AFTER });
		break;
	case '_':
		add(p, (struct part){ .kind = PART_SUBJECT });
		break;
	default:
		return refuse(
			p, "$ must be followed by a group as in $1, ${1} or ${name}, or by & or $");
	}
	p->at += 2;
	return 0;
}

static int parse_dollar(struct parse *p)
{
	if (isdigit((unsigned char)p->at[1]))
		return parse_number(p, p->at + 1, false);
	if (p->at[1] == '{')
		return isdigit((unsigned char)p->at[2]) ? parse_number(p, p->at + 2, true)
							: parse_name(p);
	return parse_sign(p);
}

static int parse_text(struct parse *p)
{
	const char *start = p->at;

	for (; *p->at && *p->at != '$'; p->at++)
		if (*p->at <= ' ' || *p->at > '~')
			return refuse(p,
				      "only printable ASCII without blanks can stand in a number");
	add(p, (struct part){ .kind = PART_TEXT,
			      .from = (unsigned)(start - p->text),
			      .length = (unsigned)(p->at - start) });
	return 0;
}

static int parse(struct parse *p)
{
	int rc = 0;

	while (rc == 0 && *p->at)
		rc = *p->at == '$' ? parse_dollar(p) : parse_text(p);
	return rc;
}

int replacement_compile(struct replacement **out, const char *text, const struct pattern *pattern,
			char why[PATTERN_WHY])
{
	struct replacement *replacement = mem_zalloc(sizeof(*replacement));
	struct parse p = {
		.at = text, .text = text, .pattern = pattern, .into = replacement, .why = why
	};
	int rc = -ENOMEM;

	if (!replacement)
		return -ENOMEM;
	if (strlen(text) > TRANSLATION_LENGTH_MAX) {
		rc = refuse(&p, "longer than %d characters", TRANSLATION_LENGTH_MAX);
		goto fail;
	}
	replacement->text = mem_strdup(text);
	replacement->parts = mem_calloc(strlen(text) + 1,
					sizeof(*replacement->parts)); /* more than it can have */
	if (!replacement->text || !replacement->parts)
		goto fail;
	rc = parse(&p);
	if (rc)
		goto fail;
	*out = replacement;
	return 0;
fail:
	replacement_destroy(&replacement);
	return rc;
}

void replacement_destroy(struct replacement **replacement)
{
	if (!*replacement)
		return;
	mem_free((*replacement)->parts);
	mem_free((*replacement)->text);
	mem_free(*replacement);
	*replacement = NULL;
}

/* What a part stands for, as a piece of text or of the subject. */
static const char *part_value(const struct replacement *replacement, const struct part *part,
			      const struct matcher *matcher, const char *subject, size_t *length)
{
	size_t from = 0, whole = *length;

	switch (part->kind) {
	case PART_TEXT:
		*length = part->length;
		return replacement->text + part->from;
	case PART_GROUP:
		matcher_group(matcher, part->group, &from, length);
		break;
	case PART_BEFORE:
		matcher_group(matcher, 0, length, &from);
		from = 0;
		break;
	case PART_AFTER:
		matcher_group(matcher, 0, &from, length);
		from += *length;
		*length = whole - from;
		break;
	case PART_SUBJECT:
		break;
	}
	return subject + from;
}

int replacement_expand(const struct replacement *replacement, const struct matcher *matcher,
		       const char *subject, size_t subject_length, char *out, size_t room)
{
	size_t used = 0;

	for (size_t i = 0; i < replacement->count; i++) {
		size_t length = subject_length;
		const char *value =
			part_value(replacement, &replacement->parts[i], matcher, subject, &length);

		if (length >= room - used) {
			out[0] = '\0';
			return -E2BIG;
		}
		memcpy(out + used, value, length);
		used += length;
	}
	out[used] = '\0';
	return (int)used;
}
