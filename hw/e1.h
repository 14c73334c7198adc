/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HW_E1_H
#define HW_E1_H

/* An E1 line, whatever it is made of: N timeslots of 64 kbit/s, alarms, counters, and D-channels as
 * message pipes.
 *
 * Threads: the line moves octets on its worker; everything declared here is called on the
 * signalling thread (the worker's home) unless it says otherwise, and every callback but struct
 * e1_slot_ops arrives there.
 *
 * Octets stand in the order of transmission on the line, first bit sent = most significant bit
 * (G.704 2.3). The line is the clock: it calls its slots once per block, and they must not wait. */

#include "base/counter.h"
#include "base/worker.h"
#include "conf/machine.h"

#include <stdint.h>

#define E1_TIMESLOTS 32      /* numbered 0…31 as in G.704; 0 carries framing */
#define E1_BLOCK_MAX 1024    /* most octets that one slot callback moves */
#define E1_FRAME_MAX 512     /* most octets of one LAPD frame without FCS */

struct e1_line;
struct e1_dchan;

/* Alarms, several at once. G.775, G.704; RFC 5086 4.3 for the pseudowire's. */
enum e1_alarm {
	E1_ALARM_LOS = 1 << 0,         /* nothing is received: no signal, or packets stopped */
	E1_ALARM_AIS = 1 << 1,         /* all ones; for CESoPSN: the far end says its line is lost (L=1) */
	E1_ALARM_LOF = 1 << 2,         /* frame alignment lost */
	E1_ALARM_RAI = 1 << 3,         /* remote alarm (RDI, yellow): the far end doesn't hear us */
	E1_ALARM_PEER_LOSS = 1 << 4,   /* CESoPSN R=1: the far end loses our packets */
	E1_ALARM_DEVICE = 1 << 5,      /* the card or socket is gone */
};
/* Alarms under which no traffic can pass. */
#define E1_ALARMS_DOWN (E1_ALARM_LOS | E1_ALARM_AIS | E1_ALARM_LOF | E1_ALARM_DEVICE)
/* "LOS,RAI" into text; "none" when 0. */
const char *e1_alarm_text(unsigned alarms, char text[64]);

/* Written by the worker, read by anybody. */
struct e1_counters {
	counter_t rx_packets, tx_packets;        /* normal */
	counter_t lost, late, reordered, malformed, foreign; /* undesirable; foreign: from a stranger's address */
	counter_t signalling; /* undesirable: packets with CE signalling (RFC 5086 4.4.1), of which nothing is taken */
	counter_t slips_repeat, slips_drop;      /* a block repeated (buffer empty) or dropped (buffer full) */
	counter_t filled_octets;                 /* octets of fill played because nothing was there */
	counter_t rx_l_bit, rx_r_bit, rx_rdi;
	counter_t hdlc_rx_frames, hdlc_tx_frames, hdlc_crc, hdlc_abort, hdlc_short, hdlc_long, hdlc_overrun;
};
extern const struct counter_info e1_counter_info[];
extern const size_t e1_counter_count;

struct e1_line_ops {
	/* The set of alarms changed. */
	void (*alarms)(struct e1_line *line, unsigned alarms, void *arg);
};

/* One timeslot's user. Both run on the line's worker: no waiting, no allocation, no logging. */
struct e1_slot_ops {
	void (*rx)(void *user, const uint8_t *octets, size_t n); /* n octets arrived */
	void (*tx)(void *user, uint8_t *octets, size_t n);       /* write n octets to send */
};

struct e1_dchan_ops {
	/* One whole frame without FCS, FCS good. Signalling thread. */
	void (*frame)(struct e1_dchan *dchan, const uint8_t *octets, size_t n, void *arg);
};

/* Opens and starts the line that `conf` describes on `worker`. `conf` is borrowed for the line's
 * life. 0, or -errno of the device or socket. Its alarms start as LOS and are reported once known.
 */
int e1_line_open(struct e1_line **out, const struct conf_line *conf, struct worker *worker,
		 const struct e1_line_ops *ops, void *arg);
/* Every slot must be free and every D-channel closed. The line's memory goes when its worker has
 * let go of it; `closed` (may be NULL) then runs on the signalling thread. Sets *line NULL at once.
 */
void e1_line_close(struct e1_line **line, void (*closed)(void *arg), void *arg);

/* From the configuration; lives as long as it. Any thread. */
const char *e1_line_name(const struct e1_line *line);
/* The worker it was opened on; borrowed. Any thread. */
struct worker *e1_line_worker(const struct e1_line *line);
/* Alarms as last reported: bits of enum e1_alarm. */
unsigned e1_line_alarms(const struct e1_line *line);
/* Those that can be joined: as configured, without timeslot 0. Any thread. */
timeslot_set e1_line_timeslots(const struct e1_line *line);
/* Live as long as the line; to be read by any thread. */
const struct e1_counters *e1_line_counters(const struct e1_line *line);

/* Give a timeslot to a user: from its next block on, `ops` are called with `user`. -EBUSY: in use;
 * -EINVAL: no such timeslot. */
int e1_slot_join(struct e1_line *line, unsigned timeslot, const struct e1_slot_ops *ops, void *user);
/* Take it back; the line then sends idle (0xD5 for A-law silence, see e1_slot_idle()). `left` runs
 * on the signalling thread when the worker touches `user` no more; until then `user` must stay.
 * Takes a slot nobody uses (left still runs). */
void e1_slot_leave(struct e1_line *line, unsigned timeslot, void (*left)(void *arg), void *arg);
/* What an idle slot sends; default 0xD5 (A-law zero; G.711). Before the first join. */
void e1_slot_idle(struct e1_line *line, uint8_t octet);

/* A D-channel: HDLC with FCS-16 (Q.921 2, ISO/IEC 13239) on a timeslot. `arg` is handed back.
 * Frames arrive in order and as early as the line has them; on a pseudowire no jitter buffer delays
 * them and no slip harms them. -EBUSY, -EINVAL as above. */
int e1_dchan_open(struct e1_dchan **out, struct e1_line *line, unsigned timeslot,
		  const struct e1_dchan_ops *ops, void *arg);
/* No callback comes after this returns. Sets NULL; takes NULL. */
void e1_dchan_close(struct e1_dchan **dchan);
/* Send one frame, without FCS. -ENOBUFS: the transmit queue is full (the frame is dropped and
 * counted; LAPD repeats it); -EMSGSIZE. */
int e1_dchan_send(struct e1_dchan *dchan, const uint8_t *octets, size_t n);

/* Faults on purpose, for tests and e1exchange (CESoPSN only; else -ENOTSUP). Signalling thread. */
struct e1_faults {
	unsigned drop_permille;        /* of packets sent, by a seeded generator */
	bool stop;                     /* send no packets at all */
	bool l_bit, r_bit, rdi;        /* force L=1, R=1, M=10 */
	int clock_ppm;                 /* offset of our clock when we are its source */
	uint32_t seed;
};
/* In place of those set before; all zero: none. 0 or -ENOTSUP. */
int e1_line_set_faults(struct e1_line *line, const struct e1_faults *faults);

/* ---- Backends: what a kind of line implements (hw/ and tests only) ---- */

struct e1_backend {
	const char *name; /* "cesopsn" */
	int (*open)(struct e1_line *line);                        /* worker not yet involved; makes line->private */
	void (*close)(struct e1_line *line, void (*closed)(void *), void *arg);
	int (*slot_join)(struct e1_line *line, unsigned timeslot, const struct e1_slot_ops *ops, void *user);
	void (*slot_leave)(struct e1_line *line, unsigned timeslot, void (*left)(void *), void *arg);
	int (*dchan_open)(struct e1_dchan *dchan);
	void (*dchan_close)(struct e1_dchan *dchan);
	int (*dchan_send)(struct e1_dchan *dchan, const uint8_t *octets, size_t n);
	int (*set_faults)(struct e1_line *line, const struct e1_faults *faults); /* NULL: -ENOTSUP */
};

/* Opens a line over any backend: e1_line_open() picks one by conf->kind; tests bring fakes. */
int e1_line_open_backend(struct e1_line **out, const struct conf_line *conf, struct worker *worker,
			 const struct e1_backend *backend, void *backend_arg,
			 const struct e1_line_ops *ops, void *arg);

/* Two lines cross-connected in memory: what one sends the other receives, clocked by hand or by a
 * timer on the worker. For unit tests of the floors above: frames and octets arrive without sockets
 * and with virtual time. */
struct e1_pair;
/* The cable; `worker` is borrowed and clocks both ends. 0 or -ENOMEM. */
int e1_pair_create(struct e1_pair **out, struct worker *worker);
/* A line at one end, as e1_line_open(). -EBUSY: the end is taken. */
int e1_pair_open(struct e1_pair *pair, int end /* 0 or 1 */, struct e1_line **out, const struct conf_line *conf,
		 const struct e1_line_ops *ops, void *arg);
/* Cut or mend the cable: both ends see LOS and no frame passes while cut. */
void e1_pair_cut(struct e1_pair *pair, bool cut);
/* Both lines must be closed. */
void e1_pair_destroy(struct e1_pair **pair);

#endif
