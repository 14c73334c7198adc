/* SPDX-License-Identifier: GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/worker.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

struct fixture {
	struct loop *home;
	struct worker *worker;
	struct clock_virtual clock;
	long blocks;
	pthread_t home_thread;
	/* worker's */
	uintptr_t commands;
	bool in_order, refused;
	sem_t gate;
	/* home's */
	uintptr_t events, answered;
};

static const struct worker_cfg threaded = { .name = "media-0", .cpu = -1, .clock = &clock_system };

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->blocks = mem_live_blocks();
	f->in_order = true;
	f->home_thread = pthread_self();
	sem_init(&f->gate, 0, 0);
	clock_virtual_init(&f->clock);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	worker_destroy(&f->worker);
	loop_destroy(&f->home);
	sem_destroy(&f->gate);
	assert_int_equal(mem_live_blocks(), f->blocks);
	free(f);
	return 0;
}

static void start(struct fixture *f, const struct worker_cfg *cfg)
{
	assert_int_equal(loop_create(&f->home, cfg->clock), 0);
	assert_int_equal(worker_create(&f->worker, cfg, f->home), 0);
}

static void event(void *object, void *arg)
{
	struct fixture *f = object;

	if ((uintptr_t)arg != f->events || !pthread_equal(pthread_self(), f->home_thread))
		f->in_order = false;
	f->events++;
}

static void command(void *object, void *arg)
{
	struct fixture *f = object;

	if ((uintptr_t)arg != f->commands)
		f->in_order = false;
	f->commands++;
	while (!worker_raise(f->worker, event, f, arg))
		f->refused = true; /* the home thread is draining them */
}

static void count_only(void *object, void *arg)
{
	struct fixture *f = object;

	if ((uintptr_t)arg != f->commands)
		f->in_order = false;
	f->commands++;
}

static void on_worker(void *object, void *arg)
{
	struct fixture *f = object;

	(void)arg;
	if (!worker_is_current(f->worker) || pthread_equal(pthread_self(), f->home_thread))
		f->in_order = false;
	loop_wake(f->home);
	sem_wait(&f->gate);
}

/* Far more than the rings hold while the worker stands still: all arrive, in order, and are
 * answered. */
static void nothing_is_lost_and_order_holds(void **state)
{
	struct fixture *f = *state;
	const uintptr_t n = 20000;

	start(f, &threaded);
	assert_false(worker_is_current(f->worker));
	assert_string_equal(worker_name(f->worker), "media-0");
	assert_ptr_equal(worker_home(f->worker), f->home);
	worker_post(f->worker, on_worker, f, NULL);
	for (uintptr_t i = 0; i < n; i++)
		worker_post(f->worker, command, f, (void *)i);
	sem_post(&f->gate);
	while (f->events < n)
		loop_turn(f->home, 1000);
	assert_true(f->in_order);
	assert_int_equal(f->commands, n);
}

static void answer(void *object, void *arg)
{
	struct fixture *f = object;

	(void)arg;
	f->answered++;
	/* Posted when the thread is gone already: still runs, in destroy. */
	if (f->answered == 1)
		worker_post(f->worker, command, f, (void *)f->commands);
}

static void leave(void *object, void *arg)
{
	struct fixture *f = object;

	(void)arg;
	if (!worker_raise(f->worker, answer, f, NULL))
		f->in_order = false;
}

/* Commands that answer nothing: only the worker's own bell tells that there is room again. */
static void the_overflow_follows_without_events(void **state)
{
	struct fixture *f = *state;
	const uintptr_t n = 12000;

	start(f, &threaded);
	worker_post(f->worker, on_worker, f, NULL);
	for (uintptr_t i = 0; i < n; i++)
		worker_post(f->worker, count_only, f, (void *)i);
	worker_post(f->worker, leave, f, NULL);
	f->answered = 1;
	sem_post(&f->gate);
	for (int turns = 0; f->answered == 1 && turns < 30; turns++)
		loop_turn(f->home, 1000);
	assert_int_equal(f->answered, 2);
	assert_true(f->in_order);
}

static void post_more(void *object, void *arg)
{
	struct fixture *f = object;

	(void)arg;
	worker_post(f->worker, count_only, f, (void *)(uintptr_t)4200);
}

/* A command posted when the ring has room again, but others still wait in the list, comes after
 * these. */
static void the_overflow_is_not_overtaken(void **state)
{
	struct fixture *f = *state;
	const struct worker_cfg cfg = {
		.name = "inline", .cpu = -1, .clock = &f->clock.clock, .inline_thread = true
	};

	start(f, &cfg);
	worker_post(f->worker, post_more, f, NULL);
	for (uintptr_t i = 0; i < 4200; i++)
		worker_post(f->worker, count_only, f, (void *)i);
	loop_advance(f->home, &f->clock, 0);
	assert_int_equal(f->commands, 4201);
	assert_true(f->in_order);
}

static void destroy_runs_what_was_posted(void **state)
{
	struct fixture *f = *state;
	const uintptr_t n = 4000;

	start(f, &threaded);
	worker_post(f->worker, on_worker, f, NULL);
	for (uintptr_t i = 0; i < n; i++)
		worker_post(f->worker, command, f, (void *)i);
	worker_post(f->worker, leave, f, NULL);
	sem_post(&f->gate);
	worker_destroy(&f->worker);
	assert_null(f->worker);
	assert_int_equal(f->commands, n + 1);
	assert_int_equal(f->events, n + 1);
	assert_int_equal(f->answered, 1);
	assert_true(f->in_order);
}

static void destroy_hands_over_the_overflow(void **state)
{
	struct fixture *f = *state;
	const uintptr_t n = 12000;

	start(f, &threaded);
	worker_post(f->worker, on_worker, f, NULL);
	for (uintptr_t i = 0; i < n; i++)
		worker_post(f->worker, command, f, (void *)i);
	sem_post(&f->gate);
	worker_destroy(&f->worker);
	assert_int_equal(f->events, n);
	assert_true(f->in_order);
}

static void inline_mode_is_deferred_and_ordered(void **state)
{
	struct fixture *f = *state;
	const uintptr_t n = 10000;
	const struct worker_cfg cfg = {
		.name = "inline", .cpu = -1, .clock = &f->clock.clock, .inline_thread = true
	};

	start(f, &cfg);
	assert_true(worker_is_current(f->worker));
	assert_ptr_equal(worker_loop(f->worker), f->home);
	for (uintptr_t i = 0; i < 3000; i++)
		worker_post(f->worker, command, f, (void *)i);
	assert_int_equal(f->commands, 0);
	loop_advance(f->home, &f->clock, 0);
	assert_int_equal(f->commands, 3000);
	assert_int_equal(f->events, 3000);
	/* Beyond the ring: the list takes over (one event per command, drained as they go). */
	f->commands = f->events = 0;
	for (uintptr_t i = 0; i < n; i++)
		worker_post(f->worker, leave, f, NULL);
	f->answered = 1;
	loop_advance(f->home, &f->clock, 0);
	assert_int_equal(f->answered, 1 + n);
	assert_true(f->in_order);
}

static void a_full_event_ring_says_so(void **state)
{
	struct fixture *f = *state;
	const struct worker_cfg cfg = {
		.name = "inline", .cpu = -1, .clock = &f->clock.clock, .inline_thread = true
	};

	start(f, &cfg);
	for (uintptr_t i = 0; i < 4096; i++)
		assert_true(worker_raise(f->worker, event, f, (void *)i));
	assert_false(worker_raise(f->worker, event, f, NULL));
	loop_advance(f->home, &f->clock, 0);
	assert_int_equal(f->events, 4096);
	assert_true(f->in_order);
}

static void quiet(enum log_level level, const char *line, void *arg)
{
	(void)level;
	(void)line;
	++*(int *)arg;
}

static void a_command_without_memory_waits_for_room(void **state)
{
	struct fixture *f = *state;
	const struct worker_cfg cfg = {
		.name = "inline", .cpu = -1, .clock = &f->clock.clock, .inline_thread = true
	};
	int lines = 0;

	start(f, &cfg);
	for (uintptr_t i = 0; i < 4096; i++)
		worker_post(f->worker, count_only, f, (void *)i);
	log_set_sink(quiet, &lines);
	mem_fail_after(0);
	worker_post(f->worker, count_only, f, (void *)4096);
	assert_true(mem_failed());
	mem_fail_after(-1);
	log_set_sink(NULL, NULL);
	assert_int_equal(lines, 1);
	assert_int_equal(f->commands, 4096);
	loop_advance(f->home, &f->clock, 0);
	assert_int_equal(f->commands, 4097);
	assert_true(f->in_order);
}

static void creation_survives_want_of_memory(void **state)
{
	struct fixture *f = *state;
	const struct worker_cfg virtual_thread = { .name = "x",
						   .cpu = -1,
						   .clock = &f->clock.clock };
	int n = 0, rc;

	assert_int_equal(loop_create(&f->home, &clock_system), 0);
	assert_int_equal(worker_create(&f->worker, &virtual_thread, f->home), -EINVAL);
	do {
		long before = mem_live_blocks();

		mem_fail_after(n++);
		rc = worker_create(&f->worker, &threaded, f->home);
		if (rc < 0)
			assert_int_equal(mem_live_blocks(), before);
	} while (rc == -ENOMEM);
	mem_fail_after(-1);
	assert_int_equal(rc, 0);
	assert_true(n > 4);
	assert_true(worker_load_permille(f->worker) <= 1000);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(nothing_is_lost_and_order_holds),
		CASE(the_overflow_follows_without_events),
		CASE(the_overflow_is_not_overtaken),
		CASE(destroy_runs_what_was_posted),
		CASE(destroy_hands_over_the_overflow),
		CASE(inline_mode_is_deferred_and_ordered),
		CASE(a_full_event_ring_says_so),
		CASE(a_command_without_memory_waits_for_room),
		CASE(creation_survives_want_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
