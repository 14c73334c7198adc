/* SPDX-License-Identifier: GPL-2.0-only */
#include "tdm/exchange/command.h"

#include "base/log.h"
#include "tdm/exchange/names.h"
#include "tdm/exchange/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct command {
	const char *name, *help;
	json_t *(*run)(const struct ex_command_env *env, char **words, unsigned count);
};

int ex_command_words(char *line, char *words[EX_WORDS_MAX])
{
	char *from = line, *to = line;
	int count = 0;

	for (;;) {
		bool quoted = false;

		from += strspn(from, " \t\r\n");
		if (!*from)
			return count;
		if (count == EX_WORDS_MAX)
			return -E2BIG;
		words[count++] = to;
		for (; *from && (quoted || !strchr(" \t\r\n", *from)); from++) {
			if (*from == '"')
				quoted = !quoted;
			else
				*to++ = *from;
		}
		if (quoted)
			return -EINVAL;
		if (*from)
			from++;
		*to++ = '\0';
	}
}

json_t *ex_command_error(const char *format, ...)
{
	json_t *object = json_object();
	char text[320];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	json_object_set_new(object, "error", json_string(text));
	return object ? object : json_null();
}

static json_t *done(void)
{
	json_t *object = json_object();

	json_object_set_new(object, "ok", json_true());
	return object;
}

/* "key=value" cut at the sign; NULL when there is none. */
static char *value_of(char *word)
{
	char *sign = strchr(word, '=');

	if (!sign)
		return NULL;
	*sign = '\0';
	return sign + 1;
}

static json_t *unknown_span(const struct ex_exchange *exchange)
{
	char names[256];

	ex_exchange_span_names(exchange, names, sizeof(names));
	return ex_command_error("no such span; there is %s", names);
}

static json_t *run_status(const struct ex_command_env *env, char **words, unsigned count)
{
	(void)words;
	(void)count;
	return ex_status_json(env->exchange);
}

static json_t *run_fault(const struct ex_command_env *env, char **words, unsigned count)
{
	struct ex_fault fault = { 0 };
	char why[256];
	int rc;

	for (unsigned i = 0; i < count; i++)
		if (ex_fault_parse(&fault, words[i], why) < 0)
			return ex_command_error("%s", why);
	if (ex_fault_is_empty(&fault))
		return ex_command_error("no fault given; 'help' shows them");
	rc = ex_exchange_fault(env->exchange, &fault);
	if (rc == -ENOENT)
		return ex_command_error("no line '%s'", fault.line);
	return rc < 0 ? ex_command_error("%s", strerror(-rc)) : done();
}

static json_t *set_stop(const struct ex_command_env *env, char **words, unsigned count, bool stop)
{
	struct ex_fault fault = { .stop = true, .set.stop = stop };
	char why[256];
	int rc;

	for (unsigned i = 0; i < count; i++)
		if (ex_fault_parse(&fault, words[i], why) < 0)
			return ex_command_error("%s", why);
	rc = ex_exchange_fault(env->exchange, &fault);
	return rc < 0 ? ex_command_error("%s", rc == -ENOENT ? "no such line" : strerror(-rc))
		      : done();
}

static json_t *run_stop(const struct ex_command_env *env, char **words, unsigned count)
{
	return set_stop(env, words, count, true);
}

static json_t *run_start(const struct ex_command_env *env, char **words, unsigned count)
{
	return set_stop(env, words, count, false);
}

static json_t *run_restart(const struct ex_command_env *env, char **words, unsigned count)
{
	const char *span = NULL;
	long timeslot = 0;
	int rc;

	for (unsigned i = 0; i < count; i++) {
		char *value = value_of(words[i]);

		if (value && !strcmp(words[i], "span"))
			span = value;
		else if (!value || strcmp(words[i], "timeslot") ||
			 (strcmp(value, "all") &&
			  ex_parse_integer(value, 1, E1_TIMESLOTS - 1, &timeslot) < 0))
			return ex_command_error(
				"'%s' or its value is unknown; span=NAME, timeslot=1…31 or "
				"timeslot=all are accepted", words[i]);
	}
	rc = ex_exchange_restart(env->exchange, span, (unsigned)timeslot);
	if (rc == -ENOENT)
		return unknown_span(env->exchange);
	return rc < 0 ? ex_command_error("%s", rc == -ENOTCONN ? "layer 2 is down" : strerror(-rc))
		      : done();
}

static json_t *run_hangup(const struct ex_command_env *env, char **words, unsigned count)
{
	long id = 0, cause = Q850_NORMAL_CLEARING;
	int location = Q850_LOC_PUBLIC_LOCAL;
	json_t *object;

	for (unsigned i = 0; i < count; i++) {
		char *value = value_of(words[i]);
		bool good = value && ((!strcmp(words[i], "call") &&
				       ex_parse_integer(value, 1, INT32_MAX, &id) == 0) ||
				      (!strcmp(words[i], "cause") &&
				       ex_parse_integer(value, 1, 127, &cause) == 0) ||
				      (!strcmp(words[i], "location") &&
				       ex_choice_value(ex_location_choices, value, &location)));

		if (!good && strcmp(words[i], "all"))
			return ex_command_error(
				"'%s' or its value is unknown; call=N or all, cause=1…127, "
				"location=WORD are accepted", words[i]);
	}
	object = done();
	json_object_set_new(object, "calls", json_integer(ex_exchange_hangup(
		env->exchange, (unsigned)id, q850((uint8_t)cause, (enum q850_location)location))));
	return object;
}

static int read_spec(struct ex_call_spec *spec, unsigned *wait_ms, char **words, unsigned count,
		     char *why)
{
	for (unsigned i = 0; i < count; i++) {
		char *value = value_of(words[i]);
		int rc;

		if (!value) {
			snprintf(why, 256, "'%.60s': key=value is accepted", words[i]);
			return -EINVAL;
		}
		rc = strcmp(words[i], "wait-up") ? ex_call_spec_set(spec, words[i], value, why)
						 : ex_parse_duration(value, wait_ms);
		if (rc < 0)
			return rc;
	}
	return ex_call_spec_check(spec, why);
}

static json_t *run_calls(const struct ex_command_env *env, char **words, unsigned count)
{
	struct ex_call_spec spec;
	struct ex_load *load;
	unsigned wait_ms = 0;
	char why[256] = "wait-up: a time such as 5s is accepted";
	int rc;

	ex_call_spec_init(&spec);
	if (read_spec(&spec, &wait_ms, words, count, why) < 0)
		return ex_command_error("%s", why);
	rc = ex_load_start(&load, env->exchange, &spec, wait_ms, env->load_ops, env->arg);
	if (rc == -ENOENT)
		return unknown_span(env->exchange);
	if (rc < 0)
		return ex_command_error("%s", strerror(-rc));
	env->started(load, env->arg);
	return NULL;
}

static json_t *run_log(const struct ex_command_env *env, char **words, unsigned count)
{
	int level = count == 1 ? log_level_by_name(words[0]) : -1;

	(void)env;
	if (level < 0)
		return ex_command_error("error, warning, notice, info, debug are accepted");
	log_set_level((enum log_level)level);
	return done();
}

static json_t *run_quit(const struct ex_command_env *env, char **words, unsigned count)
{
	(void)words;
	(void)count;
	env->quit(env->arg);
	return done();
}

static json_t *run_help(const struct ex_command_env *env, char **words, unsigned count);

static const struct command commands[] = {
	{ "status", "spans, lines, counters and calls", run_status },
	{ "call",
	  "to=DIGITS [from=DIGITS] [media=KIND] [hold=TIME] …: one call; answers when it has "
	  "ended; options as of "
	  "'e1exchange call --help', and wait-up=TIME",
	  run_calls },
	{ "load", "to=DIGITS calls=N rate=R limit=M …: many calls; answers with the report",
	  run_calls },
	{ "hangup", "[call=N|all] [cause=N] [location=WORD]: clear calls", run_hangup },
	{ "restart", "[span=NAME] [timeslot=N|all]: send RESTART", run_restart },
	{ "fault",
	  "[line=NAME] drop=N stop=on|off start l=on|off r=on|off rdi=on|off ppm=N seed=N "
	  "after=TIME for=TIME "
	  "clear: misbehave",
	  run_fault },
	{ "stop", "[line=NAME] [for=TIME]: send nothing on the line", run_stop },
	{ "start", "[line=NAME]: send again", run_start },
	{ "log", "LEVEL: error, warning, notice, info, debug", run_log },
	{ "quit", "end the exchange", run_quit },
	{ "help", "this", run_help },
};

static json_t *run_help(const struct ex_command_env *env, char **words, unsigned count)
{
	json_t *object = json_object();

	(void)env;
	(void)words;
	(void)count;
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		json_object_set_new(object, commands[i].name, json_string(commands[i].help));
	return object;
}

json_t *ex_command_run(const struct ex_command_env *env, char **words, unsigned count)
{
	struct ex_nearest nearest = { 0 };

	if (!count)
		return ex_command_error("no command; 'help' shows them");
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		if (!strcmp(commands[i].name, words[0]))
			return commands[i].run(env, words + 1, count - 1);
		ex_nearest(&nearest, words[0], commands[i].name);
	}
	return ex_command_error("unknown command '%.60s'; the nearest is '%s'", words[0],
				nearest.name);
}

json_t *ex_command_load_answer(struct ex_load *load)
{
	struct ex_report *report = ex_load_report(load);
	json_t *object = ex_report_json(report, ex_load_seconds(load));
	json_t *one = json_array_size(report->calls) == 1 ? json_array_get(report->calls, 0) : NULL;

	if (one)
		json_object_update_missing(object, one);
	return object ? object : json_null();
}
