/* SPDX-License-Identifier: GPL-2.0-only */
/* What is left of a call that has ended, or was cancelled, and that its user is done with: the
 * transactions and the dialog for which something may still come (RFC 3261 9.1, 13.2.2.4, 15.1.2),
 * and no more. A 2xx of the INVITE is acknowledged and ended, a BYE that crossed ours is answered,
 * all else is of no call. An incoming call that was refused leaves nothing: Sofia's transaction
 * waits for the ACK. */
#include "trunk/sip_call_private.h"

#include <stdio.h>
#include <string.h>

/* A BYE in a dialog whose requests were counted by a leg that is gone: above anything it sent. */
#define CSEQ_ABOVE 1000

struct sip_late {
	struct list node; /* of the stack's */
	struct sip_trunk *trunk;
	struct loop_timer timer;
	nta_leg_t *leg;         /* of the dialog that we ended; NULL */
	bool counted;           /* by its trunk: cancelled, and no final response yet */
	bool bye_in;            /* a crossing one was answered */
	struct sip_bye bye;     /* ours */
	nta_outgoing_t *modify; /* our re-INVITE without an answer; NULL */
	nta_outgoing_t *invite; /* NULL: the call came in */
	unsigned fork_count;
	nta_outgoing_t *forks[]; /* its branches */
};

static void leave_trunk(struct sip_late *late)
{
	if (late->counted)
		late->trunk->calls--;
	late->counted = false;
}

static void late_free(struct sip_late *late)
{
	leave_trunk(late);
	loop_timer_stop(late->trunk->stack->cfg.loop, &late->timer);
	nta_outgoing_destroy(late->modify);
	nta_outgoing_destroy(late->bye.orq);
	for (unsigned i = 0; i < late->fork_count; i++)
		nta_outgoing_destroy(late->forks[i]);
	nta_leg_destroy(late->leg);
	nta_outgoing_destroy(late->invite);
	late->trunk->kept--;
	sip_trunk_left(late->trunk);
	list_remove(&late->node);
	mem_free(late);
}

static void late_over(struct loop_timer *timer, void *arg)
{
	(void)timer;
	late_free(arg);
}

/* ---- What comes late ---- */

static int request(void *magic, nta_leg_t *leg, nta_incoming_t *irq, const sip_t *sip)
{
	struct sip_late *late = magic;
	bool crossing = sip->sip_request->rq_method == sip_method_bye && !late->bye_in;
	unsigned status = crossing ? 200 : 481;

	(void)leg;
	if (sip->sip_request->rq_method == sip_method_ack)
		return 200; /* not answered */
	late->bye_in |= crossing;
	sip_reply(irq, status, SIPTAG_ALLOW_STR(SIP_ALLOW),
		  SIPTAG_SERVER_STR(late->trunk->stack->user_agent), TAG_END());
	return (int)status;
}

static void acknowledge(nta_leg_t *leg, uint32_t cseq)
{
	char text[32];

	snprintf(text, sizeof(text), "%u ACK", cseq);
	nta_outgoing_destroy(nta_outgoing_tcreate(leg, NULL, NULL, sip_leg_hop(leg), SIP_METHOD_ACK,
						  NULL, SIPTAG_CSEQ_STR(text), TAG_END()));
}

/* The ACK transaction, which Sofia keeps, answers its repetitions. */
static void end_branch(struct sip_late *late, const sip_t *sip)
{
	char text[32], reason[SIP_HEADER_MAX];
	struct q850_cause normal = q850(Q850_NORMAL_CLEARING, Q850_LOC_PRIVATE_LOCAL);
	nta_leg_t *leg =
		nta_leg_tcreate(late->trunk->interface->agent, request, late,
				SIPTAG_CALL_ID(sip->sip_call_id), SIPTAG_FROM(sip->sip_from),
				SIPTAG_TO(sip->sip_to), SIPTAG_CSEQ(sip->sip_cseq), TAG_END());

	if (!leg)
		return;
	nta_leg_client_route(leg, sip->sip_record_route, sip->sip_contact);
	acknowledge(leg, sip->sip_cseq->cs_seq);
	snprintf(text, sizeof(text), "%u BYE", sip->sip_cseq->cs_seq + CSEQ_ABOVE);
	nta_outgoing_destroy(nta_outgoing_tcreate(
		leg, NULL, NULL, sip_leg_hop(leg), SIP_METHOD_BYE, NULL, SIPTAG_CSEQ_STR(text),
		SIPTAG_REASON_STR(sip_reason_text(normal, reason)),
		SIPTAG_USER_AGENT_STR(late->trunk->stack->user_agent), TAG_END()));
	nta_leg_destroy(leg);
}

static int response(void *magic, nta_outgoing_t *orq, const sip_t *sip)
{
	struct sip_late *late = magic;
	int status = nta_outgoing_status(orq);

	if (status < 200)
		return 0;
	leave_trunk(late);
	if (status >= 300 || !sip || !sip->sip_to || !sip->sip_to->a_tag)
		return 0;
	counter_inc(&late->trunk->stack->counters.late_forks);
	end_branch(late, sip);
	return 0;
}

/* A re-INVITE that crossed our BYE. */
static int modified(void *magic, nta_outgoing_t *orq, const sip_t *sip)
{
	struct sip_late *late = magic;
	int status = nta_outgoing_status(orq);

	if (status < 200)
		return 0;
	if (status < 300 && sip && late->leg)
		acknowledge(late->leg, nta_outgoing_cseq(orq));
	late->modify = NULL;
	nta_outgoing_destroy(orq);
	return 0;
}

static int byed(void *magic, nta_outgoing_t *orq, const sip_t *sip)
{
	struct sip_late *late = magic;

	if (nta_outgoing_status(orq) < 200)
		return 0;
	late->bye.orq = sip_leg_byed(late->leg, late->trunk, &late->bye, sip, byed, late);
	late->bye.again = true;
	return 0;
}

/* ---- Taking over ---- */

/* RFC 3261 15.1.2: pending requests are answered, 487 is recommended. */
static void end_request(nta_incoming_t **irq)
{
	if (*irq && nta_incoming_status(*irq) < 200)
		nta_incoming_treply(*irq, SIP_487_REQUEST_TERMINATED, TAG_END());
	nta_incoming_destroy(*irq);
	*irq = NULL;
}

static void take_dialog(struct sip_late *late, struct sip_dialog *d)
{
	if (d->fork && nta_outgoing_bind(d->fork, response, late) == 0) {
		late->forks[late->fork_count++] = d->fork;
		d->fork = NULL;
	}
	if (d != d->call->dialog || !d->bye_out)
		return;
	late->bye_in = d->bye_in;
	late->leg = d->leg;
	d->leg = NULL;
	nta_leg_bind(late->leg, request, late);
	late->bye = d->bye;
	d->bye.orq = NULL;
	if (late->bye.orq)
		nta_outgoing_bind(late->bye.orq, byed, late);
	if (!d->modify_out || d->modify_is_update)
		return;
	late->modify = d->modify_out;
	d->modify_out = NULL;
	nta_outgoing_bind(late->modify, modified, late);
}

int sip_late_take(struct sip_call *call)
{
	struct sip_late *late;
	struct sip_dialog *d;

	list_for_each(d, &call->dialogs, struct sip_dialog, node) {
		end_request(&d->modify_in);
		end_request(&d->prack_in);
	}
	if (!call->invite && !(call->dialog && call->dialog->bye_out))
		return 0;
	late = mem_zalloc(sizeof(*late) + call->dialog_count * sizeof(late->forks[0]));
	if (!late)
		return -1;
	late->trunk = call->trunk;
	late->trunk->kept++;
	late->counted = call->counted;
	call->counted = false;
	list_append(&call->stack->late, &late->node);
	list_for_each(d, &call->dialogs, struct sip_dialog, node)
		take_dialog(late, d);
	if (call->invite && nta_outgoing_bind(call->invite, response, late) == 0) {
		late->invite = call->invite;
		call->invite = NULL;
	}
	loop_timer_start(call->stack->cfg.loop, &late->timer, SIP_LINGER_US, late_over, late);
	return 0;
}

void sip_late_end(struct sip_stack *stack)
{
	struct sip_late *late;

	while ((late = list_first(&stack->late, struct sip_late, node)))
		late_free(late);
}
