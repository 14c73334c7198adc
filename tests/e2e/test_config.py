#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""gatewayd with configurations that are broken, taken or strange: every fault at once with line and column, nothing left
behind; and how it starts twice, ends during calls, and bears SIGHUP."""
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile

from lab import BIN, GATEWAY_IP, Lab, eventually, free_ports, run_tests

GATEWAYD, GWCTL = os.path.join(BIN, 'gatewayd'), os.path.join(BIN, 'gwctl')
SERVED, NOT_STARTED, FAULTS = range(3)
GOOD = '''sip-interfaces: {{ lan: {{ address: "127.0.0.1:{sip}" }} }}
trunks: {{ core: {{ interface: lan, peer: "127.0.0.2:5070", policy: all }} }}
lines: {{ line1: {{ kind: cesopsn, local: "127.0.0.1:{line}", remote: "127.0.0.1:{other}" }} }}
spans: {{ e1: {{ line: line1, role: te }} }}
media: {{ ports: {rtp}-{rtp_last} }}
api: {{ socket: {socket} }}
store: {store}
stop-wait: 0s
usages: [out]
policies: {{ all: [out] }}
routes: {{ all: {{ pattern: '^', usages: [out], gateways: [e1] }} }}
'''
# Each line with the columns at which something is wrong with it.
BROKEN = '''sip-interfaces:
  lan: { address: "127.0.0.1:99999", transprts: [udp] }    # 19 38
trunks:
  core: { interface: wan, peer: "x", transport: sctp }     # 22 49
  pbx: { interface: lan }                                  # 3
lines:
  line1: { kind: cesopsn, local: "127.0.0.1:5000", remote: "127.0.0.1:5001", packet-time: 1 hour } # 91
spans:
  e1: { line: nix, role: both, timers: { t303: soon } }    # 15 26 48
media: { ports: 30000-20000 }                              # 17
api: { socket: %s }
routes:
  r: { pattern: '(', gateways: [nowhere], usages: [none] } # 17 33 52
nonsense: 1                                                # 1
'''


def gatewayd(*words, timeout=30, **kw):
    done = subprocess.run([GATEWAYD, *words], capture_output=True, text=True, timeout=timeout, errors='replace', **kw)
    return done.returncode, done.stdout, done.stderr


class Folder(contextlib.ExitStack):
    """A configuration of its own in a folder of its own."""

    def __enter__(self):
        super().__enter__()
        self.path = self.enter_context(tempfile.TemporaryDirectory(prefix='causeway-'))
        self.socket = os.path.join(self.path, 'api.sock')
        line, other, rtp = free_ports(3)
        rtp = rtp & ~1 if rtp < 65500 else 60000
        self.ports = {'sip': free_ports(1, socket.SOCK_STREAM)[0], 'line': line, 'other': other, 'rtp': rtp,
                      'rtp_last': rtp + 19}
        return self

    def write(self, text, name='gateway.yaml'):
        path = os.path.join(self.path, name)
        with open(path, 'wb') as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        return path

    def good(self):
        return GOOD.format(socket=self.socket, store=os.path.join(self.path, 'store'), **self.ports)

    def start(self, *words):
        """gatewayd that serves."""
        process = subprocess.Popen([GATEWAYD, *words], stderr=subprocess.PIPE, text=True)
        self.callback(self.end, process)
        eventually(lambda: process.poll() is not None or self.serves(), 20, 'gatewayd serves')
        assert process.poll() is None, process.stderr.read()
        return process

    def serves(self):
        return subprocess.run([GWCTL, '--socket', self.socket, 'status'], capture_output=True, timeout=20).returncode == 0

    @staticmethod
    def end(process, number=signal.SIGTERM):
        """Its exit status and what it said."""
        if process.poll() is None:
            process.send_signal(number)
        _, text = process.communicate(timeout=30)
        return process.returncode, text


def wanted_places(text):
    return [(number, int(column)) for number, line in enumerate(text.split('\n'), 1)
            for column in re.sub(r'^[^#]*#?', '', line).split()]


def every_fault_at_once():
    with Folder() as at:
        path = at.write(BROKEN % at.socket)
        code, out, err = gatewayd('--config', path)
        assert code == FAULTS and not out, (code, out, err)
        lines = err.strip().split('\n')
        found = [re.match(re.escape(path) + r':(\d+):(\d+): .', line) for line in lines]
        assert all(found), err
        assert [(int(f[1]), int(f[2])) for f in found] == wanted_places(BROKEN), err
        for piece in ('did you mean "transports"?', 'did you mean "lan"?', 'one of udp, tcp', '"peer" is missing', 'unknown section "nonsense"'):
            assert piece in err, f'no {piece} in\n{err}'
        assert os.listdir(at.path) == ['gateway.yaml'], 'nothing was started'
        assert gatewayd('--config', path, '--check') == (FAULTS, '', err)
        check = subprocess.run([GWCTL, 'config', 'check', path], capture_output=True, text=True, timeout=20)
        assert check.returncode == 2 and check.stderr.startswith(err), check.stderr


def check_starts_nothing():
    with Folder() as at:
        path = at.write(at.good())
        code, out, err = gatewayd('--check', '--config', path)
        assert code == SERVED and 'no faults' in out and not err, (code, out, err)
        assert os.listdir(at.path) == ['gateway.yaml']
        taken = at.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))     # --check doesn't care
        taken.bind((GATEWAY_IP, at.ports['sip']))
        assert gatewayd('--check', '--config', path)[0] == SERVED


def options_and_words():
    for words, code, piece in (
            (['--help'], 0, 'Usage: gatewayd'), (['-h'], 0, 'SIGTERM'), (['--version'], 0, 'gatewayd '), (['-V'], 0, 'gatewayd '),
            (['--confg', 'x'], FAULTS, '--help'), (['-x'], FAULTS, '--help'), (['--config'], FAULTS, 'requires an argument'),
            (['gateway.yaml'], FAULTS, '--config FILE'), (['--log-level', 'loud'], FAULTS, 'error, warning, notice'),
            (['--config', '/nonexistent.yaml'], FAULTS, '/nonexistent.yaml: No such file')):
        got, out, err = gatewayd(*words)
        assert got == code and piece in out + err and bool(out) == (code == 0), (words, got, out, err)


def strange_files():
    with Folder() as at:
        rows = [(b'\xff' * 1000000, ':1:1: '), (os.urandom(1000000), ':'), (b'\0' * 1000000, ':1:1: '), (b'a' * 1000000, ':1:1: '),
                (b'[' * 1000000, 'nested too deep'), (b'{a: ' * 300000, 'nested too deep'), (b'- 1\n' * 250000, ':1:1: '),
                (b'a: &a [x]\nb: *a\n', ':'), (b'"', ':1:'), (b'\t', ':'), (b'trunks:\n\t- x\n', ':2:'),
                (b'media: {}\nmedia: {}\n', ':2:1: '), (b'log: { level: notice\n', ':'), (b'--- 1\n--- 2\n', ':')]
        for octets, piece in rows:
            path = at.write(octets)
            code, out, err = gatewayd('--config', path)
            assert code == FAULTS and piece in err.replace(path, '') and path in err and not out, (octets[:20], code, err[:500])
            assert len(err) < 100000, (octets[:20], len(err))
        for octets in (b'', b'\n\n', b'# nothing\n', b'---\n...\n', b'\xef\xbb\xbf'):     # an empty machine is no fault
            assert gatewayd('--check', '--config', at.write(octets))[0] == SERVED, octets
        good = at.good()
        for octets in (good.replace('\n', '\r\n').encode(), b'\xef\xbb\xbf' + good.encode(),
                       b'\xef\xbb\xbf' + good.replace('\n', '\r\n').encode(), good.rstrip('\n').encode()):
            code, out, err = gatewayd('--check', '--config', at.write(octets))
            assert code == SERVED, err
        broken = (BROKEN % at.socket).replace('\n', '\r\n')         # line and column as an editor shows them
        err = gatewayd('--check', '--config', at.write(b'\xef\xbb\xbf' + broken.encode()))[2]
        assert [(int(a), int(b)) for a, b in re.findall(r'gateway\.yaml:(\d+):(\d+): ', err)] == wanted_places(BROKEN), err
        code, _, err = gatewayd('--config', at.path)
        assert code == FAULTS and 'Is a directory' in err, err
        hidden = at.write(good, 'hidden.yaml')
        os.chmod(hidden, 0)
        if os.geteuid() != 0:
            code, _, err = gatewayd('--config', hidden)
            assert code == FAULTS and 'Permission denied' in err, err


def nothing_to_serve_is_said():
    with Folder() as at:
        process = at.start('--config', at.write(f'api: {{ socket: {at.socket} }}\nstore: {at.path}/store\n'))
        code, text = at.end(process)
        assert code == 0 and 'neither trunks nor spans' in text, text


def a_port_is_taken():
    for name, kind, piece in (('sip', socket.SOCK_DGRAM, 'lan'), ('sip', socket.SOCK_STREAM, 'lan'), ('line', socket.SOCK_DGRAM, 'line1')):
        with Folder() as at:
            taken = at.enter_context(socket.socket(socket.AF_INET, kind))
            taken.bind((GATEWAY_IP, at.ports[name]))
            if kind == socket.SOCK_STREAM:
                taken.listen(1)
            code, out, err = gatewayd('--config', at.write(at.good()))
            assert code == NOT_STARTED and not out, (code, err)
            last = [line for line in err.split('\n') if line.startswith('gatewayd: ')]
            assert len(last) == 1 and piece in last[0] and re.search('in use', last[0]), err
            assert sorted(os.listdir(at.path)) == ['gateway.yaml', 'store'], 'no API socket is left'


def the_api_socket_is_taken():
    with Folder() as at:
        path = at.write(at.good())
        stale = socket.socket(socket.AF_UNIX)       # left behind by a crash
        stale.bind(at.socket)
        stale.close()
        first = at.start('--config', path)
        code, out, err = gatewayd('--config', path)     # the same once more
        assert code == NOT_STARTED and not out and 'is gatewayd running already?' in err and at.socket in err, err
        assert at.serves(), 'the first one is not disturbed'
        assert at.end(first)[0] == 0 and not os.path.exists(at.socket)
        with open(at.socket, 'w', encoding='utf-8') as file:      # a path given by mistake
            file.write('precious')
        code, _, err = gatewayd('--config', path)
        assert code == NOT_STARTED and 'is no socket' in err, err
        with open(at.socket, encoding='utf-8') as file:
            assert file.read() == 'precious'
        os.unlink(at.socket)
        for wrong, piece in (('/proc/nowhere/api.sock', "can't listen"), ('/tmp/' + 'x' * 200, 'at most 107 octets')):
            code, _, err = gatewayd('--config', at.write(at.good().replace(at.socket, wrong)))
            assert code in (NOT_STARTED, FAULTS) and piece in err, err


def the_exchange_minds_its_files_too():
    program = os.path.join(BIN, 'e1exchange')
    with Folder() as at:
        config = at.write(f'''lines: {{ l: {{ kind: cesopsn, local: "127.0.0.1:{at.ports['line']}", remote: "127.0.0.1:{at.ports['other']}" }} }}
spans: {{ e1: {{ line: l, role: nt }} }}
numbers: [ {{ called: "*", steps: [ proceeding, connect ] }} ]
''')

        def exchange(*words):
            done = subprocess.run([program, *words], capture_output=True, text=True, timeout=30)
            return done.returncode, done.stdout, done.stderr
        for words, code, piece in (
                ([], 2, 'e1exchange run CONFIG'), (['--help'], 0, 'e1exchange call'), (['rn', config], 2, "the nearest is 'run'"),
                (['run'], 2, 'configuration file is missing'), (['run', '/nonexistent'], 2, '/nonexistent: No such file'),
                (['check', config], 0, 'good'), (['call', config], 2, "'to' is needed"), (['call', config, '--to', 'abc'], 2, "'abc'"),
                (['call', config, '--too', '1'], 2, "the nearest is '--to'"), (['call', config, '--to', '1', '--span', 'x'], 2, 'there is e1'),
                (['call', config, '--to', '1', '--wait-up', '300ms'], 1, 'not all spans are up'),     # nobody is there
                (['run', config, '--control', config], 2, 'taken'),                                   # a file by mistake
                (['ctl', '/nonexistent', 'status'], 1, 'e1exchange run CONFIG --control PATH')):
            got, out, err = exchange(*words)
            assert got == code and piece in out + err, (words, got, out, err)
        with open(config, encoding='utf-8') as file:
            assert file.read().startswith('lines:'), 'the file is still there'


def ends_during_calls(number):
    # one that talks, one that rings, one that rings at our side: all released with cause 41, both ways
    with Lab() as lab:
        talking = lab.call('+442079460000').send_invite()
        talking.ack(talking.wait(200))
        ringing = lab.call('+442079460002').send_invite()
        ringing.wait(180)
        incoming = lab.isdn_call(to='2079461111', to_type='national', hold='20s')
        dialog, _ = lab.peer.take_call()
        dialog.respond(180)
        eventually(lambda: len([c for c in lab.gwctl('call', 'list')['calls'] if c['state'] != 'setup']) == 3, 5, 'three calls')
        lab.gatewayd.process.send_signal(number)
        bye = talking.expect_bye()
        assert re.search(r'Q\.850\s*;\s*cause=41', bye.get('reason')), bye.raw
        final = ringing.wait(lambda m: m.method == 'INVITE' and m.status >= 300)
        ringing.ack(final)
        assert final.status == 503, final.start
        cancel = lab.peer.wait(dialog.call_id, 'CANCEL', 5)
        lab.peer.respond(cancel, 200, 'OK')
        dialog.respond(487)
        assert lab.gatewayd.wait(20) == 0, lab.gatewayd.output
        assert not os.path.exists(lab.socket)
        ends = eventually(lambda: len(e := [e for e in lab.exchange_events() if e['event'] == 'end']) == 3 and e, 2,
                          'all calls released')      # within less than T308: each RELEASE had its RELEASE COMPLETE
        assert [(e['cause'], e['cleared_by']) for e in ends] == [(41, 'far')] * 3, ends
        incoming.result()
        assert 'not given back' not in lab.gatewayd.output, lab.gatewayd.output
        status = lab.ctl('status')
        assert not any(span['calls'] for span in status['spans']), status


def sigterm_during_calls():
    ends_during_calls(signal.SIGTERM)


def sigint_during_calls():
    ends_during_calls(signal.SIGINT)


def a_dead_far_end_does_not_hold_the_end_up():
    # nobody answers BYE, and the exchange is gone without a word: it ends all the same
    with Lab() as lab:
        call = lab.call('+442079460000').send_invite()
        call.ack(call.wait(200))
        lab.exchange.kill()
        lab.gatewayd.process.terminate()
        assert lab.gatewayd.wait(30) == 0, lab.gatewayd.output


def sighup_is_harmless():
    with Lab() as lab:
        call = lab.call('+442079460000').send_invite()
        call.ack(call.wait(200))
        for _ in range(3):
            lab.gatewayd.process.send_signal(signal.SIGHUP)
        lab.gatewayd.wait_output('reloaded: nothing has changed')
        assert lab.gwctl('status')['calls']['now'] == 1
        assert call.bye().status == 200
        lab.nothing_held()


TESTS = [every_fault_at_once, check_starts_nothing, options_and_words, strange_files, nothing_to_serve_is_said, a_port_is_taken,
         the_api_socket_is_taken, the_exchange_minds_its_files_too, sigterm_during_calls, sigint_during_calls,
         a_dead_far_end_does_not_hold_the_end_up, sighup_is_harmless]
if __name__ == '__main__':
    sys.exit(run_tests(TESTS))
