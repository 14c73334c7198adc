/* SPDX-License-Identifier: GPL-2.0-only */
#include "conf/store/store_private.h"
#include <string.h>
static bool pg_accepts(const char *url)
{
	(void)url;
	return false;
}
const struct store_backend store_postgresql = { .kind = "postgresql", .accepts = pg_accepts };
