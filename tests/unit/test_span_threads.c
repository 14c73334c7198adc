/* SPDX-License-Identifier: GPL-2.0-only */
/* One call with a worker of its own thread and the true clock: for ThreadSanitizer, and for proof that nothing here needs
 * the inline worker of the other tests. */
#include "isdn_fixture.h"

#include <stdatomic.h>

static struct fixture f;

/* Counts on the worker. */
struct tone {
	struct port port;
	_Atomic unsigned pushed, pulled;
};

static void tone_push(struct port *port, const struct frame *frame)
{
	atomic_fetch_add(&((struct tone *)(void *)port)->pushed, (unsigned)frame->length);
}

static size_t tone_pull(struct port *port, uint8_t *octets, size_t n)
{
	memset(octets, 0x55, n);
	atomic_fetch_add(&((struct tone *)(void *)port)->pulled, (unsigned)n);
	return n;
}

static const struct port_ops tone_ops = { .name = "tone", .push = tone_push, .pull = tone_pull };

/* Turns until the condition holds; a minute is for ever. */
#define WAIT(condition)                                                                            \
	do {                                                                                       \
		uint64_t end_ = clock_now_us(&clock_system) + 60 * SECOND;                         \
		while (!(condition) && clock_now_us(&clock_system) < end_)                         \
			loop_turn(f.loop, 20);                                                     \
		assert_true(condition);                                                            \
	} while (0)

static void open_side(struct side *side, char *name, enum conf_role role, int end)
{
	side_init(side, &f, name, role);
	assert_int_equal(side_open_line(side, end), 0);
	assert_int_equal(side_open_span(side), 0);
}

static void close_side(struct side *side)
{
	isdn_span_close(&side->span, set_true, &side->closed);
	WAIT(side->closed);
	e1_line_close(&side->line, set_true, &side->line_closed);
	WAIT(side->line_closed);
}

static void talk(struct user *caller, struct user *callee)
{
	static struct tone a = { .port = { &tone_ops, { PORT_PCMA, 8000, 1 } } };
	static struct tone b = { .port = { &tone_ops, { PORT_PCMA, 8000, 1 } } };
	bool left_a = false, left_b = false;

	assert_int_equal(isdn_call_join(caller->call, &a.port), 0);
	assert_int_equal(isdn_call_join(callee->call, &b.port), 0);
	WAIT(atomic_load(&a.pushed) > 800 && atomic_load(&b.pushed) > 800);
	isdn_call_leave(caller->call, set_true, &left_a);
	isdn_call_leave(callee->call, set_true, &left_b);
	WAIT(left_a && left_b);
}

static void test_call(void **state)
{
	struct worker_cfg cfg = { .name = "test", .cpu = -1, .clock = &clock_system };
	struct isdn_info info = plain_info("12345");
	struct user caller = { 0 }, *callee = &f.nt.users[0];

	(void)state;
	assert_int_equal(loop_create(&f.loop, &clock_system), 0);
	assert_int_equal(worker_create(&f.worker, &cfg, f.loop), 0);
	assert_int_equal(e1_pair_create(&f.pair, f.worker), 0);
	open_side(&f.te, (char *)"te", CONF_ROLE_TE, 0);
	open_side(&f.nt, (char *)"nt", CONF_ROLE_NT, 1);
	WAIT(isdn_span_state(f.te.span) == SPAN_UP && isdn_span_state(f.nt.span) == SPAN_UP);
	assert_int_equal(isdn_call_setup(&caller.call, f.te.span, &info, &user_ops, &caller), 0);
	WAIT(f.nt.incoming);
	assert_int_equal(isdn_call_connect(callee->call, NULL), 0);
	WAIT(caller.heard_count && caller.heard[caller.heard_count - 1] == ISDN_CONNECT);
	talk(&caller, callee);
	isdn_call_release(caller.call, q850(Q850_NORMAL_CLEARING, Q850_LOC_USER));
	WAIT(callee->heard_count && callee->heard[0] == ISDN_DISCONNECT);
	isdn_call_release(callee->call, q850(Q850_NORMAL_CLEARING, Q850_LOC_USER));
	WAIT(caller.released && callee->released);
	close_side(&f.te);
	close_side(&f.nt);
	e1_pair_destroy(&f.pair);
	worker_destroy(&f.worker);
	loop_destroy(&f.loop);
	assert_int_equal(mem_live_blocks(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_call) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
