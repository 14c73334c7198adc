/* SPDX-License-Identifier: GPL-2.0-only */
/* Readings of gateway.yaml: their faults, names, the union with the tables, and what differs
 * between two. */
#include "gateway/site.h"

#include "base/mem.h"
#include "conf/schema.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define LAN "sip-interfaces:\n  lan: { address: 127.0.0.1 }\n"
#define TRUNKS                                                                                     \
	"trunks:\n"                                                                                \
	"  core: { interface: lan, peer: 192.0.2.1, dial-plan: uk, policy: staff }\n"              \
	"  carrier: { interface: lan, peer: 192.0.2.2 }\n"
#define LINES                                                                                      \
	"lines:\n"                                                                                 \
	"  line1: { kind: cesopsn, local: \"127.0.0.1:2142\", remote: \"127.0.0.1:2143\" }\n"      \
	"  line2: { kind: cesopsn, local: \"127.0.0.1:2144\", remote: \"127.0.0.1:2145\" }\n"
#define SPANS                                                                                      \
	"spans:\n"                                                                                 \
	"  e1-1: { line: line1, role: te, group: pstn }\n"                                         \
	"  e1-2: { line: line2, role: nt, group: pstn, called-translation: out }\n"
#define BASE LAN TRUNKS LINES SPANS

static struct site *site_of(const char *text)
{
	struct site *site = NULL;
	char *faults = NULL;

	if (site_read_text(&site, "test", text, &faults) < 0)
		fail_msg("%s", faults);
	assert_null(faults);
	return site;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(mem_live_blocks(), 0);
	return 0;
}

/* ---- Reading ---- */

static void test_references(void **state)
{
	struct site *site = site_of(BASE), *other = site_ref(site);

	(void)state;
	assert_int_equal(site_machine(site)->trunk_count, 2);
	assert_int_equal(site_seed(site)->route_count, 0);
	assert_string_equal(site_path(site), "test");
	site_unref(&site);
	assert_null(site);
	site_unref(&site);
	assert_string_equal(site_machine(other)->trunks[0].name, "core");
	site_unref(&other);
}

static void expect_faults(const char *text, const char *expected)
{
	struct site *site = NULL;
	char *faults = NULL;

	assert_int_equal(site_read_text(&site, "test", text, &faults), -EINVAL);
	assert_null(site);
	assert_non_null(faults);
	assert_string_equal(faults, expected);
	mem_free(faults);
}

/* Names of the tables may stand in the store, and those of gateways in tables may be old: no fault
 * by themselves. Those of the machine itself are. */
static void test_names_that_cross(void **state)
{
	struct site *site = site_of(
		LAN TRUNKS "usages: [all]\n"
			   "policies: { all: [all] }\n"
			   "routes:\n  r: { pattern: x, usages: [all], gateways: [gone] }\n");

	(void)state;
	assert_int_equal(site_seed(site)->route_count, 1);
	site_unref(&site);
	expect_faults(LAN "trunks:\n  core: { interface: wan, peer: 192.0.2.1, policy: nobodys }\n",
		      "test:4:22: interface: no sip-interface \"wan\" is defined, did you mean "
		      "\"lan\"?; accepted: lan");
}

/* But where there are faults anyway, and the file brings such things: all at once. */
static void test_all_at_once(void **state)
{
	(void)state;
	expect_faults(
		LAN "trunks:\n  core: { interface: wan, peer: 192.0.2.1, policy: al }\n"
		    "usages: [all]\npolicies: { all: [all] }\n"
		    "routes:\n  r: { pattern: x, usages: [all], gateways: [cor] }\n",
		"test:4:22: interface: no sip-interface \"wan\" is defined, did you mean "
		"\"lan\"?; accepted: lan\n"
		"test:4:52: policy: no policy \"al\" is defined, did you mean \"all\"?; accepted: "
		"all\n"
		"test:8:46: name: no trunk or span or group or gateway \"cor\" is defined, did you "
		"mean \"core\"?; accepted: core");
}

static void test_files(void **state)
{
	char path[] = "/tmp/test_site-XXXXXX";
	int fd = mkstemp(path);
	struct site *site = NULL;
	char *faults = NULL;

	(void)state;
	assert_int_equal(write(fd, BASE, strlen(BASE)), (ssize_t)strlen(BASE));
	close(fd);
	assert_int_equal(site_read(&site, path, &faults), 0);
	assert_string_equal(site_path(site), path);
	site_unref(&site);
	unlink(path);
	assert_int_equal(site_read(&site, path, &faults), -ENOENT);
	assert_non_null(strstr(faults, path));
	assert_non_null(strstr(faults, "No such file"));
	mem_free(faults);
}

static void test_memory_refused(void **state)
{
	struct site *site = NULL;
	char *faults = NULL;
	long n = 0;
	int rc;

	(void)state;
	for (;; n++) {
		mem_fail_after(n);
		rc = site_read_text(&site, "test", BASE, &faults);
		if (!mem_failed())
			break;
		mem_fail_after(-1);
		if (rc == 0) /* refused to something that can do without */
			site_unref(&site);
		else
			assert_int_equal(rc, -ENOMEM);
		assert_null(site);
		mem_free(faults);
		assert_int_equal(mem_live_blocks(), 0);
	}
	mem_fail_after(-1);
	assert_in_range(n, 50, 2000);
	site_unref(&site);
}

/* ---- Names and the union ---- */

static void test_gateway_names(void **state)
{
	static const struct dp_gateway_name expected[] = {
		{ "core", 0, NULL },	{ "carrier", 1, NULL },   { "e1-1", 2, NULL },
		{ "e1-2", 3, NULL },	{ "pstn", 2, "e1-1" },    { "pstn", 3, "e1-2" },
	};
	const struct dp_gateway_name *names;
	struct site *site = site_of(BASE);

	(void)state;
	assert_int_equal(site_gateway_names(site, &names), 6);
	for (unsigned i = 0; i < 6; i++) {
		assert_string_equal(names[i].name, expected[i].name);
		assert_int_equal(names[i].index, expected[i].index);
		if (expected[i].member)
			assert_string_equal(names[i].member, expected[i].member);
		else
			assert_null(names[i].member);
	}
	site_unref(&site);
}

static void test_union(void **state)
{
	struct site *site = site_of(BASE);
	struct site *tables =
		site_of("dial-plans: { uk: [{ name: a, pattern: x, translation: y }] }\n"
			"translations: { out: [{ name: a, pattern: x, translation: y }] }\n"
			"usages: [all]\npolicies: { staff: [all] }\n");
	struct dialplan *plan = NULL;
	char *faults = NULL;

	(void)state;
	assert_int_equal(site_compile(site, site_seed(tables), &plan, &faults), 0);
	assert_null(site_check_union(site, plan));
	dialplan_unref(&plan);
	assert_int_equal(site_compile(site, site_seed(site), &plan, &faults), -EINVAL);
	assert_null(plan);
	assert_string_equal(
		faults,
		"test:4:55: trunk core: dial-plan: no dial plan \"uk\" is in the tables\n"
		"test:4:67: trunk core: policy: no policy \"staff\" is in the tables\n"
		"test:11:67: span e1-2: called-translation: no translation \"out\" is in the "
		"tables");
	mem_free(faults);
	site_unref(&tables);
	tables = site_of(
		"usages: [all]\nroutes: { r: { pattern: x, usages: [all], gateways: [gone] } }\n");
	assert_int_equal(site_compile(site, site_seed(tables), &plan, &faults), -EINVAL);
	assert_non_null(strstr(faults, "test:2:"));
	assert_non_null(strstr(faults, "gone"));
	mem_free(faults);
	site_unref(&tables);
	site_unref(&site);
}

/* ---- Differences ---- */

static char told[4096];

static void tell(void *arg, const struct site_difference *d)
{
	static const char *const objects[] = { "interface", "trunk", "line", "span", "media",
					       "api",	    "store", "log",  "other" };
	static const char *const verbs[] = { "added", "removed", "changed" };
	static const char *const effects[] = { "at once", "drains", "restart" };
	size_t at = strlen(told);

	(void)arg;
	snprintf(told + at, sizeof(told) - at, "%s %s %s %s [%s]\n", objects[d->object], d->name,
		 verbs[d->verb], effects[d->effect], d->keys ? d->keys : "");
}

static void expect_difference(const char *from, const char *to, const char *expected)
{
	struct site *a = site_of(from), *b = site_of(to);
	unsigned lines = 0;

	for (const char *c = expected; *c; c++)
		lines += *c == '\n';
	told[0] = '\0';
	assert_int_equal(site_diff(a, b, tell, NULL), lines);
	assert_string_equal(told, expected);
	site_unref(&a);
	site_unref(&b);
}

static void test_no_difference(void **state)
{
	(void)state;
	expect_difference(BASE, BASE, "");
	/* places, order and what stands for a default are none */
	expect_difference(LAN TRUNKS, "\n\n" TRUNKS LAN, "");
	expect_difference(
		LAN, "sip-interfaces:\n  lan: { address: \"127.0.0.1:5060\", dscp: 24 }\n", "");
	/* tables are another matter */
	expect_difference(BASE, BASE "usages: [all]\n", "");
}

static void test_come_and_go(void **state)
{
	(void)state;
	expect_difference(
		BASE,
		LAN "trunks:\n"
		    "  core: { interface: lan, peer: 192.0.2.1, dial-plan: uk, policy: staff }\n"
		    "  new: { interface: lan, peer: 192.0.2.9 }\n" LINES
		    "spans:\n  e1-1: { line: line1, role: te, group: pstn }\n",
		"trunk carrier removed drains []\n"
		"trunk new added at once []\n"
		"span e1-2 removed drains []\n");
	expect_difference("{}\n", LAN LINES,
			  "interface lan added at once []\n"
			  "line line1 added at once []\n"
			  "line line2 added at once []\n");
}

static void test_keys(void **state)
{
	(void)state;
	expect_difference(
		LAN TRUNKS,
		LAN
		"trunks:\n"
		"  core: { interface: lan, peer: 192.0.2.1, policy: staff, max-calls: 30 }\n"
		"  carrier: { interface: lan, peer: 192.0.2.3, codecs: [pcmu], max-calls: 2,\n"
		"             cause-map: [{ cause: 21, sip: 480 }], sources: [192.0.2.0/24] }\n",
		"trunk core changed at once [max-calls: 0 → 30, dial-plan: uk → none]\n"
		"trunk carrier changed drains [peer: 192.0.2.2 → 192.0.2.3, sources: none → "
		"[192.0.2.0/24], codecs: [pcma, pcmu] → [pcmu], cause-map: none → [{cause: 21, "
		"sip: 480}], max-calls: 0 → 2]\n");
	expect_difference(
		LAN TRUNKS LINES SPANS,
		LAN TRUNKS LINES
		"spans:\n"
		"  e1-1: { line: line1, role: te, timers: { t303: 2s }, hunt: ascending }\n"
		"  e1-2: { line: line2, role: nt, group: pstn, called-translation: out, "
		"d-channel: 17, timers: { t200: 2s } }\n",
		"span e1-1 changed at once [hunt: descending → ascending, group: pstn → none, "
		"timers.t303: 4s → 2s]\n"
		"span e1-2 changed drains [d-channel: 16 → 17, timers.t200: 1s → 2s, b-channels: "
		"1-15,17-31 → 1-16,18-31]\n");
}

/* Every key of the table of effects, and some that have the usual one. */
static void test_effects(void **state)
{
	static const struct {
		const char *format, *key, *effect;
	} rows[] = {
		{ "trunk", "peer: 192.0.2.9", "drains" },
		{ "trunk", "transport: tcp", "drains" },
		{ "trunk", "domain: example.org", "drains" },
		{ "trunk", "telephone-event: false", "drains" },
		{ "trunk", "packet-time: 10ms", "drains" },
		{ "trunk", "trusted: false", "drains" },
		{ "trunk", "latching: false", "drains" },
		{ "trunk", "session-timer: 0s", "drains" },
		{ "trunk", "sip-map: [{ sip: 480, cause: 18 }]", "drains" },
		{ "trunk", "dial-plan: x", "at once" },
		{ "trunk", "calling-dial-plan: x", "at once" },
		{ "trunk", "policy: x", "at once" },
		{ "trunk", "called-translation: x", "at once" },
		{ "trunk", "calling-translation: x", "at once" },
		{ "trunk", "setup-timeout: 9s", "at once" },
		{ "trunk", "ring-timeout: 9s", "at once" },
		{ "trunk", "failover-causes: [1]", "at once" },
		{ "trunk", "max-calls: 9", "at once" },
		{ "trunk", "options-interval: 9s", "at once" },
		{ "trunk", "enabled: false", "at once" },
		{ "span", "line: line2", "drains" },
		{ "span", "role: nt", "drains" },
		{ "span", "law: ulaw", "drains" },
		{ "span", "d-channel: 17", "drains" },
		{ "span", "timers: { t200: 2s }", "drains" },
		{ "span", "timers: { t203: 2s }", "drains" },
		{ "span", "timers: { n200: 2 }", "drains" },
		{ "span", "timers: { t309: 2s }", "at once" },
		{ "span", "b-channels: 1-3", "at once" },
		{ "span", "exclusive: true", "at once" },
		{ "span", "restart-on-start: false", "at once" },
		{ "span", "group: y", "at once" },
		{ "span", "policy: x", "at once" },
		{ "span", "cause-map: [{ cause: 21, sip: 480 }]", "at once" },
		{ "span", "enabled: false", "at once" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool trunk = rows[i].format[0] == 't',
		     own_role = strncmp(rows[i].key, "role", 4) == 0;
		bool own_line = strncmp(rows[i].key, "line", 4) == 0, own_peer = i == 0;
		char *to = mem_printf(
			LAN LINES "%s:\n  x: { %s%s }\n", trunk ? "trunks" : "spans",
			trunk ? own_peer ? "interface: lan, " : "interface: lan, peer: 192.0.2.1, "
			: own_role ? "line: line1, "
			: own_line ? "role: te, "
				   : "line: line1, role: te, ",
			rows[i].key);
		struct site *a = site_of(
			trunk ? LAN LINES "trunks:\n  x: { interface: lan, peer: 192.0.2.1 }\n"
			      : LAN LINES "spans:\n  x: { line: line1, role: te }\n");
		struct site *b = site_of(to);

		told[0] = '\0';
		assert_int_equal(site_diff(a, b, tell, NULL), 1);
		if (!strstr(told, rows[i].effect))
			fail_msg("%s: %s", rows[i].key, told);
		mem_free(to);
		site_unref(&a);
		site_unref(&b);
	}
}

/* Who stands on what has changed is told as well. */
static void test_ground(void **state)
{
	(void)state;
	expect_difference(
		LAN TRUNKS LINES SPANS,
		"sip-interfaces:\n  lan: { address: 127.0.0.1, transports: [udp], dscp: 46 "
		"}\n" TRUNKS "lines:\n"
		"  line1: { kind: cesopsn, local: \"127.0.0.1:2142\", remote: \"127.0.0.1:2143\", "
		"jitter: 20ms }\n"
		"  line2: { kind: cesopsn, local: \"127.0.0.1:2144\", remote: \"127.0.0.1:2145\" "
		"}\n"
		"spans:\n"
		"  e1-1: { line: line1, role: te, group: pstn, policy: staff }\n"
		"  e1-2: { line: line2, role: nt, group: pstn, called-translation: out }\n",
		"interface lan changed drains [transports: [udp, tcp] → [udp], dscp: 24 → 46]\n"
		"trunk core changed drains [interface lan]\n"
		"trunk carrier changed drains [interface lan]\n"
		"line line1 changed drains [jitter: 10ms → 20ms]\n"
		"span e1-1 changed drains [policy: none → staff, line line1]\n");
}

static void test_kinds_of_lines(void **state)
{
	(void)state;
	expect_difference("lines:\n  l: { kind: cesopsn, local: \"127.0.0.1:2142\", remote: "
			  "\"127.0.0.1:2143\" }\n",
			  "lines:\n  l: { kind: dahdi, span: 1, first-channel: 1 }\n",
			  "line l changed drains [kind: cesopsn → dahdi, local: 127.0.0.1:2142 → "
			  "none, remote: "
			  "127.0.0.1:2143 → none, packet-time: 1ms → none, clock: line → none, "
			  "jitter: 10ms → "
			  "none, rtp-header: false → none, dscp: 46 → none, first-channel: none → "
			  "1, span: none "
			  "→ 1]\n");
}

/* Sections by effect; of secrets only that they have changed. */
static void test_sections(void **state)
{
	(void)state;
	expect_difference(
		"{}\n",
		"media: { ports: 30000-30099, workers: 2, jitter: 60ms }\n"
		"api: { listen: \"127.0.0.1:8088\", access: [{ token-sha256: "
		"0000000000000000000000000000000000000000000000000000000000000000, name: x, role: "
		"read }] }\n"
		"store: postgresql://user:password@host/database\n"
		"log: { level: debug }\nstop-wait: 5s\nladder-calls: 7\n"
		"records: { keep-days: 7 }\noverload: { max-calls: 100 }\n",
		"media  changed at once [ports: 20000-29999 → 30000-30099, jitter: 40ms → 60ms]\n"
		"media  changed restart [workers: 0 → 2]\n"
		"api  changed at once [access: changed]\n"
		"api  changed restart [listen: none → 127.0.0.1:8088]\n"
		"store  changed restart [url: changed]\n"
		"log  changed at once [level: notice → debug]\n"
		"other  changed restart [records.keep-days: 400 → 7]\n"
		"other  changed at once [overload.max-calls: 0 → 100]\n"
		"other  changed at once [stop-wait: 30s → 5s, ladder-calls: 200 → 7]\n");
}

static void ignore(void *arg, const struct site_difference *difference)
{
	(void)arg;
	(void)difference;
}

static void test_memory_refused_to_a_difference(void **state)
{
	struct site *a = site_of(BASE);
	struct site *b = site_of("sip-interfaces:\n  lan: { address: 127.0.0.2 }\n" TRUNKS LINES
				 "spans:\n  e1-1: { line: line2, role: nt, timers: { t303: 2s } }\n"
				 "media: { workers: 3 }\nstop-wait: 1s\nlog: { level: debug }\n");
	long n = 0, blocks = mem_live_blocks();
	int rc;

	(void)state;
	for (;; n++) {
		mem_fail_after(n);
		rc = site_diff(a, b, ignore, NULL);
		if (!mem_failed())
			break;
		mem_fail_after(-1);
		assert_int_equal(rc, -ENOMEM);
		assert_int_equal(mem_live_blocks(), blocks);
	}
	mem_fail_after(-1);
	assert_int_equal(rc, 8);
	assert_in_range(n, 100, 5000);
	site_unref(&a);
	site_unref(&b);
}

#define CASE(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(test_references),	   CASE(test_names_that_cross),
		CASE(test_all_at_once),	   CASE(test_files),
		CASE(test_memory_refused), CASE(test_gateway_names),
		CASE(test_union),	   CASE(test_no_difference),
		CASE(test_come_and_go),	   CASE(test_keys),
		CASE(test_effects),
		CASE(test_ground),	   CASE(test_kinds_of_lines),
		CASE(test_sections),	   CASE(test_memory_refused_to_a_difference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
