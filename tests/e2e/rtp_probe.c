/* SPDX-License-Identifier: GPL-2.0-only */
/* rtp_probe: is the audio that comes back the audio that was sent?
 *
 * A stand-alone RTP end for tests and the demo. It shares no RTP code with the gateway: what both
 * get wrong in the same way would not show. It binds the address that some SDP names, learns the
 * far end from the first packet (or is told it), sends on an absolute timer of CLOCK_MONOTONIC,
 * records everything that comes, and judges at the end.
 *
 * Echo: it sends octets that never repeat (a hash of their index), looks for the one delay at which
 * the recording is what was sent, and counts every octet that differs and every change of the delay
 * (a slip). Lines made of timers count the same clock on one machine, so the two run at one rate
 * and no slip is excused by drift; over real lines the drift between this machine and the line's
 * clock makes slips, and they are true ones. */
#include "tests/e2e/rtp_probe.h"

#include "base/mem.h"
#include "transcoding/law.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define HEADER 12
#define DIGIT_MS 100
#define DIGIT_PERIOD_MS 250

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
	(void)number;
	stopped = 1;
}

static uint64_t now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* ---- What is sent ---- */

/* A bijective mix of the index (so no stretch of it repeats), of which one octet is taken. */
static uint8_t noise_at(uint32_t seed, uint32_t index)
{
	uint32_t x = index * 0x9e3779b1U ^ seed;
	x ^= x >> 16;
	x *= 0x85ebca6bU;
	x ^= x >> 13;
	x *= 0xc2b2ae35U;
	x ^= x >> 16;
	return (uint8_t)x;
}

uint8_t probe_sent_at(const struct options *o, uint32_t index)
{
	if (o->send == SEND_COUNTER)
		return (uint8_t)(index & 1 ? index >> 1 : index >> 9);
	return noise_at(o->seed, index);
}

static void put_header(struct probe *p, uint8_t *octets, unsigned type, bool marker,
		       uint32_t timestamp)
{
	octets[0] = 0x80;
	octets[1] = (uint8_t)((marker ? 0x80 : 0) | type);
	octets[2] = (uint8_t)(p->sequence >> 8);
	octets[3] = (uint8_t)p->sequence;
	for (unsigned i = 0; i < 4; i++) {
		octets[4 + i] = (uint8_t)(timestamp >> (24 - 8 * i));
		octets[8 + i] = (uint8_t)(p->ssrc >> (24 - 8 * i));
	}
	p->sequence++;
}

static void transmit(struct probe *p, const uint8_t *octets, size_t n)
{
	if (sendto(p->fd, octets, n, 0, &p->remote.u.sa, netaddr_len(&p->remote)) == (ssize_t)n)
		p->packets_sent++;
}

/* RFC 4733: true while a digit takes the place of the audio. */
static bool send_digit(struct probe *p)
{
	unsigned ms = p->sent_samples * 1000 / RATE, ptime = p->o.ptime_ms;
	size_t index = ms / DIGIT_PERIOD_MS;
	unsigned into = ms % DIGIT_PERIOD_MS;
	static const char keys[] = "0123456789*#ABCD";
	if (!p->o.digits || index == 0 || index > strlen(p->o.digits) ||
	    into >= DIGIT_MS + 3 * ptime)
		return false;
	const char *key = strchr(keys, p->o.digits[index - 1]);
	unsigned duration = (into / ptime + 1) * ptime,
		 total = (DIGIT_MS + ptime - 1) / ptime * ptime;
	uint8_t packet[HEADER + 4];
	if (!key)
		return false;
	if (into < ptime)
		p->digit_timestamp = p->timestamp;
	bool end = duration >= total;
	if (duration > total)
		duration = total;
	put_header(p, packet, p->o.event_type, into < ptime, p->digit_timestamp);
	packet[HEADER] = (uint8_t)(key - keys);
	packet[HEADER + 1] = (uint8_t)((end ? 0x80 : 0) | 10);
	packet[HEADER + 2] = (uint8_t)(duration * RATE / 1000 >> 8);
	packet[HEADER + 3] = (uint8_t)(duration * RATE / 1000);
	transmit(p, packet, sizeof(packet));
	return true;
}

static void send_packet(struct probe *p)
{
	uint8_t packet[HEADER + 60 * RATE / 1000];
	uint32_t n = p->o.ptime_ms * RATE / 1000;
	if (!send_digit(p)) {
		put_header(p, packet, p->o.payload_type, p->sent_samples == 0, p->timestamp);
		for (uint32_t i = 0; i < n; i++)
			packet[HEADER + i] = p->o.send == SEND_SILENCE
						     ? law_silence(p->o.codec)
						     : probe_sent_at(&p->o, p->sent_samples + i);
		if (p->o.send == SEND_TONE)
			tone_read(&p->tone, packet + HEADER, n);
		transmit(p, packet, HEADER + n);
	}
	p->sent_samples += n;
	p->timestamp += n;
}

/* ---- What is received ---- */

static uint32_t word(const uint8_t *octets)
{
	return (uint32_t)octets[0] << 24 | (uint32_t)octets[1] << 16 | (uint32_t)octets[2] << 8 |
	       octets[3];
}

static void take_event(struct probe *p, const uint8_t *payload, size_t n, uint32_t timestamp)
{
	size_t length = strlen(p->digits);
	if (n < 4 || payload[0] > 15 || (p->event_seen && timestamp == p->last_event_timestamp))
		return;
	p->event_seen = true;
	p->last_event_timestamp = timestamp;
	if (length + 1 < sizeof(p->digits))
		p->digits[length] = "0123456789*#ABCD"[payload[0]];
}

/* Another source (the gateway went from a tone to the call, say): its samples follow where its
 * packets came in time. */
static void new_source(struct probe *p, uint32_t ssrc, uint16_t sequence, uint32_t timestamp,
		       uint64_t us)
{
	uint32_t at = p->started ? (uint32_t)((us - p->first_us) * RATE / 1000000) : 0;
	if (at < p->end)
		at = p->end;
	p->source_changes += p->started;
	p->peer_ssrc = ssrc;
	p->first_timestamp = timestamp - at;
	p->max_sequence = sequence;
	memset(p->seen, 0, 65536);
	if (!p->started)
		p->first_us = us;
	p->started = true;
	p->expected++;
}

static void take_sequence(struct probe *p, uint16_t sequence)
{
	int16_t step = (int16_t)(sequence - p->max_sequence);
	if (p->seen[sequence]) {
		p->duplicate++;
		return;
	}
	p->received++;
	p->seen[sequence] = 1;
	p->seen[(uint16_t)(sequence + 32768)] = 0;
	if (step > 0) {
		p->expected += (uint64_t)step;
		p->max_sequence = sequence;
	} else if (step < 0) {
		p->reordered++;
	}
}

static void take_audio(struct probe *p, const uint8_t *payload, size_t n, uint32_t timestamp,
		       uint64_t us)
{
	uint32_t at = timestamp - p->first_timestamp;
	if (at > p->room || n > p->room - at || p->arrival_count == p->arrival_room)
		return;
	memcpy(p->heard + at, payload, n);
	memset(p->present + at, 1, n);
	if (at + n > p->end)
		p->end = at + (uint32_t)n;
	p->arrivals[p->arrival_count++] = (struct arrival){ at, (uint32_t)n, us };
}

static void take_packet(struct probe *p, const uint8_t *octets, size_t n,
			const struct netaddr *from)
{
	uint64_t us = now_us();
	unsigned type = n >= HEADER ? octets[1] & 0x7f : 0;
	if (n < HEADER ||
	    octets[0] != 0x80) { /* the gateway sends neither CSRC, extension nor padding */
		p->malformed++;
		return;
	}
	if (!netaddr_is_set(&p->remote))
		p->remote = *from;
	if (!netaddr_equal(&p->remote, from)) {
		p->foreign++;
		return;
	}
	uint16_t sequence = (uint16_t)(octets[2] << 8 | octets[3]);
	uint32_t timestamp = word(octets + 4), ssrc = word(octets + 8);
	if (!p->started || ssrc != p->peer_ssrc)
		new_source(p, ssrc, sequence, timestamp, us);
	take_sequence(p, sequence);
	if (p->last_us && us - p->last_us > 60000)
		p->gaps++;
	if (p->last_us && us - p->last_us > p->longest_gap_us)
		p->longest_gap_us = us - p->last_us;
	p->last_us = us;
	if (type == p->o.event_type)
		take_event(p, octets + HEADER, n - HEADER, timestamp);
	else if (type == p->o.payload_type)
		take_audio(p, octets + HEADER, n - HEADER, timestamp, us);
	else
		p->malformed++;
}

static void receive(struct probe *p)
{
	uint8_t octets[2048];
	struct netaddr from;
	for (;;) {
		socklen_t length = sizeof(from);
		ssize_t n =
			recvfrom(p->fd, octets, sizeof(octets), MSG_DONTWAIT, &from.u.sa, &length);
		if (n < 0)
			return;
		take_packet(p, octets, (size_t)n, &from);
	}
}

/* ---- The run ---- */

static bool over(const struct probe *p, uint64_t begun_us)
{
	uint64_t now = now_us();
	if (stopped)
		return true;
	if (!p->started)
		return now - begun_us > (uint64_t)p->o.wait_ms * 1000;
	if (p->o.idle_ms && now - p->last_us > (uint64_t)p->o.idle_ms * 1000)
		return true;
	return now - p->first_us > (uint64_t)p->o.duration_ms * 1000;
}

static uint64_t packet_due_us(const struct probe *p)
{
	return p->send_start_us + (uint64_t)p->sent_samples * 1000000 / RATE;
}

/* Where the machine allows it: a probe that is held up itself sends late, and what is late is lost.
 */
static void ask_for_priority(void)
{
	struct sched_param first = { .sched_priority = 1 };
	if (sched_setscheduler(0, SCHED_FIFO, &first) < 0)
		setpriority(PRIO_PROCESS, 0, -10);
}

static void run(struct probe *p)
{
	uint64_t begun_us = now_us();
	struct pollfd wait = { .fd = p->fd, .events = POLLIN };
	while (!over(p, begun_us)) {
		uint64_t now = now_us(), left_us = 100000;
		if (netaddr_is_set(&p->remote)) {
			if (!p->send_start_us)
				p->send_start_us = now;
			if (now > packet_due_us(p) + p->held_up_us)
				p->held_up_us = now - packet_due_us(p);
			while (packet_due_us(p) <= now)
				send_packet(p);
			left_us = packet_due_us(p) - now;
		}
		struct timespec timeout = { 0, (long)(left_us < 100000 ? left_us : 100000) * 1000 };
		if (ppoll(&wait, 1, &timeout, NULL) > 0)
			receive(p);
	}
}

struct figure {
	const char *name;
	double value;
	int decimals;
};

static void print_figures(const struct probe *p, const struct figure *figures, size_t count)
{
	for (size_t i = 0; i < count; i++)
		printf(p->o.json ? ", \"%s\": %.*f" : "  %-20s %.*f\n", figures[i].name,
		       figures[i].decimals, figures[i].value);
}

static void report(const struct probe *p, const struct verdict *v)
{
	char remote[NETADDR_TEXT] = "";
	const struct figure figures[] = {
		{ "octets_compared", (double)v->compared, 0 },
		{ "mismatches", (double)v->mismatches, 0 },
		{ "slips", v->slips, 0 },
		{ "missing", (double)v->missing, 0 },
		{ "alignment_samples", (double)v->alignment, 0 },
		{ "one_way_delay_ms", v->delay_ms, 2 },
		{ "level_dbm0", v->level_dbm0, 2 },
		{ "frequency_hz", v->frequency_hz, 2 },
		{ "clicks", v->clicks, 0 },
		{ "packets_sent", p->packets_sent, 0 },
		{ "packets_received", (double)p->received, 0 },
		{ "lost", p->expected > p->received ? (double)(p->expected - p->received) : 0, 0 },
		{ "duplicate", p->duplicate, 0 },
		{ "reordered", p->reordered, 0 },
		{ "foreign", p->foreign, 0 },
		{ "malformed", p->malformed, 0 },
		{ "source_changes", p->source_changes, 0 },
		{ "gaps_over_60ms", p->gaps, 0 },
		{ "longest_gap_ms", (double)p->longest_gap_us / 1000, 1 },
		{ "held_up_ms", (double)p->held_up_us / 1000, 1 },
	};
	if (netaddr_is_set(&p->remote))
		netaddr_text(&p->remote, remote);
	printf(p->o.json ? "{\"verdict\": \"%s\", \"reason\": \"%s\"" : "%s: %s\n",
	       v->pass ? "pass" : "fail", v->reason);
	print_figures(p, figures, sizeof(figures) / sizeof(figures[0]));
	printf(p->o.json ? ", \"digits\": \"%s\", \"remote\": \"%s\"}\n"
			 : "  digits \"%s\", remote %s\n",
	       p->digits, remote);
}

/* ---- Options ---- */

static const char usage[] =
	"rtp_probe --local IP:PORT [options]     port 0: any, shown on standard error\n"
	"  --remote IP:PORT        where to send to; else learnt from the first packet\n"
	"  --duration 10s          from the first packet received (s or ms)\n"
	"  --wait 30s              for the first packet\n"
	"  --idle 0s               end when nothing came for so long (0: don't)\n"
	"  --ptime 20              ms per packet sent, 10…60\n"
	"  --codec pcma|pcmu       and its payload type; --pt N for another number\n"
	"  --via pcma|pcmu         law of the line in between, for echo (default: the codec's)\n"
	"  --send noise|counter|tone[:HZ@DBM0]|silence\n"
	"  --expect echo|tone:HZ@DBM0|audio|nothing\n"
	"  --event-pt 101  --dtmf DIGITS   digits to send as telephone-events, from 250 ms on\n"
	"  --seed N  --json\n"
	"exit: 0 as expected, 1 not, 2 usage or system error; SIGTERM and SIGINT end the run early "
	"and judge\n";

static void die(const char *what, const char *detail)
{
	fprintf(stderr, "rtp_probe: %s: %s\n%s", what, detail, usage);
	exit(2);
}

static unsigned parse_ms(const char *text)
{
	char *end;
	double value = strtod(text, &end);
	if (strcmp(end, "ms") == 0)
		return (unsigned)value;
	if (end == text || (*end && strcmp(end, "s") != 0) || value < 0 || value > 86400)
		die("not a time", text);
	return (unsigned)(value * 1000);
}

static enum port_codec parse_codec(const char *text)
{
	if (strcmp(text, "pcma") != 0 && strcmp(text, "pcmu") != 0)
		die("codec is pcma or pcmu", text);
	return strcmp(text, "pcmu") == 0 ? PORT_PCMU : PORT_PCMA;
}

static void parse_tone(const char *text, double *hz, double *dbm0)
{
	char *end = NULL;

	if (text[4] != ':')
		return;
	*hz = strtod(text + 5, &end);
	if (*end != '@')
		die("not HZ@DBM0", text);
	*dbm0 = strtod(end + 1, &end);
	if (*end)
		die("not HZ@DBM0", text);
}

static void parse_send(struct options *o, const char *text)
{
	if (strcmp(text, "noise") == 0)
		o->send = SEND_NOISE;
	else if (strcmp(text, "counter") == 0)
		o->send = SEND_COUNTER;
	else if (strcmp(text, "silence") == 0)
		o->send = SEND_SILENCE;
	else if (strncmp(text, "tone", 4) == 0)
		o->send = SEND_TONE;
	else
		die("--send", text);
	if (o->send == SEND_TONE)
		parse_tone(text, &o->send_hz, &o->send_dbm0);
}

static void parse_expect(struct options *o, const char *text)
{
	if (strcmp(text, "echo") == 0)
		o->expect = EXPECT_ECHO;
	else if (strcmp(text, "audio") == 0)
		o->expect = EXPECT_AUDIO;
	else if (strcmp(text, "nothing") == 0)
		o->expect = EXPECT_NOTHING;
	else if (strncmp(text, "tone", 4) == 0)
		o->expect = EXPECT_TONE;
	else
		die("--expect", text);
	if (o->expect == EXPECT_TONE)
		parse_tone(text, &o->expect_hz, &o->expect_dbm0);
}

static const struct option long_options[] = {
	{ "local", required_argument, NULL, 'l' },    { "remote", required_argument, NULL, 'r' },
	{ "duration", required_argument, NULL, 'd' }, { "wait", required_argument, NULL, 'w' },
	{ "idle", required_argument, NULL, 'i' },     { "ptime", required_argument, NULL, 'p' },
	{ "codec", required_argument, NULL, 'c' },    { "via", required_argument, NULL, 'v' },
	{ "send", required_argument, NULL, 's' },     { "expect", required_argument, NULL, 'e' },
	{ "pt", required_argument, NULL, 't' },       { "event-pt", required_argument, NULL, 'E' },
	{ "seed", required_argument, NULL, 'S' },     { "dtmf", required_argument, NULL, 'D' },
	{ "json", no_argument, NULL, 'j' },           { NULL, 0, NULL, 0 },
};

static void parse_option(struct options *o, int c, const char *text, bool *via)
{
	if ((c == 'l' && netaddr_parse(&o->local, text, 0) < 0) ||
	    (c == 'r' && netaddr_parse(&o->remote, text, 0) < 0))
		die("not an address", text);
	if (c == 'd')
		o->duration_ms = parse_ms(text);
	if (c == 'w')
		o->wait_ms = parse_ms(text);
	if (c == 'i')
		o->idle_ms = parse_ms(text);
	if (c == 'p')
		o->ptime_ms = (unsigned)strtoul(text, NULL, 10);
	if (c == 'c') {
		o->codec = parse_codec(text);
		o->payload_type = o->codec == PORT_PCMU ? 0 : 8;
	}
	if (c == 'v') {
		o->via = parse_codec(text);
		*via = true;
	}
	if (c == 's')
		parse_send(o, text);
	if (c == 'e')
		parse_expect(o, text);
	if (c == 't')
		o->payload_type = (unsigned)strtoul(text, NULL, 10) & 0x7f;
	if (c == 'E')
		o->event_type = (unsigned)strtoul(text, NULL, 10) & 0x7f;
	if (c == 'S')
		o->seed = (uint32_t)strtoul(text, NULL, 0);
	if (c == 'D')
		o->digits = text;
	if (c == 'j')
		o->json = true;
}

static struct options parse_options(int argc, char **argv)
{
	struct options o = { .duration_ms = 10000,
			     .wait_ms = 30000,
			     .ptime_ms = 20,
			     .payload_type = 8,
			     .event_type = 101,
			     .seed = 0x51ed270b,
			     .send_hz = 1004,
			     .send_dbm0 = -16,
			     .expect_hz = 1004,
			     .expect_dbm0 = -16 };
	bool via = false;
	int c;
	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (c == '?')
			die("unknown option", argv[optind - 1]);
		parse_option(&o, c, optarg, &via);
	}
	if (!via)
		o.via = o.codec;
	if (!netaddr_is_set(&o.local))
		die("--local", "missing");
	if (o.ptime_ms < 10 || o.ptime_ms > 60 || o.ptime_ms % 10)
		die("--ptime", "10, 20 … 60");
	if (o.expect == EXPECT_ECHO && (o.send == SEND_TONE || o.send == SEND_SILENCE))
		die("--expect echo", "needs --send noise or counter");
	return o;
}

static int open_probe(struct probe *p)
{
	char text[NETADDR_TEXT];
	struct netaddr bound;
	socklen_t length = sizeof(bound);
	struct port_format format = { p->o.codec, RATE, 1 };
	struct tone_spec spec = tone_sine(p->o.send_hz, p->o.send_dbm0);
	p->remote = p->o.remote;
	p->ssrc = (uint32_t)now_us() * 2654435761U;
	p->sequence = (uint16_t)p->ssrc;
	p->timestamp = p->ssrc ^ 0x5a5a5a5a;
	tone_init(&p->tone, &spec, &format);
	p->room = (p->o.duration_ms / 1000 + 10) * RATE;
	p->arrival_room = p->room / 40;
	p->heard = mem_zalloc(p->room);
	p->present = mem_zalloc(p->room);
	p->seen = mem_zalloc(65536);
	p->arrivals = mem_calloc(p->arrival_room, sizeof(*p->arrivals));
	if (!p->heard || !p->present || !p->seen || !p->arrivals)
		return -ENOMEM;
	memset(p->heard, law_silence(p->o.codec), p->room);
	p->fd = socket(netaddr_family(&p->o.local), SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (p->fd < 0 || bind(p->fd, &p->o.local.u.sa, netaddr_len(&p->o.local)) < 0 ||
	    getsockname(p->fd, &bound.u.sa, &length) < 0)
		return -errno;
	fprintf(stderr, "rtp_probe: ready at %s\n", netaddr_text(&bound, text));
	return 0;
}

int main(int argc, char **argv)
{
	struct probe p = { .o = parse_options(argc, argv) };
	struct sigaction action = { .sa_handler = on_signal };
	int rc = open_probe(&p);
	if (rc < 0) {
		fprintf(stderr, "rtp_probe: %s\n", strerror(-rc));
		return 2;
	}
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	ask_for_priority();
	run(&p);
	struct verdict v = probe_judge(&p);
	report(&p, &v);
	close(p.fd);
	mem_free(p.heard);
	mem_free(p.present);
	mem_free(p.seen);
	mem_free(p.arrivals);
	return v.pass ? 0 : 1;
}
