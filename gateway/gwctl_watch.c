/* SPDX-License-Identifier: GPL-2.0-only */
/* --watch: a command again and again. On a terminal it is redrawn in place, each time in one write,
 * so that nothing flickers; in a pipe one block follows the other. */
#include "gateway/gwctl_private.h"

#include <stdlib.h>
#include <string.h>

/* As many lines as the terminal has; each erases what was behind it before. */
void gwctl_redraw(struct gwctl *g, const char *text)
{
	unsigned columns = 0, lines = 0, line = 0;

	if (g->io->size)
		g->io->size(g->io->arg, &columns, &lines);
	fputs("\033[?2026h\033[H", g->io->out); /* synchronized where the terminal knows it */
	while (*text && (!lines || line < lines)) {
		size_t n = strcspn(text, "\n");

		fprintf(g->io->out, "%s%.*s\033[K", line ? "\r\n" : "", (int)n, text);
		text += n + (text[n] == '\n');
		line++;
	}
	fputs("\033[J\033[?2026l", g->io->out);
	fflush(g->io->out);
}

static int read_interval(struct gwctl *g, unsigned *ms)
{
	const char *text = gwctl_value(g, "--watch");
	double seconds;
	char *end;

	*ms = 2000;
	if (!*text)
		return GWCTL_DONE;
	seconds = strtod(text, &end);
	if (end == text || *end || !(seconds >= 0.1 && seconds <= 86400))
		return gwctl_complain(g, GWCTL_USAGE, "usage",
				      "--watch=%s: seconds from 0.1 to 86400 are "
				      "accepted",
				      text);
	*ms = (unsigned)(seconds * 1000);
	return GWCTL_DONE;
}

/* One round, captured; complaints too where they would spoil the picture. */
static int round_of(struct gwctl *g, bool drawn, char **text)
{
	struct gwctl_io io = *g->io, *before = (struct gwctl_io *)g->io;
	unsigned lines;
	size_t size;
	int rc;

	g->out = open_memstream(text, &size);
	if (!g->out) {
		g->out = before->out;
		return gwctl_out_of_memory(g);
	}
	if (drawn)
		io.err = g->out;
	if (io.size)
		io.size(io.arg, &g->columns, &lines);
	g->io = &io;
	rc = g->command->run(g);
	if (g->no_memory)
		rc = gwctl_out_of_memory(g);
	fclose(g->out);
	g->io = before;
	g->out = before->out;
	g->no_memory = false;
	return rc;
}

static bool waited(struct gwctl *g, unsigned ms)
{
	return g->io->wait && g->io->wait(g->io->arg, ms);
}

/* A daemon that is being restarted is waited for where somebody looks on; a script is told. */
static int watch(struct gwctl *g, unsigned ms, bool drawn)
{
	char *text = NULL;
	bool first = true;
	int rc;

	do {
		rc = round_of(g, drawn, &text);
		if (drawn && text) {
			gwctl_redraw(g, text);
		} else if (text) {
			if (!first && !g->json)
				fputc('\n', g->out);
			fputs(text, g->out);
			fflush(g->out);
		}
		free(text);
		text = NULL;
		first = false;
	} while ((drawn || rc == GWCTL_DONE || rc == GWCTL_NOT_FOUND) && !ferror(g->out) &&
		 waited(g, ms));
	return rc;
}

int gwctl_watch(struct gwctl *g)
{
	bool drawn = g->io->terminal && g->io->screen && !g->json;
	unsigned ms;
	int rc = read_interval(g, &ms);

	if (rc)
		return rc;
	if (drawn)
		g->io->screen(g->io->arg, true);
	rc = watch(g, ms, drawn);
	if (drawn)
		g->io->screen(g->io->arg, false);
	return drawn && rc == GWCTL_NOT_FOUND ? GWCTL_DONE : rc;
}
