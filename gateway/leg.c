/* SPDX-License-Identifier: GPL-2.0-only */
#include "gateway/leg.h"

#include "gateway/call.h"
#include "gateway/endpoint.h"

#include <assert.h>
#include <errno.h>

static const char *const names[LEG_MESSAGE_COUNT] = {
	[LEG_SETUP] = "SETUP",
	[LEG_SETUP_ACK] = "SETUP_ACK",
	[LEG_MORE_DIGITS] = "MORE_DIGITS",
	[LEG_PROCEEDING] = "PROCEEDING",
	[LEG_ALERTING] = "ALERTING",
	[LEG_PROGRESS] = "PROGRESS",
	[LEG_CONNECT] = "CONNECT",
	[LEG_DISCONNECT] = "DISCONNECT",
	[LEG_RELEASE] = "RELEASE",
	[LEG_OFFER] = "OFFER",
	[LEG_ANSWER] = "ANSWER",
	[LEG_REFUSE] = "REFUSE",
	[LEG_HOLD] = "HOLD",
	[LEG_RESUME] = "RESUME",
	[LEG_PARTY_UPDATE] = "PARTY_UPDATE",
	[LEG_NOTIFY] = "NOTIFY",
	[LEG_TRANSFER] = "TRANSFER",
	[LEG_DTMF] = "DTMF",
	[LEG_UUI] = "UUI",
	[LEG_CHARGE] = "CHARGE",
	[LEG_FACILITY] = "FACILITY",
};

void leg_init(struct leg *leg, const struct leg_ops *ops, struct endpoint *endpoint)
{
	*leg = (struct leg){ .ops = ops, .endpoint = endpoint_ref(endpoint) };
	list_init(&leg->node);
}

void leg_destroy(struct leg **out)
{
	struct leg *leg = *out;
	struct endpoint *endpoint;

	if (!leg)
		return;
	*out = NULL;
	endpoint = leg->endpoint;
	list_remove(&leg->node);
	leg->call = NULL;
	leg->ops->destroy(leg);
	endpoint_unref(endpoint);
}

int leg_send(struct leg *leg, const struct leg_message *message)
{
	assert(message->type < LEG_MESSAGE_COUNT);
	if (leg->released || (leg->releasing && message->type != LEG_RELEASE))
		return 0;
	if (message->type == LEG_RELEASE)
		leg->releasing = true;
	return leg->ops->send(leg, message);
}

void leg_release(struct leg *leg, struct q850_cause cause)
{
	leg_send(leg, &(struct leg_message){ .type = LEG_RELEASE, .cause = cause });
}

void leg_tell(struct leg *leg, const struct leg_message *message)
{
	assert(!leg->released);
	leg->released = message->type == LEG_RELEASE;
	if (leg->call)
		call_receive(leg->call, leg, message);
	else if (leg->released)
		leg_destroy(&leg);
}

const char *leg_message_name(enum leg_message_type type)
{
	return (unsigned)type < LEG_MESSAGE_COUNT ? names[type] : "?";
}

struct q850_cause leg_cause_of(int error)
{
	static const struct {
		int error;
		uint8_t cause;
	} rows[] = {
		{ -EBUSY, Q850_NO_CIRCUIT },
		{ -ENETDOWN, Q850_DESTINATION_OUT_OF_ORDER },
		{ -ESHUTDOWN, Q850_CONGESTION },
		{ -ENXIO, Q850_NO_ROUTE },
		{ -EINVAL, Q850_INVALID_NUMBER },
		{ -ENOTSUP, Q850_BEARER_NOT_IMPLEMENTED },
		{ -ENOMEM, Q850_RESOURCE_UNAVAILABLE },
		{ -EADDRINUSE, Q850_RESOURCE_UNAVAILABLE },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].error == error)
			return q850(rows[i].cause, Q850_LOC_PRIVATE_LOCAL);
	return q850(Q850_TEMPORARY_FAILURE, Q850_LOC_PRIVATE_LOCAL);
}
