/* SPDX-License-Identifier: GPL-2.0-only */
#include "conf/store/postgresql_values.h"

#include "base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Types of columns and parameters: pg_type.oid of PostgreSQL's catalog, fixed for good. */
enum {
	OID_BOOL = 16,
	OID_INT8 = 20,
	OID_INT2 = 21,
	OID_INT4 = 23,
	OID_TEXT = 25,
	OID_OID = 26,
	OID_FLOAT4 = 700,
	OID_FLOAT8 = 701,
	OID_NUMERIC = 1700,
};

/* ---- Parameters ---- */

void pg_free_parameters(struct pg_parameters *a)
{
	for (size_t i = 0; a->cleaned && i < a->count; i++)
		mem_free(a->cleaned[i]);
	mem_free(a->cleaned);
	mem_free(a->types);
	mem_free(a->values);
	mem_free(a->numbers);
	mem_free(a->key);
}

/* Octets of the UTF-8 sequence at `s` (RFC 3629 §4), 0 when it is none. */
static size_t utf8_sequence(const unsigned char *s)
{
	static const struct {
		unsigned char first, last, low, high;
		size_t octets;
	} forms[] = {
		{ 0x01, 0x7f, 0, 0, 1 },       { 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		size_t n = 1;

		if (s[0] < forms[i].first || s[0] > forms[i].last)
			continue;
		if (forms[i].octets > 1 && (s[1] < forms[i].low || s[1] > forms[i].high))
			return 0;
		while (++n < forms[i].octets) {
			if (s[n] < 0x80 || s[n] > 0xbf)
				return 0;
		}
		return forms[i].octets;
	}
	return 0;
}

/* Where it ceases to be UTF-8; NULL: it is throughout. */
static char *first_fault(char *text)
{
	size_t n;

	for (; *text; text += n) {
		n = utf8_sequence((const unsigned char *)text);
		if (!n)
			return text;
	}
	return NULL;
}

/* What came from the wire may be anything: the server would refuse the row, for ever. Each wrong
 * octet becomes a question mark. */
static int set_text(struct pg_parameters *a, size_t i, const char *text)
{
	char *fault = first_fault((char *)text);

	a->values[i] = text;
	if (!fault)
		return 0;
	a->cleaned[i] = mem_strdup(text);
	if (!a->cleaned[i])
		return -ENOMEM;
	a->values[i] = a->cleaned[i];
	for (fault = a->cleaned[i]; (fault = first_fault(fault)); fault++)
		*fault = '?';
	return 0;
}

/* An integer is always one of 8 octets: left to itself the server infers 4 from "$1 = 0". A NULL is
 * of the type that the place wants. */
static int set_parameter(struct pg_parameters *a, size_t i, const struct store_value *v)
{
	switch (v->type) {
	case STORE_INTEGER:
		snprintf(a->numbers[i], sizeof(a->numbers[i]), "%" PRId64, v->integer);
		a->values[i] = a->numbers[i];
		a->types[i] = OID_INT8;
		return 0;
	case STORE_REAL:
		snprintf(a->numbers[i], sizeof(a->numbers[i]), "%.17g", v->real);
		a->values[i] = a->numbers[i];
		a->types[i] = OID_FLOAT8;
		return 0;
	case STORE_TEXT:
		a->types[i] = OID_TEXT;
		return set_text(a, i, v->text);
	case STORE_NULL:
		break;
	}
	return 0;
}

int pg_set_parameters(struct pg_parameters *a, const char *sql, const struct store_value *values,
		      size_t count)
{
	size_t room = count + strlen(sql) + 2;
	int rc = 0;

	a->count = count;
	a->types = mem_calloc(count + 1, sizeof(*a->types));
	a->values = mem_calloc(count + 1, sizeof(*a->values));
	a->numbers = mem_calloc(count + 1, sizeof(*a->numbers));
	a->cleaned = mem_calloc(count + 1, sizeof(*a->cleaned));
	a->key = mem_zalloc(room);
	if (!a->types || !a->values || !a->numbers || !a->cleaned || !a->key)
		return -ENOMEM;
	for (size_t i = 0; rc == 0 && i < count; i++) {
		rc = set_parameter(a, i, &values[i]);
		a->key[i] = (char)('0' + values[i].type);
	}
	snprintf(a->key + count, room - count, ":%s", sql);
	return rc;
}

/* ---- Rows ---- */

/* Sums of integers are NUMERIC: an integer when they read like one. */
static struct store_value number(const char *text)
{
	char *end;
	int64_t n;

	errno = 0;
	n = strtoll(text, &end, 10);
	return *end || errno ? store_real(strtod(text, NULL)) : store_integer(n);
}

struct store_value pg_cell(const PGresult *result, int row, int column)
{
	const char *text = PQgetvalue(result, row, column);

	if (PQgetisnull(result, row, column))
		return (struct store_value){ .type = STORE_NULL };
	switch (PQftype(result, column)) {
	case OID_BOOL:
		return store_integer(text[0] == 't');
	case OID_INT2:
	case OID_INT4:
	case OID_INT8:
	case OID_OID:
		return store_integer(strtoll(text, NULL, 10));
	case OID_FLOAT4:
	case OID_FLOAT8:
		return store_real(strtod(text, NULL));
	case OID_NUMERIC:
		return number(text);
	default:
		return (struct store_value){ .type = STORE_TEXT,
					     .text = text,
					     .length = (size_t)PQgetlength(result, row, column) };
	}
}
