/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TDM_EXCHANGE_INFO_JSON_H
#define TDM_EXCHANGE_INFO_JSON_H

/* What a message carried, as JSON: only what was there. Thread: any. */

#include "tdm/span.h"

#include <jansson.h>

/* Adds the members to `object`: capability, law, calling, called, redirecting, connected, progress,
 * cause … Without memory members are missing. */
void ex_info_json(json_t *object, const struct isdn_info *info, bool setup);
/* Adds "cause" (a number), "location" and "cause_name". */
void ex_cause_json(json_t *object, struct q850_cause cause);
const char *ex_event_name(enum isdn_event event);

#endif
