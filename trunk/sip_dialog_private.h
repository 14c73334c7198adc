/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TRUNK_SIP_DIALOG_PRIVATE_H
#define TRUNK_SIP_DIALOG_PRIVATE_H

/* A dialog of a call: its offers and answers, its session timer, its requests. Thread: signalling.
 */

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

/* sip_timer.c: session timers (RFC 4028). ask(), response() and offer(): value of Session-Expires
 * or
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
