/* SPDX-License-Identifier: GPL-2.0-only */
/* A small recursive reader over a pattern that is known to be valid. Each piece yields the set of
 * texts it can begin with; a text is open while what follows can be appended to it, and closed
 * where the reader can't say. */
#include "dialplan/prefix.h"

#include <ctype.h>
#include <string.h>

#define DEPTH_MAX 8
#define CLASS_MEMBERS_MAX 9

struct reader {
	const char *at;
	unsigned depth;
	bool lost; /* too deep: no prefix */
};

static const struct prefix_set nothing_yet = { .count = 1, .at = { { .open = true } } };
static const struct prefix_set anything = { .count = 1 };

static void read_alternatives(struct reader *r, struct prefix_set *out);

/* ---- Sets ---- */

static void close_all(struct prefix_set *set)
{
	for (unsigned i = 0; i < set->count; i++)
		set->at[i].open = false;
}

static struct prefix joined(const struct prefix *a, const struct prefix *b)
{
	struct prefix p = *a;
	size_t room = PREFIX_OCTETS - p.length;
	size_t n = b->length < room ? b->length : room;

	memcpy(p.text + p.length, b->text, n);
	p.length = (uint8_t)(p.length + n);
	p.open = b->open && n == b->length;
	return p;
}

/* set := set followed by next; where that makes too many, set stays and is closed. */
static void append(struct prefix_set *set, const struct prefix_set *next)
{
	struct prefix_set result = { .count = 0 };

	for (unsigned i = 0; i < set->count; i++) {
		unsigned more = set->at[i].open ? next->count : 1;

		if (result.count + more > PREFIX_SET) {
			close_all(set);
			return;
		}
		for (unsigned k = 0; k < more; k++)
			result.at[result.count++] =
				set->at[i].open ? joined(&set->at[i], &next->at[k]) : set->at[i];
	}
	*set = result;
}

static void unite(struct prefix_set *set, const struct prefix_set *other)
{
	if (set->count + other->count > PREFIX_SET) {
		*set = anything;
		return;
	}
	memcpy(set->at + set->count, other->at, other->count * sizeof(other->at[0]));
	set->count += other->count;
}

static bool any_open(const struct prefix_set *set)
{
	for (unsigned i = 0; i < set->count; i++)
		if (set->at[i].open)
			return true;
	return false;
}

static void one_character(struct prefix_set *out, char c)
{
	*out = (struct prefix_set){ .count = 1,
				    .at = { { .text = { c }, .length = 1, .open = true } } };
}

/* ---- Pieces ---- */

/* An escape outside of classes; moves past it. */
static void read_escape(struct reader *r, struct prefix_set *out)
{
	char c = r->at[1];

	*out = anything;
	r->at += 2;
	if (strchr("bBAzZG", c)) {
		*out = nothing_yet;
	} else if (c == 'k') {
		r->at = strchr(r->at + 1, *r->at == '<' ? '>' : '\'') + 1;
	} else if (c == 'x') {
		r->at += 2;
	} else if (isdigit((unsigned char)c)) {
		while (isdigit((unsigned char)*r->at))
			r->at++;
	} else if (!isalpha((unsigned char)c)) {
		one_character(out, c);
	}
}

/* Past a class; its members when they are plain characters and ranges, else false. */
static bool read_members(struct reader *r, bool members[128])
{
	bool plain = *++r->at != '^';
	const char *first = r->at += !plain;

	for (; *r->at != ']' || r->at == first; r->at++) {
		unsigned char from = (unsigned char)*r->at, to;

		if (from == '\\') {
			from = (unsigned char)*++r->at;
			plain &= !isalnum(from);
		}
		if (r->at[1] != '-' || r->at[2] == ']') {
			members[from] = true;
			continue;
		}
		r->at += 2;
		plain &= *r->at != '\\';
		to = (unsigned char)*r->at;
		r->at += to == '\\';
		for (unsigned c = from; c <= to; c++)
			members[c] = true;
	}
	r->at++;
	return plain;
}

static void read_class(struct reader *r, struct prefix_set *out)
{
	bool members[128] = { false };
	bool plain = read_members(r, members);
	struct prefix_set set = { .count = 0 };

	for (unsigned c = 0; plain && c < 128; c++) {
		if (!members[c])
			continue;
		plain = set.count < CLASS_MEMBERS_MAX;
		set.at[set.count++] =
			(struct prefix){ .text = { (char)c }, .length = 1, .open = true };
	}
	*out = plain ? set : anything;
}

/* A group; one that looks ahead or back consumes nothing. */
static void read_group(struct reader *r, struct prefix_set *out)
{
	bool looks = false;

	r->at++;
	if (r->at[0] == '?') {
		bool name =
			(r->at[1] == '<' && r->at[2] != '=' && r->at[2] != '!') || r->at[1] == '\'';

		looks = !name && r->at[1] != ':' && r->at[1] != '>';
		if (name)
			r->at = strchr(r->at + 2, r->at[1] == '<' ? '>' : '\'') + 1;
		else
			r->at += r->at[1] == '<' ? 3 : 2;
	}
	if (++r->depth > DEPTH_MAX) {
		r->lost = true;
		*out = anything;
		return;
	}
	read_alternatives(r, out);
	r->depth--;
	if (!r->lost)
		r->at++;
	if (looks)
		*out = nothing_yet;
}

static void read_atom(struct reader *r, struct prefix_set *out)
{
	switch (*r->at) {
	case '\\':
		read_escape(r, out);
		return;
	case '[':
		read_class(r, out);
		return;
	case '(':
		read_group(r, out);
		return;
	case '.':
		*out = anything;
		break;
	case '^':
	case '$':
		*out = nothing_yet;
		break;
	default:
		one_character(out, *r->at);
		break;
	}
	r->at++;
}

/* How often the atom before comes at least; `exact`: and not more often. */
static unsigned read_quantifier(struct reader *r, bool *exact)
{
	const char *p = r->at;
	unsigned least = 1;

	*exact = *p && !strchr("*+?", *p);
	if (*p == '{' && isdigit((unsigned char)p[1])) {
		least = 0;
		for (p++; isdigit((unsigned char)*p); p++)
			least = least > PREFIX_OCTETS ? least : least * 10 + (unsigned)(*p - '0');
		*exact = *p == '}';
		if (*p == ',')
			for (p++; isdigit((unsigned char)*p); p++)
				;
		if (*p != '}') { /* no quantifier: a brace that stands for itself */
			*exact = true;
			return 1;
		}
	} else if (*p == '\0' || *exact) {
		*exact = true;
		return 1;
	} else {
		least = *p == '+';
	}
	r->at = p + 1;
	if (*r->at == '?')
		r->at++;
	return least;
}

static void read_sequence(struct reader *r, struct prefix_set *out)
{
	*out = nothing_yet;
	while (!r->lost && *r->at && *r->at != '|' && *r->at != ')') {
		struct prefix_set atom;
		bool exact;
		unsigned times;

		read_atom(r, &atom);
		times = read_quantifier(r, &exact);
		for (unsigned i = 0; i < times && i <= PREFIX_OCTETS && any_open(out); i++)
			append(out, &atom);
		if (!exact || times > PREFIX_OCTETS)
			close_all(out);
	}
}

static void read_alternatives(struct reader *r, struct prefix_set *out)
{
	struct prefix_set one;

	read_sequence(r, out);
	while (!r->lost && *r->at == '|') {
		r->at++;
		read_sequence(r, &one);
		unite(out, &one);
	}
}

/* ---- Whole patterns ---- */

/* Begins this alternative with an anchor that nothing makes optional? */
static bool is_anchored(const char *at)
{
	size_t n = *at == '^' ? 1 : at[0] == '\\' && at[1] == 'A' ? 2 : 0;

	return n > 0 && !(at[n] && strchr("*?+{", at[n]));
}

/* Options change what follows, comments hide what a quantifier belongs to: not worth the reader's
 * while. */
static bool is_beyond_us(const char *pattern)
{
	for (const char *at = pattern; (at = strstr(at, "(?")) != NULL; at += 2)
		if (!strchr(":=!><'", at[2]))
			return true;
	return false;
}

/* Does another of the set begin this one, or equal it and come first? */
static bool is_covered(const struct prefix_set *set, unsigned which)
{
	const struct prefix *p = &set->at[which];

	for (unsigned i = 0; i < set->count; i++) {
		const struct prefix *q = &set->at[i];

		if (i != which && q->length <= p->length &&
		    memcmp(q->text, p->text, q->length) == 0 &&
		    (q->length < p->length || i < which))
			return true;
	}
	return false;
}

/* A pattern stands once on each path of the trie. */
static void reduce(struct prefix_set *set)
{
	struct prefix_set kept = { .count = 0 };

	for (unsigned i = 0; i < set->count; i++)
		if (!is_covered(set, i))
			kept.at[kept.count++] = set->at[i];
	*set = kept;
}

void prefix_of_pattern(const char *pattern, struct prefix_set *out)
{
	struct reader r = { .at = pattern };
	struct prefix_set one;

	*out = (struct prefix_set){ .count = 0 };
	if (is_beyond_us(pattern)) {
		*out = anything;
		return;
	}
	for (;; r.at++) {
		bool anchored = is_anchored(r.at);

		read_sequence(&r, &one);
		unite(out, anchored && !r.lost ? &one : &anything);
		if (r.lost || *r.at != '|')
			break;
	}
	reduce(out);
}
