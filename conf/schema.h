/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CONF_SCHEMA_H
#define CONF_SCHEMA_H

/* Typed structs from YAML by const tables, and back. conf/README.md has an example.
 *
 * What does it do? A schema describes a struct: per key its type, range, default, unit and help.
 * conf_load() fills structs from one document made of sections that several floors contribute;
 * every fault is collected with its line and column, and says what is accepted. conf_print() writes
 * YAML that loads to the same.
 *
 * How does it work? The text becomes a tree of nodes with positions (conf/node.h), sections are
 * filled from it, names are registered by (kind, name) across all sections, references are looked
 * up, then the sections' own cross checks run with the position of every value at hand.
 *
 * Memory: everything a schema fills is mem_*; conf_free() releases it. A struct to be filled must
 * be zeroed. Thread: any, one document at a time each. */

#include "conf/machine.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum schema_type {
	/* bool: true false yes no on off */
	SCHEMA_BOOL,
	/* Any integer member; decimal, strict; `min`…`max` (both 0: whatever fits). */
	SCHEMA_INTEGER,
	/* Unsigned member in `unit`: 200ms 4s 2min 1h 125us; `min`…`max` in that unit. */
	SCHEMA_DURATION,
	/* Enum or integer member: one of `choices`. */
	SCHEMA_ENUM,
	/* List of `choices`, each `value` being the offset of a bool in the struct; at least one.
	 */
	SCHEMA_FLAGS,
	/* char *; `max`: octets, 0: 1,024; never empty unless `may_be_empty`. */
	SCHEMA_STRING,
	/* char *: the name of a thing of one of the kinds in `refers`. */
	SCHEMA_REFERENCE,
	/* struct netaddr: numeric host, and port by `port`. */
	SCHEMA_ADDRESS,
	/* struct netprefix: 192.0.2.0/24, 2001:db8::/32 or a host. */
	SCHEMA_PREFIX,
	/* timeslot_set: 1-15,17-31 or [1-15, 17-31]. */
	SCHEMA_TIMESLOTS,
	/* Two members of one integer type, at `offset` and `count_offset`: 20000-29999. */
	SCHEMA_RANGE,
	/* A nested struct by `schema`; absent: its defaults. */
	SCHEMA_STRUCT,
	/* Pointer at `offset`, size_t at `count_offset`: a list of `element`, `min`…`max` of them.
	 */
	SCHEMA_LIST,
	/* The same of named things: mapping of name to body by `schema`. */
	SCHEMA_MAP,
};

enum schema_port { SCHEMA_PORT_OPTIONAL, SCHEMA_PORT_REQUIRED, SCHEMA_PORT_NONE };

/* Units of durations, in microseconds. */
enum schema_unit { SCHEMA_US = 1, SCHEMA_MS = 1000, SCHEMA_S = 1000000 };

struct schema_choice {
	const char *name;
	int64_t value;
};

struct schema_field {
	/* "packet-time"; not in elements of lists. */
	const char *key;
	enum schema_type type;
	/* Of the member: SCHEMA_AT; of a list's pointer and of one of its elements: SCHEMA_LIST_AT.
	 */
	size_t offset, size;
	size_t count_offset;
	/* One line, no full stop. */
	const char *help;
	/* Default as it would be written (lists: values separated by commas); NULL: zero or NULL.
	 */
	const char *initial;
	int64_t min, max;
	enum schema_unit unit;
	enum schema_port port;
	uint16_t default_port;
	/* Where `when` holds, if there is one. */
	bool required;
	bool may_be_empty;
	/* This key has a meaning only if the SCHEMA_ENUM of the key `when`, which stands before it,
	 * has one of the values (1 << value). Else it is refused, and not printed. */
	const char *when;
	uint64_t when_values;
	/* SCHEMA_REFERENCE: kinds, separated by spaces: "trunk span group". */
	const char *refers;
	/* SCHEMA_STRING: the value is a name of this kind (several may define one). */
	const char *defines;
	/* Ends with a NULL name. */
	const struct schema_choice *choices;
	/* SCHEMA_STRUCT, SCHEMA_MAP, and elements that are structs. */
	const struct schema *schema;
	/* SCHEMA_LIST; its `size` is that of one element, its `offset` 0. */
	const struct schema_field *element;
};

#define SCHEMA_AT(type, member)                                                                    \
	.offset = offsetof(type, member), .size = sizeof(((type *)0)->member)
#define SCHEMA_LIST_AT(type, member, count)                                                        \
	.offset = offsetof(type, member), .size = sizeof(*((type *)0)->member),                    \
	.count_offset = offsetof(type, count)
#define SCHEMA_RANGE_AT(type, first, last)                                                         \
	.offset = offsetof(type, first), .size = sizeof(((type *)0)->first),                       \
	.count_offset = offsetof(type, last)
/* No such member. */
#define SCHEMA_NONE SIZE_MAX

struct schema {
	/* One such thing, for messages: "trunk", "rule". */
	const char *what;
	/* Of the struct. */
	size_t size;
	/* Of its struct conf_place; SCHEMA_NONE: it has none. */
	size_t place_offset;
	/* SCHEMA_MAP: of the char * that takes the name; else SCHEMA_NONE. */
	size_t name_offset;
	/* SCHEMA_MAP: names are registered as this kind and unique in it; NULL: not at all. */
	const char *kind;
	/* Key of the field that takes a body which is no mapping, as in [a, b]; or NULL. */
	const char *bare;
	/* Ends with a NULL key. */
	const struct schema_field *fields;
};

/* ---- Documents ---- */

struct conf_document;

/* A part of the root mapping: the fields of `schema` are root keys, `into` is the struct they fill.
 * `check` (or NULL) runs last, even when there were faults: what was faulty is then at its default
 * or zero. */
struct conf_section {
	const struct schema *schema;
	void *into;
	void (*check)(struct conf_document *document, void *into);
};

/* Limits: a document is refused beyond them. */
#define CONF_FILE_MAX (8u << 20) /* octets */
#define CONF_DEPTH_MAX 24
#define CONF_NODES_MAX 400000
#define CONF_TABLES_MAX (128u << 20)
#define CONF_TABLES_NODES_MAX 8000000
#define CONF_FAULTS_MAX 100 /* kept; those beyond are only counted */

/* Reads the file, or the text called `name` in messages. 0 also when it has faults (ask
 * conf_fault_count(); conf_load() then says -EINVAL); -errno when the file can't be read, -EFBIG
 * when it is too large, -ENOMEM. */
int conf_read_file(struct conf_document **out, const char *path);
int conf_read_text(struct conf_document **out, const char *name, const char *text, size_t length);
/* Tables of an administrator, of which there may be a hundred thousand: a text of at most
 * CONF_TABLES_MAX with at most CONF_TABLES_NODES_MAX values. */
int conf_read_tables(struct conf_document **out, const char *name, const char *text, size_t length);
void conf_document_destroy(struct conf_document **document);

/* Before conf_load(): things of these kinds (separated by spaces; of static life) may also be named
 * somewhere else, so a reference to one that isn't in this document is no fault. It is told along
 * with other faults, though, when the document has some of the kind: it was meant to be whole then. */
void conf_leave_open(struct conf_document *document, const char *kinds);

/* Fills the sections. 0; -EINVAL after faults, -ENOMEM: then all sections are released and zeroed.
 * References to a kind that no section of this call declares are taken as they are. Once per
 * document. */
int conf_load(struct conf_document *document, const struct conf_section *sections, size_t count);

/* Releases what a load has filled and zeroes the struct. Takes a zeroed one. */
void conf_free(const struct schema *schema, void *from);

/* ---- One thing by itself, as stores and programs keep it ---- */

/* Fills the struct of a named thing from the document's root, a mapping of its keys; `name` is
 * copied into it (NULL: left away). References are taken as they are; `check` (or NULL) as in
 * sections. 0; -EINVAL after faults; -ENOMEM: then nothing is left to free. Once per document. */
int conf_load_body(struct conf_document *document, const struct schema *schema, const char *name,
		   void *into, void (*check)(struct conf_document *document, void *into));
/* Releases it with its name and zeroes the struct. Takes a zeroed one. */
void conf_free_body(const struct schema *schema, void *from);
/* Puts the keys of `base` that `document` has not into it; a null in `document` leaves its key away.
 * Both roots must be mappings (or nothing): else nothing happens, and loading tells. `base` is
 * destroyed. */
void conf_overlay(struct conf_document *document, struct conf_document **base);
/* A struct as one line of JSON: keys in the schema's order, defaults left out, so that equal structs
 * make equal texts; conf_read_text() reads it. 0 and *out (mem_free()), or -ENOMEM. */
int conf_print_json(char **out, const struct schema *schema, const void *from);
/* Sections as YAML for people: defaults left out, short forms and short lists on their line. As
 * conf_print() otherwise. */
int conf_print_brief(char **out, const struct conf_section *sections, size_t count);

/* All sections as YAML, every value written out. 0 and *out (mem_free()), or -ENOMEM. */
int conf_print(char **out, const struct conf_section *sections, size_t count);

/* ---- For cross checks ---- */

/* Where the value of a member was read from ({0,0}: it is a default). `member` points into a
 * section's struct. */
struct conf_place conf_place_of(const struct conf_document *document, const void *member);
/* Was the value of a member faulty, and told of? Checks leave such a member alone: it is at its
 * default, which nobody wrote. */
bool conf_is_faulty(const struct conf_document *document, const void *member);
/* The same as conf_place_of(), and when it is a default the place of the thing it belongs to. */
struct conf_place conf_place_or(const struct conf_document *document, const void *member,
				struct conf_place otherwise);
/* Adds a fault. Text: what is wrong, and what is accepted; no line feed. */
void conf_fault(struct conf_document *document, struct conf_place place, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- Faults ---- */

struct conf_fault {
	struct conf_place place;
	const char *text;
};
/* In order of place. Valid while the document is. */
size_t conf_fault_count(const struct conf_document *document);
const struct conf_fault *conf_fault_at(const struct conf_document *document, size_t index);
/* "file:line:column: text" of one fault into fresh memory (mem_free()), NULL without memory. */
char *conf_fault_text(const struct conf_document *document, size_t index);
/* All of them, a line each. */
void conf_fault_print(const struct conf_document *document, FILE *to);

/* ---- The machine (machine.h) ---- */

extern const struct schema machine_schema;
/* The cross checks of machine.h: two users of a timeslot, of an address and port … */
void machine_check(struct conf_document *document, void *into);
/* The section of the machine, to be loaded together with those of other floors. */
static inline struct conf_section machine_section(struct machine_conf *into)
{
	return (struct conf_section){ &machine_schema, into, machine_check };
}

#endif
