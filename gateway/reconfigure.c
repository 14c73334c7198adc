/* SPDX-License-Identifier: GPL-2.0-only */
/* From one site to another. Preparing decides for each part that the new site names whether the one
 * that runs may stay, makes the others, and opens of them what nothing is in the way of; committing
 * only moves parts from list to list. settle.c does the rest. */
#include "gateway/reconfigure_private.h"

#include "base/log.h"
#include "base/mem.h"
#include "gateway/admission.h"
#include "gateway/call.h"
#include "gateway/ladder.h"
#include "trunk/rtp.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* One part that the new site names. */
struct choice {
	void *kept;              /* runs already and stays; borrowed from the gateway */
	void *made;              /* else this one, ours until it is committed */
	struct endpoint
		*revive; /* drains now and is what is wanted: rather this one; a reference */
	bool gentle;             /* the one it replaces keeps its calls even when others are cut */
};

struct choices {
	struct choice *at;
	size_t count;
};

struct reconfiguration {
	struct gateway *gateway;
	struct site *site;
	const struct machine_conf *conf;
	struct choices interfaces, lines, trunks, spans;
	struct rtp_ports *ports;         /* NULL: those there are stay */
	struct gateway_ports *old_ports; /* where those go then */
};

/* ---- What stays ---- */

/* 0: the same; 1: other, and how; -ENOMEM. */
static int compare(enum site_object object, const void *from, const void *to,
		   enum site_effect *effect)
{
	*effect = SITE_AT_ONCE;
	return site_compare(object, from, to, effect, NULL);
}

static const struct choice *choice_of_line(const struct reconfiguration *r, const char *name)
{
	for (size_t i = 0; i < r->lines.count; i++)
		if (strcmp(r->conf->lines[i].name, name) == 0)
			return &r->lines.at[i];
	return NULL;
}

static const struct choice *choice_of_interface(const struct reconfiguration *r, const char *name)
{
	for (size_t i = 0; i < r->interfaces.count; i++)
		if (strcmp(r->conf->interfaces[i].name, name) == 0)
			return &r->interfaces.at[i];
	return NULL;
}

static bool is_kept(const struct choices *choices, const void *part)
{
	for (size_t i = 0; i < choices->count; i++)
		if (choices->at[i].kept == part)
			return true;
	return false;
}

/* ---- Is something in the way that will go? ---- */

static bool interface_blocked(const struct reconfiguration *r,
			      const struct conf_sip_interface *conf)
{
	const struct gateway *g = r->gateway;
	const struct list *const interfaces[] = { &g->interfaces, &g->retired_interfaces };
	const struct list *const lines[] = { &g->lines, &g->retired_lines };
	const struct gateway_interface *i;
	const struct gateway_line *l;

	for (unsigned k = 0; k < 2; k++) {
		list_for_each(i, interfaces[k], struct gateway_interface, node)
			if (i->open && !is_kept(&r->interfaces, i) &&
			    interfaces_collide(i->conf, conf))
				return true;
		list_for_each(l, lines[k], struct gateway_line, node)
			if ((l->line || l->closing) && !is_kept(&r->lines, l) &&
			    line_needs_address(l->conf, conf))
				return true;
	}
	return false;
}

static bool line_blocked(const struct reconfiguration *r, const struct conf_line *conf)
{
	const struct gateway *g = r->gateway;
	const struct list *const interfaces[] = { &g->interfaces, &g->retired_interfaces };
	const struct list *const lines[] = { &g->lines, &g->retired_lines };
	const struct gateway_interface *i;
	const struct gateway_line *l;

	for (unsigned k = 0; k < 2; k++) {
		list_for_each(i, interfaces[k], struct gateway_interface, node)
			if (i->open && !is_kept(&r->interfaces, i) &&
			    line_needs_address(conf, i->conf))
				return true;
		list_for_each(l, lines[k], struct gateway_line, node)
			if ((l->line || l->closing) && !is_kept(&r->lines, l) &&
			    lines_collide(l->conf, conf))
				return true;
	}
	return false;
}

/* ---- Interfaces ---- */

static int choose_interfaces(struct reconfiguration *r, struct fault_text *fault)
{
	for (size_t i = 0; i < r->interfaces.count; i++) {
		const struct conf_sip_interface *conf = &r->conf->interfaces[i];
		struct gateway_interface *now = gateway_interface(r->gateway, conf->name);
		struct choice *choice = &r->interfaces.at[i];
		enum site_effect effect;
		int rc = now ? compare(SITE_INTERFACE, now->conf, conf, &effect) : 1;

		if (rc == 0)
			choice->kept = now;
		else if (rc > 0)
			choice->made = part_interface(r->gateway, r->site, conf);
		if (rc < 0 || (!choice->kept && !choice->made))
			return fault_say(fault, -ENOMEM, "out of memory");
	}
	return 0;
}

/* One whose name is taken in the stack until the change is committed can only be tried. */
static int try_bind(const struct conf_sip_interface *conf)
{
	const int types[] = { conf->udp ? SOCK_DGRAM : 0, conf->tcp ? SOCK_STREAM : 0 };
	int rc = 0, on = 1;

	for (unsigned i = 0; i < 2 && rc == 0; i++) {
		int fd = types[i] ? socket(netaddr_family(&conf->address), types[i] | SOCK_CLOEXEC,
					   0)
				  : -1;

		if (!types[i])
			continue;
		if (fd >= 0 && types[i] == SOCK_STREAM)
			setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		if (fd < 0 || bind(fd, &conf->address.u.sa, netaddr_len(&conf->address)) < 0)
			rc = -errno;
		if (fd >= 0)
			close(fd);
	}
	return rc;
}

static int open_interfaces(struct reconfiguration *r, struct fault_text *fault)
{
	for (size_t i = 0; i < r->interfaces.count; i++) {
		struct gateway_interface *made = r->interfaces.at[i].made;
		int rc = 0;

		if (!made || interface_blocked(r, made->conf))
			continue;
		if (!gateway_interface(r->gateway, made->conf->name)) {
			rc = sip_stack_add_interface(r->gateway->sip, made->conf, fault->text,
						     fault->room);
			made->open = rc == 0;
		} else {
			rc = try_bind(made->conf);
			if (rc < 0)
				fault_say(fault, rc, "sip interface %s: %s", made->conf->name,
					  strerror(-rc));
		}
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* ---- Lines ---- */

static int choose_lines(struct reconfiguration *r, struct fault_text *fault)
{
	for (size_t i = 0; i < r->lines.count; i++) {
		const struct conf_line *conf = &r->conf->lines[i];
		struct gateway_line *now = gateway_line(r->gateway, conf->name);
		struct choice *choice = &r->lines.at[i];
		enum site_effect effect;
		int rc = now ? compare(SITE_LINE, now->conf, conf, &effect) : 1;

		if (rc == 0)
			choice->kept = now;
		else if (rc > 0)
			choice->made = part_line(r->gateway, r->site, conf);
		if (rc < 0 || (!choice->kept && !choice->made))
			return fault_say(fault, -ENOMEM, "out of memory");
	}
	return 0;
}

static int open_lines(struct reconfiguration *r, struct fault_text *fault)
{
	for (size_t i = 0; i < r->lines.count; i++) {
		struct gateway_line *made = r->lines.at[i].made;
		int rc = made && !line_blocked(r, made->conf) ? part_line_open(made) : 0;

		if (rc < 0)
			return fault_say(fault, rc, "line %s: %s", made->conf->name, strerror(-rc));
	}
	return 0;
}

/* ---- Trunks and spans ---- */

/* One that drains and is the same as what is wanted now. */
static struct endpoint *find_drained(const struct gateway *g, enum site_object object,
				     const char *name, const void *conf, int *rc)
{
	enum site_effect effect;
	struct endpoint *e;

	list_for_each(e, &g->retired, struct endpoint, node)
	{
		if (object != SITE_SPAN || !endpoint_isdn_span(e) || strcmp(e->name, name) != 0)
			continue;
		*rc = compare(object, e->span, conf, &effect);
		if (*rc == 0 && e->line && !e->line->retired)
			return e;
		if (*rc < 0)
			return NULL;
	}
	return NULL;
}

static int choose_trunk(struct reconfiguration *r, const struct conf_trunk *conf,
			struct choice *choice)
{
	struct endpoint *now = gateway_endpoint(r->gateway, conf->name);
	const struct choice *interface = choice_of_interface(r, conf->interface);
	enum site_effect effect = SITE_DRAINS;
	int rc = 1;

	if (now && !endpoint_is_trunk(now))
		now = NULL;
	if (now)
		rc = compare(SITE_TRUNK, now->trunk, conf, &effect);
	if (rc < 0)
		return rc;
	choice->gentle = now && effect == SITE_AT_ONCE && interface->kept;
	if (rc == 0 && interface->kept)
		choice->kept = now;
	else
		choice->made = part_trunk(r->gateway, r->site, conf);
	return choice->kept || choice->made ? 0 : -ENOMEM;
}

static int choose_trunks(struct reconfiguration *r, struct fault_text *fault)
{
	for (size_t i = 0; i < r->trunks.count; i++)
		if (choose_trunk(r, &r->conf->trunks[i], &r->trunks.at[i]) < 0)
			return fault_say(fault, -ENOMEM, "out of memory");
	return 0;
}

/* Held until the commit. */
static int open_trunks(struct reconfiguration *r, struct fault_text *fault)
{
	for (size_t i = 0; i < r->trunks.count; i++) {
		struct endpoint *made = r->trunks.at[i].made;
		const struct choice *on =
			made ? choice_of_interface(r, made->trunk->interface) : NULL;
		const struct gateway_interface *interface =
			on ? (on->kept ? on->kept : on->made) : NULL;
		struct sip_trunk *trunk = NULL;
		int rc = 0;

		if (interface && interface->open)
			rc = sip_stack_add_trunk(r->gateway->sip, made->trunk, &trunk, fault->text,
						 fault->room);
		if (rc < 0)
			return rc;
		if (trunk)
			made->target = trunk;
	}
	return 0;
}

static int choose_span(struct reconfiguration *r, const struct conf_span *conf,
		       struct choice *choice)
{
	struct endpoint *now = gateway_endpoint(r->gateway, conf->name);
	enum site_effect effect = SITE_DRAINS;
	bool line_stays = choice_of_line(r, conf->line)->kept != NULL;
	int rc = 1;

	if (now && endpoint_is_trunk(now))
		now = NULL;
	if (now)
		rc = compare(SITE_SPAN, now->span, conf, &effect);
	if (rc < 0)
		return rc;
	if (now && line_stays && effect == SITE_AT_ONCE) {
		choice->kept = now;
		return 0;
	}
	rc = 0;
	if (line_stays)
		choice->revive = endpoint_ref(
			find_drained(r->gateway, SITE_SPAN, conf->name, conf, &rc));
	if (rc >= 0)
		choice->made = part_span(r->gateway, r->site, conf);
	return choice->made ? 0 : -ENOMEM;
}

static int choose_spans(struct reconfiguration *r, struct fault_text *fault)
{
	for (size_t i = 0; i < r->spans.count; i++)
		if (choose_span(r, &r->conf->spans[i], &r->spans.at[i]) < 0)
			return fault_say(fault, -ENOMEM, "out of memory");
	return 0;
}

/* ---- Media ---- */

static int make_ports(struct reconfiguration *r, struct fault_text *fault)
{
	const struct conf_media *now = &r->gateway->conf->media, *to = &r->conf->media;
	int rc;

	if (now->port_first == to->port_first && now->port_last == to->port_last)
		return 0;
	r->old_ports = mem_zalloc(sizeof(*r->old_ports));
	if (!r->old_ports)
		return fault_say(fault, -ENOMEM, "out of memory");
	rc = rtp_ports_create(&r->ports, to->port_first, to->port_last);
	return rc < 0 ? fault_say(fault, rc, "media: ports %u-%u: %s", to->port_first,
				  to->port_last, strerror(-rc))
		      : 0;
}

/* ---- Preparing ---- */

static int make_choices(struct choices *choices, size_t count)
{
	choices->at = mem_calloc(count ? count : 1, sizeof(struct choice));
	choices->count = choices->at ? count : 0;
	return choices->at ? 0 : -ENOMEM;
}

static int make_all_choices(struct reconfiguration *r, struct fault_text *fault)
{
	if (make_choices(&r->interfaces, r->conf->interface_count) < 0 ||
	    make_choices(&r->lines, r->conf->line_count) < 0 ||
	    make_choices(&r->trunks, r->conf->trunk_count) < 0 ||
	    make_choices(&r->spans, r->conf->span_count) < 0)
		return fault_say(fault, -ENOMEM, "out of memory");
	return 0;
}

/* All choices first: what is in the way depends on what stays. */
static int prepare_all(struct reconfiguration *r, struct fault_text *fault)
{
	int (*const steps[])(struct reconfiguration *, struct fault_text *) = {
		make_all_choices, choose_interfaces, choose_lines, choose_trunks, choose_spans,
		make_ports,       open_interfaces,   open_lines,   open_trunks,
	};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(steps) / sizeof(steps[0]); i++)
		rc = steps[i](r, fault);
	return rc;
}

int gateway_prepare(struct reconfiguration **out, struct gateway *gateway, struct site *site,
		    char *error, size_t error_room)
{
	struct fault_text fault = { error, error_room };
	struct reconfiguration *r;
	int rc;

	if (gateway->preparing)
		return fault_say(&fault, -EBUSY, "another change is being prepared");
	if (gateway->refusing)
		return fault_say(&fault, -ESHUTDOWN, "the gateway is ending");
	r = mem_zalloc(sizeof(*r));
	if (!r)
		return fault_say(&fault, -ENOMEM, "out of memory");
	r->gateway = gateway;
	r->site = site_ref(site);
	r->conf = site_machine(site);
	gateway->preparing = r;
	rc = prepare_all(r, &fault);
	if (rc < 0)
		goto fail;
	*out = r;
	return 0;
fail:
	gateway_abandon(&r);
	return rc;
}

/* ---- Giving up ---- */

/* What is open goes the way of what was retired. */
static void abandon_interface(struct gateway_interface *made)
{
	if (made && made->open)
		retire_interface(made);
	else
		part_interface_free(&made);
}

static void abandon_line(struct gateway_line *made)
{
	if (made && made->line)
		retire_line(made);
	else
		part_line_free(&made);
}

static void abandon_endpoint(struct endpoint *made)
{
	if (made && made->target)
		retire_endpoint(made);
	else
		part_endpoint_free(&made);
}

static void free_choices(struct choices *choices)
{
	for (size_t i = 0; i < choices->count; i++)
		endpoint_unref(choices->at[i].revive);
	mem_free(choices->at);
}

static void free_reconfiguration(struct reconfiguration *r)
{
	free_choices(&r->interfaces);
	free_choices(&r->lines);
	free_choices(&r->trunks);
	free_choices(&r->spans);
	if (r->ports)
		rtp_ports_destroy(&r->ports);
	mem_free(r->old_ports);
	r->gateway->preparing = NULL;
	settle_soon(r->gateway);
	site_unref(&r->site);
	mem_free(r);
}

void gateway_abandon(struct reconfiguration **change)
{
	struct reconfiguration *r = *change;

	if (!r)
		return;
	*change = NULL;
	for (size_t i = 0; i < r->trunks.count; i++)
		abandon_endpoint(r->trunks.at[i].made);
	for (size_t i = 0; i < r->spans.count; i++)
		abandon_endpoint(r->spans.at[i].made);
	for (size_t i = 0; i < r->interfaces.count; i++)
		abandon_interface(r->interfaces.at[i].made);
	for (size_t i = 0; i < r->lines.count; i++)
		abandon_line(r->lines.at[i].made);
	free_reconfiguration(r);
}

/* ---- Committing ---- */

static void take(struct list *head, struct list *node)
{
	list_remove(node);
	list_append(head, node);
}

/* The new list, in the order of the configuration; what is left in the old one is retired. */
static void commit_interfaces(struct reconfiguration *r)
{
	struct gateway *g = r->gateway;
	struct gateway_interface *i;
	struct list wanted;

	list_init(&wanted);
	for (size_t k = 0; k < r->interfaces.count; k++) {
		struct choice *choice = &r->interfaces.at[k];

		i = choice->kept ? choice->kept : choice->made;
		take(&wanted, &i->node);
	}
	list_for_each(i, &g->interfaces, struct gateway_interface, node) retire_interface(i);
	list_for_each(i, &wanted, struct gateway_interface, node) take(&g->interfaces, &i->node);
}

static void commit_lines(struct reconfiguration *r)
{
	struct gateway *g = r->gateway;
	struct gateway_line *l;
	struct list wanted;

	list_init(&wanted);
	for (size_t k = 0; k < r->lines.count; k++) {
		struct choice *choice = &r->lines.at[k];

		l = choice->kept ? choice->kept : choice->made;
		take(&wanted, &l->node);
	}
	list_for_each(l, &g->lines, struct gateway_line, node) retire_line(l);
	list_for_each(l, &wanted, struct gateway_line, node) take(&g->lines, &l->node);
}

/* What the administrator has switched stays so, unless the configuration says otherwise now. */
static void inherit(struct endpoint *to, const struct endpoint *from, bool was_enabled,
		    bool is_enabled)
{
	to->off = was_enabled == is_enabled ? from->off : !is_enabled;
	to->calls_in = from->calls_in;
	to->calls_out = from->calls_out;
}

static struct endpoint *commit_trunk(struct reconfiguration *r, size_t i)
{
	struct choice *choice = &r->trunks.at[i];
	struct endpoint *e = choice->kept ? choice->kept : choice->made;
	struct endpoint *old = gateway_endpoint(r->gateway, e->name);

	e->index = (unsigned)i;
	if (choice->kept)
		return e;
	if (old && endpoint_is_trunk(old)) {
		inherit(e, old, old->trunk->enabled, e->trunk->enabled);
		old->gentle = choice->gentle;
		if (choice->gentle && old->target && e->target)
			sip_trunk_take_health(e->target, old->target);
	}
	endpoint_apply_off(e);
	if (e->target)
		sip_trunk_serve(e->target);
	return e;
}

/* Its settings in place; those that it had are read no more. Also when none differs, so that it
 * holds no earlier reading. */
static void update_span(struct reconfiguration *r, struct endpoint *e, const struct conf_span *conf)
{
	struct site *old = e->site;

	if (e->span->enabled != conf->enabled)
		e->off = !conf->enabled;
	if (e->target)
		isdn_span_set_conf(e->target, conf);
	e->site = site_ref(r->site);
	endpoint_from_span(e, conf);
	endpoint_apply_off(e);
	site_unref(&old);
}

/* The one that drains comes back, with the calls that it has. */
static struct endpoint *revive_span(struct choice *choice)
{
	struct endpoint *e = choice->revive;

	part_endpoint_free((struct endpoint **)&choice->made);
	e->retired = false;
	e->idle_us = 0;
	return e;
}

static struct endpoint *commit_span(struct reconfiguration *r, size_t i)
{
	struct choice *choice = &r->spans.at[i];
	const struct conf_span *conf = &r->conf->spans[i];
	struct endpoint *e = choice->kept ? choice->kept : choice->made;
	struct endpoint *old = gateway_endpoint(r->gateway, conf->name);
	bool off = e->off;

	if (!choice->kept && old && !endpoint_is_trunk(old)) {
		inherit(e, old, old->span->enabled, conf->enabled);
		off = e->off;
	}
	if (choice->kept)
		update_span(r, e, conf);
	if (choice->revive && choice->revive->target) {
		e = revive_span(choice);
		e->off = off;
		endpoint_apply_off(e);
	}
	e->index = (unsigned)(r->trunks.count + i);
	return e;
}

static void commit_endpoints(struct reconfiguration *r)
{
	struct gateway *g = r->gateway;
	struct endpoint *e;
	struct list wanted;

	list_init(&wanted);
	for (size_t i = 0; i < r->trunks.count; i++)
		r->trunks.at[i].made = commit_trunk(r, i);
	for (size_t i = 0; i < r->spans.count; i++)
		r->spans.at[i].made = commit_span(r, i);
	for (size_t i = 0; i < r->trunks.count; i++)
		take(&wanted, &((struct endpoint *)r->trunks.at[i].made)->node);
	for (size_t i = 0; i < r->spans.count; i++)
		take(&wanted, &((struct endpoint *)r->spans.at[i].made)->node);
	list_for_each(e, &g->endpoints, struct endpoint, node) retire_endpoint(e);
	list_for_each(e, &wanted, struct endpoint, node) take(&g->endpoints, &e->node);
}

static void commit_ports(struct reconfiguration *r)
{
	struct gateway *g = r->gateway;

	if (!r->ports)
		return;
	r->old_ports->ports = g->rtp_ports;
	list_append(&g->retired_ports, &r->old_ports->node);
	g->rtp_ports = r->ports;
	r->old_ports = NULL;
	r->ports = NULL;
}

static void commit_settings(struct reconfiguration *r)
{
	struct gateway *g = r->gateway;
	const struct machine_conf *from = g->conf;
	struct site *old = g->site;

	if (from->log.level != r->conf->log.level)
		log_set_level((enum log_level)r->conf->log.level);
	ladder_book_keep(g->ladders, r->conf->ladder_calls);
	g->site = site_ref(r->site);
	g->conf = r->conf;
	admission_set(g);
	site_unref(&old);
}

static void cut_drained(struct gateway *g)
{
	struct endpoint *e;

	list_for_each(e, &g->retired, struct endpoint, node)
		if (!e->gentle)
			endpoint_cut(e);
}

void gateway_commit(struct reconfiguration **change, struct dialplan *plan, bool now)
{
	struct reconfiguration *r = *change;
	struct gateway *g = r->gateway;

	*change = NULL;
	commit_interfaces(r);
	commit_lines(r);
	commit_endpoints(r);
	commit_ports(r);
	commit_settings(r);
	gateway_set_plan(g, plan);
	free_reconfiguration(r);
	if (now)
		cut_drained(g);
}

void gateway_set_plan(struct gateway *gateway, struct dialplan *plan)
{
	struct dialplan *old = gateway->plan;

	gateway->plan = plan;
	if (old && gateway->plan_retired)
		gateway->plan_retired(gateway->plan_retired_arg, old);
	else
		dialplan_unref(&old);
}

/* ---- The administrator's switch ---- */

int gateway_switch(struct gateway *gateway, const char *name, bool enabled, bool now)
{
	struct endpoint *e = gateway_endpoint(gateway, name);

	if (!e)
		return -ENOENT;
	e->off = !enabled;
	endpoint_apply_off(e);
	if (e->off && now)
		endpoint_cut(e);
	return 0;
}

enum endpoint_admin endpoint_admin(const struct endpoint *endpoint)
{
	if (!endpoint->off && !endpoint->retired)
		return ENDPOINT_ENABLED;
	return endpoint->calls_now ? ENDPOINT_DRAINING : ENDPOINT_DISABLED;
}

unsigned gateway_draining(const struct gateway *gateway,
			  void (*each)(void *arg, const char *kind, const char *name,
				       unsigned calls),
			  void *arg)
{
	const struct list *const lists[] = { &gateway->endpoints, &gateway->retired };
	const struct endpoint *e;
	unsigned count = 0;

	for (unsigned i = 0; i < 2; i++)
		list_for_each(e, lists[i], struct endpoint, node)
			if (endpoint_admin(e) == ENDPOINT_DRAINING) {
				count++;
				if (each)
					each(arg, e->kind, e->name, e->calls_now);
			}
	return count;
}
