/* SPDX-License-Identifier: GPL-2.0-only */
/* Times as people write them. All are UTC, as what gwctl shows. */
#include "gateway/gwctl_private.h"

#include <string.h>
#include <time.h>

#define DAY_S 86400

/* "2h", "30min", "7d", "1h30min": so long ago. */
static bool read_ago(const char *text, int64_t *out)
{
	static const struct {
		const char *unit;
		int64_t seconds;
	} units[] = {
		{ "s", 1 },       { "sec", 1 },      { "m", 60 },
		{ "min", 60 },    { "h", 3600 },     { "d", DAY_S },
		{ "day", DAY_S }, { "days", DAY_S }, { "w", 7 * DAY_S },
	};

	for (*out = 0; *text;) {
		int64_t n = 0, seconds = 0;
		size_t digits = strspn(text, "0123456789"), length;

		if (!digits || digits > 9)
			return false;
		while (digits--)
			n = n * 10 + (*text++ - '0');
		length = strspn(text, "abcdefghijklmnopqrstuvwxyz");
		for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
			if (strlen(units[i].unit) == length &&
			    strncmp(units[i].unit, text, length) == 0)
				seconds = units[i].seconds;
		if (!seconds)
			return false;
		*out += n * seconds;
		text += length;
	}
	return true;
}

static bool read_date(const char *text, int64_t *out)
{
	static const char *const forms[] = {
		"%Y-%m-%d",          "%Y-%m-%d %H:%M",  "%Y-%m-%d %H:%M:%S",  "%Y-%m-%dT%H:%M",
		"%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%MZ", "%Y-%m-%dT%H:%M:%SZ",
	};

	if (strspn(text, "0123456789") != 4 || text[4] != '-')
		return false;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct tm tm = { 0 }, same;
		const char *end = strptime(text, forms[i], &tm);

		if (!end || *end)
			continue;
		same = tm;
		*out = (int64_t)timegm(&same);
		return same.tm_mday == tm.tm_mday; /* there is no 30th of February */
	}
	return false;
}

bool gwctl_read_time(const char *text, int64_t now, int64_t *out)
{
	int64_t midnight = now - now % DAY_S, ago;

	if (strcmp(text, "now") == 0)
		*out = now;
	else if (strcmp(text, "today") == 0)
		*out = midnight;
	else if (strcmp(text, "yesterday") == 0)
		*out = midnight - DAY_S;
	else if (text[0] && read_ago(text, &ago) && ago <= now)
		*out = now - ago;
	else
		return text[0] && read_date(text, out) && *out > 0;
	return true;
}
