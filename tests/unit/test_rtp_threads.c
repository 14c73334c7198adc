/* SPDX-License-Identifier: GPL-2.0-only */
/* RTP endpoints on real workers: they move, change their terms, join and leave while packets flow.
 * What it proves it proves under ThreadSanitizer; without it, that nothing is lost or left over. */
#include "base/loop.h"
#include "base/mem.h"
#include "trunk/rtp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PAIRS 4
#define ROUNDS 12
#define TURNS_MAX 2000 /* of 10 ms: far more than any of it takes */

struct line {
	struct worker *worker;
	struct port *port;
	struct loop_timer tick;
	uint64_t due_us;
	unsigned ticks;
	_Atomic bool stop, stopped;
};

struct world {
	struct loop *home;
	struct worker *workers[2];
	struct rtp_ports *ports;
	struct rtp_endpoint *a[PAIRS], *b[PAIRS];
	struct line lines[2 * PAIRS];
	unsigned started, left, closed;
};

static void on_started(struct rtp_endpoint *rtp, void *arg)
{
	(void)rtp;
	((struct world *)arg)->started++;
}

static const struct rtp_ops ops = { .started = on_started };

static void on_left(void *arg)
{
	((struct world *)arg)->left++;
}

static void on_closed(void *arg)
{
	((struct world *)arg)->closed++;
}

static void turn(struct world *w)
{
	loop_turn(w->home, 10);
}

static void configure(struct rtp_endpoint *rtp, const struct rtp_endpoint *remote, uint8_t ptime)
{
	struct rtp_media media = { .remote = rtp_local(remote),
				   .codec = PORT_PCMA,
				   .payload_type = 8,
				   .payload_type_rx = 8,
				   .event_pt = 101,
				   .event_pt_rx = 101,
				   .ptime_ms = ptime,
				   .direction = RTP_SENDRECV,
				   .latching = true };
	rtp_configure(rtp, &media);
}

static struct rtp_endpoint *make(struct world *w)
{
	struct rtp_cfg cfg = { .jitter_ms = 20, .line_codec = PORT_PCMA, .cname = "threads" };
	struct rtp_endpoint *rtp = NULL;
	netaddr_set(&cfg.address, "127.0.0.1", 0);
	assert_int_equal(rtp_create(&rtp, w->ports, &cfg, &ops, w), 0);
	return rtp;
}

/* A line of one channel: 8 octets each way per millisecond, on a worker that need not be the
 * endpoint's yet. */
static void tick(struct loop_timer *timer, void *arg)
{
	struct line *l = arg;
	uint8_t octets[8];
	struct frame frame = { .octets = octets, .length = 8, .kind = FRAME_AUDIO };
	if (l->stop) {
		l->stopped = true;
		return;
	}
	port_pull(l->port, octets, 8);
	port_push(l->port, &frame);
	l->ticks++;
	l->due_us += 1000;
	loop_timer_start_at(worker_loop(l->worker), timer, l->due_us, tick, l);
}

static void start_line(void *object, void *arg)
{
	struct line *l = object;
	(void)arg;
	l->due_us = loop_now_us(worker_loop(l->worker));
	tick(&l->tick, l);
}

static void run_line(struct line *l, struct worker *worker, struct rtp_endpoint *rtp)
{
	memset(&l->tick, 0, sizeof(l->tick));
	l->stop = l->stopped = false;
	l->worker = worker;
	l->port = rtp_port(rtp);
	worker_post(worker, start_line, l, NULL);
}

static void stop_line(struct world *w, struct line *l)
{
	l->stop = true;
	for (unsigned i = 0; !l->stopped && i < TURNS_MAX; i++)
		turn(w);
	assert_true(l->stopped);
}

static void test_move_while_packets_flow(void **state)
{
	struct world *w = *state;
	struct rtp_quality q;
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < PAIRS; i++) {
			struct worker *to = w->workers[(round + i) & 1],
				      *other = w->workers[(round + i + 1) & 1];
			configure(w->a[i], w->b[i], round & 1 ? 10 : 20);
			rtp_place(w->a[i], to);
			rtp_place(w->b[i], other);
			/* The lines begin at once, while the endpoints may still be on their way.
			 */
			run_line(&w->lines[2 * i], to, w->a[i]);
			run_line(&w->lines[2 * i + 1], other, w->b[i]);
			rtp_send_event(w->a[i], round % 10, 40);
		}
		for (unsigned k = 0; k < 6; k++) {
			turn(w);
			rtp_quality(w->a[k % PAIRS], &q);
		}
		for (unsigned i = 0; i < 2 * PAIRS; i++)
			stop_line(w, &w->lines[i]);
	}
	for (unsigned i = 0; i < PAIRS; i++) {
		assert_true(counter_get(&rtp_counters(w->a[i])->rx_packets) > 0);
		assert_true(counter_get(&rtp_counters(w->b[i])->rx_packets) > 0);
		assert_int_equal(counter_get(&rtp_counters(w->b[i])->rx_foreign), 0);
	}
	assert_int_equal(w->started, 2 * PAIRS);
}

static void test_join_and_leave_on_the_move(void **state)
{
	struct world *w = *state;
	unsigned leaves = 0;
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < PAIRS; i++) {
			rtp_place(w->a[i], w->workers[round & 1]);
			rtp_place(w->b[i], w->workers[round & 1]);
			rtp_join(w->a[i], w->b[i]);
		}
		for (unsigned k = 0; k < round % 3; k++)
			turn(w);
		for (unsigned i = 0; i < PAIRS; i++, leaves++)
			rtp_leave(round & 2 ? w->a[i] : w->b[i], on_left, w);
		for (unsigned i = 0; w->left < leaves && i < TURNS_MAX; i++)
			turn(w);
		assert_int_equal(w->left, leaves);
	}
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct worker_cfg cfg = { .name = "media", .cpu = -1, .clock = &clock_system };
	assert_int_equal(loop_create(&w->home, &clock_system), 0);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(worker_create(&w->workers[i], &cfg, w->home), 0);
	assert_int_equal(rtp_ports_create(&w->ports, 34000, 34999), 0);
	for (unsigned i = 0; i < PAIRS; i++) {
		w->a[i] = make(w);
		w->b[i] = make(w);
		configure(w->a[i], w->b[i], 20);
		configure(w->b[i], w->a[i], 20);
	}
	*state = w;
	return 0;
}

/* Some are closed where they are, some under way. */
static int teardown(void **state)
{
	struct world *w = *state;
	for (unsigned i = 0; i < PAIRS; i++) {
		rtp_place(w->a[i], w->workers[i & 1]);
		rtp_close(&w->a[i], on_closed, w);
		rtp_close(&w->b[i], on_closed, w);
	}
	for (unsigned i = 0; w->closed < 2 * PAIRS && i < TURNS_MAX; i++)
		turn(w);
	assert_int_equal(w->closed, 2 * PAIRS);
	assert_int_equal(rtp_ports_used(w->ports), 0);
	for (unsigned i = 0; i < 2; i++)
		worker_destroy(&w->workers[i]);
	rtp_ports_destroy(&w->ports);
	loop_destroy(&w->home);
	free(w);
	assert_int_equal(mem_live_blocks(), 0);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_move_while_packets_flow, setup, teardown),
		cmocka_unit_test_setup_teardown(test_join_and_leave_on_the_move, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
