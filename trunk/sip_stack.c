/* SPDX-License-Identifier: GPL-2.0-only */
/* The stack: created with all its interfaces and trunks, run, asked about them. */
#include "trunk/sip_call_private.h"
#include "trunk/sip_filter.h"
#include "trunk/sip_mend.h"
#include "trunk/sip_trace.h"

#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define COUNTER(field, group_, text)                                                               \
	{                                                                                          \
#field, group_, text, offsetof(struct sip_counters, field)                         \
	}
const struct counter_info sip_counter_info[] = {
	COUNTER(requests_rx, COUNTER_NORMAL, "requests received"),
	COUNTER(responses_rx, COUNTER_NORMAL, "responses received"),
	COUNTER(requests_tx, COUNTER_NORMAL, "requests sent"),
	COUNTER(responses_tx, COUNTER_NORMAL, "responses sent"),
	COUNTER(calls_in, COUNTER_NORMAL, "calls that came in"),
	COUNTER(calls_out, COUNTER_NORMAL, "calls sent out"),
	COUNTER(filtered, COUNTER_UNDESIRABLE,
		"packets from strangers dropped by the socket filters"),
	COUNTER(unknown_peer, COUNTER_UNDESIRABLE,
		"messages that passed the filters and are of no trunk"),
	COUNTER(retransmissions, COUNTER_UNDESIRABLE, "requests repeated, by us and by peers"),
	COUNTER(glare, COUNTER_UNDESIRABLE, "offers that crossed (491)"),
	COUNTER(late_forks, COUNTER_UNDESIRABLE,
		"2xx of a branch that was not wanted any more: ACK and BYE"),
	COUNTER(refused_overload, COUNTER_UNDESIRABLE, "calls refused: trunk full, or taking none"),
	COUNTER(malformed, COUNTER_ERROR, "messages that could not be read"),
	COUNTER(bad_sdp, COUNTER_ERROR, "session descriptions that could not be read or used"),
	COUNTER(timeouts, COUNTER_ERROR, "requests that were never answered"),
	COUNTER(transport_errors, COUNTER_ERROR, "messages that could not be sent"),
};
const size_t sip_counter_count = sizeof(sip_counter_info) / sizeof(sip_counter_info[0]);

__attribute__((format(printf, 3, 4))) static void explain(char *error, size_t room,
							  const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, room, format, args);
	va_end(args);
}

/* ---- Create, run, destroy ---- */

static int start_interfaces(struct sip_stack *stack, char *error, size_t room)
{
	const struct sip_stack_cfg *cfg = &stack->cfg;

	for (size_t i = 0; i < cfg->interface_count; i++) {
		int rc = sip_stack_add_interface(stack, &cfg->interfaces[i], error, room);

		if (rc < 0)
			return rc;
	}
	return 0;
}

/* All are there before any serves: the filters are built once, and ties of sources go to the first.
 */
static int start_trunks(struct sip_stack *stack, char *error, size_t room)
{
	const struct sip_stack_cfg *cfg = &stack->cfg;
	struct sip_interface *interface;
	struct sip_trunk *trunk;

	for (size_t i = 0; i < cfg->trunk_count; i++) {
		int rc = sip_trunk_open(&trunk, stack, &cfg->trunks[i]);

		if (rc < 0) {
			explain(error, room, "trunk %s: %s", cfg->trunks[i].name, strerror(-rc));
			return rc;
		}
	}
	list_for_each(interface, &stack->interfaces, struct sip_interface, node) {
		int rc = sip_interface_filter(interface);

		if (rc < 0) {
			explain(error, room, "sip interface %s: source filter: %s",
				interface->conf->name, strerror(-rc));
			return rc;
		}
	}
	list_for_each(trunk, &stack->trunks, struct sip_trunk, node) {
		trunk->held = false;
		sip_trunk_watch(trunk);
	}
	return 0;
}

int sip_stack_create(struct sip_stack **out, const struct sip_stack_cfg *cfg,
		     const struct sip_stack_ops *ops, void *arg, char *error, size_t error_room)
{
	struct sip_stack *stack = mem_zalloc(sizeof(*stack));
	int rc;

	explain(error, error_room, "out of memory");
	if (!stack)
		return -ENOMEM;
	stack->cfg = *cfg;
	stack->ops = ops;
	stack->arg = arg;
	list_init(&stack->calls);
	list_init(&stack->up);
	list_init(&stack->late);
	list_init(&stack->interfaces);
	list_init(&stack->trunks);
	stack->secret = sip_random();
	snprintf(stack->user_agent, sizeof(stack->user_agent), "%s",
		 cfg->user_agent ? cfg->user_agent : "Causeway");
	rc = -ENOMEM;
	stack->messages = sip_mend_create();
	if (!stack->messages)
		goto fail;
	rc = sip_root_create(&stack->root, cfg->loop);
	if (rc < 0) {
		explain(error, error_room, "sip: %s", strerror(-rc));
		goto fail;
	}
	rc = sip_trace_open(stack);
	if (rc < 0)
		goto fail;
	rc = start_interfaces(stack, error, error_room);
	if (rc >= 0)
		rc = start_trunks(stack, error, error_room);
	if (rc < 0)
		goto fail;
	*out = stack;
	return 0;
fail:
	sip_stack_destroy(&stack);
	return rc;
}

int sip_stack_run(struct sip_stack *stack)
{
	stack->stopping = false;
	while (!stack->stopping)
		sip_stack_step(stack, 1000);
	return stack->status;
}

void sip_stack_stop(struct sip_stack *stack, int status)
{
	stack->stopping = true;
	stack->status = status;
	loop_wake(stack->cfg.loop);
}

void sip_stack_step(struct sip_stack *stack, int timeout_ms)
{
	sip_screen(stack);
	sip_root_step(stack->root, timeout_ms);
}

void sip_stack_refuse(struct sip_stack *stack, struct q850_cause cause)
{
	stack->refuse = cause;
}

void sip_stack_retry_after(struct sip_stack *stack, unsigned seconds)
{
	stack->retry_after_s = seconds;
}

static void end_calls(struct sip_stack *stack)
{
	struct sip_call *call;

	list_for_each(call, &stack->calls, struct sip_call, node)
		if (!call->released)
			sip_call_release(
				call, q850(Q850_DESTINATION_OUT_OF_ORDER, Q850_LOC_PRIVATE_LOCAL));
	while (!list_empty(&stack->up))
		sip_up_deliver(stack);
	list_for_each(call, &stack->calls, struct sip_call, node)
		sip_call_free(call);
	sip_late_end(stack);
}

static void tell_gone(struct sip_gone gone)
{
	if (gone.tell)
		gone.tell(gone.arg);
}

static void end_trunks(struct sip_stack *stack)
{
	struct sip_trunk *trunk;

	list_for_each(trunk, &stack->trunks, struct sip_trunk, node) {
		struct sip_gone gone = trunk->gone;

		sip_trunk_free(trunk);
		tell_gone(gone);
	}
}

static void end_interfaces(struct sip_stack *stack)
{
	struct sip_interface *interface;

	list_for_each(interface, &stack->interfaces, struct sip_interface, node) {
		struct sip_gone gone = interface->gone;

		sip_interface_close(interface);
		tell_gone(gone);
	}
}

void sip_stack_destroy(struct sip_stack **stack)
{
	struct sip_stack *s = *stack;

	if (!s)
		return;
	*stack = NULL;
	end_calls(s);
	end_trunks(s);
	sip_stack_close_resolver(s);
	end_interfaces(s);
	loop_defer_cancel(s->cfg.loop, &s->deliver);
	sip_trace_close(s);
	sip_root_destroy(&s->root);
	sip_mend_destroy(&s->messages);
	mem_free(s);
}

/* ---- Queries ---- */

unsigned sip_stack_backlog(const struct sip_stack *stack)
{
	const struct sip_interface *interface;
	unsigned fullest = 0;

	list_for_each(interface, &stack->interfaces, struct sip_interface, node) {
		unsigned n = interface->udp >= 0 ? sip_filter_backlog(interface->udp) : 0;

		if (n > fullest)
			fullest = n;
	}
	return fullest;
}

struct sip_trunk *sip_stack_trunk(struct sip_stack *stack, const char *name)
{
	struct sip_trunk *t;

	list_for_each(t, &stack->trunks, struct sip_trunk, node) {
		if (!t->retired && !t->held && strcmp(t->conf->name, name) == 0)
			return t;
	}
	return NULL;
}

struct sip_trunk *sip_stack_trunk_at(struct sip_stack *stack, size_t index)
{
	struct sip_trunk *t;

	list_for_each(t, &stack->trunks, struct sip_trunk, node) {
		if (!t->retired && !t->held && index-- == 0)
			return t;
	}
	return NULL;
}

const struct conf_trunk *sip_trunk_conf(const struct sip_trunk *trunk)
{
	return trunk->conf;
}

bool sip_trunk_is_up(const struct sip_trunk *trunk)
{
	return !trunk->retired && netaddr_is_set(&trunk->peer) && trunk->answers;
}

unsigned sip_trunk_calls(const struct sip_trunk *trunk)
{
	return trunk->calls;
}

static bool is_wildcard(const struct netaddr *a)
{
	if (netaddr_family(a) == AF_INET6)
		return IN6_IS_ADDR_UNSPECIFIED(&a->u.in6.sin6_addr);
	return a->u.in.sin_addr.s_addr == htonl(INADDR_ANY);
}

/* The address that the kernel would send from. */
static struct netaddr route_towards(const struct netaddr *peer)
{
	struct netaddr local = { 0 };
	socklen_t length = sizeof(local);
	int fd = socket(netaddr_family(peer), SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return local;
	if (connect(fd, &peer->u.sa, netaddr_len(peer)) < 0 ||
	    getsockname(fd, &local.u.sa, &length) < 0)
		local = (struct netaddr){ 0 };
	close(fd);
	return local;
}

struct netaddr sip_trunk_bind_address(const struct sip_trunk *trunk)
{
	struct netaddr a = trunk->interface->conf->address;

	if (is_wildcard(&a) && netaddr_is_set(&trunk->peer))
		a = route_towards(&trunk->peer);
	netaddr_set_port(&a, 0);
	return a;
}

struct netaddr sip_trunk_media_address(const struct sip_trunk *trunk)
{
	const char *advertised = trunk->interface->conf->advertised;
	struct netaddr a;

	if (advertised && netaddr_set(&a, advertised, 0) == 0)
		return a;
	return sip_trunk_bind_address(trunk);
}

static void write_host(const struct netaddr *a, char text[SIP_HOST_MAX])
{
	char host[NETADDR_TEXT];
	bool v6 = netaddr_family(a) == AF_INET6;

	snprintf(text, SIP_HOST_MAX, "%s%s%s", v6 ? "[" : "", netaddr_host_text(a, host),
		 v6 ? "]" : "");
}

const char *sip_trunk_host(const struct sip_trunk *trunk, char text[SIP_HOST_MAX])
{
	struct netaddr a;

	if (trunk->interface->conf->advertised)
		snprintf(text, SIP_HOST_MAX, "%s", trunk->interface->conf->advertised);
	else {
		a = sip_trunk_bind_address(trunk);
		write_host(&a, text);
	}
	return text;
}

const char *sip_trunk_domain(const struct sip_trunk *trunk, char text[SIP_HOST_MAX])
{
	if (!trunk->conf->domain)
		return sip_trunk_host(trunk, text);
	snprintf(text, SIP_HOST_MAX, "%s", trunk->conf->domain);
	return text;
}

const char *sip_trunk_peer(const struct sip_trunk *trunk, char text[SIP_HOST_MAX])
{
	char peer[NETADDR_TEXT];

	snprintf(text, SIP_HOST_MAX, "%s", netaddr_text(&trunk->peer, peer));
	return text;
}

const char *sip_trunk_route(const struct sip_trunk *trunk, char text[SIP_HEADER_MAX])
{
	char peer[NETADDR_TEXT];

	snprintf(text, SIP_HEADER_MAX, "sip:%s;transport=%s", netaddr_text(&trunk->peer, peer),
		 trunk->conf->transport == CONF_TCP ? "tcp" : "udp");
	return text;
}

static void set_counter(counter_t *c, uint64_t value)
{
	atomic_store_explicit(c, value, memory_order_relaxed);
}

const struct sip_counters *sip_stack_counters(struct sip_stack *stack)
{
	struct sip_counters *c = &stack->counters;
	struct sip_agent_stats sum = stack->past;
	struct sip_interface *interface;

	list_for_each(interface, &stack->interfaces, struct sip_interface, node)
		sip_interface_stats(interface, &sum);
	set_counter(&c->filtered, sum.filtered);
	set_counter(&c->requests_rx, sum.requests_rx);
	set_counter(&c->responses_rx, sum.responses_rx);
	set_counter(&c->requests_tx, sum.requests_tx);
	set_counter(&c->responses_tx, sum.responses_tx);
	set_counter(&c->malformed, sum.bad);
	set_counter(&c->retransmissions, sum.retries_rx + sum.retries_tx);
	return c;
}
