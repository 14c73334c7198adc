/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GATEWAY_RECONFIGURE_H
#define GATEWAY_RECONFIGURE_H

/* Changing a gateway that carries calls. Thread: signalling.
 *
 * A new site is carried in by two steps. Preparing opens beside what runs everything that can be
 * opened (interfaces, ports, name look-ups) and fails without a trace; committing can't fail: what
 * is new serves, what is gone takes no new calls and goes with its last one, what is changed is
 * made anew:
 *
 * - a trunk at once: new calls use the new one, those in progress stay on the old one till they
 * end; - a span whose line or D-channel is touched drains first; the others (numbers, policies,
 * timeouts,
 *   hunting, maps) change in place;
 * - a line with its spans; a SIP interface with its trunks, drained first where both would need the
 *   same address and port.
 *
 * While something drains the gateway refuses its new calls (SIP 503 with Retry-After, ISDN cause
 * 42) and routes pass it over. A line or interface that can't be opened after the drain is
 * reported, shown as down, and tried again every 5 s. */

#include "gateway/gateway.h"
#include "gateway/site.h"

struct reconfiguration;

/* 0 and *out; -errno and a sentence in `error`. One at a time: -EBUSY while an earlier one is being
 * prepared. A gateway that still drains after an earlier one may be reconfigured again. */
int gateway_prepare(struct reconfiguration **out, struct gateway *gateway, struct site *site,
		    char *error, size_t error_room);
/* `plan`: compiled with the site's names; the gateway takes over the reference. `now`: calls on
 * what drains are cut with cause 41. Sets NULL. */
void gateway_commit(struct reconfiguration **change, struct dialplan *plan, bool now);
/* Forget it: everything that was opened is closed. Sets NULL, takes NULL. */
void gateway_abandon(struct reconfiguration **change);

/* New tables only. Takes over the reference; the old snapshot is given back by `retired`. */
void gateway_set_plan(struct gateway *gateway, struct dialplan *plan);

/* ---- The administrator's switch ---- */

enum endpoint_admin {
	ENDPOINT_ENABLED,
	ENDPOINT_DRAINING, /* no new calls; then it is disabled */
	ENDPOINT_DISABLED, /* no new calls, none there */
};
/* By name of a trunk or span. ENDPOINT_DISABLED with calls in progress: they go on unless `now`,
 * and it reads as draining till the last ends. Holds until the next start of gatewayd (`enabled:
 * false` in gateway.yaml for good). 0; -ENOENT. */
int gateway_switch(struct gateway *gateway, const char *name, bool enabled, bool now);
/* How it stands with one, also with a retired one (draining till its last call has gone). */
enum endpoint_admin endpoint_admin(const struct endpoint *endpoint);
/* What still drains, for status: names by `each`. Returns how many. */
unsigned gateway_draining(const struct gateway *gateway,
			  void (*each)(void *arg, const char *kind, const char *name,
				       unsigned calls),
			  void *arg);

#endif
