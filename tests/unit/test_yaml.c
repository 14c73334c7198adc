/* SPDX-License-Identifier: GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "conf/node.h"
#include "conf/schema.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char faults[4000];

static void fault(void *arg, struct conf_place place, const char *text)
{
	size_t n = strlen(faults);

	(void)arg;
	snprintf(faults + n, sizeof(faults) - n, "%u:%u: %s\n", place.line, place.column, text);
}

static int read_text(struct node **out, const char *text)
{
	faults[0] = '\0';
	*out = NULL;
	return node_read(out, text, strlen(text), fault, NULL);
}

static void a_tree_has_positions(void **state)
{
	struct node *root, *key, *item;

	(void)state;
	assert_int_equal(read_text(&root, "a: 1\nlist:\n  - x\n  - 'y z'\n  - {k: v}\n"), 0);
	assert_string_equal(faults, "");
	assert_int_equal(root->kind, NODE_MAPPING);
	assert_int_equal(root->count, 2);
	key = root->first;
	assert_string_equal(key->text, "a");
	assert_int_equal(key->place.line, 1);
	assert_int_equal(key->place.column, 1);
	assert_string_equal(key->value->text, "1");
	assert_int_equal(key->value->place.column, 4);
	assert_true(key->value->plain);
	key = key->next;
	assert_int_equal(key->place.line, 2);
	assert_int_equal(key->value->kind, NODE_SEQUENCE);
	assert_int_equal(key->value->count, 3);
	item = key->value->first->next;
	assert_string_equal(item->text, "y z");
	assert_false(item->plain);
	assert_int_equal(item->place.line, 4);
	assert_int_equal(item->place.column, 5);
	assert_int_equal(item->next->first->place.column, 6);
	assert_null(key->next);
	node_free(&root);
	assert_null(root);
	node_free(&root);
}

static void columns_count_characters(void **state)
{
	struct node *root;

	(void)state;
	assert_int_equal(read_text(&root, "{ \xc3\xa9\xc3\xa9: 1, b: 2 }"), 0);
	assert_int_equal(root->first->next->place.column, 10);
	node_free(&root);
}

static void nothing_is_nothing(void **state)
{
	static const char *const empty[] = { "", "\n\n", "# only a comment\n" };
	struct node *root;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(read_text(&root, empty[i]), 0);
		assert_null(root);
	}
	assert_int_equal(read_text(&root, "a:\nb: ~\nc: null\nd: \"\"\ne: 'null'\nf: nul"), 0);
	for (struct node *k = root->first; k; k = k->next)
		assert_int_equal(node_is_null(k->value), k->text[0] <= 'c');
	node_free(&root);
}

/* Each text, and its faults whole. rc 0: a tree stands all the same. */
static const struct {
	const char *text;
	int rc;
	const char *faults;
} wrong[] = {
	{ "a: &x 1\nb: *x\n", 0,
	  "1:4: anchors (&name) are not accepted; write each value out\n"
	  "2:4: aliases (*name) are not accepted; write the value out\n" },
	{ "a: &x [1]\nb: &y {c: 1}\n", 0,
	  "1:4: anchors (&name) are not accepted; write each value out\n"
	  "2:4: anchors (&name) are not accepted; write each value out\n" },
	{ "a: !!int 1\nb: !mine [x]\n", 0,
	  "1:4: tags (!name) are not accepted; the type of a value follows from its key\n"
	  "2:4: tags (!name) are not accepted; the type of a value follows from its key\n" },
	{ "a: 1\nb: 2\na: 3\nc: {x: 1, x: 2}\na: 4\n", 0,
	  "4:11: \"x\" stands here a second time, after line 4; accepted: once\n"
	  "3:1: \"a\" stands here a second time, after line 1; accepted: once\n"
	  "5:1: \"a\" stands here a second time, after line 1; accepted: once\n" },
	{ "{a: 1, c: 1, b: 1, c: 2}", 0,
	  "1:20: \"c\" stands here a second time, after line 1; accepted: once\n" },
	{ "a:\n  <<: {b: 1}\n", 0, "2:3: merge keys (<<) are not accepted; write the keys out\n" },
	{ "? [a, b]\n: 1\n", 0,
	  "1:3: a list or mapping as a key is not accepted; accepted: a plain word\n" },
	{ "a: \"x\\0y\"\n", 0, "1:4: a text with a NUL character is not accepted\n" },
	{ "a: 1\n---\nb: 2\n", -EINVAL,
	  "2:1: a second document begins here; accepted: one document\n" },
	{ "a: [1, 2\nb: 3\n", -EINVAL,
	  "2:2: not YAML: did not find expected ',' or ']', while parsing a flow sequence that "
	  "begins on line 1\n" },
	{ "a:\n\tb: 1\n", -EINVAL,
	  "2:1: not YAML: found character that cannot start any token, while scanning for the next "
	  "token\n" },
	{ "a: b: c\n", -EINVAL, "1:5: not YAML: mapping values are not allowed in this context\n" },
	{ "a: 1\nb: \xff\n", -EINVAL,
	  "2:4: not readable: invalid leading UTF-8 octet; accepted: YAML in UTF-8\n" },
	{ "\xc3\xa9: \x01", -EINVAL,
	  "1:4: not readable: control characters are not allowed; accepted: YAML in UTF-8\n" },
};

static void faults_are_told_with_their_positions(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct node *root;
		int rc = read_text(&root, wrong[i].text);

		assert_string_equal(faults, wrong[i].faults);
		assert_int_equal(rc, wrong[i].rc);
		assert_int_equal(root != NULL, rc == 0);
		node_free(&root);
	}
}

static void second_uses_are_marked(void **state)
{
	struct node *root;

	(void)state;
	assert_int_equal(read_text(&root, "a: 1\na: 2\n"), 0);
	assert_false(root->first->refused);
	assert_true(root->first->next->refused);
	node_free(&root);
}

static void depth_is_bounded(void **state)
{
	char text[200] = "";
	struct node *root;

	(void)state;
	for (int i = 0; i < CONF_DEPTH_MAX; i++)
		strcat(text, "[");
	for (int i = 0; i < CONF_DEPTH_MAX; i++)
		strcat(text, "]");
	assert_int_equal(read_text(&root, text), 0);
	node_free(&root);
	memset(text, '[', CONF_DEPTH_MAX + 1);
	text[CONF_DEPTH_MAX + 1] = '\0';
	assert_int_equal(read_text(&root, text), -EINVAL);
	assert_string_equal(faults, "1:25: nested too deep; accepted: at most 24 levels\n");
}

static void nodes_are_bounded(void **state)
{
	const size_t n = CONF_NODES_MAX;
	char *text = malloc(2 * n + 3);
	struct node *root = NULL;

	(void)state;
	text[0] = '[';
	for (size_t i = 0; i < n; i++)
		memcpy(text + 1 + 2 * i, "a,", 2);
	text[2 * n + 1] = ']';
	faults[0] = '\0';
	assert_int_equal(node_read(&root, text, 2 * n + 2, fault, NULL), -EINVAL);
	assert_string_equal(faults, "1:800000: too many values; accepted: at most 400000\n");
	faults[0] = '\0';
	memcpy(text + 2 * n - 1, "  ", 2);
	assert_int_equal(node_read(&root, text, 2 * n + 2, fault, NULL), 0);
	assert_int_equal(root->count, n - 1);
	node_free(&root);
	free(text);
}

static void want_of_memory_leaves_nothing(void **state)
{
	static const char text[] = "a: [1, {b: c, d: e}, *x]\nf: g\nf: h\n";
	struct node *root = NULL;
	long before = mem_live_blocks(), n = 0;
	int rc;

	(void)state;
	do {
		mem_fail_after(n++);
		rc = read_text(&root, text);
		if (rc < 0) {
			assert_int_equal(rc, -ENOMEM);
			assert_null(root);
			assert_int_equal(mem_live_blocks(), before);
		}
	} while (rc < 0);
	mem_fail_after(-1);
	assert_true(n > 15);
	node_free(&root);
	assert_int_equal(mem_live_blocks(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tree_has_positions),
		cmocka_unit_test(columns_count_characters),
		cmocka_unit_test(nothing_is_nothing),
		cmocka_unit_test(faults_are_told_with_their_positions),
		cmocka_unit_test(second_uses_are_marked),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(nodes_are_bounded),
		cmocka_unit_test(want_of_memory_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
