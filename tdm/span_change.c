/* SPDX-License-Identifier: GPL-2.0-only */
/* Other settings, and no new calls, while calls are carried. */
#include "tdm/span_private.h"

#include <errno.h>
#include <string.h>

/* What layer 2, the line and calls in progress stand on. */
static bool same_ground(const struct conf_span *a, const struct conf_span *b)
{
	return strcmp(a->line, b->line) == 0 && a->role == b->role &&
	       a->switch_type == b->switch_type && a->d_channel == b->d_channel &&
	       a->law == b->law && a->timers.t200 == b->timers.t200 &&
	       a->timers.t203 == b->timers.t203 && a->timers.n200 == b->timers.n200;
}

int isdn_span_set_conf(struct isdn_span *span, const struct conf_span *conf)
{
	timeslot_set usable = span_usable(span->line, conf);
	timeslot_set added = usable & ~span->channels.usable;

	if (!same_ground(span->conf, conf))
		return -EINVAL;
	span->conf = conf;
	pri_link_set(span->link, conf->name, &conf->timers);
	channels_change(&span->channels, usable, conf->hunt);
	span->restart_wanted &= usable;
	if (added && conf->restart_on_start)
		span_restart_want(span, added, true);
	return 0;
}

void isdn_span_refuse(struct isdn_span *span, struct q850_cause cause)
{
	span->refuse = cause;
}
