/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GATEWAY_API_PRIVATE_H
#define GATEWAY_API_PRIVATE_H

/* What the files of api*.c share: api.c has HTTP and the threads, api_find.c the table of
 * endpoints, api_access.c who may do what, api_socket.c the listening sockets, the others what is
 * answered.
 *
 * An endpoint is answered on the signalling thread (`live`: small snapshots, switches), on the
 * control thread (`serve`: tables, records, configuration: it may answer later), or on both, `live`
 * first. */

#include "base/netaddr.h"
#include "gateway/gateway.h"

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

struct admin;
struct records;

#define API_NAME 320  /* of an object: a rule's has its parent's before it */
#define API_VALUE 256 /* of an argument */
#define API_ARGUMENTS 16
#define API_BODY_MAX (64u << 10)
#define API_APPLY_MAX (16u << 20)
#define API_DISCARD_MAX                                                                            \
	(64u << 20) /* of a body that is refused: read, so that the sentence arrives */

struct api_argument {
	char key[32];
	char value[API_VALUE];
};

/* Who asks. */
struct api_person {
	int role;        /* enum conf_role_api; -1: none */
	char who[80];    /* user, or the token's name */
	char origin[96]; /* "socket, pid 123", "127.0.0.1:40000" */
};

/* A request, copied: it crosses threads. */
struct api_query {
	char method[8];
	char path[768];          /* behind API_PREFIX, as it came */
	char names[2][API_NAME]; /* what stands in the places of *, decoded */
	struct api_argument arguments[API_ARGUMENTS];
	size_t argument_count;
	char *body; /* NUL behind it; NULL: none */
	size_t length;
	struct api_person person;
	char what[200]; /* for the audit: gwctl's command line, or method and path */
	const struct api_endpoint *endpoint;
};

struct api_reply {
	unsigned status;  /* of HTTP */
	json_t *body;     /* NULL with a status: without memory */
	char *text;       /* instead of `body`: mem_free() */
	const char *type; /* of `text` */
};

/* A request that is served. Whoever has it owns it until api_done(). */
struct api_task {
	struct gateway *gateway; /* signalling thread */
	struct admin *admin;     /* control thread; NULL: none */
	struct records *records; /* control thread; NULL: none are kept */
	struct api_query query;
	struct api_reply reply;
};

enum api_takes { API_NO_BODY, API_JSON, API_TABLES /* YAML, API_APPLY_MAX */ };

struct api_endpoint {
	const char *method;
	const char *path;      /* a * stands for one segment */
	const char *arguments; /* "from number"; NULL: none */
	enum conf_role_api role;
	enum api_takes takes;
	/* Signalling thread. */
	void (*live)(struct gateway *gateway, const struct api_query *query,
		     struct api_reply *reply);
	/* Control thread: calls api_done() now or later. After `live` its reply is there, and fine.
	 */
	void (*serve)(struct api_task *task);
};

/* ---- Answering ---- */

/* Control thread. The task is gone afterwards. */
void api_done(struct api_task *task);
/* { "error": { "code": …, "message": … } } */
void api_refuse(struct api_reply *reply, unsigned status, const char *code, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* The same with "faults": the lines of `faults`. */
void api_refuse_faults(struct api_reply *reply, unsigned status, const char *code,
		       const char *message, const char *faults);
/* Takes `body`; NULL: out of memory. */
void api_answer(struct api_reply *reply, json_t *body);
void api_reply_free(struct api_reply *reply);

/* ---- What was asked ---- */

/* "" when it was not given. */
const char *api_argument(const struct api_query *query, const char *key);
/* Given as true, 1, or without a value. */
bool api_flag(const struct api_query *query, const char *key);
/* A whole number of min…max; `otherwise` when it is not given. False: `reply` says what is wrong.
 */
bool api_number(const struct api_query *query, const char *key, int64_t range[2], int64_t *out,
		struct api_reply *reply);
/* The body as a JSON object, for the caller. NULL: `reply` says why. */
json_t *api_object(const struct api_query *query, struct api_reply *reply);
/* A text member; NULL when it is not there. False: it is no text, `reply` says so. */
bool api_member(const json_t *object, const char *key, const char **out, struct api_reply *reply);

/* ---- Finding (any thread) ---- */

/* Finds the endpoint and query->names. False: `reply` says why (404, 405). */
bool api_find(struct api_query *query, struct api_reply *reply);
/* Does the endpoint take all arguments that were given? False: `reply` says why. */
bool api_check_arguments(const struct api_query *query, struct api_reply *reply);
/* %41 → A; false: too long, or no UTF-8. */
bool api_decode(char *out, size_t room, const char *text, size_t length);
/* The i-th endpoint, NULL at the end. */
const struct api_endpoint *api_endpoint_at(size_t i);

/* ---- Who may do what (control thread) ---- */

struct api_groups; /* names of groups and their numbers, remembered for a while */
int api_groups_create(struct api_groups **out);
void api_groups_destroy(struct api_groups **groups);

/* Who is at the other end, what he shows, and what he may do. `socket_group`: whose members may
 * write to the socket. False: `reply` says what is needed (401, 403). */
bool api_admit(struct api_groups *groups, const struct conf_api *conf, gid_t socket_group, int fd,
	       const char *authorization, struct api_query *query, struct api_reply *reply);
/* Group by name: 0 or -ENOENT. */
int api_group_id(struct api_groups *groups, const char *name, gid_t *out);

/* ---- Sockets ---- */

/* Listening at the path, for this group. Descriptor or -errno, `error` gets a sentence. */
int api_listen_unix(const struct conf_api *conf, gid_t *group, char *error, size_t room);
int api_listen_tcp(const struct netaddr *address, char *error, size_t room);
/* 0666 where groups have roles of their own: each request is judged; else 0660. */
int api_socket_mode(const struct conf_api *conf);

/* ---- Endpoints, by file ---- */

typedef void api_live_fn(struct gateway *, const struct api_query *, struct api_reply *);
typedef void api_serve_fn(struct api_task *);

api_live_fn api_live_status, api_live_calls, api_live_call, api_live_hangup, api_live_trace,
	api_live_spans, api_live_span, api_live_trunks, api_live_trunk, api_live_route_test,
	api_live_trunk_enable, api_live_trunk_disable, api_live_span_enable, api_live_span_disable;
api_serve_fn api_serve_status, api_serve_switched;
api_serve_fn api_tables_list, api_tables_show, api_tables_add, api_tables_set, api_tables_put,
	api_tables_delete, api_tables_move, api_tables_rename;
api_serve_fn api_tables_export, api_tables_apply, api_history_list, api_history_show,
	api_history_rollback;
api_serve_fn api_cdrs_list, api_cdrs_show;
api_serve_fn api_config_check, api_config_diff, api_config_reload;
api_serve_fn api_store_show, api_store_backup, api_store_restore, api_store_migrate;

/* ---- Shared by those ---- */

struct catalog;
struct catalog_difference;
/* The object's JSON body as JSON; NULL: null. */
json_t *api_body_of(const char *body);
json_t *api_difference(const struct catalog_difference *difference);
/* Array of what differs. */
json_t *api_diff(const struct catalog *from, const struct catalog *to);
/* What admin.h's rc and faults mean in HTTP. */
void api_refuse_change(struct api_reply *reply, int rc, const char *faults);
/* What a job of the store came to, as a refusal (rc < 0). */
struct store;
void api_refuse_store(struct api_reply *reply, const struct store *store, int rc,
		      const char *error);
/* Is there an administrator? False: `reply` says that there is none. */
bool api_has_admin(struct api_task *task);

#endif
