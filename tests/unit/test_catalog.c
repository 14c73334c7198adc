/* SPDX-License-Identifier: GPL-2.0-only */
/* Catalogs: made of YAML and tables, changed object by object, compared, and written out again. */
#include "dialplan/catalog.h"
#include "dialplan/dialplan.h"

#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char site[] = "dial-plans:\n"
			   "  uk:\n"
			   "    - name: national\n"
			   "      pattern: \"^0(\\\\d{10})$\"\n"
			   "      translation: \"+44$1\"\n"
			   "    - name: international\n"
			   "      pattern: \"^00(\\\\d+)$\"\n"
			   "      translation: \"+$1\"\n"
			   "      type: international\n"
			   "      match-type: national\n"
			   "  empty: []\n"
			   "translations:\n"
			   "  plain:\n"
			   "    - name: anonymous\n"
			   "      pattern: \".*\"\n"
			   "      translation: \"\"\n"
			   "usages:\n"
			   "  - National\n"
			   "  - International\n"
			   "policies:\n"
			   "  staff: [National, International]\n"
			   "  lobby: [National]\n"
			   "routes:\n"
			   "  London:\n"
			   "    pattern: \"^\\\\+4420\"\n"
			   "    usages: [National]\n"
			   "    gateways: [e1-london, { name: carrier-a, weight: 3 }]\n"
			   "    priority: 10\n"
			   "  World:\n"
			   "    pattern: \"^\\\\+\"\n"
			   "    usages: [International, National]\n"
			   "    gateways: [carrier-a]\n"
			   "    description: \"the \\\"rest\\\" of it: \\\\ \xc3\xbc\"\n"
			   "gateways:\n"
			   "  e1-london: [telco-1]\n"
			   "  old:\n"
			   "    members: [telco-1, telco-2]\n"
			   "    description: unused\n";

/* ---- Faults ---- */

struct faults {
	char text[8192];
	unsigned count;
};

static void note(void *arg, struct conf_place place, const char *what)
{
	struct faults *faults = arg;
	size_t n = strlen(faults->text);

	faults->count++;
	if (place.line)
		snprintf(faults->text + n, sizeof(faults->text) - n, "%u:%u ", place.line,
			 place.column);
	n = strlen(faults->text);
	snprintf(faults->text + n, sizeof(faults->text) - n, "%s\n", what);
}

/* ---- The fixture: the site above ---- */

struct fixture {
	struct catalog *catalog;
	struct faults faults;
};

static int read_yaml(struct catalog **out, const char *text, struct faults *faults)
{
	memset(faults, 0, sizeof(*faults));
	return catalog_from_yaml(out, "site.yaml", text, strlen(text), note, faults);
}

static int setup(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));
	int rc = read_yaml(&fx->catalog, site, &fx->faults);

	if (rc)
		print_error("%s", fx->faults.text);
	*state = fx;
	return rc;
}

static int teardown(void **state)
{
	struct fixture *fx = *state;

	mem_fail_after(-1);
	catalog_unref(&fx->catalog);
	free(fx);
	assert_int_equal(mem_live_blocks(), 0);
	return 0;
}

/* One change in place of the catalog. */
static int change(struct fixture *fx, struct catalog_change one)
{
	struct catalog *next = NULL;
	int rc;

	memset(&fx->faults, 0, sizeof(fx->faults));
	rc = catalog_change(&next, fx->catalog, &one, 1, note, &fx->faults);
	assert_int_equal(rc == 0, next != NULL);
	assert_int_equal(rc != 0, fx->faults.count > 0);
	if (rc == 0) {
		catalog_unref(&fx->catalog);
		fx->catalog = next;
	}
	return rc;
}

/* "a b c": names of a list in order; positions must rise. */
static const char *names(const struct catalog *catalog, enum catalog_kind kind, const char *parent,
			 char text[2048])
{
	size_t count = catalog_count(catalog, kind, parent);

	text[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		const struct catalog_object *object = catalog_at(catalog, kind, parent, i);

		assert_int_equal(object->kind, kind);
		if (i > 0 && parent)
			assert_true(catalog_at(catalog, kind, parent, i - 1)->position <
				    object->position);
		if (parent)
			assert_ptr_equal(catalog_find(catalog, kind, parent, object->name), object);
		sprintf(text + strlen(text), "%s%s", i ? " " : "", object->name);
	}
	assert_null(catalog_at(catalog, kind, parent, count));
	return text;
}

static const char *body(const struct fixture *fx, enum catalog_kind kind, const char *parent,
			const char *name)
{
	const struct catalog_object *object = catalog_find(fx->catalog, kind, parent, name);

	return object ? object->body : NULL;
}

/* ---- Reading ---- */

static void is_made_of_yaml(void **state)
{
	struct fixture *fx = *state;
	char text[2048];

	assert_string_equal(names(fx->catalog, CATALOG_DIAL_PLAN, NULL, text), "uk empty");
	assert_string_equal(names(fx->catalog, CATALOG_RULE, "uk", text), "national international");
	assert_string_equal(names(fx->catalog, CATALOG_RULE, "empty", text), "");
	assert_string_equal(names(fx->catalog, CATALOG_RULE, "nowhere", text), "");
	assert_string_equal(names(fx->catalog, CATALOG_RULE, NULL, text), "national international");
	assert_string_equal(names(fx->catalog, CATALOG_TRANSLATION_RULE, NULL, text), "anonymous");
	assert_string_equal(names(fx->catalog, CATALOG_USAGE, NULL, text),
			    "National International");
	assert_string_equal(names(fx->catalog, CATALOG_POLICY, NULL, text), "staff lobby");
	assert_string_equal(names(fx->catalog, CATALOG_ROUTE, NULL, text), "London World");
	assert_string_equal(names(fx->catalog, CATALOG_GATEWAY, NULL, text), "e1-london old");
	assert_string_equal(catalog_find(fx->catalog, CATALOG_RULE, "uk", "national")->parent,
			    "uk");
	assert_null(catalog_find(fx->catalog, CATALOG_RULE, "empty", "national"));
	assert_null(catalog_find(fx->catalog, CATALOG_RULE, NULL, "national"));
	assert_null(catalog_find(fx->catalog, CATALOG_ROUTE, NULL, "Rome"));
	assert_string_equal(catalog_find(fx->catalog, CATALOG_ROUTE, NULL, "London")->parent, "");
}

static void bodies_are_canonical(void **state)
{
	struct fixture *fx = *state;

	assert_string_equal(body(fx, CATALOG_DIAL_PLAN, NULL, "uk"), "{}");
	assert_string_equal(body(fx, CATALOG_USAGE, NULL, "National"), "{}");
	assert_string_equal(body(fx, CATALOG_RULE, "uk", "national"),
			    "{\"pattern\":\"^0(\\\\d{10})$\",\"translation\":\"+44$1\"}");
	assert_string_equal(
		body(fx, CATALOG_RULE, "uk", "international"),
		"{\"pattern\":\"^00(\\\\d+)$\",\"translation\":\"+$1\",\"type\":\"international\","
		"\"match-type\":\"national\"}");
	assert_string_equal(body(fx, CATALOG_TRANSLATION_RULE, "plain", "anonymous"),
			    "{\"pattern\":\".*\",\"translation\":\"\"}");
	assert_string_equal(body(fx, CATALOG_POLICY, NULL, "lobby"), "{\"usages\":[\"National\"]}");
	assert_string_equal(body(fx, CATALOG_ROUTE, NULL, "London"),
			    "{\"pattern\":\"^\\\\+4420\",\"usages\":[\"National\"],\"gateways\":[{"
			    "\"name\":\"e1-london\"},"
			    "{\"name\":\"carrier-a\",\"weight\":3}],\"priority\":10}");
	assert_string_equal(
		body(fx, CATALOG_ROUTE, NULL, "World"),
		"{\"pattern\":\"^\\\\+\",\"usages\":[\"International\",\"National\"],\"gateways\":"
		"[{\"name\":\"carrier-a\"}],\"description\":\"the \\\"rest\\\" of it: \\\\ "
		"\xc3\xbc\"}");
	assert_string_equal(body(fx, CATALOG_GATEWAY, NULL, "e1-london"),
			    "{\"members\":[\"telco-1\"]}");
}

/* What is written reads the same, and is what was read when that was written so. */
static void yaml_is_a_fixed_point(void **state)
{
	struct fixture *fx = *state;
	struct catalog *again = NULL;
	char *text = catalog_yaml(fx->catalog);

	assert_non_null(text);
	assert_string_equal(text, site);
	assert_int_equal(read_yaml(&again, text, &fx->faults), 0);
	assert_int_equal(catalog_diff(fx->catalog, again, NULL, NULL), 0);
	mem_free(text);
	catalog_unref(&again);
}

static void compiles(void **state)
{
	static const struct dp_gateway_name machine[] = {
		{ "telco-1", 0, NULL },
		{ "telco-2", 1, NULL },
		{ "carrier-a", 2, NULL },
	};
	struct fixture *fx = *state;
	const struct dialplan_tables *tables = catalog_tables(fx->catalog);
	struct dp_request request = { .policy = "lobby", .called = "+442071838750" };
	struct dp_decision decision;
	struct dialplan *plan = NULL;

	assert_non_null(tables);
	assert_ptr_equal(catalog_tables(fx->catalog), tables);
	assert_int_equal(
		dialplan_compile(&plan, tables, machine, COUNT(machine), note, &fx->faults), 0);
	assert_int_equal(dialplan_route(plan, &request, &decision, NULL), 0);
	assert_int_equal(decision.count, 2);
	assert_string_equal(decision.candidates[0].member, "telco-1");
	assert_string_equal(decision.candidates[1].member, "carrier-a");
	dialplan_unref(&plan);
}

/* Faults of compiling name the object; there is no line that they could name. */
static void compiling_names_objects(void **state)
{
	static const struct dp_gateway_name machine[] = { { "telco-1", 0, NULL },
							  { "telco-2", 1, NULL } };
	static const struct catalog_change changes[] = {
		{ CATALOG_SET, CATALOG_ROUTE, .name = "London",
		  .body = "{\"usages\":[\"Natoinal\"],\"gateways\":[\"telco-3\"]}" },
		{ CATALOG_SET, CATALOG_ROUTE, .name = "World", .body = "{\"gateways\":[\"old\"]}" },
		{ CATALOG_SET, CATALOG_POLICY, .name = "lobby", .body = "{\"usages\":[\"x\"]}" },
		{ CATALOG_SET, CATALOG_GATEWAY, .name = "e1-london",
		  .body = "{\"members\":[\"old\"]}" },
		{ CATALOG_ADD, CATALOG_GATEWAY, .name = "telco-1",
		  .body = "{\"members\":[\"telco-2\"]}" },
	};
	struct fixture *fx = *state;
	struct dialplan *plan = NULL;
	struct catalog *next = NULL;

	assert_int_equal(
		catalog_change(&next, fx->catalog, changes, COUNT(changes), note, &fx->faults), 0);
	assert_int_equal(dialplan_compile(&plan, catalog_tables(next), machine, COUNT(machine),
					  note, &fx->faults),
			 -EINVAL);
	assert_string_equal(
		fx->faults.text,
		"gateway telco-1: a trunk, span or group of this machine has that name already; "
		"give it another\n"
		"gateway e1-london: its member old is a gateway of the tables as well; members are "
		"trunks, spans and groups\n"
		"policy lobby: there is no usage x; add it first, or list another\n"
		"route London: there is no usage Natoinal, did you mean National?\n"
		"route London: there is no trunk, span, group or gateway telco-3, did you mean "
		"telco-1?\n");
	catalog_unref(&next);
}

static void an_empty_one(void **state)
{
	struct catalog *empty = NULL, *again = NULL;
	struct faults faults;
	char *text;

	(void)state;
	assert_int_equal(catalog_create(&empty), 0);
	assert_int_equal(catalog_count(empty, CATALOG_ROUTE, NULL), 0);
	assert_null(catalog_find(empty, CATALOG_RULE, "uk", "x"));
	assert_int_equal(catalog_tables(empty)->route_count, 0);
	text = catalog_yaml(empty);
	assert_string_equal(text, "");
	assert_int_equal(read_yaml(&again, text, &faults), 0);
	assert_int_equal(catalog_diff(empty, again, NULL, NULL), 0);
	mem_free(text);
	catalog_unref(&empty);
	catalog_unref(&again);
	catalog_unref(&again);
}

static void kinds_have_names(void **state)
{
	static const char *const kinds[] = { "dial-plan",   "rule",
					     "translation", "translation-rule",
					     "usage",       "policy",
					     "route",       "gateway" };

	(void)state;
	for (int kind = 0; kind < CATALOG_KIND_COUNT; kind++) {
		assert_string_equal(catalog_kind_name((enum catalog_kind)kind), kinds[kind]);
		assert_int_equal(catalog_kind_by_name(kinds[kind]), kind);
	}
	assert_int_equal(catalog_kind_by_name("policies"), CATALOG_POLICY);
	assert_int_equal(catalog_kind_by_name("translation-rules"), CATALOG_TRANSLATION_RULE);
	assert_int_equal(catalog_kind_by_name("routs"), -1);
}

static void tells_faults_of_yaml(void **state)
{
	static const struct {
		const char *text, *faults;
	} rows[] = {
		{ "routes:\n  a/b: { pattern: '1', emergency: true, gateways: [x] }\n",
		  "2:3 \"a/b\" is no name for a route; accepted: 1 to 64 octets in one line, no "
		  "slash, no blank at either "
		  "end\n" },
		{ "routes:\n  'a:b': { pattern: '1', emergency: true, gateways: [x] }\n",
		  "2:3 route a:b: a colon in the name; accepted: 1 to 64 octets in one line "
		  "without / and :, and no blank "
		  "at either end\n" },
		{ "usages: [a/b]\n",
		  "usage a/b: a slash in the name, which stands between a rule's table and the "
		  "rule; accepted: 1 to 64 "
		  "octets in one line without / and :, and no blank at either end\n" },
		{ "usages: [a, b]\npolicies: { p: [c] }\n",
		  "2:17 usages: no usage \"c\" is defined; accepted: a, b\n" },
		{ "rutes: {}\n", NULL },
		{ "dial-plans: { uk: [{ name: a, pattern: '(', translation: x }, { name: a, "
		  "pattern: '1', translation: x }] }\n",
		  "1:40 pattern: at offset 1: missing closing parenthesis\n1:63 the rule a is "
		  "listed twice\n" },
	};
	struct catalog *catalog = NULL;
	struct faults faults;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(read_yaml(&catalog, rows[i].text, &faults), -EINVAL);
		assert_null(catalog);
		if (rows[i].faults)
			assert_string_equal(faults.text, rows[i].faults);
	}
	assert_int_equal(mem_live_blocks(), 0);
}

/* ---- Verbs ---- */

static void adds(void **state)
{
	struct fixture *fx = *state;
	const struct catalog *before = fx->catalog;
	char text[2048];

	(void)before;
	assert_int_equal(
		change(fx, (struct catalog_change){ CATALOG_ADD, CATALOG_USAGE, .name = "Local" }),
		0);
	assert_int_equal(change(fx, (struct catalog_change){ CATALOG_ADD, CATALOG_USAGE,
							     .name = "First", .first = true }),
			 0);
	assert_int_equal(change(fx, (struct catalog_change){ CATALOG_ADD, CATALOG_USAGE,
							     .name = "A", .before = "National" }),
			 0);
	assert_int_equal(change(fx, (struct catalog_change){ CATALOG_ADD, CATALOG_USAGE,
							     .name = "B", .after = "National" }),
			 0);
	assert_string_equal(names(fx->catalog, CATALOG_USAGE, NULL, text),
			    "First A National B International Local");
	assert_int_equal(
		change(fx,
		       (struct catalog_change){
			       CATALOG_ADD, CATALOG_ROUTE, .name = "Rome", .after = "London",
			       .body = "{\"pattern\": \"^\\\\+3906\", \"usages\": "
				       "[\"International\"], \"gateways\": [\"carrier-a\"], "
				       "\"priority\": 100, \"description\": null}" }),
		0);
	assert_string_equal(names(fx->catalog, CATALOG_ROUTE, NULL, text), "London Rome World");
	assert_string_equal(body(fx, CATALOG_ROUTE, NULL, "Rome"),
			    "{\"pattern\":\"^\\\\+3906\",\"usages\":[\"International\"],"
			    "\"gateways\":[{\"name\":"
			    "\"carrier-a\"}]}");
	assert_int_equal(change(fx, (struct catalog_change){ CATALOG_ADD, CATALOG_DIAL_PLAN,
							     .name = "new", .body = "{}" }),
			 0);
	assert_int_equal(change(fx,
				(struct catalog_change){
					CATALOG_ADD, CATALOG_RULE, .parent = "new", .name = "all",
					.body = "{pattern: '^(.*)$', translation: $1}" }),
			 0);
	assert_string_equal(names(fx->catalog, CATALOG_RULE, "new", text), "all");
	assert_string_equal(names(fx->catalog, CATALOG_RULE, NULL, text),
			    "national international all");
}

/* A list of faults, and nothing is changed. */
static void refuses(void **state)
{
	static const struct {
		struct catalog_change change;
		int rc;
		const char *faults;
	} rows[] = {
		{ { CATALOG_ADD, CATALOG_USAGE, .name = "National" },
		  -EEXIST,
		  "usage National is there already\n" },
		{ { CATALOG_ADD, CATALOG_ROUTE, .name = "a/b" },
		  -EINVAL,
		  "route a/b: a slash in the name, which stands between a rule's table and the "
		  "rule; accepted: 1 to 64 "
		  "octets in one line without / and :, and no blank at either end\n" },
		{ { CATALOG_ADD, CATALOG_ROUTE, .name = "Service: Medium" },
		  -EINVAL,
		  "route Service: Medium: a colon in the name; accepted: 1 to 64 octets in one "
		  "line without / and :, and "
		  "no blank at either end\n" },
		{ { CATALOG_ADD, CATALOG_ROUTE, .name = "a\nb" },
		  -EINVAL,
		  "route a?b: a control character in the name, or one that is no UTF-8; accepted: "
		  "1 to 64 octets in one "
		  "line without / and :, and no blank at either end\n" },
		{ { CATALOG_ADD, CATALOG_ROUTE, .name = "" },
		  -EINVAL,
		  "route : an empty name; accepted: 1 to 64 octets in one line without / and :, "
		  "and no blank at either "
		  "end\n" },
		{ { CATALOG_ADD, CATALOG_ROUTE, .name = ".." },
		  -EINVAL,
		  "route ..: a name of dots alone; accepted: 1 to 64 octets in one line without / "
		  "and :, and no blank at "
		  "either end\n" },
		{ { CATALOG_ADD, CATALOG_ROUTE, .name = "x",
		    .body = "{\"patern\":\"1\",\"usages\":[\"National\"],"
			    "\"gateways\":[\"a\"],\"priority\":\"high\"}" },
		  -EINVAL,
		  "route x: \"pattern\" is missing (regular expression on the normalized called "
		  "number); accepted: a text "
		  "of at least 1 and at most 1024 octets in one line\n"
		  "route x: unknown key \"patern\", did you mean \"pattern\"?; accepted: pattern, "
		  "usages, gateways, "
		  "priority, selection, emergency, suppress-caller-id, alternate-caller-id, "
		  "description\n"
		  "route x: priority: \"high\" is no whole number; accepted: a whole number from "
		  "-1000000 to 1000000\n" },
		{ { CATALOG_ADD, CATALOG_ROUTE, .name = "x",
		    .body = "{\"pattern\":\"(\",\"gateways\":[\"a\",\"a\"]}" },
		  -EINVAL,
		  "route x: the route has no usages, so no policy leads to it; give it `usages: [ "
		  "… ]` or `emergency: true`\n"
		  "route x: pattern: at offset 1: missing closing parenthesis\n"
		  "route x: the gateway a is listed twice\n" },
		{ { CATALOG_ADD, CATALOG_ROUTE, .name = "x", .body = "pattern" }, -EINVAL, NULL },
		{ { CATALOG_ADD, CATALOG_ROUTE, .name = "x", .body = "{\"pattern\": " },
		  -EINVAL,
		  NULL },
		{ { CATALOG_ADD, CATALOG_RULE, .name = "x", .parent = "uk",
		    .body = "{\"pattern\":\"^0\",\"translation\":\"$1\"}" },
		  -EINVAL,
		  "rule uk/x: translation: at offset 0: $1: the pattern has 0 groups\n" },
		{ { CATALOG_ADD, CATALOG_RULE, .name = "x", .parent = "uk",
		    .body = "{\"pattern\":\"^0\",\"name\":\"y\"}" },
		  -EINVAL,
		  NULL },
		{ { CATALOG_ADD, CATALOG_RULE, .name = "x", .parent = "ku" },
		  -ENOENT,
		  "there is no dial plan ku, did you mean uk?\n" },
		{ { CATALOG_ADD, CATALOG_RULE, .name = "x" },
		  -EINVAL,
		  "rule x: it needs the dial plan that it belongs to\n" },
		{ { CATALOG_ADD, CATALOG_DIAL_PLAN, .name = "x", .body = "{\"rules\":[]}" },
		  -EINVAL,
		  "dial plan x: its rules are objects of their own: add them one by one, as rule "
		  "x/NAME\n" },
		{ { CATALOG_ADD, CATALOG_USAGE, .name = "x", .before = "Nationl" },
		  -ENOENT,
		  "there is no usage Nationl, did you mean National?\n" },
		{ { CATALOG_SET, CATALOG_ROUTE, .name = "Londn", .body = "{}" },
		  -ENOENT,
		  "there is no route Londn, did you mean London?\n" },
		{ { CATALOG_SET, CATALOG_RULE, .parent = "uk", .name = "nationl", .body = "{}" },
		  -ENOENT,
		  "there is no rule uk/nationl, did you mean national?\n" },
		{ { CATALOG_SET, CATALOG_ROUTE, .name = "London", .body = "{\"pattern\":null}" },
		  -EINVAL,
		  NULL },
		{ { CATALOG_SET, CATALOG_ROUTE, .name = "London", .body = "[1]" }, -EINVAL, NULL },
		{ { CATALOG_DELETE, CATALOG_USAGE, .name = "National" },
		  -EBUSY,
		  "usage National is in use by policies staff, lobby and routes London, World; "
		  "take it out of them first\n" },
		{ { CATALOG_DELETE, CATALOG_GATEWAY, .name = "e1-london" },
		  -EBUSY,
		  "gateway e1-london is in use by route London; take it out of it first\n" },
		{ { CATALOG_DELETE, CATALOG_GATEWAY, .name = "e1" },
		  -ENOENT,
		  "there is no gateway e1\n" },
		{ { CATALOG_MOVE, CATALOG_ROUTE, .name = "London", .before = "Word" },
		  -ENOENT,
		  "there is no route Word, did you mean World?\n" },
		{ { CATALOG_MOVE, CATALOG_ROUTE, .name = "London", .before = "London" },
		  -EINVAL,
		  "route London can't be moved before or after itself\n" },
		{ { CATALOG_RENAME, CATALOG_ROUTE, .name = "London", .body = "World" },
		  -EEXIST,
		  "route World is there already\n" },
		{ { CATALOG_RENAME, CATALOG_ROUTE, .name = "London", .body = "a:b" },
		  -EINVAL,
		  NULL },
		{ { CATALOG_RENAME, CATALOG_ROUTE, .name = "London" }, -EINVAL, NULL },
	};
	struct fixture *fx = *state;

	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct catalog *before = fx->catalog;
		char *text;
		int rc = change(fx, rows[i].change);

		if (rc != rows[i].rc ||
		    (rows[i].faults && strcmp(fx->faults.text, rows[i].faults) != 0))
			fail_msg("row %zu: %d\n%s", i, rc, fx->faults.text);
		if (getenv("SHOW") && !rows[i].faults)
			print_message("%s", fx->faults.text);
		assert_ptr_equal(fx->catalog, before);
		text = catalog_yaml(fx->catalog);
		assert_string_equal(text, site);
		mem_free(text);
	}
}

static void sets(void **state)
{
	struct fixture *fx = *state;

	assert_int_equal(
		change(fx, (struct catalog_change){ CATALOG_SET, CATALOG_ROUTE, .name = "London",
						    .body = "{\"priority\":null,\"emergency\":true,"
							    "\"gateways\":[\"x\"]}" }),
		0);
	assert_string_equal(body(fx, CATALOG_ROUTE, NULL, "London"),
			    "{\"pattern\":\"^\\\\+4420\",\"usages\":[\"National\"],\"gateways\":[{"
			    "\"name\":\"x\"}],"
			    "\"emergency\":true}");
	assert_int_equal(
		change(fx,
		       (struct catalog_change){
			       CATALOG_SET, CATALOG_RULE, .parent = "uk", .name = "national",
			       .body = "{\"description\":\"\\u00e9\\ud83d\\ude00\"}" }),
		0);
	assert_string_equal(
		body(fx, CATALOG_RULE, "uk", "national"),
		"{\"pattern\":\"^0(\\\\d{10})$\",\"translation\":\"+44$1\",\"description\":"
		"\"\xc3\xa9\xf0\x9f\x98\x80\"}");
	assert_int_equal(
		change(fx, (struct catalog_change){ CATALOG_PUT, CATALOG_POLICY, .name = "lobby" }),
		0);
	assert_string_equal(body(fx, CATALOG_POLICY, NULL, "lobby"), "{}");
	assert_int_equal(
		change(fx, (struct catalog_change){ CATALOG_PUT, CATALOG_POLICY, .name = "new",
						    .body = "{\"usages\":[\"National\"]}",
						    .first = true }),
		0);
	assert_string_equal(catalog_at(fx->catalog, CATALOG_POLICY, NULL, 0)->name, "new");
}

static void deletes(void **state)
{
	struct fixture *fx = *state;
	char text[2048];

	assert_int_equal(change(fx, (struct catalog_change){ CATALOG_DELETE, CATALOG_DIAL_PLAN,
							     .name = "uk" }),
			 0);
	assert_int_equal(catalog_count(fx->catalog, CATALOG_RULE, NULL), 0);
	assert_int_equal(change(fx, (struct catalog_change){ CATALOG_DELETE, CATALOG_ROUTE,
							     .name = "London" }),
			 0);
	assert_int_equal(change(fx, (struct catalog_change){ CATALOG_DELETE, CATALOG_GATEWAY,
							     .name = "e1-london" }),
			 0);
	assert_int_equal(
		change(fx, (struct catalog_change){ CATALOG_DELETE, CATALOG_TRANSLATION_RULE,
						    .parent = "plain", .name = "anonymous" }),
		0);
	assert_string_equal(names(fx->catalog, CATALOG_GATEWAY, NULL, text), "old");
	assert_int_equal(catalog_count(fx->catalog, CATALOG_TRANSLATION_RULE, "plain"), 0);
}

/* Of many users some are named, the others counted. */
static void counts_many_users(void **state)
{
	struct fixture *fx = *state;
	char name[8];

	for (unsigned i = 0; i < 9; i++) {
		sprintf(name, "r%u", i);
		assert_int_equal(change(fx, (struct catalog_change){
						    CATALOG_ADD, CATALOG_ROUTE, .name = name,
						    .body = "{\"pattern\":\"1\",\"emergency\":true,"
							    "\"gateways\":[\"old\"]}" }),
				 0);
	}
	assert_int_equal(
		change(fx, (struct catalog_change){ CATALOG_DELETE, CATALOG_GATEWAY, .name = "old" }),
		-EBUSY);
	assert_string_equal(fx->faults.text, "gateway old is in use by routes r0, r1, r2, r3, r4 and 4 "
					     "more; take it out of them first\n");
}

static void moves(void **state)
{
	struct fixture *fx = *state;
	char text[2048];

	for (char name[] = "a"; *name <= 'e'; ++*name)
		assert_int_equal(change(fx, (struct catalog_change){ CATALOG_ADD, CATALOG_USAGE,
								     .name = name }),
				 0);
	assert_int_equal(change(fx, (struct catalog_change){ CATALOG_MOVE, CATALOG_USAGE,
							     .name = "a", .first = true }),
			 0);
	assert_int_equal(
		change(fx, (struct catalog_change){ CATALOG_MOVE, CATALOG_USAGE, .name = "b" }), 0);
	assert_int_equal(change(fx, (struct catalog_change){ CATALOG_MOVE, CATALOG_USAGE,
							     .name = "e", .before = "c" }),
			 0);
	assert_int_equal(change(fx, (struct catalog_change){ CATALOG_MOVE, CATALOG_USAGE,
							     .name = "National", .after = "c" }),
			 0);
	assert_string_equal(names(fx->catalog, CATALOG_USAGE, NULL, text),
			    "a International e c National d b");
	assert_int_equal(
		change(fx, (struct catalog_change){ CATALOG_MOVE, CATALOG_RULE, .parent = "uk",
						    .name = "international", .first = true }),
		0);
	assert_string_equal(names(fx->catalog, CATALOG_RULE, "uk", text), "international national");
	/* To where it is: the very same object. */
	assert_ptr_equal(catalog_at(fx->catalog, CATALOG_USAGE, NULL, 0),
			 catalog_find(fx->catalog, CATALOG_USAGE, NULL, "a"));
}

/* Hundreds at one spot: gaps are used up, and all is numbered anew. */
static void finds_room(void **state)
{
	struct fixture *fx = *state;
	char name[16], text[2048];

	for (unsigned i = 0; i < 100; i++) {
		sprintf(name, "u%u", i);
		assert_int_equal(change(fx, (struct catalog_change){ CATALOG_ADD, CATALOG_USAGE,
								     .name = name,
								     .before = "International" }),
				 0);
		sprintf(name, "f%u", i);
		assert_int_equal(
			change(fx, (struct catalog_change){ CATALOG_ADD, CATALOG_USAGE,
							    .name = name, .after = "National" }),
			0);
	}
	names(fx->catalog, CATALOG_USAGE, NULL, text);
	assert_int_equal(strncmp(text, "National f99 f98 ", 17), 0);
	assert_non_null(strstr(text, " f1 f0 u0 u1 "));
	assert_non_null(strstr(text, " u98 u99 International"));
}

static void renames(void **state)
{
	struct fixture *fx = *state;
	char text[2048];

	assert_int_equal(change(fx, (struct catalog_change){ CATALOG_RENAME, CATALOG_USAGE,
							     .name = "National", .body = "UK" }),
			 0);
	assert_string_equal(names(fx->catalog, CATALOG_USAGE, NULL, text), "UK International");
	assert_string_equal(body(fx, CATALOG_POLICY, NULL, "staff"),
			    "{\"usages\":[\"UK\",\"International\"]}");
	assert_non_null(strstr(body(fx, CATALOG_ROUTE, NULL, "London"), "\"usages\":[\"UK\"]"));
	assert_non_null(strstr(body(fx, CATALOG_ROUTE, NULL, "World"),
			       "\"usages\":[\"International\",\"UK\"]"));
	assert_int_equal(
		change(fx, (struct catalog_change){ CATALOG_RENAME, CATALOG_GATEWAY,
						    .name = "e1-london", .body = "the-line" }),
		0);
	assert_non_null(strstr(
		body(fx, CATALOG_ROUTE, NULL, "London"),
		"\"gateways\":[{\"name\":\"the-line\"},{\"name\":\"carrier-a\",\"weight\":3}]"));
	assert_int_equal(change(fx, (struct catalog_change){ CATALOG_RENAME, CATALOG_DIAL_PLAN,
							     .name = "uk", .body = "gb" }),
			 0);
	assert_string_equal(names(fx->catalog, CATALOG_RULE, "gb", text), "national international");
	assert_string_equal(catalog_find(fx->catalog, CATALOG_RULE, "gb", "national")->parent,
			    "gb");
	assert_int_equal(
		change(fx, (struct catalog_change){ CATALOG_RENAME, CATALOG_RULE, .parent = "gb",
						    .name = "national", .body = "inland" }),
		0);
	assert_string_equal(names(fx->catalog, CATALOG_RULE, "gb", text), "inland international");
	assert_int_equal(
		change(fx, (struct catalog_change){ CATALOG_RENAME, CATALOG_RULE, .parent = "gb",
						    .name = "inland", .body = "inland" }),
		0);
	assert_string_equal(names(fx->catalog, CATALOG_DIAL_PLAN, NULL, text), "gb empty");
}

/* Several as one: the second sees the first, and a bad third undoes both. */
static void all_or_nothing(void **state)
{
	struct catalog_change changes[] = {
		{ CATALOG_ADD, CATALOG_USAGE, .name = "x" },
		{ CATALOG_SET, CATALOG_POLICY, .name = "lobby", .body = "{\"usages\":[\"x\"]}" },
		{ CATALOG_DELETE, CATALOG_USAGE, .name = "x" },
	};
	struct fixture *fx = *state;
	struct catalog *next = NULL;

	assert_int_equal(catalog_change(&next, fx->catalog, changes, 3, note, &fx->faults), -EBUSY);
	assert_null(next);
	assert_string_equal(fx->faults.text,
			    "usage x is in use by policy lobby; take it out of it first\n");
	assert_int_equal(catalog_change(&next, fx->catalog, changes, 2, note, &fx->faults), 0);
	assert_non_null(catalog_find(next, CATALOG_USAGE, NULL, "x"));
	assert_null(catalog_find(fx->catalog, CATALOG_USAGE, NULL, "x"));
	/* What is untouched is shared. */
	assert_ptr_equal(catalog_find(next, CATALOG_ROUTE, NULL, "London"),
			 catalog_find(fx->catalog, CATALOG_ROUTE, NULL, "London"));
	assert_ptr_equal(catalog_find(next, CATALOG_USAGE, NULL, "National"),
			 catalog_find(fx->catalog, CATALOG_USAGE, NULL, "National"));
	catalog_unref(&next);
}

/* ---- Comparing ---- */

static void note_difference(void *arg, const struct catalog_difference *d)
{
	const struct catalog_object *one = d->after ? d->after : d->before;
	char *text = arg;

	sprintf(text + strlen(text), "%s%s %s%s%s%s\n", d->before ? d->after ? "" : "-" : "+",
		catalog_kind_name(one->kind), one->parent, one->parent[0] ? "/" : "", one->name,
		d->moved ? " moved" : "");
	if (d->before && d->after)
		assert_true(d->moved || strcmp(d->before->body, d->after->body) != 0);
}

static void compares(void **state)
{
	struct catalog_change changes[] = {
		{ CATALOG_ADD, CATALOG_USAGE, .name = "x", .first = true },
		{ CATALOG_MOVE, CATALOG_ROUTE, .name = "London" },
		{ CATALOG_SET, CATALOG_ROUTE, .name = "London", .body = "{\"priority\":20}" },
		{ CATALOG_SET, CATALOG_RULE, .parent = "uk", .name = "national",
		  .body = "{\"pattern\":\"^(0)\"}" },
		{ CATALOG_ADD, CATALOG_RULE, .parent = "empty", .name = "y",
		  .body = "{\"pattern\":\"1\",\"translation\":\"1\"}" },
		{ CATALOG_DELETE, CATALOG_TRANSLATION, .name = "plain" },
		{ CATALOG_SET, CATALOG_POLICY, .name = "staff",
		  .body = "{\"usages\":[\"National\",\"International\"]}" },
	};
	struct fixture *fx = *state;
	struct catalog *next = NULL;
	char text[2048] = "";

	assert_int_equal(
		catalog_change(&next, fx->catalog, changes, COUNT(changes), note, &fx->faults), 0);
	assert_int_equal(catalog_diff(fx->catalog, next, note_difference, text), 7);
	assert_string_equal(text, "rule uk/national\n+rule empty/y\n-translation "
				  "plain\n-translation-rule plain/anonymous\n"
				  "+usage x\nroute World moved\nroute London\n");
	text[0] = '\0';
	assert_int_equal(catalog_diff(next, fx->catalog, note_difference, text), 6);
	assert_non_null(strstr(text, "-usage x\n"));
	assert_int_equal(catalog_diff(next, next, note_difference, text), 0);
	catalog_unref(&next);
}

/* The fewest that can have moved. */
static void tells_the_fewest_moves(void **state)
{
	struct catalog *from = NULL, *to = NULL;
	struct faults faults;
	char text[2048] = "";

	(void)state;
	assert_int_equal(read_yaml(&from, "usages: [a, b, c, d, e, f, g]\n", &faults), 0);
	assert_int_equal(read_yaml(&to, "usages: [a, e, b, new, c, d, f, g]\n", &faults), 0);
	catalog_diff(from, to, note_difference, text);
	assert_string_equal(text, "usage e moved\n+usage new\n");
	catalog_unref(&to);
	text[0] = '\0';
	assert_int_equal(read_yaml(&to, "usages: [g, f, c, d, e, b, a]\n", &faults), 0);
	assert_int_equal(catalog_diff(from, to, note_difference, text), 4);
	assert_string_equal(text, "usage g moved\nusage f moved\nusage b moved\nusage a moved\n");
	catalog_unref(&to);
	catalog_unref(&from);
}

/* ---- Random tables ---- */

static uint32_t seed;

static unsigned dice(unsigned sides)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 10) % sides;
}

/* A name or text with all that might be misread: quotes, words of YAML, digits, dashes, other
 * scripts. */
static const char *random_text(char *out, bool name)
{
	static const char *const pieces[] = { "a",
					      "Z",
					      "7",
					      "0x1",
					      "-",
					      " ",
					      "'",
					      "\"",
					      "\\",
					      "#",
					      "{",
					      "]",
					      ",",
					      "&",
					      "*",
					      "!",
					      "%",
					      "@",
					      "`",
					      "yes",
					      "null",
					      "~",
					      "1.5",
					      "=",
					      "<<",
					      "?",
					      "|",
					      ">",
					      "\xc3\xbc",
					      "\xe6\x97\xa5",
					      "\xef\xbb\xbf",
					      "\xf0\x9f\x98\x80",
					      "$",
					      ".",
					      "+",
					      "é" };

	do {
		out[0] = '\0';
		for (unsigned n = 1 + dice(5); n > 0; n--)
			strcat(out, pieces[dice(COUNT(pieces))]);
	} while (name && (out[0] == ' ' || out[strlen(out) - 1] == ' ' || strcmp(out, ".") == 0 ||
			  strcmp(out, "..") == 0));
	return out;
}

/* A JSON text of it. */
static void put_text(char *out, const char *text)
{
	strcat(out, "\"");
	for (size_t n = strlen(out); *text; text++) {
		if (*text == '"' || *text == '\\')
			out[n++] = '\\';
		out[n++] = *text;
		out[n] = '\0';
	}
	strcat(out, "\"");
}

static const char *random_name_of(const struct catalog *catalog, enum catalog_kind kind,
				  char name[64])
{
	size_t count = catalog_count(catalog, kind, NULL);

	return count ? strcpy(name, catalog_at(catalog, kind, NULL, dice((unsigned)count))->name)
		     : NULL;
}

static void random_route(const struct catalog *catalog, char *body)
{
	char name[64], text[64];
	const char *usage = random_name_of(catalog, CATALOG_USAGE, name);

	strcpy(body, "{\"pattern\":\"^\\\\+4[4-7]\"");
	if (usage) {
		strcat(body, ",\"usages\":[");
		put_text(body, usage);
		strcat(body, "]");
	}
	strcat(body, ",\"gateways\":[");
	put_text(body, random_text(text, true));
	strcat(body, dice(2) ? "," : ",{\"weight\":3,\"name\":");
	strcat(body, body[strlen(body) - 1] == ',' ? "\"g\"]" : "\"g\"}]");
	if (dice(2) || !usage)
		strcat(body, ",\"emergency\":true");
	sprintf(body + strlen(body), ",\"priority\":%d", (int)dice(3) * 50);
	strcat(body, dice(2) ? ",\"selection\":\"weighted\"" : ",\"selection\":\"ordered\"");
	if (dice(2)) {
		strcat(body, ",\"description\":");
		put_text(body, random_text(text, false));
	}
	strcat(body, "}");
}

static void random_rule(char *body)
{
	static const char *const types[] = { "by-form", "national", "subscriber" };

	strcpy(body, "{\"pattern\":\"^0(\\\\d+)$\",\"translation\":\"+44$1\"");
	if (dice(2))
		sprintf(body + strlen(body), ",\"type\":\"%s\"", types[dice(3)]);
	strcat(body, "}");
}

/* Adds something; what is refused is left out. */
static void random_addition(struct catalog **catalog)
{
	enum catalog_kind kind = (enum catalog_kind)dice(CATALOG_KIND_COUNT);
	char name[64], text[64], parent[64], body[1024] = "{}";
	struct catalog_change one = { CATALOG_ADD, kind, .name = random_text(name, true),
				      .body = body, .first = dice(2) };
	struct catalog *next = NULL;
	int rc;

	if (kind == CATALOG_RULE || kind == CATALOG_TRANSLATION_RULE) {
		one.parent = random_name_of(*catalog, (enum catalog_kind)(kind - 1), parent);
		random_rule(body);
	} else if (kind == CATALOG_ROUTE) {
		random_route(*catalog, body);
	} else if (kind == CATALOG_GATEWAY) {
		strcpy(body, "{\"members\":[");
		put_text(body, random_text(text, true));
		strcat(body, "]}");
	} else if (kind == CATALOG_POLICY && random_name_of(*catalog, CATALOG_USAGE, text)) {
		strcpy(body, "{\"usages\":[");
		put_text(body, text);
		strcat(body, "]}");
	}
	rc = catalog_change(&next, *catalog, &one, 1, NULL, NULL);
	if (rc == 0) {
		catalog_unref(catalog);
		*catalog = next;
	} else if (rc != -EEXIST && one.parent) {
		fail_msg("%s %s: %d", name, body, rc);
	}
}

/* Out and in again is the same catalog and the same text, whatever stands in it. */
static void random_tables_come_back(void **state)
{
	(void)state;
	for (unsigned round = 1; round <= 200; round++) {
		struct catalog *catalog = NULL, *again = NULL;
		struct faults faults;
		char *first, *second;

		seed = round * 2654435761u;
		assert_int_equal(catalog_create(&catalog), 0);
		for (unsigned n = dice(60); n > 0; n--)
			random_addition(&catalog);
		first = catalog_yaml(catalog);
		if (read_yaml(&again, first, &faults))
			fail_msg("round %u: %s%s", round, faults.text, first);
		assert_int_equal(catalog_diff(catalog, again, NULL, NULL), 0);
		assert_int_equal(catalog_diff(again, catalog, NULL, NULL), 0);
		second = catalog_yaml(again);
		assert_string_equal(first, second);
		mem_free(first);
		mem_free(second);
		catalog_unref(&catalog);
		catalog_unref(&again);
	}
	assert_int_equal(mem_live_blocks(), 0);
}

/* The longest name of each kind goes out and comes in as well; one octet more is refused. */
static void takes_the_longest_names(void **state)
{
	static const char *const bodies[CATALOG_KIND_COUNT] = {
		[CATALOG_RULE] = "{\"pattern\":\"1\",\"translation\":\"1\"}",
		[CATALOG_TRANSLATION_RULE] = "{\"pattern\":\"1\",\"translation\":\"1\"}",
		[CATALOG_ROUTE] = "{\"pattern\":\"1\",\"emergency\":true,\"gateways\":[\"a\"]}",
		[CATALOG_GATEWAY] = "{\"members\":[\"a\"]}",
	};
	struct fixture *fx = *state;
	struct catalog *again = NULL;
	char name[66];
	char *text;

	memset(name, 'n', 65);
	name[65] = '\0';
	for (int kind = 0; kind < CATALOG_KIND_COUNT; kind++) {
		struct catalog_change one = { CATALOG_ADD, (enum catalog_kind)kind, .name = name,
					      .body = bodies[kind] };

		one.parent = kind == CATALOG_RULE ? "uk" : "plain";
		name[64] = 'n';
		assert_int_equal(change(fx, one), -EINVAL);
		assert_non_null(strstr(fx->faults.text, "the name is longer than 64 octets"));
		name[64] = '\0';
		assert_int_equal(change(fx, one), 0);
	}
	text = catalog_yaml(fx->catalog);
	if (read_yaml(&again, text, &fx->faults))
		fail_msg("%s", fx->faults.text);
	assert_int_equal(catalog_diff(fx->catalog, again, NULL, NULL), 0);
	catalog_unref(&again);
	mem_free(text);
}

/* ---- Threads ---- */

#define READERS 4

static void *read_tables(void *arg)
{
	struct catalog *catalog = arg, *next = NULL;
	const struct catalog_change one = { CATALOG_ADD, CATALOG_USAGE, .name = "mine" };
	const struct dialplan_tables *tables = catalog_tables(catalog);

	assert(tables && tables->route_count == 2 && tables == catalog_tables(catalog));
	if (catalog_change(&next, catalog, &one, 1, NULL, NULL) == 0)
		assert(catalog_count(next, CATALOG_USAGE, NULL) == 3);
	catalog_unref(&next);
	catalog_unref(&catalog);
	return NULL;
}

static void many_may_read(void **state)
{
	struct fixture *fx = *state;
	pthread_t threads[READERS];

	for (int i = 0; i < READERS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, read_tables, catalog_ref(fx->catalog)),
			0);
	for (int i = 0; i < READERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(catalog_count(fx->catalog, CATALOG_USAGE, NULL), 2);
}

/* ---- Want of memory ---- */

/* A change of every kind, the comparison, the tables and the text of what comes out. */
static int all_of_it(struct catalog *from)
{
	static const struct catalog_change changes[] = {
		{ CATALOG_ADD, CATALOG_USAGE, .name = "x", .first = true },
		{ CATALOG_MOVE, CATALOG_ROUTE, .name = "London" },
		{ CATALOG_SET, CATALOG_ROUTE, .name = "London", .body = "{\"priority\":20}" },
		{ CATALOG_PUT, CATALOG_POLICY, .name = "new", .body = "[x]" },
		{ CATALOG_ADD, CATALOG_RULE, .parent = "uk", .name = "y",
		  .body = "{\"pattern\":\"1\",\"translation\":\"1\"}" },
		{ CATALOG_RENAME, CATALOG_DIAL_PLAN, .name = "uk", .body = "gb" },
		{ CATALOG_RENAME, CATALOG_USAGE, .name = "National", .body = "UK" },
		{ CATALOG_RENAME, CATALOG_GATEWAY, .name = "e1-london", .body = "line" },
		{ CATALOG_DELETE, CATALOG_TRANSLATION, .name = "plain" },
	};
	struct catalog *to = NULL;
	char *text;
	int rc = catalog_change(&to, from, changes, COUNT(changes), NULL, NULL);

	if (rc)
		return rc;
	catalog_diff(from, to, NULL, NULL);
	text = catalog_yaml(to);
	mem_free(text);
	catalog_unref(&to);
	return text ? 0 : -ENOMEM;
}

static void survives_want_of_memory(void **state)
{
	struct fixture *fx = *state;
	struct catalog *made = NULL;
	struct faults faults;
	long n = 0, blocks = mem_live_blocks();
	char *text;
	int rc;

	do {
		mem_fail_after(n++);
		rc = all_of_it(fx->catalog);
		if (rc != 0 && rc != -ENOMEM)
			fail_msg("%d after %ld", rc, n - 1);
		assert_int_equal(mem_live_blocks(), blocks);
	} while (mem_failed());
	assert_true(n > 300);
	mem_fail_after(-1);
	text = catalog_yaml(fx->catalog); /* the one that changes came from is as it was */
	assert_string_equal(text, site);
	mem_free(text);
	n = 0;
	do {
		mem_fail_after(n++);
		rc = read_yaml(&made, site, &faults);
		assert_true(rc == 0 || rc == -ENOMEM);
		catalog_unref(&made);
	} while (mem_failed());
	assert_true(n > 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(is_made_of_yaml, setup, teardown),
		cmocka_unit_test_setup_teardown(bodies_are_canonical, setup, teardown),
		cmocka_unit_test_setup_teardown(yaml_is_a_fixed_point, setup, teardown),
		cmocka_unit_test_setup_teardown(compiles, setup, teardown),
		cmocka_unit_test_setup_teardown(compiling_names_objects, setup, teardown),
		cmocka_unit_test_setup_teardown(adds, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(sets, setup, teardown),
		cmocka_unit_test_setup_teardown(deletes, setup, teardown),
		cmocka_unit_test_setup_teardown(counts_many_users, setup, teardown),
		cmocka_unit_test_setup_teardown(moves, setup, teardown),
		cmocka_unit_test_setup_teardown(finds_room, setup, teardown),
		cmocka_unit_test_setup_teardown(renames, setup, teardown),
		cmocka_unit_test_setup_teardown(all_or_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(compares, setup, teardown),
		cmocka_unit_test_setup_teardown(takes_the_longest_names, setup, teardown),
		cmocka_unit_test_setup_teardown(many_may_read, setup, teardown),
		cmocka_unit_test_setup_teardown(survives_want_of_memory, setup, teardown),
		cmocka_unit_test(random_tables_come_back),
		cmocka_unit_test(an_empty_one),
		cmocka_unit_test(kinds_have_names),
		cmocka_unit_test(tells_faults_of_yaml),
		cmocka_unit_test(tells_the_fewest_moves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
