/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TRUNK_SIP_CALL_PRIVATE_H
#define TRUNK_SIP_CALL_PRIVATE_H

/* Calls and their dialogs, as the files of the SIP floor that live inside of them share them.
 * Thread: signalling. */

#include "trunk/sip_private.h"

/* ---- Offer and answer: one machine per dialog ---- */

enum oa_state {
	OA_NONE,         /* nothing said */
	OA_OURS_READY,   /* our offer waits for a message that may carry it */
	OA_OURS_SENT,    /* the peer shall answer */
	OA_THEIRS,       /* the user shall answer */
	OA_THEIRS_READY, /* our answer waits for its message */
	OA_STABLE,
	OA_STATES
};

enum oa_event {
	OA_LOCAL_OFFER,
	OA_LOCAL_ANSWER,
	OA_LOCAL_REFUSE,
	OA_SENT, /* what was ready is on the wire */
	OA_REMOTE_OFFER,
	OA_REMOTE_ANSWER,
	OA_REMOTE_REFUSE,
	OA_EVENTS
};
extern const struct fsm_machine sip_oa_machine;

/* The message that brought the peer's offer, so the one that carries our answer. */
enum oa_carrier {
	OA_BY_INVITE,   /* answered in a reliable 18x or the 200 */
	OA_BY_REINVITE, /* in its 200 */
	OA_BY_UPDATE,   /* in its 200 */
	OA_BY_PRACK,    /* in its 200 */
	OA_BY_18X,      /* in PRACK */
	OA_BY_2XX,      /* in ACK */
};

/* ---- Dialogs and calls ---- */

struct sip_dialog {
	struct list node; /* of the call's dialogs */
	struct sip_call *call;
	nta_leg_t *leg;
	nta_outgoing_t
		*fork; /* the INVITE's branch with this tag; NULL: the INVITE itself, or incoming */
	char tag[128]; /* the peer's */
	struct fsm oa;
	enum oa_carrier carrier;
	struct sdp_session session;
	struct sdp_shape shape;
	struct media_desc local, remote; /* last said */
	struct media_desc agreed;        /* what `local` was when both sides agreed last */
	struct media_desc wanted;        /* our offer that crossed another, to be made again */
	bool has_agreed, has_remote;
	bool answer_shown; /* an early answer went up */
	bool answer_owed;  /* the user waits for one, even if it is the same as before */
	bool peer_allows_update;
	bool early, confirmed;
	bool acked;
	bool bye_in, bye_out;
	nta_incoming_t *bye_waits;  /* the peer's BYE whose 200 is a last word */
	uint32_t rseq;              /* of the 18x whose PRACK waits for our answer; 0: none */
	uint32_t invite_cseq;       /* for the ACK */
	nta_incoming_t *modify_in;  /* the peer's re-INVITE or UPDATE that waits for us */
	nta_incoming_t *prack_in;   /* PRACK with an offer that waits for us */
	nta_outgoing_t *modify_out; /* our re-INVITE or UPDATE */
	bool modify_is_update, modify_is_refresh;
	bool modify_again; /* it goes out once more, as its connection was dead */
	struct sip_bye {
		nta_outgoing_t *orq; /* until it is answered */
		struct q850_cause cause;
		bool again; /* it went out once more, as its connection was dead */
	} bye;
	unsigned glare_tries;
	struct loop_timer glare; /* RFC 3261 14.1 */
	/* RFC 4028 */
	unsigned session_s; /* 0: no session timer */
	unsigned least_s;   /* highest Min-SE that a 422 told; 0: none did */
	bool we_refresh;
	struct loop_timer session_timer;
};

enum call_state {
	CALL_IDLE,
	CALL_CALLING,    /* INVITE out, nothing back */
	CALL_PROCEEDING, /* a provisional response came */
	CALL_CANCELLING, /* the user is gone; the final response is awaited */
	CALL_ACKING,     /* 2xx with an offer; ACK waits for our answer */
	CALL_INCOMING,   /* INVITE in, 100 sent */
	CALL_RINGING,    /* 18x sent */
	CALL_ANSWERING,  /* 200 sent, ACK awaited */
	CALL_CLOSING,    /* released while ACK is awaited: RFC 3261 15 forbids BYE yet */
	CALL_CONFIRMED,
	CALL_ENDED, /* lingers */
	CALL_STATES
};

enum call_event {
	CE_PROVISIONAL, /* struct call_response */
	CE_SUCCESS,     /* struct call_response */
	CE_FAILURE,     /* struct call_response */
	CE_CANCELLED,   /* struct q850_cause: of the CANCEL's Reason, or 16 */
	CE_ACK,
	CE_NO_ACK,
	CE_NO_PRACK,
	CE_BYE,      /* struct call_bye */
	CE_LOST,     /* struct q850_cause: session timer, 481 or silence in the dialog */
	CE_ALERT,    /* struct call_progress */
	CE_CONNECT,  /* struct sip_info, may be NULL */
	CE_ANSWERED, /* the answer that ACK waited for is ready */
	CE_RELEASE,  /* struct q850_cause */
	CALL_EVENTS
};
extern const struct fsm_machine sip_call_machine;

struct call_response {
	struct sip_dialog
		*dialog; /* NULL: a final failure, or a provisional response without a tag */
	const sip_t *sip;
	unsigned status;
};

struct call_bye {
	nta_incoming_t *irq;
	const sip_t *sip;
};

struct call_progress {
	bool alerting, inband;
};

/* One event on its way up; info and desc follow it in its block. */
struct sip_up {
	struct list node;
	struct sip_call *call;
	enum sip_up_kind { UP_INCOMING, UP_EVENT, UP_OFFER, UP_ANSWER, UP_REFUSE } kind;
	enum sip_event event;
	struct sip_event_data data;
	struct sip_info *info;
	struct media_desc *desc;
};

struct sip_call {
	struct list node; /* of the stack's calls */
	struct sip_stack *stack;
	struct sip_trunk *trunk;
	const struct sip_call_ops *ops; /* NULL: not taken yet, or done */
	void *arg;
	bool incoming, taken, done, released, counted;
	struct fsm fsm;
	char key[128];
	struct sip_info info;
	struct list dialogs;
	unsigned dialog_count;
	struct sip_dialog *dialog; /* the chosen one, or the early one heard last that has media */
	nta_outgoing_t *invite;    /* outgoing */
	nta_incoming_t *invite_in; /* incoming, until ACK or its end */
	uint32_t cseq;             /* outgoing: of the INVITE, its From tag, how often it went anew */
	char from_tag[20];
	unsigned again;
	bool broken; /* the connection that carried it was dead */
	unsigned session_s, least_s; /* outgoing: session timer asked for, and Min-SE; 0: none */
	bool peer_100rel, must_100rel;
	unsigned unpracked;      /* reliable responses out */
	bool rang;               /* 180 has been sent */
	struct media_desc offer; /* outgoing: what the INVITE offers */
	struct sdp_session session;
	bool has_offer;
	unsigned queued;        /* events on their way up */
	bool lingered, starved; /* starved: an event could not be told for want of memory */
	struct loop_deferred reap;
	struct q850_cause closing; /* why, in CALL_CLOSING */
	unsigned heard_status;     /* of another SIP call; 0: none */
	char moved_to[NUMBER_DIGITS]; /* new number of the called party; "": none */
	unsigned ruled_status;     /* ordered by the other side's configuration; 0: none */
	struct sip_up released_up; /* RELEASED needs no memory */
	bool released_told;
	/* Last words of the stack's own: what the INVITE is refused with (0: nothing) */
	unsigned last_status;
	struct q850_cause last_cause;
};

/* sip_up.c: the queue of events. On want of memory the call is released. */
void sip_up_event(struct sip_call *call, enum sip_event event, const struct sip_event_data *data);
void sip_up_desc(struct sip_call *call, enum sip_up_kind kind, const struct media_desc *desc);
void sip_up_refuse(struct sip_call *call, struct q850_cause cause);
void sip_up_incoming(struct sip_call *call);
void sip_up_released(struct sip_call *call, struct q850_cause cause, unsigned status, bool by_peer);
void sip_up_deliver(void *stack);

/* sip_call.c */
int sip_call_new(struct sip_call **out, struct sip_trunk *trunk, bool incoming, const char *key);
/* Frees it when nobody needs it any more. */
void sip_call_maybe_free(struct sip_call *call);
void sip_call_reap(void *call);
/* Memory is wanted in the middle of something: the call is released at the end of the turn. */
void sip_call_starve(struct sip_call *call);
void sip_call_free(struct sip_call *call);
/* Tells RELEASED and goes to CALL_ENDED. */
void sip_call_end(struct sip_call *call, struct q850_cause cause, unsigned status, bool by_peer);
/* The 200 to a BYE and the final response to an INVITE, where the user has no part in them: they go
 * out once RELEASED has been told, so that the user has noted the end before the peer knows that we
 * know it. */
void sip_call_last_words(struct sip_call *call);
struct sip_dialog *sip_dialog_new(struct sip_call *call, const char *tag);
void sip_dialog_free(struct sip_dialog *dialog);

/* sip_uac.c */
void sip_uac_provisional(struct sip_call *call, const struct call_response *response);
void sip_uac_success(struct sip_call *call, const struct call_response *response);
void sip_uac_cancel(struct sip_call *call, struct q850_cause cause);
/* ACK of the 2xx, with our answer when that is ready. */
void sip_uac_ack(struct sip_dialog *dialog);
/* A 2xx that nobody wants: of another branch, or crossing our CANCEL. ACK and BYE. */
void sip_uac_unwanted(struct sip_call *call, const struct call_response *response,
		      struct q850_cause cause);
/* PRACK of the 18x whose RSeq the dialog holds, with our answer when that is ready. */
void sip_uac_prack(struct sip_dialog *dialog);

/* sip_uas.c */
void sip_uas_invite(struct sip_trunk *trunk, nta_incoming_t *irq, const sip_t *sip);
int sip_uas_progress(struct sip_call *call, const struct call_progress *progress);
int sip_uas_connect(struct sip_call *call, const struct sip_info *info);
void sip_uas_final(struct sip_call *call, unsigned status, struct q850_cause cause);

/* sip_dialog.c */
int sip_dialog_request(void *dialog, nta_leg_t *leg, nta_incoming_t *irq, const sip_t *sip);
void sip_dialog_bye(struct sip_dialog *dialog, struct q850_cause cause);
nta_outgoing_t *sip_leg_bye(nta_leg_t *leg, const struct sip_trunk *trunk, struct q850_cause cause,
			    nta_response_f *answered, void *magic);
/* A BYE is answered, or never will be: it is destroyed. Returns the one that goes out in its place
 * when its connection was dead; else NULL. */
nta_outgoing_t *sip_leg_byed(nta_leg_t *leg, const struct sip_trunk *trunk,
			     const struct sip_bye *bye, const sip_t *sip, nta_response_f *answered,
			     void *magic);
/* Where its requests go when Sofia would not find it: a route whose first hop is a strict router
 * takes that out of Route (RFC 3261 12.2.1.1), and Sofia sends to what is left there. NULL: by
 * Route or Request-URI. */
const url_string_t *sip_leg_hop(nta_leg_t *leg);
const url_string_t *sip_dialog_hop(const struct sip_dialog *dialog);
/* Re-INVITE or UPDATE with our offer, or without one to refresh the session. 0 or -errno. */
int sip_dialog_modify(struct sip_dialog *dialog, bool refresh);
void sip_dialog_answer_modify(struct sip_dialog *dialog, unsigned status);
/* What a message of the peer tells about itself: Allow. */
void sip_dialog_peer(struct sip_dialog *dialog, const sip_t *sip);

/* sip_late.c */
/* Takes over what an ended call still needs, so that it can be freed. 0; -1: out of memory. */
int sip_late_take(struct sip_call *call);
/* All that is left, at the stack's end. */
void sip_late_end(struct sip_stack *stack);

/* sip_timer.c: session timers (RFC 4028). ask(), response() and offer(): value of Session-Expires or
 * ""; least(): of Min-SE or "". request(): 0 or 422. */
const char *sip_timer_ask(struct sip_call *call, char text[64]);
const char *sip_timer_least(unsigned least_s, char text[16]);
/* After 422 to our INVITE: is it worth another, with a longer session? */
bool sip_timer_raise(struct sip_call *call, const sip_t *sip);
unsigned sip_timer_request(struct sip_dialog *dialog, const sip_t *sip);
const char *sip_timer_response(const struct sip_dialog *dialog, char text[64]);
const char *sip_timer_offer(const struct sip_dialog *dialog, char text[64]);
void sip_timer_accepted(struct sip_dialog *dialog, const sip_t *sip); /* 2xx to our request */
void sip_timer_start(struct sip_dialog *dialog);
void sip_timer_too_small(struct sip_dialog *dialog, unsigned least_s);

/* sip_oa.c: SDP in and out of messages. */
enum oa_result {
	OA_NOTHING,
	OA_TAKEN,
	OA_BAD
}; /* OA_BAD: 400 or 488 in *status, sentence in *why */
/* Can the offer of an INVITE be read? 0 or the status to refuse with. */
unsigned sip_oa_check(const sip_t *sip, const char **why);
enum oa_result sip_oa_offer_in(struct sip_dialog *dialog, const sip_t *sip, enum oa_carrier carrier,
			       unsigned *status, const char **why);
enum oa_result sip_oa_answer_in(struct sip_dialog *dialog, const sip_t *sip, bool formal,
				const char **why);
/* Text of our offer or answer that waits, or was said in this INVITE already; "" when there is
 * none. */
const char *sip_oa_out(struct sip_dialog *dialog, char text[SDP_TEXT_MAX]);
/* May the 200 go out: is our answer, or our offer, there? */
bool sip_oa_ready(const struct sip_dialog *dialog);
bool sip_has_sdp(const sip_t *sip);

#endif
