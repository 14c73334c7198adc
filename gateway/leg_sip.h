/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GATEWAY_LEG_SIP_H
#define GATEWAY_LEG_SIP_H

/* Legs on SIP trunks: trunk/'s calls in the words of the half-call protocol. endpoint->target is
 * the struct sip_trunk. Thread: signalling. */

#include "gateway/gateway.h"
#include "trunk/sip.h"

/* For struct endpoint. available: -ESHUTDOWN while it takes no calls, -ENETDOWN while the peer
 * doesn't answer OPTIONS, -EBUSY at max_calls. */
int leg_sip_make(struct endpoint *endpoint, struct leg **out);
int leg_sip_available(const struct endpoint *endpoint);
/* For struct sip_stack_ops; `gateway` is the struct gateway. */
void leg_sip_incoming(struct sip_trunk *trunk, struct sip_call *call, const struct sip_info *info,
		      void *gateway);

/* Identities into and out of trunk/'s words. */
void leg_sip_info_up(struct leg_info *out, const struct sip_info *in);
void leg_sip_info_down(struct sip_info *out, const struct leg_info *in);

#endif
