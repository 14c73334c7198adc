/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TDM_EXCHANGE_CALLER_H
#define TDM_EXCHANGE_CALLER_H

/* One outgoing call, from SETUP to the verdict. It frees itself when done. Thread: signalling. */

#include "tdm/exchange/call_spec.h"
#include "tdm/exchange/exchange.h"

struct ex_outcome {
	const struct ex_record *record;
	struct ex_media_result media;
	bool as_expected;
	const char *why;              /* not as expected: what was wrong */
};

struct ex_caller_ops {
	/* The last word; outcome is borrowed for the call. Never from inside ex_caller_start(). */
	void (*done)(const struct ex_outcome *outcome, void *arg);
	void (*answered)(void *arg);
};

struct ex_caller;

/* `spec` is borrowed for the call's life. A call that the span refuses ends with that cause, in
 * `done`. 0 or -ENOMEM. */
int ex_caller_start(struct ex_caller **out, struct ex_exchange *exchange, struct isdn_span *span,
		    const struct ex_call_spec *spec, const struct ex_caller_ops *ops, void *arg);
/* Clears it; `done` follows. */
void ex_caller_hangup(struct ex_caller *caller);
/* What a call that ended like this is worth under the specification; NULL: as expected. Pure. */
const char *ex_caller_judge(const struct ex_call_spec *spec, const struct ex_record *record,
			    const struct ex_media_result *media);

#endif
