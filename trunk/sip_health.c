/* SPDX-License-Identifier: GPL-2.0-only */
/* Does the peer live? OPTIONS ask it, and a connection towards it that is dead is not used any
 * more.
 *
 * A question counts as missed when it is not answered for as long as an INVITE would wait for its
 * first response (three repetitions over UDP). Two misses in a row make the peer down, two answers
 * in a row make it up again, so that one lost packet changes nothing and a peer that comes and goes
 * is not trusted at once. Its own 503 counts as it is said (RFC 3261 21.5.4). */
#include "trunk/sip_keep.h"
#include "trunk/sip_private.h"

#include "base/log.h"

#include <sofia-sip/tport.h>
#include <stdio.h>

#define tlog(trunk, level, ...) log_write(level, "trunk", (trunk)->conf->name, __VA_ARGS__)
#define SECOND_US 1000000ULL
#define MISSES 2           /* that make it down */
#define ANSWERS 2          /* that make it up again */
#define AGAIN_S 1          /* after the first of them */
#define DOWN_INTERVAL_S 10 /* at most, while it is down */
#define WAIT_LEAST_MS 1000
#define WAIT_MOST_MS 32000 /* timer F */

static void ask(struct loop_timer *timer, void *arg);

static void ask_in(struct sip_trunk *t, uint64_t us)
{
	loop_timer_start(t->stack->cfg.loop, &t->timer, us, ask, t);
}

/* ---- The verdict ---- */

static void say(struct sip_trunk *t, bool answers)
{
	if (answers == t->answers)
		return;
	t->answers = answers;
	tlog(t, answers ? LOG_LEVEL_NOTICE : LOG_LEVEL_WARNING,
	     answers ? "answers" : "does not answer OPTIONS");
	if (t->stack->ops->trunk_state)
		t->stack->ops->trunk_state(t, sip_trunk_is_up(t), t->stack->arg);
}

static void heard(struct sip_trunk *t)
{
	t->misses = 0;
	t->heard++;
	if (!t->answers && t->heard < ANSWERS) {
		ask_in(t, AGAIN_S * SECOND_US);
		return;
	}
	ask_in(t, t->conf->options_interval_s * SECOND_US);
	say(t, true);
}

static void missed(struct sip_trunk *t, bool is_told)
{
	unsigned interval_s = t->conf->options_interval_s;

	t->heard = 0;
	t->misses++;
	if (t->answers && t->misses < MISSES && !is_told) {
		ask_in(t, AGAIN_S * SECOND_US);
		return;
	}
	ask_in(t, (interval_s < DOWN_INTERVAL_S ? interval_s : DOWN_INTERVAL_S) * SECOND_US);
	say(t, false);
}

void sip_trunk_take_health(struct sip_trunk *t, const struct sip_trunk *from)
{
	if (t->conf->options_interval_s)
		t->answers = from->answers;
}

/* ---- Asking ---- */

static int answered(void *magic, nta_outgoing_t *orq, const sip_t *sip)
{
	struct sip_trunk *t = magic;
	unsigned status = (unsigned)nta_outgoing_status(orq);

	if (status < 200)
		return 0;
	sip_count_failure(t->stack, sip, status);
	t->options = NULL;
	nta_outgoing_destroy(orq);
	if (sip_is_our_verdict(sip))
		missed(t, false);
	else if (status == 503)
		missed(t, true);
	else
		heard(t);
	return 0;
}

/* It may hang: the next request opens another. Never from inside of Sofia, which may be reading
 * from it. */
static void drop_connection(struct sip_trunk *t)
{
	if (!t->stream)
		return;
	tport_shutdown(t->stream, 2);
	tport_decref(&t->stream);
}

static void nothing_heard(struct loop_timer *timer, void *arg)
{
	struct sip_trunk *t = arg;

	(void)timer;
	counter_inc(&t->stack->counters.timeouts);
	nta_outgoing_destroy(t->options);
	t->options = NULL;
	missed(t, false);
	if (!t->answers)
		drop_connection(t);
}

static msg_t *make_options(const struct sip_trunk *t, const char *peer, const char *host)
{
	char request[SIP_HOST_MAX + 32], from[SIP_HOST_MAX + 64], to[SIP_HOST_MAX + 16],
		call_id[40], cseq[32];
	char contact[SIP_HEADER_MAX];
	msg_t *msg = nta_msg_create(t->interface->agent, 0);

	snprintf(request, sizeof(request), "OPTIONS sip:%s SIP/2.0", peer);
	snprintf(from, sizeof(from), "<sip:%s>;tag=%016llx", host,
		 (unsigned long long)sip_random());
	snprintf(to, sizeof(to), "<sip:%s>", peer);
	snprintf(call_id, sizeof(call_id), "%016llx%016llx", (unsigned long long)sip_random(),
		 (unsigned long long)sip_random());
	snprintf(cseq, sizeof(cseq), "%u OPTIONS", (unsigned)(sip_random() & 0xffff) + 1);
	if (msg &&
	    sip_add_tl(msg, sip_object(msg), SIPTAG_REQUEST_STR(request), SIPTAG_FROM_STR(from),
		       SIPTAG_TO_STR(to), SIPTAG_CALL_ID_STR(call_id), SIPTAG_CSEQ_STR(cseq),
		       SIPTAG_MAX_FORWARDS_STR("70"),
		       SIPTAG_CONTACT_STR(sip_own_contact(t, contact)),
		       SIPTAG_USER_AGENT_STR(t->stack->user_agent), SIPTAG_ALLOW_STR(SIP_ALLOW),
		       SIPTAG_ACCEPT_STR("application/sdp"), TAG_END()) < 0) {
		msg_destroy(msg);
		msg = NULL;
	}
	return msg;
}

static uint64_t patience_us(const struct sip_trunk *t)
{
	unsigned ms = t->conf->setup_timeout_ms;

	ms = ms < WAIT_LEAST_MS ? WAIT_LEAST_MS : ms > WAIT_MOST_MS ? WAIT_MOST_MS : ms;
	return ms * 1000ULL;
}

static void ask(struct loop_timer *timer, void *arg)
{
	struct sip_trunk *t = arg;
	char peer[SIP_HOST_MAX], host[SIP_HOST_MAX], route[SIP_HEADER_MAX];
	msg_t *msg;

	(void)timer;
	ask_in(t, t->conf->options_interval_s * SECOND_US); /* when it can't be sent */
	if (!netaddr_is_set(&t->peer))
		return;
	msg = make_options(t, sip_trunk_peer(t, peer), sip_trunk_host(t, host));
	if (!msg)
		return;
	t->options = nta_outgoing_mcreate(t->interface->agent, answered, t,
					  (const url_string_t *)sip_trunk_route(t, route), msg,
					  NTATAG_TIMEOUT_408(1), TAG_END());
	if (!t->options) {
		msg_destroy(msg);
		return;
	}
	loop_timer_start(t->stack->cfg.loop, &t->timer, patience_us(t), nothing_heard, t);
	sip_trunk_sent(t, t->options);
}

void sip_trunk_watch(struct sip_trunk *t)
{
	if (t->conf->options_interval_s)
		ask_in(t, 0);
}

void sip_trunk_unwatch(struct sip_trunk *t)
{
	loop_timer_stop(t->stack->cfg.loop, &t->timer);
	nta_outgoing_destroy(t->options);
	t->options = NULL;
	tport_decref(&t->stream);
}

/* ---- Connections ---- */

void sip_trunk_sent(struct sip_trunk *t, nta_outgoing_t *orq)
{
	tport_t *stream = nta_outgoing_transport(orq);

	if (stream && stream != t->stream && tport_is_tcp(stream) && tport_is_secondary(stream)) {
		sip_keep_connections(&t->interface->conf->address, &t->peer);
		tport_decref(&t->stream);
		t->stream = tport_ref(stream);
	}
	tport_decref(&stream);
}
