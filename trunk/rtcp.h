/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TRUNK_RTCP_H
#define TRUNK_RTCP_H

/* Compound RTCP packets of a two-party session as values: SR or RR, SDES with CNAME, BYE (RFC 3550
 * 6), and the time between them (6.2, A.7). Pure; any thread. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RTCP_PACKET_MAX 512
#define RTCP_CNAME_MAX 255

/* RFC 3550 6.4.1 */
struct rtcp_block {
	uint32_t ssrc;         /* of the source that it tells about */
	uint8_t fraction_lost; /* in 1/256 */
	int32_t lost;          /* signed, 24 bits */
	uint32_t highest_seq;  /* extended */
	uint32_t jitter;       /* timestamp units */
	uint32_t last_sr;      /* middle 32 bits of the NTP time of the last SR; 0: none came */
	uint32_t since_sr;     /* delay since then in 1/65536 s */
};

struct rtcp_message {
	uint32_t ssrc; /* of who sends it */
	bool sender;   /* SR: the next four hold */
	uint64_t ntp;  /* seconds since 1900 in 32.32 fixed point */
	uint32_t timestamp, packets, octets;
	bool has_block; /* built: one block; parsed: one about our SSRC was there */
	struct rtcp_block block;
	const char *cname; /* built only: SDES item; NULL: none */
	bool bye;
};

/* Returns the length or -EMSGSIZE. */
int rtcp_build(const struct rtcp_message *m, uint8_t *octets, size_t room);
/* Reads what concerns us: `our_ssrc` selects the report block. Unknown packet types are skipped.
 * 0; -EBADMSG: fails the validity checks of RFC 3550 A.2. */
int rtcp_parse(struct rtcp_message *m, const uint8_t *octets, size_t n, uint32_t our_ssrc);

/* Time to the next packet in microseconds, RFC 3550 6.3.1 and A.7: 5 s (half of it at first) unless
 * the bandwidth asks for more, times 0.5…1.5 by `random` (0…1), divided by e - 3/2. */
struct rtcp_pace {
	unsigned members, senders;
	double bandwidth;    /* octets per second for RTCP: 5 % of the session's */
	double average_size; /* octets with UDP and IP headers */
	bool we_sent, initial;
};
uint64_t rtcp_interval_us(const struct rtcp_pace *pace, double random);

/* NTP time of microseconds since 1970. */
uint64_t rtcp_ntp(int64_t wall_us);
/* Its middle 32 bits. */
uint32_t rtcp_ntp_middle(uint64_t ntp);

#endif
