/* SPDX-License-Identifier: GPL-2.0-only */
#include "conf/document_private.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Creation ---- */

static void yaml_fault(void *arg, struct conf_place place, const char *text)
{
	conf_fault(arg, place, "%s", text);
}

static int read_root(struct conf_document *d, const char *text, size_t length, size_t nodes_max)
{
	int rc = length && text[0] == '{' ? node_read_json(&d->root, text, length) : -EINVAL;

	return rc == -EINVAL ? node_read_many(&d->root, text, length, nodes_max, yaml_fault, d)
			     : rc;
}

static int read_text(struct conf_document **out, const char *name, const char *text, size_t length,
		     size_t nodes_max)
{
	struct conf_document *d = mem_zalloc(sizeof(*d));
	int rc;

	if (!d)
		return -ENOMEM;
	d->file = mem_strdup(name);
	rc = d->file ? read_root(d, text, length, nodes_max) : -ENOMEM;
	if (rc == -ENOMEM || d->no_memory) {
		conf_document_destroy(&d);
		return -ENOMEM;
	}
	*out = d;
	return 0;
}

int conf_read_text(struct conf_document **out, const char *name, const char *text, size_t length)
{
	return length > CONF_FILE_MAX ? -EFBIG : read_text(out, name, text, length, CONF_NODES_MAX);
}

int conf_read_tables(struct conf_document **out, const char *name, const char *text, size_t length)
{
	return length > CONF_TABLES_MAX ? -EFBIG
					: read_text(out, name, text, length, CONF_TABLES_NODES_MAX);
}

/* The whole file into fresh memory. Pipes are read as well, so the size is not asked for first. */
static int slurp(int fd, char **out, size_t *length)
{
	size_t room = 0, used = 0;
	char *text = NULL;
	ssize_t n;

	do {
		if (used == room) {
			char *more = used > CONF_FILE_MAX
					     ? NULL
					     : mem_realloc(text, room ? room * 2 : 16384);

			if (!more) {
				mem_free(text);
				return used > CONF_FILE_MAX ? -EFBIG : -ENOMEM;
			}
			text = more;
			room = room ? room * 2 : 16384;
		}
		n = read(fd, text + used, room - used);
		used += n > 0 ? (size_t)n : 0;
	} while (n > 0 || (n < 0 && errno == EINTR));
	if (n < 0) {
		int rc = -errno;

		mem_free(text);
		return rc;
	}
	*out = text;
	*length = used;
	return 0;
}

int conf_read_file(struct conf_document **out, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc;
	size_t length = 0;
	char *text = NULL;

	if (fd < 0)
		return -errno;
	rc = slurp(fd, &text, &length);
	close(fd);
	if (rc == 0)
		rc = conf_read_text(out, path, text, length);
	mem_free(text);
	return rc;
}

void conf_document_destroy(struct conf_document **document)
{
	struct conf_document *d = document ? *document : NULL;

	if (!d)
		return;
	for (size_t i = 0; i < d->fault_count; i++)
		mem_free((char *)(uintptr_t)d->faults[i].text);
	mem_free(d->faults);
	mem_free(d->places);
	mem_free(d->names);
	mem_free(d->references);
	node_free(&d->root);
	mem_free(d->file);
	mem_free(d);
	*document = NULL;
}

/* The first key with this text, or the end of the list. */
static struct node **key_place(struct node *mapping, const char *text)
{
	struct node **at = &mapping->first;

	while (*at && strcmp((*at)->text, text) != 0)
		at = &(*at)->next;
	return at;
}

static void drop_nulls(struct node *mapping)
{
	struct node **at = &mapping->first;

	while (*at) {
		struct node *key = *at;

		if (!node_is_null(key->value)) {
			at = &key->next;
			continue;
		}
		*at = key->next;
		key->next = NULL;
		node_free(&key);
		mapping->count--;
	}
}

void conf_overlay(struct conf_document *document, struct conf_document **base)
{
	struct node *over = document->root, *under = base && *base ? (*base)->root : NULL;
	struct node **tail;

	if (over && over->kind == NODE_MAPPING && under && under->kind == NODE_MAPPING) {
		while (under->first) {
			struct node *key = under->first;

			under->first = key->next;
			key->next = NULL;
			tail = key_place(over, key->text);
			if (*tail) {
				node_free(&key);
				continue;
			}
			*tail = key;
			over->count++;
		}
	}
	if (over && over->kind == NODE_MAPPING)
		drop_nulls(over);
	if (base)
		conf_document_destroy(base);
}

/* Makes room for one more in a growing array; NULL (and no_memory) when there is none. */
static void *grow(struct conf_document *d, void *array, size_t count, size_t *room, size_t size)
{
	size_t more = *room ? *room * 2 : 16;
	void *bigger;

	if (count < *room)
		return array;
	bigger = mem_realloc(array, more * size);
	if (!bigger) {
		d->no_memory = true;
		return NULL;
	}
	*room = more;
	return bigger;
}

/* ---- Faults ---- */

static bool comes_before(struct conf_place a, struct conf_place b)
{
	return a.line < b.line || (a.line == b.line && a.column < b.column);
}

static void insert_fault(struct conf_document *d, struct conf_place place, char *text)
{
	size_t at = d->fault_count++;

	for (; at > 0 && comes_before(place, d->faults[at - 1].place); at--)
		d->faults[at] = d->faults[at - 1];
	d->faults[at] = (struct conf_fault){ place, text };
}

bool document_is_full(struct conf_document *d)
{
	if (d->fault_count < CONF_FAULTS_MAX)
		return false;
	d->faults_more++;
	return true;
}

void conf_fault(struct conf_document *d, struct conf_place place, const char *format, ...)
{
	char text[1024];
	va_list args;
	char *copy;

	if (document_is_full(d))
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = ' ';
	if (!d->faults)
		d->faults = mem_calloc(CONF_FAULTS_MAX, sizeof(*d->faults));
	copy = mem_strdup(text);
	if (!d->faults || !copy) {
		mem_free(copy);
		d->no_memory = true;
		return;
	}
	/* What has no place of its own is told of at the top. */
	if (place.line == 0)
		place = (struct conf_place){ 1, 1 };
	insert_fault(d, place, copy);
}

size_t conf_fault_count(const struct conf_document *d)
{
	return d->fault_count;
}

const struct conf_fault *conf_fault_at(const struct conf_document *d, size_t index)
{
	return index < d->fault_count ? &d->faults[index] : NULL;
}

char *conf_fault_text(const struct conf_document *d, size_t index)
{
	const struct conf_fault *f = conf_fault_at(d, index);

	return f ? mem_printf("%s:%u:%u: %s", d->file, f->place.line, f->place.column, f->text)
		 : NULL;
}

void conf_fault_print(const struct conf_document *d, FILE *to)
{
	for (size_t i = 0; i < d->fault_count; i++)
		fprintf(to, "%s:%u:%u: %s\n", d->file, d->faults[i].place.line,
			d->faults[i].place.column, d->faults[i].text);
	if (d->faults_more)
		fprintf(to, "%s: %zu more faults are not shown\n", d->file, d->faults_more);
}

/* ---- Places ---- */

static size_t slot_of(const struct conf_document *d, const void *member)
{
	uint64_t hash = (uint64_t)(uintptr_t)member * UINT64_C(0x9e3779b97f4a7c15);
	size_t slot = (size_t)(hash >> 20) & (d->place_room - 1);

	while (d->places[slot].member && d->places[slot].member != member)
		slot = (slot + 1) & (d->place_room - 1);
	return slot;
}

static void insert_place(struct conf_document *d, const void *member, struct conf_place place)
{
	size_t slot = slot_of(d, member);

	if (!d->places[slot].member)
		d->place_count++;
	d->places[slot].member = member;
	d->places[slot].place = place;
}

static bool grow_places(struct conf_document *d)
{
	struct conf_document bigger = *d;

	bigger.place_room = d->place_room ? d->place_room * 2 : 64;
	bigger.place_count = 0;
	bigger.places = mem_calloc(bigger.place_room, sizeof(*d->places));
	if (!bigger.places)
		return false;
	for (size_t i = 0; i < d->place_room; i++)
		if (d->places[i].member)
			insert_place(&bigger, d->places[i].member, d->places[i].place);
	mem_free(d->places);
	d->places = bigger.places;
	d->place_room = bigger.place_room;
	return true;
}

void document_add_place(struct conf_document *d, const void *member, struct conf_place place)
{
	if ((d->place_count + 1) * 2 > d->place_room && !grow_places(d))
		d->no_memory = true;
	else
		insert_place(d, member, place);
}

static struct conf_place recorded_place(const struct conf_document *d, const void *member)
{
	if (!d->place_room)
		return (struct conf_place){ 0, 0 };
	return d->places[slot_of(d, member)].place;
}

/* A faulty value is recorded with a column and no line. */
void document_add_faulty(struct conf_document *d, const void *member)
{
	document_add_place(d, member, (struct conf_place){ 0, 1 });
}

bool conf_is_faulty(const struct conf_document *d, const void *member)
{
	struct conf_place place = recorded_place(d, member);

	return place.line == 0 && place.column != 0;
}

struct conf_place conf_place_of(const struct conf_document *d, const void *member)
{
	struct conf_place place = recorded_place(d, member);

	return place.line ? place : (struct conf_place){ 0, 0 };
}

struct conf_place conf_place_or(const struct conf_document *d, const void *member,
				struct conf_place otherwise)
{
	struct conf_place place = conf_place_of(d, member);

	return place.line ? place : otherwise;
}

/* ---- Names and references ---- */

void document_add_name(struct conf_document *d, const struct name *name)
{
	struct name *names = grow(d, d->names, d->name_count, &d->name_room, sizeof(*names));

	if (!names)
		return;
	d->names = names;
	names[d->name_count++] = *name;
}

void document_add_reference(struct conf_document *d, const struct reference *reference)
{
	struct reference *all =
		grow(d, d->references, d->reference_count, &d->reference_room, sizeof(*all));

	if (!all)
		return;
	d->references = all;
	all[d->reference_count++] = *reference;
}

static int compare_names(const void *a, const void *b)
{
	const struct name *x = a, *y = b;
	int order = strcmp(x->kind, y->kind);

	if (order == 0)
		order = strcmp(x->name, y->name);
	if (order == 0)
		order = comes_before(x->place, y->place) ? -1 : comes_before(y->place, x->place);
	return order;
}

static int compare_to_name(const void *wanted, const void *candidate)
{
	const struct name *x = wanted, *y = candidate;
	int order = strcmp(x->kind, y->kind);

	return order ? order : strcmp(x->name, y->name);
}

/* The next word of a list of kinds into `kind`; false at its end. */
static bool next_kind(const char **kinds, char kind[64])
{
	size_t n;

	*kinds += strspn(*kinds, " ");
	n = strcspn(*kinds, " ");
	if (n == 0 || n >= 64)
		return false;
	memcpy(kind, *kinds, n);
	kind[n] = '\0';
	*kinds += n;
	return true;
}

static bool is_kind(const char *kinds, const char *wanted)
{
	char kind[64];

	while (next_kind(&kinds, kind))
		if (strcmp(kind, wanted) == 0)
			return true;
	return false;
}

static bool is_named(const struct conf_document *d, const struct reference *r)
{
	const char *kinds = r->kinds;
	char kind[64];

	while (next_kind(&kinds, kind)) {
		struct name wanted = { .kind = kind, .name = r->name };

		if (d->name_count &&
		    bsearch(&wanted, d->names, d->name_count, sizeof(wanted), compare_to_name))
			return true;
	}
	return false;
}

/* Does a schema, or one below it, name things of this kind? */
static bool schema_declares(const struct schema *schema, const char *kind, unsigned depth)
{
	const struct schema_field *f;

	if (!schema || depth > CONF_DEPTH_MAX)
		return false;
	if (schema->kind && strcmp(schema->kind, kind) == 0)
		return true;
	for (f = schema->fields; f->key; f++) {
		if (f->defines && strcmp(f->defines, kind) == 0)
			return true;
		if (f->element && f->element->defines && strcmp(f->element->defines, kind) == 0)
			return true;
		if (schema_declares(f->schema, kind, depth + 1) ||
		    (f->element && schema_declares(f->element->schema, kind, depth + 1)))
			return true;
	}
	return false;
}

/* Are all kinds of a reference the business of the sections at hand? */
static bool all_declared(const char *kinds, const struct conf_section *sections, size_t count)
{
	char kind[64];

	while (next_kind(&kinds, kind)) {
		bool found = false;

		for (size_t i = 0; i < count && !found; i++)
			found = schema_declares(sections[i].schema, kind, 0);
		if (!found)
			return false;
	}
	return true;
}

/* The names that a reference could have meant, as a list for suggest.c. */
struct choice_of_names {
	const char **names;
	size_t count;
};

static const char *name_at(const void *list, size_t i)
{
	const struct choice_of_names *c = list;

	return i < c->count ? c->names[i] : NULL;
}

static void words_of_kinds(const char *kinds, char text[100])
{
	size_t n = 0;

	for (; *kinds && n < 90; kinds++) {
		if (*kinds == ' ')
			n += (size_t)snprintf(text + n, 100 - n, " or ");
		else
			text[n++] = *kinds;
	}
	text[n] = '\0';
}

static void tell_undefined(struct conf_document *d, const struct reference *r)
{
	struct choice_of_names choice = { 0 };
	char kinds[100], list[300];
	const char *nearest;

	if (document_is_full(d))
		return;
	choice.names = mem_calloc(d->name_count + 1, sizeof(char *));
	if (!choice.names) {
		d->no_memory = true;
		return;
	}
	for (size_t i = 0; i < d->name_count; i++) {
		const char *name = d->names[i].name;

		if (is_kind(r->kinds, d->names[i].kind) &&
		    (choice.count == 0 || strcmp(choice.names[choice.count - 1], name) != 0))
			choice.names[choice.count++] = name;
	}
	words_of_kinds(r->kinds, kinds);
	nearest = suggest_nearest(r->name, name_at, &choice);
	suggest_list(list, sizeof(list), name_at, &choice);
	conf_fault(d, r->place, "%s: no %s \"%.80s\" is defined%s%s%s; accepted: %s", r->key, kinds,
		   r->name, nearest ? ", did you mean \"" : "", nearest ? nearest : "",
		   nearest ? "\"?" : "", choice.count ? list : "none is defined");
	mem_free(choice.names);
}

static void tell_ambiguous(struct conf_document *d)
{
	for (size_t i = 1; i < d->name_count; i++) {
		const struct name *a = &d->names[i - 1], *b = &d->names[i];

		if (b->unique && compare_to_name(a, b) == 0)
			conf_fault(d, b->place,
				   "a %s \"%.80s\" is defined on line %u already; accepted: "
				   "another name",
				   b->kind, b->name, a->place.line);
	}
}

void conf_leave_open(struct conf_document *d, const char *kinds)
{
	d->open_kinds = kinds;
}

/* May what is referred to stand in another place than this document? */
static bool is_open(const struct conf_document *d, const char *kinds)
{
	char kind[64];

	while (d->open_kinds && next_kind(&kinds, kind))
		if (is_kind(d->open_kinds, kind))
			return true;
	return false;
}

/* Does the document name anything of these kinds? */
static bool has_any(const struct conf_document *d, const char *kinds)
{
	for (size_t i = 0; i < d->name_count; i++)
		if (is_kind(kinds, d->names[i].kind))
			return true;
	return false;
}

void document_resolve_open(struct conf_document *d)
{
	for (size_t i = 0; i < d->reference_count; i++) {
		const struct reference *r = &d->references[i];

		if (is_open(d, r->kinds) && !is_named(d, r) && has_any(d, r->kinds))
			tell_undefined(d, r);
	}
}

void document_resolve(struct conf_document *d, const struct conf_section *sections, size_t count)
{
	if (d->name_count)
		qsort(d->names, d->name_count, sizeof(*d->names), compare_names);
	tell_ambiguous(d);
	for (size_t i = 0; i < d->reference_count; i++) {
		const struct reference *r = &d->references[i];

		if (!is_named(d, r) && !is_open(d, r->kinds) &&
		    all_declared(r->kinds, sections, count))
			tell_undefined(d, r);
	}
}
