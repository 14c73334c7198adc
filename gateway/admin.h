/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GATEWAY_ADMIN_H
#define GATEWAY_ADMIN_H

/* Every change that an administrator makes, one after the other: tables in the store, the machine's
 * configuration, and their union.
 *
 * A change goes: build the new catalog or read the new site → check the union → compile → write to
 * the store (tables only) → hand the snapshot to the signalling thread → answer. What fails before
 * the last step changes nothing. Compiling and the store's waiting happen here, on the control
 * thread; the signalling thread swaps a pointer. Old snapshots are freed here once no call reads
 * them.
 *
 * The last tables that were accepted are also kept as a file beside the spool (tables.yaml, renamed
 * into place): with its database away at the start the gateway serves calls by them, says so in its
 * status, and refuses changes until the store is there.
 *
 * Thread: control, but where said. */

#include "base/list.h"
#include "conf/store/store.h"
#include "dialplan/catalog.h"
#include "dialplan/catalog_store.h"
#include "gateway/gateway.h"
#include "gateway/records.h"
#include "gateway/site.h"

struct admin;

/* Before the gateway is made (main thread, no loop turns yet): opens the tables' store, seeds it
 * when new, or takes the tables kept aside; checks the union with the site and compiles. 0;
 * -EINVAL: faults, a line each in `*faults` (mem_free()); -errno. */
struct admin_start {
	struct catalog *catalog;
	struct dialplan *plan;
	int64_t revision;
	bool from_file; /* the store was not reachable */
};
int admin_load(struct admin_start *out, struct site *site, char **faults);
void admin_start_free(struct admin_start *start);

struct admin_cfg {
	struct gateway *gateway;   /* borrowed, outlives it */
	struct worker *control;    /* whose thread it lives on */
	struct site *site;         /* takes a reference */
	struct admin_start *start; /* takes over what is in it */
	struct records *records;   /* borrowed; NULL: none are kept */
};
/* Control thread. */
int admin_create(struct admin **out, const struct admin_cfg *cfg, char *error, size_t error_room);
void admin_destroy(struct admin **admin);

/* ---- Tables ---- */

/* The newest catalog; a reference for the caller. */
struct catalog *admin_catalog(const struct admin *admin, int64_t *revision);

/* `revision`: of the tables as they are now. `faults`: sentences, a line each; NULL when rc ≥ 0.
 * rc 0: nothing differed; 1: changed (dry run: would change);
 * -EINVAL: refused; -EEXIST, -ENOENT, -EBUSY: as catalog_change() says (-ENOENT also: no such
 * revision); -ESTALE: `if_revision` isn't the newest; -EIO: the store; -EAGAIN: too many changes
 * wait; -ENOMEM; -ECANCELED: the end. */
typedef void (*admin_done_fn)(void *arg, int rc, int64_t revision, const char *faults);
/* While `done` of a change to the tables runs, and rc ≥ 0: the catalogs before and after it.
 * Borrowed. */
void admin_outcome(const struct admin *admin, const struct catalog **before,
		   const struct catalog **after);

struct admin_request {
	struct catalog_author author; /* copied */
	int64_t if_revision;          /* 0: any */
	bool dry_run;                 /* checked and compiled, nothing is stored */
};
/* Always told, once, also after an error; perhaps before this returns. Everything is copied. */
void admin_change(struct admin *admin, const struct admin_request *request,
		  const struct catalog_change *changes, size_t count, admin_done_fn done,
		  void *arg);
/* The whole: what is not in `to` is deleted. Takes a reference to it. */
void admin_apply(struct admin *admin, const struct admin_request *request, struct catalog *to,
		 admin_done_fn done, void *arg);
/* As it was after `revision`. */
void admin_rollback(struct admin *admin, const struct admin_request *request, int64_t revision,
		    admin_done_fn done, void *arg);

/* ---- The machine ---- */

/* Reads the file again and checks it with the tables there are. A reference for the caller; NULL
 * and *faults (mem_free(); NULL: out of memory) when it has any. */
struct site *admin_read_site(struct admin *admin, char **faults);
/* Reload: rc as above (1: something changed; -EINVAL: refused, nothing is changed). */
void admin_reload(struct admin *admin, bool now, admin_done_fn done, void *arg);
/* While its `done` runs with rc 1: the readings before and after it. Borrowed. */
void admin_reload_outcome(const struct admin *admin, const struct site **before,
			  const struct site **after);
/* Signalling thread: SIGHUP. The result is logged. */
void admin_hangup_signal(struct admin *admin);

struct store *admin_store(struct admin *admin);
const struct site *admin_site(const struct admin *admin);

/* Whoever must hear of what becomes of the admin. Embedded in its owner; zeroed. */
struct admin_guest {
	void (*site_changed)(struct admin_guest *guest); /* another configuration serves; or NULL */
	void (*ends)(struct admin_guest *guest);         /* it ends now: leave; or NULL */
	struct list node;                                /* private */
};
void admin_enter(struct admin *admin, struct admin_guest *guest);
void admin_leave(struct admin_guest *guest);

struct admin_state {
	int64_t revision;
	bool from_file;   /* the store could not be reached since the start: tables kept aside serve
			   */
	unsigned waiting; /* changes */
	unsigned retired; /* old snapshots that calls still read */
	char trouble[512]; /* why the newest tables of the store don't serve; "": they do */
};
void admin_state(const struct admin *admin, struct admin_state *out);

#endif
