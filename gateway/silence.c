/* SPDX-License-Identifier: GPL-2.0-only */
#include "gateway/silence.h"

#define STEPS 8 /* looks per timeout */

static void look(struct loop_timer *timer, void *arg);

static void look_later(struct silence *s)
{
	loop_timer_start(s->loop, &s->timer, s->timeout_us / STEPS, look, s);
}

static void look(struct loop_timer *timer, void *arg)
{
	struct silence *s = arg;
	uint64_t heard = 0, now_us = loop_now_us(s->loop);

	(void)timer;
	if (!s->count(s->arg, &heard) || heard != s->heard) {
		s->heard = heard;
		s->since_us = now_us;
	}
	if (now_us - s->since_us < s->timeout_us)
		look_later(s);
	else
		s->silent(s->arg);
}

void silence_watch(struct silence *s, struct loop *loop, uint64_t timeout_us,
		   bool (*count)(void *arg, uint64_t *heard), void (*silent)(void *arg), void *arg)
{
	if (timeout_us == 0 || loop_timer_armed(&s->timer))
		return;
	s->loop = loop;
	s->timeout_us = timeout_us;
	s->count = count;
	s->silent = silent;
	s->arg = arg;
	s->heard = 0;
	s->since_us = loop_now_us(loop);
	look_later(s);
}

void silence_stop(struct silence *s)
{
	if (s->loop)
		loop_timer_stop(s->loop, &s->timer);
}
