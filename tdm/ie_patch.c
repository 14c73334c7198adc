/* SPDX-License-Identifier: GPL-2.0-only */
/* The writer: elements coded from an isdn_info, and their insertion into what libpri wrote. */
#include "tdm/ie.h"

#include "base/wire.h"

#include <errno.h>
#include <string.h>

#define EXTENSION 0x80
#define ELEMENTS_MAX 48
#define LAPD_HEADER 4

/* ---- Coding ---- */

static void put_element(struct wire_out *w, uint8_t id, const void *contents, size_t n)
{
	wire_put_u8(w, id);
	wire_put_u8(w, (uint8_t)n);
	wire_put_bytes(w, contents, n);
}

static void put_raw(struct wire_out *w, uint8_t id, const struct isdn_raw *raw)
{
	if (raw->length)
		put_element(w, id, raw->octets, raw->length);
}

/* Q.931 4.5.12: ITU-T coding, no recommendation octet. */
static void put_cause(struct wire_out *w, struct q850_cause cause,
		      const struct isdn_raw *diagnostics)
{
	uint8_t octets[2 + ISDN_RAW_MAX] = { (uint8_t)(EXTENSION | (cause.location & 0x0f)),
					     (uint8_t)(EXTENSION | cause.value) };

	if (!cause.value)
		return;
	memcpy(octets + 2, diagnostics->octets, diagnostics->length);
	put_element(w, IE_CAUSE, octets, 2u + diagnostics->length);
}

/* Q.931 4.5.23. */
static void put_progress(struct wire_out *w, const struct isdn_info *info)
{
	for (unsigned i = 0; i < info->progress_count && i < ISDN_PROGRESS_MAX; i++) {
		const struct isdn_progress *p = &info->progress[i];
		uint8_t octets[2] = { (uint8_t)(EXTENSION | (p->location & 0x0f)),
				      (uint8_t)(EXTENSION | p->description) };

		put_element(w, IE_PROGRESS, octets, sizeof(octets));
	}
}

/* Q.931 4.5.5: capability; 64 kbit/s circuit mode; for audio also the law (layer 1 protocol). */
static void put_bearer(struct wire_out *w, const struct isdn_info *info)
{
	uint8_t octets[3] = { (uint8_t)(EXTENSION | (info->capability & 0x1f)), EXTENSION | 0x10,
			      (uint8_t)(EXTENSION | (info->law == CONF_ULAW ? 0x22 : 0x23)) };
	bool audio = info->capability == ISDN_SPEECH || info->capability == ISDN_AUDIO_3K1;

	if (info->bearer.length)
		put_raw(w, IE_BEARER, &info->bearer);
	else
		put_element(w, IE_BEARER, octets, audio ? 3 : 2);
}

/* A leading + is E.164's way to say international (Q.931 table 4-9 has no digit for it). */
static const char *plain_digits(const struct party_number *number, uint8_t *type)
{
	*type = number->type;
	if (number->digits[0] != '+')
		return number->digits;
	*type = NUMBER_INTERNATIONAL;
	return number->digits + 1;
}

/* Q.931 4.5.8, 4.5.10: octet 3 and digits; `octet_3a` also presentation and screening; `reason`
 * (redirecting number, 4.6.7) octet 3b. */
static int put_number(struct wire_out *w, uint8_t id, const struct party_number *number,
		      bool octet_3a, const uint8_t *reason)
{
	uint8_t octets[3 + NUMBER_DIGITS], type;
	const char *digits = plain_digits(number, &type);
	size_t n = 0, length = strlen(digits);

	if (strspn(digits, "0123456789*#ABCDabcd") != length)
		return -EINVAL;
	octets[n++] =
		(uint8_t)((octet_3a ? 0 : EXTENSION) | (type & 7) << 4 | (number->plan & 0x0f));
	if (octet_3a)
		octets[n++] = (uint8_t)((reason ? 0 : EXTENSION) | (number->presentation & 3) << 5 |
					(number->screening & 3));
	if (reason)
		octets[n++] = (uint8_t)(EXTENSION | (*reason & 0x0f));
	memcpy(octets + n, digits, length);
	put_element(w, id, octets, n + length);
	return 0;
}

static bool has_number(const struct party_number *number)
{
	return number->present || number->digits[0];
}

/* Display is IA5 (Q.931 4.5.16): what isn't becomes a question mark, one for a UTF-8 character. */
static void put_display(struct wire_out *w, const char *text)
{
	uint8_t octets[82];
	size_t n = 0;

	for (; *text && n < sizeof(octets); text++) {
		if (((uint8_t)*text & 0xc0) == 0x80)
			continue;
		octets[n++] =
			(uint8_t)*text >= 0x20 && (uint8_t)*text < 0x7f ? (uint8_t)*text : '?';
	}
	if (n)
		put_element(w, IE_DISPLAY, octets, n);
}

/* Names travel in Display, which only the network may send (ETS 300 102-1 3.1). */
static const char *display_of(uint8_t type, const struct isdn_info *info)
{
	const struct party *party = type == Q931_CONNECT ? &info->connected : &info->calling;

	if (info->display[0] || (type != Q931_SETUP && type != Q931_CONNECT) ||
	    party->name_restricted)
		return info->display;
	return party->number.presentation == PRESENTATION_ALLOWED ? party->name : "";
}

/* The elements of SETUP that have no place elsewhere. */
static int put_setup(struct wire_out *w, const struct isdn_info *info)
{
	int rc = 0;

	if (info->sending_complete)
		wire_put_u8(w, IE_SENDING_COMPLETE);
	put_bearer(w, info);
	if (has_number(&info->calling.number))
		rc = put_number(w, IE_CALLING_NUMBER, &info->calling.number, true, NULL);
	if (rc == 0 && has_number(&info->calling.second))
		rc = put_number(w, IE_CALLING_NUMBER, &info->calling.second, true, NULL);
	if (rc == 0 && has_number(&info->called.number))
		rc = put_number(w, IE_CALLED_NUMBER, &info->called.number, false, NULL);
	if (rc == 0 && has_number(&info->redirecting.number))
		rc = put_number(w, IE_REDIRECTING_NUMBER, &info->redirecting.number, true,
				&info->redirecting_reason);
	if (info->keypad[0])
		put_element(w, IE_KEYPAD, info->keypad, strlen(info->keypad));
	put_raw(w, IE_LLC, &info->llc);
	put_raw(w, IE_HLC, &info->hlc);
	return rc;
}

/* Which messages may carry what (ETS 300 102-1 3.1, ETS 300 286 for user-user). */
static bool may_progress(uint8_t type)
{
	return type == Q931_SETUP || type == Q931_CALL_PROCEEDING || type == Q931_ALERTING ||
	       type == Q931_PROGRESS || type == Q931_CONNECT || type == Q931_DISCONNECT;
}

static bool may_cause(uint8_t type)
{
	return type == Q931_PROGRESS || type == Q931_DISCONNECT || type == Q931_RELEASE ||
	       type == Q931_RELEASE_COMPLETE;
}

static bool may_user_user(uint8_t type)
{
	return type != Q931_CALL_PROCEEDING && type != Q931_NOTIFY;
}

int q931_patch_make(struct q931_patch *patch, uint8_t type, const struct isdn_info *info,
		    bool network)
{
	struct wire_out w = wire_out_of(patch->octets, sizeof(patch->octets));
	int rc = 0;

	*patch = (struct q931_patch){ .used = true };
	if (type == Q931_SETUP && !has_number(&info->called.number))
		patch->remove = IE_CALLED_NUMBER; /* libpri wants one; keypad may do instead */
	if (type == Q931_SETUP)
		rc = put_setup(&w, info);
	if (rc == 0 && type == Q931_CONNECT && has_number(&info->connected.number))
		rc = put_number(&w, IE_CONNECTED_NUMBER, &info->connected.number, true, NULL);
	if (rc < 0)
		return rc;
	if (may_cause(type))
		put_cause(&w, info->cause, &info->cause_diagnostics);
	if (may_progress(type))
		put_progress(&w, info);
	if (may_user_user(type))
		put_raw(&w, IE_USER_USER, &info->user_user);
	patch->length = (uint16_t)wire_out_length(&w);
	if (network &&
	    wire_out_length(&w) + 2 + strlen(display_of(type, info)) <= sizeof(patch->octets))
		put_display(&w, display_of(type, info));
	if (w.error)
		return -EMSGSIZE;
	patch->length = (uint16_t)wire_out_length(&w);
	return 0;
}

void q931_patch_diagnosed(struct q931_patch *patch, struct q850_cause cause,
			  const struct isdn_raw *diagnostics)
{
	struct wire_out w = wire_out_of(patch->octets, sizeof(patch->octets));

	*patch = (struct q931_patch){ .used = true };
	put_cause(&w, cause, diagnostics);
	patch->length = (uint16_t)wire_out_length(&w);
}

void q931_patch_cause(struct q931_patch *patch, struct q850_cause cause)
{
	static const struct isdn_raw none;

	q931_patch_diagnosed(patch, cause, &none);
}

/* ---- Insertion ---- */

struct piece {
	uint8_t id;
	const uint8_t *start;
	size_t size;
};

struct pieces {
	struct piece at[ELEMENTS_MAX];
	size_t count;
	const uint8_t *rest; /* from a codeset shift on: stays behind everything, as it is */
	size_t rest_size;
	bool error;
};

/* Single-octet elements first, then ascending (Q.931 4.5.1); those of one identifier keep their
 * order. */
static unsigned rank_of(uint8_t id)
{
	return id & EXTENSION ? 0 : id;
}

static void add(struct pieces *pieces, const struct piece *piece)
{
	size_t at = pieces->count;

	if (at == ELEMENTS_MAX) {
		pieces->error = true;
		return;
	}
	while (at && rank_of(pieces->at[at - 1].id) > rank_of(piece->id)) {
		pieces->at[at] = pieces->at[at - 1];
		at--;
	}
	pieces->at[at] = *piece;
	pieces->count++;
}

static struct piece take(struct wire *w)
{
	struct piece piece = { .start = w->at };

	piece.id = wire_u8(w);
	if (!(piece.id & EXTENSION))
		wire_skip(w, wire_u8(w));
	piece.size = (size_t)(w->at - piece.start);
	return piece;
}

static bool patch_has(const struct q931_patch *patch, uint8_t id)
{
	struct wire w = wire_of(patch->octets, patch->length);

	while (wire_left(&w) && wire_ok(&w))
		if (take(&w).id == id)
			return true;
	return false;
}

static bool replaced(const struct q931_patch *patch, uint8_t id)
{
	return patch->bare || patch->remove == id || patch_has(patch, id);
}

static void collect(struct pieces *pieces, const struct q931_patch *patch, struct wire written)
{
	struct wire ours = wire_of(patch->octets, patch->length);

	while (wire_left(&written) && wire_ok(&written)) {
		struct piece piece;

		if ((wire_peek_u8(&written) & 0xf0) == 0x90) {
			pieces->rest = written.at;
			pieces->rest_size = wire_left(&written);
			break;
		}
		piece = take(&written);
		if (!replaced(patch, piece.id))
			add(pieces, &piece);
	}
	while (wire_left(&ours) && wire_ok(&ours)) {
		struct piece piece = take(&ours);

		add(pieces, &piece);
	}
	if (!wire_ok(&written) || !wire_ok(&ours))
		pieces->error = true;
}

int q931_patch_apply(const struct q931_patch *patch, const uint8_t *frame, size_t n, uint8_t *out,
		     size_t room)
{
	struct wire w = wire_of(frame, n);
	struct wire_out o = wire_out_of(out, room);
	struct pieces pieces = { 0 };
	const uint8_t *header;
	uint8_t type;

	wire_skip(&w, LAPD_HEADER + 1);
	wire_skip(&w, wire_u8(&w));
	type = wire_u8(&w);
	if (!wire_ok(&w))
		return -EBADMSG;
	header = frame;
	wire_put_bytes(&o, header, (size_t)(w.at - frame) - 1);
	wire_put_u8(&o, patch->type ? patch->type : type);
	collect(&pieces, patch, w);
	for (size_t i = 0; i < pieces.count; i++)
		wire_put_bytes(&o, pieces.at[i].start, pieces.at[i].size);
	if (!patch->bare)
		wire_put_bytes(&o, pieces.rest, pieces.rest_size);
	if (pieces.error)
		return -EBADMSG;
	if (o.error || wire_out_length(&o) > LAPD_HEADER + LAPD_N201)
		return -EMSGSIZE;
	return (int)wire_out_length(&o);
}
