/* SPDX-License-Identifier: GPL-2.0-only */
/* What is read of datagrams before Sofia: every text that was found lies inside the datagram. */
#include "trunk/sip_screen.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct sip_text t, const char *data, size_t size)
{
	if (t.length && (t.at < data || t.at + t.length > data + size))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sip_glance g;
	const char *text = (const char *)data;

	if (!sip_glance(&g, text, size))
		return 0;
	const struct sip_text found[] = { g.user, g.vias, g.via,    g.sent_by, g.branch, g.from,
					  g.from_tag, g.to, g.to_tag, g.call_id, g.cseq };
	for (size_t i = 0; i < sizeof(found) / sizeof(found[0]); i++)
		inside(found[i], text, size);
	if (!g.branch.length || !g.from_tag.length || g.vias.length < g.via.length)
		abort();
	return 0;
}
