/* SPDX-License-Identifier: GPL-2.0-only */
#include "trunk/sip_root.h"

#include "base/mem.h"

#include <errno.h>
#include <sofia-sip/su.h>
#include <sofia-sip/su_time.h>

struct sip_root {
	su_root_t *su;
	struct loop *loop;
	su_wait_t wait;
	int registered; /* index, negative: not */
	bool initialised;
};

/* Sofia's hook into su_time(), exported for tests of timing; no header declares it. */
extern void (*_su_time)(su_time_t *now);

/* Sofia counts from 1900. A fixed day keeps its arithmetic on the safe side of zero. */
#define SU_EPOCH_S 3976000000UL

static const struct clock *hooked_clock;
static void (*unhooked)(su_time_t *now);

static void clock_time(su_time_t *now)
{
	uint64_t us = clock_now_us(hooked_clock);

	now->tv_sec = SU_EPOCH_S + (unsigned long)(us / 1000000);
	now->tv_usec = (unsigned long)(us % 1000000);
}

static int turn_loop(su_root_magic_t *magic, su_wait_t *wait, su_wakeup_arg_t *arg)
{
	struct sip_root *root = (struct sip_root *)arg;

	(void)magic;
	(void)wait;
	loop_turn(root->loop, 0);
	return 0;
}

static int start(struct sip_root *root)
{
	su_init();
	root->initialised = true;
	root->su = su_root_create(NULL);
	if (!root->su)
		return -ENOMEM;
	su_root_threading(root->su, 0);
	su_wait_init(&root->wait);
	if (su_wait_create(&root->wait, loop_fd(root->loop), SU_WAIT_IN) < 0)
		return -errno;
	root->registered =
		su_root_register(root->su, &root->wait, turn_loop, (su_wakeup_arg_t *)root, 0);
	return root->registered < 0 ? -ENOMEM : 0;
}

int sip_root_create(struct sip_root **out, struct loop *loop)
{
	struct sip_root *root;
	int rc;

	if (hooked_clock)
		return -EBUSY;
	root = mem_zalloc(sizeof(*root));
	if (!root)
		return -ENOMEM;
	root->loop = loop;
	root->registered = -1;
	unhooked = _su_time;
	hooked_clock = loop_clock(loop);
	_su_time = clock_time;
	rc = start(root);
	if (rc < 0)
		goto fail;
	*out = root;
	return 0;
fail:
	sip_root_destroy(&root);
	return rc;
}

void sip_root_destroy(struct sip_root **root)
{
	struct sip_root *r = *root;

	if (!r)
		return;
	*root = NULL;
	if (r->registered >= 0)
		su_root_deregister(r->su, r->registered);
	if (r->su)
		su_root_destroy(r->su);
	if (r->initialised)
		su_deinit();
	_su_time = unhooked;
	hooked_clock = NULL;
	mem_free(r);
}

su_root_t *sip_root_su(const struct sip_root *root)
{
	return root->su;
}

void sip_root_step(struct sip_root *root, int timeout_ms)
{
	su_root_step(root->su, timeout_ms);
	loop_turn(root->loop, 0);
}
