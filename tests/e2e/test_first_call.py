#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The smoke test: one call SIP → ISDN and one ISDN → SIP with SIPp at the SIP end, judged by SIPp, by the exchange and by how
the daemon ends. Needs no gwctl, so that it says whether calls work at all."""
import shutil
import sys
import time

from lab import Lab, PEER_IP, eventually, run_tests

PLAN = '''
numbers:
  - { called: "2079460000", steps: [ proceeding, alerting, connect, echo ] }
  - { called: "*", steps: [ { release: { cause: 1, location: public-local } } ] }
'''


def start(lab):
    lab.start_exchange()
    lab.start_gateway(wait=False)
    lab.exchange.wait_output(r'span e1-1: up')
    time.sleep(0.3)  # the other end of the span is up when it has heard of it


def sipp(lab, *words):
    # The lab's own peer makes room for SIPp on the same address and port.
    return lab.run('sipp', ['sipp', *words, '-i', PEER_IP, '-p', str(lab.peer.port), '-m', '1', '-nostdin',
                            '-timeout', '15s', '-timeout_error'])


def fresh_lab():
    lab = Lab(plan=PLAN, start=False)
    lab.peer.close()
    return lab


def messages(lab):
    return [e['message'] for e in lab.exchange_events() if e.get('event') == 'wire']


def sip_to_isdn():
    with fresh_lab() as lab:
        start(lab)
        caller = sipp(lab, '-sn', 'uac', '-s', '+442079460000', '-d', '500', f'127.0.0.1:{lab.sip_port}')
        assert caller.wait(30) == 0, caller.output[-3000:]
        for wanted in ('SETUP', 'CALL PROCEEDING', 'ALERTING', 'CONNECT', 'DISCONNECT (16)', 'RELEASE (16)'):
            eventually(lambda: wanted in messages(lab), 5, wanted)


def isdn_to_sip():
    with fresh_lab() as lab:
        start(lab)
        called = sipp(lab, '-sn', 'uas')
        time.sleep(0.5)
        report = lab.ctl('call', 'to=02079461234', 'from=2079460018', 'from-type=national', 'hold=500ms')
        assert report['answered'] == 1, report
        assert called.wait(30) == 0, called.output[-3000:]


def refused():
    with fresh_lab() as lab:
        start(lab)
        caller = sipp(lab, '-sn', 'uac', '-s', '+442079469999', f'127.0.0.1:{lab.sip_port}')
        caller.expect = (1,)
        assert caller.wait(30) == 1 and '404' in caller.output, caller.output[-3000:]


if __name__ == '__main__':
    if not shutil.which('sipp'):
        print('sipp is not installed')
        sys.exit(77)
    sys.exit(run_tests([sip_to_isdn, isdn_to_sip, refused]))
