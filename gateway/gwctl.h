/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GATEWAY_GWCTL_H
#define GATEWAY_GWCTL_H

/* The administrator's command. It knows the API and nothing of the gateway's insides. docs/gwctl.md
 * is its manual. What touches the world (the socket, the terminal, the time) is handed in, so that
 * tests read what it asks and what it prints. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define GWCTL_SOCKET "/run/causeway/gatewayd.sock"

enum gwctl_exit {
	GWCTL_DONE = 0,
	GWCTL_NOT_FOUND = 1,   /* no such thing, no route for the number */
	GWCTL_USAGE = 2,       /* the command line, or tables or a configuration that have faults */
	GWCTL_NO_DAEMON = 3,   /* gatewayd can't be reached */
	GWCTL_FAILED = 4,      /* it was reached and could not answer; or something failed here */
	GWCTL_NOT_ALLOWED = 5, /* the role is too low */
	GWCTL_CONFLICT = 6,    /* exists already, is in use, has changed meanwhile */
};

struct gwctl_request {
	const char *socket, *method, *path;
	const char *token;   /* to be shown; NULL: none */
	const char *command; /* the command line, for the gateway's history */
	const char *type;    /* of the body; NULL: no body */
	const char *body;    /* `length` octets */
	size_t length;
	unsigned timeout_ms;
};

/* What came back: `status` of HTTP and the text, the caller's: mem_free(). NULL: nothing. */
struct gwctl_answer {
	unsigned status;
	char *text;
	size_t length;
};

struct gwctl_io {
	FILE *in, *out, *err;
	bool colour;        /* `out` shows them */
	bool asks;          /* somebody is there to be asked: `in` and `err` are terminals */
	bool terminal;      /* `out` can be redrawn in place */
	const char *socket; /* unless --socket says otherwise; NULL: GWCTL_SOCKET */
	const char *token;  /* of $CAUSEWAY_TOKEN; NULL: none */
	/* 0; -ENOENT, -ECONNREFUSED, -EACCES: nobody there, nobody listens, not allowed; -EAGAIN:
	 * too many ask; -ETIMEDOUT; other -errno. */
	int (*fetch)(void *arg, const struct gwctl_request *request, struct gwctl_answer *answer);
	/* Of the terminal; NULL: there is none, lines may be as long as they like. */
	void (*size)(void *arg, unsigned *columns, unsigned *lines);
	/* Takes the whole terminal for us (with keys unechoed), gives it back. NULL: there is none.
	 */
	void (*screen)(void *arg, bool ours);
	/* False: it shall end (q, Ctrl-C, a signal); else so many milliseconds are over, or the
	 * terminal has another size. NULL: never waits, ends after the first. */
	bool (*wait)(void *arg, unsigned ms);
	/* Seconds since 1970; NULL: time(). */
	int64_t (*now)(void *arg);
	void *arg;
};

/* Returns the exit code. Thread: any, one at a time. */
int gwctl(int argc, const char *const *argv, const struct gwctl_io *io);

/* ---- The real world ---- */

/* HTTP over the Unix socket by libcurl. `arg` unused. */
int gwctl_fetch(void *arg, const struct gwctl_request *request, struct gwctl_answer *answer);
/* The terminal of this process. */
void gwctl_terminal_size(void *arg, unsigned *columns, unsigned *lines);
void gwctl_terminal_screen(void *arg, bool ours);
bool gwctl_terminal_wait(void *arg, unsigned ms);

#endif
