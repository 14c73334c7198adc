/* SPDX-License-Identifier: GPL-2.0-only */
/* Pseudowires over real loopback sockets in virtual time (the kernel delivers at once, so every
 * run is the same), a scripted far end, and one bounded run with threads in real time. */
#include "hw/e1.h"

#include "base/mem.h"
#include "hw/cesopsn_wire.h"
#include "hw/hdlc.h"

#include <errno.h>
#include <netinet/ip.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PORTS 31000 /* + 2 × process number modulo 5000: no other run's */
#define ECHO_SLOT 5

/* Sends a pattern of period 251 (prime to every block size) and looks for its own coming back,
 * or the far end's. */
struct user {
	uint32_t tx, rx; /* octets so far */
	uint32_t expected;
	uint32_t mismatches; /* once in step */
	uint32_t idle;       /* octets of fill or idle */
	uint32_t steps;      /* how often the alignment was found anew */
	bool in_step;
};

struct echo {
	uint8_t octets[64];
	size_t n;
};

struct end {
	struct conf_line conf;
	struct worker *worker;
	struct e1_line *line;
	struct e1_dchan *dchan;
	uint32_t joined;
	int left;
	unsigned alarms;
	unsigned changes;
	uint8_t frame[E1_FRAME_MAX];
	size_t frames, frame_length;
};

static struct fixture {
	struct clock_virtual clock;
	struct loop *home;
	struct end end[2];
	int closed;
	int far_fd; /* the scripted far end's socket */
	uint16_t far_sequence;
	uint8_t last[2048]; /* the last packet it got */
	ssize_t last_length;
	unsigned got;
} fx;

/* ---- Users of timeslots ---- */

static uint8_t pattern(uint32_t i)
{
	return (uint8_t)(i % 251 + 1); /* never 0xFF; 0xD5 once a period */
}

static void user_tx(void *arg, uint8_t *octets, size_t n)
{
	struct user *u = arg;

	for (size_t i = 0; i < n; i++)
		octets[i] = pattern(u->tx++);
}

static void user_rx(void *arg, const uint8_t *octets, size_t n)
{
	struct user *u = arg;

	u->rx += (uint32_t)n;
	for (size_t i = 0; i < n; i++) {
		if (u->in_step && octets[i] == pattern(u->expected)) {
			u->expected++;
			continue;
		}
		if (octets[i] == 0xD5 && (!u->in_step || pattern(u->expected) != 0xD5)) {
			u->idle++;
			u->expected += u->in_step;
			continue;
		}
		u->mismatches += u->in_step;
		u->steps++;
		u->in_step = true;
		u->expected = octets[i]; /* pattern(octet - 1) is this one */
	}
}

static const struct e1_slot_ops user_ops = { user_rx, user_tx };

static void echo_rx(void *arg, const uint8_t *octets, size_t n)
{
	struct echo *e = arg;

	memcpy(e->octets, octets, n);
	e->n = n;
}

static void echo_tx(void *arg, uint8_t *octets, size_t n)
{
	struct echo *e = arg;

	memset(octets, 0xD5, n);
	memcpy(octets, e->octets, e->n);
}

static const struct e1_slot_ops echo_ops = { echo_rx, echo_tx };

/* ---- Lines ---- */

static void alarms_changed(struct e1_line *line, unsigned alarms, void *arg)
{
	struct end *end = arg;

	(void)line;
	end->alarms = alarms;
	end->changes++;
}

static const struct e1_line_ops line_ops = { .alarms = alarms_changed };

static void frame_in(struct e1_dchan *dchan, const uint8_t *octets, size_t n, void *arg)
{
	struct end *end = arg;

	(void)dchan;
	memcpy(end->frame, octets, n);
	end->frame_length = n;
	end->frames++;
}

static const struct e1_dchan_ops dchan_ops = { .frame = frame_in };

static uint16_t port(unsigned which)
{
	return (uint16_t)(PORTS + 2 * (getpid() % 5000) + (int)which);
}

static void configure(const char *host)
{
	for (unsigned i = 0; i < 2; i++) {
		struct conf_line *conf = &fx.end[i].conf;

		fx.end[i].alarms = E1_ALARM_LOS;
		*conf = (struct conf_line){
			.name = i ? "far" : "near",
			.kind = CONF_LINE_CESOPSN,
			.packet_us = 1000,
			.timeslots = 0xFFFFFFFE,
			.clock = i ? CONF_CLOCK_LINE : CONF_CLOCK_SOURCE,
			.jitter_ms = 10,
			.dscp = 46,
		};
		netaddr_set(&conf->local, host, port(i));
		netaddr_set(&conf->remote, host, port(!i));
	}
}

static int start_worker(unsigned i, bool inline_thread)
{
	struct worker_cfg cfg = {
		.name = "media",
		.cpu = -1,
		.inline_thread = inline_thread,
		.clock = inline_thread ? &fx.clock.clock : &clock_system,
	};

	return worker_create(&fx.end[i].worker, &cfg, fx.home);
}

static int open_line(unsigned i)
{
	struct end *end = &fx.end[i];

	return e1_line_open(&end->line, &end->conf, end->worker, &line_ops, end);
}

static void join(unsigned i, unsigned ts, const struct e1_slot_ops *ops, void *user)
{
	assert_int_equal(e1_slot_join(fx.end[i].line, ts, ops, user), 0);
	fx.end[i].joined |= UINT32_C(1) << ts;
}

static void user_left(void *arg)
{
	struct end *end = arg;

	end->left++;
}

static void start_leaving(unsigned i, unsigned ts)
{
	fx.end[i].joined &= ~(UINT32_C(1) << ts);
	e1_slot_leave(fx.end[i].line, ts, user_left, &fx.end[i]);
}

static void line_closed(void *arg)
{
	(void)arg;
	fx.closed++;
}

static void close_line(unsigned i)
{
	for (unsigned ts = 1; ts < E1_TIMESLOTS; ts++)
		if (fx.end[i].joined & UINT32_C(1) << ts)
			start_leaving(i, ts);
	e1_dchan_close(&fx.end[i].dchan);
	e1_line_close(&fx.end[i].line, line_closed, NULL);
}

static void run_ms(unsigned ms)
{
	loop_advance(fx.home, &fx.clock, (uint64_t)ms * 1000);
}

static const struct e1_counters *counters(unsigned i)
{
	return e1_line_counters(fx.end[i].line);
}

static void leave(unsigned i, unsigned ts)
{
	int before = fx.end[i].left;

	start_leaving(i, ts);
	run_ms(2);
	assert_int_equal(fx.end[i].left, before + 1);
}

#define COUNT(i, name) ((long)counter_get(&counters(i)->name))

static int setup(void **state)
{
	(void)state;
	assert_int_equal(mem_live_blocks(), 0);
	memset(&fx, 0, sizeof(fx));
	fx.far_fd = -1;
	clock_virtual_init(&fx.clock);
	assert_int_equal(loop_create(&fx.home, &fx.clock.clock), 0);
	configure("127.0.0.1");
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(start_worker(i, true), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++)
		if (fx.end[i].line)
			close_line(i);
	run_ms(3);
	for (unsigned i = 0; i < 2; i++)
		worker_destroy(&fx.end[i].worker);
	loop_destroy(&fx.home);
	if (fx.far_fd >= 0)
		close(fx.far_fd);
	assert_int_equal(mem_live_blocks(), 0);
	return 0;
}

static void open_both(void)
{
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(open_line(i), 0);
	run_ms(600); /* up, and settled */
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(e1_line_alarms(fx.end[i].line), 0);
}

static void assert_no_slips(void)
{
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(COUNT(i, slips_repeat), 0);
		assert_int_equal(COUNT(i, slips_drop), 0);
	}
}

static void both_ends_come_up_and_echo(void **state)
{
	struct user u = { 0 };
	struct echo e = { 0 };

	(void)state;
	open_both();
	join(0, ECHO_SLOT, &user_ops, &u);
	join(1, ECHO_SLOT, &echo_ops, &e);
	run_ms(20000);
	assert_int_equal(u.mismatches, 0);
	assert_int_equal(u.steps, 1);
	assert_in_range(u.rx, 8 * 19990, 8 * 20010);
	assert_no_slips();
	assert_int_equal(COUNT(0, lost) + COUNT(1, lost), 0);
	assert_int_equal(COUNT(0, late) + COUNT(1, late), 0);
	assert_int_equal(fx.end[0].changes, 1);
	leave(0, ECHO_SLOT);
	leave(1, ECHO_SLOT);
}

static void every_packet_time_header_and_set(void **state)
{
	static const timeslot_set sets[] = { 0xFFFFFFFE, 1u << 1 | 1u << 5 | 1u << 31, 1u << 5 };

	(void)state;
	for (unsigned ms = 1; ms <= 5; ms++) {
		for (unsigned s = 0; s < 6; s++) {
			struct user u[2] = { 0 };

			for (unsigned i = 0; i < 2; i++) {
				fx.end[i].conf.packet_us = ms * 1000;
				fx.end[i].conf.timeslots = sets[s % 3];
				fx.end[i].conf.rtp_header = s >= 3;
				assert_int_equal(open_line(i), 0);
			}
			run_ms(2000);
			for (unsigned i = 0; i < 2; i++)
				join(i, ECHO_SLOT, &user_ops, &u[i]);
			run_ms(300);
			for (unsigned i = 0; i < 2; i++) {
				assert_int_equal(u[i].mismatches, 0);
				assert_int_equal(u[i].steps, 1);
				assert_true(u[i].rx > 8 * 290);
				leave(i, ECHO_SLOT);
			}
			assert_no_slips();
			assert_int_equal(COUNT(0, malformed) + COUNT(1, malformed), 0);
			close_line(0);
			close_line(1);
			run_ms(3);
		}
	}
}

static void over_ipv6(void **state)
{
	int rc;

	(void)state;
	configure("::1");
	rc = open_line(0);
	if (rc == -EADDRNOTAVAIL || rc == -EAFNOSUPPORT)
		skip();
	assert_int_equal(rc, 0);
	assert_int_equal(open_line(1), 0);
	run_ms(500);
	assert_int_equal(e1_line_alarms(fx.end[0].line), 0);
	assert_int_equal(e1_line_alarms(fx.end[1].line), 0);
}

static void frames_cross_and_a_lost_packet_never_makes_a_false_one(void **state)
{
	struct e1_faults faults = { .drop_permille = 100, .seed = 5 };
	uint8_t frame[200];
	unsigned good = 0;

	(void)state;
	open_both();
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(
			e1_dchan_open(&fx.end[i].dchan, fx.end[i].line, 16, &dchan_ops, &fx.end[i]),
			0);
	run_ms(50);
	for (unsigned k = 0; k < 300; k++) {
		size_t n = 10 + k % 190;

		for (size_t i = 0; i < n; i++)
			frame[i] = (uint8_t)(i * 3 + k);
		if (k == 100)
			assert_int_equal(e1_line_set_faults(fx.end[0].line, &faults), 0);
		fx.end[1].frame_length = 0;
		assert_int_equal(e1_dchan_send(fx.end[0].dchan, frame, n), 0);
		run_ms(60);
		if (!fx.end[1].frame_length)
			continue;
		good++;
		assert_int_equal(fx.end[1].frame_length, n);
		assert_memory_equal(fx.end[1].frame, frame, n);
	}
	assert_in_range(good, 120, 290);
	assert_int_equal(good, fx.end[1].frames);
	assert_true(COUNT(1, hdlc_abort) > 50); /* by the fill itself, not left to the FCS */
	assert_true(COUNT(1, lost) > 500);
}

static void loss_costs_octets_but_no_alignment(void **state)
{
	struct e1_faults faults = { .drop_permille = 50, .seed = 9 };
	struct user u = { 0 };
	struct echo e = { 0 };

	(void)state;
	open_both();
	join(0, ECHO_SLOT, &user_ops, &u);
	join(1, ECHO_SLOT, &echo_ops, &e);
	run_ms(100);
	assert_int_equal(e1_line_set_faults(fx.end[0].line, &faults), 0);
	assert_int_equal(e1_line_set_faults(fx.end[1].line, &faults), 0);
	run_ms(10000);
	assert_int_equal(u.mismatches, 0);
	assert_true(u.idle > 1000);
	assert_no_slips();
	assert_in_range(COUNT(0, lost), 300, 700);
	assert_in_range(COUNT(1, lost), 300, 700);
	assert_true(COUNT(0, filled_octets) >= 8 * COUNT(0, lost)); /* and while coming up */
	leave(0, ECHO_SLOT);
	leave(1, ECHO_SLOT);
}

static void stopped_and_restarted(void **state)
{
	struct e1_faults stop = { .stop = true }, none = { 0 };

	(void)state;
	open_both();
	assert_int_equal(e1_line_set_faults(fx.end[1].line, &stop), 0);
	run_ms(95);
	assert_int_equal(fx.end[0].alarms, 0);
	run_ms(15);
	assert_int_equal(fx.end[0].alarms, E1_ALARM_LOS);
	run_ms(20);
	assert_int_equal(fx.end[1].alarms,
			 E1_ALARM_RAI | E1_ALARM_PEER_LOSS); /* it hears us say R=1 and RDI */
	assert_true(COUNT(1, rx_r_bit) > 0);
	assert_true(COUNT(1, rx_rdi) > 0);
	run_ms(1000);
	assert_int_equal(e1_line_set_faults(fx.end[1].line, &none), 0);
	run_ms(90);
	assert_int_equal(fx.end[0].alarms, E1_ALARM_LOS);
	run_ms(30);
	assert_int_equal(fx.end[0].alarms, 0);
	run_ms(500);
	assert_int_equal(fx.end[1].alarms, 0);
	assert_no_slips();
	assert_int_equal(e1_line_set_faults(fx.end[0].line, &stop), 0); /* now the source */
	run_ms(200);
	assert_int_equal(fx.end[1].alarms, E1_ALARM_LOS);
	assert_int_equal(fx.end[0].alarms,
			 E1_ALARM_RAI | E1_ALARM_PEER_LOSS); /* never LOS: the far end free-runs */
	assert_int_equal(e1_line_set_faults(fx.end[0].line, &none), 0);
	run_ms(1000);
	assert_int_equal(fx.end[0].alarms, 0);
	assert_int_equal(fx.end[1].alarms, 0);
	assert_no_slips();
}

static void bits_on_command(void **state)
{
	static const struct {
		struct e1_faults faults;
		unsigned alarms;
	} rows[] = {
		{ { .l_bit = true }, E1_ALARM_AIS },
		{ { .r_bit = true }, E1_ALARM_PEER_LOSS },
		{ { .rdi = true }, E1_ALARM_RAI },
		{ { .r_bit = true, .rdi = true }, E1_ALARM_RAI | E1_ALARM_PEER_LOSS },
		{ { .l_bit = true, .r_bit = true, .rdi = true },
		  E1_ALARM_AIS | E1_ALARM_PEER_LOSS },
		{ { 0 }, 0 },
	};

	(void)state;
	open_both();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(e1_line_set_faults(fx.end[0].line, &rows[i].faults), 0);
		run_ms(20);
		assert_int_equal(fx.end[1].alarms, rows[i].alarms);
		/* An end that gets AIS says RDI. */
		assert_int_equal(fx.end[0].alarms,
				 rows[i].alarms & E1_ALARM_AIS ? E1_ALARM_RAI : 0);
	}
	assert_true(COUNT(1, rx_l_bit) > 0);
	assert_no_slips();
}

static void a_source_restarted(void **state)
{
	struct user u[2] = { 0 };

	(void)state;
	open_both();
	for (unsigned round = 0; round < 4; round++) {
		close_line(round % 2);
		run_ms(round * 70); /* below and above LOS */
		assert_int_equal(open_line(round % 2), 0);
		run_ms(1000);
		for (unsigned i = 0; i < 2; i++) {
			u[i] = (struct user){ 0 };
			assert_int_equal(e1_line_alarms(fx.end[i].line), 0);
			join(i, 9, &user_ops, &u[i]);
		}
		run_ms(500);
		for (unsigned i = 0; i < 2; i++) {
			assert_int_equal(u[i].mismatches, 0);
			assert_int_equal(u[i].steps, 1);
			leave(i, 9);
		}
	}
}

/* Nobody turns the loop for `ms`: both ends stall, as on a busy host. Then time has passed for
 * both at once. */
static void stall(unsigned ms)
{
	fx.clock.now_us += (uint64_t)ms * 1000;
	run_ms(0);
}

static void stalls_cost_nothing(void **state)
{
	struct user u = { 0 };
	struct echo e = { 0 };

	(void)state;
	open_both();
	join(0, ECHO_SLOT, &user_ops, &u);
	join(1, ECHO_SLOT, &echo_ops, &e);
	run_ms(100);
	for (unsigned ms = 2; ms < 800; ms += 13) {
		stall(ms);
		run_ms(150);
	}
	assert_int_equal(u.mismatches, 0);
	assert_int_equal(u.steps, 1);
	assert_true(u.idle < 200); /* only before the first octets came back */
	assert_no_slips();
	assert_int_equal(COUNT(0, lost) + COUNT(1, lost), 0);
	assert_int_equal(fx.end[0].alarms | fx.end[1].alarms, 0);
	assert_int_equal(fx.end[0].changes + fx.end[1].changes, 2); /* up, once each */
	leave(0, ECHO_SLOT);
	leave(1, ECHO_SLOT);
}

/* Two sources that differ: slips in the direction that the clocks say, about as many as their
 * difference makes. */
static void drifting_clocks_slip(void **state)
{
	struct e1_faults fast = { .clock_ppm = 1000 };

	(void)state;
	fx.end[1].conf.clock = CONF_CLOCK_SOURCE;
	open_both();
	assert_no_slips();
	assert_int_equal(e1_line_set_faults(fx.end[0].line, &fast), 0);
	run_ms(100000); /* 100 blocks of difference */
	assert_in_range(COUNT(0, slips_repeat), 70, 130);
	assert_in_range(COUNT(1, slips_drop), 70, 130);
	assert_int_equal(COUNT(0, slips_drop), 0);
	assert_int_equal(COUNT(1, slips_repeat), 0);
	assert_in_range(COUNT(0, lost), 0, 3);
	assert_in_range(COUNT(1, lost), 0, 3);
}

static void a_source_off_its_pace_makes_no_slips_in_a_locked_end(void **state)
{
	struct e1_faults slow = { .clock_ppm = -5000 };

	(void)state;
	open_both();
	assert_int_equal(e1_line_set_faults(fx.end[0].line, &slow), 0);
	run_ms(30000);
	assert_no_slips();
	assert_int_equal(COUNT(0, lost) + COUNT(1, lost), 0);
	assert_in_range(COUNT(0, tx_packets), 30250, 30500);
}

/* ---- A scripted far end ---- */

static void open_far(unsigned which)
{
	struct netaddr at;

	netaddr_set(&at, "127.0.0.1", port(which));
	fx.far_fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fx.far_fd, &at.u.sa, netaddr_len(&at)), 0);
}

static void far_sends_raw(const uint8_t *octets, size_t n)
{
	struct netaddr to;

	netaddr_set(&to, "127.0.0.1", port(0));
	assert_int_equal(sendto(fx.far_fd, octets, n, 0, &to.u.sa, netaddr_len(&to)), (ssize_t)n);
}

static void far_sends(uint16_t sequence, uint8_t octet)
{
	uint8_t packet[4 + 248] = { 0, 0, (uint8_t)(sequence >> 8), (uint8_t)sequence };

	memset(packet + 4, octet, 248);
	far_sends_raw(packet, sizeof(packet));
}

static void far_reads(void)
{
	ssize_t n;

	while ((n = recv(fx.far_fd, fx.last, sizeof(fx.last), 0)) >= 0) {
		fx.last_length = n;
		fx.got++;
	}
}

/* What a timeslot of the near end heard, a block a tick. */
struct heard {
	uint8_t blocks[4096];
	unsigned count;
};

static void heard_rx(void *arg, const uint8_t *octets, size_t n)
{
	struct heard *h = arg;

	for (size_t i = 1; i < n; i++)
		assert_int_equal(octets[i], octets[0]);
	h->blocks[h->count++ % 4096] = octets[0];
}

static void heard_tx(void *arg, uint8_t *octets, size_t n)
{
	(void)arg;
	memset(octets, 0x11, n);
}

static const struct e1_slot_ops heard_ops = { heard_rx, heard_tx };

/* Near end locked (`line`), so that each packet is one tick: order, loss and lateness are seen
 * block by block. */
static void order_loss_lateness_and_wrap(void **state)
{
	static struct heard h;
	uint16_t at = 0xFFF0; /* wraps on the way */

	(void)state;
	memset(&h, 0, sizeof(h));
	fx.end[0].conf.clock = CONF_CLOCK_LINE;
	open_far(1);
	assert_int_equal(open_line(0), 0);
	join(0, 1, &heard_ops, &h);
	run_ms(2);
	h.count = 0;
	for (uint16_t i = 0; i < 100; i++) {
		if (i == 20 || i == 21) /* lost */
			continue;
		if (i == 40) { /* 41 before 40 */
			far_sends((uint16_t)(at + 41), 41);
			far_sends((uint16_t)(at + 40), 40);
		} else if (i != 41) {
			far_sends((uint16_t)(at + i), (uint8_t)i);
		}
		if (i == 60) /* twice, and one long gone */
			far_sends((uint16_t)(at + 60), 99);
		if (i == 61)
			far_sends((uint16_t)(at + 20), 98);
		run_ms(1);
	}
	assert_int_equal(h.count, 98); /* two held back against reordering */
	for (unsigned i = 0; i < 98; i++)
		assert_int_equal(h.blocks[i], i == 20 || i == 21 ? 0xD5 : i);
	assert_int_equal(COUNT(0, lost), 2);
	assert_int_equal(COUNT(0, reordered), 1);
	assert_int_equal(COUNT(0, late), 2);
	assert_int_equal(COUNT(0, rx_packets), 100);
	far_reads();
	assert_true(fx.got >= 98);
	assert_int_equal(fx.last_length, 252);
	assert_int_equal(fx.last[4], 0x11); /* timeslot 1 of the first frame */
	assert_int_equal(fx.last[5], 0xD5); /* nobody's: idle */
	assert_int_equal(fx.last[4 + 31], 0x11);
	assert_int_equal(COUNT(0, slips_repeat) + COUNT(0, slips_drop), 0);
	leave(0, 1);
}

static void a_far_end_that_jumps_is_followed(void **state)
{
	static struct heard h;

	(void)state;
	memset(&h, 0, sizeof(h));
	fx.end[0].conf.clock = CONF_CLOCK_LINE;
	open_far(1);
	assert_int_equal(open_line(0), 0);
	join(0, 1, &heard_ops, &h);
	for (unsigned i = 0; i < 10; i++) {
		far_sends((uint16_t)(1000 + i), 1);
		run_ms(1);
	}
	far_sends(40000, 2); /* a stray one */
	for (unsigned i = 10; i < 20; i++) {
		far_sends((uint16_t)(1000 + i), 1);
		run_ms(1);
	}
	assert_int_equal(COUNT(0, late), 1);
	h.count = 0;
	for (unsigned i = 0; i < 20; i++) { /* it was restarted */
		far_sends((uint16_t)(50000 + i), 3);
		run_ms(1);
	}
	assert_int_equal(h.blocks[h.count - 1], 3);
	for (unsigned i = 0; i < 100;
	     i++) { /* restarted a little behind: believed when nothing else comes */
		far_sends((uint16_t)(49900 + i), 4);
		run_ms(1);
	}
	assert_int_equal(h.blocks[h.count - 1], 4);
	leave(0, 1);
}

/* ---- D-channels are read as packets arrive ---- */

/* A scripted far end's D-channel in timeslot 16: numbered frames, and what a receiver without any
 * network between would have got so far. */
static struct script {
	struct hdlc_tx tx;
	struct hdlc_rx rx;
	unsigned sent, whole; /* frames begun; frames complete in the octets written */
	unsigned limit;       /* frames to send */
	uint8_t packets[1024][252];
} script;

static size_t fill_frame(uint8_t *frame, unsigned k)
{
	size_t n = 6 + k % 40;

	for (size_t i = 0; i < n; i++)
		frame[i] = (uint8_t)(k * 7 + i * 3);
	frame[0] = (uint8_t)(k >> 8);
	frame[1] = (uint8_t)k;
	return n;
}

static size_t script_next(void *arg, uint8_t *frame, size_t room)
{
	struct script *s = arg;

	(void)room;
	return s->sent < s->limit ? fill_frame(frame, s->sent++) : 0;
}

static void script_frame(void *arg, const uint8_t *octets, size_t n)
{
	struct script *s = arg;

	(void)octets;
	(void)n;
	s->whole++;
}

static void script_error(void *arg, enum hdlc_error error)
{
	(void)arg;
	(void)error;
	fail();
}

static const struct hdlc_rx_ops script_ops = { script_frame, script_error };

static void begin_script(unsigned limit)
{
	memset(&script, 0, sizeof(script));
	script.limit = limit;
	hdlc_tx_init(&script.tx, script_next, &script);
	hdlc_rx_init(&script.rx, &script_ops, &script);
}

/* The next packet of the script, kept under its number. */
static void write_packet(uint16_t sequence)
{
	uint8_t *packet = script.packets[sequence % 1024], octets[8];

	memset(packet, 0xD5, 252);
	memcpy(packet, (const uint8_t[]){ 0, 0, (uint8_t)(sequence >> 8), (uint8_t)sequence }, 4);
	hdlc_tx_octets(&script.tx, octets, 8);
	hdlc_rx_octets(&script.rx, octets, 8);
	for (unsigned f = 0; f < 8; f++)
		packet[4 + f * 31 + 15] = octets[f];
}

static void send_packet(uint16_t sequence)
{
	far_sends_raw(script.packets[sequence % 1024], 252);
}

static void write_and_send(uint16_t sequence)
{
	write_packet(sequence);
	send_packet(sequence);
}

/* Every frame that arrives is one of the script's, later than the one before. */
static struct listener {
	unsigned frames;
	int last; /* number */
} listener;

static void listen_frame(struct e1_dchan *dchan, const uint8_t *octets, size_t n, void *arg)
{
	struct listener *l = arg;
	uint8_t expected[E1_FRAME_MAX];
	int k = octets[0] << 8 | octets[1];

	(void)dchan;
	assert_int_equal(n, fill_frame(expected, (unsigned)k));
	assert_memory_equal(octets, expected, n);
	assert_true(k > l->last);
	l->last = k;
	l->frames++;
}

static const struct e1_dchan_ops listen_ops = { .frame = listen_frame };

/* The near end alone, with a D-channel and the far end's socket. */
static struct listener *open_listener(unsigned jitter_ms, enum conf_clock clock)
{
	struct end *end = &fx.end[0];

	listener = (struct listener){ .last = -1 };
	end->conf.jitter_ms = jitter_ms;
	end->conf.clock = clock;
	if (fx.far_fd < 0)
		open_far(1);
	assert_int_equal(open_line(0), 0);
	assert_int_equal(e1_dchan_open(&end->dchan, end->line, 16, &listen_ops, &listener), 0);
	run_ms(2);
	return &listener;
}

static void close_listener(void)
{
	close_line(0);
	run_ms(3);
	far_reads();
}

static void a_frame_arrives_with_the_packet_that_completes_it(void **state)
{
	static const unsigned jitters[] = { 1, 10, 60, 400 };

	(void)state;
	for (unsigned j = 0; j < 8; j++) {
		struct listener *l;

		l = open_listener(jitters[j / 2], j % 2 ? CONF_CLOCK_LINE : CONF_CLOCK_SOURCE);
		begin_script(60000);
		for (unsigned i = 0; i < 600; i++) { /* wraps on the way */
			write_and_send((uint16_t)(0xFF00 + i));
			run_ms(1);
			assert_int_equal(l->frames, script.whole);
		}
		assert_true(l->frames > 150);
		assert_int_equal(COUNT(0, hdlc_abort) + COUNT(0, hdlc_crc), 0);
		close_listener();
	}
}

/* Overtaken by 1 to 7 others, or sent twice: nothing is harmed, and what stands before the gap
 * does not wait. */
static void frames_survive_reordering_and_doubling(void **state)
{
	struct listener *l;

	(void)state;
	l = open_listener(60, CONF_CLOCK_LINE); /* holds 8 back */
	begin_script(60000);
	for (unsigned i = 0; i < 800; i += 8) {
		unsigned complete;

		for (unsigned k = 0; k < 8; k++)
			write_packet((uint16_t)(0xFE00 + i + k));
		for (unsigned k = i ? 8 : 0; k-- > 1;) { /* backwards but for the first */
			send_packet((uint16_t)(0xFE00 + i + k));
			run_ms(1);
			if (k % 3 == 0)
				send_packet((uint16_t)(0xFE00 + i + k));
		}
		complete = script.whole;
		send_packet((uint16_t)(0xFE00 + i));
		for (unsigned k = 1; !i && k < 8; k++)
			send_packet((uint16_t)(0xFE00 + k));
		run_ms(1);
		assert_int_equal(l->frames, complete);
	}
	assert_true(COUNT(0, reordered) > 600);
	assert_int_equal(COUNT(0, hdlc_abort) + COUNT(0, hdlc_crc), 0);
	close_listener();
}

/* A lost packet costs the frames it held a part of, never makes one, and the others come when
 * the playout gives it up. */
static void a_lost_packet_costs_its_own_frames(void **state)
{
	(void)state;
	for (unsigned locked = 0; locked < 2; locked++) {
		struct listener *l;
		unsigned lost = 0;

		l = open_listener(20, locked ? CONF_CLOCK_LINE : CONF_CLOCK_SOURCE);
		begin_script(60000);
		for (unsigned i = 0; i < 2000; i++) {
			write_packet((uint16_t)(0xFE00 + i));
			if (i % 50 == 49)
				lost++;
			else
				send_packet((uint16_t)(0xFE00 + i));
			run_ms(1);
		}
		/* at most two frames end or begin within 8 octets of which none is shorter */
		assert_in_range(l->frames, script.whole - 3 * lost, script.whole - lost + 1);
		assert_in_range(COUNT(0, hdlc_abort) + COUNT(0, hdlc_crc), lost / 2, 2 * lost);
		close_listener();
	}
}

/* The far end's host stalls for longer than the buffer: its packets come late, in order. The
 * B-channels lose them, the D-channel loses nothing. */
static void frames_survive_a_stall_beyond_the_buffer(void **state)
{
	struct listener *l;
	unsigned sequence = 0xFF80;

	(void)state;
	l = open_listener(10, CONF_CLOCK_SOURCE);
	begin_script(60000);
	for (unsigned round = 0; round < 20; round++) {
		for (unsigned i = 0; i < 100; i++) {
			write_and_send((uint16_t)sequence++);
			run_ms(1);
		}
		run_ms(20 + 10 * round); /* up to LOS and beyond */
		for (unsigned i = 0; i < 20 + 10 * round; i++)
			write_and_send((uint16_t)sequence++);
		run_ms(1);
		assert_int_equal(l->frames, script.whole);
	}
	assert_true(COUNT(0, late) > 100);
	assert_int_equal(COUNT(0, hdlc_abort) + COUNT(0, hdlc_crc), 0);
	close_listener();
}

/* The far end is started anew in the middle of a frame, near and far in the sequence (within the
 * ring the gap is waited at, a little behind it takes 64 packets to be believed): frames of
 * the new one come, none from half the old and half the new. */
static void a_restarted_far_end_is_read_anew(void **state)
{
	static const uint16_t steps[] = { 30000, 5000, 60, 65535 - 3000, 1 };
	struct listener *l;
	uint16_t sequence = 100;

	(void)state;
	l = open_listener(10, CONF_CLOCK_SOURCE);
	for (unsigned round = 0; round < 5; round++) {
		l->last = -1;
		l->frames = 0;
		begin_script(60000);
		for (unsigned i = 0; i < 333; i++) {
			write_and_send(sequence++);
			run_ms(1);
		}
		assert_in_range(l->frames, script.whole - 16 - (round == 3 ? 4 : 0), script.whole);
		sequence = (uint16_t)(sequence + steps[round]);
	}
	close_listener();
}

static void l_bit_aborts_the_frame_it_hits(void **state)
{
	struct listener *l;

	(void)state;
	l = open_listener(10, CONF_CLOCK_SOURCE);
	begin_script(60000);
	for (unsigned i = 0; i < 400; i++) {
		write_packet((uint16_t)i);
		if (i % 100 == 50)
			script.packets[i][0] = 0x08;
		send_packet((uint16_t)i);
		run_ms(1);
	}
	assert_in_range(l->frames, script.whole - 12, script.whole - 4);
	assert_in_range(COUNT(0, hdlc_abort) + COUNT(0, hdlc_crc), 2, 8);
	assert_int_equal(COUNT(0, lost), 0);
	close_listener();
}

/* Two sources 1000 ppm apart, frames back to back: the B-channels slip all the time, no frame is
 * harmed. */
static void slips_do_not_harm_frames(void **state)
{
	struct e1_faults fast = { .clock_ppm = 1000 };
	unsigned sent = 0;

	(void)state;
	fx.end[1].conf.clock = CONF_CLOCK_SOURCE;
	open_both();
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(
			e1_dchan_open(&fx.end[i].dchan, fx.end[i].line, 16, &dchan_ops, &fx.end[i]),
			0);
	assert_int_equal(e1_line_set_faults(fx.end[0].line, &fast), 0);
	run_ms(50);
	for (unsigned k = 0; k < 1500; k++) {
		uint8_t frame[160];

		memset(frame, (int)k, sizeof(frame));
		for (unsigned i = 0; i < 2; i++)
			assert_int_equal(e1_dchan_send(fx.end[i].dchan, frame, sizeof(frame)), 0);
		sent++;
		run_ms(22); /* about as long as it takes */
	}
	run_ms(50);
	assert_true(COUNT(0, slips_repeat) > 20);
	assert_true(COUNT(1, slips_drop) > 20);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(fx.end[i].frames, sent);
		assert_int_equal(COUNT(i, hdlc_abort) + COUNT(i, hdlc_crc), 0);
	}
}

/* A frame there and one back, with 60 ms of buffer at both ends: neither waits for a buffer. */
static void a_round_trip_is_free_of_the_buffers(void **state)
{
	static const uint8_t frame[] = { 2, 1, 1, 1 };

	(void)state;
	for (unsigned i = 0; i < 2; i++)
		fx.end[i].conf.jitter_ms = 60;
	open_both();
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(
			e1_dchan_open(&fx.end[i].dchan, fx.end[i].line, 16, &dchan_ops, &fx.end[i]),
			0);
	run_ms(50);
	assert_int_equal(e1_dchan_send(fx.end[0].dchan, frame, sizeof(frame)), 0);
	run_ms(4); /* 8 octets with its flags: over two packets */
	assert_int_equal(fx.end[1].frames, 1);
	assert_int_equal(e1_dchan_send(fx.end[1].dchan, frame, sizeof(frame)), 0);
	run_ms(4);
	assert_int_equal(fx.end[0].frames, 1);
}

static void malformed_and_foreign_are_counted(void **state)
{
	static const uint8_t rubbish[] = { 0xF0, 1, 2, 3, 4, 5 };
	uint8_t large[2100] = { 0 };
	int stranger;
	struct netaddr to;

	(void)state;
	open_far(1);
	assert_int_equal(open_line(0), 0);
	run_ms(5);
	far_sends_raw(rubbish, sizeof(rubbish));
	far_sends_raw(rubbish, 0);
	far_sends_raw(large, sizeof(large));
	far_sends_raw(large, 251);
	run_ms(5);
	assert_int_equal(COUNT(0, malformed), 4);
	assert_int_equal(COUNT(0, rx_packets), 0);
	far_sends_raw((const uint8_t[252]){ 0x03 }, 252); /* pseudowire signalling */
	run_ms(5);
	assert_int_equal(COUNT(0, malformed), 4);
	assert_int_equal(COUNT(0, signalling), 1);
	stranger = socket(AF_INET, SOCK_DGRAM, 0);
	netaddr_set(&to, "127.0.0.1", port(0));
	for (int i = 0; i < 200; i++)
		assert_int_equal(sendto(stranger, large, 252, 0, &to.u.sa, netaddr_len(&to)), 252);
	close(stranger);
	run_ms(200);
	assert_int_equal(COUNT(0, foreign), 200);
	assert_int_equal(COUNT(0, rx_packets), 0);
	assert_int_equal(fx.end[0].alarms, E1_ALARM_LOS);
}

static void one_wrong_bit_is_no_alarm(void **state)
{
	(void)state;
	fx.end[0].conf.clock = CONF_CLOCK_LINE;
	open_far(1);
	assert_int_equal(open_line(0), 0);
	run_ms(1);
	for (unsigned i = 0; i < 300; i++) {
		uint8_t packet[252] = { i % 50 < 2 ? 0x0C : 0, 0, (uint8_t)(i >> 8), (uint8_t)i };

		far_sends_raw(packet, sizeof(packet));
		run_ms(1);
	}
	assert_int_equal(fx.end[0].alarms, 0);
	assert_int_equal(fx.end[0].changes, 1);
	assert_int_equal(COUNT(0, rx_l_bit), 12);
}

/* L=1 without payload is fill, not loss. */
static void omitted_payload_is_fill(void **state)
{
	(void)state;
	fx.end[0].conf.clock = CONF_CLOCK_LINE;
	open_far(1);
	assert_int_equal(open_line(0), 0);
	for (unsigned i = 0; i < 300; i++) {
		uint8_t packet[4] = { 0x08, 4, (uint8_t)(i >> 8), (uint8_t)i };

		far_sends_raw(packet, sizeof(packet));
		run_ms(1);
	}
	assert_int_equal(fx.end[0].alarms, E1_ALARM_AIS);
	assert_int_equal(COUNT(0, lost), 0);
	assert_int_equal(COUNT(0, malformed), 0);
}

static void alone_it_free_runs_and_says_so(void **state)
{
	(void)state;
	fx.end[0].conf.clock = CONF_CLOCK_LINE;
	open_far(1);
	assert_int_equal(open_line(0), 0);
	for (unsigned i = 0; i < 10; i++) {
		run_ms(100);
		far_reads();
	}
	assert_in_range(fx.got, 990, 1002);
	assert_int_equal(fx.last[0], 0x06); /* R=1, RDI */
	assert_int_equal(e1_line_alarms(fx.end[0].line), E1_ALARM_LOS);
}

static void dscp_is_set(void **state)
{
	int on = 1;
	uint8_t control[64];
	struct iovec iov = { fx.last, sizeof(fx.last) };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *c;

	(void)state;
	open_far(1);
	setsockopt(fx.far_fd, IPPROTO_IP, IP_RECVTOS, &on, sizeof(on));
	assert_int_equal(open_line(0), 0);
	run_ms(10);
	assert_true(recvmsg(fx.far_fd, &message, 0) > 0);
	c = CMSG_FIRSTHDR(&message);
	assert_non_null(c);
	assert_int_equal(*CMSG_DATA(c), 46 << 2);
}

static void wrong_configuration_is_refused(void **state)
{
	struct conf_line good = fx.end[0].conf, *conf = &fx.end[0].conf;
	struct e1_faults faults = { .clock_ppm = 600000 };

	(void)state;
	conf->packet_us = 1500;
	assert_int_equal(open_line(0), -EINVAL);
	conf->packet_us = 6000;
	assert_int_equal(open_line(0), -EINVAL);
	*conf = good;
	conf->jitter_ms = 100000;
	assert_int_equal(open_line(0), -EINVAL);
	*conf = good;
	netaddr_set(&conf->remote, "::1", 9);
	assert_int_equal(open_line(0), -EINVAL);
	*conf = good;
	assert_int_equal(open_line(0), 0);
	fx.end[1].conf.local = good.local;
	assert_int_equal(open_line(1), -EADDRINUSE);
	assert_int_equal(e1_line_set_faults(fx.end[0].line, &faults), -EINVAL);
}

static void every_allocation_may_fail(void **state)
{
	(void)state;
	for (long n = 0;; n++) {
		long before = mem_live_blocks();
		int rc, failed;

		mem_fail_after(n);
		rc = open_line(0);
		if (rc == 0)
			rc = e1_dchan_open(&fx.end[0].dchan, fx.end[0].line, 16, &dchan_ops,
					   &fx.end[0]);
		failed = mem_failed();
		mem_fail_after(-1);
		assert_int_equal(rc, failed ? -ENOMEM : 0);
		run_ms(3);
		if (fx.end[0].line)
			close_line(0);
		run_ms(3);
		assert_int_equal(mem_live_blocks(), before);
		if (!failed)
			break;
		assert_true(n < 100);
	}
}

/* A tick allocates nothing. */
static void ticks_allocate_nothing(void **state)
{
	(void)state;
	open_both();
	mem_fail_after(0);
	run_ms(500);
	assert_false(mem_failed());
	mem_fail_after(-1);
}

/* Two threads, two workers, the system clock: 3 s of echo in one alignment. The buffer is deep
 * enough for a busy machine. */
static void in_real_time_with_threads(void **state)
{
	struct user u = { 0 };
	struct echo e = { 0 };
	uint64_t until;

	(void)state;
	assert_int_equal(mem_live_blocks(), 0);
	memset(&fx, 0, sizeof(fx));
	assert_int_equal(loop_create(&fx.home, &clock_system), 0);
	configure("127.0.0.1");
	for (unsigned i = 0; i < 2; i++) {
		fx.end[i].conf.jitter_ms = 100;
		assert_int_equal(start_worker(i, false), 0);
		assert_int_equal(open_line(i), 0);
	}
	until = clock_now_us(&clock_system) + 700000;
	while (clock_now_us(&clock_system) < until)
		loop_turn(fx.home, 50);
	join(0, ECHO_SLOT, &user_ops, &u);
	join(1, ECHO_SLOT, &echo_ops, &e);
	until = clock_now_us(&clock_system) + 3000000;
	while (clock_now_us(&clock_system) < until)
		loop_turn(fx.home, 50);
	start_leaving(0, ECHO_SLOT);
	start_leaving(1, ECHO_SLOT);
	for (int i = 0; fx.end[0].left + fx.end[1].left < 2 && i < 1000; i++)
		loop_turn(fx.home, 10);
	assert_int_equal(u.mismatches, 0);
	assert_int_equal(u.steps, 1);
	assert_no_slips();
	for (unsigned i = 0; i < 2; i++)
		close_line(i);
	for (int i = 0; fx.closed < 2 && i < 1000; i++)
		loop_turn(fx.home, 10);
	for (unsigned i = 0; i < 2; i++)
		worker_destroy(&fx.end[i].worker);
	loop_destroy(&fx.home);
	assert_int_equal(mem_live_blocks(), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(both_ends_come_up_and_echo),
		CASE(every_packet_time_header_and_set),
		CASE(over_ipv6),
		CASE(frames_cross_and_a_lost_packet_never_makes_a_false_one),
		CASE(loss_costs_octets_but_no_alignment),
		CASE(stopped_and_restarted),
		CASE(bits_on_command),
		CASE(a_source_restarted),
		CASE(stalls_cost_nothing),
		CASE(drifting_clocks_slip),
		CASE(a_source_off_its_pace_makes_no_slips_in_a_locked_end),
		CASE(order_loss_lateness_and_wrap),
		CASE(a_far_end_that_jumps_is_followed),
		CASE(a_frame_arrives_with_the_packet_that_completes_it),
		CASE(frames_survive_reordering_and_doubling),
		CASE(a_lost_packet_costs_its_own_frames),
		CASE(frames_survive_a_stall_beyond_the_buffer),
		CASE(a_restarted_far_end_is_read_anew),
		CASE(l_bit_aborts_the_frame_it_hits),
		CASE(slips_do_not_harm_frames),
		CASE(a_round_trip_is_free_of_the_buffers),
		CASE(malformed_and_foreign_are_counted),
		CASE(one_wrong_bit_is_no_alarm),
		CASE(omitted_payload_is_fill),
		CASE(alone_it_free_runs_and_says_so),
		CASE(dscp_is_set),
		CASE(wrong_configuration_is_refused),
		CASE(every_allocation_may_fail),
		CASE(ticks_allocate_nothing),
		cmocka_unit_test(in_real_time_with_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
