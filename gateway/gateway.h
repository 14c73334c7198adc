/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GATEWAY_GATEWAY_H
#define GATEWAY_GATEWAY_H

/* The whole: SIP stack, lines, spans, workers, endpoints, calls. One per process.
 *
 * What it is made of is owned one by one and found by name, and each part holds a reference to the
 * site that it was made from: so parts of old and new readings of the configuration stand side by
 * side while calls drain (reconfigure.h). Thread: signalling. */

#include "base/list.h"
#include "base/trace.h"
#include "base/worker.h"
#include "conf/machine.h"
#include "dialplan/dialplan.h"
#include "gateway/call_id.h"
#include "gateway/endpoint.h"
#include "gateway/site.h"

struct bridge_ops;
struct call;
struct ladder_book;
struct overload;
struct reconfiguration;
struct records;
struct sip_stack;
struct isdn_span;
struct e1_line;
struct rtp_ports;

#define GATEWAY_GRACE_US 5000000
#define GATEWAY_FAREWELL_US                                                                        \
	300000 /* the last RELEASE COMPLETEs of a full span are 60 ms on a D-channel */

struct gateway_counters {
	uint64_t calls_total, calls_answered, calls_failed, attempts, failovers, no_route;
};

/* An E1 line and the spans on it. */
struct gateway_line {
	struct list node; /* gateway->lines, or ->retired_lines */
	struct gateway *gateway;
	struct site *site; /* a reference; conf is of it */
	const struct conf_line *conf;
	struct worker *worker;
	struct e1_line *line; /* NULL: not open (yet, or any more) */
	bool retired;
	bool closing;      /* private, like what follows */
	uint64_t retry_us; /* not open: when it is tried again */
};

struct gateway_interface {
	struct list node; /* gateway->interfaces, or ->retired_interfaces */
	struct gateway *gateway;
	struct site *site; /* a reference; conf is of it */
	const struct conf_sip_interface *conf;
	bool open;
	bool retired;
	bool closing; /* private, like what follows */
	uint64_t retry_us;
};

/* RTP ports of an earlier configuration that calls still use. */
struct gateway_ports {
	struct list node;
	struct rtp_ports *ports;
};

struct gateway {
	struct loop *loop;
	struct site *site;               /* the newest configuration; a reference */
	const struct machine_conf *conf; /* of it */
	struct sip_stack *sip;
	struct worker **workers;
	unsigned worker_count, next_worker; /* next_worker: for calls that no line ties to one */
	/* What the configuration names, in its order: struct gateway_interface, gateway_line,
	 * endpoint (trunks first, then spans) */
	struct list interfaces, lines, endpoints;
	/* What it doesn't name any more, or otherwise: till the last call on it ends */
	struct list retired_interfaces, retired_lines, retired;
	struct rtp_ports *rtp_ports;
	struct list retired_ports; /* struct gateway_ports */
	struct dialplan *plan;     /* current snapshot */
	/* Takes over the snapshot that another has replaced; NULL: it is given back here. */
	void (*plan_retired)(void *arg, struct dialplan *plan);
	void *plan_retired_arg;
	const struct bridge_ops *media; /* &bridge_media; a fake in tests */
	/* The one place where a call may be turned away before it is routed further: value 0 admits
	 * it. Asked once per call, not for emergencies. NULL: all are admitted. */
	struct q850_cause (*admit)(const struct call *call);
	struct overload
		*overload; /* whether new calls come in at all: admission.h. NULL: they do */
	struct call_id_source ids;
	struct list calls; /* struct call */
	unsigned call_count;
	void (*idle)(struct gateway *gateway); /* the last call is gone; NULL: nobody asks */
	/* the last leg or call has left a retired endpoint; NULL: nobody asks */
	void (*unused)(struct endpoint *endpoint);
	struct records *records; /* of calls; borrowed. NULL: none are kept */
	struct ladder_book *ladders;
	struct trace_sink trace; /* into the ladders */
	struct gateway_counters counters;
	int64_t started_wall_us;
	bool refusing; /* takes no new calls: it is ending */
	bool stopping, stopped;
	/* private: calls were cleared, their last messages are on the way */
	bool farewell;
	enum { STOP_CLEARING, STOP_CUT } patience;
	/* private: spans, then lines, that have not said yet that they are closed */
	unsigned closing;
	struct loop_timer grace, linger;
	struct loop_deferred next_step;
	/* private: reconfigure.c */
	struct reconfiguration *preparing;
	struct loop_timer settle_timer;
	struct loop_deferred settle_soon;
};

/* Builds everything that the site names and starts it. `plan`: compiled with the site's names, or
 * NULL (no call is routed then); both get a reference of the gateway's own. 0; -errno: nothing is
 * left running and `error` has a sentence for the administrator. One at a time in a process
 * (Sofia's clock is one for all). */
int gateway_create(struct gateway **out, struct loop *loop, struct site *site,
		   struct dialplan *plan, char *error, size_t error_room);
/* Serve until gateway_stop() has done its work; returns 0. */
int gateway_run(struct gateway *gateway);
/* Take no new calls (SIP 503 with Retry-After, ISDN cause 42) and stop when the last one has ended,
 * or after wait_us. 0: at once. */
void gateway_finish(struct gateway *gateway, uint64_t wait_us);
/* Take no new calls, clear those there are (cause 41), close spans and lines; gateway_run() then
 * returns. Calls that are not gone after GATEWAY_GRACE_US lose their spans, and after once more as
 * long are given up, whatever their peers say; where there were any, spans stay GATEWAY_FAREWELL_US
 * longer. */
void gateway_stop(struct gateway *gateway);
/* Stops it first when it still serves. Sets NULL, takes NULL. Not from inside the loop. */
void gateway_destroy(struct gateway **gateway);
/* One turn, for tests: at most timeout_ms. */
void gateway_step(struct gateway *gateway, int timeout_ms);

/* ---- What there is ---- */

/* The trunk or span that has this name now; NULL: none. */
struct endpoint *gateway_endpoint(const struct gateway *gateway, const char *name);
/* Whose sip_trunk or isdn_span this is, retired ones included. NULL: nobody's. */
struct endpoint *gateway_endpoint_of(const struct gateway *gateway, const void *target);
struct gateway_line *gateway_line(const struct gateway *gateway, const char *name);
struct gateway_interface *gateway_interface(const struct gateway *gateway, const char *name);
/* NULL while it is not open. */
struct isdn_span *endpoint_isdn_span(const struct endpoint *endpoint);
struct sip_trunk *endpoint_sip_trunk(const struct endpoint *endpoint);

/* Empty lists, for what is built piece by piece (tests). */
void gateway_init_lists(struct gateway *gateway);

#endif
