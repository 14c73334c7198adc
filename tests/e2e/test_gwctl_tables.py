#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""gwctl as an administrator changes things with it: tables by command and as a whole, records, switches, roles, stores,
--watch and top on a terminal, completion in real shells, manual pages, and daemons that are busy or of another version."""
import csv
import hashlib
import io
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import threading
import time

from lab import BIN, Lab, eventually, run_tests
from test_gwctl import DONE, FAILED, GWCTL, NO_DAEMON, NOT_FOUND, USAGE, answered, plain, run

NOT_ALLOWED, CONFLICT = 5, 6


class Shell:
    """gwctl of a lab: sh('route list') → (code, out, err)."""

    def __init__(self, lab):
        self.at = {'CAUSEWAY_SOCKET': lab.socket}

    def __call__(self, *words, **kw):
        return run(*words, env={**self.at, **kw.pop('env', {})}, **kw)

    def good(self, *words, **kw):
        code, out, err = self(*words, **kw)
        assert code == DONE and not err, (words, code, out, err)
        assert plain(out), out
        return out


def the_example():
    # word for word as it was wished for, and then a call goes that way
    with Lab() as lab:
        carrier = lab.add_peer('127.0.0.3')
        lab.trunks['carrier-a'] = lab.trunk_text(carrier, policy='inbound')
        lab.write('gateway.yaml', lab.gateway_config())
        sh = Shell(lab)
        sh.good('config', 'reload')
        sh.good('gateway', 'add', 'e1-london', '--member', 'e1-1')
        commands = r"""
            gwctl usage add National
            gwctl route add London --pattern '^\+4420' --usage National --gateway e1-london --gateway carrier-a --priority 10
            gwctl route test +442079460000 --from core"""
        done = subprocess.run(['bash', '-ec', commands], text=True, capture_output=True,
                              env={**os.environ, **sh.at, 'PATH': BIN + ':' + os.environ['PATH']})
        assert done.returncode == DONE and not done.stderr, done
        for piece in ('Usage National is added: revision ', 'Route London is added: revision ', '+ policy all',
                      '- route London: none of its usages is in policy all', '+ route pstn'):
            assert piece in done.stdout, f'no {piece} in\n{done.stdout}'
        sh.good('policy', 'set', 'all', '--usage', 'National', '--usage', 'to-pstn')
        out = sh.good('route', 'test', '+442079460000', '--from', 'core')
        for piece in ('+ usage National', '+ route London', '+ gateway e1-1: as a member of e1-london', '+ gateway carrier-a',
                      '1  e1-1       span   London  2079460000 (national)', '2  carrier-a  trunk  London  +442079460000'):
            assert piece in out, f'no {piece} in\n{out}'
        call = answered(lab)
        attempts = lab.gwctl('call', 'show', lab.gwctl('call', 'list')['calls'][0]['id'])['attempts']
        assert [(a['route'], a['usage'], a['gateway']) for a in attempts] == [('London', 'National', 'e1-1')], attempts
        call.bye()
        lab.nothing_held()


def tables_by_command():
    with Lab() as lab:
        sh = Shell(lab)
        first = lab.gwctl('status')['tables']['revision']
        steps = [
            ('usage add A', 'Usage A is added'), ('usage add B --first', 'Usage B is added'), ('usage move A --before B', 'Usage A is moved'),
            ('usage rename A C', 'Usage A is renamed to C'), ('policy add p --usage B --usage C', 'Policy p is added'),
            ('policy set p --usage C', 'usages: B, C becomes C'), ('policy rename p q', 'Policy p is renamed to q'),
            ('gateway add g --member core --description x', 'Gateway g is added'), ('gateway set g --member e1-1 --member core', 'members: core becomes e1-1, core'),
            ('route add r --pattern ^1 --usage C --gateway g:2 --gateway pstn --selection weighted', 'Route r is added'),
            ('policy set q --add-usage B', 'usages: C becomes C, B'), ('policy set q --remove-usage B', 'usages: C, B becomes C'),
            ('route set r --add-gateway core', 'gateways: g:2, pstn becomes g:2, pstn, core'), ('route set r --remove-gateway core', 'Route r is changed'),
            ('gateway rename g h', 'Gateway g is renamed to h'), ('route set r --priority 7', 'priority: 7'),
            ('route move r --first', 'Route r is moved'), ('route rename r s', 'Route r is renamed to s'),
            ('dialplan add de', 'Dial plan de is added'), ('rule add n --dialplan de --pattern ^0 --becomes +49', 'Rule de/n is added'),
            ('rule add m --dialplan de --pattern ^00 --becomes + --first', 'Rule de/m is added'),
            ('rule set n --dialplan de --becomes +490', 'translation: +49 becomes +490'), ('rule move m --dialplan de --last', 'Rule de/m is moved'),
            ('rule rename m o --dialplan de', 'Rule de/m is renamed to o'), ('translation add t', 'Translation t is added'),
            ('rule add x --translation t --pattern a --becomes b --type national', 'Rule t/x is added'),
            ('dialplan rename de at', 'Dial plan de is renamed to at'), ('translation rename t u', 'Translation t is renamed to u')]
        for line, piece in steps:
            assert piece in sh.good(*line.split()), line
        for line, pieces in (('usage list', ['C', 'B']), ('policy list', ['q', 'C']), ('gateway show h', ['e1-1, core', 'routes    s']),
                             ('route list', ['s', 'h:2, pstn', '7  weighted']), ('route show s', ['^1', 'weighted']),
                             ('dialplan show at', ['n', '+490', 'o']), ('dialplan list', ['at']), ('translation show u', ['x', 'national']),
                             ('rule show n --dialplan at', ['+490']), ('rule list', ['at', 'uk']), ('usage show C', ['policies  q', 'routes    s'])):
            out = sh.good(*line.split())
            for piece in pieces:
                assert piece in out, f'{line}: no {piece} in\n{out}'
            assert isinstance(json.loads(sh.good(*line.split(), '--json')), dict)
        lines = sh.good('dialplan', 'show', 'at').splitlines()
        assert [line.split()[0] for line in lines[-2:]] == ['n', 'o'], lines
        wrong = [('route show sx', NOT_FOUND, 'did you mean s?'), ('usage del C', CONFLICT, 'is in use'), ('usage add C', CONFLICT, 'there is a usage C already'),
                 ('route add z --pattern ( --usage C --gateway h', USAGE, 'closing parenthesis'), ('route set s --gateway nowhere', USAGE, 'nowhere'),
                 ('dialplan del uk', USAGE, 'nothing was changed'), ('route set s --priority 1 --if-revision 1', CONFLICT, 'revision'), ('rule show x --dialplan axt', NOT_FOUND, '')]
        for line, code, piece in wrong:
            got, out, err = sh(*line.split())
            assert got == code and not out and err.startswith('gwctl: '), (line, got, out, err)
            assert piece in err or code == CONFLICT, (line, err)
            got, out, err = sh(*line.split(), '--json')
            assert got == code and json.loads(err)['error']['message'], (line, err)
        before = sh.good('export')
        assert 'would be' in sh.good('route', 'del', 's', '--dry-run')
        assert sh.good('export') == before
        for line in ('route del s', 'gateway del h', 'policy del q', 'usage del C', 'usage del B', 'dialplan del at', 'translation del u'):
            assert 'is deleted' in sh.good(*line.split())
        assert 'Nothing to change' in sh.good('rollback', str(first), '--yes')


def whole_tables():
    with Lab() as lab:
        sh = Shell(lab)
        path = os.path.join(lab.folder, 'tables.yaml')
        assert sh.good('export', path) == ''
        with open(path, encoding='utf-8') as file:
            text = file.read()
        assert text == sh.good('export')
        assert 'Nothing to change' in sh.good('apply', path)            # its own export changes nothing
        lab.write('tables.yaml', text.replace('usages:\n', 'usages:\n  - New\n', 1))
        code, out, err = sh('apply', path)                              # nobody to be asked
        assert code == USAGE and '+ usage New' in out and 'add --yes' in err, (code, out, err)
        assert '+ usage New' in sh.good('apply', path, '--dry-run') and 'New' not in sh.good('export')
        with Terminal([GWCTL, 'apply', path], sh.at) as terminal:       # no is no
            terminal.until('Make this change? [y/N] ')
            terminal.send('n\n')
            assert terminal.end() == USAGE and 'nothing was changed' in terminal.text
        with Terminal([GWCTL, 'apply', path], sh.at) as terminal:       # somebody is faster
            terminal.until('[y/N] ')
            sh.good('usage', 'add', 'Other')
            terminal.send('y\n')
            assert terminal.end() == CONFLICT and 'somebody changed the tables meanwhile' in terminal.text, terminal.text
        with Terminal([GWCTL, 'apply', path], sh.at) as terminal:
            terminal.until('[y/N] ')
            assert '- usage Other' in terminal.text.replace('\r', '')
            terminal.send('y\n')
            assert terminal.end() == DONE, terminal.text
        assert 'New' in sh.good('export') and 'Other' not in sh.good('export')
        done = subprocess.run([GWCTL, 'apply', '-', '--yes'], input=text, text=True, capture_output=True, env={**os.environ, **sh.at})
        assert done.returncode == DONE and '- usage New' in done.stdout, done
        lab.write('tables.yaml', 'routes:\n  x: { pattern: "(", usages: [a], gateways: [core] }\n')
        code, out, err = sh('apply', path, '--yes')
        assert code == USAGE and f'{path}:2:17: pattern: at offset 1: missing closing parenthesis' in err, err
        revisions = lab.gwctl('history')['history']
        assert [r['revision'] for r in revisions] == sorted((r['revision'] for r in revisions), reverse=True)
        assert any(r['what'] == f'gwctl apply {path}' for r in revisions), revisions
        newest = revisions[0]['revision']
        out = sh.good('history', str(newest))
        assert '- usage New' in out and f'revision {newest}, ' in out, out
        assert f'revision {newest + 1}' in sh.good('rollback', str(newest - 1), '--yes')
        assert 'New' in sh.good('export')


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, argv, env, size=(24, 100)):
        self.text, self.code = '', None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(argv[0], argv, {**os.environ, 'TERM': 'xterm', **env})
        termios.tcsetwinsize(self.fd, size)

    def __enter__(self):
        self.before = termios.tcgetattr(self.fd)
        return self

    def __exit__(self, *_):
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)

    def send(self, text):
        os.write(self.fd, text.encode())

    def read(self, seconds):
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            piece = os.read(self.fd, 65536)
        except OSError:
            piece = b''
        self.text += piece.decode(errors='replace')
        return bool(piece)

    def until(self, pattern, seconds=20, count=1):
        end = time.monotonic() + seconds
        while len(re.findall(re.escape(pattern), self.text)) < count:
            assert time.monotonic() < end, f'no {pattern} in\n{self.text}'
            assert self.read(0.2), f'it ended without {pattern}:\n{self.text}'

    def end(self, seconds=20):
        end = time.monotonic() + seconds
        while self.read(0.2):
            assert time.monotonic() < end, f'it does not end:\n{self.text[-500:]}'
        self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.code


def leave(words, how, env):
    """Draws three times, is left so, and leaves the terminal as it was."""
    with Terminal(['bash', '-c', 'stty -a; "$@"; code=$?; stty -a; exit $code', '-', GWCTL, *words], env) as terminal:
        terminal.until('\x1b[H', count=3)
        assert '\x1b[?1049h' in terminal.text and '\x1b[2J' not in terminal.text
        if how == 'TERM':
            children = subprocess.run(['pgrep', '-P', str(terminal.pid)], capture_output=True, text=True).stdout.split()
            os.kill(int(children[0]), signal.SIGTERM)
        else:
            terminal.send(how)
        code = terminal.end()
        assert code == DONE, (words, how, code, terminal.text[-300:])
        text = terminal.text.replace('\r', '')
        assert text.count('\x1b[?1049h') == text.count('\x1b[?1049l') == 1 and '\x1b[?25h' in text
        settings = re.findall(r'speed \d.*?-?extproc\b', text, re.S)
        settings = [re.sub(r'rows \d+; columns \d+', '', s) for s in settings]    # that is set meanwhile, from here
        assert len(settings) == 2 and settings[0] == settings[1], (words, how, settings, text[-900:])
        return text


def watch_and_top():
    with Lab() as lab:
        sh = Shell(lab)
        call = answered(lab)
        for words, how in ((['top'], 'q'), (['top'], '\x03'), (['top'], 'TERM'), (['call', 'list', '--watch=0.2'], 'q'),
                           (['status', '--watch=0.1'], '\x03')):
            text = leave(words, how, sh.at)
        assert 'e1-1' in text
        program = subprocess.Popen([GWCTL, 'call', 'list', '--watch=0.1'], stdout=subprocess.PIPE, text=True,
                                   env={**os.environ, **sh.at})
        blocks = [program.stdout.readline() for _ in range(9)]          # heading, call, empty line: three times
        assert blocks[0] == blocks[3] == blocks[6] and blocks[2] == blocks[5] == '\n', blocks
        program.terminate()
        program.wait()
        program.stdout.close()
        out = sh.good('top')
        for piece in ('calls 1 now', 'signalling', 'media-1', 'core', 'e1-1', 'alarms\n  none'):
            assert piece in out, f'no {piece} in\n{out}'
        call.bye()
        lab.nothing_held()


def narrow_terminal():
    with Lab() as lab:
        sh = Shell(lab)
        sh.good('route', 'add', 'x', '--pattern', r'^\+44(1|2|3|4|5|6|7)(11|22|33|44|55|66|77|88|99)\d*$', '--usage', 'to-pstn',
                '--gateway', 'pstn', '--description', 'a long way to say what it is for, in many words')
        with Terminal(['sh', '-c', 'sleep 0.3; "$@"', '-', GWCTL, 'route', 'list'], sh.at, (24, 80)) as terminal:
            assert terminal.end() == DONE
        rows = re.sub(r'\x1b\[[0-9;]*m', '', terminal.text).replace('\r', '').splitlines()
        assert max(map(len, rows)) <= 80 and '…' in terminal.text, rows


def records():
    with Lab() as lab:
        sh = Shell(lab)
        for number in ('+442079460000', '+442079460000', '+442079460003'):
            call = lab.call(number).send_invite()
            final = call.wait(lambda m: m.status >= 200)
            call.ack(final)
            if final.status == 200:
                call.bye()
            lab.nothing_held()
        eventually(lambda: len(lab.gwctl('cdr', 'list')['cdrs']) == 3, 15, 'three records')
        out = sh.good('cdr', 'list', '--since', '1h')
        assert len(out.splitlines()) == 4 and 'User busy' in out and 'core' in out and 'e1-1' in out, out
        for words, count in ((['--answered'], 2), (['--answered=no'], 1), (['--cause', '17'], 1), (['--number', '+442079460003'], 1),
                             (['--endpoint', 'e1-1'], 3), (['--endpoint', 'nobody'], 0), (['--until', 'yesterday'], 0),
                             (['--since', 'yesterday'], 3), (['--limit', '2'], 2)):
            assert len(lab.gwctl('cdr', 'list', *words)['cdrs']) == count, words
        newest = lab.gwctl('cdr', 'list')['cdrs'][0]
        out = sh.good('cdr', 'show', newest['id'])
        for piece in (newest['id'], 'User busy', 'called, sent         2079460003 (national)', 'e1-1', 'pstn'):
            assert piece in out, f'no {piece} in\n{out}'
        rows = list(csv.DictReader(io.StringIO(subprocess.run([GWCTL, 'cdr', 'export'], text=True, capture_output=True,
                                                              env={**os.environ, **sh.at}).stdout, newline='')))
        assert [r['id'] for r in rows] == [c['id'] for c in lab.gwctl('cdr', 'list')['cdrs']], rows
        assert {r['cause_value'] for r in rows} == {'16', '17'}, rows
        whole = json.loads(sh.good('cdr', 'export', '--format', 'json'))
        assert [c['id'] for c in whole] == [r['id'] for r in rows]
        path = os.path.join(lab.folder, 'out.csv')
        code, out, err = sh('cdr', 'export', '--output', path)
        assert code == DONE and not out and '3 records into' in err, (code, out, err)
        with open(path, encoding='utf-8', newline='') as file:
            assert len(list(csv.reader(file))) == 4
        code, _, err = sh('cdr', 'show', 'dead')
        assert code == NOT_FOUND and 'there is no record of a call dead' in err, err


def switches():
    with Lab() as lab:
        sh = Shell(lab)
        call = answered(lab)
        assert 'takes no new calls; 1 call is still on it' in sh.good('span', 'drain', 'e1-1')
        assert 'draining' in sh.good('span', 'list') and 'draining: span e1-1, 1 call left' in sh.good('status')
        second = lab.call().send_invite()
        final = second.wait(lambda m: m.status >= 300)
        second.ack(final)
        assert lab.gwctl('call', 'list')['calls'], 'the call on it goes on'
        call.bye()
        lab.nothing_held()
        assert 'takes new calls' in sh.good('span', 'enable', 'e1-1')
        call = answered(lab)
        assert 'takes no new calls' in sh.good('trunk', 'disable', 'core', '--now')
        call.expect_bye()
        lab.nothing_held()
        assert 'disabled' in sh.good('trunk', 'show', 'core')
        sh.good('trunk', 'enable', 'core')
        code, _, err = sh('trunk', 'disable', 'croe')
        assert code == NOT_FOUND and 'did you mean "core"?' in err, err
        answered(lab).bye()
        lab.nothing_held()


def roles():
    token = 'a-token'
    digest = hashlib.sha256(token.encode()).hexdigest()
    lab = Lab()
    lab.api = f'access: [{{ group: nogroup, role: read }}, {{ token-sha256: {digest}, name: ops, role: operate }}]'
    with lab:
        if os.geteuid() != 0:
            return      # our own user may do all: there is nobody else
        os.chmod(lab.folder, 0o755)
        program = os.path.join(lab.folder, 'gwctl')
        shutil.copy(GWCTL, program)
        other = {'program': program, 'user': 65534, 'group': 65534, 'extra_groups': [], 'env': {'CAUSEWAY_SOCKET': lab.socket}}
        assert run('route', 'list', **{**other})[0] == DONE
        for words in (('usage', 'add', 'x'), ('trunk', 'disable', 'core'), ('config', 'reload'), ('call', 'hangup', 'x')):
            code, out, err = run(*words, **{**other})
            assert code == NOT_ALLOWED and re.search('needs the role|role', err) and not out, (words, code, err)
            code, out, err = run('--json', *words, **{**other})
            assert code == NOT_ALLOWED and json.loads(err)['error']['message'], (words, err)
        shown = {**other, 'env': {**other['env'], 'CAUSEWAY_TOKEN': token}}
        assert run('trunk', 'disable', 'core', **{**shown})[0] == DONE
        assert run('usage', 'add', 'x', **{**shown})[0] == NOT_ALLOWED
        code, _, err = run('status', **{**other, 'env': {**other['env'], 'CAUSEWAY_TOKEN': 'wrong'}})
        assert code == NOT_ALLOWED and 'token' in err, err


def stores_and_configuration():
    with Lab() as lab:
        sh = Shell(lab)
        path = os.path.join(lab.folder, 'copy.db')
        assert path in sh.good('store', 'backup', path) and os.path.exists(path)
        code, _, err = sh('store', 'backup', path)
        assert code == CONFLICT and 'there already' in err, err
        sh.good('usage', 'add', 'Z')
        code, _, err = sh('store', 'restore', path)
        assert code == USAGE and 'add --yes' in err, err
        assert '- usage Z' in sh.good('store', 'restore', path, '--yes') and 'Z' not in sh.good('usage', 'list')
        done = subprocess.run([GWCTL, 'store', 'backup', 'here.db', '--records'], cwd=lab.folder, text=True, capture_output=True,
                              env={**os.environ, **sh.at})
        assert done.returncode == DONE and os.path.exists(os.path.join(lab.folder, 'here.db')), done
        assert 'version 1' in sh.good('store', 'migrate')
        out = sh.good('store', 'status')
        assert 'tables.db up' in out and 'records: ok' in out and 'SPOOL' in out, out
        assert 'would change nothing' in sh.good('config', 'diff')
        assert 'is good' in sh.good('config', 'check')
        lab.trunks['new'] = lab.trunk_text(lab.peer, policy='inbound').replace('127.0.0.2"]', '127.0.0.9"]')
        lab.write('gateway.yaml', lab.gateway_config())
        out = sh.good('config', 'diff')
        assert re.search(r'trunk +new +added', out), out
        assert re.search(r'trunk +new +added', sh.good('config', 'reload')) and 'new' in sh.good('trunk', 'list')
        assert 'Nothing has changed' in sh.good('config', 'reload')
        lab.write('gateway.yaml', lab.gateway_config() + 'nonsense: 1\n')
        code, _, err = sh('config', 'reload')
        assert code == USAGE and 'nonsense' in err, err
        code, _, err = sh('config', 'check')
        assert code == USAGE and 'nonsense' in err, err


BASH = r'''
source <(gwctl completion bash)
complete_it() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _gwctl; printf '%s\n' "${COMPREPLY[@]}"; echo --; }
complete_it gwctl ro
complete_it gwctl route show Lo
complete_it gwctl route show 'London\ E'
complete_it gwctl route test 1 --from = co
complete_it gwctl route add x --gateway ''
complete_it gwctl config check ''
complete_it gwctl route add x --sel
complete_it gwctl rule show --dialplan uk nat
'''


def in_path(env):
    return {**os.environ, **env, 'PATH': BIN + ':' + os.environ['PATH']}


def completion_in_shells():
    with Lab() as lab:
        sh = Shell(lab)
        for name in ('London', 'London East'):
            sh.good('route', 'add', name, '--pattern', '^1', '--usage', 'to-pstn', '--gateway', 'pstn')
        done = subprocess.run(['bash', '--norc', '-c', BASH], text=True, capture_output=True, env=in_path(sh.at), timeout=60)
        answers = [block.split('\n')[:-1] for block in done.stdout.split('--\n')][:-1]
        assert not done.stderr and len(answers) == 8, done
        assert answers[0] == ['route', 'rollback'] and answers[1] == ['London', r'London\ East'], answers
        assert answers[2] == [r'London\ East'] and answers[3] == ['core'], answers
        assert answers[4] == ['core', 'e1-1', 'pstn'] and answers[5] == [''] and answers[6] == ['--selection'], answers
        assert answers[7] == ['national'], answers
        completes_in_zsh(sh.at)
    started = time.monotonic()      # without a daemon: quick and silent
    done = subprocess.run(['bash', '--norc', '-c', BASH], text=True, capture_output=True, timeout=60,
                          env=in_path({'CAUSEWAY_SOCKET': '/nonexistent'}))
    assert done.stdout.startswith('route\nrollback\n--\n\n--\n') and '--selection' in done.stdout and not done.stderr, done
    assert time.monotonic() - started < 20


def completes_in_zsh(env):
    """In a real one, by the tabulator key."""
    if not shutil.which('zsh'):
        print('(zsh is not here)')
        return
    folder = tempfile.mkdtemp(prefix='causeway-')
    with Terminal(['zsh', '-f', '-i'], {**in_path(env), 'HOME': folder, 'PS1': 'ready> '}) as terminal:
        terminal.until('ready> ')
        terminal.send('autoload -Uz compinit; compinit -u -D; source <(gwctl completion zsh); echo do""ne\n')
        terminal.until('done')
        for typed, becomes in (('gwctl his', 'gwctl history '), ('gwctl route show London\\ ', 'London\\ East '),
                               ('gwctl route test 1 --fro', '--from '), ('gwctl trunk disable c', 'core ')):
            terminal.text = ''
            terminal.send('\x15' + typed + '\t')
            eventually(lambda: terminal.read(0.1) and becomes in re.sub(r'\x1b\[[0-9;?]*[a-zA-Z]|.\x08', '', terminal.text), 20,
                       f'{becomes!r} of {typed!r}: {terminal.text!r}')
    shutil.rmtree(folder, ignore_errors=True)


def manual_pages():
    if not shutil.which('groff'):
        print('(groff is not here)')
        return
    for page, program in (('gwctl.1', None), ('gateway.yaml.5', None), ('gatewayd.8', 'gatewayd'), ('e1exchange.1', 'e1exchange')):
        text = subprocess.run([os.path.join(BIN, program), '--help'], capture_output=True, check=True).stdout if program else b''
        roff = subprocess.run([GWCTL, '__man', page], input=text, capture_output=True, check=True).stdout
        done = subprocess.run(['groff', '-man', '-Kutf8', '-Tutf8', '-ww', '-rLL=100n'], input=roff, capture_output=True, check=True)
        assert not done.stderr, (page, done.stderr.decode())
        shown = re.sub(r'\x1b\[[0-9;]*m|.\x08', '', done.stdout.decode())
        assert shown.count('\n') > 20 and page.rsplit('.', 1)[0] in shown, page
    with tempfile.TemporaryDirectory() as folder:       # and as `make install` puts them
        done = subprocess.run(['cmake', '--install', os.path.join(BIN, '..'), '--prefix', '/usr'], capture_output=True, text=True,
                              env={**os.environ, 'DESTDIR': folder})
        if done.returncode == 0:    # all targets of this build folder are there
            for path in ('bin/gwctl', 'sbin/gatewayd', 'share/man/man1/gwctl.1', 'share/man/man8/gatewayd.8', 'share/man/man5/gateway.yaml.5',
                         'share/man/man1/e1exchange.1', 'share/bash-completion/completions/gwctl', 'share/zsh/site-functions/_gwctl'):
                assert os.path.getsize(os.path.join(folder, 'usr', path)) > 100, path


def http(status, body, kind='application/json'):
    return (f'HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}').encode()


class FakeDaemon:
    """Answers by path; None: never."""

    def __init__(self, path, answers):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(8)
        self.answers, self.held = answers, []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            path = connection.recv(65536).decode().split(' ')[1]
            answer = next((a for key, a in self.answers.items() if key in path), None)
            if answer is None:
                self.held.append(connection)
                continue
            connection.sendall(answer)
            connection.close()

    def close(self):
        self.listener.close()
        for connection in self.held:
            connection.close()


def other_daemons():
    unknown = http(404, json.dumps({'error': {'code': 'no-such-path', 'message': 'there is no such path'}}))
    status = http(200, json.dumps({'version': '7.0.0'}))
    busy = http(503, json.dumps({'error': {'code': 'busy', 'message': 'the gateway did not answer in time; try again'}}))
    folder = tempfile.mkdtemp(prefix='causeway-')
    rows = [({'status': status, '/': unknown}, ('cdr', 'list'), 'gatewayd is version 7.0.0, this gwctl '),
            ({'status': status, '/': http(200, '{"shape": 1}')}, ('route', 'list'), 'has no "objects": gatewayd is version 7.0.0'),
            ({'/': busy}, ('status',), 'did not answer in time; try again'),
            ({'/': http(503, 'too many connections', 'text/plain')}, ('status',), 'is busy; try again'),
            ({'/': http(200, '<html>', 'text/html')}, ('status',), 'is not gatewayd'),
            ({}, ('status',), 'does not answer: it is busy or stuck')]
    for i, (answers, words, piece) in enumerate(rows):
        path = os.path.join(folder, f's{i}')
        daemon = FakeDaemon(path, answers)
        code, out, err = run('--socket', path, *words)
        assert code == FAILED and piece in err and err.count('\n') == 1 and not out, (words, code, err)
        if answers:
            code, out, err = run('--socket', path, '--json', *words)
            assert code == FAILED and json.loads(err)['error']['message'] and not out, (words, code, err)
        daemon.close()
    path = os.path.join(folder, 'mute')
    daemon, started = FakeDaemon(path, {}), time.monotonic()
    assert run('__complete', 'bash', '--socket', path, 'route', 'add', 'x', '--gateway', '') == (DONE, '', '')
    assert time.monotonic() - started < 5       # it asks four lists of a daemon that answers
    daemon.close()
    full = socket.socket(socket.AF_UNIX)        # a queue without room
    full.bind(os.path.join(folder, 'full'))
    full.listen(0)
    waiting = [socket.socket(socket.AF_UNIX) for _ in range(3)]
    for s in waiting:
        s.setblocking(False)
        s.connect_ex(os.path.join(folder, 'full'))
    code, _, err = run('--socket', os.path.join(folder, 'full'), 'status')
    assert code == FAILED and ('is busy' in err), (code, err)
    for s in waiting + [full]:
        s.close()
    shutil.rmtree(folder)
    assert run('--socket', os.path.join(folder, 'full'), 'status')[0] == NO_DAEMON


TESTS = [the_example, tables_by_command, whole_tables, watch_and_top, narrow_terminal, records, switches, roles, stores_and_configuration,
         completion_in_shells, manual_pages, other_daemons]

if __name__ == '__main__':
    sys.exit(run_tests(TESTS))
