/* SPDX-License-Identifier: GPL-2.0-only */
/* Tables and machine together: every name that one uses is in the other.
 *
 * A gateway that a route names and this machine lacks is a fault, with two exceptions: in a shared
 * database it may be another machine's, and what was unknown before a change (a trunk that went
 * while the program did not run) must not stand in the way of every other change. Those are passed
 * over as routes are walked, and said so by `gwctl route test`. */
#include "gateway/admin_private.h"

#include "base/mem.h"
#include "conf/schema.h"
#include "dialplan/schema.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAULTS_MAX 200 /* told; the rest is counted */

/* ---- Faults ---- */

static void put(struct admin_faults *faults, const char *line)
{
	size_t n = strlen(line), need = faults->length + n + 2;

	if (need > faults->room) {
		size_t room = need * 2;
		char *text = mem_realloc(faults->text, room);

		if (!text)
			return;
		faults->text = text;
		faults->room = room;
	}
	memcpy(faults->text + faults->length, line, n);
	faults->length += n;
	memcpy(faults->text + faults->length, "\n", 2);
	faults->length++;
}

void admin_fault_text(struct admin_faults *faults, const char *format, ...)
{
	char line[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (faults->count++ < FAULTS_MAX)
		put(faults, line);
}

void admin_fault(void *arg, struct conf_place place, const char *what)
{
	struct admin_faults *faults = arg;

	if (!place.line || faults->bare)
		admin_fault_text(faults, "%s", what);
	else if (faults->file)
		admin_fault_text(faults, "%s:%u:%u: %s", faults->file, place.line, place.column,
				 what);
	else
		admin_fault_text(faults, "%u:%u: %s", place.line, place.column, what);
}

void admin_fault_lines(struct admin_faults *faults, const char *lines)
{
	while (*lines) {
		size_t n = strcspn(lines, "\n");

		admin_fault_text(faults, "%.*s", (int)n, lines);
		lines += n + (lines[n] == '\n');
	}
}

void admin_faults_free(struct admin_faults *faults)
{
	mem_free(faults->text);
	*faults = (struct admin_faults){ .file = faults->file, .bare = faults->bare };
}

/* ---- Unknown gateways ---- */

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool holds(const struct admin_names *names, const char *name)
{
	return names->count &&
	       bsearch(&name, names->list, names->count, sizeof(char *), compare_names) != NULL;
}

/* Everything that routes may name here: the machine's, and the tables' own. Sorted. */
static int known_names(struct admin_names *out, const struct dialplan_tables *tables,
		       const struct site *site)
{
	const struct dp_gateway_name *names;
	size_t count = site_gateway_names(site, &names);

	out->count = 0;
	out->list = mem_calloc(count + tables->gateway_count + 1, sizeof(char *));
	if (!out->list)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		out->list[out->count++] = names[i].name;
	for (size_t i = 0; i < tables->gateway_count; i++)
		out->list[out->count++] = tables->gateways[i].name;
	qsort(out->list, out->count, sizeof(char *), compare_names);
	return 0;
}

/* They are few: a list does. */
static int note_unknown(struct admin_names *out, const struct admin_names *known, const char *name)
{
	const char **list;

	if (!name || holds(known, name))
		return 0;
	for (size_t i = 0; i < out->count; i++)
		if (strcmp(out->list[i], name) == 0)
			return 0;
	list = mem_realloc(out->list, (out->count + 1) * sizeof(char *));
	if (!list)
		return -ENOMEM;
	out->list = list;
	out->list[out->count++] = name;
	return 0;
}

int admin_unknown(struct admin_names *out, const struct catalog *catalog, const struct site *site)
{
	const struct dialplan_tables *tables = catalog_tables(catalog);
	struct admin_names known = { 0 };
	int rc = tables ? known_names(&known, tables, site) : -ENOMEM;

	*out = (struct admin_names){ 0 };
	if (rc < 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < tables->route_count; i++)
		for (size_t k = 0; rc == 0 && k < tables->routes[i].gateway_count; k++)
			rc = note_unknown(out, &known, tables->routes[i].gateways[k].name);
	for (size_t i = 0; rc == 0 && i < tables->gateway_count; i++)
		for (size_t k = 0; rc == 0 && k < tables->gateways[i].member_count; k++)
			rc = note_unknown(out, &known, tables->gateways[i].members[k]);
	admin_names_free(&known);
	if (rc < 0)
		admin_names_free(out);
	return rc;
}

void admin_names_free(struct admin_names *names)
{
	mem_free(names->list);
	*names = (struct admin_names){ 0 };
}

/* ---- Compiling ---- */

static int add_tolerated(struct dp_gateway_name *list, size_t *count, const struct site *site,
			 const struct dialplan_tables *tables, const struct admin_names *tolerated)
{
	struct admin_names known = { 0 };
	int rc = known_names(&known, tables, site);

	for (size_t i = 0; rc == 0 && tolerated && i < tolerated->count; i++)
		if (!holds(&known, tolerated->list[i]))
			list[(*count)++] = (struct dp_gateway_name){ .name = tolerated->list[i] };
	admin_names_free(&known);
	return rc;
}

static int compile(struct dialplan **out, const struct dialplan_tables *tables,
		   const struct site *site, const struct admin_names *tolerated,
		   struct admin_faults *faults)
{
	const struct dp_gateway_name *names;
	size_t count = site_gateway_names(site, &names);
	struct dp_gateway_name *list;
	int rc;

	list = mem_calloc(count + (tolerated ? tolerated->count : 0) + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	if (count)
		memcpy(list, names, count * sizeof(*list));
	rc = add_tolerated(list, &count, site, tables, tolerated);
	if (rc == 0)
		rc = dialplan_compile(out, tables, list, count, admin_fault, faults);
	mem_free(list);
	return rc;
}

int admin_compile(struct dialplan **out, const struct catalog *catalog, const struct site *site,
		  const struct admin_names *tolerated, struct admin_faults *faults)
{
	struct dialplan *plan = NULL;
	char *missing;
	int rc = catalog_tables(catalog) ? 0 : -ENOMEM;

	if (rc == 0)
		rc = compile(&plan, catalog_tables(catalog), site, tolerated, faults);
	if (rc < 0)
		return rc;
	missing = site_check_union(site, plan);
	if (!missing) {
		*out = plan;
		return 0;
	}
	admin_fault_lines(faults, missing);
	mem_free(missing);
	dialplan_unref(&plan);
	return -EINVAL;
}

void admin_locate(const struct admin *admin, const char *text, size_t length,
		  struct admin_faults *faults)
{
	struct dialplan_tables tables = { 0 };
	struct conf_section section = dialplan_section(&tables);
	struct conf_document *document = NULL;
	struct admin_names tolerated = { 0 };
	struct dialplan *plan = NULL;

	if (conf_read_text(&document, "tables", text, length) == 0 &&
	    conf_load(document, &section, 1) == 0 &&
	    admin_unknown(&tolerated, admin->catalog, admin->site) == 0)
		compile(&plan, &tables, admin->site, &tolerated, faults);
	dialplan_unref(&plan);
	admin_names_free(&tolerated);
	conf_free(&dialplan_schema, &tables);
	conf_document_destroy(&document);
}
