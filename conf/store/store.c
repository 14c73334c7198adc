/* SPDX-License-Identifier: GPL-2.0-only */
/* The home side of a store: opening and closing, handing jobs over, telling of them. Patience is
 * counted here alone, on the home loop's clock: a job that waits is taken from the queue and told,
 * the one that runs is asked to give up (struct store_stop). */
#include "conf/store/store_thread.h"

#include "base/mem.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* A job that runs may end by itself for so long when the store is closed. */
#define CLOSE_GRACE_MS 2000
#define SCHEMAS_MAX 8 /* of struct store_state */

/* ---- Bells and lock ---- */

void store_ring(int fd)
{
	static const uint64_t one = 1;

	while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

void store_hush(int fd)
{
	uint64_t count;

	while (read(fd, &count, sizeof(count)) < 0 && errno == EINTR)
		;
}

void store_lock(const struct store *s)
{
	pthread_mutex_lock((pthread_mutex_t *)&s->lock);
}

void store_unlock(const struct store *s)
{
	pthread_mutex_unlock((pthread_mutex_t *)&s->lock);
}

/* ---- Home: telling ---- */

static void arm_patience(struct store *s);

static struct job *take_finished(struct store *s)
{
	struct job *job;

	store_lock(s);
	job = list_first(&s->finished, struct job, node);
	if (job)
		list_remove(&job->node);
	store_unlock(s);
	return job;
}

static void tell_jobs(struct store *s)
{
	struct job *job;

	while (!s->closed && (job = take_finished(s))) {
		job->done(job->arg, job->rc, job->error);
		mem_free(job);
	}
}

static void tell_notifications(struct store *s)
{
	for (;;) {
		struct notification *n;

		store_lock(s);
		n = list_first(&s->notifications, struct notification, node);
		if (n)
			list_remove(&n->node);
		store_unlock(s);
		if (!n)
			return;
		if (!s->closed && s->cfg.notified)
			s->cfg.notified(s->cfg.arg, n->payload);
		mem_free(n);
	}
}

static void tell_change(struct store *s)
{
	bool changed;

	store_lock(s);
	changed = s->state_changed;
	s->state_changed = false;
	store_unlock(s);
	if (changed && !s->closed && s->cfg.changed)
		s->cfg.changed(s->cfg.arg);
}

static void bell_rings(struct loop_watch *watch, uint32_t events, void *arg)
{
	struct store *s = arg;

	(void)watch;
	(void)events;
	store_hush(s->bell);
	s->telling = true;
	tell_change(s);
	tell_notifications(s);
	tell_jobs(s);
	s->telling = false;
	if (!s->closed)
		arm_patience(s);
}

/* ---- Home: patience ---- */

static void give_up(struct store *s, struct job *job)
{
	list_remove(&job->node);
	s->state.waiting--;
	s->state.failed++;
	job->rc = -ETIMEDOUT;
	snprintf(job->error, sizeof(job->error), "%s",
		 s->state.error[0] ? s->state.error : "the database is busy");
	list_append(&s->finished, &job->node);
}

static void patience_over(struct loop_timer *timer, void *arg)
{
	struct store *s = arg;
	uint64_t now_us = loop_now_us(s->home);
	struct job *job;

	(void)timer;
	store_lock(s);
	list_for_each(job, &s->queue, struct job, node) {
		if (job->deadline_us && job->deadline_us <= now_us)
			give_up(s, job);
	}
	if (s->running && s->running->deadline_us && s->running->deadline_us <= now_us &&
	    !atomic_load(&s->stop.why)) {
		atomic_store(&s->stop.why, ETIMEDOUT);
		store_ring(s->stop.fd);
	}
	store_unlock(s);
	store_ring(s->bell);
	arm_patience(s);
}

static void arm_patience(struct store *s)
{
	uint64_t first_us = UINT64_MAX;
	struct job *job;

	store_lock(s);
	list_for_each(job, &s->queue, struct job, node) {
		if (job->deadline_us && job->deadline_us < first_us)
			first_us = job->deadline_us;
	}
	if (s->running && s->running->deadline_us && s->running->deadline_us < first_us &&
	    !atomic_load(&s->stop.why))
		first_us = s->running->deadline_us;
	store_unlock(s);
	if (first_us == UINT64_MAX)
		loop_timer_stop(s->home, &s->patience);
	else
		loop_timer_start_at(s->home, &s->patience, first_us, patience_over, s);
}

/* ---- Open and close ---- */

static const struct store_backend *backend_for(const char *url)
{
	static const struct store_backend *const all[] = { &store_sqlite, &store_postgresql };

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		if (all[i]->accepts(url))
			return all[i];
	}
	return NULL;
}

static int copy_cfg(struct store *s, const struct store_cfg *cfg)
{
	s->cfg = *cfg;
	s->home = cfg->home;
	snprintf(s->name, sizeof(s->name), "%s", cfg->thread_name ? cfg->thread_name : "store");
	s->url = mem_strdup(cfg->url);
	s->namespace_name = mem_strdup(cfg->namespace_name);
	s->channel = mem_strdup(cfg->channel);
	if (!s->url || (cfg->namespace_name && !s->namespace_name) || (cfg->channel && !s->channel))
		return -ENOMEM;
	s->target = (struct store_target){ .url = s->url,
					   .namespace_name = s->namespace_name,
					   .channel = s->channel,
					   .read_only = cfg->read_only,
					   .stop = &s->stop };
	s->state.since_wall_us = clock_wall_us(&clock_system);
	snprintf(s->state.kind, sizeof(s->state.kind), "%s", s->backend->kind);
	s->attempt = 1;
	return 0;
}

static void init_lock(struct store *s)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->moved, &attr);
	pthread_condattr_destroy(&attr);
	list_init(&s->queue);
	list_init(&s->finished);
	list_init(&s->notifications);
	s->bell = s->stop.fd = -1;
}

static int open_bells(struct store *s)
{
	s->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	s->stop.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (s->bell < 0 || s->stop.fd < 0)
		return -errno;
	return loop_watch_add(s->home, &s->watch, s->bell, EPOLLIN, bell_rings, s);
}

/* Signals are the signalling thread's: this one starts with all of them blocked. */
static int start_thread(struct store *s)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&s->thread, NULL, store_thread, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	s->started = rc == 0;
	return -rc;
}

/* Without its memory, which a callback above us may still look at. */
static void tear_down(struct store *s)
{
	s->closed = true;
	tell_notifications(s);
	loop_watch_remove(&s->watch);
	loop_timer_stop(s->home, &s->patience);
	if (s->bell >= 0)
		close(s->bell);
	if (s->stop.fd >= 0)
		close(s->stop.fd);
	pthread_cond_destroy(&s->moved);
	pthread_mutex_destroy(&s->lock);
	mem_free(s->url);
	mem_free(s->namespace_name);
	mem_free(s->channel);
}

int store_open(struct store **out, const struct store_cfg *cfg, char *error, size_t error_room)
{
	const struct store_backend *backend = cfg->url ? backend_for(cfg->url) : NULL;
	struct store *s;
	int rc;

	if (!backend || cfg->schema_count > SCHEMAS_MAX) {
		snprintf(error, error_room,
			 backend ? "a store has at most %d schemas"
				 : "the store must be sqlite:FILE or "
				   "postgresql://…",
			 SCHEMAS_MAX);
		return -EINVAL;
	}
	s = mem_zalloc(sizeof(*s));
	if (!s)
		goto no_memory;
	init_lock(s);
	s->backend = backend;
	rc = copy_cfg(s, cfg);
	if (rc >= 0)
		rc = backend->describe(s->url, s->state.where, sizeof(s->state.where), error,
				       error_room);
	if (rc == -EINVAL)
		goto fail;
	if (rc >= 0)
		rc = open_bells(s);
	if (rc >= 0)
		rc = start_thread(s);
	if (rc < 0) {
		snprintf(error, error_room, "the store's thread: %s", strerror(-rc));
		goto fail;
	}
	*out = s;
	return 0;
fail:
	tear_down(s);
	mem_free(s);
	return rc;
no_memory:
	snprintf(error, error_room, "no memory for a store");
	return -ENOMEM;
}

static struct timespec after_ms(unsigned ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += (long)(ms % 1000) * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

int store_wait(struct store *s, unsigned wait_ms, char *error, size_t error_room)
{
	struct timespec until = after_ms(wait_ms);
	int rc = 0;

	store_lock(s);
	/* -EAGAIN and 1 (not tried yet) may still turn into something. */
	while (rc == 0 && (s->attempt == 1 || s->attempt == -EAGAIN))
		rc = pthread_cond_timedwait(&s->moved, &s->lock, &until);
	rc = s->attempt == 1 || s->attempt == -EAGAIN ? -ETIMEDOUT : s->attempt;
	if (rc < 0)
		snprintf(error, error_room, "%s",
			 s->state.error[0] ? s->state.error
					   : "the database does not answer: is its server up?");
	store_unlock(s);
	return rc;
}

/* The one that runs may end within the grace; then it is told to give up. */
static void end_thread(struct store *s)
{
	struct timespec until = after_ms(CLOSE_GRACE_MS);
	int rc = 0;

	store_lock(s);
	s->closing = true;
	if (!s->running)
		atomic_store(&s->stop.why, ECANCELED);
	store_ring(s->stop.fd);
	while (!s->ended && rc == 0)
		rc = pthread_cond_timedwait(&s->moved, &s->lock, &until);
	if (!s->ended) {
		atomic_store(&s->stop.why, ECANCELED);
		store_ring(s->stop.fd);
	}
	store_unlock(s);
	pthread_join(s->thread, NULL);
}

static void cancel_waiting(struct store *s)
{
	struct job *job;

	store_lock(s);
	list_for_each(job, &s->queue, struct job, node) {
		list_remove(&job->node);
		job->rc = -ECANCELED;
		snprintf(job->error, sizeof(job->error), "the store is being closed");
		list_append(&s->finished, &job->node);
	}
	s->state.waiting = 0;
	store_unlock(s);
}

void store_close(struct store **store)
{
	struct store *s = store ? *store : NULL;

	if (!s)
		return;
	*store = NULL;
	end_thread(s);
	cancel_waiting(s);
	tell_jobs(s);
	tear_down(s);
	if (s->telling)
		loop_free_later(s->home, s);
	else
		mem_free(s);
}

/* ---- Home: jobs and state ---- */

int store_run(struct store *s, enum store_access access, unsigned patience_ms, store_job_fn run,
	      store_done_fn done, void *arg)
{
	struct job *job = mem_zalloc(sizeof(*job));

	if (!job)
		return -ENOMEM;
	job->access = access;
	job->run = run;
	job->done = done;
	job->arg = arg;
	if (patience_ms)
		job->deadline_us = loop_now_us(s->home) + (uint64_t)patience_ms * 1000;
	store_lock(s);
	list_append(&s->queue, &job->node);
	s->state.waiting++;
	store_unlock(s);
	store_ring(s->stop.fd);
	if (patience_ms)
		arm_patience(s);
	return 0;
}

void store_state(const struct store *s, struct store_state *out)
{
	store_lock(s);
	*out = s->state;
	store_unlock(s);
}

const struct store_schema *store_schemas(const struct store *s, size_t *count)
{
	*count = s->cfg.schema_count;
	return s->cfg.schemas;
}
