/* SPDX-License-Identifier: GPL-2.0-only */
/* What is left to be done after a change of configuration, by the state of things and not by what
 * led to it: what is retired is closed once nobody uses it, what is wanted is opened as soon as
 * what is in its way has gone. So one change may follow another at any time.
 *
 * Order: a retired span leaves its line with its last call, a retired line goes when no span is on
 * it, and a new one takes the socket that it had. Trunks and interfaces do so inside the SIP stack,
 * which tells when they are gone. */
#include "gateway/reconfigure_private.h"

#include "base/log.h"
#include "base/mem.h"
#include "gateway/call.h"
#include "trunk/rtp.h"

#include <errno.h>
#include <string.h>

#define LOOK_US 100000   /* while something drains */
#define PORTS_US 1000000 /* while calls use ports of an earlier pool */

static const struct q850_cause congested = { Q850_CONGESTION, Q850_LOC_PRIVATE_LOCAL };

static uint64_t now_of(const struct gateway *g)
{
	return clock_now_us(loop_clock(g->loop));
}

/* ---- Who needs the same thing? ---- */

static bool is_any(const struct netaddr *a)
{
	static const struct in6_addr any6 = IN6ADDR_ANY_INIT;

	if (netaddr_family(a) == AF_INET6)
		return memcmp(&a->u.in6.sin6_addr, &any6, sizeof(any6)) == 0;
	return a->u.in.sin_addr.s_addr == htonl(INADDR_ANY);
}

static bool addresses_collide(const struct netaddr *a, const struct netaddr *b)
{
	return netaddr_family(a) == netaddr_family(b) && netaddr_port(a) == netaddr_port(b) &&
	       (netaddr_same_host(a, b) || is_any(a) || is_any(b));
}

bool interfaces_collide(const struct conf_sip_interface *a, const struct conf_sip_interface *b)
{
	return addresses_collide(&a->address, &b->address) &&
	       ((a->udp && b->udp) || (a->tcp && b->tcp));
}

bool lines_collide(const struct conf_line *a, const struct conf_line *b)
{
	unsigned low = a->dahdi_first_channel, high = b->dahdi_first_channel;

	if (a->kind != b->kind)
		return false;
	if (a->kind == CONF_LINE_CESOPSN)
		return addresses_collide(&a->local, &b->local);
	return (high > low ? high - low : low - high) < E1_TIMESLOTS ||
	       a->dahdi_span == b->dahdi_span;
}

bool line_needs_address(const struct conf_line *line, const struct conf_sip_interface *interface)
{
	return line->kind == CONF_LINE_CESOPSN && interface->udp &&
	       addresses_collide(&line->local, &interface->address);
}

static bool span_needs_timeslots(const struct conf_span *a, const struct conf_span *b)
{
	timeslot_set of_a = a->b_channels | UINT32_C(1) << a->d_channel;
	timeslot_set of_b = b->b_channels | UINT32_C(1) << b->d_channel;

	return strcmp(a->line, b->line) == 0 && (of_a & of_b);
}

/* ---- Out of service ---- */

void endpoint_apply_off(struct endpoint *endpoint)
{
	struct q850_cause none = { 0 };
	struct q850_cause cause = endpoint_is_open(endpoint) < 0 ? congested : none;

	if (endpoint_sip_trunk(endpoint))
		sip_trunk_refuse(endpoint->target, cause);
	if (endpoint_isdn_span(endpoint))
		isdn_span_refuse(endpoint->target, cause);
}

static void trunk_gone(void *arg)
{
	struct endpoint *endpoint = arg;

	endpoint->target = NULL;
	settle_soon(endpoint->gateway);
}

static void move(struct list *node, struct list *to)
{
	list_remove(node);
	list_append(to, node);
}

void retire_endpoint(struct endpoint *endpoint)
{
	endpoint->retired = true;
	move(&endpoint->node, &endpoint->gateway->retired);
	if (endpoint_sip_trunk(endpoint))
		sip_trunk_retire(endpoint->target, trunk_gone, endpoint);
	else
		endpoint_apply_off(endpoint);
}

void retire_line(struct gateway_line *line)
{
	line->retired = true;
	move(&line->node, &line->gateway->retired_lines);
}

static void interface_gone(void *arg)
{
	struct gateway_interface *interface = arg;

	interface->open = false;
	settle_soon(interface->gateway);
}

void retire_interface(struct gateway_interface *interface)
{
	struct gateway *g = interface->gateway;

	interface->retired = true;
	move(&interface->node, &g->retired_interfaces);
	if (interface->open)
		sip_interface_retire(g->sip, interface->conf->name, interface_gone, interface);
}

void endpoint_cut(struct endpoint *endpoint)
{
	struct call *call;

	list_for_each(call, &endpoint->gateway->calls, struct call, node)
		for (unsigned seat = 0; seat < 2; seat++)
			if (call->seats[seat] && call->seats[seat]->endpoint == endpoint) {
				call_hangup(call, q850(Q850_TEMPORARY_FAILURE,
						       Q850_LOC_PRIVATE_LOCAL));
				break;
			}
}

/* ---- Closing what is retired ---- */

/* The last RELEASE COMPLETE of a span leaves before its D-channel does. */
static void close_drained(struct endpoint *e, uint64_t now)
{
	struct isdn_span *span = endpoint_isdn_span(e);

	if (!span)
		return;
	if (e->references || isdn_span_calls(span)) {
		e->idle_us = 0;
		return;
	}
	if (!e->idle_us)
		e->idle_us = now;
	if (now - e->idle_us >= GATEWAY_FAREWELL_US || isdn_span_state(span) != SPAN_UP)
		part_span_close(e);
}

static void close_endpoints(struct gateway *g, uint64_t now)
{
	struct endpoint *e;

	list_for_each(e, &g->retired, struct endpoint, node)
	{
		close_drained(e, now);
		if (!e->target && !e->closing && !e->references)
			part_endpoint_free(&e);
	}
}

static bool is_on(const struct list *endpoints, const struct gateway_line *line)
{
	const struct endpoint *e;

	list_for_each(e, endpoints, struct endpoint, node)
		if (e->line == line)
			return true;
	return false;
}

static void close_lines(struct gateway *g)
{
	struct gateway_line *l;

	list_for_each(l, &g->retired_lines, struct gateway_line, node)
	{
		if (l->line && !is_on(&g->endpoints, l) && !is_on(&g->retired, l))
			part_line_close(l);
		if (!l->line && !l->closing)
			part_line_free(&l);
	}
}

static void close_interfaces(struct gateway *g)
{
	struct gateway_interface *i;

	list_for_each(i, &g->retired_interfaces, struct gateway_interface, node)
		if (!i->open)
			part_interface_free(&i);
}

static void close_ports(struct gateway *g)
{
	struct gateway_ports *p;

	list_for_each(p, &g->retired_ports, struct gateway_ports, node)
	{
		if (rtp_ports_used(p->ports))
			continue;
		list_remove(&p->node);
		rtp_ports_destroy(&p->ports);
		mem_free(p);
	}
}

/* ---- Opening what is wanted ---- */

/* Told once, until it is open. */
static void cannot_open(const char *kind, const char *name, uint64_t *retry_us, uint64_t now,
			const char *why)
{
	if (!*retry_us)
		log_write(LOG_LEVEL_WARNING, kind, name,
			  "can't be opened: %s; tried again every %u s", why,
			  SETTLE_RETRY_US / 1000000);
	*retry_us = now + SETTLE_RETRY_US;
}

static void now_open(const char *kind, const char *name, uint64_t *retry_us)
{
	log_write(LOG_LEVEL_NOTICE, kind, name, "is open");
	*retry_us = 0;
}

static bool interface_waits(const struct gateway *g, const struct gateway_interface *wanted)
{
	const struct gateway_interface *i;
	const struct gateway_line *l;

	list_for_each(i, &g->retired_interfaces, struct gateway_interface, node)
		if (i->open && interfaces_collide(i->conf, wanted->conf))
			return true;
	list_for_each(l, &g->retired_lines, struct gateway_line, node)
		if ((l->line || l->closing) && line_needs_address(l->conf, wanted->conf))
			return true;
	return false;
}

static void open_interfaces(struct gateway *g, uint64_t now)
{
	struct gateway_interface *i;
	char why[200];

	list_for_each(i, &g->interfaces, struct gateway_interface, node)
	{
		if (i->open || now < i->retry_us || interface_waits(g, i))
			continue;
		i->open = sip_stack_add_interface(g->sip, i->conf, why, sizeof(why)) == 0;
		if (i->open)
			now_open("interface", i->conf->name, &i->retry_us);
		else
			cannot_open("interface", i->conf->name, &i->retry_us, now, why);
	}
}

static bool line_waits(const struct gateway *g, const struct gateway_line *wanted)
{
	const struct gateway_interface *i;
	const struct gateway_line *l;

	list_for_each(l, &g->retired_lines, struct gateway_line, node)
		if ((l->line || l->closing) && lines_collide(l->conf, wanted->conf))
			return true;
	list_for_each(i, &g->retired_interfaces, struct gateway_interface, node)
		if (i->open && line_needs_address(wanted->conf, i->conf))
			return true;
	return false;
}

static void open_lines(struct gateway *g, uint64_t now)
{
	struct gateway_line *l;

	list_for_each(l, &g->lines, struct gateway_line, node)
	{
		int rc;

		if (l->line || l->closing || now < l->retry_us || line_waits(g, l))
			continue;
		rc = part_line_open(l);
		if (rc == 0)
			now_open("line", l->conf->name, &l->retry_us);
		else
			cannot_open("line", l->conf->name, &l->retry_us, now, strerror(-rc));
	}
}

static void open_trunk(struct endpoint *e, uint64_t now)
{
	const struct gateway_interface *i = gateway_interface(e->gateway, e->trunk->interface);
	struct sip_trunk *trunk = NULL;
	char why[200];

	if (!i || !i->open)
		return;
	if (sip_stack_add_trunk(e->gateway->sip, e->trunk, &trunk, why, sizeof(why)) < 0) {
		cannot_open("trunk", e->name, &e->retry_us, now, why);
		return;
	}
	e->target = trunk;
	e->retry_us = 0;
	endpoint_apply_off(e);
	sip_trunk_serve(trunk);
}

/* Its timeslots, or its name, belong to one that drains. */
static bool span_waits(const struct endpoint *wanted)
{
	const struct endpoint *e;

	list_for_each(e, &wanted->gateway->retired, struct endpoint, node)
		if (!endpoint_is_trunk(e) && (e->target || e->closing) &&
		    (strcmp(e->name, wanted->name) == 0 ||
		     span_needs_timeslots(e->span, wanted->span)))
			return true;
	return false;
}

static void open_span(struct endpoint *e, uint64_t now)
{
	const struct gateway_line *line = gateway_line(e->gateway, e->span->line);
	int rc;

	if (!line || !line->line || span_waits(e))
		return;
	rc = part_span_open(e);
	if (rc < 0) {
		cannot_open("span", e->name, &e->retry_us, now, strerror(-rc));
		return;
	}
	e->retry_us = 0;
	endpoint_apply_off(e);
}

static void open_endpoints(struct gateway *g, uint64_t now)
{
	struct endpoint *e;

	list_for_each(e, &g->endpoints, struct endpoint, node)
	{
		if (e->target || e->closing || now < e->retry_us)
			continue;
		if (endpoint_is_trunk(e))
			open_trunk(e, now);
		else
			open_span(e, now);
	}
}

/* ---- When next? ---- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t next_retry(const struct gateway *g)
{
	const struct gateway_interface *i;
	const struct gateway_line *l;
	const struct endpoint *e;
	uint64_t due = UINT64_MAX;

	list_for_each(i, &g->interfaces, struct gateway_interface, node)
		if (!i->open && i->retry_us)
			due = earlier(due, i->retry_us);
	list_for_each(l, &g->lines, struct gateway_line, node)
		if (!l->line && l->retry_us)
			due = earlier(due, l->retry_us);
	list_for_each(e, &g->endpoints, struct endpoint, node)
		if (!e->target && e->retry_us)
			due = earlier(due, e->retry_us);
	return due;
}

static uint64_t next_look(const struct gateway *g, uint64_t now)
{
	const struct endpoint *e;

	list_for_each(e, &g->retired, struct endpoint, node)
		if (endpoint_isdn_span(e))
			return now + LOOK_US;
	return list_empty(&g->retired_ports) ? UINT64_MAX : now + PORTS_US;
}

static void settle(void *arg);

static void settle_due(struct loop_timer *timer, void *arg)
{
	(void)timer;
	settle(arg);
}

static void settle(void *arg)
{
	struct gateway *g = arg;
	uint64_t now = now_of(g), due;

	if (g->stopping)
		return;
	close_endpoints(g, now);
	close_lines(g);
	close_interfaces(g);
	close_ports(g);
	open_interfaces(g, now);
	open_lines(g, now);
	open_endpoints(g, now);
	due = earlier(next_retry(g), next_look(g, now));
	if (due <= now) /* it was time, but something is in the way */
		due = now + LOOK_US;
	if (due != UINT64_MAX)
		loop_timer_start_at(g->loop, &g->settle_timer, due, settle_due, g);
}

void settle_soon(struct gateway *g)
{
	if (!g->stopping)
		loop_defer(g->loop, &g->settle_soon, settle, g);
}

void settle_stop(struct gateway *g)
{
	loop_timer_stop(g->loop, &g->settle_timer);
	loop_defer_cancel(g->loop, &g->settle_soon);
}
