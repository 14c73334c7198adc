/* SPDX-License-Identifier: GPL-2.0-only */
/* A span: the D-channel between line and libpri, and what comes in on it. */
#include "tdm/span_private.h"

#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define COUNTER(field, kind, text)                                                                 \
	{                                                                                          \
#field, COUNTER_##kind, text, offsetof(struct isdn_span_counters, field)           \
	}

const struct counter_info isdn_span_counter_info[] = {
	COUNTER(calls_in, NORMAL, "calls offered by the far end"),
	COUNTER(calls_out, NORMAL, "calls offered to the far end"),
	COUNTER(connects, NORMAL, "calls answered, either way"),
	COUNTER(frames_rx, NORMAL, "LAPD frames received"),
	COUNTER(frames_tx, NORMAL, "LAPD frames sent"),
	COUNTER(layer2_ups, NORMAL, "times that multiframe operation was established"),
	COUNTER(no_channel, UNDESIRABLE, "calls refused because no B-channel was free"),
	COUNTER(refused, UNDESIRABLE, "calls refused while none were taken"),
	COUNTER(glare, UNDESIRABLE, "calls from both sides that met on a B-channel"),
	COUNTER(restarts_rx, UNDESIRABLE, "RESTARTs received"),
	COUNTER(restarts_tx, UNDESIRABLE, "RESTARTs sent"),
	COUNTER(t309_clears, UNDESIRABLE, "calls cleared because layer 1 or 2 was away too long"),
	COUNTER(layer2_losses, UNDESIRABLE, "times that layer 2 was lost"),
	COUNTER(status_clears, UNDESIRABLE,
		"calls cleared because the far end's STATUS disagreed or was missing"),
	COUNTER(invalid_frames, ERROR,
		"received LAPD frames that are none, or not for this link: dropped"),
	COUNTER(malformed_frames, ERROR, "received messages without a usable header"),
	COUNTER(malformed_elements, ERROR, "received information elements that could not be read"),
	COUNTER(unexpected_messages, ERROR, "messages that the call's state does not allow"),
	COUNTER(tx_dropped, ERROR, "frames that the line did not take"),
};
const size_t isdn_span_counter_count =
	sizeof(isdn_span_counter_info) / sizeof(isdn_span_counter_info[0]);

/* ---- Out ---- */

static int send_frame(void *arg, const uint8_t *frame, size_t n)
{
	struct isdn_span *span = arg;
	int rc = span->dchan ? e1_dchan_send(span->dchan, frame, n) : -ENOTCONN;

	counter_inc(rc < 0 ? &span->counters.tx_dropped : &span->counters.frames_tx);
	return rc;
}

static void frame_sent(void *arg, const uint8_t *frame, size_t n)
{
	span_trace_out(arg, frame, n);
}

static void last_word_waits(void *arg)
{
	span_tell_soon(arg);
}

static const struct writer_ops writer_ops = { .send = send_frame,
					      .sent = frame_sent,
					      .waiting = last_word_waits };

/* V(R), the number of the I frame that libpri waits for, stands in every frame of its that has an
 * N(R); it acknowledges each I frame before pri_link_receive() returns. The link begins with 0. */
static void note_vr(struct isdn_span *span, const uint8_t *frame, size_t n)
{
	if (lapd_is_sabme(frame, n) || lapd_is_ua(frame, n))
		span->vr = 0;
	else if (lapd_has_nr(frame, n))
		span->vr = lapd_nr(frame);
}

static int pri_writes(void *arg, const uint8_t *frame, size_t n)
{
	struct isdn_span *span = arg;

	note_vr(span, frame, n);
	return writer_write(&span->writer, frame, n);
}

/* ---- Incoming calls ---- */

struct isdn_call *span_find_reference(const struct isdn_span *span, uint16_t crv, bool ours)
{
	struct isdn_call *call;

	list_for_each(call, &span->calls, struct isdn_call,
		      node) if (call->crv == crv && call->ours == ours) return call;
	return NULL;
}

static struct isdn_call *find_q931(const struct isdn_span *span, const struct q931_call *q931)
{
	struct isdn_call *call;

	list_for_each(call, &span->calls, struct isdn_call,
		      node) if (q931 && call->q931 == q931) return call;
	return NULL;
}

/* Glare (Q.931 5.7): the user side yields to the network's call, the network keeps the channel for
 * its own. */
static bool yields(struct isdn_span *span, uint8_t timeslot)
{
	if (!call_is_tentative(channels_call(&span->channels, timeslot)))
		return false;
	counter_inc(&span->counters.glare);
	if (span->conf->role == CONF_ROLE_NT)
		return false;
	call_yield(channels_call(&span->channels, timeslot));
	return true;
}

/* The channel for a SETUP (Q.931 5.1.2, 5.2.3); 0 and the cause to refuse it with when there is
 * none. */
static uint8_t choose_channel(struct isdn_span *span, const struct q931_channel *channel,
			      uint8_t *cause)
{
	bool named = channel->present && channel->timeslot && !channel->any;
	enum channel_state state = channels_state(&span->channels, channel->timeslot);

	*cause = Q850_NO_CIRCUIT;
	if (named &&
	    (state == CHANNEL_IDLE || (state == CHANNEL_TAKEN && yields(span, channel->timeslot))))
		return channel->timeslot;
	if (named && channel->exclusive) {
		*cause = Q850_CHANNEL_UNAVAILABLE;
		return 0;
	}
	return channels_hunt(&span->channels);
}

static void incoming(struct isdn_span *span, struct q931_call *q931)
{
	struct isdn_call *call;
	uint8_t timeslot, cause;

	counter_inc(&span->counters.calls_in);
	if (!span->rx_valid || call_create(&call, span, q931, span->rx.crv, false) < 0) {
		pri_call_refuse(span->link,
				q931); /* libpri's own cause: nothing can be kept for the patch */
		return;
	}
	fsm_event(&call->fsm, CALL_DO_OFFER, &span->rx.info);
	if (span->refuse.value) {
		counter_inc(&span->counters.refused);
		isdn_call_release(call, span->refuse);
		isdn_call_done(call);
		return;
	}
	timeslot = choose_channel(span, &span->rx.channel, &cause);
	if (!timeslot) {
		counter_inc(&span->counters.no_channel);
		isdn_call_release(call, q850(cause, Q850_LOC_PRIVATE_LOCAL));
		isdn_call_done(call);
		return;
	}
	channels_take(&span->channels, timeslot, call);
	call->timeslot = timeslot;
	if (call_lacks_number(&span->rx.info))
		fsm_event(&call->fsm, CALL_DO_COLLECT, &span->rx.info);
	else
		call_tell_incoming(call, &span->rx.info);
}

/* ---- Events of libpri ---- */

static enum call_event message_of(enum pri_link_event_kind kind)
{
	switch (kind) {
	case PRI_LINK_SETUP_ACK: return CALL_MSG_SETUP_ACK;
	case PRI_LINK_PROCEEDING: return CALL_MSG_PROCEEDING;
	case PRI_LINK_ALERTING: return CALL_MSG_ALERTING;
	case PRI_LINK_PROGRESS: return CALL_MSG_PROGRESS;
	case PRI_LINK_CONNECT: return CALL_MSG_CONNECT;
	case PRI_LINK_INFORMATION: return CALL_MSG_INFORMATION;
	case PRI_LINK_NOTIFY: return CALL_MSG_NOTIFY;
	case PRI_LINK_DISCONNECT: return CALL_MSG_DISCONNECT;
	case PRI_LINK_RELEASE: return CALL_MSG_RELEASE;
	case PRI_LINK_RELEASED: return CALL_MSG_RELEASED;
	case PRI_LINK_UP:
	case PRI_LINK_DOWN:
	case PRI_LINK_SETUP:
	case PRI_LINK_RESTART:
	case PRI_LINK_RESTART_ACK: break;
	}
	return CALL_EVENTS;
}

/* The first of these settles the B-channel (Q.931 5.1.2); PROGRESS only when it names one. */
static bool answers_setup(enum pri_link_event_kind kind, const struct q931_channel *channel)
{
	return kind == PRI_LINK_SETUP_ACK || kind == PRI_LINK_PROCEEDING ||
	       kind == PRI_LINK_ALERTING || kind == PRI_LINK_CONNECT ||
	       (kind == PRI_LINK_PROGRESS && channel->present);
}

static void call_event_of(struct isdn_span *span, const struct pri_link_event *event)
{
	struct isdn_call *call = find_q931(span, event->call);
	struct isdn_info timer = { .cause = q850(event->cause, Q850_LOC_PRIVATE_LOCAL) };
	const struct isdn_info *info = &timer;

	if (!call) {
		if (event->kind == PRI_LINK_RELEASE) /* a call that we gave up */
			pri_call_hangup(span->link, event->call, Q850_NORMAL_CLEARING);
		return;
	}
	if (span->rx_valid && span->rx.crv == call->crv && span->rx.flag == call->ours) {
		span->rx_served = true;
		info = &span->rx.info;
		if (answers_setup(event->kind, &span->rx.channel))
			call_agree(call, &span->rx.channel);
	}
	if (call->fsm.state != CALL_GONE)
		call_message(call, message_of(event->kind), info);
}

static void pri_says(void *arg, const struct pri_link_event *event)
{
	struct isdn_span *span = arg;

	switch (event->kind) {
	case PRI_LINK_UP: span_layer2(span, true); break;
	case PRI_LINK_DOWN: span_layer2(span, false); break;
	case PRI_LINK_SETUP: incoming(span, event->call); break;
	case PRI_LINK_RESTART: span_restart_received(span, event->timeslot); break;
	case PRI_LINK_RESTART_ACK: span_restart_acknowledged(span, event->timeslot); break;
	case PRI_LINK_SETUP_ACK:
	case PRI_LINK_PROCEEDING:
	case PRI_LINK_ALERTING:
	case PRI_LINK_PROGRESS:
	case PRI_LINK_CONNECT:
	case PRI_LINK_INFORMATION:
	case PRI_LINK_NOTIFY:
	case PRI_LINK_DISCONNECT:
	case PRI_LINK_RELEASE:
	case PRI_LINK_RELEASED: call_event_of(span, event); break;
	}
}

static const struct pri_link_ops link_ops = { .write = pri_writes, .event = pri_says };

/* ---- In ---- */

/* What libpri keeps to itself: it gives no event for these. */
static void silent_message(struct isdn_span *span)
{
	const struct q931_message *m = &span->rx;
	struct isdn_call *call = span_find_reference(span, m->crv, m->flag);
	bool present = call && call->fsm.state == CALL_IN_PRESENT;

	if (!call || !m->crv)
		return;
	if (m->type == Q931_CONNECT_ACKNOWLEDGE)
		call_message(call, CALL_MSG_CONNECT_ACK, &m->info);
	else if (present && (m->type == Q931_RELEASE_COMPLETE ||
			     (m->type == Q931_STATUS && m->call_state == 0)))
		call_message(call, CALL_MSG_SILENT_CLEAR, &m->info);
	else if (m->type == Q931_DISCONNECT && (present || call->fsm.state == CALL_DISCONNECT_SENT))
		call_message(call, CALL_MSG_DISCONNECT, &m->info);
	else if (m->type == Q931_STATUS)
		call_status(call, m);
}

/* Reads the message for ourselves and leaves in `frame` what libpri may see. Returns the new
 * length. */
static size_t inspect(struct isdn_span *span, uint8_t *frame, size_t n)
{
	size_t at = lapd_payload(frame, n);
	unsigned dropped;
	bool message_dropped;

	span->rx_valid = at && q931_read(&span->rx, frame + at, n - at) == 0;
	n = q931_clean(frame, n, &dropped, &message_dropped);
	counter_add(&span->counters.malformed_elements, dropped);
	if (message_dropped)
		counter_inc(&span->counters.malformed_frames);
	return n;
}

/* Repeated, or out of sequence: libpri passes its message over (Q.921 5.6.2, 5.8.1), and so do we.
 */
static bool is_next(const struct isdn_span *span, const uint8_t *frame, size_t n)
{
	return !lapd_is_i(frame, n) || lapd_ns(frame) == span->vr;
}

static bool was_taken(const struct isdn_span *span, const uint8_t *frame, size_t n)
{
	return !lapd_is_i(frame, n) || ((lapd_ns(frame) + 1) & 0x7f) == span->vr;
}

static void valid_frame(struct isdn_span *span, const uint8_t *octets, size_t n)
{
	uint8_t frame[E1_FRAME_MAX + 4];
	bool next = is_next(span, octets, n);

	memcpy(frame, octets, n);
	span->rx_served = false;
	if (next)
		span_trace_in(span, octets, n);
	pri_link_receive(span->link, frame, next ? inspect(span, frame, n) : n);
	if (span->rx_valid && !span->rx_served && was_taken(span, octets, n))
		silent_message(span);
	span->rx_valid = false;
	if (lapd_has_nr(octets, n) && span->layer2)
		writer_acknowledged(&span->writer, lapd_nr(octets));
	if (lapd_is_sabme(octets, n))
		span_peer_reset(span);
}

static void frame_in(struct e1_dchan *dchan, const uint8_t *octets, size_t n, void *arg)
{
	struct isdn_span *span = arg;

	(void)dchan;
	counter_inc(&span->counters.frames_rx);
	switch (lapd_judge(octets, n, span->conf->role == CONF_ROLE_TE)) {
	case LAPD_VALID: valid_frame(span, octets, n); return;
	case LAPD_SAME_SIDE: /* libpri says so; while the link stands it is a broken bit */
		if (!span->layer2)
			pri_link_receive(span->link, octets, n);
		break;
	case LAPD_INVALID: break;
	}
	counter_inc(&span->counters.invalid_frames);
}

static const struct e1_dchan_ops dchan_ops = { .frame = frame_in };

/* ---- Making and closing ---- */

static void channel_free(struct bchan *bchan, void *owner)
{
	struct isdn_span *span = owner;

	if (channels_state(&span->channels, bchan->timeslot) == CHANNEL_LEAVING)
		channels_free(&span->channels, (uint8_t)bchan->timeslot);
	span_check_finished(span);
}

timeslot_set span_usable(const struct e1_line *line, const struct conf_span *conf)
{
	timeslot_set wanted = conf->b_channels ? conf->b_channels : e1_line_timeslots(line);

	return wanted & e1_line_timeslots(line) & ~(UINT32_C(1) << conf->d_channel);
}

static void init(struct isdn_span *span, const struct isdn_span_cfg *cfg)
{
	span->conf = cfg->conf;
	span->line = cfg->line;
	span->loop = cfg->loop;
	span->trace = cfg->trace;
	channels_init(&span->channels, span_usable(cfg->line, cfg->conf), cfg->conf->hunt);
	for (unsigned ts = 0; ts < E1_TIMESLOTS; ts++)
		span->bchans[ts] = (struct bchan){
			.line = cfg->line, .timeslot = ts, .free = channel_free, .owner = span
		};
	list_init(&span->calls);
	span_reports_init(span);
	writer_init(&span->writer, &writer_ops, span);
}

int isdn_span_create(struct isdn_span **out, const struct isdn_span_cfg *cfg,
		     const struct isdn_span_ops *ops, void *arg)
{
	struct isdn_span *span = mem_zalloc(sizeof(*span));
	struct pri_link_cfg link = { .name = cfg->conf->name,
				     .role = cfg->conf->role,
				     .timers = &cfg->conf->timers,
				     .loop = cfg->loop };
	int rc;

	if (!span)
		return -ENOMEM;
	init(span, cfg);
	span->ops = ops;
	span->arg = arg;
	rc = e1_dchan_open(&span->dchan, cfg->line, cfg->conf->d_channel, &dchan_ops, span);
	if (rc < 0)
		goto fail;
	rc = pri_link_create(&span->link, &link, &link_ops, span);
	if (rc < 0)
		goto fail;
	if (cfg->conf->law == CONF_ULAW)
		e1_slot_idle(cfg->line, 0xff); /* µ-law zero, G.711 */
	span_fault_init(span);
	*out = span;
	return 0;
fail:
	e1_dchan_close(&span->dchan);
	mem_free(span);
	return rc;
}

static void finish(void *arg)
{
	struct isdn_span *span = arg;
	void (*closed)(void *) = span->closed;
	void *closed_arg = span->closed_arg;

	loop_defer_cancel(span->loop, &span->deliver);
	loop_free_later(span->loop, span);
	if (closed)
		closed(closed_arg);
}

/* Closing ends when no call is held and no port joined. */
void span_check_finished(struct isdn_span *span)
{
	if (!span->closing || span->call_count)
		return;
	for (unsigned ts = 0; ts < E1_TIMESLOTS; ts++)
		if (span->bchans[ts].state != BCHAN_FREE)
			return;
	loop_defer(span->loop, &span->finish, finish, span);
}

void isdn_span_close(struct isdn_span **out, void (*closed)(void *arg), void *arg)
{
	struct isdn_span *span = out ? *out : NULL;
	struct isdn_call *call;

	if (!span)
		return;
	*out = NULL;
	span->closing = true;
	span->closed = closed;
	span->closed_arg = arg;
	list_for_each(call, &span->calls, struct isdn_call, node)
		call_forget(call, q850(Q850_DESTINATION_OUT_OF_ORDER, Q850_LOC_PRIVATE_LOCAL));
	span_fault_close(span);
	e1_dchan_close(&span->dchan);
	pri_link_close(&span->link);
	writer_close(&span->writer);
	span_check_finished(span);
}

/* ---- Queries ---- */

const char *isdn_span_name(const struct isdn_span *span)
{
	return span->conf->name;
}

const struct conf_span *isdn_span_conf(const struct isdn_span *span)
{
	return span->conf;
}

struct e1_line *isdn_span_line(const struct isdn_span *span)
{
	return span->line;
}

enum isdn_span_state isdn_span_state(const struct isdn_span *span)
{
	return span->state;
}

const char *isdn_span_state_name(enum isdn_span_state state)
{
	static const char *const names[] = { "down", "no layer 2", "up" };

	return names[state];
}

unsigned isdn_span_idle_channels(const struct isdn_span *span)
{
	return channels_idle(&span->channels);
}

unsigned isdn_span_calls(const struct isdn_span *span)
{
	unsigned n = 0;

	for (const struct list *node = span->calls.next; node != &span->calls; node = node->next)
		n++;
	return n;
}

const char *isdn_slot_state_name(enum isdn_slot_state state)
{
	static const char *const names[] = { "absent",     "framing",  "d-channel", "idle",
					     "incoming",   "outgoing", "connected", "releasing",
					     "restarting", "blocked" };

	return names[state];
}

static enum isdn_slot_state slot_of_call(const struct isdn_call *call)
{
	if (call->fsm.state == CALL_ACTIVE)
		return SLOT_CONNECTED;
	if (call->fsm.state > CALL_ACTIVE)
		return SLOT_RELEASING;
	return call->ours ? SLOT_OUTGOING : SLOT_INCOMING;
}

enum isdn_slot_state isdn_span_slot(const struct isdn_span *span, unsigned timeslot,
				    struct isdn_call **call)
{
	if (call)
		*call = channels_call(&span->channels, timeslot);
	if (timeslot == 0)
		return SLOT_FRAMING;
	if (timeslot == span->conf->d_channel)
		return SLOT_DCHANNEL;
	switch (channels_state(&span->channels, timeslot)) {
	case CHANNEL_IDLE: return SLOT_IDLE;
	case CHANNEL_TAKEN: return slot_of_call(channels_call(&span->channels, timeslot));
	case CHANNEL_LEAVING: return SLOT_RELEASING;
	case CHANNEL_RESTARTING: return SLOT_RESTARTING;
	case CHANNEL_BLOCKED: return SLOT_BLOCKED;
	case CHANNEL_ABSENT: break;
	}
	return SLOT_ABSENT;
}

const struct isdn_span_counters *isdn_span_counters(const struct isdn_span *span)
{
	return &span->counters;
}
