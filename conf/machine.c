/* SPDX-License-Identifier: GPL-2.0-only */
/* The schema of machine.h: interfaces, trunks, lines, spans, and the root. The sections of one
 * struct each stand in machine_services.c. conf/gateway.yaml shows every key. */
#include "conf/machine_private.h"

#define MAP_OF(owner, members, count, of, text)                                                    \
	.type = SCHEMA_MAP, SCHEMA_LIST_AT(owner, members, count), .schema = &(of), .help = text

/* ---- sip-interfaces ---- */

static const struct schema_choice transport_flags[] = {
	{ "udp", offsetof(struct conf_sip_interface, udp) },
	{ "tcp", offsetof(struct conf_sip_interface, tcp) },
	{ 0 },
};

static const struct schema_field interface_fields[] = {
	{ .key = "address",
	  .type = SCHEMA_ADDRESS,
	  SCHEMA_AT(struct conf_sip_interface, address),
	  .default_port = 5060,
	  .required = true,
	  .help = "where SIP is received, and sent from" },
	{ .key = "transports",
	  .type = SCHEMA_FLAGS,
	  .choices = transport_flags,
	  .initial = "udp,tcp",
	  .help = "spoken on this address" },
	{ .key = "advertised",
	  .type = SCHEMA_STRING,
	  SCHEMA_AT(struct conf_sip_interface, advertised),
	  .max = 253,
	  .help = "host in Contact, Via and SDP instead of the address" },
	{ .key = "dscp",
	  .type = SCHEMA_INTEGER,
	  SCHEMA_AT(struct conf_sip_interface, dscp),
	  .min = 0,
	  .max = 63,
	  .initial = "24",
	  .help = "of signalling packets" },
	{ 0 },
};

static const struct schema interface_schema = {
	.what = "SIP interface",
	.kind = "sip-interface",
	.size = sizeof(struct conf_sip_interface),
	.name_offset = offsetof(struct conf_sip_interface, name),
	.place_offset = offsetof(struct conf_sip_interface, place),
	.fields = interface_fields,
};

/* ---- What trunks and spans have in common ---- */

static const struct schema_field cause_row_fields[] = {
	{ .key = "cause",
	  .type = SCHEMA_INTEGER,
	  SCHEMA_AT(struct conf_cause_row, cause),
	  .min = 1,
	  .max = 127,
	  .required = true,
	  .help = "Q.850 value" },
	{ .key = "sip",
	  .type = SCHEMA_INTEGER,
	  SCHEMA_AT(struct conf_cause_row, sip),
	  .min = 300,
	  .max = 699,
	  .required = true,
	  .help = "status of the response" },
	{ 0 },
};

static const struct schema cause_row_schema = {
	.what = "row",
	.size = sizeof(struct conf_cause_row),
	.name_offset = SCHEMA_NONE,
	.place_offset = SCHEMA_NONE,
	.fields = cause_row_fields,
};

static const struct schema_field cause_row = {
	.type = SCHEMA_STRUCT,
	.size = sizeof(struct conf_cause_row),
	.schema = &cause_row_schema,
};

static const struct schema_field failover_cause = {
	.type = SCHEMA_INTEGER,
	.size = sizeof(uint8_t),
	.min = 1,
	.max = 127,
};

/* What a call that comes in here meets, and one that leaves: the names are the dial plan's. */
#define ROUTING_FIELDS(owner)                                                                      \
	{ .key = "dial-plan",                                                                      \
	  .type = SCHEMA_REFERENCE,                                                                \
	  SCHEMA_AT(owner, dial_plan),                                                             \
	  .refers = "dial-plan",                                                                   \
	  .help = "normalizes called numbers of calls from here" },                                \
		{ .key = "calling-dial-plan",                                                      \
		  .type = SCHEMA_REFERENCE,                                                        \
		  SCHEMA_AT(owner, calling_dial_plan),                                             \
		  .refers = "dial-plan",                                                           \
		  .help = "normalizes calling numbers of calls from here" },                       \
		{ .key = "policy",                                                                 \
		  .type = SCHEMA_REFERENCE,                                                        \
		  SCHEMA_AT(owner, policy),                                                        \
		  .refers = "policy",                                                              \
		  .help = "voice policy of calls from here; without one they can't be routed" },   \
		{ .key = "called-translation",                                                     \
		  .type = SCHEMA_REFERENCE,                                                        \
		  SCHEMA_AT(owner, called_translation),                                            \
		  .refers = "translation",                                                         \
		  .help = "of called numbers of calls to here" },                                  \
		{ .key = "calling-translation",                                                    \
		  .type = SCHEMA_REFERENCE,                                                        \
		  SCHEMA_AT(owner, calling_translation),                                           \
		  .refers = "translation",                                                         \
		  .help = "of calling numbers of calls to here" },                                 \
		{ .key = "setup-timeout",                                                          \
		  .type = SCHEMA_DURATION,                                                         \
		  SCHEMA_AT(owner, setup_timeout_ms),                                              \
		  .unit = SCHEMA_MS,                                                               \
		  .min = 100,                                                                      \
		  .max = 60000,                                                                    \
		  .initial = "4s",                                                                 \
		  .help = "no answer of any kind for so long: the next gateway is tried" },        \
		{ .key = "ring-timeout",                                                           \
		  .type = SCHEMA_DURATION,                                                         \
		  SCHEMA_AT(owner, ring_timeout_s),                                                \
		  .unit = SCHEMA_S,                                                                \
		  .min = 1,                                                                        \
		  .max = 3600,                                                                     \
		  .initial = "3min",                                                               \
		  .help = "unanswered for so long: cleared with cause 19" },                       \
		{ .key = "cause-map",                                                              \
		  .type = SCHEMA_LIST,                                                             \
		  SCHEMA_LIST_AT(owner, cause_map, cause_map_count),                               \
		  .element = &cause_row,                                                           \
		  .help = "Q.850 to SIP, before the built-in table" },                             \
		{ .key = "sip-map",                                                                \
		  .type = SCHEMA_LIST,                                                             \
		  SCHEMA_LIST_AT(owner, sip_map, sip_map_count),                                   \
		  .element = &cause_row,                                                           \
		  .help = "SIP to Q.850, before the built-in table" },                             \
	{                                                                                          \
		.key = "failover-causes", .type = SCHEMA_LIST,                                     \
		SCHEMA_LIST_AT(owner, failover_causes, failover_cause_count),                      \
		.element = &failover_cause, .initial = "3,27,34,38,41,42,44,47,102", .min = 1,     \
		.help = "Q.850 causes after which the next gateway is tried"                       \
	}

#define ENABLED_FIELD(owner)                                                                       \
	{                                                                                          \
		.key = "enabled", .type = SCHEMA_BOOL, SCHEMA_AT(owner, enabled),                  \
		.initial = "true", .help = "false: takes and gets no calls"                        \
	}

/* ---- trunks ---- */

static const struct schema_choice transports[] = { { "udp", CONF_UDP },
						   { "tcp", CONF_TCP },
						   { 0 } };
static const struct schema_choice codecs[] = { { "pcma", CONF_PCMA },
					       { "pcmu", CONF_PCMU },
					       { 0 } };
static const struct schema_choice rtp_packet_times[] = {
	{ "10ms", 10 }, { "20ms", 20 }, { "30ms", 30 }, { "40ms", 40 }, { "60ms", 60 }, { 0 },
};

static const struct schema_field source = { .type = SCHEMA_PREFIX,
					    .size = sizeof(struct netprefix) };
static const struct schema_field codec = {
	.type = SCHEMA_ENUM,
	.size = sizeof(enum conf_codec),
	.choices = codecs,
};

static const struct schema_field trunk_fields[] = {
	{ .key = "interface",
	  .type = SCHEMA_REFERENCE,
	  SCHEMA_AT(struct conf_trunk, interface),
	  .refers = "sip-interface",
	  .required = true,
	  .help = "where its calls come in and leave" },
	{ .key = "peer",
	  .type = SCHEMA_STRING,
	  SCHEMA_AT(struct conf_trunk, peer),
	  .max = 259,
	  .required = true,
	  .help = "host or address, with port if need be, that requests go to" },
	{ .key = "transport",
	  .type = SCHEMA_ENUM,
	  SCHEMA_AT(struct conf_trunk, transport),
	  .choices = transports,
	  .initial = "udp",
	  .help = "of requests to the peer" },
	{ .key = "sources",
	  .type = SCHEMA_LIST,
	  SCHEMA_LIST_AT(struct conf_trunk, sources, source_count),
	  .element = &source,
	  .help = "addresses the peer may send from; none: its own" },
	{ .key = "domain",
	  .type = SCHEMA_STRING,
	  SCHEMA_AT(struct conf_trunk, domain),
	  .max = 253,
	  .help = "host part of From and P-Asserted-Identity instead of the interface's address" },
	{ .key = "codecs",
	  .type = SCHEMA_LIST,
	  SCHEMA_LIST_AT(struct conf_trunk, codecs, codec_count),
	  .element = &codec,
	  .initial = "pcma,pcmu",
	  .min = 1,
	  .help = "in order of preference" },
	{ .key = "telephone-event",
	  .type = SCHEMA_BOOL,
	  SCHEMA_AT(struct conf_trunk, telephone_event),
	  .initial = "true",
	  .help = "digits as RFC 4733 events" },
	{ .key = "packet-time",
	  .type = SCHEMA_ENUM,
	  SCHEMA_AT(struct conf_trunk, ptime_ms),
	  .choices = rtp_packet_times,
	  .initial = "20ms",
	  .help = "of the RTP packets that we send" },
	{ .key = "trusted",
	  .type = SCHEMA_BOOL,
	  SCHEMA_AT(struct conf_trunk, trusted),
	  .initial = "true",
	  .help = "P-Asserted-Identity is believed and sent (RFC 3325)" },
	{ .key = "user-phone",
	  .type = SCHEMA_BOOL,
	  SCHEMA_AT(struct conf_trunk, user_phone),
	  .initial = "true",
	  .help = "user=phone in URIs of numbers" },
	{ .key = "prack",
	  .type = SCHEMA_BOOL,
	  SCHEMA_AT(struct conf_trunk, prack),
	  .initial = "true",
	  .help = "reliable provisional responses (RFC 3262)" },
	{ .key = "early-media",
	  .type = SCHEMA_BOOL,
	  SCHEMA_AT(struct conf_trunk, early_media),
	  .initial = "true",
	  .help = "183 with SDP may be sent" },
	{ .key = "latching",
	  .type = SCHEMA_BOOL,
	  SCHEMA_AT(struct conf_trunk, latching),
	  .initial = "true",
	  .help = "RTP goes back to where the first packets came from" },
	{ .key = "max-calls",
	  .type = SCHEMA_INTEGER,
	  SCHEMA_AT(struct conf_trunk, max_calls),
	  .min = 0,
	  .max = 100000,
	  .help = "at once; 0: no limit" },
	{ .key = "options-interval",
	  .type = SCHEMA_DURATION,
	  SCHEMA_AT(struct conf_trunk, options_interval_s),
	  .unit = SCHEMA_S,
	  .min = 0,
	  .max = 3600,
	  .initial = "0s",
	  .help = "between OPTIONS to the peer; 0s: none" },
	{ .key = "session-timer",
	  .type = SCHEMA_DURATION,
	  SCHEMA_AT(struct conf_trunk, session_expires_s),
	  .unit = SCHEMA_S,
	  .min = 0,
	  .max = 86400,
	  .initial = "30min",
	  .help = "session timer that is asked for (RFC 4028), 90s or more; 0s: none" },
	{ .key = "silence-timeout",
	  .type = SCHEMA_DURATION,
	  SCHEMA_AT(struct conf_trunk, silence_timeout_s),
	  .unit = SCHEMA_S,
	  .min = 0,
	  .max = 86400,
	  .initial = "60s",
	  .help = "an answered call without RTP and RTCP for so long is cleared; 0s: never" },
	ROUTING_FIELDS(struct conf_trunk),
	ENABLED_FIELD(struct conf_trunk),
	{ 0 },
};

static const struct schema trunk_schema = {
	.what = "trunk",
	.kind = "trunk",
	.size = sizeof(struct conf_trunk),
	.name_offset = offsetof(struct conf_trunk, name),
	.place_offset = offsetof(struct conf_trunk, place),
	.fields = trunk_fields,
};

/* ---- lines ---- */

static const struct schema_choice line_kinds[] = {
	{ "cesopsn", CONF_LINE_CESOPSN },
	{ "dahdi", CONF_LINE_DAHDI },
	{ 0 },
};
static const struct schema_choice clocks[] = { { "source", CONF_CLOCK_SOURCE },
					       { "line", CONF_CLOCK_LINE },
					       { 0 } };
/* RFC 5086 4.4: whole frames; whole milliseconds are what gear offers. */
static const struct schema_choice line_packet_times[] = {
	{ "1ms", 1000 }, { "2ms", 2000 }, { "3ms", 3000 }, { "4ms", 4000 }, { "5ms", 5000 }, { 0 },
};

#define CESOPSN .when = "kind", .when_values = 1u << CONF_LINE_CESOPSN
#define DAHDI .when = "kind", .when_values = 1u << CONF_LINE_DAHDI

static const struct schema_field line_fields[] = {
	{ .key = "kind",
	  .type = SCHEMA_ENUM,
	  SCHEMA_AT(struct conf_line, kind),
	  .choices = line_kinds,
	  .required = true,
	  .help = "how the E1 reaches this machine" },
	{ .key = "local",
	  .type = SCHEMA_ADDRESS,
	  SCHEMA_AT(struct conf_line, local),
	  CESOPSN,
	  .required = true,
	  .help = "where packets are received" },
	{ .key = "remote",
	  .type = SCHEMA_ADDRESS,
	  SCHEMA_AT(struct conf_line, remote),
	  CESOPSN,
	  .required = true,
	  .help = "where packets go" },
	{ .key = "packet-time",
	  .type = SCHEMA_ENUM,
	  SCHEMA_AT(struct conf_line, packet_us),
	  .choices = line_packet_times,
	  .initial = "1ms",
	  CESOPSN,
	  .help = "of each packet" },
	{ .key = "timeslots",
	  .type = SCHEMA_TIMESLOTS,
	  SCHEMA_AT(struct conf_line, timeslots),
	  .initial = "1-31",
	  .help = "carried by the line" },
	{ .key = "clock",
	  .type = SCHEMA_ENUM,
	  SCHEMA_AT(struct conf_line, clock),
	  .choices = clocks,
	  .initial = "line",
	  CESOPSN,
	  .help = "our own, or locked to what is received" },
	{ .key = "jitter",
	  .type = SCHEMA_DURATION,
	  SCHEMA_AT(struct conf_line, jitter_ms),
	  .unit = SCHEMA_MS,
	  .min = 1,
	  .max = 500,
	  .initial = "10ms",
	  CESOPSN,
	  .help = "depth of the receive buffer" },
	{ .key = "rtp-header",
	  .type = SCHEMA_BOOL,
	  SCHEMA_AT(struct conf_line, rtp_header),
	  .initial = "false",
	  CESOPSN,
	  .help = "RTP header before the control word" },
	{ .key = "dscp",
	  .type = SCHEMA_INTEGER,
	  SCHEMA_AT(struct conf_line, dscp),
	  .min = 0,
	  .max = 63,
	  .initial = "46",
	  CESOPSN,
	  .help = "of the packets" },
	{ .key = "first-channel",
	  .type = SCHEMA_INTEGER,
	  SCHEMA_AT(struct conf_line, dahdi_first_channel),
	  .min = 1,
	  .max = 65535,
	  DAHDI,
	  .required = true,
	  .help = "number of the channel that is timeslot 1" },
	{ .key = "span",
	  .type = SCHEMA_INTEGER,
	  SCHEMA_AT(struct conf_line, dahdi_span),
	  .min = 1,
	  .max = 255,
	  DAHDI,
	  .required = true,
	  .help = "number of the span" },
	{ 0 },
};

static const struct schema line_schema = {
	.what = "line",
	.kind = "line",
	.size = sizeof(struct conf_line),
	.name_offset = offsetof(struct conf_line, name),
	.place_offset = offsetof(struct conf_line, place),
	.fields = line_fields,
};

/* ---- spans ---- */

static const struct schema_choice roles[] = {
	{ "te", CONF_ROLE_TE },
	{ "nt", CONF_ROLE_NT },
	{ "user", CONF_ROLE_TE },
	{ "network", CONF_ROLE_NT },
	{ 0 },
};
static const struct schema_choice switches[] = { { "euroisdn", CONF_SWITCH_EUROISDN }, { 0 } };
static const struct schema_choice hunts[] = {
	{ "ascending", CONF_HUNT_ASCENDING },
	{ "descending", CONF_HUNT_DESCENDING },
	{ "cyclic-ascending", CONF_HUNT_CYCLIC_ASCENDING },
	{ "cyclic-descending", CONF_HUNT_CYCLIC_DESCENDING },
	{ 0 },
};
static const struct schema_choice laws[] = { { "alaw", CONF_ALAW }, { "ulaw", CONF_ULAW }, { 0 } };

#define TIMER(name, member, initial_text, text)                                                    \
	{                                                                                          \
		.key = name, .type = SCHEMA_DURATION, SCHEMA_AT(struct conf_isdn_timers, member),  \
		.unit = SCHEMA_MS, .min = 10, .max = 3600000, .initial = initial_text,             \
		.help = text                                                                       \
	}

static const struct schema_field timer_fields[] = {
	TIMER("t200", t200, "1s", "Q.921 5.9.1: retransmission"),
	TIMER("t203", t203, "10s", "Q.921 5.9.8: link idle"),
	TIMER("t301", t301, "3min", "Q.931 table 9-2: ALERTING received, no CONNECT"),
	TIMER("t302", t302, "15s", "Q.931 table 9-1: between digits"),
	TIMER("t303", t303, "4s", "Q.931 table 9-2: SETUP sent, no answer"),
	TIMER("t304", t304, "20s", "Q.931 table 9-2: INFORMATION sent, no answer"),
	TIMER("t305", t305, "30s", "Q.931 table 9-2: DISCONNECT sent, no answer"),
	TIMER("t308", t308, "4s", "Q.931 table 9-2: RELEASE sent, no answer"),
	TIMER("t309", t309, "6s", "Q.931 table 9-2: layer 2 lost, calls kept"),
	TIMER("t310", t310, "30s",
	      "Q.931 tables 9-1, 9-2: CALL PROCEEDING received, nothing after"),
	TIMER("t313", t313, "4s", "Q.931 table 9-2: CONNECT sent, no answer"),
	TIMER("t316", t316, "2min", "Q.931 table 9-2: RESTART sent, no answer"),
	{ .key = "n200",
	  .type = SCHEMA_INTEGER,
	  SCHEMA_AT(struct conf_isdn_timers, n200),
	  .min = 1,
	  .max = 20,
	  .initial = "3",
	  .help = "Q.921 5.9.2: retransmissions" },
	{ 0 },
};

static const struct schema timers_schema = {
	.what = "timers",
	.size = sizeof(struct conf_isdn_timers),
	.name_offset = SCHEMA_NONE,
	.place_offset = SCHEMA_NONE,
	.fields = timer_fields,
};

static const struct schema_field span_fields[] = {
	{ .key = "line",
	  .type = SCHEMA_REFERENCE,
	  SCHEMA_AT(struct conf_span, line),
	  .refers = "line",
	  .required = true,
	  .help = "that carries the span" },
	{ .key = "role",
	  .type = SCHEMA_ENUM,
	  SCHEMA_AT(struct conf_span, role),
	  .choices = roles,
	  .required = true,
	  .help = "which side of the interface we are" },
	{ .key = "switch-type",
	  .type = SCHEMA_ENUM,
	  SCHEMA_AT(struct conf_span, switch_type),
	  .choices = switches,
	  .initial = "euroisdn",
	  .help = "dialect of Q.931" },
	{ .key = "d-channel",
	  .type = SCHEMA_INTEGER,
	  SCHEMA_AT(struct conf_span, d_channel),
	  .min = 1,
	  .max = 31,
	  .initial = "16",
	  .help = "timeslot of signalling" },
	{ .key = "b-channels",
	  .type = SCHEMA_TIMESLOTS,
	  SCHEMA_AT(struct conf_span, b_channels),
	  .help = "timeslots of calls; none: all of the line's but the D-channel" },
	{ .key = "hunt",
	  .type = SCHEMA_ENUM,
	  SCHEMA_AT(struct conf_span, hunt),
	  .choices = hunts,
	  .help = "order in which channels are taken; none: descending as te, ascending as nt" },
	{ .key = "exclusive",
	  .type = SCHEMA_BOOL,
	  SCHEMA_AT(struct conf_span, exclusive),
	  .initial = "false",
	  .help = "the channel that we name in SETUP is the only one acceptable" },
	{ .key = "restart-on-start",
	  .type = SCHEMA_BOOL,
	  SCHEMA_AT(struct conf_span, restart_on_start),
	  .initial = "true",
	  .help = "RESTART each channel when layer 2 first comes up" },
	{ .key = "law",
	  .type = SCHEMA_ENUM,
	  SCHEMA_AT(struct conf_span, law),
	  .choices = laws,
	  .initial = "alaw",
	  .help = "of the octets on the line" },
	{ .key = "group",
	  .type = SCHEMA_STRING,
	  SCHEMA_AT(struct conf_span, group),
	  .max = 64,
	  .defines = "group",
	  .help = "trunk group that routes may name" },
	{ .key = "timers",
	  .type = SCHEMA_STRUCT,
	  SCHEMA_AT(struct conf_span, timers),
	  .schema = &timers_schema,
	  .help = "of Q.921 and Q.931" },
	ROUTING_FIELDS(struct conf_span),
	ENABLED_FIELD(struct conf_span),
	{ 0 },
};

static const struct schema span_schema = {
	.what = "span",
	.kind = "span",
	.size = sizeof(struct conf_span),
	.name_offset = offsetof(struct conf_span, name),
	.place_offset = offsetof(struct conf_span, place),
	.fields = span_fields,
};

/* ---- The root ---- */

static const struct schema_field machine_fields[] = {
	{ .key = "sip-interfaces",
	  MAP_OF(struct machine_conf, interfaces, interface_count, interface_schema,
		 "addresses where SIP is spoken") },
	{ .key = "trunks",
	  MAP_OF(struct machine_conf, trunks, trunk_count, trunk_schema, "SIP peers") },
	{ .key = "lines", MAP_OF(struct machine_conf, lines, line_count, line_schema, "E1 lines") },
	{ .key = "spans",
	  MAP_OF(struct machine_conf, spans, span_count, span_schema, "ISDN on lines") },
	{ .key = "media",
	  .type = SCHEMA_STRUCT,
	  SCHEMA_AT(struct machine_conf, media),
	  .schema = &machine_media_schema,
	  .help = "RTP and the threads that carry it" },
	{ .key = "api",
	  .type = SCHEMA_STRUCT,
	  SCHEMA_AT(struct machine_conf, api),
	  .schema = &machine_api_schema,
	  .help = "where gwctl asks" },
	{ .key = "log",
	  .type = SCHEMA_STRUCT,
	  SCHEMA_AT(struct machine_conf, log),
	  .schema = &machine_log_schema,
	  .help = "what is written" },
	{ .key = "store",
	  .type = SCHEMA_STRUCT,
	  SCHEMA_AT(struct machine_conf, store),
	  .schema = &machine_store_schema,
	  .help = "where tables and records of calls are kept" },
	{ .key = "records",
	  .type = SCHEMA_STRUCT,
	  SCHEMA_AT(struct machine_conf, records),
	  .schema = &machine_records_schema,
	  .help = "of calls" },
	{ .key = "overload",
	  .type = SCHEMA_STRUCT,
	  SCHEMA_AT(struct machine_conf, overload),
	  .schema = &machine_overload_schema,
	  .help = "when new calls are refused early" },
	{ .key = "stop-wait",
	  .type = SCHEMA_DURATION,
	  SCHEMA_AT(struct machine_conf, stop_wait_s),
	  .unit = SCHEMA_S,
	  .min = 0,
	  .max = 86400,
	  .initial = "30s",
	  .help = "calls in progress may finish for so long after SIGTERM" },
	{ .key = "ladder-calls",
	  .type = SCHEMA_INTEGER,
	  SCHEMA_AT(struct machine_conf, ladder_calls),
	  .min = 0,
	  .max = 100000,
	  .initial = "200",
	  .help = "finished calls whose ladder is kept" },
	{ 0 },
};

const struct schema machine_schema = {
	.what = "machine",
	.size = sizeof(struct machine_conf),
	.name_offset = SCHEMA_NONE,
	.place_offset = SCHEMA_NONE,
	.fields = machine_fields,
};
