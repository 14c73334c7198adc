/* SPDX-License-Identifier: GPL-2.0-only */
/* Completion: `gwctl __complete bash|zsh WORD…`, the last word being the one at the cursor, prints
 * what it may become, one to a line; zsh gets what it means behind a tab. ":files" leaves it to the
 * shell. Names come from the daemon, which is asked for at most a second and not missed when it is
 * away. */
#include "gateway/gwctl_kinds.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define PATIENCE_MS 1000
#define WORDS_MAX 64
#define WORD_ROOM 400

struct completion {
	struct gwctl *g;
	const char *word;   /* at the cursor, or what is behind its "=" */
	const char *prefix; /* "--from=", "" */
	bool meanings;
};

static void offer(const struct completion *c, const char *candidate, const char *meaning)
{
	if (strncmp(candidate, c->word, strlen(c->word)) != 0 ||
	    candidate[strcspn(candidate, "\n\t")])
		return;
	fprintf(c->g->out, "%s%s%s%s\n", c->prefix, candidate, c->meanings ? "\t" : "",
		c->meanings && meaning ? meaning : "");
}

/* ---- Names ---- */

/* Member `key` of each object in the answer's list. */
static void offer_of(const struct completion *c, const char *path, const char *list,
		     const char *key, const char *meaning)
{
	json_t *json = NULL, *one;
	size_t i;

	if (c->g->gone)
		return; /* one second without an answer is enough */
	gwctl_ask(c->g, "GET", &json, "%s", path);
	json_array_foreach(json_object_get(json, list), i, one) {
		const json_t *value = json_object_get(one, key);
		char number[30];

		snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(value));
		if (json_is_string(value))
			offer(c, json_string_value(value), meaning);
		else if (json_is_integer(value))
			offer(c, number, json_string_value(json_object_get(one, "what")));
	}
	json_decref(json);
}

/* Of the dial plan or translation that the line names. */
static void offer_rules(const struct completion *c)
{
	const char *plan = gwctl_value(c->g, "--dialplan"),
		   *translation = gwctl_value(c->g, "--translation");
	char parent[GWCTL_NAME], path[GWCTL_NAME + 60];

	if (!plan && !translation)
		return;
	snprintf(path, sizeof(path), "tables/%s?parent=%s", plan ? "rules" : "translation-rules",
		 gwctl_escape(plan ? plan : translation, parent, sizeof(parent)));
	offer_of(c, path, "objects", "name", NULL);
}

static void offer_siblings(const struct completion *c)
{
	char path[60];

	if (!c->g->command || !c->g->command->kind)
		return;
	if (c->g->command->kind->has_parent) {
		offer_rules(c);
		return;
	}
	snprintf(path, sizeof(path), "tables/%s", c->g->command->kind->table);
	offer_of(c, path, "objects", "name", NULL);
}

static void offer_trunks(const struct completion *c)
{
	offer_of(c, "trunks", "trunks", "name", "trunk");
}

static void offer_spans(const struct completion *c)
{
	offer_of(c, "spans", "spans", "name", "span");
}

static void offer_endpoints(const struct completion *c)
{
	offer_trunks(c);
	offer_spans(c);
}

static void offer_members(const struct completion *c)
{
	offer_endpoints(c);
	offer_of(c, "spans", "spans", "group", "group of spans");
}

static void offer_targets(const struct completion *c)
{
	offer_members(c);
	offer_of(c, "tables/gateways", "objects", "name", "gateway");
}

static void offer_calls(const struct completion *c)
{
	offer_of(c, "calls", "calls", "id", "in progress");
}

static void offer_finished(const struct completion *c)
{
	offer_of(c, "calls?finished=true", "calls", "id", "has ended");
}

static void offer_revisions(const struct completion *c)
{
	offer_of(c, "history?limit=50", "history", "revision", NULL);
}

static void offer_files(const struct completion *c)
{
	fputs(":files\n", c->g->out);
}

static void offer_commands(const struct completion *c)
{
	const struct gwctl_command *command;
	char word[32], before[32] = "";

	for (size_t i = 0; (command = gwctl_command_at(i)); i++) {
		size_t n = strcspn(command->words, " ");

		snprintf(word, sizeof(word), "%.*s", (int)n, command->words);
		if (strcmp(word, before) != 0)
			offer(c, word, command->words[n] ? "" : command->help);
		snprintf(before, sizeof(before), "%s", word);
	}
}

static void offer_source(const struct completion *c, const char *source)
{
	static const struct {
		const char *name;
		void (*offer)(const struct completion *c);
	} sources[] = {
		{ "@rules", offer_rules },         { "@siblings", offer_siblings },
		{ "@trunks", offer_trunks },       { "@spans", offer_spans },
		{ "@endpoints", offer_endpoints }, { "@members", offer_members },
		{ "@targets", offer_targets },     { "@calls", offer_calls },
		{ "@finished", offer_finished },   { "@revisions", offer_revisions },
		{ "@files", offer_files },         { "@commands", offer_commands },
	};
	char path[60];

	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
		if (strcmp(sources[i].name, source) == 0) {
			sources[i].offer(c);
			return;
		}
	snprintf(path, sizeof(path), "tables/%s", source + 1); /* @routes, @usages … */
	offer_of(c, path, "objects", "name", NULL);
}

/* "last @calls", "yes no". */
static void offer_all(const struct completion *c, const char *list)
{
	char one[40];

	while (list && *list) {
		size_t n = strcspn(list, " ");

		snprintf(one, sizeof(one), "%.*s", (int)n, list);
		if (one[0] == '@')
			offer_source(c, one);
		else
			offer(c, one, NULL);
		list += n + (list[n] == ' ');
	}
}

/* ---- Where the cursor is ---- */

static void offer_options(const struct completion *c)
{
	const struct gwctl_option *option;

	for (size_t i = 0; (option = gwctl_option_at(i)); i++) {
		bool fits = c->g->command ? gwctl_command_takes(c->g->command, option)
					  : i < GWCTL_GENERAL;

		if (fits && (option->repeated || !gwctl_flag(c->g, option->name)))
			offer(c, option->name, option->help);
	}
}

/* The second word of commands of two. */
static void offer_verbs(const struct completion *c, const char *group)
{
	const struct gwctl_command *command;

	for (size_t i = 0; (command = gwctl_command_at(i)); i++)
		if (gwctl_is_group(group, command))
			offer(c, strchr(command->words, ' ') + 1, command->help);
}

static void offer_word(const struct completion *c)
{
	struct gwctl *g = c->g;
	unsigned first = g->word_count && strcmp(g->words[0], "help") == 0 ? 1 : 0;

	if (g->word_count == first)
		offer_commands(c);
	else if (!g->command || first)
		offer_verbs(c, g->words[first]);
	else if (g->argument_count < g->command->most)
		offer_all(c, g->command->completes);
}

/* "--from=co": the option, and what is behind the sign. */
static const struct gwctl_option *option_with_sign(struct completion *c, char *prefix)
{
	const char *sign = strchr(c->word, '=');

	if (strncmp(c->word, "--", 2) != 0 || !sign || sign - c->word >= 40)
		return NULL;
	snprintf(prefix, 48, "%.*s", (int)(sign - c->word), c->word);
	c->word = sign + 1;
	return gwctl_option_named(prefix);
}

/* The words before the cursor. The option that awaits its value; NULL: none. */
static const struct gwctl_option *read_before(struct gwctl *g, int count, const char *const *words)
{
	const struct gwctl_option *waiting = NULL;
	unsigned taken;

	for (int i = 0; i < count; i++) {
		const char *sign = strchr(words[i], '=');
		char name[64];

		snprintf(name, sizeof(name), "%.*s", sign ? (int)(sign - words[i]) : 63, words[i]);
		if (waiting) {
			g->given[g->given_count++] = (struct gwctl_given){ waiting, words[i] };
			waiting = NULL;
		} else if (words[i][0] != '-') {
			if (g->word_count < GWCTL_WORDS)
				g->words[g->word_count++] = words[i];
		} else {
			const struct gwctl_option *option = gwctl_option_named(name);

			if (option && !sign && option->argument &&
			    !gwctl_option_is_optional(option))
				waiting = option;
			else if (option)
				g->given[g->given_count++] =
					(struct gwctl_given){ option, sign ? sign + 1 : NULL };
		}
	}
	g->command = gwctl_command_of(g->words, g->word_count, &taken);
	g->argument_count = g->command ? g->word_count - taken : 0;
	return waiting;
}

static void complete(struct completion *c, int count, const char *const *words)
{
	const struct gwctl_option *option = read_before(c->g, count - 1, words);
	char prefix[50] = "";

	c->word = words[count - 1];
	c->prefix = "";
	if (gwctl_value(c->g, "--socket"))
		c->g->socket = gwctl_value(c->g, "--socket");
	if (!option && (option = option_with_sign(c, prefix))) {
		strcat(prefix, "=");
		c->prefix = prefix;
	}
	if (option)
		offer_all(c, option->completes);
	else if (c->word[0] == '-')
		offer_options(c);
	else
		offer_word(c);
}

/* As a shell reads a word: without quotes and what a backslash stands before. */
static void unquote(const char *word, char *out)
{
	char quote = '\0';
	size_t used = 0;

	for (; *word && used + 1 < WORD_ROOM; word++) {
		if (quote ? *word == quote : *word == '\'' || *word == '"')
			quote = quote ? '\0' : *word;
		else if (*word == '\\' && quote != '\'' && word[1])
			out[used++] = *++word;
		else
			out[used++] = *word;
	}
	out[used] = '\0';
}

int gwctl_complete(struct gwctl *g, int count, const char *const *words)
{
	struct completion c = { .g = g, .meanings = count > 0 && strcmp(words[0], "zsh") == 0 };
	char(*plain)[WORD_ROOM];
	const char *list[WORDS_MAX];

	if (count < 2 || count > WORDS_MAX)
		return GWCTL_DONE;
	plain = mem_calloc((size_t)count, sizeof(*plain));
	if (!plain)
		return GWCTL_FAILED;
	for (int i = 1; i < count; i++) {
		if (c.meanings)
			snprintf(plain[i], WORD_ROOM, "%s", words[i]);
		else
			unquote(words[i], plain[i]);
		list[i - 1] = plain[i];
	}
	g->quiet = true;
	g->timeout_ms = PATIENCE_MS;
	complete(&c, count - 1, list);
	mem_free(plain);
	return GWCTL_DONE;
}

/* ---- The scripts ---- */

static const char bash[] =
	"# bash completion of gwctl: source <(gwctl completion bash)\n"
	"_gwctl() {\n"
	"\tlocal i word current kept line joins='' words=()\n"
	"\tCOMPREPLY=()\n"
	"\t# bash takes words apart at = and : (COMP_WORDBREAKS): put together what was one.\n"
	"\tfor ((i = 1; i <= COMP_CWORD; i++)); do\n"
	"\t\tword=${COMP_WORDS[i]}\n"
	"\t\tif [[ ${#words[@]} -gt 0 && ( $word == [=:]* || -n $joins ) && -n $word$joins ]]; "
	"then\n"
	"\t\t\twords[-1]+=$word\n"
	"\t\telse\n"
	"\t\t\twords+=(\"$word\")\n"
	"\t\tfi\n"
	"\t\tjoins=''\n"
	"\t\tif [[ $word == [=:] ]]; then joins=1; fi\n"
	"\tdone\n"
	"\tcurrent=${words[-1]}\n"
	"\tkept=''\n"
	"\tif [[ $current == *[=:]* ]]; then kept=${current%\"${current##*[=:]}\"}; fi\n"
	"\twhile IFS= read -r line; do\n"
	"\t\tif [[ $line == :files ]]; then\n"
	"\t\t\tcompopt -o default 2>/dev/null\n"
	"\t\telse\n"
	"\t\t\tline=${line#\"$kept\"}\n"
	"\t\t\tCOMPREPLY+=(\"$(printf %q \"$line\")\")\n"
	"\t\tfi\n"
	"\tdone < <(\"${COMP_WORDS[0]}\" __complete bash \"${words[@]}\" 2>/dev/null)\n"
	"}\n"
	"complete -F _gwctl gwctl\n";

static const char zsh[] =
	"#compdef gwctl\n"
	"# zsh completion of gwctl: source <(gwctl completion zsh), or as _gwctl in a folder of "
	"$fpath\n"
	"_gwctl() {\n"
	"\tlocal line word\n"
	"\tlocal -a lines offers\n"
	"\tlines=(\"${(@f)$($words[1] __complete zsh \"${(@Q)words[2,CURRENT]}\" 2>/dev/null)}\")\n"
	"\tfor line in $lines; do\n"
	"\t\tif [[ $line == :files ]]; then\n"
	"\t\t\t_files\n"
	"\t\t\tcontinue\n"
	"\t\tfi\n"
	"\t\tword=${line%%$'\\t'*}\n"
	"\t\toffers+=(\"${word//:/\\\\:}:${line#*$'\\t'}\")\n"
	"\tdone\n"
	"\t(( $#offers )) && _describe -V gwctl offers\n"
	"}\n"
	"if [[ $funcstack[1] == _gwctl ]]; then\n"
	"\t_gwctl \"$@\"\n"
	"else\n"
	"\tcompdef _gwctl gwctl\n"
	"fi\n";

int gwctl_completion(struct gwctl *g)
{
	if (strcmp(g->arguments[0], "bash") == 0)
		fputs(bash, g->out);
	else if (strcmp(g->arguments[0], "zsh") == 0)
		fputs(zsh, g->out);
	else
		return gwctl_complain(g, GWCTL_USAGE, "usage",
				      "%s: completion is there for bash and zsh", g->arguments[0]);
	return GWCTL_DONE;
}
