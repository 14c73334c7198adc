#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""deframe.py CAPTURE.pcap PORT OUT.pcap [--timeslots 1-31] [--d-channel 16]

Takes the CESoPSN packets (RFC 5086 over UDP, no RTP header) sent to UDP port PORT out of a capture, puts the octets of the
D-channel's timeslot in order, finds the HDLC frames in them bit by bit, and writes those with a good FCS as a capture of link
type LAPD, which tshark decodes. Written from the Recommendations alone: it shares nothing with the programs that it checks."""
import argparse
import struct
import sys


def packets_of(path):
    """(seconds, link payload) of every record of a classic pcap file."""
    with open(path, 'rb') as file:
        data = file.read()
    order = '<' if data[:4] in (b'\xd4\xc3\xb2\xa1', b'\x4d\x3c\xb2\xa1') else '>'
    nano = data[:4] in (b'\x4d\x3c\xb2\xa1', b'\xa1\xb2\x3c\x4d')
    link = struct.unpack(order + 'I', data[20:24])[0]
    at = 24
    while at + 16 <= len(data):
        seconds, fraction, kept, _ = struct.unpack(order + 'IIII', data[at:at + 16])
        yield seconds + fraction / (1e9 if nano else 1e6), link, data[at + 16:at + 16 + kept]
        at += 16 + kept


def udp_payload(link, frame):
    """(destination port, payload) of an IPv4/UDP packet, else None. Link types: Ethernet 1, raw IP 101, Linux cooked 113."""
    skip = {1: 14, 101: 0, 113: 16, 276: 20}.get(link)
    if skip is None or len(frame) < skip + 28 or frame[skip] >> 4 != 4 or frame[skip + 9] != 17:
        return None
    udp = skip + (frame[skip] & 15) * 4
    port, length = struct.unpack('>HH', frame[udp + 2:udp + 6])
    return port, frame[udp + 8:udp + length]


def stream_of(capture, port, timeslots, d_channel):
    """[(time, octet)] of the D-channel's timeslot, in order of the packets' sequence; gaps are marked by None."""
    column, width, expected, out, seen = timeslots.index(d_channel), len(timeslots), None, [], 0
    for at, link, frame in packets_of(capture):
        found = udp_payload(link, frame)
        if not found or found[0] != port:
            continue
        control, sequence = struct.unpack('>HH', found[1][:4])
        body = found[1][4:]
        seen += 1
        if expected is not None and sequence != expected:
            out.append((at, None))
        expected = (sequence + 1) & 0xffff
        if control & 0x0800:      # L: no valid data
            out.append((at, None))
            continue
        if len(body) % width:
            raise SystemExit(f'payload of {len(body)} octets is no multiple of {width} timeslots')
        out.extend((at, body[i * width + column]) for i in range(len(body) // width))
    return out, seen


CRC = []
for n in range(256):
    c = n
    for _ in range(8):
        c = c >> 1 ^ (0x8408 if c & 1 else 0)
    CRC.append(c)


def fcs_good(frame):
    crc = 0xffff
    for octet in frame:
        crc = crc >> 8 ^ CRC[(crc ^ octet) & 255]
    return crc == 0xf0b8


def frames_of(stream):
    """(time, frame without FCS) and counts. Bits of an octet on the line come most significant first; the bits of an HDLC
    octet come least significant first; five ones are followed by a stuffed zero; 01111110 is the flag."""
    bits, ones, inside, bad, good = [], 0, False, 0, []
    for at, octet in stream:
        if octet is None:
            bits, ones, inside = [], 0, False
            continue
        for shift in range(7, -1, -1):
            bit = octet >> shift & 1
            if bit:
                ones += 1
                if ones > 6:
                    inside = False
                if inside:
                    bits.append(1)
                continue
            if ones == 6:
                body = bits[:-6] if inside else []
                body = body[:-1] if body else body      # the flag's own leading zero
                if len(body) >= 32:
                    octets = bytes(sum(body[i + k] << k for k in range(8)) for i in range(0, len(body) - 7, 8))
                    if len(body) % 8 == 0 and fcs_good(octets):
                        good.append((at, octets[:-2]))
                    else:
                        bad += 1
                bits, inside = [], True
            elif ones != 5 and inside:
                bits.append(0)
            ones = 0
    return good, bad


def main():
    options = argparse.ArgumentParser()
    options.add_argument('capture')
    options.add_argument('port', type=int)
    options.add_argument('out')
    options.add_argument('--timeslots', default='1-31')
    options.add_argument('--d-channel', type=int, default=16)
    given = options.parse_args()
    slots = []
    for part in given.timeslots.split(','):
        first, _, last = part.partition('-')
        slots += range(int(first), int(last or first) + 1)
    stream, packets = stream_of(given.capture, given.port, slots, given.d_channel)
    frames, bad = frames_of(stream)
    with open(given.out, 'wb') as file:
        file.write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, 203))
        for at, frame in frames:
            file.write(struct.pack('<IIII', int(at), int(at % 1 * 1e6), len(frame), len(frame)) + frame)
    print(f'{packets} packets, {len(frames)} frames, {bad} with a bad FCS')
    return 0 if frames else 1


if __name__ == '__main__':
    sys.exit(main())
