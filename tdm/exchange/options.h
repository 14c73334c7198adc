/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TDM_EXCHANGE_OPTIONS_H
#define TDM_EXCHANGE_OPTIONS_H

/* The command line. Pure; any thread. Texts point into argv. */

#include "tdm/exchange/call_spec.h"
#include "tdm/exchange/fault.h"

#include <stdio.h>

enum ex_verb {
	EX_VERB_RUN,
	EX_VERB_CALL,
	EX_VERB_CTL,
	EX_VERB_CHECK,
	EX_VERB_HELP,
	EX_VERB_VERSION
};

#define EX_FAULTS_MAX 16

struct ex_options {
	enum ex_verb verb;
	const char *help_about;      /* verb, or NULL */
	const char *path;            /* of the configuration, or of the socket */
	char **words;                /* ctl: the command */
	unsigned word_count;
	const char *plan, *control, *log_json, *log_level;
	struct ex_fault faults[EX_FAULTS_MAX];
	unsigned fault_count;
	bool json, quiet;
	const char *json_path;       /* NULL with json: standard output */
	unsigned wait_ms;            /* for spans to come up */
	struct ex_call_spec spec;
};

/* 0, or -EINVAL and `why` (320 octets). Borrows argv. */
int ex_options_parse(struct ex_options *options, int argc, char **argv, char *why);
void ex_options_help(const char *about, FILE *to);

#endif
