/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TDM_EXCHANGE_SEAT_H
#define TDM_EXCHANGE_SEAT_H

/* What a caller and a callee have in common: an ISDN call, its media and its record, and the order
 * in which they end: RELEASED, leave the B-channel, let go of the call, free. Thread: signalling.
 * */

#include "tdm/exchange/record.h"

struct ex_seat {
	struct isdn_call *call;       /* NULL: not yet, or gone */
	struct ex_media *media;
	struct ex_record record;
	bool joined, releasing;
	void (*left)(struct ex_seat *seat); /* of ex_seat_leave() */
};

struct ex_seat_cfg {
	struct ex_journal *journal;
	const struct clock *clock;
	struct list *records;         /* live calls: takes the record in */
	unsigned id;
	uint64_t seed;
	enum conf_law law;
	bool outgoing, keep;
};

/* 0 or -ENOMEM; the seat is zeroed before. Without a call yet. */
int ex_seat_open(struct ex_seat *seat, const struct ex_seat_cfg *cfg);
/* Join the media to the B-channel as soon as there is one; may be asked again and again. */
void ex_seat_join(struct ex_seat *seat);
void ex_seat_send(struct ex_seat *seat, enum ex_source source, unsigned hz, int level_dbm0);
/* Clear from our side; RELEASED follows. DISCONNECT keeps the channel for an announcement when info
 * says in-band. */
void ex_seat_release(struct ex_seat *seat, struct q850_cause cause);
/* The same with the cause's diagnostics, both in `info`. */
void ex_seat_release_diagnosed(struct ex_seat *seat, const struct isdn_info *info);
int ex_seat_disconnect(struct ex_seat *seat, const struct isdn_info *info);
/* After RELEASED: ends the use of call and channel; `left` follows, never from inside when there
 * was a call. */
void ex_seat_leave(struct ex_seat *seat, void (*left)(struct ex_seat *seat));
/* Frees media and record. Nothing may be joined any more. */
void ex_seat_close(struct ex_seat *seat);

#endif
