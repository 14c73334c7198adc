/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GATEWAY_API_PRIVATE_H
#define GATEWAY_API_PRIVATE_H

/* What api.c (HTTP and threads) and api_routes.c (what is answered) share. */

#include "gateway/gateway.h"

#include <jansson.h>
#include <stdbool.h>

#define API_TEXT 160

/* A request, copied: it crosses threads. */
struct api_query {
	char method[8];
	char path[256];              /* behind API_PREFIX */
	char id[API_TEXT];           /* what stands in the place of * */
	char number[API_TEXT], type[API_TEXT], from[API_TEXT], calling[API_TEXT];
	bool finished;
	const struct api_endpoint *endpoint;
};

struct api_reply {
	unsigned status;             /* of HTTP */
	json_t *body;                /* NULL: without memory */
};

struct api_endpoint {
	const char *method;
	const char *path;            /* a * stands for one segment */
	void (*serve)(struct gateway *gateway, const struct api_query *query, struct api_reply *reply);
};

/* { "error": { "code": …, "message": … } } */
void api_refuse(struct api_reply *reply, unsigned status, const char *code, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Finds the endpoint and query->id. False: `reply` says why (404, 405). Any thread. */
bool api_find(struct api_query *query, struct api_reply *reply);
/* Signalling thread. */
void api_serve(struct gateway *gateway, const struct api_query *query, struct api_reply *reply);

#endif
