# SPDX-License-Identifier: GPL-2.0-only
"""A scripted SIP peer over UDP or TCP: it sends exactly what a test says and hands over exactly what came, so that orders
of messages no well-behaved stack produces can be tried. Standard library only; shares nothing with the programs under test."""
import itertools
import queue
import random
import re
import select
import socket
import threading
import time

SERIAL = itertools.count(random.randrange(1 << 20))
COMPACT = {'v': 'via', 'f': 'from', 't': 'to', 'i': 'call-id', 'm': 'contact', 'c': 'content-type', 'l': 'content-length',
           'k': 'supported', 's': 'subject', 'e': 'content-encoding', 'r': 'refer-to', 'x': 'session-expires'}


PHRASES = {100: 'Trying', 180: 'Ringing', 183: 'Session Progress', 200: 'OK', 404: 'Not Found', 480: 'Temporarily Unavailable',
           486: 'Busy Here', 487: 'Request Terminated', 503: 'Service Unavailable', 603: 'Decline'}


def token(prefix=''):
    return f'{prefix}{next(SERIAL):x}{random.randrange(1 << 32):08x}'


def sdp(ip, port, codecs=(8,), direction='sendrecv', version=1, event=101, ptime=20, extra=''):
    names = {0: 'PCMU/8000', 8: 'PCMA/8000', 18: 'G729/8000', 9: 'G722/8000'}
    formats = list(codecs) + ([event] if event else [])
    family = 'IP6' if ':' in ip else 'IP4'
    lines = ['v=0', f'o=peer 1000 {version} IN {family} {ip}', 's=-', f'c=IN {family} {ip}', 't=0 0',
             f'm=audio {port} RTP/AVP {" ".join(map(str, formats))}']
    lines += [f'a=rtpmap:{c} {names[c]}' for c in codecs if c in names]
    if event:
        lines += [f'a=rtpmap:{event} telephone-event/8000', f'a=fmtp:{event} 0-16']
    if ptime:
        lines.append(f'a=ptime:{ptime}')
    if direction:
        lines.append(f'a={direction}')
    return '\r\n'.join(lines) + '\r\n' + extra


class Message:
    """One SIP message: start line, headers in order, body."""

    def __init__(self, raw, source=None):
        self.raw, self.source, self.at = raw, source, time.monotonic()
        head, _, self.body = raw.decode('utf-8', 'replace').partition('\r\n\r\n')
        lines = re.sub(r'\r\n[ \t]+', ' ', head).split('\r\n')
        self.start = lines[0]
        self.headers = []
        for line in lines[1:]:
            name, _, value = line.partition(':')
            name = name.strip().lower()
            self.headers.append((COMPACT.get(name, name), value.strip()))
        self.is_response = self.start.startswith('SIP/2.0 ')
        self.status = int(self.start[8:11]) if self.is_response else 0
        words = self.get('cseq').split() if self.is_response else self.start.split(' ')[:1]
        self.method = words[-1] if words else ''
        self.uri = '' if self.is_response or ' ' not in self.start else self.start.split(' ')[1]

    def get(self, name, default=''):
        return next((v for n, v in self.headers if n == name.lower()), default)

    def all(self, name):
        return [v for n, v in self.headers if n == name.lower()]

    @property
    def call_id(self):
        return self.get('call-id')

    @property
    def cseq(self):
        return int(self.get('cseq').split()[0])

    @property
    def to_tag(self):
        found = re.search(r';\s*tag=([^;\s]+)', self.get('to'))
        return found[1] if found else ''

    @property
    def from_tag(self):
        found = re.search(r';\s*tag=([^;\s]+)', self.get('from'))
        return found[1] if found else ''

    @property
    def contact_uri(self):
        found = re.search(r'<([^>]+)>', self.get('contact'))
        return found[1] if found else self.get('contact').split(';')[0]

    @property
    def media(self):
        """(ip, port, formats, direction) of the first audio stream."""
        line = re.search(r'^m=audio (\d+) \S+ (.*)$', self.body, re.M)
        host = re.search(r'^c=IN IP[46] (\S+)', self.body, re.M)
        way = re.search(r'^a=(sendrecv|sendonly|recvonly|inactive)\s*$', self.body, re.M)
        if not line:
            return None
        return (host[1] if host else '', int(line[1]), line[2].split(), way[1] if way else 'sendrecv')

    def __str__(self):
        return self.start


class SipPeer:
    """One address that speaks SIP. Messages wait in a queue per Call-ID; new calls in `incoming`."""

    def __init__(self, ip='127.0.0.1', port=0, server=None, transport='udp'):
        self.ip, self.transport, self.server = ip, transport, server
        family = socket.AF_INET6 if ':' in ip else socket.AF_INET
        self.lock, self.closed = threading.Lock(), False
        self.queues, self.incoming, self.options = {}, queue.Queue(), 0
        self.log, self.connections, self.buffers = [], {}, {}
        kind = socket.SOCK_DGRAM if transport == 'udp' else socket.SOCK_STREAM
        self.socket = socket.socket(family, kind)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((ip, port))
        self.port = self.socket.getsockname()[1]
        if transport == 'tcp':
            self.socket.listen(16)
        self.host = f'[{ip}]' if ':' in ip else ip
        self.contact = f'<sip:peer@{self.host}:{self.port};transport={transport}>'
        self.auto = {'OPTIONS': 200}   # methods answered without the test's doing
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def close(self):
        self.closed = True
        self.thread.join()
        for connection in list(self.connections.values()):
            connection.close()
        self.socket.close()

    # ---- wire

    def send(self, text, to=None):
        raw = text if isinstance(text, bytes) else text.encode()
        self.log.append((time.monotonic(), '>', raw))
        to = to or self.server
        if self.transport == 'udp':
            self.socket.sendto(raw, to)
            return
        with self.lock:
            connection = self.connections.get(to)
            if connection is None:
                family = socket.AF_INET6 if ':' in to[0] else socket.AF_INET
                connection = socket.socket(family, socket.SOCK_STREAM)
                connection.bind((self.ip, 0))
                connection.connect(to)
                self.connections[to] = connection
        connection.sendall(raw)

    def _serve(self):
        while not self.closed:
            with self.lock:
                sources = [self.socket] + list(self.connections.values())
            for ready in select.select(sources, [], [], 0.05)[0]:
                try:
                    self._read(ready)
                except OSError:
                    self._forget(ready)

    def _read(self, ready):
        if self.transport == 'udp':
            raw, source = self.socket.recvfrom(65535)
            self._take(raw, source)
        elif ready is self.socket:
            connection, source = self.socket.accept()
            with self.lock:
                self.connections[source] = connection
        else:
            raw = ready.recv(65535)
            if not raw:
                self._forget(ready)
                return
            self.buffers[ready] = self.buffers.get(ready, b'') + raw
            self._split(ready)

    def _forget(self, connection):
        with self.lock:
            self.connections = {k: v for k, v in self.connections.items() if v is not connection}
        connection.close()

    def _split(self, connection):
        while b'\r\n\r\n' in self.buffers[connection]:
            data = self.buffers[connection].lstrip(b'\r\n')
            head, _, rest = data.partition(b'\r\n\r\n')
            found = re.search(rb'(?im)^(?:content-length|l)\s*:\s*(\d+)', head)
            length = int(found[1]) if found else 0
            if len(rest) < length:
                self.buffers[connection] = data
                return
            self.buffers[connection] = rest[length:]
            self._take(head + b'\r\n\r\n' + rest[:length], connection.getpeername())

    def _take(self, raw, source):
        self.log.append((time.monotonic(), '<', raw))
        if len(raw) < 8:
            return
        message = Message(raw, source)
        if not message.is_response and message.method in self.auto and not message.to_tag:
            self.options += 1
            self.respond(message, self.auto[message.method])
            return
        with self.lock:
            known = message.call_id in self.queues
            box = self.queues.setdefault(message.call_id, queue.Queue())
        box.put(message)
        if not known and message.method == 'INVITE' and not message.is_response:
            self.incoming.put(message)

    # ---- messages

    def request(self, method, uri, call_id, cseq, local, remote, extra='', body='', branch=None, to=None, route=(),
                content_type='application/sdp', max_forwards=70, contact=True):
        branch = branch or token('z9hG4bK')
        lines = [f'{method} {uri} SIP/2.0',
                 f'Via: SIP/2.0/{self.transport.upper()} {self.host}:{self.port};branch={branch};rport',
                 f'Max-Forwards: {max_forwards}', f'From: {local}', f'To: {remote}', f'Call-ID: {call_id}',
                 f'CSeq: {cseq} {method}']
        lines += [f'Route: {r}' for r in route]
        if contact:
            lines.append(f'Contact: {self.contact}')
        if extra:
            lines.append(extra.strip('\r\n'))
        if body:
            lines.append(f'Content-Type: {content_type}')
        lines.append(f'Content-Length: {len(body.encode())}')
        self.send('\r\n'.join(lines) + '\r\n\r\n' + body, to)
        return branch

    def respond(self, request, status, phrase=None, tag=None, extra='', body='', contact=None):
        to = request.get('to')
        if tag and 'tag=' not in to:
            to += f';tag={tag}'
        lines = [f'SIP/2.0 {status} {phrase or PHRASES.get(status, "Because")}'] + [f'Via: {v}' for v in request.all('via')]
        lines += [f'Record-Route: {r}' for r in request.all('record-route')]
        lines += [f'From: {request.get("from")}', f'To: {to}', f'Call-ID: {request.call_id}', f'CSeq: {request.get("cseq")}']
        if request.method in ('INVITE', 'UPDATE') and 100 < status < 300:
            lines.append(f'Contact: {contact or self.contact}')
        if extra:
            lines.append(extra.strip('\r\n'))
        if body:
            lines.append('Content-Type: application/sdp')
        lines.append(f'Content-Length: {len(body.encode())}')
        self.send('\r\n'.join(lines) + '\r\n\r\n' + body, request.source)

    def wait(self, call_id, what, timeout=5.0, skip=True):
        """The next message of this call that is `what`: a method name, a status, a class such as '1xx', or a callable.
        Others before it are skipped (or, without `skip`, an error)."""
        end, seen = time.monotonic() + timeout, []
        with self.lock:
            box = self.queues.setdefault(call_id, queue.Queue())
        while True:
            try:
                message = box.get(timeout=max(0.001, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f'no {what} within {timeout} s; seen: {[str(m) for m in seen]}') from None
            if self._matches(message, what):
                return message
            seen.append(message)
            if not skip:
                raise AssertionError(f'{message} came where {what} was expected')

    @staticmethod
    def _matches(message, what):
        if callable(what):
            return what(message)
        if isinstance(what, int):
            return message.status == what
        if what.endswith('xx'):
            return message.is_response and message.status // 100 == int(what[0]) and message.status != 100
        return not message.is_response and message.method == what

    def quiet(self, call_id, seconds=0.3):
        """Nothing more arrives for this call."""
        time.sleep(seconds)
        box = self.queues.get(call_id)
        return [] if box is None else [str(box.get()) for _ in range(box.qsize())]

    def take_call(self, timeout=5.0):
        """The next incoming call as (Dialog, INVITE)."""
        try:
            invite = self.incoming.get(timeout=timeout)
        except queue.Empty:
            raise AssertionError(f'no INVITE arrived at port {self.port} within {timeout} s') from None
        box = self.queues[invite.call_id]
        first = box.get()
        assert first is invite
        return Dialog.of_invite(self, invite), invite


class Dialog:
    """One call seen from the peer: remembers tags, CSeq and target, leaves every decision to the test."""

    def __init__(self, peer, number='+442079460000', caller='+442079461111', extra='', body=None, domain=None, **kw):
        self.peer, self.call_id, self.cseq = peer, token('call'), 1
        host = domain or f'{peer.server[0]}:{peer.server[1]}'
        if ':' in peer.server[0]:
            host = f'[{peer.server[0]}]:{peer.server[1]}'
        self.uri = number if number.startswith(('sip:', 'tel:', 'urn:')) else f'sip:{number}@{host}'
        self.target, self.route = self.uri, ()
        self.local = f'<sip:{caller}@{peer.host}>;tag={token("t")}' if '<' not in caller else f'{caller};tag={token("t")}'
        self.remote = f'<{self.uri}>'
        self.extra, self.body, self.kw, self.invite, self.branch = extra, body, kw, None, None

    @classmethod
    def of_invite(cls, peer, invite):
        dialog = cls.__new__(cls)
        dialog.peer, dialog.call_id, dialog.cseq = peer, invite.call_id, 1000
        dialog.tag = token('t')
        dialog.local = f'{invite.get("to")};tag={dialog.tag}'
        dialog.remote, dialog.target = invite.get('from'), invite.contact_uri
        dialog.route, dialog.invite, dialog.branch = tuple(invite.all('record-route')), invite, None
        return dialog

    # ---- as caller

    def send_invite(self):
        with self.peer.lock:
            self.peer.queues.setdefault(self.call_id, queue.Queue())
        self.branch = self.peer.request('INVITE', self.uri, self.call_id, self.cseq, self.local, self.remote,
                                        extra=self.extra, body=self.body or '', **self.kw)
        return self

    def wait(self, what, timeout=5.0, **kw):
        message = self.peer.wait(self.call_id, what, timeout, **kw)
        if message.is_response and message.method == 'INVITE' and message.to_tag and message.status < 300 \
                and self.invite is None:
            self.remote = message.get('to')
            if message.get('contact'):
                self.target = message.contact_uri
            self.route = tuple(reversed(message.all('record-route')))
        return message

    def ack(self, response, body='', extra=''):
        if response.status >= 300:
            self.peer.request('ACK', self.uri, self.call_id, self.cseq, self.local, response.get('to'), branch=self.branch)
        else:
            self.peer.request('ACK', self.target, self.call_id, response.cseq, self.local, response.get('to'), body=body,
                              extra=extra, route=self.route)

    def cancel(self, extra=''):
        self.peer.request('CANCEL', self.uri, self.call_id, self.cseq, self.local, f'<{self.uri}>', branch=self.branch,
                          extra=extra, contact=False)

    def prack(self, response, body=''):
        self.cseq += 1
        self.peer.request('PRACK', self.target, self.call_id, self.cseq, self.local, response.get('to'), body=body,
                          extra=f'RAck: {response.get("rseq")} {response.get("cseq")}')

    # ---- either side

    def send(self, method, body='', extra='', **kw):
        self.cseq += 1
        return self.peer.request(method, self.target, self.call_id, self.cseq, self.local, self.remote, body=body,
                                 extra=extra, route=self.route, **kw)

    def bye(self, extra='', timeout=5.0):
        self.send('BYE', extra=extra)
        return self.peer.wait(self.call_id, lambda m: m.is_response and m.method == 'BYE', timeout)

    # ---- as callee

    def respond(self, status, request=None, tag=None, **kw):
        request = request or self.invite
        self.peer.respond(request, status, tag=None if status == 100 else (tag or getattr(self, 'tag', None)), **kw)

    def expect_bye(self, timeout=5.0):
        bye = self.peer.wait(self.call_id, 'BYE', timeout)
        self.peer.respond(bye, 200, 'OK')
        return bye
