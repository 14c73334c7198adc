/* SPDX-License-Identifier: GPL-2.0-only */
#include "tdm/exchange/prbs.h"

#include <string.h>

#define LOOK_UP_EVERY 64  /* octets: a look-up reads the whole history */
#define ERRORS_TO_LOSE 12 /* of 32; by chance alone one in 256 octets is right */

void ex_prbs_init(struct ex_prbs *p, uint64_t seed)
{
	memset(p, 0, sizeof(*p));
	/* xorshift must not start at zero; the odd constant spreads small seeds. */
	p->state = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
	atomic_store(&p->delay, -1);
}

/* Marsaglia's xorshift64 with a final multiplication: no short period, no octet structure. */
static uint8_t next_octet(struct ex_prbs *p)
{
	p->state ^= p->state >> 12;
	p->state ^= p->state << 25;
	p->state ^= p->state >> 27;
	return (uint8_t)(p->state * UINT64_C(0x2545f4914f6cdd1d) >> 56);
}

void ex_prbs_send(struct ex_prbs *p, uint8_t *octets, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t at = p->sent++ % PRBS_HISTORY;

		octets[i] = next_octet(p);
		p->history[at] = p->history[at + PRBS_HISTORY] = octets[i];
	}
}

/* `into`: octets of this block that are already taken; the delay is that of the block's first. */
static void found_at(struct ex_prbs *p, uint64_t expected, size_t into)
{
	int64_t alignment = (int64_t)(expected - p->received);

	if (p->was_aligned && alignment != p->alignment)
		counter_inc(&p->slips);
	if (p->was_aligned)
		counter_add(&p->lost, p->pending);
	atomic_store(&p->tail, 0);
	p->pending = 0;
	p->aligned = p->was_aligned = true;
	p->alignment = alignment;
	p->expected = expected;
	p->errors = 0;
	p->since = 0;
	atomic_store_explicit(&p->delay, (int)(p->sent - expected + into), memory_order_relaxed);
}

static void look_up(struct ex_prbs *p, size_t into)
{
	uint64_t kept = p->sent < PRBS_HISTORY ? p->sent : PRBS_HISTORY, oldest = p->sent - kept;
	const uint8_t *start = p->history + oldest % PRBS_HISTORY;
	const uint8_t *found = memmem(start, kept, p->recent, PRBS_NEEDLE);

	if (found)
		found_at(p, oldest + (uint64_t)(found - start) + PRBS_NEEDLE, into);
}

/* What was compared while the alignment was already wrong is taken back. */
static void lose(struct ex_prbs *p)
{
	uint64_t taken_back = p->since < 32 ? p->since : 32;

	p->aligned = false;
	counter_add(&p->compared, -taken_back);
	counter_add(&p->mismatches, -(uint64_t)__builtin_popcount(p->errors));
	p->pending += taken_back;
}

static void compare(struct ex_prbs *p, uint8_t octet)
{
	bool known = p->expected < p->sent && p->expected + PRBS_HISTORY >= p->sent;
	bool wrong = !known || p->history[p->expected % PRBS_HISTORY] != octet;

	p->expected++;
	p->since++;
	p->errors = p->errors << 1 | wrong;
	counter_inc(&p->compared);
	counter_add(&p->mismatches, wrong);
	if (__builtin_popcount(p->errors) >= ERRORS_TO_LOSE)
		lose(p);
}

void ex_prbs_check(struct ex_prbs *p, const uint8_t *octets, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		memmove(p->recent, p->recent + 1, PRBS_NEEDLE - 1);
		p->recent[PRBS_NEEDLE - 1] = octets[i];
		p->received++;
		if (p->aligned) {
			compare(p, octets[i]);
			continue;
		}
		p->pending++;
		if (p->sent >= PRBS_NEEDLE && p->received >= PRBS_NEEDLE &&
		    p->received % LOOK_UP_EVERY == 0)
			look_up(p, i + 1);
	}
	if (!p->aligned && p->was_aligned)
		atomic_store_explicit(&p->tail, p->pending, memory_order_relaxed);
}
