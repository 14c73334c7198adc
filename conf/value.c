/* SPDX-License-Identifier: GPL-2.0-only */
/* One scalar to and from one member. Strict: a number has digits only, a duration its unit, and
 * what does not fit the member or the schema's range is refused, never cut. */
#include "conf/document_private.h"
#include "base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#define STRING_MAX_DEFAULT 1024
#define TIMESLOT_LAST 31

static const struct {
	const char *name;
	int64_t us;
} units[] = { { "h", INT64_C(3600000000) },
	      { "min", 60000000 },
	      { "s", 1000000 },
	      { "ms", 1000 },
	      { "us", 1 } };

/* ---- Integers in members of any size ---- */

struct limits {
	int64_t min, max;
};

static struct limits limits_of(const struct schema_field *f)
{
	struct limits l = { f->min, f->max };

	if (l.min == 0 && l.max == 0)
		l.max = f->size >= sizeof(int64_t) ? INT64_MAX : (INT64_C(1) << (8 * f->size)) - 1;
	return l;
}

static void put_integer(const struct schema_field *f, void *at, int64_t value)
{
	/* Little endian machines only, as all that Causeway runs on. */
	memcpy(at, &value, f->size);
}

/* Of the choices of an enum, or the range of a number, it follows whether the member has a sign. */
static bool is_signed(const struct schema_field *f)
{
	bool negative = f->min < 0;

	for (const struct schema_choice *c = f->choices; c && c->name; c++)
		negative |= c->value < 0;
	return negative;
}

int64_t value_get_integer(const struct schema_field *f, const void *at)
{
	unsigned unused = (unsigned)(sizeof(int64_t) - f->size) * 8;
	uint64_t raw = 0;

	memcpy(&raw, at, f->size);
	if (unused == 0 || !is_signed(f))
		return (int64_t)raw;
	return (int64_t)(raw << unused) >> unused;
}

const char *value_choice_name(const struct schema_field *f, int64_t value)
{
	for (const struct schema_choice *c = f->choices; c->name; c++)
		if (c->value == value)
			return c->name;
	return NULL;
}

const struct schema_field *schema_find(const struct schema *schema, const char *key)
{
	for (const struct schema_field *f = schema->fields; f->key; f++)
		if (strcmp(f->key, key) == 0)
			return f;
	return NULL;
}

bool value_applies(const struct schema *schema, const struct schema_field *f, const void *in)
{
	const struct schema_field *other = f->when ? schema_find(schema, f->when) : NULL;
	int64_t value;

	if (!other)
		return true;
	value = value_get_integer(other, (const char *)in + other->offset);
	return value >= 0 && value < 64 && f->when_values >> value & 1;
}

/* ---- Reading ---- */

__attribute__((format(printf, 2, 3))) static int refuse(char why[WHY_TEXT], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, WHY_TEXT, format, args);
	va_end(args);
	return -EINVAL;
}

/* Digits at *text, which moves past them. -ERANGE beyond 18 digits, -EINVAL when there are none. */
static int64_t read_digits(const char **text)
{
	const char *start = *text;
	int64_t value = 0;

	for (; **text >= '0' && **text <= '9'; ++*text) {
		if (*text - start >= 18)
			return -ERANGE;
		value = value * 10 + (**text - '0');
	}
	return *text == start ? -EINVAL : value;
}

static int read_bool(const struct schema_field *f, const struct node *n, void *at, char *why)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = {
		{ "true", true },   { "yes", true }, { "on", true },
		{ "false", false }, { "no", false }, { "off", false },
	};

	(void)f;
	for (size_t i = 0; n->plain && i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(n->text, words[i].word) == 0) {
			memcpy(at, &words[i].value, sizeof(bool));
			return 0;
		}
	return refuse(why, "\"%.80s\" is neither true nor false", n->text);
}

static int read_integer(const struct schema_field *f, const struct node *n, void *at, char *why)
{
	struct limits l = limits_of(f);
	const char *text = n->text;
	bool minus = *text == '-';
	int64_t digits, value;

	text += minus;
	digits = n->plain ? read_digits(&text) : -EINVAL;
	if (digits == -EINVAL || (digits >= 0 && *text))
		return refuse(why, "\"%.80s\" is no whole number", n->text);
	value = minus ? -digits : digits;
	if (digits < 0 || value < l.min || value > l.max)
		return refuse(why, "%.80s is out of range", n->text);
	put_integer(f, at, value);
	return 0;
}

static int64_t unit_by_name(const char *name)
{
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(units[i].name, name) == 0)
			return units[i].us;
	return 0;
}

static const char *unit_word(int64_t us)
{
	return us == SCHEMA_S ? "seconds" : us == SCHEMA_MS ? "milliseconds" : "microseconds";
}

static int read_duration(const struct schema_field *f, const struct node *n, void *at, char *why)
{
	struct limits l = limits_of(f);
	const char *text = n->text;
	int64_t value = read_digits(&text), us, unit = unit_by_name(text);

	if (value == 0 && !*text)
		unit = 1;
	if (value >= 0 && !*text && !unit)
		return refuse(why, "\"%.80s\" has no unit", n->text);
	if (value == -EINVAL || !unit)
		return refuse(why, "\"%.80s\" is no duration", n->text);
	if (value < 0 || __builtin_mul_overflow(value, unit, &us))
		return refuse(why, "%.80s is out of range", n->text);
	if (us % f->unit)
		return refuse(why, "%.80s is not a whole number of %s", n->text,
			      unit_word(f->unit));
	value = us / f->unit;
	if (value < l.min || value > l.max)
		return refuse(why, "%.80s is out of range", n->text);
	put_integer(f, at, value);
	return 0;
}

static int read_enum(const struct schema_field *f, const struct node *n, void *at, char *why)
{
	for (const struct schema_choice *c = f->choices; c->name; c++)
		if (strcmp(c->name, n->text) == 0) {
			put_integer(f, at, c->value);
			return 0;
		}
	return refuse(why, "\"%.80s\" is unknown", n->text);
}

static size_t string_max(const struct schema_field *f)
{
	return f->max ? (size_t)f->max : STRING_MAX_DEFAULT;
}

static int read_string(const struct schema_field *f, const struct node *n, void *at, char *why)
{
	size_t length = strlen(n->text);
	char *copy;

	/* The last line feed of a block is its form, not its contents. */
	if (n->block && length > 0 && n->text[length - 1] == '\n')
		length--;
	if (length == 0 && !f->may_be_empty)
		return refuse(why, "an empty text");
	if (length > string_max(f))
		return refuse(why, "a text of %zu octets", length);
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)n->text[i] < 0x20 || n->text[i] == 0x7f)
			return refuse(why, "a text with control characters");
	copy = mem_strndup(n->text, length);
	if (!copy)
		return -ENOMEM;
	memcpy(at, &copy, sizeof(copy));
	return 0;
}

static int read_address(const struct schema_field *f, const struct node *n, void *at, char *why)
{
	struct netaddr a;
	int rc = f->port == SCHEMA_PORT_NONE ? netaddr_set(&a, n->text, 0)
					     : netaddr_parse(&a, n->text, f->default_port);

	if (rc < 0)
		return refuse(why, "\"%.80s\" is no such address", n->text);
	if (f->port != SCHEMA_PORT_NONE && netaddr_port(&a) == 0)
		return refuse(why, "\"%.80s\" has no port", n->text);
	memcpy(at, &a, sizeof(a));
	return 0;
}

static int read_prefix(const struct schema_field *f, const struct node *n, void *at, char *why)
{
	struct netprefix p;

	(void)f;
	if (netprefix_parse(&p, n->text) < 0)
		return refuse(why, "\"%.80s\" is no network", n->text);
	memcpy(at, &p, sizeof(p));
	return 0;
}

int value_read_timeslots(const char *text, timeslot_set *set, char why[WHY_TEXT])
{
	const char *at = text;
	timeslot_set made = *set;
	int64_t first, last;

	do {
		at += strspn(at, " ");
		first = last = read_digits(&at);
		if (first >= 0 && *at == '-') {
			at++;
			last = read_digits(&at);
		}
		at += strspn(at, " ");
		if (first < 0 || last < 0 || (*at && *at != ','))
			return refuse(why, "\"%.80s\" is no set of timeslots", text);
		if (first < 1 || last > TIMESLOT_LAST || first > last)
			return refuse(why, "\"%.80s\" is out of range", text);
		for (int64_t slot = first; slot <= last; slot++) {
			if (made & (timeslot_set)1 << slot)
				return refuse(why, "timeslot %" PRId64 " stands in it twice", slot);
			made |= (timeslot_set)1 << slot;
		}
	} while (*at++ == ',');
	*set = made;
	return 0;
}

static int read_timeslots(const struct schema_field *f, const struct node *n, void *at, char *why)
{
	timeslot_set set;
	int rc;

	(void)f;
	memcpy(&set, at, sizeof(set));
	rc = value_read_timeslots(n->text, &set, why);
	if (rc == 0)
		memcpy(at, &set, sizeof(set));
	return rc;
}

/* `at` is the first member; the second lies as far from it as the schema says. */
static void *second_of(const struct schema_field *f, void *at)
{
	return (char *)at - f->offset + f->count_offset;
}

static int read_range(const struct schema_field *f, const struct node *n, void *at, char *why)
{
	struct limits l = limits_of(f);
	const char *text = n->text;
	int64_t first = read_digits(&text), last = -EINVAL;

	if (first >= 0 && *text == '-') {
		text++;
		last = read_digits(&text);
	}
	if (first == -EINVAL || last == -EINVAL || (last >= 0 && *text))
		return refuse(why, "\"%.80s\" is no range", n->text);
	if (first < l.min || last > l.max || first > last || last < 0)
		return refuse(why, "%.80s is out of range", n->text);
	put_integer(f, at, first);
	put_integer(f, second_of(f, at), last);
	return 0;
}

int value_read(const struct schema_field *f, const struct node *n, void *at, char why[WHY_TEXT])
{
	if (node_is_null(n))
		return refuse(why, "no value is given");
	switch (f->type) {
	case SCHEMA_BOOL:
		return read_bool(f, n, at, why);
	case SCHEMA_INTEGER:
		return read_integer(f, n, at, why);
	case SCHEMA_DURATION:
		return read_duration(f, n, at, why);
	case SCHEMA_ENUM:
		return read_enum(f, n, at, why);
	case SCHEMA_STRING:
	case SCHEMA_REFERENCE:
		return read_string(f, n, at, why);
	case SCHEMA_ADDRESS:
		return read_address(f, n, at, why);
	case SCHEMA_PREFIX:
		return read_prefix(f, n, at, why);
	case SCHEMA_TIMESLOTS:
		return read_timeslots(f, n, at, why);
	case SCHEMA_RANGE:
		return read_range(f, n, at, why);
	case SCHEMA_FLAGS:
	case SCHEMA_STRUCT:
	case SCHEMA_LIST:
	case SCHEMA_MAP:
		break;
	}
	return refuse(why, "a plain value");
}

/* ---- What is accepted ---- */

static const char *choice_at(const void *list, size_t i)
{
	return ((const struct schema_choice *)list)[i].name;
}

static void duration_text(char text[40], int64_t value, enum schema_unit unit)
{
	int64_t us = value * (int64_t)unit;
	size_t i = 0;

	if (us == 0)
		i = 2; /* "0s" */
	else
		while (us % units[i].us)
			i++;
	snprintf(text, 40, "%" PRId64 "%s", us / units[i].us, units[i].name);
}

static void accepted_duration(const struct schema_field *f, char *text)
{
	struct limits l = limits_of(f);
	char from[40], to[40];

	if (f->min == 0 && f->max == 0) {
		snprintf(text, WHY_TEXT, "a time with its unit, such as 200ms, 4s or 2min");
		return;
	}
	duration_text(from, l.min, f->unit);
	duration_text(to, l.max, f->unit);
	snprintf(text, WHY_TEXT, "a time with its unit (us, ms, s, min, h) from %s to %s", from,
		 to);
}

static void accepted_address(const struct schema_field *f, char *text)
{
	if (f->port == SCHEMA_PORT_NONE)
		snprintf(text, WHY_TEXT, "a numeric address such as 192.0.2.1 or 2001:db8::1");
	else if (f->default_port)
		snprintf(text, WHY_TEXT,
			 "a numeric address, with a port unless it is %u, such as 192.0.2.1:%u or "
			 "\"[2001:db8::1]:%u\"",
			 f->default_port, f->default_port, f->default_port);
	else
		snprintf(text, WHY_TEXT,
			 "a numeric address with port, such as 192.0.2.1:2000 or "
			 "\"[2001:db8::1]:2000\"");
}

static void accepted_choices(const struct schema_field *f, const char *lead, char *text)
{
	size_t n = (size_t)snprintf(text, WHY_TEXT, "%s", lead);

	suggest_list(text + n, WHY_TEXT - n, choice_at, f->choices);
}

const char *value_accepted(const struct schema_field *f, char text[WHY_TEXT])
{
	struct limits l = { 0, 0 };

	switch (f->type) {
	case SCHEMA_BOOL:
		snprintf(text, WHY_TEXT, "true or false");
		break;
	case SCHEMA_INTEGER:
		l = limits_of(f);
		snprintf(text, WHY_TEXT, "a whole number from %" PRId64 " to %" PRId64, l.min,
			 l.max);
		break;
	case SCHEMA_DURATION:
		accepted_duration(f, text);
		break;
	case SCHEMA_ENUM:
		accepted_choices(f, "one of ", text);
		break;
	case SCHEMA_FLAGS:
		accepted_choices(f, "a list, such as [a, b], of ", text);
		break;
	case SCHEMA_STRING:
		snprintf(text, WHY_TEXT, "a text of %sat most %zu octets in one line",
			 f->may_be_empty ? "" : "at least 1 and ", string_max(f));
		break;
	case SCHEMA_REFERENCE:
		snprintf(text, WHY_TEXT, "the name of a %.100s", f->refers);
		break;
	case SCHEMA_ADDRESS:
		accepted_address(f, text);
		break;
	case SCHEMA_PREFIX:
		snprintf(text, WHY_TEXT,
			 "a network such as 192.0.2.0/24 or 2001:db8::/32, or one address");
		break;
	case SCHEMA_TIMESLOTS:
		snprintf(text, WHY_TEXT, "timeslots from 1 to 31, such as 1-15,17-31");
		break;
	case SCHEMA_RANGE:
		l = limits_of(f);
		snprintf(text, WHY_TEXT,
			 "a range such as 20000-29999, within %" PRId64 " to %" PRId64, l.min,
			 l.max);
		break;
	case SCHEMA_STRUCT:
		snprintf(text, WHY_TEXT, "a mapping of keys to values");
		break;
	case SCHEMA_LIST:
		snprintf(text, WHY_TEXT, "a list, such as [a, b]");
		break;
	case SCHEMA_MAP:
		snprintf(text, WHY_TEXT, "a mapping of names, each with its own keys");
		break;
	}
	return text;
}

/* ---- Printing ---- */

/* Characters of UTF-8 that YAML's reader does not take as they are (YAML 1.2 5.1): C1 controls, the
 * byte order mark, and the last two of the first plane. Their length, or 0; `c` is the character.
 */
static size_t unprintable(const char *text, unsigned *c)
{
	const unsigned char *u = (const unsigned char *)text;

	if (u[0] == 0xc2 && u[1] >= 0x80 && u[1] < 0xa0) {
		*c = u[1];
		return 2;
	}
	if (u[0] != 0xef || (u[1] != 0xbb && u[1] != 0xbf) || !u[2])
		return 0;
	*c = 0xf000u | (unsigned)(u[1] & 0x3f) << 6 | (u[2] & 0x3f);
	return *c == 0xfeff || *c >= 0xfffe ? 3 : 0;
}

/* In double quotes, with what YAML needs escaped (YAML 1.2 5.7); JSON reads it the same (RFC 8259,
 * clause 7). */
char *value_quoted(const char *text)
{
	size_t n = strlen(text);
	char *out = mem_zalloc(n * 6 + 3), *at = out;
	unsigned c = 0;

	if (!out)
		return NULL;
	*at++ = '"';
	while (*text) {
		size_t skip = unprintable(text, &c);

		if (skip) {
			at += sprintf(at, "\\u%04x", c);
			text += skip;
			continue;
		}
		if (*text == '"' || *text == '\\')
			*at++ = '\\';
		*at++ = *text++;
	}
	*at = '"';
	return out;
}

static char *print_string(const char *text)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./+";
	static const char *const words[] = { "true", "false", "yes", "no", "on",
					     "off",  "null",  "y",   "n" };
	bool is_plain =
		*text && text[strspn(text, plain)] == '\0' && !strchr("-.+0123456789", *text);

	for (size_t i = 0; is_plain && i < sizeof(words) / sizeof(words[0]); i++)
		is_plain = strcasecmp(text, words[i]) != 0;
	return is_plain ? mem_strdup(text) : value_quoted(text);
}

static char *print_prefix(const struct netprefix *p)
{
	char host[NETADDR_TEXT];

	return mem_printf("\"%s/%u\"", netaddr_host_text(&p->network, host), p->bits);
}

static char *print_timeslots(timeslot_set set)
{
	char text[100] = "";
	size_t n = 0;

	for (unsigned first = 1; first <= TIMESLOT_LAST; first++) {
		unsigned last = first;

		if (!(set >> first & 1))
			continue;
		while (last < TIMESLOT_LAST && set >> (last + 1) & 1)
			last++;
		n += (size_t)snprintf(text + n, sizeof(text) - n, last > first ? "%s%u-%u" : "%s%u",
				      n ? "," : "", first, last);
		first = last;
	}
	return mem_printf("%s", text);
}

static char *print_address(const struct schema_field *f, const struct netaddr *a)
{
	char text[NETADDR_TEXT];

	return value_quoted(f->port == SCHEMA_PORT_NONE ? netaddr_host_text(a, text)
							: netaddr_text(a, text));
}

static char *print_integer(const struct schema_field *f, int64_t value)
{
	char text[40];

	if (f->type == SCHEMA_DURATION)
		duration_text(text, value, f->unit);
	else
		snprintf(text, sizeof(text), "%" PRId64, value);
	return mem_strdup(text);
}

static bool is_absent(const struct schema_field *f, const void *at)
{
	struct limits l = limits_of(f);
	const char *string;
	int64_t value;

	switch (f->type) {
	case SCHEMA_STRING:
	case SCHEMA_REFERENCE:
		memcpy(&string, at, sizeof(string));
		return !string;
	case SCHEMA_ADDRESS:
		return !netaddr_is_set(at);
	case SCHEMA_PREFIX:
		return !netaddr_is_set(&((const struct netprefix *)at)->network);
	case SCHEMA_TIMESLOTS:
		return *(const timeslot_set *)at == 0;
	case SCHEMA_ENUM:
		return !value_choice_name(f, value_get_integer(f, at));
	case SCHEMA_INTEGER:
	case SCHEMA_DURATION:
	case SCHEMA_RANGE:
		value = value_get_integer(f, at);
		return value < l.min || value > l.max;
	case SCHEMA_BOOL:
	case SCHEMA_FLAGS:
	case SCHEMA_STRUCT:
	case SCHEMA_LIST:
	case SCHEMA_MAP:
		break;
	}
	return false;
}

static char *print_present(const struct schema_field *f, const void *at)
{
	const char *string;

	switch (f->type) {
	case SCHEMA_BOOL:
		return mem_strdup(*(const bool *)at ? "true" : "false");
	case SCHEMA_INTEGER:
	case SCHEMA_DURATION:
		return print_integer(f, value_get_integer(f, at));
	case SCHEMA_RANGE:
		return mem_printf(
			"%" PRId64 "-%" PRId64, value_get_integer(f, at),
			value_get_integer(f, (const char *)at - f->offset + f->count_offset));
	case SCHEMA_ENUM:
		return print_string(value_choice_name(f, value_get_integer(f, at)));
	case SCHEMA_STRING:
	case SCHEMA_REFERENCE:
		memcpy(&string, at, sizeof(string));
		return print_string(string);
	case SCHEMA_ADDRESS:
		return print_address(f, at);
	case SCHEMA_PREFIX:
		return print_prefix(at);
	case SCHEMA_TIMESLOTS:
		return print_timeslots(*(const timeslot_set *)at);
	case SCHEMA_FLAGS:
	case SCHEMA_STRUCT:
	case SCHEMA_LIST:
	case SCHEMA_MAP:
		break;
	}
	return NULL;
}

int value_print(const struct schema_field *f, const void *at, char **out)
{
	char *text;

	if (is_absent(f, at))
		return 0;
	text = print_present(f, at);
	if (!text)
		return -ENOMEM;
	*out = text;
	return 1;
}
