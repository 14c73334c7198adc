/* SPDX-License-Identifier: GPL-2.0-only */
/* The plan as it is written. A step is one key with a body, or a bare word where the body needs
 * nothing. */
#include "tdm/exchange/names.h"
#include "tdm/exchange/plan.h"

static const struct schema_choice word_choices[] = {
	{ "proceeding", EX_STEP_PROCEEDING }, { "alerting", EX_STEP_ALERTING }, { "progress",
	  EX_STEP_PROGRESS },
	{ "connect", EX_STEP_CONNECT }, { "disconnect", EX_STEP_DISCONNECT }, { "release",
	  EX_STEP_RELEASE },
	{ "play", EX_STEP_PLAY }, { "echo", EX_STEP_ECHO }, { "prbs", EX_STEP_PRBS },
	{ "silence", EX_STEP_SILENCE }, { "ignore", EX_STEP_IGNORE }, { 0 },
};

#define MESSAGE(member) SCHEMA_AT(struct ex_message, member)

#define PROGRESS_FIELDS \
	{ .key = "inband", .type = SCHEMA_BOOL, MESSAGE(inband), \
	  .help = "progress indicator 8: tones or announcements stand in the channel" }, \
	{ .key = "description", .type = SCHEMA_INTEGER, MESSAGE(description), .min = 0, \
	  .max = 127, \
	  .initial = "0", .help = "another progress indicator (Q.931 4.5.23); 0: none" }, \
	{ .key = "progress-location", .type = SCHEMA_ENUM, MESSAGE(progress_location), \
	  .choices = ex_location_choices, .initial = "public-local", \
	  .help = "location of the indicators" }, \
	{ .key = "display", .type = SCHEMA_STRING, MESSAGE(display), .max = 82, \
	  .help = "display element" }, \
	{ .key = "user-user", .type = SCHEMA_STRING, MESSAGE(user_user), .max = 64, \
	  .help = "user-user element in hex, protocol discriminator first" }

#define CAUSE_FIELDS(value) \
	{ .key = "cause", .type = SCHEMA_INTEGER, MESSAGE(cause), .min = 0, .max = 127, \
	  .initial = (value), \
	  .help = "Q.850 cause value; 0: none" }, \
	{ .key = "location", .type = SCHEMA_ENUM, MESSAGE(location), \
	  .choices = ex_location_choices, \
	  .initial = "public-local", .help = "Q.850 location" }, \
	{ .key = "diagnostics", .type = SCHEMA_STRING, MESSAGE(diagnostics), .max = 62, \
	  .help = "diagnostics of the cause in hex" }

static const struct schema_field plain_fields[] = { PROGRESS_FIELDS, { 0 } };
static const struct schema_field progress_fields[] = { PROGRESS_FIELDS, CAUSE_FIELDS("0"), { 0 } };
static const struct schema_field clearing_fields[] = { CAUSE_FIELDS("16"), PROGRESS_FIELDS, { 0 } };
static const struct schema_field connect_fields[] = {
	PROGRESS_FIELDS,
	{ .key = "connected", .type = SCHEMA_STRING, MESSAGE(connected), .max = NUMBER_DIGITS - 1,
	  .help = "digits of the connected number (Q.951.5)" },
	{ .key = "connected-type", .type = SCHEMA_ENUM, MESSAGE(connected_type),
	  .choices = ex_type_choices + 1,
	  .initial = "unknown", .help = "type of number" },
	{ .key = "connected-plan", .type = SCHEMA_ENUM, MESSAGE(connected_plan),
	  .choices = ex_numbering_choices,
	  .initial = "isdn", .help = "numbering plan" },
	{ .key = "connected-presentation", .type = SCHEMA_ENUM, MESSAGE(connected_presentation),
	  .choices = ex_presentation_choices + 1, .initial = "allowed",
	  .help = "presentation indicator" },
	{ .key = "connected-screening", .type = SCHEMA_ENUM, MESSAGE(connected_screening),
	  .choices = ex_screening_choices + 1, .initial = "network",
	  .help = "screening indicator" },
	{ 0 },
};

#define MESSAGE_SCHEMA(name, of, bare_key) \
	static const struct schema name##_schema = { \
		.what = of, .size = sizeof(struct ex_message), .fields = name##_fields, \
		  .bare = bare_key, \
		.name_offset = SCHEMA_NONE, .place_offset = offsetof(struct ex_message, place), \
	}
MESSAGE_SCHEMA(plain, "message", NULL);
MESSAGE_SCHEMA(progress, "progress message", NULL);
MESSAGE_SCHEMA(clearing, "clearing message", "cause");
MESSAGE_SCHEMA(connect, "connect message", NULL);

static const struct schema_field play_fields[] = {
	{ .key = "tone", .type = SCHEMA_INTEGER, SCHEMA_AT(struct ex_play, hz), .min = 50,
	  .max = 3900,
	  .initial = "1004", .help = "frequency in Hz" },
	{ .key = "level", .type = SCHEMA_INTEGER, SCHEMA_AT(struct ex_play, level_dbm0), .min = -60,
	  .max = 3,
	  .initial = "-16", .help = "level in dBm0" },
	{ 0 },
};
static const struct schema play_schema = {
	.what = "tone", .size = sizeof(struct ex_play), .fields = play_fields, .bare = "tone",
	.name_offset = SCHEMA_NONE, .place_offset = offsetof(struct ex_play, place),
};

#define EXPECT(member) SCHEMA_AT(struct ex_expect, member)
static const struct schema_field expect_fields[] = {
	{ .key = "calling", .type = SCHEMA_STRING, EXPECT(calling), .may_be_empty = true,
	  .help = "extended regular expression that the calling number fits" },
	{ .key = "called", .type = SCHEMA_STRING, EXPECT(called), .may_be_empty = true,
	  .help = "the same for the called number" },
	{ .key = "redirecting", .type = SCHEMA_STRING, EXPECT(redirecting), .may_be_empty = true,
	  .help = "the same for the redirecting number" },
	{ .key = "type", .type = SCHEMA_ENUM, EXPECT(type), .choices = ex_type_choices,
	  .initial = "any",
	  .help = "type of the calling number" },
	{ .key = "presentation", .type = SCHEMA_ENUM, EXPECT(presentation),
	  .choices = ex_presentation_choices,
	  .initial = "any", .help = "presentation indicator of the calling number" },
	{ .key = "screening", .type = SCHEMA_ENUM, EXPECT(screening),
	  .choices = ex_screening_choices,
	  .initial = "any", .help = "screening indicator of the calling number" },
	{ .key = "cause", .type = SCHEMA_INTEGER, EXPECT(cause), .min = 1, .max = 127,
	  .initial = "21",
	  .help = "cause that refuses a call which is not as expected" },
	{ 0 },
};
static const struct schema expect_schema = {
	.what = "expectation", .size = sizeof(struct ex_expect), .fields = expect_fields,
	.name_offset = SCHEMA_NONE, .place_offset = offsetof(struct ex_expect, place),
};

#define STEP_MESSAGE(name, kind, of, text) \
	{ .key = name, .type = SCHEMA_STRUCT, SCHEMA_AT(struct ex_step, messages[kind]), \
	  .schema = &of##_schema, \
	  .help = text }
static const struct schema_field step_fields[] = {
	{ .key = "do", .type = SCHEMA_ENUM, SCHEMA_AT(struct ex_step, word),
	  .choices = word_choices,
	  .help = "a step that needs no more; the plain word means the same" },
	STEP_MESSAGE("proceeding", EX_STEP_PROCEEDING, plain, "send CALL PROCEEDING"),
	STEP_MESSAGE("alerting", EX_STEP_ALERTING, plain, "send ALERTING"),
	STEP_MESSAGE("progress", EX_STEP_PROGRESS, progress, "send PROGRESS"),
	STEP_MESSAGE("connect", EX_STEP_CONNECT, connect, "send CONNECT"),
	STEP_MESSAGE("disconnect", EX_STEP_DISCONNECT, clearing,
	  "send DISCONNECT; a number alone is the cause"),
	STEP_MESSAGE("release", EX_STEP_RELEASE, clearing,
		     "end the call: RELEASE COMPLETE to a SETUP, RELEASE after DISCONNECT"),
	{ .key = "wait", .type = SCHEMA_DURATION, SCHEMA_AT(struct ex_step, wait_ms),
	  .unit = SCHEMA_MS, .min = 0,
	  .max = 86400000, .help = "go on after this time" },
	{ .key = "play", .type = SCHEMA_STRUCT, SCHEMA_AT(struct ex_step, play),
	  .schema = &play_schema,
	  .help = "play a tone until another media step; a number alone is its frequency" },
	{ .key = "expect", .type = SCHEMA_STRUCT, SCHEMA_AT(struct ex_step, expect),
	  .schema = &expect_schema,
	  .help = "refuse the call unless its SETUP is like this" },
	{ 0 },
};
static const struct schema step_schema = {
	.what = "step", .size = sizeof(struct ex_step), .fields = step_fields, .bare = "do",
	.name_offset = SCHEMA_NONE, .place_offset = offsetof(struct ex_step, place),
};
static const struct schema_field step_element = {
	.type = SCHEMA_STRUCT, .size = sizeof(struct ex_step), .schema = &step_schema,
};

static const struct schema_field scenario_fields[] = {
	{ .key = "steps", .type = SCHEMA_LIST, SCHEMA_LIST_AT(struct ex_scenario, steps,
	  step_count),
	  .element = &step_element, .min = 1, .max = 1000, .required = true,
	  .help = "what happens, in order" },
	{ 0 },
};
static const struct schema scenario_schema = {
	.what = "scenario", .kind = "scenario", .size = sizeof(struct ex_scenario),
	  .fields = scenario_fields,
	.bare = "steps", .name_offset = offsetof(struct ex_scenario, name),
	.place_offset = offsetof(struct ex_scenario, place),
};

static const struct schema_field number_fields[] = {
	{ .key = "called", .type = SCHEMA_STRING, SCHEMA_AT(struct ex_number, called),
	  .max = NUMBER_DIGITS,
	  .required = true,
	  .help = "called number: digits, X for any digit, * at the end for any rest" },
	{ .key = "span", .type = SCHEMA_REFERENCE, SCHEMA_AT(struct ex_number, span),
	  .refers = "span",
	  .help = "only for calls on this span" },
	{ .key = "scenario", .type = SCHEMA_REFERENCE, SCHEMA_AT(struct ex_number, scenario),
	  .refers = "scenario",
	  .help = "name of the scenario" },
	{ .key = "steps", .type = SCHEMA_LIST, SCHEMA_LIST_AT(struct ex_number, steps, step_count),
	  .element = &step_element, .min = 0, .max = 1000,
	  .help = "the steps themselves, instead of a scenario" },
	{ 0 },
};
static const struct schema number_schema = {
	.what = "number", .size = sizeof(struct ex_number), .fields = number_fields,
	.name_offset = SCHEMA_NONE, .place_offset = offsetof(struct ex_number, place),
};
static const struct schema_field number_element = {
	.type = SCHEMA_STRUCT, .size = sizeof(struct ex_number), .schema = &number_schema,
};

static const struct schema_field plan_fields[] = {
	{ .key = "scenarios", .type = SCHEMA_MAP, SCHEMA_LIST_AT(struct ex_plan, scenarios,
	  scenario_count),
	  .schema = &scenario_schema, .help = "behaviours by name" },
	{ .key = "numbers", .type = SCHEMA_LIST, SCHEMA_LIST_AT(struct ex_plan, numbers,
	  number_count),
	  .element = &number_element, .max = 10000,
	  .help = "called numbers in order; the first that fits counts" },
	{ 0 },
};
const struct schema ex_plan_schema = {
	.what = "plan", .size = sizeof(struct ex_plan), .fields = plan_fields,
	.name_offset = SCHEMA_NONE, .place_offset = SCHEMA_NONE,
};
