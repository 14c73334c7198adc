/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GATEWAY_API_H
#define GATEWAY_API_H

/* The REST API: JSON over HTTP on a Unix socket, and on loopback TCP where api: listen says so.
 * docs/api.yaml describes it; gwctl speaks it.
 *
 * How does it work? The control thread (a worker of base/worker.h) runs libmicrohttpd inside its
 * loop. What needs the gateway's state is raised to the signalling thread, which answers with a
 * small snapshot (inspect.h) and posts it back. Tables, records and the configuration are the
 * control thread's own business (admin.h, records.h): those requests are suspended until the
 * answer is there. Neither thread waits for the other; a snapshot that isn't there within
 * API_PATIENCE_MS gets 503, so does what the control thread has not ended after API_LONG_MS.
 *
 * Who may use it? api: access of the configuration that serves (admin_site()); api_access.c tells
 * the rules. */

#include "base/worker.h"
#include "conf/machine.h"

#include <stdbool.h>
#include <stddef.h>

struct admin;
struct api;
struct gateway;
struct records;

#define API_PREFIX "/api/v1/"
#define API_PATIENCE_MS 5000
#define API_LONG_MS 300000
#define API_CONNECTIONS 64

struct api_cfg {
	struct gateway *gateway; /* borrowed, outlives the API */
	struct worker *control;  /* borrowed, outlives the API; its home is the gateway's loop */
	struct admin *admin;     /* borrowed; NULL: no tables, no configuration */
	struct records *records; /* borrowed; NULL: none are kept */
	const struct conf_api
		*conf;        /* borrowed; with an admin its `access` is the current site's */
	unsigned patience_ms; /* 0: API_PATIENCE_MS */
};

/* Could a daemon bind there? Asked before anything else is started, so that the second of two
 * gatewayds says what it is. 0; -EADDRINUSE: another process serves there; -EEXIST: what is there
 * is no socket; -ENAMETOOLONG; `error` gets a sentence. Any thread. */
int api_socket_free(const char *path, char *error, size_t error_room);
/* Binds the sockets and starts serving. A stale socket at the path is replaced, its folder is made.
 * 0; what api_socket_free() says; -errno; `error` gets a sentence. Signalling thread. */
int api_create(struct api **out, const struct api_cfg *cfg, char *error, size_t error_room);
/* Requests under way get 503; removes the socket. Waits for the control thread. To be called before
 * the admin and the records go: what they still do is answered to nobody. Sets NULL, takes NULL.
 * Signalling thread. */
void api_destroy(struct api **api);

#endif
