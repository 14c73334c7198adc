#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Bad input at every door while a call is up: malformed SIP and SDP, strangers, their CESoPSN. Each is answered with a clear error
or counted; the call's audio stays bit exact throughout. Bad input from those who are trusted: test_hostile_line.py."""
import random
import re
import socket
import struct
import sys
import time

from lab import Lab, GATEWAY_IP, PEER_IP, eventually, free_ports, run_tests, sdp


def invite(lab, **change):
    """A good INVITE as text, with parts replaced."""
    part = {'start': f'INVITE sip:+442079460000@{GATEWAY_IP}:{lab.sip_port} SIP/2.0',
            'via': f'Via: SIP/2.0/UDP {PEER_IP}:{lab.peer.port};branch=z9hG4bK{random.randrange(1 << 40):x}',
            'forwards': 'Max-Forwards: 70', 'from': f'From: <sip:1@{PEER_IP}>;tag={random.randrange(1 << 30):x}',
            'to': f'To: <sip:+442079460000@{GATEWAY_IP}>', 'id': f'Call-ID: m{random.randrange(1 << 50):x}',
            'cseq': 'CSeq: 1 INVITE', 'contact': f'Contact: <sip:peer@{PEER_IP}:{lab.peer.port}>',
            'type': 'Content-Type: application/sdp', 'extra': None, 'length': None,
            'body': sdp(PEER_IP, 40000)}
    part.update(change)
    body = part.pop('body')
    if part['length'] is None:
        part['length'] = f'Content-Length: {len(body.encode())}'
    return '\r\n'.join(v for v in part.values() if v) + '\r\n\r\n' + body


def bad_sip(lab):
    """(name, text, statuses accepted; None: any refusal or silence)"""
    good = invite
    yield 'no Via', good(lab, via=None), None
    yield 'no From', good(lab, **{'from': None}), None
    yield 'no To', good(lab, to=None), None
    yield 'no Call-ID', good(lab, id=None), None
    yield 'no CSeq', good(lab, cseq=None), None
    yield 'CSeq not a number', good(lab, cseq='CSeq: one INVITE'), None
    yield 'CSeq too large', good(lab, cseq='CSeq: 99999999999 INVITE'), None
    yield 'CSeq of another method', good(lab, cseq='CSeq: 1 OPTIONS'), None
    yield 'SIP/7.0', good(lab, start=f'INVITE sip:1@{GATEWAY_IP} SIP/7.0'), None
    yield 'no URI', good(lab, start='INVITE SIP/2.0'), None
    yield 'URI with spaces', good(lab, start='INVITE sip:1 2 3@host SIP/2.0'), None
    yield 'unknown scheme', good(lab, start='INVITE nobodyknows:1 SIP/2.0'), None
    yield 'negative Content-Length', good(lab, length='Content-Length: -999'), None
    yield 'Content-Length too large', good(lab, length='Content-Length: 9999'), None
    yield 'Content-Length too small', good(lab, length='Content-Length: 20'), None
    yield 'unterminated quote', good(lab, **{'from': 'From: "unterminated <sip:1@h>;tag=1'}), None
    yield 'bad escape', good(lab, start='INVITE sip:%zz@h SIP/2.0'), None
    yield 'Require: unknown', good(lab, extra='Require: nothingSupportsThis'), {420}
    yield 'Max-Forwards: 0', good(lab, forwards='Max-Forwards: 0'), {483}
    yield 'Max-Forwards: 300', good(lab, forwards='Max-Forwards: 300'), None
    yield 'body is not SDP', good(lab, type='Content-Type: application/unknown', body='x'), {415}
    yield 'unknown method', good(lab, start=f'NEWMETHOD sip:1@{GATEWAY_IP} SIP/2.0', cseq='CSeq: 1 NEWMETHOD'), {405, 501}
    yield 'two Contacts', good(lab, extra=f'Contact: <sip:two@{PEER_IP}>'), None
    yield 'Contact: *', good(lab, contact='Contact: *'), None
    yield 'no Contact', good(lab, contact=None), None
    yield 'header of 8000 octets', good(lab, extra='Subject: ' + 'x' * 8000), None
    yield 'a thousand headers', good(lab, extra='\r\n'.join(f'X-{n}: y' for n in range(1000))), None
    yield 'NUL octets', good(lab, extra='Subject: a\0b'), None
    yield 'bare line feeds', good(lab).replace('\r\n', '\n'), None
    yield 'folded start', '\r\n '.join(good(lab).split('\r\n')[:3]), None
    yield 'empty', '\r\n\r\n', None
    yield 'half a message', good(lab)[:120], None
    yield 'not SIP', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n', None
    yield 'random octets', bytes(random.Random(1).randrange(256) for _ in range(900)), None
    yield 'response to nothing', good(lab, start='SIP/2.0 200 OK'), None
    yield 'response 999', good(lab, start='SIP/2.0 999 What'), None
    yield 'BYE to no dialog', good(lab, start=f'BYE sip:1@{GATEWAY_IP} SIP/2.0', cseq='CSeq: 1 BYE',
                                   to=f'To: <sip:1@{GATEWAY_IP}>;tag=unknown'), {481}
    yield 'CANCEL of nothing', good(lab, start=f'CANCEL sip:1@{GATEWAY_IP} SIP/2.0', cseq='CSeq: 1 CANCEL'), {481}
    yield 'PRACK of nothing', good(lab, start=f'PRACK sip:1@{GATEWAY_IP} SIP/2.0', cseq='CSeq: 1 PRACK',
                                   to=f'To: <sip:1@{GATEWAY_IP}>;tag=unknown', extra='RAck: 1 1 INVITE'), {481}
    yield 'bad RAck', good(lab, start=f'PRACK sip:1@{GATEWAY_IP} SIP/2.0', cseq='CSeq: 1 PRACK', extra='RAck: x'), None
    for name, text in {'empty v=': '', 'no m=': 'v=0\r\no=- 1 1 IN IP4 127.0.0.2\r\ns=-\r\nt=0 0\r\n',
                       'no c=': 'v=0\r\no=- 1 1 IN IP4 127.0.0.2\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n',
                       'port 99999': sdp(PEER_IP, 99999), 'address of letters': sdp('not.an.address', 4000),
                       'only video': sdp(PEER_IP, 4000).replace('m=audio', 'm=video'),
                       'no common codec': sdp(PEER_IP, 4000, codecs=(18,), event=None),
                       'payload type 200': sdp(PEER_IP, 4000).replace('RTP/AVP 8', 'RTP/AVP 200'),
                       'five hundred payload types': sdp(PEER_IP, 4000).replace('RTP/AVP 8', 'RTP/AVP ' + ' '.join(['96'] * 500)),
                       'SAVP': sdp(PEER_IP, 4000).replace('RTP/AVP', 'RTP/SAVP'), 'junk': 'v=0\r\nxyz\r\n=\r\n\r\n\r\n',
                       'fifty m= lines': sdp(PEER_IP, 4000) + 'm=audio 4002 RTP/AVP 8\r\n' * 50}.items():
        yield f'SDP: {name}', good(lab, body=text), None


def sip_and_sdp():
    with Lab() as lab:
        port = free_ports(1, ip=PEER_IP)[0]
        call = lab.call(body=sdp(PEER_IP, port)).send_invite()
        ok = call.wait(200)
        call.ack(ok)
        host, rtp, _, _ = ok.media
        probe = lab.probe('--remote', f'{host}:{rtp}', '--duration', '20s', '--send', 'counter', '--expect', 'echo', port=port)
        seen = 0
        for name, text, accepted in bad_sip(lab):
            raw = text if isinstance(text, bytes) else text.encode('utf-8', 'replace')
            mark = len(lab.peer.log)
            lab.peer.send(raw)
            seen += 1
            if accepted:
                call_id = re.search(rb'Call-ID: (\S+)', raw)[1]

                def answer():
                    for _, way, octets in lab.peer.log[mark:]:
                        found = re.match(rb'SIP/2.0 ([2-6]\d\d)', octets)
                        if way == '<' and found and call_id in octets:
                            return int(found[1])
                    return 0
                status = eventually(answer, 5, f'an answer to «{name}»')
                assert status in accepted, f'{name}: {status}, expected {accepted}'
            assert lab.gatewayd.running(), f'{name}: the daemon died\n{lab.gatewayd.output[-3000:]}'
        print(f'  {seen} malformed messages')
        assert probe.wait() == 0, probe.output
        call.bye()
        lab.gwctl('status')


def strangers_are_filtered():
    # an address that no trunk names: no answer at all, counted
    with Lab() as lab:
        stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        stranger.bind(('127.0.0.9', 0))
        stranger.settimeout(0.5)
        for _ in range(10):
            stranger.sendto(invite(lab).encode(), (GATEWAY_IP, lab.sip_port))
        try:
            raise AssertionError(f'answered a stranger: {stranger.recv(2000)!r}')
        except socket.timeout:
            pass
        stranger.close()
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        tcp.bind(('127.0.0.9', 0))
        tcp.settimeout(1)
        try:
            tcp.connect((GATEWAY_IP, lab.sip_port))
            raise AssertionError('a stranger was let in by TCP')
        except (socket.timeout, TimeoutError, ConnectionError):
            pass
        tcp.close()
        counters = lab.gwctl('status')['sip']['undesirable']
        assert counters['filtered'] >= 10, counters


def wrong_cesopsn():
    # strangers and nonsense at the line's port while a call's audio is compared
    with Lab() as lab:
        port = free_ports(1, ip=PEER_IP)[0]
        call = lab.call(body=sdp(PEER_IP, port)).send_invite()
        ok = call.wait(200)
        call.ack(ok)
        host, rtp, _, _ = ok.media
        probe = lab.probe('--remote', f'{host}:{rtp}', '--duration', '5s', '--send', 'counter', '--expect', 'echo', port=port)
        line = ('127.0.0.1', lab.line_ports[0][0])
        rng = random.Random(7)
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sender.bind(('127.0.0.9', 0))
        for n in range(300):
            sender.sendto(bytes(rng.randrange(256) for _ in range(rng.choice((0, 1, 3, 4, 5, 252, 253, 1400)))), line)
        sender.close()
        assert probe.wait() == 0, probe.output
        shown = lab.gwctl('span', 'show', 'e1-1')
        counters = {name: value for group in shown['line_counters'].values() for name, value in group.items()}
        assert counters['foreign'] >= 250, counters
        call.bye()
        lab.nothing_held()


TESTS = [sip_and_sdp, strangers_are_filtered, wrong_cesopsn]
if __name__ == '__main__':
    sys.exit(run_tests(TESTS))
