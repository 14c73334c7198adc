/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GATEWAY_GWCTL_H
#define GATEWAY_GWCTL_H

/* The administrator's command. It knows the API and nothing of the gateway's insides. docs/gwctl.md
 * is its manual. What touches the world (the socket, the terminal) is handed in, so that tests read
 * what it prints. */

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#define GWCTL_SOCKET "/run/causeway/gatewayd.sock"

enum gwctl_exit {
	GWCTL_DONE = 0,
	GWCTL_NOT_FOUND = 1,   /* no such call or span, no route for the number */
	GWCTL_USAGE = 2,       /* the command line, or a configuration that has faults */
	GWCTL_NO_DAEMON = 3,   /* gatewayd can't be reached */
	GWCTL_FAILED = 4,      /* it was reached and could not answer; or something failed here */
};

/* What came back: `status` of HTTP and its JSON (owned by the caller, may be NULL). */
struct gwctl_answer {
	unsigned status;
	json_t *json;
};

struct gwctl_io {
	FILE *out, *err;
	bool colour;           /* a terminal that shows them */
	const char *socket;    /* unless --socket says otherwise; NULL: GWCTL_SOCKET */
	/* 0; -ENOENT, -ECONNREFUSED, -EACCES: nobody there, nobody listens, not allowed;
	 * -ETIMEDOUT; other -errno. */
	int (*fetch)(void *arg, const char *socket, const char *method, const char *path, struct gwctl_answer *answer);
	void *arg;
};

/* Returns the exit code. Thread: any, one at a time. */
int gwctl(int argc, const char *const *argv, const struct gwctl_io *io);

/* The real fetch: HTTP over the Unix socket by libcurl. `arg` unused. */
int gwctl_fetch(void *arg, const char *socket, const char *method, const char *path, struct gwctl_answer *answer);

#endif
