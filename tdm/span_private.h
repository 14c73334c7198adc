/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TDM_SPAN_PRIVATE_H
#define TDM_SPAN_PRIVATE_H

/* What a span and a call are made of; for span*.c, call*.c and white-box tests. Thread: signalling.
 */

#include "base/fsm.h"
#include "base/log.h"
#include "base/loop.h"
#include "tdm/bchan.h"
#include "tdm/channels.h"
#include "tdm/ie.h"
#include "tdm/pri.h"
#include "tdm/span.h"
#include "tdm/writer.h"

#define slog(span, level, ...) log_write(level, "span", (span)->conf->name, __VA_ARGS__)
#define clog(call, level, ...) log_write(level, "call", (call)->key, __VA_ARGS__)

#define CALL_KEY_MAX 80
#define TRACE_KEPT 8

/* Something for the call's user, waiting for the end of the loop's turn. */
struct call_report {
	struct list node;
	struct isdn_call *call;
	bool incoming; /* struct isdn_span_ops.incoming, else `event` */
	bool kept;     /* part of the call, not to be freed by itself */
	enum isdn_event event;
	struct isdn_info info;
};

/* Q.931 2.1, by what the call looks like from here. The tables in call.c say the numbers for either
 * side. */
enum call_state {
	CALL_NULL,
	CALL_OUT_SETUP,
	CALL_OUT_OVERLAP,
	CALL_OUT_PROCEEDING,
	CALL_OUT_ALERTING,
	CALL_IN_PRESENT,
	CALL_IN_OVERLAP,   /* digits are being gathered; its user has not heard of it */
	CALL_IN_COLLECTED, /* its user has, and hasn't answered */
	CALL_IN_PROCEEDING,
	CALL_IN_ALERTING,
	CALL_IN_CONNECTING,
	CALL_ACTIVE,
	CALL_DISCONNECT_SENT,
	CALL_DISCONNECT_RECEIVED,
	CALL_RELEASING,
	CALL_GONE,
	CALL_STATES
};

/* Data: messages and verbs bring a const struct isdn_info *, FORGET and DO_RELEASE a const struct
 * q850_cause *. */
enum call_event {
	CALL_MSG_SETUP_ACK,
	CALL_MSG_PROCEEDING,
	CALL_MSG_ALERTING,
	CALL_MSG_PROGRESS,
	CALL_MSG_CONNECT,
	CALL_MSG_CONNECT_ACK,
	CALL_MSG_INFORMATION,
	CALL_MSG_NOTIFY,
	CALL_MSG_DISCONNECT,
	CALL_MSG_RELEASE,      /* libpri waits for the answer */
	CALL_MSG_RELEASED,     /* libpri has freed its call */
	CALL_MSG_SILENT_CLEAR, /* the caller gave up before we answered: libpri clears without an
				  event */
	CALL_DO_SETUP,
	CALL_DO_OFFER,
	CALL_DO_COLLECT, /* SETUP had no number: SETUP ACKNOWLEDGE */
	CALL_DO_PROCEEDING,
	CALL_DO_ALERTING,
	CALL_DO_PROGRESS,
	CALL_DO_CONNECT,
	CALL_DO_DISCONNECT,
	CALL_DO_RELEASE,
	CALL_FORGET, /* data link or restart: to Null at once, without a message */
	CALL_EVENTS
};
extern const struct fsm_machine call_machine;

struct isdn_call {
	struct list node; /* span->calls, until gone */
	struct isdn_span *span;
	struct q931_call *q931; /* libpri's; NULL when freed there */
	struct fsm fsm;
	struct call_notes *notes; /* the writer's */
	const struct isdn_call_ops *ops;
	void *arg;
	uint16_t crv;
	bool ours; /* outgoing */
	char key[CALL_KEY_MAX];
	uint8_t timeslot;          /* 0: none (any more) */
	bool agreed;               /* both sides know the timeslot */
	bool joined;               /* a port is on the B-channel */
	bool yielded;              /* lost its timeslot to a call of the far end */
	bool announcing;           /* DISCONNECT went out with in-band information */
	bool told;                 /* RELEASED has been queued */
	bool user;                 /* the user holds the pointer */
	unsigned holds;            /* user, signalling, queued reports, leave on its way */
	int rc;                    /* of the verb that runs */
	struct q850_cause cause;   /* why it is cleared, for the user */
	struct isdn_raw heard;     /* its diagnostics, when a message brought it */
	struct isdn_raw diagnostics; /* of the cause given to the release that runs */
	struct loop_timer enquiry; /* T322 */
	unsigned enquiries;        /* STATUS ENQUIRY sent without an answer */
	struct call_report first;  /* incoming */
	struct call_report last;   /* released */
	struct loop_deferred left_later;
	void (*left)(void *arg);
	void *left_arg;
};

struct isdn_span {
	const struct conf_span *conf;
	struct e1_line *line;
	struct loop *loop;
	const struct trace_sink *trace;
	const struct isdn_span_ops *ops;
	void *arg;
	struct e1_dchan *dchan;
	struct pri_link *link;
	struct writer writer;
	struct channels channels;
	struct bchan bchans[E1_TIMESLOTS];
	struct list calls, reports;
	unsigned call_count; /* calls whose memory is held */
	struct loop_deferred deliver;
	/* Layers 1 and 2 */
	enum isdn_span_state state;
	unsigned alarms;
	bool layer2, came_up;
	struct loop_timer poll; /* reads the line's alarms */
	struct loop_timer t309;
	/* RESTART: one at a time (Q.931 5.5.1) */
	timeslot_set restart_wanted;
	uint8_t restarting;
	timeslot_set restart_precaution; /* of the start: nothing is known against these */
	unsigned restart_tries;
	struct loop_timer t316;
	struct loop_deferred restart_later;
	/* The message that libpri is being given */
	struct q931_message rx;
	bool rx_valid, rx_served;
	uint8_t vr; /* V(R) of the link (Q.921 3.5.2.5) */
	struct {
		uint8_t ns;
		uint16_t length;
		uint32_t sum;
	} seen[TRACE_KEPT];
	struct isdn_span_counters counters;
	/* Closing */
	bool closing;
	struct q850_cause refuse; /* new calls of the far end; value 0: they are taken */
	struct loop_deferred finish;
	void (*closed)(void *arg);
	void *closed_arg;
};

/* span.c */
void span_check_finished(struct isdn_span *span);
/* The timeslots of calls that these settings leave on the line. */
timeslot_set span_usable(const struct e1_line *line, const struct conf_span *conf);
/* span_fault.c: T309, RESTART */
void span_fault_init(struct isdn_span *span);
void span_fault_close(struct isdn_span *span);
void span_layer2(struct isdn_span *span, bool up);
void span_peer_reset(struct isdn_span *span);
void span_restart_received(struct isdn_span *span, uint8_t timeslot);
void span_restart_acknowledged(struct isdn_span *span, uint8_t timeslot);
/* RESTART this channel as soon as layer 2 allows. `at_start`: when it is idle, as a precaution. */
void span_restart_want(struct isdn_span *span, timeslot_set timeslots, bool at_start);
/* span_trace.c */
void span_trace_in(struct isdn_span *span, const uint8_t *frame, size_t n);
void span_trace_out(struct isdn_span *span, const uint8_t *frame, size_t n);
struct isdn_call *span_find_reference(const struct isdn_span *span, uint16_t crv, bool ours);
void span_call_key(const struct isdn_span *span, uint16_t crv, bool ours, char key[CALL_KEY_MAX]);

/* call.c */
int call_create(struct isdn_call **out, struct isdn_span *span, struct q931_call *q931,
		uint16_t crv, bool ours);
/* A message of the far end, as libpri reports it. */
void call_message(struct isdn_call *call, enum call_event event, const struct isdn_info *info);
/* A cause that we give by ourselves: with our side's location. */
struct q850_cause call_own_cause(const struct isdn_call *call, uint8_t value);
void call_forget(struct isdn_call *call, struct q850_cause cause);
/* call_overlap.c: digits that come one by one (Q.931 5.1.3, 5.2.4) */
enum collected { COLLECTED_MORE, COLLECTED_WHOLE, COLLECTED_INVALID };
bool call_lacks_number(const struct isdn_info *setup);
/* From now on the call is nobody's, until it is told. */
void call_collect_begin(struct isdn_call *call, const struct isdn_info *setup);
/* INFORMATION: is the number whole now? Invalid: too long, or ended without digits. */
enum collected call_collect(struct isdn_call *call, const struct isdn_info *more);
/* No more will come. */
enum collected call_collected(const struct isdn_call *call);
/* `incoming`, with what has been gathered. */
void call_collect_tell(struct isdn_call *call);
/* call_channel.c */
/* The far end's choice of B-channel in its first answer (Q.931 5.1.2, 5.2.3). */
void call_agree(struct isdn_call *call, const struct q931_channel *channel);
/* Takes NULL. Offered by us, unanswered: the far end may still choose another channel. */
bool call_is_tentative(const struct isdn_call *call);
/* Gives up its channel and takes what the far end's answer will name. */
void call_yield(struct isdn_call *call);
/* A call that yielded was refused for want of its channel: offers it once more, on another one,
 * under a new reference. False: not such a call, or no channel. */
bool call_offer_again(struct isdn_call *call, uint8_t cause);
/* call_status.c: STATUS and STATUS ENQUIRY (Q.931 5.8.10, 5.8.11) */
void call_enquire(struct isdn_call *call);
void call_status(struct isdn_call *call, const struct q931_message *status);
/* call_report.c */
void call_tell(struct isdn_call *call, enum isdn_event event, const struct isdn_info *info);
void call_tell_incoming(struct isdn_call *call, const struct isdn_info *info);
void call_tell_released(struct isdn_call *call, const struct isdn_info *info);
void call_hold(struct isdn_call *call);
void call_drop(struct isdn_call *call);
void span_reports_init(struct isdn_span *span);
/* At the end of the turn: reports are told, then the last words that waited for them go out. */
void span_tell_soon(struct isdn_span *span);

#endif
