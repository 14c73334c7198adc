/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TRUNK_RTP_PRIVATE_H
#define TRUNK_RTP_PRIVATE_H

/* The inside of an RTP endpoint, for rtp*.c and white-box tests.
 *
 * The struct has three parts: the signalling thread's, the worker's, and a few fields that both see
 * through atomics or sequence locks. Which worker's the second part is changes only by commands
 * that the endpoint's old worker has answered. */

#include "base/loop.h"
#include "base/ring.h"
#include "transcoding/jitter.h"
#include "transcoding/meter.h"
#include "transcoding/tone.h"
#include "trunk/rtcp.h"
#include "trunk/rtp.h"
#include "trunk/rtp_packet.h"
#include "trunk/rtp_source.h"

#define RTP_RATE_HZ 8000
#define RTP_SAMPLES_PER_MS 8
#define RTP_PTIME_MAX_MS 60
#define RTP_AUDIO_MAX 1280 /* longest payload that is believed: 160 ms */
#define RTP_EVENT_QUEUE 32 /* telephone-events waiting to be sent */

/* ---- A value with one writer, read by anybody without waiting for him ---- */

struct rtp_seqlock {
	_Atomic unsigned turn; /* odd while written */
};
void rtp_seqlock_write(struct rtp_seqlock *lock, _Atomic uint64_t *words, const void *value,
		       size_t size);
void rtp_seqlock_read(const struct rtp_seqlock *lock, const _Atomic uint64_t *words, void *value,
		      size_t size);
#define RTP_WORDS(type) ((sizeof(type) + 7) / 8)

/* ---- Crypto slot: what SRTP (RFC 3711) puts between packet and socket ---- */

struct rtp_crypto {
	const struct rtp_crypto_ops *ops;
};

struct rtp_crypto_ops {
	/* In place; *n is changed. 0, or -errno: the packet is not sent, or counted malformed. */
	int (*protect)(struct rtp_crypto *crypto, bool rtcp, uint8_t *octets, size_t *n,
		       size_t room);
	int (*unprotect)(struct rtp_crypto *crypto, bool rtcp, uint8_t *octets, size_t *n);
};

/* ---- The sending side ---- */

struct rtp_tx {
	uint32_t ssrc;
	uint16_t sequence;  /* of the last packet sent */
	uint32_t timestamp; /* of pending[0], or of the next sample when nothing is pending */
	uint8_t pending[RTP_PTIME_MAX_MS * RTP_SAMPLES_PER_MS];
	size_t used;
	bool marker;             /* the next packet begins a talkspurt */
	uint64_t moved_us;       /* when timestamp last moved: idle time is made up from it */
	uint32_t sent_timestamp; /* of the last packet, with its time: for sender reports */
	uint64_t sent_us;
	uint32_t packets, octets; /* for sender reports; wrap as there */
	/* Relay: how the other side's numbers become ours. */
	bool relaying, relay_seq_known;
	uint32_t relay_offset;
	uint16_t relay_sequence; /* last one of the other side */
	bool event_known;        /* of the last telephone-event relayed: each is counted once */
	uint32_t event_timestamp;
};

struct rtp_event_request {
	uint8_t event;
	unsigned duration; /* samples */
};

struct rtp_event_tx {
	bool active; /* packets are due */
	bool mutes;  /* audio gives way until the first end packet */
	struct rtp_event_request now;
	uint32_t timestamp;
	unsigned duration; /* told so far */
	unsigned ends;     /* end packets sent */
	uint64_t due_us;
	struct loop_timer timer;
};

/* A digit that the clocked peer hears; samples. */
struct rtp_play {
	struct tone tone;
	unsigned left, pause;
};

/* ---- The receiving side ---- */

struct rtp_event_rx {
	bool active;
	uint32_t timestamp; /* names the event */
	uint32_t start; /* where its tone begins: the timestamp, or later when that has passed */
	uint8_t event;
	bool ended, rendered;
	unsigned duration; /* heard so far */
	unsigned made;     /* samples of tone made so far */
	struct tone tone;
};

enum { RTP_OWED_STARTED = 1, RTP_OWED_LEFT = 2, RTP_OWED_DETACHED = 4, RTP_OWED_CLOSED = 8 };

struct rtp_endpoint {
	struct port port; /* first: the port is the endpoint */

	/* Signalling thread. */
	struct rtp_ports *ports;
	uint16_t port_number;
	struct netaddr local;
	const struct rtp_ops *ops;
	void *arg;
	struct worker *placed, *target; /* where it is, and where it shall be */
	bool moving, closing, terms_changed;
	struct rtp_media media_home;
	struct rtp_endpoint *joined; /* as asked for */
	bool join_posted;
	void (*closed)(void *arg);
	void *closed_arg;
	void (*left)(void *arg);
	void *left_arg;

	/* Both. */
	struct rtp_counters counters;
	struct rtp_seqlock media_lock, quality_lock;
	_Atomic uint64_t media_words[RTP_WORDS(struct rtp_media)];
	_Atomic uint64_t quality_words[RTP_WORDS(struct rtp_quality)];
	_Atomic(struct worker *)
		owner; /* whose tick may touch the rest; set and cleared by that worker */
	struct ring *event_requests; /* struct rtp_event_request, signalling → worker */
	struct ring *digits;         /* the same, to be heard by the clocked peer */

	/* Worker. */
	struct worker *worker;
	struct loop *loop;
	int rtp_fd, rtcp_fd;
	struct loop_watch rtp_watch, rtcp_watch;
	struct loop_timer owed_timer, rtcp_timer, second_timer;
	unsigned owed;
	struct rtp_crypto *crypto; /* NULL: none */
	bool configured;
	struct rtp_media media;
	struct netaddr remote, remote_rtcp; /* where we send to */
	bool locked;                        /* to `source` */
	struct netaddr source;
	struct rtp_source rx;
	struct jitter *jitter;
	uint64_t jitter_seen[4]; /* of the jitter buffer, already in our counters */
	struct rtp_event_rx event_rx;
	struct rtp_tx tx;
	struct rtp_event_tx event_tx;
	struct rtp_play play;
	struct rtp_endpoint *peer; /* relay */
	struct meter meter_rx, meter_tx;
	struct rtp_quality quality;
	int64_t wall_base_us; /* wall minus monotonic: reports must not step with the wall clock */
	bool rtcp_initial;
	double rtcp_average;
	uint32_t sr_middle; /* of the last SR that came */
	uint64_t sr_us;
	uint32_t rtcp_packets_told[2]; /* tx.packets at the last two reports: have we sent since? */
	uint64_t random;
	char cname[RTCP_CNAME_MAX + 1];
};

/* rtp_rx.c */
void rtp_rx_ready(struct loop_watch *watch, uint32_t events, void *arg);
void rtp_rx_packet(struct rtp_endpoint *rtp, uint8_t *octets, size_t n, const struct netaddr *from);
void rtp_rx_drain(struct rtp_endpoint *rtp);
void rtp_rx_forget(struct rtp_endpoint *rtp);
void rtp_rx_sync_counters(struct rtp_endpoint *rtp);

/* rtp_tx.c */
bool rtp_tx_sendable(const struct netaddr *a);
bool rtp_tx_allowed(const struct rtp_endpoint *rtp);
unsigned rtp_tx_frame_samples(const struct rtp_endpoint *rtp);
/* Audio of the line's clock in `codec`. */
void rtp_tx_clocked(struct rtp_endpoint *rtp, const uint8_t *octets, size_t n,
		    enum port_codec codec);
/* A packet of the other side of a relay. `sequence` NULL: it was made here. */
void rtp_tx_relay(struct rtp_endpoint *rtp, const struct frame *frame, enum port_codec codec,
		  const uint16_t *sequence);
/* The relay's source began anew: timestamps are fitted again. */
void rtp_tx_relay_restart(struct rtp_endpoint *rtp);
/* Bring the timestamp up to now and send what is pending. Returns the timestamp of now. */
uint32_t rtp_tx_flush(struct rtp_endpoint *rtp);
void rtp_tx_send(struct rtp_endpoint *rtp, const struct rtp_packet *packet);

/* rtp_event.c */
/* Play it as a tone. */
void rtp_event_receive(struct rtp_endpoint *rtp, const struct rtp_packet *packet);
/* It goes on to a peer as it is: count it, once. */
void rtp_event_note(struct rtp_endpoint *rtp, uint32_t timestamp);
/* Octets at the beginning of this audio packet that an event's tone takes the place of. */
size_t rtp_event_covers(const struct rtp_endpoint *rtp, uint32_t timestamp, size_t n);
void rtp_event_kick(void *object, void *arg);
void rtp_event_stop(struct rtp_endpoint *rtp);

/* rtp_play.c */
/* Digits that wait, over the audio in `octets`. Returns how many octets from the first on. */
size_t rtp_play_pull(struct rtp_endpoint *rtp, uint8_t *octets, size_t n);

/* rtp_report.c */
void rtp_report_start(struct rtp_endpoint *rtp);
void rtp_report_stop(struct rtp_endpoint *rtp);
void rtp_report_bye(struct rtp_endpoint *rtp);
void rtp_report_rtcp_ready(struct loop_watch *watch, uint32_t events, void *arg);
void rtp_report_receive(struct rtp_endpoint *rtp, uint8_t *octets, size_t n,
			const struct netaddr *from);
void rtp_report_publish(struct rtp_endpoint *rtp);
double rtp_random(struct rtp_endpoint *rtp); /* 0…1 */

/* rtp.c */
void rtp_owe(struct rtp_endpoint *rtp, unsigned what);

/* rtp_ports.c */
/* 0 and the pair's even port, or -EADDRINUSE. Sockets are bound and non-blocking. */
int rtp_ports_open(struct rtp_ports *ports, const struct netaddr *address, uint8_t dscp, int fds[2],
		   uint16_t *port);
void rtp_ports_release(struct rtp_ports *ports, uint16_t port);

#endif
