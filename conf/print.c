/* SPDX-License-Identifier: GPL-2.0-only */
/* Structs back into YAML: block style, two blanks a level, every value written out. */
#include "conf/document_private.h"
#include "base/mem.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

struct printer {
	char *text;
	size_t length, room;
	bool no_memory;
};

static void put(struct printer *p, const char *text)
{
	size_t n = strlen(text);

	if (p->length + n + 1 > p->room) {
		size_t room = (p->length + n + 1) * 2;
		char *more = mem_realloc(p->text, room);

		if (!more) {
			p->no_memory = true;
			return;
		}
		p->text = more;
		p->room = room;
	}
	memcpy(p->text + p->length, text, n + 1);
	p->length += n;
}

static void indent(struct printer *p, unsigned depth)
{
	while (depth-- > 0)
		put(p, "  ");
}

static void put_line(struct printer *p, unsigned depth, const char *key, const char *value)
{
	indent(p, depth);
	put(p, key);
	put(p, ":");
	if (value)
		put(p, " ");
	put(p, value ? value : "");
	put(p, "\n");
}

static void print_fields(struct printer *p, const struct schema *schema, const void *from,
			 unsigned depth);

/* The text of a scalar, NULL when it is absent. */
static char *scalar(struct printer *p, const struct schema_field *f, const void *at)
{
	char *text = NULL;

	if (value_print(f, at, &text) < 0)
		p->no_memory = true;
	return text;
}

/* An item's "- " stands in the indentation of its first key: printed at the depth of the keys, then
 * moved in. */
static void print_struct_item(struct printer *p, const struct schema *schema, const void *at,
			      unsigned depth)
{
	size_t start = p->length;

	print_fields(p, schema, at, depth + 1);
	if (p->length > start) {
		p->text[start + 2 * (size_t)depth] = '-';
	} else {
		indent(p, depth);
		put(p, "- {}\n");
	}
}

static void print_item(struct printer *p, const struct schema_field *element, const void *at,
		       unsigned depth)
{
	char *text;

	if (element->type == SCHEMA_STRUCT) {
		print_struct_item(p, element->schema, at, depth);
		return;
	}
	text = scalar(p, element, at);
	if (!text)
		return;
	indent(p, depth);
	put(p, "- ");
	put(p, text);
	put(p, "\n");
	mem_free(text);
}

static void print_named(struct printer *p, const struct schema *schema, const char *at,
			unsigned depth)
{
	static const struct schema_field name_field = { .type = SCHEMA_STRING };
	char *name = scalar(p, &name_field, at + schema->name_offset);
	size_t start;

	if (!name)
		return;
	put_line(p, depth, name, NULL);
	mem_free(name);
	start = p->length;
	print_fields(p, schema, at, depth + 1);
	if (p->length == start && p->length > 0) {
		p->text[--p->length] = '\0'; /* the line feed */
		put(p, " {}\n");
	}
}

static void print_elements(struct printer *p, const struct schema_field *f, const void *from,
			   unsigned depth)
{
	const char *elements;
	size_t count;

	memcpy(&elements, (const char *)from + f->offset, sizeof(elements));
	memcpy(&count, (const char *)from + f->count_offset, sizeof(count));
	if (count == 0) {
		if (f->min == 0)
			put_line(p, depth, f->key, f->type == SCHEMA_MAP ? "{}" : "[]");
		return;
	}
	put_line(p, depth, f->key, NULL);
	for (size_t i = 0; i < count; i++) {
		if (f->type == SCHEMA_MAP)
			print_named(p, f->schema, elements + i * f->size, depth + 1);
		else
			print_item(p, f->element, elements + i * f->size, depth + 1);
	}
}

static void print_flags(struct printer *p, const struct schema_field *f, const void *from,
			unsigned depth)
{
	bool any = false;

	for (const struct schema_choice *c = f->choices; c->name; c++)
		any |= *(const bool *)((const char *)from + c->value);
	if (!any)
		return;
	put_line(p, depth, f->key, NULL);
	for (const struct schema_choice *c = f->choices; c->name; c++) {
		if (!*(const bool *)((const char *)from + c->value))
			continue;
		indent(p, depth + 1);
		put(p, "- ");
		put(p, c->name);
		put(p, "\n");
	}
}

static void print_struct(struct printer *p, const struct schema_field *f, const void *from,
			 unsigned depth)
{
	size_t start;

	put_line(p, depth, f->key, NULL);
	start = p->length;
	print_fields(p, f->schema, (const char *)from + f->offset, depth + 1);
	if (p->length == start && p->length > 0) {
		p->text[--p->length] = '\0';
		put(p, " {}\n");
	}
}

static void print_fields(struct printer *p, const struct schema *schema, const void *from,
			 unsigned depth)
{
	for (const struct schema_field *f = schema->fields; f->key && !p->no_memory; f++) {
		char *text;

		if (!value_applies(schema, f, from))
			continue;
		if (f->type == SCHEMA_STRUCT) {
			print_struct(p, f, from, depth);
		} else if (f->type == SCHEMA_LIST || f->type == SCHEMA_MAP) {
			print_elements(p, f, from, depth);
		} else if (f->type == SCHEMA_FLAGS) {
			print_flags(p, f, from, depth);
		} else {
			text = scalar(p, f, (const char *)from + f->offset);
			if (text)
				put_line(p, depth, f->key, text);
			mem_free(text);
		}
	}
}

int conf_print(char **out, const struct conf_section *sections, size_t count)
{
	struct printer p = { 0 };

	put(&p, "");
	for (size_t i = 0; i < count; i++)
		print_fields(&p, sections[i].schema, sections[i].into, 0);
	if (p.no_memory) {
		mem_free(p.text);
		return -ENOMEM;
	}
	*out = p.text;
	return 0;
}
