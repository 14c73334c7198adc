/* SPDX-License-Identifier: GPL-2.0-only */
/* Records of calls, out of the store that only reads. On the control thread. */
#include "gateway/api_private.h"

#include "gateway/records.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BAD_REQUEST = 400, NOT_FOUND = 404, FAILED = 500, AWAY = 503 };

#define ROWS 100
#define SECOND_US INT64_C(1000000)

/* ---- Times ---- */

static bool digits_of(const char **text, unsigned count, int *out)
{
	*out = 0;
	for (unsigned i = 0; i < count; i++, (*text)++) {
		if (**text < '0' || **text > '9')
			return false;
		*out = *out * 10 + (**text - '0');
	}
	return true;
}

static bool expect(const char **text, char c)
{
	if (**text != c)
		return false;
	(*text)++;
	return true;
}

static bool read_clock(const char **text, struct tm *tm)
{
	return digits_of(text, 2, &tm->tm_hour) && expect(text, ':') &&
	       digits_of(text, 2, &tm->tm_min) && expect(text, ':') &&
	       digits_of(text, 2, &tm->tm_sec);
}

static int64_t read_fraction(const char **text)
{
	int64_t us = 0, unit = SECOND_US / 10;

	if (**text != '.')
		return 0;
	for ((*text)++; **text >= '0' && **text <= '9'; (*text)++, unit /= 10)
		us += (**text - '0') * unit;
	return us;
}

/* 2026-01-31, 2026-01-31T12:00:00Z, 2026-01-31T12:00:00.123Z (UTC), or seconds since 1970. */
static bool read_time(const char *text, int64_t *out)
{
	struct tm tm = { 0 };
	const char *at = text;
	int64_t us = 0;
	char *end;

	if (strspn(text, "0123456789") == strlen(text)) {
		errno = 0;
		*out = strtoll(text, &end, 10);
		if (errno || *out > INT64_MAX / SECOND_US)
			return false;
		*out *= SECOND_US;
		return true;
	}
	if (!digits_of(&at, 4, &tm.tm_year) || !expect(&at, '-') ||
	    !digits_of(&at, 2, &tm.tm_mon) || !expect(&at, '-') || !digits_of(&at, 2, &tm.tm_mday))
		return false;
	if (*at) {
		if ((!expect(&at, 'T') && !expect(&at, ' ')) || !read_clock(&at, &tm))
			return false;
		us = read_fraction(&at);
		if (!expect(&at, 'Z'))
			return false;
	}
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	*out = (int64_t)timegm(&tm) * SECOND_US + us;
	return *at == '\0' && tm.tm_mon >= 0 && tm.tm_mon < 12 && tm.tm_mday > 0;
}

static bool time_argument(struct api_task *task, const char *key, int64_t *out)
{
	const char *text = api_argument(&task->query, key);

	*out = 0;
	if (!*text || read_time(text, out))
		return true;
	api_refuse(&task->reply, BAD_REQUEST, "bad-argument",
		   "%s=%s is no time; accepted: 2026-01-31, 2026-01-31T12:00:00Z (UTC), or seconds "
		   "since 1970",
		   key, text);
	return false;
}

/* ---- Answers ---- */

static void there(void *arg, int rc, json_t *body, const char *error)
{
	struct api_task *task = arg;

	if (rc >= 0)
		api_answer(&task->reply, body);
	else if (rc == -ENOENT)
		api_refuse(&task->reply, NOT_FOUND, "no-such-record",
			   "there is no record of a call %s; a call in progress has none yet, and "
			   "old ones are removed",
			   task->query.names[0]);
	else if (rc == -EINVAL)
		api_refuse(&task->reply, BAD_REQUEST, "bad-argument", "%s", error ? error : "");
	else if (rc == -ENOMEM)
		api_refuse(&task->reply, FAILED, "no-memory", "the gateway is out of memory");
	else
		api_refuse(&task->reply, AWAY, "store-away", "%s",
			   error && *error ? error : strerror(-rc));
	api_done(task);
}

static bool has_records(struct api_task *task)
{
	if (task->records)
		return true;
	api_refuse(&task->reply, NOT_FOUND, "no-records",
		   "no records of calls are kept: records: enabled is false in gateway.yaml");
	api_done(task);
	return false;
}

static bool read_answered(struct api_task *task, int *out)
{
	const char *text = api_argument(&task->query, "answered");

	*out = -1;
	if (!*text)
		return true;
	if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
		*out = text[0] == 't';
		return true;
	}
	api_refuse(&task->reply, BAD_REQUEST, "bad-argument",
		   "answered=%s is not understood; true and false are accepted", text);
	return false;
}

static const char *or_null(const char *text)
{
	return *text ? text : NULL;
}

static bool read_query(struct api_task *task, struct records_query *out)
{
	int64_t cause = -1, limit = ROWS;
	const struct api_query *query = &task->query;

	if (!time_argument(task, "since", &out->since_us) ||
	    !time_argument(task, "until", &out->until_us) ||
	    !api_number(query, "cause", (int64_t[]){ 0, 127 }, &cause, &task->reply) ||
	    !api_number(query, "limit", (int64_t[]){ 1, RECORDS_PAGE }, &limit, &task->reply) ||
	    !read_answered(task, &out->answered))
		return false;
	out->number = or_null(api_argument(query, "number"));
	out->endpoint = or_null(api_argument(query, "endpoint"));
	out->before = or_null(api_argument(query, "before"));
	out->cause = (int)cause;
	out->limit = (unsigned)limit;
	return true;
}

void api_cdrs_list(struct api_task *task)
{
	struct records_query query = { 0 };
	int rc;

	if (!has_records(task))
		return;
	if (!read_query(task, &query)) {
		api_done(task);
		return;
	}
	rc = records_list(task->records, &query, there, task);
	if (rc < 0)
		there(task, rc, NULL, "this can't be asked for");
}

void api_cdrs_show(struct api_task *task)
{
	int rc;

	if (!has_records(task))
		return;
	rc = records_show(task->records, task->query.names[0], there, task);
	if (rc < 0)
		there(task, rc, NULL, "this can't be asked for");
}
