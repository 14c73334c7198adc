/* SPDX-License-Identifier: GPL-2.0-only */
#include "gateway/endpoint.h"

#include "gateway/gateway.h"

#include <errno.h>

static const uint8_t default_failover[] = {
	Q850_NO_ROUTE,
	Q850_DESTINATION_OUT_OF_ORDER,
	Q850_NO_CIRCUIT,
	Q850_NETWORK_OUT_OF_ORDER,
	Q850_TEMPORARY_FAILURE,
	Q850_CONGESTION,
	Q850_CHANNEL_UNAVAILABLE,
	Q850_RESOURCE_UNAVAILABLE,
	Q850_TIMER_EXPIRY,
};

bool endpoint_fails_over(const struct endpoint *endpoint, struct q850_cause cause)
{
	const uint8_t *causes = endpoint->failover_causes;
	size_t count = endpoint->failover_cause_count;

	if (!count) {
		causes = default_failover;
		count = sizeof(default_failover);
	}
	for (size_t i = 0; i < count; i++)
		if (cause.value && causes[i] == cause.value)
			return true;
	return false;
}

void endpoint_from_trunk(struct endpoint *endpoint, const struct conf_trunk *trunk)
{
	endpoint->name = trunk->name;
	endpoint->kind = "trunk";
	endpoint->trunk = trunk;
	endpoint->dial_plan = trunk->dial_plan;
	endpoint->calling_dial_plan = trunk->calling_dial_plan;
	endpoint->policy = trunk->policy;
	endpoint->called_translation = trunk->called_translation;
	endpoint->calling_translation = trunk->calling_translation;
	endpoint->setup_timeout_ms = trunk->setup_timeout_ms;
	endpoint->ring_timeout_s = trunk->ring_timeout_s;
	endpoint->failover_causes = trunk->failover_causes;
	endpoint->failover_cause_count = trunk->failover_cause_count;
}

void endpoint_from_span(struct endpoint *endpoint, const struct conf_span *span)
{
	endpoint->name = span->name;
	endpoint->kind = "span";
	endpoint->span = span;
	endpoint->dial_plan = span->dial_plan;
	endpoint->calling_dial_plan = span->calling_dial_plan;
	endpoint->policy = span->policy;
	endpoint->called_translation = span->called_translation;
	endpoint->calling_translation = span->calling_translation;
	endpoint->setup_timeout_ms = span->setup_timeout_ms;
	endpoint->ring_timeout_s = span->ring_timeout_s;
	endpoint->failover_causes = span->failover_causes;
	endpoint->failover_cause_count = span->failover_cause_count;
}

struct endpoint *endpoint_ref(struct endpoint *endpoint)
{
	if (endpoint)
		endpoint->references++;
	return endpoint;
}

void endpoint_unref(struct endpoint *endpoint)
{
	if (endpoint && --endpoint->references == 0 && endpoint->retired &&
	    endpoint->gateway->unused)
		endpoint->gateway->unused(endpoint);
}

int endpoint_is_open(const struct endpoint *endpoint)
{
	if (endpoint->off || endpoint->retired ||
	    (endpoint->gateway && endpoint->gateway->refusing))
		return -ESHUTDOWN;
	return 0;
}
