/* SPDX-License-Identifier: GPL-2.0-only */
/* The table of records. Each column stands for one member of struct cdr; the list below makes the
 * SQL and the table that values are moved by, in both directions.
 *
 * Version 1 is what stands in databases: a further member is a column of a migration 2, and comes
 * at the end of both. */
#include "gateway/records_private.h"

#include "base/utf8.h"

#include <errno.h>
#include <string.h>

/* X(column, type, member) */
#define NUMBER(X, column, member)                                                                  \
	X(column, TEXT, member.digits)                                                             \
	X(column##_type, U8, member.type)                                                          \
	X(column##_plan, U8, member.plan)                                                          \
	X(column##_presentation, U8, member.presentation)                                          \
	X(column##_screening, U8, member.screening)                                                \
	X(column##_present, U8, member.present)
#define LEG(X, column, member)                                                                     \
	X(column##_endpoint, TEXT, member.endpoint)                                                \
	X(column##_kind, TEXT, member.kind)                                                        \
	X(column##_key, TEXT, member.key)                                                          \
	X(column##_timeslot, U8, member.timeslot)                                                  \
	X(column##_codec, TEXT, member.codec)                                                      \
	X(column##_local, TEXT, member.local)                                                      \
	X(column##_remote, TEXT, member.remote)                                                    \
	X(column##_rx_packets, U64, member.rx_packets)                                             \
	X(column##_tx_packets, U64, member.tx_packets)                                             \
	X(column##_rx_lost, U64, member.rx_lost)                                                   \
	X(column##_rx_late, U64, member.rx_late)                                                   \
	X(column##_slips, U64, member.slips)                                                       \
	X(column##_jitter_ms, FLOAT, member.jitter_ms)                                             \
	X(column##_remote_jitter_ms, FLOAT, member.remote_jitter_ms)                               \
	X(column##_remote_loss, FLOAT, member.remote_loss)                                         \
	X(column##_round_trip_ms, FLOAT, member.round_trip_ms)
#define COLUMNS(X)                                                                                 \
	X(host, TEXT, host)                                                                        \
	X(setup_us, I64, setup_us)                                                                 \
	X(routed_us, I64, routed_us)                                                               \
	X(ringing_us, I64, ringing_us)                                                             \
	X(answer_us, I64, answer_us)                                                               \
	X(end_us, I64, end_us)                                                                     \
	X(cause, U8, cause)                                                                        \
	X(location, U8, location)                                                                  \
	X(releaser, U8, releaser)                                                                  \
	X(media, U8, media)                                                                        \
	X(status, U16, status)                                                                     \
	X(emergency, U8, emergency)                                                                \
	X(restricted, U8, presentation_restricted)                                                 \
	NUMBER(X, called, called)                                                                  \
	NUMBER(X, called_normalized, called_normalized)                                            \
	NUMBER(X, called_sent, called_sent)                                                        \
	NUMBER(X, calling, calling)                                                                \
	NUMBER(X, calling_normalized, calling_normalized)                                          \
	NUMBER(X, calling_sent, calling_sent)                                                      \
	NUMBER(X, redirecting, redirecting)                                                        \
	NUMBER(X, connected, connected)                                                            \
	LEG(X, caller, caller)                                                                     \
	LEG(X, callee, callee)                                                                     \
	X(attempts_made, U32, attempts_made)

#define SQL_TEXT "TEXT"
#define SQL_I64 "BIGINT"
#define SQL_U64 "BIGINT"
#define SQL_U32 "BIGINT"
#define SQL_U16 "BIGINT"
#define SQL_U8 "BIGINT"
#define SQL_FLOAT "DOUBLE PRECISION"
#define DEFINE(column, type, member) #column " " SQL_##type ", "
#define LIST(column, type, member) #column ", "
#define ROW(column, kind, member)                                                                  \
	{ .name = #column,                                                                         \
	  .type = CDR_##kind,                                                                      \
	  .offset = offsetof(struct cdr, member),                                                  \
	  .size = sizeof(((struct cdr *)0)->member) },

const struct cdr_column cdr_columns[] = { ROW(id, TEXT, id) COLUMNS(ROW) };
const size_t cdr_column_count = sizeof(cdr_columns) / sizeof(cdr_columns[0]);
_Static_assert(sizeof(cdr_columns) / sizeof(cdr_columns[0]) < CDR_COLUMNS_MAX, "room for values");

const char cdr_column_list[] = "id, " COLUMNS(LIST) "attempts";

/* Numbers stand in a table of their own, so that one index finds a call by any of them. */
static const struct store_migration migrations[] = {
	{ .version = 1,
	  .sql = "CREATE TABLE cdr (id TEXT PRIMARY KEY, " COLUMNS(DEFINE)
		 "attempts TEXT NOT NULL);"
		 "CREATE INDEX cdr_setup ON cdr (setup_us);"
		 "CREATE TABLE cdr_number (number TEXT NOT NULL, id TEXT NOT NULL,"
		 " PRIMARY KEY (number, id));"
		 "CREATE INDEX cdr_number_id ON cdr_number (id);" },
};

const struct store_schema records_schema = {
	.name = "records",
	.migrations = migrations,
	.migration_count = sizeof(migrations) / sizeof(migrations[0]),
};

void cdr_insert_sql(char sql[CDR_SQL_MAX])
{
	size_t n = (size_t)snprintf(sql, CDR_SQL_MAX, "INSERT INTO cdr (%s) VALUES ($1",
				    cdr_column_list);

	for (size_t i = 2; i <= cdr_column_count + 1; i++)
		n += (size_t)snprintf(sql + n, CDR_SQL_MAX - n, ", $%zu", i);
	snprintf(sql + n, CDR_SQL_MAX - n, ") ON CONFLICT DO NOTHING");
}

/* ---- Values ---- */

/* A database refuses a text that isn't UTF-8, and with it the whole record. */
static bool is_utf8(const char *text)
{
	size_t left = strlen(text), n;

	for (; left; text += n, left -= n)
		if (!(n = utf8_length(text, left)))
			return false;
	return true;
}

static const char *clean_text(const char *text, char room[CDR_KEY])
{
	size_t n = 0;

	if (is_utf8(text))
		return text;
	for (; text[n] && n < CDR_KEY - 1; n++)
		room[n] = (unsigned char)text[n] > 0x7f ? '?' : text[n];
	room[n] = 0;
	return room;
}

struct store_value cdr_value(const struct cdr *cdr, const struct cdr_column *column,
			     char room[CDR_KEY])
{
	const char *at = (const char *)cdr + column->offset;

	switch (column->type) {
	case CDR_TEXT: return store_text(clean_text(at, room));
	case CDR_I64: return store_integer(*(const int64_t *)(const void *)at);
	case CDR_U64: return store_integer((int64_t) * (const uint64_t *)(const void *)at);
	case CDR_U32: return store_integer(*(const uint32_t *)(const void *)at);
	case CDR_U16: return store_integer(*(const uint16_t *)(const void *)at);
	case CDR_U8: return store_integer(*(const uint8_t *)at);
	case CDR_FLOAT: return store_real((double)*(const float *)(const void *)at);
	}
	return (struct store_value){ .type = STORE_NULL };
}

static void take_value(struct cdr *out, const struct cdr_column *column,
		       const struct store_value *value)
{
	char *at = (char *)out + column->offset;

	switch (column->type) {
	case CDR_TEXT:
		if (value->text)
			memcpy(at, value->text, strnlen(value->text, column->size - 1u));
		break;
	case CDR_I64: *(int64_t *)(void *)at = value->integer; break;
	case CDR_U64: *(uint64_t *)(void *)at = (uint64_t)value->integer; break;
	case CDR_U32: *(uint32_t *)(void *)at = (uint32_t)value->integer; break;
	case CDR_U16: *(uint16_t *)(void *)at = (uint16_t)value->integer; break;
	case CDR_U8: *(uint8_t *)at = (uint8_t)value->integer; break;
	case CDR_FLOAT: *(float *)(void *)at = (float)value->real; break;
	}
}

int cdr_from_row(struct cdr *out, const struct store_value *values, size_t count,
		 const char **attempts)
{
	if (count != cdr_column_count + 1)
		return -EPROTO;
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < cdr_column_count; i++)
		take_value(out, &cdr_columns[i], &values[i]);
	if (out->releaser > CDR_CRASH || out->media > CDR_MEDIA_TDM)
		return -EPROTO;
	*attempts = values[cdr_column_count].text ? values[cdr_column_count].text : "[]";
	return 0;
}

/* ---- Finding ---- */

/* Databases sort by languages: digits come before letters in all of them, of "+", "*" and "#"
 * nothing is certain. */
void cdr_search_key(const char *digits, char key[NUMBER_DIGITS])
{
	size_t n = 0;

	for (; *digits && n < NUMBER_DIGITS - 1; digits++) {
		if (*digits >= '0' && *digits <= '9')
			key[n++] = *digits;
		else if (*digits >= 'A' && *digits <= 'D')
			key[n++] = (char)(*digits - 'A' + 'a');
		else if (*digits == '*')
			key[n++] = 'e';
		else if (*digits == '#')
			key[n++] = 'f';
	}
	key[n] = 0;
}

size_t cdr_search_keys(const struct cdr *cdr, char keys[CDR_NUMBERS][NUMBER_DIGITS])
{
	const struct cdr_number *numbers[CDR_NUMBERS] = {
		&cdr->called,  &cdr->called_normalized,  &cdr->called_sent,
		&cdr->calling, &cdr->calling_normalized, &cdr->calling_sent
	};
	size_t count = 0;

	for (size_t i = 0; i < CDR_NUMBERS; i++) {
		size_t k = 0;

		cdr_search_key(numbers[i]->digits, keys[count]);
		while (k < count && strcmp(keys[k], keys[count]) != 0)
			k++;
		if (k == count && keys[count][0])
			count++;
	}
	return count;
}

void cdr_id_at(int64_t wall_us, char prefix[11])
{
	struct call_id_source fresh = { 0 };
	char id[CALL_ID_TEXT];

	call_id_make(&fresh, wall_us, id);
	memcpy(prefix, id, 10);
	prefix[10] = 0;
}
