/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TESTS_ISDN_FIXTURE_H
#define TESTS_ISDN_FIXTURE_H

/* Two spans, the user side (TE) and the network side (NT), on two lines that are cross-connected in
 * memory, in virtual time. Each side keeps what its calls were told. */

#include "base/loop.h"
#include "base/mem.h"
#include "base/worker.h"
#include "tdm/span_private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MS UINT64_C(1000)
#define SECOND UINT64_C(1000000)
#define HEARD_MAX 16

/* A call as its user sees it. */
struct user {
	struct isdn_call *call;
	enum isdn_event heard[HEARD_MAX];
	unsigned heard_count;
	struct isdn_info setup, last;           /* info of the SETUP, of the last event */
	struct isdn_info at[ISDN_RELEASED + 1]; /* of the last event of each kind */
	bool released;
};

struct side {
	struct fixture *f;
	struct conf_line line_conf;
	struct conf_span conf;
	struct e1_line *line;
	struct isdn_span *span;
	struct user users[64]; /* incoming calls, in order */
	unsigned incoming;
	bool refuse, ignore;
	enum isdn_span_state state;
	unsigned states;
	bool closed, line_closed;
	/* Trace */
	struct trace_sink sink;
	char ladder[65536];
	/* Calls that RELEASE COMPLETE went out for, by key; the last ones */
	char finished[64][CALL_KEY_MAX];
	unsigned finished_count;
	bool hurried; /* memory is refused, or the far end makes no sense: last words may come early */
};

struct fixture {
	struct clock_virtual clock;
	struct loop *loop;
	struct worker *worker;
	struct e1_pair *pair;
	struct side te, nt;
	long blocks_before;
};

static inline void advance(struct fixture *f, uint64_t us)
{
	loop_advance(f->loop, &f->clock, us);
}

/* A call's user hears of the end before the far end has the last word. */
static inline void assert_not_finished(const struct isdn_call *call)
{
	const struct side *side = isdn_call_span(call)->trace->arg;

	for (unsigned i = 0; i < 64 && !side->hurried; i++)
		assert_string_not_equal(side->finished[i], isdn_call_key(call));
}

/* References are used again. */
static inline void note_finished(struct side *side, const struct trace_record *record)
{
	bool setup = strcmp(record->summary, "SETUP") == 0;
	bool complete = record->direction == TRACE_OUT &&
			strncmp(record->summary, "RELEASE COMPLETE", 16) == 0;

	for (unsigned i = 0; i < 64 && setup && record->call_key; i++)
		if (strcmp(side->finished[i], record->call_key) == 0)
			side->finished[i][0] = '\0';
	if (complete && record->call_key)
		snprintf(side->finished[side->finished_count++ % 64], CALL_KEY_MAX, "%s",
			 record->call_key);
}

static inline void user_event(struct isdn_call *call, enum isdn_event event,
			      const struct isdn_info *info, void *arg)
{
	struct user *user = arg;

	assert_ptr_equal(user->call, call);
	assert_false(user->released);
	if (user->heard_count < HEARD_MAX)
		user->heard[user->heard_count++] = event;
	user->last = user->at[event] = *info;
	if (event != ISDN_RELEASED)
		return;
	assert_not_finished(call);
	user->released = true;
	isdn_call_done(call);
	user->call = NULL;
}

static const struct isdn_call_ops user_ops = { .event = user_event };

static inline void side_incoming(struct isdn_span *span, struct isdn_call *call,
				 const struct isdn_info *info, void *arg)
{
	struct side *side = arg;
	struct user *user = &side->users[side->incoming++ % 64];

	assert_ptr_equal(span, side->span);
	*user = (struct user){ .call = call, .setup = *info };
	if (side->ignore)
		return;
	if (side->refuse) {
		isdn_call_release(call, q850(Q850_CALL_REJECTED, Q850_LOC_PRIVATE_REMOTE));
		isdn_call_done(call);
		user->call = NULL;
		return;
	}
	isdn_call_accept(call, &user_ops, user);
}

static inline void side_state(struct isdn_span *span, enum isdn_span_state state, unsigned alarms,
			      void *arg)
{
	struct side *side = arg;

	(void)span;
	(void)alarms;
	side->state = state;
	side->states++;
}

static const struct isdn_span_ops side_ops = { .incoming = side_incoming, .state = side_state };

/* One line per message: "> SETUP" went out, "< CONNECT" came in. */
static inline void side_trace(void *arg, const struct trace_record *record)
{
	struct side *side = arg;
	size_t at = strlen(side->ladder);

	snprintf(side->ladder + at, sizeof(side->ladder) - at, "%s %s\n",
		 record->direction == TRACE_OUT ? ">" : "<", record->summary);
	note_finished(side, record);
}

static inline struct conf_isdn_timers default_timers(void)
{
	return (struct conf_isdn_timers){ .t200 = 1000,
					  .t203 = 10000,
					  .t301 = 180000,
					  .t302 = 15000,
					  .t303 = 4000,
					  .t304 = 20000,
					  .t305 = 30000,
					  .t308 = 4000,
					  .t309 = 6000,
					  .t310 = 10000,
					  .t313 = 4000,
					  .t316 = 120000,
					  .n200 = 3 };
}

static inline void side_init(struct side *side, struct fixture *f, char *name, enum conf_role role)
{
	*side = (struct side){ .f = f };
	side->line_conf = (struct conf_line){ .name = name, .timeslots = 0xfffffffe };
	side->conf = (struct conf_span){ .name = name,
					 .line = name,
					 .role = role,
					 .d_channel = 16,
					 .b_channels = 0xfffffffe & ~(UINT32_C(1) << 16),
					 .hunt = role == CONF_ROLE_TE ? CONF_HUNT_DESCENDING
								      : CONF_HUNT_ASCENDING,
					 .timers = default_timers() };
	side->sink = (struct trace_sink){ .emit = side_trace, .arg = side };
}

static inline int side_open_line(struct side *side, int end)
{
	return e1_pair_open(side->f->pair, end, &side->line, &side->line_conf, NULL, side);
}

static inline int side_open_span(struct side *side)
{
	struct isdn_span_cfg cfg = {
		.conf = &side->conf, .line = side->line, .loop = side->f->loop, .trace = &side->sink
	};

	side->closed = false;
	return isdn_span_create(&side->span, &cfg, &side_ops, side);
}

static inline void set_true(void *arg)
{
	*(bool *)arg = true;
}

static inline void side_close_span(struct side *side)
{
	if (!side->span)
		return;
	isdn_span_close(&side->span, set_true, &side->closed);
	advance(side->f, 10 * MS);
	assert_true(side->closed);
}

static inline void side_close(struct side *side)
{
	side_close_span(side);
	e1_line_close(&side->line, set_true, &side->line_closed);
	advance(side->f, 10 * MS);
}

/* Lines only. */
static inline void fixture_open(struct fixture *f)
{
	struct worker_cfg cfg = {
		.name = "test", .cpu = -1, .clock = &f->clock.clock, .inline_thread = true
	};

	memset(f, 0, sizeof(*f));
	f->blocks_before = mem_live_blocks();
	clock_virtual_init(&f->clock);
	assert_int_equal(loop_create(&f->loop, &f->clock.clock), 0);
	assert_int_equal(worker_create(&f->worker, &cfg, f->loop), 0);
	assert_int_equal(e1_pair_create(&f->pair, f->worker), 0);
	side_init(&f->te, f, (char *)"te", CONF_ROLE_TE);
	side_init(&f->nt, f, (char *)"nt", CONF_ROLE_NT);
	assert_int_equal(side_open_line(&f->te, 0), 0);
	assert_int_equal(side_open_line(&f->nt, 1), 0);
	log_set_level(LOG_LEVEL_ERROR);
}

static inline void fixture_start(struct fixture *f)
{
	assert_int_equal(side_open_span(&f->te), 0);
	assert_int_equal(side_open_span(&f->nt), 0);
	advance(f, 3 * SECOND);
	assert_int_equal(isdn_span_state(f->te.span), SPAN_UP);
	assert_int_equal(isdn_span_state(f->nt.span), SPAN_UP);
	f->te.ladder[0] = f->nt.ladder[0] = '\0';
}

static inline void fixture_close(struct fixture *f)
{
	side_close(&f->te);
	side_close(&f->nt);
	e1_pair_destroy(&f->pair);
	worker_destroy(&f->worker);
	loop_destroy(&f->loop);
	assert_int_equal(mem_live_blocks(), f->blocks_before);
}

static inline struct isdn_info plain_info(const char *called)
{
	struct isdn_info info = { .capability = ISDN_AUDIO_3K1, .sending_complete = true };

	snprintf(info.called.number.digits, sizeof(info.called.number.digits), "%s", called);
	info.called.number.plan = PLAN_ISDN;
	return info;
}

/* Offers a plain call and lets it arrive; the callee's user is the last of the other side. */
static inline int place(struct fixture *f, struct side *from, struct user *user,
			const struct isdn_info *info)
{
	int rc;

	*user = (struct user){ 0 };
	rc = isdn_call_setup(&user->call, from->span, info, &user_ops, user);
	advance(f, 20 * MS);
	return rc;
}

static inline struct side *other(struct side *side)
{
	return side == &side->f->te ? &side->f->nt : &side->f->te;
}

static inline struct user *callee_of(struct side *from)
{
	struct side *to = other(from);

	assert_true(to->incoming > 0);
	return &to->users[(to->incoming - 1) % 64];
}

/* A call that is answered. */
static inline struct user *establish(struct fixture *f, struct side *from, struct user *caller)
{
	struct isdn_info info = plain_info("12345");
	struct user *callee;

	assert_int_equal(place(f, from, caller, &info), 0);
	callee = callee_of(from);
	assert_int_equal(isdn_call_alerting(callee->call, NULL), 0);
	advance(f, 20 * MS);
	assert_int_equal(isdn_call_connect(callee->call, NULL), 0);
	advance(f, 20 * MS);
	assert_int_equal(caller->call->fsm.state, CALL_ACTIVE);
	assert_int_equal(callee->call->fsm.state, CALL_ACTIVE);
	return callee;
}

static inline void assert_idle(struct side *side)
{
	assert_int_equal(isdn_span_calls(side->span), 0);
	assert_int_equal(isdn_span_idle_channels(side->span), 30);
}

#endif
