/* SPDX-License-Identifier: GPL-2.0-only */
/* A tree of nodes into structs, by their schema. What is faulty is told of and left at its default
 * or zero; loading goes on, so that all faults of a document are found in one go. */
#include "conf/document_private.h"
#include "base/mem.h"

#include <errno.h>
#include <string.h>

#define NAME_MAX_OCTETS 64

static void load_struct(struct conf_document *d, const struct schema *schema,
			const struct node *node, struct conf_place place, void *into);

/* ---- Scalars ---- */

static void tell_wrong(struct conf_document *d, const struct schema_field *f, const char *key,
		       struct conf_place place, const char *why)
{
	char accepted[WHY_TEXT];

	conf_fault(d, place, "%s: %s; accepted: %s", key, why, value_accepted(f, accepted));
}

/* A value has arrived: its name and its reference are known from now on. */
static void register_value(struct conf_document *d, const struct schema_field *f, const char *key,
			   struct conf_place place, const void *at)
{
	const char *text = NULL;

	if (f->type != SCHEMA_STRING && f->type != SCHEMA_REFERENCE)
		return;
	memcpy(&text, at, sizeof(text));
	if (f->type == SCHEMA_STRING && f->defines)
		document_add_name(
			d, &(struct name){ .kind = f->defines, .name = text, .place = place });
	if (f->type == SCHEMA_REFERENCE)
		document_add_reference(
			d, &(struct reference){
				   .kinds = f->refers, .key = key, .name = text, .place = place });
}

static bool load_scalar(struct conf_document *d, const struct schema_field *f,
			const struct node *node, const char *key, void *at)
{
	char why[WHY_TEXT];
	int rc;

	if (node->refused)
		return false;
	if (node->kind != NODE_SCALAR) {
		tell_wrong(d, f, key, node->place,
			   node->kind == NODE_SEQUENCE ? "a list stands here"
						       : "a mapping stands here");
		return false;
	}
	rc = value_read(f, node, at, why);
	if (rc == -ENOMEM)
		d->no_memory = true;
	else if (rc < 0)
		tell_wrong(d, f, key, node->place, why);
	else
		register_value(d, f, key, node->place, at);
	return rc == 0;
}

/* A default is written like a value; it has no place of its own. */
static void load_default_scalar(struct conf_document *d, const struct schema_field *f, char *text,
				void *at)
{
	const struct node node = { .kind = NODE_SCALAR, .plain = true, .text = text };

	load_scalar(d, f, &node, f->key ? f->key : "default", at);
}

/* ---- Lists ---- */

static bool is_sequence(struct conf_document *d, const struct schema_field *f,
			const struct node *node, const char *key)
{
	if (node->refused || node_is_null(node))
		return false;
	if (node->kind != NODE_SEQUENCE)
		tell_wrong(d, f, key, node->place,
			   node->kind == NODE_SCALAR ? "a single value stands here"
						     : "a mapping stands here");
	return node->kind == NODE_SEQUENCE;
}

/* Zeroed elements, published at once, so that conf_free() finds what loading has filled so far. */
static char *publish_elements(struct conf_document *d, const struct schema_field *f, void *into,
			      size_t count)
{
	char *elements = NULL;

	if (count > 0) {
		elements = mem_calloc(count, f->size);
		if (!elements) {
			d->no_memory = true;
			count = 0;
		}
	}
	memcpy((char *)into + f->offset, &elements, sizeof(elements));
	memcpy((char *)into + f->count_offset, &count, sizeof(count));
	return elements;
}

static void check_count(struct conf_document *d, const struct schema_field *f,
			const struct node *node, const char *key)
{
	if ((int64_t)node->count < f->min)
		conf_fault(d, node->place, "%s: %zu in the list; accepted: at least %lld", key,
			   node->count, (long long)f->min);
	else if (f->max && (int64_t)node->count > f->max)
		conf_fault(d, node->place, "%s: %zu in the list; accepted: at most %lld", key,
			   node->count, (long long)f->max);
}

static void load_element(struct conf_document *d, const struct schema_field *element,
			 const struct node *item, const char *key, void *at)
{
	if (element->type == SCHEMA_STRUCT) {
		load_struct(d, element->schema, item, item->place, at);
		return;
	}
	document_add_place(d, at, item->place);
	load_scalar(d, element, item, key, at);
}

static void load_list(struct conf_document *d, const struct schema_field *f,
		      const struct node *node, const char *key, void *into)
{
	const struct node *item;
	char *elements;

	if (!is_sequence(d, f, node, key))
		return;
	check_count(d, f, node, key);
	elements = publish_elements(d, f, into, node->count);
	for (item = node->first; elements && item; item = item->next, elements += f->size)
		load_element(d, f->element, item, key, elements);
}

/* Comma-separated, as a list's default is written. */
static void load_default_list(struct conf_document *d, const struct schema_field *f, void *into)
{
	char *text = mem_strdup(f->initial), *at = text, *elements;
	size_t count = 1;

	if (!text) {
		d->no_memory = true;
		return;
	}
	for (const char *c = text; *c; c++)
		count += *c == ',';
	elements = publish_elements(d, f, into, count);
	for (; elements && at; elements += f->size) {
		char *word = at + strspn(at, " ");

		at = strchr(word, ',');
		if (at)
			*at++ = '\0';
		load_default_scalar(d, f->element, word, elements);
	}
	mem_free(text);
}

/* ---- Flags ---- */

static const struct schema_choice *flag_by_name(const struct schema_field *f, const char *name,
						size_t n)
{
	const struct schema_choice *c = f->choices;

	while (c->name && (strlen(c->name) != n || strncmp(c->name, name, n) != 0))
		c++;
	return c->name ? c : NULL;
}

static void raise_flag(struct conf_document *d, const struct schema_choice *flag,
		       struct conf_place place, void *into)
{
	bool *at = (bool *)((char *)into + flag->value);

	*at = true;
	if (place.line)
		document_add_place(d, at, place);
}

static void load_flags(struct conf_document *d, const struct schema_field *f,
		       const struct node *node, const char *key, void *into)
{
	if (!is_sequence(d, f, node, key)) {
		if (node_is_null(node))
			tell_wrong(d, f, key, node->place, "no value is given");
		return;
	}
	if (!node->first)
		tell_wrong(d, f, key, node->place, "an empty list");
	for (const struct node *item = node->first; item; item = item->next) {
		const struct schema_choice *flag = NULL;
		char why[WHY_TEXT];

		if (item->refused)
			continue;
		if (item->kind == NODE_SCALAR)
			flag = flag_by_name(f, item->text, strlen(item->text));
		snprintf(why, sizeof(why), "\"%.80s\" is unknown",
			 item->kind == NODE_SCALAR ? item->text : "[");
		if (flag)
			raise_flag(d, flag, item->place, into);
		else
			tell_wrong(d, f, key, item->place, why);
	}
}

static void load_default_flags(struct conf_document *d, const struct schema_field *f, void *into)
{
	const char *at = f->initial;

	while (*at) {
		size_t n = strcspn(at, ",");
		const struct schema_choice *flag = flag_by_name(f, at, n);

		if (flag)
			raise_flag(d, flag, (struct conf_place){ 0, 0 }, into);
		at += n;
		at += strspn(at, ", ");
	}
}

/* ---- Timeslots ---- */

/* Within a flow mapping the commas of 1-15,17-31 would end the value: a list is taken as well. */
static void load_timeslots(struct conf_document *d, const struct schema_field *f,
			   const struct node *node, const char *key, void *at)
{
	if (node->kind != NODE_SEQUENCE) {
		load_scalar(d, f, node, key, at);
		return;
	}
	if (!node->first)
		tell_wrong(d, f, key, node->place, "an empty list");
	for (const struct node *item = node->first; item; item = item->next)
		load_scalar(d, f, item, key, at);
}

/* ---- Maps of named things ---- */

static bool name_is_good(struct conf_document *d, const struct schema *schema,
			 const struct node *key)
{
	const char *text = key->text;
	size_t n = strlen(text);
	bool good = n > 0 && n <= NAME_MAX_OCTETS && text[0] != ' ' && text[n - 1] != ' ';

	for (; *text && good; text++)
		good = (unsigned char)*text >= 0x20 && *text != 0x7f && *text != '/';
	if (!good)
		conf_fault(d, key->place,
			   "\"%.80s\" is no name for a %s; accepted: 1 to %d octets in one line, "
			   "no slash, no blank at either end",
			   key->text, schema->what, NAME_MAX_OCTETS);
	return good;
}

static void load_named(struct conf_document *d, const struct schema *schema, const struct node *key,
		       void *into)
{
	char *name = mem_strdup(key->text);

	if (!name) {
		d->no_memory = true;
		return;
	}
	memcpy((char *)into + schema->name_offset, &name, sizeof(name));
	if (schema->kind)
		document_add_name(d, &(struct name){ .kind = schema->kind,
						     .name = name,
						     .place = key->place,
						     .unique = true });
	load_struct(d, schema, key->value, key->place, into);
}

static void load_map(struct conf_document *d, const struct schema_field *f, const struct node *node,
		     const char *key, void *into)
{
	char *elements;
	size_t good = 0;

	if (node->refused || node_is_null(node))
		return;
	if (node->kind != NODE_MAPPING) {
		tell_wrong(d, f, key, node->place,
			   node->kind == NODE_SCALAR ? "a single value stands here"
						     : "a list stands here");
		return;
	}
	if (f->max && (int64_t)node->count > f->max)
		conf_fault(d, node->place, "%s: %zu of them; accepted: at most %lld", key,
			   node->count, (long long)f->max);
	elements = publish_elements(d, f, into, node->count);
	for (const struct node *k = node->first; elements && k; k = k->next)
		if (!k->refused && name_is_good(d, f->schema, k))
			load_named(d, f->schema, k, elements + good++ * f->size);
	/* Names that were refused leave no thing behind; the room after the good ones stays unused.
	 */
	memcpy((char *)into + f->count_offset, &good, sizeof(good));
	if (good == 0 && elements) {
		mem_free(elements);
		publish_elements(d, f, into, 0);
	}
}

/* ---- Structs ---- */

static void load_default(struct conf_document *d, const struct schema_field *f,
			 struct conf_place place, void *into)
{
	if (f->type == SCHEMA_STRUCT) {
		load_struct(d, f->schema, NULL, place, (char *)into + f->offset);
	} else if (f->initial && f->type == SCHEMA_LIST) {
		load_default_list(d, f, into);
	} else if (f->initial && f->type == SCHEMA_FLAGS) {
		load_default_flags(d, f, into);
	} else if (f->initial) {
		if (f->type == SCHEMA_TIMESLOTS) /* a faulty list may have left some */
			memset((char *)into + f->offset, 0, f->size);
		load_default_scalar(d, f, (char *)(uintptr_t)f->initial, (char *)into + f->offset);
	}
}

static size_t faults_of(const struct conf_document *d)
{
	return d->fault_count + d->faults_more;
}

/* A plain value, or its default when it is faulty: then it has no place either. */
static void load_value(struct conf_document *d, const struct schema_field *f,
		       const struct node *node, const char *key, void *into)
{
	char *at = (char *)into + f->offset;
	size_t faults = faults_of(d);

	if (f->type == SCHEMA_FLAGS)
		load_flags(d, f, node, key, into);
	else if (f->type == SCHEMA_TIMESLOTS)
		load_timeslots(d, f, node, key, at);
	else
		load_scalar(d, f, node, key, at);
	if (faults_of(d) > faults || node->refused) {
		load_default(d, f, node->place, into);
		if (f->type != SCHEMA_FLAGS)
			document_add_faulty(d, at);
		return;
	}
	if (f->type != SCHEMA_FLAGS)
		document_add_place(d, at, node->place);
	if (f->type == SCHEMA_RANGE)
		document_add_place(d, (char *)into + f->count_offset, node->place);
}

static void load_field(struct conf_document *d, const struct schema_field *f,
		       const struct node *node, const char *key, void *into)
{
	if (f->type == SCHEMA_STRUCT) {
		load_struct(d, f->schema, node, node->place, (char *)into + f->offset);
		return;
	}
	if (f->type != SCHEMA_LIST && f->type != SCHEMA_MAP) {
		load_value(d, f, node, key, into);
		return;
	}
	document_add_place(d, (char *)into + f->offset, node->place);
	if (f->type == SCHEMA_LIST)
		load_list(d, f, node, key, into);
	else
		load_map(d, f, node, key, into);
}

static const struct node *find_key(const struct node *mapping, const char *key)
{
	for (const struct node *k = mapping ? mapping->first : NULL; k; k = k->next)
		if (!k->refused && strcmp(k->text, key) == 0)
			return k;
	return NULL;
}

/* "trunk carrier-a", or "row" when it has no name. */
static const char *thing_text(const struct schema *schema, const void *thing, char text[120])
{
	const char *name = NULL;

	if (schema->name_offset != SCHEMA_NONE)
		memcpy(&name, (const char *)thing + schema->name_offset, sizeof(name));
	snprintf(text, 120, "%s%s%s", schema->what, name ? " " : "", name ? name : "");
	return text;
}

static void tell_missing(struct conf_document *d, const struct schema *schema,
			 const struct schema_field *f, struct conf_place place, const void *thing)
{
	char accepted[WHY_TEXT], text[120];

	conf_fault(d, place, "%s: \"%s\" is missing (%s); accepted: %s",
		   thing_text(schema, thing, text), f->key, f->help, value_accepted(f, accepted));
}

/* "cesopsn or dahdi": the values of the condition. */
static void tell_out_of_place(struct conf_document *d, const struct schema_field *f,
			      const struct schema_field *condition, const struct node *key,
			      const void *into)
{
	const char *present = value_choice_name(
		condition, value_get_integer(condition, (const char *)into + condition->offset));
	char values[200] = "";
	size_t n = 0;

	for (const struct schema_choice *c = condition->choices; c->name && n < sizeof(values) - 1;
	     c++)
		if (c->value >= 0 && c->value < 64 && f->when_values >> c->value & 1)
			n += (size_t)snprintf(values + n, sizeof(values) - n, "%s%s",
					      n ? " or " : "", c->name);
	conf_fault(d, key->place, "%s: has no meaning with %s: %s; accepted: only with %s: %s",
		   f->key, condition->key, present ? present : "?", condition->key, values);
}

enum fitness { FITS, DOES_NOT_FIT, NOT_KNOWN };

/* Does the field's condition hold? Not known when the value it hangs on is missing or faulty, and
 * told of already. */
static enum fitness fitness_of(const struct conf_document *d, const struct schema *schema,
			       const struct schema_field *f, const void *into)
{
	const struct schema_field *condition = f->when ? schema_find(schema, f->when) : NULL;

	if (!condition)
		return FITS;
	if (!condition->initial &&
	    conf_place_of(d, (const char *)into + condition->offset).line == 0)
		return NOT_KNOWN;
	return value_applies(schema, f, into) ? FITS : DOES_NOT_FIT;
}

/* All fields of a schema from a mapping (NULL: empty). */
static void load_fields(struct conf_document *d, const struct schema *schema,
			const struct node *mapping, struct conf_place place, void *into)
{
	for (const struct schema_field *f = schema->fields; f->key; f++) {
		const struct node *key = find_key(mapping, f->key);
		enum fitness fitness = fitness_of(d, schema, f, into);

		if (key && fitness != DOES_NOT_FIT) {
			load_field(d, f, key->value, f->key, into);
			continue;
		}
		if (key)
			tell_out_of_place(d, f, schema_find(schema, f->when), key, into);
		else if (f->required && fitness == FITS)
			tell_missing(d, schema, f, place, into);
		load_default(d, f, place, into);
	}
}

static const char *field_key_at(const void *list, size_t i)
{
	return ((const struct schema *)list)->fields[i].key;
}

static void tell_unknown(struct conf_document *d, const struct schema *schema,
			 const struct node *key, const void *thing)
{
	const char *nearest;
	char list[600], text[120];

	if (document_is_full(d))
		return;
	nearest = suggest_nearest(key->text, field_key_at, schema);
	conf_fault(d, key->place, "%s: unknown key \"%.80s\"%s%s%s; accepted: %s",
		   thing_text(schema, thing, text), key->text, nearest ? ", did you mean \"" : "",
		   nearest ? nearest : "", nearest ? "\"?" : "",
		   suggest_list(list, sizeof(list), field_key_at, schema));
}

static void load_struct(struct conf_document *d, const struct schema *schema,
			const struct node *node, struct conf_place place, void *into)
{
	const struct schema_field *bare = schema->bare ? schema_find(schema, schema->bare) : NULL;
	const struct node *mapping = node && node->kind == NODE_MAPPING ? node : NULL;

	if (schema->place_offset != SCHEMA_NONE)
		memcpy((char *)into + schema->place_offset, &place, sizeof(place));
	if (node && !mapping && bare && !node->refused && !node_is_null(node)) {
		const struct node key = { .kind = NODE_SCALAR,
					  .place = node->place,
					  .value = (struct node *)(uintptr_t)node,
					  .text = (char *)(uintptr_t)schema->bare };
		const struct node short_form = { .kind = NODE_MAPPING,
						 .place = node->place,
						 .count = 1,
						 .first = (struct node *)(uintptr_t)&key };

		load_fields(d, schema, &short_form, place, into);
		return;
	}
	if (node && !mapping && !node->refused && !node_is_null(node))
		conf_fault(d, node->place,
			   "%s: a %s stands here; accepted: a mapping of keys to values",
			   thing_text(schema, into, (char[120]){ 0 }),
			   node->kind == NODE_SCALAR ? "single value" : "list");
	for (const struct node *key = mapping ? mapping->first : NULL; key; key = key->next)
		if (!key->refused && !schema_find(schema, key->text))
			tell_unknown(d, schema, key, into);
	load_fields(d, schema, mapping, place, into);
}

/* ---- The root ---- */

/* All sections' fields as one list for suggest.c. */
struct root_keys {
	const struct conf_section *sections;
	size_t count;
};

static const char *root_key_at(const void *list, size_t i)
{
	const struct root_keys *r = list;

	for (size_t s = 0; s < r->count; s++)
		for (const struct schema_field *f = r->sections[s].schema->fields; f->key; f++)
			if (i-- == 0)
				return f->key;
	return NULL;
}

static void find_unknown_roots(struct conf_document *d, const struct root_keys *roots)
{
	const struct node *key;
	char list[600];

	for (key = d->root->first; key; key = key->next) {
		const char *nearest;
		bool known = key->refused;

		for (size_t s = 0; s < roots->count && !known; s++)
			known = schema_find(roots->sections[s].schema, key->text) != NULL;
		if (known || document_is_full(d))
			continue;
		nearest = suggest_nearest(key->text, root_key_at, roots);
		conf_fault(d, key->place, "unknown section \"%.80s\"%s%s%s; accepted: %s",
			   key->text, nearest ? ", did you mean \"" : "", nearest ? nearest : "",
			   nearest ? "\"?" : "",
			   suggest_list(list, sizeof(list), root_key_at, roots));
	}
}

static const struct node *root_mapping(struct conf_document *d, const struct root_keys *roots)
{
	if (!d->root || d->root->refused || node_is_null(d->root))
		return NULL;
	if (d->root->kind == NODE_MAPPING) {
		find_unknown_roots(d, roots);
		return d->root;
	}
	conf_fault(d, d->root->place, "a %s stands here; accepted: a mapping of sections",
		   d->root->kind == NODE_SCALAR ? "single value" : "list");
	return NULL;
}

int conf_load(struct conf_document *d, const struct conf_section *sections, size_t count)
{
	const struct root_keys roots = { sections, count };
	const struct node *mapping;

	/* A text that is no YAML has said so already; nothing could be added but echoes. */
	if (!d->root && d->fault_count)
		return -EINVAL;
	mapping = root_mapping(d, &roots);
	for (size_t i = 0; i < count; i++)
		load_fields(d, sections[i].schema, mapping, (struct conf_place){ 1, 1 },
			    sections[i].into);
	if (!d->no_memory)
		document_resolve(d, sections, count);
	for (size_t i = 0; i < count && !d->no_memory; i++)
		if (sections[i].check)
			sections[i].check(d, sections[i].into);
	if (d->fault_count)
		document_resolve_open(d);
	if (!d->no_memory && d->fault_count == 0)
		return 0;
	for (size_t i = 0; i < count; i++)
		conf_free(sections[i].schema, sections[i].into);
	return d->no_memory ? -ENOMEM : -EINVAL;
}

/* ---- One thing ---- */

int conf_load_body(struct conf_document *d, const struct schema *schema, const char *name,
		   void *into, void (*check)(struct conf_document *document, void *into))
{
	char *copy = mem_strdup(name);

	if (name && !copy)
		return -ENOMEM;
	if (copy)
		memcpy((char *)into + schema->name_offset, &copy, sizeof(copy));
	if (d->root || !d->fault_count) {
		load_struct(d, schema, d->root, (struct conf_place){ 1, 1 }, into);
		if (check && !d->no_memory)
			check(d, into);
	}
	if (!d->no_memory && d->fault_count == 0)
		return 0;
	conf_free_body(schema, into);
	return d->no_memory ? -ENOMEM : -EINVAL;
}

/* ---- Release ---- */

static void free_string(void *at)
{
	char *text;

	memcpy(&text, at, sizeof(text));
	mem_free(text);
}

static void free_fields(const struct schema *schema, void *from);

static void free_elements(const struct schema_field *f, void *from)
{
	const struct schema *schema = f->type == SCHEMA_MAP ? f->schema : f->element->schema;
	char *elements;
	size_t count;

	memcpy(&elements, (char *)from + f->offset, sizeof(elements));
	memcpy(&count, (char *)from + f->count_offset, sizeof(count));
	for (size_t i = 0; i < count; i++) {
		char *at = elements + i * f->size;

		if (f->type == SCHEMA_MAP || f->element->type == SCHEMA_STRUCT)
			free_fields(schema, at);
		else if (f->element->type == SCHEMA_STRING || f->element->type == SCHEMA_REFERENCE)
			free_string(at);
		if (f->type == SCHEMA_MAP)
			free_string(at + schema->name_offset);
	}
	mem_free(elements);
}

static void free_fields(const struct schema *schema, void *from)
{
	for (const struct schema_field *f = schema->fields; f->key; f++) {
		if (f->type == SCHEMA_STRUCT)
			free_fields(f->schema, (char *)from + f->offset);
		else if (f->type == SCHEMA_LIST || f->type == SCHEMA_MAP)
			free_elements(f, from);
		else if (f->type == SCHEMA_STRING || f->type == SCHEMA_REFERENCE)
			free_string((char *)from + f->offset);
	}
}

void conf_free_body(const struct schema *schema, void *from)
{
	if (schema->name_offset != SCHEMA_NONE)
		free_string((char *)from + schema->name_offset);
	conf_free(schema, from);
}

void conf_free(const struct schema *schema, void *from)
{
	free_fields(schema, from);
	memset(from, 0, schema->size);
}
