/* SPDX-License-Identifier: GPL-2.0-only */
#include "tdm/exchange/callee.h"

#include "base/log.h"
#include "base/mem.h"
#include "tdm/exchange/names.h"
#include "tdm/exchange/scenario.h"

#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>

struct ex_callee {
	struct ex_seat seat;
	struct ex_exchange *exchange;
	struct ex_scenario_run run;
	struct isdn_info setup;
};

#define clog(callee, level, ...) log_write(level, "call", (callee)->seat.record.key, __VA_ARGS__)

void ex_callee_info(const struct ex_message *m, struct isdn_info *out)
{
	int n;

	memset(out, 0, sizeof(*out));
	if (m->inband)
		out->progress[out->progress_count++] =
			(struct isdn_progress){ PROGRESS_INBAND, (uint8_t)m->progress_location };
	if (m->description)
		out->progress[out->progress_count++] =
			(struct isdn_progress){ (uint8_t)m->description,
						(uint8_t)m->progress_location };
	out->cause = (struct q850_cause){ (uint8_t)m->cause, (uint8_t)m->location };
	if (m->display)
		snprintf(out->display, sizeof(out->display), "%s", m->display);
	n = m->diagnostics
		    ? ex_parse_hex(m->diagnostics, out->cause_diagnostics.octets, ISDN_RAW_MAX)
		    : 0;
	out->cause_diagnostics.length = (uint8_t)(n > 0 ? n : 0);
	n = m->user_user ? ex_parse_hex(m->user_user, out->user_user.octets, ISDN_RAW_MAX) : 0;
	out->user_user.length = (uint8_t)(n > 0 ? n : 0);
	if (!m->connected)
		return;
	out->connected.number = (struct party_number){
		.type = (uint8_t)m->connected_type,
		.plan = (uint8_t)m->connected_plan,
		.presentation = (uint8_t)m->connected_presentation,
		.screening = (uint8_t)m->connected_screening,
		.present = true,
	};
	snprintf(out->connected.number.digits, sizeof(out->connected.number.digits), "%s",
		 m->connected);
}

/* ---- The scenario's verbs ---- */

static int send_message(struct ex_callee *c, enum ex_step_kind kind, const struct isdn_info *info)
{
	switch (kind) {
	case EX_STEP_PROCEEDING:
		return isdn_call_proceeding(c->seat.call, info);
	case EX_STEP_ALERTING:
		return isdn_call_alerting(c->seat.call, info);
	case EX_STEP_PROGRESS:
		return isdn_call_progress(c->seat.call, info);
	case EX_STEP_CONNECT:
		ex_media_phase(c->seat.media, EX_PHASE_ANSWERED);
		return isdn_call_connect(c->seat.call, info);
	case EX_STEP_DISCONNECT:
	case EX_STEP_RELEASE:
	case EX_STEP_WAIT:
	case EX_STEP_PLAY:
	case EX_STEP_ECHO:
	case EX_STEP_PRBS:
	case EX_STEP_SILENCE:
	case EX_STEP_EXPECT:
	case EX_STEP_IGNORE:
	case EX_STEP_COUNT:
		break;
	}
	return -EINVAL;
}

static const char *message_name(enum ex_step_kind kind)
{
	return kind == EX_STEP_PROCEEDING ? "CALL PROCEEDING"
	       : kind == EX_STEP_ALERTING ? "ALERTING"
	       : kind == EX_STEP_PROGRESS ? "PROGRESS"
					  : "CONNECT";
}

static int run_message(enum ex_step_kind kind, const struct ex_message *message, void *arg)
{
	struct ex_callee *c = arg;
	struct isdn_info info;
	int rc;

	if (!c->seat.call || c->seat.releasing)
		return -EPROTO;
	ex_callee_info(message, &info);
	if (kind == EX_STEP_RELEASE) {
		ex_seat_release_diagnosed(&c->seat, &(struct isdn_info){
				.cause = info.cause, .cause_diagnostics = info.cause_diagnostics });
		return 0;
	}
	if (kind == EX_STEP_DISCONNECT)
		return ex_seat_disconnect(&c->seat, &info);
	rc = send_message(c, kind, &info);
	if (rc < 0)
		return rc;
	if (kind == EX_STEP_CONNECT && !c->seat.record.connected_us)
		c->seat.record.connected_us =
			clock_now_us(loop_clock(ex_exchange_loop(c->exchange)));
	ex_record_message(&c->seat.record, false, message_name(kind), &info);
	ex_seat_join(&c->seat);
	return 0;
}

static void run_media(enum ex_step_kind kind, const struct ex_play *play, void *arg)
{
	struct ex_callee *c = arg;
	enum ex_source source = kind == EX_STEP_PLAY   ? EX_SOURCE_TONE
				: kind == EX_STEP_ECHO ? EX_SOURCE_ECHO
				: kind == EX_STEP_PRBS ? EX_SOURCE_PRBS
						       : EX_SOURCE_SILENCE;

	ex_seat_send(&c->seat, source, play->hz, play->level_dbm0);
	ex_seat_join(&c->seat);
}

/* The expression compiled when the plan was read. */
static bool fits(const char *expression, const char *text)
{
	regex_t regex;
	int rc;

	if (!expression)
		return true;
	if (regcomp(&regex, expression, REG_EXTENDED | REG_NOSUB))
		return false;
	rc = regexec(&regex, text, 0, NULL, 0);
	regfree(&regex);
	return rc == 0;
}

static bool run_expect(const struct ex_expect *expect, void *arg)
{
	struct ex_callee *c = arg;
	const struct party_number *calling = &c->setup.calling.number;
	bool as_expected =
		fits(expect->calling, calling->digits) &&
		fits(expect->called, c->setup.called.number.digits) &&
		fits(expect->redirecting, c->setup.redirecting.number.digits) &&
		(expect->type == EX_ANY || expect->type == calling->type) &&
		(expect->presentation == EX_ANY || expect->presentation == calling->presentation) &&
		(expect->screening == EX_ANY || expect->screening == calling->screening);

	if (!as_expected)
		clog(c, LOG_LEVEL_WARNING,
		     "SETUP from '%s' to '%s' is not what line %u of the plan expects",
		     calling->digits, c->setup.called.number.digits, expect->place.line);
	return as_expected;
}

static void run_refused(const struct ex_step *step, int rc, void *arg)
{
	struct ex_callee *c = arg;

	clog(c, LOG_LEVEL_WARNING, "step '%s' on line %u of the plan: %s", ex_step_name(step->kind),
	     step->place.line,
	     rc == -EPROTO ? "not allowed in this state of the call" : strerror(-rc));
}

static const struct ex_scenario_ops scenario_ops = {
	.message = run_message, .media = run_media, .expect = run_expect, .refused = run_refused,
};

/* ---- The call's events ---- */

static void callee_left(struct ex_seat *seat)
{
	struct ex_callee *c = list_entry(seat, struct ex_callee, seat);
	struct ex_exchange *exchange = c->exchange;

	ex_exchange_unseat(exchange, seat);
	loop_free_later(ex_exchange_loop(exchange), c);
}

static void released(struct ex_callee *c)
{
	struct ex_media_result media;

	ex_scenario_stop(&c->run);
	ex_media_result(c->seat.media, &media);
	ex_record_end(&c->seat.record, &media);
	ex_seat_leave(&c->seat, callee_left);
}

static void callee_event(struct isdn_call *call, enum isdn_event event,
			 const struct isdn_info *info, void *arg)
{
	struct ex_callee *c = arg;

	(void)call;
	ex_record_event(&c->seat.record, event, info);
	if (event == ISDN_DISCONNECT) {
		ex_scenario_stop(&c->run);
		ex_media_phase(c->seat.media, EX_PHASE_CLEARING);
		ex_seat_release(&c->seat, q850(Q850_NORMAL_CLEARING, Q850_LOC_USER));
	} else if (event == ISDN_RELEASED) {
		released(c);
	}
}

static const struct isdn_call_ops callee_ops = { .event = callee_event };

void ex_callee_start(struct ex_exchange *exchange, struct isdn_call *call,
		     const struct isdn_info *setup, const struct ex_steps *steps)
{
	const struct isdn_span *span = isdn_call_span(call);
	struct ex_seat_cfg cfg = ex_exchange_seat(exchange, span, false, false);
	struct ex_callee *c = mem_zalloc(sizeof(*c));

	if (!c || ex_seat_open(&c->seat, &cfg) < 0) {
		mem_free(c);
		isdn_call_release(call, q850(Q850_RESOURCE_UNAVAILABLE, Q850_LOC_PUBLIC_LOCAL));
		isdn_call_done(call);
		return;
	}
	c->exchange = exchange;
	c->seat.call = call;
	c->setup = *setup;
	ex_exchange_seated(exchange, &c->seat);
	ex_record_message(&c->seat.record, true, "SETUP", setup);
	clog(c, LOG_LEVEL_INFO, "from '%s' to '%s': %s", setup->calling.number.digits,
	     setup->called.number.digits, steps->scenario);
	isdn_call_accept(call, &callee_ops, c);
	ex_scenario_start(&c->run, ex_exchange_loop(exchange), steps, &scenario_ops, c);
}
