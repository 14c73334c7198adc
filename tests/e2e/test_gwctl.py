#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""gwctl as an impatient administrator uses it: every command against a gateway that has calls, wrong words, no daemon,
pipes and terminals; and the API's answers compared with docs/api.yaml."""
import grp
import http.client
import json
import os
import pty
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

from lab import BIN, Lab, eventually, run_tests
from openapi import Api

GWCTL = os.path.join(BIN, 'gwctl')
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..')
DONE, NOT_FOUND, USAGE, NO_DAEMON, FAILED = range(5)


def run(*words, env=None, **kw):
    """(exit code, standard output, standard error) of gwctl in a pipe."""
    kw = {'stdout': subprocess.PIPE, 'stderr': subprocess.PIPE, **kw}
    done = subprocess.run([kw.pop('program', GWCTL), *words], text=True, timeout=30, env={**os.environ, **(env or {})}, **kw)
    return done.returncode, done.stdout, done.stderr


def plain(text):
    """No colour, no control codes but the end of line."""
    return not re.search(r'[\x00-\x09\x0b-\x1f\x7f-\x9f]', text)


def answered(lab, number='+442079460000'):
    call = lab.call(number).send_invite()
    call.ack(call.wait(200))
    return call


def finished(lab, number='+442079460003'):
    call = lab.call(number).send_invite()
    final = call.wait(lambda m: m.status >= 300)
    call.ack(final)
    eventually(lambda: lab.gwctl('call', 'list', '--finished')['calls'], 5, 'a finished call')
    return call


def id_of_the_call(lab):
    calls = lab.gwctl('call', 'list')['calls']
    assert len(calls) == 1, calls
    return calls[0]['id']


def every_command():
    # text with what must be in it; JSON that parses; neither with control codes
    with Lab() as lab:
        call = answered(lab)
        finished(lab)
        name = id_of_the_call(lab)
        rows = [(('status',), ['gatewayd ', 'calls: 1 now', 'core', 'e1-1', 'TRUNK', 'SPAN']),
                (('call', 'list'), [name, 'answered', 'core', 'e1-1', '+442079460000']),
                (('call', 'list', '--finished'), ['User busy (17)', 'LAST NOTE']),
                (('call', 'show', name), ['called, received', '+442079460000', '2079460000 (national)', 'sip', 'isdn', 'RTP OF', 'PCMA']),
                (('call', 'trace', name), [f'call {name}', 'INVITE', 'SETUP', '200 OK']),
                (('call', 'trace', 'last'), ['DISCONNECT (17)', '486 Busy Here']),
                (('span', 'list'), ['e1-1', 'up']),
                (('span', 'show', 'e1-1'), ['1 call,', '29 channels idle', 'D-channel', 'F framing', name, 'connects']),
                (('trunk', 'list'), ['core', 'udp', 'lan']),
                (('route', 'test', '02079460000', '--from', 'core'), ['becomes +442079460000', 'e1-1'])]
        for words, pieces in rows:
            code, out, err = lab.gwctl_text(*words)
            assert code == DONE and not err, (words, code, err)
            assert plain(out), (words, out)
            for piece in pieces:
                assert piece in out, f'gwctl {" ".join(words)}: no {piece} in\n{out}'
            code, out, err = lab.gwctl_text('--json', *words)
            assert code == DONE and not err and isinstance(json.loads(out), dict), (words, code, err)
        code, out, _ = lab.gwctl_text('span', 'show', 'e1-1')
        grid = re.findall(r'^ {4}(.(?:  .){15})$', out, re.M)
        assert len(grid) == 2, out
        cells = '  '.join(grid).split()
        assert cells[0] == 'F' and cells[16] == 'D' and cells.count('#') == 1 and cells.count('.') == 29, cells
        call.bye()
        lab.nothing_held()
        assert lab.gwctl_text('call', 'list') == (DONE, 'No calls.\n', '')


def in_order(summaries, wanted):
    rest = iter(summaries)
    return all(any(s == w or s.startswith(w + ' ') for s in rest) for w in wanted)


def trace_is_in_order():
    with Lab() as lab:
        call = answered(lab)
        name = id_of_the_call(lab)
        call.bye()
        lab.nothing_held()
        eventually(lambda: 'RELEASE COMPLETE' in lab.gwctl_text('call', 'trace', name)[1], 5, 'the last message')
        entries = lab.gwctl('call', 'trace', name)['entries']
        summaries = [e['summary'] for e in entries]
        wanted = ['INVITE', 'called', 'route pstn', 'SETUP', 'CONNECT', '200 OK', 'ACK', 'BYE', 'DISCONNECT', 'RELEASE',
                  'RELEASE COMPLETE']
        assert in_order(summaries, wanted), summaries
        times = [e['monotonic_us'] for e in entries]
        assert times == sorted(times), times
        assert {e['column'] for e in entries if e['protocol'] != 'note'} == {'core', 'e1-1'}
        invite = next(e for e in entries if e['summary'] == 'INVITE')
        assert invite['direction'] == 'in' and invite['octets'].startswith('INVITE sip:'), invite
        setup = next(e for e in entries if e['summary'] == 'SETUP')
        assert setup['direction'] == 'out' and setup['octets'][8:12] == '0802', setup    # behind Q.921 2.2's header: Q.931 4.2
        text = lab.gwctl_text('call', 'trace', name)[1]
        lines = [re.sub(r'^[ \d.]+', '', line) for line in text.split('\n')]
        assert in_order([re.sub(r'[│─▶◀•]', '', line).strip() for line in lines], wanted), text
        assert lab.gwctl('call', 'trace', 'last')['id'] == name


def hangup_ends_both_legs():
    with Lab() as lab:
        call = answered(lab)
        name = id_of_the_call(lab)
        code, out, err = lab.gwctl_text('call', 'hangup', name)
        assert (code, err) == (DONE, '') and name in out, (code, out, err)
        bye = call.expect_bye()
        assert re.search(r'Q\.850\s*;\s*cause=16', bye.get('reason')), bye.raw
        eventually(lambda: any(e.get('message') == 'DISCONNECT' and e.get('cause') == 16 for e in lab.exchange_events()), 5,
                   'DISCONNECT with cause 16')
        lab.nothing_held()
        code, _, err = lab.gwctl_text('call', 'hangup', name)       # once more: it has ended
        assert code == NOT_FOUND and 'has ended' in err and f'call trace {name}' in err, err
        ringing = lab.call('+442079460002').send_invite()           # and one that only rings
        ringing.wait(180)
        assert lab.gwctl('call', 'hangup', id_of_the_call(lab))['state'] == 'clearing'
        final = ringing.wait(lambda m: m.method == 'INVITE' and m.status >= 300)
        ringing.ack(final)
        lab.nothing_held()


def route_test_says_why():
    with Lab() as lab:
        code, out, _ = lab.gwctl_text('route', 'test', '02079460000', '--from', 'core', '--calling', '02079461111')
        assert code == DONE, out
        for piece in ('- rule international: does not match ^00', '+ rule national: 02079460000 becomes +442079460000',
                      '- rule e164: not tried', '- route core: none of its usages is in policy all', '+ policy all',
                      '+ usage to-pstn', '+ route pstn', '+ gateway e1-1: as a member of pstn', '+442079460000 becomes 2079460000',
                      '+442079461111 becomes 2079461111', 'free'):
            assert piece in out, f'no {piece} in\n{out}'
        code, out, _ = lab.gwctl_text('route', 'test', '999', '--from', 'core')
        assert code == NOT_FOUND and '- route pstn: does not match ^\\+' in out and 'No route leads to 999' in out, out
        code, out, _ = lab.gwctl_text('route', 'test', '2079460000', '--from', 'e1-1', '--type', 'national')
        assert code == DONE and '2079460000 becomes +442079460000' in out and 'trunk' in out, out
        code, out, _ = lab.gwctl_text('route', 'test', '2079460000', '--from', 'e1-1', '--json')
        assert code == NOT_FOUND and json.loads(out)['candidates'] == [], out
        for words, code, piece in (
                (['0207', '--from', 'cor'], NOT_FOUND, 'did you mean "core"?'),
                (['0207', '--from', 'nobody'], NOT_FOUND, 'there are: core, e1-1'),
                (['0207'], USAGE, 'Add --from'), (['--from', 'core'], USAGE, 'usage: gwctl route test NUMBER'),
                (['0207', '--from'], USAGE, '--from needs a value'), (['', '--from', 'core'], USAGE, 'is empty'),
                (['9' * 64, '--from', 'core'], USAGE, 'at most 63'), (['9' * 5000, '--from', 'core'], USAGE, 'at most 63'),
                (['0207', '--from', 'core', '--calling', '1' * 99], USAGE, 'at most 63'),
                (['0207', '--from', 'core', '--type', 'nat'], USAGE, 'no type of number is called "nat"')):
            got, out, err = lab.gwctl_text('route', 'test', *words)
            assert got == code and piece in err and not out, (words, got, err)
        for number in ('9' * 63, ' 020 7946', 'sip:a@b', '\x1b[31mred', 'ü☎', '\x9b31m', '%00', '?number=1&from=x', '#', '*67'):
            got, out, err = lab.gwctl_text('route', 'test', '--from', 'core', '--', number)
            assert got in (DONE, NOT_FOUND) and plain(out + err), (number, got, out, err)
        got, out, err = lab.gwctl_text('route', 'test', '--from', 'core', '--', '-1')
        assert got == NOT_FOUND and 'No route leads to -1' in out, (got, out, err)
        for full in range(30):
            answered(lab, f'+4420794601{full:02d}')
        code, out, _ = lab.gwctl_text('route', 'test', '02079460000', '--from', 'core')
        assert code == DONE and 'free' not in out.split('would be tried')[1], out
        for name in [c['id'] for c in lab.gwctl('call', 'list')['calls']]:
            lab.gwctl('call', 'hangup', name)
        lab.peer.auto['BYE'] = 200


ROUTES = r'''usages: [to-pstn, withheld]
policies:
  all: { usages: [withheld, to-pstn] }
  inbound: { usages: [to-pstn] }
routes:
  alternate: { pattern: '^\+44207946010', usages: [withheld], gateways: [pstn], suppress-caller-id: true, alternate-caller-id: '+442079469999' }
  hidden: { pattern: '^\+44207946011', usages: [withheld], gateways: [pstn], suppress-caller-id: true }
  pstn: { pattern: '^\+', usages: [to-pstn], gateways: [pstn] }'''


def route_test_foretells_the_call():
    # what is said of a call beforehand is what is done with it: way, numbers, types, presentation
    with Lab(routes=ROUTES) as lab:
        for called, calling in (('02079460000', '02079461111'), ('+442079460000', '+33123456789'), ('00442079460100', '02079461111'),
                                ('+442079460110', '02079461111'), ('+442079460100', '1234'), ('+4420794601', '00331234567')):
            told = lab.gwctl('route', 'test', called, '--from', 'core', '--calling', calling)
            call = lab.call(called, caller=calling).send_invite()
            call.ack(call.wait(lambda m: m.status >= 200))
            done = lab.gwctl('call', 'show', id_of_the_call(lab))
            first, attempt = told['candidates'][0], done['attempts'][0]
            for key in ('route', 'usage', 'gateway', 'called_sent', 'calling_sent'):
                assert first[key] == attempt[key], (called, calling, key, first[key], attempt[key])
            for key in ('called', 'calling'):
                assert told[f'{key}_normalized'] == done['normalized'][key], (called, calling, told[f'{key}_normalized'], done['normalized'][key])
            call.bye()
            lab.nothing_held()


def words_and_options():
    # none of these needs a daemon: (words, code, in standard output, in standard error)
    rows = [
        ('', USAGE, 'Usage: gwctl', ''), ('--help', DONE, 'route test', ''), ('-h', DONE, 'Exit codes', ''),
        ('help', DONE, 'config check', ''), ('call --help', DONE, 'gwctl call hangup ID', ''),
        ('help span', DONE, 'gwctl span show NAME', ''), ('help call trace', DONE, 'Usage: gwctl call trace ID|last', ''),
        ('call list --help', DONE, '--finished', ''), ('help nonsense', USAGE, '', 'there is no command "nonsense"'),
        ('--version', DONE, 'gwctl ', ''), ('-V', DONE, 'gwctl ', ''),
        ('stauts', USAGE, '', 'did you mean "status"?'), ('call lst', USAGE, '', 'did you mean "call list"?'),
        ('calls', USAGE, '', 'did you mean "call list"?'), ('spans', USAGE, '', 'did you mean "span list"?'),
        ('call', USAGE, '', '"call" needs another word: call list, call show'), ('trunk', USAGE, '', 'trunk list'),
        ('status --jsno', USAGE, '', 'did you mean --json?'), ('call list --finishd', USAGE, '', 'did you mean --finished?'),
        ('status -x', USAGE, '', 'there is no option -x'), ('status --json=yes', USAGE, '', '--json takes no value'),
        ('status extra', USAGE, '', 'usage: gwctl status'), ('status --from x', USAGE, '', '--from does not belong to'),
        ('--colour=blue status', USAGE, '', 'auto, always or never'), ('--socket', USAGE, '', '--socket needs a value'),
        ('--socket= status', USAGE, '', '--socket needs a value'), ('call show', USAGE, '', 'usage: gwctl call show ID'),
        ('call show a b', USAGE, '', 'usage: gwctl call show ID'), ('a b c d e f g h i', USAGE, '', 'too many words'),
        ('config check a b', USAGE, '', 'usage: gwctl config check [FILE]'), ('rout test', USAGE, '', 'did you mean "route test"?'),
        ('route tset', USAGE, '', 'did you mean "route test"?'), ('route add x --gatway y', USAGE, '', 'did you mean --gateway?')]
    for text, code, out_piece, err_piece in rows:
        got, out, err = run(*text.split(), env={'CAUSEWAY_SOCKET': '/nonexistent'})
        assert got == code and out_piece in out and err_piece in err, (text, got, out, err)
        assert plain(out + err) and bool(out) == bool(out_piece), (text, out, err)
    got, out, err = run('--json', 'stauts')
    assert got == USAGE and json.loads(err)['error']['code'] == 'usage' and not out, err
    got, _, err = run('call', 'show', '')
    assert got == USAGE and 'is empty' in err, err


def what_is_not_there():
    with Lab() as lab:
        for words, code, piece in (
                ('call show dead', NOT_FOUND, 'there is no call dead'), ('call hangup dead', NOT_FOUND, 'there is no call dead'),
                ('call trace dead', NOT_FOUND, 'no messages are kept of a call dead'),
                ('call trace last', NOT_FOUND, 'no call has come by yet'), ('call show ../status', NOT_FOUND, 'there is no'),
                ('span show e1-2', NOT_FOUND, 'did you mean "e1-1"?'), ('span show x', NOT_FOUND, 'there are: e1-1')):
            got, out, err = lab.gwctl_text(*words.split())
            assert got == code and piece in err and not out, (words, got, err)
            got, out, err = lab.gwctl_text('--json', *words.split())
            assert got == code and json.loads(err)['error']['code'].startswith('no-such'), (words, got, err)
        got, _, err = lab.gwctl_text('call', 'show', 'x' * 20000)
        assert got == NOT_FOUND and len(err) < 2000, (got, err)


def serve_once(path, answer):
    """A socket at which somebody answers so, who is not gatewayd."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(1)

    def serve():
        connection, _ = listener.accept()
        with connection, listener:
            connection.recv(4096)
            connection.sendall(answer)
    threading.Thread(target=serve, daemon=True).start()


def no_daemon():
    folder = tempfile.mkdtemp(prefix='causeway-')
    os.chmod(folder, 0o755)
    try:
        def path(name):
            return os.path.join(folder, name)
        stale = socket.socket(socket.AF_UNIX)
        stale.bind(path('stale'))
        stale.close()
        with open(path('file'), 'w', encoding='utf-8') as file:
            file.write('x')
        rows = [('missing', NO_DAEMON, 'gatewayd is not running: there is no socket'), ('no/folder', NO_DAEMON, 'there is no socket'),
                ('file/x', NO_DAEMON, 'there is no socket'), ('stale', NO_DAEMON, 'nobody listens at'),
                ('file', NO_DAEMON, 'is no socket'), ('', NO_DAEMON, 'is no socket'), ('x' * 200, NO_DAEMON, 'too long')]
        for name, code, piece in rows:
            got, out, err = run('--socket', path(name), 'status')
            assert got == code and piece in err and not out, (name, got, err)
            got, out, err = run('--json', '--socket', path(name), 'status')
            assert got == code and json.loads(err)['error']['message'], (name, got, err)
        assert 'systemctl start causeway' in run('--socket', path('missing'), 'status')[2]
        for i, (answer, piece) in enumerate(((b'220 mail ready\r\n', 'is not gatewayd'), (b'', 'ended while it was asked'),
                                             (b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', 'is not gatewayd'),
                                             (b'HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello', 'ended while'))):
            serve_once(path(f'other{i}'), answer)
            got, out, err = run('--socket', path(f'other{i}'), 'status')
            assert got == FAILED and piece in err and not out, (answer, got, err)
        no_permission(folder)
    finally:
        shutil.rmtree(folder)


def no_permission(folder):
    # as nobody when we are root, else by taking our own right away
    forbidden, program = os.path.join(folder, 'forbidden'), os.path.join(folder, 'gwctl')
    shutil.copy(GWCTL, program)
    os.chmod(program, 0o755)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(forbidden)
    listener.listen(1)
    os.chmod(forbidden, 0)
    other = {'user': 65534, 'group': 65534, 'extra_groups': []} if os.geteuid() == 0 else {}
    code, out, err = run('--socket', forbidden, 'status', program=program, **other)
    assert code == NO_DAEMON and 'you may not use the socket' in err and 'be root' in err and not out, (code, err)
    if os.geteuid() == 0:       # it has a group: that is the one to join
        os.chown(forbidden, -1, grp.getgrnam('adm').gr_gid)
        os.chmod(forbidden, 0o660)
        code, _, err = run('--socket', forbidden, 'status', program=program, **other)
        assert code == NO_DAEMON and 'usermod -aG adm $USER' in err, (code, err)
    listener.close()


def on_terminal(words, **env):
    """What gwctl writes to a terminal."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(GWCTL, ['gwctl', *words], {**os.environ, 'TERM': 'xterm', **env})
    text = b''
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:     # the other end is closed
            break
        if not piece:
            break
        text += piece
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(terminal)
    return status, text.decode()


def colours_and_pipes():
    with Lab() as lab:
        finished(lab)
        at = ('--socket', lab.socket)
        for words in (('status',), ('call', 'trace', 'last'), ('route', 'test', '020', '--from', 'core')):
            assert '\x1b[' in on_terminal([*at, *words])[1], words
            for refusal in ({'NO_COLOR': '1'}, {'TERM': 'dumb'}):
                assert '\x1b' not in on_terminal([*at, *words], **refusal)[1], (words, refusal)
            assert '\x1b' not in on_terminal([*at, '--colour', 'never', *words])[1], words
            assert '\x1b' not in on_terminal([*at, '--json', *words])[1], words
            assert plain(run(*at, *words)[1])
            assert '\x1b[' in run(*at, '--color=always', *words)[1], words
        with open('/dev/full', 'w', encoding='utf-8') as full:      # a disk without room is no success
            code, _, err = run(*at, 'status', stdout=full)
        assert code == FAILED and 'standard output' in err, (code, err)
        reader, writer = os.pipe()                                  # gwctl … | true
        os.close(reader)
        code, _, err = run(*at, 'status', stdout=writer, preexec_fn=None)
        os.close(writer)
        assert code in (FAILED, -13), (code, err)


def config_check():
    code, out, err = run('config', 'check', os.path.join(ROOT, 'conf/gateway.yaml'))
    assert code == DONE and 'is good: 1 trunk, 2 spans, 3 routes' in out and not err, (code, out, err)
    with tempfile.NamedTemporaryFile('w', suffix='.yaml') as file:
        file.write('trunks:\n  core: { interface: wan, peer: x }\nnonsense: 1\n')
        file.flush()
        code, out, err = run('config', 'check', file.name)
        assert code == USAGE and not out, (code, out)
        assert f'{file.name}:2:22: ' in err and f'{file.name}:3:1: ' in err and 'has 2 faults' in err, err
        code, out, err = run('--json', 'config', 'check', file.name)
        faults = json.loads(out)['faults']
        assert code == USAGE and [(f['line'], f['column']) for f in faults] == [(2, 22), (3, 1)], out
    for path, piece in (('/nonexistent.yaml', 'No such file'), ('/tmp', 'directory')):
        code, out, err = run('config', 'check', path)
        assert code == USAGE and piece in err and path in err and not out, (path, code, err)


def ask(lab, method, path):
    connection = http.client.HTTPConnection('gatewayd', timeout=10)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(lab.socket)
    connection.request(method.upper(), '/api/v1' + path)
    response = connection.getresponse()
    body = json.loads(response.read())
    connection.close()
    return response.status, body


def api_as_documented():
    api = Api(os.path.join(ROOT, 'docs/api.yaml'))
    asked = set()
    with Lab() as lab:
        def check(pattern, method, status, path=None):
            got, body = ask(lab, method, path or pattern)
            assert got == status, (method, path or pattern, got, body)
            faults = api.answer(pattern, method, status, body)
            assert not faults, '\n'.join(faults)
            asked.add((pattern, method))
            return body
        call = answered(lab)
        finished(lab)
        incoming = lab.isdn_call(to='2079461111', to_type='national', hold='1s')
        dialog, _ = lab.peer.take_call()
        dialog.respond(180)
        check('/calls', 'get', 200)         # with one that rings
        for row in lab.gwctl('call', 'list')['calls']:
            check('/calls/{id}', 'get', 200, f'/calls/{row["id"]}')
            check('/calls/{id}/trace', 'get', 200, f'/calls/{row["id"]}/trace')
        dialog.respond(486)
        incoming.result()
        name = eventually(lambda: [c['id'] for c in lab.gwctl('call', 'list')['calls'] if c['answered']], 5)[0]
        check('/status', 'get', 200)
        assert check('/calls', 'get', 200)['left_out'] == 0
        assert len(check('/calls', 'get', 200, '/calls?finished=true')['calls']) == 2
        check('/calls/{id}/trace', 'get', 200, '/calls/last/trace')
        check('/spans', 'get', 200)
        check('/spans/{name}', 'get', 200, '/spans/e1-1')
        check('/trunks', 'get', 200)
        for query in ('number=02079460000&from=core', 'number=999&from=core&calling=0207', 'number=2079460000&from=e1-1&type=national'):
            check('/route-test', 'get', 200, f'/route-test?{query}')
        for query in ('', '?from=core', f'?number={"9" * 64}&from=core', '?number=1&from=core&type=x'):
            check('/route-test', 'get', 400, f'/route-test{query}')
        check('/route-test', 'get', 404, '/route-test?number=1&from=x')
        check('/calls/{id}', 'get', 404, '/calls/x')
        check('/calls/{id}', 'delete', 404, '/calls/x')
        check('/calls/{id}/trace', 'get', 404, '/calls/x/trace')
        check('/spans/{name}', 'get', 404, '/spans/x')
        check('/calls/{id}', 'delete', 202, f'/calls/{name}')
        call.expect_bye()
        assert asked <= set(api.paths()), asked - set(api.paths())     # test_tables.py asks for the others
        error = api.tree['components']['responses']['Error']['content']['application/json']['schema']
        for method, path, status in (('POST', '/calls', 405), ('GET', '/nothing', 404), ('DELETE', '/status', 405), ('GET', '', 404)):
            got, body = ask(lab, method, path)
            assert got == status and not api.faults(error, body, path), (method, path, got, body)
        lab.nothing_held()


TESTS = [every_command, trace_is_in_order, hangup_ends_both_legs, route_test_says_why, route_test_foretells_the_call, words_and_options, what_is_not_there,
         no_daemon, colours_and_pipes, config_check, api_as_documented]
if __name__ == '__main__':
    sys.exit(run_tests(TESTS))
