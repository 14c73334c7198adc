/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TESTS_E2E_RTP_PROBE_H
#define TESTS_E2E_RTP_PROBE_H

/* What the two halves of rtp_probe share: the run (rtp_probe.c) fills a recording, the judge
 * (rtp_probe_judge.c) reads it. One thread. */

#include "base/netaddr.h"
#include "transcoding/meter.h"
#include "transcoding/tone.h"

#define RATE 8000

enum send_kind { SEND_NOISE, SEND_COUNTER, SEND_TONE, SEND_SILENCE };
enum expectation { EXPECT_NOTHING, EXPECT_ECHO, EXPECT_TONE, EXPECT_AUDIO };

struct options {
	struct netaddr local, remote;
	unsigned duration_ms, wait_ms, idle_ms, ptime_ms;
	enum port_codec codec, via;
	enum send_kind send;
	double send_hz, send_dbm0;
	enum expectation expect;
	double expect_hz, expect_dbm0;
	unsigned payload_type, event_type;
	uint32_t seed;
	const char *digits;
	bool json;
};

/* One packet that came. */
struct arrival {
	uint32_t at; /* index of its first sample in the recording */
	uint32_t n;
	uint64_t us;
};

struct probe {
	struct options o;
	int fd;
	struct netaddr remote;
	/* sent */
	uint64_t send_start_us;
	uint64_t held_up_us; /* latest that a packet of ours left after its time */
	uint32_t sent_samples, packets_sent, ssrc, timestamp;
	uint16_t sequence;
	struct tone tone;
	uint32_t digit_timestamp;
	/* received */
	uint8_t *heard, *present;
	uint32_t room, end; /* end: samples up to the newest */
	struct arrival *arrivals;
	unsigned arrival_count, arrival_room;
	bool started;
	uint32_t first_timestamp, peer_ssrc;
	uint16_t max_sequence;
	uint64_t first_us, last_us, expected, received;
	uint8_t *seen; /* per sequence number, of this recording */
	unsigned duplicate, reordered, foreign, source_changes, gaps, malformed;
	uint64_t longest_gap_us;
	char digits[64];
	uint32_t last_event_timestamp;
	bool event_seen;
};

struct verdict {
	bool pass;
	char reason[160];
	uint64_t compared, mismatches, missing, before;
	unsigned slips, clicks;
	int64_t alignment;
	double delay_ms, level_dbm0, frequency_hz;
	bool aligned;
};

/* Octet number `index` of what an echo run sends. */
uint8_t probe_sent_at(const struct options *o, uint32_t index);
struct verdict probe_judge(const struct probe *p);

#endif
