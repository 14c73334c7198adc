#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The walk through a route's gateways: who refuses with «not here, not now» is followed by the next; who says «busy» or «no
such number» has spoken for the called party."""
import sys
import time

from lab import Lab, GATEWAY_IP, eventually, free_ports, run_tests, sdp

ROUTES = r'''usages: [to-pstn, to-core]
policies:
  all: { usages: [to-pstn] }
  inbound: { usages: [to-core] }
routes:
  first: { pattern: '^\+4420', usages: [to-pstn], gateways: [GATEWAYS] }
  core: { pattern: '^\+', usages: [to-core], gateways: [core] }'''


class TwoCarriers(Lab):
    """core → carrier-a, then the E1."""

    def __init__(self, gateways='carrier-a, pstn', options='setup-timeout: 1500ms', **kw):
        super().__init__(trunks={'core': ''}, routes=ROUTES.replace('GATEWAYS', gateways), start=False, **kw)
        self.peer = self.add_peer('127.0.0.2')
        self.carrier_a, self.carrier_b = self.add_peer('127.0.0.4'), self.add_peer('127.0.0.5')
        self.trunks = {'core': self.trunk_text(self.peer),
                       'carrier-a': self.trunk_text(self.carrier_a, options),
                       'carrier-b': self.trunk_text(self.carrier_b, options)}

    def __enter__(self):
        try:
            self.start_exchange()
            self.start_gateway()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self


def attempts_of(lab, call):
    return lab.gwctl('call', 'show', call)['attempts']


def refuse(lab, status, extra=''):
    """carrier-a refuses the call that the core places with this status; the core's next answer is returned."""
    call = lab.call().send_invite()
    dialog, invite = lab.carrier_a.take_call()
    dialog.respond(status, extra=extra)
    dialog.peer.wait(dialog.call_id, 'ACK')
    return call


def sip_503_goes_on_to_isdn():
    with TwoCarriers() as lab:
        for status, extra in ((503, ''), (500, ''), (408, ''), (486, 'Reason: Q.850;cause=34')):
            call = refuse(lab, status, extra)
            ok = call.wait(200)
            call.ack(ok)
            live = lab.gwctl('call', 'list')['calls']
            tried = attempts_of(lab, live[0]['id'])
            assert [a['gateway'] for a in tried] == ['carrier-a', 'e1-1'], tried
            call.bye()
            lab.nothing_held()


def silence_goes_on():
    # not even 100 from the first
    with TwoCarriers() as lab:
        lab.carrier_a.auto = {}
        begin = time.monotonic()
        call = lab.call().send_invite()
        ok = call.wait(200, timeout=10)
        call.ack(ok)
        assert time.monotonic() - begin < 6
        call.bye()
        lab.nothing_held(40)


def isdn_34_goes_on_to_sip():
    # the exchange says 34 (no circuit); the carrier answers
    with TwoCarriers(gateways='pstn, carrier-b') as lab:
        call = lab.call('+442079460010').send_invite()
        dialog, invite = lab.carrier_b.take_call()
        dialog.respond(200, body=sdp('127.0.0.5', free_ports(1, ip='127.0.0.5')[0]))
        dialog.peer.wait(dialog.call_id, 'ACK')
        ok = call.wait(200)
        call.ack(ok)
        call.bye()
        bye = dialog.expect_bye()
        assert bye
        lab.nothing_held()


def final_words_do_not_fail_over():
    with TwoCarriers() as lab:
        for status in (404, 486, 603, 480):
            call = refuse(lab, status)
            final = call.wait(lambda m: m.status >= 200)
            call.ack(final)
            assert final.status == status, f'{status}: {final.start}'
        assert not any(e.get('message') == 'SETUP' for e in lab.exchange_events())
        lab.nothing_held()


def both_refuse():
    # the caller hears the last refusal
    with TwoCarriers(gateways='carrier-a, carrier-b') as lab:
        call = refuse(lab, 503)
        dialog, _ = lab.carrier_b.take_call()
        dialog.respond(503, extra='Reason: Q.850;cause=42')
        dialog.peer.wait(dialog.call_id, 'ACK')
        final = call.wait(lambda m: m.status >= 200)
        call.ack(final)
        assert final.status == 503 and 'cause=42' in final.get('reason'), final.raw
        lab.nothing_held()


TESTS = [sip_503_goes_on_to_isdn, silence_goes_on, isdn_34_goes_on_to_sip, final_words_do_not_fail_over, both_refuse]
if __name__ == '__main__':
    sys.exit(run_tests(TESTS))
