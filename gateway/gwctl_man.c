/* SPDX-License-Identifier: GPL-2.0-only */
/* Manual pages, made at build time: gwctl(1) of the tables of the command line, gateway.yaml(5) of
 * the configuration's schema, gatewayd(8) and e1exchange(1) of what those programs say of
 * themselves (on standard input). So none of them goes stale. */
#include "gateway/gwctl_private.h"

#include "conf/schema.h"
#include "dialplan/schema.h"

#include <string.h>

/* ---- roff ---- */

/* Text as it is: no request, no escape, and a minus that can be copied (groff_man(7)). */
static void put(FILE *out, const char *text)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", out);
	for (; *text; text++)
		if (*text == '\\')
			fputs("\\e", out);
		else if (*text == '-')
			fputs("\\-", out);
		else if (*text == '\n' && (text[1] == '.' || text[1] == '\''))
			fputs("\n\\&", out);
		else
			fputc(*text, out);
}

/* A line of its own. */
static void line(FILE *out, const char *text)
{
	put(out, text);
	fputc('\n', out);
}

static void head(FILE *out, const char *name, int section, const char *what)
{
	fprintf(out,
		".\\\" SPDX-License-Identifier: GPL-2.0-only\n"
		".\\\" Made by gwctl at build time.\n"
		".TH %s %d \"\" \"Causeway %s\" \"Causeway\"\n.SH NAME\n",
		name, section, CAUSEWAY_VERSION);
	put(out, name);
	fputs(" \\- ", out);
	line(out, what);
}

static void see_also(FILE *out, const char *text)
{
	fputs(".SH SEE ALSO\n", out);
	line(out, text);
}

/* ---- gwctl(1) ---- */

static void man_option(FILE *out, const struct gwctl_option *option)
{
	char argument[60];

	fputs(".TP\n\\fB", out);
	put(out, option->name);
	fputs("\\fR", out);
	line(out, gwctl_option_argument(option, argument, sizeof(argument)));
	line(out, option->help);
}

static void man_command(FILE *out, const struct gwctl_command *command)
{
	const struct gwctl_option *option;
	bool any = false;

	fputs(".TP\n\\fB", out);
	put(out, command->words);
	fputs("\\fR ", out);
	line(out, command->arguments);
	line(out, command->help);
	for (size_t i = GWCTL_GENERAL; (option = gwctl_option_at(i)); i++) {
		if (!gwctl_command_takes(command, option))
			continue;
		fputs(any ? ",\n" : ".br\nOptions:\n", out);
		any = true;
		put(out, option->name);
	}
	fputs(any ? ".\n" : "", out);
}

static const char gwctl_text_page[] =
	".SH DESCRIPTION\n"
	"gwctl speaks the REST API of gatewayd(8) over its Unix socket. Options may stand "
	"anywhere; behind\n"
	"\\-\\- everything is a word. Tables are aligned, coloured on a terminal, plain in a pipe; "
	"scripts\n"
	"use \\-\\-json.\n"
	".PP\n"
	"Routes, usages, policies, rules, dial plans, translations and names of gateways are "
	"changed one by\n"
	"one, or as a whole by \\fBapply\\fR. Each change is one transaction, gets a revision, and "
	"is used\n"
	"for the next call; \\fBhistory\\fR shows it, \\fBrollback\\fR takes it back.\n";

static const char gwctl_examples[] =
	".SH EXAMPLES\n"
	".EX\n"
	"gwctl usage add National\n"
	"gwctl route add London \\-\\-pattern \\(aq^\\e+4420\\(aq \\-\\-usage National \\e\n"
	"      \\-\\-gateway e1\\-london \\-\\-gateway carrier\\-a \\-\\-priority 10\n"
	"gwctl route test +442079460000 \\-\\-from core\n"
	"gwctl cdr list \\-\\-since 2h \\-\\-answered=no\n"
	"gwctl export tables.yaml; $EDITOR tables.yaml; gwctl apply tables.yaml\n"
	".EE\n";

static void gwctl_page(FILE *out)
{
	const struct gwctl_command *command;
	const struct gwctl_option *option;

	head(out, "gwctl", 1, "ask and steer gatewayd, the PSTN media gateway");
	fputs(".SH SYNOPSIS\n\\fBgwctl\\fR [\\fIOPTION\\fR...] \\fICOMMAND\\fR "
	      "[\\fIARGUMENT\\fR...]\n",
	      out);
	fputs(gwctl_text_page, out);
	fputs(".SH COMMANDS\n", out);
	for (size_t i = 0; (command = gwctl_command_at(i)); i++)
		man_command(out, command);
	fputs(".SH OPTIONS\nThe first ones belong to every command.\n", out);
	for (size_t i = 0; (option = gwctl_option_at(i)); i++)
		man_option(out, option);
	fputs(".SH EXIT STATUS\n", out);
	for (int i = 0; gwctl_exit_texts[i]; i++) {
		fprintf(out, ".TP\n\\fB%d\\fR\n", i);
		line(out, gwctl_exit_texts[i]);
	}
	fputs(".SH ENVIRONMENT\n.TP\n\\fBCAUSEWAY_SOCKET\\fR\nthe socket, unless \\-\\-socket is "
	      "given\n"
	      ".TP\n\\fBCAUSEWAY_TOKEN\\fR\na token to be shown to the gateway, for a role that "
	      "one\\(aqs own "
	      "user has not\n.TP\n\\fBNO_COLOR\\fR\nno colours\n",
	      out);
	fputs(gwctl_examples, out);
	see_also(out, "gatewayd(8), gateway.yaml(5), e1exchange(1)");
}

/* ---- gateway.yaml(5) ---- */

static void put_choices(FILE *out, const struct schema_choice *choice)
{
	for (const char *comma = ""; choice->name; choice++, comma = ", ") {
		fputs(comma, out);
		put(out, choice->name);
	}
}

static const char *unit_of(const struct schema_field *field)
{
	return field->unit == SCHEMA_US ? "us" : field->unit == SCHEMA_MS ? "ms" : "s";
}

static void put_limits(FILE *out, const struct schema_field *field, const char *unit)
{
	if (field->min || field->max)
		fprintf(out, ", %lld%s to %lld%s", (long long)field->min, unit,
			(long long)field->max, unit);
}

static void put_type(FILE *out, const struct schema_field *field)
{
	switch (field->type) {
	case SCHEMA_BOOL:
		fputs("true or false", out);
		break;
	case SCHEMA_INTEGER:
		fputs("whole number", out);
		put_limits(out, field, "");
		break;
	case SCHEMA_DURATION:
		fputs("time", out);
		put_limits(out, field, unit_of(field));
		break;
	case SCHEMA_ENUM:
		fputs("one of ", out);
		put_choices(out, field->choices);
		break;
	case SCHEMA_FLAGS:
		fputs("list of ", out);
		put_choices(out, field->choices);
		break;
	case SCHEMA_STRING:
		fputs("text", out);
		break;
	case SCHEMA_REFERENCE:
		fputs("name of a ", out);
		for (const char *c = field->refers; *c; c++)
			if (*c == ' ')
				fputs(" or ", out);
			else
				put(out, (char[]){ *c, '\0' });
		break;
	case SCHEMA_ADDRESS:
		fputs(field->port == SCHEMA_PORT_REQUIRED ? "address with port" : "address", out);
		break;
	case SCHEMA_PREFIX:
		fputs("network or address", out);
		break;
	case SCHEMA_TIMESLOTS:
		fputs("timeslots", out);
		break;
	case SCHEMA_RANGE:
		fputs("range", out);
		put_limits(out, field, "");
		break;
	case SCHEMA_STRUCT:
		fputs("mapping", out);
		break;
	case SCHEMA_LIST:
		fputs("list", out);
		if (field->element->type != SCHEMA_STRUCT) {
			fputs(" of: ", out);
			put_type(out, field->element);
		}
		break;
	case SCHEMA_MAP:
		fputs("mapping of names", out);
		break;
	}
}

static void man_fields(FILE *out, const struct schema_field *fields);

/* "(only where kind is cesopsn)" */
static void man_when(FILE *out, const struct schema_field *field, const struct schema_field *all)
{
	const char *comma = "";

	while (all->key && strcmp(all->key, field->when) != 0)
		all++;
	fputs("(only where ", out);
	put(out, field->when);
	fputs(" is ", out);
	for (const struct schema_choice *c = all->choices; c && c->name; c++)
		if (c->value >= 0 && c->value < 64 && field->when_values >> c->value & 1) {
			fputs(comma, out);
			put(out, c->name);
			comma = " or ";
		}
	fputs(")\n", out);
}

/* `all`: those of the same mapping. */
static void man_field(FILE *out, const struct schema_field *field, const struct schema_field *all)
{
	const struct schema *inner = field->schema;

	fputs(".TP\n\\fB", out);
	put(out, field->key);
	fputs("\\fR (", out);
	put_type(out, field);
	if (field->required)
		fputs("; required", out);
	if (field->initial) {
		fputs("; default ", out);
		put(out, field->initial);
	}
	fputs(")\n", out);
	line(out, field->help ? field->help : "");
	if (field->when)
		man_when(out, field, all);
	if (field->type == SCHEMA_LIST && field->element->type == SCHEMA_STRUCT)
		inner = field->element->schema;
	if (inner && inner->bare) {
		fputs("(may be shortened to its \\fB", out);
		put(out, inner->bare);
		fputs("\\fR alone)\n", out);
	}
	if (inner) {
		fputs(".RS\n", out);
		man_fields(out, inner->fields);
		fputs(".RE\n", out);
	}
}

static void man_fields(FILE *out, const struct schema_field *fields)
{
	for (const struct schema_field *field = fields; field->key; field++)
		man_field(out, field, fields);
}

static void yaml_page(FILE *out)
{
	head(out, "gateway.yaml", 5, "configuration of gatewayd");
	fputs(".SH DESCRIPTION\nWhat the machine is: SIP interfaces, trunks, E1 lines, spans, "
	      "media, API, store.\n"
	      "\\fBgwctl config check\\fR \\fIFILE\\fR finds all faults of a file at once, with "
	      "line and column,\n"
	      "and says what is accepted; \\fBgwctl config diff\\fR and \\fBgwctl config "
	      "reload\\fR bring\n"
	      "changes in without dropping calls on what has not changed.\n.PP\n"
	      "Times are written 125us, 200ms, 4s, 2min, 1h; timeslots 1\\-15,17\\-31.\n"
	      ".SH THE MACHINE\n",
	      out);
	man_fields(out, machine_schema.fields);
	fputs(".SH TABLES\nThese sections only fill a new store. From then on the store has the "
	      "tables;\n"
	      "\\fBgwctl export\\fR writes them in this form and \\fBgwctl apply\\fR reads it.\n",
	      out);
	man_fields(out, dialplan_schema.fields);
	fputs(".SH FILES\n.TP\n/etc/causeway/gateway.yaml\nthe one that gatewayd reads\n", out);
	see_also(out, "gatewayd(8), gwctl(1)");
}

/* ---- Pages of what programs say of themselves ---- */

static int help_page(struct gwctl *g, const char *name, int section, const char *what,
		     const char *more)
{
	char text[1000];
	bool any = false;

	head(g->out, name, section, what);
	fputs(".SH SYNOPSIS AND OPTIONS\n.nf\n", g->out);
	while (g->io->in && fgets(text, sizeof(text), g->io->in)) {
		text[strcspn(text, "\n")] = '\0';
		line(g->out, text);
		any = true;
	}
	fputs(".fi\n", g->out);
	fputs(more, g->out);
	if (any)
		return GWCTL_DONE;
	return gwctl_complain(g, GWCTL_USAGE, "usage",
			      "what `%s --help` says is wanted on standard input", name);
}

static const char gatewayd_more[] =
	".SH DESCRIPTION\n"
	"gatewayd joins ISDN (E1 PRI over DAHDI cards or CESoPSN) and SIP: trunks of carriers and "
	"the SIP\n"
	"core. It is configured by gateway.yaml(5) and administered with gwctl(1).\n"
	".SH SIGNALS\n"
	".TP\nSIGHUP\nreads gateway.yaml again, as \\fBgwctl config reload\\fR\n"
	".TP\nSIGTERM, SIGINT\nno new calls; ends when those in progress have, or after "
	"stop\\-wait\n"
	".SH FILES\n"
	".TP\n/etc/causeway/gateway.yaml\nthe configuration\n"
	".TP\n/run/causeway/gatewayd.sock\nwhere gwctl asks\n"
	".TP\n/var/lib/causeway\nthe store: tables, records of calls, and the spool that records "
	"pass\n"
	".SH SEE ALSO\ngwctl(1), gateway.yaml(5), e1exchange(1)\n";

static const char e1exchange_more[] = ".SH DESCRIPTION\n"
				      "e1exchange is a PSTN exchange in a box: the network side "
				      "(or user side) of E1 lines with EuroISDN.\n"
				      "It answers numbers by a plan, calls at a rate with a hold "
				      "time and reports like SIPp, and\n"
				      "misbehaves on purpose. It is for tests and rehearsals of "
				      "gatewayd(8), with no carrier at hand.\n"
				      ".SH SEE ALSO\ngatewayd(8), gwctl(1)\n";

int gwctl_man(struct gwctl *g, const char *page)
{
	if (strcmp(page, "gwctl.1") == 0)
		gwctl_page(g->out);
	else if (strcmp(page, "gateway.yaml.5") == 0)
		yaml_page(g->out);
	else if (strcmp(page, "gatewayd.8") == 0)
		return help_page(g, "gatewayd", 8, "PSTN media gateway and mediation server",
				 gatewayd_more);
	else if (strcmp(page, "e1exchange.1") == 0)
		return help_page(g, "e1exchange", 1, "a PSTN exchange in a box", e1exchange_more);
	else
		return gwctl_complain(g, GWCTL_USAGE, "usage",
				      "there are pages gwctl.1, gateway.yaml.5, "
				      "gatewayd.8 and e1exchange.1");
	return GWCTL_DONE;
}
