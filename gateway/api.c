/* SPDX-License-Identifier: GPL-2.0-only */
/* HTTP and the two threads. A request belongs to the control thread. While it is away (with the
 * signalling thread, or with whoever serves it) only that one writes its reply and nobody frees it,
 * even when the client goes. */
#include "gateway/api.h"

#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "gateway/admin.h"
#include "gateway/api_private.h"
#include "gateway/control.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define IDLE_S 30 /* of a connection that says nothing */
#define LISTENERS 2

struct listener {
	struct api *api;
	struct MHD_Daemon *daemon; /* NULL: not in use */
	struct loop_watch watch;
	struct loop_timer timer;
};

struct api {
	struct gateway *gateway;
	struct worker *worker;
	struct admin *admin;
	struct records *records;
	const struct conf_api *conf;
	struct listener listeners[LISTENERS]; /* the socket, TCP */
	char socket[sizeof(((struct sockaddr_un *)0)->sun_path)];
	gid_t socket_group;
	uint64_t patience_us;
	/* One for the owner, one for each request that is away. */
	atomic_uint references;
	atomic_bool closing;
	/* control thread */
	struct api_groups *groups;
	struct loop_deferred pump;
	struct list requests;
	struct admin_guest guest;
};

struct request {
	struct api_task task; /* what others see of it */
	struct list node;     /* in api->requests */
	struct api *api;
	struct MHD_Connection
		*connection; /* NULL: it is over, the reply is awaited only to be freed */
	struct loop_timer patience;
	size_t room, discarded; /* of the body */
	bool refused;           /* the reply is there; what comes of the body is dropped */
	bool away;              /* somebody else has it */
	bool suspended;
	bool late;     /* waited too long */
	bool answered; /* to be sent */
};

static void api_unref(struct api *api)
{
	if (atomic_fetch_sub(&api->references, 1) != 1)
		return;
	api_groups_destroy(&api->groups);
	mem_free(api);
}

static void request_free(struct request *request)
{
	api_reply_free(&request->task.reply);
	mem_free(request->task.query.body);
	mem_free(request);
}

/* ---- Turning libmicrohttpd within the loop ---- */

static void pump_all(void *arg);

static void timer_fired(struct loop_timer *timer, void *arg)
{
	(void)timer;
	pump_all(arg);
}

static void socket_ready(struct loop_watch *watch, uint32_t events, void *arg)
{
	struct listener *listener = arg;

	(void)watch;
	(void)events;
	pump_all(listener->api);
}

static void pump(struct listener *listener)
{
	struct loop *loop = worker_loop(listener->api->worker);
	MHD_UNSIGNED_LONG_LONG wait_ms;

	MHD_run(listener->daemon);
	if (MHD_get_timeout(listener->daemon, &wait_ms) == MHD_YES)
		loop_timer_start(loop, &listener->timer, (uint64_t)wait_ms * 1000, timer_fired,
				 listener->api);
	else
		loop_timer_stop(loop, &listener->timer);
}

static void pump_all(void *arg)
{
	struct api *api = arg;

	for (size_t i = 0; i < LISTENERS; i++)
		if (api->listeners[i].daemon)
			pump(&api->listeners[i]);
}

/* ---- Replies ---- */

static struct MHD_Response *response_of(struct api_reply *reply)
{
	static char nothing[] = "{\"error\":{\"code\":\"no-memory\",\"message\":\"the gateway is "
				"out of memory\"}}\n";
	struct MHD_Response *response;
	char *text;

	if (reply->text)
		return MHD_create_response_from_buffer(strlen(reply->text), reply->text,
						       MHD_RESPMEM_MUST_COPY);
	text = reply->body ? json_dumps(reply->body, JSON_COMPACT | JSON_REAL_PRECISION(12)) : NULL;
	if (text) {
		response =
			MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
		if (!response)
			free(text);
		return response;
	}
	reply->status = 500;
	return MHD_create_response_from_buffer(strlen(nothing), nothing, MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result send_it(struct MHD_Connection *connection, struct api_reply *reply)
{
	struct MHD_Response *response = response_of(reply);
	enum MHD_Result rc;

	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, "Content-Type",
				reply->text ? reply->type : "application/json");
	MHD_add_response_header(response, "Cache-Control", "no-store");
	if (reply->status == 401)
		MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
	rc = MHD_queue_response(connection, reply->status, response);
	MHD_destroy_response(response);
	return rc;
}

static enum MHD_Result send_reply(struct request *request)
{
	struct api_reply late = { 0 };
	enum MHD_Result rc;

	if (!request->late)
		return send_it(request->connection, &request->task.reply);
	/* The reply itself may be under another's pen. */
	if (request->task.query.endpoint && request->task.query.endpoint->live)
		api_refuse(&late, 503, "busy", "the gateway did not answer in time; try again");
	else
		api_refuse(&late, 503, "busy",
			   "the gateway has not finished this yet and goes on with it; `gwctl "
			   "history` and `gwctl store` show what became of it");
	rc = send_it(request->connection, &late);
	api_reply_free(&late);
	return rc;
}

static void resume(struct request *request)
{
	request->answered = true;
	loop_timer_stop(worker_loop(request->api->worker), &request->patience);
	if (request->suspended) {
		request->suspended = false;
		MHD_resume_connection(request->connection);
		/* Perhaps from within MHD_run(): its turn comes at the end of ours. */
		loop_defer(worker_loop(request->api->worker), &request->api->pump, pump_all,
			   request->api);
	}
}

/* ---- Going away and coming back ---- */

static void go(struct request *request)
{
	request->away = true;
	atomic_fetch_add(&request->api->references, 1);
}

/* Control thread. */
static void come_back(struct request *request)
{
	struct api *api = request->api;

	request->away = false;
	if (!request->connection)
		request_free(request);
	else
		resume(request); /* one that came too late is resumed already */
	api_unref(api);
}

void api_done(struct api_task *task)
{
	come_back((struct request *)(void *)task);
}

/* Control thread: the signalling thread has answered. */
static void reply_came(void *object, void *arg)
{
	struct request *request = object;
	const struct api_endpoint *endpoint = request->task.query.endpoint;

	(void)arg;
	if (endpoint->serve && request->task.reply.status < 400 &&
	    !atomic_load(&request->api->closing))
		endpoint->serve(&request->task);
	else
		come_back(request);
}

/* Signalling thread. */
static void serve_live(void *object, void *arg)
{
	struct request *request = object;
	struct api *api = request->api;

	(void)arg;
	if (!atomic_load(&api->closing))
		request->task.query.endpoint->live(request->task.gateway, &request->task.query,
						   &request->task.reply);
	worker_post(api->worker, reply_came, request, NULL);
}

static void lost_patience(struct loop_timer *timer, void *arg)
{
	struct request *request = arg;

	(void)timer;
	request->late = true;
	resume(request);
}

static enum MHD_Result ask(struct request *request)
{
	const struct api_endpoint *endpoint = request->task.query.endpoint;
	struct api *api = request->api;
	uint64_t patience_us = endpoint->live ? api->patience_us : API_LONG_MS * UINT64_C(1000);

	if (endpoint->live && !worker_raise(api->worker, serve_live, request, NULL)) {
		request->late = true;
		return send_reply(request);
	}
	request->suspended = true;
	MHD_suspend_connection(request->connection);
	loop_timer_start(worker_loop(api->worker), &request->patience, patience_us, lost_patience,
			 request);
	go(request);
	if (!endpoint->live)
		endpoint->serve(&request->task);
	return MHD_YES;
}

/* ---- What is asked: libmicrohttpd's callbacks, control thread ---- */

/* Values come as they were sent (an object's name may hold a slash): decoded by us. */
static size_t leave_escaped(void *arg, struct MHD_Connection *connection, char *text)
{
	(void)arg;
	(void)connection;
	return strlen(text);
}

static enum MHD_Result take_argument(void *arg, enum MHD_ValueKind kind, const char *key,
				     size_t key_length, const char *value, size_t length)
{
	struct request *request = arg;
	struct api_query *query = &request->task.query;
	struct api_argument *into = &query->arguments[query->argument_count];

	(void)kind;
	if (request->refused)
		return MHD_NO;
	if (query->argument_count < API_ARGUMENTS &&
	    api_decode(into->key, sizeof(into->key), key, key_length) &&
	    api_decode(into->value, sizeof(into->value), value ? value : "", value ? length : 0)) {
		query->argument_count++;
		return MHD_YES;
	}
	api_refuse(&request->task.reply, 400, "bad-argument",
		   "at most %d arguments of %d octets of UTF-8 are accepted", API_ARGUMENTS,
		   API_VALUE - 1);
	request->refused = true;
	return MHD_NO;
}

/* It goes into a database and into answers: UTF-8, also where it was cut. */
static void make_text(char *text)
{
	size_t n = strlen(text);
	json_t *value = NULL;

	for (unsigned cut = 0; !value && cut < 4 && cut <= n; cut++)
		if ((value = json_stringn(text, n - cut)))
			text[n - cut] = '\0';
	if (!value)
		for (; *text; text++)
			if ((unsigned char)*text > 0x7f)
				*text = '?';
	json_decref(value);
}

static bool read_path(struct request *request, const char *method, const char *url)
{
	struct api_query *q = &request->task.query;
	const char *command = MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND,
							  "X-Causeway-Command");
	size_t prefix = strlen(API_PREFIX);

	if (strncmp(url, API_PREFIX, prefix) != 0 || strlen(url + prefix) >= sizeof(q->path)) {
		api_refuse(&request->task.reply, 404, "no-such-path", "every path begins with %s",
			   API_PREFIX);
		return false;
	}
	snprintf(q->method, sizeof(q->method), "%s", method);
	snprintf(q->path, sizeof(q->path), "%s", url + prefix);
	if (command && *command)
		snprintf(q->what, sizeof(q->what), "%s", command);
	else
		snprintf(q->what, sizeof(q->what), "%s %.180s", q->method, q->path);
	make_text(q->what);
	return true;
}

/* What is in force now: a reload may have changed it. */
static const struct conf_api *access_rules(const struct api *api)
{
	return api->admin ? &site_machine(admin_site(api->admin))->api : api->conf;
}

/* A reload that gives a role to a group must also let it write to the socket. */
static void site_changed(struct admin_guest *guest)
{
	struct api *api = (struct api *)(void *)((char *)guest - offsetof(struct api, guest));

	if (chmod(api->socket, (mode_t)api_socket_mode(access_rules(api))) < 0)
		log_write(LOG_LEVEL_WARNING, "api", NULL, "%s: %s", api->socket, strerror(errno));
}

static bool admit(struct request *request)
{
	struct api *api = request->api;
	const struct conf_api *rules = access_rules(api);
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	const char *authorization = MHD_lookup_connection_value(
		request->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION);

	return api_admit(api->groups, rules, api->socket_group, info ? info->connect_fd : -1,
			 authorization, &request->task.query, &request->task.reply);
}

/* The head is there: who asks for what, and may he? */
static bool accept_head(struct request *request, const char *method, const char *url)
{
	struct api_task *task = &request->task;

	if (!read_path(request, method, url) || !api_find(&task->query, &task->reply) ||
	    !admit(request))
		return false;
	MHD_get_connection_values_n(request->connection, MHD_GET_ARGUMENT_KIND, take_argument,
				    request);
	return !request->refused && api_check_arguments(&task->query, &task->reply);
}

static struct request *new_request(struct api *api, struct MHD_Connection *connection)
{
	struct request *request = mem_zalloc(sizeof(*request));

	if (!request)
		return NULL;
	request->api = api;
	request->connection = connection;
	request->task.gateway = api->gateway;
	request->task.admin = api->admin;
	request->task.records = api->records;
	list_append(&api->requests, &request->node);
	return request;
}

/* ---- Its body ---- */

static size_t body_limit(const struct api_endpoint *endpoint)
{
	return endpoint->takes == API_TABLES ? API_APPLY_MAX : API_BODY_MAX;
}

static void refuse_body(struct request *request, unsigned status, const char *code,
			const char *sentence)
{
	mem_free(request->task.query.body);
	request->task.query.body = NULL;
	request->task.query.length = request->room = 0;
	request->refused = true;
	api_refuse(&request->task.reply, status, code, "%s", sentence);
}

static bool make_room(struct request *request, size_t length)
{
	size_t room = request->room ? request->room : 4096;
	char *body;

	while (room < length + 1)
		room *= 2;
	if (room == request->room)
		return true;
	body = mem_realloc(request->task.query.body, room);
	if (!body)
		return false;
	request->task.query.body = body;
	request->room = room;
	return true;
}

/* The next piece. A refused one is read to its end, so that the client reads why. */
static enum MHD_Result take_body(struct request *request, const char *octets, size_t n)
{
	struct api_query *query = &request->task.query;

	if (!request->refused && query->endpoint->takes != API_NO_BODY) {
		if (query->length + n > body_limit(query->endpoint)) {
			refuse_body(
				request, 413, "too-large",
				query->endpoint->takes == API_TABLES
					? "tables of more than 16 MiB are not taken in one piece"
					: "the body is larger than 64 KiB");
		} else if (!make_room(request, query->length + n)) {
			refuse_body(request, 503, "no-memory", "the gateway is out of memory");
		} else {
			memcpy(query->body + query->length, octets, n);
			query->length += n;
			query->body[query->length] = '\0';
			return MHD_YES;
		}
	}
	request->discarded += n;
	return request->discarded > API_DISCARD_MAX ? MHD_NO : MHD_YES;
}

/* Called when the head is there, with each piece of the body, at its end, and again to be answered.
 */
static enum MHD_Result handle(void *arg, struct MHD_Connection *connection, const char *url,
			      const char *method, const char *version, const char *upload,
			      size_t *upload_size, void **context)
{
	struct request *request = *context;

	(void)version;
	if (!request) {
		struct listener *listener = arg;

		*context = request = new_request(listener->api, connection);
		if (request && !accept_head(request, method, url))
			request->refused = true;
		return request ? MHD_YES : MHD_NO;
	}
	if (*upload_size) {
		size_t n = *upload_size;

		*upload_size = 0;
		return take_body(request, upload, n);
	}
	return request->answered || request->refused ? send_reply(request) : ask(request);
}

static void completed(void *arg, struct MHD_Connection *connection, void **context,
		      enum MHD_RequestTerminationCode code)
{
	struct request *request = *context;

	(void)arg;
	(void)connection;
	(void)code;
	*context = NULL;
	if (!request)
		return;
	loop_timer_stop(worker_loop(request->api->worker), &request->patience);
	list_remove(&request->node);
	request->connection = NULL;
	if (!request->away)
		request_free(request);
}

/* ---- Life ---- */

/* Control thread: from here on these are its daemons. */
static void start(void *object, void *arg)
{
	struct api *api = object;

	(void)arg;
	api->guest.site_changed = site_changed;
	if (api->admin)
		admin_enter(api->admin, &api->guest);
	for (size_t i = 0; i < LISTENERS; i++) {
		struct listener *listener = &api->listeners[i];
		const union MHD_DaemonInfo *info;

		if (!listener->daemon)
			continue;
		info = MHD_get_daemon_info(listener->daemon, MHD_DAEMON_INFO_EPOLL_FD);
		if (!info || loop_watch_add(worker_loop(api->worker), &listener->watch,
					    info->epoll_fd, EPOLLIN, socket_ready, listener))
			log_write(LOG_LEVEL_ERROR, "api", NULL,
				  "can't watch %s: the API does not answer",
				  i ? "its TCP port" : api->socket);
		pump(listener);
	}
}

/* Control thread. */
static void stop(void *object, void *arg)
{
	struct api *api = object;
	struct loop *loop = worker_loop(api->worker);
	struct request *request;

	(void)arg;
	list_for_each(request, &api->requests, struct request, node) {
		request->late = true;
		resume(request);
	}
	for (size_t i = 0; i < LISTENERS; i++) {
		struct listener *listener = &api->listeners[i];

		loop_watch_remove(&listener->watch);
		loop_timer_stop(loop, &listener->timer);
		/* Closes the listening socket, completes every request. */
		if (listener->daemon)
			MHD_stop_daemon(listener->daemon);
		listener->daemon = NULL;
	}
	loop_defer_cancel(loop, &api->pump);
	admin_leave(&api->guest);
}

static int make_daemon(struct api *api, size_t i, int fd)
{
	struct listener *listener = &api->listeners[i];

	listener->daemon = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, handle, listener,
		MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, API_CONNECTIONS,
		MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S, MHD_OPTION_NOTIFY_COMPLETED, completed, api,
		MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL, MHD_OPTION_END);
	if (listener->daemon)
		return 0;
	close(fd);
	return -ENOMEM;
}

static int open_listeners(struct api *api, const struct conf_api *conf, char *error, size_t room)
{
	int fd, rc = api_listen_unix(conf, &api->socket_group, error, room);

	if (rc < 0)
		return rc;
	snprintf(api->socket, sizeof(api->socket), "%s", conf->socket);
	rc = make_daemon(api, 0, rc);
	if (rc < 0 || !netaddr_is_set(&conf->listen))
		return rc;
	fd = api_listen_tcp(&conf->listen, error, room);
	return fd < 0 ? fd : make_daemon(api, 1, fd);
}

int api_create(struct api **out, const struct api_cfg *cfg, char *error, size_t error_room)
{
	struct api *api = mem_zalloc(sizeof(*api));
	int rc;

	snprintf(error, error_room, "api: out of memory");
	if (!api)
		return -ENOMEM;
	api->gateway = cfg->gateway;
	api->worker = cfg->control;
	api->admin = cfg->admin;
	api->records = cfg->records;
	api->conf = cfg->conf;
	atomic_init(&api->references, 1);
	api->patience_us = (cfg->patience_ms ? cfg->patience_ms : API_PATIENCE_MS) * UINT64_C(1000);
	for (size_t i = 0; i < LISTENERS; i++)
		api->listeners[i] = (struct listener){ .api = api, .watch = { .fd = -1 } };
	list_init(&api->requests);
	rc = api_groups_create(&api->groups);
	if (rc == 0)
		rc = open_listeners(api, cfg->conf, error, error_room);
	if (rc < 0)
		goto fail;
	control_call(api->worker, start, api, NULL);
	error[0] = '\0';
	*out = api;
	return 0;
fail:
	for (size_t i = 0; i < LISTENERS; i++)
		if (api->listeners[i].daemon)
			MHD_stop_daemon(api->listeners[i].daemon);
	if (api->socket[0])
		unlink(api->socket);
	api_unref(api);
	return rc;
}

void api_destroy(struct api **out)
{
	struct api *api = *out;

	if (!api)
		return;
	*out = NULL;
	atomic_store(&api->closing, true);
	control_call(api->worker, stop, api, NULL);
	unlink(api->socket);
	api_unref(api);
}
