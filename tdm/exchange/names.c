/* SPDX-License-Identifier: GPL-2.0-only */
#include "tdm/exchange/names.h"

#include "base/party.h"
#include "base/q850.h"
#include "tdm/span.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct schema_choice ex_location_choices[] = {
	{ "user", Q850_LOC_USER },
	{ "private-local", Q850_LOC_PRIVATE_LOCAL },
	{ "public-local", Q850_LOC_PUBLIC_LOCAL },
	{ "transit", Q850_LOC_TRANSIT },
	{ "public-remote", Q850_LOC_PUBLIC_REMOTE },
	{ "private-remote", Q850_LOC_PRIVATE_REMOTE },
	{ "international", Q850_LOC_INTERNATIONAL },
	{ "beyond-interworking", Q850_LOC_BEYOND_INTERWORKING },
	{ 0 },
};

/* Q.931 tables 4-9 and 4-11 */
const struct schema_choice ex_type_choices[] = {
	{ "any", EX_ANY }, { "unknown", NUMBER_UNKNOWN }, { "international", NUMBER_INTERNATIONAL },
	{ "national", NUMBER_NATIONAL }, { "network-specific", NUMBER_NETWORK_SPECIFIC },
	{ "subscriber", NUMBER_SUBSCRIBER }, { "abbreviated", NUMBER_ABBREVIATED }, { 0 },
};
const struct schema_choice ex_numbering_choices[] = {
	{ "unknown", PLAN_UNKNOWN },
	{ "isdn", PLAN_ISDN },
	{ "data", PLAN_DATA },
	{ "telex", PLAN_TELEX },
	{ "national", PLAN_NATIONAL },
	{ "private", PLAN_PRIVATE },
	{ 0 },
};
const struct schema_choice ex_presentation_choices[] = {
	{ "any", EX_ANY },
	{ "allowed", PRESENTATION_ALLOWED },
	{ "restricted", PRESENTATION_RESTRICTED },
	{ "unavailable", PRESENTATION_UNAVAILABLE },
	{ 0 },
};
const struct schema_choice ex_screening_choices[] = {
	{ "any", EX_ANY },
	{ "not-screened", SCREENING_USER_NOT_SCREENED },
	{ "passed", SCREENING_USER_PASSED },
	{ "failed", SCREENING_USER_FAILED },
	{ "network", SCREENING_NETWORK },
	{ 0 },
};

/* Q.931 table 4-6 */
const struct schema_choice ex_capability_choices[] = {
	{ "speech", ISDN_SPEECH },
	{ "unrestricted", ISDN_UNRESTRICTED },
	{ "restricted", ISDN_RESTRICTED },
	{ "audio", ISDN_AUDIO_3K1 },
	{ "unrestricted-tones", ISDN_UNRESTRICTED_TONES },
	{ "video", ISDN_VIDEO },
	{ 0 },
};

const char *ex_choice_name(const struct schema_choice *choices, int64_t value)
{
	for (; choices->name; choices++)
		if (choices->value == value)
			return choices->name;
	return NULL;
}

bool ex_choice_value(const struct schema_choice *choices, const char *name, int *value)
{
	for (; choices->name; choices++)
		if (!strcmp(choices->name, name)) {
			*value = (int)choices->value;
			return true;
		}
	return false;
}

void ex_choice_list(const struct schema_choice *choices, char *text, size_t room)
{
	size_t used = 0;

	text[0] = '\0';
	for (; choices->name && used < room; choices++)
		used += (size_t)snprintf(text + used, room - used, "%s%s", used ? ", " : "",
					 choices->name);
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Levenshtein's distance; words longer than the row are far from anything. */
static size_t distance(const char *a, const char *b)
{
	size_t row[48], length = strlen(b);

	if (length + 1 > sizeof(row) / sizeof(*row))
		return SIZE_MAX;
	for (size_t j = 0; j <= length; j++)
		row[j] = j;
	for (size_t i = 0; a[i]; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 0; j < length; j++) {
			size_t replaced = diagonal + (a[i] != b[j]);

			diagonal = row[j + 1];
			row[j + 1] = least(replaced, least(row[j], row[j + 1]) + 1);
		}
	}
	return row[length];
}

void ex_nearest(struct ex_nearest *n, const char *word, const char *candidate)
{
	size_t d = distance(word, candidate);

	if (n->name && d >= n->distance)
		return;
	n->name = candidate;
	n->distance = d;
}

int ex_parse_duration(const char *text, unsigned *ms)
{
	static const struct { const char *unit; double ms; } units[] = {
		{ "ms", 1 }, { "s", 1000 }, { "min", 60000 }, { "h", 3600000 },
	};
	char *end;
	double value = strtod(text, &end);

	if (end == text || !isdigit((unsigned char)*text) || value > 86400000)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (!strcmp(end, units[i].unit) && value * units[i].ms <= 86400000) {
			*ms = (unsigned)(value * units[i].ms + 0.5);
			return 0;
		}
	return -EINVAL;
}

int ex_parse_integer(const char *text, long min, long max, long *value)
{
	char *end;
	long v;

	errno = 0;
	v = strtol(text, &end, 10);
	if (end == text || *end || errno || v < min || v > max)
		return -EINVAL;
	*value = v;
	return 0;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

int ex_parse_hex(const char *text, uint8_t *octets, size_t room)
{
	size_t n = 0;

	for (; text[0]; text += 2, n++) {
		int high = hex_digit(text[0]), low = high < 0 ? -1 : hex_digit(text[1]);

		if (low < 0 || n == room)
			return -EINVAL;
		octets[n] = (uint8_t)(high << 4 | low);
	}
	return (int)n;
}

void ex_hex_text(const uint8_t *octets, size_t n, char *text)
{
	for (size_t i = 0; i < n; i++)
		snprintf(text + 2 * i, 3, "%02x", octets[i]);
	text[2 * n] = '\0';
}
