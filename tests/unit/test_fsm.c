/* SPDX-License-Identifier: GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/fsm.h"
#include "base/mem.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A door: closed, opening (passes on by itself when told to), open (closes after 5 s), broken. */
enum { CLOSED, OPENING, OPEN, BROKEN };
enum { PUSH, PULL, HIT };

struct fixture {
	struct clock_virtual clock;
	struct loop *loop;
	struct fsm fsm;
	struct fsm_trace trace;
	bool pass, close;
	char log[1000];
};

static void note(struct fixture *f, const char *what, unsigned state)
{
	size_t n = strlen(f->log);

	snprintf(f->log + n, sizeof(f->log) - n, "%s%s%u", n ? " " : "", what, state);
}

static void entered(struct fsm *fsm, unsigned from)
{
	note(fsm->owner, "+", fsm->state);
	(void)from;
}

static void left(struct fsm *fsm, unsigned to)
{
	note(fsm->owner, "-", fsm->state);
	(void)to;
}

static void opening_entered(struct fsm *fsm, unsigned from)
{
	struct fixture *f = fsm->owner;

	assert_true(from == CLOSED || from == OPENING);
	entered(fsm, from);
	if (f->pass)
		fsm_go(fsm, OPEN);
	if (f->close)
		fsm_close(fsm);
}

static void closed_event(struct fsm *fsm, unsigned event, const void *data)
{
	assert_string_equal(data, "hand");
	fsm_go(fsm, event == PUSH ? OPENING : BROKEN);
}

static void opening_event(struct fsm *fsm, unsigned event, const void *data)
{
	(void)data;
	fsm_go(fsm, event == PUSH ? OPEN : OPENING);
}

static void open_event(struct fsm *fsm, unsigned event, const void *data)
{
	(void)event;
	(void)data;
	fsm_go(fsm, OPENING); /* not in the table */
}

static void close_it(struct fsm *fsm)
{
	fsm_go(fsm, CLOSED);
}

static const struct fsm_state states[] = {
	[CLOSED] = { .name = "closed",
		     .clause = "Doors 1.1",
		     .events = FSM_BIT(PUSH) | FSM_BIT(HIT),
		     .next = FSM_BIT(OPENING) | FSM_BIT(BROKEN),
		     .enter = entered,
		     .leave = left,
		     .handle = closed_event },
	[OPENING] = { .name = "opening",
		      .events = FSM_BIT(PUSH) | FSM_BIT(PULL),
		      .next = FSM_BIT(OPEN) | FSM_BIT(OPENING) | FSM_BIT(CLOSED),
		      .timer_us = 1000000,
		      .timer_name = "T1",
		      .enter = opening_entered,
		      .leave = left,
		      .handle = opening_event,
		      .expired = close_it },
	[OPEN] = { .name = "open",
		   .events = FSM_BIT(PULL) | FSM_BIT(PUSH),
		   .next = FSM_BIT(CLOSED),
		   .timer_us = 5000000,
		   .timer_name = "T2",
		   .enter = entered,
		   .leave = left,
		   .handle = open_event,
		   .expired = close_it },
	[BROKEN] = { .name = "broken" },
};
static const char *const event_names[] = { "push", "pull", "hit" };
static const struct fsm_machine door = {
	.name = "door",
	.states = states,
	.state_count = 4,
	.event_names = event_names,
	.event_count = 3,
};

static void traced(const struct fsm *fsm, const char *what, unsigned from, bool refused, void *arg)
{
	struct fixture *f = arg;
	size_t n = strlen(f->log);

	snprintf(f->log + n, sizeof(f->log) - n, " [%s%s: %s > %s]", refused ? "refused " : "",
		 what, states[from].name, fsm_state_name(fsm));
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	clock_virtual_init(&f->clock);
	assert_int_equal(loop_create(&f->loop, &f->clock.clock), 0);
	f->trace = (struct fsm_trace){ .event = traced, .arg = f };
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	fsm_set_trace(NULL);
	fsm_close(&f->fsm);
	fsm_close(&f->fsm);
	loop_destroy(&f->loop);
	free(f);
	return 0;
}

static void a_walk_leaves_its_trace(void **state)
{
	struct fixture *f = *state;

	fsm_set_trace(&f->trace);
	fsm_init(&f->fsm, &door, CLOSED, f->loop, f);
	assert_true(fsm_event(&f->fsm, PUSH, "hand"));
	assert_true(fsm_event(&f->fsm, PUSH, NULL));
	loop_advance(f->loop, &f->clock, 4999999);
	assert_string_equal(fsm_state_name(&f->fsm), "open");
	loop_advance(f->loop, &f->clock, 1);
	assert_string_equal(fsm_state_name(&f->fsm), "closed");
	assert_string_equal(f->log,
			    "+0 -0 +1 [push: closed > opening] -1 +2 [push: opening > open] -2 +0"
			    " [T2: open > closed]");
}

static void what_a_state_does_not_accept_is_refused(void **state)
{
	struct fixture *f = *state;

	fsm_init(&f->fsm, &door, CLOSED, f->loop, f);
	fsm_set_trace(&f->trace);
	assert_false(fsm_event(&f->fsm, PULL, NULL));
	assert_int_equal(f->fsm.refused, 1);
	assert_string_equal(f->log, "+0 [refused pull: closed > closed]");
	fsm_event(&f->fsm, HIT, "hand");
	for (unsigned event = 0; event < 3; event++)
		assert_false(fsm_event(&f->fsm, event, NULL));
	assert_int_equal(f->fsm.refused, 4);
	assert_int_equal(f->fsm.state, BROKEN);
}

static void reentry_rearms(void **state)
{
	struct fixture *f = *state;

	fsm_init(&f->fsm, &door, OPENING, f->loop, f);
	loop_advance(f->loop, &f->clock, 900000);
	assert_true(fsm_event(&f->fsm, PULL, NULL));
	loop_advance(f->loop, &f->clock, 900000);
	assert_int_equal(f->fsm.state, OPENING);
	loop_advance(f->loop, &f->clock, 100000);
	assert_int_equal(f->fsm.state, CLOSED);
	assert_false(loop_timer_armed(&f->fsm.timer));
}

/* A hook that goes on at once: the timer of the last state runs, none of the one passed through. */
static void passing_through(void **state)
{
	struct fixture *f = *state;

	f->pass = true;
	fsm_init(&f->fsm, &door, CLOSED, f->loop, f);
	fsm_event(&f->fsm, PUSH, "hand");
	assert_int_equal(f->fsm.state, OPEN);
	loop_advance(f->loop, &f->clock, 4999999);
	assert_int_equal(f->fsm.state, OPEN);
	loop_advance(f->loop, &f->clock, 1);
	assert_int_equal(f->fsm.state, CLOSED);
	assert_string_equal(f->log, "+0 -0 +1 -1 +2 -2 +0");
}

static void no_timer_outlives_its_state(void **state)
{
	struct fixture *f = *state;

	fsm_init(&f->fsm, &door, OPENING, f->loop, f);
	assert_true(loop_timer_armed(&f->fsm.timer));
	fsm_go(&f->fsm, CLOSED);
	assert_false(loop_timer_armed(&f->fsm.timer));
	/* Nor does a hook that closes its machine leave one behind. */
	f->close = true;
	fsm_init(&f->fsm, &door, OPENING, f->loop, f);
	assert_false(loop_timer_armed(&f->fsm.timer));
}

static uint64_t own_timer(const struct fsm *fsm, unsigned state)
{
	(void)fsm;
	return state == OPENING ? 50 : 0;
}

static void an_instance_has_its_own_timers(void **state)
{
	struct fixture *f = *state;
	struct fsm_machine own = door;

	own.timer_us = own_timer;
	fsm_init(&f->fsm, &own, OPENING, f->loop, f);
	loop_advance(f->loop, &f->clock, 50);
	assert_int_equal(f->fsm.state, CLOSED);
	fsm_close(&f->fsm);
}

static void go_where_no_way_leads(struct fixture *f)
{
	fsm_init(&f->fsm, &door, OPEN, f->loop, f);
	fsm_event(&f->fsm, PUSH, NULL);
}

static void raise_no_such_event(struct fixture *f)
{
	fsm_init(&f->fsm, &door, OPEN, f->loop, f);
	fsm_event(&f->fsm, 3, NULL);
}

static void our_own_faults_abort(void **state)
{
	void (*const faults[])(struct fixture *) = { go_where_no_way_leads, raise_no_such_event };

	for (size_t i = 0; i < 2; i++) {
		pid_t child = fork();
		int status;

		if (child == 0) {
			close(2);
			signal(SIGABRT, SIG_DFL);
			faults[i](*state);
			_exit(0);
		}
		waitpid(child, &status, 0);
		assert_true(WIFSIGNALED(status));
	}
}

static void a_diagram(void **state)
{
	char text[2000], cut[20];
	int n = fsm_dot(&door, text, sizeof(text));

	(void)state;
	assert_int_equal(n, strlen(text));
	assert_int_equal(fsm_dot(&door, cut, sizeof(cut)), n);
	assert_int_equal(fsm_dot(&door, NULL, 0), n);
	assert_memory_equal(cut, text, sizeof(cut) - 1);
	assert_non_null(strstr(text, "digraph \"door\" {\n"));
	assert_non_null(strstr(
		text, "0 [label=\"closed\\nDoors 1.1\\lpush\\lhit\\l\"];\n\t0 -> 1;\n\t0 -> 3;\n"));
	assert_non_null(strstr(text, "2 [label=\"open\\nT2 5 s\\lpush\\lpull\\l\"];\n\t2 -> 0;\n"));
	assert_non_null(strstr(text, "3 [label=\"broken\"];\n}\n"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_walk_leaves_its_trace),
		CASE(what_a_state_does_not_accept_is_refused),
		CASE(reentry_rearms),
		CASE(passing_through),
		CASE(no_timer_outlives_its_state),
		CASE(an_instance_has_its_own_timers),
		CASE(our_own_faults_abort),
		CASE(a_diagram),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
