/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GATEWAY_PLACES_H
#define GATEWAY_PLACES_H

/* Where this machine keeps what it must not lose: from `store:` and `records: spool:` of
 * gateway.yaml. Thread: any. */

#include "conf/machine.h"

#define PLACES_FOLDER "/var/lib/causeway"

struct places {
	char folder[1024];  /* of files on this machine: SQLite's, the spool, tables kept aside */
	char tables[1100];  /* url of the tables' store (conf/store/store.h) */
	char records[1100]; /* url of the records' store */
	char spool[1100];   /* file */
	char kept[1100];    /* file: the last tables that were accepted */
	bool shared;        /* PostgreSQL: other gateways may use the tables, too */
};

void places_of(struct places *out, const struct machine_conf *machine);
/* Makes the folder and that of the spool, where they are missing, the last step of each only; mode
 * 0750. 0 or -errno; `error` gets a sentence. */
int places_make(const struct places *places, char *error, size_t error_room);

#endif
