/* SPDX-License-Identifier: GPL-2.0-only */
/* Any text as the name and body of an object of the tables: it is taken or refused with a reason;
 * what was taken has one form, which reads as itself, goes out as YAML and comes back the same. */
#include "base/mem.h"
#include "dialplan/catalog.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t length);

static void count_fault(void *arg, struct conf_place place, const char *what)
{
	(void)place;
	(void)what;
	++*(unsigned *)arg;
}

/* A dial plan and a translation for rules to be in, and a route to be changed. */
static struct catalog *base(void)
{
	static const char text[] =
		"dial-plans: { p: [] }\ntranslations: { p: [] }\nusages: [u]\n"
		"routes: { n: { pattern: '1', usages: [u], gateways: [g], priority: 3 } }\n";
	struct catalog *catalog = NULL;

	if (catalog_from_yaml(&catalog, "base", text, strlen(text), NULL, NULL))
		abort();
	return catalog;
}

static void check_form(const struct catalog *catalog, const struct catalog_change *change)
{
	const struct catalog_object *object =
		catalog_find(catalog, change->kind, change->parent, change->name);
	struct catalog_change again = *change;
	struct catalog *same = NULL;

	if (!object)
		abort();
	again.verb = CATALOG_PUT;
	again.body = object->body;
	if (catalog_change(&same, catalog, &again, 1, NULL, NULL) ||
	    catalog_find(same, change->kind, change->parent, change->name) != object)
		abort();
	catalog_unref(&same);
}

static void check_yaml(const struct catalog *catalog)
{
	char *text = catalog_yaml(catalog);
	struct catalog *again = NULL;
	unsigned faults = 0;

	/* References are checked there, which a single object is not for: it may be refused. */
	if (catalog_from_yaml(&again, "export", text, strlen(text), count_fault, &faults) == 0 &&
	    catalog_diff(catalog, again, NULL, NULL) != 0)
		abort();
	if (!again && faults == 0)
		abort();
	catalog_unref(&again);
	mem_free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t length)
{
	struct catalog_change change = { .parent = "p" };
	struct catalog *from, *to = NULL;
	char *name, *body;
	unsigned faults = 0;
	size_t named;

	if (length < 3)
		return 0;
	change.kind = (enum catalog_kind)(octets[0] % CATALOG_KIND_COUNT);
	change.verb = octets[0] & 0x80 ? CATALOG_SET : CATALOG_ADD;
	named = octets[1] % 16 < length - 2 ? octets[1] % 16 : length - 2;
	name = mem_strndup((const char *)octets + 2, named);
	body = mem_strndup((const char *)octets + 2 + named, length - 2 - named);
	change.name = name[0] ? name : "n";
	change.body = body;
	from = base();
	if (catalog_change(&to, from, &change, 1, count_fault, &faults)) {
		if (faults == 0)
			abort();
	} else {
		check_form(to, &change);
		check_yaml(to);
	}
	catalog_unref(&to);
	catalog_unref(&from);
	mem_free(name);
	mem_free(body);
	return 0;
}
