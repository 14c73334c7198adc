/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TDM_IE_H
#define TDM_IE_H

/* Q.931 messages inside LAPD frames, as octets: a bounded reader, a cleaner, and a patcher.
 *
 * What does it do? Reads everything that libpri's interface hides (locations, progress indicators
 * in any message, both calling numbers, HLC, LLC …), takes out of a received frame what libpri had
 * better not see, and puts elements into frames that libpri writes. It knows no calls and no state.
 *
 * How does it work? Elements are read through a wire cursor (base/wire.h) that cannot leave the
 * frame; codeset shifts are followed (Q.931 4.5.3, 4.5.4). A patch is a list of coded elements:
 * each replaces what libpri wrote under its identifier and is inserted in ascending order of
 * identifiers (Q.931 4.5.1). Nothing but the frame's length changes.
 *
 * Thread: any; nothing is kept between calls. */

#include "tdm/lapd.h"
#include "tdm/span.h"

/* Q.931 table 4-2. */
enum q931_type {
	Q931_ALERTING = 0x01,
	Q931_CALL_PROCEEDING = 0x02,
	Q931_PROGRESS = 0x03,
	Q931_SETUP = 0x05,
	Q931_CONNECT = 0x07,
	Q931_SETUP_ACKNOWLEDGE = 0x0d,
	Q931_CONNECT_ACKNOWLEDGE = 0x0f,
	Q931_DISCONNECT = 0x45,
	Q931_RESTART = 0x46,
	Q931_RELEASE = 0x4d,
	Q931_RESTART_ACKNOWLEDGE = 0x4e,
	Q931_RELEASE_COMPLETE = 0x5a,
	Q931_FACILITY = 0x62,
	Q931_NOTIFY = 0x6e,
	Q931_STATUS_ENQUIRY = 0x75,
	Q931_INFORMATION = 0x7b,
	Q931_STATUS = 0x7d,
};

/* Q.931 table 4-3 and ETS 300 102-1, codeset 0. */
enum q931_element {
	IE_BEARER = 0x04,
	IE_CAUSE = 0x08,
	IE_CALL_STATE = 0x14,
	IE_CHANNEL = 0x18,
	IE_FACILITY = 0x1c,
	IE_PROGRESS = 0x1e,
	IE_NOTIFICATION = 0x27,
	IE_DISPLAY = 0x28,
	IE_DATE_TIME = 0x29,
	IE_KEYPAD = 0x2c,
	IE_CONNECTED_NUMBER = 0x4c,
	IE_CONNECTED_SUBADDRESS = 0x4d,
	IE_CALLING_NUMBER = 0x6c,
	IE_CALLING_SUBADDRESS = 0x6d,
	IE_CALLED_NUMBER = 0x70,
	IE_CALLED_SUBADDRESS = 0x71,
	IE_REDIRECTING_NUMBER = 0x74,
	IE_RESTART_INDICATOR = 0x79,
	IE_LLC = 0x7c,
	IE_HLC = 0x7d,
	IE_USER_USER = 0x7e,
	IE_SENDING_COMPLETE = 0xa1,
};

/* Q.931 4.5.13. */
struct q931_channel {
	bool present;
	bool any;   /* "any channel" is selected, or none named */
	bool whole; /* RESTART of the interface: no channel named */
	bool exclusive;
	uint8_t timeslot; /* 0: none named */
	uint32_t map;     /* all that are named (RESTART of several) */
};

/* A message, read. */
struct q931_message {
	uint8_t type; /* enum q931_type */
	uint16_t crv; /* call reference value, 15 bits; 0: the global call reference (Q.931 4.3) */
	bool flag;    /* its flag as on the wire: 1 = sent to the side that made the reference */
	struct isdn_info info;
	struct q931_channel channel;
	int call_state;     /* Q.931 4.5.7; -1: absent */
	int restart_class;  /* Q.931 4.5.25; -1: absent */
	int notification;   /* Q.931 4.5.22; -1: absent */
	bool digits_cut;    /* called number or keypad had more digits than there is room for */
	unsigned malformed; /* elements that were too short to read, or ran past the end */
};

/* Read a Q.931 message (without LAPD header). 0, or -EBADMSG: no usable header (Q.931 5.8.1
 * – 5.8.3.1). Elements that cannot be read are counted in out->malformed and left out. */
int q931_read(struct q931_message *out, const uint8_t *octets, size_t n);

/* Make a received frame fit for libpri, in place: elements that run past the end or are too short
 * for what their identifier demands go, Facility too (no supplementary service is interpreted, and
 * so no ASN.1 of strangers is). A message without a usable header keeps its place in the sequence,
 * but becomes one that Q.931 ignores (a foreign protocol discriminator, 5.8.1): `frame` has room
 * for 3 octets more. Returns the frame's new length; *dropped counts elements, *message_dropped is
 * set when the whole message went. */
size_t q931_clean(uint8_t *frame, size_t n, unsigned *dropped, bool *message_dropped);

/* Elements to be put into a message that libpri writes. */
struct q931_patch {
	bool used;
	uint8_t type;   /* message type to write instead; 0: as it is */
	bool bare;      /* drop every element that libpri wrote */
	uint8_t remove; /* identifier to drop without a substitute; 0: none */
	uint16_t length;
	uint8_t octets[232];
};

/* Code what `info` holds for a message of this type; elements that the message may not have are
 * left out (Q.931 3.1, ETS 300 102-1 3.1). `network`: we are the network side (display goes to
 * users only). -EINVAL: a number that cannot be coded; -EMSGSIZE: more than fits beside what libpri
 * writes. */
int q931_patch_make(struct q931_patch *patch, uint8_t type, const struct isdn_info *info,
		    bool network);
/* Just a cause (Q.931 4.5.12). */
void q931_patch_cause(struct q931_patch *patch, struct q850_cause cause);
/* The same with diagnostics (Q.931 4.5.12). */
void q931_patch_diagnosed(struct q931_patch *patch, struct q850_cause cause,
			  const struct isdn_raw *diagnostics);
/* Writes the patched frame to `out` (room for LAPD_N201 + 4). Returns its length; -EMSGSIZE when it
 * does not fit. */
int q931_patch_apply(const struct q931_patch *patch, const uint8_t *frame, size_t n, uint8_t *out,
		     size_t room);

/* "SETUP", "DISCONNECT"; never NULL. */
const char *q931_type_name(unsigned type);
/* "SETUP", "DISCONNECT (17)", "STATUS (30) state 10" into text. */
const char *q931_summary(const struct q931_message *message, char text[48]);

#endif
