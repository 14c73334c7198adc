/* SPDX-License-Identifier: GPL-2.0-only */
/* A user agent on trunk/sip.h that does what lines on its standard input say and tells events on
 * its standard output, so that the SIP floor is tested against scripted peers without a gateway
 * above it.
 *
 *   sip_harness LOCAL PEER [name=value …]      e.g. sip_harness 127.0.0.1:5070 127.0.0.1:5080 tcp=1
 *
 * Commands name a call by its number, which `call` or an incoming call gets in order from 1:
 *   call NUMBER [offer=0] [from=…] [name=…] [restricted=1] [diverted=…]
 *   alert N [inband]    progress N [inband]    connect N [NUMBER]    release N CAUSE [LOCATION]
 *   offer N [DIRECTION]     answer N     refuse N CAUSE     dtmf N DIGIT
 *   counters    calls    quit
 * Options: tcp, prack, trusted, auto (answer every offer at once), connect (connect every call at
 * once), max, sources, options, advertised, early_media, user_phone, trace, resolv. */
#include "base/loop.h"
#include "base/log.h"
#include "base/mem.h"
#include "trunk/sip.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define CALLS_MAX 20000

struct seat {
	struct sip_call *call;
	unsigned number;
	struct media_desc offer;
	bool offered;
};

static struct {
	struct loop *loop;
	struct sip_stack *stack;
	struct sip_trunk *trunk;
	struct conf_sip_interface interface;
	struct conf_trunk conf;
	enum conf_codec codecs[2];
	struct netprefix sources[8];
	bool auto_answer, auto_connect, quiet, trace;
	struct seat seats[CALLS_MAX];
	unsigned seat_count;
	char input[65536];
	size_t input_length;
	struct loop_watch watch;
} h;

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

static struct seat *new_seat(void)
{
	struct seat *s = &h.seats[h.seat_count];

	if (h.seat_count == CALLS_MAX)
		return NULL;
	*s = (struct seat){ .number = ++h.seat_count };
	return s;
}

/* ---- Media ---- */

static struct netaddr media_address(unsigned number)
{
	struct netaddr a = sip_trunk_media_address(h.trunk);

	netaddr_set_port(&a, (uint16_t)(20000 + number % 5000 * 2));
	return a;
}

static void show_media(const char *what, unsigned number, const struct media_desc *d)
{
	char address[NETADDR_TEXT], codecs[256] = "";
	size_t n = 0;

	for (unsigned i = 0; i < d->codec_count && n < sizeof(codecs); i++)
		n += (size_t)snprintf(codecs + n, sizeof(codecs) - n, "%s%s/%u", i ? "," : "",
				      d->codecs[i].name, d->codecs[i].payload_type);
	say("%s %u media=%s codecs=%s direction=%d ptime=%u", what, number,
	    netaddr_is_set(&d->rtp) ? netaddr_text(&d->rtp, address) : "-", codecs, d->direction,
	    d->ptime_ms);
}

static int give_answer(struct seat *s)
{
	struct netaddr local = media_address(s->number);
	struct media_desc answer;
	int rc = media_desc_answer(&answer, &s->offer, &h.conf, &local, RTP_SENDRECV);

	if (rc < 0)
		return sip_call_refuse(s->call,
				       q850(Q850_INCOMPATIBLE_DESTINATION, Q850_LOC_PRIVATE_LOCAL));
	return sip_call_answer(s->call, &answer);
}

/* ---- Events ---- */

static const char *const event_names[] = {
	[SIP_PROCEEDING] = "proceeding",
	[SIP_ALERTING] = "alerting",
	[SIP_PROGRESS] = "progress",
	[SIP_CONNECT] = "connect",
	[SIP_CONNECTED] = "connected",
	[SIP_PARTY_UPDATE] = "party",
	[SIP_DTMF] = "dtmf",
	[SIP_RELEASED] = "released",
};

static void on_event(struct sip_call *call, enum sip_event event, const struct sip_event_data *data,
		     void *arg)
{
	struct seat *s = arg;

	if (event == SIP_RELEASED) {
		say("released %u cause=%u location=%u status=%u peer=%d", s->number,
		    data->cause.value, data->cause.location, data->status, data->by_peer);
		s->call = NULL;
		sip_call_done(call);
		return;
	}
	if (event == SIP_DTMF) {
		say("dtmf %u event=%u ms=%u", s->number, data->dtmf_event, data->dtmf_ms);
		return;
	}
	say("%s %u inband=%d status=%u connected=%s", event_names[event], s->number, data->inband,
	    data->status, data->info ? data->info->connected.number.digits : "-");
}

static void on_offer(struct sip_call *call, const struct media_desc *desc, void *arg)
{
	struct seat *s = arg;

	(void)call;
	s->offer = *desc;
	s->offered = true;
	show_media("offer", s->number, desc);
	if (h.auto_answer && give_answer(s) < 0)
		say("error %u answer", s->number);
	if (h.auto_connect && sip_call_connect(call, NULL) < 0)
		say("error %u connect", s->number);
}

static void on_answer(struct sip_call *call, const struct media_desc *desc, void *arg)
{
	(void)call;
	show_media("answer", ((struct seat *)arg)->number, desc);
}

static void on_refuse(struct sip_call *call, struct q850_cause cause, void *arg)
{
	(void)call;
	say("refuse %u cause=%u", ((struct seat *)arg)->number, cause.value);
}

static const struct sip_call_ops call_ops = {
	.event = on_event, .offer = on_offer, .answer = on_answer, .refuse = on_refuse
};

static void on_incoming(struct sip_trunk *trunk, struct sip_call *call, const struct sip_info *info,
			void *arg)
{
	struct seat *s = new_seat();

	(void)arg;
	if (!s) {
		sip_call_release(call, q850(Q850_NO_CIRCUIT, Q850_LOC_PRIVATE_LOCAL));
		sip_call_done(call);
		return;
	}
	s->call = call;
	sip_call_accept(call, &call_ops, s);
	say("incoming %u trunk=%s called=%s calling=%s presentation=%u screening=%u name=%s "
	    "redirecting=%s reason=%u "
	    "offer=%d emergency=%d",
	    s->number, sip_trunk_conf(trunk)->name, info->called.number.digits,
	    info->calling.number.digits, info->calling.number.presentation,
	    info->calling.number.screening, info->calling.name, info->redirecting.number.digits,
	    info->redirecting_reason, info->has_offer, info->emergency);
}

static void on_trunk_state(struct sip_trunk *trunk, bool up, void *arg)
{
	(void)arg;
	say("trunk %s %s", sip_trunk_conf(trunk)->name, up ? "up" : "down");
}

static const struct sip_stack_ops stack_ops = { .incoming = on_incoming,
						.trunk_state = on_trunk_state };

static void on_trace(void *arg, const struct trace_record *r)
{
	(void)arg;
	say("trace %s %s key=%s local=%s remote=%s octets=%zu",
	    r->direction == TRACE_IN ? "in" : "out", r->summary, r->call_key ? r->call_key : "-",
	    r->local ? r->local : "-", r->remote ? r->remote : "-", r->length);
}

static const struct trace_sink trace = { .emit = on_trace };

/* ---- Commands ---- */

static const char *option(char **words, const char *name)
{
	size_t n = strlen(name);

	for (; *words; words++)
		if (strncmp(*words, name, n) == 0 && (*words)[n] == '=')
			return *words + n + 1;
	return NULL;
}

static void set_number(struct party_number *n, const char *digits)
{
	*n = (struct party_number){ .present = true, .screening = SCREENING_NETWORK };
	snprintf(n->digits, sizeof(n->digits), "%s", digits);
}

static void do_call(char **words)
{
	struct sip_info info = { 0 };
	const char *from = option(words, "from"), *name = option(words, "name"),
		   *diverted = option(words, "diverted");
	const char *offered = option(words, "offer");
	struct seat *s = new_seat();
	struct netaddr local;
	struct media_desc offer;
	int rc;

	if (!s)
		return;
	local = media_address(s->number);
	set_number(&info.called.number, words[1]);
	if (from)
		set_number(&info.calling.number, from);
	snprintf(info.calling.name, sizeof(info.calling.name), "%s", name ? name : "");
	if (option(words, "restricted"))
		info.calling.number.presentation = PRESENTATION_RESTRICTED;
	if (diverted)
		set_number(&info.redirecting.number, diverted);
	media_desc_offer(&offer, &h.conf, &local);
	rc = sip_call_create(&s->call, h.trunk, &info, offered && offered[0] == '0' ? NULL : &offer,
			     &call_ops, s);
	if (rc < 0)
		say("error %u call %s", s->number, strerror(-rc));
	else
		say("calling %u key=%s", s->number, sip_call_key(s->call));
}

static int do_offer(struct seat *s, const char *direction)
{
	struct netaddr local = media_address(s->number);
	struct media_desc offer;

	media_desc_offer(&offer, &h.conf, &local);
	if (direction)
		offer.direction = (enum rtp_direction)atoi(direction);
	return sip_call_offer(s->call, &offer);
}

static int do_connect(struct seat *s, const char *number)
{
	struct sip_info info = { 0 };

	if (number)
		set_number(&info.connected.number, number);
	return sip_call_connect(s->call, &info);
}

static struct q850_cause cause_of(char **words)
{
	unsigned value = words[2] ? (unsigned)atoi(words[2]) : 16;
	unsigned location = words[2] && words[3] ? (unsigned)atoi(words[3]) : Q850_LOC_USER;

	return q850((uint8_t)value, (enum q850_location)location);
}

static int do_call_command(struct seat *s, char **words)
{
	bool inband = words[2] && strcmp(words[2], "inband") == 0;

	if (strcmp(words[0], "alert") == 0)
		return sip_call_alerting(s->call, inband);
	if (strcmp(words[0], "progress") == 0)
		return sip_call_progress(s->call, inband);
	if (strcmp(words[0], "connect") == 0)
		return do_connect(s, words[2]);
	if (strcmp(words[0], "answer") == 0)
		return give_answer(s);
	if (strcmp(words[0], "offer") == 0)
		return do_offer(s, words[2]);
	if (strcmp(words[0], "refuse") == 0)
		return sip_call_refuse(s->call, cause_of(words));
	if (strcmp(words[0], "dtmf") == 0)
		return sip_call_info_dtmf(s->call, words[2] ? (unsigned)atoi(words[2]) : 0, 160);
	if (strcmp(words[0], "state") == 0) {
		say("state %u %s", s->number, sip_call_state_name(s->call));
		return 0;
	}
	if (strcmp(words[0], "release") != 0)
		return -EINVAL;
	sip_call_release(s->call, cause_of(words));
	return 0;
}

static void do_counters(void)
{
	const struct sip_counters *c = sip_stack_counters(h.stack);

	for (size_t i = 0; i < sip_counter_count; i++)
		say("counter %s %llu", sip_counter_info[i].name,
		    (unsigned long long)counter_of(c, &sip_counter_info[i]));
	say("counters end");
}

static void do_command(char *line)
{
	char *words[16] = { NULL }, *save = NULL;
	unsigned n = 0, number;
	int rc;

	for (char *w = strtok_r(line, " ", &save); w && n < 15; w = strtok_r(NULL, " ", &save))
		words[n++] = w;
	if (n == 0)
		return;
	if (strcmp(words[0], "quit") == 0)
		sip_stack_stop(h.stack, 0);
	else if (strcmp(words[0], "counters") == 0)
		do_counters();
	else if (strcmp(words[0], "calls") == 0)
		say("calls %u blocks %ld", sip_trunk_calls(h.trunk), mem_live_blocks());
	else if (n >= 2 && strcmp(words[0], "call") == 0)
		do_call(words);
	else if (n >= 2) {
		number = (unsigned)atoi(words[1]);
		rc = number >= 1 && number <= h.seat_count && h.seats[number - 1].call
			     ? do_call_command(&h.seats[number - 1], words)
			     : -ENOENT;
		say("%s %u %s %s", rc < 0 ? "error" : "ok", number, words[0],
		    rc < 0 ? strerror(-rc) : "");
	}
}

static void on_input(struct loop_watch *watch, uint32_t events, void *arg)
{
	ssize_t n = read(watch->fd, h.input + h.input_length, sizeof(h.input) - 1 - h.input_length);
	char *end;

	(void)events;
	(void)arg;
	if (n <= 0) {
		loop_watch_remove(watch);
		sip_stack_stop(h.stack, 0);
		return;
	}
	h.input_length += (size_t)n;
	h.input[h.input_length] = '\0';
	while ((end = strchr(h.input, '\n'))) {
		*end = '\0';
		do_command(h.input);
		h.input_length -= (size_t)(end + 1 - h.input);
		memmove(h.input, end + 1, h.input_length + 1);
	}
}

/* ---- Start ---- */

static bool flag(char **words, const char *name, bool otherwise)
{
	const char *value = option(words, name);

	return value ? value[0] == '1' : otherwise;
}

static void configure(char **words)
{
	const char *sources = option(words, "sources"), *max = option(words, "max"),
		   *keepalive = option(words, "options");
	const char *advertised = option(words, "advertised");
	bool tcp = flag(words, "tcp", false);

	h.interface = (struct conf_sip_interface){
		.name = strdup("lan"), .udp = true, .tcp = true, .dscp = 24
	};
	netaddr_parse(&h.interface.address, words[0], 5060);
	h.interface.advertised = advertised ? strdup(advertised) : NULL;
	h.codecs[0] = CONF_PCMA;
	h.codecs[1] = CONF_PCMU;
	h.conf = (struct conf_trunk){ .name = strdup("core"),
				      .interface = h.interface.name,
				      .peer = strdup(words[1]) };
	h.conf.transport = tcp ? CONF_TCP : CONF_UDP;
	h.conf.codecs = h.codecs;
	h.conf.codec_count = 2;
	h.conf.telephone_event = true;
	h.conf.ptime_ms = 20;
	h.conf.trusted = flag(words, "trusted", true);
	h.conf.user_phone = flag(words, "user_phone", true);
	h.conf.prack = flag(words, "prack", true);
	h.conf.early_media = flag(words, "early_media", true);
	h.conf.latching = true;
	h.conf.max_calls = max ? (unsigned)atoi(max) : 0;
	h.conf.options_interval_s = keepalive ? (unsigned)atoi(keepalive) : 0;
	if (sources && netprefix_parse(&h.sources[0], sources) == 0) {
		h.conf.sources = h.sources;
		h.conf.source_count = 1;
	}
	h.auto_answer = flag(words, "auto", true);
	h.auto_connect = flag(words, "connect", false);
	h.trace = flag(words, "trace", false);
}

int main(int argc, char **argv)
{
	struct sip_stack_cfg cfg = { 0 };
	char error[256] = "";
	int rc;

	if (argc < 3)
		return 2;
	configure(argv + 1);
	rc = loop_create(&h.loop, &clock_system);
	if (rc < 0)
		return 2;
	cfg = (struct sip_stack_cfg){ .interfaces = &h.interface,
				      .interface_count = 1,
				      .trunks = &h.conf,
				      .trunk_count = 1,
				      .loop = h.loop,
				      .trace = h.trace ? &trace : NULL,
				      .user_agent = "Causeway harness",
				      .resolv_conf = option(argv + 1, "resolv") };
	rc = sip_stack_create(&h.stack, &cfg, &stack_ops, NULL, error, sizeof(error));
	if (rc < 0) {
		fprintf(stderr, "sip_harness: %s\n", error);
		return 2;
	}
	h.trunk = sip_stack_trunk(h.stack, "core");
	loop_watch_add(h.loop, &h.watch, 0, EPOLLIN, on_input, NULL);
	say("ready");
	rc = sip_stack_run(h.stack);
	loop_watch_remove(&h.watch);
	sip_stack_destroy(&h.stack);
	loop_destroy(&h.loop);
	free(h.interface.name);
	free(h.interface.advertised);
	free(h.conf.name);
	free(h.conf.peer);
	say("bye blocks %ld", mem_live_blocks());
	return mem_live_blocks() ? 3 : rc;
}
