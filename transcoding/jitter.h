/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TRANSCODING_JITTER_H
#define TRANSCODING_JITTER_H

/* A jitter buffer: timed RTP payloads in, as they come; a steady stream of octets out, at the pace
 * of whoever pulls.
 *
 * What does it do? The puller's clock (an E1 line) is the only clock. Each sample has its moment:
 * its RTP timestamp. It is played at that moment or not at all, so that without loss and drift
 * every octet comes out, in one constant alignment.
 *
 * How does it work? A ring of samples indexed by timestamp and a play position that moves by one
 * per sample pulled. The margin of a packet is how long it waits until its first sample is played;
 * the first packet's margin is made the depth. missing        concealed (plc.h) for at most 60 ms,
 * then silence; late octets are dropped and counted reordered      found in its place duplicate
 * counted drift          seen as margins of all packets of a second that leave the band [depth/2,
 * depth + max(depth, 20 ms)]; then one slip: a stretch of 5 to 15 ms (a pitch period where there is
 * one) is repeated or dropped and cross-faded, and the next second is looked at anew. A stall of
 * either side up to the depth is none jump           a timestamp far off, or lateness that lasts
 * 200 ms, starts anew at full depth pause          a sender that was silent continues in its place,
 * wherever its timestamps say so Until the first pull, each packet starts anew: what came before
 * anybody listened doesn't make a delay.
 *
 * One octet is one sample (G.711). Thread: the owner's; only create allocates. Counters: one
 * writer, any reader. The fixed buffer is the first of its kind; others (adaptive) stand behind the
 * same table of functions. */

#include "base/counter.h"
#include "transcoding/port.h"

struct jitter;

struct jitter_cfg {
	enum port_codec codec; /* PORT_PCMA or PORT_PCMU: for silence and concealment */
	uint32_t rate_hz;
	unsigned depth_samples; /* 1…8,000 */
};

struct jitter_counters {
	counter_t played; /* real octets that came out; normal */
	counter_t late, reordered, duplicate, concealed_samples, slips_repeat, slips_drop, restarts;
};

struct jitter_ops {
	const char *name;
	void (*put)(struct jitter *j, const uint8_t *octets, size_t n, uint32_t timestamp,
		    bool marker);
	void (*replace)(struct jitter *j, const uint8_t *octets, size_t n, uint32_t timestamp);
	void (*fill)(struct jitter *j, const uint8_t *octets, size_t n, uint32_t timestamp);
	size_t (*get)(struct jitter *j, uint8_t *octets, size_t n);
	void (*reset)(struct jitter *j);
	bool (*position)(const struct jitter *j, uint32_t *timestamp);
	unsigned (*delay_samples)(const struct jitter *j);
	void (*destroy)(struct jitter *j);
};

struct jitter {
	const struct jitter_ops *ops;
	struct jitter_counters counters;
};

/* The buffer of constant depth. 0, -EINVAL, -ENOMEM. */
int jitter_fixed_create(struct jitter **out, const struct jitter_cfg *cfg);
/* Sets NULL, takes NULL. */
void jitter_destroy(struct jitter **j);

/* A packet arrived: n ≤ 1,280 octets, of which the first is of this RTP timestamp. */
static inline void jitter_put(struct jitter *j, const uint8_t *octets, size_t n, uint32_t timestamp,
			      bool marker)
{
	j->ops->put(j, octets, n, timestamp, marker);
}

/* Write over whatever is to be played at this time (an event's tone in place of audio). No packet:
 * it moves no statistics. */
static inline void jitter_replace(struct jitter *j, const uint8_t *octets, size_t n,
				  uint32_t timestamp)
{
	j->ops->replace(j, octets, n, timestamp);
}

/* Play this where nothing comes, instead of concealment; what comes takes its place. No packet
 * either. */
static inline void jitter_fill(struct jitter *j, const uint8_t *octets, size_t n,
			       uint32_t timestamp)
{
	j->ops->fill(j, octets, n, timestamp);
}

/* The next n octets, always all of them; returns how many were received ones. */
static inline size_t jitter_get(struct jitter *j, uint8_t *octets, size_t n)
{
	return j->ops->get(j, octets, n);
}

/* Forget the stream (another source comes): the next packet starts anew. */
static inline void jitter_reset(struct jitter *j)
{
	j->ops->reset(j);
}

/* RTP timestamp of the sample that the next get begins with; false before the stream has begun. */
static inline bool jitter_position(const struct jitter *j, uint32_t *timestamp)
{
	return j->ops->position(j, timestamp);
}

/* How long the last packet had or has to wait until its first sample is played; 0 before any. */
static inline unsigned jitter_delay_samples(const struct jitter *j)
{
	return j->ops->delay_samples(j);
}

#endif
