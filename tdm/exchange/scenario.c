/* SPDX-License-Identifier: GPL-2.0-only */
#include "tdm/exchange/scenario.h"

static void run_steps(struct ex_scenario_run *run);

static void waited(struct loop_timer *timer, void *arg)
{
	(void)timer;
	run_steps(arg);
}

static void run_expect(struct ex_scenario_run *run, const struct ex_expect *expect)
{
	struct ex_message refusal = { .cause = expect->cause, .location = Q850_LOC_PUBLIC_LOCAL };

	if (run->ops->expect(expect, run->arg) || !run->running)
		return;
	ex_scenario_stop(run);
	run->ops->message(EX_STEP_RELEASE, &refusal, run->arg);
}

static void run_message(struct ex_scenario_run *run, const struct ex_step *step)
{
	int rc = run->ops->message(step->kind, ex_step_message(step), run->arg);

	if (rc < 0)
		run->ops->refused(step, rc, run->arg);
}

static void run_step(struct ex_scenario_run *run, const struct ex_step *step)
{
	switch (step->kind) {
	case EX_STEP_PROCEEDING:
	case EX_STEP_ALERTING:
	case EX_STEP_PROGRESS:
	case EX_STEP_CONNECT:
	case EX_STEP_DISCONNECT:
	case EX_STEP_RELEASE:
		run_message(run, step);
		break;
	case EX_STEP_WAIT:
		loop_timer_start(run->loop, &run->timer, (uint64_t)step->wait_ms * 1000, waited,
				 run);
		break;
	case EX_STEP_PLAY:
	case EX_STEP_ECHO:
	case EX_STEP_PRBS:
	case EX_STEP_SILENCE:
		run->ops->media(step->kind, &step->play, run->arg);
		break;
	case EX_STEP_EXPECT:
		run_expect(run, &step->expect);
		break;
	case EX_STEP_IGNORE:
	case EX_STEP_COUNT:
		ex_scenario_stop(run);
		break;
	}
}

static void run_steps(struct ex_scenario_run *run)
{
	while (run->running && !loop_timer_armed(&run->timer) && run->at < run->steps.count)
		run_step(run, &run->steps.steps[run->at++]);
}

void ex_scenario_start(struct ex_scenario_run *run, struct loop *loop, const struct ex_steps *steps,
		       const struct ex_scenario_ops *ops, void *arg)
{
	run->steps = *steps;
	run->at = 0;
	run->running = true;
	run->loop = loop;
	run->ops = ops;
	run->arg = arg;
	run_steps(run);
}

void ex_scenario_stop(struct ex_scenario_run *run)
{
	run->running = false;
	if (run->loop)
		loop_timer_stop(run->loop, &run->timer);
}
