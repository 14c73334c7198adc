/* SPDX-License-Identifier: GPL-2.0-only */
/* Each direction is a ring of messages with a bell: an eventfd that is rung only when the other
 * side has not been rung since it last looked. Commands that found their ring full wait in a list
 * of the home side; `starved` tells the worker to ring the home bell once it has made room. */
#include "base/worker.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/ring.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define RING_RECORDS 4096
#define LOAD_PERIOD_US 1000000

struct message {
	worker_fn fn;
	void *object, *arg;
};

struct waiting {
	struct waiting *next;
	struct message message;
};

struct channel {
	struct ring *ring;
	int bell; /* eventfd; -1 when the worker is inline */
	_Atomic bool rung;
	struct loop_watch watch;
};

struct worker {
	char name[16];
	struct worker_cfg cfg;
	struct loop *home, *loop;
	struct channel commands, events;
	struct waiting *overflow, **overflow_tail;
	_Atomic bool starved;
	struct loop_deferred run_commands, run_events; /* inline only */
	pthread_t thread;
	bool threaded;
	_Atomic bool finished;
	struct loop_timer load_timer;
	uint64_t cpu_ns, sampled_us;
	_Atomic unsigned load_permille;
};

static _Thread_local const struct worker *current;

static void ring_bell(struct channel *c)
{
	static const uint64_t one = 1;

	if (c->bell < 0 || atomic_exchange(&c->rung, true))
		return;
	while (write(c->bell, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static void answer_bell(struct channel *c)
{
	uint64_t count;

	while (read(c->bell, &count, sizeof(count)) < 0 && errno == EINTR)
		;
	/* From here on a producer rings again: what it put in before is seen below. */
	atomic_exchange(&c->rung, false);
}

/* Runs what is in the ring now; what these functions add in turn waits for the next bell. */
static void run_channel(struct channel *c)
{
	struct message m;

	for (size_t n = ring_used(c->ring); n > 0 && ring_pop(c->ring, &m); n--)
		m.fn(m.object, m.arg);
}

static void close_channel(struct channel *c)
{
	loop_watch_remove(&c->watch);
	if (c->bell >= 0)
		close(c->bell);
	ring_destroy(&c->ring);
}

static int open_channel(struct channel *c, struct loop *reader,
			void (*ready)(struct loop_watch *, uint32_t, void *), void *arg)
{
	int rc = ring_create(&c->ring, RING_RECORDS, sizeof(struct message));

	if (rc < 0 || !ready)
		return rc;
	c->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (c->bell < 0)
		return -errno;
	return loop_watch_add(reader, &c->watch, c->bell, EPOLLIN, ready, arg);
}

/* Home: moves what waits into the ring, as far as it has room. */
static void flush_overflow(struct worker *w)
{
	struct waiting *first;
	bool moved = false;

	while ((first = w->overflow) && ring_push(w->commands.ring, &first->message)) {
		w->overflow = first->next;
		mem_free(first);
		moved = true;
	}
	if (!w->overflow)
		w->overflow_tail = &w->overflow;
	if (moved)
		ring_bell(&w->commands);
}

/* Home: as above, and whatever is left makes the worker ring back. The exchange on both sides
 * orders it: either the worker sees the mark after it has popped, or we see the room that it made.
 */
static void flush_or_starve(struct worker *w)
{
	flush_overflow(w);
	if (!w->overflow)
		return;
	atomic_exchange(&w->starved, true);
	flush_overflow(w);
}

static void commands_ready(struct loop_watch *watch, uint32_t events, void *arg)
{
	struct worker *w = arg;

	(void)watch;
	(void)events;
	answer_bell(&w->commands);
	run_channel(&w->commands);
	if (ring_used(w->commands.ring) > 0)
		ring_bell(&w->commands);
	if (atomic_exchange(&w->starved, false))
		ring_bell(&w->events);
}

static void events_ready(struct loop_watch *watch, uint32_t events, void *arg)
{
	struct worker *w = arg;

	(void)watch;
	(void)events;
	answer_bell(&w->events);
	run_channel(&w->events);
	if (ring_used(w->events.ring) > 0)
		ring_bell(&w->events);
	flush_or_starve(w);
}

static void run_events_inline(void *arg)
{
	struct worker *w = arg;

	run_channel(&w->events);
	if (ring_used(w->events.ring) > 0)
		loop_defer(w->home, &w->run_events, run_events_inline, w);
}

static void run_commands_inline(void *arg)
{
	struct worker *w = arg;

	run_channel(&w->commands);
	flush_overflow(w);
	if (ring_used(w->commands.ring) > 0)
		loop_defer(w->home, &w->run_commands, run_commands_inline, w);
}

static uint64_t thread_cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void sample_load(struct loop_timer *timer, void *arg)
{
	struct worker *w = arg;
	uint64_t now_us = loop_now_us(w->loop), cpu_ns = thread_cpu_ns();
	uint64_t passed_us = now_us - w->sampled_us;

	if (w->sampled_us && passed_us)
		atomic_store(&w->load_permille, (unsigned)((cpu_ns - w->cpu_ns) / passed_us));
	w->sampled_us = now_us;
	w->cpu_ns = cpu_ns;
	loop_timer_start_at(w->loop, timer, now_us + LOAD_PERIOD_US, sample_load, w);
}

/* Linux: of the thread, not of the process; threads that it starts have it too. */
static void give_way(int nice)
{
	id_t thread = (id_t)gettid();

	setpriority(PRIO_PROCESS, thread, getpriority(PRIO_PROCESS, thread) + nice);
}

/* Best effort: containers and plain users are refused both. */
static void set_scheduling(const struct worker *w)
{
	static atomic_flag told = ATOMIC_FLAG_INIT;
	struct sched_param param = { .sched_priority = w->cfg.realtime };
	cpu_set_t cpus;
	int rc = 0;

	if (w->cfg.cpu >= 0) {
		CPU_ZERO(&cpus);
		CPU_SET((size_t)w->cfg.cpu, &cpus);
		rc = pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus);
		if (rc)
			log_write(LOG_LEVEL_WARNING, "worker", w->name,
				  "not pinned to processor %d: %s", w->cfg.cpu, strerror(rc));
	}
	if (w->cfg.nice > 0)
		give_way(w->cfg.nice);
	if (w->cfg.realtime <= 0)
		return;
	rc = pthread_setschedparam(pthread_self(), SCHED_FIFO, &param);
	if (rc && !atomic_flag_test_and_set(&told))
		log_write(LOG_LEVEL_NOTICE, "worker", w->name, "no real-time priority: %s",
			  strerror(rc));
}

static void *thread_main(void *arg)
{
	struct worker *w = arg;

	current = w;
	pthread_setname_np(pthread_self(), w->name);
	set_scheduling(w);
	loop_adopt(w->loop);
	sample_load(&w->load_timer, w);
	loop_run(w->loop);
	loop_timer_stop(w->loop, &w->load_timer);
	atomic_store(&w->finished, true);
	ring_bell(&w->events);
	return NULL;
}

/* Signals are the signalling thread's: a worker starts with all of them blocked. */
static int start_thread(struct worker *w)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&w->thread, NULL, thread_main, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	w->threaded = rc == 0;
	return -rc;
}

static int open_worker(struct worker *w)
{
	bool inline_thread = w->cfg.inline_thread;
	int rc = 0;

	if (!inline_thread)
		rc = loop_create(&w->loop, w->cfg.clock);
	if (rc < 0)
		return rc;
	if (inline_thread)
		w->loop = w->home;
	rc = open_channel(&w->commands, w->loop, inline_thread ? NULL : commands_ready, w);
	if (rc < 0)
		return rc;
	rc = open_channel(&w->events, w->home, inline_thread ? NULL : events_ready, w);
	if (rc < 0)
		return rc;
	return inline_thread ? 0 : start_thread(w);
}

static void free_worker(struct worker *w)
{
	if (w->loop)
		close_channel(&w->commands);
	close_channel(&w->events);
	if (w->loop && !w->cfg.inline_thread) {
		loop_adopt(w->loop);
		loop_destroy(&w->loop);
	}
	mem_free(w);
}

int worker_create(struct worker **out, const struct worker_cfg *cfg, struct loop *home)
{
	struct worker *w;
	int rc;

	if (!cfg->inline_thread && cfg->clock->is_virtual)
		return -EINVAL;
	w = mem_zalloc(sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->cfg = *cfg;
	snprintf(w->name, sizeof(w->name), "%s", cfg->name ? cfg->name : "worker");
	w->cfg.name = w->name;
	w->home = home;
	w->commands.bell = w->events.bell = -1;
	w->overflow_tail = &w->overflow;
	rc = open_worker(w);
	if (rc < 0)
		goto fail;
	*out = w;
	return 0;
fail:
	free_worker(w);
	return rc;
}

static void stop_loop(void *object, void *arg)
{
	struct worker *w = object;

	(void)arg;
	loop_stop(w->loop, 0);
}

/* Until the worker has taken all that waits and has come to its stop: its bell wakes us, its events
 * go on meanwhile. */
static void await_finish(struct worker *w)
{
	struct pollfd bell = { .fd = w->events.bell, .events = POLLIN };

	while (!atomic_load(&w->finished)) {
		flush_or_starve(w);
		poll(&bell, 1, -1);
		answer_bell(&w->events);
		run_channel(&w->events);
	}
}

void worker_destroy(struct worker **out)
{
	struct worker *w = out ? *out : NULL;

	if (!w)
		return;
	if (w->threaded) {
		worker_post(w, stop_loop, w, NULL);
		await_finish(w);
		pthread_join(w->thread, NULL);
		w->threaded = false;
		loop_adopt(w->loop);
	}
	/* No thread any more: what the last events still post runs here. */
	while (ring_used(w->commands.ring) || ring_used(w->events.ring) || w->overflow) {
		run_channel(&w->commands);
		flush_overflow(w);
		run_channel(&w->events);
	}
	loop_defer_cancel(w->home, &w->run_commands);
	loop_defer_cancel(w->home, &w->run_events);
	free_worker(w);
	*out = NULL;
}

struct loop *worker_loop(struct worker *worker)
{
	return worker->loop;
}

struct loop *worker_home(struct worker *worker)
{
	return worker->home;
}

const char *worker_name(const struct worker *worker)
{
	return worker->name;
}

bool worker_is_current(const struct worker *worker)
{
	return current == worker || worker->cfg.inline_thread;
}

/* Home, ring full: into the list; without memory for it, wait until the worker has made room. */
static void queue_command(struct worker *w, const struct message *m)
{
	struct waiting *node = mem_zalloc(sizeof(*node));

	if (node) {
		node->message = *m;
		*w->overflow_tail = node;
		w->overflow_tail = &node->next;
		flush_or_starve(w);
		return;
	}
	log_write(LOG_LEVEL_ERROR, "worker", w->name,
		  "no memory for a command: waiting for the worker");
	for (flush_overflow(w); w->overflow || !ring_push(w->commands.ring, m); flush_overflow(w)) {
		if (w->threaded)
			sched_yield();
		else
			run_channel(&w->commands);
	}
}

void worker_post(struct worker *w, worker_fn fn, void *object, void *arg)
{
	struct message m = { .fn = fn, .object = object, .arg = arg };

	if (w->overflow || !ring_push(w->commands.ring, &m))
		queue_command(w, &m);
	ring_bell(&w->commands);
	if (w->cfg.inline_thread)
		loop_defer(w->home, &w->run_commands, run_commands_inline, w);
}

bool worker_raise(struct worker *w, worker_fn fn, void *object, void *arg)
{
	struct message m = { .fn = fn, .object = object, .arg = arg };

	if (!ring_push(w->events.ring, &m))
		return false;
	ring_bell(&w->events);
	if (w->cfg.inline_thread)
		loop_defer(w->home, &w->run_events, run_events_inline, w);
	return true;
}

unsigned worker_load_permille(const struct worker *worker)
{
	return atomic_load(&worker->load_permille);
}
