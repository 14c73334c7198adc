/* SPDX-License-Identifier: GPL-2.0-only */
/* The API's endpoints. Each runs on the signalling thread and answers with a snapshot. */
#include "gateway/api_private.h"

#include "conf/suggest.h"
#include "gateway/inspect.h"
#include "gateway/ladder.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { OK = 200, ACCEPTED = 202, BAD_REQUEST = 400, NOT_FOUND = 404, BAD_METHOD = 405, FAILED = 500 };

void api_refuse(struct api_reply *reply, unsigned status, const char *code, const char *format, ...)
{
	char message[512];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	reply->status = status;
	reply->body = json_pack("{s:{s:s, s:o}}", "error", "code", code, "message", inspect_text(message));
}

static void answer(struct api_reply *reply, json_t *body)
{
	reply->status = body ? OK : FAILED;
	reply->body = body;
}

/* ---- What is asked for ---- */

static void serve_status(struct gateway *gateway, const struct api_query *query, struct api_reply *reply)
{
	(void)query;
	answer(reply, inspect_status(gateway));
}

static void serve_calls(struct gateway *gateway, const struct api_query *query, struct api_reply *reply)
{
	answer(reply, query->finished ? inspect_finished_calls(gateway) : inspect_calls(gateway));
}

static struct call *find_call(struct gateway *gateway, const char *id)
{
	struct call *call;

	list_for_each(call, &gateway->calls, struct call, node)
		if (strcmp(call->id, id) == 0)
			return call;
	return NULL;
}

static void ignore_entry(void *arg, const struct ladder_entry *entry)
{
	(void)arg;
	(void)entry;
}

static void refuse_call(const struct gateway *gateway, struct api_reply *reply, const char *id)
{
	if (ladder_each(gateway->ladders, id, ignore_entry, NULL) >= 0)
		api_refuse(reply, NOT_FOUND, "no-such-call",
			   "call %s has ended; `gwctl call trace %s` shows its messages", id, id);
	else
		api_refuse(reply, NOT_FOUND, "no-such-call",
			   "there is no call %s; `gwctl call list` shows those in progress, with --finished those that "
			   "have ended", id);
}

static void serve_call(struct gateway *gateway, const struct api_query *query, struct api_reply *reply)
{
	const struct call *call = find_call(gateway, query->id);

	if (call)
		answer(reply, inspect_call(call));
	else
		refuse_call(gateway, reply, query->id);
}

static void serve_hangup(struct gateway *gateway, const struct api_query *query, struct api_reply *reply)
{
	struct call *call = find_call(gateway, query->id);

	if (!call) {
		refuse_call(gateway, reply, query->id);
		return;
	}
	call_hangup(call, q850(Q850_NORMAL_CLEARING, Q850_LOC_PRIVATE_LOCAL));
	reply->status = ACCEPTED;
	reply->body = json_pack("{s:s, s:s}", "id", query->id, "state", "clearing");
}

/* "last" stands for the newest call. */
static void serve_trace(struct gateway *gateway, const struct api_query *query, struct api_reply *reply)
{
	const char *id = strcmp(query->id, "last") == 0 ? inspect_newest_call(gateway) : query->id;
	json_t *trace = id ? inspect_trace(gateway, id) : NULL;

	if (trace)
		answer(reply, trace);
	else if (!id)
		api_refuse(reply, NOT_FOUND, "no-such-call", "no call has come by yet");
	else
		api_refuse(reply, NOT_FOUND, "no-such-call",
			   "no messages are kept of a call %s; `gwctl call list --finished` shows of which there are", id);
}

static void serve_spans(struct gateway *gateway, const struct api_query *query, struct api_reply *reply)
{
	(void)query;
	answer(reply, inspect_spans(gateway));
}

/* The i-th endpoint of a kind; 0: of any. */
static const char *name_of_kind(const struct gateway *gateway, char kind, size_t i)
{
	const struct endpoint *endpoint;

	list_for_each(endpoint, &gateway->endpoints, struct endpoint, node)
		if ((!kind || endpoint->kind[0] == kind) && i-- == 0)
			return endpoint->name;
	return NULL;
}

static const char *span_at(const void *list, size_t i)
{
	return name_of_kind(list, 's', i);
}

static void serve_span(struct gateway *gateway, const struct api_query *query, struct api_reply *reply)
{
	json_t *span = inspect_span(gateway, query->id);
	const char *nearest = span ? NULL : suggest_nearest(query->id, span_at, gateway);
	char names[256];

	if (span)
		answer(reply, span);
	else if (nearest)
		api_refuse(reply, NOT_FOUND, "no-such-span", "no span is called %s; did you mean %s?", query->id, nearest);
	else
		api_refuse(reply, NOT_FOUND, "no-such-span", "no span is called %s; there are: %s", query->id,
			   suggest_list(names, sizeof(names), span_at, gateway));
}

static void serve_trunks(struct gateway *gateway, const struct api_query *query, struct api_reply *reply)
{
	(void)query;
	answer(reply, inspect_trunks(gateway));
}

static const char *endpoint_at(const void *list, size_t i)
{
	return name_of_kind(list, 0, i);
}

static void refuse_endpoint(const struct gateway *gateway, const char *name, struct api_reply *reply)
{
	const char *nearest = suggest_nearest(name, endpoint_at, gateway);
	char names[256];

	if (nearest)
		api_refuse(reply, NOT_FOUND, "no-such-endpoint", "no trunk or span is called \"%s\"; did you mean \"%s\"?",
			   name, nearest);
	else
		api_refuse(reply, NOT_FOUND, "no-such-endpoint", "no trunk or span is called \"%s\"; there are: %s", name,
			   suggest_list(names, sizeof(names), endpoint_at, gateway));
}

static void serve_route_test(struct gateway *gateway, const struct api_query *query, struct api_reply *reply)
{
	const struct endpoint *from = gateway_endpoint(gateway, query->from);
	int type = inspect_number_type(query->type, query->number);

	if (!query->number[0])
		api_refuse(reply, BAD_REQUEST, "no-number", "which number? Give it as number=…");
	else if (strlen(query->number) >= NUMBER_DIGITS || strlen(query->calling) >= NUMBER_DIGITS)
		api_refuse(reply, BAD_REQUEST, "long-number", "a number has at most %d digits", NUMBER_DIGITS - 1);
	else if (!from)
		refuse_endpoint(gateway, query->from, reply);
	else if (type < 0)
		api_refuse(reply, BAD_REQUEST, "no-such-type", "no type of number is called \"%s\"; there are: unknown, "
			   "international, national, network-specific, subscriber, abbreviated", query->type);
	else if (!gateway->plan)
		api_refuse(reply, NOT_FOUND, "no-dial-plan", "no dial plan is loaded");
	else
		answer(reply, inspect_route(gateway, from, query->number, type, query->calling));
}

static const struct api_endpoint endpoints[] = {
	{ "GET", "status", serve_status },
	{ "GET", "calls", serve_calls },
	{ "GET", "calls/*", serve_call },
	{ "DELETE", "calls/*", serve_hangup },
	{ "GET", "calls/*/trace", serve_trace },
	{ "GET", "spans", serve_spans },
	{ "GET", "spans/*", serve_span },
	{ "GET", "trunks", serve_trunks },
	{ "GET", "route-test", serve_route_test },
};
#define ENDPOINTS (sizeof(endpoints) / sizeof(endpoints[0]))

/* ---- Finding ---- */

/* Does the path fit? The segment in the place of * goes into `id`, decoded already. */
static bool fits(const char *pattern, const char *path, char id[API_TEXT])
{
	while (*pattern && *pattern != '*') {
		if (*pattern++ != *path++)
			return false;
	}
	if (*pattern == '*') {
		size_t n = strcspn(path, "/");

		if (n == 0 || n >= API_TEXT)
			return false;
		memcpy(id, path, n);
		id[n] = '\0';
		return strcmp(pattern + 1, path + n) == 0;
	}
	return *path == '\0';
}

bool api_find(struct api_query *query, struct api_reply *reply)
{
	bool known = false;

	for (size_t i = 0; i < ENDPOINTS; i++) {
		if (!fits(endpoints[i].path, query->path, query->id))
			continue;
		known = true;
		if (strcmp(endpoints[i].method, query->method) == 0) {
			query->endpoint = &endpoints[i];
			return true;
		}
	}
	if (known)
		api_refuse(reply, BAD_METHOD, "bad-method", "%s is not possible here", query->method);
	else
		api_refuse(reply, NOT_FOUND, "no-such-path", "there is no %s; docs/api.yaml describes what there is",
			   query->path);
	return false;
}

void api_serve(struct gateway *gateway, const struct api_query *query, struct api_reply *reply)
{
	query->endpoint->serve(gateway, query, reply);
}
