/* SPDX-License-Identifier: GPL-2.0-only */
/* Octets through B-channels, and the manners of leaving. */
#include "isdn_fixture.h"

#include <errno.h>

/* Pushed octets are checked against the far end's count; pulled octets count up. */
struct counting_port {
	struct port port;
	uint8_t next_out, next_in;
	uint64_t pushed, pulled, wrong;
	bool synced;
};

static void counting_push(struct port *port, const struct frame *frame)
{
	struct counting_port *p = (struct counting_port *)(void *)port;

	for (size_t i = 0; i < frame->length; i++) {
		if (!p->synced && frame->octets[i] != 1)
			continue;
		if (!p->synced)
			p->next_in = 1;
		p->synced = true;
		p->wrong += frame->octets[i] != p->next_in;
		p->next_in = (uint8_t)(frame->octets[i] + 1);
		p->pushed++;
	}
}

static size_t counting_pull(struct port *port, uint8_t *octets, size_t n)
{
	struct counting_port *p = (struct counting_port *)(void *)port;

	for (size_t i = 0; i < n; i++)
		octets[i] = p->next_out++;
	p->pulled += n;
	return n;
}

static const struct port_ops counting_ops = { .name = "counting",
					      .push = counting_push,
					      .pull = counting_pull };

static struct counting_port counting(void)
{
	return (struct counting_port){ .port = { &counting_ops, { PORT_PCMA, 8000, 1 } } };
}

static int setup(void **state)
{
	static struct fixture f;

	fixture_open(&f);
	fixture_start(&f);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	fixture_close(*state);
	return 0;
}

static void hang_up(struct fixture *f, struct user *caller, struct user *callee)
{
	isdn_call_release(caller->call, q850(Q850_NORMAL_CLEARING, Q850_LOC_USER));
	advance(f, 20 * MS);
	isdn_call_release(callee->call, q850(Q850_NORMAL_CLEARING, Q850_LOC_USER));
	advance(f, 20 * MS);
	assert_true(caller->released && callee->released);
}

/* Ten seconds both ways: every value of an octet, none changed, none lost. */
static void test_bit_exact(void **state)
{
	struct fixture *f = *state;
	struct user caller, *callee = establish(f, &f->te, &caller);
	struct counting_port a = counting(), b = counting();
	bool left_a = false, left_b = false;

	assert_int_equal(isdn_call_join(caller.call, &a.port), 0);
	assert_int_equal(isdn_call_join(callee->call, &b.port), 0);
	advance(f, 10 * SECOND);
	assert_true(a.pushed >= 79000 && b.pushed >= 79000);
	assert_int_equal(a.wrong, 0);
	assert_int_equal(b.wrong, 0);
	isdn_call_leave(caller.call, set_true, &left_a);
	isdn_call_leave(callee->call, set_true, &left_b);
	assert_false(left_a || left_b);
	advance(f, 20 * MS);
	assert_true(left_a && left_b);
	a.pulled = 0;
	advance(f, 100 * MS);
	assert_int_equal(a.pulled, 0);
	hang_up(f, &caller, callee);
	assert_idle(&f->te);
}

static void test_manners(void **state)
{
	struct fixture *f = *state;
	struct isdn_info info = plain_info("1");
	struct counting_port a = counting(), b = counting(), ulaw = counting();
	struct user caller, *callee;
	bool left = false;

	ulaw.port.format.codec = PORT_PCMU;
	assert_int_equal(place(f, &f->te, &caller, &info), 0);
	callee = callee_of(&f->te);
	assert_int_equal(isdn_call_join(caller.call, &a.port), -ENOTCONN); /* no channel agreed */
	assert_int_equal(isdn_call_join(callee->call, &b.port), 0);        /* the callee's to say */
	isdn_call_leave(caller.call, set_true, &left);                     /* never joined */
	assert_false(left);
	advance(f, MS);
	assert_true(left);
	isdn_call_proceeding(callee->call, NULL);
	advance(f, 20 * MS);
	assert_int_equal(isdn_call_join(caller.call, &ulaw.port), -EINVAL);
	assert_int_equal(isdn_call_join(caller.call, &a.port), 0); /* early media */
	assert_int_equal(isdn_call_join(caller.call, &a.port), -EBUSY);
	left = false;
	isdn_call_leave(caller.call, set_true, &left);
	assert_int_equal(isdn_call_join(caller.call, &a.port), -EBUSY); /* leaving */
	advance(f, 20 * MS);
	assert_true(left);
	assert_int_equal(isdn_call_join(caller.call, &a.port), 0);
	advance(f, 20 * MS);
	isdn_call_leave(caller.call, NULL, NULL);
	hang_up(f, &caller, callee);
}

/* The call is gone, its port still joined: the channel isn't given to the next call before that has
 * left. */
static void test_leave_after_release(void **state)
{
	struct fixture *f = *state;
	struct user caller, *callee = establish(f, &f->te, &caller);
	unsigned ts = isdn_call_timeslot(caller.call);
	struct counting_port a = counting();

	assert_int_equal(isdn_call_join(caller.call, &a.port), 0);
	isdn_call_release(callee->call, q850(Q850_NORMAL_CLEARING, Q850_LOC_USER));
	advance(f, 20 * MS);
	isdn_call_release(caller.call, q850(Q850_NORMAL_CLEARING, Q850_LOC_USER));
	advance(f, 0);
	assert_int_equal(isdn_span_slot(f->te.span, ts, NULL), SLOT_RELEASING);
	advance(f, 50 * MS); /* RELEASED, and isdn_call_done() leaves for the user who didn't */
	assert_true(caller.released);
	assert_int_equal(isdn_span_slot(f->te.span, ts, NULL), SLOT_IDLE);
	assert_idle(&f->te);
	a.pulled = 0;
	advance(f, 50 * MS);
	assert_int_equal(a.pulled, 0);
}

/* A user that says farewell late must not disturb the call that has the channel now. */
static void test_late_leave(void **state)
{
	struct fixture *f = *state;
	struct isdn_info info = plain_info("1");
	struct user second;
	struct counting_port a = counting(), b = counting();
	struct isdn_call *first = NULL;
	struct user *callee;
	bool left = false;

	f->nt.refuse = true;
	assert_int_equal(isdn_call_setup(&first, f->te.span, &info, NULL, NULL), 0);
	advance(f, 50 * MS);
	assert_int_equal(first->fsm.state, CALL_GONE);
	assert_int_equal(isdn_call_join(first, &a.port), -ENOTCONN);
	f->nt.refuse = false;
	callee = establish(f, &f->te, &second);
	assert_int_equal(isdn_call_timeslot(second.call), isdn_call_timeslot(first));
	assert_int_equal(isdn_call_join(second.call, &b.port), 0);
	isdn_call_leave(first, set_true, &left);
	isdn_call_done(first);
	advance(f, 50 * MS);
	assert_true(left);
	b.pulled = 0;
	advance(f, 100 * MS);
	assert_true(b.pulled >= 700);
	hang_up(f, &second, callee);
}

static void test_close_while_joined(void **state)
{
	struct fixture *f = *state;
	struct user caller;
	struct counting_port a = counting();

	establish(f, &f->te, &caller);
	assert_int_equal(isdn_call_join(caller.call, &a.port), 0);
	side_close_span(&f->te);
	assert_true(caller.released);
	side_close_span(&f->nt);
}

/* RESTART of a channel whose port is still on its way out waits for that: else the far end would
 * keep a call that has ended here. */
static void test_restart_under_a_port(void **state)
{
	struct fixture *f = *state;
	struct user caller, *callee = establish(f, &f->te, &caller);
	unsigned ts = isdn_call_timeslot(caller.call);
	struct counting_port a = counting();

	assert_int_equal(isdn_call_join(caller.call, &a.port), 0);
	assert_int_equal(isdn_span_restart(f->te.span, ts), 0);
	advance(f, 100 * MS);
	assert_true(caller.released);
	assert_int_equal(counter_get(&isdn_span_counters(f->te.span)->restarts_tx), 1);
	assert_true(callee->released);
	assert_idle(&f->te);
	assert_idle(&f->nt);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_bit_exact),           T(test_manners),
		T(test_leave_after_release), T(test_late_leave),
		T(test_close_while_joined),  T(test_restart_under_a_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
