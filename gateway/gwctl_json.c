/* SPDX-License-Identifier: GPL-2.0-only */
/* Taking the daemon's answers apart for people. */
#include "gateway/gwctl_private.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define TEXTS 16
#define TEXT_ROOM 480

bool gwctl_printed_json(struct gwctl *g, const json_t *json)
{
	/* One document to a line when more of them follow. */
	size_t flags = gwctl_flag(g, "--watch") ? JSON_COMPACT : JSON_INDENT(2);

	if (!g->json)
		return false;
	if (json_dumpf(json, g->out, flags | JSON_REAL_PRECISION(12)))
		g->no_memory = true;
	fputc('\n', g->out);
	return true;
}

const char *gwctl_escape(const char *text, char *out, size_t room)
{
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
	size_t used = 0;

	for (; *text && used + 4 < room; text++) {
		if (strchr(plain, *text))
			out[used++] = *text;
		else
			used += (size_t)snprintf(out + used, room - used, "%%%02X",
						 (unsigned char)*text);
	}
	out[used] = '\0';
	return out;
}

/* ---- Values for people ---- */

static char *next_text(void)
{
	static _Thread_local char texts[TEXTS][TEXT_ROOM];
	static _Thread_local unsigned turn;

	return texts[turn++ % TEXTS];
}

/* What a peer sent must not steer the terminal. */
static void disarm(char *text)
{
	for (unsigned char *c = (unsigned char *)text; *c; c++) {
		if (*c < ' ' || *c == 0x7f)
			*c = '?';
		else if (*c == 0xc2 && c[1] >= 0x80 &&
			 c[1] < 0xa0) /* C1: U+009B is another ESC [ */
			c[0] = c[1] = '?';
	}
}

const char *gwctl_text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));
	char *text = next_text();

	snprintf(text, TEXT_ROOM, "%s", value ? value : "-");
	disarm(text);
	return text;
}

long long gwctl_integer(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

const char *gwctl_duration(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	double ms = json_number_value(value);
	long long s = (long long)(ms / 1000);
	char *text = next_text();

	if (!json_is_number(value))
		snprintf(text, TEXT_ROOM, "-");
	else if (ms < 1000)
		snprintf(text, TEXT_ROOM, "%.0f ms", ms);
	else if (s < 60)
		snprintf(text, TEXT_ROOM, "%.1f s", ms / 1000);
	else if (s < 3600)
		snprintf(text, TEXT_ROOM, "%lld:%02lld", s / 60, s % 60);
	else
		snprintf(text, TEXT_ROOM, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
	return text;
}

const char *gwctl_time(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));
	char *text = next_text();

	snprintf(text, TEXT_ROOM, "%.19s", value ? value : "-");
	if (strlen(text) == 19)
		text[10] = ' ';
	return text;
}

const char *gwctl_number(const json_t *object, const char *key)
{
	const json_t *number = json_object_get(object, key);
	const char *type = gwctl_text(number, "type"),
		   *presentation = gwctl_text(number, "presentation");
	char *text = next_text();

	if (!json_is_object(number))
		snprintf(text, TEXT_ROOM, "-");
	else
		snprintf(text, TEXT_ROOM, "%.128s (%.32s%s%.32s)", gwctl_text(number, "digits"),
			 type, strcmp(presentation, "allowed") ? ", " : "",
			 strcmp(presentation, "allowed") ? presentation : "");
	return text;
}

const char *gwctl_count(size_t count, const char *what)
{
	char *text = next_text();

	snprintf(text, TEXT_ROOM, "%zu %.200s%s", count, what, count == 1 ? "" : "s");
	return text;
}

/* ---- Values of tables ---- */

static void put_value(FILE *out, const json_t *value);

static void put_list(FILE *out, const json_t *list)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item) {
		if (i)
			fputs(", ", out);
		put_value(out, item);
	}
}

/* Only a route's gateway is one: its name and weight. */
static void put_object(FILE *out, const json_t *object)
{
	const json_t *weight = json_object_get(object, "weight");

	put_value(out, json_object_get(object, "name"));
	if (weight)
		fprintf(out, ":%lld", (long long)json_integer_value(weight));
}

static void put_value(FILE *out, const json_t *value)
{
	if (json_is_string(value))
		fputs(json_string_value(value), out);
	else if (json_is_integer(value))
		fprintf(out, "%lld", (long long)json_integer_value(value));
	else if (json_is_real(value))
		fprintf(out, "%g", json_real_value(value));
	else if (json_is_boolean(value))
		fputs(json_is_true(value) ? "yes" : "no", out);
	else if (json_is_array(value))
		put_list(out, value);
	else if (json_is_object(value))
		put_object(out, value);
	else
		fputc('-', out);
}

char *gwctl_plain_whole(const json_t *value)
{
	char *text = NULL, *copy;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	put_value(out, value);
	fclose(out);
	copy = text ? mem_strdup(text) : NULL;
	free(text);
	if (copy)
		disarm(copy);
	return copy;
}

const char *gwctl_plain(const json_t *value)
{
	char *text = next_text();
	FILE *out = fmemopen(text, TEXT_ROOM, "w");

	snprintf(text, TEXT_ROOM, "-");
	if (!out)
		return text;
	put_value(out, value);
	fclose(out); /* writes what fits, and a NUL */
	text[TEXT_ROOM - 1] = '\0';
	disarm(text);
	return text;
}

/* ---- What differs ---- */

static void print_key(struct gwctl *g, const char *key, const json_t *before, const json_t *after)
{
	char *was = gwctl_plain_whole(before), *is = gwctl_plain_whole(after);

	g->no_memory = g->no_memory || !was || !is;
	if (!was || !is)
		fputs("", g->out);
	else if (before && after)
		fprintf(g->out, "      %s: %s%s%s becomes %s%s%s\n", key, tint_on(g, TINT_BAD), was,
			tint_off(g, TINT_BAD), tint_on(g, TINT_GOOD), is, tint_off(g, TINT_GOOD));
	else
		fprintf(g->out, "      %s: %s%s\n", key, before ? was : is,
			before ? " is taken away" : "");
	mem_free(was);
	mem_free(is);
}

static void print_body(struct gwctl *g, const json_t *before, const json_t *after)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)before, key, value) {
		const json_t *is = json_object_get(after, key);

		if (json_is_object(after) && !json_equal(value, is))
			print_key(g, key, value, is);
	}
	json_object_foreach((json_t *)after, key, value)
		if (!json_object_get(before, key))
			print_key(g, key, NULL, value);
}

static void print_difference(struct gwctl *g, const json_t *one)
{
	const json_t *before = json_object_get(one, "before"),
		     *after = json_object_get(one, "after");
	const char *parent = json_string_value(json_object_get(one, "parent"));
	bool added = !json_is_object(before), gone = !json_is_object(after),
	     inner = parent && *parent;
	enum tint tint = added ? TINT_GOOD : gone ? TINT_BAD : TINT_WARN;

	fprintf(g->out, "  %s%s %s %s%s%s%s", tint_on(g, tint),
		added  ? "+"
		: gone ? "-"
		       : "~",
		gwctl_text(one, "kind"), inner ? gwctl_text(one, "parent") : "", inner ? "/" : "",
		gwctl_text(one, "name"), tint_off(g, tint));
	if (json_is_true(json_object_get(one, "moved")) && !added && !gone)
		fputs(" (moved)", g->out);
	fputc('\n', g->out);
	print_body(g, before, after);
}

void gwctl_print_diff(struct gwctl *g, const json_t *diff)
{
	const json_t *one;
	size_t i;

	json_array_foreach(diff, i, one)
		print_difference(g, one);
}
