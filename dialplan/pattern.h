/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef DIALPLAN_PATTERN_H
#define DIALPLAN_PATTERN_H

/* Compiled patterns: PCRE2 with JIT behind .NET's syntax (dotnet.h). The only file pair that knows
 * PCRE2. ASCII only: \d is 0-9. A pattern is not anchored unless it says so. Threads: an engine and
 * its patterns may be read by many; a matcher belongs to one decision. */

#include "dialplan/dotnet.h"

struct pattern_engine; /* limits and memory, shared by the patterns of one snapshot */
struct pattern;
struct matcher;        /* room for the groups of one match */

/* Steps after which a match is given up: a pattern such as ^(\d+)+$ can cost 2^n. Honest ones on
 * the 63 digits of a number need a few hundred. */
#define PATTERN_MATCH_LIMIT 10000

/* 0 or -ENOMEM. The engine outlives its patterns and matchers. */
int pattern_engine_create(struct pattern_engine **out);
/* Sets NULL, takes NULL, like the other two below. */
void pattern_engine_destroy(struct pattern_engine **engine);

/* 0; -EINVAL with a sentence (and the offset) in `why`; -ENOMEM. */
int pattern_compile(struct pattern **out, struct pattern_engine *engine, const char *text,
		    char why[PATTERN_WHY]);
void pattern_destroy(struct pattern **pattern);
/* As compiled from, and its groups; both live as long as the pattern. */
const char *pattern_text(const struct pattern *pattern);
const struct dotnet_groups *pattern_groups(const struct pattern *pattern);

/* 0 or -ENOMEM. */
int matcher_create(struct matcher **out, struct pattern_engine *engine);
void matcher_destroy(struct matcher **matcher);

/* 1: matches, and the matcher has its groups; 0; -ELOOP: given up at the limit; -ENOMEM. */
int pattern_match(const struct pattern *pattern, struct matcher *matcher, const char *subject, size_t length);
/* After a match: a group's text, empty when it took no part. */
void matcher_group(const struct matcher *matcher, unsigned group, size_t *from, size_t *length);

#endif
