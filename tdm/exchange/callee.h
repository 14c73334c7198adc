/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TDM_EXCHANGE_CALLEE_H
#define TDM_EXCHANGE_CALLEE_H

/* One incoming call, run by its scenario. It frees itself after the release. Thread: signalling. */

#include "tdm/exchange/exchange.h"

/* Takes the call over. Without memory it is refused with cause 47. */
void ex_callee_start(struct ex_exchange *exchange, struct isdn_call *call,
		     const struct isdn_info *setup, const struct ex_steps *steps);
/* What a plan's message becomes. */
void ex_callee_info(const struct ex_message *message, struct isdn_info *out);

#endif
