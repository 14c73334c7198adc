/* SPDX-License-Identifier: GPL-2.0-only */
/* HTTP and the two threads. A request belongs to the control thread; while it is raised the
 * signalling thread reads its query and writes its reply, nothing else, and nobody frees it. */
#include "gateway/api.h"

#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "gateway/api_private.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define IDLE_S 30 /* of a connection that says nothing */

struct api {
	struct gateway *gateway;
	struct worker *worker;
	struct MHD_Daemon *daemon;
	char socket[sizeof(((struct sockaddr_un *)0)->sun_path)];
	uint64_t patience_us;
	bool closing;               /* home */
	/* control thread */
	struct loop_watch watch;
	struct loop_timer timer;
	struct list requests;
};

struct request {
	struct list node;           /* in api->requests */
	struct api *api;
	struct MHD_Connection *connection; /* NULL: it is over, the reply is awaited only to be freed */
	struct api_query query;
	struct api_reply reply;
	struct loop_timer patience;
	bool raised;                /* the signalling thread has it */
	bool suspended;
	bool late;                  /* waited too long */
	bool answered;              /* to be sent */
};

static void request_free(struct request *request)
{
	json_decref(request->reply.body);
	mem_free(request);
}

/* ---- Turning libmicrohttpd within the loop ---- */

static void pump(struct api *api);

static void timer_fired(struct loop_timer *timer, void *arg)
{
	(void)timer;
	pump(arg);
}

static void socket_ready(struct loop_watch *watch, uint32_t events, void *arg)
{
	(void)watch;
	(void)events;
	pump(arg);
}

static void pump(struct api *api)
{
	struct loop *loop = worker_loop(api->worker);
	MHD_UNSIGNED_LONG_LONG wait_ms;

	MHD_run(api->daemon);
	if (MHD_get_timeout(api->daemon, &wait_ms) == MHD_YES)
		loop_timer_start(loop, &api->timer, (uint64_t)wait_ms * 1000, timer_fired, api);
	else
		loop_timer_stop(loop, &api->timer);
}

/* ---- Replies ---- */

static enum MHD_Result send_json(struct MHD_Connection *connection, unsigned status, const json_t *body)
{
	static char nothing[] = "{\"error\":{\"code\":\"no-memory\",\"message\":\"the gateway is out of memory\"}}\n";
	char *text = body ? json_dumps(body, JSON_COMPACT | JSON_REAL_PRECISION(12)) : NULL;
	struct MHD_Response *response =
		text ? MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE) :
		       MHD_create_response_from_buffer(strlen(nothing), nothing, MHD_RESPMEM_PERSISTENT);
	enum MHD_Result rc;

	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, "Content-Type", "application/json");
	MHD_add_response_header(response, "Cache-Control", "no-store");
	rc = MHD_queue_response(connection, text ? status : 500, response);
	MHD_destroy_response(response);
	return rc;
}

static enum MHD_Result send_reply(struct request *request)
{
	struct api_reply late = { 0 };
	enum MHD_Result rc;

	if (!request->late)
		return send_json(request->connection, request->reply.status, request->reply.body);
	/* The reply itself may be under the signalling thread's pen. */
	api_refuse(&late, 503, "busy", "the gateway did not answer in time; try again");
	rc = send_json(request->connection, late.status, late.body);
	json_decref(late.body);
	return rc;
}

static void resume(struct request *request)
{
	request->answered = true;
	loop_timer_stop(worker_loop(request->api->worker), &request->patience);
	if (request->suspended) {
		request->suspended = false;
		MHD_resume_connection(request->connection);
	}
}

/* ---- Between the threads ---- */

/* Control thread: the signalling thread has answered. */
static void reply_came(void *object, void *arg)
{
	struct request *request = object;

	(void)arg;
	request->raised = false;
	if (!request->connection) {
		request_free(request);
		return;
	}
	resume(request); /* one that came too late is resumed already */
	pump(request->api);
}

/* Signalling thread. */
static void serve(void *object, void *arg)
{
	struct request *request = object;
	struct api *api = request->api;

	(void)arg;
	if (api->closing) { /* the control thread is gone, the connection with it */
		request_free(request);
		return;
	}
	api_serve(api->gateway, &request->query, &request->reply);
	worker_post(api->worker, reply_came, request, NULL);
}

static void lost_patience(struct loop_timer *timer, void *arg)
{
	struct request *request = arg;

	(void)timer;
	request->late = true;
	resume(request);
	pump(request->api);
}

static enum MHD_Result ask(struct request *request)
{
	struct api *api = request->api;

	if (!api_find(&request->query, &request->reply))
		return send_reply(request);
	if (!worker_raise(api->worker, serve, request, NULL)) {
		request->late = true;
		return send_reply(request);
	}
	request->raised = true;
	request->suspended = true;
	MHD_suspend_connection(request->connection);
	loop_timer_start(worker_loop(api->worker), &request->patience, api->patience_us, lost_patience,
			 request);
	return MHD_YES;
}

/* ---- libmicrohttpd's callbacks, control thread ---- */

static void copy_argument(struct request *request, const char *key, char out[API_TEXT])
{
	const char *value = MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, key);

	snprintf(out, API_TEXT, "%s", value ? value : "");
}

static bool read_query(struct request *request, const char *method, const char *url)
{
	struct api_query *q = &request->query;
	size_t prefix = strlen(API_PREFIX);
	char finished[API_TEXT];

	if (strncmp(url, API_PREFIX, prefix) != 0) {
		api_refuse(&request->reply, 404, "no-such-path", "every path begins with %s", API_PREFIX);
		return false;
	}
	snprintf(q->method, sizeof(q->method), "%s", method);
	snprintf(q->path, sizeof(q->path), "%s", url + prefix);
	copy_argument(request, "number", q->number);
	copy_argument(request, "type", q->type);
	copy_argument(request, "from", q->from);
	copy_argument(request, "calling", q->calling);
	copy_argument(request, "finished", finished);
	q->finished = strcmp(finished, "true") == 0;
	return true;
}

static struct request *new_request(struct api *api, struct MHD_Connection *connection)
{
	struct request *request = mem_zalloc(sizeof(*request));

	if (!request)
		return NULL;
	request->api = api;
	request->connection = connection;
	list_append(&api->requests, &request->node);
	return request;
}

/* Called when the header is there, with the body (nobody here wants one), and again to be answered.
 */
static enum MHD_Result handle(void *arg, struct MHD_Connection *connection, const char *url, const char *method,
			      const char *version, const char *upload, size_t *upload_size, void **context)
{
	struct request *request = *context;

	(void)version;
	(void)upload;
	if (!request) {
		*context = new_request(arg, connection);
		return *context ? MHD_YES : MHD_NO;
	}
	if (*upload_size) {
		*upload_size = 0;
		return MHD_YES;
	}
	if (request->answered)
		return send_reply(request);
	return read_query(request, method, url) ? ask(request) : send_reply(request);
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
	if (!request->raised)
		request_free(request);
}

/* ---- The socket ---- */

static bool somebody_listens(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool alive = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;

	if (fd >= 0)
		close(fd);
	return alive;
}

/* /run/causeway is made by systemd; by hand nobody has. Only the last folder: a wrong path shall
 * fail. */
static void make_folder(const char *path)
{
	char folder[sizeof(((struct sockaddr_un *)0)->sun_path)];
	char *slash;

	snprintf(folder, sizeof(folder), "%s", path);
	slash = strrchr(folder, '/');
	if (!slash || slash == folder)
		return;
	*slash = '\0';
	(void)mkdir(folder, 0755);
}

int api_socket_free(const char *path, char *error, size_t room)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct stat there;

	if (strlen(path) >= sizeof(address.sun_path)) {
		snprintf(error, room, "api: socket: %s is longer than %zu characters", path,
			 sizeof(address.sun_path) - 1);
		return -ENAMETOOLONG;
	}
	strcpy(address.sun_path, path);
	if (somebody_listens(&address)) {
		snprintf(error, room, "api: socket: another process serves at %s; is gatewayd running already?", path);
		return -EADDRINUSE;
	}
	/* A stale socket is ours to replace; a file that somebody named by mistake is not. */
	if (lstat(path, &there) == 0 && !S_ISSOCK(there.st_mode)) {
		snprintf(error, room, "api: socket: %s exists and is no socket; it stays as it is: name another path or "
			 "remove it", path);
		return -EEXIST;
	}
	return 0;
}

static int listen_at(const char *path, char *error, size_t room)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, rc = api_socket_free(path, error, room);

	if (rc < 0)
		return rc;
	strcpy(address.sun_path, path);
	make_folder(path);
	unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* Until the chmod only the owner may write: no stranger slips in between. */
	if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && chmod(path, 0660) == 0 &&
	    listen(fd, 16) == 0)
		return fd;
	rc = -errno;
	snprintf(error, room, "api: socket: can't listen at %s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return rc;
}

/* ---- Life ---- */

/* Control thread: from here on it is its daemon. */
static void start(void *object, void *arg)
{
	struct api *api = object;
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(api->daemon, MHD_DAEMON_INFO_EPOLL_FD);

	(void)arg;
	if (!info || loop_watch_add(worker_loop(api->worker), &api->watch, info->epoll_fd, EPOLLIN, socket_ready,
				    api))
		log_write(LOG_LEVEL_ERROR, "api", NULL, "can't watch %s: the API does not answer", api->socket);
	pump(api);
}

/* Control thread. */
static void stop(void *object, void *arg)
{
	struct api *api = object;
	struct request *request;

	(void)arg;
	loop_watch_remove(&api->watch);
	loop_timer_stop(worker_loop(api->worker), &api->timer);
	list_for_each(request, &api->requests, struct request, node) {
		request->late = true;
		resume(request);
	}
	MHD_stop_daemon(api->daemon); /* closes the listening socket, completes every request */
	api->daemon = NULL;
}

static struct MHD_Daemon *make_daemon(struct api *api, int fd)
{
	return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, handle, api,
				MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, API_CONNECTIONS,
				MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S, MHD_OPTION_NOTIFY_COMPLETED, completed, api,
				MHD_OPTION_END);
}

int api_create(struct api **out, const struct api_cfg *cfg, char *error, size_t error_room)
{
	struct worker_cfg control = { .name = "control", .cpu = -1, .clock = cfg->clock,
				      .inline_thread = cfg->inline_thread };
	struct api *api = mem_zalloc(sizeof(*api));
	int fd = -1, rc = -ENOMEM;

	snprintf(error, error_room, "api: out of memory");
	if (!api)
		return -ENOMEM;
	api->gateway = cfg->gateway;
	api->patience_us = (cfg->patience_ms ? cfg->patience_ms : API_PATIENCE_MS) * UINT64_C(1000);
	list_init(&api->requests);
	fd = rc = listen_at(cfg->socket, error, error_room);
	if (rc < 0)
		goto fail;
	snprintf(api->socket, sizeof(api->socket), "%s", cfg->socket);
	rc = worker_create(&api->worker, &control, cfg->gateway->loop);
	if (rc < 0)
		goto fail;
	api->daemon = make_daemon(api, fd);
	rc = -ENOMEM;
	if (!api->daemon)
		goto fail;
	worker_post(api->worker, start, api, NULL);
	error[0] = '\0';
	*out = api;
	return 0;
fail:
	worker_destroy(&api->worker);
	if (fd >= 0) {
		close(fd);
		unlink(cfg->socket);
	}
	mem_free(api);
	return rc;
}

void api_destroy(struct api **out)
{
	struct api *api = *out;

	if (!api)
		return;
	*out = NULL;
	api->closing = true;
	worker_post(api->worker, stop, api, NULL);
	worker_destroy(&api->worker);
	unlink(api->socket);
	mem_free(api);
}
