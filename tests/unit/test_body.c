/* SPDX-License-Identifier: GPL-2.0-only */
/* One thing by itself: loaded from a body, laid over another, printed as JSON; and YAML in brief.
 */
#include "conf/schema.h"

#include "base/mem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- A toy with a member of every kind ---- */

enum colour { RED, BLUE, OTHER = -1 };

struct paw {
	char *side;
	unsigned claws;
};
struct toy {
	char *name;
	bool loud, quiet;
	unsigned weight;
	int colour;
	unsigned wait_ms;
	char *label, *maker;
	struct netaddr address;
	timeslot_set slots;
	bool tcp, udp;
	uint16_t first, last;
	struct paw front;
	struct paw *paws;
	size_t paw_count;
	char **words;
	size_t word_count;
};

static const struct schema_choice colours[] = {
	{ "red", RED }, { "blue", BLUE }, { "other", OTHER }, { 0 }
};
static const struct schema_choice transports[] = { { "tcp", offsetof(struct toy, tcp) },
						   { "udp", offsetof(struct toy, udp) },
						   { 0 } };
static const struct schema_field paw_fields[] = {
	{ .key = "side",
	  .type = SCHEMA_STRING,
	  SCHEMA_AT(struct paw, side),
	  .help = "of the body" },
	{ .key = "claws",
	  .type = SCHEMA_INTEGER,
	  SCHEMA_AT(struct paw, claws),
	  .initial = "4",
	  .help = "on it" },
	{ 0 },
};
static const struct schema paw_schema = { .what = "paw",
					  .size = sizeof(struct paw),
					  .bare = "side",
					  .fields = paw_fields,
					  .name_offset = SCHEMA_NONE,
					  .place_offset = SCHEMA_NONE };
static const struct schema_field paw_element = { .type = SCHEMA_STRUCT,
						 .size = sizeof(struct paw),
						 .schema = &paw_schema };
static const struct schema_field word_element = { .type = SCHEMA_STRING, .size = sizeof(char *) };
static const struct schema_field toy_fields[] = {
	{ .key = "loud",
	  .type = SCHEMA_BOOL,
	  SCHEMA_AT(struct toy, loud),
	  .initial = "false",
	  .help = "or not" },
	{ .key = "quiet",
	  .type = SCHEMA_BOOL,
	  SCHEMA_AT(struct toy, quiet),
	  .help = "without a default" },
	{ .key = "weight",
	  .type = SCHEMA_INTEGER,
	  SCHEMA_AT(struct toy, weight),
	  .required = true,
	  .help = "in g" },
	{ .key = "colour",
	  .type = SCHEMA_ENUM,
	  SCHEMA_AT(struct toy, colour),
	  .choices = colours,
	  .initial = "other",
	  .help = "of the fur" },
	{ .key = "wait",
	  .type = SCHEMA_DURATION,
	  SCHEMA_AT(struct toy, wait_ms),
	  .unit = SCHEMA_MS,
	  .initial = "200ms",
	  .help = "before it moves" },
	{ .key = "label",
	  .type = SCHEMA_STRING,
	  SCHEMA_AT(struct toy, label),
	  .help = "sewn on",
	  .may_be_empty = true },
	{ .key = "maker",
	  .type = SCHEMA_STRING,
	  SCHEMA_AT(struct toy, maker),
	  .initial = "Me & Co",
	  .help = "of it" },
	{ .key = "address",
	  .type = SCHEMA_ADDRESS,
	  SCHEMA_AT(struct toy, address),
	  .port = SCHEMA_PORT_REQUIRED,
	  .help = "where it lives" },
	{ .key = "slots",
	  .type = SCHEMA_TIMESLOTS,
	  SCHEMA_AT(struct toy, slots),
	  .help = "that it takes" },
	{ .key = "transports",
	  .type = SCHEMA_FLAGS,
	  .choices = transports,
	  .initial = "tcp",
	  .help = "to it" },
	{ .key = "range",
	  .type = SCHEMA_RANGE,
	  SCHEMA_RANGE_AT(struct toy, first, last),
	  .min = 1,
	  .max = 99,
	  .help = "that it covers" },
	{ .key = "front",
	  .type = SCHEMA_STRUCT,
	  SCHEMA_AT(struct toy, front),
	  .schema = &paw_schema,
	  .help = "one" },
	{ .key = "paws",
	  .type = SCHEMA_LIST,
	  SCHEMA_LIST_AT(struct toy, paws, paw_count),
	  .element = &paw_element,
	  .help = "the others" },
	{ .key = "words",
	  .type = SCHEMA_LIST,
	  SCHEMA_LIST_AT(struct toy, words, word_count),
	  .element = &word_element,
	  .help = "that it says" },
	{ 0 },
};
static const struct schema toy_schema = { .what = "toy",
					  .size = sizeof(struct toy),
					  .fields = toy_fields,
					  .kind = "toy",
					  .name_offset = offsetof(struct toy, name),
					  .place_offset = SCHEMA_NONE };
struct box {
	struct toy *toys;
	size_t count;
};
static const struct schema_field box_fields[] = {
	{ .key = "toys",
	  .type = SCHEMA_MAP,
	  SCHEMA_LIST_AT(struct box, toys, count),
	  .schema = &toy_schema,
	  .help = "in it" },
	{ 0 },
};
static const struct schema box_schema = { .what = "box",
					  .size = sizeof(struct box),
					  .fields = box_fields,
					  .name_offset = SCHEMA_NONE,
					  .place_offset = SCHEMA_NONE };

static char faults[4096];

static int teardown(void **state)
{
	(void)state;
	mem_fail_after(-1);
	assert_int_equal(mem_live_blocks(), 0);
	return 0;
}

static void note_faults(const struct conf_document *document)
{
	faults[0] = '\0';
	for (size_t i = 0; i < conf_fault_count(document); i++)
		sprintf(faults + strlen(faults), "%s\n", conf_fault_at(document, i)->text);
}

static void heavy_toys_are_refused(struct conf_document *document, void *into)
{
	const struct toy *toy = into;

	if (toy->weight > 1000)
		conf_fault(document, conf_place_of(document, &toy->weight), "too heavy");
}

static int load(struct toy *toy, const char *name, const char *text)
{
	struct conf_document *document = NULL;
	int rc = conf_read_text(&document, "body", text, strlen(text));

	memset(toy, 0, sizeof(*toy));
	if (rc)
		return rc;
	rc = conf_load_body(document, &toy_schema, name, toy, heavy_toys_are_refused);
	note_faults(document);
	conf_document_destroy(&document);
	return rc;
}

static const char everything[] = "{\"loud\":true,\"quiet\":true,\"weight\":7,\"colour\":\"blue\","
				 "\"wait\":\"4s\",\"label\":\"\",\"maker\":\"yes\","
				 "\"address\":\"192.0.2.1:5060\",\"slots\":\"1-15,17\","
				 "\"transports\":[\"tcp\",\"udp\"],\"range\":\"3-9\","
				 "\"front\":{\"side\":\"left\",\"claws\":3},\"paws\":[{\"side\":"
				 "\"a\"},{\"side\":\"b\",\"claws\":5},{}],"
				 "\"words\":[\"one\",\"2\",\"\\\"\\\\\"]}";

static void prints_what_it_reads(void **state)
{
	static const struct {
		const char *text, *json;
	} rows[] = {
		{ everything, everything },
		{ "weight: 7", "{\"weight\":7,\"transports\":[\"tcp\"],\"front\":{}}" },
		{ "weight: 0", "{\"weight\":0,\"transports\":[\"tcp\"],\"front\":{}}" },
		{ "{weight: 7, loud: no, colour: other, wait: 200ms, maker: Me & Co, paws: [], "
		  "words: []}",
		  "{\"weight\":7,\"transports\":[\"tcp\"],\"front\":{}}" },
		{ "{weight: 7, paws: [left, {side: right}], transports: [udp]}",
		  "{\"weight\":7,\"transports\":[\"udp\"],\"front\":{},\"paws\":[{\"side\":"
		  "\"left\"},{\"side\":\"right\"}]}" },
		/* YAML reads no C1 control and no byte order mark but escaped. */
		{ "{\"weight\":7,\"label\":\"\\u0085\\u009f\\ufeff\\uffff\\u00a0\"}",
		  "{\"weight\":7,\"label\":\"\\u0085\\u009f\\ufeff\\uffff\xc2\xa0\",\"transports\":"
		  "[\"tcp\"],\"front\":{}}" },
	};
	struct toy toy;
	char *json = NULL;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (load(&toy, "bear", rows[i].text))
			fail_msg("%s", faults);
		assert_string_equal(toy.name, "bear");
		assert_int_equal(conf_print_json(&json, &toy_schema, &toy), 0);
		assert_string_equal(json, rows[i].json);
		mem_free(json);
		conf_free_body(&toy_schema, &toy);
		assert_null(toy.name);
	}
}

static void names_the_thing(void **state)
{
	static const struct {
		const char *text, *faults;
	} rows[] = {
		{ "{\"weigth\":7}", "toy bear: \"weight\" is missing (in g); accepted: a whole "
				    "number from 0 to 4294967295\n"
				    "toy bear: unknown key \"weigth\", did you mean \"weight\"?; "
				    "accepted: loud, quiet, weight, "
				    "colour, wait, label, maker, address, slots, transports, "
				    "range, front, paws, words\n" },
		{ "{\"weight\":\"7\"}", "weight: \"7\" is no whole number; accepted: a whole "
					"number from 0 to 4294967295\n" },
		{ "{\"weight\":7,\"loud\":\"true\"}",
		  "loud: \"true\" is neither true nor false; accepted: true or false\n" },
		{ "{\"weight\":1001}", "too heavy\n" },
		{ "{\"weight\":7,\"weight\":8}", NULL },
		{ "{\"weight\":7", NULL },
		{ "", "toy bear: \"weight\" is missing (in g); accepted: a whole number from 0 to "
		      "4294967295\n" },
	};
	struct toy toy;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(load(&toy, "bear", rows[i].text), -EINVAL);
		assert_true(faults[0]);
		if (rows[i].faults)
			assert_string_equal(faults, rows[i].faults);
		assert_null(toy.name);
	}
}

static void lays_one_over_the_other(void **state)
{
	static const struct {
		const char *over, *base, *json;
	} rows[] = {
		{ "{\"loud\":true}", "{\"weight\":7,\"wait\":\"4s\"}",
		  "{\"loud\":true,\"weight\":7,\"wait\":\"4s\",\"transports\":[\"tcp\"],\"front\":{"
		  "}}" },
		{ "{\"wait\":null,\"loud\":null,\"weight\":8}", "{\"weight\":7,\"wait\":\"4s\"}",
		  "{\"weight\":8,\"transports\":[\"tcp\"],\"front\":{}}" },
		{ "{}", "{\"weight\":7}", "{\"weight\":7,\"transports\":[\"tcp\"],\"front\":{}}" },
		{ "{\"weight\":7,\"front\":{\"side\":\"l\"}}", "{\"front\":{\"claws\":9}}",
		  "{\"weight\":7,\"transports\":[\"tcp\"],\"front\":{\"side\":\"l\"}}" },
		{ "{\"weight\":7,\"label\":null}", NULL,
		  "{\"weight\":7,\"transports\":[\"tcp\"],\"front\":{}}" },
	};
	struct conf_document *over, *base;
	struct toy toy;
	char *json;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		base = NULL;
		assert_int_equal(conf_read_text(&over, "over", rows[i].over, strlen(rows[i].over)),
				 0);
		if (rows[i].base)
			assert_int_equal(
				conf_read_text(&base, "base", rows[i].base, strlen(rows[i].base)),
				0);
		conf_overlay(over, &base);
		assert_null(base);
		memset(&toy, 0, sizeof(toy));
		assert_int_equal(conf_load_body(over, &toy_schema, NULL, &toy, NULL), 0);
		assert_int_equal(conf_print_json(&json, &toy_schema, &toy), 0);
		assert_string_equal(json, rows[i].json);
		mem_free(json);
		conf_document_destroy(&over);
		conf_free_body(&toy_schema, &toy);
	}
}

static void prints_in_brief(void **state)
{
	static const char text[] = "toys:\n"
				   "  bear:\n"
				   "    weight: 7\n"
				   "    slots: 1-3,5\n"
				   "    transports:\n"
				   "      - tcp\n"
				   "    front:\n"
				   "      claws: 3\n"
				   "    paws: [left, { side: right, claws: 5 }]\n"
				   "    words: [one, \"2\", \"a, b\", \"no\"]\n"
				   "  \"a b\":\n"
				   "    weight: 1\n"
				   "    transports:\n"
				   "      - tcp\n"
				   "    front: {}\n";
	struct box box = { 0 }, again = { 0 };
	struct conf_section section = { &box_schema, &box, NULL },
			    second = { &box_schema, &again, NULL };
	struct conf_document *document;
	char *first, *printed;

	(void)state;
	assert_int_equal(conf_read_text(&document, "box", text, strlen(text)), 0);
	assert_int_equal(conf_load(document, &section, 1), 0);
	conf_document_destroy(&document);
	assert_int_equal(conf_print_brief(&first, &section, 1), 0);
	assert_string_equal(first, text);
	assert_int_equal(conf_read_text(&document, "again", first, strlen(first)), 0);
	assert_int_equal(conf_load(document, &second, 1), 0);
	conf_document_destroy(&document);
	assert_int_equal(conf_print_brief(&printed, &second, 1), 0);
	assert_string_equal(printed, text);
	mem_free(first);
	mem_free(printed);
	conf_free(&box_schema, &box);
	conf_free(&box_schema, &again);
}

static int all_of_it(void)
{
	struct conf_document *over = NULL, *base = NULL;
	struct toy toy = { 0 };
	char *json = NULL;
	int rc = conf_read_text(&over, "over", "{\"loud\":null}", 13);

	if (rc == 0)
		rc = conf_read_text(&base, "base", everything, strlen(everything));
	if (rc == 0)
		conf_overlay(over, &base);
	if (rc == 0)
		rc = conf_load_body(over, &toy_schema, "bear", &toy, heavy_toys_are_refused);
	if (rc == 0)
		rc = conf_print_json(&json, &toy_schema, &toy);
	mem_free(json);
	conf_free_body(&toy_schema, &toy);
	conf_document_destroy(&over);
	return rc;
}

static void survives_want_of_memory(void **state)
{
	long n = 0;
	int rc;

	(void)state;
	do {
		mem_fail_after(n++);
		rc = all_of_it();
		assert_true(rc == 0 || rc == -ENOMEM);
		mem_fail_after(-1);
		assert_int_equal(mem_live_blocks(), 0);
	} while (rc);
	assert_true(n > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(prints_what_it_reads, teardown),
		cmocka_unit_test_teardown(names_the_thing, teardown),
		cmocka_unit_test_teardown(lays_one_over_the_other, teardown),
		cmocka_unit_test_teardown(prints_in_brief, teardown),
		cmocka_unit_test_teardown(survives_want_of_memory, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
