/* SPDX-License-Identifier: GPL-2.0-only */
#include "tdm/exchange/info_json.h"

#include "tdm/exchange/names.h"

#include <string.h>

static const char *const event_names[] = {
	[ISDN_SETUP_ACK] = "SETUP ACKNOWLEDGE",
	[ISDN_PROCEEDING] = "CALL PROCEEDING",
	[ISDN_ALERTING] = "ALERTING",
	[ISDN_PROGRESS] = "PROGRESS",
	[ISDN_CONNECT] = "CONNECT",
	[ISDN_INFORMATION] = "INFORMATION",
	[ISDN_NOTIFY] = "NOTIFY",
	[ISDN_DISCONNECT] = "DISCONNECT",
	[ISDN_RELEASED] = "RELEASED",
};

const char *ex_event_name(enum isdn_event event)
{
	return event_names[event];
}

/* The word, or the number when there is no word. */
static json_t *choice_json(const struct schema_choice *choices, int64_t value)
{
	const char *name = ex_choice_name(choices, value);

	return name ? json_string(name) : json_integer(value);
}

/* What a peer sends need not be UTF-8: then it is shown octet by octet as Latin-1. */
static json_t *text_json(const char *text)
{
	char utf8[2 * 128 + 1];
	size_t n = 0;
	json_t *plain = json_string(text);

	if (plain)
		return plain;
	for (; *text && n + 2 < sizeof(utf8); text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 0x80) {
			utf8[n++] = (char)c;
		} else {
			utf8[n++] = (char)(0xc0 | c >> 6);
			utf8[n++] = (char)(0x80 | (c & 0x3f));
		}
	}
	utf8[n] = '\0';
	return json_string(utf8);
}

static void add_text(json_t *object, const char *key, const char *text)
{
	if (text[0])
		json_object_set_new(object, key, text_json(text));
}

static void add_raw(json_t *object, const char *key, const struct isdn_raw *raw)
{
	char text[2 * ISDN_RAW_MAX + 1];

	if (!raw->length)
		return;
	ex_hex_text(raw->octets, raw->length, text);
	json_object_set_new(object, key, json_string(text));
}

static json_t *number_json(const struct party_number *number)
{
	json_t *object = json_object();

	json_object_set_new(object, "digits", text_json(number->digits));
	json_object_set_new(object, "type", choice_json(ex_type_choices, number->type));
	json_object_set_new(object, "plan", choice_json(ex_numbering_choices, number->plan));
	json_object_set_new(object, "presentation",
			    choice_json(ex_presentation_choices, number->presentation));
	json_object_set_new(object, "screening",
			    choice_json(ex_screening_choices, number->screening));
	return object;
}

static bool number_is_there(const struct party_number *number)
{
	return number->present || number->digits[0];
}

static void add_party(json_t *object, const char *key, const struct party *party)
{
	json_t *member;

	if (!number_is_there(&party->number) && !party->name[0] && !party->subaddress[0])
		return;
	member = number_json(&party->number);
	if (number_is_there(&party->second))
		json_object_set_new(member, "second", number_json(&party->second));
	add_text(member, "name", party->name);
	add_text(member, "subaddress", party->subaddress);
	json_object_set_new(object, key, member);
}

void ex_cause_json(json_t *object, struct q850_cause cause)
{
	json_object_set_new(object, "cause", json_integer(cause.value));
	json_object_set_new(object, "location", choice_json(ex_location_choices, cause.location));
	json_object_set_new(object, "cause_name", json_string(q850_cause_name(cause.value)));
}

static void add_progress(json_t *object, const struct isdn_info *info)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < info->progress_count; i++) {
		json_t *one = json_object();

		json_object_set_new(one, "description",
				    json_integer(info->progress[i].description));
		json_object_set_new(one, "location",
				    choice_json(ex_location_choices, info->progress[i].location));
		json_array_append_new(list, one);
	}
	if (info->progress_count)
		json_object_set(object, "progress", list);
	json_object_set_new(object, "inband", json_boolean(isdn_info_inband(info)));
	json_decref(list);
}

static void add_setup(json_t *object, const struct isdn_info *info)
{
	json_object_set_new(object, "capability",
			    choice_json(ex_capability_choices, info->capability));
	json_object_set_new(object, "law", json_string(info->law == CONF_ALAW ? "alaw" : "ulaw"));
	json_object_set_new(object, "sending_complete", json_boolean(info->sending_complete));
	add_raw(object, "bearer", &info->bearer);
}

void ex_info_json(json_t *object, const struct isdn_info *info, bool setup)
{
	if (setup)
		add_setup(object, info);
	add_raw(object, "hlc", &info->hlc);
	add_raw(object, "llc", &info->llc);
	add_party(object, "calling", &info->calling);
	add_party(object, "called", &info->called);
	add_party(object, "redirecting", &info->redirecting);
	if (number_is_there(&info->redirecting.number))
		json_object_set_new(object, "redirecting_reason",
				    json_integer(info->redirecting_reason));
	add_party(object, "connected", &info->connected);
	add_progress(object, info);
	if (info->cause.value)
		ex_cause_json(object, info->cause);
	add_raw(object, "cause_diagnostics", &info->cause_diagnostics);
	add_raw(object, "user_user", &info->user_user);
	add_text(object, "display", info->display);
	add_text(object, "keypad", info->keypad);
}
