/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TDM_EXCHANGE_CONTROL_H
#define TDM_EXCHANGE_CONTROL_H

/* The control socket: a Unix stream socket that takes a command a line and answers each with one
 * line of JSON. Words are separated by blanks; "double quotes" hold blanks together. A connection's
 * commands run one after the other; `call` and `load` answer when their calls have ended. Whatever
 * failed has a member "error". Thread: signalling. */

#include "tdm/exchange/exchange.h"

#include <stdio.h>

struct ex_control;

struct ex_control_ops {
	/* `quit` was asked for. */
	void (*quit)(void *arg);
};

/* Binds to `path`; a socket that nobody answers on is replaced. 0, -EADDRINUSE or -errno. */
int ex_control_create(struct ex_control **out, const char *path, struct ex_exchange *exchange,
		      const struct ex_control_ops *ops, void *arg);
/* No command is taken any more and running loads are stopped; their answers still go out until
 * ex_control_destroy(). Before the exchange closes. */
void ex_control_stop(struct ex_control *control);
/* After the exchange has closed. Sets NULL, takes NULL; removes the socket. */
void ex_control_destroy(struct ex_control **control);

/* The other end: sends one command, prints the answer to `to`. 0: done; 1: the answer has an error;
 * -errno: no answer. */
int ex_control_ask(const char *path, char *const *words, unsigned count, FILE *to);

#endif
