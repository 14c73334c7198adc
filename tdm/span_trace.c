/* SPDX-License-Identifier: GPL-2.0-only */
/* Ladders: each Q.931 message once, however often Q.921 repeats it. */
#include "tdm/span_private.h"

#include <stdio.h>
#include <string.h>

void span_call_key(const struct isdn_span *span, uint16_t crv, bool ours, char key[CALL_KEY_MAX])
{
	snprintf(key, CALL_KEY_MAX, "%.*s/%u%s", CALL_KEY_MAX - 10, span->conf->name, crv,
		 ours ? "" : "i");
}

static void emit(struct isdn_span *span, enum trace_direction direction, const uint8_t *frame,
		 size_t n)
{
	size_t at = lapd_payload(frame, n);
	struct q931_message message;
	struct trace_record record;
	const struct isdn_call *call;
	char summary[48], key[CALL_KEY_MAX];
	bool ours;

	if (!span->trace || !at || q931_read(&message, frame + at, n - at) < 0)
		return;
	/* Flag 0 comes from the side that made the reference (Q.931 4.3). */
	ours = message.flag == (direction == TRACE_IN);
	call = span_find_reference(span, message.crv, ours);
	span_call_key(span, message.crv, ours, key);
	record = (struct trace_record){
		.wall_us = clock_wall_us(loop_clock(span->loop)),
		.monotonic_us = loop_now_us(span->loop),
		.protocol = TRACE_Q931,
		.direction = direction,
		.object = span->conf->name,
		.call_key = call          ? call->key
			    : message.crv ? key
					  : NULL,
		.summary = q931_summary(&message, summary),
		.octets = frame,
		.length = n,
	};
	trace_emit(span->trace, &record);
}

/* FNV-1a over the message. */
static uint32_t sum_of(const uint8_t *octets, size_t n)
{
	uint32_t sum = 2166136261u;

	for (size_t i = 0; i < n; i++)
		sum = (sum ^ octets[i]) * 16777619u;
	return sum;
}

static bool seen_before(struct isdn_span *span, const uint8_t *frame, size_t n)
{
	uint8_t ns = lapd_ns(frame);
	uint32_t sum = sum_of(frame + 4, n - 4);
	bool again = span->seen[ns % TRACE_KEPT].length == n &&
		     span->seen[ns % TRACE_KEPT].ns == ns && span->seen[ns % TRACE_KEPT].sum == sum;

	span->seen[ns % TRACE_KEPT].ns = ns;
	span->seen[ns % TRACE_KEPT].length = (uint16_t)n;
	span->seen[ns % TRACE_KEPT].sum = sum;
	return again;
}

void span_trace_in(struct isdn_span *span, const uint8_t *frame, size_t n)
{
	if (lapd_is_sabme(frame, n) || lapd_is_ua(frame, n))
		memset(span->seen, 0, sizeof(span->seen));
	if (lapd_is_i(frame, n) && seen_before(span, frame, n))
		return;
	emit(span, TRACE_IN, frame, n);
}

void span_trace_out(struct isdn_span *span, const uint8_t *frame, size_t n)
{
	emit(span, TRACE_OUT, frame, n);
}
