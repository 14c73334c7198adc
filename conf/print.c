/* SPDX-License-Identifier: GPL-2.0-only */
/* Structs back into text. YAML: block style, two blanks a level, every value written out, or
 * (brief) without defaults and with short lists on their line. JSON: one line without defaults. */
#include "conf/document_private.h"
#include "base/mem.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

struct printer {
	char *text;
	size_t length, room;
	bool no_memory;
	bool brief;
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
static void put_json_fields(struct printer *p, const struct schema *schema, const void *from);

/* The text of a scalar, NULL when it is absent. */
static char *scalar(struct printer *p, const struct schema_field *f, const void *at)
{
	char *text = NULL;

	if (value_print(f, at, &text) < 0)
		p->no_memory = true;
	return text;
}

/* ---- Defaults ---- */

/* Is a scalar at its default? Texts differ in form only where a schema's author wrote a default in
 * another unit: then it is printed, which does no harm. */
static bool is_default(struct printer *p, const struct schema_field *f, const void *at)
{
	static const char zero[64];
	const char *initial = f->initial;
	char *text;
	bool same;

	if (f->required)
		return false;
	if (!initial)
		return f->type != SCHEMA_ENUM && f->size <= sizeof(zero) &&
		       memcmp(at, zero, f->size) == 0;
	text = scalar(p, f, at);
	if (!text)
		return true;
	same = text[0] == '"' ? strncmp(text + 1, initial, strlen(initial)) == 0 &&
					strcmp(text + 1 + strlen(initial), "\"") == 0
			      : strcmp(text, initial) == 0;
	mem_free(text);
	return same;
}

static const void *elements_of(const struct schema_field *f, const void *from, size_t *count)
{
	const char *elements;

	memcpy(&elements, (const char *)from + f->offset, sizeof(elements));
	memcpy(count, (const char *)from + f->count_offset, sizeof(*count));
	return elements;
}

static bool is_left_out(struct printer *p, const struct schema_field *f, const void *from)
{
	size_t count;

	if (f->type == SCHEMA_LIST || f->type == SCHEMA_MAP) {
		elements_of(f, from, &count);
		return count == 0 && !f->required && !f->initial;
	}
	if (f->type == SCHEMA_STRUCT || f->type == SCHEMA_FLAGS)
		return false;
	return is_default(p, f, (const char *)from + f->offset);
}

/* The short form of a struct: the field that may stand for it, when all others are at their
 * defaults. */
static const struct schema_field *bare_field(struct printer *p, const struct schema *schema,
					     const void *from)
{
	const struct schema_field *bare =
		p->brief && schema->bare ? schema_find(schema, schema->bare) : NULL;

	for (const struct schema_field *f = schema->fields; bare && f->key; f++)
		if (f != bare && value_applies(schema, f, from) && !is_left_out(p, f, from))
			bare = NULL;
	return bare;
}

/* ---- JSON, and YAML's flow style ---- */

/* May the text of a scalar stand without quotes? */
static bool stands_alone(const struct printer *p, const struct schema_field *f, const char *text)
{
	if (text[0] == '"' || f->type == SCHEMA_BOOL || f->type == SCHEMA_INTEGER)
		return true;
	return p->brief && !strchr(text, ',');
}

static void put_json_scalar(struct printer *p, const struct schema_field *f, const void *at)
{
	char *text = scalar(p, f, at);
	const char *quote;

	if (!text) {
		put(p, "null"); /* absent where nothing may be: told when it is read */
		return;
	}
	quote = stands_alone(p, f, text) ? "" : "\"";
	put(p, quote);
	put(p, text);
	put(p, quote);
	mem_free(text);
}

static void put_json_struct(struct printer *p, const struct schema *schema, const void *from)
{
	const struct schema_field *bare = bare_field(p, schema, from);

	if (bare && bare->type != SCHEMA_LIST && bare->type != SCHEMA_MAP) {
		put_json_scalar(p, bare, (const char *)from + bare->offset);
		return;
	}
	put(p, p->brief ? "{ " : "{");
	put_json_fields(p, schema, from);
	put(p, p->brief ? " }" : "}");
}

static void put_json_name(struct printer *p, const struct schema *schema, const void *from)
{
	static const struct schema_field field = { .type = SCHEMA_STRING };

	put_json_scalar(p, &field, (const char *)from + schema->name_offset);
	put(p, p->brief ? ": " : ":");
}

static void put_json_list(struct printer *p, const struct schema_field *f, const void *from)
{
	size_t count;
	const char *element = elements_of(f, from, &count);

	put(p, f->type == SCHEMA_MAP ? "{" : "[");
	for (size_t i = 0; i < count; i++, element += f->size) {
		if (i > 0)
			put(p, p->brief ? ", " : ",");
		if (f->type == SCHEMA_MAP) {
			put_json_name(p, f->schema, element);
			put_json_struct(p, f->schema, element);
		} else if (f->element->type == SCHEMA_STRUCT) {
			put_json_struct(p, f->element->schema, element);
		} else {
			put_json_scalar(p, f->element, element);
		}
	}
	put(p, f->type == SCHEMA_MAP ? "}" : "]");
}

static void put_json_flags(struct printer *p, const struct schema_field *f, const void *from)
{
	const char *comma = "";

	put(p, "[");
	for (const struct schema_choice *c = f->choices; c->name; c++) {
		if (!*(const bool *)((const char *)from + c->value))
			continue;
		put(p, comma);
		put(p, "\"");
		put(p, c->name);
		put(p, "\"");
		comma = ",";
	}
	put(p, "]");
}

static void put_json_field(struct printer *p, const struct schema_field *f, const void *from)
{
	if (f->type == SCHEMA_STRUCT)
		put_json_struct(p, f->schema, (const char *)from + f->offset);
	else if (f->type == SCHEMA_LIST || f->type == SCHEMA_MAP)
		put_json_list(p, f, from);
	else if (f->type == SCHEMA_FLAGS)
		put_json_flags(p, f, from);
	else
		put_json_scalar(p, f, (const char *)from + f->offset);
}

static void put_json_fields(struct printer *p, const struct schema *schema, const void *from)
{
	const char *comma = "";

	for (const struct schema_field *f = schema->fields; f->key && !p->no_memory; f++) {
		if (!value_applies(schema, f, from) || is_left_out(p, f, from))
			continue;
		put(p, comma);
		put(p, p->brief ? "" : "\"");
		put(p, f->key);
		put(p, p->brief ? ": " : "\":");
		put_json_field(p, f, from);
		comma = p->brief ? ", " : ",";
	}
}

/* ---- YAML ---- */

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

/* Lists of words, and of things that may be written as a word, stand on the line of their key. */
static bool is_flow(const struct printer *p, const struct schema_field *f, unsigned depth)
{
	return p->brief && depth > 0 && f->type == SCHEMA_LIST &&
	       (f->element->type != SCHEMA_STRUCT || f->element->schema->bare);
}

/* The name of a thing and the one list that it is, as in uk: [ … ]. */
static void print_bare(struct printer *p, const char *name, const struct schema_field *f,
		       const void *from, unsigned depth)
{
	size_t count;
	const char *elements = elements_of(f, from, &count);

	if (is_flow(p, f, depth)) {
		indent(p, depth);
		put(p, name);
		put(p, ": ");
		put_json_list(p, f, from);
		put(p, "\n");
		return;
	}
	put_line(p, depth, name, count ? NULL : "[]");
	for (size_t i = 0; i < count; i++)
		print_item(p, f->element, elements + i * f->size, depth + 1);
}

static void print_named(struct printer *p, const struct schema *schema, const char *at,
			unsigned depth)
{
	static const struct schema_field name_field = { .type = SCHEMA_STRING };
	const struct schema_field *bare = bare_field(p, schema, at);
	char *name = scalar(p, &name_field, at + schema->name_offset);
	size_t start;

	if (!name)
		return;
	if (bare && bare->type == SCHEMA_LIST) {
		print_bare(p, name, bare, at, depth);
		mem_free(name);
		return;
	}
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
	size_t count;
	const char *elements = elements_of(f, from, &count);

	if (count > 0 && is_flow(p, f, depth)) {
		indent(p, depth);
		put(p, f->key);
		put(p, ": ");
		put_json_list(p, f, from);
		put(p, "\n");
		return;
	}
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

		if (!value_applies(schema, f, from) || (p->brief && is_left_out(p, f, from)))
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

static int finish(struct printer *p, char **out)
{
	if (p->no_memory) {
		mem_free(p->text);
		return -ENOMEM;
	}
	*out = p->text;
	return 0;
}

static int print_sections(struct printer *p, char **out, const struct conf_section *sections,
			  size_t count)
{
	put(p, "");
	for (size_t i = 0; i < count; i++)
		print_fields(p, sections[i].schema, sections[i].into, 0);
	return finish(p, out);
}

int conf_print(char **out, const struct conf_section *sections, size_t count)
{
	struct printer p = { 0 };

	return print_sections(&p, out, sections, count);
}

int conf_print_brief(char **out, const struct conf_section *sections, size_t count)
{
	struct printer p = { .brief = true };

	return print_sections(&p, out, sections, count);
}

int conf_print_json(char **out, const struct schema *schema, const void *from)
{
	struct printer p = { 0 };

	put_json_struct(&p, schema, from);
	return finish(&p, out);
}
