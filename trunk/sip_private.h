/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TRUNK_SIP_PRIVATE_H
#define TRUNK_SIP_PRIVATE_H

/* What the files of the SIP floor share. Thread: signalling. */

struct sip_dialog;
struct sip_interface;
struct sip_owner;
#define NTA_AGENT_MAGIC_T struct sip_interface
#define NTA_LEG_MAGIC_T void      /* a dialog, or what is left of one */
#define NTA_INCOMING_MAGIC_T struct sip_dialog
#define NTA_OUTGOING_MAGIC_T void /* a dialog, a call or a trunk: the callback knows */
#define NTA_RELIABLE_MAGIC_T struct sip_dialog

#include "base/fsm.h"
#include "base/list.h"
#include "base/loop.h"
#include "base/mem.h"
#include "trunk/cause_map.h"
#include "trunk/sip.h"
#include "trunk/sip_root.h"
#include "trunk/sip_screen.h"
#include "trunk/sip_sdp.h"

#include <sofia-sip/msg_addr.h>
#include <sofia-sip/nta.h>
#include <sofia-sip/nta_stateless.h>
#include <sofia-sip/nta_tport.h>
#include <sofia-sip/sip.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_tag.h>
#include <sofia-sip/su_tagarg.h>
#include <sofia-sip/tport_tag.h>

#define SIP_T1X64_US 32000000 /* RFC 3261 17.1.1.2: 64 × T1 of 500 ms */
#define SIP_LINGER_US                                                                              \
	33000000 /* a finished call answers for its dialog as long as transactions last */
#define SIP_HEADER_MAX 512
#define SIP_HOST_MAX 256 /* host name, or host:port */
#define SIP_ALLOW "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO"
#define SIP_SUPPORTED "100rel, timer"
#define SIP_MIN_SE_S 90 /* RFC 4028 4 */
#define SIP_MIN_SE "90"
#define SIP_SESSION_MOST_S 86400 /* a Min-SE above is not taken seriously */
#define SIP_INVITES_AGAIN 3      /* of one call: 422, or a connection that broke */
#define SIP_GLARE_TRIES 8
#define SIP_DIALOGS_MAX 32 /* early ones of a forked INVITE */

#define SIP_ADMISSIONS 16384 /* remembered likewise: the last 8 s of 2,000 calls a second, 260 kB, */
#define SIP_ADMISSION_WAYS 4 /* each in one of so many places, the oldest gives way */
#define SIP_REFUSALS 8192 /* remembered, so that a repeated INVITE is refused again: 200 kB */

/* What is told when the last that stood on an object is gone, from the loop. */
struct sip_gone {
	void (*tell)(void *arg); /* may be NULL */
	void *arg;
	struct loop_deferred turn;
};

struct sip_interface {
	struct list node; /* of the stack's, in order of creation */
	struct sip_stack *stack;
	const struct conf_sip_interface *conf;
	nta_agent_t *agent;
	int sockets[4]; /* Sofia's, that listen */
	size_t socket_count;
	int udp; /* the one of them for datagrams, -1: none */
	unsigned trunks; /* that stand on it, retired ones too */
	bool retired;
	struct sip_gone gone;
};

struct sip_trunk {
	struct list node; /* of the stack's, in order of creation */
	struct sip_stack *stack;
	const struct conf_trunk *conf;
	struct sip_interface *interface;
	struct netaddr peer; /* unset: not resolved yet */
	bool answers;        /* OPTIONS keepalive */
	bool held, retired;
	unsigned rank;  /* of those with the same source the highest takes its requests */
	unsigned calls; /* in progress */
	unsigned kept;  /* that are not freed */
	struct q850_cause refuse;
	nta_outgoing_t *options;
	unsigned misses, heard; /* of OPTIONS, in a row */
	tport_t *stream;        /* connection that was used last; NULL */
	struct sres_query_s *query; /* a name server is asked */
	struct loop_timer timer, resolve_timer;
	char peer_host[SIP_HOST_MAX]; /* when it must be resolved */
	uint16_t peer_port;
	struct sip_gone gone;
};

struct sip_agent_stats {
	usize_t requests_rx, responses_rx, requests_tx, responses_tx, bad, retries_rx, retries_tx;
	uint64_t filtered;
};

struct sip_stack {
	struct sip_stack_cfg cfg;
	const struct sip_stack_ops *ops;
	void *arg;
	struct sip_root *root;
	msg_mclass_t *messages; /* as we read them */
	struct list interfaces, trunks;
	unsigned rank; /* of the trunk that was told to serve last */
	struct sres_resolver_s *resolver; /* NULL: all peers are numeric */
	struct sip_trace *tracing;
	struct list calls; /* all that are not freed */
	struct list late;  /* what is left of others */
	struct list up;    /* events on their way up */
	struct loop_deferred deliver;
	struct q850_cause refuse;
	unsigned retry_after_s;
	uint64_t secret; /* goes into tags of stateless responses */
	struct sip_refusal {
		uint64_t invite; /* hash */
		uint64_t until_us;
		struct q850_cause cause;
	} refusals[SIP_REFUSALS];
	uint64_t screens_until_us; /* sip_screen.c is at work */
	/* INVITEs that were let in, so that a repetition is not refused */
	struct sip_admission {
		uint64_t invite; /* hash */
		uint64_t until_us;
	} admissions[SIP_ADMISSIONS];
	char user_agent[128];
	struct sip_counters counters;
	struct sip_agent_stats past; /* of interfaces that are gone */
	bool stopping;
	int status;
};

/* sip_request.c: requests that belong to no dialog, and what every request must be. */
void sip_request_in(struct sip_trunk *trunk, nta_incoming_t *irq, const sip_t *sip);
/* 0, or the status to refuse with: 415, 420 … and a sentence. */
unsigned sip_request_check(const struct sip_trunk *trunk, const sip_t *sip, const char **why);
/* What Require asks for and we lack, as Unsupported lists it; "" when nothing. */
void sip_missing_options(const struct sip_trunk *trunk, const sip_t *sip,
			 char text[SIP_HEADER_MAX]);

/* sip_headers.c */
const char *sip_own_contact(const struct sip_trunk *trunk, char text[SIP_HEADER_MAX]);
const char *sip_reason_text(struct q850_cause cause, char text[SIP_HEADER_MAX]);
/* The Q.850 cause in Reason headers, else that of the status by the trunk's table (status 0:
 * `otherwise`). */
struct q850_cause sip_cause_of(const struct sip_trunk *trunk, const sip_t *sip, unsigned status,
			       struct q850_cause otherwise);
/* `399 host "sentence"` */
const char *sip_warning_text(const struct sip_trunk *trunk, const char *why,
			     char text[SIP_HEADER_MAX]);
unsigned sip_status_of(const struct sip_trunk *trunk, struct q850_cause cause);
uint64_t sip_random(void);
/* Sofia makes responses of its own: 408 when nobody answers, 503 when nothing can be sent. */
bool sip_is_our_verdict(const sip_t *sip);
/* Counts those. */
void sip_count_failure(struct sip_stack *stack, const sip_t *sip, unsigned status);
/* A header that Sofia's message class does not know. */
int sip_add_header(msg_t *msg, const char *name, const char *value);
/* Answer a request for good; SIPTAG list after. */
void sip_reply(nta_incoming_t *irq, unsigned status, tag_type_t tag, tag_value_t value, ...);

/* sip_refuse.c: new INVITEs that are refused before anything is made of them. */
/* True: the message has been answered and is gone. */
bool sip_refuse_early(struct sip_trunk *trunk, msg_t *msg, const sip_t *sip);
/* What makes an INVITE the same when it is repeated. */
struct sip_refusal_key {
	struct sip_text call_id, from_tag, branch;
	unsigned cseq;
};
uint64_t sip_refusal_hash(const struct sip_stack *stack, const struct sip_refusal_key *key);
/* Why the INVITE with this hash does not come in; value 0: it does. Asked again it says the same. */
struct q850_cause sip_refusal(struct sip_trunk *trunk, uint64_t hash, bool emergency,
			      const struct party *called);
/* sip_screen.c: refuses what waits in the sockets and is to be refused, while some is. */
void sip_screen(struct sip_stack *stack);
/* Priority, Resource-Priority or URN of an emergency call. */
bool sip_is_emergency(const sip_t *sip);
/* Value of Retry-After for a refusal with this status, "" for none. */
const char *sip_retry_text(const struct sip_stack *stack, unsigned status, char text[16]);

/* sip_interface.c */
/* Binds it; -errno of what was in the way. It is in the stack's list then. */
int sip_interface_open(struct sip_interface **out, struct sip_stack *stack,
		       const struct conf_sip_interface *conf);
/* Closes its sockets and frees it. */
void sip_interface_close(struct sip_interface *interface);
/* One that is not retired; NULL. */
struct sip_interface *sip_interface_by_name(struct sip_stack *stack, const char *name);
/* (Re)builds the source filter of its sockets. 0 or -errno. */
int sip_interface_filter(struct sip_interface *interface);
void sip_interface_stats(const struct sip_interface *interface, struct sip_agent_stats *sum);

/* sip_change.c */
/* In the stack's list, held. */
int sip_trunk_open(struct sip_trunk **out, struct sip_stack *stack, const struct conf_trunk *conf);
void sip_trunk_free(struct sip_trunk *trunk);
/* A call of it is freed. */
void sip_trunk_left(struct sip_trunk *trunk);

/* sip_stack.c, sip_peer.c */
/* Of several the one with the longest prefix, then the one that was told to serve last; a retired
 * one only when no other has this source. */
struct sip_trunk *sip_trunk_by_source(struct sip_interface *interface,
				      const struct netaddr *source);
/* Where the peer is: at once when numeric, else later. 0, -EINVAL, -ENOMEM. */
int sip_trunk_locate(struct sip_trunk *trunk);
/* sip_health.c: starts OPTIONS when configured; ends them. */
void sip_trunk_watch(struct sip_trunk *trunk);
void sip_trunk_unwatch(struct sip_trunk *trunk);
/* A request went out to the peer: a connection made for it is watched from now on. */
void sip_trunk_sent(struct sip_trunk *trunk, nta_outgoing_t *orq);
/* Did this request of ours fail with the connection that it went out on? Then another may go. */
bool sip_is_broken_connection(const struct sip_trunk *trunk, const sip_t *sip, unsigned status);
void sip_trunk_close(struct sip_trunk *trunk);
void sip_stack_close_resolver(struct sip_stack *stack);
/* "sip:192.0.2.1:5060;transport=udp": where requests go that have no route yet. */
const char *sip_trunk_route(const struct sip_trunk *trunk, char text[SIP_HEADER_MAX]);
/* "192.0.2.1:5060" of the peer; our host as others see it; the host of our numbers. */
const char *sip_trunk_peer(const struct sip_trunk *trunk, char text[SIP_HOST_MAX]);
const char *sip_trunk_host(const struct sip_trunk *trunk, char text[SIP_HOST_MAX]);
const char *sip_trunk_domain(const struct sip_trunk *trunk, char text[SIP_HOST_MAX]);

#endif
