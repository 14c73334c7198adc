/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TDM_EXCHANGE_COMMAND_H
#define TDM_EXCHANGE_COMMAND_H

/* The commands of the control socket, by themselves: words in, JSON out. Thread: signalling. */

#include "tdm/exchange/load.h"

#define EX_WORDS_MAX 64

/* A line cut into words, in place. Number of words, or -E2BIG, -EINVAL (a quote without its end).
 * */
int ex_command_words(char *line, char *words[EX_WORDS_MAX]);

struct ex_command_env {
	struct ex_exchange *exchange;
	void (*quit)(void *arg);
	/* The command has started a load: its answer comes later. */
	void (*started)(struct ex_load *load, void *arg);
	const struct ex_load_ops *load_ops; /* of that load, with `arg` */
	void *arg;
};
/* The answer, or NULL when a load was started (`started` was called with it). Without memory:
 * json_null(). */
json_t *ex_command_run(const struct ex_command_env *env, char **words, unsigned count);
/* The answer of a load that is done: the report, and beside it what is known of a single call. */
json_t *ex_command_load_answer(struct ex_load *load);
json_t *ex_command_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
