/* SPDX-License-Identifier: GPL-2.0-only */
#include "trunk/sip_identity.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <sofia-sip/sip_header.h>
#include <sofia-sip/su_alloc.h>
#include <sofia-sip/url.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- Numbers ---- */

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The next character of a user part with %XX decoded; '\0' at the end of the number proper. */
static char next_char(const char **at)
{
	char c = **at;

	if (c == '\0' || c == ';' || c == '@' || c == ':')
		return '\0';
	if (c == '%' && hex_value((*at)[1]) >= 0 && hex_value((*at)[2]) >= 0) {
		c = (char)(hex_value((*at)[1]) * 16 + hex_value((*at)[2]));
		*at += 3;
		return c ? c : '?';
	}
	(*at)++;
	return c;
}

unsigned sip_number(const char *user, char digits[NUMBER_DIGITS])
{
	unsigned n = 0;
	char c;

	digits[0] = '\0';
	if (!user)
		return 0;
	while ((c = next_char(&user))) {
		if (strchr("-.() ", c)) /* RFC 3966 5.1.1 */
			continue;
		if (!strchr("0123456789*#", c) && !(c == '+' && n == 0) &&
		    !(strchr("ABCDabcd", c) && n > 0)) {
			digits[0] = '\0';
			return 0;
		}
		if (n == NUMBER_DIGITS - 1) {
			digits[0] = '\0';
			return 0;
		}
		digits[n++] = (char)toupper((unsigned char)c);
		digits[n] = '\0';
	}
	if (strcmp(digits, "+") == 0)
		digits[0] = '\0';
	return (unsigned)strlen(digits);
}

void sip_identity_set_number(struct party_number *n, const char *user)
{
	*n = (struct party_number){ .present = true };
	if (!sip_number(user, n->digits))
		return;
	if (n->digits[0] == '+') {
		n->type = NUMBER_INTERNATIONAL;
		n->plan = PLAN_ISDN;
	}
}

/* ---- Reading ---- */

static bool is_telephone(const url_t *url)
{
	return url->url_type == url_tel;
}

/* A tel: URI has its number where others have the user or, as parsed, the host. */
static const char *url_number(const url_t *url)
{
	if (is_telephone(url) && !url->url_user)
		return url->url_host;
	return url->url_user;
}

static void copy_text(char *out, size_t room, const char *text, size_t n)
{
	size_t used = 0;

	for (size_t i = 0; i < n && used + 1 < room; i++)
		if ((unsigned char)text[i] >= ' ' && text[i] != 0x7f)
			out[used++] = text[i];
	out[used] = '\0';
}

/* A display name, quoted or not, without its quoting. */
static void read_name(char out[PARTY_NAME], const char *display)
{
	char plain[PARTY_NAME * 2];
	size_t n = 0;

	out[0] = '\0';
	if (!display)
		return;
	while (*display == ' ' || *display == '\t')
		display++;
	if (*display == '"')
		display++;
	for (; *display && *display != '"' && n < sizeof(plain); display++) {
		if (*display == '\\' && display[1])
			display++;
		plain[n++] = *display;
	}
	while (n && plain[n - 1] == ' ')
		n--;
	copy_text(out, PARTY_NAME, plain, n);
}

static void read_party(struct party *out, const char *display, const url_t *url)
{
	char context[128] = "";

	*out = (struct party){ 0 };
	sip_identity_set_number(&out->number, url_number(url));
	read_name(out->name, display);
	if (is_telephone(url))
		url_param(url->url_params, "phone-context", context, sizeof(context));
	else if (url->url_host)
		copy_text(context, sizeof(context), url->url_host, strlen(url->url_host));
	memcpy(out->uri_host, context, sizeof(context));
}

static const char *unknown_header(const sip_t *sip, const char *name)
{
	for (const sip_unknown_t *u = sip->sip_unknown; u; u = u->un_next)
		if (u->un_name && strcasecmp(u->un_name, name) == 0)
			return u->un_value;
	return NULL;
}

/* Headers that Sofia leaves as text are lists of name-addr or addr-spec, like From: its parser
 * reads one of them. */
static const char *split_first(su_home_t *home, const char *list, const char **rest)
{
	bool quoted = false, angle = false;
	const char *at = list;

	for (; *at; at++) {
		if (quoted && *at == '\\' && at[1])
			at++;
		else if (*at == '"')
			quoted = !quoted;
		else if (!quoted && *at == '<')
			angle = true;
		else if (!quoted && *at == '>')
			angle = false;
		else if (!quoted && !angle && *at == ',')
			break;
	}
	*rest = *at ? at + 1 : NULL;
	return su_strndup(home, list, (isize_t)(at - list));
}

static bool privacy_has(const sip_t *sip, const char *value)
{
	const sip_privacy_t *p = sip->sip_privacy;

	for (const msg_param_t *v = p ? p->priv_values : NULL; v && *v; v++)
		if (strcasecmp(*v, value) == 0)
			return true;
	return false;
}

static bool is_private(const sip_t *sip)
{
	return privacy_has(sip, "id") || privacy_has(sip, "user") || privacy_has(sip, "header");
}

/* The first asserted identity that is a number; else the first. RFC 3325 9.1 allows one sip: and
 * one tel: of them. */
static bool read_asserted(const sip_t *sip, struct party *out)
{
	const char *list = unknown_header(sip, "P-Asserted-Identity");
	su_home_t *home = list ? su_home_new(sizeof(*home)) : NULL;
	bool found = false;

	while (home && list && *list) {
		sip_from_t *one = sip_from_make(home, split_first(home, list, &list));
		struct party p;

		if (!one)
			continue;
		read_party(&p, one->a_display, one->a_url);
		if (!found || (!out->number.digits[0] && p.number.digits[0])) {
			if (found && !p.name[0])
				memcpy(p.name, out->name, sizeof(p.name));
			*out = p;
			found = true;
		}
	}
	if (home)
		su_home_unref(home);
	return found;
}

static bool host_is(const url_t *url, const char *host)
{
	return url->url_host && strcasecmp(url->url_host, host) == 0;
}

/* RFC 3323 4.1.1.3, and 3GPP TS 29.163 for a number that nobody has. */
static bool is_anonymous(const sip_from_t *from)
{
	const url_t *url = from->a_url;

	return host_is(url, "anonymous.invalid") ||
	       (url->url_user && strcasecmp(url->url_user, "anonymous") == 0);
}

static bool is_unavailable(const sip_from_t *from)
{
	const url_t *url = from->a_url;

	return host_is(url, "unknown.invalid") ||
	       (url->url_user && strcasecmp(url->url_user, "unavailable") == 0);
}

static void read_calling(const sip_t *sip, bool trusted, struct party *out)
{
	struct party asserted;
	bool anonymous = sip->sip_from && is_anonymous(sip->sip_from);

	*out = (struct party){ .number = { .present = true } };
	if (sip->sip_from && !anonymous && !is_unavailable(sip->sip_from))
		read_party(out, sip->sip_from->a_display, sip->sip_from->a_url);
	if (trusted && read_asserted(sip, &asserted)) {
		if (!asserted.name[0])
			memcpy(asserted.name, out->name, sizeof(asserted.name));
		*out = asserted;
		out->number.screening = SCREENING_NETWORK;
	}
	if (anonymous || is_private(sip)) {
		out->number.presentation = PRESENTATION_RESTRICTED;
		out->name_restricted = true;
	} else if (!out->number.digits[0])
		out->number.presentation = PRESENTATION_UNAVAILABLE;
}

static const struct {
	const char *name;
	uint8_t reason;
	unsigned cause; /* RFC 4458 2, as History-Info carries it */
} diversions[] = {
	{ "unknown", 0, 404 },        { "user-busy", 1, 486 },   { "no-answer", 2, 408 },
	{ "unconditional", 15, 302 }, { "unavailable", 0, 503 }, { "deflection", 4, 480 },
};

static uint8_t diversion_reason(const char *name)
{
	for (size_t i = 0; name && i < COUNT(diversions); i++) {
		size_t n = strlen(diversions[i].name);

		if (name[0] == '"')
			name++;
		if (strncasecmp(name, diversions[i].name, n) == 0 &&
		    (name[n] == '\0' || name[n] == '"'))
			return diversions[i].reason;
	}
	return 0;
}

static void read_diversion(const char *list, struct sip_info *out)
{
	su_home_t *home = su_home_new(sizeof(*home));
	sip_from_t *first = home ? sip_from_make(home, split_first(home, list, &list)) : NULL;

	if (first) {
		const char *privacy = msg_params_find(first->a_params, "privacy=");

		read_party(&out->redirecting, first->a_display, first->a_url);
		if (privacy && strcasecmp(privacy, "off") != 0)
			out->redirecting.number.presentation = PRESENTATION_RESTRICTED;
		out->redirecting_reason =
			diversion_reason(msg_params_find(first->a_params, "reason="));
	}
	if (home)
		su_home_unref(home);
}

/* The cause that a History-Info target was reached with: ";cause=302" in its URI (RFC 4458). */
static uint8_t history_reason(const url_t *url)
{
	char text[8] = "";
	unsigned cause;

	if (url_param(url->url_params, "cause", text, sizeof(text)) <= 0)
		return 0;
	cause = (unsigned)strtoul(text, NULL, 10);
	for (size_t i = 0; i < COUNT(diversions); i++)
		if (diversions[i].cause == cause)
			return diversions[i].reason;
	return 0;
}

/* RFC 7044: the first entry is who was dialled first, the second where the call went and why. One
 * entry: no diversion. */
static void read_history(const char *list, struct sip_info *out)
{
	su_home_t *home = su_home_new(sizeof(*home));
	sip_from_t *first = home ? sip_from_make(home, split_first(home, list, &list)) : NULL;
	sip_from_t *second =
		first && list ? sip_from_make(home, split_first(home, list, &list)) : NULL;

	if (second) {
		read_party(&out->redirecting, first->a_display, first->a_url);
		if (first->a_url->url_headers &&
		    strcasestr(first->a_url->url_headers, "privacy=history"))
			out->redirecting.number.presentation = PRESENTATION_RESTRICTED;
		out->redirecting_reason = history_reason(second->a_url);
	}
	if (home)
		su_home_unref(home);
}

/* RFC 5031: urn:service:sos and its children. Sofia reads what follows the first colon as host and
 * port. */
bool sip_is_emergency_urn(const url_t *url)
{
	const char *service = url->url_port;

	return url->url_scheme && strcasecmp(url->url_scheme, "urn") == 0 &&
	       host_is(url, "service") && service && strncasecmp(service, "sos", 3) == 0 &&
	       (service[3] == '\0' || service[3] == '.');
}

static bool is_emergency(const sip_t *sip)
{
	if (sip->sip_priority && sip->sip_priority->g_string &&
	    strcasecmp(sip->sip_priority->g_string, "emergency") == 0)
		return true;
	return sip_is_emergency_urn(sip->sip_request->rq_url);
}

void sip_identity_read_called(const sip_t *sip, struct party *out)
{
	read_party(out, NULL, sip->sip_request->rq_url);
}

void sip_identity_read(const sip_t *sip, bool trusted, struct sip_info *out)
{
	const char *diversion = unknown_header(sip, "Diversion"),
		   *history = unknown_header(sip, "History-Info");

	sip_identity_read_called(sip, &out->called);
	if (!out->called.number.digits[0] && is_emergency(sip) && sip->sip_to)
		sip_identity_set_number(&out->called.number, url_number(sip->sip_to->a_url));
	read_calling(sip, trusted, &out->calling);
	if (diversion)
		read_diversion(diversion, out);
	else if (history)
		read_history(history, out);
	out->emergency = is_emergency(sip);
	out->max_forwards = sip->sip_max_forwards ? (unsigned)sip->sip_max_forwards->mf_count : 70;
}

bool sip_identity_read_connected(const sip_t *sip, bool trusted, struct party *out)
{
	if (!trusted || !read_asserted(sip, out))
		return false;
	out->number.screening = SCREENING_NETWORK;
	if (is_private(sip)) {
		out->number.presentation = PRESENTATION_RESTRICTED;
		out->name_restricted = true;
	}
	return true;
}

/* ---- Writing ---- */

/* User part of a number: '#' needs its escape, all else of a number is allowed as it is (RFC
 * 3261 25.1). */
static void escape_user(char *out, size_t room, const char *digits)
{
	size_t n = 0;

	for (; *digits && n + 4 < room; digits++) {
		if (*digits == '#') {
			memcpy(out + n, "%23", 3);
			n += 3;
		} else
			out[n++] = *digits;
	}
	out[n] = '\0';
}

/* `"Name" ` with quoting, or "". */
static void write_name(char *out, size_t room, const char *name)
{
	size_t n = 0;

	out[0] = '\0';
	if (!name[0])
		return;
	out[n++] = '"';
	for (; *name && n + 5 < room; name++) {
		if ((unsigned char)*name < ' ' || *name == 0x7f)
			continue;
		if (*name == '"' || *name == '\\')
			out[n++] = '\\';
		out[n++] = *name;
	}
	memcpy(out + n, "\" ", 3);
}

static int write_uri(char *out, size_t room, const char *digits, const char *host, bool user_phone)
{
	char user[NUMBER_DIGITS * 3];
	int n;

	escape_user(user, sizeof(user), digits);
	n = snprintf(out, room, "sip:%s%s%s%s", user, user[0] ? "@" : "", host,
		     user_phone && user[0] ? ";user=phone" : "");
	return n < 0 || (size_t)n >= room ? -EINVAL : 0;
}

static int write_party(char *out, size_t room, const struct party *p, const char *host,
		       bool user_phone)
{
	char name[PARTY_NAME * 2 + 8] = "", uri[SIP_IDENTITY_MAX];
	int n;

	if (!p->name_restricted)
		write_name(name, sizeof(name), p->name);
	if (write_uri(uri, sizeof(uri), p->number.digits, host, user_phone) < 0)
		return -EINVAL;
	n = snprintf(out, room, "%s<%s>", name, uri);
	return n < 0 || (size_t)n >= room ? -EINVAL : 0;
}

/* Only what a network vouches for is asserted (RFC 3325 5): a number that its user gave and nobody
 * screened stands in From alone, so that screening (Q.931 table 4-11) arrives as it left. */
static bool may_assert(const struct party *p, const struct conf_trunk *trunk)
{
	return trunk->trusted && p->number.digits[0] &&
	       (p->number.screening == SCREENING_NETWORK ||
		p->number.screening == SCREENING_USER_PASSED);
}

static int write_asserted(struct sip_identity *out, const struct party *p,
			  const struct conf_trunk *trunk, const char *domain)
{
	struct party shown = *p;

	if (!may_assert(p, trunk))
		return 0;
	if (p->number.presentation == PRESENTATION_RESTRICTED) {
		snprintf(out->privacy, sizeof(out->privacy), "id");
		shown.name_restricted =
			false; /* inside the trust domain, hidden by Privacy: RFC 3325 7 */
	}
	return write_party(out->asserted, sizeof(out->asserted), &shown, domain, trunk->user_phone);
}

static int write_from(struct sip_identity *out, const struct party *p,
		      const struct conf_trunk *trunk, const char *domain)
{
	if (p->number.presentation == PRESENTATION_RESTRICTED)
		snprintf(out->from, sizeof(out->from),
			 "\"Anonymous\" <sip:anonymous@anonymous.invalid>");
	else if (!p->number.digits[0])
		snprintf(out->from, sizeof(out->from),
			 "\"Unavailable\" <sip:unavailable@unknown.invalid>");
	else
		return write_party(out->from, sizeof(out->from), p, domain, trunk->user_phone);
	return 0;
}

static unsigned diversion_row(uint8_t reason)
{
	for (unsigned i = 0; i < COUNT(diversions); i++)
		if (diversions[i].reason == reason)
			return i;
	return 0;
}

static int write_diversion(struct sip_identity *out, const struct sip_info *info,
			   const struct conf_trunk *trunk, const char *domain)
{
	const struct party *p = &info->redirecting;
	bool restricted = p->number.presentation == PRESENTATION_RESTRICTED;
	unsigned row = diversion_row(info->redirecting_reason);
	char party[SIP_IDENTITY_MAX - 64], uri[SIP_IDENTITY_MAX - 64],
		called[SIP_IDENTITY_MAX - 64];

	if (!p->number.digits[0] || (restricted && !trunk->trusted))
		return 0;
	if (write_party(party, sizeof(party), p, domain, trunk->user_phone) < 0 ||
	    write_uri(uri, sizeof(uri), p->number.digits, domain, trunk->user_phone) < 0 ||
	    write_uri(called, sizeof(called), info->called.number.digits, domain,
		      trunk->user_phone) < 0)
		return -EINVAL;
	snprintf(out->diversion, sizeof(out->diversion), "%s;reason=%s;privacy=%s", party,
		 diversions[row].name, restricted ? "full" : "off");
	snprintf(out->history, sizeof(out->history), "<%s%s>;index=1,<%s;cause=%u>;index=1.1", uri,
		 restricted ? "?Privacy=history" : "", called, diversions[row].cause);
	return 0;
}

int sip_identity_write(struct sip_identity *out, const struct sip_info *info,
		       const struct conf_trunk *trunk, const char *peer, const char *domain)
{
	struct sip_identity id = { 0 };
	struct party called = info->called;

	if (!called.number.digits[0] && !info->emergency)
		return -EINVAL;
	called.name[0] = '\0';
	if (write_uri(id.request_uri, sizeof(id.request_uri), called.number.digits, peer,
		      trunk->user_phone) < 0 ||
	    write_party(id.to, sizeof(id.to), &called, peer, trunk->user_phone) < 0 ||
	    write_from(&id, &info->calling, trunk, domain) < 0 ||
	    write_asserted(&id, &info->calling, trunk, domain) < 0 ||
	    write_diversion(&id, info, trunk, domain) < 0)
		return -EINVAL;
	*out = id;
	return 0;
}

void sip_identity_write_connected(struct sip_identity *out, const struct party *connected,
				  const struct conf_trunk *trunk, const char *domain)
{
	struct sip_identity id = { 0 };

	if (write_asserted(&id, connected, trunk, domain) < 0)
		id.asserted[0] = '\0';
	*out = id;
}
