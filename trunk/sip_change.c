/* SPDX-License-Identifier: GPL-2.0-only */
/* Interfaces and trunks that come and go while calls are carried. What is retired stays until the
 * last call that stands on it is freed: its dialogs are found by Call-ID and tags, so it only must
 * be let through the source filter, and never taken for new requests. */
#include "trunk/sip_private.h"

#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 3, 4))) static void explain(char *error, size_t room,
							  const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, room, format, args);
	va_end(args);
}

/* ---- Interfaces ---- */

int sip_stack_add_interface(struct sip_stack *stack, const struct conf_sip_interface *conf,
			    char *error, size_t error_room)
{
	struct sip_interface *interface;
	int rc = -EEXIST;

	if (!sip_interface_by_name(stack, conf->name))
		rc = sip_interface_open(&interface, stack, conf);
	if (rc < 0)
		explain(error, error_room, "sip interface %s: %s", conf->name, strerror(-rc));
	return rc;
}

static void interface_gone(void *arg)
{
	struct sip_interface *interface = arg;
	struct sip_gone gone = interface->gone;

	sip_interface_close(interface);
	if (gone.tell)
		gone.tell(gone.arg);
}

static void maybe_close(struct sip_interface *interface)
{
	if (interface->retired && !interface->trunks)
		loop_defer(interface->stack->cfg.loop, &interface->gone.turn, interface_gone,
			   interface);
}

void sip_interface_retire(struct sip_stack *stack, const char *name, void (*gone)(void *arg),
			  void *arg)
{
	struct sip_interface *interface = sip_interface_by_name(stack, name);

	if (!interface)
		return;
	interface->retired = true;
	interface->gone.tell = gone;
	interface->gone.arg = arg;
	maybe_close(interface);
}

/* ---- Trunks ---- */

int sip_trunk_open(struct sip_trunk **out, struct sip_stack *stack, const struct conf_trunk *conf)
{
	struct sip_interface *interface = sip_interface_by_name(stack, conf->interface);
	struct sip_trunk *trunk;
	int rc;

	if (!interface)
		return -ENOENT;
	trunk = mem_zalloc(sizeof(*trunk));
	if (!trunk)
		return -ENOMEM;
	trunk->stack = stack;
	trunk->conf = conf;
	trunk->interface = interface;
	trunk->answers = trunk->held = true;
	list_append(&stack->trunks, &trunk->node);
	interface->trunks++;
	rc = sip_trunk_locate(trunk);
	if (rc < 0)
		goto fail;
	*out = trunk;
	return 0;
fail:
	sip_trunk_free(trunk);
	return rc;
}

void sip_trunk_free(struct sip_trunk *trunk)
{
	loop_defer_cancel(trunk->stack->cfg.loop, &trunk->gone.turn);
	sip_trunk_close(trunk);
	trunk->interface->trunks--;
	list_remove(&trunk->node);
	mem_free(trunk);
}

/* The filter lets a held trunk's peer in already: what it sends is not taken (by source), and
 * serving can't fail. */
int sip_stack_add_trunk(struct sip_stack *stack, const struct conf_trunk *conf,
			struct sip_trunk **out, char *error, size_t error_room)
{
	struct sip_trunk *trunk = NULL;
	int rc = sip_trunk_open(&trunk, stack, conf);

	if (rc < 0)
		goto fail;
	rc = sip_interface_filter(trunk->interface);
	if (rc < 0)
		goto fail;
	*out = trunk;
	return 0;
fail:
	explain(error, error_room, "trunk %s: %s", conf->name,
		rc == -ENOENT  ? "its sip interface is not there"
		: rc == -E2BIG ? "more sources than the filter of its sip interface has room for"
			       : strerror(-rc));
	if (trunk)
		sip_trunk_free(trunk);
	return rc;
}

void sip_trunk_serve(struct sip_trunk *trunk)
{
	if (!trunk->held)
		return;
	trunk->held = false;
	trunk->rank = ++trunk->stack->rank;
	sip_trunk_watch(trunk);
}

void sip_trunk_refuse(struct sip_trunk *trunk, struct q850_cause cause)
{
	trunk->refuse = cause;
}

static void filter_again(struct sip_interface *interface)
{
	if (sip_interface_filter(interface) < 0) /* the one before stays: it lets more in */
		log_write(LOG_LEVEL_WARNING, "sip", interface->conf->name,
			  "source filter could not be narrowed");
}

static void trunk_gone(void *arg)
{
	struct sip_trunk *trunk = arg;
	struct sip_interface *interface = trunk->interface;
	struct sip_gone gone = trunk->gone;

	sip_trunk_free(trunk);
	if (!interface->retired || interface->trunks)
		filter_again(interface);
	maybe_close(interface);
	if (gone.tell)
		gone.tell(gone.arg);
}

void sip_trunk_left(struct sip_trunk *trunk)
{
	if (trunk->retired && !trunk->kept)
		loop_defer(trunk->stack->cfg.loop, &trunk->gone.turn, trunk_gone, trunk);
}

void sip_trunk_retire(struct sip_trunk *trunk, void (*gone)(void *arg), void *arg)
{
	if (trunk->retired)
		return;
	trunk->retired = true;
	trunk->gone.tell = gone;
	trunk->gone.arg = arg;
	sip_trunk_close(trunk);
	sip_trunk_left(trunk);
}
