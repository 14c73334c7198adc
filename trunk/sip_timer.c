/* SPDX-License-Identifier: GPL-2.0-only */
/* Session timers (RFC 4028), asked for by either side, refreshed by either side. Whoever calls us
 * and does not say who refreshes does it himself; of whom we call, he decides. */
#include "trunk/sip_call_private.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SECOND_US 1000000ULL

static bool peer_has_timer(const sip_t *sip)
{
	return (sip->sip_supported && sip_has_feature(sip->sip_supported, "timer")) ||
	       (sip->sip_require && sip_has_feature(sip->sip_require, "timer"));
}

static bool refresher_is(const sip_session_expires_t *x, const char *role)
{
	return x->x_refresher && strcasecmp(x->x_refresher, role) == 0;
}

/* ---- The INVITE ---- */

const char *sip_timer_ask(struct sip_call *call, char text[64])
{
	unsigned wanted = call->trunk->conf->session_expires_s;

	text[0] = '\0';
	if (!call->session_s && wanted)
		call->session_s = wanted < SIP_MIN_SE_S ? SIP_MIN_SE_S : wanted;
	if (call->session_s)
		snprintf(text, 64, "%u", call->session_s);
	return text;
}

const char *sip_timer_least(unsigned least_s, char text[16])
{
	text[0] = '\0';
	if (least_s)
		snprintf(text, 16, "%u", least_s);
	return text;
}

/* RFC 4028 7.3 */
bool sip_timer_raise(struct sip_call *call, const sip_t *sip)
{
	unsigned least_s = sip && sip->sip_min_se ? (unsigned)sip->sip_min_se->min_delta : 0;

	if (!call->session_s || least_s <= call->session_s || least_s > SIP_SESSION_MOST_S)
		return false;
	call->session_s = call->least_s = least_s;
	return true;
}

/* ---- Requests of the peer ---- */

/* RFC 4028 9: a session may be made shorter than asked for, not below the request's Min-SE. */
static unsigned shortened(const struct sip_dialog *d, const sip_t *sip, unsigned asked_s)
{
	unsigned wanted = d->call ? d->call->trunk->conf->session_expires_s : 0;
	unsigned least = sip->sip_min_se ? (unsigned)sip->sip_min_se->min_delta : 0;

	if (least < SIP_MIN_SE_S)
		least = SIP_MIN_SE_S;
	if (asked_s < least)
		asked_s = least;
	if (!wanted || d->confirmed) /* a refresh keeps its interval */
		return asked_s;
	if (wanted < least)
		wanted = least;
	return wanted < asked_s ? wanted : asked_s;
}

/* Nobody asked: we do, of who can. Later requests leave to who has refreshed so far. */
static void ask_as_callee(struct sip_dialog *d, const sip_t *sip)
{
	unsigned wanted = d->call ? d->call->trunk->conf->session_expires_s : 0;

	if (!wanted || !peer_has_timer(sip)) {
		d->session_s = 0;
	} else if (!d->session_s) {
		d->session_s = shortened(d, sip, wanted);
		d->we_refresh = false;
	}
}

/* RFC 4028 9: a peer without the extension can't refresh, and can't be told that its interval is
 * too small. */
unsigned sip_timer_request(struct sip_dialog *d, const sip_t *sip)
{
	const sip_session_expires_t *x = sip->sip_session_expires;

	if (!x) {
		ask_as_callee(d, sip);
		return 0;
	}
	if (x->x_delta < SIP_MIN_SE_S && peer_has_timer(sip))
		return 422;
	d->session_s = shortened(d, sip, (unsigned)x->x_delta);
	d->we_refresh = !peer_has_timer(sip) || refresher_is(x, "uas");
	return 0;
}

const char *sip_timer_response(const struct sip_dialog *d, char text[64])
{
	text[0] = '\0';
	if (d->session_s)
		snprintf(text, 64, "%u;refresher=%s", d->session_s, d->we_refresh ? "uas" : "uac");
	return text;
}

const char *sip_timer_offer(const struct sip_dialog *d, char text[64])
{
	text[0] = '\0';
	if (d->session_s && d->confirmed)
		snprintf(text, 64, "%u;refresher=%s", d->session_s, d->we_refresh ? "uac" : "uas");
	return text;
}

void sip_timer_accepted(struct sip_dialog *d, const sip_t *sip)
{
	const sip_session_expires_t *x = sip->sip_session_expires;

	d->session_s = !x ? 0 : x->x_delta < SIP_MIN_SE_S ? SIP_MIN_SE_S : (unsigned)x->x_delta;
	d->we_refresh = x && !refresher_is(x, "uas");
	sip_timer_start(d);
}

static void expired(struct loop_timer *timer, void *arg)
{
	struct sip_dialog *d = arg;
	struct q850_cause cause = q850(Q850_TIMER_EXPIRY, Q850_LOC_BEYOND_INTERWORKING);

	(void)timer;
	fsm_event(&d->call->fsm, CE_LOST, &cause);
}

/* RFC 4028 10: give up min(32 s, a third) before the session's end. */
static uint64_t give_up_s(const struct sip_dialog *d)
{
	return d->session_s - (d->session_s / 3 < 32 ? d->session_s / 3 : 32);
}

static void refresh(struct loop_timer *timer, void *arg)
{
	struct sip_dialog *d = arg;
	struct loop *loop = d->call->stack->cfg.loop;
	uint64_t left_s = give_up_s(d) - d->session_s / 2;

	(void)timer;
	if (d->call->fsm.state != CALL_CONFIRMED)
		return;
	/* An exchange under way refreshes too; if it does not, the end comes as if there had been
	 * none. */
	sip_dialog_modify(d, true);
	loop_timer_start(loop, &d->session_timer, left_s * SECOND_US, expired, d);
}

void sip_timer_start(struct sip_dialog *d)
{
	struct loop *loop = d->call->stack->cfg.loop;

	loop_timer_stop(loop, &d->session_timer);
	if (!d->session_s || d->call->fsm.state == CALL_ENDED)
		return;
	if (d->we_refresh)
		loop_timer_start(loop, &d->session_timer, d->session_s / 2 * SECOND_US, refresh, d);
	else
		loop_timer_start(loop, &d->session_timer, give_up_s(d) * SECOND_US, expired, d);
}

void sip_timer_too_small(struct sip_dialog *d, unsigned least_s)
{
	if (least_s <= d->session_s || least_s > SIP_SESSION_MOST_S)
		return;
	d->session_s = d->least_s = least_s;
	sip_timer_start(d);
	sip_dialog_modify(d, true);
}
