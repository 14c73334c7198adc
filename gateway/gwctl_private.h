/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GATEWAY_GWCTL_PRIVATE_H
#define GATEWAY_GWCTL_PRIVATE_H

/* What the files of gwctl share. gwctl.c reads the command line and runs a command of the table in
 * gwctl_commands.c; gwctl_ask.c asks the daemon; gwctl_json.c and gwctl_table.c print. */

#include "gateway/gwctl.h"

#include <jansson.h>

#define GWCTL_WORDS 8
#define GWCTL_GIVEN 96  /* options of one command line */
#define GWCTL_NAME 1000 /* an argument, escaped for a path */

struct gwctl_command;
struct gwctl_option;

struct gwctl_given {
	const struct gwctl_option *option;
	const char *value; /* NULL: without one */
};

/* One run. */
struct gwctl {
	const struct gwctl_io *io;
	FILE *out;
	const char *socket;
	char line[400]; /* the command line, for the gateway's history */
	bool json, colour, help;
	bool no_memory;   /* something could not be shown */
	bool gone;        /* the daemon did not answer */
	bool quiet;       /* completion: complaints are not told */
	const char *file; /* whose faults have a line and column; NULL: none */
	unsigned timeout_ms;
	unsigned columns;               /* of the terminal; 0: any */
	const char *words[GWCTL_WORDS]; /* behind those of the command: its arguments */
	unsigned word_count;
	struct gwctl_given given[GWCTL_GIVEN];
	unsigned given_count;
	const struct gwctl_command *command;
	const char *const *arguments;
	unsigned argument_count;
};

/* ---- The tables of the command line (gwctl_commands.c) ---- */

struct gwctl_option {
	const char *name;      /* "--from" */
	const char *argument;  /* "NAME"; NULL: a flag; "[=SECONDS]": may be left out */
	const char *completes; /* as of commands */
	const char *help;
	bool may_be_empty, repeated;
};
/* The i-th, NULL at the end. The first GWCTL_GENERAL of them belong to every command. */
const struct gwctl_option *gwctl_option_at(size_t i);
#define GWCTL_GENERAL 6
/* "--from", "-h"; NULL: no such option. */
const struct gwctl_option *gwctl_option_named(const char *name);
bool gwctl_option_is_bare(const struct gwctl_option *option);     /* takes no value */
bool gwctl_option_is_optional(const struct gwctl_option *option); /* only behind "=" */

enum gwctl_trait {
	GWCTL_READS = 1,   /* may be watched */
	GWCTL_CHANGES = 2, /* tables: --dry-run, --if-revision */
};

struct gwctl_kind;
struct dialplan_body;

struct gwctl_command {
	const char *words;     /* "call show" */
	const char *arguments; /* "ID"; shown in help */
	unsigned least, most;  /* how many */
	unsigned traits;       /* enum gwctl_trait */
	const char *options;   /* "--from --type"; NULL: none of its own */
	int (*run)(struct gwctl *g);
	const char *completes;         /* of its arguments: words, or @routes and the like; NULL */
	const struct gwctl_kind *kind; /* of table commands */
	const char *help;
};
/* The i-th, NULL at the end. */
const struct gwctl_command *gwctl_command_at(size_t i);
/* The command that these words begin with, and how many of them it is; NULL: none. */
const struct gwctl_command *gwctl_command_of(const char *const *words, unsigned count,
					     unsigned *taken);
bool gwctl_command_takes(const struct gwctl_command *command, const struct gwctl_option *option);
/* Is the word the first of commands of two, such as "call"? */
bool gwctl_is_group(const char *word, const struct gwctl_command *command);

void gwctl_print_help(const struct gwctl *g);
void gwctl_print_group(const struct gwctl *g, const char *word);
void gwctl_print_command(const struct gwctl *g, const struct gwctl_command *command);
/* "[=SECONDS]" or " NAME"; for help and manual pages. */
const char *gwctl_option_argument(const struct gwctl_option *option, char *out, size_t room);
extern const char *const gwctl_exit_texts[]; /* by enum gwctl_exit, then NULL */

/* ---- What was given (gwctl.c) ---- */

bool gwctl_flag(const struct gwctl *g, const char *option);
/* The last one's value; NULL: not given. */
const char *gwctl_value(const struct gwctl *g, const char *option);
/* The i-th one's; NULL: no more. */
const char *gwctl_value_at(const struct gwctl *g, const char *option, size_t i);
/* A whole number within; *out stays when it was not given. GWCTL_DONE or GWCTL_USAGE. */
int gwctl_number_of(struct gwctl *g, const char *option, long long least, long long most,
		    long long *out);
/* Asks somebody; without --yes and nobody there, a complaint. GWCTL_DONE: go on. */
int gwctl_confirm(struct gwctl *g, const char *question);

/* ---- Commands ---- */

typedef int gwctl_run_fn(struct gwctl *g);
gwctl_run_fn gwctl_status, gwctl_top;
gwctl_run_fn gwctl_call_list, gwctl_call_show, gwctl_call_trace, gwctl_call_hangup;
gwctl_run_fn gwctl_span_list, gwctl_span_show, gwctl_trunk_list, gwctl_trunk_show;
gwctl_run_fn gwctl_switch; /* enable, disable, drain */
gwctl_run_fn gwctl_route_test;
gwctl_run_fn gwctl_table_list, gwctl_table_show, gwctl_table_add, gwctl_table_set, gwctl_table_del,
	gwctl_table_move, gwctl_table_rename;
gwctl_run_fn gwctl_cdr_list, gwctl_cdr_show, gwctl_cdr_export;
gwctl_run_fn gwctl_config_check, gwctl_config_diff, gwctl_config_reload;
gwctl_run_fn gwctl_apply, gwctl_export, gwctl_history, gwctl_rollback;
gwctl_run_fn gwctl_store_status, gwctl_store_backup, gwctl_store_restore, gwctl_store_migrate;
gwctl_run_fn gwctl_token, gwctl_completion;

/* Not in the table: `gwctl __complete WORD…`, the last word being the one at the cursor;
 * `gwctl __man PAGE`. */
int gwctl_complete(struct gwctl *g, int count, const char *const *words);
int gwctl_man(struct gwctl *g, const char *page);

/* Runs the command again and again, redrawn in place or block by block. */
int gwctl_watch(struct gwctl *g);
/* Shows `text` from the upper left corner of the terminal, in one go. */
void gwctl_redraw(struct gwctl *g, const char *text);

/* ---- Asking (gwctl_ask.c) ---- */

/* Asks the daemon. GWCTL_DONE and *out (the caller's), or another exit code after a sentence on
 * io->err. The path follows the API's prefix; arguments must be escaped. */
int gwctl_ask(struct gwctl *g, const char *method, json_t **out, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* The same with a body; `path` without the options of changes: --dry-run and --if-revision are
 * added, and `more` (or NULL) such as "now=true". */
struct gwctl_asking {
	const char *method, *path, *more;
	const json_t *json;      /* the body, borrowed; or */
	const char *text, *type; /* this; NULL: none */
	size_t length;
	bool dry_run;           /* also without --dry-run */
	json_int_t if_revision; /* 0: as --if-revision says */
};
int gwctl_ask_for(struct gwctl *g, const struct gwctl_asking *asking, json_t **out);
/* An answer that is no JSON (mem_free()). */
int gwctl_ask_text(struct gwctl *g, const char *path, char **out, size_t *length);
/* Is what a command needs in the answer? Else gatewayd is of another version: a sentence. */
int gwctl_need(struct gwctl *g, const json_t *answer, const char *key);
/* Percent-encodes an argument for a path or query. Returns `out`. */
const char *gwctl_escape(const char *text, char *out, size_t room);
/* A sentence (or JSON) on io->err; returns `exit`. */
int gwctl_complain(struct gwctl *g, int exit, const char *code, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
int gwctl_out_of_memory(struct gwctl *g);

/* ---- Reading and printing JSON (gwctl_json.c) ---- */

/* --json: prints it. True: that was all that is wanted. */
bool gwctl_printed_json(struct gwctl *g, const json_t *json);
/* Never NULL; control characters replaced, so what a peer sent can't steer the terminal. Valid
 * until the 16th next call. */
const char *gwctl_text(const json_t *object, const char *key);
long long gwctl_integer(const json_t *object, const char *key);
/* "12.3 s", "4:05", "-" when null. Same validity. */
const char *gwctl_duration(const json_t *object, const char *key);
/* "2026-01-01 00:00:00" of the API's form. Same validity. */
const char *gwctl_time(const json_t *object, const char *key);
/* "2079460000 (national)". Same validity. */
const char *gwctl_number(const json_t *object, const char *key);
/* A value of a table's object as a line: lists with commas, gateways with their weights. "-" when
 * there is none. Same validity. */
const char *gwctl_plain(const json_t *value);
/* The same of any length, for the caller (mem_free()); NULL: without memory. */
char *gwctl_plain_whole(const json_t *value);
/* What differs, object by object, as the API's "diff" has it. */
void gwctl_print_diff(struct gwctl *g, const json_t *diff);
/* "1 change", "3 changes". Same validity. */
const char *gwctl_count(size_t count, const char *what);

/* Seconds since 1970 of "2h", "yesterday", "2026-01-31 12:00"…; false: it is none (UTC). */
bool gwctl_read_time(const char *text, int64_t now, int64_t *out);
int64_t gwctl_now(const struct gwctl *g);

/* ---- Colours and tables (gwctl_table.c) ---- */

enum tint { TINT_NONE, TINT_DIM, TINT_BOLD, TINT_GOOD, TINT_WARN, TINT_BAD };
/* Escape sequences, or "" when there are no colours. */
const char *tint_on(const struct gwctl *g, enum tint tint);
const char *tint_off(const struct gwctl *g, enum tint tint);

#define TABLE_COLUMNS 14

struct table_cell {
	char *text;
	enum tint tint;
};
/* Columns as wide as their widest cell, on a terminal no wider than it; a heading that begins with
 * > is aligned to the right. */
struct table {
	const char *headings[TABLE_COLUMNS];
	unsigned columns;
	struct table_cell *cells;
	size_t count, room;
	bool failed;
};
/* `headings` separated by blanks: "ID STATE >CALLS"; _ stands for a blank within one. */
void table_begin(struct table *table, const char *headings);
/* The next cell, left to right, row by row. */
void table_add(struct table *table, enum tint tint, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Prints, or says `nothing` when there is no row; frees. Without memory nothing is printed and
 * g->no_memory is set. */
void table_end(struct table *table, struct gwctl *g, const char *nothing);
/* Without printing. */
void table_free(struct table *table);
/* A row of two: what, and its value. */
void table_fact(struct table *table, const char *what, const char *value);

/* What several commands show. */
void gwctl_print_trunks(struct gwctl *g, const json_t *trunks);
void gwctl_print_spans(struct gwctl *g, const json_t *spans);
enum tint gwctl_admin_tint(const json_t *object);
enum tint gwctl_state_tint(const char *state);
/* A table of the counters that have moved; what should not happen in colour. */
void gwctl_print_counters(struct gwctl *g, const char *heading, const json_t *groups);
void gwctl_print_overload(struct gwctl *g, const json_t *overload);
void gwctl_print_records(struct gwctl *g, const json_t *records);
void gwctl_print_tables(struct gwctl *g, const json_t *tables);

#endif
