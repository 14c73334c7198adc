#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""SIP over TCP (RFC 3261 18) as a hostile or clumsy peer does it, and calls over IPv6 by both transports."""
import re
import socket
import struct
import sys
import time

from lab import GATEWAY_IP, PEER_IP, Lab, run_tests, sdp
from shared_lab import ask, end, final, hears_echo, media_port, ring, run_cases, up


class TcpLab(Lab):
    def __init__(self):
        super().__init__(trunks={'core': ''})
        self.peer = self.add_peer(transport='tcp')
        self.trunks = {'core': self.trunk_text(self.peer)}

    def raw(self):
        """A connection of the test's own, from the peer's address."""
        connection = socket.socket()
        connection.bind((PEER_IP, 0))
        connection.settimeout(3)
        connection.connect((GATEWAY_IP, self.sip_port))
        return connection


def lose_connections(lab, reset=False):
    """Every connection of the peer ends, by FIN or RST; the peer's thread has let go of them first."""
    peer = lab.peer
    with peer.lock:
        connections, peer.connections = list(peer.connections.values()), {}
    time.sleep(0.15)
    for connection in connections:
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        connection.close()
    time.sleep(0.2)


def options_text(lab, number, extra='', body=''):
    return (f'OPTIONS sip:{GATEWAY_IP}:{lab.sip_port} SIP/2.0\r\nVia: SIP/2.0/TCP {PEER_IP}:{lab.peer.port};branch=z9hG4bKo{number};rport\r\n'
            f'Max-Forwards: 70\r\nFrom: <sip:a@{PEER_IP}>;tag=a\r\nTo: <sip:{GATEWAY_IP}>\r\nCall-ID: o{number}@{time.monotonic_ns()}\r\n'
            f'CSeq: 1 OPTIONS\r\n{extra}Content-Length: {len(body)}\r\n\r\n{body}').encode()


def read(connection, pattern, timeout=3):
    """What came until `pattern` matched."""
    data, limit = b'', time.monotonic() + timeout
    while not re.search(pattern, data, re.S):
        connection.settimeout(max(0.01, limit - time.monotonic()))
        part = connection.recv(65535)
        assert part, f'closed after {data!r}'
        data += part
    return data


def both_ways(lab):
    # the basic call over TCP: SIP → ISDN with audio, ISDN → SIP
    port = media_port()
    call, ok = up(lab, body=sdp(PEER_IP, port))
    assert 'transport=tcp' in ok.get('contact').lower() or ok.get('contact'), ok.raw
    hears_echo(lab, ok.media, port)
    end(call)
    later, dialog, invite = ring(lab, hold='300ms')
    assert invite.get('via').startswith('SIP/2.0/TCP'), invite.raw
    dialog.respond(180)
    dialog.respond(200, body=sdp(PEER_IP, media_port()))
    lab.peer.wait(dialog.call_id, 'ACK')
    dialog.expect_bye()
    later.result()


def answer_repeated_over_tcp(lab):
    # 200 without ACK is repeated over TCP as well (13.3.1.4); a 486 is not (17.2.1)
    call = lab.call().send_invite()
    first = call.wait(200)
    second = call.wait(200, 2)
    assert second.raw == first.raw
    call.ack(first)
    end(call)
    call = lab.call('+442079460003').send_invite()
    busy = final(call)
    assert not [m for m in lab.peer.quiet(call.call_id, 0.9) if '486' in m]
    call.ack(busy)


def many_in_one_segment(lab):
    # five requests in one write: five answers in order (18.3)
    with lab.raw() as connection:
        connection.sendall(b''.join(options_text(lab, n) for n in range(5)))
        data = read(connection, b'(SIP/2.0 200.*?){5}')
        assert [int(n) for n in re.findall(rb'z9hG4bKo(\d+)', data)] == list(range(5)), data


def blank_lines_before_a_request(lab):
    # CRLF before a start line, in the same segment, is ignored (7.5: MUST); a keep-alive often travels so. The connection works on
    for blank in b'\r\n', b'\r\n\r\n':
        with lab.raw() as connection:
            connection.sendall(blank + options_text(lab, 0) + blank + options_text(lab, 1))
            read(connection, b'(SIP/2.0 200.*?){2}', 1)
            connection.sendall(options_text(lab, 2))
            read(connection, b'SIP/2.0 200', 1)


def octet_by_octet(lab):
    # one message in as many segments as it has octets
    with lab.raw() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in options_text(lab, 7, body='x' * 20, extra='Content-Type: text/plain\r\n'):
            connection.sendall(bytes([octet]))
            time.sleep(0.0005)
        assert re.search(rb'SIP/2.0 (200|415)', read(connection, rb'SIP/2.0 \d+.*\r\n\r\n'))


def keep_alive(lab):
    # CRLFCRLF → CRLF (RFC 5626 3.5.1); the connection stays usable
    with lab.raw() as connection:
        connection.sendall(b'\r\n\r\n')
        assert connection.recv(100) == b'\r\n'
        connection.sendall(options_text(lab, 8))
        read(connection, b'SIP/2.0 200')


def garbage(lab):
    # what is no SIP, a length that lies, an endless header, half a message and then nothing: others do not notice
    call, _ = up(lab)
    kept = []
    for junk in (b'\x16\x03\x01\x02\x00\x01\x00', b'GET / HTTP/1.1\r\nHost: x\r\n\r\n', b'\0' * 70000, b'A' * 200000,
                 options_text(lab, 9).replace(b'Content-Length: 0', b'Content-Length: 99999999999'),
                 options_text(lab, 9).replace(b'Content-Length: 0', b'Content-Length: -1'),
                 options_text(lab, 9).replace(b'Content-Length: 0\r\n', b''), options_text(lab, 9)[:60],
                 b'OPTIONS sip:x SIP/2.0\r\n' + b'X: ' + b'y' * 100000):
        connection = lab.raw()
        kept.append(connection)
        try:
            connection.sendall(junk)
        except OSError:
            pass
    time.sleep(0.3)
    assert ask(call, 'OPTIONS').status == 200
    again, _ = up(lab)
    end(again)
    for connection in kept:
        connection.close()
    end(call)


def closed_in_mid_call(lab):
    # the connection is closed (or reset) while the call stands: the call lives, our BYE comes over a new one (18.1.1, 18.4)
    for reset in False, True:
        call, _ = up(lab)
        lose_connections(lab, reset)
        assert lab.gwctl('status')['calls']['now'] == 1
        end(call)
        lab.nothing_held()


def gateway_finds_a_new_way(lab):
    # the connection is gone when the ISDN side hangs up: BYE comes over a new connection to the Contact (12.2.1.1, 18.1.1)
    call, _ = up(lab, '+442079460012')
    lose_connections(lab)
    call.expect_bye(6)


def response_after_close(lab):
    # the connection dies while the INVITE rings: the answer comes over a new connection to the Via's sent-by (18.2.2)
    call = lab.call('+442079460008').send_invite()
    call.wait(180)
    lose_connections(lab)
    ok = call.wait(200, 8)
    call.ack(ok)
    end(call)


def half_closed(lab):
    # the peer shuts its sending side only: no storm of reads, the answer may still come, other calls go on
    with lab.raw() as connection:
        connection.sendall(options_text(lab, 10))
        connection.shutdown(socket.SHUT_WR)
        try:
            read(connection, b'SIP/2.0 200')
        except AssertionError:
            print('  closed before its answer')
    call, _ = up(lab)
    end(call)


def many_connections(lab):
    # a hundred connections that say nothing: the next call still goes through
    idle = [lab.raw() for _ in range(100)]
    call, _ = up(lab)
    end(call)
    for connection in idle:
        connection.close()


# ---- IPv6

class SixLab(Lab):
    """Signalling and media on ::1."""

    def __init__(self, transport):
        super().__init__(trunks={'core': ''})
        self.peer = self.add_peer(ip='::1', transport=transport)
        self.peer.server = ('::1', self.sip_port)
        self.trunks = {'core': self.trunk_text(self.peer)}

    def gateway_config(self):
        return super().gateway_config().replace(f'address: "{GATEWAY_IP}:{self.sip_port}"', f'address: "[::1]:{self.sip_port}"')


def six_port():
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
        s.bind(('::1', 0))
        return s.getsockname()[1]


def call_over_ipv6(transport):
    # the basic call, both ways, with IP6 in the SDP (RFC 4566 5.7) and brackets in URIs and Via (RFC 3261 25.1)
    with SixLab(transport) as lab:
        port = six_port()
        call, ok = up(lab, body=sdp('::1', port))
        assert 'IN IP6 ::1' in ok.body and '[::1]' in ok.get('contact'), ok.raw
        probe = lab.run('probe6', [lab_tool(), '--local', f'[::1]:{port}', '--remote', f'[::1]:{ok.media[1]}', '--duration', '1s',
                                   '--send', 'counter', '--expect', 'echo', '--json'])
        assert probe.wait() == 0, probe.output
        end(call)
        later, dialog, invite = ring(lab, hold='300ms')
        assert '[::1]' in invite.get('via') and 'IN IP6' in invite.body, invite.raw
        dialog.respond(200, body=sdp('::1', six_port()))
        lab.peer.wait(dialog.call_id, 'ACK')
        dialog.expect_bye()
        later.result()
        lab.nothing_held()


def lab_tool():
    import os
    from lab import TOOLS
    return os.path.join(TOOLS, 'rtp_probe')


def udp_over_ipv6():
    call_over_ipv6('udp')


def tcp_over_ipv6():
    call_over_ipv6('tcp')


TESTS = [both_ways, answer_repeated_over_tcp, many_in_one_segment, octet_by_octet, keep_alive, garbage, closed_in_mid_call,
         gateway_finds_a_new_way, half_closed, many_connections, blank_lines_before_a_request, response_after_close]
IPV6 = [udp_over_ipv6, tcp_over_ipv6]
KNOWN_FAILURES = []
if __name__ == '__main__':
    failed = run_cases(TESTS, KNOWN_FAILURES, make=TcpLab)
    try:
        six_port()
    except OSError:
        IPV6.clear()        # a machine without ::1
    raise SystemExit(run_tests(IPV6, sys.argv) or failed)
