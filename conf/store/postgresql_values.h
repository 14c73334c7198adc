/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CONF_STORE_POSTGRESQL_VALUES_H
#define CONF_STORE_POSTGRESQL_VALUES_H

/* Values on their way to and from libpq, as text. Thread: the store's. */

#include "conf/store/store.h"

#include <libpq-fe.h>

struct pg_parameters {
	size_t count;
	Oid *types;
	const char **values;
	char (*numbers)[32];
	char **cleaned; /* texts that weren't UTF-8 */
	char *key;      /* types and statement */
};

/* 0 or -ENOMEM; to be freed in either case. */
int pg_set_parameters(struct pg_parameters *parameters, const char *sql,
		      const struct store_value *values, size_t count);
void pg_free_parameters(struct pg_parameters *parameters);
/* Text points into the result. */
struct store_value pg_cell(const PGresult *result, int row, int column);

#endif
