/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BASE_Q850_H
#define BASE_Q850_H

/* Release causes (ITU-T Q.850): the one language in which every floor says why a call ended.
 * Plain values and const tables; any thread. */

#include <stdbool.h>
#include <stdint.h>

/* Q.850 2.2.3 location. */
enum q850_location {
	Q850_LOC_USER = 0,                  /* U    */
	Q850_LOC_PRIVATE_LOCAL = 1,         /* LPN  */
	Q850_LOC_PUBLIC_LOCAL = 2,          /* LN   */
	Q850_LOC_TRANSIT = 3,               /* TN   */
	Q850_LOC_PUBLIC_REMOTE = 4,         /* RLN  */
	Q850_LOC_PRIVATE_REMOTE = 5,        /* RPN  */
	Q850_LOC_INTERNATIONAL = 7,         /* INTL */
	Q850_LOC_BEYOND_INTERWORKING = 10,  /* BI   */
};

struct q850_cause {
	uint8_t value;    /* 1…127; 0: none */
	uint8_t location; /* enum q850_location */
};

/* Causes that the code names. The full list with texts: q850_cause_name(). */
enum {
	Q850_UNALLOCATED = 1,
	Q850_NO_ROUTE_TRANSIT = 2,
	Q850_NO_ROUTE = 3,
	Q850_CHANNEL_UNACCEPTABLE = 6,
	Q850_PREEMPTION = 8,
	Q850_NORMAL_CLEARING = 16,
	Q850_USER_BUSY = 17,
	Q850_NO_USER_RESPONDING = 18,
	Q850_NO_ANSWER = 19,
	Q850_SUBSCRIBER_ABSENT = 20,
	Q850_CALL_REJECTED = 21,
	Q850_NUMBER_CHANGED = 22,
	Q850_DESTINATION_OUT_OF_ORDER = 27,
	Q850_INVALID_NUMBER = 28,
	Q850_FACILITY_REJECTED = 29,
	Q850_RESPONSE_TO_STATUS_ENQUIRY = 30,
	Q850_NORMAL_UNSPECIFIED = 31,
	Q850_NO_CIRCUIT = 34,
	Q850_NETWORK_OUT_OF_ORDER = 38,
	Q850_TEMPORARY_FAILURE = 41,
	Q850_CONGESTION = 42,
	Q850_CHANNEL_UNAVAILABLE = 44,
	Q850_RESOURCE_UNAVAILABLE = 47,
	Q850_BEARER_NOT_AUTHORIZED = 57,
	Q850_BEARER_NOT_AVAILABLE = 58,
	Q850_BEARER_NOT_IMPLEMENTED = 65,
	Q850_INVALID_CALL_REFERENCE = 81,
	Q850_INCOMPATIBLE_DESTINATION = 88,
	Q850_MANDATORY_IE_MISSING = 96,
	Q850_INVALID_IE = 100,
	Q850_WRONG_CALL_STATE = 101,
	Q850_TIMER_EXPIRY = 102,
	Q850_PROTOCOL_ERROR = 111,
	Q850_INTERWORKING = 127,
};

/* Cause and location in one value. */
static inline struct q850_cause q850(uint8_t value, enum q850_location location)
{
	return (struct q850_cause){ value, (uint8_t)location };
}

/* "User busy"; never NULL ("Cause 200" style for unknown ones is "Unknown cause"). */
const char *q850_cause_name(unsigned value);
/* "user", "public network serving the local user" …; never NULL. */
const char *q850_location_name(unsigned location);
/* RFC 8606 location code: "U", "LPN", "LN", "TN", "RLN", "RPN", "INTL", "BI", "LOC-6" and the like
 * for spare and national values; NULL above 15. And back (case ignored), -1 unknown. */
const char *q850_location_code(unsigned location);
int q850_location_by_code(const char *code);
/* Is this a value that Q.850 defines? */
bool q850_is_defined(unsigned value);

#endif
