/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GATEWAY_API_H
#define GATEWAY_API_H

/* The REST API, first form: JSON over HTTP on a Unix socket. docs/api.yaml describes it; gwctl
 * speaks it.
 *
 * How does it work? A control thread (a worker of base/worker.h) runs libmicrohttpd inside its
 * loop. A request that needs the gateway's state is suspended and raised to the signalling thread,
 * which answers with a small snapshot (inspect.h) and posts it back. Neither thread waits for the
 * other; what is not answered within API_PATIENCE_MS gets 503.
 *
 * Who may use it? Whoever may write to the socket: mode 0660, owner and group of the process. */

#include "base/worker.h"

#include <stdbool.h>
#include <stddef.h>

struct api;
struct gateway;

#define API_PREFIX "/api/v1/"
#define API_PATIENCE_MS 5000
#define API_CONNECTIONS 64

struct api_cfg {
	struct gateway *gateway;      /* borrowed, outlives the API */
	const char *socket;           /* path; a stale socket there is replaced, its folder is made */
	const struct clock *clock;    /* the system's */
	unsigned patience_ms;         /* 0: API_PATIENCE_MS */
	bool inline_thread;           /* tests: everything on the caller's loop */
};

/* Could a daemon bind there? Asked before anything else is started, so that the second of two
 * gatewayds says what it is. 0; -EADDRINUSE: another process serves there; -EEXIST: what is there
 * is no socket; -ENAMETOOLONG; `error` gets a sentence. Any thread. */
int api_socket_free(const char *path, char *error, size_t error_room);
/* Binds the socket and starts serving. 0; what api_socket_free() says; -errno; `error` gets a
 * sentence. Signalling thread. */
int api_create(struct api **out, const struct api_cfg *cfg, char *error, size_t error_room);
/* Requests under way get 503; removes the socket. Sets NULL, takes NULL. Signalling thread. */
void api_destroy(struct api **api);

#endif
