/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GWCTL_FIXTURE_H
#define GWCTL_FIXTURE_H

/* gwctl with canned answers: what it asks, and what it prints. SHOW=1 in the environment shows it.
 */
#include "gateway/gwctl.h"

#include "base/mem.h"

#include <errno.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
	/* What the daemon answers. */
	int rc;
	unsigned status;
	const char *body;
	struct {
		const char *asked,
			*body; /* to a question that has this in it; the last that fits counts */
		unsigned status;
	} routes[8];
	/* What it was asked: the first time, the last time, and every time. */
	char asked[4096], sent[4096], type[64], command[512], last[4096], all[16384], socket[256],
		token[64];
	unsigned questions;
	/* What was printed. */
	char *out, *err;
	size_t out_size, err_size;
	/* The terminal. */
	const char *typed; /* what somebody says when he is asked */
	bool asks, terminal, colour;
	unsigned columns, lines;
	unsigned rounds;  /* waits before it shall end */
	unsigned screens; /* times it was taken and given back */
	int64_t now;
};

static int answer(void *arg, const struct gwctl_request *request, struct gwctl_answer *to)
{
	struct fixture *f = arg;
	const char *body = f->body;
	unsigned status = f->status;
	size_t used = strlen(f->all);

	snprintf(f->last, sizeof(f->last), "%s %s", request->method, request->path);
	snprintf(f->all + used, sizeof(f->all) - used, "%s%s", used ? "\n" : "", f->last);
	if (!f->questions++)
		snprintf(f->asked, sizeof(f->asked), "%s", f->last);
	snprintf(f->sent, sizeof(f->sent), "%.*s", (int)request->length,
		 request->body ? request->body : "");
	snprintf(f->type, sizeof(f->type), "%s", request->type ? request->type : "");
	snprintf(f->command, sizeof(f->command), "%s", request->command);
	snprintf(f->socket, sizeof(f->socket), "%s", request->socket);
	snprintf(f->token, sizeof(f->token), "%s", request->token ? request->token : "");
	for (size_t i = 0; i < 8 && f->routes[i].asked; i++)
		if (strstr(f->last, f->routes[i].asked)) {
			body = f->routes[i].body;
			status = f->routes[i].status;
		}
	if (f->rc)
		return f->rc;
	to->status = status ? status : 200;
	to->text = mem_strdup(body);
	to->length = body ? strlen(body) : 0;
	return body && !to->text ? -ENOMEM : 0;
}

static void size(void *arg, unsigned *columns, unsigned *lines)
{
	struct fixture *f = arg;

	*columns = f->columns;
	*lines = f->lines;
}

static void screen(void *arg, bool ours)
{
	struct fixture *f = arg;

	assert_int_equal(ours, f->screens % 2 == 0);
	f->screens++;
}

static bool wait_for(void *arg, unsigned ms)
{
	struct fixture *f = arg;

	assert_true(ms >= 100);
	return f->rounds && --f->rounds;
}

static int64_t now(void *arg)
{
	struct fixture *f = arg;

	return f->now;
}

/* Words of the line; '…' keeps blanks together. */
static int split(char *line, const char **argv, int room)
{
	int argc = 0;

	while (*line && argc < room) {
		char end = ' ';

		line += strspn(line, " ");
		if (!*line)
			break;
		if (*line == '\'') {
			end = '\'';
			line++;
		}
		argv[argc++] = line;
		line += strcspn(line, (char[]){ end, '\0' });
		if (*line)
			*line++ = '\0';
	}
	return argc;
}

static int run(struct fixture *f, const char *line)
{
	const char *argv[80] = { "gwctl" };
	char *copy = strdup(line), *typed = strdup(f->typed ? f->typed : "");
	struct gwctl_io io = { .colour = f->colour,
			       .asks = f->asks,
			       .terminal = f->terminal,
			       .fetch = answer,
			       .size = size,
			       .screen = screen,
			       .wait = wait_for,
			       .now = now,
			       .token = NULL,
			       .arg = f };
	int argc = 1 + split(copy, argv + 1, 79), rc;

	free(f->out);
	free(f->err);
	f->asked[0] = f->sent[0] = f->type[0] = f->command[0] = f->all[0] = f->last[0] = '\0';
	f->questions = 0;
	io.in = *typed ? fmemopen(typed, strlen(typed), "r") : fopen("/dev/null", "r");
	io.out = open_memstream(&f->out, &f->out_size);
	io.err = open_memstream(&f->err, &f->err_size);
	rc = gwctl(argc, argv, &io);
	fclose(io.in);
	fclose(io.out);
	fclose(io.err);
	free(copy);
	free(typed);
	if (getenv("SHOW"))
		print_message("$ gwctl %s\n%s%s[%d]\n", line, f->out, f->err, rc);
	return rc;
}

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct fixture));
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	free(f->out);
	free(f->err);
	free(f);
	assert_int_equal(mem_live_blocks(), 0);
	return 0;
}

static void has(const char *text, const char *piece)
{
	if (!strstr(text, piece))
		fail_msg("no \"%s\" in:\n%s", piece, text);
}

/* Runs the line with the 1st, 2nd, 3rd … allocation failing until none does: it says so, and holds
 * nothing. `otherwise`: the exit code then. */
__attribute__((unused)) static void sweep(struct fixture *f, const char *line, int otherwise)
{
	long live = mem_live_blocks();
	bool failed;

	for (long n = 0;; n++) {
		int rc;

		mem_fail_after(n);
		rc = run(f, line);
		failed = mem_failed();
		mem_fail_after(-1);
		if (rc != (failed ? GWCTL_FAILED : otherwise))
			fail_msg("%s: exit %d with allocation %ld failing: %s%s", line, rc, n,
				 f->out, f->err);
		assert_int_equal(mem_live_blocks(), live);
		if (!failed)
			return;
		assert_true(n < 2000);
	}
}

#endif
