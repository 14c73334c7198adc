/* SPDX-License-Identifier: GPL-2.0-only */
/* libyaml's events become nodes. The only file that includes <yaml.h>. Recursion is bounded by
 * CONF_DEPTH_MAX, memory by CONF_FILE_MAX and CONF_NODES_MAX. */
#include "conf/node.h"
#include "conf/schema.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct reader {
	yaml_parser_t parser;
	yaml_event_t event;
	bool holds_event;
	const char *text;
	unsigned depth;
	size_t nodes, nodes_max;
	node_fault_fn fault;
	void *arg;
};

static struct conf_place place_of(yaml_mark_t mark)
{
	return (struct conf_place){ (unsigned)mark.line + 1, (unsigned)mark.column + 1 };
}

static void tell(struct reader *r, struct conf_place place, const char *text)
{
	r->fault(r->arg, place, text);
}

/* The reader's own errors (encoding) carry an offset in octets and no mark. */
static struct conf_place place_of_offset(const char *text, size_t offset)
{
	struct conf_place place = { 1, 1 };

	for (size_t i = 0; i < offset; i++) {
		if (text[i] == '\n') {
			place.line++;
			place.column = 1;
		} else if (((unsigned char)text[i] & 0xc0) != 0x80) {
			place.column++;
		}
	}
	return place;
}

static int syntax_fault(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;
	char text[300];

	if (p->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	if (p->error == YAML_READER_ERROR) {
		snprintf(text, sizeof(text), "not readable: %s; accepted: YAML in UTF-8",
			 p->problem);
		tell(r, place_of_offset(r->text, p->problem_offset), text);
		return -EINVAL;
	}
	snprintf(text, sizeof(text), "not YAML: %s%s%s", p->problem ? p->problem : "unknown fault",
		 p->context ? ", " : "", p->context ? p->context : "");
	if (p->context && p->context_mark.line != p->problem_mark.line)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			 " that begins on line %zu", p->context_mark.line + 1);
	tell(r, place_of(p->problem_mark), text);
	return -EINVAL;
}

static int next_event(struct reader *r)
{
	if (r->holds_event)
		yaml_event_delete(&r->event);
	r->holds_event = false;
	if (!yaml_parser_parse(&r->parser, &r->event))
		return syntax_fault(r);
	r->holds_event = true;
	return 0;
}

static struct node *new_node(struct reader *r, enum node_kind kind)
{
	struct node *n = mem_zalloc(sizeof(*n));

	if (n) {
		n->kind = kind;
		n->place = place_of(r->event.start_mark);
	}
	return n;
}

static int over_limit(struct reader *r)
{
	char text[120];

	if (r->depth >= CONF_DEPTH_MAX) {
		snprintf(text, sizeof(text), "nested too deep; accepted: at most %d levels",
			 CONF_DEPTH_MAX);
		tell(r, place_of(r->event.start_mark), text);
		return -EINVAL;
	}
	if (++r->nodes > r->nodes_max) {
		snprintf(text, sizeof(text), "too many values; accepted: at most %zu",
			 r->nodes_max);
		tell(r, place_of(r->event.start_mark), text);
		return -EINVAL;
	}
	return 0;
}

static void refuse_extras(struct reader *r, const yaml_char_t *anchor, const yaml_char_t *tag)
{
	if (anchor)
		tell(r, place_of(r->event.start_mark),
		     "anchors (&name) are not accepted; write each value out");
	if (tag)
		tell(r, place_of(r->event.start_mark),
		     "tags (!name) are not accepted; the type of a value follows from its key");
}

static int read_node(struct reader *r, struct node **out);

static int read_scalar(struct reader *r, struct node **out)
{
	yaml_scalar_style_t style = r->event.data.scalar.style;
	struct node *n = new_node(r, NODE_SCALAR);

	if (!n)
		return -ENOMEM;
	refuse_extras(r, r->event.data.scalar.anchor, r->event.data.scalar.tag);
	n->text =
		mem_strndup((const char *)r->event.data.scalar.value, r->event.data.scalar.length);
	if (!n->text) {
		mem_free(n);
		return -ENOMEM;
	}
	n->plain = style == YAML_PLAIN_SCALAR_STYLE;
	n->block = style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE;
	if (strlen(n->text) != r->event.data.scalar.length) {
		tell(r, n->place, "a text with a NUL character is not accepted");
		n->refused = true;
	}
	*out = n;
	return 0;
}

static int read_alias(struct reader *r, struct node **out)
{
	struct node *n = new_node(r, NODE_SCALAR);

	if (!n)
		return -ENOMEM;
	tell(r, n->place, "aliases (*name) are not accepted; write the value out");
	n->refused = true;
	*out = n;
	return 0;
}

static int read_sequence(struct reader *r, struct node **out)
{
	struct node *n = new_node(r, NODE_SEQUENCE), **tail;
	int rc;

	if (!n)
		return -ENOMEM;
	*out = n;
	tail = &n->first;
	refuse_extras(r, r->event.data.sequence_start.anchor, r->event.data.sequence_start.tag);
	for (rc = next_event(r); rc == 0 && r->event.type != YAML_SEQUENCE_END_EVENT;
	     rc = next_event(r)) {
		rc = read_node(r, tail);
		if (rc < 0)
			break;
		tail = &(*tail)->next;
		n->count++;
	}
	return rc;
}

static int compare_keys(const void *a, const void *b)
{
	const struct node *x = *(const struct node *const *)a, *y = *(const struct node *const *)b;
	int order = strcmp(x->text, y->text);

	if (order == 0)
		order = x->place.line != y->place.line
				? (x->place.line < y->place.line ? -1 : 1)
				: (x->place.column < y->place.column ? -1 : 1);
	return order;
}

static void tell_second_use(struct reader *r, struct node *key, const struct node *first)
{
	char text[200];

	snprintf(text, sizeof(text),
		 "\"%.80s\" stands here a second time, after line %u; accepted: once", key->text,
		 first->place.line);
	tell(r, key->place, text);
	key->refused = true;
}

/* By sorting: a mapping may have a hundred thousand keys. */
static int find_second_uses(struct reader *r, struct node *mapping)
{
	struct node **keys;
	size_t n = 0, first = 0;

	if (mapping->count < 2)
		return 0;
	keys = mem_calloc(mapping->count, sizeof(struct node *));
	if (!keys)
		return -ENOMEM;
	for (struct node *key = mapping->first; key; key = key->next)
		if (!key->refused)
			keys[n++] = key;
	qsort(keys, n, sizeof(struct node *), compare_keys);
	for (size_t i = 1; i < n; i++) {
		if (strcmp(keys[i]->text, keys[first]->text) == 0)
			tell_second_use(r, keys[i], keys[first]);
		else
			first = i;
	}
	mem_free(keys);
	return 0;
}

/* One key and its value. A key that is no scalar is told of and stays as a refused, empty one. */
static int read_pair(struct reader *r, struct node **out)
{
	int rc = read_node(r, out);
	struct node *key = *out;

	if (rc < 0)
		return rc;
	if (key->kind != NODE_SCALAR) {
		tell(r, key->place,
		     "a list or mapping as a key is not accepted; accepted: a plain word");
		key->refused = true;
	} else if (key->plain && strcmp(key->text ? key->text : "", "<<") == 0) {
		tell(r, key->place, "merge keys (<<) are not accepted; write the keys out");
		key->refused = true;
	}
	rc = next_event(r);
	return rc < 0 ? rc : read_node(r, &key->value);
}

static int read_mapping(struct reader *r, struct node **out)
{
	struct node *n = new_node(r, NODE_MAPPING), **tail;
	int rc;

	if (!n)
		return -ENOMEM;
	*out = n;
	tail = &n->first;
	refuse_extras(r, r->event.data.mapping_start.anchor, r->event.data.mapping_start.tag);
	for (rc = next_event(r); rc == 0 && r->event.type != YAML_MAPPING_END_EVENT;
	     rc = next_event(r)) {
		rc = read_pair(r, tail);
		if (rc < 0)
			return rc;
		tail = &(*tail)->next;
		n->count++;
	}
	return rc < 0 ? rc : find_second_uses(r, n);
}

/* The node that the present event begins; its last event is the present one afterwards. *out may be
 * set, and is then part of the tree to be freed, even when this fails. */
static int read_node(struct reader *r, struct node **out)
{
	int rc = over_limit(r);

	if (rc < 0)
		return rc;
	r->depth++;
	if (r->event.type == YAML_SCALAR_EVENT)
		rc = read_scalar(r, out);
	else if (r->event.type == YAML_SEQUENCE_START_EVENT)
		rc = read_sequence(r, out);
	else if (r->event.type == YAML_MAPPING_START_EVENT)
		rc = read_mapping(r, out);
	else
		rc = read_alias(r, out);
	r->depth--;
	return rc;
}

static int read_stream(struct reader *r, struct node **out)
{
	int rc = next_event(r); /* the stream's start */

	if (rc == 0)
		rc = next_event(r);
	if (rc < 0 || r->event.type == YAML_STREAM_END_EVENT)
		return rc;
	rc = next_event(r);
	if (rc == 0)
		rc = read_node(r, out);
	if (rc == 0)
		rc = next_event(r); /* the document's end */
	if (rc == 0)
		rc = next_event(r);
	if (rc < 0 || r->event.type == YAML_STREAM_END_EVENT)
		return rc;
	tell(r, place_of(r->event.start_mark),
	     "a second document begins here; accepted: one document");
	return -EINVAL;
}

int node_read(struct node **out, const char *text, size_t length, node_fault_fn fault, void *arg)
{
	return node_read_many(out, text, length, CONF_NODES_MAX, fault, arg);
}

int node_read_many(struct node **out, const char *text, size_t length, size_t nodes_max,
		   node_fault_fn fault, void *arg)
{
	struct reader r = { .text = text, .nodes_max = nodes_max, .fault = fault, .arg = arg };
	struct node *tree = NULL;
	int rc;

	if (!yaml_parser_initialize(&r.parser))
		return -ENOMEM;
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, length);
	rc = read_stream(&r, &tree);
	if (r.holds_event)
		yaml_event_delete(&r.event);
	yaml_parser_delete(&r.parser);
	if (rc < 0) {
		node_free(&tree);
		return rc;
	}
	*out = tree;
	return 0;
}

void node_free(struct node **tree)
{
	struct node *n = *tree;

	*tree = NULL;
	while (n) {
		struct node *next = n->next;

		node_free(&n->first);
		node_free(&n->value);
		mem_free(n->text);
		mem_free(n);
		n = next;
	}
}

bool node_is_null(const struct node *node)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL" };

	if (node->kind != NODE_SCALAR || !node->plain)
		return false;
	for (size_t i = 0; i < sizeof(nulls) / sizeof(nulls[0]); i++)
		if (strcmp(node->text, nulls[i]) == 0)
			return true;
	return false;
}
