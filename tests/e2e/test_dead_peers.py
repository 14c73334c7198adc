#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Peers that are dead, mute, gone or new: whatever they no longer say, no call, channel, port or place on a trunk is held
afterwards. Their sockets are the test's own: a filter that drops everything makes a connection half-open, one that is closed
in repair mode (tcp(7), TCP_REPAIR) leaves its far end without a word."""
import ctypes
import socket
import struct
import sys
import tempfile
import time

from lab import GATEWAY_IP, Lab, eventually, free_ports, run_tests, sdp
from sip_floor import Floor
from test_sip_calling import NameServer

PEER, CARRIER = '127.0.0.2', '127.0.0.4'
ROUTES = r'''usages: [to-pstn, to-core]
policies:
  all: { usages: [to-pstn] }
  inbound: { usages: [to-core] }
routes:
  out: { pattern: '^\+4420', usages: [to-pstn], gateways: [GATEWAYS] }
  core: { pattern: '^\+', usages: [to-core], gateways: [core] }'''
SO_ATTACH_FILTER, TCP_REPAIR, RELEASED_S = 26, 19, 3


class Carriers(Lab):
    """core → carrier, then the E1; E1 → core. `of` is the text of the carrier's trunk when it isn't a peer's."""

    def __init__(self, transport='udp', options='setup-timeout: 1500ms', of=None, gateways='carrier, pstn', **kw):
        super().__init__(trunks={'core': ''}, routes=ROUTES.replace('GATEWAYS', gateways), start=False, **kw)
        self.peer = self.add_peer(PEER, transport)
        self.carrier = self.add_peer(CARRIER, transport)
        self.trunks = {'core': self.trunk_text(self.peer), 'carrier': of or self.trunk_text(self.carrier, options)}

    def __enter__(self):
        try:
            self.start_exchange()
            self.start_gateway()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def trunk(self, name='carrier'):
        return next(t for t in self.gwctl('trunk', 'list')['trunks'] if t['name'] == name)

    def clean(self, timeout=RELEASED_S):
        """No call, port, channel, nor place on a trunk, at the gateway; and none at the exchange."""
        self.nothing_held(timeout)
        eventually(lambda: all(t['calls'] == 0 for t in self.gwctl('trunk', 'list')['trunks']), timeout, 'trunks idle')
        eventually(lambda: all(s['idle'] == 30 for s in self.gwctl('span', 'list')['spans']), timeout, 'channels idle')


def media(ip=PEER):
    return sdp(ip, free_ports(1, ip=ip)[0])


def up(lab, number='+442079460000', timeout=8):
    """A call of the core's that is answered by who comes last in the route."""
    call = lab.call(number).send_invite()
    ok = call.wait(200, timeout=timeout)
    call.ack(ok)
    return call


def by_carrier(lab):
    """A call of the core's that the carrier answers; both dialogs."""
    call = lab.call().send_invite()
    dialog, _ = lab.carrier.take_call()
    dialog.respond(200, body=media(CARRIER))
    lab.carrier.wait(dialog.call_id, 'ACK')
    call.ack(call.wait(200))
    return call, dialog


def towards_core(lab, hold):
    """A call of the exchange's that the core answers, and that the exchange ends after `hold`."""
    placed = lab.isdn_call(to='02079461234', hold=hold, **{'from': '2079461111'})
    dialog, _ = lab.peer.take_call()
    dialog.respond(200, body=media())
    lab.peer.wait(dialog.call_id, 'ACK')
    return placed, dialog


def connections_of(peer):
    with peer.lock:
        return dict(peer.connections)


def drop_all(connection):
    """It hears and acknowledges nothing more: half-open, seen from the gateway."""
    code = ctypes.create_string_buffer(struct.pack('HBBI', 0x06, 0, 0, 0))
    connection.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                          struct.pack('HxxxxxxP', 1, ctypes.addressof(code)))


def stands(lab, connection):
    """Does the gateway still hold its end of this connection?"""
    ends = [f'{socket.htonl(struct.unpack("!I", socket.inet_aton(ip))[0]):08X}:{port:04X}'
            for ip, port in ((GATEWAY_IP, lab.sip_port), connection.getsockname())]
    with open('/proc/net/tcp', encoding='ascii') as file:
        return any(line.split()[1:4] == ends + ['01'] for line in file)


def forget(peer):
    with peer.lock:
        connections, peer.connections = list(peer.connections.values()), {}
    time.sleep(0.15)    # its thread has let go of them
    return connections


def vanish(peer):
    """As if its machine had been switched off and on: the connections are unknown to it from now on."""
    for connection in forget(peer):
        connection.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
        connection.close()


def reset(peer):
    for connection in forget(peer):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        connection.close()
    time.sleep(0.2)


# ---- what is never answered

def bye_is_never_answered():
    with Carriers() as lab:
        call, dialog = by_carrier(lab)
        call.bye()
        lab.carrier.wait(dialog.call_id, 'BYE')
        lab.clean()
        lab.carrier.wait(dialog.call_id, 'BYE')     # repeated, and nobody waits


def bye_is_refused():
    with Carriers() as lab:
        call, dialog = by_carrier(lab)
        call.bye()
        lab.carrier.respond(lab.carrier.wait(dialog.call_id, 'BYE'), 481)
        lab.clean()


def invite_is_never_answered():
    # the next gateway after setup-timeout; the silent one holds no place on its trunk
    with Carriers(options='setup-timeout: 1s, max-calls: 1') as lab:
        for _ in range(2):
            begin = time.monotonic()
            call = up(lab)
            assert 0.8 < time.monotonic() - begin < 4
            assert lab.trunk()['calls'] == 0, lab.trunk()
            call.bye()
            lab.clean()


def what_ends_by_itself_after_32_s():
    # at once, as each takes its 32 s: no ACK to our 200; no answer to CANCEL nor INVITE
    with Carriers() as lab:
        lost = lab.call('+442079460000', extra='Subject: lost ack').send_invite()
        first, _ = lab.carrier.take_call()
        first.respond(200, body=media(CARRIER))
        lab.carrier.wait(first.call_id, 'ACK')
        begin = time.monotonic()
        lost.wait(200)

        cancelled = lab.call('+442079460000').send_invite()
        second, _ = lab.carrier.take_call()
        second.respond(180)
        cancelled.wait(180)
        cancelled.cancel()
        cancelled.ack(cancelled.wait(487))
        lab.carrier.wait(second.call_id, 'CANCEL')
        eventually(lambda: lab.gwctl('status')['calls']['now'] == 1, 3, 'the cancelled call is no call any more')
        assert lab.trunk()['calls'] == 2, lab.trunk()   # its INVITE may still be answered

        seen = [lost.wait(200, timeout=10) for _ in range(4)]
        assert all(m.raw == seen[0].raw for m in seen)
        lost.wait('BYE', timeout=40)
        assert 30 < time.monotonic() - begin < 36
        lab.carrier.wait(first.call_id, 'BYE')
        lab.clean(8)


def a_peer_that_forgot_its_calls():
    # it was started anew and sends nothing: the refresh of the session meets 481, and both sides are cleared (RFC 4028 10);
    # meanwhile an idle connection of the core's, half-open, is found by probing it
    with Carriers(options='session-timer: 90s, silence-timeout: 0') as lab, socket.socket() as idle:
        idle.bind((PEER, 0))
        idle.connect((GATEWAY_IP, lab.sip_port))
        eventually(lambda: stands(lab, idle), 3, 'connected')
        drop_all(idle)
        call = lab.call().send_invite()
        dialog, invite = lab.carrier.take_call()
        assert invite.get('session-expires') == '90' and 'timer' in invite.get('supported'), invite.raw
        dialog.respond(200, body=media(CARRIER),
                       extra='Require: timer\r\nSession-Expires: 90;refresher=uac\r\nAllow: INVITE, UPDATE')
        lab.carrier.wait(dialog.call_id, 'ACK')
        call.ack(call.wait(200))
        begin = time.monotonic()
        update = lab.carrier.wait(dialog.call_id, 'UPDATE', timeout=60)
        assert 43 < time.monotonic() - begin < 50 and not update.body, update.raw
        assert update.get('session-expires') == '90;refresher=uac', update.raw
        lab.carrier.respond(update, 481)
        bye = call.expect_bye()
        assert 'Q.850' in bye.get('reason'), bye.raw
        lab.carrier.respond(lab.carrier.wait(dialog.call_id, 'BYE'), 481)
        lab.clean()
        eventually(lambda: not stands(lab, idle), 15, 'the idle connection is given up')


def options_are_never_answered():
    with Carriers(options='setup-timeout: 1s, options-interval: 5s') as lab:
        eventually(lambda: lab.carrier.options > 0, 3, 'asked')
        lab.carrier.auto.clear()
        eventually(lambda: not lab.trunk()['up'], 12, 'down')
        begin = time.monotonic()
        call = up(lab)
        assert time.monotonic() - begin < 0.9, 'a trunk that is down is passed over at once'
        call.bye()
        lab.carrier.auto['OPTIONS'] = 200
        eventually(lambda: lab.trunk()['up'], 12, 'up again')
        call, dialog = by_carrier(lab)
        call.bye()
        dialog.expect_bye()
        lab.clean()


def nobody_listens():
    # ICMP says so: the next gateway at once
    with Carriers() as lab:
        lab.carrier.close()
        lab.peers.remove(lab.carrier)
        begin = time.monotonic()
        call = up(lab)
        assert time.monotonic() - begin < 1.4
        call.bye()
        lab.clean()


# ---- names

def a_name_that_nobody_knows():
    # unknown, or its server is silent: the trunk is down, and calls pass it over at once
    of = '{ interface: lan, peer: "sip.nobody.invalid:5060", sources: ["192.0.2.1"] }'
    with Carriers(of=of) as lab:
        assert not lab.trunk()['up']
        begin = time.monotonic()
        call = up(lab)
        assert time.monotonic() - begin < 1.4
        call.bye()
        lab.clean()


def a_name_server_in_trouble():
    # silence, then SERVFAIL; when it answers the trunk is up, and stays so when it falls silent again
    server = NameServer('127.0.0.2')
    server.silent = True
    with tempfile.NamedTemporaryFile('w', suffix='.conf') as conf:
        conf.write(f'nameserver 127.0.0.1\nport {server.port}\n')
        conf.flush()
        with Floor(peer_host='sip.carrier.test', resolv=conf.name) as f:
            f.do('call 123')
            f.expect('error 1 call Network is down')
            eventually(lambda: server.asked, 5, 'asked')
            server.silent, server.rcode = False, 2
            time.sleep(1)
            f.do('call 123')
            f.expect('error 2 call Network is down')
            server.rcode = 0
            f.expect('trunk core up', timeout=30)
            server.silent = True
            dialog, _ = f.call_out()
            dialog.respond(486)
            f.expect('released 3 cause=17')
    server.close()


# ---- connections

def a_connection_is_reset():
    # the call goes on; the next request takes another connection
    with Carriers(transport='tcp') as lab:
        placed, dialog = towards_core(lab, hold='1500ms')
        reset(lab.peer)
        dialog.expect_bye()
        assert placed.result()['cause'] == 16, placed.result()
        lab.clean()
        call, dialog = by_carrier(lab)
        reset(lab.carrier)
        call.bye()
        dialog.expect_bye()
        lab.clean()


def the_peer_starts_anew():
    # its connections are gone without a word: what we send meets RST and goes out again, once
    with Carriers(transport='tcp', options='setup-timeout: 4s') as lab:
        call, dialog = by_carrier(lab)
        vanish(lab.carrier)
        call.bye()
        dialog.expect_bye()
        lab.clean()
        vanish(lab.carrier)
        call, dialog = by_carrier(lab)      # no failover
        call.bye()
        dialog.expect_bye()
        lab.clean()


def a_connection_is_half_open():
    # nothing comes back, not even RST: given up after 10 s without an acknowledgement
    with Carriers(transport='tcp') as lab:
        call, dialog = by_carrier(lab)
        for connection in connections_of(lab.carrier).values():
            drop_all(connection)
        begin = time.monotonic()
        call.bye()
        lab.clean()
        late = up(lab)      # INVITE on the dead connection: setup-timeout, then the E1
        late.bye()
        bye = lab.carrier.wait(dialog.call_id, 'BYE', timeout=25)
        assert time.monotonic() - begin > 5
        lab.carrier.respond(bye, 200)
        call, dialog = by_carrier(lab)
        call.bye()
        dialog.expect_bye()
        lab.clean()


def a_half_open_connection_is_found_by_options():
    with Carriers(transport='tcp', options='setup-timeout: 1s, options-interval: 5s') as lab:
        eventually(lambda: lab.carrier.options > 0, 3, 'asked')
        for connection in connections_of(lab.carrier).values():
            drop_all(connection)
        eventually(lambda: not lab.trunk()['up'], 15, 'down')
        eventually(lambda: lab.trunk()['up'], 8, 'up, on another connection, sooner than the kernel gives up')
        call, dialog = by_carrier(lab)
        call.bye()
        dialog.expect_bye()
        lab.clean()


TESTS = [bye_is_never_answered, bye_is_refused, invite_is_never_answered, what_ends_by_itself_after_32_s,
         a_peer_that_forgot_its_calls, options_are_never_answered, nobody_listens, a_name_that_nobody_knows,
         a_name_server_in_trouble, a_connection_is_reset, the_peer_starts_anew, a_connection_is_half_open,
         a_half_open_connection_is_found_by_options]
if __name__ == '__main__':
    sys.exit(run_tests(TESTS))
