#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""On the wire: the CESoPSN packets of real calls, captured on loopback, de-framed by deframe.py (which shares nothing with
our code) and decoded by tshark as LAPD and Q.931: no malformed message, and the calls' messages are all there."""
import os
import shutil
import subprocess
import sys
import time

from lab import Lab, eventually, run_tests

HERE = os.path.dirname(os.path.abspath(__file__))


def tshark(*words):
    done = subprocess.run(['tshark', '-n', *words], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def q931_of_both_directions():
    if not shutil.which('dumpcap'):
        print('dumpcap is not installed')
        sys.exit(77)
    with Lab(start=False) as lab:
        ours, theirs = lab.line_ports[0]
        capture = os.path.join('/tmp', f'causeway-wire-{os.getpid()}.pcap')
        dumpcap = lab.run('dumpcap', ['dumpcap', '-q', '-P', '-i', 'lo', '-B', '64', '-w', capture, '-a', 'duration:60', '-f',
                                      f'udp port {ours} or udp port {theirs} or udp port {lab.sip_port}'], expect=(0, -15))
        dumpcap.wait_output('Capturing|File:')
        try:
            lab.start_exchange()
            lab.start_gateway()
            for number, status in (('+442079460000', 200), ('+442079460003', 486), ('+442079460007', 404)):
                call = lab.call(number).send_invite()
                final = call.wait(lambda m: m.status >= 200, timeout=40)
                call.ack(final)
                assert final.status == status, final.start
                if status == 200:
                    call.bye()
            lab.nothing_held()
            time.sleep(0.5)
            dumpcap.process.terminate()
            dumpcap.wait()
            total = ''
            for port, name in ((ours, 'to-gateway'), (theirs, 'to-exchange')):
                out = os.path.join(lab.folder, f'{name}.pcap')
                done = subprocess.run([sys.executable, os.path.join(HERE, 'deframe.py'), capture, str(port), out],
                                      capture_output=True, text=True)
                assert done.returncode == 0, done.stdout + done.stderr
                assert ' 0 with a bad FCS' in done.stdout, done.stdout
                print(f'  {name}: {done.stdout.strip()}')
                summary = tshark('-r', out)
                assert 'Malformed' not in summary and 'Malformed' not in tshark('-r', out, '-V'), summary
                assert not tshark('-r', out, '-Y', '_ws.malformed or _ws.expert.severity >= 8388608'), summary
                total += tshark('-r', out, '-Y', 'q931', '-T', 'fields', '-e', '_ws.col.Info')
                frames = tshark('-r', out).count('\n')
                decoded = tshark('-r', out, '-Y', 'lapd').count('\n')
                assert frames == decoded, f'{frames} frames, {decoded} of them LAPD'
            for message in ('SETUP', 'CALL PROCEEDING', 'ALERTING', 'CONNECT', 'CONNECT ACKNOWLEDGE', 'DISCONNECT', 'RELEASE',
                            'RELEASE COMPLETE'):
                assert message in total, f'no {message} in:\n{total}'
            sip = tshark('-r', capture, '-d', f'udp.port=={lab.sip_port},sip', '-Y', 'sip and (_ws.malformed or _ws.expert.severity >= 8388608)')
            assert not sip, sip
        finally:
            if os.path.exists(capture):
                os.unlink(capture)


TESTS = [q931_of_both_directions]
if __name__ == '__main__':
    sys.exit(run_tests(TESTS))
