/* SPDX-License-Identifier: GPL-2.0-only */
/* Aligned tables: coloured on a terminal, plain where there are no colours. */
#include "gateway/gwctl_private.h"

#include "base/mem.h"

#include <stdarg.h>
#include <string.h>

#define HEADING 32

const char *tint_on(const struct gwctl *g, enum tint tint)
{
	static const char *const codes[] = {
		[TINT_NONE] = "",         [TINT_DIM] = "\033[2m",   [TINT_BOLD] = "\033[1m",
		[TINT_GOOD] = "\033[32m", [TINT_WARN] = "\033[33m", [TINT_BAD] = "\033[31m",
	};

	return g->colour ? codes[tint] : "";
}

const char *tint_off(const struct gwctl *g, enum tint tint)
{
	return g->colour && tint != TINT_NONE ? "\033[0m" : "";
}

/* Characters, not octets, of UTF-8. */
static unsigned width_of(const char *text)
{
	unsigned width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

void table_begin(struct table *table, const char *headings)
{
	*table = (struct table){ .columns = 0 };
	while (*headings && table->columns < TABLE_COLUMNS) {
		table->headings[table->columns++] = headings;
		headings += strcspn(headings, " ");
		headings += strspn(headings, " ");
	}
}

void table_add(struct table *table, enum tint tint, const char *format, ...)
{
	char *text = NULL;
	va_list args;
	int length;

	if (table->failed)
		return;
	if (table->count == table->room) {
		size_t room = table->room ? 2 * table->room : 64;
		struct table_cell *cells = mem_realloc(table->cells, room * sizeof(*cells));

		table->failed |= !cells;
		if (!cells)
			return;
		table->cells = cells;
		table->room = room;
	}
	va_start(args, format);
	length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (length >= 0)
		text = mem_zalloc((size_t)length + 1);
	table->failed |= !text;
	if (!text)
		return;
	va_start(args, format);
	vsnprintf(text, (size_t)length + 1, format, args);
	va_end(args);
	table->cells[table->count++] = (struct table_cell){ .text = text, .tint = tint };
}

void table_fact(struct table *table, const char *what, const char *value)
{
	table_add(table, TINT_DIM, "%s", what);
	table_add(table, TINT_NONE, "%s", value);
}

/* The heading without its sign, blanks restored. True: to the right. */
static bool heading_of(const struct table *table, unsigned column, char out[HEADING])
{
	const char *from = table->headings[column];
	bool right = *from == '>';
	size_t n;

	from += right ? 1 : 0;
	n = strcspn(from, " ");
	n = n < HEADING - 1 ? n : HEADING - 1;
	for (size_t i = 0; i < n; i++)
		out[i] = from[i] == '_' ? ' ' : from[i];
	out[n] = '\0';
	return right;
}

/* The text, or as much of it as there is room for, and a sign that there is more. */
static void print_text(const struct gwctl *g, const char *text, unsigned width)
{
	size_t octets = 0;

	if (width_of(text) <= width) {
		fputs(text, g->out);
		return;
	}
	for (unsigned shown = 0; shown + 1 < width; shown++)
		do
			octets++;
		while (((unsigned char)text[octets] & 0xc0) == 0x80);
	fprintf(g->out, "%.*s…", (int)octets, text);
}

static void print_cell(const struct gwctl *g, const char *text, enum tint tint, unsigned width,
		       bool right, bool last)
{
	unsigned own = width_of(text), pad = own < width ? width - own : 0;

	if (right)
		fprintf(g->out, "%*s", (int)pad, "");
	fputs(tint_on(g, tint), g->out);
	print_text(g, text, width);
	fputs(tint_off(g, tint), g->out);
	if (!last)
		fprintf(g->out, "%*s", (int)(right ? 2 : pad + 2), "");
}

#define NARROWEST 8

/* On a terminal the widest columns give way until all fit, or each is at its narrowest. */
static void fit(unsigned *widths, unsigned columns, unsigned room)
{
	for (;;) {
		unsigned total = 2 * (columns - 1), widest = 0;

		for (unsigned c = 0; c < columns; c++) {
			total += widths[c];
			if (widths[c] > widths[widest])
				widest = c;
		}
		if (total <= room || widths[widest] <= NARROWEST)
			return;
		widths[widest]--;
	}
}

static void measure(const struct table *table, unsigned *widths, bool *right)
{
	char heading[HEADING];

	for (unsigned c = 0; c < table->columns; c++) {
		right[c] = heading_of(table, c, heading);
		widths[c] = width_of(heading);
	}
	for (size_t i = 0; i < table->count; i++)
		if (width_of(table->cells[i].text) > widths[i % table->columns])
			widths[i % table->columns] = width_of(table->cells[i].text);
}

static void print_rows(const struct table *table, const struct gwctl *g)
{
	unsigned widths[TABLE_COLUMNS] = { 0 };
	bool right[TABLE_COLUMNS];
	char heading[HEADING];

	measure(table, widths, right);
	if (g->columns)
		fit(widths, table->columns, g->columns);
	for (unsigned c = 0; c < table->columns; c++) {
		heading_of(table, c, heading);
		print_cell(g, heading, TINT_BOLD, widths[c], right[c], c + 1 == table->columns);
	}
	fputc('\n', g->out);
	for (size_t i = 0; i < table->count; i++) {
		unsigned c = (unsigned)(i % table->columns);

		print_cell(g, table->cells[i].text, table->cells[i].tint, widths[c], right[c],
			   c + 1 == table->columns);
		if (c + 1 == table->columns)
			fputc('\n', g->out);
	}
}

void table_free(struct table *table)
{
	for (size_t i = 0; i < table->count; i++)
		mem_free(table->cells[i].text);
	mem_free(table->cells);
	*table = (struct table){ .columns = 0 };
}

void table_end(struct table *table, struct gwctl *g, const char *nothing)
{
	if (table->failed)
		g->no_memory = true;
	else if (table->count)
		print_rows(table, g);
	else
		fprintf(g->out, "%s\n", nothing);
	table_free(table);
}
