/* SPDX-License-Identifier: GPL-2.0-only */
/* Trunks as peers: where they are (numeric, or by DNS without anybody waiting) and who they are (by
 * source address). */
#include "trunk/sip_filter.h"

#define SRES_CONTEXT_T void /* a trunk that asks, or the stack when it asks no more */
#include "trunk/sip_private.h"

#include "base/log.h"

#include <errno.h>
#include <sofia-sip/sresolv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define tlog(trunk, level, ...) log_write(level, "trunk", (trunk)->conf->name, __VA_ARGS__)
#define SECOND_US 1000000ULL
#define RESOLVE_LEAST_S 5
#define RESOLVE_MOST_S 3600
#define RESOLVE_AGAIN_S 10 /* after a failure */

/* ---- By source ---- */

static struct netprefix host_prefix(const struct netaddr *a)
{
	return (struct netprefix){ .network = *a,
				   .bits = netaddr_family(a) == AF_INET6 ? 128 : 32 };
}

/* The prefixes of a trunk: configured ones, else its peer's address. */
static size_t sources_of(const struct sip_trunk *t, struct netprefix *own,
			 const struct netprefix **out)
{
	if (t->conf->source_count) {
		*out = t->conf->sources;
		return t->conf->source_count;
	}
	*own = host_prefix(&t->peer);
	*out = own;
	return netaddr_is_set(&t->peer) ? 1 : 0;
}

/* How well a trunk fits a source: prefix first, then who serves, then who came to serve last. */
struct fit {
	struct sip_trunk *trunk;
	unsigned bits;
};

static bool is_better(const struct sip_trunk *t, unsigned bits, const struct fit *best)
{
	if (!best->trunk)
		return true;
	if (t->retired != best->trunk->retired)
		return best->trunk->retired;
	return bits > best->bits || (bits == best->bits && t->rank > best->trunk->rank);
}

static void fit_trunk(struct sip_trunk *t, const struct netaddr *source, struct fit *best)
{
	const struct netprefix *sources = NULL;
	struct netprefix own;
	size_t n = sources_of(t, &own, &sources);

	for (size_t k = 0; k < n; k++)
		if (netprefix_contains(&sources[k], source) && is_better(t, sources[k].bits, best))
			*best = (struct fit){ .trunk = t, .bits = sources[k].bits };
}

struct sip_trunk *sip_trunk_by_source(struct sip_interface *interface, const struct netaddr *source)
{
	struct fit best = { 0 };
	struct sip_trunk *t;

	list_for_each(t, &interface->stack->trunks, struct sip_trunk, node) {
		if (t->interface == interface && !t->held)
			fit_trunk(t, source, &best);
	}
	return best.trunk;
}

/* Responses come from the peer itself, wherever its requests may come from. */
static size_t collect_trunk(const struct sip_trunk *t, struct netprefix *out)
{
	const struct netprefix *sources = NULL;
	struct netprefix own;
	size_t n = sources_of(t, &own, &sources);

	if (out && n)
		memcpy(out, sources, n * sizeof(*out));
	if (!t->conf->source_count || !netaddr_is_set(&t->peer))
		return n;
	if (out)
		out[n] = host_prefix(&t->peer);
	return n + 1;
}

static size_t collect(const struct sip_interface *interface, struct netprefix *out)
{
	struct sip_trunk *t;
	size_t count = 0;

	list_for_each(t, &interface->stack->trunks, struct sip_trunk, node) {
		if (t->interface == interface)
			count += collect_trunk(t, out ? out + count : NULL);
	}
	return count;
}

int sip_interface_filter(struct sip_interface *interface)
{
	size_t count = collect(interface, NULL);
	struct netprefix *sources = mem_calloc(count + 1, sizeof(*sources));
	struct sock_filter *program = mem_calloc(SIP_FILTER_MAX, sizeof(*program));
	int rc = -ENOMEM;

	if (!sources || !program)
		goto out;
	collect(interface, sources);
	rc = 0;
	for (size_t i = 0; rc >= 0 && i < interface->socket_count; i++) {
		int fd = interface->sockets[i];

		rc = sip_filter_build(program, SIP_FILTER_MAX, sources, count,
				      sip_filter_is_datagram(fd));
		if (rc > 0)
			rc = sip_filter_attach(fd, program, (size_t)rc);
	}
out:
	mem_free(sources);
	mem_free(program);
	return rc < 0 ? rc : 0;
}

/* ---- Resolving ---- */

static void resolve(struct loop_timer *timer, void *arg);

static void again(struct sip_trunk *t, uint64_t seconds)
{
	loop_timer_start(t->stack->cfg.loop, &t->resolve_timer, seconds * SECOND_US, resolve, t);
}

static bool address_of(const sres_record_t *r, struct netaddr *out)
{
	struct netaddr a = { 0 };

	if (r->sr_record->r_status)
		return false;
	if (r->sr_record->r_type == sres_type_a) {
		a.u.in.sin_family = AF_INET;
		a.u.in.sin_addr = r->sr_a->a_addr;
	} else if (r->sr_record->r_type == sres_type_aaaa) {
		a.u.in6.sin6_family = AF_INET6;
		memcpy(&a.u.in6.sin6_addr, &r->sr_aaaa->aaaa_addr, sizeof(a.u.in6.sin6_addr));
	} else
		return false;
	*out = a;
	return true;
}

/* One line of hosts(5): is it of this name, with an address of this family? */
static bool host_line(char *line, const char *name, int family, struct netaddr *out)
{
	char *save = NULL, *address = strtok_r(line, " \t\r\n", &save), *word;
	struct netaddr a;

	if (!address || address[0] == '#' || netaddr_set(&a, address, 0) < 0 ||
	    netaddr_family(&a) != family)
		return false;
	while ((word = strtok_r(NULL, " \t\r\n", &save)) && word[0] != '#')
		if (strcasecmp(word, name) == 0) {
			*out = a;
			return true;
		}
	return false;
}

/* sresolv asks name servers only. Read once, before anything is served. */
static bool in_hosts_file(const char *name, int family, struct netaddr *out)
{
	FILE *file = fopen("/etc/hosts", "re");
	char *line = NULL;
	size_t room = 0;
	bool is_there = false;

	while (file && !is_there && getline(&line, &room, file) >= 0)
		is_there = host_line(line, name, family, out);
	free(line); /* getline()'s */
	if (file)
		fclose(file);
	return is_there;
}

static void found(struct sip_trunk *t, struct netaddr address)
{
	char text[NETADDR_TEXT];
	bool first = !netaddr_is_set(&t->peer);

	netaddr_set_port(&address, t->peer_port);
	if (netaddr_equal(&address, &t->peer))
		return;
	t->peer = address;
	tlog(t, LOG_LEVEL_NOTICE, "%s is %s", t->peer_host, netaddr_text(&address, text));
	if (sip_interface_filter(t->interface) < 0)
		tlog(t, LOG_LEVEL_ERROR, "source filter could not be set");
	if (first && !t->held && t->stack->ops->trunk_state)
		t->stack->ops->trunk_state(t, sip_trunk_is_up(t), t->stack->arg);
}

/* The first address serves; the order is the name server's. Returns its time to live, 0: there is
 * none. */
static unsigned take_answers(struct sip_trunk *t, sres_record_t **answers)
{
	for (size_t i = 0; answers && answers[i]; i++) {
		struct netaddr address;
		unsigned ttl = answers[i]->sr_record->r_ttl;

		if (!address_of(answers[i], &address))
			continue;
		found(t, address);
		return ttl < RESOLVE_LEAST_S  ? RESOLVE_LEAST_S
		       : ttl > RESOLVE_MOST_S ? RESOLVE_MOST_S
					      : ttl;
	}
	return 0;
}

static void answered(void *arg, sres_query_t *query, sres_record_t **answers)
{
	struct sip_trunk *t = arg;
	unsigned ttl;

	(void)query;
	t->query = NULL;
	sres_sort_answers(t->stack->resolver, answers);
	ttl = take_answers(t, answers);
	sres_free_answers(t->stack->resolver, answers);
	if (!ttl)
		tlog(t, LOG_LEVEL_WARNING, "%s: no address in DNS", t->peer_host);
	again(t, ttl ? ttl : RESOLVE_AGAIN_S);
}

static void resolve(struct loop_timer *timer, void *arg)
{
	struct sip_trunk *t = arg;
	uint16_t type = netaddr_family(&t->interface->conf->address) == AF_INET6 ? sres_type_aaaa
										 : sres_type_a;
	sres_record_t **cached = sres_cached_answers(t->stack->resolver, type, t->peer_host);
	unsigned ttl = 0;

	(void)timer;
	if (cached) {
		ttl = take_answers(t, cached);
		sres_free_answers(t->stack->resolver, cached);
	}
	if (ttl)
		again(t, ttl);
	else
		t->query = sres_query(t->stack->resolver, answered, t, type, t->peer_host);
	if (!ttl && !t->query)
		again(t, RESOLVE_AGAIN_S);
}

/* A question can't be taken back; its answer is nobody's then. */
static void not_asked_any_more(void *arg, sres_query_t *query, sres_record_t **answers)
{
	struct sip_stack *stack = arg;

	(void)query;
	sres_free_answers(stack->resolver, answers);
}

/* RFC 6761 6.3: this name is the loopback address, hosts file and name servers or not. */
static bool is_localhost(const char *host, int family, struct netaddr *out)
{
	return strcasecmp(host, "localhost") == 0 &&
	       netaddr_set(out, family == AF_INET6 ? "::1" : "127.0.0.1", 0) == 0;
}

static int split_host(struct sip_trunk *t, const char *peer)
{
	const char *colon = strrchr(peer, ':');
	size_t n = colon ? (size_t)(colon - peer) : strlen(peer);
	unsigned long port = colon ? strtoul(colon + 1, NULL, 10) : 5060;

	if (!n || n >= sizeof(t->peer_host) || port == 0 || port > UINT16_MAX)
		return -EINVAL;
	memcpy(t->peer_host, peer, n);
	t->peer_host[n] = '\0';
	t->peer_port = (uint16_t)port;
	return 0;
}

int sip_trunk_locate(struct sip_trunk *t)
{
	struct sip_stack *stack = t->stack;

	if (netaddr_parse(&t->peer, t->conf->peer, 5060) == 0)
		return 0;
	t->peer = (struct netaddr){ 0 };
	if (split_host(t, t->conf->peer) < 0)
		return -EINVAL;
	if (is_localhost(t->peer_host, netaddr_family(&t->interface->conf->address), &t->peer) ||
	    in_hosts_file(t->peer_host, netaddr_family(&t->interface->conf->address), &t->peer)) {
		netaddr_set_port(&t->peer, t->peer_port);
		return 0;
	}
	if (!stack->resolver)
		stack->resolver = sres_resolver_create(sip_root_su(stack->root),
						       stack->cfg.resolv_conf, TAG_END());
	if (!stack->resolver)
		return -ENOMEM;
	again(t, 0);
	return 0;
}

void sip_trunk_close(struct sip_trunk *t)
{
	struct loop *loop = t->stack->cfg.loop;

	sip_trunk_unwatch(t);
	loop_timer_stop(loop, &t->resolve_timer);
	sres_query_bind(t->query, not_asked_any_more, t->stack);
	t->query = NULL;
}

void sip_stack_close_resolver(struct sip_stack *stack)
{
	if (stack->resolver)
		sres_resolver_destroy(stack->resolver);
	stack->resolver = NULL;
}
