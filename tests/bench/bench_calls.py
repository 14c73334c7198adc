#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Calls per second and processor time per 1,000 calls, SIP → ISDN and ISDN → SIP, on one span over CESoPSN.

The reference of the same run is SIPp calling SIPp directly: the same messages on the same machine without a gateway between
them. What is printed is gatewayd's processor time and its ratio to the reference's (both SIPps together)."""
import os
import resource
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '../e2e'))
from lab import Lab, PEER_IP, free_ports  # noqa: E402
from test_load import sipp_trunk  # noqa: E402

CALLS = int(os.environ.get('CAUSEWAY_BENCH_CALLS', '600'))
RATE = int(os.environ.get('CAUSEWAY_BENCH_RATE', '60'))
TICKS = os.sysconf('SC_CLK_TCK')


def cpu_of(pid):
    with open(f'/proc/{pid}/stat', encoding='utf-8') as file:
        fields = file.read().rsplit(') ', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def idle_cpu(pid, seconds=3):
    """What the process uses with no call at all (the E1's packets), per second."""
    before = cpu_of(pid)
    time.sleep(seconds)
    return (cpu_of(pid) - before) / seconds


def uac(lab, port, target_ip, name, hold_ms=100):
    return lab.run(name, ['sipp', '-sn', 'uac', f'{target_ip}:{port}', '-i', PEER_IP, '-s', '+442079460100', '-m', str(CALLS),
                          '-l', '28', '-r', str(RATE), '-d', str(hold_ms), '-nostdin', '-timeout', '300'], env={'TERM': 'dumb'})


def children_cpu():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def reference(lab):
    """SIPp to SIPp: seconds of processor time per 1,000 calls and calls per second."""
    port = free_ports(1, ip=PEER_IP)[0]
    uas = lab.run('reference-uas', ['sipp', '-sn', 'uas', '-i', PEER_IP, '-p', str(port), '-nostdin', '-m', str(CALLS)],
                  env={'TERM': 'dumb'}, expect=(0, -15))
    time.sleep(0.5)
    before, begin = children_cpu(), time.monotonic()
    caller = uac(lab, port, PEER_IP, 'reference-uac')
    assert caller.wait(300) == 0, caller.output[-2000:]
    seconds = time.monotonic() - begin
    uas.wait(60)
    return (children_cpu() - before) * 1000 / CALLS, CALLS / seconds


def measured(lab, pid, run):
    idle = idle_cpu(pid)
    before, begin = cpu_of(pid), time.monotonic()
    run()
    seconds = time.monotonic() - begin
    used = cpu_of(pid) - before
    return max(0.0, used - idle * seconds) * 1000 / CALLS, CALLS / seconds, idle


def main():
    port = free_ports(1, ip=PEER_IP)[0]
    with Lab(trunks={'core': sipp_trunk(port)}) as lab:
        ref_cpu, ref_rate = reference(lab)
        print(f'reference, SIPp ↔ SIPp:  {ref_rate:6.1f} calls/s   {ref_cpu:6.2f} s CPU per 1,000 calls')
        pid = lab.gatewayd.process.pid

        def sip_to_isdn():
            caller = uac(lab, lab.sip_port, '127.0.0.1', 'uac')
            assert caller.wait(300) == 0, caller.output[-2000:]

        def isdn_to_sip():
            uas = lab.run('uas', ['sipp', '-sn', 'uas', '-i', PEER_IP, '-p', str(port), '-nostdin'], env={'TERM': 'dumb'},
                          expect=(0, 97, 99, 143, -15, 1))
            result = lab.ctl('call', 'to=2079460100', 'to-type=national', 'from=2079461111', f'calls={CALLS}', 'limit=28', f'rate={RATE}',
                             'hold=100ms', timeout=300)
            assert result['answered'] == CALLS, {k: v for k, v in result.items() if k != 'calls'}
            uas.process.terminate()

        for name, run in (('SIP → ISDN', sip_to_isdn), ('ISDN → SIP', isdn_to_sip)):
            cpu, rate, idle = measured(lab, pid, run)
            print(f'{name}:  {rate:6.1f} calls/s   {cpu:6.2f} s CPU per 1,000 calls   {cpu / ref_cpu:5.2f} × the reference'
                  f'   (idle E1: {idle * 100:.1f} % of a core)')
            lab.nothing_held(20)
    return 0


if __name__ == '__main__':
    sys.exit(main())
