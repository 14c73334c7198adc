/* SPDX-License-Identifier: GPL-2.0-only */
#include "gateway/notify.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>

/* Fed so many times within the period after which the service manager gives up. */
#define FEEDINGS 4

/* ---- States ---- */

void notify_ready(const char *status)
{
	sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

/* The time is what newer service managers (Type=notify-reload) wait for. */
void notify_reloading(void)
{
	sd_notifyf(0,
		   "RELOADING=1\nMONOTONIC_USEC=%" PRIu64
		   "\nSTATUS=reading the configuration again",
		   clock_now_us(&clock_system));
}

void notify_stopping(const char *status)
{
	sd_notifyf(0, "STOPPING=1\nSTATUS=%s", status);
}

void notify_status(const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	sd_notifyf(0, "STATUS=%s", text);
}

void notify_extend(uint64_t us)
{
	sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%" PRIu64, us);
}

/* ---- The watchdog ---- */

struct watched {
	struct worker *worker;
	atomic_bool answered;
};

struct watchdog {
	struct loop *loop;
	struct loop_timer timer;
	uint64_t period_us;
	bool late; /* told that somebody doesn't answer */
	unsigned count;
	struct watched watched[WATCHDOG_THREADS];
};

/* On the watched thread. */
static void answer(void *object, void *arg)
{
	struct watched *watched = object;

	(void)arg;
	atomic_store_explicit(&watched->answered, true, memory_order_release);
}

static const struct watched *silent_one(const struct watchdog *w)
{
	for (unsigned i = 0; i < w->count; i++)
		if (!atomic_load_explicit(&w->watched[i].answered, memory_order_acquire))
			return &w->watched[i];
	return NULL;
}

static void question(struct watched *watched)
{
	atomic_store_explicit(&watched->answered, false, memory_order_relaxed);
	worker_post(watched->worker, answer, watched, NULL);
}

static void feed(struct loop_timer *timer, void *arg)
{
	struct watchdog *w = arg;
	const struct watched *silent = silent_one(w);

	loop_timer_start(w->loop, timer, w->period_us, feed, w);
	if (silent) {
		if (!w->late)
			log_write(LOG_LEVEL_ERROR, "watchdog", NULL, "thread %s does not answer",
				  worker_name(silent->worker));
		w->late = true;
		return;
	}
	w->late = false;
	sd_notify(0, "WATCHDOG=1");
	for (unsigned i = 0; i < w->count; i++)
		question(&w->watched[i]);
}

int watchdog_create(struct watchdog **out, struct loop *loop)
{
	struct watchdog *w;
	uint64_t limit_us = 0;

	*out = NULL;
	if (sd_watchdog_enabled(0, &limit_us) <= 0 || limit_us < FEEDINGS)
		return 0;
	w = mem_zalloc(sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->loop = loop;
	w->period_us = limit_us / FEEDINGS;
	feed(&w->timer, w);
	*out = w;
	return 0;
}

int watchdog_watch(struct watchdog *w, struct worker *worker)
{
	struct watched *watched;

	if (!w)
		return 0;
	if (w->count == WATCHDOG_THREADS)
		return -E2BIG;
	watched = &w->watched[w->count++];
	watched->worker = worker;
	atomic_init(&watched->answered, false);
	question(watched);
	return 0;
}

void watchdog_forget(struct watchdog *w)
{
	if (w)
		w->count = 0;
}

void watchdog_destroy(struct watchdog **out)
{
	struct watchdog *w = *out;

	if (!w)
		return;
	*out = NULL;
	loop_timer_stop(w->loop, &w->timer);
	mem_free(w);
}
