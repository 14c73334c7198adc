/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GATEWAY_CALL_PRIVATE_H
#define GATEWAY_CALL_PRIVATE_H

/* What call.c (a call's life), call_fsm.c (what happens when) and call_walk.c (where it goes)
 * share. */

#include "base/log.h"
#include "gateway/call.h"
#include "gateway/call_fsm.h"
#include "gateway/gateway.h"
#include "gateway/ladder.h"

#define clog(call, level, ...) log_write(level, "call", (call)->id, __VA_ARGS__)
/* A sentence on the call's ladder; nothing when no ladders are kept. */
#define call_note(call, ...)                                                                       \
	do {                                                                                       \
		if ((call)->gateway->ladders)                                                      \
			ladder_note((call)->gateway->ladders, (call)->id, __VA_ARGS__);            \
	} while (0)

static inline uint64_t call_now_us(const struct call *call)
{
	return clock_now_us(loop_clock(call->gateway->loop));
}

/* ---- call.c ---- */

/* The leg takes this seat; its trace records join the call's ladder. */
void call_seat(struct call *call, struct leg *leg, unsigned seat);
/* Destroys a leg of the call, and counts it off its endpoint. */
void call_leg_free(struct call *call, struct leg **leg);
/* Something ended: when nothing is left, CALL_CLEARED comes by and by. */
void call_poke(struct call *call);
/* Runs as the call enters CALL_CLEARING and CALL_GONE. */
void call_close_media(struct call *call);
void call_free(struct call *call);

/* ---- call_walk.c ---- */

/* Normalize, find the policy, route. Value 0 when there are candidates. */
struct q850_cause call_route(struct call *call);
/* Send SETUP to the next gateway that takes it; false: none is left, and last_cause says why. */
bool call_try_next(struct call *call);
/* Would call_try_next() find one that is available? */
bool call_has_next(const struct call *call);
/* The attempt under way came to nothing. */
void call_attempt_failed(struct call *call, struct q850_cause cause, unsigned status);
/* The called leg loses its seat; its RELEASE may be still to come. */
void call_drop_called(struct call *call);
/* Connected and redirecting numbers as they shall read on the other side of the house. */
void call_cross_number(struct call *call, const struct endpoint *from, const struct endpoint *to,
		       struct party_number *number);

#endif
