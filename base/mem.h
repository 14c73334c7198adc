/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BASE_MEM_H
#define BASE_MEM_H

/* Every allocation of our own passes here, so that a test can make the n-th one fail.
 * Thread: any. The failing countdown is per process and for single-threaded tests only. */

#include <stddef.h>

/* Zeroed memory or NULL. Freed with mem_free(). */
void *mem_zalloc(size_t size);
/* count × size zeroed octets or NULL (also on overflow). */
void *mem_calloc(size_t count, size_t size);
/* Like realloc(); the old block stays valid when NULL comes back. */
void *mem_realloc(void *old, size_t size);
/* Copy of a NUL-terminated string, of NULL: NULL. */
char *mem_strdup(const char *text);
char *mem_strndup(const char *text, size_t max);
/* printf into fresh memory, NULL when there is none. */
char *mem_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Takes NULL. */
void mem_free(void *block);

/* Tests: let `successes` allocations pass, then fail one (and only one); negative: never fail. */
void mem_fail_after(long successes);
/* Tests: has the planned failure been delivered since mem_fail_after()? */
int mem_failed(void);
/* Blocks now held (allocated and not freed), for leak counts in tests and `gwctl status`. */
long mem_live_blocks(void);

#endif
