/* SPDX-License-Identifier: GPL-2.0-only */
/* The tables' half of the API with a store behind it: each request, and each with every allocation
 * of its way refused in turn: it gets an answer or a closed connection, what it says is true, and
 * nothing is left. Signalling and control thread are this one, the store has its own. */
#include "gateway/api.h"

#include "base/log.h"
#include "base/mem.h"
#include "gateway/admin_private.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_TURNS 4000
#define TURN_MS 5
#define SWEEP_MOST 3000 /* allocations of one request */

static const char machine[] =
	"sip-interfaces: { lan: { address: \"127.0.0.1:5060\" } }\n"
	"trunks:\n"
	"  core: { interface: lan, peer: 192.0.2.1, dial-plan: uk, policy: all }\n"
	"dial-plans: { uk: [ { name: e164, pattern: '^\\+', translation: '$&' } ] }\n"
	"usages: [out]\n"
	"policies: { all: [out] }\n"
	"routes: { all: { pattern: '^', usages: [out], gateways: [core] } }\n"
	"store: %s\n";

static struct fixture {
	char folder[64], socket[96];
	struct conf_api conf;
	struct gateway gateway;
	struct site *site;
	struct worker *control;
	struct admin_start start;
	struct admin *admin;
	struct api *api;
	char reply[65536];
	unsigned status; /* 0: the connection was closed without an answer */
} fx;

/* ---- Fixture ---- */

static void drop_line(enum log_level level, const char *line, void *arg)
{
	(void)level;
	(void)line;
	(void)arg;
}

static void load_tables(void)
{
	char text[4096], *faults = NULL;

	snprintf(text, sizeof(text), machine, fx.folder);
	assert_int_equal(site_read_text(&fx.site, "gateway.yaml", text, &faults), 0);
	assert_int_equal(admin_load(&fx.start, fx.site, &faults), 0);
}

static int setup(void **state)
{
	struct worker_cfg control = {
		.name = "control", .cpu = -1, .clock = &clock_system, .inline_thread = true
	};
	struct admin_cfg admin = { .gateway = &fx.gateway, .start = &fx.start };
	struct api_cfg api = { .gateway = &fx.gateway, .conf = &fx.conf };
	char error[512];

	(void)state;
	memset(&fx, 0, sizeof(fx));
	gateway_init_lists(&fx.gateway);
	log_set_sink(drop_line, NULL);
	snprintf(fx.folder, sizeof(fx.folder), "/tmp/test_api_tables-XXXXXX");
	assert_non_null(mkdtemp(fx.folder));
	snprintf(fx.socket, sizeof(fx.socket), "%s/socket", fx.folder);
	fx.conf.socket = fx.socket;
	load_tables();
	assert_int_equal(loop_create(&fx.gateway.loop, &clock_system), 0);
	assert_int_equal(worker_create(&fx.control, &control, fx.gateway.loop), 0);
	fx.gateway.plan = dialplan_ref(fx.start.plan);
	admin.site = fx.site;
	admin.control = api.control = fx.control;
	assert_int_equal(admin_create(&fx.admin, &admin, error, sizeof(error)), 0);
	api.admin = fx.admin;
	assert_int_equal(api_create(&fx.api, &api, error, sizeof(error)), 0);
	return 0;
}

static int remove_one(const char *path, const struct stat *info, int flag, struct FTW *at)
{
	(void)info;
	(void)flag;
	(void)at;
	return remove(path);
}

static int teardown(void **state)
{
	(void)state;
	api_destroy(&fx.api);
	admin_destroy(&fx.admin);
	worker_destroy(&fx.control);
	dialplan_unref(&fx.gateway.plan);
	loop_destroy(&fx.gateway.loop);
	admin_start_free(&fx.start);
	site_unref(&fx.site);
	nftw(fx.folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	log_set_sink(NULL, NULL);
	assert_int_equal(mem_live_blocks(), 0);
	return 0;
}

/* ---- Asking ---- */

static void read_reply(int fd)
{
	size_t used = 0;
	ssize_t n = -1;

	for (int turn = 0; turn < WAIT_TURNS && n != 0; turn++) {
		loop_turn(fx.gateway.loop, TURN_MS);
		n = read(fd, fx.reply + used, sizeof(fx.reply) - 1 - used);
		if (n < 0 && errno == ECONNRESET)
			n = 0;
		used += n > 0 ? (size_t)n : 0;
	}
	assert_int_equal(n, 0);
	fx.reply[used] = '\0';
}

static unsigned ask(const char *method, const char *path, const char *body)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char text[2048];
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", fx.socket);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	snprintf(text, sizeof(text),
		 "%s /api/v1/%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
		 "Content-Length: %zu\r\n\r\n%s",
		 method, path, strlen(body), body);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	read_reply(fd);
	close(fd);
	fx.status = 0;
	sscanf(fx.reply, "HTTP/1.1 %u", &fx.status);
	return fx.status;
}

static void has(const char *piece)
{
	if (!strstr(fx.reply, piece))
		fail_msg("no %s in %s", piece, fx.reply);
}

/* ---- Tests ---- */

static const struct {
	const char *method, *path, *body;
	unsigned status;
	const char *piece;
} rows[] = {
	{ "GET", "tables/routes", "", 200, "\"gateways\":" },
	{ "GET", "tables/rules?parent=uk", "", 200, "\"e164\"" },
	{ "GET", "tables/routes/all", "", 200, "\"revision\":" },
	{ "GET", "tables/routes/al", "", 404, "did you mean all?" },
	{ "GET", "export", "", 200, "routes:" },
	{ "GET", "history", "", 200, "seed from gateway.yaml" },
	{ "GET", "history/1", "", 200, "\"diff\":" },
	{ "GET", "store", "", 200, "\"tables\":" },
	{ "GET", "cdrs", "", 404, "no-records" },
	{ "POST", "tables/usages?dry-run=true", "{\"name\":\"x\"}", 200, "\"changed\":true" },
	{ "PATCH", "tables/routes/all?dry-run=true", "{\"priority\":5}", 200, "\"diff\":" },
	{ "PUT", "tables/routes/all?dry-run=true", "{}", 422, "pattern" },
	{ "POST", "tables/usages/out/rename?dry-run=true", "{\"to\":\"in\"}", 200, "\"in\"" },
	{ "POST", "apply?dry-run=true", "usages: [a, b]", 422, "\"faults\":" },
	{ "POST", "rollback/1?dry-run=true", "", 200, "\"changed\":false" },
	{ "DELETE", "tables/policies/all", "", 422, "core" },
};

static void answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (ask(rows[i].method, rows[i].path, rows[i].body) != rows[i].status)
			fail_msg("%s %s: %s", rows[i].method, rows[i].path, fx.reply);
		has(rows[i].piece);
	}
}

/* Without memory an answer is the right one, or says that something is missing on our side. */
static void survives_want_of_memory(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool failed = true;

		for (long n = 0; failed && n < SWEEP_MOST; n++) {
			mem_fail_after(n);
			ask(rows[i].method, rows[i].path, rows[i].body);
			failed = mem_failed();
			mem_fail_after(-1);
			if (fx.status && fx.status != rows[i].status && fx.status < 500)
				fail_msg("%s %s, allocation %ld: %s", rows[i].method, rows[i].path,
					 n, fx.reply);
		}
		assert_false(failed);
		assert_int_equal(fx.status, rows[i].status);
		has(rows[i].piece);
	}
}

/* A change is stored or not: what was answered with 201 is there, once. */
static void changes_whole_or_not_at_all(void **state)
{
	bool failed = true;

	(void)state;
	for (long n = 0; failed && n < SWEEP_MOST; n++) {
		bool told;

		mem_fail_after(n);
		told = ask("POST", "tables/usages", "{\"name\":\"new\"}") == 201;
		failed = mem_failed();
		mem_fail_after(-1);
		ask("GET", "tables/usages/new", "");
		assert_true(fx.status == 200 || (fx.status == 404 && !told));
		if (fx.status == 200)
			assert_int_equal(ask("DELETE", "tables/usages/new", ""), 200);
	}
	assert_false(failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(answers, setup, teardown),
		cmocka_unit_test_setup_teardown(survives_want_of_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(changes_whole_or_not_at_all, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
