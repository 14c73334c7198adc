/* SPDX-License-Identifier: GPL-2.0-only */
/* Spans, trunks, and the machine as a whole. */
#include "gateway/inspect.h"

#include "base/mem.h"
#include "gateway/overload.h"
#include "gateway/reconfigure.h"
#include "hw/e1.h"
#include "tdm/span.h"
#include "trunk/sip.h"

#include <string.h>

/* ---- Spans ---- */

static const char *role_name(const struct conf_span *conf)
{
	return conf->role == CONF_ROLE_NT ? "nt" : "te";
}

static json_t *alarms_of(const struct isdn_span *span)
{
	char text[64];
	unsigned alarms = span ? e1_line_alarms(isdn_span_line(span)) : 0;

	return alarms ? json_string(e1_alarm_text(alarms, text)) : json_null();
}

const char *inspect_admin_state(const struct endpoint *endpoint)
{
	if (!endpoint->off)
		return "enabled";
	return endpoint->calls_now ? "draining" : "disabled";
}

/* One that can't be opened is down. */
static json_t *span_row(const struct endpoint *endpoint)
{
	const struct conf_span *conf = endpoint->span;
	const struct isdn_span *span = endpoint_isdn_span(endpoint);

	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:i, s:i, s:o}", "name", conf->name,
			 "line", conf->line, "role", role_name(conf), "state",
			 isdn_span_state_name(span ? isdn_span_state(span) : SPAN_DOWN), "admin",
			 inspect_admin_state(endpoint), "alarms", alarms_of(span), "calls",
			 span ? (int)isdn_span_calls(span) : 0, "idle",
			 span ? (int)isdn_span_idle_channels(span) : 0, "group",
			 inspect_text(conf->group));
}

json_t *inspect_spans(const struct gateway *gateway)
{
	const struct endpoint *endpoint;
	json_t *rows = json_array();

	list_for_each(endpoint, &gateway->endpoints, struct endpoint, node)
		if (!endpoint_is_trunk(endpoint))
			json_array_append_new(rows, span_row(endpoint));
	return json_pack("{s:o}", "spans", rows);
}

/* Which of our calls holds this ISDN call: the leg of the same key. */
static const char *call_of_key(const struct gateway *gateway, const char *key)
{
	const struct call *call;

	list_for_each(call, &gateway->calls, struct call, node)
		for (unsigned seat = 0; seat < 2; seat++) {
			const struct leg *leg = call->seats[seat];
			const char *leg_key = leg ? leg->ops->key(leg) : NULL;

			if (leg_key && strcmp(leg_key, key) == 0)
				return call->id;
		}
	return NULL;
}

static json_t *timeslot_object(const struct gateway *gateway, const struct isdn_span *span,
			       unsigned timeslot)
{
	struct isdn_call *isdn = NULL;
	enum isdn_slot_state state = isdn_span_slot(span, timeslot, &isdn);
	const char *key = isdn ? isdn_call_key(isdn) : NULL;

	return json_pack("{s:i, s:s, s:o, s:o, s:o}", "timeslot", (int)timeslot, "state",
			 isdn_slot_state_name(state), "key", inspect_text(key), "call",
			 inspect_text(key ? call_of_key(gateway, key) : NULL), "q931_state",
			 inspect_text(isdn ? isdn_call_state_name(isdn) : NULL));
}

static json_t *timeslots_array(const struct gateway *gateway, const struct isdn_span *span)
{
	json_t *slots = json_array();

	for (unsigned timeslot = 0; timeslot < E1_TIMESLOTS; timeslot++)
		json_array_append_new(slots, timeslot_object(gateway, span, timeslot));
	return slots;
}

json_t *inspect_span(const struct gateway *gateway, const char *name)
{
	const struct endpoint *endpoint = gateway_endpoint(gateway, name);
	const struct isdn_span *span = endpoint ? endpoint_isdn_span(endpoint) : NULL;
	const struct e1_line *line;
	json_t *object;

	if (!endpoint || endpoint_is_trunk(endpoint))
		return NULL;
	object = span_row(endpoint);
	if (!span) {
		json_object_set_new(object, "timeslots", json_null());
		json_object_set_new(object, "counters", json_null());
		json_object_set_new(object, "line_counters", json_null());
		return object;
	}
	line = isdn_span_line(span);
	json_object_set_new(object, "timeslots", timeslots_array(gateway, span));
	json_object_set_new(object, "counters",
			    inspect_counters(isdn_span_counters(span), isdn_span_counter_info,
					     isdn_span_counter_count));
	json_object_set_new(
		object, "line_counters",
		inspect_counters(e1_line_counters(line), e1_counter_info, e1_counter_count));
	return object;
}

/* ---- Trunks ---- */

static json_t *trunk_row(const struct endpoint *endpoint)
{
	const struct conf_trunk *conf = endpoint->trunk;
	const struct sip_trunk *trunk = endpoint_sip_trunk(endpoint);

	return json_pack(
		"{s:s, s:o, s:o, s:s, s:b, s:s, s:i, s:i, s:o, s:o}", "name", conf->name,
		"interface", inspect_text(conf->interface), "peer", inspect_text(conf->peer),
		"transport", conf->transport == CONF_TCP ? "tcp" : "udp", "up",
		trunk && sip_trunk_is_up(trunk), "admin", inspect_admin_state(endpoint), "calls",
		trunk ? (int)sip_trunk_calls(trunk) : 0, "max_calls", (int)conf->max_calls,
		"policy", inspect_text(conf->policy), "dial_plan", inspect_text(conf->dial_plan));
}

json_t *inspect_trunks(const struct gateway *gateway)
{
	const struct endpoint *endpoint;
	json_t *rows = json_array();

	list_for_each(endpoint, &gateway->endpoints, struct endpoint, node)
		if (endpoint_is_trunk(endpoint))
			json_array_append_new(rows, trunk_row(endpoint));
	return json_pack("{s:o}", "trunks", rows);
}

json_t *inspect_trunk(const struct gateway *gateway, const char *name)
{
	const struct endpoint *endpoint = gateway_endpoint(gateway, name);
	const struct conf_trunk *conf = endpoint ? endpoint->trunk : NULL;
	json_t *object = conf ? trunk_row(endpoint) : NULL;

	if (!object)
		return NULL;
	json_object_set_new(object, "calls_in", json_integer(endpoint->calls_in));
	json_object_set_new(object, "calls_out", json_integer(endpoint->calls_out));
	json_object_set_new(object, "calling_dial_plan", inspect_text(conf->calling_dial_plan));
	json_object_set_new(object, "called_translation", inspect_text(conf->called_translation));
	json_object_set_new(object, "calling_translation", inspect_text(conf->calling_translation));
	return object;
}

/* ---- The whole ---- */

static json_t *calls_object(const struct gateway *gateway)
{
	const struct gateway_counters *c = &gateway->counters;

	return json_pack("{s:i, s:I, s:I, s:I, s:I, s:I, s:I}", "now", (int)gateway->call_count,
			 "total", (json_int_t)c->calls_total, "answered",
			 (json_int_t)c->calls_answered, "failed", (json_int_t)c->calls_failed,
			 "attempts", (json_int_t)c->attempts, "failovers", (json_int_t)c->failovers,
			 "no_route", (json_int_t)c->no_route);
}

static json_t *workers_array(const struct gateway *gateway)
{
	json_t *rows = json_array();

	for (unsigned i = 0; i < gateway->worker_count; i++)
		json_array_append_new(rows,
				      json_pack("{s:s, s:i}", "name",
						worker_name(gateway->workers[i]), "load_permille",
						(int)worker_load_permille(gateway->workers[i])));
	return rows;
}

static json_t *dialplan_object(const struct gateway *gateway)
{
	if (!gateway->plan)
		return json_null();
	return json_pack("{s:I, s:I}", "routes", (json_int_t)dialplan_route_count(gateway->plan),
			 "limit_hits", (json_int_t)dialplan_limit_hits(gateway->plan));
}

static json_t *rtp_ports_object(const struct gateway *gateway)
{
	if (!gateway->rtp_ports)
		return json_null();
	return json_pack("{s:i, s:i}", "used", (int)rtp_ports_used(gateway->rtp_ports), "total",
			 (int)rtp_ports_total(gateway->rtp_ports));
}

static json_t *overload_object(const struct gateway *gateway)
{
	struct overload_state o;

	if (!gateway->overload)
		return json_null();
	overload_state(gateway->overload, &o);
	return json_pack("{s:i, s:i, s:i, s:i, s:{s:I, s:I, s:I}, s:I}", "lag_ms", (int)o.lag_ms,
			 "busy_permille", (int)o.busy_permille, "admitted_permille",
			 (int)o.share_permille, "new_calls_per_s", (int)o.rate, "refused",
			 "overload", (json_int_t)o.refused_lag, "max_calls",
			 (json_int_t)o.refused_calls, "max_rate", (json_int_t)o.refused_rate,
			 "emergencies", (json_int_t)o.emergencies);
}

/* Adds the members of `from` to `object`; takes `from`. */
static void merge(json_t *object, json_t *from)
{
	json_object_update(object, from);
	json_decref(from);
}

static void add_draining(void *arg, const char *kind, const char *name, unsigned calls)
{
	json_array_append_new(
		arg, json_pack("{s:s, s:s, s:i}", "kind", kind, "name", name, "calls", (int)calls));
}

static json_t *draining_array(const struct gateway *gateway)
{
	json_t *rows = json_array();

	gateway_draining(gateway, add_draining, rows);
	return rows;
}

json_t *inspect_status(const struct gateway *gateway)
{
	const struct clock *clock = loop_clock(gateway->loop);
	json_t *object =
		json_pack("{s:s, s:o, s:I, s:I}", "version", CAUSEWAY_VERSION, "started",
			  inspect_time(gateway->started_wall_us), "uptime_s",
			  (json_int_t)((clock_wall_us(clock) - gateway->started_wall_us) / 1000000),
			  "memory_blocks", (json_int_t)mem_live_blocks());

	if (!object)
		return NULL;
	json_object_set_new(object, "calls", calls_object(gateway));
	json_object_set_new(object, "overload", overload_object(gateway));
	json_object_set_new(object, "dialplan", dialplan_object(gateway));
	json_object_set_new(object, "ending", json_boolean(gateway->refusing || gateway->stopping));
	json_object_set_new(object, "draining", draining_array(gateway));
	json_object_set_new(object, "workers", workers_array(gateway));
	json_object_set_new(object, "rtp_ports", rtp_ports_object(gateway));
	merge(object, inspect_spans(gateway));
	merge(object, inspect_trunks(gateway));
	if (gateway->sip)
		json_object_set_new(object, "sip",
				    inspect_counters(sip_stack_counters(gateway->sip),
						     sip_counter_info, sip_counter_count));
	return object;
}
