/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BASE_PARTY_H
#define BASE_PARTY_H

/* Who calls, who is called, who diverted: a number with all that ISDN (Q.931 4.5.8, 4.5.10) and SIP
 * (RFC 3325, RFC 3323) know of it. One struct for every floor; trunk/ and tdm/ translate it at
 * their edge. Plain values, copied freely; any thread. */

#include <stdbool.h>
#include <stdint.h>

#define NUMBER_DIGITS 64 /* with the NUL; "+" may lead */
#define PARTY_NAME 96

/* Q.931 table 4-9, type of number. */
enum number_type {
	NUMBER_UNKNOWN = 0,
	NUMBER_INTERNATIONAL = 1,
	NUMBER_NATIONAL = 2,
	NUMBER_NETWORK_SPECIFIC = 3,
	NUMBER_SUBSCRIBER = 4,
	NUMBER_ABBREVIATED = 6,
};

/* Q.931 table 4-9, numbering plan identification. */
enum number_plan {
	PLAN_UNKNOWN = 0,
	PLAN_ISDN = 1, /* E.164 */
	PLAN_DATA = 3,
	PLAN_TELEX = 4,
	PLAN_NATIONAL = 8,
	PLAN_PRIVATE = 9,
};

/* Q.931 table 4-11. */
enum number_presentation { PRESENTATION_ALLOWED = 0, PRESENTATION_RESTRICTED = 1, PRESENTATION_UNAVAILABLE = 2 };
enum number_screening {
	SCREENING_USER_NOT_SCREENED = 0,
	SCREENING_USER_PASSED = 1,
	SCREENING_USER_FAILED = 2,
	SCREENING_NETWORK = 3,
};

struct party_number {
	char digits[NUMBER_DIGITS]; /* "" : absent; 0-9 * # A-D and a leading "+" when E.164 */
	uint8_t type;               /* enum number_type */
	uint8_t plan;               /* enum number_plan */
	uint8_t presentation;       /* enum number_presentation */
	uint8_t screening;          /* enum number_screening */
	bool present;               /* the element was there, even without digits */
};

struct party {
	struct party_number number;
	struct party_number second;   /* the second calling number of a two-number SETUP (ETS 300 092); else absent */
	char name[PARTY_NAME];        /* UTF-8 */
	bool name_restricted;
	char subaddress[48];          /* "" : none; as received, NSAP or user-specified (Q.931 4.5.9) */
	char uri_host[128];           /* SIP edge only: the domain that came with it; "" : none */
};

#endif
