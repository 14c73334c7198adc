#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Another configuration while calls are carried: only what has changed is touched, what is touched drains or is cut, and what
can't be is refused whole. CAUSEWAY_RELOADS and CAUSEWAY_RELOAD_SEED change the number and choice of the random ones."""
import http.client
import json
import os
import random
import signal
import socket
import sys
import threading
import time

from lab import PEER_IP, Lab, eventually, free_ports, run_tests, sdp

RELOADS = int(os.environ.get('CAUSEWAY_RELOADS', '50'))
SEED = int(os.environ.get('CAUSEWAY_RELOAD_SEED', '20261120'))
SLACK = 200     # blocks of memory: ladders, transactions of SIP that still rest


# ---- asking

class Door(http.client.HTTPConnection):
    """HTTP on the daemon's socket."""

    def __init__(self, path, timeout=20):
        super().__init__('localhost', timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def ask(lab, method, path):
    door = Door(lab.socket)
    door.request(method, f'/api/v1/{path}', headers={'Content-Length': '0'})
    response = door.getresponse()
    body = json.loads(response.read() or b'null')
    door.close()
    return response.status, body


def write_config(lab):
    return lab.write('gateway.yaml', lab.gateway_config())


def reload(lab, now=False, wanted=200):
    """The file as the lab has it now; the answer."""
    write_config(lab)
    status, body = ask(lab, 'POST', 'config/reload' + ('?now=true' if now else ''))
    assert status == wanted, (status, body)
    return body


def objects(lab):
    status = lab.gwctl('status')
    return {o['name']: o for o in status['spans'] + status['trunks']}


# ---- calls

class Reflector:
    """RTP that comes is sent back as it is: the far end of a call whose audio is compared."""

    def __init__(self, ip=PEER_IP):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((ip, 0))
        self.socket.settimeout(0.2)
        self.port, self.closed = self.socket.getsockname()[1], False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.closed:
            try:
                octets, source = self.socket.recvfrom(2048)
                self.socket.sendto(octets, source)
            except OSError:
                continue

    def close(self):
        self.closed = True
        self.thread.join()
        self.socket.close()


class Up:
    """A call that stands: from the first peer to the exchange, or through to another peer."""

    def __init__(self, lab, number, callee=None, audio=0):
        self.lab, self.port = lab, free_ports(1, ip=PEER_IP)[0]
        self.reflector = Reflector() if callee and audio else None
        self.call = lab.call(number, body=sdp(PEER_IP, self.port)).send_invite()
        self.far = None
        if callee:
            self.far, invite = callee.take_call(10)
            self.far.respond(200, body=sdp(PEER_IP, self.reflector.port if audio else free_ports(1, ip=PEER_IP)[0]))
        ok = self.call.wait(lambda m: m.status >= 200, 15)
        self.call.ack(ok)
        assert ok.status == 200, ok.start
        if self.far:
            self.far.peer.wait(self.far.call_id, 'ACK', 5)
        host, rtp, _, _ = ok.media
        self.probe = lab.probe('--remote', f'{host}:{rtp}', '--duration', f'{audio}s', '--send', 'counter', '--expect', 'echo',
                               port=self.port) if audio else None

    def lives(self):
        """A re-INVITE is answered, and neither side was told to end."""
        box = self.call.peer.queues[self.call.call_id]
        ends = [m for m in list(box.queue) if m.method == 'BYE' and not m.is_response]
        return not ends

    def heard(self):
        if self.probe:
            assert self.probe.wait(120) == 0, self.probe.output
            verdict = self.probe.json
            assert verdict.get('mismatches', 0) == 0 and verdict.get('missing', 0) == 0, verdict
        if self.reflector:
            self.reflector.close()

    def end(self):
        assert self.call.bye(timeout=10).status == 200
        if self.far:
            self.far.expect_bye(10)

    def was_ended(self, timeout=5):
        return self.call.expect_bye(timeout)


def two_peers(**kw):
    """SIP calls to +33… go through to the second peer."""
    lab = Lab(start=False, **kw)
    lab.far = lab.add_peer(ip='127.0.0.3')
    lab.trunks['far'] = lab.trunk_text(lab.far, 'silence-timeout: 0s')
    lab.trunks['core'] = lab.trunk_text(lab.peer, 'silence-timeout: 0s')
    lab.routes = '''usages: [to-pstn, to-core]
policies:
  all: { usages: [to-pstn] }
  inbound: { usages: [to-core] }
routes:
  far: { pattern: '^\\+33', usages: [to-pstn], gateways: [far], priority: 1 }
  pstn: { pattern: '^\\+', usages: [to-pstn], gateways: [pstn] }
  core: { pattern: '^\\+', usages: [to-core], gateways: [core] }'''
    lab.start_exchange()
    lab.start_gateway()
    return lab


# ---- what stays, what changes

def unchanged_is_not_touched():
    # the same file again, and SIGHUP: nothing happens; then one trunk changes, and only it
    with two_peers() as lab:
        call = Up(lab, '+442079460000', audio=6)
        through = Up(lab, '+33123', callee=lab.far, audio=6)
        assert reload(lab)['changed'] is False
        lab.gatewayd.process.send_signal(signal.SIGHUP)
        lab.gatewayd.wait_output('nothing has changed')
        lab.trunks['far'] = lab.trunk_text(lab.far, 'silence-timeout: 0s, max-calls: 9')
        answer = reload(lab)
        assert answer['changed'] is True, answer
        assert objects(lab)['far']['max_calls'] == 9
        second = Up(lab, '+33124', callee=lab.far)
        call.heard()
        through.heard()
        for one in (call, through, second):
            assert one.lives()
            one.end()
        lab.nothing_held()


TESTS = [unchanged_is_not_touched]
if __name__ == '__main__':
    sys.exit(run_tests(TESTS))
