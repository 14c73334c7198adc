/* SPDX-License-Identifier: GPL-2.0-only */
/* The checks find out which step each one is: the schema fills a member per key, and the place
 * tells which was written. */
#include "tdm/exchange/plan.h"

#include "base/mem.h"

#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>

static const char *const step_names[EX_STEP_COUNT] = {
	[EX_STEP_PROCEEDING] = "proceeding",
	[EX_STEP_ALERTING] = "alerting",
	[EX_STEP_PROGRESS] = "progress",
	[EX_STEP_CONNECT] = "connect",
	[EX_STEP_DISCONNECT] = "disconnect",
	[EX_STEP_RELEASE] = "release",
	[EX_STEP_WAIT] = "wait",
	[EX_STEP_PLAY] = "play",
	[EX_STEP_ECHO] = "echo",
	[EX_STEP_PRBS] = "prbs",
	[EX_STEP_SILENCE] = "silence",
	[EX_STEP_EXPECT] = "expect",
	[EX_STEP_IGNORE] = "ignore",
};

const char *ex_step_name(enum ex_step_kind kind)
{
	return step_names[kind];
}

/* What a bare word means, in full. */
static void default_of_word(struct ex_step *step)
{
	switch (step->kind) {
	case EX_STEP_DISCONNECT:
	case EX_STEP_RELEASE:
		step->messages[step->kind].cause = Q850_NORMAL_CLEARING;
		step->messages[step->kind].location = Q850_LOC_PUBLIC_LOCAL;
		break;
	case EX_STEP_PLAY: /* O.133's test tone */
		step->play.hz = 1004;
		step->play.level_dbm0 = -16;
		break;
	case EX_STEP_PROCEEDING:
	case EX_STEP_ALERTING:
	case EX_STEP_PROGRESS:
	case EX_STEP_CONNECT:
	case EX_STEP_WAIT:
	case EX_STEP_ECHO:
	case EX_STEP_PRBS:
	case EX_STEP_SILENCE:
	case EX_STEP_EXPECT:
	case EX_STEP_IGNORE:
	case EX_STEP_COUNT:
		break;
	}
}

/* A body that is not there has the place of its step; one that is stands behind its key. */
static bool is_written(const struct ex_step *step, struct conf_place body)
{
	return body.line != step->place.line || body.column != step->place.column;
}

/* A word or key that nobody knows is a fault of its own, and leaves no step. */
static bool told_already(const struct conf_document *document, struct conf_place place)
{
	for (size_t i = 0; i < conf_fault_count(document); i++)
		if (conf_fault_at(document, i)->place.line == place.line)
			return true;
	return false;
}

static unsigned note_kind(struct ex_step *step, enum ex_step_kind kind, bool written)
{
	if (written)
		step->kind = kind;
	return written;
}

static bool is_hex(const char *text)
{
	return text[strspn(text, "0123456789abcdefABCDEF")] == '\0' && strlen(text) % 2 == 0;
}

static void check_hex(struct conf_document *document, char *const *text)
{
	if (*text && !is_hex(*text))
		conf_fault(document, conf_place_of(document, text),
			   "'%s' is no sequence of octets in hex; an even number of 0-9 a-f is "
			   "accepted",
			   *text);
}

static void check_expression(struct conf_document *document, char *const *text)
{
	char why[128];
	regex_t regex;
	int rc = *text ? regcomp(&regex, *text, REG_EXTENDED | REG_NOSUB) : 0;

	if (rc) {
		regerror(rc, &regex, why, sizeof(why));
		conf_fault(document, conf_place_of(document, text),
			   "'%s': %s; an extended regular expression is accepted", *text, why);
	} else if (*text) {
		regfree(&regex);
	}
}

static void check_step(struct conf_document *document, struct ex_step *step)
{
	unsigned found = 0;
	bool word = conf_place_of(document, &step->word).line != 0;

	for (unsigned kind = 0; kind < EX_MESSAGES; kind++) {
		found += note_kind(step, kind, is_written(step, step->messages[kind].place));
		check_hex(document, &step->messages[kind].diagnostics);
		check_hex(document, &step->messages[kind].user_user);
	}
	found += note_kind(step, EX_STEP_WAIT, conf_place_of(document, &step->wait_ms).line != 0);
	found += note_kind(step, EX_STEP_PLAY, is_written(step, step->play.place));
	found += note_kind(step, EX_STEP_EXPECT, is_written(step, step->expect.place));
	found += word;
	if (word) {
		step->kind = (enum ex_step_kind)step->word;
		default_of_word(step);
	}
	if (found > 1 || (!found && !told_already(document, step->place)))
		conf_fault(document, step->place,
			   "%s; a step is one of proceeding, alerting, progress, connect, "
			   "disconnect, release, wait, "
			   "play, echo, prbs, silence, expect, ignore",
			   found ? "several steps in one" : "no step");
	check_expression(document, &step->expect.calling);
	check_expression(document, &step->expect.called);
	check_expression(document, &step->expect.redirecting);
}

static void check_steps(struct conf_document *document, struct ex_step *steps, size_t count)
{
	for (size_t i = 0; i < count; i++)
		check_step(document, &steps[i]);
	for (size_t i = 0; i + 1 < count; i++)
		if (steps[i].kind == EX_STEP_RELEASE || steps[i].kind == EX_STEP_IGNORE)
			conf_fault(document, steps[i + 1].place,
				   "never reached: the call ends with '%s' before it",
				   ex_step_name(steps[i].kind));
}

static void check_pattern(struct conf_document *document, struct ex_number *number)
{
	size_t digits = number->called ? strspn(number->called, "0123456789ABCD#Xx+") : 0;

	if (number->called && strcmp(number->called + digits, "") &&
	    strcmp(number->called + digits, "*"))
		conf_fault(
			document, conf_place_of(document, &number->called),
			"'%s': digits, X for any digit, and * at the end for any rest are accepted",
			number->called);
}

/* Does `wide` take all numbers that `narrow` takes? Sure yes or maybe no. */
static bool pattern_covers(const char *wide, const char *narrow)
{
	for (; *wide && *wide != '*'; wide++, narrow++) {
		bool any = (*wide == 'X' || *wide == 'x') && *narrow && *narrow != '*';

		if (*wide != *narrow && !any)
			return false;
	}
	return *wide == '*' || !*narrow;
}

static void check_reachable(struct conf_document *document, const struct ex_plan *plan,
			    size_t index)
{
	const struct ex_number *number = &plan->numbers[index];

	for (size_t i = 0; i < index; i++) {
		const struct ex_number *before = &plan->numbers[i];

		if (!before->called || !number->called || before->span ||
		    !pattern_covers(before->called, number->called))
			continue;
		conf_fault(document, number->place,
			   "'%s' is never reached: '%s' on line %u takes all of it", number->called,
			   before->called, before->place.line);
		return;
	}
}

void ex_plan_check(struct conf_document *document, void *into)
{
	struct ex_plan *plan = into;

	for (size_t i = 0; i < plan->scenario_count; i++)
		check_steps(document, plan->scenarios[i].steps, plan->scenarios[i].step_count);
	for (size_t i = 0; i < plan->number_count; i++) {
		struct ex_number *number = &plan->numbers[i];

		check_pattern(document, number);
		check_reachable(document, plan, i);
		check_steps(document, number->steps, number->step_count);
		if (!number->scenario == !number->step_count)
			conf_fault(document, number->place,
				   "%s; either 'scenario' or 'steps' is accepted",
				   number->scenario ? "a scenario and steps" : "no behaviour");
	}
}

int ex_plan_load(struct ex_plan *plan, const char *path)
{
	struct conf_document *document = NULL;
	struct ex_plan read = { 0 };
	struct conf_section section = { &ex_plan_schema, &read, ex_plan_check };
	int rc = conf_read_file(&document, path);

	if (rc < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(-rc));
		return rc;
	}
	rc = conf_load(document, &section, 1);
	if (rc == -EINVAL)
		conf_fault_print(document, stderr);
	if (rc >= 0)
		*plan = read;
	conf_document_destroy(&document);
	return rc;
}

void ex_plan_free(struct ex_plan *plan)
{
	conf_free(&ex_plan_schema, plan);
}

bool ex_pattern_fits(const char *pattern, const char *digits)
{
	for (; *pattern && *pattern != '*'; pattern++, digits++) {
		bool any = (*pattern == 'X' || *pattern == 'x') && *digits >= '0' && *digits <= '9';

		if (*pattern != *digits && !any)
			return false;
	}
	return *pattern == '*' || !*digits;
}

static const struct ex_scenario *scenario_by_name(const struct ex_plan *plan, const char *name)
{
	for (size_t i = 0; i < plan->scenario_count; i++)
		if (!strcmp(plan->scenarios[i].name, name))
			return &plan->scenarios[i];
	return NULL;
}

bool ex_plan_find(const struct ex_plan *plan, const char *span, const char *called,
		  struct ex_steps *out)
{
	for (size_t i = 0; i < plan->number_count; i++) {
		const struct ex_number *number = &plan->numbers[i];
		const struct ex_scenario *scenario =
			number->scenario ? scenario_by_name(plan, number->scenario) : NULL;

		if ((number->span && strcmp(number->span, span)) ||
		    !ex_pattern_fits(number->called, called))
			continue;
		if (scenario)
			*out = (struct ex_steps){ scenario->steps, scenario->step_count,
						  scenario->name };
		else
			*out = (struct ex_steps){ number->steps, number->step_count,
						  number->called };
		return true;
	}
	return false;
}
