/* SPDX-License-Identifier: GPL-2.0-only */
#include "gateway/admission.h"

#include "gateway/gateway.h"
#include "gateway/overload.h"
#include "trunk/sip.h"

static unsigned backlog(void *arg)
{
	return sip_stack_backlog(arg);
}

int admission_start(struct gateway *g)
{
	int rc = overload_create(&g->overload, g->loop, &g->conf->overload);

	if (rc < 0)
		return rc;
	overload_watch_backlog(g->overload, backlog, g->sip);
	admission_set(g);
	return 0;
}

void admission_set(struct gateway *g)
{
	overload_set(g->overload, &g->conf->overload);
	sip_stack_retry_after(g->sip, g->conf->overload.retry_after_s);
}

static bool is_emergency(const struct endpoint *ingress, const struct party_number *called)
{
	const struct dialplan *plan = ingress->gateway->plan;
	struct party_number normalized;

	return plan &&
	       dialplan_normalize(plan, ingress->dial_plan, called, &normalized, NULL) >= 0 &&
	       dialplan_is_emergency(plan, normalized.digits) > 0;
}

bool admission_of(const struct endpoint *ingress, const struct party_number *called)
{
	const struct gateway *g = ingress->gateway;

	if (!g->overload || overload_admits(g->overload, g->call_count))
		return true;
	if (!is_emergency(ingress, called))
		return false;
	overload_emergency(g->overload);
	return true;
}

bool admission_of_invite(struct sip_trunk *trunk, const struct party *called, void *arg)
{
	const struct endpoint *ingress = gateway_endpoint_of(arg, trunk);

	return !ingress || admission_of(ingress, &called->number);
}

bool admission_is_emergency(struct sip_trunk *trunk, const struct party *called, void *arg)
{
	const struct endpoint *ingress = gateway_endpoint_of(arg, trunk);

	return ingress && is_emergency(ingress, &called->number);
}
