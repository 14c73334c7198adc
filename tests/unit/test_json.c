/* SPDX-License-Identifier: GPL-2.0-only */
/* JSON as nodes: what RFC 8259 takes, and the same as the YAML reader makes of it. */
#include "conf/node.h"
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

static int no_leaks(void **state)
{
	(void)state;
	mem_fail_after(-1);
	assert_int_equal(mem_live_blocks(), 0);
	return 0;
}

/* "{a:[1,'b'],c:{}}": texts in quotes, plain words without. */
static void write_node(const struct node *n, char *out)
{
	const char *comma = "";

	if (n->kind == NODE_SCALAR) {
		sprintf(out + strlen(out), n->plain ? "%s" : "'%s'", n->text);
		return;
	}
	strcat(out, n->kind == NODE_MAPPING ? "{" : "[");
	for (const struct node *item = n->first; item; item = item->next, comma = ",") {
		strcat(out, comma);
		if (n->kind == NODE_MAPPING) {
			sprintf(out + strlen(out), "%s:", item->text);
			write_node(item->value, out);
		} else {
			write_node(item, out);
		}
	}
	strcat(out, n->kind == NODE_MAPPING ? "}" : "]");
}

static int read_json(const char *text, size_t length, char out[4096])
{
	struct node *tree = NULL;
	int rc = node_read_json(&tree, text, length);

	out[0] = '\0';
	assert_int_equal(rc == 0, tree != NULL);
	if (tree)
		write_node(tree, out);
	node_free(&tree);
	return rc;
}

static void reads_values(void **state)
{
	static const struct {
		const char *text, *nodes;
	} rows[] = {
		{ "{}", "{}" },
		{ " [ ] ", "[]" },
		{ "{\"a\":[1,\"b\"],\n \"c\" : {\"d\":null}}", "{a:[1,'b'],c:{d:null}}" },
		{ "[0,-1,10,1.5,-0.25,1e3,2E-2,3.0e+10]", "[0,-1,10,1.5,-0.25,1e3,2E-2,3.0e+10]" },
		{ "[true,false,null,\"true\",\"\"]", "[true,false,null,'true','']" },
		{ "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "'\"\\/\b\f\n\r\t'" },
		{ "\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\"",
		  "'A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80'" },
		{ "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"",
		  "'\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80'" },
		{ "\t\r\n 7", "7" },
	};
	char out[4096];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(read_json(rows[i].text, strlen(rows[i].text), out), 0);
		assert_string_equal(out, rows[i].nodes);
	}
}

/* Left to the YAML reader, which takes some of it and finds words for the rest. */
static void refuses_the_rest(void **state)
{
	static const char *const rows[] = {
		"",
		" ",
		"{",
		"[",
		"[1",
		"[1,",
		"[1,]",
		"{\"a\"}",
		"{\"a\":}",
		"{\"a\":1,}",
		"{a:1}",
		"{'a':1}",
		"{1:2}",
		"[1 2]",
		"1 2",
		"{} {}",
		"\"a",
		"\"a\\",
		"\"\\",
		"\"\\x\"",
		"\"\\u12\"",
		"\"\\u12g4\"",
		"\"\\u\x10\x10\x10\x10\"",
		"\"\\u0000\"",
		"\"\\ud800\"",
		"\"\\ud800\\u0041\"",
		"\"\\udc00\"",
		"\"\\ud800\\n\"",
		"\"a\nb\"",
		"\"\x01\"",
		"\"\xff\"",
		"\"\xc0\x80\"",
		"\"\xed\xa0\x80\"",
		"\"\xf4\x90\x80\x80\"",
		"\"\xe2\x82\"",
		"\"\xe2\x82",
		"01",
		"-",
		"-a",
		"1.",
		".5",
		"1e",
		"1e+",
		"+1",
		"tru",
		"nulls",
		"True",
		"NaN",
		"{\"a\":1,\"a\":2}",
		"# comment\n{}",
		"[1,#\n2]",
		"]",
		"}",
		":",
	};
	char out[4096];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (read_json(rows[i], strlen(rows[i]), out) != -EINVAL)
			fail_msg("%s was taken as %s", rows[i], out);
	assert_int_equal(read_json("1\0", 2, out), -EINVAL);
	assert_int_equal(read_json("\"\0\"", 3, out), -EINVAL);
}

static void is_bounded(void **state)
{
	char text[4 * 5000 + 3] = "", out[4096];

	(void)state;
	for (int i = 0; i < CONF_DEPTH_MAX; i++) {
		text[i] = '[';
		text[2 * CONF_DEPTH_MAX - 1 - i] = ']';
	}
	assert_int_equal(read_json(text, 2 * CONF_DEPTH_MAX, out), 0);
	memset(text, '[', CONF_DEPTH_MAX + 1);
	memset(text + CONF_DEPTH_MAX + 1, ']', CONF_DEPTH_MAX + 1);
	assert_int_equal(read_json(text, 2 * CONF_DEPTH_MAX + 2, out), -EINVAL);
	text[0] = '[';
	for (int i = 0; i < 5000; i++)
		memcpy(text + 1 + 2 * i, "1,", 2);
	text[2 * 5000] = ']';
	assert_int_equal(read_json(text, 2 * 5000 + 1, out), -EINVAL);
}

static void knows_places(void **state)
{
	static const char text[] = "{\"a\": 1,\n  \"b\": [\n\ttrue]}";
	const struct node *b;
	struct node *tree;

	(void)state;
	assert_int_equal(node_read_json(&tree, text, strlen(text)), 0);
	assert_int_equal(tree->first->value->place.line, 1);
	assert_int_equal(tree->first->value->place.column, 7);
	b = tree->first->next;
	assert_int_equal(b->place.line, 2);
	assert_int_equal(b->place.column, 3);
	assert_int_equal(b->value->first->place.line, 3);
	assert_int_equal(b->value->first->place.column, 2);
	node_free(&tree);
}

/* Cut anywhere, or with any octet changed, it is read or refused, and nothing is lost. */
static void bears_damage(void **state)
{
	static const char text[] = "{\"a\":[1,-2.5e3,\"\\u00e9\\ud83d\\ude00\"],\"b\":{\"c\":null,"
				   "\"d\":\"\xc3\xa9\"}}";
	char out[4096];

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		assert_int_equal(read_json(text, i, out), -EINVAL);
		for (int octet = 0; octet < 256; octet++) {
			char *copy = malloc(sizeof(text) - 1); /* no NUL behind it */

			memcpy(copy, text, sizeof(text) - 1);
			copy[i] = (char)octet;
			read_json(copy, sizeof(text) - 1, out);
			free(copy);
		}
	}
}

static void survives_want_of_memory(void **state)
{
	static const char text[] = "{\"a\":[1,\"b\"],\"c\":{\"d\":null}}";
	char out[4096];
	long n = 0;
	int rc;

	(void)state;
	do {
		mem_fail_after(n++);
		rc = read_json(text, strlen(text), out);
		assert_true(rc == 0 || rc == -ENOMEM);
		mem_fail_after(-1);
		assert_int_equal(mem_live_blocks(), 0);
	} while (rc);
	assert_true(n > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(reads_values, no_leaks),
		cmocka_unit_test_teardown(refuses_the_rest, no_leaks),
		cmocka_unit_test_teardown(is_bounded, no_leaks),
		cmocka_unit_test_teardown(knows_places, no_leaks),
		cmocka_unit_test_teardown(bears_damage, no_leaks),
		cmocka_unit_test_teardown(survives_want_of_memory, no_leaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
