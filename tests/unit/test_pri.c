/* SPDX-License-Identifier: GPL-2.0-only */
/* The adapter of libpri: its time, its parking, and memory that runs out. */
#include "isdn_fixture.h"

#include <sys/time.h>

static int setup(void **state)
{
	static struct fixture f;

	fixture_open(&f);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	fixture_close(*state);
	return 0;
}

/* libpri's time is the loop's: virtual, and never set back though each test brings a clock that
 * starts at 1 s. */
static uint64_t pri_time(void)
{
	struct timeval tv;

	gettimeofday(&tv, NULL);
	return (uint64_t)tv.tv_sec * 1000000 + (uint64_t)tv.tv_usec;
}

static void test_time(void **state)
{
	struct fixture *f = *state;
	static uint64_t last;
	uint64_t now;

	assert_int_equal(side_open_span(&f->te), 0);
	now = pri_time();
	assert_true(now >= last);
	advance(f, 5 * SECOND);
	assert_int_equal(pri_time(), now + 5 * SECOND);
	last = pri_time();
}

/* A link that was up is closed, parked, and serves its next owner from the beginning. */
static void test_parked_and_used_again(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 40; i++) { /* more often than links can be parked */
		struct user caller, *callee;

		f->te.incoming = f->nt.incoming = 0;
		fixture_start(f);
		callee = establish(f, &f->te, &caller);
		side_close_span(&f->te);
		side_close_span(&f->nt);
		assert_true(caller.released && callee->released);
	}
}

static void test_parked_while_down(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(side_open_span(&f->te), 0);
	advance(f, 3 * SECOND);
	side_close_span(&f->te);
	fixture_start(f);
	side_close_span(&f->te);
	advance(f, 30 * SECOND);
	side_close_span(&f->nt);
	fixture_start(f);
}

/* Both ends user side: they never come up, and nothing spins. */
static void test_same_roles(void **state)
{
	struct fixture *f = *state;

	f->nt.conf.role = CONF_ROLE_TE;
	assert_int_equal(side_open_span(&f->te), 0);
	assert_int_equal(side_open_span(&f->nt), 0);
	advance(f, 20 * SECOND);
	assert_int_not_equal(isdn_span_state(f->te.span), SPAN_UP);
}

static void test_no_memory(void **state)
{
	struct fixture *f = *state;
	long n = 0, before = mem_live_blocks();

	for (;; n++) {
		int rc;

		mem_fail_after(n);
		rc = side_open_span(&f->te);
		if (!mem_failed()) {
			assert_int_equal(rc, 0);
			break;
		}
		mem_fail_after(-1);
		assert_true(rc < 0);
		assert_null(f->te.span);
		advance(f, 20 * MS);
		assert_int_equal(mem_live_blocks(), before);
	}
	mem_fail_after(-1);
	assert_true(n >= 3);
}

/* A span closed from its own state callback. */
static void close_on_up(struct isdn_span *span, enum isdn_span_state state, unsigned alarms,
			void *arg)
{
	struct side *side = arg;

	(void)alarms;
	if (state == SPAN_UP && span == side->span)
		isdn_span_close(&side->span, set_true, &side->closed);
}

static void test_close_in_callback(void **state)
{
	static const struct isdn_span_ops ops = { .state = close_on_up };
	struct fixture *f = *state;
	struct isdn_span_cfg cfg = { .conf = &f->te.conf, .line = f->te.line, .loop = f->loop };

	assert_int_equal(isdn_span_create(&f->te.span, &cfg, &ops, &f->te), 0);
	assert_int_equal(side_open_span(&f->nt), 0);
	advance(f, 3 * SECOND);
	assert_true(f->te.closed);
	assert_null(f->te.span);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_time),
		T(test_time),
		T(test_parked_and_used_again),
		T(test_parked_while_down),
		T(test_same_roles),
		T(test_no_memory),
		T(test_close_in_callback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
