/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TRUNK_SIP_MEND_H
#define TRUNK_SIP_MEND_H

/* A class of messages that is Sofia's, but reads two things as the RFCs want them:
 *
 * - The first line. With a log of messages Sofia copies it from where blank lines before it begin,
 *   can't read that, and reads nothing more from the connection. RFC 3261 7.5: such lines are
 *   ignored.
 * - RAck. Sofia doesn't compare its method, and takes 0 for a response that it has not sent yet.
 *   RFC 3262 3, 7.2.
 *
 * Thread: signalling. */

#include <sofia-sip/msg_mclass.h>

/* For NTATAG_MCLASS; NULL: out of memory. Must outlive all messages. */
msg_mclass_t *sip_mend_create(void);
/* Sets NULL, takes NULL. */
void sip_mend_destroy(msg_mclass_t **messages);

#endif
