/* SPDX-License-Identifier: GPL-2.0-only */
/* What --help says. */
#include "gateway/gwctl_private.h"

#include <string.h>

const char *const gwctl_exit_texts[] = {
	[GWCTL_DONE] = "done",
	[GWCTL_NOT_FOUND] = "there is no such thing, or no route for the number",
	[GWCTL_USAGE] = "the command line is wrong, or tables or a configuration have faults",
	[GWCTL_NO_DAEMON] = "gatewayd can't be reached",
	[GWCTL_FAILED] = "it was reached and could not answer, or something failed here",
	[GWCTL_NOT_ALLOWED] = "your role does not allow it",
	[GWCTL_CONFLICT] = "it exists already, is in use, or the tables have changed meanwhile",
	NULL,
};

const char *gwctl_option_argument(const struct gwctl_option *option, char *out, size_t room)
{
	snprintf(out, room, "%s%s", option->argument && option->argument[0] != '[' ? " " : "",
		 option->argument ? option->argument : "");
	return out;
}

static void print_option(const struct gwctl *g, const struct gwctl_option *option)
{
	char argument[40], head[80];

	snprintf(head, sizeof(head), "%s%s", option->name,
		 gwctl_option_argument(option, argument, sizeof(argument)));
	fprintf(g->out, "  %-31s %s\n", head, option->help);
}

static void print_general_options(const struct gwctl *g)
{
	fputs("\nOptions of every command:\n", g->out);
	for (size_t i = 0; i < GWCTL_GENERAL; i++)
		print_option(g, gwctl_option_at(i));
}

static void print_exits(const struct gwctl *g)
{
	fputs("\nExit codes:\n", g->out);
	for (int i = 0; gwctl_exit_texts[i]; i++)
		fprintf(g->out, "  %d  %s\n", i, gwctl_exit_texts[i]);
}

static void print_line(const struct gwctl *g, const struct gwctl_command *c)
{
	fprintf(g->out, "  %s%s%s%s%s\n      %s\n", tint_on(g, TINT_BOLD), c->words,
		tint_off(g, TINT_BOLD), c->arguments[0] ? " " : "", c->arguments, c->help);
}

void gwctl_print_help(const struct gwctl *g)
{
	const struct gwctl_command *command;

	fputs("gwctl asks and steers gatewayd.\n\nUsage: gwctl [OPTION…] COMMAND [ARGUMENT…]\n\n",
	      g->out);
	for (size_t i = 0; (command = gwctl_command_at(i)); i++)
		print_line(g, command);
	print_general_options(g);
	fputs("\n`gwctl COMMAND --help` tells a command's own options. Behind -- a word may begin "
	      "with -.\n",
	      g->out);
	print_exits(g);
}

void gwctl_print_group(const struct gwctl *g, const char *word)
{
	const struct gwctl_command *command;

	for (size_t i = 0; (command = gwctl_command_at(i)); i++)
		if (gwctl_is_group(word, command))
			fprintf(g->out, "  gwctl %s%s%s\n      %s\n", command->words,
				command->arguments[0] ? " " : "", command->arguments,
				command->help);
}

void gwctl_print_command(const struct gwctl *g, const struct gwctl_command *c)
{
	const struct gwctl_option *option;
	bool any = false;

	fprintf(g->out, "Usage: gwctl %s%s%s\n\n%s\n", c->words, c->arguments[0] ? " " : "",
		c->arguments, c->help);
	for (size_t i = GWCTL_GENERAL; (option = gwctl_option_at(i)); i++) {
		if (!gwctl_command_takes(c, option))
			continue;
		if (!any)
			fputs("\nOptions:\n", g->out);
		any = true;
		print_option(g, option);
	}
	print_general_options(g);
	print_exits(g);
}
