/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef DIALPLAN_REPLACEMENT_H
#define DIALPLAN_REPLACEMENT_H

/* Translations in .NET's replacement language: $1 ${1}0 ${name} $0 $& $$ and $` $' $+ $_. The text
 * is the whole result, not a piece put into the number. Where .NET would silently take an unknown
 * $x literally, this refuses it. Thread: any; immutable once compiled. */

#include "dialplan/pattern.h"

struct replacement;

/* 0; -EINVAL with a sentence in `why`; -ENOMEM. The pattern is needed during the call only. */
int replacement_compile(struct replacement **out, const char *text, const struct pattern *pattern,
			char why[PATTERN_WHY]);
/* Sets NULL, takes NULL. */
void replacement_destroy(struct replacement **replacement);

/* After a match of that pattern on `subject`: writes the result with its NUL. Its length, or -E2BIG
 * (out is ""). */
int replacement_expand(const struct replacement *replacement, const struct matcher *matcher, const char *subject,
		       size_t subject_length, char *out, size_t room);

#endif
