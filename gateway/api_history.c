/* SPDX-License-Identifier: GPL-2.0-only */
/* Who changed what and when. Read on the store's thread, answered on the control thread. */
#include "gateway/api_private.h"

#include "base/mem.h"
#include "dialplan/catalog_store.h"
#include "gateway/admin_private.h"
#include "gateway/inspect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BAD_REQUEST = 400, NOT_FOUND = 404, FAILED = 500, AWAY = 503 };

#define ROWS 100
#define ROWS_MAX 1000

/* One question. The job fills `answer`: the control thread reads it when it is told. */
struct question {
	struct api_task *task;
	int64_t before, revision;
	unsigned limit;
	json_t *rows, *entry, *diff;
	int64_t last;
};

static void question_free(struct question *question)
{
	json_decref(question->rows);
	json_decref(question->entry);
	json_decref(question->diff);
	mem_free(question);
}

void api_refuse_store(struct api_reply *reply, const struct store *store, int rc, const char *error)
{
	struct store_state state;

	if (!store) { /* as it is closed, it tells of the jobs that are left */
		api_refuse(reply, AWAY, "ending", "the gateway is ending");
		return;
	}
	store_state(store, &state);
	if (rc == -ECANCELED)
		api_refuse(reply, AWAY, "ending", "the gateway is ending");
	else if (rc == -ENOMEM)
		api_refuse(reply, FAILED, "no-memory", "the gateway is out of memory");
	else if (rc == -ETIMEDOUT)
		api_refuse(reply, AWAY, "store-away",
			   "the store (%s) does not answer%s%s; try again", state.where,
			   state.error[0] ? ": " : "", state.error);
	else
		api_refuse(reply, AWAY, "store-away", "the store (%s) can't be used: %s",
			   state.where, error[0] ? error : strerror(-rc));
}

static json_t *entry_object(const struct catalog_entry *entry)
{
	return json_pack("{s:I, s:o, s:o, s:o, s:o, s:i}", "revision", (json_int_t)entry->revision,
			 "time", inspect_time(entry->wall_us), "who", inspect_text(entry->who),
			 "origin", inspect_text(entry->origin), "what", inspect_text(entry->what),
			 "objects", (int)entry->objects);
}

/* ---- All ---- */

static void add_entry(void *arg, const struct catalog_entry *entry)
{
	struct question *question = arg;

	json_array_append_new(question->rows, entry_object(entry));
	question->last = entry->revision;
}

static int list_job(struct store_db *db, void *arg)
{
	struct question *question = arg;

	json_array_clear(question->rows); /* it may be its second time */
	return catalog_history(db, question->before, question->limit, add_entry, question);
}

static void list_done(void *arg, int rc, const char *error)
{
	struct question *question = arg;
	struct api_task *task = question->task;

	if (rc < 0)
		api_refuse_store(&task->reply, admin_store(task->admin), rc, error);
	else
		api_answer(&task->reply, json_pack("{s:O, s:o}", "history", question->rows, "next",
						   json_array_size(question->rows) < question->limit
							   ? json_null()
							   : json_integer(question->last)));
	question_free(question);
	api_done(task);
}

static void ask(struct question *question, store_job_fn job, store_done_fn done)
{
	struct api_task *task = question->task;
	int rc = store_run(admin_store(task->admin), STORE_READ, ADMIN_PATIENCE_MS, job, done,
			   question);

	if (rc == 0)
		return;
	api_refuse_store(&task->reply, admin_store(task->admin), rc, "");
	question_free(question);
	api_done(task);
}

static struct question *make_question(struct api_task *task)
{
	struct question *question = mem_zalloc(sizeof(*question));

	if (!question) {
		api_refuse(&task->reply, FAILED, "no-memory", "the gateway is out of memory");
		return NULL;
	}
	question->task = task;
	question->rows = json_array();
	question->diff = json_array();
	return question;
}

void api_history_list(struct api_task *task)
{
	int64_t before = 0, limit = ROWS;
	struct question *question = NULL;

	if (!api_has_admin(task))
		return;
	if (api_number(&task->query, "before", (int64_t[]){ 0, INT64_MAX }, &before,
		       &task->reply) &&
	    api_number(&task->query, "limit", (int64_t[]){ 1, ROWS_MAX }, &limit, &task->reply))
		question = make_question(task);
	if (!question) {
		api_done(task);
		return;
	}
	question->before = before;
	question->limit = (unsigned)limit;
	ask(question, list_job, list_done);
}

/* ---- One ---- */

static void take_entry(void *arg, const struct catalog_entry *entry)
{
	struct question *question = arg;

	json_decref(question->entry);
	question->entry = entry_object(entry);
}

static void take_difference(void *arg, const struct catalog_difference *difference)
{
	struct question *question = arg;

	json_array_append_new(question->diff, api_difference(difference));
}

static int show_job(struct store_db *db, void *arg)
{
	struct question *question = arg;

	json_array_clear(question->diff);
	return catalog_history_show(db, question->revision, take_entry, take_difference, question);
}

static void show_done(void *arg, int rc, const char *error)
{
	struct question *question = arg;
	struct api_task *task = question->task;

	if (rc == -ENOENT)
		api_refuse(&task->reply, NOT_FOUND, "no-such-revision",
			   "there is no revision %lld; `gwctl history` shows those that are kept",
			   (long long)question->revision);
	else if (rc < 0)
		api_refuse_store(&task->reply, admin_store(task->admin), rc, error);
	else if (question->entry && json_object_set(question->entry, "diff", question->diff) == 0)
		api_answer(&task->reply, json_incref(question->entry));
	else
		api_answer(&task->reply, NULL);
	question_free(question);
	api_done(task);
}

void api_history_show(struct api_task *task)
{
	struct question *question;
	char *end;
	long long revision = strtoll(task->query.names[0], &end, 10);

	if (!api_has_admin(task))
		return;
	if (*end || revision < 1) {
		api_refuse(&task->reply, BAD_REQUEST, "bad-revision",
			   "%s is no revision; `gwctl history` shows which there are",
			   task->query.names[0]);
		api_done(task);
		return;
	}
	question = make_question(task);
	if (!question) {
		api_done(task);
		return;
	}
	question->revision = revision;
	ask(question, show_job, show_done);
}
