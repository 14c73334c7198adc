/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GATEWAY_NOTIFY_H
#define GATEWAY_NOTIFY_H

/* How the daemon stands, told to the service manager (sd_notify(3)), and its watchdog.
 *
 * What does it do? Without NOTIFY_SOCKET nothing is said. The watchdog (WatchdogSec= in the unit)
 * is fed by the signalling loop, and only while every watched thread has done what it was asked to
 * do since the last feeding: a gateway whose signalling or media thread hangs is started
 * anew. */

#include "base/worker.h"

/* ---- States; any thread ---- */

void notify_ready(const char *status);
/* The configuration is being read again; notify_ready() ends it. */
void notify_reloading(void);
void notify_stopping(const char *status);
/* One sentence for `systemctl status`. */
void notify_status(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Stopping takes at least so much longer from now. */
void notify_extend(uint64_t us);

/* ---- The watchdog; signalling thread ---- */

struct watchdog;

/* 0 and *out, NULL when none is wanted (WATCHDOG_USEC); -ENOMEM. Feeds it from now on. */
int watchdog_create(struct watchdog **out, struct loop *loop);
/* From now on it is fed only when this thread answers too. At most WATCHDOG_THREADS of them; takes
 * a NULL watchdog. -E2BIG. */
int watchdog_watch(struct watchdog *watchdog, struct worker *worker);
/* Before the watched threads end: only the signalling thread counts. Takes NULL. */
void watchdog_forget(struct watchdog *watchdog);
/* After the watched threads have ended. Sets NULL, takes NULL. */
void watchdog_destroy(struct watchdog **watchdog);

#define WATCHDOG_THREADS 80

#endif
