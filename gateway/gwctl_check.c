/* SPDX-License-Identifier: GPL-2.0-only */
/* config check: reads a gateway.yaml as gatewayd would. A file is checked here, without the daemon,
 * so before it is installed; without one the daemon reads its own again, and holds it against the
 * tables of its store. */
#include "gateway/gwctl_private.h"

#include "conf/schema.h"
#include "dialplan/schema.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>

static json_t *fault_object(const struct conf_document *document, size_t index)
{
	const struct conf_fault *fault = conf_fault_at(document, index);

	return json_pack("{s:i, s:i, s:s}", "line", (int)fault->place.line, "column",
			 (int)fault->place.column, "text", fault->text);
}

static void print_faults_json(struct gwctl *g, const struct conf_document *document)
{
	json_t *faults = json_array();
	json_t *json = json_pack("{s:s, s:o}", "file", g->arguments[0], "faults", faults);

	for (size_t i = 0; json && i < conf_fault_count(document); i++)
		json_array_append_new(faults, fault_object(document, i));
	gwctl_printed_json(g, json);
	json_decref(json);
}

static const char *plural(size_t count)
{
	return count == 1 ? "" : "s";
}

static void print_faults(struct gwctl *g, const struct conf_document *document,
			 const struct machine_conf *machine, const struct dialplan_tables *tables)
{
	size_t count = conf_fault_count(document);

	if (g->json) {
		print_faults_json(g, document);
	} else if (count) {
		conf_fault_print(document, g->io->err);
		fprintf(g->io->err, "gwctl: %s has %zu fault%s; gatewayd would not start with it\n",
			g->arguments[0], count, plural(count));
	} else {
		fprintf(g->out, "%s%s is good%s: %zu trunk%s, %zu span%s, %zu route%s\n",
			tint_on(g, TINT_GOOD), g->arguments[0], tint_off(g, TINT_GOOD),
			machine->trunk_count, plural(machine->trunk_count), machine->span_count,
			plural(machine->span_count), tables->route_count,
			plural(tables->route_count));
	}
}

static int check_here(struct gwctl *g)
{
	struct conf_document *document = NULL;
	struct machine_conf machine = { 0 };
	struct dialplan_tables tables = { 0 };
	struct conf_section sections[] = { machine_section(&machine), dialplan_section(&tables) };
	int rc = conf_read_file(&document, g->arguments[0]);

	if (rc < 0)
		return gwctl_complain(g, GWCTL_USAGE, "unreadable", "%s: %s", g->arguments[0],
				      strerror(-rc));
	rc = conf_load(document, sections, 2);
	if (rc == -ENOMEM)
		rc = gwctl_complain(g, GWCTL_FAILED, "no-memory", "out of memory");
	else
		print_faults(g, document, &machine, &tables);
	if (rc == -EINVAL)
		rc = GWCTL_USAGE;
	conf_free(&dialplan_schema, &tables);
	conf_free(&machine_schema, &machine);
	conf_document_destroy(&document);
	return rc;
}

static int check_there(struct gwctl *g)
{
	json_t *json = NULL;
	int rc = gwctl_ask_for(
		g, &(struct gwctl_asking){ .method = "POST", .path = "config/check" }, &json);

	if (rc == GWCTL_DONE)
		rc = gwctl_need(g, json, "path");
	if (rc == GWCTL_DONE && !gwctl_printed_json(g, json))
		fprintf(g->out, "%s%s is good%s: %s, %s, %s; a reload would take it\n",
			tint_on(g, TINT_GOOD), gwctl_text(json, "path"), tint_off(g, TINT_GOOD),
			gwctl_count((size_t)gwctl_integer(json, "trunks"), "trunk"),
			gwctl_count((size_t)gwctl_integer(json, "lines"), "line"),
			gwctl_count((size_t)gwctl_integer(json, "spans"), "span"));
	json_decref(json);
	return rc;
}

int gwctl_config_check(struct gwctl *g)
{
	return g->argument_count ? check_here(g) : check_there(g);
}
