/* SPDX-License-Identifier: GPL-2.0-only */
#include "base/fsm.h"
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local const struct fsm_trace *trace_now;

static const struct fsm_state *state_of(const struct fsm *fsm)
{
	return &fsm->machine->states[fsm->state];
}

static void die(const struct fsm *fsm, const char *what, unsigned number)
{
	log_write(LOG_LEVEL_ERROR, "fsm", fsm->machine->name, "in state %s: %s %u",
		  fsm_state_name(fsm), what, number);
	abort();
}

void fsm_set_trace(const struct fsm_trace *trace)
{
	trace_now = trace;
}

static void trace(const struct fsm *fsm, const char *what, unsigned from, bool refused)
{
	if (trace_now)
		trace_now->event(fsm, what, from, refused, trace_now->arg);
}

static void timer_fired(struct loop_timer *timer, void *arg)
{
	struct fsm *fsm = arg;
	const struct fsm_state *state = state_of(fsm);
	unsigned from = fsm->state;

	(void)timer;
	if (state->expired)
		state->expired(fsm);
	trace(fsm, state->timer_name ? state->timer_name : "timer", from, false);
}

static uint64_t duration_us(const struct fsm *fsm)
{
	if (fsm->machine->timer_us)
		return fsm->machine->timer_us(fsm, fsm->state);
	return state_of(fsm)->timer_us;
}

/* The state is set: runs its hook and arms its timer, unless the hook itself has gone on. */
static void enter(struct fsm *fsm, unsigned from)
{
	unsigned move = ++fsm->moves;
	uint64_t us;

	if (state_of(fsm)->enter)
		state_of(fsm)->enter(fsm, from);
	if (fsm->moves != move)
		return;
	us = duration_us(fsm);
	if (us)
		loop_timer_start(fsm->loop, &fsm->timer, us, timer_fired, fsm);
}

void fsm_init(struct fsm *fsm, const struct fsm_machine *machine, unsigned initial,
	      struct loop *loop, void *owner)
{
	*fsm = (struct fsm){ .machine = machine, .loop = loop, .owner = owner, .state = initial };
	if (initial >= machine->state_count)
		die(fsm, "no such initial state", initial);
	enter(fsm, initial);
}

void fsm_close(struct fsm *fsm)
{
	if (!fsm->loop)
		return;
	fsm->moves++; /* a hook that closes its machine arms no timer after it */
	loop_timer_stop(fsm->loop, &fsm->timer);
}

bool fsm_event(struct fsm *fsm, unsigned event, const void *data)
{
	const struct fsm_state *state = state_of(fsm);
	unsigned from = fsm->state;
	bool refused;

	if (event >= fsm->machine->event_count)
		die(fsm, "no such event", event);
	refused = !(state->events & FSM_BIT(event));
	if (refused)
		fsm->refused++;
	else if (state->handle)
		state->handle(fsm, event, data);
	trace(fsm, fsm->machine->event_names[event], from, refused);
	return !refused;
}

void fsm_go(struct fsm *fsm, unsigned state)
{
	unsigned from = fsm->state;

	if (state >= fsm->machine->state_count || !(state_of(fsm)->next & FSM_BIT(state)))
		die(fsm, "the table allows no way to state", state);
	if (state_of(fsm)->leave)
		state_of(fsm)->leave(fsm, state);
	loop_timer_stop(fsm->loop, &fsm->timer);
	fsm->state = state;
	enter(fsm, from);
}

const char *fsm_state_name(const struct fsm *fsm)
{
	return fsm->state < fsm->machine->state_count ? state_of(fsm)->name : "?";
}

/* Text that grows into bounded room and counts on beyond it. */
struct text {
	char *out;
	size_t room, length;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *format, ...)
{
	size_t left = t->length < t->room ? t->room - t->length : 0;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(left ? t->out + t->length : NULL, left, format, args);
	va_end(args);
	if (n > 0)
		t->length += (size_t)n;
}

static void add_state(struct text *t, const struct fsm_machine *machine, unsigned i)
{
	const struct fsm_state *s = &machine->states[i];

	add(t, "\t%u [label=\"%s", i, s->name);
	if (s->clause)
		add(t, "\\n%s", s->clause);
	if (s->timer_name)
		add(t, "\\n%s", s->timer_name);
	if (s->timer_name && s->timer_us)
		add(t, " %.3g s", (double)s->timer_us / 1e6);
	for (unsigned e = 0; e < machine->event_count; e++)
		if (s->events & FSM_BIT(e))
			add(t, "\\l%s", machine->event_names[e]);
	add(t, "%s\"];\n", s->events ? "\\l" : "");
	for (unsigned to = 0; to < machine->state_count; to++)
		if (s->next & FSM_BIT(to))
			add(t, "\t%u -> %u;\n", i, to);
}

int fsm_dot(const struct fsm_machine *machine, char *out, unsigned long room)
{
	struct text t = { .out = out, .room = room };

	add(&t, "digraph \"%s\" {\n\tnode [shape=box];\n", machine->name);
	for (unsigned i = 0; i < machine->state_count; i++)
		add_state(&t, machine, i);
	add(&t, "}\n");
	return (int)t.length;
}
