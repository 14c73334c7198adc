/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GATEWAY_LEG_H
#define GATEWAY_LEG_H

/* The half-call protocol: one vocabulary, spoken in both directions between a call and each of its
 * legs, derived from Q.931 whatever the leg stands on. The core (call.c) sees nothing else, so it
 * holds no SIP and no ISDN word.
 *
 * A call has two seats; a leg sits in a seat and may move to another call. What a leg tells the
 * core goes through leg_tell(); what the core tells a leg through leg_send(). The same message
 * means the mirror image: SETUP told by a leg is a call that comes in, SETUP sent to a leg is a
 * call to be placed.
 *
 * Thread: signalling. A leg never tells from inside a send: the floors below deliver events from
 * the loop. */

#include "base/list.h"
#include "base/party.h"
#include "base/q850.h"
#include "trunk/media_desc.h"

#include <stdbool.h>

struct call;
struct leg;

enum leg_message_type {
	LEG_SETUP,       /* info */
	LEG_SETUP_ACK,   /* more digits are wanted */
	LEG_MORE_DIGITS, /* info->called: the digits to append */
	LEG_PROCEEDING,  /* no more digits are needed; being worked on */
	LEG_ALERTING,    /* inband: audio comes from this side before answer */
	LEG_PROGRESS,    /* inband, cause (0: none) */
	LEG_CONNECT,     /* info->connected */
	/* cause, inband: an announcement may be heard; the other side decides when to release */
	LEG_DISCONNECT,
	/* cause. Told: the leg is gone, its last word. Sent: be gone; one is told in reply */
	LEG_RELEASE,
	LEG_OFFER,  /* media; id */
	LEG_ANSWER, /* media; id of the offer */
	LEG_REFUSE, /* cause; id of the offer */
	LEG_HOLD,
	LEG_RESUME,
	LEG_PARTY_UPDATE, /* info->connected or calling changed */
	LEG_NOTIFY,       /* notification indicator, Q.931 4.5.22, in `number` */
	LEG_TRANSFER,     /* info->called: target; replaces */
	LEG_DTMF,         /* number: RFC 4733 event, duration_ms */
	LEG_UUI,          /* info->user_user */
	LEG_CHARGE,       /* number: units */
	LEG_FACILITY,     /* opaque octets of a supplementary service, in info->user_user */
	LEG_MESSAGE_COUNT
};
const char *leg_message_name(enum leg_message_type type);

#define LEG_OCTETS_MAX 256
#define LEG_DIAGNOSTICS_MAX 32

struct leg_octets {
	uint8_t octets[LEG_OCTETS_MAX];
	uint16_t length; /* 0: absent */
};

/* Information transfer capability, Q.931 4.5.5: those that can be heard. */
enum leg_capability { LEG_SPEECH = 0x00, LEG_AUDIO_3K1 = 0x10 };

/* Q.931-shaped bearer, kept whole so that ISDN ↔ ISDN loses nothing. */
struct leg_bearer {
	uint8_t capability; /* enum leg_capability, or another of Q.931's */
	struct leg_octets raw, hlc, llc;
};

/* What explains a cause, Q.850 table 1, as it came. */
struct leg_diagnostics {
	uint8_t octets[LEG_DIAGNOSTICS_MAX];
	uint8_t length; /* 0: absent */
	struct party_number moved_to; /* the number in it, with cause 22; absent otherwise */
};

/* Progress indicators, Q.931 4.5.23: description and location. */
enum leg_progress_description { LEG_DESTINATION_NOT_ISDN = 2, LEG_ORIGIN_NOT_ISDN = 3 };
struct leg_progress {
	uint8_t description, location;
};

/* What a message says about the call. Absent parts are zero. */
struct leg_info {
	struct party called, calling, connected, redirecting;
	uint8_t redirecting_reason;
	struct leg_bearer bearer;
	struct leg_progress progress[4];
	unsigned progress_count;
	bool sending_complete;
	bool emergency;
	unsigned hops_left; /* Max-Forwards; 0: not said */
	struct leg_octets user_user;
	char display[PARTY_NAME];
};

/* In a status: it doesn't stand behind the cause, a span's cause-map names it for the cause. */
#define LEG_STATUS_RULED 0x8000u

struct leg_message {
	enum leg_message_type type;
	const struct leg_info *info;    /* borrowed; NULL: nothing to say */
	const struct media_desc *media; /* OFFER, ANSWER; SETUP when the offer is in it */
	unsigned id;                    /* of an offer; one is outstanding per leg */
	bool inband;
	struct q850_cause cause;
	/* with cause: the code of the leg's protocol behind it. Only a leg of the same kind on the
	 * other side can use it (like struct media_desc's opaque part); 0: none. With
	 * LEG_STATUS_RULED: the one that the configuration of the leg that cleared orders */
	unsigned status;
	const struct leg_diagnostics *diagnostics; /* with cause; borrowed; NULL: none */
	unsigned number, duration_ms;
	struct leg *replaces;
};

/* How a leg's media reaches us. */
enum leg_media_kind {
	/* negotiated with OFFER and ANSWER; an RTP endpoint of the bridge faces it */
	LEG_MEDIA_PACKETS,
	LEG_MEDIA_TDM, /* a clocked channel: leg_join() and leg_leave() */
};

struct port;
struct worker;

/* What a bridge needs to know of a packet leg to negotiate for it and to open its sockets. */
struct leg_packets {
	const struct conf_trunk *trunk;  /* codecs, packet time, latching */
	struct netaddr bind, advertised; /* ports 0 */
};

/* What a record tells of a channel. */
struct leg_channel {
	unsigned timeslot; /* 0: none */
	enum conf_law law;
	uint64_t slips; /* of its line, so far */
};

/* What a kind of leg implements. */
struct leg_ops {
	const char *kind; /* "sip", "isdn" */
	enum leg_media_kind media_kind;
	/* 0, or -errno when the message cannot be carried out (SETUP: nothing was placed; the core
	 * takes `cause` from leg_cause_of()). Messages that the technology has no word for are
	 * dropped silently with 0. */
	int (*send)(struct leg *leg, const struct leg_message *message);
	/* TDM only: face the port (or not, and say when it is let go). The worker that the port
	 * must be placed on. */
	int (*join)(struct leg *leg, struct port *port);
	void (*leave)(struct leg *leg, void (*left)(void *arg), void *arg);
	struct worker *(*worker)(const struct leg *leg);
	/* TDM only: the law of its octets. */
	enum conf_law (*law)(const struct leg *leg);
	/* Packets only. */
	void (*packets)(const struct leg *leg, struct leg_packets *out);
	/* TDM only, for records; NULL: nothing is known. */
	void (*channel)(const struct leg *leg, struct leg_channel *out);
	/* For records; NULL: there is none in its protocol. The status that an unanswered call which
	 * this leg brought ends with when it is sent this RELEASE, or has told its own; 0: none. */
	unsigned (*refusal)(struct leg *leg, const struct leg_message *release);
	/* Free what stands behind; once, after LEG_RELEASE was told and the media has left. */
	void (*destroy)(struct leg *leg);
	/* What joins trace records to it: the Call-ID, or "SPAN/CRV". NULL while it has none. */
	const char *(*key)(const struct leg *leg);
	const char *(*state)(const struct leg *leg);
};

/* Where a call comes from or goes to: a trunk or a span, as routing sees it. */
struct endpoint;

enum leg_seat {
	LEG_CALLER = 0,
	LEG_CALLED = 1,
	/* lost its seat to another gateway; its LEG_RELEASE is awaited */
	LEG_LEAVING = 2,
};

struct leg {
	struct list node; /* among the leaving ones of its call */
	const struct leg_ops *ops;
	struct endpoint *endpoint; /* a reference */
	struct call *call;         /* the call it sits in; NULL: in none */
	unsigned seat;             /* enum leg_seat */
	bool releasing;            /* LEG_RELEASE sent */
	bool released;             /* LEG_RELEASE told */
	unsigned status;           /* protocol code behind the release (a SIP status); 0: none */
};

/* Core → leg. Nothing but RELEASE passes once RELEASE was sent, and nothing at all once it was
 * told: 0 then. */
int leg_send(struct leg *leg, const struct leg_message *message);
/* RELEASE with this cause. */
void leg_release(struct leg *leg, struct q850_cause cause);
/* Leg → core: hands it to the leg's call. A leg in no call is destroyed by its RELEASE. */
void leg_tell(struct leg *leg, const struct leg_message *message);
/* For a fresh leg: everything zero but these. */
void leg_init(struct leg *leg, const struct leg_ops *ops, struct endpoint *endpoint);
/* Sets NULL, takes NULL. The leg's call forgets it. */
void leg_destroy(struct leg **leg);

/* Cause for an -errno from a SETUP that could not be placed: -EBUSY 34, -ENETDOWN 27, -ESHUTDOWN
 * 42, -ENXIO 3, -EINVAL 28, -ENOTSUP 65, -ENOMEM and -EADDRINUSE 47, else 41. Location: the private network serving the local
 * user, which is what a gateway is to a telco. */
struct q850_cause leg_cause_of(int error);

#endif
