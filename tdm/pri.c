/* SPDX-License-Identifier: GPL-2.0-only */
/* The adapter of libpri. What it relies on was found by trying version 1.6.0:
 *
 * - Its callbacks count two octets of FCS in both directions.
 * - pri_check_event() reads one frame and returns at most one event; pri_schedule_run() returns
 * after one event.
 * - Its one event struct is overwritten by the next call.
 * - pri_hangup() with cause 81 sends RELEASE COMPLETE in any state before the call is answered; our
 * patch then says the true cause. With other causes an unanswered SETUP would get no message at
 * all.
 * - pri_hangup_fix makes causes 1, 34, 44 and 82 follow Q.931 5.3.2 like all others.
 * - T316 set to 0 leaves the repetition of RESTART to us, one per channel. */
#include "tdm/pri.h"

#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"

#include <errno.h>
#include <libpri.h>
#include <string.h>
#include <sys/time.h>

#define FCS_OCTETS 2
#define FRAME_ROOM 1024      /* libpri's own buffer */
#define PUMP_MAX 4096        /* events in one go; more means that libpri doesn't come to an end */
#define PARK_MAX 32          /* roles times spans that come and go */
#define T309_MARGIN_MS 60000 /* libpri's own T309 stays behind ours, which also covers layer 1 */
#define T303_MARGIN_MS 20    /* and its second T303 behind ours, which sends RELEASE COMPLETE */

#define llog(link, level, ...) log_write(level, "d-channel", (link)->name, __VA_ARGS__)

struct pri_link {
	const char *name;
	struct pri *pri;
	enum conf_role role;
	struct loop *loop;
	const struct pri_link_ops *ops;
	void *arg;
	struct loop_timer timer;
	const uint8_t *pending; /* frame on its way into libpri */
	size_t pending_length;
	bool clash_told; /* that both ends have the same role */
};

/* ---- Time ---- */

/* libpri's clock: monotonic for the whole life of the process, though tests bring one virtual clock
 * after another. */
static const struct clock *pri_clock;
static uint64_t pri_clock_offset_us, pri_clock_last_us;

int __real_gettimeofday(struct timeval *tv, void *tz);
int __wrap_gettimeofday(struct timeval *tv, void *tz);

static uint64_t pri_now_us(void)
{
	uint64_t now = clock_now_us(pri_clock) + pri_clock_offset_us;

	if (now > pri_clock_last_us)
		pri_clock_last_us = now;
	return pri_clock_last_us;
}

static void use_clock(const struct clock *clock)
{
	uint64_t now = clock_now_us(clock);

	if (pri_clock == clock && now + pri_clock_offset_us >= pri_clock_last_us)
		return;
	pri_clock = clock;
	pri_clock_offset_us = pri_clock_last_us > now ? pri_clock_last_us - now : 0;
}

int __wrap_gettimeofday(struct timeval *tv, void *tz)
{
	uint64_t now;

	if (!pri_clock)
		return __real_gettimeofday(tv, tz);
	now = pri_now_us();
	tv->tv_sec = (time_t)(now / 1000000);
	tv->tv_usec = (suseconds_t)(now % 1000000);
	return 0;
}

/* ---- Events ---- */

static const struct {
	int theirs;
	enum pri_link_event_kind ours;
} event_map[] = {
	{ PRI_EVENT_DCHAN_UP, PRI_LINK_UP },
	{ PRI_EVENT_DCHAN_DOWN, PRI_LINK_DOWN },
	{ PRI_EVENT_RING, PRI_LINK_SETUP },
	{ PRI_EVENT_SETUP_ACK, PRI_LINK_SETUP_ACK },
	{ PRI_EVENT_PROCEEDING, PRI_LINK_PROCEEDING },
	{ PRI_EVENT_RINGING, PRI_LINK_ALERTING },
	{ PRI_EVENT_PROGRESS, PRI_LINK_PROGRESS },
	{ PRI_EVENT_ANSWER, PRI_LINK_CONNECT },
	{ PRI_EVENT_INFO_RECEIVED, PRI_LINK_INFORMATION },
	{ PRI_EVENT_KEYPAD_DIGIT, PRI_LINK_INFORMATION },
	{ PRI_EVENT_NOTIFY, PRI_LINK_NOTIFY },
	{ PRI_EVENT_HANGUP_REQ, PRI_LINK_DISCONNECT },
	{ PRI_EVENT_HANGUP, PRI_LINK_RELEASE },
	{ PRI_EVENT_HANGUP_ACK, PRI_LINK_RELEASED },
	{ PRI_EVENT_RESTART, PRI_LINK_RESTART },
	{ PRI_EVENT_RESTART_ACK, PRI_LINK_RESTART_ACK },
};

/* Which call an event speaks of, and which channel: libpri has a struct of its own for each. */
static void copy_details(struct pri_link_event *out, const pri_event *e)
{
	int channel = 0, cause = 0;

	switch (out->kind) {
	case PRI_LINK_SETUP:
		out->call = e->ring.call;
		channel = e->ring.channel;
		break;
	case PRI_LINK_SETUP_ACK:
		out->call = e->setup_ack.call;
		channel = e->setup_ack.channel;
		break;
	case PRI_LINK_PROCEEDING:
	case PRI_LINK_PROGRESS:
		out->call = e->proceeding.call;
		channel = e->proceeding.channel;
		break;
	case PRI_LINK_ALERTING:
		out->call = e->ringing.call;
		channel = e->ringing.channel;
		break;
	case PRI_LINK_CONNECT:
		out->call = e->answer.call;
		channel = e->answer.channel;
		break;
	case PRI_LINK_INFORMATION:
		out->call = e->e == PRI_EVENT_KEYPAD_DIGIT ? e->digit.call : e->ring.call;
		break;
	case PRI_LINK_NOTIFY: out->call = e->notify.call; break;
	case PRI_LINK_DISCONNECT:
	case PRI_LINK_RELEASE:
	case PRI_LINK_RELEASED:
		out->call = e->hangup.call;
		cause = e->hangup.cause;
		break;
	case PRI_LINK_RESTART: channel = e->restart.channel; break;
	case PRI_LINK_RESTART_ACK: channel = e->restartack.channel; break;
	case PRI_LINK_UP:
	case PRI_LINK_DOWN: break;
	}
	channel &= 0xff; /* above it stand the interface and flags */
	out->timeslot = channel < 32 ? (uint8_t)channel : 0;
	out->cause = cause > 0 && cause < 128 ? (uint8_t)cause : 0;
}

static void hand_over(struct pri_link *link, const pri_event *e)
{
	struct pri_link_event out = { 0 };

	for (size_t i = 0; i < sizeof(event_map) / sizeof(event_map[0]); i++) {
		if (event_map[i].theirs != e->e)
			continue;
		out.kind = event_map[i].ours;
		link->clash_told &= out.kind != PRI_LINK_UP;
		copy_details(&out, e);
		link->ops->event(link->arg, &out);
		return;
	}
	if (e->e == PRI_EVENT_CONFIG_ERR && !link->clash_told) { /* comes with every SABME */
		link->clash_told = true;
		llog(link, LOG_LEVEL_ERROR, "the far end is %s side too: layer 2 can't come up",
		     link->role == CONF_ROLE_NT ? "network" : "user");
	}
}

static void fired(struct loop_timer *timer, void *arg);

static bool next_due_us(struct pri_link *link, uint64_t *due_us)
{
	const struct timeval *tv = pri_schedule_next(link->pri);

	if (!tv)
		return false;
	*due_us = (uint64_t)tv->tv_sec * 1000000 + (uint64_t)tv->tv_usec;
	return true;
}

/* After anything that may have changed libpri's timers. */
static void rearm(struct pri_link *link)
{
	uint64_t due, now = pri_now_us();

	if (!link->pri) /* closed by the event's receiver */
		return;
	if (next_due_us(link, &due))
		loop_timer_start(link->loop, &link->timer, due > now ? due - now : 0, fired, link);
	else
		loop_timer_stop(link->loop, &link->timer);
}

static void fired(struct loop_timer *timer, void *arg)
{
	struct pri_link *link = arg;
	uint64_t due;

	(void)timer;
	for (int i = 0; i < PUMP_MAX && link->pri && next_due_us(link, &due) && due <= pri_now_us();
	     i++) {
		const pri_event *e = pri_schedule_run(link->pri);

		if (e)
			hand_over(link, e);
	}
	rearm(link);
}

/* ---- Frames ---- */

static int read_frame(struct pri *pri, void *buf, int room)
{
	struct pri_link *link = pri_get_userdata(pri);
	size_t n = link ? link->pending_length : 0;

	if (!n || n + FCS_OCTETS > (size_t)room)
		return 0;
	memcpy(buf, link->pending, n);
	memset((uint8_t *)buf + n, 0, FCS_OCTETS);
	link->pending_length = 0;
	return (int)(n + FCS_OCTETS);
}

/* A parked link has no owner: what it says is lost. */
static int write_frame(struct pri *pri, void *buf, int n)
{
	struct pri_link *link = pri_get_userdata(pri);

	if (link && n > FCS_OCTETS)
		link->ops->write(link->arg, buf, (size_t)n - FCS_OCTETS);
	return n;
}

int pri_link_receive(struct pri_link *link, const uint8_t *frame, size_t n)
{
	const pri_event *e;

	if (n + FCS_OCTETS > FRAME_ROOM)
		return -EMSGSIZE;
	link->pending = frame;
	link->pending_length = n;
	e = pri_check_event(link->pri);
	if (e)
		hand_over(link, e);
	rearm(link);
	return 0;
}

/* ---- Making, parking ---- */

static struct {
	struct pri *pri;
	enum conf_role role;
} parked[PARK_MAX];

static struct pri *unpark(enum conf_role role)
{
	for (size_t i = 0; i < PARK_MAX; i++) {
		struct pri *pri = parked[i].pri;

		if (!pri || parked[i].role != role)
			continue;
		parked[i].pri = NULL;
		return pri;
	}
	return NULL;
}

static int write_nowhere(void *arg, const uint8_t *frame, size_t n)
{
	(void)arg;
	(void)frame;
	(void)n;
	return 0;
}

static void event_nowhere(void *arg, const struct pri_link_event *event)
{
	(void)arg;
	(void)event;
}

/* A DISC that nobody sent takes the link down, so that its next owner begins with SABME. The timers
 * of layer 2 run on then; those of calls went with the calls, and T316 isn't libpri's. */
static void take_down(struct pri_link *link)
{
	static const struct pri_link_ops nobody = { .write = write_nowhere,
						    .event = event_nowhere };
	/* SAPI 0, TEI 0, a command of the far end (Q.921 table 1), DISC with P=1 (table 5) */
	const uint8_t disc[] = { link->role == CONF_ROLE_NT ? 0x00 : 0x02, 0x01, 0x53 };

	link->ops = &nobody;
	pri_link_receive(link, disc, sizeof(disc));
}

/* Closed links stay reachable here: libpri has no way to free them. */
static void park(struct pri *pri, enum conf_role role)
{
	pri_set_userdata(pri, NULL);
	for (size_t i = 0; i < PARK_MAX; i++) {
		if (parked[i].pri)
			continue;
		parked[i].pri = pri;
		parked[i].role = role;
		return;
	}
	log_write(LOG_LEVEL_WARNING, "d-channel", NULL,
		  "no room to keep a closed link: its memory is lost");
}

static void say(struct pri *pri, enum log_level level, const char *text)
{
	const struct pri_link *link = pri ? pri_get_userdata(pri) : NULL;
	size_t n = strcspn(text, "\n");

	if (link && n)
		llog(link, level, "libpri: %.*s", (int)n, text);
}

static void say_message(struct pri *pri, char *text)
{
	say(pri, LOG_LEVEL_DEBUG, text);
}

static void say_error(struct pri *pri, char *text)
{
	say(pri, LOG_LEVEL_INFO, text);
}

static void set_timers(struct pri *pri, const struct conf_isdn_timers *t)
{
	const struct {
		int timer;
		unsigned value;
	} set[] = {
		{ PRI_TIMER_T200, t->t200 },
		{ PRI_TIMER_T203, t->t203 },
		{ PRI_TIMER_N200, t->n200 },
		{ PRI_TIMER_K, PRI_LINK_WINDOW },
		{ PRI_TIMER_T303, t->t303 + T303_MARGIN_MS },
		{ PRI_TIMER_T305, t->t305 },
		{ PRI_TIMER_T308, t->t308 },
		{ PRI_TIMER_T309, t->t309 + T309_MARGIN_MS },
		{ PRI_TIMER_T313, t->t313 * 2 },
		{ PRI_TIMER_T316, 0 },
	};

	for (size_t i = 0; i < sizeof(set) / sizeof(set[0]); i++)
		if (set[i].value ||
		    set[i].timer == PRI_TIMER_T316) /* 0: libpri's default, it would spin */
			pri_set_timer(pri, set[i].timer, (int)set[i].value);
}

int pri_link_create(struct pri_link **out, const struct pri_link_cfg *cfg,
		    const struct pri_link_ops *ops, void *arg)
{
	struct pri_link *link = mem_zalloc(sizeof(*link));

	if (!link)
		return -ENOMEM;
	*link = (struct pri_link){
		.name = cfg->name, .role = cfg->role, .loop = cfg->loop, .ops = ops, .arg = arg
	};
	use_clock(loop_clock(cfg->loop));
	pri_set_message(say_message);
	pri_set_error(say_error);
	link->pri = unpark(cfg->role);
	if (link->pri)
		pri_set_userdata(link->pri, link);
	else
		link->pri = pri_new_cb(-1, cfg->role == CONF_ROLE_NT ? PRI_NETWORK : PRI_CPE,
				       PRI_SWITCH_EUROISDN_E1, read_frame, write_frame, link);
	if (!link->pri)
		goto fail;
	set_timers(link->pri, cfg->timers);
	pri_hangup_fix_enable(link->pri, 1);
	pri_set_inbanddisconnect(link->pri, 0);
	pri_date_time_send_option(link->pri, PRI_DATE_TIME_SEND_NO);
	pri_restart(link->pri);
	rearm(link);
	*out = link;
	return 0;
fail:
	mem_free(link);
	return -ENOMEM;
}

void pri_link_set(struct pri_link *link, const char *name, const struct conf_isdn_timers *timers)
{
	link->name = name;
	set_timers(link->pri, timers);
}

void pri_link_close(struct pri_link **out)
{
	struct pri_link *link = out ? *out : NULL;

	if (!link)
		return;
	*out = NULL;
	take_down(link);
	loop_timer_stop(link->loop, &link->timer);
	park(link->pri, link->role);
	link->pri = NULL;
	loop_free_later(link->loop, link); /* maybe from inside an event of its */
}

/* ---- Calls ---- */

static int result(struct pri_link *link, int rc)
{
	rearm(link);
	return rc < 0 ? -EPROTO : 0;
}

struct q931_call *pri_call_new(struct pri_link *link)
{
	return pri_new_call(link->pri);
}

uint16_t pri_call_crv(struct pri_link *link, struct q931_call *call)
{
	int mode = 0, crv = pri_get_crv(link->pri, call, &mode);

	return (uint16_t)(((unsigned)crv << 3 | (unsigned)mode) & 0x7fff);
}

int pri_call_setup(struct pri_link *link, struct q931_call *call, const struct pri_setup *setup)
{
	struct pri_sr *sr = pri_sr_new();
	char nobody[] = "0"; /* libpri wants a number; the patch puts the true one */
	int rc;

	if (!sr)
		return -ENOMEM;
	pri_sr_set_channel(sr, setup->timeslot, setup->exclusive, 0);
	pri_sr_set_bearer(sr, setup->capability,
			  setup->law == CONF_ULAW ? PRI_LAYER_1_ULAW : PRI_LAYER_1_ALAW);
	pri_sr_set_called(sr, nobody, PRI_UNKNOWN, 0);
	rc = pri_setup(link->pri, call, sr);
	pri_sr_free(sr);
	return result(link, rc);
}

int pri_call_setup_ack(struct pri_link *link, struct q931_call *call, uint8_t timeslot)
{
	return result(link, pri_need_more_info(link->pri, call, timeslot, 0));
}

int pri_call_proceeding(struct pri_link *link, struct q931_call *call, uint8_t timeslot)
{
	return result(link, pri_proceeding(link->pri, call, timeslot, 0));
}

int pri_call_alerting(struct pri_link *link, struct q931_call *call, uint8_t timeslot)
{
	return result(link, pri_acknowledge(link->pri, call, timeslot, 0));
}

int pri_call_progress(struct pri_link *link, struct q931_call *call, uint8_t timeslot)
{
	return result(link, pri_progress(link->pri, call, timeslot, 1));
}

int pri_call_connect(struct pri_link *link, struct q931_call *call, uint8_t timeslot)
{
	return result(link, pri_answer(link->pri, call, timeslot, 0));
}

int pri_call_notify(struct pri_link *link, struct q931_call *call)
{
	return result(link, pri_notify(link->pri, call, 0, PRI_NOTIFY_USER_RESUMED));
}

int pri_call_hangup(struct pri_link *link, struct q931_call *call, uint8_t cause)
{
	return result(link, pri_hangup(link->pri, call, cause));
}

int pri_call_refuse(struct pri_link *link, struct q931_call *call)
{
	return result(link, pri_hangup(link->pri, call, PRI_CAUSE_INVALID_CALL_REFERENCE));
}

void pri_call_free(struct pri_link *link, struct q931_call *call)
{
	pri_destroycall(link->pri, call);
	rearm(link);
}

int pri_link_restart(struct pri_link *link, uint8_t timeslot)
{
	return result(link, pri_reset(link->pri, timeslot));
}
