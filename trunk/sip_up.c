/* SPDX-License-Identifier: GPL-2.0-only */
/* Events on their way up. Whatever happens inside a verb or inside Sofia is queued here and told at
 * the end of the loop's turn, in order, so that a user is never called back from inside its own
 * call. */
#include "trunk/sip_call_private.h"

static void post(struct sip_up *up)
{
	struct sip_stack *stack = up->call->stack;

	up->call->queued++;
	list_append(&stack->up, &up->node);
	loop_defer(stack->cfg.loop, &stack->deliver, sip_up_deliver, stack);
}

static struct sip_up *make(struct sip_call *call, enum sip_up_kind kind,
			   const struct sip_info *info, const struct media_desc *desc)
{
	struct block {
		struct sip_up up;
		struct sip_info info;
		struct media_desc desc;
	} * block;

	if (call->released || call->done)
		return NULL;
	block = mem_zalloc(sizeof(*block));
	if (!block) {
		sip_call_starve(call);
		return NULL;
	}
	block->up = (struct sip_up){ .call = call, .kind = kind };
	list_init(&block->up.node);
	if (info) {
		block->info = *info;
		block->up.info = &block->info;
	}
	if (desc) {
		block->desc = *desc;
		block->up.desc = &block->desc;
	}
	return &block->up;
}

void sip_up_event(struct sip_call *call, enum sip_event event, const struct sip_event_data *data)
{
	struct sip_up *up = make(call, UP_EVENT, data->info, NULL);

	if (!up)
		return;
	up->event = event;
	up->data = *data;
	up->data.info = up->info;
	post(up);
}

void sip_up_desc(struct sip_call *call, enum sip_up_kind kind, const struct media_desc *desc)
{
	struct sip_up *up = make(call, kind, NULL, desc);

	if (up)
		post(up);
}

void sip_up_refuse(struct sip_call *call, struct q850_cause cause)
{
	struct sip_up *up = make(call, UP_REFUSE, NULL, NULL);

	if (!up)
		return;
	up->data.cause = cause;
	post(up);
}

void sip_up_incoming(struct sip_call *call)
{
	struct sip_up *up = make(call, UP_INCOMING, &call->info, NULL);

	if (up)
		post(up);
}

void sip_up_released(struct sip_call *call, struct q850_cause cause, unsigned status, bool by_peer)
{
	struct sip_up *up = &call->released_up;

	if (call->released)
		return;
	call->released = true;
	up->call = call;
	up->kind = UP_EVENT;
	up->event = SIP_RELEASED;
	up->data = (struct sip_event_data){ .cause = cause, .status = status, .by_peer = by_peer };
	post(up);
}

static void tell_incoming(struct sip_call *call, const struct sip_up *up)
{
	const struct sip_stack *stack = call->stack;

	stack->ops->incoming(call->trunk, call, up->info, stack->arg);
	if (!call->taken && !call->done) {
		sip_call_release(call, q850(Q850_NORMAL_UNSPECIFIED, Q850_LOC_PRIVATE_LOCAL));
		sip_call_done(call);
	}
}

static void tell(struct sip_call *call, const struct sip_up *up)
{
	if (up->kind == UP_INCOMING) {
		tell_incoming(call, up);
		return;
	}
	if (!call->ops || call->done)
		return;
	switch (up->kind) {
	case UP_EVENT:
		call->ops->event(call, up->event, &up->data, call->arg);
		break;
	case UP_OFFER:
		call->ops->offer(call, up->desc, call->arg);
		break;
	case UP_ANSWER:
		call->ops->answer(call, up->desc, call->arg);
		break;
	case UP_REFUSE:
		call->ops->refuse(call, up->data.cause, call->arg);
		break;
	case UP_INCOMING:
		break;
	}
}

void sip_up_deliver(void *arg)
{
	struct sip_stack *stack = arg;
	struct list now; /* what is posted meanwhile waits for the next turn: nobody starves the
			    sockets */
	struct sip_up *up;

	list_init(&now);
	while ((up = list_first(&stack->up, struct sip_up, node))) {
		list_remove(&up->node);
		list_append(&now, &up->node);
	}
	while ((up = list_first(&now, struct sip_up, node))) {
		struct sip_call *call = up->call;

		list_remove(&up->node);
		tell(call, up);
		call->queued--;
		if (up != &call->released_up) {
			mem_free(up);
		} else {
			call->released_told = true;
			sip_call_last_words(call);
		}
		sip_call_maybe_free(call);
	}
}
