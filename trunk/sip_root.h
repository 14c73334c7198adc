/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TRUNK_SIP_ROOT_H
#define TRUNK_SIP_ROOT_H

/* The one place that knows both event loops: Sofia's root runs the signalling thread and carries
 * base/loop's descriptor as one wait object. Sofia's time is the loop's clock: steps of the wall
 * clock don't reach its timers, and a virtual clock turns them too. Thread: signalling. */

#include "base/loop.h"

#include <sofia-sip/su_wait.h>

struct sip_root;

/* One per process while it lives (Sofia's time hook is global). 0, -EBUSY, -ENOMEM, -errno. */
int sip_root_create(struct sip_root **out, struct loop *loop);
/* Takes NULL. */
void sip_root_destroy(struct sip_root **root);
/* Sofia's root, for what is made on it; owned by the struct. */
su_root_t *sip_root_su(const struct sip_root *root);
/* At most timeout_ms; then what the loop has to do. */
void sip_root_step(struct sip_root *root, int timeout_ms);

#endif
