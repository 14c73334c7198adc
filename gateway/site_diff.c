/* SPDX-License-Identifier: GPL-2.0-only */
/* Two readings of gateway.yaml compared, and what each difference does to calls. */
#include "gateway/site.h"

#include "base/mem.h"
#include "conf/diff.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define EFFECTS 3

/* ---- Effects ---- */

static const enum site_effect usual_effect[] = {
	[SITE_INTERFACE] = SITE_DRAINS, [SITE_TRUNK] = SITE_DRAINS, [SITE_LINE] = SITE_DRAINS,
	[SITE_SPAN] = SITE_AT_ONCE,     [SITE_MEDIA] = SITE_AT_ONCE, [SITE_API] = SITE_RESTART,
	[SITE_STORE] = SITE_RESTART,    [SITE_LOG] = SITE_AT_ONCE,  [SITE_OTHER] = SITE_AT_ONCE,
};

/* Keys with another effect than is usual for their object. */
static const struct {
	enum site_object object;
	const char *key; /* one that ends with a dot: all that begin so */
	enum site_effect effect;
} unusual[] = {
	/* where calls go, not how they are spoken */
	{ SITE_TRUNK, "dial-plan", SITE_AT_ONCE },
	{ SITE_TRUNK, "calling-dial-plan", SITE_AT_ONCE },
	{ SITE_TRUNK, "policy", SITE_AT_ONCE },
	{ SITE_TRUNK, "called-translation", SITE_AT_ONCE },
	{ SITE_TRUNK, "calling-translation", SITE_AT_ONCE },
	{ SITE_TRUNK, "setup-timeout", SITE_AT_ONCE },
	{ SITE_TRUNK, "ring-timeout", SITE_AT_ONCE },
	{ SITE_TRUNK, "failover-causes", SITE_AT_ONCE },
	{ SITE_TRUNK, "max-calls", SITE_AT_ONCE },
	{ SITE_TRUNK, "options-interval", SITE_AT_ONCE },
	{ SITE_TRUNK, "enabled", SITE_AT_ONCE },
	/* what isdn_span_set_conf() can't change */
	{ SITE_SPAN, "line", SITE_DRAINS },
	{ SITE_SPAN, "role", SITE_DRAINS },
	{ SITE_SPAN, "switch-type", SITE_DRAINS },
	{ SITE_SPAN, "law", SITE_DRAINS },
	{ SITE_SPAN, "d-channel", SITE_DRAINS },
	{ SITE_SPAN, "timers.t200", SITE_DRAINS },
	{ SITE_SPAN, "timers.t203", SITE_DRAINS },
	{ SITE_SPAN, "timers.n200", SITE_DRAINS },
	/* who may do what is looked up for each request */
	{ SITE_API, "access", SITE_AT_ONCE },
	/* threads and the spool are made once */
	{ SITE_MEDIA, "workers", SITE_RESTART },
	{ SITE_MEDIA, "realtime-priority", SITE_RESTART },
	{ SITE_OTHER, "records.", SITE_RESTART },
};

/* Values that are nobody's business who may only read. */
static const struct {
	enum site_object object;
	const char *key;
} secrets[] = { { SITE_API, "access" }, { SITE_STORE, "url" } };

static bool key_fits(const char *pattern, const char *key)
{
	size_t n = strlen(pattern);

	return pattern[n - 1] == '.' ? strncmp(pattern, key, n) == 0 : strcmp(pattern, key) == 0;
}

static enum site_effect effect_of(enum site_object object, const char *key)
{
	for (size_t i = 0; i < sizeof(unusual) / sizeof(unusual[0]); i++)
		if (unusual[i].object == object && key_fits(unusual[i].key, key))
			return unusual[i].effect;
	return usual_effect[object];
}

static bool is_secret(enum site_object object, const char *key)
{
	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
		if (secrets[i].object == object && strcmp(secrets[i].key, key) == 0)
			return true;
	return false;
}

/* ---- Keys of one object ---- */

/* What differs, by effect; with `whole` everything has the effect of the gravest. */
struct keys {
	enum site_object object;
	const char *prefix; /* before each key */
	char *text[EFFECTS];
	bool no_memory;
};

/* Takes `more`. */
static void append(struct keys *k, enum site_effect effect, char *more)
{
	char *longer = k->text[effect] && more ? mem_printf("%s, %s", k->text[effect], more)
					       : mem_strdup(more);

	mem_free(more);
	if (!longer) {
		k->no_memory = true;
		return;
	}
	mem_free(k->text[effect]);
	k->text[effect] = longer;
}

static void add_key(void *arg, const char *key, const char *from, const char *to)
{
	struct keys *k = arg;
	char name[200];

	snprintf(name, sizeof(name), "%s%s", k->prefix, key);
	append(k, effect_of(k->object, name),
	       is_secret(k->object, key)
		       ? mem_printf("%s: changed", name)
		       : mem_printf("%s: %s → %s", name, from ? from : "none", to ? to : "none"));
}

static void clear(struct keys *k)
{
	for (unsigned i = 0; i < EFFECTS; i++)
		mem_free(k->text[i]);
}

/* All keys under the gravest effect. */
static enum site_effect gather(struct keys *k)
{
	enum site_effect gravest = SITE_AT_ONCE;

	for (unsigned i = 0; i < EFFECTS; i++)
		if (k->text[i])
			gravest = (enum site_effect)i;
	for (unsigned i = 0; i < EFFECTS; i++) {
		if (i == gravest || !k->text[i])
			continue;
		append(k, gravest, k->text[i]);
		k->text[i] = NULL;
	}
	return gravest;
}

/* ---- Schemas ---- */

static const struct schema_field *root_field(const char *key)
{
	const struct schema_field *f = machine_schema.fields;

	while (f->key && strcmp(f->key, key) != 0)
		f++;
	return f;
}

static const char *const map_keys[] = { [SITE_INTERFACE] = "sip-interfaces",
					[SITE_TRUNK] = "trunks",
					[SITE_LINE] = "lines",
					[SITE_SPAN] = "spans" };

int site_compare(enum site_object object, const void *from, const void *to,
		 enum site_effect *effect, char **out)
{
	struct keys k = { .object = object, .prefix = "" };
	int rc = conf_diff(root_field(map_keys[object])->schema, from, to, add_key, &k);

	*effect = gather(&k);
	if (k.no_memory)
		rc = -ENOMEM;
	if (rc > 0 && out) {
		*out = k.text[*effect];
		k.text[*effect] = NULL;
	}
	clear(&k);
	return rc < 0 ? rc : rc > 0;
}

/* ---- Named things ---- */

struct comparison {
	const struct machine_conf *from, *to;
	void (*each)(void *arg, const struct site_difference *difference);
	void *arg;
	int count;
};

/* A list of named things in a machine. */
struct things {
	const char *elements;
	size_t count, size, name_offset;
};

static struct things things_of(const struct machine_conf *machine, enum site_object object)
{
	const struct schema_field *f = root_field(map_keys[object]);
	struct things t = { .size = f->size, .name_offset = f->schema->name_offset };

	memcpy(&t.elements, (const char *)machine + f->offset, sizeof(t.elements));
	memcpy(&t.count, (const char *)machine + f->count_offset, sizeof(t.count));
	return t;
}

static const char *name_of(const struct things *t, size_t i)
{
	const char *name;

	memcpy(&name, t->elements + i * t->size + t->name_offset, sizeof(name));
	return name;
}

static const void *find(const struct machine_conf *machine, enum site_object object,
			const char *name)
{
	struct things t = things_of(machine, object);

	for (size_t i = 0; i < t.count; i++)
		if (strcmp(name_of(&t, i), name) == 0)
			return t.elements + i * t.size;
	return NULL;
}

static void tell(struct comparison *c, const struct site_difference *difference)
{
	c->count++;
	c->each(c->arg, difference);
}

/* What it stands on: the line of a span, the interface of a trunk; NULL for others. */
static const char *ground_of(enum site_object object, const void *thing)
{
	if (object == SITE_TRUNK)
		return ((const struct conf_trunk *)thing)->interface;
	return object == SITE_SPAN ? ((const struct conf_span *)thing)->line : NULL;
}

/* Does what the thing stands on change? 0, 1, -ENOMEM. One that moves elsewhere says so itself. */
static int ground_moves(const struct comparison *c, enum site_object object, const char *ground)
{
	enum site_object below = object == SITE_TRUNK ? SITE_INTERFACE : SITE_LINE;
	const void *a = find(c->from, below, ground), *b = find(c->to, below, ground);
	enum site_effect effect;

	return a && b ? site_compare(below, a, b, &effect, NULL) : 0;
}

/* Adds "line telco". */
static int add_ground(char **keys, enum site_object object, const char *ground)
{
	char *more = mem_printf("%s%s%s %s", *keys ? *keys : "", *keys ? ", " : "",
				object == SITE_TRUNK ? "interface" : "line", ground);

	mem_free(*keys);
	*keys = more;
	return more ? 0 : -ENOMEM;
}

static int compare_thing(struct comparison *c, enum site_object object, const char *name,
			 const void *from, const void *to)
{
	struct site_difference d = { .object = object, .verb = SITE_CHANGED, .name = name };
	const char *ground = ground_of(object, to);
	char *keys = NULL;
	int rc = site_compare(object, from, to, &d.effect, &keys);
	int moves = rc >= 0 && ground ? ground_moves(c, object, ground) : 0;

	if (rc >= 0 && moves > 0) {
		d.effect = SITE_DRAINS;
		moves = add_ground(&keys, object, ground);
	}
	if (rc >= 0 && moves >= 0 && keys) {
		d.keys = keys;
		tell(c, &d);
	}
	mem_free(keys);
	return rc < 0 ? rc : moves < 0 ? moves : 0;
}

static int compare_things(struct comparison *c, enum site_object object)
{
	struct things a = things_of(c->from, object), b = things_of(c->to, object);
	int rc = 0;

	for (size_t i = 0; i < a.count; i++)
		if (!find(c->to, object, name_of(&a, i)))
			tell(c, &(struct site_difference){ object, SITE_REMOVED, SITE_DRAINS,
							   name_of(&a, i), NULL });
	for (size_t i = 0; i < b.count && rc == 0; i++) {
		const char *name = name_of(&b, i);
		const void *from = find(c->from, object, name);

		if (from)
			rc = compare_thing(c, object, name, from, b.elements + i * b.size);
		else
			tell(c, &(struct site_difference){ object, SITE_ADDED, SITE_AT_ONCE, name,
							   NULL });
	}
	return rc;
}

/* ---- Sections that are there once ---- */

static int tell_keys(struct comparison *c, struct keys *k)
{
	for (unsigned i = 0; i < EFFECTS && !k->no_memory; i++)
		if (k->text[i])
			tell(c, &(struct site_difference){ k->object, SITE_CHANGED,
							   (enum site_effect)i, "", k->text[i] });
	clear(k);
	return k->no_memory ? -ENOMEM : 0;
}

static int compare_section(struct comparison *c, enum site_object object, const char *key,
			   const char *prefix)
{
	const struct schema_field *f = root_field(key);
	struct keys k = { .object = object, .prefix = prefix };
	int rc = conf_diff(f->schema, (const char *)c->from + f->offset,
			   (const char *)c->to + f->offset, add_key, &k);

	if (rc < 0)
		clear(&k);
	return rc < 0 ? rc : tell_keys(c, &k);
}

/* Root keys of no section. */
static void add_plain(void *arg, const char *key, const char *from, const char *to)
{
	if (strcmp(key, "stop-wait") == 0 || strcmp(key, "ladder-calls") == 0)
		add_key(arg, key, from, to);
}

static int compare_plain(struct comparison *c)
{
	struct machine_conf a = { .stop_wait_s = c->from->stop_wait_s,
				  .ladder_calls = c->from->ladder_calls };
	struct machine_conf b = { .stop_wait_s = c->to->stop_wait_s,
				  .ladder_calls = c->to->ladder_calls };
	struct keys k = { .object = SITE_OTHER, .prefix = "" };
	int rc = conf_diff(&machine_schema, &a, &b, add_plain, &k);

	if (rc < 0)
		clear(&k);
	return rc < 0 ? rc : tell_keys(c, &k);
}

int site_diff(const struct site *from, const struct site *to,
	      void (*each)(void *arg, const struct site_difference *difference), void *arg)
{
	static const struct {
		enum site_object object;
		const char *key, *prefix;
	} sections[] = {
		{ SITE_MEDIA, "media", "" },         { SITE_API, "api", "" },
		{ SITE_STORE, "store", "" },         { SITE_LOG, "log", "" },
		{ SITE_OTHER, "records", "records." }, { SITE_OTHER, "overload", "overload." },
	};
	struct comparison c = { site_machine(from), site_machine(to), each, arg, 0 };
	int rc = 0;

	for (int object = SITE_INTERFACE; object <= SITE_SPAN && rc == 0; object++)
		rc = compare_things(&c, (enum site_object)object);
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]) && rc == 0; i++)
		rc = compare_section(&c, sections[i].object, sections[i].key, sections[i].prefix);
	if (rc == 0)
		rc = compare_plain(&c);
	return rc < 0 ? rc : c.count;
}
