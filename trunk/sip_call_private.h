/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TRUNK_SIP_CALL_PRIVATE_H
#define TRUNK_SIP_CALL_PRIVATE_H

/* Calls and their dialogs, as the files of the SIP floor that live inside of them share them.
 * Thread: signalling. */

#include "trunk/sip_dialog_private.h"


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

/* sip_late.c */
/* Takes over what an ended call still needs, so that it can be freed. 0; -1: out of memory. */
int sip_late_take(struct sip_call *call);
/* All that is left, at the stack's end. */
void sip_late_end(struct sip_stack *stack);

#endif
