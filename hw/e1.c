/* SPDX-License-Identifier: GPL-2.0-only */
/* The front of every line: who may have which timeslot is decided here, once, so that a backend
 * only moves octets. */
#include "hw/e1_private.h"

#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ALAW_ZERO 0xD5 /* G.711: the value nearest to silence, even bits inverted */

static const struct {
	enum e1_alarm alarm;
	const char *name;
} alarm_names[] = {
	{ E1_ALARM_LOS, "LOS" },
	{ E1_ALARM_AIS, "AIS" },
	{ E1_ALARM_LOF, "LOF" },
	{ E1_ALARM_RAI, "RAI" },
	{ E1_ALARM_PEER_LOSS, "PEER_LOSS" },
	{ E1_ALARM_DEVICE, "DEVICE" },
};

#define COUNTER(field, kind, text)                                                                 \
	{                                                                                          \
#field, COUNTER_##kind, text, offsetof(struct e1_counters, field)                  \
	}

const struct counter_info e1_counter_info[] = {
	COUNTER(rx_packets, NORMAL, "packets received and taken"),
	COUNTER(tx_packets, NORMAL, "packets sent"),
	COUNTER(lost, UNDESIRABLE, "packets missing at the time they had to be played"),
	COUNTER(late, UNDESIRABLE,
		"packets that came after their time, twice, or far out of sequence"),
	COUNTER(reordered, UNDESIRABLE, "packets that came after a later one, but in time"),
	COUNTER(malformed, ERROR, "packets with a wrong header or length"),
	COUNTER(foreign, ERROR, "packets from an address that is not the far end's"),
	COUNTER(signalling, UNDESIRABLE,
		"packets with signalling of the pseudowire, of no use here"),
	COUNTER(slips_repeat, UNDESIRABLE,
		"blocks of fill inserted because the far clock is slower"),
	COUNTER(slips_drop, UNDESIRABLE, "blocks left out because the far clock is faster"),
	COUNTER(filled_octets, UNDESIRABLE,
		"octets per timeslot of fill played because nothing was there"),
	COUNTER(rx_l_bit, UNDESIRABLE, "packets with L=1: the far end has lost its line"),
	COUNTER(rx_r_bit, UNDESIRABLE, "packets with R=1: the far end loses our packets"),
	COUNTER(rx_rdi, UNDESIRABLE, "packets with M=10: remote defect indication"),
	COUNTER(hdlc_rx_frames, NORMAL, "good frames received on D-channels"),
	COUNTER(hdlc_tx_frames, NORMAL, "frames sent on D-channels"),
	COUNTER(hdlc_crc, ERROR, "frames with a wrong check sequence or a broken octet"),
	COUNTER(hdlc_abort, UNDESIRABLE, "frames aborted by seven or more ones"),
	COUNTER(hdlc_short, ERROR, "frames of fewer than four octets with their check sequence"),
	COUNTER(hdlc_long, ERROR, "frames longer than the longest allowed"),
	COUNTER(hdlc_overrun, ERROR, "frames dropped because a queue was full"),
};
const size_t e1_counter_count = sizeof(e1_counter_info) / sizeof(e1_counter_info[0]);

const char *e1_alarm_text(unsigned alarms, char text[64])
{
	size_t at = 0;

	for (size_t i = 0; i < sizeof(alarm_names) / sizeof(alarm_names[0]); i++) {
		if (!(alarms & alarm_names[i].alarm))
			continue;
		at += (size_t)snprintf(text + at, 64 - at, "%s%s", at ? "," : "",
				       alarm_names[i].name);
	}
	if (!at)
		snprintf(text, 64, "none");
	return text;
}

int e1_line_open_backend(struct e1_line **out, const struct conf_line *conf, struct worker *worker,
			 const struct e1_backend *backend, void *backend_arg,
			 const struct e1_line_ops *ops, void *arg)
{
	struct e1_line *line;
	int rc;

	if (!(conf->timeslots & ~UINT32_C(1)))
		return -EINVAL;
	line = mem_zalloc(sizeof(*line));
	if (!line)
		return -ENOMEM;
	line->conf = conf;
	line->worker = worker;
	line->backend = backend;
	line->backend_arg = backend_arg;
	line->ops = ops;
	line->arg = arg;
	line->alarms = E1_ALARM_LOS;
	line->idle = ALAW_ZERO;
	for (unsigned ts = 0; ts < E1_TIMESLOTS; ts++)
		line->seats[ts].line = line;
	rc = backend->open(line);
	if (rc < 0)
		goto fail;
	*out = line;
	return 0;
fail:
	mem_free(line);
	return rc;
}

static void backend_closed(void *arg)
{
	struct e1_line *line = arg;
	void (*closed)(void *) = line->closed;
	void *closed_arg = line->closed_arg;

	mem_free(line);
	if (closed)
		closed(closed_arg);
}

void e1_line_close(struct e1_line **out, void (*closed)(void *arg), void *arg)
{
	struct e1_line *line = out ? *out : NULL;

	if (!line)
		return;
	for (unsigned ts = 0; ts < E1_TIMESLOTS; ts++)
		assert(line->seats[ts].state == E1_SEAT_FREE ||
		       line->seats[ts].state == E1_SEAT_LEAVING);
	*out = NULL;
	line->ops = NULL;
	line->closed = closed;
	line->closed_arg = arg;
	line->backend->close(line, backend_closed, line);
}

void e1_line_report_alarms(struct e1_line *line, unsigned alarms)
{
	if (line->alarms == alarms)
		return;
	line->alarms = alarms;
	if (line->ops && line->ops->alarms)
		line->ops->alarms(line, alarms, line->arg);
}

const char *e1_line_name(const struct e1_line *line)
{
	return line->conf->name;
}

struct worker *e1_line_worker(const struct e1_line *line)
{
	return line->worker;
}

unsigned e1_line_alarms(const struct e1_line *line)
{
	return line->alarms;
}

timeslot_set e1_line_timeslots(const struct e1_line *line)
{
	return line->conf->timeslots & ~UINT32_C(1); /* timeslot 0 is the framing's */
}

const struct e1_counters *e1_line_counters(const struct e1_line *line)
{
	return &line->counters;
}

static int check_free(const struct e1_line *line, unsigned timeslot)
{
	if (timeslot >= E1_TIMESLOTS || !(e1_line_timeslots(line) & UINT32_C(1) << timeslot))
		return -EINVAL;
	return line->seats[timeslot].state == E1_SEAT_FREE ? 0 : -EBUSY;
}

int e1_slot_join(struct e1_line *line, unsigned timeslot, const struct e1_slot_ops *ops, void *user)
{
	int rc = check_free(line, timeslot);

	if (rc < 0)
		return rc;
	rc = line->backend->slot_join(line, timeslot, ops, user);
	if (rc < 0)
		return rc;
	line->seats[timeslot].state = E1_SEAT_TAKEN;
	return 0;
}

static void seat_left(void *arg)
{
	struct e1_seat *seat = arg;

	seat->state = E1_SEAT_FREE;
	if (seat->left)
		seat->left(seat->left_arg);
}

void e1_slot_leave(struct e1_line *line, unsigned timeslot, void (*left)(void *arg), void *arg)
{
	struct e1_seat *seat = &line->seats[timeslot];

	assert(timeslot < E1_TIMESLOTS);
	assert(seat->state == E1_SEAT_FREE || seat->state == E1_SEAT_TAKEN);
	seat->state = E1_SEAT_LEAVING;
	seat->left = left;
	seat->left_arg = arg;
	line->backend->slot_leave(line, timeslot, seat_left, seat);
}

void e1_slot_idle(struct e1_line *line, uint8_t octet)
{
	line->idle = octet;
}

int e1_dchan_open(struct e1_dchan **out, struct e1_line *line, unsigned timeslot,
		  const struct e1_dchan_ops *ops, void *arg)
{
	struct e1_dchan *dchan;
	int rc = check_free(line, timeslot);

	if (rc < 0)
		return rc;
	dchan = mem_zalloc(sizeof(*dchan));
	if (!dchan)
		return -ENOMEM;
	*dchan = (struct e1_dchan){ .line = line, .timeslot = timeslot, .ops = ops, .arg = arg };
	rc = line->backend->dchan_open(dchan);
	if (rc < 0)
		goto fail;
	line->seats[timeslot].state = E1_SEAT_DCHAN;
	*out = dchan;
	return 0;
fail:
	mem_free(dchan);
	return rc;
}

void e1_dchan_close(struct e1_dchan **out)
{
	struct e1_dchan *dchan = out ? *out : NULL;
	struct e1_line *line;

	if (!dchan)
		return;
	line = dchan->line;
	*out = NULL;
	line->backend->dchan_close(dchan);
	line->seats[dchan->timeslot].state = E1_SEAT_FREE;
	/* It may be closed from within its own frame callback. */
	loop_free_later(worker_home(line->worker), dchan);
}

int e1_dchan_send(struct e1_dchan *dchan, const uint8_t *octets, size_t n)
{
	if (n > E1_FRAME_MAX)
		return -EMSGSIZE;
	return dchan->line->backend->dchan_send(dchan, octets, n);
}

int e1_line_set_faults(struct e1_line *line, const struct e1_faults *faults)
{
	if (!line->backend->set_faults)
		return -ENOTSUP;
	return line->backend->set_faults(line, faults);
}
