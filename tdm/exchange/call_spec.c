/* SPDX-License-Identifier: GPL-2.0-only */
#include "tdm/exchange/call_spec.h"

#include "tdm/exchange/names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHY 256
#define DETAIL_CALLS 50

static void *member_of(struct ex_call_spec *spec, const struct ex_call_option *option)
{
	return (char *)spec + option->offset;
}

static int set_number(struct ex_call_spec *spec, const struct ex_call_option *option,
		      const char *value)
{
	struct party_number *number = member_of(spec, option);

	if (value[strspn(value, "0123456789*#ABCD")] || strlen(value) >= sizeof(number->digits))
		return -EINVAL;
	snprintf(number->digits, sizeof(number->digits), "%s", value);
	number->present = true;
	return 0;
}

static int set_text(struct ex_call_spec *spec, const struct ex_call_option *option,
		    const char *value)
{
	if (strlen(value) > (size_t)option->max)
		return -EINVAL;
	snprintf(member_of(spec, option), (size_t)option->max + 1, "%s", value);
	return 0;
}

/* Of a member of one octet. */
static int set_octet_choice(struct ex_call_spec *spec, const struct ex_call_option *option,
			    const char *value)
{
	int found;
	long number;

	if (!ex_choice_value(option->choices, value, &found)) {
		if (ex_parse_integer(value, 0, 127, &number) < 0)
			return -EINVAL;
		found = (int)number;
	}
	*(uint8_t *)member_of(spec, option) = (uint8_t)found;
	return 0;
}

static int set_octet(struct ex_call_spec *spec, const struct ex_call_option *option,
		     const char *value)
{
	long number;

	if (ex_parse_integer(value, option->min, option->max, &number) < 0)
		return -EINVAL;
	*(uint8_t *)member_of(spec, option) = (uint8_t)number;
	return 0;
}

static int set_unsigned(struct ex_call_spec *spec, const struct ex_call_option *option,
			const char *value)
{
	long number;

	if (ex_parse_integer(value, option->min, option->max, &number) < 0)
		return -EINVAL;
	*(unsigned *)member_of(spec, option) = (unsigned)number;
	return 0;
}

static int set_int_choice(struct ex_call_spec *spec, const struct ex_call_option *option,
			  const char *value)
{
	return ex_choice_value(option->choices, value, member_of(spec, option)) ? 0 : -EINVAL;
}

static int set_duration(struct ex_call_spec *spec, const struct ex_call_option *option,
			const char *value)
{
	return ex_parse_duration(value, member_of(spec, option));
}

static int set_raw(struct ex_call_spec *spec, const struct ex_call_option *option,
		   const char *value)
{
	struct isdn_raw raw = { 0 };
	int n = ex_parse_hex(value, raw.octets, sizeof(raw.octets));

	if (n <= 0)
		return -EINVAL;
	raw.length = (uint8_t)n;
	*(struct isdn_raw *)member_of(spec, option) = raw;
	return 0;
}

static int set_flag(struct ex_call_spec *spec, const struct ex_call_option *option,
		    const char *value)
{
	bool on = !strcmp(value, "on") || !strcmp(value, "yes") || !strcmp(value, "true");

	if (!on && strcmp(value, "off") && strcmp(value, "no") && strcmp(value, "false"))
		return -EINVAL;
	*(bool *)member_of(spec, option) = on;
	return 0;
}

static int set_detail(struct ex_call_spec *spec, const struct ex_call_option *option,
		      const char *value)
{
	spec->detail_given = true;
	return set_flag(spec, option, value);
}

static int set_law(struct ex_call_spec *spec, const struct ex_call_option *option,
		   const char *value)
{
	(void)option;
	if (strcmp(value, "alaw") && strcmp(value, "ulaw"))
		return -EINVAL;
	spec->info.law = strcmp(value, "alaw") ? CONF_ULAW : CONF_ALAW;
	return 0;
}

/* "8" or "3,8": descriptions, each with the location "user", as a terminal would send them. */
static int set_progress(struct ex_call_spec *spec, const struct ex_call_option *option,
			const char *value)
{
	(void)option;
	spec->info.progress_count = 0;
	while (*value) {
		char *end;
		long description = strtol(value, &end, 10);

		if (end == value || description < 1 || description > 127 ||
		    spec->info.progress_count == ISDN_PROGRESS_MAX || (*end && *end != ','))
			return -EINVAL;
		spec->info.progress[spec->info.progress_count++] =
			(struct isdn_progress){ (uint8_t)description, Q850_LOC_USER };
		value = *end ? end + 1 : end;
	}
	return 0;
}

/* "silence", "echo", "prbs", "tone", "tone:1004", "tone:1004:-16" */
static int set_media(struct ex_call_spec *spec, const struct ex_call_option *option,
		     const char *value)
{
	char word[16] = "";
	size_t length = strcspn(value, ":");
	int hz = 1004, level = -16, source, end = 0;

	(void)option;
	if (length >= sizeof(word))
		return -EINVAL;
	memcpy(word, value, length);
	source = !strcmp(word, "echo-check") ? EX_SOURCE_PRBS : ex_source_by_name(word);
	if (source < 0 || (value[length] && source != EX_SOURCE_TONE))
		return -EINVAL;
	if (value[length]) {
		const char *rest = value + length;

		if ((sscanf(rest, ":%d%n:%d%n", &hz, &end, &level, &end) < 1) || rest[end])
			return -EINVAL;
	}
	if (hz < 50 || hz > 3900 || level < -60 || level > 3)
		return -EINVAL;
	spec->media = (enum ex_source)source;
	spec->hz = (unsigned)hz;
	spec->level_dbm0 = level;
	return 0;
}

static int set_abandon_after(struct ex_call_spec *spec, const struct ex_call_option *option,
			     const char *value)
{
	(void)option;
	spec->abandon = EX_ABANDON_TIME;
	return ex_parse_duration(value, &spec->abandon_ms);
}

static const struct schema_choice event_choices[] = {
	{ "setup-ack", ISDN_SETUP_ACK }, { "proceeding", ISDN_PROCEEDING },
	{ "alerting", ISDN_ALERTING },   { "progress", ISDN_PROGRESS },
	{ "connect", ISDN_CONNECT },     { 0 },
};

static int set_abandon_at(struct ex_call_spec *spec, const struct ex_call_option *option,
			  const char *value)
{
	int event;

	if (!ex_choice_value(option->choices, value, &event))
		return -EINVAL;
	spec->abandon = EX_ABANDON_EVENT;
	spec->abandon_at = (enum isdn_event)event;
	return 0;
}

static int set_expect_cause(struct ex_call_spec *spec, const struct ex_call_option *option,
			    const char *value)
{
	long number;

	if (ex_parse_integer(value, option->min, option->max, &number) < 0)
		return -EINVAL;
	spec->expect_cause = (int)number;
	return 0;
}

static int set_expect_level(struct ex_call_spec *spec, const struct ex_call_option *option,
			    const char *value)
{
	long number;

	if (ex_parse_integer(value, option->min, option->max, &number) < 0)
		return -EINVAL;
	spec->expect_level_dbm0 = (int)number;
	spec->expects_level = true;
	return 0;
}

static int set_rate(struct ex_call_spec *spec, const struct ex_call_option *option,
		    const char *value)
{
	char *end;
	double rate = strtod(value, &end);

	(void)option;
	if (end == value || (*end && strcmp(end, "/s")) || !(rate > 0) || rate > 10000)
		return -EINVAL;
	spec->rate = rate;
	return 0;
}

#define AT(member) .offset = offsetof(struct ex_call_spec, member)
const struct ex_call_option ex_call_options[] = {
	{ "to", "DIGITS", "called number", set_number, AT(info.called.number) },
	{ "from", "DIGITS", "calling number", set_number, AT(info.calling.number) },
	{ "span", "NAME[,NAME…]", "spans to call on, in turn (all)", set_text, AT(spans),
	  .max = 255 },
	{ "to-type", "TYPE", "type of the called number", set_octet_choice,
	  AT(info.called.number.type), .choices = ex_type_choices + 1 },
	{ "to-plan", "PLAN", "its numbering plan (isdn)", set_octet_choice,
	  AT(info.called.number.plan), .choices = ex_numbering_choices },
	{ "from-type", "TYPE", "type of the calling number", set_octet_choice,
	  AT(info.calling.number.type), .choices = ex_type_choices + 1 },
	{ "from-plan", "PLAN", "its numbering plan (isdn)", set_octet_choice,
	  AT(info.calling.number.plan), .choices = ex_numbering_choices },
	{ "presentation", "WORD", "presentation of the calling number", set_octet_choice,
	  AT(info.calling.number.presentation), .choices = ex_presentation_choices + 1 },
	{ "screening", "WORD", "screening of the calling number", set_octet_choice,
	  AT(info.calling.number.screening), .choices = ex_screening_choices + 1 },
	{ "second-from", "DIGITS", "second calling number (ETS 300 092)", set_number,
	  AT(info.calling.second) },
	{ "second-type", "TYPE", "its type of number", set_octet_choice,
	  AT(info.calling.second.type), .choices = ex_type_choices + 1 },
	{ "second-presentation", "WORD", "its presentation", set_octet_choice,
	  AT(info.calling.second.presentation), .choices = ex_presentation_choices + 1 },
	{ "second-screening", "WORD", "its screening", set_octet_choice,
	  AT(info.calling.second.screening), .choices = ex_screening_choices + 1 },
	{ "redirecting", "DIGITS", "redirecting number", set_number, AT(info.redirecting.number) },
	{ "redirecting-type", "TYPE", "its type of number", set_octet_choice,
	  AT(info.redirecting.number.type), .choices = ex_type_choices + 1 },
	{ "redirecting-presentation", "WORD", "its presentation", set_octet_choice,
	  AT(info.redirecting.number.presentation), .choices = ex_presentation_choices + 1 },
	{ "redirecting-reason", "N", "reason for redirection (Q.931 4.6.7)", set_octet,
	  AT(info.redirecting_reason), .min = 0, .max = 15 },
	{ "capability", "WORD", "information transfer capability (speech)", set_octet_choice,
	  AT(info.capability), .choices = ex_capability_choices },
	{ "law", "alaw|ulaw", "layer 1 protocol of the bearer (alaw)", set_law, AT(info.law) },
	{ "bearer", "HEX", "bearer capability as it stands", set_raw, AT(info.bearer) },
	{ "hlc", "HEX", "high layer compatibility", set_raw, AT(info.hlc) },
	{ "llc", "HEX", "low layer compatibility", set_raw, AT(info.llc) },
	{ "user-user", "HEX", "user-user element", set_raw, AT(info.user_user) },
	{ "progress", "N[,N…]", "progress descriptions in SETUP", set_progress, AT(info.progress) },
	{ "display", "TEXT", "display element", set_text, AT(info.display), .max = 82 },
	{ "name", "TEXT", "name of the caller", set_text, AT(info.calling.name),
	  .max = PARTY_NAME - 1 },
	{ "keypad", "DIGITS", "keypad facility", set_text, AT(info.keypad), .max = 32 },
	{ "sending-complete", "on|off", "sending complete element (on)", set_flag,
	  AT(info.sending_complete) },
	{ "media", "KIND", "silence, tone[:HZ[:DBM0]], echo, prbs (= echo-check) (silence)",
	  set_media, AT(media) },
	{ "hold", "TIME", "from answer to hang-up; 0s: the far end clears (5s)", set_duration,
	  AT(hold_ms) },
	{ "listen", "TIME", "to an announcement in DISCONNECT, at most (10s)", set_duration,
	  AT(listen_ms) },
	{ "ring", "TIME", "at most without an answer, then hang up (3min)", set_duration,
	  AT(ring_ms) },
	{ "abandon-after", "TIME", "hang up this long after SETUP, answered or not",
	  set_abandon_after, AT(abandon_ms) },
	{ "abandon-at", "EVENT", "hang up as this comes", set_abandon_at, AT(abandon_at),
	  .choices = event_choices },
	{ "hangup-cause", "N", "cause of our clearing (16)", set_octet, AT(hangup.value), .min = 1,
	  .max = 127 },
	{ "hangup-location", "WORD", "its location (user)", set_octet_choice, AT(hangup.location),
	  .choices = ex_location_choices },
	{ "expect-cause", "N", "the call must end with this cause", set_expect_cause,
	  AT(expect_cause), .min = 1, .max = 127 },
	{ "expect-location", "WORD", "and with this location", set_int_choice, AT(expect_location),
	  .choices = ex_location_choices },
	{ "expect-level", "DBM0", "a tone of this level must be heard, within 1 dB",
	  set_expect_level, .min = -60, .max = 3 },
	{ "expect-octets", "N", "least octets that must come back (1)", set_unsigned,
	  AT(least_octets), .min = 1, .max = 1000000000 },
	{ "rate", "R", "calls per second (10)", set_rate, AT(rate), .load = true },
	{ "calls", "N", "how many (1)", set_unsigned, AT(calls), .min = 1, .max = 10000000,
	  .load = true },
	{ "limit", "N", "at most so many at once (no limit)", set_unsigned, AT(limit), .min = 1,
	  .max = 100000, .load = true },
	{ "detail", "on|off", "every call's messages in the result (on up to 50 calls)", set_detail,
	  AT(detail), .load = true },
};
const size_t ex_call_option_count = sizeof(ex_call_options) / sizeof(*ex_call_options);

void ex_call_spec_init(struct ex_call_spec *spec)
{
	*spec = (struct ex_call_spec){
		.hz = 1004, .level_dbm0 = -16,
		.hold_ms = 5000, .listen_ms = 10000, .ring_ms = 180000,
		.hangup = { Q850_NORMAL_CLEARING, Q850_LOC_USER },
		.expect_cause = EX_ANY, .expect_location = EX_ANY, .least_octets = 1,
		.rate = 10, .calls = 1,
	};
	spec->info.capability = ISDN_SPEECH;
	spec->info.law = CONF_ALAW;
	spec->info.sending_complete = true;
	spec->info.called.number.plan = spec->info.calling.number.plan = PLAN_ISDN;
	spec->info.calling.second.plan = spec->info.redirecting.number.plan = PLAN_ISDN;
}

static int explain(const struct ex_call_option *option, const char *value, char *why)
{
	char choices[160] = "";

	if (option->choices)
		ex_choice_list(option->choices, choices, sizeof(choices));
	snprintf(why, WHY, "%s: '%.60s' is not accepted; %s%s%s", option->name, value, option->help,
		 choices[0] ? ": " : "", choices);
	return -EINVAL;
}

static int explain_unknown(const char *name, char *why)
{
	struct ex_nearest nearest = { 0 };

	for (size_t i = 0; i < ex_call_option_count; i++)
		ex_nearest(&nearest, name, ex_call_options[i].name);
	snprintf(why, WHY, "unknown option '%.60s'; the nearest is '%s'", name, nearest.name);
	return -ENOENT;
}

int ex_call_spec_set(struct ex_call_spec *spec, const char *name, const char *value, char *why)
{
	for (size_t i = 0; i < ex_call_option_count; i++) {
		const struct ex_call_option *option = &ex_call_options[i];

		if (strcmp(option->name, name))
			continue;
		return option->set(spec, option, value) < 0 ? explain(option, value, why) : 0;
	}
	return explain_unknown(name, why);
}

int ex_call_spec_check(struct ex_call_spec *spec, char *why)
{
	if (!spec->detail_given)
		spec->detail = spec->calls <= DETAIL_CALLS;
	if (spec->info.called.number.present || spec->info.keypad[0])
		return 0;
	snprintf(why, WHY, "no called number: 'to' is needed");
	return -EINVAL;
}
