/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TRUNK_SIP_TRACE_H
#define TRUNK_SIP_TRACE_H

/* Every SIP message in and out as it is on the wire, retransmissions and Sofia's own messages too.
 *
 * How does it work? Sofia's transport logs each message whole when TPTAG_LOG(1) is set, and its log
 * can be redirected. The pieces are put together again here. Sofia cuts lines above 2,047 octets
 * (the record then ends there), ends lines with CRLF only, and keeps still about datagrams of which
 * it can't read even a first line. Thread: signalling. */

struct sip_stack;

/* Takes Sofia's log over. 0 or -ENOMEM. Without a trace sink Sofia is only silenced. */
int sip_trace_open(struct sip_stack *stack);
/* Sofia is silent from now on. Takes a stack that was not traced. */
void sip_trace_close(struct sip_stack *stack);

#endif
