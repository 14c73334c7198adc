/* SPDX-License-Identifier: GPL-2.0-only */
/* A reading of gateway.yaml. The machine names dial plans, policies and translations that may stand
 * in the store and not in this file, and the tables of this file may be older than the machine: so
 * names that cross between the two are not looked up here but where both are known
 * (site_check_union(), dialplan_compile()). */
#include "gateway/site.h"

#include "base/mem.h"
#include "conf/schema.h"
#include "dialplan/schema.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* What one trunk or span names of the tables, and where. */
struct table_use {
	const char *what, *name; /* "trunk", "core" */
	const char *key;         /* "dial-plan" */
	const char *table;       /* NULL: the key isn't there */
	bool (*is_there)(const struct dialplan *plan, const char *name);
	struct conf_place place;
};
#define USES 5 /* of a trunk or span */

struct site {
	atomic_uint references;
	char *path;
	bool wrapped; /* the structs are the caller's */
	const struct machine_conf *machine;
	const struct dialplan_tables *seed;
	struct machine_conf own_machine;
	struct dialplan_tables own_seed;
	struct dp_gateway_name *names;
	size_t name_count;
	struct table_use *uses;
	size_t use_count;
};

/* ---- Names for routes ---- */

static void add_name(struct site *site, const char *name, size_t index, const char *member)
{
	site->names[site->name_count++] = (struct dp_gateway_name){
		.name = name, .index = (unsigned)index, .member = member
	};
}

/* Every trunk and span, and the groups that spans are in. */
static int collect_names(struct site *site)
{
	const struct machine_conf *m = site->machine;

	site->names = mem_calloc(m->trunk_count + 2 * m->span_count + 1, sizeof(*site->names));
	if (!site->names)
		return -ENOMEM;
	for (size_t i = 0; i < m->trunk_count; i++)
		add_name(site, m->trunks[i].name, i, NULL);
	for (size_t i = 0; i < m->span_count; i++)
		add_name(site, m->spans[i].name, m->trunk_count + i, NULL);
	for (size_t i = 0; i < m->span_count; i++)
		if (m->spans[i].group)
			add_name(site, m->spans[i].group, m->trunk_count + i, m->spans[i].name);
	return 0;
}

/* ---- What the machine names of the tables ---- */

struct routing_keys {
	char *const *dial_plan, *const *calling_dial_plan,
					*const *policy, *const *called_translation,
								*const *calling_translation;
};

static void add_uses(struct site *site, const struct conf_document *document, const char *what,
		     const char *name, struct conf_place place, const struct routing_keys *keys)
{
	const struct {
		const char *key;
		char *const *member;
		bool (*is_there)(const struct dialplan *plan, const char *name);
	} rows[USES] = {
		{ "dial-plan", keys->dial_plan, dialplan_has_dial_plan },
		{ "calling-dial-plan", keys->calling_dial_plan, dialplan_has_dial_plan },
		{ "policy", keys->policy, dialplan_has_policy },
		{ "called-translation", keys->called_translation, dialplan_has_translation },
		{ "calling-translation", keys->calling_translation, dialplan_has_translation },
	};

	for (size_t i = 0; i < USES; i++) {
		struct table_use *use = &site->uses[site->use_count];

		if (!*rows[i].member)
			continue;
		site->use_count++;
		*use = (struct table_use){ what, name, rows[i].key, *rows[i].member,
					   rows[i].is_there, place };
		if (document)
			use->place = conf_place_or(document, rows[i].member, place);
	}
}

static int collect_uses(struct site *site, const struct conf_document *document)
{
	const struct machine_conf *m = site->machine;

	site->uses = mem_calloc((m->trunk_count + m->span_count) * USES + 1, sizeof(*site->uses));
	if (!site->uses)
		return -ENOMEM;
	for (size_t i = 0; i < m->trunk_count; i++) {
		const struct conf_trunk *t = &m->trunks[i];

		add_uses(site, document, "trunk", t->name, t->place,
			 &(struct routing_keys){ &t->dial_plan, &t->calling_dial_plan, &t->policy,
						 &t->called_translation, &t->calling_translation });
	}
	for (size_t i = 0; i < m->span_count; i++) {
		const struct conf_span *s = &m->spans[i];

		add_uses(site, document, "span", s->name, s->place,
			 &(struct routing_keys){ &s->dial_plan, &s->calling_dial_plan, &s->policy,
						 &s->called_translation, &s->calling_translation });
	}
	return 0;
}

/* ---- Making ---- */

static void site_free(struct site *site)
{
	if (!site->wrapped) {
		conf_free(&dialplan_schema, &site->own_seed);
		conf_free(&machine_schema, &site->own_machine);
	}
	mem_free(site->names);
	mem_free(site->uses);
	mem_free(site->path);
	mem_free(site);
}

static struct site *make_site(const char *path)
{
	struct site *site = mem_zalloc(sizeof(*site));

	if (!site)
		return NULL;
	atomic_init(&site->references, 1);
	site->machine = &site->own_machine;
	site->seed = &site->own_seed;
	site->path = mem_strdup(path);
	if (!site->path) {
		mem_free(site);
		return NULL;
	}
	return site;
}

static int collect(struct site *site, const struct conf_document *document)
{
	int rc = collect_names(site);

	return rc < 0 ? rc : collect_uses(site, document);
}

/* A line each; NULL without memory. */
static char *faults_of(const struct conf_document *document)
{
	char *all = NULL;

	for (size_t i = 0; i < conf_fault_count(document); i++) {
		char *one = conf_fault_text(document, i);
		char *more =
			one ? mem_printf("%s%s%s", all ? all : "", all ? "\n" : "", one) : NULL;

		mem_free(one);
		mem_free(all);
		all = more;
		if (!all)
			break;
	}
	return all;
}

static int fill(struct site *site, struct conf_document *document)
{
	const struct conf_section sections[] = { machine_section(&site->own_machine),
						 dialplan_section(&site->own_seed) };
	int rc;

	conf_leave_open(document, "dial-plan policy translation trunk span group");
	rc = conf_load(document, sections, sizeof(sections) / sizeof(sections[0]));
	return rc < 0 ? rc : collect(site, document);
}

static int read_document(struct site **out, const char *path, struct conf_document *document,
			 char **faults)
{
	struct site *site = make_site(path);
	int rc = site ? fill(site, document) : -ENOMEM;

	if (rc < 0)
		goto fail;
	*out = site;
	return 0;
fail:
	*faults = rc == -EINVAL ? faults_of(document) : mem_printf("%s: %s", path, strerror(-rc));
	if (site)
		site_free(site);
	return rc;
}

int site_read(struct site **out, const char *path, char **faults)
{
	struct conf_document *document = NULL;
	int rc = conf_read_file(&document, path);

	*faults = NULL;
	if (rc < 0)
		*faults = mem_printf("%s: %s", path, strerror(-rc));
	else
		rc = read_document(out, path, document, faults);
	conf_document_destroy(&document);
	return rc;
}

int site_read_text(struct site **out, const char *name, const char *text, char **faults)
{
	struct conf_document *document = NULL;
	int rc = conf_read_text(&document, name, text, strlen(text));

	*faults = NULL;
	if (rc < 0)
		*faults = mem_printf("%s: %s", name, strerror(-rc));
	else
		rc = read_document(out, name, document, faults);
	conf_document_destroy(&document);
	return rc;
}

int site_wrap(struct site **out, const struct machine_conf *machine,
	      const struct dialplan_tables *tables)
{
	struct site *site = make_site("");
	int rc;

	if (!site)
		return -ENOMEM;
	site->wrapped = true;
	site->machine = machine;
	if (tables)
		site->seed = tables;
	rc = collect(site, NULL);
	if (rc < 0) {
		site_free(site);
		return rc;
	}
	*out = site;
	return 0;
}

struct site *site_ref(struct site *site)
{
	atomic_fetch_add_explicit(&site->references, 1, memory_order_relaxed);
	return site;
}

void site_unref(struct site **out)
{
	struct site *site = *out;

	*out = NULL;
	if (site && atomic_fetch_sub_explicit(&site->references, 1, memory_order_acq_rel) == 1)
		site_free(site);
}

/* ---- Queries ---- */

const struct machine_conf *site_machine(const struct site *site)
{
	return site->machine;
}

const struct dialplan_tables *site_seed(const struct site *site)
{
	return site->seed;
}

const char *site_path(const struct site *site)
{
	return site->path;
}

size_t site_gateway_names(const struct site *site, const struct dp_gateway_name **out)
{
	*out = site->names;
	return site->name_count;
}

/* ---- The union ---- */

static const char *kind_of(const struct table_use *use)
{
	if (use->is_there == dialplan_has_policy)
		return "policy";
	return use->is_there == dialplan_has_dial_plan ? "dial plan" : "translation";
}

char *site_check_union(const struct site *site, const struct dialplan *plan)
{
	char *all = NULL;

	for (size_t i = 0; i < site->use_count; i++) {
		const struct table_use *use = &site->uses[i];
		char *more;

		if (use->is_there(plan, use->table))
			continue;
		more = mem_printf("%s%s%s:%u:%u: %s %s: %s: no %s \"%s\" is in the tables",
				  all ? all : "", all ? "\n" : "", site->path, use->place.line,
				  use->place.column, use->what, use->name, use->key, kind_of(use),
				  use->table);
		mem_free(all);
		all = more;
		if (!all)
			return mem_strdup("out of memory");
	}
	return all;
}

/* ---- Compiling ---- */

struct fault_lines {
	const struct site *site;
	char *all;
	bool no_memory;
};

/* Takes `line`. */
static void add_line(struct fault_lines *lines, char *line)
{
	char *more = line && lines->all ? mem_printf("%s\n%s", lines->all, line)
					: mem_strdup(line);

	mem_free(line);
	if (!more)
		lines->no_memory = true;
	if (!more)
		return;
	mem_free(lines->all);
	lines->all = more;
}

static void plan_fault(void *arg, struct conf_place place, const char *what)
{
	struct fault_lines *lines = arg;

	add_line(lines,
		 mem_printf("%s:%u:%u: %s", lines->site->path, place.line, place.column, what));
}

int site_compile(const struct site *site, const struct dialplan_tables *tables,
		 struct dialplan **plan, char **faults)
{
	struct fault_lines lines = { .site = site };
	struct dialplan *made = NULL;
	int rc = dialplan_compile(&made, tables, site->names, site->name_count, plan_fault, &lines);
	char *missing = rc == 0 ? site_check_union(site, made) : NULL;

	*faults = NULL;
	if (missing) {
		add_line(&lines, missing);
		rc = -EINVAL;
	}
	if (rc == -EINVAL && (lines.no_memory || !lines.all))
		rc = -ENOMEM;
	if (rc < 0)
		goto fail;
	*plan = made;
	return 0;
fail:
	dialplan_unref(&made);
	*faults = rc == -EINVAL ? lines.all : mem_printf("dial plan: %s", strerror(-rc));
	if (rc != -EINVAL)
		mem_free(lines.all);
	return rc;
}
