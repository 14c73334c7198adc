/* SPDX-License-Identifier: GPL-2.0-only */
/* Digits that signalling brought (INFO), played to the clocked peer in place of the audio. What is
 * received meanwhile is clocked through the jitter buffer and not heard. */
#include "transcoding/law.h"
#include "trunk/rtp_private.h"

#include <errno.h>
#include <string.h>

#define DTMF_EVENTS 16
#define LEVEL_DBM0 -10.0
/* Q.24 table A-1: digit and pause of 40 ms each are always heard. */
#define TONE_MIN_MS 50
#define TONE_MAX_MS 8000
#define PAUSE_MS 50

int rtp_play_digit(struct rtp_endpoint *rtp, unsigned event, unsigned duration_ms)
{
	struct rtp_event_request request = { (uint8_t)event, duration_ms };
	if (event >= DTMF_EVENTS)
		return -EINVAL;
	if (rtp->joined)
		return -ENOTSUP;
	if (duration_ms < TONE_MIN_MS)
		request.duration = TONE_MIN_MS;
	if (duration_ms > TONE_MAX_MS)
		request.duration = TONE_MAX_MS;
	request.duration *= RTP_SAMPLES_PER_MS;
	return ring_push(rtp->digits, &request) ? 0 : -ENOBUFS;
}

static bool next_digit(struct rtp_endpoint *rtp)
{
	struct rtp_play *play = &rtp->play;
	struct rtp_event_request request;
	struct tone_spec spec;
	if (!ring_pop(rtp->digits, &request))
		return false;
	if (!tone_dtmf(&spec, request.event, LEVEL_DBM0, 0))
		return false;
	tone_init(&play->tone, &spec, &rtp->port.format);
	play->left = request.duration;
	play->pause = PAUSE_MS * RTP_SAMPLES_PER_MS;
	return true;
}

static size_t part_of(size_t left, size_t n)
{
	return left < n ? left : n;
}

size_t rtp_play_pull(struct rtp_endpoint *rtp, uint8_t *octets, size_t n)
{
	struct rtp_play *play = &rtp->play;
	size_t done = 0;
	while (done < n && (play->left || play->pause || next_digit(rtp))) {
		size_t part = part_of(play->left ? play->left : play->pause, n - done);
		if (play->left) {
			tone_read(&play->tone, octets + done, part);
			play->left -= (unsigned)part;
		} else {
			memset(octets + done, law_silence(rtp->port.format.codec), part);
			play->pause -= (unsigned)part;
		}
		done += part;
	}
	return done;
}
