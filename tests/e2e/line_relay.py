# SPDX-License-Identifier: GPL-2.0-only
"""Men in the middle. LineRelay stands between exchange and gateway on a CESoPSN line (RFC 5086 over UDP, 31 timeslots): it takes the
exchange's D-channel apart into frames and puts it together again, so that a test can change, drop and add frames and bits, and packets
of its own come from the address that the gateway trusts. RtpRelay is the same for RTP, packets only. Standard library only."""
import select
import socket
import struct
import threading
from collections import deque

from deframe import CRC, fcs_good

WIDTH, D_CHANNEL = 31, 15       # timeslots of a packet; the place of timeslot 16 among them
FLAG = [0, 1, 1, 1, 1, 1, 1, 0]


def fcs(octets):
    crc = 0xffff
    for octet in octets:
        crc = crc >> 8 ^ CRC[(crc ^ octet) & 255]
    return struct.pack('<H', crc ^ 0xffff)


def stuffed(octets):
    """The bits of these octets, least significant first, a zero after five ones."""
    bits, ones = [], 0
    for octet in octets:
        for shift in range(8):
            bit = octet >> shift & 1
            bits.append(bit)
            ones = ones + 1 if bit else 0
            if ones == 5:
                bits.append(0)
                ones = 0
    return bits


def good(frame):
    return stuffed(frame + fcs(frame)) + FLAG


def bad_fcs(frame):
    return stuffed(frame + bytes(octet ^ 0x55 for octet in fcs(frame))) + FLAG


def aborted(frame):
    """Ten ones in the middle of it, then a flag (ISO/IEC 13239 4.4.2)."""
    return stuffed(frame)[:-4] + [0] + [1] * 10 + FLAG


class Deframer:
    """Octets of the timeslot in, frames (with a good FCS, without it) out."""

    def __init__(self):
        self.bits, self.ones, self.inside, self.idle = [], 0, False, None

    def bit(self, bit):
        if bit:
            self.ones += 1
            if self.ones > 6:
                self.inside = False
            if self.inside:
                self.bits.append(1)
            return None
        ones, self.ones, frame = self.ones, 0, None
        if ones == 6:
            if self.inside and len(self.bits) >= 32 + 7:
                body = self.bits[:-7]
                octets = bytes(sum(body[i + k] << k for k in range(8)) for i in range(0, len(body) - 7, 8))
                frame = octets[:-2] if len(body) % 8 == 0 and fcs_good(octets) else None
            self.bits, self.inside = [], True
        elif ones != 5 and self.inside:
            self.bits.append(0)
        return frame

    def octets(self, octets):
        frames = []
        for octet in octets:
            if octet == self.idle:
                continue
            before = (list(self.bits), self.ones, self.inside)
            found = [frame for frame in (self.bit(octet >> shift & 1) for shift in range(7, -1, -1)) if frame]
            frames += found
            # flags and nothing else: the same octet again changes nothing
            self.idle = octet if not found and len(self.bits) < 8 and before == (self.bits, self.ones, self.inside) else None
        return frames


class LineRelay:
    """`change(frame)` is given each frame of the exchange and says what goes on instead: a list of frames. add() puts bits of the
    test's own between them, packet() sends a packet. `frames` keeps what the exchange said, as it said it."""

    def __init__(self):
        self.to_gateway, self.to_exchange = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        for s in (self.to_gateway, self.to_exchange):
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            s.bind(('127.0.0.1', 0))
        self.gateway = self.exchange = None
        self.deframer, self.out, self.lock = Deframer(), deque(), threading.Lock()
        self.change, self.frames = (lambda frame: [frame]), []
        self.sequence_offset, self.last = 0, None
        self.running = True
        self.thread = threading.Thread(target=self.run, daemon=True)

    def start(self, gateway, exchange):
        """Addresses of the two ends."""
        self.gateway, self.exchange = gateway, exchange
        self.thread.start()

    def port(self, towards):
        return (self.to_gateway if towards == 'gateway' else self.to_exchange).getsockname()[1]

    def close(self):
        self.running = False
        self.thread.join(5)
        self.to_gateway.close()
        self.to_exchange.close()

    # ---- the test's own

    def add(self, bits):
        with self.lock:
            self.out.extend(bits)

    def drained(self):
        """All that was added is on the line."""
        with self.lock:
            return len(self.out) < 8

    def packet(self, octets):
        self.to_gateway.sendto(octets, self.gateway)

    @property
    def sequence(self):
        """Number of the packet that went to the gateway last."""
        return struct.unpack('>H', self.last[2:4])[0]

    # ---- the thread

    def run(self):
        while self.running:
            for s in select.select([self.to_gateway, self.to_exchange], [], [], 0.2)[0]:
                try:
                    octets = s.recv(2048)
                    if s is self.to_gateway:
                        self.to_exchange.sendto(octets, self.exchange)
                    else:
                        self.to_gateway.sendto(self.rewritten(octets), self.gateway)
                except OSError:
                    continue        # one end isn't there now

    def rewritten(self, octets):
        header, body = bytearray(octets[:4]), bytearray(octets[4:])
        for frame in self.deframer.octets(body[D_CHANNEL::WIDTH]):
            self.frames.append(frame)
            for instead in self.change(frame):
                self.add(good(instead))
        count = len(body) // WIDTH
        with self.lock:
            while len(self.out) < 8 * count:
                self.out.extend(FLAG)
            bits = [self.out.popleft() for _ in range(8 * count)]
        body[D_CHANNEL::WIDTH] = bytes(int(''.join(map(str, bits[i:i + 8])), 2) for i in range(0, 8 * count, 8))
        header[2:4] = struct.pack('>H', (struct.unpack('>H', header[2:4])[0] + self.sequence_offset) & 0xffff)
        self.last = bytes(header + body)
        return self.last


class RtpRelay:
    """A phone whose RTP passes through here: the gateway sees `address`, the phone (a probe at `phone`) sends to `inner`."""

    def __init__(self, ip, phone):
        self.outer, self.inside = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        for s in (self.outer, self.inside):
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            s.bind((ip, 0))
        self.address, self.inner = self.outer.getsockname(), self.inside.getsockname()
        self.phone, self.gateway, self.last, self.running = phone, None, None, True
        self.thread = threading.Thread(target=self.run, daemon=True)

    def start(self, gateway):
        self.gateway = gateway
        self.thread.start()

    def packet(self, octets):
        self.outer.sendto(octets, self.gateway)

    def close(self):
        self.running = False
        self.thread.join(5)
        self.outer.close()
        self.inside.close()

    def run(self):
        while self.running:
            for s in select.select([self.outer, self.inside], [], [], 0.2)[0]:
                try:
                    octets = s.recv(2048)
                    if s is self.outer:
                        self.inside.sendto(octets, self.phone)
                    else:
                        self.last = octets
                        self.outer.sendto(octets, self.gateway)
                except OSError:
                    continue
