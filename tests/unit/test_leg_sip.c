/* SPDX-License-Identifier: GPL-2.0-only */
/* The SIP leg between the real core and a SIP floor that only takes notes: its functions are
 * defined here, so that the linker leaves trunk/ out. */
#include "call_house.h"

#include "gateway/leg_sip.h"
#include "tdm/span.h"

struct sip_trunk {
	struct conf_trunk conf;
	bool up;
	unsigned calls;
};

struct sip_call {
	const struct sip_call_ops *ops;
	void *arg;
	struct sip_info info; /* of the INVITE that was sent */
	bool done, offered;
};

static struct sip_trunk trunk;
static struct sip_call sip; /* the one call */
static int create_fails;

const struct conf_trunk *sip_trunk_conf(const struct sip_trunk *t)
{
	return &t->conf;
}

bool sip_trunk_is_up(const struct sip_trunk *t)
{
	return t->up;
}

unsigned sip_trunk_calls(const struct sip_trunk *t)
{
	return t->calls;
}

struct netaddr sip_trunk_bind_address(const struct sip_trunk *t)
{
	struct netaddr a = { 0 };

	(void)t;
	netaddr_set(&a, "192.0.2.1", 0);
	return a;
}

struct netaddr sip_trunk_media_address(const struct sip_trunk *t)
{
	struct netaddr a = { 0 };

	(void)t;
	netaddr_set(&a, "198.51.100.1", 0);
	return a;
}

int sip_call_create(struct sip_call **out, struct sip_trunk *t, const struct sip_info *info,
		    const struct media_desc *offer, const struct sip_call_ops *ops, void *arg)
{
	(void)t;
	note("invite %s; ", info->called.number.digits);
	if (create_fails)
		return create_fails;
	sip = (struct sip_call){ .ops = ops, .arg = arg, .info = *info, .offered = offer != NULL };
	*out = &sip;
	return 0;
}

void sip_call_accept(struct sip_call *call, const struct sip_call_ops *ops, void *arg)
{
	*call = (struct sip_call){ .ops = ops, .arg = arg };
}

int sip_call_alerting(struct sip_call *call, bool inband)
{
	(void)call;
	note(inband ? "180+audio; " : "180; ");
	return 0;
}

int sip_call_progress(struct sip_call *call, bool inband)
{
	(void)call;
	note(inband ? "183+audio; " : "183; ");
	return 0;
}

int sip_call_connect(struct sip_call *call, const struct sip_info *info)
{
	(void)call;
	note("200 %s; ", info->connected.number.digits);
	return 0;
}

int sip_call_offer(struct sip_call *call, const struct media_desc *desc)
{
	(void)call;
	(void)desc;
	note("offer; ");
	return 0;
}

int sip_call_answer(struct sip_call *call, const struct media_desc *desc)
{
	(void)call;
	(void)desc;
	note("answer; ");
	return 0;
}

int sip_call_refuse(struct sip_call *call, struct q850_cause cause)
{
	(void)call;
	note("refuse %u; ", cause.value);
	return 0;
}

int sip_call_info_dtmf(struct sip_call *call, unsigned event, unsigned duration_ms)
{
	(void)call;
	note("INFO %u %u; ", event, duration_ms);
	return 0;
}

void sip_call_rule_status(struct sip_call *call, unsigned status)
{
	(void)call;
	note("ruled %u, ", status);
}

void sip_call_moved(struct sip_call *call, const char *digits)
{
	(void)call;
	note("moved %s; ", digits);
}

void sip_call_heard_status(struct sip_call *call, unsigned status)
{
	(void)call;
	if (status)
		note("heard %u, ", status);
}

unsigned sip_call_refusal(const struct sip_call *call, struct q850_cause cause)
{
	(void)call;
	return 400 + cause.value; /* whatever the floor below makes of it */
}

void sip_call_release(struct sip_call *call, struct q850_cause cause)
{
	(void)call;
	note("release %u; ", cause.value);
}

void sip_call_done(struct sip_call *call)
{
	assert_false(call->done);
	call->done = true;
	note("done; ");
}

const char *sip_call_key(const struct sip_call *call)
{
	(void)call;
	return "call-id@here";
}

const char *sip_call_state_name(const struct sip_call *call)
{
	(void)call;
	return "confirmed";
}

/* ---- The house with a SIP trunk in it ---- */

static void add_trunk(unsigned endpoint)
{
	trunk = (struct sip_trunk){ .up = true, .conf = { .early_media = true } };
	sip = (struct sip_call){ 0 };
	create_fails = 0;
	fx.endpoints[endpoint].target = &trunk;
	fx.endpoints[endpoint].make_leg = leg_sip_make;
	fx.endpoints[endpoint].available = leg_sip_available;
}

static int setup_caller(void **state)
{
	setup(state);
	add_trunk(IN);
	return 0;
}

static int setup_called(void **state)
{
	setup(state);
	add_trunk(GW1);
	return 0;
}

static void happens(enum sip_event event, const struct sip_event_data *data)
{
	sip.ops->event(&sip, event, data, sip.arg);
	settle();
}

static void happens_plain(enum sip_event event)
{
	happens(event, &(struct sip_event_data){ 0 });
}

static void released(uint8_t cause, unsigned status)
{
	happens(SIP_RELEASED,
		&(struct sip_event_data){ .cause = q850(cause, Q850_LOC_USER), .status = status });
}

static struct sip_info invite_to(const char *called)
{
	struct sip_info info = { .has_offer = true, .max_forwards = 70 };

	snprintf(info.called.number.digits, NUMBER_DIGITS, "%s", called);
	return info;
}

static void invited(const struct sip_info *info)
{
	struct media_desc offer = { 0 };

	leg_sip_incoming(&trunk, &sip, info, &fx.gateway);
	if (info->has_offer)
		sip.ops->offer(&sip, &offer, sip.arg);
	settle();
}

/* ---- A SIP caller ---- */

static void test_caller(void **state)
{
	struct sip_info info = invite_to(number);

	(void)state;
	leg_sip_incoming(&trunk, &sip, &info, &fx.gateway);
	took_note(""); /* the offer is still to come */
	sip.ops->offer(&sip, &(struct media_desc){ 0 }, sip.arg);
	took_note("offered; gw1<SETUP; ");
	assert_int_equal(fx.leg[GW1]->setup.progress_count, 1);
	assert_int_equal(fx.leg[GW1]->setup.progress[0].description, PROGRESS_ORIGIN_NOT_ISDN);
	assert_int_equal(fx.leg[GW1]->setup.bearer.capability, ISDN_SPEECH);
	assert_true(fx.leg[GW1]->setup.sending_complete);
	tell(GW1, LEG_ALERTING);
	tell_inband(GW1, LEG_PROGRESS, 0);
	tell(GW1, LEG_PROGRESS);
	tell(GW1, LEG_CONNECT);
	took_note("180; media; 183+audio; 183; media; 200 ; ");
	happens_plain(SIP_CONNECTED);
	released(Q850_NORMAL_CLEARING, 0);
	took_note("gw1<RELEASE 16; done; ");
}

static void test_caller_without_offer(void **state)
{
	struct sip_info info = invite_to(number);

	(void)state;
	info.has_offer = false;
	invited(&info);
	took_note("gw1<SETUP; ");
	sip.ops->answer(&sip, &(struct media_desc){ 0 }, sip.arg);
	sip.ops->refuse(&sip, q850(65, Q850_LOC_USER), sip.arg);
	sip.ops->offer(&sip, &(struct media_desc){ 0 }, sip.arg);
	took_note("media ANSWER from in; media REFUSE from in; media OFFER from in; ");
	released(Q850_NORMAL_CLEARING, 487);
	took_note("gw1<RELEASE 16; done; ");
}

/* What another SIP call ended with goes along: this one may repeat it. */
static void test_status_of_the_other_side(void **state)
{
	struct sip_info info = invite_to(number);

	(void)state;
	invited(&info);
	fx.log[0] = 0;
	fx.leg[GW1]->leg.status = 480;
	tell_cause(GW1, LEG_RELEASE, Q850_NO_USER_RESPONDING);
	took_note("heard 480, release 18; ");
	released(Q850_NO_USER_RESPONDING, 480);
}

/* A span that cleared orders a status of its own. */
static void test_status_that_a_span_orders(void **state)
{
	struct sip_info info = invite_to(number);

	(void)state;
	invited(&info);
	fx.log[0] = 0;
	fx.leg[GW1]->leg.status = LEG_STATUS_RULED | 600;
	tell_cause(GW1, LEG_RELEASE, Q850_USER_BUSY);
	took_note("ruled 600, release 17; ");
	released(Q850_USER_BUSY, 600);
}

/* For the record: what the INVITE ends with. */
static void test_refusal(void **state)
{
	struct leg_message release = { .type = LEG_RELEASE, .cause = q850(17, Q850_LOC_USER) };
	struct sip_info info = invite_to(number);
	struct leg *leg;

	(void)state;
	invited(&info);
	leg = the_call()->seats[LEG_CALLER];
	assert_int_equal(leg->ops->refusal(leg, &release), 417);
	leg->released = true;
	assert_int_equal(leg->ops->refusal(leg, &release), 487);
	leg->released = false;
	tell(GW1, LEG_CONNECT);
	assert_int_equal(leg->ops->refusal(leg, &release), 0);
	released(Q850_NORMAL_CLEARING, 0);
}

static void test_caller_cancels_before_its_offer(void **state)
{
	struct sip_info info = invite_to(number);

	(void)state;
	leg_sip_incoming(&trunk, &sip, &info, &fx.gateway);
	released(Q850_NORMAL_CLEARING, 487);
	took_note("done; ");
	assert_int_equal(fx.gateway.counters.calls_total, 0);
}

/* An INVITE taken before the gateway began to stop, and told after. */
static void test_caller_comes_too_late(void **state)
{
	struct sip_info info = invite_to(number);

	(void)state;
	leg_sip_incoming(&trunk, &sip, &info, &fx.gateway);
	fx.gateway.refusing = true;
	sip.ops->offer(&sip, &(struct media_desc){ 0 }, sip.arg);
	took_note("release 42; ");
	assert_int_equal(fx.gateway.call_count, 0);
	released(Q850_CONGESTION, 0);
	took_note("done; ");
}

static void test_caller_hears_an_announcement(void **state)
{
	struct sip_info info = invite_to(number);

	(void)state;
	invited(&info);
	fx.log[0] = 0;
	tell_inband(GW1, LEG_DISCONNECT, Q850_UNALLOCATED);
	took_note("media; 183+audio; ");
	tell_cause(GW1, LEG_RELEASE, Q850_NORMAL_CLEARING);
	took_note("release 1; ");
	released(Q850_UNALLOCATED, 404);
	took_note("done; ");
}

/* Where no early media may be sent, there is nothing to hear: refused at once. */
static void test_no_early_media(void **state)
{
	struct sip_info info = invite_to(number);

	(void)state;
	trunk.conf.early_media = false;
	invited(&info);
	tell_inband(GW1, LEG_ALERTING, 0);
	fx.log[0] = 0;
	tell_inband(GW1, LEG_DISCONNECT, Q850_UNALLOCATED);
	took_note("media; release 1; gw1<RELEASE 1; ");
	released(Q850_UNALLOCATED, 404);
}

static void test_answered_caller_hears_to_the_end(void **state)
{
	struct sip_info info = invite_to(number);

	(void)state;
	invited(&info);
	tell(GW1, LEG_CONNECT);
	fx.log[0] = 0;
	tell_inband(GW1, LEG_DISCONNECT, Q850_NORMAL_CLEARING);
	took_note("media; ");
	advance_ms(30000);
	took_note("release 16; gw1<RELEASE 16; ");
	released(Q850_NORMAL_CLEARING, 0);
}

static void test_digits_and_identities_while_talking(void **state)
{
	struct sip_info info = invite_to(number);
	struct sip_event_data digit = { .dtmf_event = 7, .dtmf_ms = 120 };

	(void)state;
	invited(&info);
	tell(GW1, LEG_CONNECT);
	fx.log[0] = 0;
	happens(SIP_DTMF, &digit);
	happens_plain(SIP_PARTY_UPDATE);
	tell_message(fx.leg[GW1],
		     &(struct leg_message){ .type = LEG_DTMF, .number = 5, .duration_ms = 90 });
	tell(GW1, LEG_HOLD);
	took_note("gw1<DTMF; gw1<PARTY_UPDATE; INFO 5 90; ");
	released(Q850_NORMAL_CLEARING, 0);
}

static void test_memory_refused_for_a_caller(void **state)
{
	struct sip_info info = invite_to(number);

	(void)state;
	mem_fail_after(0);
	leg_sip_incoming(&trunk, &sip, &info, &fx.gateway);
	mem_fail_after(-1);
	took_note("release 47; done; ");
}

/* ---- A SIP called party ---- */

static struct leg_info connect_told;

static int note_connect(struct leg *leg, const struct leg_message *m)
{
	if (m->type == LEG_CONNECT)
		connect_told = *m->info;
	return fake_send(leg, m);
}

/* The answer comes from no ISDN: its CONNECT says so (Q.931 4.5.23, progress description 2). */
static void test_called_is_no_isdn(void **state)
{
	struct leg_ops noting = fake_ops;

	(void)state;
	noting.send = note_connect;
	incoming(number);
	fx.leg[IN]->leg.ops = &noting;
	happens_plain(SIP_CONNECT);
	assert_int_equal(connect_told.progress_count, 1);
	assert_int_equal(connect_told.progress[0].description, PROGRESS_DESTINATION_NOT_ISDN);
	fx.leg[IN]->leg.ops = &fake_ops;
	tell_cause(IN, LEG_RELEASE, Q850_NORMAL_CLEARING);
	released(Q850_NORMAL_CLEARING, 0);
}

static void test_called(void **state)
{
	struct sip_info answer = { .connected = { .number = { .digits = "+442079464444" } } };

	(void)state;
	incoming(number);
	took_note("invite 2079460000; in<PROCEEDING; ");
	happens_plain(SIP_PROCEEDING);
	happens_plain(SIP_PROCEEDING);
	assert_string_equal(call_state_name(the_call()), "proceeding");
	happens_plain(SIP_ALERTING);
	happens(SIP_PROGRESS, &(struct sip_event_data){ .inband = true });
	happens(SIP_CONNECT, &(struct sip_event_data){ .info = &answer });
	took_note("in<ALERTING; media; in<PROGRESS inband; media; in<CONNECT; ");
	tell_cause(IN, LEG_RELEASE, Q850_NORMAL_CLEARING);
	took_note("release 16; ");
	released(Q850_NORMAL_CLEARING, 0);
	took_note("done; ");
}

static void test_called_refuses(void **state)
{
	(void)state;
	incoming(number);
	fx.log[0] = 0;
	released(Q850_USER_BUSY, 486);
	took_note("in<RELEASE 17; done; ");
	assert_int_equal(fx.gateway.counters.calls_failed, 1);
}

static void test_called_is_busy_elsewhere(void **state)
{
	(void)state;
	trunk.up = false;
	incoming(number);
	assert_int_equal(attempt_at(0)->cause.value, Q850_DESTINATION_OUT_OF_ORDER);
	took_note("gw2<SETUP; in<PROCEEDING; ");
	trunk.up = true;
	trunk.conf.max_calls = 3;
	trunk.calls = 3;
	assert_int_equal(leg_sip_available(&fx.endpoints[GW1]), -EBUSY);
	trunk.calls = 2;
	assert_int_equal(leg_sip_available(&fx.endpoints[GW1]), 0);
	tell_cause(IN, LEG_RELEASE, Q850_NORMAL_CLEARING);
}

static void test_only_audio_crosses_into_sip(void **state)
{
	static const struct {
		uint8_t capability;
		bool crosses;
	} rows[] = {
		{ ISDN_SPEECH, true },
		{ ISDN_AUDIO_3K1, true },
		{ ISDN_UNRESTRICTED, false },
		{ ISDN_RESTRICTED, false },
		{ ISDN_UNRESTRICTED_TONES, false },
		{ ISDN_VIDEO, false },
	};
	struct leg_info info = info_to(number);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		info.bearer.capability = rows[i].capability;
		fx.unavailable[GW2] = fx.unavailable[GW3] = -EBUSY;
		incoming_info(&info);
		if (!rows[i].crosses)
			assert_int_equal(attempt_at(0)->cause.value, Q850_BEARER_NOT_IMPLEMENTED);
		assert_int_equal(strstr(fx.log, "invite") != NULL, rows[i].crosses);
		fx.log[0] = 0;
		if (rows[i].crosses)
			released(Q850_USER_BUSY, 486);
		settle();
	}
}

static void test_invite_that_cannot_be_sent(void **state)
{
	(void)state;
	create_fails = -EBUSY;
	incoming(number);
	took_note("invite 2079460000; gw2<SETUP; in<PROCEEDING; ");
	tell_cause(IN, LEG_RELEASE, Q850_NORMAL_CLEARING);
}

/* ---- Words ---- */

static void test_words(void **state)
{
	struct leg_info info = {
		.called = { .number = { .digits = "442079460000", .type = NUMBER_INTERNATIONAL } },
		.calling = { .number = { .digits = "2079460018",
					 .type = NUMBER_NATIONAL,
					 .presentation = PRESENTATION_RESTRICTED } },
		.redirecting = { .number = { .digits = "+4930", .type = NUMBER_INTERNATIONAL } },
		.connected = { .number = { .digits = "4940", .type = NUMBER_INTERNATIONAL } },
		.redirecting_reason = 15,
		.hops_left = 12,
		.emergency = true,
		.display = "Bob",
	};
	struct sip_info down;
	struct leg_info up;

	(void)state;
	leg_sip_info_down(&down, &info);
	assert_string_equal(down.called.number.digits, "+442079460000");
	assert_string_equal(down.calling.number.digits, "2079460018");
	assert_string_equal(down.redirecting.number.digits, "+4930");
	assert_string_equal(down.connected.number.digits, "+4940");
	assert_string_equal(down.calling.name, "Bob");
	assert_true(down.calling.name_restricted && down.emergency);
	assert_int_equal(down.max_forwards, 12);
	leg_sip_info_up(&up, &down);
	assert_memory_equal(&up.called, &down.called, sizeof(up.called));
	assert_memory_equal(&up.redirecting, &down.redirecting, sizeof(up.redirecting));
	assert_int_equal(up.redirecting_reason, 15);
	assert_int_equal(up.hops_left, 12);
	assert_true(up.emergency);
}

static void test_packets(void **state)
{
	struct leg_packets packets;
	struct leg *leg = NULL;

	(void)state;
	assert_int_equal(leg_sip_make(&fx.endpoints[GW1], &leg), 0);
	leg->ops->packets(leg, &packets);
	assert_ptr_equal(packets.trunk, &trunk.conf);
	assert_false(netaddr_equal(&packets.bind, &packets.advertised));
	assert_null(leg->ops->key(leg));
	assert_string_equal(leg->ops->state(leg), "idle");
	leg_destroy(&leg);
}

#define CALLER(name) cmocka_unit_test_setup_teardown(name, setup_caller, teardown)
#define CALLED(name) cmocka_unit_test_setup_teardown(name, setup_called, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CALLER(test_caller),
		CALLER(test_caller_without_offer),
		CALLER(test_status_of_the_other_side),
		CALLER(test_refusal),
		CALLER(test_status_that_a_span_orders),
		CALLER(test_caller_cancels_before_its_offer),
		CALLER(test_caller_comes_too_late),
		CALLER(test_caller_hears_an_announcement),
		CALLER(test_no_early_media),
		CALLER(test_answered_caller_hears_to_the_end),
		CALLER(test_digits_and_identities_while_talking),
		CALLER(test_memory_refused_for_a_caller),
		CALLED(test_called),
		CALLED(test_called_is_no_isdn),
		CALLED(test_called_refuses),
		CALLED(test_called_is_busy_elsewhere),
		CALLED(test_only_audio_crosses_into_sip),
		CALLED(test_invite_that_cannot_be_sent),
		CALLED(test_words),
		CALLED(test_packets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
