/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef DIALPLAN_CATALOG_STORE_H
#define DIALPLAN_CATALOG_STORE_H

/* Catalogs in the store: objects, the history of changes, and the revision that counts them.
 *
 * Tables: object (kind, parent, name, position, body), change (revision, at, who, origin, what),
 * change_object (revision, kind, parent, name, and body and position before and after). The
 * revision of the tables is that of the newest change; 0: the store is new and must be seeded.
 *
 * These are the jobs' insides (conf/store/store.h): the store's thread, within a transaction. */

#include "conf/store/store.h"
#include "dialplan/catalog.h"

extern const struct store_schema catalog_store_schema;
/* PostgreSQL: announced with each change, the revision as payload. */
#define CATALOG_CHANNEL "causeway_tables"

/* Who changes, for the audit record. Texts are borrowed. */
struct catalog_author {
	const char *who;    /* user or token */
	const char *origin; /* "gwctl (socket)", "192.0.2.1" … */
	const char *what;   /* "route add London" */
};

/* The newest catalog and its revision. 0; -EBADMSG: what is stored doesn't fit our schema, the
 * fault names the object; -errno. */
int catalog_load(struct store_db *db, struct catalog **out, int64_t *revision,
		 catalog_fault_fn fault, void *arg);
/* Writes the differences from `from` (which is revision `base`) to `to` as one change. 1 and
 * *revision; 0: they are equal, nothing is written; -ESTALE: the store has another revision than
 * `base`: load and try again. Repeatable. */
int catalog_save(struct store_db *db, const struct catalog *from, int64_t base,
		 const struct catalog *to, const struct catalog_author *author, int64_t wall_us,
		 int64_t *revision);

struct catalog_entry {
	int64_t revision, wall_us;
	const char *who, *origin, *what;
	unsigned objects; /* changed by it */
};
/* Newest first, from `before` (0: the newest) on, at most `limit`. Number told, or -errno. */
int catalog_history(struct store_db *db, int64_t before, unsigned limit,
		    void (*each)(void *arg, const struct catalog_entry *entry), void *arg);
/* One change with its objects. -ENOENT. */
int catalog_history_show(struct store_db *db, int64_t revision,
			 void (*entry)(void *arg, const struct catalog_entry *entry),
			 void (*each)(void *arg, const struct catalog_difference *difference),
			 void *arg);
/* The catalog as it was after `revision`, from what `now` (of revision `newest`) is and the changes
 * since, so that saving it is a change like any other. -ENOENT: no such revision is kept. */
int catalog_at_revision(struct store_db *db, const struct catalog *now, int64_t newest,
			int64_t revision, struct catalog **out, catalog_fault_fn fault, void *arg);

#endif
