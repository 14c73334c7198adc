/* SPDX-License-Identifier: GPL-2.0-only */
/* One part of a gateway each: SIP interface, line, trunk, span. Made from a site, opened, closed.
 * */
#include "gateway/gateway_private.h"

#include "base/log.h"
#include "base/mem.h"
#include "gateway/admission.h"
#include "gateway/leg_isdn.h"
#include "gateway/leg_sip.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int fault_say(struct fault_text *fault, int rc, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(fault->text, fault->room, format, args);
	va_end(args);
	return rc;
}

/* ---- Making ---- */

struct gateway_interface *part_interface(struct gateway *gateway, struct site *site,
					 const struct conf_sip_interface *conf)
{
	struct gateway_interface *interface = mem_zalloc(sizeof(*interface));

	if (!interface)
		return NULL;
	list_init(&interface->node);
	interface->gateway = gateway;
	interface->site = site_ref(site);
	interface->conf = conf;
	return interface;
}

struct gateway_line *part_line(struct gateway *gateway, struct site *site,
			       const struct conf_line *conf)
{
	struct gateway_line *line = mem_zalloc(sizeof(*line));

	if (!line)
		return NULL;
	list_init(&line->node);
	line->gateway = gateway;
	line->site = site_ref(site);
	line->conf = conf;
	return line;
}

static struct endpoint *part_endpoint(struct gateway *gateway, struct site *site)
{
	struct endpoint *endpoint = mem_zalloc(sizeof(*endpoint));

	if (!endpoint)
		return NULL;
	list_init(&endpoint->node);
	endpoint->gateway = gateway;
	endpoint->site = site_ref(site);
	return endpoint;
}

struct endpoint *part_trunk(struct gateway *gateway, struct site *site,
			    const struct conf_trunk *conf)
{
	struct endpoint *endpoint = part_endpoint(gateway, site);

	if (!endpoint)
		return NULL;
	endpoint_from_trunk(endpoint, conf);
	endpoint->index = (unsigned)(conf - site_machine(site)->trunks);
	endpoint->off = !conf->enabled;
	endpoint->make_leg = leg_sip_make;
	endpoint->available = leg_sip_available;
	return endpoint;
}

struct endpoint *part_span(struct gateway *gateway, struct site *site, const struct conf_span *conf)
{
	struct endpoint *endpoint = part_endpoint(gateway, site);
	const struct machine_conf *machine = site_machine(site);

	if (!endpoint)
		return NULL;
	endpoint_from_span(endpoint, conf);
	endpoint->index = (unsigned)(machine->trunk_count + (size_t)(conf - machine->spans));
	endpoint->off = !conf->enabled;
	endpoint->make_leg = leg_isdn_make;
	endpoint->available = leg_isdn_available;
	return endpoint;
}

void part_interface_free(struct gateway_interface **interface)
{
	struct gateway_interface *i = *interface;

	if (!i)
		return;
	*interface = NULL;
	list_remove(&i->node);
	site_unref(&i->site);
	loop_free_later(i->gateway->loop, i);
}

void part_line_free(struct gateway_line **line)
{
	struct gateway_line *l = *line;

	if (!l)
		return;
	*line = NULL;
	list_remove(&l->node);
	site_unref(&l->site);
	loop_free_later(l->gateway->loop, l);
}

void part_endpoint_free(struct endpoint **endpoint)
{
	struct endpoint *e = *endpoint;

	if (!e)
		return;
	*endpoint = NULL;
	list_remove(&e->node);
	site_unref(&e->site);
	loop_free_later(e->gateway->loop, e);
}

/* ---- Lines ---- */

static void line_alarms(struct e1_line *line, unsigned alarms, void *arg)
{
	char text[64];

	(void)arg;
	log_write(LOG_LEVEL_NOTICE, "line", e1_line_name(line), "alarms: %s",
		  e1_alarm_text(alarms, text));
}

static const struct e1_line_ops line_ops = { .alarms = line_alarms };

static unsigned lines_on(const struct gateway *gateway, const struct worker *worker)
{
	struct gateway_line *line;
	unsigned n = 0;

	list_for_each(line, &gateway->lines, struct gateway_line, node)
		n += line->worker == worker;
	list_for_each(line, &gateway->retired_lines, struct gateway_line, node)
		n += line->worker == worker;
	return n;
}

/* The worker with the fewest lines. */
static struct worker *choose_worker(const struct gateway *gateway)
{
	struct worker *best = gateway->workers[0];
	unsigned fewest = UINT_MAX;

	for (unsigned i = 0; i < gateway->worker_count; i++) {
		unsigned n = lines_on(gateway, gateway->workers[i]);

		if (n < fewest) {
			fewest = n;
			best = gateway->workers[i];
		}
	}
	return best;
}

int part_line_open(struct gateway_line *line)
{
	if (!line->worker)
		line->worker = choose_worker(line->gateway);
	return e1_line_open(&line->line, line->conf, line->worker, &line_ops, line);
}

static void line_closed(void *arg)
{
	struct gateway_line *line = arg;

	line->closing = false;
	part_closed(line->gateway);
}

void part_line_close(struct gateway_line *line)
{
	line->closing = true;
	line->gateway->closing++;
	e1_line_close(&line->line, line_closed, line);
}

/* ---- Spans ---- */

static const struct isdn_span_ops span_ops = { .incoming = leg_isdn_incoming };

int part_span_open(struct endpoint *endpoint)
{
	struct gateway *gateway = endpoint->gateway;
	struct gateway_line *line = gateway_line(gateway, endpoint->span->line);
	struct isdn_span_cfg cfg = { .conf = endpoint->span,
				     .line = line ? line->line : NULL,
				     .loop = gateway->loop,
				     .trace = &gateway->trace };
	struct isdn_span *span = NULL;
	int rc = cfg.line ? isdn_span_create(&span, &cfg, &span_ops, gateway) : -ENOENT;

	if (rc < 0)
		return rc;
	endpoint->target = span;
	endpoint->line = line;
	return 0;
}

static void span_closed(void *arg)
{
	struct endpoint *endpoint = arg;

	endpoint->closing = false;
	endpoint->line = NULL;
	part_closed(endpoint->gateway);
}

void part_span_close(struct endpoint *endpoint)
{
	struct isdn_span *span = endpoint->target;

	endpoint->target = NULL;
	endpoint->closing = true;
	endpoint->gateway->closing++;
	isdn_span_close(&span, span_closed, endpoint);
}

/* ---- Trunks ---- */

static void trunk_state(struct sip_trunk *trunk, bool up, void *arg)
{
	(void)arg;
	log_write(LOG_LEVEL_NOTICE, "trunk", sip_trunk_conf(trunk)->name,
		  up ? "answers" : "doesn't answer");
}

const struct sip_stack_ops part_stack_ops = { .incoming = leg_sip_incoming,
					      .admit = admission_of_invite,
					      .emergency = admission_is_emergency,
					      .trunk_state = trunk_state };
