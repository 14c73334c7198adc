/* SPDX-License-Identifier: GPL-2.0-only */
/* Overlap receiving: a number that comes digit by digit (Q.931 5.1.3 as network, 5.2.4 as user).
 *
 * A SETUP without any digits and without Sending complete is answered by SETUP ACKNOWLEDGE; the
 * digits of the INFORMATION messages that follow are gathered here, and the call is told to its
 * user when the number is whole, as if it had come en bloc. Until then nobody holds the call: what
 * ends it meanwhile ends it unheard. The states and T302 are in call.c's table. */
#include "tdm/span_private.h"

#include <string.h>

/* Q.931 5.1.3 and 5.2.4 leave the character that ends a number to the network; this one is
 * everybody's. It is no digit of the number. */
#define TERMINATOR "#"

/* Keypad digits may be a service's, which has no number (Q.931 4.5.18): they are the user's to
 * judge. */
bool call_lacks_number(const struct isdn_info *setup)
{
	return !setup->sending_complete && !setup->called.number.digits[0] && !setup->keypad[0];
}

void call_collect_begin(struct isdn_call *call, const struct isdn_info *setup)
{
	call->first.info = *setup;
	call->user = false;
	call_drop(call);
}

/* False: more than any number has. */
static bool append(struct party_number *number, const char *digits, size_t n)
{
	size_t at = strlen(number->digits);

	if (n >= sizeof(number->digits) - at)
		return false;
	memcpy(number->digits + at, digits, n);
	number->digits[at + n] = '\0';
	return true;
}

/* The first element that knows type and plan says them for the whole (Q.931 4.5.8). */
static void describe(struct party_number *number, const struct party_number *part)
{
	number->present = true;
	if (!number->type)
		number->type = part->type;
	if (!number->plan)
		number->plan = part->plan;
}

enum collected call_collect(struct isdn_call *call, const struct isdn_info *more)
{
	struct isdn_info *info = &call->first.info;
	const struct isdn_span *span = call->span;
	const char *digits = more->called.number.digits;
	size_t n;

	if (span->rx_valid && span->rx.digits_cut)
		return COLLECTED_INVALID;
	if (!digits[0]) /* the network may want them by keypad (5.1.3) */
		digits = more->keypad;
	n = strcspn(digits, TERMINATOR);
	if (!append(&info->called.number, digits, n))
		return COLLECTED_INVALID;
	describe(&info->called.number, &more->called.number);
	info->sending_complete = more->sending_complete || digits[n];
	if (!info->sending_complete)
		return COLLECTED_MORE;
	return call_collected(call);
}

enum collected call_collected(const struct isdn_call *call)
{
	return call->first.info.called.number.digits[0] ? COLLECTED_WHOLE : COLLECTED_INVALID;
}

void call_collect_tell(struct isdn_call *call)
{
	call->user = true;
	call_hold(call);
	call_tell_incoming(call, &call->first.info);
}
