/* SPDX-License-Identifier: GPL-2.0-only */
/* Endpoints that show what the gateway does now, and that end calls or switch trunks and spans. On
 * the signalling thread: each takes a small snapshot. */
#include "gateway/api_private.h"

#include "conf/suggest.h"
#include "gateway/inspect.h"
#include "gateway/ladder.h"
#include "gateway/reconfigure.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { OK = 200, ACCEPTED = 202, BAD_REQUEST = 400, NOT_FOUND = 404 };

void api_live_status(struct gateway *gateway, const struct api_query *query,
		     struct api_reply *reply)
{
	(void)query;
	api_answer(reply, inspect_status(gateway));
}

void api_live_calls(struct gateway *gateway, const struct api_query *query, struct api_reply *reply)
{
	api_answer(reply, api_flag(query, "finished") ? inspect_finished_calls(gateway)
						      : inspect_calls(gateway));
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
			   "there is no call %s; `gwctl call list` shows those in progress, with "
			   "--finished those that "
			   "have ended",
			   id);
}

void api_live_call(struct gateway *gateway, const struct api_query *query, struct api_reply *reply)
{
	const struct call *call = find_call(gateway, query->names[0]);

	if (call)
		api_answer(reply, inspect_call(call));
	else
		refuse_call(gateway, reply, query->names[0]);
}

void api_live_hangup(struct gateway *gateway, const struct api_query *query,
		     struct api_reply *reply)
{
	struct call *call = find_call(gateway, query->names[0]);

	if (!call) {
		refuse_call(gateway, reply, query->names[0]);
		return;
	}
	call_hangup(call, q850(Q850_NORMAL_CLEARING, Q850_LOC_PRIVATE_LOCAL));
	reply->status = ACCEPTED;
	reply->body = json_pack("{s:s, s:s}", "id", query->names[0], "state", "clearing");
}

/* "last" stands for the newest call. */
void api_live_trace(struct gateway *gateway, const struct api_query *query, struct api_reply *reply)
{
	const char *id = strcmp(query->names[0], "last") == 0 ? inspect_newest_call(gateway)
							      : query->names[0];
	json_t *trace = id ? inspect_trace(gateway, id) : NULL;

	if (trace)
		api_answer(reply, trace);
	else if (!id)
		api_refuse(reply, NOT_FOUND, "no-such-call", "no call has come by yet");
	else
		api_refuse(reply, NOT_FOUND, "no-such-call",
			   "no messages are kept of a call %s; `gwctl call list --finished` shows "
			   "of which there are",
			   id);
}

void api_live_spans(struct gateway *gateway, const struct api_query *query, struct api_reply *reply)
{
	(void)query;
	api_answer(reply, inspect_spans(gateway));
}

/* ---- Trunks and spans by name ---- */

/* Those of a kind, for suggestions. */
struct kindred {
	const struct gateway *gateway;
	const char *kind; /* "trunk", "span"; NULL: any */
};

static const char *kindred_at(const void *list, size_t i)
{
	const struct kindred *of = list;
	const struct endpoint *endpoint;

	list_for_each(endpoint, &of->gateway->endpoints, struct endpoint, node)
		if ((!of->kind || strcmp(of->kind, endpoint->kind) == 0) && i-- == 0)
			return endpoint->name;
	return NULL;
}

static const struct endpoint *find_endpoint(const struct kindred *of, const char *name)
{
	const struct endpoint *endpoint = gateway_endpoint(of->gateway, name);

	return endpoint && of->kind && strcmp(of->kind, endpoint->kind) != 0 ? NULL : endpoint;
}

static void refuse_name(const struct kindred *of, const char *name, struct api_reply *reply)
{
	const char *nearest = suggest_nearest(name, kindred_at, of);
	const char *what = of->kind ? of->kind : "trunk or span";
	char code[32], names[256];

	snprintf(code, sizeof(code), "no-such-%s", of->kind ? of->kind : "endpoint");
	if (nearest)
		api_refuse(reply, NOT_FOUND, code, "no %s is called \"%s\"; did you mean \"%s\"?",
			   what, name, nearest);
	else
		api_refuse(reply, NOT_FOUND, code, "no %s is called \"%s\"; there are: %s", what,
			   name, suggest_list(names, sizeof(names), kindred_at, of));
}

void api_live_span(struct gateway *gateway, const struct api_query *query, struct api_reply *reply)
{
	json_t *span = inspect_span(gateway, query->names[0]);

	if (span)
		api_answer(reply, span);
	else
		refuse_name(&(struct kindred){ gateway, "span" }, query->names[0], reply);
}

void api_live_trunks(struct gateway *gateway, const struct api_query *query,
		     struct api_reply *reply)
{
	(void)query;
	api_answer(reply, inspect_trunks(gateway));
}

void api_live_trunk(struct gateway *gateway, const struct api_query *query, struct api_reply *reply)
{
	json_t *trunk = inspect_trunk(gateway, query->names[0]);

	if (trunk)
		api_answer(reply, trunk);
	else
		refuse_name(&(struct kindred){ gateway, "trunk" }, query->names[0], reply);
}

void api_live_route_test(struct gateway *gateway, const struct api_query *query,
			 struct api_reply *reply)
{
	const struct kindred any = { gateway, NULL };
	const char *number = api_argument(query, "number"),
		   *calling = api_argument(query, "calling");
	const char *type_name = api_argument(query, "type");
	const struct endpoint *from = find_endpoint(&any, api_argument(query, "from"));
	int type = inspect_number_type(type_name, number);

	if (!number[0])
		api_refuse(reply, BAD_REQUEST, "no-number", "which number? Give it as number=…");
	else if (strlen(number) >= NUMBER_DIGITS || strlen(calling) >= NUMBER_DIGITS)
		api_refuse(reply, BAD_REQUEST, "long-number", "a number has at most %d digits",
			   NUMBER_DIGITS - 1);
	else if (!from)
		refuse_name(&any, api_argument(query, "from"), reply);
	else if (type < 0)
		api_refuse(reply, BAD_REQUEST, "no-such-type",
			   "no type of number is called \"%s\"; there are: unknown, international, "
			   "national, network-specific, subscriber, abbreviated",
			   type_name);
	else if (!gateway->plan)
		api_refuse(reply, NOT_FOUND, "no-dial-plan", "no dial plan is loaded");
	else
		api_answer(reply, inspect_route(gateway, from, number, type, calling));
}

/* ---- The switch ---- */

static void flip(struct gateway *gateway, const char *kind, const struct api_query *query,
		 struct api_reply *reply, bool enabled)
{
	const struct kindred of = { gateway, kind };
	const char *name = query->names[0];
	const struct endpoint *endpoint = find_endpoint(&of, name);

	if (!endpoint || gateway_switch(gateway, name, enabled, api_flag(query, "now")) < 0)
		refuse_name(&of, name, reply);
	else
		api_answer(reply, json_pack("{s:s, s:s, s:s, s:i}", "kind", kind, "name", name,
					    "admin", inspect_admin_state(endpoint), "calls",
					    (int)endpoint->calls_now));
}

void api_live_trunk_enable(struct gateway *gateway, const struct api_query *query,
			   struct api_reply *reply)
{
	flip(gateway, "trunk", query, reply, true);
}

void api_live_trunk_disable(struct gateway *gateway, const struct api_query *query,
			    struct api_reply *reply)
{
	flip(gateway, "trunk", query, reply, false);
}

void api_live_span_enable(struct gateway *gateway, const struct api_query *query,
			  struct api_reply *reply)
{
	flip(gateway, "span", query, reply, true);
}

void api_live_span_disable(struct gateway *gateway, const struct api_query *query,
			   struct api_reply *reply)
{
	flip(gateway, "span", query, reply, false);
}
