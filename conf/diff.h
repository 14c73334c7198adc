/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CONF_DIFF_H
#define CONF_DIFF_H

/* What differs between two structs of one schema, in words. Thread: any. */

#include "conf/schema.h"

/* A key whose values differ ("timers.t303" for one of a nested struct), and both values in one line
 * as they would be written, NULL where there is none. Valid during the call. */
typedef void (*conf_diff_fn)(void *arg, const char *key, const char *from, const char *to);

/* Every key that differs, in the schema's order. How many, or -ENOMEM (some may have been told). */
int conf_diff(const struct schema *schema, const void *from, const void *to, conf_diff_fn each,
	      void *arg);

#endif
