/* SPDX-License-Identifier: GPL-2.0-only */
#include "trunk/sip_trace.h"

#include "trunk/sip_private.h"

#include <errno.h>
#include <sofia-sip/su_debug.h>
#include <sofia-sip/su_log.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define MESSAGE_MAX 66000

struct sip_trace {
	bool inside;     /* between the separators of a message */
	char stamp[160]; /* "recv 345 bytes from udp/[192.0.2.1]:5060 at …" */
	size_t length;
	char text[MESSAGE_MAX];
};

static void append(struct sip_trace *t, const char *octets, size_t n)
{
	if (n > sizeof(t->text) - 1 - t->length)
		n = sizeof(t->text) - 1 - t->length;
	memcpy(t->text + t->length, octets, n);
	t->length += n;
	t->text[t->length] = '\0';
}

/* ---- What a message says about itself ---- */

static void summarize(const char *text, char *out, size_t room)
{
	size_t n;

	if (strncmp(text, "SIP/2.0 ", 8) == 0) {
		text += 8;
		n = strcspn(text, "\r\n");
	} else
		n = strcspn(text, " \r\n");
	snprintf(out, room, "%.*s", (int)(n < 60 ? n : 60), text);
}

static bool find_call_id(const char *text, char *out, size_t room)
{
	for (const char *line = text; line; line = strstr(line, "\r\n")) {
		const char *value;
		size_t n;

		if (strncmp(line, "\r\n", 2) == 0)
			line += 2;
		if (strncmp(line, "\r\n", 2) == 0)
			return false; /* the end of the headers */
		if (strncasecmp(line, "call-id", 7) == 0)
			value = line + 7;
		else if (strncasecmp(line, "i", 1) == 0 && strchr(" \t:", line[1]))
			value = line + 1;
		else
			continue;
		value += strspn(value, " \t");
		if (*value != ':')
			continue;
		value += 1 + strspn(value + 1, " \t");
		n = strcspn(value, " \t\r\n");
		snprintf(out, room, "%.*s", (int)(n < room ? n : room - 1), value);
		return true;
	}
	return false;
}

static const struct sip_trunk *trunk_of(struct sip_stack *stack, const struct netaddr *remote)
{
	struct sip_interface *interface;

	list_for_each(interface, &stack->interfaces, struct sip_interface, node)
	{
		struct sip_trunk *t = sip_trunk_by_source(interface, remote);

		if (t)
			return t;
	}
	return NULL;
}

static void emit(struct sip_stack *stack, const struct sip_trace *t)
{
	const struct clock *clock = loop_clock(stack->cfg.loop);
	char host[64], summary[64], call_id[256], local[NETADDR_TEXT], remote[NETADDR_TEXT];
	struct trace_record r = { .protocol = TRACE_SIP,
				  .summary = summary,
				  .octets = (const uint8_t *)t->text };
	const struct sip_trunk *trunk;
	struct netaddr address;
	unsigned port;

	if (sscanf(t->stamp, "%*s %*u bytes %*s %*[^/]/[%63[^]]]:%u", host, &port) != 2 ||
	    port > UINT16_MAX || netaddr_set(&address, host, (uint16_t)port) < 0)
		return;
	trunk = trunk_of(stack, &address);
	if (!trunk)
		return;
	summarize(t->text, summary, sizeof(summary));
	r.wall_us = clock_wall_us(clock);
	r.monotonic_us = clock_now_us(clock);
	r.direction = strncmp(t->stamp, "recv", 4) == 0 ? TRACE_IN : TRACE_OUT;
	r.object = trunk->conf->name;
	r.call_key = find_call_id(t->text, call_id, sizeof(call_id)) ? call_id : NULL;
	r.length = t->length;
	r.local = netaddr_text(&trunk->interface->conf->address, local);
	r.remote = netaddr_text(&address, remote);
	trace_emit(stack->cfg.trace, &r);
}

/* ---- Sofia's log ---- */

static bool is_separator(const char *format)
{
	return strncmp(format, "%s   ----", 9) == 0;
}

static void separator(struct sip_stack *stack, struct sip_trace *t, const char *before)
{
	if (t->inside) {
		emit(stack, t);
		t->inside = false;
		return;
	}
	snprintf(t->stamp, sizeof(t->stamp), "%s", before);
	t->length = 0;
	t->text[0] = '\0';
	t->inside = true;
}

/* The transport's log writes a message in pieces, each with one of three formats; all others are no
 * part of one. */
static void log_piece(void *stream, const char *format, va_list args)
{
	struct sip_stack *stack = stream;
	struct sip_trace *t = stack->tracing;

	if (!t)
		return;
	if (is_separator(format))
		separator(stack, t, va_arg(args, const char *));
	else if (t->inside && strcmp(format, "%s%.*s") == 0) {
		int n;

		(void)va_arg(args, const char *); /* indentation */
		n = va_arg(args, int);
		append(t, va_arg(args, const char *), n > 0 ? (size_t)n : 0);
	} else if (t->inside && strcmp(format, "\n") == 0)
		append(t, "\r\n", 2);
}

int sip_trace_open(struct sip_stack *stack)
{
	if (stack->cfg.trace) {
		stack->tracing = mem_zalloc(sizeof(*stack->tracing));
		if (!stack->tracing)
			return -ENOMEM;
	}
	su_log_init(su_log_default);
	su_log_set_level(NULL, 0);
	su_log_redirect(NULL, log_piece, stack);
	return 0;
}

static void silence(void *stream, const char *format, va_list args)
{
	(void)stream;
	(void)format;
	(void)args;
}

void sip_trace_close(struct sip_stack *stack)
{
	su_log_redirect(NULL, silence, NULL);
	mem_free(stack->tracing);
	stack->tracing = NULL;
}
