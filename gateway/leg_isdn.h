/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GATEWAY_LEG_ISDN_H
#define GATEWAY_LEG_ISDN_H

/* Legs on ISDN spans: tdm/'s calls in the words of the half-call protocol. endpoint->target is the
 * struct isdn_span. Thread: signalling. */

#include "gateway/gateway.h"
#include "tdm/span.h"

/* For struct endpoint. available: -ESHUTDOWN while it takes no calls, -ENETDOWN while the span is
 * not up, -EBUSY without an idle B-channel. */
int leg_isdn_make(struct endpoint *endpoint, struct leg **out);
int leg_isdn_available(const struct endpoint *endpoint);
/* For struct isdn_span_ops; `gateway` is the struct gateway. */
void leg_isdn_incoming(struct isdn_span *span, struct isdn_call *call, const struct isdn_info *info,
		       void *gateway);

/* Elements into and out of tdm/'s words; of the message, its in-band mark and cause as well. */
void leg_isdn_info_up(struct leg_info *out, const struct isdn_info *in);
void leg_isdn_info_down(struct isdn_info *out, const struct leg_message *message,
			const struct conf_span *span);
/* The B-channel's timeslot, 0: none. For listings, of a leg of ops->kind "isdn" only. */
unsigned leg_isdn_timeslot(const struct leg *leg);

#endif
