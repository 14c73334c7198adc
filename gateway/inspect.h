/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GATEWAY_INSPECT_H
#define GATEWAY_INSPECT_H

/* What the gateway is doing, as JSON: what the API answers and gwctl shows. docs/api.yaml describes
 * each object.
 *
 * Thread: signalling. Each function takes a small snapshot and hands a fresh value to the caller
 * (json_decref()), which may take it to another thread. NULL: without memory, or where said. */

#include "gateway/call.h"
#include "gateway/gateway.h"

#include <jansson.h>

/* No listing holds more; `left_out` counts the rest. */
#define INSPECT_ROWS_MAX 1000
#define INSPECT_STEPS_MAX 2000 /* of an explanation */

/* The whole at a glance: what `gwctl status` shows. */
json_t *inspect_status(const struct gateway *gateway);

/* Calls in progress, a row each. */
json_t *inspect_calls(const struct gateway *gateway);
/* Calls that have ended and whose ladder is kept, newest first. */
json_t *inspect_finished_calls(const struct gateway *gateway);
/* One in progress with both legs, its media and every attempt. */
json_t *inspect_call(const struct call *call);
/* Every message of a call; NULL also when there is no ladder of this id. */
json_t *inspect_trace(const struct gateway *gateway, const char *call_id);
/* Id of the newest call with a ladder; NULL: none. Valid until the ladder goes. */
const char *inspect_newest_call(const struct gateway *gateway);

/* All, a row each. */
json_t *inspect_spans(const struct gateway *gateway);
/* With its timeslots and counters; NULL also when there is no such span. */
json_t *inspect_span(const struct gateway *gateway, const char *name);
/* All, a row each. */
json_t *inspect_trunks(const struct gateway *gateway);
/* With what it translates; NULL also when there is no such trunk. */
json_t *inspect_trunk(const struct gateway *gateway, const char *name);
/* "enabled", "draining" (switched off, calls are there), "disabled". */
const char *inspect_admin_state(const struct endpoint *endpoint);

/* Where a call from `ingress` to this number would go, step by step, and what would be sent.
 * `type`: the called number's, as an exchange gives it. */
json_t *inspect_route(struct gateway *gateway, const struct endpoint *ingress, const char *called,
		      int type, const char *calling);
/* "national" → NUMBER_NATIONAL; "": by the number's form; -1: no such type. */
int inspect_number_type(const char *name, const char *digits);

/* ---- For the files of inspect*.c ---- */

/* A string that may come from a peer: what is no UTF-8 is replaced. NULL: JSON's null. */
json_t *inspect_text(const char *text);
/* The first `length` octets of it. */
json_t *inspect_textn(const char *text, size_t length);
/* "2026-01-01T00:00:00.000Z"; 0: null. */
json_t *inspect_time(int64_t wall_us);
/* Milliseconds from one monotonic time to another; null when either was not reached. */
json_t *inspect_ms(uint64_t from_us, uint64_t to_us);
/* Digits, type, plan and presentation; null when there is none. */
json_t *inspect_number(const struct party_number *number);
/* Value, name and location; null for value 0. */
json_t *inspect_cause(struct q850_cause cause);
/* { "normal": { name: value … }, "undesirable": …, "error": … } */
json_t *inspect_counters(const void *counters, const struct counter_info *info, size_t count);

#endif
