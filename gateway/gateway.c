/* SPDX-License-Identifier: GPL-2.0-only */
/* Building the whole in order of dependence, and taking it down in the opposite one: calls, spans,
 * lines, stack, workers. Spans and lines close by and by, so stopping is a chain of steps that the
 * loop carries. */
#include "gateway/gateway_private.h"

#include "base/log.h"
#include "base/mem.h"
#include "gateway/admission.h"
#include "gateway/bridge.h"
#include "gateway/call.h"
#include "gateway/ladder.h"
#include "gateway/overload.h"
#include "gateway/reconfigure_private.h"
#include "trunk/rtp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WORKERS_MAX 64

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
		return fault_say(fault, -ENOMEM, "out of memory");
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
			return fault_say(fault, rc, "media worker %u: %s", i + 1, strerror(-rc));
		g->worker_count++;
	}
	return 0;
}

static int start_ports(struct gateway *g, struct fault_text *fault)
{
	int rc = rtp_ports_create(&g->rtp_ports, g->conf->media.port_first,
				  g->conf->media.port_last);

	return rc < 0 ? fault_say(fault, rc, "media: ports %u-%u: %s", g->conf->media.port_first,
				  g->conf->media.port_last, strerror(-rc))
		      : 0;
}

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

	return sip_stack_create(&g->sip, &cfg, &part_stack_ops, g, fault->text, fault->room);
}

static int start_admission(struct gateway *g, struct fault_text *fault)
{
	int rc = admission_start(g);

	return rc < 0 ? fault_say(fault, rc, "out of memory") : 0;
}

static int make_interfaces(struct gateway *g, struct fault_text *fault)
{
	for (size_t i = 0; i < g->conf->interface_count; i++) {
		struct gateway_interface *interface =
			part_interface(g, g->site, &g->conf->interfaces[i]);

		if (!interface)
			return fault_say(fault, -ENOMEM, "out of memory");
		interface->open = true;
		list_append(&g->interfaces, &interface->node);
	}
	return 0;
}

static int make_trunks(struct gateway *g, struct fault_text *fault)
{
	for (size_t i = 0; i < g->conf->trunk_count; i++) {
		struct endpoint *trunk = part_trunk(g, g->site, &g->conf->trunks[i]);

		if (!trunk)
			return fault_say(fault, -ENOMEM, "out of memory");
		trunk->target = sip_stack_trunk_at(g->sip, i);
		list_append(&g->endpoints, &trunk->node);
		endpoint_apply_off(trunk);
	}
	return 0;
}

static int start_lines(struct gateway *g, struct fault_text *fault)
{
	for (size_t i = 0; i < g->conf->line_count; i++) {
		struct gateway_line *line = part_line(g, g->site, &g->conf->lines[i]);
		int rc = line ? part_line_open(line) : -ENOMEM;

		if (line)
			list_append(&g->lines, &line->node);
		if (rc < 0)
			return fault_say(fault, rc, "line %s: %s", g->conf->lines[i].name,
					 strerror(-rc));
	}
	return 0;
}

static int start_spans(struct gateway *g, struct fault_text *fault)
{
	for (size_t i = 0; i < g->conf->span_count; i++) {
		const struct conf_span *conf = &g->conf->spans[i];
		struct endpoint *span = part_span(g, g->site, conf);
		int rc = span ? part_span_open(span) : -ENOMEM;

		if (span)
			list_append(&g->endpoints, &span->node);
		if (rc < 0)
			return fault_say(fault, rc, "span %s on line %s: %s", conf->name,
					 conf->line, strerror(-rc));
		endpoint_apply_off(span);
	}
	return 0;
}

/* ---- Life ---- */

static int start_ladders(struct gateway *g, struct fault_text *fault)
{
	int rc = ladder_book_create(&g->ladders, g->conf->ladder_calls, loop_clock(g->loop));

	if (rc < 0)
		return fault_say(fault, rc, "out of memory");
	g->trace = ladder_book_sink(g->ladders);
	return 0;
}

static int start_all(struct gateway *g, struct fault_text *fault)
{
	int (*const steps[])(struct gateway *, struct fault_text *) = {
		start_ladders,   start_workers, start_ports, start_stack, start_admission,
		make_interfaces, make_trunks,   start_lines, start_spans,
	};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(steps) / sizeof(steps[0]); i++)
		rc = steps[i](g, fault);
	return rc;
}

static void endpoint_unused(struct endpoint *endpoint)
{
	settle_soon(endpoint->gateway);
}

int gateway_create(struct gateway **out, struct loop *loop, struct site *site,
		   struct dialplan *plan, char *error, size_t error_room)
{
	struct fault_text fault = { error, error_room };
	struct gateway *g = mem_zalloc(sizeof(*g));
	int rc;

	if (!g)
		return fault_say(&fault, -ENOMEM, "out of memory");
	gateway_init_lists(g);
	g->loop = loop;
	g->site = site_ref(site);
	g->conf = site_machine(site);
	g->plan = plan ? dialplan_ref(plan) : NULL;
	g->media = &bridge_media;
	g->unused = endpoint_unused;
	g->started_wall_us = clock_wall_us(loop_clock(loop));
	rc = start_all(g, &fault);
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

void part_closed(struct gateway *gateway)
{
	gateway->closing--;
	if (gateway->stopping)
		next_step(gateway);
	else
		settle_soon(gateway);
}

static void close_spans(struct list *endpoints)
{
	struct endpoint *endpoint;

	list_for_each(endpoint, endpoints, struct endpoint, node)
		if (endpoint_isdn_span(endpoint))
			part_span_close(endpoint);
}

static void close_lines(struct list *lines)
{
	struct gateway_line *line;

	list_for_each(line, lines, struct gateway_line, node)
		if (line->line)
			part_line_close(line);
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

static void all_is_closed(struct gateway *g)
{
	loop_timer_stop(g->loop, &g->grace);
	loop_timer_stop(g->loop, &g->linger);
	settle_stop(g);
	g->stopped = true;
	if (g->sip)
		sip_stack_stop(g->sip, 0);
}

/* Whatever is due next: calls, their last messages, then spans, then lines, then the end. */
static void stop_step(void *arg)
{
	struct gateway *g = arg;

	if (g->closing || g->stopped || (g->call_count && g->patience == STOP_CLEARING))
		return;
	if (g->farewell && !g->call_count) {
		if (!loop_timer_armed(&g->linger))
			loop_timer_start(g->loop, &g->linger, GATEWAY_FAREWELL_US, farewell_over,
					 g);
		return;
	}
	close_spans(&g->endpoints);
	close_spans(&g->retired);
	if (g->closing || g->call_count)
		return;
	close_lines(&g->lines);
	close_lines(&g->retired_lines);
	if (!g->closing)
		all_is_closed(g);
}

/* Its last word, for a peer that never said one. */
static void give_up_leg(struct leg *leg)
{
	if (leg && !leg->released)
		leg_tell(leg, &(struct leg_message){
				      .type = LEG_RELEASE,
				      .cause = q850(Q850_TIMER_EXPIRY, Q850_LOC_PRIVATE_LOCAL) });
}

static void give_up_call(struct call *call)
{
	struct leg *leg;

	list_for_each(leg, &call->leaving, struct leg, node) give_up_leg(leg);
	give_up_leg(call->seats[LEG_CALLER]);
	give_up_leg(call->seats[LEG_CALLED]);
}

/* The first time the calls that are left lose their spans, the second time they are given up. */
static void grace_over(struct loop_timer *timer, void *arg)
{
	struct gateway *g = arg;
	struct call *call;

	(void)timer;
	g->farewell = false;
	if (g->patience == STOP_CLEARING) {
		log_write(LOG_LEVEL_WARNING, "gateway", NULL,
			  "%u calls are not gone: their spans are closed", g->call_count);
		g->patience = STOP_CUT;
		loop_timer_start(g->loop, &g->grace, GATEWAY_GRACE_US, grace_over, g);
	} else if (g->call_count) {
		log_write(LOG_LEVEL_WARNING, "gateway", NULL, "%u calls are given up",
			  g->call_count);
		list_for_each(call, &g->calls, struct call, node) give_up_call(call);
	}
	next_step(g);
}

static void refuse_new(struct gateway *g)
{
	struct endpoint *endpoint;

	g->refusing = true;
	list_for_each(endpoint, &g->endpoints, struct endpoint, node)
		if (endpoint_isdn_span(endpoint))
			endpoint_apply_off(endpoint);
	if (g->sip)
		sip_stack_refuse(g->sip, q850(Q850_CONGESTION, Q850_LOC_PRIVATE_LOCAL));
}

void gateway_stop(struct gateway *g)
{
	struct q850_cause cause = q850(Q850_TEMPORARY_FAILURE, Q850_LOC_PRIVATE_LOCAL);
	bool spans = g->conf->span_count > 0 || !list_empty(&g->retired);
	struct call *call;

	if (g->stopping)
		return;
	g->stopping = true;
	g->idle = next_step;
	refuse_new(g);
	list_for_each(call, &g->calls, struct call, node) call_hangup(call, cause);
	g->farewell = g->call_count > 0 && spans;
	loop_timer_stop(g->loop, &g->grace);
	if (g->call_count)
		loop_timer_start(g->loop, &g->grace, GATEWAY_GRACE_US, grace_over, g);
	next_step(g);
}

static void finish_step(void *arg)
{
	gateway_stop(arg);
}

static void finished(struct gateway *g)
{
	loop_defer(g->loop, &g->next_step, finish_step, g);
}

static void wait_over(struct loop_timer *timer, void *arg)
{
	struct gateway *g = arg;

	(void)timer;
	log_write(LOG_LEVEL_NOTICE, "gateway", NULL, "%u calls are cleared: they had their time",
		  g->call_count);
	gateway_stop(g);
}

void gateway_finish(struct gateway *g, uint64_t wait_us)
{
	if (g->stopping || g->refusing)
		return;
	if (!wait_us || !g->call_count) {
		gateway_stop(g);
		return;
	}
	refuse_new(g);
	g->idle = finished;
	loop_timer_start(g->loop, &g->grace, wait_us, wait_over, g);
}

static void free_ports(struct gateway *g)
{
	struct gateway_ports *old;

	list_for_each(old, &g->retired_ports, struct gateway_ports, node)
	{
		rtp_ports_destroy(&old->ports);
		mem_free(old);
	}
	rtp_ports_destroy(&g->rtp_ports);
}

static void free_parts(struct gateway *g)
{
	struct gateway_interface *interface;
	struct gateway_line *line;
	struct endpoint *endpoint;
	struct list *const interfaces[] = { &g->interfaces, &g->retired_interfaces };
	struct list *const lines[] = { &g->lines, &g->retired_lines };
	struct list *const endpoints[] = { &g->endpoints, &g->retired };

	for (unsigned i = 0; i < 2; i++) {
		list_for_each(interface, interfaces[i], struct gateway_interface, node)
			part_interface_free(&interface);
		list_for_each(line, lines[i], struct gateway_line, node) part_line_free(&line);
		list_for_each(endpoint, endpoints[i], struct endpoint, node)
			part_endpoint_free(&endpoint);
	}
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
	overload_destroy(&g->overload);
	sip_stack_destroy(&g->sip);
	for (unsigned i = 0; i < g->worker_count; i++)
		worker_destroy(&g->workers[i]);
	loop_defer_cancel(g->loop, &g->next_step);
	free_ports(g);
	dialplan_unref(&g->plan);
	ladder_book_destroy(&g->ladders);
	free_parts(g);
	site_unref(&g->site);
	mem_free(g->workers);
	mem_free(g);
}
