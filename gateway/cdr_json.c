/* SPDX-License-Identifier: GPL-2.0-only */
/* A record as the API shows it, and as a row of CSV. */
#include "gateway/inspect.h"
#include "gateway/records.h"

#include <string.h>

/* ---- JSON ---- */

static json_t *text_or_null(const char *text)
{
	return text[0] ? inspect_text(text) : json_null();
}

static json_t *number_object(const struct cdr_number *n)
{
	struct party_number number = { .type = n->type,
				       .plan = n->plan,
				       .presentation = n->presentation,
				       .screening = n->screening,
				       .present = n->present };
	json_t *object;

	memcpy(number.digits, n->digits, sizeof(number.digits));
	object = inspect_number(&number);
	if (json_is_object(object))
		json_object_set_new(object, "screening", json_integer(n->screening));
	return object;
}

static json_t *party_object(const struct cdr_number *received, const struct cdr_number *normalized,
			    const struct cdr_number *sent)
{
	return json_pack("{s:o, s:o, s:o}", "received", number_object(received), "normalized",
			 number_object(normalized), "sent", number_object(sent));
}

/* A float's digits, not those of the double that it becomes. */
static json_t *measure(float value)
{
	return json_real((double)(int64_t)((double)value * 1000 + 0.5) / 1000);
}

static json_t *leg_object(const struct cdr_leg *leg)
{
	return json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o}",
		"endpoint", text_or_null(leg->endpoint), "kind", text_or_null(leg->kind), "key",
		text_or_null(leg->key), "timeslot",
		leg->timeslot ? json_integer(leg->timeslot) : json_null(), "codec",
		text_or_null(leg->codec), "local", text_or_null(leg->local), "remote",
		text_or_null(leg->remote), "rx_packets", (json_int_t)leg->rx_packets, "tx_packets",
		(json_int_t)leg->tx_packets, "rx_lost", (json_int_t)leg->rx_lost, "rx_late",
		(json_int_t)leg->rx_late, "slips", (json_int_t)leg->slips, "jitter_ms",
		measure(leg->jitter_ms), "remote_jitter_ms", measure(leg->remote_jitter_ms),
		"remote_loss", measure(leg->remote_loss), "round_trip_ms",
		measure(leg->round_trip_ms));
}

static json_t *attempt_object(const struct cdr_attempt *a)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "route",
			 text_or_null(a->route), "usage", text_or_null(a->usage), "gateway",
			 text_or_null(a->gateway), "key", text_or_null(a->key), "called_sent",
			 number_object(&a->called_sent), "calling_sent",
			 number_object(&a->calling_sent), "started", inspect_time(a->start_us),
			 "ended", inspect_time(a->end_us), "cause",
			 inspect_cause((struct q850_cause){ a->cause, a->location }), "status",
			 a->status ? json_integer(a->status) : json_null());
}

json_t *cdr_attempts_json(const struct cdr *cdr)
{
	json_t *attempts = json_array();

	for (uint32_t i = 0; i < cdr->attempt_count; i++)
		json_array_append_new(attempts, attempt_object(&cdr->attempts[i]));
	return attempts;
}

static json_t *talk_ms(const struct cdr *cdr)
{
	int64_t talk_us = cdr->end_us - cdr->answer_us;

	return json_integer(cdr->answer_us && talk_us > 0 ? talk_us / 1000 : 0);
}

json_t *cdr_json(const struct cdr *cdr)
{
	return json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:s, s:b, s:b, "
		"s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I}",
		"id", inspect_text(cdr->id), "host", text_or_null(cdr->host), "setup",
		inspect_time(cdr->setup_us), "routed", inspect_time(cdr->routed_us), "ringing",
		inspect_time(cdr->ringing_us), "answered", inspect_time(cdr->answer_us), "ended",
		inspect_time(cdr->end_us), "talk_ms", talk_ms(cdr), "cause",
		inspect_cause((struct q850_cause){ cdr->cause, cdr->location }), "status",
		cdr->status ? json_integer(cdr->status) : json_null(), "released_by",
		cdr_releaser_names[cdr->releaser], "media", cdr_media_names[cdr->media],
		"emergency", cdr->emergency, "restricted", cdr->presentation_restricted, "called",
		party_object(&cdr->called, &cdr->called_normalized, &cdr->called_sent), "calling",
		party_object(&cdr->calling, &cdr->calling_normalized, &cdr->calling_sent),
		"redirecting", number_object(&cdr->redirecting), "connected",
		number_object(&cdr->connected), "caller", leg_object(&cdr->caller), "callee",
		leg_object(&cdr->callee), "attempts", cdr_attempts_json(cdr), "attempts_made",
		(json_int_t)cdr->attempts_made);
}

/* ---- CSV ---- */

/* The name of a column is its place in the object, but for the dots. */
static const char *const columns[] = {
	"id",
	"host",
	"setup",
	"routed",
	"ringing",
	"answered",
	"ended",
	"talk_ms",
	"cause.value",
	"cause.text",
	"cause.location",
	"status",
	"released_by",
	"media",
	"emergency",
	"restricted",
	"called.received.digits",
	"called.received.type",
	"called.normalized.digits",
	"called.sent.digits",
	"called.sent.type",
	"calling.received.digits",
	"calling.received.type",
	"calling.received.presentation",
	"calling.received.screening",
	"calling.normalized.digits",
	"calling.sent.digits",
	"calling.sent.type",
	"calling.sent.presentation",
	"redirecting.digits",
	"connected.digits",
	"caller.endpoint",
	"caller.kind",
	"caller.key",
	"caller.timeslot",
	"caller.codec",
	"caller.local",
	"caller.remote",
	"caller.rx_packets",
	"caller.tx_packets",
	"caller.rx_lost",
	"caller.rx_late",
	"caller.slips",
	"caller.jitter_ms",
	"caller.remote_jitter_ms",
	"caller.remote_loss",
	"caller.round_trip_ms",
	"callee.endpoint",
	"callee.kind",
	"callee.key",
	"callee.timeslot",
	"callee.codec",
	"callee.local",
	"callee.remote",
	"callee.rx_packets",
	"callee.tx_packets",
	"callee.rx_lost",
	"callee.rx_late",
	"callee.slips",
	"callee.jitter_ms",
	"callee.remote_jitter_ms",
	"callee.remote_loss",
	"callee.round_trip_ms",
	"attempts_made",
	"attempts",
};
#define COLUMN_COUNT (sizeof(columns) / sizeof(columns[0]))

static const json_t *find(const json_t *object, const char *path)
{
	char key[64];
	size_t n;

	for (; *path && object; path += n + (path[n] == '.')) {
		n = strcspn(path, ".");
		snprintf(key, sizeof(key), "%.*s", (int)n, path);
		object = json_object_get(object, key);
	}
	return object;
}

/* RFC 4180 2: quoted when it must be, quotes doubled. */
static void put_text(FILE *out, const char *text)
{
	if (!strpbrk(text, ",\"\r\n")) {
		fputs(text, out);
		return;
	}
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"')
			fputc('"', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

/* "gateway:cause" of each attempt that failed, "gateway" of the one that carried the call. */
static void put_attempts(FILE *out, const json_t *attempts)
{
	char text[2048];
	size_t n = 0;

	text[0] = 0;
	for (size_t i = 0; i < json_array_size(attempts) && n < sizeof(text); i++) {
		const json_t *attempt = json_array_get(attempts, i);
		const char *gateway = json_string_value(json_object_get(attempt, "gateway"));
		const json_t *cause = find(attempt, "cause.value");

		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", i ? " " : "",
				      gateway ? gateway : "?");
		if (cause && n < sizeof(text))
			n += (size_t)snprintf(text + n, sizeof(text) - n, ":%d",
					      (int)json_integer_value(cause));
	}
	put_text(out, text);
}

static void put_value(FILE *out, const json_t *value)
{
	char number[40];

	if (json_is_string(value))
		put_text(out, json_string_value(value));
	else if (json_is_boolean(value))
		put_text(out, json_is_true(value) ? "true" : "false");
	else if (json_is_integer(value))
		fprintf(out, "%lld", (long long)json_integer_value(value));
	else if (json_is_real(value)) {
		snprintf(number, sizeof(number), "%.3f", json_real_value(value));
		put_text(out, number);
	} else if (json_is_array(value))
		put_attempts(out, value);
}

void cdr_csv_header(FILE *out)
{
	char name[64];

	for (size_t i = 0; i < COLUMN_COUNT; i++) {
		snprintf(name, sizeof(name), "%s%s", i ? "," : "", columns[i]);
		for (char *at = strchr(name, '.'); at; at = strchr(at, '.'))
			*at = '_';
		fputs(name, out);
	}
	fputs("\r\n", out);
}

void cdr_csv_row(FILE *out, const json_t *cdr)
{
	for (size_t i = 0; i < COLUMN_COUNT; i++) {
		if (i)
			fputc(',', out);
		put_value(out, find(cdr, columns[i]));
	}
	fputs("\r\n", out);
}
