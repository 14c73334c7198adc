/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BASE_MEM_PRIVATE_H
#define BASE_MEM_PRIVATE_H

/* Each block carries a link of its own ahead of what its owner sees. loop_free_later() strings
 * doomed blocks on it: handing a block over then needs no memory, while its contents stay readable
 * until the turn ends. */

void **mem_link(void *block);

#endif
