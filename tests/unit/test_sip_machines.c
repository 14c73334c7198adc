/* SPDX-License-Identifier: GPL-2.0-only */
/* Every (state, event) pair of the call's and the offer/answer machine, against tables written down
 * here: is it accepted, and where does it lead. Offer/answer runs whole; of the call's machine the
 * table is compared (what its handlers do on the wire is told by test_sip_calls.c and the e2e
 * cases). */
#include "trunk/sip_call_private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define NO 99

/* ---- Offer and answer ---- */

/* Columns: local offer, local answer, local refuse, sent, remote offer, remote answer, remote
 * refuse. BACK: to where both agreed last. */
#define BACK 50
static const unsigned oa_next[OA_STATES][OA_EVENTS] = {
	[OA_NONE] = { OA_OURS_READY, NO, NO, NO, OA_THEIRS, NO, NO },
	[OA_OURS_READY] = { OA_OURS_READY, NO, NO, OA_OURS_SENT, NO, NO, BACK },
	[OA_OURS_SENT] = { NO, NO, NO, NO, NO, OA_STABLE, BACK },
	[OA_THEIRS] = { NO, OA_THEIRS_READY, BACK, NO, NO, NO, NO },
	[OA_THEIRS_READY] = { NO, OA_THEIRS_READY, BACK, OA_STABLE, NO, NO, NO },
	[OA_STABLE] = { OA_OURS_READY, NO, NO, NO, OA_THEIRS, NO, NO },
};

static void offer_answer(void **state)
{
	struct clock_virtual clock;
	struct loop *loop;

	(void)state;
	clock_virtual_init(&clock);
	assert_int_equal(loop_create(&loop, &clock.clock), 0);
	for (unsigned agreed = 0; agreed < 2; agreed++)
		for (unsigned s = 0; s < OA_STATES; s++)
			for (unsigned e = 0; e < OA_EVENTS; e++) {
				struct sip_dialog d = { .has_agreed = agreed };
				unsigned want = oa_next[s][e];

				fsm_init(&d.oa, &sip_oa_machine, s, loop, &d);
				assert_int_equal(fsm_event(&d.oa, e, NULL), want != NO);
				if (want == BACK)
					want = agreed ? OA_STABLE : OA_NONE;
				assert_int_equal(d.oa.state, want == NO ? s : want);
				assert_int_equal(d.oa.refused, want == NO);
				if (s != OA_STABLE && d.oa.state == OA_STABLE)
					assert_true(d.has_agreed);
				fsm_close(&d.oa);
			}
	loop_destroy(&loop);
}

/* ---- The call ---- */

/* Events in order: 1xx 2xx fail CANCEL ACK noACK noPRACK BYE lost alert connect answered release.
 */
static const char *const call_accepts[CALL_STATES] = {
	[CALL_IDLE] = ".............",       [CALL_CALLING] = "xxx.....x...x",
	[CALL_PROCEEDING] = "xxx.....x...x", [CALL_CANCELLING] = "xxx..........",
	[CALL_ACKING] = ".x.....xx..xx",     [CALL_INCOMING] = "...x...xxxx.x",
	[CALL_RINGING] = "...x..xxxxx.x",    [CALL_ANSWERING] = "...xxxxxx...x",
	[CALL_CLOSING] = "...xxxxx.....",    [CALL_CONFIRMED] = ".x.....xx...x",
	[CALL_ENDED] = ".x...........",
};

static void call(void **state)
{
	(void)state;
	assert_int_equal(sip_call_machine.state_count, CALL_STATES);
	assert_int_equal(sip_call_machine.event_count, CALL_EVENTS);
	for (unsigned s = 0; s < CALL_STATES; s++)
		for (unsigned e = 0; e < CALL_EVENTS; e++) {
			bool accepted = sip_call_machine.states[s].events & FSM_BIT(e);

			if (accepted != (call_accepts[s][e] == 'x'))
				print_error("%s, %s\n", sip_call_machine.states[s].name,
					    sip_call_machine.event_names[e]);
			assert_int_equal(accepted, call_accepts[s][e] == 'x');
		}
}

/* From everywhere the end can be reached, nothing follows it, and every state and event is named.
 */
static void call_ends(void **state)
{
	(void)state;
	for (unsigned s = 0; s < CALL_STATES; s++) {
		const struct fsm_state *st = &sip_call_machine.states[s];

		assert_non_null(st->name);
		if (s != CALL_ENDED)
			assert_true(st->next & FSM_BIT(CALL_ENDED));
		else
			assert_int_equal(st->next, 0);
		if (s != CALL_IDLE)
			assert_non_null(st->clause);
		assert_true(!st->events || st->handle);
	}
	for (unsigned e = 0; e < CALL_EVENTS; e++)
		assert_non_null(sip_call_machine.event_names[e]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offer_answer),
		cmocka_unit_test(call),
		cmocka_unit_test(call_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
