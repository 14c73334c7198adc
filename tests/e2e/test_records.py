#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Records of calls, out of the API and compared with what the peers know: every field, both directions, failover,
refusals; and what becomes of them while the store is away, full, read-only, or the spool is broken."""
import csv
import datetime
import http.client
import io
import json
import os
import socket
import sqlite3
import struct
import subprocess
import sys
import time

from lab import BIN, Lab, PEER_IP, eventually, free_ports, run_tests, sdp
from postgres import TemporaryPostgres
from test_failover import TwoCarriers
from test_transit import ROUTES as TRANSIT

NUMBER, CALLER = '+442079460000', '+442079461111'


# ---- asking

class OverSocket(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__('localhost', timeout=10)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def api(lab, path):
    connection = OverSocket(lab.socket)
    try:
        connection.request('GET', '/api/v1/' + path)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def records_state(lab):
    return api(lab, 'status')[1]['records']


def all_records(lab):
    """Every record, newest first, page by page."""
    rows, before = [], ''
    while True:
        status, body = api(lab, f'cdrs?limit=100{before}')
        assert status == 200, body
        rows += body['cdrs']
        if not body['next']:
            return rows
        before = f'&before={body["next"]}'


def record_of(lab, key, timeout=5):
    """The one record of the call that has a leg with this Call-ID or call reference."""
    def look():
        found = [r for r in all_records(lab) if key in (r['caller']['key'], r['callee']['key'])]
        return found
    found = eventually(look, timeout, f'record of {key}')
    assert len(found) == 1, found
    return found[0]


def wall(text):
    return datetime.datetime.fromisoformat(text.replace('Z', '+00:00')).timestamp()


def within(text, low, high):
    assert low - 0.05 <= wall(text) <= high + 0.05, f'{text}: not between {low} and {high}'


def digits(record, whose, form):
    number = record[whose][form]
    return number and number['digits']


def isdn_key(event):
    """The exchange marks references of the other side with an i; the gateway does so on its side."""
    key = event['key']
    return key[:-1] if key.endswith('i') else key + 'i'


def exchange_end(lab, number=-1):
    return eventually(lambda: [e for e in lab.exchange_events() if e.get('event') == 'end'], 5, 'end at the exchange')[number]


def hold_call(lab, number=NUMBER, seconds=0.2, **kw):
    """A call from the core that is answered and hung up; its Call-ID."""
    call = lab.call(number, **kw).send_invite()
    ok = call.wait(200, timeout=8)
    call.ack(ok)
    time.sleep(seconds)
    call.bye()
    return call.call_id


# ---- every field

def sip_to_isdn():
    with Lab() as lab:
        port = free_ports(1, ip=PEER_IP)[0]
        times = [time.time()]
        call = lab.call(NUMBER, body=sdp(PEER_IP, port), extra='Diversion: <sip:+442079460099@x>;reason=no-answer').send_invite()
        call.wait(lambda m: m.status in (180, 183))
        times.append(time.time())
        ok = call.wait(200)
        call.ack(ok)
        times.append(time.time())
        host, rtp, _, _ = ok.media
        probe = lab.probe('--remote', f'{host}:{rtp}', '--duration', '2s', '--send', 'tone:1004@-16', port=port)
        assert probe.wait() == 0, probe.output
        call.bye(extra='Reason: Q.850;cause=31;location=U')
        times.append(time.time())
        far = exchange_end(lab)
        r = record_of(lab, call.call_id)
        assert len(r['id']) == 26 and r['host'] == socket.gethostname(), r
        within(r['setup'], times[0], times[1])
        within(r['routed'], times[0], times[1])
        within(r['ringing'], times[0], times[1])
        within(r['answered'], times[1] - 0.1, times[2])
        within(r['ended'], times[2] + 2, times[3])
        assert abs(r['talk_ms'] - (wall(r['ended']) - wall(r['answered'])) * 1000) < 5, r
        assert r['cause']['value'] == 31 and r['cause']['location'] == 'user', r
        assert r['released_by'] == 'caller' and r['status'] is None and r['media'] == 'tdm-packets', r
        assert not r['emergency'] and not r['restricted'], r
        assert [digits(r, 'called', form) for form in ('received', 'normalized', 'sent')] == [NUMBER, NUMBER, '2079460000'], r
        assert [digits(r, 'calling', form) for form in ('received', 'normalized', 'sent')] == [CALLER, CALLER, '2079461111'], r
        assert r['called']['sent']['type'] == 'national' and r['called']['received']['type'] == 'international', r
        assert r['calling']['received']['presentation'] == 'allowed', r
        assert r['redirecting']['digits'] == '+442079460099', r
        caller, callee = r['caller'], r['callee']
        assert (caller['endpoint'], caller['kind'], caller['timeslot'], caller['codec']) == ('core', 'sip', None, 'PCMA'), caller
        assert (caller['local'], caller['remote']) == (f'{host}:{rtp}', f'{PEER_IP}:{port}'), caller
        assert (callee['endpoint'], callee['kind'], callee['codec']) == ('e1-1', 'isdn', 'PCMA'), callee
        assert callee['timeslot'] == far['timeslot'] and callee['key'] == isdn_key(far), (callee, far)
        verdict = probe.json
        sent = verdict.get('sent', {}).get('packets') or verdict.get('tx_packets') or 100
        assert abs(caller['rx_packets'] - sent) <= 5, (caller, verdict)
        assert 90 <= caller['tx_packets'] <= 150 and caller['rx_lost'] == 0, caller
        assert caller['jitter_ms'] < 20, caller
        assert len(r['attempts']) == r['attempts_made'] == 1, r
        only = r['attempts'][0]
        assert (only['route'], only['usage'], only['gateway'], only['key']) == ('pstn', 'to-pstn', 'e1-1', callee['key']), only
        assert only['called_sent']['digits'] == '2079460000' and only['cause'] is None and only['ended'] is None, only
        assert api(lab, f'cdrs/{r["id"]}') == (200, r)
        assert api(lab, 'cdrs/01NONE')[0] == 404


def packets_are_lost():
    """Five of 130 don't come, and every second one is late: that stands in the record, of this side alone. (Lost is what 32
    others came after; jitter is taken over once a second.)"""
    with Lab() as lab:
        port = free_ports(1, ip=PEER_IP)[0]
        call = lab.call(NUMBER, body=sdp(PEER_IP, port)).send_invite()
        ok = call.wait(200)
        call.ack(ok)
        host, rtp, _, _ = ok.media
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.bind((PEER_IP, port))
            begin = time.monotonic()
            for n in range(130):
                time.sleep(max(0, begin + 0.02 * n + 0.012 * (n % 2) - time.monotonic()))
                if not 20 <= n < 25:
                    sender.sendto(struct.pack('!BBHII', 0x80, 8, 65530 + n & 0xFFFF, 160 * n, 7) + b'\xd5' * 160, (host, rtp))
        call.bye()
        r = record_of(lab, call.call_id)
        assert (r['caller']['rx_packets'], r['caller']['rx_lost']) == (125, 5), r['caller']
        assert r['caller']['jitter_ms'] > 3, r['caller']
        assert not r['callee']['rx_lost'] and not r['callee']['jitter_ms'], r['callee']


def isdn_to_sip():
    with Lab() as lab:
        later = lab.isdn_call(to='02079461234', **{'from': '2079461111', 'from-type': 'national', 'hold': '400ms',
                                                   'presentation': 'restricted', 'screening': 'network'})
        dialog, invite = lab.peer.take_call(8)
        dialog.respond(180)
        time.sleep(0.3)
        dialog.respond(200, body=sdp(PEER_IP, free_ports(1, ip=PEER_IP)[0], codecs=(0,)),
                       extra='P-Asserted-Identity: <sip:+442079469999@x>')
        dialog.peer.wait(dialog.call_id, 'ACK')
        dialog.expect_bye()
        later.result()
        far = exchange_end(lab)
        r = record_of(lab, dialog.call_id)
        assert r['caller']['key'] == isdn_key(far) and r['caller']['timeslot'] == far['timeslot'], (r, far)
        assert (r['caller']['endpoint'], r['caller']['kind']) == ('e1-1', 'isdn'), r
        assert (r['callee']['endpoint'], r['callee']['kind'], r['callee']['codec']) == ('core', 'sip', 'PCMU'), r
        assert [digits(r, 'called', f) for f in ('received', 'normalized', 'sent')] == \
            ['02079461234', '+442079461234', '+442079461234'], r
        assert digits(r, 'calling', 'received') == '2079461111' and digits(r, 'calling', 'normalized') == '+442079461111', r
        assert r['restricted'] and r['calling']['received']['presentation'] == 'restricted', r
        assert r['calling']['received']['screening'] == 3 and r['calling']['received']['type'] == 'national', r
        assert r['connected']['digits'] == '+442079469999', r
        assert r['released_by'] == 'caller' and (r['cause']['value'], r['cause']['location']) == (16, 'user'), r
        assert 300 <= (wall(r['answered']) - wall(r['ringing'])) * 1000 <= 1500, r
        assert abs(r['talk_ms'] - 400) < 150, r
        assert r['attempts'][0]['gateway'] == 'core' and r['attempts'][0]['key'] == dialog.call_id, r


def sip_to_sip():
    trunks = {'core': '', 'other': ''}
    routes = r'''usages: [any]
policies: { all: [any], inbound: [any] }
routes:
  other: { pattern: '^\+', usages: [any], gateways: [other] }'''
    lab = Lab(spans=0, trunks=trunks, routes=routes, start=False)
    lab.peer = lab.add_peer()
    other = lab.add_peer('127.0.0.3')
    lab.trunks = {'core': lab.trunk_text(lab.peer), 'other': lab.trunk_text(other)}
    with lab:
        lab.start_gateway(wait=False)
        eventually(lambda: os.path.exists(lab.socket), 10, 'API')
        call = lab.call(NUMBER).send_invite()
        dialog, _ = other.take_call()
        dialog.respond(200, body=sdp('127.0.0.3', free_ports(1, ip='127.0.0.3')[0]))
        ok = call.wait(200)
        call.ack(ok)
        dialog.peer.wait(dialog.call_id, 'ACK')
        time.sleep(0.2)
        dialog.send('BYE')
        dialog.peer.wait(dialog.call_id, lambda m: m.is_response and m.method == 'BYE')
        bye = call.peer.wait(call.call_id, 'BYE')
        call.peer.respond(bye, 200)
        r = record_of(lab, call.call_id)
        assert (r['media'], r['released_by'], r['callee']['key']) == ('relay', 'called', dialog.call_id), r
        assert r['caller']['codec'] == r['callee']['codec'] == 'PCMA' and r['caller']['local'] != r['callee']['local'], r


def isdn_to_isdn():
    # e1-1 → gateway → e1-2; two calls cross the same exchange, each with a channel of its own
    with Lab(spans=2, routes=TRANSIT % 'pstn') as lab:
        later = lab.isdn_call(span='e1-1', to='02079460000', **{'from': '2079460018', 'from-type': 'national', 'hold': '500ms'})
        later.result()
        ends_seen = eventually(lambda: (lambda e: len(e) == 2 and e)([e for e in lab.exchange_events() if e.get('event') == 'end']),
                               5, 'both ends')
        near = next(e for e in ends_seen if e['span'] == 'e1-1')
        far = next(e for e in ends_seen if e['span'] == 'e1-2')
        r = record_of(lab, isdn_key(near))
        assert (r['media'], r['released_by']) == ('tdm', 'caller'), r
        assert (r['caller']['endpoint'], r['caller']['timeslot'], r['caller']['key']) == ('e1-1', near['timeslot'], isdn_key(near)), r
        assert (r['callee']['endpoint'], r['callee']['timeslot'], r['callee']['key']) == ('e1-2', far['timeslot'], isdn_key(far)), r
        assert r['caller']['codec'] == r['callee']['codec'] == 'PCMA' and r['caller']['slips'] >= 0, r


def failover():
    with TwoCarriers('carrier-a, carrier-b, pstn') as lab:
        call = lab.call(NUMBER).send_invite()
        a, _ = lab.carrier_a.take_call()
        a.respond(503)
        b, _ = lab.carrier_b.take_call()
        b.respond(486, extra='Reason: Q.850;cause=34')
        ok = call.wait(200)
        call.ack(ok)
        call.bye()
        r = record_of(lab, call.call_id)
        rows = [(t['gateway'], t['cause'] and t['cause']['value'], t['status'], t['key']) for t in r['attempts']]
        assert rows[:2] == [('carrier-a', 41, 503, a.call_id), ('carrier-b', 34, 486, b.call_id)], rows
        assert rows[2][:3] == ('e1-1', None, None) and r['callee']['endpoint'] == 'e1-1', rows
        assert all(t['route'] == 'first' and wall(t['started']) >= wall(r['setup']) for t in r['attempts']), r
        assert wall(r['attempts'][0]['ended']) <= wall(r['attempts'][1]['started']) + 0.01, r
        assert r['attempts'][0]['called_sent']['digits'] == NUMBER, r
        assert r['attempts'][2]['called_sent']['digits'] == '2079460000', r


def ends(lab, number, status, *what, **kw):
    """A call that is refused with this status; its record has (cause, location, who, SIP status)."""
    call = lab.call(number, **kw).send_invite()
    final = call.wait(lambda m: m.status >= 200, timeout=15)
    call.ack(final)
    assert final.status == status, final.start
    r = record_of(lab, call.call_id)
    got = (r['cause']['value'], r['cause']['location'], r['released_by'], r['status'])
    assert got == what, (number, got)
    assert r['answered'] is None and r['talk_ms'] == 0 and wall(r['ended']) >= wall(r['setup']), r
    return r


def unanswered():
    with Lab(span_options='setup-timeout: 1500ms') as lab:
        local = 'private network serving the local user'
        public = 'public network serving the local user'
        r = ends(lab, '+442079460003', 486, 17, 'user', 'called', 486)             # busy
        assert r['attempts'][0]['cause']['value'] == 17 and r['media'] == 'none', r
        r = ends(lab, '+442079460004', 404, 1, public, 'called', 404)              # no such number
        assert r['ringing'] is None, r
        r = ends(lab, '+442079460005', 603, 21, 'user', 'called', 603)             # rejected after it rang
        assert r['ringing'], r
        r = ends(lab, '5', 404, 1, local, 'gateway', 404)                        # no route
        assert r['attempts'] == [] and r['routed'] is None and r['callee']['endpoint'] is None, r
        r = ends(lab, '+442079460007', 404, 1, public, 'called', 404)              # with an announcement
        assert r['media'] == 'tdm-packets' and r['caller']['codec'] == 'PCMA', r
        r = ends(lab, '+442079460009', 504, 102, local, 'gateway', 504)            # silence
        assert r['attempts'][0]['cause']['value'] == 102, r
        call = lab.call('+442079460002').send_invite()
        call.wait(180)
        call.cancel()
        final = call.wait(487)
        call.ack(final)
        r = record_of(lab, call.call_id)
        assert (r['cause']['value'], r['released_by'], r['status']) == (16, 'caller', 487), r
        assert r['attempts'][0]['cause']['value'] == 16 and r['ringing'], r
        # Hung up by the administrator
        call = lab.call().send_invite()
        call.ack(call.wait(200))
        lab.gwctl('call', 'hangup', lab.gwctl('call', 'list')['calls'][0]['id'])
        call.peer.respond(call.peer.wait(call.call_id, 'BYE'), 200)
        assert record_of(lab, call.call_id)['released_by'] == 'gateway'


def exchange_releases():
    # DISCONNECT by the exchange; our RELEASE COMPLETE comes after the record
    with Lab() as lab:
        call = lab.call('+442079460012').send_invite()
        call.ack(call.wait(200))
        call.peer.respond(call.peer.wait(call.call_id, 'BYE'), 200)
        r = record_of(lab, call.call_id)
        assert (r['released_by'], r['cause']['value'], r['cause']['location']) == ('called', 16, 'user'), r
        assert 900 <= r['talk_ms'] <= 1800, r


# ---- the store is away

def database_away_for_the_whole_test():
    with TemporaryPostgres() as server:
        lab = Lab(start=False)
        lab.store, lab.extra = f'"{server.url()}"', f'records: {{ spool: {lab.folder}/spool, spool-size: 8 }}\n'
        with lab:
            lab.start_exchange()
            lab.start_gateway()
            ids = [hold_call(lab)]
            record_of(lab, ids[0])
            server.kill()
            ids += [hold_call(lab, seconds=0.05) for _ in range(15)]
            state = eventually(lambda: (lambda s: s['state'] == 'waiting' and s['spool']['queued'] == 15 and s)(records_state(lab)),
                               8, 'records wait')
            assert not state['losing'] and state['spool']['lost'] == 0 and not state['store']['up'], state
            assert state['error'] or state['store']['error'], state
            status, body = api(lab, 'cdrs')
            assert status == 503 and body['error']['message'], body
            lab.gatewayd.kill()                 # and everything dies in between
            lab.start_gateway()
            ids += [hold_call(lab, seconds=0.05) for _ in range(5)]
            assert records_state(lab)['spool']['queued'] == 20, records_state(lab)
            server.start()
            eventually(lambda: records_state(lab)['state'] == 'ok' and records_state(lab)['spool']['queued'] == 0, 15, 'drained')
            rows = all_records(lab)
            assert sorted(r['caller']['key'] for r in rows) == sorted(ids), (len(rows), len(ids))
            assert all(r['released_by'] == 'caller' for r in rows)
            # Frozen, not dead: the server takes connections and says nothing
            server.freeze()
            ids += [hold_call(lab, seconds=0.05) for _ in range(3)]
            time.sleep(1)
            server.thaw()
            eventually(lambda: len(all_records(lab)) == len(ids), 15, 'drained')
            assert server.sql('select count(*), count(distinct id) from causeway_records.cdr') == [['24', '24']]


class Locked:
    """Somebody else writes to the database and doesn't come to an end."""

    def __init__(self, lab):
        self.path = os.path.join(lab.store, 'records.db')

    def __enter__(self):
        self.db = sqlite3.connect(self.path, isolation_level=None)
        self.db.execute('BEGIN EXCLUSIVE')

    def __exit__(self, *_):
        self.db.execute('ROLLBACK')
        self.db.close()


def spool_tail_is_broken():
    """The last of the records that wait is damaged on the disk: the others are kept, the loss is counted and shown."""
    with Lab() as lab:
        record_of(lab, hold_call(lab))
        with Locked(lab):
            ids = [hold_call(lab, seconds=0.05) for _ in range(6)]
            eventually(lambda: records_state(lab)['spool']['queued'] == 6, 5, 'records wait')
            lab.gatewayd.kill()
            break_last_record(os.path.join(lab.store, 'spool'), ids[-1].encode())
            lab.start_gateway()
            state = records_state(lab)
            assert state['spool']['damaged'] >= 1 and state['spool']['queued'] == 5, state
            assert os.path.exists(os.path.join(lab.store, 'spool.damaged')), os.listdir(lab.store)
            ids += [hold_call(lab, seconds=0.05)]
        eventually(lambda: records_state(lab)['spool']['queued'] == 0, 10, 'drained')
        keys = [r['caller']['key'] for r in all_records(lab)]
        assert len(keys) == 7 and sorted(keys[:6]) == sorted(ids[:5] + ids[6:]), keys


def break_last_record(path, key):
    """Flips an octet beside the last place where this Call-ID stands in the file."""
    with open(path, 'r+b') as file:
        octets = file.read()
        places, at = [], octets.find(key)
        while at >= 0:
            places.append(at)
            at = octets.find(key, at + 1)
        assert places, 'the record is not in the spool'
        for at in places:
            file.seek(at)
            file.write(bytes([octets[at] ^ 0x20]))


def spool_is_full():
    """The store takes nothing and the spool is as small as it may be: the loss is counted, logged and shown."""
    with TemporaryPostgres() as server:
        lab = Lab(start=False)
        lab.store, lab.extra = f'"{server.url()}"', f'records: {{ spool: {lab.folder}/spool, spool-size: 8 }}\n'
        with lab:
            lab.start_exchange()
            lab.start_gateway()
            record_of(lab, hold_call(lab))
            size = records_state(lab)['spool']['size']
            server.kill()
            done = 0
            while not records_state(lab)['losing']:
                for _ in range(100):                # refused calls leave records, too, and are quick
                    call = lab.call('5').send_invite()
                    call.ack(call.wait(404))
                done += 100
                assert done < 20000, records_state(lab)
            state = records_state(lab)
            assert state['state'] == 'losing' and state['spool']['lost'] > 0, state
            assert state['spool']['queued_octets'] > size * 9 // 10, state
            assert state['spool']['queued'] + state['spool']['lost'] == done, (state, done)
            assert 'the spool is full' in lab.gatewayd.output
            server.start()
            eventually(lambda: records_state(lab)['spool']['queued'] == 0, 60, 'drained')
            last = hold_call(lab)
            record_of(lab, last)
            state = records_state(lab)
            assert state['state'] == 'ok' and not state['losing'], state
            rows = int(server.sql('select count(*) from causeway_records.cdr')[0][0])
            assert rows == done - state['spool']['lost'] + 2, (rows, done, state)


# ---- the disk

UNSHARE = ['unshare', '-m' if os.geteuid() == 0 else '-rm']

class SmallDisk(Lab):
    """The store's folder is a small file system of its own, in a mount namespace that only gatewayd sees. The spool is
    elsewhere."""

    def __init__(self, **kw):
        super().__init__(start=False, **kw)
        self.spool = os.path.join(self.folder, 'spool')
        self.extra = f'records: {{ spool: {self.spool}, spool-size: 8 }}\n'
        os.mkdir(self.store)

    def start_gateway(self, wait=True, expect=(0,)):
        config = self.write('gateway.yaml', self.gateway_config())
        script = f'mount -t tmpfs -o size=8m,mode=0700 none {self.store} && exec {BIN}/gatewayd --config {config}'
        self.gatewayd = self.run('gatewayd', UNSHARE + ['sh', '-c', script], expect=expect)
        eventually(self.spans_up, 30, 'spans up')
        return self.gatewayd

    def inside(self, name):
        return f'/proc/{self.gatewayd.process.pid}/root{self.store}/{name}'

    def __enter__(self):
        try:
            self.start_exchange()
            self.start_gateway()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self


def can_mount():
    return subprocess.run(UNSHARE + ['sh', '-c', 'mount -t tmpfs none /mnt'], capture_output=True).returncode == 0


def disk_is_full():
    if not can_mount():
        print('       (no user namespaces here: not tried)')
        return
    with SmallDisk() as lab:
        ids = [hold_call(lab)]
        record_of(lab, ids[0])
        filler = os.open(lab.inside('filler'), os.O_WRONLY | os.O_CREAT)
        try:
            while True:
                os.write(filler, b'x' * 4096)
        except OSError:
            os.close(filler)
        # What is mapped of the write-ahead log still takes some.
        for _ in range(60):
            ids.append(hold_call(lab, seconds=0))
        state = eventually(lambda: (lambda s: s['error'] and s)(records_state(lab)), 10, 'the drain fails')
        assert state['state'] == 'waiting' and state['spool']['queued'] > 0 and state['spool']['lost'] == 0, state
        assert 'records wait in the spool' in lab.gatewayd.output
        os.unlink(lab.inside('filler'))
        eventually(lambda: records_state(lab)['spool']['queued'] == 0, 15, 'drained')
        assert sorted(r['caller']['key'] for r in all_records(lab)) == sorted(ids)
        assert records_state(lab)['state'] == 'ok'


def store_is_read_only():
    """From the start on; then somebody mounts it as it should be."""
    if not can_mount():
        print('       (no user namespaces here: not tried)')
        return
    lab = Lab(start=False)
    lab.extra = f'records: {{ spool: {lab.folder}/spool, spool-size: 8 }}\n'
    with lab:
        lab.start_exchange()
        lab.start_gateway()
        ids = [hold_call(lab)]
        record_of(lab, ids[0])
        lab.gatewayd.stop()
        config = lab.write('gateway.yaml', lab.gateway_config())
        script = (f'mount --bind {lab.store} {lab.store} && mount -o remount,ro,bind {lab.store} && '
                  f'exec {BIN}/gatewayd --config {config}')
        lab.gatewayd = lab.run('gatewayd', UNSHARE + ['sh', '-c', script])
        eventually(lab.spans_up, 30, 'spans up')
        ids += [hold_call(lab, seconds=0.05) for _ in range(4)]
        state = records_state(lab)
        assert state['state'] == 'waiting' and state['spool']['queued'] == 4 and 'writable' in state['store']['error'], state
        subprocess.run(['nsenter', '-m', '-t', str(lab.gatewayd.process.pid)] + ([] if os.geteuid() == 0 else ['-U', '--preserve-credentials'])
                       + ['mount', '-o', 'remount,rw,bind', lab.store], check=True)
        eventually(lambda: records_state(lab)['state'] == 'ok' and records_state(lab)['spool']['queued'] == 0, 15, 'drained')
        assert sorted(r['caller']['key'] for r in all_records(lab)) == sorted(ids)


# ---- one after another

def pages_and_filters():
    with Lab() as lab:
        ids = [hold_call(lab, seconds=0) for _ in range(5)]
        since = time.time()
        time.sleep(0.05)
        busy = ends(lab, '+442079460003', 486, 17, 'user', 'called', 486)['id']
        eventually(lambda: len(all_records(lab)) == 6, 5, 'records')
        ask = lambda query: [r['id'] for r in api(lab, f'cdrs?{query}')[1]['cdrs']]  # noqa: E731
        first = api(lab, 'cdrs?limit=4')[1]
        second = api(lab, f'cdrs?limit=4&before={first["next"]}')[1]
        rows = first['cdrs'] + second['cdrs']
        assert len(rows) == 6 and second['next'] is None and rows == sorted(rows, key=lambda r: r['id'], reverse=True)
        assert ask('cause=17') == [busy] and len(ask('answered=true')) == 5 and ask('answered=false') == [busy]
        moment = datetime.datetime.fromtimestamp(since, datetime.timezone.utc).strftime('%Y-%m-%dT%H:%M:%S.%f')[:23] + 'Z'
        assert ask(f'since={moment}') == [busy] and len(ask(f'until={moment}')) == 5
        assert len(ask('number=%2B4420')) == 6 and ask('number=2079460003') == [busy] and ask('number=5') == []
        assert len(ask('endpoint=e1-1')) == 6 and ask('endpoint=nobody') == []
        assert [r['caller']['key'] for r in rows[1:]] == ids[::-1]


def exported():
    """CSV and JSON say what the API says."""
    with Lab() as lab:
        answered = hold_call(lab, extra='Privacy: id', caller='+442079461112')
        ends(lab, '+442079460003', 486, 17, 'user', 'called', 486)
        eventually(lambda: len(all_records(lab)) == 2, 5, 'records')
        status, text, errors = lab.gwctl_text('cdr', 'export')
        assert status == 0, errors
        rows = list(csv.DictReader(io.StringIO(text)))
        exact = all_records(lab)
        by_id = {row['id']: row for row in rows}
        assert set(by_id) == {r['id'] for r in exact} and None not in rows[0], rows
        for record in exact:
            row = by_id[record['id']]
            for column in row:
                value = record
                for key in column_path(record, column):
                    value = value.get(key) if isinstance(value, dict) else None
                if column == 'attempts':
                    continue
                told = '' if value is None else str(value).lower() if isinstance(value, bool) else \
                    f'{value:.3f}' if isinstance(value, float) else str(value)
                assert row[column] == told, (column, row[column], told)
        assert by_id[exact[0]['id']]['attempts'] == 'e1-1:17' and by_id[exact[1]['id']]['attempts'] == 'e1-1'
        assert exact[1]['caller']['key'] == answered and exact[1]['restricted'], exact[1]
        assert exact[1]['calling']['received']['presentation'] == 'restricted', exact[1]
        status, text, errors = lab.gwctl_text('cdr', 'export', '--format', 'json', '--cause', '17')
        told = json.loads(text)
        told = told if isinstance(told, list) else told.get('cdrs', [told])
        assert [t['id'] for t in told] == [exact[0]['id']], text


def column_path(record, column):
    """caller_rx_packets → caller, rx_packets; the names of keys have underscores, too."""
    path, rest, at = [], column, record
    while rest:
        keys = [k for k in (at if isinstance(at, dict) else {}) if rest == k or rest.startswith(k + '_')]
        if not keys:
            return path + [rest]
        key = max(keys, key=len)
        path.append(key)
        rest, at = rest[len(key) + 1:], at[key]
    return path


def old_ones_are_removed():
    """keep-calls: the newest so many stay; at the start and then every minute."""
    with Lab() as lab:
        ids = [hold_call(lab, seconds=0) for _ in range(6)]
        eventually(lambda: len(all_records(lab)) == 6, 5, 'records')
        lab.gatewayd.stop()
        lab.extra = 'records: { keep-calls: 2 }\n'
        lab.start_gateway()
        eventually(lambda: records_state(lab)['removed'] == 4, 10, 'old records removed')
        assert [r['caller']['key'] for r in all_records(lab)] == ids[:-3:-1]


def crashed_call():
    """What was in progress when gatewayd was killed has a record, released by a crash, once."""
    with Lab() as lab:
        done = hold_call(lab)
        call = lab.call().send_invite()
        call.ack(call.wait(200))
        time.sleep(0.2)
        lab.gatewayd.kill()
        for _ in range(2):
            lab.start_gateway()
            r = record_of(lab, call.call_id)
            assert r['released_by'] == 'crash' and r['answered'] and r['callee']['endpoint'] == 'e1-1', r
            assert record_of(lab, done)['released_by'] == 'caller'
            assert len(all_records(lab)) == 2
            crashed = records_state(lab)['crashed']
            lab.gatewayd.stop()
        assert crashed == 0, 'the second start has nothing to tell of'


TESTS = [sip_to_isdn, packets_are_lost, isdn_to_sip, sip_to_sip, isdn_to_isdn, failover, unanswered, exchange_releases,
         database_away_for_the_whole_test, spool_tail_is_broken, spool_is_full, disk_is_full, store_is_read_only, pages_and_filters, exported, old_ones_are_removed,
         crashed_call]
if __name__ == '__main__':
    sys.exit(run_tests(TESTS))
