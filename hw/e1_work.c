/* SPDX-License-Identifier: GPL-2.0-only */
/* The letter: the worker sets bits in it, and raises it unless it is on its way already. Home
 * opens it (takes the bits), then says so (on_its_way = false), then looks once more: bits set
 * in between were not raised by anybody. After LETTER_CLOSED nothing else is set, so the line is
 * freed with no letter on its way. */
#include "hw/e1_work.h"

#include <string.h>

#define RAISE_AGAIN_US 1000

enum { LETTER_ALARMS = 1, LETTER_FRAMES = 2, LETTER_GONE = 4, LETTER_CLOSED = 8 };

void e1_work_init(struct e1_work *work, struct e1_line *line, void (*stop)(struct e1_line *),
		  void (*destroy)(struct e1_line *))
{
	work->line = line;
	work->stop = stop;
	work->destroy = destroy;
	for (unsigned ts = 0; ts < E1_TIMESLOTS; ts++)
		work->seats[ts].timeslot = ts;
	atomic_store(&work->alarms, E1_ALARM_LOS);
}

static void read_gone(struct e1_work *work)
{
	struct e1_occupant *first = atomic_exchange(&work->gone, NULL), *next;

	for (; first; first = next) {
		next = first->next;
		first->left(first->left_arg);
	}
}

static void read_letter(struct e1_work *work, unsigned bits)
{
	if (bits & LETTER_FRAMES)
		for (unsigned ts = 0; ts < E1_TIMESLOTS; ts++)
			e1_pipe_deliver(work, ts);
	if (bits & LETTER_ALARMS)
		e1_line_report_alarms(work->line, atomic_load(&work->alarms));
	if (bits & LETTER_GONE)
		read_gone(work);
}

static void read_last(struct e1_work *work)
{
	void (*closed)(void *) = work->closed;
	void *arg = work->closed_arg;

	work->destroy(work->line);
	closed(arg);
}

static void letter_arrived(void *object, void *arg)
{
	struct e1_work *work = object;
	unsigned bits;

	(void)arg;
	do {
		bits = atomic_exchange(&work->letter, 0);
		read_letter(work, bits);
		if (bits & LETTER_CLOSED) {
			read_last(work);
			return;
		}
		atomic_store(&work->on_its_way, false);
	} while (atomic_load(&work->letter) && !atomic_exchange(&work->on_its_way, true));
}

static void raise_letter(struct e1_work *work);

static void raise_again(struct loop_timer *timer, void *arg)
{
	(void)timer;
	raise_letter(arg);
}

static void raise_letter(struct e1_work *work)
{
	struct worker *worker = work->line->worker;

	if (!worker_raise(worker, letter_arrived, work, NULL))
		loop_timer_start(worker_loop(worker), &work->raise_again, RAISE_AGAIN_US,
				 raise_again, work);
}

static void write_letter(struct e1_work *work, unsigned bits)
{
	atomic_fetch_or(&work->letter, bits);
	if (!atomic_exchange(&work->on_its_way, true))
		raise_letter(work);
}

void e1_work_set_alarms(struct e1_work *work, unsigned alarms)
{
	if (atomic_load_explicit(&work->alarms, memory_order_relaxed) == alarms)
		return;
	atomic_store(&work->alarms, alarms);
	write_letter(work, LETTER_ALARMS);
}

void e1_work_frames(struct e1_work *work)
{
	write_letter(work, LETTER_FRAMES);
}

static void do_join(void *object, void *arg)
{
	struct e1_work *work = object;
	struct e1_occupant *occupant = arg;

	work->occupants[occupant->timeslot] = occupant;
}

static void do_leave(void *object, void *arg)
{
	struct e1_work *work = object;
	struct e1_occupant *occupant = arg;

	if (work->occupants[occupant->timeslot] == occupant)
		work->occupants[occupant->timeslot] = NULL;
	occupant->next = atomic_load(&work->gone);
	while (!atomic_compare_exchange_weak(&work->gone, &occupant->next, occupant))
		;
	write_letter(work, LETTER_GONE);
}

static void do_close(void *object, void *arg)
{
	struct e1_work *work = object;

	(void)arg;
	work->stop(work->line);
	write_letter(work, LETTER_CLOSED);
}

void e1_work_close(struct e1_work *work, void (*closed)(void *), void *arg)
{
	work->closed = closed;
	work->closed_arg = arg;
	worker_post(work->line->worker, do_close, work, NULL);
}

void e1_work_join(struct e1_work *work, struct e1_occupant *occupant)
{
	worker_post(work->line->worker, do_join, work, occupant);
}

void e1_work_leave(struct e1_work *work, struct e1_occupant *occupant)
{
	worker_post(work->line->worker, do_leave, work, occupant);
}

int e1_work_slot_join(struct e1_line *line, unsigned timeslot, const struct e1_slot_ops *ops,
		      void *user)
{
	struct e1_work *work = line->private;
	struct e1_occupant *seat = &work->seats[timeslot];

	*seat = (struct e1_occupant){ .ops = ops, .user = user, .timeslot = timeslot };
	e1_work_join(work, seat);
	return 0;
}

void e1_work_slot_leave(struct e1_line *line, unsigned timeslot, void (*left)(void *), void *arg)
{
	struct e1_work *work = line->private;
	struct e1_occupant *seat = &work->seats[timeslot];

	seat->left = left;
	seat->left_arg = arg;
	e1_work_leave(work, seat);
}

void e1_work_rx(struct e1_work *work, unsigned timeslot, const uint8_t *octets, size_t n)
{
	struct e1_occupant *o = work->occupants[timeslot];

	if (o)
		o->ops->rx(o->user, octets, n);
}

void e1_work_tx(struct e1_work *work, unsigned timeslot, uint8_t *octets, size_t n)
{
	struct e1_occupant *o = work->occupants[timeslot];

	if (o)
		o->ops->tx(o->user, octets, n);
	else
		memset(octets, atomic_load_explicit(&work->line->idle, memory_order_relaxed), n);
}

void e1_work_rx_fill(struct e1_work *work, unsigned timeslot, size_t n)
{
	struct e1_occupant *o = work->occupants[timeslot];
	uint8_t fill[E1_BLOCK_MAX];

	if (!o)
		return;
	memset(fill,
	       o->dchan ? 0xFF : atomic_load_explicit(&work->line->idle, memory_order_relaxed),
	       n);
	o->ops->rx(o->user, fill, n);
}
