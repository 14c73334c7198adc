/* SPDX-License-Identifier: GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "conf/schema.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fixture {
	struct conf_document *doc;
	struct machine_conf machine;
	struct conf_section section;
	char faults[10000];
	long blocks;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->blocks = mem_live_blocks();
	f->section = machine_section(&f->machine);
	*state = f;
	return 0;
}

static void release(struct fixture *f)
{
	conf_document_destroy(&f->doc);
	conf_free(&machine_schema, &f->machine);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	release(f);
	assert_int_equal(mem_live_blocks(), f->blocks);
	free(f);
	return 0;
}

static int load(struct fixture *f, const char *text)
{
	int rc = conf_read_text(&f->doc, "m", text, strlen(text));

	f->faults[0] = '\0';
	if (rc == 0)
		rc = conf_load(f->doc, &f->section, 1);
	for (size_t i = 0; f->doc && i < conf_fault_count(f->doc); i++) {
		char *line = conf_fault_text(f->doc, i);

		strcat(f->faults, line);
		strcat(f->faults, "\n");
		mem_free(line);
	}
	return rc;
}

static const char small[] =
	"sip-interfaces:\n"
	"  lan: { address: 127.0.0.1 }\n"
	"trunks:\n"
	"  core: { interface: lan, peer: \"127.0.0.2:5070\" }\n"
	"lines:\n"
	"  l1: { kind: cesopsn, local: \"127.0.0.1:2000\", remote: \"127.0.0.1:2001\", timeslots: "
	"[1-4, 16] }\n"
	"  l2: { kind: dahdi, first-channel: 1, span: 1 }\n"
	"spans:\n"
	"  s1: { line: l1, role: te }\n"
	"  s2: { line: l2, role: network, d-channel: 1, policy: not-loaded-here }\n";

static void defaults_are_those_of_the_header(void **state)
{
	struct fixture *f = *state;
	const struct machine_conf *m = &f->machine;
	const struct conf_trunk *t;
	const struct conf_line *l;
	const struct conf_span *s;

	assert_int_equal(load(f, small), 0);
	assert_int_equal(netaddr_port(&m->interfaces[0].address), 5060);
	assert_true(m->interfaces[0].udp && m->interfaces[0].tcp);
	assert_int_equal(m->interfaces[0].dscp, 24);
	assert_null(m->interfaces[0].advertised);
	t = &m->trunks[0];
	assert_string_equal(t->interface, "lan");
	assert_int_equal(t->transport, CONF_UDP);
	assert_int_equal(t->source_count, 0);
	assert_int_equal(t->codec_count, 2);
	assert_int_equal(t->codecs[0], CONF_PCMA);
	assert_int_equal(t->codecs[1], CONF_PCMU);
	assert_int_equal(t->ptime_ms, 20);
	assert_true(t->telephone_event && t->trusted && t->user_phone && t->prack &&
		    t->early_media && t->latching);
	assert_int_equal(t->max_calls, 0);
	assert_int_equal(t->options_interval_s, 0);
	assert_int_equal(t->setup_timeout_ms, 4000);
	assert_int_equal(t->ring_timeout_s, 180);
	assert_int_equal(t->failover_cause_count, 9);
	assert_int_equal(t->failover_causes[8], 102);
	assert_null(t->policy);
	l = &m->lines[0];
	assert_int_equal(l->packet_us, 1000);
	assert_int_equal(l->timeslots, 0x1001e);
	assert_int_equal(l->clock, CONF_CLOCK_LINE);
	assert_int_equal(l->jitter_ms, 10);
	assert_int_equal(l->dscp, 46);
	assert_false(l->rtp_header);
	s = &m->spans[0];
	assert_int_equal(s->d_channel, 16);
	assert_int_equal(s->b_channels, 0x1e);
	assert_int_equal(s->hunt, CONF_HUNT_DESCENDING);
	assert_true(s->restart_on_start);
	assert_false(s->exclusive);
	assert_int_equal(s->timers.t309, 6000);
	assert_int_equal(s->timers.t301, 180000);
	assert_int_equal(s->timers.n200, 3);
	s = &m->spans[1];
	assert_int_equal(s->role, CONF_ROLE_NT);
	assert_int_equal(s->hunt, CONF_HUNT_ASCENDING);
	assert_int_equal(s->b_channels, 0xfffffffc);
	assert_string_equal(s->policy, "not-loaded-here");
	assert_int_equal(m->media.port_first, 20000);
	assert_int_equal(m->media.port_last, 29999);
	assert_int_equal(m->media.jitter_ms, 40);
	assert_false(netaddr_is_set(&m->media.address));
	assert_string_equal(m->api.socket, "/run/causeway/gatewayd.sock");
	assert_int_equal(m->log.level, LOG_LEVEL_NOTICE);
	assert_int_equal(m->ladder_calls, 200);
}

/* Each document with its whole list of faults. */
static const struct {
	const char *text, *faults;
} wrong[] = {
	/* One address and port for two. */
	{ "sip-interfaces:\n"
	  "  a: { address: 127.0.0.1 }\n"
	  "  b: { address: \"127.0.0.1:5060\" }\n"
	  "  c: { address: 0.0.0.0, transports: [tcp] }\n"
	  "  d: { address: \"[::]:5060\" }\n"
	  "  e: { address: \"127.0.0.1:5061\", transports: [tcp] }\n"
	  "lines:\n"
	  "  l: { kind: cesopsn, local: \"127.0.0.1:5061\", remote: \"127.0.0.2:5060\" }\n"
	  "  m: { kind: cesopsn, local: \"0.0.0.0:5061\", remote: \"127.0.0.2:5060\" }\n",
	  "m:3:17: SIP interface b: 127.0.0.1:5060 is bound by SIP interface a already (line 2); "
	  "accepted: another address or port\n"
	  "m:4:17: SIP interface c: 0.0.0.0:5060 is bound by SIP interface a already (line 2); "
	  "accepted: another address or port\n"
	  "m:4:17: SIP interface c: 0.0.0.0:5060 is bound by SIP interface b already (line 3); "
	  "accepted: another address or port\n"
	  "m:9:30: line m: 0.0.0.0:5061 is bound by line l already (line 8); accepted: another "
	  "address or port\n" },
	{ "sip-interfaces:\n"
	  "  a: { address: 0.0.0.0 }\n"
	  "  b: { address: 127.0.0.1 }\n",
	  "m:3:17: SIP interface b: 127.0.0.1:5060 is bound by SIP interface a already (line 2); "
	  "accepted: another address or port\n" },
	/* What hangs on a faulty value is not told of. */
	{ "lines: { a: { kind: foo }, b: { kind: [], span: 3 } }\n",
	  "m:1:21: kind: \"foo\" is unknown; accepted: one of cesopsn, dahdi\n"
	  "m:1:39: kind: a list stands here; accepted: one of cesopsn, dahdi\n" },
	/* Ports of RTP. */
	{ "media: { ports: 5000-6000 }\n"
	  "sip-interfaces:\n"
	  "  a: { address: 127.0.0.1 }\n"
	  "  b: { address: \"127.0.0.1:7000\", transports: [tcp] }\n"
	  "lines:\n"
	  "  l: { kind: cesopsn, local: \"127.0.0.1:5999\", remote: \"127.0.0.2:1\" }\n"
	  "  m: { kind: cesopsn, local: \"127.0.0.9:5999\", remote: \"127.0.0.2:1\" }\n",
	  "m:3:17: SIP interface a: 127.0.0.1:5060 lies within the RTP ports 5000-6000 (line 1); "
	  "accepted: a port outside, or other media ports\n"
	  "m:6:30: line l: 127.0.0.1:5999 lies within the RTP ports 5000-6000 (line 1); accepted: "
	  "a port outside, or other media ports\n" },
	{ "sip-interfaces: { a: { address: \"127.0.0.1:20000\" } }\n",
	  "m:1:33: SIP interface a: 127.0.0.1:20000 lies within the RTP ports 20000-29999 (the "
	  "default); accepted: a port outside, or other media ports\n" },
	{ "media: { ports: 5000-5000 }\n", "m:1:17: ports: 5000-5000 holds no even port and the "
					   "odd one above; accepted: at least such a pair\n" },
	/* One timeslot for two. */
	{ "lines:\n"
	  "  l: { kind: cesopsn, local: \"127.0.0.1:1\", remote: \"127.0.0.2:1\", timeslots: 1-20 "
	  "}\n"
	  "spans:\n"
	  "  a: { line: l, role: te, d-channel: 16, b-channels: 1-5 }\n"
	  "  b: { line: l, role: te, d-channel: 17, b-channels: [6-9, 16] }\n"
	  "  c: { line: l, role: te, d-channel: 5, b-channels: 10-12 }\n"
	  "  d: { line: l, role: te, d-channel: 18, b-channels: [13-15, 18] }\n"
	  "  e: { line: l, role: te, d-channel: 21, b-channels: [19, 22-23] }\n",
	  "m:5:54: span b: timeslot 16 of line l is used by span a already (line 4); accepted: "
	  "timeslots of its own\n"
	  "m:6:38: span c: timeslot 5 of line l is used by span a already (line 4); accepted: "
	  "timeslots of its own\n"
	  "m:7:54: b-channels: timeslot 18 is the D-channel (line 7); accepted: one use of each\n"
	  "m:8:38: d-channel: timeslot 21 is not carried by line l (line 2); accepted: one of its "
	  "timeslots\n"
	  "m:8:54: b-channels: timeslot 22 is not carried by line l (line 2); accepted: its "
	  "timeslots\n" },
	{ "lines:\n"
	  "  l: { kind: cesopsn, local: \"127.0.0.1:1\", remote: \"127.0.0.2:1\", timeslots: 16 }\n"
	  "  k: { kind: cesopsn, local: \"127.0.0.1:2\", remote: \"127.0.0.2:2\" }\n"
	  "spans:\n"
	  "  a: { line: l, role: te }\n"
	  "  b: { line: k, role: te }\n"
	  "  c: { line: k, role: te }\n",
	  "m:5:3: span a: no timeslot is left for calls; accepted: a line with more than the "
	  "D-channel\n"
	  "m:7:14: span c: timeslot 1 of line k is used by span b already (line 6); accepted: "
	  "timeslots of its own\n" },
	/* What hangs on a faulty value is not told of. */
	{ "lines:\n"
	  "  l: { kind: cesopsn, local: \"127.0.0.1:1\", remote: \"127.0.0.2:1\", timeslots: 32 }\n"
	  "  k: { kind: cesopsn, local: \"127.0.0.1:20000\", remote: \"127.0.0.2:2\", timeslots: "
	  "[1-9, 16] }\n"
	  "spans:\n"
	  "  a: { line: l, role: te, b-channels: x }\n"
	  "  b: { line: k, role: te, d-channel: 40, b-channels: [1-3, 16] }\n"
	  "  c: { line: k, role: te, d-channel: 7, b-channels: 4-x }\n"
	  "sip-interfaces: { i: { address: 127.0.0.1 } }\n"
	  "media: { ports: 0-x }\n",
	  "m:2:79: timeslots: \"32\" is out of range; accepted: timeslots from 1 to 31, such as "
	  "1-15,17-31\n"
	  "m:5:39: b-channels: \"x\" is no set of timeslots; accepted: timeslots from 1 to 31, "
	  "such as 1-15,17-31\n"
	  "m:6:38: d-channel: 40 is out of range; accepted: a whole number from 1 to 31\n"
	  "m:7:53: b-channels: \"4-x\" is no set of timeslots; accepted: timeslots from 1 to 31, "
	  "such as 1-15,17-31\n"
	  "m:9:17: ports: \"0-x\" is no range; accepted: a range such as 20000-29999, within 1024 "
	  "to 65535\n" },
	{ "media: { ports: 5001-5002 }\n", "m:1:17: ports: 5001-5002 holds no even port and the "
					   "odd one above; accepted: at least such a pair\n" },
	/* References. */
	{ "sip-interfaces: { lan: { address: 127.0.0.1 } }\n"
	  "trunks:\n"
	  "  a: { interface: lam, peer: x }\n"
	  "spans:\n"
	  "  s: { line: l, role: te }\n",
	  "m:3:19: interface: no sip-interface \"lam\" is defined, did you mean \"lan\"?; "
	  "accepted: lan\n"
	  "m:5:14: line: no line \"l\" is defined; accepted: none is defined\n" },
	/* What belongs to a kind of line. */
	{ "lines:\n"
	  "  a: { kind: cesopsn, local: \"127.0.0.1:1\", span: 1 }\n"
	  "  b: { kind: dahdi, jitter: 5ms, span: 1 }\n"
	  "  c: { kind: dahdi, first-channel: 1, span: 1 }\n"
	  "  d: { kind: dahdi, first-channel: 31, span: 2 }\n"
	  "  e: { kind: dahdi, first-channel: 62, span: 2 }\n"
	  "  f: {}\n"
	  "  g: { kind: cesopsn, local: \"127.0.0.1:2\", remote: \"[::1]:3\", packet-time: 4ms, "
	  "jitter: 3ms }\n",
	  "m:2:3: line a: \"remote\" is missing (where packets go); accepted: a numeric address "
	  "with port, such as 192.0.2.1:2000 or \"[2001:db8::1]:2000\"\n"
	  "m:2:45: span: has no meaning with kind: cesopsn; accepted: only with kind: dahdi\n"
	  "m:3:3: line b: \"first-channel\" is missing (number of the channel that is timeslot 1); "
	  "accepted: a whole number from 1 to 65535\n"
	  "m:3:21: jitter: has no meaning with kind: dahdi; accepted: only with kind: cesopsn\n"
	  "m:5:36: first-channel: 31 is within the channels of line c (line 4); accepted: 31 "
	  "channels apart\n"
	  "m:6:46: span: 2 is that of line d already (line 5); accepted: another span\n"
	  "m:7:3: line f: \"kind\" is missing (how the E1 reaches this machine); accepted: one of "
	  "cesopsn, dahdi\n"
	  "m:8:53: remote: not of the same family as local (line 8); accepted: both IPv4 or both "
	  "IPv6\n"
	  "m:8:90: jitter: 3ms is less than one packet of 4ms; accepted: the packet time or "
	  "more\n" },
	/* Names that routes use. */
	{ "sip-interfaces: { lan: { address: 127.0.0.1, transports: [udp] } }\n"
	  "trunks:\n"
	  "  x: { interface: lan, peer: x, transport: tcp }\n"
	  "  y: { interface: lan, peer: x }\n"
	  "lines:\n"
	  "  l: { kind: cesopsn, local: \"127.0.0.1:1\", remote: \"127.0.0.2:1\" }\n"
	  "spans:\n"
	  "  x: { line: l, role: te, group: y, b-channels: 1 }\n"
	  "  z: { line: l, role: te, group: z, b-channels: 2, d-channel: 3 }\n",
	  "m:3:44: transport: tcp is not spoken by SIP interface lan (line 1); accepted: udp\n"
	  "m:8:3: span x: a trunk has that name (line 3), and routes could mean either; accepted: "
	  "another name\n"
	  "m:8:34: group y: a trunk has that name (line 4), and routes could mean either; "
	  "accepted: another name\n"
	  "m:9:34: group z: a span has that name (line 9), and routes could mean either; accepted: "
	  "another name\n" },
	/* Values of several kinds at once. */
	{ "trunks:\n"
	  "  a: { peer: x, max-calls: 506x, packet-time: 25ms, cause-map: [{cause: 200, sip: 480}, "
	  "{sip: 200, cause: 1}] }\n"
	  "spans:\n"
	  "  s: { role: te, switch-type: ni2, timers: { t309: 6, T303: 4s, n200: 0 }, "
	  "failover-causes: [34, 128] }\n"
	  "log: { level: loud }\n"
	  "api: { socket: \"\" }\n",
	  "m:2:3: trunk a: \"interface\" is missing (where its calls come in and leave); accepted: "
	  "the name of a sip-interface\n"
	  "m:2:28: max-calls: \"506x\" is no whole number; accepted: a whole number from 0 to "
	  "100000\n"
	  "m:2:47: packet-time: \"25ms\" is unknown; accepted: one of 10ms, 20ms, 30ms, 40ms, "
	  "60ms\n"
	  "m:2:73: cause: 200 is out of range; accepted: a whole number from 1 to 127\n"
	  "m:2:95: sip: 200 is out of range; accepted: a whole number from 300 to 699\n"
	  "m:4:3: span s: \"line\" is missing (that carries the span); accepted: the name of a "
	  "line\n"
	  "m:4:31: switch-type: \"ni2\" is unknown; accepted: one of euroisdn\n"
	  "m:4:52: t309: \"6\" has no unit; accepted: a time with its unit (us, ms, s, min, h) "
	  "from 10ms to 1h\n"
	  "m:4:55: timers: unknown key \"T303\", did you mean \"t303\"?; accepted: t200, t203, "
	  "t301, t302, t303, t304, t305, t308, t309, t310, t313, t316, n200\n"
	  "m:4:71: n200: 0 is out of range; accepted: a whole number from 1 to 20\n"
	  "m:4:98: failover-causes: 128 is out of range; accepted: a whole number from 1 to 127\n"
	  "m:5:15: level: \"loud\" is unknown; accepted: one of error, warning, notice, info, "
	  "debug\n"
	  "m:6:16: socket: an empty text; accepted: a text of at least 1 and at most 107 octets in "
	  "one line\n" },
};

static void all_faults_are_told_with_their_positions(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(load(f, wrong[i].text), -EINVAL);
		assert_string_equal(f->faults, wrong[i].faults);
		release(f);
	}
}

static void what_is_printed_reads_the_same(void **state)
{
	struct fixture *f = *state;
	char *first, *second;

	assert_int_equal(load(f, small), 0);
	assert_int_equal(conf_print(&first, &f->section, 1), 0);
	release(f);
	assert_int_equal(load(f, first), 0);
	assert_int_equal(conf_print(&second, &f->section, 1), 0);
	assert_string_equal(first, second);
	assert_int_equal(f->machine.lines[1].dahdi_first_channel, 1);
	assert_int_equal(f->machine.spans[1].hunt, CONF_HUNT_ASCENDING);
	mem_free(first);
	mem_free(second);
}

static void want_of_memory_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	const char *const texts[] = { small, wrong[10].text };

	for (size_t i = 0; i < 2; i++) {
		long n = 0;
		int rc;

		do {
			mem_fail_after(n++);
			rc = conf_read_text(&f->doc, "m", texts[i], strlen(texts[i]));
			if (rc == 0)
				rc = conf_load(f->doc, &f->section, 1);
			if (mem_failed())
				assert_int_equal(rc, -ENOMEM);
			release(f);
			assert_int_equal(mem_live_blocks(), f->blocks);
		} while (mem_failed());
		mem_fail_after(-1);
		assert_int_equal(rc, i == 0 ? 0 : -EINVAL);
	}
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(defaults_are_those_of_the_header),
		CASE(all_faults_are_told_with_their_positions),
		CASE(what_is_printed_reads_the_same),
		CASE(want_of_memory_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
