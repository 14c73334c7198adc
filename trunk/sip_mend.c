/* SPDX-License-Identifier: GPL-2.0-only */
#include <sofia-sip/sip.h>

#include "trunk/sip_mend.h"

#include <sofia-sip/sip_extra.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_protos.h>
#include <stdlib.h>
#include <string.h>

/* RFC 3262 7.1: RSeq is below 2^31, so no response of ours has this one. */
#define NO_RSEQ 0x80000000u

static struct msg_hclass_s request_class, status_class, rack_class;

/* ---- First lines ---- */

static size_t blank_octets(const char *octets, size_t length)
{
	size_t n = 0;

	while (n < length && octets[n] && strchr(" \t\r\n", octets[n]))
		n++;
	return n;
}

/* `line` holds as many octets as the line has without the blanks before it, but begins with them.
 * The message's own octets are h_data: NULL when Sofia made no copy, and then has skipped the
 * blanks itself. */
static void skip_blanks(msg_common_t *h, char *line, size_t length)
{
	const char *octets = h->h_data;
	size_t blank = octets ? blank_octets(octets, h->h_len) : 0;

	if (!blank || h->h_len < blank + length)
		return;
	memcpy(line, octets + blank, length);
	line[length] = '\0';
	h->h_data = octets + blank;
	h->h_len -= (unsigned)blank;
}

static issize_t read_request(su_home_t *home, msg_header_t *h, char *line, isize_t length)
{
	skip_blanks(h->sh_common, line, (size_t)length);
	return sip_request_class->hc_parse(home, h, line, length);
}

static issize_t read_status(su_home_t *home, msg_header_t *h, char *line, isize_t length)
{
	skip_blanks(h->sh_common, line, (size_t)length);
	return sip_status_class->hc_parse(home, h, line, length);
}

/* ---- RAck ---- */

static issize_t read_rack(su_home_t *home, msg_header_t *h, char *text, isize_t length)
{
	issize_t rc = sip_rack_class->hc_parse(home, h, text, length);
	sip_rack_t *rack = (sip_rack_t *)h;

	if (rc >= 0 && (rack->ra_method != sip_method_invite || rack->ra_response == 0))
		rack->ra_response = NO_RSEQ;
	return rc;
}

/* ---- The class ---- */

static msg_hclass_t *mended(struct msg_hclass_s *class, msg_hclass_t *original, msg_parse_f *read)
{
	*class = *original;
	class->hc_parse = read;
	return class;
}

/* Received headers are found by name, the first in the table; those we write, by their class: both
 * must be there. */
static int put_before(msg_mclass_t *messages, msg_hclass_t *original, msg_hclass_t *class)
{
	for (short i = 0; i < messages->mc_hash_size; i++) {
		msg_href_t before = messages->mc_hash[i];

		if (before.hr_class != original)
			continue;
		messages->mc_hash[i].hr_class = class;
		return msg_mclass_insert(messages, &before);
	}
	return -1;
}

msg_mclass_t *sip_mend_create(void)
{
	msg_mclass_t *messages = msg_mclass_clone(sip_default_mclass(), 0, msg_mclass_copy);

	if (!messages)
		return NULL;
	messages->mc_request->hr_class = mended(&request_class, sip_request_class, read_request);
	messages->mc_status->hr_class = mended(&status_class, sip_status_class, read_status);
	if (put_before(messages, sip_rack_class, mended(&rack_class, sip_rack_class, read_rack)) <
	    0)
		sip_mend_destroy(&messages);
	return messages;
}

void sip_mend_destroy(msg_mclass_t **messages)
{
	free(*messages); /* Sofia's allocation */
	*messages = NULL;
}
