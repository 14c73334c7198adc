/* SPDX-License-Identifier: GPL-2.0-only */
/* Changes, one after the other. Each is a chain of steps on the control thread:
 *
 *   begin → [rollback: ask the store] → check (new catalog, union, compile) → save (store) →
 *   install (signalling thread) → end
 *
 * When the store has got a newer revision from another gateway, that one is loaded and put into
 * force first (a change of kind refresh, put before), and the change begins again. */
#include "gateway/admin_private.h"

#include "base/log.h"
#include "base/mem.h"
#include "gateway/reconfigure.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define WAITING_MAX 100
#define TRIES_MAX 10
#define RAISE_AGAIN_US 10000

static void op_begin(struct admin_op *op);
static void op_check(struct admin_op *op);

/* ---- A change: memory ---- */

static char *copy(const char *text, int *rc)
{
	char *out = mem_strdup(text);

	if (text && !out)
		*rc = -ENOMEM;
	return out;
}

static void free_changes(struct admin_op *op)
{
	for (size_t i = 0; op->changes && i < op->count; i++) {
		mem_free((char *)op->changes[i].parent);
		mem_free((char *)op->changes[i].name);
		mem_free((char *)op->changes[i].body);
		mem_free((char *)op->changes[i].before);
		mem_free((char *)op->changes[i].after);
	}
	mem_free(op->changes);
}

void admin_op_free(struct admin_op *op)
{
	free_changes(op);
	mem_free((char *)op->author.who);
	mem_free((char *)op->author.origin);
	mem_free((char *)op->author.what);
	catalog_unref(&op->wanted);
	catalog_unref(&op->before);
	catalog_unref(&op->after);
	dialplan_unref(&op->plan);
	site_unref(&op->site);
	site_unref(&op->old_site);
	admin_faults_free(&op->faults);
	mem_free(op);
}

int admin_op_changes(struct admin_op *op, const struct catalog_change *changes, size_t count)
{
	int rc = 0;

	op->changes = mem_calloc(count, sizeof(*changes));
	if (!op->changes)
		return count ? -ENOMEM : 0;
	op->count = count;
	for (size_t i = 0; i < count; i++) {
		struct catalog_change *to = &op->changes[i];

		*to = changes[i];
		to->parent = copy(changes[i].parent, &rc);
		to->name = copy(changes[i].name, &rc);
		to->body = copy(changes[i].body, &rc);
		to->before = copy(changes[i].before, &rc);
		to->after = copy(changes[i].after, &rc);
	}
	return rc;
}

int admin_op_request(struct admin_op *op, const struct admin_request *request)
{
	int rc = 0;

	op->author.who = copy(request->author.who, &rc);
	op->author.origin = copy(request->author.origin, &rc);
	op->author.what = copy(request->author.what, &rc);
	op->if_revision = request->if_revision;
	op->dry_run = request->dry_run;
	return rc;
}

struct admin_op *admin_op_create(struct admin *admin, enum admin_kind kind, admin_done_fn done,
				 void *arg)
{
	struct admin_op *op = mem_zalloc(sizeof(*op));

	if (!op) {
		if (done)
			done(arg, -ENOMEM, admin->revision, "the gateway is out of memory");
		return NULL;
	}
	op->admin = admin;
	op->kind = kind;
	op->done = done;
	op->arg = arg;
	op->faults.bare = true;
	list_init(&op->node);
	return op;
}

/* ---- The queue ---- */

static void begin_next(void *arg)
{
	struct admin *admin = arg;
	struct admin_op *op = list_first(&admin->queue, struct admin_op, node);

	if (op)
		op_begin(op);
}

/* Tells whoever asked, and frees it, or leaves that to the signalling thread. */
static void op_tell(struct admin_op *op)
{
	struct admin *admin = op->admin;

	if (op->rc < 0 && !op->faults.count)
		admin_fault_text(&op->faults, "%s",
				 op->rc == -ENOMEM      ? "the gateway is out of memory"
				 : op->rc == -ECANCELED ? "the gateway is ending"
							: strerror(-op->rc));
	admin->told = op;
	if (op->done)
		op->done(op->arg, op->rc, admin->revision,
			 op->rc < 0 ? (op->faults.text ? op->faults.text : "out of memory") : NULL);
	admin->told = NULL;
	if (op->away)
		op->admin = NULL;
	else
		admin_op_free(op);
}

void admin_op_end(struct admin_op *op, int rc)
{
	struct admin *admin = op->admin;

	op->rc = rc;
	list_remove(&op->node);
	admin->waiting--;
	loop_timer_stop(admin->loop, &op->retry);
	if (!admin->closing && !list_empty(&admin->queue))
		loop_defer(admin->loop, &admin->next, begin_next, admin);
	op_tell(op);
}

static void enqueue(struct admin_op *op, bool first)
{
	struct admin *admin = op->admin;
	bool idle = list_empty(&admin->queue);

	if (first)
		list_prepend(&admin->queue, &op->node);
	else
		list_append(&admin->queue, &op->node);
	admin->waiting++;
	if (idle)
		loop_defer(admin->loop, &admin->next, begin_next, admin);
}

void admin_op_go(struct admin_op *op, int rc)
{
	if (rc == 0 && op->admin->waiting >= WAITING_MAX) {
		admin_fault_text(&op->faults, "%u changes wait already; try again",
				 op->admin->waiting);
		rc = -EAGAIN;
	}
	if (rc == 0) {
		enqueue(op, false);
		return;
	}
	op->rc = rc;
	op_tell(op);
}

/* ---- Refresh: what another gateway, or nobody yet, has stored ---- */

void admin_refresh(struct admin *admin, bool first)
{
	struct admin_op *op;

	/* One that waits will see what is new as well. */
	list_for_each(op, &admin->queue, struct admin_op, node)
		if (!first && op->kind == ADMIN_REFRESH && &op->node != admin->queue.next)
			return;
	op = admin_op_create(admin, ADMIN_REFRESH, NULL, NULL);
	if (op)
		enqueue(op, first);
}

/* The store has a newer revision: that one first, then this change once more. */
static void begin_again(struct admin_op *op)
{
	struct admin *admin = op->admin;

	if (op->tries && admin->trouble[0]) {
		admin_fault_text(&op->faults,
				 "another gateway has changed the tables, and what it made of them "
				 "can't be used here: %s",
				 admin->trouble);
		admin_op_end(op, -EINVAL);
		return;
	}
	if (++op->tries > TRIES_MAX) {
		admin_fault_text(
			&op->faults,
			"other gateways change the tables faster than this change could be "
			"made; try again");
		admin_op_end(op, -EAGAIN);
		return;
	}
	catalog_unref(&op->before);
	catalog_unref(&op->after);
	dialplan_unref(&op->plan);
	admin_faults_free(&op->faults);
	admin_refresh(admin, true);
	loop_defer(admin->loop, &admin->next, begin_next, admin);
}

/* ---- The store's answers ---- */

static void store_fault(struct admin_op *op, int rc, const char *error)
{
	struct store_state state;

	store_state(op->admin->store, &state);
	if (rc == -ETIMEDOUT)
		admin_fault_text(
			&op->faults,
			"the store (%s) does not answer%s%s; nothing was changed, and calls "
			"go on by the tables of revision %lld",
			state.where, state.error[0] ? ": " : "", state.error,
			(long long)op->admin->revision);
	else
		admin_fault_text(&op->faults, "the store (%s) can't be used: %s", state.where,
				 error[0] ? error : strerror(-rc));
}

/* Ends the change when the store's job has failed. */
static bool job_failed(struct admin_op *op, int rc, const char *error)
{
	if (rc >= 0 && !op->admin->closing)
		return false;
	if (rc == -ECANCELED || op->admin->closing) {
		admin_op_end(op, -ECANCELED);
	} else if (op->faults.count) {
		admin_op_end(op, rc);
	} else {
		store_fault(op, rc, error);
		admin_op_end(op, rc == -ENOMEM ? rc : -EIO);
	}
	return true;
}

/* Does the store serve now? If it is known to be away nobody is made to wait for it. */
static bool store_serves(struct admin_op *op)
{
	struct store_state state;

	store_state(op->admin->store, &state);
	if (state.up || !state.error[0])
		return true;
	admin_fault_text(&op->faults,
			 "the store (%s) is away: %s; nothing was changed, and calls go on by the "
			 "tables of revision %lld",
			 state.where, state.error, (long long)op->admin->revision);
	admin_op_end(op, -EIO);
	return false;
}

/* A disk takes its time for a hundred thousand objects. */
static unsigned patience_ms(size_t objects)
{
	return ADMIN_PATIENCE_MS + (unsigned)(objects < 1000000 ? objects : 1000000);
}

static size_t objects_of(const struct catalog *catalog)
{
	size_t count = 0;

	for (int kind = 0; kind < CATALOG_KIND_COUNT; kind++)
		count += catalog_count(catalog, (enum catalog_kind)kind, NULL);
	return count;
}

/* ---- Into force ---- */

static void installed(void *object, void *arg);

/* Signalling thread. */
static void install(void *object, void *arg)
{
	struct admin_op *op = object;
	struct admin *admin = op->admin;

	(void)arg;
	if (!admin) { /* ended meanwhile: the gateway, too */
		admin_op_free(op);
		return;
	}
	if (op->kind == ADMIN_RELOAD)
		op->rc = admin_reload_commit(op);
	else
		gateway_set_plan(admin->gateway, dialplan_ref(op->plan));
	worker_post(admin->control, installed, op, NULL);
}

/* Control thread. */
static void installed(void *object, void *arg)
{
	struct admin_op *op = object;
	struct admin *admin = op->admin;

	(void)arg;
	if (!admin) {
		admin_op_free(op);
		return;
	}
	op->away = false;
	if (op->kind == ADMIN_RELOAD) {
		admin_reload_end(op);
		return;
	}
	admin_take_over(admin, op->after, op->revision);
	admin_op_end(op, 1);
}

static void raise_again(struct loop_timer *timer, void *arg)
{
	(void)timer;
	admin_op_raise(arg);
}

void admin_op_raise(struct admin_op *op)
{
	op->away = worker_raise(op->admin->control, install, op, NULL);
	if (!op->away)
		loop_timer_start(op->admin->loop, &op->retry, RAISE_AGAIN_US, raise_again, op);
}

static void op_install(struct admin_op *op)
{
	int rc = admin_hold_plan(op->admin, op->plan);

	if (rc < 0)
		admin_op_end(op, rc); /* stored, and in force after the next refresh */
	else
		admin_op_raise(op);
}

/* ---- Saving ---- */

static int save_job(struct store_db *db, void *arg)
{
	struct admin_op *op = arg;

	return admin_save_job(db, &op->job.save);
}

static void saved(void *arg, int rc, const char *error)
{
	struct admin_op *op = arg;
	struct admin *admin = op->admin;

	if (rc == -ESTALE && !admin->closing) {
		begin_again(op);
		return;
	}
	if (rc < 0 && !admin->closing) /* it may have been done all the same */
		admin_refresh(admin, false);
	if (job_failed(op, rc, error))
		return;
	if (rc == 0) {
		if (op->kind == ADMIN_REFRESH) /* nothing serves, and nothing is stored */
			admin_take_over(admin, op->after, 0);
		admin_op_end(op, 0);
		return;
	}
	op->revision = op->job.save.revision;
	op_install(op);
}

static void op_save(struct admin_op *op)
{
	struct admin *admin = op->admin;
	int rc;

	op->job.save = (struct admin_save_job){ .from = op->before,
						.to = op->after,
						/* a refresh that saves seeds */
						.base = op->kind == ADMIN_REFRESH ? 0 : admin->revision,
						.author = op->author,
						.wall_us = clock_wall_us(&clock_system) };
	rc = store_run(admin->store, STORE_WRITE, patience_ms(op->differences), save_job, saved,
		       op);
	if (rc < 0)
		admin_op_end(op, rc);
}

/* ---- Checking ---- */

static void ignore_difference(void *arg, const struct catalog_difference *difference)
{
	(void)arg;
	(void)difference;
}

static size_t differences(const struct catalog *from, const struct catalog *to)
{
	return catalog_diff(from, to, ignore_difference, NULL);
}

static int make_after(struct admin_op *op)
{
	if (op->kind == ADMIN_CHANGE)
		return catalog_change(&op->after, op->before, op->changes, op->count, admin_fault,
				      &op->faults);
	if (op->kind == ADMIN_APPLY)
		op->after = catalog_ref(op->wanted);
	return 0; /* others have it from the store */
}

static int compile_after(struct admin_op *op)
{
	struct admin *admin = op->admin;
	bool any = admin->places.shared || op->kind == ADMIN_REFRESH;
	struct admin_names tolerated;
	int rc = admin_unknown(&tolerated, any ? op->after : op->before, admin->site);

	if (rc < 0)
		return rc;
	rc = admin_compile(&op->plan, op->after, admin->site, &tolerated, &op->faults);
	admin_names_free(&tolerated);
	return rc;
}

static void op_check(struct admin_op *op)
{
	int rc = make_after(op);

	if (rc == 0)
		op->differences = differences(op->before, op->after);
	if (rc == 0 && op->differences == 0) {
		admin_op_end(op, 0);
		return;
	}
	if (rc == 0)
		rc = compile_after(op);
	if (rc < 0)
		admin_op_end(op, rc);
	else if (op->dry_run)
		admin_op_end(op, 1);
	else
		op_save(op);
}

/* ---- Rollback ---- */

static int past_job(struct store_db *db, void *arg)
{
	struct admin_op *op = arg;

	catalog_unref(&op->after);
	admin_faults_free(&op->faults);
	return catalog_at_revision(db, op->before, op->job.load.revision, op->target, &op->after,
				   admin_fault, &op->faults);
}

static void past_there(void *arg, int rc, const char *error)
{
	struct admin_op *op = arg;

	if (rc == -ESTALE && !op->admin->closing) {
		begin_again(op);
		return;
	}
	if (rc == -ENOENT && !op->faults.count)
		admin_fault_text(&op->faults,
				 "there is no revision %lld; `gwctl history` shows those that are "
				 "kept",
				 (long long)op->target);
	if (!job_failed(op, rc, error))
		op_check(op);
}

static void ask_past(struct admin_op *op)
{
	int rc;

	op->job.load = (struct admin_load_job){ .revision = op->admin->revision };
	rc = store_run(op->admin->store, STORE_READ, patience_ms(objects_of(op->before)), past_job,
		       past_there, op);
	if (rc < 0)
		admin_op_end(op, rc);
}

/* ---- Refreshing ---- */

static int newest_job(struct store_db *db, void *arg)
{
	struct admin_op *op = arg;

	return admin_load_job(db, &op->job.load);
}

static int sign_seed(struct admin_op *op)
{
	char what[1024];
	struct catalog_author author;

	admin_seed_author(&author, op->admin->site, what, sizeof(what));
	return admin_op_request(op, &(struct admin_request){ .author = author });
}

/* A new store, or an emptied one: it gets what serves now. */
static void seed_now(struct admin_op *op)
{
	struct admin *admin = op->admin;
	struct catalog *empty = NULL;
	int rc = op->author.who ? 0 : sign_seed(op);

	if (rc == 0)
		rc = catalog_create(&empty);
	if (rc == 0) {
		catalog_unref(&op->before);
		op->before = empty;
		op->after = catalog_ref(admin->catalog);
		op->differences = objects_of(op->after);
		rc = compile_after(op);
	}
	if (rc < 0)
		admin_op_end(op, rc);
	else
		op_save(op);
}

/* Newer tables that don't fit this machine: those there are go on serving. */
static void refuse_newest(struct admin_op *op, int rc)
{
	struct admin *admin = op->admin;

	snprintf(admin->trouble, sizeof(admin->trouble), "revision %lld does not fit here: %.400s",
		 (long long)op->job.load.revision,
		 op->faults.text ? op->faults.text : strerror(-rc));
	log_write(LOG_LEVEL_ERROR, "tables", NULL, "%s", admin->trouble);
	admin_op_end(op, rc);
}

static void newest_there(void *arg, int rc, const char *error)
{
	struct admin_op *op = arg;
	struct admin *admin = op->admin;

	op->faults = op->job.load.faults;
	op->after = op->job.load.catalog;
	op->revision = op->job.load.revision;
	if (rc == -EBADMSG) {
		refuse_newest(op, rc);
		return;
	}
	if (job_failed(op, rc, error))
		return;
	if (op->revision == 0) {
		catalog_unref(&op->after);
		seed_now(op);
		return;
	}
	if (op->revision == admin->revision && !admin->from_file) {
		admin_op_end(op, 0);
		return;
	}
	rc = compile_after(op);
	if (rc < 0) {
		refuse_newest(op, rc);
		return;
	}
	log_write(LOG_LEVEL_NOTICE, "tables", NULL, "revision %lld, as the store has it",
		  (long long)op->revision);
	op_install(op);
}

static void ask_newest(struct admin_op *op)
{
	int rc;

	op->job.load = (struct admin_load_job){ .catalog = NULL };
	rc = store_run(op->admin->store, STORE_READ, patience_ms(objects_of(op->before)),
		       newest_job, newest_there, op);
	if (rc < 0)
		admin_op_end(op, rc);
}

/* ---- The first step ---- */

static bool is_stale(struct admin_op *op)
{
	if (!op->if_revision || op->if_revision == op->admin->revision)
		return false;
	admin_fault_text(&op->faults,
			 "the tables are at revision %lld by now, not %lld: look again before you "
			 "change them",
			 (long long)op->admin->revision, (long long)op->if_revision);
	admin_op_end(op, -ESTALE);
	return true;
}

/* Since the start the store could not be reached: what is in it is to be seen first. */
static bool is_blind(struct admin_op *op)
{
	if (!op->admin->from_file)
		return false;
	if (op->tries == 0) {
		begin_again(op);
		return true;
	}
	admin_fault_text(&op->faults,
			 "the tables in the store are not known here yet%s%s; nothing was changed",
			 op->admin->trouble[0] ? ": " : "", op->admin->trouble);
	admin_op_end(op, -EIO);
	return true;
}

static void op_begin(struct admin_op *op)
{
	struct admin *admin = op->admin;

	if (op->kind == ADMIN_RELOAD) {
		admin_reload_begin(op);
		return;
	}
	op->before = catalog_ref(admin->catalog);
	if (op->kind == ADMIN_REFRESH)
		ask_newest(op);
	else if (!store_serves(op) || is_blind(op) || is_stale(op))
		return; /* it has ended, or begins again */
	else if (op->kind == ADMIN_ROLLBACK)
		ask_past(op);
	else
		op_check(op);
}
