/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CONF_STORE_STORE_THREAD_H
#define CONF_STORE_STORE_THREAD_H

/* A store between its two threads: store.c is the home side, store_thread.c the other. One mutex
 * guards the queue, what is finished, and the state; it is never held while the database works or
 * somebody is told. Two eventfds ring: stop.fd wakes the store's thread, `bell` the home loop. */

#include "conf/store/store_private.h"

#include "base/list.h"
#include "base/log.h"

#include <pthread.h>

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

/* The store's thread: until `closing`. `arg` is the store. */
void *store_thread(void *arg);

void store_ring(int fd);
void store_hush(int fd);
void store_lock(const struct store *store);
void store_unlock(const struct store *store);

#endif
