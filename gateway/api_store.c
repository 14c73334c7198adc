/* SPDX-License-Identifier: GPL-2.0-only */
/* The stores: their state, backup and restore. And what the control thread adds to the status. */
#include "gateway/api_private.h"

#include "base/log.h"
#include "base/mem.h"
#include "gateway/admin_private.h"
#include "gateway/inspect.h"
#include "gateway/records.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { OK = 200, BAD_REQUEST = 400, NOT_FOUND = 404, CONFLICT = 409, REFUSED = 422 };

#define COPY_WAIT_MS 60000 /* for what a backup holds */

/* ---- State ---- */

static json_t *state_object(const struct store *store)
{
	struct store_state s;

	store_state(store, &s);
	return json_pack("{s:b, s:s, s:o, s:o, s:o, s:i, s:I, s:I, s:I, s:I, s:i}", "up", s.up,
			 "kind", s.kind, "where", inspect_text(s.where), "error",
			 s.error[0] ? inspect_text(s.error) : json_null(), "since",
			 inspect_time(s.since_wall_us), "waiting", (int)s.waiting, "done",
			 (json_int_t)s.done, "failed", (json_int_t)s.failed, "retried",
			 (json_int_t)s.retried, "reconnects", (json_int_t)s.reconnects, "version",
			 (int)s.version[0]);
}

static json_t *tables_object(struct admin *admin)
{
	struct admin_state s;

	if (!admin)
		return json_null();
	admin_state(admin, &s);
	return json_pack("{s:I, s:b, s:i, s:i, s:o, s:o}", "revision", (json_int_t)s.revision,
			 "from_file", s.from_file, "waiting", (int)s.waiting, "retired_snapshots",
			 (int)s.retired, "trouble",
			 s.trouble[0] ? inspect_text(s.trouble) : json_null(), "store",
			 state_object(admin_store(admin)));
}

static json_t *records_object(const struct records *records)
{
	return records ? inspect_records(records) : json_null();
}

void api_serve_status(struct api_task *task)
{
	json_object_set_new(task->reply.body, "tables", tables_object(task->admin));
	json_object_set_new(task->reply.body, "records", records_object(task->records));
	api_done(task);
}

/* It is no change of the tables, but somebody will want to know who did it. */
void api_serve_switched(struct api_task *task)
{
	log_write(LOG_LEVEL_NOTICE, "api", NULL, "%s (%s): %s", task->query.person.who,
		  task->query.person.origin, task->query.what);
	api_done(task);
}

void api_store_show(struct api_task *task)
{
	if (!api_has_admin(task))
		return;
	api_answer(&task->reply, json_pack("{s:o, s:o}", "tables", tables_object(task->admin),
					   "records", records_object(task->records)));
	api_done(task);
}

/* ---- Whole databases ---- */

struct errand {
	struct api_task *task;
	struct store *store; /* tables or records, borrowed */
	struct store *file;  /* restore of tables: the backup */
	struct loop *loop;
	char path[1024], copy[1200];
	char what[16];
	struct admin_load_job load;
	struct loop_deferred later;
	struct admin_guest guest;
	int rc;
	char error[1024];
};

static void errand_free(struct errand *errand)
{
	admin_faults_free(&errand->load.faults);
	catalog_unref(&errand->load.catalog);
	mem_free(errand);
}

/* "path" and "what" of the body; NULL: the reply says why. */
static struct errand *read_errand(struct api_task *task)
{
	json_t *body = api_object(&task->query, &task->reply);
	const char *path = NULL, *what = NULL;
	struct errand *errand = NULL;
	bool tables;

	if (!body || !api_member(body, "path", &path, &task->reply) ||
	    !api_member(body, "what", &what, &task->reply))
		goto out;
	tables = !what || strcmp(what, "tables") == 0;
	if (!path || path[0] != '/' || strlen(path) >= sizeof(errand->path))
		api_refuse(&task->reply, BAD_REQUEST, "bad-body",
			   "\"path\" is needed: a file of the gateway's machine, from / on");
	else if (!tables && strcmp(what, "records") != 0)
		api_refuse(&task->reply, BAD_REQUEST, "bad-body",
			   "\"what\" is tables or records, not %s", what);
	else if (!tables && !task->records)
		api_refuse(&task->reply, NOT_FOUND, "no-records", "no records of calls are kept");
	else if (!(errand = mem_zalloc(sizeof(*errand))))
		api_answer(&task->reply, NULL);
	if (!errand)
		goto out;
	errand->task = task;
	errand->store = tables ? admin_store(task->admin) : records_store(task->records);
	snprintf(errand->path, sizeof(errand->path), "%s", path);
	snprintf(errand->what, sizeof(errand->what), "%s", tables ? "tables" : "records");
out:
	json_decref(body);
	return errand;
}

static void refuse_errand(struct errand *errand, int rc, const char *error)
{
	struct api_reply *reply = &errand->task->reply;

	if (rc == -EEXIST)
		api_refuse(reply, CONFLICT, "exists", "%s is there already and stays as it is",
			   errand->path);
	else if (rc == -ECANCELED || rc == -ETIMEDOUT || rc == -ENOMEM)
		api_refuse_store(reply, errand->store, rc, error);
	else
		api_refuse(reply, REFUSED, "refused", "%s: %s", errand->path,
			   error[0] ? error : strerror(-rc));
}

static void errand_done(void *arg, int rc, const char *error)
{
	struct errand *errand = arg;
	struct api_task *task = errand->task;

	if (rc < 0)
		refuse_errand(errand, rc, error);
	else
		api_answer(&task->reply, json_pack("{s:s, s:o}", "what", errand->what, "path",
						   inspect_text(errand->path)));
	log_write(LOG_LEVEL_NOTICE, "api", NULL, "%s (%s): %s: %s", task->query.person.who,
		  task->query.person.origin, task->query.what, rc < 0 ? "refused" : "done");
	errand_free(errand);
	api_done(task);
}

void api_store_backup(struct api_task *task)
{
	struct errand *errand;
	int rc;

	if (!api_has_admin(task))
		return;
	errand = read_errand(task);
	if (!errand) {
		api_done(task);
		return;
	}
	rc = store_backup(errand->store, errand->path, errand_done, errand);
	if (rc < 0)
		errand_done(errand, rc, "");
}

/* ---- Restore of tables: a change like any other, with its place in the history ----
 *
 * The backup is restored into a database of its own beside the store (so that an older one passes
 * through the migrations), read from there, and applied. */

static void forget_copy(struct errand *errand)
{
	static const char *const ends[] = { "", "-wal", "-shm", "-journal" };
	char path[sizeof(errand->copy) + 16];

	store_close(&errand->file);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", errand->copy, ends[i]);
		unlink(path);
	}
}

static void restored(void *arg, int rc, int64_t revision, const char *faults)
{
	struct errand *errand = arg;
	struct api_task *task = errand->task;
	const struct catalog *before = NULL, *after = NULL;

	if (rc < 0) {
		api_refuse_change(&task->reply, rc, faults);
	} else {
		admin_outcome(task->admin, &before, &after);
		api_answer(&task->reply,
			   json_pack("{s:s, s:o, s:I, s:b, s:o}", "what", errand->what, "path",
				     inspect_text(errand->path), "revision", (json_int_t)revision,
				     "changed", rc, "diff", api_diff(before, after)));
	}
	errand_free(errand);
	api_done(task);
}

/* Later than the copy's last word, for it may not be closed while it speaks. */
static void apply_copy(void *arg)
{
	struct errand *errand = arg;
	const struct api_query *query = &errand->task->query;
	struct admin_request request = { .author = { .who = query->person.who,
						     .origin = query->person.origin,
						     .what = query->what } };

	admin_leave(&errand->guest);
	forget_copy(errand);
	if (errand->rc < 0)
		errand_done(errand, errand->rc, errand->error);
	else
		admin_apply(errand->task->admin, &request, errand->load.catalog, restored, errand);
}

/* The end comes first. Closing the copy may tell of it, which then waits in vain. */
static void give_up_copy(struct admin_guest *guest)
{
	struct errand *errand =
		(struct errand *)(void *)((char *)guest - offsetof(struct errand, guest));

	admin_leave(guest);
	forget_copy(errand);
	loop_defer_cancel(errand->loop, &errand->later);
	errand_done(errand, -ECANCELED, "");
}

static void copy_over(struct errand *errand, int rc, const char *error)
{
	errand->rc = rc;
	snprintf(errand->error, sizeof(errand->error), "%s",
		 errand->load.faults.text ? errand->load.faults.text : error);
	loop_defer(errand->loop, &errand->later, apply_copy, errand);
}

static void copy_read(void *arg, int rc, const char *error)
{
	copy_over(arg, rc, error);
}

static int read_copy(struct store_db *db, void *arg)
{
	struct errand *errand = arg;

	return admin_load_job(db, &errand->load);
}

static void copy_made(void *arg, int rc, const char *error)
{
	struct errand *errand = arg;

	if (rc >= 0 && !errand->file) /* it is being closed */
		rc = -ECANCELED;
	if (rc >= 0)
		rc = store_run(errand->file, STORE_READ, COPY_WAIT_MS, read_copy, copy_read,
			       errand);
	if (rc < 0)
		copy_over(errand, rc, error);
}

static void restore_tables(struct errand *errand)
{
	struct store_cfg cfg = { .schemas = &catalog_store_schema,
				 .schema_count = 1,
				 .thread_name = "store-restore" };
	static unsigned copies; /* two may be restored at once */
	const char *kept = admin_places(errand->task->admin)->kept;
	char url[sizeof(errand->copy) + 16], error[512] = "";
	int rc;

	snprintf(errand->copy, sizeof(errand->copy), "%.*s/restore-%d-%u.db",
		 (int)(strrchr(kept, '/') - kept), kept, getpid(), ++copies);
	snprintf(url, sizeof(url), "sqlite:%s", errand->copy);
	cfg.url = url;
	cfg.home = errand->loop = admin_loop(errand->task->admin);
	errand->guest.ends = give_up_copy;
	admin_enter(errand->task->admin, &errand->guest);
	forget_copy(errand);
	rc = store_open(&errand->file, &cfg, error, sizeof(error));
	if (rc == 0)
		rc = store_restore(errand->file, errand->path, copy_made, errand);
	if (rc == 0)
		return;
	admin_leave(&errand->guest);
	forget_copy(errand);
	errand_done(errand, rc, error);
}

void api_store_restore(struct api_task *task)
{
	struct errand *errand;
	int rc;

	if (!api_has_admin(task))
		return;
	errand = read_errand(task);
	if (!errand) {
		api_done(task);
		return;
	}
	if (strcmp(errand->what, "tables") == 0) {
		restore_tables(errand);
		return;
	}
	rc = store_restore(errand->store, errand->path, errand_done, errand);
	if (rc < 0)
		errand_done(errand, rc, "");
}

/* Migrations are made as a store is opened; this shows that they were. */
void api_store_migrate(struct api_task *task)
{
	struct store_state tables, records = { .up = false };

	if (!api_has_admin(task))
		return;
	store_state(admin_store(task->admin), &tables);
	if (task->records)
		store_state(records_store(task->records), &records);
	if (!tables.up)
		api_refuse_store(&task->reply, admin_store(task->admin), -ETIMEDOUT, "");
	else if (task->records && !records.up)
		api_refuse_store(&task->reply, records_store(task->records), -ETIMEDOUT, "");
	else
		api_answer(
			&task->reply,
			json_pack("{s:i, s:o}", "tables", (int)tables.version[0], "records",
				  task->records ? json_integer(records.version[0]) : json_null()));
	api_done(task);
}
