/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BASE_TRACE_H
#define BASE_TRACE_H

/* A sink for everything that crosses the edge of the house: SIP messages and Q.931 frames as they
 * are on the wire, and notes between them (routing, media). trunk/ and tdm/ emit, gateway/ collects
 * it into ladders. Thread: signalling. All pointers are valid during the call only. */

#include <stddef.h>
#include <stdint.h>

enum trace_protocol { TRACE_SIP, TRACE_Q921, TRACE_Q931, TRACE_NOTE };
enum trace_direction { TRACE_IN, TRACE_OUT };

struct trace_record {
	int64_t wall_us;
	uint64_t monotonic_us;
	enum trace_protocol protocol;
	enum trace_direction direction;
	const char *object;       /* span or trunk, by name */
	/* What joins records to a call: the SIP Call-ID, or "SPAN/CRV" with the call reference
	 * value as decimal and its flag side, e.g. "telco-1/17". NULL: belongs to no call. */
	const char *call_key;
	const char *summary;      /* "INVITE", "180 Ringing", "SETUP", "DISCONNECT (17)" */
	const uint8_t *octets;    /* the message as on the wire; may be NULL */
	size_t length;
	const char *local, *remote; /* "192.0.2.1:5060"; for ISDN NULL */
};

struct trace_sink {
	void (*emit)(void *arg, const struct trace_record *record);
	void *arg;
};

/* Hands a record to a sink; none takes it when `sink` is NULL. */
static inline void trace_emit(const struct trace_sink *sink, const struct trace_record *record)
{
	if (sink && sink->emit)
		sink->emit(sink->arg, record);
}

#endif
