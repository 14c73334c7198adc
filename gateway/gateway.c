/* SPDX-License-Identifier: GPL-2.0-only */
/* Building the whole in order of dependence, and taking it down in the opposite one: calls, spans,
 * lines, stack, workers. Spans and lines close by and by, so stopping is a chain of steps that the
 * loop carries. */
#include "gateway/gateway.h"

#include "base/log.h"
#include "base/mem.h"
#include "gateway/call.h"
#include "gateway/ladder.h"
#include "gateway/leg_isdn.h"
#include "gateway/leg_sip.h"
#include "trunk/rtp.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WORKERS_MAX 64

struct fault_text {
	char *text;
	size_t room;
};

__attribute__((format(printf, 3, 4))) static int fail_with(struct fault_text *fault, int rc,
							   const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(fault->text, fault->room, format, args);
	va_end(args);
	return rc;
}

/* ---- Parts ---- */

static unsigned worker_count(const struct machine_conf *conf)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned n = conf->media.workers;

	if (n == 0)
		n = cores > 1 ? (unsigned)cores - 1 : 1;
	return n < WORKERS_MAX ? n : WORKERS_MAX;
}

static int start_workers(struct gateway *g, struct fault_text *fault)
{
	unsigned count = worker_count(g->conf);

	g->workers = mem_calloc(count, sizeof(struct worker *));
	if (!g->workers)
		return fail_with(fault, -ENOMEM, "out of memory");
	for (unsigned i = 0; i < count; i++) {
		char name[24];
		struct worker_cfg cfg = { .name = name,
					  .cpu = -1,
					  .realtime = g->conf->media.realtime_priority,
					  .clock = loop_clock(g->loop),
					  .inline_thread = loop_clock(g->loop)->is_virtual };
		int rc;

		snprintf(name, sizeof(name), "media-%u", (i + 1) % 1000);
		rc = worker_create(&g->workers[i], &cfg, g->loop);
		if (rc < 0)
			return fail_with(fault, rc, "media worker %u: %s", i + 1, strerror(-rc));
		g->worker_count++;
	}
	return 0;
}

static int start_ports(struct gateway *g, struct fault_text *fault)
{
	int rc = rtp_ports_create(&g->rtp_ports, g->conf->media.port_first,
				  g->conf->media.port_last);

	return rc < 0 ? fail_with(fault, rc, "media: ports %u-%u: %s", g->conf->media.port_first,
				  g->conf->media.port_last, strerror(-rc))
		      : 0;
}

static void trunk_state(struct sip_trunk *trunk, bool up, void *arg)
{
	(void)arg;
	log_write(LOG_LEVEL_NOTICE, "trunk", sip_trunk_conf(trunk)->name,
		  up ? "answers" : "doesn't answer");
}

static const struct sip_stack_ops stack_ops = { .incoming = leg_sip_incoming,
						.trunk_state = trunk_state };

static int start_stack(struct gateway *g, struct fault_text *fault)
{
	const struct machine_conf *conf = g->conf;
	struct sip_stack_cfg cfg = {
		.interfaces = conf->interfaces,
		.interface_count = conf->interface_count,
		.trunks = conf->trunks,
		.trunk_count = conf->trunk_count,
		.loop = g->loop,
		.trace = &g->trace,
		.user_agent = "Causeway/" CAUSEWAY_VERSION,
	};

	return sip_stack_create(&g->sip, &cfg, &stack_ops, g, fault->text, fault->room);
}

static void line_alarms(struct e1_line *line, unsigned alarms, void *arg)
{
	char text[64];

	(void)arg;
	log_write(LOG_LEVEL_NOTICE, "line", e1_line_name(line), "alarms: %s",
		  e1_alarm_text(alarms, text));
}

static const struct e1_line_ops line_ops = { .alarms = line_alarms };

static int start_lines(struct gateway *g, struct fault_text *fault)
{
	g->lines = mem_calloc(g->conf->line_count, sizeof(struct gateway_line));
	if (!g->lines && g->conf->line_count)
		return fail_with(fault, -ENOMEM, "out of memory");
	for (size_t i = 0; i < g->conf->line_count; i++) {
		struct gateway_line *line = &g->lines[i];
		int rc;

		line->conf = &g->conf->lines[i];
		line->worker = g->workers[i % g->worker_count];
		rc = e1_line_open(&line->line, line->conf, line->worker, &line_ops, line);
		if (rc < 0)
			return fail_with(fault, rc, "line %s: %s", line->conf->name, strerror(-rc));
	}
	return 0;
}

static struct e1_line *line_named(const struct gateway *g, const char *name)
{
	for (size_t i = 0; i < g->conf->line_count; i++)
		if (strcmp(g->lines[i].conf->name, name) == 0)
			return g->lines[i].line;
	return NULL;
}

static const struct isdn_span_ops span_ops = { .incoming = leg_isdn_incoming };

static int start_spans(struct gateway *g, struct fault_text *fault)
{
	g->spans = mem_calloc(g->conf->span_count, sizeof(struct isdn_span *));
	if (!g->spans && g->conf->span_count)
		return fail_with(fault, -ENOMEM, "out of memory");
	for (size_t i = 0; i < g->conf->span_count; i++) {
		const struct conf_span *conf = &g->conf->spans[i];
		struct isdn_span_cfg cfg = { .conf = conf,
					     .line = line_named(g, conf->line),
					     .loop = g->loop,
					     .trace = &g->trace };
		int rc = cfg.line ? isdn_span_create(&g->spans[i], &cfg, &span_ops, g) : -ENOENT;

		if (rc < 0)
			return fail_with(fault, rc, "span %s on line %s: %s", conf->name,
					 conf->line, strerror(-rc));
	}
	return 0;
}

static int make_endpoints(struct gateway *g, struct fault_text *fault)
{
	size_t trunks = g->conf->trunk_count, count = trunks + g->conf->span_count;

	g->endpoints = mem_calloc(count, sizeof(struct endpoint));
	if (!g->endpoints && count)
		return fail_with(fault, -ENOMEM, "out of memory");
	for (size_t i = 0; i < count; i++) {
		struct endpoint *endpoint = &g->endpoints[i];
		bool trunk = i < trunks;

		if (trunk)
			endpoint_from_trunk(endpoint, &g->conf->trunks[i]);
		else
			endpoint_from_span(endpoint, &g->conf->spans[i - trunks]);
		endpoint->index = (unsigned)i;
		endpoint->gateway = g;
		endpoint->make_leg = trunk ? leg_sip_make : leg_isdn_make;
		endpoint->available = trunk ? leg_sip_available : leg_isdn_available;
		endpoint->target = trunk ? (void *)sip_stack_trunk_at(g->sip, i)
					 : (void *)g->spans[i - trunks];
	}
	g->endpoint_count = count;
	return 0;
}

/* ---- Routes ---- */

static void plan_fault(void *arg, struct conf_place place, const char *what)
{
	struct fault_text *fault = arg;

	if (!fault->text[0])
		fail_with(fault, 0, "dial plan, line %u, column %u: %s", place.line, place.column,
			  what);
}

/* What routes may name: every endpoint, and the groups that spans are in. */
static size_t gateway_names(const struct gateway *g, struct dp_gateway_name *names)
{
	size_t n = 0;

	for (size_t i = 0; i < g->endpoint_count; i++)
		names[n++] = (struct dp_gateway_name){ .name = g->endpoints[i].name, .index = (unsigned)i };
	for (size_t i = 0; i < g->conf->span_count; i++)
		if (g->conf->spans[i].group)
			names[n++] =
				(struct dp_gateway_name){
					.name = g->conf->spans[i].group,
					.index = (unsigned)(g->conf->trunk_count + i),
					.member = g->conf->spans[i].name };
	return n;
}

static int compile_plan(struct gateway *g, const struct dialplan_tables *tables,
			struct fault_text *fault)
{
	struct dp_gateway_name *names =
		mem_calloc(g->endpoint_count + g->conf->span_count + 1, sizeof(*names));
	int rc;

	if (!names)
		return fail_with(fault, -ENOMEM, "out of memory");
	fault->text[0] = 0;
	rc = dialplan_compile(&g->plan, tables, names, gateway_names(g, names), plan_fault, fault);
	mem_free(names);
	if (rc < 0 && !fault->text[0])
		return fail_with(fault, rc, "dial plan: %s", strerror(-rc));
	return rc;
}

/* ---- Life ---- */

static int start_ladders(struct gateway *g, struct fault_text *fault)
{
	int rc = ladder_book_create(&g->ladders, g->conf->ladder_calls, loop_clock(g->loop));

	if (rc < 0)
		return fail_with(fault, rc, "out of memory");
	g->trace = ladder_book_sink(g->ladders);
	return 0;
}

static int start_all(struct gateway *g, const struct dialplan_tables *tables,
		     struct fault_text *fault)
{
	int rc = start_ladders(g, fault);

	if (rc == 0)
		rc = start_workers(g, fault);
	if (rc == 0)
		rc = start_ports(g, fault);
	if (rc == 0)
		rc = start_stack(g, fault);
	if (rc == 0)
		rc = start_lines(g, fault);
	if (rc == 0)
		rc = start_spans(g, fault);
	if (rc == 0)
		rc = make_endpoints(g, fault);
	if (rc == 0)
		rc = compile_plan(g, tables, fault);
	return rc;
}

int gateway_create(struct gateway **out, struct loop *loop, const struct machine_conf *conf,
		   const struct dialplan_tables *tables, char *error, size_t error_room)
{
	struct fault_text fault = { error, error_room };
	struct gateway *g = mem_zalloc(sizeof(*g));
	int rc;

	if (!g)
		return fail_with(&fault, -ENOMEM, "out of memory");
	g->loop = loop;
	g->conf = conf;
	g->media = &bridge_media;
	g->started_wall_us = clock_wall_us(loop_clock(loop));
	list_init(&g->calls);
	rc = start_all(g, tables, &fault);
	if (rc < 0)
		goto fail;
	*out = g;
	return 0;
fail:
	gateway_destroy(&g);
	return rc;
}

int gateway_run(struct gateway *gateway)
{
	return sip_stack_run(gateway->sip);
}

void gateway_step(struct gateway *gateway, int timeout_ms)
{
	if (gateway->sip)
		sip_stack_step(gateway->sip, timeout_ms);
	else
		loop_turn(gateway->loop, timeout_ms);
}

/* ---- Stopping ---- */

static void stop_step(void *arg);

static void next_step(struct gateway *gateway)
{
	loop_defer(gateway->loop, &gateway->next_step, stop_step, gateway);
}

static void one_closed(void *arg)
{
	struct gateway *gateway = arg;

	gateway->closing--;
	next_step(gateway);
}

static bool close_spans(struct gateway *g)
{
	bool any = false;

	for (size_t i = 0; g->spans && i < g->conf->span_count; i++) {
		if (!g->spans[i])
			continue;
		any = true;
		g->closing++;
		isdn_span_close(&g->spans[i], one_closed, g);
	}
	return any;
}

static bool close_lines(struct gateway *g)
{
	bool any = false;

	for (size_t i = 0; g->lines && i < g->conf->line_count; i++) {
		if (!g->lines[i].line)
			continue;
		any = true;
		g->closing++;
		e1_line_close(&g->lines[i].line, one_closed, g);
	}
	return any;
}

/* A call is gone once RELEASE COMPLETE is handed to layer 2: an exchange that never gets it would
 * hold the channel for two T308 (Q.931 5.3.3). */
static void farewell_over(struct loop_timer *timer, void *arg)
{
	struct gateway *g = arg;

	(void)timer;
	g->farewell = false;
	next_step(g);
}

/* Whatever is due next: calls, their last messages, then spans, then lines, then the end. */
static void stop_step(void *arg)
{
	struct gateway *g = arg;

	if (g->closing || g->stopped || (g->call_count && loop_timer_armed(&g->grace)))
		return;
	if (g->farewell && !g->call_count) {
		loop_timer_start(g->loop, &g->grace, GATEWAY_FAREWELL_US, farewell_over, g);
		return;
	}
	if (close_spans(g) || g->call_count || close_lines(g))
		return;
	loop_timer_stop(g->loop, &g->grace);
	g->stopped = true;
	if (g->sip)
		sip_stack_stop(g->sip, 0);
}

static void grace_over(struct loop_timer *timer, void *arg)
{
	struct gateway *g = arg;

	(void)timer;
	g->farewell = false;
	log_write(LOG_LEVEL_WARNING, "gateway", NULL,
		  "%u calls are not gone: their spans are closed", g->call_count);
	next_step(g);
}

void gateway_stop(struct gateway *g)
{
	struct q850_cause cause = q850(Q850_TEMPORARY_FAILURE, Q850_LOC_PRIVATE_LOCAL);
	struct call *call;

	if (g->stopping)
		return;
	g->stopping = true;
	g->idle = next_step;
	if (g->sip)
		sip_stack_refuse(g->sip, cause);
	list_for_each(call, &g->calls, struct call, node) call_hangup(call, cause);
	g->farewell = g->call_count > 0 && g->conf->span_count > 0;
	if (g->call_count)
		loop_timer_start(g->loop, &g->grace, GATEWAY_GRACE_US, grace_over, g);
	next_step(g);
}

void gateway_destroy(struct gateway **out)
{
	struct gateway *g = *out;

	if (!g)
		return;
	*out = NULL;
	gateway_stop(g);
	g->farewell = false; /* whoever destroys what still serves is in a hurry */
	next_step(g);
	while (!g->stopped)
		gateway_step(g, 100);
	sip_stack_destroy(&g->sip);
	for (unsigned i = 0; i < g->worker_count; i++)
		worker_destroy(&g->workers[i]);
	loop_defer_cancel(g->loop, &g->next_step);
	rtp_ports_destroy(&g->rtp_ports);
	dialplan_unref(&g->plan);
	ladder_book_destroy(&g->ladders);
	mem_free(g->endpoints);
	mem_free(g->spans);
	mem_free(g->lines);
	mem_free(g->workers);
	mem_free(g);
}
