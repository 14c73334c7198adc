/* SPDX-License-Identifier: GPL-2.0-only */
#include "tdm/exchange/seat.h"

#include <errno.h>

int ex_seat_open(struct ex_seat *seat, const struct ex_seat_cfg *cfg)
{
	int rc = ex_media_create(&seat->media, cfg->law == CONF_ALAW ? PORT_PCMA : PORT_PCMU,
				 cfg->seed);

	if (rc < 0)
		return rc;
	ex_record_open(&seat->record, cfg->journal, cfg->clock, cfg->keep);
	seat->record.id = cfg->id;
	seat->record.outgoing = cfg->outgoing;
	list_append(cfg->records, &seat->record.node);
	return 0;
}

void ex_seat_join(struct ex_seat *seat)
{
	if (seat->joined || !seat->call || !isdn_call_timeslot(seat->call))
		return;
	seat->record.timeslot = isdn_call_timeslot(seat->call);
	seat->joined = isdn_call_join(seat->call, ex_media_port(seat->media)) == 0;
}

void ex_seat_send(struct ex_seat *seat, enum ex_source source, unsigned hz, int level_dbm0)
{
	ex_media_send(seat->media, source, hz, level_dbm0);
}

void ex_seat_release(struct ex_seat *seat, struct q850_cause cause)
{
	struct isdn_info info = { .cause = cause };

	ex_seat_release_diagnosed(seat, &info);
}

void ex_seat_release_diagnosed(struct ex_seat *seat, const struct isdn_info *info)
{
	if (!seat->call || seat->releasing)
		return;
	seat->releasing = true;
	ex_media_end_check(seat->media);
	ex_record_message(&seat->record, false, "RELEASE", info);
	ex_record_cleared_by_us(&seat->record, info->cause);
	isdn_call_release_diagnosed(seat->call, info->cause, &info->cause_diagnostics);
}

int ex_seat_disconnect(struct ex_seat *seat, const struct isdn_info *info)
{
	int rc;

	if (!seat->call || seat->releasing)
		return -EPROTO;
	ex_media_end_check(seat->media);
	rc = isdn_call_disconnect(seat->call, info);
	if (rc < 0)
		return rc;
	ex_record_message(&seat->record, false, "DISCONNECT", info);
	ex_record_cleared_by_us(&seat->record, info->cause);
	return 0;
}

static void line_left(void *arg)
{
	struct ex_seat *seat = arg;

	isdn_call_done(seat->call);
	seat->call = NULL;
	seat->left(seat);
}

void ex_seat_leave(struct ex_seat *seat, void (*left)(struct ex_seat *seat))
{
	seat->left = left;
	if (seat->call)
		isdn_call_leave(seat->call, line_left, seat);
	else
		left(seat);
}

void ex_seat_close(struct ex_seat *seat)
{
	if (seat->media)
		ex_media_destroy(&seat->media);
	ex_record_close(&seat->record);
}
