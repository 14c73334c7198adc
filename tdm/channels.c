/* SPDX-License-Identifier: GPL-2.0-only */
#include "tdm/channels.h"

#include <errno.h>

void channels_init(struct channels *channels, timeslot_set usable, enum conf_hunt hunt)
{
	*channels = (struct channels){ .usable = usable & ~UINT32_C(1), .hunt = hunt };
	for (unsigned ts = 1; ts < E1_TIMESLOTS; ts++)
		if (channels->usable & (UINT32_C(1) << ts))
			channels->at[ts].state = CHANNEL_IDLE;
}

void channels_change(struct channels *channels, timeslot_set usable, enum conf_hunt hunt)
{
	channels->usable = usable & ~UINT32_C(1);
	channels->hunt = hunt;
	for (unsigned ts = 1; ts < E1_TIMESLOTS; ts++) {
		struct channel *channel = &channels->at[ts];
		bool wanted = channels->usable >> ts & 1;
		bool held = channel->state == CHANNEL_TAKEN || channel->state == CHANNEL_LEAVING;

		if (wanted && channel->state == CHANNEL_ABSENT)
			channel->state = CHANNEL_IDLE;
		else if (!wanted && !held)
			channel->state = CHANNEL_ABSENT;
	}
}

static bool descending(enum conf_hunt hunt)
{
	return hunt == CONF_HUNT_DESCENDING || hunt == CONF_HUNT_CYCLIC_DESCENDING;
}

static bool cyclic(enum conf_hunt hunt)
{
	return hunt == CONF_HUNT_CYCLIC_ASCENDING || hunt == CONF_HUNT_CYCLIC_DESCENDING;
}

uint8_t channels_hunt(const struct channels *channels)
{
	unsigned step = descending(channels->hunt) ? E1_TIMESLOTS - 1 : 1;
	unsigned ts = cyclic(channels->hunt) ? channels->last : 0;

	for (unsigned i = 0; i < E1_TIMESLOTS; i++) {
		ts = (ts + step) % E1_TIMESLOTS;
		if (channels->at[ts].state == CHANNEL_IDLE)
			return (uint8_t)ts;
	}
	return 0;
}

int channels_take(struct channels *channels, uint8_t timeslot, struct isdn_call *call)
{
	if (timeslot >= E1_TIMESLOTS || channels->at[timeslot].state == CHANNEL_ABSENT)
		return -EINVAL;
	if (channels->at[timeslot].state != CHANNEL_IDLE)
		return -EBUSY;
	channels->at[timeslot] = (struct channel){ CHANNEL_TAKEN, call };
	channels->last = timeslot;
	return 0;
}

void channels_free(struct channels *channels, uint8_t timeslot)
{
	channels_set(channels, timeslot, CHANNEL_IDLE);
}

void channels_set(struct channels *channels, uint8_t timeslot, enum channel_state state)
{
	if (timeslot >= E1_TIMESLOTS || channels->at[timeslot].state == CHANNEL_ABSENT)
		return;
	if (state == CHANNEL_IDLE && !(channels->usable >> timeslot & 1))
		state = CHANNEL_ABSENT;
	channels->at[timeslot] = (struct channel){ .state = state };
}

enum channel_state channels_state(const struct channels *channels, unsigned timeslot)
{
	return timeslot < E1_TIMESLOTS ? channels->at[timeslot].state : CHANNEL_ABSENT;
}

struct isdn_call *channels_call(const struct channels *channels, unsigned timeslot)
{
	return timeslot < E1_TIMESLOTS ? channels->at[timeslot].call : NULL;
}

unsigned channels_idle(const struct channels *channels)
{
	unsigned n = 0;

	for (unsigned ts = 1; ts < E1_TIMESLOTS; ts++)
		n += channels->at[ts].state == CHANNEL_IDLE;
	return n;
}
