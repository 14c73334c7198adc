/* SPDX-License-Identifier: GPL-2.0-only */
/* The front, the post between threads and the cable in memory: in virtual time with an inline
 * worker, and once with a thread. */
#include "hw/e1.h"

#include "base/mem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct user {
	uint8_t next_tx, last_rx;
	size_t rx, mismatches, tx;
	int left;
};

struct fixture {
	struct clock_virtual clock;
	struct loop *home;
	struct worker *worker;
	struct e1_pair *pair;
	struct conf_line conf[2];
	struct e1_line *line[2];
	struct e1_dchan *dchan[2];
	unsigned alarms[2], alarm_changes[2];
	uint8_t frame[2][E1_FRAME_MAX];
	size_t frame_length[2], frames[2];
	int closed;
	size_t close_at; /* frame */
};

static struct fixture fx;

static void alarms_changed(struct e1_line *line, unsigned alarms, void *arg)
{
	size_t end = (size_t)((struct e1_line **)arg - fx.line);

	(void)line;
	fx.alarms[end] = alarms;
	fx.alarm_changes[end]++;
}

static const struct e1_line_ops line_ops = { .alarms = alarms_changed };

static void frame_in(struct e1_dchan *dchan, const uint8_t *octets, size_t n, void *arg)
{
	size_t end = (size_t)((struct e1_dchan **)arg - fx.dchan);

	(void)dchan;
	memcpy(fx.frame[end], octets, n);
	fx.frame_length[end] = n;
	fx.frames[end]++;
	if (fx.frames[end] == fx.close_at)
		e1_dchan_close(&fx.dchan[end]);
}

static const struct e1_dchan_ops dchan_ops = { .frame = frame_in };

static void count_rx(void *arg, const uint8_t *octets, size_t n)
{
	struct user *u = arg;

	for (size_t i = 0; i < n; i++) {
		if (octets[i] != (uint8_t)(u->last_rx + 1))
			u->mismatches++;
		u->last_rx = octets[i];
	}
	u->rx += n;
}

static void count_tx(void *arg, uint8_t *octets, size_t n)
{
	struct user *u = arg;

	for (size_t i = 0; i < n; i++)
		octets[i] = u->next_tx++;
	u->tx += n;
}

static const struct e1_slot_ops counting = { .rx = count_rx, .tx = count_tx };

static void user_left(void *arg)
{
	((struct user *)arg)->left++;
}

static void line_closed(void *arg)
{
	(void)arg;
	fx.closed++;
}

static void run_ms(unsigned ms)
{
	loop_advance(fx.home, &fx.clock, (uint64_t)ms * 1000);
}

static int open_all(void)
{
	int rc = e1_pair_create(&fx.pair, fx.worker);

	for (int end = 0; rc == 0 && end < 2; end++) {
		fx.conf[end].timeslots = 0xFFFFFFFE;
		fx.conf[end].name = end ? "b" : "a";
		rc = e1_pair_open(fx.pair, end, &fx.line[end], &fx.conf[end], &line_ops,
				  &fx.line[end]);
	}
	for (int end = 0; rc == 0 && end < 2; end++)
		rc = e1_dchan_open(&fx.dchan[end], fx.line[end], 16, &dchan_ops, &fx.dchan[end]);
	return rc;
}

static void close_all(void)
{
	for (int end = 0; end < 2; end++) {
		e1_dchan_close(&fx.dchan[end]);
		e1_line_close(&fx.line[end], line_closed, NULL);
	}
	e1_pair_destroy(&fx.pair);
}

static int start(bool inline_thread)
{
	struct worker_cfg cfg = { .name = "media", .cpu = -1, .inline_thread = inline_thread };
	int rc;

	memset(&fx, 0, sizeof(fx));
	clock_virtual_init(&fx.clock);
	cfg.clock = inline_thread ? &fx.clock.clock : &clock_system;
	rc = loop_create(&fx.home, cfg.clock);
	return rc < 0 ? rc : worker_create(&fx.worker, &cfg, fx.home);
}

static void stop(void)
{
	worker_destroy(&fx.worker);
	loop_destroy(&fx.home);
}

static int setup(void **state)
{
	(void)state;
	assert_int_equal(mem_live_blocks(), 0);
	assert_int_equal(start(true), 0);
	assert_int_equal(open_all(), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close_all();
	run_ms(2);
	assert_int_equal(fx.closed, 2);
	stop();
	assert_int_equal(mem_live_blocks(), 0);
	return 0;
}

static void alarm_text(void **state)
{
	char text[64];

	(void)state;
	assert_string_equal(e1_alarm_text(0, text), "none");
	assert_string_equal(e1_alarm_text(E1_ALARM_LOS | E1_ALARM_RAI, text), "LOS,RAI");
	assert_string_equal(e1_alarm_text(0x3F, text), "LOS,AIS,LOF,RAI,PEER_LOSS,DEVICE");
}

static void counters_are_described_each_once(void **state)
{
	(void)state;
	assert_int_equal(e1_counter_count * sizeof(counter_t), sizeof(struct e1_counters));
	for (size_t i = 0; i < e1_counter_count; i++)
		assert_int_equal(e1_counter_info[i].offset, i * sizeof(counter_t));
}

static void octets_cross_bit_exactly(void **state)
{
	struct user a = { 0 }, b = { 0 };

	(void)state;
	assert_int_equal(e1_slot_join(fx.line[0], 3, &counting, &a), 0);
	assert_int_equal(e1_slot_join(fx.line[1], 3, &counting, &b), 0);
	run_ms(1000);
	assert_in_range(a.rx, 7990, 8008);
	assert_int_equal(a.rx, b.rx);
	assert_int_equal(a.tx, b.tx);
	assert_in_range(a.mismatches, 0,
			2); /* the first octet, and idle before the other had joined */
	assert_in_range(b.mismatches, 0, 2);
	e1_slot_leave(fx.line[0], 3, user_left, &a);
	e1_slot_leave(fx.line[1], 3, user_left, &b);
	run_ms(1);
	assert_int_equal(a.left, 1);
	assert_int_equal(b.left, 1);
}

static void an_idle_slot_sends_the_idle_octet(void **state)
{
	struct user a = { 0 };

	(void)state;
	e1_slot_idle(fx.line[1], 0x54);
	assert_int_equal(e1_slot_join(fx.line[0], 7, &counting, &a), 0);
	run_ms(5);
	assert_int_equal(a.last_rx, 0x54);
	e1_slot_leave(fx.line[0], 7, user_left, &a);
	run_ms(1);
}

static void a_timeslot_has_one_user(void **state)
{
	struct user a = { 0 };
	struct e1_dchan *second = NULL;

	(void)state;
	assert_int_equal(e1_slot_join(fx.line[0], 0, &counting, &a), -EINVAL);
	assert_int_equal(e1_slot_join(fx.line[0], 32, &counting, &a), -EINVAL);
	assert_int_equal(e1_slot_join(fx.line[0], 16, &counting, &a), -EBUSY);
	assert_int_equal(e1_dchan_open(&second, fx.line[0], 16, &dchan_ops, NULL), -EBUSY);
	assert_int_equal(e1_slot_join(fx.line[0], 1, &counting, &a), 0);
	assert_int_equal(e1_slot_join(fx.line[0], 1, &counting, &a), -EBUSY);
	e1_slot_leave(fx.line[0], 1, user_left, &a);
	assert_int_equal(e1_slot_join(fx.line[0], 1, &counting, &a), -EBUSY);
	run_ms(1);
	assert_int_equal(a.left, 1);
	assert_int_equal(e1_slot_join(fx.line[0], 1, &counting, &a), 0);
	e1_slot_leave(fx.line[0], 1, user_left, &a);
	e1_slot_leave(fx.line[0], 2, user_left, &a); /* nobody's */
	run_ms(1);
	assert_int_equal(a.left, 3);
}

static void frames_cross(void **state)
{
	uint8_t frame[E1_FRAME_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(frame); i++)
		frame[i] = (uint8_t)(i * 7);
	run_ms(2);
	for (size_t n = 2; n <= E1_FRAME_MAX; n += 15) {
		assert_int_equal(e1_dchan_send(fx.dchan[0], frame, n), 0);
		assert_int_equal(e1_dchan_send(fx.dchan[1], frame, n), 0);
		run_ms(100);
		for (int end = 0; end < 2; end++) {
			assert_int_equal(fx.frame_length[end], n);
			assert_memory_equal(fx.frame[end], frame, n);
		}
	}
	assert_int_equal(e1_dchan_send(fx.dchan[0], frame, sizeof(frame)), -EMSGSIZE);
	assert_int_equal(counter_get(&e1_line_counters(fx.line[0])->hdlc_tx_frames), fx.frames[1]);
	assert_int_equal(counter_get(&e1_line_counters(fx.line[1])->hdlc_rx_frames), fx.frames[1]);
}

static void a_full_queue_is_told(void **state)
{
	uint8_t frame[260] = { 2, 1, 3 };
	int rc = 0, sent = 0;

	(void)state;
	for (; sent < 100 && rc == 0; sent++)
		rc = e1_dchan_send(fx.dchan[0], frame, sizeof(frame));
	assert_int_equal(rc, -ENOBUFS);
	assert_true(sent > 8); /* more than LAPD's window */
	assert_int_equal(counter_get(&e1_line_counters(fx.line[0])->hdlc_overrun), 1);
	run_ms(2000);
	assert_int_equal(fx.frames[1], sent - 1);
}

static void cut_and_mended(void **state)
{
	static const uint8_t frame[] = { 2, 1, 0x7F };
	size_t before;

	(void)state;
	run_ms(5);
	assert_int_equal(fx.alarms[0], 0);
	assert_int_equal(fx.alarm_changes[0], 1);
	e1_pair_cut(fx.pair, true);
	run_ms(5);
	assert_int_equal(e1_line_alarms(fx.line[0]), E1_ALARM_LOS);
	assert_int_equal(fx.alarms[1], E1_ALARM_LOS);
	before = fx.frames[1];
	assert_int_equal(e1_dchan_send(fx.dchan[0], frame, sizeof(frame)), 0);
	run_ms(100);
	assert_int_equal(fx.frames[1], before);
	e1_pair_cut(fx.pair, false);
	run_ms(5);
	assert_int_equal(fx.alarms[0], 0);
	assert_int_equal(fx.alarms[1], 0);
	assert_int_equal(e1_dchan_send(fx.dchan[0], frame, sizeof(frame)), 0);
	run_ms(100);
	assert_int_equal(fx.frames[1], before + 1);
}

/* Frames of two octets: up to two end in one millisecond, so that some close has another frame
 * waiting behind it. */
static void a_dchan_may_close_in_its_callback(void **state)
{
	static const uint8_t frame[] = { 2, 1 };

	(void)state;
	for (size_t k = 1; k < 9; k++) {
		fx.frames[1] = 0;
		fx.close_at = k;
		for (int i = 0; i < 12; i++)
			assert_int_equal(e1_dchan_send(fx.dchan[0], frame, sizeof(frame)), 0);
		run_ms(50);
		assert_int_equal(fx.frames[1], k);
		assert_null(fx.dchan[1]);
		assert_int_equal(
			e1_dchan_open(&fx.dchan[1], fx.line[1], 16, &dchan_ops, &fx.dchan[1]), 0);
		run_ms(2);
	}
	fx.close_at = 0;
	fx.frames[1] = 0;
	assert_int_equal(e1_dchan_send(fx.dchan[0], frame, sizeof(frame)), 0);
	run_ms(50);
	assert_int_equal(fx.frames[1], 1);
}

static void one_end_alone_hears_idle(void **state)
{
	struct user a = { 0 };

	(void)state;
	e1_dchan_close(&fx.dchan[1]);
	e1_line_close(&fx.line[1], line_closed, NULL);
	assert_int_equal(e1_slot_join(fx.line[0], 5, &counting, &a), 0);
	run_ms(10);
	assert_int_equal(e1_line_alarms(fx.line[0]), E1_ALARM_LOS);
	assert_true(a.rx >= 72 && a.tx >= 72);
	assert_int_equal(a.last_rx, 0xD5);
	e1_slot_leave(fx.line[0], 5, user_left, &a);
	run_ms(1);
	assert_int_equal(e1_pair_open(fx.pair, 0, &fx.line[1], &fx.conf[1], &line_ops, &fx.line[1]),
			 -EBUSY);
	assert_int_equal(e1_pair_open(fx.pair, 2, &fx.line[1], &fx.conf[1], &line_ops, &fx.line[1]),
			 -EINVAL);
	assert_int_equal(e1_pair_open(fx.pair, 1, &fx.line[1], &fx.conf[1], &line_ops, &fx.line[1]),
			 0);
	run_ms(2);
	assert_int_equal(fx.alarms[0], 0);
	fx.closed = 0;
	e1_line_close(&fx.line[1], NULL, NULL);
	assert_int_equal(e1_pair_open(fx.pair, 1, &fx.line[1], &fx.conf[1], &line_ops, &fx.line[1]),
			 0);
}

static void faults_are_for_pseudowires(void **state)
{
	struct e1_faults faults = { .stop = true };

	(void)state;
	assert_int_equal(e1_line_set_faults(fx.line[0], &faults), -ENOTSUP);
}

static void every_allocation_may_fail(void **state)
{
	(void)state;
	for (long n = 0;; n++) {
		int rc, failed;

		assert_int_equal(start(true), 0);
		mem_fail_after(n);
		rc = open_all();
		failed = mem_failed();
		mem_fail_after(-1);
		assert_int_equal(rc, failed ? -ENOMEM : 0);
		run_ms(3);
		close_all();
		run_ms(3);
		stop();
		assert_int_equal(mem_live_blocks(), 0);
		if (!failed)
			break;
		assert_true(n < 100);
	}
}

static void no_timeslots_is_refused(void **state)
{
	struct conf_line conf = { .name = "none", .timeslots = 1 };
	struct e1_line *line = NULL;

	(void)state;
	e1_dchan_close(&fx.dchan[1]);
	e1_line_close(&fx.line[1], line_closed, NULL);
	run_ms(1);
	assert_int_equal(e1_pair_open(fx.pair, 1, &line, &conf, &line_ops, NULL), -EINVAL);
	assert_null(line);
	assert_int_equal(e1_pair_open(fx.pair, 1, &fx.line[1], &fx.conf[1], &line_ops, &fx.line[1]),
			 0);
	fx.closed = 0;
}

/* A real thread: order of join, leave and close, frames both ways. Bounded by turns, not by
 * time. */
static void with_a_thread(void **state)
{
	static const uint8_t frame[] = { 2, 1, 0x7F };
	struct user users[8] = { 0 };

	(void)state;
	assert_int_equal(start(false), 0);
	assert_int_equal(open_all(), 0);
	for (int round = 0; round < 20; round++) {
		for (unsigned i = 0; i < 8; i++)
			assert_int_equal(e1_slot_join(fx.line[i % 2], i + 1, &counting, &users[i]),
					 0);
		assert_int_equal(e1_dchan_send(fx.dchan[0], frame, sizeof(frame)), 0);
		for (unsigned i = 0; i < 8; i++)
			e1_slot_leave(fx.line[i % 2], i + 1, user_left, &users[i]);
		for (unsigned i = 0; i < 8; i++)
			for (int turns = 0; users[i].left <= round && turns < 1000; turns++)
				loop_turn(fx.home, 10);
	}
	for (int turns = 0; fx.frames[1] < 20 && turns < 1000; turns++)
		loop_turn(fx.home, 10);
	assert_int_equal(fx.frames[1], 20);
	assert_int_equal(fx.alarms[0], 0);
	close_all();
	for (int turns = 0; fx.closed < 2 && turns < 1000; turns++)
		loop_turn(fx.home, 10);
	assert_int_equal(fx.closed, 2);
	stop();
	assert_int_equal(mem_live_blocks(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alarm_text),
		cmocka_unit_test(counters_are_described_each_once),
		cmocka_unit_test_setup_teardown(octets_cross_bit_exactly, setup, teardown),
		cmocka_unit_test_setup_teardown(an_idle_slot_sends_the_idle_octet, setup, teardown),
		cmocka_unit_test_setup_teardown(a_timeslot_has_one_user, setup, teardown),
		cmocka_unit_test_setup_teardown(frames_cross, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_queue_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(cut_and_mended, setup, teardown),
		cmocka_unit_test_setup_teardown(a_dchan_may_close_in_its_callback, setup, teardown),
		cmocka_unit_test_setup_teardown(one_end_alone_hears_idle, setup, teardown),
		cmocka_unit_test_setup_teardown(no_timeslots_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(faults_are_for_pseudowires, setup, teardown),
		cmocka_unit_test(every_allocation_may_fail),
		cmocka_unit_test(with_a_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
