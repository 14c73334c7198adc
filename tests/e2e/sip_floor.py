# SPDX-License-Identifier: GPL-2.0-only
"""The SIP floor alone: sip_harness (a user agent on trunk/sip.h that obeys lines) against a scripted peer. At its end the
harness must have freed everything and its sanitizers must have kept quiet."""
import os
import queue
import re
import socket
import subprocess
import threading
import time

from lab import TOOLS
from sip_peer import Dialog, SipPeer, sdp  # noqa: F401


def free_port(ip):
    with socket.socket(socket.AF_INET6 if ':' in ip else socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind((ip, 0))
        return s.getsockname()[1]


class Floor:
    """with Floor(trusted=0) as f: f.peer is the SipPeer, f.do('call …') obeys, f.expect('alerting 1') waits for a line."""

    def __init__(self, ip='127.0.0.1', peer_ip='127.0.0.2', transport='udp', peer_host=None, **options):
        self.ip, self.transport = ip, transport
        self.port = free_port(ip)
        self.host = f'[{ip}]' if ':' in ip else ip
        if ':' in ip:
            peer_ip = ip
        self.peer = SipPeer(peer_ip, server=(ip, self.port), transport=transport)
        self.peer_name = f'{peer_host or self.peer.host}:{self.peer.port}'
        self.options = {'tcp': 1 if transport == 'tcp' else 0, **options}
        self.lines, self.seen = queue.Queue(), []

    def __enter__(self):
        argv = [os.path.join(TOOLS, 'sip_harness'), f'{self.host}:{self.port}', self.peer_name]
        argv += [f'{k}={v}' for k, v in self.options.items()]
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        text=True, bufsize=1, errors='replace')
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.expect('ready')
        return self

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip())

    def __exit__(self, kind, value, trace):
        if self.process.poll() is None:
            self.do('quit', wait=False)
        try:
            code = self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self.reader.join(2)
        self._drain()
        self.peer.close()
        if kind is None:
            assert code == 0, f'harness ended with {code}:\n' + '\n'.join(self.seen[-60:])
        else:
            print('\n'.join(self.seen[-40:]))

    def _drain(self):
        while not self.lines.empty():
            self.seen.append(self.lines.get())

    def do(self, command, wait=True):
        """Obey a line. With a call's number in it, its "ok" is awaited."""
        self.process.stdin.write(command + '\n')
        self.process.stdin.flush()
        words = command.split()
        if wait and len(words) > 1 and words[0] != 'call':
            self.expect(f'ok {words[1]} {words[0]}')

    def expect(self, pattern, timeout=5.0):
        """The next line that matches from its beginning; lines before it are passed over."""
        end = time.monotonic() + timeout
        while True:
            try:
                line = self.lines.get(timeout=max(0.001, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f'no {pattern!r} within {timeout} s; seen {self.seen[-8:]}') from None
            self.seen.append(line)
            if re.match(pattern, line):
                return line

    def none(self, pattern, seconds=0.3):
        time.sleep(seconds)
        start = len(self.seen)
        self._drain()
        bad = [line for line in self.seen[start:] if re.match(pattern, line)]
        assert not bad, bad

    def counters(self):
        self.do('counters')
        self.expect('counter ')
        found = {}
        while True:
            words = self.seen[-1].split()
            if words[0] == 'counters':
                return found
            if words[0] == 'counter':
                found[words[1]] = int(words[2])
            self.expect('counter')

    def media(self, **kw):
        return sdp(self.peer.ip, 30000, **kw)

    # The peer calls.
    def call_in(self, body='', offer=True, **kw):
        """An INVITE has been sent and the harness has it; with `offer` SDP unless a body is given."""
        dialog = Dialog(self.peer, body=body or (self.media() if offer else None), **kw).send_invite()
        line = self.expect('incoming ')
        dialog.number = int(line.split()[1])
        dialog.line = line
        return dialog

    def answered_in(self, **kw):
        """A call that came in and is up."""
        dialog = self.call_in(**kw)
        if dialog.body:
            self.expect('offer')
        self.do(f'connect {dialog.number}')
        ok = dialog.wait(200)
        dialog.ack(ok)
        self.expect('connected')
        return dialog

    # The harness calls.
    def call_out(self, number='+442079460000', options='', **kw):
        self.do(f'call {number} {options}')
        line = self.expect('calling ')
        dialog, invite = self.peer.take_call(**kw)
        dialog.number = int(line.split()[1])
        return dialog, invite

    def answered_out(self, options=''):
        dialog, invite = self.call_out(options=options)
        dialog.respond(200, body=self.media())
        self.expect('connect ')
        self.peer.wait(dialog.call_id, 'ACK')
        return dialog
