/* SPDX-License-Identifier: GPL-2.0-only */
#include "base/log.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE 2048 /* octets of a record; what is longer ends in "..." */

static const char *const names[] = { "error", "warning", "notice", "info", "debug" };
static const int journal_priorities[] = { 3, 4, 5, 6, 7 }; /* sd-daemon(3) */

static _Atomic int level_now = LOG_LEVEL_NOTICE;
static _Atomic int output_fd = 2;
static _Atomic int output_journal;
static void (*sink_now)(enum log_level, const char *line, void *arg);
static void *sink_arg;

/* A line under construction: always room for the tail, the newline and the NUL. */
struct line {
	char text[LINE + 8];
	size_t length;
	bool full;
};

static void put(struct line *l, const char *text, size_t n)
{
	if (l->full)
		return;
	if (l->length + n > LINE) {
		l->full = true;
		return;
	}
	memcpy(l->text + l->length, text, n);
	l->length += n;
}

/* Control characters (C0 and DEL) as escapes; everything from 0x80 up passes, being UTF-8. */
static void put_escaped(struct line *l, const char *text)
{
	char escape[8];

	for (; *text && !l->full; text++) {
		unsigned char c = (unsigned char)*text;

		if (c >= 0x20 && c != 0x7f) {
			put(l, text, 1);
			continue;
		}
		if (c == '\n')
			strcpy(escape, "\\n");
		else if (c == '\r')
			strcpy(escape, "\\r");
		else if (c == '\t')
			strcpy(escape, "\\t");
		else
			snprintf(escape, sizeof(escape), "\\x%02x", c);
		put(l, escape, strlen(escape));
	}
}

static void put_head(struct line *l, enum log_level level)
{
	char head[64];
	struct timespec now;
	struct tm tm;
	size_t n;

	if (sink_now)
		return;
	if (atomic_load(&output_journal)) {
		snprintf(head, sizeof(head), "<%d>", journal_priorities[level]);
		put(l, head, strlen(head));
		return;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	n = strftime(head, sizeof(head), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(head + n, sizeof(head) - n, ".%03ldZ %-7s ", now.tv_nsec / 1000000, names[level]);
	put(l, head, strlen(head));
}

static void put_context(struct line *l, const char *kind, const char *name)
{
	if (kind)
		put_escaped(l, kind);
	if (kind && name)
		put(l, " ", 1);
	if (name)
		put_escaped(l, name);
	if (kind || name)
		put(l, ": ", 2);
}

static void write_out(struct line *l, enum log_level level)
{
	if (l->full) {
		memcpy(l->text + l->length, "...", 3);
		l->length += 3;
	}
	l->text[l->length] = '\0';
	if (sink_now) {
		sink_now(level, l->text, sink_arg);
		return;
	}
	l->text[l->length++] = '\n';
	/* A log that can't be written is not worth failing for. */
	if (write(atomic_load(&output_fd), l->text, l->length) < 0)
		return;
}

void log_vwrite(enum log_level level, const char *kind, const char *name, const char *format,
		va_list args)
{
	char text[LINE];
	struct line l;

	if ((int)level > atomic_load_explicit(&level_now, memory_order_relaxed))
		return;
	vsnprintf(text, sizeof(text), format, args);
	l.length = 0;
	l.full = false;
	put_head(&l, level);
	put_context(&l, kind, name);
	put_escaped(&l, text);
	write_out(&l, level);
}

void log_write(enum log_level level, const char *kind, const char *name, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_vwrite(level, kind, name, format, args);
	va_end(args);
}

void log_set_level(enum log_level level)
{
	atomic_store(&level_now, (int)level);
}

enum log_level log_get_level(void)
{
	return (enum log_level)atomic_load(&level_now);
}

int log_level_by_name(const char *name)
{
	for (int i = 0; i < (int)(sizeof(names) / sizeof(names[0])); i++)
		if (strcmp(name, names[i]) == 0)
			return i;
	return -1;
}

void log_set_output(int fd, int journal)
{
	atomic_store(&output_fd, fd);
	atomic_store(&output_journal, journal);
}

void log_set_sink(void (*sink)(enum log_level, const char *line, void *arg), void *arg)
{
	sink_now = sink;
	sink_arg = arg;
}
