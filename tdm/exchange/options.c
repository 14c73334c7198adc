/* SPDX-License-Identifier: GPL-2.0-only */
#include "tdm/exchange/options.h"

#include "base/log.h"
#include "tdm/exchange/names.h"

#include <errno.h>
#include <string.h>

#define WHY 320

static const char *const verb_names[] = {
	[EX_VERB_RUN] = "run",     [EX_VERB_CALL] = "call", [EX_VERB_CTL] = "ctl",
	[EX_VERB_CHECK] = "check", [EX_VERB_HELP] = "help",
};

struct option {
	const char *name, *argument, *help;
	bool bare; /* the argument may be left out */
	int (*set)(struct ex_options *options, const char *value, char *why);
};

static int set_plan(struct ex_options *o, const char *value, char *why)
{
	(void)why;
	o->plan = value;
	return 0;
}

static int set_control(struct ex_options *o, const char *value, char *why)
{
	(void)why;
	o->control = value;
	return 0;
}

static int set_log_json(struct ex_options *o, const char *value, char *why)
{
	(void)why;
	o->log_json = value;
	return 0;
}

static int set_log_level(struct ex_options *o, const char *value, char *why)
{
	if (log_level_by_name(value) < 0) {
		snprintf(why, WHY, "--log-level: error, warning, notice, info or debug");
		return -EINVAL;
	}
	o->log_level = value;
	return 0;
}

static int set_fault(struct ex_options *o, const char *value, char *why)
{
	if (o->fault_count == EX_FAULTS_MAX) {
		snprintf(why, WHY, "--fault: at most %d", EX_FAULTS_MAX);
		return -EINVAL;
	}
	return ex_fault_parse(&o->faults[o->fault_count++], value, why);
}

static int set_json(struct ex_options *o, const char *value, char *why)
{
	(void)why;
	o->json = true;
	o->json_path = value && strcmp(value, "-") ? value : NULL;
	return 0;
}

static int set_quiet(struct ex_options *o, const char *value, char *why)
{
	(void)why;
	(void)value;
	o->quiet = true;
	return 0;
}

static int set_wait(struct ex_options *o, const char *value, char *why)
{
	snprintf(why, WHY, "--wait-up: a time such as 15s");
	return ex_parse_duration(value, &o->wait_ms);
}

static int set_seed(struct ex_options *o, const char *value, char *why)
{
	long seed;

	snprintf(why, WHY, "--seed: a number from 0 on");
	if (ex_parse_integer(value, 0, INT32_MAX, &seed) < 0)
		return -EINVAL;
	o->spec.seed = (uint64_t)seed * 1000003;
	return 0;
}

static const struct option own_options[] = {
	{ "plan", "FILE", "numbers plan, in place of the configuration's", false, set_plan },
	{ "control", "PATH", "control socket for 'e1exchange ctl'", false, set_control },
	{ "log-json", "FILE", "append a JSON line for every message, call and span event", false,
	  set_log_json },
	{ "log-level", "LEVEL", "error, warning, notice, info, debug (notice)", false,
	  set_log_level },
	{ "fault", "WORDS",
	  "misbehave: drop=PERMILLE stop-after=TIME ppm=N l=on r=on rdi=on after=TIME for=TIME "
	  "line=NAME, separated by commas; may be repeated",
	  false, set_fault },
	{ "json", "FILE",
	  "call: the report as JSON, to the file or (without =FILE) as standard output", true,
	  set_json },
	{ "quiet", NULL, "call: no line per second", true, set_quiet },
	{ "wait-up", "TIME", "call: for the spans to come up (20s)", false, set_wait },
	{ "seed", "N", "call: of the pseudo-random sequences", false, set_seed },
};
#define OWN_COUNT (sizeof(own_options) / sizeof(*own_options))

static const struct option *own_option(const char *name)
{
	for (size_t i = 0; i < OWN_COUNT; i++)
		if (!strcmp(own_options[i].name, name))
			return &own_options[i];
	return NULL;
}

static bool is_call_option(const char *name)
{
	for (size_t i = 0; i < ex_call_option_count; i++)
		if (!strcmp(ex_call_options[i].name, name))
			return true;
	return false;
}

static int unknown(const struct ex_options *o, const char *name, char *why)
{
	struct ex_nearest nearest = { 0 };

	if (is_call_option(name)) {
		snprintf(why, WHY, "--%s: only for 'e1exchange call'", name);
		return -EINVAL;
	}
	for (size_t i = 0; i < OWN_COUNT; i++)
		ex_nearest(&nearest, name, own_options[i].name);
	for (size_t i = 0; o->verb == EX_VERB_CALL && i < ex_call_option_count; i++)
		ex_nearest(&nearest, name, ex_call_options[i].name);
	snprintf(why, WHY, "unknown option '--%.60s'; the nearest is '--%s'", name, nearest.name);
	return -EINVAL;
}

/* One "--name", "--name=value" or "--name value" at argv[*at]. */
static int take_option(struct ex_options *o, int argc, char **argv, int *at, char *why)
{
	char name[40];
	const char *text = argv[*at] + 2, *value = strchr(text, '=');
	const struct option *own;

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(text, "="), text);
	value = value ? value + 1 : NULL;
	own = own_option(name);
	if (own && own->bare)
		return own->set(o, value, why);
	if (!own && (o->verb != EX_VERB_CALL || !is_call_option(name)))
		return unknown(o, name, why);
	if (!value && *at + 1 < argc)
		value = argv[++*at];
	if (!value) {
		snprintf(why, WHY, "--%s: its value is missing", name);
		return -EINVAL;
	}
	return own ? own->set(o, value, why) : ex_call_spec_set(&o->spec, name, value, why);
}

static int take_verb(struct ex_options *o, int argc, char **argv, char *why)
{
	struct ex_nearest nearest = { 0 };
	const char *verb = argc > 1 ? argv[1] : "--help";

	o->verb = EX_VERB_HELP;
	if (!strcmp(verb, "--help") || !strcmp(verb, "-h"))
		return 0;
	if (!strcmp(verb, "--version")) {
		o->verb = EX_VERB_VERSION;
		return 0;
	}
	for (unsigned i = 0; i < sizeof(verb_names) / sizeof(*verb_names); i++) {
		if (!strcmp(verb_names[i], verb)) {
			o->verb = (enum ex_verb)i;
			return 0;
		}
		ex_nearest(&nearest, verb, verb_names[i]);
	}
	snprintf(why, WHY, "unknown command '%.60s'; the nearest is '%s'", verb, nearest.name);
	return -EINVAL;
}

static int take_rest(struct ex_options *o, int argc, char **argv, char *why)
{
	int rc = 0;

	for (int at = 2; rc == 0 && at < argc; at++) {
		if (!strcmp(argv[at], "--help") || !strcmp(argv[at], "-h")) {
			o->help_about = verb_names[o->verb];
			o->verb = EX_VERB_HELP;
			return 0;
		}
		if (o->path && o->verb == EX_VERB_CTL) {
			o->words = argv + at;
			o->word_count = (unsigned)(argc - at);
			return 0;
		}
		if (!strncmp(argv[at], "--", 2)) {
			rc = take_option(o, argc, argv, &at, why);
		} else if (!o->path) {
			o->path = argv[at];
		} else {
			snprintf(why, WHY, "'%.60s': one argument too many", argv[at]);
			rc = -EINVAL;
		}
	}
	return rc;
}

int ex_options_parse(struct ex_options *o, int argc, char **argv, char *why)
{
	int rc;

	*o = (struct ex_options){ .wait_ms = 20000 };
	ex_call_spec_init(&o->spec);
	rc = take_verb(o, argc, argv, why);
	if (rc < 0 || o->verb == EX_VERB_VERSION)
		return rc;
	if (o->verb == EX_VERB_HELP) {
		o->help_about = argc > 2 ? argv[2] : NULL;
		return 0;
	}
	rc = take_rest(o, argc, argv, why);
	if (rc < 0 || o->verb == EX_VERB_HELP)
		return rc;
	if (!o->path || (o->verb == EX_VERB_CTL && !o->word_count)) {
		snprintf(why, WHY, "%s is missing",
			 !o->path ? o->verb == EX_VERB_CTL ? "the socket's path"
							   : "the configuration file"
				  : "the command");
		return -EINVAL;
	}
	return o->verb == EX_VERB_CALL ? ex_call_spec_check(&o->spec, why) : 0;
}

static void help_line(const char *name, const char *argument, const char *help, FILE *to)
{
	char left[64];

	snprintf(left, sizeof(left), "--%s%s%s", name, argument ? " " : "",
		 argument ? argument : "");
	fprintf(to, "  %-32s %s\n", left, help);
}

static void help_choices(const struct schema_choice *choices, FILE *to)
{
	char text[160];

	ex_choice_list(choices, text, sizeof(text));
	fprintf(to, "  %-32s   %s\n", "", text);
}

static void help_options(FILE *to)
{
	fprintf(to, "\nOptions:\n");
	for (size_t i = 0; i < OWN_COUNT; i++)
		help_line(own_options[i].name, own_options[i].argument, own_options[i].help, to);
}

static void help_calls(bool load, FILE *to)
{
	for (size_t i = 0; i < ex_call_option_count; i++) {
		const struct ex_call_option *option = &ex_call_options[i];

		if (option->load != load)
			continue;
		help_line(option->name, option->argument, option->help, to);
		if (option->choices)
			help_choices(option->choices, to);
	}
}

void ex_options_help(const char *about, FILE *to)
{
	fprintf(to, "e1exchange: the network side of an E1. It answers calls by a numbers plan and "
		    "makes them.\n\n"
		    "  e1exchange run CONFIG [options]              answer calls until SIGTERM\n"
		    "  e1exchange call CONFIG --to DIGITS [options] make calls and report; the "
		    "plan answers others meanwhile\n"
		    "  e1exchange ctl SOCKET COMMAND…               ask a running exchange; "
		    "COMMAND 'help' lists them\n"
		    "  e1exchange check CONFIG                      read configuration and plan, "
		    "and say what is wrong\n"
		    "  e1exchange help call                         all options of calls\n");
	help_options(to);
	if (about && !strcmp(about, "call")) {
		fprintf(to, "\nOptions of a call (in 'ctl' the same as key=value):\n");
		help_calls(false, to);
		fprintf(to, "\nMany calls:\n");
		help_calls(true, to);
	}
	fprintf(to, "\nExit status: 0 all calls ended as expected; 1 not all did, or the other end "
		    "said no; "
		    "2 wrong command line or configuration.\n");
}
