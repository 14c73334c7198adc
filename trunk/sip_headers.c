/* SPDX-License-Identifier: GPL-2.0-only */
/* Header values that many messages share. */
#include "trunk/sip_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

uint64_t sip_random(void)
{
	uint64_t value = 0;

	if (getrandom(&value, sizeof(value), 0) != (ssize_t)sizeof(value))
		abort(); /* the kernel's pool is ready long before we run */
	return value;
}

const char *sip_own_contact(const struct sip_trunk *trunk, char text[SIP_HEADER_MAX])
{
	char host[SIP_HOST_MAX];

	snprintf(text, SIP_HEADER_MAX, "<sip:%s:%u%s>", sip_trunk_host(trunk, host),
		 netaddr_port(&trunk->interface->conf->address),
		 trunk->conf->transport == CONF_TCP ? ";transport=tcp" : "");
	return text;
}

const char *sip_reason_text(struct q850_cause cause, char text[SIP_HEADER_MAX])
{
	cause_to_reason(cause, text, SIP_HEADER_MAX);
	return text;
}

const char *sip_warning_text(const struct sip_trunk *trunk, const char *why,
			     char text[SIP_HEADER_MAX])
{
	char host[SIP_HOST_MAX];

	snprintf(text, SIP_HEADER_MAX, "399 %s \"%s\"", sip_trunk_host(trunk, host), why);
	return text;
}

static bool reason_cause(const sip_t *sip, struct q850_cause *out)
{
	for (const sip_reason_t *r = sip->sip_reason; r; r = r->re_next) {
		char text[SIP_HEADER_MAX];

		if (sip_header_field_e(text, sizeof(text) - 1, (const sip_header_t *)r, 0) < 0)
			continue;
		text[sizeof(text) - 1] = '\0';
		if (reason_to_cause(text, out) == 0)
			return true;
	}
	return false;
}

static unsigned warning_of(const sip_t *sip)
{
	return sip && sip->sip_warning ? sip->sip_warning->w_code : 0;
}

struct q850_cause sip_cause_of(const struct sip_trunk *trunk, const sip_t *sip, unsigned status,
			       struct q850_cause otherwise)
{
	struct q850_cause cause;

	if (sip && reason_cause(sip, &cause))
		return cause;
	return status ? sip_warned_to_cause(status, warning_of(sip), trunk->conf->sip_map,
					    trunk->conf->sip_map_count)
		      : otherwise;
}

bool sip_is_our_verdict(const sip_t *sip)
{
	return !sip || nta_sip_is_internal((sip_t *)(uintptr_t)sip);
}

bool sip_is_broken_connection(const struct sip_trunk *trunk, const sip_t *sip, unsigned status)
{
	return status == 503 && trunk->conf->transport == CONF_TCP && sip_is_our_verdict(sip);
}

void sip_count_failure(struct sip_stack *stack, const sip_t *sip, unsigned status)
{
	if (status < 400 || !sip_is_our_verdict(sip))
		return;
	counter_inc(status == 408 ? &stack->counters.timeouts : &stack->counters.transport_errors);
}

unsigned sip_status_of(const struct sip_trunk *trunk, struct q850_cause cause)
{
	return cause_to_sip(cause, trunk->conf->cause_map, trunk->conf->cause_map_count);
}

int sip_add_header(msg_t *msg, const char *name, const char *value)
{
	char text[2 * SIP_HEADER_MAX + 64];
	int n = snprintf(text, sizeof(text), "%s: %s", name, value);

	if (n < 0 || (size_t)n >= sizeof(text))
		return -1;
	return sip_add_tl(msg, sip_object(msg), SIPTAG_HEADER_STR(text), TAG_END());
}

void sip_reply(nta_incoming_t *irq, unsigned status, tag_type_t tag, tag_value_t value, ...)
{
	ta_list ta;

	ta_start(ta, tag, value);
	nta_incoming_treply(irq, (int)status, sip_phrase(status), ta_tags(ta));
	ta_end(ta);
	nta_incoming_destroy(irq);
}
