/* SPDX-License-Identifier: GPL-2.0-only */
#include "tdm/exchange/caller.h"

#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct ex_caller {
	struct ex_seat seat;
	struct ex_exchange *exchange;
	const struct ex_call_spec *spec;
	const struct ex_caller_ops *ops;
	void *arg;
	struct loop_timer timer;    /* hold, listen */
	struct loop_timer deadline; /* timeout, abandon */
	struct loop_deferred refused;
};

static struct loop *loop_of(const struct ex_caller *c)
{
	return ex_exchange_loop(c->exchange);
}

static bool heard_level(const struct ex_media_result *media, int dbm0)
{
	double level = EX_LEVEL_NONE;

	for (unsigned i = 0; i < EX_PHASES; i++)
		if (media->heard[i].level_dbm0 > level)
			level = media->heard[i].level_dbm0;
	return level > dbm0 - 1.0 && level < dbm0 + 1.0;
}

const char *ex_caller_judge(const struct ex_call_spec *spec, const struct ex_record *record,
			    const struct ex_media_result *media)
{
	bool normal = record->cause.value == Q850_NORMAL_CLEARING ||
		      record->cause.value == Q850_NORMAL_UNSPECIFIED;
	bool ours = !record->far_cleared && record->cause.value == spec->hangup.value;

	if (spec->expect_cause != EX_ANY && record->cause.value != spec->expect_cause)
		return "cause";
	if (spec->expect_location != EX_ANY && record->cause.location != spec->expect_location)
		return "location";
	if (spec->expect_cause == EX_ANY && spec->abandon == EX_ABANDON_NEVER &&
	    !record->connected_us)
		return "not answered";
	if (spec->expect_cause == EX_ANY && !normal && !ours)
		return "cleared with a cause that is not normal";
	if (spec->expects_level && !heard_level(media, spec->expect_level_dbm0))
		return "level";
	if (spec->media != EX_SOURCE_PRBS || !record->connected_us)
		return NULL;
	if (media->compared < spec->least_octets)
		return "sequence did not come back";
	return ex_media_intact(media) ? NULL : "sequence came back with faults";
}

/* ---- The end ---- */

static void caller_left(struct ex_seat *seat)
{
	struct ex_caller *c = list_entry(seat, struct ex_caller, seat);
	struct ex_exchange *exchange = c->exchange;

	ex_exchange_unseat(exchange, seat);
	loop_free_later(ex_exchange_loop(exchange), c);
}

static void finish(struct ex_caller *c)
{
	struct ex_outcome outcome = { .record = &c->seat.record };

	loop_timer_stop(loop_of(c), &c->timer);
	loop_timer_stop(loop_of(c), &c->deadline);
	ex_media_result(c->seat.media, &outcome.media);
	outcome.why = ex_caller_judge(c->spec, &c->seat.record, &outcome.media);
	outcome.as_expected = !outcome.why;
	ex_record_end(&c->seat.record, &outcome.media);
	c->ops->done(&outcome, c->arg);
	ex_seat_leave(&c->seat, caller_left);
}

/* ---- Clearing ---- */

static void listened(struct loop_timer *timer, void *arg)
{
	struct ex_caller *c = arg;

	(void)timer;
	ex_seat_release(&c->seat, q850(Q850_NORMAL_CLEARING, Q850_LOC_USER));
}

static void hold_over(struct loop_timer *timer, void *arg)
{
	(void)timer;
	ex_caller_hangup(arg);
}

void ex_caller_hangup(struct ex_caller *c)
{
	ex_seat_release(&c->seat, c->spec->hangup);
}

static void deadline_passed(struct loop_timer *timer, void *arg)
{
	struct ex_caller *c = arg;

	(void)timer;
	if (c->spec->abandon != EX_ABANDON_TIME)
		log_write(LOG_LEVEL_INFO, "call", c->seat.record.key, "no answer within %u ms",
			  c->spec->ring_ms);
	ex_caller_hangup(c);
}

static void far_disconnects(struct ex_caller *c, const struct isdn_info *info)
{
	ex_media_phase(c->seat.media, EX_PHASE_CLEARING);
	ex_media_end_check(c->seat.media);
	loop_timer_stop(loop_of(c), &c->deadline);
	if (isdn_info_inband(info) && c->spec->listen_ms)
		loop_timer_start(loop_of(c), &c->timer, (uint64_t)c->spec->listen_ms * 1000,
				 listened, c);
	else
		listened(NULL, c);
}

/* ---- Events ---- */

static void connected(struct ex_caller *c)
{
	const struct ex_call_spec *spec = c->spec;

	ex_media_phase(c->seat.media, EX_PHASE_ANSWERED);
	ex_seat_send(&c->seat, spec->media, spec->hz, spec->level_dbm0);
	if (spec->abandon != EX_ABANDON_TIME)
		loop_timer_stop(loop_of(c), &c->deadline);
	if (spec->hold_ms)
		loop_timer_start(loop_of(c), &c->timer, (uint64_t)spec->hold_ms * 1000, hold_over,
				 c);
	if (c->ops->answered)
		c->ops->answered(c->arg);
}

static void caller_event(struct isdn_call *call, enum isdn_event event,
			 const struct isdn_info *info, void *arg)
{
	struct ex_caller *c = arg;

	ex_record_identify(&c->seat.record, call);
	ex_record_event(&c->seat.record, event, info);
	if (event == ISDN_RELEASED) {
		finish(c);
		return;
	}
	ex_seat_join(&c->seat);
	if (event == ISDN_CONNECT && !c->seat.releasing)
		connected(c);
	if (event == ISDN_DISCONNECT)
		far_disconnects(c, info);
	else if (c->spec->abandon == EX_ABANDON_EVENT && c->spec->abandon_at == event)
		ex_caller_hangup(c);
}

static const struct isdn_call_ops caller_ops = { .event = caller_event };

static void refused(void *arg)
{
	struct ex_caller *c = arg;

	finish(c);
}

/* Why a span says no, in the language that calls end in (Q.850 2.2.7). */
static struct q850_cause cause_of(int rc)
{
	uint8_t value = rc == -EBUSY      ? Q850_NO_CIRCUIT
			: rc == -ENETDOWN ? Q850_DESTINATION_OUT_OF_ORDER
			: rc == -EINVAL   ? Q850_INVALID_NUMBER
					  : Q850_RESOURCE_UNAVAILABLE;

	return q850(value, Q850_LOC_USER);
}

static void set_up(struct ex_caller *c, struct isdn_span *span)
{
	const struct ex_call_spec *spec = c->spec;
	unsigned deadline_ms = spec->abandon == EX_ABANDON_TIME ? spec->abandon_ms : spec->ring_ms;
	int rc;

	ex_record_message(&c->seat.record, false, "SETUP", &spec->info);
	rc = isdn_call_setup(&c->seat.call, span, &spec->info, &caller_ops, c);
	if (rc < 0) {
		snprintf(c->seat.record.span, sizeof(c->seat.record.span), "%s",
			 isdn_span_name(span));
		ex_record_cleared_by_us(&c->seat.record, cause_of(rc));
		log_write(LOG_LEVEL_INFO, "span", isdn_span_name(span), "call refused: %s",
			  strerror(-rc));
		loop_defer(loop_of(c), &c->refused, refused, c);
		return;
	}
	ex_exchange_seated(c->exchange, &c->seat);
	loop_timer_start(loop_of(c), &c->deadline, (uint64_t)deadline_ms * 1000, deadline_passed,
			 c);
}

int ex_caller_start(struct ex_caller **out, struct ex_exchange *exchange, struct isdn_span *span,
		    const struct ex_call_spec *spec, const struct ex_caller_ops *ops, void *arg)
{
	struct ex_seat_cfg cfg = ex_exchange_seat(exchange, span, true, spec->detail);
	struct ex_caller *c = mem_zalloc(sizeof(*c));
	int rc;

	if (!c)
		return -ENOMEM;
	c->exchange = exchange;
	c->spec = spec;
	c->ops = ops;
	c->arg = arg;
	cfg.seed += spec->seed;
	rc = ex_seat_open(&c->seat, &cfg);
	if (rc < 0) {
		mem_free(c);
		return rc;
	}
	set_up(c, span);
	*out = c;
	return 0;
}
