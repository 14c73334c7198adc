/* SPDX-License-Identifier: GPL-2.0-only */
#include "gateway/endpoint.h"

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
	*endpoint = (struct endpoint){
		.name = trunk->name,
		.kind = "trunk",
		.dial_plan = trunk->dial_plan,
		.calling_dial_plan = trunk->calling_dial_plan,
		.policy = trunk->policy,
		.called_translation = trunk->called_translation,
		.calling_translation = trunk->calling_translation,
		.setup_timeout_ms = trunk->setup_timeout_ms,
		.ring_timeout_s = trunk->ring_timeout_s,
		.failover_causes = trunk->failover_causes,
		.failover_cause_count = trunk->failover_cause_count,
	};
}

void endpoint_from_span(struct endpoint *endpoint, const struct conf_span *span)
{
	*endpoint = (struct endpoint){
		.name = span->name,
		.kind = "span",
		.dial_plan = span->dial_plan,
		.calling_dial_plan = span->calling_dial_plan,
		.policy = span->policy,
		.called_translation = span->called_translation,
		.calling_translation = span->calling_translation,
		.setup_timeout_ms = span->setup_timeout_ms,
		.ring_timeout_s = span->ring_timeout_s,
		.failover_causes = span->failover_causes,
		.failover_cause_count = span->failover_cause_count,
	};
}
