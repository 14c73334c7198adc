/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CONF_STORE_CRC32C_H
#define CONF_STORE_CRC32C_H

/* CRC-32C (Castagnoli; RFC 3720 §12.1, appendix B.4). Uses the processor's instruction where there
 * is one. Thread: any. */

#include <stddef.h>
#include <stdint.h>

/* Of `n` octets behind those whose CRC is `crc` (0: none yet). */
uint32_t crc32c(uint32_t crc, const void *octets, size_t n);
/* The same from tables: for tests. */
uint32_t crc32c_tables(uint32_t crc, const void *octets, size_t n);

#endif
