/* SPDX-License-Identifier: GPL-2.0-only */
/* The whole, built from YAML and taken down again: on loopback sockets, in virtual time, with
 * workers on the loop. What can't be started is named, and nothing stays behind. */
#include "gateway/gateway.h"

#include "base/log.h"
#include "base/mem.h"
#include "conf/schema.h"
#include "dialplan/schema.h"
#include "gateway/call.h"
#include "gateway/ladder.h"
#include "trunk/rtp.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static const char text[] =
	"sip-interfaces:\n"
	"  lan: { address: \"127.0.0.1:45070\", transports: [udp] }\n"
	"trunks:\n"
	"  core: { interface: lan, peer: \"127.0.0.2:45070\", policy: all }\n"
	"lines:\n"
	"  line1: { kind: cesopsn, local: \"127.0.0.1:45071\", remote: \"127.0.0.1:45072\" }\n"
	"  line2: { kind: cesopsn, local: \"127.0.0.1:45073\", remote: \"127.0.0.1:45074\" }\n"
	"spans:\n"
	"  e1-1: { line: line1, role: te, group: pstn }\n"
	"  e1-2: { line: line2, role: nt, group: pstn }\n"
	"media: { ports: 45100-45119, workers: 2 }\n"
	"usages: [all]\n"
	"policies:\n"
	"  all: { usages: [all] }\n"
	"routes:\n"
	"  pstn: { pattern: '^\\+', usages: [all], gateways: [pstn, core] }\n";

struct fixture {
	struct clock_virtual clock;
	struct loop *loop;
	struct machine_conf machine;
	struct dialplan_tables tables;
	struct gateway *gateway;
	char error[200];
	int descriptors;
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

static void quiet(enum log_level level, const char *line, void *arg)
{
	(void)level;
	(void)line;
	(void)arg;
}

static int setup(void **state)
{
	struct conf_document *document = NULL;
	struct conf_section sections[] = { machine_section(&fx.machine),
					   dialplan_section(&fx.tables) };

	(void)state;
	memset(&fx, 0, sizeof(fx));
	log_set_sink(quiet, NULL);
	fx.descriptors = open_descriptors();
	clock_virtual_init(&fx.clock);
	assert_int_equal(loop_create(&fx.loop, &fx.clock.clock), 0);
	assert_int_equal(conf_read_text(&document, "test", text, sizeof(text) - 1), 0);
	if (conf_load(document, sections, 2) < 0)
		conf_fault_print(document, stderr);
	assert_int_equal(conf_fault_count(document), 0);
	conf_document_destroy(&document);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	gateway_destroy(&fx.gateway);
	conf_free(&dialplan_schema, &fx.tables);
	conf_free(&machine_schema, &fx.machine);
	loop_destroy(&fx.loop);
	assert_int_equal(mem_live_blocks(), 0);
	if (fx.descriptors >= 0)
		assert_int_equal(open_descriptors(), fx.descriptors);
	log_set_sink(NULL, NULL);
	return 0;
}

static int create(void)
{
	struct site *site = NULL;
	struct dialplan *plan = NULL;
	char *faults = NULL;
	int rc = site_wrap(&site, &fx.machine, &fx.tables);

	snprintf(fx.error, sizeof(fx.error), "out of memory");
	if (rc == 0)
		rc = site_compile(site, &fx.tables, &plan, &faults);
	if (rc == 0)
		rc = gateway_create(&fx.gateway, fx.loop, site, plan, fx.error, sizeof(fx.error));
	else if (faults)
		snprintf(fx.error, sizeof(fx.error), "%s", faults);
	mem_free(faults);
	dialplan_unref(&plan);
	site_unref(&site);
	return rc;
}

static struct endpoint *first(const struct list *list)
{
	return list_entry(list->next, struct endpoint, node);
}

static int available(const char *name)
{
	const struct endpoint *endpoint = gateway_endpoint(fx.gateway, name);

	return endpoint->available(endpoint);
}

static void test_build_and_destroy(void **state)
{
	const struct gateway *g;

	(void)state;
	assert_int_equal(create(), 0);
	g = fx.gateway;
	assert_int_equal(g->worker_count, 2);
	assert_string_equal(first(&g->endpoints)->name, "core");
	assert_string_equal(list_entry(g->endpoints.prev, struct endpoint, node)->name, "e1-2");
	assert_ptr_not_equal(gateway_line(g, "line1")->worker, gateway_line(g, "line2")->worker);
	assert_true(gateway_interface(g, "lan")->open);
	assert_null(gateway_interface(g, "wan"));
	assert_null(gateway_line(g, "line3"));
	assert_null(gateway_endpoint(g, "line1"));
	assert_int_equal(rtp_ports_total(g->rtp_ports), 10);
	assert_int_equal(dialplan_route_count(g->plan), 1);
	assert_int_equal(available("core"), 0);
	assert_int_equal(available("e1-1"), -ENETDOWN);
	for (int i = 0; i < 5; i++)
		gateway_step(fx.gateway, 1);
}

/* A group stands for its spans. */
static void test_groups_in_routes(void **state)
{
	struct dp_request request = { .policy = "all", .called = "+44", .calling = "" };
	struct dp_decision decision;

	(void)state;
	assert_int_equal(create(), 0);
	assert_int_equal(dialplan_route(fx.gateway->plan, &request, &decision, NULL), 0);
	assert_int_equal(decision.count, 3);
	assert_string_equal(decision.candidates[0].member, "e1-1");
	assert_string_equal(decision.candidates[1].member, "e1-2");
	assert_string_equal(decision.candidates[2].member, "core");
}

static int taken(uint16_t port)
{
	struct netaddr address;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(netaddr_set(&address, "127.0.0.1", port), 0);
	assert_int_equal(bind(fd, &address.u.sa, netaddr_len(&address)), 0);
	return fd;
}

static void expect_named(uint16_t port, const char *name)
{
	int fd = taken(port);
	int rc = create();

	close(fd);
	assert_int_equal(rc, -EADDRINUSE);
	assert_null(fx.gateway);
	assert_non_null(strstr(fx.error, name));
}

static void test_what_cannot_start_is_named(void **state)
{
	char *line = fx.machine.spans[1].line;
	int rc;

	(void)state;
	expect_named(45070, "interface lan");
	expect_named(45073, "line line2");
	fx.machine.spans[1].line = fx.machine.spans[0].line; /* the timeslot is taken */
	rc = create();
	fx.machine.spans[1].line = line;
	assert_int_equal(rc, -EBUSY);
	assert_non_null(strstr(fx.error, "span e1-2"));
	fx.tables.routes[0].gateways[1].name[0] = 'x';
	assert_int_equal(create(), -EINVAL);
	assert_non_null(strstr(fx.error, "xore"));
	fx.tables.routes[0].gateways[1].name[0] = 'c';
	assert_int_equal(create(), 0);
}

/* gateway_run() ends once gateway_stop() is through. */
static void stop_now(struct loop_timer *timer, void *arg)
{
	(void)timer;
	gateway_stop(arg);
	gateway_stop(arg);
}

static void test_run_until_stopped(void **state)
{
	struct loop_timer timer = { 0 };

	(void)state;
	assert_int_equal(create(), 0);
	loop_timer_start(fx.loop, &timer, 0, stop_now, fx.gateway);
	fx.clock.now_us++;
	assert_int_equal(gateway_run(fx.gateway), 0);
	assert_true(fx.gateway->stopped);
	assert_null(gateway_endpoint(fx.gateway, "e1-1")->target);
	assert_null(gateway_line(fx.gateway, "line2")->line);
}

/* ---- Calls that last ---- */

/* A caller that hears everything and says nothing. */
struct stubborn {
	struct leg leg;
	unsigned releases;
};

static int hear(struct leg *leg, const struct leg_message *message)
{
	((struct stubborn *)leg)->releases += message->type == LEG_RELEASE;
	return 0;
}

static void destroy_stubborn(struct leg *leg)
{
	loop_free_later(fx.loop, leg);
}

static const char *no_word(const struct leg *leg)
{
	(void)leg;
	return NULL;
}

static const struct leg_ops stubborn_ops = { .kind = "stubborn",
					     .media_kind = LEG_MEDIA_PACKETS,
					     .send = hear,
					     .destroy = destroy_stubborn,
					     .key = no_word,
					     .state = no_word };

/* Its number leads nowhere: the call is being cleared, and waits for the leg's last word. */
static struct stubborn *stubborn_call(void)
{
	struct stubborn *leg = mem_zalloc(sizeof(*leg));
	struct leg_info info = { .hops_left = 70 };

	snprintf(info.called.number.digits, NUMBER_DIGITS, "1");
	leg_init(&leg->leg, &stubborn_ops, gateway_endpoint(fx.gateway, "core"));
	call_incoming(fx.gateway, &leg->leg,
		      &(struct leg_message){ .type = LEG_SETUP, .info = &info });
	loop_advance(fx.loop, &fx.clock, 0);
	assert_int_equal(fx.gateway->call_count, 1);
	return leg;
}

static void last_word(struct stubborn *leg)
{
	leg_tell(&leg->leg, &(struct leg_message){ .type = LEG_RELEASE });
}

static void advance_ms(unsigned ms)
{
	loop_advance(fx.loop, &fx.clock, (uint64_t)ms * 1000);
}

/* No new calls; when the last one is gone, the end. */
static void test_calls_finish(void **state)
{
	struct endpoint *core;
	struct stubborn *leg;

	(void)state;
	assert_int_equal(create(), 0);
	leg = stubborn_call();
	core = gateway_endpoint(fx.gateway, "core");
	assert_int_equal(core->references, 2); /* leg and call */
	gateway_finish(fx.gateway, 60000000);
	gateway_finish(fx.gateway, 0); /* has begun already */
	assert_int_equal(available("core"), -ESHUTDOWN);
	advance_ms(30000);
	assert_false(fx.gateway->stopping);
	last_word(leg);
	advance_ms(1);
	assert_true(fx.gateway->stopped);
	assert_int_equal(core->references, 0);
}

static void test_nothing_to_wait_for(void **state)
{
	(void)state;
	assert_int_equal(create(), 0);
	gateway_finish(fx.gateway, 60000000);
	advance_ms(1);
	assert_true(fx.gateway->stopped);
}

/* Their time is over: cleared, then without their spans, then given up. */
static void test_a_leg_without_a_last_word(void **state)
{
	(void)state;
	assert_int_equal(create(), 0);
	stubborn_call();
	gateway_finish(fx.gateway, 2000000);
	advance_ms(1990);
	assert_false(fx.gateway->stopping);
	advance_ms(20);
	assert_true(fx.gateway->stopping);
	assert_non_null(gateway_endpoint(fx.gateway, "e1-1")->target);
	advance_ms(5000);
	assert_null(gateway_endpoint(fx.gateway, "e1-1")->target);
	assert_non_null(gateway_line(fx.gateway, "line1")->line);
	assert_int_equal(fx.gateway->call_count, 1);
	advance_ms(4900);
	assert_false(fx.gateway->stopped);
	advance_ms(200);
	assert_true(fx.gateway->stopped);
	assert_int_equal(fx.gateway->call_count, 0);
	assert_null(gateway_line(fx.gateway, "line1")->line);
}

/* The second signal. */
static void test_no_more_patience(void **state)
{
	struct stubborn *leg;

	(void)state;
	assert_int_equal(create(), 0);
	leg = stubborn_call();
	gateway_finish(fx.gateway, 3600000000);
	advance_ms(1000);
	gateway_stop(fx.gateway);
	advance_ms(10);
	assert_false(fx.gateway->stopped);
	last_word(leg);
	advance_ms(400); /* GATEWAY_FAREWELL_US for the last words on spans */
	assert_true(fx.gateway->stopped);
}

static void test_memory_refused(void **state)
{
	long n = 0;
	int rc;

	(void)state;
	for (;; n++) {
		mem_fail_after(n);
		rc = create();
		if (!mem_failed())
			break;
		mem_fail_after(-1);
		if (rc == 0) /* refused to something that can do without */
			gateway_destroy(&fx.gateway);
		else
			assert_true(fx.error[0]);
		assert_null(fx.gateway);
		fx.error[0] = 0;
	}
	mem_fail_after(-1);
	assert_int_equal(rc, 0);
	assert_in_range(n, 30, 2000);
}

/* Sofia opens its source of random numbers once and for all: before descriptors are counted. */
static int first_time(void **state)
{
	setup(state);
	assert_int_equal(create(), 0);
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
		CASE(test_build_and_destroy),
		CASE(test_groups_in_routes),
		CASE(test_what_cannot_start_is_named),
		CASE(test_run_until_stopped),
		CASE(test_calls_finish),
		CASE(test_nothing_to_wait_for),
		CASE(test_a_leg_without_a_last_word),
		CASE(test_no_more_patience),
		CASE(test_memory_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
