/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CONF_NODE_H
#define CONF_NODE_H

/* YAML text as a bounded tree of nodes with positions. Private to conf/. A tree has one owner, who
 * frees it whole; any thread, one at a time. */

#include "conf/machine.h"

#include <stdbool.h>
#include <stddef.h>

enum node_kind { NODE_SCALAR, NODE_SEQUENCE, NODE_MAPPING };

struct node {
	enum node_kind kind;
	struct conf_place place;
	bool plain;   /* scalar without quotes */
	bool block;   /* scalar of the | or > form, which ends in a line feed */
	bool refused; /* was told of already (an alias, a second use of a key): to be passed over */
	char *text;   /* of a scalar */
	struct node *next;  /* in a sequence the next item, in a mapping the next key */
	struct node *first; /* item or key */
	struct node *value; /* of a key */
	size_t count;       /* items or keys */
};

typedef void (*node_fault_fn)(void *arg, struct conf_place place, const char *text);

/* 0 and the tree (NULL when the text holds nothing); -EINVAL when the text is no YAML or breaks a
 * limit, after one fault (others may have come before); -ENOMEM. Faults that leave a tree (anchors,
 * aliases, tags, a key twice) are told of, and the nodes marked; the result is 0 then. */
int node_read(struct node **out, const char *text, size_t length, node_fault_fn fault, void *arg);
/* The same with another limit than CONF_NODES_MAX. */
int node_read_many(struct node **out, const char *text, size_t length, size_t nodes_max, node_fault_fn fault,
		   void *arg);
/* The same from JSON, of at most some thousand values. 0; -EINVAL: it is no JSON, or uses a key twice;
 * nothing is told (the YAML reader, of whose language JSON is a part, finds the words); -ENOMEM. */
int node_read_json(struct node **out, const char *text, size_t length);
void node_free(struct node **tree);

/* Is this scalar nothing: `key:`, ~ or null? */
bool node_is_null(const struct node *node);

#endif
