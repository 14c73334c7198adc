/* SPDX-License-Identifier: GPL-2.0-only */
/* What we make of headers: identities, numbers, Reason, multipart bodies. The message is parsed by
 * Sofia, as on the wire; what we write of an identity must be a header that Sofia reads, and must
 * not tell what it may not. */
#include "trunk/sip_identity.h"
#include "trunk/sip_call_private.h"

#include <stdlib.h>
#include <string.h>

#include <sofia-sip/msg_buffer.h>
#include <sofia-sip/sip_parser.h>

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_number(const struct party_number *n)
{
	check(memchr(n->digits, '\0', sizeof(n->digits)) != NULL);
	check(strspn(n->digits, "+0123456789*#ABCD") == strlen(n->digits));
	check(!strchr(n->digits, '+') || n->digits[0] == '+');
}

static void check_header(const char *value)
{
	su_home_t *home = su_home_new(sizeof(*home));

	check(!strpbrk(value, "\r\n"));
	check(!home || !value[0] || sip_from_make(home, value) != NULL);
	if (home)
		su_home_unref(home);
}

static void write_identity(struct sip_info *info, bool trusted, bool restricted)
{
	struct conf_trunk trunk = { .trusted = trusted, .user_phone = true };
	struct sip_identity id;

	info->calling.number.presentation =
		restricted ? PRESENTATION_RESTRICTED : PRESENTATION_ALLOWED;
	if (sip_identity_write(&id, info, &trunk, "192.0.2.1:5060", "192.0.2.2") < 0)
		return;
	check_header(id.from);
	check_header(id.asserted);
	check_header(id.to);
	if (restricted)
		check(strstr(id.from, "anonymous.invalid") != NULL);
	if (!trusted)
		check(!id.asserted[0]);
}

static void use_message(const sip_t *sip)
{
	struct sip_info info = { 0 };
	struct party connected;
	const char *why;

	sip_has_sdp(sip);
	sip_oa_check(sip, &why);
	sip_identity_read_connected(sip, true, &connected);
	if (!sip->sip_request)
		return;
	sip_identity_read(sip, true, &info);
	check_number(&info.called.number);
	check_number(&info.calling.number);
	check_number(&info.redirecting.number);
	for (unsigned i = 0; i < 4; i++)
		write_identity(&info, i & 1, i & 2);
}

static void parse(const uint8_t *octets, size_t n)
{
	msg_t *msg = msg_make(sip_default_mclass(), 0, octets, (ssize_t)n);
	const sip_t *sip = msg ? sip_object(msg) : NULL;

	if (sip && (sip->sip_request || sip->sip_status) && sip->sip_from && sip->sip_to)
		use_message(sip);
	if (msg)
		msg_destroy(msg);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t n)
{
	char digits[NUMBER_DIGITS], *text;
	struct q850_cause cause;

	if (n == 0 || n > 16000)
		return 0;
	text = calloc(1, n + 1);
	if (!text)
		return 0;
	memcpy(text, octets, n);
	if (reason_to_cause(text, &cause) == 0)
		check(q850_is_defined(cause.value) && cause.location < 16);
	check(sip_number(text, digits) == strlen(digits));
	free(text);
	parse(octets, n);
	return 0;
}
