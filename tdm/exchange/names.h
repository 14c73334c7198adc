/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TDM_EXCHANGE_NAMES_H
#define TDM_EXCHANGE_NAMES_H

/* The words for values of Q.931 and Q.850 that plans, commands and results share, and the readers
 * of small values. Pure; any thread. */

#include "conf/schema.h"

#define EX_ANY (-1) /* of an optional choice: not asked for */

/* Those with "any" have it first: + 1 leaves it out. */
extern const struct schema_choice ex_location_choices[], ex_type_choices[], ex_numbering_choices[],
	ex_presentation_choices[], ex_screening_choices[], ex_capability_choices[];

/* NULL: no such value. */
const char *ex_choice_name(const struct schema_choice *choices, int64_t value);
bool ex_choice_value(const struct schema_choice *choices, const char *name, int *value);
/* "user, private-local, …" */
void ex_choice_list(const struct schema_choice *choices, char *text, size_t room);

/* The candidate nearest to a mistyped word; begin with a zeroed struct. */
struct ex_nearest {
	const char *name;
	size_t distance;
};
void ex_nearest(struct ex_nearest *nearest, const char *word, const char *candidate);

/* "5s", "200ms", "1.5s", "2min", "1h", up to a day. 0 or -EINVAL. */
int ex_parse_duration(const char *text, unsigned *ms);
/* Decimal and whole, strict. 0 or -EINVAL. */
int ex_parse_integer(const char *text, long min, long max, long *value);
/* Number of octets, or -EINVAL. */
int ex_parse_hex(const char *text, uint8_t *octets, size_t room);
/* `text` has room for 2 n + 1. */
void ex_hex_text(const uint8_t *octets, size_t n, char *text);

#endif
