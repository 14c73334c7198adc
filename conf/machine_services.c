/* SPDX-License-Identifier: GPL-2.0-only */
/* The schema of the sections that stand once: media, api, store, records, overload, log. */
#include "conf/machine_private.h"
#include "base/log.h"

static const struct schema_field media_fields[] = {
	{ .key = "address",
	  .type = SCHEMA_ADDRESS,
	  SCHEMA_AT(struct conf_media, address),
	  .port = SCHEMA_PORT_NONE,
	  .help = "of RTP where a SIP interface is bound to all addresses" },
	{ .key = "ports",
	  .type = SCHEMA_RANGE,
	  SCHEMA_RANGE_AT(struct conf_media, port_first, port_last),
	  .min = 1024,
	  .max = 65535,
	  .initial = "20000-29999",
	  .help = "of RTP (even) and RTCP (odd)" },
	{ .key = "dscp",
	  .type = SCHEMA_INTEGER,
	  SCHEMA_AT(struct conf_media, dscp),
	  .min = 0,
	  .max = 63,
	  .initial = "46",
	  .help = "of media packets" },
	{ .key = "jitter",
	  .type = SCHEMA_DURATION,
	  SCHEMA_AT(struct conf_media, jitter_ms),
	  .unit = SCHEMA_MS,
	  .min = 10,
	  .max = 1000,
	  .initial = "40ms",
	  .help = "depth of the receive buffer" },
	{ .key = "workers",
	  .type = SCHEMA_INTEGER,
	  SCHEMA_AT(struct conf_media, workers),
	  .min = 0,
	  .max = 256,
	  .help = "media threads; 0: one less than processors" },
	{ .key = "realtime-priority",
	  .type = SCHEMA_INTEGER,
	  SCHEMA_AT(struct conf_media, realtime_priority),
	  .min = 0,
	  .max = 99,
	  .help = "of media threads; 0: none" },
	{ 0 },
};

const struct schema machine_media_schema = {
	.what = "media",
	.size = sizeof(struct conf_media),
	.name_offset = SCHEMA_NONE,
	.place_offset = SCHEMA_NONE,
	.fields = media_fields,
};

static const struct schema_choice api_roles[] = { { "read", CONF_READ },
						  { "operate", CONF_OPERATE },
						  { "admin", CONF_ADMIN },
						  { 0 } };

static const struct schema_field access_fields[] = {
	{ .key = "group",
	  .type = SCHEMA_STRING,
	  SCHEMA_AT(struct conf_access, group),
	  .max = 64,
	  .help = "group of the system whose members may do this on the socket" },
	{ .key = "token-sha256",
	  .type = SCHEMA_STRING,
	  SCHEMA_AT(struct conf_access, token_sha256),
	  .max = 64,
	  .help = "64 hexadecimal digits: SHA-256 of the token that is shown" },
	{ .key = "name",
	  .type = SCHEMA_STRING,
	  SCHEMA_AT(struct conf_access, name),
	  .max = 64,
	  .help = "of the token's bearer, for the history of changes" },
	{ .key = "role",
	  .type = SCHEMA_ENUM,
	  SCHEMA_AT(struct conf_access, role),
	  .choices = api_roles,
	  .required = true,
	  .help = "read: see; operate: end calls, switch trunks and spans; admin: change tables" },
	{ 0 },
};

static const struct schema access_schema = {
	.what = "access",
	.size = sizeof(struct conf_access),
	.name_offset = SCHEMA_NONE,
	.place_offset = offsetof(struct conf_access, place),
	.fields = access_fields,
};

static const struct schema_field access_element = {
	.type = SCHEMA_STRUCT,
	.size = sizeof(struct conf_access),
	.schema = &access_schema,
};

static const struct schema_field api_fields[] = {
	{ .key = "socket",
	  .type = SCHEMA_STRING,
	  SCHEMA_AT(struct conf_api, socket),
	  .max = 107,
	  .initial = "/run/causeway/gatewayd.sock",
	  .help = "Unix socket of the API" },
	{ .key = "group",
	  .type = SCHEMA_STRING,
	  SCHEMA_AT(struct conf_api, group),
	  .max = 64,
	  .help = "group that owns the socket; none: the process' own" },
	{ .key = "listen",
	  .type = SCHEMA_ADDRESS,
	  SCHEMA_AT(struct conf_api, listen),
	  .port = SCHEMA_PORT_REQUIRED,
	  .help = "loopback address and port for HTTP with tokens; none: the socket only" },
	{ .key = "access",
	  .type = SCHEMA_LIST,
	  SCHEMA_LIST_AT(struct conf_api, access, access_count),
	  .element = &access_element,
	  .max = 64,
	  .help = "who else may do what; root and the process' own user may do all" },
	{ 0 },
};

const struct schema machine_api_schema = {
	.what = "api",
	.size = sizeof(struct conf_api),
	.name_offset = SCHEMA_NONE,
	.place_offset = SCHEMA_NONE,
	.fields = api_fields,
};

static const struct schema_field store_fields[] = {
	{ .key = "url",
	  .type = SCHEMA_STRING,
	  SCHEMA_AT(struct conf_store, url),
	  .max = 1000,
	  .initial = "/var/lib/causeway",
	  .help = "folder for the files of SQLite, or postgresql://…" },
	{ 0 },
};

const struct schema machine_store_schema = {
	.what = "store",
	.size = sizeof(struct conf_store),
	.name_offset = SCHEMA_NONE,
	.place_offset = SCHEMA_NONE,
	.bare = "url",
	.fields = store_fields,
};

static const struct schema_field records_fields[] = {
	{ .key = "enabled",
	  .type = SCHEMA_BOOL,
	  SCHEMA_AT(struct conf_records, enabled),
	  .initial = "true",
	  .help = "a record of each call" },
	{ .key = "spool",
	  .type = SCHEMA_STRING,
	  SCHEMA_AT(struct conf_records, spool),
	  .max = 1000,
	  .help = "file on a local disk that records pass on their way to the store" },
	{ .key = "spool-size",
	  .type = SCHEMA_INTEGER,
	  SCHEMA_AT(struct conf_records, spool_mib),
	  .min = 8,
	  .max = 65536,
	  .initial = "64",
	  .help = "of that file, in MiB" },
	{ .key = "keep-days",
	  .type = SCHEMA_INTEGER,
	  SCHEMA_AT(struct conf_records, keep_days),
	  .min = 0,
	  .max = 36500,
	  .initial = "400",
	  .help = "older records are removed; 0: never" },
	{ .key = "keep-calls",
	  .type = SCHEMA_INTEGER,
	  SCHEMA_AT(struct conf_records, keep_calls),
	  .min = 0,
	  .max = 2000000000,
	  .help = "the oldest beyond so many are removed; 0: any number is kept" },
	{ 0 },
};

const struct schema machine_records_schema = {
	.what = "records",
	.size = sizeof(struct conf_records),
	.name_offset = SCHEMA_NONE,
	.place_offset = SCHEMA_NONE,
	.fields = records_fields,
};

static const struct schema_field overload_fields[] = {
	{ .key = "max-calls",
	  .type = SCHEMA_INTEGER,
	  SCHEMA_AT(struct conf_overload, max_calls),
	  .min = 0,
	  .max = 1000000,
	  .help = "at once in the whole gateway; 0: no limit" },
	{ .key = "max-rate",
	  .type = SCHEMA_INTEGER,
	  SCHEMA_AT(struct conf_overload, max_rate),
	  .min = 0,
	  .max = 100000,
	  .help = "new calls per second; 0: no limit" },
	{ .key = "lag",
	  .type = SCHEMA_DURATION,
	  SCHEMA_AT(struct conf_overload, lag_ms),
	  .unit = SCHEMA_MS,
	  .min = 0,
	  .max = 10000,
	  .initial = "100ms",
	  .help = "signalling that lags so far behind refuses new calls; 0ms: not watched" },
	{ .key = "retry-after",
	  .type = SCHEMA_DURATION,
	  SCHEMA_AT(struct conf_overload, retry_after_s),
	  .unit = SCHEMA_S,
	  .min = 1,
	  .max = 3600,
	  .initial = "10s",
	  .help = "what those that are refused are told" },
	{ 0 },
};

const struct schema machine_overload_schema = {
	.what = "overload",
	.size = sizeof(struct conf_overload),
	.name_offset = SCHEMA_NONE,
	.place_offset = SCHEMA_NONE,
	.fields = overload_fields,
};

static const struct schema_choice levels[] = {
	{ "error", LOG_LEVEL_ERROR },   { "warning", LOG_LEVEL_WARNING },
	{ "notice", LOG_LEVEL_NOTICE }, { "info", LOG_LEVEL_INFO },
	{ "debug", LOG_LEVEL_DEBUG },   { 0 },
};

static const struct schema_field log_fields[] = {
	{ .key = "level",
	  .type = SCHEMA_ENUM,
	  SCHEMA_AT(struct conf_log, level),
	  .choices = levels,
	  .initial = "notice",
	  .help = "least severe lines that are written" },
	{ 0 },
};

const struct schema machine_log_schema = {
	.what = "log",
	.size = sizeof(struct conf_log),
	.name_offset = SCHEMA_NONE,
	.place_offset = SCHEMA_NONE,
	.fields = log_fields,
};
