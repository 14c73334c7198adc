/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GATEWAY_GWCTL_PRIVATE_H
#define GATEWAY_GWCTL_PRIVATE_H

/* What the files of gwctl share. */

#include "gateway/gwctl.h"

#define GWCTL_WORDS 6

struct gwctl_command;

/* One run. */
struct gwctl {
	const struct gwctl_io *io;
	FILE *out;
	const char *socket;
	bool json, colour, help, version, finished;
	const char *from, *calling, *type;
	const char *words[GWCTL_WORDS]; /* of the command line; behind those of the command: its arguments */
	unsigned word_count;
	bool no_memory;                 /* something could not be shown */
	const struct gwctl_command *command;
	const char *const *arguments;
	unsigned argument_count;
};

enum gwctl_option { GWCTL_FROM = 1, GWCTL_CALLING = 2, GWCTL_FINISHED = 4, GWCTL_TYPE = 8 };

struct gwctl_command {
	const char *words;      /* "call show" */
	const char *arguments;  /* "ID"; shown in help */
	unsigned least, most;   /* how many */
	unsigned options;       /* enum gwctl_option */
	int (*run)(struct gwctl *g);
	const char *help;
};

int gwctl_status(struct gwctl *g);
int gwctl_call_list(struct gwctl *g);
int gwctl_call_show(struct gwctl *g);
int gwctl_call_trace(struct gwctl *g);
int gwctl_call_hangup(struct gwctl *g);
int gwctl_span_list(struct gwctl *g);
int gwctl_span_show(struct gwctl *g);
int gwctl_trunk_list(struct gwctl *g);
int gwctl_route_test(struct gwctl *g);
int gwctl_config_check(struct gwctl *g);

/* Asks the daemon. GWCTL_DONE and *out (the caller's), or another exit code after a sentence on
 * io->err. The path follows the API's prefix; arguments must be escaped. */
int gwctl_ask(struct gwctl *g, const char *method, json_t **out, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* Percent-encodes an argument for a path or query. Returns `out`. */
const char *gwctl_escape(const char *text, char *out, size_t room);
/* A sentence (or JSON) on io->err; returns `exit`. */
int gwctl_complain(struct gwctl *g, int exit, const char *code, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* --json: prints it. True: that was all that is wanted. */
bool gwctl_printed_json(struct gwctl *g, const json_t *json);

/* ---- Reading JSON ---- */

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

/* ---- Colours and tables ---- */

enum tint { TINT_NONE, TINT_DIM, TINT_BOLD, TINT_GOOD, TINT_WARN, TINT_BAD };
/* Escape sequences, or "" when there are no colours. */
const char *tint_on(const struct gwctl *g, enum tint tint);
const char *tint_off(const struct gwctl *g, enum tint tint);

#define TABLE_COLUMNS 12

struct table_cell {
	char *text;
	enum tint tint;
};
/* Columns as wide as their widest cell; a heading that begins with > is aligned to the right. */
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
void table_add(struct table *table, enum tint tint, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Prints, or says `nothing` when there is no row; frees. Without memory nothing is printed and
 * g->no_memory is set. */
void table_end(struct table *table, struct gwctl *g, const char *nothing);

#endif
