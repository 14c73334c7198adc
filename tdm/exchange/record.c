/* SPDX-License-Identifier: GPL-2.0-only */
#include "tdm/exchange/record.h"

#include "tdm/exchange/info_json.h"
#include "tdm/exchange/names.h"

#include <stdio.h>
#include <string.h>

#define MESSAGES_KEPT 200 /* of one call; the journal has them all */

void ex_record_open(struct ex_record *r, struct ex_journal *journal, const struct clock *clock,
		    bool keep)
{
	list_init(&r->node);
	r->journal = journal;
	r->clock = clock;
	r->began_us = clock_now_us(clock);
	r->keep = keep;
	if (!keep)
		return;
	r->messages = json_array();
	r->wire = json_array();
}

void ex_record_close(struct ex_record *r)
{
	if (r->node.next)
		list_remove(&r->node);
	json_decref(r->messages);
	json_decref(r->wire);
	r->messages = r->wire = NULL;
}

void ex_record_identify(struct ex_record *r, const struct isdn_call *call)
{
	if (!r->key[0]) {
		snprintf(r->key, sizeof(r->key), "%s", isdn_call_key(call));
		snprintf(r->span, sizeof(r->span), "%s", isdn_span_name(isdn_call_span(call)));
	}
	if (isdn_call_timeslot(call))
		r->timeslot = isdn_call_timeslot(call);
}

static json_t *milliseconds(uint64_t us)
{
	return json_real((double)us / 1000.0);
}

static void add_identity(const struct ex_record *r, json_t *object)
{
	json_object_set_new(object, "call", json_integer(r->id));
	json_object_set_new(object, "origin", json_string(r->outgoing ? "outgoing" : "incoming"));
	json_object_set_new(object, "span", json_string(r->span));
	json_object_set_new(object, "timeslot", json_integer(r->timeslot));
	json_object_set_new(object, "key", json_string(r->key));
}

static bool is_clearing(const char *message)
{
	return !strcmp(message, "DISCONNECT") || !strcmp(message, "RELEASE");
}

void ex_record_message(struct ex_record *r, bool received, const char *message,
		       const struct isdn_info *info)
{
	bool keep = r->keep && json_array_size(r->messages) < MESSAGES_KEPT;
	json_t *object;

	if (!keep && !ex_journal_wanted(r->journal))
		return;
	object = json_object();
	json_object_set_new(object, "t_ms", milliseconds(clock_now_us(r->clock) - r->began_us));
	json_object_set_new(object, "direction", json_string(received ? "received" : "sent"));
	json_object_set_new(object, "message", json_string(message));
	if (info)
		ex_info_json(object, info, !strcmp(message, "SETUP"));
	if (keep)
		json_array_append_new(r->messages, json_deep_copy(object));
	json_object_set_new(object, "event", json_string("message"));
	if (is_clearing(message))
		json_object_set_new(object, "who", json_string(received ? "far" : "near"));
	add_identity(r, object);
	ex_journal_write(r->journal, object);
}

static void note_clearing(struct ex_record *r, bool by_far, struct q850_cause cause)
{
	if (!r->cause.value || (by_far && !r->clearing))
		r->cause = cause;
	if (r->clearing)
		return;
	r->clearing = true;
	r->far_cleared = by_far;
	r->clearing_us = clock_now_us(r->clock);
}

void ex_record_event(struct ex_record *r, enum isdn_event event, const struct isdn_info *info)
{
	uint64_t now = clock_now_us(r->clock);
	bool inband = info && isdn_info_inband(info);

	ex_record_message(r, true, ex_event_name(event), info);
	if (!r->alerted_us &&
	    (event == ISDN_ALERTING || event == ISDN_CONNECT || (event == ISDN_PROGRESS && inband)))
		r->alerted_us = now;
	if (!r->connected_us && event == ISDN_CONNECT)
		r->connected_us = now;
	if (event == ISDN_DISCONNECT || event == ISDN_RELEASED)
		note_clearing(r, true, info ? info->cause : q850(0, Q850_LOC_USER));
	if (event == ISDN_RELEASED)
		r->ended_us = now;
}

void ex_record_cleared_by_us(struct ex_record *r, struct q850_cause cause)
{
	note_clearing(r, false, cause);
}

json_t *ex_wire_json(const struct trace_record *trace)
{
	json_t *object = json_object();
	char hex[2 * 300 + 1] = "";

	json_object_set_new(object, "event", json_string("wire"));
	json_object_set_new(object, "direction",
			    json_string(trace->direction == TRACE_IN ? "received" : "sent"));
	json_object_set_new(object, "message", json_string(trace->summary ? trace->summary : ""));
	if (trace->octets && trace->length <= 300)
		ex_hex_text(trace->octets, trace->length, hex);
	json_object_set_new(object, "octets", json_string(hex));
	if (trace->call_key)
		json_object_set_new(object, "key", json_string(trace->call_key));
	json_object_set_new(object, "span", json_string(trace->object ? trace->object : ""));
	return object;
}

void ex_record_wire(struct ex_record *r, const struct trace_record *trace)
{
	json_t *object;
	uint64_t since = trace->monotonic_us > r->began_us ? trace->monotonic_us - r->began_us : 0;

	if (!r->keep || json_array_size(r->wire) >= MESSAGES_KEPT)
		return;
	object = ex_wire_json(trace);
	json_object_set_new(object, "t_ms", milliseconds(since));
	json_array_append_new(r->wire, object);
}

/* ---- Results ---- */

static json_t *heard_json(const struct ex_heard *heard)
{
	json_t *object = json_object();

	json_object_set_new(object, "octets", json_integer((json_int_t)heard->octets));
	json_object_set_new(object, "level_dbm0", json_real(heard->level_dbm0));
	json_object_set_new(object, "last_dbm0", json_real(heard->last_dbm0));
	json_object_set_new(object, "hz", json_real(heard->hz));
	json_object_set_new(object, "loud_ms", json_integer((json_int_t)heard->loud_ms));
	return object;
}

static json_t *sequence_json(const struct ex_media_result *media)
{
	json_t *object = json_object();

	json_object_set_new(object, "compared", json_integer((json_int_t)media->compared));
	json_object_set_new(object, "mismatches", json_integer((json_int_t)media->mismatches));
	json_object_set_new(object, "slips", json_integer((json_int_t)media->slips));
	json_object_set_new(object, "lost", json_integer((json_int_t)media->lost));
	json_object_set_new(object, "tail", json_integer((json_int_t)media->tail));
	json_object_set_new(object, "delay_samples", json_integer(media->delay_samples));
	json_object_set_new(object, "intact", json_boolean(ex_media_intact(media)));
	return object;
}

json_t *ex_media_json(const struct ex_media_result *media)
{
	json_t *object = json_object(), *heard = json_object();

	json_object_set_new(object, "sending", json_string(ex_source_name(media->source)));
	json_object_set_new(object, "received_octets", json_integer((json_int_t)media->received));
	json_object_set_new(object, "sent_octets", json_integer((json_int_t)media->sent));
	for (unsigned i = 0; i < EX_PHASES; i++)
		json_object_set_new(heard, ex_phase_name(i), heard_json(&media->heard[i]));
	json_object_set_new(object, "heard", heard);
	if (media->source == EX_SOURCE_PRBS || media->compared)
		json_object_set_new(object, "prbs", sequence_json(media));
	json_object_set_new(object, "echo_underruns",
			    json_integer((json_int_t)media->echo_underruns));
	json_object_set_new(object, "echo_overruns",
			    json_integer((json_int_t)media->echo_overruns));
	return object;
}

static void add_time(json_t *object, const char *key, uint64_t from_us, uint64_t to_us)
{
	json_object_set_new(object, key,
			    from_us && to_us >= from_us ? milliseconds(to_us - from_us)
							: json_null());
}

json_t *ex_record_json(const struct ex_record *r, const struct ex_media_result *media)
{
	json_t *object = json_object();

	add_identity(r, object);
	json_object_set_new(object, "answered", json_boolean(r->connected_us != 0));
	ex_cause_json(object, r->cause);
	json_object_set_new(object, "cleared_by", json_string(r->far_cleared ? "far" : "near"));
	add_time(object, "setup_ms", r->began_us, r->alerted_us);
	add_time(object, "answer_ms", r->began_us, r->connected_us);
	add_time(object, "clearing_ms", r->began_us, r->clearing_us);
	add_time(object, "duration_ms", r->connected_us, r->clearing_us);
	add_time(object, "total_ms", r->began_us, r->ended_us);
	if (media)
		json_object_set_new(object, "media", ex_media_json(media));
	if (r->messages)
		json_object_set(object, "messages", r->messages);
	if (r->wire)
		json_object_set(object, "wire", r->wire);
	return object;
}

void ex_record_end(struct ex_record *r, const struct ex_media_result *media)
{
	json_t *object;

	if (!ex_journal_wanted(r->journal))
		return;
	object = ex_record_json(r, media);
	json_object_del(object, "messages"); /* each was a line of its own */
	json_object_del(object, "wire");
	json_object_set_new(object, "event", json_string("end"));
	ex_journal_write(r->journal, object);
}
