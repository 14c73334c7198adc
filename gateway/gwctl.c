/* SPDX-License-Identifier: GPL-2.0-only */
/* The command line: options anywhere, a command of one or two words, its arguments. */
#include "gateway/gwctl_private.h"

#include "conf/suggest.h"

#include <errno.h>
#include <string.h>

static const struct gwctl_command commands[] = {
	{ "status", "", 0, 0, 0, gwctl_status, "the gateway at a glance: calls, spans, trunks, what went wrong" },
	{ "call list", "", 0, 0, GWCTL_FINISHED, gwctl_call_list,
	  "calls in progress; --finished: those that have ended and whose messages are kept" },
	{ "call show", "ID", 1, 1, 0, gwctl_call_show, "one call: numbers as received, normalized and sent; attempts" },
	{ "call trace", "ID|last", 1, 1, 0, gwctl_call_trace,
	  "the ladder of a call, also of one that has ended: SIP and Q.931 on one time axis" },
	{ "call hangup", "ID", 1, 1, 0, gwctl_call_hangup, "end a call" },
	{ "span list", "", 0, 0, 0, gwctl_span_list, "ISDN spans and their state" },
	{ "span show", "NAME", 1, 1, 0, gwctl_span_show, "one span: a map of its timeslots, the calls on it, counters" },
	{ "trunk list", "", 0, 0, 0, gwctl_trunk_list, "SIP trunks and their state" },
	{ "route test", "NUMBER --from TRUNK|SPAN [--calling NUMBER] [--type TYPE]", 1, 1,
	  GWCTL_FROM | GWCTL_CALLING | GWCTL_TYPE, gwctl_route_test, "where a call would go and why, step by step, without calling" },
	{ "config check", "FILE", 1, 1, 0, gwctl_config_check, "all faults of a gateway.yaml; needs no daemon" },
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const char *const options[] = { "--json", "--socket", "--help", "--version", "--colour", "--color", "--from",
				       "--calling", "--finished", "--type", NULL };

static const char *option_at(const void *list, size_t i)
{
	(void)list;
	return options[i];
}

static const char *command_at(const void *list, size_t i)
{
	(void)list;
	return i < COMMANDS ? commands[i].words : NULL;
}

/* ---- Help ---- */

static void print_options(const struct gwctl *g)
{
	fprintf(g->out,
		"\nOptions:\n"
		"  --json            what the API says, as JSON; errors too, on standard error\n"
		"  --socket PATH     of gatewayd; default: $CAUSEWAY_SOCKET, else " GWCTL_SOCKET "\n"
		"  --colour WHEN     auto (on a terminal; the default), always, never\n"
		"  --help            this, or with a command: what it does\n"
		"  --version\n"
		"\nExit codes: 0 done; 1 no such thing, or no route; 2 wrong command line or faulty configuration;\n"
		"3 gatewayd can't be reached; 4 it failed to answer.\n");
}

static void print_help(const struct gwctl *g)
{
	fprintf(g->out, "gwctl asks and steers gatewayd.\n\nUsage: gwctl [OPTION…] COMMAND [ARGUMENT…]\n\n");
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(g->out, "  %s%s%s %s\n      %s\n", tint_on(g, TINT_BOLD), commands[i].words,
			tint_off(g, TINT_BOLD), commands[i].arguments, commands[i].help);
	print_options(g);
}

static void print_command_help(const struct gwctl *g)
{
	fprintf(g->out, "Usage: gwctl %s %s\n\n%s\n", g->command->words, g->command->arguments, g->command->help);
	print_options(g);
}

/* ---- Options ---- */

/* The value of an option: behind "=", or the next word. NULL after a complaint. */
static const char *value_of(struct gwctl *g, const char *name, const char *equals, int *at, int argc,
			    const char *const *argv)
{
	if (equals)
		return equals + 1;
	if (*at + 1 < argc)
		return argv[++*at];
	gwctl_complain(g, GWCTL_USAGE, "usage", "%s needs a value", name);
	return NULL;
}

static int set_colour(struct gwctl *g, const char *when)
{
	if (strcmp(when, "always") == 0)
		g->colour = true;
	else if (strcmp(when, "never") == 0)
		g->colour = false;
	else if (strcmp(when, "auto") != 0)
		return gwctl_complain(g, GWCTL_USAGE, "usage", "--colour is auto, always or never");
	return GWCTL_DONE;
}

static int set_valued(struct gwctl *g, const char *name, const char *value)
{
	if (!value)
		return GWCTL_USAGE;
	if (!value[0] && strcmp(name, "--calling") != 0)
		return gwctl_complain(g, GWCTL_USAGE, "usage", "%s needs a value; that one is empty", name);
	if (strcmp(name, "--socket") == 0)
		g->socket = value;
	else if (strcmp(name, "--from") == 0)
		g->from = value;
	else if (strcmp(name, "--calling") == 0)
		g->calling = value;
	else if (strcmp(name, "--type") == 0)
		g->type = value;
	else
		return set_colour(g, value);
	return GWCTL_DONE;
}

static int unknown_option(struct gwctl *g, const char *name)
{
	const char *nearest = suggest_nearest(name, option_at, NULL);

	if (nearest)
		return gwctl_complain(g, GWCTL_USAGE, "usage", "there is no option %s; did you mean %s?", name, nearest);
	return gwctl_complain(g, GWCTL_USAGE, "usage", "there is no option %s; `gwctl --help` lists all. Behind -- a word "
			      "may begin with -", name);
}

static bool *flag_of(struct gwctl *g, const char *name)
{
	const struct {
		const char *name;
		bool *flag;
	} flags[] = {
		{ "--json", &g->json }, { "--finished", &g->finished }, { "--help", &g->help }, { "-h", &g->help },
		{ "--version", &g->version }, { "-V", &g->version },
	};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (strcmp(name, flags[i].name) == 0)
			return flags[i].flag;
	return NULL;
}

static int read_option(struct gwctl *g, int *at, int argc, const char *const *argv)
{
	static const char *const valued[] = { "--socket", "--from", "--calling", "--type", "--colour", "--color" };
	const char *equals = strchr(argv[*at], '=');
	char name[64];
	bool *flag;

	snprintf(name, sizeof(name), "%.*s", equals ? (int)(equals - argv[*at]) : 63, argv[*at]);
	for (size_t i = 0; i < sizeof(valued) / sizeof(valued[0]); i++)
		if (strcmp(name, valued[i]) == 0)
			return set_valued(g, name, value_of(g, name, equals, at, argc, argv));
	flag = flag_of(g, name);
	if (!flag)
		return unknown_option(g, name);
	if (equals)
		return gwctl_complain(g, GWCTL_USAGE, "usage", "%s takes no value", name);
	*flag = true;
	return GWCTL_DONE;
}

static int read_words(struct gwctl *g, int argc, const char *const *argv)
{
	bool only_words = false;
	int rc = GWCTL_DONE;

	for (int i = 1; rc == GWCTL_DONE && i < argc; i++) {
		if (!only_words && strcmp(argv[i], "--") == 0)
			only_words = true;
		else if (!only_words && argv[i][0] == '-' && argv[i][1])
			rc = read_option(g, &i, argc, argv);
		else if (g->word_count == GWCTL_WORDS)
			rc = gwctl_complain(g, GWCTL_USAGE, "usage", "too many words; `gwctl --help` shows what there is");
		else
			g->words[g->word_count++] = argv[i];
	}
	return rc;
}

/* ---- Commands ---- */

/* How many words of the line are this command; 0: it is another. */
static unsigned words_taken(const struct gwctl *g, const struct gwctl_command *command)
{
	const char *blank = strchr(command->words, ' ');
	size_t first = blank ? (size_t)(blank - command->words) : strlen(command->words);

	if (g->word_count < 1 + (blank != NULL) || strlen(g->words[0]) != first ||
	    strncmp(g->words[0], command->words, first) != 0)
		return 0;
	if (blank && strcmp(g->words[1], blank + 1) != 0)
		return 0;
	return blank ? 2 : 1;
}

/* Is the word the first of commands of two, such as "call"? */
static bool is_group(const char *word, const struct gwctl_command *command)
{
	size_t n = strlen(word);

	return strncmp(command->words, word, n) == 0 && command->words[n] == ' ';
}

static void print_group(const struct gwctl *g)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (is_group(g->words[0], &commands[i]))
			fprintf(g->out, "  gwctl %s%s%s\n      %s\n", commands[i].words,
				commands[i].arguments[0] ? " " : "", commands[i].arguments, commands[i].help);
}

/* "call", and nothing behind it. */
static int half_a_command(struct gwctl *g)
{
	char known[400] = "";
	size_t used = 0;

	if (g->help) {
		print_group(g);
		return GWCTL_DONE;
	}
	for (size_t i = 0; i < COMMANDS && used < sizeof(known); i++)
		if (is_group(g->words[0], &commands[i]))
			used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s", used ? ", " : "",
						 commands[i].words);
	return gwctl_complain(g, GWCTL_USAGE, "usage", "\"%s\" needs another word: %s", g->words[0], known);
}

/* "calls", "spans", "trunk": the first command of that group. */
static const char *of_group(const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i < COMMANDS; i++) {
		size_t first = strcspn(commands[i].words, " ");

		if (commands[i].words[first] && strncmp(word, commands[i].words, first) == 0 &&
		    (n == first || (n == first + 1 && word[first] == 's')))
			return commands[i].words;
	}
	return NULL;
}

static int unknown_command(struct gwctl *g)
{
	char typed[200], known[400];
	const char *nearest;

	if (g->word_count == 1)
		for (size_t i = 0; i < COMMANDS; i++)
			if (is_group(g->words[0], &commands[i]))
				return half_a_command(g);
	snprintf(typed, sizeof(typed), "%s%s%s", g->words[0], g->word_count > 1 ? " " : "",
		 g->word_count > 1 ? g->words[1] : "");
	nearest = suggest_nearest(typed, command_at, NULL);
	if (!nearest)
		nearest = suggest_nearest(g->words[0], command_at, NULL);
	if (!nearest)
		nearest = of_group(g->words[0]);
	if (nearest)
		return gwctl_complain(g, GWCTL_USAGE, "usage", "there is no command \"%s\"; did you mean \"%s\"?", typed,
				      nearest);
	return gwctl_complain(g, GWCTL_USAGE, "usage", "there is no command \"%s\"; there are: %s", typed,
			      suggest_list(known, sizeof(known), command_at, NULL));
}

static bool find_command(struct gwctl *g)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		unsigned taken = words_taken(g, &commands[i]);

		if (!taken)
			continue;
		g->command = &commands[i];
		g->arguments = g->words + taken;
		g->argument_count = g->word_count - taken;
		return true;
	}
	return false;
}

static int check_arguments(struct gwctl *g)
{
	const struct gwctl_command *c = g->command;
	const char *foreign = g->from && !(c->options & GWCTL_FROM)          ? "--from" :
			      g->calling && !(c->options & GWCTL_CALLING)    ? "--calling" :
			      g->type && !(c->options & GWCTL_TYPE)          ? "--type" :
			      g->finished && !(c->options & GWCTL_FINISHED) ? "--finished" : NULL;

	if (foreign)
		return gwctl_complain(g, GWCTL_USAGE, "usage", "%s does not belong to `%s`", foreign, c->words);
	if (g->argument_count < c->least || g->argument_count > c->most)
		return gwctl_complain(g, GWCTL_USAGE, "usage", "usage: gwctl %s%s%s", c->words,
				      c->arguments[0] ? " " : "", c->arguments);
	for (unsigned i = 0; i < g->argument_count; i++)
		if (!g->arguments[i][0])
			return gwctl_complain(g, GWCTL_USAGE, "usage", "an argument is empty; usage: gwctl %s %s", c->words,
					      c->arguments);
	return GWCTL_DONE;
}

static int run_command(struct gwctl *g)
{
	int rc;

	if (!find_command(g))
		return unknown_command(g);
	if (g->help) {
		print_command_help(g);
		return GWCTL_DONE;
	}
	rc = check_arguments(g);
	if (rc == GWCTL_DONE)
		rc = g->command->run(g);
	return g->no_memory ? gwctl_complain(g, GWCTL_FAILED, "no-memory", "out of memory") : rc;
}

/* What could not be written has not been said: a full disk is no success. */
static int flushed(struct gwctl *g, int rc)
{
	if (fflush(g->out) == 0 && !ferror(g->out))
		return rc;
	return gwctl_complain(g, GWCTL_FAILED, "not-written", "standard output can't be written: %s", strerror(errno));
}

int gwctl(int argc, const char *const *argv, const struct gwctl_io *io)
{
	struct gwctl g = { .io = io, .out = io->out, .colour = io->colour,
			   .socket = io->socket ? io->socket : GWCTL_SOCKET };
	int rc = read_words(&g, argc, argv);

	if (rc)
		return rc;
	if (g.version) {
		fprintf(g.out, "gwctl %s\n", CAUSEWAY_VERSION);
		return GWCTL_DONE;
	}
	if (g.word_count && strcmp(g.words[0], "help") == 0) {
		g.help = true;
		g.word_count--;
		memmove(g.words, g.words + 1, g.word_count * sizeof(g.words[0]));
	}
	if (g.word_count)
		return flushed(&g, run_command(&g));
	print_help(&g);
	return g.help ? flushed(&g, GWCTL_DONE) : GWCTL_USAGE;
}
