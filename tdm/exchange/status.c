/* SPDX-License-Identifier: GPL-2.0-only */
#include "tdm/exchange/status.h"

#include <stdio.h>

static json_t *counters_json(const void *counters, const struct counter_info *info, size_t count)
{
	json_t *object = json_object();

	for (size_t i = 0; i < count; i++)
		json_object_set_new(object, info[i].name,
				    json_integer((json_int_t)counter_of(counters, &info[i])));
	return object;
}

static json_t *slots_json(const struct isdn_span *span)
{
	json_t *object = json_object();
	char key[4];

	for (unsigned timeslot = 0; timeslot < E1_TIMESLOTS; timeslot++) {
		snprintf(key, sizeof(key), "%u", timeslot);
		json_object_set_new(
			object, key,
			json_string(isdn_slot_state_name(isdn_span_slot(span, timeslot, NULL))));
	}
	return object;
}

static json_t *span_json(const struct isdn_span *span)
{
	json_t *object = json_object();

	json_object_set_new(object, "name", json_string(isdn_span_name(span)));
	json_object_set_new(object, "role",
			    json_string(isdn_span_conf(span)->role == CONF_ROLE_NT ? "nt" : "te"));
	json_object_set_new(object, "state",
			    json_string(isdn_span_state_name(isdn_span_state(span))));
	json_object_set_new(object, "up", json_boolean(isdn_span_state(span) == SPAN_UP));
	json_object_set_new(object, "ready", json_boolean(ex_exchange_span_ready(span)));
	json_object_set_new(object, "calls", json_integer(isdn_span_calls(span)));
	json_object_set_new(object, "idle_channels", json_integer(isdn_span_idle_channels(span)));
	json_object_set_new(object, "timeslots", slots_json(span));
	json_object_set_new(object, "counters",
			    counters_json(isdn_span_counters(span), isdn_span_counter_info,
					  isdn_span_counter_count));
	return object;
}

static json_t *line_json(const struct e1_line *line)
{
	json_t *object = json_object();
	char text[64];

	json_object_set_new(object, "name", json_string(e1_line_name(line)));
	json_object_set_new(object, "alarms",
			    json_string(e1_alarm_text(e1_line_alarms(line), text)));
	json_object_set_new(
		object, "counters",
		counters_json(e1_line_counters(line), e1_counter_info, e1_counter_count));
	return object;
}

static void add_call(const struct ex_seat *seat, void *arg)
{
	struct ex_media_result media;
	json_t *object;

	ex_media_result(seat->media, &media);
	object = ex_record_json(&seat->record, &media);
	json_object_del(object, "messages");
	json_object_del(object, "wire");
	if (seat->call)
		json_object_set_new(object, "state", json_string(isdn_call_state_name(seat->call)));
	json_array_append_new(arg, object);
}

json_t *ex_status_json(const struct ex_exchange *exchange)
{
	json_t *object = json_object(), *spans = json_array(), *lines = json_array(),
	       *calls = json_array();

	for (size_t i = 0; i < ex_exchange_span_count(exchange); i++)
		json_array_append_new(spans, span_json(ex_exchange_span(exchange, i)));
	for (size_t i = 0; i < ex_exchange_line_count(exchange); i++)
		json_array_append_new(lines, line_json(ex_exchange_line(exchange, i)));
	ex_exchange_each_call(exchange, add_call, calls);
	json_object_set_new(object, "spans", spans);
	json_object_set_new(object, "lines", lines);
	json_object_set_new(object, "calls", calls);
	return object;
}
