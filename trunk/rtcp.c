/* SPDX-License-Identifier: GPL-2.0-only */
#include "trunk/rtcp.h"
#include "base/wire.h"

#include <errno.h>
#include <string.h>

/* RFC 3550 12.1 */
enum { RTCP_SR = 200, RTCP_RR = 201, RTCP_SDES = 202, RTCP_BYE = 203 };
#define SDES_CNAME 1

#define NTP_1970 2208988800ULL /* seconds from 1900 to 1970 */

/* 6.2, A.7 */
#define MIN_INTERVAL_S 5.0
#define SENDER_SHARE 0.25
#define COMPENSATION 1.21828 /* e - 3/2: for the bias of timer reconsideration */

/* ---- Writing ---- */

static void put_block(struct wire_out *w, const struct rtcp_block *b)
{
	wire_put_u32(w, b->ssrc);
	wire_put_u32(w, (uint32_t)b->fraction_lost << 24 | ((uint32_t)b->lost & 0xffffff));
	wire_put_u32(w, b->highest_seq);
	wire_put_u32(w, b->jitter);
	wire_put_u32(w, b->last_sr);
	wire_put_u32(w, b->since_sr);
}

static void put_header(struct wire_out *w, unsigned count, uint8_t type, size_t words_after)
{
	wire_put_u8(w, (uint8_t)(2 << 6 | count));
	wire_put_u8(w, type);
	wire_put_u16(w, (uint16_t)words_after);
}

static void put_report(struct wire_out *w, const struct rtcp_message *m)
{
	unsigned blocks = m->has_block;
	put_header(w, blocks, m->sender ? RTCP_SR : RTCP_RR, (m->sender ? 6 : 1) + 6 * blocks);
	wire_put_u32(w, m->ssrc);
	if (m->sender) {
		wire_put_u32(w, (uint32_t)(m->ntp >> 32));
		wire_put_u32(w, (uint32_t)m->ntp);
		wire_put_u32(w, m->timestamp);
		wire_put_u32(w, m->packets);
		wire_put_u32(w, m->octets);
	}
	if (blocks)
		put_block(w, &m->block);
}

/* One chunk: SSRC, item, and at least one null octet up to the next word (6.5). */
static void put_sdes(struct wire_out *w, const struct rtcp_message *m)
{
	size_t length = strnlen(m->cname, RTCP_CNAME_MAX);
	size_t words = (4 + 2 + length) / 4 + 1, pad = words * 4 - (4 + 2 + length);
	put_header(w, 1, RTCP_SDES, words);
	wire_put_u32(w, m->ssrc);
	wire_put_u8(w, SDES_CNAME);
	wire_put_u8(w, (uint8_t)length);
	wire_put_bytes(w, (const uint8_t *)m->cname, length);
	for (size_t i = 0; i < pad; i++)
		wire_put_u8(w, 0);
}

int rtcp_build(const struct rtcp_message *m, uint8_t *octets, size_t room)
{
	struct wire_out w = wire_out_of(octets, room);
	put_report(&w, m);
	if (m->cname)
		put_sdes(&w, m);
	if (m->bye) {
		put_header(&w, 1, RTCP_BYE, 1);
		wire_put_u32(&w, m->ssrc);
	}
	return w.error ? -EMSGSIZE : (int)wire_out_length(&w);
}

/* ---- Reading ---- */

static struct rtcp_block read_block(struct wire *w)
{
	struct rtcp_block b = { .ssrc = wire_u32(w) };
	uint32_t loss = wire_u32(w);
	b.fraction_lost = (uint8_t)(loss >> 24);
	b.lost = (int32_t)(loss << 8) >> 8;
	b.highest_seq = wire_u32(w);
	b.jitter = wire_u32(w);
	b.last_sr = wire_u32(w);
	b.since_sr = wire_u32(w);
	return b;
}

static void read_report(struct wire *w, uint8_t type, unsigned count, uint32_t our_ssrc,
			struct rtcp_message *m)
{
	m->ssrc = wire_u32(w);
	if (type == RTCP_SR) {
		m->sender = true;
		m->ntp = (uint64_t)wire_u32(w) << 32;
		m->ntp |= wire_u32(w);
		m->timestamp = wire_u32(w);
		m->packets = wire_u32(w);
		m->octets = wire_u32(w);
	}
	for (unsigned i = 0; i < count; i++) {
		struct rtcp_block b = read_block(w);
		if (wire_ok(w) && b.ssrc == our_ssrc) {
			m->has_block = true;
			m->block = b;
		}
	}
}

static void read_bye(struct wire *w, unsigned count, struct rtcp_message *m)
{
	for (unsigned i = 0; i < count; i++)
		m->bye |= wire_u32(w) == m->ssrc;
}

/* One packet of the compound. `first`: must be a report without padding. */
static void read_packet(struct wire *w, bool first, uint32_t our_ssrc, struct rtcp_message *m)
{
	uint8_t flags = wire_u8(w), type = wire_u8(w);
	struct wire body = wire_sub(w, (size_t)4 * wire_u16(w));
	unsigned count = flags & 0x1f;
	bool report = type == RTCP_SR || type == RTCP_RR;
	if (flags >> 6 != 2 || (first && (!report || (flags & 0x20))))
		wire_fail(w);
	if (report)
		read_report(&body, type, count, our_ssrc, m);
	else if (type == RTCP_BYE)
		read_bye(&body, count, m);
	if (!wire_ok(&body))
		wire_fail(w);
}

int rtcp_parse(struct rtcp_message *m, const uint8_t *octets, size_t n, uint32_t our_ssrc)
{
	struct wire w = wire_of(octets, n);
	struct rtcp_message parsed = { 0 };
	bool first = true;
	do {
		read_packet(&w, first, our_ssrc, &parsed);
		first = false;
	} while (wire_ok(&w) && wire_left(&w));
	if (!wire_ok(&w))
		return -EBADMSG;
	*m = parsed;
	return 0;
}

/* ---- Time ---- */

uint64_t rtcp_interval_us(const struct rtcp_pace *pace, double random)
{
	double n = pace->members, bandwidth = pace->bandwidth;
	double min_s = pace->initial ? MIN_INTERVAL_S / 2 : MIN_INTERVAL_S;
	if (pace->senders <= SENDER_SHARE * pace->members) {
		bandwidth *= pace->we_sent ? SENDER_SHARE : 1 - SENDER_SHARE;
		n = pace->we_sent ? pace->senders : pace->members - pace->senders;
	}
	double t = bandwidth > 0 ? n * pace->average_size / bandwidth : min_s;
	if (t < min_s)
		t = min_s;
	return (uint64_t)(t * (random + 0.5) / COMPENSATION * 1e6);
}

uint64_t rtcp_ntp(int64_t wall_us)
{
	uint64_t us = (uint64_t)wall_us;
	return (us / 1000000 + NTP_1970) << 32 | ((us % 1000000) << 32) / 1000000;
}

uint32_t rtcp_ntp_middle(uint64_t ntp)
{
	return (uint32_t)(ntp >> 16);
}
