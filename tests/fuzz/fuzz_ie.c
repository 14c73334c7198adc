/* SPDX-License-Identifier: GPL-2.0-only */
/* LAPD frames through the reader, the cleaner and the patcher. */
#include "tdm/ie.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_it(const uint8_t *frame, size_t n)
{
	size_t at = lapd_payload(frame, n);
	struct q931_message message;
	struct q931_patch patch;
	uint8_t out[LAPD_N201 + 4];
	char text[48];

	if (!at || q931_read(&message, frame + at, n - at) < 0)
		return;
	q931_summary(&message, text);
	/* What was read can be written, or is refused. */
	if (q931_patch_make(&patch, message.type, &message.info, true) == 0 && lapd_is_i(frame, n))
		q931_patch_apply(&patch, frame, n, out, sizeof(out));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned dropped;
	bool message_dropped;
	uint8_t *frame;

	if (size < 3 || size > E1_FRAME_MAX)
		return 0;
	read_it(data, size);
	frame = malloc(size + 3); /* no more than the cleaner was promised */
	if (!frame)
		return 0;
	memcpy(frame, data, size);
	size = q931_clean(frame, size, &dropped, &message_dropped);
	read_it(frame, size);
	/* Clean means clean: a second pass finds nothing. */
	if (q931_clean(frame, size, &dropped, &message_dropped) != size || dropped)
		abort();
	free(frame);
	return 0;
}
