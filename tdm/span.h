/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TDM_SPAN_H
#define TDM_SPAN_H

/* An ISDN primary rate span: one E1 line, one D-channel (Q.921, Q.931 / ETS 300 102 on libpri), up
 * to 30 B-channels.
 *
 * What does it do? Offers and takes calls with every information element that matters to
 * interworking, allocates B-channels, keeps Q.931's timers and survives faults of layers 1 and 2
 * (T309). It knows no SIP and no routes.
 *
 * Thread: signalling, for every function and callback; only the B-channel's octets move on the
 * line's worker.
 *
 * Ownership: a call belongs to the span; its user holds the pointer from isdn_call_setup() or
 * `incoming` until the RELEASED event, and ends its use with isdn_call_done(). */

#include "base/list.h"
#include "base/party.h"
#include "base/q850.h"
#include "base/trace.h"
#include "conf/machine.h"
#include "hw/e1.h"
#include "transcoding/port.h"

struct isdn_span;
struct isdn_call;

/* Q.931 4.5.5 information transfer capability. */
enum isdn_capability {
	ISDN_SPEECH = 0x00,
	ISDN_UNRESTRICTED = 0x08,
	ISDN_RESTRICTED = 0x09,
	ISDN_AUDIO_3K1 = 0x10,
	ISDN_UNRESTRICTED_TONES = 0x11,
	ISDN_VIDEO = 0x18,
};

/* Q.931 4.5.23 progress description. */
enum isdn_progress_description {
	PROGRESS_NOT_END_TO_END_ISDN = 1,
	PROGRESS_DESTINATION_NOT_ISDN = 2,
	PROGRESS_ORIGIN_NOT_ISDN = 3,
	PROGRESS_RETURNED_TO_ISDN = 4,
	PROGRESS_INBAND = 8,
};

struct isdn_progress {
	uint8_t description;
	uint8_t location; /* enum q850_location */
};

#define ISDN_PROGRESS_MAX 4
#define ISDN_RAW_MAX 32

/* An element kept as its octets (contents without identifier and length); length 0: absent. */
struct isdn_raw {
	uint8_t octets[ISDN_RAW_MAX];
	uint8_t length;
};

/* What a message carries, up or down. Absent parts are zero. */
struct isdn_info {
	/* SETUP */
	uint8_t capability;              /* enum isdn_capability */
	enum conf_law law;               /* user information layer 1 protocol of the bearer */
	struct isdn_raw bearer;          /* as received; when sending, overrides capability and law */
	struct isdn_raw hlc, llc;        /* Q.931 4.5.17, 4.5.19 */
	struct party calling;            /* number and second: both calling party numbers */
	struct party called;
	bool sending_complete;           /* Q.931 4.5.27 */
	/* Redirecting number: Q.931 4.6.7 with the reason, and how often (0: none) */
	struct party redirecting;
	uint8_t redirecting_reason;
	/* CONNECT: connected number (Q.951.5 COLP) */
	struct party connected;
	/* any */
	struct isdn_progress progress[ISDN_PROGRESS_MAX];
	unsigned progress_count;
	struct q850_cause cause;         /* value 0: none in the message */
	struct isdn_raw cause_diagnostics;
	struct isdn_raw user_user;       /* Q.931 4.5.30, with its protocol discriminator */
	char display[83];                /* Q.931 4.5.16 */
	char keypad[33];                 /* digits by keypad facility */
};

/* The new number that the diagnostic of cause 22 tells (Q.850 table 1). False: none that can be
 * read. */
bool isdn_moved_to(const struct isdn_raw *diagnostics, struct party_number *out);

static inline bool isdn_info_inband(const struct isdn_info *info)
{
	for (unsigned i = 0; i < info->progress_count; i++)
		if (info->progress[i].description == PROGRESS_INBAND)
			return true;
	return false;
}

/* What happened to a call. */
enum isdn_event {
	ISDN_SETUP_ACK,      /* overlap sending possible; en-bloc SETUPs seldom see it */
	ISDN_PROCEEDING,
	ISDN_ALERTING,
	ISDN_PROGRESS,
	ISDN_CONNECT,
	ISDN_INFORMATION,    /* more digits in info->called */
	ISDN_NOTIFY,
	ISDN_DISCONNECT,     /* the far end clears; in-band announcement may follow (info->progress); answer with isdn_call_release() */
	ISDN_RELEASED,       /* the call reference is gone; info->cause says why. Nothing comes after it */
};

struct isdn_call_ops {
	void (*event)(struct isdn_call *call, enum isdn_event event, const struct isdn_info *info, void *arg);
};

enum isdn_span_state {
	SPAN_DOWN,      /* layer 1 down */
	SPAN_NO_LAYER2, /* layer 1 up, no multiframe on the D-channel */
	SPAN_UP,
};

struct isdn_span_ops {
	/* A call comes in (SETUP; one without any number is told when overlap receiving, Q.931
	 * 5.1.3 and 5.2.4, has gathered it, with the digits in info->called as if they had come en
	 * bloc). Set its ops with isdn_call_accept() before returning, or refuse it with
	 * isdn_call_release() and isdn_call_done(). A B-channel is already reserved for it. */
	void (*incoming)(struct isdn_span *span, struct isdn_call *call, const struct isdn_info *info, void *arg);
	void (*state)(struct isdn_span *span, enum isdn_span_state state, unsigned alarms, void *arg);
};

struct isdn_span_cfg {
	const struct conf_span *conf;   /* borrowed for the span's life */
	struct e1_line *line;           /* borrowed; the D-channel and B-channels are taken from it */
	struct loop *loop;
	const struct trace_sink *trace; /* may be NULL; every Q.931 message, call_key "SPAN/CRV" */
};

/* Starts layer 2 at once. 0, -ENOMEM, or what e1_dchan_open() says. */
int isdn_span_create(struct isdn_span **out, const struct isdn_span_cfg *cfg,
		     const struct isdn_span_ops *ops, void *arg);
/* Calls still there are dropped without a message (their users get RELEASED, cause 27, first).
 * `closed` (may be NULL) runs when the line is free of it. Sets NULL, takes NULL. */
void isdn_span_close(struct isdn_span **span, void (*closed)(void *arg), void *arg);

/* Other settings from now on, while calls are carried. Those of the line, role, switch type, law,
 * D-channel and layer 2 timers must be equal (-EINVAL, and nothing is changed). A B-channel that is
 * taken away and has a call goes when that ends. `conf` is borrowed in place of the earlier one. */
int isdn_span_set_conf(struct isdn_span *span, const struct conf_span *conf);
/* New calls of the far end are refused with this cause (value 0: taken again): RELEASE COMPLETE
 * before a channel is taken. Ours are -EBUSY. Calls in progress go on. */
void isdn_span_refuse(struct isdn_span *span, struct q850_cause cause);

/* From the configuration, and the line it was given; both borrowed, for as long as the span. */
const char *isdn_span_name(const struct isdn_span *span);
const struct conf_span *isdn_span_conf(const struct isdn_span *span);
struct e1_line *isdn_span_line(const struct isdn_span *span);
/* As last told by `state`; and in words ("up" …), never NULL. */
enum isdn_span_state isdn_span_state(const struct isdn_span *span);
const char *isdn_span_state_name(enum isdn_span_state state);
/* B-channels that a new call could take now. */
unsigned isdn_span_idle_channels(const struct isdn_span *span);
/* Calls now, both ways, in any state. */
unsigned isdn_span_calls(const struct isdn_span *span);
/* Send RESTART for one timeslot, or for all (0) (Q.931 5.5). -ENOTCONN without layer 2. */
int isdn_span_restart(struct isdn_span *span, unsigned timeslot);

enum isdn_slot_state {
	SLOT_ABSENT, SLOT_FRAMING, SLOT_DCHANNEL, SLOT_IDLE, SLOT_INCOMING, SLOT_OUTGOING, SLOT_CONNECTED,
	SLOT_RELEASING, SLOT_RESTARTING, SLOT_BLOCKED,
};
/* For people, never NULL. */
const char *isdn_slot_state_name(enum isdn_slot_state state);
/* For the map of `gwctl span show`. `call` (may be NULL) gets the call there or NULL. */
enum isdn_slot_state isdn_span_slot(const struct isdn_span *span, unsigned timeslot, struct isdn_call **call);

/* Written on the signalling thread. */
struct isdn_span_counters {
	counter_t calls_in, calls_out, connects;                         /* normal */
	counter_t frames_rx, frames_tx, layer2_ups;
	counter_t no_channel, refused, glare, restarts_rx, restarts_tx, t309_clears, layer2_losses, status_clears; /* undesirable */
	counter_t invalid_frames, malformed_frames, malformed_elements, unexpected_messages, tx_dropped; /* error */
};
extern const struct counter_info isdn_span_counter_info[];
extern const size_t isdn_span_counter_count;
/* Live as long as the span; to be read by any thread. */
const struct isdn_span_counters *isdn_span_counters(const struct isdn_span *span);

/* ---- Calls ---- */

/* Offer a call. 0; -EBUSY: no free B-channel (cause 34); -ENETDOWN: layer 2 is down and T309 isn't
 * running in our favour (cause 27 / 41); -EINVAL: a number or element that cannot be coded. */
int isdn_call_setup(struct isdn_call **out, struct isdn_span *span, const struct isdn_info *info,
		    const struct isdn_call_ops *ops, void *arg);
/* Take an incoming call: events go to `ops` from now on. */
void isdn_call_accept(struct isdn_call *call, const struct isdn_call_ops *ops, void *arg);

/* Each sends its message where Q.931 allows it in the call's state and does nothing where it has
 * been sent already; -EPROTO when the state forbids it (logged). `info` may be NULL. */
int isdn_call_proceeding(struct isdn_call *call, const struct isdn_info *info);
int isdn_call_alerting(struct isdn_call *call, const struct isdn_info *info);
int isdn_call_progress(struct isdn_call *call, const struct isdn_info *info);
int isdn_call_connect(struct isdn_call *call, const struct isdn_info *info);
/* Begin clearing with DISCONNECT (T305); with PROGRESS_INBAND in info the far end may listen to an
 * announcement until it clears. ISDN_RELEASED follows. */
int isdn_call_disconnect(struct isdn_call *call, const struct isdn_info *info);
/* Clear in whatever way the state demands (RELEASE COMPLETE to a SETUP, DISCONNECT, RELEASE).
 * ISDN_RELEASED follows, never from inside this call. */
void isdn_call_release(struct isdn_call *call, struct q850_cause cause);
/* The same with the cause's diagnostics (Q.931 4.5.12); length 0: none. */
void isdn_call_release_diagnosed(struct isdn_call *call, struct q850_cause cause, const struct isdn_raw *diagnostics);
/* The user lets go of the pointer: after RELEASED, or in `incoming` after isdn_call_release(). */
void isdn_call_done(struct isdn_call *call);

/* Join the B-channel to a port: it pushes what the line brings and pulls what the line sends, in
 * the span's law. -EBUSY when joined, -ENOTCONN when no B-channel is agreed yet. Cut-through both
 * ways. */
int isdn_call_join(struct isdn_call *call, struct port *port);
/* `left` runs on the signalling thread when the port is touched no more (also when it never was
 * joined). */
void isdn_call_leave(struct isdn_call *call, void (*left)(void *arg), void *arg);

/* The span that the call is on. */
struct isdn_span *isdn_call_span(const struct isdn_call *call);
unsigned isdn_call_timeslot(const struct isdn_call *call);      /* 0: none yet */
/* "SPAN/CRV", as in trace records; valid as long as the call. References of the far end's making
 * have an i behind them ("telco-1/17i"): both sides count on their own. */
const char *isdn_call_key(const struct isdn_call *call);
const char *isdn_call_state_name(const struct isdn_call *call); /* "N3 outgoing proceeding" style, Q.931 2.1 */

#endif
