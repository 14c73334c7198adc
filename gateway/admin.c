/* SPDX-License-Identifier: GPL-2.0-only */
/* The administrator's half of the gateway: its life, and its doors. admin_change.c has what happens
 * to a change. */
#include "gateway/admin_private.h"

#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SWEEP_US 1000000
#define KEEP_US 100000

/* ---- Plans ---- */

/* Those that no call reads any more are freed here: a large one takes its time. */
static void sweep(struct loop_timer *timer, void *arg)
{
	struct admin *admin = arg;
	struct admin_plan *kept;

	list_for_each(kept, &admin->plans, struct admin_plan, node) {
		if (kept->node.next == &admin->plans || dialplan_refs(kept->plan) > 1)
			continue;
		list_remove(&kept->node);
		dialplan_unref(&kept->plan);
		mem_free(kept);
	}
	if (!list_empty(&admin->plans) && admin->plans.next->next != &admin->plans)
		loop_timer_start(admin->loop, timer, SWEEP_US, sweep, admin);
}

int admin_hold_plan(struct admin *admin, struct dialplan *plan)
{
	struct admin_plan *kept = mem_zalloc(sizeof(*kept));

	if (!kept)
		return -ENOMEM;
	kept->plan = dialplan_ref(plan);
	list_append(&admin->plans, &kept->node);
	loop_timer_start(admin->loop, &admin->sweep, SWEEP_US, sweep, admin);
	return 0;
}

static void forget_plans(struct admin *admin)
{
	struct admin_plan *kept;

	list_for_each(kept, &admin->plans, struct admin_plan, node) {
		list_remove(&kept->node);
		dialplan_unref(&kept->plan);
		mem_free(kept);
	}
}

/* ---- Tables kept aside ---- */

static void keep_tables(struct admin *admin)
{
	int rc = admin_keep(admin->places.kept, admin->catalog, admin->revision);

	if (rc < 0)
		log_write(LOG_LEVEL_WARNING, "tables", NULL, "%s: not written: %s",
			  admin->places.kept, strerror(-rc));
}

static void keep_due(struct loop_timer *timer, void *arg)
{
	(void)timer;
	keep_tables(arg);
}

void admin_take_over(struct admin *admin, struct catalog *catalog, int64_t revision)
{
	struct catalog *old = admin->catalog;

	admin->catalog = catalog_ref(catalog);
	catalog_unref(&old);
	admin->revision = revision;
	admin->from_file = false;
	admin->trouble[0] = '\0';
	loop_timer_start(admin->loop, &admin->keep, KEEP_US, keep_due, admin);
}

/* ---- The store's news ---- */

/* Another gateway has changed the tables, or we have. */
static void notified(void *arg, const char *payload)
{
	struct admin *admin = arg;
	char newest[24];

	snprintf(newest, sizeof(newest), "%lld", (long long)admin->revision);
	if (!admin->closing && strcmp(payload, newest) != 0)
		admin_refresh(admin, false);
}

/* It has come (again): what was announced meanwhile went unheard. */
static void changed(void *arg)
{
	struct admin *admin = arg;
	struct store_state state;

	if (admin->closing || !admin->store)
		return;
	store_state(admin->store, &state);
	if (state.up == admin->up)
		return;
	admin->up = state.up;
	log_write(state.up ? LOG_LEVEL_NOTICE : LOG_LEVEL_ERROR, "store", NULL, "%s %s%s%s",
		  state.where, state.up ? "serves" : "is away", state.error[0] ? ": " : "",
		  state.up ? "" : state.error);
	if (state.up)
		admin_refresh(admin, false);
}

/* ---- Life ---- */

static int open_store(struct admin *admin, char *error, size_t room)
{
	struct store_cfg cfg = { .url = admin->places.tables,
				 .namespace_name = ADMIN_NAMESPACE,
				 .schemas = &catalog_store_schema,
				 .schema_count = 1,
				 .home = admin->loop,
				 .thread_name = "store-tables",
				 .channel = CATALOG_CHANNEL,
				 .notified = notified,
				 .changed = changed,
				 .arg = admin };

	return store_open(&admin->store, &cfg, error, room);
}

int admin_create(struct admin **out, const struct admin_cfg *cfg, char *error, size_t error_room)
{
	struct admin *admin = mem_zalloc(sizeof(*admin));
	int rc = -ENOMEM;

	snprintf(error, error_room, "out of memory");
	if (!admin)
		return -ENOMEM;
	list_init(&admin->queue);
	list_init(&admin->plans);
	list_init(&admin->guests);
	admin->gateway = cfg->gateway;
	admin->control = cfg->control;
	admin->loop = worker_loop(cfg->control);
	admin->records = cfg->records;
	admin->site = site_ref(cfg->site);
	admin->catalog = catalog_ref(cfg->start->catalog);
	admin->revision = cfg->start->revision;
	admin->from_file = cfg->start->from_file;
	places_of(&admin->places, site_machine(admin->site));
	rc = admin_hold_plan(admin, cfg->start->plan);
	if (rc == 0)
		rc = open_store(admin, error, error_room);
	if (rc < 0)
		goto fail;
	if (!admin->from_file)
		loop_timer_start(admin->loop, &admin->keep, KEEP_US, keep_due, admin);
	admin_start_free(cfg->start);
	*out = admin;
	return 0;
fail:
	admin_destroy(&admin);
	return rc;
}

void admin_destroy(struct admin **out)
{
	struct admin *admin = *out;
	struct admin_guest *guest;
	struct admin_op *op;

	if (!admin)
		return;
	*out = NULL;
	admin->closing = true;
	list_for_each(guest, &admin->guests, struct admin_guest, node)
		if (guest->ends)
			guest->ends(guest);
	store_close(&admin->store);
	list_for_each(op, &admin->queue, struct admin_op, node)
		admin_op_end(op, -ECANCELED);
	if (loop_timer_armed(&admin->keep))
		keep_tables(admin);
	loop_timer_stop(admin->loop, &admin->keep);
	loop_timer_stop(admin->loop, &admin->sweep);
	loop_defer_cancel(admin->loop, &admin->next);
	forget_plans(admin);
	catalog_unref(&admin->catalog);
	site_unref(&admin->site);
	mem_free(admin);
}

/* ---- Guests ---- */

void admin_enter(struct admin *admin, struct admin_guest *guest)
{
	list_append(&admin->guests, &guest->node);
}

void admin_leave(struct admin_guest *guest)
{
	if (guest->node.next)
		list_remove(&guest->node);
}

void admin_tell_site(struct admin *admin)
{
	struct admin_guest *guest;

	list_for_each(guest, &admin->guests, struct admin_guest, node)
		if (guest->site_changed)
			guest->site_changed(guest);
}

/* ---- Doors ---- */

void admin_change(struct admin *admin, const struct admin_request *request,
		  const struct catalog_change *changes, size_t count, admin_done_fn done, void *arg)
{
	struct admin_op *op = admin_op_create(admin, ADMIN_CHANGE, done, arg);
	int rc;

	if (!op)
		return;
	rc = admin_op_request(op, request);
	if (rc == 0)
		rc = admin_op_changes(op, changes, count);
	admin_op_go(op, rc);
}

void admin_apply(struct admin *admin, const struct admin_request *request, struct catalog *to,
		 admin_done_fn done, void *arg)
{
	struct admin_op *op = admin_op_create(admin, ADMIN_APPLY, done, arg);

	if (!op)
		return;
	op->wanted = catalog_ref(to);
	admin_op_go(op, admin_op_request(op, request));
}

void admin_rollback(struct admin *admin, const struct admin_request *request, int64_t revision,
		    admin_done_fn done, void *arg)
{
	struct admin_op *op = admin_op_create(admin, ADMIN_ROLLBACK, done, arg);

	if (!op)
		return;
	op->target = revision;
	admin_op_go(op, admin_op_request(op, request));
}

void admin_reload(struct admin *admin, bool now, admin_done_fn done, void *arg)
{
	struct admin_op *op = admin_op_create(admin, ADMIN_RELOAD, done, arg);

	if (!op)
		return;
	op->now = now;
	admin_op_go(op, 0);
}

/* ---- Queries ---- */

struct catalog *admin_catalog(const struct admin *admin, int64_t *revision)
{
	if (revision)
		*revision = admin->revision;
	return catalog_ref(admin->catalog);
}

void admin_outcome(const struct admin *admin, const struct catalog **before,
		   const struct catalog **after)
{
	*before = admin->told ? admin->told->before : NULL;
	*after = admin->told ? admin->told->after : NULL;
}

void admin_reload_outcome(const struct admin *admin, const struct site **before,
			  const struct site **after)
{
	*before = admin->told ? admin->told->old_site : NULL;
	*after = admin->told ? admin->told->site : NULL;
}

struct store *admin_store(struct admin *admin)
{
	return admin->store;
}

const struct site *admin_site(const struct admin *admin)
{
	return admin->site;
}

void admin_state(const struct admin *admin, struct admin_state *out)
{
	const struct list *plan;

	*out = (struct admin_state){ .revision = admin->revision,
				     .from_file = admin->from_file,
				     .waiting = admin->waiting };
	for (plan = admin->plans.next; plan->next != &admin->plans && plan != &admin->plans;
	     plan = plan->next)
		out->retired++;
	snprintf(out->trouble, sizeof(out->trouble), "%s", admin->trouble);
}

const struct places *admin_places(const struct admin *admin)
{
	return &admin->places;
}

struct loop *admin_loop(const struct admin *admin)
{
	return admin->loop;
}
