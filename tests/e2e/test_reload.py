#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Another configuration while calls are carried: only what has changed is touched, what is touched drains or is cut, and what
can't be is refused whole. CAUSEWAY_RELOADS and CAUSEWAY_RELOAD_SEED change the number and choice of the random ones."""
import http.client
import json
import os
import random
import re
import signal
import socket
import sys
import threading
import time

from stalls import Stalls
from lab import GATEWAY_IP, PEER_IP, Lab, eventually, free_ports, port_range, run_tests, sdp

RELOADS = int(os.environ.get('CAUSEWAY_RELOADS', '50'))
SEED = int(os.environ.get('CAUSEWAY_RELOAD_SEED', '20261120'))
TAIL = 'ladder-calls: 1\n'
SLACK = 1100    # blocks of memory: 512 messages of no call (OPTIONS) that the ladders keep, of two each; queues that have grown


# ---- asking

class Door(http.client.HTTPConnection):
    """HTTP on the daemon's socket."""

    def __init__(self, path, timeout=20):
        super().__init__('localhost', timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def ask(lab, method, path, body=None):
    door = Door(lab.socket)
    octets = json.dumps(body).encode() if body is not None else b''
    door.request(method, f'/api/v1/{path}', octets, {'Content-Length': str(len(octets)), 'Content-Type': 'application/json'})
    response = door.getresponse()
    body = json.loads(response.read() or b'null')
    door.close()
    return response.status, body


def write_config(lab):
    return lab.write('gateway.yaml', lab.gateway_config())


def reload(lab, now=False, wanted=200):
    """The file as the lab has it now; the answer."""
    write_config(lab)
    status, body = ask(lab, 'POST', 'config/reload' + ('?now=true' if now else ''))
    assert status == wanted, (status, body)
    return body


def objects(lab):
    status = lab.gwctl('status')
    return {o['name']: o for o in status['spans'] + status['trunks']}


# ---- calls

class Reflector:
    """RTP that comes is sent back as it is: the far end of a call whose audio is compared."""

    def __init__(self, ip=PEER_IP):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((ip, 0))
        self.socket.settimeout(0.2)
        self.port, self.closed = self.socket.getsockname()[1], False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.closed:
            try:
                octets, source = self.socket.recvfrom(2048)
                self.socket.sendto(octets, source)
            except OSError:
                continue

    def close(self):
        self.closed = True
        self.thread.join()
        self.socket.close()


class Up:
    """A call that stands: from the first peer to the exchange, or through to another peer."""

    def __init__(self, lab, number, callee=None, audio=0):
        self.lab, self.port = lab, free_ports(1, ip=PEER_IP)[0]
        self.reflector = Reflector() if callee and audio else None
        self.call = lab.call(number, body=sdp(PEER_IP, self.port)).send_invite()
        self.far = None
        if callee:
            self.far, invite = callee.take_call(10)
            self.far.respond(200, body=sdp(PEER_IP, self.reflector.port if audio else free_ports(1, ip=PEER_IP)[0]))
        ok = self.call.wait(lambda m: m.status >= 200, 15)
        self.call.ack(ok)
        assert ok.status == 200, ok.start
        if self.far:
            self.far.peer.wait(self.far.call_id, 'ACK', 5)
        host, rtp, _, _ = ok.media
        self.probe = lab.probe('--remote', f'{host}:{rtp}', '--duration', f'{audio}s', '--send', 'counter', '--expect', 'echo',
                               port=self.port) if audio else None

    def lives(self):
        """A re-INVITE is answered, and neither side was told to end."""
        box = self.call.peer.queues[self.call.call_id]
        ends = [m for m in list(box.queue) if m.method == 'BYE' and not m.is_response]
        return not ends

    def heard(self):
        """Its audio is over, and was whole."""
        if self.probe:
            self.lab.stalls.judge(self.probe)
        if self.reflector:
            self.reflector.close()

    def end(self):
        assert self.call.bye(timeout=10).status == 200
        if self.far:
            self.far.expect_bye(10)

    def was_ended(self, timeout=5):
        return self.call.expect_bye(timeout)


class ReloadLab(Lab):
    """SIP calls to +33… go through to a second peer. What differs from reading to reading: `lines` and `more_spans` (further
    ones), `line_keys` and `span_keys` by number, `rtp` (first and last port), `tail` (anything)."""

    def __init__(self, **kw):
        # deep buffers: a process that others stall must not look like a gap
        super().__init__(start=False, jitter_ms=300, **kw)
        self.rtp_jitter_ms, self.stalls = 400, None
        self.far = self.add_peer(ip='127.0.0.3')
        self.quiet = 'silence-timeout: 0s'
        self.trunks = {'core': self.trunk_text(self.peer, self.quiet), 'far': self.trunk_text(self.far, self.quiet)}
        self.more_lines, self.more_spans, self.line_keys, self.tail = {}, {}, {}, TAIL
        first = port_range(420)
        self.rtp = (first, first + 419)
        self.routes = ROUTES
        self.extra = 'overload: { lag: 0ms }\n'     # a processor that others use as well is none of this test's business

    def gateway_config(self):
        text = super().gateway_config()
        text = re.sub(r'ports: \d+-\d+', f'ports: {self.rtp[0]}-{self.rtp[1]}', text)
        for number, keys in self.line_keys.items():
            text = re.sub(rf'(?m)^(  line{number}: .*) }}$', rf'\1, {keys} }}', text)
            text = re.sub(rf'(?m)^(  line{number}: .*)jitter: \d+ms(.*jitter)', r'\1\2', text).replace(', , ', ', ')
        lines = ''.join(f'  {name}: {body}\n' for name, body in self.more_lines.items())
        spans = ''.join(f'  {name}: {body}\n' for name, body in self.more_spans.items())
        text = text.replace('\nspans:\n', f'\n{lines}spans:\n{spans}')
        return text + self.tail

    def __enter__(self):
        super().__enter__()
        try:
            self.start_exchange()
            self.start_gateway()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        self.stalls = Stalls(self.exchange.process, self.gatewayd.process)
        return self

    def __exit__(self, *what):
        if self.stalls:
            self.stalls.close()
        return super().__exit__(*what)


ROUTES = r'''usages: [to-pstn, to-core]
policies:
  all: { usages: [to-pstn] }
  inbound: { usages: [to-core] }
routes:
  far: { pattern: '^\+33', usages: [to-pstn], gateways: [far], priority: 1 }
  pstn: { pattern: '^\+', usages: [to-pstn], gateways: [pstn] }
  core: { pattern: '^\+', usages: [to-core], gateways: [core] }'''


def refused(lab, number='+442079460000', peer=None):
    """The final response to a call that isn't taken."""
    call = lab.call(number, peer=peer or lab.peer, body=sdp(PEER_IP, 4000)).send_invite()
    answer = call.wait(lambda m: m.status >= 200, 10)
    call.ack(answer)
    assert answer.status >= 300, answer.start
    return answer


# ---- what stays, what changes

def unchanged_is_not_touched():
    # the same file again, and SIGHUP: nothing happens; then one trunk changes, and only it
    with ReloadLab() as lab:
        call = Up(lab, '+442079460000', audio=6)
        through = Up(lab, '+33123', callee=lab.far, audio=6)
        assert reload(lab)['changed'] is False
        lab.gatewayd.process.send_signal(signal.SIGHUP)
        lab.gatewayd.wait_output('nothing has changed')
        lab.trunks['far'] = lab.trunk_text(lab.far, lab.quiet + ', max-calls: 9')
        answer = reload(lab)
        assert answer['changed'] is True, answer
        assert objects(lab)['far']['max_calls'] == 9
        second = Up(lab, '+33124', callee=lab.far)
        call.heard()
        through.heard()
        for one in (call, through, second):
            assert one.lives()
            one.end()
        lab.nothing_held()


def what_is_faulty_changes_nothing():
    # faults of the file, names that nobody knows, ports that are taken: told, and everything goes on as it was
    with ReloadLab() as lab:
        call = Up(lab, '+442079460000', audio=5)
        before = objects(lab)
        taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        taken.bind((GATEWAY_IP, 0))
        port = taken.getsockname()[1]
        free = free_ports(1, ip=GATEWAY_IP)[0]
        for change, word in (({'tail': 'nonsense: true\n'}, 'unknown section'),
                             ({'tail': ']\n'}, 'gateway.yaml'),
                             ({'trunks': {**lab.trunks, 'x': '{ interface: lan, peer: 127.0.0.9, policy: nobodys }'}}, 'nobodys'),
                             ({'trunks': {**lab.trunks, 'x': '{ interface: lan }'}}, '"peer" is missing'),
                             ({'interfaces': f'  wan: {{ address: "{GATEWAY_IP}:{port}", transports: [udp] }}'}, 'interface wan'),
                             ({'interfaces': f'  wan: {{ address: "{GATEWAY_IP}:{free}", transports: [udp] }}', 'more_lines':
                               {'l': f'{{ kind: cesopsn, local: "{GATEWAY_IP}:{port}", remote: "127.0.0.1:9" }}'}}, 'line l')):
            kept = {key: getattr(lab, key) for key in change}
            for key, value in change.items():
                setattr(lab, key, value)
            answer = reload(lab, wanted=422)
            assert word in answer['error']['message'], answer
            for key, value in kept.items():
                setattr(lab, key, value)
            now = objects(lab)
            assert {n: (o.get('state'), o.get('up'), o['admin']) for n, o in now.items()} == \
                {n: (o.get('state'), o.get('up'), o['admin']) for n, o in before.items()}, now
        taken.close()
        call.heard()
        call.end()
        lab.nothing_held()


# ---- what drains

def a_line_drains():
    # new calls of both sides are refused, the one in progress goes on and ends by itself; then the line is made anew
    with ReloadLab(spans=2) as lab:
        call, other = Up(lab, '+442079460000', audio=5), Up(lab, '+442079460000', audio=5)
        spans = [leg['endpoint'] for c in lab.gwctl('call', 'list')['calls']
                 for leg in lab.gwctl('call', 'show', c['id'])['legs'] if leg['kind'] == 'isdn']
        number = int(spans[0][-1])
        lab.line_keys[number] = 'jitter: 301ms'
        reload(lab)
        waiting = [d for d in lab.gwctl('status')['draining'] if d['kind'] == 'span']
        assert waiting and waiting[0]['name'] == f'e1-{number}', waiting
        assert objects(lab)[f'e1-{number}']['state'] == 'down'
        isdn = lab.isdn_call(**{'to': '02079461234', 'from': '2079461111', 'span': f'e1-{number}'}).result()
        assert '42' in re.findall(r'"cause": (\d+)', json.dumps(isdn)), isdn
        for one in (call, other):
            one.heard()
            assert one.lives()
            one.end()
        # their last words arrive before the D-channel goes: else RELEASE would be repeated after T308, 4 s
        eventually(lambda: sum(e.get('message') == 'RELEASED' for e in lab.exchange_events()) == 3, 3, 'RELEASE COMPLETE')
        eventually(lab.spans_up, 20, 'the spans are up again')
        eventually(lambda: not lab.gwctl('status')['draining'], 5, 'nothing drains')
        again = Up(lab, '+442079460000', audio=2)
        again.heard()
        again.end()
        lab.nothing_held()


def a_line_is_cut():
    # --now: its calls are cleared with cause 41 on both sides, others stay
    with ReloadLab(spans=1) as lab:
        call, through = Up(lab, '+442079460000'), Up(lab, '+33123', callee=lab.far, audio=8)
        lab.line_keys[1] = 'jitter: 301ms'
        begin = time.monotonic()
        reload(lab, now=True)
        bye = call.was_ended()
        assert 'cause=41' in bye.get('reason'), bye.raw
        eventually(lab.spans_up, 20, 'the span is up again')
        print(f'  up again {time.monotonic() - begin:.1f} s after the reload')
        second = Up(lab, '+442079460000', audio=2)
        second.heard()
        second.end()
        through.heard()
        assert through.lives()
        through.end()
        lab.nothing_held()


def a_span_changes_in_place():
    # numbers, groups, timeouts, hunting, channels: the call hears nothing of it
    with ReloadLab() as lab:
        call = Up(lab, '+442079460000', audio=4)
        lab.each_span[1] = 'hunt: ascending, b-channels: 1-5, timers: { t303: 2s }, setup-timeout: 3s'
        reload(lab)
        assert objects(lab)['e1-1']['idle'] == 5
        second = Up(lab, '+442079460000')
        slots = {s['timeslot']: s['state'] for s in lab.gwctl('span', 'show', 'e1-1')['timeslots']}
        assert slots[1] == 'connected' and slots[31] == 'connected' and slots[20] == 'absent', slots
        call.heard()
        for one in (call, second):
            one.end()
        slots = {s['timeslot']: s['state'] for s in lab.gwctl('span', 'show', 'e1-1')['timeslots']}
        assert slots[1] == 'idle' and slots[31] == 'absent', slots
        lab.nothing_held()


def trunks_come_and_go():
    # a changed trunk: the call on it stays, new ones use the new; a removed one takes no calls; a new one does at once
    with ReloadLab() as lab:
        through = Up(lab, '+33123', callee=lab.far, audio=6)
        third = lab.add_peer(ip='127.0.0.4')
        lab.trunks['third'] = lab.trunk_text(third, lab.quiet)
        reload(lab)
        del lab.trunks['far']
        assert 'far' in reload(lab, wanted=422)['error']['message']     # a route still leads there
        assert ask(lab, 'PATCH', 'tables/routes/far', {'gateways': ['third']})[0] == 200
        reload(lab)
        assert 'far' not in objects(lab)
        assert [d['name'] for d in lab.gwctl('status')['draining']] == ['far']
        back = lab.call('+442079460000', peer=lab.far, body=sdp('127.0.0.3', 4000)).send_invite()
        answer = back.wait(lambda m: m.status >= 200, 5)
        assert answer.status == 503 and 'cause=42' in answer.get('reason'), answer.raw
        back.ack(answer)
        new = Up(lab, '+33124', callee=third)
        through.heard()
        through.end()
        eventually(lambda: not lab.gwctl('status')['draining'], 5, 'nothing drains')
        new.end()
        lab.nothing_held()


def a_trunk_is_cut():
    with ReloadLab() as lab:
        through, isdn = Up(lab, '+33123', callee=lab.far), Up(lab, '+442079460000', audio=3)
        lab.trunks['far'] = lab.trunk_text(lab.far, lab.quiet + ', early-media: false')
        reload(lab, now=True)
        assert 'cause=41' in through.was_ended().get('reason')
        through.far.expect_bye()
        isdn.heard()
        assert isdn.lives()
        # routing alone is no reason to cut
        second = Up(lab, '+33123', callee=lab.far)
        lab.trunks['far'] = lab.trunk_text(lab.far, lab.quiet + ', early-media: false, max-calls: 7')
        reload(lab, now=True)
        time.sleep(0.5)
        assert second.lives()
        second.end()
        isdn.end()
        lab.nothing_held()


def an_interface_moves():
    # to another port: the call in progress ends where it began, new ones come in at the new port
    with ReloadLab() as lab:
        call = Up(lab, '+442079460000', audio=4)
        old, lab.sip_port = lab.sip_port, free_ports(1, socket.SOCK_STREAM)[0]
        reload(lab)
        lab.peer.server = (GATEWAY_IP, lab.sip_port)
        new = Up(lab, '+442079460000', audio=2)
        lab.peer.server = (GATEWAY_IP, old)
        call.heard()
        assert call.lives()
        call.end()
        lab.peer.server = (GATEWAY_IP, lab.sip_port)
        new.heard()
        new.end()
        lab.nothing_held()


def media_changes():
    # other RTP ports: new calls have them, the old one keeps what it has
    with ReloadLab() as lab:
        call = Up(lab, '+442079460000', audio=4)
        first = port_range(40)
        lab.rtp = (first, first + 39)
        reload(lab)
        second = Up(lab, '+442079460000', audio=2)
        ports = [int(leg['media']['local'].rpartition(':')[2]) for c in lab.gwctl('call', 'list')['calls']
                 for leg in lab.gwctl('call', 'show', c['id'])['legs'] if leg['media']]
        assert sum(first <= port < first + 40 for port in ports) == 1, ports
        for one in (call, second):
            one.heard()
            one.end()
        assert lab.gwctl('status')['rtp_ports']['total'] == 20
        lab.nothing_held()


def switches():
    # a trunk and a span are switched off and on: new calls refused on both sides; with now=true the calls are cut
    with ReloadLab() as lab:
        call = Up(lab, '+442079460000', audio=4)
        assert ask(lab, 'POST', 'trunks/core/disable')[0] == 200
        assert objects(lab)['core']['admin'] == 'draining'
        answer = refused(lab)
        assert answer.status == 503 and 'cause=42' in answer.get('reason'), answer.raw
        assert answer.get('retry-after') == '10'
        assert ask(lab, 'POST', 'trunks/core/enable')[0] == 200
        assert ask(lab, 'POST', 'spans/e1-1/drain')[0] == 200
        assert objects(lab)['e1-1']['admin'] == 'draining'
        isdn = lab.isdn_call(**{'to': '02079461234', 'from': '2079461111'}).result()
        assert '42' in re.findall(r'"cause": (\d+)', json.dumps(isdn)), isdn
        assert refused(lab).status == 503
        call.heard()
        assert call.lives()
        assert ask(lab, 'POST', 'spans/e1-1/disable?now=true')[0] == 200
        assert 'cause=41' in call.was_ended().get('reason')
        eventually(lambda: objects(lab)['e1-1']['admin'] == 'disabled', 5, 'disabled')
        assert ask(lab, 'POST', 'spans/e1-1/enable')[0] == 200
        again = Up(lab, '+442079460000')
        again.end()
        lab.nothing_held()


# ---- at random

class Chance:
    """One random reading after the other; what carries the calls of the test is never touched."""

    def __init__(self, lab, seed):
        self.lab, self.random = lab, random.Random(seed)
        self.ports = free_ports(8, ip=GATEWAY_IP)
        self.base = dict(lab.trunks)
        self.taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.taken.bind((GATEWAY_IP, 0))

    def valid(self):
        lab, draw = self.lab, self.random
        has_wan = draw.random() < .6
        lab.interfaces = f'  wan: {{ address: "{GATEWAY_IP}:{self.ports[draw.randrange(2)]}", dscp: {draw.randrange(3)} }}' \
            if has_wan else ''
        lab.trunks = dict(self.base)
        for i in range(4):
            if draw.random() < .5:
                lab.trunks[f'x{i}'] = (f'{{ interface: {"wan" if has_wan and draw.random() < .5 else "lan"}, '
                                       f'peer: "127.0.0.{draw.randrange(20, 24)}:5060", max-calls: {draw.randrange(5)}, '
                                       f'enabled: {draw.choice(["true", "false"])}, '
                                       f'options-interval: {draw.choice([0, 1])}s }}')
        lab.more_lines, lab.more_spans = {}, {}
        for i in range(3):
            if draw.random() < .5:
                lab.more_lines[f'm{i}'] = (f'{{ kind: cesopsn, local: "{GATEWAY_IP}:{self.ports[2 + i]}", '
                                           f'remote: "127.0.0.1:9", packet-time: 5ms, jitter: {draw.randrange(10, 13)}ms }}')
                if draw.random() < .8:
                    lab.more_spans[f's{i}'] = (f'{{ line: m{i}, role: {draw.choice(["te", "nt"])}, '
                                               f'd-channel: {draw.choice([16, 17])} }}')
        lab.each_span = {n: f'timers: {{ t303: {draw.randrange(3, 6)}s }}' for n in (1, 2) if draw.random() < .5}
        first = lab.rtp[0] if draw.random() < .7 else self.random.choice(self.blocks)
        lab.rtp = (first, first + 419)
        lab.tail = f'ladder-calls: {draw.randrange(1, 300)}\n'

    def spoil(self):
        """(text of a file that is refused)"""
        lab, draw = self.lab, self.random
        text = lab.gateway_config()
        return draw.choice([
            text + 'nonsense: 1\n', text[:len(text) // 2] + '{', text.replace('peer:', 'per:', 1), '\0' * 100,
            text.replace('trunks:\n', 'trunks:\n  bad: { interface: nix, peer: 127.0.0.9 }\n', 1),
            text.replace('sip-interfaces:\n', f'sip-interfaces:\n  bad: {{ address: "{GATEWAY_IP}:'
                         f'{self.taken.getsockname()[1]}", transports: [udp] }}\n', 1),
        ])


def held(lab):
    pid = lab.gatewayd.process.pid
    return len(os.listdir(f'/proc/{pid}/fd')), len(os.listdir(f'/proc/{pid}/task'))


def blocks(lab):
    return lab.gwctl('status')['memory_blocks']


def stand(lab, *words, **options):
    """A call that stands; a span that a stalled exchange has let down for a moment is waited for."""
    for _ in range(5):
        try:
            return Up(lab, *words, **options)
        except AssertionError:
            eventually(lambda: all(o.get('state', 'up') == 'up' for o in objects(lab).values()), 20, 'spans up')
    return Up(lab, *words, **options)


def at_random():
    # a hundred calls stand (60 to the exchange, 40 through to a peer), six of them compare their audio octet by octet;
    # fifty readings come, a fifth of them faulty; no call is lost; in the end nothing more is held than before
    with ReloadLab(spans=2) as lab:
        chance = Chance(lab, SEED)
        chance.blocks = [lab.rtp[0], port_range(420)]
        lab.tail = 'ladder-calls: 2\n'      # two readings are held from now on: that of the start, and the newest
        reload(lab)
        lab.tail = TAIL
        reload(lab)
        time.sleep(1)
        start, memory = held(lab), blocks(lab)
        pause = .4
        audio = int(RELOADS * (pause + .25)) + 12
        calls = [stand(lab, '+442079460100', audio=audio if i < 3 else 0) for i in range(60)]
        calls += [stand(lab, f'+331{i}', callee=lab.far, audio=audio if i < 3 else 0) for i in range(40)]
        count = {'reloaded': 0, 'refused': 0, 'same': 0}
        for _ in range(RELOADS):
            if chance.random.random() < .2:
                lab.write('gateway.yaml', chance.spoil())
                status, answer = ask(lab, 'POST', 'config/reload')
                assert status == 422, answer
                count['refused'] += 1
            else:
                chance.valid()
                answer = reload(lab, now=chance.random.random() < .3)
                count['reloaded' if answer['changed'] else 'same'] += 1
            time.sleep(pause * chance.random.random() * 2)
            lost = [c for c in calls if not c.lives()]
            assert not lost, f'{len(lost)} calls lost after {count}'
        status = lab.gwctl('status')
        assert status['calls']['now'] == len(calls), status['calls']
        for call in calls:
            call.heard()
        assert all(call.lives() for call in calls)
        for call in calls:
            call.end()
        chance.taken.close()
        lab.trunks, lab.interfaces, lab.more_lines, lab.more_spans, lab.each_span, lab.tail = dict(chance.base), '', {}, {}, {}, TAIL
        lab.rtp = (chance.blocks[0], chance.blocks[0] + 419)
        reload(lab)
        lab.nothing_held(20)
        eventually(lambda: all(now <= then for now, then in zip(held(lab), start)), 60, f'descriptors and threads as before {start}')
        eventually(lambda: blocks(lab) <= memory + SLACK, 60, f'memory as before ({memory} blocks)', interval=1)
        print(f'  {len(calls)} calls, {count}; seed {SEED}; {memory} blocks of memory before, {blocks(lab)} after')


TESTS = [unchanged_is_not_touched, what_is_faulty_changes_nothing, a_line_drains, a_line_is_cut, a_span_changes_in_place,
         trunks_come_and_go, a_trunk_is_cut, an_interface_moves, media_changes, switches, at_random]
if __name__ == '__main__':
    sys.exit(run_tests(TESTS))
