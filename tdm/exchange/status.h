/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TDM_EXCHANGE_STATUS_H
#define TDM_EXCHANGE_STATUS_H

/* The exchange as JSON: spans with their timeslots, lines, counters, calls. Thread: signalling. */

#include "tdm/exchange/exchange.h"

/* NULL without memory. */
json_t *ex_status_json(const struct ex_exchange *exchange);

#endif
