#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What records cost: the rate that one core carries with none, with SQLite, with PostgreSQL (offered more than it can carry, SIP
→ SIP, all of gatewayd on one core), and processor time per call at a rate that all of them carry. Then setup times while 10,000
records are listed over the API, again and again, as a ratio to those without."""
import http.client
import os
import socket
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '../e2e'))
from bench_calls import cpu_of  # noqa: E402
from lab import eventually  # noqa: E402
from postgres import TemporaryPostgres  # noqa: E402
from test_overload import StormLab, nobody_lost  # noqa: E402

SECONDS = float(os.environ.get('CAUSEWAY_BENCH_SECONDS', '4'))
OFFERED = float(os.environ.get('CAUSEWAY_BENCH_OFFERED', '3000'))
STEADY = 300
RECORDS = 10000


def spool(lab):
    return lab.gwctl('status')['records']['spool']


def drained(lab):
    eventually(lambda: spool(lab)['queued'] == 0, 120, 'records in the store', 0.2)
    state = spool(lab)
    assert state['lost'] == 0 and state['no_slot'] == 0, state


def rates(name, records, store=None):
    with StormLab(extra='' if records else 'records: { enabled: false }', store=store) as lab:
        lab.storm(STEADY, 1)
        best = max((lab.storm(OFFERED, SECONDS) for _ in range(2)), key=lambda f: f['answered'])
        nobody_lost(best)
        begin = time.monotonic()
        if records:
            drained(lab)
        behind = time.monotonic() - begin
        pid = lab.gatewayd.process.pid
        cpu = cpu_of(pid)
        steady = lab.storm(STEADY, SECONDS)
        if records:
            drained(lab)
        cost = (cpu_of(pid) - cpu) * 1000 / steady['answered']
        rate = best['answered'] / best['seconds']
        print(f'{name:11}: {rate:6.0f} calls/s carried of {OFFERED:.0f}; {cost:5.2f} ms of processor per call at {STEADY} calls/s'
              + (f'; all in the store {behind:.1f} s later' if records else ''), flush=True)
        return rate, cost


class OverSocket(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__('localhost', timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def listing(lab, done, took):
    """10,000 records over and over, until done. In a process of its own the parser here would not count."""
    while not done.is_set():
        begin = time.monotonic()
        connection = OverSocket(lab.socket)
        connection.request('GET', f'/api/v1/cdrs?limit={RECORDS}')
        answer = connection.getresponse()
        size = len(answer.read())
        connection.close()
        assert answer.status == 200
        took.append((time.monotonic() - begin, size))


def listed():
    with StormLab(extra='') as lab:
        while lab.gwctl('status')['calls']['answered'] < RECORDS:
            lab.storm(800, 5)
        drained(lab)
        quiet, busy, took = [], [], []
        for _ in range(5):
            quiet.append(lab.storm(200, SECONDS))
            done = threading.Event()
            reader = threading.Thread(target=listing, args=(lab, done, took))
            reader.start()
            busy.append(lab.storm(200, SECONDS))
            done.set()
            reader.join()
        for figures in quiet + busy:
            nobody_lost(figures)
        median = {key: [sorted(f[key] for f in group)[2] for group in (quiet, busy)] for key in ('setup_p50_ms', 'setup_p99_ms')}
        seconds = sorted(t for t, _ in took)[len(took) // 2]
        print(f'{RECORDS} records listed in {seconds:.2f} s ({took[0][1] / 1e6:.1f} MB), {len(took)} times over:')
        for key, (before, during) in median.items():
            print(f'  {key[:-3]} {before:.2f} ms without, {during:.2f} ms meanwhile: {during / before:.2f} ×')


def main():
    none = rates('no records', False)
    ways = [('SQLite', None)]
    with TemporaryPostgres() if TemporaryPostgres.available() else open(os.devnull, 'rb') as server:
        if TemporaryPostgres.available():
            ways.append(('PostgreSQL', server.url()))
        for name, store in ways:
            rate, cost = rates(name, True, store)
            print(f'  {name}: {rate / none[0]:.2f} × the rate without records, {cost / none[1]:.2f} × the processor time per call')
    listed()
    return 0


if __name__ == '__main__':
    sys.exit(main())
