#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The end of the daemon: no new calls, those in progress finish, then it goes, and it goes also when somebody won't let it. What the
service manager is told, by a socket that plays systemd; the unit file, where systemd-analyze can be had."""
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

from stalls import Stalls
from lab import BIN, PEER_IP, Lab, eventually, free_ports, run_tests, sdp

UNIT = os.path.join(os.path.dirname(__file__), '../../conf/causeway.service')


class StopLab(Lab):
    """With a stop-wait of its own, and an environment for the daemon."""

    def __init__(self, wait='30s', env=None, **kw):
        super().__init__(**kw)
        self.extra = 'overload: { lag: 0ms }\n'     # a processor that others use as well is none of this test's business
        self.stop_wait, self.gatewayd_env = wait, env or {}

    def gateway_config(self):
        return super().gateway_config().replace('stop-wait: 0s', f'stop-wait: {self.stop_wait}')

    def start_gateway(self, wait=True, expect=(0,)):
        self.env = self.gatewayd_env
        try:
            return super().start_gateway(wait, expect)
        finally:
            self.env = {}

    def signal(self, number=signal.SIGTERM):
        self.gatewayd.process.send_signal(number)

    def ends_within(self, seconds, at_least=0.0):
        begin = time.monotonic()
        assert self.gatewayd.wait(seconds) == 0, self.gatewayd.output[-3000:]
        took = time.monotonic() - begin
        assert took >= at_least, f'ended after {took:.1f} s already'
        return took


def audio_call(lab, seconds):
    port = free_ports(1, ip=PEER_IP)[0]
    call = lab.call(body=sdp(PEER_IP, port)).send_invite()
    ok = call.wait(200)
    call.ack(ok)
    host, rtp, _, _ = ok.media
    probe = lab.probe('--remote', f'{host}:{rtp}', '--duration', f'{seconds}s', '--send', 'counter', '--expect', 'echo', port=port, expect=(0, 1))
    return call, probe


def calls_finish():
    # SIGTERM: the calls there are go on, their audio whole; new ones get 503 with Retry-After and cause 42; then it ends
    with StopLab() as lab:
        stalls = Stalls(lab.exchange.process, lab.gatewayd.process)
        call, probe = audio_call(lab, 5)
        later = lab.isdn_call(**{'to': '02079461234', 'from': '2079461111', 'hold': '4s'})
        dialog, _ = lab.peer.take_call(8)
        dialog.respond(200, body=sdp(PEER_IP, free_ports(1, ip=PEER_IP)[0]))
        lab.peer.wait(dialog.call_id, 'ACK', 5)
        lab.signal()
        lab.gatewayd.wait_output('ending after')
        status = lab.gwctl('status')
        assert status['ending'] is True and status['calls']['now'] == 2, status
        refused = lab.call(body=sdp(PEER_IP, 4000)).send_invite()
        answer = refused.wait(lambda m: m.status >= 200)
        refused.ack(answer)
        assert answer.status == 503 and answer.get('retry-after') == '10', answer.raw
        assert 'cause=42' in answer.get('reason'), answer.raw
        isdn = lab.isdn_call(**{'to': '02079461234', 'from': '2079461111', 'hold': '1s'}).result()
        assert re.search(r'"cause":\s*42', str(isdn).replace("'", '"')), isdn
        stalls.judge(probe)
        stalls.close()
        lab.peer.respond(lab.peer.wait(dialog.call_id, 'BYE', 10), 200)     # the exchange's hold is over
        later.result()
        assert lab.gatewayd.running(), 'a call is still there'
        assert call.bye().status == 200
        lab.ends_within(5)


def their_time_is_over():
    # after stop-wait what is left is cleared with cause 41, on both sides
    with StopLab(wait='2s') as lab:
        call, probe = audio_call(lab, 1)
        probe.wait(20)
        lab.signal()
        begin = time.monotonic()
        bye = call.expect_bye(8)
        assert time.monotonic() - begin > 1.5, 'too early'
        assert 'cause=41' in bye.get('reason'), bye.raw
        lab.ends_within(6)
        cleared = [e for e in lab.exchange_events() if e.get('event') == 'message' and e.get('message') == 'DISCONNECT']
        assert cleared, 'the exchange was not told'


def the_second_signal_ends_it_at_once():
    for first, second in ((signal.SIGTERM, signal.SIGTERM), (signal.SIGTERM, signal.SIGINT), (signal.SIGINT, signal.SIGTERM)):
        with StopLab(wait='1h') as lab:
            call, probe = audio_call(lab, 1)
            probe.wait(20)
            lab.signal(first)
            lab.gatewayd.wait_output('ending after')
            time.sleep(0.5)
            assert lab.gatewayd.running()
            lab.signal(second)
            call.expect_bye(3)
            lab.ends_within(6)


def no_call_no_wait():
    with StopLab(wait='1h') as lab:
        lab.signal()
        lab.ends_within(5)


def a_peer_without_a_last_word():
    # BYE is never answered: SIP would wait 32 s for it (timer F); the stop is bounded all the same
    with StopLab(wait='0s') as lab:
        call, probe = audio_call(lab, 1)
        probe.wait(20)
        lab.signal()
        call.peer.wait(call.call_id, 'BYE', 5)      # and no answer
        took = lab.ends_within(20)
        print(f'  ended {took:.1f} s after the BYE')


def a_call_that_was_just_coming():
    # ringing calls are calls as well: they may be answered and talked on
    with StopLab() as lab:
        call = lab.call('+442079460008', body=sdp(PEER_IP, free_ports(1, ip=PEER_IP)[0])).send_invite()
        call.wait(180)
        lab.signal()
        ok = call.wait(200)
        call.ack(ok)
        time.sleep(0.5)
        assert lab.gatewayd.running()
        call.bye()
        lab.ends_within(5)


# ---- the service manager

class Manager:
    """What systemd would hear."""

    def __init__(self, folder):
        self.path = os.path.join(folder, 'notify')
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(0.05)
        self.heard = []

    def listen(self):
        while True:
            try:
                message = self.socket.recv(4096).decode()
            except OSError:
                return self.heard
            self.heard.append((time.monotonic(), dict(line.partition('=')[::2] for line in message.split('\n') if line)))

    def has(self, key, value=None, since=0.0):
        self.listen()
        return next((m for at, m in self.heard if at >= since and key in m and value in (None, m[key])), None)

    def close(self):
        self.socket.close()


def what_the_service_manager_hears():
    with StopLab(start=False) as lab:
        manager = Manager(lab.folder)
        lab.gatewayd_env = {'NOTIFY_SOCKET': manager.path, 'WATCHDOG_USEC': '2000000'}
        lab.start_exchange()
        lab.start_gateway()
        assert eventually(lambda: manager.has('READY', '1'), 10, 'READY')['STATUS'] == 'serving'
        now = time.monotonic()
        time.sleep(3)
        manager.listen()
        feedings = [at for at, m in manager.heard if m.get('WATCHDOG') == '1' and at > now]
        assert 4 <= len(feedings) <= 8, f'{len(feedings)} feedings in 3 s; 6 are due'
        # reload
        now = time.monotonic()
        lab.signal(signal.SIGHUP)
        begun = eventually(lambda: manager.has('RELOADING', '1', now), 5, 'RELOADING')
        assert abs(int(begun['MONOTONIC_USEC']) / 1e6 - time.clock_gettime(time.CLOCK_MONOTONIC)) < 6, begun
        eventually(lambda: manager.has('READY', '1', now), 5, 'READY after the reload')
        # a faulty one: ready all the same, and it says so
        good = lab.gateway_config()
        lab.write('gateway.yaml', good + 'nonsense: true\n')
        now = time.monotonic()
        lab.signal(signal.SIGHUP)
        assert 'not reloaded' in eventually(lambda: manager.has('READY', '1', now), 5, 'READY after faults')['STATUS']
        assert 'unknown section' in lab.gatewayd.output
        # the end, with a call
        call, _ = audio_call(lab, 1)
        eventually(lambda: '1 calls' in (manager.has('STATUS', 'serving: 1 calls') or {}).get('STATUS', ''), 8, 'STATUS')
        now = time.monotonic()
        lab.signal()
        eventually(lambda: manager.has('STOPPING', '1', now), 5, 'STOPPING')
        eventually(lambda: manager.has('EXTEND_TIMEOUT_USEC', None, now), 5, 'more time')
        time.sleep(6)
        manager.listen()
        asked = [at for at, m in manager.heard if 'EXTEND_TIMEOUT_USEC' in m and at > now]
        fed = [at for at, m in manager.heard if m.get('WATCHDOG') == '1' and at > now]
        assert len(asked) >= 2 and len(fed) >= 8, (len(asked), len(fed))
        call.bye()
        lab.ends_within(5)
        manager.close()


def without_a_service_manager():
    with StopLab() as lab:
        lab.signal(signal.SIGHUP)
        lab.gatewayd.wait_output('nothing has changed')


def the_unit_file():
    # what systemd itself says of it; its programs are put where they are here
    analyze = shutil.which('systemd-analyze')
    if not analyze:
        print('  systemd-analyze is not here: skipped')
        return
    with open(UNIT, encoding='utf-8') as file:
        text = file.read()
    for name in ('gatewayd', 'gwctl'):
        text = re.sub(rf'/usr/s?bin/{name}', os.path.join(os.path.abspath(BIN), name), text)
    text = re.sub(r'(?m)^Documentation=.*\n', '', text)
    folder = os.path.join('/tmp', f'causeway-unit-{os.getpid()}')
    os.makedirs(folder)
    try:
        path = os.path.join(folder, 'causeway.service')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        done = subprocess.run([analyze, 'verify', '--recursive-errors=no', path], capture_output=True, text=True, timeout=60)
        ours = [line for line in done.stderr.split('\n') if 'causeway.service' in line]
        assert done.returncode == 0 and not ours, done.stderr
        done = subprocess.run([analyze, 'security', '--offline=true', '--threshold=25', path], capture_output=True, text=True,
                              timeout=60)
        assert done.returncode == 0, done.stdout[-400:] + done.stderr
        print('  ' + done.stdout.strip().split('\n')[-1])
    finally:
        shutil.rmtree(folder)


TESTS = [calls_finish, their_time_is_over, the_second_signal_ends_it_at_once, no_call_no_wait, a_peer_without_a_last_word,
         a_call_that_was_just_coming, what_the_service_manager_hears, without_a_service_manager, the_unit_file]
if __name__ == '__main__':
    sys.exit(run_tests(TESTS))
