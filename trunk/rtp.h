/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TRUNK_RTP_H
#define TRUNK_RTP_H

/* An RTP endpoint (RFC 3550, RFC 3551, RFC 4733): one socket pair, one media stream each way, one
 * media port.
 *
 * What does it do? Towards the network it receives packets of 10 to 60 ms into a jitter buffer and
 * sends packets of its own ptime; towards the house it is a struct port (rtp_port()): a B-channel
 * pushes to it and pulls from it on the line's clock, or another endpoint is joined to it and
 * packets are relayed as they arrive.
 *
 * How does it work? Arriving packets are checked (version, payload type, address, SSRC, sequence)
 * and go into the jitter buffer (transcoding/jitter.h), from which the line pulls at its own pace;
 * or, joined to another endpoint, out of that one at once. The line's octets are cut into packets
 * when ptime of them have come: the line is the clock of what we send, and the RTP timestamp is the
 * count of its octets, on hold too. PCMA ↔ PCMU is converted where line and packets differ; else
 * octets pass untouched.
 *
 * Telephone-events go on to a joined endpoint as events; towards a line, or an endpoint that agreed
 * on none, they are heard as DTMF in place of the audio, each once, whatever packets of it are lost
 * or repeated.
 *
 * RTCP: SR or RR with SDES every 5 s or so (RFC 3550 6.2), on hold too, and BYE at the end. What
 * comes is believed from the host that media is exchanged with.
 *
 * Threads: created, configured and closed on the signalling thread; the sockets and the port live
 * on the worker that it is on. Every call here is for the signalling thread and never waits: what
 * the worker must do is posted to it.
 *
 * Latching: with `latching`, the first source that sends valid RTP of an expected payload type
 * becomes the remote address and locks; another source is counted (rx_foreign) and dropped until
 * rtp_configure() brings another remote. Without it we send where signalling said, and hear the
 * first source of that host (any port: RFC 3550 demands no symmetry).
 *
 * Limits: one codec at a time, G.711; no RTCP multiplexing, no SRTP (the slot is there:
 * rtp_private.h). Our SSRC is not changed when a peer uses it too (RFC 3550 8.2): those that echo
 * packets unchanged would never be satisfied. */

#include "base/counter.h"
#include "base/netaddr.h"
#include "base/worker.h"
#include "transcoding/port.h"

struct rtp_endpoint;
struct rtp_ports;

/* ---- Port pool ---- */

/* Even ports from first to last; RTCP takes the odd one above. 0, -EINVAL, -ENOMEM. */
int rtp_ports_create(struct rtp_ports **out, uint16_t first, uint16_t last);
/* Asserts that all are free. */
void rtp_ports_destroy(struct rtp_ports **ports);
/* Pairs now taken, and all there are. */
unsigned rtp_ports_used(const struct rtp_ports *ports);
unsigned rtp_ports_total(const struct rtp_ports *ports);

/* ---- Endpoint ---- */

enum rtp_direction { RTP_INACTIVE = 0, RTP_RECVONLY = 1, RTP_SENDONLY = 2, RTP_SENDRECV = 3 };

#define RTP_NO_PT 0xff

/* What was agreed in offer and answer. */
struct rtp_media {
	struct netaddr remote;         /* unset: not known yet, nothing is sent (unless latched) */
	struct netaddr remote_rtcp;    /* unset: remote port + 1 (RFC 3605 else) */
	enum port_codec codec;         /* of the packets: PCMA or PCMU */
	uint8_t payload_type;          /* that we send (the peer's numbering) */
	uint8_t payload_type_rx;       /* that we receive (ours) */
	uint8_t event_pt, event_pt_rx; /* RFC 4733; RTP_NO_PT: none */
	uint8_t ptime_ms;              /* that we send: 10…60, multiple of 10 */
	enum rtp_direction direction;  /* ours: RECVONLY sends nothing but RTCP */
	bool latching;
};

struct rtp_cfg {
	struct netaddr address; /* to bind; its port is ignored */
	uint8_t dscp;
	unsigned jitter_ms;         /* depth of the fixed buffer */
	enum port_codec line_codec; /* format that the port side speaks: PCMA on an E1, converted
				       when packets differ */
	const char *cname;          /* RTCP SDES, RFC 3550 6.5.1; copied */
};

/* Written by the worker. */
struct rtp_counters {
	counter_t rx_packets, rx_octets, tx_packets, tx_octets, rx_events, tx_events, rx_rtcp,
		tx_rtcp; /* normal */
	counter_t rx_lost, rx_late, rx_reordered, rx_duplicate, rx_foreign, concealed_samples,
		slips_repeat, slips_drop;
	counter_t rx_malformed, rx_unknown_pt, rx_bad_rtcp, tx_errors;
};
extern const struct counter_info rtp_counter_info[];
extern const size_t rtp_counter_count;

/* A reading of the stream's quality, copied under a sequence lock. RFC 3550 6.4.1. */
struct rtp_quality {
	double jitter_ms;                    /* of what we receive */
	double remote_jitter_ms;             /* as the peer reports it */
	double remote_loss_fraction;         /* last report, 0…1 */
	double round_trip_ms;                /* 0: unknown */
	double level_rx_dbm0, level_tx_dbm0; /* of the last second; -99 when silent */
	struct netaddr remote;               /* where we send to now (after latching) */
	uint64_t last_rx_us;                 /* monotonic; 0: never */
};

struct rtp_ops {
	/* First packet from the remote side, or a new latch. */
	void (*started)(struct rtp_endpoint *rtp, void *arg);
};

/* Takes a port pair and opens its sockets. 0; -EADDRINUSE: no free port; -errno. `ops` may be NULL.
 */
int rtp_create(struct rtp_endpoint **out, struct rtp_ports *ports, const struct rtp_cfg *cfg,
	       const struct rtp_ops *ops, void *arg);
/* Leaves worker and peer, sends RTCP BYE, closes the sockets, gives the ports back, then runs
 * `closed` (may be NULL) on the signalling thread. A peer endpoint or B-channel must have left
 * before. Sets NULL, takes NULL. An endpoint that was never placed is gone, and `closed` has run,
 * when this returns. */
void rtp_close(struct rtp_endpoint **rtp, void (*closed)(void *arg), void *arg);

/* RTP address of ours, with port. */
struct netaddr rtp_local(const struct rtp_endpoint *rtp);
/* New terms; SSRC, sequence and timestamp go on (a marker is set when sending resumes). */
void rtp_configure(struct rtp_endpoint *rtp, const struct rtp_media *media);
/* Live on this worker (moving off another one first: terms and joins given meanwhile take effect on
 * arrival, and the port is silent until then). Needed before a join; not while joined. */
void rtp_place(struct rtp_endpoint *rtp, struct worker *worker);
/* The port for a clocked peer (a B-channel on the same worker): blocks of any size in line_codec.
 * Stays the endpoint's. Its pull gives silence while nothing was received, on hold, and while
 * relaying. */
struct port *rtp_port(struct rtp_endpoint *rtp);
/* Relay between two endpoints of one worker: audio, events and comfort noise go across with their
 * timing, payload types renumbered, PCMA ↔ PCMU converted, packets re-framed to each side's ptime.
 */
void rtp_join(struct rtp_endpoint *a, struct rtp_endpoint *b);
/* End the relay, asked of either; `left` (may be NULL) runs on the signalling thread when neither
 * touches the other. When they were not joined yet (one still moving), it has run when this
 * returns. */
void rtp_leave(struct rtp_endpoint *a, void (*left)(void *arg), void *arg);
/* Send a telephone-event (RFC 4733 2.5): duration in ms (1…8,000), three end packets, in place of
 * audio; several follow each other. -ENOTSUP: none was agreed; -EINVAL; -ENOBUFS: 32 are waiting.
 */
int rtp_send_event(struct rtp_endpoint *rtp, unsigned event, unsigned duration_ms);

/* Play a DTMF digit (event 0…15) to the clocked peer, in place of what is received: 50 ms…8 s, in
 * line with Q.24, and 50 ms of silence; several follow each other. The worker takes it at the next
 * pull. -EINVAL: no digit; -ENOTSUP: joined to another endpoint; -ENOBUFS: 32 are waiting. */
int rtp_play_digit(struct rtp_endpoint *rtp, unsigned event, unsigned duration_ms);

/* Live as long as the endpoint; to be read by any thread. */
const struct rtp_counters *rtp_counters(const struct rtp_endpoint *rtp);
/* The newest reading. Signalling thread: it tries again while the worker writes, never waits. */
void rtp_quality(const struct rtp_endpoint *rtp, struct rtp_quality *out);

#endif
