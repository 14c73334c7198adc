/* SPDX-License-Identifier: GPL-2.0-only */
/* A call's life: made when a leg brings one, handed its legs' messages, freed when no leg and no
 * media are left. */
#include "gateway/call_private.h"
#include "gateway/records.h"

#include "base/mem.h"

#include <string.h>

void call_seat(struct call *call, struct leg *leg, unsigned seat)
{
	const char *key = leg->ops->key(leg);
	struct leg_channel channel = { 0 };

	if (leg->ops->channel)
		leg->ops->channel(leg, &channel);
	call->slips_before[seat] = channel.slips;
	leg->call = call;
	leg->seat = seat;
	call->seats[seat] = leg;
	leg->endpoint->calls_now++;
	if (key && call->gateway->ladders)
		ladder_bind(call->gateway->ladders, call->id, key, leg->endpoint->name);
}

void call_leg_free(struct call *call, struct leg **out)
{
	struct leg *leg = *out;

	if (!leg)
		return;
	for (unsigned seat = 0; seat < 2; seat++)
		if (call->seats[seat] == leg)
			call->seats[seat] = NULL;
	leg->endpoint->calls_now--;
	leg_destroy(&leg);
	if (*out)
		*out = NULL;
}

static bool leg_is_gone(const struct leg *leg)
{
	return !leg || leg->released;
}

static void check_cleared(void *arg)
{
	struct call *call = arg;

	if (call->fsm.state == CALL_CLEARING && !call->media_closing &&
	    list_empty(&call->leaving) && leg_is_gone(call->seats[LEG_CALLER]) &&
	    leg_is_gone(call->seats[LEG_CALLED]))
		fsm_event(&call->fsm, CALL_CLEARED, NULL);
}

void call_poke(struct call *call)
{
	loop_defer(call->gateway->loop, &call->cleared, check_cleared, call);
}

static void media_closed(void *arg)
{
	struct call *call = arg;

	call->media_closing = false;
	call_poke(call);
}

void call_close_media(struct call *call)
{
	if (!call->bridge)
		return;
	call->media_closing = true;
	call->gateway->media->close(&call->bridge, media_closed, call);
}

static void free_attempts(struct call *call)
{
	struct call_attempt *attempt;

	list_for_each(attempt, &call->attempts, struct call_attempt, node)
	{
		list_remove(&attempt->node);
		mem_free(attempt);
	}
}

void call_free(struct call *call)
{
	struct gateway *gateway = call->gateway;

	call_leg_free(call, &call->seats[LEG_CALLER]);
	call_leg_free(call, &call->seats[LEG_CALLED]);
	loop_defer_cancel(gateway->loop, &call->cleared);
	loop_timer_stop(gateway->loop, &call->record_timer);
	fsm_close(&call->fsm);
	if (gateway->ladders)
		ladder_close(gateway->ladders, call->id);
	free_attempts(call);
	dialplan_unref(&call->plan);
	endpoint_unref(call->ingress);
	list_remove(&call->node);
	loop_free_later(gateway->loop, call);
	if (--gateway->call_count == 0 && gateway->idle)
		gateway->idle(gateway);
}

static struct call *make_call(struct gateway *gateway)
{
	struct call *call = mem_zalloc(sizeof(*call));

	if (!call)
		return NULL;
	call->gateway = gateway;
	list_init(&call->node);
	list_init(&call->leaving);
	list_init(&call->attempts);
	call->times.setup_wall_us = clock_wall_us(loop_clock(gateway->loop));
	call->times.setup_us = call_now_us(call);
	call_id_make(&gateway->ids, call->times.setup_wall_us, call->id);
	if (gateway->media->create(&call->bridge, call) < 0)
		goto fail;
	return call;
fail:
	mem_free(call);
	return NULL;
}

void call_incoming(struct gateway *gateway, struct leg *leg, const struct leg_message *setup)
{
	struct call *call = make_call(gateway);

	gateway->counters.calls_total++;
	leg->endpoint->calls_in++;
	if (!call) {
		gateway->counters.calls_failed++;
		leg_release(leg, q850(Q850_RESOURCE_UNAVAILABLE, Q850_LOC_PRIVATE_LOCAL));
		return;
	}
	call->ingress = endpoint_ref(leg->endpoint);
	call->plan = gateway->plan ? dialplan_ref(gateway->plan) : NULL;
	if (setup->info)
		call->info = *setup->info;
	list_append(&gateway->calls, &call->node);
	gateway->call_count++;
	if (gateway->ladders)
		ladder_open(gateway->ladders, call->id);
	call_seat(call, leg, LEG_CALLER);
	records_begin(gateway->records, call);
	fsm_init(&call->fsm, &gateway_call_machine, CALL_NEW, gateway->loop, call);
	fsm_event(&call->fsm, CALL_A(LEG_SETUP), setup);
}

/* A leg that lost its seat has one thing left to say. Clearing from both sides may still cross
 * (Q.931 5.3.5). */
static void receive_leaving(struct call *call, struct leg *leg, const struct leg_message *message)
{
	if (message->type == LEG_DISCONNECT)
		leg_release(leg, message->cause);
	if (message->type != LEG_RELEASE)
		return;
	call_leg_free(call, &leg);
	call_poke(call);
}

static void keep_diagnostics(struct call *call, const struct leg_message *message)
{
	static const struct leg_diagnostics none;

	if (!message->cause.value)
		return;
	call->diagnostics = message->diagnostics ? *message->diagnostics : none;
	call->diagnosed = message->cause;
}

void call_receive(struct call *call, struct leg *leg, const struct leg_message *message)
{
	unsigned event = leg->seat == LEG_CALLER ? CALL_A(message->type) : CALL_B(message->type);

	if (leg->seat == LEG_LEAVING) {
		receive_leaving(call, leg, message);
		return;
	}
	keep_diagnostics(call, message);
	if (!fsm_event(&call->fsm, event, message))
		clog(call, LOG_LEVEL_DEBUG, "%s from %s does not fit state %s",
		     leg_message_name(message->type), leg->endpoint->name, call_state_name(call));
}

void call_hangup(struct call *call, struct q850_cause cause)
{
	fsm_event(&call->fsm, CALL_HANGUP,
		  &(struct leg_message){ .type = LEG_RELEASE, .cause = cause });
}

const char *call_state_name(const struct call *call)
{
	return fsm_state_name(&call->fsm);
}
