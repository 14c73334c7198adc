/* SPDX-License-Identifier: GPL-2.0-only */
/* The ISDN leg between the real core and an ISDN floor that only takes notes: its functions are
 * defined here, so that the linker leaves tdm/ out. */
#include "call_house.h"

#include "gateway/leg_isdn.h"
#include "gateway/overload.h"

struct isdn_span {
	struct conf_span conf;
	enum isdn_span_state state;
	unsigned idle;
};

struct isdn_call {
	const struct isdn_call_ops *ops;
	void *arg;
	struct isdn_info info; /* of the last message sent */
	bool done;
};

static struct isdn_span span;
static struct isdn_call isdn; /* the one call */
static int setup_fails;

static int sent(struct isdn_call *call, const char *what, const struct isdn_info *info)
{
	call->info = *info;
	note("%s", what);
	for (unsigned i = 0; i < info->progress_count; i++)
		note(" pi%u/%u", info->progress[i].description, info->progress[i].location);
	note("; ");
	return 0;
}

int isdn_call_setup(struct isdn_call **out, struct isdn_span *s, const struct isdn_info *info,
		    const struct isdn_call_ops *ops, void *arg)
{
	(void)s;
	isdn = (struct isdn_call){ .ops = ops, .arg = arg };
	sent(&isdn, "setup", info);
	if (setup_fails)
		return setup_fails;
	*out = &isdn;
	return 0;
}

void isdn_call_accept(struct isdn_call *call, const struct isdn_call_ops *ops, void *arg)
{
	*call = (struct isdn_call){ .ops = ops, .arg = arg };
}

int isdn_call_proceeding(struct isdn_call *call, const struct isdn_info *info)
{
	return sent(call, "proceeding", info);
}

int isdn_call_alerting(struct isdn_call *call, const struct isdn_info *info)
{
	return sent(call, "alerting", info);
}

int isdn_call_progress(struct isdn_call *call, const struct isdn_info *info)
{
	return sent(call, "progress", info);
}

int isdn_call_connect(struct isdn_call *call, const struct isdn_info *info)
{
	return sent(call, "connect", info);
}

int isdn_call_disconnect(struct isdn_call *call, const struct isdn_info *info)
{
	return sent(call, "disconnect", info);
}

void isdn_call_release(struct isdn_call *call, struct q850_cause cause)
{
	(void)call;
	note("release %u; ", cause.value);
}

void isdn_call_release_diagnosed(struct isdn_call *call, struct q850_cause cause,
				 const struct isdn_raw *diagnostics)
{
	call->info = (struct isdn_info){ .cause = cause, .cause_diagnostics = *diagnostics };
	isdn_call_release(call, cause);
}

void isdn_call_done(struct isdn_call *call)
{
	assert_false(call->done);
	call->done = true;
	note("done; ");
}

int isdn_call_join(struct isdn_call *call, struct port *port)
{
	(void)call;
	(void)port;
	note("join; ");
	return 0;
}

void isdn_call_leave(struct isdn_call *call, void (*left)(void *arg), void *arg)
{
	(void)call;
	note("leave; ");
	left(arg);
}

const char *isdn_call_key(const struct isdn_call *call)
{
	(void)call;
	return "e1-1/17";
}

const char *isdn_call_state_name(const struct isdn_call *call)
{
	(void)call;
	return "U10 active";
}

unsigned isdn_call_timeslot(const struct isdn_call *call)
{
	(void)call;
	return 17;
}

enum isdn_span_state isdn_span_state(const struct isdn_span *s)
{
	return s->state;
}

unsigned isdn_span_idle_channels(const struct isdn_span *s)
{
	return s->idle;
}

const struct conf_span *isdn_span_conf(const struct isdn_span *s)
{
	return &s->conf;
}

struct e1_line *isdn_span_line(const struct isdn_span *s)
{
	(void)s;
	return NULL;
}

const struct e1_counters *e1_line_counters(const struct e1_line *line)
{
	static const struct e1_counters none;

	(void)line;
	return &none;
}

struct worker *e1_line_worker(const struct e1_line *line)
{
	(void)line;
	return NULL;
}

/* ---- The house with a span in it ---- */

static void add_span(unsigned endpoint)
{
	span = (struct isdn_span){ .state = SPAN_UP, .idle = 30, .conf = { .role = CONF_ROLE_TE } };
	isdn = (struct isdn_call){ 0 };
	setup_fails = 0;
	fx.endpoints[endpoint].target = &span;
	fx.endpoints[endpoint].make_leg = leg_isdn_make;
	fx.endpoints[endpoint].available = leg_isdn_available;
}

static int setup_caller(void **state)
{
	setup(state);
	add_span(IN);
	return 0;
}

static int setup_called(void **state)
{
	setup(state);
	add_span(GW1);
	return 0;
}

static void happens(enum isdn_event event, const struct isdn_info *info)
{
	isdn.ops->event(&isdn, event, info, isdn.arg);
	settle();
}

static void happens_plain(enum isdn_event event)
{
	happens(event, &(struct isdn_info){ 0 });
}

static void happens_progress(enum isdn_event event, uint8_t description)
{
	happens(event, &(struct isdn_info){ .progress = { { description, Q850_LOC_PUBLIC_LOCAL } },
					    .progress_count = 1 });
}

static void released(uint8_t cause)
{
	happens(ISDN_RELEASED, &(struct isdn_info){ .cause = q850(cause, Q850_LOC_USER) });
}

static void called_in(void)
{
	struct isdn_info info = { .capability = ISDN_SPEECH };

	snprintf(info.called.number.digits, NUMBER_DIGITS, "%s", number);
	leg_isdn_incoming(&span, &isdn, &info, &fx.gateway);
	settle();
}

/* ---- An ISDN caller ---- */

static void test_caller(void **state)
{
	struct leg_info connected = { .connected = { .number = { .digits = "+4930123456" } } };

	(void)state;
	called_in();
	took_note("gw1<SETUP; proceeding; ");
	assert_string_equal(the_call()->seats[LEG_CALLER]->ops->key(the_call()->seats[LEG_CALLER]),
			    "e1-1/17");
	assert_int_equal(leg_isdn_timeslot(the_call()->seats[LEG_CALLER]), 17);
	tell(GW1, LEG_ALERTING);
	took_note("alerting; ");
	tell_inband(GW1, LEG_PROGRESS, 0);
	took_note("media; progress pi8/1; ");
	tell(GW1, LEG_PROGRESS); /* nothing to say without an indicator */
	took_note("");
	tell_message(fx.leg[GW1], &(struct leg_message){ .type = LEG_CONNECT, .info = &connected });
	took_note("media; connect; ");
	assert_string_equal(isdn.info.connected.number.digits, "4930123456");
	assert_int_equal(isdn.info.connected.number.type, NUMBER_INTERNATIONAL);
	happens(ISDN_DISCONNECT, &(struct isdn_info){ .cause = q850(16, Q850_LOC_USER) });
	took_note("release 16; gw1<RELEASE 16; ");
	released(16);
	took_note("done; ");
}

static void test_caller_hears_an_announcement(void **state)
{
	(void)state;
	called_in();
	fx.log[0] = 0;
	tell_inband(GW1, LEG_DISCONNECT, Q850_UNALLOCATED);
	took_note("media; disconnect pi8/1; ");
	assert_int_equal(isdn.info.cause.value, Q850_UNALLOCATED);
	released(16);
	took_note("gw1<RELEASE 1; done; ");
}

static void test_alerting_with_audio(void **state)
{
	(void)state;
	called_in();
	fx.log[0] = 0;
	tell_inband(GW1, LEG_ALERTING, 0);
	took_note("media; alerting pi8/1; ");
	released(16);
}

static void test_refused(void **state)
{
	(void)state;
	fx.unavailable[GW1] = fx.unavailable[GW2] = fx.unavailable[GW3] = -EBUSY;
	called_in();
	took_note("release 34; ");
	released(34);
	settle();
	fx.gateway.refusing = true;
	isdn.done = false;
	fx.log[0] = 0;
	called_in();
	took_note("release 42; done; ");
}

/* ---- An ISDN called party ---- */

static void test_called(void **state)
{
	(void)state;
	incoming("+442079460000");
	assert_string_equal(isdn.info.called.number.digits, "2079460000");
	assert_int_equal(isdn.info.called.number.type, NUMBER_NATIONAL);
	took_note("setup; in<PROCEEDING; ");
	happens_plain(ISDN_PROCEEDING);
	happens_plain(ISDN_ALERTING);
	happens_progress(ISDN_PROGRESS, PROGRESS_INBAND);
	happens_plain(ISDN_CONNECT);
	took_note("in<ALERTING; media; in<PROGRESS inband; media; in<CONNECT; ");
	happens_progress(ISDN_DISCONNECT, PROGRESS_INBAND);
	took_note("media; in<DISCONNECT inband; ");
	released(16);
	took_note("in<RELEASE 16; done; ");
}

/* What explains a cause goes with it, and not with another, nor back to who said it. */
static void test_diagnostics_of_a_called(void **state)
{
	struct isdn_info why = { .cause = q850(Q850_NO_CIRCUIT, Q850_LOC_TRANSIT),
				 .cause_diagnostics = { { 0x81, 0x82 }, 2 } };

	(void)state;
	incoming(number);
	took_note("setup; in<PROCEEDING; ");
	happens_plain(ISDN_ALERTING);
	happens(ISDN_DISCONNECT, &why);
	took_note("in<ALERTING; in<RELEASE 34 diagnosed 81/2; release 34; ");
	assert_int_equal(isdn.info.cause_diagnostics.length, 0);
	released(34);
	took_note("done; ");
	incoming(number); /* another gateway fails for its own reason */
	happens(ISDN_RELEASED, &why);
	took_note("setup; in<PROCEEDING; done; gw2<SETUP; ");
	tell(GW2, LEG_ALERTING);
	tell_cause(GW2, LEG_RELEASE, Q850_USER_BUSY);
	took_note("in<ALERTING; in<RELEASE 17; ");
}

static void test_diagnostics_for_a_caller(void **state)
{
	static const struct leg_diagnostics diagnostics = { .octets = { 0x8a, 1, 2 }, .length = 3 };
	struct leg_message busy = { .type = LEG_DISCONNECT,
				    .cause = q850(Q850_USER_BUSY, Q850_LOC_USER),
				    .diagnostics = &diagnostics };

	(void)state;
	called_in();
	tell_message(fx.leg[GW1], &busy);
	assert_non_null(strstr(fx.log, "release 17; "));
	assert_int_equal(isdn.info.cause_diagnostics.length, 3);
	assert_memory_equal(isdn.info.cause_diagnostics.octets, diagnostics.octets, 3);
	released(17);
	called_in();
	busy.inband = true;
	tell_message(fx.leg[GW1], &busy);
	assert_non_null(strstr(fx.log, "disconnect pi8/1; "));
	assert_int_equal(isdn.info.cause_diagnostics.length, 3);
	released(17);
}

/* Which indicators mean that there is something to hear, and in which messages. */
static void test_audio_by_message(void **state)
{
	static const struct {
		enum isdn_event event;
		uint8_t description;
		bool audio;
	} rows[] = {
		{ ISDN_PROCEEDING, PROGRESS_INBAND, true },
		{ ISDN_PROCEEDING, PROGRESS_NOT_END_TO_END_ISDN, false },
		{ ISDN_ALERTING, PROGRESS_INBAND, true },
		{ ISDN_ALERTING, PROGRESS_NOT_END_TO_END_ISDN, true },
		{ ISDN_ALERTING, PROGRESS_DESTINATION_NOT_ISDN, false },
		{ ISDN_PROGRESS, PROGRESS_INBAND, true },
		{ ISDN_PROGRESS, PROGRESS_RETURNED_TO_ISDN, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		incoming(number);
		fx.log[0] = 0;
		happens_progress(rows[i].event, rows[i].description);
		assert_int_equal(strstr(fx.log, "media") != NULL, rows[i].audio);
		tell_cause(IN, LEG_RELEASE, Q850_NORMAL_CLEARING);
		released(16);
		settle();
	}
}

static void test_every_message_of_the_floor(void **state)
{
	(void)state;
	incoming(number);
	for (enum isdn_event event = ISDN_SETUP_ACK; event < ISDN_DISCONNECT; event++)
		happens_plain(event);
	assert_true(the_call()->answered);
	released(16);
}

static void test_span_that_cannot_take_it(void **state)
{
	(void)state;
	span.idle = 0;
	assert_int_equal(leg_isdn_available(&fx.endpoints[GW1]), -EBUSY);
	span.state = SPAN_NO_LAYER2;
	assert_int_equal(leg_isdn_available(&fx.endpoints[GW1]), -ENETDOWN);
	span.state = SPAN_UP;
	span.idle = 1;
	setup_fails = -EBUSY;
	incoming(number);
	took_note("setup; gw2<SETUP; in<PROCEEDING; ");
	assert_int_equal(attempt_at(0)->cause.value, Q850_NO_CIRCUIT);
	tell_cause(IN, LEG_RELEASE, Q850_NORMAL_CLEARING);
}

static void test_words_of_supplementary_services_are_dropped(void **state)
{
	static const enum leg_message_type types[] = { LEG_HOLD,   LEG_RESUME,  LEG_PARTY_UPDATE,
						       LEG_DTMF,   LEG_UUI,     LEG_NOTIFY,
						       LEG_CHARGE, LEG_FACILITY };

	(void)state;
	incoming(number);
	happens_plain(ISDN_CONNECT);
	fx.log[0] = 0;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		tell(IN, types[i]);
	took_note("");
	tell_cause(IN, LEG_RELEASE, Q850_NORMAL_CLEARING);
	released(16);
}

/* ---- Words ---- */

static void test_everything_survives_between_isdn_legs(void **state)
{
	struct conf_span conf = { .role = CONF_ROLE_TE };
	struct isdn_info in = {
		.capability = ISDN_UNRESTRICTED, .bearer = { { 0x88, 0x90 }, 2 }, .hlc = { { 0x91, 0x81 }, 2 },
		.llc = { { 0x88 }, 1 }, .sending_complete = true, .redirecting_reason = 2,
		.progress = { { 1, 2 }, { 3, 4 } }, .progress_count = 2, .user_user = { { 4, 'h', 'i' }, 3 },
	}, out;
	struct leg_info info;
	struct leg_message message = { .type = LEG_SETUP, .info = &info };

	(void)state;
	snprintf(in.calling.number.digits, NUMBER_DIGITS, "2079460018");
	snprintf(in.calling.second.digits, NUMBER_DIGITS, "08001111");
	in.calling.number.type = NUMBER_NATIONAL;
	in.calling.number.screening = SCREENING_NETWORK;
	leg_isdn_info_up(&info, &in);
	leg_isdn_info_down(&out, &message, &conf);
	assert_memory_equal(&out, &in, sizeof(out));
}

static void test_plus_and_display(void **state)
{
	struct conf_span conf = { .role = CONF_ROLE_NT, .law = CONF_ULAW };
	struct leg_info info = { .called = { .number = { .digits = "+4930123456" } },
				 .calling = { .number = { .digits = "1234" }, .name = "Alice" } };
	struct leg_message message = { .type = LEG_SETUP, .info = &info };
	struct isdn_info out;

	(void)state;
	leg_isdn_info_down(&out, &message, &conf);
	assert_string_equal(out.called.number.digits, "4930123456");
	assert_int_equal(out.called.number.type, NUMBER_INTERNATIONAL);
	assert_int_equal(out.called.number.plan, PLAN_ISDN);
	assert_string_equal(out.calling.number.digits, "1234");
	assert_string_equal(out.display, "Alice");
	assert_int_equal(out.law, CONF_ULAW);
	info.calling.name_restricted = true;
	leg_isdn_info_down(&out, &message, &conf);
	assert_string_equal(out.display, "");
	info.calling.name_restricted = false;
	conf.role = CONF_ROLE_TE; /* a user sends none */
	leg_isdn_info_down(&out, &message, &conf);
	assert_string_equal(out.display, "");
	/* Longer than the floor can carry: left out, not cut. */
	info.user_user.length = sizeof(out.user_user.octets) + 1;
	leg_isdn_info_down(&out, &message, &conf);
	assert_int_equal(out.user_user.length, 0);
}

/* At the gateway's limit a new call is refused before anything is made of it; an emergency number
 * of the dial plan is not. */
static void test_refused_early(void **state)
{
	static const struct conf_overload full = { .max_rate = 1 };
	struct isdn_info info = { .capability = ISDN_SPEECH };
	struct overload_state now;

	(void)state;
	assert_int_equal(overload_create(&fx.gateway.overload, fx.gateway.loop, &full), 0);
	assert_true(overload_admits(fx.gateway.overload, 0)); /* this second's call */
	snprintf(info.called.number.digits, NUMBER_DIGITS, "%s", number);
	leg_isdn_incoming(&span, &isdn, &info, &fx.gateway);
	took_note("release 42; done; ");
	assert_int_equal(fx.gateway.call_count, 0);
	snprintf(info.called.number.digits, NUMBER_DIGITS, "112");
	leg_isdn_incoming(&span, &isdn, &info, &fx.gateway);
	took_note("gw1<SETUP; proceeding; ");
	overload_state(fx.gateway.overload, &now);
	assert_int_equal(now.refused_rate, 1);
	assert_int_equal(now.emergencies, 1);
	overload_destroy(&fx.gateway.overload);
	tell_cause(GW1, LEG_RELEASE, 16);
	settle();
	released(16);
	settle();
}

static void test_memory_refused_for_a_caller(void **state)
{
	struct isdn_info info = { 0 };

	(void)state;
	mem_fail_after(0);
	leg_isdn_incoming(&span, &isdn, &info, &fx.gateway);
	mem_fail_after(-1);
	took_note("release 47; done; ");
}

#define CALLER(name) cmocka_unit_test_setup_teardown(name, setup_caller, teardown)
#define CALLED(name) cmocka_unit_test_setup_teardown(name, setup_called, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CALLER(test_caller),
		CALLER(test_caller_hears_an_announcement),
		CALLER(test_alerting_with_audio),
		CALLER(test_refused),
		CALLER(test_refused_early),
		CALLER(test_memory_refused_for_a_caller),
		CALLER(test_diagnostics_for_a_caller),
		CALLED(test_called),
		CALLED(test_diagnostics_of_a_called),
		CALLED(test_audio_by_message),
		CALLED(test_every_message_of_the_floor),
		CALLED(test_span_that_cannot_take_it),
		CALLED(test_words_of_supplementary_services_are_dropped),
		CALLED(test_everything_survives_between_isdn_legs),
		CALLED(test_plus_and_display),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
