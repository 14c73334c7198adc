#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Calls between two legs of one kind: ISDN → ISDN over two E1s, SIP → SIP in relay. Neither end may notice that it is not
met by its own kind: every element and every octet crosses."""
import socket
import sys
import threading

from lab import Lab, PEER_IP, eventually, free_ports, run_tests, sdp

ROUTES = r'''usages: [to-pstn, to-core]
policies:
  all: { usages: [to-pstn] }
  inbound: { usages: [to-core] }
routes:
  pstn: { pattern: '^\+', usages: [to-pstn], gateways: [%s] }
  transit: { pattern: '^\+', usages: [to-core], gateways: [e1-2] }'''


def setups(lab, direction):
    return [e for e in lab.exchange_events() if e.get('event') == 'message' and e.get('message') == 'SETUP'
            and e.get('direction') == direction]


def isdn_to_isdn_bit_exact():
    # exchange ── e1-1 ──▶ gateway ── e1-2 ──▶ exchange's echo: a pseudo-random sequence comes back whole
    with Lab(spans=2, routes=ROUTES % 'pstn') as lab:
        for _ in range(5):
            report = lab.ctl('call', 'span=e1-1', 'to=02079460000', 'from=2079460018', 'from-type=national', 'screening=network',
                             'media=prbs', 'hold=3s')
            assert report['answered'] == 1, report
            prbs = report['calls'][0]['media'].get('prbs', report['calls'][0]['media'])
            assert prbs['mismatches'] == 0 and prbs['compared'] > 15000, prbs
            # where tests run, a worker may be held up for longer than buffers are deep: that is a slip, not a wrong octet
            if prbs['intact']:
                break
        assert prbs['intact'], prbs
        lab.nothing_held()


def isdn_to_isdn_elements():
    # data calls, high layer compatibility and what the network screened cross; a cause comes back with its location
    with Lab(spans=2, routes=ROUTES % 'pstn') as lab:
        lab.ctl('call', 'span=e1-1', 'to=02079460012', 'from=2079460018', 'from-type=national', 'screening=network',
                'presentation=restricted', 'capability=unrestricted', 'hlc=9181', 'hold=0s')
        arrived = eventually(lambda: setups(lab, 'received'), 5, 'SETUP at the other E1')[0]
        assert arrived['capability'] == 'unrestricted', arrived
        calling = arrived['calling']
        assert calling['digits'] == '2079460018' and calling['presentation'] == 'restricted', arrived
        assert calling['screening'] == 'network', arrived
        refused = lab.ctl('call', 'span=e1-1', 'to=02079460003', 'expect-cause=17', 'expect-location=user')
        assert refused['as_expected'] == 1, refused
        lab.nothing_held()


def echo_rtp(sock, stop):
    sock.settimeout(0.2)
    while not stop.is_set():
        try:
            data, source = sock.recvfrom(2000)
        except socket.timeout:
            continue
        sock.sendto(data, source)


def sip_to_sip_relay():
    # two trunks: the carrier's end sends every packet back, and the probe hears its own octets
    with Lab(spans=2, start=False, routes=ROUTES % 'carrier') as lab:
        carrier = lab.add_peer(ip='127.0.0.3')
        lab.trunks['carrier'] = lab.trunk_text(carrier)
        lab.start_exchange()
        lab.start_gateway()
        port, far_port = free_ports(1, ip=PEER_IP)[0], free_ports(1, ip='127.0.0.3')[0]
        call = lab.call(body=sdp(PEER_IP, port)).send_invite()
        dialog, _ = carrier.take_call()
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(('127.0.0.3', far_port))
        stop = threading.Event()
        thread = threading.Thread(target=echo_rtp, args=(sock, stop))
        thread.start()
        try:
            dialog.respond(180)
            call.wait(180)
            dialog.respond(200, body=sdp('127.0.0.3', far_port))
            ok = call.wait(200)
            call.ack(ok)
            carrier.wait(dialog.call_id, 'ACK')
            host, rtp, formats, _ = ok.media
            assert formats[0] == '8', ok.body
            probe = lab.probe('--remote', f'{host}:{rtp}', '--duration', '3s', '--send', 'counter', '--expect', 'echo',
                              port=port)
            assert probe.wait() == 0, probe.output
            call.bye()
            dialog.expect_bye(5)
        finally:
            stop.set()
            thread.join()
            sock.close()
        lab.nothing_held()


if __name__ == '__main__':
    sys.exit(run_tests([isdn_to_isdn_bit_exact, isdn_to_isdn_elements, sip_to_sip_relay]))
