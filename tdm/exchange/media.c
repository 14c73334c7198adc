/* SPDX-License-Identifier: GPL-2.0-only */
#include "tdm/exchange/media.h"

#include "base/list.h"
#include "base/mem.h"
#include "transcoding/law.h"
#include "transcoding/meter.h"
#include "transcoding/tone.h"

#include <errno.h>
#include <string.h>

#define WINDOW 800            /* samples, 100 ms */
#define LOUD_DBM0 (-45.0)
#define ECHO_OCTETS 4096      /* half a second: far more than two blocks of any line */

/* An order in one word, so that it changes at once: serial, source, frequency, level. */
#define ORDER(serial, source, hz, level)                                                        \
	((uint64_t)(serial) << 32 | (uint64_t)(source) << 24 | (uint64_t)((hz) & 0xffff) << 8 | \
	 (uint64_t)(((level) + 128) & 0xff))
#define ORDER_SERIAL(order) ((uint32_t)((order) >> 32))
#define ORDER_SOURCE(order) ((enum ex_source)((order) >> 24 & 0xff))
#define ORDER_HZ(order) ((unsigned)((order) >> 8 & 0xffff))
#define ORDER_LEVEL(order) ((int)((order)&0xff) - 128)

struct hearing {
	counter_t octets, loud_windows, crossings, crossing_windows;
	_Atomic int max_millidb, last_millidb;
};

struct ex_media {
	struct port port;
	_Atomic uint64_t order;
	_Atomic unsigned phase;
	_Atomic bool check_ended;
	/* The worker's */
	uint32_t serial;
	enum ex_source source;
	struct tone tone;
	struct ex_prbs prbs;
	uint8_t echo[ECHO_OCTETS];
	size_t echo_first, echo_used;
	bool echoed;                  /* the first octet has gone back */
	struct meter meter;
	unsigned measured_phase;
	unsigned crossings;
	uint8_t last_octet;
	/* Results */
	struct hearing hearing[EX_PHASES];
	counter_t received, sent, echo_underruns, echo_overruns;
};

static const char *const source_names[] = {
	[EX_SOURCE_SILENCE] = "silence",
	[EX_SOURCE_TONE] = "tone",
	[EX_SOURCE_ECHO] = "echo",
	[EX_SOURCE_PRBS] = "prbs",
};
static const char *const phase_names[] = {
	[EX_PHASE_EARLY] = "early",
	[EX_PHASE_ANSWERED] = "answered",
	[EX_PHASE_CLEARING] = "clearing",
};

const char *ex_source_name(enum ex_source source)
{
	return source_names[source];
}

int ex_source_by_name(const char *name)
{
	for (unsigned i = 0; i < sizeof(source_names) / sizeof(*source_names); i++)
		if (!strcmp(source_names[i], name))
			return (int)i;
	return -1;
}

const char *ex_phase_name(enum ex_phase phase)
{
	return phase_names[phase];
}

static void media_push(struct port *port, const struct frame *frame);
static size_t media_pull(struct port *port, uint8_t *octets, size_t n);

static const struct port_ops media_ops = { .name = "exchange",
					   .push = media_push,
					   .pull = media_pull };

int ex_media_create(struct ex_media **out, enum port_codec law, uint64_t seed)
{
	struct ex_media *m = mem_zalloc(sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->port = (struct port){ &media_ops, { law, 8000, 1 } };
	ex_prbs_init(&m->prbs, seed);
	meter_init(&m->meter, law);
	for (unsigned i = 0; i < EX_PHASES; i++)
		m->hearing[i].max_millidb = m->hearing[i].last_millidb =
			(int)(EX_LEVEL_NONE * 1000);
	*out = m;
	return 0;
}

void ex_media_destroy(struct ex_media **media)
{
	mem_free(*media);
	*media = NULL;
}

struct port *ex_media_port(struct ex_media *m)
{
	return &m->port;
}

void ex_media_send(struct ex_media *m, enum ex_source source, unsigned hz, int level_dbm0)
{
	uint32_t serial = ORDER_SERIAL(atomic_load(&m->order)) + 1;

	atomic_store(&m->order, ORDER(serial, source, hz, level_dbm0));
}

void ex_media_phase(struct ex_media *m, enum ex_phase phase)
{
	atomic_store(&m->phase, (unsigned)phase);
}

void ex_media_end_check(struct ex_media *m)
{
	atomic_store(&m->check_ended, true);
}

/* ---- The worker ---- */

static void obey(struct ex_media *m)
{
	uint64_t order = atomic_load_explicit(&m->order, memory_order_acquire);
	struct tone_spec sine;

	if (ORDER_SERIAL(order) == m->serial)
		return;
	m->serial = ORDER_SERIAL(order);
	m->source = ORDER_SOURCE(order);
	m->echo_used = 0;
	m->echoed = false;
	if (m->source != EX_SOURCE_TONE)
		return;
	sine = tone_sine(ORDER_HZ(order), ORDER_LEVEL(order));
	tone_init(&m->tone, &sine, &m->port.format);
}

static void echo_put(struct ex_media *m, const uint8_t *octets, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (m->echo_used == ECHO_OCTETS) {
			counter_add(&m->echo_overruns, n - i);
			return;
		}
		m->echo[(m->echo_first + m->echo_used++) % ECHO_OCTETS] = octets[i];
	}
}

/* Returns how many octets were there; silence goes before the first, so that the alignment is kept
 * from then on. */
static size_t echo_take(struct ex_media *m, uint8_t *octets, size_t n)
{
	size_t taken = n < m->echo_used ? n : m->echo_used, missing = n - taken;

	memset(octets, law_silence(m->port.format.codec), missing);
	for (size_t i = missing; i < n; i++) {
		octets[i] = m->echo[m->echo_first];
		m->echo_first = (m->echo_first + 1) % ECHO_OCTETS;
	}
	m->echo_used -= taken;
	if (m->echoed)
		counter_add(&m->echo_underruns, missing);
	m->echoed = m->echoed || taken;
	return taken;
}

static void end_window(struct ex_media *m)
{
	struct hearing *h = &m->hearing[m->measured_phase];
	double level = meter_take_dbm0(&m->meter);
	int millidb = (int)(level * 1000);

	h->last_millidb = millidb;
	if (level > LOUD_DBM0) {
		counter_inc(&h->loud_windows);
		/* Frequency is that of the loudest stretch: a window that only half belongs to it
		 * counts for nothing. */
		if (millidb > h->max_millidb + 1000) {
			h->crossings = 0;
			h->crossing_windows = 0;
		}
		if (millidb > h->max_millidb - 1000) {
			counter_add(&h->crossings, m->crossings);
			counter_inc(&h->crossing_windows);
		}
	}
	if (millidb > h->max_millidb)
		h->max_millidb = millidb;
	m->crossings = 0;
}

static void count_crossings(struct ex_media *m, const uint8_t *octets, size_t n)
{
	/* Bit 7 is G.711's sign: a sine turns positive once a period. */
	for (size_t i = 0; i < n; i++) {
		m->crossings += (octets[i] & ~m->last_octet & 0x80) != 0;
		m->last_octet = octets[i];
	}
}

static void measure(struct ex_media *m, const uint8_t *octets, size_t n)
{
	unsigned phase = atomic_load_explicit(&m->phase, memory_order_relaxed);

	if (phase != m->measured_phase) {
		meter_init(&m->meter, m->port.format.codec);
		m->crossings = 0;
		m->measured_phase = phase;
	}
	counter_add(&m->hearing[phase].octets, n);
	while (n) {
		size_t room = WINDOW - (size_t)m->meter.samples, some = n < room ? n : room;

		meter_add(&m->meter, octets, some);
		count_crossings(m, octets, some);
		if (m->meter.samples == WINDOW)
			end_window(m);
		octets += some;
		n -= some;
	}
}

static void media_push(struct port *port, const struct frame *frame)
{
	struct ex_media *m = list_entry(port, struct ex_media, port);

	if (frame->kind != FRAME_AUDIO)
		return;
	obey(m);
	counter_add(&m->received, frame->length);
	measure(m, frame->octets, frame->length);
	if (m->source == EX_SOURCE_ECHO)
		echo_put(m, frame->octets, frame->length);
	if (m->source == EX_SOURCE_PRBS &&
	    !atomic_load_explicit(&m->check_ended, memory_order_relaxed))
		ex_prbs_check(&m->prbs, frame->octets, frame->length);
}

static size_t media_pull(struct port *port, uint8_t *octets, size_t n)
{
	struct ex_media *m = list_entry(port, struct ex_media, port);

	obey(m);
	counter_add(&m->sent, n);
	switch (m->source) {
	case EX_SOURCE_TONE:
		return tone_read(&m->tone, octets, n);
	case EX_SOURCE_ECHO:
		return echo_take(m, octets, n);
	case EX_SOURCE_PRBS:
		ex_prbs_send(&m->prbs, octets, n);
		return n;
	case EX_SOURCE_SILENCE:
		break;
	}
	memset(octets, law_silence(port->format.codec), n);
	return 0;
}

/* ---- Results ---- */

static void heard_of(const struct hearing *h, struct ex_heard *out)
{
	uint64_t windows = counter_get(&h->crossing_windows);

	out->octets = counter_get(&h->octets);
	out->level_dbm0 = h->max_millidb / 1000.0;
	out->last_dbm0 = h->last_millidb / 1000.0;
	out->hz = windows ? (double)counter_get(&h->crossings) * (8000.0 / WINDOW) / (double)windows
			  : 0;
	out->loud_ms = counter_get(&h->loud_windows) * WINDOW / 8;
}

void ex_media_result(const struct ex_media *m, struct ex_media_result *out)
{
	*out = (struct ex_media_result){
		.source = ORDER_SOURCE(atomic_load(&m->order)),
		.received = counter_get(&m->received),
		.sent = counter_get(&m->sent),
		.compared = counter_get(&m->prbs.compared),
		.mismatches = counter_get(&m->prbs.mismatches),
		.slips = counter_get(&m->prbs.slips),
		.lost = counter_get(&m->prbs.lost),
		.tail = counter_get(&m->prbs.tail),
		.delay_samples = atomic_load(&m->prbs.delay),
		.echo_underruns = counter_get(&m->echo_underruns),
		.echo_overruns = counter_get(&m->echo_overruns),
	};
	for (unsigned i = 0; i < EX_PHASES; i++)
		heard_of(&m->hearing[i], &out->heard[i]);
}

bool ex_media_intact(const struct ex_media_result *r)
{
	return r->compared > 0 && !r->mismatches && !r->slips && !r->lost;
}
