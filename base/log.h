/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BASE_LOG_H
#define BASE_LOG_H

/* One line a record: time, level, context, text. Each object makes one macro that prefixes its
 * context, e.g.
 *   #define slog(span, level, ...) log_write(level, "span", (span)->name, __VA_ARGS__)
 * Thread: any; lines are written whole with one write(2). Never called from the media tick. */

#include <stdarg.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_NOTICE, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* `kind` and `name` make the context "kind name:"; either may be NULL. Newlines and control
 * characters of the text are escaped, so what a peer sends cannot forge a line. */
void log_write(enum log_level level, const char *kind, const char *name, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* The same with its arguments taken. */
void log_vwrite(enum log_level level, const char *kind, const char *name, const char *format, va_list args);

/* Lines above this level are dropped before formatting. Default: NOTICE. */
void log_set_level(enum log_level level);
/* The level now. */
enum log_level log_get_level(void);
/* "error", "warning", "notice", "info", "debug" → level, or -1. */
int log_level_by_name(const char *name);
/* Where lines go: a descriptor (default 2). With `journal` the systemd priority prefix "<n>" and no
 * time is written. */
void log_set_output(int fd, int journal);
/* Tests: hand each record to this instead (NULL: back to the descriptor). */
void log_set_sink(void (*sink)(enum log_level, const char *line, void *arg), void *arg);

#endif
