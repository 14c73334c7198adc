#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Every pair of leg kinds works: SIP ↔ SIP, ISDN ↔ ISDN, and what SIP ↔ ISDN needs beyond one call on one span."""
import collections
import math
import re
import socket
import sys
import threading
import time

from lab import GATEWAY_IP, PEER_IP, Dialog, Lab, eventually, free_ports, sdp
from shared_lab import end, final, isdn_messages, media_port, run_cases, up

PLAN = """
scenarios:
  echo: [ proceeding, alerting, connect, echo ]
numbers:
  - { called: "2070200002", steps: [ proceeding, alerting, connect, { play: { tone: 1004, level: -16 } } ] }
  - { called: "2070200004", steps: [ proceeding, { disconnect: { cause: 1, location: public-local, inband: true } }, { play: { tone: 1004, level: -16 } }, { wait: 2s }, { release: { cause: 1, location: public-local } } ] }
  - { called: "2070200005", steps: [ proceeding, { progress: { description: 2, progress-location: public-remote } }, { alerting: { description: 4, progress-location: transit, display: "Ringing there", user-user: "04414c" } }, { wait: 100ms }, { connect: { connected: "2079463333", connected-type: national, connected-screening: network, display: "Somebody", user-user: "04434f" } }, echo ] }
  - { called: "2070200006", steps: [ proceeding, alerting ] }
  - { called: "2070200007", steps: [ proceeding, { progress: { inband: true } }, { play: { tone: 425, level: -20 } }, { wait: 1500ms }, connect, echo ] }
  - { called: "2070200111", steps: [ { release: { cause: 17, location: user } } ] }
  - { called: "2070200112", steps: [ proceeding, { release: { cause: 1, location: public-remote } } ] }
  - { called: "2070200113", steps: [ proceeding, alerting, { disconnect: { cause: 21, location: private-remote } } ] }
  - { called: "2070200114", steps: [ proceeding, { disconnect: { cause: 27, location: transit } } ] }
  - { called: "2070200115", steps: [ { release: { cause: 88, location: international } } ] }
  - { called: "2070200116", steps: [ proceeding, connect, echo, { wait: 200ms }, { disconnect: { cause: 31, location: beyond-interworking } } ] }
  - { called: "2070200117", steps: [ { release: { cause: 3, location: transit, diagnostics: "81" } } ] }
  - { called: "*", scenario: echo }
"""
ROUTES = r"""usages: [any]
policies:
  all: { usages: [any] }
  inbound: { usages: [any] }
routes:
  b: { pattern: '^\+4420801', usages: [any], gateways: [b] }
  ulaw: { pattern: '^\+4420802', usages: [any], gateways: [ulaw] }
  slow: { pattern: '^\+4420803', usages: [any], gateways: [slow] }
  tcp: { pattern: '^\+4420804', usages: [any], gateways: [tcp] }
  few: { pattern: '^\+4420805', usages: [any], gateways: [few] }
  watched: { pattern: '^\+4420806', usages: [any], gateways: [watched, b] }
  six: { pattern: '^\+4420807', usages: [any], gateways: [GATEWAYS] }
  core: { pattern: '^\+4420808', usages: [any], gateways: [core] }
  first: { pattern: '^\+4420701', usages: [any], gateways: [e1-1] }
  second: { pattern: '^\+4420702', usages: [any], gateways: [e1-2] }
  group: { pattern: '^\+4420703', usages: [any], gateways: [pstn] }"""
TO_B, TO_ULAW, TO_SLOW, TO_TCP, TO_FEW, TO_WATCHED, TO_SIX, TO_CORE = (f'+442080{n}0000' for n in range(1, 9))
TO_FIRST, TO_SECOND, TO_GROUP = '+442070100001', '+442070200001', '+442070300001'


def have_ipv6():
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
            s.bind(('::1', 0))
        return True
    except OSError:
        return False


class Pairs(Lab):
    """Two spans and a trunk of each sort; lab.peer is core."""

    def __init__(self, **kw):
        super().__init__(spans=2, plan=PLAN, trunks={'core': ''}, routes=ROUTES, start=False, **kw)
        self.peer = self.add_peer()
        self.b, self.ulaw, self.slow = (self.add_peer(f'127.0.0.{n}') for n in (4, 5, 6))
        self.tcp = self.add_peer('127.0.0.7', transport='tcp')
        self.few, self.watched = self.add_peer('127.0.0.8'), self.add_peer('127.0.0.9')
        self.trunks = {'core': self.trunk_text(self.peer), 'b': self.trunk_text(self.b),
                       'ulaw': self.trunk_text(self.ulaw, 'codecs: [pcmu]'),
                       'slow': self.trunk_text(self.slow, 'codecs: [pcma], packet-time: 60ms'),
                       'tcp': self.trunk_text(self.tcp),
                       'few': self.trunk_text(self.few, 'max-calls: 2'),
                       'watched': self.trunk_text(self.watched, 'options-interval: 1s')}
        self.six = None
        if have_ipv6():
            port = free_ports(1)[0]
            self.six = self.add_peer('::1')
            self.six.server = ('::1', port)
            self.interfaces = f'  six: {{ transports: [udp], address: "[::1]:{port}" }}'
            self.trunks['six'] = self.trunk_text(self.six).replace('interface: lan', 'interface: six')
        self.routes = ROUTES.replace('GATEWAYS', 'six' if self.six else 'core')
        self.each_span = {2: 'hunt: cyclic-ascending'}

    def __enter__(self):
        self.begin = True
        super().__enter__()
        eventually(lambda: self.trunk('watched')['up'] and self.watched.options, 5, 'up at first, and asked')
        self.watched.auto = {}      # its silence is noticed after 64·T1; the last of the cases looks
        return self

    def trunk(self, name):
        return [t for t in self.gwctl('trunk', 'list')['trunks'] if t['name'] == name][0]


# ---- pieces

class Reflector:
    """The far side's RTP: every packet goes back as it came; what came is counted by (payload type, octets of payload)."""

    def __init__(self, ip):
        self.ip, self.seen, self.digits, self.done = ip, collections.Counter(), [], False
        self.socket = socket.socket(socket.AF_INET6 if ':' in ip else socket.AF_INET, socket.SOCK_DGRAM)
        self.numbers = {}       # payload types that go back as others
        self.socket.bind((ip, 0))
        self.port = self.socket.getsockname()[1]
        self.socket.settimeout(0.1)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.done:
            try:
                packet, source = self.socket.recvfrom(2048)
            except (TimeoutError, OSError):
                continue
            self.seen[(packet[1] & 127, len(packet) - 12)] += 1
            if len(packet) == 16 and packet[1] & 128:
                self.digits.append('0123456789*#ABCD'[packet[12] & 15])
            kind = self.numbers.get(packet[1] & 127, packet[1] & 127)
            self.socket.sendto(packet[:1] + bytes([packet[1] & 128 | kind]) + packet[2:], source)

    def close(self):
        self.done = True
        self.thread.join()
        self.socket.close()


class Through:
    """A call from one scripted peer through the gateway to another, answered; the far side's audio is echoed."""

    def __init__(self, near, number, far, near_sdp=None, far_sdp=None, extra=''):
        self.near, self.far, self.near_sdp, self.far_sdp = near, far, near_sdp or {}, far_sdp or {}
        self.port, self.echo = media_port(near.ip), Reflector(far.ip)
        self.call = Dialog(near, number, body=sdp(near.ip, self.port, **self.near_sdp), extra=extra).send_invite()
        self.dialog, self.invite = far.take_call()
        self.dialog.respond(180)
        self.ringing = self.call.wait(180)
        self.dialog.respond(200, body=sdp(far.ip, self.echo.port, **self.far_sdp))
        self.ok = self.call.wait(200)
        self.call.ack(self.ok)
        far.wait(self.dialog.call_id, 'ACK')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.echo.close()

    def probe(self, lab, *words, seconds=2, **kw):
        codec = 'pcmu' if self.ok.media[2][0] == '0' else 'pcma'
        host = f'[{self.ok.media[0]}]' if ':' in self.ok.media[0] else self.ok.media[0]
        local = f'[{self.near.ip}]' if ':' in self.near.ip else self.near.ip
        probe = lab.probe('--remote', f'{host}:{self.ok.media[1]}', '--local', f'{local}:{self.port}', '--codec', codec,
                          '--duration', f'{seconds}s', '--ptime', str(self.near_sdp.get('ptime', 20)), *words, port=self.port, **kw)
        return probe

    def exact(self, lab, *words, **kw):
        probe = self.probe(lab, '--send', 'counter', '--expect', 'echo', *words, **kw)
        assert probe.wait() == 0, f'{probe.output}\nfar side saw {self.echo.seen}'
        return probe

    def end(self, by_far=False, extra=''):
        """BYE from one side; the BYE that the other gets."""
        one, other = (self.dialog, self.call) if by_far else (self.call, self.dialog)
        one.send('BYE', extra=extra)
        bye = other.expect_bye()
        assert one.peer.wait(one.call_id, lambda m: m.is_response and m.method == 'BYE').status == 200
        return bye

    def offer(self, by_far=False, **kw):
        """A re-INVITE of one side. (its answer, the re-INVITE that the other side got if any, which is answered in kind)"""
        one, other = (self.dialog, self.call) if by_far else (self.call, self.dialog)
        port = {True: self.echo.port, False: self.port}
        terms = {True: self.far_sdp, False: self.near_sdp}
        one.send('INVITE', body=sdp(one.peer.ip, port[by_far], **{**terms[by_far], **kw}))
        try:
            passed = other.peer.wait(other.call_id, 'INVITE', 0.5)
        except AssertionError:
            passed = None
        if passed:
            mirror = {'sendonly': 'recvonly', 'recvonly': 'sendonly'}.get(passed.media[3], passed.media[3])
            other.respond(200, request=passed, body=sdp(other.peer.ip, port[not by_far], version=9, direction=mirror,
                                                        **terms[not by_far]))
            other.peer.wait(other.call_id, lambda m: not m.is_response and m.method == 'ACK')
        answer = final(one, 'INVITE')
        one.ack(answer)
        return answer, passed


def alaw(octet):
    """G.711 table 1a, as a number of 13 bits and sign."""
    octet ^= 0x55
    exponent, mantissa = octet >> 4 & 7, octet & 15
    value = (mantissa * 2 + 1 + (32 if exponent else 0)) << max(exponent - 1, 0)
    return value if octet & 128 else -value


def digits_in(octets, block=205):
    """DTMF digits in A-law octets: Q.23's two frequencies, far above the six others."""
    rows, columns, keys, heard, last = (697, 770, 852, 941), (1209, 1336, 1477, 1633), '123A456B789C*0#D', '', ''

    def power(samples, hz):
        turn = 2 * math.pi * hz / 8000
        return abs(sum(s * complex(math.cos(turn * n), math.sin(turn * n)) for n, s in enumerate(samples))) / len(samples)
    for at in range(0, len(octets) - block, block):
        samples = [alaw(o) for o in octets[at:at + block]]
        low, high = [power(samples, f) for f in rows], [power(samples, f) for f in columns]
        one, two = max(low), max(high)
        key = ''
        if min(one, two) > 20 and sorted(low)[2] * 3 < one and sorted(high)[2] * 3 < two:
            key = keys[low.index(one) * 4 + high.index(two)]
        if key and key != last:
            heard += key
        last = key
    return heard


def speak(ip, port, remote, seconds=1.6, digits='', event=101, on_time=None):
    """RTP of silence with `digits` as RFC 4733 events between; what was heard meanwhile, as A-law octets in order."""
    heard = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind((ip, port))
        begin = time.monotonic()
        for n in range(int(seconds * 50)):
            stamp = n * 160
            key, into = digits[n // 15 - 1:n // 15], n % 15          # a digit every 300 ms from 300 ms on, 100 ms long
            if key and n >= 15 and into < 7:
                ended = into >= 4
                payload = bytes(['0123456789*#ABCD'.index(key), 10 | (128 if ended else 0)]) + (min(into + 1, 5) * 160).to_bytes(2, 'big')
                kind, stamp = event | (128 if into == 0 else 0), (n - into) * 160
            else:
                kind, payload = 8, b'\xd5' * 160
            s.sendto(bytes([128, kind]) + (n & 65535).to_bytes(2, 'big') + stamp.to_bytes(4, 'big') + b'spea' + payload, remote)
            if on_time:
                on_time(n)
            s.settimeout(max(0.001, begin + (n + 1) * 0.02 - time.monotonic()))
            try:
                while True:
                    packet, _ = s.recvfrom(2048)
                    if packet[1] & 127 == 8:
                        heard[int.from_bytes(packet[4:8], 'big')] = packet[12:]
                    s.settimeout(max(0.001, begin + (n + 1) * 0.02 - time.monotonic()))
            except (TimeoutError, BlockingIOError):
                pass
    return b''.join(heard[k] for k in sorted(heard))


def isdn(lab, to, span='e1-1', **options):
    """A call that the exchange places through the gateway, and what became of it."""
    return lab.isdn_call(**{'to': to, 'span': span, 'from': '2079461111', 'from_type': 'national', 'hold': '500ms', **options})


def one(result):
    assert 'calls' in result, result
    return result['calls'][0]


def setups_on(lab, span):
    return [e for e in isdn_messages(lab, 'SETUP') if e['span'] == span]


def message_of(call, name):
    found = [m for m in call['messages'] if m['message'] == name and m['direction'] == 'received']
    assert found, call['messages']
    return found[0]


def event_number(message):
    return int(re.search(r'a=rtpmap:(\d+) telephone-event/8000', message.body)[1])


# ---- SIP ↔ SIP

def sip_ladder(lab):
    # INVITE → INVITE, 180 ← 180, 200 ← 200, ACK → ACK; BYE from either side passes with its Reason. Each side sees only us.
    for by_far in (False, True):
        with Through(lab.peer, TO_B, lab.b) as t:
            assert t.invite.uri.startswith(f'sip:{TO_B}@'), t.invite.start
            assert t.invite.call_id != t.call.call_id and t.invite.cseq
            for message, other in ((t.invite, t.near), (t.ok, t.far)):
                assert message.media[0] == GATEWAY_IP and lab.rtp_first <= message.media[1] < lab.rtp_first + 260, message.body
                assert message.media[3] == 'sendrecv' and other.ip not in message.raw.decode(), message.raw
            assert t.invite.media[1] != t.ok.media[1]
            bye = t.end(by_far, extra='Reason: Q.850;cause=31;text="Normal, unspecified"')
            assert 'cause=31' in bye.get('reason'), bye.raw
        lab.nothing_held()


def sip_audio_same_codec(lab):
    with Through(lab.peer, TO_B, lab.b) as t:
        t.exact(lab, seconds=5)
        assert set(t.echo.seen) == {(8, 160)}, t.echo.seen
        t.end()


def sip_audio_packet_times(lab):
    # 20 ms on one side and 60 ms on the other; 10 and 30 ms: octets stay, packets differ
    with Through(lab.peer, TO_SLOW, lab.slow, far_sdp={'ptime': 60}) as t:
        t.exact(lab)
        assert set(t.echo.seen) == {(8, 480)}, t.echo.seen
        t.end()
    with Through(lab.slow, TO_B, lab.b, near_sdp={'ptime': 60}) as t:
        t.exact(lab)
        assert set(t.echo.seen) == {(8, 160)}, t.echo.seen
        t.end()
    with Through(lab.peer, TO_B, lab.b, near_sdp={'ptime': 10}, far_sdp={'ptime': 30}) as t:
        t.exact(lab)
        assert set(t.echo.seen) == {(8, 240)}, t.echo.seen
        t.end()


def sip_audio_conversion(lab):
    # A-law only ↔ µ-law only: offers name what the trunk allows, a tone keeps its level, octets are G.711's conversion
    with Through(lab.slow, TO_ULAW, lab.ulaw, {'codecs': (8,)}, {'codecs': (0,)}) as t:
        assert '0' in t.invite.media[2] and '8' not in t.invite.media[2], t.invite.body
        assert t.ok.media[2][0] == '8' and '0' not in t.ok.media[2], t.ok.body
        t.exact(lab, '--via', 'pcmu')
        assert {kind for kind, _ in t.echo.seen} == {0}, t.echo.seen
        probe = t.probe(lab, '--send', 'tone:1004@-10', '--expect', 'tone:1004@-10')
        assert probe.wait() == 0, probe.output
        t.end()
    with Through(lab.ulaw, TO_B, lab.b, {'codecs': (0,)}, {'codecs': (8,)}) as t:
        probe = t.probe(lab, '--send', 'tone:1004@-10', '--expect', 'tone:1004@-10')
        assert probe.wait() == 0, probe.output
        t.end()


def sip_events(lab):
    # telephone-event 101 here, 96 there: each side gets what it asked for, and sends what we asked for (RFC 3264 6.1)
    with Through(lab.peer, TO_B, lab.b, {'event': 101}, {'event': 96}) as t:
        t.echo.numbers = {96: event_number(t.invite)}
        probe = t.probe(lab, '--send', 'silence', '--dtmf', '159#', '--event-pt', '101', '--expect', 'nothing', seconds=3)
        assert probe.wait() == 0, probe.output
        assert ''.join(t.echo.digits) == '159#', f'{t.echo.digits} {t.echo.seen}'
        assert {kind for kind, _ in t.echo.seen} == {8, 96}, t.echo.seen
        assert probe.json['digits'] == '159#', probe.output
        t.end()


def sip_events_unequal(lab):
    # the caller's number is 96; then a far side that knows no events: tones in its audio
    with Through(lab.b, TO_CORE, lab.peer, {'event': 96}, {'event': 101}) as t:
        assert event_number(t.ok) == 96, t.ok.body
        t.echo.numbers = {101: event_number(t.invite)}
        probe = t.probe(lab, '--send', 'silence', '--dtmf', '42', '--event-pt', '96', '--expect', 'nothing', seconds=1.5)
        assert probe.wait() == 0 and probe.json['digits'] == '42' and t.echo.digits == ['4', '2'], f'{probe.output} {t.echo.seen}'
        t.end()
    with Through(lab.peer, TO_B, lab.b, {'event': 101}, {'event': 0}) as t:
        heard = speak(PEER_IP, t.port, t.ok.media[:2], 1.8, '42')
        assert digits_in(heard) == '42' and set(t.echo.seen) == {(8, 160)}, f'{digits_in(heard)!r} {t.echo.seen}'
        t.end()


def sip_codec_change(lab):
    # a re-INVITE takes one side from A-law to µ-law; the other side stays as it is
    with Through(lab.peer, TO_B, lab.b, {'codecs': (8, 0)}, {'codecs': (8,)}) as t:
        t.near_sdp = {'codecs': (0,)}
        t.ok, _ = t.offer(version=2)
        assert t.ok.status == 200 and t.ok.media[2][0] == '0', t.ok.body
        t.exact(lab, '--via', 'pcma')
        t.end()


def sip_identities(lab):
    # From, P-Asserted-Identity with Privacy, Diversion and the answer's identity cross; hosts are ours
    call = lab.call(TO_B, caller=f'"Ann" <sip:+442079461111@{PEER_IP}>',
                    extra='P-Asserted-Identity: "Ann Asserted" <sip:+442079461112@x>\r\nPrivacy: id\r\n'
                          'Diversion: <sip:+442079463333@x>;reason=user-busy').send_invite()
    dialog, invite = lab.b.take_call()
    assert '+442079461112@' in invite.get('p-asserted-identity') and 'Ann Asserted' in invite.get('p-asserted-identity'), invite.raw
    assert 'id' in invite.get('privacy') and '+44207946111' not in invite.get('from'), invite.raw
    assert '+442079463333@' in invite.get('diversion') and 'user-busy' in invite.get('diversion'), invite.raw
    dialog.respond(200, body=sdp(lab.b.ip, 40000), extra='P-Asserted-Identity: "Callee" <sip:+442079464444@x>')
    ok = call.wait(200)
    call.ack(ok)
    assert '+442079464444@' in ok.get('p-asserted-identity'), ok.raw
    lab.b.wait(dialog.call_id, 'ACK')
    call.send('BYE')
    dialog.expect_bye()


def sip_hops(lab):
    # Max-Forwards is one less; where none is left the call ends here, so that no loop lives on
    for hops in (70, 3, 2):
        call = lab.call(TO_B, max_forwards=hops).send_invite()
        dialog, invite = lab.b.take_call()
        assert invite.get('max-forwards') == str(hops - 1), f'{hops}: {invite.get("max-forwards")}'
        dialog.respond(486)
        lab.b.wait(dialog.call_id, 'ACK')
        call.ack(final(call))
    call = lab.call(TO_B, max_forwards=1).send_invite()
    answer = final(call)
    call.ack(answer)
    assert answer.status >= 400 and lab.b.incoming.empty(), answer.start


def sip_hold(lab):
    # sendonly → recvonly, and back: audio is exact again; from either side
    for by_far in (False, True):
        with Through(lab.peer, TO_B, lab.b) as t:
            held, _ = t.offer(by_far, direction='sendonly', version=2)
            assert held.status == 200 and held.media[3] in ('recvonly', 'inactive'), held.raw
            resumed, _ = t.offer(by_far, direction='sendrecv', version=3)
            assert resumed.status == 200 and resumed.media[3] == 'sendrecv', resumed.raw
            t.exact(lab)
            t.end()


def isdn_diagnostics(lab):
    # the diagnostics of a cause
    call = one(isdn(lab, '02070200117', hold='3s', detail='on').result())
    assert [m for m in call['messages'] if m['direction'] == 'received'][-1].get('cause_diagnostics') == '81', call['messages']


def sip_hold_is_told(lab):
    # the side that did not ask hears of it, once, and of the end; either side, all directions
    answers = {'inactive': 'inactive', 'sendonly': 'recvonly', 'recvonly': 'sendonly', 'sendrecv': 'sendrecv'}
    for by_far in (False, True):
        with Through(lab.peer, TO_B, lab.b) as t:
            for version, direction in enumerate(('inactive', 'sendrecv', 'sendonly', 'recvonly', 'sendrecv'), 2):
                answer, passed = t.offer(by_far, direction=direction, version=version)
                assert answer.media[3] == answers[direction], answer.body
                assert passed and passed.media[3] == direction, f'the other side was not told of {direction}'
                _, again = t.offer(by_far, direction=direction, version=version)
                assert not again, again.raw
            t.exact(lab)
            t.end()


def sip_early_media(lab):
    # 183 with SDP: heard before the answer
    port, far = media_port(), media_port(lab.b.ip)
    call = lab.call(TO_B, body=sdp(PEER_IP, port)).send_invite()
    dialog, invite = lab.b.take_call()
    dialog.respond(183, body=sdp(lab.b.ip, far))
    early = call.wait('1xx')
    assert early.status == 183 and early.media, early.raw
    source = lab.probe('--local', f'{lab.b.ip}:{far}', '--remote', f'{GATEWAY_IP}:{invite.media[1]}', '--send', 'tone:1004@-16',
                       '--duration', '3s', '--wait', '1s', '--expect', 'nothing', port=far)
    probe = lab.probe('--remote', f'{GATEWAY_IP}:{early.media[1]}', '--send', 'silence', '--expect', 'tone:1004@-16',
                      '--duration', '1s', port=port)
    assert probe.wait() == 0, probe.output
    source.process.terminate()
    dialog.respond(200, body=sdp(lab.b.ip, far))
    ok = call.wait(200)
    call.ack(ok)
    assert ok.media[:2] == early.media[:2]
    lab.b.wait(dialog.call_id, 'ACK')
    call.send('BYE')
    dialog.expect_bye()


def sip_delayed_offer(lab):
    # INVITE without SDP; the offer comes in the 200, its answer in the ACK
    port, echo = media_port(), Reflector(lab.b.ip)
    call = lab.call(TO_B, body='').send_invite()
    dialog, invite = lab.b.take_call()
    dialog.respond(180)
    dialog.respond(200, body=sdp(lab.b.ip, echo.port))
    ok = call.wait(200)
    assert ok.media and '8' in ok.media[2] and ok.media[0] == GATEWAY_IP, ok.raw
    call.ack(ok, body=sdp(PEER_IP, port))
    lab.b.wait(dialog.call_id, 'ACK')
    probe = lab.probe('--remote', f'{GATEWAY_IP}:{ok.media[1]}', '--send', 'counter', '--expect', 'echo', '--duration', '2s', port=port)
    assert probe.wait() == 0, probe.output
    call.send('BYE')
    dialog.expect_bye()
    echo.close()


def sip_cancel(lab):
    # CANCEL passes with its Reason; 487
    for ringing in (False, True):
        call = lab.call(TO_B).send_invite()
        dialog, invite = lab.b.take_call()
        if ringing:
            dialog.respond(180)
            call.wait(180)
        else:
            dialog.respond(100)
            call.wait(100)
        call.cancel(extra='Reason: SIP;cause=200;text="Call completed elsewhere"')
        cancel = lab.b.wait(dialog.call_id, 'CANCEL')
        lab.b.respond(cancel, 200, tag=dialog.tag)
        dialog.respond(487)
        lab.b.wait(dialog.call_id, 'ACK')
        answer = final(call, 'INVITE')
        call.ack(answer)
        assert answer.status == 487, answer.start


def refused(lab, status, extra=''):
    call = lab.call(TO_B).send_invite()
    dialog, _ = lab.b.take_call()
    dialog.respond(status, extra=extra)
    lab.b.wait(dialog.call_id, 'ACK')
    answer = final(call, 'INVITE')
    call.ack(answer)
    return answer


def sip_refusals(lab):
    # what the far side says of the called party is what the near side hears; what it says of our request is our affair, and
    # becomes a 5xx
    wrong = []
    for status in (480, 486, 404, 603, 403, 410, 484, 488, 503, 504, 600, 604, 606):
        answer = refused(lab, status)
        if answer.status != status:
            wrong.append(f'{status} → {answer.start[8:]}')
    for status in (400, 408, 415, 500):
        answer = refused(lab, status)
        if answer.status // 100 != 5:
            wrong.append(f'{status} → {answer.start[8:]}')
    assert not wrong, wrong


def sip_reason_kept(lab):
    answer = refused(lab, 480, 'Reason: Q.850;cause=19;text="No answer"')
    assert answer.status == 480 and 'cause=19' in answer.get('reason'), answer.raw
    answer = refused(lab, 486, 'Reason: Q.850;cause=17;text="User busy";location=U')
    assert answer.status == 486 and 'cause=17' in answer.get('reason') and 'location=U' in answer.get('reason'), answer.raw


def sip_info_digits(lab):
    # INFO with application/dtmf-relay → the far side's telephone-event
    with Through(lab.peer, TO_B, lab.b) as t:
        t.probe(lab, '--send', 'silence', '--expect', 'nothing', seconds=2)
        time.sleep(0.5)
        t.call.send('INFO', body='Signal=5\r\nDuration=160\r\n', content_type='application/dtmf-relay')
        assert final(t.call, 'INFO').status == 200
        eventually(lambda: t.echo.digits == ['5'], 2, f'digit at the far side ({t.echo.seen})')
        t.end()


# ---- ISDN ↔ ISDN

def isdn_exact(lab):
    # a sequence goes e1-1 → gateway → e1-2, is echoed and comes back unchanged
    call = one(isdn(lab, '02070200001', media='prbs', hold='5s').result())
    assert call['answered'] and call['cause'] == 16, call
    sequence = call['media']['prbs']
    assert sequence['intact'] and sequence['slips'] == 0 and sequence['compared'] > 30000, sequence


def isdn_causes(lab):
    # RELEASE COMPLETE, RELEASE and DISCONNECT with cause and location → the same at the caller
    rows = {'111': (17, 'user'), '112': (1, 'public-remote'), '113': (21, 'private-remote'), '114': (27, 'transit'),
            '115': (88, 'international'), '116': (31, 'beyond-interworking'), '117': (3, 'transit')}
    wrong = []
    for number, expected in rows.items():
        call = one(isdn(lab, f'02070200{number}', hold='3s').result())
        if (call['cause'], call['location']) != expected:
            wrong.append(f'{number}: {expected} became {call["cause"]}, {call["location"]}')
    assert not wrong, wrong


def isdn_hangup_cause(lab):
    # the caller's own cause reaches the called side
    isdn(lab, '02070200001', hangup_cause=31, hangup_location='public-local').result()
    seen = [e for e in isdn_messages(lab, 'DISCONNECT') if e['span'] == 'e1-2'][-1]
    assert (seen['cause'], seen['location']) == (31, 'public-local'), seen


ELEMENTS = {'hlc': '9181', 'llc': '8890', 'user_user': '0448656c6c6f', 'bearer': '9090a3'}


def isdn_elements(lab):
    # HLC, LLC, bearer, user-user, progress, redirecting, both calling numbers: as they came
    before = len(setups_on(lab, 'e1-2'))
    isdn(lab, '02070200001', hlc=ELEMENTS['hlc'], llc=ELEMENTS['llc'], user_user=ELEMENTS['user_user'], bearer=ELEMENTS['bearer'],
         second_from='2079462222', second_type='national', screening='network', redirecting='2079463333',
         redirecting_type='national', redirecting_reason=15, progress='3').result()
    setup = setups_on(lab, 'e1-2')[before]
    for key, value in ELEMENTS.items():
        assert setup.get(key) == value, f'{key}: {setup}'
    assert setup['calling']['digits'] == '2079461111' and setup['calling']['screening'] == 'network', setup
    assert setup['redirecting']['digits'] == '2079463333' and setup['redirecting_reason'] == 15, setup
    assert [(p['description'], p['location']) for p in setup['progress']] == [(3, 'user')], setup
    assert setup['sending_complete'], setup


def isdn_second_number(lab):
    before = len(setups_on(lab, 'e1-2'))
    isdn(lab, '02070200001', screening='network', second_from='2079462222', second_type='national').result()
    setup = setups_on(lab, 'e1-2')[before]
    assert setup['calling'].get('second', {}).get('digits') == '2079462222', setup


def isdn_elements_back(lab):
    # progress, connected number and user-user of ALERTING and CONNECT
    call = one(isdn(lab, '02070200005', detail='on').result())
    progress, alerting, connect = (message_of(call, name) for name in ('PROGRESS', 'ALERTING', 'CONNECT'))
    assert [(p['description'], p['location']) for p in progress['progress']] == [(2, 'public-remote')], progress
    assert [(p['description'], p['location']) for p in alerting['progress']] == [(4, 'transit')], alerting
    assert alerting['user_user'] == '04414c' and connect['user_user'] == '04434f', (alerting, connect)
    assert connect['connected']['digits'] == '2079463333' and connect['connected']['type'] == 'national', connect
    assert 'progress' not in connect, 'no interworking was there'


def isdn_announcement(lab):
    # DISCONNECT with indicator 8: heard on the other span, then its cause
    call = one(isdn(lab, '02070200004', detail='on').result())
    assert (call['cause'], call['location']) == (1, 'public-local'), call
    assert message_of(call, 'DISCONNECT')['inband'], call
    levels = [h['level_dbm0'] for h in call['media']['heard'].values() if h['loud_ms'] > 1000]
    assert levels and abs(levels[0] + 16) < 1, call['media']


def isdn_early_audio(lab):
    # PROGRESS with indicator 8: the tone is heard before the answer
    call = one(isdn(lab, '02070200007', hold='300ms').result())
    assert call['answered'], call
    assert any(h['loud_ms'] > 800 and abs(h['hz'] - 425) < 3 for h in call['media']['heard'].values()), call['media']


def isdn_abandoned(lab):
    # the caller gives up while it rings: the called span's call ends and both channels are free
    call = one(isdn(lab, '02070200006', abandon_at='alerting').result())
    assert not call['answered'], call


def isdn_bearers(lab):
    # 3.1 kHz audio and unrestricted digital pass between spans, octets unchanged
    for word in ('audio', 'unrestricted'):
        before = len(setups_on(lab, 'e1-2'))
        call = one(isdn(lab, '02070200001', capability=word, media='prbs', hold='2s').result())
        assert call['answered'] and call['media']['prbs']['intact'], call
        setup = setups_on(lab, 'e1-2')[before]
        assert setup['capability'] == word, setup


def isdn_data_towards_sip(lab):
    call = one(isdn(lab, '02080800001', capability='unrestricted').result())
    assert not call['answered'] and call['cause'] in (65, 88), call
    assert lab.peer.incoming.empty()


# ---- SIP ↔ ISDN

def digits_of_rfc4733(lab):
    # telephone-events become tones in the channel: the echo of them is heard
    port = media_port()
    call, ok = up(lab, TO_FIRST, body=sdp(PEER_IP, port))
    heard = speak(PEER_IP, port, ok.media[:2], 2.2, '159#')
    assert digits_in(heard) == '159#', f'{digits_in(heard)!r} in {len(heard)} octets'
    end(call)


def digits_of_info(lab):
    # INFO with application/dtmf-relay likewise
    port = media_port()
    call, ok = up(lab, TO_FIRST, body=sdp(PEER_IP, port))

    def press(n):
        if n in (15, 35):
            call.send('INFO', body=f'Signal={"5" if n == 15 else "*"}\r\nDuration=160\r\n', content_type='application/dtmf-relay')
    heard = speak(PEER_IP, port, ok.media[:2], 1.6, on_time=press)
    assert digits_in(heard) == '5*', f'{digits_in(heard)!r} in {len(heard)} octets'
    end(call)


def mu_law_only(lab):
    # µ-law peer, A-law channel: octets are G.711's conversion there and back
    port = media_port(lab.ulaw.ip)
    call, ok = up(lab, TO_FIRST, peer=lab.ulaw, body=sdp(lab.ulaw.ip, port, codecs=(0,)))
    assert ok.media[2][0] == '0' and '8' not in ok.media[2], ok.body
    probe = lab.probe('--remote', f'{GATEWAY_IP}:{ok.media[1]}', '--local', f'{lab.ulaw.ip}:{port}', '--codec', 'pcmu', '--via', 'pcma',
                      '--send', 'counter', '--expect', 'echo', '--duration', '2s', port=port)
    assert probe.wait() == 0, probe.output
    end(call)


def over_tcp(lab):
    # both directions over TCP
    call, _ = up(lab, TO_FIRST, peer=lab.tcp)
    end(call)
    later = isdn(lab, '02080400001', hold='20s')
    dialog, invite = lab.tcp.take_call(8)
    assert invite.get('via').startswith('SIP/2.0/TCP'), invite.raw
    dialog.respond(180)
    dialog.respond(200, body=sdp(lab.tcp.ip, media_port(lab.tcp.ip)))
    lab.tcp.wait(dialog.call_id, 'ACK')
    dialog.send('BYE')
    lab.tcp.wait(dialog.call_id, lambda m: m.is_response and m.method == 'BYE')
    assert one(later.result())['answered']


def over_ipv6(lab):
    # signalling and RTP over ::1 to a channel, and from ::1 to 127.0.0.0/8
    if not lab.six:
        return print('  (no IPv6 here)')
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
        s.bind(('::1', 0))
        port = s.getsockname()[1]
    call, ok = up(lab, f'sip:{TO_FIRST}@[::1]:{lab.six.server[1]}', peer=lab.six, body=sdp('::1', port))
    assert ok.media[0] == '::1', ok.body
    probe = lab.probe('--remote', f'[::1]:{ok.media[1]}', '--local', f'[::1]:{port}', '--send', 'counter', '--expect', 'echo',
                      '--duration', '2s', port=port)
    assert probe.wait() == 0, probe.output
    end(call)


def ipv6_to_ipv4(lab):
    if not lab.six:
        return print('  (no IPv6 here)')
    echo = Reflector('::1')
    port = media_port()
    call = lab.call(TO_SIX, body=sdp(PEER_IP, port)).send_invite()
    dialog, invite = lab.six.take_call()
    assert invite.media[0] == '::1' and 'IN IP6' in invite.body, invite.body
    dialog.respond(200, body=sdp('::1', echo.port))
    ok = call.wait(200)
    call.ack(ok)
    assert ok.media[0] == GATEWAY_IP, ok.body
    lab.six.wait(dialog.call_id, 'ACK')
    probe = lab.probe('--remote', f'{GATEWAY_IP}:{ok.media[1]}', '--send', 'counter', '--expect', 'echo', '--duration', '2s', port=port)
    assert probe.wait() == 0, probe.output
    call.send('BYE')
    dialog.expect_bye()
    echo.close()


def sixty_calls(lab):
    # a group of two spans: 60 calls up at once, the 61st is refused with 34, each channel is used once
    calls = []
    for _ in range(6):
        batch = [lab.call(TO_GROUP, body=sdp(PEER_IP, 40000)).send_invite() for _ in range(10)]
        for call in batch:
            ok = call.wait(lambda m: m.status >= 200, 15)
            call.ack(ok)
            assert ok.status == 200, f'{len(calls)}: {ok.raw}'
            calls.append(call)
    spans = lab.gwctl('span', 'list')['spans']
    assert [s['calls'] for s in spans] == [30, 30] and [s['idle'] for s in spans] == [0, 0], spans
    extra = lab.call(TO_GROUP).send_invite()
    answer = final(extra)
    extra.ack(answer)
    assert answer.status == 503 and 'cause=34' in answer.get('reason'), answer.raw
    for call in calls:
        call.send('BYE')
    for call in calls:
        assert final(call, 'BYE', timeout=15).status == 200
    lab.nothing_held(20)
    eventually(lab.spans_up, 10, 'all channels idle')


def busy_slots(lab, span):
    slots = lab.gwctl('span', 'show', span)['timeslots']
    return {s['timeslot'] for s in slots if s.get('call')}


def hunted(lab, number, span):
    """Timeslots of three calls in order, and of a fourth after the first had ended."""
    calls, order = [], []

    def place():
        before = busy_slots(lab, span)
        calls.append(up(lab, number)[0])
        order.extend(busy_slots(lab, span) - before)
    for _ in range(3):
        place()
    first = calls.pop(0)
    end(first)
    eventually(lambda: order[0] not in busy_slots(lab, span) and lab.gwctl('span', 'show', span)['idle'] == 28, 5, 'first channel idle')
    place()
    for call in calls:
        end(call)
    lab.nothing_held()
    return order


def hunting(lab):
    # descending takes the freed channel again, cyclic goes on
    assert hunted(lab, TO_FIRST, 'e1-1') == [31, 30, 29, 31]
    eventually(lab.spans_up, 5, 'channels idle')
    got = hunted(lab, TO_SECOND, 'e1-2')
    ring = [n for n in range(1, 32) if n != 16]
    at = ring.index(got[0])
    assert got == [ring[(at + n) % 30] for n in range(4)], got


def other_hunting_and_restarts(_):
    # the two other orders; RESTART on start for one span, none for the other
    with Lab(spans=2, plan=PLAN, routes=ROUTES.replace('GATEWAYS', 'core').replace('[b]', '[core]').replace('[watched, b]', '[core]')
             .replace('[ulaw]', '[core]').replace('[slow]', '[core]').replace('[tcp]', '[core]').replace('[few]', '[core]'),
             start=False) as lab:
        lab.each_span = {1: 'hunt: ascending, restart-on-start: false', 2: 'hunt: cyclic-descending'}
        lab.start_exchange()
        lab.start_gateway()
        restarts = [e for e in lab.exchange_events() if e.get('event') == 'wire' and e['message'].startswith('RESTART')
                    and 'ACK' not in e['message']]
        # channel identification, Q.931 4.5.13; one under way when layer 2 came up is repeated
        asked = {(e['span'], int(re.search('1803....(..)', e['octets'])[1], 16) & 127) for e in restarts if e['direction'] == 'received'}
        assert asked == {('e1-2', n) for n in range(1, 32) if n != 16}, sorted(asked)
        assert hunted(lab, TO_FIRST, 'e1-1') == [1, 2, 3, 1]
        got = hunted(lab, TO_SECOND, 'e1-2')
        assert got == [31, 30, 29, 28], got


def restart_clears_one_call(lab):
    # RESTART for the channel of one of two calls: that one ends, the other keeps its audio
    port = media_port()
    kept, ok = up(lab, TO_FIRST, body=sdp(PEER_IP, port))
    before = busy_slots(lab, 'e1-1')
    hit, _ = up(lab, TO_FIRST)
    slot, = busy_slots(lab, 'e1-1') - before
    probe = lab.probe('--remote', f'{GATEWAY_IP}:{ok.media[1]}', '--send', 'counter', '--expect', 'echo', '--duration', '3s', port=port)
    time.sleep(0.5)
    lab.ctl('restart', 'span=e1-1', f'timeslot={slot}')
    bye = hit.expect_bye()
    assert re.search(r'cause=\d+', bye.get('reason')), bye.raw
    assert probe.wait() == 0, probe.output
    assert len(lab.gwctl('call', 'list')['calls']) == 1
    end(kept)
    lab.nothing_held()
    eventually(lab.spans_up, 5, 'the channel is idle again')


def max_calls(lab):
    # the third call towards a trunk of two is refused; calls from the trunk count too
    held = []
    for _ in range(2):
        t = Through(lab.peer, TO_FEW, lab.few)
        held.append(t)
    call = lab.call(TO_FEW).send_invite()
    answer = final(call)
    call.ack(answer)
    assert answer.status == 503, answer.start
    assert lab.few.incoming.empty()
    row = lab.trunk('few')
    assert row['calls'] == 2 and row['max_calls'] == 2, row
    held[0].end()
    held[0].echo.close()
    eventually(lambda: lab.trunk('few')['calls'] == 1, 5, 'room')
    with Through(lab.peer, TO_FEW, lab.few) as again:
        again.end()
    held[1].end()
    held[1].echo.close()


def options(lab):
    # a peer that stops answering OPTIONS is down: shown so, and passed over for the next gateway; and back
    eventually(lambda: not lab.trunk('watched')['up'], 40, 'shown down')
    call = lab.call(TO_WATCHED).send_invite()
    dialog, _ = lab.b.take_call()
    dialog.respond(200, body=sdp(lab.b.ip, 40000))
    ok = call.wait(200)
    call.ack(ok)
    lab.b.wait(dialog.call_id, 'ACK')
    live, = lab.gwctl('call', 'list')['calls']
    tried = lab.gwctl('call', 'show', live['id'])['attempts']
    assert [a['gateway'] for a in tried] == ['watched', 'b'], tried
    assert tried[0]['cause']['value'] == 27 and not tried[0]['key'], tried[0]
    assert lab.watched.incoming.empty()
    call.send('BYE')
    dialog.expect_bye()
    lab.watched.auto = {'OPTIONS': 200}
    eventually(lambda: lab.trunk('watched')['up'], 15, 'up again')


TESTS = [sip_ladder, sip_audio_same_codec, sip_audio_packet_times, sip_audio_conversion, sip_events, sip_events_unequal,
         sip_codec_change, sip_identities, sip_hops, sip_hold, sip_hold_is_told,
         sip_early_media, sip_delayed_offer, sip_cancel, sip_refusals, sip_reason_kept, sip_info_digits,
         isdn_exact, isdn_causes, isdn_diagnostics, isdn_hangup_cause, isdn_elements, isdn_second_number, isdn_elements_back,
         isdn_announcement, isdn_early_audio, isdn_abandoned, isdn_bearers, isdn_data_towards_sip,
         digits_of_rfc4733, digits_of_info, mu_law_only, over_tcp, over_ipv6, ipv6_to_ipv4, hunting, sixty_calls,
         restart_clears_one_call, max_calls, options, other_hunting_and_restarts]
KNOWN_FAILURES = []
if __name__ == '__main__':
    sys.exit(run_cases(TESTS, KNOWN_FAILURES, Pairs))
