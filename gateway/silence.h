/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GATEWAY_SILENCE_H
#define GATEWAY_SILENCE_H

/* Has a peer fallen silent? Watches a count of what was heard of it, and tells when the count has
 * not moved for a time: how a call ends whose peer went away without a word. While nothing is
 * expected of the peer (on hold, not answered yet) time doesn't run. Embedded in its owner; zeroed
 * before its first use. Thread: signalling. */

#include "base/loop.h"

#include <stdbool.h>
#include <stdint.h>

struct silence {
	struct loop *loop;
	struct loop_timer timer;
	uint64_t timeout_us, heard, since_us;
	/* False: nothing is expected now. Else *heard is what has been counted so far. */
	bool (*count)(void *arg, uint64_t *heard);
	void (*silent)(void *arg);
	void *arg;
};

/* Tells once, between timeout_us and an eighth more after the last change. timeout_us 0: never. One
 * that is watched already goes on as it is. */
void silence_watch(struct silence *silence, struct loop *loop, uint64_t timeout_us,
		   bool (*count)(void *arg, uint64_t *heard), void (*silent)(void *arg), void *arg);
/* Takes one that is not watched. */
void silence_stop(struct silence *silence);

#endif
