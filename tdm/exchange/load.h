/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TDM_EXCHANGE_LOAD_H
#define TDM_EXCHANGE_LOAD_H

/* Makes calls at a rate, no more than so many at once, until all are done. One call is a load of
 * one. Thread: signalling. */

#include "tdm/exchange/report.h"

struct ex_load;

struct ex_load_ops {
	/* Once a second while it runs; may be NULL. */
	void (*second)(struct ex_load *load, void *arg);
	/* All calls have ended. The load may be destroyed here. */
	void (*done)(struct ex_load *load, void *arg);
};

/* `spec` is copied. Waits up to wait_ms until the spans are ready. 0; -ENOENT: spec names a span
 * that does not exist; -ENOMEM. */
int ex_load_start(struct ex_load **out, struct ex_exchange *exchange,
		  const struct ex_call_spec *spec, unsigned wait_ms, const struct ex_load_ops *ops,
		  void *arg);
/* No further call; `done` comes when those that run have ended, not from inside. To be called
 * before the exchange closes. */
void ex_load_stop(struct ex_load *load);
/* Only after `done`. Sets NULL, takes NULL. */
void ex_load_destroy(struct ex_load **load);

struct ex_report *ex_load_report(struct ex_load *load);
/* Since the first call. */
double ex_load_seconds(const struct ex_load *load);

#endif
