/* SPDX-License-Identifier: GPL-2.0-only */
/* What the service manager is told, by a socket that plays it; the watchdog in virtual time, with a
 * thread that hangs. */
#include "gateway/notify.h"

#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
	struct clock_virtual clock;
	struct loop *loop;
	int fd;
	char path[64];
	char heard[4096];
};

static struct fixture fx;

static void quiet(enum log_level level, const char *line, void *arg)
{
	(void)level;
	(void)line;
	(void)arg;
}

static int setup(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	(void)state;
	memset(&fx, 0, sizeof(fx));
	log_set_sink(quiet, NULL);
	clock_virtual_init(&fx.clock);
	assert_int_equal(loop_create(&fx.loop, &fx.clock.clock), 0);
	snprintf(fx.path, sizeof(fx.path), "/tmp/test_notify-%d", getpid());
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", fx.path);
	fx.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(fx.fd, (struct sockaddr *)&address, sizeof(address)), 0);
	setenv("NOTIFY_SOCKET", fx.path, 1);
	setenv("WATCHDOG_USEC", "20000000", 1);
	unsetenv("WATCHDOG_PID");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	close(fx.fd);
	unlink(fx.path);
	loop_destroy(&fx.loop);
	log_set_sink(NULL, NULL);
	assert_int_equal(mem_live_blocks(), 0);
	return 0;
}

/* All that came since, a | between two messages. */
static const char *heard(void)
{
	size_t at = 0;
	ssize_t n;

	memset(fx.heard, 0, sizeof(fx.heard));
	while ((n = read(fx.fd, fx.heard + at, sizeof(fx.heard) - at - 2)) > 0) {
		at += (size_t)n;
		fx.heard[at++] = '|';
	}
	return fx.heard;
}

static unsigned feedings(void)
{
	const char *at = heard();
	unsigned n = 0;

	for (; (at = strstr(at, "WATCHDOG=1|")); at++)
		n++;
	return n;
}

static void advance_s(unsigned s)
{
	loop_advance(fx.loop, &fx.clock, (uint64_t)s * 1000000);
}

static void test_states(void **state)
{
	const char *text;

	(void)state;
	notify_ready("serving");
	assert_string_equal(heard(), "READY=1\nSTATUS=serving|");
	notify_reloading();
	text = heard();
	assert_int_equal(strncmp(text, "RELOADING=1\nMONOTONIC_USEC=", 27), 0);
	assert_in_range(strtoull(text + 27, NULL, 10), clock_now_us(&clock_system) - 5000000,
			clock_now_us(&clock_system));
	notify_stopping("the end");
	assert_string_equal(heard(), "STOPPING=1\nSTATUS=the end|");
	notify_status("%u calls", 7u);
	assert_string_equal(heard(), "STATUS=7 calls|");
	notify_extend(15000000);
	assert_string_equal(heard(), "EXTEND_TIMEOUT_USEC=15000000|");
	unsetenv("NOTIFY_SOCKET");
	notify_ready("to nobody");
	assert_string_equal(heard(), "");
}

static void test_feeding(void **state)
{
	struct watchdog *watchdog = NULL;

	(void)state;
	assert_int_equal(watchdog_create(&watchdog, fx.loop), 0);
	assert_int_equal(feedings(), 1);
	advance_s(20);
	assert_int_equal(feedings(), 4);
	watchdog_destroy(&watchdog);
	assert_null(watchdog);
	advance_s(20);
	assert_int_equal(feedings(), 0);
	watchdog_destroy(&watchdog);
}

static void test_none_wanted(void **state)
{
	struct watchdog *watchdog = (struct watchdog *)state;

	unsetenv("WATCHDOG_USEC");
	assert_int_equal(watchdog_create(&watchdog, fx.loop), 0);
	assert_null(watchdog);
	assert_int_equal(watchdog_watch(watchdog, NULL), 0);
	watchdog_forget(watchdog);
	setenv("WATCHDOG_USEC", "20000000", 1);
	mem_fail_after(0);
	assert_int_equal(watchdog_create(&watchdog, fx.loop), -ENOMEM);
	mem_fail_after(-1);
}

/* Hangs until the test lets it go. */
static void hang(void *object, void *arg)
{
	const int *pipe_end = object;
	char octet;

	(void)arg;
	if (read(*pipe_end, &octet, 1) != 1)
		abort();
}

static void said_so(void *object, void *arg)
{
	const int *pipe_end = object;

	(void)arg;
	if (write(*pipe_end, "", 1) != 1)
		abort();
}

/* Waits until the thread has done what it was asked to do so far. */
static void wait_for(struct worker *worker, int ends[2])
{
	char octet;

	worker_post(worker, said_so, &ends[1], NULL);
	assert_int_equal(read(ends[0], &octet, 1), 1);
}

/* One of two threads hangs: no more feeding, until it goes on. */
static void test_a_thread_hangs(void **state)
{
	struct worker_cfg cfg = { .name = "watched", .cpu = -1, .clock = &clock_system };
	struct worker *good = NULL, *bad = NULL;
	struct watchdog *watchdog = NULL;
	int stop[2], ack[2];

	(void)state;
	assert_int_equal(pipe(stop), 0);
	assert_int_equal(pipe(ack), 0);
	assert_int_equal(worker_create(&good, &cfg, fx.loop), 0);
	assert_int_equal(worker_create(&bad, &cfg, fx.loop), 0);
	assert_int_equal(watchdog_create(&watchdog, fx.loop), 0);
	assert_int_equal(watchdog_watch(watchdog, good), 0);
	assert_int_equal(watchdog_watch(watchdog, bad), 0);
	wait_for(good, ack);
	wait_for(bad, ack);
	advance_s(5);
	assert_int_equal(feedings(), 2);
	wait_for(good, ack);
	wait_for(bad, ack);
	worker_post(bad, hang, &stop[0], NULL);
	advance_s(5); /* all had answered the question before */
	assert_int_equal(feedings(), 1);
	wait_for(good, ack);
	advance_s(60);
	assert_int_equal(feedings(), 0);
	assert_int_equal(write(stop[1], "", 1), 1);
	wait_for(bad, ack);
	advance_s(5);
	assert_int_equal(feedings(), 1);
	watchdog_forget(watchdog);
	worker_destroy(&good);
	worker_destroy(&bad);
	advance_s(20);
	assert_int_equal(feedings(), 4);
	watchdog_destroy(&watchdog);
	close(stop[0]);
	close(stop[1]);
	close(ack[0]);
	close(ack[1]);
}

static void test_many(void **state)
{
	struct worker_cfg cfg = {
		.name = "one", .cpu = -1, .clock = &fx.clock.clock, .inline_thread = true
	};
	struct watchdog *watchdog = NULL;
	struct worker *worker = NULL;

	(void)state;
	assert_int_equal(worker_create(&worker, &cfg, fx.loop), 0);
	assert_int_equal(watchdog_create(&watchdog, fx.loop), 0);
	for (unsigned i = 0; i < WATCHDOG_THREADS; i++)
		assert_int_equal(watchdog_watch(watchdog, worker), 0);
	assert_int_equal(watchdog_watch(watchdog, worker), -E2BIG);
	feedings();
	advance_s(20);
	assert_int_equal(feedings(), 4);
	watchdog_forget(watchdog);
	worker_destroy(&worker);
	watchdog_destroy(&watchdog);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(test_states),	  CASE(test_feeding), CASE(test_none_wanted),
		CASE(test_a_thread_hangs), CASE(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
