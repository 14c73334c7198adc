/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GATEWAY_OVERLOAD_H
#define GATEWAY_OVERLOAD_H

/* Refusing new calls early, so that those that are carried are carried well.
 *
 * What does it do? Measures how far signalling lags behind (a timer every 10 ms that fires late,
 * the share of time that its thread is at work, what waits in its sockets), the calls there are and
 * the rate of new ones, and says whether the next call may come in. Between «all» and «none» it
 * admits a share, adjusted every 100 ms, so that the gateway works at its limit instead of swinging
 * between full and idle. Emergency calls pass.
 *
 * How is it used? The decision is asked for before anything is made of an INVITE or a SETUP.
 * Refused ones get 503 with Retry-After, or RELEASE COMPLETE with cause 42, and are counted.
 *
 * Thread: signalling. */

#include "base/loop.h"
#include "conf/machine.h"

#include <stdbool.h>

struct overload;

int overload_create(struct overload **out, struct loop *loop, const struct conf_overload *conf);
void overload_destroy(struct overload **overload);
/* Other limits from now on; copied. */
void overload_set(struct overload *overload, const struct conf_overload *conf);

/* A further sign: how many messages wait for signalling; asked ten times a second, and with each
 * new call. NULL: none. */
void overload_watch_backlog(struct overload *overload, unsigned (*messages)(void *arg), void *arg);

/* May a new call come in, with `calls` in progress? Counts it. */
bool overload_admits(struct overload *overload, unsigned calls);
/* The one that was refused last came in after all, as an emergency. */
void overload_emergency(struct overload *overload);

struct overload_state {
	unsigned lag_ms;         /* highest of the last second */
	unsigned busy_permille;  /* of the last second */
	unsigned share_permille; /* of new calls that are admitted now */
	unsigned rate;           /* new calls of the last second */
	uint64_t refused_lag, refused_calls, refused_rate;
	uint64_t emergencies; /* that came in although others were refused */
};
void overload_state(const struct overload *overload, struct overload_state *out);

#endif
