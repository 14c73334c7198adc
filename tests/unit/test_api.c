/* SPDX-License-Identifier: GPL-2.0-only */
/* The API as a client sees it: requests over the socket, answers from a gateway that is put together by hand. */
#include "gateway/api.h"

#include "base/mem.h"
#include "gateway/api_private.h"
#include "gateway/call.h"
#include "gateway/ladder.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define TURNS 2000 /* of the loop, at most, until an answer is there */

/* ---- A gateway: a trunk "core", a span "telco", one call, one ladder ---- */

static char national[] = "National", london[] = "london", staff[] = "staff", carrier[] = "carrier", telco[] = "telco";
static struct dp_rule rules[] = {
	{ .name = "national", .pattern = "^0(\\d+)$", .translation = "+44$1", .type = -1, .plan = -1, .match_type = -1 },
};
static struct dp_ruleset dial_plans[] = { { .name = london, .rules = rules, .rule_count = 1 } };
static struct dp_rule carrier_rules[] = {
	{ .name = "strip", .pattern = "^\\+44(\\d+)$", .translation = "$1", .type = NUMBER_NATIONAL, .plan = -1,
	  .match_type = -1 },
};
static struct dp_ruleset translations[] = { { .name = carrier, .rules = carrier_rules, .rule_count = 1 } };
static char *usages[] = { national };
static struct dp_policy policies[] = { { .name = staff, .usages = usages, .usage_count = 1 } };
static struct dp_gateway_ref refs[] = { { .name = telco, .weight = 1 } };
static struct dp_route routes[] = {
	{ .name = "uk", .pattern = "^\\+44", .usages = usages, .usage_count = 1, .gateways = refs, .gateway_count = 1,
	  .suppress_caller_id = true },
};
static const struct dialplan_tables tables = {
	.dial_plans = dial_plans, .dial_plan_count = 1, .translations = translations, .translation_count = 1,
	.usages = usages, .usage_count = 1, .policies = policies, .policy_count = 1, .routes = routes, .route_count = 1,
};
static const struct dp_gateway_name names[] = { { "core", 0, NULL }, { "telco", 1, NULL } };

static int busy(const struct endpoint *endpoint)
{
	(void)endpoint;
	return -EBUSY;
}

static int ready(const struct endpoint *endpoint)
{
	(void)endpoint;
	return 0;
}

struct fixture {
	struct gateway gateway;
	struct machine_conf conf;
	struct conf_trunk trunk;
	struct conf_span span;
	struct endpoint endpoints[2];
	struct call call;
	struct worker *control;
	struct conf_api conf_api;
	unsigned patience_ms;
	struct api *api;
	char socket[64];
	char reply[65536];
	unsigned status;
	json_t *json;
};

static void add_call(struct fixture *f)
{
	struct call *call = &f->call;

	strcpy(call->id, "01CALL");
	call->gateway = &f->gateway;
	call->fsm.machine = &gateway_call_machine;
	call->ingress = &f->endpoints[0];
	strcpy(call->info.called.number.digits, "0207");
	strcpy(call->called_normalized.digits, "+44207");
	strcpy(call->info.calling.number.digits, "\xff" "100"); /* a peer may send anything */
	call->times.setup_wall_us = 1767225600123456;
	call->times.setup_us = 1;
	list_init(&call->attempts);
	list_append(&f->gateway.calls, &call->node);
	f->gateway.call_count = 1;
}

static void add_ladder(struct fixture *f)
{
	struct trace_sink sink = ladder_book_sink(f->gateway.ladders);
	static const uint8_t setup[] = { 0x08, 0x02, 0x00, 0x01, 0x05 };
	struct trace_record sip = { .wall_us = 1767225600123456, .monotonic_us = 1000, .protocol = TRACE_SIP,
				    .direction = TRACE_IN, .object = "core", .call_key = "abc", .summary = "INVITE",
				    .octets = (const uint8_t *)"INVITE sip:\xff", .length = 12 };
	struct trace_record isdn = { .wall_us = 1767225600124456, .monotonic_us = 2000, .protocol = TRACE_Q931,
				     .direction = TRACE_OUT, .object = "telco", .call_key = "telco/1",
				     .summary = "SETUP", .octets = setup, .length = 5 };

	assert_int_equal(ladder_open(f->gateway.ladders, "01ENDED"), 0);
	ladder_bind(f->gateway.ladders, "01ENDED", "abc", "core");
	ladder_bind(f->gateway.ladders, "01ENDED", "telco/1", "telco");
	trace_emit(&sink, &sip);
	trace_emit(&sink, &isdn);
	ladder_note(f->gateway.ladders, "01ENDED", "the end");
	ladder_close(f->gateway.ladders, "01ENDED");
}

static void fill(struct fixture *f)
{
	f->trunk = (struct conf_trunk){ .name = "core", .interface = "lan", .peer = "192.0.2.1", .max_calls = 30 };
	f->span = (struct conf_span){ .name = "telco", .line = "line" };
	f->conf.trunks = &f->trunk;
	f->conf.trunk_count = 1;
	f->gateway.conf = &f->conf;
	f->endpoints[0] = (struct endpoint){ .name = "core", .kind = "trunk", .dial_plan = london, .policy = staff,
					     .trunk = &f->trunk, .available = ready };
	f->endpoints[1] = (struct endpoint){ .name = "telco", .kind = "span", .index = 1, .called_translation = carrier,
					     .span = &f->span, .available = busy };
	gateway_init_lists(&f->gateway);
	for (unsigned i = 0; i < 2; i++)
		list_append(&f->gateway.endpoints, &f->endpoints[i].node);
	f->gateway.started_wall_us = clock_wall_us(&clock_system) - 5000000;
	f->gateway.counters.calls_total = 7;
}

static struct api_cfg cfg_of(struct fixture *f)
{
	return (struct api_cfg){ .gateway = &f->gateway, .control = f->control, .conf = &f->conf_api,
				 .patience_ms = f->patience_ms };
}

static void close_api(struct fixture *f)
{
	api_destroy(&f->api);
	worker_destroy(&f->control);
}

static void open_api(struct fixture *f, bool inline_thread)
{
	struct worker_cfg control = { .name = "control", .cpu = -1, .clock = &clock_system,
				      .inline_thread = inline_thread };
	struct api_cfg cfg;
	char error[256];

	close_api(f);
	assert_int_equal(worker_create(&f->control, &control, f->gateway.loop), 0);
	cfg = cfg_of(f);
	assert_int_equal(api_create(&f->api, &cfg, error, sizeof(error)), 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	assert_non_null(f);
	fill(f);
	assert_int_equal(loop_create(&f->gateway.loop, &clock_system), 0);
	assert_int_equal(ladder_book_create(&f->gateway.ladders, 10, &clock_system), 0);
	assert_int_equal(dialplan_compile(&f->gateway.plan, &tables, names, 2, NULL, NULL), 0);
	add_call(f);
	add_ladder(f);
	snprintf(f->socket, sizeof(f->socket), "/tmp/test_api-%d/s", getpid());
	f->conf_api.socket = f->socket;
	open_api(f, true);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	json_decref(f->json);
	close_api(f);
	assert_int_equal(access(f->socket, F_OK), -1);
	*strrchr(f->socket, '/') = '\0';
	rmdir(f->socket);
	dialplan_unref(&f->gateway.plan);
	ladder_book_destroy(&f->gateway.ladders);
	loop_destroy(&f->gateway.loop);
	free(f);
	assert_int_equal(mem_live_blocks(), 0);
	return 0;
}

/* ---- A client ---- */

static int open_client(const struct fixture *f)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(address.sun_path, f->socket);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

static void send_text(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* Reads until the server closes. */
static void read_reply(struct fixture *f, int fd)
{
	size_t used = 0;
	ssize_t n = -1;

	for (int turn = 0; turn < TURNS && n != 0; turn++) {
		loop_turn(f->gateway.loop, 5);
		n = read(fd, f->reply + used, sizeof(f->reply) - 1 - used);
		used += n > 0 ? (size_t)n : 0;
	}
	assert_int_equal(n, 0);
	f->reply[used] = '\0';
	close(fd);
}

static json_t *request(struct fixture *f, const char *method, const char *path)
{
	char text[1024], *body;
	int fd = open_client(f);

	snprintf(text, sizeof(text), "%s /api/v1/%s HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n", method, path);
	send_text(fd, text);
	read_reply(f, fd);
	assert_int_equal(sscanf(f->reply, "HTTP/1.1 %u", &f->status), 1);
	body = strstr(f->reply, "\r\n\r\n");
	assert_non_null(body);
	json_decref(f->json);
	f->json = json_loads(body, 0, NULL);
	return f->json;
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "(null)";
}

static const char *error_code(const struct fixture *f)
{
	return text_of(json_object_get(f->json, "error"), "code");
}

/* ---- Cases ---- */

static void tells_status(void **state)
{
	struct fixture *f = *state;
	json_t *status = request(f, "GET", "status");

	assert_int_equal(f->status, 200);
	assert_string_equal(text_of(status, "version"), CAUSEWAY_VERSION);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(status, "calls"), "now")), 1);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(status, "calls"), "total")), 7);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(status, "dialplan"), "routes")), 1);
	assert_int_equal(json_array_size(json_object_get(status, "trunks")), 1);
	assert_int_equal(json_array_size(json_object_get(status, "spans")), 1);
	assert_in_range(json_integer_value(json_object_get(status, "uptime_s")), 5, 60);
}

static void lists_calls(void **state)
{
	struct fixture *f = *state;
	json_t *row = json_array_get(json_object_get(request(f, "GET", "calls"), "calls"), 0);

	assert_string_equal(text_of(row, "id"), "01CALL");
	assert_string_equal(text_of(row, "from"), "core");
	assert_string_equal(text_of(row, "to"), "(null)");
	assert_string_equal(text_of(row, "called"), "+44207");
	assert_string_equal(text_of(row, "calling"), "?100");
	assert_string_equal(text_of(row, "started"), "2026-01-01T00:00:00.123Z");
	row = json_array_get(json_object_get(request(f, "GET", "calls?finished=true"), "calls"), 0);
	assert_string_equal(text_of(row, "id"), "01ENDED");
	assert_string_equal(text_of(row, "from"), "core");
	assert_string_equal(text_of(row, "to"), "telco");
	assert_int_equal(json_integer_value(json_object_get(row, "messages")), 2);
	assert_string_equal(text_of(row, "last_note"), "the end");
}

static void shows_a_call(void **state)
{
	struct fixture *f = *state;
	json_t *call;

	strcpy(f->call.called_normalized.digits, "+44207");
	call = request(f, "GET", "calls/01CALL");
	assert_int_equal(f->status, 200);
	assert_string_equal(text_of(json_object_get(json_object_get(call, "received"), "called"), "digits"), "0207");
	assert_string_equal(text_of(json_object_get(json_object_get(call, "normalized"), "called"), "digits"), "+44207");
	assert_int_equal(json_array_size(json_object_get(call, "attempts")), 0);
	request(f, "GET", "calls/02CALL");
	assert_int_equal(f->status, 404);
	assert_string_equal(error_code(f), "no-such-call");
	request(f, "DELETE", "calls/02CALL");
	assert_int_equal(f->status, 404);
}

static void traces_a_call(void **state)
{
	struct fixture *f = *state;
	json_t *entries = json_object_get(request(f, "GET", "calls/01ENDED/trace"), "entries");
	json_t *first = json_array_get(entries, 0), *second = json_array_get(entries, 1);

	assert_string_equal(text_of(first, "protocol"), "sip");
	assert_string_equal(text_of(first, "direction"), "in");
	assert_string_equal(text_of(first, "octets"), "INVITE sip:?");
	assert_string_equal(text_of(second, "protocol"), "q931");
	assert_string_equal(text_of(second, "octets"), "0802000105");
	assert_string_equal(text_of(second, "column"), "telco");
	assert_string_equal(text_of(request(f, "GET", "calls/last/trace"), "id"), "01ENDED");
	request(f, "GET", "calls/01CALL/trace");
	assert_int_equal(f->status, 404);
}

static void tests_routes(void **state)
{
	struct fixture *f = *state;
	json_t *test = request(f, "GET", "route-test?number=0207&from=core&calling=0161"), *candidate, *step;
	size_t i;
	unsigned unmatched_without_reason = 0;

	assert_int_equal(f->status, 200);
	assert_string_equal(text_of(json_object_get(test, "called_normalized"), "digits"), "+44207");
	candidate = json_array_get(json_object_get(test, "candidates"), 0);
	assert_string_equal(text_of(candidate, "gateway"), "telco");
	assert_string_equal(text_of(candidate, "route"), "uk");
	assert_string_equal(text_of(json_object_get(candidate, "called_sent"), "digits"), "207");
	assert_string_equal(text_of(json_object_get(candidate, "called_sent"), "type"), "national");
	assert_string_equal(text_of(json_object_get(candidate, "calling_sent"), "presentation"), "restricted");
	assert_true(json_is_false(json_object_get(candidate, "available")));
	assert_int_equal(json_integer_value(json_object_get(json_object_get(candidate, "unavailable_cause"), "value")),
			 Q850_NO_CIRCUIT);
	json_array_foreach(json_object_get(test, "steps"), i, step)
		if (json_is_false(json_object_get(step, "matched")) && !json_string_value(json_object_get(step, "why")))
			unmatched_without_reason++;
	assert_int_equal(unmatched_without_reason, 0);
	test = request(f, "GET", "route-test?number=999&from=core");
	assert_int_equal(json_array_size(json_object_get(test, "candidates")), 0);
	request(f, "GET", "route-test?number=0207&from=moon");
	assert_int_equal(f->status, 404);
	assert_string_equal(error_code(f), "no-such-endpoint");
	assert_non_null(strstr(f->reply, "core, telco"));
	request(f, "GET", "route-test?from=core");
	assert_int_equal(f->status, 400);
	request(f, "GET", "route-test?from=core&number=1&type=galactic");
	assert_string_equal(error_code(f), "no-such-type");
	test = request(f, "GET", "route-test?from=core&number=1&type=national");
	assert_string_equal(text_of(json_object_get(test, "called_normalized"), "type"), "national");
	request(f, "GET", "route-test?from=core&number="
		"1234567890123456789012345678901234567890123456789012345678901234");
	assert_string_equal(error_code(f), "long-number");
}

static void refuses_what_is_not_there(void **state)
{
	struct fixture *f = *state;

	request(f, "GET", "moon");
	assert_int_equal(f->status, 404);
	assert_string_equal(error_code(f), "no-such-path");
	request(f, "DELETE", "status");
	assert_int_equal(f->status, 405);
	request(f, "GET", "calls/a/b");
	assert_int_equal(f->status, 404);
	request(f, "GET", "calls/");
	assert_int_equal(f->status, 404);
	request(f, "GET", "spans/nowhere");
	assert_int_equal(f->status, 404);
	assert_string_equal(error_code(f), "no-such-span");
	request(f, "GET", "../../etc/passwd");
	assert_int_equal(f->status, 404);
}

/* A body is read and dropped; a client that goes away in the middle, or speaks no HTTP, harms nobody. */
static void bears_bad_clients(void **state)
{
	struct fixture *f = *state;
	int fd = open_client(f);

	send_text(fd, "GET /api/v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4\r\n\r\nabcd");
	read_reply(f, fd);
	assert_non_null(strstr(f->reply, "200 OK"));
	fd = open_client(f);
	send_text(fd, "GET /api/v1/status HTTP/1.1\r\nHost: x\r\n\r\n");
	loop_turn(f->gateway.loop, 5); /* raised, and the client is gone */
	close(fd);
	fd = open_client(f);
	send_text(fd, "\x16\x03\x01 nonsense\r\n\r\n");
	read_reply(f, fd);
	request(f, "GET", "trunks");
	assert_int_equal(f->status, 200);
	assert_string_equal(text_of(json_array_get(json_object_get(f->json, "trunks"), 0), "peer"), "192.0.2.1");
}

/* ---- Bodies, arguments, names ---- */

static void send_body(struct fixture *f, const char *method, const char *path, size_t length, char fill)
{
	char head[400], piece[4096];
	int fd = open_client(f);

	snprintf(head, sizeof(head), "%s /api/v1/%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n",
		 method, path, length);
	send_text(fd, head);
	memset(piece, fill, sizeof(piece));
	while (length) {
		ssize_t n = write(fd, piece, length < sizeof(piece) ? length : sizeof(piece));

		length -= n > 0 ? (size_t)n : 0;
		loop_turn(f->gateway.loop, 0);
	}
	read_reply(f, fd);
	assert_int_equal(sscanf(f->reply, "HTTP/1.1 %u", &f->status), 1);
	json_decref(f->json);
	f->json = json_loads(strstr(f->reply, "\r\n\r\n"), 0, NULL);
}

static void bounds_bodies(void **state)
{
	struct fixture *f = *state;

	send_body(f, "POST", "tables/usages", API_BODY_MAX + 1, 'x');
	assert_int_equal(f->status, 413);
	assert_string_equal(error_code(f), "too-large");
	send_body(f, "POST", "tables/usages", API_BODY_MAX, 'x'); /* read whole, to nobody */
	assert_int_equal(f->status, 503);
	assert_string_equal(error_code(f), "no-tables");
	send_body(f, "POST", "apply", API_BODY_MAX + 1, 'x');
	assert_int_equal(f->status, 503);
	send_body(f, "POST", "nothing", API_BODY_MAX + 1, 'x'); /* refused before, heard to the end */
	assert_int_equal(f->status, 404);
	send_body(f, "GET", "status", 3 * API_BODY_MAX, 'x');
	assert_int_equal(f->status, 200);
}

static void minds_arguments(void **state)
{
	struct fixture *f = *state;
	char path[600];

	request(f, "GET", "status?verbose=true");
	assert_string_equal(error_code(f), "bad-argument");
	request(f, "GET", "calls?finishd=true");
	assert_non_null(strstr(f->reply, "accepted: finished"));
	/* One that is meant as yes is not taken for no. */
	request(f, "GET", "calls?finished=yes");
	assert_int_equal(f->status, 400);
	request(f, "POST", "apply?dry-run=True");
	assert_int_equal(f->status, 400);
	request(f, "GET", "calls?finished=false");
	assert_int_equal(f->status, 200);
	request(f, "GET", "calls?finished");
	assert_int_equal(f->status, 200);
	assert_int_equal(json_array_size(json_object_get(f->json, "calls")), 1);
	request(f, "GET", "calls?%66inished=%74rue"); /* decoded */
	assert_string_equal(text_of(json_array_get(json_object_get(f->json, "calls"), 0), "id"), "01ENDED");
	request(f, "GET", "calls?finished=%00");
	assert_string_equal(error_code(f), "bad-argument");
	memset(path, 'x', sizeof(path));
	memcpy(path, "calls?finished=", 15);
	path[400] = '\0';
	request(f, "GET", path);
	assert_string_equal(error_code(f), "bad-argument");
	strcpy(path, "calls?");
	for (int i = 0; i < API_ARGUMENTS + 1; i++)
		strcat(path, "finished=1&");
	request(f, "GET", path);
	assert_string_equal(error_code(f), "bad-argument");
	request(f, "GET", "calls/%30%31CALL");
	assert_int_equal(f->status, 200);
	request(f, "GET", "calls/01CALL%00");
	assert_int_equal(f->status, 404);
	request(f, "GET", "calls/01CALL%2Ftrace"); /* a slash within a name divides nothing */
	assert_string_equal(error_code(f), "no-such-call");
}

static void decodes(void **state)
{
	char out[8];

	(void)state;
	assert_true(api_decode(out, sizeof(out), "a%2Fb%", 6));
	assert_string_equal(out, "a/b%");
	assert_true(api_decode(out, sizeof(out), "%zz%4", 5));
	assert_string_equal(out, "%zz%4");
	assert_true(api_decode(out, sizeof(out), "%4", 2));
	assert_true(api_decode(out, sizeof(out), "", 0));
	assert_true(api_decode(out, sizeof(out), "1234567", 7));
	assert_false(api_decode(out, sizeof(out), "12345678", 8));
	assert_false(api_decode(out, sizeof(out), "a%00", 4));
	assert_true(api_decode(out, sizeof(out), "%C3%bc", 6));
	assert_string_equal(out, "ü");
	assert_false(api_decode(out, sizeof(out), "%ff", 3));
	assert_false(api_decode(out, sizeof(out), "%C3", 3));
}

/* Every endpoint of a gateway that has neither tables nor records: a sentence each. */
static void answers_without_tables(void **state)
{
	struct fixture *f = *state;
	const struct api_endpoint *endpoint;

	for (size_t i = 0; (endpoint = api_endpoint_at(i)); i++) {
		char path[100], *star;

		if (strstr(endpoint->path, "able") && endpoint->live)
			continue; /* the switch needs trunks of a stack */
		snprintf(path, sizeof(path), "%s", endpoint->path);
		while ((star = strchr(path, '*')))
			*star = 'x';
		request(f, endpoint->method, path);
		assert_true(f->status == 200 || error_code(f)[0] != '(');
		if (!endpoint->live && strncmp(path, "cdrs", 4) != 0)
			assert_string_equal(error_code(f), "no-tables");
	}
	request(f, "GET", "cdrs");
	assert_string_equal(error_code(f), "no-records");
}

/* ---- Tokens ---- */

/* SHA-256 of "read-secret" and "admin-secret". */
static char read_hash[65], admin_hash[65], reader[] = "a reader", boss[] = "the boss";

static void hash(const char *token, char out[65])
{
	unsigned char octets[32];

	assert_int_equal(EVP_Digest(token, strlen(token), octets, NULL, EVP_sha256(), NULL), 1);
	for (size_t i = 0; i < sizeof(octets); i++)
		snprintf(out + 2 * i, 3, i % 2 ? "%02x" : "%02X", octets[i]);
}

static unsigned ask_tcp(struct fixture *f, const char *method, const char *path, const char *header)
{
	char text[600];
	int fd = socket(netaddr_family(&f->conf_api.listen), SOCK_STREAM, 0);

	assert_int_equal(connect(fd, &f->conf_api.listen.u.sa, netaddr_len(&f->conf_api.listen)), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	snprintf(text, sizeof(text), "%s /api/v1/%s HTTP/1.1\r\nHost: x\r\n%sConnection: close\r\n\r\n", method, path, header);
	send_text(fd, text);
	read_reply(f, fd);
	assert_int_equal(sscanf(f->reply, "HTTP/1.1 %u", &f->status), 1);
	return f->status;
}

static void choose_port(struct netaddr *address)
{
	socklen_t length = sizeof(*address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(netaddr_set(address, "127.0.0.1", 0), 0);
	assert_int_equal(bind(fd, &address->u.sa, netaddr_len(address)), 0);
	assert_int_equal(getsockname(fd, &address->u.sa, &length), 0);
	close(fd);
}

static void wants_tokens_on_tcp(void **state)
{
	struct fixture *f = *state;
	struct conf_access access[] = {
		{ .token_sha256 = read_hash, .name = reader, .role = CONF_READ },
		{ .token_sha256 = admin_hash, .name = boss, .role = CONF_ADMIN },
	};

	hash("read-secret", read_hash);
	hash("admin-secret", admin_hash);
	f->conf_api.access = access;
	f->conf_api.access_count = 2;
	choose_port(&f->conf_api.listen);
	open_api(f, true);
	assert_int_equal(ask_tcp(f, "GET", "status", ""), 401);
	assert_non_null(strstr(f->reply, "WWW-Authenticate: Bearer"));
	assert_int_equal(ask_tcp(f, "GET", "status", "Authorization: Bearer read-secre\r\n"), 401);
	assert_int_equal(ask_tcp(f, "GET", "status", "Authorization: Basic read-secret\r\n"), 401);
	assert_int_equal(ask_tcp(f, "GET", "status", "Authorization: bearer  read-secret\r\n"), 200);
	assert_int_equal(ask_tcp(f, "DELETE", "calls/x", "Authorization: Bearer read-secret\r\n"), 403);
	assert_non_null(strstr(f->reply, "needs the role operate; a reader has the role read"));
	assert_int_equal(ask_tcp(f, "DELETE", "calls/x", "Authorization: Bearer admin-secret\r\n"), 404);
	assert_int_equal(ask_tcp(f, "GET", "nothing", ""), 404);
	request(f, "GET", "status"); /* the socket asks for none of its owner */
	assert_int_equal(f->status, 200);
	f->conf_api.access_count = 0;
	memset(&f->conf_api.listen, 0, sizeof(f->conf_api.listen));
}

/* What is under way when the gateway goes down is freed. */
static void goes_down_with_requests_open(void **state)
{
	struct fixture *f = *state;
	int fds[3];

	for (int i = 0; i < 3; i++) {
		fds[i] = open_client(f);
		send_text(fds[i], "GET /api/v1/status HTTP/1.1\r\nHost: x\r\n\r\n");
		loop_turn(f->gateway.loop, 5);
	}
	api_destroy(&f->api);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
}

static void keeps_its_socket(void **state)
{
	struct fixture *f = *state;
	struct api *second = NULL;
	struct api_cfg cfg = cfg_of(f);
	struct conf_api elsewhere = f->conf_api;
	char error[256], path[256];
	struct stat st;

	assert_int_equal(api_create(&second, &cfg, error, sizeof(error)), -EADDRINUSE);
	assert_non_null(strstr(error, "is gatewayd running already?"));
	assert_non_null(strstr(error, f->socket));
	assert_int_equal(stat(f->socket, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	cfg.conf = &elsewhere;
	elsewhere.socket = path;
	assert_int_equal(api_create(&second, &cfg, error, sizeof(error)), -ENAMETOOLONG);
	elsewhere.socket = (char *)"/proc/nowhere/at/all";
	assert_true(api_create(&second, &cfg, error, sizeof(error)) < 0);
	assert_non_null(strstr(error, "can't listen at /proc/nowhere/at/all"));
}

/* A path given by mistake: what lies there is not ours to remove. */
static void leaves_a_file_alone(void **state)
{
	char path[] = "/tmp/causeway-api-XXXXXX", error[200];
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(api_socket_free(path, error, sizeof(error)), -EEXIST);
	assert_non_null(strstr(error, "is no socket"));
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(api_socket_free(path, error, sizeof(error)), 0);
}

/* One that was left behind by a crash is replaced. */
static void replaces_a_stale_socket(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	close_api(f);
	strcpy(address.sun_path, f->socket);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	open_api(f, true);
	request(f, "GET", "status");
	assert_int_equal(f->status, 200);
}

/* The same over two threads: this one is the signalling thread, the API has its own. */
static void serves_from_its_own_thread(void **state)
{
	struct fixture *f = *state;

	open_api(f, false);
	for (int i = 0; i < 20; i++) {
		request(f, "GET", i % 2 ? "calls" : "route-test?number=0207&from=core");
		assert_int_equal(f->status, 200);
	}
}

/* The signalling thread does not come round: 503, and what it answers later harms nobody. */
static void loses_patience(void **state)
{
	struct fixture *f = *state;
	ssize_t n;
	int fd;

	f->patience_ms = 20;
	open_api(f, false);
	fd = open_client(f);
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	send_text(fd, "GET /api/v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	n = read(fd, f->reply, sizeof(f->reply) - 1);
	assert_true(n > 0);
	f->reply[n] = '\0';
	assert_non_null(strstr(f->reply, "HTTP/1.1 503"));
	close(fd);
	request(f, "GET", "status"); /* both are served now */
	assert_int_equal(f->status, 200);
	for (int i = 0; i < 2; i++) { /* and one that is never */
		fd = open_client(f);
		send_text(fd, "GET /api/v1/status HTTP/1.1\r\nHost: x\r\n\r\n");
		close(fd);
	}
}

/* A store that is closed tells of what waited when nobody has it any more. */
static void says_that_the_store_has_gone(void **state)
{
	static const int results[] = { -ECANCELED, -ETIMEDOUT, -EIO };

	(void)state;
	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		struct api_reply reply = { 0 };

		api_refuse_store(&reply, NULL, results[i], "");
		assert_int_equal(reply.status, 503);
		api_reply_free(&reply);
	}
}

static void survives_want_of_memory(void **state)
{
	struct fixture *f = *state;
	struct api_cfg cfg = cfg_of(f);
	char error[256];
	long n;
	int rc;

	for (n = 0; n < 4; n++) { /* a request then gets an error or a closed connection */
		int fd = open_client(f);

		send_text(fd, "GET /api/v1/calls HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
		mem_fail_after(n);
		read_reply(f, fd);
		mem_fail_after(-1);
	}
	n = 0;
	do { /* a trace has octets, and a text for them */
		int fd = open_client(f);

		send_text(fd, "GET /api/v1/calls/01ENDED/trace HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
		mem_fail_after(n++);
		f->reply[0] = '\0';
		read_reply(f, fd);
	} while (mem_failed());
	mem_fail_after(-1);
	assert_true(n > 2);
	assert_non_null(strstr(f->reply, "0802000105"));
	n = 0;
	do {
		api_destroy(&f->api);
		mem_fail_after(n++);
		rc = api_create(&f->api, &cfg, error, sizeof(error));
		assert_true(rc == 0 || rc == -ENOMEM);
		assert_int_equal(rc != 0, f->api == NULL);
	} while (mem_failed());
	mem_fail_after(-1);
	assert_int_equal(rc, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(tells_status, setup, teardown),
		cmocka_unit_test_setup_teardown(lists_calls, setup, teardown),
		cmocka_unit_test_setup_teardown(shows_a_call, setup, teardown),
		cmocka_unit_test_setup_teardown(traces_a_call, setup, teardown),
		cmocka_unit_test_setup_teardown(tests_routes, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses_what_is_not_there, setup, teardown),
		cmocka_unit_test_setup_teardown(bears_bad_clients, setup, teardown),
		cmocka_unit_test_setup_teardown(bounds_bodies, setup, teardown),
		cmocka_unit_test_setup_teardown(minds_arguments, setup, teardown),
		cmocka_unit_test_setup_teardown(decodes, setup, teardown),
		cmocka_unit_test_setup_teardown(answers_without_tables, setup, teardown),
		cmocka_unit_test_setup_teardown(wants_tokens_on_tcp, setup, teardown),
		cmocka_unit_test_setup_teardown(goes_down_with_requests_open, setup, teardown),
		cmocka_unit_test_setup_teardown(keeps_its_socket, setup, teardown),
		cmocka_unit_test_setup_teardown(leaves_a_file_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(replaces_a_stale_socket, setup, teardown),
		cmocka_unit_test_setup_teardown(serves_from_its_own_thread, setup, teardown),
		cmocka_unit_test_setup_teardown(loses_patience, setup, teardown),
		cmocka_unit_test_setup_teardown(says_that_the_store_has_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(survives_want_of_memory, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
