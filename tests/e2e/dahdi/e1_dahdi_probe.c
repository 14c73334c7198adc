/* SPDX-License-Identifier: GPL-2.0-only */
/* Runs in the guest on two cross-connected DAHDI spans, through hw/e1.h only: frames both ways
 * on the D-channels, octets both ways on B-channels bit by bit, a user that comes back, the alarm
 * when the far span goes, and want of memory. Exit status 0: all as it should. */
#include "hw/e1.h"

#include "base/mem.h"

#include <dahdi/user.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define B_CHANNELS 5
#define FRAMES 40

/* A pattern of period 251; the first octets may be the far end's idle, or what was in the
 * driver's buffers. */
struct user {
	uint32_t tx, rx, in_step, mismatches;
	uint8_t expected;
	bool left;
};

struct end {
	struct conf_line conf;
	struct e1_line *line;
	struct e1_dchan *dchan;
	unsigned frames, bad_frames;
	struct user users[B_CHANNELS];
};

static const unsigned timeslots[B_CHANNELS] = { 1, 2, 15, 17, 31 };
static struct end ends[2];
static struct loop *home;
static int failures, closed;

static void verdict(bool good, const char *what)
{
	printf("%s %s\n", good ? "ok  " : "FAIL", what);
	failures += !good;
}

/* Of many: said only when it fails. */
static void expect(bool good, const char *what)
{
	if (!good)
		verdict(good, what);
}

static void run_ms(unsigned ms)
{
	uint64_t until = clock_now_us(&clock_system) + ms * 1000u;

	while (clock_now_us(&clock_system) < until)
		loop_turn(home, 10);
}

static bool wait_alarms(struct e1_line *line, bool down, unsigned limit_ms)
{
	for (unsigned ms = 0; ms < limit_ms; ms += 20) {
		if (!(e1_line_alarms(line) & E1_ALARMS_DOWN) == !down)
			return true;
		run_ms(20);
	}
	return false;
}

static uint8_t next(uint8_t octet)
{
	return octet == 251 ? 1 : (uint8_t)(octet + 1);
}

static void user_rx(void *arg, const uint8_t *octets, size_t n)
{
	struct user *u = arg;

	for (size_t i = 0; i < n; i++) {
		if (octets[i] == u->expected) {
			u->in_step++;
		} else {
			u->mismatches += u->in_step > 1000; /* it had been in step for good */
			u->in_step = 0;
		}
		u->expected = next(octets[i]);
	}
	u->rx += (uint32_t)n;
}

static void user_tx(void *arg, uint8_t *octets, size_t n)
{
	struct user *u = arg;

	for (size_t i = 0; i < n; i++)
		octets[i] = (uint8_t)(u->tx++ % 251 + 1);
}

static const struct e1_slot_ops user_ops = { user_rx, user_tx };

static void user_left(void *arg)
{
	((struct user *)arg)->left = true;
}

static void make_frame(uint8_t frame[E1_FRAME_MAX], unsigned number, size_t *n)
{
	*n = 4 + number * 9 % 257;
	for (size_t i = 0; i < *n; i++)
		frame[i] = (uint8_t)(i * 31 + number);
}

static void frame_in(struct e1_dchan *dchan, const uint8_t *octets, size_t n, void *arg)
{
	struct end *end = arg;
	uint8_t expected[E1_FRAME_MAX];
	size_t length;

	(void)dchan;
	make_frame(expected, end->frames, &length);
	if (n != length || memcmp(octets, expected, n))
		end->bad_frames++;
	end->frames++;
}

static const struct e1_dchan_ops dchan_ops = { .frame = frame_in };

static void open_lines(struct worker *worker)
{
	static const struct e1_line_ops ops = { 0 };

	for (unsigned i = 0; i < 2; i++) {
		ends[i].conf = (struct conf_line){
			.name = i ? "two" : "one",
			.kind = CONF_LINE_DAHDI,
			.timeslots = 0xFFFFFFFE,
			.dahdi_first_channel = 1 + 31 * i,
			.dahdi_span = 1 + i,
		};
		verdict(e1_line_open(&ends[i].line, &ends[i].conf, worker, &ops, NULL) == 0,
			"line opened");
		verdict(wait_alarms(ends[i].line, false, 5000), "no alarms");
	}
}

static void check_refusals(void)
{
	struct conf_line conf = ends[0].conf;
	struct e1_line *line = NULL;
	struct e1_dchan *dchan = NULL;

	conf.dahdi_span = 9;
	verdict(e1_line_open(&line, &conf, e1_line_worker(ends[0].line), NULL, NULL) < 0,
		"a span that isn't there is refused");
	verdict(e1_dchan_open(&dchan, ends[0].line, 3, &dchan_ops, NULL) == -ENODEV,
		"a D-channel on a B-channel's timeslot is refused");
}

/* Each allocation of a line and its D-channel fails in turn, on a worker of their own that is gone
 * afterwards: -ENOMEM, nothing half open (the device is not busy for the next), nothing held. */
static bool open_failing(const struct conf_line *conf, long n)
{
	struct worker_cfg cfg = { .name = "sweep", .cpu = -1, .clock = &clock_system };
	struct worker *worker = NULL;
	struct e1_line *line = NULL;
	struct e1_dchan *dchan = NULL;
	bool failed;
	int rc;

	expect(worker_create(&worker, &cfg, home) == 0, "worker made");
	mem_fail_after(n);
	rc = e1_line_open(&line, conf, worker, NULL, NULL);
	if (rc == 0)
		rc = e1_dchan_open(&dchan, line, 16, &dchan_ops, &ends[0]);
	failed = mem_failed();
	mem_fail_after(-1);
	expect(rc == (failed ? -ENOMEM : 0), "only want of memory refuses");
	e1_dchan_close(&dchan);
	e1_line_close(&line, NULL, NULL);
	run_ms(100);
	worker_destroy(&worker);
	return failed;
}

static void check_want_of_memory(void)
{
	const struct conf_line conf = {
		.name = "sweep",
		.kind = CONF_LINE_DAHDI,
		.timeslots = 0xFFFFFFFE,
		.dahdi_first_channel = 1,
		.dahdi_span = 1,
	};
	long before = mem_live_blocks(), n = 0;

	while (n < 100 && open_failing(&conf, n)) {
		expect(mem_live_blocks() == before, "nothing is held after a refusal");
		n++;
	}
	printf("     %ld allocations\n", n);
	verdict(n >= 4 && n < 100 && mem_live_blocks() == before, "each allocation failed in turn");
}

static void check_frames(void)
{
	uint8_t frame[E1_FRAME_MAX];
	size_t n;

	for (unsigned i = 0; i < 2; i++)
		verdict(e1_dchan_open(&ends[i].dchan, ends[i].line, 16, &dchan_ops, &ends[i]) == 0,
			"D-channel opened");
	run_ms(200);
	for (unsigned k = 0; k < FRAMES; k++) {
		make_frame(frame, k, &n);
		for (unsigned i = 0; i < 2; i++)
			expect(e1_dchan_send(ends[i].dchan, frame, n) == 0, "frame sent");
		run_ms(60);
	}
	run_ms(500);
	for (unsigned i = 0; i < 2; i++) {
		printf("     %s: %u of %u frames, %u wrong\n", e1_line_name(ends[i].line),
		       ends[i].frames, FRAMES, ends[i].bad_frames);
		verdict(ends[i].frames == FRAMES && ends[i].bad_frames == 0,
			"all frames arrived as they were sent");
	}
}

static void check_octets(unsigned ms)
{
	for (unsigned i = 0; i < 2; i++)
		for (unsigned b = 0; b < B_CHANNELS; b++) {
			ends[i].users[b] = (struct user){ 0 };
			expect(e1_slot_join(ends[i].line, timeslots[b], &user_ops,
					    &ends[i].users[b]) == 0,
			       "slot joined");
		}
	run_ms(ms);
	for (unsigned i = 0; i < 2; i++)
		for (unsigned b = 0; b < B_CHANNELS; b++)
			e1_slot_leave(ends[i].line, timeslots[b], user_left, &ends[i].users[b]);
	run_ms(200);
	for (unsigned i = 0; i < 2; i++)
		for (unsigned b = 0; b < B_CHANNELS; b++) {
			const struct user *u = &ends[i].users[b];

			printf("     %s/%u: %u received, %u sent, %u in step, %u mismatches\n",
			       e1_line_name(ends[i].line), timeslots[b], u->rx, u->tx, u->in_step,
			       u->mismatches);
			verdict(u->left && u->mismatches == 0 && u->in_step > ms * 7,
				"octets bit by bit, in one alignment");
		}
}

/* The far span goes (with all its channels closed), and comes back. */
static void check_alarm(void)
{
	struct dahdi_dynamic_span span = { .driver = "loc", .addr = "0:1", .numchans = 31 };
	int control = open("/dev/dahdi/ctl", O_RDWR);

	e1_dchan_close(&ends[1].dchan);
	e1_line_close(&ends[1].line, NULL, NULL);
	run_ms(300);
	verdict(control >= 0 && ioctl(control, DAHDI_DYNAMIC_DESTROY, &span) == 0,
		"far span destroyed");
	verdict(wait_alarms(ends[0].line, true, 10000), "alarm seen");
	verdict(ioctl(control, DAHDI_DYNAMIC_CREATE, &span) >= 0, "far span made again");
	verdict(wait_alarms(ends[0].line, false, 10000), "alarm gone");
	close(control);
}

static void line_closed(void *arg)
{
	(void)arg;
	closed++;
}

static void print_counters(void)
{
	for (unsigned i = 0; i < 2; i++)
		for (size_t c = 0; c < e1_counter_count; c++) {
			uint64_t n =
				counter_of(e1_line_counters(ends[i].line), &e1_counter_info[c]);

			if (n)
				printf("     %s: %s %llu\n", e1_line_name(ends[i].line),
				       e1_counter_info[c].name, (unsigned long long)n);
		}
}

int main(void)
{
	struct worker_cfg cfg = { .name = "media", .cpu = -1, .clock = &clock_system };
	struct worker *worker = NULL;

	if (loop_create(&home, &clock_system) < 0 || worker_create(&worker, &cfg, home) < 0)
		return 2;
	check_want_of_memory();
	open_lines(worker);
	if (failures)
		return 1;
	check_refusals();
	check_frames();
	check_octets(4000);
	check_octets(1500);
	print_counters();
	check_alarm();
	e1_dchan_close(&ends[0].dchan);
	e1_line_close(&ends[0].line, line_closed, NULL);
	run_ms(200);
	verdict(closed == 1, "line closed");
	worker_destroy(&worker);
	loop_destroy(&home);
	verdict(mem_live_blocks() == 0, "no memory held");
	printf("%d failures\n", failures);
	return failures ? 1 : 0;
}
