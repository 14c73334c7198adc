/* SPDX-License-Identifier: GPL-2.0-only */
/* A gateway's parts by name. Knows nothing of what stands behind them. */
#include "gateway/gateway.h"

#include <string.h>

void gateway_init_lists(struct gateway *gateway)
{
	list_init(&gateway->interfaces);
	list_init(&gateway->lines);
	list_init(&gateway->endpoints);
	list_init(&gateway->retired_interfaces);
	list_init(&gateway->retired_lines);
	list_init(&gateway->retired);
	list_init(&gateway->retired_ports);
	list_init(&gateway->calls);
}

struct endpoint *gateway_endpoint(const struct gateway *gateway, const char *name)
{
	struct endpoint *endpoint;

	list_for_each(endpoint, &gateway->endpoints, struct endpoint, node)
		if (strcmp(endpoint->name, name) == 0)
			return endpoint;
	return NULL;
}

struct endpoint *gateway_endpoint_of(const struct gateway *gateway, const void *target)
{
	struct endpoint *endpoint;

	list_for_each(endpoint, &gateway->endpoints, struct endpoint, node)
		if (endpoint->target == target)
			return endpoint;
	list_for_each(endpoint, &gateway->retired, struct endpoint, node)
		if (endpoint->target == target)
			return endpoint;
	return NULL;
}

struct gateway_line *gateway_line(const struct gateway *gateway, const char *name)
{
	struct gateway_line *line;

	list_for_each(line, &gateway->lines, struct gateway_line, node)
		if (strcmp(line->conf->name, name) == 0)
			return line;
	return NULL;
}

struct gateway_interface *gateway_interface(const struct gateway *gateway, const char *name)
{
	struct gateway_interface *interface;

	list_for_each(interface, &gateway->interfaces, struct gateway_interface, node)
		if (strcmp(interface->conf->name, name) == 0)
			return interface;
	return NULL;
}

struct isdn_span *endpoint_isdn_span(const struct endpoint *endpoint)
{
	return endpoint_is_trunk(endpoint) ? NULL : endpoint->target;
}

struct sip_trunk *endpoint_sip_trunk(const struct endpoint *endpoint)
{
	return endpoint_is_trunk(endpoint) ? endpoint->target : NULL;
}
