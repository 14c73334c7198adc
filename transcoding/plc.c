/* SPDX-License-Identifier: GPL-2.0-only */
#include "transcoding/plc.h"
#include "transcoding/law.h"

#include <assert.h>
#include <string.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#include <spandsp.h>
#pragma GCC diagnostic pop

static_assert(sizeof(plc_state_t) <= sizeof(((struct conceal *)0)->state),
	      "room for spandsp's state");
static_assert(CONCEAL_HISTORY == PLC_HISTORY_LEN, "all that spandsp can use");

static plc_state_t *plc_of(struct conceal *c)
{
	return (plc_state_t *)(void *)c->state;
}

void conceal_start(struct conceal *c, enum port_codec codec, const uint8_t *played, size_t n)
{
	int16_t linear[CONCEAL_HISTORY] = { 0 };
	assert(n <= CONCEAL_HISTORY);
	c->codec = codec;
	c->missing = c->unused = 0;
	plc_init(plc_of(c));
	for (size_t i = 0; i < n; i++)
		linear[CONCEAL_HISTORY - n + i] = law_decode(codec, played[i]);
	/* Always its whole history at once: a part of it would make spandsp copy overlapping
	 * memory. */
	plc_rx(plc_of(c), linear, CONCEAL_HISTORY);
}

/* The next sample of the made-up speech; silence once it has faded. spandsp joins its first cycle
 * to the history within its first call, which must therefore be longer than the join: samples are
 * made ahead. */
static int next_sample(struct conceal *c)
{
	if (c->missing >= CONCEAL_MAX_SAMPLES)
		return 0;
	if (!c->unused) {
		plc_fillin(plc_of(c), c->made, CONCEAL_CHUNK);
		c->unused = CONCEAL_CHUNK;
	}
	c->missing++;
	return c->made[CONCEAL_CHUNK - c->unused--];
}

size_t conceal_fill(struct conceal *c, uint8_t *octets, size_t n)
{
	size_t room = CONCEAL_MAX_SAMPLES - c->missing;
	size_t speech = n < room ? n : room;
	for (size_t i = 0; i < speech; i++)
		octets[i] = law_encode(c->codec, next_sample(c));
	memset(octets + speech, law_silence(c->codec), n - speech);
	return speech;
}

void conceal_blend(struct conceal *c, uint8_t *octets, size_t n)
{
	assert(n <= CONCEAL_BLEND);
	for (size_t i = 0; i < n; i++) {
		int made = next_sample(c), real = law_decode(c->codec, octets[i]);
		int faded = (made * (int)(n - i) + real * (int)i) / (int)n;
		octets[i] = law_encode(c->codec, faded);
	}
}
