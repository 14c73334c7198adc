/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GATEWAY_ADMIN_PRIVATE_H
#define GATEWAY_ADMIN_PRIVATE_H

/* What the files of admin*.c share: admin.c has the queue of changes and their steps, admin_load.c
 * the start, admin_union.c tables and machine together, admin_site.c the configuration. */

#include "base/list.h"
#include "gateway/admin.h"
#include "gateway/places.h"

#define ADMIN_NAMESPACE "causeway" /* PostgreSQL's schema of the tables; records have their own */
#define ADMIN_PATIENCE_MS 5000 /* of a job that somebody waits for, and 1 ms more for each object */

/* ---- Faults ---- */

/* Sentences, a line each. */
struct admin_faults {
	const char *file; /* before line and column; NULL: only those */
	bool bare;        /* without a place: it would be one within the JSON of a body */
	char *text;       /* NULL: none */
	size_t length, room;
	unsigned count;
};
/* A catalog_fault_fn and dialplan_fault_fn. */
void admin_fault(void *faults, struct conf_place place, const char *what);
void admin_fault_text(struct admin_faults *faults, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Several, a line each. */
void admin_fault_lines(struct admin_faults *faults, const char *lines);
void admin_faults_free(struct admin_faults *faults);

/* ---- The union (any thread) ---- */

/* Names of gateways that tables use and a site hasn't got. */
struct admin_names {
	const char **list; /* borrowed from the catalog's tables */
	size_t count;
};
int admin_unknown(struct admin_names *out, const struct catalog *catalog, const struct site *site);
void admin_names_free(struct admin_names *names);
/* `tolerated`: unknown names that are no fault: routes pass them over. 0 and *out; -EINVAL after
 * faults; -ENOMEM. */
int admin_compile(struct dialplan **out, const struct catalog *catalog, const struct site *site,
		  const struct admin_names *tolerated, struct admin_faults *faults);
/* Faults of tables as somebody has written them, with their places in `text`; for tables that
 * admin_compile() has refused. */
void admin_locate(const struct admin *admin, const char *text, size_t length,
		  struct admin_faults *faults);

/* ---- Jobs of the store ---- */

struct admin_load_job {
	struct catalog *catalog; /* out */
	int64_t revision;
	struct admin_faults faults;
};
int admin_load_job(struct store_db *db, void *job);

struct admin_save_job {
	struct catalog *from, *to; /* borrowed */
	int64_t base;
	struct catalog_author author;
	int64_t wall_us;
	int64_t revision; /* out */
	bool written;     /* by an earlier run, whose commit may have been lost or not */
};
int admin_save_job(struct store_db *db, void *job);

/* ---- The start ---- */

/* The seed of a new store. 0, -EINVAL after faults, -ENOMEM. */
int admin_seed(struct catalog **out, const struct site *site, struct admin_faults *faults);
void admin_seed_author(struct catalog_author *out, const struct site *site, char *what,
		       size_t room);
/* The tables kept aside: write, and read (-ENOENT: there are none). */
int admin_keep(const char *path, const struct catalog *catalog, int64_t revision);
int admin_kept(const char *path, struct catalog **out, int64_t *revision,
	       struct admin_faults *faults);

/* ---- Changes ---- */

enum admin_kind { ADMIN_CHANGE, ADMIN_APPLY, ADMIN_ROLLBACK, ADMIN_RELOAD, ADMIN_REFRESH };

/* One change on its way. */
struct admin_op {
	struct list node;
	struct admin *admin; /* NULL: it is gone; whoever has the change frees it */
	enum admin_kind kind;
	struct catalog_author author; /* copies */
	int64_t if_revision;
	bool dry_run, now;
	struct catalog_change *changes; /* copies */
	size_t count;
	int64_t target;      /* ADMIN_ROLLBACK */
	struct catalog *wanted; /* ADMIN_APPLY */
	admin_done_fn done;  /* NULL: nobody asks */
	void *arg;
	unsigned tries;
	size_t differences;
	/* what has become of it so far */
	struct catalog *before, *after;
	struct dialplan *plan;
	struct site *site, *old_site; /* ADMIN_RELOAD */
	struct admin_faults faults;
	int rc;
	int64_t revision;    /* of `after` */
	bool away;           /* the signalling thread has it */
	struct loop_timer retry;
	union {
		struct admin_load_job load;
		struct admin_save_job save;
	} job;
};

struct admin_plan {
	struct list node;
	struct dialplan *plan;
};

struct admin {
	struct gateway *gateway;
	struct worker *control;
	struct loop *loop;
	struct records *records;
	struct store *store;
	struct site *site;
	struct places places;
	struct catalog *catalog;
	int64_t revision;
	bool from_file, up, closing;
	struct list queue;        /* struct admin_op; the first is under way */
	unsigned waiting;
	struct admin_op *told;    /* whose `done` runs */
	struct list plans;        /* struct admin_plan, the current one last */
	struct list guests;       /* struct admin_guest */
	struct loop_timer sweep, keep;
	struct loop_deferred next;
	char trouble[512];
};

const struct places *admin_places(const struct admin *admin);
struct loop *admin_loop(const struct admin *admin);

/* NULL: without memory; that was told. */
struct admin_op *admin_op_create(struct admin *admin, enum admin_kind kind, admin_done_fn done,
				 void *arg);
int admin_op_request(struct admin_op *op, const struct admin_request *request);
int admin_op_changes(struct admin_op *op, const struct catalog_change *changes, size_t count);
/* Into the queue, or, rc < 0, to its end. */
void admin_op_go(struct admin_op *op, int rc);
void admin_op_free(struct admin_op *op);
/* Look whether the store has newer tables; `first`: before everything that waits. */
void admin_refresh(struct admin *admin, bool first);
/* These are in force. */
void admin_take_over(struct admin *admin, struct catalog *catalog, int64_t revision);
/* The change ends with op->rc; the next one begins. */
void admin_op_end(struct admin_op *op, int rc);
/* Hands it to the signalling thread, as often as it takes. */
void admin_op_raise(struct admin_op *op);
/* Reload: the site is to be read, compared and checked. */
void admin_reload_begin(struct admin_op *op);
/* On the signalling thread. */
int admin_reload_commit(struct admin_op *op);
/* Back: the site is in force. */
void admin_reload_end(struct admin_op *op);
void admin_tell_site(struct admin *admin);
/* A plan that the gateway has. */
int admin_hold_plan(struct admin *admin, struct dialplan *plan);

#endif
