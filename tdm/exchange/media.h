/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TDM_EXCHANGE_MEDIA_H
#define TDM_EXCHANGE_MEDIA_H

/* What one call hears and says: a media port with a source that can be changed while it runs, a
 * level meter for each phase of the call, and the check of a sequence that should come back.
 *
 * Thread: made, ordered and asked on the signalling thread; pushed and pulled on the line's worker.
 * Orders and results cross by atomics. */

#include "tdm/exchange/prbs.h"
#include "transcoding/port.h"

enum ex_source { EX_SOURCE_SILENCE, EX_SOURCE_TONE, EX_SOURCE_ECHO, EX_SOURCE_PRBS };
enum ex_phase { EX_PHASE_EARLY, EX_PHASE_ANSWERED, EX_PHASE_CLEARING, EX_PHASES };
const char *ex_source_name(enum ex_source source);
int ex_source_by_name(const char *name); /* -1: unknown */
const char *ex_phase_name(enum ex_phase phase);

#define EX_LEVEL_NONE (-99.0)

/* What was heard in one phase, in windows of 100 ms. */
struct ex_heard {
	uint64_t octets;
	double level_dbm0;      /* of the loudest window; EX_LEVEL_NONE: silence or nothing */
	double last_dbm0;       /* of the last window */
	double hz;              /* of what was about as loud, by zero crossings; 0: silence */
	uint64_t loud_ms;       /* above −45 dBm0 */
};

struct ex_media_result {
	enum ex_source source;
	uint64_t received, sent; /* octets */
	struct ex_heard heard[EX_PHASES];
	/* PRBS; see prbs.h */
	uint64_t compared, mismatches, slips, lost, tail;
	int delay_samples;
	uint64_t echo_underruns, echo_overruns; /* octets */
};

struct ex_media;

/* Sends silence and is in the early phase. 0 or -ENOMEM. */
int ex_media_create(struct ex_media **out, enum port_codec law, uint64_t seed);
/* Nobody may be joined to the port any more. Sets NULL, takes NULL. */
void ex_media_destroy(struct ex_media **media);
struct port *ex_media_port(struct ex_media *media);
/* `hz` and `level_dbm0` are for a tone. */
void ex_media_send(struct ex_media *media, enum ex_source source, unsigned hz, int level_dbm0);
void ex_media_phase(struct ex_media *media, enum ex_phase phase);
/* The far end will stop returning the sequence: what comes from now on is not checked. */
void ex_media_end_check(struct ex_media *media);
void ex_media_result(const struct ex_media *media, struct ex_media_result *out);
/* Did the sequence come back without a fault? */
bool ex_media_intact(const struct ex_media_result *result);

#endif
