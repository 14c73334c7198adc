#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""A thousand calls each way, at most 25 at once: none lost, and afterwards nothing is held. CAUSEWAY_LOAD_CALLS and
CAUSEWAY_LOAD_RATE change the count and the calls per second."""
import json
import os
import re
import sys

from lab import Lab, PEER_IP, BIN, eventually, free_ports, run_tests

CALLS = int(os.environ.get('CAUSEWAY_LOAD_CALLS', '1000'))
SLACK = 60      # blocks: the ladder of the last call, queues that keep what they grew to
RATE = os.environ.get('CAUSEWAY_LOAD_RATE', '25')


def held(lab):
    pid = lab.gatewayd.process.pid
    return len(os.listdir(f'/proc/{pid}/fd')), len(os.listdir(f'/proc/{pid}/task'))


def sipp_trunk(port):
    return (f'{{ interface: lan, peer: "{PEER_IP}:{port}", sources: ["{PEER_IP}"], dial-plan: uk, calling-dial-plan: uk, '
            'policy: all, prack: false }')


def blocks(lab):
    """Blocks of memory that the daemon holds (base/mem.h)."""
    return lab.gwctl('status')['memory_blocks']


def uac(lab, name, calls):
    sipp = lab.run(name, ['sipp', '-sn', 'uac', f'127.0.0.1:{lab.sip_port}', '-i', PEER_IP, '-s', '+442079460100', '-m', str(calls),
                          '-l', '25', '-r', RATE, '-d', '300', '-nostdin', '-timeout', '500', '-recv_timeout', '20000', '-trace_err',
                          '-error_file', os.path.join(lab.folder, f'{name}.err')], env={'TERM': 'dumb'})
    assert sipp.wait(540) == 0, sipp.output[-3000:]


def sip_to_isdn():
    # SIPp's own UAC; the exchange answers and echoes. After a first few calls the daemon's memory must come back to the same
    # number of blocks: those of SIP's transactions stay for 64 × T1 = 32 s (RFC 3261 17.2.1), so the end waits for them
    with Lab(trunks={'core': sipp_trunk(free_ports(1, ip=PEER_IP)[0])}, extra='ladder-calls: 1') as lab:
        before, memory = held(lab), blocks(lab)
        uac(lab, 'sipp', CALLS)
        lab.nothing_held(20)
        eventually(lambda: held(lab) == before, 10, f'descriptors and threads as before {before}')
        status = lab.gwctl('status')
        assert status['calls']['answered'] == CALLS, status
        eventually(lambda: blocks(lab) <= memory + SLACK, 60, f'memory as before ({memory} blocks)', interval=1)
        print(f'  {CALLS} calls SIP → ISDN, 0 lost; {memory} blocks of memory before, {blocks(lab)} after')


def isdn_to_sip():
    # the exchange originates; SIPp's own UAS answers
    port = free_ports(1, ip=PEER_IP)[0]
    with Lab(trunks={'core': sipp_trunk(port)}, extra='ladder-calls: 1') as lab:
        sipp = lab.run('sipp', ['sipp', '-sn', 'uas', '-i', PEER_IP, '-p', str(port), '-nostdin', '-timeout', '600'],
                       env={'TERM': 'dumb'}, expect=(0, 97, 99, 143, -15, 1))
        before, memory = held(lab), blocks(lab)
        result = lab.ctl('call', 'to=02079460100', 'from=2079461111', f'calls={CALLS}', 'limit=25', f'rate={RATE}', 'hold=300ms',
                         timeout=540)
        assert result['attempted'] == CALLS and result['answered'] == CALLS, json.dumps(result)[:3000]
        lab.nothing_held(20)
        eventually(lambda: held(lab) == before, 10, f'descriptors and threads as before {before}')
        sipp.process.send_signal(10)     # SIGUSR1: finish
        eventually(lambda: blocks(lab) <= memory + SLACK, 60, f'memory as before ({memory} blocks)', interval=1)
        print(f'  {CALLS} calls ISDN → SIP, 0 lost; {memory} blocks of memory before, {blocks(lab)} after')


TESTS = [sip_to_isdn, isdn_to_sip]
if __name__ == '__main__':
    sys.exit(run_tests(TESTS))
