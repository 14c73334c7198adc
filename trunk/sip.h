/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TRUNK_SIP_H
#define TRUNK_SIP_H

/* SIP trunks (RFC 3261 and friends, on Sofia-SIP's nta): interfaces, peers known by source, calls
 * as dialogs with offer/answer, early dialogs, PRACK, UPDATE, session timer as answerer.
 *
 * What does it do? Speaks Q.850 causes and neutral media upward: no status code leaves this floor
 * but for records. The cause table (cause_map.h) and its per-trunk overrides are applied here.
 *
 * Thread: signalling, for every function and callback. Events are never delivered from inside a
 * verb.
 *
 * Ownership: a call belongs to the stack; its user holds it from sip_call_create() or `incoming`
 * until RELEASED, and ends its use with sip_call_done(). After RELEASED the stack still finishes
 * transactions (ACK, CANCEL, late forks) by itself. */

#include "base/party.h"
#include "base/q850.h"
#include "base/trace.h"
#include "conf/machine.h"
#include "trunk/media_desc.h"

struct sip_stack;
struct sip_trunk;
struct sip_call;

/* What an INVITE or a response tells about the call. */
struct sip_info {
	struct party called;         /* digits of the Request-URI (number.digits as written, "+" kept) */
	struct party calling;        /* from P-Asserted-Identity when trusted, else From; presentation from Privacy and
				      * anonymous forms (RFC 3323, RFC 3325); screening: network when asserted by a trusted
				      * peer, else user-not-screened */
	struct party connected;      /* 2xx: P-Asserted-Identity of the answerer */
	struct party redirecting;    /* Diversion (RFC 5806) / History-Info first entry; absent when none */
	uint8_t redirecting_reason;  /* Q.931-style: 0 unknown 1 busy 2 no reply 15 unconditional */
	char call_id[128];
	bool has_offer;              /* the INVITE brought an offer; it follows as an `offer` event right after `incoming` */
	bool emergency;              /* urn:service:sos… or Priority: emergency */
	unsigned max_forwards;
};

enum sip_event {
	SIP_PROCEEDING,      /* a provisional response other than 100 that says no more (181, 182, 183 without media) */
	SIP_ALERTING,        /* 180; info->… ; inband when early media was described */
	SIP_PROGRESS,        /* 183 with early media */
	SIP_CONNECT,         /* 2xx received (outgoing): the dialog is chosen, ACK sent when its answer is complete */
	SIP_CONNECTED,       /* ACK received (incoming) */
	SIP_PARTY_UPDATE,    /* a re-INVITE or UPDATE brought another identity */
	SIP_DTMF,            /* INFO application/dtmf-relay; event and duration */
	SIP_RELEASED,        /* final: cause says why. Nothing comes after it */
};

struct sip_event_data {
	const struct sip_info *info; /* NULL when nothing new */
	bool inband;                 /* early media is or will be sent by the peer */
	struct q850_cause cause;     /* RELEASED */
	unsigned status;             /* SIP status code that was behind it, for records only; 0: none (BYE, CANCEL, timeout) */
	bool by_peer;                /* RELEASED: the peer ended it */
	unsigned dtmf_event, dtmf_ms;
};

struct sip_call_ops {
	void (*event)(struct sip_call *call, enum sip_event event, const struct sip_event_data *data, void *arg);
	/* The peer offers media (INVITE, re-INVITE, UPDATE, a 2xx to an offerless INVITE): answer
	 * with sip_call_answer() or refuse with sip_call_refuse(). One at a time: glare is settled
	 * by the stack with 491 (RFC 3261 14.1). */
	void (*offer)(struct sip_call *call, const struct media_desc *desc, void *arg);
	/* The peer answered our offer. With several early dialogs the one heard last that has media
	 * is shown. */
	void (*answer)(struct sip_call *call, const struct media_desc *desc, void *arg);
	/* The peer refused our re-offer (488, 415 …): the terms before it stay. */
	void (*refuse)(struct sip_call *call, struct q850_cause cause, void *arg);
};

struct sip_stack_ops {
	/* A call comes in from a known peer. Take it with sip_call_accept() before returning, or
	 * refuse it with sip_call_release() and sip_call_done(). 100 has been sent. */
	void (*incoming)(struct sip_trunk *trunk, struct sip_call *call, const struct sip_info *info, void *arg);
	/* Before anything is made of an INVITE that begins a call: false refuses it with
	 * sip_stack_refuse()'s way for cause 42. `called` is what sip_info.called will be. Not asked
	 * for calls that say themselves that they are emergencies (RFC 5031 URNs,
	 * Resource-Priority). NULL: all are taken. */
	bool (*admit)(struct sip_trunk *trunk, const struct party *called, void *arg);
	/* Is this an emergency number? Its calls are taken beyond max-calls, like those that say
	 * themselves what they are. NULL: none is. */
	bool (*emergency)(struct sip_trunk *trunk, const struct party *called, void *arg);
	/* OPTIONS keepalive: the peer answers, or doesn't. */
	void (*trunk_state)(struct sip_trunk *trunk, bool up, void *arg);
};

struct sip_stack_cfg {
	const struct conf_sip_interface *interfaces; /* borrowed, like the trunks, for the stack's life */
	size_t interface_count;
	const struct conf_trunk *trunks;
	size_t trunk_count;
	struct loop *loop;              /* its descriptor is carried by Sofia's root */
	const struct trace_sink *trace; /* may be NULL */
	const char *user_agent;
	const char *resolv_conf;        /* name servers, resolv.conf(5); NULL: the system's */
};

/* Binds every interface and resolves peers. 0 or -errno; `error` gets a sentence that names the
 * interface or trunk. */
int sip_stack_create(struct sip_stack **out, const struct sip_stack_cfg *cfg, const struct sip_stack_ops *ops,
		     void *arg, char *error, size_t error_room);
/* Serve until sip_stack_stop(): Sofia's root runs, and the loop inside it. Returns the status
 * given. */
int sip_stack_run(struct sip_stack *stack);
/* From a callback: sip_stack_run() returns this status after the present turn. */
void sip_stack_stop(struct sip_stack *stack, int status);
/* One step, for tests: at most timeout_ms. */
void sip_stack_step(struct sip_stack *stack, int timeout_ms);
/* Refuse new calls with this cause from now on (value 0: take them again), emergency calls too:
 * before anything is made of them, with 503 and Retry-After where that is the cause's status. An
 * INVITE that was refused stays refused when it is repeated. */
void sip_stack_refuse(struct sip_stack *stack, struct q850_cause cause);
/* Seconds of Retry-After (RFC 3261 20.33) in every 503 that speaks for us and not for one call, from
 * now on: of calls refused by sip_stack_refuse(), sip_trunk_refuse(), `admit`, and of OPTIONS
 * meanwhile. 0 (default): none. */
void sip_stack_retry_after(struct sip_stack *stack, unsigned seconds);

/* About how many messages wait in the fullest of the receive buffers for datagrams. Asks the kernel:
 * a system call for each socket. */
unsigned sip_stack_backlog(const struct sip_stack *stack);

/* ---- Changing while calls are carried ---- */

/* Binds a further interface. `conf` is borrowed until sip_interface_retire()'s `gone`. 0; -EEXIST:
 * the name; -EADDRINUSE …; `error` gets a sentence. */
int sip_stack_add_interface(struct sip_stack *stack, const struct conf_sip_interface *conf, char *error,
			    size_t error_room);
/* A further trunk on an interface that is there. While it is *held* (until sip_trunk_serve()) no
 * request is taken for it, and one of the same name may still be there. `conf` is borrowed until
 * `gone`. -ENOENT: the interface; -EINVAL: the peer. */
int sip_stack_add_trunk(struct sip_stack *stack, const struct conf_trunk *conf, struct sip_trunk **out,
			char *error, size_t error_room);
/* From now on requests of its peer are its own, instead of another trunk's with overlapping sources
 * that came before it. */
void sip_trunk_serve(struct sip_trunk *trunk);
/* Before that: `from` had the same peer. When that does not answer, this one is down as well until
 * OPTIONS say otherwise. */
void sip_trunk_take_health(struct sip_trunk *trunk, const struct sip_trunk *from);
/* New calls from its peer are refused with this cause (value 0: taken again). Calls in progress go
 * on. */
void sip_trunk_refuse(struct sip_trunk *trunk, struct q850_cause cause);
/* It takes no new calls and lets its name go. When its last call is freed it is freed as well, and
 * then `gone` (may be NULL) runs, from the loop or from sip_stack_destroy(): nothing is borrowed any
 * more. That is SIP's 33 s after its last call has ended. Its OPTIONS end at once, but dialogs in
 * progress are still heard; new calls of a peer that no other trunk knows are refused with cause 42
 * until then, and later its messages are filtered. */
void sip_trunk_retire(struct sip_trunk *trunk, void (*gone)(void *arg), void *arg);
/* Closes its sockets when its last trunk is freed; then `gone` runs, as above. Its name is free at
 * once, its address then. Unknown names are ignored. */
void sip_interface_retire(struct sip_stack *stack, const char *name, void (*gone)(void *arg),
			  void *arg);
/* Calls still there get RELEASED (cause 27) first. Takes NULL. */
void sip_stack_destroy(struct sip_stack **stack);

/* By name; NULL: no such trunk. Lives as long as the stack keeps the trunk. */
struct sip_trunk *sip_stack_trunk(struct sip_stack *stack, const char *name);
/* Those that serve, in order of creation; NULL past the end. */
struct sip_trunk *sip_stack_trunk_at(struct sip_stack *stack, size_t index);
/* As configured; borrowed. */
const struct conf_trunk *sip_trunk_conf(const struct sip_trunk *trunk);
/* The peer's address is known, and it answers OPTIONS or is not asked (options_interval_s 0). */
bool sip_trunk_is_up(const struct sip_trunk *trunk);
/* Calls on it now, both ways. */
unsigned sip_trunk_calls(const struct sip_trunk *trunk);
/* Address that SDP towards this trunk must carry, port 0: the interface's advertised or own
 * address, or, for an interface on all addresses, the one the kernel would use towards the peer. */
struct netaddr sip_trunk_media_address(const struct sip_trunk *trunk);
/* Address to bind RTP sockets to (differs from the above when the interface has an advertised
 * address). */
struct netaddr sip_trunk_bind_address(const struct sip_trunk *trunk);

struct sip_counters {
	counter_t requests_rx, responses_rx, requests_tx, responses_tx, calls_in, calls_out;    /* normal */
	counter_t filtered, unknown_peer, retransmissions, glare, late_forks, refused_overload; /* undesirable */
	counter_t malformed, bad_sdp, timeouts, transport_errors;                               /* error */
};
extern const struct counter_info sip_counter_info[];
extern const size_t sip_counter_count;
/* `filtered` is read from the sockets' own drop counts at this call. */
const struct sip_counters *sip_stack_counters(struct sip_stack *stack);

/* ---- Calls ---- */

/* Send an INVITE. `offer` may be NULL (delayed offer). info: called and calling as they shall
 * appear (translated; the domain and header forms are the trunk's). 0; -ENETDOWN; -EBUSY: max_calls
 * reached; -EINVAL. */
int sip_call_create(struct sip_call **out, struct sip_trunk *trunk, const struct sip_info *info,
		    const struct media_desc *offer, const struct sip_call_ops *ops, void *arg);
/* Takes an incoming call: events go to `ops` from now on. */
void sip_call_accept(struct sip_call *call, const struct sip_call_ops *ops, void *arg);

/* Incoming calls: 180, or 183 when inband or progress; an answer given before goes along when
 * inband (reliably when the peer supports 100rel and the trunk says prack). -EPROTO after the final
 * response. */
int sip_call_alerting(struct sip_call *call, bool inband);
int sip_call_progress(struct sip_call *call, bool inband);
/* 200. Needs sip_call_answer() first when the peer offered, else sip_call_offer(). */
int sip_call_connect(struct sip_call *call, const struct sip_info *info);
/* Media, in any order that offer/answer allows; the stack finds the message that carries it (18x,
 * PRACK, 200, ACK, UPDATE, re-INVITE). -EPROTO: not now. */
int sip_call_offer(struct sip_call *call, const struct media_desc *desc);
int sip_call_answer(struct sip_call *call, const struct media_desc *desc);
/* The peer's offer is refused: 488, which ends a call that has just begun and leaves any other as
 * it was. -EPROTO: none waits. */
int sip_call_refuse(struct sip_call *call, struct q850_cause cause);
/* DTMF by INFO. */
int sip_call_info_dtmf(struct sip_call *call, unsigned event, unsigned duration_ms);
/* End it in whatever way its state demands: final response by the cause table, CANCEL, BYE; Reason:
 * Q.850 with location goes along. RELEASED follows. */
void sip_call_release(struct sip_call *call, struct q850_cause cause);
/* The status that another SIP call ended with, told before sip_call_release(): repeated instead of
 * the table's when it speaks of the called party and stands for the cause given there, so that 480
 * stays 480 between two trunks (480 → cause 18 → 408). The trunk's own cause-map comes first. 0:
 * none. */
void sip_call_heard_status(struct sip_call *call, unsigned status);
/* Of what sip_call_release() will refuse an INVITE with: this status (400…606), whatever the tables
 * make of the cause, unless the trunk has a row of its own for it. */
void sip_call_rule_status(struct sip_call *call, unsigned status);
/* Before sip_call_release() with cause 22 of an incoming call: where the called party has moved to.
 * The final response is then 301 with this number at our address in Contact (RFC 3398 7.2.4.1),
 * unless a row of the trunk for 22 says otherwise. Digits, "+" may lead; anything else is ignored.
 */
void sip_call_moved(struct sip_call *call, const char *digits);
/* The status that sip_call_release() would refuse the INVITE of an incoming call with. */
unsigned sip_call_refusal(const struct sip_call *call, struct q850_cause cause);
/* The user lets go of the pointer: after RELEASED, or in `incoming` after sip_call_release(). */
void sip_call_done(struct sip_call *call);

/* The trunk that the call is on. */
struct sip_trunk *sip_call_trunk(const struct sip_call *call);
const char *sip_call_key(const struct sip_call *call); /* the Call-ID, as in trace records */
const char *sip_call_state_name(const struct sip_call *call);

#endif
