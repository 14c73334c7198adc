/* SPDX-License-Identifier: GPL-2.0-only */
/* The thread of a store and its queue.
 *
 * One mutex guards the queue, what is finished, and the state; it is never held while the database
 * works or somebody is told. Two eventfds ring: stop.fd wakes the store's thread, `bell` the home
 * loop. Patience is counted by the home loop alone, on its clock: a job that waits is taken from the
 * queue and told, the one that runs is asked to give up (struct store_stop). */
#include "conf/store/store_private.h"

#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define RECONNECT_FIRST_MS 100
#define RECONNECT_MOST_MS 5000
#define RETRY_FIRST_MS 2
#define RETRY_MOST_MS 500
/* A job that runs may end by itself for so long when the store is closed. */
#define CLOSE_GRACE_MS 2000

#define SCHEMAS_MAX 8 /* of struct store_state */

#define dlog(s, level, ...) log_write(level, "store", (s)->name, __VA_ARGS__)

struct job {
	struct list node;
	enum store_access access;
	store_job_fn run;
	store_done_fn done;
	void *arg;
	uint64_t deadline_us; /* of home's clock; 0: none */
	unsigned tries;
	int rc;
	char error[STORE_ERROR_ROOM];
};

struct notification {
	struct list node;
	char payload[];
};

struct store {
	struct store_cfg cfg;
	char name[16];
	char *url, *namespace_name, *channel;
	const struct store_backend *backend;
	struct store_target target;
	struct store_stop stop;
	/* home */
	struct loop *home;
	int bell;
	struct loop_watch watch;
	struct loop_timer patience;
	bool telling, closed;
	pthread_t thread;
	bool started;
	/* the store's thread */
	struct store_db *db;
	unsigned reconnect_ms;
	bool connected_before;
	/* guarded by `lock` */
	pthread_mutex_t lock;
	pthread_cond_t moved; /* `attempted`, `ended` or state.up has changed */
	struct list queue, finished, notifications;
	struct job *running;
	bool closing, ended, state_changed;
	int attempt; /* of the last attempt to connect: 0 or -errno; 1: none yet */
	struct store_state state;
};

/* ---- Bells and state ---- */

static void ring_fd(int fd)
{
	static const uint64_t one = 1;

	while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static void hush(int fd)
{
	uint64_t count;

	while (read(fd, &count, sizeof(count)) < 0 && errno == EINTR)
		;
}

static void lock(const struct store *s)
{
	pthread_mutex_lock((pthread_mutex_t *)&s->lock);
}

static void unlock(const struct store *s)
{
	pthread_mutex_unlock((pthread_mutex_t *)&s->lock);
}

static int64_t wall_us(void)
{
	return clock_wall_us(&clock_system);
}

static void set_state(struct store *s, bool up, int attempt, const char *error)
{
	bool was_up;

	lock(s);
	was_up = s->state.up;
	if (was_up != up)
		s->state.since_wall_us = wall_us();
	s->state_changed |= was_up != up || strcmp(s->state.error, error) != 0;
	s->state.up = up;
	s->attempt = attempt;
	snprintf(s->state.error, sizeof(s->state.error), "%s", error);
	pthread_cond_broadcast(&s->moved);
	unlock(s);
	ring_fd(s->bell);
}

/* ---- The store's thread: connection ---- */

/* Sleeps; only closing ends it early. */
static void nap(struct store *s, unsigned ms)
{
	struct pollfd fd = { .fd = s->stop.fd, .events = POLLIN };
	uint64_t until_us = clock_now_us(&clock_system) + (uint64_t)ms * 1000, now_us;
	bool closing = false;

	while (!closing && (now_us = clock_now_us(&clock_system)) < until_us) {
		if (poll(&fd, 1, (int)((until_us - now_us) / 1000 + 1)) > 0)
			hush(s->stop.fd);
		lock(s);
		closing = s->closing;
		unlock(s);
	}
}

static void disconnect(struct store *s)
{
	if (s->db)
		s->backend->disconnect(s->db);
	s->db = NULL;
}

static void lose(struct store *s, const char *words)
{
	char error[STORE_ERROR_ROOM]; /* the words may be the connection's */

	snprintf(error, sizeof(error), "%s", words);
	dlog(s, LOG_LEVEL_WARNING, "connection lost: %s", error);
	set_state(s, false, -EAGAIN, error);
	disconnect(s);
	s->reconnect_ms = RECONNECT_FIRST_MS;
}

/* From the backend's heed(): to be told on the home loop. */
static void note_notification(void *arg, const char *payload)
{
	struct store *s = arg;
	size_t length = strlen(payload);
	struct notification *n = mem_zalloc(sizeof(*n) + length + 1);

	if (!n) {
		dlog(s, LOG_LEVEL_ERROR, "no memory for a notification");
		return;
	}
	memcpy(n->payload, payload, length);
	lock(s);
	list_append(&s->notifications, &n->node);
	unlock(s);
	ring_fd(s->bell);
}

static void come_up(struct store *s, const unsigned *versions)
{
	lock(s);
	memcpy(s->state.version, versions, sizeof(s->state.version));
	if (s->connected_before)
		s->state.reconnects++;
	unlock(s);
	dlog(s, s->connected_before ? LOG_LEVEL_NOTICE : LOG_LEVEL_INFO, "connected to %s",
	     s->state.where);
	set_state(s, true, 0, "");
	/* What was announced meanwhile is gone: look for yourself. */
	if (s->connected_before && s->channel)
		note_notification(s, "");
	s->connected_before = true;
	s->reconnect_ms = RECONNECT_FIRST_MS;
}

/* One attempt to connect and to bring the schemas up to date. */
static int connect_once(struct store *s)
{
	unsigned versions[8] = { 0 };
	char error[STORE_ERROR_ROOM] = "";
	int rc = s->backend->connect(&s->db, &s->target, error, sizeof(error));

	s->target.attempt++;
	if (rc >= 0) {
		rc = store_migrate(s->db, s->cfg.schemas, s->cfg.schema_count, versions);
		if (rc >= 0) {
			come_up(s, versions);
			return 0;
		}
		if (s->db->trouble == STORE_LOST || s->db->trouble == STORE_AGAIN)
			rc = -EAGAIN;
		snprintf(error, sizeof(error), "%s", s->db->error);
		disconnect(s);
	}
	if (strcmp(error, s->state.error) != 0)
		dlog(s, LOG_LEVEL_WARNING, "%s", error);
	set_state(s, false, rc, error);
	return rc;
}

static void connect_or_nap(struct store *s)
{
	if (connect_once(s) == 0)
		return;
	nap(s, s->reconnect_ms);
	s->reconnect_ms = s->reconnect_ms * 2 > RECONNECT_MOST_MS ? RECONNECT_MOST_MS
								   : s->reconnect_ms * 2;
}

/* ---- The store's thread: jobs ---- */

static struct job *take_job(struct store *s)
{
	struct job *job;

	lock(s);
	job = s->closing ? NULL : list_first(&s->queue, struct job, node);
	if (job) {
		list_remove(&job->node);
		s->state.waiting--;
		s->running = job;
		atomic_store(&s->stop.why, 0);
	}
	unlock(s);
	return job;
}

/* Under the lock. A patience that is over was that job's. */
static void stop_running(struct store *s)
{
	s->running = NULL;
	if (!s->closing)
		atomic_store(&s->stop.why, 0);
}

static void finish_job(struct store *s, struct job *job, int rc, const char *error)
{
	job->rc = rc;
	snprintf(job->error, sizeof(job->error), "%s", error);
	lock(s);
	stop_running(s);
	*(rc < 0 ? &s->state.failed : &s->state.done) += 1;
	list_append(&s->finished, &job->node);
	unlock(s);
	ring_fd(s->bell);
}

/* Once more, ahead of the others, unless its patience is over or the store closes. */
static void put_back(struct store *s, struct job *job, const char *error)
{
	int why;

	lock(s);
	why = atomic_load(&s->stop.why);
	if (!why) {
		stop_running(s);
		s->state.waiting++;
		s->state.retried++;
		list_prepend(&s->queue, &job->node);
	}
	unlock(s);
	if (why)
		finish_job(s, job, -why, error);
}

/* The transaction. What the job returned, or what the database made of it. */
static int try_job(struct store *s, struct job *job)
{
	int rc, done = -ENOTCONN;

	store_settle(s->db);
	rc = s->backend->begin(s->db, job->access);
	if (rc >= 0)
		rc = done = job->run(s->db, job->arg);
	/* One that goes on after an error has its transaction rolled back all the same. */
	if (rc >= 0 && s->db->trouble != STORE_FINE)
		rc = s->db->rc;
	if (rc >= 0)
		rc = s->backend->commit(s->db);
	if (rc < 0 && s->db->trouble != STORE_LOST)
		s->backend->rollback(s->db);
	return rc < 0 ? rc : done;
}

static unsigned retry_ms(unsigned tries)
{
	unsigned ms = RETRY_FIRST_MS << (tries < 9 ? tries : 9);

	return ms > RETRY_MOST_MS ? RETRY_MOST_MS : ms;
}

/* What is the matter with the database, not with the job: it stays in the state until something has
 * been written. */
static bool is_the_databases(int rc)
{
	return rc == -ENOSPC || rc == -EIO || rc == -EBADMSG || rc == -ENOMEM || rc == -EACCES;
}

static void note_outcome(struct store *s, const struct job *job, int rc, const char *error)
{
	bool same;

	if (!s->db || (rc >= 0 && job->access != STORE_WRITE))
		return;
	if (rc < 0 && !is_the_databases(rc) && !(rc == -EROFS && job->access == STORE_WRITE)) {
		if (error[0])
			dlog(s, LOG_LEVEL_DEBUG, "%s", error);
		return;
	}
	lock(s);
	same = strcmp(s->state.error, rc < 0 ? error : "") == 0;
	unlock(s);
	if (same)
		return;
	if (rc < 0)
		dlog(s, LOG_LEVEL_ERROR, "%s", error);
	set_state(s, true, 0, rc < 0 ? error : "");
}

static void run_job(struct store *s, struct job *job)
{
	int rc = try_job(s, job);
	enum store_trouble trouble = s->db->trouble;
	char error[STORE_ERROR_ROOM];
	unsigned wait_ms;

	snprintf(error, sizeof(error), "%s", s->db->error);
	if (rc >= 0 || trouble == STORE_FINE || trouble == STORE_FAILED) {
		/* Given up in the middle of a statement: the answer may still be on its way. */
		if (rc < 0 && !s->backend->alive(s->db))
			lose(s, error);
		note_outcome(s, job, rc, trouble == STORE_FAILED ? error : "");
		finish_job(s, job, rc, error);
		return;
	}
	if (trouble == STORE_LOST)
		lose(s, error);
	wait_ms = retry_ms(++job->tries);
	put_back(s, job, error); /* perhaps to its end: it isn't ours any more */
	if (trouble == STORE_AGAIN)
		nap(s, wait_ms);
}

/* Between jobs: until there is one, or the database says something. */
static void idle(struct store *s)
{
	struct pollfd fds[] = { { .fd = s->stop.fd, .events = POLLIN },
				{ .fd = -1, .events = POLLIN } };

	/* What came while a job ran is taken before sleeping: the descriptor tells of it no more. */
	if (s->backend->heed) {
		store_settle(s->db);
		if (s->backend->heed(s->db, note_notification, s) < 0) {
			lose(s, s->db->error);
			return;
		}
		fds[1].fd = s->backend->idle_fd(s->db);
	}
	if (poll(fds, 2, -1) > 0 && fds[0].revents)
		hush(s->stop.fd);
}

static bool is_closing(struct store *s)
{
	bool closing;

	lock(s);
	closing = s->closing;
	unlock(s);
	return closing;
}

static void *thread_main(void *arg)
{
	struct store *s = arg;
	struct job *job;

	pthread_setname_np(pthread_self(), s->name);
	while (!is_closing(s)) {
		if (s->db && !s->backend->alive(s->db))
			lose(s, "the database is not the one that was opened any more");
		if (!s->db)
			connect_or_nap(s);
		else if ((job = take_job(s)))
			run_job(s, job);
		else
			idle(s);
	}
	disconnect(s);
	lock(s);
	s->ended = true;
	pthread_cond_broadcast(&s->moved);
	unlock(s);
	return NULL;
}

/* ---- Home: telling ---- */

static void arm_patience(struct store *s);

static struct job *take_finished(struct store *s)
{
	struct job *job;

	lock(s);
	job = list_first(&s->finished, struct job, node);
	if (job)
		list_remove(&job->node);
	unlock(s);
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

		lock(s);
		n = list_first(&s->notifications, struct notification, node);
		if (n)
			list_remove(&n->node);
		unlock(s);
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

	lock(s);
	changed = s->state_changed;
	s->state_changed = false;
	unlock(s);
	if (changed && !s->closed && s->cfg.changed)
		s->cfg.changed(s->cfg.arg);
}

static void bell_rings(struct loop_watch *watch, uint32_t events, void *arg)
{
	struct store *s = arg;

	(void)watch;
	(void)events;
	hush(s->bell);
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
	lock(s);
	list_for_each (job, &s->queue, struct job, node) {
		if (job->deadline_us && job->deadline_us <= now_us)
			give_up(s, job);
	}
	if (s->running && s->running->deadline_us && s->running->deadline_us <= now_us &&
	    !atomic_load(&s->stop.why)) {
		atomic_store(&s->stop.why, ETIMEDOUT);
		ring_fd(s->stop.fd);
	}
	unlock(s);
	ring_fd(s->bell);
	arm_patience(s);
}

static void arm_patience(struct store *s)
{
	uint64_t first_us = UINT64_MAX;
	struct job *job;

	lock(s);
	list_for_each (job, &s->queue, struct job, node) {
		if (job->deadline_us && job->deadline_us < first_us)
			first_us = job->deadline_us;
	}
	if (s->running && s->running->deadline_us && s->running->deadline_us < first_us &&
	    !atomic_load(&s->stop.why))
		first_us = s->running->deadline_us;
	unlock(s);
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
	if (!s->url || (cfg->namespace_name && !s->namespace_name) ||
	    (cfg->channel && !s->channel))
		return -ENOMEM;
	s->target = (struct store_target){ .url = s->url,
					   .namespace_name = s->namespace_name,
					   .channel = s->channel,
					   .read_only = cfg->read_only,
					   .stop = &s->stop };
	s->state.since_wall_us = wall_us();
	snprintf(s->state.kind, sizeof(s->state.kind), "%s", s->backend->kind);
	s->attempt = 1;
	s->reconnect_ms = RECONNECT_FIRST_MS;
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
	rc = pthread_create(&s->thread, NULL, thread_main, s);
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
		snprintf(error, error_room, backend ? "a store has at most %d schemas"
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

	lock(s);
	/* -EAGAIN and 1 (not tried yet) may still turn into something. */
	while (rc == 0 && (s->attempt == 1 || s->attempt == -EAGAIN))
		rc = pthread_cond_timedwait(&s->moved, &s->lock, &until);
	rc = s->attempt == 1 || s->attempt == -EAGAIN ? -ETIMEDOUT : s->attempt;
	if (rc < 0)
		snprintf(error, error_room, "%s",
			 s->state.error[0] ? s->state.error
					   : "the database does not answer: is its server up?");
	unlock(s);
	return rc;
}

/* The one that runs may end within the grace; then it is told to give up. */
static void end_thread(struct store *s)
{
	struct timespec until = after_ms(CLOSE_GRACE_MS);
	int rc = 0;

	lock(s);
	s->closing = true;
	if (!s->running)
		atomic_store(&s->stop.why, ECANCELED);
	ring_fd(s->stop.fd);
	while (!s->ended && rc == 0)
		rc = pthread_cond_timedwait(&s->moved, &s->lock, &until);
	if (!s->ended) {
		atomic_store(&s->stop.why, ECANCELED);
		ring_fd(s->stop.fd);
	}
	unlock(s);
	pthread_join(s->thread, NULL);
}

static void cancel_waiting(struct store *s)
{
	struct job *job;

	lock(s);
	list_for_each (job, &s->queue, struct job, node) {
		list_remove(&job->node);
		job->rc = -ECANCELED;
		snprintf(job->error, sizeof(job->error), "the store is being closed");
		list_append(&s->finished, &job->node);
	}
	s->state.waiting = 0;
	unlock(s);
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
	lock(s);
	list_append(&s->queue, &job->node);
	s->state.waiting++;
	unlock(s);
	ring_fd(s->stop.fd);
	if (patience_ms)
		arm_patience(s);
	return 0;
}

void store_state(const struct store *s, struct store_state *out)
{
	lock(s);
	*out = s->state;
	unlock(s);
}

const struct store_schema *store_schemas(const struct store *s, size_t *count)
{
	*count = s->cfg.schema_count;
	return s->cfg.schemas;
}
