#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""gatewayd is killed (kill -9) at random moments under load, and started again at once. In the end every call that the
peers saw released (200 to a BYE, a final response, RELEASE COMPLETE) is in the records once, as it ended; and every call
that had got through to the called side is there once, be it as one that a crash ended.

CAUSEWAY_KILLS: how often in all (25); CAUSEWAY_SEED repeats the moments of an earlier run."""
import bisect
import heapq
import json
import os
import random
import re
import select
import socket
import sqlite3
import sys
import time

from lab import GATEWAY_IP, Lab, eventually, run_tests, sdp
from test_records import records_state

KILLS = int(os.environ.get('CAUSEWAY_KILLS', '25'))
SEED = int(os.environ.get('CAUSEWAY_SEED', str(random.randrange(1 << 30))))
CALLER_IP, CALLEE_IP = '127.0.0.2', '127.0.0.3'
SIP_RATE, ISDN_RATE = 150, 60       # calls per second
# What is turned away at the door while the gateway lags behind is no call, and leaves no record.
EXTRA = 'records: { spool-size: 8 }\noverload: { lag: 0ms }'
HEADER = re.compile(rb'^(Via|From|To|Call-ID|CSeq|Contact|Record-Route)\s*:\s*(.*?)\r?$', re.M | re.I)


def bound(ip):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    s.bind((ip, 0))
    s.setblocking(False)
    return s


class Message:
    def __init__(self, raw):
        self.raw, self.headers = raw, {}
        for name, value in HEADER.findall(raw.split(b'\r\n\r\n')[0]):
            self.headers.setdefault(name.lower().decode(), []).append(value.decode('utf-8', 'replace'))
        self.start = raw.split(b'\r\n', 1)[0].decode('utf-8', 'replace')
        self.status = int(self.start[8:11]) if self.start.startswith('SIP/2.0 ') else 0
        self.method = self.get('cseq').split()[-1] if self.status else self.start.split(' ')[0]

    def get(self, name):
        return self.headers.get(name, [''])[0]

    @property
    def contact(self):
        found = re.search(r'<([^>]+)>', self.get('contact'))
        return found[1] if found else ''


class Call:
    """One INVITE of the caller's, or one that came to the callee."""

    def __init__(self, key, number, caller):
        self.key, self.number, self.caller = key, number, caller
        self.local = self.remote = self.target = ''
        self.cseq, self.hang_up, self.bye_sent, self.cancels = 1, False, False, False


class Load:
    """Callers and, on SIP, callees, without retransmissions and without patience: what a killed gateway leaves behind is
    forgotten. `released`: keys of calls whose last word came from the gateway; `reached`: those of whose being it told."""

    def __init__(self, lab, rng, rate, numbers, callee=None):
        self.lab, self.rng, self.rate, self.numbers = lab, rng, rate, numbers
        self.caller_socket, self.callee_socket = bound(CALLER_IP), callee
        self.calls, self.timers, self.serial = {}, [], 0
        self.released, self.reached = {}, set()
        self.server = (GATEWAY_IP, lab.sip_port)

    def close(self):
        self.caller_socket.close()

    # ---- turning

    def after(self, seconds, work):
        self.serial += 1
        heapq.heappush(self.timers, (time.monotonic() + seconds, self.serial, work))

    def turn(self, until):
        sockets = [s for s in (self.caller_socket, self.callee_socket) if s]
        while (now := time.monotonic()) < until:
            while self.timers and self.timers[0][0] <= now:
                heapq.heappop(self.timers)[2]()
            wait = min(until, self.timers[0][0] if self.timers else until) - time.monotonic()
            for s in select.select(sockets, [], [], max(0, wait))[0]:
                self.drain(s)

    def drain(self, s):
        for _ in range(50):
            try:
                message = Message(s.recv(65535))
            except (BlockingIOError, ConnectionRefusedError):
                return
            (self.caller_heard if s is self.caller_socket else self.callee_heard)(message)

    def begin(self):
        self.after(0, self.next_call)

    def next_call(self):
        self.invite()
        self.after(self.rng.expovariate(self.rate), self.next_call)

    # ---- writing

    def send(self, s, start, headers, body=''):
        lines = [start] + headers + [f'Content-Length: {len(body)}']
        s.sendto(('\r\n'.join(lines) + '\r\n\r\n' + body).encode(), self.server)

    def request(self, s, method, call, cseq, branch=None, body='', to=None):
        ip, port = s.getsockname()
        self.send(s, f'{method} {call.target} SIP/2.0',
                  [f'Via: SIP/2.0/UDP {ip}:{port};branch={branch or "z9hG4bK" + str(self.rng.getrandbits(60))}',
                   'Max-Forwards: 70', f'From: {call.local}', f'To: {to or call.remote}', f'Call-ID: {call.key}',
                   f'CSeq: {cseq} {method}', f'Contact: <sip:x@{ip}:{port}>']
                  + (['Content-Type: application/sdp'] if body else []), body)

    def respond(self, s, message, status, tag='', body=''):
        ip, port = s.getsockname()
        to = message.get('to') + (f';tag={tag}' if tag and 'tag=' not in message.get('to') else '')
        self.send(s, f'SIP/2.0 {status} X', [f'Via: {v}' for v in message.headers.get('via', [])]
                  + [f'Record-Route: {v}' for v in message.headers.get('record-route', [])]
                  + [f'From: {message.get("from")}', f'To: {to}', f'Call-ID: {message.get("call-id")}',
                     f'CSeq: {message.get("cseq")}', f'Contact: <sip:y@{ip}:{port}>']
                  + (['Content-Type: application/sdp'] if body else []), body)

    # ---- the caller

    def invite(self):
        self.serial += 1
        number, kind = self.rng.choice(self.numbers)
        call = Call(f'kill-{os.getpid()}-{self.serial}', number, f'+4420{self.serial:08d}')
        call.branch, call.cancels = f'z9hG4bK{self.rng.getrandbits(60)}', kind == 'cancel'
        call.hang_up = kind == 'caller'
        ip, port = self.caller_socket.getsockname()
        call.local, call.target = f'<sip:{call.caller}@{ip}:{port}>;tag=a', f'sip:{number}@{GATEWAY_IP}:{self.lab.sip_port}'
        call.remote = f'<{call.target}>'
        self.calls[call.key] = call
        self.request(self.caller_socket, 'INVITE', call, 1, call.branch, sdp(ip, 40000))

    def caller_heard(self, m):
        call = self.calls.get(m.get('call-id'))
        if not m.status:
            if m.method == 'BYE':
                self.respond(self.caller_socket, m, 200)
            return
        if not call:
            return
        if m.method == 'BYE' and m.status == 200:
            self.released[call.key] = 'caller'
        elif m.method == 'INVITE' and m.status >= 300:
            self.request(self.caller_socket, 'ACK', call, 1, call.branch, to=m.get('to'))
            self.released[call.key] = f'refused with {m.status}'
        elif m.method == 'INVITE' and m.status >= 180:
            self.caller_is_answered(call, m)

    def caller_is_answered(self, call, m):
        self.reached.add(call.key)
        if m.status < 200:
            if call.cancels:
                call.cancels = False
                self.request(self.caller_socket, 'CANCEL', call, 1, call.branch)
            return
        call.remote, call.target = m.get('to'), m.contact
        self.request(self.caller_socket, 'ACK', call, 1)
        if call.hang_up and not call.bye_sent:
            call.bye_sent = True
            self.after(self.rng.uniform(0, 0.12), lambda: self.request(self.caller_socket, 'BYE', call, 2))

    # ---- the callee

    def callee_heard(self, m):
        s, key = self.callee_socket, m.get('call-id')
        call = self.calls.get(key)      # None: of an earlier life
        if m.status:
            if m.method == 'BYE' and m.status == 200:
                self.released[key] = 'called'
        elif m.method == 'INVITE' and not call:
            self.callee_is_called(m, key)
        elif m.method in ('CANCEL', 'BYE'):
            self.respond(s, m, 200)
            if m.method == 'CANCEL' and call:
                self.respond(s, call.invite, 487, 'b')
        elif m.method == 'ACK' and call and call.hang_up and not call.bye_sent:
            call.bye_sent = True
            self.after(self.rng.uniform(0, 0.12), lambda: self.request(s, 'BYE', call, 100))

    def callee_is_called(self, m, key):
        call = self.calls[key] = Call(key, '', '')
        ip, port = self.callee_socket.getsockname()
        call.invite, call.target = m, m.contact
        call.local, call.remote = m.get('to') + ';tag=b', m.get('from')
        number = re.search(r'sip:(\+?\d+)', m.start)[1]
        if number.endswith('3'):
            self.respond(self.callee_socket, m, 486, 'b')
            return
        self.respond(self.callee_socket, m, 180, 'b')
        if number.endswith('2'):
            return          # rings until it is cancelled
        call.hang_up = number.endswith('1')
        self.respond(self.callee_socket, m, 200, 'b', sdp(ip, 41000))


# ---- killing

def kill_and_start(lab, load, rng, kills, alive):
    """`alive`: how long it lives, from its start, at least and at most. Returns when it was killed."""
    moments = []
    for _ in range(kills):
        load.turn(time.monotonic() + rng.uniform(*alive))
        assert lab.gatewayd.running(), f'gatewayd ended by itself:\n{lab.gatewayd.output[-4000:]}'
        moments.append(time.time())
        lab.gatewayd.kill()
        lab.gatewayd.file.close()
        load.calls.clear()
        config = os.path.join(lab.folder, 'gateway.yaml')
        lab.programs.remove(lab.gatewayd)
        lab.gatewayd = lab.run('gatewayd', [os.path.join(os.path.dirname(lab.gatewayd.process.args[0]), 'gatewayd'), '--config', config])
    load.timers.clear()
    return moments


def rows(lab):
    db = sqlite3.connect(f'file:{lab.store}/records.db?mode=ro', uri=True)
    try:
        return db.execute('SELECT id, caller_key, callee_key, calling, releaser FROM cdr').fetchall()
    finally:
        db.close()


def serves(lab):
    try:
        return lab.gwctl('status')
    except AssertionError:      # the socket of the one that was killed is still there
        return None


def settle(lab, load):
    eventually(lambda: serves(lab), 20, 'gatewayd serves')
    load.turn(time.monotonic() + 0.5)
    for call in lab.gwctl('call', 'list')['calls']:
        lab.gwctl('call', 'hangup', call['id'])
    load.turn(time.monotonic() + 0.5)
    eventually(lambda: records_state(lab)['spool']['queued'] == 0, 20, 'drained')


CRASH = 4


def judge(lab, load, kills, extra_released=()):
    """Every released call once and as it ended, every one that was reached once; nothing twice."""
    records = rows(lab)
    by_key, by_caller = {}, {}
    for record in records:
        for key in {record[1], record[2]}:
            by_key.setdefault(key, []).append(record)
        by_caller.setdefault(record[3], []).append(record)
    missing = [k for k in load.released if k not in by_key]
    crashed = [k for k in load.released if k in by_key and by_key[k][0][4] == CRASH]
    twice = [k for k, found in by_key.items() if k.startswith('kill-') and len(found) > 1]
    lost = [k for k in load.reached if k not in by_key]
    assert not missing, f'{len(missing)} released calls have no record, the first {missing[0]} ({load.released[missing[0]]})'
    assert not crashed, f'{len(crashed)} released calls are recorded as cut off, the first {crashed[0]}'
    assert not twice, f'{len(twice)} calls have several records, the first {twice[0]}'
    assert not lost, f'{len(lost)} calls that were reached have no record, the first {lost[0]}'
    gone = [digits for digits in extra_released if len(by_caller.get('+44' + digits, [])) != 1]
    assert not gone, f'{len(gone)} calls with RELEASE COMPLETE have no record or several, the first {gone[0]}'
    cut = [d for d in extra_released if by_caller['+44' + d][0][4] == CRASH]
    assert not cut, f'{len(cut)} calls with RELEASE COMPLETE are recorded as cut off, the first {cut[0]}'
    state = records_state(lab)
    assert state['spool']['lost'] == 0 and state['spool']['damaged'] == 0, state
    print(f'       {kills} kills (seed {SEED}): {len(load.released)} calls released in sight of SIP peers, {len(extra_released)} of '
          f'the exchange, {len(load.reached)} reached; {len(records)} records, {sum(r[4] == CRASH for r in records)} of calls cut off')
    return len(load.released) + len(extra_released)


SIP_ROUTES = r'''usages: [any]
policies: { all: [any], inbound: [any] }
routes:
  other: { pattern: '^\+', usages: [any], gateways: [other] }'''


def under_sip_load():
    """SIP ↔ SIP: hung up by either side, busy, cancelled, without a route."""
    kills, rng = (KILLS + 1) // 2, random.Random(SEED)
    callee = bound(CALLEE_IP)
    numbers = [('+442079460000', 'caller')] * 5 + [('+442079460001', 'called')] * 5 + \
        [('+442079460003', 'busy')] * 2 + [('+442079460002', 'cancel')] * 2 + [('5', 'none')]
    lab = Lab(spans=0, trunks={'core': '', 'other': ''}, routes=SIP_ROUTES, start=False,
              extra=EXTRA, media='workers: 1')
    load = Load(lab, rng, SIP_RATE, numbers, callee)
    for name, s in (('core', load.caller_socket), ('other', callee)):
        ip, port = s.getsockname()
        lab.trunks[name] = (f'{{ interface: lan, peer: "{ip}:{port}", transport: udp, sources: ["{ip}"], dial-plan: uk, '
                            f'calling-dial-plan: uk, policy: all, session-timer: 0s }}')
    with lab:
        begin = time.monotonic()
        lab.start_gateway(wait=False)
        eventually(lambda: serves(lab), 20, 'gatewayd serves')
        startup = min(time.monotonic() - begin, 2)      # lives are longer where everything is slower
        load.begin()
        kill_and_start(lab, load, rng, kills, (0.02, 0.4 + startup))
        settle(lab, load)
        assert judge(lab, load, kills) > 2 * kills, 'hardly a call was carried'
        load.close()
        callee.close()


PLAN = '''
scenarios:
  answer: [ proceeding, alerting, connect, echo ]
  hang-up: [ proceeding, alerting, connect, echo, { wait: 40ms }, { disconnect: { cause: 16, location: user } } ]
numbers:
  - { called: "2079460000", scenario: answer }
  - { called: "2079460001", scenario: hang-up }
  - { called: "2079460002", steps: [ proceeding, alerting ] }
  - { called: "2079460003", steps: [ proceeding, { disconnect: { cause: 17, location: user } } ] }
  - { called: "*", steps: [ { release: { cause: 1, location: public-local } } ] }
'''


ON_THE_LINE = 0.12      # what was sent before a kill arrives within; the next life says nothing so early


def released_at_exchange(lab, kills):
    """Calling numbers of the calls that the exchange received RELEASE COMPLETE for from the life that had carried them:
    references begin anew with each, and the next one says it too, of calls that it knows nothing of."""
    current, released = {}, []
    with open(lab.exchange_log, encoding='utf-8') as file:
        for line in file:
            if not line.endswith('\n'):
                continue
            event = json.loads(line)
            if event.get('event') == 'message' and event['message'] == 'SETUP' and event['direction'] == 'received':
                current[event['key']] = event['calling']['digits'], bisect.bisect(kills, event['time'] - ON_THE_LINE)
            elif event.get('event') == 'wire' and event['direction'] == 'received' and event['message'].startswith('RELEASE COMPLETE'):
                digits, life = current.pop(event.get('key'), (None, 0))
                if digits and life == bisect.bisect(kills, event['time']):
                    released.append(digits)
    return released


def under_isdn_load():
    """SIP → ISDN: what counts are the 200 to a BYE and the exchange's RELEASE COMPLETE."""
    kills, rng = KILLS // 2, random.Random(SEED + 1)
    numbers = [('+442079460000', 'caller')] * 5 + [('+442079460001', 'called')] * 4 + \
        [('+442079460003', 'busy')] * 2 + [('+442079460002', 'cancel')] * 2
    lab = Lab(plan=PLAN, trunks={'core': ''}, start=False, span_options='restart-on-start: false',
              extra=EXTRA, media='workers: 1')
    load = Load(lab, rng, ISDN_RATE, numbers)
    ip, port = load.caller_socket.getsockname()
    lab.trunks['core'] = (f'{{ interface: lan, peer: "{ip}:{port}", transport: udp, sources: ["{ip}"], dial-plan: uk, '
                          f'calling-dial-plan: uk, policy: all, session-timer: 0s }}')
    with lab:
        lab.start_exchange()
        begin = time.monotonic()
        lab.start_gateway()
        startup = min(time.monotonic() - begin, 3)
        load.begin()
        moments = kill_and_start(lab, load, rng, kills, (0.1, 0.6 + startup))
        settle(lab, load)
        released = released_at_exchange(lab, moments)
        assert len(released) > kills, 'hardly a call was carried'
        judge(lab, load, kills, released)
        load.close()


TESTS = [under_sip_load, under_isdn_load]
if __name__ == '__main__':
    sys.exit(run_tests(TESTS))
