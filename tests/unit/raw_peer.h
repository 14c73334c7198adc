/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TESTS_RAW_PEER_H
#define TESTS_RAW_PEER_H

/* A far end that says exactly what a test tells it: as much of Q.921 as keeps a link up, and Q.931
 * octets by hand. It shares no code with what it tests. Takes the place of the network side of a
 * fixture. */

#include "isdn_fixture.h"

struct raw_peer {
	struct e1_dchan *dchan;
	bool user;   /* the user side; else the network */
	bool deaf;   /* hears nothing */
	bool no_ack; /* takes I frames, but doesn't acknowledge */
	uint8_t ns, nr;
	unsigned sabmes;
	uint8_t last[E1_FRAME_MAX]; /* last I frame */
	size_t last_length;
	uint8_t types[256]; /* message types received, in order */
	unsigned count;
};

static inline void raw_send(struct raw_peer *raw, const void *octets, size_t n)
{
	assert_int_equal(e1_dchan_send(raw->dchan, octets, n), 0);
}

/* Q.921 table 1: C/R of commands and responses. */
static inline uint8_t raw_command(const struct raw_peer *raw)
{
	return raw->user ? 0x00 : 0x02;
}

static inline uint8_t raw_response(const struct raw_peer *raw)
{
	return raw->user ? 0x02 : 0x00;
}

static inline void raw_rr(struct raw_peer *raw, bool final)
{
	const uint8_t rr[] = { raw_response(raw), 0x01, 0x01, (uint8_t)(raw->nr << 1 | final) };

	raw_send(raw, rr, sizeof(rr));
}

static inline void raw_i_received(struct raw_peer *raw, const uint8_t *f, size_t n)
{
	memcpy(raw->last, f, n);
	raw->last_length = n;
	if (f[2] >> 1 != raw->nr && !raw->no_ack)
		return;
	if (n > 8)
		raw->types[raw->count++ % 256] = f[8];
	if (raw->no_ack)
		return;
	raw->nr = (raw->nr + 1) & 0x7f;
	raw_rr(raw, f[3] & 1);
}

static inline void raw_frame(struct e1_dchan *dchan, const uint8_t *f, size_t n, void *arg)
{
	struct raw_peer *raw = arg;
	const uint8_t ua[] = { raw_response(raw), 0x01, 0x73 };

	(void)dchan;
	if (raw->deaf)
		return;
	if ((f[2] & 0xef) == 0x6f) { /* SABME */
		raw->sabmes++;
		raw->ns = raw->nr = 0;
		raw_send(raw, ua, sizeof(ua));
	} else if (!(f[2] & 1)) {
		raw_i_received(raw, f, n);
	} else if ((f[2] & 0x0f) == 0x01 && (f[3] & 1) && (f[0] & 2) == raw_response(raw)) {
		raw_rr(raw, true); /* a command with P=1 */
	}
}

static const struct e1_dchan_ops raw_ops = { .frame = raw_frame };

/* An I frame with these octets of Q.931. */
static inline void raw_q931(struct raw_peer *raw, const void *octets, size_t n)
{
	uint8_t frame[E1_FRAME_MAX] = { raw_command(raw), 0x01, (uint8_t)(raw->ns << 1),
					(uint8_t)(raw->nr << 1) };

	memcpy(frame + 4, octets, n);
	raw_send(raw, frame, n + 4);
	raw->ns = (raw->ns + 1) & 0x7f;
}

/* A message for call reference `crv`; `flag` true: to a call of the far end's making. */
static inline void raw_message(struct raw_peer *raw, uint16_t crv, bool flag, uint8_t type,
			       const void *elements, size_t n)
{
	uint8_t octets[300] = { 0x08, 0x02, (uint8_t)((flag ? 0x80 : 0) | crv >> 8), (uint8_t)crv,
				type };

	memcpy(octets + 5, elements, n);
	raw_q931(raw, octets, n + 5);
}

/* The raw peer at one end of the fixture's line, a span at the other. */
static inline void raw_start_at(struct raw_peer *raw, struct side *here, struct side *there)
{
	*raw = (struct raw_peer){ .user = here->conf.role == CONF_ROLE_TE };
	assert_int_equal(e1_dchan_open(&raw->dchan, here->line, 16, &raw_ops, raw), 0);
	assert_int_equal(side_open_span(there), 0);
	advance(there->f, 3 * SECOND);
	assert_int_equal(isdn_span_state(there->span), SPAN_UP);
	raw->count = 0;
	there->ladder[0] = '\0';
}

static inline void raw_start(struct raw_peer *raw, struct fixture *f)
{
	raw_start_at(raw, &f->nt, &f->te);
}

static inline void raw_stop(struct raw_peer *raw)
{
	e1_dchan_close(&raw->dchan);
}

static inline bool raw_heard(const struct raw_peer *raw, uint8_t type)
{
	for (unsigned i = 0; i < raw->count; i++)
		if (raw->types[i] == type)
			return true;
	return false;
}

#endif
