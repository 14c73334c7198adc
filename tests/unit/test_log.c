/* SPDX-License-Identifier: GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/log.h"

#include <regex.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char last[5000];
static int lines;

static void sink(enum log_level level, const char *line, void *arg)
{
	*(enum log_level *)arg = level;
	snprintf(last, sizeof(last), "%s", line);
	lines++;
}

static int reset(void **state)
{
	(void)state;
	log_set_sink(NULL, NULL);
	log_set_output(2, 0);
	log_set_level(LOG_LEVEL_NOTICE);
	lines = 0;
	return 0;
}

static void levels_are_dropped(void **state)
{
	enum log_level level;

	(void)state;
	log_set_sink(sink, &level);
	log_write(LOG_LEVEL_INFO, "span", "telco", "quiet");
	assert_int_equal(lines, 0);
	log_write(LOG_LEVEL_ERROR, "span", "telco", "T%d", 309);
	assert_string_equal(last, "span telco: T309");
	assert_int_equal(level, LOG_LEVEL_ERROR);
	log_set_level(LOG_LEVEL_DEBUG);
	log_write(LOG_LEVEL_DEBUG, NULL, NULL, "bare");
	assert_string_equal(last, "bare");
	log_write(LOG_LEVEL_DEBUG, "loop", NULL, "kind");
	assert_string_equal(last, "loop: kind");
	log_write(LOG_LEVEL_DEBUG, NULL, "name", "only");
	assert_string_equal(last, "name: only");
	assert_int_equal(lines, 4);
}

static void a_peer_cannot_forge_a_line(void **state)
{
	enum log_level level;

	(void)state;
	log_set_sink(sink, &level);
	log_write(LOG_LEVEL_ERROR, "trunk", "a\nb", "%s", "x\r\ny\tz\x1b[1m\x7f \xc3\xa9");
	assert_string_equal(last, "trunk a\\nb: x\\r\\ny\\tz\\x1b[1m\\x7f \xc3\xa9");
}

static void long_lines_are_cut(void **state)
{
	static char text[4000];
	enum log_level level;

	(void)state;
	log_set_sink(sink, &level);
	memset(text, 'a', sizeof(text) - 1);
	log_write(LOG_LEVEL_ERROR, "k", "n", "%s", text);
	assert_true(strlen(last) > 2000 && strlen(last) < 2060);
	assert_string_equal(last + strlen(last) - 4, "a...");
	memset(text, '\n', sizeof(text) - 1);
	log_write(LOG_LEVEL_ERROR, NULL, NULL, "%s", text);
	assert_true(strlen(last) > 2000 && strlen(last) < 2060);
	assert_string_equal(last + strlen(last) - 5, "\\n...");
}

static void read_line(int fd, char *text, size_t room)
{
	ssize_t n = read(fd, text, room - 1);

	assert_true(n > 0);
	text[n] = '\0';
}

static void lines_of_a_descriptor(void **state)
{
	char text[200];
	regex_t shape;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	log_set_output(ends[1], 0);
	log_write(LOG_LEVEL_WARNING, "span", "a", "text");
	read_line(ends[0], text, sizeof(text));
	assert_int_equal(
		regcomp(&shape,
			"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}[.][0-9]{3}Z warning span a: text\n$",
			REG_EXTENDED | REG_NOSUB),
		0);
	assert_int_equal(regexec(&shape, text, 0, NULL, 0), 0);
	regfree(&shape);
	log_set_output(ends[1], 1);
	log_write(LOG_LEVEL_NOTICE, "span", "a", "text");
	read_line(ends[0], text, sizeof(text));
	assert_string_equal(text, "<5>span a: text\n");
	close(ends[0]);
	close(ends[1]);
}

static void names(void **state)
{
	(void)state;
	assert_int_equal(log_level_by_name("error"), LOG_LEVEL_ERROR);
	assert_int_equal(log_level_by_name("debug"), LOG_LEVEL_DEBUG);
	assert_int_equal(log_level_by_name("Debug"), -1);
	log_set_level(LOG_LEVEL_INFO);
	assert_int_equal(log_get_level(), LOG_LEVEL_INFO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(levels_are_dropped, reset, reset),
		cmocka_unit_test_setup_teardown(a_peer_cannot_forge_a_line, reset, reset),
		cmocka_unit_test_setup_teardown(long_lines_are_cut, reset, reset),
		cmocka_unit_test_setup_teardown(lines_of_a_descriptor, reset, reset),
		cmocka_unit_test_setup_teardown(names, reset, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
