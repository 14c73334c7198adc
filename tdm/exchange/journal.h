/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TDM_EXCHANGE_JOURNAL_H
#define TDM_EXCHANGE_JOURNAL_H

/* The file of events, one JSON object a line, written whole. Thread: signalling. */

#include "base/clock.h"

#include <jansson.h>
#include <stdbool.h>

struct ex_journal;

/* JSON takes its memory from base/mem.h from now on. Before the first json_t of a program. */
void ex_json_init(void);

/* Appends to the file. `path` NULL: a journal that drops everything. 0 or -errno. */
int ex_journal_open(struct ex_journal **out, const char *path, const struct clock *clock);
void ex_journal_close(struct ex_journal **journal);
/* Would a line be kept? Saves making it. */
bool ex_journal_wanted(const struct ex_journal *journal);
/* Adds the time and writes. Takes the object (NULL: nothing). */
void ex_journal_write(struct ex_journal *journal, json_t *object);

#endif
