/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GATEWAY_CONTROL_H
#define GATEWAY_CONTROL_H

/* Calls into the control thread at the start and the end of the program, when the signalling thread
 * has nothing else to do. */

#include "base/worker.h"

/* Runs `fn` on the worker's thread, after what was posted before, and returns when it has returned.
 * Never while calls are carried: it waits. Home thread. */
void control_call(struct worker *control, worker_fn fn, void *object, void *arg);

#endif
