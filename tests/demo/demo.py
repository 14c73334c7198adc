#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What `make demo` runs: gatewayd and e1exchange joined by an E1 over CESoPSN on loopback, one call each way with audio, and for
each call the ladder, the numbers, the route, the set-up time and the verdict on the audio. Exit 0 only if all of it holds."""
import os
import socket
import struct
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
if len(sys.argv) > 1:
    os.environ['CAUSEWAY_BIN'] = os.path.abspath(sys.argv[1])
    os.environ.setdefault('CAUSEWAY_TOOLS', os.path.join(os.path.abspath(sys.argv[1]), '../tests'))
sys.path.insert(0, os.path.join(HERE, '../e2e'))

from lab import Lab, PEER_IP, eventually, free_ports, sdp  # noqa: E402

TTY = sys.stdout.isatty()
PLAN = """
scenarios:
  talk: [ proceeding, alerting, { wait: 400ms }, connect, { play: { tone: 1004, level: -16 } }, { wait: 2500ms }, echo ]
numbers:
  - { called: "2079460000", scenario: talk }
"""
TONE_TOLERANCE_DB = 0.3


def bold(text):
    return f'\033[1m{text}\033[0m' if TTY else text


def step(text):
    print(f'{bold("·")} {text}', flush=True)


class Verdicts:
    """Every figure that the demo prints comes with whether it is what it should be."""

    def __init__(self):
        self.bad = 0

    def line(self, name, value, good=True):
        mark = 'ok' if good else 'WRONG'
        if not good:
            self.bad += 1
        print(f'    {name:<26} {value:<52} {mark}')


class RtpEcho:
    """The far telephone of the second call: sends back what it hears, packet by packet, after a second of test tone."""

    def __init__(self, ip, port, tone_packets=75):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((ip, port))
        self.socket.settimeout(0.2)
        self.closed, self.packets, self.left = False, 0, tone_packets
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        sequence = 0
        while not self.closed:
            try:
                packet, source = self.socket.recvfrom(2000)
            except socket.timeout:
                continue
            if len(packet) < 13 or packet[1] & 0x7f != 8:
                continue
            self.packets += 1
            sequence = (sequence + 1) & 0xffff
            stamp = struct.unpack('>I', packet[4:8])[0]
            self.socket.sendto(struct.pack('>BBHII', 0x80, 8, sequence, stamp, 0x5eec0de) + packet[12:], source)

    def close(self):
        self.closed = True
        self.thread.join()
        self.socket.close()


def show_call(lab, verdicts, call, expected):
    """Ladder of a finished call, and what `gwctl call show` said of it while it was up."""
    status, ladder, error = lab.gwctl_text('call', 'trace', call['id'])
    print(ladder if status == 0 else error)
    attempt, times = call['attempts'][-1], call['times']
    verdicts.line('set-up time', f'{times["ringing_ms"]:.1f} ms to ringing, {times["answered_ms"]:.1f} ms to answer')
    for what in ('called', 'calling'):
        received, normalized, sent = call['received'][what], call['normalized'][what], attempt[f'{what}_sent']
        text = f'{received["digits"]} → {normalized["digits"]} → {sent["digits"]} ({sent["type"]})'
        verdicts.line(f'{what} number', text, normalized['digits'] == expected[what])
    verdicts.line('route', f'{attempt["route"]} (usage {attempt["usage"]}) → {attempt["gateway"]}', attempt['gateway'] == expected['gateway'])


def sip_to_isdn(lab, verdicts):
    print(bold('\nCall 1: SIP → ISDN. The core dials 020 7946 0000; the exchange answers, plays 1004 Hz, then echoes.\n'))
    port = free_ports(1, ip=PEER_IP)[0]
    call = lab.call('02079460000', caller='02079461111', body=sdp(PEER_IP, port)).send_invite()
    ok = call.wait(200, timeout=15)
    call.ack(ok)
    host, rtp, _, _ = ok.media
    facts = lab.gwctl('call', 'show', lab.gwctl('call', 'list')['calls'][0]['id'])
    tone = lab.probe('--remote', f'{host}:{rtp}', '--duration', '2s', '--send', 'silence', '--expect', 'tone:1004@-16', port=port)
    tone.wait()
    time.sleep(0.8)
    echo = lab.probe('--remote', f'{host}:{rtp}', '--duration', '5s', '--send', 'counter', '--expect', 'echo', port=port)
    echo.wait()
    call.bye()
    lab.nothing_held()
    show_call(lab, verdicts, facts, {'called': '+442079460000', 'calling': '+442079461111', 'gateway': 'e1-1'})
    heard, compared = tone.json, echo.json
    audio(verdicts, compared['octets_compared'], compared['mismatches'], compared['slips'], compared['one_way_delay_ms'],
          heard['level_dbm0'])


def isdn_to_sip(lab, verdicts):
    print(bold('\nCall 2: ISDN → SIP. The exchange dials 020 7946 1234; the core answers and sends back what it hears.\n'))
    later = lab.isdn_call(to='2079461234', to_type='national', **{'from': '2079462222'}, from_type='national', screening='network',
                          media='prbs', hold='5s')
    dialog, invite = lab.peer.take_call(10)
    port = free_ports(1, ip=PEER_IP)[0]
    echo = RtpEcho(PEER_IP, port)
    dialog.respond(180)
    time.sleep(0.4)
    dialog.respond(200, body=sdp(PEER_IP, port))
    dialog.peer.wait(dialog.call_id, 'ACK')
    facts = lab.gwctl('call', 'show', lab.gwctl('call', 'list')['calls'][0]['id'])
    dialog.expect_bye(20)
    result = later.result()
    echo.close()
    tone = lab.isdn_call(to='2079461234', to_type='national', **{'from': '2079462222'}, from_type='national', media='tone:1004:-16',
                         hold='2s')
    again, _ = lab.peer.take_call(10)
    echo = RtpEcho(PEER_IP, port)
    again.respond(200, body=sdp(PEER_IP, port))
    again.peer.wait(again.call_id, 'ACK')
    again.expect_bye(20)
    heard = tone.result()
    echo.close()
    lab.nothing_held()
    show_call(lab, verdicts, facts, {'called': '+442079461234', 'calling': '+442079462222', 'gateway': 'core'})
    compared = result['calls'][0]['media']['prbs']
    level = max(phase['level_dbm0'] for phase in heard['calls'][0]['media']['heard'].values())
    audio(verdicts, compared['compared'], compared['mismatches'], compared['slips'], compared['delay_samples'] / 8 / 2, level)


def audio(verdicts, compared, mismatches, slips, one_way_ms, level):
    verdicts.line('octets compared', f'{compared}', compared > 20000)
    verdicts.line('mismatches', f'{mismatches}', mismatches == 0)
    verdicts.line('slips', f'{slips}', slips == 0)
    verdicts.line('test tone 1004 Hz', f'{level:.2f} dBm0 (sent at -16 dBm0)', abs(level + 16) <= TONE_TOLERANCE_DB)
    verdicts.line('one-way delay', f'{one_way_ms:.1f} ms (half of the round trip)', 0 < one_way_ms < 500)


def main():
    verdicts = Verdicts()
    step('starting e1exchange, the telephone network at the far end of the E1')
    step('starting gatewayd; the E1 between them is a CESoPSN pseudowire on loopback')
    with Lab(plan=PLAN) as lab:
        span = lab.gwctl('span', 'list')['spans'][0]
        step(f'span {span["name"]} is up: layer 1, layer 2, {span["idle"]} B-channels idle')
        sip_to_isdn(lab, verdicts)
        isdn_to_sip(lab, verdicts)
        print()
        step('stopping both')
    print(bold('\nEvery verdict holds.' if not verdicts.bad else f'\n{verdicts.bad} verdicts do not hold.'))
    return 1 if verdicts.bad else 0


if __name__ == '__main__':
    try:
        sys.exit(main())
    except AssertionError as failure:
        print(f'\nThe demo failed: {failure}', file=sys.stderr)
        sys.exit(1)
