/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CONF_MACHINE_PRIVATE_H
#define CONF_MACHINE_PRIVATE_H

/* What the files of the machine's schema share. */

#include "conf/schema.h"

/* Of machine_services.c: sections of one struct each, constant. */
extern const struct schema machine_media_schema, machine_api_schema, machine_store_schema,
	machine_records_schema, machine_overload_schema, machine_log_schema;

#endif
