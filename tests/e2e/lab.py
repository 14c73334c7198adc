# SPDX-License-Identifier: GPL-2.0-only
"""The lab: gatewayd, e1exchange and peers on loopback, each test with its own ports and folder, everything stopped and
examined at the end. Standard library only."""
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

from line_relay import LineRelay
from sip_peer import Dialog, SipPeer, sdp  # noqa: F401  (tests take them from here)

BIN = os.environ.get('CAUSEWAY_BIN', os.path.join(os.path.dirname(__file__), '../../build/bin'))
TOOLS = os.environ.get('CAUSEWAY_TOOLS', os.path.join(BIN, '../tests'))
GATEWAY_IP, PEER_IP = '127.0.0.1', '127.0.0.2'


def free_ports(count, kind=socket.SOCK_DGRAM, ip='127.0.0.1'):
    """`count` ports that nobody has now. All are held until all are known, so they differ."""
    sockets = []
    for _ in range(count):
        s = socket.socket(socket.AF_INET, kind)
        s.bind((ip, 0))
        sockets.append(s)
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def port_range(count, first=20000, room=12000):
    """A block of `count` UDP ports (an even first one) that were free just now; tests that run at once take differing ones."""
    base = first + (os.getpid() * 337) % room & ~1     # below the kernel's ephemeral ports
    for _ in range(200):
        with contextlib.ExitStack() as stack:
            try:
                for port in range(base, base + count):
                    s = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                    s.bind(('127.0.0.1', port))
                return base
            except OSError:
                base = first + (base - first + count + 2) % room & ~1
    raise RuntimeError('no free block of ports')


def eventually(condition, timeout=5.0, what='condition', interval=0.02):
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f'{what}: not within {timeout} s (last: {value!r})')
        time.sleep(interval)


class Program:
    """A child process whose output goes to a file in the lab's folder; its end is examined."""

    def __init__(self, lab, name, argv, expect=(0,), env=None):
        self.lab, self.name, self.expect = lab, name, expect
        self.path = os.path.join(lab.folder, f'{name}.log')
        self.file = open(self.path, 'ab')
        self.process = subprocess.Popen(argv, stdout=self.file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                        env={**os.environ, **lab.env, **(env or {})})

    @property
    def output(self):
        with open(self.path, encoding='utf-8', errors='replace') as file:
            return file.read()

    @property
    def json(self):
        """The last line of the output that is a JSON object."""
        lines = [line for line in self.output.split('\n') if line.startswith('{')]
        assert lines, f'{self.name} printed no JSON:\n{self.output[-2000:]}'
        return json.loads(lines[-1])

    def running(self):
        return self.process.poll() is None

    def wait_output(self, pattern, timeout=20):
        def look():
            found = re.search(pattern, self.output)
            if not found and not self.running():
                raise AssertionError(f'{self.name} ended ({self.process.returncode}):\n{self.output[-4000:]}')
            return found
        return eventually(look, timeout, f'{self.name}: {pattern}')

    def wait(self, timeout=60):
        return self.process.wait(timeout)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.expect = (-signal.SIGKILL,)

    def stop(self, timeout=30):
        """SIGTERM, then its exit status; a program that must be killed has failed."""
        if self.running():
            self.process.terminate()
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGABRT)
                self.process.wait()
        self.file.close()
        status = self.process.returncode
        assert status in self.expect, f'{self.name} ended with {status}:\n{self.output[-6000:]}'
        return status


class Later:
    """A thread's result, or its exception."""

    def __init__(self, work):
        self.value = self.error = None

        def run():
            try:
                self.value = work()
            except BaseException as error:  # noqa: BLE001
                self.error = error
        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()

    def result(self, timeout=60):
        self.thread.join(timeout)
        assert not self.thread.is_alive(), f'no result within {timeout} s'
        if self.error:
            raise self.error
        return self.value


class Lab:
    """One gateway with `spans` E1s to one exchange, and trunks to scripted peers.

    with Lab(spans=1, plan=PLAN) as lab: lab.peer … lab.ctl('status') … lab.gwctl('call', 'list')"""

    def __init__(self, spans=1, plan=None, trunks=None, span_options='', routes=None, media='', extra='', dial_plans=None,
                 jitter_ms=60, slots='1-31', start=True, name=None, transports='udp, tcp', translations=None, exchange_span='',
                 relay=False):
        self.folder = tempfile.mkdtemp(prefix='causeway-')
        self.env, self.programs, self.peers, self.stack = {}, [], [], contextlib.ExitStack()
        self.span_count, self.plan, self.span_options = spans, plan or DEFAULT_PLAN, span_options
        self.exchange_span, self.exchange_restarts = exchange_span, 'false'     # the latter: RESTART when it begins
        self.each_span, self.interfaces = {}, ''       # further options of the span of that number; further SIP interfaces
        self.jitter_ms, self.slots, self.extra, self.media = jitter_ms, slots, extra, media
        self.routes, self.dial_plans, self.translations = routes, dial_plans, translations
        self.transports, self.channels = transports, 30
        self.journal = True         # of the exchange: every message of every call
        self.watch_lag = False      # calls refused because others use this processor as well are no test's business but one's
        self.rtp_jitter_ms = 80     # two busy processors stall a process now and then
        ports = free_ports(2 * spans + 1)
        self.line_ports = list(zip(ports[0:2 * spans:2], ports[1:2 * spans:2]))
        self.relays = [LineRelay() for _ in range(spans)] if relay else []     # men in the middle of the lines
        for man, (ours, theirs) in zip(self.relays, self.line_ports):
            man.start(('127.0.0.1', ours), ('127.0.0.1', theirs))
        self.sip_port = free_ports(1, socket.SOCK_STREAM)[0]
        self.rtp_ports = 260
        self.rtp_first = port_range(self.rtp_ports)
        self.socket = os.path.join(self.folder, 'gatewayd.sock')
        self.store, self.api = os.path.join(self.folder, 'store'), ''      # the latter: further keys of api:
        self.control = os.path.join(self.folder, 'exchange.sock')
        self.peer = self.add_peer() if trunks is None else None
        self.trunks = trunks or {'core': self.trunk_text(self.peer)}
        self.gatewayd = self.exchange = None
        self.begin = start

    # ---- parts

    def add_peer(self, ip=PEER_IP, transport='udp', port=0):
        peer = SipPeer(ip, port, server=(GATEWAY_IP, self.sip_port), transport=transport)
        self.peers.append(peer)
        return peer

    def trunk_text(self, peer, options='', policy='all', plan='uk'):
        return (f'{{ interface: lan, peer: "{peer.host}:{peer.port}", transport: {peer.transport}, sources: ["{peer.ip}"], '
                f'dial-plan: {plan}, calling-dial-plan: {plan}, policy: {policy}{", " + options if options else ""} }}')

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        return path

    def gateway_config(self):
        lines, spans = [], []
        for i, (ours, theirs) in enumerate(self.line_ports, 1):
            theirs = self.relays[i - 1].port('gateway') if self.relays else theirs
            lines.append(f'  line{i}: {{ kind: cesopsn, local: "127.0.0.1:{ours}", remote: "127.0.0.1:{theirs}", clock: line, '
                         f'timeslots: {self.slots}, jitter: {self.jitter_ms}ms }}')
            spans.append(f'  e1-{i}: {{ line: line{i}, role: te, group: pstn, dial-plan: telco, calling-dial-plan: telco, '
                         f'policy: inbound, called-translation: to-telco, calling-translation: to-telco'
                         f'{", " + self.span_options if self.span_options else ""}'
                         f'{", " + self.each_span[i] if i in self.each_span else ""} }}')
        trunks = '\n'.join(f'  {name}: {text}' for name, text in self.trunks.items())
        routes = self.routes or ROUTES
        return f'''sip-interfaces:
  lan: {{ transports: [{self.transports}], address: "{GATEWAY_IP}:{self.sip_port}" }}
{self.interfaces}
trunks:
{trunks}
lines:
{chr(10).join(lines)}
spans:
{chr(10).join(spans)}
media: {{ ports: {self.rtp_first}-{self.rtp_first + self.rtp_ports - 1}, jitter: {self.rtp_jitter_ms}ms{", " + self.media if self.media else ""} }}
api: {{ socket: {self.socket}{", " + self.api if self.api else ""} }}
store: {self.store}
stop-wait: 0s
log: {{ level: {os.environ.get('CAUSEWAY_LOG', 'info')} }}
{self.dial_plans or DIAL_PLANS}
{self.translations or TRANSLATIONS}
{routes}
{self.extra}
{'' if self.watch_lag or 'overload:' in self.extra else 'overload: { lag: 0ms }'}
'''

    def exchange_config(self):
        lines, spans = [], []
        for i, (ours, theirs) in enumerate(self.line_ports, 1):
            ours = self.relays[i - 1].port('exchange') if self.relays else ours
            lines.append(f'  line{i}: {{ kind: cesopsn, local: "127.0.0.1:{theirs}", remote: "127.0.0.1:{ours}", clock: source, '
                         f'timeslots: {self.slots}, jitter: {self.jitter_ms}ms }}')
            spans.append(f'  e1-{i}: {{ line: line{i}, role: nt, restart-on-start: {self.exchange_restarts}'
                         f'{", " + self.exchange_span if self.exchange_span else ""} }}')
        return 'lines:\n' + '\n'.join(lines) + '\nspans:\n' + '\n'.join(spans) + '\n' + self.plan

    def start_exchange(self, name='exchange'):
        config = self.write('exchange.yaml', self.exchange_config())
        self.exchange_log = os.path.join(self.folder, 'exchange-calls.json')
        journal = ['--log-json', self.exchange_log] if self.journal else []
        self.exchange = self.run(name, [os.path.join(BIN, 'e1exchange'), 'run', config, '--control', self.control] + journal)
        eventually(lambda: os.path.exists(self.control) or not self.exchange.running(), 20, 'exchange control socket')
        assert self.exchange.running(), f'the exchange ended:\n{self.exchange.output[-2000:]}'
        return self.exchange

    def start_gateway(self, wait=True, expect=(0,)):
        config = self.write('gateway.yaml', self.gateway_config())
        self.gatewayd = self.run('gatewayd', [os.path.join(BIN, 'gatewayd'), '--config', config], expect=expect)
        if wait:
            eventually(self.spans_up, 30, 'spans up')
            if self.exchange:
                eventually(self.exchange_up, 30, 'spans up at the exchange')
        return self.gatewayd

    def run(self, name, argv, **kw):
        program = Program(self, name, argv, **kw)
        self.programs.append(program)
        return program

    def __enter__(self):
        try:
            if self.begin:
                self.start_exchange()
                self.start_gateway()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, kind, error, trace):
        failures = []
        for program in [self.gatewayd, self.exchange] + self.programs:
            if program and not program.file.closed:
                try:
                    program.stop()
                except AssertionError as failure:
                    failures.append(str(failure))
        for peer in self.peers + self.relays:
            peer.close()
        if kind is not None or failures:
            self.show()
        if kind is None and failures:
            raise AssertionError('\n'.join(failures))
        if not os.environ.get('CAUSEWAY_KEEP'):
            shutil.rmtree(self.folder, ignore_errors=True)

    def show(self):
        for program in self.programs:
            print(f'---- {program.name}: end of its output', file=sys.stderr)
            print(program.output[-5000:], file=sys.stderr)

    # ---- asking

    def gwctl(self, *words, ok=True):
        """The JSON that `gwctl … --json` prints."""
        done = subprocess.run([os.path.join(BIN, 'gwctl'), '--socket', self.socket, '--json', *words],
                              capture_output=True, text=True, timeout=30, env={**os.environ, **self.env})
        if ok:
            assert done.returncode == 0, f'gwctl {" ".join(words)}: {done.returncode}\n{done.stderr}'
        return json.loads(done.stdout) if done.stdout.strip() else None

    def gwctl_text(self, *words):
        done = subprocess.run([os.path.join(BIN, 'gwctl'), '--socket', self.socket, *words],
                              capture_output=True, text=True, timeout=30, env={**os.environ, **self.env})
        return done.returncode, done.stdout, done.stderr

    def ctl(self, *words, timeout=60, ok=True):
        """What e1exchange answers to a command, as JSON."""
        done = subprocess.run([os.path.join(BIN, 'e1exchange'), 'ctl', self.control, *words], capture_output=True,
                              text=True, timeout=timeout, env={**os.environ, **self.env})
        if ok:
            assert done.returncode == 0, f'e1exchange ctl {" ".join(words)}: {done.returncode}\n{done.stdout}{done.stderr}'
        return json.loads(done.stdout) if done.stdout.strip() else None

    def isdn_call(self, **options):
        """Have the exchange place a call; the answer (one JSON of all that it saw) comes from .result()."""
        words = [f'{key.replace("_", "-")}={value}' for key, value in options.items()]
        return Later(lambda: self.ctl('call', *words, timeout=options.get('timeout', 120), ok=False))

    def exchange_events(self):
        """Every event of calls that the exchange has seen so far."""
        if not os.path.exists(self.exchange_log):
            return []
        with open(self.exchange_log, encoding='utf-8') as file:
            return [json.loads(line) for line in file if line.endswith('\n')]

    def exchange_up(self):
        """Layer 2 may stand at one end a second before it does at the other (the UA was lost): both must say so."""
        if not self.journal:
            return all(span['ready'] for span in self.ctl('status')['spans'])
        last = {e['span']: e['state'] for e in self.exchange_events() if e.get('event') == 'span'}
        return len(last) == self.span_count and all(state == 'up' for state in last.values())

    def spans_up(self):
        if not self.gatewayd.running():
            raise AssertionError(f'gatewayd ended ({self.gatewayd.process.returncode}):\n{self.gatewayd.output[-4000:]}')
        try:
            spans = self.gwctl('span', 'list')
        except (AssertionError, ValueError):
            return False
        spans = spans.get('spans', spans) if isinstance(spans, dict) else spans
        # up, and past the RESTARTs of the start: a SETUP that crosses one is cleared by it (Q.931 5.5.2)
        return all(s['state'] == 'up' and s['idle'] == self.channels for s in spans)

    def call(self, number='+442079460000', **kw):
        """A call from the first peer, INVITE not yet sent."""
        peer = kw.pop('peer', self.peer)
        if 'body' not in kw:
            kw['body'] = sdp(peer.ip, free_ports(1, ip=peer.ip)[0])
        return Dialog(peer, number, **kw)

    def probe(self, *words, port=None, **kw):
        """Our RTP probe bound to the peer's address; its JSON verdict comes from probe_result()."""
        return self.run(f'probe{len(self.programs)}', [os.path.join(TOOLS, 'rtp_probe'), '--local', f'{PEER_IP}:{port}',
                                                       '--json', *words], **kw)

    def nothing_held(self, timeout=8):
        """No call, channel or port is held, on either side."""
        def idle():
            status = self.gwctl('status')
            return status['calls']['now'] == 0 and status['rtp_ports']['used'] == 0
        eventually(idle, timeout, 'gateway idle (calls and ports)')
        for span in self.gwctl('span', 'list')['spans']:
            assert span['calls'] == 0, span


def run_tests(tests, argv=sys.argv):
    """Runs the functions whose names are given on the command line (all without one); prints a line each."""
    wanted, failed = argv[1:], []
    for test in tests:
        if wanted and test.__name__ not in wanted:
            continue
        begin = time.monotonic()
        try:
            test()
        except Exception:  # noqa: BLE001  (every fault of one test is its own)
            traceback.print_exc()
            failed.append(test.__name__)
        verdict = 'FAILED' if test.__name__ in failed else 'ok'
        print(f'{verdict:6} {test.__name__} ({time.monotonic() - begin:.1f} s)', flush=True)
    print(f'{len(failed)} failed: {", ".join(failed)}' if failed else 'all passed')
    return 1 if failed else 0


DIAL_PLANS = r'''dial-plans:
  uk:
    - { name: international, pattern: '^00(\d+)$', translation: '+$1' }
    - { name: national, pattern: '^0(\d{9,10})$', translation: '+44$1' }
    - { name: e164, pattern: '^\+(\d+)$', translation: '+$1' }
  telco:
    - { name: national-type, pattern: '^(\d{9,10})$', translation: '+44$1', match-type: national }
    - { name: international-type, pattern: '^(\d+)$', translation: '+$1', match-type: international }
    - { name: national, pattern: '^0(\d{9,10})$', translation: '+44$1' }
    - { name: e164, pattern: '^\+(\d+)$', translation: '+$1' }'''
TRANSLATIONS = r'''translations:
  to-telco:
    - { name: national, pattern: '^\+44(\d+)$', translation: '$1', type: national }
    - { name: international, pattern: '^\+(\d+)$', translation: '$1', type: international }'''
ROUTES = r'''usages: [to-pstn, to-core]
policies:
  all: { usages: [to-pstn] }
  inbound: { usages: [to-core] }
routes:
  pstn: { pattern: '^\+', usages: [to-pstn], gateways: [pstn] }
  core: { pattern: '^\+', usages: [to-core], gateways: [core] }'''
DEFAULT_PLAN = """
scenarios:
  echo: [ proceeding, alerting, { wait: 50ms }, connect, echo ]
  tone: [ proceeding, alerting, connect, { play: { tone: 1004, level: -16 } } ]
  ring: [ proceeding, alerting ]
  early: [ proceeding, { progress: { inband: true } }, { play: { tone: 1004, level: -16 } }, { wait: 1500ms }, connect, echo ]
  announce: [ proceeding, { disconnect: { cause: 1, location: public-local, inband: true } }, { play: { tone: 1004, level: -16 } }, { wait: 2s }, { release: { cause: 1, location: public-local } } ]
numbers:
  - { called: "2079460000", scenario: echo }
  - { called: "2079460001", scenario: tone }
  - { called: "2079460002", scenario: ring }
  - { called: "2079460003", steps: [ proceeding, { release: { cause: 17, location: user } } ] }
  - { called: "2079460004", steps: [ { release: { cause: 1, location: public-local } } ] }
  - { called: "2079460005", steps: [ proceeding, alerting, { release: { cause: 21, location: user } } ] }
  - { called: "2079460006", scenario: early }
  - { called: "2079460007", scenario: announce }
  - { called: "2079460008", steps: [ proceeding, alerting, { wait: 2s }, connect, echo ] }
  - { called: "2079460009", steps: [ ignore ] }
  - { called: "2079460010", steps: [ { release: { cause: 34, location: public-local } } ] }
  - { called: "2079460011", steps: [ { release: { cause: 41, location: public-local } } ] }
  - { called: "2079460012", steps: [ proceeding, connect, echo, { wait: 1s }, { disconnect: { cause: 16, location: user } } ] }
  - { called: "2079460013", steps: [ proceeding ] }
  - { called: "2079460014", steps: [ { release: { cause: 21, location: public-local } } ] }
  - { called: "2079460015", steps: [ { release: { cause: 44, location: public-local } } ] }
  - { called: "2079460016", steps: [ { release: { cause: 47, location: transit } } ] }
  - { called: "20794601*", scenario: echo }
  - { called: "*", steps: [ { release: { cause: 1, location: public-local } } ] }
"""
