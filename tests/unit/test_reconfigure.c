/* SPDX-License-Identifier: GPL-2.0-only */
/* From one configuration to another, on loopback sockets in virtual time, with workers on the loop.
 * A call is what it is for this: a reference to its endpoint. */
#include "gateway/reconfigure.h"

#include "base/log.h"
#include "base/mem.h"
#include "hw/e1.h"
#include "tdm/span_private.h"
#include "trunk/rtp.h"
#include "trunk/sip.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define LAN "sip-interfaces:\n  lan: { address: \"127.0.0.1:45170\", transports: [udp] }\n"
#define CORE "  core: { interface: lan, peer: \"127.0.0.2:45170\", policy: all }\n"
#define LINES                                                                                      \
	"lines:\n"                                                                                 \
	"  line1: { kind: cesopsn, local: \"127.0.0.1:45171\", remote: \"127.0.0.1:45181\" }\n"    \
	"  line2: { kind: cesopsn, local: \"127.0.0.1:45172\", remote: \"127.0.0.1:45182\" }\n"
#define SPANS "spans:\n  e1-1: { line: line1, role: te }\n  e1-2: { line: line2, role: nt }\n"
#define MEDIA "media: { ports: 45200-45219, workers: 2 }\n"
#define BASE LAN "trunks:\n" CORE LINES SPANS MEDIA

struct fixture {
	struct clock_virtual clock;
	struct loop *loop;
	struct gateway *gateway;
	char error[300];
	char log[8192];
	int descriptors;
	unsigned plans_retired;
};

static struct fixture fx;

static int open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void keep_log(enum log_level level, const char *line, void *arg)
{
	size_t at = strlen(fx.log);

	(void)arg;
	if (level <= LOG_LEVEL_WARNING)
		snprintf(fx.log + at, sizeof(fx.log) - at, "%s\n", line);
}

static struct site *site_of(const char *text)
{
	struct site *site = NULL;
	char *faults = NULL;

	if (site_read_text(&site, "test", text, &faults) < 0)
		fail_msg("%s", faults);
	return site;
}

static void start(const char *text)
{
	struct site *site = site_of(text);

	if (gateway_create(&fx.gateway, fx.loop, site, NULL, fx.error, sizeof(fx.error)) < 0)
		fail_msg("%s", fx.error);
	site_unref(&site);
}

static int setup(void **state)
{
	(void)state;
	memset(&fx, 0, sizeof(fx));
	log_set_sink(keep_log, NULL);
	log_set_level(LOG_LEVEL_NOTICE);
	fx.descriptors = open_descriptors();
	clock_virtual_init(&fx.clock);
	assert_int_equal(loop_create(&fx.loop, &fx.clock.clock), 0);
	start(BASE);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	gateway_destroy(&fx.gateway);
	loop_destroy(&fx.loop);
	assert_int_equal(mem_live_blocks(), 0);
	if (fx.descriptors >= 0)
		assert_int_equal(open_descriptors(), fx.descriptors);
	log_set_level(LOG_LEVEL_NOTICE);
	log_set_sink(NULL, NULL);
	return 0;
}

/* Time for what is due, and for Sofia, which has its own turn. */
static void advance_ms(unsigned ms)
{
	for (unsigned i = 0; i < 4; i++)
		gateway_step(fx.gateway, 0);
	loop_advance(fx.loop, &fx.clock, (uint64_t)ms * 1000);
	for (unsigned i = 0; i < 4; i++)
		gateway_step(fx.gateway, 0);
}

static int change_to(const char *text)
{
	struct reconfiguration *change = NULL;
	struct site *site = site_of(text);
	int rc = gateway_prepare(&change, fx.gateway, site, fx.error, sizeof(fx.error));

	site_unref(&site);
	if (rc < 0)
		return rc;
	gateway_commit(&change, NULL, false);
	assert_null(change);
	advance_ms(1);
	return 0;
}

static void change(const char *text)
{
	if (change_to(text) < 0)
		fail_msg("%s", fx.error);
}

static struct endpoint *endpoint(const char *name)
{
	return gateway_endpoint(fx.gateway, name);
}

static unsigned length(const struct list *list)
{
	unsigned n = 0;

	for (const struct list *node = list->next; node != list; node = node->next)
		n++;
	return n;
}

static unsigned retired(void)
{
	const struct gateway *g = fx.gateway;

	return length(&g->retired) + length(&g->retired_lines) + length(&g->retired_interfaces) +
	       length(&g->retired_ports);
}

/* -errno of binding there: is it held? */
static int bound(uint16_t port)
{
	struct netaddr address;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc;

	assert_int_equal(netaddr_set(&address, "127.0.0.1", port), 0);
	rc = bind(fd, &address.u.sa, netaddr_len(&address)) < 0 ? -errno : 0;
	close(fd);
	return rc;
}

static int take_port(const char *host, uint16_t port)
{
	struct netaddr address;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(netaddr_set(&address, host, port), 0);
	assert_int_equal(bind(fd, &address.u.sa, netaddr_len(&address)), 0);
	return fd;
}

/* A call on this endpoint, as far as it is concerned. */
static struct endpoint *call_on(const char *name)
{
	struct endpoint *e = endpoint_ref(endpoint(name));

	e->calls_now++;
	return e;
}

static void call_ends(struct endpoint *e)
{
	e->calls_now--;
	endpoint_unref(e);
}

static unsigned refusal(const struct endpoint *e)
{
	return ((struct isdn_span *)e->target)->refuse.value;
}

/* ---- What stays, what changes ---- */

static void test_nothing_differs(void **state)
{
	const char *const names[] = { "core", "e1-1", "e1-2" };
	struct endpoint *before[3];
	void *targets[3];
	int descriptors = open_descriptors();

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		before[i] = endpoint(names[i]);
		targets[i] = before[i]->target;
	}
	change(BASE);
	for (unsigned i = 0; i < 3; i++) {
		assert_ptr_equal(endpoint(names[i]), before[i]);
		assert_ptr_equal(before[i]->target, targets[i]);
	}
	assert_int_equal(retired(), 0);
	assert_int_equal(open_descriptors(), descriptors);
}

/* New calls use the new one at once; the old one stays until its last call has gone. */
static void test_trunk_changes(void **state)
{
	struct endpoint *old = call_on("core");
	struct sip_trunk *before = old->target;

	(void)state;
	change(LAN "trunks:\n"
	       "  core: { interface: lan, peer: \"127.0.0.3:45170\", policy: all, max-calls: 7 }\n"
	       LINES SPANS MEDIA);
	assert_ptr_not_equal(endpoint("core"), old);
	assert_ptr_not_equal(endpoint("core")->target, before);
	assert_string_equal(sip_trunk_conf(endpoint("core")->target)->peer, "127.0.0.3:45170");
	assert_int_equal(endpoint("core")->trunk->max_calls, 7);
	assert_int_equal(endpoint("core")->available(endpoint("core")), 0);
	assert_int_equal(old->available(old), -ESHUTDOWN);
	assert_true(old->retired);
	assert_int_equal(gateway_draining(fx.gateway, NULL, NULL), 1);
	assert_int_equal(endpoint_admin(old), ENDPOINT_DRAINING);
	assert_string_equal(old->name, "core"); /* of the site that it was made from */
	advance_ms(60000);
	assert_int_equal(retired(), 1);
	call_ends(old);
	advance_ms(1);
	assert_int_equal(retired(), 0);
}

static void test_parts_come_and_go(void **state)
{
	(void)state;
	change(LAN "  wan: { address: \"127.0.0.1:45175\", transports: [udp, tcp] }\ntrunks:\n" CORE
		   "  carrier: { interface: wan, peer: \"127.0.0.4:5060\" }\n" LINES
		   "  line3: { kind: cesopsn, local: \"127.0.0.1:45173\", remote: "
		   "\"127.0.0.1:45183\" }\n" SPANS "  e1-3: { line: line3, role: te }\n" MEDIA);
	assert_int_equal(bound(45175), -EADDRINUSE);
	assert_int_equal(bound(45173), -EADDRINUSE);
	assert_non_null(endpoint("carrier")->target);
	assert_non_null(endpoint("e1-3")->target);
	assert_int_equal(endpoint("e1-3")->index, 4);
	/* the new line is on the worker with fewer of them, whichever that is: none has three */
	assert_ptr_equal(gateway_line(fx.gateway, "line3")->worker, fx.gateway->workers[0]);
	change(LAN "trunks:\n" CORE "lines:\n"
		   "  line2: { kind: cesopsn, local: \"127.0.0.1:45172\", remote: "
		   "\"127.0.0.1:45182\" }\n"
		   "spans:\n  e1-2: { line: line2, role: nt }\n" MEDIA);
	advance_ms(1000);
	assert_null(endpoint("carrier"));
	assert_null(endpoint("e1-3"));
	assert_null(endpoint("e1-1"));
	assert_null(gateway_line(fx.gateway, "line1"));
	assert_null(gateway_interface(fx.gateway, "wan"));
	assert_int_equal(retired(), 0);
	assert_int_equal(bound(45175), 0);
	assert_int_equal(bound(45173), 0);
	assert_int_equal(bound(45171), 0);
	assert_int_equal(bound(45172), -EADDRINUSE);
	change(BASE);
	assert_non_null(endpoint("e1-1")->target);
}

/* Everything goes, and comes back. */
static void test_nothing_is_left(void **state)
{
	(void)state;
	change("{}\n");
	advance_ms(1000);
	assert_int_equal(retired(), 0);
	assert_true(list_empty(&fx.gateway->endpoints));
	change(BASE);
	advance_ms(1);
	assert_non_null(endpoint("core")->target);
	assert_non_null(endpoint("e1-2")->target);
}

static void test_span_changes_in_place(void **state)
{
	struct endpoint *e = call_on("e1-1");
	void *target = e->target;

	(void)state;
	change(LAN "trunks:\n" CORE LINES "spans:\n"
	       "  e1-1: { line: line1, role: te, group: pstn, policy: all, b-channels: 1-3, "
	       "timers: { t303: 2s } }\n  e1-2: { line: line2, role: nt }\n" MEDIA);
	assert_ptr_equal(endpoint("e1-1"), e);
	assert_ptr_equal(e->target, target);
	assert_string_equal(e->policy, "all");
	assert_ptr_equal(isdn_span_conf(target), e->span);
	assert_int_equal(isdn_span_idle_channels(target), 3);
	assert_int_equal(refusal(e), 0);
	assert_int_equal(retired(), 0);
	call_ends(e);
}

#define OTHER_D                                                                                 \
	LAN "trunks:\n" CORE LINES "spans:\n  e1-1: { line: line1, role: te, d-channel: 31 }\n" \
	    "  e1-2: { line: line2, role: nt }\n" MEDIA

/* It takes no new calls; when the last one is gone, and had its 300 ms for RELEASE COMPLETE, the
 * new one stands in its place. */
static void test_span_drains(void **state)
{
	struct endpoint *old = call_on("e1-1");

	(void)state;
	change(OTHER_D);
	assert_ptr_not_equal(endpoint("e1-1"), old);
	assert_null(endpoint("e1-1")->target);
	assert_int_equal(endpoint("e1-1")->available(endpoint("e1-1")), -ENETDOWN);
	assert_int_equal(refusal(old), Q850_CONGESTION);
	assert_int_equal(gateway_draining(fx.gateway, NULL, NULL), 1);
	advance_ms(60000);
	assert_non_null(old->target);
	call_ends(old);
	advance_ms(1);
	assert_int_equal(gateway_draining(fx.gateway, NULL, NULL), 0);
	advance_ms(500);
	assert_int_equal(retired(), 0);
	assert_int_equal(isdn_span_conf(endpoint("e1-1")->target)->d_channel, 31);
	assert_int_equal(refusal(endpoint("e1-1")), 0);
}

/* Before it is closed the change is taken back: the one that drains serves on. */
static void test_change_is_taken_back(void **state)
{
	struct endpoint *old = call_on("e1-1");
	void *target = old->target;

	(void)state;
	change(OTHER_D);
	advance_ms(1000);
	change(BASE);
	assert_ptr_equal(endpoint("e1-1"), old);
	assert_ptr_equal(old->target, target);
	assert_false(old->retired);
	assert_int_equal(refusal(old), 0);
	advance_ms(1000);
	assert_int_equal(retired(), 0);
	call_ends(old);
	advance_ms(1000);
	assert_ptr_equal(endpoint("e1-1")->target, target);
}

/* A second change while the first drains: only the last one counts. */
static void test_changes_overtake(void **state)
{
	struct endpoint *old = call_on("e1-1");

	(void)state;
	change(OTHER_D);
	change(LAN "trunks:\n" CORE LINES
		   "spans:\n  e1-1: { line: line1, role: nt, d-channel: 5 }\n" MEDIA);
	assert_int_equal(length(&fx.gateway->retired), 1); /* e1-2 had no calls, but its 300 ms */
	advance_ms(1000);
	assert_int_equal(length(&fx.gateway->retired), 1);
	call_ends(old);
	advance_ms(1000);
	assert_int_equal(retired(), 0);
	assert_int_equal(isdn_span_conf(endpoint("e1-1")->target)->d_channel, 5);
	assert_int_equal(isdn_span_conf(endpoint("e1-1")->target)->role, CONF_ROLE_NT);
	assert_null(endpoint("e1-2"));
}

#define OTHER_LINE                                                                                \
	LAN "trunks:\n" CORE "lines:\n"                                                           \
	    "  line1: { kind: cesopsn, local: \"127.0.0.1:45171\", remote: \"127.0.0.1:45181\", " \
	    "jitter: 20ms }\n"                                                                    \
	    "  line2: { kind: cesopsn, local: \"127.0.0.1:45172\", remote: \"127.0.0.1:45182\" "  \
	    "}\n" SPANS MEDIA

static void test_line_drains_its_spans(void **state)
{
	struct endpoint *old = call_on("e1-1"), *other = endpoint("e1-2");

	(void)state;
	change(OTHER_LINE);
	assert_ptr_equal(endpoint("e1-2"), other);
	assert_null(gateway_line(fx.gateway, "line1")->line);
	assert_int_equal(refusal(old), Q850_CONGESTION);
	call_ends(old);
	advance_ms(500);
	assert_int_equal(retired(), 0);
	assert_int_equal(gateway_line(fx.gateway, "line1")->conf->jitter_ms, 20);
	assert_non_null(gateway_line(fx.gateway, "line1")->line);
	assert_non_null(endpoint("e1-1")->target);
}

/* With another socket the new line is there before the old one has gone. */
static void test_line_moves(void **state)
{
	struct endpoint *old = call_on("e1-1");

	(void)state;
	change(LAN "trunks:\n" CORE "lines:\n"
		   "  line1: { kind: cesopsn, local: \"127.0.0.1:45174\", remote: "
		   "\"127.0.0.1:45181\" }\n"
		   "  line2: { kind: cesopsn, local: \"127.0.0.1:45172\", remote: "
		   "\"127.0.0.1:45182\" }\n" SPANS MEDIA);
	assert_int_equal(bound(45174), -EADDRINUSE);
	assert_int_equal(bound(45171), -EADDRINUSE);
	call_ends(old);
	advance_ms(500);
	assert_int_equal(bound(45171), 0);
	assert_non_null(endpoint("e1-1")->target);
}

/* Lines change their ports with each other. */
static void test_lines_swap(void **state)
{
	(void)state;
	change(LAN "trunks:\n" CORE "lines:\n"
		   "  line1: { kind: cesopsn, local: \"127.0.0.1:45172\", remote: "
		   "\"127.0.0.1:45181\" }\n"
		   "  line2: { kind: cesopsn, local: \"127.0.0.1:45171\", remote: "
		   "\"127.0.0.1:45182\" }\n" SPANS MEDIA);
	advance_ms(1000);
	assert_int_equal(retired(), 0);
	assert_non_null(endpoint("e1-1")->target);
	assert_non_null(endpoint("e1-2")->target);
}

/* The new line wants all addresses, so it waits for the old one; but somebody else has the port on
 * another: told once, shown as down, and tried again every 5 s. */
static void test_what_cannot_be_opened_after_the_drain(void **state)
{
	struct endpoint *call = call_on("e1-1");
	struct gateway_line *line;
	int fd = take_port("127.0.0.9", 45171);

	(void)state;
	change(LAN
	       "trunks:\n" CORE "lines:\n"
	       "  line1: { kind: cesopsn, local: \"0.0.0.0:45171\", remote: \"127.0.0.1:45181\" }\n"
	       "  line2: { kind: cesopsn, local: \"127.0.0.1:45172\", remote: \"127.0.0.1:45182\" "
	       "}\n" SPANS MEDIA);
	line = gateway_line(fx.gateway, "line1");
	advance_ms(20000);
	assert_string_equal(fx.log, ""); /* that it waits is nothing to complain of */
	call_ends(call);
	advance_ms(1000);
	assert_int_equal(retired(), 0);
	assert_null(line->line);
	assert_null(endpoint("e1-1")->target);
	assert_int_equal(endpoint("e1-1")->available(endpoint("e1-1")), -ENETDOWN);
	assert_non_null(strstr(fx.log, "line1"));
	assert_non_null(strstr(fx.log, "tried again every 5 s"));
	fx.log[0] = '\0';
	advance_ms(12000);
	assert_string_equal(fx.log, "");
	close(fd);
	advance_ms(5100);
	assert_non_null(line->line);
	assert_non_null(endpoint("e1-1")->target);
}

/* ---- SIP interfaces ---- */

static void test_interface_changes(void **state)
{
	struct endpoint *old = call_on("core");

	(void)state;
	change("sip-interfaces:\n  lan: { address: \"127.0.0.1:45170\", transports: [udp], dscp: "
	       "46 }\n"
	       "trunks:\n" CORE LINES SPANS MEDIA);
	/* no call of Sofia's is there: the stack lets the old one go at once */
	advance_ms(10);
	assert_true(gateway_interface(fx.gateway, "lan")->open);
	assert_int_equal(gateway_interface(fx.gateway, "lan")->conf->dscp, 46);
	assert_non_null(endpoint("core")->target);
	assert_int_equal(bound(45170), -EADDRINUSE);
	assert_true(old->retired);
	call_ends(old);
	change("sip-interfaces:\n  lan: { address: \"127.0.0.1:45176\", transports: [udp] }\n"
	       "trunks:\n" CORE LINES SPANS MEDIA);
	advance_ms(10);
	assert_int_equal(bound(45176), -EADDRINUSE);
	assert_int_equal(bound(45170), 0);
	assert_non_null(endpoint("core")->target);
	assert_int_equal(retired(), 0);
}

/* ---- What fails changes nothing ---- */

struct snapshot {
	struct endpoint *endpoints[3];
	void *targets[3], *line;
	int descriptors;
	long blocks;
};

static struct snapshot snapshot(void)
{
	const char *const names[] = { "core", "e1-1", "e1-2" };
	struct snapshot s = { .descriptors = open_descriptors(), .blocks = mem_live_blocks() };

	for (unsigned i = 0; i < 3; i++) {
		s.endpoints[i] = endpoint(names[i]);
		s.targets[i] = s.endpoints[i]->target;
	}
	s.line = gateway_line(fx.gateway, "line1")->line;
	return s;
}

static void expect_unchanged(const struct snapshot *before)
{
	struct snapshot now;

	advance_ms(10);
	now = snapshot();
	assert_int_equal(retired(), 0);
	assert_memory_equal(&now, before, sizeof(now));
	assert_int_equal(refusal(endpoint("e1-1")), 0);
	assert_null(fx.gateway->preparing);
}

static void expect_failure(const char *text, int rc, const char *named)
{
	struct snapshot before = snapshot();

	assert_int_equal(change_to(text), rc);
	if (!strstr(fx.error, named))
		fail_msg("%s: not in: %s", named, fx.error);
	expect_unchanged(&before);
}

static void test_failure_changes_nothing(void **state)
{
	int fd = take_port("127.0.0.1", 45178);

	(void)state;
	expect_failure(
		LAN
		"  wan: { address: \"127.0.0.1:45178\", transports: [udp] }\ntrunks:\n" CORE LINES
			SPANS MEDIA,
		-EADDRINUSE, "interface wan");
	expect_failure(
		"sip-interfaces:\n  lan: { address: \"127.0.0.1:45178\", transports: [udp] }\n"
		"trunks:\n" CORE LINES SPANS MEDIA,
		-EADDRINUSE, "interface lan");
	expect_failure(LAN "trunks:\n" CORE LINES
		       "  line3: { kind: cesopsn, local: \"127.0.0.1:45178\", "
		       "remote: \"127.0.0.1:45183\" }\n" SPANS MEDIA, -EADDRINUSE, "line line3");
	/* what could be opened before is closed again */
	expect_failure(LAN
		       "  wan: { address: \"127.0.0.1:45177\", transports: [udp] }\ntrunks:\n" CORE
		       "  carrier: { interface: wan, peer: \"127.0.0.4:5060\" }\n"
		       "  second: { interface: lan, peer: \"127.0.0.5:5060\" }\n"
		       "  bad: { interface: wan, peer: \"host:port\" }\n" LINES
		       "  line3: { kind: cesopsn, local: \"127.0.0.1:45173\", "
		       "remote: \"127.0.0.1:45183\" }\n" SPANS MEDIA,
		       -EINVAL, "trunk bad");
	assert_int_equal(bound(45177), 0);
	assert_int_equal(bound(45173), 0);
	close(fd);
}

#define MUCH_ELSE                                                                                \
	LAN "  wan: { address: \"127.0.0.1:45177\", transports: [udp] }\ntrunks:\n"              \
	    "  core: { interface: lan, peer: \"127.0.0.3:45170\" }\n"                            \
	    "  carrier: { interface: wan, peer: \"127.0.0.4:5060\" }\nlines:\n"                  \
	    "  line1: { kind: cesopsn, local: \"127.0.0.1:45174\", remote: \"127.0.0.1:45181\" " \
	    "}\n"                                                                                \
	    "  line2: { kind: cesopsn, local: \"127.0.0.1:45172\", remote: \"127.0.0.1:45182\" " \
	    "}\n"                                                                                \
	    "  line3: { kind: cesopsn, local: \"127.0.0.1:45173\", remote: \"127.0.0.1:45183\" " \
	    "}\n"                                                                                \
	    "spans:\n  e1-1: { line: line1, role: te }\n"                                        \
	    "  e1-2: { line: line2, role: nt, group: all }\n"                                    \
	    "  e1-3: { line: line3, role: nt }\nmedia: { ports: 45220-45239, workers: 2 }\n"

static void test_memory_refused(void **state)
{
	struct site *site = site_of(MUCH_ELSE);
	struct reconfiguration *change = NULL;
	struct snapshot before = snapshot();
	long n = 0;
	int rc;

	(void)state;
	for (;; n++) {
		mem_fail_after(n);
		rc = gateway_prepare(&change, fx.gateway, site, fx.error, sizeof(fx.error));
		if (!mem_failed())
			break;
		mem_fail_after(-1);
		if (rc == 0) /* refused to something that can do without */
			gateway_abandon(&change);
		assert_null(change);
		expect_unchanged(&before);
	}
	mem_fail_after(-1);
	assert_int_equal(rc, 0);
	assert_in_range(n, 50, 3000);
	gateway_commit(&change, NULL, false);
	site_unref(&site);
	advance_ms(1000);
	assert_int_equal(retired(), 0);
	assert_non_null(endpoint("e1-3")->target);
}

/* Committing needs no memory but what can be had later. */
static void test_memory_refused_after_the_commit(void **state)
{
	struct site *there = site_of(MUCH_ELSE), *back = site_of(BASE);
	struct reconfiguration *change = NULL;

	(void)state;
	for (long n = 0; n < 40; n++) {
		assert_int_equal(gateway_prepare(&change, fx.gateway, n % 2 ? back : there,
						 fx.error, sizeof(fx.error)),
				 0);
		mem_fail_after(n / 2);
		gateway_commit(&change, NULL, false);
		advance_ms(1000);
		mem_fail_after(-1);
		advance_ms(6000);
		assert_int_equal(retired(), 0);
		assert_non_null(endpoint("core")->target);
		assert_non_null(endpoint("e1-1")->target);
		assert_non_null(endpoint("e1-2")->target);
	}
	site_unref(&there);
	site_unref(&back);
}

static void test_one_at_a_time(void **state)
{
	struct reconfiguration *first = NULL, *second = NULL;
	struct site *site = site_of(MUCH_ELSE);
	struct snapshot before = snapshot();

	(void)state;
	assert_int_equal(gateway_prepare(&first, fx.gateway, site, fx.error, sizeof(fx.error)), 0);
	assert_int_equal(bound(45177), -EADDRINUSE);
	assert_int_equal(gateway_prepare(&second, fx.gateway, site, fx.error, sizeof(fx.error)),
			 -EBUSY);
	gateway_abandon(&first);
	assert_null(first);
	gateway_abandon(&first);
	expect_unchanged(&before);
	assert_int_equal(bound(45177), 0);
	assert_int_equal(gateway_prepare(&first, fx.gateway, site, fx.error, sizeof(fx.error)), 0);
	gateway_commit(&first, NULL, false);
	site_unref(&site);
}

/* ---- Settings ---- */

static void test_media_and_log(void **state)
{
	struct rtp_endpoint *rtp = NULL;
	struct rtp_cfg cfg = { .jitter_ms = 20, .cname = "x" };
	struct rtp_ports *old = fx.gateway->rtp_ports;

	(void)state;
	assert_int_equal(netaddr_set(&cfg.address, "127.0.0.1", 0), 0);
	assert_int_equal(rtp_create(&rtp, old, &cfg, NULL, NULL), 0);
	change(LAN "trunks:\n" CORE LINES SPANS
	       "media: { ports: 45220-45299, workers: 2, jitter: 60ms }\nlog: { level: debug }\n"
	       "ladder-calls: 3\n");
	assert_int_equal(log_get_level(), LOG_LEVEL_DEBUG);
	assert_ptr_not_equal(fx.gateway->rtp_ports, old);
	assert_int_equal(rtp_ports_total(fx.gateway->rtp_ports), 40);
	assert_int_equal(fx.gateway->conf->media.jitter_ms, 60);
	assert_int_equal(retired(), 1);
	advance_ms(10000);
	assert_int_equal(retired(), 1); /* a call uses the old ports */
	rtp_close(&rtp, NULL, NULL);
	advance_ms(1500);
	assert_int_equal(retired(), 0);
}

static void plan_retired(void *arg, struct dialplan *plan)
{
	(void)arg;
	fx.plans_retired++;
	dialplan_unref(&plan);
}

static void test_plans(void **state)
{
	struct dialplan_tables none = { 0 };
	struct dialplan *plan = NULL;

	(void)state;
	assert_int_equal(dialplan_compile(&plan, &none, NULL, 0, NULL, NULL), 0);
	gateway_set_plan(fx.gateway, plan);
	assert_ptr_equal(fx.gateway->plan, plan);
	gateway_set_plan(fx.gateway, dialplan_ref(plan));
	fx.gateway->plan_retired = plan_retired;
	gateway_set_plan(fx.gateway, NULL);
	assert_int_equal(fx.plans_retired, 1);
}

/* ---- The administrator's switch ---- */

static void test_switch(void **state)
{
	struct endpoint *call;

	(void)state;
	assert_int_equal(gateway_switch(fx.gateway, "nobody", false, false), -ENOENT);
	assert_int_equal(gateway_switch(fx.gateway, "core", false, false), 0);
	assert_int_equal(endpoint("core")->available(endpoint("core")), -ESHUTDOWN);
	assert_int_equal(endpoint_admin(endpoint("core")), ENDPOINT_DISABLED);
	call = call_on("e1-1");
	assert_int_equal(gateway_switch(fx.gateway, "e1-1", false, false), 0);
	assert_int_equal(endpoint_admin(call), ENDPOINT_DRAINING);
	assert_int_equal(refusal(call), Q850_CONGESTION);
	call_ends(call);
	assert_int_equal(endpoint_admin(endpoint("e1-1")), ENDPOINT_DISABLED);
	/* a change of other keys leaves it as it was switched */
	change(LAN "trunks:\n  core: { interface: lan, peer: \"127.0.0.9:45170\" }\n" LINES SPANS
		       MEDIA);
	assert_int_equal(endpoint_admin(endpoint("core")), ENDPOINT_DISABLED);
	assert_int_equal(endpoint("core")->available(endpoint("core")), -ESHUTDOWN);
	assert_int_equal(gateway_switch(fx.gateway, "core", true, false), 0);
	assert_int_equal(gateway_switch(fx.gateway, "e1-1", true, false), 0);
	assert_int_equal(refusal(endpoint("e1-1")), 0);
	assert_int_equal(endpoint("core")->available(endpoint("core")), 0);
}

#define DISABLED                                                                            \
	LAN "trunks:\n  core: { interface: lan, peer: \"127.0.0.2:45170\", enabled: false " \
	    "}\n" LINES "spans:\n  e1-1: { line: line1, role: te, enabled: false }\n"       \
	    "  e1-2: { line: line2, role: nt }\n" MEDIA

static void test_enabled_by_configuration(void **state)
{
	(void)state;
	change(DISABLED);
	assert_int_equal(endpoint_admin(endpoint("core")), ENDPOINT_DISABLED);
	assert_int_equal(refusal(endpoint("e1-1")), Q850_CONGESTION);
	assert_int_equal(gateway_switch(fx.gateway, "core", true, false), 0);
	change(DISABLED); /* the same words: the switch counts */
	assert_int_equal(endpoint_admin(endpoint("core")), ENDPOINT_ENABLED);
	change(BASE);
	assert_int_equal(endpoint_admin(endpoint("e1-1")), ENDPOINT_ENABLED);
	assert_int_equal(refusal(endpoint("e1-1")), 0);
	gateway_destroy(&fx.gateway);
	start(DISABLED);
	assert_int_equal(refusal(endpoint("e1-1")), Q850_CONGESTION);
	assert_int_equal(endpoint_admin(endpoint("core")), ENDPOINT_DISABLED);
}

/* ---- Stopping in the midst of it ---- */

static void test_stop_while_draining(void **state)
{
	struct endpoint *call = call_on("e1-1");
	struct site *site = site_of(BASE);
	struct reconfiguration *change = NULL;

	(void)state;
	assert_int_equal(change_to(OTHER_LINE), 0);
	call_ends(call);
	gateway_stop(fx.gateway);
	assert_int_equal(gateway_prepare(&change, fx.gateway, site, fx.error, sizeof(fx.error)),
			 -ESHUTDOWN);
	site_unref(&site);
	while (!fx.gateway->stopped)
		advance_ms(10);
}

/* ---- At random ---- */

static unsigned seed;

static unsigned draw(unsigned below)
{
	seed = seed * 1103515245u + 12345u;
	return (seed >> 16) % below;
}

static size_t add(char *text, size_t at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static size_t add(char *text, size_t at, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text + at, 4096 - at, format, args);
	va_end(args);
	return at + (size_t)n;
}

/* Some of everything, all valid. */
static void draw_site(char text[4096])
{
	bool lan = draw(4), wan = draw(2), lines[3];
	size_t at = add(text, 0, "sip-interfaces:\n");

	if (lan)
		at = add(text, at, "  lan: { address: \"127.0.0.1:%u\", transports: [udp] }\n",
			 45170 + 6 * draw(2));
	if (wan)
		at = add(text, at, "  wan: { address: \"127.0.0.1:45177\", dscp: %u }\n", draw(3));
	at = add(text, at, "trunks:\n");
	for (unsigned i = 0; i < 3; i++)
		if ((lan || wan) && draw(3))
			at = add(text, at,
				 "  t%u: { interface: %s, peer: \"127.0.0.%u\", enabled: %s }\n", i,
				 lan && (!wan || draw(2)) ? "lan" : "wan", 2 + draw(3),
				 draw(5) ? "true" : "false");
	at = add(text, at, "lines:\n");
	for (unsigned i = 0; i < 3; i++)
		if ((lines[i] = draw(4)))
			at = add(text, at,
				 "  line%u: { kind: cesopsn, local: \"127.0.0.1:%u\", "
				 "remote: \"127.0.0.1:45181\", jitter: %ums }\n",
				 i, 45171 + i, 10 + draw(2));
	at = add(text, at, "spans:\n");
	for (unsigned i = 0; i < 3; i++)
		if (lines[i] && draw(4))
			at = add(text, at,
				 "  e1-%u: { line: line%u, role: te, d-channel: %u, setup-timeout: "
				 "%us }\n",
				 i, i, 16 + draw(2), 1 + draw(3));
	at = add(text, at, "media: { ports: %u-%u, workers: 2 }\n", 45200 + 20 * draw(2), 45239);
}

static void expect_order(void)
{
	const struct machine_conf *m = fx.gateway->conf;
	const struct endpoint *e;
	size_t i = 0;

	assert_int_equal(length(&fx.gateway->endpoints), m->trunk_count + m->span_count);
	assert_int_equal(length(&fx.gateway->lines), m->line_count);
	assert_int_equal(length(&fx.gateway->interfaces), m->interface_count);
	list_for_each(e, &fx.gateway->endpoints, struct endpoint, node)
	{
		const char *name = i < m->trunk_count ? m->trunks[i].name
						      : m->spans[i - m->trunk_count].name;

		assert_int_equal(e->index, i);
		assert_string_equal(e->name, name);
		assert_false(e->retired);
		i++;
	}
}

/* Calls come and go at random; in the end everything that is wanted is open and nothing else. */
static void test_at_random(void **state)
{
	struct endpoint *calls[8] = { 0 };
	long blocks;
	char text[4096];

	(void)state;
	/* everything of one reading, and workers have grown to what they need */
	change("{}\n");
	advance_ms(1000);
	change(BASE);
	advance_ms(1000);
	blocks = mem_live_blocks();
	seed = 20261120;
	for (unsigned round = 0; round < 400; round++) {
		unsigned slot = draw(8);
		struct endpoint *e;

		if (calls[slot])
			call_ends(calls[slot]);
		calls[slot] = NULL;
		list_for_each(e, &fx.gateway->endpoints, struct endpoint, node)
			if (e->target && draw(3) == 0) {
				calls[slot] = call_on(e->name);
				break;
			}
		draw_site(text);
		change(text);
		expect_order();
		advance_ms(draw(700));
	}
	for (unsigned i = 0; i < 8; i++)
		if (calls[i])
			call_ends(calls[i]);
	advance_ms(1000);
	change("{}\n");
	advance_ms(11000);
	change(BASE);
	advance_ms(11000);
	assert_int_equal(retired(), 0);
	assert_in_range(mem_live_blocks(), 1, blocks);
	assert_non_null(endpoint("core")->target);
	assert_non_null(endpoint("e1-1")->target);
	assert_non_null(endpoint("e1-2")->target);
}

/* Sofia opens its source of random numbers once and for all: before descriptors are counted. */
static int first_time(void **state)
{
	setup(state);
	fx.descriptors = -1;
	return 0;
}

static void test_first_of_the_process(void **state)
{
	(void)state;
	gateway_step(fx.gateway, 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_first_of_the_process, first_time, teardown),
		CASE(test_nothing_differs),
		CASE(test_trunk_changes),
		CASE(test_parts_come_and_go),
		CASE(test_nothing_is_left),
		CASE(test_span_changes_in_place),
		CASE(test_span_drains),
		CASE(test_change_is_taken_back),
		CASE(test_changes_overtake),
		CASE(test_line_drains_its_spans),
		CASE(test_line_moves),
		CASE(test_lines_swap),
		CASE(test_what_cannot_be_opened_after_the_drain),
		CASE(test_interface_changes),
		CASE(test_failure_changes_nothing),
		CASE(test_memory_refused),
		CASE(test_memory_refused_after_the_commit),
		CASE(test_one_at_a_time),
		CASE(test_media_and_log),
		CASE(test_plans),
		CASE(test_switch),
		CASE(test_enabled_by_configuration),
		CASE(test_stop_while_draining),
		CASE(test_at_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
