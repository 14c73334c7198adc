#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""More calls than may or can be carried: the others are refused early, with 503 and Retry-After or cause 42, emergency calls
come in all the same, and nothing is left behind. How much is carried meanwhile is bench_overload.py's question."""
import json
import os
import subprocess
import sys

from lab import Lab, PEER_IP, TOOLS, eventually, free_ports, port_range, run_tests

ROUTES = r'''usages: [to-peer]
policies:
  all: { usages: [to-peer] }
  inbound: { usages: [to-peer] }
routes:
  sos: { pattern: '^\+?999$', emergency: true, gateways: [callee] }
  peer: { pattern: '^\+', usages: [to-peer], gateways: [callee] }'''
EMERGENCY = '999'


def trunk(port, options=''):
    return (f'{{ interface: lan, peer: "{PEER_IP}:{port}", sources: ["{PEER_IP}"], dial-plan: uk, calling-dial-plan: uk, '
            f'policy: all, prack: false{options} }}')


class StormLab(Lab):
    """gatewayd between the two ends of sip_storm, and a span whose calls go to the answering end too. gatewayd has one
    processor for itself when there are two."""

    def __init__(self, overload='', extra='records: { enabled: false }', routes=ROUTES, store=None, **kw):
        self.caller, self.callee = free_ports(2, ip=PEER_IP)
        super().__init__(start=False, trunks={'caller': trunk(self.caller), 'callee': trunk(self.callee)}, routes=routes,
                         extra=f'{extra}\nladder-calls: 10\n' + (f'overload: {{ {overload} }}' if overload else ''), **kw)
        self.watch_lag = True
        self.store = store or self.store
        self.rtp_ports = 2000
        self.rtp_first = port_range(self.rtp_ports, 10000, 8000)   # where other tests have none

    def __enter__(self):
        super().__enter__()
        try:
            self.start_exchange()
            self.start_gateway()
            self.two = len(os.sched_getaffinity(0)) > 1
            for task in os.listdir(f'/proc/{self.gatewayd.process.pid}/task') if self.two else []:
                os.sched_setaffinity(int(task), {min(os.sched_getaffinity(0))})
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def storm(self, rate, seconds, hold=100, **options):
        words = ['--target', f'127.0.0.1:{self.sip_port}', '--caller', f'{PEER_IP}:{self.caller}', '--callee',
                 f'{PEER_IP}:{self.callee}', '--emergency', EMERGENCY, '--rate', str(rate), '--seconds', str(seconds), '--hold',
                 str(hold)]
        for key, value in options.items():
            words += [f'--{key}', str(value)]
        pin = ['taskset', '-c', str(max(os.sched_getaffinity(0)))] if self.two else []
        done = subprocess.run(pin + [os.path.join(TOOLS, 'sip_storm')] + words, capture_output=True, text=True,
                              timeout=seconds + 60)
        assert done.returncode == 0, done.stderr
        return {**json.loads(done.stdout), 'said': done.stderr[-2000:]}

    def refusals(self):
        return self.gwctl('status')['overload']['refused']


def nobody_lost(figures):
    assert figures['lost'] == 0 and figures['called_open'] == 0, figures
    assert set(figures['refused']) <= {'503'} and figures['refused_bare'] == 0, figures
    assert figures['answered'] + figures['refused'].get('503', 0) == figures['offered'], figures
    assert figures['ended'] == figures['answered'] == figures['called'], figures
    assert figures['emergencies_answered'] == figures['emergencies'], figures


def a_rate_is_kept():
    # deterministic: 20 calls a second may come in, 200 do
    with StormLab('max-rate: 20, retry-after: 3s') as lab:
        figures = lab.storm(200, 2)
        nobody_lost(figures)
        assert 0 < figures['answered'] < 100, figures
        assert figures['emergencies'] >= 3, figures
        status = lab.gwctl('status')['overload']
        assert status['refused'] == {'overload': 0, 'max_calls': 0, 'max_rate': figures['refused']['503']}, status
        assert 0 < status['emergencies'] <= figures['emergencies'], status
        lab.nothing_held()


def isdn_callers_hear_42():
    # the one that comes in has no route (cause 3); an emergency number does, and is busy (17)
    with StormLab('max-rate: 1, retry-after: 3s') as lab:
        lab.callee_peer = lab.add_peer(port=lab.callee)
        report = lab.ctl('call', 'to=5', 'from=2079461111', 'calls=20', 'rate=50', ok=False)
        causes = [call['cause'] for call in report['calls']]
        assert set(causes) <= {1, 3, 42} and causes.count(42) >= 17, causes
        assert all(call['cleared_by'] == 'far' for call in report['calls']), report['calls']
        assert lab.refusals()['max_rate'] == causes.count(42), lab.refusals()
        call = lab.isdn_call(to=EMERGENCY)
        dialog, _ = lab.callee_peer.take_call()
        dialog.respond(486)
        assert call.result()['calls'][0]['cause'] == 17, call.result()
        lab.nothing_held()


def calls_are_counted():
    with StormLab('max-calls: 2, retry-after: 7s') as lab:
        figures = lab.storm(50, 1, hold=400)
        nobody_lost(figures)
        assert 2 <= figures['answered'] <= 10, figures
        peer = lab.add_peer(port=lab.caller)
        lab.add_peer(port=lab.callee).auto['INVITE'] = 180
        calls = [lab.call('+442079460000', peer=peer).send_invite() for _ in range(2)]
        for call in calls:
            call.wait(180)
        third = lab.call('+442079460000', peer=peer).send_invite()
        refusal = third.wait(503)
        third.ack(refusal)
        assert refusal.get('retry-after') == '7' and 'cause=42' in refusal.get('reason'), refusal.raw
        for call in calls:
            call.cancel()
            call.ack(call.wait(487))
        lab.nothing_held(10)


def more_than_can_be_carried():
    # How much that is, a short ramp tells; then five times as much comes. Whatever the machine does meanwhile: nobody is
    # lost, nothing is left. (Setup times and the carried rate: bench_overload.py.)
    with StormLab() as lab:
        rate, best = 50, 0
        while rate <= 6400:
            figures = lab.storm(rate, 1)
            nobody_lost(figures)
            best = max(best, figures['answered'] / figures['seconds'])
            if figures['answered'] < 0.8 * figures['offered']:
                break
            rate *= 2
        figures = lab.storm(5 * best, 3)
        nobody_lost(figures)
        refused = figures['refused'].get('503', 0)
        assert refused > 0 and lab.refusals()['overload'] >= refused, (figures, lab.refusals())
        eventually(lambda: lab.gwctl('status')['overload']['admitted_permille'] == 1000, 20, 'all calls admitted again')
        lab.nothing_held(20)
        print(f'  about {best:.0f} calls/s carried at best; of {5 * best:.0f} offered {figures["answered"] / figures["seconds"]:.0f}, '
              f'the others refused, none lost')


TESTS = [a_rate_is_kept, isdn_callers_hear_42, calls_are_counted, more_than_can_be_carried]
if __name__ == '__main__':
    sys.exit(run_tests(TESTS))
