/* SPDX-License-Identifier: GPL-2.0-only */
/* Questions about records, answered by the store that only reads: pages from the newest to the
 * oldest, each going on where the one before ended, so that what is added meanwhile shifts
 * nothing. */
#include "gateway/inspect.h"
#include "gateway/records_private.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>

#define PATIENCE_MS 4000 /* the API answers within 5 s, be it that the store is away */
#define SQL_MAX 8192
#define VALUES_MAX 24
#define TEXT_MAX 160

struct question {
	struct records *records;
	records_done_fn done;
	void *arg;
	/* With a number there are two ways to the same rows: from the number's few records, or
	 * through all records when it is the beginning of many. */
	enum { BY_NUMBER, BY_RECORD, WAYS } way;
	char sql[WAYS][SQL_MAX];
	size_t length;
	bool numbered;
	struct store_value values[VALUES_MAX];
	char texts[VALUES_MAX][TEXT_MAX];
	size_t count;
	unsigned limit;
	bool one; /* a single record is asked for */
	/* Reader's thread */
	json_t *rows;
	struct cdr cdr;
	char last[CALL_ID_TEXT];
	bool more;
};

/* ---- Building ---- */

__attribute__((format(printf, 2, 3))) static void add(struct question *q, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	q->length += (size_t)vsnprintf(q->sql[q->way] + q->length, SQL_MAX - q->length, format,
				       args);
	va_end(args);
}

/* The number of the parameter. */
static int bind_integer(struct question *q, int64_t value)
{
	q->values[q->count] = store_integer(value);
	return (int)++q->count;
}

static int bind_text(struct question *q, const char *text)
{
	char *copy = q->texts[q->count];

	snprintf(copy, TEXT_MAX, "%s", text);
	q->values[q->count] = store_text(copy);
	return (int)++q->count;
}

/* Any of the numbers begins so. The index finds all whose digits do; a "+" is asked of the number
 * itself. */
static void by_number(struct question *q, const char *number)
{
	static const char *const columns[] = { "called",  "called_normalized",  "called_sent",
					       "calling", "calling_normalized", "calling_sent" };
	char key[NUMBER_DIGITS], end[NUMBER_DIGITS + 1], like[NUMBER_DIGITS + 1];
	int from, to;

	cdr_search_key(number, key);
	snprintf(end, sizeof(end), "%sz", key);
	from = bind_text(q, key);
	to = bind_text(q, end);
	q->numbered = true;
	if (q->way == BY_NUMBER)
		add(q,
		    " AND id IN (SELECT id FROM cdr_number WHERE number >= $%d AND "
		    "number < $%d)",
		    from, to);
	else
		add(q,
		    " AND EXISTS (SELECT 1 FROM cdr_number n WHERE n.id = cdr.id AND "
		    "n.number >= $%d AND n.number < $%d)",
		    from, to);
	if (number[0] != '+')
		return;
	snprintf(like, sizeof(like), "+%.*s%%", (int)strspn(number + 1, "0123456789"), number + 1);
	from = bind_text(q, like);
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		add(q, "%s%s LIKE $%d", i ? " OR " : " AND (", columns[i], from);
	add(q, ")");
}

/* Names may have characters that mean something to LIKE: the attempts are searched for the name as
 * JSON has it. */
static void by_endpoint(struct question *q, const char *endpoint)
{
	char like[TEXT_MAX];
	size_t n = (size_t)snprintf(like, sizeof(like), "%%\"gateway\":\"");
	int name = bind_text(q, endpoint);

	for (; *endpoint && n < sizeof(like) - 5; endpoint++) {
		if (strchr("%_!", *endpoint))
			like[n++] = '!';
		like[n++] = *endpoint;
	}
	memcpy(like + n, "\"%", 3);
	add(q,
	    " AND (caller_endpoint = $%d OR callee_endpoint = $%d OR "
	    "attempts LIKE $%d ESCAPE '!')",
	    name, name, bind_text(q, like));
}

static void by_time(struct question *q, const struct records_query *query)
{
	char prefix[11];

	if (query->since_us) {
		cdr_id_at(query->since_us, prefix);
		add(q, " AND id >= $%d", bind_text(q, prefix));
		add(q, " AND setup_us >= $%d", bind_integer(q, query->since_us));
	}
	if (query->until_us) { /* the id has the millisecond only */
		cdr_id_at(query->until_us + 1000, prefix);
		add(q, " AND id < $%d", bind_text(q, prefix));
		add(q, " AND setup_us < $%d", bind_integer(q, query->until_us));
	}
}

static void build_list(struct question *q, const struct records_query *query)
{
	q->length = q->count = 0;
	add(q, "SELECT %s FROM cdr WHERE 1 = 1", cdr_column_list);
	if (query->number && *query->number) /* its key comes first: see is_common() */
		by_number(q, query->number);
	by_time(q, query);
	if (query->before && *query->before)
		add(q, " AND id < $%d", bind_text(q, query->before));
	if (query->endpoint && *query->endpoint)
		by_endpoint(q, query->endpoint);
	if (query->cause >= 0)
		add(q, " AND cause = $%d", bind_integer(q, query->cause));
	if (query->answered >= 0)
		add(q, " AND answer_us %s 0", query->answered ? "<>" : "=");
	add(q, " ORDER BY id DESC LIMIT $%d", bind_integer(q, query->limit + 1));
	q->limit = query->limit;
}

/* ---- The reader's thread ---- */

static int take_row(void *arg, const struct store_value *columns, size_t n)
{
	struct question *q = arg;
	const char *attempts;
	json_t *row, *parsed;
	int rc = cdr_from_row(&q->cdr, columns, n, &attempts);

	if (rc < 0)
		return rc;
	if (json_array_size(q->rows) == q->limit) { /* the one more that was asked for */
		q->more = true;
		return 0;
	}
	row = cdr_json(&q->cdr);
	parsed = json_loads(attempts, 0, NULL);
	if (row && json_is_array(parsed))
		json_object_set(row, "attempts", parsed);
	json_decref(parsed);
	memcpy(q->last, q->cdr.id, sizeof(q->last));
	return row && json_array_append_new(q->rows, row) == 0 ? 0 : -ENOMEM;
}

static int take_count(void *arg, const struct store_value *columns, size_t n)
{
	(void)n;
	*(int64_t *)arg = columns[0].integer;
	return 0;
}

/* Do so many records have numbers that begin like this that the newest are found soon? */
static int is_common(struct question *q, struct store_db *db)
{
	struct store_value values[] = { q->values[0], q->values[1],
					store_integer(q->records->common + 1) };
	int64_t count = 0;
	int rc = store_query(db,
			     "SELECT count(*) FROM (SELECT 1 FROM cdr_number WHERE "
			     "number >= $1 AND number < $2 LIMIT $3) AS found",
			     values, 3, take_count, &count);

	return rc < 0 ? rc : count > q->records->common;
}

static int ask_job(struct store_db *db, void *arg)
{
	struct question *q = arg;
	int rc = q->numbered ? is_common(q, db) : 0;

	json_decref(q->rows); /* it may be run again */
	q->more = false;
	q->rows = json_array();
	if (rc < 0 || !q->rows)
		return rc < 0 ? rc : -ENOMEM;
	rc = store_query(db, q->sql[rc ? BY_RECORD : BY_NUMBER], q->values, q->count, take_row, q);
	return rc < 0 ? rc : 0;
}

/* ---- The control thread ---- */

static json_t *page(struct question *q)
{
	return json_pack("{s:O, s:o}", "cdrs", q->rows, "next",
			 q->more ? inspect_text(q->last) : json_null());
}

static const char *reason(struct question *q, int rc, const char *error)
{
	struct store_state state;

	if (rc >= 0)
		return "";
	if (rc == -ENOENT)
		return "there is no record of this call";
	if (error && *error)
		return error;
	if (rc != -ETIMEDOUT)
		return strerror(-rc);
	store_state(q->records->reader, &state);
	return state.up ? "the search took too long: name less time or more of the number"
			: "the store of records is away";
}

static void answered(void *arg, int rc, const char *error)
{
	struct question *q = arg;
	json_t *body = NULL;

	if (rc >= 0 && q->one && json_array_size(q->rows) == 0)
		rc = -ENOENT;
	if (rc >= 0)
		body = q->one ? json_incref(json_array_get(q->rows, 0)) : page(q);
	if (rc >= 0 && !body)
		rc = -ENOMEM;
	q->done(q->arg, rc < 0 ? rc : 0, body, reason(q, rc, error));
	json_decref(q->rows);
	mem_free(q);
}

static int ask(struct question *q)
{
	int rc = records_reader(q->records);

	if (rc == 0)
		rc = store_run(q->records->reader, STORE_READ, PATIENCE_MS, ask_job, answered, q);
	if (rc < 0)
		mem_free(q);
	return rc;
}

static struct question *make(struct records *records, records_done_fn done, void *arg)
{
	struct question *q = mem_zalloc(sizeof(*q));

	if (!q)
		return NULL;
	q->records = records;
	q->done = done;
	q->arg = arg;
	return q;
}

int records_list(struct records *records, const struct records_query *query, records_done_fn done,
		 void *arg)
{
	struct question *q;

	if (query->limit < 1 || query->limit > RECORDS_PAGE)
		return -EINVAL;
	q = make(records, done, arg);
	if (!q)
		return -ENOMEM;
	for (q->way = BY_NUMBER; q->way < WAYS; q->way++)
		build_list(q, query);
	return ask(q);
}

int records_show(struct records *records, const char *id, records_done_fn done, void *arg)
{
	struct question *q = make(records, done, arg);

	if (!q)
		return -ENOMEM;
	add(q, "SELECT %s FROM cdr WHERE id = $%d", cdr_column_list, bind_text(q, id));
	q->one = true;
	q->limit = 1;
	return ask(q);
}

/* ---- State ---- */

static const char *state_name(const struct records_state *state)
{
	if (state->losing)
		return "losing";
	return state->store.up && !state->error[0] ? "ok" : "waiting";
}

static json_t *spool_object(const struct spool_state *s)
{
	return json_pack("{s:I, s:I, s:I, s:i, s:i, s:I, s:I, s:I, s:I}", "queued",
			 (json_int_t)s->queued, "queued_octets", (json_int_t)s->queued_octets,
			 "size", (json_int_t)s->queue_size, "held", s->held, "slots", s->slots,
			 "finished", (json_int_t)s->finished, "lost", (json_int_t)s->lost,
			 "no_slot", (json_int_t)s->no_slot, "damaged", (json_int_t)s->damaged);
}

static json_t *store_object(const struct store_state *s)
{
	return json_pack("{s:b, s:s, s:o, s:o, s:o, s:I, s:I}", "up", s->up, "kind", s->kind,
			 "where", inspect_text(s->where), "error",
			 s->error[0] && !s->up ? inspect_text(s->error) : json_null(), "since",
			 inspect_time(s->since_wall_us), "retried", (json_int_t)s->retried,
			 "reconnects", (json_int_t)s->reconnects);
}

json_t *inspect_records(const struct records *records)
{
	struct records_state s;

	if (!records)
		return json_null();
	records_state(records, &s);
	return json_pack("{s:s, s:b, s:o, s:o, s:o, s:I, s:I, s:I, s:I}", "state", state_name(&s),
			 "losing", s.losing, "error",
			 s.error[0] ? inspect_text(s.error) : json_null(), "spool",
			 spool_object(&s.spool), "store", store_object(&s.store), "stored",
			 (json_int_t)s.stored, "removed", (json_int_t)s.removed, "crashed",
			 (json_int_t)s.crashed, "unreadable", (json_int_t)s.unreadable);
}
