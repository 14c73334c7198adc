/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GATEWAY_ENDPOINT_H
#define GATEWAY_ENDPOINT_H

/* An endpoint: a trunk or a span as the core and routing see it, its settings for routing and how
 * to make a leg to it.
 *
 * Ownership: the gateway owns it, and finds it by name. It holds a reference to the site whose
 * settings it borrows. Legs and calls refer to it: one that was retired (another has its name now,
 * or nobody) is freed when the last of them is gone and what stands behind it is closed.
 *
 * Thread: signalling. */

#include "base/list.h"
#include "base/party.h"
#include "conf/machine.h"
#include "gateway/leg.h"

struct gateway;
struct gateway_interface;
struct gateway_line;
struct site;

struct endpoint {
	struct list node; /* gateway->endpoints, or ->retired */
	const char *name; /* of the trunk or span */
	const char *kind; /* "trunk" | "span" */
	unsigned index;   /* its place in the configuration */
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
	/* struct sip_trunk or struct isdn_span; NULL: not open (yet, or any more) */
	void *target;
	unsigned calls_in, calls_out, calls_now; /* calls_now: legs on it, both ways */
	struct site *site;              /* whose settings these are; NULL in tests */
	const struct conf_trunk *trunk; /* of a trunk, borrowed from the site, */
	const struct conf_span *span;   /* or of a span */
	bool off;                       /* by the administrator, or `enabled: false` */
	bool retired;
	bool gentle; /* retired: its calls stay even when others are cut */
	unsigned references; /* private, like what follows: legs, and calls that came in here */
	struct gateway_line *line; /* that a span is open on */
	bool closing;        /* what stands behind it is on its way out */
	uint64_t idle_us;    /* retired or off: when its last call was gone; 0: it has some */
	uint64_t retry_us;   /* not open: when it is tried again */
};

static inline bool endpoint_is_trunk(const struct endpoint *endpoint)
{
	return endpoint->kind[0] == 't';
}

/* Does the walk go on to the next gateway after this cause? Default: 3 27 34 38 41 42 44 47 102:
 * «not here» or «not now» of a network, never what a called party or its number says (1, 17, 21).
 * Value 0: no. */
bool endpoint_fails_over(const struct endpoint *endpoint, struct q850_cause cause);
/* Take over settings of the configuration, borrowed: everything that routing needs. What is running
 * (functions, target, counts) stays. */
void endpoint_from_trunk(struct endpoint *endpoint, const struct conf_trunk *trunk);
void endpoint_from_span(struct endpoint *endpoint, const struct conf_span *span);

/* A leg or call refers to it from now on, and no more. Both take NULL. */
struct endpoint *endpoint_ref(struct endpoint *endpoint);
void endpoint_unref(struct endpoint *endpoint);

/* May calls be given to it, and taken from it? 0; -ESHUTDOWN: it is switched off, retired, or the
 * gateway is stopping. Whether it could carry one is not looked at. */
int endpoint_is_open(const struct endpoint *endpoint);

#endif
