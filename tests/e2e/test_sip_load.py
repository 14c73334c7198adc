#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The SIP floor under SIPp, as called and as calling side: no call is lost, none is left."""
import shutil
import subprocess
import sys
import time

from lab import eventually, run_tests
from sip_floor import Floor, free_port

CALLS, PARALLEL = 500, 25


def sipp(*argv):
    return subprocess.Popen(['sipp', *argv, '-nostdin', '-trace_err', '-error_file', '/dev/null'], cwd='/tmp',
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def no_calls_left(f):
    def idle():
        f.do('calls')
        return f.expect('calls ').split()[1] == '0'
    eventually(idle, what='no calls')


def called_by_sipp():
    for transport, mode in ('udp', 'u1'), ('tcp', 't1'):
        with Floor(peer_ip='127.0.0.2', transport=transport, connect=1, sources='127.0.0.0/8') as f:
            caller = sipp('-sn', 'uac', f'{f.ip}:{f.port}', '-i', '127.0.0.3', '-t', mode, '-m', str(CALLS), '-r', '100',
                          '-l', str(PARALLEL), '-d', '50')
            assert caller.wait(90) == 0, 'SIPp lost calls'
            no_calls_left(f)
            assert f.counters()['calls_in'] == CALLS


def calling_sipp():
    f, port = Floor(peer_ip='127.0.0.2'), free_port('127.0.0.3')
    f.peer_name = f'127.0.0.3:{port}'
    callee = sipp('-sn', 'uas', '-i', '127.0.0.3', '-p', str(port), '-m', str(CALLS))
    time.sleep(0.5)
    with f:
        for begin in range(0, CALLS, PARALLEL):
            for _ in range(PARALLEL):
                f.do('call +442079460000')
            for _ in range(PARALLEL):
                f.expect('connect ')
            for i in range(begin + 1, begin + PARALLEL + 1):
                f.do(f'release {i} 16', wait=False)
            for _ in range(PARALLEL):
                f.expect('released .* cause=16')
        assert callee.wait(60) == 0, 'SIPp lost calls'
        no_calls_left(f)


TESTS = [called_by_sipp, calling_sipp]
if __name__ == '__main__':
    if not shutil.which('sipp'):
        print('sipp is not installed')
        sys.exit(77)
    sys.exit(run_tests(TESTS))
