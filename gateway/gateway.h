/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GATEWAY_GATEWAY_H
#define GATEWAY_GATEWAY_H

/* The whole: SIP stack, lines, spans, workers, endpoints, calls. One per process. Thread:
 * signalling. */

#include "base/list.h"
#include "base/trace.h"
#include "base/worker.h"
#include "conf/machine.h"
#include "dialplan/dialplan.h"
#include "gateway/call_id.h"
#include "gateway/endpoint.h"

struct bridge_ops;
struct call;
struct ladder_book;
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

struct gateway_line {
	struct e1_line *line;
	const struct conf_line *conf;
	struct worker *worker;
};

struct gateway {
	struct loop *loop;
	const struct machine_conf *conf; /* owned by main, outlives the gateway */
	struct sip_stack *sip;
	struct worker **workers;
	unsigned worker_count, next_worker; /* next_worker: for calls that no line ties to one */
	struct gateway_line *lines;         /* conf->line_count of them */
	struct isdn_span **spans;           /* conf->span_count of them */
	struct endpoint *endpoints;         /* trunks first, then spans */
	size_t endpoint_count;
	struct rtp_ports *rtp_ports;
	struct dialplan *plan;          /* current snapshot */
	const struct bridge_ops *media; /* &bridge_media; a fake in tests */
	/* The one place where a call may be turned away before it is routed further: value 0 admits
	 * it. Asked once per call, not for emergencies. NULL: all are admitted. */
	struct q850_cause (*admit)(const struct call *call);
	struct call_id_source ids;
	struct list calls; /* struct call */
	unsigned call_count;
	void (*idle)(struct gateway *gateway); /* the last call is gone; NULL: nobody asks */
	struct ladder_book *ladders;
	struct trace_sink trace; /* into the ladders */
	struct gateway_counters counters;
	int64_t started_wall_us;
	bool stopping, stopped;
	/* private: calls were cleared, their last messages are on the way */
	bool farewell;
	/* private: spans, then lines, that have not said yet that they are closed */
	unsigned closing;
	struct loop_timer grace;
	struct loop_deferred next_step;
};

/* Builds everything that the configuration names and starts it. 0; -errno: nothing is left running
 * and `error` has a sentence for the administrator. One at a time in a process (Sofia's clock is
 * one for all). */
int gateway_create(struct gateway **out, struct loop *loop, const struct machine_conf *conf,
		   const struct dialplan_tables *tables, char *error, size_t error_room);
/* Serve until gateway_stop() has done its work; returns 0. */
int gateway_run(struct gateway *gateway);
/* Take no new calls, clear those there are (cause 41), close spans and lines; gateway_run() then
 * returns. Calls that are not gone after GATEWAY_GRACE_US lose their spans; where there were any,
 * spans stay GATEWAY_FAREWELL_US longer. */
void gateway_stop(struct gateway *gateway);
/* Stops it first when it still serves. Sets NULL, takes NULL. Not from inside the loop. */
void gateway_destroy(struct gateway **gateway);
/* One turn, for tests: at most timeout_ms. */
void gateway_step(struct gateway *gateway, int timeout_ms);

#endif
