/* SPDX-License-Identifier: GPL-2.0-only */
/* A cable in memory between two lines of one worker: each millisecond, what the users of one end
 * write is what the users of the other read. */
#include "hw/e1_pipe.h"

#include "base/mem.h"

#include <assert.h>
#include <errno.h>

#define TICK_US 1000
#define TICK_OCTETS 8

struct pair_line {
	struct e1_work work; /* first: see e1_work.h */
	struct e1_pair *pair;
	unsigned end;
};

struct e1_pair {
	struct worker *worker;
	unsigned opened;           /* home: ends in use, bit per end */
	struct pair_line *ends[2]; /* worker */
	struct loop_timer tick;    /* worker */
	uint64_t due_us;
	_Atomic bool cut;
};

/* What e1_line_open_backend() is told. */
struct pair_end {
	struct e1_pair *pair;
	unsigned end;
};

static void move_timeslot(struct e1_pair *pair, unsigned ts)
{
	uint8_t octets[2][TICK_OCTETS];

	if (!e1_work_occupied(&pair->ends[0]->work, ts) &&
	    !e1_work_occupied(&pair->ends[1]->work, ts))
		return;
	for (unsigned end = 0; end < 2; end++)
		e1_work_tx(&pair->ends[end]->work, ts, octets[end], TICK_OCTETS);
	for (unsigned end = 0; end < 2; end++)
		e1_work_rx(&pair->ends[end]->work, ts, octets[!end], TICK_OCTETS);
}

/* No cable: users go on being clocked, and hear nothing. */
static void move_alone(struct pair_line *line, unsigned ts)
{
	uint8_t lost[TICK_OCTETS];

	if (!e1_work_occupied(&line->work, ts))
		return;
	e1_work_tx(&line->work, ts, lost, TICK_OCTETS);
	e1_work_rx_fill(&line->work, ts, TICK_OCTETS);
	counter_add(&line->work.line->counters.filled_octets, TICK_OCTETS);
}

static void move_all(struct e1_pair *pair)
{
	bool joined = pair->ends[0] && pair->ends[1] && !atomic_load(&pair->cut);

	for (unsigned end = 0; end < 2; end++)
		if (pair->ends[end])
			e1_work_set_alarms(&pair->ends[end]->work, joined ? 0 : E1_ALARM_LOS);
	for (unsigned ts = 1; ts < E1_TIMESLOTS; ts++) {
		if (joined) {
			move_timeslot(pair, ts);
			continue;
		}
		for (unsigned end = 0; end < 2; end++)
			if (pair->ends[end])
				move_alone(pair->ends[end], ts);
	}
}

static void ticked(struct loop_timer *timer, void *arg)
{
	struct e1_pair *pair = arg;
	struct loop *loop = worker_loop(pair->worker);

	move_all(pair);
	pair->due_us += TICK_US;
	loop_timer_start_at(loop, timer, pair->due_us, ticked, pair);
}

static void start_clock(void *object, void *arg)
{
	struct e1_pair *pair = object;
	struct loop *loop = worker_loop(pair->worker);

	(void)arg;
	pair->due_us = clock_now_us(loop_clock(loop)) + TICK_US;
	loop_timer_start_at(loop, &pair->tick, pair->due_us, ticked, pair);
}

int e1_pair_create(struct e1_pair **out, struct worker *worker)
{
	struct e1_pair *pair = mem_zalloc(sizeof(*pair));

	if (!pair)
		return -ENOMEM;
	pair->worker = worker;
	worker_post(worker, start_clock, pair, NULL);
	*out = pair;
	return 0;
}

static void free_pair(void *object, void *arg)
{
	(void)arg;
	mem_free(object);
}

/* The timer is the pair's own, so it serves to try again when the ring is full. */
static void let_go(struct loop_timer *timer, void *arg)
{
	struct e1_pair *pair = arg;

	if (!worker_raise(pair->worker, free_pair, pair, NULL))
		loop_timer_start(worker_loop(pair->worker), timer, TICK_US, let_go, pair);
}

static void stop_clock(void *object, void *arg)
{
	struct e1_pair *pair = object;

	(void)arg;
	loop_timer_stop(worker_loop(pair->worker), &pair->tick);
	let_go(&pair->tick, pair);
}

void e1_pair_destroy(struct e1_pair **out)
{
	struct e1_pair *pair = out ? *out : NULL;

	if (!pair)
		return;
	assert(!pair->opened);
	*out = NULL;
	worker_post(pair->worker, stop_clock, pair, NULL);
}

void e1_pair_cut(struct e1_pair *pair, bool cut)
{
	atomic_store(&pair->cut, cut);
}

int e1_pair_open(struct e1_pair *pair, int end, struct e1_line **out, const struct conf_line *conf,
		 const struct e1_line_ops *ops, void *arg)
{
	struct pair_end where = { .pair = pair, .end = (unsigned)end };

	if (end < 0 || end > 1)
		return -EINVAL;
	if (pair->opened & 1u << end)
		return -EBUSY;
	return e1_line_open_backend(out, conf, pair->worker, &e1_pair_backend, &where, ops, arg);
}

static void plug(void *object, void *arg)
{
	struct pair_line *line = object;

	(void)arg;
	line->pair->ends[line->end] = line;
}

static void unplug(struct e1_line *line)
{
	struct pair_line *p = line->private;

	if (p->pair->ends[p->end] == p)
		p->pair->ends[p->end] = NULL;
}

static void destroy(struct e1_line *line)
{
	mem_free(line->private);
}

static int pair_open(struct e1_line *line)
{
	const struct pair_end *where = line->backend_arg;
	struct pair_line *p = mem_zalloc(sizeof(*p));

	if (!p)
		return -ENOMEM;
	e1_work_init(&p->work, line, unplug, destroy);
	p->pair = where->pair;
	p->end = where->end;
	p->pair->opened |= 1u << p->end;
	line->private = p;
	line->backend_arg = NULL; /* it was the opener's */
	worker_post(line->worker, plug, p, NULL);
	return 0;
}

static void pair_close(struct e1_line *line, void (*closed)(void *), void *arg)
{
	struct pair_line *p = line->private;

	p->pair->opened &= ~(1u << p->end);
	e1_work_close(&p->work, closed, arg);
}

const struct e1_backend e1_pair_backend = {
	.name = "pair",
	.open = pair_open,
	.close = pair_close,
	.slot_join = e1_work_slot_join,
	.slot_leave = e1_work_slot_leave,
	.dchan_open = e1_hdlc_pipe_open,
	.dchan_close = e1_pipe_close,
	.dchan_send = e1_pipe_send,
};
