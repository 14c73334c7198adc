/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GATEWAY_ADMISSION_H
#define GATEWAY_ADMISSION_H

/* The door: may a new call come in while the gateway is at its limits (overload.h)? Asked before
 * anything is made of it. Who calls an emergency service always may: a number that an emergency
 * route takes is known by the dial plan, which is asked only about calls that would be refused.
 *
 * Thread: signalling. */

#include "base/party.h"

#include <stdbool.h>

struct endpoint;
struct gateway;
struct sip_trunk;

/* Makes gateway->overload with the limits of its configuration. The SIP stack must be there. 0 or
 * -ENOMEM. */
int admission_start(struct gateway *gateway);
/* The limits of gateway->conf from now on. */
void admission_set(struct gateway *gateway);

/* A call comes in from `ingress` for this number, as received. A gateway without limits (tests)
 * takes all. */
bool admission_of(const struct endpoint *ingress, const struct party_number *called);
/* The same in the shape of struct sip_stack_ops. */
bool admission_of_invite(struct sip_trunk *trunk, const struct party *called, void *gateway);
/* Is the number, as received, an emergency number of the tables? In that shape, too. */
bool admission_is_emergency(struct sip_trunk *trunk, const struct party *called, void *gateway);

#endif
