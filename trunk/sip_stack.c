/* SPDX-License-Identifier: GPL-2.0-only */
/* The stack: interfaces (one nta agent each), trunks, and requests that belong to no dialog. */
#include "trunk/sip_filter.h"
#include "trunk/sip_call_private.h"
#include "trunk/sip_mend.h"
#include "trunk/sip_trace.h"

#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
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

/* ---- Interfaces ---- */

static struct netaddr source_of(msg_t *msg)
{
	struct netaddr a = { 0 };
	const su_sockaddr_t *su = msg_addr(msg);

	if (su->su_family == AF_INET)
		a.u.in = su->su_sin;
	else if (su->su_family == AF_INET6)
		a.u.in6 = su->su_sin6;
	return a;
}

/* When the connection of a request is gone, its response goes over a new one to the port of the
 * Via's sent-by (RFC 3261 18.2.2). Sofia would ask rport, where nobody listens; the response shows
 * it all the same. */
static nta_incoming_t *take_request(nta_agent_t *agent, msg_t *msg, sip_t *sip)
{
	bool stream = sip->sip_request->rq_method == sip_method_invite && sip->sip_via &&
		      strcasecmp(sip->sip_via->v_protocol, sip_transport_tcp) == 0;
	nta_incoming_t *irq;

	if (stream)
		nta_agent_set_params(agent, NTATAG_SERVER_RPORT(0), TAG_END());
	irq = nta_incoming_create(agent, NULL, msg, sip, TAG_END());
	if (stream)
		nta_agent_set_params(agent, NTATAG_SERVER_RPORT(1), TAG_END());
	return irq;
}

/* Whatever matches no transaction and no dialog. */
static int on_message(struct sip_interface *interface, nta_agent_t *agent, msg_t *msg, sip_t *sip)
{
	struct netaddr source = source_of(msg);
	struct sip_trunk *trunk = sip_trunk_by_source(interface, &source);
	nta_incoming_t *irq;

	if (!trunk)
		counter_inc(&interface->stack->counters.unknown_peer);
	if (!trunk || !sip->sip_request || sip->sip_request->rq_method == sip_method_ack) {
		nta_msg_discard(agent, msg);
		return 0;
	}
	irq = take_request(agent, msg, sip);
	if (irq)
		sip_request_in(trunk, irq, sip);
	return 0;
}

static int interface_url(const struct conf_sip_interface *conf, char *url, size_t room)
{
	char host[NETADDR_TEXT];
	bool v6 = netaddr_family(&conf->address) == AF_INET6;
	int n;

	netaddr_host_text(&conf->address, host);
	n = snprintf(url, room, "sip:%s%s%s:%u;maddr=%s%s%s%s", v6 && !conf->advertised ? "[" : "",
		     conf->advertised ? conf->advertised : host, v6 && !conf->advertised ? "]" : "",
		     netaddr_port(&conf->address), v6 ? "[" : "", host, v6 ? "]" : "",
		     conf->udp && conf->tcp ? ""
		     : conf->tcp            ? ";transport=tcp"
					    : ";transport=udp");
	return n < 0 || (size_t)n >= room ? -EINVAL : 0;
}

/* Sofia marks IPv4 only. */
static void mark_packets(const struct sip_interface *interface)
{
	int class = interface->conf->dscp << 2;

	for (size_t i = 0; i < interface->socket_count; i++)
		if (netaddr_family(&interface->conf->address) == AF_INET6)
			setsockopt(interface->sockets[i], IPPROTO_IPV6, IPV6_TCLASS, &class,
				   sizeof(class));
}

/* Sofia doesn't say why it could not bind, and errno is its log's by then: asked again without it.
 */
static int why_not_bound(const struct conf_sip_interface *conf)
{
	int types[] = { conf->udp ? SOCK_DGRAM : SOCK_STREAM,
			conf->tcp ? SOCK_STREAM : SOCK_DGRAM };
	int rc = 0;

	for (unsigned i = 0; i < 2 && rc == 0; i++) {
		int fd = socket(netaddr_family(&conf->address), types[i] | SOCK_CLOEXEC, 0);

		if (fd < 0 || bind(fd, &conf->address.u.sa, netaddr_len(&conf->address)) < 0)
			rc = -errno;
		if (fd >= 0)
			close(fd);
	}
	return rc ? rc : -EIO;
}

static int start_interface(struct sip_stack *stack, struct sip_interface *interface,
			   const struct conf_sip_interface *conf)
{
	char url[SIP_HEADER_MAX];

	interface->stack = stack;
	interface->conf = conf;
	if (interface_url(conf, url, sizeof(url)) < 0)
		return -EINVAL;
	interface->agent = nta_agent_create(
		sip_root_su(stack->root), (const url_string_t *)url, on_message, interface,
		NTATAG_MCLASS(stack->messages), NTATAG_UA(1), NTATAG_MERGE_482(1),
		NTATAG_CLIENT_RPORT(1), NTATAG_USE_NAPTR(0), NTATAG_USE_SRV(0),
		NTATAG_MAXSIZE(65536), TPTAG_TOS(conf->dscp << 2),
		TPTAG_PONG2PING(1) /* RFC 5626 3.5.1 */, TPTAG_LOG(stack->cfg.trace != NULL),
		TAG_END());
	if (!interface->agent)
		return why_not_bound(conf);
	interface->socket_count =
		sip_filter_sockets(&conf->address, interface->sockets,
				   sizeof(interface->sockets) / sizeof(interface->sockets[0]));
	mark_packets(interface);
	return 0;
}

/* ---- Trunks ---- */

static int start_trunk(struct sip_stack *stack, struct sip_trunk *trunk,
		       const struct conf_trunk *conf)
{
	trunk->stack = stack;
	trunk->conf = conf;
	trunk->answers = true;
	for (size_t i = 0; i < stack->cfg.interface_count; i++)
		if (strcmp(stack->cfg.interfaces[i].name, conf->interface) == 0)
			trunk->interface = &stack->interfaces[i];
	if (!trunk->interface)
		return -ENOENT;
	return sip_trunk_locate(trunk);
}

/* ---- Create, run, destroy ---- */

static int start_all(struct sip_stack *stack, char *error, size_t room)
{
	const struct sip_stack_cfg *cfg = &stack->cfg;
	int rc;

	for (size_t i = 0; i < cfg->interface_count; i++) {
		rc = start_interface(stack, &stack->interfaces[i], &cfg->interfaces[i]);
		if (rc < 0) {
			explain(error, room, "sip interface %s: %s", cfg->interfaces[i].name,
				strerror(-rc));
			return rc;
		}
	}
	for (size_t i = 0; i < cfg->trunk_count; i++) {
		rc = start_trunk(stack, &stack->trunks[i], &cfg->trunks[i]);
		if (rc < 0) {
			explain(error, room, "trunk %s: %s", cfg->trunks[i].name, strerror(-rc));
			return rc;
		}
	}
	for (size_t i = 0; i < cfg->interface_count; i++) {
		rc = sip_interface_filter(&stack->interfaces[i]);
		if (rc < 0) {
			explain(error, room, "sip interface %s: source filter: %s",
				cfg->interfaces[i].name, strerror(-rc));
			return rc;
		}
	}
	for (size_t i = 0; i < cfg->trunk_count; i++)
		sip_trunk_watch(&stack->trunks[i]);
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
	snprintf(stack->user_agent, sizeof(stack->user_agent), "%s",
		 cfg->user_agent ? cfg->user_agent : "Causeway");
	rc = -ENOMEM;
	stack->interfaces = mem_calloc(cfg->interface_count, sizeof(*stack->interfaces));
	stack->trunks = mem_calloc(cfg->trunk_count, sizeof(*stack->trunks));
	if ((cfg->interface_count && !stack->interfaces) || (cfg->trunk_count && !stack->trunks))
		goto fail;
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
	rc = start_all(stack, error, error_room);
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
		sip_root_step(stack->root, 1000);
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
	sip_root_step(stack->root, timeout_ms);
}

void sip_stack_refuse(struct sip_stack *stack, struct q850_cause cause)
{
	stack->refuse = cause;
}

static void end_calls(struct sip_stack *stack)
{
	struct sip_call *call;

	list_for_each(call, &stack->calls, struct sip_call, node) if (!call->released)
		sip_call_release(call, q850(Q850_DESTINATION_OUT_OF_ORDER, Q850_LOC_PRIVATE_LOCAL));
	while (!list_empty(&stack->up))
		sip_up_deliver(stack);
	list_for_each(call, &stack->calls, struct sip_call, node)
	{
		loop_defer_cancel(stack->cfg.loop, &call->reap);
		sip_call_free(call);
	}
}

void sip_stack_destroy(struct sip_stack **stack)
{
	struct sip_stack *s = *stack;

	if (!s)
		return;
	*stack = NULL;
	end_calls(s);
	for (size_t i = 0; s->trunks && i < s->cfg.trunk_count; i++)
		sip_trunk_close(&s->trunks[i]);
	sip_stack_close_resolver(s);
	for (size_t i = 0; s->interfaces && i < s->cfg.interface_count; i++)
		nta_agent_destroy(s->interfaces[i].agent);
	loop_defer_cancel(s->cfg.loop, &s->deliver);
	sip_trace_close(s);
	sip_root_destroy(&s->root);
	sip_mend_destroy(&s->messages);
	mem_free(s->interfaces);
	mem_free(s->trunks);
	mem_free(s);
}

/* ---- Queries ---- */

struct sip_trunk *sip_stack_trunk(struct sip_stack *stack, const char *name)
{
	for (size_t i = 0; i < stack->cfg.trunk_count; i++)
		if (strcmp(stack->trunks[i].conf->name, name) == 0)
			return &stack->trunks[i];
	return NULL;
}

struct sip_trunk *sip_stack_trunk_at(struct sip_stack *stack, size_t index)
{
	return index < stack->cfg.trunk_count ? &stack->trunks[index] : NULL;
}

const struct conf_trunk *sip_trunk_conf(const struct sip_trunk *trunk)
{
	return trunk->conf;
}

bool sip_trunk_is_up(const struct sip_trunk *trunk)
{
	return netaddr_is_set(&trunk->peer) && trunk->answers;
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

struct agent_stats {
	usize_t requests_rx, responses_rx, requests_tx, responses_tx, bad, retries_rx, retries_tx;
};

static void add_stats(struct agent_stats *sum, nta_agent_t *agent)
{
	struct agent_stats a = { 0 };

	nta_agent_get_stats(agent, NTATAG_S_RECV_REQUEST_REF(a.requests_rx),
			    NTATAG_S_RECV_RESPONSE_REF(a.responses_rx),
			    NTATAG_S_SENT_REQUEST_REF(a.requests_tx),
			    NTATAG_S_SENT_RESPONSE_REF(a.responses_tx),
			    NTATAG_S_BAD_MESSAGE_REF(a.bad), NTATAG_S_RECV_RETRY_REF(a.retries_rx),
			    NTATAG_S_RETRY_REQUEST_REF(a.retries_tx), TAG_END());
	sum->requests_rx += a.requests_rx;
	sum->responses_rx += a.responses_rx;
	sum->requests_tx += a.requests_tx;
	sum->responses_tx += a.responses_tx;
	sum->bad += a.bad;
	sum->retries_rx += a.retries_rx;
	sum->retries_tx += a.retries_tx;
}

static void set_counter(counter_t *c, uint64_t value)
{
	atomic_store_explicit(c, value, memory_order_relaxed);
}

const struct sip_counters *sip_stack_counters(struct sip_stack *stack)
{
	struct sip_counters *c = &stack->counters;
	struct agent_stats sum = { 0 };
	uint64_t filtered = 0;

	for (size_t i = 0; i < stack->cfg.interface_count; i++) {
		const struct sip_interface *interface = &stack->interfaces[i];

		add_stats(&sum, interface->agent);
		for (size_t k = 0; k < interface->socket_count; k++)
			filtered += sip_filter_drops(interface->sockets[k]);
	}
	set_counter(&c->filtered, filtered);
	set_counter(&c->requests_rx, sum.requests_rx);
	set_counter(&c->responses_rx, sum.responses_rx);
	set_counter(&c->requests_tx, sum.requests_tx);
	set_counter(&c->responses_tx, sum.responses_tx);
	set_counter(&c->malformed, sum.bad);
	set_counter(&c->retransmissions, sum.retries_rx + sum.retries_tx);
	return c;
}
