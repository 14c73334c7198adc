#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""A peer goes away without a word: neither BYE nor RTP nor RTCP comes any more. The call is cleared after the trunk's
silence-timeout, both sides are told, nothing is held. Hold, and RTCP alone, are no silence."""
import socket
import struct
import sys
import time

from lab import Lab, eventually, free_ports, run_tests, sdp, PEER_IP

TIMEOUT_S = 2


def quiet_lab(timeout=f'{TIMEOUT_S}s'):
    lab = Lab(start=False)
    lab.trunks['core'] = lab.trunk_text(lab.peer, f'silence-timeout: {timeout}')
    return lab


class Media:
    """The peer's RTP and RTCP sockets."""

    def __init__(self):
        while True:
            port = free_ports(1, ip=PEER_IP)[0] & ~1
            self.rtp, self.rtcp = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
            try:
                self.rtp.bind((PEER_IP, port))
                self.rtcp.bind((PEER_IP, port + 1))
                break
            except OSError:
                self.close()
        self.port, self.sequence = port, 0

    def close(self):
        self.rtp.close()
        self.rtcp.close()

    def speak(self, media, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.sequence += 1
            header = struct.pack('!BBHII', 0x80, 8, self.sequence & 0xffff, self.sequence * 160 & 0xffffffff, 0x1234)
            self.rtp.sendto(header + b'\xd5' * 160, (media[0], media[1]))
            time.sleep(0.02)

    def report(self, media, seconds):
        """Receiver reports without a block, with the name that RFC 3550 6.1 wants."""
        cname = struct.pack('!BBHIBB', 0x81, 202, 2, 0x1234, 1, 1) + b'a\0'
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.rtcp.sendto(struct.pack('!BBHI', 0x80, 201, 1, 0x1234) + cname, (media[0], media[1] + 1))
            time.sleep(0.3)


def answered(lab, media):
    call = lab.call('+442079460000', body=sdp(PEER_IP, media.port)).send_invite()
    ok = call.wait(200)
    call.ack(ok)
    return call, ok.media


def start(lab):
    lab.start_exchange()
    lab.start_gateway()


def a_silent_peer_is_cleared():
    with quiet_lab() as lab:
        start(lab)
        media = Media()
        call, there = answered(lab, media)
        media.speak(there, TIMEOUT_S + 2)       # longer than the timeout: it runs from the last packet
        assert not call.peer.quiet(call.call_id), 'cleared while it spoke'
        spoken = time.monotonic()
        bye = call.peer.wait(call.call_id, 'BYE', TIMEOUT_S + 5)
        assert time.monotonic() - spoken > TIMEOUT_S - 0.5
        call.peer.respond(bye, 200, 'OK')
        assert 'cause=102' in bye.get('reason'), bye.raw
        lab.nothing_held()
        eventually(lambda: any(e.get('cause') == 102 for e in lab.exchange_events()), what='cause 102 at the exchange')
        media.close()


def a_peer_that_never_spoke_is_cleared():
    with quiet_lab() as lab:
        start(lab)
        media = Media()
        call, _ = answered(lab, media)
        bye = call.peer.wait(call.call_id, 'BYE', TIMEOUT_S + 5)
        call.peer.respond(bye, 200, 'OK')
        lab.nothing_held()
        media.close()


def a_peer_that_is_gone_altogether_holds_nothing():
    # nobody answers the BYE either
    with quiet_lab() as lab:
        start(lab)
        media = Media()
        call, _ = answered(lab, media)
        call.peer.wait(call.call_id, 'BYE', TIMEOUT_S + 5)
        lab.nothing_held(timeout=45)            # timer F of the BYE
        media.close()


def reports_alone_keep_a_call():
    with quiet_lab() as lab:
        start(lab)
        media = Media()
        call, there = answered(lab, media)
        media.report(there, 2 * TIMEOUT_S + 1)
        assert not call.peer.quiet(call.call_id), 'cleared while it reported'
        call.bye()
        lab.nothing_held()
        media.close()


def a_held_call_is_kept():
    with quiet_lab() as lab:
        start(lab)
        media = Media()
        call, there = answered(lab, media)
        media.speak(there, 0.2)
        call.send('INVITE', body=sdp(PEER_IP, media.port, direction='inactive', version=2))
        call.ack(call.wait(200))
        time.sleep(2 * TIMEOUT_S + 1)
        assert not call.peer.quiet(call.call_id), 'cleared while on hold'
        call.bye()
        lab.nothing_held()
        media.close()


def without_a_timeout_a_call_is_kept():
    with quiet_lab('0s') as lab:
        start(lab)
        media = Media()
        call, _ = answered(lab, media)
        time.sleep(TIMEOUT_S + 2)
        assert not call.peer.quiet(call.call_id), 'cleared'
        call.bye()
        lab.nothing_held()
        media.close()


TESTS = [a_silent_peer_is_cleared, a_peer_that_never_spoke_is_cleared, a_peer_that_is_gone_altogether_holds_nothing,
         reports_alone_keep_a_call, a_held_call_is_kept, without_a_timeout_a_call_is_kept]
if __name__ == '__main__':
    sys.exit(run_tests(TESTS))
