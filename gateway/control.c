/* SPDX-License-Identifier: GPL-2.0-only */
#include "gateway/control.h"

#include <errno.h>
#include <semaphore.h>
#include <stddef.h>

struct visit {
	worker_fn fn;
	void *object, *arg;
	sem_t done;
};

static void make_visit(void *object, void *arg)
{
	struct visit *visit = object;

	(void)arg;
	visit->fn(visit->object, visit->arg);
	sem_post(&visit->done);
}

void control_call(struct worker *control, worker_fn fn, void *object, void *arg)
{
	struct visit visit = { .fn = fn, .object = object, .arg = arg };

	if (worker_is_current(control)) { /* inline: there is one thread only */
		fn(object, arg);
		return;
	}
	sem_init(&visit.done, 0, 0);
	worker_post(control, make_visit, &visit, NULL);
	while (sem_wait(&visit.done) < 0 && errno == EINTR)
		;
	sem_destroy(&visit.done);
}
