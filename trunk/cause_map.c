/* SPDX-License-Identifier: GPL-2.0-only */
/* The tables of RFC 3398 7.2.4.1 (ISUP cause to SIP) and 8.2.6.1 (SIP to ISUP cause). Rows marked
 * "peers" are empty there and hold what the gateways that have an entry of their own do; "class"
 * ones follow the class that Q.850 puts the cause in, with RFC 3398's default of 500 last. None but
 * a user's rejection becomes a 6xx: peers never try again after one. */
#include "trunk/cause_map.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const uint16_t sip_of_cause[128] = {
	[1] = 404,   [2] = 404,   [3] = 404,   [4] = 400, /* peers */
	[5] = 400,                                        /* peers */
	[6] = 406,                                        /* peers */
	[7] = 500,                                        /* peers */
	[8] = 480,                                        /* peers */
	[9] = 488,                                        /* peers */
	[14] = 500,  [16] = 480, /* peers; before answer only, later it is a BYE */
	[17] = 486,  [18] = 408,  [19] = 480,  [20] = 480, [21] = 403, /* 603 from a user:
									  cause_to_sip() */
	[22] = 410,  [23] = 410,  [24] = 433, /* anonymous call rejection, RFC 5079 */
	[25] = 483,                           /* peers, and the way back of 483 */
	[26] = 404,  [27] = 502,  [28] = 484,  [29] = 501, [30] = 500, [31] = 480,
	[34] = 503,  [38] = 503,  [39] = 503, /* class: resource unavailable is temporary */
	[40] = 503,                           /* class */
	[41] = 503,  [42] = 503,  [43] = 503, /* class */
	[44] = 503,                           /* peers */
	[46] = 503,                           /* class */
	[47] = 503,  [49] = 503,              /* class */
	[50] = 403,                           /* class: like 55 and 57, not allowed for this user */
	[53] = 403,                           /* class */
	[55] = 403,  [57] = 403,  [58] = 503,  [62] = 403,                         /* class */
	[63] = 503,                                                                /* class: 58's */
	[65] = 488,  [66] = 503,                                                   /* peers */
	[69] = 501,                                                                /* class: 79's */
	[70] = 488,  [79] = 501,  [81] = 500,  [82] = 500, [83] = 500, [84] = 503, /* peers */
	[85] = 503,                                                                /* peers */
	[86] = 408,                                                                /* peers */
	[87] = 403,  [88] = 503,  [90] = 503,                                      /* peers */
	[91] = 502,                                                                /* peers */
	[95] = 503,                                                                /* peers */
	[96] = 409,                                                                /* peers */
	[97] = 480,                                                                /* peers */
	[98] = 409,                                                                /* peers */
	[99] = 480,                                                                /* peers */
	[100] = 501,                                                               /* peers */
	[101] = 503,                                                               /* peers */
	[102] = 504, [103] = 400,                                                  /* peers */
	[110] = 500, [111] = 500, [127] = 500,
};

struct status_row {
	uint16_t status;
	uint8_t cause; /* 0: only a phrase is known */
	bool user;     /* said by the called user, not by a network on the way */
	const char *phrase;
};

/* Ascending. The row of n00 stands for every code of its class that is not here (RFC 3261 8.1.3.2).
 */
static const struct status_row statuses[] = {
	{ 100, 0, false, "Trying" },
	{ 180, 0, false, "Ringing" },
	{ 181, 0, false, "Call Is Being Forwarded" },
	{ 182, 0, false, "Queued" },
	{ 183, 0, false, "Session Progress" },
	{ 199, 0, false, "Early Dialog Terminated" },
	{ 200, 0, false, "OK" },
	{ 202, 0, false, "Accepted" },
	{ 204, 0, false, "No Notification" },
	{ 300, 23, false, "Multiple Choices" },
	{ 301, 22, false, "Moved Permanently" },
	{ 302, 23, false, "Moved Temporarily" },
	{ 305, 23, false, "Use Proxy" },
	{ 380, 23, false, "Alternative Service" },
	{ 400, 41, false, "Bad Request" },
	{ 401, 21, false, "Unauthorized" },
	{ 402, 21, false, "Payment Required" },
	{ 403, 21, false, "Forbidden" },
	{ 404, 1, false, "Not Found" },
	{ 405, 63, false, "Method Not Allowed" },
	{ 406, 79, false, "Not Acceptable" },
	{ 407, 21, false, "Proxy Authentication Required" },
	{ 408, 102, false, "Request Timeout" },
	{ 409, 41, false, "Conflict" },
	{ 410, 22, false, "Gone" },
	{ 411, 127, false, "Length Required" },
	{ 412, 127, false, "Conditional Request Failed" },
	{ 413, 127, false, "Request Entity Too Large" },
	{ 414, 127, false, "Request-URI Too Long" },
	{ 415, 79, false, "Unsupported Media Type" },
	{ 416, 127, false, "Unsupported URI Scheme" },
	{ 417, 31, false, "Unknown Resource-Priority" },
	{ 420, 127, false, "Bad Extension" },
	{ 421, 127, false, "Extension Required" },
	{ 422, 127, false, "Session Interval Too Small" },
	{ 423, 127, false, "Interval Too Brief" },
	{ 424, 127, false, "Bad Location Information" },
	{ 428, 21, false, "Use Identity Header" },
	{ 429, 127, false, "Provide Referrer Identity" },
	{ 430, 127, false, "Flow Failed" },
	{ 433, 24, true, "Anonymity Disallowed" },
	{ 436, 21, false, "Bad Identity Info" },
	{ 437, 21, false, "Unsupported Credential" },
	{ 438, 21, false, "Invalid Identity Header" },
	{ 439, 127, false, "First Hop Lacks Outbound Support" },
	{ 440, 127, false, "Max-Breadth Exceeded" },
	{ 469, 127, false, "Bad Info Package" },
	{ 470, 127, false, "Consent Needed" },
	{ 480, 18, false, "Temporarily Unavailable" },
	{ 481, 41, false, "Call/Transaction Does Not Exist" },
	{ 482, 25, false, "Loop Detected" },
	{ 483, 25, false, "Too Many Hops" },
	{ 484, 28, false, "Address Incomplete" },
	{ 485, 1, false, "Ambiguous" },
	{ 486, 17, true, "Busy Here" },
	{ 487, 31, false, "Request Terminated" },
	{ 488, 88, true, "Not Acceptable Here" },
	{ 489, 127, false, "Bad Event" },
	{ 491, 31, false, "Request Pending" },
	{ 493, 127, false, "Undecipherable" },
	{ 494, 127, false, "Security Agreement Required" },
	{ 500, 41, false, "Server Internal Error" },
	{ 501, 79, false, "Not Implemented" },
	{ 502, 38, false, "Bad Gateway" },
	{ 503, 41, false, "Service Unavailable" },
	{ 504, 102, false, "Server Time-out" },
	{ 505, 127, false, "Version Not Supported" },
	{ 513, 127, false, "Message Too Large" },
	{ 555, 127, false, "Push Notification Service Not Supported" },
	{ 580, 47, false, "Precondition Failure" },
	{ 600, 17, true, "Busy Everywhere" },
	{ 603, 21, true, "Decline" },
	{ 604, 1, true, "Does Not Exist Anywhere" },
	{ 606, 88, true, "Not Acceptable" },
	{ 607, 21, true, "Unwanted" },
	{ 608, 21, true, "Rejected" },
};

static const struct status_row *find_status(unsigned status)
{
	for (size_t i = 0; i < COUNT(statuses); i++)
		if (statuses[i].status == status)
			return &statuses[i];
	return NULL;
}

unsigned cause_to_sip(struct q850_cause cause, const struct conf_cause_row *rows, size_t count)
{
	for (size_t i = 0; rows && i < count; i++)
		if (rows[i].cause == cause.value && rows[i].sip >= 400 && rows[i].sip <= 606)
			return rows[i].sip;
	if (cause.value == Q850_CALL_REJECTED && cause.location == Q850_LOC_USER)
		return 603;
	if (cause.value >= COUNT(sip_of_cause) || !sip_of_cause[cause.value])
		return 500; /* RFC 3398 7.2.4.1 */
	return sip_of_cause[cause.value];
}

struct q850_cause sip_to_cause(unsigned status, const struct conf_cause_row *rows, size_t count)
{
	const struct status_row *row = find_status(status);
	enum q850_location location;

	if (!row || !row->cause)
		row = find_status(status / 100 * 100);
	if (!row || !row->cause)
		return q850(Q850_INTERWORKING, Q850_LOC_BEYOND_INTERWORKING);
	location = row->user || status >= 600 ? Q850_LOC_USER : Q850_LOC_BEYOND_INTERWORKING;
	for (size_t i = 0; rows && i < count; i++)
		if (rows[i].sip == status && rows[i].cause >= 1 && rows[i].cause <= 127)
			return q850(rows[i].cause, location);
	return q850(row->cause, location);
}

static const struct {
	unsigned first, last;
	uint8_t cause;
} warnings[] = {
	{ 300, 329,
	  65 }, /* keywords of the session description: protocols, addresses, media, formats */
	{ 330, 339, 63 }, /* basic network services */
	{ 370, 379, 49 }, /* quantitative quality of service */
};

struct q850_cause sip_warned_to_cause(unsigned status, unsigned warning,
				      const struct conf_cause_row *rows, size_t count)
{
	struct q850_cause cause = sip_to_cause(status, rows, count);

	if (status != 488 && status != 606)
		return cause;
	for (size_t i = 0; rows && i < count; i++)
		if (rows[i].sip == status)
			return cause;
	for (size_t i = 0; i < COUNT(warnings); i++)
		if (warning >= warnings[i].first && warning <= warnings[i].last)
			cause.value = warnings[i].cause;
	return cause;
}

const char *sip_phrase(unsigned status)
{
	static const char *const classes[] = { "Progress", "OK",    "Redirected",
					       "Failure",  "Error", "Rejected" };
	const struct status_row *row = find_status(status);

	if (row)
		return row->phrase;
	return status >= 100 && status < 700 ? classes[status / 100 - 1] : "Unknown";
}

int cause_to_reason(struct q850_cause cause, char *text, size_t room)
{
	const char *location = q850_location_code(cause.location);

	return snprintf(text, room, "Q.850;cause=%u;text=\"%s\"%s%s", cause.value,
			q850_cause_name(cause.value), location ? ";location=" : "",
			location ? location : "");
}

static const char *skip_space(const char *at)
{
	while (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n')
		at++;
	return at;
}

static size_t token_length(const char *at)
{
	return strcspn(at, " \t\r\n;=,\"");
}

/* Past a quoted string or a token; NULL when a quote is not closed. */
static const char *skip_value(const char *at)
{
	if (*at != '"')
		return at + token_length(at);
	for (at++; *at && *at != '"'; at++)
		if (*at == '\\' && at[1])
			at++;
	return *at ? at + 1 : NULL;
}

struct param {
	const char *name, *value;
	size_t name_length, value_length;
};

static bool param_is(const struct param *p, const char *name)
{
	return p->name_length == strlen(name) && strncasecmp(p->name, name, p->name_length) == 0;
}

/* The next ";name[=value]". 1 read, 0 no more, -EINVAL. */
static int next_param(const char **text, struct param *p)
{
	const char *at = skip_space(*text), *end;

	if (*at == '\0')
		return 0;
	if (*at != ';')
		return -EINVAL;
	p->name = skip_space(at + 1);
	p->name_length = token_length(p->name);
	if (!p->name_length)
		return -EINVAL;
	at = skip_space(p->name + p->name_length);
	p->value = "";
	p->value_length = 0;
	if (*at == '=') {
		p->value = skip_space(at + 1);
		end = skip_value(p->value);
		if (!end)
			return -EINVAL;
		p->value_length = (size_t)(end - p->value);
		at = end;
	}
	*text = at;
	return 1;
}

static int read_cause(const struct param *p, uint8_t *out)
{
	unsigned value = 0;

	if (p->value_length < 1 || p->value_length > 3)
		return -EINVAL;
	for (size_t i = 0; i < p->value_length; i++) {
		if (!isdigit((unsigned char)p->value[i]))
			return -EINVAL;
		value = value * 10 + (unsigned)(p->value[i] - '0');
	}
	if (!q850_is_defined(value))
		return -EINVAL;
	*out = (uint8_t)value;
	return 0;
}

/* An unknown code leaves the location as it was: RFC 8606 4. */
static void read_location(const struct param *p, uint8_t *out)
{
	char code[8] = "";
	int location;

	if (p->value_length >= sizeof(code))
		return;
	memcpy(code, p->value, p->value_length);
	location = q850_location_by_code(code);
	if (location >= 0)
		*out = (uint8_t)location;
}

int reason_to_cause(const char *value, struct q850_cause *out)
{
	struct q850_cause cause = { 0, Q850_LOC_BEYOND_INTERWORKING };
	struct param p;
	size_t length;
	int rc;

	if (!value)
		return -EINVAL;
	value = skip_space(value);
	length = token_length(value);
	if (!length)
		return -EINVAL;
	if (length != 5 || strncasecmp(value, "Q.850", 5) != 0)
		return -ENOENT;
	value += length;
	while ((rc = next_param(&value, &p)) > 0) {
		if (param_is(&p, "cause") && read_cause(&p, &cause.value) < 0)
			return -EINVAL;
		if (param_is(&p, "location"))
			read_location(&p, &cause.location);
	}
	if (rc < 0 || !cause.value)
		return -EINVAL;
	*out = cause;
	return 0;
}
