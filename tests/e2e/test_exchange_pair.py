#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Two e1exchanges back to back over CESoPSN on loopback, one the network, one the user: every behaviour of the standard plan is
called and what the caller saw is asserted."""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from lab import BIN, eventually, free_ports, run_tests

PROGRAM = os.path.join(BIN, 'e1exchange')
PLANS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../tdm/exchange/plans')


class Pair:
    """`nt` answers by the standard plan, `te` calls; both listen to commands."""

    def __init__(self, spans=1, span='', nt_args=()):
        self.folder = tempfile.mkdtemp(prefix='exchange-')
        self.ports = free_ports(2 * spans)
        self.programs, self.spans = {}, spans
        self.nt_args = nt_args
        for name in ('nt', 'te'):
            self.write(name, span)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, span):
        mine, lines, spans = name == 'te', '', ''
        for i in range(self.spans):
            local, remote = self.ports[2 * i + mine], self.ports[2 * i + 1 - mine]
            lines += (f'  line{i}: {{ kind: cesopsn, local: "127.0.0.1:{local}", remote: "127.0.0.1:{remote}", '
                      f'clock: {"line" if mine else "source"}, jitter: 60ms }}\n')
            spans += f'  e1-{i}: {{ line: line{i}, role: {name}{", " + span if span else ""} }}\n'
        with open(self.path(f'{name}.yaml'), 'w', encoding='utf-8') as file:
            file.write(f'control: {self.path(name)}.sock\nlog-json: {self.path(name)}.json\nlines:\n{lines}spans:\n{spans}')

    def start(self, name, *args):
        if name == 'nt':
            args = ('--plan', os.path.join(PLANS, 'standard.yaml'), *self.nt_args, *args)
        with open(self.path(f'{name}.log'), 'ab') as log:
            self.programs[name] = subprocess.Popen([PROGRAM, 'run', self.path(f'{name}.yaml'), *args], stdout=log,
                                                   stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)

    def log(self, name):
        with open(self.path(f'{name}.log'), encoding='utf-8', errors='replace') as file:
            return file.read()

    def ready(self, name, timeout=20):
        def look():
            assert self.programs[name].poll() is None, f'{name} ended:\n{self.log(name)}'
            if not os.path.exists(self.path(f'{name}.sock')):
                return False
            return all(s['ready'] for s in self.ctl(name, 'status')['spans'])
        eventually(look, timeout, f'{name} ready', 0.1)

    def __enter__(self):
        self.start('nt')
        self.start('te')
        try:
            self.ready('nt')
            self.ready('te')
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def end(self, name, expect=0):
        program = self.programs.pop(name)
        program.terminate()
        status = program.wait(20)
        assert status == expect, f'{name} ended with {status}:\n{self.log(name)[-6000:]}'

    def __exit__(self, kind, error, trace):
        failures = []
        for name in list(self.programs):
            try:
                self.end(name)
            except (AssertionError, subprocess.TimeoutExpired) as failure:
                failures.append(str(failure))
                if name in self.programs:
                    self.programs[name].kill()
        if kind is not None or failures:
            for name in ('nt', 'te'):
                print(f'---- {name}\n{self.log(name)[-4000:]}', file=sys.stderr)
        if kind is None and failures:
            raise AssertionError('\n'.join(failures))
        if not os.environ.get('CAUSEWAY_KEEP'):
            shutil.rmtree(self.folder, ignore_errors=True)

    def ctl(self, name, *words, timeout=120, ok=True):
        done = subprocess.run([PROGRAM, 'ctl', self.path(f'{name}.sock'), *words], capture_output=True, text=True, timeout=timeout)
        if ok:
            assert done.returncode == 0, f'{words}: {done.stdout}{done.stderr}'
        return json.loads(done.stdout)

    def call(self, to, *words, by='te'):
        return self.ctl(by, 'call', f'to={to}', 'from=2079461111', *words)

    def status(self, name):
        return self.ctl(name, 'status')

    def events(self, name):
        with open(self.path(f'{name}.json'), encoding='utf-8') as file:
            return [json.loads(line) for line in file if line.endswith('\n')]

    def idle(self):
        """Nothing is held: no call on either side, every channel idle."""
        def look():
            for name in ('nt', 'te'):
                for span in self.status(name)['spans']:
                    if span['calls'] or span['idle_channels'] != 30:
                        return False
                if self.status(name)['calls']:
                    return False
            return True
        eventually(look, 10, 'all channels idle on both sides', 0.1)


class Later:
    def __init__(self, function, *args):
        self.value = self.error = None
        self.thread = threading.Thread(target=self.run, args=(function, args))
        self.thread.start()

    def run(self, function, args):
        try:
            self.value = function(*args)
        except Exception as error:  # noqa: BLE001
            self.error = error

    def result(self):
        self.thread.join(120)
        if self.error:
            raise self.error
        return self.value


def messages(result):
    return [m['message'] for m in result['messages'] if m['direction'] == 'received']


def message(result, name):
    return next(m for m in result['messages'] if m['message'] == name and m['direction'] == 'received')


def near(value, expected, by):
    return abs(value - expected) <= by


def answered_calls():
    with Pair() as pair:
        echo = pair.call('100', 'media=prbs', 'hold=5s')
        prbs = echo['media']['prbs']
        assert echo['answered'] and echo['ok'] and echo['cause'] == 16 and echo['cleared_by'] == 'near', echo
        assert prbs['intact'] and prbs['compared'] > 38000 and prbs['slips'] == 0 and prbs['mismatches'] == 0, prbs
        assert messages(echo)[:3] == ['CALL PROCEEDING', 'ALERTING', 'CONNECT'], messages(echo)
        tone = pair.call('101', 'hold=1s', 'expect-level=-16')
        heard = tone['media']['heard']['answered']
        assert tone['ok'] and near(heard['level_dbm0'], -16, 0.2) and near(heard['hz'], 1004, 3), heard
        silence = pair.call('102', 'hold=1s', 'media=tone:800:-10')
        assert silence['ok'] and silence['media']['heard']['answered']['level_dbm0'] < -60, silence['media']
        end = eventually(lambda: [e for e in pair.events('nt') if e['event'] == 'end'][2:], 3, 'end of the call')[0]
        heard = end['media']['heard']['answered']
        assert near(heard['level_dbm0'], -10, 0.2) and near(heard['hz'], 800, 3), heard
        late = pair.call('104', 'hold=500ms')
        assert near(late['answer_ms'], 3000, 700) and late['setup_ms'] < 1500, late
        colp = message(pair.call('106', 'hold=200ms'), 'CONNECT')['connected']
        assert colp['digits'] == '2079460000' and colp['type'] == 'national' and colp['screening'] == 'network', colp
        both = pair.call('103', 'hold=1s', 'media=echo')
        assert both['ok'], both
        end = eventually(lambda: [e for e in pair.events('nt') if e['event'] == 'end'][5:], 3, 'end of the call')[0]
        assert end['media']['prbs']['intact'], end['media']
        pair.idle()


def refused_calls():
    with Pair() as pair:
        for number, cause, location in (('9001', 1, 'public-local'), ('9017', 17, 'user'), ('9021', 21, 'user'),
                                        ('9034', 34, 'public-local'), ('9041', 41, 'transit'), ('9042', 42, 'international'),
                                        ('777', 1, 'public-local')):
            result = pair.call(number, f'expect-cause={cause}', f'expect-location={location}')
            assert result['ok'] and not result['answered'], result
            assert (result['cause'], result['location'], result['cleared_by']) == (cause, location, 'far'), result
            assert [w['message'].split(' (')[0] for w in result['wire']] == ['SETUP', 'RELEASE COMPLETE'], result['wire']
        wrong = pair.call('9017', 'expect-cause=1')
        assert not wrong['ok'] and wrong['why'] == 'cause', wrong
        for number, cause in (('401', 17), ('402', 19)):
            result = pair.call(number)
            assert result['cause'] == cause and result['location'] == 'user' and not result['answered'], result
            assert messages(result) == ['CALL PROCEEDING', 'ALERTING', 'DISCONNECT', 'RELEASED'], messages(result)
        pair.idle()


def unanswered_calls():
    with Pair() as pair:
        ring = pair.call('200', 'ring=1s')
        assert messages(ring)[:2] == ['CALL PROCEEDING', 'ALERTING'] and not ring['answered'] and ring['cause'] == 16, ring
        assert near(ring['clearing_ms'], 1000, 400), ring
        proceeding = pair.call('201', 'ring=1s')
        assert messages(proceeding)[0] == 'CALL PROCEEDING' and 'ALERTING' not in messages(proceeding), messages(proceeding)
        nothing = pair.call('202')
        assert not nothing['answered'] and messages(nothing) == ['RELEASED'], messages(nothing)
        assert sum(w['message'].startswith('SETUP') for w in nothing['wire']) == 2, 'T303: the SETUP is repeated once'
        tone = pair.call('203', 'ring=1500ms')
        assert message(tone, 'ALERTING')['inband'] and near(tone['media']['heard']['early']['hz'], 425, 3), tone['media']
        for at in ('proceeding', 'alerting', 'connect'):
            result = pair.call('100', f'abandon-at={at}')
            assert result['cause'] == 16 and result['cleared_by'] == 'near', result
        pair.idle()


def announcements():
    with Pair() as pair:
        early = pair.call('300', 'hold=2s', 'media=prbs')
        assert message(early, 'PROGRESS')['progress'] == [{'description': 8, 'location': 'public-local'}], early['messages']
        heard = early['media']['heard']['early']
        assert near(heard['level_dbm0'], -16, 0.2) and near(heard['hz'], 1004, 3) and heard['loud_ms'] > 1500, heard
        assert early['ok'] and early['media']['prbs']['intact'], early['media']
        last = pair.call('302')
        assert message(last, 'DISCONNECT')['inband'] and last['cause'] == 1 and last['location'] == 'public-local', last
        heard = last['media']['heard']['clearing']
        assert near(heard['level_dbm0'], -20, 0.2) and near(heard['hz'], 950, 3) and heard['loud_ms'] > 2500, heard
        assert near(last['total_ms'] - last['clearing_ms'], 3000, 700), last
        busy = pair.call('303', 'listen=1s')
        assert busy['cause'] == 17 and near(busy['total_ms'] - busy['clearing_ms'], 1000, 500), busy
        cause = pair.call('304', 'ring=1s')
        assert message(cause, 'PROGRESS')['cause'] == 17, cause['messages']
        pair.idle()


def identities():
    with Pair() as pair:
        refused = pair.call('500')
        assert refused['cause'] == 21, refused
        taken = pair.call('500', 'presentation=restricted', 'screening=network', 'hold=200ms', 'second-from=123456',
                          'redirecting=5551234', 'redirecting-reason=15', 'hlc=9181', 'llc=8890', 'progress=3',
                          'from-type=national', 'to-type=national', 'hangup-cause=31')
        assert taken['answered'], taken
        assert pair.call('501', 'from-type=national', 'hold=200ms')['answered']
        assert pair.call('501', 'from-type=international')['cause'] == 28
        setup = [e for e in pair.events('nt') if e.get('message') == 'SETUP' and e['event'] == 'message'][1]
        calling = setup['calling']
        assert (calling['digits'], calling['type'], calling['plan']) == ('2079461111', 'national', 'isdn'), setup
        assert (calling['presentation'], calling['screening']) == ('restricted', 'network'), setup
        assert calling['second']['digits'] == '123456', setup
        assert setup['called']['digits'] == '500' and setup['called']['type'] == 'national', setup
        assert setup['redirecting']['digits'] == '5551234' and setup['redirecting_reason'] == 15, setup
        assert setup['hlc'] == '9181' and setup['llc'] == '8890', setup
        assert setup['progress'] == [{'description': 3, 'location': 'user'}], setup
        end = [e for e in pair.events('nt') if e['event'] == 'end'][1]
        assert end['cause'] == 31 and end['cleared_by'] == 'far', end
        pair.idle()


def both_ways_and_hang_up():
    with Pair() as pair:
        far = pair.call('400', 'hold=10s')
        assert far['answered'] and far['cleared_by'] == 'far' and far['cause'] == 16 and far['ok'], far
        # the network calls; the user side has no plan: unallocated
        back = pair.call('100', by='nt')
        assert back['cause'] == 1 and back['span'] == 'e1-0', back
        long = Later(pair.call, '100', 'hold=60s')
        eventually(lambda: any(c['answered'] for c in pair.status('te')['calls']), 5, 'answered')
        assert pair.ctl('nt', 'hangup', 'cause=41', 'location=transit')['calls'] == 1
        cleared = long.result()
        assert (cleared['cause'], cleared['location'], cleared['cleared_by']) == (41, 'transit', 'far'), cleared
        pair.idle()


def control_socket():
    with Pair() as pair:
        def open_socket():
            s = socket.socket(socket.AF_UNIX)
            s.settimeout(20)
            s.connect(pair.path('te.sock'))
            return s

        def read_lines(s):
            with s.makefile('r') as file:
                return [json.loads(line) for line in file]

        with open_socket() as s:                          # several commands at once; no more to ask, but listening
            s.sendall(b'call to=100 hold=300ms\nstatus\nstauts\n')
            s.shutdown(socket.SHUT_WR)
            answers = read_lines(s)
        assert answers[0]['answered'] and answers[1]['spans'] and 'status' in answers[2]['error'], answers
        with open_socket() as s:                          # a line without end
            s.sendall(b'x' * 20000)
            try:
                assert not read_lines(s)
            except ConnectionResetError:
                pass
        with open_socket() as s:                          # gone in the middle of its call: the call ends by itself
            s.sendall(b'call to=100 hold=500ms\n')
            eventually(lambda: pair.status('te')['calls'], 5, 'a call')
        pair.idle()


def full_span():
    with Pair() as pair:
        # 31 calls on 30 channels
        result = pair.ctl('te', 'load', 'to=100', 'calls=31', 'rate=100', 'hold=2s')
        assert result['answered'] == 30 and result['failed_causes'] == {'34': 1}, result
        assert result['most_at_once'] == 31 and len({c['timeslot'] for c in result['calls'] if c['answered']}) == 30, result
        pair.idle()


def two_spans_many_calls():
    with Pair(spans=2) as pair:
        report = pair.path('report.json')
        result = pair.ctl('te', 'load', 'to=100', 'calls=200', 'limit=25', 'rate=60', 'hold=500ms', 'media=prbs', 'expect-octets=2000',
                          'detail=on')
        assert result['answered'] == 200 and result['as_expected'] == 200 and result['ok'], {**result, 'calls': 0}
        assert result['most_at_once'] == 25 and result['prbs']['intact_calls'] == 200, result['prbs']
        assert {c['span'] for c in result['calls']} == {'e1-0', 'e1-1'}, 'both spans are used'
        pair.idle()
        # the same by the command line, with its exit status
        pair.end('te')
        words = [PROGRAM, 'call', pair.path('te.yaml'), '--to', '9017', '--calls', '20', '--rate', '50', f'--json={report}']
        done = subprocess.run([*words, '--expect-cause', '17'], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and 'User busy, cause 17' in done.stdout, done.stdout + done.stderr
        with open(report, encoding='utf-8') as file:
            assert json.load(file)['failed_causes'] == {'17': 20}
        done = subprocess.run(words, capture_output=True, text=True, timeout=60)
        assert done.returncode == 1, done.stdout
        done = subprocess.run([PROGRAM, 'call', 'x', '--hodl', '3s'], capture_output=True, text=True, timeout=60)
        assert done.returncode == 2 and "'--hold'" in done.stderr, done.stderr


def stopped_packets():
    timers = 'timers: { t309: 4s }'
    with Pair(span=timers) as pair:
        kept = Later(pair.call, '100', 'hold=9s')
        eventually(lambda: any(c['answered'] for c in pair.status('te')['calls']), 5, 'answered')
        pair.ctl('nt', 'fault', 'stop=on', 'for=3s')      # T309 − 1 s
        result = kept.result()
        assert result['answered'] and result['ok'] and near(result['duration_ms'], 9000, 500), result
        pair.idle()
        lost = Later(pair.call, '100', 'hold=20s')
        eventually(lambda: any(c['answered'] for c in pair.status('te')['calls']), 5, 'answered')
        pair.ctl('nt', 'stop')                            # T309 + 1 s, and no way back until then
        result = lost.result()
        assert result['cause'] == 27 and result['answered'], result
        assert result['duration_ms'] < 9000, result
        time.sleep(0.5)
        pair.ctl('nt', 'start')
        pair.ready('te')
        pair.ready('nt')
        pair.idle()
        assert pair.call('100', 'hold=500ms', 'media=prbs')['ok']


def other_faults():
    with Pair() as pair:
        dropped = Later(pair.call, '100', 'hold=4s', 'media=prbs')
        eventually(lambda: any(c['answered'] for c in pair.status('te')['calls']), 5, 'answered')
        pair.ctl('nt', 'fault', 'drop=50', 'seed=7', 'for=1s')
        result = dropped.result()
        prbs = result['media']['prbs']
        assert result['why'] == 'sequence came back with faults' and prbs['lost'] + prbs['mismatches'] > 0, prbs
        assert pair.status('te')['lines'][0]['counters']['lost'] > 10, 'packets are missed'
        # our clock runs fast: the other end is locked to it, so that nothing slips
        pair.ctl('nt', 'fault', 'ppm=300', 'for=3s')
        result = pair.call('100', 'hold=2500ms', 'media=prbs')
        assert result['ok'] and result['media']['prbs']['slips'] == 0, result['media']
        for bit, counter in (('l', 'rx_l_bit'), ('r', 'rx_r_bit'), ('rdi', 'rx_rdi')):
            before = pair.status('te')['lines'][0]['counters'][counter]
            pair.ctl('nt', 'fault', f'{bit}=on')
            eventually(lambda: pair.status('te')['lines'][0]['counters'][counter] > before + 10, 5, counter)
            pair.ctl('nt', 'fault', 'clear')
        eventually(lambda: pair.status('te')['lines'][0]['alarms'] == 'none', 5, 'alarms gone')
        pair.ready('te')
        pair.ready('nt')
        before = pair.status('te')['spans'][0]['counters']['restarts_rx']
        pair.ctl('nt', 'restart', 'timeslot=3')
        eventually(lambda: pair.status('te')['spans'][0]['counters']['restarts_rx'] == before + 1, 5, 'RESTART of one')
        pair.ready('nt')
        assert 'error' in pair.ctl('nt', 'fault', 'dorp=1', ok=False) and 'drop' in pair.ctl('nt', 'fault', 'dorp=1', ok=False)['error']
        pair.idle()


def restart_of_the_exchange():
    with Pair() as pair:
        live = Later(pair.call, '100', 'hold=30s')
        eventually(lambda: any(c['answered'] for c in pair.status('te')['calls']), 5, 'answered')
        killed = time.time()
        pair.programs['nt'].send_signal(signal.SIGKILL)
        pair.programs['nt'].wait()
        pair.start('nt')                                  # takes over the socket that was left behind
        result = live.result()
        assert result['answered'] and result['cleared_by'] == 'far', result
        # from its span's first sign of life to the call's end, by the two journals
        back = next(e['time'] for e in pair.events('nt') if e['event'] == 'span' and e['time'] > killed)
        ended = next(e['time'] for e in reversed(pair.events('te')) if e['event'] == 'end')
        assert ended - back <= 3, f'{ended - back} s'
        pair.ready('te')
        pair.ready('nt')
        pair.idle()
        assert pair.call('100', 'hold=500ms', 'media=prbs')['ok']


def ends_with_live_calls():
    with Pair() as pair:
        live = Later(pair.ctl, 'te', 'load', 'to=100', 'calls=5', 'hold=60s', 'rate=50')
        eventually(lambda: len([c for c in pair.status('nt')['calls'] if c['answered']]) == 5, 5, 'answered')
        pair.end('nt')                                    # SIGTERM: calls released, exit status 0
        result = live.result()
        assert all(c['cleared_by'] == 'far' and c['cause'] == 16 for c in result['calls']), result


TESTS = [answered_calls, refused_calls, unanswered_calls, announcements, identities, both_ways_and_hang_up, control_socket, full_span,
         two_spans_many_calls, stopped_packets, other_faults, restart_of_the_exchange, ends_with_live_calls]
if __name__ == '__main__':
    sys.exit(run_tests(TESTS))
