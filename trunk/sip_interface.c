/* SPDX-License-Identifier: GPL-2.0-only */
/* Interfaces: one nta agent each, its sockets, and what comes in of itself. */
#include "trunk/sip_filter.h"
#include "trunk/sip_keep.h"
#include "trunk/sip_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define RECEIVE_BUFFER (2 << 20) /* octets, of UDP */

/* ---- Messages ---- */

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
	if (sip_refuse_early(trunk, msg, sip))
		return 0;
	irq = take_request(agent, msg, sip);
	if (irq)
		sip_request_in(trunk, irq, sip);
	return 0;
}

/* ---- Sockets ---- */

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

/* A process that others keep from its processor for 50 ms must not lose what comes meanwhile: more
 * than the system's default where it is allowed (net.core.rmem_max, or CAP_NET_ADMIN). */
static void adopt_socket(struct sip_interface *interface, int fd)
{
	int room = RECEIVE_BUFFER;

	if (!sip_filter_is_datagram(fd)) {
		sip_keep_socket(fd);
		return;
	}
	interface->udp = fd;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
}

static int bind_agent(struct sip_interface *interface)
{
	struct sip_stack *stack = interface->stack;
	const struct conf_sip_interface *conf = interface->conf;
	char url[SIP_HEADER_MAX];

	if (interface_url(conf, url, sizeof(url)) < 0)
		return -EINVAL;
	interface->agent = nta_agent_create(
		sip_root_su(stack->root), (const url_string_t *)url, on_message, interface,
		NTATAG_MCLASS(stack->messages), NTATAG_UA(1), NTATAG_MERGE_482(1),
		NTATAG_CANCEL_487(0) /* ours waits until the user has heard of it */,
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
	for (size_t i = 0; i < interface->socket_count; i++)
		adopt_socket(interface, interface->sockets[i]);
	return 0;
}

/* ---- Create, destroy ---- */

int sip_interface_open(struct sip_interface **out, struct sip_stack *stack,
		       const struct conf_sip_interface *conf)
{
	struct sip_interface *interface = mem_zalloc(sizeof(*interface));
	int rc;

	if (!interface)
		return -ENOMEM;
	interface->stack = stack;
	interface->conf = conf;
	interface->udp = -1;
	list_append(&stack->interfaces, &interface->node);
	rc = bind_agent(interface);
	if (rc >= 0)
		rc = sip_interface_filter(interface); /* nobody is let in yet */
	if (rc < 0)
		goto fail;
	*out = interface;
	return 0;
fail:
	sip_interface_close(interface);
	return rc;
}

void sip_interface_close(struct sip_interface *interface)
{
	loop_defer_cancel(interface->stack->cfg.loop, &interface->gone.turn);
	if (interface->agent) {
		sip_interface_stats(interface, &interface->stack->past);
		nta_agent_destroy(interface->agent);
	}
	list_remove(&interface->node);
	mem_free(interface);
}

/* ---- Queries ---- */

struct sip_interface *sip_interface_by_name(struct sip_stack *stack, const char *name)
{
	struct sip_interface *i;

	list_for_each(i, &stack->interfaces, struct sip_interface, node) {
		if (!i->retired && strcmp(i->conf->name, name) == 0)
			return i;
	}
	return NULL;
}

void sip_interface_stats(const struct sip_interface *interface, struct sip_agent_stats *sum)
{
	struct sip_agent_stats a = { 0 };

	nta_agent_get_stats(interface->agent, NTATAG_S_RECV_REQUEST_REF(a.requests_rx),
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
	for (size_t i = 0; i < interface->socket_count; i++)
		sum->filtered += sip_filter_drops(interface->sockets[i]);
}
