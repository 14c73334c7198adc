/* SPDX-License-Identifier: GPL-2.0-only */
/* New calls that are refused before anything is made of them, and those that are not. */
#include "sip_house.h"

static void expect_refused(struct fixture *f, const char *retry_after)
{
	char value[512];

	settle(f);
	assert_true(receive(f, "SIP/2.0 503"));
	assert_string_equal(header(f, "Reason", value),
			    "Q.850;cause=42;text=\"Switching equipment congestion\";location=LPN");
	if (retry_after)
		assert_string_equal(header(f, "Retry-After", value), retry_after);
	else
		assert_null(header(f, "Retry-After", value));
	assert_true(list_empty(&f->stack->calls));
}

static usize_t server_transactions(const struct fixture *f)
{
	struct sip_interface *interface;
	usize_t all = 0, n = 0;

	list_for_each(interface, &f->stack->interfaces, struct sip_interface, node) {
		nta_agent_get_stats(interface->agent, NTATAG_S_IRQ_HASH_USED_REF(n), TAG_END());
		all += n;
	}
	return all;
}

static unsigned refused(struct fixture *f)
{
	return (unsigned)counter_get(&sip_stack_counters(f->stack)->refused_overload);
}

static void the_stack_takes_none(void **state)
{
	struct fixture *f = *state;
	char tag[64];

	sip_stack_refuse(f->stack, q850(Q850_CONGESTION, Q850_LOC_PRIVATE_LOCAL));
	request(f, "INVITE", 1, "", "", sdp);
	expect_refused(f, NULL);
	assert_int_equal(server_transactions(f), 0);
	tag_of(f, tag);
	request(f, "ACK", 1, tag, "", "");
	settle(f);
	assert_false(receive(f, "SIP/2.0"));
	sip_stack_retry_after(f->stack, 7);
	request(f, "INVITE", 2, "", "", sdp);
	expect_refused(f, "7");
	request(f, "OPTIONS", 3, "", "", "");
	settle(f);
	assert_true(receive(f, "SIP/2.0 503"));
	assert_non_null(strstr(f->got, "Retry-After: 7\r\n"));
	sip_stack_refuse(f->stack, q850(0, 0));
	pass(f, 33 * SECOND); /* repetitions of the refused ones may come until then */
	take_session(f, "", tag);
	assert_int_equal(refused(f), 2);
}

static void one_trunk_takes_none(void **state)
{
	struct fixture *f = *state;
	struct sip_trunk *mute = sip_stack_trunk(f->stack, "mute");
	char tag[64];

	take_session(f, "", tag);
	sip_trunk_refuse(mute, q850(Q850_CONGESTION, Q850_LOC_PRIVATE_LOCAL));
	request(f, "INVITE", 2, "", "", sdp);
	settle(f);
	assert_true(receive(f, "SIP/2.0 503"));
	request(f, "INVITE", 3, tag, "", sdp); /* the call in progress goes on */
	settle(f);
	assert_true(receive(f, "SIP/2.0 200"));
	call_on(f, "a", &f->out[0], true); /* and so do other trunks */
	settle(f);
	assert_true(f->out[0].connected);
	request(f, "OPTIONS", 4, "", "", "");
	settle(f);
	assert_true(receive(f, "SIP/2.0 503"));
	sip_trunk_refuse(mute, q850(0, 0));
	request(f, "OPTIONS", 5, "", "", "");
	settle(f);
	assert_true(receive(f, "SIP/2.0 200"));
}

/* What was refused stays refused when it is repeated, with the same tag (RFC 3261 8.2.7): the
 * caller may have gone on by then. */
static void a_repetition_is_refused_again(void **state)
{
	struct fixture *f = *state;
	char first[64], again[64];

	f->admits = false;
	request(f, "INVITE", 1, "", "", sdp);
	expect_refused(f, NULL);
	tag_of(f, first);
	f->admits = true;
	request(f, "INVITE", 1, "", "", sdp);
	expect_refused(f, NULL);
	tag_of(f, again);
	assert_string_equal(first, again);
	assert_int_equal(f->asked, 1);
	assert_int_equal(refused(f), 1);
	request(f, "INVITE", 2, "", "", sdp); /* a new one */
	settle(f);
	assert_true(receive(f, "SIP/2.0 200"));
	assert_int_equal(f->asked, 2);
	assert_int_equal(f->in_count, 1);
}

static void cancel_of_a_refused_call(void **state)
{
	struct fixture *f = *state;

	f->admits = false;
	request(f, "INVITE", 1, "", "", sdp);
	expect_refused(f, NULL);
	cancel(f, 1);
	settle(f);
	assert_true(receive(f, "SIP/2.0 481"));
	nothing_left(f);
}

static void emergency_calls_pass(void **state)
{
	static const char *const headers[] = {
		"Priority: emergency\r\n",
		"Resource-Priority: esnet.0\r\n",
		"Resource-Priority: dsn.flash, wps.1\r\n",
	};
	struct fixture *f = *state;
	unsigned n = sizeof(headers) / sizeof(headers[0]);

	f->admits = false;
	f->trunks[2].max_calls = 1;
	for (unsigned i = 0; i < n; i++) {
		request(f, "INVITE", 1 + i, "", headers[i], sdp);
		settle(f);
		assert_true(receive(f, "SIP/2.0 200"));
		pass(f, 40 * SECOND); /* never acknowledged */
		while (receive(f, "SIP/2.0"))
			;
	}
	assert_int_equal(f->asked, 0);
	assert_int_equal(f->in_count, n);
	request(f, "INVITE", 9, "", "Resource-Priority: dsn.flash\r\n", sdp);
	settle(f);
	assert_true(receive(f, "SIP/2.0 503"));
	assert_int_equal(f->asked, 1);
}

/* A number that only the tables know as one of an emergency passes a full trunk as well. */
static void emergency_numbers_pass_a_full_trunk(void **state)
{
	struct fixture *f = *state;

	f->trunks[2].max_calls = 1;
	f->admits = true;
	request(f, "INVITE", 1, "", "", sdp);
	settle(f);
	assert_true(receive(f, "SIP/2.0 200"));
	request(f, "INVITE", 2, "", "", sdp);
	settle(f);
	assert_true(receive(f, "SIP/2.0 503"));
	f->emergencies = true;
	request(f, "INVITE", 3, "", "", sdp);
	settle(f);
	assert_true(receive(f, "SIP/2.0 200"));
	assert_int_equal(f->in_count, 2);
}

/* What is answered at the socket is what Sofia says by the long way. */
static void both_ways_say_the_same(void **state)
{
	static const char *const names[] = { "Via",     "From",        "To",
					     "Call-ID", "CSeq",        "Server",
					     "Reason",  "Retry-After", "Content-Length" };
	enum { COUNT = sizeof(names) / sizeof(names[0]) };
	struct fixture *f = *state;
	char first[COUNT][512], value[512];

	f->admits = false;
	sip_stack_retry_after(f->stack, 7);
	request(f, "INVITE", 1, "", "", sdp);
	expect_refused(f, "7");
	assert_int_equal(f->stack->past.responses_tx, 0);
	for (unsigned i = 0; i < COUNT; i++)
		assert_non_null(header(f, names[i], first[i]));
	request(f, "INVITE", 1, "", "", sdp);
	expect_refused(f, "7");
	assert_int_equal(f->stack->past.responses_tx, 1); /* not by Sofia */
	for (unsigned i = 0; i < COUNT; i++)
		assert_string_equal(header(f, names[i], value), first[i]);
	pass(f, 2 * SECOND); /* nothing was refused for a while */
	request(f, "INVITE", 2, "", "", sdp);
	expect_refused(f, "7");
	assert_int_equal(f->stack->past.responses_tx, 1);
}

/* Who is let in while others are refused is asked for once. */
static void screened_and_admitted(void **state)
{
	struct fixture *f = *state;

	f->admits = false;
	request(f, "INVITE", 1, "", "", sdp);
	expect_refused(f, NULL);
	f->admits = true;
	request(f, "INVITE", 2, "", "", sdp);
	settle(f);
	assert_true(receive(f, "SIP/2.0 200"));
	assert_int_equal(f->asked, 2);
	assert_int_equal(f->in_count, 1);
}

/* An INVITE that was let in and comes again is of the call that it began, whatever is refused
 * meanwhile: a 503 would end that call for its caller, and not here. */
static void a_repetition_of_one_let_in(void **state)
{
	struct fixture *f = *state;

	f->auto_connect = false;
	for (unsigned i = 1; i <= 3; i++)
		request(f, "INVITE", i, "", "", sdp);
	settle(f);
	assert_int_equal(f->in_count, 3);
	f->admits = false;
	request(f, "INVITE", 4, "", "", sdp); /* the screen is up from here on */
	settle(f);
	assert_true(receive(f, "SIP/2.0 503"));
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 1; i <= 3; i++)
			request(f, "INVITE", i, "", "", sdp);
		settle(f);
		assert_false(receive(f, "SIP/2.0 503"));
		request(f, "INVITE", 5 + round, "", "", sdp);
		settle(f);
		assert_true(receive(f, "SIP/2.0 503"));
	}
	assert_int_equal(f->asked, 7);
	assert_int_equal(f->in_count, 3);
}

/* Several whose hashes meet in one place of the table are all known, until too many do. */
static void those_that_meet_in_the_table(void **state)
{
	const uint64_t step = SIP_ADMISSIONS / SIP_ADMISSION_WAYS;
	struct fixture *f = *state;
	struct sip_trunk *mute = sip_stack_trunk(f->stack, "mute");
	struct party called = { .number.digits = "123" };

	for (uint64_t i = 0; i < SIP_ADMISSION_WAYS; i++) {
		pass(f, SECOND);
		assert_int_equal(sip_refusal(mute, 7 + i * step, false, &called).value, 0);
	}
	f->admits = false;
	for (uint64_t i = 0; i < SIP_ADMISSION_WAYS; i++)
		assert_int_equal(sip_refusal(mute, 7 + i * step, false, &called).value, 0);
	f->admits = true;
	assert_int_equal(sip_refusal(mute, 7 + SIP_ADMISSION_WAYS * step, false, &called).value, 0);
	f->admits = false;
	assert_int_equal(sip_refusal(mute, 7, false, &called).value, 42); /* the oldest gave way */
	assert_int_equal(sip_refusal(mute, 7 + step, false, &called).value, 0);
	pass(f, 33 * SECOND); /* no INVITE is repeated for so long */
	assert_int_equal(sip_refusal(mute, 7 + step, false, &called).value, 42);
}

/* Neither calls nor transactions are made of what is refused. */
static void a_flood_holds_nothing(void **state)
{
	struct fixture *f = *state;
	long blocks = mem_live_blocks();

	f->admits = false;
	for (unsigned i = 1; i <= 5000; i++) {
		request(f, "INVITE", i, "", "", sdp);
		if (i % 20 == 0)
			settle(f);
	}
	settle(f);
	assert_int_equal(refused(f), f->asked);
	assert_in_range(f->asked, 4900, 5000);
	assert_int_equal(mem_live_blocks(), blocks);
	assert_int_equal(server_transactions(f), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_stack_takes_none),          CASE(one_trunk_takes_none),
		CASE(a_repetition_is_refused_again), CASE(cancel_of_a_refused_call),
		CASE(emergency_calls_pass),          CASE(emergency_numbers_pass_a_full_trunk),
		CASE(a_flood_holds_nothing),
		CASE(both_ways_say_the_same),        CASE(screened_and_admitted),
		CASE(a_repetition_of_one_let_in),    CASE(those_that_meet_in_the_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
