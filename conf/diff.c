/* SPDX-License-Identifier: GPL-2.0-only */
/* Values are compared as they would be written: what reads the same is the same. */
#include "conf/diff.h"

#include "base/mem.h"
#include "conf/document_private.h"

#include <errno.h>
#include <string.h>

#define KEY_TEXT 200

/* ---- A value in one line ---- */

/* Takes `more`. False: no memory, and *text is gone. */
static bool join(char **text, const char *between, char *more)
{
	char *longer = *text && more ? mem_printf("%s%s%s", *text, between, more) : NULL;

	mem_free(*text);
	mem_free(more);
	*text = longer;
	return longer != NULL;
}

static bool join_text(char **text, const char *more)
{
	return join(text, "", mem_strdup(more));
}

static int value_text(const struct schema_field *field, const void *in, char **out);

/* "{cause: 21, sip: 480}"; 0 or -ENOMEM. */
static int struct_text(const struct schema *schema, const void *in, char **out)
{
	char *text = mem_strdup("{");
	bool first = true;

	for (const struct schema_field *f = schema->fields; f->key && text; f++) {
		char *value = NULL;
		int rc = value_applies(schema, f, in) ? value_text(f, in, &value) : 0;

		if (rc < 0)
			goto fail;
		if (!value)
			continue;
		if (join(&text, first ? "" : ", ", mem_printf("%s: %s", f->key, value)))
			first = false;
		mem_free(value);
	}
	if (!text || !join_text(&text, "}"))
		return -ENOMEM;
	*out = text;
	return 0;
fail:
	mem_free(text);
	return -ENOMEM;
}

/* One of a list or map. */
static int element_text(const struct schema_field *f, const void *at, char **out)
{
	const struct schema *schema = f->type == SCHEMA_MAP ? f->schema : f->element->schema;
	char *body = NULL;
	const char *name;
	int rc;

	if (f->type == SCHEMA_LIST && f->element->type != SCHEMA_STRUCT)
		return value_text(f->element, at, out);
	rc = struct_text(schema, at, &body);
	if (rc < 0 || f->type == SCHEMA_LIST) {
		*out = body;
		return rc;
	}
	memcpy(&name, (const char *)at + schema->name_offset, sizeof(name));
	*out = mem_printf("%s: %s", name, body);
	mem_free(body);
	return *out ? 0 : -ENOMEM;
}

/* "[pcma, pcmu]"; nothing when it is empty. */
static int elements_text(const struct schema_field *f, const void *in, char **out)
{
	bool map = f->type == SCHEMA_MAP;
	const char *elements;
	char *text;
	size_t count;

	memcpy(&elements, (const char *)in + f->offset, sizeof(elements));
	memcpy(&count, (const char *)in + f->count_offset, sizeof(count));
	if (count == 0)
		return 0;
	text = mem_strdup(map ? "{" : "[");
	for (size_t i = 0; i < count && text; i++) {
		char *one = NULL;

		if (element_text(f, elements + i * f->size, &one) < 0)
			goto fail;
		join(&text, i ? ", " : "", one);
	}
	if (!text || !join_text(&text, map ? "}" : "]"))
		return -ENOMEM;
	*out = text;
	return 0;
fail:
	mem_free(text);
	return -ENOMEM;
}

static int flags_text(const struct schema_field *f, const void *in, char **out)
{
	char *text = mem_strdup("[");
	bool first = true;

	for (const struct schema_choice *c = f->choices; c->name && text; c++) {
		if (!*(const bool *)((const char *)in + c->value))
			continue;
		join(&text, first ? "" : ", ", mem_strdup(c->name));
		first = false;
	}
	if (!text || !join_text(&text, "]"))
		return -ENOMEM;
	*out = text;
	return 0;
}

/* For people: without the quotes that YAML wants, where nothing becomes unclear by it. */
static void unquote(char *text)
{
	size_t n = strlen(text);

	if (n < 3 || text[0] != '"' || strpbrk(text + 1, "\"\\,") != text + n - 1)
		return;
	memmove(text, text + 1, n - 2);
	text[n - 2] = '\0';
}

/* Of the field in the struct `in`; *out stays NULL when there is none. */
static int value_text(const struct schema_field *f, const void *in, char **out)
{
	int rc;

	*out = NULL;
	switch (f->type) {
	case SCHEMA_STRUCT: return struct_text(f->schema, (const char *)in + f->offset, out);
	case SCHEMA_LIST:
	case SCHEMA_MAP: return elements_text(f, in, out);
	case SCHEMA_FLAGS: return flags_text(f, in, out);
	case SCHEMA_BOOL:
	case SCHEMA_INTEGER:
	case SCHEMA_DURATION:
	case SCHEMA_ENUM:
	case SCHEMA_STRING:
	case SCHEMA_REFERENCE:
	case SCHEMA_ADDRESS:
	case SCHEMA_PREFIX:
	case SCHEMA_TIMESLOTS:
	case SCHEMA_RANGE: break;
	}
	rc = value_print(f, (const char *)in + f->offset, out);
	if (rc > 0)
		unquote(*out);
	return rc < 0 ? rc : 0;
}

/* ---- Comparing ---- */

struct diff {
	conf_diff_fn each;
	void *arg;
	int count;
};

static int diff_fields(struct diff *d, const struct schema *schema, const char *prefix,
		       const void *from, const void *to);

static bool same_text(const char *a, const char *b)
{
	return (!a && !b) || (a && b && strcmp(a, b) == 0);
}

static int diff_field(struct diff *d, const struct schema *schema, const struct schema_field *f,
		      const char *key, const void *from, const void *to)
{
	char *a = NULL, *b = NULL;
	int rc = value_applies(schema, f, from) ? value_text(f, from, &a) : 0;

	if (rc == 0 && value_applies(schema, f, to))
		rc = value_text(f, to, &b);
	if (rc == 0 && !same_text(a, b)) {
		d->count++;
		d->each(d->arg, key, a, b);
	}
	mem_free(a);
	mem_free(b);
	return rc;
}

static int diff_fields(struct diff *d, const struct schema *schema, const char *prefix,
		       const void *from, const void *to)
{
	char key[KEY_TEXT];
	int rc = 0;

	for (const struct schema_field *f = schema->fields; f->key && rc == 0; f++) {
		snprintf(key, sizeof(key), "%s%s%s", prefix, *prefix ? "." : "", f->key);
		if (f->type == SCHEMA_STRUCT)
			rc = diff_fields(d, f->schema, key, (const char *)from + f->offset,
					 (const char *)to + f->offset);
		else
			rc = diff_field(d, schema, f, key, from, to);
	}
	return rc;
}

int conf_diff(const struct schema *schema, const void *from, const void *to, conf_diff_fn each,
	      void *arg)
{
	struct diff d = { .each = each, .arg = arg };
	int rc = diff_fields(&d, schema, "", from, to);

	return rc < 0 ? rc : d.count;
}
