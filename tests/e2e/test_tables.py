#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Tables in the store, changed over the REST API while calls are carried: every verb, history and rollback, whole tables in
and out, wrong bodies, two writers at once, and the store locked, lost, away at the start, or shared by two gateways."""
import contextlib
import os
import socket
import sqlite3
import sys
import threading
import time
from urllib.parse import quote

from lab import Lab, eventually, run_tests
from postgres import TemporaryPostgres
from rest import API, Rest

ROUTE = {'pattern': '^\\+4420', 'usages': ['to-core'], 'gateways': ['core']}


class Quiet(Lab):
    """A gateway without its exchange: the API alone."""

    def __init__(self, **kw):
        super().__init__(start=False, **kw)
        self.rest = Rest(self.socket)

    def __enter__(self):
        super().__enter__()
        try:
            self.start_quietly()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def start_quietly(self):
        self.start_gateway(wait=False)
        self.rest.there()


class Carriers(Lab):
    """core → the E1, with a second trunk that calls could take."""

    def __init__(self, **kw):
        super().__init__(start=False, trunks={'core': ''}, **kw)
        self.peer, self.carrier = self.add_peer(), self.add_peer('127.0.0.4')
        self.trunks = {'core': self.trunk_text(self.peer), 'carrier': self.trunk_text(self.carrier)}
        self.rest = Rest(self.socket)

    def __enter__(self):
        try:
            self.start_exchange()
            self.start_gateway()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def answered(self):
        call = self.call().send_invite()
        call.ack(call.wait(200))
        return call


def kinds():
    return ('dial-plans', 'rules', 'translations', 'translation-rules', 'usages', 'policies', 'routes', 'gateways')


# ---- one by one

def every_verb():
    with Quiet() as lab:
        rest = lab.rest
        for kind in kinds():
            assert rest.get(f'tables/{kind}')['revision'] == 1
        assert rest.names('rules?parent=uk') == ['international', 'national', 'e164']
        rows = [('usages', {'name': 'National'}), ('policies', {'name': 'sales', 'body': {'usages': ['National']}}),
                ('dial-plans', {'name': 'office', 'first': True}),
                ('rules', {'parent': 'office', 'name': 'a b', 'body': {'pattern': '^1$', 'translation': '+1'}}),
                ('rules', {'parent': 'office', 'name': 'first', 'body': {'pattern': '^2$', 'translation': '+2'}, 'before': 'a b'}),
                ('rules', {'parent': 'office', 'name': 'second', 'body': {'pattern': '^3$', 'translation': '+3'}, 'after': 'first'}),
                ('translations', {'name': 'bare'}),
                ('translation-rules', {'parent': 'bare', 'name': 'ü', 'body': {'pattern': '^\\+(.*)$', 'translation': '$1'}}),
                ('gateways', {'name': 'somewhere', 'body': {'members': ['core', 'e1-1']}}),
                ('routes', {'name': 'London', 'body': {**ROUTE, 'gateways': ['somewhere', {'name': 'core', 'weight': 3}],
                                                       'usages': ['National'], 'priority': 10, 'description': 'München → "x"'}})]
        for number, (kind, body) in enumerate(rows, 2):
            answer = rest.post(f'tables/{kind}', body, expect=201)
            assert answer['revision'] == number and answer['changed'] is True, answer
            [difference] = answer['diff']
            assert difference['before'] is None and difference['name'] == body['name'], answer
            assert difference['parent'] == body.get('parent', ''), answer
        assert rest.names('rules?parent=office') == ['first', 'second', 'a b']
        assert rest.names('dial-plans')[0] == 'office'
        name = quote('office/a b', safe='')
        assert rest.get(f'tables/rules/{name}')['body'] == {'pattern': '^1$', 'translation': '+1'}
        route = rest.get('tables/routes/London')
        assert route['body']['description'] == 'München → "x"' and route['revision'] == 11, route
        # some keys; a key taken away; the whole
        answer = rest.patch('tables/routes/London', {'priority': 20, 'description': None})
        assert answer['diff'][0]['after']['priority'] == 20 and 'description' not in answer['diff'][0]['after'], answer
        assert rest.patch('tables/routes/London', {'priority': 20})['changed'] is False
        assert rest.put('tables/routes/London', {**ROUTE, 'usages': ['National']})['changed']
        assert 'priority' not in rest.get('tables/routes/London')['body']
        assert rest.put('tables/usages/made-by-put', {})['changed']
        # places
        assert rest.post('tables/routes/London/move', {'first': True})['diff'][0]['moved']
        assert rest.names('routes')[0] == 'London'
        rest.post('tables/routes/London/move', {'after': 'pstn'})
        assert rest.names('routes')[:2] == ['pstn', 'London']
        rest.post('tables/routes/London/move', {'before': 'pstn'})
        rest.post('tables/routes/London/move', {'last': True})
        assert rest.names('routes')[-1] == 'London'
        # a name that others refer to
        answer = rest.post('tables/usages/National/rename', {'to': 'Inland'})
        assert {(d['kind'], d['name']) for d in answer['diff']} >= {('policy', 'sales'), ('route', 'London')}, answer
        assert rest.get('tables/policies/sales')['body']['usages'] == ['Inland']
        rest.post('tables/routes/London/rename', {'to': 'Paris'})
        # deleting, also what is parent of others
        for target in ('routes/Paris', 'policies/sales', 'usages/Inland', 'gateways/somewhere', f'rules/{name}'):
            assert rest.delete(f'tables/{target}')['changed']
        assert len(rest.delete('tables/dial-plans/office')['diff']) == 3


def refused():
    with Quiet() as lab:
        rest = lab.rest
        before = rest.get('export').text
        rows = [('GET', 'tables/roots', None, 404, 'no-such-kind', 'did you mean routes?'),
                ('GET', 'tables/routes/psn', None, 404, 'no-such-object', 'did you mean pstn?'),
                ('GET', 'tables/rules/uk', None, 400, 'no-parent', 'PARENT/RULE'),
                ('GET', 'tables/rules?parent=us', None, 404, 'no-such-object', 'did you mean uk?'),
                ('GET', 'tables/routes?parent=us', None, 400, 'bad-argument', 'only rules'),
                ('GET', 'history/99', None, 404, 'no-such-revision', 'gwctl history'),
                ('GET', 'history/x', None, 400, 'bad-revision', 'x is no revision'),
                ('GET', 'history?limit=0', None, 400, 'bad-argument', '1 to 1000'),
                ('GET', 'history?limit=ten', None, 400, 'bad-argument', 'whole number'),
                ('GET', 'status?verbose=1', None, 400, 'bad-argument', 'there are none'),
                ('GET', 'calls?finishd=1', None, 400, 'bad-argument', 'accepted: finished'),
                ('POST', 'tables/routes?dryrun=1', {'name': 'x', 'body': ROUTE}, 400, 'bad-argument', 'dry-run'),
                ('POST', 'tables/routes?if-revision=-1', {'name': 'x', 'body': ROUTE}, 400, 'bad-argument', 'if-revision'),
                ('POST', 'tables/routes', {'name': 'pstn', 'body': ROUTE}, 409, 'exists', 'pstn'),
                ('POST', 'tables/routes', {'body': ROUTE}, 400, 'no-name', '"name"'),
                ('POST', 'tables/rules', {'name': 'x', 'body': {}}, 400, 'no-parent', 'dial-plan'),
                ('POST', 'tables/rules', {'name': 'x', 'parent': 'us', 'body': {'pattern': 'x', 'translation': ''}}, 404, 'no-such-object', 'us'),
                ('POST', 'tables/routes', {'name': 'x', 'boddy': {}}, 400, 'bad-body', 'boddy'),
                ('POST', 'tables/routes', {'name': 7, 'body': {}}, 400, 'bad-body', '"name"'),
                ('POST', 'tables/routes', {'name': 'x', 'body': []}, 400, 'bad-body', 'no object'),
                ('POST', 'tables/routes', {'name': 'x', 'body': {}}, 422, 'refused', 'pattern'),
                ('POST', 'tables/routes', {'name': 'x', 'body': {**ROUTE, 'priorty': 1}}, 422, 'refused', 'did you mean "priority"?'),
                ('POST', 'tables/routes', {'name': 'x', 'body': {**ROUTE, 'pattern': '('}}, 422, 'refused', 'x'),
                ('POST', 'tables/routes', {'name': 'x', 'body': {**ROUTE, 'gateways': ['nowhere']}}, 422, 'refused', 'nowhere'),
                ('POST', 'tables/routes', {'name': 'x', 'body': {**ROUTE, 'usages': ['nothing']}}, 422, 'refused', 'nothing'),
                ('POST', 'tables/routes', {'name': 'x', 'body': ROUTE, 'before': 'y'}, 404, 'no-such-object', 'y'),
                ('POST', 'tables/routes', {'name': 'x', 'body': ROUTE, 'before': 'pstn', 'first': True}, 400, 'bad-body', 'one of'),
                ('PATCH', 'tables/routes/pstn', {'gateways': ['nowhere']}, 422, 'refused', 'nowhere'),
                ('PATCH', 'tables/routes/nix', {'priority': 1}, 404, 'no-such-object', 'nix'),
                ('PUT', 'tables/routes/pstn', {}, 422, 'refused', 'pattern'),
                ('DELETE', 'tables/usages/to-pstn', None, 409, 'in-use', 'pstn'),
                ('DELETE', 'tables/usages/none', None, 404, 'no-such-object', 'none'),
                ('DELETE', 'tables/dial-plans/uk', None, 422, 'refused', 'uk'),          # a trunk names it
                ('DELETE', 'tables/policies/all', None, 422, 'refused', 'all'),
                ('POST', 'tables/policies/all/rename', {'to': 'some'}, 422, 'refused', 'all'),
                ('POST', 'tables/routes/pstn/rename', {'to': 'core'}, 409, 'exists', 'core'),
                ('POST', 'tables/routes/pstn/rename', {}, 400, 'bad-body', '"to"'),
                ('POST', 'tables/routes/pstn/move', {}, 400, 'bad-body', 'before, after, first or last'),
                ('POST', 'tables/routes/pstn/move', {'before': 'nix'}, 404, 'no-such-object', 'nix'),
                ('POST', 'rollback/99', None, 404, 'no-such-object', '99'),
                ('POST', 'rollback/last', None, 400, 'bad-revision', 'last'),
                ('PUT', 'tables/usages/%FF', {}, 404, 'no-such-path', ''),
                ('PUT', 'tables/usages/a%0Ab', {}, 422, 'refused', ''),
                ('GET', 'cdrs?number=%FF', None, 400, 'bad-argument', 'UTF-8'),
                ('PUT', 'status', {}, 405, 'bad-method', 'GET is'),
                ('POST', 'moon', None, 404, 'no-such-path', 'moon')]
        for method, target, body, status, code, piece in rows:
            answer = rest.ask(method, target, body, expect=status)
            assert answer.error['code'] == code, (method, target, answer.text)
            assert piece in answer.error['message'] + ' '.join(answer.error.get('faults', [])), (method, target, answer.text)
        assert rest.get('export').text == before and rest.revision == 1, 'nothing of that was done'


def bad_bodies():
    with Quiet() as lab:
        rest = lab.rest
        for body, piece in (('', 'needs a body'), ('{', 'line 1'), ('[]', 'no JSON object'), ('"x"', "'[' or '{' expected"), (b'\xff\xfe', 'no JSON'),
                            ('{"name":"x","name":"y"}', 'duplicate'), ('{"name": "x\\u0000y", "body": {}}', ''), ('{' * 5000, 'line 1'),
                            ('{"name": "x", "body": {}} trailing', 'line 1')):
            answer = rest.post('tables/usages', body, expect=400)
            assert piece in answer.error['message'], answer.text
        answer = rest.post('tables/usages', b'{"name":"' + b'x' * 65536 + b'"}', expect=413)
        assert '64 KiB' in answer.error['message']
        assert '16 MiB' in rest.post('apply', b'# ' + b'x' * (17 << 20), expect=413).error['message']
        assert rest.post('tables/usages', {'name': 'x' * 5000}, expect=400)
        for bad in ('\0', '[1, 2', '&a [*a]', 'routes: 7', '- x\n', 'x: 1', 'routes:\n\t- x', b'\xff', 'trunks: {}'):
            answer = rest.post('apply', bad, expect=422)
            assert answer.error['faults'], answer.text
        # who goes away in the middle of a body, or before his answer
        for text in (b'POST /api/v1/apply HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nroutes:',
                     b'POST /api/v1/tables/usages HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n\r\n{"name":"g"}',
                     b'POST /api/v1/tables/usages HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
                     b'GET /api/v1/' + b'a' * 100000):
            with socket.socket(socket.AF_UNIX) as raw:
                raw.connect(lab.socket)
                with contextlib.suppress(BrokenPipeError):
                    raw.sendall(text)
        # a chunked body
        connection = rest.connection()
        connection.request('POST', '/api/v1/tables/usages', iter([b'{"na', b'me":', b'"h"}']), encode_chunked=True,
                           headers={'Transfer-Encoding': 'chunked'})
        assert connection.getresponse().status == 201
        connection.close()
        rest.there()


# ---- calls

def next_call_uses_it():
    with Carriers() as lab:
        rest, route = lab.rest, {'pattern': '^\\+4420', 'usages': ['to-pstn'], 'gateways': ['carrier'], 'priority': -1}
        first = lab.answered()
        [row] = rest.get('calls')['calls']
        assert row['to'] == 'e1-1', row
        for _ in range(3):
            rest.post('tables/routes', {'name': 'quicker', 'body': route}, expect=201)
            second = lab.call().send_invite()
            dialog, _ = lab.carrier.take_call()
            dialog.respond(486)
            second.ack(second.wait(486))
            rest.delete('tables/routes/quicker')
            third = lab.answered()
            assert {c['to'] for c in rest.get('calls')['calls']} == {'e1-1'}
            third.bye()
        rows = [c for c in rest.get('calls')['calls'] if c['id'] == row['id']]
        assert rows and rows[0]['state'] == row['state'], 'the first call did not notice'
        first.peer.quiet(first.call_id)
        first.bye()
        lab.nothing_held()
        eventually(lambda: rest.get('store')['tables']['retired_snapshots'] == 0, 10, 'old snapshots are given back')


def calls_while_tables_change():
    with Carriers() as lab:
        stop, faults = threading.Event(), []

        def writer(name):
            try:
                while not stop.is_set():
                    lab.rest.post('tables/routes', {'name': name, 'body': {**ROUTE, 'pattern': '^\\+99'}})
                    lab.rest.patch(f'tables/routes/{name}', {'priority': 7})
                    lab.rest.delete(f'tables/routes/{name}')
            except Exception as fault:  # noqa: BLE001
                faults.append(fault)

        threads = [threading.Thread(target=writer, args=(f'w{i}',)) for i in range(2)]
        for thread in threads:
            thread.start()
        for _ in range(15):
            call = lab.answered()
            call.bye()
        stop.set()
        for thread in threads:
            thread.join()
        assert not faults, faults
        lab.nothing_held()
        assert lab.rest.names('routes') == ['pstn', 'core']


def compiling_costs_no_calls():
    """Ten thousand routes: what is read, compared, compiled and stored runs beside the thread that serves calls, not on it."""
    with Quiet() as lab:
        rest, pid = lab.rest, lab.gatewayd.process.pid

        def spent():
            """Ticks of processor time: of the signalling thread, of all others."""
            ticks = {}
            for task in os.listdir(f'/proc/{pid}/task'):
                with contextlib.suppress(OSError), open(f'/proc/{pid}/task/{task}/stat', encoding='utf-8') as file:
                    words = file.read().rpartition(')')[2].split()
                    ticks[int(task)] = int(words[11]) + int(words[12])
            return ticks[pid], sum(ticks.values()) - ticks[pid]

        text = rest.get('export').text
        rows = ''.join(f'  r{i}:\n    pattern: "^\\\\+44{i}"\n    usages: [to-core]\n    gateways: [core]\n' for i in range(10000))
        before = spent()
        assert rest.post('apply', text.replace('\nroutes:\n', f'\nroutes:\n{rows}'))['changed']
        served, beside = (after - earlier for after, earlier in zip(spent(), before))
        print(f'       {served} ticks of the signalling thread, {beside} of the others')
        assert beside > 10 and served < beside / 5, (served, beside)


# ---- history

def history_and_rollback():
    with Quiet() as lab:
        rest = lab.rest
        begin = rest.get('export').text
        rest.post('tables/usages', {'name': 'a'}, X_Causeway_Command='gwctl usage add a')
        middle = rest.get('export').text
        rest.post('tables/routes', {'name': 'x', 'body': ROUTE})
        rest.patch('tables/routes/x', {'priority': 5})
        history = rest.get('history')['history']
        assert [e['revision'] for e in history] == [4, 3, 2, 1], history
        assert history[3]['who'] == 'gatewayd' and history[3]['what'].startswith('seed from '), history
        assert history[2]['what'] == 'gwctl usage add a' and history[2]['objects'] == 1, history
        assert history[1]['what'] == 'POST tables/routes' and history[1]['origin'].startswith('socket, pid '), history
        assert history[0]['who'] == os.environ.get('USER', 'root') or history[0]['who'], history
        page = rest.get('history?limit=2')
        assert [e['revision'] for e in page['history']] == [4, 3] and page['next'] == 3
        assert [e['revision'] for e in rest.get('history?limit=2&before=3')['history']] == [2, 1]
        shown = rest.get('history/4')
        assert shown['diff'][0]['before'] == {**shown['diff'][0]['after'], 'priority': 0} or \
            'priority' not in shown['diff'][0]['before'], shown
        dry = rest.post('rollback/2?dry-run=true')
        assert dry['changed'] and [d['name'] for d in dry['diff']] == ['x'] and rest.revision == 4
        assert rest.post('rollback/2')['revision'] == 5
        assert rest.get('export').text == middle
        assert rest.post('rollback/1')['revision'] == 6
        assert rest.get('export').text == begin
        assert rest.post('rollback/1')['changed'] is False and rest.revision == 6
        assert rest.post('rollback/4')['changed'] and rest.get('tables/routes/x')['body']['priority'] == 5
        assert rest.get('history')['history'][0]['what'] == 'POST rollback/4'
        # it all is there after the next start
        text = rest.get('export').text
        lab.gatewayd.stop()
        lab.start_quietly()
        assert rest.get('export').text == text and rest.revision == 7
        assert len(rest.get('history')['history']) == 7


def export_and_apply():
    with Quiet() as lab:
        rest = lab.rest
        rest.post('tables/gateways', {'name': 'far', 'body': {'members': ['core']}})
        rest.post('tables/routes', {'name': 'x', 'body': {**ROUTE, 'gateways': ['far'], 'description': "it's \"so\": #1 \\ ü"}})
        text = rest.get('export').text
        answer = rest.post('apply', text)
        assert answer['changed'] is False and answer['diff'] == [] and rest.revision == 3
        assert rest.post('apply', '# a comment\n' + text)['changed'] is False
        other = text.replace('to-pstn', 'outside')
        dry = rest.post('apply?dry-run=true', other)
        assert dry['changed'] and dry['diff'] and rest.get('export').text == text
        assert rest.post(f'apply?if-revision={rest.revision - 1}', other, expect=409).error['code'] == 'stale'
        done = rest.post(f'apply?if-revision={rest.revision}', other)
        assert done['diff'] == dry['diff'] and done['revision'] == 4
        assert rest.get('export').text == other, 'what was applied comes out as it went in'
        answer = rest.post('apply', 'usages: [a]\nroutes:\n  r: { pattern: "(", usages: [b], gateways: [nowhere] }\n', expect=422)
        assert any(fault.startswith('3:') for fault in answer.error['faults']), answer.text
        # what only all tables together show has its place, too
        whole = 'dial-plans: { uk: [], telco: [] }\nusages: [a]\npolicies: { all: [a], inbound: [a] }\ntranslations: { to-telco: [] }\nroutes:\n'
        answer = rest.post('apply', whole + '  r: { pattern: "x", usages: [a], gateways: [core, nowhere] }\n', expect=422)
        assert len(answer.error['faults']) == 1 and answer.error['faults'][0].startswith('6:52: '), answer.text
        answer = rest.post('tables/routes', {'name': 'r', 'body': {**ROUTE, 'gateways': ['nowhere']}}, expect=422)
        assert answer.error['message'].startswith('route r: '), answer.text
        assert rest.post('apply', '', expect=400).error['code'] == 'no-body'
        rows = ''.join(f'  r{i}:\n    pattern: "^\\\\+44{i}"\n    usages: [to-core]\n    gateways: [core]\n' for i in range(3000))
        answer = rest.post('apply', text.replace('\nroutes:\n', f'\nroutes:\n{rows}'))
        assert answer['changed'] and len(rest.names('routes')) == 3003
        assert len(rest.get('export').text) > 200000
        assert rest.post('rollback/3')['changed'] and rest.get('export').text == text


def two_writers():
    with Quiet() as lab:
        results, count = [], 15

        def writer(name):
            for i in range(count):
                results.append(lab.rest.post('tables/usages', {'name': f'{name}{i}'}, expect=201)['revision'])

        threads = [threading.Thread(target=writer, args=(name,)) for name in 'abc']
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(results) == list(range(2, 2 + 3 * count)), sorted(results)
        assert len(lab.rest.names('usages')) == 2 + 3 * count
        # both looked at the same revision: one of them is told
        revision, outcomes = lab.rest.revision, []

        for name in 'xy':
            outcomes.append(lab.rest.post(f'tables/usages?if-revision={revision}', {'name': name}, expect=0).status)
        assert sorted(outcomes) == [201, 409], outcomes


# ---- the store

def locked_store():
    with Carriers() as lab:
        rest = lab.rest
        rest.post('tables/usages', {'name': 'before'})
        lock = sqlite3.connect(os.path.join(lab.store, 'tables.db'), isolation_level=None)
        assert lock.execute('PRAGMA journal_mode').fetchone() == ('wal',)
        with contextlib.closing(sqlite3.connect(os.path.join(lab.store, 'records.db'))) as records:    # apart from the tables
            assert records.execute("SELECT name FROM sqlite_master WHERE name = 'cdr'").fetchall()
        assert not lock.execute("SELECT name FROM sqlite_master WHERE name = 'cdr'").fetchall()
        lock.execute('BEGIN IMMEDIATE')
        begin = time.monotonic()
        answer = rest.post('tables/usages', {'name': 'during'}, expect=503)
        assert answer.error['code'] == 'store-away' and 'nothing was changed' in answer.error['message'], answer.text
        assert 1 < time.monotonic() - begin < 20
        call = lab.answered()         # calls go on
        call.bye()
        assert rest.get('tables/usages')['objects'], 'reading goes on'
        with socket.socket(socket.AF_UNIX) as raw:      # one who does not wait for his answer
            raw.connect(lab.socket)
            raw.sendall(b'PUT /api/v1/tables/usages/hasty HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}')
            eventually(lambda: rest.get('store')['tables']['waiting'], 5, 'it waits')
        lock.execute('ROLLBACK')
        eventually(lambda: 'hasty' in rest.names('usages'), 10, 'the change of one who has gone')
        lock.close()
        rest.post('tables/usages', {'name': 'after'}, expect=201)
        assert rest.names('usages')[-3:] == ['before', 'hasty', 'after']
        lab.nothing_held()


def backup_and_restore():
    with Quiet() as lab:
        rest = lab.rest
        rest.post('tables/usages', {'name': 'kept'})
        text, path = rest.get('export').text, os.path.join(lab.folder, 'backup.db')
        assert rest.post('store/backup', {'path': path})['what'] == 'tables'
        assert rest.post('store/backup', {'path': path}, expect=409).error['code'] == 'exists'
        records = os.path.join(lab.folder, 'records-backup.db')
        rest.post('store/backup', {'path': records, 'what': 'records'})
        rest.delete('tables/usages/kept')
        rest.post('tables/usages', {'name': 'new'})
        answer = rest.post('store/restore', {'path': path, 'what': 'tables'}, X_Causeway_Command='gwctl store restore')
        assert answer['changed'] and answer['revision'] == 5 and rest.get('export').text == text, answer
        assert rest.get('history')['history'][0]['what'] == 'gwctl store restore'
        assert rest.post('store/restore', {'path': path})['changed'] is False
        rest.post('store/restore', {'path': records, 'what': 'records'})
        for body, status in (({'path': 'here'}, 400), ({}, 400), ({'path': '/x', 'what': 'all'}, 400), ({'path': '/nowhere/x'}, 422)):
            rest.post('store/restore', body, expect=status)
        noise = lab.write('noise.db', 'this is no database ' * 1000)
        rest.post('store/restore', {'path': noise}, expect=422)
        rest.post('store/backup', {'path': '/nowhere/x'}, expect=422)
        assert rest.get('export').text == text
        assert rest.post('store/migrate').value == {'tables': 1, 'records': 1}
        assert not [name for name in os.listdir(lab.store) if name.startswith('restore-')], os.listdir(lab.store)


def postgres_away():
    if not TemporaryPostgres.available():
        print('no PostgreSQL here')
        return
    with TemporaryPostgres() as server, Carriers() as lab:
        rest = lab.rest
        lab.gatewayd.stop()
        lab.store, lab.extra = server.url(), f'records: {{ spool: "{lab.folder}/spool" }}'
        lab.start_gateway()
        assert rest.get('store')['tables']['store']['kind'] == 'postgresql'
        rest.post('tables/usages', {'name': 'there'})
        text = rest.get('export').text
        server.kill()
        eventually(lambda: not rest.get('store')['tables']['store']['up'], 20, 'the loss is seen')
        answer = rest.post('tables/usages', {'name': 'lost'}, expect=503)
        assert answer.error['code'] == 'store-away', answer.text
        call = lab.answered()
        call.bye()
        rest.get('history', expect=503)
        # a start without it: the tables kept aside
        lab.gatewayd.stop()
        lab.start_gateway()
        state = rest.get('store')['tables']
        assert state['from_file'] and state['revision'] == 2 and not state['store']['up'], state
        assert rest.get('export').text == text
        call = lab.answered()
        call.bye()
        assert rest.post('tables/usages', {'name': 'lost'}, expect=503).error['code'] == 'store-away'
        server.start()
        eventually(lambda: not rest.get('store')['tables']['from_file'], 20, 'the store is back')
        assert rest.post('tables/usages', {'name': 'again'}, expect=201)['revision'] == 3
        assert rest.names('usages')[-2:] == ['there', 'again']
        lab.nothing_held()


def shared_postgres():
    if not TemporaryPostgres.available():
        print('no PostgreSQL here')
        return
    with TemporaryPostgres() as server, Quiet() as one, Quiet() as two:
        for lab in (one, two):
            lab.gatewayd.stop()
            lab.store, lab.extra = server.url(), f'records: {{ spool: "{lab.folder}/spool" }}'
            lab.start_quietly()
        assert one.rest.revision == two.rest.revision == 1, 'one of them has seeded it'
        one.rest.post('tables/usages', {'name': 'from-one'})
        eventually(lambda: 'from-one' in two.rest.names('usages'), 10, 'the other hears of it')
        for i in range(10):         # neither knows the other's last
            one.rest.post('tables/usages', {'name': f'one{i}'}, expect=201)
            two.rest.post('tables/usages', {'name': f'two{i}'}, expect=201)
        assert one.rest.get('export').text != ''
        eventually(lambda: one.rest.get('export').text == two.rest.get('export').text, 10, 'both have the same')
        assert len(one.rest.names('usages')) == 2 + 1 + 20
        # a gateway of the other machine's is none of ours, and no fault
        two.rest.post('tables/routes', {'name': 'elsewhere', 'body': {**ROUTE, 'gateways': ['their-trunk', 'core']}}, expect=201)
        # tables that don't fit one machine don't take its calls away
        assert one.rest.revision == two.rest.revision or eventually(lambda: one.rest.revision == two.rest.revision, 10, 'news')


# ---- everything that is described

def the_rest_of_it():
    with Carriers() as lab:
        rest = lab.rest
        call = lab.answered()
        [row] = rest.get('calls')['calls']
        for target in ('status', 'calls?finished=true', f'calls/{row["id"]}', f'calls/{row["id"]}/trace', 'spans', 'spans/e1-1', 'trunks',
                       'trunks/core', 'route-test?number=%2B442079460000&from=core', 'store', 'config/diff', 'cdrs', 'cdrs?since=2026-01-01&until=2099-01-01T00:00:00Z&answered=true&cause=16&limit=5&number=%2B44&endpoint=core'):
            rest.get(target)
        for target, status in (('calls/x', 404), ('calls/x/trace', 404), ('spans/x', 404), ('trunks/x', 404), ('trunks/e1-1', 404), ('spans/core', 404),
                               ('route-test?number=1&from=x', 404), ('route-test?from=core', 400), ('cdrs/x', 404), ('cdrs?since=soon', 400),
                               ('cdrs?answered=maybe', 400), ('cdrs?cause=900', 400)):
            rest.get(target, expect=status)
        rest.delete('calls/x', expect=404)
        rest.delete(f'calls/{row["id"]}', expect=202)
        call.expect_bye()
        lab.nothing_held()
        cdr = eventually(lambda: rest.get('cdrs')['cdrs'], 10, 'a record')[0]
        assert rest.get(f'cdrs/{cdr["id"]}')['id'] == row['id']
        for kind, name in (('trunks', 'core'), ('spans', 'e1-1')):
            assert rest.post(f'{kind}/{name}/disable')['admin'] == 'disabled'
            assert rest.get(f'{kind}/{name}')['admin'] == 'disabled'
            assert rest.post(f'{kind}/{name}/enable')['admin'] == 'enabled'
            assert rest.post(f'{kind}/{name}/disable?now=true')['admin'] == 'disabled'
            assert rest.post(f'{kind}/{name}/enable')['admin'] == 'enabled'
            rest.post(f'{kind}/nix/enable', expect=404)
        assert rest.post('spans/e1-1/drain')['admin'] == 'disabled'
        rest.post('spans/e1-1/enable')
        eventually(lab.spans_up, 20, 'spans up again')
        assert rest.post('config/check')['spans'] == 1
        assert rest.post('config/reload')['changed'] is False
        lab.write('gateway.yaml', lab.gateway_config() + 'ladder-calls: 7\n')
        assert rest.get('config/diff')['differences']
        answer = rest.post('config/reload')
        assert answer['changed'] and answer['differences'], answer
        lab.write('gateway.yaml', lab.gateway_config().replace('policy: all', 'policy: none'))
        for method, target in (('GET', 'config/diff'), ('POST', 'config/check'), ('POST', 'config/reload')):
            faults = rest.ask(method, target, expect=422).error['faults']
            assert any('gateway.yaml:' in fault and 'none' in fault for fault in faults), faults
        call = lab.answered()
        call.bye()


def everything_described_was_asked():
    missing = [(method, path) for path, method in API.paths()
               if not any(p == path and m == method and status < 400 for p, m, status in Rest.seen)]
    if len(sys.argv) == 1:
        assert not missing, missing


if __name__ == '__main__':
    sys.exit(run_tests([every_verb, refused, bad_bodies, next_call_uses_it, calls_while_tables_change,
                        compiling_costs_no_calls, history_and_rollback, export_and_apply, two_writers, locked_store,
                        backup_and_restore, postgres_away, shared_postgres, the_rest_of_it, everything_described_was_asked]))
