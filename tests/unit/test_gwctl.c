/* SPDX-License-Identifier: GPL-2.0-only */
/* What gwctl prints and returns for what the daemon answers, and what it says when there is none.
 */
#include "gwctl_fixture.h"

#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

/* With colours, as on a terminal. */
static int run_with(struct fixture *f, bool colour, const char *line)
{
	int rc;

	f->colour = colour;
	rc = run(f, line);
	f->colour = false;
	return rc;
}

/* ---- The command line ---- */

static void helps(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "--help"), GWCTL_DONE);
	has(f->out, "call trace ID|last");
	has(f->out, "Exit codes");
	assert_int_equal(run(f, "help"), GWCTL_DONE);
	assert_int_equal(run(f, ""), GWCTL_USAGE);
	assert_int_equal(run(f, "call --help"), GWCTL_DONE);
	has(f->out, "gwctl call hangup ID");
	assert_int_equal(run(f, "help call"), GWCTL_DONE);
	has(f->out, "gwctl call hangup ID");
	assert_int_equal(run(f, "help call show"), GWCTL_DONE);
	has(f->out, "Usage: gwctl call show ID");
	assert_int_equal(run(f, "call show --help"), GWCTL_DONE);
	has(f->out, "Usage: gwctl call show ID");
	assert_int_equal(run(f, "--version"), GWCTL_DONE);
	assert_string_equal(f->out, "gwctl " CAUSEWAY_VERSION "\n");
	assert_string_equal(f->asked, "");
}

static void offers_the_nearest(void **state)
{
	static const struct {
		const char *line, *says;
	} rows[] = {
		{ "cal list", "did you mean \"call list\"?" },
		{ "call lsit", "did you mean \"call list\"?" },
		{ "statsu", "did you mean \"status\"?" },
		{ "span shwo x", "did you mean \"span show\"?" },
		{ "frobnicate", "there are: status, top, route, usage" },
		{ "call",
		  "\"call\" needs another word: call list, call show, call trace, call hangup" },
		{ "calls", "did you mean \"call list\"?" },
		{ "spans e1", "did you mean \"span list\"?" },
		{ "status --json=1", "--json takes no value" },
		{ "--socket= status", "--socket needs a value" },
		{ "status --jsno", "did you mean --json?" },
		{ "status --frobnicate", "there is no option --frobnicate" },
		{ "call show", "usage: gwctl call show ID" },
		{ "call show a b", "usage: gwctl call show ID" },
		{ "status --from x", "--from does not belong to `status`" },
		{ "call list --calling 1", "--calling does not belong" },
		{ "route test 1", "Add --from" },
		{ "route test 1 --from", "--from needs a value" },
		{ "status --colour blue", "auto, always or never" },
		{ "a b c d e f g h i", "too many words" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(run(f, rows[i].line), GWCTL_USAGE);
		has(f->err, rows[i].says);
		assert_string_equal(f->out, "");
	}
	assert_string_equal(f->asked, "");
}

static void asks_for_the_right_thing(void **state)
{
	static const struct {
		const char *line, *asked;
	} rows[] = {
		{ "status", "GET /api/v1/status" },
		{ "call list", "GET /api/v1/calls" },
		{ "call list --finished", "GET /api/v1/calls?finished=true" },
		{ "call show 01A", "GET /api/v1/calls/01A" },
		{ "call show ../a?b", "GET /api/v1/calls/..%2Fa%3Fb" },
		{ "call trace last", "GET /api/v1/calls/last/trace" },
		{ "call hangup 01A", "DELETE /api/v1/calls/01A" },
		{ "span list", "GET /api/v1/spans" },
		{ "span show e1-1", "GET /api/v1/spans/e1-1" },
		{ "trunk list", "GET /api/v1/trunks" },
		{ "route test +44207 --from core",
		  "GET /api/v1/route-test?number=%2B44207&from=core&calling=&type=" },
		{ "route --calling=0 --from=a&b test 1",
		  "GET /api/v1/route-test?number=1&from=a%26b&calling=0&type=" },
		{ "route test 1 --from a --type national",
		  "GET /api/v1/route-test?number=1&from=a&calling=&type=national" },
	};
	struct fixture *f = *state;

	f->body = "{}";
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		run(f, rows[i].line);
		assert_string_equal(f->asked, rows[i].asked);
		assert_string_equal(f->socket, GWCTL_SOCKET);
	}
	run(f, "status --socket /tmp/x");
	assert_string_equal(f->socket, "/tmp/x");
}

/* ---- When something is wrong ---- */

static void says_what_to_do(void **state)
{
	static const struct {
		int rc, exit;
		const char *says;
	} rows[] = {
		{ -ENOENT, GWCTL_NO_DAEMON,
		  "gatewayd is not running: there is no socket " GWCTL_SOCKET },
		{ -ECONNREFUSED, GWCTL_NO_DAEMON, "nobody listens at " GWCTL_SOCKET },
		{ -EACCES, GWCTL_NO_DAEMON, "be root, or let `api: group:`" },
		{ -ETIMEDOUT, GWCTL_FAILED, "does not answer" },
		{ -ECONNRESET, GWCTL_FAILED, "ended while it was asked" },
		{ -ENOTSOCK, GWCTL_NO_DAEMON, "is no socket" },
		{ -ENAMETOOLONG, GWCTL_NO_DAEMON, "too long for a socket" },
		{ -EPROTO, GWCTL_FAILED, "what answers at " GWCTL_SOCKET " is not gatewayd" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		f->rc = rows[i].rc;
		assert_int_equal(run(f, "status"), rows[i].exit);
		has(f->err, rows[i].says);
		assert_string_equal(f->out, "");
	}
	assert_int_equal(run(f, "status --json"), GWCTL_FAILED);
	has(f->err, "{\"error\":{\"code\":\"failed\",");
}

static void passes_refusals_on(void **state)
{
	struct fixture *f = *state;

	f->body = "{\"error\":{\"code\":\"no-such-call\",\"message\":\"no call 1\\u001b[2J\"}}";
	f->status = 404;
	assert_int_equal(run(f, "call show 1"), GWCTL_NOT_FOUND);
	assert_string_equal(f->err, "gwctl: no call 1?[2J\n");
	f->status = 400;
	assert_int_equal(run(f, "call show 1"), GWCTL_USAGE);
	f->status = 503;
	assert_int_equal(run(f, "call show 1 --json"), GWCTL_FAILED);
	has(f->err, "\"code\":\"no-such-call\"");
	f->body = NULL;
	f->status = 200;
	assert_int_equal(run(f, "status"), GWCTL_FAILED);
	has(f->err, "is not gatewayd");
}

/* ---- What is shown ---- */

static void lists_calls(void **state)
{
	struct fixture *f = *state;

	f->body = "{\"calls\":[{\"id\":\"01A\",\"state\":\"answered\",\"from\":\"core\",\"to\":"
		  "\"telco\",\"calling\":\"+441\","
		  "\"called\":\"+44207\\u001b[31m\",\"started\":\"2026-01-01T10:20:30.123Z\","
		  "\"talking_ms\":61500.5,"
		  "\"answered\":true},{\"id\":\"01BCD\",\"state\":\"ringing\",\"from\":\"core\","
		  "\"to\":null,"
		  "\"calling\":null,\"called\":\"2\",\"started\":null,\"talking_ms\":null,"
		  "\"answered\":false}],\"left_out\":3}";
	assert_int_equal(run(f, "call list"), GWCTL_DONE);
	assert_string_equal(
		f->out,
		"CALL   STATE     FROM  TO     CALLING  CALLED       STARTED (UTC)        TALKING\n"
		"01A    answered  core  telco  +441     +44207?[31m  2026-01-01 10:20:30     1:01\n"
		"01BCD  ringing   core  -      -        2            -                          -\n"
		"… and 3 more\n");
	assert_int_equal(run_with(f, true, "call list"), GWCTL_DONE);
	has(f->out, "\033[32manswered\033[0m");
	assert_int_equal(run_with(f, true, "call list --colour never"), GWCTL_DONE);
	assert_null(strchr(f->out, '\033'));
	assert_int_equal(run(f, "call list --json"), GWCTL_DONE);
	has(f->out, "\"talking_ms\": 61500.5");
	f->body = "{\"calls\":[],\"left_out\":0}";
	assert_int_equal(run(f, "call list"), GWCTL_DONE);
	assert_string_equal(f->out, "No calls.\n");
	f->body = "{\"calls\":[{\"id\":\"01A\",\"from\":\"core\",\"to\":\"telco\",\"started\":"
		  "\"2026-01-01T10:20:30.123Z\","
		  "\"took_ms\":950.1,\"messages\":12,\"last_note\":\"released\"}],\"left_out\":0}";
	assert_int_equal(run(f, "call list --finished"), GWCTL_DONE);
	has(f->out, "01A   2026-01-01 10:20:30  core  telco  950 ms        12  released\n");
}

static void shows_a_call(void **state)
{
	struct fixture *f = *state;

	f->body = "{\"id\":\"01A\",\"state\":\"answered\",\"from\":\"core\",\"to\":\"telco\","
		  "\"talking_ms\":5000,"
		  "\"received\":{\"called\":{\"digits\":\"0207\",\"type\":\"unknown\","
		  "\"presentation\":\"allowed\"},\"calling\":null},"
		  "\"normalized\":{\"called\":{\"digits\":\"+44207\",\"type\":\"international\","
		  "\"presentation\":\"allowed\"},"
		  "\"calling\":{\"digits\":\"+1\",\"type\":\"international\",\"presentation\":"
		  "\"restricted\"}},"
		  "\"times\":{\"routed_ms\":0.4,\"ringing_ms\":250,\"answered_ms\":3725000},"
		  "\"legs\":[{\"kind\":\"sip\",\"endpoint\":\"core\",\"key\":\"a@b\",\"state\":"
		  "\"confirmed\",\"media\":"
		  "{\"codec\":\"PCMA\",\"remote\":\"192.0.2.1:4000\",\"counters\":{\"normal\":{"
		  "\"rx_packets\":500,\"tx_packets\":501},"
		  "\"undesirable\":{\"rx_lost\":2,\"rx_foreign\":3},\"error\":{\"rx_malformed\":4}}"
		  "}},null],"
		  "\"attempts\":[{\"gateway\":\"telco-2\",\"route\":\"uk\",\"usage\":\"National\","
		  "\"called_sent\":{\"digits\":\"207\",\"type\":\"national\",\"presentation\":"
		  "\"allowed\"},\"calling_sent\":null,"
		  "\"cause\":{\"value\":34,\"text\":\"No circuit\"}},"
		  "{\"gateway\":\"telco\",\"route\":\"uk\",\"usage\":null,\"cause\":null}]}";
	assert_int_equal(run(f, "call show 01A"), GWCTL_DONE);
	has(f->out, "called, received     0207 (unknown)\n");
	has(f->out, "calling, normalized  +1 (international, restricted)\n");
	has(f->out, "answered after       1:02:05\n");
	has(f->out, "caller  sip   core  confirmed  a@b\n");
	has(f->out, "core    PCMA   192.0.2.1:4000       500   501     2        3          4\n");
	has(f->out, "telco-2  uk     National  207 (national)  -           34 No circuit\n");
	has(f->out, "telco    uk     -         -               -           -\n");
	f->body = "{\"id\":\"01A\",\"state\":\"clearing\"}";
	f->status = 202;
	assert_int_equal(run(f, "call hangup 01A"), GWCTL_DONE);
	assert_string_equal(f->out, "Call 01A is being cleared.\n");
}

static void draws_a_ladder(void **state)
{
	struct fixture *f = *state;
	const char *invite, *setup;

	f->body = "{\"id\":\"01A\",\"entries\":["
		  "{\"monotonic_us\":1000,\"protocol\":\"sip\",\"direction\":\"in\",\"column\":"
		  "\"core\",\"summary\":\"INVITE\"},"
		  "{\"monotonic_us\":1500,\"protocol\":\"note\",\"direction\":\"in\",\"column\":"
		  "null,\"summary\":\"route uk\"},"
		  "{\"monotonic_us\":3500,\"protocol\":\"q931\",\"direction\":\"out\",\"column\":"
		  "\"telco\",\"summary\":\"SETUP\\u001b\"}]}";
	assert_int_equal(run(f, "call trace last"), GWCTL_DONE);
	invite = strstr(f->out, "INVITE");
	setup = strstr(f->out, "SETUP?");
	assert_non_null(invite);
	assert_non_null(setup);
	assert_true(invite < setup);
	has(f->out, "call 01A\n");
	has(f->out, "2.5");
	has(f->out, "route uk");
	assert_null(strchr(f->out, '\033'));
}

static void maps_a_span(void **state)
{
	struct fixture *f = *state;
	json_t *span = json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:[], s:{s:{s:i}, s:{s:i, s:i}, s:{}}, s:{}}",
		"name", "telco", "state", "up", "alarms", "RAI", "line", "e1-a", "role", "te",
		"calls", 1, "idle", 29, "timeslots", "counters", "normal", "calls_in", 7,
		"undesirable", "glare", 2, "restarts_rx", 0, "error", "line_counters");
	json_t *slots = json_object_get(span, "timeslots");
	char *text;

	for (int i = 0; i < 32; i++)
		json_array_append_new(slots, json_pack("{s:i, s:s, s:s?, s:s?, s:s?}", "timeslot",
						       i, "state",
						       i == 0    ? "framing"
						       : i == 16 ? "d-channel"
						       : i == 5  ? "connected"
						       : i == 31 ? "martian"
								 : "idle",
						       "key", i == 5 ? "telco/17" : NULL, "call",
						       i == 5 ? "01A" : NULL, "q931_state",
						       i == 5 ? "10 active" : NULL));
	text = json_dumps(span, 0);
	f->body = text;
	assert_int_equal(run(f, "span show telco"), GWCTL_DONE);
	has(f->out, "telco  up  RAI  line e1-a, te, 1 call, 29 channels idle\n");
	has(f->out, "\n    F  .  .  .  .  #  .  .  .  .  .  .  .  .  .  .\n");
	has(f->out, "\n    D  .  .  .  .  .  .  .  .  .  .  .  .  .  .  ?\n");
	has(f->out, "# talking");
	has(f->out, "       5  connected  01A   telco/17  10 active\n");
	has(f->out, "glare             2\n");
	assert_null(strstr(f->out, "restarts_rx"));
	has(f->out, "No counter has moved.");
	free(text);
	json_decref(span);
	f->body = "{\"name\":\"telco\",\"state\":\"down\",\"line\":\"e1-a\",\"role\":\"te\","
		  "\"timeslots\":null}";
	assert_int_equal(run(f, "span show telco"), GWCTL_DONE);
	has(f->out,
	    "telco  down  line e1-a, te, 0 calls, 0 channels idle\n\nIts line can't be opened");
}

static void explains_routes(void **state)
{
	struct fixture *f = *state;

	f->body =
		"{\"from\":\"core\",\"called\":\"0207\",\"called_normalized\":{\"digits\":\"+"
		"44207\",\"type\":\"international\","
		"\"presentation\":\"allowed\"},\"emergency\":false,\"steps_left_out\":2,\"steps\":["
		"{\"step\":\"normalize\",\"of\":\"called\",\"matched\":false,\"table\":\"uk\","
		"\"object\":\"short\",\"before\":\"0207\","
		"\"after\":null,\"why\":\"does not match ^9\"},"
		"{\"step\":\"normalize\",\"of\":\"called\",\"matched\":true,\"table\":\"uk\","
		"\"object\":\"national\",\"before\":\"0207\","
		"\"after\":\"+44207\",\"why\":null},"
		"{\"step\":\"policy\",\"of\":\"called\",\"matched\":true,\"table\":\"staff\","
		"\"object\":null},"
		"{\"step\":\"usage\",\"of\":\"called\",\"matched\":true,\"table\":\"staff\","
		"\"object\":\"National\"},"
		"{\"step\":\"route\",\"of\":\"called\",\"matched\":false,\"table\":\"National\","
		"\"object\":\"paris\","
		"\"why\":\"does not match ^\\\\+33\"},"
		"{\"step\":\"route\",\"of\":\"called\",\"matched\":true,\"table\":\"National\","
		"\"object\":\"london\"},"
		"{\"step\":\"gateway\",\"of\":\"called\",\"matched\":true,\"table\":\"london\","
		"\"object\":\"telco\"},"
		"{\"step\":\"translate\",\"of\":\"called\",\"for\":\"telco\",\"matched\":false,"
		"\"table\":null,\"object\":null,"
		"\"why\":\"no translation is set: the number stays as it is\"}],"
		"\"candidates\":[{\"gateway\":\"telco\",\"kind\":\"span\",\"route\":\"london\","
		"\"available\":false,"
		"\"unavailable_cause\":{\"value\":34,\"text\":\"No "
		"circuit\"},\"called_sent\":{\"digits\":\"207\","
		"\"type\":\"national\",\"presentation\":\"allowed\"},\"calling_sent\":null}]}";
	assert_int_equal(run(f, "route test 0207 --from core"), GWCTL_DONE);
	assert_string_equal(f->out,
			    "normalize the called number (dial plan uk)\n"
			    "  - rule short: does not match ^9\n"
			    "  + rule national: 0207 becomes +44207\n"
			    "route\n"
			    "  + policy staff\n"
			    "  + usage National\n"
			    "    - route paris: does not match ^\\+33\n"
			    "    + route london\n"
			    "      + gateway telco\n"
			    "translate the called number for telco\n"
			    "  - no translation is set: the number stays as it is\n"
			    "  … and 2 more that did not match\n"
			    "\n"
			    "+44207 (international) from core would be tried at:\n"
			    "#  GATEWAY  KIND  ROUTE   CALLED AS       CALLING AS  NOW\n"
			    "1  telco    span  london  207 (national)  -           No circuit\n");
	f->body = "{\"from\":\"core\",\"called_normalized\":{\"digits\":\"1\",\"type\":\"unknown\","
		  "\"presentation\":\"allowed\"},"
		  "\"steps\":[],\"candidates\":[]}";
	assert_int_equal(run(f, "route test 1 --from core"), GWCTL_NOT_FOUND);
	has(f->out, "No route leads to 1 (unknown) from core.");
	assert_int_equal(run(f, "route test 1 --from core --json"), GWCTL_NOT_FOUND);
	has(f->out, "\"candidates\": []");
}

static void shows_status(void **state)
{
	struct fixture *f = *state;

	f->body = "{\"version\":\"1.2.3\",\"started\":\"2026-01-01T10:20:30.123Z\",\"uptime_s\":"
		  "93784,"
		  "\"calls\":{\"now\":2,\"total\":10,\"answered\":7,\"failed\":1,\"failovers\":3,"
		  "\"no_route\":4},"
		  "\"dialplan\":{\"routes\":12,\"limit_hits\":1},\"rtp_ports\":{\"used\":4,"
		  "\"total\":5000},"
		  "\"trunks\":[{\"name\":\"core\",\"up\":false,\"admin\":\"draining\",\"peer\":"
		  "\"192.0.2.1\",\"transport\":\"udp\",\"interface\":\"lan\","
		  "\"calls\":2,\"max_calls\":0,\"policy\":null}],"
		  "\"spans\":[{\"name\":\"telco\",\"state\":\"no layer "
		  "2\",\"alarms\":null,\"line\":\"a\",\"role\":\"te\",\"group\":null,"
		  "\"calls\":0,\"idle\":30}],\"workers\":[{\"name\":\"media0\",\"load_permille\":"
		  "123}],"
		  "\"sip\":{\"normal\":{},\"undesirable\":{\"filtered\":9},\"error\":{}}}";
	assert_int_equal(run(f, "status"), GWCTL_DONE);
	has(f->out, "gatewayd 1.2.3, up 1 d 02:03:04 since 2026-01-01 10:20:30 UTC\n");
	has(f->out,
	    "calls: 2 now, 10 in all, 7 answered, 1 failed; 3 failovers, 4 without a route\n");
	has(f->out, "dial plan: 12 routes, 1 matches given up; RTP ports: 4 of 5000 used\n");
	has(f->out, "core   down   draining  192.0.2.1  udp        lan            2   any  -\n");
	has(f->out, "telco  no layer 2  -      -       a     te    -          0    30\n");
	has(f->out, "media0  12.3 %\n");
	has(f->out, "filtered         9\n");
	f->body = "{\"trunks\":[]}";
	assert_int_equal(run(f, "trunk list"), GWCTL_DONE);
	assert_string_equal(f->out, "No trunks are configured.\n");
}

/* ---- Files, here ---- */

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void checks_configurations(void **state)
{
	struct fixture *f = *state;
	char path[64], line[128], says[128];

	snprintf(path, sizeof(path), "/tmp/test_gwctl-%d.yaml", getpid());
	snprintf(line, sizeof(line), "config check %s", path);
	write_file(path, "usages: [A]\npolicies: { p: [A] }\n");
	assert_int_equal(run(f, line), GWCTL_DONE);
	has(f->out, "is good: 0 trunks, 0 spans, 0 routes\n");
	write_file(path, "usages: [A]\npolicies: { p: [B] }\nroutes: { r: { pattern: '(', usages: "
			 "[A], gateways: [x] } }\n");
	assert_int_equal(run(f, line), GWCTL_USAGE);
	snprintf(says, sizeof(says), "%s:2:17: ", path);
	has(f->err, says);
	snprintf(says, sizeof(says), "%s:3:25: pattern: at offset 1: missing closing parenthesis",
		 path);
	has(f->err, says);
	has(f->err, "has 3 faults; gatewayd would not start with it\n");
	snprintf(line, sizeof(line), "config check %s --json", path);
	assert_int_equal(run(f, line), GWCTL_USAGE);
	has(f->out, "\"line\": 3");
	unlink(path);
	assert_int_equal(run(f, line), GWCTL_USAGE);
	has(f->err, "No such file or directory");
	assert_string_equal(f->asked, "");
}

/* ---- The real socket ---- */

static int fetch_at(const char *socket, struct gwctl_answer *to)
{
	return gwctl_fetch(
		NULL,
		&(struct gwctl_request){
			.socket = socket, .method = "GET", .path = "/", .timeout_ms = 5000 },
		to);
}

static void finds_nobody(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct gwctl_answer to = { 0 };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	assert_int_equal(fetch_at("/nonexistent/socket", &to), -ENOENT);
	snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/test_gwctl-%d.sock", getpid());
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(fetch_at(address.sun_path, &to), -ECONNREFUSED);
	close(fd);
	unlink(address.sun_path);
	assert_null(to.text);
}

/* A daemon that has the same answer for every client, until one says nothing. */
static void *daemon_of(void *arg)
{
	static const char says[] =
		"HTTP/1.1 200 OK\r\nContent-Length: 14\r\nConnection: close\r\n\r\n"
		"{\"calls\":null}";
	int fd, listener = *(int *)arg;
	char asked[2048];

	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		ssize_t n = recv(fd, asked, sizeof(asked), 0);

		if (n > 0)
			send(fd, says, sizeof(says) - 1, MSG_NOSIGNAL);
		close(fd);
		if (n <= 0)
			break;
	}
	return NULL;
}

static void fetches(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct gwctl_answer to = { 0 };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;
	pthread_t thread;

	(void)state;
	snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/test_gwctl-%d.sock", getpid());
	unlink(address.sun_path);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 4), 0);
	assert_int_equal(pthread_create(&thread, NULL, daemon_of, &listener), 0);
	mem_fail_after(0);
	assert_int_equal(fetch_at(address.sun_path, &to), -ENOMEM);
	assert_true(mem_failed());
	mem_fail_after(-1);
	assert_null(to.text);
	assert_int_equal(fetch_at(address.sun_path, &to), 0);
	assert_int_equal(to.status, 200);
	assert_string_equal(to.text, "{\"calls\":null}");
	mem_free(to.text);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	pthread_join(thread, NULL);
	close(listener);
	unlink(address.sun_path);
}

static void survives_want_of_memory(void **state)
{
	struct fixture *f = *state;
	long n = 0;

	f->body = "{\"id\":\"1\",\"calls\":[{\"id\":\"01A\"}],\"entries\":[{\"monotonic_us\":1,"
		  "\"protocol\":\"sip\","
		  "\"column\":\"a\",\"summary\":\"b\"}]}";
	do {
		int rc;

		mem_fail_after(n++);
		rc = run(f, "call list");
		assert_int_equal(rc, mem_failed() ? GWCTL_FAILED : GWCTL_DONE);
		assert_int_equal(f->err_size > 0, mem_failed());
	} while (mem_failed());
	n = 0;
	do {
		int rc;

		mem_fail_after(n++);
		rc = run(f, "call trace 1");
		assert_int_equal(rc, mem_failed() ? GWCTL_FAILED : GWCTL_DONE);
	} while (mem_failed());
	mem_fail_after(-1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(helps, setup, teardown),
		cmocka_unit_test_setup_teardown(offers_the_nearest, setup, teardown),
		cmocka_unit_test_setup_teardown(asks_for_the_right_thing, setup, teardown),
		cmocka_unit_test_setup_teardown(says_what_to_do, setup, teardown),
		cmocka_unit_test_setup_teardown(passes_refusals_on, setup, teardown),
		cmocka_unit_test_setup_teardown(lists_calls, setup, teardown),
		cmocka_unit_test_setup_teardown(shows_a_call, setup, teardown),
		cmocka_unit_test_setup_teardown(draws_a_ladder, setup, teardown),
		cmocka_unit_test_setup_teardown(maps_a_span, setup, teardown),
		cmocka_unit_test_setup_teardown(explains_routes, setup, teardown),
		cmocka_unit_test_setup_teardown(shows_status, setup, teardown),
		cmocka_unit_test_setup_teardown(checks_configurations, setup, teardown),
		cmocka_unit_test_setup_teardown(finds_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(fetches, setup, teardown),
		cmocka_unit_test_setup_teardown(survives_want_of_memory, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
