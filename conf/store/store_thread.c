/* SPDX-License-Identifier: GPL-2.0-only */
/* The store's thread: keeps a connection, takes the jobs in order, runs each as a transaction until
 * it is done or given up. */
#include "conf/store/store_thread.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define RECONNECT_FIRST_MS 100
#define RECONNECT_MOST_MS 5000
#define RETRY_FIRST_MS 2
#define RETRY_MOST_MS 500

/* ---- State ---- */

static int64_t wall_us(void)
{
	return clock_wall_us(&clock_system);
}

/* As far as the state has room for it. */
static bool is_told(const struct store *s, const char *error)
{
	return strncmp(s->state.error, error, sizeof(s->state.error) - 1) == 0;
}

static void set_state(struct store *s, bool up, int attempt, const char *error)
{
	bool was_up;

	store_lock(s);
	was_up = s->state.up;
	if (was_up != up)
		s->state.since_wall_us = wall_us();
	s->state_changed |= was_up != up || !is_told(s, error);
	s->state.up = up;
	s->attempt = attempt;
	snprintf(s->state.error, sizeof(s->state.error), "%s", error);
	pthread_cond_broadcast(&s->moved);
	store_unlock(s);
	store_ring(s->bell);
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
			store_hush(s->stop.fd);
		store_lock(s);
		closing = s->closing;
		store_unlock(s);
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

	snprintf(error, sizeof(error), "%s", words[0] ? words : "the connection was lost");
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
	store_lock(s);
	list_append(&s->notifications, &n->node);
	store_unlock(s);
	store_ring(s->bell);
}

static void come_up(struct store *s, const unsigned *versions)
{
	store_lock(s);
	memcpy(s->state.version, versions, sizeof(s->state.version));
	if (s->connected_before)
		s->state.reconnects++;
	store_unlock(s);
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
	if (!is_told(s, error))
		dlog(s, LOG_LEVEL_WARNING, "%s", error);
	set_state(s, false, rc, error);
	return rc;
}

static void connect_or_nap(struct store *s)
{
	if (connect_once(s) == 0)
		return;
	nap(s, s->reconnect_ms);
	s->reconnect_ms *= 2;
	if (s->reconnect_ms > RECONNECT_MOST_MS)
		s->reconnect_ms = RECONNECT_MOST_MS;
}

/* ---- The store's thread: jobs ---- */

static struct job *take_job(struct store *s)
{
	struct job *job;

	store_lock(s);
	job = s->closing ? NULL : list_first(&s->queue, struct job, node);
	if (job) {
		list_remove(&job->node);
		s->state.waiting--;
		s->running = job;
		atomic_store(&s->stop.why, 0);
	}
	store_unlock(s);
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
	store_lock(s);
	stop_running(s);
	*(rc < 0 ? &s->state.failed : &s->state.done) += 1;
	list_append(&s->finished, &job->node);
	store_unlock(s);
	store_ring(s->bell);
}

/* Once more, ahead of the others, unless its patience is over or the store closes. */
static void put_back(struct store *s, struct job *job, const char *error)
{
	int why;

	store_lock(s);
	why = atomic_load(&s->stop.why);
	if (!why) {
		stop_running(s);
		s->state.waiting++;
		s->state.retried++;
		list_prepend(&s->queue, &job->node);
	}
	store_unlock(s);
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
	store_lock(s);
	same = is_told(s, rc < 0 ? error : "");
	store_unlock(s);
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

	/* What came while a job ran is taken before sleeping: the descriptor tells of it no more.
	 */
	if (s->backend->heed) {
		store_settle(s->db);
		if (s->backend->heed(s->db, note_notification, s) < 0) {
			lose(s, s->db->error);
			return;
		}
		fds[1].fd = s->backend->idle_fd(s->db);
	}
	if (poll(fds, 2, -1) > 0 && fds[0].revents)
		store_hush(s->stop.fd);
}

static bool is_closing(struct store *s)
{
	bool closing;

	store_lock(s);
	closing = s->closing;
	store_unlock(s);
	return closing;
}

void *store_thread(void *arg)
{
	struct store *s = arg;
	struct job *job;

	pthread_setname_np(pthread_self(), s->name);
	s->reconnect_ms = RECONNECT_FIRST_MS;
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
	store_lock(s);
	s->ended = true;
	pthread_cond_broadcast(&s->moved);
	store_unlock(s);
	return NULL;
}
