/* SPDX-License-Identifier: GPL-2.0-only */
/* Records from calls through the spool into a store and out again: in order, once, whatever dies in
 * between. Calls live in the house of fake legs, on virtual time; the stores have their threads. */
#include "call_house.h"

#include "base/log.h"
#include "gateway/records_private.h"
#include "postgres_fixture.h"

#include <sys/stat.h>
#include <unistd.h>

#define DAY_US INT64_C(86400000000)

static struct {
	char folder[64], url[200], spool[100], copy[100];
	struct loop *control;
	struct records *records;
	struct records_cfg cfg;
	/* What a query answered */
	bool told;
	int rc;
	json_t *body;
	char error[256];
} t;

/* ---- House ---- */

static void open_records(void)
{
	char error[256] = "";

	t.cfg.url = t.url;
	t.cfg.spool = t.spool;
	if (records_open(&t.records, &t.cfg, t.control, error, sizeof(error)) < 0)
		fail_msg("%s", error);
	fx.gateway.records = t.records;
}

static void close_records(void)
{
	fx.gateway.records = NULL;
	records_close(&t.records, 0);
}

static void until(bool (*condition)(void))
{
	uint64_t end_us = clock_now_us(&clock_system) + 20000000;

	while (!condition()) {
		assert_true(clock_now_us(&clock_system) < end_us);
		loop_turn(t.control, 20);
	}
}

static bool is_drained(void)
{
	struct records_state state;

	records_state(t.records, &state);
	return records_drained(t.records) && state.store.up;
}

static void remove_folder(void)
{
	char command[200];

	snprintf(command, sizeof(command), "rm -rf '%s'", t.folder);
	if (system(command) != 0)
		fail_msg("%s", command);
}

static struct postgres server;

/* A database that sorts as people do: "+" and "*" count for little in it. */
static void postgres_url(void)
{
	postgres_do(&server, "DROP DATABASE IF EXISTS calls WITH (FORCE)");
	postgres_do(&server, "CREATE DATABASE calls TEMPLATE template0 LOCALE_PROVIDER icu "
			     "ICU_LOCALE 'en-US'");
	snprintf(t.url, sizeof(t.url), "postgresql://causeway@/calls?host=%s", server.folder);
}

static int setup_records(void **state)
{
	start_house();
	memset(&t, 0, sizeof(t));
	snprintf(t.folder, sizeof(t.folder), "/tmp/causeway-records-XXXXXX");
	assert_non_null(mkdtemp(t.folder));
	snprintf(t.spool, sizeof(t.spool), "%s/spool", t.folder);
	snprintf(t.copy, sizeof(t.copy), "%s/copy", t.folder);
	if (*state)
		postgres_url();
	else
		snprintf(t.url, sizeof(t.url), "sqlite:%s/records.db", t.folder);
	t.cfg = (struct records_cfg){ .spool_size = 1 << 20, .calls = 64, .batch = 7 };
	assert_int_equal(loop_create(&t.control, &clock_system), 0);
	open_records();
	return 0;
}

static int teardown_records(void **state)
{
	(void)state;
	close_records();
	json_decref(t.body);
	loop_destroy(&t.control);
	remove_folder();
	end_house();
	return 0;
}

/* ---- Asking ---- */

static void told(void *arg, int rc, json_t *body, const char *error)
{
	(void)arg;
	json_decref(t.body);
	t.told = true;
	t.rc = rc;
	t.body = body;
	snprintf(t.error, sizeof(t.error), "%s", error);
}

static bool is_told(void)
{
	return t.told;
}

static const json_t *list(const struct records_query *query)
{
	t.told = false;
	assert_int_equal(records_list(t.records, query, told, NULL), 0);
	until(is_told);
	assert_int_equal(t.rc, 0);
	return json_object_get(t.body, "cdrs");
}

static struct records_query all(unsigned limit)
{
	return (struct records_query){ .cause = -1, .answered = -1, .limit = limit };
}

static size_t count_of(struct records_query query)
{
	return json_array_size(list(&query));
}

static size_t stored(void)
{
	until(is_drained);
	return count_of(all(1000));
}

static void show(const char *id)
{
	t.told = false;
	assert_int_equal(records_show(t.records, id, told, NULL), 0);
	until(is_told);
}

static const char *text_at(const json_t *object, const char *a, const char *b)
{
	object = json_object_get(object, a);
	return json_string_value(b ? json_object_get(object, b) : object);
}

/* ---- Calls ---- */

static void begin_call(char id[CALL_ID_TEXT])
{
	incoming(number);
	memcpy(id, list_entry(fx.gateway.calls.prev, struct call, node)->id, CALL_ID_TEXT);
}

/* Answered, talked for a second, hung up by the caller. */
static void whole_call(char id[CALL_ID_TEXT])
{
	fx.quiet = true;
	begin_call(id);
	tell(GW1, LEG_CONNECT);
	advance_ms(1000);
	tell_cause(IN, LEG_RELEASE, Q850_NORMAL_CLEARING);
	settle();
}

static void refused_call(char id[CALL_ID_TEXT], const char *called)
{
	fx.quiet = true;
	incoming(called);
	memcpy(id, the_call()->id, CALL_ID_TEXT);
	if (fx.leg[GW1])
		tell_cause(GW1, LEG_RELEASE, Q850_USER_BUSY);
	settle();
}

static struct spool_state spool_now(void)
{
	struct records_state state;

	records_state(t.records, &state);
	return state.spool;
}

/* ---- The plain way ---- */

static void test_one_call(void **state)
{
	char id[CALL_ID_TEXT];
	const json_t *attempts;

	(void)state;
	whole_call(id);
	assert_int_equal(stored(), 1);
	show(id);
	assert_int_equal(t.rc, 0);
	assert_string_equal(text_at(t.body, "id", NULL), id);
	assert_string_equal(text_at(t.body, "setup", NULL), "2026-01-01T00:00:00.000Z");
	assert_string_equal(text_at(t.body, "ended", NULL), "2026-01-01T00:00:01.000Z");
	assert_string_equal(text_at(t.body, "released_by", NULL), "caller");
	assert_int_equal(json_integer_value(json_object_get(t.body, "talk_ms")), 1000);
	assert_string_equal(text_at(t.body, "callee", "endpoint"), "gw1");
	attempts = json_object_get(t.body, "attempts");
	assert_int_equal(json_array_size(attempts), 1);
	assert_string_equal(text_at(json_array_get(attempts, 0), "gateway", NULL), "gw1");
	show("01NONE");
	assert_int_equal(t.rc, -ENOENT);
	assert_null(t.body);
	assert_non_null(strstr(t.error, "no record"));
}

/* What comes back from a store is what went in. */
static void test_every_column(void **state)
{
	static struct cdr cdr;
	json_t *before, *after;
	const char *key;
	json_t *value;

	(void)state;
	memset(&cdr, 0, sizeof(cdr));
	for (size_t i = 0; i < cdr_column_count; i++) {
		const struct cdr_column *c = &cdr_columns[i];
		char *at = (char *)&cdr + c->offset;

		switch (c->type) {
		case CDR_TEXT: snprintf(at, c->size, "t%zu-é'%%", i); break;
		case CDR_I64: *(int64_t *)(void *)at = 1767225600000000 + (int64_t)i * 1000; break;
		case CDR_U64: *(uint64_t *)(void *)at = (UINT64_C(1) << 40) + i; break;
		case CDR_U32: *(uint32_t *)(void *)at = 1000 + (uint32_t)i; break;
		case CDR_U16: *(uint16_t *)(void *)at = (uint16_t)(400 + i); break;
		case CDR_U8: *(uint8_t *)at = (uint8_t)(1 + i % 3); break;
		case CDR_FLOAT: *(float *)(void *)at = 0.25f * (float)i; break;
		}
	}
	snprintf(cdr.caller.key, sizeof(cdr.caller.key), "%0*d", CDR_KEY - 1, 7);
	cdr.attempt_count = 1;
	snprintf(cdr.attempts[0].gateway, CDR_NAME, "g\"w'");
	assert_true(spool_finish(t.records->spool, SPOOL_NO_SLOT, &cdr, cdr_size(&cdr)));
	assert_int_equal(stored(), 1);
	show(cdr.id);
	assert_int_equal(t.rc, 0);
	before = cdr_json(&cdr);
	after = t.body;
	json_object_foreach(before, key, value)
		if (!json_equal(value, json_object_get(after, key)))
			fail_msg("%s differs: %s", key,
				 json_dumps(json_object_get(after, key), JSON_ENCODE_ANY));
	assert_true(json_equal(before, after));
	json_decref(before);
}

/* What a database would refuse must not stop the queue. */
static void test_text_that_is_none(void **state)
{
	char id[CALL_ID_TEXT];

	(void)state;
	begin_call(id);
	snprintf(fx.leg[IN]->key, sizeof(fx.leg[IN]->key), "a\xff\xc0z");
	tell_cause(IN, LEG_RELEASE, Q850_NORMAL_CLEARING);
	settle();
	assert_int_equal(stored(), 1);
	show(id);
	assert_string_equal(text_at(t.body, "caller", "key"), "a??z");
}

/* ---- Before anybody is told ---- */

static uint64_t finished_at_release[2];

static int spying_send(struct leg *leg, const struct leg_message *m)
{
	if (m->type == LEG_RELEASE)
		finished_at_release[leg->seat == LEG_CALLED] = spool_now().finished;
	return fake_send(leg, m);
}

static void test_finished_before_anybody_is_told(void **state)
{
	static struct leg_ops spying;
	char id[CALL_ID_TEXT];

	(void)state;
	spying = fake_ops;
	spying.send = spying_send;
	begin_call(id);
	fx.leg[IN]->leg.ops = fx.leg[GW1]->leg.ops = &spying;
	call_hangup(the_call(), q850(Q850_TEMPORARY_FAILURE, Q850_LOC_PRIVATE_LOCAL));
	assert_int_equal(finished_at_release[0], 1);
	assert_int_equal(finished_at_release[1], 1);
	settle();
	assert_int_equal(spool_now().finished, 1);
	assert_int_equal(spool_now().held, 0);
}

/* ---- Crashes ---- */

static void copy_file(const char *from, const char *to)
{
	char command[300];

	snprintf(command, sizeof(command), "cp '%s' '%s'", from, to);
	if (system(command) != 0)
		fail_msg("%s", command);
}

/* As kill -9 leaves it: what is in the file now, whatever happens after. */
static void crash_now(void)
{
	copy_file(t.spool, t.copy);
}

static void start_after_crash(void)
{
	close_records();
	if (rename(t.copy, t.spool) < 0)
		fail_msg("rename");
	open_records();
}

static void test_in_progress_at_a_crash(void **state)
{
	char id[CALL_ID_TEXT], done[CALL_ID_TEXT];
	struct records_state now;

	(void)state;
	whole_call(done);
	begin_call(id);
	tell(GW1, LEG_ALERTING);
	advance_ms(61000); /* it is written anew each minute */
	tell(GW1, LEG_CONNECT);
	advance_ms(70000);
	assert_int_equal(spool_now().held, 1);
	crash_now();
	start_after_crash();
	records_state(t.records, &now);
	assert_int_equal(now.crashed, 1);
	assert_int_equal(stored(), 2);
	show(id);
	assert_string_equal(text_at(t.body, "released_by", NULL), "crash");
	assert_string_equal(text_at(t.body, "answered", NULL), "2026-01-01T00:01:02.000Z");
	assert_string_equal(text_at(t.body, "ended", NULL), "2026-01-01T00:02:02.000Z");
	show(done);
	assert_string_equal(text_at(t.body, "released_by", NULL), "caller");
	/* Started once more: nothing comes twice. */
	close_records();
	open_records();
	records_state(t.records, &now);
	assert_int_equal(now.crashed, 0);
	assert_int_equal(stored(), 2);
	the_call()->record_slot = SPOOL_NO_SLOT; /* its process is dead, only the test lives */
	tell_cause(IN, LEG_RELEASE, Q850_NORMAL_CLEARING);
	settle();
}

/* Killed between the commit and the spool's consume: the batch comes again. */
static void test_killed_after_the_commit(void **state)
{
	char id[CALL_ID_TEXT];

	(void)state;
	for (unsigned i = 0; i < 20; i++)
		whole_call(id);
	assert_int_equal(spool_now().queued, 20);
	crash_now();
	assert_int_equal(stored(), 20);
	start_after_crash();
	assert_int_equal(spool_now().queued, 20);
	assert_int_equal(stored(), 20);
	show(id);
	assert_string_equal(text_at(t.body, "released_by", NULL), "caller");
}

/* Killed between the queue and the slot: both have it, and the finished one counts. */
static void test_killed_while_it_was_finished(void **state)
{
	char id[CALL_ID_TEXT];
	int slot;

	(void)state;
	begin_call(id);
	slot = the_call()->record_slot;
	assert_int_equal(spool_now().held, 1);
	the_call()->record_slot = SPOOL_NO_SLOT; /* the slot stays taken */
	tell_cause(IN, LEG_RELEASE, Q850_USER_BUSY);
	settle();
	crash_now();
	spool_release(t.records->spool, slot);
	start_after_crash();
	assert_int_equal(stored(), 1);
	show(id);
	assert_string_equal(text_at(t.body, "released_by", NULL), "caller");
}

/* More calls than slots: those without one have their record all the same, at their end. */
static void test_more_calls_than_slots(void **state)
{
	char id[CALL_ID_TEXT];
	struct call *call;

	(void)state;
	fx.quiet = true;
	for (unsigned i = 0; i < 70; i++)
		begin_call(id);
	assert_int_equal(spool_now().held, 64);
	assert_int_equal(spool_now().no_slot, 6);
	advance_ms(61000);
	list_for_each(call, &fx.gateway.calls, struct call, node)
		call_hangup(call, q850(Q850_NORMAL_CLEARING, Q850_LOC_USER));
	settle();
	assert_int_equal(spool_now().held, 0);
	assert_int_equal(stored(), 70);
}

/* ---- The store is away ---- */

static bool is_losing(void)
{
	struct records_state state;
	char id[CALL_ID_TEXT];

	whole_call(id);
	records_state(t.records, &state);
	return state.losing;
}

static json_t *inspected(const char *key)
{
	json_t *object = inspect_records(t.records);
	json_t *value = json_incref(json_object_get(object, key));

	json_decref(object);
	return value;
}

static void state_is(const char *expected)
{
	json_t *value = inspected("state");

	assert_string_equal(json_string_value(value), expected);
	json_decref(value);
}

static void test_full_spool(void **state)
{
	char away[100], id[CALL_ID_TEXT];
	struct spool_state before, after;

	(void)state;
	close_records();
	snprintf(away, sizeof(away), "%s/away", t.folder);
	snprintf(t.url, sizeof(t.url), "sqlite:%s/records.db", away);
	snprintf(t.spool, sizeof(t.spool), "%s/small", t.folder);
	t.cfg.spool_size = 1 << 16;
	open_records();
	whole_call(id);
	state_is("waiting");
	until(is_losing);
	before = spool_now();
	assert_int_equal(before.lost, 1);
	state_is("losing");
	whole_call(id);
	assert_int_equal(spool_now().lost, 2);
	assert_int_equal(spool_now().queued, before.queued);
	assert_int_equal(mkdir(away, 0700), 0);
	assert_int_equal(stored(), before.queued);
	whole_call(id);
	assert_int_equal(stored(), before.queued + 1);
	state_is("ok");
	after = spool_now();
	assert_int_equal(after.lost, 2);
}

static void test_away_and_back(void **state)
{
	char away[100], id[CALL_ID_TEXT];

	(void)state;
	close_records();
	snprintf(away, sizeof(away), "%s/away", t.folder);
	snprintf(t.url, sizeof(t.url), "sqlite:%s/records.db", away);
	open_records();
	for (unsigned i = 0; i < 30; i++)
		whole_call(id);
	for (unsigned i = 0; i < 20; i++)
		loop_turn(t.control, 10);
	assert_int_equal(spool_now().queued, 30);
	close_records(); /* it may end meanwhile */
	open_records();
	assert_int_equal(spool_now().queued, 30);
	assert_int_equal(mkdir(away, 0700), 0);
	assert_int_equal(stored(), 30);
	assert_int_equal(spool_now().lost, 0);
}

static void test_question_while_away(void **state)
{
	struct records_query query = all(10);

	(void)state;
	close_records();
	snprintf(t.url, sizeof(t.url), "sqlite:%s/away/records.db", t.folder);
	open_records();
	t.told = false;
	assert_int_equal(records_list(t.records, &query, told, NULL), 0);
	until(is_told);
	assert_int_equal(t.rc, -ETIMEDOUT);
	assert_null(t.body);
	assert_true(t.error[0]);
}

/* ---- Pages ---- */

static void test_pages(void **state)
{
	struct records_query query = all(10);
	char ids[25][CALL_ID_TEXT], before[CALL_ID_TEXT] = "";
	size_t seen = 0;

	(void)state;
	for (unsigned i = 0; i < 25; i++)
		whole_call(ids[i]);
	until(is_drained);
	for (unsigned page = 0; page < 3; page++) {
		const json_t *rows = list(&query);
		const char *next = json_string_value(json_object_get(t.body, "next"));

		assert_int_equal(json_array_size(rows), page < 2 ? 10 : 5);
		for (size_t i = 0; i < json_array_size(rows); i++)
			assert_string_equal(text_at(json_array_get(rows, i), "id", NULL),
					    ids[24 - seen++]);
		assert_true(page < 2 ? next != NULL : next == NULL);
		snprintf(before, sizeof(before), "%s", next ? next : "");
		query.before = before;
		if (page == 0) { /* what comes meanwhile shifts nothing */
			char more[CALL_ID_TEXT];

			whole_call(more);
			until(is_drained);
		}
	}
	assert_int_equal(seen, 25);
	query.limit = 0;
	assert_int_equal(records_list(t.records, &query, told, NULL), -EINVAL);
	query.limit = RECORDS_PAGE + 1;
	assert_int_equal(records_list(t.records, &query, told, NULL), -EINVAL);
}

#define MATCHES(count, ...)                                                                        \
	do {                                                                                       \
		struct records_query q = all(100);                                                 \
                                                                                                   \
		__VA_ARGS__;                                                                       \
		assert_int_equal(count_of(q), count);                                              \
	} while (0)

static void matches(int64_t start_us)
{
	MATCHES(3, );
	MATCHES(1, q.number = "0207946000");
	MATCHES(1, q.number = "207946000");
	MATCHES(1, q.number = "+442079460000");
	MATCHES(3, q.number = "+4420"); /* who called, too */
	MATCHES(3, q.number = "+44");
	MATCHES(3, q.number = "44");
	MATCHES(0, q.number = "+20");
	MATCHES(3, q.number = "0207946001"); /* who called */
	MATCHES(1, q.number = "0161");
	MATCHES(0, q.number = "9");
	MATCHES(1, q.endpoint = "gw2");
	MATCHES(3, q.endpoint = "gw1"); /* an attempt that could not be made is one */
	MATCHES(3, q.endpoint = "in");
	MATCHES(0, q.endpoint = "gw%");
	MATCHES(1, q.cause = Q850_USER_BUSY);
	MATCHES(2, q.cause = Q850_NORMAL_CLEARING);
	MATCHES(1, q.answered = 1);
	MATCHES(2, q.answered = 0);
	MATCHES(1, q.answered = 0, q.cause = Q850_NORMAL_CLEARING);
	MATCHES(2, q.since_us = start_us + 1);
	MATCHES(3, q.since_us = start_us);
	MATCHES(1, q.until_us = start_us + 1);
	MATCHES(0, q.until_us = start_us);
	MATCHES(1, q.since_us = start_us + 60000000, q.until_us = start_us + 120000000);
	MATCHES(1, q.since_us = start_us + 60000000, q.until_us = start_us + 120000000,
		q.number = "0161", q.endpoint = "gw1", q.cause = Q850_USER_BUSY, q.answered = 0);
}

static void test_filters(void **state)
{
	char a[CALL_ID_TEXT], b[CALL_ID_TEXT], c[CALL_ID_TEXT];
	int64_t start_us = 1767225600000000;

	(void)state;
	whole_call(a); /* 02079460000, +442079460000, 2079460000; at 0 s, and a second more */
	advance_ms(59000);
	refused_call(b, "01614960000"); /* at 60 s */
	advance_ms(60000);
	fx.unavailable[GW1] = -EBUSY;
	refused_call(c, "+4420123"); /* at 120 s; by gw2 and gw3: still there */
	tell_cause(IN, LEG_RELEASE, Q850_NORMAL_CLEARING);
	settle();
	until(is_drained);
	matches(start_us);
	t.records->common = -1; /* the other way to the same */
	matches(start_us);
}

/* ---- Retention ---- */

static uint64_t removed_now(void)
{
	struct records_state state;

	records_state(t.records, &state);
	return state.removed;
}

static bool some_are_removed(void)
{
	return removed_now() >= 20;
}

/* The house's calls are of the first of January, the control loop lives today. */
static void test_too_old(void **state)
{
	char id[CALL_ID_TEXT];

	(void)state;
	for (unsigned i = 0; i < 20; i++)
		whole_call(id);
	assert_int_equal(stored(), 20);
	close_records();
	t.cfg.keep_us = DAY_US;
	open_records();
	until(some_are_removed);
	assert_int_equal(stored(), 0);
	/* Old as it is, it is kept until the next look. */
	whole_call(id);
	assert_int_equal(stored(), 1);
	assert_int_equal(removed_now(), 20);
}

static void test_not_too_old(void **state)
{
	char id[CALL_ID_TEXT];

	(void)state;
	whole_call(id);
	assert_int_equal(stored(), 1);
	close_records();
	t.cfg.keep_us = (uint64_t)(clock_wall_us(&clock_system) - 1767225600000000 + DAY_US);
	open_records();
	for (unsigned i = 0; i < 30; i++)
		loop_turn(t.control, 10);
	assert_int_equal(stored(), 1);
}

static void test_too_many(void **state)
{
	struct records_query one = all(1);
	char id[CALL_ID_TEXT], newest[CALL_ID_TEXT];

	(void)state;
	for (unsigned i = 0; i < 30; i++)
		whole_call(i == 29 ? newest : id);
	assert_int_equal(stored(), 30);
	close_records();
	t.cfg.keep_calls = 10;
	open_records();
	until(some_are_removed);
	assert_int_equal(removed_now(), 20);
	assert_int_equal(stored(), 10);
	list(&one);
	assert_string_equal(
		text_at(json_array_get(json_object_get(t.body, "cdrs"), 0), "id", NULL), newest);
	/* Numbers went with them. */
	MATCHES(10, q.number = "0207946000");
}

/* ---- Memory ---- */

static void test_memory_refused(void **state)
{
	char error[256], id[CALL_ID_TEXT];
	long n = 0;

	(void)state;
	close_records();
	for (int rc = -ENOMEM; rc < 0; n++) {
		assert_true(n < 200);
		mem_fail_after(n);
		rc = records_open(&t.records, &t.cfg, t.control, error, sizeof(error));
		mem_fail_after(-1);
		assert_true(rc == 0 || rc == -ENOMEM);
	}
	assert_true(n > 5);
	fx.gateway.records = t.records;
	/* Nothing that a call does with its record asks for memory. */
	fx.quiet = true;
	begin_call(id);
	mem_fail_after(0);
	records_update(t.records, the_call());
	records_end(t.records, the_call());
	assert_false(mem_failed());
	mem_fail_after(-1);
	tell_cause(IN, LEG_RELEASE, Q850_NORMAL_CLEARING);
	settle();
	assert_int_equal(stored(), 1);
	for (n = 0, t.rc = -ENOMEM; t.rc < 0; n++) {
		struct records_query query = all(5);

		assert_true(n < 100);
		mem_fail_after(n);
		t.told = false;
		t.rc = records_list(t.records, &query, told, NULL);
		if (t.rc == 0)
			until(is_told);
		mem_fail_after(-1);
	}
	assert_true(n > 1);
	assert_int_equal(json_array_size(json_object_get(t.body, "cdrs")), 1);
}

/* The drain gets over it. */
static void test_memory_refused_to_the_drain(void **state)
{
	char id[CALL_ID_TEXT];

	(void)state;
	for (long n = 0; n < 12; n++) {
		whole_call(id);
		mem_fail_after(n);
		for (unsigned i = 0; i < 12; i++)
			loop_turn(t.control, 10);
		mem_fail_after(-1);
		assert_int_equal(stored(), n + 1);
	}
}

static void test_none_are_kept(void **state)
{
	char id[CALL_ID_TEXT];
	json_t *json;

	(void)state;
	fx.gateway.records = NULL;
	whole_call(id);
	assert_int_equal(stored(), 0);
	json = inspect_records(NULL);
	assert_true(json_is_null(json));
	json_decref(json);
}

/* ---- */

static int server_up(void **state)
{
	(void)state;
	return postgres_find(&server) && postgres_create(&server) ? 0 : -1;
}

static int server_down(void **state)
{
	(void)state;
	postgres_destroy(&server);
	return 0;
}

#define ON_SQLITE(name) cmocka_unit_test_setup_teardown(name, setup_records, teardown_records)
#define ON_POSTGRESQL(name)                                                                        \
	{                                                                                          \
		#name " (PostgreSQL)", name, setup_records, teardown_records, (void *)1            \
	}

int main(void)
{
	const struct CMUnitTest sqlite[] = {
		ON_SQLITE(test_one_call),
		ON_SQLITE(test_every_column),
		ON_SQLITE(test_text_that_is_none),
		ON_SQLITE(test_finished_before_anybody_is_told),
		ON_SQLITE(test_in_progress_at_a_crash),
		ON_SQLITE(test_killed_after_the_commit),
		ON_SQLITE(test_killed_while_it_was_finished),
		ON_SQLITE(test_more_calls_than_slots),
		ON_SQLITE(test_full_spool),
		ON_SQLITE(test_away_and_back),
		ON_SQLITE(test_question_while_away),
		ON_SQLITE(test_pages),
		ON_SQLITE(test_filters),
		ON_SQLITE(test_too_old),
		ON_SQLITE(test_not_too_old),
		ON_SQLITE(test_too_many),
		ON_SQLITE(test_memory_refused),
		ON_SQLITE(test_memory_refused_to_the_drain),
		ON_SQLITE(test_none_are_kept),
	};
	const struct CMUnitTest postgresql[] = {
		ON_POSTGRESQL(test_one_call),
		ON_POSTGRESQL(test_every_column),
		ON_POSTGRESQL(test_text_that_is_none),
		ON_POSTGRESQL(test_in_progress_at_a_crash),
		ON_POSTGRESQL(test_killed_after_the_commit),
		ON_POSTGRESQL(test_pages),
		ON_POSTGRESQL(test_filters),
		ON_POSTGRESQL(test_too_old),
		ON_POSTGRESQL(test_too_many),
	};
	int failed = cmocka_run_group_tests(sqlite, NULL, NULL);

	return failed + cmocka_run_group_tests(postgresql, server_up, server_down);
}
