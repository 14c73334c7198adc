/* SPDX-License-Identifier: GPL-2.0-only */
/* What a call's user can do and ask. */
#include "tdm/span_private.h"

#include <errno.h>

static int verb(struct isdn_call *call, enum call_event event, const void *data)
{
	unsigned state = call->fsm.state;

	call->rc = 0;
	if (!fsm_event(&call->fsm, event, data)) {
		clog(call, LOG_LEVEL_NOTICE, "%s is not allowed in state %s",
		     call_machine.event_names[event], call_machine.states[state].name);
		return -EPROTO;
	}
	return call->rc;
}

int isdn_call_proceeding(struct isdn_call *call, const struct isdn_info *info)
{
	return verb(call, CALL_DO_PROCEEDING, info);
}

int isdn_call_alerting(struct isdn_call *call, const struct isdn_info *info)
{
	return verb(call, CALL_DO_ALERTING, info);
}

int isdn_call_progress(struct isdn_call *call, const struct isdn_info *info)
{
	return verb(call, CALL_DO_PROGRESS, info);
}

int isdn_call_connect(struct isdn_call *call, const struct isdn_info *info)
{
	return verb(call, CALL_DO_CONNECT, info);
}

int isdn_call_disconnect(struct isdn_call *call, const struct isdn_info *info)
{
	return verb(call, CALL_DO_DISCONNECT, info);
}

void isdn_call_release(struct isdn_call *call, struct q850_cause cause)
{
	if (!cause.value)
		cause = call_own_cause(call, Q850_NORMAL_CLEARING);
	verb(call, CALL_DO_RELEASE, &cause);
}

void isdn_call_release_diagnosed(struct isdn_call *call, struct q850_cause cause,
				 const struct isdn_raw *diagnostics)
{
	call->diagnostics = *diagnostics;
	isdn_call_release(call, cause);
	call->diagnostics.length = 0;
}

void isdn_call_accept(struct isdn_call *call, const struct isdn_call_ops *ops, void *arg)
{
	call->ops = ops;
	call->arg = arg;
}

struct isdn_span *isdn_call_span(const struct isdn_call *call)
{
	return call->span;
}

unsigned isdn_call_timeslot(const struct isdn_call *call)
{
	return call->timeslot;
}

const char *isdn_call_key(const struct isdn_call *call)
{
	return call->key;
}

/* Q.931 2.1.1 (user, U) and 2.1.2 (network, N). */
const char *isdn_call_state_name(const struct isdn_call *call)
{
	static const char *const names[CALL_STATES][2] = {
		[CALL_NULL] = { "U0 null", "N0 null" },
		[CALL_OUT_SETUP] = { "U1 call initiated", "N6 call present" },
		[CALL_OUT_OVERLAP] = { "U2 overlap sending", "N25 overlap receiving" },
		[CALL_OUT_PROCEEDING] = { "U3 outgoing call proceeding",
					  "N9 incoming call proceeding" },
		[CALL_OUT_ALERTING] = { "U4 call delivered", "N7 call received" },
		[CALL_IN_PRESENT] = { "U6 call present", "N1 call initiated" },
		[CALL_IN_OVERLAP] = { "U25 overlap receiving", "N2 overlap sending" },
		[CALL_IN_COLLECTED] = { "U25 overlap receiving", "N2 overlap sending" },
		[CALL_IN_PROCEEDING] = { "U9 incoming call proceeding",
					 "N3 outgoing call proceeding" },
		[CALL_IN_ALERTING] = { "U7 call received", "N4 call delivered" },
		[CALL_IN_CONNECTING] = { "U8 connect request", "N10 active" },
		[CALL_ACTIVE] = { "U10 active", "N10 active" },
		[CALL_DISCONNECT_SENT] = { "U11 disconnect request", "N12 disconnect indication" },
		[CALL_DISCONNECT_RECEIVED] = { "U12 disconnect indication",
					       "N11 disconnect request" },
		[CALL_RELEASING] = { "U19 release request", "N19 release request" },
		[CALL_GONE] = { "U0 null", "N0 null" },
	};

	return names[call->fsm.state][call->span->conf->role == CONF_ROLE_NT];
}
