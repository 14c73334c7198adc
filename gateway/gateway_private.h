/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GATEWAY_GATEWAY_PRIVATE_H
#define GATEWAY_GATEWAY_PRIVATE_H

/* What gateway.c (the whole), parts.c (one line, one span, one trunk) and reconfigure*.c (other
 * parts than before) share. Thread: signalling. */

#include "gateway/gateway.h"

#include "hw/e1.h"
#include "tdm/span.h"
#include "trunk/sip.h"

/* A sentence for the administrator. */
struct fault_text {
	char *text;
	size_t room;
};
/* Writes it and returns rc. */
int fault_say(struct fault_text *fault, int rc, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- Making: a part, in no list, that borrows from the site and holds it. NULL: no memory ---- */

struct gateway_interface *part_interface(struct gateway *gateway, struct site *site,
					 const struct conf_sip_interface *conf);
struct gateway_line *part_line(struct gateway *gateway, struct site *site,
			       const struct conf_line *conf);
struct endpoint *part_trunk(struct gateway *gateway, struct site *site,
			    const struct conf_trunk *conf);
struct endpoint *part_span(struct gateway *gateway, struct site *site,
			   const struct conf_span *conf);
/* Out of its list and gone at the end of the turn; it must not be open. All set NULL, take NULL. */
void part_interface_free(struct gateway_interface **interface);
void part_line_free(struct gateway_line **line);
void part_endpoint_free(struct endpoint **endpoint);

/* ---- Opening and closing ---- */

/* What e1_line_open() says. */
int part_line_open(struct gateway_line *line);
/* -ENOENT: its line isn't open; else what isdn_span_create() says. */
int part_span_open(struct endpoint *span);
/* Counted in gateway->closing; part_closed() hears of the end. */
void part_line_close(struct gateway_line *line);
void part_span_close(struct endpoint *span);
/* One of them is closed. By gateway.c: stopping, or what was waiting for it. */
void part_closed(struct gateway *gateway);

extern const struct sip_stack_ops part_stack_ops;

#endif
