#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What no well-behaved peer sends: strangers, and messages that are wrong in ways RFC 4475 collects. A live call must not
notice, new calls must go on, everything is counted."""
import random
import socket
import sys
import time

from lab import eventually, run_tests
from sip_floor import Dialog, Floor


def strangers_are_kept_out():
    with Floor(sources='127.0.0.2') as f:
        for ip, kind in ('127.0.0.9', socket.SOCK_DGRAM), ('127.0.0.9', socket.SOCK_STREAM):
            with socket.socket(socket.AF_INET, kind) as s:
                s.bind((ip, 0))
                s.settimeout(0.4)
                try:
                    s.connect((f.ip, f.port))
                    s.send(b'OPTIONS sip:x SIP/2.0\r\n\r\n')
                    answer = s.recv(100)
                except OSError:
                    answer = b''
                assert not answer, answer
        assert eventually(lambda: f.counters()['filtered'] >= 2, what='dropped packets counted')
        assert f.counters()['requests_rx'] == 0 and f.counters()['malformed'] == 0
        f.answered_in().bye()


def most_specific_source_only():
    # Within a configured prefix all hosts are the trunk's
    with Floor(sources='127.0.0.0/30') as f:
        f.answered_in().bye()
    with Floor(sources='127.0.0.2/31', peer_ip='127.0.0.3') as f:
        f.answered_in().bye()


def peer_outside_of_its_sources():
    # Its responses pass, its requests are of no trunk: discarded unanswered, counted
    with Floor(sources='127.0.0.9') as f:
        d = Dialog(f.peer, body=f.media()).send_invite()
        assert not f.peer.quiet(d.call_id)
        counted = f.counters()
        assert counted['unknown_peer'] >= 1 and counted['filtered'] == 0
        out, _ = f.call_out()
        out.respond(486)
        f.expect('released 1 cause=17')


def strangers_over_ipv6():
    with Floor(ip='::1', peer_host='[::2]', sources='2001:db8::/32') as f:
        d = Dialog(f.peer, body=f.media()).send_invite()
        assert not f.peer.quiet(d.call_id)
        assert f.counters()['filtered'] >= 1


class Vandal:
    """A socket at the peer's address that sends anything and reads answers without understanding them."""

    def __init__(self, f):
        self.f = f
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((f.peer.ip, 0))
        self.socket.setblocking(False)
        f.vandal = self.socket.getsockname()[1]

    def send(self, raw):
        self.socket.sendto(raw[:65000], (self.f.ip, self.f.port))

    def answers(self):
        found = []
        try:
            while True:
                found.append(self.socket.recv(70000))
        except BlockingIOError:
            return [m for m in found if not m.startswith(b'SIP/2.0 100')]


def good(f, call_id='', **changes):
    """A correct INVITE as (name, value) lines to spoil."""
    ip, port = f.peer.ip, f.vandal
    lines = {'start': f'INVITE sip:123@{f.host}:{f.port} SIP/2.0',
             'Via': f'SIP/2.0/UDP {ip}:{port};branch=z9hG4bK{random.randrange(1 << 40):x}', 'Max-Forwards': '70',
             'From': '<sip:1@x>;tag=a', 'To': '<sip:123@x>', 'Call-ID': call_id or f'{random.randrange(1 << 60):x}',
             'CSeq': '1 INVITE', 'Contact': f'<sip:1@{ip}:{port}>', 'Content-Type': 'application/sdp'}
    body = changes.pop('body', f.media())
    length = changes.pop('length', str(len(body)))
    for name, value in changes.items():
        lines[name.replace('_', '-')] = value
    if length is not None:
        lines['Content-Length'] = length
    start = lines.pop('start')
    text = start + '\r\n' + ''.join(f'{n}: {v}\r\n' for n, v in lines.items() if v is not None) + '\r\n' + body
    return text.encode('latin-1')


def corpus(f):
    media = f.media()
    yield 'empty datagram', b''
    yield 'line ends only', b'\r\n\r\n'
    yield 'zeros', bytes(100)
    yield 'all octets', bytes(range(256))
    yield 'text', b'hello\r\n\r\n'
    yield 'no version', good(f, start='INVITE sip:123@x')
    yield 'wrong version', good(f, start='INVITE sip:123@x SIP/7.0')
    yield 'no Request-URI', good(f, start='INVITE  SIP/2.0')
    yield 'spaces in Request-URI', good(f, start='INVITE sip:1 2 3@x SIP/2.0')
    yield 'Request-URI in brackets', good(f, start='INVITE <sip:123@x> SIP/2.0')
    yield 'unknown scheme', good(f, start='INVITE nobody:knows SIP/2.0')
    yield 'no Via', good(f, Via=None)
    yield 'empty Via', good(f, Via='')
    yield 'Via of another transport', good(f, Via='SIP/2.0/SCTP h;branch=z9hG4bKx')
    yield 'no From', good(f, From=None)
    yield 'no To', good(f, To=None)
    yield 'no Call-ID', good(f, Call_ID=None)
    yield 'no CSeq', good(f, CSeq=None)
    yield 'no From tag', good(f, From='<sip:1@x>')
    yield 'no Contact', good(f, Contact=None)
    yield 'two Contacts', good(f, Contact='<sip:1@x>, <sip:2@x>')
    yield 'Contact star', good(f, Contact='*')
    yield 'unclosed quote', good(f, From='"Bob <sip:1@x>;tag=a')
    yield 'unclosed bracket', good(f, From='<sip:1@x;tag=a')
    yield 'CSeq of another method', good(f, CSeq='1 OPTIONS')
    yield 'CSeq too large', good(f, CSeq='99999999999999 INVITE')
    yield 'CSeq negative', good(f, CSeq='-1 INVITE')
    yield 'CSeq is text', good(f, CSeq='one INVITE')
    yield 'Max-Forwards too large', good(f, Max_Forwards='999999999999')
    yield 'Max-Forwards is text', good(f, Max_Forwards='many')
    yield 'Content-Length too large', good(f, length='9999')
    yield 'Content-Length negative', good(f, length='-7')
    yield 'Content-Length is text', good(f, length='long')
    yield 'no Content-Type', good(f, Content_Type=None)
    yield 'Content-Type broken', good(f, Content_Type=';;;')
    yield 'header without a colon', good(f, Call_ID='1').replace(b'Call-ID: 1', b'Call-ID 1')
    yield 'a NUL in a header', good(f, Subject='a\0b')
    yield 'a line of 20,000', good(f, Subject='a' * 20000)
    yield 'a tag of 9,000', good(f, From='<sip:1@x>;tag=' + 'a' * 9000)
    yield 'a Call-ID of 5,000', good(f, call_id='c' * 5000)
    yield '500 headers', good(f, **{f'X{i}': 'y' for i in range(500)})
    yield '300 Vias', good(f, Via=', '.join(f'SIP/2.0/UDP h{i};branch=z9hG4bK{i}' for i in range(300)))
    yield 'nested comments', good(f, User_Agent='(' * 3000)
    yield 'bad escapes', good(f, start='INVITE sip:%zz%%@x SIP/2.0')
    yield 'multipart without an end', good(f, Content_Type='multipart/mixed;boundary=b', body='--b\r\nContent-Type: application/sdp\r\n\r\nv=0')
    yield 'multipart without a boundary', good(f, Content_Type='multipart/mixed', body='--b\r\n\r\n--b--')
    yield 'multipart in itself', good(f, Content_Type='multipart/mixed;boundary=b', body='--b\r\nContent-Type: multipart/mixed;boundary=b\r\n\r\n' * 200)
    yield 'P-Asserted-Identity broken', good(f, P_Asserted_Identity='<<<"""', Diversion='"', History_Info='<sip:?%>;;,')
    yield 'Privacy broken', good(f, Privacy=';;;;')
    yield 'Session-Expires broken', good(f, Session_Expires='soon')
    yield 'Require of everything', good(f, Require='a, b, c' + ', d' * 300)
    yield 'response out of nothing', b'SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: z\r\nCSeq: 1 INVITE\r\n\r\n'
    yield 'response with status 999', b'SIP/2.0 999 What\r\nVia: SIP/2.0/UDP h\r\nFrom: <sip:a@b>\r\nTo: <sip:c@d>\r\nCall-ID: z\r\nCSeq: 1 INVITE\r\n\r\n'
    yield 'response cut short', b'SIP/2.0 2'
    for name, old, new in (('no v=', 'v=0\r\n', ''), ('v=1', 'v=0', 'v=1'), ('no o=', 'o=peer', 'x=peer'), ('no c=', 'c=IN', 'x=IN'),
                           ('a name in c=', 'IN IP4 127.0.0.2\r\nt', 'IN IP4 example.com\r\nt'), ('IPv9', 'c=IN IP4', 'c=IN IP9'),
                           ('multicast', 'c=IN IP4 127.0.0.2', 'c=IN IP4 224.2.1.1/127'), ('port 99999', '30000', '99999'),
                           ('port text', '30000', 'port'), ('no formats', 'RTP/AVP 8 101', 'RTP/AVP'),
                           ('payload type 300', 'AVP 8', 'AVP 300'), ('m= broken', 'm=audio', 'm='),
                           ('rtpmap broken', 'PCMA/8000', 'PCMA'), ('rate 0', 'PCMA/8000', 'PCMA/0'),
                           ('rate huge', 'PCMA/8000', 'PCMA/99999999999'), ('SAVP', 'RTP/AVP', 'RTP/SAVP'),
                           ('video only', 'm=audio', 'm=video'), ('bare LF', '\r\n', '\n'), ('no line ends', '\r\n', ' ')):
        yield f'SDP: {name}', good(f, body=media.replace(old, new))
    yield 'SDP: 60 m= lines', good(f, body=media + 'm=video 1 RTP/AVP 99\r\n' * 60)
    yield 'SDP: 40,000 octets', good(f, body=media + 'a=x:' + 'y' * 40000 + '\r\n')
    yield 'SDP: a NUL', good(f, body=media.replace('s=-', 's=\0'))
    yield 'SDP: binary', good(f, body=''.join(chr(i) for i in range(256)))
    yield 'SDP: endless codecs', good(f, body=media.replace('8 101', ' '.join(map(str, range(128)))))


def malformed_messages():
    with Floor() as f:
        live, vandal = f.answered_in(), Vandal(f)
        count = 0
        for name, raw in corpus(f):
            count += 1
            vandal.send(raw)
            if count % 10 == 0:
                assert f.process.poll() is None, f'the harness died at {name}'
                time.sleep(0.05)
        time.sleep(0.3)
        assert f.process.poll() is None, 'the harness died'
        counted = f.counters()
        assert counted['malformed'] >= 15 and counted['bad_sdp'] >= 8, counted
        live.send('INFO')
        live.wait(lambda m: m.status == 200 and m.method == 'INFO')
        assert live.bye().status == 200
        f.answered_in(caller='+4412').bye()
        print(f'       {count} messages, {counted["malformed"]} malformed, {counted["bad_sdp"]} bad SDP')


def clear_errors():
    """What the peer is told: a status of its own for each kind of fault."""
    want = {'no Contact': 400, 'no From tag': 400, 'wrong version': 505, 'unknown scheme': 416, 'CSeq is text': 400,
            'no Content-Type': 415, 'SDP: no v=': 400, 'SDP: a name in c=': 400, 'SDP: SAVP': 488, 'SDP: video only': 488,
            'SDP: multicast': 488, 'SDP: 60 m= lines': 488, 'a Call-ID of 5,000': 400}
    with Floor() as f:
        vandal = Vandal(f)
        for name, raw in corpus(f):
            if name not in want:
                continue
            vandal.answers()
            vandal.send(raw)
            got = eventually(vandal.answers, what=f'an answer to {name}')[0].split(b'\r\n')[0].decode()
            assert got.startswith(f'SIP/2.0 {want[name]} '), f'{name}: {got}'
        f.none('incoming')


def bit_flips():
    with Floor() as f:
        live, vandal = f.answered_in(), Vandal(f)
        chance = random.Random(4475)
        for _ in range(400):
            raw = bytearray(good(f))
            for _ in range(chance.randrange(1, 12)):
                raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
            vandal.send(bytes(raw[:chance.randrange(1, len(raw) + 1)] if chance.random() < 0.2 else raw))
            time.sleep(0.001)
        time.sleep(0.3)
        assert f.process.poll() is None, 'the harness died'
        assert live.bye().status == 200


def broken_stream():
    with Floor(transport='tcp') as f:
        live, f.vandal = f.answered_in(), f.peer.port
        for raw in (b'x' * 70000, good(f)[:200], b'INVITE sip:x SIP/2.0\r\nContent-Length: 4000000000\r\n\r\n', bytes(5000)):
            with socket.socket() as s:
                s.bind((f.peer.ip, 0))
                s.connect((f.ip, f.port))
                try:
                    s.sendall(raw)
                    s.settimeout(0.2)
                    s.recv(1000)
                except OSError:
                    pass
        assert f.process.poll() is None, 'the harness died'
        assert live.bye().status == 200


TESTS = [strangers_are_kept_out, most_specific_source_only, peer_outside_of_its_sources, strangers_over_ipv6, malformed_messages, clear_errors, bit_flips,
         broken_stream]
if __name__ == '__main__':
    sys.exit(run_tests(TESTS))
