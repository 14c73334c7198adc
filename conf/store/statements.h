/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CONF_STORE_STATEMENTS_H
#define CONF_STORE_STATEMENTS_H

/* The prepared statements of a connection, by their text. When the table is full the one that was
 * not used for longest goes. Thread: the store's. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STATEMENTS_MAX 128

struct statement {
	char *key;     /* NULL: this place is free */
	uint64_t used; /* turn of its last use */
	bool busy;     /* its rows are being read: it must stay */
	void *handle;  /* the backend's */
	uint64_t number;
};

struct statements {
	struct statement all[STATEMENTS_MAX];
	uint64_t turn, numbers;
	void (*discard)(void *arg, struct statement *statement);
	void *arg;
};

/* NULL: not prepared yet. */
struct statement *statements_find(struct statements *s, const char *key);
/* A place with a copy of the key and a number of its own; another may be discarded for it. NULL: no
 * memory, or all are busy. */
struct statement *statements_add(struct statements *s, const char *key);
void statements_remove(struct statements *s, struct statement *statement);
void statements_clear(struct statements *s);

#endif
