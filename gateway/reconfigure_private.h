/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GATEWAY_RECONFIGURE_PRIVATE_H
#define GATEWAY_RECONFIGURE_PRIVATE_H

/* What reconfigure.c (from one site to another) and settle.c (what is left to be done after it)
 * share. */

#include "gateway/gateway_private.h"
#include "gateway/reconfigure.h"

#define SETTLE_RETRY_US 5000000 /* what can't be opened is tried again */

/* ---- settle.c ---- */

/* Opens and closes whatever can be now, and comes back for the rest. */
void settle_soon(struct gateway *gateway);
void settle_stop(struct gateway *gateway);
/* Takes it out of service: it goes when its last call has. Its trunk or interface lets its name go
 * at once. */
void retire_endpoint(struct endpoint *endpoint);
void retire_line(struct gateway_line *line);
void retire_interface(struct gateway_interface *interface);
/* Its present `off` reaches what stands behind it. */
void endpoint_apply_off(struct endpoint *endpoint);
/* Calls with a leg on it are cleared with cause 41. */
void endpoint_cut(struct endpoint *endpoint);

/* Would both need one socket, or the same channels of a card? */
bool interfaces_collide(const struct conf_sip_interface *a, const struct conf_sip_interface *b);
bool lines_collide(const struct conf_line *a, const struct conf_line *b);
bool line_needs_address(const struct conf_line *line, const struct conf_sip_interface *interface);

#endif
