/* SPDX-License-Identifier: GPL-2.0-only */
/* How much is too much? Three signs: a timer that fires late, because the loop was long in other
 * callbacks; the share of the last tenth of a second that the thread was running or waiting for a
 * processor, because packets that wait in sockets delay no timer; and those packets themselves,
 * where others take the processors. Waiting is told by schedstat where the kernel keeps it. */
#include "gateway/overload.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define TICK_US 10000
#define WINDOW_US 100000
#define SECOND_US 1000000
#define ALL 1000 /* permille */
#define LEAST 5  /* of new calls: something must come in to find out that there is room again */
#define BUSY_HIGH 960    /* above it some calls are one too many */
#define BUSY_LOW 920     /* below it there is room */
#define BACKLOG_HIGH 32  /* messages that wait: more than one moment's */
#define BACKLOG_FULL 128 /* the next call would wait behind too many, whatever the share, */
#define BACKLOG_ONCE 300 /* or when there was no bad window before */
#define BAD_WINDOWS 3    /* in a row, before they count */

struct overload {
	struct loop *loop;
	struct conf_overload conf;
	struct loop_timer tick;
	int schedstat;                         /* descriptor, -1: can't be read */
	uint64_t due_us, window_us, second_us; /* when the tick was due; when these began */
	uint64_t worked_ns, second_worked_ns;  /* schedstat then */
	uint64_t lag_us, second_lag_us;        /* highest since */
	uint64_t tokens_us;                    /* of max_rate: a call costs a second / max_rate */
	uint64_t tokens_at_us;
	unsigned (*backlog)(void *arg);
	void *backlog_arg;
	unsigned bad_windows; /* in a row, up to now */
	unsigned share, owed; /* permille that is admitted; what the next call has of a whole one */
	unsigned asked;       /* in this second */
	uint64_t *refused;    /* the counter of why the last one was, NULL: it was not */
	struct overload_state state;
};

/* Nanoseconds that this thread ran or waited for a processor (the kernel's
 * Documentation/scheduler/sched-stats); kernels without that count tell how long it ran. */
static uint64_t worked_ns(const struct overload *o)
{
	char text[96];
	ssize_t n = o->schedstat < 0 ? -1 : pread(o->schedstat, text, sizeof(text) - 1, 0);
	unsigned long long ran = 0, waited = 0;
	struct timespec own;

	if (loop_clock(o->loop)->is_virtual || clock_gettime(CLOCK_THREAD_CPUTIME_ID, &own) < 0)
		return 0;
	text[n > 0 ? n : 0] = '\0';
	if (sscanf(text, "%llu %llu", &ran, &waited) == 2 && ran > 0)
		return ran + waited;
	return (uint64_t)own.tv_sec * UINT64_C(1000000000) + (uint64_t)own.tv_nsec;
}

static unsigned permille(uint64_t worked, uint64_t us)
{
	uint64_t share = us ? worked / us : 0; /* ns / us */

	return share > ALL ? ALL : (unsigned)share;
}

static unsigned waiting(const struct overload *o)
{
	return o->backlog ? o->backlog(o->backlog_arg) : 0;
}

/* One bad window is a neighbour's doing, or one long callback: calls that waited for it are
 * carried. Several in a row are too much. Then less by a part of what there is, and more by small
 * steps: it settles where the thread is just not saturated. */
static void adjust(struct overload *o, unsigned busy)
{
	bool late = o->lag_us > (uint64_t)o->conf.lag_ms * 1000;
	bool queued = busy > BUSY_LOW && waiting(o) > BACKLOG_HIGH;

	o->bad_windows = late || queued || busy > BUSY_HIGH ? o->bad_windows + 1 : 0;
	if (o->conf.lag_ms == 0)
		o->share = ALL;
	else if (o->bad_windows >= BAD_WINDOWS)
		o->share = late     ? o->share * 3 / 4
			   : queued ? o->share * 9 / 10
				    : o->share * 19 / 20;
	else if (busy < BUSY_LOW && !o->bad_windows)
		o->share += o->share / 20 + 5;
	if (o->share > ALL)
		o->share = ALL;
	if (o->share < LEAST)
		o->share = LEAST;
}

static void end_window(struct overload *o, uint64_t now_us)
{
	uint64_t worked = worked_ns(o);

	adjust(o, permille(worked - o->worked_ns, now_us - o->window_us));
	o->state.share_permille = o->share;
	o->window_us = now_us;
	o->worked_ns = worked;
	o->lag_us = 0;
}

static void end_second(struct overload *o, uint64_t now_us)
{
	uint64_t worked = worked_ns(o);

	o->state.lag_ms = (unsigned)(o->second_lag_us / 1000);
	o->state.busy_permille = permille(worked - o->second_worked_ns, now_us - o->second_us);
	o->state.rate = o->asked;
	o->asked = 0;
	o->second_us = now_us;
	o->second_worked_ns = worked;
	o->second_lag_us = 0;
}

static void ticked(struct loop_timer *timer, void *arg)
{
	struct overload *o = arg;
	uint64_t now_us = clock_now_us(loop_clock(o->loop));
	uint64_t lag_us = o->due_us && now_us > o->due_us ? now_us - o->due_us : 0;

	if (!o->due_us) { /* The loop begins to turn: what the start of the program took is no lag.
			   */
		o->window_us = o->second_us = now_us;
		o->worked_ns = o->second_worked_ns = worked_ns(o);
	}
	if (lag_us > o->lag_us)
		o->lag_us = lag_us;
	if (lag_us > o->second_lag_us)
		o->second_lag_us = lag_us;
	if (now_us - o->window_us >= WINDOW_US)
		end_window(o, now_us);
	if (now_us - o->second_us >= SECOND_US)
		end_second(o, now_us);
	o->due_us = now_us + TICK_US;
	loop_timer_start_at(o->loop, timer, o->due_us, ticked, o);
}

/* A bucket that holds one second's calls and fills as time goes by. */
static bool rate_allows(struct overload *o)
{
	uint64_t now_us = clock_now_us(loop_clock(o->loop)), cost_us;

	if (o->conf.max_rate == 0)
		return true;
	cost_us = SECOND_US / o->conf.max_rate;
	o->tokens_us += now_us - o->tokens_at_us;
	o->tokens_at_us = now_us;
	if (o->tokens_us > SECOND_US)
		o->tokens_us = SECOND_US;
	if (o->tokens_us < cost_us)
		return false;
	o->tokens_us -= cost_us;
	return true;
}

static bool share_allows(struct overload *o)
{
	if (o->conf.lag_ms &&
	    waiting(o) > (o->bad_windows > 1 || o->share < ALL ? BACKLOG_FULL : BACKLOG_ONCE))
		return false;
	if (o->share == ALL) {
		o->owed = ALL - 1;
		return true;
	}
	o->owed += o->share;
	if (o->owed < ALL)
		return false;
	o->owed -= ALL;
	return true;
}

bool overload_admits(struct overload *o, unsigned calls)
{
	uint64_t *refused = NULL;

	o->asked++;
	if (o->conf.max_calls && calls >= o->conf.max_calls)
		refused = &o->state.refused_calls;
	else if (!share_allows(o))
		refused = &o->state.refused_lag;
	else if (!rate_allows(o))
		refused = &o->state.refused_rate;
	o->refused = refused;
	if (refused)
		++*refused;
	return !refused;
}

void overload_emergency(struct overload *o)
{
	o->state.emergencies++;
	if (o->refused)
		--*o->refused;
	o->refused = NULL;
}

void overload_state(const struct overload *o, struct overload_state *out)
{
	*out = o->state;
}

void overload_watch_backlog(struct overload *o, unsigned (*messages)(void *arg), void *arg)
{
	o->backlog = messages;
	o->backlog_arg = arg;
}

void overload_set(struct overload *o, const struct conf_overload *conf)
{
	o->conf = *conf;
}

int overload_create(struct overload **out, struct loop *loop, const struct conf_overload *conf)
{
	struct overload *o = mem_zalloc(sizeof(*o));
	uint64_t now_us = clock_now_us(loop_clock(loop));

	if (!o)
		return -ENOMEM;
	o->loop = loop;
	o->conf = *conf;
	o->share = o->state.share_permille = ALL;
	/* Of the thread that opens it: the signalling thread makes this. On a virtual clock the
	 * thread's real work says nothing. */
	o->schedstat = loop_clock(loop)->is_virtual
			       ? -1
			       : open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	o->worked_ns = o->second_worked_ns = worked_ns(o);
	o->window_us = o->second_us = o->tokens_at_us = now_us;
	o->tokens_us = SECOND_US;
	loop_timer_start_at(loop, &o->tick, now_us + TICK_US, ticked, o);
	*out = o;
	return 0;
}

void overload_destroy(struct overload **out)
{
	struct overload *o = *out;

	if (!o)
		return;
	*out = NULL;
	loop_timer_stop(o->loop, &o->tick);
	if (o->schedstat >= 0)
		close(o->schedstat);
	mem_free(o);
}
