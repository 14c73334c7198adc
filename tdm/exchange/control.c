/* SPDX-License-Identifier: GPL-2.0-only */
#include "tdm/exchange/control.h"

#include "base/mem.h"
#include "tdm/exchange/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LINE_MAX_OCTETS 8192
#define CONNECTIONS_MAX 64

struct connection {
	struct list node;
	struct ex_control *control;
	struct loop_watch watch;
	char in[LINE_MAX_OCTETS];
	size_t in_used;
	char *out;               /* not yet written */
	size_t out_used, out_sent;
	struct ex_load *load;    /* the command that runs; NULL: none */
	bool gone;               /* the peer closed: freed when the load has ended */
};

struct ex_control {
	struct ex_exchange *exchange;
	struct loop *loop;
	const struct ex_control_ops *ops;
	void *arg;
	char path[108];
	int fd;
	struct loop_watch watch;
	struct list connections;
	unsigned count;
	bool stopped;
};

/* ---- One connection ---- */

static void free_connection(struct connection *c)
{
	int fd = c->watch.fd;

	if (c->watch.loop) {
		loop_watch_remove(&c->watch);
		close(fd);
	}
	list_remove(&c->node);
	c->control->count--;
	mem_free(c->out);
	loop_free_later(c->control->loop, c);
}

/* The peer is gone; a load that it started goes on to its end without an audience. */
static void hang_up(struct connection *c)
{
	int fd = c->watch.fd;

	c->gone = true;
	if (c->watch.loop) {
		loop_watch_remove(&c->watch);
		close(fd);
	}
	if (c->load)
		ex_load_stop(c->load);
	else
		free_connection(c);
}

/* False: the connection is gone. */
static bool write_out(struct connection *c)
{
	while (c->out_sent < c->out_used) {
		ssize_t n = send(c->watch.fd, c->out + c->out_sent, c->out_used - c->out_sent,
				 MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN) {
			loop_watch_change(&c->watch, EPOLLIN | EPOLLOUT);
			return true;
		}
		if (n < 0) {
			hang_up(c);
			return false;
		}
		c->out_sent += (size_t)n;
	}
	mem_free(c->out);
	c->out = NULL;
	c->out_used = c->out_sent = 0;
	loop_watch_change(&c->watch, EPOLLIN);
	return true;
}

/* Takes the answer. False: the connection is gone. */
static bool answer(struct connection *c, json_t *object)
{
	char *text = json_dumps(object, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(10));
	size_t length = text ? strlen(text) : 0;
	char *grown = text ? mem_realloc(c->out, c->out_used + length + 1) : NULL;

	json_decref(object);
	if (grown) {
		memcpy(grown + c->out_used, text, length);
		grown[c->out_used + length] = '\n';
		c->out = grown;
		c->out_used += length + 1;
	}
	mem_free(text);
	if (grown)
		return write_out(c);
	hang_up(c);
	return false;
}

static bool run_lines(struct connection *c);

static void load_done(struct ex_load *load, void *arg)
{
	struct connection *c = arg;

	c->load = NULL;
	if (c->gone)
		free_connection(c);
	else if (answer(c, ex_command_load_answer(load)))
		run_lines(c);
	ex_load_destroy(&load);
}

static const struct ex_load_ops load_ops = { .done = load_done };

static void load_started(struct ex_load *load, void *arg)
{
	struct connection *c = arg;

	c->load = load;
}

static void quit(void *arg)
{
	struct connection *c = arg;

	c->control->ops->quit(c->control->arg);
}

static bool run_line(struct connection *c, char *line)
{
	struct ex_command_env env = {
		.exchange = c->control->exchange,
		.quit = quit,
		.started = load_started,
		.load_ops = &load_ops,
		.arg = c,
	};
	char *words[EX_WORDS_MAX];
	int count = ex_command_words(line, words);
	json_t *object;

	if (count == 0)
		return true;
	if (count < 0)
		object = ex_command_error("%s", count == -E2BIG ? "too many words"
								: "a quote has no end");
	else if (c->control->stopped)
		object = ex_command_error("the exchange is ending");
	else
		object = ex_command_run(&env, words, (unsigned)count);
	/* None: a load runs and answers later, or there was no memory for an answer. */
	return c->load ? true : answer(c, object);
}

/* All whole lines, until a command takes its time. False: the connection is gone. */
static bool run_lines(struct connection *c)
{
	char *end;

	while (!c->load && (end = memchr(c->in, '\n', c->in_used))) {
		size_t length = (size_t)(end - c->in) + 1;
		char line[LINE_MAX_OCTETS];

		memcpy(line, c->in, length);
		line[length - 1] = '\0';
		memmove(c->in, c->in + length, c->in_used - length);
		c->in_used -= length;
		if (!run_line(c, line))
			return false;
	}
	return true;
}

static void connection_ready(struct loop_watch *watch, uint32_t events, void *arg)
{
	struct connection *c = arg;
	ssize_t n;

	if ((events & EPOLLOUT) && !write_out(c))
		return;
	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return;
	n = recv(watch->fd, c->in + c->in_used, sizeof(c->in) - c->in_used, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == 0 && c->load &&
	    !(events & EPOLLHUP)) { /* nothing more to ask, but still there for the answer */
		loop_watch_change(watch, 0);
		return;
	}
	if (n <= 0) { /* closed, or a line longer than we take */
		hang_up(c);
		return;
	}
	c->in_used += (size_t)n;
	run_lines(c);
}

/* ---- The socket ---- */

static void accept_connection(struct loop_watch *watch, uint32_t events, void *arg)
{
	struct ex_control *control = arg;
	int fd = accept4(watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct connection *c =
		fd < 0 || control->count == CONNECTIONS_MAX ? NULL : mem_zalloc(sizeof(*c));

	(void)events;
	if (!c || loop_watch_add(control->loop, &c->watch, fd, EPOLLIN, connection_ready, c) < 0) {
		mem_free(c);
		if (fd >= 0)
			close(fd);
		return;
	}
	c->control = control;
	control->count++;
	list_append(&control->connections, &c->node);
}

static int make_address(struct sockaddr_un *address, const char *path)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(address->sun_path))
		return -ENAMETOOLONG;
	memcpy(address->sun_path, path, strlen(path));
	return 0;
}

/* A socket that was left behind by one that was killed: nobody accepts on it. A file that somebody
 * named by mistake refuses connections too, and stays. */
static bool is_abandoned(const struct sockaddr_un *address)
{
	struct stat there;
	int fd = lstat(address->sun_path, &there) == 0 && S_ISSOCK(there.st_mode) ?
			 socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1;
	bool refused = fd >= 0 &&
		       connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 &&
		       errno == ECONNREFUSED;

	if (fd >= 0)
		close(fd);
	return refused;
}

static int listen_on(struct ex_control *control)
{
	struct sockaddr_un address;
	int rc = make_address(&address, control->path);

	if (rc < 0)
		return rc;
	control->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (control->fd < 0)
		return -errno;
	rc = bind(control->fd, (struct sockaddr *)&address, sizeof(address));
	if (rc < 0 && errno == EADDRINUSE && is_abandoned(&address) && unlink(control->path) == 0)
		rc = bind(control->fd, (struct sockaddr *)&address, sizeof(address));
	if (rc < 0 || listen(control->fd, 16) < 0)
		return -errno;
	return loop_watch_add(control->loop, &control->watch, control->fd, EPOLLIN,
			      accept_connection, control);
}

int ex_control_create(struct ex_control **out, const char *path, struct ex_exchange *exchange,
		      const struct ex_control_ops *ops, void *arg)
{
	struct ex_control *control = mem_zalloc(sizeof(*control));
	int rc;

	if (!control)
		return -ENOMEM;
	control->exchange = exchange;
	control->loop = ex_exchange_loop(exchange);
	control->ops = ops;
	control->arg = arg;
	snprintf(control->path, sizeof(control->path), "%s", path);
	list_init(&control->connections);
	rc = strlen(path) < sizeof(control->path) ? listen_on(control) : -ENAMETOOLONG;
	if (rc < 0)
		goto fail;
	*out = control;
	return 0;
fail:
	if (control->fd > 0)
		close(control->fd);
	mem_free(control);
	return rc;
}

void ex_control_stop(struct ex_control *control)
{
	struct connection *c;

	control->stopped = true;
	loop_watch_remove(&control->watch);
	list_for_each(c, &control->connections, struct connection, node)
		if (c->load)
			ex_load_stop(c->load);
}

void ex_control_destroy(struct ex_control **out)
{
	struct ex_control *control = *out;
	struct connection *c;

	if (!control)
		return;
	list_for_each(c, &control->connections, struct connection, node) {
		ex_load_destroy(&c->load);
		free_connection(c);
	}
	loop_watch_remove(&control->watch);
	unlink(control->path);
	close(control->fd);
	loop_free_later(control->loop, control);
	*out = NULL;
}

/* ---- The other end ---- */

static int send_words(int fd, char *const *words, unsigned count)
{
	char line[LINE_MAX_OCTETS];
	size_t used = 0;

	for (unsigned i = 0; i < count; i++) {
		const char *quote = strchr(words[i], ' ') ? "\"" : "";

		used += (size_t)snprintf(line + used, sizeof(line) - used, "%s%s%s%s", i ? " " : "",
					 quote, words[i], quote);
		if (used >= sizeof(line) - 1)
			return -E2BIG;
	}
	line[used++] = '\n';
	return send(fd, line, used, MSG_NOSIGNAL) == (ssize_t)used ? 0 : -EPIPE;
}

/* Copies one line. 0, 1: it has an error; -ECONNRESET: it has no end. */
static int copy_answer(int fd, FILE *to)
{
	char text[4096];
	bool first = true, error = false, ended = false;
	ssize_t n;

	while (!ended && (n = recv(fd, text, sizeof(text), 0)) > 0) {
		if (first)
			error = n >= 9 && !memcmp(text, "{\"error\":", 9);
		first = false;
		ended = text[n - 1] == '\n';
		fwrite(text, 1, (size_t)n, to);
	}
	fflush(to);
	return ended ? error : -ECONNRESET;
}

int ex_control_ask(const char *path, char *const *words, unsigned count, FILE *to)
{
	struct sockaddr_un address;
	int fd, rc = make_address(&address, path);

	if (rc < 0)
		return rc;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	rc = connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	if (rc == 0)
		rc = send_words(fd, words, count);
	if (rc == 0)
		rc = copy_answer(fd, to);
	close(fd);
	return rc;
}
