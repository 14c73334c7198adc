/* SPDX-License-Identifier: GPL-2.0-only */
/* What an object is: its kind, its name, its body as JSON and as a struct. */
#include "dialplan/catalog_private.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const struct catalog_kind_info catalog_kinds[CATALOG_KIND_COUNT] = {
	[CATALOG_DIAL_PLAN] = { "dial-plan", "dial-plans", "dial plan", -1, CATALOG_RULE,
				&dialplan_dial_plan_body },
	[CATALOG_RULE] = { "rule", "rules", "rule", CATALOG_DIAL_PLAN, -1, &dialplan_rule_body },
	[CATALOG_TRANSLATION] = { "translation", "translations", "translation", -1,
				  CATALOG_TRANSLATION_RULE, &dialplan_translation_body },
	[CATALOG_TRANSLATION_RULE] = { "translation-rule", "translation-rules", "translation rule",
				       CATALOG_TRANSLATION, -1, &dialplan_translation_rule_body },
	[CATALOG_USAGE] = { "usage", "usages", "usage", -1, -1, &dialplan_usage_body },
	[CATALOG_POLICY] = { "policy", "policies", "policy", -1, -1, &dialplan_policy_body },
	[CATALOG_ROUTE] = { "route", "routes", "route", -1, -1, &dialplan_route_body },
	[CATALOG_GATEWAY] = { "gateway", "gateways", "gateway", -1, -1, &dialplan_gateway_body },
};

const char *catalog_kind_name(enum catalog_kind kind)
{
	return catalog_kinds[kind].name;
}

int catalog_kind_by_name(const char *name)
{
	for (int kind = 0; kind < CATALOG_KIND_COUNT; kind++)
		if (strcmp(name, catalog_kinds[kind].name) == 0 ||
		    strcmp(name, catalog_kinds[kind].plural) == 0)
			return kind;
	return -1;
}

/* ---- Faults ---- */

void catalog_tell(struct catalog_teller *teller, struct conf_place place, const char *format, ...)
{
	char text[1280];
	va_list args;

	teller->count++;
	if (!teller->fault)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	teller->fault(teller->arg, place, text);
}

const char *catalog_label(char text[CATALOG_LABEL], enum catalog_kind kind, const char *parent,
			  const char *name)
{
	snprintf(text, CATALOG_LABEL, "%s %.64s%s%.80s", catalog_kinds[kind].words,
		 catalog_kinds[kind].parent >= 0 && parent ? parent : "",
		 catalog_kinds[kind].parent >= 0 && parent ? "/" : "", name);
	return text;
}

/* ---- Names ---- */

/* May this character, of `n` octets, stand in a line? */
static bool is_printable(const char *at, size_t n)
{
	unsigned char first = (unsigned char)at[0], second = n == 2 ? (unsigned char)at[1] : 0;

	return n > 0 && first >= 0x20 && first != 0x7f && !(first == 0xc2 && second < 0xa0);
}

/* NULL: it may be a name. */
static const char *why_no_name(const char *name)
{
	size_t n = strlen(name), step;

	if (n == 0)
		return "an empty name";
	if (n > CATALOG_NAME_MAX)
		return "the name is longer than 64 octets";
	if (name[0] == ' ' || name[n - 1] == ' ')
		return "a blank at an end of the name";
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return "a name of dots alone";
	if (strchr(name, '/'))
		return "a slash in the name, which stands between a rule's table and the rule";
	if (strchr(name, ':'))
		return "a colon in the name";
	for (; *name; name += step) {
		step = utf8_length(name, strlen(name));
		if (!is_printable(name, step))
			return "a control character in the name, or one that is no UTF-8";
	}
	return NULL;
}

bool catalog_check_name(struct catalog_teller *teller, struct conf_place place,
			enum catalog_kind kind, const char *parent, const char *name)
{
	const char *why = why_no_name(name);
	char label[CATALOG_LABEL];

	if (why) {
		/* The name itself may be anything. */
		catalog_label(label, kind, parent, name);
		for (char *c = label; *c; c++)
			if ((unsigned char)*c < 0x20 || *c == 0x7f)
				*c = '?';
		catalog_tell(teller, place,
			     "%s: %s; accepted: 1 to 64 octets in one line without / and :, and no "
			     "blank at either end",
			     label, why);
	}
	return !why;
}

/* ---- Values ---- */

static void free_value(struct catalog_value *value)
{
	conf_free_body(catalog_kinds[value->kind].body->schema, catalog_value_struct(value));
	mem_free(value->body);
	mem_free(value);
}

struct catalog_value *catalog_value_ref(struct catalog_value *value)
{
	atomic_fetch_add_explicit(&value->references, 1, memory_order_relaxed);
	return value;
}

void catalog_value_unref(struct catalog_value **value)
{
	struct catalog_value *v = *value;

	*value = NULL;
	if (v && atomic_fetch_sub_explicit(&v->references, 1, memory_order_acq_rel) == 1)
		free_value(v);
}

/* A fault of the schema engine, with the object's name before it unless it says so itself. */
static void tell_body_fault(struct catalog_teller *teller, const struct catalog_making *making,
			    const struct conf_fault *fault)
{
	const char *what = fault->text, *words = catalog_kinds[making->kind].words;
	char label[CATALOG_LABEL], own[CATALOG_LABEL];

	catalog_label(label, making->kind, making->parent, making->name);
	snprintf(own, sizeof(own), "%s %s: ", words, making->name);
	if (strncmp(what, own, strlen(own)) == 0)
		what += strlen(own);
	catalog_tell(teller, making->place, "%s: %s", label, what);
}

/* A rule given within its dial plan: the engine's "unknown key" would not help. */
static void tell_inner_rules(struct catalog_teller *teller, const struct catalog_making *making)
{
	char label[CATALOG_LABEL];

	catalog_tell(teller, making->place,
		     "%s: its rules are objects of their own: add them one by one, as %s %s/NAME",
		     catalog_label(label, making->kind, NULL, making->name),
		     catalog_kinds[catalog_kinds[making->kind].child].words, making->name);
}

static void tell_body_faults(struct catalog_teller *teller, const struct catalog_making *making,
			     const struct conf_document *document)
{
	bool inner = false;

	for (size_t i = 0; i < conf_fault_count(document); i++) {
		const struct conf_fault *fault = conf_fault_at(document, i);

		if (catalog_kinds[making->kind].child >= 0 &&
		    strstr(fault->text, "unknown key \"rules\""))
			inner = true;
		else
			tell_body_fault(teller, making, fault);
	}
	if (inner)
		tell_inner_rules(teller, making);
}

static int read_body(struct conf_document **out, const char *body)
{
	return conf_read_text(out, "body", body, strlen(body));
}

/* The text of the body, with what is laid over it. */
static int read_both(struct conf_document **out, const struct catalog_making *making)
{
	struct conf_document *document = NULL, *base = NULL;
	int rc = read_body(&document, making->over ? making->over : making->body);

	if (rc == 0 && making->over)
		rc = read_body(&base, making->body);
	if (rc) {
		conf_document_destroy(&document);
		return rc;
	}
	conf_overlay(document, &base);
	*out = document;
	return 0;
}

/* An object by itself stands on no line: faults of compiling name it instead. */
static void clear_places(struct catalog_value *value)
{
	const struct conf_place nowhere = { 0, 0 };

	if (value->kind == CATALOG_POLICY)
		value->policy.place = nowhere;
	if (value->kind == CATALOG_GATEWAY)
		value->gateway.place = nowhere;
	if (value->kind != CATALOG_ROUTE)
		return;
	value->route.place = nowhere;
	for (size_t i = 0; i < value->route.gateway_count; i++)
		value->route.gateways[i].place = nowhere;
}

static int load_value(struct catalog_value *value, const struct catalog_making *making,
		      struct catalog_teller *teller)
{
	const struct dialplan_body *body = catalog_kinds[making->kind].body;
	struct conf_document *document = NULL;
	int rc = read_both(&document, making);

	if (rc == -EFBIG) {
		catalog_tell(teller, making->place, "%s %.80s: its body is larger than any can be",
			     catalog_kinds[making->kind].words, making->name);
		return -EINVAL;
	}
	if (rc)
		return rc;
	rc = conf_load_body(document, body->schema, making->name, catalog_value_struct(value),
			    making->check ? body->check : NULL);
	if (rc == -EINVAL)
		tell_body_faults(teller, making, document);
	conf_document_destroy(&document);
	if (rc)
		return rc;
	clear_places(value);
	return conf_print_json(&value->body, body->schema, catalog_value_struct(value));
}

int catalog_value_make(struct catalog_value **out, const struct catalog_making *making,
		       struct catalog_teller *teller)
{
	const struct schema *schema = catalog_kinds[making->kind].body->schema;
	struct catalog_value *value;
	int rc;

	/* A value is as large as its kind needs. */
	value = mem_zalloc(offsetof(struct catalog_value, name) + schema->size);
	if (!value)
		return -ENOMEM;
	atomic_init(&value->references, 1);
	value->kind = making->kind;
	rc = load_value(value, making, teller);
	if (rc) {
		free_value(value);
		return rc;
	}
	*out = value;
	return 0;
}

int catalog_value_copy(struct catalog_value **out, enum catalog_kind kind, const char *parent,
		       const char *name, const void *from, struct catalog_teller *teller)
{
	struct catalog_making making = { .kind = kind, .parent = parent, .name = name };
	char *body = NULL;
	int rc = conf_print_json(&body, catalog_kinds[kind].body->schema, from);

	making.body = body;
	if (rc == 0)
		rc = catalog_value_make(out, &making, teller);
	mem_free(body);
	return rc;
}
