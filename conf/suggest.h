/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CONF_SUGGEST_H
#define CONF_SUGGEST_H

/* What somebody may have meant: for unknown keys and names of files, and for words of the command
 * line. Pure; any thread. What is returned belongs to the caller's list or buffer. */

#include <stddef.h>

/* The candidate nearest to `word`, NULL when none is near. `at(list, i)` gives the i-th, NULL at
 * the end. */
const char *suggest_nearest(const char *word, const char *(*at)(const void *list, size_t i), const void *list);
/* "a, b, c" of the candidates, cut after `room`. */
const char *suggest_list(char *text, size_t room, const char *(*at)(const void *list, size_t i), const void *list);

#endif
