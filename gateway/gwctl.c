/* SPDX-License-Identifier: GPL-2.0-only */
/* The command line: options anywhere, a command of one or two words, its arguments. */
#include "gateway/gwctl_private.h"

#include "conf/suggest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- What was given ---- */

const char *gwctl_value_at(const struct gwctl *g, const char *option, size_t i)
{
	for (unsigned k = 0; k < g->given_count; k++)
		if (strcmp(g->given[k].option->name, option) == 0 && i-- == 0)
			return g->given[k].value ? g->given[k].value : "";
	return NULL;
}

const char *gwctl_value(const struct gwctl *g, const char *option)
{
	const char *value = NULL, *next;

	for (size_t i = 0; (next = gwctl_value_at(g, option, i)); i++)
		value = next;
	return value;
}

bool gwctl_flag(const struct gwctl *g, const char *option)
{
	return gwctl_value(g, option) != NULL;
}

int gwctl_number_of(struct gwctl *g, const char *option, long long least, long long most,
		    long long *out)
{
	const char *text = gwctl_value(g, option);
	long long n;
	char *end;

	if (!text)
		return GWCTL_DONE;
	errno = 0;
	n = strtoll(text, &end, 10);
	if (errno || end == text || *end || n < least || n > most)
		return gwctl_complain(g, GWCTL_USAGE, "usage",
				      "%s %s: a whole number from %lld to %lld is accepted", option,
				      text, least, most);
	*out = n;
	return GWCTL_DONE;
}

int64_t gwctl_now(const struct gwctl *g)
{
	return g->io->now ? g->io->now(g->io->arg) : (int64_t)time(NULL);
}

int gwctl_confirm(struct gwctl *g, const char *question)
{
	char line[80];

	if (gwctl_flag(g, "--yes"))
		return GWCTL_DONE;
	if (!g->io->asks || g->json)
		return gwctl_complain(
			g, GWCTL_USAGE, "not-confirmed",
			"nobody is there to be asked: nothing was changed; add --yes");
	fflush(g->out);
	fprintf(g->io->err, "%s [y/N] ", question);
	fflush(g->io->err);
	if (fgets(line, sizeof(line), g->io->in) && (line[0] == 'y' || line[0] == 'Y'))
		return GWCTL_DONE;
	return gwctl_complain(g, GWCTL_USAGE, "not-confirmed", "nothing was changed");
}

/* ---- Options ---- */

static const char *option_name_at(const void *list, size_t i)
{
	const struct gwctl_option *option = gwctl_option_at(i);

	(void)list;
	return option ? option->name : NULL;
}

/* Of those that a command takes; they are found one by one, for the list has gaps. */
static const char *own_option_at(const void *list, size_t i)
{
	const struct gwctl_option *option;

	for (size_t k = 0; (option = gwctl_option_at(k)); k++)
		if (gwctl_command_takes(list, option) && i-- == 0)
			return option->name;
	return NULL;
}

/* The command that the words of the line are going to be, options left away. */
static const struct gwctl_command *command_meant(int argc, const char *const *argv)
{
	const char *words[2];
	unsigned count = 0, taken;

	for (int i = 1; i < argc && count < 2; i++)
		if (argv[i][0] != '-')
			words[count++] = argv[i];
	return count ? gwctl_command_of(words, count, &taken) : NULL;
}

static int unknown_option(struct gwctl *g, const char *name, const struct gwctl_command *meant)
{
	const char *nearest = meant ? suggest_nearest(name, own_option_at, meant) : NULL;

	if (!nearest)
		nearest = suggest_nearest(name, option_name_at, NULL);
	if (nearest)
		return gwctl_complain(g, GWCTL_USAGE, "usage",
				      "there is no option %s; did you mean %s?", name, nearest);
	return gwctl_complain(
		g, GWCTL_USAGE, "usage",
		"there is no option %s; `gwctl %s%s--help` lists all. Behind -- a word may "
		"begin with -",
		name, meant ? meant->words : "", meant ? " " : "");
}

static int note(struct gwctl *g, const struct gwctl_option *option, const char *value)
{
	if (value && !value[0] && !option->may_be_empty)
		return gwctl_complain(g, GWCTL_USAGE, "usage",
				      "%s needs a value; that one is empty", option->name);
	if (g->given_count == GWCTL_GIVEN)
		return gwctl_complain(g, GWCTL_USAGE, "usage",
				      "more than %d options; for so much there "
				      "is `gwctl apply`",
				      GWCTL_GIVEN);
	g->given[g->given_count++] = (struct gwctl_given){ option, value };
	g->json = g->json || strcmp(option->name, "--json") == 0;
	return GWCTL_DONE;
}

static int read_option(struct gwctl *g, int *at, int argc, const char *const *argv)
{
	const char *equals = strchr(argv[*at], '=');
	const struct gwctl_option *option;
	char name[64];

	snprintf(name, sizeof(name), "%.*s", equals ? (int)(equals - argv[*at]) : 63, argv[*at]);
	option = gwctl_option_named(name);
	if (!option)
		return unknown_option(g, name, command_meant(argc, argv));
	if (gwctl_option_is_bare(option) && equals)
		return gwctl_complain(g, GWCTL_USAGE, "usage", "%s takes no value", name);
	if (equals)
		return note(g, option, equals + 1);
	if (gwctl_option_is_bare(option) || gwctl_option_is_optional(option))
		return note(g, option, NULL);
	if (*at + 1 >= argc)
		return gwctl_complain(g, GWCTL_USAGE, "usage", "%s needs a value: %s", option->name,
				      option->argument);
	return note(g, option, argv[++*at]);
}

static int read_words(struct gwctl *g, int argc, const char *const *argv)
{
	bool only_words = false;
	int rc = GWCTL_DONE;

	/* Complaints are JSON wherever --json stands. */
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		g->json = g->json || strcmp(argv[i], "--json") == 0;
	for (int i = 1; rc == GWCTL_DONE && i < argc; i++) {
		if (!only_words && strcmp(argv[i], "--") == 0)
			only_words = true;
		else if (!only_words && argv[i][0] == '-' && argv[i][1])
			rc = read_option(g, &i, argc, argv);
		else if (g->word_count == GWCTL_WORDS)
			rc = gwctl_complain(g, GWCTL_USAGE, "usage",
					    "too many words; `gwctl --help` shows what there is");
		else
			g->words[g->word_count++] = argv[i];
	}
	return rc;
}

/* What general options mean. */
static int take_general(struct gwctl *g)
{
	const char *colour = gwctl_value(g, "--colour");

	g->help = gwctl_flag(g, "--help");
	if (gwctl_value(g, "--socket"))
		g->socket = gwctl_value(g, "--socket");
	if (!colour || strcmp(colour, "auto") == 0)
		return GWCTL_DONE;
	g->colour = strcmp(colour, "always") == 0;
	if (g->colour || strcmp(colour, "never") == 0)
		return GWCTL_DONE;
	return gwctl_complain(g, GWCTL_USAGE, "usage", "--colour is auto, always or never");
}

/* ---- Commands ---- */

static const char *command_at(const void *list, size_t i)
{
	const struct gwctl_command *command = gwctl_command_at(i);

	(void)list;
	return command ? command->words : NULL;
}

/* First words, each once. */
static const char *first_word_at(const void *list, size_t i)
{
	static _Thread_local char word[32];
	const struct gwctl_command *command;
	char before[32] = "";

	(void)list;
	for (size_t k = 0; (command = gwctl_command_at(k)); k++) {
		snprintf(word, sizeof(word), "%.*s", (int)strcspn(command->words, " "),
			 command->words);
		if (strcmp(word, before) != 0 && i-- == 0)
			return word;
		snprintf(before, sizeof(before), "%s", word);
	}
	return NULL;
}

/* "call", and nothing behind it. */
static int half_a_command(struct gwctl *g)
{
	const struct gwctl_command *command;
	char known[400] = "";
	size_t used = 0;

	if (g->help) {
		gwctl_print_group(g, g->words[0]);
		return GWCTL_DONE;
	}
	for (size_t i = 0; (command = gwctl_command_at(i)) && used < sizeof(known); i++)
		if (gwctl_is_group(g->words[0], command))
			used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s",
						 used ? ", " : "", command->words);
	return gwctl_complain(g, GWCTL_USAGE, "usage", "\"%s\" needs another word: %s", g->words[0],
			      known);
}

/* "calls", "spans e1": the first command of that group. */
static const char *of_group(const char *word)
{
	const struct gwctl_command *command;
	size_t n = strlen(word);

	for (size_t i = 0; (command = gwctl_command_at(i)); i++) {
		size_t first = strcspn(command->words, " ");

		if (command->words[first] && strncmp(word, command->words, first) == 0 &&
		    (n == first || (n == first + 1 && word[first] == 's')))
			return command->words;
	}
	return NULL;
}

/* The words that a group has, behind its own. */
static const char *second_word_at(const void *group, size_t i)
{
	const struct gwctl_command *command;

	for (size_t k = 0; (command = gwctl_command_at(k)); k++)
		if (gwctl_is_group(group, command) && i-- == 0)
			return strchr(command->words, ' ') + 1;
	return NULL;
}

static bool is_group_word(const char *word)
{
	return second_word_at(word, 0) != NULL;
}

static bool has_word(const char *group, const char *word)
{
	const char *other;

	for (size_t i = 0; (other = second_word_at(group, i)); i++)
		if (strcmp(other, word) == 0)
			return true;
	return false;
}

/* Two letters in the wrong order are the commonest slip: "tset" is test, rather than set. */
static bool is_swapped(const char *a, const char *b)
{
	size_t i = 0;

	while (a[i] && a[i] == b[i])
		i++;
	return a[i] && a[i + 1] && a[i + 1] == b[i] && a[i] == b[i + 1] &&
	       strcmp(a + i + 2, b + i + 2) == 0;
}

/* What other programs call it, else what is spelled nearly so. A short word that begins otherwise
 * is another word: "usage set" was not meant to be "usage del". */
static const char *nearest_in_group(const char *group, const char *word)
{
	static const char *const others[][2] = {
		{ "delete", "del" },     { "remove", "del" },   { "rm", "del" },
		{ "create", "add" },     { "new", "add" },      { "edit", "set" },
		{ "modify", "set" },     { "update", "set" },   { "change", "set" },
		{ "ls", "list" },        { "get", "show" },     { "info", "show" },
		{ "status", "show" },    { "kill", "hangup" },  { "drop", "hangup" },
		{ "stop", "disable" },   { "start", "enable" }, { "dump", "export" },
		{ "validate", "check" }, { "mv", "move" },
	};
	const char *nearest;

	for (size_t i = 0; (nearest = second_word_at(group, i)); i++)
		if (is_swapped(word, nearest))
			return nearest;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strcmp(others[i][0], word) == 0 && has_word(group, others[i][1]))
			return others[i][1];
	nearest = suggest_nearest(word, second_word_at, group);
	return nearest && strlen(word) <= 3 && nearest[0] != word[0] ? NULL : nearest;
}

/* A group's word, and behind it one that it does not have. */
static int unknown_in_group(struct gwctl *g)
{
	const char *group = g->words[0], *nearest = nearest_in_group(group, g->words[1]);
	char known[300];

	if (nearest)
		return gwctl_complain(g, GWCTL_USAGE, "usage",
				      "there is no command \"%s %s\"; did you mean \"%s %s\"?",
				      group, g->words[1], group, nearest);
	return gwctl_complain(g, GWCTL_USAGE, "usage",
			      "there is no command \"%s %s\"; behind \"%s\" "
			      "there are: %s",
			      group, g->words[1], group,
			      suggest_list(known, sizeof(known), second_word_at, group));
}

/* "show route", "list routes", "trace last", "reload": the command whose second word comes first.
 * When there are several, that of the group which the second word names. */
static const char *by_verb(const struct gwctl *g)
{
	const char *other = g->word_count > 1 ? of_group(g->words[1]) : NULL, *only = NULL;
	const struct gwctl_command *command;
	unsigned count = 0;

	for (size_t i = 0; (command = gwctl_command_at(i)); i++) {
		const char *blank = strchr(command->words, ' ');

		if (!blank || strcmp(blank + 1, g->words[0]) != 0)
			continue;
		only = command->words;
		count++;
		if (other && strcspn(other, " ") == (size_t)(blank - command->words) &&
		    strncmp(other, command->words, strcspn(other, " ")) == 0)
			return command->words;
	}
	return count == 1 ? only : NULL;
}

static int unknown_command(struct gwctl *g)
{
	char typed[200], known[400];
	const char *nearest;

	if (is_group_word(g->words[0]))
		return g->word_count == 1 ? half_a_command(g) : unknown_in_group(g);
	snprintf(typed, sizeof(typed), "%s%s%s", g->words[0], g->word_count > 1 ? " " : "",
		 g->word_count > 1 ? g->words[1] : "");
	nearest = by_verb(g);
	if (!nearest && g->word_count == 1)
		nearest = of_group(g->words[0]);
	if (!nearest)
		nearest = suggest_nearest(typed, command_at, NULL);
	if (!nearest)
		nearest = suggest_nearest(g->words[0], command_at, NULL);
	if (!nearest)
		nearest = of_group(g->words[0]);
	if (!nearest)
		nearest = suggest_nearest(g->words[0], first_word_at, NULL);
	if (nearest)
		return gwctl_complain(g, GWCTL_USAGE, "usage",
				      "there is no command \"%s\"; did you mean \"%s\"?", typed,
				      nearest);
	return gwctl_complain(g, GWCTL_USAGE, "usage", "there is no command \"%s\"; there are: %s",
			      typed, suggest_list(known, sizeof(known), first_word_at, NULL));
}

static int check_options(struct gwctl *g)
{
	for (unsigned i = 0; i < g->given_count; i++) {
		const struct gwctl_option *option = g->given[i].option;

		if (!gwctl_command_takes(g->command, option))
			return gwctl_complain(g, GWCTL_USAGE, "usage", "%s does not belong to `%s`",
					      option->name, g->command->words);
		for (unsigned k = 0; !option->repeated && k < i; k++)
			if (g->given[k].option == option && option->argument)
				return gwctl_complain(g, GWCTL_USAGE, "usage", "%s is given twice",
						      option->name);
	}
	return GWCTL_DONE;
}

#define NAME_MAX_OCTETS 255 /* the API takes no longer ones */

static int check_argument(struct gwctl *g, const char *text)
{
	const struct gwctl_command *c = g->command;
	bool is_name = !(c->completes && strcmp(c->completes, "@files") == 0) &&
		       c->run != gwctl_route_test;

	if (!text[0])
		return gwctl_complain(g, GWCTL_USAGE, "usage",
				      "an argument is empty; usage: gwctl %s %s", c->words,
				      c->arguments);
	if (is_name && strlen(text) > NAME_MAX_OCTETS)
		return gwctl_complain(g, GWCTL_NOT_FOUND, "no-such-name",
				      "there is no %.20s…: nothing has a "
				      "name of more than %d characters",
				      text, NAME_MAX_OCTETS);
	return GWCTL_DONE;
}

static int check_arguments(struct gwctl *g)
{
	const struct gwctl_command *c = g->command;
	int rc = check_options(g);

	if (rc)
		return rc;
	if (g->argument_count < c->least || g->argument_count > c->most)
		return gwctl_complain(g, GWCTL_USAGE, "usage", "usage: gwctl %s%s%s", c->words,
				      c->arguments[0] ? " " : "", c->arguments);
	for (unsigned i = 0; rc == GWCTL_DONE && i < g->argument_count; i++)
		rc = check_argument(g, g->arguments[i]);
	return rc;
}

static int run_command(struct gwctl *g)
{
	unsigned taken;
	int rc;

	g->command = gwctl_command_of(g->words, g->word_count, &taken);
	if (!g->command)
		return unknown_command(g);
	g->arguments = g->words + taken;
	g->argument_count = g->word_count - taken;
	if (g->help) {
		gwctl_print_command(g, g->command);
		return GWCTL_DONE;
	}
	rc = check_arguments(g);
	if (rc == GWCTL_DONE && gwctl_flag(g, "--watch"))
		rc = gwctl_watch(g);
	else if (rc == GWCTL_DONE)
		rc = g->command->run(g);
	return g->no_memory && rc == GWCTL_DONE ? gwctl_out_of_memory(g) : rc;
}

/* What could not be written has not been said: a full disk is no success. */
static int flushed(struct gwctl *g, int rc)
{
	if (fflush(g->out) == 0 && !ferror(g->out))
		return rc;
	return gwctl_complain(g, GWCTL_FAILED, "not-written",
			      "standard output can't be written: %s", strerror(errno));
}

static void add_to_line(struct gwctl *g, size_t *used, const char *text)
{
	size_t n = strlen(text), room = sizeof(g->line) - 1 - *used;

	n = n < room ? n : room;
	memcpy(g->line + *used, text, n);
	*used += n;
	g->line[*used] = '\0';
}

/* The command line as the gateway's history keeps it: what a shell would take apart in quotes,
 * nothing that could break a header. It can be pasted into a shell again. */
static void write_line(struct gwctl *g, int argc, const char *const *argv)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				    "-._~+:,=/@%";
	size_t used = 0;

	add_to_line(g, &used, "gwctl");
	for (int i = 1; i < argc; i++) {
		bool quoted = !argv[i][0] || argv[i][strspn(argv[i], plain)];

		add_to_line(g, &used, quoted ? " '" : " ");
		for (const char *c = argv[i]; *c; c++)
			add_to_line(g, &used, *c == '\'' ? "'\\''" : (char[]){ *c, '\0' });
		add_to_line(g, &used, quoted ? "'" : "");
	}
	for (char *c = g->line; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
}

static int hidden_word(struct gwctl *g, int argc, const char *const *argv)
{
	if (strcmp(argv[1], "__complete") == 0)
		return gwctl_complete(g, argc - 2, argv + 2);
	return gwctl_man(g, argc > 2 ? argv[2] : "");
}

static int run(struct gwctl *g, int argc, const char *const *argv)
{
	int rc;

	if (argc > 1 && strncmp(argv[1], "__", 2) == 0)
		return hidden_word(g, argc, argv);
	rc = read_words(g, argc, argv);
	if (rc == GWCTL_DONE)
		rc = take_general(g);
	if (rc)
		return rc;
	if (gwctl_flag(g, "--version")) {
		fprintf(g->out, "gwctl %s\n", CAUSEWAY_VERSION);
		return GWCTL_DONE;
	}
	if (g->word_count && strcmp(g->words[0], "help") == 0) {
		g->help = true;
		g->word_count--;
		memmove(g->words, g->words + 1, g->word_count * sizeof(g->words[0]));
	}
	if (g->word_count)
		return run_command(g);
	gwctl_print_help(g);
	return g->help ? GWCTL_DONE : GWCTL_USAGE;
}

int gwctl(int argc, const char *const *argv, const struct gwctl_io *io)
{
	struct gwctl g = { .io = io,
			   .out = io->out,
			   .colour = io->colour,
			   .socket = io->socket ? io->socket : GWCTL_SOCKET };
	unsigned lines;

	write_line(&g, argc, argv);
	if (io->size)
		io->size(io->arg, &g.columns, &lines);
	return flushed(&g, run(&g, argc, argv));
}
