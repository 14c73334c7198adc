/* SPDX-License-Identifier: GPL-2.0-only */
/* Values as JSON, and calls. */
#include "gateway/inspect.h"

#include "base/mem.h"
#include "gateway/bridge.h"
#include "gateway/ladder.h"
#include "trunk/rtp.h"

#include <string.h>
#include <time.h>

/* ---- Values ---- */

json_t *inspect_textn(const char *text, size_t length)
{
	json_t *value = text ? json_stringn(text, length) : json_null();
	char *copy;

	if (value)
		return value;
	copy = mem_zalloc(length + 1);
	if (!copy)
		return NULL;
	for (size_t i = 0; i < length; i++)
		copy[i] = (unsigned char)text[i] > 0x7f ? '?' : text[i];
	value = json_stringn(copy, length);
	mem_free(copy);
	return value;
}

json_t *inspect_text(const char *text)
{
	return inspect_textn(text, text ? strlen(text) : 0);
}

json_t *inspect_time(int64_t wall_us)
{
	time_t seconds = (time_t)(wall_us / 1000000);
	char text[40];
	struct tm tm;

	if (!wall_us || !gmtime_r(&seconds, &tm))
		return json_null();
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	return json_sprintf("%s.%03uZ", text, (unsigned)(wall_us / 1000 % 1000));
}

json_t *inspect_ms(uint64_t from_us, uint64_t to_us)
{
	uint64_t tenths;

	if (!from_us || !to_us || to_us < from_us)
		return json_null();
	tenths = (to_us - from_us) / 100;
	return json_real((double)tenths / 10);
}

/* Q.931 table 4-9. */
static const char *const number_types[8] = { "unknown",     "international",
					     "national",    "network-specific",
					     "subscriber",  "5",
					     "abbreviated", "7" };

int inspect_number_type(const char *name, const char *digits)
{
	if (!*name)
		return digits[0] == '+' ? NUMBER_INTERNATIONAL : NUMBER_UNKNOWN;
	for (int i = 0; i < 8; i++)
		if (strcmp(number_types[i], name) == 0)
			return i;
	return -1;
}

json_t *inspect_number(const struct party_number *number)
{
	static const char *const presentations[] = { "allowed", "restricted", "unavailable", "3" };

	if (!number->present && !number->digits[0])
		return json_null();
	return json_pack("{s:o, s:s, s:i, s:s}", "digits", inspect_text(number->digits), "type",
			 number_types[number->type & 7], "plan", number->plan, "presentation",
			 presentations[number->presentation & 3]);
}

json_t *inspect_cause(struct q850_cause cause)
{
	if (!cause.value)
		return json_null();
	return json_pack("{s:i, s:s, s:s}", "value", cause.value, "text",
			 q850_cause_name(cause.value), "location",
			 q850_location_name(cause.location));
}

json_t *inspect_counters(const void *counters, const struct counter_info *info, size_t count)
{
	static const char *const names[] = { "normal", "undesirable", "error" };
	json_t *groups = json_pack("{s:{}, s:{}, s:{}}", names[0], names[1], names[2]);

	for (size_t i = 0; groups && i < count; i++)
		json_object_set_new(json_object_get(groups, names[info[i].group]), info[i].name,
				    json_integer((json_int_t)counter_of(counters, &info[i])));
	return groups;
}

/* ---- Calls in progress ---- */

static const char *endpoint_name(const struct leg *leg)
{
	return leg && leg->endpoint ? leg->endpoint->name : NULL;
}

static const char *called_text(const struct call *call)
{
	return call->called_normalized.digits[0] ? call->called_normalized.digits
						 : call->info.called.number.digits;
}

static const char *calling_text(const struct call *call)
{
	return call->calling_normalized.digits[0] ? call->calling_normalized.digits
						  : call->info.calling.number.digits;
}

static json_t *call_row(const struct call *call)
{
	uint64_t now = clock_now_us(loop_clock(call->gateway->loop));
	const struct call_times *t = &call->times;

	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:b}", "id", call->id,
			 "state", call_state_name(call), "from",
			 inspect_text(call->ingress ? call->ingress->name : NULL), "to",
			 inspect_text(endpoint_name(call->seats[LEG_CALLED])), "calling",
			 inspect_text(calling_text(call)), "called",
			 inspect_text(called_text(call)), "started", inspect_time(t->setup_wall_us),
			 "age_ms", inspect_ms(t->setup_us, now), "talking_ms",
			 inspect_ms(t->answer_us, now), "answered", call->answered, "emergency",
			 call->emergency);
}

json_t *inspect_calls(const struct gateway *gateway)
{
	json_t *rows = json_array();
	const struct call *call;
	size_t left_out = 0;

	list_for_each(call, &gateway->calls, struct call, node)
		if (json_array_size(rows) < INSPECT_ROWS_MAX)
			json_array_append_new(rows, call_row(call));
		else
			left_out++;
	return json_pack("{s:o, s:I}", "calls", rows, "left_out", (json_int_t)left_out);
}

static json_t *attempt_object(const struct call_attempt *attempt)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:i}", "route",
			 inspect_text(attempt->route), "usage",
			 attempt->usage[0] ? inspect_text(attempt->usage) : json_null(), "gateway",
			 inspect_text(attempt->gateway), "key", inspect_text(attempt->leg_key),
			 "called_sent", inspect_number(&attempt->called_sent), "calling_sent",
			 inspect_number(&attempt->calling_sent), "cause",
			 inspect_cause(attempt->cause), "took_ms",
			 inspect_ms(attempt->started_us, attempt->ended_us), "status",
			 (int)(attempt->status & ~LEG_STATUS_RULED));
}

/* RTP of this seat; null for a channel of a span, whose octets the line counts. */
static json_t *media_object(const struct call *call, unsigned seat)
{
	bool real = call->bridge && call->gateway->media == &bridge_media;
	const struct rtp_endpoint *rtp = real ? bridge_rtp(call->bridge, seat) : NULL;
	struct rtp_quality quality;
	struct netaddr local;
	char text[2][NETADDR_TEXT];

	if (!rtp)
		return json_null();
	rtp_quality(rtp, &quality);
	local = rtp_local(rtp);
	return json_pack("{s:o, s:o, s:o, s:f, s:f, s:f, s:f, s:f, s:o}", "codec",
			 inspect_text(bridge_codec(call->bridge, seat)), "local",
			 inspect_text(netaddr_text(&local, text[0])), "remote",
			 netaddr_is_set(&quality.remote)
				 ? inspect_text(netaddr_text(&quality.remote, text[1]))
				 : json_null(),
			 "jitter_ms", quality.jitter_ms, "remote_jitter_ms",
			 quality.remote_jitter_ms, "round_trip_ms", quality.round_trip_ms,
			 "level_rx_dbm0", quality.level_rx_dbm0, "level_tx_dbm0",
			 quality.level_tx_dbm0, "counters",
			 inspect_counters(rtp_counters(rtp), rtp_counter_info, rtp_counter_count));
}

static json_t *leg_object(const struct call *call, unsigned seat)
{
	const struct leg *leg = call->seats[seat];

	if (!leg)
		return json_null();
	return json_pack("{s:s, s:o, s:o, s:o, s:o}", "kind", leg->ops->kind, "endpoint",
			 inspect_text(endpoint_name(leg)), "key", inspect_text(leg->ops->key(leg)),
			 "state", inspect_text(leg->ops->state(leg)), "media",
			 media_object(call, seat));
}

static json_t *times_object(const struct call_times *t)
{
	return json_pack("{s:o, s:o, s:o}", "routed_ms", inspect_ms(t->setup_us, t->routed_us),
			 "ringing_ms", inspect_ms(t->setup_us, t->ringing_us), "answered_ms",
			 inspect_ms(t->setup_us, t->answer_us));
}

static json_t *attempts_array(const struct call *call)
{
	const struct call_attempt *attempt;
	json_t *attempts = json_array();

	list_for_each(attempt, &call->attempts, struct call_attempt, node)
		json_array_append_new(attempts, attempt_object(attempt));
	return attempts;
}

json_t *inspect_call(const struct call *call)
{
	json_t *object = call_row(call);
	json_t *more = json_pack("{s:{s:o, s:o}, s:{s:o, s:o}, s:o, s:o, s:o, s:[o, o]}",
				 "received", "called", inspect_number(&call->info.called.number),
				 "calling", inspect_number(&call->info.calling.number),
				 "normalized", "called", inspect_number(&call->called_normalized),
				 "calling", inspect_number(&call->calling_normalized), "times",
				 times_object(&call->times), "attempts", attempts_array(call),
				 "cause", inspect_cause(call->cause), "legs",
				 leg_object(call, LEG_CALLER), leg_object(call, LEG_CALLED));

	if (!object || !more || json_object_update(object, more)) {
		json_decref(object);
		object = NULL;
	}
	json_decref(more);
	return object;
}

/* ---- Ladders ---- */

const char *inspect_newest_call(const struct gateway *gateway)
{
	const char *id = NULL;

	if (!gateway->ladders || ladder_list(gateway->ladders, &id, 1) == 0)
		return NULL;
	return id;
}

static json_t *octets_of(const struct ladder_entry *entry)
{
	static const char digits[] = "0123456789abcdef";
	json_t *value;
	char *hex;

	if (!entry->octets)
		return json_null();
	if (entry->protocol == TRACE_SIP)
		return inspect_textn((const char *)entry->octets, entry->length);
	hex = mem_zalloc(2 * entry->length + 1);
	if (!hex)
		return NULL;
	for (size_t i = 0; i < entry->length; i++) {
		hex[2 * i] = digits[entry->octets[i] >> 4];
		hex[2 * i + 1] = digits[entry->octets[i] & 15];
	}
	value = json_string(hex);
	mem_free(hex);
	return value;
}

static void add_entry(void *arg, const struct ladder_entry *entry)
{
	static const char *const protocols[] = { [TRACE_SIP] = "sip",
						 [TRACE_Q921] = "q921",
						 [TRACE_Q931] = "q931",
						 [TRACE_NOTE] = "note" };

	json_array_append_new(arg,
			      json_pack("{s:o, s:I, s:s, s:s, s:o, s:o, s:o}", "time",
					inspect_time(entry->wall_us), "monotonic_us",
					(json_int_t)entry->monotonic_us, "protocol",
					protocols[entry->protocol], "direction",
					entry->direction == TRACE_IN ? "in" : "out", "column",
					inspect_text(entry->column), "summary",
					inspect_text(entry->summary), "octets", octets_of(entry)));
}

json_t *inspect_trace(const struct gateway *gateway, const char *call_id)
{
	json_t *entries = json_array();

	if (!gateway->ladders || ladder_each(gateway->ladders, call_id, add_entry, entries) < 0) {
		json_decref(entries);
		return NULL;
	}
	return json_pack("{s:o, s:o}", "id", inspect_text(call_id), "entries", entries);
}

/* What a kept ladder says of its call. */
struct finished {
	struct ladder_entry first, last;
	const char *columns[2], *note;
	int messages;
};

static void look_at_entry(void *arg, const struct ladder_entry *entry)
{
	struct finished *f = arg;

	if (!f->first.wall_us)
		f->first = *entry;
	f->last = *entry;
	if (entry->protocol == TRACE_NOTE) {
		f->note = entry->summary; /* the last one says how it ended */
		return;
	}
	f->messages++;
	if (!f->columns[0])
		f->columns[0] = entry->column;
	else if (strcmp(f->columns[0], entry->column) != 0)
		f->columns[1] = entry->column; /* the last one that was tried */
}

static json_t *finished_row(const struct gateway *gateway, const char *id)
{
	struct finished f = { .messages = 0 };

	ladder_each(gateway->ladders, id, look_at_entry, &f);
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:i, s:o}", "id", inspect_text(id), "started",
			 inspect_time(f.first.wall_us), "from", inspect_text(f.columns[0]), "to",
			 inspect_text(f.columns[1]), "took_ms",
			 inspect_ms(f.first.monotonic_us, f.last.monotonic_us), "messages",
			 f.messages, "last_note", inspect_text(f.note));
}

static bool is_in_progress(const struct gateway *gateway, const char *id)
{
	const struct call *call;

	list_for_each(call, &gateway->calls, struct call, node)
		if (strcmp(call->id, id) == 0)
			return true;
	return false;
}

json_t *inspect_finished_calls(const struct gateway *gateway)
{
	const char *ids[INSPECT_ROWS_MAX];
	size_t count = gateway->ladders ? ladder_list(gateway->ladders, ids, INSPECT_ROWS_MAX) : 0;
	size_t shown = count < INSPECT_ROWS_MAX ? count : INSPECT_ROWS_MAX;
	json_t *rows = json_array();

	for (size_t i = 0; i < shown; i++)
		if (!is_in_progress(gateway, ids[i]))
			json_array_append_new(rows, finished_row(gateway, ids[i]));
	return json_pack("{s:o, s:I}", "calls", rows, "left_out", (json_int_t)(count - shown));
}
