/* SPDX-License-Identifier: GPL-2.0-only */
/* Every command and every option. Help, completion and the manual page are made of these tables. */
#include "gateway/gwctl_kinds.h"

#include <string.h>

/* ---- Options ---- */

static const struct gwctl_option options[] = {
	/* Of every command: GWCTL_GENERAL. */
	{ "--json", NULL, NULL, "what the API says, as JSON; errors too, on standard error", 0, 0 },
	{ "--socket", "PATH", "@files",
	  "of gatewayd; default: $CAUSEWAY_SOCKET, else " GWCTL_SOCKET, 0, 0 },
	{ "--colour", "WHEN", "auto always never",
	  "auto (on a terminal; the default), always, never", 0, 0 },
	{ "--watch", "[=SECONDS]", NULL,
	  "of commands that show something: again and again (every 2 s) until q or Ctrl-C", 0, 0 },
	{ "--help", NULL, NULL, "this, or with a command: what it does", 0, 0 },
	{ "--version", NULL, NULL, "of gwctl", 0, 0 },

	/* Of changes. */
	{ "--dry-run", NULL, NULL, "check it and show what would change; change nothing", 0, 0 },
	{ "--if-revision", "N", "@revisions",
	  "only if the tables are still those of revision N (`gwctl history`)", 0, 0 },
	{ "--yes", NULL, NULL, "don't ask", 0, 0 },
	{ "--first", NULL, NULL, "before all others", 0, 0 },
	{ "--last", NULL, NULL, "behind all others", 0, 0 },
	{ "--before", "NAME", "@siblings", "before this one", 0, 0 },
	{ "--after", "NAME", "@siblings", "behind this one", 0, 0 },
	{ "--now", NULL, NULL, "calls in progress are cut instead of awaited", 0, 0 },

	/* Of tables. */
	{ "--pattern", "REGEX", NULL, "regular expression on the number, as in .NET", 0, 0 },
	{ "--usage", "NAME", "@usages", "PSTN usage; may be repeated, in order", 0, 1 },
	{ "--gateway", "NAME[:WEIGHT]", "@targets",
	  "trunk, span, group or gateway; may be repeated, tried in order; WEIGHT: share of the "
	  "calls "
	  "with --selection weighted",
	  0, 1 },
	{ "--member", "NAME", "@members",
	  "trunk, span or group that it stands for; may be repeated, in order", 0, 1 },
	{ "--add-usage", "NAME", "@usages", "one more, behind the others", 0, 1 },
	{ "--remove-usage", "NAME", "@usages", "without this one", 0, 1 },
	{ "--add-gateway", "NAME[:WEIGHT]", "@targets",
	  "one more, behind the others; or another weight", 0, 1 },
	{ "--remove-gateway", "NAME", "@targets", "without this one", 0, 1 },
	{ "--add-member", "NAME", "@members", "one more, behind the others", 0, 1 },
	{ "--remove-member", "NAME", "@members", "without this one", 0, 1 },
	{ "--priority", "N", NULL, "the lowest is tried first; default 100", 1, 0 },
	{ "--selection", "HOW", "ordered round-robin weighted",
	  "ordered (default), round-robin, weighted", 1, 0 },
	{ "--emergency", "[=yes|no]", "yes no", "comes before everything and needs no policy", 0,
	  0 },
	{ "--suppress-caller-id", "[=yes|no]", "yes no", "the caller's number is not shown", 0, 0 },
	{ "--alternate-caller-id", "NUMBER", NULL, "shown instead of a suppressed number", 1, 0 },
	{ "--description", "TEXT", NULL, "for people", 1, 0 },
	{ "--dialplan", "NAME", "@dial-plans", "the dial plan whose rule it is", 0, 0 },
	{ "--translation", "NAME", "@translations", "or the translation whose rule it is", 0, 0 },
	{ "--becomes", "TEXT", NULL,
	  "what the number becomes: $1 ${1}0 ${name} $& for what was matched", 1, 0 },
	{ "--type", "TYPE",
	  "by-form unknown international national network-specific subscriber abbreviated",
	  "type of number; of a rule: of the result (default by-form)", 1, 0 },
	{ "--plan", "PLAN", "isdn unknown data telex national private",
	  "numbering plan of the result; default isdn", 1, 0 },
	{ "--match-type", "TYPE",
	  "any unknown international national network-specific subscriber abbreviated",
	  "only numbers that came with this type of number; default any", 1, 0 },

	/* Of what is shown. */
	{ "--from", "NAME", "@endpoints", "trunk or span that the call comes from", 0, 0 },
	{ "--calling", "NUMBER", NULL, "the caller's number", 1, 0 },
	{ "--finished", NULL, NULL, "those that have ended and whose messages are kept", 0, 0 },
	{ "--since", "TIME", "1h 24h 7d today yesterday",
	  "from then on: 2h, 30min, 7d (ago), today, yesterday, 2026-01-31, \"2026-01-31 12:00\" "
	  "(UTC)",
	  0, 0 },
	{ "--until", "TIME", "1h 24h 7d today yesterday", "before then", 0, 0 },
	{ "--number", "DIGITS", NULL, "called or calling number that begins so", 0, 0 },
	{ "--endpoint", "NAME", "@endpoints", "trunk or span of either side, or tried", 0, 0 },
	{ "--cause", "N", "16 17 18 19 21 27 34 38 41 42", "Q.850 cause that the call ended with",
	  0, 0 },
	{ "--answered", "[=yes|no]", "yes no", "only answered calls; =no: only unanswered ones", 0,
	  0 },
	{ "--limit", "N", NULL, "at most so many, the newest", 0, 0 },
	{ "--format", "FORMAT", "csv json", "csv (default) or json", 0, 0 },
	{ "--output", "FILE", "@files", "into this file; default: standard output", 0, 0 },
	{ "--records", NULL, NULL, "the records of calls instead of the tables", 0, 0 },
	{ "--name", "NAME", NULL, "who will use it", 0, 0 },
	{ "--role", "ROLE", "read operate admin", "read (default), operate or admin", 0, 0 },
};
#define OPTIONS (sizeof(options) / sizeof(options[0]))

const struct gwctl_option *gwctl_option_at(size_t i)
{
	return i < OPTIONS ? &options[i] : NULL;
}

const struct gwctl_option *gwctl_option_named(const char *name)
{
	static const struct {
		const char *other, *name;
	} others[] = { { "-h", "--help" }, { "-V", "--version" }, { "--color", "--colour" } };

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strcmp(name, others[i].other) == 0)
			name = others[i].name;
	for (size_t i = 0; i < OPTIONS; i++)
		if (strcmp(name, options[i].name) == 0)
			return &options[i];
	return NULL;
}

bool gwctl_option_is_bare(const struct gwctl_option *option)
{
	return !option->argument;
}

bool gwctl_option_is_optional(const struct gwctl_option *option)
{
	return option->argument && option->argument[0] == '[';
}

/* ---- Commands ---- */

#define ROUTE                                                                                      \
	"--pattern --usage --gateway --priority --selection --emergency --suppress-caller-id "     \
	"--alternate-caller-id --description"
#define ROUTE_LISTS "--add-usage --remove-usage --add-gateway --remove-gateway"
#define RULE "--pattern --becomes --type --plan --match-type --description"
#define OF "--dialplan --translation"
#define PLACE "--before --after --first --last"
#define FILTER "--since --until --number --endpoint --cause --answered"

static const struct gwctl_command commands[] = {
	{ "status", "", 0, 0, GWCTL_READS, NULL, gwctl_status, NULL, NULL,
	  "the gateway at a glance: calls, spans, trunks, tables, records, what went wrong" },
	{ "top", "", 0, 0, 0, NULL, gwctl_top, NULL, NULL,
	  "live: calls, rates, the load of each trunk and span, lag, processors, alarms; q ends" },

	{ "route list", "", 0, 0, GWCTL_READS, NULL, gwctl_table_list, NULL, &gwctl_routes,
	  "routes, in the order in which they are tried" },
	{ "route show", "NAME", 1, 1, GWCTL_READS, NULL, gwctl_table_show, "@routes", &gwctl_routes,
	  "one route with all that is set" },
	{ "route add", "NAME --pattern REGEX --usage NAME… --gateway NAME…", 1, 1, GWCTL_CHANGES,
	  ROUTE " " PLACE, gwctl_table_add, NULL, &gwctl_routes,
	  "a new route: numbers that match the pattern go to these gateways" },
	{ "route set", "NAME OPTION…", 1, 1, GWCTL_CHANGES, ROUTE " " ROUTE_LISTS, gwctl_table_set,
	  "@routes", &gwctl_routes,
	  "change what is given; an empty value takes a setting back to its default" },
	{ "route move", "NAME --before NAME|--after NAME|--first|--last", 1, 1, GWCTL_CHANGES,
	  PLACE, gwctl_table_move, "@routes", &gwctl_routes,
	  "another place among routes of the same priority" },
	{ "route rename", "NAME NEW", 2, 2, GWCTL_CHANGES, NULL, gwctl_table_rename, "@routes",
	  &gwctl_routes, "another name" },
	{ "route del", "NAME", 1, 1, GWCTL_CHANGES, NULL, gwctl_table_del, "@routes", &gwctl_routes,
	  "delete it" },
	{ "route test", "NUMBER --from TRUNK|SPAN", 1, 1, GWCTL_READS, "--from --calling --type",
	  gwctl_route_test, NULL, NULL,
	  "where a call would go and why, step by step, and for what did not match why not; nobody "
	  "is "
	  "called" },

	{ "usage list", "", 0, 0, GWCTL_READS, NULL, gwctl_table_list, NULL, &gwctl_usages,
	  "PSTN usages: what policies allow and routes serve" },
	{ "usage show", "NAME", 1, 1, GWCTL_READS, NULL, gwctl_table_show, "@usages", &gwctl_usages,
	  "one usage: the policies and routes that name it" },
	{ "usage add", "NAME", 1, 1, GWCTL_CHANGES, PLACE, gwctl_table_add, NULL, &gwctl_usages,
	  "a new usage" },
	{ "usage move", "NAME --before NAME|--after NAME|--first|--last", 1, 1, GWCTL_CHANGES,
	  PLACE, gwctl_table_move, "@usages", &gwctl_usages, "another place in the list" },
	{ "usage rename", "NAME NEW", 2, 2, GWCTL_CHANGES, NULL, gwctl_table_rename, "@usages",
	  &gwctl_usages, "another name; policies and routes follow" },
	{ "usage del", "NAME", 1, 1, GWCTL_CHANGES, NULL, gwctl_table_del, "@usages", &gwctl_usages,
	  "delete it; refused while a policy or route names it" },

	{ "policy list", "", 0, 0, GWCTL_READS, NULL, gwctl_table_list, NULL, &gwctl_policies,
	  "voice policies: which usages a trunk's or span's calls may use" },
	{ "policy show", "NAME", 1, 1, GWCTL_READS, NULL, gwctl_table_show, "@policies",
	  &gwctl_policies, "one policy" },
	{ "policy add", "NAME --usage NAME…", 1, 1, GWCTL_CHANGES, "--usage " PLACE,
	  gwctl_table_add, NULL, &gwctl_policies,
	  "a new policy; its usages are tried in this order" },
	{ "policy set", "NAME --usage NAME…|--add-usage NAME|--remove-usage NAME", 1, 1,
	  GWCTL_CHANGES, "--usage --add-usage --remove-usage", gwctl_table_set, "@policies",
	  &gwctl_policies, "other usages; or one more, or one less" },
	{ "policy rename", "NAME NEW", 2, 2, GWCTL_CHANGES, NULL, gwctl_table_rename, "@policies",
	  &gwctl_policies, "another name; gateway.yaml must not name the old one" },
	{ "policy del", "NAME", 1, 1, GWCTL_CHANGES, NULL, gwctl_table_del, "@policies",
	  &gwctl_policies, "delete it; refused while gateway.yaml names it" },

	{ "dialplan list", "", 0, 0, GWCTL_READS, NULL, gwctl_table_list, NULL, &gwctl_dial_plans,
	  "dial plans: lists of rules that make numbers E.164 as they come in" },
	{ "dialplan show", "NAME", 1, 1, GWCTL_READS, NULL, gwctl_table_show, "@dial-plans",
	  &gwctl_dial_plans, "one dial plan with its rules" },
	{ "dialplan add", "NAME", 1, 1, GWCTL_CHANGES, PLACE, gwctl_table_add, NULL,
	  &gwctl_dial_plans, "a new dial plan, without rules yet" },
	{ "dialplan rename", "NAME NEW", 2, 2, GWCTL_CHANGES, NULL, gwctl_table_rename,
	  "@dial-plans", &gwctl_dial_plans,
	  "another name; gateway.yaml must not name the old one" },
	{ "dialplan del", "NAME", 1, 1, GWCTL_CHANGES, NULL, gwctl_table_del, "@dial-plans",
	  &gwctl_dial_plans, "delete it with its rules; refused while gateway.yaml names it" },

	{ "translation list", "", 0, 0, GWCTL_READS, NULL, gwctl_table_list, NULL,
	  &gwctl_translations,
	  "translations: lists of rules that make of E.164 what a carrier or exchange wants" },
	{ "translation show", "NAME", 1, 1, GWCTL_READS, NULL, gwctl_table_show, "@translations",
	  &gwctl_translations, "one translation with its rules" },
	{ "translation add", "NAME", 1, 1, GWCTL_CHANGES, PLACE, gwctl_table_add, NULL,
	  &gwctl_translations, "a new translation, without rules yet" },
	{ "translation rename", "NAME NEW", 2, 2, GWCTL_CHANGES, NULL, gwctl_table_rename,
	  "@translations", &gwctl_translations,
	  "another name; gateway.yaml must not name the old one" },
	{ "translation del", "NAME", 1, 1, GWCTL_CHANGES, NULL, gwctl_table_del, "@translations",
	  &gwctl_translations, "delete it with its rules; refused while gateway.yaml names it" },

	{ "rule list", "[--dialplan NAME|--translation NAME]", 0, 0, GWCTL_READS, OF,
	  gwctl_table_list, NULL, &gwctl_rules,
	  "rules of a dial plan or translation, in the order in which they are tried; else of all "
	  "dial "
	  "plans" },
	{ "rule show", "NAME --dialplan NAME|--translation NAME", 1, 1, GWCTL_READS, OF,
	  gwctl_table_show, "@rules", &gwctl_rules, "one rule with all that is set" },
	{ "rule add", "NAME --dialplan NAME|--translation NAME --pattern REGEX --becomes TEXT", 1,
	  1, GWCTL_CHANGES, OF " " RULE " " PLACE, gwctl_table_add, NULL, &gwctl_rules,
	  "a new rule: a number that matches the pattern becomes the text" },
	{ "rule set", "NAME --dialplan NAME|--translation NAME OPTION…", 1, 1, GWCTL_CHANGES,
	  OF " " RULE, gwctl_table_set, "@rules", &gwctl_rules,
	  "change what is given; an empty value takes a setting back to its default" },
	{ "rule move",
	  "NAME --dialplan NAME|--translation NAME --before NAME|--after NAME|--first|--last", 1, 1,
	  GWCTL_CHANGES, OF " " PLACE, gwctl_table_move, "@rules", &gwctl_rules,
	  "the first rule that matches is taken: another place in the list" },
	{ "rule rename", "NAME NEW --dialplan NAME|--translation NAME", 2, 2, GWCTL_CHANGES, OF,
	  gwctl_table_rename, "@rules", &gwctl_rules, "another name" },
	{ "rule del", "NAME --dialplan NAME|--translation NAME", 1, 1, GWCTL_CHANGES, OF,
	  gwctl_table_del, "@rules", &gwctl_rules, "delete it" },

	{ "gateway list", "", 0, 0, GWCTL_READS, NULL, gwctl_table_list, NULL, &gwctl_gateways,
	  "names of your own for trunks, spans and groups" },
	{ "gateway show", "NAME", 1, 1, GWCTL_READS, NULL, gwctl_table_show, "@gateways",
	  &gwctl_gateways, "one of them: what it stands for" },
	{ "gateway add", "NAME --member NAME…", 1, 1, GWCTL_CHANGES,
	  "--member --description " PLACE, gwctl_table_add, NULL, &gwctl_gateways,
	  "a new name for these trunks, spans and groups" },
	{ "gateway set", "NAME --member NAME…|--add-member NAME|--remove-member NAME", 1, 1,
	  GWCTL_CHANGES, "--member --add-member --remove-member --description", gwctl_table_set,
	  "@gateways", &gwctl_gateways, "let it stand for others; or for one more, or one less" },
	{ "gateway rename", "NAME NEW", 2, 2, GWCTL_CHANGES, NULL, gwctl_table_rename, "@gateways",
	  &gwctl_gateways, "another name; routes follow" },
	{ "gateway del", "NAME", 1, 1, GWCTL_CHANGES, NULL, gwctl_table_del, "@gateways",
	  &gwctl_gateways, "delete it; refused while a route names it" },

	{ "trunk list", "", 0, 0, GWCTL_READS, NULL, gwctl_trunk_list, NULL, NULL,
	  "SIP trunks and their state" },
	{ "trunk show", "NAME", 1, 1, GWCTL_READS, NULL, gwctl_trunk_show, "@trunks", NULL,
	  "one trunk" },
	{ "trunk enable", "NAME", 1, 1, 0, NULL, gwctl_switch, "@trunks", NULL,
	  "let it carry new calls again" },
	{ "trunk disable", "NAME", 1, 1, 0, "--now", gwctl_switch, "@trunks", NULL,
	  "no new calls; those in progress go on, with --now they are cut" },

	{ "span list", "", 0, 0, GWCTL_READS, NULL, gwctl_span_list, NULL, NULL,
	  "ISDN spans and their state" },
	{ "span show", "NAME", 1, 1, GWCTL_READS, NULL, gwctl_span_show, "@spans", NULL,
	  "one span: a map of its timeslots, the calls on it, counters" },
	{ "span enable", "NAME", 1, 1, 0, NULL, gwctl_switch, "@spans", NULL,
	  "let it carry new calls again" },
	{ "span disable", "NAME", 1, 1, 0, "--now", gwctl_switch, "@spans", NULL,
	  "no new calls; those in progress go on, with --now they are cut" },
	{ "span drain", "NAME", 1, 1, 0, NULL, gwctl_switch, "@spans", NULL,
	  "no new calls; those in progress go on" },

	{ "call list", "", 0, 0, GWCTL_READS, "--finished", gwctl_call_list, NULL, NULL,
	  "calls in progress; --finished: those that have ended and whose messages are kept" },
	{ "call show", "ID", 1, 1, GWCTL_READS, NULL, gwctl_call_show, "@calls", NULL,
	  "one call: numbers as received, normalized and sent; both sides; attempts" },
	{ "call trace", "ID|last", 1, 1, GWCTL_READS, NULL, gwctl_call_trace,
	  "last @calls @finished", NULL,
	  "the ladder of a call, also of one that has ended: SIP and Q.931 on one time axis" },
	{ "call hangup", "ID", 1, 1, 0, NULL, gwctl_call_hangup, "@calls", NULL, "end a call" },

	{ "cdr list", "", 0, 0, GWCTL_READS, FILTER " --limit", gwctl_cdr_list, NULL, NULL,
	  "records of calls that have ended, the newest first" },
	{ "cdr show", "ID", 1, 1, GWCTL_READS, NULL, gwctl_cdr_show, "@finished", NULL,
	  "one record: numbers, times, both sides, every attempt" },
	{ "cdr export", "", 0, 0, 0, FILTER " --limit --format --output", gwctl_cdr_export, NULL,
	  NULL, "all records that fit, as CSV or JSON" },

	{ "config check", "[FILE]", 0, 1, 0, NULL, gwctl_config_check, "@files", NULL,
	  "all faults of a gateway.yaml, without the daemon; without FILE: of the daemon's own "
	  "file" },
	{ "config diff", "", 0, 0, GWCTL_READS, NULL, gwctl_config_diff, NULL, NULL,
	  "what a reload would change, and what becomes of the calls on it" },
	{ "config reload", "", 0, 0, 0, "--now", gwctl_config_reload, NULL, NULL,
	  "read gateway.yaml again; only what changed is touched" },

	{ "apply", "FILE|-", 1, 1, GWCTL_CHANGES, "--yes", gwctl_apply, "@files", NULL,
	  "make the tables as the file has them: shows what would change, asks, changes" },
	{ "export", "[FILE]", 0, 1, 0, NULL, gwctl_export, "@files", NULL,
	  "the tables as YAML for `gwctl apply`, in a stable order" },
	{ "history", "[REVISION]", 0, 1, GWCTL_READS, "--limit", gwctl_history, "@revisions", NULL,
	  "who changed the tables, when and how; with a revision: what exactly" },
	{ "rollback", "REVISION", 1, 1, GWCTL_CHANGES, "--yes", gwctl_rollback, "@revisions", NULL,
	  "make the tables as they were after that revision: shows what would change, asks, "
	  "changes" },

	{ "store status", "", 0, 0, GWCTL_READS, NULL, gwctl_store_status, NULL, NULL,
	  "where tables and records are kept, and whether they can be written" },
	{ "store backup", "FILE", 1, 1, 0, "--records", gwctl_store_backup, "@files", NULL,
	  "a copy of the tables (or records) into a new file on the gateway's machine" },
	{ "store restore", "FILE", 1, 1, 0, "--records --yes", gwctl_store_restore, "@files", NULL,
	  "bring such a copy back" },
	{ "store migrate", "", 0, 0, 0, NULL, gwctl_store_migrate, NULL, NULL,
	  "bring the stores' schemas to this version (also done at every start)" },

	{ "token", "", 0, 0, 0, "--name --role", gwctl_token, NULL, NULL,
	  "a new random token, and the line of gateway.yaml that admits it" },
	{ "completion", "bash|zsh", 1, 1, 0, NULL, gwctl_completion, "bash zsh", NULL,
	  "the shell's completion script: source <(gwctl completion bash)" },
	{ "help", "[COMMAND]", 0, 2, 0, NULL, NULL, "@commands", NULL, "this, or of one command" },
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

const struct gwctl_command *gwctl_command_at(size_t i)
{
	return i < COMMANDS ? &commands[i] : NULL;
}

/* How many of the words are this command; 0: it is another. */
static unsigned words_taken(const struct gwctl_command *command, const char *const *words,
			    unsigned count)
{
	const char *blank = strchr(command->words, ' ');
	size_t first = blank ? (size_t)(blank - command->words) : strlen(command->words);

	if (count < 1 + (blank != NULL) || strlen(words[0]) != first ||
	    strncmp(words[0], command->words, first) != 0)
		return 0;
	if (blank && strcmp(words[1], blank + 1) != 0)
		return 0;
	return blank ? 2 : 1;
}

const struct gwctl_command *gwctl_command_of(const char *const *words, unsigned count,
					     unsigned *taken)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		*taken = words_taken(&commands[i], words, count);
		if (*taken)
			return &commands[i];
	}
	return NULL;
}

bool gwctl_is_group(const char *word, const struct gwctl_command *command)
{
	size_t n = strlen(word);

	return strncmp(command->words, word, n) == 0 && command->words[n] == ' ';
}

static bool names(const char *list, const char *name)
{
	size_t n = strlen(name);

	while (list && *list) {
		size_t length = strcspn(list, " ");

		if (length == n && strncmp(list, name, n) == 0)
			return true;
		list += length + (list[length] == ' ');
	}
	return false;
}

bool gwctl_command_takes(const struct gwctl_command *command, const struct gwctl_option *option)
{
	if (option - options < GWCTL_GENERAL)
		return strcmp(option->name, "--watch") != 0 || command->traits & GWCTL_READS;
	if (command->traits & GWCTL_CHANGES && names("--dry-run --if-revision", option->name))
		return true;
	return names(command->options, option->name);
}
