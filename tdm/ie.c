/* SPDX-License-Identifier: GPL-2.0-only */
/* The reader. What a network sends is read here and nowhere else, so that one fuzz target covers
 * it. */
#include "tdm/ie.h"

#include "base/wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PROTOCOL_Q931 0x08 /* Q.931 4.2 */
#define PROTOCOL_NONE 0x00 /* no protocol that we or libpri know */
#define EXTENSION 0x80     /* bit 8 of an octet group's last octet */

/* ---- Elements ---- */

/* Fewest octets of contents with which an element says anything (Q.931 4.5.5 – 4.5.30). libpri
 * reads that many without looking at the length. */
static const struct {
	uint8_t id, least;
} least_contents[] = {
	{ IE_BEARER, 2 },
	{ IE_CAUSE, 2 },
	{ IE_CALL_STATE, 1 },
	{ IE_CHANNEL, 1 },
	{ IE_PROGRESS, 2 },
	{ IE_NOTIFICATION, 1 },
	{ IE_DISPLAY, 1 },
	{ IE_DATE_TIME, 3 },
	{ IE_KEYPAD, 1 },
	{ IE_CONNECTED_NUMBER, 1 },
	{ IE_CONNECTED_SUBADDRESS, 1 },
	{ IE_CALLING_NUMBER, 1 },
	{ IE_CALLING_SUBADDRESS, 1 },
	{ IE_CALLED_NUMBER, 1 },
	{ IE_CALLED_SUBADDRESS, 1 },
	{ IE_REDIRECTING_NUMBER, 1 },
	{ IE_RESTART_INDICATOR, 1 },
	{ IE_LLC, 2 },
	{ IE_HLC, 2 },
	{ IE_USER_USER, 1 },
};

static size_t least_of(uint8_t id)
{
	for (size_t i = 0; i < sizeof(least_contents) / sizeof(least_contents[0]); i++)
		if (least_contents[i].id == id)
			return least_contents[i].least;
	return 0;
}

/* One element as it stands in the message. */
struct element {
	uint8_t id;
	unsigned codeset;
	const uint8_t *start; /* of the identifier */
	size_t size;          /* with identifier and length */
	struct wire contents;
};

struct walk {
	struct wire wire;
	unsigned locked, next_codeset;
};

/* The next element; shifts are followed and handed out too (codeset of the shift itself: 8). False
 * at the end; then walk->wire.error tells whether the last one ran past it. */
static bool walk_next(struct walk *walk, struct element *e)
{
	struct wire *w = &walk->wire;

	if (!wire_left(w) || w->error)
		return false;
	*e = (struct element){ .start = w->at, .codeset = walk->next_codeset };
	e->id = wire_u8(w);
	e->contents = wire_of(w->at, 0);
	walk->next_codeset = walk->locked;
	if ((e->id & 0xf0) == 0x90) { /* Q.931 4.5.3, 4.5.4: bit 4 set: non-locking */
		walk->next_codeset = e->id & 0x07;
		if (!(e->id & 0x08))
			walk->locked = walk->next_codeset;
		e->codeset = 8;
	} else if (!(e->id & 0x80)) {
		e->contents = wire_sub(w, wire_u8(w));
	}
	e->size = (size_t)(w->at - e->start);
	return !w->error;
}

/* Past the octets of a group: the last one has bit 8 set. Returns the first. */
static uint8_t group(struct wire *w)
{
	uint8_t first = wire_u8(w), octet = first;

	while (!(octet & EXTENSION) && wire_left(w))
		octet = wire_u8(w);
	return first;
}

static void read_raw(struct isdn_raw *raw, struct wire w)
{
	size_t n = wire_left(&w);
	const uint8_t *octets;

	if (n > ISDN_RAW_MAX)
		n = ISDN_RAW_MAX;
	octets = wire_bytes(&w, n);
	if (!octets)
		return;
	memcpy(raw->octets, octets, n);
	raw->length = (uint8_t)n;
}

/* IA5 characters; others are left out, so that no control character comes up. */
static void read_text(char *text, size_t room, struct wire w)
{
	size_t at = 0;

	while (wire_left(&w) && at + 1 < room) {
		uint8_t c = wire_u8(&w) & 0x7f;

		if (c >= 0x20 && c < 0x7f)
			text[at++] = (char)c;
	}
	text[at] = '\0';
}

/* False: there were more than there is room for. */
static bool read_digits(char *digits, size_t room, struct wire w)
{
	size_t at = 0, count = 0;

	while (wire_left(&w)) {
		char c = (char)(wire_u8(&w) & 0x7f);

		if (!c || !strchr("0123456789*#ABCDabcd+", c))
			continue;
		count++;
		if (at + 1 < room)
			digits[at++] = c;
	}
	digits[at] = '\0';
	return count == at;
}

/* Q.931 4.5.8, 4.5.10, 4.6.7: octet 3, then 3a (presentation and screening), then 3b (reason of
 * redirection). False: more digits than fit. */
static bool read_number(struct party_number *number, uint8_t *reason, struct wire w)
{
	uint8_t octet = wire_u8(&w);

	*number = (struct party_number){ .present = true };
	number->type = (octet >> 4) & 0x07;
	number->plan = octet & 0x0f;
	if (!(octet & EXTENSION)) {
		octet = wire_u8(&w);
		number->presentation = (octet >> 5) & 0x03;
		number->screening = octet & 0x03;
		if (!(octet & EXTENSION)) {
			octet = group(&w);
			if (reason)
				*reason = octet & 0x0f;
		}
	}
	return read_digits(number->digits, sizeof(number->digits), w);
}

/* Q.931 4.5.5. */
static void read_bearer(struct isdn_info *info, struct wire w)
{
	read_raw(&info->bearer, w);
	info->capability = group(&w) & 0x1f;
	group(&w);
	info->law = CONF_ALAW;
	if (wire_left(&w) && wire_peek_u8(&w) == (EXTENSION | 0x22))
		info->law = CONF_ULAW;
}

/* Q.931 4.5.12. Recommendation (octet 3a) is skipped, diagnostics follow the cause value. */
static void read_cause(struct isdn_info *info, struct wire w)
{
	info->cause.location = group(&w) & 0x0f;
	info->cause.value = wire_u8(&w) & 0x7f;
	info->cause_diagnostics.length = 0;
	if (wire_left(&w))
		read_raw(&info->cause_diagnostics, w);
}

/* Q.850 table 1 note 7: the diagnostic of cause 22 is a whole called party number element. */
bool isdn_moved_to(const struct isdn_raw *diagnostics, struct party_number *out)
{
	struct wire w = wire_of(diagnostics->octets, diagnostics->length);
	struct party_number number;

	if (wire_u8(&w) != IE_CALLED_NUMBER)
		return false;
	w = wire_sub(&w, wire_u8(&w));
	if (!wire_ok(&w) || !read_number(&number, NULL, w) || !number.digits[0])
		return false;
	*out = number;
	return true;
}

/* Q.931 4.5.23. */
static void read_progress(struct isdn_info *info, struct wire w)
{
	struct isdn_progress p = { .location = group(&w) & 0x0f };

	p.description = wire_u8(&w) & 0x7f;
	if (!w.error && info->progress_count < ISDN_PROGRESS_MAX)
		info->progress[info->progress_count++] = p;
}

/* Q.931 4.5.13, primary rate: octets 3.2 and 3.3 name channels by number or by map. */
static void read_channel(struct q931_channel *channel, struct wire w)
{
	uint8_t octet = wire_u8(&w), kind;

	*channel = (struct q931_channel){ .present = true, .exclusive = octet & 0x08 };
	if (!(octet & 0x20) || (octet & 0x04)) /* a basic interface's, or the D-channel */
		return;
	channel->any = (octet & 0x03) == 0x03;
	if (octet & 0x40) /* interface identifier follows */
		group(&w);
	if ((octet & 0x03) != 0x01)
		return;
	if (!wire_left(&w)) {
		channel->whole = true;
		return;
	}
	kind = group(&w);
	if (kind & 0x10) { /* slot map, timeslot 31 first */
		for (unsigned high = 31; wire_left(&w) && high <= 31; high -= 8)
			for (unsigned bit = 0, octets = wire_u8(&w); bit < 8; bit++)
				if (octets & (0x80u >> bit))
					channel->map |= UINT32_C(1) << (high - bit);
	} else {
		while (wire_left(&w)) {
			octet = wire_u8(&w);
			if ((octet & 0x7f) < E1_TIMESLOTS)
				channel->map |= UINT32_C(1) << (octet & 0x7f);
			if (octet & EXTENSION)
				break;
		}
	}
	for (uint8_t ts = 1; ts < E1_TIMESLOTS && !channel->timeslot; ts++)
		if (channel->map & (UINT32_C(1) << ts))
			channel->timeslot = ts;
}

static void read_user_user(struct isdn_info *info, struct wire w)
{
	read_raw(&info->user_user, w);
}

static void read_calling(struct isdn_info *info, struct wire w)
{
	read_number(info->calling.number.present ? &info->calling.second : &info->calling.number,
		    NULL, w);
}

/* Q.931 4.5.9: octet 3 says NSAP or user specified; what follows is kept as characters when it is
 * printable. */
static void read_subaddress(char *text, size_t room, struct wire w)
{
	group(&w);
	read_text(text, room, w);
}

static void read_display(struct isdn_info *info, struct wire w)
{
	if (wire_left(&w) &&
	    (wire_peek_u8(&w) & EXTENSION)) /* a display type precedes the text (Q.932) */
		wire_u8(&w);
	read_text(info->display, sizeof(info->display), w);
}

static void read_element(struct q931_message *m, const struct element *e)
{
	struct wire w = e->contents;

	switch (e->id) {
	case IE_BEARER:
		if (!m->info.bearer.length)
			read_bearer(&m->info, w);
		break;
	case IE_CAUSE:
		if (!m->info.cause.value)
			read_cause(&m->info, w);
		break;
	case IE_CALL_STATE: m->call_state = wire_u8(&w) & 0x3f; break;
	case IE_CHANNEL:
		if (!m->channel.present)
			read_channel(&m->channel, w);
		break;
	case IE_PROGRESS: read_progress(&m->info, w); break;
	case IE_NOTIFICATION: m->notification = wire_u8(&w) & 0x7f; break;
	case IE_DISPLAY: read_display(&m->info, w); break;
	case IE_KEYPAD:
		m->digits_cut |= !read_digits(m->info.keypad, sizeof(m->info.keypad), w);
		break;
	case IE_CONNECTED_NUMBER: read_number(&m->info.connected.number, NULL, w); break;
	case IE_CONNECTED_SUBADDRESS:
		read_subaddress(m->info.connected.subaddress, sizeof(m->info.connected.subaddress),
				w);
		break;
	case IE_CALLING_NUMBER: read_calling(&m->info, w); break;
	case IE_CALLING_SUBADDRESS:
		read_subaddress(m->info.calling.subaddress, sizeof(m->info.calling.subaddress), w);
		break;
	case IE_CALLED_NUMBER:
		if (!m->info.called.number.present)
			m->digits_cut |= !read_number(&m->info.called.number, NULL, w);
		break;
	case IE_CALLED_SUBADDRESS:
		read_subaddress(m->info.called.subaddress, sizeof(m->info.called.subaddress), w);
		break;
	case IE_REDIRECTING_NUMBER:
		if (!m->info.redirecting.number.present)
			read_number(&m->info.redirecting.number, &m->info.redirecting_reason, w);
		break;
	case IE_RESTART_INDICATOR: m->restart_class = wire_u8(&w) & 0x07; break;
	case IE_LLC:
		if (!m->info.llc.length)
			read_raw(&m->info.llc, w);
		break;
	case IE_HLC:
		if (!m->info.hlc.length)
			read_raw(&m->info.hlc, w);
		break;
	case IE_USER_USER: read_user_user(&m->info, w); break;
	case IE_SENDING_COMPLETE: m->info.sending_complete = true; break;
	default: break; /* Q.931 5.8.7.1: unrecognized ones are ignored */
	}
}

/* One octet of call reference (basic access), its flag where two octets have it. */
static uint16_t short_reference(uint8_t octet)
{
	return (uint16_t)((octet & 0x80) << 8 | (octet & 0x7f));
}

/* Protocol discriminator, call reference, message type (Q.931 4.2 – 4.4). The dummy reference
 * (length 0) serves only supplementary services (Q.932 6.1.1). */
static int read_header(struct q931_message *m, struct wire *w)
{
	uint8_t protocol = wire_u8(w), length = wire_u8(w);

	if (protocol != PROTOCOL_Q931 || length > 2)
		return -EBADMSG;
	if (length == 2)
		m->crv = wire_u16(w);
	else if (length == 1)
		m->crv = short_reference(wire_u8(w));
	m->flag = m->crv & 0x8000;
	m->crv &= 0x7fff;
	m->type = wire_u8(w);
	return wire_ok(w) && length ? 0 : -EBADMSG;
}

int q931_read(struct q931_message *out, const uint8_t *octets, size_t n)
{
	struct walk walk = { .wire = wire_of(octets, n) };
	struct element e;

	*out = (struct q931_message){ .call_state = -1, .restart_class = -1, .notification = -1 };
	if (read_header(out, &walk.wire) < 0)
		return -EBADMSG;
	while (walk_next(&walk, &e)) {
		if (e.codeset != 0)
			continue;
		if (wire_left(&e.contents) < least_of(e.id))
			out->malformed++;
		else
			read_element(out, &e);
	}
	if (walk.wire.error)
		out->malformed++;
	if (out->info.redirecting.number.present)
		out->info.redirecting.name[0] = '\0';
	return 0;
}

/* ---- Cleaning ---- */

static size_t neutralize(uint8_t *frame, size_t at)
{
	frame[at] = PROTOCOL_NONE;
	frame[at + 1] = 0;
	frame[at + 2] = 0;
	return at + 3;
}

size_t q931_clean(uint8_t *frame, size_t n, unsigned *dropped, bool *message_dropped)
{
	size_t at = lapd_payload(frame, n);
	struct q931_message m = { 0 };
	struct walk walk;
	struct element e;
	uint8_t *to;

	*dropped = 0;
	*message_dropped = false;
	if (!at)
		return n;
	walk = (struct walk){ .wire = wire_of(frame + at, n - at) };
	if (read_header(&m, &walk.wire) < 0 || m.type == Q931_FACILITY) {
		*message_dropped = m.type != Q931_FACILITY;
		return neutralize(frame, at);
	}
	to = frame + (walk.wire.at - frame);
	while (walk_next(&walk, &e)) {
		if (e.codeset == 0 &&
		    (e.id == IE_FACILITY || wire_left(&e.contents) < least_of(e.id))) {
			*dropped += e.id != IE_FACILITY;
			continue;
		}
		memmove(to, e.start, e.size);
		to += e.size;
	}
	if (walk.wire.error)
		++*dropped;
	return (size_t)(to - frame);
}

/* ---- Words ---- */

const char *q931_type_name(unsigned type)
{
	switch (type) {
	case Q931_ALERTING: return "ALERTING";
	case Q931_CALL_PROCEEDING: return "CALL PROCEEDING";
	case Q931_PROGRESS: return "PROGRESS";
	case Q931_SETUP: return "SETUP";
	case Q931_CONNECT: return "CONNECT";
	case Q931_SETUP_ACKNOWLEDGE: return "SETUP ACKNOWLEDGE";
	case Q931_CONNECT_ACKNOWLEDGE: return "CONNECT ACKNOWLEDGE";
	case Q931_DISCONNECT: return "DISCONNECT";
	case Q931_RESTART: return "RESTART";
	case Q931_RELEASE: return "RELEASE";
	case Q931_RESTART_ACKNOWLEDGE: return "RESTART ACKNOWLEDGE";
	case Q931_RELEASE_COMPLETE: return "RELEASE COMPLETE";
	case Q931_FACILITY: return "FACILITY";
	case Q931_NOTIFY: return "NOTIFY";
	case Q931_STATUS_ENQUIRY: return "STATUS ENQUIRY";
	case Q931_INFORMATION: return "INFORMATION";
	case Q931_STATUS: return "STATUS";
	default: return "unknown message";
	}
}

const char *q931_summary(const struct q931_message *m, char text[48])
{
	int at = snprintf(text, 48, "%s", q931_type_name(m->type));

	if (m->info.cause.value)
		at += snprintf(text + at, 48 - (size_t)at, " (%u)", m->info.cause.value);
	if (m->call_state >= 0)
		snprintf(text + at, 48 - (size_t)at, " state %d", m->call_state);
	return text;
}
