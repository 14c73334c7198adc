/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TESTS_CALL_HOUSE_H
#define TESTS_CALL_HOUSE_H

/* A gateway of fake legs and fake media that only take notes, for the tests of the call machine.
 * Time is virtual. One translation unit each includes this: everything is static. */

#pragma GCC diagnostic ignored "-Wunused-function" /* not every test needs all of it */

#include "gateway/call_fsm.h"
#include "gateway/call.h"
#include "gateway/gateway.h"
#include "gateway/ladder.h"

#include "base/mem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { IN, GW1, GW2, GW3, ENDPOINTS };

struct fake_leg {
	struct leg leg;
	struct loop_deferred gone;
	char key[24];
	struct leg_info setup; /* of the SETUP that was sent to it */
};

struct fixture {
	struct clock_virtual clock;
	struct loop *loop;
	struct gateway gateway;
	struct endpoint endpoints[ENDPOINTS];
	struct fake_leg *leg[ENDPOINTS]; /* the newest of each endpoint; NULL once destroyed */
	int unavailable[ENDPOINTS], send_fails[ENDPOINTS], make_fails;
	int offered_fails, prepare_fails, open_fails, message_fails;
	bool slow_release; /* RELEASE told only by tell() */
	bool dtmf_in_media;
	unsigned bridges, legs_live;
	char log[8192];
	bool quiet;
};

static struct fixture fx;

__attribute__((format(printf, 1, 2))) static void note(const char *format, ...)
{
	size_t used = strlen(fx.log);
	va_list args;

	if (fx.quiet)
		return;
	va_start(args, format);
	vsnprintf(fx.log + used, sizeof(fx.log) - used, format, args);
	va_end(args);
}

static void took_note(const char *expected)
{
	assert_string_equal(fx.log, expected);
	fx.log[0] = 0;
}

/* ---- Legs ---- */

static void tell_message(struct fake_leg *leg, const struct leg_message *message)
{
	leg_tell(&leg->leg, message);
}

static void tell(unsigned who, enum leg_message_type type)
{
	tell_message(fx.leg[who], &(struct leg_message){ .type = type });
}

static void tell_cause(unsigned who, enum leg_message_type type, uint8_t cause)
{
	tell_message(
		fx.leg[who],
		&(struct leg_message){ .type = type, .cause = q850(cause, Q850_LOC_PUBLIC_LOCAL) });
}

static void tell_inband(unsigned who, enum leg_message_type type, uint8_t cause)
{
	tell_message(fx.leg[who],
		     &(struct leg_message){ .type = type,
					    .inband = true,
					    .cause = q850(cause, Q850_LOC_PUBLIC_LOCAL) });
}

static void gone(void *arg)
{
	struct fake_leg *leg = arg;

	if (!leg->leg.released)
		tell_message(leg, &(struct leg_message){
					  .type = LEG_RELEASE,
					  .cause = q850(Q850_NORMAL_CLEARING, Q850_LOC_USER) });
}

static int fake_send(struct leg *leg, const struct leg_message *m)
{
	struct fake_leg *fake = (struct fake_leg *)leg;
	unsigned who = leg->endpoint->index;

	note("%s<%s", leg->endpoint->name, leg_message_name(m->type));
	if (m->cause.value)
		note(" %u", m->cause.value);
	if (m->inband)
		note(" inband");
	if (m->diagnostics)
		note(" diagnosed %02x/%u", m->diagnostics->octets[0], m->diagnostics->length);
	note("; ");
	if (m->type == LEG_SETUP) {
		fake->setup = *m->info;
		if (fx.send_fails[who])
			return fx.send_fails[who];
	}
	if (m->type == LEG_RELEASE && !fx.slow_release)
		loop_defer(fx.loop, &fake->gone, gone, fake);
	return m->type == LEG_DISCONNECT || m->type == LEG_CONNECT ? fx.send_fails[who] : 0;
}

static void fake_destroy(struct leg *leg)
{
	struct fake_leg *fake = (struct fake_leg *)leg;

	loop_defer_cancel(fx.loop, &fake->gone);
	fx.legs_live--;
	if (fx.leg[leg->endpoint->index] == fake)
		fx.leg[leg->endpoint->index] = NULL;
	loop_free_later(fx.loop, fake);
}

static const char *fake_key(const struct leg *leg)
{
	return ((const struct fake_leg *)leg)->key;
}

static const char *fake_state(const struct leg *leg)
{
	(void)leg;
	return "fake";
}

static const struct leg_ops fake_ops = {
	.kind = "fake",
	.media_kind = LEG_MEDIA_PACKETS,
	.send = fake_send,
	.destroy = fake_destroy,
	.key = fake_key,
	.state = fake_state,
};

static int fake_make(struct endpoint *endpoint, struct leg **out)
{
	struct fake_leg *leg = fx.make_fails ? NULL : mem_zalloc(sizeof(*leg));

	if (!leg)
		return -ENOMEM;
	leg_init(&leg->leg, &fake_ops, endpoint);
	snprintf(leg->key, sizeof(leg->key), "%s/key", endpoint->name);
	fx.leg[endpoint->index] = leg;
	fx.legs_live++;
	*out = &leg->leg;
	return 0;
}

static int fake_available(const struct endpoint *endpoint)
{
	return fx.unavailable[endpoint->index];
}

/* ---- Media ---- */

struct bridge {
	struct call *call;
	void (*closed)(void *arg);
	void *arg;
	struct loop_deferred end;
};

static int media_create(struct bridge **out, struct call *call)
{
	struct bridge *bridge = mem_zalloc(sizeof(*bridge));

	if (!bridge)
		return -ENOMEM;
	bridge->call = call;
	fx.bridges++;
	*out = bridge;
	return 0;
}

static int media_offered(struct bridge *bridge, struct leg *caller, const struct media_desc *offer,
			 unsigned id)
{
	(void)bridge;
	(void)caller;
	(void)offer;
	(void)id;
	note("offered; ");
	return fx.offered_fails;
}

static int media_prepare(struct bridge *bridge, struct leg *called, const struct media_desc **offer)
{
	(void)bridge;
	(void)called;
	*offer = NULL;
	return fx.prepare_fails;
}

static int media_open(struct bridge *bridge)
{
	(void)bridge;
	note("media; ");
	return fx.open_fails;
}

static int media_message(struct bridge *bridge, struct leg *from, const struct leg_message *m)
{
	(void)bridge;
	note("media %s from %s; ", leg_message_name(m->type), from->endpoint->name);
	return fx.message_fails;
}

static int media_dtmf(struct bridge *bridge, struct leg *to, unsigned event, unsigned duration_ms)
{
	(void)bridge;
	if (!fx.dtmf_in_media)
		return -ENOTSUP;
	note("tone %u %u to %s; ", event, duration_ms, to->endpoint->name);
	return 0;
}

static void media_drop(struct bridge *bridge, struct leg *called)
{
	(void)bridge;
	(void)called;
}

static void media_end(void *arg)
{
	struct bridge *bridge = arg;

	fx.bridges--;
	bridge->closed(bridge->arg);
	loop_free_later(fx.loop, bridge);
}

static void media_close(struct bridge **out, void (*closed)(void *arg), void *arg)
{
	struct bridge *bridge = *out;

	*out = NULL;
	bridge->closed = closed;
	bridge->arg = arg;
	loop_defer(fx.loop, &bridge->end, media_end, bridge);
}

static const struct bridge_ops fake_media = {
	.create = media_create,
	.offered = media_offered,
	.prepare = media_prepare,
	.open = media_open,
	.message = media_message,
	.dtmf = media_dtmf,
	.drop = media_drop,
	.close = media_close,
};

/* ---- The house ---- */

static struct dp_rule dial_rules[] = {
	{ .name = "national",
	  .pattern = "^0([1-9]\\d+)$",
	  .translation = "+44$1",
	  .type = -1,
	  .plan = -1,
	  .match_type = -1 },
	{ .name = "e164",
	  .pattern = "^(\\+\\d+)$",
	  .translation = "$1",
	  .type = -1,
	  .plan = -1,
	  .match_type = -1 },
};
static struct dp_rule out_rules[] = {
	{ .name = "uk",
	  .pattern = "^\\+44(\\d+)$",
	  .translation = "$1",
	  .type = NUMBER_NATIONAL,
	  .plan = -1,
	  .match_type = -1 },
};
static struct dp_ruleset dial_plans[] = { { .name = "uk", .rules = dial_rules, .rule_count = 2 } };
static struct dp_ruleset translations[] = {
	{ .name = "to-telco", .rules = out_rules, .rule_count = 1 }
};
static char *usages[] = { "pstn", "nowhere" };
static struct dp_policy policies[] = {
	{ .name = "all", .usages = usages, .usage_count = 1 },
	{ .name = "none", .usages = usages + 1, .usage_count = 1 },
};
static struct dp_gateway_ref three[] = {
	{ .name = "gw1", .weight = 1 },
	{ .name = "gw2", .weight = 1 },
	{ .name = "gw3", .weight = 1 },
};
static struct dp_route routes[] = {
	{ .name = "uk",
	  .pattern = "^\\+44",
	  .usages = usages,
	  .usage_count = 1,
	  .gateways = three,
	  .gateway_count = 3 },
	{ .name = "hidden",
	  .pattern = "^\\+33",
	  .usages = usages,
	  .usage_count = 1,
	  .gateways = three,
	  .gateway_count = 1,
	  .suppress_caller_id = true },
	{ .name = "other-caller",
	  .pattern = "^\\+49",
	  .usages = usages,
	  .usage_count = 1,
	  .gateways = three,
	  .gateway_count = 1,
	  .suppress_caller_id = true,
	  .alternate_caller_id = "+14255550199" },
	{ .name = "emergency",
	  .pattern = "^\\+?(999|112)$",
	  .gateways = three,
	  .gateway_count = 1,
	  .emergency = true },
};
static const struct dialplan_tables tables = {
	.dial_plans = dial_plans,
	.dial_plan_count = 1,
	.translations = translations,
	.translation_count = 1,
	.usages = usages,
	.usage_count = 2,
	.policies = policies,
	.policy_count = 2,
	.routes = routes,
	.route_count = 4,
};
static const struct dp_gateway_name gateway_names[] = { { "gw1", GW1, NULL },
							{ "gw2", GW2, NULL },
							{ "gw3", GW3, NULL } };

static void fault(void *arg, struct conf_place place, const char *what)
{
	(void)arg;
	(void)place;
	fail_msg("%s", what);
}

static void make_endpoint(unsigned i, const char *name)
{
	fx.endpoints[i] = (struct endpoint){
		.name = name,
		.kind = "trunk",
		.index = i,
		.dial_plan = "uk",
		.calling_dial_plan = "uk",
		.policy = "all",
		.called_translation = "to-telco",
		.calling_translation = "to-telco",
		.setup_timeout_ms = 4000,
		.ring_timeout_s = 180,
		.gateway = &fx.gateway,
		.make_leg = fake_make,
		.available = fake_available,
	};
}

static void traced(const struct fsm *fsm, const char *what, unsigned from, bool refused, void *arg)
{
	(void)arg;
	note("[%s %s", gateway_call_machine.states[from].name, what);
	if (refused)
		note(" refused");
	else if (fsm->state != from)
		note(" %s", fsm_state_name(fsm));
	note("] ");
}

static void start_house(void)
{
	static const char *const names[] = { "in", "gw1", "gw2", "gw3" };

	memset(&fx, 0, sizeof(fx));
	clock_virtual_init(&fx.clock);
	assert_int_equal(loop_create(&fx.loop, &fx.clock.clock), 0);
	fx.gateway.loop = fx.loop;
	fx.gateway.media = &fake_media;
	gateway_init_lists(&fx.gateway);
	for (unsigned i = 0; i < ENDPOINTS; i++) {
		make_endpoint(i, names[i]);
		list_append(&fx.gateway.endpoints, &fx.endpoints[i].node);
	}
	assert_int_equal(dialplan_compile(&fx.gateway.plan, &tables, gateway_names, 3, fault, NULL),
			 0);
	assert_int_equal(ladder_book_create(&fx.gateway.ladders, 5, &fx.clock.clock), 0);
}

/* Everything is given back: no call, leg, bridge or block. */
static void end_house(void)
{
	loop_advance(fx.loop, &fx.clock, 0);
	assert_int_equal(fx.gateway.call_count, 0);
	assert_int_equal(fx.legs_live, 0);
	assert_int_equal(fx.bridges, 0);
	for (unsigned i = 0; i < ENDPOINTS; i++)
		assert_int_equal(fx.endpoints[i].calls_now + fx.endpoints[i].references, 0);
	fsm_set_trace(NULL);
	dialplan_unref(&fx.gateway.plan);
	ladder_book_destroy(&fx.gateway.ladders);
	loop_destroy(&fx.loop);
	assert_int_equal(mem_live_blocks(), 0);
}

static int setup(void **state)
{
	(void)state;
	start_house();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	end_house();
	return 0;
}

static void settle(void)
{
	loop_advance(fx.loop, &fx.clock, 0);
}

static void advance_ms(unsigned ms)
{
	loop_advance(fx.loop, &fx.clock, (uint64_t)ms * 1000);
}

static struct leg_info info_to(const char *called)
{
	struct leg_info info = { .hops_left = 70 };

	snprintf(info.called.number.digits, NUMBER_DIGITS, "%s", called);
	snprintf(info.calling.number.digits, NUMBER_DIGITS, "0207946%s", "0018");
	info.calling.number.present = true;
	snprintf(info.calling.name, sizeof(info.calling.name), "Alice");
	return info;
}

static void incoming_info(const struct leg_info *info)
{
	struct leg *leg = NULL;

	if (fake_make(&fx.endpoints[IN], &leg) == 0)
		call_incoming(&fx.gateway, leg,
			      &(struct leg_message){ .type = LEG_SETUP, .info = info });
}

static void incoming(const char *called)
{
	struct leg_info info = info_to(called);

	incoming_info(&info);
}

static struct call *the_call(void)
{
	return list_first(&fx.gateway.calls, struct call, node);
}

static struct call_attempt *attempt_at(unsigned i)
{
	struct call_attempt *attempt;

	list_for_each(attempt, &the_call()->attempts, struct call_attempt,
		      node) if (i-- == 0) return attempt;
	return NULL;
}

static const char number[] = "02079460000";

static void trace_on(void)
{
	static const struct fsm_trace trace = { .event = traced };

	fsm_set_trace(&trace);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
