/* SPDX-License-Identifier: GPL-2.0-only */
/* A whole exchange in virtual time: its user side calls its own network side over a cable in
 * memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "tdm/exchange/command.h"
#include "tdm/exchange/control.h"
#include "tdm/exchange/load.h"
#include "tdm/exchange/status.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MS UINT64_C(1000)
#define SECOND UINT64_C(1000000)

struct fixture {
	struct clock_virtual clock;
	struct loop *loop;
	struct worker *worker;
	struct e1_pair *pair;
	struct ex_settings settings;
	struct ex_exchange *exchange;
	struct ex_control *control;
	bool closed, quit;
	unsigned done;
	json_t *result;
	long blocks_before;
};

static struct fixture fixture;

static const char config[] =
	"log-json: /dev/null\n"
	"lines:\n"
	"  l0: { kind: cesopsn, local: \"127.0.0.1:30001\", remote: \"127.0.0.1:30002\" }\n"
	"  l1: { kind: cesopsn, local: \"127.0.0.1:30003\", remote: \"127.0.0.1:30004\" }\n"
	"spans:\n"
	"  nt: { line: l0, restart-on-start: false }\n"
	"  te: { line: l1, role: te, restart-on-start: false }\n"
	"numbers:\n"
	"  - { called: \"1\", steps: [ proceeding, alerting, { wait: 1s }, connect, echo ] }\n"
	"  - { called: \"2\", steps: [ { release: { cause: 17, location: transit } } ] }\n"
	"  - { called: \"3\", steps: [ { progress: { inband: true } }, { play: { tone: 425, level: "
	"-10 } }, { wait: 1s }, connect ] }\n"
	"  - { called: \"4\", steps: [ proceeding, { disconnect: { cause: 1, inband: true } }, "
	"play, { wait: 2s }, release ] }\n"
	"  - { called: \"5\", steps: [ { expect: { calling: \"^99\", cause: 28 } }, connect ] }\n"
	"  - { called: \"6\", steps: [ connect, { wait: 1s }, { disconnect: { cause: 31, location: "
	"user } } ] }\n";

/* Settings come from a file, so from a file they come. */
static int load_settings(struct ex_settings *settings)
{
	char path[] = "/tmp/test_exchange_callsXXXXXX";
	int fd = mkstemp(path), rc;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, config, sizeof(config) - 1), (ssize_t)sizeof(config) - 1);
	close(fd);
	rc = ex_settings_load(settings, path);
	unlink(path);
	return rc;
}

static int open_line(struct e1_line **out, const struct conf_line *conf, struct worker *worker,
		     const struct e1_line_ops *ops, void *arg)
{
	(void)worker;
	return e1_pair_open(fixture.pair, conf->name[1] - '0', out, conf, ops, arg);
}

static void advance(uint64_t us)
{
	loop_advance(fixture.loop, &fixture.clock, us);
}

static void note_closed(void *arg)
{
	(void)arg;
	fixture.closed = true;
}

/* Of the allocations from here on, all but those of the settings' reading, the n-th fails; negative:
 * none. */
static int begin_failing(long n)
{
	struct worker_cfg worker = {
		.name = "test", .cpu = -1, .clock = &fixture.clock.clock, .inline_thread = true
	};
	struct ex_exchange_cfg cfg = { .settings = &fixture.settings, .open_line = open_line };
	int rc;

	memset(&fixture, 0, sizeof(fixture));
	fixture.blocks_before = mem_live_blocks();
	clock_virtual_init(&fixture.clock);
	rc = load_settings(&fixture.settings);
	mem_fail_after(n);
	if (rc == 0)
		rc = loop_create(&fixture.loop, &fixture.clock.clock);
	if (rc == 0)
		rc = worker_create(&fixture.worker, &worker, fixture.loop);
	if (rc == 0)
		rc = e1_pair_create(&fixture.pair, fixture.worker);
	cfg.loop = fixture.loop;
	cfg.worker = fixture.worker;
	return rc == 0 ? ex_exchange_create(&fixture.exchange, &cfg) : rc;
}

static int begin(void)
{
	return begin_failing(-1);
}

static int finish(void)
{
	if (fixture.control)
		ex_control_stop(fixture.control);
	if (fixture.exchange) {
		ex_exchange_close(&fixture.exchange, note_closed, NULL);
		for (unsigned i = 0; i < 100 && !fixture.closed; i++)
			advance(100 * MS);
		if (!fixture.closed)
			return -1;
	}
	ex_control_destroy(&fixture.control);
	e1_pair_destroy(&fixture.pair);
	if (fixture.loop)
		advance(10 * MS);
	worker_destroy(&fixture.worker);
	loop_destroy(&fixture.loop);
	ex_settings_free(&fixture.settings);
	json_decref(fixture.result);
	return mem_live_blocks() == fixture.blocks_before ? 0 : -1;
}

static int set_up(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	return begin();
}

static int tear_down(void **state)
{
	(void)state;
	return finish();
}

static void load_done(struct ex_load *load, void *arg)
{
	(void)arg;
	json_decref(fixture.result);
	fixture.result = ex_command_load_answer(load);
	fixture.done++;
	ex_load_destroy(&load);
}

static const struct ex_load_ops load_ops = { .done = load_done };

static void started(struct ex_load *load, void *arg)
{
	(void)load;
	(void)arg;
}

/* The answer of a command; of a call, when it has ended. NULL: it did not. */
static json_t *command(const char *text)
{
	struct ex_command_env env = { .exchange = fixture.exchange,
				      .started = started,
				      .load_ops = &load_ops };
	char line[512], *words[EX_WORDS_MAX];
	unsigned before = fixture.done;
	json_t *answer;

	snprintf(line, sizeof(line), "%s", text);
	answer = ex_command_run(&env, words, (unsigned)ex_command_words(line, words));
	if (answer) {
		json_decref(fixture.result);
		return fixture.result = answer;
	}
	for (unsigned i = 0; i < 600 && fixture.done == before; i++)
		advance(100 * MS);
	return fixture.done > before ? fixture.result : NULL;
}

static long number(const json_t *object, const char *key)
{
	return (long)json_number_value(json_object_get(object, key));
}

static const char *word(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static const json_t *heard(const json_t *result, const char *phase)
{
	return json_object_get(json_object_get(json_object_get(result, "media"), "heard"), phase);
}

static const json_t *message(const json_t *result, const char *name)
{
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(result, "messages"), i,
			   one) if (!strcmp(word(one, "message"), name) &&
				    !strcmp(word(one, "direction"), "received")) return one;
	return NULL;
}

/* nt                                te
 *  | <------- SETUP ---------------- |
 *  | -- PROCEEDING, ALERTING ------> |
 *  | ---- 1 s later CONNECT -------> |
 *  | <===== sequence and echo =====> |
 *  | <------ DISCONNECT 16 --------- | */
static void test_answered(void **state)
{
	json_t *r, *prbs;

	(void)state;
	r = command("call to=1 from=99123 span=te wait-up=5s media=prbs hold=2s");
	assert_non_null(r);
	assert_true(json_is_true(json_object_get(r, "ok")));
	assert_int_equal(number(r, "cause"), 16);
	assert_string_equal(word(r, "cleared_by"), "near");
	assert_in_range(number(r, "answer_ms"), 1000, 1100);
	assert_in_range(number(r, "duration_ms"), 2000, 2001);
	prbs = json_object_get(json_object_get(r, "media"), "prbs");
	assert_true(json_is_true(json_object_get(prbs, "intact")));
	assert_in_range(number(prbs, "compared"), 15500, 16000);
	assert_in_range(number(prbs, "delay_samples"), 8, 40);
	assert_true(json_array_size(json_object_get(r, "wire")) >= 6);
	assert_string_equal(word(json_array_get(json_object_get(r, "wire"), 0), "message"),
			    "SETUP");
	assert_int_equal(number(message(r, "CONNECT"), "t_ms"), number(r, "answer_ms"));
}

static void test_refused(void **state)
{
	json_t *r;

	(void)state;
	r = command("call to=2 span=te wait-up=5s expect-cause=17 expect-location=transit");
	assert_true(json_is_true(json_object_get(r, "ok")));
	assert_string_equal(word(r, "location"), "transit");
	assert_string_equal(word(r, "cleared_by"), "far");
	assert_int_equal(number(command("call to=77 span=te"), "cause"), Q850_UNALLOCATED);
	assert_int_equal(number(command("call to=5 from=98 span=te"), "cause"), 28);
	assert_int_equal(number(command("call to=5 from=991 span=te hold=1s"), "answered"), 1);
}

static void test_announcements(void **state)
{
	json_t *r;

	(void)state;
	r = command("call to=3 span=te wait-up=5s hold=1s");
	assert_int_equal(number(r, "answered"), 1);
	assert_true(json_is_true(json_object_get(message(r, "PROGRESS"), "inband")));
	assert_in_range(number(heard(r, "early"), "hz"), 422, 428);
	assert_in_range(-number(heard(r, "early"), "level_dbm0"), 9, 10);
	r = command("call to=4 span=te");
	assert_int_equal(number(r, "cause"), 1);
	assert_in_range(number(heard(r, "clearing"), "hz"), 1001, 1007);
	assert_in_range(number(r, "total_ms") - number(r, "clearing_ms"), 1990, 2100);
	r = command("call to=4 span=te listen=500ms"); /* rather not to its end */
	assert_in_range(number(r, "total_ms") - number(r, "clearing_ms"), 500, 600);
}

static void test_the_far_end_clears(void **state)
{
	json_t *r;

	(void)state;
	r = command("call to=6 span=te wait-up=5s hold=0s");
	assert_int_equal(number(r, "cause"), 31);
	assert_string_equal(word(r, "location"), "user");
	assert_string_equal(word(r, "cleared_by"), "far");
	assert_in_range(number(r, "duration_ms"), 990, 1100);
}

static void test_abandoned(void **state)
{
	json_t *r;

	(void)state;
	r = command("call to=1 span=te wait-up=5s abandon-after=300ms");
	assert_int_equal(number(r, "answered"), 0);
	assert_in_range(number(r, "clearing_ms"), 300, 301);
	assert_true(json_is_true(json_object_get(r, "ok")));
	r = command("call to=1 span=te abandon-at=alerting hangup-cause=31");
	assert_int_equal(number(r, "cause"), 31);
	r = command("call to=1 span=te ring=200ms");
	assert_string_equal(word(r, "why"), "not answered");
}

static void test_many(void **state)
{
	json_t *r;

	(void)state;
	r = command(
		"load to=1 span=te wait-up=5s calls=60 rate=100 limit=25 hold=500ms media=prbs");
	assert_non_null(r);
	assert_int_equal(number(r, "answered"), 60);
	assert_int_equal(number(r, "as_expected"), 60);
	assert_int_equal(number(r, "most_at_once"), 25);
	assert_int_equal(number(json_object_get(r, "prbs"), "intact_calls"), 60);
	r = command("load to=1 span=te calls=31 rate=1000 hold=1s");
	assert_int_equal(number(r, "answered"), 30);
	assert_int_equal(number(json_object_get(r, "failed_causes"), "34"), 1);
	r = command("status");
	assert_int_equal(number(json_array_get(json_object_get(r, "spans"), 0), "idle_channels"),
			 30);
	assert_int_equal(json_array_size(json_object_get(r, "calls")), 0);
}

static void test_commands_refused(void **state)
{
	static const struct { const char *line, *error;
	} bad[] = {
		{ "", "no command" },
		{ "stauts", "the nearest is 'status'" },
		{ "call", "'to' is needed" },
		{ "call to", "key=value" },
		{ "call to=1 hodl=3s", "the nearest is 'hold'" },
		{ "call to=1 span=e1", "there is nt, te" },
		{ "call to=1 wait-up=x", "wait-up" },
		{ "restart span=x", "there is nt, te" },
		{ "restart timeslot=32", "timeslot=1…31" },
		{ "restart", "layer 2 is down" },
		{ "hangup now", "call=N" },
		{ "fault", "no fault given" },
		{ "fault line=x drop=1", "no line 'x'" },
		{ "fault dorp=1", "the nearest is 'drop'" },
		{ "log loud", "notice" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		const char *error = word(command(bad[i].line), "error");

		if (!error || !strstr(error, bad[i].error))
			fail_msg("'%s': '%s' is not in '%s'", bad[i].line, bad[i].error,
				 error ? error : "no error");
	}
}

/* A span that is down refuses with what the caller should hear. */
static void test_nobody_there(void **state)
{
	json_t *r;

	(void)state;
	e1_pair_cut(fixture.pair, true);
	advance(SECOND);
	r = command("call to=1 span=te");
	assert_int_equal(number(r, "cause"), Q850_DESTINATION_OUT_OF_ORDER);
	assert_string_equal(word(r, "why"), "not answered");
}

static void test_closes_with_live_calls(void **state)
{
	struct ex_command_env env = { .exchange = fixture.exchange,
				      .started = started,
				      .load_ops = &load_ops };
	char line[] = "load to=1 span=te wait-up=5s calls=5 hold=60s rate=100",
	     *words[EX_WORDS_MAX];

	(void)state;
	assert_null(ex_command_run(&env, words, (unsigned)ex_command_words(line, words)));
	advance(6 * SECOND);
	ex_exchange_close(&fixture.exchange, note_closed, NULL);
	advance(2 * SECOND);
	assert_true(fixture.closed);
	assert_int_equal(fixture.done, 1);
	assert_int_equal(number(fixture.result, "answered"), 5);
}

/* ---- The control socket ---- */

static void note_quit(void *arg)
{
	(void)arg;
	fixture.quit = true;
}

static const struct ex_control_ops control_ops = { .quit = note_quit };

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

struct heard {
	unsigned lines, errors;
	bool hung_up; /* by the exchange */
};

/* A client says it all at once and listens for as long as a call takes. 0; -errno: no socket was
 * made. */
static int control_session(const char *says, struct heard *out)
{
	char path[64], heard[16384];
	size_t used = 0;
	ssize_t n = -1;
	int fd, rc;

	*out = (struct heard){ 0 };
	snprintf(path, sizeof(path), "/tmp/test_exchange_calls-%d", getpid());
	rc = ex_control_create(&fixture.control, path, fixture.exchange, &control_ops, NULL);
	if (rc < 0)
		return rc;
	fd = connect_to(path);
	assert_int_equal(send(fd, says, strlen(says), 0), (ssize_t)strlen(says));
	for (unsigned i = 0; i < 100 && n && (n > 0 || !fixture.quit); i++) {
		advance(100 * MS);
		n = recv(fd, heard + used, sizeof(heard) - 1 - used, 0);
		used += n > 0 ? (size_t)n : 0;
	}
	out->hung_up = n == 0;
	close(fd);
	advance(100 * MS);
	heard[used] = '\0';
	for (char *at = heard, *end; (end = strchr(at, '\n')); at = end + 1) {
		out->lines++;
		out->errors += !strncmp(at, "{\"error\":", 9);
	}
	return 0;
}

static const char session[] = "status\n"
			      "nonsense\n"
			      "call to=1 span=te wait-up=3s hold=100ms\n"
			      "say \"no end\n"
			      "quit\n";

static void test_control_socket(void **state)
{
	struct ex_control *none = NULL;
	struct heard heard;

	(void)state;
	assert_int_equal(ex_control_create(&none, "/nonexistent/socket", fixture.exchange,
					   &control_ops, NULL),
			 -ENOENT);
	assert_null(none);
	assert_int_equal(control_session(session, &heard), 0);
	assert_int_equal(heard.lines, 5);
	assert_int_equal(heard.errors, 2);
	assert_false(heard.hung_up);
	assert_true(fixture.quit);
}

/* ---- Want of memory ---- */

/* All that is built, and of the many texts and members of JSON that follow some. */
#define NEXT(n) ((n) < 400 ? 1 : 5)

static bool a_short_life(long n)
{
	bool failed;

	if (begin_failing(n) == 0) {
		command("fault stop=off after=1s for=1s");
		command("call to=4 span=te wait-up=3s media=prbs hold=100ms listen=100ms ring=2s");
	}
	assert_int_equal(finish(), 0);
	failed = mem_failed();
	mem_fail_after(-1);
	return failed;
}

static void test_allocation_failures(void **state)
{
	long n = 0;

	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	while (a_short_life(n))
		n += NEXT(n);
	assert_true(n > 200);
}

/* What could not be answered closes the connection; the exchange lives on. */
static bool a_session(long n)
{
	struct heard heard;
	bool failed;
	int rc;

	assert_int_equal(begin(), 0);
	mem_fail_after(n);
	rc = control_session(session, &heard);
	failed = mem_failed();
	mem_fail_after(-1);
	assert_true(rc == 0 || (failed && rc == -ENOMEM));
	assert_true(failed || heard.lines == 5);
	assert_true(rc < 0 || heard.hung_up || (heard.lines == 5 && fixture.quit));
	assert_int_equal(isdn_span_idle_channels(ex_exchange_span(fixture.exchange, 1)), 30);
	assert_int_equal(finish(), 0);
	return failed;
}

static void test_control_allocation_failures(void **state)
{
	long n = 0;

	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	while (a_session(n))
		n += NEXT(n);
	assert_true(n > 200);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(test_answered),
		CASE(test_refused),
		CASE(test_announcements),
		CASE(test_the_far_end_clears),
		CASE(test_abandoned),
		CASE(test_many),
		CASE(test_commands_refused),
		CASE(test_nobody_there),
		CASE(test_closes_with_live_calls),
		CASE(test_control_socket),
		cmocka_unit_test(test_allocation_failures),
		cmocka_unit_test(test_control_allocation_failures),
	};

	ex_json_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
