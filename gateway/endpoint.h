/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GATEWAY_ENDPOINT_H
#define GATEWAY_ENDPOINT_H

/* An endpoint: a trunk or a span as the core and routing see it, its settings for routing and how
 * to make a leg to it. Made from the configuration when the gateway starts; legs borrow it. Thread:
 * signalling. */

#include "base/party.h"
#include "conf/machine.h"
#include "gateway/leg.h"

struct gateway;

struct endpoint {
	const char *name; /* of the trunk or span */
	const char *kind; /* "trunk" | "span" */
	unsigned index;   /* in the gateway's table; the dial plan's gateway index */
	const char *dial_plan, *calling_dial_plan, *policy, *called_translation,
		*calling_translation;
	unsigned setup_timeout_ms, ring_timeout_s;
	const uint8_t *failover_causes;
	size_t failover_cause_count;
	struct gateway *gateway;
	/* A leg that will place a call there when it is sent LEG_SETUP. 0 or -ENOMEM. */
	int (*make_leg)(struct endpoint *endpoint, struct leg **out);
	/* Could a call go there now? 0, or what a SETUP would meet (-EBUSY, -ENETDOWN). */
	int (*available)(const struct endpoint *endpoint);
	void *target;                            /* struct sip_trunk or struct isdn_span */
	unsigned calls_in, calls_out, calls_now; /* calls_now: legs on it, both ways */
};

/* Does the walk go on to the next gateway after this cause? Default: 3 27 34 38 41 42 44 47 102:
 * «not here» or «not now» of a network, never what a called party or its number says (1, 17, 21).
 * Value 0: no. */
bool endpoint_fails_over(const struct endpoint *endpoint, struct q850_cause cause);
/* Fill one from the configuration: settings for routing only; the maker of legs sets the functions
 * and the target. */
void endpoint_from_trunk(struct endpoint *endpoint, const struct conf_trunk *trunk);
void endpoint_from_span(struct endpoint *endpoint, const struct conf_span *span);

#endif
