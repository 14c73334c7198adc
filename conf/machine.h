/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CONF_MACHINE_H
#define CONF_MACHINE_H

/* What the machine is, as read from gateway.yaml: SIP interfaces, trunks, lines, spans, media, API.
 * Plain structs that each floor takes at create; owned by struct machine_conf, which owns every
 * string. The dial plan's tables stand in the same file but their structs and schema are
 * dialplan/'s. Times are in the unit of their name; addresses are numeric, host names are resolved
 * by trunk/.
 *
 * Thread: filled by the loading one; not changed after that, so that any may read it while its
 * owner keeps it. */

#include "base/netaddr.h"
#include "base/q850.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where a value stands in the file, for messages. */
struct conf_place {
	unsigned line, column; /* from 1; 0: a default */
};

/* Set of E1 timeslots: bit n is timeslot n (1…31). */
typedef uint32_t timeslot_set;

enum conf_transport { CONF_UDP, CONF_TCP };

/* sip-interfaces: */
struct conf_sip_interface {
	char *name;
	struct conf_place place;
	bool udp, tcp;                 /* transports: [udp, tcp] */
	struct netaddr address;        /* bind address with port, default port 5060 */
	char *advertised;              /* host that goes into Contact, Via and SDP instead of the bind address; NULL: the bind address */
	uint8_t dscp;                  /* signalling, 0…63, default 24 (CS3) */
};

enum conf_codec { CONF_PCMA, CONF_PCMU };

/* A row that overrides the cause table: cause-map: [{cause: 21, sip: 480}] and sip-map: [{sip: 480,
 * cause: 18}]. */
struct conf_cause_row {
	uint16_t sip;  /* 300…699 */
	uint8_t cause; /* 1…127 */
};

/* trunks: */
struct conf_trunk {
	char *name;
	struct conf_place place;
	char *interface;               /* name of a SIP interface */
	char *peer;                    /* host or address, with optional port: where requests go */
	enum conf_transport transport; /* default udp */
	struct netprefix *sources;     /* sources: addresses the peer may send from; default: the peer's own */
	size_t source_count;
	char *domain;                  /* host part of From and of numbers in PAI; NULL: the interface's address */
	enum conf_codec *codecs;       /* in order of preference; default [pcma, pcmu] */
	size_t codec_count;
	bool telephone_event;          /* offer RFC 4733; default true */
	uint8_t ptime_ms;              /* 10, 20, 30, 40, 60; what we send; default 20 */
	bool trusted;                  /* RFC 3325 trust domain: PAI believed and sent; default true */
	bool user_phone;               /* ;user=phone in URIs of numbers; default true */
	bool prack;                    /* 100rel: offered and honoured; default true */
	bool early_media;              /* 183 with SDP may be sent; default true */
	bool latching;                 /* symmetric RTP; default true */
	char *dial_plan;               /* normalization of called numbers; NULL: as they are */
	char *calling_dial_plan;       /* of calling numbers; NULL: as they are */
	char *policy;                  /* voice policy of calls that come in here; NULL: none may route */
	char *called_translation;      /* for calls that leave here; NULL: as they are */
	char *calling_translation;
	unsigned max_calls;            /* 0: no limit */
	unsigned options_interval_s;   /* OPTIONS towards the peer; 0: none; default 0 */
	unsigned setup_timeout_ms;     /* no provisional response but 100: next gateway; default 4000 */
	unsigned ring_timeout_s;       /* unanswered: cancelled with cause 19; default 180 */
	struct conf_cause_row *cause_map; /* Q.850 → SIP, before the table */
	size_t cause_map_count;
	struct conf_cause_row *sip_map;   /* SIP → Q.850, before the table */
	size_t sip_map_count;
	uint8_t *failover_causes;      /* the walk goes on after these; empty: 3 27 34 38 41 42 44 47 102 */
	size_t failover_cause_count;
	bool enabled;                  /* false: takes and gets no calls; default true */
	unsigned session_expires_s;    /* session timer that we ask for (RFC 4028), at least 90; 0: none; default 1800 */
	unsigned silence_timeout_s;        /* an answered call without RTP and RTCP from the peer for so long is cleared; 0: never; default 60 */
};

enum conf_line_kind { CONF_LINE_CESOPSN, CONF_LINE_DAHDI };
enum conf_clock { CONF_CLOCK_SOURCE, CONF_CLOCK_LINE }; /* clock: source | line */

/* lines: */
struct conf_line {
	char *name;
	struct conf_place place;
	enum conf_line_kind kind;
	/* cesopsn (RFC 5086 over UDP) */
	struct netaddr local, remote;  /* address with port */
	unsigned packet_us;            /* packet-time: 1ms…5ms in whole milliseconds, default 1 ms */
	timeslot_set timeslots;        /* carried in the pseudowire, default 1-31 */
	enum conf_clock clock;         /* source: our timer; line: locked to what is received. Default line */
	unsigned jitter_ms;            /* depth of the receive buffer; default 10 */
	bool rtp_header;               /* RFC 5086 5.3; default false */
	uint8_t dscp;                  /* default 46 (EF) */
	/* dahdi */
	unsigned dahdi_first_channel;  /* number of the channel that is timeslot 1 */
	unsigned dahdi_span;           /* span number, for alarms */
};

enum conf_role { CONF_ROLE_TE, CONF_ROLE_NT };             /* role: te (user) | nt (network) */
enum conf_switch { CONF_SWITCH_EUROISDN };                 /* switch-type: euroisdn */
enum conf_hunt { CONF_HUNT_ASCENDING, CONF_HUNT_DESCENDING, CONF_HUNT_CYCLIC_ASCENDING, CONF_HUNT_CYCLIC_DESCENDING };
enum conf_law { CONF_ALAW, CONF_ULAW };

/* Q.931 table 9-1/9-2 and Q.921 5.9, in milliseconds; defaults of interop.md (libpri's) */
struct conf_isdn_timers {
	unsigned t200, t203;           /* 1000, 10000 */
	unsigned t301, t302, t303, t304, t305, t308, t309, t310, t313, t316;
	/* 180000, 15000, 4000, 20000, 30000, 4000, 6000, 30000 (table 9-2: 30 to 120 s at the user
	 * side), 4000, 120000 */
	unsigned n200;                 /* 3 */
};

/* spans: */
struct conf_span {
	char *name;
	struct conf_place place;
	char *line;                    /* name of a line */
	enum conf_role role;
	enum conf_switch switch_type;
	uint8_t d_channel;             /* timeslot, default 16 */
	timeslot_set b_channels;       /* default: all of the line's but the D-channel */
	enum conf_hunt hunt;           /* default: descending for te, ascending for nt, so that glare is rare */
	bool exclusive;                /* channel identification says exclusive; default false (preferred) */
	bool restart_on_start;         /* RESTART each channel when layer 2 first comes up; default true */
	enum conf_law law;             /* default alaw */
	char *group;                   /* trunk group: routes may name the group; NULL: the span's own name only */
	char *dial_plan, *calling_dial_plan, *policy, *called_translation, *calling_translation; /* as in trunks */
	struct conf_isdn_timers timers;
	unsigned setup_timeout_ms;     /* no answer of any kind to SETUP: next gateway; default 4000 (and T303) */
	unsigned ring_timeout_s;       /* default 180 */
	struct conf_cause_row *cause_map; /* towards SIP, for calls that end on this span */
	size_t cause_map_count;
	struct conf_cause_row *sip_map;
	size_t sip_map_count;
	uint8_t *failover_causes;
	size_t failover_cause_count;
	bool enabled;                  /* false: takes and gets no calls; default true */
};

struct conf_media {
	struct netaddr address;        /* default address for RTP when a SIP interface binds to all; unset: the interface's */
	uint16_t port_first, port_last;/* RTP takes even ports, RTCP the odd one above; default 20000-29999 */
	uint8_t dscp;                  /* default 46 */
	unsigned jitter_ms;            /* fixed buffer; default 40 */
	unsigned workers;              /* 0: cores − 1, at least 1 */
	int realtime_priority;         /* default 0: none */
};

enum conf_role_api { CONF_READ, CONF_OPERATE, CONF_ADMIN }; /* role: read | operate | admin */

/* api: access: who may do what. On the socket: members of a group; anywhere: who shows a token. */
struct conf_access {
	struct conf_place place;
	char *group;                   /* of the system; or NULL */
	char *token_sha256;            /* 64 hexadecimal digits of the token's SHA-256; or NULL */
	char *name;                    /* with a token: what the audit record calls it */
	enum conf_role_api role;
};

struct conf_api {
	char *socket;                  /* default /run/causeway/gatewayd.sock */
	char *group;                   /* owner group of the socket; NULL: the process' own */
	struct netaddr listen;         /* HTTP on loopback with tokens; unset (default): none */
	struct conf_access *access;    /* root and the process' own user are always admin */
	size_t access_count;
};

/* store: URL, or a mapping */
struct conf_store {
	char *url;                     /* folder for SQLite's files (default /var/lib/causeway), or postgresql://… */
};

/* records: of calls */
struct conf_records {
	bool enabled;                  /* default true */
	char *spool;                   /* file; default spool in the store's folder, with PostgreSQL /var/lib/causeway/spool */
	unsigned spool_mib;            /* spool-size: 8…65536, default 64: about 30,000 calls */
	unsigned keep_days;            /* 0: for ever; default 400 */
	unsigned keep_calls;           /* 0 (default): any number */
};

/* overload: when new calls are refused early, with 503 and Retry-After, or cause 42 */
struct conf_overload {
	unsigned max_calls;            /* of the whole gateway; 0 (default): no limit */
	unsigned max_rate;             /* new calls per second; 0 (default): no limit */
	unsigned lag_ms;               /* signalling may lag behind by so much; 0: not watched; default 100 */
	unsigned retry_after_s;        /* default 10 */
};

struct conf_log {
	int level;                     /* enum log_level; default notice */
};

struct machine_conf {
	struct conf_sip_interface *interfaces;
	size_t interface_count;
	struct conf_trunk *trunks;
	size_t trunk_count;
	struct conf_line *lines;
	size_t line_count;
	struct conf_span *spans;
	size_t span_count;
	struct conf_media media;
	struct conf_api api;
	struct conf_log log;
	struct conf_store store;
	struct conf_records records;
	struct conf_overload overload;
	unsigned stop_wait_s;          /* SIGTERM: calls in progress may finish for so long; default 30; 0: cleared at once */
	unsigned ladder_calls;         /* finished calls whose ladder is kept; default 200 */
};

#endif
