/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef DIALPLAN_DOTNET_H
#define DIALPLAN_DOTNET_H

/* Where .NET's regular expressions and PCRE2 differ. Tables come from a world of .NET patterns;
 * PCRE2 executes them. This reader accepts what means the same in both, and refuses the rest with a
 * sentence: a pattern never silently matches other numbers than it did where it came from. Thread:
 * any. */

#include <stddef.h>
#include <stdint.h>

#define PATTERN_LENGTH_MAX 1024
#define PATTERN_GROUPS_MAX 99
#define PATTERN_WHY 256 /* room for a sentence */

/* Capturing groups in the order of their opening parentheses, which is how PCRE2 numbers them. */
struct dotnet_groups {
	unsigned count;
	unsigned named;
	struct {
		uint16_t name, length; /* in the pattern; length 0: unnamed */
	} at[PATTERN_GROUPS_MAX + 1];  /* from 1 */
};

/* Reads a pattern. 0, or -EINVAL with a sentence in `why`. */
int dotnet_scan(const char *pattern, struct dotnet_groups *groups, char why[PATTERN_WHY]);

/* .NET numbers unnamed groups first, then the named ones. PCRE2's number of .NET's group, -1: there
 * is none; 0 stays 0. */
int dotnet_group_by_number(const struct dotnet_groups *groups, unsigned number);
/* The same of a named group; `name` has `length` characters, `pattern` is the one scanned. */
int dotnet_group_by_name(const struct dotnet_groups *groups, const char *pattern, const char *name,
			 size_t length);

#endif
