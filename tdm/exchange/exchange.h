/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TDM_EXCHANGE_EXCHANGE_H
#define TDM_EXCHANGE_EXCHANGE_H

/* The exchange: owns lines, spans, the plan, and all calls. Incoming calls are answered by the
 * plan; outgoing ones are made by loads (load.h). Thread: signalling. */

#include "base/loop.h"
#include "tdm/exchange/fault.h"
#include "tdm/exchange/seat.h"
#include "tdm/exchange/settings.h"

struct ex_exchange;

struct ex_exchange_cfg {
	const struct ex_settings *settings; /* borrowed */
	struct loop *loop;
	/* Tests: a worker and lines of their own making. NULL: a worker of the exchange's, and
	 * e1_line_open(). */
	struct worker *worker;
	int (*open_line)(struct e1_line **out, const struct conf_line *conf, struct worker *worker,
			 const struct e1_line_ops *ops, void *arg);
};

/* Opens all lines and spans. 0 or -errno; what failed is logged. Outside of the loop's turns. */
int ex_exchange_create(struct ex_exchange **out, const struct ex_exchange_cfg *cfg);
/* Releases all calls, then closes spans and lines; `closed` runs when everything is gone and freed.
 * Sets NULL. */
void ex_exchange_close(struct ex_exchange **exchange, void (*closed)(void *arg), void *arg);

struct loop *ex_exchange_loop(const struct ex_exchange *exchange);
struct ex_journal *ex_exchange_journal(const struct ex_exchange *exchange);
bool ex_exchange_closing(const struct ex_exchange *exchange);

/* ---- Spans ---- */

size_t ex_exchange_span_count(const struct ex_exchange *exchange);
/* NULL: no such span. */
struct isdn_span *ex_exchange_span(const struct ex_exchange *exchange, size_t index);
struct isdn_span *ex_exchange_span_by_name(const struct ex_exchange *exchange, const char *name);
/* The names that exist, for messages. */
void ex_exchange_span_names(const struct ex_exchange *exchange, char *text, size_t room);
/* Up, and no channel is still being restarted. */
bool ex_exchange_span_ready(const struct isdn_span *span);

/* ---- What the control socket and the command line ask for ---- */

/* Applies to the line of this name, or to all (NULL). 0, -ENOENT, -ENOTSUP. */
int ex_exchange_fault(struct ex_exchange *exchange, const struct ex_fault *fault);
/* RESTART of a timeslot (0: all) on this span, or on all (NULL). 0, -ENOENT, -ENOTCONN. */
int ex_exchange_restart(struct ex_exchange *exchange, const char *span, unsigned timeslot);
/* Clears every call, or that of this serial number. Returns how many. */
unsigned ex_exchange_hangup(struct ex_exchange *exchange, unsigned id, struct q850_cause cause);
size_t ex_exchange_line_count(const struct ex_exchange *exchange);
struct e1_line *ex_exchange_line(const struct ex_exchange *exchange, size_t index);
void ex_exchange_each_call(const struct ex_exchange *exchange,
			   void (*call)(const struct ex_seat *seat, void *arg), void *arg);

/* ---- For caller and callee ---- */

/* Settings for a new call's seat. */
struct ex_seat_cfg ex_exchange_seat(struct ex_exchange *exchange, const struct isdn_span *span,
				    bool outgoing, bool keep);
/* The seat has its call: its record is told who it is, and gets the wire messages that came before.
 * */
void ex_exchange_seated(struct ex_exchange *exchange, struct ex_seat *seat);
/* Closes a seat whose call is gone: the exchange waits for all of them before it closes. */
void ex_exchange_unseat(struct ex_exchange *exchange, struct ex_seat *seat);

#endif
