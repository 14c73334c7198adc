/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GATEWAY_CDR_H
#define GATEWAY_CDR_H

/* The record of one call, as it goes into the spool: plain octets without pointers, so that a
 * record is written by one copy and read after a crash. Times are wall-clock microseconds; 0: not
 * reached. Texts are NUL-terminated and cut to fit.
 *
 * A record is held in a spool slot from the start of the call and written anew at its milestones
 * (routed, each attempt, ringing, answered, each minute), so that a call in progress when the
 * process dies has one too. It is finished before the last word on the wire: the 200 to a BYE and
 * RELEASE COMPLETE are sent after it. Thread: signalling. */

#include "base/party.h"
#include "base/q850.h"
#include "gateway/call_id.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct call;

#define CDR_FORMAT 1 /* of struct cdr: another struct, another number */
#define CDR_NAME 48
#define CDR_KEY 128
#define CDR_ATTEMPTS 16 /* kept; more are counted */

struct cdr_number {
	char digits[NUMBER_DIGITS];
	uint8_t type, plan, presentation, screening; /* of base/party.h */
	uint8_t present;
};

/* One side of the call. */
struct cdr_leg {
	char endpoint[CDR_NAME];    /* trunk or span */
	char kind[8];               /* "sip", "isdn" */
	char key[CDR_KEY];          /* Call-ID, or "SPAN/CRV" */
	uint8_t timeslot;           /* ISDN: B-channel; 0: none */
	char codec[16];             /* "PCMA"; "" */
	char local[56], remote[56]; /* RTP, "192.0.2.1:20000"; "" */
	uint64_t rx_packets, tx_packets, rx_lost, rx_late;
	uint64_t slips; /* RTP: of this call; ISDN: of the line while the call had its channel */
	float jitter_ms, remote_jitter_ms, remote_loss, round_trip_ms; /* remote_loss: 0…1 */
};

struct cdr_attempt {
	char route[CDR_NAME], usage[CDR_NAME], gateway[CDR_NAME];
	char key[CDR_KEY]; /* as of a leg; "": nothing was sent */
	struct cdr_number called_sent, calling_sent;
	int64_t start_us, end_us;
	uint8_t cause, location; /* 0: it carried the call */
	uint16_t status;         /* SIP; 0: none */
};

enum cdr_releaser { CDR_NOBODY, CDR_CALLER, CDR_CALLED, CDR_GATEWAY, CDR_CRASH };
enum cdr_media { CDR_MEDIA_NONE, CDR_MEDIA_RELAY, CDR_MEDIA_TDM_PACKETS, CDR_MEDIA_TDM };

struct cdr {
	char id[CALL_ID_TEXT];
	char host[64]; /* node name: several gateways may share a store */
	int64_t setup_us, routed_us, ringing_us, answer_us, end_us;
	int64_t updated_us; /* when this was written: the end of a call that a crash ended */
	uint8_t cause, location, releaser, media; /* enums above */
	/* SIP: heard with the cause, else what the caller is refused with; 0: none */
	uint16_t status;
	uint8_t emergency, presentation_restricted;
	/* ..._sent: to the gateway that was asked last */
	struct cdr_number called, called_normalized, called_sent;
	struct cdr_number calling, calling_normalized, calling_sent;
	struct cdr_number redirecting, connected;
	struct cdr_leg caller, callee;
	uint32_t attempts_made; /* may be more than are kept */
	uint32_t attempt_count;
	/* The first and the last ones; only attempt_count of them go into the spool. */
	struct cdr_attempt attempts[CDR_ATTEMPTS];
};
#define CDR_SIZE_MAX sizeof(struct cdr)
/* Octets that are used. */
size_t cdr_size(const struct cdr *cdr);
/* Of what came out of a spool: is it one? Copies it, terminates its texts. False: it is none. */
bool cdr_read(struct cdr *out, const void *octets, size_t length);

/* What the call is now; all but `host`. */
void cdr_fill(struct cdr *out, const struct call *call);

/* "caller", "called", "gateway", "crash", "nobody"; "relay", "tdm-packets", "tdm", "none". */
extern const char *const cdr_releaser_names[];
extern const char *const cdr_media_names[];

#endif
