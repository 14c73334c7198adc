/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TRUNK_CAUSE_MAP_H
#define TRUNK_CAUSE_MAP_H

/* Q.850 cause ↔ SIP status: const tables after RFC 3398 (7.2.4.1, 8.2.6.1), gaps filled with what
 * most gateways do. This is the only place that knows both. Thread: any. */

#include "base/q850.h"
#include "conf/machine.h"

#include <stddef.h>

/* Status for a final response. Override rows (may be NULL) come first. Cause 21: 603 from a user,
 * else 403. Never a 6xx for a network's temporary failure. Always 400…606. */
unsigned cause_to_sip(struct q850_cause cause, const struct conf_cause_row *rows, size_t count);
/* Cause for a status received (300…699); location: a 6xx and 486 and their like come from the user,
 * others from beyond interworking. Value 1…127 always. */
struct q850_cause sip_to_cause(unsigned status, const struct conf_cause_row *rows, size_t count);
/* The same for 488 and 606, whose cause RFC 3398 8.2.6.1 leaves to the Warning code (RFC 3261
 * 20.43; 0: none): what the session description asked for is not there (65), nor is such a network
 * service (63), nor that quality (49); else 88. Rows for the status still come first; other
 * statuses don't look at the warning. */
struct q850_cause sip_warned_to_cause(unsigned status, unsigned warning, const struct conf_cause_row *rows, size_t count);
/* Standard phrase of a status ("Busy Here"). */
const char *sip_phrase(unsigned status);
/* "Q.850;cause=17;text=\"User busy\";location=U" (RFC 6432, RFC 8606) into text; returns its
 * length. */
int cause_to_reason(struct q850_cause cause, char *text, size_t room);
/* One Reason header value; 0 and *out set when it is protocol Q.850 with a defined cause; -ENOENT
 * another protocol; -EINVAL. */
int reason_to_cause(const char *value, struct q850_cause *out);

#endif
