#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""A far end, or a path to it, gone bad: a man in the middle of the CESoPSN line (line_relay.py) sends broken packets, broken HDLC, broken
LAPD and broken Q.931 to the gateway, from the right address and with a good FCS, while the octets of a call are compared. Each is
dropped and counted by name; the call that is up and those after it are untouched."""
import contextlib
import random
import struct
import sys
import time

from lab import Lab, PEER_IP, eventually, free_ports, run_tests, sdp
from line_relay import RtpRelay, aborted, bad_fcs, good, stuffed, FLAG

# two busy processors stall the man in the middle now and then
LINE = {'relay': True, 'jitter_ms': 100}

# RR, RNR, REJ, SABME, DISC, UI, DM, UA, FRMR and I frames of the network (Q.921 table 5)
SAMPLES = {name: bytes.fromhex(octets) for name, octets in {
    'I': '02010000 08027f7f5a08028290', 'I, P=1': '02010001 08027f7f5a08028290', 'RR command': '02010101', 'RR response': '00010100',
    'RNR': '00010500', 'REJ': '00010900', 'SABME': '02017f', 'DISC': '020153', 'UI': '020103 08027f7f5a08028290', 'DM': '00010f',
    'UA': '000173', 'FRMR': '0001870100000001'}.items()}


def is_lapd(f):
    """Is it a frame that a user side may act upon? Written from the Recommendation alone."""
    if len(f) < 3 or f[0] not in (0, 2) or f[1] not in (1, 255):
        return False
    command, control = f[0] == 2, f[2] & 0xef
    if f[1] == 255:
        return command and control == 0x03
    if not f[2] & 1:
        return command and len(f) >= 4
    if f[2] & 3 == 1:
        return len(f) == 4 and f[2] in (1, 5, 9)
    return {0x6f: command and len(f) == 3, 0x43: command and len(f) == 3, 0x0f: not command and len(f) == 3,
            0x63: not command and len(f) == 3, 0x03: command, 0x87: not command and len(f) == 8}.get(control, False)


def flipped():
    """Every single bit of every header, and every length."""
    for sample in SAMPLES.values():
        for bit in range((4 if sample[2] & 3 != 3 else 3) * 8):
            frame = bytearray(sample)
            frame[bit // 8] ^= 1 << bit % 8
            yield bytes(frame)
        for length in range(2, len(sample)):
            yield sample[:length]
        yield sample + b'\0'


def flat(groups):
    return {name: value for group in groups.values() for name, value in group.items()}


def counters(lab):
    shown = lab.gwctl('span', 'show', 'e1-1')
    return {**flat(shown['line_counters']), **flat(shown['counters'])}


def grown(lab, before):
    now = counters(lab)
    return {name: now[name] - before[name] for name in now if now[name] != before[name]}


@contextlib.contextmanager
def compared_call(lab, seconds, number='+442079460000'):
    """A call whose octets go out and come back while the body runs."""
    port = free_ports(1, ip=PEER_IP)[0]
    call = lab.call(number, body=sdp(PEER_IP, port)).send_invite()
    ok = call.wait(200)
    call.ack(ok)
    host, rtp, _, _ = ok.media
    probe = lab.probe('--remote', f'{host}:{rtp}', '--duration', f'{seconds}s', '--send', 'counter', '--expect', 'echo', port=port)
    time.sleep(0.5)
    begin = time.monotonic()
    yield call
    print(f'  {time.monotonic() - begin:.1f} s of it while the octets of {seconds} s were compared')
    assert probe.running(), 'the comparison was over before the body was'
    assert probe.wait() == 0, probe.output
    assert not call.peer.quiet(call.call_id), 'the call was touched'
    assert call.bye().status == 200
    lab.nothing_held()


def next_call(lab):
    with compared_call(lab, 2):
        pass


def settled(lab):
    """Layer 2 up at both ends, and quiet."""
    eventually(lambda: lab.gwctl('span', 'list')['spans'][0]['state'] == 'up', 20, 'span up')
    eventually(lab.exchange_up, 20, 'span up at the exchange')


def send(lab, pieces, rest=0.2):
    """Bits onto the D-channel, and time for them to arrive."""
    relay = lab.relays[0]
    for bits in pieces:
        relay.add(bits)
    eventually(relay.drained, 20, 'the line is free again')
    time.sleep(rest)


def broken_hdlc():
    # bad FCS, aborts, too short, too long, no whole octets: each by its name
    with Lab(**LINE) as lab:
        with compared_call(lab, 5):
            before, rng = counters(lab), random.Random(3)
            frames = [bytes(rng.randrange(256) for _ in range(rng.randrange(4, 60))) for _ in range(50)]
            send(lab, [bad_fcs(frame) for frame in frames])
            send(lab, [aborted(frame) for frame in frames])
            send(lab, [stuffed(b'\x02\x01\x7f') + FLAG for _ in range(20)])             # 24 bits with FCS
            send(lab, [good(bytes(600)) for _ in range(3)])
            send(lab, [good(frame)[:-11] + FLAG for frame in frames[:20]])              # three bits fewer than octets
            drops = grown(lab, before)
            print(f'  {drops}')
            assert drops['hdlc_abort'] == 50 and drops['hdlc_short'] == 20 and drops['hdlc_long'] == 3, drops
            assert drops['hdlc_crc'] == 70, drops
            assert 'layer2_ups' not in drops and 'malformed' not in drops and 'invalid_frames' not in drops, drops
        next_call(lab)


def broken_lapd():
    # every bit of every header wrong, every length; good FCS. What is no frame is counted and changes nothing
    with Lab(**LINE) as lab:
        with compared_call(lab, 6):
            before, frames = counters(lab), [frame for frame in flipped() if not is_lapd(frame)]
            # one more octet than these and it's HDLC's business; see broken_hdlc
            send(lab, [good(frame) for frame in frames])
            drops = grown(lab, before)
            print(f'  {drops}')
            assert drops['invalid_frames'] == len(frames) > 250, (drops, len(frames))
            assert 'layer2_ups' not in drops and 'layer2_losses' not in drops and 'malformed_frames' not in drops, drops
        next_call(lab)


def misleading_lapd():
    # what can't be told from a good frame upsets layer 2, which recovers by itself: the call that is up stands (T309)
    with Lab(**LINE, span_options='timers: { t309: 60s }', exchange_span='timers: { t309: 60s }') as lab:
        with compared_call(lab, 18):
            before, frames = counters(lab), [frame for frame in flipped() if is_lapd(frame)]
            assert len(frames) > 50
            for frame in frames:
                send(lab, [good(frame)], rest=0.08)
            settled(lab)
            drops = grown(lab, before)
            print(f'  {drops}')
            assert drops['layer2_ups'] > 3 and 'invalid_frames' not in drops and 'status_clears' not in drops, drops
        next_call(lab)


def messages_in_bad_frames():
    # RELEASE, STATUS and so on for the call that is up, in frames for others, of the wrong kind, or out of sequence: not heard
    with Lab(**LINE) as lab:
        with compared_call(lab, 6) as call:
            relay = lab.relays[0]
            connect = next(f for f in reversed(relay.frames) if len(f) > 8 and not f[2] & 1 and f[8] == 0x07)
            number, before = (connect[2] >> 1) + 1, counters(lab)
            expected = next(f for f in reversed(relay.frames) if len(f) >= 4 and f[2] & 3 != 3)[3] & 0xfe       # N(R)
            messages = [connect[4:8] + bytes.fromhex(text) for text in (
                '7d0802829e140103', '7d0802829e140100', '4d08028290', '4508028290', '5a08028290')]
            for address, ns in (('0601', 0), ('0203', 0), ('02ff', 0), ('0001', 0), ('0301', 0), ('0200', 0), ('0201', 1), ('0201', -1),
                                ('0201', 64)):
                header = bytes.fromhex(address) + bytes([(number + ns) << 1 & 0xfe, expected])
                send(lab, [good(header + message) for message in messages])
            name = lab.gwctl('call', 'list')['calls'][0]['id']
            ladder = [e['summary'] for e in lab.gwctl('call', 'trace', name)['entries'] if e['protocol'] == 'q931']
            assert ladder[-2:] == ['CONNECT', 'CONNECT ACKNOWLEDGE'], ladder
            drops = grown(lab, before)
            print(f'  {drops}')
            assert drops['invalid_frames'] == 6 * len(messages) and 'status_clears' not in drops, drops
            assert not call.peer.quiet(call.call_id), 'the call was touched'
        next_call(lab)


def broken_q931():
    # SETUPs of other calls cut and flipped in right I frames: refused or ignored, counted; the call that is up doesn't notice
    with Lab(**LINE, span_options='timers: { t302: 2s }', exchange_span='timers: { t303: 1s }') as lab:
        lab.peer.auto['INVITE'] = 486
        relay, rng, broken = lab.relays[0], random.Random(11), []

        def breaking(frame):
            if len(frame) < 12 or frame[2] & 1 or frame[8] != 0x05:
                return [frame]
            message = bytearray(frame[4:])
            for _ in range(rng.randrange(1, 5)):
                message[rng.randrange(5, len(message))] ^= 1 << rng.randrange(8)
            if rng.randrange(2):
                del message[rng.choice((rng.randrange(1, 6), rng.randrange(6, len(message)))):]
            broken.append(bytes(message))
            return [frame[:4] + bytes(message)]

        with compared_call(lab, 10) as call:
            before, relay.change = counters(lab), breaking
            result = lab.ctl('load', 'to=02079461234', 'from=2079461111', 'calls=100', 'rate=60', 'limit=25', 'hold=100ms', ok=False)
            relay.change = lambda frame: [frame]
            drops = grown(lab, before)
            print(f'  {len(broken)} broken SETUPs, {result["answered"]} answered; {drops}')
            assert result['answered'] == 0 and len(broken) >= 100, result
            assert drops['malformed_elements'] > 20 and drops['malformed_frames'] > 3, drops
            assert 'layer2_ups' not in drops and 'invalid_frames' not in drops, drops
            assert not call.peer.quiet(call.call_id), 'the call was touched'
        del lab.peer.auto['INVITE']
        next_call(lab)


def wrong_packets(last):
    """(name, octets) of packets that are no CESoPSN packets of this line; `last`: a good one."""
    control, rest = last[0] << 8 | last[1], last[2:]
    for length in (0, 1, 2, 3, 4, 5, len(last) - 1, len(last) + 1, len(last) - 31, len(last) + 31, 2 * len(last) - 4, 1472, 4000):
        yield f'{length} octets', (last * 20)[:length]
    for length in (1, 3, 4, 40, 63):
        yield f'LEN {length}', struct.pack('>H', control | length) + rest
    for fragment in (1, 2, 3):
        yield f'FRG {fragment}', struct.pack('>H', control | fragment << 6) + rest
    for top in (1, 2, 4, 8, 15):
        yield f'first nibble {top}', struct.pack('>H', control | top << 12) + rest
    yield 'RTP header', bytes.fromhex('8060') + last[2:4] + bytes(8) + last
    yield 'RTP header of another kind', bytes.fromhex('9008') + last[2:4] + bytes(8) + last


def wrong_cesopsn():
    # short, long, LEN, FRG, an RTP header nobody agreed on: malformed. Foreign sequence numbers, L, R, RDI, signalling: counted, not believed
    with Lab(**LINE) as lab:
        relay = lab.relays[0]
        with compared_call(lab, 8):
            before, sent = counters(lab), 0
            for _, octets in list(wrong_packets(relay.last)) * 3:
                relay.packet(octets)
                sent += 1
                time.sleep(0.004)
            strays = 0
            for n in range(60):                          # a good form, and from elsewhere in the sequence: no two in a row
                word = random.Random(n).choice((0, 0x0800, 0x0400, 0x0200, 0x0c00))
                relay.packet(struct.pack('>HH', word, (relay.sequence + 9000 + 301 * n) & 0xffff) + bytes(248))
                relay.packet(relay.last)                 # and one that has been
                relay.packet(struct.pack('>HH', 0, (relay.sequence - 40) & 0xffff) + bytes(248))
                strays += 3
                time.sleep(0.004)
            for _ in range(20):
                relay.packet(struct.pack('>HH', 0x0300, relay.sequence) + bytes(248))
                time.sleep(0.004)
            time.sleep(0.3)
            drops = grown(lab, before)
            print(f'  {drops}')
            assert drops['malformed'] == sent and drops['signalling'] == 20, (drops, sent)
            assert drops['late'] >= strays and 'foreign' not in drops, (drops, strays)
            assert drops['rx_l_bit'] > 5 and drops['rx_r_bit'] > 5 and drops['rx_rdi'] > 5, drops
            assert not [name for name in drops if name.startswith(('slips', 'hdlc_crc', 'hdlc_abort', 'layer2'))], drops
            assert lab.gwctl('span', 'list')['spans'][0]['state'] == 'up'
        next_call(lab)


def sequence_jumps():
    # the far end's numbers jump, near and far, for good: heard, counted; the call stands and is bit exact again
    with Lab(**LINE) as lab:
        port = free_ports(1, ip=PEER_IP)[0]
        call = lab.call(body=sdp(PEER_IP, port)).send_invite()
        ok = call.wait(200)
        call.ack(ok)
        host, rtp, _, _ = ok.media
        for jump, counter in ((20, 'lost'), (20000, 'late'), (-20000, 'late'), (65500, 'late')):
            before = counters(lab)
            lab.relays[0].sequence_offset += jump
            time.sleep(1.5)
            drops = grown(lab, before)
            print(f'  {jump}: {drops}')
            assert drops.get(counter, 0) > 0, (jump, drops)
            probe = lab.probe('--remote', f'{host}:{rtp}', '--duration', '2s', '--send', 'counter', '--expect', 'echo', port=port)
            assert probe.wait() == 0, probe.output
            assert not call.peer.quiet(call.call_id), 'the call was touched'
        call.bye()
        lab.nothing_held()
        next_call(lab)


def wrong_rtp(last):
    """(counter, octets) of packets that are no RTP packets of this session; `last`: a good one (PCMA)."""
    sequence, rest = struct.unpack('>H', last[2:4])[0], last[4:]
    for octets in (b'', b'\x80', last[:2], last[:11], b'\0' * 172, b'\x40' + last[1:], b'\xc0' + last[1:], b'\xff' * 40, bytes(1),
                   b'\x8f' + last[1:40], b'\x90' + last[1:12] + b'\0\0\xff\xff' + last[12:], b'\xa0' + last[1:-1] + b'\0',
                   b'\xa0' + last[1:-1] + b'\xff', last + bytes(3000)):
        yield 'rx_malformed', octets
    for kind in (0, 3, 9, 18, 72, 95, 100, 127):
        yield 'rx_unknown_pt', bytes([0x80, kind]) + last[2:]
    for n in range(12):
        yield 'rx_foreign', last[:2] + struct.pack('>H', (sequence + 9000 + 313 * n) & 0xffff) + rest     # no two in a row (RFC 3550 A.1)
    for _ in range(8):
        yield 'rx_duplicate', last


def wrong_rtp_from_the_right_address():
    # malformed packets, payload types nobody agreed on, numbers from nowhere, repetitions: counted, not played
    with Lab(**LINE) as lab:
        phone = free_ports(1, ip=PEER_IP)[0]
        relay = RtpRelay(PEER_IP, (PEER_IP, phone))
        try:
            call = lab.call(body=sdp(PEER_IP, relay.address[1])).send_invite()
            ok = call.wait(200)
            call.ack(ok)
            host, rtp, _, _ = ok.media
            relay.start((host, rtp))
            probe = lab.probe('--remote', f'{relay.inner[0]}:{relay.inner[1]}', '--duration', '5s', '--send', 'counter', '--expect',
                              'echo', port=phone)
            eventually(lambda: relay.last, 5, 'RTP of the phone')
            time.sleep(0.5)
            expected = {}
            for _ in range(4):
                for counter, octets in wrong_rtp(relay.last):
                    relay.packet(octets)
                    expected[counter] = expected.get(counter, 0) + 1
                    time.sleep(0.004)
            name = lab.gwctl('call', 'list')['calls'][0]['id']
            shown = lab.gwctl('call', 'show', name)
            media = next(leg['media'] for leg in shown['legs'] if leg and leg['media'])
            heard = flat(media['counters'])
            print(f'  {heard}')
            assert {counter: heard[counter] for counter in expected} == expected, expected
            assert heard['rx_lost'] == 0, heard
            assert probe.running() and probe.wait() == 0, probe.output
            assert not call.peer.quiet(call.call_id), 'the call was touched'
            call.bye()
            lab.nothing_held()
        finally:
            relay.close()


TESTS = [broken_hdlc, broken_lapd, misleading_lapd, messages_in_bad_frames, broken_q931, wrong_cesopsn, sequence_jumps,
         wrong_rtp_from_the_right_address]
if __name__ == '__main__':
    sys.exit(run_tests(TESTS))
