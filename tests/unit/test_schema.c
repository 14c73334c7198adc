/* SPDX-License-Identifier: GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "conf/schema.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A toy world with every type: zoos of animals, and a section of visitors that refers to them. */

enum diet { GRASS, MEAT, ALL = -1 };

struct meal {
	char *food;
	unsigned grams;
	struct conf_place place;
};

struct limits {
	int low;
	unsigned wait_s;
};

struct animal {
	char *name;
	struct conf_place place;
	bool tame, swims, flies;
	int8_t temper;
	uint64_t big;
	uint16_t port_first, port_last;
	unsigned nap_ms, blink_us;
	int diet;
	char *note, *herd, *friend;
	struct netaddr home, host;
	struct netprefix range;
	timeslot_set slots;
	struct limits limits;
	struct meal *meals;
	size_t meal_count;
	enum diet *diets;
	size_t diet_count;
	char **friends;
	size_t friend_count;
	unsigned claws; /* only with diet meat */
};

struct zoo {
	struct animal *animals;
	size_t animal_count;
	unsigned tickets;
};

struct visitors {
	char *likes;
	char **names;
	size_t name_count;
	char *stranger;
	struct animal *pets;
	size_t pet_count;
};

static const struct schema_choice diets[] = {
	{ "grass", GRASS }, { "meat", MEAT }, { "all", ALL }, { 0 }
};
static const struct schema_choice skills[] = {
	{ "swims", offsetof(struct animal, swims) },
	{ "flies", offsetof(struct animal, flies) },
	{ 0 },
};
static const struct schema_field meal_fields[] = {
	{ .key = "food",
	  .type = SCHEMA_STRING,
	  SCHEMA_AT(struct meal, food),
	  .required = true,
	  .help = "what" },
	{ .key = "grams",
	  .type = SCHEMA_INTEGER,
	  SCHEMA_AT(struct meal, grams),
	  .initial = "100",
	  .max = 5000,
	  .help = "how much" },
	{ 0 },
};
static const struct schema meal_schema = {
	.what = "meal",
	.size = sizeof(struct meal),
	.place_offset = offsetof(struct meal, place),
	.name_offset = SCHEMA_NONE,
	.bare = "food",
	.fields = meal_fields,
};
static const struct schema_field limit_fields[] = {
	{ .key = "low",
	  .type = SCHEMA_INTEGER,
	  SCHEMA_AT(struct limits, low),
	  .min = -50,
	  .max = 50,
	  .initial = "-7",
	  .help = "degrees" },
	{ .key = "wait",
	  .type = SCHEMA_DURATION,
	  SCHEMA_AT(struct limits, wait_s),
	  .unit = SCHEMA_S,
	  .initial = "2min",
	  .help = "before" },
	{ 0 },
};
static const struct schema limits_schema = {
	.what = "limits",
	.size = sizeof(struct limits),
	.place_offset = SCHEMA_NONE,
	.name_offset = SCHEMA_NONE,
	.fields = limit_fields,
};
static const struct schema_field meal_element = {
	.type = SCHEMA_STRUCT,
	.size = sizeof(struct meal),
	.schema = &meal_schema,
};
static const struct schema_field diet_element = {
	.type = SCHEMA_ENUM,
	.size = sizeof(enum diet),
	.choices = diets,
};
static const struct schema_field friend_element = {
	.type = SCHEMA_REFERENCE,
	.size = sizeof(char *),
	.refers = "animal herd",
};
static const struct schema_field animal_fields[] = {
	{ .key = "tame",
	  .type = SCHEMA_BOOL,
	  SCHEMA_AT(struct animal, tame),
	  .initial = "yes",
	  .help = "h" },
	{ .key = "skills",
	  .type = SCHEMA_FLAGS,
	  .choices = skills,
	  .initial = "swims",
	  .help = "h" },
	{ .key = "temper",
	  .type = SCHEMA_INTEGER,
	  SCHEMA_AT(struct animal, temper),
	  .min = -34,
	  .max = 100,
	  .help = "h" },
	{ .key = "big", .type = SCHEMA_INTEGER, SCHEMA_AT(struct animal, big), .help = "h" },
	{ .key = "ports",
	  .type = SCHEMA_RANGE,
	  SCHEMA_RANGE_AT(struct animal, port_first, port_last),
	  .initial = "10-20",
	  .help = "h" },
	{ .key = "nap",
	  .type = SCHEMA_DURATION,
	  SCHEMA_AT(struct animal, nap_ms),
	  .unit = SCHEMA_MS,
	  .initial = "1500ms",
	  .min = 10,
	  .max = 7200000,
	  .help = "h" },
	{ .key = "blink",
	  .type = SCHEMA_DURATION,
	  SCHEMA_AT(struct animal, blink_us),
	  .unit = SCHEMA_US,
	  .help = "h" },
	{ .key = "diet",
	  .type = SCHEMA_ENUM,
	  SCHEMA_AT(struct animal, diet),
	  .choices = diets,
	  .initial = "all",
	  .help = "h" },
	{ .key = "note",
	  .type = SCHEMA_STRING,
	  SCHEMA_AT(struct animal, note),
	  .max = 20,
	  .may_be_empty = true,
	  .help = "h" },
	{ .key = "herd",
	  .type = SCHEMA_STRING,
	  SCHEMA_AT(struct animal, herd),
	  .defines = "herd",
	  .help = "h" },
	{ .key = "friend",
	  .type = SCHEMA_REFERENCE,
	  SCHEMA_AT(struct animal, friend),
	  .refers = "animal",
	  .help = "h" },
	{ .key = "home",
	  .type = SCHEMA_ADDRESS,
	  SCHEMA_AT(struct animal, home),
	  .default_port = 5060,
	  .help = "h" },
	{ .key = "host",
	  .type = SCHEMA_ADDRESS,
	  SCHEMA_AT(struct animal, host),
	  .port = SCHEMA_PORT_NONE,
	  .help = "h" },
	{ .key = "range", .type = SCHEMA_PREFIX, SCHEMA_AT(struct animal, range), .help = "h" },
	{ .key = "slots",
	  .type = SCHEMA_TIMESLOTS,
	  SCHEMA_AT(struct animal, slots),
	  .initial = "1-31",
	  .help = "h" },
	{ .key = "limits",
	  .type = SCHEMA_STRUCT,
	  SCHEMA_AT(struct animal, limits),
	  .schema = &limits_schema,
	  .help = "h" },
	{ .key = "meals",
	  .type = SCHEMA_LIST,
	  SCHEMA_LIST_AT(struct animal, meals, meal_count),
	  .element = &meal_element,
	  .max = 3,
	  .help = "h" },
	{ .key = "diets",
	  .type = SCHEMA_LIST,
	  SCHEMA_LIST_AT(struct animal, diets, diet_count),
	  .element = &diet_element,
	  .initial = "meat, grass",
	  .min = 1,
	  .help = "h" },
	{ .key = "friends",
	  .type = SCHEMA_LIST,
	  SCHEMA_LIST_AT(struct animal, friends, friend_count),
	  .element = &friend_element,
	  .help = "h" },
	{ .key = "claws",
	  .type = SCHEMA_INTEGER,
	  SCHEMA_AT(struct animal, claws),
	  .max = 40,
	  .min = 1,
	  .when = "diet",
	  .when_values = 1u << MEAT,
	  .required = true,
	  .help = "how many" },
	{ 0 },
};
static const struct schema animal_schema = {
	.what = "animal",
	.kind = "animal",
	.size = sizeof(struct animal),
	.place_offset = offsetof(struct animal, place),
	.name_offset = offsetof(struct animal, name),
	.fields = animal_fields,
};
static const struct schema_field zoo_fields[] = {
	{ .key = "animals",
	  .type = SCHEMA_MAP,
	  SCHEMA_LIST_AT(struct zoo, animals, animal_count),
	  .schema = &animal_schema,
	  .help = "h" },
	{ .key = "tickets",
	  .type = SCHEMA_INTEGER,
	  SCHEMA_AT(struct zoo, tickets),
	  .initial = "5",
	  .help = "h" },
	{ 0 },
};
static const struct schema zoo_schema = {
	.what = "zoo",
	.size = sizeof(struct zoo),
	.place_offset = SCHEMA_NONE,
	.name_offset = SCHEMA_NONE,
	.fields = zoo_fields,
};
static const struct schema_field name_element = {
	.type = SCHEMA_STRING,
	.size = sizeof(char *),
	.defines = "visitor",
};
static const struct schema_field visitor_fields[] = {
	{ .key = "likes",
	  .type = SCHEMA_REFERENCE,
	  SCHEMA_AT(struct visitors, likes),
	  .refers = "animal",
	  .help = "h" },
	{ .key = "names",
	  .type = SCHEMA_LIST,
	  SCHEMA_LIST_AT(struct visitors, names, name_count),
	  .element = &name_element,
	  .help = "h" },
	{ .key = "stranger",
	  .type = SCHEMA_REFERENCE,
	  SCHEMA_AT(struct visitors, stranger),
	  .refers = "animal elsewhere",
	  .help = "h" },
	{ .key = "pets",
	  .type = SCHEMA_MAP,
	  SCHEMA_LIST_AT(struct visitors, pets, pet_count),
	  .schema = &animal_schema,
	  .help = "h" },
	{ 0 },
};
static const struct schema visitor_schema = {
	.what = "visitors",
	.size = sizeof(struct visitors),
	.place_offset = SCHEMA_NONE,
	.name_offset = SCHEMA_NONE,
	.fields = visitor_fields,
};

struct fixture {
	struct conf_document *doc;
	struct zoo zoo;
	struct visitors visitors;
	struct conf_section sections[2];
	char faults[20000];
	long blocks;
};

static void ticket_check(struct conf_document *d, void *into)
{
	struct zoo *zoo = into;

	if (zoo->tickets == 13)
		conf_fault(d, conf_place_of(d, &zoo->tickets),
			   "tickets: 13\nbrings bad luck; accepted: others");
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->blocks = mem_live_blocks();
	f->sections[0] = (struct conf_section){ &zoo_schema, &f->zoo, ticket_check };
	f->sections[1] = (struct conf_section){ &visitor_schema, &f->visitors, NULL };
	*state = f;
	return 0;
}

static void release(struct fixture *f)
{
	conf_document_destroy(&f->doc);
	conf_free(&zoo_schema, &f->zoo);
	conf_free(&visitor_schema, &f->visitors);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	release(f);
	assert_int_equal(mem_live_blocks(), f->blocks);
	free(f);
	return 0;
}

static int load(struct fixture *f, const char *text)
{
	int rc = conf_read_text(&f->doc, "zoo.yaml", text, strlen(text));

	f->faults[0] = '\0';
	if (rc == 0)
		rc = conf_load(f->doc, f->sections, 2);
	for (size_t i = 0; f->doc && i < conf_fault_count(f->doc); i++) {
		char *line = conf_fault_text(f->doc, i);

		if (line) {
			strcat(f->faults, line);
			strcat(f->faults, "\n");
		}
		mem_free(line);
	}
	return rc;
}

static const char whole[] = "animals:\n"
			    "  Leo the 1st:\n"
			    "    tame: off\n"
			    "    skills: [flies]\n"
			    "    temper: -34\n"
			    "    big: 999999999999999999\n"
			    "    ports: 1-65535\n"
			    "    nap: 2h\n"
			    "    blink: 125us\n"
			    "    diet: meat\n"
			    "    claws: 18\n"
			    "    note: >\n"
			    "      says \"no\\\"\n"
			    "    herd: cats\n"
			    "    friend: emu\n"
			    "    home: \"[2001:db8::1]:7\"\n"
			    "    host: 192.0.2.1\n"
			    "    range: 192.0.2.0/24\n"
			    "    slots: [1-3, 5]\n"
			    "    limits: { low: -50, wait: 1h }\n"
			    "    meals: [hay, { food: beef, grams: 5000 }]\n"
			    "    diets: [all]\n"
			    "    friends: [cats, emu]\n"
			    "  emu: {}\n"
			    "  yes:\n"
			    "tickets: 0\n"
			    "likes: Leo the 1st\n"
			    "names: [\"\xc3\x89va\", 'null', '12', \"a: b\", '#x']\n"
			    "stranger: nobody\n";

static void check_leo(const struct animal *leo)
{
	struct netaddr host;

	assert_string_equal(leo->name, "Leo the 1st");
	assert_false(leo->tame);
	assert_false(leo->swims);
	assert_true(leo->flies);
	assert_int_equal(leo->temper, -34);
	assert_true(leo->big == UINT64_C(999999999999999999));
	assert_int_equal(leo->port_first, 1);
	assert_int_equal(leo->port_last, 65535);
	assert_int_equal(leo->nap_ms, 7200000);
	assert_int_equal(leo->blink_us, 125);
	assert_int_equal(leo->diet, MEAT);
	assert_int_equal(leo->claws, 18);
	assert_string_equal(leo->note, "says \"no\\\"");
	assert_string_equal(leo->friend, "emu");
	netaddr_set(&host, "2001:db8::1", 7);
	assert_true(netaddr_equal(&host, &leo->home));
	netaddr_set(&host, "192.0.2.1", 0);
	assert_true(netaddr_equal(&host, &leo->host));
	assert_true(netprefix_contains(&leo->range, &host));
	assert_int_equal(leo->range.bits, 24);
	assert_int_equal(leo->slots, 0x2e);
	assert_int_equal(leo->limits.low, -50);
	assert_int_equal(leo->limits.wait_s, 3600);
	assert_int_equal(leo->meal_count, 2);
	assert_string_equal(leo->meals[0].food, "hay");
	assert_int_equal(leo->meals[0].grams, 100);
	assert_int_equal(leo->meals[1].grams, 5000);
	assert_int_equal(leo->diet_count, 1);
	assert_int_equal(leo->diets[0], ALL);
	assert_int_equal(leo->friend_count, 2);
	assert_string_equal(leo->friends[0], "cats");
}

static void check_defaults(const struct animal *emu)
{
	assert_string_equal(emu->name, "emu");
	assert_true(emu->tame);
	assert_true(emu->swims);
	assert_false(emu->flies);
	assert_int_equal(emu->port_first, 10);
	assert_int_equal(emu->port_last, 20);
	assert_int_equal(emu->nap_ms, 1500);
	assert_int_equal(emu->diet, ALL);
	assert_null(emu->note);
	assert_int_equal(emu->slots, 0xfffffffe);
	assert_int_equal(emu->limits.low, -7);
	assert_int_equal(emu->limits.wait_s, 120);
	assert_int_equal(emu->diet_count, 2);
	assert_int_equal(emu->diets[0], MEAT);
	assert_int_equal(emu->diets[1], GRASS);
	assert_false(netaddr_is_set(&emu->home));
}

static void check_whole(const struct fixture *f)
{
	assert_int_equal(f->zoo.animal_count, 3);
	check_leo(&f->zoo.animals[0]);
	check_defaults(&f->zoo.animals[1]);
	assert_string_equal(f->zoo.animals[2].name, "yes");
	assert_int_equal(f->zoo.tickets, 0);
	assert_string_equal(f->visitors.likes, "Leo the 1st");
	assert_int_equal(f->visitors.name_count, 5);
	assert_string_equal(f->visitors.names[0], "\xc3\x89va");
	assert_string_equal(f->visitors.names[1], "null");
	assert_string_equal(f->visitors.names[3], "a: b");
	assert_string_equal(f->visitors.stranger, "nobody");
}

static void every_type_is_read(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f, whole), 0);
	assert_string_equal(f->faults, "");
	check_whole(f);
}

static void values_keep_their_place(void **state)
{
	struct fixture *f = *state;
	const struct animal *leo, *emu;
	struct conf_place here = { 77, 7 };

	assert_int_equal(load(f, whole), 0);
	leo = &f->zoo.animals[0];
	emu = &f->zoo.animals[1];
	assert_int_equal(leo->place.line, 2);
	assert_int_equal(leo->place.column, 3);
	assert_int_equal(emu->place.line, 24);
	assert_int_equal(leo->meals[1].place.line, 21);
	assert_int_equal(leo->meals[1].place.column, 18);
	assert_int_equal(conf_place_of(f->doc, &leo->temper).line, 5);
	assert_int_equal(conf_place_of(f->doc, &leo->temper).column, 13);
	assert_int_equal(conf_place_of(f->doc, &leo->port_last).line, 7);
	assert_int_equal(conf_place_of(f->doc, &leo->flies).column, 14);
	assert_int_equal(conf_place_of(f->doc, &leo->swims).line, 0);
	assert_int_equal(conf_place_of(f->doc, &leo->limits.wait_s).column, 31);
	assert_int_equal(conf_place_of(f->doc, &leo->meals).line, 21);
	assert_int_equal(conf_place_of(f->doc, &leo->friends[1]).column, 21);
	assert_int_equal(conf_place_of(f->doc, &emu->temper).line, 0);
	assert_int_equal(conf_place_or(f->doc, &emu->temper, here).line, 77);
	assert_int_equal(conf_place_or(f->doc, &leo->temper, here).line, 5);
}

static void what_is_printed_reads_the_same(void **state)
{
	struct fixture *f = *state;
	char *first, *second;

	assert_int_equal(load(f, whole), 0);
	assert_int_equal(conf_print(&first, f->sections, 2), 0);
	release(f);
	assert_int_equal(load(f, first), 0);
	check_whole(f);
	assert_int_equal(conf_print(&second, f->sections, 2), 0);
	assert_string_equal(first, second);
	/* And of nothing. */
	release(f);
	mem_free(second);
	mem_free(first);
	assert_int_equal(load(f, ""), 0);
	assert_int_equal(conf_print(&first, f->sections, 2), 0);
	assert_string_equal(first, "animals: {}\ntickets: 5\nnames: []\npets: {}\n");
	mem_free(first);
}

/* Each document with its whole list of faults. */
static const struct {
	const char *text, *faults;
} wrong[] = {
	{ "animals: 5\ntickets: [1]\nnames: {a: b}\nlikes: {}\n",
	  "zoo.yaml:1:10: animals: a single value stands here; accepted: a mapping of names, each "
	  "with its own keys\n"
	  "zoo.yaml:2:10: tickets: a list stands here; accepted: a whole number from 0 to "
	  "4294967295\n"
	  "zoo.yaml:3:8: names: a mapping stands here; accepted: a list, such as [a, b]\n"
	  "zoo.yaml:4:8: likes: a mapping stands here; accepted: the name of a animal\n" },
	{ "[a]", "zoo.yaml:1:1: a list stands here; accepted: a mapping of sections\n" },
	{ "word", "zoo.yaml:1:1: a single value stands here; accepted: a mapping of sections\n" },
	{ "animls: {}\nzzzzzzzzzz: 1\n",
	  "zoo.yaml:1:1: unknown section \"animls\", did you mean \"animals\"?; accepted: animals, "
	  "tickets, likes, names, stranger, pets\n"
	  "zoo.yaml:2:1: unknown section \"zzzzzzzzzz\"; accepted: animals, tickets, likes, names, "
	  "stranger, pets\n" },
	{ "tickets: 506x\n", "zoo.yaml:1:10: tickets: \"506x\" is no whole number; accepted: a "
			     "whole number from 0 to 4294967295\n" },
	{ "tickets: '5'\n", "zoo.yaml:1:10: tickets: \"5\" is no whole number; accepted: a whole "
			    "number from 0 to 4294967295\n" },
	{ "tickets: 4294967296\n", "zoo.yaml:1:10: tickets: 4294967296 is out of range; accepted: "
				   "a whole number from 0 to 4294967295\n" },
	{ "tickets: -1\n", "zoo.yaml:1:10: tickets: -1 is out of range; accepted: a whole number "
			   "from 0 to 4294967295\n" },
	{ "tickets: 99999999999999999999\n",
	  "zoo.yaml:1:10: tickets: 99999999999999999999 is out of range; accepted: a whole number "
	  "from 0 to 4294967295\n" },
	{ "tickets:\n", "zoo.yaml:1:9: tickets: no value is given; accepted: a whole number from 0 "
			"to 4294967295\n" },
	{ "tickets: 13\n", "zoo.yaml:1:10: tickets: 13 brings bad luck; accepted: others\n" },
	{ "tickets: 1\ntickets: 13\n",
	  "zoo.yaml:2:1: \"tickets\" stands here a second time, after line 1; accepted: once\n" },
	{ "names: ['', \"a\\nb\"]\n",
	  "zoo.yaml:1:9: names: an empty text; accepted: a text of at least 1 and at most 1024 "
	  "octets in one line\n"
	  "zoo.yaml:1:13: names: a text with control characters; accepted: a text of at least 1 "
	  "and at most 1024 octets in one line\n" },
	{ "animals: { a/b: {}, '': {}, ' x': {}, ok: {} }\nlikes: ko\n",
	  "zoo.yaml:1:12: \"a/b\" is no name for a animal; accepted: 1 to 64 octets in one line, "
	  "no slash, no blank at either end\n"
	  "zoo.yaml:1:21: \"\" is no name for a animal; accepted: 1 to 64 octets in one line, no "
	  "slash, no blank at either end\n"
	  "zoo.yaml:1:29: \" x\" is no name for a animal; accepted: 1 to 64 octets in one line, no "
	  "slash, no blank at either end\n"
	  "zoo.yaml:2:8: likes: no animal \"ko\" is defined, did you mean \"ok\"?; accepted: "
	  "ok\n" },
	{ "likes: leo\nanimals: {}\n",
	  "zoo.yaml:1:8: likes: no animal \"leo\" is defined; accepted: none is defined\n" },
	{ "animals:\n"
	  "  a:\n"
	  "    tame: maybe\n"
	  "    skills: [swim, flies]\n"
	  "    temper: -35\n"
	  "    ports: 20-10\n"
	  "    nap: 5ms\n"
	  "    blink: 1.5s\n"
	  "    diet: fish\n"
	  "    note: a text that is longer than it may be\n"
	  "    friends: [b, hrd]\n"
	  "    herd: herd\n"
	  "    home: leo\n"
	  "    host: 1.2.3.4:5\n"
	  "    range: 1.2.3.4/33\n"
	  "    slots: 0-3\n"
	  "    limits: { lo: 3, wait: 1500ms }\n"
	  "    meals: [{grams: 1}, [x], {food: hay, grams: 5001}, more]\n"
	  "    diets: []\n",
	  "zoo.yaml:3:11: tame: \"maybe\" is neither true nor false; accepted: true or false\n"
	  "zoo.yaml:4:14: skills: \"swim\" is unknown; accepted: a list, such as [a, b], of swims, "
	  "flies\n"
	  "zoo.yaml:5:13: temper: -35 is out of range; accepted: a whole number from -34 to 100\n"
	  "zoo.yaml:6:12: ports: 20-10 is out of range; accepted: a range such as 20000-29999, "
	  "within 0 to 65535\n"
	  "zoo.yaml:7:10: nap: 5ms is out of range; accepted: a time with its unit (us, ms, s, "
	  "min, h) from 10ms to 2h\n"
	  "zoo.yaml:8:12: blink: \"1.5s\" is no duration; accepted: a time with its unit, such as "
	  "200ms, 4s or 2min\n"
	  "zoo.yaml:9:11: diet: \"fish\" is unknown; accepted: one of grass, meat, all\n"
	  "zoo.yaml:10:11: note: a text of 36 octets; accepted: a text of at most 20 octets in one "
	  "line\n"
	  "zoo.yaml:11:15: friends: no animal or herd \"b\" is defined; accepted: a, herd\n"
	  "zoo.yaml:11:18: friends: no animal or herd \"hrd\" is defined, did you mean \"herd\"?; "
	  "accepted: a, herd\n"
	  "zoo.yaml:13:11: home: \"leo\" is no such address; accepted: a numeric address, with a "
	  "port unless it is 5060, such as 192.0.2.1:5060 or \"[2001:db8::1]:5060\"\n"
	  "zoo.yaml:14:11: host: \"1.2.3.4:5\" is no such address; accepted: a numeric address "
	  "such as 192.0.2.1 or 2001:db8::1\n"
	  "zoo.yaml:15:12: range: \"1.2.3.4/33\" is no network; accepted: a network such as "
	  "192.0.2.0/24 or 2001:db8::/32, or one address\n"
	  "zoo.yaml:16:12: slots: \"0-3\" is out of range; accepted: timeslots from 1 to 31, such "
	  "as 1-15,17-31\n"
	  "zoo.yaml:17:15: limits: unknown key \"lo\", did you mean \"low\"?; accepted: low, wait\n"
	  "zoo.yaml:17:28: wait: 1500ms is not a whole number of seconds; accepted: a time with "
	  "its unit, such as 200ms, 4s or 2min\n"
	  "zoo.yaml:18:12: meals: 4 in the list; accepted: at most 3\n"
	  "zoo.yaml:18:13: meal: \"food\" is missing (what); accepted: a text of at least 1 and at "
	  "most 1024 octets in one line\n"
	  "zoo.yaml:18:25: food: a list stands here; accepted: a text of at least 1 and at most "
	  "1024 octets in one line\n"
	  "zoo.yaml:18:49: grams: 5001 is out of range; accepted: a whole number from 0 to 5000\n"
	  "zoo.yaml:19:12: diets: 0 in the list; accepted: at least 1\n" },
	{ "animals:\n  a: { diet: meat }\n  b: { diet: grass, claws: 3 }\n  c: 5\n  d: { nap: 5, "
	  "claws: 3 }\n",
	  "zoo.yaml:2:3: animal a: \"claws\" is missing (how many); accepted: a whole number from "
	  "1 to 40\n"
	  "zoo.yaml:3:21: claws: has no meaning with diet: grass; accepted: only with diet: meat\n"
	  "zoo.yaml:4:6: animal c: a single value stands here; accepted: a mapping of keys to "
	  "values\n"
	  "zoo.yaml:5:13: nap: \"5\" has no unit; accepted: a time with its unit (us, ms, s, min, "
	  "h) from 10ms to 2h\n"
	  "zoo.yaml:5:16: claws: has no meaning with diet: all; accepted: only with diet: meat\n" },
	{ "pets: { a: {}, b: {} }\nanimals: { b: {}, c: {} }\n",
	  "zoo.yaml:2:12: a animal \"b\" is defined on line 1 already; accepted: another name\n" },
	{ "tickets: &t 1\nlikes: *t\n",
	  "zoo.yaml:1:10: anchors (&name) are not accepted; write each value out\n"
	  "zoo.yaml:2:8: aliases (*name) are not accepted; write the value out\n" },
	{ "tickets: 13\nlikes: [", "zoo.yaml:3:1: not YAML: did not find expected node content, "
				   "while parsing a flow node\n" },
};

static void all_faults_are_told_with_their_positions(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct zoo none = { 0 };

		assert_int_equal(load(f, wrong[i].text), -EINVAL);
		assert_string_equal(f->faults, wrong[i].faults);
		/* Nothing half filled is left. */
		assert_memory_equal(&f->zoo, &none, sizeof(none));
		release(f);
	}
}

static void faults_beyond_the_limit_are_counted(void **state)
{
	struct fixture *f = *state;
	char *text = calloc(1, 30000), *line = NULL;
	size_t room = 0;
	FILE *to = open_memstream(&line, &room);

	strcpy(text, "animals:\n");
	for (int i = 0; i < 130; i++)
		sprintf(text + strlen(text), "  a%d: { nap: 5, friend: b }\n", i);
	assert_int_equal(load(f, text), -EINVAL);
	assert_int_equal(conf_fault_count(f->doc), CONF_FAULTS_MAX);
	assert_null(conf_fault_at(f->doc, CONF_FAULTS_MAX));
	assert_int_equal(conf_fault_at(f->doc, 99)->place.line, 101);
	conf_fault_print(f->doc, to);
	fclose(to);
	assert_non_null(strstr(line, "\nzoo.yaml: 160 more faults are not shown\n"));
	free(line);
	free(text);
}

static void files(void **state)
{
	struct fixture *f = *state;
	char path[] = "/tmp/causeway-test-XXXXXX", *big;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, whole, sizeof(whole) - 1), sizeof(whole) - 1);
	assert_int_equal(conf_read_file(&f->doc, path), 0);
	assert_int_equal(conf_load(f->doc, f->sections, 2), 0);
	check_whole(f);
	release(f);
	assert_int_equal(conf_read_file(&f->doc, "/nonexistent/zoo.yaml"), -ENOENT);
	assert_int_equal(conf_read_file(&f->doc, "/"), -EISDIR);
	assert_null(f->doc);
	big = calloc(1, CONF_FILE_MAX + 1);
	memset(big, '#', CONF_FILE_MAX + 1);
	assert_int_equal(pwrite(fd, big, CONF_FILE_MAX + 1, 0), CONF_FILE_MAX + 1);
	assert_int_equal(conf_read_file(&f->doc, path), -EFBIG);
	assert_int_equal(ftruncate(fd, CONF_FILE_MAX), 0);
	assert_int_equal(conf_read_file(&f->doc, path), 0);
	free(big);
	close(fd);
	unlink(path);
}

/* Read, load and print with the n-th allocation failing: -ENOMEM, nothing leaked, nothing half
 * filled. */
static int all_of_it(struct fixture *f, const char *text, char **printed)
{
	int rc = conf_read_text(&f->doc, "zoo.yaml", text, strlen(text));

	if (rc == 0)
		rc = conf_load(f->doc, f->sections, 2);
	if (rc == 0)
		rc = conf_print(printed, f->sections, 2);
	return rc;
}

static void want_of_memory_leaves_nothing(void **state)
{
	static const char broken[] = "animals: { a: { slots: 40, friend: x }, b: { herd: y }, c/d: "
				     "{} }\ntickets: 13\nlikes: q\n";
	const char *const texts[] = { whole, broken };
	struct fixture *f = *state;

	for (size_t i = 0; i < 2; i++) {
		char *printed = NULL;
		long n = 0;
		int rc;

		do {
			mem_fail_after(n++);
			rc = all_of_it(f, texts[i], &printed);
			if (mem_failed()) {
				assert_int_equal(rc, -ENOMEM);
				assert_null(printed);
			}
			release(f);
			mem_free(printed);
			assert_int_equal(mem_live_blocks(), f->blocks);
			printed = NULL;
		} while (mem_failed());
		mem_fail_after(-1);
		assert_int_equal(rc, i == 0 ? 0 : -EINVAL);
		assert_true(n > 30);
	}
}

static void a_fault_s_text_needs_memory(void **state)
{
	struct fixture *f = *state;
	char *line;

	assert_int_equal(load(f, "animals: { a: { slots: 40 } }\n"), -EINVAL);
	mem_fail_after(0);
	line = conf_fault_text(f->doc, 0);
	assert_true(mem_failed());
	mem_fail_after(-1);
	assert_null(line);
	line = conf_fault_text(f->doc, 0);
	assert_non_null(line);
	mem_free(line);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(every_type_is_read),
		CASE(values_keep_their_place),
		CASE(what_is_printed_reads_the_same),
		CASE(all_faults_are_told_with_their_positions),
		CASE(faults_beyond_the_limit_are_counted),
		CASE(files),
		CASE(want_of_memory_leaves_nothing),
		CASE(a_fault_s_text_needs_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
