/* SPDX-License-Identifier: GPL-2.0-only */
/* What calls carry, how they are refused and cleared, and each timer of theirs. */
#include "isdn_fixture.h"

#include <errno.h>

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
	struct fixture *f = *state;

	assert_idle(&f->te);
	assert_idle(&f->nt);
	fixture_close(f);
	return 0;
}

static void number(struct party_number *n, const char *digits, uint8_t type, uint8_t presentation,
		   uint8_t screening)
{
	snprintf(n->digits, sizeof(n->digits), "%s", digits);
	n->type = type;
	n->plan = PLAN_ISDN;
	n->presentation = presentation;
	n->screening = screening;
	n->present = true;
}

static void raw(struct isdn_raw *r, const char *octets, size_t n)
{
	memcpy(r->octets, octets, n);
	r->length = (uint8_t)n;
}

static void assert_raw(const struct isdn_raw *a, const struct isdn_raw *b)
{
	assert_int_equal(a->length, b->length);
	assert_memory_equal(a->octets, b->octets, a->length);
}

static void assert_number(const struct party_number *a, const struct party_number *b)
{
	assert_string_equal(a->digits, b->digits);
	assert_int_equal(a->type, b->type);
	assert_int_equal(a->plan, b->plan);
	assert_int_equal(a->presentation, b->presentation);
	assert_int_equal(a->screening, b->screening);
	assert_int_equal(a->present, b->present);
}

static struct isdn_info full_info(void)
{
	struct isdn_info info = plain_info("442079460000");

	info.capability = ISDN_SPEECH;
	info.called.number.type = NUMBER_NATIONAL;
	info.called.number.present = true;
	number(&info.calling.number, "2079461234", NUMBER_NATIONAL, PRESENTATION_RESTRICTED,
	       SCREENING_USER_PASSED);
	number(&info.calling.second, "2079460001", NUMBER_INTERNATIONAL, PRESENTATION_ALLOWED,
	       SCREENING_NETWORK);
	number(&info.redirecting.number, "555", NUMBER_SUBSCRIBER, PRESENTATION_ALLOWED,
	       SCREENING_NETWORK);
	info.redirecting_reason = 2;
	raw(&info.hlc, "\x91\x81", 2);
	raw(&info.llc, "\x80\x90\xa3", 3);
	raw(&info.user_user, "\x04hello", 6);
	info.progress[0] =
		(struct isdn_progress){ PROGRESS_ORIGIN_NOT_ISDN, Q850_LOC_PRIVATE_LOCAL };
	info.progress[1] = (struct isdn_progress){ PROGRESS_NOT_END_TO_END_ISDN, Q850_LOC_USER };
	info.progress_count = 2;
	snprintf(info.display, sizeof(info.display), "Ada");
	return info;
}

static void parameters(struct fixture *f, struct side *from)
{
	struct isdn_info info = full_info(), *got;
	struct isdn_info answer = { .progress_count = 1 };
	struct user caller, *callee;

	assert_int_equal(place(f, from, &caller, &info), 0);
	callee = callee_of(from);
	got = &callee->setup;
	assert_int_equal(got->capability, ISDN_SPEECH);
	assert_int_equal(got->law, CONF_ALAW);
	assert_number(&got->called.number, &info.called.number);
	assert_number(&got->calling.number, &info.calling.number);
	assert_number(&got->calling.second, &info.calling.second);
	assert_number(&got->redirecting.number, &info.redirecting.number);
	assert_int_equal(got->redirecting_reason, 2);
	assert_raw(&got->hlc, &info.hlc);
	assert_raw(&got->llc, &info.llc);
	assert_raw(&got->user_user, &info.user_user);
	assert_int_equal(got->progress_count, 2);
	assert_memory_equal(got->progress, info.progress, sizeof(info.progress));
	assert_true(got->sending_complete);
	assert_string_equal(got->display, from == &f->nt ? "Ada" : ""); /* network to user only */

	answer.progress[0] = (struct isdn_progress){ PROGRESS_INBAND, Q850_LOC_TRANSIT };
	assert_int_equal(isdn_call_proceeding(callee->call, NULL), 0);
	assert_int_equal(isdn_call_progress(callee->call, &answer), 0);
	advance(f, 20 * MS);
	assert_int_equal(caller.last.progress[0].location, Q850_LOC_TRANSIT);
	assert_true(isdn_info_inband(&caller.at[ISDN_PROGRESS]));
	answer.progress[0].description = PROGRESS_DESTINATION_NOT_ISDN;
	assert_int_equal(isdn_call_alerting(callee->call, &answer), 0);
	advance(f, 20 * MS);
	assert_int_equal(caller.at[ISDN_ALERTING].progress_count, 1);
	assert_int_equal(caller.at[ISDN_ALERTING].progress[0].description,
			 PROGRESS_DESTINATION_NOT_ISDN);
	answer.progress_count = 0;
	number(&answer.connected.number, "442079469999", NUMBER_INTERNATIONAL, PRESENTATION_ALLOWED,
	       SCREENING_NETWORK);
	raw(&answer.user_user, "\x04ok", 3);
	assert_int_equal(isdn_call_connect(callee->call, &answer), 0);
	advance(f, 20 * MS);
	assert_number(&caller.at[ISDN_CONNECT].connected.number, &answer.connected.number);
	assert_raw(&caller.at[ISDN_CONNECT].user_user, &answer.user_user);
	assert_int_equal(caller.at[ISDN_CONNECT].progress_count, 0);

	answer = (struct isdn_info){ .cause = q850(Q850_NORMAL_UNSPECIFIED,
						   Q850_LOC_INTERNATIONAL) };
	raw(&answer.cause_diagnostics, "\x01\x02", 2);
	assert_int_equal(isdn_call_disconnect(callee->call, &answer), 0);
	advance(f, 20 * MS);
	assert_int_equal(caller.at[ISDN_DISCONNECT].cause.value, 31);
	assert_int_equal(caller.at[ISDN_DISCONNECT].cause.location, Q850_LOC_INTERNATIONAL);
	assert_raw(&caller.at[ISDN_DISCONNECT].cause_diagnostics, &answer.cause_diagnostics);
	isdn_call_release(caller.call, q850(Q850_NORMAL_CLEARING, Q850_LOC_PUBLIC_REMOTE));
	advance(f, 20 * MS);
	assert_true(caller.released && callee->released);
	assert_int_equal(caller.last.cause.value, 31);
}

static void test_parameters_from_user(void **state)
{
	struct fixture *f = *state;

	parameters(f, &f->te);
}

static void test_parameters_from_network(void **state)
{
	struct fixture *f = *state;

	parameters(f, &f->nt);
}

/* A leading + is type international on the line (Q.931 4.5.8). */
static void test_plus(void **state)
{
	struct fixture *f = *state;
	struct isdn_info info = plain_info("+442079460000");
	struct user caller;

	f->nt.refuse = true;
	assert_int_equal(place(f, &f->te, &caller, &info), 0);
	assert_string_equal(callee_of(&f->te)->setup.called.number.digits, "442079460000");
	assert_int_equal(callee_of(&f->te)->setup.called.number.type, NUMBER_INTERNATIONAL);
}

static void test_uncodable(void **state)
{
	struct fixture *f = *state;
	struct isdn_info info = plain_info("12x4");
	struct user caller;

	assert_int_equal(place(f, &f->te, &caller, &info), -EINVAL);
	assert_int_equal(f->nt.incoming, 0);
	assert_null(caller.call);
}

/* SETUP, RELEASE COMPLETE with cause and location as given, at once and from `incoming`
 * (Q.931 5.3.2). */
static void reject(struct fixture *f, struct side *from, uint8_t cause)
{
	struct isdn_info info = plain_info("1");
	struct user caller;

	assert_int_equal(place(f, from, &caller, &info), 0);
	isdn_call_release(callee_of(from)->call, q850(cause, Q850_LOC_PRIVATE_REMOTE));
	assert_false(callee_of(from)->released); /* never from inside the verb */
	advance(f, 20 * MS);
	assert_true(caller.released && callee_of(from)->released);
	assert_int_equal(caller.last.cause.value, cause);
	assert_int_equal(caller.last.cause.location, Q850_LOC_PRIVATE_REMOTE);
	assert_int_equal(caller.heard_count, 1);
}

static void test_reject(void **state)
{
	static const uint8_t causes[] = { 1, 16, 17, 21, 26, 34, 44, 81, 82, 88, 96, 127 };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(causes); i++) {
		reject(f, &f->te, causes[i]);
		reject(f, &f->nt, causes[i]);
	}
}

/* Diagnostics go with the cause (Q.931 4.5.12) in RELEASE COMPLETE, DISCONNECT and RELEASE. */
static void diagnosed(struct fixture *f, unsigned stage)
{
	struct isdn_info info = plain_info("1"), none = { 0 };
	struct user caller, *callee;
	struct isdn_raw why;

	raw(&why, "\x81\x82", 2);
	assert_int_equal(place(f, &f->te, &caller, &info), 0);
	callee = callee_of(&f->te);
	if (stage > 0)
		assert_int_equal(isdn_call_alerting(callee->call, NULL), 0);
	if (stage > 1) {
		advance(f, 20 * MS);
		assert_int_equal(isdn_call_disconnect(caller.call, &none), 0);
	}
	advance(f, 20 * MS);
	isdn_call_release_diagnosed(callee->call, q850(3, Q850_LOC_TRANSIT), &why);
	advance(f, 20 * MS);
	if (stage == 1) {
		assert_raw(&caller.at[ISDN_DISCONNECT].cause_diagnostics, &why);
		isdn_call_release(caller.call, q850(3, Q850_LOC_USER));
		advance(f, 20 * MS);
	}
	assert_true(caller.released && callee->released);
	assert_int_equal(caller.last.cause.value, stage < 2 ? 3 : 16);
	if (stage < 2)
		assert_raw(&caller.last.cause_diagnostics, &why);
	else /* not of the cause that began it */
		assert_int_equal(caller.last.cause_diagnostics.length, 0);
}

static void test_diagnostics(void **state)
{
	for (unsigned stage = 0; stage < 3; stage++)
		diagnosed(*state, stage);
}

static void test_reject_in_callback(void **state)
{
	struct fixture *f = *state;
	struct isdn_info info = plain_info("1");
	struct user caller;

	f->nt.refuse = true;
	assert_int_equal(place(f, &f->te, &caller, &info), 0);
	assert_true(caller.released);
	assert_int_equal(caller.last.cause.value, Q850_CALL_REJECTED);
	assert_int_equal(caller.last.cause.location, Q850_LOC_PRIVATE_REMOTE);
}

static void test_nobody_accepts(void **state)
{
	struct fixture *f = *state;
	struct isdn_info info = plain_info("1");
	struct user caller;

	f->nt.ignore = true;
	assert_int_equal(place(f, &f->te, &caller, &info), 0);
	assert_true(caller.released);
	assert_int_equal(caller.last.cause.value, Q850_NO_USER_RESPONDING);
}

/* Busy after PROCEEDING and in each later state: DISCONNECT with every cause arrives as given. */
static void refuse_late(struct fixture *f, struct side *from, unsigned stage, uint8_t cause)
{
	struct isdn_info info = plain_info("1"),
			 why = { .cause = q850(cause, Q850_LOC_PUBLIC_REMOTE) };
	struct user caller, *callee;

	assert_int_equal(place(f, from, &caller, &info), 0);
	callee = callee_of(from);
	isdn_call_proceeding(callee->call, NULL);
	if (stage > 0)
		isdn_call_alerting(callee->call, NULL);
	if (stage > 1)
		isdn_call_connect(callee->call, NULL);
	advance(f, 20 * MS);
	assert_int_equal(isdn_call_disconnect(callee->call, &why), 0);
	advance(f, 20 * MS);
	assert_int_equal(caller.last.cause.value, cause);
	assert_int_equal(caller.last.cause.location, Q850_LOC_PUBLIC_REMOTE);
	isdn_call_release(caller.call, q850(16, Q850_LOC_USER));
	advance(f, 20 * MS);
	assert_true(caller.released && callee->released);
	assert_int_equal(callee->last.cause.value, cause);
}

static void test_refuse_late(void **state)
{
	static const uint8_t causes[] = { 1, 6, 7, 16, 17, 26, 34, 44, 81, 82, 88, 96 };
	struct fixture *f = *state;

	for (unsigned stage = 0; stage < 3; stage++)
		for (size_t i = 0; i < sizeof(causes); i++) {
			refuse_late(f, &f->te, stage, causes[i]);
			refuse_late(f, &f->nt, stage, causes[i]);
		}
}

/* The caller gives up in every state. */
static void give_up(struct fixture *f, struct side *from, unsigned stage)
{
	struct isdn_info info = plain_info("1");
	struct user caller, *callee;

	assert_int_equal(place(f, from, &caller, &info), 0);
	callee = callee_of(from);
	if (stage > 0)
		isdn_call_proceeding(callee->call, NULL);
	if (stage > 1)
		isdn_call_alerting(callee->call, NULL);
	advance(f, 20 * MS);
	isdn_call_release(caller.call, q850(Q850_NORMAL_CLEARING, Q850_LOC_USER));
	advance(f, 20 * MS);
	if (stage > 0) {
		assert_int_equal(callee->last.cause.value, 16);
		assert_int_equal(callee->heard[0], ISDN_DISCONNECT);
		isdn_call_release(callee->call, q850(Q850_NORMAL_CLEARING, Q850_LOC_USER));
		advance(f, 20 * MS);
	}
	assert_true(caller.released && callee->released);
}

static void test_give_up(void **state)
{
	struct fixture *f = *state;

	for (unsigned stage = 0; stage < 3; stage++) {
		give_up(f, &f->te, stage);
		give_up(f, &f->nt, stage);
	}
}

/* Before SETUP has even arrived. */
static void test_give_up_at_once(void **state)
{
	struct fixture *f = *state;
	struct isdn_info info = plain_info("1");
	struct user caller = { 0 };

	assert_int_equal(isdn_call_setup(&caller.call, f->te.span, &info, &user_ops, &caller), 0);
	isdn_call_release(caller.call, q850(Q850_NORMAL_CLEARING, Q850_LOC_USER));
	advance(f, 50 * MS);
	assert_true(caller.released);
	assert_true(callee_of(&f->te)->released);
}

/* DISCONNECTs cross (Q.931 5.3.5). */
static void test_clear_collision(void **state)
{
	struct fixture *f = *state;
	struct user caller, *callee = establish(f, &f->te, &caller);

	isdn_call_release(caller.call, q850(Q850_NORMAL_CLEARING, Q850_LOC_USER));
	isdn_call_release(callee->call, q850(Q850_NORMAL_UNSPECIFIED, Q850_LOC_USER));
	advance(f, 50 * MS);
	assert_true(caller.released && callee->released);
}

/* DISCONNECT with an announcement: the channel stays until somebody releases (Q.931 5.3.4.1). */
static struct user *announce(struct fixture *f, struct side *to, struct user *caller)
{
	struct isdn_info info = plain_info("1");
	struct isdn_info why = { .cause = q850(Q850_UNALLOCATED, Q850_LOC_PUBLIC_LOCAL),
				 .progress_count = 1,
				 .progress = { { PROGRESS_INBAND, Q850_LOC_PUBLIC_LOCAL } } };
	struct user *callee;

	assert_int_equal(place(f, other(to), caller, &info), 0);
	callee = callee_of(other(to));
	assert_int_equal(isdn_call_disconnect(callee->call, &why), 0);
	advance(f, 20 * MS);
	assert_int_equal(caller->last.cause.value, 1);
	assert_true(isdn_info_inband(&caller->at[ISDN_DISCONNECT]));
	advance(f, 20 * SECOND);
	assert_false(caller->released || callee->released);
	assert_true(isdn_call_timeslot(caller->call) != 0);
	return callee;
}

static void test_announcement_caller_ends(void **state)
{
	struct fixture *f = *state;
	struct user caller, *callee = announce(f, &f->nt, &caller);

	isdn_call_release(caller.call, q850(Q850_NORMAL_CLEARING, Q850_LOC_USER));
	advance(f, 20 * MS);
	assert_true(caller.released && callee->released);
	assert_int_equal(caller.last.cause.value, 1);
	assert_int_equal(callee->last.cause.value, 1);
}

static void test_announcement_callee_ends(void **state)
{
	struct fixture *f = *state;
	struct user caller, *callee = announce(f, &f->nt, &caller);

	isdn_call_release(callee->call, q850(Q850_UNALLOCATED, Q850_LOC_PUBLIC_LOCAL));
	advance(f, 20 * MS);
	assert_true(caller.released && callee->released);
	assert_non_null(strstr(f->nt.ladder, "> RELEASE (1)\n< RELEASE COMPLETE"));
}

static void test_announcement_runs_out(void **state)
{
	struct fixture *f = *state;
	struct user caller, *callee = announce(f, &f->nt, &caller);

	advance(f, 11 * SECOND);
	assert_true(caller.released && callee->released);
}

static void test_full_span(void **state)
{
	struct fixture *f = *state;
	struct isdn_info info = plain_info("1");
	struct user callers[31];

	for (unsigned i = 0; i < 30; i++)
		assert_int_equal(place(f, &f->te, &callers[i], &info), 0);
	assert_int_equal(isdn_span_idle_channels(f->te.span), 0);
	assert_int_equal(isdn_span_idle_channels(f->nt.span), 0);
	assert_int_equal(f->nt.incoming, 30);
	assert_int_equal(place(f, &f->te, &callers[30], &info), -EBUSY);
	assert_int_equal(counter_get(&isdn_span_counters(f->te.span)->no_channel), 1);
	for (unsigned i = 0; i < 30; i++)
		isdn_call_release(callers[i].call, q850(Q850_NORMAL_CLEARING, Q850_LOC_USER));
	advance(f, SECOND);
	for (unsigned i = 0; i < 30; i++)
		assert_true(callers[i].released && f->nt.users[i].released);
}

/* All at once: thirty SETUPs queue at Q.921's window, and thirty refusals the other way, some after
 * their calls are gone; each keeps what it was to say. */
static void test_burst(void **state)
{
	struct fixture *f = *state;
	struct user callers[30] = { 0 };
	char digits[8];

	for (unsigned i = 0; i < 30; i++) {
		struct isdn_info info;

		snprintf(digits, sizeof(digits), "%u", 100 + i);
		info = plain_info(digits);
		assert_int_equal(isdn_call_setup(&callers[i].call, f->te.span, &info, &user_ops,
						 &callers[i]),
				 0);
	}
	advance(f, 400 * MS); /* 64 kbit/s */
	assert_int_equal(f->nt.incoming, 30);
	for (unsigned i = 0; i < 30; i++) {
		snprintf(digits, sizeof(digits), "%u", 100 + i);
		assert_string_equal(f->nt.users[i].setup.called.number.digits, digits);
		isdn_call_release(f->nt.users[i].call,
				  q850((uint8_t)(1 + i), Q850_LOC_PRIVATE_REMOTE));
	}
	advance(f, 400 * MS);
	for (unsigned i = 0; i < 30; i++) {
		assert_true(callers[i].released);
		assert_int_equal(callers[i].last.cause.value, 1 + i);
		assert_int_equal(callers[i].last.cause.location, Q850_LOC_PRIVATE_REMOTE);
	}
}

/* Verbs out of place. */
static void test_wrong_state(void **state)
{
	struct fixture *f = *state;
	struct user caller, *callee = establish(f, &f->te, &caller);

	assert_int_equal(isdn_call_alerting(caller.call, NULL), -EPROTO);
	assert_int_equal(isdn_call_proceeding(callee->call, NULL), -EPROTO);
	assert_int_equal(isdn_call_connect(callee->call, NULL), 0); /* sent already */
	isdn_call_release(caller.call, q850(16, Q850_LOC_USER));
	isdn_call_release(caller.call, q850(16, Q850_LOC_USER));
	advance(f, 20 * MS);
	isdn_call_release(callee->call, q850(16, Q850_LOC_USER));
	advance(f, 20 * MS);
	assert_true(caller.released && callee->released);
}

/* ---- Timers: the far end is cut off, or silent ---- */

/* The user hears `cause` between `ms` − 100 and `ms` + 200 after now. */
static void expect_expiry(struct fixture *f, struct user *user, uint64_t ms, uint8_t cause,
			  enum isdn_event event)
{
	unsigned heard = user->heard_count;

	advance(f, (ms - 100) * MS);
	assert_int_equal(user->heard_count, heard);
	advance(f, 300 * MS);
	assert_true(user->heard_count > heard);
	assert_int_equal(user->last.cause.value, cause);
	(void)event;
}

static void test_t303(void **state)
{
	struct fixture *f = *state;
	struct isdn_info info = plain_info("1");
	struct user caller;

	assert_int_equal(place(f, &f->te, &caller, &info), 0); /* arrives, but is never answered */
	expect_expiry(f, &caller, 8000 - 20, Q850_NO_USER_RESPONDING, ISDN_RELEASED);
	assert_true(caller.released);
	assert_non_null(strstr(f->te.ladder, "> SETUP\n> SETUP\n> RELEASE COMPLETE (102)\n"));
	assert_true(callee_of(&f->te)->released);
}

static void test_t310(void **state)
{
	struct fixture *f = *state;
	struct isdn_info info = plain_info("1");
	struct user caller, *callee;

	assert_int_equal(place(f, &f->te, &caller, &info), 0);
	callee = callee_of(&f->te);
	isdn_call_proceeding(callee->call, NULL);
	advance(f, 20 * MS);
	advance(f, 9900 * MS);
	assert_int_equal(callee->heard_count, 0);
	advance(f, 200 * MS);
	assert_int_equal(callee->last.cause.value, Q850_TIMER_EXPIRY);
	isdn_call_release(callee->call, q850(16, Q850_LOC_USER));
	advance(f, 20 * MS);
	assert_true(caller.released);
	assert_int_equal(caller.last.cause.value, Q850_NO_USER_RESPONDING);
}

/* Interworking or an announcement stops T310. */
static void test_t310_stopped(void **state)
{
	struct fixture *f = *state;
	struct isdn_info info = plain_info("1");
	struct isdn_info inband = { .progress_count = 1,
				    .progress = { { PROGRESS_INBAND, Q850_LOC_TRANSIT } } };
	struct user caller, *callee;

	assert_int_equal(place(f, &f->te, &caller, &info), 0);
	callee = callee_of(&f->te);
	isdn_call_progress(callee->call, &inband);
	advance(f, 60 * SECOND);
	assert_int_equal(callee->heard_count, 0);
	isdn_call_release(caller.call, q850(16, Q850_LOC_USER));
	advance(f, 20 * MS);
	isdn_call_release(callee->call, q850(16, Q850_LOC_USER));
	advance(f, 20 * MS);
}

static void test_t301(void **state)
{
	struct fixture *f = *state;
	struct isdn_info info = plain_info("1");
	struct user caller, *callee;

	assert_int_equal(place(f, &f->nt, &caller, &info), 0);
	callee = callee_of(&f->nt);
	isdn_call_alerting(callee->call, NULL);
	advance(f, 179 * SECOND);
	assert_int_equal(callee->heard_count, 0);
	advance(f, 2 * SECOND);
	assert_int_equal(callee->last.cause.value, Q850_TIMER_EXPIRY);
	isdn_call_release(callee->call, q850(16, Q850_LOC_USER));
	advance(f, 20 * MS);
	assert_true(caller.released);
	assert_int_equal(caller.last.cause.value, Q850_NO_ANSWER);
}

/* The far end doesn't answer DISCONNECT: T305, RELEASE with the first cause, which libpri over
 * there answers. */
static void test_t305(void **state)
{
	struct fixture *f = *state;
	struct user caller, *callee = establish(f, &f->te, &caller);

	isdn_call_release(caller.call, q850(Q850_USER_BUSY, Q850_LOC_USER));
	advance(f, 29 * SECOND);
	assert_false(caller.released);
	advance(f, 2 * SECOND);
	assert_true(caller.released && callee->released);
	assert_non_null(strstr(f->nt.ladder, "RELEASE (1"));
}

/* ---- Allocation failures ---- */

static bool attempt(struct fixture *f, long successes)
{
	struct isdn_info info = full_info();
	struct user caller = { 0 };
	bool failed;

	f->nt.incoming = 0;
	f->te.hurried = f->nt.hurried = true;
	mem_fail_after(successes);
	if (isdn_call_setup(&caller.call, f->te.span, &info, &user_ops, &caller) == 0) {
		advance(f, 20 * MS);
		if (f->nt.incoming && f->nt.users[0].call) {
			isdn_call_alerting(f->nt.users[0].call, NULL);
			isdn_call_connect(f->nt.users[0].call, NULL);
			advance(f, 20 * MS);
			if (f->nt.users[0].call)
				isdn_call_release(f->nt.users[0].call, q850(16, Q850_LOC_USER));
		}
		advance(f, 40 * SECOND);
	}
	failed = mem_failed();
	mem_fail_after(-1);
	assert_true(caller.released || !caller.call);
	assert_idle(&f->te);
	assert_idle(&f->nt);
	return failed;
}

static void test_allocation_failures(void **state)
{
	struct fixture *f = *state;
	long n = 0;

	while (attempt(f, n))
		assert_true(++n < 100);
	assert_true(n > 5);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_parameters_from_user),
		T(test_parameters_from_network),
		T(test_plus),
		T(test_uncodable),
		T(test_reject),
		T(test_diagnostics),
		T(test_reject_in_callback),
		T(test_nobody_accepts),
		T(test_refuse_late),
		T(test_give_up),
		T(test_give_up_at_once),
		T(test_clear_collision),
		T(test_announcement_caller_ends),
		T(test_announcement_callee_ends),
		T(test_announcement_runs_out),
		T(test_full_span),
		T(test_burst),
		T(test_wrong_state),
		T(test_t303),
		T(test_t310),
		T(test_t310_stopped),
		T(test_t301),
		T(test_t305),
		T(test_allocation_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
