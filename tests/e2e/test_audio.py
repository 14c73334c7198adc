#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Audio through the gateway, octet by octet: probe → RTP → gateway → CESoPSN → exchange echo → back."""
import sys

from lab import Lab, eventually, free_ports, run_tests, sdp, PEER_IP


def bit_exact_echo():
    # probe ── INVITE ──▶ gateway ── SETUP ──▶ exchange; 10 s of octets come back in one alignment
    with Lab() as lab:
        port = free_ports(1, ip=PEER_IP)[0]
        call = lab.call(body=sdp(PEER_IP, port)).send_invite()
        ok = call.wait(200)
        call.ack(ok)
        host, rtp, formats, way = ok.media
        assert '8' in formats and way == 'sendrecv', ok.body
        probe = lab.probe('--remote', f'{host}:{rtp}', '--duration', '10s', '--send', 'counter', '--expect', 'echo', port=port)
        assert probe.wait() == 0, probe.output
        print(probe.output.strip())
        live = lab.gwctl('call', 'list')['calls']
        assert len(live) == 1, live
        call.bye()
        lab.nothing_held()


def tone_level_and_packet_sizes():
    # the exchange plays 1004 Hz at -16 dBm0; heard with every packet time, A-law and µ-law
    with Lab() as lab:
        for codec, ptime in ((8, 10), (8, 20), (8, 40), (8, 60), (0, 20), (0, 30)):
            port = free_ports(1, ip=PEER_IP)[0]
            call = lab.call('+442079460001', body=sdp(PEER_IP, port, codecs=(codec,), ptime=ptime)).send_invite()
            ok = call.wait(200)
            call.ack(ok)
            host, rtp, formats, _ = ok.media
            assert formats[0] == str(codec), ok.body
            probe = lab.probe('--remote', f'{host}:{rtp}', '--duration', '2s', '--send', 'silence', '--codec',
                              'pcma' if codec == 8 else 'pcmu', '--ptime', str(ptime), '--expect', 'tone:1004@-16', port=port)
            assert probe.wait() == 0, f'codec {codec}, {ptime} ms: {probe.output}'
            call.bye()
        lab.nothing_held()


def hold_and_resume():
    # re-INVITE sendonly: the gateway answers recvonly and sends nothing; sendrecv again: audio is back, bit exact
    with Lab() as lab:
        port = free_ports(1, ip=PEER_IP)[0]
        call = lab.call(body=sdp(PEER_IP, port)).send_invite()
        ok = call.wait(200)
        call.ack(ok)
        host, rtp, _, _ = ok.media
        call.send('INVITE', body=sdp(PEER_IP, port, direction='sendonly', version=2))
        held = call.wait(lambda m: m.status == 200 and m.cseq == call.cseq)
        call.ack(held)
        assert held.media[3] in ('recvonly', 'inactive'), held.body
        call.send('INVITE', body=sdp(PEER_IP, port, version=3))
        resumed = call.wait(lambda m: m.status == 200 and m.cseq == call.cseq)
        call.ack(resumed)
        assert resumed.media[3] == 'sendrecv', resumed.body
        probe = lab.probe('--remote', f'{host}:{rtp}', '--duration', '2s', '--send', 'counter', '--expect', 'echo', port=port)
        assert probe.wait() == 0, probe.output
        call.bye()
        lab.nothing_held()


def delayed_offer():
    # INVITE without SDP: the gateway offers in its 200, the answer comes in the ACK
    with Lab() as lab:
        port = free_ports(1, ip=PEER_IP)[0]
        call = lab.call(body='').send_invite()
        ok = call.wait(200)
        assert ok.media, ok.raw
        host, rtp, formats, _ = ok.media
        assert '8' in formats
        call.ack(ok, body=sdp(PEER_IP, port))
        probe = lab.probe('--remote', f'{host}:{rtp}', '--duration', '2s', '--send', 'counter', '--expect', 'echo', port=port)
        assert probe.wait() == 0, probe.output
        call.bye()
        lab.nothing_held()


def strangers_rtp_is_dropped():
    # once latched, packets of another source change nothing and are counted
    import socket
    with Lab() as lab:
        port = free_ports(1, ip=PEER_IP)[0]
        call = lab.call(body=sdp(PEER_IP, port)).send_invite()
        ok = call.wait(200)
        call.ack(ok)
        host, rtp, _, _ = ok.media
        probe = lab.probe('--remote', f'{host}:{rtp}', '--duration', '4s', '--send', 'counter', '--expect', 'echo', port=port)
        stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        stranger.bind(('127.0.0.3', 0))
        import time
        time.sleep(1)
        for n in range(100):
            stranger.sendto(bytes([0x80, 8, 0, n, 0, 0, 0, n, 1, 2, 3, 4]) + b'\x55' * 160, (host, rtp))
        for junk in (b'', b'\x80', b'\xff' * 11, b'\x00' * 40, b'\x8f\x08' + b'\x00' * 20, b'\xb0\x08' + b'\xff' * 30):
            stranger.sendto(junk, (host, rtp))
        stranger.close()
        assert probe.wait() == 0, probe.output
        media = lab.gwctl('call', 'show', lab.gwctl('call', 'list')['calls'][0]['id'])['legs'][0]['media']
        assert media['codec'] == 'PCMA' and media['remote'] == f'{PEER_IP}:{port}', media
        assert media['counters']['undesirable']['rx_foreign'] >= 100 and media['counters']['error']['rx_malformed'] >= 4, media
        call.bye()
        lab.nothing_held()


TESTS = [bit_exact_echo, tone_level_and_packet_sizes, hold_and_resume, delayed_offer, strangers_rtp_is_dropped]
if __name__ == '__main__':
    sys.exit(run_tests(TESTS))
