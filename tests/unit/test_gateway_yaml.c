/* SPDX-License-Identifier: GPL-2.0-only */
/* conf/gateway.yaml, the shipped example: it loads, it shows every key of every section, and its
 * tables compile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "conf/schema.h"
#include "dialplan/dialplan.h"
#include "dialplan/schema.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHIPPED TEST_SOURCE_DIR "/conf/gateway.yaml"
#define ELEMENTS 64

struct fixture {
	struct conf_document *doc;
	struct machine_conf machine;
	struct dialplan_tables tables;
	struct conf_section sections[2];
	long blocks;
};

static void release(struct fixture *f)
{
	conf_document_destroy(&f->doc);
	conf_free(&machine_schema, &f->machine);
	conf_free(&dialplan_schema, &f->tables);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int rc;

	f->blocks = mem_live_blocks();
	f->sections[0] = machine_section(&f->machine);
	f->sections[1] = dialplan_section(&f->tables);
	rc = conf_read_file(&f->doc, SHIPPED);
	assert_int_equal(rc, 0);
	rc = conf_load(f->doc, f->sections, 2);
	if (rc == -EINVAL)
		conf_fault_print(f->doc, stderr);
	assert_int_equal(rc, 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	release(f);
	assert_int_equal(mem_live_blocks(), f->blocks);
	free(f);
	return 0;
}

/* Does the file show this member of any of the structs? */
static bool any_place(const struct fixture *f, const struct schema_field *field,
		      const char *const *structs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *at =
			structs[i] + (field->type == SCHEMA_FLAGS ? (size_t)field->choices[0].value
								  : field->offset);

		if (conf_place_of(f->doc, at).line)
			return true;
	}
	return false;
}

/* Keys whose default no value can tell are shown behind a #. */
static bool shown_as_comment(const char *key)
{
	FILE *file = fopen(SHIPPED, "r");
	char line[256], text[64];
	bool found = false;

	assert_non_null(file);
	snprintf(text, sizeof(text), " %s: ", key);
	while (!found && fgets(line, sizeof(line), file))
		found = strncmp(line, "  #", 3) == 0 && strstr(line, text);
	fclose(file);
	return found;
}

static void check_shown(const struct fixture *f, const struct schema *schema,
			const char *const *structs, size_t count);

/* All elements of all those structs' lists together. */
static void check_elements(const struct fixture *f, const struct schema_field *field,
			   const struct schema *schema, const char *const *structs, size_t count)
{
	const char *all[ELEMENTS];
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		const char *elements;
		size_t have;

		memcpy(&elements, structs[i] + field->offset, sizeof(elements));
		memcpy(&have, structs[i] + field->count_offset, sizeof(have));
		for (size_t j = 0; j < have && n < ELEMENTS; j++)
			all[n++] = elements + j * field->size;
	}
	check_shown(f, schema, all, n);
}

static void check_shown(const struct fixture *f, const struct schema *schema,
			const char *const *structs, size_t count)
{
	for (const struct schema_field *field = schema->fields; field->key; field++) {
		assert_non_null(field->help);
		if (field->type == SCHEMA_STRUCT) {
			const char *nested[ELEMENTS];

			for (size_t i = 0; i < count; i++)
				nested[i] = structs[i] + field->offset;
			check_shown(f, field->schema, nested, count);
			continue;
		}
		if (!any_place(f, field, structs, count) && !shown_as_comment(field->key))
			fail_msg("gateway.yaml does not show %s of a %s", field->key, schema->what);
		if (field->type == SCHEMA_MAP)
			check_elements(f, field, field->schema, structs, count);
		if (field->type == SCHEMA_LIST && field->element->type == SCHEMA_STRUCT)
			check_elements(f, field, field->element->schema, structs, count);
	}
}

static void every_key_is_shown(void **state)
{
	struct fixture *f = *state;
	const char *machine = (const char *)&f->machine, *tables = (const char *)&f->tables;

	check_shown(f, &machine_schema, &machine, 1);
	check_shown(f, &dialplan_schema, &tables, 1);
}

static void what_is_printed_reads_the_same(void **state)
{
	struct fixture *f = *state;
	char *first, *second;

	assert_int_equal(conf_print(&first, f->sections, 2), 0);
	release(f);
	assert_int_equal(conf_read_text(&f->doc, "printed", first, strlen(first)), 0);
	assert_int_equal(conf_load(f->doc, f->sections, 2), 0);
	assert_int_equal(conf_print(&second, f->sections, 2), 0);
	assert_string_equal(first, second);
	mem_free(first);
	mem_free(second);
}

static void fault(void *arg, struct conf_place place, const char *what)
{
	(void)arg;
	fprintf(stderr, "gateway.yaml:%u:%u: %s\n", place.line, place.column, what);
}

static void its_tables_route_a_call(void **state)
{
	static const struct dp_gateway_name gateways[] = {
		{ "pbx", 0, NULL }, { "telco-1", 1, NULL }, { "card-1", 2, NULL }, { "pstn", 1, NULL }, { "pstn", 2, NULL },
	};
	struct fixture *f = *state;
	struct party_number dialled = { .digits = "02079460123" }, normal, sent;
	struct dp_request request = { .policy = "staff", .called = normal.digits };
	struct dp_decision decision;
	struct dialplan *plan;

	assert_int_equal(dialplan_compile(&plan, &f->tables, gateways, 5, fault, NULL), 0);
	assert_int_equal(dialplan_normalize(plan, "uk", &dialled, &normal, NULL), 1);
	assert_string_equal(normal.digits, "+442079460123");
	assert_int_equal(dialplan_route(plan, &request, &decision, NULL), 0);
	assert_string_equal(decision.candidates[0].route, "pbx");
	assert_int_equal(dialplan_translate(plan, "to-telco", &normal, &sent, NULL), 1);
	assert_string_equal(sent.digits, "2079460123");
	assert_int_equal(sent.type, NUMBER_NATIONAL);
	dialplan_unref(&plan);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(every_key_is_shown),
		CASE(what_is_printed_reads_the_same),
		CASE(its_tables_route_a_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
